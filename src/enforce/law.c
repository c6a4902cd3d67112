/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The law in the kernel, and the law on trial beside it. Both lie in the table in full, told apart
 * by the stamp in every name; a set with a timeout decides which of them judges, so the end of a
 * trial needs nobody. Each stamps the connections it permits with its own number, so a connection
 * is judged again, once, whenever the law above it changes, in either direction; a number is not
 * given twice, until 65,535 others have been.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "enforcer.h"

static int fail(struct bh_enforcer *e, int r, const char *what)
{
	snprintf(e->why, sizeof e->why, "%s: %s%s", what, strerror(-r), bh_nl_hint(r));
	return r;
}

static int hash_law(const struct bh_plan *law, uint64_t *ret_hash)
{
	struct bh_plan bare = *law; /* shallow: only printed */
	size_t len;
	char *text;
	int r;

	bare.generation = 1;
	bare.n_cuts = 0;
	r = bh_plan_print(&bare, &text, &len);
	if (r < 0)
		return r;
	*ret_hash = bh_hash(text, len, 0);
	free(text);
	return 0;
}

int bh_law_make(
	struct bh_enforcer *e, const struct bh_plan *plan, struct bh_plan *ret_law, uint64_t *ret_hash)
{
	int r = bh_plan_copy(plan, ret_law);

	if (r < 0)
		return fail(e, r, "law");
	free(ret_law->cuts);
	ret_law->cuts = NULL;
	ret_law->n_cuts = 0;
	r = bh_plan_normalise(ret_law);
	if (r == 0)
		r = hash_law(ret_law, ret_hash);
	return r < 0 ? fail(e, r, "law") : 0;
}

uint16_t bh_stamp_fresh(uint16_t used, uint32_t wanted)
{
	return wanted > used ? (uint16_t)wanted : (uint16_t)(used % 65535u + 1);
}

bool bh_trial_on(const struct bh_enforcer *e, bh_ns now)
{
	return e->trial.deadline > now;
}

/* only_isolations: the rest is none of the table's */
static void put_book(struct batch *b, const struct book *k, bh_ns now, bool only_isolations)
{
	struct cut_stream stream = bh_cut_stream(b);
	struct bh_cut c;
	bh_ns deadline;

	for (size_t i = 0; bh_book_next(k, &i, &c, &deadline);) {
		if (deadline <= now || (only_isolations && c.kind != BH_CUT_ISOLATE))
			continue;
		c.ttl = deadline - now;
		bh_cut_put(&stream, &c, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	}
	bh_cut_stream_end(&stream);
}

void bh_book_cuts_put(struct batch *b, const struct book *k, bh_ns now)
{
	put_book(b, k, now, false);
	bh_islands_put(b, k, now);
}

/* the tables beside it, in the same batch */
static void put_beside(struct bh_enforcer *e, struct ruleset *bridge, struct ruleset *ingress,
	const struct book *cuts, bh_ns now)
{
	if (e->bridge || e->bridge_stands)
		bh_bridge_put(bridge, e->bridge);
	if (e->ingress || e->ingress_stands)
		bh_ingress_put(ingress, e->ingress);
	for (size_t i = 0; i < BH_COUNT(bh_families); i++) {
		if (!bh_family_on(e, bh_families[i]))
			continue;
		e->batch.family = bh_families[i];
		if (bh_families[i] == NFPROTO_BRIDGE && bridge->whole)
			bh_book_cuts_put(&e->batch, cuts, now);
		else
			put_book(&e->batch, cuts, now, true);
		e->batch.family = NFPROTO_INET;
	}
}

static int read_beside(struct bh_enforcer *e, const struct ruleset *bridge, const struct ruleset *ingress)
{
	int r = 0;

	e->bridge_stands = e->bridge;
	e->ingress_stands = e->ingress;
	if (e->bridge) {
		e->nl.family = NFPROTO_BRIDGE;
		r = bh_snapshot_take(&e->nl, bridge, &e->bridge_applied, e->why);
		e->nl.family = NFPROTO_INET;
	}
	if (r == 0 && e->ingress) {
		e->nl.family = NFPROTO_NETDEV;
		r = bh_snapshot_take(&e->nl, ingress, &e->ingress_applied, e->why);
		e->nl.family = NFPROTO_INET;
		e->ports.n = 0; /* they went with the old table */
		if (r == 0)
			r = bh_ingress_attach(e);
	}
	return r;
}

#define BATCH_KEPT (8u << 20) /* of memory, for the next one */

static int put_once(
	struct bh_enforcer *e, const struct book *cuts, bool in_a_hurry, bool *ret_committed)
{
	struct proof proof = {.later = in_a_hurry};
	struct ruleset rs = {
		.b = &e->batch, .law = &e->law, .stamp = e->stamp, .law_hash = e->law_hash,
		.used = e->used, .table_flags = e->own ? TABLE_OWNED : 0};
	struct ruleset bridge, ingress;
	bh_ns now = bh_clock_now();
	bool lost;
	int r;

	if (bh_trial_on(e, now)) {
		rs.trial = &e->trial.law;
		rs.trial_stamp = e->trial.stamp;
		rs.trial_ms = bh_cut_ms(e->trial.deadline - now);
	}
	rs.link = bh_bridged_here(e);
	bridge = rs;
	bridge.whole = e->bridge_whole;
	ingress = rs;
	r = bh_counters_read(&e->nl, &rs.counters);
	if (r == 0)
		r = bh_beside_counters(e, NFPROTO_BRIDGE, &bridge.counters);
	if (r == 0)
		r = bh_beside_counters(e, NFPROTO_NETDEV, &ingress.counters);
	if (r < 0)
		return fail(e, r, "counters");
	bh_batch_begin(&e->batch, &e->nl);
	bh_ruleset_put(&rs);
	lost = e->lost;
	r = bh_proof_before(e, &rs, &proof); /* for any cuts there may be: not of these */
	if (r == 0) {
		bh_book_cuts_put(&e->batch, cuts, now);
		put_beside(e, &bridge, &ingress, cuts, now);
		e->lost = false; /* what was missed before is written over */
		r = bh_watch_unheard(e);
		e->lost |= lost && r < 0;
	}
	*ret_committed = r == 0;
	if (r == 0) {
		bh_watch_drain(e);
		r = bh_snapshot_take(&e->nl, &rs, &e->applied, e->why);
		if (r == 0)
			r = read_beside(e, &bridge, &ingress);
		if (r > 0)
			r = -EIO;
		else if (r < 0)
			(void)fail(e, r, "reading back");
		if (r == 0)
			r = bh_proof_after(e, &rs, &proof);
	}
	bh_model_free(proof.m);
	bh_ruleset_fini(&rs);
	bh_ruleset_fini(&bridge);
	bh_ruleset_fini(&ingress);
	if (e->batch.cap > BATCH_KEPT)
		bh_batch_fini(&e->batch);
	return r;
}

/*
 * What is not there any more when it is read back was taken away by somebody: it is written again,
 * under another stamp, since he may have let connections in that now carry the one before.
 */
static int put(struct bh_enforcer *e, const struct book *cuts, bool in_a_hurry)
{
	uint16_t stamp = e->stamp;
	bool committed = true;
	int r = -EIO;

	for (int tries = 0; r < 0 && committed && tries < 3; tries++) {
		if (tries)
			e->stamp = e->used = bh_stamp_fresh(e->used, 0);
		r = put_once(e, cuts, in_a_hurry, &committed);
	}
	if (r < 0)
		e->stamp = stamp;
	return r;
}

int bh_law_put(struct bh_enforcer *e, const struct book *cuts)
{
	return put(e, cuts, false);
}

int bh_law_disown(struct bh_enforcer *e)
{
	if (!e->own || !e->have_law)
		return 0;
	e->own = false;
	return bh_law_put(e, &e->book);
}

int bh_law_put_again(struct bh_enforcer *e, const struct book *cuts)
{
	uint16_t stamp = e->stamp, used = e->used, trial = e->trial.stamp;
	int r;

	e->stamp = e->used = bh_stamp_fresh(e->used, 0);
	if (e->trial.deadline)
		e->trial.stamp = e->used = bh_stamp_fresh(e->used, 0);
	r = put(e, cuts, true);
	if (r < 0) {
		e->stamp = stamp;
		e->used = used;
		e->trial.stamp = trial;
	}
	return r;
}

/* ---- trial ---- */

static void end_trial(struct bh_enforcer *e)
{
	bh_plan_fini(&e->trial.law);
	e->trial = (struct trial){.deadline = 0};
}

int bh_enforcer_trial(struct bh_enforcer *e, const struct bh_plan *plan, bh_ns hold)
{
	uint16_t used = e->used;
	int r = bh_enforcer_expire(e);

	if (r < 0)
		return r;
	if (!e->have_law)
		return fail(e, -ENODATA, "no law stands beside which another could be tried");
	if (plan->generation == 0 || plan->generation > 65535)
		return fail(e, -EINVAL, "generation");
	if (hold < BH_SEC(1) || hold > BH_HOUR(24))
		return fail(e, -EINVAL, "a trial lasts from a second to a day");
	if (e->trial.deadline) {
		snprintf(e->why, sizeof e->why, "a law is on trial already: confirm or roll back");
		return 1;
	}
	r = bh_self_read(e);
	if (r == 0)
		r = bh_law_make(e, plan, &e->trial.law, &e->trial.hash);
	if (r == 0) {
		e->trial.stamp = e->used = bh_stamp_fresh(e->used, plan->generation);
		e->trial.deadline = bh_clock_now() + hold;
		r = bh_law_put(e, &e->book);
	}
	if (r < 0) {
		end_trial(e);
		e->used = used;
	}
	return r == NOT_PROVED ? 1 : r;
}

bh_ns bh_enforcer_trial_left(const struct bh_enforcer *e)
{
	bh_ns now = bh_clock_now();

	if (!e->trial.deadline)
		return 0;
	return e->trial.deadline > now ? e->trial.deadline - now : 1; /* over, not yet cleared */
}

/* the table with the standing law alone */
static int put_standing(struct bh_enforcer *e)
{
	bh_ns deadline = e->trial.deadline;
	int r;

	e->trial.deadline = 0;
	r = bh_law_put(e, &e->book);
	if (r < 0) {
		e->trial.deadline = deadline; /* the kernel ends it; asked again later */
		return r;
	}
	end_trial(e);
	return 0;
}

int bh_enforcer_expire(struct bh_enforcer *e)
{
	int r;

	if (!e->trial.deadline || bh_trial_on(e, bh_clock_now()))
		return 0;
	r = put_standing(e);
	return r < 0 ? r : 1;
}

static int none_on_trial(struct bh_enforcer *e)
{
	int r = bh_enforcer_expire(e);

	if (r == 0 && e->trial.deadline)
		return 0;
	if (r >= 0)
		snprintf(e->why, sizeof e->why,
			r ? "the law on trial ran out" : "no law is on trial");
	return r < 0 ? r : 1;
}

int bh_enforcer_rollback(struct bh_enforcer *e)
{
	int r = none_on_trial(e);

	return r ? r : put_standing(e);
}

int bh_cuts_carry(
	struct bh_enforcer *e, const struct bh_plan *law, bool shorten, struct book *next, bh_ns now)
{
	bh_ns deadline;
	struct bh_cut c;
	int r = 0;

	for (size_t i = 0; r == 0 && bh_book_next(&e->book, &i, &c, &deadline);) {
		if (deadline <= now)
			continue;
		c.ttl = deadline - now;
		if (shorten && c.ttl > law->max_ttl) /* time it was given under another limit */
			c.ttl = law->max_ttl;
		r = bh_cuts_admit(e, law, &c, 1, false, next, now);
	}
	return r;
}

int bh_enforcer_confirm(struct bh_enforcer *e)
{
	struct bh_plan standing = e->law;
	struct trial trial = e->trial;
	uint16_t stamp = e->stamp;
	uint64_t hash = e->law_hash;
	struct book next = {0};
	int r = none_on_trial(e);

	if (r)
		return r;
	r = bh_cuts_carry(e, &e->trial.law, true, &next, bh_clock_now());
	if (r == 0) {
		e->law = trial.law;
		e->law_hash = trial.hash;
		e->stamp = trial.stamp;
		e->trial = (struct trial){.deadline = 0};
		r = bh_law_put(e, &next);
	}
	if (r < 0) {
		e->law = standing;
		e->law_hash = hash;
		e->stamp = stamp;
		e->trial = trial;
		bh_book_fini(&next);
		return r == NOT_PROVED ? 1 : r;
	}
	bh_plan_fini(&standing);
	bh_book_fini(&e->book);
	e->book = next;
	return 0;
}

struct trial_seen {
	size_t n;
	uint64_t least_ms, most_ms;
};

static int each_trial(const struct elem_seen *x, void *ctx)
{
	struct trial_seen *s = ctx;

	if (s->n == 0 || x->left_ms < s->least_ms)
		s->least_ms = x->left_ms;
	if (x->left_ms > s->most_ms)
		s->most_ms = x->left_ms;
	s->n++;
	return 0;
}

/* gone at its own time is no difference; gone early or made longer is */
static int compare_trial(struct bh_enforcer *e, size_t elements)
{
	struct trial_seen s = {0};
	bh_ns now, left;
	int r;

	r = bh_elems_dump(&e->nl, "trial", each_trial, &s);
	if (r < 0 && r != -ENOENT)
		return fail(e, r, "reading the trial");
	now = bh_clock_now();
	left = bh_trial_on(e, now) ? e->trial.deadline - now : 0;
	if ((left > BH_SEC(2) && (s.n != elements || BH_MS(s.least_ms) + BH_SEC(2) < left)) ||
		BH_MS(s.most_ms) > left + BH_SEC(2)) {
		snprintf(e->why, sizeof e->why, "the time of the law on trial was changed");
		return 1;
	}
	return 0;
}

int bh_trial_compare(struct bh_enforcer *e)
{
	int r = e->trial.deadline ? compare_trial(e, 2) : 0;

	if (r == 0 && e->trial.deadline && e->bridge) {
		e->nl.family = NFPROTO_BRIDGE;
		r = compare_trial(e, 3); /* and ARP */
		e->nl.family = NFPROTO_INET;
	}
	return r;
}
