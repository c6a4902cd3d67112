/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Boxes made disjoint. nf_tables takes a range that covers another without complaint and refuses
 * one that overlaps another in part, so what it holds would depend on the order of insertion. Here
 * the order is taken out: targets are worked off from the widest to the narrowest, so whatever may
 * overlap the box in hand has a target around it; the target then never needs splitting, only the
 * source prefix and the range of ports do.
 */
#include <errno.h>
#include <stdlib.h>
#include "box.h"

struct piece {
	struct bh_prefix src;
	uint16_t lo, hi;
};
struct pieces {
	struct piece *v;
	size_t n, cap;
};

/* accepted boxes by (group, protocol, target): open addressing over heads of chains */
struct index {
	uint32_t *head, *next; /* position + 1 in the output; next has one slot per output box */
	size_t mask, next_cap;
};

static int grow(void **io_v, size_t *io_cap, size_t need, size_t size)
{
	size_t cap = *io_cap ? *io_cap : 16;
	void *v;

	if (need <= *io_cap)
		return 0;
	while (cap < need)
		cap *= 2;
	v = realloc(*io_v, cap * size);
	if (!v)
		return -ENOMEM;
	*io_v = v;
	*io_cap = cap;
	return 0;
}

int bh_boxes_push(struct boxes *l, const struct box *b)
{
	int r;

	if (l->n >= BOX_MAX)
		return -E2BIG;
	r = grow((void **)&l->v, &l->cap, l->n + 1, sizeof *l->v);
	if (r < 0)
		return r;
	l->v[l->n++] = *b;
	return 0;
}

int bh_prefix_push(struct prefix_list *l, const struct bh_prefix *p)
{
	int r;

	if (l->n >= BOX_MAX_NETS)
		return -E2BIG;
	r = grow((void **)&l->v, &l->cap, l->n + 1, sizeof *l->v);
	if (r < 0)
		return r;
	l->v[l->n++] = *p;
	return 0;
}

bool bh_prefix_within(const struct bh_prefix *inner, const struct bh_prefix *outer)
{
	return inner->bits >= outer->bits && bh_prefix_overlaps(inner, outer);
}

/* the half of the prefix of bits + 1 that p is not in */
static struct bh_prefix sibling(const struct bh_prefix *p, unsigned bits)
{
	struct bh_prefix s = {p->net, (uint8_t)(bits + 1)};

	s.net.b[bits / 8] ^= (uint8_t)(0x80u >> (bits % 8));
	for (unsigned i = bits + 1; i < 128; i++)
		s.net.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return s;
}

int bh_prefix_punch(struct prefix_list *l, const struct bh_prefix *p, const struct bh_prefix *hole)
{
	for (unsigned bits = p->bits; bits < hole->bits; bits++) {
		struct bh_prefix s = sibling(hole, bits);
		int r = bh_prefix_push(l, &s);

		if (r < 0)
			return r;
	}
	return 0;
}

static int piece_push(struct pieces *l, struct bh_prefix src, unsigned lo, unsigned hi)
{
	int r;

	if (l->n >= BOX_MAX)
		return -E2BIG;
	r = grow((void **)&l->v, &l->cap, l->n + 1, sizeof *l->v);
	if (r < 0)
		return r;
	l->v[l->n++] = (struct piece){src, (uint16_t)lo, (uint16_t)hi};
	return 0;
}

static bool any_source(const struct box *b)
{
	return b->src.bits == 0;
}

/* p without b, appended to out */
static int piece_minus(const struct piece *p, const struct box *b, struct pieces *out)
{
	unsigned lo = p->lo > b->lo ? p->lo : b->lo, hi = p->hi < b->hi ? p->hi : b->hi;
	struct bh_prefix inner = p->src;
	int r = 0;

	if (lo > hi || (!any_source(b) && !bh_prefix_overlaps(&p->src, &b->src)))
		return piece_push(out, p->src, p->lo, p->hi);
	if (!any_source(b) && b->src.bits > p->src.bits) {
		for (unsigned bits = p->src.bits; bits < b->src.bits && r == 0; bits++)
			r = piece_push(out, sibling(&b->src, bits), p->lo, p->hi);
		inner = b->src;
	}
	if (r == 0 && p->lo < lo)
		r = piece_push(out, inner, p->lo, lo - 1);
	if (r == 0 && p->hi > hi)
		r = piece_push(out, inner, hi + 1, p->hi);
	return r;
}

struct key {
	uint16_t group;
	uint8_t proto, has_src;
	struct bh_prefix dst;
};

static size_t slot_of(
	const struct index *x, const struct boxes *out, const struct box *b, struct bh_prefix dst)
{
	struct key k;
	size_t i;

	memset(&k, 0, sizeof k); /* padding is hashed too */
	k.group = b->group;
	k.proto = b->proto;
	k.has_src = !any_source(b);
	k.dst = dst;
	for (i = bh_hash(&k, sizeof k, 0) & x->mask; x->head[i]; i = (i + 1) & x->mask) {
		const struct box *o = &out->v[x->head[i] - 1];

		if (o->group == b->group && o->proto == b->proto &&
			any_source(o) == any_source(b) && o->dst.bits == dst.bits &&
			bh_addr_eq(&o->dst.net, &dst.net))
			break;
	}
	return i;
}

static struct bh_prefix shorten(const struct bh_prefix *p, unsigned bits)
{
	struct bh_prefix s = {p->net, (uint8_t)bits};

	for (unsigned i = bits; i < 128; i++)
		s.net.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return s;
}

/* what is left of b once everything accepted around it is taken away */
static int remainder_of(const struct index *x, const struct boxes *out, const bool used[129],
	const struct box *b, struct pieces *cur, struct pieces *next)
{
	unsigned first = bh_prefix_is4(&b->dst) ? 96 : 0;
	int r;

	cur->n = 0;
	r = piece_push(cur, b->src, b->lo, b->hi);
	for (unsigned bits = first; r == 0 && bits <= b->dst.bits && cur->n; bits++) {
		if (!used[bits])
			continue;
		for (uint32_t at = x->head[slot_of(x, out, b, shorten(&b->dst, bits))];
			at && cur->n; at = x->next[at - 1]) {
			struct pieces t;

			next->n = 0;
			for (size_t i = 0; r == 0 && i < cur->n; i++)
				r = piece_minus(&cur->v[i], &out->v[at - 1], next);
			if (r < 0)
				return r;
			t = *cur;
			*cur = *next;
			*next = t;
		}
	}
	return r;
}

static int accept(struct index *x, struct boxes *out, const struct box *b, const struct piece *p)
{
	struct box nb = *b;
	size_t slot;
	int r;

	nb.src = p->src;
	nb.lo = p->lo;
	nb.hi = p->hi;
	slot = slot_of(x, out, b, b->dst);
	r = bh_boxes_push(out, &nb);
	if (r < 0)
		return r;
	r = grow((void **)&x->next, &x->next_cap, out->n, sizeof *x->next);
	if (r < 0)
		return r;
	x->next[out->n - 1] = x->head[slot];
	x->head[slot] = (uint32_t)out->n;
	return 0;
}

static int widest_first(const void *a, const void *b)
{
	const struct box *x = a, *y = b;

	if (x->dst.bits != y->dst.bits)
		return x->dst.bits < y->dst.bits ? -1 : 1;
	return x->tag < y->tag ? -1 : x->tag > y->tag;
}

static int as_given(const void *a, const void *b)
{
	const struct box *x = a, *y = b;
	int d;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	d = memcmp(&x->dst, &y->dst, sizeof x->dst);
	if (d == 0)
		d = memcmp(&x->src, &y->src, sizeof x->src);
	return d ? d : (int)x->lo - (int)y->lo;
}

int bh_boxes_disjoint(const struct boxes *in, struct boxes *ret_out)
{
	struct boxes sorted = {0}, out = {0};
	struct pieces a = {0}, b = {0};
	struct index x = {0};
	bool used[129] = {false};
	size_t slots = 16;
	int r = -ENOMEM;

	while (slots < in->n * 2 + 1)
		slots *= 2;
	x.mask = slots - 1;
	x.head = calloc(slots, sizeof *x.head);
	sorted.v = malloc((in->n ? in->n : 1) * sizeof *sorted.v);
	if (!x.head || !sorted.v)
		goto out;
	if (in->n) {
		memcpy(sorted.v, in->v, in->n * sizeof *sorted.v);
		qsort(sorted.v, in->n, sizeof *sorted.v, widest_first);
	}
	r = 0;
	for (size_t i = 0; r == 0 && i < in->n; i++) {
		r = remainder_of(&x, &out, used, &sorted.v[i], &a, &b);
		for (size_t k = 0; r == 0 && k < a.n; k++)
			r = accept(&x, &out, &sorted.v[i], &a.v[k]);
		used[sorted.v[i].dst.bits] = true;
	}
	if (r == 0) {
		if (out.n)
			qsort(out.v, out.n, sizeof *out.v, as_given);
		*ret_out = out;
		out.v = NULL;
	}
out:
	free(out.v);
	free(sorted.v);
	free(x.head);
	free(x.next);
	free(a.v);
	free(b.v);
	return r;
}
