/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decide's own shapes: what core.c, orders.c, people.c, posture.c and ladder.c share. */
#ifndef BULKHEAD_DECIDE_INSIDE_H
#define BULKHEAD_DECIDE_INSIDE_H

#include <bulkhead/decide.h>

#define ORDERS 1024u /* standing and ended orders kept; the oldest ended one is forgotten first */

struct bh_gate { /* of one conduit */
	struct bh_posture now;
	uint8_t breaker_hand, bridge_hand; /* enum bh_set: what a person has set */
	bool say;			   /* a person has spoken: told even when nothing changes by it */
	bh_ns breaker_until, bridge_until, raised_until;
	uint32_t passed; /* responses up to this order do not trip the breaker: a person has reset it */
	char by[32], reason[96];
};

struct bh_core {
	struct bh_core_opts opts;
	struct bh_gate *gates; /* one for each conduit of the policy */
	struct bh_orphan *orphans; /* posture.c: of conduits the present policy does not have, as one on trial may not */
	size_t n_orphans;
	struct bh_standing *trips; /* posture.c */
	size_t n_trips;
	bh_ns posture_next;
	bool posture_dirty, law_stale; /* law_stale: posture is another than the law was compiled for */
	uint64_t law_version;
	struct bh_watch *watch; /* when none was given */
	struct bh_gadgets *gadgets;
	struct bh_state *state;
	struct bh_seen_table *seen;
	struct bh_plan law; /* law.cuts is rebuilt from the standing orders */
	struct bh_order *orders;
	size_t n_orders;
	uint32_t next_order, next_incident;
	uint8_t asked[BH_EV_KINDS][BH_MAX_DETECTORS], n_asked[BH_EV_KINDS]; /* detectors that are not idle and want the kind */
	void *shared[BH_MAX_DETECTORS];					    /* theirs for all hosts */
	struct bh_apart *apart[BH_MAX_DETECTORS];			    /* apart.c; NULL = keeps nothing */
	uint64_t apart_clock;
	uint8_t mode;
	uint64_t last_pkt; /* what timers find is dated by the last packet seen */
	bh_ns now, sick_until; /* sick: the tap lost packets, attribution is capped */
	int64_t tokens; /* isolation budget, in milli-isolations */
	bh_ns tokens_at;
	struct bh_addr self[64];
	size_t n_self;
	struct bh_core_counters n;
	struct bh_story *stories; /* story.c */
	bh_ns stories_next;	  /* when the first of them ends, 0 = none */
	bool law_dirty, again; /* again: some order waits to be said once more */
};

/* core.c */
void bh_core_wants(struct bh_core *c); /* which detectors have anything to do under the policy */
void bh_core_clock(struct bh_core *c, bh_ns at, bool ours); /* it is this late, or later */
/* apart.c */
bool bh_is_alone(const struct bh_event *ev); /* what a dissector heard from one side, which nobody answered */
int bh_apart_open(struct bh_core *c) BH_MUST; /* -1 = out of memory */
void bh_apart_close(struct bh_core *c);
void *bh_apart_shared(struct bh_core *c, unsigned detector);
void *bh_apart_of(struct bh_core *c, unsigned detector, const struct bh_addr *who); /* NULL = the detector keeps nothing of a source */
/* posture.c */
int bh_gates_open(struct bh_core *c) BH_MUST;
void bh_gates_close(struct bh_core *c);
int bh_gates_policy(struct bh_core *c, const struct bh_policy *before) BH_MUST; /* c has another policy; < 0 and nothing changed */
void bh_posture_step(struct bh_core *c, struct bh_out *out); /* out NULL: nothing is told yet */
void bh_posture_raise(struct bh_core *c, unsigned raise_on);
void bh_posture_shift(struct bh_core *c, int64_t by);
/* A person's word about a conduit. 0, or 1 refused. act false: only asked. */
int bh_posture_command(struct bh_core *c, const struct bh_event *ev, bool act, struct bh_order *ret_order, struct bh_refused *ret_refused) BH_MUST;
int bh_posture_compile(struct bh_core *c) BH_MUST; /* the law for the present posture; < 0 -errno and it stays as it was */
/* orders.c */
bool bh_core_is_self(const struct bh_core *c, const struct bh_addr *a);
struct bh_record *bh_core_emit(struct bh_core *c, struct bh_out *out, uint8_t kind);
struct bh_order *bh_core_order(struct bh_core *c, uint32_t id);
bool bh_pin_touches(const struct bh_pin *p, const struct bh_prefix *net); /* either end */
bool bh_order_standing(const struct bh_order *o);
/* Fills cuts and kept pins for a host's device; 0, or 1 refused by guard or pins. */
int bh_order_for_host(struct bh_core *c, const struct bh_addr *addr, const struct bh_mac *mac, unsigned kind, bh_ns ttl,
		      struct bh_order *ret_order, struct bh_refused *ret_refused) BH_MUST;
void bh_core_place(struct bh_core *c, const struct bh_order *o, struct bh_out *out);
void bh_core_action(struct bh_core *c, const struct bh_order *o, unsigned verb, const struct bh_refused *r, struct bh_out *out);
int bh_order_guard(struct bh_core *c, struct bh_order *o, struct bh_refused *ret_refused) BH_MUST;
void bh_order_add(struct bh_order *o, unsigned what, const struct bh_prefix *net, const struct bh_mac *mac);
bool bh_cut_same(const struct bh_cut *a, const struct bh_cut *b); /* one place in the kernel */
void bh_order_end(struct bh_core *c, struct bh_order *o, unsigned verb);
uint32_t *bh_order_slot(struct bh_ledger *l, unsigned kind); /* where a host keeps its order of this kind; NULL = nowhere */
struct bh_order *bh_order_holding(struct bh_core *c, const struct bh_cut *cut); /* the standing one that holds it longest */
void bh_core_again(struct bh_core *c, struct bh_out *out);
size_t bh_core_standing(const struct bh_core *c, unsigned kind); /* cuts; 0 = of all kinds */
/* follow.c: a device under an order has taken one more address */
void bh_order_follow(struct bh_core *c, const struct bh_sight *s, struct bh_out *out);
/* effect.c: is somebody reached whom an isolation bars? */
void bh_effect_step(struct bh_core *c, const struct bh_event *ev, struct bh_out *out);
/* nets.c: the order's networks, made to lie beside those cut already; then the guard */
int bh_order_nets(struct bh_core *c, struct bh_order *o, const struct bh_prefix *nets, size_t n, struct bh_refused *ret_refused) BH_MUST;
/* people.c */
int bh_order_for_flow(struct bh_core *c, const struct bh_event *flow, bh_ns ttl, struct bh_order *ret_order, struct bh_refused *ret_refused) BH_MUST;
void bh_core_command(struct bh_core *c, const struct bh_event *ev, struct bh_out *out);
void bh_core_kernel(struct bh_core *c, const struct bh_event *ev, struct bh_out *out);
void bh_core_expire(struct bh_core *c, struct bh_out *out);
/* story.c: what was told of a host; what is found again while the detector keeps quiet */
int bh_stories_open(struct bh_core *c) BH_MUST;
void bh_story_told(struct bh_core *c, const struct bh_finding *f, size_t slot, struct bh_out *out);
void bh_story_again(struct bh_core *c, const struct bh_finding *f, size_t slot, struct bh_out *out);
void bh_stories_step(struct bh_core *c, struct bh_out *out);
/* ladder.c */
void bh_core_alert(struct bh_core *c, struct bh_host *h, struct bh_finding *f, size_t slot, struct bh_out *out); /* told, whatever was told before */
void bh_core_judge(struct bh_core *c, const struct bh_sight *s, struct bh_finding *f, size_t detector, struct bh_out *out);

#endif
