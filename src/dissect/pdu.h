/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocols over TCP whose messages say their own length: frames over stream.h. A dissector gives a few functions and gets its
 * messages whole, or their first bytes when they are long; it keeps its own state in bytes of the connection.
 *
 * After a gap, and when joined late, a message is looked for at the beginning of each segment, where nearly all begin; until
 * one is found nothing is believed. A connection seen from its handshake on begins with a message.
 */
#ifndef BULKHEAD_DISSECT_PDU_H
#define BULKHEAD_DISSECT_PDU_H

#include "stream.h"

#define BH_PDU_KEEP 2048u

struct bh_pdu;
struct bh_pdu_ops {
	uint16_t head; /* bytes that say how long a message is */
	uint16_t keep; /* first bytes of a message that are shown; BH_PDU_KEEP is enough for most */
	size_t mine;   /* bytes of the dissector's state in a connection */
	bool (*server_port)(uint16_t port); /* NULL: the initiator is the client */
	/* Length of the message that begins with these head bytes, itself included; 0 = no message begins so. lost: one is looked for. */
	uint32_t (*length)(const struct bh_stream_conn *c, unsigned d, const uint8_t *p, bool lost);
	/* n = bytes shown, total = bytes on the wire. */
	void (*message)(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total);
	void (*end)(struct bh_pdu *u, struct bh_stream_conn *c); /* before the connection is forgotten; may be NULL */
};
struct bh_pdu {
	struct bh_stream stream; /* first: the stream's functions get the frames by it */
	struct bh_stream_ops below;
	const struct bh_pdu_ops *ops;
	void *owner; /* the dissector's state */
	uint64_t messages, resyncs;
};

int bh_pdu_init(struct bh_pdu *u, const struct bh_pdu_ops *ops, unsigned conn_bits, unsigned window_bits) BH_MUST;
/* Clears what is kept of the direction's message: for those that may hold a password. */
void bh_pdu_wipe(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d);
void bh_pdu_counters(const struct bh_pdu *u, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx);

#endif
