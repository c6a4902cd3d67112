/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of the law. Conduits lie in plain sets, one for each source zone, family and service,
 * because a change in a verdict map makes the kernel walk all of it. Only the map from source to
 * zone is a verdict map, and it is small. Sets carry the generation in their names, so a listing
 * shows which law a connection was judged under.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "ruleset.h"

const char *const bh_svc_name[SVCS] = {"tcp", "udp", "icmp", "any"};

enum svc bh_svc_of(uint8_t proto)
{
	return proto == 6 ? SVC_TCP : proto == 17 ? SVC_UDP : proto == 1 ? SVC_ICMP : SVC_ANY;
}

uint8_t bh_svc_l4proto(enum svc s, bool v6)
{
	return s == SVC_TCP ? 6 : s == SVC_UDP ? 17 : v6 ? 58 : 1;
}

void bh_group_set_name(const struct ruleset *rs, const struct group *g, char name[NL_NAME])
{
	snprintf(name, NL_NAME, "z%u%s_%s%c_g%u", g->zone, g->hosts ? "h" : "", bh_svc_name[g->svc],
		g->v6 ? '6' : '4', rs->stamp);
}

void bh_zone_chain_name(const struct ruleset *rs, size_t zone, bool v6, char name[NL_NAME])
{
	snprintf(name, NL_NAME, "z%u_v%c_g%u", (unsigned)zone, v6 ? '6' : '4', rs->stamp);
}

void bh_names_make(struct law_names *n, uint16_t stamp)
{
	snprintf(n->permit, NL_NAME, "permit_g%u", stamp);
	snprintf(n->families, NL_NAME, "law_g%u", stamp);
	snprintf(n->arp, NL_NAME, "arp_g%u", stamp);
	snprintf(n->arp_from, NL_NAME, "arp_from_g%u", stamp);
	snprintf(n->arp_to, NL_NAME, "arp_to_g%u", stamp);
	for (int v6 = 0; v6 < 2; v6++) {
		const struct {
			char *out;
			const char *stem;
		} plain[] = {{n->v[v6].fwd, "fwd"}, {n->v[v6].pins, "pins"},
			{n->v[v6].q_src, "q_src"}, {n->v[v6].q_dst, "q_dst"},
			{n->v[v6].deny, "deny"}, {n->v[v6].shielded, "shielded"},
			{n->v[v6].killed, "killed"}, {n->v[v6].contained, "contained"},
			{n->v[v6].island_src, "island_src"}, {n->v[v6].island_dst, "island_dst"},
			{n->v[v6].in, "in"}, {n->v[v6].router_q, "router_q"},
			{n->v[v6].crit, "crit"}, {n->v[v6].pin_pair, "pin_pair"},
			{n->v[v6].src, "src"}, {n->v[v6].judge, "judge"}, {n->v[v6].ready, "ready"}, {n->v[v6].pin_end, "pin_end"},
			{n->v[v6].remedy_end, "remedy_end"}};

		for (size_t i = 0; i < BH_COUNT(plain); i++)
			snprintf(plain[i].out, NL_NAME, "%s%c_g%u", plain[i].stem, v6 ? '6' : '4',
				stamp);
		for (enum svc s = 0; s < SVCS; s++) {
			const char *svc = bh_svc_name[s];

			snprintf(n->v[v6].pin[s], NL_NAME, "pin_%s%c_g%u", svc, v6 ? '6' : '4',
				stamp);
			snprintf(n->v[v6].remedy[s], NL_NAME, "remedy_%s%c_g%u", svc,
				v6 ? '6' : '4', stamp);
			snprintf(n->v[v6].mgmt[s], NL_NAME, "mgmt_%s%c_g%u", svc, v6 ? '6' : '4',
				stamp);
		}
	}
}

/* ---- layout: which permits share a set ---- */

struct sortable {
	uint64_t key;
	uint32_t index;
};

static int by_key(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static struct group group_of(const struct bh_permit *p)
{
	struct group g = {.zone = p->from,
		.v6 = !bh_prefix_is4(&p->dst),
		.hosts = p->src.bits != 0,
		.svc = (uint8_t)bh_svc_of(p->proto)};

	return g;
}

static uint64_t group_key(const struct group *g)
{
	return (uint64_t)g->zone << 8 | (uint64_t)g->v6 << 7 | (uint64_t)g->hosts << 6 | g->svc;
}

int bh_layout_make(const struct bh_plan *law, struct layout *l)
{
	size_t n = law->n_permits;
	struct sortable *s = malloc((n ? n : 1) * sizeof *s);

	memset(l, 0, sizeof *l);
	l->order = malloc((n ? n : 1) * sizeof *l->order);
	l->groups = malloc((n ? n : 1) * sizeof *l->groups);
	if (!s || !l->order || !l->groups) {
		free(s);
		bh_layout_fini(l);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		struct group g = group_of(&law->permits[i]);

		s[i] = (struct sortable){group_key(&g), (uint32_t)i};
	}
	qsort(s, n, sizeof *s, by_key);
	for (size_t i = 0; i < n; i++) {
		struct group *g = l->n_groups ? &l->groups[l->n_groups - 1] : NULL;

		l->order[i] = s[i].index;
		if (i == 0 || s[i].key != s[i - 1].key) {
			g = &l->groups[l->n_groups++];
			*g = group_of(&law->permits[s[i].index]);
			g->first = i;
		}
		g->n++;
		l->chain[g->zone][g->v6] = true;
	}
	free(s);
	for (size_t i = 0; i < law->n_pins; i++)
		l->pins[bh_svc_of(law->pins[i].proto)][!bh_prefix_is4(&law->pins[i].to)] = true;
	for (size_t i = 0; i < law->n_remedies; i++)
		l->remedies[bh_svc_of(law->remedies[i].proto)]
			   [!bh_prefix_is4(&law->remedies[i].to)] = true;
	for (size_t i = 0; i < law->n_mgmt; i++)
		l->mgmt[bh_svc_of(law->mgmt[i].proto)][!bh_prefix_is4(&law->mgmt[i].from)] = true;
	for (size_t z = 0; z < law->n_zones; z++)
		for (size_t i = 0; law->zones[z].critical && i < law->zones[z].nets.n; i++)
			l->critical[!bh_prefix_is4(&law->zones[z].nets.v[i])] = true;
	return 0;
}

void bh_layout_fini(struct layout *l)
{
	free(l->order);
	free(l->groups);
	l->order = NULL;
	l->groups = NULL;
}

/* ---- the empty sets ---- */

static void put_named(struct ruleset *rs, const char *name, enum svc s, bool v6,
	const char *with_ports)
{
	char fields[8];

	snprintf(fields, sizeof fields, "%s%s", with_ports, svc_has_ports(s) ? "p" : "");
	bh_set_add(rs->b, name, fields, v6, NFT_SET_INTERVAL, false);
}

#define PINS_EXPANDED 4096 /* ports of one set named one by one */

/*
 * A set of ranges over several fields is filled by the kernel after the rules that look into it have come into force: for some
 * microseconds nothing is in it. What a pin speaks must not fall into that gap, so where every pin is of two hosts, its ports
 * are named one by one, in a hash set.
 */
static bool pins_exact(const struct bh_plan *law, bool ports, bool pairs, enum svc s, bool v6)
{
	size_t n = 0;

	for (size_t i = 0; i < law->n_pins; i++) {
		const struct bh_plan_pin *p = &law->pins[i];
		enum svc of = bh_svc_of(p->proto);

		if (bh_prefix_is4(&p->to) == v6 || (pairs ? !svc_has_ports(of) : of != s))
			continue;
		n += ports ? p->hi - p->lo + 1u : 1u;
		if (p->from.bits != 128 || p->to.bits != 128 || n > PINS_EXPANDED)
			return false;
	}
	return true;
}

static bool pin_set_exact(const struct ruleset *rs, enum svc s, bool v6)
{
	return pins_exact(rs->law, svc_has_ports(s), false, s, v6);
}

static bool pin_pairs_exact(const struct ruleset *rs, bool v6)
{
	return pins_exact(rs->law, false, true, SVC_ANY, v6);
}

static void put_pin_set(struct ruleset *rs, enum svc s, bool v6)
{
	bh_set_add(rs->b, rs->name.v[v6].pin[s], svc_has_ports(s) ? "aap" : "aa", v6,
		pin_set_exact(rs, s, v6) ? 0 : NFT_SET_INTERVAL, true);
}

void bh_sets_put(struct ruleset *rs, const struct layout *l)
{
	for (int v6 = 0; v6 < 2; v6++) {
		if (l->critical[v6])
			bh_set_add(rs->b, rs->name.v[v6].crit, "a", v6, NFT_SET_INTERVAL, false);
		for (enum svc s = 0; s < SVCS; s++) {
			if (l->pins[s][v6])
				put_pin_set(rs, s, v6);
			if (l->remedies[s][v6])
				put_named(rs, rs->name.v[v6].remedy[s], s, v6, "a");
			if (l->mgmt[s][v6] && !bh_on_bridge(rs))
				put_named(rs, rs->name.v[v6].mgmt[s], s, v6, "a");
		}
		if (l->pins[SVC_TCP][v6] || l->pins[SVC_UDP][v6])
			bh_set_add(rs->b, rs->name.v[v6].pin_pair, "aa", v6,
				pin_pairs_exact(rs, v6) ? 0 : NFT_SET_INTERVAL, false);
		bh_map_add(rs->b, rs->name.v[v6].src, v6);
		bh_set_add(rs->b, rs->name.v[v6].ready, "aa", v6, NFT_SET_INTERVAL, false);
	}
	for (size_t i = 0; i < l->n_groups; i++) {
		const struct group *g = &l->groups[i];
		char name[NL_NAME], fields[8];

		bh_group_set_name(rs, g, name);
		snprintf(fields, sizeof fields, "%sa%s", g->hosts ? "a" : "",
			svc_has_ports(g->svc) ? "p" : "");
		bh_set_add(rs->b, name, fields, g->v6, NFT_SET_INTERVAL, false);
	}
}

/* ---- elements ---- */

void bh_expect(struct ruleset *rs, const char *set, size_t n)
{
	if (rs->n_expect == rs->cap_expect) {
		size_t cap = rs->cap_expect ? rs->cap_expect * 2 : 64;
		struct expect *v = realloc(rs->expect, cap * sizeof *v);

		if (!v) {
			rs->b->error = -ENOMEM;
			return;
		}
		rs->expect = v;
		rs->cap_expect = cap;
	}
	bh_strcpy(rs->expect[rs->n_expect].set, NL_NAME, set);
	rs->expect[rs->n_expect++].n = n;
}

void bh_ruleset_fini(struct ruleset *rs)
{
	free(rs->expect);
	rs->expect = NULL;
	rs->n_expect = rs->cap_expect = 0;
}

/* a key of one address is an interval of a tree, a longer one a concatenation */
static void put_key(struct elems *e, const struct key *k, bool v6)
{
	if (k->len <= 16 && k->len == (v6 ? 16u : 4u))
		bh_elem_range(e, v6, k->lo, k->hi, NULL);
	else
		bh_elem_concat(e, k);
}

static struct key key_of(const struct bh_prefix *src, const struct bh_prefix *dst, enum svc s,
	uint16_t lo, uint16_t hi)
{
	struct key k = {.len = 0};

	if (src)
		bh_key_prefix(&k, src);
	bh_key_prefix(&k, dst);
	if (svc_has_ports(s))
		bh_key_ports(&k, lo, hi);
	return k;
}

static void put_groups(struct ruleset *rs, const struct layout *l)
{
	for (size_t i = 0; i < l->n_groups; i++) {
		const struct group *g = &l->groups[i];
		struct elems e;
		char name[NL_NAME];

		bh_group_set_name(rs, g, name);
		e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);
		for (size_t k = 0; k < g->n; k++) {
			const struct bh_permit *p = &rs->law->permits[l->order[g->first + k]];
			struct key key =
				key_of(g->hosts ? &p->src : NULL, &p->dst, g->svc, p->lo, p->hi);

			put_key(&e, &key, g->v6);
		}
		bh_elems_end(&e);
		bh_expect(rs, name, e.count);
	}
}

static void put_pins(struct ruleset *rs, const struct bh_plan_pin *pins, size_t n, enum svc s,
	bool v6, const char *name, bool exact)
{
	struct elems e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);

	for (size_t i = 0; i < n; i++) {
		const struct bh_plan_pin *p = &pins[i];
		struct key k;

		if (bh_svc_of(p->proto) != s || bh_prefix_is4(&p->to) == v6)
			continue;
		for (unsigned port = p->lo; exact && svc_has_ports(s) && port <= p->hi; port++) {
			k = key_of(&p->from, &p->to, s, (uint16_t)port, (uint16_t)port);
			bh_elem_exact(&e, k.lo, k.len, NULL);
		}
		k = key_of(&p->from, &p->to, s, p->lo, p->hi);
		if (!exact)
			bh_elem_concat(&e, &k);
		else if (!svc_has_ports(s))
			bh_elem_exact(&e, k.lo, k.len, NULL);
	}
	bh_elems_end(&e);
	if (e.count)
		bh_expect(rs, name, e.count);
}

/* the ends of pins with ports, without ports: for the ICMP errors that belong to them */
static void put_pin_pairs(struct ruleset *rs)
{
	struct bh_plan pairs = {0};
	size_t n = 0;

	pairs.pins = malloc((rs->law->n_pins ? rs->law->n_pins : 1) * sizeof *pairs.pins);
	if (!pairs.pins) {
		rs->b->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < rs->law->n_pins; i++) {
		if (!svc_has_ports(bh_svc_of(rs->law->pins[i].proto)))
			continue;
		pairs.pins[n] = rs->law->pins[i];
		pairs.pins[n].proto = 0;
		n++;
	}
	pairs.n_pins = n;
	if (bh_plan_normalise(&pairs) < 0) {
		rs->b->error = -ENOMEM;
	} else {
		put_pins(rs, pairs.pins, pairs.n_pins, SVC_ANY, false, rs->name.v[0].pin_pair, pin_pairs_exact(rs, false));
		put_pins(rs, pairs.pins, pairs.n_pins, SVC_ANY, true, rs->name.v[1].pin_pair, pin_pairs_exact(rs, true));
	}
	bh_plan_fini(&pairs);
}

static void put_ends(struct ruleset *rs, bool mgmt, enum svc s, bool v6)
{
	size_t n = mgmt ? rs->law->n_mgmt : rs->law->n_remedies;
	const char *name = mgmt ? rs->name.v[v6].mgmt[s] : rs->name.v[v6].remedy[s];
	struct elems e;

	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);
	for (size_t i = 0; i < n; i++) {
		const struct bh_plan_mgmt *m = mgmt ? &rs->law->mgmt[i] : NULL;
		const struct bh_plan_remedy *r = mgmt ? NULL : &rs->law->remedies[i];
		const struct bh_prefix *net = mgmt ? &m->from : &r->to;
		struct key k;

		if (bh_svc_of(mgmt ? m->proto : r->proto) != s || bh_prefix_is4(net) == v6)
			continue;
		k = key_of(NULL, net, s, mgmt ? m->lo : r->lo, mgmt ? m->hi : r->hi);
		put_key(&e, &k, v6);
	}
	bh_elems_end(&e);
	if (e.count)
		bh_expect(rs, name, e.count);
}

static void put_segments(
	struct ruleset *rs, const struct layout *l, const struct owners *s, bool v6)
{
	char chain[NL_NAME];
	const char *map = rs->name.v[v6].src, *crit = rs->name.v[v6].crit;
	unsigned skip = v6 ? 0 : 12;
	struct elems e;

	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, map);
	for (size_t i = 0; i < s->n; i++) {
		struct elem_extra x = {.chain = chain};

		if (!l->chain[s->v[i].zone][v6])
			continue; /* may open nothing: falls through to deny */
		bh_zone_chain_name(rs, s->v[i].zone, v6, chain);
		bh_elem_range(&e, v6, s->v[i].lo + skip, s->v[i].hi + skip, &x);
	}
	bh_elems_end(&e);
	bh_expect(rs, map, e.count);
	if (!l->critical[v6])
		return;
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, crit);
	for (size_t i = 0; i < s->n; i++)
		if (rs->law->zones[s->v[i].zone].critical)
			bh_elem_range(&e, v6, s->v[i].lo + skip, s->v[i].hi + skip, NULL);
	bh_elems_end(&e);
	bh_expect(rs, crit, e.count);
}

static void put_zones(struct ruleset *rs, const struct layout *l, bool v6)
{
	struct owners o;

	if (bh_owners_make(rs->law, v6, &o) < 0) {
		rs->b->error = -ENOMEM;
		return;
	}
	put_segments(rs, l, &o, v6);
	free(o.v);
}

/* addresses alone, of those who must be found by ARP and neighbour discovery */
static void put_addresses(struct ruleset *rs, const struct bh_plan *law, bool v6, const char *name)
{
	struct elems e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);

	for (size_t i = 0; i < law->n_remedies; i++) {
		struct key k = key_of(NULL, &law->remedies[i].to, SVC_ANY, 0, 0);

		if (bh_prefix_is4(&law->remedies[i].to) != v6)
			put_key(&e, &k, v6);
	}
	bh_elems_end(&e);
	if (e.count)
		bh_expect(rs, name, e.count);
}

static void put_found(struct ruleset *rs, bool remedies)
{
	const struct bh_plan *law = rs->law;
	size_t n = remedies ? law->n_remedies : law->n_pins * 2;
	struct bh_plan ends = {.remedies = calloc(n ? n : 1, sizeof *ends.remedies), .n_remedies = n};

	for (size_t i = 0; ends.remedies && i < n; i++)
		ends.remedies[i].to = remedies	? law->remedies[i].to
				      : i & 1	? law->pins[i / 2].to
						: law->pins[i / 2].from;
	if (!ends.remedies || bh_plan_normalise(&ends) < 0)
		rs->b->error = -ENOMEM;
	for (int v6 = 0; !rs->b->error && v6 < 2; v6++) {
		const char *name = remedies ? rs->name.v[v6].remedy_end : rs->name.v[v6].pin_end;

		bh_set_add(rs->b, name, "a", v6, NFT_SET_INTERVAL, false);
		put_addresses(rs, &ends, v6, name);
	}
	bh_plan_fini(&ends);
}

void bh_found_put(struct ruleset *rs)
{
	put_found(rs, false);
	put_found(rs, true);
}

void bh_exempt_put(struct ruleset *rs, const struct layout *l)
{
	for (int v6 = 0; v6 < 2; v6++)
		for (enum svc s = 0; s < SVCS; s++) {
			const char *pin = rs->name.v[v6].pin[s];

			if (l->pins[s][v6]) {
				put_pin_set(rs, s, v6);
				put_pins(rs, rs->law->pins, rs->law->n_pins, s, v6, pin, pin_set_exact(rs, s, v6));
			}
			if (l->remedies[s][v6]) {
				put_named(rs, rs->name.v[v6].remedy[s], s, v6, "a");
				put_ends(rs, false, s, v6);
			}
		}
}

void bh_admin_ports_put(struct ruleset *rs)
{
	struct elems e;

	bh_set_add(rs->b, "admin_tcp", "p", false, 0, false);
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, "admin_tcp");
	for (size_t i = 0; i < bh_plan_n_admin_ports; i++) {
		const uint8_t port[2] = {
			(uint8_t)(bh_plan_admin_ports[i] >> 8), (uint8_t)bh_plan_admin_ports[i]};

		bh_elem_exact(&e, port, sizeof port, NULL);
	}
	bh_elems_end(&e);
	bh_expect(rs, "admin_tcp", e.count);
}

/* after all others of ranges: see put_judge() */
static void put_ready(struct ruleset *rs, bool v6)
{
	struct bh_prefix all = {.bits = v6 ? 0 : 96};
	struct key k = {.len = 0};
	struct elems e;

	if (!v6)
		all.net.b[10] = all.net.b[11] = 0xff;
	bh_key_prefix(&k, &all);
	bh_key_prefix(&k, &all);
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, rs->name.v[v6].ready);
	bh_elem_concat(&e, &k);
	bh_elems_end(&e);
	bh_expect(rs, rs->name.v[v6].ready, 1);
}

void bh_elements_put(struct ruleset *rs, const struct layout *l)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (enum svc s = 0; s < SVCS; s++) {
			if (l->pins[s][v6])
				put_pins(rs, rs->law->pins, rs->law->n_pins, s, v6,
					rs->name.v[v6].pin[s], pin_set_exact(rs, s, v6));
			put_ends(rs, false, s, v6);
			if (!bh_on_bridge(rs))
				put_ends(rs, true, s, v6);
		}
		put_zones(rs, l, v6);
	}
	put_pin_pairs(rs);
	put_groups(rs, l);
	put_ready(rs, false);
	put_ready(rs, true);
}
