/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session.remote (L7) - a remote session (RDP, SSH, VNC, telnet) to a host it never went to before
 *
 * Told when the session has an answer, as info: a first session is a fact worth knowing about a host under suspicion, not a suspicion.
 * The weight is what it adds: 1.2 bans between two workstations, 1.5 from a server to a workstation, 0.3 otherwise; half of it while the
 * source is known for less than a day, when everything is a first. A kiosk or a host of an OT zone has no business with it: medium, and
 * a shield. What is a server is seen: three clients got answers from it.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_session_remote;

static bool remote(unsigned cls)
{
	return cls == BH_SVC_RDP || cls == BH_SVC_SSH || cls == BH_SVC_VNC || cls == BH_SVC_TELNET;
}

static bool cares(const struct bh_sight *s)
{
	return s->dst && s->first_contact && remote(s->cls) && bh_opened(s->ev);
}

static bool serves(const struct bh_host *h)
{
	return h->roles || __builtin_popcountll(h->clients) >= 3;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	bool strict = bh_has_role(s->src, BH_ROLE_KIOSK) || (s->src->zone != BH_ZONE_NONE && s->policy->zones[s->src->zone].ot);
	char a[80], b[80];

	bh_finding_init(f, &bh_detector_session_remote, s);
	f->weight = serves(s->dst) ? 30 : serves(s->src) ? 150 : 120;
	if (bh_apart(s->ev->at, s->src->first) < BH_HOUR(24))
		f->weight /= 2;
	if (strict) {
		f->weight = 200;
		f->severity = BH_SEV_MEDIUM;
		f->step = BH_STEP_SHIELD;
	}
	f->count = 1;
	snprintf(f->text, sizeof f->text, "first %s session from %s to %s%s", bh_class_name(s->cls), bh_host_text(s->src, &s->ev->src, a),
		bh_host_text(s->dst, &s->ev->dst, b), strict ? "; such a host opens none" : "");
	bh_finding_target(f, &s->ev->dst, s->ev->dport, s->ev->outcome, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_session_remote = {
	.name = "session.remote",
	.title = "Remote session on a new edge",
	.doc = "the first RDP, SSH, VNC or telnet session from one host to another",
	.attack = "T1021",
	.tactic = "TA0008",
	.why = "Valid credentials look like work; that they are used from here to there for the first time is what is left to see.",
	.false_positives = "Help desk, administrators' first visits: role jump, rmm or deploy relieves.",
	.sid = 9100030,
	.family = BH_FAM_L,
	.severity = BH_SEV_INFO,
	.weight = 120,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_JUMP) | BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_BACKUP),
	.cares = cares,
	.observe = observe,
};
