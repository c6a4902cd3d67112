/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ad.critical (C7) - what only domain controllers and a few administrators do to a domain controller
 *
 *   replication asked for, or a replica added, by a host without role dc                     4.0 bans  DCSync, DCShadow
 *   netlogon authentication tried 5 times in 60 s, 50 times, or 5 and then a password set    2.5, 4.5, 4.5  ZeroLogon
 *   an account's password or data set, LSA secrets or the domain's backup key read           2.0
 *   a password changed by its owner, the domain's backup key asked for (class self-service)  0.5, low: clients do both now and then
 *   the DNS server's general operation (a plug-in can be loaded by it)                       2.0
 * The tries at all controllers together count too, ten as five of one and 100 as 50.
 * A machine renews its own password with one or two tries: the password counts only after five. The source is shielded at once; it is
 * isolated only as score and families allow, for the victim is the one host everybody needs.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_ad_critical;

#define DESTS 16

struct dest {
	struct bh_dest d;
	struct bh_rate tries;
};
struct mine {
	struct dest dest[DESTS];
	struct bh_rate tries; /* at any of them: turning from one to the next hides nothing */
};

static bool cares(const struct bh_sight *s)
{
	if (!s->dst || s->ev->u.rpc.op != BH_RPC_CALL)
		return false;
	switch (bh_call_of(s).cls) {
	case BH_RPCC_REPLICATE:
	case BH_RPCC_REPLICA_CHANGE:
		return !bh_has_role(s->src, BH_ROLE_DC);
	case BH_RPCC_NETLOGON_TRY:
	case BH_RPCC_PASSWORD_SET:
	case BH_RPCC_ACCOUNT_CHANGE:
	case BH_RPCC_SECRET_READ:
	case BH_RPCC_SELF_SERVICE:
	case BH_RPCC_DNS_PLUGIN:
		return true;
	}
	return false;
}

static uint32_t tries_of(const struct bh_sight *s, struct mine *m, struct dest *d, uint32_t more)
{
	uint32_t here = bh_rate_add(&d->tries, more, s->ev->at, BH_SEC(60)), all = bh_rate_add(&m->tries, more, s->ev->at, BH_SEC(60)) / 2;

	return here > all ? here : all;
}

static int32_t weigh(const struct bh_sight *s, struct mine *m, struct dest *d, const char **ret_did, unsigned *ret_n)
{
	uint32_t tries;

	*ret_n = 1;
	switch (bh_call_of(s).cls) {
	case BH_RPCC_REPLICATE:
		*ret_did = "asked for replication of the directory from";
		return 400;
	case BH_RPCC_REPLICA_CHANGE:
		*ret_did = "changed the replicas of";
		return 400;
	case BH_RPCC_NETLOGON_TRY:
		tries = tries_of(s, m, d, s->ev->u.rpc.count);
		*ret_n = tries;
		*ret_did = "tried netlogon authentication again and again at";
		return tries >= 50 ? 450 : tries >= 5 ? 250 : 0;
	case BH_RPCC_PASSWORD_SET:
		tries = tries_of(s, m, d, 0);
		*ret_n = tries;
		*ret_did = "tried netlogon authentication again and again, then set a machine password at";
		return tries >= 5 ? 450 : 0;
	case BH_RPCC_ACCOUNT_CHANGE:
		*ret_did = "set an account's password or data at";
		return 200;
	case BH_RPCC_SECRET_READ:
		*ret_did = "asked for secrets of";
		return 200;
	case BH_RPCC_SELF_SERVICE:
		*ret_did = "changed a password or asked for the backup key at";
		return 50;
	}
	*ret_did = "ran a general DNS server operation at";
	return 200;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct mine *m = mine;
	struct dest *d = bh_dest_of(m->dest, DESTS, sizeof(struct dest), &s->ev->dst, s->ev->at, true);
	struct bh_text t;
	const char *did;
	unsigned n;
	int32_t weight = weigh(s, m, d, &did, &n);
	char a[80], b[80], u[80];

	if (!weight)
		return 0;
	bh_finding_init(f, &bh_detector_ad_critical, s);
	f->weight = weight;
	f->severity = weight >= 400 ? BH_SEV_CRITICAL : weight >= 200 ? BH_SEV_HIGH : BH_SEV_LOW;
	f->step = weight >= 250 ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = n;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s%s %s %s%s", bh_host_text(s->src, &s->ev->src, a),
		bh_has_role(s->src, BH_ROLE_DC) ? "" : ", not a declared domain controller,", did,
		bh_host_text(s->dst, &s->ev->dst, b), bh_as(s->ev->u.rpc.user, u));
	t = bh_text(f->detail, sizeof f->detail);
	bh_put_call(&t, s);
	if (n > 1)
		bh_putf(&t, "; %u tries in 60 s", n);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_ad_critical = {
	.name = "ad.critical",
	.title = "Domain controller attacked",
	.doc = "replication, netlogon or secrets of a domain controller are asked for by a host that is none",
	.attack = "T1003.006",
	.tactic = "TA0006",
	.why = "DCSync, DCShadow and ZeroLogon give away the whole domain; controllers replicate only among themselves.",
	.false_positives = "Directory synchronisation, directory backup, password portals, promotion of a new controller. Declare domain controllers "
			   "with role dc; suppress the others for that source and destination.",
	.sid = 9100016,
	.family = BH_FAM_C,
	.severity = BH_SEV_CRITICAL,
	.weight = 400,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC),
	.relief = BH_ROLE_BIT(BH_ROLE_DC),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
