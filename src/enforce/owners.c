/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who owns which addresses: the nested prefixes of the zones, flattened to ranges. */
#include <errno.h>
#include <stdlib.h>
#include "ruleset.h"

static int nesting_order(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int d = memcmp(x->lo, y->lo, 16);

	if (d)
		return d;
	if (x->bits != y->bits)
		return x->bits < y->bits ? -1 : 1;
	return (int)x->zone - (int)y->zone;
}

static void step(uint8_t v[16], int by) /* next or previous address; wraps */
{
	for (int i = 15; i >= 0; i--) {
		v[i] = (uint8_t)(v[i] + by);
		if (v[i] != (by > 0 ? 0 : 0xff))
			break;
	}
}

static void emit(struct owners *s, const uint8_t lo[16], const uint8_t hi[16], uint16_t zone)
{
	struct owned *last = s->n ? &s->v[s->n - 1] : NULL;
	uint8_t next[16];

	if (memcmp(lo, hi, 16) > 0)
		return;
	if (last && last->zone == zone) {
		memcpy(next, last->hi, 16);
		step(next, 1);
		if (!memcmp(next, lo, 16)) {
			memcpy(last->hi, hi, 16);
			return;
		}
	}
	s->v[s->n] = (struct owned){.zone = zone};
	memcpy(s->v[s->n].lo, lo, 16);
	memcpy(s->v[s->n].hi, hi, 16);
	s->n++;
}

/* p is sorted so that a prefix comes before those inside it; the stack holds the ones around the
 * current place */
static void flatten(const struct owned *p, size_t n, struct owned *stack, struct owners *out)
{
	uint8_t at[16] = {0}, before[16];
	size_t depth = 0;
	bool past_the_end = false;

	for (size_t i = 0; i <= n; i++) {
		while (depth && (i == n || memcmp(stack[depth - 1].hi, p[i].lo, 16) < 0)) {
			const struct owned *top = &stack[--depth];

			if (!past_the_end)
				emit(out, at, top->hi, top->zone);
			memcpy(at, top->hi, 16);
			step(at, 1);
			past_the_end = memcmp(at, top->hi, 16) < 0;
		}
		if (i == n)
			break;
		if (depth) {
			memcpy(before, p[i].lo, 16);
			step(before, -1);
			if (memcmp(at, p[i].lo, 16) < 0)
				emit(out, at, before, stack[depth - 1].zone);
		}
		memcpy(at, p[i].lo, 16);
		stack[depth++] = p[i];
	}
}

int bh_owners_make(const struct bh_plan *law, bool v6, struct owners *ret)
{
	struct owners out = {0};
	struct owned *p, *stack;
	size_t n = 0;

	for (size_t z = 0; z < law->n_zones; z++)
		n += law->zones[z].nets.n;
	p = malloc((n + 1) * sizeof *p);
	stack = malloc((n + 1) * sizeof *stack);
	out.v = malloc((2 * n + 1) * sizeof *out.v);
	if (!p || !stack || !out.v) {
		free(p);
		free(stack);
		free(out.v);
		return -ENOMEM;
	}
	n = 0;
	for (size_t z = 0; z < law->n_zones; z++)
		for (size_t i = 0; i < law->zones[z].nets.n; i++) {
			const struct bh_prefix *net = &law->zones[z].nets.v[i];

			if (bh_prefix_is4(net) == v6)
				continue;
			p[n] = (struct owned){.bits = net->bits, .zone = (uint16_t)z};
			memcpy(p[n].lo, net->net.b, 16);
			memcpy(p[n].hi, net->net.b, 16);
			for (unsigned b = net->bits; b < 128; b++)
				p[n].hi[b / 8] |= (uint8_t)(0x80u >> (b % 8));
			n++;
		}
	if (n)
		qsort(p, n, sizeof *p, nesting_order);
	flatten(p, n, stack, &out);
	free(p);
	free(stack);
	*ret = out;
	return 0;
}
