/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP to commands. Bytes are consumed in sequence order by a machine with six phases:
 *
 *   LOST   look for a frame: 00, a 24-bit length, then FE, FD, FF or FC and "SMB"
 *   FRAME  the 4 bytes in front of every message
 *   HEAD   header and fixed part of a command, gathered up to HEAD_MAX bytes
 *   PAD    between that and the data of a READ or WRITE
 *   DATA   content: shown to the histogram, never kept
 *   REST   everything else up to the next command or the end of the frame
 *
 * A connection starts LOST, which makes a late join the ordinary case. Bytes that never come are no
 * harm in PAD, DATA and REST, where only their number matters; anywhere else they cost the frame
 * and the stream is LOST again, untrusted until the next frame is found.
 */
#include "smb.h"

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static void lose(struct smb *s, struct smb_stream *t, bool gap)
{
	if (gap)
		s->n.gaps++;
	else
		s->n.malformed++;
	t->losses++;
	t->phase = PH_LOST;
	t->untrusted = true;
	t->shift = UINT64_MAX;
}

/* ---- content ---- */

static void first_bytes(struct smb *s, struct smb_stream *t)
{
	struct smb_handle *h = bh_smb_handle(s, t->target);

	if (h && t->first_have && (t->target_io || h->io[0].magic == BH_MAGIC_NONE))
		h->io[t->target_io].magic = (uint8_t)bh_content_magic(t->first, t->first_have);
	t->target_start = false;
}

static void content(struct smb *s, struct smb_conn *c, struct smb_stream *t, const uint8_t *p, uint32_t n)
{
	struct smb_handle *h = bh_smb_handle(s, t->target);

	if (!h)
		return;
	if (t->target_pipe) {
		bh_smb_pipe_data(s, c, t->target, t->target_io, p, n);
		if (h->pipe != PIPE_OTHER)
			return;
	}
	if (t->target_start) {
		uint32_t k = least(sizeof t->first - t->first_have, n);

		memcpy(t->first + t->first_have, p, k);
		t->first_have = (uint8_t)(t->first_have + k);
		if (t->first_have == sizeof t->first)
			first_bytes(s, t);
	}
	bh_content_add(&h->io[t->target_io], p, n);
}

/* ---- commands ---- */

static void frame_done(struct smb_stream *t)
{
	t->phase = PH_FRAME;
	t->have = 0;
	t->want = 4;
}

static void command_done(struct smb_stream *t)
{
	if (!t->next) {
		frame_done(t);
		return;
	}
	t->phase = PH_HEAD;
	t->have = 0;
	t->want = 64;
}

/* passes over phases with nothing left in them */
static void settle(struct smb *s, struct smb_stream *t)
{
	if (t->phase == PH_PAD && !t->pad)
		t->phase = PH_DATA;
	if (t->phase == PH_DATA && !t->data) {
		if (t->target_start)
			first_bytes(s, t);
		t->phase = PH_REST;
	}
	if (t->phase == PH_REST && !t->rest)
		command_done(t);
}

static struct smb_head header(const uint8_t *p, size_t n, uint32_t *ret_next)
{
	struct bh_bytes b = bh_bytes(p, n);
	struct smb_head h = {.p = p, .n = n};

	bh_skip(&b, 8);
	h.status = bh_le32(&b);
	h.cmd = bh_le16(&b);
	bh_skip(&b, 2);
	h.flags = bh_le32(&b);
	*ret_next = bh_le32(&b);
	h.mid = bh_le64(&b);
	bh_skip(&b, 4);
	h.tree = h.flags & SMB2_ASYNC ? 0 : bh_le32(&b);
	if (h.flags & SMB2_ASYNC)
		bh_skip(&b, 4);
	h.session = bh_le64(&b);
	return h;
}

/* how much of a command is worth keeping, header included */
static uint32_t keep(unsigned d, uint16_t cmd)
{
	if (d == 0)
		return cmd == CMD_WRITE ? 64 + 48 : cmd == CMD_IOCTL ? 64 + 56 : HEAD_MAX;
	return cmd == CMD_READ ? 64 + 16 : cmd == CMD_IOCTL ? 64 + 48 : 256;
}

static bool header_ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	struct smb_head h = header(c->head[d], 64, &t->next);
	uint32_t whole = t->frame_left + t->have;

	if (c->head[d][0] != 0xfe || memcmp(c->head[d] + 1, "SMB\x40", 5) != 0 ||
		t->cmds++ >= COMPOUND_MAX)
		return false;
	if (t->next && (t->next < 64 || t->next > whole))
		return false;
	t->cmd_bytes = t->next ? t->next : whole;
	t->want = (uint16_t)least(t->cmd_bytes, keep(d, h.cmd));
	return true;
}

/* where the data of a READ answer, WRITE request or pipe transaction lies, counted from the command's header */
static void data_extent(struct smb_stream *t, unsigned d, const struct smb_head *h)
{
	struct bh_bytes b = bh_bytes(h->p, h->n);
	uint32_t left = t->cmd_bytes - t->have, off, len;

	t->pad = t->data = 0;
	t->rest = left;
	if (h->cmd == CMD_IOCTL) {
		bh_skip(&b, 68);
		if (bh_le32(&b) != FSCTL_PIPE_TRANSCEIVE)
			return;
		bh_skip(&b, d ? 24 : 16);
		off = bh_le32(&b);
	} else if (h->cmd == (d ? CMD_READ : CMD_WRITE)) {
		bh_skip(&b, 66);
		off = bh_le16(&b) & (d ? 0xff : 0xffff);
	} else {
		return;
	}
	len = bh_le32(&b);
	if (b.bad || off < t->have || off - t->have > left)
		return;
	t->pad = off - t->have;
	t->data = least(len, left - t->pad);
	t->rest = left - t->pad - t->data;
}

static void command_ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	uint32_t next;
	struct smb_head h = header(c->head[d], t->have, &next);

	s->n.messages++;
	t->target = (struct smb_ref){BH_POOL_NONE, 0};
	t->target_start = false;
	t->target_pipe = false;
	t->first_have = 0;
	bh_smb_command(s, c, d, &h);
	data_extent(t, d, &h);
	t->phase = PH_PAD;
	settle(s, t);
}

/* a whole head of another kind: what is left of the frame is passed over */
static void other_ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];

	s->n.messages++;
	if (c->head[d][0] == 0xfd)
		bh_smb_transform(s, c, d, c->head[d], t->have);
	else if (c->head[d][0] == 0xff)
		bh_smb_old(s, c, c->head[d], t->have);
	else
		s->n.compressed++;
	t->next = 0;
	t->rest = t->frame_left;
	t->phase = PH_REST;
	settle(s, t);
}

static void frame_ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	const uint8_t *p = c->head[d];

	t->frame_left = (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	t->cmds = 0;
	t->next = 0;
	t->last = (struct smb_ref){BH_POOL_NONE, 0};
	if (p[0] != 0) { /* port 139: session request and its answers, keep-alive */
		if (p[0] < 0x81 || p[0] > 0x85 || t->frame_left > 0x1ffff) {
			lose(s, t, false);
			return;
		}
		t->rest = t->frame_left;
		t->phase = PH_REST;
		settle(s, t);
		return;
	}
	t->phase = PH_HEAD;
	t->have = 0;
	t->want = 4;
	if (t->frame_left < 4)
		lose(s, t, false);
}

/* t->have == t->want: what was gathered says how to go on */
static void ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	const uint8_t *p = c->head[d];

	if (t->phase == PH_FRAME) {
		frame_ready(s, c, d);
		return;
	}
	if (t->have == 4) {
		t->want = p[0] == 0xfe ? 64 : p[0] == 0xfd ? 52 : p[0] == 0xff ? 32 : 16;
		if (p[0] < 0xfc || memcmp(p + 1, "SMB", 3) != 0 || t->frame_left + 4 < t->want)
			lose(s, t, false);
		return;
	}
	if (p[0] != 0xfe && !t->cmds) {
		other_ready(s, c, d);
		return;
	}
	if (t->have == 64 && t->cmd_bytes == 0) {
		if (!header_ready(s, c, d))
			lose(s, t, false);
		if (t->phase == PH_LOST || t->want > t->have)
			return;
	}
	command_ready(s, c, d);
	t->cmd_bytes = 0;
}

static uint32_t gather(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct smb_stream *t = &c->dir[d];
	uint32_t k = least(n, (uint32_t)(t->want - t->have));

	if (t->phase == PH_HEAD)
		k = least(k, t->frame_left);
	memcpy(c->head[d] + t->have, p, k);
	t->have = (uint16_t)(t->have + k);
	if (t->phase == PH_HEAD)
		t->frame_left -= k;
	if (t->have == t->want)
		ready(s, c, d);
	else if (t->phase == PH_HEAD && !t->frame_left)
		lose(s, t, false);
	return k;
}

static uint32_t search(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct smb_stream *t = &c->dir[d];

	for (uint32_t i = 0; i < n; i++) {
		uint64_t v = t->shift << 8 | p[i];
		uint8_t kind = (uint8_t)(v >> 24);

		t->shift = v;
		if ((v & 0xff00000000ffffffull) != 0x534d42 || kind < 0xfc)
			continue;
		if ((v >> 32 & 0xffffff) < 32)
			continue;
		if (t->untrusted)
			s->n.resyncs++;
		t->untrusted = false;
		for (unsigned k = 0; k < 4; k++)
			c->head[d][k] = (uint8_t)(v >> (56 - 8 * k));
		t->cmd_bytes = 0;
		t->phase = PH_FRAME;
		frame_ready(s, c, d);
		for (unsigned k = 0; k < 4; k++)
			c->head[d][k] = (uint8_t)(v >> (24 - 8 * k));
		t->have = 4;
		t->frame_left -= 4;
		ready(s, c, d);
		return i + 1;
	}
	return n;
}

/* p NULL: bytes that were on the wire but were not seen */
static uint32_t pass(struct smb *s, struct smb_conn *c, struct smb_stream *t, const uint8_t *p, uint32_t n)
{
	uint32_t *left = t->phase == PH_PAD ? &t->pad : t->phase == PH_DATA ? &t->data : &t->rest;
	uint32_t k = least(n, *left);

	if (t->phase == PH_DATA && p)
		content(s, c, t, p, k);
	if (t->phase == PH_DATA && !p) {
		t->target_start = false;
		if (t->target_pipe)
			bh_smb_pipe_data(s, c, t->target, t->target_io, NULL, k);
	}
	*left -= k;
	t->frame_left -= k;
	settle(s, t);
	return k;
}

static void feed(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct smb_stream *t = &c->dir[d];

	t->seq += n;
	while (n) {
		uint32_t k;

		switch (t->phase) {
		case PH_LOST:
			k = search(s, c, d, p, n);
			break;
		case PH_FRAME:
		case PH_HEAD:
			k = gather(s, c, d, p, n);
			break;
		default:
			k = pass(s, c, t, p, n);
		}
		p += k;
		n -= k;
	}
}

static void missing(struct smb *s, struct smb_conn *c, unsigned d, uint32_t n)
{
	struct smb_stream *t = &c->dir[d];

	t->seq += n;
	s->n.holes++;
	while (n && t->phase >= PH_PAD)
		n -= pass(s, c, t, NULL, n);
	if (n && (t->phase != PH_LOST || !t->untrusted))
		lose(s, t, true);
}

/* ---- order ---- */

void bh_smb_window_free(struct smb *s, struct smb_stream *t)
{
	if (!t->window)
		return;
	bh_pool_drop(&s->windows, t->window - 1u);
	t->window = 0;
}

/* The streams a window belongs to is its key: connection * 2 + direction. */
static struct smb_window *window_of(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	uint64_t key = (uint64_t)(c - s->conn) * 2 + d;
	uint32_t i = bh_pool_find(&s->windows, key);
	bool evicted;

	if (i != BH_POOL_NONE)
		return &s->window[i];
	i = s->windows.oldest;
	if (s->windows.free == BH_POOL_NONE) {
		uint64_t k = s->windows.node[i].key;

		/* its bytes count as lost once newer ones come */
		s->conn[k / 2].dir[k % 2].window = 0;
		s->n.window_evicted++;
	}
	i = bh_pool_add(&s->windows, key, &evicted);
	s->window[i].n = s->window[i].used = 0;
	t->window = (uint16_t)(i + 1);
	return &s->window[i];
}

static void in_order(
	struct smb *s, struct smb_conn *c, unsigned d, uint32_t seq, const uint8_t *p, uint32_t n)
{
	int32_t old = (int32_t)(c->dir[d].seq - seq);

	if (old < 0 || (uint32_t)old >= n)
		return; /* all of it was seen before */
	feed(s, c, d, p + old, n - (uint32_t)old);
}

/* delivers what has become next; with force also jumps to the lowest held segment */
static void drain(struct smb *s, struct smb_conn *c, unsigned d, bool force)
{
	struct smb_stream *t = &c->dir[d];

	while (t->window) {
		struct smb_window *w = &s->window[t->window - 1];
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
			missing(s, c, d, seq - t->seq);
			force = false;
		}
		w->seg[low] = w->seg[--w->n];
		if (!w->n)
			bh_smb_window_free(s, t); /* its bytes stay until the next one asks */
		in_order(s, c, d, seq, w->data + off, len);
	}
}

static bool hold(
	struct smb *s, struct smb_conn *c, unsigned d, uint32_t seq, const uint8_t *p, uint32_t n)
{
	struct smb_window *w;

	if (n > WINDOW_BYTES)
		return false;
	w = window_of(s, c, d);
	if (w->n == WINDOW_SEGS || w->used + n > WINDOW_BYTES)
		return false;
	memcpy(w->data + w->used, p, n);
	w->seg[w->n].seq = seq;
	w->seg[w->n].len = n;
	w->seg[w->n++].off = w->used;
	w->used += n;
	s->n.reordered++;
	return true;
}

void bh_smb_segment(struct smb *s, struct smb_conn *c, unsigned d)
{
	const struct bh_dissect_in *in = s->in;
	const struct bh_packet *k = in->pkt;
	struct smb_stream *t = &c->dir[d];
	uint32_t seq = k->tcp.seq + (k->tcp.flags & BH_TCP_SYN ? 1 : 0);
	uint32_t cut = k->payload_wire > in->len ? k->payload_wire - in->len : 0;

	if (!t->begun) {
		t->begun = true;
		t->phase = PH_LOST;
		t->shift = UINT64_MAX;
		t->seq = seq;
	}
	while ((int32_t)(seq - t->seq) > 0) {
		if (!cut && hold(s, c, d, seq, in->payload, in->len))
			return;
		if (t->window) {
			drain(s, c, d, true);
			continue;
		}
		missing(s, c, d, seq - t->seq);
	}
	in_order(s, c, d, seq, in->payload, in->len);
	if (cut && (int32_t)(seq + in->len - t->seq) == 0)
		missing(s, c, d, cut);
	drain(s, c, d, false);
}
