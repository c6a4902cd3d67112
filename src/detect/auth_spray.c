/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auth.spray (C2) - few passwords against many accounts, or many names asked for at a KDC
 *
 * Distinct accounts with at most three failures each: 8 in 10 min, 20 in 24 h. Beside three that failed, an account let in as a guest
 * only, because the server knows no such user, counts as one that did not get in. Names the KDC does not know: 5 in 5 min. A success of one
 * of them afterwards raises it. Hosts that log on for many people - terminal servers, gateways, proxies - are declared as such.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_auth_spray;

#define KDC_UNKNOWN 6 /* KDC_ERR_C_PRINCIPAL_UNKNOWN */

struct mine {
	struct {
		uint64_t key;
		bh_ns at;
		uint8_t failed, guest; /* failed: guest included */
	} account[32];
	struct bh_recent unknown[8];
	struct bh_fanout day;
	bh_ns burst;
	char names[6][24];
	uint8_t n_names;
};

static bool cares(const struct bh_sight *s)
{
	return s->dst && s->ev->u.logon.user[0] && (s->ev->u.logon.result == BH_LOGON_FAILED || s->ev->u.logon.result == BH_LOGON_OK);
}

/* distinct accounts that failed lately, not more than three times each */
static unsigned accounts(struct mine *m, uint64_t key, bh_ns at, bool guest)
{
	unsigned put = 0, n = 0, failed = 0;
	bool found = false;

	for (unsigned i = 0; i < BH_COUNT(m->account); i++) {
		if (m->account[i].key == key && bh_within(at, m->account[i].at, BH_MIN(10))) {
			put = i;
			found = true;
		} else if (!found && bh_apart(at, m->account[i].at) > bh_apart(at, m->account[put].at)) {
			put = i;
		}
	}
	if (!found)
		m->account[put].failed = m->account[put].guest = 0;
	m->account[put].key = key;
	m->account[put].at = at;
	if (m->account[put].failed < 200) {
		m->account[put].failed++;
		m->account[put].guest += guest;
	}
	for (unsigned i = 0; i < BH_COUNT(m->account); i++) {
		if (!bh_within(at, m->account[i].at, BH_MIN(10)) || m->account[i].failed > 3)
			continue;
		n++;
		failed += m->account[i].guest < m->account[i].failed;
	}
	return failed < 3 ? failed : n; /* guests alone are a share that is open to all */
}

static bool failed_before(const struct mine *m, uint64_t key)
{
	for (unsigned i = 0; i < BH_COUNT(m->account); i++)
		if (m->account[i].key == key && m->account[i].at)
			return true;
	return false;
}

static int alarm_on(const struct bh_sight *s, struct mine *m, unsigned n, unsigned unknown, bool found, struct bh_finding *f)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	struct bh_text d = bh_text(f->detail, sizeof f->detail);
	char a[80], b[80];

	bh_finding_init(f, &bh_detector_auth_spray, s);
	d = bh_text(f->detail, sizeof f->detail);
	f->severity = found ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->weight = found ? 350 : bh_detector_auth_spray.weight;
	f->step = found ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = n;
	bh_strcpy(f->user, sizeof f->user, l->user);
	snprintf(f->text, sizeof f->text, "%s tried %u accounts at %s over %s, %u of them unknown there%s", bh_host_text(s->src, &s->ev->src, a), n,
		bh_host_text(s->dst, &s->ev->dst, b), bh_logon_via_name(l->via), unknown, found ? "; one succeeded" : "");
	bh_put(&d, "accounts:");
	for (unsigned i = 0; i < m->n_names && i < BH_COUNT(m->names); i++)
		bh_putf(&d, "%s %s", i ? "," : "", m->names[i]);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	uint64_t key = bh_word_key(l->user);
	bool guest = bh_as_guest(l);
	unsigned n, day, unknown = 0;
	struct mine *m = mine;

	if (l->result == BH_LOGON_OK && !guest) {
		if (!bh_within(s->ev->at, m->burst, BH_MIN(10)) || !failed_before(m, key))
			return 0;
		m->burst = 0;
		return alarm_on(s, m, 1, 0, true, ret_finding);
	}
	if (!failed_before(m, key) && m->n_names < 200)
		snprintf(m->names[m->n_names++ % BH_COUNT(m->names)], sizeof m->names[0], "%.23s", l->user);
	n = accounts(m, key, s->ev->at, guest);
	if (guest && n < 8)
		return 0;
	/* the lowest bit of a key is always 1 */
	day = bh_fanout_touch(&m->day, key >> 8, s->ev->at, BH_HOUR(24));
	if (l->via == BH_LOGON_KERBEROS && l->status == KDC_UNKNOWN)
		unknown = bh_recent_note(m->unknown, BH_COUNT(m->unknown), key, s->ev->at, BH_MIN(5));
	if (n < 8 && unknown < 5 && day < 20)
		return 0;
	m->burst = s->ev->at;
	return alarm_on(s, m, n > day ? n : day, unknown, false, ret_finding);
}

const struct bh_detector bh_detector_auth_spray = {
	.name = "auth.spray",
	.title = "Credential access: password spraying or account guessing",
	.doc = "one host fails with 8 accounts in 10 min, 20 in a day, or asks a KDC for 5 names it does not know in 5 min",
	.attack = "T1110.003",
	.tactic = "TA0006",
	.why = "One password for every account keeps under the lock-out; a person has one account, or two.",
	.false_positives = "Terminal servers, VDI, proxies, web front-ends, VPN concentrators: declare role vdi or proxy.",
	.sid = 9100024,
	.family = BH_FAM_C,
	.severity = BH_SEV_MEDIUM,
	.weight = 200,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_LOGON),
	.relief = BH_ROLE_BIT(BH_ROLE_VDI) | BH_ROLE_BIT(BH_ROLE_PROXY) | BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_LB),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
