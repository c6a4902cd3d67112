/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auth.brute (C1) - password after password against one service
 *
 * Failures per source, destination and protocol within a window: 10 of one account in 5 min, or 20 of any; SSH and FTP, whose failures
 * are read from sizes or are cheap mistakes of programs, 30 in 30 min and 20 in 15 min; or 80 in 5 min at any hosts, for whoever goes
 * round more of them than are remembered. A success after that, of an account that failed,
 * adds 1.5 bans: the password was found. So is one that comes within 5 s of the first of five failures of the same account, at the pace
 * of a program: told, and no more. To be let in as a guest is neither. One account that fails regularly, at least 20 s apart, is a password that expired in some
 * service: info, 0.2.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_auth_brute;

#define DESTS 16 /* guessing at many in turn must not push out its own records */
#define NAMES 4
#define ANYWHERE 80 /* in 5 min, at all destinations together */
#define QUICK 5 /* failures of one account faster than a person types */

struct dest {
	struct bh_dest d;
	uint8_t via, next;
	bool burst, several; /* several: accounts */
	struct bh_rate all, one; /* one: of the account that failed last */
	bh_ns first, last;
	uint32_t failed, slow; /* since the burst began; of these at least 20 s after the one before */
	uint64_t account, names[NAMES]; /* the last one, the last few */
	char user[32];
};
struct mine {
	struct dest dest[DESTS];
	struct bh_rate anywhere;
};

static bool cares(const struct bh_sight *s)
{
	return s->dst && (s->ev->u.logon.result == BH_LOGON_FAILED || s->ev->u.logon.result == BH_LOGON_OK) && !bh_as_guest(&s->ev->u.logon);
}

static struct dest *dest_of(struct mine *m, const struct bh_sight *s)
{
	struct bh_addr key = s->ev->dst;
	struct dest *d;

	/* a record for each protocol: guessing over two in turn must not reset anything */
	key.b[0] ^= (uint8_t)(s->ev->u.logon.via << 4);
	d = bh_dest_of(m->dest, DESTS, sizeof *d, &key, s->ev->at, s->ev->u.logon.result == BH_LOGON_FAILED);
	if (d)
		d->via = s->ev->u.logon.via;
	return d;
}

static void limits(unsigned via, bh_ns *ret_window, uint32_t *ret_one, uint32_t *ret_all)
{
	*ret_window = via == BH_LOGON_SSH ? BH_MIN(30) : via == BH_LOGON_FTP ? BH_MIN(15) : BH_MIN(5);
	*ret_one = via == BH_LOGON_SSH ? 30 : via == BH_LOGON_FTP ? 20 : 10;
	*ret_all = via == BH_LOGON_SSH ? 30 : 20;
}

static int alarm_on(const struct bh_sight *s, struct dest *d, bool found, bool quick, uint32_t anywhere, struct bh_finding *f)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	bool stale = !found && !anywhere && !d->several && d->slow + 1 >= d->failed;
	char a[80], b[80], u[80];

	bh_finding_init(f, &bh_detector_auth_brute, s);
	f->weight = stale ? 20 : found && !quick ? 300 : bh_detector_auth_brute.weight;
	f->severity = stale ? BH_SEV_INFO : found && !quick ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->step = found && !quick ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = anywhere ? anywhere : d->failed;
	bh_strcpy(f->user, sizeof f->user, found ? l->user : d->user);
	snprintf(f->text, sizeof f->text, "%u failed %s logons from %s to %s%s%s%s", f->count, bh_logon_via_name(d->via), bh_host_text(s->src, &s->ev->src, a),
		anywhere ? "many hosts, the last " : "", bh_host_text(s->dst, &s->ev->dst, b), bh_as(d->user, u), found ? ", then one succeeded" : stale ? ": perhaps a stored password that expired" : "");
	snprintf(f->detail, sizeof f->detail, "within %llu s; status 0x%x%s%s", (unsigned long long)(bh_apart(s->ev->at, d->first) / BH_SEC(1)), l->status,
		l->workstation[0] ? "; calls itself " : "", l->workstation);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	if (quick)
		d->failed = 0; /* the next ones are counted anew */
	return 1;
}

static bool tried(const struct dest *d, uint64_t account)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (d->names[i] == account)
			return true;
	return false;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	struct dest *d = dest_of(mine, s);
	uint64_t account = bh_word_key(l->user);
	uint32_t all, one, max_all, max_one, anywhere;
	bh_ns window;

	if (!d)
		return 0;
	limits(d->via, &window, &max_one, &max_all);
	if (l->result == BH_LOGON_OK) {
		bool quick = !d->burst && d->failed >= QUICK && !d->several && d->account == account && bh_within(s->ev->at, d->first, BH_SEC(5));

		if (!quick && (!d->burst || !bh_within(s->ev->at, d->last, window) || (l->user[0] && d->user[0] && !tried(d, account))))
			return 0;
		d->burst = false;
		return alarm_on(s, d, true, quick, 0, ret_finding);
	}
	if (!d->failed || !bh_within(s->ev->at, d->last, window)) {
		d->first = s->ev->at;
		d->failed = d->slow = 0;
		d->burst = d->several = false;
		memset(d->names, 0, sizeof d->names);
	}
	d->slow += d->failed && bh_apart(s->ev->at, d->last) >= BH_SEC(20);
	d->failed++;
	d->last = s->ev->at;
	d->several |= d->failed > 1 && d->account != account;
	if (!tried(d, account))
		d->names[d->next++ % NAMES] = account;
	if (d->account != account) {
		d->account = account;
		d->one = (struct bh_rate){0};
		bh_strcpy(d->user, sizeof d->user, l->user);
	}
	all = bh_rate_add(&d->all, 1, s->ev->at, window);
	one = bh_rate_add(&d->one, 1, s->ev->at, window);
	anywhere = bh_rate_add(&((struct mine *)mine)->anywhere, 1, s->ev->at, BH_MIN(5));
	if (all < max_all && one < max_one && anywhere < ANYWHERE)
		return 0;
	d->burst = true;
	return alarm_on(s, d, false, false, all < max_all && one < max_one ? anywhere : 0, ret_finding);
}

const struct bh_detector bh_detector_auth_brute = {
	.name = "auth.brute",
	.title = "Credential access: password guessing",
	.doc = "one host fails to log on to one service again and again",
	.attack = "T1110.001",
	.tactic = "TA0006",
	.why = "Nobody mistypes a password ten times in five minutes, and a success right after is a password found.",
	.false_positives = "A service with an expired password (told as such when it keeps an even pace), scanners and copiers that send to folders. "
			   "Role vulnscan relieves, and vdi, proxy and lb-vip, where the failures are of many people.",
	.sid = 9100023,
	.family = BH_FAM_C,
	.severity = BH_SEV_MEDIUM,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_LOGON),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_VDI) | BH_ROLE_BIT(BH_ROLE_PROXY) | BH_ROLE_BIT(BH_ROLE_LB),
	.host_size = sizeof(struct mine),
	.hosts = 4096, /* each host that logs on has one */
	.cares = cares,
	.observe = observe,
};
