/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * krb.roast (C3) - tickets asked for in a form that can be cracked at leisure
 *
 *   service tickets of RC4 (etype 23, or DES 3) of accounts that are no machines: 5 services in 10 min     2.0 bans
 *   one of them where nearly none of this domain's tickets is RC4 (under 1 % of at least 200)               1.0
 *   an AS-REP of RC4 to a request without pre-authentication, for 2 accounts in 10 min                       1.8
 * The share is counted over all clients, and halved now and then, so it follows the domain.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_krb_roast;

#define WINDOW BH_MIN(10)

struct mine {
	struct bh_recent service[8], account[4];
};
struct shared {
	uint32_t tickets, rc4;
};

static bool weak(int etype)
{
	return etype == 23 || etype == 24 || etype == 3 || etype == 1;
}

/* services that machines run under their own account: the key is random, nothing to crack */
static bool machine(const char *sname)
{
	static const char *const own[] = {"krbtgt", "host", "cifs", "ldap", "gc", "dns", "rpcss", "termsrv", "wsman", "restrictedkrbhost"};
	size_t n = strlen(sname), k = strcspn(sname, "/");

	for (unsigned i = 0; i < BH_COUNT(own); i++)
		if (strlen(own[i]) == k && strncasecmp(sname, own[i], k) == 0)
			return true;
	return !n || sname[n - 1] == '$';
}

static bool cares(const struct bh_sight *s)
{
	const struct bh_ev_krb *k = &s->ev->u.krb;

	if (!s->dst)
		return false;
	if (k->type == BH_KRB_TGS_REP)
		return true;
	return k->type == BH_KRB_AS_REP && weak(k->etype_reply) && !(k->flags & BH_KRB_F_PREAUTH);
}

static int alarm_on(const struct bh_sight *s, int32_t weight, unsigned severity, unsigned n, const char *what, struct bh_finding *f)
{
	const struct bh_ev_krb *k = &s->ev->u.krb;
	char a[80];

	bh_finding_init(f, &bh_detector_krb_roast, s);
	f->weight = weight;
	f->severity = (uint8_t)severity;
	f->count = n;
	snprintf(f->user, sizeof f->user, "%.40s@%.20s", k->cname, k->realm);
	snprintf(f->text, sizeof f->text, "%s asked for %s of %u accounts", bh_host_text(s->src, &s->ev->src, a), what, n);
	snprintf(f->detail, sizeof f->detail, "last: %s for %s, ticket etype %d, reply etype %d, first asked for %d", k->cname, k->sname, k->etype_ticket, k->etype_reply,
		k->etype_asked);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_krb *k = &s->ev->u.krb;
	struct shared *all = s->shared;
	struct mine *m = mine;
	unsigned n;
	bool rare;

	if (k->type == BH_KRB_AS_REP) {
		n = bh_recent_note(m->account, BH_COUNT(m->account), bh_word_key(k->cname), s->ev->at, WINDOW);
		return n < 2 ? 0 : alarm_on(s, 180, BH_SEV_MEDIUM, n, "logon replies in RC4 without pre-authentication", ret_finding);
	}
	if (all->tickets >= 100000) {
		all->tickets /= 2;
		all->rc4 /= 2;
	}
	rare = all->tickets >= 200 && all->rc4 * 100 < all->tickets;
	all->tickets++;
	if (!weak(k->etype_ticket))
		return 0;
	all->rc4++;
	if (machine(k->sname))
		return 0;
	n = bh_recent_note(m->service, BH_COUNT(m->service), bh_word_key(k->sname), s->ev->at, WINDOW);
	if (n >= 5)
		return alarm_on(s, bh_detector_krb_roast.weight, BH_SEV_MEDIUM, n, "service tickets in RC4", ret_finding);
	return rare ? alarm_on(s, 100, BH_SEV_LOW, n, "service tickets in RC4, which this domain hardly uses,", ret_finding) : 0;
}

const struct bh_detector bh_detector_krb_roast = {
	.name = "krb.roast",
	.title = "Credential access: Kerberos tickets to crack",
	.doc = "RC4 service tickets for 5 accounts in 10 min, or logon replies without pre-authentication for 2",
	.attack = "T1558.003",
	.tactic = "TA0006",
	.why = "Anyone in the domain may ask for a ticket of a service account and try passwords on it at home; RC4 makes that quick.",
	.false_positives = "Old storage and Java programs that know only RC4, applications with key tables. Suppress it for that source.",
	.sid = 9100025,
	.family = BH_FAM_C,
	.severity = BH_SEV_MEDIUM,
	.weight = 200,
	.quiet = BH_MIN(30),
	.wants = BH_WANTS(BH_EV_KRB),
	.host_size = sizeof(struct mine),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
