/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * krb.anom (C4) - an account's logon falls back to RC4
 *
 * An alert, no more, when a logon is asked for with RC4 (23) first, and answered in it or not at all: 0.8 bans of an account that used
 * AES before (4,096 accounts are remembered), 0.4 of another. The first is the shape of a skeleton key or of a stolen hash used for
 * a ticket; key tables made with RC4 only look like the second.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_krb_anom;

#define ACCOUNTS 4096u

struct shared {
	uint64_t aes[ACCOUNTS]; /* account seen with AES, by hash; the later one stays */
};

static bool cares(const struct bh_sight *s)
{
	return s->dst && s->ev->u.krb.cname[0] && (s->ev->u.krb.type == BH_KRB_AS_REP || s->ev->u.krb.type == BH_KRB_AS_REQ);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_ev_krb *k = &s->ev->u.krb;
	uint64_t key = bh_word_key(k->cname) ^ bh_word_key(k->realm) << 1;
	struct shared *m = s->shared;
	bool known = m->aes[key % ACCOUNTS] == key, first = k->etype_asked == 23, answered = k->type == BH_KRB_AS_REP;
	char a[80];

	if (answered && (k->etype_reply == 17 || k->etype_reply == 18)) {
		m->aes[key % ACCOUNTS] = key;
		return 0;
	}
	/* a request for RC4 alone that the client itself sent, or an answer in RC4 to somebody who had AES */
	if (!first || (answered && k->etype_reply != 23))
		return 0;
	bh_finding_init(f, &bh_detector_krb_anom, s);
	f->severity = BH_SEV_LOW;
	f->weight = known ? 80 : 40;
	f->count = 1;
	snprintf(f->user, sizeof f->user, "%.40s@%.20s", k->cname, k->realm);
	snprintf(f->text, sizeof f->text, "%s logged on to Kerberos as %.60s with RC4 asked for first%s", bh_host_text(s->src, &s->ev->src, a), k->cname,
		known ? ", an account that used AES before" : "");
	snprintf(f->detail, sizeof f->detail, "%u types asked for, first %d, answered in %d; service %s", k->n_etypes, k->etype_asked, k->etype_reply, k->sname);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_krb_anom = {
	.name = "krb.anom",
	.title = "Kerberos logon with downgraded encryption",
	.doc = "an account logs on with RC4 asked for first",
	.attack = "T1558",
	.tactic = "TA0006",
	.why = "Windows has asked for AES first since 2008; RC4 first is a tool with a stolen hash, or a domain controller with a skeleton key.",
	.false_positives = "Key tables made with RC4 only, old Java and storage. Suppress it for that account's host.",
	.sid = 9100026,
	.family = BH_FAM_C,
	.severity = BH_SEV_LOW,
	.weight = 80,
	.quiet = BH_MIN(60),
	.wants = BH_WANTS(BH_EV_KRB),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
