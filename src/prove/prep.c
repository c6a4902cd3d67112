/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The elements of a set as boxes, for one way its key meets the ranges of a box; made when first
 * asked for and kept. */
#include <errno.h>
#include <stdlib.h>
#include "inside.h"

struct edge {
	bh_u128 at;
	uint32_t elem;
	bool end;
};

static int by_edge(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (int)y->end - (int)x->end; /* an interval ends before the next begins */
}

/* starts and ends of one field, as ranges: what begins reaches to the next mark, whatever it is */
static int prep_ranges(const struct mset *s, enum dim d, uint8_t fam, struct bh_boxes *l, uint32_t **ret_elem)
{
	bool address = d == DIM_S || d == DIM_D;
	bh_u128 base = address && fam == 4 ? (bh_u128)0xffff << 32 : 0;
	struct edge *e = malloc((s->n ? s->n : 1) * sizeof *e);
	uint32_t *elem = malloc((s->n ? s->n : 1) * sizeof *elem);
	struct bh_box all = bh_box_all(fam);
	struct span whole = bh_box_span(&all, d);
	int r = e && elem ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->n; i++)
		e[i] = (struct edge){base | bh_u128_of(s->keys + i * 2 * s->s.key_len, s->s.key_len),
			(uint32_t)i, s->meta[i].end};
	if (r == 0)
		qsort(e, s->n, sizeof *e, by_edge);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		struct span x = {e[i].at, i + 1 < s->n ? e[i + 1].at - 1 : whole.hi};
		struct bh_box b = all;

		if (e[i].end || (i + 1 < s->n && e[i + 1].at == e[i].at))
			continue;
		bh_box_narrow(&b, d, x);
		elem[l->n] = e[i].elem;
		r = bh_boxes_add(l, &b);
	}
	free(e);
	if (r < 0) {
		free(elem);
		elem = NULL;
	}
	*ret_elem = elem;
	return r;
}

static int prep_boxes(const struct mset *s, const struct step *st, const enum dim *d, uint8_t fam,
	struct bh_boxes *l, uint32_t **ret_elem)
{
	uint32_t *elem = malloc((s->n ? s->n : 1) * sizeof *elem);
	int r = elem ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const uint8_t *lo = s->keys + i * 2 * s->s.key_len, *hi = lo + s->s.key_len;
		struct bh_box b = bh_box_all(fam);
		bool any = true;

		for (unsigned k = 0; any && k < st->n_parts; k++) {
			const struct part *p = &st->parts[k];
			bh_u128 base = p->len == 4 ? (bh_u128)0xffff << 32 : 0;
			struct span x = {base | bh_u128_of(lo + p->off, p->len),
				base | bh_u128_of(hi + p->off, p->len)};

			any = x.lo <= x.hi && bh_box_cut(&b, d[k], x);
		}
		if (!any)
			continue; /* matches nothing: no key is twice the same field and differs */
		elem[l->n] = (uint32_t)i;
		r = bh_boxes_add(l, &b);
	}
	if (r < 0) {
		free(elem);
		elem = NULL;
	}
	*ret_elem = elem;
	return r;
}

int bh_prep_get(struct mset *s, const struct step *st, const enum dim *d, uint8_t fam,
	struct prep **ret_prep)
{
	struct bh_boxes l = {0};
	uint32_t key = fam, *elem = NULL;
	struct prep *p = s->prep;
	int r;

	for (unsigned k = 0; k < st->n_parts; k++)
		key = key << 4 | (d[k] + 1);
	for (; p < s->prep + PREPS && p->key; p++)
		if (p->key == key) {
			*ret_prep = p;
			return 0;
		}
	if (p == s->prep + PREPS) { /* one way more than there is room for: the oldest goes */
		p = s->prep;
		bh_index_fini(&p->ix);
		p->key = 0;
	}
	r = s->s.interval ? prep_ranges(s, d[0], fam, &l, &elem)
			  : prep_boxes(s, st, d, fam, &l, &elem);
	if (r == 0)
		r = bh_index_make(l.v, l.n, &p->ix);
	for (size_t i = 0; r == 0 && i < p->ix.n; i++)
		p->ix.id[i] = elem[p->ix.id[i]];
	free(elem);
	bh_boxes_fini(&l);
	if (r == 0) {
		p->key = key;
		*ret_prep = p;
	}
	return r;
}
