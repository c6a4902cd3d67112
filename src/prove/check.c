/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running one scenario and comparing what comes out with what the plan means. */
#include <stdio.h>
#include <stdlib.h>
#include "proof.h"

struct known { /* how far a run went along with the first */
	size_t at, n;
};

unsigned bh_check_view(const struct bh_scenario *sc)
{
	return sc->icmp_error ? 1 : sc->state >= BH_CT_INVALID ? 2 : 0;
}

/* ---- findings ---- */

void bh_check_tell(struct proof *p, const struct check *c, unsigned theorem, const struct bh_box *box,
	const struct bh_reach *by)
{
	static const char *const states[] = {"new", "established", "related", "invalid", "untracked"};
	struct bh_prove_report *rep = p->report;
	const struct law *l = &p->side[box->fam == 6].law;
	struct bh_prove_finding *f;

	rep->failed[theorem]++;
	if (rep->n == BH_PROVE_FINDINGS)
		return;
	f = &rep->v[rep->n++];
	memset(f, 0, sizeof *f);
	f->theorem = (uint8_t)theorem;
	f->box = *box;
	f->from = bh_meant_zone_of(l, box->slo);
	f->to = bh_meant_zone_of(l, box->dlo);
	snprintf(f->when, sizeof f->when, "%s%s%s%s%s", c->sc.reply ? "reply, " : "",
		c->sc.icmp_error ? "ICMP error" : states[c->sc.state],
		c->sc.syn == BH_YES && box->plo == 6 ? ", SYN" : "", c->who ? "; " : "",
		c->who ? c->who : "");
	if (by && by->chain != NONE) {
		bh_strcpy(f->chain, sizeof f->chain, p->m->names[p->m->chains[by->chain].name]);
		f->rule = by->rule == NONE - 1 ? 0 : by->rule + 1;
	}
}

/* ---- what is allowed ---- */

static void as_any(struct bh_box *b)
{
	b->plo = b->splo = b->dplo = 0;
	b->phi = 255;
	b->sphi = b->dphi = 65535;
}

static void as_icmp(struct bh_box *b)
{
	as_any(b);
	b->plo = b->phi = b->fam == 4 ? 1 : 58;
}

bool bh_box_as_segment(struct bh_box *b)
{
	if (b->plo > 6 || b->phi < 6)
		return false;
	b->plo = b->phi = 6;
	return true;
}

static int make_index(const struct bh_boxes *from, unsigned kind, unsigned as, struct box_index *ret)
{
	struct bh_boxes l = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++) {
		struct bh_box b = from->v[i];

		if (kind == ABOUT && as == 0)
			as_icmp(&b);
		if (kind == ABOUT && as == 1)
			as_any(&b);
		if (kind == ABOUT && as == 2)
			continue;
		if (as == 2 && kind != HOME &&
			(kind == PERMITS || kind == REMEDIES || !bh_box_as_segment(&b)))
			continue;
		r = bh_boxes_add(&l, &b);
	}
	if (r == 0)
		r = bh_index_make(l.v, l.n, ret);
	bh_boxes_fini(&l);
	return r;
}

int bh_side_make(const struct bh_plan *plan, const struct bh_plan *beside, uint8_t fam, struct side *s)
{
	int r = bh_meant_make(plan, fam, &s->law);
	const struct bh_boxes *of[KINDS] = {&s->law.permits, &s->law.pins, &s->law.turned,
		&s->law.remedies, &s->law.pins, &s->law.home};

	if (r == 0 && beside)
		r = bh_meant_manage(beside, fam, &s->law.home);
	for (unsigned as = 0; r == 0 && as < 3; as++)
		for (unsigned k = 0; r == 0 && k < KINDS; k++)
			r = make_index(of[k], k, as, &s->index[as][k]);
	return r;
}

void bh_side_fini(struct side *s)
{
	for (unsigned as = 0; as < 3; as++)
		for (unsigned k = 0; k < KINDS; k++)
			bh_index_fini(&s->index[as][k]);
	bh_reaches_fini(&s->first);
	bh_meant_fini(&s->law);
}

static bool held(const struct box_index *x, const struct bh_box *b)
{
	for (size_t i = bh_index_next(x, 0, b); i < x->n; i = bh_index_next(x, i + 1, b))
		if (bh_box_holds(&x->v[i], b))
			return true;
	return false;
}

/* what of b no allowed kind holds; < 0 */
static int outside(const struct side *s, unsigned as, unsigned allow, const struct bh_box *b,
	struct bh_boxes *ret_left)
{
	struct bh_boxes left = {0};
	int r = 0;

	for (unsigned k = 0; k < KINDS; k++)
		if ((allow >> k & 1) && held(&s->index[as][k], b)) {
			*ret_left = left;
			return 0;
		}
	r = bh_boxes_add(&left, b);
	for (unsigned k = 0; r == 0 && left.n && k < KINDS; k++) {
		struct bh_boxes next = {0};

		if (!(allow >> k & 1))
			continue;
		for (size_t i = 0; r == 0 && i < left.n; i++)
			r = bh_index_minus(&s->index[as][k], &left.v[i], &next);
		bh_boxes_fini(&left);
		left = next;
	}
	if (r < 0)
		bh_boxes_fini(&left);
	else
		*ret_left = left;
	return r;
}

/* ---- one check ---- */

static int check_seen(struct proof *p, const struct check *c, const struct bh_reach *s)
{
	const struct side *side = &p->side[s->box.fam == 6];
	bool stamp = s->fate == BH_FATE_STAMP;
	unsigned theorem = stamp ? BH_TH_STAMP : c->theorem;
	unsigned allow = stamp ? (c->stamps ? 1u << PERMITS : 0)
			 : c->sc.syn == BH_YES ? c->allow & ~(1u << TURNED) : c->allow;
	struct bh_boxes left = {0};
	int r = 0;

	/* errors between the ends of a pin may be about any connection of theirs; and an expected ICMP
	 * "connection" is none: conntrack knows related ICMP only as errors */
	if (!stamp && c->sc.state == BH_CT_RELATED)
		allow |= 1u << ABOUT;
	r = outside(side, stamp ? 0 : bh_check_view(&c->sc), allow, &s->box, &left);
	for (size_t i = 0; r == 0 && i < left.n; i++)
		bh_check_tell(p, c, theorem, &left.v[i], s);
	bh_boxes_fini(&left);
	return r;
}

static int check_less(struct proof *p, const struct check *c, const struct bh_reaches *seen)
{
	const struct law *l = &p->side[c->in.fam == 6].law;
	struct bh_boxes got = {0};
	struct box_index x = {0};
	int r = 0, e = 0;

	for (size_t i = 0; r == 0 && i < seen->n; i++)
		if (seen->v[i].fate == BH_FATE_ACCEPT && !seen->v[i].maybe)
			r = bh_boxes_add(&got, &seen->v[i].box);
	if (r == 0)
		r = bh_index_make(got.v, got.n, &x);
	bh_boxes_fini(&got);
	if (r < 0)
		return r;
	for (size_t i = 0; e == 0 && i < l->permits.n; i++)
		if (!held(&x, &l->permits.v[i]) && !bh_index_covers(&x, &l->permits.v[i], &e) && e == 0)
			bh_check_tell(p, c, BH_TH_LESS, &l->permits.v[i], NULL);
	bh_index_fini(&x);
	return e;
}

/* Most scenarios accept what the first one did, in the same order: what was found good there, under
 * no wider a law, is not looked at again. */
static bool known(const struct side *s, const struct check *c, struct known *k, const struct bh_reach *b)
{
	size_t end = k->at + 64 < s->first.n ? k->at + 64 : s->first.n;

	if ((s->first_allow & ~c->allow) || bh_check_view(&c->sc) == 2 || !c->stamps)
		return false;
	for (size_t i = k->at; i < end; i++) {
		const struct bh_reach *a = &s->first.v[i];

		if (a->fate != b->fate || !bh_box_holds(&a->box, &b->box) ||
			!bh_box_holds(&b->box, &a->box))
			continue;
		k->at = i + 1;
		k->n += a->maybe == b->maybe;
		return true;
	}
	return false;
}

void bh_check_marks(struct proof *p, const struct check *c)
{
	const struct marks *k = &p->marks;
	bool good = k->n_compared <= 1 && k->n_written <= 1;

	for (size_t i = 0; i < k->n_compared; i++)
		good &= (k->compared[i].value & k->compared[i].mask) != 0; /* 0 is everybody's */
	if (k->n_compared && k->n_written)
		good &= k->compared[0].value == k->written[0].value &&
			k->compared[0].mask == k->written[0].mask;
	if (!good)
		bh_check_tell(p, c, BH_TH_STAMP, &c->in, NULL);
}

int bh_check_run(struct proof *p, const struct check *c)
{
	struct side *side = &p->side[c->in.fam == 6];
	struct bh_reaches seen = {0};
	struct known k = {0};
	uint64_t failed = 0, before = 0;
	int r = bh_walk(p->m, &c->sc, &c->in, DROPS_NONE, &seen, &p->marks);

	for (unsigned t = 0; t < BH_THEOREMS; t++)
		before += p->report->failed[t];
	p->report->runs++;
	p->report->steps += seen.steps;
	p->report->boxes += seen.n;
	p->report->checked[c->theorem]++;
	p->report->checked[BH_TH_STAMP]++;
	for (size_t i = 0; r == 0 && i < seen.n; i++)
		if (!known(side, c, &k, &seen.v[i]))
			r = check_seen(p, c, &seen.v[i]);
	p->report->checked[BH_TH_LESS] += c->exact;
	if (r == 0 && c->exact && (side->first.n == 0 || k.n < side->first.n))
		r = check_less(p, c, &seen);
	for (unsigned t = 0; t < BH_THEOREMS; t++)
		failed += p->report->failed[t];
	if (r == 0 && c->exact && side->first.n == 0 && failed == before) {
		side->first = seen;
		side->first_allow = c->allow;
	} else {
		bh_reaches_fini(&seen);
	}
	return r;
}

static int kept(struct proof *p, const struct check *c, enum drops drops, struct bh_reaches *seen, bool *ret_all)
{
	int r = bh_walk(p->m, &c->sc, &c->in, drops, seen, NULL);

	p->report->runs++;
	p->report->steps += seen->steps;
	*ret_all = true;
	for (size_t i = 0; r == 0 && i < seen->n; i++)
		*ret_all &= seen->v[i].fate != BH_FATE_DROP;
	return r;
}

/* nothing of the box may be dropped */
int bh_check_kept(struct proof *p, const struct check *c)
{
	struct bh_reaches seen = {0};
	bool all;
	int r = kept(p, c, c->whole ? DROPS_MORE : DROPS_ALL, &seen, &all);

	if (r == 0 && !all && c->whole) {
		bh_reaches_fini(&seen);
		r = kept(p, c, DROPS_ALL, &seen, &all);
	}
	p->report->checked[c->theorem]++;
	for (size_t i = 0; r == 0 && i < seen.n; i++)
		if (seen.v[i].fate == BH_FATE_DROP)
			bh_check_tell(p, c, c->theorem, &seen.v[i].box, &seen.v[i]);
	bh_reaches_fini(&seen);
	return r;
}
