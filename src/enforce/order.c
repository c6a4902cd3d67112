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

#define TRIES 4

static int check(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bh_ns now,
	struct bh_refused *ret_refused)
{
	size_t fresh[BH_CUT_KINDS] = {0};

	for (size_t i = 0; i < n; i++) {
		unsigned kind = cuts[i].kind < BH_CUT_KINDS ? cuts[i].kind : 0;
		bool stands = bh_book_find(&e->book, &cuts[i]) != NULL;
		size_t standing = e->book.kind[kind] + fresh[kind];
		const struct bh_cut *other;
		struct bh_refused refused;

		/* of two equal targets in one order the second is a renewal as well, which costs
		 * nothing but quota */
		if (bh_plan_guard(&e->law, &cuts[i], stands ? standing - 1 : standing, e->self,
			    e->n_self, &refused) ||
			(bh_trial_on(e, now) &&
				bh_plan_guard(&e->trial.law, &cuts[i],
					stands ? standing - 1 : standing, e->self, e->n_self,
					&refused))) {
			*ret_refused = refused;
			return 1;
		}
		other = bh_book_net_overlap(&e->book, &cuts[i]);
		for (size_t k = 0; k < i && !other && cuts[i].what == BH_CUT_NET; k++)
			if (cuts[k].what == BH_CUT_NET && cuts[k].kind == cuts[i].kind &&
				bh_prefix_overlaps(&cuts[k].net, &cuts[i].net))
				other = &cuts[k];
		if (other) {
			memset(ret_refused, 0, sizeof *ret_refused);
			ret_refused->code = BH_REF_WIDTH;
			snprintf(ret_refused->text, sizeof ret_refused->text,
				"overlaps a network of order %u: release that one first",
				other->order);
			return 1;
		}
		if (!stands)
			fresh[kind]++;
	}
	return 0;
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

/* the last of two equal targets counts */
static bool later_twin(const struct bh_cut *cuts, size_t n, size_t i)
{
	struct bh_cut_place a, b;

	if (bh_cut_place(&cuts[i], &a) < 0)
		return false;
	for (size_t k = i + 1; k < n; k++) {
		if (bh_cut_place(&cuts[k], &b) < 0)
			continue;
		if (a.set == b.set && a.len == b.len && !memcmp(a.key, b.key, a.len))
			return true;
	}
	return false;
}

static int put_cuts(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool ask)
{
	bh_batch_begin(&e->batch, &e->nl);
	for (size_t i = 0; i < n; i++) {
		bool stands = bh_book_find(&e->book, &cuts[i]) != NULL;
		struct elem_seen seen;

		if (later_twin(cuts, n, i))
			continue;
		if (ask) {
			int r = stands_in_kernel(e, &cuts[i], &seen);

			if (r < 0)
				return r;
			stands = r == 0;
		}
		if (stands)
			bh_cut_put(&e->batch, &cuts[i], NFT_MSG_DELSETELEM, 0);
		bh_cut_put(&e->batch, &cuts[i], NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL);
	}
	return 0;
}

static int read_back(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct elem_seen seen;
		struct bh_cut_place p;
		int r = stands_in_kernel(e, &cuts[i], &seen);

		if (r == 0)
			continue;
		snprintf(e->why, sizeof e->why, "set %s: the cut was acknowledged but is not there",
			bh_cut_place(&cuts[i], &p) < 0 ? "?" : p.set);
		return r < 0 ? r : -EIO;
	}
	return 0;
}

/* elements only: what dies by them meets them at its next packet */
static int cut_by_elements(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bh_ns now)
{
	int r = -EAGAIN;

	for (int tries = 0; tries < TRIES; tries++) {
		r = put_cuts(e, cuts, n, tries > 0);
		if (r == 0)
			r = bh_batch_commit(&e->batch, &e->nl, false, e->why);
		if (r != -EEXIST && r != -ENOENT)
			break;
		if (tries == 1 &&
			bh_enforcer_verify(e) == 1) { /* the table itself was tampered with */
			r = bh_law_put(e, &e->book);
			if (r < 0)
				break;
		}
	}
	if (r == 0)
		r = read_back(e, cuts, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = bh_book_put(&e->book, &cuts[i], now);
	return r;
}

/*
 * Cuts met only by what is not judged yet: the law is written again under a new stamp, with them in
 * it or without them, in one batch.
 */
static int cut_by_law(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, bool release)
{
	bh_ns now = bh_clock_now();
	struct book next = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && e->book.v && i <= e->book.mask; i++) {
		struct bh_cut c = e->book.v[i].cut;

		if (e->book.v[i].deadline <= now)
			continue;
		c.ttl = e->book.v[i].deadline - now;
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

/* a host contained already needs no more than its time renewed */
static bool judged_again(const struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cuts[i].kind == BH_CUT_ISLAND ||
			(cuts[i].kind == BH_CUT_CONTAIN && !bh_book_find(&e->book, &cuts[i])))
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

int bh_enforcer_cut(
	struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, struct bh_refused *ret_refused)
{
	bh_ns now = bh_clock_now();
	int r;

	if (!e->have_law) {
		snprintf(e->why, sizeof e->why, "no law applied yet: apply a plan first");
		return -ENODATA;
	}
	for (size_t i = 0; i < n; i++)
		if (e->book.kind[cuts[i].kind < BH_CUT_KINDS ? cuts[i].kind : 0] + n >
			e->law.max_cuts) {
			bh_book_expire(&e->book, now);
			break;
		}
	if (check(e, cuts, n, now, ret_refused) || check_island(cuts, n, ret_refused))
		return 1;
	r = judged_again(e, cuts, n) ? cut_by_law(e, cuts, n, false)
				     : cut_by_elements(e, cuts, n, now);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (cuts[i].kind == BH_CUT_KILL) {
			r = bh_ct_delete(&e->nl, &cuts[i]);
			if (r < 0)
				snprintf(e->why, sizeof e->why, "conntrack entry: %s",
					strerror(-r));
		}
	return r;
}

int bh_enforcer_release(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) /* its pairs go with it, and its edge moves */
		if (cuts[i].kind == BH_CUT_ISLAND && bh_book_find(&e->book, &cuts[i]))
			return cut_by_law(e, cuts, n, true);
	for (int tries = 0; tries < TRIES; tries++) {
		size_t standing = 0;

		bh_batch_begin(&e->batch, &e->nl);
		for (size_t i = 0; i < n; i++) {
			struct elem_seen seen;

			if (cuts[i].kind == BH_CUT_NONE || cuts[i].kind >= BH_CUT_KINDS ||
				cuts[i].what >= BH_CUT_WHATS || later_twin(cuts, n, i))
				continue;
			r = stands_in_kernel(e, &cuts[i], &seen);
			if (r < 0) {
				snprintf(e->why, sizeof e->why, "release: %s", strerror(-r));
				return r;
			}
			if (r == 1)
				continue;
			bh_cut_put(&e->batch, &cuts[i], NFT_MSG_DELSETELEM, 0);
			standing++;
		}
		r = standing ? bh_batch_commit(&e->batch, &e->nl, false, e->why) : 0;
		if (r != -ENOENT) /* it ran out between the question and the batch */
			break;
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		bh_book_drop(&e->book, &cuts[i]);
	return r;
}

int bh_enforcer_cuts(struct bh_enforcer *e, struct bh_cut **ret_cuts, size_t *ret_n)
{
	int r = bh_cuts_read(&e->nl, ret_cuts, ret_n);

	if (r < 0)
		snprintf(e->why, sizeof e->why, "reading cuts: %s", strerror(-r));
	return r;
}
