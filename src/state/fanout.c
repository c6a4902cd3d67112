/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bulkhead/state.h>

uint64_t bh_addr_hash(const struct bh_addr *a, uint64_t seed)
{
	return bh_hash(a, sizeof *a, seed);
}

/* ---- fan-out: two half-window bitmaps of 128 bits ---- */
unsigned bh_fanout_touch(struct bh_fanout *f, uint64_t peer, bh_ns now, bh_ns window)
{
	/* linear counting, n = -m ln(zeros/m), m = 128, to the nearest whole: index = ones */
	static const uint8_t estimate[128] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 24, 25, 27,
		28, 29, 30, 32, 33, 34, 35, 37, 38, 40, 41, 42, 44, 45, 47, 48, 49, 51, 52, 54, 55, 57,
		59, 60, 62, 63, 65, 67, 68, 70, 72, 74, 75, 77, 79, 81, 83, 85, 87, 89, 91, 93, 95, 97,
		99, 101, 104, 106, 108, 110, 113, 115, 118, 120, 123, 126, 128, 128, 128, 128, 128, 128,
		128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
		128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128,
		128, 128, 128, 128, 128};
	unsigned bit = (unsigned)(peer & 127), ones;

	if (f->turned == 0)
		f->turned = now;
	if (now >= f->turned + window || now + window < f->turned) { /* or the clock was set back */
		memset(f->bits, 0, sizeof f->bits);
		f->turned = now;
	} else if (now >= f->turned + window / 2) {
		memcpy(f->bits[1], f->bits[0], sizeof f->bits[1]);
		memset(f->bits[0], 0, sizeof f->bits[0]);
		f->turned += window / 2;
	}
	f->bits[0][bit >> 6] |= 1ull << (bit & 63);
	ones = (unsigned)(__builtin_popcountll(f->bits[0][0] | f->bits[1][0]) + __builtin_popcountll(f->bits[0][1] | f->bits[1][1]));
	return ones > 127 ? 128 : estimate[ones];
}
