/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One law minus another. Permits are spread out to plain boxes first - the addresses a zone really owns, one protocol class -
 * and then each box of the one is worked down by those of the other. What is left are prefixes and port ranges again, because
 * a prefix without a prefix is a few prefixes. So a conduit that was renamed, split or written in another order differs in
 * nothing, and one that grew by a port differs by that port.
 */
#include <errno.h>
#include <stdlib.h>
#include "box.h"

struct list {
	struct bh_plan_box *v;
	size_t n, cap;
};

static int push(struct list *l, const struct bh_plan_box *b)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct bh_plan_box *v;

		if (l->n >= BOX_MAX)
			return -E2BIG;
		v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *b;
	return 0;
}

/* net without the more specific prefixes of other zones */
static int own_net(const struct bh_plan *law, size_t zone, const struct bh_prefix *net, struct prefix_list *io)
{
	struct prefix_list cur = {0}, next = {0};
	int r = bh_prefix_push(&cur, net);

	for (size_t z = 0; r == 0 && z < law->n_zones; z++)
		for (size_t k = 0; r == 0 && z != zone && k < law->zones[z].nets.n; k++) {
			const struct bh_prefix *hole = &law->zones[z].nets.v[k];
			struct prefix_list t;

			if (hole->bits <= net->bits || !bh_prefix_overlaps(hole, net))
				continue;
			next.n = 0;
			for (size_t i = 0; r == 0 && i < cur.n; i++) {
				if (!bh_prefix_overlaps(&cur.v[i], hole))
					r = bh_prefix_push(&next, &cur.v[i]);
				else if (cur.v[i].bits < hole->bits)
					r = bh_prefix_punch(&next, &cur.v[i], hole);
			}
			t = cur;
			cur = next;
			next = t;
		}
	for (size_t i = 0; r == 0 && i < cur.n; i++)
		r = bh_prefix_push(io, &cur.v[i]);
	free(cur.v);
	free(next.v);
	return r;
}

static int own_nets(const struct bh_plan *law, struct prefix_list *ret)
{
	int r = 0;

	for (size_t z = 0; r == 0 && z < law->n_zones; z++)
		for (size_t i = 0; r == 0 && i < law->zones[z].nets.n; i++)
			r = own_net(law, z, &law->zones[z].nets.v[i], &ret[z]);
	return r;
}

static int spread_source(const struct bh_permit *p, const struct bh_prefix *src, struct list *out)
{
	static const uint8_t classes[] = {6, 17, 1, 0};
	struct bh_plan_box b = {.from = p->from, .conduit = p->conduit, .src = *src, .dst = p->dst, .lo = 0, .hi = 65535};
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(classes); i++) {
		if (p->proto && p->proto != classes[i])
			continue;
		b.proto = classes[i];
		if (p->proto == 6 || p->proto == 17) {
			b.lo = p->lo;
			b.hi = p->hi;
		}
		r = push(out, &b);
	}
	return r;
}

static int spread(const struct bh_plan *law, struct list *out)
{
	struct prefix_list *own = calloc(law->n_zones + 1, sizeof *own);
	int r = own ? own_nets(law, own) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < law->n_permits; i++) {
		const struct bh_permit *p = &law->permits[i];
		const struct prefix_list *o = &own[p->from];

		if (p->src.bits) {
			r = spread_source(p, &p->src, out);
			continue;
		}
		for (size_t k = 0; r == 0 && k < o->n; k++)
			if (bh_prefix_is4(&o->v[k]) == bh_prefix_is4(&p->dst))
				r = spread_source(p, &o->v[k], out);
	}
	for (size_t z = 0; own && z < law->n_zones; z++)
		free(own[z].v);
	free(own);
	return r;
}

/* the parts of p outside hole, each with the rest of the box as it is; *io becomes the part inside */
static int outside(struct bh_plan_box *io, bool source, const struct bh_prefix *hole, struct list *out)
{
	struct bh_prefix *side = source ? &io->src : &io->dst;
	struct prefix_list parts = {0};
	struct bh_plan_box b = *io;
	int r = 0;

	if (hole->bits <= side->bits)
		return 0;
	r = bh_prefix_punch(&parts, side, hole);
	for (size_t i = 0; r == 0 && i < parts.n; i++) {
		*(source ? &b.src : &b.dst) = parts.v[i];
		r = push(out, &b);
	}
	free(parts.v);
	*side = *hole;
	return r;
}

static bool meet(const struct bh_plan_box *a, const struct bh_plan_box *b)
{
	return a->proto == b->proto && a->lo <= b->hi && b->lo <= a->hi && bh_prefix_overlaps(&a->dst, &b->dst) &&
	       bh_prefix_overlaps(&a->src, &b->src);
}

static int minus_one(struct bh_plan_box a, const struct bh_plan_box *b, struct list *out)
{
	struct bh_plan_box part;
	int r = outside(&a, true, &b->src, out);

	if (r == 0)
		r = outside(&a, false, &b->dst, out);
	part = a;
	if (r == 0 && a.lo < b->lo) {
		part.hi = (uint16_t)(b->lo - 1);
		r = push(out, &part);
	}
	part = a;
	if (r == 0 && a.hi > b->hi) {
		part.lo = (uint16_t)(b->hi + 1);
		r = push(out, &part);
	}
	return r;
}

static int minus_all(const struct bh_plan_box *box, const struct list *b, struct list *cur, struct list *next, struct list *out)
{
	int r;

	cur->n = 0;
	r = push(cur, box);
	for (size_t i = 0; r == 0 && i < b->n && cur->n; i++) {
		struct list t;

		if (!meet(box, &b->v[i]))
			continue;
		next->n = 0;
		for (size_t k = 0; r == 0 && k < cur->n; k++)
			r = meet(&cur->v[k], &b->v[i]) ? minus_one(cur->v[k], &b->v[i], next) : push(next, &cur->v[k]);
		t = *cur;
		*cur = *next;
		*next = t;
	}
	for (size_t k = 0; r == 0 && k < cur->n; k++)
		r = push(out, &cur->v[k]);
	return r;
}

int bh_plan_minus(const struct bh_plan *a, const struct bh_plan *b, struct bh_plan_box **ret_boxes, size_t *ret_n)
{
	struct list la = {0}, lb = {0}, cur = {0}, next = {0}, out = {0};
	int r = spread(a, &la);

	if (r == 0)
		r = spread(b, &lb);
	for (size_t i = 0; r == 0 && i < la.n; i++)
		r = minus_all(&la.v[i], &lb, &cur, &next, &out);
	free(la.v);
	free(lb.v);
	free(cur.v);
	free(next.v);
	if (r < 0) {
		free(out.v);
		return r;
	}
	*ret_boxes = out.v;
	*ret_n = out.n;
	return 0;
}
