/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections over TCP, and their bytes in order: for protocols that are lines, or whose first bytes and sizes matter, and under
 * those with messages (pdu.h). A dissector says of a direction when it has heard enough: its packets are then only counted.
 */
#ifndef BULKHEAD_DISSECT_STREAM_H
#define BULKHEAD_DISSECT_STREAM_H

#include "order.h"

struct bh_stream_conn {
	uint64_t flow_id;
	struct bh_event proto; /* of the last packet: client as source */
	bh_ns begun;	       /* first packet with payload */
	uint64_t bytes[2];     /* payload on the wire: client to server, server to client */
	bool swapped;	       /* the flow was joined late, and its initiator as captured is the server */
	bool heard[2];	       /* payload of the client, of the server */
	bool late;	       /* joined after its start */
	bool off[2];	       /* heard enough: set by the dissector */
	bool untrusted[2];     /* bytes that matter were missing: cleared by the dissector when it is sure again */
	bool gaps;	       /* bytes that matter were missing at any time */
	struct bh_order_dir order[2];
	uint8_t *mine; /* the dissector's bytes, zeroed with the connection */
};

struct bh_stream;
struct bh_stream_ops {
	size_t mine, more; /* bytes of the dissector's state in a connection; behind them bytes that are not zeroed */
	bool (*server_port)(uint16_t port); /* NULL: the initiator is the client */
	void (*bytes)(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n);
	bool (*missing)(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n); /* did these bytes matter? */
	void (*counted)(struct bh_stream *u, struct bh_stream_conn *c, unsigned d); /* after each packet; may be NULL */
	void (*end)(struct bh_stream *u, struct bh_stream_conn *c); /* before the connection is forgotten; may be NULL */
};
struct bh_stream {
	const struct bh_stream_ops *ops;
	struct bh_pool conns;
	struct bh_stream_conn *conn;
	uint8_t *mine;
	struct bh_order order;
	struct bh_stream_conn *cur;	 /* during packet() */
	const struct bh_event_sink *out; /* during packet() and end() */
	uint64_t gaps, malformed, connections, facts;
};

int bh_stream_init(struct bh_stream *u, const struct bh_stream_ops *ops, unsigned conn_bits, unsigned window_bits) BH_MUST;
void bh_stream_fini(struct bh_stream *u);

/* Hooks of a dissector whose state is a bh_stream. */
void *bh_stream_open(const struct bh_stream_ops *ops, unsigned conn_bits, unsigned window_bits);
void bh_stream_close(void *state);
void bh_stream_packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out);
void bh_stream_end(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out);
void bh_stream_counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx);
size_t bh_stream_bytes(const void *state);

/* The other way round: who answered becomes who asked. */
void bh_event_swap(struct bh_event *ev);
/*
 * An event about the connection, client as source, its union zero. answered: the server's message confirms it (TWOWAY, when the
 * client was heard, too: what a server alone said may be somebody else's in its name).
 */
void bh_stream_event(struct bh_stream_conn *c, unsigned kind, unsigned app, bool answered, struct bh_event *ret);
void bh_stream_emit(struct bh_stream *u, const struct bh_event *ev);

#endif
