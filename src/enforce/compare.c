/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cuts in the kernel against the book. A dump of a hash set begins anew with each of its
 * messages, so its time grows with the square of the elements: four seconds for 200,000. Beyond
 * some thousands each cut of the book is asked for by its key instead, a few microseconds each.
 * What somebody added to them is then not found; that he wrote, and who, the watch has told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "enforcer.h"

#define DUMPED 20000
#define SLACK BH_SEC(2) /* of the kernel's clock and ours */

static int fail(struct bh_enforcer *e, int r, const char *what)
{
	snprintf(e->why, sizeof e->why, "%s: %s%s", what, strerror(-r), bh_nl_hint(r));
	return r;
}

static bool near(bh_ns a, bh_ns b, bh_ns slack)
{
	return a < b + slack && b < a + slack;
}

/* of the table that is being read */
static bool meant(const struct bh_enforcer *e, const struct bh_cut *c)
{
	return e->nl.family != NFPROTO_BRIDGE || bh_cut_on_bridge(c, e->bridge_whole);
}

static int differs(struct bh_enforcer *e, const char *how, const struct bh_cut *c)
{
	char text[BH_CUT_TEXT];

	bh_cut_print(c, text);
	snprintf(e->why, sizeof e->why, "%s: %.120s", how, text);
	return 1;
}

static int compare_dump(struct bh_enforcer *e)
{
	struct bh_cut *v = NULL, c;
	size_t n = 0, matched = 0, due = 0;
	bh_ns start = bh_clock_now(), now, slack, deadline;
	int r = bh_cuts_read(&e->nl, &v, &n);

	if (r < 0)
		return fail(e, r, "reading cuts");
	now = bh_clock_now();
	slack = SLACK + (now - start);
	bh_book_expire(&e->book, now);
	for (size_t i = 0; r == 0 && i < n; i++) {
		deadline = bh_book_deadline(&e->book, &v[i]);
		if (deadline && near(v[i].ttl, deadline - now, slack))
			matched++;
		else if (deadline)
			r = differs(e, "not the TTL we set", &v[i]);
		else if (v[i].ttl >= slack) /* else running out this moment */
			r = differs(e, "not ours", &v[i]);
	}
	for (size_t i = 0; bh_book_next(&e->book, &i, &c, &deadline);)
		due += deadline > now + SLACK && meant(e, &c);
	if (r == 0 && matched < due) {
		snprintf(e->why, sizeof e->why, "%zu cuts should stand, %zu do", due, matched);
		r = 1;
	}
	free(v);
	return r;
}

static int compare_keys(struct bh_enforcer *e)
{
	struct bh_cut c;
	bh_ns deadline;
	int r = 0;

	bh_book_expire(&e->book, bh_clock_now());
	for (size_t i = 0; r == 0 && bh_book_next(&e->book, &i, &c, &deadline);) {
		struct elem_seen seen;
		struct bh_cut_place p;
		bh_ns now = bh_clock_now(), left = deadline > now ? deadline - now : 0;

		if (!meant(e, &c))
			continue;
		if (bh_cut_place(&c, &p) < 0)
			return -EINVAL;
		c.ttl = left;
		r = bh_elem_get(&e->nl, p.set, p.key, p.len, &seen);
		if (r == 1) /* else it runs out this moment */
			r = left > SLACK ? differs(e, "not there", &c) : 0;
		else if (r < 0)
			(void)fail(e, r, "reading cuts");
		else if (!near(BH_MS(seen.left_ms), left, SLACK))
			r = differs(e, "not the TTL we set", &c);
	}
	return r;
}

int bh_cuts_compare(struct bh_enforcer *e)
{
	int (*compare)(struct bh_enforcer *) = bh_book_n(&e->book) > DUMPED ? compare_keys : compare_dump;
	int r = compare(e);

	if (r == 0 && e->bridge) {
		e->nl.family = NFPROTO_BRIDGE;
		r = compare(e);
		e->nl.family = NFPROTO_INET;
	}
	return r;
}
