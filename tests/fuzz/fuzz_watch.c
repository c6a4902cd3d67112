/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watch-lists: whatever is refused says why, in text a terminal can take; whatever loads answers every question. */
#include <stdlib.h>
#include <bulkhead/policy.h>
#include <bulkhead/watch.h>

#define ROOM (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct bh_watch *w, const char *name)
{
	static const uint8_t protos[] = {0, 1, 6, 17, 58, 132, 255};
	unsigned cls;

	for (size_t i = 0; i < w->n_ifaces; i++) {
		const struct bh_watch_iface *f = bh_watch_iface(w, &w->ifaces[i].uuid);

		if (f != &w->ifaces[i])
			abort();
		for (size_t k = 0; k < f->n; k++) {
			const struct bh_watch_call *c = bh_watch_call(f, f->calls[k].opnum, &cls);

			if (c != &f->calls[k] || cls != c->cls || !bh_rpc_class_name(cls)[0])
				abort();
		}
		(void)bh_watch_call(f, 70000, &cls);
	}
	for (size_t i = 0; i < w->n_services; i++)
		if (bh_watch_service(w, w->services[i].svc.proto, w->services[i].svc.lo) != w->services[i].cls ||
			bh_watch_service(w, w->services[i].svc.proto, w->services[i].svc.hi) != w->services[i].cls)
			abort();
	for (size_t i = 0; i < BH_COUNT(protos); i++)
		for (unsigned port = 0; port < 65536; port += 257)
			(void)bh_watch_service(w, protos[i], (uint16_t)port);
	for (size_t i = 0; i < w->n_tools; i++)
		if (!bh_watch_tool(w, w->tools[i].size))
			abort();
	(void)bh_watch_runs(w, name);
	(void)bh_watch_remote(w, 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[ROOM];
	struct bh_text t = bh_text(buf, sizeof buf);
	struct bh_watch *w = NULL;
	struct bh_diags d = {0};
	char name[129] = {0};
	int r = bh_watch_load((const char *)data, size, &d, &w);

	if ((r == 0) != (d.errors == 0) || (r == 0) != (w != NULL))
		abort();
	bh_diags_print(&d, "f", (const char *)data, size, &t);
	for (size_t i = 0; i < t.len; i++)
		if (((uint8_t)buf[i] < 0x20 && buf[i] != '\n' && buf[i] != '\t') || buf[i] == 0x7f)
			abort();
	bh_diags_fini(&d);
	memcpy(name, data, size < sizeof name ? size : sizeof name - 1);
	name[sizeof name - 1] = 0;
	if (w)
		ask(w, name);
	bh_watch_free(w);
	return 0;
}
