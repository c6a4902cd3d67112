/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plan - waist 2: what the kernel should hold, as values that print to and parse from lines of text
 *
 * Why     The enforcer must need nothing but this: not the policy file, not a finding, not a packet. One text form
 *         gives the wire between the processes, goldens, `replay --plan -`, and the audit.
 * Shape   struct bh_plan: the law (zones, permits, pins, remedies, management) of one generation, and the cuts in force.
 *         struct bh_cut is fixed-size; a plan owns its arrays.
 * Units   TTL in ns (the kernel keeps ms). Ports in host order. Generation 1-65535, kept in the upper half of ct mark.
 * Errors  parse: 0, 1 with line, column and reason, < 0 -errno.
 * Purity  Pure.
 * Source  docs/enforcement.md; nftables wiki (sets, timeouts); IEC 62443-3-2.
 */
#ifndef BULKHEAD_PLAN_H
#define BULKHEAD_PLAN_H

#include <bulkhead/base.h>
#include <bulkhead/policy.h>

struct bh_plan_zone {
	char name[BH_NAME];
	bool critical;
	struct bh_vlans vlans; /* its frames on a bridge carry one of these, nobody else's do; none = not looked at */
	struct bh_prefixes nets;
};
/* one allowed box: connections opened from src (inside zone from) to dst on proto lo-hi; disjoint after compile */
struct bh_permit {
	uint16_t from;	   /* source zone index */
	uint32_t conduit;  /* index into conduit_names, for messages; "@inside" is the zone's own traffic */
	struct bh_prefix src; /* bits 0 = whole zone; else the from-hosts prefix */
	struct bh_prefix dst;
	uint8_t proto; /* 6, 17, 1; 0 = any protocol */
	uint16_t lo, hi;
};
struct bh_plan_pin {
	char name[BH_NAME];
	struct bh_prefix from, to;
	uint8_t proto; /* 6, 17, 1; 0 = any */
	uint16_t lo, hi;
	struct bh_pos pos;
};
struct bh_plan_remedy {
	struct bh_prefix to;
	uint8_t proto;
	uint16_t lo, hi;
};
struct bh_plan_never { /* a never-isolate host; net is one address, or none when only the MAC is known */
	char name[BH_NAME];
	struct bh_prefix net;
	struct bh_mac mac; /* all zero = not given */
	struct bh_pos pos;
};
struct bh_plan_mgmt { /* who may always open proto lo-hi to this box */
	struct bh_prefix from;
	uint8_t proto;
	uint16_t lo, hi;
};

/*
 * isolate  nothing but pins and remedies, both directions      ADDR, MAC, NET
 * shield   opens nothing new in a critical zone                ADDR
 * contain  neither opens nor keeps open an admin protocol      ADDR
 * island   the order's networks keep what stays among them     NET: nothing but pins crosses their edge
 * kill     one connection, by its first packet's tuple         FLOW
 */
enum bh_cut_kind { BH_CUT_NONE, BH_CUT_ISOLATE, BH_CUT_SHIELD, BH_CUT_CONTAIN, BH_CUT_ISLAND, BH_CUT_KILL, BH_CUT_KINDS };
enum bh_cut_what { BH_CUT_ADDR, BH_CUT_MAC, BH_CUT_NET, BH_CUT_FLOW, BH_CUT_WHATS };
struct bh_cut {
	uint32_t order; /* id of the order it belongs to: one order may hold several cuts (v4, v6, MAC) of one device */
	uint8_t kind, what;
	struct bh_mac mac;	/* BH_CUT_MAC */
	struct bh_prefix net;	/* BH_CUT_ADDR (host prefix), BH_CUT_NET, BH_CUT_FLOW (who opened it) */
	struct bh_prefix peer;	/* BH_CUT_FLOW: whom it was opened to, a host prefix */
	uint16_t sport, dport;	/* BH_CUT_FLOW */
	uint8_t proto;		/* BH_CUT_FLOW: 6 or 17 */
	bh_ns ttl;		/* > 0: every cut ends by itself */
	char because[BH_NAME];	/* detector name or "operator" */
};
const char *bh_cut_kind_name(unsigned kind); /* "isolate" …; "none" for what is none */
/* The TCP ports of protocols that administer machines: what contain and a breaker's first step close (ATT&CK T1021). */
extern const uint16_t bh_plan_admin_ports[];
extern const size_t bh_plan_n_admin_ports;

/* What a conduit with a breaker or a drawbridge is down to; a law is compiled for one posture of all of them. */
enum bh_conduit_state { BH_CONDUIT_NORMAL, BH_CONDUIT_NO_ADMIN, BH_CONDUIT_CLOSED, BH_CONDUIT_STATES };
const char *bh_conduit_state_name(unsigned state); /* normal, no-admin, closed */

struct bh_plan {
	uint32_t generation;
	uint8_t mode;		/* BH_MODE_OBSERVE: count, drop nothing; no cuts are loaded */
	char policy_file[128], policy_sha256[65];
	struct bh_plan_zone *zones;
	struct bh_permit *permits;
	struct bh_plan_pin *pins;
	struct bh_plan_remedy *remedies;
	struct bh_plan_mgmt *mgmt;
	struct bh_plan_never *never;
	char (*conduit_names)[BH_NAME];
	struct bh_cut *cuts;
	size_t n_zones, n_permits, n_pins, n_remedies, n_mgmt, n_never, n_conduit_names, n_cuts;
	uint32_t max_cuts; /* quota: isolations standing at once that the enforcer will accept; from the budget */
	bh_ns max_ttl;	   /* longest TTL the enforcer will accept */
};

/*
 * Compiles the law of a policy; no cuts. Elements come out disjoint (a covered or overlapping box is merged or split).
 * states: one enum bh_conduit_state for each conduit of the policy, or NULL: all normal, drawbridges down (open).
 */
int bh_plan_compile_as(const struct bh_policy *p, const uint8_t *states, uint32_t generation, struct bh_plan *ret_plan) BH_MUST; /* < 0 -errno */
int bh_plan_compile(const struct bh_policy *p, uint32_t generation, struct bh_plan *ret_plan) BH_MUST; /* states NULL */
/* What belongs to a zone and to no zone inside it, as prefixes; malloc'ed. < 0 -errno */
int bh_plan_zone_owns(const struct bh_policy *p, uint16_t zone, struct bh_prefixes *ret_own) BH_MUST;
/* Makes permits, pins, remedies and management disjoint; compile has done it, a plan from text may need it. < 0 -errno */
int bh_plan_normalise(struct bh_plan *plan) BH_MUST;
int bh_plan_copy(const struct bh_plan *plan, struct bh_plan *ret_copy) BH_MUST; /* < 0 -errno */
void bh_plan_fini(struct bh_plan *plan); /* zeroed afterwards; accepts a zeroed plan */

/* A part of what a law permits: from addresses of zone from (of that law), by its conduit. */
struct bh_plan_box {
	uint16_t from;
	uint32_t conduit;
	struct bh_prefix src, dst;
	uint8_t proto; /* 6, 17, 1; 0 = every other protocol */
	uint16_t lo, hi;
};
/* What a permits and b does not, whatever the conduits are called; pins aside. malloc'ed; < 0 -errno, -E2BIG past a million. */
int bh_plan_minus(const struct bh_plan *a, const struct bh_plan *b, struct bh_plan_box **ret_boxes, size_t *ret_n) BH_MUST;

/*
 * Text, one item per line; print(parse(print(x))) == print(x):
 *   plan generation=7 mode=auto policy="port.yaml" sha256=…
 *   zone office critical=1 [vlan=40,41] 10.10.0.0/16 fd00:10::/48
 *   conduit counter-to-tos
 *   permit office > 10.20.0.0/24 tcp/8443 conduit=counter-to-tos [from=10.10.0.7]
 *   pin crane-estop 10.20.0.7 > 10.40.0.9 tcp/5020 at=41:5
 *   remedy 10.10.0.10 udp/53
 *   manage 10.10.250.0/28 tcp/22
 *   never dc-1 10.10.0.10 mac=52:54:00:00:00:0a at=20:3
 *   limit cuts=64 ttl=24h
 *   cut isolate 10.1.2.3 ttl=900s order=12 because=smb.ransom       also: shield, contain; mac:…, net:…; island net:…
 *   cut kill tcp 10.1.2.3 49152 > 10.2.0.5 445 ttl=600s order=13
 */
struct bh_plan_error {
	unsigned line, col;
	char text[120];
};
int bh_plan_print(const struct bh_plan *plan, char **ret_text, size_t *ret_len) BH_MUST; /* malloc'ed */
int bh_plan_parse(const char *text, size_t len, struct bh_plan *ret_plan, struct bh_plan_error *ret_error) BH_MUST;
#define BH_CUT_TEXT 192
size_t bh_cut_print(const struct bh_cut *c, char buf[BH_CUT_TEXT]); /* the line "cut …" without newline */
int bh_cut_parse(const char *line, size_t len, struct bh_cut *ret_cut, struct bh_plan_error *ret_error) BH_MUST;

/* The guard: runs in decide to choose well and again in the enforcer, because whoever asks may be owned. */
enum bh_refusal {
	BH_REF_NONE,
	BH_REF_PIN,	/* reserved: pins never block an isolation, they survive it; used for a MAC/NET cut the ruleset cannot carve */
	BH_REF_NEVER,	/* never-isolate host, or a net holding one */
	BH_REF_SELF,	/* an address of this box */
	BH_REF_TTL,	/* none, or longer than the limit */
	BH_REF_QUOTA,	/* too many standing cuts */
	BH_REF_WIDTH,	/* /0, or a net wider than one zone, or multicast, loopback, unspecified */
	BH_REF_OBSERVE, /* mode is observe */
	BH_REF_COUNT
};
struct bh_refused {
	uint8_t code; /* enum bh_refusal */
	struct bh_pos pos; /* of the pin or host in the policy, when one stands in the way */
	char text[160];
};
/* standing = cuts of the same kind in force now, cut itself not counted. self/n_self: this box's addresses. 0 allowed, 1 refused. */
int bh_plan_guard(const struct bh_plan *law, const struct bh_cut *cut, size_t standing, const struct bh_addr *self,
		  size_t n_self, struct bh_refused *ret_refused) BH_MUST;
const char *bh_refusal_name(unsigned code);

#endif
