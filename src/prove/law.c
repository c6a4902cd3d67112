/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a plan says, as boxes. Worked out from the plan alone and in another way than the enforcer
 * does, so that a mistake there does not repeat itself here.
 */
#include <errno.h>
#include <stdlib.h>
#include "inside.h"

struct net {
	struct span s;
	uint8_t bits;
	uint16_t zone;
};

/* a prefix before those inside it */
static int by_nesting(const void *a, const void *b)
{
	const struct net *x = a, *y = b;

	if (x->s.lo != y->s.lo)
		return x->s.lo < y->s.lo ? -1 : 1;
	if (x->bits != y->bits)
		return (int)x->bits - (int)y->bits;
	return (int)x->zone - (int)y->zone;
}

static void own(struct law *l, bh_u128 lo, bh_u128 hi, uint16_t zone)
{
	if (lo > hi)
		return;
	if (l->n_own && l->owner[l->n_own - 1] == zone && l->own[l->n_own - 1].hi + 1 == lo) {
		l->own[l->n_own - 1].hi = hi;
		return;
	}
	l->own[l->n_own] = (struct span){lo, hi};
	l->owner[l->n_own++] = zone;
}

/* The closest prefix owns. open[]: the nets around the place reached, the closest last. */
static int own_all(const struct bh_plan *plan, struct law *l)
{
	size_t n = 0, depth = 0;
	struct net *v, **open;
	bh_u128 at = 0;

	for (size_t z = 0; z < plan->n_zones; z++)
		n += plan->zones[z].nets.n;
	v = malloc((n + 1) * sizeof *v);
	open = malloc((n + 1) * sizeof *open);
	l->own = malloc((2 * n + 1) * sizeof *l->own);
	l->owner = malloc((2 * n + 1) * sizeof *l->owner);
	if (!v || !open || !l->own || !l->owner) {
		free(v);
		free(open);
		return -ENOMEM;
	}
	n = 0;
	for (size_t z = 0; z < plan->n_zones; z++)
		for (size_t i = 0; i < plan->zones[z].nets.n; i++) {
			const struct bh_prefix *p = &plan->zones[z].nets.v[i];

			if (bh_prefix_fam(p) == l->fam)
				v[n++] = (struct net){bh_prefix_span(p), p->bits, (uint16_t)z};
		}
	qsort(v, n, sizeof *v, by_nesting);
	for (size_t i = 0; i <= n; i++) {
		while (depth && (i == n || open[depth - 1]->s.hi < v[i].s.lo)) {
			const struct net *top = open[--depth];

			if (top->s.hi >= at && (at || top->s.lo == 0))
				own(l, at, top->s.hi, top->zone);
			at = top->s.hi + 1; /* 0 behind the last address: nothing is left to own */
			if (at == 0)
				depth = 0;
		}
		if (i == n)
			break;
		if (depth && at < v[i].s.lo)
			own(l, at, v[i].s.lo - 1, open[depth - 1]->zone);
		at = v[i].s.lo;
		open[depth++] = &v[i];
	}
	free(v);
	free(open);
	return 0;
}

uint16_t bh_meant_zone_of(const struct law *l, bh_u128 address)
{
	size_t lo = 0, hi = l->n_own;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (l->own[mid].hi < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n_own && l->own[lo].lo <= address ? l->owner[lo] : BH_ZONE_NONE;
}

/* first[z]: where the ranges of zone z begin in order[] */
static int by_zone(const struct law *l, size_t n_zones, size_t **ret_first, uint32_t **ret_order)
{
	size_t *first = calloc(n_zones + 2, sizeof *first);
	uint32_t *order = malloc((l->n_own ? l->n_own : 1) * sizeof *order);

	if (!first || !order) {
		free(first);
		free(order);
		return -ENOMEM;
	}
	for (size_t i = 0; i < l->n_own; i++)
		first[l->owner[i] + 2]++;
	for (size_t z = 0; z <= n_zones; z++)
		first[z + 1] += first[z];
	for (size_t i = 0; i < l->n_own; i++)
		order[first[l->owner[i] + 1]++] = (uint32_t)i;
	*ret_first = first;
	*ret_order = order;
	return 0;
}

static int add_permits(const struct bh_plan *plan, struct law *l)
{
	uint32_t *order = NULL;
	size_t *first = NULL;
	int r = by_zone(l, plan->n_zones, &first, &order);

	for (size_t i = 0; r == 0 && i < plan->n_permits; i++) {
		const struct bh_permit *p = &plan->permits[i];
		struct bh_box all = bh_box_of(l->fam, p->src.bits ? &p->src : NULL, &p->dst,
			p->proto, p->lo, p->hi);

		if (bh_prefix_fam(&p->dst) != l->fam || p->from >= plan->n_zones)
			continue;
		for (size_t k = first[p->from]; r == 0 && k < first[p->from + 1]; k++) {
			struct bh_box b = all;

			if (bh_box_cut(&b, DIM_S, l->own[order[k]]))
				r = bh_boxes_add(&l->permits, &b);
		}
	}
	free(first);
	free(order);
	return r;
}

/* the answers of a pinned TCP service met in the middle of a connection nobody knows any more */
static int add_turned(struct law *l, const struct bh_plan_pin *p)
{
	struct bh_box b = bh_box_of(l->fam, &p->to, &p->from, 6, 0, 65535);

	if (p->proto != 6 && p->proto != 0)
		return 0;
	if (p->proto == 6) {
		b.splo = p->lo;
		b.sphi = p->hi;
	}
	return bh_boxes_add(&l->turned, &b);
}

int bh_meant_manage(const struct bh_plan *plan, uint8_t fam, struct bh_boxes *io_list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_mgmt; i++) {
		const struct bh_plan_mgmt *p = &plan->mgmt[i];
		struct bh_box b = bh_box_of(fam, &p->from, NULL, p->proto, p->lo, p->hi);

		if (bh_prefix_fam(&p->from) == fam)
			r = bh_boxes_add(io_list, &b);
	}
	return r;
}

static int add_home(struct law *l)
{
	bool v6 = l->fam == 6;
	uint16_t to = v6 ? 547 : 67;
	struct bh_box lease = bh_box_of(l->fam, NULL, NULL, 17, to, to),
		      neighbours = bh_box_of(6, NULL, NULL, 58, 0, 0);
	int r;

	lease.splo = lease.sphi = v6 ? 546 : 68;
	r = bh_boxes_add(&l->home, &lease);
	return r == 0 && v6 ? bh_boxes_add(&l->home, &neighbours) : r;
}

int bh_meant_make(const struct bh_plan *plan, uint8_t fam, struct law *ret)
{
	struct law l = {.fam = fam};
	int r = own_all(plan, &l);

	if (r == 0)
		r = add_permits(plan, &l);
	for (size_t i = 0; r == 0 && i < plan->n_pins; i++) {
		const struct bh_plan_pin *p = &plan->pins[i];
		struct bh_box b = bh_box_of(fam, &p->from, &p->to, p->proto, p->lo, p->hi);

		if (bh_prefix_fam(&p->to) != fam)
			continue;
		r = bh_boxes_add(&l.pins, &b);
		if (r == 0)
			r = add_turned(&l, p);
	}
	for (size_t i = 0; r == 0 && i < plan->n_remedies; i++) {
		const struct bh_plan_remedy *p = &plan->remedies[i];
		struct bh_box b = bh_box_of(fam, NULL, &p->to, p->proto, p->lo, p->hi);

		if (bh_prefix_fam(&p->to) == fam)
			r = bh_boxes_add(&l.remedies, &b);
	}
	if (r == 0)
		r = bh_meant_manage(plan, fam, &l.manage);
	if (r == 0)
		r = bh_meant_manage(plan, fam, &l.home);
	if (r == 0)
		r = add_home(&l);
	for (size_t i = 0; r == 0 && i < l.n_own; i++) {
		struct bh_box b = bh_box_all(fam);

		bh_box_narrow(&b, DIM_D, l.own[i]);
		if (plan->zones[l.owner[i]].critical)
			r = bh_boxes_add(&l.critical, &b);
	}
	if (r < 0)
		bh_meant_fini(&l);
	else
		*ret = l;
	return r;
}

void bh_meant_fini(struct law *l)
{
	bh_boxes_fini(&l->permits);
	bh_boxes_fini(&l->pins);
	bh_boxes_fini(&l->turned);
	bh_boxes_fini(&l->remedies);
	bh_boxes_fini(&l->manage);
	bh_boxes_fini(&l->home);
	bh_boxes_fini(&l->critical);
	free(l->own);
	free(l->owner);
	*l = (struct law){0};
}
