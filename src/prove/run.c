/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A box of packets on its way through the chains. One box at a time is taken from a pile and
 * followed; where a rule tells its parts from each other, the parts go their own ways and wait on
 * the pile. Jumps are kept as a list of places to come back to, so nothing here calls itself.
 *
 * What is not certain (a limit, a MAC address nobody named, a set whose elements come and go) goes
 * both ways with the whole box. So the accepted boxes together are never less than what can be
 * accepted, and the dropped ones never less than what can be dropped: "nothing gets through" is
 * asked of the first, "nothing of it is lost" of the second.
 *
 * A conduit's set has many elements, and what lies in none of them would fall into as many pieces.
 * Where everything that is in the set is accepted on the spot, and nobody asks about drops, the
 * whole box goes on instead: whatever of it is accepted later was accepted here already or is
 * accepted rightly, so the union stays exact. Of drops that gives too many, which is enough where none
 * are expected.
 */
#include <errno.h>
#include <stdlib.h>
#include "inside.h"

#define PILE_MAX (1u << 19)
#define STEPS_MAX 500000000u
#define FRAMES_MAX (1u << 20)

struct item {
	struct bh_box b;
	uint32_t chain, rule, step; /* rule: in its chain */
	uint32_t frame;		    /* where to come back to; NONE */
	uint32_t set, elem;	    /* looked up last */
	bool maybe;
	bool covered; /* the whole of what this is a part of has gone on to the next rule already */
};
struct frame {
	uint32_t chain, rule, up, depth;
};
struct run {
	struct bh_model *m;
	const struct bh_scenario *sc;
	struct bh_reaches *seen;
	struct marks *marks;
	struct item *pile;
	struct frame *frames;
	struct item *been; /* places come back to */
	uint32_t *buckets;
	size_t n_pile, cap_pile, n_frames, cap_frames, n_been, cap_been, n_buckets;
	enum drops drops;
	bool no_ct;
};

void bh_reaches_fini(struct bh_reaches *l)
{
	free(l->v);
	*l = (struct bh_reaches){0};
}

static int push(struct run *u, const struct item *it)
{
	int r;

	if (u->n_pile >= PILE_MAX)
		return -E2BIG;
	r = bh_grow((void **)&u->pile, &u->cap_pile, u->n_pile, sizeof *u->pile);
	if (r == 0)
		u->pile[u->n_pile++] = *it;
	return r;
}

static int push_next(struct run *u, const struct item *it, const struct bh_box *b, bool maybe)
{
	struct item next = *it;

	if (it->covered)
		return 0;
	next.b = *b;
	next.rule++;
	next.step = 0;
	next.maybe |= maybe;
	return push(u, &next);
}

static int see(struct run *u, const struct item *it, unsigned fate)
{
	struct bh_reaches *l = u->seen;
	int r;

	if (fate == BH_FATE_DROP && !u->drops)
		return 0;
	if (l->n >= BH_BOXES_MAX)
		return -E2BIG;
	r = bh_grow((void **)&l->v, &l->cap, l->n, sizeof *l->v);
	if (r == 0)
		l->v[l->n++] = (struct bh_reach){.box = it->b,
			.fate = (uint8_t)fate,
			.maybe = it->maybe,
			.chain = it->chain,
			.rule = it->rule,
			.set = it->set,
			.elem = it->elem};
	return r;
}

/* ---- places come back to: reached in the same way by several paths, they are gone on from once ---- */

static bool same_place(const struct item *a, const struct item *b)
{
	return a->chain == b->chain && a->rule == b->rule && a->frame == b->frame &&
	       a->maybe == b->maybe && bh_box_holds(&a->b, &b->b) && bh_box_holds(&b->b, &a->b);
}

static size_t been_bucket(const struct run *u, const struct item *it)
{
	struct {
		bh_u128 slo, dlo;
		uint32_t chain, rule, frame, ports;
	} k;
	size_t at;

	memset(&k, 0, sizeof k);
	k.slo = it->b.slo;
	k.dlo = it->b.dlo;
	k.chain = it->chain;
	k.rule = it->rule;
	k.frame = it->frame;
	k.ports = (uint32_t)it->b.dplo << 16 | it->b.plo;
	at = bh_hash(&k, sizeof k, 11) & (u->n_buckets - 1);
	while (u->buckets[at] != NONE && !same_place(&u->been[u->buckets[at]], it))
		at = (at + 1) & (u->n_buckets - 1);
	return at;
}

static int been_room(struct run *u)
{
	size_t n = u->n_buckets ? u->n_buckets * 2 : 1024;
	int r = bh_grow((void **)&u->been, &u->cap_been, u->n_been, sizeof *u->been);
	uint32_t *v;

	if (r < 0 || 2 * u->n_been < u->n_buckets)
		return r;
	v = malloc(n * sizeof *v);
	if (!v)
		return -ENOMEM;
	free(u->buckets);
	u->buckets = v;
	u->n_buckets = n;
	for (size_t i = 0; i < n; i++)
		v[i] = NONE;
	for (size_t i = 0; i < u->n_been; i++)
		v[been_bucket(u, &u->been[i])] = (uint32_t)i;
	return 0;
}

static int push_once(struct run *u, const struct item *it)
{
	size_t at;
	int r = been_room(u);

	if (r < 0)
		return r;
	at = been_bucket(u, it);
	if (u->buckets[at] != NONE)
		return 0;
	u->been[u->n_been] = *it;
	u->buckets[at] = (uint32_t)u->n_been++;
	return push(u, it);
}

/* a load that cannot be done ends the rule */
static bool loads(const struct run *u, unsigned field, const struct bh_box *b)
{
	if (field == BH_F_CT_SRC4 || field == BH_F_CT_DST4)
		return !u->no_ct && b->fam == 4;
	if (field == BH_F_CT_SRC6 || field == BH_F_CT_DST6)
		return !u->no_ct && b->fam == 6;
	return !u->no_ct || field < BH_F_CT_DIR;
}

/* ---- comparisons ---- */

static bool remember(struct mark *v, size_t *n, uint32_t mask, uint32_t value)
{
	for (size_t i = 0; i < *n; i++)
		if (v[i].mask == mask && v[i].value == value)
			return true;
	if (*n == MARKS)
		return false;
	v[(*n)++] = (struct mark){mask, value};
	return true;
}

static unsigned taken_as(const struct run *u, const struct step *st);

/* something further on in the rule says no for certain: what is uncertain before it does not matter */
static bool ends_anyway(const struct run *u, const struct item *it)
{
	const struct chain *c = &u->m->chains[it->chain];
	const struct rule *r = &u->m->rules[c->first + it->rule];

	for (uint32_t k = it->step + 1; k < r->n; k++) {
		const struct step *s = &u->m->steps[r->first + k];

		if (s->op == BH_X_IN && taken_as(u, s) == BH_AS_MISS)
			return true;
		if (s->op == BH_X_MARK)
			return false;
	}
	return false;
}

/* the part of it->b that goes on in the rule stays in it->b; the rest waits before the next rule.
 * *ret_on false: nothing goes on */
static int compare(struct run *u, struct item *it, const struct step *s, bool *ret_on)
{
	enum dim d = bh_field_dim(u->sc, s->field, &it->b);
	struct bh_box out[10], hit = it->b;
	struct span want;
	enum bh_tri t;
	size_t n;
	int r = 0;

	if (s->field == BH_F_CT_MARK && u->marks &&
		!remember(u->marks->compared, &u->marks->n_compared, word(s->mask), word(s->value)))
		return -E2BIG;
	if (d >= DIMS || !bh_compare_range(s, d, &it->b, &want)) {
		t = d >= DIMS ? bh_compare_open(u->sc, s, &it->b) : BH_MAYBE;
		if (t == BH_MAYBE && ends_anyway(u, it))
			t = BH_NO;
		*ret_on = t != BH_NO;
		if (t != BH_YES)
			r = push_next(u, it, &it->b, t == BH_MAYBE);
		it->maybe |= t == BH_MAYBE;
		it->covered |= t == BH_MAYBE;
		return r;
	}
	if (want.lo > want.hi || !bh_box_cut(&hit, d, want))
		n = 0, *ret_on = false;
	else
		n = bh_box_minus(&it->b, &hit, out), *ret_on = true;
	if (s->cmp != BH_NEQ) {
		if (!*ret_on)
			return push_next(u, it, &it->b, false);
		for (size_t i = 0; r == 0 && i < n; i++)
			r = push_next(u, it, &out[i], false);
		it->b = hit;
		return r;
	}
	if (!*ret_on) { /* all of it is unequal */
		*ret_on = true;
		return 0;
	}
	r = push_next(u, it, &hit, false);
	for (size_t i = 1; r == 0 && i < n; i++) {
		struct item other = *it;

		other.b = out[i];
		other.step++;
		r = push(u, &other);
	}
	*ret_on = n > 0;
	if (n)
		it->b = out[0];
	return r;
}

/* ---- lookups ---- */

/* how the scenario wants this set taken */
static unsigned taken_as(const struct run *u, const struct step *st)
{
	const struct mset *s = &u->m->sets[st->set];
	unsigned side = BH_SIDES;

	if (s->s.role == BH_MS_LAW)
		return BH_AS_IT_IS;
	if (s->s.role == BH_MS_TRIAL)
		return u->sc->trial == BH_MAYBE ? BH_AS_IT_IS
		       : u->sc->trial == BH_YES ? BH_AS_HIT
						: BH_AS_MISS;
	for (unsigned i = 0; i < st->n_parts; i++) {
		unsigned end = bh_field_end(u->sc, st->parts[i].field);

		if (end == BH_SIDE_BOTH)
			continue;
		side = side == BH_SIDES || side == end ? end : (unsigned)BH_SIDE_BOTH;
	}
	return u->sc->cuts[s->s.role][side == BH_SIDES ? BH_SIDE_BOTH : side];
}

static bool jumps(const struct run *u, const struct item *it)
{
	const struct chain *c = &u->m->chains[it->chain];
	const struct rule *r = &u->m->rules[c->first + it->rule];
	const struct step *last = &u->m->steps[r->first + r->n - 1];

	return last->op == BH_X_VERDICT && last->verdict == BH_V_JUMP;
}

static int in_whole(struct run *u, struct item *it, const struct step *st, enum bh_tri t, bool *ret_on)
{
	struct item rest = *it;

	it->set = st->set;
	it->elem = NONE;
	it->maybe |= t == BH_MAYBE;
	*ret_on = t != BH_NO;
	if (t == BH_YES || it->covered)
		return 0;
	it->covered = t == BH_MAYBE;
	rest.rule++;
	rest.step = 0;
	rest.maybe |= t == BH_MAYBE;
	return t == BH_MAYBE && jumps(u, it) ? push_once(u, &rest) : push(u, &rest);
}

static int decide(struct run *u, struct item *it, unsigned verdict, uint32_t chain, bool *ret_on);

static int map_hit(struct run *u, const struct item *it, const struct step *st, uint32_t elem)
{
	const struct mset *s = &u->m->sets[st->set];
	struct item hit = *it;
	bool on = false;
	int r = decide(u, &hit, s->meta[elem].verdict, s->meta[elem].chain, &on);

	return r < 0 || !on ? r : push(u, &hit);
}

static int lookup(struct run *u, struct item *it, const struct step *st, bool *ret_on)
{
	unsigned as = taken_as(u, st);
	struct bh_boxes rest = {0};
	enum dim d[BH_COUNT(st->parts)];
	struct item from = *it;
	struct prep *p;
	bool known = true;
	int r = 0;

	for (unsigned i = 0; i < st->n_parts; i++) {
		d[i] = bh_field_dim(u->sc, st->parts[i].field, &it->b);
		known &= d[i] < DIMS;
	}
	if (as != BH_AS_IT_IS)
		return in_whole(u, it, st,
			as == BH_AS_HIT	   ? BH_YES
			: as == BH_AS_MISS ? BH_NO
					   : BH_MAYBE,
			ret_on);
	if (!known && st->op == BH_X_IN)
		return in_whole(u, it, st, bh_set_as_whole(u->sc, &u->m->sets[st->set], st, &it->b), ret_on);
	if (!known) {
		bh_model_refuse(u->m, "chain %s rule %u: a verdict by what is not known",
			u->m->names[u->m->chains[it->chain].name], it->rule + 1);
		return 1;
	}
	if (st->pure && u->drops == DROPS_MORE && !u->no_ct) { /* hits are accepted: no drops there */
		*ret_on = false;
		return push_next(u, it, &it->b, false);
	}
	r = bh_prep_get(&u->m->sets[st->set], st, d, it->b.fam, &p);
	*ret_on = false;
	for (size_t i = r == 0 ? bh_index_next(&p->ix, 0, &from.b) : 0; r == 0 && i < p->ix.n;
		i = bh_index_next(&p->ix, i + 1, &from.b)) {
		struct item hit = from;

		(void)bh_box_meets(&from.b, &p->ix.v[i], &hit.b);
		hit.set = st->set;
		hit.elem = p->ix.id[i];
		if (st->op == BH_X_MAP) {
			r = map_hit(u, &hit, st, p->ix.id[i]);
			continue;
		}
		if (*ret_on) { /* the one before waits */
			struct item wait = *it;

			wait.step++;
			r = push(u, &wait);
		}
		*it = hit;
		*ret_on = true;
	}
	if (r)
		return r;
	if (*ret_on && st->pure && u->drops != DROPS_ALL && !u->no_ct)
		return push_next(u, &from, &from.b, false);
	r = bh_index_minus(&p->ix, &from.b, &rest);
	for (size_t i = 0; r == 0 && i < rest.n; i++)
		r = push_next(u, &from, &rest.v[i], false);
	bh_boxes_fini(&rest);
	return r;
}

/* ---- verdicts ---- */

static int come_back(struct run *u, struct item *it, bool *ret_on)
{
	const struct chain *base;
	struct item back = *it;

	*ret_on = false;
	if (it->frame == NONE) { /* the end: the policy of the hook */
		uint32_t c = u->m->base[u->sc->hook];

		base = &u->m->chains[c];
		back.chain = c;
		back.rule = NONE - 1;
		return see(u, &back, base->policy == BH_V_ACCEPT ? BH_FATE_ACCEPT : BH_FATE_DROP);
	}
	back.chain = u->frames[it->frame].chain;
	back.rule = u->frames[it->frame].rule;
	back.frame = u->frames[it->frame].up;
	back.step = 0;
	back.covered = false;
	return push_once(u, &back);
}

static int jump(struct run *u, struct item *it, uint32_t chain)
{
	uint32_t depth = it->frame == NONE ? 0 : u->frames[it->frame].depth;
	struct frame f = {it->chain, it->rule + 1, it->frame, depth + 1};
	int r;

	if (depth == JUMPS) {
		bh_model_refuse(u->m, "chain %s rule %u: more than %d jumps deep",
			u->m->names[u->m->chains[it->chain].name], it->rule + 1, JUMPS);
		return 1;
	}
	/* boxes of one rule jump one after another: they share the way back */
	if (u->n_frames == 0 || memcmp(&u->frames[u->n_frames - 1], &f, sizeof f) != 0) {
		if (u->n_frames == FRAMES_MAX)
			return -E2BIG;
		r = bh_grow((void **)&u->frames, &u->cap_frames, u->n_frames, sizeof f);
		if (r < 0)
			return r;
		u->frames[u->n_frames++] = f;
	}
	it->frame = (uint32_t)u->n_frames - 1;
	it->chain = chain;
	it->rule = it->step = 0;
	it->covered = false;
	return 0;
}

/* *ret_on: it goes on, where it then stands */
static int decide(struct run *u, struct item *it, unsigned verdict, uint32_t chain, bool *ret_on)
{
	*ret_on = false;
	switch (verdict) {
	case BH_V_ACCEPT:
		return see(u, it, BH_FATE_ACCEPT);
	case BH_V_DROP:
		return see(u, it, BH_FATE_DROP);
	case BH_V_RETURN:
		return come_back(u, it, ret_on);
	case BH_V_JUMP:
		*ret_on = true;
		return jump(u, it, chain);
	case BH_V_GOTO:
		*ret_on = true;
		it->chain = chain;
		it->rule = it->step = 0;
		it->covered = false;
		return 0;
	}
	*ret_on = true; /* continue */
	it->step++;
	return 0;
}

static int stamp(struct run *u, const struct item *it, const struct step *st)
{
	if (u->marks &&
		!remember(u->marks->written, &u->marks->n_written, word(st->mask), word(st->value)))
		return -E2BIG;
	return see(u, it, BH_FATE_STAMP);
}

/* one step of one box; *ret_on false: nothing of it goes on from here */
static int take_step(struct run *u, struct item *it, const struct step *st, bool *ret_on)
{
	enum bh_tri t = BH_MAYBE;
	int r = 0;

	*ret_on = true;
	switch (st->op) {
	case BH_X_LOAD:
		if (!loads(u, st->field, &it->b)) {
			*ret_on = false;
			r = push_next(u, it, &it->b, false);
		}
		break;
	case BH_X_CMP:
		r = compare(u, it, st, ret_on);
		break;
	case BH_X_IN:
	case BH_X_MAP:
		r = lookup(u, it, st, ret_on);
		break;
	case BH_X_VERDICT:
		return decide(u, it, st->verdict, st->chain, ret_on);
	case BH_X_DROP:
		*ret_on = false;
		return see(u, it, BH_FATE_DROP);
	case BH_X_MAYBE:
		t = u->sc->limits;
		*ret_on = t != BH_NO;
		if (t != BH_YES)
			r = push_next(u, it, &it->b, t == BH_MAYBE);
		it->maybe |= t == BH_MAYBE;
		it->covered |= t == BH_MAYBE;
		break;
	case BH_X_MARK:
		r = stamp(u, it, st);
		break;
	}
	if (r == 0 && *ret_on)
		it->step++;
	return r;
}

static int follow(struct run *u, struct item *it)
{
	bool on = true;
	int r = 0;

	while (r == 0 && on) {
		const struct chain *c = &u->m->chains[it->chain];
		const struct rule *rule;

		if (++u->seen->steps > STEPS_MAX)
			return -E2BIG;
		if (it->rule >= c->n) {
			r = come_back(u, it, &on);
			continue;
		}
		rule = &u->m->rules[c->first + it->rule];
		if (it->step >= rule->n) {
			if (it->covered)
				return 0;
			it->rule++;
			it->step = 0;
			continue;
		}
		r = take_step(u, it, &u->m->steps[rule->first + it->step], &on);
	}
	return r;
}

int bh_walk(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *in, enum drops drops,
	struct bh_reaches *io_seen, struct marks *io_marks)
{
	struct run u = {.m = m,
		.sc = sc,
		.seen = io_seen,
		.marks = io_marks,
		.drops = drops,
		.no_ct = sc->state == BH_CT_INVALID || sc->state == BH_CT_UNTRACKED};
	struct item it = {.b = *in, .frame = NONE, .set = NONE, .elem = NONE};
	int r;

	if (!m->frozen || m->why[0])
		return 1;
	it.chain = m->base[sc->hook];
	if (it.chain == NONE) { /* nobody listens there */
		it.rule = NONE - 1;
		return see(&u, &it, BH_FATE_ACCEPT);
	}
	r = push(&u, &it);
	while (r == 0 && u.n_pile) {
		it = u.pile[--u.n_pile];
		r = follow(&u, &it);
	}
	free(u.pile);
	free(u.frames);
	free(u.been);
	free(u.buckets);
	return r;
}
