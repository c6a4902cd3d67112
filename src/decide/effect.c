/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Did the cut do what was said? The kernel's word is that the rule stands; whether it stands in the way is seen on the wire.
 * A connection that began after an isolation was confirmed and was answered, with the isolated host at one end and no pin,
 * remedy or gateway at the other, went around this box or through something that passes our rules by. It is told once for
 * each order: the order is not wrong, it does not reach far enough, and only a person can do something about that.
 */
#include <stdio.h>
#include "inside.h"

#define GRACE BH_SEC(2) /* frames that were under way, and the order of several workers' events */

static bool holds(const struct bh_order *o, const struct bh_event *ev)
{
	for (unsigned i = 0; i < o->n_cuts; i++) {
		const struct bh_cut *c = &o->cuts[i];

		if (c->what == BH_CUT_MAC ? bh_mac_eq(&c->mac, &ev->mac_src) : bh_prefix_has(&c->net, &ev->src) || bh_prefix_has(&c->net, &ev->dst))
			return true;
	}
	return false;
}

static bool remedied(const struct bh_plan *law, const struct bh_event *ev)
{
	for (size_t i = 0; i < law->n_remedies; i++) {
		const struct bh_plan_remedy *r = &law->remedies[i];

		if (bh_prefix_has(&r->to, &ev->dst) && (!r->proto || (r->proto == ev->proto && r->lo <= ev->dport && ev->dport <= r->hi)))
			return true;
	}
	return false;
}

static struct bh_order *passed_by(struct bh_core *c, const struct bh_event *ev)
{
	for (size_t i = 0; i < c->n_orders; i++) {
		struct bh_order *o = &c->orders[i];

		if (o->kind == BH_CUT_ISOLATE && o->state == BH_VERB_APPLIED && !o->leaks && ev->u.flow.start > o->at + o->us * 1000 + GRACE && holds(o, ev))
			return o;
	}
	return NULL;
}

void bh_effect_step(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	char src[BH_ADDR_TEXT], dst[BH_ADDR_TEXT], proto[4];
	struct bh_order *o, said;

	/* a capture file goes on whatever would have been cut */
	if (!c->opts.tick || ev->kind != BH_EV_FLOW_OUTCOME || ev->outcome != BH_OUT_SUCCESS || !(ev->flags & BH_EVF_TWOWAY))
		return;
	o = passed_by(c, ev);
	if (!o || bh_core_is_self(c, &ev->src) || bh_core_is_self(c, &ev->dst) || remedied(&c->law, ev) ||
		bh_policy_judge(c->opts.policy, &ev->src, &ev->dst, ev->proto, ev->dport).rule == BH_RULE_PIN)
		return;
	o->leaks = true;
	said = *o;
	bh_strcpy(said.by, sizeof said.by, "sensor");
	snprintf(said.reason, sizeof said.reason, "%s > %s %s/%u was answered all the same: %s", bh_addr_print(&ev->src, src), bh_addr_print(&ev->dst, dst),
		bh_proto_name(ev->proto, proto), ev->dport,
		bh_policy_one_segment(c->opts.policy, &ev->src, &ev->dst) ? "within the segment, not through this box" : "by another path than through this box's rules");
	bh_core_action(c, &said, BH_VERB_INEFFECTIVE, NULL, out);
}
