/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of gadgets: whatever is refused says why, in text a terminal can take; whatever loads finds each of its own rows. */
#include <stdlib.h>
#include <bulkhead/gadget.h>

#define ROOM (1u << 18)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct bh_gadgets *g)
{
	const struct bh_mac_prefix *p;

	for (size_t i = 0; i < g->n_macs; i++) {
		const struct bh_mac_prefix *m = &g->macs[i];

		if (i && (m->bits > m[-1].bits || m->bits < 8 || m->gadget > g->n_gadgets || (m->cls == BH_MACC_GADGET) != (m->gadget != 0)))
			abort();
		if (bh_gadgets_mac(g, &m->mac, &p) == BH_MACC_NONE || !p || p->bits < m->bits || !bh_mac_class_name(p->cls)[0])
			abort();
	}
	for (size_t i = 0; i < g->n_tethers; i++) {
		const struct bh_tether *t = bh_gadgets_net(g, &g->tethers[i].net.net);

		if (!t || t->net.bits < g->tethers[i].net.bits)
			abort();
	}
	for (size_t i = 0; i < g->n_gadgets; i++) {
		const struct bh_gadget *x = &g->gadgets[i];
		struct bh_ev_dhcp d = {.lease_s = x->lease_max_s};

		if (x->vid && !bh_gadgets_usb(g, x->vid, x->pid))
			abort();
		memcpy(d.hostname, x->hostname, sizeof x->hostname);
		memcpy(d.vendor, x->dhcp_vendor, sizeof x->dhcp_vendor);
		if ((x->hostname[0] || x->dhcp_vendor[0]) && !bh_gadgets_asks(g, &d))
			abort();
		if (x->nets.n)
			d.yiaddr = x->nets.v[0].net;
		if (x->nets.n && !bh_gadgets_gives(g, &d))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[ROOM];
	struct bh_text t = bh_text(buf, sizeof buf);
	const struct bh_mac_prefix *p;
	struct bh_gadgets *g = NULL;
	struct bh_diags d = {0};
	struct bh_mac m = {{0}};
	int r = bh_gadgets_load((const char *)data, size, &d, &g);

	if ((r == 0) != (d.errors == 0) || (r == 0) != (g != NULL))
		abort();
	bh_diags_print(&d, "f", (const char *)data, size, &t);
	for (size_t i = 0; i < t.len; i++)
		if (((uint8_t)buf[i] < 0x20 && buf[i] != '\n' && buf[i] != '\t') || buf[i] == 0x7f)
			abort();
	bh_diags_fini(&d);
	if (!g)
		return 0;
	memcpy(&m, data, size < sizeof m ? size : sizeof m);
	(void)bh_gadgets_mac(g, &m, &p);
	ask(g);
	bh_gadgets_free(g);
	return 0;
}
