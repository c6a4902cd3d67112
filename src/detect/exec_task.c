/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec.task (L2) - a host registers a scheduled task on another
 *
 * 2 bans for the registration (ITaskSchedulerService or the old atsvc); 2.8 when a result file is then read from ADMIN$\Temp,
 * as atexec does, within 60 s. Group policy makes its tasks locally, so the remote call is rare.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_exec_task;

#define DESTS 32

struct dest {
	struct bh_dest d;
	bh_ns create;
	bool run;
	char name[48], user[64];
};
struct mine {
	struct dest dest[DESTS];
};

static bool output(const struct bh_ev_smb *e)
{
	size_t n = strlen(e->name);

	return e->op == BH_SMB_CLOSE && e->bytes_read && strcasecmp(e->share, "ADMIN$") == 0 && strncasecmp(e->name, "Temp/", 5) == 0 && n > 4 &&
	       strcasecmp(e->name + n - 4, ".tmp") == 0;
}

static bool cares(const struct bh_sight *s)
{
	if (!s->dst)
		return false;
	if (s->ev->kind == BH_EV_SMB)
		return output(&s->ev->u.smb);
	return s->ev->u.rpc.op == BH_RPC_CALL && (bh_call_of(s).cls == BH_RPCC_TASK_CREATE || bh_call_of(s).cls == BH_RPCC_TASK_RUN);
}

static int alarm_on(const struct bh_sight *s, struct dest *d, int32_t weight, struct bh_finding *f)
{
	struct bh_text t = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80], u[80];

	bh_finding_init(f, &bh_detector_exec_task, s);
	f->weight = weight;
	f->step = BH_STEP_SHIELD;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, d->user);
	snprintf(f->text, sizeof f->text, "%s registered %sa task on %s%s%s", bh_host_text(s->src, &s->ev->src, a), d->run ? "and ran " : "",
		bh_host_text(s->dst, &s->ev->dst, b), bh_as(d->user, u), s->ev->kind == BH_EV_SMB ? " and fetched its output" : "");
	if (s->ev->kind == BH_EV_RPC)
		bh_put_call(&t, s);
	else
		bh_putf(&t, "task \"%s\"; output %s/%s, %llu bytes", d->name, s->ev->u.smb.share, s->ev->u.smb.name, (unsigned long long)s->ev->u.smb.bytes_read);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	struct dest *d = bh_dest_of(((struct mine *)mine)->dest, DESTS, sizeof(struct dest), &s->ev->dst, s->ev->at, true);

	if (s->ev->kind == BH_EV_SMB)
		return bh_within(s->ev->at, d->create, BH_SEC(60)) ? alarm_on(s, d, 280, ret_finding) : 0;
	if (bh_call_of(s).cls == BH_RPCC_TASK_RUN) {
		d->run = bh_within(s->ev->at, d->create, BH_SEC(60));
		return 0;
	}
	d->create = s->ev->at;
	d->run = false;
	snprintf(d->name, sizeof d->name, "%.47s", s->ev->u.rpc.text);
	bh_strcpy(d->user, sizeof d->user, s->ev->u.rpc.user);
	return alarm_on(s, d, bh_detector_exec_task.weight, ret_finding);
}

const struct bh_detector bh_detector_exec_task = {
	.name = "exec.task",
	.title = "Lateral movement: remote scheduled task",
	.doc = "a scheduled task is registered on another host",
	.attack = "T1053.005",
	.tactic = "TA0008",
	.why = "A task registered from afar runs a program there, as atexec and schtasks /s do; tasks of group policy are made locally.",
	.false_positives = "Backup and antivirus consoles, software deployment. Declare the source with role deploy, backup or rmm.",
	.sid = 9100011,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 200,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_BACKUP),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
