/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boxes and findings as a person reads them, and single questions. */
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"

static struct bh_addr address(bh_u128 v)
{
	struct bh_addr a;

	for (int i = 15; i >= 0; i--, v >>= 8)
		a.b[i] = (uint8_t)v;
	return a;
}

/* a prefix where it is one, else first-last */
static void put_span(struct bh_text *t, struct span s, struct span all)
{
	bh_u128 size = s.hi - s.lo;
	char buf[BH_PREFIX_TEXT];
	struct bh_prefix p = {address(s.lo), 128};

	if (s.lo == all.lo && s.hi == all.hi) {
		bh_put(t, "*");
		return;
	}
	if ((size & (size + 1)) == 0 && (s.lo & size) == 0) {
		for (; size; size >>= 1)
			p.bits--;
		bh_put(t, bh_prefix_print(&p, buf));
		return;
	}
	bh_put(t, bh_addr_print(&p.net, buf));
	p.net = address(s.hi);
	bh_putf(t, "-%s", bh_addr_print(&p.net, buf));
}

static void put_ports(struct bh_text *t, const char *before, unsigned lo, unsigned hi)
{
	if (lo == 0 && hi == 65535)
		return;
	bh_putf(t, "%s%u", before, lo);
	if (lo != hi)
		bh_putf(t, "-%u", hi);
}

char *bh_box_print(const struct bh_box *b, char buf[BH_BOX_TEXT])
{
	struct bh_text t = bh_text(buf, BH_BOX_TEXT);
	struct bh_box all = bh_box_all(b->fam);

	put_span(&t, bh_box_span(b, DIM_S), bh_box_span(&all, DIM_S));
	bh_put(&t, " > ");
	put_span(&t, bh_box_span(b, DIM_D), bh_box_span(&all, DIM_D));
	if (b->plo == 0 && b->phi == 255)
		bh_put(&t, b->fam == 4 ? " any" : " any6");
	else if (b->plo != b->phi)
		bh_putf(&t, " proto %u-%u", b->plo, b->phi);
	else if (b->plo == 6 || b->plo == 17)
		bh_put(&t, b->plo == 6 ? " tcp" : " udp");
	else if (b->plo == 1 || b->plo == 58)
		bh_put(&t, b->plo == 1 ? " icmp" : " icmpv6");
	else
		bh_putf(&t, " proto %u", b->plo);
	put_ports(&t, "/", b->dplo, b->dphi);
	put_ports(&t, " from port ", b->splo, b->sphi);
	return buf;
}

/* ---- findings ---- */

static const struct {
	const char *name, *says;
} theorems[BH_THEOREMS] = {
	{"no-more", "nothing passes but what the plan permits and pins"},
	{"no-less", "what the plan permits passes, both ways"},
	{"pins", "a pin passes both ways, and errors about it, whatever is cut"},
	{"cuts", "what is cut reaches nothing but pins, and an isolated host the remedies"},
	{"stamp", "a connection is stamped only when the law permits it"},
	{"manage", "management reaches this box, whatever is cut"},
};

const char *bh_theorem_name(unsigned theorem)
{
	return theorem < BH_THEOREMS ? theorems[theorem].name : "?";
}

const char *bh_theorem_says(unsigned theorem)
{
	return theorem < BH_THEOREMS ? theorems[theorem].says : "?";
}

static const char *zone(const struct bh_plan *plan, uint16_t z)
{
	return z < plan->n_zones ? plan->zones[z].name : "no zone";
}

char *bh_prove_finding_print(
	const struct bh_prove_finding *f, const struct bh_plan *plan, char buf[BH_FINDING_TEXT])
{
	struct bh_text t = bh_text(buf, BH_FINDING_TEXT);
	char box[BH_BOX_TEXT];

	bh_putf(&t, "%s: %s (%s to %s; %s", bh_theorem_name(f->theorem), bh_box_print(&f->box, box),
		zone(plan, f->from), zone(plan, f->to), f->when);
	if (f->chain[0] && f->rule)
		bh_putf(&t, "; chain %s rule %u", f->chain, f->rule);
	else if (f->chain[0])
		bh_putf(&t, "; policy of chain %s", f->chain);
	bh_put(&t, ")");
	return buf;
}

/* ---- questions ---- */

int bh_model_run(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *in,
	bool drops, struct bh_reaches *ret_seen)
{
	struct bh_reaches seen = {0};
	int r = bh_walk(m, sc, in, drops ? DROPS_ALL : DROPS_NONE, &seen, NULL);

	if (r)
		bh_reaches_fini(&seen);
	else
		*ret_seen = seen;
	return r;
}

static void put_element(struct bh_model *m, const struct bh_reach *s, struct bh_point *p)
{
	const struct mset *set = &m->sets[s->set];

	bh_strcpy(p->set, sizeof p->set, m->names[set->name]);
	for (const struct prep *q = set->prep; s->elem != NONE && q < set->prep + PREPS; q++)
		for (size_t i = q->key ? bh_index_next(&q->ix, 0, &s->box) : q->ix.n; i < q->ix.n;
			i = bh_index_next(&q->ix, i + 1, &s->box))
			if (q->ix.id[i] == s->elem)
				bh_box_print(&q->ix.v[i], p->element);
}

int bh_model_point(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *at,
	struct bh_point *ret_point)
{
	struct bh_point p = {.verdict = BH_NO};
	struct bh_reaches seen = {0};
	const struct bh_reach *by = NULL;
	bool passed = false, dropped = false;
	int r = bh_walk(m, sc, at, DROPS_ALL, &seen, NULL);

	for (size_t i = 0; r == 0 && i < seen.n; i++) {
		const struct bh_reach *s = &seen.v[i];

		if (s->fate == BH_FATE_STAMP) {
			p.stamped = true;
			continue;
		}
		passed |= s->fate == BH_FATE_ACCEPT;
		dropped |= s->fate == BH_FATE_DROP;
		by = s;
	}
	if (r == 0 && by) {
		p.verdict = passed && dropped ? BH_MAYBE : passed ? BH_YES : BH_NO;
		p.rule = by->rule == NONE - 1 ? 0 : by->rule + 1;
		if (by->chain != NONE)
			bh_strcpy(p.chain, sizeof p.chain, m->names[m->chains[by->chain].name]);
		if (by->set != NONE)
			put_element(m, by, &p);
		*ret_point = p;
	}
	bh_reaches_fini(&seen);
	return r;
}

static int accepted(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *in,
	struct bh_boxes *io_list)
{
	struct bh_reaches seen = {0};
	int r = bh_walk(m, sc, in, DROPS_NONE, &seen, NULL);

	for (size_t i = 0; r == 0 && i < seen.n; i++)
		if (seen.v[i].fate == BH_FATE_ACCEPT)
			r = bh_boxes_add(io_list, &seen.v[i].box);
	bh_reaches_fini(&seen);
	return r;
}

int bh_model_minus(struct bh_model *before, struct bh_model *after, const struct bh_scenario *sc,
	const struct bh_box *in, struct bh_boxes *ret_lost)
{
	struct bh_boxes a = {0}, b = {0};
	int r = accepted(before, sc, in, &a);

	if (r == 0)
		r = accepted(after, sc, in, &b);
	if (r == 0)
		r = bh_boxes_minus(&a, &b, ret_lost);
	bh_boxes_fini(&a);
	bh_boxes_fini(&b);
	return r;
}
