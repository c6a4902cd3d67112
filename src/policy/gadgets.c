/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text about gadgets to its tables, and what is asked of them. Strict like the watch-list: an unknown key, a prefix or
 * network given twice, a gadget that nothing could betray are errors with a place. Prefixes are sorted by width, widest
 * number of bits first, so that the first group that holds a MAC is the longest.
 */
#include <errno.h>
#include <stdlib.h>
#include <bulkhead/gadget.h>
#include "policy/strict.h"
#include "policy/carried.h"

#define MAX_GADGETS 256
#define MAX_MACS 2048
#define MAX_TETHERS 512
#define MAX_NETS 32	   /* of one gadget */
#define MIN_BITS 8	   /* of a prefix of MACs */
#define MAX_LEASE_S 86400u /* longer ones are nobody's mark */

struct loading {
	struct bh_gadgets *g;
	struct bh_strict s;
	size_t cap_gadgets, cap_macs, cap_tethers;
};

static const char *const mac_classes[] = {
#define X(id, name) name,
	BH_MAC_CLASSES(X)
#undef X
};

const char *bh_mac_class_name(unsigned cls)
{
	return mac_classes[cls < BH_MACC_COUNT ? cls : 0];
}

/* ---- prefixes of MAC addresses ---- */

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct bh_mac masked(const struct bh_mac *m, unsigned bits)
{
	struct bh_mac r = {{0}};

	for (unsigned i = 0; i < 6 && i * 8 < bits; i++)
		r.b[i] = m->b[i] & (uint8_t)(bits >= i * 8 + 8 ? 0xff : 0xff00u >> (bits - i * 8));
	return r;
}

/* "b8:27:eb", "00:05:73:a0:00:00/36": whole bytes, as many as are written, or fewer bits when a length follows */
static bool mac_prefix(const char *s, struct bh_mac_prefix *ret)
{
	struct bh_mac_prefix p = {0};
	struct bh_mac cut;
	uint64_t bits;
	unsigned n = 0;

	for (;; s++) {
		int hi = nibble(s[0]), lo = hi < 0 ? -1 : nibble(s[1]);

		if (lo < 0 || n == 6)
			return false;
		p.mac.b[n++] = (uint8_t)(hi << 4 | lo);
		s += 2;
		if (*s != ':')
			break;
	}
	bits = n * 8;
	if (*s == '/' && (bh_word_u64((struct bh_word){s + 1, strlen(s + 1)}, bits, &bits) || bits < MIN_BITS))
		return false;
	if (*s != '/' && *s)
		return false;
	p.bits = (uint8_t)bits;
	cut = masked(&p.mac, p.bits);
	if (!bh_mac_eq(&cut, &p.mac))
		return false;
	*ret = p;
	return true;
}

static void mac(struct loading *l, const struct bh_node *v, unsigned cls, size_t gadget, const char *what)
{
	struct bh_mac_prefix p;

	if (v->kind != BH_NODE_SCALAR || !mac_prefix(v->text, &p)) {
		bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "a MAC prefix looks like 02:42, b8:27:eb or 00:05:73:a0:00:00/36, zero beyond its length");
		return;
	}
	for (size_t i = 0; i < l->g->n_macs; i++)
		if (l->g->macs[i].bits == p.bits && bh_mac_eq(&l->g->macs[i].mac, &p.mac)) {
			bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "this prefix is already '%s'", l->g->macs[i].what);
			return;
		}
	if (!bh_strict_room(&l->s, &l->g->macs, l->g->n_macs, &l->cap_macs, sizeof *l->g->macs, MAX_MACS, v))
		return;
	p.cls = (uint8_t)cls;
	p.gadget = (uint16_t)gadget;
	bh_strcpy(p.what, sizeof p.what, what);
	l->g->macs[l->g->n_macs++] = p;
}

static void maker(struct loading *l, unsigned cls, const struct bh_node *name, const struct bh_node *list)
{
	char what[BH_NAME];

	if (!bh_strict_words(&l->s, name, what, sizeof what) || !bh_strict_kind(&l->s, list, BH_NODE_LIST, "prefixes"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next)
		mac(l, n, cls, 0, what);
}

static void macs(struct loading *l, const struct bh_node *k, const struct bh_node *map)
{
	static const uint8_t given[] = {BH_MACC_SBC, BH_MACC_USB_NIC, BH_MACC_VIRTUAL};

	for (size_t i = 0; i < BH_COUNT(given); i++) {
		if (strcmp(k->text, mac_classes[given[i]]) != 0)
			continue;
		if (bh_strict_kind(&l->s, map, BH_NODE_MAP, k->text))
			for (const struct bh_node *n = map->kids; n && n->next; n = n->next->next)
				maker(l, given[i], n, n->next);
		return;
	}
	bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; MACs are of single-board, usb-nic or virtual; a gadget names its own", k->text);
}

/* ---- networks ---- */

static bool net(struct loading *l, const struct bh_node *v, struct bh_prefix *ret)
{
	int r = v->kind == BH_NODE_SCALAR ? bh_prefix_parse(v->text, v->len, ret) : 1;

	if (r)
		bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "%s", r == 2 ? "bits are set beyond the prefix" : "a network looks like 172.16.64.0/24");
	else if (bh_net_any(ret))
		bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "every address is in it");
	return r == 0 && !bh_net_any(ret);
}

static void tether_nets(struct loading *l, const struct bh_node *list, const struct bh_tether *like)
{
	for (const struct bh_node *n = list->kids; n; n = n->next) {
		struct bh_tether t = *like;
		bool twice = false;

		if (!net(l, n, &t.net))
			continue;
		for (size_t i = 0; i < l->g->n_tethers && !twice; i++)
			if (bh_net_cmp(&l->g->tethers[i].net, &t.net) == 0) {
				bh_diag(l->s.d, BH_DIAG_ERROR, n->at, "this network is already '%s'", l->g->tethers[i].what);
				twice = true;
			}
		if (twice)
			continue;
		if (!bh_strict_room(&l->s, &l->g->tethers, l->g->n_tethers, &l->cap_tethers, sizeof *l->g->tethers, MAX_TETHERS, n))
			return;
		l->g->tethers[l->g->n_tethers++] = t;
	}
}

static void tether(struct loading *l, const struct bh_node *name, const struct bh_node *map)
{
	const struct bh_node *list = NULL;
	struct bh_tether t = {0};

	if (!bh_strict_words(&l->s, name, t.what, sizeof t.what) || !bh_strict_kind(&l->s, map, BH_NODE_MAP, "what hands out networks"))
		return;
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next) {
		const struct bh_node *v = k->next;

		if (strcmp(k->text, "nets") == 0) {
			list = v;
		} else if (strcmp(k->text, "common") == 0) {
			t.common = v->kind == BH_NODE_SCALAR && strcmp(v->text, "true") == 0;
			if (!t.common && (v->kind != BH_NODE_SCALAR || strcmp(v->text, "false") != 0))
				bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "true or false is expected");
		} else {
			bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; there are nets and common", k->text);
		}
	}
	if (!list)
		bh_diag(l->s.d, BH_DIAG_ERROR, name->at, "'%s' needs 'nets'", t.what);
	else if (bh_strict_kind(&l->s, list, BH_NODE_LIST, "nets"))
		tether_nets(l, list, &t);
}

/* ---- gadgets ---- */

static void gadget_nets(struct loading *l, struct bh_gadget *g, const struct bh_node *list)
{
	size_t cap = 0;

	if (!bh_strict_kind(&l->s, list, BH_NODE_LIST, "nets"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next) {
		struct bh_prefix p;

		if (!net(l, n, &p))
			continue;
		if (!bh_strict_room(&l->s, &g->nets.v, g->nets.n, &cap, sizeof p, MAX_NETS, n))
			return;
		g->nets.v[g->nets.n++] = p;
	}
	bh_nets_normalise(&g->nets);
}

static bool hex16(const char *s, uint16_t *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < 4; i++) {
		int d = nibble(s[i]);

		if (d < 0)
			return false;
		v = v << 4 | (unsigned)d;
	}
	*ret = (uint16_t)v;
	return true;
}

static void usb(struct loading *l, struct bh_gadget *g, const struct bh_node *v)
{
	if (v->kind != BH_NODE_SCALAR || v->len != 9 || v->text[4] != ':' || !hex16(v->text, &g->vid) || !hex16(v->text + 5, &g->pid) ||
		!g->vid || !g->pid)
		bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "a USB device looks like 1d6b:0104");
}

static void lease(struct loading *l, struct bh_gadget *g, const struct bh_node *v)
{
	bh_ns ns;

	if (v->kind != BH_NODE_SCALAR || bh_duration_parse(v->text, v->len, &ns) || ns < BH_SEC(1) || ns > BH_SEC(MAX_LEASE_S))
		bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "a lease is a time of 1s to 1d");
	else
		g->lease_max_s = (uint32_t)(ns / BH_SEC(1));
}

static void gadget_macs(struct loading *l, size_t at, const struct bh_node *list)
{
	if (!bh_strict_kind(&l->s, list, BH_NODE_LIST, "macs"))
		return;
	for (const struct bh_node *n = list->kids; n; n = n->next)
		mac(l, n, BH_MACC_GADGET, at + 1, l->g->gadgets[at].name);
}

static void gadget(struct loading *l, const struct bh_node *name, const struct bh_node *map)
{
	size_t at = l->g->n_gadgets, told = l->g->n_macs;
	struct bh_gadget *g;

	if (!bh_strict_kind(&l->s, map, BH_NODE_MAP, "a gadget") ||
		!bh_strict_room(&l->s, &l->g->gadgets, at, &l->cap_gadgets, sizeof *g, MAX_GADGETS, name))
		return;
	g = &l->g->gadgets[at];
	l->g->n_gadgets++;
	if (!bh_strict_words(&l->s, name, g->name, sizeof g->name))
		return;
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next) {
		const struct bh_node *v = k->next;

		if (strcmp(k->text, "nets") == 0)
			gadget_nets(l, g, v);
		else if (strcmp(k->text, "lease-max") == 0)
			lease(l, g, v);
		else if (strcmp(k->text, "usb") == 0)
			usb(l, g, v);
		else if (strcmp(k->text, "macs") == 0)
			gadget_macs(l, at, v);
		else if (strcmp(k->text, "dhcp-vendor") == 0)
			(void)bh_strict_words(&l->s, v, g->dhcp_vendor, sizeof g->dhcp_vendor);
		else if (strcmp(k->text, "hostname") == 0)
			(void)bh_strict_words(&l->s, v, g->hostname, sizeof g->hostname);
		else
			bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; a gadget has macs, nets, lease-max, usb, dhcp-vendor and hostname", k->text);
	}
	if (g->lease_max_s && !g->nets.n)
		bh_diag(l->s.d, BH_DIAG_ERROR, name->at, "a short lease alone is no mark: '%s' needs 'nets'", g->name);
	else if (l->g->n_macs == told && !g->nets.n && !g->vid && !g->dhcp_vendor[0] && !g->hostname[0])
		bh_diag(l->s.d, BH_DIAG_ERROR, name->at, "nothing tells '%s'", g->name);
}

static void section(struct loading *l, const struct bh_node *k, const struct bh_node *v)
{
	static const struct {
		const char *key;
		void (*each)(struct loading *l, const struct bh_node *name, const struct bh_node *v);
	} sections[] = {{"gadgets", gadget}, {"macs", macs}, {"tethers", tether}};

	if (strcmp(k->text, "version") == 0) {
		if (v->kind != BH_NODE_SCALAR || strcmp(v->text, "1") != 0)
			bh_diag(l->s.d, BH_DIAG_ERROR, v->at, "this program reads version 1");
		return;
	}
	for (size_t i = 0; i < BH_COUNT(sections); i++) {
		if (strcmp(sections[i].key, k->text) != 0)
			continue;
		if (bh_strict_kind(&l->s, v, BH_NODE_MAP, k->text))
			for (const struct bh_node *n = v->kids; n && n->next; n = n->next->next)
				sections[i].each(l, n, n->next);
		return;
	}
	bh_diag(l->s.d, BH_DIAG_ERROR, k->at, "unknown key '%.40s'; there are version, gadgets, macs and tethers", k->text);
}

/* ---- order, and what it is for ---- */

static int by_mac(const void *a, const void *b)
{
	const struct bh_mac_prefix *x = a, *y = b;

	return x->bits != y->bits ? y->bits - x->bits : memcmp(&x->mac, &y->mac, sizeof x->mac);
}

static int by_net(const void *a, const void *b)
{
	const struct bh_tether *x = a, *y = b;

	return x->net.bits != y->net.bits ? y->net.bits - x->net.bits : bh_net_cmp(&x->net, &y->net);
}

static void sort(struct bh_gadgets *g)
{
	if (g->n_macs)
		qsort(g->macs, g->n_macs, sizeof *g->macs, by_mac);
	if (g->n_tethers)
		qsort(g->tethers, g->n_tethers, sizeof *g->tethers, by_net);
}

int bh_gadgets_load(const char *text, size_t len, struct bh_diags *diags, struct bh_gadgets **ret_gadgets)
{
	struct loading l = {.g = calloc(1, sizeof *l.g), .s = {diags, 0}};
	struct bh_arena arena = {0};
	struct bh_node *root = NULL;
	int r;

	if (!l.g)
		return -ENOMEM;
	r = bh_yaml_parse(text, len, diags, &arena, &root);
	if (r == 0 && (!root || root->kind != BH_NODE_MAP || !bh_node_get(root, "version")))
		bh_diag(diags, BH_DIAG_ERROR, (struct bh_mark){{1, 1}, 1}, "a list of gadgets begins with 'version: 1'");
	if (r == 0 && root && root->kind == BH_NODE_MAP)
		for (const struct bh_node *k = root->kids; k && k->next; k = k->next->next)
			section(&l, k, k->next);
	if (r >= 0 && diags->errors)
		r = 1;
	if (r >= 0 && l.s.error)
		r = l.s.error;
	if (r == 0) {
		sort(l.g);
		*ret_gadgets = l.g;
	} else {
		bh_gadgets_free(l.g);
	}
	bh_diags_sort(diags);
	bh_arena_fini(&arena);
	return r;
}

void bh_gadgets_free(struct bh_gadgets *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_gadgets; i++)
		free(g->gadgets[i].nets.v);
	free(g->gadgets);
	free(g->macs);
	free(g->tethers);
	free(g);
}

BH_CARRIED(bh_gadgets_file, BH_GADGETS);

const char *bh_gadgets_builtin_text(size_t *ret_len)
{
	*ret_len = BH_CARRIED_LEN(bh_gadgets_file);
	return bh_gadgets_file;
}

struct bh_gadgets *bh_gadgets_builtin(void)
{
	struct bh_gadgets *g = NULL;
	struct bh_diags d = {0};
	size_t len;
	const char *text = bh_gadgets_builtin_text(&len);
	int r = bh_gadgets_load(text, len, &d, &g);

	bh_diags_fini(&d);
	return r == 0 ? g : NULL;
}

/* ---- questions ---- */

/* the first prefix that does not come before p in the order of the table */
static size_t place(const struct bh_gadgets *g, size_t lo, const struct bh_mac_prefix *p)
{
	size_t hi = g->n_macs;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (by_mac(&g->macs[mid], p) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

unsigned bh_gadgets_mac(const struct bh_gadgets *g, const struct bh_mac *m, const struct bh_mac_prefix **ret_prefix)
{
	size_t i = 0;

	*ret_prefix = NULL;
	while (i < g->n_macs) { /* one turn a length */
		struct bh_mac_prefix p = {.mac = masked(m, g->macs[i].bits), .bits = g->macs[i].bits};
		size_t at = place(g, i, &p);

		if (at < g->n_macs && by_mac(&g->macs[at], &p) == 0) {
			*ret_prefix = &g->macs[at];
			return g->macs[at].cls;
		}
		memset(&p.mac, 0, sizeof p.mac);
		p.bits--;
		i = place(g, at, &p);
	}
	return (m->b[0] & 3) == 2 ? BH_MACC_RANDOM : BH_MACC_NONE;
}

const struct bh_tether *bh_gadgets_net(const struct bh_gadgets *g, const struct bh_addr *a)
{
	for (size_t i = 0; i < g->n_tethers; i++)
		if (bh_net_has(&g->tethers[i].net, a))
			return &g->tethers[i];
	return NULL;
}

const struct bh_gadget *bh_gadgets_usb(const struct bh_gadgets *g, uint16_t vid, uint16_t pid)
{
	for (size_t i = 0; i < g->n_gadgets; i++)
		if (g->gadgets[i].vid && g->gadgets[i].vid == vid && g->gadgets[i].pid == pid)
			return &g->gadgets[i];
	return NULL;
}

const struct bh_gadget *bh_gadgets_asks(const struct bh_gadgets *g, const struct bh_ev_dhcp *d)
{
	for (size_t i = 0; i < g->n_gadgets; i++) {
		const struct bh_gadget *x = &g->gadgets[i];

		if ((x->dhcp_vendor[0] || x->hostname[0]) && (!x->dhcp_vendor[0] || bh_glob_fits(x->dhcp_vendor, d->vendor)) &&
			(!x->hostname[0] || bh_glob_fits(x->hostname, d->hostname)))
			return x;
	}
	return NULL;
}

/* The server is in the network, too: an ordinary one may well give addresses of it, and tells another address of its own. */
const struct bh_gadget *bh_gadgets_gives(const struct bh_gadgets *g, const struct bh_ev_dhcp *d)
{
	for (size_t i = 0; i < g->n_gadgets; i++) {
		const struct bh_gadget *x = &g->gadgets[i];

		if (bh_nets_have(&x->nets, &d->yiaddr) && (bh_addr_none(&d->server_id) || bh_nets_have(&x->nets, &d->server_id)) &&
			(!x->lease_max_s || (d->lease_s && d->lease_s <= x->lease_max_s)))
			return x;
	}
	return NULL;
}
