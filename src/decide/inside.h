/* SPDX-License-Identifier: GPL-3.0-or-later */
/* decide's own shapes: what core.c, orders.c and ladder.c share. */
#ifndef BULKHEAD_DECIDE_INSIDE_H
#define BULKHEAD_DECIDE_INSIDE_H

#include <bulkhead/decide.h>

#define ORDERS 1024u /* standing and ended orders kept; the oldest ended one is forgotten first */

struct bh_core {
	struct bh_core_opts opts;
	struct bh_state *state;
	struct bh_seen_table *seen;
	struct bh_plan law; /* law.cuts is rebuilt from the standing orders */
	struct bh_order *orders;
	size_t n_orders;
	uint32_t next_order, next_incident;
	uint32_t wants[BH_MAX_DETECTORS], wanted; /* of the detectors that are not idle, and of all together */
	uint8_t mode;
	uint64_t last_pkt; /* what timers find is dated by the last packet seen */
	bh_ns now, sick_until; /* sick: the tap lost packets, attribution is capped */
	int64_t tokens; /* isolation budget, in milli-isolations */
	bh_ns tokens_at;
	struct bh_addr self[64];
	size_t n_self;
	struct bh_core_counters n;
	bool law_dirty;
};

/* core.c */
void bh_core_wants(struct bh_core *c); /* which detectors have anything to do under the policy */
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
void bh_core_command(struct bh_core *c, const struct bh_event *ev, struct bh_out *out);
void bh_core_kernel(struct bh_core *c, const struct bh_event *ev, struct bh_out *out);
void bh_core_expire(struct bh_core *c, struct bh_out *out);
size_t bh_core_standing(const struct bh_core *c);
/* ladder.c */
void bh_core_judge(struct bh_core *c, const struct bh_sight *s, struct bh_finding *f, size_t detector, struct bh_out *out);

#endif
