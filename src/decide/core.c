/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core's one step. An event is folded into the state, shown to the detectors that want its kind, and what they find goes
 * up the ladder. Commands and kernel acknowledgements are events too, so the record of a morning replays with what people did.
 *
 *   event ── state ──► sight ── detectors ──► finding ── ledger, attribution ──► ladder ──► order ──► record
 *
 * Nothing here knows the time except through ev->at, and nothing leaves except through bh_out and the plan.
 */
#include <errno.h>
#include <stdlib.h>
#include "decide/inside.h"

void bh_core_wants(struct bh_core *c)
{
	memset(c->n_asked, 0, sizeof c->n_asked);
	for (size_t i = 0; i < bh_n_detectors; i++) {
		const struct bh_detector *d = bh_detectors[i];

		for (unsigned kind = 0; kind < BH_EV_KINDS; kind++)
			if ((d->wants & BH_WANTS(kind)) && !(d->idle && d->idle(c->opts.policy)))
				c->asked[kind][c->n_asked[kind]++] = (uint8_t)i;
	}
}

static int open_shared(struct bh_core *c)
{
	for (size_t i = 0; i < bh_n_detectors; i++)
		if (bh_detectors[i]->shared_size && !(c->shared[i] = calloc(1, bh_detectors[i]->shared_size)))
			return -ENOMEM;
	return 0;
}

int bh_core_open(const struct bh_core_opts *opts, struct bh_core **ret_core)
{
	struct bh_state_limits lim = {.hosts = opts->hosts ? opts->hosts : opts->bare ? 4096 : 65536,
		.filter_bits = opts->bare ? 20 : 27,
		.seed = opts->seed};
	struct bh_core *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	for (size_t i = 0; i < bh_n_detectors; i++) {
		lim.plane_bytes[i] = bh_detectors[i]->host_size;
		lim.plane_hosts[i] = bh_detectors[i]->hosts;
	}
	c->opts = *opts;
	if (!opts->watch)
		c->opts.watch = c->watch = bh_watch_builtin();
	if (!opts->gadgets)
		c->opts.gadgets = c->gadgets = bh_gadgets_builtin();
	lim.watch = c->opts.watch;
	lim.gadgets = c->opts.gadgets;
	lim.ouis = opts->ouis;
	lim.self = c->self;
	bh_core_wants(c);
	c->mode = opts->mode >= 0 ? (uint8_t)opts->mode : opts->policy->response.mode;
	c->n_self = opts->n_self < BH_COUNT(c->self) ? opts->n_self : BH_COUNT(c->self);
	if (c->n_self)
		memcpy(c->self, opts->self, c->n_self * sizeof *c->self);
	lim.n_self = c->n_self;
	c->orders = calloc(ORDERS, sizeof *c->orders);
	c->next_order = 1;
	r = c->orders && lim.watch && lim.gadgets ? bh_state_open(&lim, opts->policy, &c->state) : -ENOMEM;
	if (r == 0)
		r = open_shared(c);
	if (r == 0 && (bh_stories_open(c) || bh_apart_open(c)))
		r = -ENOMEM;
	if (r == 0)
		r = bh_seen_open(opts->seed, &c->seen);
	if (r == 0)
		r = bh_plan_compile(opts->policy, opts->generation ? opts->generation : 1, &c->law);
	if (r < 0) {
		bh_core_close(c);
		return r;
	}
	c->law.mode = c->mode;
	c->now = opts->now;
	r = bh_gates_open(c);
	if (r < 0) {
		bh_core_close(c);
		return r;
	}
	c->tokens = 1000 * (int64_t)opts->policy->response.burst;
	*ret_core = c;
	return 0;
}

void bh_core_close(struct bh_core *c)
{
	if (!c)
		return;
	bh_plan_fini(&c->law);
	bh_state_close(c->state);
	bh_seen_close(c->seen);
	bh_gates_close(c);
	for (size_t i = 0; i < BH_MAX_DETECTORS; i++)
		free(c->shared[i]);
	bh_apart_close(c);
	bh_watch_free(c->watch);
	bh_gadgets_free(c->gadgets);
	free(c->stories);
	free(c->orders);
	free(c);
}

unsigned bh_core_mode(const struct bh_core *c)
{
	return c->mode;
}

struct bh_state *bh_core_state(struct bh_core *c)
{
	return c->state;
}

const struct bh_seen_table *bh_core_seen(const struct bh_core *c)
{
	return c->seen;
}

void bh_core_counters(const struct bh_core *c, struct bh_core_counters *ret_counters)
{
	*ret_counters = c->n;
	bh_state_counters(c->state, &ret_counters->state);
	for (size_t i = 0; i < c->n_orders; i++) {
		unsigned kind = bh_order_standing(&c->orders[i]) ? c->orders[i].kind : BH_CUT_NONE;

		ret_counters->isolated += kind == BH_CUT_ISOLATE;
		ret_counters->shielded += kind == BH_CUT_SHIELD;
		ret_counters->contained += kind == BH_CUT_CONTAIN;
		ret_counters->islands += kind == BH_CUT_ISLAND;
		ret_counters->killed += kind == BH_CUT_KILL;
	}
}

/* Of ourselves we believe nothing, but what is plugged into this box; and a redirect in our name accuses whom it sends to. */
static bool though_ours(const struct bh_event *ev)
{
	return (ev->kind == BH_EV_USB && ev->u.usb.via == BH_USB_SENSOR) || (ev->kind == BH_EV_RA && ev->u.ra.op == BH_RA_REDIRECT);
}

static void detect(struct bh_core *c, struct bh_sight *s, struct bh_out *out)
{
	unsigned kind = s->ev->kind;
	bool alone = bh_is_alone(s->ev);
	const struct bh_host *who = s->who ? s->who : s->src; /* the source may be what is claimed */
	struct bh_finding f;

	if (!s->src || (bh_core_is_self(c, &who->addr) && !though_ours(s->ev)))
		return;
	for (unsigned k = 0; k < c->n_asked[kind]; k++) {
		unsigned i = c->asked[kind][k];
		const struct bh_detector *d = bh_detectors[i];
		void *mine[2] = {NULL, NULL};

		if (d->cares && !d->cares(s))
			continue;
		if (alone) {
			mine[0] = bh_apart_of(c, i, &s->src->addr);
			if (d->peer && s->dst && s->dst != s->src)
				mine[1] = bh_apart_of(c, i, &s->dst->addr);
		} else if (d->host_size && d->peer && s->dst && s->dst != s->src) {
			bh_state_pair(c->state, s->src, s->dst, i, mine);
		} else if (d->host_size) {
			mine[0] = bh_state_bytes(c->state, s->src, i);
		}
		s->peer = mine[1];
		s->shared = alone ? bh_apart_shared(c, i) : c->shared[i];
		if (!d->observe(s, mine[0], &f))
			continue;
		c->n.findings++;
		if (!f.pkt)
			f.pkt = c->last_pkt;
		bh_core_judge(c, s, &f, i, out);
	}
}

static bh_ns moved(bh_ns t, int64_t by)
{
	return by < 0 && t < (bh_ns)-by ? 0 : t + (bh_ns)by;
}

/*
 * Live, the next event is never far. A clock that leaps - set by hand, or after a sleep - has not made the kernel's timers
 * run otherwise, so what was left of every order is still left, and no budget is filled by it. A sensor's event may be late;
 * only our own clock says that it was set back.
 */
void bh_core_clock(struct bh_core *c, bh_ns at, bool ours)
{
	bh_ns near = c->opts.tick + BH_MIN(1);
	int64_t leap;

	if (c->opts.tick && c->now && (at > c->now + near || (ours && at + near < c->now))) {
		leap = (int64_t)(at - c->now);
		for (size_t i = 0; i < c->n_orders; i++)
			if (bh_order_standing(&c->orders[i]))
				c->orders[i].until = moved(c->orders[i].until, leap);
		c->tokens_at = c->tokens_at ? moved(c->tokens_at, leap) : 0;
		c->sick_until = c->sick_until > c->now ? moved(c->sick_until, leap) : 0;
		bh_posture_shift(c, leap);
		c->now = at;
	}
	if (at > c->now)
		c->now = at;
}

int bh_core_step(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	struct bh_sight s;

	c->n.events++;
	bh_core_clock(c, ev->at, ev->kind == BH_EV_TICK || ev->kind == BH_EV_COMMAND || ev->kind == BH_EV_KERNEL);
	if (ev->pkt > c->last_pkt)
		c->last_pkt = ev->pkt;
	bh_seen_step(c->seen, ev);
	bh_core_expire(c, out);
	switch (ev->kind) {
	case BH_EV_TICK:
		break;
	case BH_EV_COMMAND:
		bh_core_command(c, ev, out);
		break;
	case BH_EV_KERNEL:
		bh_core_kernel(c, ev, out);
		break;
	case BH_EV_GAP:
		if (ev->u.gap.why == BH_GAP_KERNEL || ev->u.gap.why == BH_GAP_RING)
			c->sick_until = c->now + BH_MIN(5);
		break;
	case BH_EV_FLOW_CLASS: /* changes no state: only for who wants to see it */
		if (!c->n_asked[ev->kind])
			break;
		/* fall through */
	default:
		bh_state_step(c->state, ev, &s);
		if (s.was)
			bh_ledger_join(&s.src->ledger, &s.was->ledger, c->now);
		bh_order_follow(c, &s, out);
		bh_effect_step(c, ev, out);
		detect(c, &s, out);
	}
	bh_stories_step(c, out);
	bh_core_again(c, out);
	bh_posture_step(c, out);
	return 0;
}
