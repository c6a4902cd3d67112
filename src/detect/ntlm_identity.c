/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ntlm.identity (C5) - the same proof in two places, or a name that is not the sender's
 *
 *   relay: a server's challenge, or a client's proof, seen in two connections between different hosts within 30 s; the host that is
 *   the server of one and the client of the other is blamed. Exact: 64 random bits do not repeat. 4,096 are remembered, of one pair
 *   of hosts one in each set of four. With one end the same in both it is address translation, not a relay               4.0 bans
 *   When its own logon came first, it may have been thrown back at it from a second address: told, and no shield
 *   a machine account used by a host whose known name is another                                                          2.5
 *   a workstation name that is not the sender's known name                                                                1.0
 *   an account known for a week from other hosts logs on from one it never used                                           0.8
 * A name is known from DHCP or the policy; without one nothing is said. Proxies and load balancers do all of these.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_ntlm_identity;

#define WAYS 4u
#define SETS 1024u
#define ACCOUNTS 4096u

struct proof {
	uint64_t value, proof; /* proof: of the logon, beside its challenge */
	bh_ns at;
	struct bh_addr src, dst;
};
struct account {
	uint64_t key;
	bh_ns first;
	uint64_t hosts[4];
	uint8_t next;
};
struct shared {
	struct proof proof[2][SETS][WAYS]; /* challenges, proofs */
	struct account account[ACCOUNTS];
};

static bool cares(const struct bh_sight *s)
{
	return s->dst && s->ev->u.logon.mech == BH_MECH_NTLM && (s->ev->u.logon.result == BH_LOGON_TRIED || s->ev->u.logon.result == BH_LOGON_OK);
}

static int finding(const struct bh_sight *s, int32_t weight, unsigned severity, struct bh_finding *f)
{
	bh_finding_init(f, &bh_detector_ntlm_identity, s);
	f->weight = weight;
	f->severity = (uint8_t)severity;
	f->step = weight >= 250 ? BH_STEP_SHIELD : BH_STEP_ALERT;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.logon.user);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

/* where the value is, or is to be: whoever makes up values that fall into one set has one place there for each pair of hosts he has */
static struct proof *place(struct proof set[WAYS], uint64_t value, const struct bh_event *ev)
{
	struct proof *put = set;

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].value == value)
			return &set[i];
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].value && bh_addr_eq(&set[i].src, &ev->src) && bh_addr_eq(&set[i].dst, &ev->dst))
			return &set[i];
	for (unsigned i = 0; i < WAYS; i++)
		if (put->value && (!set[i].value || bh_apart(ev->at, set[i].at) > bh_apart(ev->at, put->at)))
			put = &set[i];
	return put;
}

/* *ret_other = the connection it was seen in before, when that was another pair of hosts */
static bool seen_elsewhere(struct proof table[SETS][WAYS], uint64_t value, const struct bh_event *ev, struct proof *ret_other)
{
	struct proof *p;
	bool other;

	if (!value)
		return false;
	p = place(table[bh_hash(&value, sizeof value, 5) % SETS], value, ev);
	other = p->value == value && bh_within(ev->at, p->at, BH_SEC(30)) && !bh_addr_eq(&p->src, &ev->src) && !bh_addr_eq(&p->dst, &ev->dst) &&
		!(bh_addr_eq(&p->src, &ev->dst) && bh_addr_eq(&p->dst, &ev->src));
	*ret_other = *p;
	if (p->value != value || !bh_within(ev->at, p->at, BH_SEC(30)))
		*p = (struct proof){value, ev->u.logon.proof, ev->at, ev->src, ev->dst};
	return other;
}

static int relay(const struct bh_sight *s, struct shared *m, struct bh_finding *f)
{
	const struct bh_event *ev = s->ev;
	const struct bh_ev_logon *l = &ev->u.logon;
	struct proof other;
	bool challenge = seen_elsewhere(m->proof[0], l->challenge, ev, &other);
	bool middle; /* the first of A -> B and B -> C is told last */
	char a[80], b[80], c[80];

	/* who relays hands on both: another answer to the same challenge was made to look like it */
	if (challenge && l->proof && other.proof && l->proof != other.proof)
		challenge = false;
	if (!challenge && !seen_elsewhere(m->proof[1], l->proof, ev, &other))
		return 0;
	finding(s, 400, BH_SEV_CRITICAL, f);
	/* A -> B and B -> C, in whichever order they are told */
	middle = bh_addr_eq(&other.src, &ev->dst);
	/* a proof is relayed after it was given: before that it can only have been B's own, thrown back at it from a second address */
	if (middle ? other.at < ev->at : bh_addr_eq(&other.dst, &ev->src) && ev->at < other.at)
		f->step = BH_STEP_ALERT;
	if (middle) {
		f->host = ev->dst;
		f->peer = other.dst;
		f->n_targets = 0;
		bh_finding_target(f, &other.dst, ev->dport, BH_OUT_NONE, ev->at);
		snprintf(f->text, sizeof f->text, "the logon of %s to %s was relayed by that host to %s", bh_host_text(s->src, &ev->src, a), bh_host_text(s->dst, &ev->dst, b),
			bh_host_text(NULL, &other.dst, c));
	} else {
		snprintf(f->text, sizeof f->text, "the logon of %s to %s was relayed by %s to %s", bh_host_text(NULL, &other.src, a), bh_host_text(NULL, &other.dst, b),
			bh_host_text(s->src, &ev->src, c), bh_host_text(s->dst, &ev->dst, (char[80]){0}));
	}
	snprintf(f->detail, sizeof f->detail, "the same %s in both, %016llx, %llu ms apart; account %s", challenge ? "challenge" : "proof",
		(unsigned long long)(challenge ? l->challenge : l->proof), (unsigned long long)(bh_apart(ev->at, other.at) / 1000000), l->user);
	return 1;
}

/* NetBIOS names are cut at 15 characters; DNS names go on after a dot */
static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "."), k = strcspn(b, ".");

	n = n > 15 ? 15 : n;
	k = k > 15 ? 15 : k;
	return n == k && strncasecmp(a, b, n) == 0;
}

static int names(const struct bh_sight *s, struct bh_finding *f)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	const char *account = strrchr(l->user, '\\');
	char name[64], a[80], b[80];
	size_t n;

	account = account ? account + 1 : l->user;
	n = strcspn(account, "@");
	if (!s->src->name[0])
		return 0;
	if (n > 1 && account[n - 1] == '$') {
		snprintf(name, sizeof name, "%.*s", (int)(n - 1 > 60 ? 60 : n - 1), account);
		if (same_name(name, s->src->name))
			return 0;
		finding(s, 250, BH_SEV_HIGH, f);
		snprintf(f->text, sizeof f->text, "%s logged on to %s as the machine %.40s", bh_host_text(s->src, &s->ev->src, a), bh_host_text(s->dst, &s->ev->dst, b), name);
		return 1;
	}
	if (!l->workstation[0] || same_name(l->workstation, s->src->name))
		return 0;
	finding(s, 100, BH_SEV_LOW, f);
	snprintf(f->text, sizeof f->text, "%s called itself %s when it logged on to %s", bh_host_text(s->src, &s->ev->src, a), l->workstation,
		bh_host_text(s->dst, &s->ev->dst, b));
	return 1;
}

static int new_place(const struct bh_sight *s, struct shared *m, struct bh_finding *f)
{
	const struct bh_ev_logon *l = &s->ev->u.logon;
	uint64_t key = bh_word_key(l->user), host = bh_addr_hash(&s->ev->src, 1) | 1;
	struct account *a = &m->account[key % ACCOUNTS];
	char src[80], dst[80];

	if (!l->user[0] || l->result != BH_LOGON_OK)
		return 0;
	if (a->key != key)
		*a = (struct account){.key = key, .first = s->ev->at};
	for (unsigned i = 0; i < BH_COUNT(a->hosts); i++)
		if (a->hosts[i] == host)
			return 0;
	a->hosts[a->next % BH_COUNT(a->hosts)] = host;
	a->next = a->next < 8 ? a->next + 1 : 5; /* never few again */
	/* more than four hosts: an account that is used everywhere */
	if (bh_apart(s->ev->at, a->first) < BH_HOUR(24 * 7) || a->next > BH_COUNT(a->hosts))
		return 0;
	finding(s, 80, BH_SEV_INFO, f);
	snprintf(f->text, sizeof f->text, "%s logged on to %s as %.60s, an account never used from there", bh_host_text(s->src, &s->ev->src, src),
		bh_host_text(s->dst, &s->ev->dst, dst), l->user);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	return relay(s, s->shared, ret_finding) || names(s, ret_finding) || new_place(s, s->shared, ret_finding);
}

const struct bh_detector bh_detector_ntlm_identity = {
	.name = "ntlm.identity",
	.title = "Credential access: relayed or borrowed identity",
	.doc = "one NTLM challenge or proof in two connections, a machine account or workstation name that is not the sender's",
	.attack = "T1557.001",
	.tactic = "TA0006",
	.why = "Whoever relays a logon has to hand on the server's challenge unchanged; whoever stole a machine's password is not that machine.",
	.false_positives = "Reverse proxies and load balancers hand challenges on for a living: declare role proxy or lb-vip. Storage that gives no name is silent.",
	.sid = 9100027,
	.family = BH_FAM_C,
	.severity = BH_SEV_HIGH,
	.weight = 400,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_LOGON),
	.relief = BH_ROLE_BIT(BH_ROLE_PROXY) | BH_ROLE_BIT(BH_ROLE_LB) | BH_ROLE_BIT(BH_ROLE_VDI),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
