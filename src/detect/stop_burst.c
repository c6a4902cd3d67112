/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stop.burst (I5) - services stopped, or hosts shut down, on three or more hosts within 10 min: 3 bans. */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_stop_burst;

#define WINDOW BH_MIN(10)

struct mine {
	struct bh_recent host[16];
	struct bh_addr last[8];
	uint8_t next;
};

static bool cares(const struct bh_sight *s)
{
	unsigned cls = s->dst && s->ev->u.rpc.op == BH_RPC_CALL ? bh_call_of(s).cls : BH_RPCC_NONE;

	return cls == BH_RPCC_SVC_STOP || cls == BH_RPCC_SVC_DELETE || cls == BH_RPCC_SHUTDOWN;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct mine *m = mine;
	struct bh_text t;
	char a[80];
	unsigned n;

	if (!bh_recent_has(m->host, BH_COUNT(m->host), bh_addr_hash(&s->ev->dst, 1) | 1, s->ev->at, WINDOW))
		m->last[m->next++ % BH_COUNT(m->last)] = s->ev->dst;
	n = bh_recent_note(m->host, BH_COUNT(m->host), bh_addr_hash(&s->ev->dst, 1) | 1, s->ev->at, WINDOW);
	if (n < 3)
		return 0;
	bh_finding_init(f, &bh_detector_stop_burst, s);
	f->step = BH_STEP_SHIELD;
	f->count = n;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s stopped services or shut down on %u hosts within 10 min", bh_host_text(s->src, &s->ev->src, a), n);
	t = bh_text(f->detail, sizeof f->detail);
	bh_put_call(&t, s);
	for (unsigned i = 0; i < n && i < BH_COUNT(m->last); i++)
		bh_finding_target(f, &m->last[(m->next - 1u - i) % BH_COUNT(m->last)], s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_stop_burst = {
	.name = "stop.burst",
	.title = "Impact: services stopped on many hosts",
	.doc = "services are stopped, or hosts shut down, on three or more hosts within 10 min",
	.attack = "T1489",
	.tactic = "TA0040",
	.why = "Before encrypting, intruders stop databases, backup and antivirus everywhere, and restart what is encrypted.",
	.false_positives = "Patch nights and deployment. Declare the source with role deploy or rmm, or suppress it for the patch window.",
	.sid = 9100017,
	.family = BH_FAM_I,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
