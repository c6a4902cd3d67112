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
	if (t->target_io) {
		bh_smb_first_add(s, t->target, t->target_off, p, n);
		t->target_off += n;
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
static uint32_t keep(struct smb_conn *c, unsigned d, const struct smb_head *h)
{
	const struct smb_msg *m;

	if (d == 0)
		return h->cmd == CMD_WRITE ? 64 + 48 : h->cmd == CMD_IOCTL ? 64 + 56 : HEAD_MAX;
	if (h->cmd != CMD_IOCTL)
		return h->cmd == CMD_READ ? 64 + 16 : 256;
	m = h->mid == NO_MSG ? NULL : bh_smb_msg_find(c, h->mid);
	return m && m->cmd == CMD_IOCTL && m->what ? HEAD_MAX : 64 + 48;
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
	t->want = (uint16_t)least(t->cmd_bytes, keep(c, d, &h));
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

/* SMB1: what of the data lies in the kept bytes is shown from there */
static void old_ready(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct smb_stream *t = &c->dir[d];
	uint64_t whole = (uint64_t)t->have + t->frame_left, end;
	struct smb_extent e;

	s->n.messages++;
	t->target = NO_REF;
	t->target_start = t->target_pipe = false;
	t->first_have = 0;
	e = bh_smb_old(s, c, d, c->head[d], t->have);
	if (e.off > whole || !bh_smb_handle(s, t->target))
		e.off = e.len = 0;
	end = least((uint64_t)e.off + e.len, whole);
	if (end > e.off && e.off < t->have)
		content(s, c, t, c->head[d] + e.off, least(end, t->have) - e.off);
	t->pad = e.off > t->have ? e.off - t->have : 0;
	t->data = end > t->have ? (uint32_t)(end - t->have) - t->pad : 0;
	t->rest = t->frame_left - t->pad - t->data;
	t->next = 0;
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
	if (p[0] == 0xff && !t->cmds) {
		if (t->have == 32)
			t->want = (uint16_t)least((uint64_t)t->frame_left + t->have, bh_smb_old_keep(d, p));
		if (t->want == t->have)
			old_ready(s, c, d);
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
		else if (t->target_io)
			bh_smb_first_add(s, t->target, t->target_off, NULL, k);
		t->target_off += k;
	}
	*left -= k;
	t->frame_left -= k;
	settle(s, t);
	return k;
}

static void feed(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct smb_stream *t = &c->dir[d];

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

	while (n && t->phase >= PH_PAD)
		n -= pass(s, c, t, NULL, n);
	c->gaps |= n > 0;
	if (n && (t->phase != PH_LOST || !t->untrusted))
		lose(s, t, true);
}

/* ---- order ---- */

struct in_order {
	struct smb *s;
	struct smb_conn *c;
};

static void bytes(void *ctx, unsigned d, const uint8_t *p, uint32_t n)
{
	const struct in_order *o = ctx;

	feed(o->s, o->c, d, p, n);
}

static void hole(void *ctx, unsigned d, uint32_t n)
{
	const struct in_order *o = ctx;

	missing(o->s, o->c, d, n);
}

void bh_smb_segment(struct smb *s, struct smb_conn *c, unsigned d)
{
	struct in_order o = {s, c};
	const struct bh_order_to to = {bytes, hole, &o};
	struct smb_stream *t = &c->dir[d];

	if (!t->order.begun) {
		t->phase = PH_LOST;
		t->shift = UINT64_MAX;
	}
	bh_order_packet(&s->order, (struct bh_order_dir *[]){&c->dir[0].order, &c->dir[1].order}, d, s->in, &to);
}
