/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SMB1: a header of 32 bytes, then a block of words and bytes for each command of a chain. Requests are remembered by process
 * and multiplex number and by their place in the chain. A command about a path gets a handle that lives until its answer.
 */
#include "smb_old.h"

#define FLAGS2_UNICODE 0x8000u
#define FLAGS2_NTSTATUS 0x4000u
#define MORE_DATA 0x80000005u /* STATUS_BUFFER_OVERFLOW */
#define DOS_MORE_DATA 0x00ea0001u
#define SET_FILE 8
#define SET_PATH 6
#define SESSION_SETUP2 0x0e
#define LEVEL_DISPOSITION 0x102
#define LEVEL_EOF 0x104
#define LEVEL_POSIX_UNLINK 0x20a
#define LEVEL_PASS 1000 /* + information class */

static bool chains(unsigned cmd)
{
	return cmd == OLD_OPEN_X || cmd == OLD_READ_X || cmd == OLD_WRITE_X || cmd == OLD_SESSION_X || cmd == OLD_LOGOFF_X ||
	       cmd == OLD_TREE_X || cmd == OLD_CREATE_X || cmd == 0x24;
}

uint32_t bh_smb_old_keep(unsigned d, const uint8_t *p)
{
	return p[4] == (d ? OLD_READ_X : OLD_WRITE_X) ? 80 : HEAD_MAX;
}

/* ---- pieces of a request ---- */

static struct bh_bytes words(const struct old_block *b, size_t off)
{
	struct bh_bytes w = b->words;

	bh_skip(&w, off);
	return w;
}

static struct bh_bytes part(const struct old_head *h, uint32_t off, uint32_t len)
{
	if (off < OLD_HEAD || off > h->n)
		return bh_bytes(h->p, 0);
	return bh_bytes(h->p + off, len < h->n - off ? len : h->n - off);
}

/* a string up to its NUL or the end of b; on an even place when it is Unicode */
static void string(const struct old_head *h, struct bh_bytes *b, char *out, size_t size, bool path)
{
	size_t n = 0;

	memset(out, 0, size);
	if (b->bad)
		return;
	if (h->unicode) {
		bh_skip(b, (size_t)(b->p - h->p) & (b->left > 0));
		while (n + 2 <= b->left && (b->p[n] || b->p[n + 1]))
			n += 2;
		bh_content_utf16(b->p, n, out, size, path);
		bh_skip(b, n + 2 <= b->left ? n + 2 : b->left);
		return;
	}
	for (; b->left && *b->p; bh_skip(b, 1)) {
		char c = *b->p < 0x20 || *b->p > 0x7e ? '?' : (char)*b->p;

		if (path && c == '\\')
			c = '/';
		if ((path && c == '/' && !n) || n + 1 >= size)
			continue;
		out[n++] = c;
	}
	bh_skip(b, b->left > 0);
}

static struct smb_msg *remember(struct smb *s, struct smb_conn *c, const struct old_head *h, unsigned cmd)
{
	struct smb_msg *m = bh_smb_msg_new(s, c, h->key, h->uid, h->tid, (uint8_t)cmd);

	m->dialect1 = true;
	return m;
}

static struct smb_handle *by_path(struct smb *s, struct smb_conn *c, const struct old_head *h, struct smb_ref *ret)
{
	struct smb_handle *e;

	*ret = bh_smb_handle_new(s, c, h->uid, 0, true);
	e = bh_smb_handle(s, *ret);
	e->tree = h->tid;
	return e;
}

static struct smb_handle *by_fid(struct smb *s, struct smb_conn *c, const struct old_head *h, uint16_t fid, struct smb_ref *ret)
{
	struct smb_handle *e;

	*ret = bh_smb_handle_find(s, c, h->uid, bh_smb_old_fid(c, fid));
	e = bh_smb_handle(s, *ret);
	if (!e->opened && !e->name[0])
		e->tree = h->tid;
	return e;
}

/* ---- requests ---- */

/* without extended security: passwords, then the account, then the domain */
static void ask_basic(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct smb_session *ses = bh_smb_session(c, h->uid);
	struct bh_bytes w = words(b, 14), pw;
	uint32_t lm = bh_le16(&w), nt = bh_le16(&w);
	char account[48], domain[16];
	struct bh_text t;

	bh_smb_logon_reset(ses);
	pw = b->bytes;
	bh_skip(&pw, nt >= 24 ? lm : 0);
	if ((nt >= 24 || lm == 24) && pw.left >= 16)
		ses->proof = bh_hash(pw.p, 16, 0) | 1;
	bh_skip(&b->bytes, lm + nt);
	string(h, &b->bytes, account, sizeof account, false);
	string(h, &b->bytes, domain, sizeof domain, false);
	t = bh_text(ses->user, sizeof ses->user);
	bh_put(&t, account[0] ? domain : "");
	bh_put(&t, account[0] && domain[0] ? "\\" : "");
	bh_put(&t, account);
	ses->challenge = nt > 24 ? c->challenge : 0; /* see ntlm.h */
	ses->mech = !account[0] ? BH_MECH_ANONYMOUS : ses->proof ? BH_MECH_NTLM : BH_MECH_PASSWORD;
	bh_smb_logon_tried(s, c, ses);
}

static void ask_session(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct bh_bytes w = words(b, 14);
	uint32_t len = bh_le16(&w);
	struct bh_bytes blob = b->bytes;

	remember(s, c, h, b->cmd);
	if (b->words.left == 24) {
		blob.left = len < blob.left ? len : blob.left;
		bh_smb_logon_ask(s, c, bh_smb_session(c, h->uid), blob);
	} else if (b->words.left == 26) {
		ask_basic(s, c, h, b);
	}
}

static void ask_tree(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct bh_bytes w = words(b, 6);
	char path[128];

	bh_skip(&b->bytes, bh_le16(&w));
	if (b->bytes.bad)
		return;
	string(h, &b->bytes, path, sizeof path, true);
	bh_smb_ask_tree(c, path, h->key);
	remember(s, c, h, b->cmd);
}

static void ask_open(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	uint32_t access = 0, options = 0, len = UINT32_MAX;
	struct bh_bytes w;
	struct smb_handle *e;
	struct smb_ref r;

	if (b->cmd == OLD_CREATE_X) {
		w = words(b, 5);
		len = bh_le16(&w);
		bh_skip(&w, 8);
		access = bh_le32(&w);
		bh_skip(&w, 20);
		options = bh_le32(&w);
	} else if (b->cmd == OLD_OPEN_X) {
		w = words(b, 6);
		access = (bh_le16(&w) & 3) != 0 ? ACCESS_CHANGES : 0;
	} else { /* CREATE: always to write; a format byte precedes the name */
		w = words(b, 0);
		access = ACCESS_CHANGES;
		bh_skip(&b->bytes, 1);
	}
	if (w.bad || b->bytes.bad) {
		s->n.malformed++;
		return;
	}
	e = by_path(s, c, h, &r);
	e->writes = (access & ACCESS_CHANGES) != 0;
	e->delete_on_close = (options & OPT_DELETE_ON_CLOSE) != 0;
	e->flags = options & OPT_DIRECTORY ? BH_SMB_F_DIR : 0;
	if (len < UINT32_MAX && h->unicode)
		bh_skip(&b->bytes, (size_t)(b->bytes.p - h->p) & (b->bytes.left > 0));
	if (len < b->bytes.left)
		b->bytes.left = len;
	string(h, &b->bytes, e->name, sizeof e->name, true);
	remember(s, c, h, b->cmd)->h = r;
}

static void ask_read(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct bh_bytes w = words(b, b->cmd == OLD_READ_X ? 4 : 0);
	uint16_t fid = bh_le16(&w);
	uint32_t len = b->cmd == OLD_READ ? bh_le16(&w) : 0, off = bh_le32(&w);
	struct smb_ref r;
	struct smb_msg *m;

	if (b->cmd == OLD_READ_X) {
		len = bh_le16(&w);
		bh_skip(&w, 2);
		len |= (bh_le32(&w) & 0xffff) << 16;
		if (len > 0xffff0000u) /* the high half was a time limit */
			len &= 0xffff;
		bh_skip(&w, 2);
		if (w.left >= 4)
			off |= bh_le32(&w); /* only whether it is zero matters */
	}
	if (w.bad)
		return;
	by_fid(s, c, h, fid, &r);
	m = remember(s, c, h, b->cmd);
	m->h = r;
	m->len = len;
	m->start = off == 0;
}

static void ask_write(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b, struct smb_extent *ext)
{
	bool x = b->cmd == OLD_WRITE_X;
	struct bh_bytes w = words(b, x ? 4 : 0);
	uint16_t fid = bh_le16(&w);
	uint32_t len = x ? 0 : bh_le16(&w);
	uint64_t off = bh_le32(&w);
	uint32_t at = (uint32_t)(b->bytes.p - h->p) + 3;
	struct smb_handle *e;
	struct smb_ref r;
	struct smb_msg *m;

	if (x) {
		bh_skip(&w, 8);
		len = (uint32_t)bh_le16(&w) << 16;
		len |= bh_le16(&w);
		at = bh_le16(&w);
		if (w.left >= 4)
			off |= (uint64_t)bh_le32(&w) << 32;
	}
	if (w.bad)
		return;
	e = by_fid(s, c, h, fid, &r);
	m = remember(s, c, h, b->cmd);
	m->h = r;
	m->len = len;
	m->start = off == 0;
	e->bytes[1] += len;
	bh_smb_flows(s, c, &c->dir[0], r, 1);
	c->dir[0].target_start = off == 0;
	c->dir[0].target_off = off;
	*ext = (struct smb_extent){at, len};
}

static void ask_close(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct bh_bytes w = words(b, 0);
	uint16_t fid = bh_le16(&w);
	struct smb_ref r;

	if (w.bad)
		return;
	by_fid(s, c, h, fid, &r);
	remember(s, c, h, b->cmd)->h = r;
}

/* RENAME, NT_RENAME and DELETE: each name after a format byte */
static void ask_path(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct smb_handle *e;
	struct smb_msg *m;
	struct smb_ref r;

	if (!bh_skip(&b->bytes, 1))
		return;
	e = by_path(s, c, h, &r);
	string(h, &b->bytes, e->name, sizeof e->name, true);
	m = remember(s, c, h, b->cmd);
	m->h = r;
	if (b->cmd == OLD_DELETE) {
		m->what = CLASS_DISPOSITION;
		m->flag = true;
		return;
	}
	m->what = CLASS_RENAME;
	if (bh_skip(&b->bytes, 1))
		string(h, &b->bytes, e->want, sizeof e->want, true);
}

struct trans {
	uint32_t params, params_off, data, data_off;
	uint16_t setup[2];
};

static bool trans(const struct old_block *b, struct trans *ret)
{
	struct bh_bytes w = words(b, 18);

	*ret = (struct trans){.params = bh_le16(&w)};
	ret->params_off = bh_le16(&w);
	ret->data = bh_le16(&w);
	ret->data_off = bh_le16(&w);
	bh_skip(&w, 2);
	ret->setup[0] = bh_le16(&w);
	ret->setup[1] = w.left >= 2 ? bh_le16(&w) : 0;
	return !w.bad;
}

/* A message that contradicts its protocol, and is nothing but an exploit. */
static void odd(struct smb *s, struct smb_conn *c, const char *what)
{
	struct bh_event ev;

	bh_smb_begin(s, c, &ev, BH_EV_SMB, c->answers);
	ev.u.smb.op = BH_SMB_ODD;
	ev.u.smb.dialect = 1;
	bh_strcpy(ev.u.smb.name, sizeof ev.u.smb.name, what);
	bh_smb_emit(s, &ev);
}

static void ask_trans(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b, struct smb_extent *ext)
{
	struct smb_msg *m = NULL;
	struct smb_ref r = NO_REF;
	struct trans t;

	if (b->cmd == OLD_TRANS_MORE) { /* the rest of what the request began */
		struct bh_bytes w = words(b, 10);

		m = bh_smb_msg_find(c, h->key);
		t.data = bh_le16(&w);
		t.data_off = bh_le16(&w);
		if (w.bad || !m || m->cmd != OLD_TRANS)
			return;
		r = m->h;
	} else {
		if (!trans(b, &t))
			return;
		/* what a patched server answers to this tells scanners and worms whether CVE-2017-0144 is open */
		if (t.setup[0] == TRANS_PEEK && t.setup[1] == 0 && !by_fid(s, c, h, 0, &r)->opened)
			odd(s, c, "a PeekNamedPipe of file 0, which is never open (asked: is MS17-010 missing)");
		if (t.setup[0] != TRANS_PIPE)
			return;
		by_fid(s, c, h, t.setup[1], &r);
		remember(s, c, h, b->cmd)->h = r;
	}
	bh_smb_flows(s, c, &c->dir[0], r, 1);
	*ext = (struct smb_extent){t.data_off, t.data};
}

static void ask_trans2(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b)
{
	struct bh_bytes params;
	struct smb_handle *e;
	struct smb_msg *m;
	struct smb_ref r;
	uint16_t fid = 0, level;
	struct trans t;

	c->nt_trans = 0;
	if (!trans(b, &t))
		return;
	if (t.setup[0] == SESSION_SETUP2) {
		odd(s, c, "a Trans2 SESSION_SETUP, which no client sends (a back door is asked for)");
		return;
	}
	if (t.setup[0] != SET_FILE && t.setup[0] != SET_PATH)
		return;
	params = part(h, t.params_off, t.params);
	if (t.setup[0] == SET_FILE)
		fid = bh_le16(&params);
	level = bh_le16(&params);
	bh_skip(&params, t.setup[0] == SET_FILE ? 2 : 4);
	if (params.bad)
		return;
	e = t.setup[0] == SET_FILE ? by_fid(s, c, h, fid, &r) : by_path(s, c, h, &r);
	if (t.setup[0] == SET_PATH)
		string(h, &params, e->name, sizeof e->name, true);
	m = remember(s, c, h, b->cmd);
	m->h = r;
	m->start = t.setup[0] == SET_PATH; /* the handle ends with the answer */
	m->what = level == LEVEL_DISPOSITION ? CLASS_DISPOSITION : level == LEVEL_EOF ? CLASS_EOF :
		level > LEVEL_PASS && level < LEVEL_PASS + 256 ? (uint8_t)(level - LEVEL_PASS) : 0;
	if (level == LEVEL_POSIX_UNLINK) {
		m->what = CLASS_DISPOSITION;
		m->flag = true;
	} else if (!bh_smb_ask_set(s, e, m, part(h, t.data_off, t.data))) {
		bh_smb_msg_drop(c, m);
		if (t.setup[0] == SET_PATH)
			bh_smb_handle_drop(s, r);
	}
}

static void ask(struct smb *s, struct smb_conn *c, const struct old_head *h, struct old_block *b, struct smb_extent *ext)
{
	switch (b->cmd) {
	case OLD_SESSION_X:
		ask_session(s, c, h, b);
		break;
	case OLD_TREE_X:
		ask_tree(s, c, h, b);
		break;
	case OLD_NEGOTIATE:
	case OLD_LOGOFF_X:
	case OLD_TREE_OFF:
		remember(s, c, h, b->cmd);
		break;
	case OLD_CREATE_X:
	case OLD_OPEN_X:
	case OLD_CREATE:
		ask_open(s, c, h, b);
		break;
	case OLD_READ_X:
	case OLD_READ:
		ask_read(s, c, h, b);
		break;
	case OLD_WRITE_X:
	case OLD_WRITE:
		ask_write(s, c, h, b, ext);
		break;
	case OLD_CLOSE:
		ask_close(s, c, h, b);
		break;
	case OLD_RENAME:
	case OLD_DELETE:
		ask_path(s, c, h, b);
		break;
	case OLD_NT_RENAME:
		ask_path(s, c, h, b);
		break;
	case OLD_TRANS:
	case OLD_TRANS_MORE:
		ask_trans(s, c, h, b, ext);
		break;
	case OLD_TRANS2:
		ask_trans2(s, c, h, b);
		break;
	case OLD_NT_TRANS:
		c->nt_trans = h->key;
		break;
	case OLD_TRANS2_MORE: /* its length field is half as wide as that of the transaction it claims to continue */
		if (c->nt_trans && c->nt_trans == h->key)
			odd(s, c, "an NT transaction continued as a Trans2 (CVE-2017-0144)");
		c->nt_trans = 0;
		break;
	}
}

/* ---- messages ---- */

static void command(struct smb *s, struct smb_conn *c, unsigned d, const struct old_head *h, struct old_block *b, struct smb_extent *ext)
{
	struct smb_msg *m;

	if (d == 0) {
		c->requests += c->requests < UINT32_MAX;
		ask(s, c, h, b, ext);
		m = c->answers || c->requests <= ONEWAY_AFTER ? NULL : bh_smb_msg_find(c, h->key);
		if (!m)
			return;
		s->n.unanswered++;
		bh_smb_old_done(s, c, m, h, b, false, ext);
		bh_smb_msg_drop(c, m);
		return;
	}
	m = bh_smb_msg_find(c, h->key);
	if (m && m->cmd == b->cmd) {
		bh_smb_old_done(s, c, m, h, b, true, ext);
		bh_smb_msg_drop(c, m);
	} else if (b->cmd == OLD_SESSION_X && h->status != ST_MORE && !c->told_smb1) { /* joined in the middle of a logon */
		bh_smb_fact_session(s, c, bh_smb_session(c, h->uid), h->status, true);
	}
	c->told_smb1 |= b->cmd == OLD_SESSION_X && h->status != ST_MORE;
}

/* the block at off; false = there is none */
static bool block(const uint8_t *p, size_t n, size_t off, uint8_t cmd, struct old_block *ret)
{
	struct bh_bytes b = bh_bytes(p, n);
	const uint8_t *w;
	size_t words;
	uint16_t bytes;

	bh_skip(&b, off);
	words = 2 * (size_t)bh_u8(&b);
	w = bh_take(&b, words);
	bytes = bh_le16(&b);
	if (b.bad)
		return false;
	*ret = (struct old_block){cmd, bh_bytes(w, words), bh_bytes(b.p, bytes < b.left ? bytes : b.left)};
	return true;
}

struct smb_extent bh_smb_old(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, size_t n)
{
	struct bh_bytes b = bh_bytes(p, n);
	struct old_head h = {.p = p, .n = n};
	struct smb_extent ext = {0, 0};
	uint16_t flags2, pid;
	uint32_t status;
	uint8_t cmd, flags;
	size_t off = OLD_HEAD;

	s->n.smb1++;
	bh_skip(&b, 4);
	cmd = bh_u8(&b);
	status = bh_le32(&b);
	flags = bh_u8(&b);
	flags2 = bh_le16(&b);
	bh_skip(&b, 12);
	h.tid = bh_le16(&b);
	pid = bh_le16(&b);
	h.uid = bh_le16(&b);
	h.key = 1ull << 63 | (uint64_t)pid << 16 | bh_le16(&b);
	h.unicode = (flags2 & FLAGS2_UNICODE) != 0;
	if (b.bad || (flags >> 7) != d) {
		s->n.malformed++;
		return ext;
	}
	if (status == MORE_DATA || (!(flags2 & FLAGS2_NTSTATUS) && status == DOS_MORE_DATA))
		status = 0;
	if (cmd != OLD_NEGOTIATE)
		c->dialect = 1;
	for (unsigned i = 0; i < OLD_CHAIN; i++, h.key += 1ull << 40) {
		struct old_block k;
		struct bh_bytes next;
		uint8_t then;
		uint16_t to;

		if (!block(p, n, off, cmd, &k))
			break;
		next = k.words;
		then = chains(cmd) && next.left >= 4 ? bh_u8(&next) : 0xff;
		bh_skip(&next, 1);
		to = then != 0xff ? bh_le16(&next) : 0;
		off = to > off ? to : 0; /* only forward */
		h.status = off ? 0 : status; /* the status is that of the last one */
		command(s, c, d, &h, &k, &ext);
		if (!off)
			break;
		cmd = then;
	}
	return ext;
}
