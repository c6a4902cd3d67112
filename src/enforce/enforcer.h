/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer's inside: what was applied, what is cut until when, and what the kernel said it
 * holds. */
#ifndef ENFORCE_ENFORCER_H
#define ENFORCE_ENFORCER_H

#include "ruleset.h"

/* cuts in force by our own clock: repairs must not depend on what somebody left in the kernel */
struct book_entry {
	struct bh_cut cut;
	bh_ns deadline; /* CLOCK_BOOTTIME; 0 = empty slot */
};
struct book {
	struct book_entry *v;
	size_t mask, n, kind[BH_CUT_KINDS];
};
struct book_entry *bh_book_find(
	const struct book *k, const struct bh_cut *c); /* NULL = not there */
int bh_book_put(struct book *k, const struct bh_cut *c,
	bh_ns now) BH_MUST; /* ttl counts from now; renews */
void bh_book_drop(struct book *k, const struct bh_cut *c);
void bh_book_expire(struct book *k, bh_ns now);
const struct bh_cut *bh_book_net_overlap(
	const struct book *k, const struct bh_cut *c); /* another net in its way, or NULL */
void bh_book_fini(struct book *k);
bh_ns bh_clock_now(void);

/* what the kernel holds, as digests that leave out counters, handles and cuts */
struct snapshot {
	bool present;
	uint16_t stamp;    /* of the table comment; 0 = none of ours */
	uint64_t law_hash; /* likewise */
	uint64_t table, chains, rules, sets, objects, elements;
	size_t n_chains, n_rules, n_sets, n_elements;
};
/* want: counts to compare with, or NULL. 0; 1 a count differs (why says which); < 0 -errno */
int bh_snapshot_take(
	struct nl *nl, const struct ruleset *want, struct snapshot *ret, char why[NL_WHY]) BH_MUST;
int bh_snapshot_head(
	struct nl *nl, struct snapshot *ret) BH_MUST; /* table, stamp and law hash only */
int bh_counters_read(struct nl *nl, struct bh_enforce_counters *ret) BH_MUST;

#define DRIFTS 8
struct bh_enforcer {
	struct nl nl, watch, route;
	struct batch batch;
	struct bh_plan law; /* without cuts: those are in the book */
	bool have_law, br_netfilter;
	uint16_t stamp;
	uint64_t law_hash;
	struct snapshot applied;
	struct book book;
	struct bh_addr *self;
	size_t n_self;
	struct bh_drift drift[DRIFTS]; /* foreign transactions read but not yet reported */
	size_t n_drift;
	bool txn_ours, lost; /* the transaction being read touched our table; notices were lost */
	char why[NL_WHY];
};
int bh_self_read(struct bh_enforcer *e) BH_MUST;
int bh_law_put(struct bh_enforcer *e,
	const struct book *cuts) BH_MUST; /* commits e->law with these cuts, reads back */
int bh_cuts_compare(
	struct bh_enforcer *e) BH_MUST; /* kernel against book: 0, 1 differs, < 0 -errno */
void bh_watch_drain(
	struct bh_enforcer *e); /* reads what is queued; foreign transactions go to e->drift */

#endif
