/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enum.dir (R4) - a host asks around: who are the users, groups, shares, sessions, endpoints
 *
 * What is asked within 5 min is counted: an RPC call of class enumerate or enumerate-sessions once, one that asks for all accounts or
 * groups (enumerate-all) four times, an LDAP search for service accounts, administrators, trusts or everybody twice, a zone transfer or
 * a look-up of domain controllers once, the service manager of another host opened twice for each host; a group of administrators
 * asked for by name as much as everybody. The same of the same host counts again at every eighth time only: a file browser asks for shares
 * three times over. Five, of two kinds or at three hosts, are told; asking for everybody is enough, and so is one kind forty times, or hundreds
 * of SIDs in one call (SIDs gone through). A kind is an operation. Sessions asked of 5 hosts, which is what attack-path mappers do, have more weight. What every logon does (SamrConnect5, LsarOpenPolicy2) is nothing.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_enum_dir;

#define WINDOW BH_MIN(5)
#define MANY_SIDS 9000u /* bytes of arguments: some 250 SIDs; a window of permissions asks for a score */

struct mine {
	struct bh_rate calls;
	struct bh_recent kind[16], host[8], session[8], manager[8];
	uint64_t same; /* what was asked of whom last, and how often in a row */
	bh_ns same_at;
	uint32_t same_n;
	char names[8][28]; /* of the kinds, for the text */
	uint8_t n_names;
};

struct asked {
	const char *kind; /* "" = nothing of this sort */
	uint32_t calls, worth; /* worth: of each that is no repeat, 0 = 1 */
	bool all, sessions, per_host;
};

static struct asked ldap(const struct bh_ev_ldap *l)
{
	static const struct {
		const char *has, *kind;
	} asks[] = {
		{"serviceprincipalname=*", "ldap accounts with services"}, {"useraccountcontrol:", "ldap account flags"}, {"admincount=1", "ldap protected accounts"},
		{"domain admins", "ldap administrators"}, {"enterprise admins", "ldap administrators"}, {"trusteddomain", "ldap trusts"},
		{"samaccounttype=805306368)", "ldap all users"}, {"samaccounttype=805306369)", "ldap all computers"},
		{"(objectcategory=person)(objectclass=user)", "ldap all users"}, {"(samaccounttype=268435456)", "ldap all groups"}};

	if (l->op == BH_LDAP_SEARCH)
		for (unsigned i = 0; i < BH_COUNT(asks); i++)
			if (bh_says(l->filter, asks[i].has))
				return (struct asked){.kind = asks[i].kind, .calls = 1, .worth = 2};
	return (struct asked){.kind = ""};
}

static struct asked asked_of(const struct bh_sight *s)
{
	const struct bh_event *ev = s->ev;
	struct bh_call c;

	switch (ev->kind) {
	case BH_EV_RPC:
		if (ev->u.rpc.op != BH_RPC_CALL)
			break;
		c = bh_call_of(s);
		if (c.cls == BH_RPCC_SVC_OPEN)
			return (struct asked){.kind = "service manager", .calls = 2, .per_host = true};
		if (c.cls == BH_RPCC_ENUM && (bh_says(ev->u.rpc.text, "Domain Admins") || bh_says(ev->u.rpc.text, "Enterprise Admins")))
			return (struct asked){.kind = "administrators by name", .calls = 5, .all = true};
		if (c.cls == BH_RPCC_ENUM && ev->u.rpc.stub >= MANY_SIDS && strncmp(c.name, "LsarLookupSids", 14) == 0)
			return (struct asked){.kind = c.name, .calls = 5, .all = true};
		if (c.cls == BH_RPCC_ENUM_ALL)
			return (struct asked){.kind = c.name, .calls = 4 + ev->u.rpc.count, .all = true};
		if (c.cls == BH_RPCC_ENUM || c.cls == BH_RPCC_ENUM_SESSIONS)
			return (struct asked){.kind = c.name, .calls = ev->u.rpc.count, .sessions = c.cls == BH_RPCC_ENUM_SESSIONS};
		break;
	case BH_EV_LDAP:
		return ldap(&ev->u.ldap);
	case BH_EV_DNS:
		if (ev->u.dns.qtype == 252)
			return (struct asked){.kind = "dns zone transfer", .calls = 1};
		if (ev->u.dns.qtype == 33 && strncasecmp(ev->u.dns.name, "_ldap._tcp", 10) == 0)
			return (struct asked){.kind = "dns domain controllers", .calls = 1};
	}
	return (struct asked){.kind = ""};
}

static bool cares(const struct bh_sight *s)
{
	return s->dst && asked_of(s).kind[0];
}

static void describe(struct bh_finding *f, const struct mine *m, const struct bh_sight *s, unsigned kinds, unsigned hosts, unsigned calls)
{
	struct bh_text d = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80];
	unsigned n = m->n_names < BH_COUNT(m->names) ? m->n_names : BH_COUNT(m->names);

	f->count = calls;
	if (s->ev->kind == BH_EV_RPC)
		bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s enumerated %u kind%s of things on %u host%s in 5 min (last at %s)", bh_host_text(s->src, &s->ev->src, a), kinds,
		kinds == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", bh_host_text(s->dst, &s->ev->dst, b));
	for (unsigned i = 0; i < n; i++)
		bh_putf(&d, "%s%s", i ? ", " : "", m->names[i]);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
}

static void name_kind(struct mine *m, const char *kind)
{
	unsigned n = m->n_names < BH_COUNT(m->names) ? m->n_names : BH_COUNT(m->names);

	for (unsigned i = 0; i < n; i++)
		if (strncmp(m->names[i], kind, sizeof m->names[i] - 1) == 0)
			return;
	snprintf(m->names[m->n_names % BH_COUNT(m->names)], sizeof m->names[0], "%s", kind);
	m->n_names = m->n_names < 200 ? (uint8_t)(m->n_names + 1) : 8;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	uint64_t dst = bh_addr_hash(&s->ev->dst, 1) | 1;
	struct asked a = asked_of(s);
	unsigned kinds, hosts, calls, sessions = 0;
	struct mine *m = mine;
	uint64_t same;
	uint32_t before;

	if (a.per_host && bh_recent_has(m->manager, BH_COUNT(m->manager), dst, s->ev->at, WINDOW))
		return 0;
	if (a.per_host)
		bh_recent_note(m->manager, BH_COUNT(m->manager), dst, s->ev->at, WINDOW);
	same = bh_word_key(a.kind) ^ dst;
	if (m->same != same || !bh_within(s->ev->at, m->same_at, WINDOW))
		m->same_n = 0;
	m->same = same;
	m->same_at = s->ev->at;
	before = m->same_n / 8 + (m->same_n > 0);
	a.calls = a.calls < 100000 ? a.calls : 100000;
	m->same_n = m->same_n < 100000 ? m->same_n + a.calls : 100000;
	calls = bh_rate_add(&m->calls, a.all || a.per_host ? a.calls : (m->same_n / 8 + 1 - before) * (a.worth ? a.worth : 1), s->ev->at, WINDOW);
	hosts = bh_recent_note(m->host, BH_COUNT(m->host), dst, s->ev->at, WINDOW);
	kinds = bh_recent_note(m->kind, BH_COUNT(m->kind), bh_word_key(a.kind), s->ev->at, WINDOW);
	name_kind(m, a.kind);
	if (a.sessions)
		sessions = bh_recent_note(m->session, BH_COUNT(m->session), dst, s->ev->at, WINDOW);
	if (sessions < 5 && (calls < 5 || (kinds < 2 && hosts < 3 && !a.all && m->same_n < 40)))
		return 0;
	bh_finding_init(f, &bh_detector_enum_dir, s);
	describe(f, m, s, kinds, hosts, calls);
	if (sessions >= 5) {
		f->weight = 180;
		f->severity = BH_SEV_MEDIUM;
	}
	return 1;
}

const struct bh_detector bh_detector_enum_dir = {
	.name = "enum.dir",
	.title = "Discovery: users, groups, shares and sessions asked for",
	.doc = "a host enumerates accounts, groups, shares, sessions or services: 5 calls of two kinds, or at three hosts, in 5 min",
	.attack = "T1087",
	.tactic = "TA0007",
	.why = "Before moving, an intruder asks the domain who its administrators are and where they are logged on. Programs ask for one thing.",
	.false_positives = "Administrators' consoles, mail and collaboration servers, directory synchronisation. Declare the source with role dc, "
			   "monitor or vulnscan.",
	.sid = 9100014,
	.family = BH_FAM_R,
	.severity = BH_SEV_LOW,
	.weight = 100,
	.quiet = BH_MIN(30),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_LDAP) | BH_WANTS(BH_EV_DNS),
	.relief = BH_ROLE_BIT(BH_ROLE_DC) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_VULNSCAN),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
