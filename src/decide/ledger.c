/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The evidence ledger: per host and family one score that fades. Inside a family evidence is correlated, so a new item adds
 * the larger and 30 % of the smaller, never a sum; families add up. Integers only, so a replay gives the same verdict.
 */
#include <bulkhead/decide.h>

static const struct {
	int32_t cap;
	bh_ns half_life; /* 0 = sticky until reviewed */
} families[BH_FAM_COUNT] = {
	[BH_FAM_R] = {200, BH_MIN(30)},	 [BH_FAM_C] = {400, BH_HOUR(6)},      [BH_FAM_L] = {450, BH_HOUR(24)},
	[BH_FAM_I] = {600, 0},		 [BH_FAM_U] = {400, 0},		      [BH_FAM_X] = {300, BH_HOUR(24)},
	[BH_FAM_O] = {500, BH_HOUR(24)}, [BH_FAM_P] = {150, BH_HOUR(2)},      [BH_FAM_CHAIN] = {350, BH_HOUR(24)},
	[BH_FAM_H] = {100, BH_MIN(30)},
};

/* 2^-(t/h), straight between the halves: at most 6 % above the curve, exact at each half-life, and the same everywhere */
int32_t bh_decay(int32_t score, bh_ns elapsed, bh_ns half_life)
{
	uint64_t halves;
	int64_t v, part;

	if (half_life == 0 || score <= 0)
		return score;
	halves = elapsed / half_life;
	if (halves >= 20)
		return 0;
	v = (int64_t)score >> halves;
	part = (int64_t)((elapsed % half_life) / 1000000 * 1000 / (half_life / 1000000));
	return (int32_t)(v - v * part / 2000);
}

static int32_t combine(int32_t old, int32_t x, int32_t cap)
{
	int32_t big = old > x ? old : x, small = old > x ? x : old;
	int32_t v = big + small * 3 / 10;

	return v > cap ? cap : v;
}

static int32_t larger(int32_t old, int32_t x, int32_t cap)
{
	int32_t v = old > x ? old : x;

	return v > cap ? cap : v;
}

static int32_t enter(struct bh_ledger *l, unsigned family, int32_t weight, unsigned attribution, bh_ns now, int32_t (*with)(int32_t, int32_t, int32_t))
{
	static const int32_t percent[4] = {10, 40, 80, 100};
	int32_t x = weight * percent[attribution & 3] / 100;
	bh_ns elapsed = now > l->fam[family].at ? now - l->fam[family].at : 0;
	bh_ns half = families[family].half_life;

	l->fam[family].score = with(bh_decay(l->fam[family].score, elapsed, half), x, families[family].cap);
	l->fam[family].attr = bh_decay(l->fam[family].attr, elapsed, half);
	if (attribution >= 2) {
		l->fam[family].attr = with(l->fam[family].attr, x, families[family].cap);
		if (x > l->best_item)
			l->best_item = x;
	}
	l->fam[family].at = now;
	return l->fam[family].score;
}

int32_t bh_ledger_add(struct bh_ledger *l, unsigned family, int32_t weight, unsigned attribution, bh_ns now)
{
	return enter(l, family, weight, attribution, now, combine);
}

int32_t bh_ledger_again(struct bh_ledger *l, unsigned family, int32_t weight, unsigned attribution, bh_ns now)
{
	return enter(l, family, weight, attribution, now, larger);
}

void bh_ledger_join(struct bh_ledger *l, const struct bh_ledger *was, bh_ns now)
{
	for (unsigned f = 0; f < BH_FAM_COUNT; f++) {
		bh_ns gone = now > was->fam[f].at ? now - was->fam[f].at : 0, here = now > l->fam[f].at ? now - l->fam[f].at : 0;

		l->fam[f].score = larger(bh_decay(l->fam[f].score, here, families[f].half_life), bh_decay(was->fam[f].score, gone, families[f].half_life), families[f].cap);
		l->fam[f].attr = larger(bh_decay(l->fam[f].attr, here, families[f].half_life), bh_decay(was->fam[f].attr, gone, families[f].half_life), families[f].cap);
		l->fam[f].at = now;
	}
	l->best_item = l->best_item > was->best_item ? l->best_item : was->best_item;
	l->incident = l->incident ? l->incident : was->incident;
}

bh_ns bh_ledger_half_life(unsigned family)
{
	return families[family].half_life ? families[family].half_life : BH_HOUR(24);
}

int32_t bh_ledger_total(const struct bh_ledger *l, bh_ns now, unsigned *ret_families, int32_t *ret_attributed)
{
	int32_t sum = 0, attr = 0;
	unsigned n = 0;

	for (unsigned f = 0; f < BH_FAM_COUNT; f++) {
		bh_ns elapsed = now > l->fam[f].at ? now - l->fam[f].at : 0;
		int32_t v = bh_decay(l->fam[f].score, elapsed, families[f].half_life);

		sum += v;
		attr += bh_decay(l->fam[f].attr, elapsed, families[f].half_life);
		n += v >= 30; /* a family that says almost nothing is no second witness */
	}
	*ret_families = n;
	*ret_attributed = attr;
	return sum;
}

unsigned bh_ledger_percent(int32_t score, int32_t prior)
{
	/* 100 / (1 + 10^-x) for x = -2.0 … 2.0 in steps of 0.25 bans */
	static const uint8_t table[17] = {1, 2, 3, 5, 9, 15, 24, 36, 50, 64, 76, 85, 91, 95, 97, 98, 99};
	int32_t x = score + prior;

	if (x < -200)
		return 0;
	if (x >= 200)
		return 99;
	return table[(x + 200) / 25];
}
