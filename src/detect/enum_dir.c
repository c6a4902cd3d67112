/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enum.dir (R4) - a host asks around: who are the users, groups, shares, sessions, endpoints
 *
 * Calls of the classes enumerate and enumerate-sessions, LDAP searches for service accounts, administrators or account flags, zone
 * transfers and bursts of _ldap._tcp look-ups are counted within 5 min: 5 of them of at least two kinds, or at three hosts. A kind is
 * an operation of an interface. Sessions asked of 5 hosts (what attack-path mappers do) is told by itself, with more weight.
 * What every logon does is no kind of its own: SamrConnect5 and LsarOpenPolicy2 count as calls only, and reading its own account or
 * group by name does not count against a host that asks its domain controller.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_enum_dir;

#define WINDOW BH_MIN(5)

struct mine {
	struct bh_rate calls;
	struct bh_recent kind[16], host[8], session[8];
	char names[8][28]; /* of the kinds, for the text */
	uint8_t n_names;
};

/* what the event asks for; "" = nothing of this sort */
static const char *ldap_kind(const struct bh_ev_ldap *l)
{
	if (l->op != BH_LDAP_SEARCH)
		return "";
	if (bh_says(l->filter, "serviceprincipalname=*"))
		return "ldap accounts with services";
	if (bh_says(l->filter, "useraccountcontrol:"))
		return "ldap account flags";
	if (bh_says(l->filter, "admincount=1"))
		return "ldap protected accounts";
	if (bh_says(l->filter, "samaccounttype=805306368)") || bh_says(l->filter, "(objectcategory=person)(objectclass=user"))
		return "ldap all users";
	if (bh_says(l->filter, "domain admins") || bh_says(l->filter, "enterprise admins"))
		return "ldap administrators";
	if (bh_says(l->filter, "objectclass=trusteddomain"))
		return "ldap trusts";
	return "";
}

static const char *kind_of(const struct bh_sight *s, bool *ret_sessions, bool *ret_plain)
{
	const struct bh_event *ev = s->ev;
	struct bh_call c;

	*ret_sessions = *ret_plain = false;
	switch (ev->kind) {
	case BH_EV_RPC:
		if (ev->u.rpc.op != BH_RPC_CALL)
			return "";
		c = bh_call_of(s);
		*ret_sessions = c.cls == BH_RPCC_ENUM_SESSIONS;
		*ret_plain = strcmp(c.name, "SamrConnect5") == 0 || strcmp(c.name, "LsarOpenPolicy2") == 0;
		return c.cls == BH_RPCC_ENUM || c.cls == BH_RPCC_ENUM_SESSIONS ? c.name : "";
	case BH_EV_LDAP:
		return ldap_kind(&ev->u.ldap);
	case BH_EV_DNS:
		if (ev->u.dns.qtype == 252)
			return "dns zone transfer";
		return ev->u.dns.qtype == 33 && strncasecmp(ev->u.dns.name, "_ldap._tcp", 10) == 0 ? "dns domain controllers" : "";
	}
	return "";
}

static bool cares(const struct bh_sight *s)
{
	bool sessions, plain;

	return s->dst && kind_of(s, &sessions, &plain)[0];
}

static void describe(struct bh_finding *f, const struct mine *m, const struct bh_sight *s, unsigned kinds, unsigned hosts, unsigned calls)
{
	struct bh_text d = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80];
	unsigned n = m->n_names < BH_COUNT(m->names) ? m->n_names : BH_COUNT(m->names);

	f->count = calls;
	if (s->ev->kind == BH_EV_RPC)
		bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s enumerated %u kinds of things on %u hosts in 5 min (%u calls, last at %s)", bh_host_text(s->src, &s->ev->src, a), kinds,
		hosts, calls, bh_host_text(s->dst, &s->ev->dst, b));
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
	unsigned kinds, hosts, calls, sessions = 0;
	struct mine *m = mine;
	bool asks_sessions, plain;
	const char *kind = kind_of(s, &asks_sessions, &plain);

	calls = bh_rate_add(&m->calls, s->ev->kind == BH_EV_RPC ? s->ev->u.rpc.count : 1, s->ev->at, WINDOW);
	hosts = bh_recent_note(m->host, BH_COUNT(m->host), dst, s->ev->at, WINDOW);
	if (plain)
		return 0;
	kinds = bh_recent_note(m->kind, BH_COUNT(m->kind), bh_word_key(kind), s->ev->at, WINDOW);
	name_kind(m, kind);
	if (asks_sessions)
		sessions = bh_recent_note(m->session, BH_COUNT(m->session), dst, s->ev->at, WINDOW);
	if (sessions < 5 && (calls < 5 || (kinds < 2 && hosts < 3)))
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
