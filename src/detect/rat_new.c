/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rat.new (L8) - a remote-control program on a host that may not have it
 *
 * The classifier names the application by content (a port alone is no evidence), the watch-list says which are for remote control, and
 * the policy allows one where a conduit or pin names it in its apps, or the host has role rmm. 1.5 bans; 2.0 with a shield from a kiosk
 * or an OT zone. Once a day for each host.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_rat_new;

static bool allowed(const struct bh_sight *s)
{
	const struct bh_conduit *c;

	if (s->law.rule == BH_RULE_PIN)
		return true;
	if (s->law.rule != BH_RULE_CONDUIT)
		return false;
	c = &s->policy->conduits[s->law.index];
	for (size_t i = 0; i < c->n_apps; i++)
		if (c->apps[i] == s->ev->app)
			return true;
	return false;
}

static bool cares(const struct bh_sight *s)
{
	return bh_watch_remote(s->watch, s->ev->app) && !(s->ev->flags & BH_EVF_GUESS) && !allowed(s);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	bool strict = bh_has_role(s->src, BH_ROLE_KIOSK) || (s->src->zone != BH_ZONE_NONE && s->policy->zones[s->src->zone].ot);
	char a[80], b[80];

	bh_finding_init(f, &bh_detector_rat_new, s);
	f->weight = strict ? 200 : bh_detector_rat_new.weight;
	/* without a policy nobody has said what is allowed */
	f->severity = strict ? BH_SEV_HIGH : s->policy->sha256[0] ? BH_SEV_MEDIUM : BH_SEV_LOW;
	f->step = strict ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = 1;
	snprintf(f->text, sizeof f->text, "%s seen on %s (to %s), not allowed in %s", bh_app_name(s->ev->app), bh_host_text(s->src, &s->ev->src, a),
		bh_host_text(s->dst, &s->ev->dst, b), s->src->zone != BH_ZONE_NONE ? s->policy->zones[s->src->zone].name : "this network");
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_rat_new = {
	.name = "rat.new",
	.title = "Remote-control program",
	.doc = "a remote-control application on a host that is not allowed one",
	.attack = "T1219",
	.tactic = "TA0011",
	.why = "A remote-control program on a counter's PC is how an outsider with a helper inside keeps a seat for months.",
	.false_positives = "Remote support. Role rmm or jump, or a conduit that names the application in its apps.",
	.sid = 9100031,
	.family = BH_FAM_L,
	.severity = BH_SEV_MEDIUM,
	.weight = 150,
	.quiet = BH_HOUR(24),
	.wants = BH_WANTS(BH_EV_FLOW_CLASS),
	.relief = BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_JUMP),
	.cares = cares,
	.observe = observe,
};
