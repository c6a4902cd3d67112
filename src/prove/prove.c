/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Six theorems about a ruleset, shown for every packet there is.
 *
 * The space of packets is cut along what a rule can ask: family, the addresses, protocol and ports of
 * the connection's first packet are ranges (a box); direction, connection state, stamp, SYN and what
 * is cut are the scenario. A theorem is a handful of scenarios, each run once over the whole space,
 * and a comparison of the boxes that come out with the boxes the plan means (law.c).
 *
 *   no-more   nothing cut, not stamped: accepted minus permits and pins is empty, in both directions,
 *             every state, for ICMP errors, and for packets without a connection. Once more with every
 *             cut set taken "either way": then the remedies may be reached as well, and nothing else.
 *             Asked of the accepted boxes, which are never too few.
 *   no-less   permits minus what is accepted for certain is empty.
 *   pins      with every cut set, the stamp and every limit "either way", nothing of a pin is among
 *             the dropped boxes, which are never too few. That covers every isolation of any address,
 *             MAC or network there could be, and all of them at once, not only those that stand.
 *   cuts      a lookup in the set of a cut is made to hit: any host, isolated in any of three ways,
 *             as the one who opened the connection or the one spoken to, stamped or not, reaches pins
 *             and remedies. The same for shield, contain, island and kill with pins alone. And what is
 *             written in the sets now is what the plan says: each isolation of it, taken as it stands.
 *   stamp     the accept by stamp is left out of no-more. That is right as long as a connection is
 *             stamped only by a packet the same law permits, whatever was cut: so each write of the
 *             mark met in any run must lie within the permits, an isolated host must meet none, and
 *             the value written, and only it, is the value compared. An ICMP error speaks for a
 *             connection of a protocol not known to it, so only "any protocol" covers its stamp.
 *   manage    like pins, at the input hook.
 *
 * In mode observe the law drops nothing, and that is what is shown; cuts are not looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"

enum { PERMITS, PINS, TURNED, REMEDIES, ABOUT, KINDS }; /* about: ICMP between the ends of pins */
struct side { /* one family */
	struct law law;
	/* [1]: as ICMP errors about connections; [2]: as packets without a connection */
	struct box_index index[3][KINDS];
	struct box_index any; /* permits of any protocol */
	struct bh_seens first; /* what the first scenario accepted, when it was good */
	unsigned first_allow;
};
struct known { /* how far a run went along with the first */
	size_t at, n;
};
struct proof {
	struct bh_model *m;
	const struct bh_plan *plan;
	struct bh_prove_report *report;
	struct marks marks;
	struct side side[2];
	bool trial, observe;
};
struct check {
	uint8_t theorem;
	struct bh_scenario sc;
	struct bh_box in;
	unsigned allow;	 /* bits of kinds */
	bool exact;	 /* and not less than the permits */
	bool stamps;	 /* may stamp what is permitted */
	const char *who; /* of the cuts */
};

static unsigned view(const struct bh_scenario *sc)
{
	return sc->icmp_error ? 1 : sc->state >= BH_STATE_INVALID ? 2 : 0;
}

/* ---- findings ---- */

static void tell(struct proof *p, const struct check *c, unsigned theorem, const struct bh_box *box,
	const struct bh_seen *by)
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

static bool as_error(struct bh_box *b, bool pin)
{
	uint8_t icmp = b->fam == 4 ? 1 : 58;

	if (!pin && (icmp < b->plo || icmp > b->phi))
		return false;
	b->plo = b->phi = icmp;
	b->splo = b->dplo = 0;
	b->sphi = b->dphi = 65535;
	return true;
}

static bool as_segment(struct bh_box *b)
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

		if (kind == ABOUT && as > 0)
			continue;
		if ((as == 1 || kind == ABOUT) && !as_error(&b, kind == PINS || kind == ABOUT))
			continue;
		if (as == 2 && (kind == PERMITS || kind == REMEDIES || !as_segment(&b)))
			continue;
		r = bh_boxes_add(&l, &b);
	}
	if (r == 0)
		r = bh_index_make(l.v, l.n, ret);
	bh_boxes_fini(&l);
	return r;
}

static int make_any(const struct bh_boxes *permits, struct box_index *ret)
{
	struct bh_boxes l = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < permits->n; i++)
		if (permits->v[i].plo == 0 && permits->v[i].phi == 255)
			r = bh_boxes_add(&l, &permits->v[i]);
	if (r == 0)
		r = bh_index_make(l.v, l.n, ret);
	bh_boxes_fini(&l);
	return r;
}

static int make_side(const struct bh_plan *plan, uint8_t fam, struct side *s)
{
	int r = bh_meant_make(plan, fam, &s->law);
	const struct bh_boxes *of[KINDS] = {&s->law.permits, &s->law.pins, &s->law.turned,
		&s->law.remedies, &s->law.pins};

	for (unsigned as = 0; r == 0 && as < 3; as++)
		for (unsigned k = 0; r == 0 && k < KINDS; k++)
			r = make_index(of[k], k, as, &s->index[as][k]);
	return r < 0 ? r : make_any(&s->law.permits, &s->any);
}

static void side_fini(struct side *s)
{
	for (unsigned as = 0; as < 3; as++)
		for (unsigned k = 0; k < KINDS; k++)
			bh_index_fini(&s->index[as][k]);
	bh_index_fini(&s->any);
	bh_seens_fini(&s->first);
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

static int check_seen(struct proof *p, const struct check *c, const struct bh_seen *s)
{
	const struct side *side = &p->side[s->box.fam == 6];
	bool stamp = s->fate == BH_FATE_STAMP;
	unsigned theorem = stamp ? BH_TH_STAMP : c->theorem;
	unsigned allow = stamp ? (c->stamps ? 1u << PERMITS : 0)
			 : c->sc.syn == BH_YES ? c->allow & ~(1u << TURNED) : c->allow;
	struct bh_boxes left = {0};
	int r = 0;

	/* an expected ICMP "connection" is none: conntrack knows related ICMP only as errors */
	if (!stamp && c->sc.state == BH_STATE_RELATED)
		allow |= 1u << ABOUT;
	if (stamp && c->stamps && c->sc.icmp_error) {
		if (held(&side->any, &s->box))
			return 0;
		/* the box speaks of the error's protocol: the connection it stamps may have any other */
		r = bh_index_minus(&side->any, &s->box, &left);
	} else {
		r = outside(side, stamp ? 0 : view(&c->sc), allow, &s->box, &left);
	}
	for (size_t i = 0; r == 0 && i < left.n; i++)
		tell(p, c, theorem, &left.v[i], s);
	bh_boxes_fini(&left);
	return r;
}

static int check_less(struct proof *p, const struct check *c, const struct bh_seens *seen)
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
			tell(p, c, BH_TH_LESS, &l->permits.v[i], NULL);
	bh_index_fini(&x);
	return e;
}

/* Most scenarios accept what the first one did, in the same order: what was found good there, under
 * no wider a law, is not looked at again. */
static bool known(const struct side *s, const struct check *c, struct known *k, const struct bh_seen *b)
{
	size_t end = k->at + 64 < s->first.n ? k->at + 64 : s->first.n;

	if ((s->first_allow & ~c->allow) || view(&c->sc) || !c->stamps)
		return false;
	for (size_t i = k->at; i < end; i++) {
		const struct bh_seen *a = &s->first.v[i];

		if (a->fate != b->fate || !bh_box_holds(&a->box, &b->box) ||
			!bh_box_holds(&b->box, &a->box))
			continue;
		k->at = i + 1;
		k->n += a->maybe == b->maybe;
		return true;
	}
	return false;
}

static void check_marks(struct proof *p, const struct check *c)
{
	const struct marks *k = &p->marks;
	bool good = k->n_compared <= 1 && k->n_written <= 1;

	for (size_t i = 0; i < k->n_compared; i++)
		good &= (k->compared[i].value & k->compared[i].mask) != 0; /* 0 is everybody's */
	if (k->n_compared && k->n_written)
		good &= k->compared[0].value == k->written[0].value &&
			k->compared[0].mask == k->written[0].mask;
	if (!good)
		tell(p, c, BH_TH_STAMP, &c->in, NULL);
}

static int check_run(struct proof *p, const struct check *c)
{
	struct side *side = &p->side[c->in.fam == 6];
	struct bh_seens seen = {0};
	struct known k = {0};
	uint64_t failed = 0, before = 0;
	int r = bh_run(p->m, &c->sc, &c->in, false, &seen, &p->marks);

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
		bh_seens_fini(&seen);
	}
	return r;
}

/* nothing of the box may be dropped */
static int check_kept(struct proof *p, const struct check *c)
{
	struct bh_seens seen = {0};
	int r = bh_run(p->m, &c->sc, &c->in, true, &seen, NULL);

	p->report->runs++;
	p->report->steps += seen.steps;
	p->report->checked[c->theorem]++;
	for (size_t i = 0; r == 0 && i < seen.n; i++)
		if (seen.v[i].fate == BH_FATE_DROP)
			tell(p, c, c->theorem, &seen.v[i].box, &seen.v[i]);
	bh_seens_fini(&seen);
	return r;
}

static struct check begin(const struct proof *p, unsigned theorem, uint8_t fam, unsigned cuts)
{
	struct check c = {.theorem = (uint8_t)theorem, .in = bh_box_all(fam)};

	c.sc.hook = BH_HOOK_FORWARD;
	c.sc.trial = p->trial ? BH_YES : BH_NO;
	c.sc.limits = BH_MAYBE;
	memset(c.sc.cuts, (int)cuts, sizeof c.sc.cuts);
	return c;
}

/* ---- no-more, no-less, stamp ---- */

#define BIT(k) (1u << (k))

struct situation {
	uint8_t state;
	bool reply, error;
	uint8_t syn;
};
static const struct situation situations[] = {
	{BH_STATE_NEW, false, false, BH_YES},
	{BH_STATE_ESTABLISHED, false, false, BH_YES},
	{BH_STATE_ESTABLISHED, true, false, BH_YES},
	{BH_STATE_RELATED, false, false, BH_YES},
	{BH_STATE_RELATED, true, false, BH_YES},
	{BH_STATE_NEW, false, false, BH_NO},
	{BH_STATE_ESTABLISHED, false, false, BH_NO},
	{BH_STATE_ESTABLISHED, true, false, BH_NO},
	{BH_STATE_RELATED, false, true, BH_NO},
	{BH_STATE_RELATED, true, true, BH_NO},
	{BH_STATE_INVALID, false, false, BH_YES},
	{BH_STATE_INVALID, false, false, BH_NO},
	{BH_STATE_UNTRACKED, false, false, BH_YES},
	{BH_STATE_UNTRACKED, false, false, BH_NO},
};

static void put_situation(struct check *c, const struct situation *s)
{
	c->sc.state = s->state;
	c->sc.reply = s->reply;
	c->sc.icmp_error = s->error;
	c->sc.syn = s->syn;
	if (s->error)
		(void)as_error(&c->in, true);
}

static int prove_paths(struct proof *p, uint8_t fam, bool cuts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		const struct situation *s = &situations[i];
		struct check c = begin(p, BH_TH_MORE, fam, cuts ? BH_AS_EITHER : BH_AS_MISS);

		put_situation(&c, s);
		c.stamps = true;
		c.allow = BIT(PERMITS) | BIT(PINS);
		if (s->syn == BH_NO)
			c.allow |= BIT(TURNED);
		if (cuts)
			c.allow |= BIT(REMEDIES);
		c.exact = !cuts && !view(&c.sc);
		c.who = cuts ? "anything cut" : NULL;
		r = check_run(p, &c);
		if (r == 0 && i + 1 == BH_COUNT(situations))
			check_marks(p, &c);
	}
	return r;
}

/* the other law's stamp must not be taken for this one's */
static int prove_apart(struct proof *p, uint8_t fam)
{
	struct check c = begin(p, BH_TH_STAMP, fam, BH_AS_MISS);
	struct marks other = {0};
	struct bh_seens seen = {0};
	bool switched = false;
	int r;

	for (size_t i = 0; i < p->m->n_sets; i++)
		switched |= p->m->sets[i].s.role == BH_MS_TRIAL;
	if (!switched)
		return 0;
	c.sc.trial = p->trial ? BH_NO : BH_YES;
	c.sc.syn = BH_MAYBE;
	c.who = "the other law";
	r = bh_run(p->m, &c.sc, &c.in, false, &seen, &other);
	bh_seens_fini(&seen);
	for (size_t i = 0; r == 0 && i < other.n_written; i++)
		for (size_t k = 0; k < p->marks.n_compared; k++)
			if (((other.written[i].value ^ p->marks.compared[k].value) &
				    p->marks.compared[k].mask & other.written[i].mask) == 0)
				tell(p, &c, BH_TH_STAMP, &c.in, NULL);
	return r;
}

static int prove_observe(struct proof *p, uint8_t fam)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		struct check c = begin(p, BH_TH_LESS, fam, BH_AS_EITHER);

		put_situation(&c, &situations[i]);
		c.sc.stamped = BH_MAYBE;
		r = check_kept(p, &c);
	}
	return r;
}

/* ---- pins, manage ---- */

static int prove_pin(struct proof *p, uint8_t fam, size_t index)
{
	const struct bh_box *pin = &p->side[fam == 6].law.pins.v[index];
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		const struct situation *s = &situations[i];
		struct check c = begin(p, BH_TH_PIN, fam, BH_AS_EITHER);

		put_situation(&c, s);
		c.in = *pin;
		c.sc.stamped = BH_MAYBE;
		if (s->error)
			(void)as_error(&c.in, true);
		if (view(&c.sc) == 2 && (s->syn == BH_YES || !as_segment(&c.in)))
			continue; /* without a connection only the middle of one can be known */
		r = check_kept(p, &c);
	}
	return r;
}

static int prove_turned(struct proof *p, uint8_t fam, size_t index)
{
	static const uint8_t states[] = {BH_STATE_NEW, BH_STATE_INVALID, BH_STATE_UNTRACKED};
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(states); i++) {
		struct check c = begin(p, BH_TH_PIN, fam, BH_AS_EITHER);

		c.in = p->side[fam == 6].law.turned.v[index];
		c.sc.state = states[i];
		c.sc.syn = BH_NO;
		r = check_kept(p, &c);
	}
	return r;
}

static int prove_pins(struct proof *p, uint8_t fam)
{
	const struct law *l = &p->side[fam == 6].law;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->pins.n; i++)
		r = prove_pin(p, fam, i);
	for (size_t i = 0; r == 0 && i < l->turned.n; i++)
		r = prove_turned(p, fam, i);
	for (size_t i = 0; r == 0 && i < 2 * l->manage.n; i++) {
		struct check c = begin(p, BH_TH_MANAGE, fam, BH_AS_EITHER);

		c.in = l->manage.v[i / 2];
		c.sc.hook = BH_HOOK_INPUT;
		c.sc.state = i & 1 ? BH_STATE_ESTABLISHED : BH_STATE_NEW;
		c.sc.syn = c.sc.stamped = BH_MAYBE;
		r = check_kept(p, &c);
	}
	return r;
}

/* ---- cuts ---- */

static const uint8_t iso[] = {BH_MS_ISO_ADDR, BH_MS_ISO_NET, BH_MS_ISO_MAC};

/* A host is isolated in one way. The one spoken to: its peer is not isolated, so that a remedy of
 * the peer's is no excuse. A MAC address is seen only when its owner speaks. */
static int prove_isolated(struct proof *p, uint8_t fam, unsigned side, unsigned how)
{
	static const char *const names[2][3] = {
		{"source isolated by address", "source isolated by network", "source isolated by MAC"},
		{"destination isolated by address", "destination isolated by network",
			"destination isolated by MAC"}};
	unsigned peer = side == BH_SIDE_SRC ? BH_SIDE_DST : BH_SIDE_SRC;
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		const struct situation *s = &situations[i];
		struct check c = begin(p, BH_TH_CUT, fam, BH_AS_EITHER);

		if (how == 2 && s->reply != (side == BH_SIDE_DST))
			continue;
		put_situation(&c, s);
		c.sc.stamped = BH_MAYBE;
		c.who = names[side][how];
		c.allow = BIT(PINS) | BIT(TURNED);
		if (side == BH_SIDE_SRC)
			c.allow |= BIT(REMEDIES);
		for (size_t k = 0; k < BH_COUNT(iso) && side == BH_SIDE_DST; k++)
			c.sc.cuts[iso[k]][peer] = BH_AS_MISS;
		c.sc.cuts[iso[how]][side] = BH_AS_HIT;
		if (s->error && (s->reply ? BH_SIDE_SRC : BH_SIDE_DST) != side && how < 2)
			continue; /* an error to the peer, from wherever */
		r = check_run(p, &c);
	}
	return r;
}

static struct check other_cut(
	const struct proof *p, uint8_t fam, const char *who, const struct situation *s)
{
	struct check c = begin(p, BH_TH_CUT, fam, BH_AS_EITHER);

	put_situation(&c, s);
	for (size_t k = 0; k < BH_COUNT(iso); k++)
		memset(c.sc.cuts[iso[k]], BH_AS_MISS, BH_SIDES);
	c.allow = BIT(PINS) | BIT(TURNED);
	c.who = who;
	return c;
}

static int prove_shielded(struct proof *p, uint8_t fam)
{
	const struct law *l = &p->side[fam == 6].law;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->critical.n; i++) {
		struct check c = other_cut(p, fam, "source shielded", &situations[0]);

		c.in = l->critical.v[i];
		c.sc.stamped = BH_MAYBE;
		c.sc.syn = BH_MAYBE;
		c.sc.cuts[BH_MS_SHIELD][BH_SIDE_SRC] = BH_AS_HIT;
		r = check_run(p, &c);
	}
	return r;
}

static int prove_slow_cuts(struct proof *p, uint8_t fam, const struct situation *s)
{
	struct check c = other_cut(p, fam, "source contained", s);
	int r = 0;

	c.in.plo = c.in.phi = 6;
	c.sc.cuts[BH_MS_CONTAIN][BH_SIDE_SRC] = BH_AS_HIT;
	for (size_t i = 0; r == 0 && i < bh_plan_n_admin_ports; i++) {
		c.in.dplo = c.in.dphi = bh_plan_admin_ports[i];
		r = check_run(p, &c);
	}
	for (unsigned side = BH_SIDE_SRC; r == 0 && side <= BH_SIDE_DST; side++) {
		c = other_cut(p, fam, side ? "into an island" : "out of an island", s);
		c.sc.cuts[BH_MS_ISLAND][side] = BH_AS_HIT;
		c.sc.cuts[BH_MS_ISLAND_IN][BH_SIDE_BOTH] = BH_AS_MISS;
		r = check_run(p, &c);
	}
	for (unsigned proto = 6; r == 0 && proto <= 17; proto += 11) {
		c = other_cut(p, fam, "connection killed", s);
		c.in.plo = c.in.phi = (uint8_t)proto;
		c.sc.cuts[BH_MS_KILL][BH_SIDE_BOTH] = BH_AS_HIT;
		r = check_run(p, &c);
	}
	return r;
}

/* what the plan itself cuts, with the elements as they are */
static int prove_standing(struct proof *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->plan->n_cuts; i++) {
		const struct bh_cut *cut = &p->plan->cuts[i];
		bool mac = cut->what == BH_CUT_MAC;
		uint8_t fam = mac ? 4 : bh_prefix_fam(&cut->net);
		struct check c = begin(p, BH_TH_CUT, fam, BH_AS_MISS);

		if (cut->kind != BH_CUT_ISOLATE)
			continue;
		if (!mac)
			bh_box_narrow(&c.in, DIM_S, bh_prefix_span(&cut->net));
		else
			c.sc.mac = &cut->mac;
		for (size_t k = 0; k < BH_COUNT(iso); k++)
			memset(c.sc.cuts[iso[k]], BH_AS_IT_IS, BH_SIDES);
		c.sc.stamped = c.sc.syn = BH_MAYBE;
		c.allow = BIT(PINS) | BIT(TURNED) | BIT(REMEDIES);
		c.who = "isolated by the plan";
		r = check_run(p, &c);
	}
	return r;
}

static int prove_cuts(struct proof *p, uint8_t fam)
{
	int r = 0;

	for (unsigned side = BH_SIDE_SRC; r == 0 && side <= BH_SIDE_DST; side++)
		for (unsigned how = 0; r == 0 && how < BH_COUNT(iso); how++)
			r = prove_isolated(p, fam, side, how);
	if (r == 0)
		r = prove_shielded(p, fam);
	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++)
		if (!situations[i].error && situations[i].state <= BH_STATE_RELATED)
			r = prove_slow_cuts(p, fam, &situations[i]);
	return r;
}

static int prove_family(struct proof *p, uint8_t fam)
{
	int r = make_side(p->plan, fam, &p->side[fam == 6]);

	if (r == 0 && p->observe) {
		r = prove_observe(p, fam);
	} else if (r == 0) {
		r = prove_paths(p, fam, false);
		if (r == 0)
			r = prove_paths(p, fam, true);
		if (r == 0)
			r = prove_cuts(p, fam);
	}
	if (r == 0)
		r = prove_pins(p, fam);
	return r < 0 || r ? r : prove_apart(p, fam);
}

int bh_prove_law(
	struct bh_model *m, const struct bh_plan *plan, bool trial, struct bh_prove_report *report)
{
	struct proof p = {.m = m,
		.plan = plan,
		.report = report,
		.trial = trial,
		.observe = plan->mode == BH_MODE_OBSERVE};
	int r;

	memset(report, 0, sizeof *report);
	r = bh_model_freeze(m);
	if (r == 0)
		r = prove_family(&p, 4);
	if (r == 0)
		r = prove_family(&p, 6);
	if (r == 0 && !p.observe)
		r = prove_standing(&p);
	side_fini(&p.side[0]);
	side_fini(&p.side[1]);
	if (r == 1)
		bh_strcpy(report->refused, sizeof report->refused, bh_model_why(m));
	for (unsigned t = 0; r == 0 && t < BH_THEOREMS; t++)
		if (report->failed[t])
			r = 2;
	return r;
}
