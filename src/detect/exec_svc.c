/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec.svc (L1) - a host makes another run something through its service manager
 *
 * Per source and destination a small record of what was asked of svcctl, and whether an executable was written there before:
 *   a service created or its program changed           1.5 bans
 *   and started within 60 s                            2.5
 *   and deleted within 120 s, as smbexec does          3.0
 *   started within 10 min of a program written there   3.5   (an existing service too: its DLL may have been replaced)
 * The operation number is in clear at every authentication level, so this sees PsExec over TCP with packet privacy as well as
 * over a pipe. Inside an encrypted SMB session it does not: that is exec.enc.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_exec_svc;

#define DESTS 32 /* one who copies to all first and starts after must not push out his own */

struct dest {
	struct bh_dest d;
	bh_ns file, create, start;
	char name[48], program[64];
};
struct mine {
	struct dest dest[DESTS];
};

static bool program(const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;

	if ((e->flags & (BH_SMB_F_DIR | BH_SMB_F_ENCRYPTED)) || !e->name[0])
		return false;
	if (e->op == BH_SMB_OPEN)
		return (e->flags & BH_SMB_F_CREATED) && bh_watch_runs(s->watch, e->name);
	return (e->op == BH_SMB_CLOSE || e->op == BH_SMB_WRITE) && e->bytes_written &&
	       (e->magic_written == BH_MAGIC_EXEC || bh_watch_runs(s->watch, e->name));
}

static bool cares(const struct bh_sight *s)
{
	if (!s->dst)
		return false;
	if (s->ev->kind == BH_EV_SMB)
		return program(s);
	if (s->ev->u.rpc.op != BH_RPC_CALL)
		return false;
	switch (bh_call_of(s).cls) {
	case BH_RPCC_SVC_CREATE:
	case BH_RPCC_SVC_CHANGE:
	case BH_RPCC_SVC_START:
	case BH_RPCC_SVC_DELETE:
		return true;
	}
	return false;
}

static int alarm_on(const struct bh_sight *s, struct dest *d, int32_t weight, const char *did, struct bh_finding *f)
{
	struct bh_text t = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80], u[80];

	bh_finding_init(f, &bh_detector_exec_svc, s);
	f->weight = weight;
	f->severity = weight >= 250 ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->step = weight >= 250 ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s %s a service on %s%s%s%.60s", bh_host_text(s->src, &s->ev->src, a), did,
		bh_host_text(s->dst, &s->ev->dst, b), bh_as(s->ev->u.rpc.user, u), d->file ? " after writing " : "", d->file ? d->program : "");
	bh_put_call(&t, s);
	if (d->name[0])
		bh_putf(&t, "; service \"%s\"", d->name);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	struct dest *d = bh_dest_of(((struct mine *)mine)->dest, DESTS, sizeof(struct dest), &s->ev->dst, s->ev->at, true);
	bh_ns at = s->ev->at;
	bool file;

	if (s->ev->kind == BH_EV_SMB) {
		d->file = at;
		snprintf(d->program, sizeof d->program, "%.20s/%.42s", s->ev->u.smb.share, bh_base_name(s->ev->u.smb.name));
		return 0;
	}
	file = bh_within(at, d->file, BH_MIN(10));
	if (!file)
		d->file = 0;
	switch (bh_call_of(s).cls) {
	case BH_RPCC_SVC_CREATE:
	case BH_RPCC_SVC_CHANGE:
		d->create = at;
		snprintf(d->name, sizeof d->name, "%.47s", s->ev->u.rpc.text);
		return alarm_on(s, d, bh_detector_exec_svc.weight, bh_call_of(s).cls == BH_RPCC_SVC_CREATE ? "created" : "changed", ret_finding);
	case BH_RPCC_SVC_START:
		if (!file && !bh_within(at, d->create, BH_SEC(60)))
			return 0;
		d->start = at;
		return alarm_on(s, d, file ? 350 : 250, bh_within(at, d->create, BH_SEC(60)) ? "created and started" : "started", ret_finding);
	default: /* deleted */
		if (!d->create || !bh_within(at, d->start, BH_SEC(120)))
			return 0;
		return alarm_on(s, d, file ? 350 : 300, "created, started and deleted", ret_finding);
	}
}

const struct bh_detector bh_detector_exec_svc = {
	.name = "exec.svc",
	.title = "Lateral movement: remote service",
	.doc = "a service is created or changed, and started, on another host",
	.attack = "T1569.002",
	.tactic = "TA0008",
	.why = "PsExec, smbexec, RemCom and most ransomware crews run their program on the next host as a service. People "
	       "administer services too, but seldom create one and start it in the same minute from a workstation.",
	.false_positives = "Software deployment, PDQ, remote support and antivirus consoles. Declare the source with role deploy or rmm; "
			   "or suppress it for that source and destination zone, with an owner and an end.",
	.sid = 9100010,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
