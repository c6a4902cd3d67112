/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * id.clone (U4) - two machines use one hardware address at the same time
 *
 * Two signs. Two systems open connections in turns: three changes between, say, Windows and Linux within a minute, each with
 * a time to live as it leaves a machine (one hop less is somebody behind it, nat.behind's affair). Or two clocks: the timestamps
 * of SYNs from one address to one other address follow two lines, taken in turns. Systems of today give each pair of addresses an
 * offset of its own, so only SYNs of the same pair are compared. The identity is in conflict then: whoever it is, he is
 * not isolated automatically, and the innocent of the two is not cut for the other; critical zones are shielded from both.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_id_clone;

static bool cares(const struct bh_sight *s)
{
	return s->two_stacks || s->two_clocks;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	char dev[96];

	bh_finding_init(f, &bh_detector_id_clone, s);
	f->mac = s->dev->mac;
	f->count = s->dev->conflicts;
	f->step = BH_STEP_SHIELD;
	snprintf(f->text, sizeof f->text, "two machines speak with %s: %s", bh_dev_text(s, s->dev, dev),
		s->two_stacks ? "two systems open connections in turns" : "two clocks run in its timestamps");
	snprintf(f->detail, sizeof f->detail, "now %s, TTL %u, window %u, IP id %u, timestamp %u", bh_os_name(bh_os_of_syn(&s->ev->u.flow.syn, s->ev->ttl)), s->ev->ttl,
		s->ev->u.flow.syn.window, s->ev->u.flow.syn.ipid, s->ev->u.flow.syn.tsval);
	return 1;
}

const struct bh_detector bh_detector_id_clone = {
	.name = "id.clone",
	.title = "Two machines with one address",
	.doc = "two systems, or two clocks, take turns behind one hardware address and one IP address",
	.attack = "T1200",
	.tactic = "TA0005",
	.why = "A clone beside its original gives itself away: two stacks cannot keep one clock or one way to open connections.",
	.false_positives = "Redundancy protocols, load balancers, virtual machines that share their host's address. Roles lb-vip, hypervisor.",
	.sid = 9100039,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(FRAMES) | BH_SEES_BIT(CONVERSATIONS),
	.wants = BH_WANTS(BH_EV_FLOW_NEW),
	.relief = BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_VDI) | BH_ROLE_BIT(BH_ROLE_LB) | BH_ROLE_BIT(BH_ROLE_PROXY),
	.cares = cares,
	.observe = observe,
};
