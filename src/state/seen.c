/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections that were answered, remembered by who opened which service to whom: what a person is shown before a cut, and
 * what a policy is learned from. A fixed table of small buckets; in a full bucket the one not seen for longest gives way, so
 * somebody who opens many connections pushes out his neighbours in the hash, not the oldest of all, and the loss is counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <bulkhead/state.h>

#define WAYS 8u
#define BUCKETS 2048u

struct bh_seen_table {
	struct bh_seen_counters n;
	uint64_t seed;
	struct bh_seen slot[BUCKETS * WAYS]; /* last 0 = free */
};

int bh_seen_open(uint64_t seed, struct bh_seen_table **ret_table)
{
	struct bh_seen_table *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	t->seed = seed;
	*ret_table = t;
	return 0;
}

void bh_seen_close(struct bh_seen_table *t)
{
	free(t);
}

static bool same(const struct bh_seen *s, const struct bh_event *ev, uint16_t dport)
{
	return s->last && s->dport == dport && s->proto == ev->proto && bh_addr_eq(&s->src, &ev->src) && bh_addr_eq(&s->dst, &ev->dst);
}

/* the entry of this connection's kind, made if need be */
static struct bh_seen *place(struct bh_seen_table *t, const struct bh_event *ev, uint16_t dport)
{
	struct {
		struct bh_addr src, dst;
		uint16_t dport, proto;
	} key = {ev->src, ev->dst, dport, ev->proto};
	struct bh_seen *b = &t->slot[bh_hash(&key, sizeof key, t->seed) % BUCKETS * WAYS], *oldest = b;

	for (unsigned i = 0; i < WAYS; i++) {
		if (same(&b[i], ev, dport))
			return &b[i];
		if (b[i].last < oldest->last)
			oldest = &b[i];
	}
	if (oldest->last) {
		t->n.evicted++;
		if (oldest->last > t->n.evicted_last)
			t->n.evicted_last = oldest->last;
	} else {
		t->n.used++;
	}
	*oldest = (struct bh_seen){.src = ev->src, .dst = ev->dst, .dport = dport, .proto = ev->proto, .first = ev->at};
	return oldest;
}

void bh_seen_step(struct bh_seen_table *t, const struct bh_event *ev)
{
	bool end = ev->kind == BH_EV_FLOW_END;
	struct bh_seen *s;

	if (!t->n.since)
		t->n.since = ev->at ? ev->at : 1;
	if (!end && ev->kind != BH_EV_FLOW_CLASS && ev->kind != BH_EV_FLOW_OUTCOME)
		return;
	if (ev->outcome != BH_OUT_SUCCESS && ev->outcome != BH_OUT_HANDSHAKE && !(ev->flags & BH_EVF_TWOWAY))
		return; /* nobody answered, or a beginning nobody saw */
	if (ev->outcome == BH_OUT_MIDSTREAM || ev->outcome == BH_OUT_REFUSED)
		return;
	s = place(t, ev, ev->proto == 6 || ev->proto == 17 ? ev->dport : 0);
	if (ev->app && !(ev->flags & BH_EVF_GUESS))
		s->app = ev->app;
	if (ev->at > s->last)
		s->last = ev->at;
	if (!end)
		return;
	s->flows++;
	s->bytes += ev->u.flow.bytes[0] + ev->u.flow.bytes[1];
	if (ev->u.flow.start && ev->u.flow.start < s->first)
		s->first = ev->u.flow.start;
}

size_t bh_seen_slots(const struct bh_seen_table *t)
{
	return BH_COUNT(t->slot);
}

const struct bh_seen *bh_seen_at(const struct bh_seen_table *t, size_t i)
{
	return t->slot[i].last ? &t->slot[i] : NULL;
}

void bh_seen_counters(const struct bh_seen_table *t, struct bh_seen_counters *ret_counters)
{
	*ret_counters = t->n;
}
