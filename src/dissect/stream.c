/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "stream.h"

static size_t size(const struct bh_stream_ops *ops)
{
	return (ops->mine + ops->more + 15) & ~(size_t)15;
}

int bh_stream_init(struct bh_stream *u, const struct bh_stream_ops *ops, unsigned conn_bits, unsigned window_bits)
{
	u->ops = ops;
	if (bh_pool_init(&u->conns, conn_bits) || bh_order_init(&u->order, window_bits))
		return -ENOMEM;
	u->conn = calloc(u->conns.n, sizeof *u->conn);
	u->mine = calloc(u->conns.n, size(ops));
	return u->conn && u->mine ? 0 : -ENOMEM;
}

void bh_stream_fini(struct bh_stream *u)
{
	bh_pool_fini(&u->conns);
	bh_order_fini(&u->order);
	free(u->conn);
	free(u->mine);
}

void bh_stream_close(void *state)
{
	if (state)
		bh_stream_fini(state);
	free(state);
}

void *bh_stream_open(const struct bh_stream_ops *ops, unsigned conn_bits, unsigned window_bits)
{
	struct bh_stream *u = calloc(1, sizeof *u);

	if (u && bh_stream_init(u, ops, conn_bits, window_bits)) {
		bh_stream_close(u);
		return NULL;
	}
	return u;
}

size_t bh_stream_bytes(const void *state)
{
	const struct bh_stream *u = state;

	return sizeof *u + bh_pool_bytes(&u->conns) + bh_order_bytes(&u->order) + u->conns.n * (sizeof *u->conn + size(u->ops));
}

void bh_stream_counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct bh_stream *u = state;

	each(ctx, "facts", u->facts);
	each(ctx, "malformed", u->malformed);
	each(ctx, "gaps", u->gaps);
	each(ctx, "reordered", u->order.reordered);
	each(ctx, "holes", u->order.holes);
	each(ctx, "strange", u->order.strange);
	each(ctx, "evicted_windows", u->order.evicted);
	each(ctx, "connections", u->connections);
	each(ctx, "evicted_connections", u->conns.evicted);
}

void bh_event_swap(struct bh_event *ev)
{
	struct bh_addr a = ev->src;
	struct bh_mac m = ev->mac_src;
	uint16_t p = ev->sport;

	ev->src = ev->dst;
	ev->dst = a;
	ev->mac_src = ev->mac_dst;
	ev->mac_dst = m;
	ev->sport = ev->dport;
	ev->dport = p;
	ev->ttl = 0; /* was the other side's */
}

void bh_stream_event(struct bh_stream_conn *c, unsigned kind, unsigned app, bool answered, struct bh_event *ret)
{
	*ret = c->proto;
	memset(&ret->u, 0, sizeof ret->u);
	ret->kind = (uint8_t)kind;
	ret->app = (uint16_t)app;
	ret->outcome = 0;
	ret->flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if (answered && c->heard[0] && c->heard[1])
		ret->flags |= BH_EVF_TWOWAY;
	if (c->untrusted[0] || c->untrusted[1])
		ret->flags |= BH_EVF_UNTRUSTED;
	if (c->gaps || c->order[0].headless || c->order[1].headless)
		ret->flags |= BH_EVF_GAPS;
}

void bh_stream_emit(struct bh_stream *u, const struct bh_event *ev)
{
	u->facts++;
	u->out->emit(u->out->ctx, ev);
}

/* ---- connections ---- */

static void bytes(void *ctx, unsigned d, const uint8_t *p, uint32_t n)
{
	struct bh_stream *u = ctx;

	if (!u->cur->off[d])
		u->ops->bytes(u, u->cur, d, p, n);
}

static void missing(void *ctx, unsigned d, uint32_t n)
{
	struct bh_stream *u = ctx;

	if (u->cur->off[d])
		return;
	u->gaps++;
	if (u->ops->missing(u, u->cur, d, n))
		u->cur->untrusted[d] = u->cur->gaps = true;
}

static void forget(struct bh_stream *u, struct bh_stream_conn *c)
{
	if (u->ops->end)
		u->ops->end(u, c);
	bh_order_done(&u->order, &c->order[0]);
	bh_order_done(&u->order, &c->order[1]);
}

static struct bh_stream_conn *conn_of(struct bh_stream *u, const struct bh_dissect_in *in)
{
	uint32_t i = bh_pool_find(&u->conns, in->flow_id);
	struct bh_stream_conn *c;
	bool evicted;

	if (i != BH_POOL_NONE)
		return &u->conn[i];
	i = bh_pool_add(&u->conns, in->flow_id, &evicted);
	c = &u->conn[i];
	if (evicted)
		forget(u, c);
	memset(c, 0, sizeof *c);
	c->flow_id = in->flow_id;
	c->begun = in->at;
	c->mine = u->mine + i * size(u->ops);
	memset(c->mine, 0, u->ops->mine);
	c->late = !(in->flags & BH_EVF_TWOWAY);
	/* who made the handshake is known; of others the port tells, which an attacker may choose as his own */
	if (u->ops->server_port && c->late)
		c->swapped = u->ops->server_port(in->proto->sport) && !u->ops->server_port(in->proto->dport);
	u->connections++;
	return c;
}

void bh_stream_packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_stream *u = state;
	const struct bh_order_to to = {bytes, missing, u};
	struct bh_stream_conn *c;
	unsigned d;

	u->out = out;
	c = conn_of(u, in);
	d = in->dir ^ c->swapped;
	if (!bh_order_fits(&u->order, &c->order[d], in->pkt)) {
		u->out = NULL;
		return;
	}
	c->proto = *in->proto;
	if (c->swapped)
		bh_event_swap(&c->proto);
	c->heard[d] = true;
	c->bytes[d] += in->pkt->payload_wire;
	u->cur = c;
	bh_order_packet(&u->order, (struct bh_order_dir *[]){&c->order[0], &c->order[1]}, d, in, &to);
	for (unsigned i = 0; i < 2; i++)
		if (c->off[i])
			bh_order_done(&u->order, &c->order[i]);
	if (u->ops->counted)
		u->ops->counted(u, c, d);
	u->out = NULL;
}

void bh_stream_end(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out)
{
	struct bh_stream *u = state;
	uint32_t i = bh_pool_find(&u->conns, flow_id);

	if (i == BH_POOL_NONE)
		return;
	u->out = out;
	forget(u, &u->conn[i]);
	bh_pool_drop(&u->conns, i);
	u->out = NULL;
}
