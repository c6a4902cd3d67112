/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index: what judge() needs without allocating or walking lists. Prefixes are nested or
 * disjoint, never crossing, so a family's address line falls into intervals, each with one most
 * specific prefix; a binary search finds the interval, and each prefix knows the next wider one.
 * One such table holds the zones, one the pins' ends.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

#define NONE UINT32_MAX

struct key {
	uint64_t hi, lo;
};
struct entry {
	struct bh_prefix net;
	uint32_t value, wider; /* wider: next entry that holds this one, NONE = none */
};
struct lpm { /* of one family */
	struct entry *e;
	struct key *start; /* where an interval begins */
	uint32_t *deep;    /* its most specific entry, NONE = none */
	size_t n, n_start;
};
struct lpm2 {
	struct lpm f[2]; /* IPv4, IPv6 */
};
struct named {
	const char *name;
	uint32_t index;
};
struct host_addr {
	struct bh_addr a;
	uint32_t host;
};
struct host_mac {
	struct bh_mac m;
	uint32_t host;
};
struct pair {
	uint32_t key, first, n; /* key: from << 16 | to; first: into order */
};
struct bh_policy_index {
	struct lpm2 zones, pins_from, pins_to;
	struct named *zone_names, *host_names;
	struct host_addr *addrs;
	struct host_mac *macs;
	struct pair *pairs;
	uint32_t *order; /* conduits grouped by pair, in file order inside */
	size_t n_addrs, n_macs, n_pairs;
};

struct bh_policy_index *bh_index_new(void)
{
	return calloc(1, sizeof(struct bh_policy_index));
}

static struct key key_of(const struct bh_addr *a)
{
	struct key k;

	memcpy(&k.hi, a->b, 8);
	memcpy(&k.lo, a->b + 8, 8);
	return (struct key){__builtin_bswap64(k.hi), __builtin_bswap64(k.lo)};
}

static bool key_le(struct key a, struct key b)
{
	return (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo <= b.lo));
}

static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int c = bh_net_cmp(&a->net, &b->net);

	return c ? c : a->value < b->value ? -1 : a->value > b->value;
}

/* an interval begins at k; a later one that begins at the same place replaces it */
static void begin(struct lpm *l, struct key k, uint32_t deep)
{
	if (l->n_start && key_le(k, l->start[l->n_start - 1]))
		l->n_start--;
	l->start[l->n_start] = k;
	l->deep[l->n_start++] = deep;
}

static void end_after(struct lpm *l, uint32_t i)
{
	struct bh_addr last = bh_net_last(&l->e[i].net);
	struct key k = key_of(&last);

	if (++k.lo == 0)
		k.hi++;
	if (k.lo || k.hi) /* not the end of the line */
		begin(l, k, l->e[i].wider);
}

/* e: sorted here. Sweeps the line; the open prefixes are the chain of wider ones. */
static int lpm_build(struct lpm *l, struct entry *e, size_t n)
{
	uint32_t open = NONE;

	l->e = e;
	l->n = n;
	l->start = calloc(2 * n + 1, sizeof *l->start);
	l->deep = calloc(2 * n + 1, sizeof *l->deep);
	if (!l->start || !l->deep)
		return -ENOMEM;
	qsort(e, n, sizeof *e, entry_cmp);
	begin(l, (struct key){0, 0}, NONE);
	for (size_t i = 0; i < n; i++) {
		while (open != NONE && !bh_net_covers(&e[open].net, &e[i].net)) {
			end_after(l, open);
			open = e[open].wider;
		}
		e[i].wider = open;
		open = i;
		begin(l, key_of(&e[i].net.net), i);
	}
	for (; open != NONE; open = e[open].wider)
		end_after(l, open);
	return 0;
}

/* all: n entries of both families; copied */
static int lpm2_build(struct lpm2 *l, const struct entry *all, size_t n)
{
	int r = 0;

	for (int f = 0; f < 2 && r == 0; f++) {
		struct entry *e = calloc(n + 1, sizeof *e);
		size_t k = 0;

		if (!e)
			return -ENOMEM;
		for (size_t i = 0; i < n; i++)
			if (bh_prefix_is4(&all[i].net) == (f == 0))
				e[k++] = all[i];
		r = lpm_build(&l->f[f], e, k);
	}
	return r;
}

static void lpm2_fini(struct lpm2 *l)
{
	for (int f = 0; f < 2; f++) {
		free(l->f[f].e);
		free(l->f[f].start);
		free(l->f[f].deep);
	}
}

static const struct entry *lpm_find(const struct lpm2 *l2, const struct bh_addr *a)
{
	const struct lpm *l = &l2->f[bh_addr_is4(a) ? 0 : 1];
	struct key k = key_of(a);
	size_t at = 0, half;

	/* the first interval begins at zero, so one always holds; no branch hangs on the address */
	for (size_t n = l->n_start; n > 1; n -= half) {
		half = n / 2;
		at += key_le(l->start[at + half], k) ? half : 0;
	}
	return l->deep[at] != NONE ? &l->e[l->deep[at]] : NULL;
}

static const struct entry *lpm_wider(const struct lpm2 *l2, const struct entry *e)
{
	return e->wider == NONE ? NULL : &l2->f[bh_prefix_is4(&e->net) ? 0 : 1].e[e->wider];
}

static int named_cmp(const void *x, const void *y)
{
	const struct named *a = x, *b = y;
	int c = strcmp(a->name, b->name);

	return c ? c : a->index < b->index ? -1 : 1;
}

static uint32_t named_find(const struct named *v, size_t n, const char *name)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(v[mid].name, name);

		if (c == 0)
			return v[mid].index;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NONE;
}

int bh_index_names(struct bh_policy *p)
{
	struct bh_policy_index *x = p->index;

	free(x->zone_names);
	free(x->host_names);
	x->zone_names = calloc(p->n_zones + 1, sizeof *x->zone_names);
	x->host_names = calloc(p->n_hosts + 1, sizeof *x->host_names);
	if (!x->zone_names || !x->host_names)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_zones; i++)
		x->zone_names[i] = (struct named){p->zones[i].name, i};
	for (size_t i = 0; i < p->n_hosts; i++)
		x->host_names[i] = (struct named){p->hosts[i].name, i};
	qsort(x->zone_names, p->n_zones, sizeof *x->zone_names, named_cmp);
	qsort(x->host_names, p->n_hosts, sizeof *x->host_names, named_cmp);
	return 0;
}

static int host_addr_cmp(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct bh_addr));
}

static int host_mac_cmp(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct bh_mac));
}

static int index_hosts(struct bh_policy *p)
{
	struct bh_policy_index *x = p->index;
	size_t n = 0;

	for (size_t i = 0; i < p->n_hosts; i++)
		n += p->hosts[i].n_addrs;
	x->addrs = calloc(n + 1, sizeof *x->addrs);
	x->macs = calloc(p->n_hosts + 1, sizeof *x->macs);
	if (!x->addrs || !x->macs)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_hosts; i++) {
		for (size_t k = 0; k < p->hosts[i].n_addrs; k++)
			x->addrs[x->n_addrs++] = (struct host_addr){p->hosts[i].addrs[k], i};
		if (!bh_mac_none(&p->hosts[i].mac))
			x->macs[x->n_macs++] = (struct host_mac){p->hosts[i].mac, i};
	}
	qsort(x->addrs, x->n_addrs, sizeof *x->addrs, host_addr_cmp);
	qsort(x->macs, x->n_macs, sizeof *x->macs, host_mac_cmp);
	return 0;
}

struct numbered {
	uint32_t key, conduit;
};

static int numbered_cmp(const void *x, const void *y)
{
	const struct numbered *a = x, *b = y;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->conduit < b->conduit ? -1 : a->conduit > b->conduit;
}

static uint32_t pair_key(uint16_t from, uint16_t to)
{
	return (uint32_t)from << 16 | to;
}

static int index_conduits(struct bh_policy *p)
{
	struct bh_policy_index *x = p->index;
	struct numbered *v = calloc(p->n_conduits + 1, sizeof *v);

	x->pairs = calloc(p->n_conduits + 1, sizeof *x->pairs);
	x->order = calloc(p->n_conduits + 1, sizeof *x->order);
	if (!v || !x->pairs || !x->order) {
		free(v);
		return -ENOMEM;
	}
	for (size_t i = 0; i < p->n_conduits; i++)
		v[i] = (struct numbered){pair_key(p->conduits[i].from, p->conduits[i].to), i};
	qsort(v, p->n_conduits, sizeof *v, numbered_cmp);
	for (size_t i = 0; i < p->n_conduits; i++) {
		if (!i || v[i].key != v[i - 1].key)
			x->pairs[x->n_pairs++] = (struct pair){v[i].key, i, 0};
		x->pairs[x->n_pairs - 1].n++;
		x->order[i] = v[i].conduit;
	}
	free(v);
	return 0;
}

static int index_zones(struct bh_policy *p)
{
	struct entry *e;
	size_t n = 0, k = 0;
	int r;

	for (size_t i = 0; i < p->n_zones; i++)
		n += p->zones[i].nets.n;
	e = calloc(n + 1, sizeof *e);
	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_zones; i++)
		for (size_t j = 0; j < p->zones[i].nets.n; j++)
			e[k++] = (struct entry){p->zones[i].nets.v[j], i, NONE};
	r = lpm2_build(&p->index->zones, e, n);
	free(e);
	return r;
}

static int index_pins(struct bh_policy *p, struct lpm2 *l, bool to)
{
	struct entry *e;
	size_t n = 0, k = 0;
	int r;

	for (size_t i = 0; i < p->n_pins; i++)
		n += to ? p->pins[i].to.n : p->pins[i].from.n;
	e = calloc(n + 1, sizeof *e);
	if (!e)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_pins; i++) {
		const struct bh_prefixes *s = to ? &p->pins[i].to : &p->pins[i].from;

		for (size_t j = 0; j < s->n; j++)
			e[k++] = (struct entry){s->v[j], i, NONE};
	}
	r = lpm2_build(l, e, n);
	free(e);
	return r;
}

int bh_index_build(struct bh_policy *p)
{
	int r = bh_index_names(p);

	r = r ? r : index_hosts(p);
	r = r ? r : index_conduits(p);
	r = r ? r : index_zones(p);
	r = r ? r : index_pins(p, &p->index->pins_from, false);
	return r ? r : index_pins(p, &p->index->pins_to, true);
}

void bh_index_free(struct bh_policy_index *x)
{
	if (!x)
		return;
	lpm2_fini(&x->zones);
	lpm2_fini(&x->pins_from);
	lpm2_fini(&x->pins_to);
	free(x->zone_names);
	free(x->host_names);
	free(x->addrs);
	free(x->macs);
	free(x->pairs);
	free(x->order);
	free(x);
}

uint16_t bh_policy_zone_of(const struct bh_policy *p, const struct bh_addr *a)
{
	const struct entry *e = lpm_find(&p->index->zones, a);

	return e ? e->value : BH_ZONE_NONE;
}

bool bh_policy_one_segment(const struct bh_policy *p, const struct bh_addr *a, const struct bh_addr *b)
{
	uint16_t zone = bh_policy_zone_of(p, a);
	const struct bh_prefixes *nets;

	if (zone == BH_ZONE_NONE || zone != bh_policy_zone_of(p, b))
		return false;
	nets = &p->zones[zone].nets;
	for (size_t i = 0; i < nets->n; i++)
		if (bh_prefix_has(&nets->v[i], a) && bh_prefix_has(&nets->v[i], b))
			return true;
	return false;
}

uint16_t bh_policy_zone_by_name(const struct bh_policy *p, const char *name)
{
	uint32_t i = named_find(p->index->zone_names, p->n_zones, name);

	return i == NONE ? BH_ZONE_NONE : i;
}

const struct bh_phost *bh_policy_host_by_name(const struct bh_policy *p, const char *name)
{
	uint32_t i = named_find(p->index->host_names, p->n_hosts, name);

	return i == NONE ? NULL : &p->hosts[i];
}

const struct bh_phost *bh_policy_host_by_addr(const struct bh_policy *p, const struct bh_addr *a)
{
	const struct bh_policy_index *x = p->index;
	const struct host_addr *h = bsearch(a, x->addrs, x->n_addrs, sizeof *h, host_addr_cmp);

	return h ? &p->hosts[h->host] : NULL;
}

const struct bh_phost *bh_policy_host_by_mac(const struct bh_policy *p, const struct bh_mac *m)
{
	const struct bh_policy_index *x = p->index;
	const struct host_mac *h = bsearch(m, x->macs, x->n_macs, sizeof *h, host_mac_cmp);

	return h ? &p->hosts[h->host] : NULL;
}

size_t bh_index_pair(
	const struct bh_policy *p, uint16_t from, uint16_t to, const uint32_t **ret_list)
{
	const struct bh_policy_index *x = p->index;
	uint32_t key = pair_key(from, to);
	size_t lo = 0, hi = x->n_pairs;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (x->pairs[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == x->n_pairs || x->pairs[lo].key != key)
		return 0;
	*ret_list = x->order + x->pairs[lo].first;
	return x->pairs[lo].n;
}

/* the first pin, in file order, that allows the flow; NONE = none */
static uint32_t find_pin(const struct bh_policy *p, const struct bh_addr *src,
	const struct bh_addr *dst, uint8_t proto, uint16_t dport)
{
	const struct lpm2 *l = &p->index->pins_from;
	uint32_t best = NONE;

	for (const struct entry *e = lpm_find(l, src); e; e = lpm_wider(l, e)) {
		const struct bh_pin *pin = &p->pins[e->value];

		if (e->value < best && bh_svcs_has(&pin->allow, proto, dport) &&
			bh_nets_have(&pin->to, dst))
			best = e->value;
	}
	return best;
}

struct bh_judgement bh_policy_judge(const struct bh_policy *p, const struct bh_addr *src,
	const struct bh_addr *dst, uint8_t proto, uint16_t dport)
{
	struct bh_judgement j = {.rule = BH_RULE_DENY,
		.from = bh_policy_zone_of(p, src),
		.to = bh_policy_zone_of(p, dst)};
	uint32_t pin = find_pin(p, src, dst, proto, dport);
	const uint32_t *list;
	size_t n;

	if (pin != NONE) {
		j.rule = BH_RULE_PIN;
		j.index = pin;
		return j;
	}
	if (j.from == BH_ZONE_NONE || j.to == BH_ZONE_NONE) {
		j.rule = BH_RULE_UNZONED;
		return j;
	}
	if (j.from == j.to && p->zones[j.from].inside == BH_INSIDE_FREE) {
		j.rule = BH_RULE_SAME_ZONE;
		return j;
	}
	n = bh_index_pair(p, j.from, j.to, &list);
	for (size_t i = 0; i < n; i++) {
		const struct bh_conduit *c = &p->conduits[list[i]];

		if (!bh_svcs_has(&c->allow, proto, dport) ||
			(c->from_hosts.n && !bh_nets_have(&c->from_hosts, src)) ||
			(c->to_hosts.n && !bh_nets_have(&c->to_hosts, dst)))
			continue;
		j.rule = BH_RULE_CONDUIT;
		j.index = list[i];
		break;
	}
	return j;
}

const struct bh_pin *bh_policy_pin_of(const struct bh_policy *p, const struct bh_addr *a)
{
	const struct lpm2 *l[2] = {&p->index->pins_from, &p->index->pins_to};
	uint32_t best = NONE;

	for (int k = 0; k < 2; k++)
		for (const struct entry *e = lpm_find(l[k], a); e; e = lpm_wider(l[k], e))
			best = e->value < best ? e->value : best;
	return best == NONE ? NULL : &p->pins[best];
}
