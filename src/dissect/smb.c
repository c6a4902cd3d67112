/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SMB over TCP 445 and 139: both generations, in clear
 *
 * The facts are about files: which was opened to change it, what was read and written in kind and
 * amount, what it was called afterwards, and that it is gone; about who logged on; and about the
 * DCE/RPC inside of pipes. Everything is told when the server has confirmed it. Of what is
 * encrypted the sizes speak (smb_size.c).
 *
 *   smb_stream.c  frames, commands; content flows past the histogram and is never kept
 *   smb_cmd.c     SMB2: requests remembered by message id, answers that turn them into facts
 *   smb_old.c     SMB1: requests; smb_old_done.c its answers
 *   smb_file.c    what requests and answers do, the same for both
 *   smb_fact.c    handles, sessions, trees, and the events
 *   smb_logon.c   who logs on; smb_pipe.c DCE/RPC in pipes; smb_first.c the hash of a file's beginning
 *   smb_size.c    encrypted messages, by size
 *   content.c     randomness and first bytes
 *
 * All memory is taken at open: 2048 connections, 4096 handles, 256 windows for segments out of
 * order. Each table gives the slot used longest ago to whoever needs one, and counts that. The
 * client is who made the handshake. Where that was not seen it is the side that does not have port
 * 445 or 139, whichever of the two spoke first in the capture; on another port the initiator.
 */
#include <stdlib.h>

#include "smb.h"
#include "smb_size.h"

static bool smb_port(uint16_t p)
{
	return p == 445 || p == 139;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP &&
	       (app == BH_APP_SMB || smb_port(pkt->sport) || smb_port(pkt->dport));
}

static void smb_close(void *state)
{
	struct smb *s = state;

	if (!s)
		return;
	bh_pool_fini(&s->conns);
	bh_pool_fini(&s->handles);
	bh_order_fini(&s->order);
	bh_pool_fini(&s->pipes);
	bh_pool_fini(&s->firsts);
	free(s->first);
	free(s->pipe);
	bh_pool_fini(&s->sizes);
	free(s->size);
	free(s->conn);
	free(s->handle);
	free(s->owner);
	free(s);
}

static void *smb_open(uint64_t seed)
{
	struct smb *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->seed = seed;
	if (bh_pool_init(&s->conns, CONN_BITS) || bh_pool_init(&s->handles, HANDLE_BITS) ||
		bh_order_init(&s->order, WINDOW_BITS) || bh_pool_init(&s->pipes, PIPE_BITS) ||
		bh_pool_init(&s->firsts, FIRST_BITS) || bh_pool_init(&s->sizes, SIZE_BITS)) {
		smb_close(s);
		return NULL;
	}
	s->conn = calloc(s->conns.n, sizeof *s->conn);
	s->handle = calloc(s->handles.n, sizeof *s->handle);
	s->owner = calloc(s->handles.n, sizeof *s->owner);
	s->pipe = calloc(s->pipes.n, sizeof *s->pipe);
	s->size = calloc(s->sizes.n, sizeof *s->size);
	s->first = calloc(s->firsts.n, sizeof *s->first);
	if (!s->conn || !s->handle || !s->owner || !s->pipe || !s->first ||
		!s->size) {
		smb_close(s);
		return NULL;
	}
	return s;
}

static void forget(struct smb *s, struct smb_conn *c)
{
	bh_smb_close_all(s, c, 0, 0, false);
	bh_smb_size_drop(s, c);
	bh_order_done(&s->order, &c->dir[0].order);
	bh_order_done(&s->order, &c->dir[1].order);
}

static struct smb_conn *conn_of(struct smb *s, const struct bh_dissect_in *in)
{
	uint32_t i = bh_pool_find(&s->conns, in->flow_id);
	struct bh_addr ends[2];
	struct smb_conn *c;
	bool evicted;

	if (i != BH_POOL_NONE)
		return &s->conn[i];
	i = bh_pool_add(&s->conns, in->flow_id, &evicted);
	c = &s->conn[i];
	if (evicted) {
		s->in = NULL;
		forget(s, c);
		s->in = in;
	}
	memset(c, 0, offsetof(struct smb_conn, head));
	memset(c->mid, 0xff, sizeof c->mid);
	c->flow_id = in->flow_id;
	c->swapped = !(in->flags & BH_EVF_TWOWAY) && smb_port(in->proto->sport) && !smb_port(in->proto->dport);
	ends[c->swapped] = in->proto->src;
	ends[!c->swapped] = in->proto->dst;
	c->seed = bh_hash(ends, sizeof ends, s->seed);
	s->n.connections++;
	return c;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct smb *s = state;
	struct smb_conn *c;
	unsigned d;

	s->in = in;
	s->out = out;
	c = conn_of(s, in);
	d = in->dir ^ c->swapped;
	if (bh_order_fits(&s->order, &c->dir[d].order, in->pkt)) {
		c->asks |= d == 0;
		c->answers |= d == 1;
		bh_smb_segment(s, c, d);
	}
	s->in = NULL;
	s->out = NULL;
}

static void flow_end(
	void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out)
{
	struct smb *s = state;
	uint32_t i = bh_pool_find(&s->conns, flow_id);

	if (i == BH_POOL_NONE)
		return;
	s->out = out;
	forget(s, &s->conn[i]);
	bh_pool_drop(&s->conns, i);
	s->out = NULL;
}

static void counters(
	const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct smb *s = state;

#define X(name) each(ctx, #name, s->n.name);
	SMB_COUNTERS(X)
#undef X
	each(ctx, "holes", s->order.holes);
	each(ctx, "reordered", s->order.reordered);
	each(ctx, "strange", s->order.strange);
	each(ctx, "window_evicted", s->order.evicted);
	each(ctx, "evicted_connections", s->conns.evicted);
	each(ctx, "evicted_handles", s->handles.evicted);
	each(ctx, "evicted_pipes", s->pipes.evicted);
	each(ctx, "rpc_binds", s->rpc.binds);
	each(ctx, "rpc_calls", s->rpc.calls);
	each(ctx, "rpc_faults", s->rpc.faults);
	each(ctx, "rpc_repeats", s->rpc.repeats);
	each(ctx, "rpc_assumed", s->rpc.assumed);
	each(ctx, "rpc_malformed", s->rpc.malformed);
	each(ctx, "evicted_sizes", s->sizes.evicted);
}

static size_t memory_bytes(const void *state)
{
	const struct smb *s = state;

	return sizeof *s + bh_pool_bytes(&s->conns) + bh_pool_bytes(&s->handles) +
	       bh_order_bytes(&s->order) + bh_pool_bytes(&s->pipes) +
	       bh_pool_bytes(&s->sizes) + s->sizes.n * sizeof *s->size +
	       s->pipes.n * sizeof *s->pipe + bh_pool_bytes(&s->firsts) +
	       s->firsts.n * sizeof *s->first + s->conns.n * sizeof *s->conn +
	       s->handles.n * (sizeof *s->handle + sizeof *s->owner);
}

extern const struct bh_dissector bh_dissector_smb;
const struct bh_dissector bh_dissector_smb = {
	.name = "smb",
	.doc = "SMB in clear: logons, shares, files opened, written, renamed, deleted; DCE/RPC in pipes",
	.wants = wants,
	.open = smb_open,
	.close = smb_close,
	.packet = packet,
	.flow_end = flow_end,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
