/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dark.touch (R5) - a host reaches for addresses nobody has, or for a decoy
 *
 * Dark addresses stand in the policy (dark: …): three of them within an hour, by TCP or UDP or asked for by ARP, 1.2 bans. A host with
 * role decoy serves nobody: a connection it answers on an admin protocol is told at once, 2.5 bans and a shield.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_dark_touch;

struct mine {
	struct bh_recent dark[8];
};

static bool decoy(const struct bh_sight *s)
{
	return bh_opened(s->ev) && s->cls != BH_SVC_NONE && bh_has_role(s->dst, BH_ROLE_DECOY);
}

static bool cares(const struct bh_sight *s)
{
	if (s->ev->kind == BH_EV_ARP)
		return s->ev->u.arp.op == 1 && !s->routes && bh_policy_dark(s->policy, &s->ev->dst);
	return decoy(s) || (s->ev->kind == BH_EV_FLOW_NEW && bh_policy_dark(s->policy, &s->ev->dst));
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct mine *m = mine;
	char a[80], b[80];
	unsigned n = 1;
	bool bait = decoy(s);

	if (!bait) {
		n = bh_recent_note(m->dark, BH_COUNT(m->dark), bh_addr_hash(&s->ev->dst, 1) | 1, s->ev->at, BH_HOUR(1));
		if (n < 3)
			return 0;
	}
	bh_finding_init(f, &bh_detector_dark_touch, s);
	f->weight = bait ? 250 : bh_detector_dark_touch.weight;
	f->severity = bait ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->step = bait ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = n;
	if (bait)
		snprintf(f->text, sizeof f->text, "%s opened %s to the decoy %s", bh_host_text(s->src, &s->ev->src, a), bh_class_name(s->cls), bh_host_text(s->dst, &s->ev->dst, b));
	else
		snprintf(f->text, sizeof f->text, "%s reached for %u dark addresses within an hour, last %s", bh_host_text(s->src, &s->ev->src, a), n,
			bh_host_text(NULL, &s->ev->dst, b));
	bh_finding_target(f, &s->ev->dst, s->ev->dport, s->ev->outcome, s->ev->at);
	return 1;
}

/* without dark addresses and decoys there is nothing to touch */
static bool idle(const struct bh_policy *p)
{
	for (size_t i = 0; i < p->n_hosts; i++)
		if (p->hosts[i].roles & BH_ROLE_BIT(BH_ROLE_DECOY))
			return false;
	return p->dark.n == 0;
}

const struct bh_detector bh_detector_dark_touch = {
	.name = "dark.touch",
	.title = "Scan: dark addresses or a decoy reached for",
	.doc = "a host reaches for three dark addresses within an hour, or opens an admin protocol to a decoy",
	.attack = "T1046",
	.tactic = "TA0007",
	.why = "Nothing honest lives there, so nobody honest goes there, however slowly.",
	.false_positives = "Names that still point to addresses given up, scanners. Role vulnscan or monitor; or take the address out of dark.",
	.sid = 9100034,
	.family = BH_FAM_R,
	.severity = BH_SEV_MEDIUM,
	.weight = 120,
	.quiet = BH_MIN(30),
	.wants = BH_WANTS(BH_EV_FLOW_NEW) | BH_WANTS(BH_EV_FLOW_OUTCOME) | BH_WANTS(BH_EV_ARP),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_MONITOR),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.idle = idle,
	.observe = observe,
};
