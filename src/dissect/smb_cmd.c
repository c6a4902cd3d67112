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

/* ---- requests ---- */

static struct smb_msg *msg_new(struct smb *s, struct smb_conn *c, const struct smb_head *h)
{
	return bh_smb_msg_new(s, c, h->mid, h->session, h->tree, (uint8_t)h->cmd);
}

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
	char text[128];

	path = part(h, off, len);
	bh_content_utf16(path.p, path.left, text, sizeof text, true);
	bh_smb_ask_tree(c, text, h->mid);
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
	bh_smb_flows(s, c, t, r, 1);
	t->target_start = off == 0;
	t->target_off = off;
}

static void ask_ioctl(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4);
	uint32_t code = bh_le32(&b);
	struct smb_ref r = NO_REF;
	struct smb_handle *e;

	if (code == FSCTL_INTERFACES)
		msg_new(s, c, h)->what = 1;
	if (code == FSCTL_PIPE_TRANSCEIVE)
		r = named(s, c, t, h, 64 + 8);
	e = bh_smb_handle(s, r);
	if (!e)
		return;
	if (!e->opened && !e->name[0] && h->tree)
		e->tree = h->tree;
	msg_new(s, c, h)->h = r;
	bh_smb_flows(s, c, t, r, 1);
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
	if (!bh_smb_ask_set(s, e, m, buf))
		bh_smb_msg_drop(c, m);
	else if (h->flags & SMB2_DFS)
		strip_components(e->want, sizeof e->want, 2);
}

static void ask_close(
	struct smb *s, struct smb_conn *c, struct smb_stream *t, const struct smb_head *h)
{
	struct smb_ref r = named(s, c, t, h, 64 + 8);

	if (bh_smb_handle(s, r))
		msg_new(s, c, h)->h = r;
}

/* ---- answers; of a request taken as done, sure is false and nothing is in them ---- */

static void done_create(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct smb_opened o = {.session = m->session, .status = h->status};
	struct bh_bytes b = at(h, 64 + 4);

	if (sure && !h->status) {
		o.action = bh_le32(&b);
		bh_skip(&b, 40);
		o.eof = bh_le64(&b);
		o.attrs = bh_le32(&b);
		bh_skip(&b, 12);
		o.fid = bh_le64(&b);
		o.bad = b.bad;
	}
	bh_smb_done_open(s, c, m, &o, sure);
}

static void done_session(
	struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_head *h, bool sure)
{
	struct bh_bytes b = at(h, 64 + 2);
	uint16_t flags = sure && !h->status ? bh_le16(&b) : 0;

	bh_smb_done_session(s, c, m->session, h->session, h->status, flags, sure);
}

static void done_tree(struct smb *s, struct smb_conn *c, const struct smb_head *h, bool sure)
{
	struct bh_bytes b = at(h, 64 + 2);

	bh_smb_done_tree(s, c, h->mid, h->session, h->tree, h->status, sure && bh_u8(&b) == 2, sure);
}

static void done_ioctl(struct smb *s, struct smb_conn *c, const struct smb_msg *m, const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 32);
	uint32_t off = bh_le32(&b), len = bh_le32(&b);

	if (!m->what)
		bh_smb_flows(s, c, &c->dir[1], m->h, 0);
	else if (!b.bad && (!h->status || h->status == ST_OVERFLOW))
		bh_smb_interfaces(s, c, part(h, off, len));
}

static uint32_t data_length(const struct smb_head *h)
{
	struct bh_bytes b = at(h, 64 + 4);

	return bh_le32(&b);
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
		if (sure && h->n >= 64 + 8)
			bh_smb_done_read(s, c, m, data_length(h));
		break;
	case CMD_IOCTL:
		if (sure)
			done_ioctl(s, c, m, h);
		break;
	case CMD_WRITE:
		bh_smb_done_write(s, c, m, h->status, sure);
		break;
	case CMD_SET_INFO:
		bh_smb_done_set(s, c, m, h->status, sure);
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
		m = c->answers || c->requests <= ONEWAY_AFTER ? NULL : bh_smb_msg_find(c, h->mid);
		if (!m)
			return;
		s->n.unanswered++;
		as.status = 0;
		done(s, c, m, &as, d);
		bh_smb_msg_drop(c, m);
		return;
	}
	if (h->cmd == CMD_NEGOTIATE && !h->status) {
		b = at(h, 64 + 4);
		c->dialect = bh_le16(&b);
	}
	m = bh_smb_msg_find(c, h->mid);
	if (!m || h->mid == NO_MSG || h->status == ST_PENDING || m->cmd != h->cmd)
		return;
	if (h->cmd == CMD_SESSION_SETUP && h->status == ST_MORE)
		more_session(c, h);
	else
		done(s, c, m, h, d);
	bh_smb_msg_drop(c, m);
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
