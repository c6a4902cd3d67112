/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * first-contact filter: a blocked Bloom filter of two generations, so "seen in the last 15 to 30 days"
 *
 * Shape   2 x 2^bits bits, touched as keys come; 4 bits of one 64-byte block per key: one cache line per probe and step,
 *         at most five steps at 2^27 bits.
 * Purity  Pure.
 * Source  Putze, Sanders, Singler 2009 (blocked Bloom filters); detection.md 3.1.
 */
#ifndef BULKHEAD_STATE_FILTER_H
#define BULKHEAD_STATE_FILTER_H

#include <bulkhead/base.h>

struct bh_filter_gen {
	uint64_t *block;
	void *raw;     /* as allocated */
	uint64_t keys; /* put in so far */
};
struct bh_filter {
	struct bh_filter_gen gen[2]; /* the young, the elder */
	uint64_t blocks;	     /* power of two */
	bh_ns turned;
	uint64_t turns;
};
#define BH_FILTER_TURN BH_HOUR(15 * 24)

int bh_filter_init(struct bh_filter *f, unsigned bits) BH_MUST;
void bh_filter_fini(struct bh_filter *f);
bool bh_filter_add(struct bh_filter *f, uint64_t key, bh_ns now); /* true = was there already */

#endif
