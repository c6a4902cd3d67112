/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * coerce (C6) - a host makes a server log on to somebody, so that the logon can be relayed
 *
 * A call of class coerce (the printer bug) or coerce-alone (EFSR, FSRVP, DFS: nothing honest makes these from afar) from A to B is
 * remembered for 10 s, among 1,024 of all hosts. If B then opens SMB or HTTP to A, or logs on anywhere with its machine account, A is
 * blamed: 3 bans. Print clients make the same call and their server calls back to them: those are told apart by what the callback is
 * - a printer server notifies over RPC, the bug makes it open SMB. The call alone: 1.5 for coerce-alone, 1.0 and no more than info
 * for coerce. Calls are kept by whom they were made on, eight callers each: whoever calls others, or the same one again and again, pushes
 * nothing out.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_coerce;

#define WAYS 8
#define SETS 128
#define WAIT BH_SEC(10)

struct pair {
	struct bh_addr a, b;
	bh_ns at;
	char call[64], user[64];
};
struct shared {
	struct pair pair[SETS][WAYS];
};

static struct pair *calls_on(struct shared *m, const struct bh_addr *b)
{
	return m->pair[bh_addr_hash(b, 9) % SETS];
}

static bool calls(const struct bh_sight *s)
{
	unsigned cls = s->ev->u.rpc.op == BH_RPC_CALL ? bh_call_of(s).cls : BH_RPCC_NONE;

	return cls == BH_RPCC_COERCE || cls == BH_RPCC_COERCE_ALONE;
}

static bool machine(const char *user)
{
	size_t n = strcspn(user, "@");

	return n > 1 && user[n - 1] == '$';
}

static bool calls_back(const struct bh_event *ev)
{
	if (ev->kind == BH_EV_LOGON)
		return (ev->u.logon.result == BH_LOGON_OK || ev->u.logon.result == BH_LOGON_TRIED) && ev->u.logon.via != BH_LOGON_KERBEROS &&
		       machine(ev->u.logon.user);
	return bh_opened(ev) && ev->proto == 6 && (ev->dport == 445 || ev->dport == 139 || ev->dport == 80);
}

static bool cares(const struct bh_sight *s)
{
	return s->ev->kind == BH_EV_RPC ? s->dst && calls(s) : calls_back(s->ev);
}

static int called(const struct bh_sight *s, struct shared *m, struct bh_finding *f)
{
	struct bh_text t = bh_text(f->detail, sizeof f->detail), n;
	struct pair *set = calls_on(m, &s->ev->dst), *p = set;
	struct bh_call c = bh_call_of(s);
	char a[80], b[80];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].at && bh_addr_eq(&set[i].a, &s->ev->src) && bh_addr_eq(&set[i].b, &s->ev->dst)) {
			p = &set[i];
			break;
		}
		if (p->at && (!set[i].at || bh_apart(s->ev->at, set[i].at) > bh_apart(s->ev->at, p->at)))
			p = &set[i];
	}
	p->a = s->ev->src;
	p->b = s->ev->dst;
	p->at = s->ev->at ? s->ev->at : 1;
	n = bh_text(p->call, sizeof p->call);
	bh_putf(&n, "%s %s", c.iface, c.name);
	bh_strcpy(p->user, sizeof p->user, s->ev->u.rpc.user);
	/* backup products ask for shadow copies and encrypted files; should the host come back to them, that is told all the same */
	if (c.cls != BH_RPCC_COERCE_ALONE || bh_has_role(s->src, BH_ROLE_BACKUP))
		return 0;
	bh_finding_init(f, &bh_detector_coerce, s);
	t = bh_text(f->detail, sizeof f->detail);
	f->weight = 150;
	f->severity = BH_SEV_MEDIUM;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, p->user);
	snprintf(f->text, sizeof f->text, "%s called %s on %s, which makes that host log on where the caller wants", bh_host_text(s->src, &s->ev->src, a), p->call,
		bh_host_text(s->dst, &s->ev->dst, b));
	bh_put_call(&t, s);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int came_back(const struct bh_sight *s, struct shared *m, struct bh_finding *f)
{
	const struct bh_event *ev = s->ev;
	struct pair *best = NULL, *set = calls_on(m, &ev->src);
	char a[80], b[80], c[80];

	for (unsigned i = 0; i < WAYS; i++) {
		struct pair *p = &set[i];

		if (!bh_within(ev->at, p->at, WAIT) || !bh_addr_eq(&p->b, &ev->src) || bh_addr_eq(&p->a, &p->b))
			continue;
		/* of several, the one it went to; else the last */
		if (bh_addr_eq(&p->a, &ev->dst)) {
			best = p;
			break;
		}
		if (ev->kind == BH_EV_LOGON && (!best || p->at > best->at))
			best = p;
	}
	if (!best)
		return 0;
	bh_finding_init(f, &bh_detector_coerce, s);
	f->host = best->a;
	f->peer = best->b;
	f->step = BH_STEP_SHIELD;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, best->user);
	snprintf(f->text, sizeof f->text, "%s called %s on %s; %llu ms later that host opened %s to %s", bh_host_text(NULL, &best->a, a), best->call,
		bh_host_text(s->src, &ev->src, b), (unsigned long long)(bh_apart(ev->at, best->at) / 1000000),
		ev->kind == BH_EV_LOGON ? "a logon with its machine account" : ev->dport == 80 ? "HTTP" : "SMB", bh_host_text(s->dst, &ev->dst, c));
	if (ev->kind == BH_EV_LOGON)
		snprintf(f->detail, sizeof f->detail, "%s logged on over %s", ev->u.logon.user, bh_logon_via_name(ev->u.logon.via));
	bh_finding_target(f, &best->b, ev->dport, BH_OUT_NONE, ev->at);
	best->at = 0;
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	return s->ev->kind == BH_EV_RPC ? called(s, s->shared, ret_finding) : came_back(s, s->shared, ret_finding);
}

const struct bh_detector bh_detector_coerce = {
	.name = "coerce",
	.title = "Credential access: a host was made to authenticate",
	.doc = "a call that makes a server log on elsewhere, and the server doing so within 10 s",
	.attack = "T1187",
	.tactic = "TA0006",
	.why = "The printer bug, PetitPotam and their kin make a server, often a domain controller, open SMB to the caller, who relays that logon.",
	.false_positives = "Backup products that use FSRVP or EFSR from afar: declare the source with role backup, and the call alone is nothing.",
	.sid = 9100015,
	.family = BH_FAM_C,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_LOGON) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_PRINT),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
