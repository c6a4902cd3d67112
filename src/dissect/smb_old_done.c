/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of SMB1. A request taken as done without one has sure = false, and its block is the request's own. */
#include "smb_old.h"

#define CAP_EXTENDED_SECURITY 0x80000000u

static struct bh_bytes words(const struct old_block *b, size_t off)
{
	struct bh_bytes w = b->words;

	bh_skip(&w, off);
	return w;
}

static void done_negotiate(struct smb_conn *c, const struct old_head *h, const struct old_block *b)
{
	struct bh_bytes w = words(b, 19), key = b->bytes;
	uint32_t caps = bh_le32(&w);
	uint64_t v = bh_be64(&key);

	if (h->status || w.bad)
		return;
	c->dialect = 1;
	if (!(caps & CAP_EXTENDED_SECURITY) && !key.bad)
		c->challenge = v;
}

static void done_session(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, const struct old_block *b, bool sure)
{
	struct bh_bytes w = words(b, 4), blob = b->bytes;
	unsigned flags = sure && !h->status && bh_le16(&w) & 1 ? 1 : 0;

	if (sure && h->status == ST_MORE) {
		bh_smb_logon_more(bh_smb_session(c, h->uid), blob);
		return;
	}
	bh_smb_done_session(s, c, m->session, h->uid, h->status, flags, sure);
}

static void done_tree(struct smb *s, struct smb_conn *c, const struct old_head *h, const struct old_block *b, bool sure)
{
	bool pipe = sure && b->bytes.left >= 3 && memcmp(b->bytes.p, "IPC", 3) == 0;

	bh_smb_done_tree(s, c, h->key, h->uid, h->tid, h->status, pipe, sure);
}

static void done_open(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, const struct old_block *b, bool sure)
{
	struct smb_opened o = {.session = m->session, .status = h->status};
	struct bh_bytes w = words(b, 0);
	uint16_t fid;

	if (m->cmd == OLD_CREATE_X) {
		bh_skip(&w, 5);
		fid = bh_le16(&w);
		o.action = bh_le32(&w);
		bh_skip(&w, 32);
		o.attrs = bh_le32(&w);
		bh_skip(&w, 8);
		o.eof = bh_le64(&w);
	} else if (m->cmd == OLD_OPEN_X) {
		bh_skip(&w, 4);
		fid = bh_le16(&w);
		o.attrs = bh_le16(&w);
		bh_skip(&w, 4);
		o.eof = bh_le32(&w);
		bh_skip(&w, 6);
		o.action = bh_le16(&w) & 0xff;
	} else {
		fid = bh_le16(&w);
		o.action = 2; /* or emptied: it does not say */
	}
	o.bad = sure && !h->status && w.bad;
	o.fid = bh_smb_old_fid(c, fid);
	bh_smb_done_open(s, c, m, &o, sure);
}

static void done_read(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, const struct old_block *b,
	struct smb_extent *ext)
{
	struct bh_bytes w = words(b, m->cmd == OLD_READ_X ? 10 : 0);
	uint32_t len = bh_le16(&w), at = (uint32_t)(b->bytes.p - h->p) + 3;

	if (m->cmd == OLD_READ_X) {
		at = bh_le16(&w);
		len |= (uint32_t)bh_le16(&w) << 16;
	}
	if (h->status || w.bad)
		return;
	bh_smb_done_read(s, c, m, len);
	*ext = (struct smb_extent){at, len};
}

static void done_trans(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, const struct old_block *b,
	struct smb_extent *ext)
{
	struct bh_bytes w = words(b, 12);
	uint32_t len = bh_le16(&w), at = bh_le16(&w);

	if (h->status || w.bad)
		return;
	bh_smb_flows(s, c, &c->dir[1], m->h, 0);
	*ext = (struct smb_extent){at, len};
}

/* a path's own handle ends with the answer */
static void done_path(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, bool sure)
{
	bh_smb_done_set(s, c, m, h->status, sure);
	bh_smb_handle_drop(s, m->h);
}

void bh_smb_old_done(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, struct old_block *b, bool sure,
	struct smb_extent *ext)
{
	struct old_head as = *h;

	if (!sure)
		as.status = 0;
	h = &as;
	switch (m->cmd) {
	case OLD_NEGOTIATE:
		if (sure)
			done_negotiate(c, h, b);
		break;
	case OLD_SESSION_X:
		done_session(s, c, m, h, b, sure);
		break;
	case OLD_TREE_X:
		done_tree(s, c, h, b, sure);
		break;
	case OLD_LOGOFF_X:
		if (!h->status)
			bh_smb_close_all(s, c, m->session, 0, sure);
		break;
	case OLD_TREE_OFF:
		if (!h->status)
			bh_smb_close_all(s, c, 0, m->tree, sure);
		break;
	case OLD_CREATE_X:
	case OLD_OPEN_X:
	case OLD_CREATE:
		done_open(s, c, m, h, b, sure);
		break;
	case OLD_READ_X:
	case OLD_READ:
		if (sure)
			done_read(s, c, m, h, b, ext);
		break;
	case OLD_WRITE_X:
	case OLD_WRITE:
		bh_smb_done_write(s, c, m, h->status, sure);
		break;
	case OLD_CLOSE:
		if (!h->status)
			bh_smb_closed(s, c, m->h, sure);
		break;
	case OLD_TRANS:
		if (sure)
			done_trans(s, c, m, h, b, ext);
		break;
	case OLD_TRANS2:
		bh_smb_done_set(s, c, m, h->status, sure);
		if (m->start)
			bh_smb_handle_drop(s, m->h);
		break;
	case OLD_RENAME:
	case OLD_NT_RENAME:
	case OLD_DELETE:
		done_path(s, c, m, h, sure);
		break;
	}
}
