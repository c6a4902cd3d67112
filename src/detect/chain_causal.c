/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * chain.causal (L10) - somebody came in from A, and now goes on to C
 *
 * An edge is an answered session (RDP, SSH, VNC, telnet, WinRM) on a first contact, or something executed (service, task, WMI, DCOM, the
 * shape of an encrypted PsExec). When B makes one to C, each that came into B within 8 h is weighed:
 *   w = min(3, -log10(1 - exp(-λ Δt)))    λ: how often B makes new edges, (n + 1/2) in 30 days; Δt: how long after the one that came in
 *     + 0.7 for another account, + 0.7 for the same technique, + 1 for a third hop
 * 1.5 bans and more are told. A busy administrator's host makes new edges often, so its λ is large and w small; a declared jump host
 * is relieved. Plain file sessions are no edges: every file server would be a middle.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_chain_causal;

#define RING 16
#define AGE BH_HOUR(8)
#define MONTH_S (30u * 86400u)
#define LEAST 150

/* technique: service class of a session, or EXEC + class of the call */
#define EXEC 0x100u

struct edge {
	struct bh_addr from;
	bh_ns at;
	uint64_t account;
	uint16_t how;
	uint8_t hops; /* before and with this one */
	char user[21];
};
struct mine {
	struct edge in[RING];
	uint8_t next;
	struct bh_rate made; /* new edges of 30 days */
	uint64_t to[RING];   /* edges made lately, not counted twice */
	uint8_t next_to;
	uint64_t account; /* of the last logon to somebody, and to whom */
	struct bh_addr account_at;
	char user[21];
};

static unsigned technique(const struct bh_sight *s)
{
	const struct bh_event *ev = s->ev;
	unsigned cls;

	switch (ev->kind) {
	case BH_EV_FLOW_OUTCOME:
		return s->first_contact && bh_opened(ev) && (s->cls == BH_SVC_RDP || s->cls == BH_SVC_SSH || s->cls == BH_SVC_VNC || s->cls == BH_SVC_TELNET) ? s->cls : 0;
	case BH_EV_HTTP:
		return ev->u.http.count >= 3 && strncasecmp(ev->u.http.path, "/wsman", 6) == 0 ? BH_SVC_WINRM : 0;
	case BH_EV_SMB:
		return ev->u.smb.op == BH_SMB_PIPE && ev->u.smb.count >= 2 && ev->u.smb.bytes_written >= 8192 ? EXEC : 0;
	case BH_EV_RPC:
		if (ev->u.rpc.op != BH_RPC_CALL)
			return 0;
		cls = bh_call_of(s).cls;
		return cls == BH_RPCC_SVC_CREATE || cls == BH_RPCC_TASK_CREATE || cls == BH_RPCC_WMI_EXEC || cls == BH_RPCC_DCOM_INVOKE ? EXEC + cls : 0;
	}
	return 0;
}

static bool cares(const struct bh_sight *s)
{
	if (!s->dst || s->src == s->dst)
		return false;
	if (s->ev->kind == BH_EV_RDP)
		return s->ev->u.rdp.cookie[0];
	if (s->ev->kind == BH_EV_LOGON)
		return s->ev->u.logon.user[0] && s->ev->u.logon.result <= BH_LOGON_OK && s->ev->u.logon.via != BH_LOGON_KERBEROS;
	return technique(s) != 0;
}

/* 100 log10(a / b), never below 0: whole bits by counting, the rest straight between them; at most 3 centibans off */
static int32_t log_ratio(uint64_t a, uint64_t b)
{
	int32_t bits = 0;
	uint64_t frac;

	if (!b || a <= b)
		return b ? 0 : 300;
	while (a / 2 >= b && bits < 60) {
		bits++;
		a /= 2;
	}
	frac = (a - b) * 1000 / b;
	return (int32_t)(((uint64_t)bits * 1000 + frac) * 30103 / 1000000);
}

static int32_t weigh(const struct mine *m, const struct edge *e, uint64_t account, unsigned how, bh_ns at, uint32_t made)
{
	uint64_t gap = bh_apart(at, e->at) / BH_SEC(1) + 1;
	int32_t w = log_ratio(2ull * MONTH_S, (2ull * made + 1) * gap);

	w = w > 300 ? 300 : w;
	if (account && e->account && account != e->account)
		w += 70;
	if (how == e->how)
		w += 70;
	if (e->hops >= 2)
		w += 100;
	return w;
}

static void came_in(struct mine *peer, const struct bh_sight *s, unsigned how, uint64_t account, const char *user, uint8_t hops)
{
	struct edge *e = NULL;

	for (unsigned i = 0; i < RING; i++)
		if (peer->in[i].at && bh_addr_eq(&peer->in[i].from, &s->ev->src) && peer->in[i].how == how && bh_within(s->ev->at, peer->in[i].at, AGE))
			e = &peer->in[i];
	if (!e)
		e = &peer->in[peer->next++ % RING];
	else if (e->hops > hops)
		hops = e->hops;
	*e = (struct edge){.from = s->ev->src, .at = e->at && bh_addr_eq(&e->from, &s->ev->src) && e->how == how && bh_within(s->ev->at, e->at, AGE) ? e->at : s->ev->at,
		.account = account, .how = (uint16_t)how, .hops = hops};
	bh_strcpy(e->user, sizeof e->user, user);
}

static const char *how_text(unsigned how)
{
	return how > EXEC ? bh_rpc_class_name(how - EXEC) : how == EXEC ? "encrypted execution" : bh_class_name(how);
}

static int alarm_on(const struct bh_sight *s, const struct edge *e, int32_t w, unsigned how, const char *user, struct bh_finding *f)
{
	uint64_t ago = bh_apart(s->ev->at, e->at) / BH_SEC(1);
	char a[80], b[80], c[80];

	bh_finding_init(f, &bh_detector_chain_causal, s);
	f->weight = w > 350 ? 350 : w;
	f->step = w >= 300 ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = e->hops + 1u;
	bh_strcpy(f->user, sizeof f->user, user);
	snprintf(f->text, sizeof f->text, "%s came to %s (%s%s%s), which %llu s later went on to %s (%s%s%s)", bh_host_text(NULL, &e->from, a),
		bh_host_text(s->src, &s->ev->src, b), how_text(e->how), e->user[0] ? ", " : "", e->user, (unsigned long long)ago, bh_host_text(s->dst, &s->ev->dst, c), how_text(how),
		user[0] ? ", " : "", user);
	snprintf(f->detail, sizeof f->detail, "hop %u; weight %d.%02d", e->hops + 1u, w / 100, w % 100);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, s->ev->outcome, s->ev->at);
	bh_finding_target(f, &e->from, 0, BH_OUT_NONE, e->at);
	return 1;
}

/* Who it was: known before what is executed, and just after a session that opens with it. */
static void logged_on(const struct bh_sight *s, struct mine *m, struct mine *peer, const char *user)
{
	m->account = bh_word_key(user);
	m->account_at = s->ev->dst;
	snprintf(m->user, sizeof m->user, "%.20s", user);
	for (unsigned i = 0; peer && i < RING; i++) {
		struct edge *e = &peer->in[i];

		if (!e->at || e->account || !bh_addr_eq(&e->from, &s->ev->src) || !bh_within(s->ev->at, e->at, BH_SEC(10)))
			continue;
		e->account = m->account;
		bh_strcpy(e->user, sizeof e->user, m->user);
	}
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	uint64_t dst = bh_addr_hash(&s->ev->dst, 1) | 1, account;
	struct mine *m = mine, *peer = s->peer;
	const struct edge *best = NULL;
	unsigned how = technique(s);
	const char *user;
	int32_t w = 0;
	uint32_t made;
	uint8_t hops = 1;
	bool again = false;

	if (s->ev->kind == BH_EV_LOGON || s->ev->kind == BH_EV_RDP) {
		logged_on(s, m, peer, s->ev->kind == BH_EV_RDP ? s->ev->u.rdp.cookie : s->ev->u.logon.user);
		return 0;
	}
	account = bh_addr_eq(&m->account_at, &s->ev->dst) ? m->account : 0;
	user = account ? m->user : "";
	for (unsigned i = 0; i < RING; i++)
		again |= m->to[i] == (dst ^ how << 1);
	made = bh_rate_add(&m->made, 0, s->ev->at, BH_HOUR(24 * 30));
	for (unsigned i = 0; i < RING; i++) {
		const struct edge *e = &m->in[i];
		int32_t v;

		if (!bh_within(s->ev->at, e->at, AGE) || bh_addr_eq(&e->from, &s->ev->dst))
			continue;
		if (e->hops + 1 > hops)
			hops = (uint8_t)(e->hops < 200 ? e->hops + 1 : 200);
		v = weigh(m, e, account, how, s->ev->at, made);
		/* of equal weight, the one that came last is the likelier cause */
		if (v > w || (best && v == w && e->at > best->at)) {
			w = v;
			best = e;
		}
	}
	if (peer)
		came_in(peer, s, how, account, user, hops);
	if (!again) {
		m->to[m->next_to++ % RING] = dst ^ how << 1;
		bh_rate_add(&m->made, 1, s->ev->at, BH_HOUR(24 * 30));
	}
	if (!best || w < LEAST || again)
		return 0;
	return alarm_on(s, best, w, how, user, ret_finding);
}

const struct bh_detector bh_detector_chain_causal = {
	.name = "chain.causal",
	.title = "Lateral movement: a chain of hosts",
	.doc = "a host that was entered by an admin session or an execution goes on to another within 8 h",
	.attack = "T1021",
	.tactic = "TA0008",
	.why = "An intruder hops; work seldom does. What came in and what went out so soon after belong together the more, the less this host usually does so.",
	.false_positives = "Jump hosts, administrators' chains of sessions, VDI. Role jump, deploy or vdi on the host in the middle.",
	.sid = 9100033,
	.family = BH_FAM_CHAIN,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_OUTCOME) | BH_WANTS(BH_EV_HTTP) | BH_WANTS(BH_EV_SMB) | BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_LOGON) | BH_WANTS(BH_EV_RDP),
	.relief = BH_ROLE_BIT(BH_ROLE_JUMP) | BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_VDI),
	.host_size = sizeof(struct mine),
	.hosts = 16384,
	.peer = true,
	.cares = cares,
	.observe = observe,
};
