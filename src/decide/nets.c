/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Networks of an order. The kernel keeps cut networks as intervals that never overlap, so an order for a network around one
 * that is cut already is made of that one, which both orders then hold, and of what is left beside it. Islands are whole or
 * not at all: what may pass inside one depends on all its networks.
 */
#include <stdio.h>
#include "decide/inside.h"

static bool same(const struct bh_prefix *a, const struct bh_prefix *b)
{
	return a->bits == b->bits && bh_addr_eq(&a->net, &b->net);
}

/* b strictly inside a */
static bool holds(const struct bh_prefix *a, const struct bh_prefix *b)
{
	return a->bits < b->bits && bh_prefix_is4(a) == bh_prefix_is4(b) && bh_prefix_has(a, &b->net);
}

/* the other half of the network of b's first bits bits */
static struct bh_prefix sibling(const struct bh_prefix *b, unsigned bits)
{
	struct bh_prefix p = {.net = b->net, .bits = (uint8_t)bits};

	p.net.b[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
	for (unsigned i = bits; i < 128; i++)
		p.net.b[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	return p;
}

static int refuse(struct bh_refused *r, const char *fmt, const struct bh_prefix *a, const struct bh_prefix *b, uint32_t order)
{
	char x[BH_PREFIX_TEXT], y[BH_PREFIX_TEXT];

	memset(r, 0, sizeof *r);
	r->code = BH_REF_WIDTH;
	snprintf(r->text, sizeof r->text, fmt, bh_prefix_print(a, x), bh_prefix_print(b, y), order);
	return 1;
}

struct pieces {
	struct bh_prefix v[BH_ORDER_CUTS];
	size_t n;
};

static bool add(struct pieces *p, const struct bh_prefix *net)
{
	for (size_t i = 0; i < p->n; i++)
		if (same(&p->v[i], net))
			return true;
	if (p->n == BH_COUNT(p->v))
		return false;
	p->v[p->n++] = *net;
	return true;
}

/* around one standing cut. 0, 1 refused, 2 too many pieces */
static int around(struct pieces *p, const struct bh_cut *cut, struct bh_refused *r)
{
	for (size_t i = 0; i < p->n; i++) {
		struct bh_prefix whole = p->v[i];

		if (same(&whole, &cut->net) || !bh_prefix_overlaps(&whole, &cut->net))
			continue;
		if (cut->kind == BH_CUT_ISLAND)
			return refuse(r, "%s overlaps %s of the island of order %u; release that one first", &whole, &cut->net, cut->order);
		if (!holds(&whole, &cut->net))
			return refuse(r, "%s is cut already, with %s, by order %u; release that one first", &whole, &cut->net, cut->order);
		p->v[i] = cut->net;
		for (unsigned bits = cut->net.bits; bits > whole.bits; bits--) {
			struct bh_prefix beside = sibling(&cut->net, bits);

			if (!add(p, &beside))
				return 2;
		}
		return 0; /* it lay in this piece and in no other */
	}
	return 0;
}

int bh_order_nets(struct bh_core *c, struct bh_order *o, const struct bh_prefix *nets, size_t n, struct bh_refused *r)
{
	struct pieces p = {.n = 0};
	int e = n == 0 ? 2 : 0;

	for (size_t i = 0; i < n && e == 0; i++)
		e = add(&p, &nets[i]) ? 0 : 2;
	for (size_t i = 0; i < c->n_orders && e == 0; i++)
		for (unsigned k = 0; k < c->orders[i].n_cuts && e == 0; k++)
			if (bh_order_standing(&c->orders[i]) && c->orders[i].kind == o->kind && c->orders[i].cuts[k].what == BH_CUT_NET)
				e = around(&p, &c->orders[i].cuts[k], r);
	for (size_t i = 0; i < p.n && (i == 0 || e == 0); i++) /* one at least says what was meant */
		bh_order_add(o, BH_CUT_NET, &p.v[i], NULL);
	if (e == 2) {
		memset(r, 0, sizeof *r);
		r->code = BH_REF_WIDTH;
		snprintf(r->text, sizeof r->text, "%.40s has %zu networks, beside those cut already; one order holds 1 to %d pieces", o->name, n, BH_ORDER_CUTS);
	}
	return e ? 1 : bh_order_guard(c, o, r);
}
