/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another law under the same memory: what was learned of hosts stays true, what the policy said of them is asked again. */
#include <stdlib.h>
#include "decide/inside.h"

bool bh_pin_touches(const struct bh_pin *p, const struct bh_prefix *net)
{
	for (size_t i = 0; i < p->from.n; i++)
		if (bh_prefix_overlaps(&p->from.v[i], net))
			return true;
	for (size_t i = 0; i < p->to.n; i++)
		if (bh_prefix_overlaps(&p->to.v[i], net))
			return true;
	return false;
}

/* pins are kept in orders as places in the policy, which has changed */
static void repin(struct bh_core *c, struct bh_order *o)
{
	const struct bh_policy *p = c->opts.policy;

	o->n_pins = 0;
	for (size_t i = 0; bh_order_standing(o) && i < p->n_pins; i++)
		for (unsigned k = 0; k < o->n_cuts; k++)
			if (o->cuts[k].what != BH_CUT_MAC && bh_pin_touches(&p->pins[i], &o->cuts[k].net)) {
				if (o->n_pins < BH_ORDER_PINS)
					o->pins[o->n_pins++] = (uint32_t)i;
				break;
			}
}

int bh_core_policy(struct bh_core *c, const struct bh_policy *policy)
{
	uint32_t generation = c->law.generation % 65535 + 1;
	const struct bh_policy *before = c->opts.policy;
	struct bh_plan law;
	int r = bh_plan_compile(policy, generation, &law);

	if (r < 0)
		return r;
	c->opts.policy = policy;
	r = bh_gates_policy(c, before);
	if (r < 0) {
		c->opts.policy = before;
		bh_plan_fini(&law);
		return r;
	}
	if (c->opts.mode < 0 && c->mode == before->response.mode)
		c->mode = policy->response.mode; /* nobody has said otherwise since */
	law.mode = c->mode;
	bh_plan_fini(&c->law);
	c->law = law;
	bh_core_wants(c);
	bh_state_policy(c->state, policy);
	for (size_t i = 0; i < c->n_orders; i++)
		repin(c, &c->orders[i]);
	c->law_dirty = true;
	c->law_version++; /* the law is another in any case */
	bh_posture_step(c, NULL);
	return 0;
}

void bh_core_limit(struct bh_core *c)
{
	for (size_t i = 0; i < c->n_orders; i++)
		if (bh_order_standing(&c->orders[i]) && c->orders[i].until > c->now + c->law.max_ttl)
			c->orders[i].until = c->now + c->law.max_ttl;
	c->law_dirty = true;
}
