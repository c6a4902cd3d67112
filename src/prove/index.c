/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many boxes, and which of them meet one: sorted by where they begin in the dimension that tells
 * them apart best, with a tree that knows how far each half reaches, so that a hundred thousand
 * hosts cost what the ones that are hit cost.
 */
#include <errno.h>
#include <stdlib.h>
#include "inside.h"

#define PIECES_MAX 65536

struct order {
	const struct bh_box *v;
	uint8_t dim;
};

static int by_start(const void *a, const void *b, void *ctx)
{
	const struct order *o = ctx;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	struct span x = bh_box_span(&o->v[i], o->dim), y = bh_box_span(&o->v[j], o->dim);

	if (x.lo != y.lo)
		return x.lo < y.lo ? -1 : 1;
	return i < j ? -1 : i > j;
}

static size_t distinct(const struct bh_box *v, uint32_t *id, size_t n, enum dim d)
{
	struct order o = {v, (uint8_t)d};
	size_t k = 1;

	qsort_r(id, n, sizeof *id, by_start, &o);
	for (size_t i = 1; i < n; i++)
		k += bh_box_span(&v[id[i]], d).lo != bh_box_span(&v[id[i - 1]], d).lo;
	return k;
}

static bool bounded(const struct bh_box *v, size_t n, enum dim d)
{
	struct bh_box all = bh_box_all(v[0].fam);
	struct span whole = bh_box_span(&all, d);

	for (size_t i = 0; i < n; i++) {
		struct span s = bh_box_span(&v[i], d);

		if (s.lo != whole.lo || s.hi != whole.hi)
			return true;
	}
	return false;
}

static enum dim choose(const struct bh_box *v, uint32_t *id, size_t n, bool *ret_alone)
{
	enum dim best = DIM_S, last = DIMS;
	size_t most = 0, dims = 0;

	for (enum dim d = 0; d < DIMS; d++) {
		size_t k;

		if (!bounded(v, n, d))
			continue;
		dims++;
		k = distinct(v, id, n, d);
		last = d;
		if (k > most) {
			most = k;
			best = d;
		}
		if (k == n)
			break; /* cannot be told apart better */
	}
	for (enum dim d = last + 1; last < DIMS && d < DIMS; d++)
		dims += bounded(v, n, d);
	*ret_alone = dims == 1;
	return best;
}

int bh_index_make(const struct bh_box *v, size_t n, struct box_index *ret)
{
	struct box_index x = {.n = n, .leaves = 1};
	struct order o = {.v = v};

	while (x.leaves < n)
		x.leaves *= 2;
	x.v = malloc((n ? n : 1) * sizeof *x.v);
	x.id = malloc((n ? n : 1) * sizeof *x.id);
	x.reach = calloc(2 * x.leaves, sizeof *x.reach);
	if (!x.v || !x.id || !x.reach) {
		bh_index_fini(&x);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		x.id[i] = (uint32_t)i;
	if (n)
		x.dim = (uint8_t)choose(v, x.id, n, &x.line);
	o.dim = x.dim;
	if (n)
		qsort_r(x.id, n, sizeof *x.id, by_start, &o);
	for (size_t i = 0; i < n; i++) {
		x.v[i] = v[x.id[i]];
		x.reach[x.leaves + i] = bh_box_span(&x.v[i], x.dim).hi;
		if (i && x.reach[x.leaves + i - 1] >= bh_box_span(&x.v[i], x.dim).lo)
			x.line = false;
	}
	for (size_t i = x.leaves - 1; i > 0; i--)
		x.reach[i] = x.reach[2 * i] > x.reach[2 * i + 1] ? x.reach[2 * i]
								 : x.reach[2 * i + 1];
	*ret = x;
	return 0;
}

void bh_index_fini(struct box_index *x)
{
	free(x->v);
	free(x->id);
	free(x->reach);
	*x = (struct box_index){0};
}

/* the first leaf from at on that reaches lo, or n */
static size_t reaching(const struct box_index *x, size_t at, bh_u128 lo)
{
	size_t p = x->leaves + at;

	while (x->reach[p] < lo) {
		while (p & 1)
			p >>= 1;
		if (p == 0)
			return x->n;
		p++;
	}
	while (p < x->leaves) {
		p *= 2;
		if (x->reach[p] < lo)
			p++;
	}
	return p - x->leaves < x->n ? p - x->leaves : x->n;
}

size_t bh_index_next(const struct box_index *x, size_t at, const struct bh_box *q)
{
	struct span want = bh_box_span(q, x->dim);

	while (at < x->n) {
		at = reaching(x, at, want.lo);
		if (at == x->n || bh_box_span(&x->v[at], x->dim).lo > want.hi)
			return x->n;
		if (box_meets(&x->v[at], q))
			return at;
		at++;
	}
	return x->n;
}

/* the gaps between disjoint ranges */
static int line_minus(const struct box_index *x, const struct bh_box *a, struct bh_boxes *io_left)
{
	struct span at = bh_box_span(a, x->dim);
	struct bh_box piece = *a;
	int r = 0;

	for (size_t i = bh_index_next(x, 0, a); r == 0 && i < x->n; i = bh_index_next(x, i + 1, a)) {
		struct span s = bh_box_span(&x->v[i], x->dim);

		if (s.lo > at.lo) {
			bh_box_narrow(&piece, x->dim, (struct span){at.lo, s.lo - 1});
			r = bh_boxes_add(io_left, &piece);
		}
		if (s.hi >= at.hi)
			return r;
		at.lo = s.hi + 1;
	}
	bh_box_narrow(&piece, x->dim, at);
	return r < 0 ? r : bh_boxes_add(io_left, &piece);
}

static int subtract(struct bh_boxes *io_pieces, const struct bh_box *b)
{
	size_t n = io_pieces->n, kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct bh_box out[10], from = io_pieces->v[i];
		size_t k;

		if (!bh_box_meets(&from, b, NULL)) {
			io_pieces->v[kept++] = from;
			continue;
		}
		k = bh_box_minus(&from, b, out);
		for (size_t j = 0; j < k; j++) {
			int r = bh_boxes_add(io_pieces, &out[j]);

			if (r < 0)
				return r;
		}
	}
	memmove(io_pieces->v + kept, io_pieces->v + n, (io_pieces->n - n) * sizeof *io_pieces->v);
	io_pieces->n -= n - kept;
	return io_pieces->n > PIECES_MAX ? -E2BIG : 0;
}

int bh_index_minus(const struct box_index *x, const struct bh_box *a, struct bh_boxes *io_left)
{
	struct bh_boxes pieces = {0};
	int r;

	if (x->n == 0)
		return bh_boxes_add(io_left, a);
	if (x->line)
		return line_minus(x, a, io_left);
	r = bh_boxes_add(&pieces, a);
	for (size_t i = bh_index_next(x, 0, a); r == 0 && i < x->n && pieces.n;
		i = bh_index_next(x, i + 1, a))
		r = bh_box_holds(&x->v[i], a) ? (pieces.n = 0, 0) : subtract(&pieces, &x->v[i]);
	for (size_t i = 0; r == 0 && i < pieces.n; i++)
		r = bh_boxes_add(io_left, &pieces.v[i]);
	bh_boxes_fini(&pieces);
	return r;
}

bool bh_index_covers(const struct box_index *x, const struct bh_box *a, int *io_error)
{
	struct bh_boxes left = {0};
	bool covered;
	int r = bh_index_minus(x, a, &left);

	covered = left.n == 0;
	bh_boxes_fini(&left);
	if (r < 0)
		*io_error = r;
	return r == 0 && covered;
}
