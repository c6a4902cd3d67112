/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * flow - one worker's table of conversations, and how each attempt ended
 *
 * Why     Detectors ask "who tried whom, and did it work"; that needs both directions, time, and proof.
 * Shape   An index of 8-byte slots with open addressing over an array of 128-byte entries, all allocated at
 *         start and touched only when used: a million idle flows are 128 MiB and the index 16. Full means
 *         an old flow is pushed out and counted, those nobody answered first. Timers are a wheel of
 *         BH_FLOW_TICK buckets, visited once per timeout, not per packet.
 * Units   at, now: bh_ns of the capture clock, made to rise by the caller. Bytes are those of whole frames.
 * Errors  bh_flow_new: -ENOMEM. Nothing else fails.
 * Purity  Pure: no clock, no I/O; events go to the sink given at start. One owner thread.
 * Source  RFC 9293 3.10.7.3 (what a RST or SYN-ACK must acknowledge), RFC 1122 3.2.2.1 (ICMP unreachable).
 *
 * What counts as an outcome
 *   TCP   SUCCESS after SYN, SYN-ACK and ACK that acknowledge each other and then bytes from the responder;
 *         HANDSHAKE when it closes before that, or (without BH_EVF_TWOWAY) when the initiator leaves after
 *         the SYN-ACK, as a half-open scan does; REFUSED for a RST that acknowledges the SYN.
 *   UDP, ICMP echo, others   SUCCESS when the other side answers. A group destination is no attempt.
 *   An ICMP error counts when it quotes a flow's own first direction (and, for TCP, the SYN's number).
 *   SILENT up to BH_FLOW_TICK after 3 s. One direction alone of a TCP conversation is MIDSTREAM.
 * Later fragments carry no ports: they are counted and touch no flow (live capture reassembles first).
 */
#ifndef BULKHEAD_FLOW_H
#define BULKHEAD_FLOW_H

#include <bulkhead/decode.h>
#include <bulkhead/event.h>

#define BH_FLOW_TICK BH_MS(250)
#define BH_FLOW_SILENT BH_SEC(3)

struct bh_flow_key { /* ordered so both directions are equal */
	struct bh_addr a, b;
	uint16_t pa, pb; /* ICMP: both the echo id, or both type << 8 | code */
	uint32_t tag;	 /* outer vlan | inner vlan << 12 | protocol << 24 */
};

/* bh_flow.bits */
#define BH_FLOW_INIT_B 0x01 /* key.b is the initiator */
#define BH_FLOW_TWOWAY 0x02
#define BH_FLOW_CLASSED 0x04 /* the worker's: app is final */
#define BH_FLOW_GUESS 0x08   /* the worker's: app is a guess */
#define BH_FLOW_INNER 0x10
#define BH_FLOW_GROUP 0x20
#define BH_FLOW_FIN0 0x40
#define BH_FLOW_FIN1 0x80

struct bh_flow {
	struct bh_flow_key key;
	bh_ns last;
	uint32_t prev, next; /* timer wheel; next also chains free entries */
	uint16_t app;	     /* the worker's: enum bh_app so far */
	uint8_t state;	     /* private */
	uint8_t outcome;     /* enum bh_outcome */
	uint8_t bits;
	uint8_t wants; /* the worker's: 1 + the dissector that has this flow, 0 = none; above 0xf0: none, asked that often */
	uint8_t tcp_flags[2];
	bh_ns start;
	uint64_t pkts[2], bytes[2]; /* [0] initiator to responder */
	uint32_t isn[2];	    /* TCP first numbers; ICMP: type << 8 | code of the first packet */
	uint16_t class_slot;	    /* the worker's: classifier state, 0 = none */
	uint8_t ttl;
	uint8_t proto;
	struct bh_mac mac[2]; /* initiator, responder */
};
_Static_assert(sizeof(struct bh_flow) <= 128 + 8, "an idle flow costs two cache lines");

struct bh_flow_counters {
	uint64_t active, created, ended, evicted, later_fragments;
	uint64_t icmp_matched, icmp_unmatched; /* errors about a flow of this table, and others */
};

struct bh_flow_conf {
	uint32_t max;	 /* flows; at least 64 */
	uint64_t seed;	 /* of this boot: hash and ids cannot be predicted from outside */
	uint16_t worker; /* copied to events */
	struct bh_event_sink sink;
	/*
	 * Before a flow's FLOW_END goes out, ev already filled: last words of whoever keeps state by slot.
	 * May emit, may change ev->app, ev->flags and ev->u.flow.community_id. May be NULL.
	 */
	void (*ending)(void *ctx, struct bh_flow *f, uint32_t slot, struct bh_event *ev);
	void *ctx;
};

struct bh_flow_table;
int bh_flow_new(const struct bh_flow_conf *conf, struct bh_flow_table **ret_table) BH_MUST;
void bh_flow_free(struct bh_flow_table *t); /* emits nothing */

/* A packet's place in the table, computed for a batch so memory latencies overlap. Caller's memory. */
struct bh_flow_probe {
	struct bh_flow_key key;
	uint32_t hash;
	bool swapped; /* the packet's source is key.b */
	bool use;     /* belongs to a flow */
};
void bh_flow_prepare(struct bh_flow_table *t, const struct bh_packet *pkts, size_t n, struct bh_flow_probe *ret_probes);

/*
 * Finds or makes the packet's flow, counts it, and emits FLOW_NEW and FLOW_OUTCOME when they fall due.
 * NULL when the packet belongs to none (an ICMP error settles the flow it quotes). pkt->at must not be
 * before any earlier packet's, and bh_flow_advance(pkt->at) must have run. The pointer and the slot number
 * hold until the flow ends.
 */
struct bh_flow *bh_flow_packet(struct bh_flow_table *t, const struct bh_packet *pkt, const struct bh_flow_probe *probe,
	uint64_t pkt_no, uint8_t *ret_dir);
/* An ICMP error about a flow of another worker's, passed on: settles the flow it quotes if it is here. */
bool bh_flow_quoted(struct bh_flow_table *t, const struct bh_packet *pkt, uint64_t pkt_no);

/* Time passes: emits what became due, in order, stamped with the tick it fell due at. Cheap when nothing did. */
void bh_flow_advance(struct bh_flow_table *t, bh_ns now);
/* Ends every flow with BH_END_SHUTDOWN at the given time; the table is then empty. */
void bh_flow_finish(struct bh_flow_table *t, bh_ns at);

uint32_t bh_flow_slot(const struct bh_flow_table *t, const struct bh_flow *f); /* from 1; stable while it lives */
struct bh_flow *bh_flow_at(struct bh_flow_table *t, uint32_t slot);	       /* a slot that is in use */
/* Hash of the tuple, the start and the seed, 1 to 2^53 - 1. */
uint64_t bh_flow_id(const struct bh_flow_table *t, const struct bh_flow *f);
/* The tuple (initiator as source), MACs, counters and flags of f; the rest of *ret is zero. */
void bh_flow_event(const struct bh_flow_table *t, const struct bh_flow *f, enum bh_ev_kind kind, bh_ns at,
	uint64_t pkt_no, struct bh_event *ret);
void bh_flow_counters(const struct bh_flow_table *t, struct bh_flow_counters *ret);
/* The two arrays, for a caller that may ask the kernel for large pages. */
void bh_flow_memory(struct bh_flow_table *t, void (*each)(void *start, size_t bytes));
size_t bh_flow_bytes(const struct bh_flow_table *t); /* reserved at start, index included */

#endif
