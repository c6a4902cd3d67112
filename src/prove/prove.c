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
 *             the value written, and only it, is the value compared. An ICMP error stamps the
 *             connection it speaks of, so that one must be permitted.
 *   manage    like pins, at the input hook.
 *
 * In mode observe the law drops nothing, and that is what is shown; cuts are not looked at.
 */
#include "proof.h"

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
	{BH_CT_NEW, false, false, BH_YES},
	{BH_CT_ESTABLISHED, false, false, BH_YES},
	{BH_CT_ESTABLISHED, true, false, BH_YES},
	{BH_CT_RELATED, false, false, BH_YES},
	{BH_CT_RELATED, true, false, BH_YES},
	{BH_CT_NEW, false, false, BH_NO},
	{BH_CT_ESTABLISHED, false, false, BH_NO},
	{BH_CT_ESTABLISHED, true, false, BH_NO},
	{BH_CT_RELATED, false, true, BH_NO},
	{BH_CT_RELATED, true, true, BH_NO},
	{BH_CT_INVALID, false, false, BH_YES},
	{BH_CT_INVALID, false, false, BH_NO},
	{BH_CT_UNTRACKED, false, false, BH_YES},
	{BH_CT_UNTRACKED, false, false, BH_NO},
};

static void put_situation(struct check *c, const struct situation *s)
{
	c->sc.state = s->state;
	c->sc.reply = s->reply;
	c->sc.icmp_error = s->error;
	c->sc.syn = s->syn;
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
		c.exact = !cuts && !bh_check_view(&c.sc); /* errors pass with the stamp */
		c.who = cuts ? "anything cut" : NULL;
		r = bh_check_run(p, &c);
		if (r == 0 && i + 1 == BH_COUNT(situations))
			bh_check_marks(p, &c);
	}
	return r;
}

/* the other law's stamp must not be taken for this one's */
static int prove_apart(struct proof *p, uint8_t fam)
{
	struct check c = begin(p, BH_TH_STAMP, fam, BH_AS_MISS);
	struct marks other = {0};
	struct bh_reaches seen = {0};
	bool switched = false;
	int r;

	for (size_t i = 0; i < p->m->n_sets; i++)
		switched |= p->m->sets[i].s.role == BH_MS_TRIAL;
	if (!switched)
		return 0;
	c.sc.trial = p->trial ? BH_NO : BH_YES;
	c.sc.syn = BH_MAYBE;
	c.who = "the other law";
	r = bh_walk(p->m, &c.sc, &c.in, DROPS_NONE, &seen, &other);
	bh_reaches_fini(&seen);
	for (size_t i = 0; r == 0 && i < other.n_written; i++)
		for (size_t k = 0; k < p->marks.n_compared; k++)
			if (((other.written[i].value ^ p->marks.compared[k].value) &
				    p->marks.compared[k].mask & other.written[i].mask) == 0)
				bh_check_tell(p, &c, BH_TH_STAMP, &c.in, NULL);
	return r;
}

static int prove_observe(struct proof *p, uint8_t fam)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		struct check c = begin(p, BH_TH_LESS, fam, BH_AS_EITHER);

		put_situation(&c, &situations[i]);
		c.sc.stamped = BH_MAYBE;
		c.whole = true;
		r = bh_check_kept(p, &c);
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
		if (bh_check_view(&c.sc) == 2 && (s->syn == BH_YES || !bh_box_as_segment(&c.in)))
			continue; /* without a connection only the middle of one can be known */
		r = bh_check_kept(p, &c);
	}
	return r;
}

static int prove_turned(struct proof *p, uint8_t fam, size_t index)
{
	static const uint8_t states[] = {BH_CT_NEW, BH_CT_INVALID, BH_CT_UNTRACKED};
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(states); i++) {
		struct check c = begin(p, BH_TH_PIN, fam, BH_AS_EITHER);

		c.in = p->side[fam == 6].law.turned.v[index];
		c.sc.state = states[i];
		c.sc.syn = BH_NO;
		r = bh_check_kept(p, &c);
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
		c.sc.state = i & 1 ? BH_CT_ESTABLISHED : BH_CT_NEW;
		c.sc.syn = c.sc.stamped = BH_MAYBE;
		r = bh_check_kept(p, &c);
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
		r = bh_check_run(p, &c);
	}
	return r;
}

/* Towards this box. What it opened itself is its own: answers are left out, and ICMPv6 is taken as
 * neighbour discovery, whose types no box knows. */
static int prove_at_home(struct proof *p, uint8_t fam, unsigned how)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++) {
		struct check c = begin(p, BH_TH_CUT, fam, BH_AS_EITHER);

		if (situations[i].reply || situations[i].error)
			continue;
		put_situation(&c, &situations[i]);
		c.sc.hook = BH_HOOK_INPUT;
		c.sc.stamped = BH_MAYBE;
		c.sc.cuts[iso[how]][BH_SIDE_SRC] = BH_AS_HIT;
		c.allow = BIT(PINS) | BIT(TURNED) | BIT(REMEDIES) | BIT(HOME);
		c.who = "isolated, to this box";
		r = bh_check_run(p, &c);
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
		r = bh_check_run(p, &c);
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
		r = bh_check_run(p, &c);
	}
	for (unsigned side = BH_SIDE_SRC; r == 0 && side <= BH_SIDE_DST; side++) {
		c = other_cut(p, fam, side ? "into an island" : "out of an island", s);
		c.sc.cuts[BH_MS_ISLAND][side] = BH_AS_HIT;
		c.sc.cuts[BH_MS_ISLAND_IN][BH_SIDE_BOTH] = BH_AS_MISS;
		r = bh_check_run(p, &c);
	}
	for (unsigned proto = 6; r == 0 && proto <= 17; proto += 11) {
		c = other_cut(p, fam, "connection killed", s);
		c.in.plo = c.in.phi = (uint8_t)proto;
		c.sc.cuts[BH_MS_KILL][BH_SIDE_BOTH] = BH_AS_HIT;
		r = bh_check_run(p, &c);
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
		r = bh_check_run(p, &c);
	}
	return r;
}

static int prove_cuts(struct proof *p, uint8_t fam)
{
	int r = 0;

	for (unsigned side = BH_SIDE_SRC; r == 0 && side <= BH_SIDE_DST; side++)
		for (unsigned how = 0; r == 0 && how < BH_COUNT(iso); how++)
			r = prove_isolated(p, fam, side, how);
	for (unsigned how = 0; r == 0 && how < BH_COUNT(iso); how++)
		r = prove_at_home(p, fam, how);
	if (r == 0)
		r = prove_shielded(p, fam);
	for (size_t i = 0; r == 0 && i < BH_COUNT(situations); i++)
		if (!situations[i].error && situations[i].state <= BH_CT_RELATED)
			r = prove_slow_cuts(p, fam, &situations[i]);
	return r;
}

static int prove_family(struct proof *p, uint8_t fam)
{
	int r = bh_side_make(p->plan, p->beside, fam, &p->side[fam == 6]);

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

/* what no rule has an answer to: none today, and it shall stay that way after a mistake */
static void prove_policy(struct proof *p)
{
	struct check c = begin(p, BH_TH_MORE, 4, BH_AS_MISS);
	uint32_t base = p->m->base[BH_HOOK_FORWARD];
	const struct bh_reach by = {.chain = base, .rule = NONE - 1};

	if (base == NONE || p->m->chains[base].policy == BH_V_ACCEPT)
		bh_check_tell(p, &c, BH_TH_MORE, &c.in, &by);
}

int bh_prove_law(
	struct bh_model *m, const struct bh_plan *plan, const struct bh_plan *beside, bool trial,
	struct bh_prove_report *report)
{
	struct proof p = {.m = m,
		.plan = plan,
		.beside = beside,
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
	if (r == 0 && !p.observe && !trial)
		prove_policy(&p);
	bh_side_fini(&p.side[0]);
	bh_side_fini(&p.side[1]);
	if (r == 1)
		bh_strcpy(report->refused, sizeof report->refused, bh_model_why(m));
	for (unsigned t = 0; r == 0 && t < BH_THEOREMS; t++)
		if (report->failed[t])
			r = 2;
	return r;
}
