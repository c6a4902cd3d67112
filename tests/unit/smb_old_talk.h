/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMB1 messages by hand, into a talk of smb_talk.h. */
#ifndef BULKHEAD_TESTS_SMB_OLD_TALK_H
#define BULKHEAD_TESTS_SMB_OLD_TALK_H

#include "smb_talk.h"

#define OLD_TID 7
#define OLD_UID 100

struct old {
	struct talk *t;
	uint16_t mid, uid;
	size_t block, bytes; /* of the block being built: its word count, its byte count */
};

static inline void old_begin(struct old *o, unsigned d, unsigned cmd, uint32_t status)
{
	struct talk *t = o->t;

	frame_begin(t, d);
	raw(t, "\xffSMB", 4);
	le(t, 1, cmd);
	le(t, 4, status);
	le(t, 1, d ? 0x88 : 0x08);
	le(t, 2, 0xc801);
	le(t, 12, 0);
	le(t, 2, OLD_TID);
	le(t, 2, 0xfeff);
	le(t, 2, o->uid);
	le(t, 2, o->mid);
}

static inline void old_words(struct old *o)
{
	o->block = o->t->len;
	le(o->t, 1, 0);
}

static inline void old_andx(struct old *o)
{
	old_words(o);
	le(o->t, 4, 0xff);
}

static inline void old_bytes(struct old *o)
{
	o->t->b[o->block] = (uint8_t)((o->t->len - o->block - 1) / 2);
	o->bytes = o->t->len;
	le(o->t, 2, 0);
}

static inline void old_block_end(struct old *o)
{
	set_le(o->t, o->bytes, 2, o->t->len - o->bytes - 2);
}

/* another command in the same message */
static inline void old_chain(struct old *o, unsigned cmd)
{
	old_block_end(o);
	o->t->b[o->block + 1] = (uint8_t)cmd;
	set_le(o->t, o->block + 3, 2, o->t->len - o->t->frame - 4);
}

static inline void old_end(struct old *o)
{
	old_block_end(o);
	frame_end(o->t);
}

static inline void old_even(struct old *o)
{
	if ((o->t->len - o->t->frame) & 1)
		le(o->t, 1, 0);
}

static inline void old_text(struct old *o, const char *s)
{
	old_even(o);
	utf16(o->t, s);
	le(o->t, 2, 0);
}

static inline void old_plain(struct old *o, unsigned cmd, uint32_t status)
{
	old_begin(o, 1, cmd, status);
	old_andx(o);
	old_bytes(o);
	old_end(o);
	o->mid++;
}

static inline void old_negotiate(struct old *o, bool extended)
{
	old_begin(o, 0, 0x72, 0);
	old_words(o);
	old_bytes(o);
	raw(o->t, "\2NT LM 0.12", 12);
	old_end(o);
	old_begin(o, 1, 0x72, 0);
	old_words(o);
	le(o->t, 19, 0);
	le(o->t, 4, extended ? 0x80000000u : 0);
	le(o->t, 11, 0);
	o->t->b[o->t->len - 1] = 8;
	old_bytes(o);
	raw(o->t, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
	old_end(o);
	o->mid++;
}

static inline void old_tree_request(struct old *o, const char *path)
{
	old_andx(o);
	le(o->t, 2, 0);
	le(o->t, 2, 1);
	old_bytes(o);
	le(o->t, 1, 0);
	old_text(o, path);
	raw(o->t, "?????", 6);
}

static inline void old_tree_answer(struct old *o, const char *service)
{
	old_andx(o);
	le(o->t, 2, 0);
	old_bytes(o);
	raw(o->t, service, strlen(service) + 1);
}

static inline void old_tree(struct old *o, const char *path, const char *service)
{
	old_begin(o, 0, 0x75, 0);
	old_tree_request(o, path);
	old_end(o);
	old_begin(o, 1, 0x75, 0);
	old_tree_answer(o, service);
	old_end(o);
	o->mid++;
}

/* basic security: a response of 24 bytes, account, domain */
static inline void old_logon_request(struct old *o, const char *account, const char *domain)
{
	old_andx(o);
	le(o->t, 10, 0);
	le(o->t, 2, 0);
	le(o->t, 2, 24);
	le(o->t, 8, 0);
	old_bytes(o);
	raw(o->t, "rrrrrrrrrrrrrrrrrrrrrrrr", 24);
	old_text(o, account);
	old_text(o, domain);
	old_text(o, "Unix");
}

static inline void old_logon_answer(struct old *o)
{
	old_andx(o);
	le(o->t, 2, 0);
	old_bytes(o);
	old_text(o, "Unix");
}

static inline void old_logon(struct old *o, const char *account, const char *domain, uint32_t status)
{
	o->uid = 0;
	old_begin(o, 0, 0x73, 0);
	old_logon_request(o, account, domain);
	old_end(o);
	o->uid = status ? 0 : OLD_UID;
	old_begin(o, 1, 0x73, status);
	old_logon_answer(o);
	old_end(o);
	o->mid++;
}

static inline void old_create(struct old *o, const char *name, uint32_t access, uint32_t action, uint64_t eof, uint16_t fid)
{
	old_begin(o, 0, 0xa2, 0);
	old_andx(o);
	le(o->t, 1, 0);
	le(o->t, 2, strlen(name) * 2);
	le(o->t, 8, 0);
	le(o->t, 4, access);
	le(o->t, 16, 0);
	le(o->t, 4, 1);
	le(o->t, 9, 0);
	old_bytes(o);
	old_text(o, name);
	old_end(o);
	old_begin(o, 1, 0xa2, 0);
	old_andx(o);
	le(o->t, 1, 0);
	le(o->t, 2, fid);
	le(o->t, 4, action);
	le(o->t, 32, 0);
	le(o->t, 4, 0x20);
	le(o->t, 8, eof);
	le(o->t, 8, eof);
	le(o->t, 5, 0);
	old_bytes(o);
	old_end(o);
	o->mid++;
}

static inline void old_write(struct old *o, uint16_t fid, uint32_t off, const void *p, uint32_t n, uint32_t status)
{
	size_t at;

	old_begin(o, 0, 0x2f, 0);
	old_andx(o);
	le(o->t, 2, fid);
	le(o->t, 4, off);
	le(o->t, 8, 0);
	le(o->t, 2, n >> 16);
	le(o->t, 2, n & 0xffff);
	at = o->t->len;
	le(o->t, 2, 0);
	le(o->t, 4, 0);
	old_bytes(o);
	le(o->t, 1, 0);
	set_le(o->t, at, 2, o->t->len - o->t->frame - 4);
	raw(o->t, p, n);
	old_end(o);
	old_plain(o, 0x2f, status);
}

static inline void old_read(struct old *o, uint16_t fid, uint32_t off, const void *p, uint32_t n)
{
	size_t at;

	old_begin(o, 0, 0x2e, 0);
	old_andx(o);
	le(o->t, 2, fid);
	le(o->t, 4, off);
	le(o->t, 2, n & 0xffff);
	le(o->t, 2, 0);
	le(o->t, 4, n >> 16);
	le(o->t, 2, 0);
	le(o->t, 4, 0);
	old_bytes(o);
	old_end(o);
	old_begin(o, 1, 0x2e, 0);
	old_andx(o);
	le(o->t, 6, 0);
	le(o->t, 2, n & 0xffff);
	at = o->t->len;
	le(o->t, 2, 0);
	le(o->t, 4, n >> 16);
	le(o->t, 6, 0);
	old_bytes(o);
	le(o->t, 1, 0);
	set_le(o->t, at, 2, o->t->len - o->t->frame - 4);
	raw(o->t, p, n);
	old_end(o);
	o->mid++;
}

static inline void old_close(struct old *o, uint16_t fid)
{
	old_begin(o, 0, 4, 0);
	old_words(o);
	le(o->t, 2, fid);
	le(o->t, 4, 0);
	old_bytes(o);
	old_end(o);
	old_plain(o, 4, 0);
}

/* RENAME 7, or DELETE 6 with to NULL */
static inline void old_path(struct old *o, const char *name, const char *to, uint32_t status)
{
	old_begin(o, 0, to ? 7 : 6, 0);
	old_words(o);
	le(o->t, 2, 0);
	old_bytes(o);
	le(o->t, 1, 4);
	old_text(o, name);
	if (to) {
		le(o->t, 1, 4);
		old_text(o, to);
	}
	old_end(o);
	old_plain(o, to ? 7 : 6, status);
}

/* TRANS and TRANS2 requests: setup words, parameters, data */
static inline void old_trans(struct old *o, unsigned cmd, unsigned n_setup, uint16_t s0, uint16_t s1, const void *params, uint32_t np,
	const void *data, uint32_t nd)
{
	size_t at;

	old_begin(o, 0, cmd, 0);
	old_words(o);
	le(o->t, 2, np);
	le(o->t, 2, nd);
	le(o->t, 14, 0);
	le(o->t, 2, np);
	at = o->t->len;
	le(o->t, 2, 0);
	le(o->t, 2, nd);
	le(o->t, 2, 0);
	le(o->t, 2, n_setup);
	le(o->t, 2, s0);
	if (n_setup > 1)
		le(o->t, 2, s1);
	old_bytes(o);
	le(o->t, 1, 0);
	if (cmd == 0x25)
		old_text(o, "\\PIPE\\");
	set_le(o->t, at, 2, o->t->len - o->t->frame - 4);
	raw(o->t, params, np);
	set_le(o->t, at + 4, 2, o->t->len - o->t->frame - 4);
	raw(o->t, data, nd);
	old_end(o);
}

static inline void old_trans_answer(struct old *o, unsigned cmd, const void *data, uint32_t nd)
{
	size_t at;

	old_begin(o, 1, cmd, 0);
	old_words(o);
	le(o->t, 2, 0);
	le(o->t, 2, nd);
	le(o->t, 8, 0);
	le(o->t, 2, nd);
	at = o->t->len;
	le(o->t, 2, 0);
	le(o->t, 4, 0);
	old_bytes(o);
	le(o->t, 1, 0);
	set_le(o->t, at, 2, o->t->len - o->t->frame - 4);
	raw(o->t, data, nd);
	old_end(o);
	o->mid++;
}

#endif
