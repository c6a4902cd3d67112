/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DCE/RPC over TCP: port 135, what the classifier calls so, and any connection whose first payload is a message of the protocol.
 *
 *   rpc_pdu.c   one message
 *   rpc_talk.c  a conversation: contexts, calls, logons, facts; the same over pipes (smb_pipe.c)
 *   rpc_late.c  the interface behind calls whose bind was not seen
 *
 * What endpoint mappers tell is remembered: 4096 pairs of a server's port and an interface, the one used longest ago gives
 * way. What a client itself was told comes first; what another one was told counts only while nobody was told differently,
 * since one process serves many interfaces.
 */
#include <stdlib.h>

#include "pdu.h"
#include "rpc_talk.h"

#define LEARNED_BITS 12

struct learned {
	struct bh_uuid uuid;
	bool many; /* several interfaces */
};
struct conn {
	struct bh_rpc_talk talk;
	bool known, flipped; /* flipped: joined late, and the initiator, as captured, is the server */
};
struct rpc {
	struct bh_pdu pdu;
	struct bh_pool ports;
	struct learned *learned;
	uint64_t seed;
	struct bh_rpc_counts n;
	struct bh_stream_conn *conn; /* during message() and end() */
};

static bool begins_so(const struct bh_packet *pkt)
{
	uint32_t len = pkt->payload_len >= BH_RPC_HEAD ? bh_rpc_length(pkt->payload, true) : 0;

	if (!len)
		return false;
	if (len >= pkt->payload_wire) /* all of it, or a segment full of its beginning */
		return len == pkt->payload_wire || pkt->payload_wire >= 512;
	return pkt->payload_len < len + BH_RPC_HEAD || bh_rpc_length(pkt->payload + len, true); /* len is at most 16384 */
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP && (app == BH_APP_MSRPC || pkt->sport == 135 || pkt->dport == 135 || begins_so(pkt));
}

/* ---- what a conversation needs ---- */

static struct conn *mine(const struct rpc *r)
{
	return (struct conn *)(void *)r->conn->mine;
}

static void begin(void *ctx, unsigned kind, bool answered, struct bh_event *ret)
{
	struct rpc *r = ctx;

	bh_stream_event(r->conn, kind, BH_APP_MSRPC, answered, ret);
	if (mine(r)->flipped)
		bh_event_swap(ret);
}

static void emit(void *ctx, const struct bh_event *ev)
{
	struct rpc *r = ctx;

	bh_stream_emit(&r->pdu.stream, ev);
}

/* client none: whoever asks */
static uint64_t port_key(const struct rpc *r, const struct bh_addr *client, const struct bh_addr *server, uint16_t port)
{
	struct {
		struct bh_addr client, server;
		uint64_t port;
	} v = {.server = *server, .port = port};

	if (client)
		v.client = *client;
	return bh_hash(&v, sizeof v, r->seed);
}

static void remember(struct rpc *r, uint64_t key, const struct bh_uuid *u, bool shared)
{
	uint32_t i = bh_pool_find(&r->ports, key);
	bool evicted, many = i != BH_POOL_NONE && shared &&
			     (r->learned[i].many || memcmp(&r->learned[i].uuid, u, sizeof *u) != 0);

	if (i == BH_POOL_NONE)
		i = bh_pool_add(&r->ports, key, &evicted);
	r->learned[i] = (struct learned){*u, many};
}

static void learn(void *ctx, const struct bh_rpc_map *m)
{
	struct rpc *r = ctx;
	struct bh_event ev;

	begin(r, BH_EV_RPC, true, &ev);
	remember(r, port_key(r, &ev.src, &ev.dst, m->port), &m->uuid, false);
	remember(r, port_key(r, NULL, &ev.dst, m->port), &m->uuid, true);
}

static bool learned(void *ctx, struct bh_uuid *ret)
{
	struct rpc *r = ctx;
	struct bh_event ev;
	uint32_t i;

	begin(r, BH_EV_RPC, false, &ev);
	i = bh_pool_find(&r->ports, port_key(r, &ev.src, &ev.dst, ev.dport));
	if (i == BH_POOL_NONE)
		i = bh_pool_find(&r->ports, port_key(r, NULL, &ev.dst, ev.dport));
	if (i == BH_POOL_NONE || r->learned[i].many)
		return false;
	*ret = r->learned[i].uuid;
	return true;
}

static struct bh_rpc_carrier carrier(struct rpc *r)
{
	return (struct bh_rpc_carrier){.begin = begin, .emit = emit, .learn = learn, .learned = learned, .ctx = r, .n = &r->n,
		.via = BH_VIA_TCP, .pipe = "", .user = ""};
}

/* ---- frames ---- */

static uint32_t length(const struct bh_stream_conn *c, unsigned d, const uint8_t *p, bool lost)
{
	return bh_rpc_length(p, lost);
}

/* Joined late: who sends the first message that only one side may send is that side, whoever was seen to speak first. */
static void message(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total)
{
	struct rpc *r = u->owner;
	struct bh_rpc_carrier to = carrier(r);
	struct conn *m;

	r->conn = c;
	m = mine(r);
	if (!m->known) {
		m->known = true;
		m->flipped = c->late && bh_rpc_from_client(p[2]) != (d == 0);
	}
	bh_rpc_said(&m->talk, &to, d ^ m->flipped, p, n);
	r->conn = NULL;
}

static void end(struct bh_pdu *u, struct bh_stream_conn *c)
{
	struct rpc *r = u->owner;
	struct bh_rpc_carrier to = carrier(r);

	r->conn = c;
	bh_rpc_end(&mine(r)->talk, &to);
	r->conn = NULL;
}

static bool server_port(uint16_t port)
{
	return port == 135;
}

static const struct bh_pdu_ops ops = {
	.head = BH_RPC_HEAD,
	.keep = BH_PDU_KEEP,
	.mine = sizeof(struct conn),
	.server_port = server_port,
	.length = length,
	.message = message,
	.end = end,
};

/* ---- the dissector ---- */

static void rpc_close(void *state)
{
	struct rpc *r = state;

	if (!r)
		return;
	bh_stream_fini(&r->pdu.stream);
	bh_pool_fini(&r->ports);
	free(r->learned);
	free(r);
}

static void *rpc_open(uint64_t seed)
{
	struct rpc *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->seed = seed;
	r->pdu.owner = r;
	if (bh_pdu_init(&r->pdu, &ops, 11, 7) || bh_pool_init(&r->ports, LEARNED_BITS) ||
		!(r->learned = calloc(r->ports.n, sizeof *r->learned))) {
		rpc_close(r);
		return NULL;
	}
	return r;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct rpc *r = state;

	bh_stream_packet(&r->pdu.stream, in, out);
}

static void flow_end(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out)
{
	struct rpc *r = state;

	bh_stream_end(&r->pdu.stream, flow_slot, flow_id, out);
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct rpc *r = state;

	bh_pdu_counters(&r->pdu, each, ctx);
	each(ctx, "binds", r->n.binds);
	each(ctx, "calls", r->n.calls);
	each(ctx, "faults", r->n.faults);
	each(ctx, "repeats", r->n.repeats);
	each(ctx, "assumed", r->n.assumed);
	each(ctx, "endpoints", r->n.maps);
	each(ctx, "addresses", r->n.addrs);
	each(ctx, "malformed_messages", r->n.malformed);
	each(ctx, "evicted_contexts", r->n.evicted_contexts);
	each(ctx, "evicted_endpoints", r->ports.evicted);
}

static size_t memory_bytes(const void *state)
{
	const struct rpc *r = state;

	return sizeof *r + bh_stream_bytes(&r->pdu.stream) + bh_pool_bytes(&r->ports) + r->ports.n * sizeof *r->learned;
}

extern const struct bh_dissector bh_dissector_rpc;
const struct bh_dissector bh_dissector_rpc = {
	.name = "rpc",
	.doc = "DCE/RPC over TCP: interfaces bound, operations called, endpoints and addresses told, NTLM logons",
	.wants = wants,
	.open = rpc_open,
	.close = rpc_close,
	.packet = packet,
	.flow_end = flow_end,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
