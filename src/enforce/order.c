/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cutting and releasing. An element is added under the assumption that it is new, or deleted and
 * added in one batch when it stands: older kernels keep the old timeout of an element that is
 * merely added again. The assumption comes from the book; when the kernel disagrees (it expired, or
 * somebody removed it) each target is asked for and the batch is built once more from what is
 * really there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "enforcer.h"

#define TRIES 6

int bh_cut_check(struct bh_enforcer *e, const struct cut_batch *b, const struct bh_cut *c, bh_ns now,
	struct bh_refused *ret_refused)
{
	unsigned kind = c->kind < BH_CUT_KINDS ? c->kind : 0;
	/* of two equal targets in one order the second is a renewal as well, which costs nothing
	 * but quota */
	size_t standing = e->book.kind[kind] + b->fresh[kind] - (bh_book_deadline(&e->book, c) != 0);
	const struct bh_cut *other;

	if (bh_plan_guard(&e->law, c, standing, e->self, e->n_self, ret_refused) ||
		(bh_trial_on(e, now) && bh_plan_guard(&e->trial.law, c, standing, e->self,
						e->n_self, ret_refused)))
		return 1;
	if (c->what != BH_CUT_NET)
		return 0;
	other = bh_book_net_overlap(&e->book, c);
	for (size_t k = 0; k < b->n && !other; k++)
		if (b->cuts[k].what == BH_CUT_NET && b->cuts[k].kind == c->kind &&
			bh_prefix_overlaps(&b->cuts[k].net, &c->net))
			other = &b->cuts[k];
	if (!other)
		return 0;
	memset(ret_refused, 0, sizeof *ret_refused);
	ret_refused->code = BH_REF_WIDTH;
	snprintf(ret_refused->text, sizeof ret_refused->text,
		"overlaps a network of order %u: release that one first", other->order);
	return 1;
}

void bh_cut_batch_take(struct bh_enforcer *e, struct cut_batch *b)
{
	const struct bh_cut *c = &b->cuts[b->n++];

	if (!bh_book_deadline(&e->book, c))
		b->fresh[c->kind]++;
}

void bh_cut_make_room(struct bh_enforcer *e, size_t n, bh_ns now)
{
	for (size_t k = 0; k < BH_CUT_KINDS; k++)
		if (e->book.kind[k] + n > e->law.max_cuts) {
			bh_book_expire(&e->book, now);
			return;
		}
}

/* 0 stands, 1 does not */
static int stands_in_kernel(
	struct bh_enforcer *e, const struct bh_cut *c, struct elem_seen *ret_seen)
{
	struct bh_cut_place p;

	if (bh_cut_place(c, &p) < 0)
		return 1;
	return bh_elem_get(&e->nl, p.set, p.key, p.len, ret_seen);
}

/* The last of two equal targets counts: later[i] tells that i is not it. */
static int mark_twins(const struct bh_cut *cuts, size_t n, bool *later)
{
	size_t room = 4;
	uint32_t *seen;

	memset(later, 0, n * sizeof *later);
	if (n < 2)
		return 0;
	while (room < n * 2)
		room *= 2;
	seen = calloc(room, sizeof *seen);
	if (!seen)
		return -ENOMEM;
	for (size_t i = n; i-- > 0;) {
		struct bh_cut_place a, b;
		size_t at;

		if (bh_cut_place(&cuts[i], &a) < 0)
			continue;
		at = bh_hash(a.key, a.len, 0) & (room - 1);
		for (; seen[at]; at = (at + 1) & (room - 1))
			if (bh_cut_place(&cuts[seen[at] - 1], &b) == 0 && a.set == b.set &&
				a.len == b.len && !memcmp(a.key, b.key, a.len)) {
				later[i] = true;
				break;
			}
		if (!seen[at])
			seen[at] = (uint32_t)i + 1;
	}
	free(seen);
	return 0;
}

/* all deletions, then all additions: neighbours of one set share a message */
static int put_family(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, const bool *later,
	bool ask, bool bridge)
{
	struct cut_stream s = bh_cut_stream(&e->batch);

	for (size_t i = 0; i < n; i++) {
		bool stands = bh_book_deadline(&e->book, &cuts[i]) != 0;
		struct elem_seen seen;

		if (later[i] || (bridge && !bh_cut_on_bridge(&cuts[i], e->bridge_whole)))
			continue;
		if (ask) {
			int r = stands_in_kernel(e, &cuts[i], &seen);

			if (r < 0)
				return r;
			stands = r == 0;
		}
		if (stands)
			bh_cut_put(&s, &cuts[i], NFT_MSG_DELSETELEM, 0);
	}
	for (size_t i = 0; i < n; i++)
		if (!later[i] && !(bridge && !bh_cut_on_bridge(&cuts[i], e->bridge_whole)))
			bh_cut_put(&s, &cuts[i], NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	bh_cut_stream_end(&s);
	return 0;
}

/* what is asked, and what is written, from here on */
static void at_family(struct bh_enforcer *e, uint8_t family)
{
	e->nl.family = e->batch.family = family;
}

static int put_cuts(
	struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, const bool *later, bool ask)
{
	int r;

	bh_batch_begin(&e->batch, &e->nl);
	r = put_family(e, cuts, n, later, ask, false);
	if (r == 0 && e->bridge) {
		at_family(e, NFPROTO_BRIDGE);
		r = put_family(e, cuts, n, later, ask, true);
		at_family(e, NFPROTO_INET);
	}
	return r;
}

/* Of many, each sixteenth and the last: what a message could lose, it loses from some element on to its end. */
#define ALL_READ_BACK 64
#define READ_BACK_STEP 16

static int read_family(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool bridge)
{
	size_t step = n > ALL_READ_BACK ? READ_BACK_STEP : 1;

	for (size_t i = (n - 1) % step; i < n; i += step) {
		struct elem_seen seen;
		struct bh_cut_place p;
		int r = bridge && !bh_cut_on_bridge(&cuts[i], e->bridge_whole) ? 0 : stands_in_kernel(e, &cuts[i], &seen);

		if (r == 0)
			continue;
		snprintf(e->why, sizeof e->why, "set %s: the cut was acknowledged but is not there",
			bh_cut_place(&cuts[i], &p) < 0 ? "?" : p.set);
		return r < 0 ? r : -EIO;
	}
	return 0;
}

static int read_back(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	int r = read_family(e, cuts, n, false);

	if (r == 0 && e->bridge) {
		e->nl.family = NFPROTO_BRIDGE;
		r = read_family(e, cuts, n, true);
		e->nl.family = NFPROTO_INET;
	}
	return r;
}

/* somebody took the table apart while an order was carried out: the watch will tell */
static int mend(struct bh_enforcer *e)
{
	int r = bh_law_put_again(e, &e->book);

	e->mended |= r == 0;
	return r;
}

/* Into the book once the kernel shows them. What is gone again already was taken away: the law is put back with them. */
static int keep(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bh_ns now)
{
	int r = read_back(e, cuts, n), kept = 0;

	if (r < 0 && r != -EIO)
		return r;
	for (size_t i = 0; kept == 0 && i < n; i++)
		kept = bh_book_put(&e->book, &cuts[i], now);
	if (kept < 0)
		return kept;
	for (int tries = 0; r == -EIO && tries < TRIES; tries++) {
		r = mend(e);
		if (r == 0)
			r = read_back(e, cuts, n);
	}
	for (size_t i = 0; r < 0 && i < n; i++)
		bh_book_drop(&e->book, &cuts[i]);
	return r;
}

/* elements only: what dies by them meets them at its next packet */
static int cut_by_elements(
	struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, const bool *later, bh_ns now)
{
	int r = -EAGAIN;

	for (int tries = 0; tries < TRIES; tries++) {
		r = put_cuts(e, cuts, n, later, tries > 0);
		if (r == 0)
			r = n > ALL_READ_BACK ? bh_watch_unheard(e)
					      : bh_batch_commit(&e->batch, &e->nl, false, e->why);
		if (r != -EEXIST && r != -ENOENT)
			break;
		if (tries >= 1 &&
			bh_enforcer_verify(e) == 1) { /* the table itself was tampered with */
			r = mend(e);
			if (r < 0)
				break;
		}
	}
	return r == 0 ? keep(e, cuts, n, now) : r;
}

/*
 * Cuts met only by what is not judged yet: the law is written again under a new stamp, with them in
 * it or without them, in one batch.
 */
static int cut_by_law(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool release)
{
	bh_ns now = bh_clock_now(), deadline;
	struct book next = {0};
	struct bh_cut c;
	int r = 0;

	for (size_t i = 0; r == 0 && bh_book_next(&e->book, &i, &c, &deadline);) {
		if (deadline <= now)
			continue;
		c.ttl = deadline - now;
		r = bh_book_put(&next, &c, now);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		if (release)
			bh_book_drop(&next, &cuts[i]);
		else
			r = bh_book_put(&next, &cuts[i], now);
	if (r == 0)
		r = bh_law_put_again(e, &next);
	if (r < 0) {
		bh_book_fini(&next);
		return r;
	}
	bh_book_fini(&e->book);
	e->book = next;
	return release ? 0 : read_back(e, cuts, n);
}

#define RUNNING_OUT BH_SEC(1) /* may be gone by the time the batch is there */

/* A host contained already needs no more than its time renewed; what it opened after its time was judged without the cut. */
static bool judged_again(const struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bh_ns now)
{
	for (size_t i = 0; i < n; i++)
		if (cuts[i].kind == BH_CUT_ISLAND ||
			(cuts[i].kind == BH_CUT_CONTAIN && bh_book_deadline(&e->book, &cuts[i]) <= now + RUNNING_OUT))
			return true;
	return false;
}

#define ISLAND_NETS 64 /* every pair of them is told to the kernel */

static int check_island(const struct bh_cut *cuts, size_t n, struct bh_refused *ret_refused)
{
	size_t nets = 0;

	for (size_t i = 0; i < n; i++)
		nets += cuts[i].kind == BH_CUT_ISLAND;
	if (nets <= ISLAND_NETS)
		return 0;
	memset(ret_refused, 0, sizeof *ret_refused);
	ret_refused->code = BH_REF_WIDTH;
	snprintf(ret_refused->text, sizeof ret_refused->text,
		"an island has at most %d networks, not %zu", ISLAND_NETS, nets);
	return 1;
}

static int without_law(struct bh_enforcer *e)
{
	if (e->have_law)
		return 0;
	snprintf(e->why, sizeof e->why, "no law applied yet: apply a plan first");
	return -ENODATA;
}

static int cut_admitted(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool *later)
{
	bh_ns now = bh_clock_now();
	int r = without_law(e);

	if (r == 0)
		r = mark_twins(cuts, n, later);
	if (r == 0)
		r = cut_by_elements(e, cuts, n, later, now);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (cuts[i].kind == BH_CUT_KILL) {
			r = bh_ct_delete(&e->nl, &cuts[i]);
			if (r < 0)
				snprintf(e->why, sizeof e->why, "conntrack entry: %s",
					strerror(-r));
		}
	return r;
}

/* one flag a cut: an order of one needs no memory */
static int with_flags(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n,
	int (*fn)(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool *later))
{
	bool one = false, *later = n > 1 ? malloc(n * sizeof *later) : &one;
	int r;

	if (!later) {
		snprintf(e->why, sizeof e->why, "an order of %zu lines: %s", n, strerror(ENOMEM));
		return -ENOMEM;
	}
	r = fn(e, cuts, n, later);
	if (later != &one)
		free(later);
	return r;
}

int bh_cut_admitted(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	return n ? with_flags(e, cuts, n, cut_admitted) : without_law(e);
}

int bh_enforcer_cut(
	struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, struct bh_refused *ret_refused)
{
	struct cut_batch b = {.cuts = cuts};
	bh_ns now = bh_clock_now();
	int r = without_law(e);

	if (r < 0)
		return r;
	if (n > BH_ENF_CHUNK) {
		snprintf(e->why, sizeof e->why, "%zu cuts in one batch: the most is %d", n,
			BH_ENF_CHUNK);
		return -E2BIG;
	}
	bh_cut_make_room(e, n, now);
	for (size_t i = 0; i < n; i++) {
		struct bh_refused refused;

		if (bh_cut_check(e, &b, &cuts[i], now, &refused)) {
			*ret_refused = refused;
			return 1;
		}
		bh_cut_batch_take(e, &b);
	}
	if (check_island(cuts, n, ret_refused))
		return 1;
	if (judged_again(e, cuts, n, now))
		return cut_by_law(e, cuts, n, false);
	return n ? with_flags(e, cuts, n, cut_admitted) : 0;
}

static bool no_such_cut(const struct bh_cut *c)
{
	return c->kind == BH_CUT_NONE || c->kind >= BH_CUT_KINDS || c->what >= BH_CUT_WHATS;
}

/* what the book knows is believed at first, the rest is asked for; adds to *io_standing what there is to delete */
static int put_releases(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n,
	const bool *later, bool ask, bool bridge, size_t *io_standing)
{
	struct cut_stream s = bh_cut_stream(&e->batch);

	for (size_t i = 0; i < n; i++) {
		struct elem_seen seen;

		if (no_such_cut(&cuts[i]) || later[i] || (bridge && !bh_cut_on_bridge(&cuts[i], e->bridge_whole)))
			continue;
		if (ask || !bh_book_deadline(&e->book, &cuts[i])) {
			int r = stands_in_kernel(e, &cuts[i], &seen);

			if (r < 0)
				return r;
			if (r == 1)
				continue;
		}
		bh_cut_put(&s, &cuts[i], NFT_MSG_DELSETELEM, 0);
		++*io_standing;
	}
	bh_cut_stream_end(&s);
	return 0;
}

static int release_order(
	struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool *later)
{
	int r;

	for (size_t i = 0; i < n; i++) /* its pairs go with it, and its edge moves */
		if (cuts[i].kind == BH_CUT_ISLAND && bh_book_deadline(&e->book, &cuts[i]))
			return cut_by_law(e, cuts, n, true);
	r = mark_twins(cuts, n, later);
	for (int tries = 0; r == 0 && tries < TRIES; tries++) {
		size_t standing = 0;

		bh_batch_begin(&e->batch, &e->nl);
		r = put_releases(e, cuts, n, later, tries > 0, false, &standing);
		if (r == 0 && e->bridge) {
			at_family(e, NFPROTO_BRIDGE);
			r = put_releases(e, cuts, n, later, tries > 0, true, &standing);
			at_family(e, NFPROTO_INET);
		}
		if (r < 0) {
			snprintf(e->why, sizeof e->why, "release: %s", strerror(-r));
			return r;
		}
		if (standing)
			r = n > ALL_READ_BACK ? bh_watch_unheard(e)
					      : bh_batch_commit(&e->batch, &e->nl, false, e->why);
		if (r != -ENOENT)
			break;
		if (tries + 1 < TRIES) /* it ran out between the question and the batch */
			r = 0;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		bh_book_drop(&e->book, &cuts[i]);
	return r;
}

int bh_enforcer_release(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	if (n > BH_ENF_CHUNK) {
		snprintf(e->why, sizeof e->why, "%zu releases in one batch: the most is %d", n,
			BH_ENF_CHUNK);
		return -E2BIG;
	}
	return n ? with_flags(e, cuts, n, release_order) : 0;
}

int bh_enforcer_cuts(struct bh_enforcer *e, struct bh_cut **ret_cuts, size_t *ret_n)
{
	int r = bh_cuts_read(&e->nl, ret_cuts, ret_n);

	if (r < 0)
		snprintf(e->why, sizeof e->why, "reading cuts: %s", strerror(-r));
	return r;
}
