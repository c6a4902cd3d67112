/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watch-list's text to its tables. Strict like the policy: an unknown key, a class that does not exist, a UUID or operation
 * given twice, a service that overlaps another are errors with a place.
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <bulkhead/watch.h>
#include "policy/strict.h"
#include "policy/carried.h"

#define MAX_IFACES 512
#define MAX_CALLS 256
#define MAX_SERVICES 256
#define MAX_WORDS 64

struct loading {
	struct bh_watch *w;
	struct bh_strict s;
	size_t cap_ifaces, cap_services, cap_tools, cap_exec, cap_remote;
};

/* ---- names of classes ---- */

static const char *const rpc_classes[] = {
#define X(id, name) name,
	BH_RPC_CLASSES(X)
#undef X
};
static const char *const svc_classes[] = {
#define X(id, name) name,
	BH_SVC_CLASSES(X)
#undef X
};

const char *bh_rpc_class_name(unsigned cls)
{
	return rpc_classes[cls < BH_RPCC_COUNT ? cls : 0];
}

const char *bh_class_name(unsigned cls)
{
	return svc_classes[cls < BH_SVC_COUNT ? cls : 0];
}

static unsigned class_of(struct loading *l, const struct bh_node *k, const char *const *names, size_t n, const char *what)
{
	struct bh_guess g = {.word = k->text};
	char maybe[96];

	for (unsigned i = 1; i < n; i++) {
		if (strcmp(k->text, names[i]) == 0)
			return i;
		bh_guess_offer(&g, names[i]);
	}
	bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "no %s class '%.40s'%s", what, k->text, bh_guess_text(&g, maybe));
	return 0;
}

/* ---- interfaces ---- */

static void calls(struct loading *l, struct bh_watch_iface *f, const struct bh_node *map)
{
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next) {
		unsigned cls = class_of(l, k, rpc_classes, BH_RPCC_COUNT, "call");
		const struct bh_node *v = k->next;

		if (!cls)
			continue;
		if (v->kind == BH_NODE_SCALAR && strcmp(v->text, "any") == 0) {
			if (f->any)
				bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "'any' stands for all other operations and can be given once");
			f->any = (uint8_t)cls;
			continue;
		}
		if (!bh_strict_kind(&l->s, v, BH_NODE_MAP, "operations (NUMBER: NAME), or the word any,"))
			continue;
		for (const struct bh_node *n = v->kids; n && n->next; n = n->next->next) {
			struct bh_watch_call c = {.cls = (uint8_t)cls};
			uint64_t op;

			if (!bh_strict_number(&l->s, n, 65535, &op) || !bh_strict_word(&l->s, n->next, c.name, sizeof c.name))
				continue;
			c.opnum = (uint16_t)op;
			for (size_t i = 0; i < f->n; i++)
				if (f->calls[i].opnum == c.opnum)
					bh_diag(l->s.d, BH_DIAG_ERROR, n->at, "operation %u is already %s", c.opnum, f->calls[i].name);
			if (!bh_strict_room(&l->s, &f->calls, f->n, &f->cap, sizeof *f->calls, MAX_CALLS, n))
				return;
			f->calls[f->n++] = c;
		}
	}
}

static void iface(struct loading *l, const struct bh_node *name, const struct bh_node *map)
{
	struct bh_watch_iface *f;
	const struct bh_node *uuid = bh_node_get(map, "uuid"), *list = bh_node_get(map, "calls");

	if (!bh_strict_kind(&l->s, map, BH_NODE_MAP, "an interface") ||
		!bh_strict_room(&l->s, &l->w->ifaces, l->w->n_ifaces, &l->cap_ifaces, sizeof *l->w->ifaces, MAX_IFACES, name))
		return;
	f = &l->w->ifaces[l->w->n_ifaces++];
	if (!bh_strict_word(&l->s, name, f->name, sizeof f->name))
		return;
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next)
		if (strcmp(k->text, "uuid") != 0 && strcmp(k->text, "calls") != 0)
			bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; an interface has uuid and calls", k->text);
	if (!uuid || uuid->kind != BH_NODE_SCALAR || bh_uuid_parse(uuid->text, uuid->len, &f->uuid))
		bh_diag(l->s.d, BH_DIAG_ERROR, uuid ? uuid->at : name->at, "interface '%s' needs 'uuid', in lower-case hex with dashes", f->name);
	else
		for (size_t i = 0; i + 1 < l->w->n_ifaces; i++)
			if (memcmp(&l->w->ifaces[i].uuid, &f->uuid, sizeof f->uuid) == 0)
				bh_diag(l->s.d, BH_DIAG_ERROR, uuid->at, "this UUID is already '%s'", l->w->ifaces[i].name);
	if (!list)
		bh_diag(l->s.d, BH_DIAG_ERROR, name->at, "interface '%s' needs 'calls'", f->name);
	else if (bh_strict_kind(&l->s, list, BH_NODE_MAP, "calls"))
		calls(l, f, list);
}

/* ---- the other sections ---- */

static void service(struct loading *l, const struct bh_node *name, const struct bh_node *list)
{
	unsigned cls = class_of(l, name, svc_classes, BH_SVC_COUNT, "service");

	if (!cls || !bh_strict_kind(&l->s, list, BH_NODE_LIST, "services"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next) {
		struct bh_svc s;

		if (n->kind != BH_NODE_SCALAR || bh_svc_parse(n->text, &s)) {
			bh_diag(l->s.d, BH_DIAG_ERROR, n->at, "a service looks like tcp/445 or udp/2000-2010");
			continue;
		}
		for (size_t i = 0; i < l->w->n_services; i++) {
			const struct bh_svc *o = &l->w->services[i].svc;

			if (o->proto == s.proto && o->lo <= s.hi && s.lo <= o->hi)
				bh_diag(l->s.d, BH_DIAG_ERROR, n->at, "a port of it is already of class %s", svc_classes[l->w->services[i].cls]);
		}
		if (!bh_strict_room(&l->s, &l->w->services, l->w->n_services, &l->cap_services, sizeof *l->w->services, MAX_SERVICES, n))
			return;
		l->w->services[l->w->n_services++] = (struct bh_watch_svc){s, (uint8_t)cls};
	}
}

static void tool(struct loading *l, const struct bh_node *name, const struct bh_node *size)
{
	struct bh_watch_tool *t;
	uint64_t v;

	if (!bh_strict_number(&l->s, size, UINT32_MAX, &v) || !bh_strict_room(&l->s, &l->w->tools, l->w->n_tools, &l->cap_tools, sizeof *l->w->tools, MAX_WORDS, name))
		return;
	t = &l->w->tools[l->w->n_tools];
	t->size = (uint32_t)v;
	if (!bh_strict_word(&l->s, name, t->name, sizeof t->name))
		return;
	if (!t->size)
		bh_diag(l->s.d, BH_DIAG_ERROR, size->at, "an empty file is no tool");
	l->w->n_tools++;
}

static void executables(struct loading *l, const struct bh_node *list)
{
	if (!bh_strict_kind(&l->s, list, BH_NODE_LIST, "executables"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next)
		if (bh_strict_room(&l->s, &l->w->executables, l->w->n_executables, &l->cap_exec, sizeof *l->w->executables, MAX_WORDS, n) &&
			bh_strict_word(&l->s, n, l->w->executables[l->w->n_executables], sizeof *l->w->executables))
			l->w->n_executables++;
}

static void remote(struct loading *l, const struct bh_node *list)
{
	if (!bh_strict_kind(&l->s, list, BH_NODE_LIST, "remote-access"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next) {
		uint16_t app;

		if (n->kind != BH_NODE_SCALAR || bh_app_parse(n->text, n->len, &app))
			bh_diag(l->s.d, BH_DIAG_ERROR, n->at, "not the name of an application");
		else if (bh_strict_room(&l->s, &l->w->remote, l->w->n_remote, &l->cap_remote, sizeof *l->w->remote, MAX_WORDS, n))
			l->w->remote[l->w->n_remote++] = app;
	}
}

static void section(struct loading *l, const struct bh_node *k, const struct bh_node *v)
{
	static const struct {
		const char *key;
		void (*each)(struct loading *l, const struct bh_node *name, const struct bh_node *v);
		void (*list)(struct loading *l, const struct bh_node *v);
	} sections[] = {
		{"interfaces", iface, NULL}, {"services", service, NULL}, {"tools", tool, NULL}, {"executables", NULL, executables}, {"remote-access", NULL, remote}};

	if (strcmp(k->text, "version") == 0) {
		if (v->kind != BH_NODE_SCALAR || strcmp(v->text, "1") != 0)
			bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "this program reads version 1");
		return;
	}
	for (size_t i = 0; i < BH_COUNT(sections); i++) {
		if (strcmp(sections[i].key, k->text) != 0)
			continue;
		if (sections[i].list)
			sections[i].list(l, v);
		else if (bh_strict_kind(&l->s, v, BH_NODE_MAP, k->text))
			for (const struct bh_node *n = v->kids; n && n->next; n = n->next->next)
				sections[i].each(l, n, n->next);
		return;
	}
	bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; there are version, interfaces, services, tools, executables and remote-access", k->text);
}

/* ---- order, and what it is for ---- */

static int by_uuid(const void *a, const void *b)
{
	const struct bh_watch_iface *x = a, *y = b;

	return memcmp(&x->uuid, &y->uuid, sizeof x->uuid);
}

static int by_port(const void *a, const void *b)
{
	const struct bh_watch_svc *x = a, *y = b;

	return x->svc.proto != y->svc.proto ? x->svc.proto - y->svc.proto : x->svc.lo - y->svc.lo;
}

int bh_watch_load(const char *text, size_t len, struct bh_diags *diags, struct bh_watch **ret_watch)
{
	struct loading l = {.w = calloc(1, sizeof *l.w), .s = {diags, 0}};
	struct bh_arena arena = {0};
	struct bh_node *root = NULL;
	int r;

	if (!l.w)
		return -ENOMEM;
	r = bh_yaml_parse(text, len, diags, &arena, &root);
	if (r == 0 && (!root || root->kind != BH_NODE_MAP || !bh_node_get(root, "version")))
		bh_diag(diags, BH_DIAG_ERROR, (struct bh_mark){{1, 1}, 1}, "a watch-list begins with 'version: 1'");
	if (r == 0 && root && root->kind == BH_NODE_MAP)
		for (const struct bh_node *k = root->kids; k && k->next; k = k->next->next)
			section(&l, k, k->next);
	if (r >= 0 && diags->errors)
		r = 1;
	if (r >= 0 && l.s.error)
		r = l.s.error;
	if (r == 0) {
		if (l.w->n_ifaces)
			qsort(l.w->ifaces, l.w->n_ifaces, sizeof *l.w->ifaces, by_uuid);
		if (l.w->n_services)
			qsort(l.w->services, l.w->n_services, sizeof *l.w->services, by_port);
		*ret_watch = l.w;
	} else {
		bh_watch_free(l.w);
	}
	bh_diags_sort(diags);
	bh_arena_fini(&arena);
	return r;
}

void bh_watch_free(struct bh_watch *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->n_ifaces; i++)
		free(w->ifaces[i].calls);
	free(w->ifaces);
	free(w->services);
	free(w->tools);
	free(w->executables);
	free(w->remote);
	free(w);
}

BH_CARRIED(bh_watch_file, BH_WATCHLIST);

const char *bh_watch_builtin_text(size_t *ret_len)
{
	*ret_len = BH_CARRIED_LEN(bh_watch_file);
	return bh_watch_file;
}

struct bh_watch *bh_watch_builtin(void)
{
	struct bh_watch *w = NULL;
	struct bh_diags d = {0};
	size_t len;
	const char *text = bh_watch_builtin_text(&len);
	int r = bh_watch_load(text, len, &d, &w);

	bh_diags_fini(&d);
	return r == 0 ? w : NULL;
}

/* ---- questions ---- */

const struct bh_watch_iface *bh_watch_iface(const struct bh_watch *w, const struct bh_uuid *u)
{
	size_t lo = 0, hi = w->n_ifaces;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = memcmp(u, &w->ifaces[mid].uuid, sizeof *u);

		if (c == 0)
			return &w->ifaces[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct bh_watch_call *bh_watch_call(const struct bh_watch_iface *f, unsigned opnum, unsigned *ret_cls)
{
	*ret_cls = f ? f->any : BH_RPCC_NONE;
	for (size_t i = 0; f && i < f->n; i++)
		if (f->calls[i].opnum == opnum) {
			*ret_cls = f->calls[i].cls;
			return &f->calls[i];
		}
	return NULL;
}

const struct bh_watch_tool *bh_watch_tool(const struct bh_watch *w, uint64_t size)
{
	for (size_t i = 0; i < w->n_tools; i++)
		if (w->tools[i].size == size)
			return &w->tools[i];
	return NULL;
}

unsigned bh_watch_service(const struct bh_watch *w, uint8_t proto, uint16_t port)
{
	size_t lo = 0, hi = w->n_services;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct bh_svc *s = &w->services[mid].svc;

		if (s->proto < proto || (s->proto == proto && s->hi < port))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == w->n_services || w->services[lo].svc.proto != proto || port < w->services[lo].svc.lo)
		return BH_SVC_NONE;
	return w->services[lo].cls;
}

bool bh_watch_runs(const struct bh_watch *w, const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < w->n_executables; i++)
		if (strcasecmp(dot + 1, w->executables[i]) == 0)
			return true;
	return false;
}

bool bh_watch_remote(const struct bh_watch *w, unsigned app)
{
	for (size_t i = 0; i < w->n_remote; i++)
		if (w->remote[i] == app)
			return true;
	return false;
}
