/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dissect - message facts: what a conversation says, protocol by protocol
 *
 * Why     Detectors need "this user renamed that file", not payload bytes. One dissector, one file.
 * Shape   A table of ops structs. Each worker opens its own state for each dissector; state is found by
 *         the flow's slot, a small number that is stable while the flow lives and is used again later.
 * Units   at: bh_ns of the capture clock. len in bytes.
 * Errors  None: hostile bytes change counters, never the control flow. open: NULL = out of memory.
 * Purity  Pure: no clock, no I/O, no allocation per packet. One owner thread per state.
 * Source  detection rules for all dissectors: docs/detectors.md.
 */
#ifndef BULKHEAD_DISSECT_H
#define BULKHEAD_DISSECT_H

#include <bulkhead/decode.h>
#include <bulkhead/event.h>

struct bh_dissect_in {
	const struct bh_packet *pkt;
	uint64_t pkt_no;
	bh_ns at;
	uint64_t flow_id;   /* 0 for ARP */
	uint32_t flow_slot; /* stable index of the flow in its table; 0 for ARP */
	uint8_t dir;	    /* 0 = initiator to responder */
	uint8_t flags;	    /* BH_EVF_* of the flow */
	uint16_t app;	    /* so far */
	const uint8_t *payload;
	uint32_t len;
	const struct bh_event *proto; /* pre-filled: at, pkt, tuple (initiator as source), MACs, vlan, worker, flow_id */
};

struct bh_dissector {
	const char *name, *doc;
	/*
	 * Asked about a TCP or UDP flow at its first packet, at its first BH_DISSECT_ASK packets that have a payload, and when
	 * its class is final, until one dissector of the table, the first that says yes, has it. About ARP and neighbour
	 * discovery: at every packet.
	 */
	bool (*wants)(const struct bh_packet *pkt, uint16_t app);
	void *(*open)(uint64_t seed);
	void (*close)(void *state);
	/* Every packet with payload of a wanted flow, in capture order. */
	void (*packet)(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out);
	/* The slot may be used again afterwards. May be NULL. */
	void (*flow_end)(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out);
	void (*counters)(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx);
	size_t (*memory_bytes)(const void *state);
};

#define BH_DISSECTORS_MAX 32
#define BH_DISSECT_ASK 8
extern const struct bh_dissector *const bh_dissectors[];
extern const size_t bh_n_dissectors;

#endif
