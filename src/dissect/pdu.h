/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocols over TCP whose messages say their own length: connections, order, frames. A dissector gives a few functions and
 * gets its messages whole, or their first bytes when they are long; it keeps its own state in bytes of the connection.
 *
 * After a gap, and when joined late, a message is looked for at the beginning of each segment, where nearly all begin; until
 * one is found nothing is believed.
 */
#ifndef BULKHEAD_DISSECT_PDU_H
#define BULKHEAD_DISSECT_PDU_H

#include "order.h"

#define BH_PDU_KEEP 2048u

struct bh_pdu_stream {
	struct bh_order_dir order;
	bool lost, untrusted;	 /* untrusted: from a gap to the next message */
	uint16_t have;		 /* of what is kept */
	uint32_t total, left;	 /* of the message; 0 = its head is not complete */
};
struct bh_pdu_conn {
	uint64_t flow_id;
	struct bh_event proto; /* of the last packet: client as source */
	bool swapped;	       /* the flow was joined late, and its initiator as captured is the server */
	bool heard[2];	       /* payload of the client, of the server */
	bool late;	       /* joined after its start */
	bool gaps;	       /* bytes that matter were missing at any time */
	struct bh_pdu_stream dir[2]; /* client to server, server to client */
	uint8_t *mine;		     /* the dissector's bytes, zeroed with the connection */
	uint8_t *kept[2];
};

struct bh_pdu;
struct bh_pdu_ops {
	uint16_t head; /* bytes that say how long a message is */
	uint16_t keep; /* first bytes of a message that are shown; BH_PDU_KEEP is enough for most */
	size_t mine;   /* bytes of the dissector's state in a connection */
	bool (*server_port)(uint16_t port); /* NULL: the initiator is the client */
	/* Length of the message that begins with these head bytes, itself included; 0 = no message begins so. */
	uint32_t (*length)(const struct bh_pdu_conn *c, unsigned d, const uint8_t *p);
	/* n = bytes shown, total = bytes on the wire. */
	void (*message)(struct bh_pdu *u, struct bh_pdu_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total);
	void (*end)(struct bh_pdu *u, struct bh_pdu_conn *c); /* before the connection is forgotten; may be NULL */
};
struct bh_pdu {
	const struct bh_pdu_ops *ops;
	struct bh_pool conns;
	struct bh_pdu_conn *conn;
	uint8_t *mine, *kept;
	struct bh_order order;
	struct bh_pdu_conn *cur; /* during packet() */
	void *owner; /* the dissector's state */
	const struct bh_event_sink *out; /* during packet() and end() */
	const struct bh_dissect_in *in;	 /* during packet(); NULL in end() */
	uint64_t messages, malformed, gaps, resyncs, connections, facts;
};

int bh_pdu_init(struct bh_pdu *u, const struct bh_pdu_ops *ops, unsigned conn_bits, unsigned window_bits) BH_MUST;
void bh_pdu_fini(struct bh_pdu *u);
void bh_pdu_packet(struct bh_pdu *u, const struct bh_dissect_in *in, const struct bh_event_sink *out);
void bh_pdu_end(struct bh_pdu *u, uint64_t flow_id, const struct bh_event_sink *out);
void bh_pdu_counters(const struct bh_pdu *u, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx);
size_t bh_pdu_bytes(const struct bh_pdu *u);

/*
 * An event about the connection, client as source, its union zero. answered: the server's message confirms it (TWOWAY, when the
 * client was heard, too: what a server alone said may be somebody else's in its name).
 */
void bh_pdu_event(struct bh_pdu *u, struct bh_pdu_conn *c, unsigned kind, unsigned app, bool answered, struct bh_event *ret);
void bh_pdu_emit(struct bh_pdu *u, const struct bh_event *ev);
/* The other way round: who answered becomes who asked. */
void bh_event_swap(struct bh_event *ev);

#endif
