/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Do the timestamps of a device's SYNs follow one clock? By pair of addresses, for systems of today give each pair an offset of its own;
 * a pair that falls on another's place gives way.
 */
#include <stdlib.h>
#include "state/inside.h"

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
struct bh_clocks {
	struct pair pair[PAIRS];
};

struct bh_clocks *bh_clocks_open(void)
{
	return calloc(1, sizeof(struct bh_clocks));
}

void bh_clocks_close(struct bh_clocks *c)
{
	free(c);
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

bool bh_clocks_two(struct bh_clocks *c, const struct bh_device *d, const struct bh_event *ev)
{
	struct {
		struct bh_mac mac;
		struct bh_addr src, dst;
	} who = {d->mac, ev->src, ev->dst};
	uint64_t key = bh_hash(&who, sizeof who, 0) | 1;
	struct pair *p = &c->pair[key / 2 % PAIRS];
	uint32_t at = (uint32_t)(ev->at / 1000000) | 1, ts = ev->u.flow.syn.tsval;
	unsigned i;

	if (ev->kind != BH_EV_FLOW_NEW || !ts || !bh_ttl_class(ev->ttl))
		return false;
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
