/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scan.seq (R1) - sequential test over first-contact TCP attempts: how they end, and how fast they come
 *
 * Threshold random walk: a first contact that fails adds ln((1-t1)/(1-t0)) = 1.386 nats, one that succeeds takes as much
 * away, but only when the destination is an established server and only once per run of failures, so an accomplice that
 * answers cannot buy credit. The walk never goes below zero. Rate: an interval between two first contacts adds ln(l1/l0) =
 * 3.689 nats and takes (l1-l0) = 1.95 nats for every second it lasted, kept between 0 and 3 nats. The rate part is capped because a browser or a booting PC opens
 * many new connections at once, all answered: alone it can never reach the threshold, and three failures are always
 * needed. Five failures in a row suffice at any speed, one probe in five minutes included.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

#define MNAT_FAIL 1386	  /* ln(.8/.2): t0 = .8, t1 = .2 */
#define MNAT_CONTACT 3689 /* ln(2/.05): l0 = 3 a minute, l1 = 2 a second */
#define MNAT_PER_MS_NUM 1950 /* micro-nats a millisecond: l1 - l0 = 1.95 a second */
#define MNAT_RATE_CAP 3000
#define MNAT_ALARM 6898 /* ln(.99/1e-3) */
#define SAMPLES 12

extern const struct bh_detector bh_detector_scan_seq;

struct scan {
	bh_ns rated;
	int32_t walk, rate;	 /* milli-nats */
	uint16_t contacts, failed; /* since the walk last stood at zero */
	bool credited, critical;
	uint8_t next;
	struct {
		struct bh_addr addr;
		uint16_t port;
		uint8_t outcome;
	} sample[SAMPLES];
};

/* what is left of the rate by now: it falls with every second nothing new is contacted */
static int32_t rate_now(const struct scan *m, bh_ns at)
{
	uint64_t gone = m->rated && at > m->rated ? (at - m->rated) / 1000000 * MNAT_PER_MS_NUM / 1000 : 0;

	return gone >= (uint64_t)m->rate ? 0 : m->rate - (int32_t)gone;
}

/* the interval since the contact before is what speaks of a rate: the first contact of a burst says nothing */
static void rate_contact(struct scan *m, bh_ns at)
{
	uint64_t gone = m->rated && at > m->rated ? (at - m->rated) / 1000000 * MNAT_PER_MS_NUM / 1000 : 0;
	int64_t rate = m->rate;

	if (m->rated)
		rate += MNAT_CONTACT - (gone > 1000000 ? 1000000 : (int64_t)gone);
	m->rate = (int32_t)(rate < 0 ? 0 : rate > MNAT_RATE_CAP ? MNAT_RATE_CAP : rate);
	m->rated = at;
	if (m->contacts < UINT16_MAX)
		m->contacts++;
}

static bool is_critical(const struct bh_sight *s, const struct bh_addr *a)
{
	uint16_t z = bh_policy_zone_of(s->policy, a);

	return z != BH_ZONE_NONE && s->policy->zones[z].critical;
}

static void success(struct scan *m, const struct bh_sight *s)
{
	if (!s->dst_is_server || m->credited)
		return;
	m->credited = true;
	m->walk -= MNAT_FAIL;
	if (m->walk <= 0) {
		m->walk = 0;
		m->contacts = m->failed = 0;
		m->critical = false;
	}
}

static void failure(struct scan *m, const struct bh_sight *s)
{
	const struct bh_event *ev = s->ev;

	m->credited = false;
	m->walk += MNAT_FAIL;
	if (m->walk > 4 * MNAT_ALARM)
		m->walk = 4 * MNAT_ALARM;
	if (m->failed < UINT16_MAX)
		m->failed++;
	m->critical |= is_critical(s, &ev->dst);
	m->sample[m->next % SAMPLES].addr = ev->dst;
	m->sample[m->next % SAMPLES].port = ev->dport;
	m->sample[m->next % SAMPLES].outcome = ev->outcome;
	m->next++;
}

/* how many of the failures kept lie in critical zones decides the step, not the count itself */
static void describe(struct bh_finding *f, const struct scan *m, const struct bh_sight *s, int32_t stat)
{
	struct bh_text d = bh_text(f->detail, sizeof f->detail);
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT];
	unsigned n = m->next < SAMPLES ? m->next : SAMPLES;

	f->count = m->failed;
	f->step = m->critical ? BH_STEP_SHIELD : BH_STEP_ALERT;
	snprintf(f->text, sizeof f->text, "%s tried %u services it never contacted before, %u failed; statistic %d.%02d/6.90",
		bh_addr_print(&s->ev->src, a), m->contacts, m->failed, stat / 1000, stat % 1000 / 10);
	for (unsigned i = 0; i < n; i++) {
		bh_put(&d, i ? ", " : "");
		bh_putf(&d, "%s:%u %s", bh_addr_print(&m->sample[i].addr, b), m->sample[i].port, bh_outcome_name(m->sample[i].outcome));
		bh_finding_target(f, &m->sample[i].addr, m->sample[i].port, m->sample[i].outcome, s->ev->at);
	}
	f->peer = m->sample[0].addr;
	f->dport = m->sample[0].port;
}

static bool cares(const struct bh_sight *s)
{
	/* a datagram from a service to a client's port is an answer, whoever is seen first */
	return s->first_contact && (s->ev->proto == 6 || (s->ev->proto == 17 && s->ev->kind == BH_EV_FLOW_OUTCOME && !(s->ev->dport >= 32768 && s->ev->sport < 32768)));
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_event *ev = s->ev;
	struct scan *m = mine;
	int32_t stat;

	/* of UDP only the refusals count: silence is what most datagrams get */
	if (!s->first_contact || (ev->proto != 6 && (ev->proto != 17 || (ev->outcome != BH_OUT_REFUSED && ev->outcome != BH_OUT_UNREACHABLE))))
		return 0;
	if (ev->kind == BH_EV_FLOW_NEW) {
		rate_contact(m, ev->at);
		return 0;
	}
	switch (ev->outcome) {
	case BH_OUT_SUCCESS:
		success(m, s);
		return 0;
	case BH_OUT_REFUSED:
	case BH_OUT_UNREACHABLE:
	case BH_OUT_SILENT:
		break;
	default:
		return 0;
	}
	failure(m, s);
	stat = m->walk + rate_now(m, ev->at);
	if (stat < MNAT_ALARM)
		return 0;
	bh_finding_init(ret_finding, &bh_detector_scan_seq, s);
	describe(ret_finding, m, s, stat);
	return 1;
}

const struct bh_detector bh_detector_scan_seq = {
	.name = "scan.seq",
	.title = "Scan: sequential test on first contacts",
	.doc = "a host's first contacts fail one after another",
	.attack = "T1046",
	.tactic = "TA0007",
	.why = "Worms and intruders try addresses that are not there; people and programs use addresses that are.",
	.false_positives = "Vulnerability scanners, monitoring, stale printer lists, backup software polling sleeping PCs. "
			   "Give those hosts the role vulnscan or monitor: the weight falls to a tenth.",
	.sid = 9100001,
	.family = BH_FAM_R,
	.severity = BH_SEV_MEDIUM,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_NEW) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_MONITOR),
	.host_size = sizeof(struct scan),
	.hosts = 65535,
	.cares = cares,
	.observe = observe,
};
