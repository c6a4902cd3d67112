/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands: a request is remembered under its message id, and what it asked for becomes a fact when
 * the answer says it was done. The name of a file waits in the handle its CREATE will have, so the
 * message table stays small.
 *
 * Where no answer is ever visible (a tap on one direction) the request has to do: after
 * ONEWAY_AFTER requests without one, each request is taken as done at once, and its facts are
 * untrusted.
 */
#include "smb.h"

#define ONEWAY_AFTER 16
#define NO_REF ((struct smb_ref){BH_POOL_NONE, 0})

/* FILE_WRITE_DATA, APPEND, DELETE, MAXIMUM_ALLOWED, GENERIC_ALL, GENERIC_WRITE */
#define ACCESS_CHANGES 0x52010006u
#define OPT_DIRECTORY 0x1u
#define OPT_DELETE_ON_CLOSE 0x1000u
#define CLASS_RENAME 10
#define CLASS_DISPOSITION 13
#define CLASS_EOF 20
#define CLASS_DISPOSITION_EX 64
#define CLASS_RENAME_EX 65

static struct bh_bytes at(const struct smb_head *h, size_t off)
{
	struct bh_bytes b = bh_bytes(h->p, h->n);

	bh_skip(&b, off);
	return b;
}

/* off and len as a command gives them, cut to what was kept */
static struct bh_bytes part(const struct smb_head *h, uint32_t off, uint32_t len)
{
	if (off < 64 || off > h->n)
		return bh_bytes(h->p, 0);
	return bh_bytes(h->p + off, len < h->n - off ? len : h->n - off);
}

/* ---- messages ---- */

static struct smb_msg *msg_find(struct smb_conn *c, uint64_t mid)
{
	for (unsigned i = 0; i < MSGS; i++)
		if (c->mid[i] == mid)
			return &c->msg[i];
	return NULL;
}

static struct smb_msg *msg_new(struct smb *s, struct smb_conn *c, const struct smb_head *h)
{
	struct smb_msg *m = msg_find(c, h->mid);
	unsigned i;

	if (!m)
		m = msg_find(c, NO_MSG);
	i = m ? (unsigned)(m - c->msg) : c->msg_next++ % MSGS;
	if (!m)
		s->n.evicted_messages++;
	m = &c->msg[i];
	c->mid[i] = h->mid;
	*m = (struct smb_msg){
		.session = h->session, .tree = h->tree, .cmd = (uint8_t)h->cmd, .h = NO_REF};
	return m;
}

static void msg_drop(struct smb_conn *c, struct smb_msg *m)
{
	c->mid[m - c->msg] = NO_MSG;
}

/* ---- requests ---- */

static void ask_session(struct smb *s, struct smb_conn *c, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 12);
	uint32_t off = bh_le16(&b), len = bh_le16(&b);

	msg_new(s, c, h);
	bh_smb_logon_ask(s, c, bh_smb_session(c, h->session), part(h, off, len));
}

static void more_session(struct smb_conn *c, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4);
	uint32_t off = bh_le16(&b), len = bh_le16(&b);

	bh_smb_logon_more(bh_smb_session(c, h->session), part(h, off, len));
}

static void ask_tree(struct smb *s, struct smb_conn *c, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4), path;
	uint32_t off = bh_le16(&b), len = bh_le16(&b);
	struct smb_tree *t = bh_smb_tree(c, 0, true);
	char text[128];
	const char *last;

	path = part(h, off, len);
	bh_content_utf16(path.p, path.left, text, sizeof text, true);
	last = strrchr(text, '/');
	bh_strcpy(t->share, sizeof t->share, last ? last + 1 : text);
	t->pending = true;
	t->mid = h->mid;
	msg_new(s, c, h);
}

static void strip_components(char *name, size_t size, unsigned n)
{
	char *p = name;

	while (n-- && (p = strchr(p, '/')))
		p++;
	if (!p)
		return;
	memmove(name, p, strlen(p) + 1);
	memset(name + strlen(name), 0, size - strlen(name));
}

static void ask_create(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 24), name;
	uint32_t access = bh_le32(&b), options, off, len;
	struct smb_handle *e;
	struct smb_ref r;

	bh_skip(&b, 12);
	options = bh_le32(&b);
	off = bh_le16(&b);
	len = bh_le16(&b);
	t->last = NO_REF;
	if (b.bad) {
		s->n.malformed++;
		return;
	}
	r = bh_smb_handle_new(s, c, h->session, 0, true);
	e = bh_smb_handle(s, r);
	e->tree = h->tree;
	e->writes = (access & ACCESS_CHANGES) != 0;
	e->delete_on_close = (options & OPT_DELETE_ON_CLOSE) != 0;
	e->flags = options & OPT_DIRECTORY ? BH_SMB_F_DIR : 0;
	name = part(h, off, len);
	bh_content_utf16(name.p, name.left, e->name, sizeof e->name, true);
	if (h->flags & SMB2_DFS)
		strip_components(e->name, sizeof e->name, 2);
	t->last = r;
	msg_new(s, c, h)->h = r;
}

/* the handle a command names at off: its own, or that of the command before it */
static struct smb_ref named(struct smb *s, struct smb_conn *c, struct smb_stream *t,
	const struct smb_head *h, size_t off)
{
	struct bh_bytes b = at(h, off);
	uint64_t persistent = bh_le64(&b), fid = bh_le64(&b);

	if (b.bad) {
		s->n.malformed++;
		return NO_REF;
	}
	if ((h->flags & SMB2_RELATED) && fid == UINT64_MAX && persistent == UINT64_MAX)
		return t->last;
	t->last = fid == UINT64_MAX ? NO_REF : bh_smb_handle_find(s, c, h->session, fid);
	return t->last;
}

/* The data that follows belongs to this handle. */
static void flows(struct smb *s, struct smb_conn *c, struct smb_stream *t, struct smb_ref r, unsigned io)
{
	const struct smb_handle *e = bh_smb_handle(s, r);
	const struct smb_tree *tree = bh_smb_tree(c, e->tree, false);

	t->target = r;
	t->target_io = (uint8_t)io;
	t->target_pipe = tree ? tree->pipe : e->pipe == PIPE_RPC || (e->pipe == PIPE_UNKNOWN && io);
	if (t->target_pipe)
		bh_smb_pipe_begin(s, r, io);
}

static void ask_io(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4);
	uint32_t len = bh_le32(&b);
	uint64_t off = bh_le64(&b);
	struct smb_ref r = named(s, c, t, h, 64 + 16);
	struct smb_handle *e = bh_smb_handle(s, r);
	struct smb_msg *m;

	if (!e)
		return;
	if (!e->opened && !e->name[0] && h->tree)
		e->tree = h->tree;
	m = msg_new(s, c, h);
	m->h = r;
	m->len = len;
	m->start = off == 0;
	if (h->cmd != CMD_WRITE)
		return;
	e->bytes[1] += len;
	flows(s, c, t, r, 1);
	t->target_start = off == 0;
}

static void ask_ioctl(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4);
	struct smb_ref r = NO_REF;
	struct smb_handle *e;

	if (bh_le32(&b) == FSCTL_PIPE_TRANSCEIVE)
		r = named(s, c, t, h, 64 + 8);
	e = bh_smb_handle(s, r);
	if (!e)
		return;
	if (!e->opened && !e->name[0] && h->tree)
		e->tree = h->tree;
	msg_new(s, c, h)->h = r;
	flows(s, c, t, r, 1);
}

static void ask_set(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 2), buf;
	uint8_t type = bh_u8(&b), class = bh_u8(&b);
	uint32_t len = bh_le32(&b), off = bh_le16(&b);
	struct smb_ref r = named(s, c, t, h, 64 + 16);
	struct smb_handle *e = bh_smb_handle(s, r);
	struct smb_msg *m;

	if (!e || type != 1)
		return;
	buf = part(h, off, len);
	m = msg_new(s, c, h);
	m->h = r;
	m->what = class;
	switch (class) {
	case CLASS_RENAME:
	case CLASS_RENAME_EX:
		bh_skip(&buf, 16);
		len = bh_le32(&buf);
		if (!buf.bad)
			bh_content_utf16(buf.p, len < buf.left ? len : buf.left, e->want,
				sizeof e->want, true);
		if (h->flags & SMB2_DFS)
			strip_components(e->want, sizeof e->want, 2);
		break;
	case CLASS_DISPOSITION:
	case CLASS_DISPOSITION_EX:
		m->flag = bh_u8(&buf) & 1;
		break;
	case CLASS_EOF:
		m->eof = bh_le64(&buf);
		break;
	default:
		msg_drop(c, m);
	}
	s->n.malformed += buf.bad;
	if (buf.bad)
		msg_drop(c, m);
}

static void ask_close(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct smb_ref r = named(s, c, t, h, 64 + 8);

	if (bh_smb_handle(s, r))
		msg_new(s, c, h)->h = r;
}

/* ---- answers: b is empty for a request taken as done ---- */

static void done_create(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);
	struct bh_bytes b;
	uint32_t action, attrs;
	uint64_t fid;

	if (!e)
		return;
	if (h->status) {
		bh_smb_handle_drop(s, m->h);
		return;
	}
	e->opened = true;
	if (sure) {
		b = at(h, 64 + 4);
		action = bh_le32(&b);
		bh_skip(&b, 40);
		e->found = bh_le64(&b);
		attrs = bh_le32(&b);
		bh_skip(&b, 12);
		fid = bh_le64(&b);
		if (b.bad) {
			s->n.malformed++;
			bh_smb_handle_drop(s, m->h);
			return;
		}
		e->flags = (uint8_t)((action == 2 ? BH_SMB_F_CREATED : BH_SMB_F_EXISTED) |
				     (attrs & 0x10 ? BH_SMB_F_DIR : 0));
		bh_smb_handle_known(s, c, m->h, m->session, fid);
	}
	if (e->writes || (e->flags & BH_SMB_F_CREATED))
		bh_smb_fact(s, c, e, BH_SMB_OPEN, sure);
}

static void done_read(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);
	struct bh_bytes b = at(h, 64 + 4);
	uint32_t len = bh_le32(&b);

	if (!e || !sure || b.bad)
		return;
	e->bytes[0] += len < m->len ? len : m->len;
	flows(s, c, &c->dir[1], m->h, 0);
	c->dir[1].target_start = m->start;
}

static void done_write(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e)
		return;
	if (h->status) {
		e->bytes[1] -= m->len < e->bytes[1] ? m->len : e->bytes[1];
		return;
	}
	if (e->bytes[1] < 65536 || e->told_write)
		return;
	e->told_write = true;
	bh_smb_fact(s, c, e, BH_SMB_WRITE, sure);
}

static void done_set(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e || h->status)
		return;
	switch (m->what) {
	case CLASS_RENAME:
	case CLASS_RENAME_EX:
		if (!e->want[0])
			return;
		bh_smb_fact(s, c, e, BH_SMB_RENAME, sure);
		memcpy(e->now, e->want, sizeof e->now);
		break;
	case CLASS_DISPOSITION:
	case CLASS_DISPOSITION_EX:
		if (m->flag && !e->told_delete)
			bh_smb_fact(s, c, e, BH_SMB_DELETE, sure);
		e->told_delete = m->flag;
		break;
	case CLASS_EOF:
		if (e->opened && m->eof < e->found)
			bh_smb_fact(s, c, e, BH_SMB_TRUNCATE, sure);
		break;
	}
}

static void done_session(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct bh_bytes b = at(h, 64 + 2);
	uint16_t flags = sure && !h->status ? bh_le16(&b) : 0;
	struct smb_session *ses = bh_smb_session(c, h->session), *zero = m->session ? NULL : bh_smb_session(c, 0);

	if (zero && zero != ses && !ses->mech) { /* all in one round: the request had no number yet */
		uint32_t used = ses->used;

		*ses = *zero;
		ses->id = h->session;
		ses->used = used;
		zero->used = 0;
	}
	ses->flags =
		(uint8_t)((flags & 3 ? BH_SMB_F_GUEST : 0) | (flags & 4 ? BH_SMB_F_ENCRYPTED : 0));
	ses->told_encrypted = (flags & 4) != 0;
	bh_smb_fact_session(s, c, ses, h->status, sure);
	if (sure)
		bh_smb_logon_done(s, c, ses, h->status, (flags & 2) != 0);
	if (h->status)
		ses->used = 0; /* no session came of it */
}

static void done_tree(struct smb *s, struct smb_conn *c, const struct smb_head *h, bool sure)
{
	struct bh_bytes b = at(h, 64 + 2);
	struct smb_tree *t = NULL, *old = NULL;

	for (unsigned i = 0; i < TREES; i++) {
		if (c->tree[i].used && c->tree[i].pending && c->tree[i].mid == h->mid)
			t = &c->tree[i];
		else if (c->tree[i].used && !c->tree[i].pending && c->tree[i].id == h->tree)
			old = &c->tree[i];
	}
	if (!t)
		return;
	if (h->status) {
		t->used = 0;
		return;
	}
	if (old)
		old->used = 0;
	t->pending = false;
	t->id = h->tree;
	t->pipe = (sure && bh_u8(&b) == 2) || strcasecmp(t->share, "IPC$") == 0;
	bh_smb_fact_tree(s, c, h->session, h->tree, sure);
}

static void done(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, unsigned d)
{
	bool sure = d == 1;

	switch (m->cmd) {
	case CMD_SESSION_SETUP:
		done_session(s, c, m, h, sure);
		break;
	case CMD_LOGOFF:
		if (!h->status)
			bh_smb_close_all(s, c, m->session, 0, sure);
		break;
	case CMD_TREE_CONNECT:
		done_tree(s, c, h, sure);
		break;
	case CMD_TREE_DISCONNECT:
		if (!h->status)
			bh_smb_close_all(s, c, m->session, m->tree, sure);
		break;
	case CMD_CREATE:
		done_create(s, c, m, h, sure);
		break;
	case CMD_CLOSE:
		if (!h->status)
			bh_smb_closed(s, c, m->h, sure);
		break;
	case CMD_READ:
		done_read(s, c, m, h, sure);
		break;
	case CMD_IOCTL:
		if (sure && bh_smb_handle(s, m->h))
			flows(s, c, &c->dir[1], m->h, 0);
		break;
	case CMD_WRITE:
		done_write(s, c, m, h, sure);
		break;
	case CMD_SET_INFO:
		done_set(s, c, m, h, sure);
		break;
	}
}

/* ---- entry points ---- */

static void ask(struct smb *s, struct smb_conn *c, const struct smb_head *h)
{
	struct smb_stream *t = &c->dir[0];

	switch (h->cmd) {
	case CMD_SESSION_SETUP:
		ask_session(s, c, h);
		break;
	case CMD_TREE_CONNECT:
		ask_tree(s, c, h);
		break;
	case CMD_LOGOFF:
	case CMD_TREE_DISCONNECT:
		msg_new(s, c, h);
		break;
	case CMD_CREATE:
		ask_create(s, c, t, h);
		break;
	case CMD_READ:
	case CMD_WRITE:
		ask_io(s, c, t, h);
		break;
	case CMD_IOCTL:
		ask_ioctl(s, c, t, h);
		break;
	case CMD_SET_INFO:
		ask_set(s, c, t, h);
		break;
	case CMD_CLOSE:
		ask_close(s, c, t, h);
		break;
	default:
		if (!(h->flags & SMB2_RELATED))
			t->last = NO_REF;
	}
}

void bh_smb_command(struct smb *s, struct smb_conn *c, unsigned d, const struct smb_head *h)
{
	struct smb_head as = *h;
	struct smb_msg *m;
	struct bh_bytes b;

	if (((h->flags & SMB2_RESPONSE) != 0) != (d == 1)) {
		s->n.malformed++;
		return;
	}
	if (d == 0) {
		if (h->mid == NO_MSG)
			return;
		/* in a compound a related command may leave these two to the first one */
		if ((h->flags & SMB2_RELATED) &&
			(h->session == UINT64_MAX || h->tree == UINT32_MAX)) {
			struct smb_handle *e = bh_smb_handle(s, c->dir[0].last);

			as.session = e && h->session == UINT64_MAX ? e->session : h->session;
			as.tree = e && h->tree == UINT32_MAX ? e->tree : h->tree;
		}
		c->requests += c->requests < UINT32_MAX;
		ask(s, c, &as);
		m = c->answers || c->requests <= ONEWAY_AFTER ? NULL : msg_find(c, h->mid);
		if (!m)
			return;
		s->n.unanswered++;
		as.status = 0;
		done(s, c, m, &as, d);
		msg_drop(c, m);
		return;
	}
	if (h->cmd == CMD_NEGOTIATE && !h->status) {
		b = at(h, 64 + 4);
		c->dialect = bh_le16(&b);
	}
	m = msg_find(c, h->mid);
	if (!m || h->mid == NO_MSG || h->status == ST_PENDING || m->cmd != h->cmd)
		return;
	if (h->cmd == CMD_SESSION_SETUP && h->status == ST_MORE)
		more_session(c, h);
	else
		done(s, c, m, h, d);
	msg_drop(c, m);
}

void bh_smb_transform(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, size_t n)
{
	struct bh_bytes b = bh_bytes(p, n);
	struct smb_session *ses;
	uint32_t size;

	s->n.encrypted++;
	bh_skip(&b, 36);
	size = bh_le32(&b);
	bh_skip(&b, 4);
	ses = bh_smb_session(c, bh_le64(&b));
	if (b.bad)
		return;
	if (!ses->told_encrypted) {
		ses->told_encrypted = true;
		ses->flags |= BH_SMB_F_ENCRYPTED;
		bh_smb_fact_session(s, c, ses, 0, c->answers);
	}
	bh_smb_size(s, c, d, ses->id, size);
}

void bh_smb_old(struct smb *s, struct smb_conn *c, const uint8_t *p, size_t n)
{
	struct bh_bytes b = bh_bytes(p, n);
	uint32_t status;
	uint8_t cmd, flags;

	s->n.smb1++;
	bh_skip(&b, 4);
	cmd = bh_u8(&b);
	status = bh_le32(&b);
	flags = bh_u8(&b);
	if (b.bad || cmd != 0x73 || !(flags & 0x80) || status == ST_MORE || c->told_smb1)
		return;
	c->told_smb1 = true;
	c->dialect = 1;
	bh_smb_fact_session(s, c, bh_smb_session(c, 0), status, true);
}
