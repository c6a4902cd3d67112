/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to this folder: the table's insides and the tracker's states. */
#ifndef BH_FLOW_INTERNAL_H
#define BH_FLOW_INTERNAL_H

#include <bulkhead/flow.h>

enum state {
	ST_FREE,
	ST_PENDING, /* first direction only; outcome NONE = still hoped for */
	ST_SYNACK,  /* TCP answered, the third packet missing */
	ST_OPEN,    /* TCP established; others: answered */
	ST_MID,     /* TCP without its start */
	ST_CLOSED,  /* TCP, lingering for the last packets */
	ST_LOOSE,   /* no attempt: group destinations, protocols without one */
};

#define WHEEL 16384u /* buckets: more than the longest timeout in ticks */

struct slot {
	uint32_t tag;   /* low half of the hash; home = tag & mask */
	uint32_t entry; /* 0 = empty */
};

struct bh_flow_table {
	struct bh_flow_conf conf;
	struct slot *index;
	uint32_t mask;
	struct bh_flow *entries; /* [1..max] */
	void *index_raw, *entries_raw; /* as allocated */
	uint32_t fresh; /* entries from here on were never used */
	uint32_t free_head;
	uint32_t hand;   /* where the next eviction looks */
	uint32_t *wheel; /* first entry of each bucket */
	uint64_t tick;   /* the last one that was handled */
	bh_ns next_tick_at;
	bool started;
	struct bh_flow_counters n;
};

/* index, wheel and life of entries: table.c */
struct bh_flow *bh_flow_find(struct bh_flow_table *t, const struct bh_flow_key *key, uint32_t hash);
struct bh_flow *bh_flow_add(
	struct bh_flow_table *t, const struct bh_flow_key *key, uint32_t hash, bh_ns at);
void bh_flow_end(struct bh_flow_table *t, struct bh_flow *f, bh_ns at, uint64_t pkt_no,
	enum bh_flow_end why);
void bh_flow_rearm(struct bh_flow_table *t, struct bh_flow *f);
uint32_t bh_flow_hash(const struct bh_flow_table *t, const struct bh_flow_key *key);

/* meaning: track.c */
void bh_flow_outcome(
	struct bh_flow_table *t, struct bh_flow *f, enum bh_outcome o, bh_ns at, uint64_t pkt_no);
bh_ns bh_flow_due(const struct bh_flow *f);
void bh_flow_fire(struct bh_flow_table *t, struct bh_flow *f, bh_ns at);
bool bh_flow_key_of(const struct bh_packet *p, struct bh_flow_key *ret, bool *ret_swapped);
bool bh_flow_key_of_quote(const struct bh_packet *p, struct bh_flow_key *ret, bool *ret_swapped);

#endif
