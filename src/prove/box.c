/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boxes: five ranges. Everything else about a packet is the scenario's. */
#include <errno.h>
#include <stdlib.h>
#include "inside.h"

#define MAPPED ((bh_u128)0xffff << 32)

void bh_box_narrow(struct bh_box *b, enum dim d, struct span s)
{
	switch (d) {
	case DIM_S:
		b->slo = s.lo;
		b->shi = s.hi;
		break;
	case DIM_D:
		b->dlo = s.lo;
		b->dhi = s.hi;
		break;
	case DIM_P:
		b->plo = (uint8_t)s.lo;
		b->phi = (uint8_t)s.hi;
		break;
	case DIM_SP:
		b->splo = (uint16_t)s.lo;
		b->sphi = (uint16_t)s.hi;
		break;
	default:
		b->dplo = (uint16_t)s.lo;
		b->dphi = (uint16_t)s.hi;
		break;
	}
}

bool bh_box_cut(struct bh_box *b, enum dim d, struct span s)
{
	struct span now = bh_box_span(b, d);

	if (now.lo < s.lo)
		now.lo = s.lo;
	if (now.hi > s.hi)
		now.hi = s.hi;
	if (now.lo > now.hi)
		return false;
	bh_box_narrow(b, d, now);
	return true;
}

#define BOTH(lo, hi)                                                                               \
	(ret_both->lo = a->lo > b->lo ? a->lo : b->lo, ret_both->hi = a->hi < b->hi ? a->hi : b->hi)

bool bh_box_meets(const struct bh_box *a, const struct bh_box *b, struct bh_box *ret_both)
{
	if (!box_meets(a, b))
		return false;
	if (ret_both) {
		ret_both->fam = a->fam;
		BOTH(slo, shi);
		BOTH(dlo, dhi);
		BOTH(plo, phi);
		BOTH(splo, sphi);
		BOTH(dplo, dphi);
	}
	return true;
}

bool bh_box_holds(const struct bh_box *a, const struct bh_box *b)
{
	return a->fam == b->fam && a->slo <= b->slo && b->shi <= a->shi && a->dlo <= b->dlo &&
	       b->dhi <= a->dhi && a->plo <= b->plo && b->phi <= a->phi && a->splo <= b->splo &&
	       b->sphi <= a->sphi && a->dplo <= b->dplo && b->dphi <= a->dphi;
}

size_t bh_box_minus(const struct bh_box *a, const struct bh_box *b, struct bh_box out[10])
{
	struct bh_box rest = *a;
	size_t n = 0;

	for (enum dim d = 0; d < DIMS; d++) {
		struct span r = bh_box_span(&rest, d), s = bh_box_span(b, d);

		if (r.lo < s.lo) {
			out[n] = rest;
			bh_box_narrow(&out[n++], d, (struct span){r.lo, s.lo - 1});
			r.lo = s.lo;
		}
		if (r.hi > s.hi) {
			out[n] = rest;
			bh_box_narrow(&out[n++], d, (struct span){s.hi + 1, r.hi});
			r.hi = s.hi;
		}
		bh_box_narrow(&rest, d, r);
	}
	return n;
}

bh_u128 bh_u128_of(const uint8_t *p, size_t n)
{
	bh_u128 v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

struct span bh_prefix_span(const struct bh_prefix *p)
{
	bh_u128 lo = bh_u128_of(p->net.b, 16);
	bh_u128 hosts = p->bits == 0 ? ~(bh_u128)0 : ((bh_u128)1 << (128 - p->bits)) - 1;

	return (struct span){lo, lo | hosts};
}

uint8_t bh_prefix_fam(const struct bh_prefix *p)
{
	return bh_prefix_is4(p) ? 4 : 6;
}

struct bh_box bh_box_all(uint8_t fam)
{
	struct bh_box b = {.sphi = 65535, .dphi = 65535, .phi = 255, .fam = fam};

	b.slo = b.dlo = fam == 4 ? MAPPED : 0;
	b.shi = b.dhi = fam == 4 ? MAPPED | 0xffffffffu : ~(bh_u128)0;
	return b;
}

struct bh_box bh_box_of(uint8_t fam, const struct bh_prefix *src, const struct bh_prefix *dst,
	uint8_t proto, uint16_t lo, uint16_t hi)
{
	struct bh_box b = bh_box_all(fam);

	if (src)
		bh_box_narrow(&b, DIM_S, bh_prefix_span(src));
	if (dst)
		bh_box_narrow(&b, DIM_D, bh_prefix_span(dst));
	if (proto) {
		b.plo = b.phi = proto == 1 && fam == 6 ? 58 : proto;
	}
	if (proto == 6 || proto == 17) {
		b.dplo = lo;
		b.dphi = hi;
	}
	return b;
}

int bh_grow(void **io_v, size_t *io_cap, size_t n, size_t size)
{
	size_t cap = *io_cap ? *io_cap * 2 : 64;
	void *v;

	if (n < *io_cap)
		return 0;
	v = reallocarray(*io_v, cap, size);
	if (!v)
		return -ENOMEM;
	*io_v = v;
	*io_cap = cap;
	return 0;
}

int bh_boxes_add(struct bh_boxes *l, const struct bh_box *b)
{
	int r;

	if (l->n >= BH_BOXES_MAX)
		return -E2BIG;
	r = bh_grow((void **)&l->v, &l->cap, l->n, sizeof *l->v);
	if (r == 0)
		l->v[l->n++] = *b;
	return r;
}

void bh_boxes_fini(struct bh_boxes *l)
{
	free(l->v);
	*l = (struct bh_boxes){0};
}

int bh_boxes_minus(
	const struct bh_boxes *a, const struct bh_boxes *b, struct bh_boxes *ret_left)
{
	struct bh_boxes left = {0};
	struct box_index x;
	int r = bh_index_make(b->v, b->n, &x);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < a->n; i++)
		r = bh_index_minus(&x, &a->v[i], &left);
	bh_index_fini(&x);
	if (r < 0)
		bh_boxes_fini(&left);
	else
		*ret_left = left;
	return r;
}

/* ---- for people ---- */
#define JOIN_MAX 1024u

static bool touch(bh_u128 alo, bh_u128 ahi, bh_u128 blo, bh_u128 bhi)
{
	return (ahi + 1 == blo && blo != 0) || (bhi + 1 == alo && alo != 0);
}

/* makes a the two of them when they are equal but for protocol or ports, and neighbours there; networks are left as they are known */
static bool join(struct bh_box *a, const struct bh_box *b)
{
	bool s = a->slo == b->slo && a->shi == b->shi, d = a->dlo == b->dlo && a->dhi == b->dhi, p = a->plo == b->plo && a->phi == b->phi,
	     sp = a->splo == b->splo && a->sphi == b->sphi, dp = a->dplo == b->dplo && a->dphi == b->dphi;

	if (a->fam != b->fam || s + d + p + sp + dp != 4)
		return false;
	if (!p && touch(a->plo, a->phi, b->plo, b->phi)) {
		a->plo = a->plo < b->plo ? a->plo : b->plo;
		a->phi = a->phi > b->phi ? a->phi : b->phi;
	} else if (!sp && touch(a->splo, a->sphi, b->splo, b->sphi)) {
		a->splo = a->splo < b->splo ? a->splo : b->splo;
		a->sphi = a->sphi > b->sphi ? a->sphi : b->sphi;
	} else if (!dp && touch(a->dplo, a->dphi, b->dplo, b->dphi)) {
		a->dplo = a->dplo < b->dplo ? a->dplo : b->dplo;
		a->dphi = a->dphi > b->dphi ? a->dphi : b->dphi;
	} else {
		return false;
	}
	return true;
}

void bh_boxes_join(struct bh_boxes *l)
{
	bool again = l->n <= JOIN_MAX;

	while (again) {
		again = false;
		for (size_t i = 0; i < l->n; i++)
			for (size_t k = i + 1; k < l->n; k++)
				if (join(&l->v[i], &l->v[k])) {
					l->v[k--] = l->v[--l->n];
					again = true;
				}
	}
}
