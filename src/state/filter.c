/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include "state/filter.h"

int bh_filter_init(struct bh_filter *f, unsigned bits)
{
	memset(f, 0, sizeof *f);
	f->blocks = bits > 9 ? 1ull << (bits - 9) : 1;
	for (int i = 0; i < 2; i++)
		if (!(f->gen[i] = bh_large_calloc(f->blocks, 64, &f->raw[i]))) {
			bh_filter_fini(f);
			return -ENOMEM;
		}
	return 0;
}

void bh_filter_fini(struct bh_filter *f)
{
	free(f->raw[0]);
	free(f->raw[1]);
	memset(f, 0, sizeof *f);
}

static void turn(struct bh_filter *f, bh_ns now)
{
	uint64_t *old = f->gen[1];

	f->gen[1] = f->gen[0];
	f->gen[0] = old;
	if (f->turns) /* until the first turn nobody wrote there */
		memset(old, 0, f->blocks * 64);
	f->turned = now;
	f->turns++;
}

static bool probe(uint64_t *block, uint64_t key, bool set)
{
	bool all = true;

	for (int i = 0; i < 4; i++) {
		unsigned bit = (unsigned)(key >> (i * 9)) & 511;
		uint64_t m = 1ull << (bit & 63);

		all &= (block[bit >> 6] & m) != 0;
		if (set)
			block[bit >> 6] |= m;
	}
	return all;
}

bool bh_filter_add(struct bh_filter *f, uint64_t key, bh_ns now)
{
	uint64_t at = (key * 0x9e3779b97f4a7c15ull >> 20) & (f->blocks - 1);
	bool young, old = false;

	if (f->turned == 0)
		f->turned = now;
	if (now > f->turned && now - f->turned > BH_FILTER_TURN)
		turn(f, now);
	if (f->turns) /* before, the elder is empty: reading it would only fault its pages in */
		old = probe(f->gen[1] + at * 8, key, false);
	young = probe(f->gen[0] + at * 8, key, true);
	return young || old;
}
