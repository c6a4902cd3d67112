/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state's own shape: what state.c and bind.c share. */
#ifndef BULKHEAD_STATE_INSIDE_H
#define BULKHEAD_STATE_INSIDE_H

#include "state/device.h"
#include "state/filter.h"
#include "state/identity.h"
#include "state/plane.h"

#define NIL UINT32_MAX
#define CONFLICT_HOLD BH_MIN(10)
#define FRESH 65536u /* recent first contacts by flow id, for the outcome that follows */

struct lru {
	uint32_t newest, oldest;
};
struct place {
	uint32_t tag; /* low half of the hash; home = tag & mask: most strangers are told apart here */
	uint32_t at;  /* 1 + slot; 0 = empty */
};

struct bh_plugged { /* usb.c: what was said of a MAC before its first frame */
	struct bh_mac mac;
	bh_ns at;
	char text[40];
};

#define BH_QUESTIONS 256
struct bh_question {
	uint64_t key; /* 0 = none */
	bh_ns at;
};
struct bh_probes { /* probe.c */
	struct bh_question asked[BH_QUESTIONS];
	bh_ns last[BH_MAX_ZONES][2]; /* of each zone: names, dhcp */
};

struct bh_state {
	const struct bh_policy *policy;
	const struct bh_watch *watch;
	struct bh_host *hosts;
	void *hosts_raw, *index_raw;
	struct bh_plane planes[BH_STATE_PLANES];
	struct place *index;
	uint32_t index_mask;
	uint32_t cap, used, free_head;
	struct lru lru[2]; /* [verified] */
	struct bh_devices *devices;
	struct bh_clocks *clocks;
	bh_ns *sees; /* of each zone, and of none: when each kind was last seen */
	const struct bh_gadgets *gadgets;
	const struct bh_ouis *ouis;
	const struct bh_addr *self;
	size_t n_self;
	struct bh_probes *probes;
	struct bh_filter filter;
	struct bh_asked asked[BH_ASKED];
	struct bh_plugged plugged[64];
	uint64_t *fresh; /* behind the index, in the same memory: each event looks at both */
	uint64_t seed;
	struct bh_state_counters n;
};

/* belongs.c: the roles of a device's own addresses; with an event those that it proves, and what it has no longer goes, if somebody may ask. */
void bh_device_roles(struct bh_state *s, struct bh_device *d, bh_ns at);
void bh_device_serves(struct bh_state *s, struct bh_sight *v, bool asked);
void bh_state_devices_policy(struct bh_state *s); /* device_set.c: the policy is another now, and hosts know it */
void bh_state_saw(struct bh_state *s, const struct bh_sight *v); /* sees.c */

enum bh_by { BH_BY_FRAME, BH_BY_ARP, BH_BY_LEASE };
/* bind.c: m says it has the host's address. known: the sender's device, m's perhaps; may be NULL. ret_owner: whose it was, when it was another's. */
enum bh_claim bh_state_bind(struct bh_state *s, struct bh_host *h, const struct bh_mac *m, bh_ns at, enum bh_by how, uint8_t ttl, struct bh_device *known, struct bh_mac *ret_owner);
/* probe.c */
bool bh_state_is_self(const struct bh_state *s, const struct bh_addr *a);
unsigned bh_state_probed(const struct bh_state *s, const struct bh_sight *v);
/* usb.c */
void bh_state_usb(struct bh_state *s, const struct bh_event *ev);
void bh_state_usb_recall(struct bh_state *s, struct bh_device *d); /* at the first frame of a device */

#endif
