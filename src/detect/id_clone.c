/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * id.clone (U4) - two machines use one hardware address at the same time
 *
 * Two signs. Two systems open connections in turns: three changes between, say, Windows and Linux within a minute, each with
 * a time to live as it leaves a machine (one hop less is somebody behind it, nat.behind's affair). Or two clocks: the timestamps
 * of SYNs from one address to one other address follow two lines, taken in turns. Systems of today give each pair of addresses an
 * offset of its own, so only SYNs of the same pair are compared. The identity is in conflict then: whoever it is, he is
 * not isolated automatically, and the innocent of the two is not cut for the other; critical zones are shielded from both.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_id_clone;

#define PAIRS 4096
#define APART 10000 /* ticks between two clocks at least: ten seconds of a millisecond clock */
#define TURNS 3

struct clock {
	uint32_t ts;
	uint32_t at; /* ms */
};
struct pair {
	uint64_t key;
	struct clock clock[2];
	uint8_t last, turns, pad[6];
};
struct shared {
	struct pair pair[PAIRS];
};

static bool cares(const struct bh_sight *s)
{
	return s->own && s->ev->kind == BH_EV_FLOW_NEW && (s->two_stacks || (s->ev->u.flow.syn.tsval && bh_ttl_class(s->ev->ttl)));
}

/* does the value lie on the clock's line, at one of the rates clocks run at? */
static bool on_line(const struct clock *c, uint32_t ts, uint32_t at)
{
	static const uint16_t hz[] = {1000, 250, 100, 10, 1};
	uint32_t ms = at - c->at;
	int64_t gone = (int32_t)(ts - c->ts);

	if (!c->at)
		return false;
	for (size_t i = 0; i < BH_COUNT(hz); i++) {
		int64_t want = (int64_t)ms * hz[i] / 1000, slack = want / 20 + 2 * hz[i];

		if (gone >= want - slack && gone <= want + slack)
			return true;
	}
	return false;
}

static bool far(const struct clock *a, uint32_t ts)
{
	int64_t d = (int32_t)(ts - a->ts);

	return d > APART || d < -APART;
}

/* true when the two clocks of a pair have taken turns often enough */
static bool two_clocks(struct shared *sh, const struct bh_sight *s)
{
	struct {
		struct bh_mac mac;
		struct bh_addr src, dst;
	} who = {s->dev->mac, s->ev->src, s->ev->dst};
	uint64_t key = bh_hash(&who, sizeof who, 0) | 1;
	struct pair *p = &sh->pair[key / 2 % PAIRS];
	uint32_t at = (uint32_t)(s->ev->at / 1000000) | 1, ts = s->ev->u.flow.syn.tsval;
	unsigned i;

	if (p->key != key) {
		*p = (struct pair){.key = key, .clock[0] = {ts, at}};
		return false;
	}
	for (i = 0; i < 2 && !on_line(&p->clock[i], ts, at); i++)
		;
	if (i == 2) { /* a third line: a reboot, or the second of two */
		i = !p->clock[1].at && far(&p->clock[0], ts) ? 1 : p->last;
		p->turns = 0;
	} else if (i != p->last && p->turns < UINT8_MAX)
		p->turns++;
	p->clock[i] = (struct clock){ts, at};
	p->last = (uint8_t)i;
	return p->turns >= TURNS && far(&p->clock[0], p->clock[1].ts);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	bool clocks = s->ev->u.flow.syn.tsval && two_clocks(s->shared, s);
	char dev[96];

	if (!clocks && !s->two_stacks)
		return 0;
	if (clocks)
		s->src->conflict_until = s->ev->at + BH_MIN(10);
	bh_finding_init(f, &bh_detector_id_clone, s);
	f->mac = s->dev->mac;
	f->count = s->dev->conflicts;
	f->step = BH_STEP_SHIELD;
	snprintf(f->text, sizeof f->text, "two machines speak with %s: %s", bh_dev_text(s, s->dev, dev),
		s->two_stacks ? "two systems open connections in turns" : "two clocks run in its timestamps");
	snprintf(f->detail, sizeof f->detail, "now %s, TTL %u, window %u, IP id %u, timestamp %u", bh_os_name(bh_os_of_syn(&s->ev->u.flow.syn, s->ev->ttl)), s->ev->ttl,
		s->ev->u.flow.syn.window, s->ev->u.flow.syn.ipid, s->ev->u.flow.syn.tsval);
	return 1;
}

const struct bh_detector bh_detector_id_clone = {
	.name = "id.clone",
	.title = "Two machines with one address",
	.doc = "two systems, or two clocks, take turns behind one hardware address and one IP address",
	.attack = "T1200",
	.tactic = "TA0005",
	.why = "A clone beside its original gives itself away: two stacks cannot keep one clock or one way to open connections.",
	.false_positives = "Redundancy protocols, load balancers, virtual machines that share their host's address. Roles lb-vip, hypervisor.",
	.sid = 9100039,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(FRAMES) | BH_SEES_BIT(CONVERSATIONS),
	.wants = BH_WANTS(BH_EV_FLOW_NEW),
	.relief = BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_VDI) | BH_ROLE_BIT(BH_ROLE_LB) | BH_ROLE_BIT(BH_ROLE_PROXY),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
