/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "order.h"

int bh_order_init(struct bh_order *o, unsigned bits)
{
	*o = (struct bh_order){0};
	if (bh_pool_init(&o->windows, bits))
		return -ENOMEM;
	o->window = calloc(o->windows.n, sizeof *o->window);
	if (!o->window) {
		bh_order_fini(o);
		return -ENOMEM;
	}
	return 0;
}

void bh_order_fini(struct bh_order *o)
{
	bh_pool_fini(&o->windows);
	free(o->window);
	o->window = NULL;
}

size_t bh_order_bytes(const struct bh_order *o)
{
	return bh_pool_bytes(&o->windows) + o->windows.n * sizeof *o->window;
}

void bh_order_done(struct bh_order *o, struct bh_order_dir *t)
{
	if (!t->window)
		return;
	bh_pool_drop(&o->windows, t->window - 1u);
	t->window = 0;
}

static struct bh_order_window *window_of(struct bh_order *o, struct bh_order_dir *t)
{
	struct bh_order_window *w;
	bool evicted;
	uint32_t i;

	if (t->window)
		return &o->window[t->window - 1];
	i = bh_pool_add(&o->windows, o->serial++, &evicted);
	w = &o->window[i];
	if (evicted) { /* its bytes count as lost once newer ones come */
		w->owner->window = 0;
		o->evicted++;
	}
	w->owner = t;
	w->n = w->used = 0;
	t->window = (uint16_t)(i + 1);
	return w;
}

static void in_order(struct bh_order_dir *t, unsigned d, uint32_t seq, const uint8_t *p, uint32_t n, const struct bh_order_to *to)
{
	int32_t old = (int32_t)(t->seq - seq);

	if (old < 0 || (uint32_t)old >= n)
		return; /* all of it was seen before */
	t->seq = seq + n;
	to->bytes(to->ctx, d, p + old, n - (uint32_t)old);
}

static void skip(struct bh_order *o, struct bh_order_dir *t, unsigned d, uint32_t n, const struct bh_order_to *to)
{
	t->seq += n;
	o->holes++;
	to->missing(to->ctx, d, n);
}

/* delivers what has become next; with force also jumps to the lowest held segment */
static void drain(struct bh_order *o, struct bh_order_dir *t, unsigned d, bool force, const struct bh_order_to *to)
{
	while (t->window) {
		struct bh_order_window *w = &o->window[t->window - 1];
		unsigned low = 0;
		uint32_t seq, len, off;

		for (unsigned i = 1; i < w->n; i++)
			if ((int32_t)(w->seg[i].seq - w->seg[low].seq) < 0)
				low = i;
		seq = w->seg[low].seq;
		len = w->seg[low].len;
		off = w->seg[low].off;
		if ((int32_t)(seq - t->seq) > 0) {
			if (!force)
				return;
			skip(o, t, d, seq - t->seq, to);
			force = false;
		}
		w->seg[low] = w->seg[--w->n];
		if (!w->n)
			bh_order_done(o, t); /* its bytes stay until the next one asks */
		in_order(t, d, seq, w->data + off, len, to);
	}
}

static bool near(uint32_t a, uint32_t b)
{
	return a - b + BH_ORDER_NEAR <= 2u * BH_ORDER_NEAR;
}

static uint32_t first_byte(const struct bh_packet *k)
{
	return k->tcp.seq + (k->tcp.flags & BH_TCP_SYN ? 1 : 0);
}

bool bh_order_fits(struct bh_order *o, const struct bh_order_dir *t, const struct bh_packet *k)
{
	if (!t->begun || !t->heard || near(first_byte(k), t->seq) || near(first_byte(k), t->acked))
		return true;
	o->strange++;
	return false;
}

static void acked(struct bh_order *o, struct bh_order_dir *t, unsigned d, uint32_t ack, const struct bh_order_to *to)
{
	if (!t->heard && !t->begun)
		t->seq = ack; /* where it ought to begin */
	if (!t->heard || (int32_t)(ack - t->acked) > 0)
		t->acked = ack;
	t->heard = true;
	while (t->window && (int32_t)(ack - t->seq) > 0)
		drain(o, t, d, true, to);
}

static bool hold(struct bh_order *o, struct bh_order_dir *t, uint32_t seq, const uint8_t *p, uint32_t n)
{
	struct bh_order_window *w;

	if (n > BH_WINDOW_BYTES)
		return false;
	w = window_of(o, t);
	for (unsigned i = 0; i < w->n; i++)
		if (w->seg[i].seq == seq && w->seg[i].len >= n)
			return true; /* sent again */
	if (w->n == BH_WINDOW_SEGS || w->used + n > BH_WINDOW_BYTES)
		return false;
	memcpy(w->data + w->used, p, n);
	w->seg[w->n].seq = seq;
	w->seg[w->n].len = n;
	w->seg[w->n++].off = w->used;
	w->used += n;
	o->reordered++;
	return true;
}

static void segment(struct bh_order *o, struct bh_order_dir *t, unsigned d, const struct bh_dissect_in *in, const struct bh_order_to *to)
{
	const struct bh_packet *k = in->pkt;
	uint32_t seq = first_byte(k);
	uint32_t cut = k->payload_wire > in->len ? k->payload_wire - in->len : 0;

	if (!t->begun) {
		t->begun = true;
		t->headless = t->heard && (int32_t)(seq - t->seq) > 0;
		t->seq = seq;
	}
	if (t->heard && !near(seq, t->seq)) { /* the other side says that this is the place, so what was believed before was not of it */
		bh_order_done(o, t);
		o->holes++;
		to->missing(to->ctx, d, (int32_t)(seq - t->seq) > 0 ? seq - t->seq : UINT32_MAX);
		t->seq = seq;
	}
	/* what the other side has, and was not seen here, is not sent again */
	if (t->heard && !t->window && (int32_t)(t->acked - t->seq) > 0 && (int32_t)(seq - t->acked) >= 0)
		skip(o, t, d, t->acked - t->seq, to);
	while ((int32_t)(seq - t->seq) > 0) {
		if (!cut && hold(o, t, seq, in->payload, in->len))
			return;
		if (t->window) {
			drain(o, t, d, true, to);
			continue;
		}
		skip(o, t, d, seq - t->seq, to);
	}
	in_order(t, d, seq, in->payload, in->len, to);
	if (cut && (int32_t)(seq + in->len - t->seq) == 0)
		skip(o, t, d, cut, to);
	drain(o, t, d, false, to);
}

void bh_order_packet(struct bh_order *o, struct bh_order_dir *dir[2], unsigned d, const struct bh_dissect_in *in, const struct bh_order_to *to)
{
	if (in->pkt->tcp.flags & BH_TCP_ACK)
		acked(o, dir[!d], !d, in->pkt->tcp.ack, to);
	segment(o, dir[d], d, in, to);
}
