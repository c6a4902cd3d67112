/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * state - who is on the network and who reached whom before
 *
 * Why     Lateral movement is new edges between known hosts: without memory every connection looks alike.
 * Shape   Fixed pools made at open: hosts (LRU, verified hosts outlive unverified ones), a first-contact filter of two
 *         generations, the devices (device.h). Detectors keep per-host entries in planes, a capped pool each: only hosts that did what
 *         the detector looks at have one.
 * Units   bh_ns of events. Caps in entries.
 * Errors  open: < 0 -errno. Nothing else fails: full tables evict and count.
 * Purity  Pure: time comes from events.
 * Source  detection.md 3.1-3.6; Whang 1990 (linear counting); ATT&CK TA0008.
 */
#ifndef BULKHEAD_STATE_H
#define BULKHEAD_STATE_H

#include <bulkhead/device.h>
#include <bulkhead/watch.h>

#define BH_FAMILIES(X) X(R) X(C) X(L) X(I) X(U) X(X) X(O) X(P) X(CHAIN) X(H)
enum bh_family {
#define X(id) BH_FAM_##id,
	BH_FAMILIES(X)
#undef X
		BH_FAM_COUNT
};

#define BH_STATE_PLANES 48

/* the evidence ledger of one host: written by decide, kept here so it lives and dies with the host */
struct bh_ledger {
	struct {
		int32_t score, attr; /* centibans; attr: the part from attribution A2 or A3 */
		bh_ns at;
	} fam[BH_FAM_COUNT];
	int32_t best_item; /* largest single A2/A3 item, centibans */
	uint32_t isolate_order, shield_order, contain_order; /* standing orders, 0 = none */
	uint32_t incident;		       /* number of the incident this host leads, 0 = none */
	bh_ns told[BH_STATE_PLANES];	       /* last alert per detector slot: suppression of repeats */
	uint16_t held[BH_STATE_PLANES];
	uint8_t told_severity[BH_STATE_PLANES];
	uint8_t asked, refused; /* proposals and refusals already told, bit per step */
};

#define BH_HOST_ADDRS BH_DEV_ADDRS
struct bh_host {
	/* what every event reads: one cache line */
	_Alignas(64) struct bh_addr addr;
	bh_ns last, verified_at;
	uint32_t slot; /* index; detectors' bytes are bh_state_bytes(s, host, detector) */
	uint32_t newer, older;
	uint32_t moved; /* second, about, it last went to the front of its list */
	uint32_t flows_out, flows_in;
	uint16_t zone;
	bool verified;	/* a two-way exchange was seen */
	uint8_t answers; /* BH_ANSWERS_*: what it was seen to serve */
	bool self;	/* this box */
	bool onlink;	/* the MAC is the host's own by ARP, lease or policy, not perhaps a router's */
	/* what an exchange touches */
	struct bh_mac mac; /* bound by ARP, DHCP or policy; zero = unknown or behind a router */
	uint32_t roles;
	uint32_t declared; /* 1 + index into policy hosts, 0 = not declared */
	bh_ns first, conflict_until;
	bh_ns moved_at;	  /* when another MAC last took the address over, 0 = never */
	bh_ns disputed_at; /* when the open conflict began */
	bh_ns kept_at;	  /* when kept last used the address */
	struct bh_mac kept; /* who had it before the open conflict */
	struct { /* systems that open connections from here in turns */
		bh_ns at;
		uint32_t last;
		uint8_t flips, pad[3];
	} stacks;
	uint64_t clients; /* linear-counting bitmap of distinct clients that got an answer */
	char name[32];	  /* from DHCP or the policy */
	uint16_t place[BH_STATE_PLANES]; /* 1 + its entry in each plane, 0 = none */
	struct bh_ledger ledger;
};

struct bh_state;
struct bh_state_limits {
	uint32_t hosts, devices;	       /* default 65536 */
	size_t plane_bytes[BH_STATE_PLANES];   /* of an entry, a detector each; 0 = none */
	uint32_t plane_hosts[BH_STATE_PLANES]; /* entries; 0 = as many as 4 MiB hold, at least 512 */
	uint32_t filter_bits; /* log2 of the first-contact filter's bits per generation, default 27 */
	uint64_t seed;
	const struct bh_watch *watch; /* these outlive the state */
	const struct bh_gadgets *gadgets;
	const struct bh_ouis *ouis; /* may be NULL */
	const struct bh_addr *self; /* this box's addresses */
	size_t n_self;
};
struct bh_state_counters {
	uint64_t hosts, evicted, first_contacts, generations, conflicts;
	struct bh_device_counters devices;
	uint64_t plane_entries, plane_evicted; /* of all planes together */
	uint64_t bytes;			       /* reserved */
};

int bh_state_open(const struct bh_state_limits *limits, const struct bh_policy *policy, struct bh_state **ret_state) BH_MUST;
void bh_state_close(struct bh_state *s);
void bh_state_counters(const struct bh_state *s, struct bh_state_counters *ret_counters);

struct bh_host *bh_state_find(struct bh_state *s, const struct bh_addr *a);		/* NULL = unknown */
struct bh_host *bh_state_touch(struct bh_state *s, const struct bh_addr *a, bh_ns at); /* makes it; NULL for none, multicast */
struct bh_host *bh_state_slot(struct bh_state *s, uint32_t slot);			/* NULL = free slot */
uint32_t bh_state_slots(const struct bh_state *s);
/* The host's entry in a plane, made and zeroed if need be, aligned to 16. A full plane takes one from a host that was not verified, or not active. */
void *bh_state_bytes(struct bh_state *s, struct bh_host *h, unsigned plane);
/* Both at once: neither takes the other's place. */
void bh_state_pair(struct bh_state *s, struct bh_host *a, struct bh_host *b, unsigned plane, void *ret_entries[2]);
/* Shows the large tables to each(), for a caller who can ask the system for large pages. */
void bh_state_memory(struct bh_state *s, void (*each)(void *start, size_t bytes));
/* The address is this MAC's beyond dispute: its own, no conflict open, not taken over lately. */
bool bh_state_owns(const struct bh_host *h, const struct bh_mac *m, bh_ns now);
/* What the host seems to be for by what it serves: roles to propose. Nothing is relieved by them. */
#define BH_ANSWERS_KRB 0x01
#define BH_ANSWERS_LDAP 0x02
#define BH_ANSWERS_DNS 0x04
#define BH_ANSWERS_DHCP 0x08
#define BH_ANSWERS_FILES 0x10
uint32_t bh_state_seems(const struct bh_host *h);
struct bh_devices *bh_state_devices(struct bh_state *s);
/*
 * An operator's word about a device, made if nobody has seen it: "approve", "retire", "forget" (new again), "rename=NAME", "owner=NAME",
 * "note=TEXT", "tag=NAME", "untag=NAME", "addr=ADDRESS", "zone=NAME". 1 = not understood, or no room for it.
 */
int bh_state_device_set(struct bh_state *s, const struct bh_mac *m, const char *change, const char *by, bh_ns at) BH_MUST;
/* Puts one read from the store in its place, its zone as this policy has it. false = no room. */
bool bh_state_device_put(struct bh_state *s, const struct bh_device *d);
/* The host that stands for a device: one of its own addresses, or the address its MAC makes. */
struct bh_host *bh_state_host_of(struct bh_state *s, struct bh_device *d, bh_ns at);
/* Addresses seen with this MAC, claims included (at most BH_HOST_ADDRS). 0 when the MAC looks like a router: it carried more of IPv4 than that. */
size_t bh_state_addrs_of(struct bh_state *s, const struct bh_mac *m, struct bh_addr ret_addrs[BH_HOST_ADDRS]);
size_t bh_state_zone_hosts(const struct bh_state *s, uint16_t zone, uint32_t role_mask); /* verified hosts; mask 0 = any */

/* What an ARP message, an advertisement or a lease does to the binding of its address. */
enum bh_claim {
	BH_CLAIM_NONE,	   /* nothing is claimed */
	BH_CLAIM_SAME,	   /* as it was */
	BH_CLAIM_FIRST,	   /* nobody had it */
	BH_CLAIM_LEFT,	   /* another device had it, and has been silent for a minute */
	BH_CLAIM_DISPUTED, /* another device has it, and is there */
	BH_CLAIM_DECLARED  /* the policy says it is another's */
};
/* What of a zone reaches us: without it a detector cannot see, and its silence means nothing. */
#define BH_SEES(X)                                                                                                     \
	X(FRAMES, "frames of its own devices") X(ASKED, "questions to all (ARP, ND)") X(ANSWERED, "answers to one device (ARP, ND)")    \
	X(DHCP, "requests for addresses") X(OFFERS, "what servers hand out") X(NAMES, "names told to all") X(REPLIES, "names answered to one device") \
	X(CONVERSATIONS, "conversations, both sides") X(USB, "USB ports")
enum bh_sees {
#define X(id, text) BH_SEES_##id,
	BH_SEES(X)
#undef X
	BH_SEES_COUNT
};
const char *bh_sees_text(unsigned what);
#define BH_SEES_BIT(id) (1u << BH_SEES_##id)
/* What was seen of the zone within a day. BH_ZONE_NONE: of devices whose zone is not known. */
uint32_t bh_state_sees(const struct bh_state *s, uint16_t zone, bh_ns now);

/* An answer to what the sensor asked itself. PROVEN: soon, to us alone, from a device known to speak, by its own address. */
enum bh_probed { BH_PROBED_NO, BH_PROBED_ANSWER, BH_PROBED_PROVEN };
void bh_state_probe(struct bh_state *s, const struct bh_event *command); /* BH_CMD_PROBE: it is being asked; live for ten minutes */
bh_ns bh_state_asked(const struct bh_state *s, uint16_t zone, bool dhcp); /* when it last was, 0 = never */

/* What the detectors look at: one event with what is known about it. Host pointers are valid for the call. */
struct bh_sight {
	const struct bh_event *ev;
	const struct bh_policy *policy;
	const struct bh_watch *watch;
	struct bh_host *src, *dst; /* NULL where the end is no host of ours */
	struct bh_judgement law;
	const struct bh_watch_iface *iface; /* RPC: as the watch-list has it; NULL = not watched */
	const struct bh_watch_call *call;
	unsigned rpc; /* RPC: enum bh_rpc_class */
	uint16_t cls;	    /* enum bh_svc_class of the flow */
	bool first_contact; /* src never opened this class of service to dst before */
	uint8_t routes;	    /* ARP: the sender's MAC has addresses of several networks, a router's: 2 by its traffic, 1 by claims only */
	bool asked_for;	    /* a DHCP ACK to a REQUEST seen from another device */
	uint8_t probed;	    /* enum bh_probed */
	bool dst_is_server; /* at least 3 other clients got answers from dst */
	struct bh_device *dev, *far; /* who sent the frame, and to whom it went, of a redirect to whom it sends; NULL = none seen, or many */
	struct bh_host *who, *far_who; /* who: the host that stands for dev, told with messages of identity; far_who: for far, if that lied, or a redirect sends to it */
	struct bh_host *was; /* what stood for dev while it had no address, the first time that src is its own */
	struct bh_mac owner;	     /* claim LEFT and up: whose the address was */
	uint8_t claim;		     /* enum bh_claim */
	bool dev_new;		     /* first sight of dev, or the first in 30 days */
	bh_ns away;		     /* how long dev had not been seen, 0 = never before */
	bool dev_shown;		     /* its present print has something new */
	bool two_stacks;	     /* two systems speak in turns with dev's MAC */
	bool two_clocks;	     /* or two clocks run in its timestamps */
	bool own;		     /* the source address is dev's own, and dev is no router */
	const struct bh_gadgets *gadgets;
	const struct bh_ouis *ouis;
	struct bh_devices *devices;
	void *peer, *shared; /* of the detector that is asked: dst's entry in its plane (when it asks for that), its memory for all hosts */
};
/* Folds the event into the state and fills the sight. Called once per event, before the detectors. */
void bh_state_step(struct bh_state *s, const struct bh_event *ev, struct bh_sight *ret_sight);

/* Connections that were answered, one entry for each (who, to whom, service): what a cut would break, what a law must allow. */
struct bh_seen {
	struct bh_addr src, dst;
	uint16_t dport, app; /* dport: 0 without ports */
	uint8_t proto;
	uint32_t flows; /* ended ones; an open connection adds none yet */
	uint64_t bytes; /* of ended ones, both directions */
	bh_ns first, last;
};
struct bh_seen_table;
struct bh_seen_counters {
	uint64_t used, evicted;
	bh_ns since, evicted_last; /* first event; latest sight that was forgotten: before it the memory has holes */
};
int bh_seen_open(uint64_t seed, struct bh_seen_table **ret_table) BH_MUST; /* < 0 -errno */
void bh_seen_close(struct bh_seen_table *t);
void bh_seen_step(struct bh_seen_table *t, const struct bh_event *ev); /* any kind */
size_t bh_seen_slots(const struct bh_seen_table *t);
const struct bh_seen *bh_seen_at(const struct bh_seen_table *t, size_t i); /* NULL = free */
void bh_seen_counters(const struct bh_seen_table *t, struct bh_seen_counters *ret_counters);

/* The same memory under another policy: zones, roles and names of all hosts are asked for again. */
void bh_state_policy(struct bh_state *s, const struct bh_policy *policy);

/* distinct things in a window, by linear counting in two half-windows: saturates at 128 */
struct bh_fanout {
	bh_ns turned;
	uint64_t bits[2][2];
};
unsigned bh_fanout_touch(struct bh_fanout *f, uint64_t peer, bh_ns now, bh_ns window);
uint64_t bh_addr_hash(const struct bh_addr *a, uint64_t seed);

#endif
