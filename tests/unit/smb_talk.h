/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMB2 messages by hand, and a rig that plays them to the dissector segment by segment. */
#ifndef BULKHEAD_TESTS_SMB_TALK_H
#define BULKHEAD_TESTS_SMB_TALK_H

#include <stdlib.h>

#include <bulkhead/dissect.h>

#define TALK_MSGS 64
#define TALK_BYTES (1u << 20)
#define RIG_EVENTS 256

extern const struct bh_dissector bh_dissector_smb;

/* ---- a conversation: messages with a direction, 0 = from the client ---- */
struct talk {
	struct {
		uint32_t off, len;
		uint8_t dir;
	} msg[TALK_MSGS];
	size_t n, len;
	size_t frame, cmd; /* being built */
	uint64_t mid, session;
	uint32_t tree;
	uint8_t b[TALK_BYTES];
};

static inline struct talk *talk_new(void)
{
	struct talk *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->session = 0x4400000001;
	t->tree = 5;
	return t;
}

static inline void le(struct talk *t, unsigned bytes, uint64_t v)
{
	for (; bytes; bytes--, v >>= 8)
		t->b[t->len++] = (uint8_t)v;
}

static inline void set_le(struct talk *t, size_t at, unsigned bytes, uint64_t v)
{
	for (; bytes; bytes--, v >>= 8)
		t->b[at++] = (uint8_t)v;
}

static inline void raw(struct talk *t, const void *p, size_t n)
{
	memcpy(t->b + t->len, p, n);
	t->len += n;
}

static inline void utf16(struct talk *t, const char *s)
{
	for (; *s; s++)
		le(t, 2, (uint8_t)*s);
}

static inline void frame_begin(struct talk *t, unsigned dir)
{
	t->frame = t->len;
	t->msg[t->n].off = (uint32_t)t->len;
	t->msg[t->n].dir = (uint8_t)dir;
	le(t, 4, 0);
	t->cmd = 0;
}

static inline void frame_end(struct talk *t)
{
	size_t n = t->len - t->frame - 4;

	t->b[t->frame + 1] = (uint8_t)(n >> 16);
	t->b[t->frame + 2] = (uint8_t)(n >> 8);
	t->b[t->frame + 3] = (uint8_t)n;
	t->msg[t->n].len = (uint32_t)(t->len - t->frame);
	t->n++;
}

/* A header; a second one in the same frame makes a compound. flags 1 = answer, 4 = related. */
static inline void command(
	struct talk *t, unsigned cmd, unsigned flags, uint32_t status, uint64_t mid)
{
	if (t->cmd) {
		while ((t->len - t->cmd) % 8)
			le(t, 1, 0);
		set_le(t, t->cmd + 20, 4, t->len - t->cmd);
	}
	t->cmd = t->len;
	raw(t, "\xfeSMB", 4);
	le(t, 2, 64);
	le(t, 2, 1);
	le(t, 4, status);
	le(t, 2, cmd);
	le(t, 2, 1);
	le(t, 4, flags);
	le(t, 4, 0);
	le(t, 8, mid);
	le(t, 4, 0);
	le(t, 4, t->tree);
	le(t, 8, t->session);
	le(t, 8, 0);
	le(t, 8, 0);
}

static inline void body_create(struct talk *t, const char *name, uint32_t access, uint32_t options)
{
	le(t, 2, 57);
	for (unsigned i = 0; i < 22; i++)
		le(t, 1, 0);
	le(t, 4, access);
	le(t, 8, 0);
	le(t, 4, 1);
	le(t, 4, options);
	le(t, 2, 120);
	le(t, 2, strlen(name) * 2);
	le(t, 8, 0);
	utf16(t, name);
}

static inline void body_created(struct talk *t, uint32_t action, uint64_t eof, uint64_t fid)
{
	le(t, 2, 89);
	le(t, 2, 0);
	le(t, 4, action);
	for (unsigned i = 0; i < 5; i++)
		le(t, 8, 0);
	le(t, 8, eof);
	le(t, 4, 0x20);
	le(t, 4, 0);
	le(t, 8, 1);
	le(t, 8, fid);
	le(t, 8, 0);
}

static inline void body_fid(struct talk *t, uint64_t fid)
{
	le(t, 8, fid == UINT64_MAX ? fid : 1);
	le(t, 8, fid);
}

static inline void body_write(struct talk *t, uint64_t fid, uint64_t off, const void *p, uint32_t n)
{
	le(t, 2, 49);
	le(t, 2, 112);
	le(t, 4, n);
	le(t, 8, off);
	body_fid(t, fid);
	le(t, 8, 0);
	le(t, 8, 0);
	raw(t, p, n);
}

static inline void body_close(struct talk *t, uint64_t fid)
{
	le(t, 2, 24);
	le(t, 6, 0);
	body_fid(t, fid);
}

static inline void body_set(struct talk *t, uint64_t fid, unsigned class, const void *p, uint32_t n)
{
	le(t, 2, 33);
	le(t, 1, 1);
	le(t, 1, class);
	le(t, 4, n);
	le(t, 2, 96);
	le(t, 6, 0);
	body_fid(t, fid);
	raw(t, p, n);
}

static inline void plain(struct talk *t, unsigned dir, unsigned cmd, uint32_t status, uint64_t mid)
{
	frame_begin(t, dir);
	command(t, cmd, dir, status, mid);
	le(t, 2, 4);
	le(t, 2, 0);
	le(t, 16, 0);
	frame_end(t);
}

static inline void say_negotiate(struct talk *t, unsigned dialect)
{
	plain(t, 0, 0, 0, t->mid);
	frame_begin(t, 1);
	command(t, 0, 1, 0, t->mid++);
	le(t, 2, 65);
	le(t, 2, 1);
	le(t, 2, dialect);
	le(t, 58, 0);
	frame_end(t);
}

static inline void say_login(
	struct talk *t, const char *domain, const char *user, uint32_t status, unsigned flags)
{
	size_t blob, d = strlen(domain) * 2, u = strlen(user) * 2;

	frame_begin(t, 0);
	command(t, 1, 0, 0, t->mid);
	le(t, 2, 25);
	le(t, 10, 0);
	le(t, 2, 88 + 6);
	le(t, 2, 88 + d + u);
	le(t, 8, 0);
	raw(t, "\xa1\x30\x30\x30\x04\x30", 6); /* as if inside SPNEGO */
	blob = t->len;
	raw(t, "NTLMSSP", 8);
	le(t, 4, 3);
	le(t, 16, 0);
	le(t, 2, d), le(t, 2, d), le(t, 4, 88);
	le(t, 2, u), le(t, 2, u), le(t, 4, 88 + d);
	le(t, 16, 0);
	le(t, 4, 1);
	while (t->len < blob + 88)
		le(t, 1, 0);
	utf16(t, domain);
	utf16(t, user);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 1, 1, status, t->mid++);
	le(t, 2, 9);
	le(t, 2, flags);
	le(t, 4, 0);
	frame_end(t);
}

/* the first SESSION_SETUP of a session, which has no number yet */
static inline void say_first(struct talk *t, const void *blob, uint32_t n)
{
	uint64_t session = t->session;

	frame_begin(t, 0);
	t->session = 0;
	command(t, 1, 0, 0, t->mid);
	le(t, 2, 25);
	le(t, 10, 0);
	le(t, 2, 88);
	le(t, 2, n);
	le(t, 8, 0);
	raw(t, blob, n);
	frame_end(t);
	t->session = session;
}

/* the server's challenge, and the session's number with it */
static inline void say_challenge(struct talk *t)
{
	say_first(t, "NTLMSSP\0\1\0\0\0\0\0\0", 16);
	frame_begin(t, 1);
	command(t, 1, 1, 0xc0000016, t->mid++);
	le(t, 2, 9);
	le(t, 2, 0);
	le(t, 2, 72);
	le(t, 2, 40);
	raw(t, "NTLMSSP\0\2\0\0\0", 12);
	le(t, 12, 0);
	raw(t, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	le(t, 8, 0);
	frame_end(t);
}

static inline void say_tree(struct talk *t, const char *unc, uint32_t tree, unsigned type)
{
	frame_begin(t, 0);
	t->tree = 0;
	command(t, 3, 0, 0, t->mid);
	le(t, 2, 9);
	le(t, 2, 0);
	le(t, 2, 72);
	le(t, 2, strlen(unc) * 2);
	utf16(t, unc);
	frame_end(t);
	t->tree = tree;
	frame_begin(t, 1);
	command(t, 3, 1, 0, t->mid++);
	le(t, 2, 16);
	le(t, 1, type);
	le(t, 13, 0);
	frame_end(t);
}

static inline void say_create(struct talk *t, const char *name, uint32_t access, uint32_t options,
	uint32_t action, uint64_t eof, uint64_t fid)
{
	frame_begin(t, 0);
	command(t, 5, 0, 0, t->mid);
	body_create(t, name, access, options);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 5, 1, 0, t->mid++);
	body_created(t, action, eof, fid);
	frame_end(t);
}

static inline void say_read(struct talk *t, uint64_t fid, uint64_t off, const void *p, uint32_t n)
{
	frame_begin(t, 0);
	command(t, 8, 0, 0, t->mid);
	le(t, 2, 49);
	le(t, 2, 0);
	le(t, 4, n);
	le(t, 8, off);
	body_fid(t, fid);
	le(t, 17, 0);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 8, 1, 0, t->mid++);
	le(t, 2, 17);
	le(t, 2, 80);
	le(t, 4, n);
	le(t, 8, 0);
	raw(t, p, n);
	frame_end(t);
}

static inline void say_write(
	struct talk *t, uint64_t fid, uint64_t off, const void *p, uint32_t n, uint32_t status)
{
	frame_begin(t, 0);
	command(t, 9, 0, 0, t->mid);
	body_write(t, fid, off, p, n);
	frame_end(t);
	plain(t, 1, 9, status, t->mid++);
}

static inline void say_set(
	struct talk *t, uint64_t fid, unsigned class, const void *p, uint32_t n, uint32_t status)
{
	frame_begin(t, 0);
	command(t, 0x11, 0, 0, t->mid);
	body_set(t, fid, class, p, n);
	frame_end(t);
	plain(t, 1, 0x11, status, t->mid++);
}

static inline void say_rename(struct talk *t, uint64_t fid, const char *to, uint32_t status)
{
	uint8_t b[20 + 512] = {0};
	size_t n = strlen(to) * 2;

	b[16] = (uint8_t)n;
	b[17] = (uint8_t)(n >> 8);
	for (size_t i = 0; i < n / 2; i++)
		b[20 + 2 * i] = (uint8_t)to[i];
	say_set(t, fid, 10, b, (uint32_t)(20 + n), status);
}

static inline void say_close(struct talk *t, uint64_t fid, uint32_t status)
{
	frame_begin(t, 0);
	command(t, 6, 0, 0, t->mid);
	body_close(t, fid);
	frame_end(t);
	plain(t, 1, 6, status, t->mid++);
}

/* bytes without pattern, the same every time */
static inline void noise(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		p[i] = (uint8_t)((seed * 0x2545f4914f6cdd1dull) >> 56);
	}
}

/* ---- the rig ---- */
struct rig {
	void *state;
	struct bh_event ev[RIG_EVENTS], proto, logon[8]; /* logon: told beside the facts of files */
	size_t n, logons;
	uint32_t seq[2];
	uint64_t pkts, flow;
	bool server_first; /* the flow's initiator is the server */
	bool whole;	   /* its handshake was seen */
};

static inline void rig_emit(void *ctx, const struct bh_event *ev)
{
	struct rig *r = ctx;

	if (ev->kind == BH_EV_LOGON) {
		if (r->logons < 8)
			r->logon[r->logons] = *ev;
		r->logons++;
		return;
	}
	if (r->n < RIG_EVENTS)
		r->ev[r->n] = *ev;
	r->n++;
}

static inline void rig_open(struct rig *r)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};

	memset(r, 0, sizeof *r);
	r->state = bh_dissector_smb.open(1);
	r->seq[0] = 0xffffff00u; /* wraps soon */
	r->seq[1] = 77;
	r->flow = 9;
	r->proto = (struct bh_event){.src = bh_addr_v4(client),
		.dst = bh_addr_v4(server),
		.sport = 50000,
		.dport = 445,
		.proto = 6,
		.flow_id = 9,
		.mac_src = {{2, 0, 0, 0, 0, 1}},
		.mac_dst = {{2, 0, 0, 0, 0, 2}}};
}

/* another connection of the same hosts, nothing told yet */
static inline void rig_again(struct rig *r)
{
	r->n = r->logons = 0;
	r->flow++;
	r->seq[0] = 0xffffff00u;
	r->seq[1] = 77;
}

static inline void rig_close(struct rig *r)
{
	bh_dissector_smb.close(r->state);
}

static inline void rig_done(struct rig *r, struct talk *t)
{
	rig_close(r);
	free(t);
}

/* wire > len: the capture cut the packet */
static inline void rig_segment(
	struct rig *r, unsigned dir, uint32_t seq, const uint8_t *p, size_t len, size_t wire)
{
	struct bh_event_sink sink = {rig_emit, r};
	struct bh_packet k = {.what = BH_WHAT_TCP,
		.payload = p,
		.payload_len = (uint32_t)len,
		.payload_wire = (uint32_t)wire,
		.tcp = {.seq = seq, .ack = r->seq[!dir], .flags = BH_TCP_ACK}};
	struct bh_event proto = r->proto;

	if (r->server_first) {
		proto.src = r->proto.dst;
		proto.dst = r->proto.src;
		proto.mac_src = r->proto.mac_dst;
		proto.mac_dst = r->proto.mac_src;
		proto.sport = r->proto.dport;
		proto.dport = r->proto.sport;
	}
	bh_dissector_smb.packet(r->state,
		&(struct bh_dissect_in){.pkt = &k,
			.pkt_no = ++r->pkts,
			.flow_id = r->flow,
			.flow_slot = 3,
			.dir = (uint8_t)(dir ^ r->server_first),
			.flags = r->whole ? BH_EVF_TWOWAY : 0,
			.payload = p,
			.len = (uint32_t)len,
			.proto = &proto},
		&sink);
}

static inline void rig_send(struct rig *r, unsigned dir, const uint8_t *p, size_t n)
{
	/* exact-size copy, so that a sanitizer sees a read past the segment */
	uint8_t *copy = malloc(n ? n : 1);

	memcpy(copy, p, n);
	rig_segment(r, dir, r->seq[dir], copy, n, n);
	r->seq[dir] += (uint32_t)n;
	free(copy);
}

/* every message in segments of at most mss bytes, from message first on */
static inline void rig_play(struct rig *r, const struct talk *t, size_t first, size_t mss)
{
	for (size_t m = first; m < t->n; m++)
		for (size_t at = 0; at < t->msg[m].len; at += mss)
			rig_send(r, t->msg[m].dir, t->b + t->msg[m].off + at,
				t->msg[m].len - at < mss ? t->msg[m].len - at : mss);
}

struct rig_count {
	const char *name;
	uint64_t v;
};
static inline void rig_counted(void *ctx, const char *name, uint64_t v)
{
	struct rig_count *c = ctx;

	if (!strcmp(c->name, name))
		c->v = v;
}
static inline uint64_t rig_counter(const struct rig *r, const char *name)
{
	struct rig_count c = {name, UINT64_MAX};

	bh_dissector_smb.counters(r->state, rig_counted, &c);
	return c.v;
}

/* the events of one kind; NULL = not that many */
static inline const struct bh_event *rig_nth(const struct rig *r, unsigned op, unsigned nth)
{
	for (size_t i = 0; i < r->n && i < RIG_EVENTS; i++)
		if (r->ev[i].kind == BH_EV_SMB && r->ev[i].u.smb.op == op && !nth--)
			return &r->ev[i];
	return NULL;
}

#endif
