/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pdu.h"

/* one direction of a connection; stands behind the dissector's bytes, and behind both what is kept of their messages */
struct frame {
	uint32_t total, left; /* of the message; 0 = its head is not complete */
	uint16_t have;	      /* of what is kept */
	bool found;	      /* a message was found since the connection began */
	bool lost;
};

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static struct frame *frame_of(const struct bh_pdu *u, const struct bh_stream_conn *c, unsigned d)
{
	return (struct frame *)(void *)(c->mine + ((u->ops->mine + 7) & ~(size_t)7)) + d;
}

static uint8_t *kept(const struct bh_pdu *u, const struct bh_stream_conn *c, unsigned d)
{
	return (uint8_t *)(frame_of(u, c, 2)) + d * (size_t)u->ops->keep;
}

/* Is a message looked for? */
static bool looks(const struct bh_stream_conn *c, const struct frame *t)
{
	return t->lost || (c->late && !t->found);
}

static void lose(struct frame *t)
{
	t->lost = true;
	t->have = 0;
	t->total = t->left = 0;
}

static void whole(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d)
{
	struct frame *t = frame_of(u, c, d);
	uint32_t n = t->have, total = t->total;

	t->have = 0;
	t->total = 0;
	c->untrusted[d] = false;
	u->messages++;
	u->ops->message(u, c, d, kept(u, c, d), n, total);
}

/* A message that lies whole in the segment is shown where it lies; others are gathered as far as they are kept. */
static void bytes(struct bh_stream *below, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct bh_pdu *u = (struct bh_pdu *)below;
	struct frame *t = frame_of(u, c, d);
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
			bool lost = looks(c, t);

			if (lost && n < head && (c->untrusted[d] || c->late)) /* at a beginning that was seen, it may be split */
				return;
			k = least(n, head - t->have);
			memcpy(kept(u, c, d) + t->have, p, k);
			t->have = (uint16_t)(t->have + k);
			p += k;
			n -= k;
			if (t->have < head)
				return;
			t->total = u->ops->length(c, d, kept(u, c, d), lost);
			if (t->total < head) {
				u->stream.malformed += !lost;
				c->untrusted[d] = true;
				lose(t);
				return; /* the rest of this segment is not looked at */
			}
			u->resyncs += lost;
			t->lost = false;
			t->found = true;
			t->left = t->total - head;
			if (!t->left)
				whole(u, c, d);
			continue;
		}
		k = least(least(n, t->left), u->ops->keep - t->have);
		memcpy(kept(u, c, d) + t->have, p, k);
		t->have = (uint16_t)(t->have + k);
		t->left -= k;
		p += k;
		n -= k;
		if (!t->left)
			whole(u, c, d);
	}
}

static bool missing(struct bh_stream *below, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	struct bh_pdu *u = (struct bh_pdu *)below;
	struct frame *t = frame_of(u, c, d);

	/* no harm where only the number of bytes matters */
	if (t->left >= n && t->have == u->ops->keep) {
		t->left -= n;
		if (!t->left)
			whole(u, c, d);
		return false;
	}
	lose(t);
	return true;
}

static void end(struct bh_stream *below, struct bh_stream_conn *c)
{
	struct bh_pdu *u = (struct bh_pdu *)below;

	if (u->ops->end)
		u->ops->end(u, c);
}

int bh_pdu_init(struct bh_pdu *u, const struct bh_pdu_ops *ops, unsigned conn_bits, unsigned window_bits)
{
	u->ops = ops;
	u->below = (struct bh_stream_ops){.mine = ((ops->mine + 7) & ~(size_t)7) + 2 * sizeof(struct frame), .more = 2u * ops->keep,
		.server_port = ops->server_port, .bytes = bytes, .missing = missing, .end = end};
	return bh_stream_init(&u->stream, &u->below, conn_bits, window_bits);
}

void bh_pdu_wipe(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d)
{
	memset(kept(u, c, d), 0, u->ops->keep);
}

void bh_pdu_counters(const struct bh_pdu *u, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	bh_stream_counters(&u->stream, each, ctx);
	each(ctx, "messages", u->messages);
	each(ctx, "resyncs", u->resyncs);
}
