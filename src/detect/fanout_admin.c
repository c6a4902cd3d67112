/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fanout.admin (R2) - one host opens an admin protocol to many hosts it never opened it to before
 *
 * Distinct new destinations per admin class: 5 in 5 minutes, 10 in an hour, 20 in a day. Full weight when at least 30 % of
 * the attempts whose end is known came to a successful exchange, otherwise 0.7: a web page can make a browser knock on
 * many doors, but it does not log in. Counted per initiator, at the attempt: waiting for the answer would give a sweep
 * three more seconds. The 5-minute count is exact (a short list), the longer ones are bitmaps.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_fanout_admin;

#define SHORT_LIMIT 5
#define HOUR_LIMIT 10
#define DAY_LIMIT 20
#define RECENT 16

struct fanout_class {
	struct bh_fanout hour, day;
	struct {
		struct bh_addr addr;
		bh_ns at;
	} recent[RECENT];
	uint8_t next;
	uint16_t tried, ended, succeeded; /* in the running hour */
	bh_ns since;
};
struct fanout {
	struct fanout_class cls[BH_SVC_COUNT];
};

static unsigned recent_count(const struct fanout_class *c, bh_ns now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RECENT; i++)
		n += bh_within(now, c->recent[i].at, BH_MIN(5));
	return n;
}

static void roll(struct fanout_class *c, bh_ns now)
{
	if (c->since && bh_apart(now, c->since) < BH_HOUR(1))
		return;
	c->since = now;
	c->tried = c->ended = c->succeeded = 0;
}

static int alarm_on(const struct bh_sight *s, struct fanout_class *c, unsigned n, const char *window, struct bh_finding *f)
{
	char a[BH_ADDR_TEXT];

	bh_finding_init(f, &bh_detector_fanout_admin, s);
	if (c->succeeded * 10 < c->ended * 3 || c->succeeded == 0)
		f->weight = f->weight * 7 / 10;
	f->step = BH_STEP_SHIELD;
	f->count = n;
	for (unsigned i = 0; i < RECENT; i++)
		if (c->recent[i].at)
			bh_finding_target(f, &c->recent[i].addr, s->ev->dport, BH_OUT_NONE, c->recent[i].at);
	if (f->n_targets)
		f->peer = f->targets[0].addr;
	snprintf(f->text, sizeof f->text, "%s opened %s to %u new hosts in %s; %u of %u ended attempts succeeded",
		bh_addr_print(&s->ev->src, a), bh_class_name(s->cls), n, window, c->succeeded, c->ended);
	return 1;
}

static bool cares(const struct bh_sight *s)
{
	return s->cls != BH_SVC_NONE && s->first_contact;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	struct fanout *m = mine;
	struct fanout_class *c = &m->cls[s->cls];
	const struct bh_event *ev = s->ev;
	unsigned n5, nh, nd;

	if (s->cls == BH_SVC_NONE || !s->first_contact)
		return 0;
	roll(c, ev->at);
	if (ev->kind == BH_EV_FLOW_OUTCOME) {
		if (c->ended < UINT16_MAX)
			c->ended++, c->succeeded += ev->outcome == BH_OUT_SUCCESS;
		return 0;
	}
	if (c->tried < UINT16_MAX)
		c->tried++;
	c->recent[c->next % RECENT].addr = ev->dst;
	c->recent[c->next % RECENT].at = ev->at;
	c->next++;
	n5 = recent_count(c, ev->at);
	nh = bh_fanout_touch(&c->hour, bh_addr_hash(&ev->dst, 1), ev->at, BH_HOUR(1));
	nd = bh_fanout_touch(&c->day, bh_addr_hash(&ev->dst, 1), ev->at, BH_HOUR(24));
	if (n5 >= SHORT_LIMIT)
		return alarm_on(s, c, n5, "5 min", ret_finding);
	if (nh >= HOUR_LIMIT)
		return alarm_on(s, c, nh, "1 h", ret_finding);
	if (nd >= DAY_LIMIT)
		return alarm_on(s, c, nd, "24 h", ret_finding);
	return 0;
}

const struct bh_detector bh_detector_fanout_admin = {
	.name = "fanout.admin",
	.title = "Lateral movement: admin-protocol fan-out on new edges",
	.doc = "one host opens an admin protocol to 5 new hosts in 5 min, 10 in 1 h or 20 in 24 h",
	.attack = "T1021",
	.tactic = "TA0008",
	.why = "An intruder with credentials touches many neighbours on one admin port; servers are spoken to by many.",
	.false_positives = "Software deployment, backup, vulnerability scanners, jump hosts, print spoolers. Declare the role; "
			   "the weight falls to a tenth.",
	.sid = 9100002,
	.family = BH_FAM_R,
	.severity = BH_SEV_MEDIUM,
	.weight = 200,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_NEW) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_BACKUP) | BH_ROLE_BIT(BH_ROLE_VULNSCAN) |
		  BH_ROLE_BIT(BH_ROLE_JUMP) | BH_ROLE_BIT(BH_ROLE_DC) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_PRINT),
	.host_size = sizeof(struct fanout),
	.hosts = 2048,
	.cares = cares,
	.observe = observe,
};
