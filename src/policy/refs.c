/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of the table that hold addresses. Each address is also remembered with its place in the
 * text and the construct it belongs to, so that check.c can speak about the very item that is
 * wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

#define ADDR_PATTERN "^([0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)"
#define HOST_ADDRS 16

/* an address or prefix; otherwise says why not */
static bool parse_net(struct bh_load *l, const struct bh_node *v, struct bh_prefix *ret)
{
	const char *slash = strchr(v->text, '/');
	char buf[BH_PREFIX_TEXT];
	struct bh_prefix p;
	unsigned bits;
	int r = bh_prefix_parse(v->text, v->len, ret);

	if (r == 0)
		return true;
	if (r == 2 && slash && bh_prefix_parse(v->text, slash - v->text, &p) == 0) {
		bits = strtoul(slash + 1, NULL, 10);
		p.bits = strchr(v->text, ':') ? bits : bits + 96;
		for (unsigned i = p.bits; i < 128; i++)
			p.net.b[i / 8] &= ~(0x80 >> (i % 8));
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' has bits set beyond its length; did you mean '%s'?", v->text,
			bh_prefix_print(&p, buf));
	} else {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is not an address or prefix", v->text);
	}
	return false;
}

static uint32_t owner_of(const struct bh_load *l, unsigned ref)
{
	const struct bh_policy *p = l->p;
	size_t n[] = {[BH_REFER_ZONE] = p->n_zones,
		[BH_REFER_HOST] = p->n_hosts,
		[BH_REFER_CONDUIT_FROM] = p->n_conduits,
		[BH_REFER_CONDUIT_TO] = p->n_conduits,
		[BH_REFER_PIN_FROM] = p->n_pins,
		[BH_REFER_PIN_TO] = p->n_pins,
		[BH_REFER_REMEDY] = 1,
		[BH_REFER_SUPPRESS] = 1,
		[BH_REFER_DARK] = 1,
		[BH_REFER_MANAGEMENT] = 1,
		[BH_REFER_CANARY] = p->n_canaries};

	return n[ref] - 1;
}

static bool remember(struct bh_load *l, unsigned ref, const struct bh_prefix *p, struct bh_mark at)
{
	if (l->n_refs >= BH_MAX_REFS) {
		if (l->n_refs == BH_MAX_REFS)
			bh_diag(l->d, BH_DIAG_ERROR, at,
				"more than %u addresses in one policy, host names resolved",
				BH_MAX_REFS);
		l->n_refs = BH_MAX_REFS + 1; /* said once */
		return false;
	}
	if (!bh_load_grow(l, &l->refs, l->n_refs, &l->cap_refs, sizeof *l->refs))
		return false;
	l->refs[l->n_refs++] = (struct bh_refer){*p, at, owner_of(l, ref), ref};
	return true;
}

static bool put_net(struct bh_load *l, struct bh_prefixes *s, size_t *cap, const struct bh_field *f,
	const struct bh_prefix *p, struct bh_mark at)
{
	if (s->n == BH_LIST) {
		bh_diag(l->d, BH_DIAG_ERROR, at,
			"more than %d addresses in one list, host names resolved", BH_LIST);
		return false;
	}
	if (!remember(l, f->ref, p, at) || !bh_load_grow(l, &s->v, s->n, cap, sizeof *s->v))
		return false;
	s->v[s->n++] = *p;
	return true;
}

/* items(): a list or one scalar, as in types.c, with a message for the rest */
static const struct bh_node *first(struct bh_load *l, const struct bh_node *v)
{
	if (v->kind == BH_NODE_LIST && v->kids)
		return v->kids;
	if (v->kind == BH_NODE_SCALAR && v->len)
		return v;
	bh_diag(l->d, BH_DIAG_ERROR, v->at,
		v->kind == BH_NODE_LIST ? "an empty list says nothing; remove it or fill it"
					: "an address or a list of addresses is expected");
	return NULL;
}

static const struct bh_node *following(const struct bh_node *list, const struct bh_node *n)
{
	return list->kind == BH_NODE_LIST ? n->next : NULL;
}

static bool word(struct bh_load *l, const struct bh_node *n)
{
	if (n->kind == BH_NODE_SCALAR && n->len)
		return true;
	bh_diag(l->d, BH_DIAG_ERROR, n->at, "one address is expected here");
	return false;
}

static void load_nets(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_prefixes *s = base;
	struct bh_prefix p;
	size_t cap = 0;

	for (const struct bh_node *n = first(l, v); n && !l->error; n = following(v, n)) {
		if (word(l, n) && parse_net(l, n, &p) && !put_net(l, s, &cap, f, &p, n->at))
			break;
	}
	bh_nets_normalise(s);
}

static void unknown_host(struct bh_load *l, const struct bh_node *n)
{
	struct bh_guess g = {.word = n->text};
	char buf[96];

	if (!bh_diags_full(l->d))
		for (size_t i = 0; i < l->p->n_hosts; i++)
			bh_guess_offer(&g, l->p->hosts[i].name);
	bh_diag(l->d, BH_DIAG_ERROR, n->at,
		"'%s' is not an address, a prefix or a host of this policy%s", n->text,
		bh_guess_text(&g, buf));
}

/* names of zones and hosts are all known when the first address list outside them is read */
static bool names_ready(struct bh_load *l)
{
	if (!l->named) {
		l->error = bh_index_names(l->p);
		l->named = l->error == 0;
	}
	return l->named;
}

static bool put_host(struct bh_load *l, struct bh_prefixes *s, size_t *cap,
	const struct bh_field *f, const struct bh_node *n)
{
	const struct bh_phost *h = names_ready(l) ? bh_policy_host_by_name(l->p, n->text) : NULL;

	if (!h) {
		if (!l->error)
			unknown_host(l, n);
		return !l->error;
	}
	if (!h->n_addrs)
		bh_diag(l->d, BH_DIAG_ERROR, n->at,
			"host '%s' has no addresses; give it some (line %u)", h->name, h->pos.line);
	for (size_t i = 0; i < h->n_addrs; i++) {
		struct bh_prefix p = bh_prefix_host(&h->addrs[i]);

		if (!put_net(l, s, cap, f, &p, n->at))
			return false;
	}
	return true;
}

static void load_ends(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_prefixes *s = base;
	struct bh_prefix p;
	size_t cap = 0;

	for (const struct bh_node *n = first(l, v); n && !l->error; n = following(v, n)) {
		if (!word(l, n))
			continue;
		if (strspn(n->text, "0123456789./") == n->len || strchr(n->text, ':') ||
			strchr(n->text, '/')) {
			if (parse_net(l, n, &p) && !put_net(l, s, &cap, f, &p, n->at))
				break;
		} else if (!put_host(l, s, &cap, f, n)) {
			break;
		}
	}
	bh_nets_normalise(s);
}

static int addr_cmp(const void *x, const void *y)
{
	struct bh_prefix a = bh_prefix_host(x), b = bh_prefix_host(y);

	return bh_net_cmp(&a, &b);
}

static void load_addrs(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_phost *h = (void *)((char *)base - f->off);
	struct bh_prefix p;

	h->addrs = calloc(HOST_ADDRS, sizeof *h->addrs);
	if (!h->addrs) {
		l->error = -ENOMEM;
		return;
	}
	for (const struct bh_node *n = first(l, v); n && !l->error; n = following(v, n)) {
		if (h->n_addrs == HOST_ADDRS) {
			bh_diag(l->d, BH_DIAG_ERROR, n->at, "more than %d addresses of one host",
				HOST_ADDRS);
			break;
		}
		if (!word(l, n) || !parse_net(l, n, &p))
			continue;
		if (p.bits != 128)
			bh_diag(l->d, BH_DIAG_ERROR, n->at,
				"'%s' is a prefix; a host has addresses", n->text);
		else if (bh_addr_none(&p.net) || bh_addr_multicast(&p.net))
			bh_diag(l->d, BH_DIAG_ERROR, n->at, "'%s' cannot be the address of a host",
				n->text);
		else if (!remember(l, f->ref, &p, n->at))
			break;
		else
			h->addrs[h->n_addrs++] = p.net;
	}
	qsort(h->addrs, h->n_addrs, sizeof *h->addrs, addr_cmp);
}

static void load_zone(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_guess g = {.word = v->text};
	char buf[96];
	uint16_t z;

	if (v->kind != BH_NODE_SCALAR || !v->len) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' takes the name of one zone", f->key);
		return;
	}
	if (!names_ready(l))
		return;
	z = bh_policy_zone_by_name(l->p, v->text);
	if (z != BH_ZONE_NONE) {
		*(uint16_t *)base = z;
		return;
	}
	if (!bh_diags_full(l->d))
		for (size_t i = 0; i < l->p->n_zones; i++)
			bh_guess_offer(&g, l->p->zones[i].name);
	bh_diag(l->d, BH_DIAG_ERROR, v->at, "unknown zone '%s'%s", v->text, bh_guess_text(&g, buf));
}

static void schema_nets(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\", "
		  "\"pattern\": \"" ADDR_PATTERN "(/[0-9]{1,3})?$\"}");
}

static void schema_addrs(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\", "
		  "\"pattern\": \"" ADDR_PATTERN "$\"}");
}

static void schema_ends(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\", "
		  "\"minLength\": 1}");
}

static void schema_zone(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"minLength\": 1");
}

const struct bh_type bh_type_nets = {load_nets, schema_nets};
const struct bh_type bh_type_ends = {load_ends, schema_ends};
const struct bh_type bh_type_addrs = {load_addrs, schema_addrs};
const struct bh_type bh_type_zone = {load_zone, schema_zone};
