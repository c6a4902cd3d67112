/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A drawbridge's hours. A window belongs to the day it opens on and may end on the next; two windows of one bridge never
 * overlap, because each lasts a day at most and they begin a day apart.
 */
#include "policy/load.h"

#define DAY 86400

const char *bh_inside_name(unsigned inside)
{
	return inside == BH_INSIDE_DENY ? "deny" : inside == BH_INSIDE_FREE ? "free" : "?";
}

const char *bh_trip_name(unsigned trip)
{
	static const char *const name[BH_TRIP_COUNT] = {"never", "shield", "contain", "isolate"};

	return trip < BH_TRIP_COUNT ? name[trip] : "?";
}

const char *bh_raise_name(unsigned raise_on)
{
	static const char *const name[BH_RAISE_COUNT] = {"never", "alert", "isolate"};

	return raise_on < BH_RAISE_COUNT ? name[raise_on] : "?";
}

const char *bh_day_name(unsigned day)
{
	static const char *const name[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

	return day < 7 ? name[day] : "?";
}

bool bh_drawbridge_down(const struct bh_drawbridge *d, bh_ns at, int32_t offset_s, bh_ns *ret_until)
{
	int64_t now = (int64_t)(at / BH_SEC(1)) + offset_s, today = now >= 0 ? now / DAY : -1;
	int64_t opens = d->opens * 60, lasts = d->closes * 60 - opens;

	if (lasts <= 0)
		lasts += DAY;
	for (int64_t day = today - 1; day <= today + 8; day++) {
		int64_t begin = day * DAY + opens;
		int64_t next;

		/* the first of January 1970 was a Thursday */
		if (begin + lasts <= now || !(d->days >> (day + 10) % 7 & 1))
			continue;
		next = begin <= now ? begin + lasts : begin;
		next -= offset_s;
		*ret_until = next > 0 ? BH_SEC(next) : 0;
		return begin <= now;
	}
	*ret_until = at + BH_HOUR(24); /* no day at all: the loader lets none through */
	return false;
}
