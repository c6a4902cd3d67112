/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer's inside: what was applied, what is cut until when, and what the kernel said it
 * holds. */
#ifndef ENFORCE_ENFORCER_H
#define ENFORCE_ENFORCER_H

#include <errno.h>
#include "book.h"
#include <errno.h>
#include "ruleset.h"

/* what the kernel holds, as digests that leave out counters, handles and cuts */
struct snapshot {
	bool present;
	uint16_t stamp;    /* of the table comment; 0 = none of ours */
	uint16_t used;     /* likewise: the last stamp given to any law */
	uint64_t law_hash; /* likewise */
	uint64_t table, chains, rules, sets, objects, elements;
	size_t n_chains, n_rules, n_sets, n_elements;
};
/* want: counts to compare with, or NULL. 0; 1 a count differs (why says which); < 0 -errno */
int bh_snapshot_take(
	struct nl *nl, const struct ruleset *want, struct snapshot *ret, char why[NL_WHY]) BH_MUST;
int bh_snapshot_head(
	struct nl *nl, struct snapshot *ret) BH_MUST; /* table, stamp and law hash only */
int bh_counters_read(struct nl *nl, struct bh_enforce_counters *ret) BH_MUST; /* zeros without a table */
int bh_bridge_counters(struct bh_enforcer *e, struct bh_enforce_counters *ret) BH_MUST; /* likewise */

/* a law on probation; deadline 0 = none */
struct trial {
	struct bh_plan law;
	uint64_t hash;
	bh_ns deadline; /* CLOCK_BOOTTIME */
	uint16_t stamp;
};

/* which law in the kernel was shown to hold last; all zero = none */
struct proved {
	uint64_t law, trial;
	uint16_t stamp, trial_stamp;
};

#define DRIFTS 8
struct bh_enforcer {
	struct nl nl, watch, route;
	struct batch batch;
	struct bh_plan law; /* without cuts: those are in the book */
	bool have_law, br_netfilter;
	uint16_t stamp, used;
	uint64_t law_hash;
	struct trial trial;
	struct snapshot applied, bridge_applied;
	struct proved proved;
	struct book book;
	struct bh_addr *self;
	size_t n_self;
	struct bh_drift drift[DRIFTS]; /* foreign transactions read but not yet reported */
	size_t n_drift;
	bool own;    /* the table is made ours alone */
	bool bridge; /* table bridge bulkhead is wanted */
	bool bridge_asked, bridge_whole; /* the kernel was asked for conntrack there; it has it: the whole law */
	bool bridge_stands; /* wanted or not, there is one */
	bool mended; /* a repair the watch has not told of */
	bool txn_ours, lost; /* the transaction being read touched our table; notices were lost */
	char why[NL_WHY];
};
int bh_self_read(struct bh_enforcer *e) BH_MUST;
/* law.c: a copy of plan's law, made disjoint, without cuts */
int bh_law_make(struct bh_enforcer *e, const struct bh_plan *plan, struct bh_plan *ret_law,
	uint64_t *ret_hash) BH_MUST;
/* A stamp no connection carries: wanted when it is beyond used, else the one after used. */
uint16_t bh_stamp_fresh(uint16_t used, uint32_t wanted);
/* commits e->law, the law on trial and these cuts, reads back */
int bh_law_put(struct bh_enforcer *e, const struct book *cuts) BH_MUST;
/* Gives an owned table back to everybody: what its owner's death leaves, an older nft cannot load again. */
int bh_law_disown(struct bh_enforcer *e) BH_MUST;
/* likewise under new stamps: every connection is judged again at its next packet */
int bh_law_put_again(struct bh_enforcer *e, const struct book *cuts) BH_MUST;
bool bh_trial_on(const struct bh_enforcer *e, bh_ns now);
int bh_trial_compare(struct bh_enforcer *e) BH_MUST; /* kernel against ours: 0, 1, < 0 -errno */
/* moves cuts into next as far as the guard of law lets them; strict: a refusal ends it (1) */
int bh_cuts_admit(struct bh_enforcer *e, const struct bh_plan *law, const struct bh_cut *cuts,
	size_t n, bool strict, struct book *next, bh_ns now) BH_MUST;
/* proof.c: what is about to be committed, and what was; NOT_PROVED with why. later: after the commit
 * is soon enough */
#define NOT_PROVED (-EPROTO)
struct proof {
	struct bh_model *m; /* of the batch; the caller frees it */
	struct proved what;
	bool later, done;
};
int bh_proof_before(struct bh_enforcer *e, const struct ruleset *rs, struct proof *p) BH_MUST;
int bh_proof_after(struct bh_enforcer *e, const struct ruleset *rs, struct proof *p) BH_MUST; /* -EIO it does not hold */
/* the theorem of the standing law that does not hold in m, or NULL */
const char *bh_proof_breaks(struct bh_enforcer *e, struct bh_model *m);
/* the cuts of a book that have time left, with the pairs of its islands */
void bh_book_cuts_put(struct batch *b, const struct book *k, bh_ns now);
int bh_bridge_head(struct bh_enforcer *e) BH_MUST; /* whether table bridge bulkhead stands */
bool bh_bridged_here(const struct bh_enforcer *e); /* the inet table judges between ports, by br_netfilter */
int bh_bridge_ask(struct bh_enforcer *e) BH_MUST; /* features.c: whether it can hold the whole law */
void bh_table_drop(struct bh_enforcer *e, uint8_t family); /* of the batch */
/* what stands by the book, likewise; shorten: to the longest time the law allows */
int bh_cuts_carry(struct bh_enforcer *e, const struct bh_plan *law, bool shorten, struct book *next,
	bh_ns now) BH_MUST;
/* island.c */
void bh_islands_put(struct batch *b, const struct book *k, bh_ns now);
/* ct.c: the conntrack entry of a killed connection, by its exact tuple and id; none is fine */
int bh_ports_print(struct bh_enforcer *e, struct bh_text *t) BH_MUST; /* fdb.c: "port INDEX MAC" lines of the bridges */
#define PORTS_TEXT (4096 * 32)
int bh_offload_read(struct nl *nl, char ret_text[BH_OFFLOAD_TEXT]) BH_MUST; /* "" = none */
int bh_ct_delete(struct nl *nl, const struct bh_cut *c) BH_MUST;
int bh_cuts_compare(
	struct bh_enforcer *e) BH_MUST; /* kernel against book: 0, 1 differs, < 0 -errno */
/* order.c: one batch in the making, and the guard for what would be its next. 0, 1 refused */
struct cut_batch {
	const struct bh_cut *cuts;
	size_t n, fresh[BH_CUT_KINDS]; /* those that do not stand yet */
};
int bh_cut_check(struct bh_enforcer *e, const struct cut_batch *b, const struct bh_cut *c, bh_ns now,
	struct bh_refused *ret_refused) BH_MUST;
void bh_cut_batch_take(struct bh_enforcer *e, struct cut_batch *b); /* the next has passed */
void bh_cut_make_room(struct bh_enforcer *e, size_t n, bh_ns now); /* what ran out takes no quota */
/* writes a batch each of which has passed; no contain, no island */
int bh_cut_admitted(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n) BH_MUST;
/* Commits e->batch while the watch does not listen; the count of generations tells whether somebody else wrote meanwhile,
 * and then everything is suspect. */
int bh_watch_unheard(struct bh_enforcer *e) BH_MUST;
/* cage.c: gives up everything the role does not need */
int bh_cage(void) BH_MUST;
bool bh_cage_may_real_time(void);
void bh_watch_drain(
	struct bh_enforcer *e); /* reads what is queued; foreign transactions go to e->drift */

#endif
