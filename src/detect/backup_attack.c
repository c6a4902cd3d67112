/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup.attack (I6) - somebody who has no business there reaches for the backups
 *
 * The destination has role backup or hypervisor, and the source neither role backup nor a conduit or pin of the policy that lets it:
 *   an admin protocol answered                      2.0 bans
 *   the shadow-copy interfaces called               2.0, on any host
 *   ten files deleted on it within 5 min            2.0, conduit or not
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_backup_attack;

struct mine {
	struct bh_rate deleted;
};

static bool target(const struct bh_sight *s)
{
	return bh_has_role(s->dst, BH_ROLE_BACKUP) || bh_has_role(s->dst, BH_ROLE_HYPERVISOR);
}

static bool cares(const struct bh_sight *s)
{
	if (!s->dst || bh_has_role(s->src, BH_ROLE_BACKUP))
		return false;
	switch (s->ev->kind) {
	case BH_EV_FLOW_OUTCOME:
		return s->cls != BH_SVC_NONE && bh_opened(s->ev) && target(s) && s->law.rule != BH_RULE_CONDUIT && s->law.rule != BH_RULE_PIN;
	case BH_EV_SMB:
		return s->ev->u.smb.op == BH_SMB_DELETE && target(s);
	}
	return s->ev->u.rpc.op == BH_RPC_CALL && bh_call_of(s).cls == BH_RPCC_SHADOW_COPY;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	char a[80], b[80];
	struct mine *m = mine;
	struct bh_text t;
	unsigned n = 1;

	if (s->ev->kind == BH_EV_SMB && (n = bh_rate_add(&m->deleted, 1, s->ev->at, BH_MIN(5))) < 10)
		return 0;
	bh_finding_init(f, &bh_detector_backup_attack, s);
	f->step = BH_STEP_SHIELD;
	f->count = n;
	bh_host_text(s->src, &s->ev->src, a);
	bh_host_text(s->dst, &s->ev->dst, b);
	t = bh_text(f->detail, sizeof f->detail);
	if (s->ev->kind == BH_EV_FLOW_OUTCOME) {
		snprintf(f->text, sizeof f->text, "%s reached the backup host %s by %s", a, b, bh_class_name(s->cls));
	} else if (s->ev->kind == BH_EV_SMB) {
		snprintf(f->text, sizeof f->text, "%s deleted %u files on the backup host %s within 5 min", a, n, b);
		bh_strcpy(f->user, sizeof f->user, s->ev->u.smb.user);
		bh_putf(&t, "last: %s/%s", s->ev->u.smb.share, s->ev->u.smb.name);
	} else {
		snprintf(f->text, sizeof f->text, "%s called the shadow-copy interface of %s", a, b);
		bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
		bh_put_call(&t, s);
	}
	bh_finding_target(f, &s->ev->dst, s->ev->dport, s->ev->outcome, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_backup_attack = {
	.name = "backup.attack",
	.title = "Impact: backups reached for",
	.doc = "a host that is no backup host reaches one by an admin protocol, calls shadow-copy interfaces, or deletes on it",
	.attack = "T1490",
	.tactic = "TA0040",
	.why = "Ransomware crews delete the backups first; backups nobody could reach have saved whole towns.",
	.false_positives = "Administrators of the backup: give them a conduit in the policy. Restores by users: none of these.",
	.sid = 9100018,
	.family = BH_FAM_I,
	.severity = BH_SEV_HIGH,
	.weight = 200,
	.quiet = BH_MIN(30),
	.wants = BH_WANTS(BH_EV_FLOW_OUTCOME) | BH_WANTS(BH_EV_SMB) | BH_WANTS(BH_EV_RPC),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_MONITOR),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
