/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prefixes and sorted lists of them. Both families share one 16-byte form in which ::/0 would hold
 * every IPv4 address; here it does not: a prefix holds addresses of its own family only.
 */
#include <stdlib.h>
#include "policy/load.h"

bool bh_net_has(const struct bh_prefix *p, const struct bh_addr *a)
{
	return bh_prefix_is4(p) == bh_addr_is4(a) && bh_prefix_has(p, a);
}

bool bh_net_covers(const struct bh_prefix *outer, const struct bh_prefix *inner)
{
	return bh_prefix_is4(outer) == bh_prefix_is4(inner) && outer->bits <= inner->bits &&
	       bh_prefix_has(outer, &inner->net);
}

bool bh_net_any(const struct bh_prefix *p)
{
	return p->bits == (bh_prefix_is4(p) ? 96 : 0);
}

int bh_net_cmp(const struct bh_prefix *a, const struct bh_prefix *b)
{
	bool a4 = bh_prefix_is4(a), b4 = bh_prefix_is4(b);
	int c;

	if (a4 != b4)
		return a4 ? -1 : 1;
	c = memcmp(a->net.b, b->net.b, 16);
	return c ? c : (int)a->bits - (int)b->bits;
}

struct bh_addr bh_net_last(const struct bh_prefix *p)
{
	struct bh_addr a = p->net;

	for (unsigned i = p->bits; i < 128; i++)
		a.b[i / 8] |= 0x80 >> (i % 8);
	return a;
}

static int net_cmp(const void *x, const void *y)
{
	return bh_net_cmp(x, y);
}

void bh_nets_normalise(struct bh_prefixes *s)
{
	size_t out = 0;

	if (s->n < 2)
		return;
	qsort(s->v, s->n, sizeof *s->v, net_cmp);
	for (size_t i = 1; i < s->n; i++)
		if (!bh_net_covers(&s->v[out], &s->v[i]))
			s->v[++out] = s->v[i];
	s->n = out + 1;
}

/* the last prefix that does not begin after a, or NULL */
static const struct bh_prefix *candidate(const struct bh_prefixes *s, const struct bh_prefix *a)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (bh_net_cmp(&s->v[mid], a) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &s->v[lo - 1] : NULL;
}

bool bh_nets_have(const struct bh_prefixes *s, const struct bh_addr *a)
{
	struct bh_prefix host = bh_prefix_host(a);
	const struct bh_prefix *c = candidate(s, &host);

	return c && bh_net_has(c, a);
}

bool bh_nets_cover(const struct bh_prefixes *outer, const struct bh_prefixes *inner)
{
	const struct bh_prefix *c;

	for (size_t i = 0; i < inner->n; i++) {
		c = candidate(outer, &inner->v[i]);
		if (!c || !bh_net_covers(c, &inner->v[i]))
			return false;
	}
	return true;
}
