/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Posture: what each conduit is down to. Three things close one, and the strictest counts:
 *
 *   hours     a drawbridge is closed outside its window; an alert or an isolation may raise it before the window is over
 *   breaker   a response that stands against a host of either zone closes a part, or all but pins
 *   a person  by hand, for a time; a breaker set to normal ignores the responses of until then, not the next one
 *
 * It is worked out anew whenever something it hangs on has changed or a time of its own has come, never remembered otherwise.
 * A changed posture makes the law another: the version grows, and whoever applies laws sees that. Observing, only the hours
 * are kept, since nothing is dropped anyway.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "decide/inside.h"

#define NEVER UINT64_MAX

struct bh_standing { /* a standing response in a zone */
	uint16_t zone;
	uint8_t step; /* enum bh_trip */
	uint32_t order;
};

#define ORPHANS 256u
struct bh_orphan {
	char name[BH_NAME];
	struct bh_gate gate;
};

const char *bh_why_name(unsigned why)
{
	static const char *const n[BH_WHY_COUNT] = {"none", "hours", "raised", "breaker", "operator"};

	return n[why < BH_WHY_COUNT ? why : 0];
}

int bh_gates_open(struct bh_core *c)
{
	size_t n = c->opts.policy->n_conduits;

	c->gates = calloc(n ? n : 1, sizeof *c->gates);
	c->trips = calloc(ORDERS * (BH_ORDER_CUTS + 1), sizeof *c->trips);
	c->orphans = calloc(ORPHANS, sizeof *c->orphans);
	if (!c->gates || !c->trips || !c->orphans)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		c->gates[i].now.conduit = (uint32_t)i;
	c->posture_dirty = true;
	bh_posture_step(c, NULL);
	return 0;
}

void bh_gates_close(struct bh_core *c)
{
	free(c->gates);
	free(c->trips);
	free(c->orphans);
}

static bool kept(const struct bh_gate *g)
{
	return g->now.state || g->breaker_hand || g->bridge_hand || g->raised_until || g->passed;
}

/* true: the policy has a conduit of this name, and the gate is its */
static bool place(const struct bh_policy *p, struct bh_gate *gates, const char *name, const struct bh_gate *g)
{
	for (size_t k = 0; k < p->n_conduits; k++)
		if (strcmp(p->conduits[k].name, name) == 0) {
			gates[k] = *g;
			return true;
		}
	return false;
}

/* It may come back, when a policy on trial is taken back. The oldest is forgotten when there are too many. */
static void put_aside(struct bh_core *c, const char *name, const struct bh_gate *g)
{
	if (c->n_orphans == ORPHANS)
		memmove(c->orphans, c->orphans + 1, --c->n_orphans * sizeof *c->orphans);
	bh_strcpy(c->orphans[c->n_orphans].name, sizeof c->orphans[0].name, name);
	c->orphans[c->n_orphans++].gate = *g;
}

/* what people and alerts have done to a conduit stays with its name */
int bh_gates_policy(struct bh_core *c, const struct bh_policy *before)
{
	const struct bh_policy *p = c->opts.policy;
	struct bh_gate *v = calloc(p->n_conduits ? p->n_conduits : 1, sizeof *v);
	size_t left = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_orphans; i++)
		if (!place(p, v, c->orphans[i].name, &c->orphans[i].gate))
			c->orphans[left++] = c->orphans[i];
	c->n_orphans = left;
	for (size_t i = 0; i < before->n_conduits; i++)
		if (kept(&c->gates[i]) && !place(p, v, before->conduits[i].name, &c->gates[i]))
			put_aside(c, before->conduits[i].name, &c->gates[i]);
	for (size_t k = 0; k < p->n_conduits; k++) {
		v[k].now.conduit = (uint32_t)k;
		c->law_stale |= v[k].now.state != BH_CONDUIT_NORMAL; /* as it was compiled just now */
		if (!p->conduits[k].drawbridge.closes)
			v[k].bridge_hand = BH_SET_NONE;
	}
	free(c->gates);
	c->gates = v;
	c->posture_dirty = true;
	return 0;
}

/* ---- breakers ---- */
static unsigned step_of(unsigned kind)
{
	switch (kind) {
	case BH_CUT_SHIELD:
		return BH_TRIP_SHIELD;
	case BH_CUT_CONTAIN:
		return BH_TRIP_CONTAIN;
	case BH_CUT_ISOLATE:
	case BH_CUT_ISLAND:
		return BH_TRIP_ISOLATE;
	}
	return BH_TRIP_NEVER;
}

static void add_trip(struct bh_core *c, const struct bh_order *o, const struct bh_addr *a)
{
	uint16_t z = bh_addr_none(a) ? BH_ZONE_NONE : bh_policy_zone_of(c->opts.policy, a);

	if (z == BH_ZONE_NONE)
		return;
	for (size_t i = c->n_trips; i-- > 0 && c->trips[i].order == o->id;)
		if (c->trips[i].zone == z)
			return;
	c->trips[c->n_trips++] = (struct bh_standing){z, (uint8_t)step_of(o->kind), o->id};
}

static void collect_trips(struct bh_core *c)
{
	c->n_trips = 0;
	for (size_t i = 0; i < c->n_orders; i++) {
		const struct bh_order *o = &c->orders[i];

		if (!bh_order_standing(o) || !step_of(o->kind))
			continue;
		add_trip(c, o, &o->host);
		for (unsigned k = 0; k < o->n_cuts; k++)
			if (o->cuts[k].what != BH_CUT_MAC)
				add_trip(c, o, &o->cuts[k].net.net);
	}
}

static void stricter(struct bh_posture *p, unsigned state, unsigned why, bh_ns until)
{
	if (state <= p->state)
		return;
	p->state = (uint8_t)state;
	p->why = (uint8_t)why;
	p->until = until;
}

static void by_breaker(const struct bh_core *c, const struct bh_conduit *u, const struct bh_gate *g, struct bh_posture *p)
{
	unsigned step = BH_TRIP_NEVER, state = BH_CONDUIT_NORMAL;
	uint32_t order = 0;

	if (!u->breaker.admin_off && !u->breaker.pins_only)
		return;
	for (size_t i = 0; i < c->n_trips; i++) {
		const struct bh_standing *t = &c->trips[i];

		if ((t->zone == u->from || t->zone == u->to) && t->order > g->passed && t->step > step) {
			step = t->step;
			order = t->order;
		}
	}
	if (u->breaker.admin_off && step >= u->breaker.admin_off)
		state = BH_CONDUIT_NO_ADMIN;
	if (u->breaker.pins_only && step >= u->breaker.pins_only)
		state = BH_CONDUIT_CLOSED;
	if (state > p->state)
		p->order = order;
	stricter(p, state, BH_WHY_BREAKER, 0);
}

/* ---- drawbridges ---- */
static bool in_hours(const struct bh_core *c, const struct bh_drawbridge *d, bh_ns *ret_until)
{
	bool down = bh_drawbridge_down(d, c->now, c->opts.offset_s, ret_until);

	return down && c->now; /* before the first event it is no time at all: closed */
}

static void by_hours(const struct bh_core *c, const struct bh_conduit *u, const struct bh_gate *g, struct bh_posture *p, bh_ns *io_next)
{
	bh_ns change;
	bool down;

	if (!u->drawbridge.closes)
		return;
	down = in_hours(c, &u->drawbridge, &change);
	if (change > c->now && change < *io_next)
		*io_next = change;
	if (g->bridge_hand == BH_SET_LOWER) {
		p->why = p->state ? p->why : BH_WHY_OPERATOR;
		p->until = p->state ? p->until : g->bridge_until;
		return;
	}
	if (!down)
		stricter(p, BH_CONDUIT_CLOSED, BH_WHY_HOURS, change);
	else if (g->raised_until > c->now && c->mode != BH_MODE_OBSERVE)
		stricter(p, BH_CONDUIT_CLOSED, BH_WHY_RAISED, g->raised_until);
}

/* An alert or an isolation: an open bridge that listens for it closes until its window is over; so does one lowered by hand. */
void bh_posture_raise(struct bh_core *c, unsigned raise_on)
{
	const struct bh_policy *p = c->opts.policy;

	for (size_t i = 0; i < p->n_conduits && c->mode != BH_MODE_OBSERVE; i++) {
		const struct bh_drawbridge *d = &p->conduits[i].drawbridge;
		struct bh_gate *g = &c->gates[i];
		bh_ns until;

		/* who listens for alerts hears of an isolation too */
		if (!d->closes || !d->raise_on || d->raise_on > raise_on)
			continue;
		if (g->bridge_hand == BH_SET_LOWER)
			g->bridge_hand = BH_SET_NONE;
		if (in_hours(c, d, &until))
			g->raised_until = until;
		c->posture_dirty = true;
	}
}

/* ---- people ---- */
static int no(struct bh_refused *r, unsigned code, const char *fmt, const char *name)
{
	memset(r, 0, sizeof *r);
	r->code = (uint8_t)code;
	snprintf(r->text, sizeof r->text, fmt, name);
	return 1;
}

static void set_breaker(struct bh_core *c, struct bh_gate *g, unsigned set, bh_ns until)
{
	g->breaker_hand = set == BH_SET_NORMAL ? BH_SET_NONE : (uint8_t)set;
	g->breaker_until = until;
	if (set == BH_SET_NORMAL)
		g->passed = c->next_order - 1;
}

static void set_bridge(struct bh_gate *g, unsigned set, bh_ns until)
{
	g->bridge_hand = set == BH_SET_AUTO ? BH_SET_NONE : (uint8_t)set;
	g->bridge_until = until;
	if (set != BH_SET_RAISE)
		g->raised_until = 0;
}

int bh_posture_command(struct bh_core *c, const struct bh_event *ev, bool act, struct bh_order *o, struct bh_refused *r)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	const struct bh_policy *p = c->opts.policy;
	bool bridge = cmd->verb == BH_CMD_DRAWBRIDGE, shuts = cmd->set == BH_SET_ADMIN_OFF || cmd->set == BH_SET_PINS_ONLY || cmd->set == BH_SET_RAISE;
	struct bh_gate *g;
	char text[24];
	size_t i = 0;

	memset(o, 0, sizeof *o);
	bh_strcpy(o->by, sizeof o->by, cmd->by);
	bh_strcpy(o->reason, sizeof o->reason, cmd->reason);
	bh_strcpy(o->because, sizeof o->because, "operator");
	bh_strcpy(o->name, sizeof o->name, cmd->target);
	o->at = c->now;
	while (i < p->n_conduits && strcmp(p->conduits[i].name, cmd->target))
		i++;
	if (i == p->n_conduits)
		return no(r, BH_REF_UNKNOWN, "no conduit is called '%.60s'", cmd->target);
	if (bridge && !p->conduits[i].drawbridge.closes)
		return no(r, BH_REF_UNKNOWN, "conduit %s has no drawbridge; `bulkhead breaker` closes any conduit", p->conduits[i].name);
	if (bridge ? cmd->set < BH_SET_RAISE || cmd->set > BH_SET_AUTO : cmd->set < BH_SET_NORMAL || cmd->set > BH_SET_PINS_ONLY)
		return no(r, BH_REF_UNKNOWN, bridge ? "a drawbridge is set to raise, lower or auto, not %s" : "a breaker is set to normal, admin-off or pins-only, not %s",
			bh_set_name(cmd->set));
	o->ttl = cmd->ttl ? cmd->ttl : shuts ? p->response.ttl_isolate : p->response.ttl_shield;
	if (o->ttl > c->law.max_ttl)
		return no(r, BH_REF_TTL, "longer than the limit of %s", bh_duration_print(c->law.max_ttl, text));
	if (cmd->set != BH_SET_NORMAL && cmd->set != BH_SET_AUTO)
		o->until = c->now + o->ttl;
	if (!act)
		return 0;
	g = &c->gates[i];
	if (bridge)
		set_bridge(g, cmd->set, o->until);
	else
		set_breaker(c, g, cmd->set, o->until);
	bh_strcpy(g->by, sizeof g->by, cmd->by);
	bh_strcpy(g->reason, sizeof g->reason, cmd->reason);
	g->say = true;
	c->posture_dirty = true;
	return 0;
}

static void by_hand(const struct bh_core *c, struct bh_gate *g, struct bh_posture *p, bh_ns *io_next)
{
	if (g->breaker_hand && g->breaker_until <= c->now)
		g->breaker_hand = BH_SET_NONE;
	if (g->bridge_hand && g->bridge_until <= c->now)
		g->bridge_hand = BH_SET_NONE;
	if (g->breaker_hand && g->breaker_until < *io_next)
		*io_next = g->breaker_until;
	if (g->bridge_hand && g->bridge_until < *io_next)
		*io_next = g->bridge_until;
	if (c->mode == BH_MODE_OBSERVE)
		return;
	if (g->breaker_hand)
		stricter(p, g->breaker_hand == BH_SET_PINS_ONLY ? BH_CONDUIT_CLOSED : BH_CONDUIT_NO_ADMIN, BH_WHY_OPERATOR, g->breaker_until);
	if (g->bridge_hand == BH_SET_RAISE)
		stricter(p, BH_CONDUIT_CLOSED, BH_WHY_OPERATOR, g->bridge_until);
}

void bh_posture_shift(struct bh_core *c, int64_t by)
{
	for (size_t i = 0; i < c->opts.policy->n_conduits; i++) {
		c->gates[i].breaker_until += c->gates[i].breaker_hand ? (bh_ns)by : 0;
		c->gates[i].bridge_until += c->gates[i].bridge_hand ? (bh_ns)by : 0;
	}
	for (size_t i = 0; i < c->n_orphans; i++) {
		c->orphans[i].gate.breaker_until += (bh_ns)by;
		c->orphans[i].gate.bridge_until += (bh_ns)by;
	}
	c->posture_dirty = true; /* the hours themselves are another */
}

/* ---- all of it ---- */
static void tell(struct bh_core *c, struct bh_gate *g, struct bh_out *out)
{
	struct bh_record *r;

	if (!out || out->n == BH_OUT_RECORDS) {
		c->posture_dirty = true; /* at the next step */
		return;
	}
	r = bh_core_emit(c, out, BH_REC_POSTURE);
	r->posture = g->now;
	if (g->say) { /* who said it, even where something stricter holds */
		bh_strcpy(r->posture.by, sizeof r->posture.by, g->by);
		bh_strcpy(r->posture.reason, sizeof r->posture.reason, g->reason);
	}
	g->now.was = g->now.state;
	g->say = false;
}

static void decide(struct bh_core *c, const struct bh_conduit *u, struct bh_gate *g, struct bh_out *out)
{
	struct bh_posture p = {.conduit = g->now.conduit, .was = g->now.was, .since = g->now.since};

	by_hand(c, g, &p, &c->posture_next);
	if (c->mode != BH_MODE_OBSERVE)
		by_breaker(c, u, g, &p);
	by_hours(c, u, g, &p, &c->posture_next);
	if (p.why == BH_WHY_OPERATOR) {
		bh_strcpy(p.by, sizeof p.by, g->by);
		bh_strcpy(p.reason, sizeof p.reason, g->reason);
	}
	if (p.state != g->now.state) {
		p.since = c->now;
		c->law_version++;
		c->law_stale = true;
	}
	g->now = p;
	if (p.state != p.was || g->say)
		tell(c, g, out);
}

void bh_posture_step(struct bh_core *c, struct bh_out *out)
{
	const struct bh_policy *p = c->opts.policy;

	if (!c->posture_dirty && c->now < c->posture_next)
		return;
	c->posture_dirty = false;
	c->posture_next = NEVER;
	collect_trips(c);
	for (size_t i = 0; i < p->n_conduits; i++) {
		const struct bh_conduit *u = &p->conduits[i];
		struct bh_gate *g = &c->gates[i];

		if (u->breaker.admin_off || u->breaker.pins_only || u->drawbridge.closes || g->breaker_hand || g->say || g->now.state)
			decide(c, u, g, out);
	}
}

int bh_posture_compile(struct bh_core *c)
{
	const struct bh_policy *p = c->opts.policy;
	uint8_t *states = malloc(p->n_conduits ? p->n_conduits : 1);
	struct bh_plan law;
	int r;

	if (!states)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_conduits; i++)
		states[i] = c->gates[i].now.state;
	r = bh_plan_compile_as(p, states, c->law.generation % 65535 + 1, &law);
	free(states);
	if (r < 0)
		return r;
	law.mode = c->mode;
	law.cuts = c->law.cuts;
	law.n_cuts = c->law.n_cuts;
	c->law.cuts = NULL;
	c->law.n_cuts = 0;
	bh_plan_fini(&c->law);
	c->law = law;
	return 0;
}

void bh_core_offset(struct bh_core *c, int32_t offset_s)
{
	c->posture_dirty |= offset_s != c->opts.offset_s;
	c->opts.offset_s = offset_s;
}

const struct bh_posture *bh_core_posture(const struct bh_core *c, size_t conduit)
{
	return &c->gates[conduit].now;
}

uint64_t bh_core_law_version(const struct bh_core *c)
{
	return c->law_version;
}

static void again(const struct bh_core *c, size_t conduit, unsigned verb, unsigned set, bh_ns until, const char *by, const char *reason, struct bh_event *ev)
{
	memset(ev, 0, sizeof *ev);
	ev->kind = BH_EV_COMMAND;
	ev->at = c->now;
	ev->u.command.verb = (uint8_t)verb;
	ev->u.command.set = (uint8_t)set;
	ev->u.command.ttl = until - c->now;
	bh_strcpy(ev->u.command.target, sizeof ev->u.command.target, c->opts.policy->conduits[conduit].name);
	bh_strcpy(ev->u.command.by, sizeof ev->u.command.by, by);
	bh_strcpy(ev->u.command.reason, sizeof ev->u.command.reason, reason);
}

unsigned bh_core_hands(const struct bh_core *c, size_t conduit, struct bh_event ret_commands[2])
{
	const struct bh_gate *g = &c->gates[conduit];
	unsigned n = 0;

	if (g->breaker_hand && g->breaker_until > c->now)
		again(c, conduit, BH_CMD_BREAKER, g->breaker_hand, g->breaker_until, g->by, g->reason, &ret_commands[n++]);
	if (g->bridge_hand && g->bridge_until > c->now)
		again(c, conduit, BH_CMD_DRAWBRIDGE, g->bridge_hand, g->bridge_until, g->by, g->reason, &ret_commands[n++]);
	else if (g->raised_until > c->now)
		again(c, conduit, BH_CMD_DRAWBRIDGE, BH_SET_RAISE, g->raised_until, "rule", "raised before the core was started again", &ret_commands[n++]);
	return n;
}
