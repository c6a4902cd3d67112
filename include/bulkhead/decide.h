/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decide - from findings to the smallest safe cut: ledger, attribution, ladder, guard rails; and the core's one step
 *
 * Why     A false isolation of a crane is as bad as a missed worm, so what may be cut is decided in one place, by
 *         arithmetic that can be replayed and read.
 * Shape   struct bh_core owns state, ledger and orders; bh_core_step appends records to the caller's bh_out.
 * Units   Scores in centibans. TTLs in ns. Time is ev->at; BH_EV_TICK drives what expires.
 * Errors  step: 0, or < 0 -errno. Records that do not fit are dropped and counted in bh_out.
 * Purity  Pure: no clock, descriptor or log; two replays give the same bytes.
 * Source  detection.md 7 (ledger, attribution A0-A3, ladder R0-R4, budgets); IEC 62443-3-3 SR 5.1, SR 6.2.
 */
#ifndef BULKHEAD_DECIDE_H
#define BULKHEAD_DECIDE_H

#include <bulkhead/detect.h>
#include <bulkhead/plan.h>

enum bh_verb { BH_VERB_NONE, BH_VERB_PROPOSED, BH_VERB_REQUESTED, BH_VERB_APPLIED, BH_VERB_REFUSED, BH_VERB_RELEASED, BH_VERB_EXPIRED, BH_VERB_REVERTED, BH_VERB_INEFFECTIVE, BH_VERB_COUNT };
const char *bh_verb_name(unsigned verb);

#define BH_ORDER_CUTS 10 /* eight addresses, one MAC, one spare */
#define BH_ORDER_PINS 4
struct bh_order {
	uint32_t id, incident;
	uint8_t kind;  /* enum bh_cut_kind; NONE: about the law itself, or a conduit (name) */
	uint8_t state; /* enum bh_verb: the last thing that happened to it */
	bool hard;
	bool again; /* to be said to the kernel once more, another order's end took a cut with it */
	bool leaks; /* the host was answered all the same, and that was told */
	uint8_t n_cuts, n_pins;
	bh_ns at, until, ttl, pkt_at; /* pkt_at: time of the packet that completed the evidence */
	uint64_t pkt, us;	      /* us: request to kernel acknowledgement */
	struct bh_addr host;
	struct bh_mac mac;
	struct bh_cut cuts[BH_ORDER_CUTS];
	uint32_t pins[BH_ORDER_PINS]; /* indices of pins that keep working for this host */
	char by[32], reason[160], because[BH_NAME], name[32];
};

enum bh_core_refusal { /* beside enum bh_refusal of plan.h; codes continue there */
	BH_REF_CORE = BH_REF_COUNT,
	BH_REF_BUDGET,	  /* burst, rate, share of zone or role used up */
	BH_REF_ROLE,	  /* infrastructure, OT or safety: never automatic; or the last two of a role */
	BH_REF_ATTRIBUTION, /* not a verified two-way source, or an open identity conflict */
	BH_REF_PINNED,	  /* carries a pinned flow in a critical zone */
	BH_REF_UNKNOWN,	  /* no such host, address or zone */
	BH_REF_HEALTH,	  /* the tap lost packets just now */
	BH_REF_ALL
};
const char *bh_core_refusal_name(unsigned code); /* covers both enums */

/* What a conduit is down to: its hours, its breaker, a person. until 0: as long as its reason lasts. */
enum bh_why { BH_WHY_NONE, BH_WHY_HOURS, BH_WHY_RAISED, BH_WHY_BREAKER, BH_WHY_OPERATOR, BH_WHY_COUNT };
const char *bh_why_name(unsigned why);
struct bh_posture {
	uint32_t conduit;   /* index into the policy's */
	uint32_t order;	    /* BREAKER: whose response tripped it */
	uint8_t state, was; /* enum bh_conduit_state */
	uint8_t why;
	bh_ns since, until;
	char by[32], reason[96]; /* OPERATOR */
};

enum bh_rec_kind { BH_REC_ALERT = 1, BH_REC_ACTION, BH_REC_POSTURE };
struct bh_record {
	uint8_t kind, verb;
	bh_ns at;
	uint32_t incident;
	int32_t score;	      /* the host's total after this, centibans */
	uint8_t percent;      /* posterior, 0-100 */
	struct bh_finding finding; /* ALERT */
	struct bh_order order;	   /* ACTION */
	struct bh_refused refused; /* verb REFUSED */
	struct bh_posture posture; /* POSTURE */
};
#define BH_OUT_RECORDS 16
struct bh_out {
	size_t n;
	uint64_t dropped;
	struct bh_record rec[BH_OUT_RECORDS];
};

struct bh_core_opts {
	const struct bh_policy *policy; /* outlives the core */
	const struct bh_watch *watch;	/* outlives the core; NULL = the built-in one */
	const struct bh_gadgets *gadgets; /* likewise */
	const struct bh_ouis *ouis;	/* outlives the core; NULL = manufacturers are not told */
	const struct bh_addr *self;	/* this box's addresses: never blamed, never cut */
	size_t n_self;
	int mode;	   /* enum bh_mode, or -1: the policy's */
	uint32_t hosts;	   /* 0 = default cap, of devices too */
	uint32_t generation; /* of the law; 0 = 1 */
	uint64_t seed;	   /* of the hashes; fixed in replay, random live */
	bool bare;	   /* small tables: for tests and fuzzing */
	bh_ns now;	   /* at the start, for the hours of drawbridges; 0 = not known: they are closed until the first event */
	int32_t offset_s;  /* local time, seconds east of UTC */
	bh_ns tick;	   /* live: events are never further apart; a clock that jumps a minute beyond leaves orders their rest. 0 = replay */
};
struct bh_core;
struct bh_core_counters {
	uint64_t events, findings, alerts, held, suppressed, actions, refused;
	uint64_t isolated, shielded, contained, islands, killed; /* orders standing now, by kind */
	struct bh_state_counters state;
};

int bh_core_open(const struct bh_core_opts *opts, struct bh_core **ret_core) BH_MUST;
void bh_core_close(struct bh_core *c);
int bh_core_step(struct bh_core *c, const struct bh_event *ev, struct bh_out *out) BH_MUST;

unsigned bh_core_mode(const struct bh_core *c);
struct bh_state *bh_core_state(struct bh_core *c);
const struct bh_seen_table *bh_core_seen(const struct bh_core *c); /* connections remembered, for previews and learning */
/*
 * Goes on under another policy, which outlives the core as the first did: hosts, evidence and orders stay, zones, roles,
 * conduits and the mode's default are the new ones (a mode given in opts or by command stays). 0, or < 0 and nothing changed.
 */
int bh_core_policy(struct bh_core *c, const struct bh_policy *policy) BH_MUST;
void bh_core_offset(struct bh_core *c, int32_t offset_s); /* local time has changed */
const struct bh_posture *bh_core_posture(const struct bh_core *c, size_t conduit);
/* What people and alerts have done to it, as commands another core can be given; how many. */
unsigned bh_core_hands(const struct bh_core *c, size_t conduit, struct bh_event ret_commands[2]);
uint64_t bh_core_law_version(const struct bh_core *c); /* grows whenever the law without its cuts is another: time to apply it */
/* The law in its present posture with the cuts now wanted; valid until the next step. */
const struct bh_plan *bh_core_plan(struct bh_core *c);
const struct bh_order *bh_core_orders(const struct bh_core *c, size_t *ret_n); /* ended ones included, capped, oldest first */
bool bh_core_holds(struct bh_core *c, const struct bh_cut *cut); /* a standing order wants this very cut */
void bh_core_limit(struct bh_core *c); /* no order stands longer from now than the law lets one */
void bh_core_wire(struct bh_core *c, struct bh_order *io_order); /* its cuts with the time they are needed by any order, as the kernel is told */
void bh_core_counters(const struct bh_core *c, struct bh_core_counters *ret_counters);
/* Takes over what a kernel already holds (reconcile after a restart): cuts become standing orders. */
int bh_core_adopt(struct bh_core *c, const struct bh_cut *cuts, size_t n, bh_ns now) BH_MUST;

/* What this command would do, without doing it: fills the order as it would be, or refuses. Same code as the act. */
int bh_core_preview(struct bh_core *c, const struct bh_event *command, struct bh_order *ret_order, struct bh_refused *ret_refused) BH_MUST;

/* ---- pieces, public for their tests ---- */
int32_t bh_ledger_add(struct bh_ledger *l, unsigned family, int32_t weight, unsigned attribution, bh_ns now); /* returns the family's score */
/* The same again: the score is at least what this item is worth; nothing is added. */
int32_t bh_ledger_again(struct bh_ledger *l, unsigned family, int32_t weight, unsigned attribution, bh_ns now);
/* The host was told of under another name before: the larger of both, and one incident. */
void bh_ledger_join(struct bh_ledger *l, const struct bh_ledger *was, bh_ns now);
bh_ns bh_ledger_half_life(unsigned family); /* of sticky families a day, what they have once reviewed */
int32_t bh_ledger_total(const struct bh_ledger *l, bh_ns now, unsigned *ret_families, int32_t *ret_attributed);
unsigned bh_ledger_percent(int32_t score, int32_t prior); /* posterior of log-odds, 0-100 */
int32_t bh_decay(int32_t score, bh_ns elapsed, bh_ns half_life);

#endif
