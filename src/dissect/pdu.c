/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "pdu.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

int bh_pdu_init(struct bh_pdu *u, const struct bh_pdu_ops *ops, unsigned conn_bits, unsigned window_bits)
{
	u->ops = ops;
	if (bh_pool_init(&u->conns, conn_bits) || bh_order_init(&u->order, window_bits))
		return -ENOMEM;
	u->conn = calloc(u->conns.n, sizeof *u->conn);
	u->mine = calloc(u->conns.n, ops->mine ? ops->mine : 1);
	u->kept = calloc(u->conns.n, 2u * ops->keep);
	return u->conn && u->mine && u->kept ? 0 : -ENOMEM;
}

void bh_pdu_fini(struct bh_pdu *u)
{
	bh_pool_fini(&u->conns);
	bh_order_fini(&u->order);
	free(u->conn);
	free(u->mine);
	free(u->kept);
}

size_t bh_pdu_bytes(const struct bh_pdu *u)
{
	return bh_pool_bytes(&u->conns) + bh_order_bytes(&u->order) +
	       u->conns.n * (sizeof *u->conn + u->ops->mine + 2u * u->ops->keep);
}

void bh_pdu_counters(const struct bh_pdu *u, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	each(ctx, "messages", u->messages);
	each(ctx, "facts", u->facts);
	each(ctx, "malformed", u->malformed);
	each(ctx, "gaps", u->gaps);
	each(ctx, "resyncs", u->resyncs);
	each(ctx, "reordered", u->order.reordered);
	each(ctx, "holes", u->order.holes);
	each(ctx, "strange", u->order.strange);
	each(ctx, "evicted_windows", u->order.evicted);
	each(ctx, "connections", u->connections);
	each(ctx, "evicted_connections", u->conns.evicted);
}

/* ---- events ---- */

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

void bh_pdu_event(struct bh_pdu *u, struct bh_pdu_conn *c, unsigned kind, unsigned app, bool answered, struct bh_event *ret)
{
	*ret = c->proto;
	memset(&ret->u, 0, sizeof ret->u);
	ret->kind = (uint8_t)kind;
	ret->app = (uint16_t)app;
	ret->outcome = 0;
	ret->flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if (answered && c->heard[0] && c->heard[1])
		ret->flags |= BH_EVF_TWOWAY;
	if (c->dir[0].untrusted || c->dir[1].untrusted)
		ret->flags |= BH_EVF_UNTRUSTED;
	if (c->gaps || c->dir[0].order.headless || c->dir[1].order.headless)
		ret->flags |= BH_EVF_GAPS;
}

void bh_pdu_emit(struct bh_pdu *u, const struct bh_event *ev)
{
	u->facts++;
	u->out->emit(u->out->ctx, ev);
}

/* ---- frames ---- */

static void lose(struct bh_pdu *u, struct bh_pdu_stream *t)
{
	t->lost = true;
	t->untrusted = true;
	t->have = 0;
	t->total = t->left = 0;
}

static void whole(struct bh_pdu *u, struct bh_pdu_conn *c, unsigned d)
{
	struct bh_pdu_stream *t = &c->dir[d];
	uint32_t n = t->have, total = t->total;

	t->have = 0;
	t->total = 0;
	t->untrusted = false;
	u->messages++;
	u->ops->message(u, c, d, c->kept[d], n, total);
}

/* A message that lies whole in the segment is shown where it lies; others are gathered as far as they are kept. */
static void bytes(void *ctx, unsigned d, const uint8_t *p, uint32_t n)
{
	struct bh_pdu *u = ctx;
	struct bh_pdu_conn *c = u->cur;
	struct bh_pdu_stream *t = &c->dir[d];
	uint32_t head = u->ops->head;

	while (n) {
		uint32_t k;

		if (t->left && t->have == least(t->total, u->ops->keep)) { /* shown already, or kept to the brim: passed over */
			k = least(n, t->left);
			t->left -= k;
			p += k;
			n -= k;
			if (!t->left)
				whole(u, c, d);
			continue;
		}
		if (!t->total) {
			if (t->lost && n < head && (t->untrusted || c->late)) /* at a beginning that was seen, it may be split */
				return;
			k = least(n, head - t->have);
			memcpy(c->kept[d] + t->have, p, k);
			t->have = (uint16_t)(t->have + k);
			p += k;
			n -= k;
			if (t->have < head)
				return;
			t->total = u->ops->length(c, d, c->kept[d]);
			if (t->total < head) {
				u->malformed += !t->lost;
				lose(u, t);
				return; /* the rest of this segment is not looked at */
			}
			u->resyncs += t->lost;
			t->lost = false;
			t->left = t->total - head;
			if (!t->left)
				whole(u, c, d);
			continue;
		}
		k = least(least(n, t->left), u->ops->keep - t->have);
		memcpy(c->kept[d] + t->have, p, k);
		t->have = (uint16_t)(t->have + k);
		t->left -= k;
		p += k;
		n -= k;
		if (!t->left)
			whole(u, c, d);
	}
}

static void missing(void *ctx, unsigned d, uint32_t n)
{
	struct bh_pdu *u = ctx;
	struct bh_pdu_conn *c = u->cur;
	struct bh_pdu_stream *t = &c->dir[d];

	u->gaps++;
	/* no harm where only the number of bytes matters */
	if (t->left > n && t->have == u->ops->keep) {
		t->left -= n;
		return;
	}
	if (t->left == n && t->have == u->ops->keep) {
		t->left = 0;
		whole(u, c, d);
		return;
	}
	c->gaps = true;
	lose(u, t);
}

/* ---- connections ---- */

static void forget(struct bh_pdu *u, struct bh_pdu_conn *c)
{
	if (u->ops->end)
		u->ops->end(u, c);
	bh_order_done(&u->order, &c->dir[0].order);
	bh_order_done(&u->order, &c->dir[1].order);
}

static struct bh_pdu_conn *conn_of(struct bh_pdu *u, const struct bh_dissect_in *in)
{
	uint32_t i = bh_pool_find(&u->conns, in->flow_id);
	struct bh_pdu_conn *c;
	bool evicted;

	if (i != BH_POOL_NONE)
		return &u->conn[i];
	i = bh_pool_add(&u->conns, in->flow_id, &evicted);
	c = &u->conn[i];
	if (evicted) {
		u->in = NULL;
		forget(u, c);
		u->in = in;
	}
	memset(c, 0, sizeof *c);
	c->flow_id = in->flow_id;
	c->mine = u->mine + i * u->ops->mine;
	c->kept[0] = u->kept + i * 2u * u->ops->keep;
	c->kept[1] = c->kept[0] + u->ops->keep;
	memset(c->mine, 0, u->ops->mine);
	c->late = !(in->flags & BH_EVF_TWOWAY);
	c->dir[0].lost = c->dir[1].lost = c->late; /* until a message is found; untrusted only after a gap */
	/* who made the handshake is known; of others the port tells, which an attacker may choose as his own */
	if (u->ops->server_port && c->late)
		c->swapped = u->ops->server_port(in->proto->sport) && !u->ops->server_port(in->proto->dport);
	u->connections++;
	return c;
}

void bh_pdu_packet(struct bh_pdu *u, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_order_to to = {bytes, missing, u};
	struct bh_pdu_conn *c;
	unsigned d;

	u->in = in;
	u->out = out;
	c = conn_of(u, in);
	d = in->dir ^ c->swapped;
	if (!bh_order_fits(&u->order, &c->dir[d].order, in->pkt)) {
		u->in = NULL;
		u->out = NULL;
		return;
	}
	c->proto = *in->proto;
	if (c->swapped)
		bh_event_swap(&c->proto);
	c->heard[d] = true;
	u->cur = c;
	bh_order_packet(&u->order, (struct bh_order_dir *[]){&c->dir[0].order, &c->dir[1].order}, d, in, &to);
	u->in = NULL;
	u->out = NULL;
}

void bh_pdu_end(struct bh_pdu *u, uint64_t flow_id, const struct bh_event_sink *out)
{
	uint32_t i = bh_pool_find(&u->conns, flow_id);

	if (i == BH_POOL_NONE)
		return;
	u->out = out;
	forget(u, &u->conn[i]);
	bh_pool_drop(&u->conns, i);
	u->out = NULL;
}
