/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An order is against a device, so it follows it: an address the device takes later is cut with the others. Only what is certainly
 * its own - bound on the wire, disputed by nobody, and used in an answered connection - or it could drag an innocent
 * neighbour under the cut by naming his address; a lease alone can be forged. What the policy declares is its host's. The guard is
 * asked again; what it refuses stays as it is.
 */
#include "decide/inside.h"

/* an answered connection from an address that is surely a device's own, and nobody else's by the policy; false = none */
static bool taken(const struct bh_sight *s, struct bh_addr *ret_addr, struct bh_mac *ret_mac)
{
	if (s->ev->kind != BH_EV_FLOW_OUTCOME || !s->own || !s->src->verified || s->src->declared || s->src->conflict_until > s->ev->at)
		return false;
	*ret_addr = s->src->addr;
	*ret_mac = s->dev->mac;
	return true;
}

static bool has(const struct bh_order *o, const struct bh_addr *a)
{
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (o->cuts[i].what == BH_CUT_ADDR && bh_prefix_has(&o->cuts[i].net, a))
			return true;
	return false;
}

static bool follows(const struct bh_order *o)
{
	return bh_order_standing(o) && !bh_mac_none(&o->mac) && (o->kind == BH_CUT_ISOLATE || o->kind == BH_CUT_CONTAIN || o->kind == BH_CUT_SHIELD) &&
	       o->n_cuts < BH_ORDER_CUTS;
}

void bh_order_follow(struct bh_core *c, const struct bh_sight *s, struct bh_out *out)
{
	struct bh_addr a;
	struct bh_mac m;

	if (!s->dev || !taken(s, &a, &m))
		return;
	for (size_t i = 0; i < c->n_orders; i++) {
		struct bh_order *o = &c->orders[i], wider;
		struct bh_prefix net = bh_prefix_host(&a);
		struct bh_refused r;

		if (!follows(o) || !bh_mac_eq(&o->mac, &m) || has(o, &a))
			continue;
		wider = *o;
		wider.ttl = o->until > c->now ? o->until - c->now : BH_MS(1);
		bh_order_add(&wider, BH_CUT_ADDR, &net, NULL);
		wider.ttl = o->ttl;
		wider.cuts[wider.n_cuts - 1].order = o->id;
		bh_strcpy(wider.cuts[wider.n_cuts - 1].because, sizeof wider.cuts[0].because, o->because);
		wider.n_pins = 0;
		if (bh_order_guard(c, &wider, &r))
			continue;
		*o = wider;
		c->law_dirty = true;
		bh_core_action(c, o, BH_VERB_REQUESTED, NULL, out);
	}
}
