/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table is two arrays. The index maps a 32-bit piece of a keyed hash to an entry number, with
 * linear probing and backward-shift deletion, so there are no tombstones and a miss costs one cache
 * line. Entries are 128 bytes and never move, so a slot number can stand for a flow in other
 * modules.
 *
 * A batch is prepared in two passes, hash then prefetch, so 32 cache misses overlap instead of
 * queueing.
 *
 * Timers: each flow sits in one wheel bucket, at or before its due time. A packet only writes
 * `last`; when the bucket comes round the due time is computed again and the flow either fires or
 * moves on. State changes that shorten a timeout move it at once.
 *
 * Eviction looks at 16 entries from a moving hand and takes the oldest, but one nobody answered
 * before any that was: a flood of attempts pushes out its own kind.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define IN_BUCKET 0x80000000u /* prev: this entry is a bucket's first, the rest is the bucket */
#define EVICT_LOOK 16

static uint32_t index_size(uint32_t max)
{
	uint64_t n = 64;

	while (n < (uint64_t)max + max / 2)
		n <<= 1;
	return (uint32_t)n;
}

int bh_flow_new(const struct bh_flow_conf *conf, struct bh_flow_table **ret_table)
{
	uint32_t max = conf->max < 64 ? 64 : conf->max > (1u << 28) ? 1u << 28 : conf->max;
	struct bh_flow_table *t = calloc(1, sizeof *t);

	if (!t)
		return -ENOMEM;
	t->conf = *conf;
	t->conf.max = max;
	t->mask = index_size(max) - 1;
	t->index = bh_large_calloc((size_t)t->mask + 1, sizeof *t->index, &t->index_raw);
	t->entries = bh_large_calloc((size_t)max + 1, sizeof *t->entries, &t->entries_raw);
	t->wheel = calloc(WHEEL, sizeof *t->wheel);
	if (!t->index || !t->entries || !t->wheel) {
		bh_flow_free(t);
		return -ENOMEM;
	}
	t->fresh = 1;
	t->hand = 1;
	*ret_table = t;
	return 0;
}

void bh_flow_free(struct bh_flow_table *t)
{
	if (!t)
		return;
	free(t->index_raw);
	free(t->entries_raw);
	free(t->wheel);
	free(t);
}

void bh_flow_memory(struct bh_flow_table *t, void (*each)(void *start, size_t bytes))
{
	each(t->index, ((size_t)t->mask + 1) * sizeof *t->index);
	each(t->entries, ((size_t)t->conf.max + 1) * sizeof *t->entries);
}

size_t bh_flow_bytes(const struct bh_flow_table *t)
{
	return ((size_t)t->mask + 1) * sizeof *t->index +
	       ((size_t)t->conf.max + 1) * sizeof *t->entries + WHEEL * sizeof *t->wheel +
	       sizeof *t;
}

uint32_t bh_flow_slot(const struct bh_flow_table *t, const struct bh_flow *f)
{
	return (uint32_t)(f - t->entries);
}

struct bh_flow *bh_flow_at(struct bh_flow_table *t, uint32_t slot)
{
	return &t->entries[slot];
}

void bh_flow_counters(const struct bh_flow_table *t, struct bh_flow_counters *ret)
{
	*ret = t->n;
}

uint32_t bh_flow_hash(const struct bh_flow_table *t, const struct bh_flow_key *key)
{
	return (uint32_t)bh_hash(key, sizeof *key, t->conf.seed);
}

uint64_t bh_flow_id(const struct bh_flow_table *t, const struct bh_flow *f)
{
	struct {
		struct bh_flow_key key;
		bh_ns start;
	} id = {f->key, f->start};
	uint64_t h =
		bh_hash(&id, sizeof id, t->conf.seed ^ 0x666c6f775f6964ull) & ((1ull << 53) - 1);

	return h ? h : 1;
}

/* ---- index ---- */

static bool key_eq(const struct bh_flow_key *a, const struct bh_flow_key *b)
{
	uint64_t x[5], y[5];

	_Static_assert(sizeof *a == sizeof x, "five words, compared without a call");
	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}

struct bh_flow *bh_flow_find(struct bh_flow_table *t, const struct bh_flow_key *key, uint32_t hash)
{
	for (uint32_t i = hash & t->mask; t->index[i].entry; i = (i + 1) & t->mask)
		if (t->index[i].tag == hash && key_eq(&t->entries[t->index[i].entry].key, key))
			return &t->entries[t->index[i].entry];
	return NULL;
}

static void index_put(struct bh_flow_table *t, uint32_t hash, uint32_t entry)
{
	uint32_t i = hash & t->mask;

	while (t->index[i].entry)
		i = (i + 1) & t->mask;
	t->index[i] = (struct slot){hash, entry};
}

static void index_del(struct bh_flow_table *t, uint32_t hash, uint32_t entry)
{
	uint32_t i = hash & t->mask, j;

	while (t->index[i].entry != entry)
		i = (i + 1) & t->mask;
	for (j = (i + 1) & t->mask; t->index[j].entry; j = (j + 1) & t->mask) {
		uint32_t home = t->index[j].tag & t->mask;

		/* may move back to i unless its home lies after i on the way to j */
		if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
			t->index[i] = t->index[j];
			i = j;
		}
	}
	t->index[i] = (struct slot){0, 0};
}

/* ---- wheel ---- */

static void wheel_link(struct bh_flow_table *t, struct bh_flow *f, bh_ns due)
{
	uint64_t tick = (due + BH_FLOW_TICK - 1) / BH_FLOW_TICK;
	uint32_t bucket, self = bh_flow_slot(t, f);

	if (tick <= t->tick)
		tick = t->tick + 1;
	bucket = (uint32_t)(tick % WHEEL);
	f->next = t->wheel[bucket];
	f->prev = IN_BUCKET | bucket;
	if (f->next)
		t->entries[f->next].prev = self;
	t->wheel[bucket] = self;
}

static void wheel_unlink(struct bh_flow_table *t, struct bh_flow *f)
{
	if (f->prev & IN_BUCKET)
		t->wheel[f->prev & ~IN_BUCKET] = f->next;
	else
		t->entries[f->prev].next = f->next;
	if (f->next)
		t->entries[f->next].prev = f->prev;
}

void bh_flow_rearm(struct bh_flow_table *t, struct bh_flow *f)
{
	wheel_unlink(t, f);
	wheel_link(t, f, bh_flow_due(f));
}

/* No timeout spans the wheel, so what is linked again goes to another bucket and this one runs
 * empty. */
static void wheel_bucket(struct bh_flow_table *t)
{
	bh_ns at = t->tick * BH_FLOW_TICK, due;
	uint32_t e;

	while ((e = t->wheel[t->tick % WHEEL])) {
		struct bh_flow *f = &t->entries[e];

		due = bh_flow_due(f);
		wheel_unlink(t, f);
		wheel_link(t, f, due > at ? due : at + BH_FLOW_TICK);
		if (due <= at)
			bh_flow_fire(t, f, at);
	}
}

void bh_flow_advance(struct bh_flow_table *t, bh_ns now)
{
	uint64_t tick;

	if (now < t->next_tick_at)
		return;
	tick = now / BH_FLOW_TICK;
	if (!t->started) {
		t->started = true;
		t->tick = tick;
	}
	/* after one turn of the wheel every flow there was has ended: the rest of a long gap is
	 * empty */
	for (uint32_t n = 0; t->tick < tick && n < WHEEL; n++) {
		t->tick++;
		wheel_bucket(t);
	}
	t->tick = tick;
	t->next_tick_at = (tick + 1) * BH_FLOW_TICK;
}

/* ---- life ---- */

static void release(struct bh_flow_table *t, struct bh_flow *f)
{
	uint32_t self = bh_flow_slot(t, f);

	wheel_unlink(t, f);
	index_del(t, bh_flow_hash(t, &f->key), self);
	f->state = ST_FREE;
	f->next = t->free_head;
	t->free_head = self;
	t->n.active--;
}

void bh_flow_end(
	struct bh_flow_table *t, struct bh_flow *f, bh_ns at, uint64_t pkt_no, enum bh_flow_end why)
{
	struct bh_event ev;

	/* open to the end without an answer: now it is known that none came */
	if (f->outcome == BH_OUT_NONE && f->proto == 6 &&
		(f->state == ST_OPEN || f->state == ST_SYNACK))
		bh_flow_outcome(t, f, BH_OUT_HANDSHAKE, at, pkt_no);
	bh_flow_event(t, f, BH_EV_FLOW_END, at, pkt_no, &ev);
	ev.u.flow.reason = (uint8_t)why;
	if (t->conf.ending)
		t->conf.ending(t->conf.ctx, f, bh_flow_slot(t, f), &ev);
	t->conf.sink.emit(t->conf.sink.ctx, &ev);
	t->n.ended++;
	release(t, f);
}

static void evict(struct bh_flow_table *t, bh_ns at)
{
	struct bh_flow *worst = NULL;

	for (unsigned n = 0; n < EVICT_LOOK; n++) {
		struct bh_flow *f = &t->entries[t->hand];
		bool weak = f->state == ST_PENDING || f->state == ST_LOOSE;

		t->hand = t->hand >= t->conf.max ? 1 : t->hand + 1;
		if (!worst) {
			worst = f;
			continue;
		}
		if (weak != (worst->state == ST_PENDING || worst->state == ST_LOOSE)) {
			if (weak)
				worst = f;
		} else if (f->last < worst->last) {
			worst = f;
		}
	}
	t->n.evicted++;
	bh_flow_end(t, worst, at, 0, BH_END_EVICTED);
}

struct bh_flow *bh_flow_add(
	struct bh_flow_table *t, const struct bh_flow_key *key, uint32_t hash, bh_ns at)
{
	struct bh_flow *f;
	uint32_t self;

	if (!t->free_head && t->fresh > t->conf.max)
		evict(t, at);
	if (t->free_head) {
		self = t->free_head;
		t->free_head = t->entries[self].next;
	} else {
		self = t->fresh++;
	}
	f = &t->entries[self];
	memset(f, 0, sizeof *f);
	f->key = *key;
	f->start = f->last = at;
	f->state = ST_LOOSE;
	index_put(t, hash, self);
	wheel_link(t, f, at); /* the tracker rearms it once it knows what it is */
	t->n.created++;
	t->n.active++;
	return f;
}

void bh_flow_finish(struct bh_flow_table *t, bh_ns at)
{
	for (uint32_t e = 1; e < t->fresh; e++) {
		/* the entries come in order, their places in the index do not */
		if (e + 8 < t->fresh && t->entries[e + 8].state != ST_FREE)
			__builtin_prefetch(&t->index[bh_flow_hash(t, &t->entries[e + 8].key) & t->mask], 1);
		if (t->entries[e].state != ST_FREE)
			bh_flow_end(t, &t->entries[e], at, 0, BH_END_SHUTDOWN);
	}
}

/* ---- batch ---- */

void bh_flow_prepare(struct bh_flow_table *t, const struct bh_packet *pkts, size_t n,
	struct bh_flow_probe *ret_probes)
{
	for (size_t i = 0; i < n; i++) {
		struct bh_flow_probe *q = &ret_probes[i];

		q->use = bh_flow_key_of(&pkts[i], &q->key, &q->swapped);
		if (!q->use)
			continue;
		q->hash = bh_flow_hash(t, &q->key);
		__builtin_prefetch(&t->index[q->hash & t->mask]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct slot *s;

		if (!ret_probes[i].use)
			continue;
		s = &t->index[ret_probes[i].hash & t->mask];
		if (s->entry) {
			__builtin_prefetch(&t->entries[s->entry], 1);
			__builtin_prefetch((const char *)&t->entries[s->entry] + 64, 1);
		}
	}
}
