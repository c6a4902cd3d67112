/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys fill the blocks from the front in steps of four: the first 64 KiB, then 192 KiB more, then 768. A step is full at 64
 * bits a key, where one stranger in sixty thousand passes for known; the last one takes all that comes. So the memory a
 * filter touches follows what it holds, and that of a quiet network stays in the cache.
 */
#include <errno.h>
#include <stdlib.h>
#include "state/filter.h"

#define FIRST 1024u /* blocks of the first step */
#define KEYS 8u	    /* a block: 64 bits a key */

int bh_filter_init(struct bh_filter *f, unsigned bits)
{
	memset(f, 0, sizeof *f);
	f->blocks = bits > 9 ? 1ull << (bits - 9) : 1;
	for (int i = 0; i < 2; i++)
		if (!(f->gen[i].block = bh_large_calloc(f->blocks, 64, &f->gen[i].raw))) {
			bh_filter_fini(f);
			return -ENOMEM;
		}
	return 0;
}

void bh_filter_fini(struct bh_filter *f)
{
	free(f->gen[0].raw);
	free(f->gen[1].raw);
	memset(f, 0, sizeof *f);
}

/* where the step that begins at block lo ends */
static uint64_t step_end(const struct bh_filter *f, uint64_t lo)
{
	uint64_t hi = lo ? lo * 4 : FIRST;

	return hi < f->blocks ? hi : f->blocks;
}

static uint64_t *block_of(const struct bh_filter_gen *g, uint64_t lo, uint64_t hi, uint64_t key)
{
	return g->block + 8 * (lo + ((key * 0x9e3779b97f4a7c15ull >> 32) * (hi - lo) >> 32));
}

static bool probe(const uint64_t *block, uint64_t key)
{
	bool all = true;

	for (int i = 0; i < 4; i++) {
		unsigned bit = (unsigned)(key >> (i * 9)) & 511;

		all &= block[bit >> 6] >> (bit & 63) & 1;
	}
	return all;
}

static bool holds(const struct bh_filter *f, const struct bh_filter_gen *g, uint64_t key)
{
	for (uint64_t lo = 0, hi; lo < f->blocks && (lo == 0 || g->keys > lo * KEYS); lo = hi) {
		hi = step_end(f, lo);
		if (probe(block_of(g, lo, hi, key), key))
			return true;
	}
	return false;
}

static void put(const struct bh_filter *f, struct bh_filter_gen *g, uint64_t key)
{
	uint64_t lo = 0, hi = step_end(f, 0), *block;

	while (g->keys >= hi * KEYS && hi < f->blocks) {
		lo = hi;
		hi = step_end(f, lo);
	}
	block = block_of(g, lo, hi, key);
	for (int i = 0; i < 4; i++) {
		unsigned bit = (unsigned)(key >> (i * 9)) & 511;

		block[bit >> 6] |= 1ull << (bit & 63);
	}
	g->keys++;
}

static void turn(struct bh_filter *f, bh_ns now)
{
	struct bh_filter_gen old = f->gen[1];
	uint64_t used = FIRST;

	while (used < f->blocks && old.keys > used * KEYS)
		used = step_end(f, used);
	if (old.keys)
		memset(old.block, 0, (used < f->blocks ? used : f->blocks) * 64);
	old.keys = 0;
	f->gen[1] = f->gen[0];
	f->gen[0] = old;
	f->turned = now;
	f->turns++;
}

bool bh_filter_add(struct bh_filter *f, uint64_t key, bh_ns now)
{
	bool young, old;

	if (f->turned == 0)
		f->turned = now;
	if (now > f->turned && now - f->turned > BH_FILTER_TURN)
		turn(f, now);
	old = f->gen[1].keys && holds(f, &f->gen[1], key);
	young = f->gen[0].keys && holds(f, &f->gen[0], key);
	if (!young)
		put(f, &f->gen[0], key);
	return young || old;
}
