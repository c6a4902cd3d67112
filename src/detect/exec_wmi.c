/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec.wmi (L3) - a host makes another run something through WMI or a DCOM object
 *
 *   IWbemServices ExecMethod (24, 25)                                    1.2 bans; 3.0 with the output file of wmiexec,
 *                                                                        ADMIN$\__<time>, read within 60 s
 *   IDispatch Invoke after the names of its methods were asked for       2.0 (MMC20, ShellWindows, Excel …)
 * ExecQuery (20), what monitoring does, is nothing. Calls 3 and 5 of IRemUnknown have the same numbers as two of IDispatch: only
 * the interface of the bind, or the whole run of calls on one object, makes an Invoke.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_exec_wmi;

#define DESTS 32
#define OBJECTS 4

struct dest {
	struct bh_dest d;
	bh_ns exec;
	uint64_t named[OBJECTS]; /* flow and object whose method names were asked for */
	uint8_t next;
	uint32_t calls;
	char user[64];
};
struct mine {
	struct dest dest[DESTS];
};

static bool output(const struct bh_ev_smb *e)
{
	return e->op == BH_SMB_CLOSE && e->bytes_read && bh_admin_share(e->share) && strncmp(bh_base_name(e->name), "__", 2) == 0;
}

static bool cares(const struct bh_sight *s)
{
	unsigned cls;

	if (!s->dst)
		return false;
	if (s->ev->kind == BH_EV_SMB)
		return output(&s->ev->u.smb);
	cls = s->ev->u.rpc.op == BH_RPC_CALL ? bh_call_of(s).cls : BH_RPCC_NONE;
	return cls == BH_RPCC_WMI_EXEC || cls == BH_RPCC_DCOM_NAMES || cls == BH_RPCC_DCOM_INVOKE;
}

static int alarm_on(const struct bh_sight *s, struct dest *d, int32_t weight, const char *how, struct bh_finding *f)
{
	struct bh_text t = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80], u[80];

	bh_finding_init(f, &bh_detector_exec_wmi, s);
	f->weight = weight;
	f->severity = weight >= 200 ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->step = weight >= 200 ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = d->calls;
	bh_strcpy(f->user, sizeof f->user, d->user);
	snprintf(f->text, sizeof f->text, "%s executed through %s on %s%s", bh_host_text(s->src, &s->ev->src, a), how,
		bh_host_text(s->dst, &s->ev->dst, b), bh_as(d->user, u));
	if (s->ev->kind == BH_EV_RPC)
		bh_put_call(&t, s);
	else
		bh_putf(&t, "output read from %s/%s, %llu bytes", s->ev->u.smb.share, s->ev->u.smb.name, (unsigned long long)s->ev->u.smb.bytes_read);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static bool named(const struct dest *d, uint64_t object)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (d->named[i] == object)
			return true;
	return false;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	struct dest *d = bh_dest_of(((struct mine *)mine)->dest, DESTS, sizeof(struct dest), &s->ev->dst, s->ev->at, s->ev->kind == BH_EV_RPC);
	const struct bh_ev_rpc *r = &s->ev->u.rpc;
	uint64_t object;

	if (s->ev->kind == BH_EV_SMB)
		return d && bh_within(s->ev->at, d->exec, BH_SEC(60)) ? alarm_on(s, d, 300, "WMI, output fetched,", ret_finding) : 0;
	if (r->user[0])
		bh_strcpy(d->user, sizeof d->user, r->user);
	object = (s->ev->flow_id ^ r->object * 31) | 1;
	switch (bh_call_of(s).cls) {
	case BH_RPCC_DCOM_NAMES:
		if (!named(d, object))
			d->named[d->next++ % OBJECTS] = object;
		return 0;
	case BH_RPCC_DCOM_INVOKE:
		if (!named(d, object) && !(r->flags & BH_RPC_F_ASSUMED))
			return 0;
		d->calls += r->count;
		return alarm_on(s, d, 200, "a DCOM object", ret_finding);
	}
	d->exec = s->ev->at;
	d->calls += r->count;
	return alarm_on(s, d, bh_detector_exec_wmi.weight, "WMI", ret_finding);
}

const struct bh_detector bh_detector_exec_wmi = {
	.name = "exec.wmi",
	.title = "Lateral movement: WMI or DCOM execution",
	.doc = "a method is executed through WMI, or an object's through DCOM, on another host",
	.attack = "T1047",
	.tactic = "TA0008",
	.why = "wmiexec, SharpWMI and DCOM tricks (MMC20, ShellWindows, Excel) start programs on the next host without a service or a file. "
	       "Monitoring asks (ExecQuery); it does not execute.",
	.false_positives = "Management that installs clients through WMI, rare monitoring that starts processes. Declare the source with role "
			   "deploy, rmm or monitor.",
	.sid = 9100012,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 120,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_MONITOR),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
