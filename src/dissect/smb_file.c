/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests and their answers do to handles, trees and sessions, the same for both generations of the protocol. */
#include "smb.h"

/* ---- messages ---- */

struct smb_msg *bh_smb_msg_find(struct smb_conn *c, uint64_t mid)
{
	for (unsigned i = 0; i < MSGS; i++)
		if (c->mid[i] == mid)
			return &c->msg[i];
	return NULL;
}

struct smb_msg *bh_smb_msg_new(struct smb *s, struct smb_conn *c, uint64_t mid, uint64_t session, uint32_t tree, uint8_t cmd)
{
	struct smb_msg *m = bh_smb_msg_find(c, mid);
	unsigned i;

	if (!m)
		m = bh_smb_msg_find(c, NO_MSG);
	i = m ? (unsigned)(m - c->msg) : c->msg_next++ % MSGS;
	if (!m)
		s->n.evicted_messages++;
	m = &c->msg[i];
	c->mid[i] = mid;
	*m = (struct smb_msg){.session = session, .tree = tree, .cmd = cmd, .h = NO_REF};
	return m;
}

void bh_smb_msg_drop(struct smb_conn *c, struct smb_msg *m)
{
	c->mid[m - c->msg] = NO_MSG;
}

void bh_smb_flows(struct smb *s, struct smb_conn *c, struct smb_stream *t, struct smb_ref r, unsigned io)
{
	const struct smb_handle *e = bh_smb_handle(s, r);
	const struct smb_tree *tree = e ? bh_smb_tree(c, e->tree, false) : NULL;

	if (!e)
		return;
	t->target = r;
	t->target_io = (uint8_t)io;
	t->target_off = FIRST_BYTES;
	t->target_pipe = tree ? tree->pipe : e->pipe == PIPE_RPC || (e->pipe == PIPE_UNKNOWN && io);
	if (t->target_pipe)
		bh_smb_pipe_begin(s, r, io);
}

/* ---- requests ---- */

void bh_smb_ask_tree(struct smb_conn *c, const char *path, uint64_t mid)
{
	struct smb_tree *t = bh_smb_tree(c, 0, true);
	const char *last = strrchr(path, '/');

	bh_strcpy(t->share, sizeof t->share, last ? last + 1 : path);
	t->pending = true;
	t->mid = mid;
}

bool bh_smb_ask_set(struct smb *s, struct smb_handle *e, struct smb_msg *m, struct bh_bytes buf)
{
	uint32_t len;

	switch (m->what) {
	case CLASS_RENAME:
	case CLASS_RENAME_EX:
		bh_skip(&buf, m->dialect1 ? 8 : 16);
		len = bh_le32(&buf);
		if (!buf.bad)
			bh_content_utf16(buf.p, len < buf.left ? len : buf.left, e->want, sizeof e->want, true);
		break;
	case CLASS_DISPOSITION:
	case CLASS_DISPOSITION_EX:
		m->flag = bh_u8(&buf) & 1;
		break;
	case CLASS_EOF:
		m->eof = bh_le64(&buf);
		break;
	default:
		return false;
	}
	s->n.malformed += buf.bad;
	return !buf.bad;
}

/* ---- answers ---- */

void bh_smb_done_open(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_opened *o, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e)
		return;
	if (o->status || o->bad) {
		s->n.malformed += o->bad;
		bh_smb_handle_drop(s, m->h);
		return;
	}
	e->opened = true;
	if (sure) {
		e->found = o->eof;
		e->flags = (uint8_t)((o->action == 2 ? BH_SMB_F_CREATED : BH_SMB_F_EXISTED) | (o->attrs & 0x10 ? BH_SMB_F_DIR : 0));
		bh_smb_handle_known(s, c, m->h, o->session, o->fid);
	}
	if (e->writes || (e->flags & BH_SMB_F_CREATED))
		bh_smb_fact(s, c, e, BH_SMB_OPEN, sure);
}

void bh_smb_done_read(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t len)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e)
		return;
	e->bytes[0] += len < m->len ? len : m->len;
	bh_smb_flows(s, c, &c->dir[1], m->h, 0);
	c->dir[1].target_start = m->start;
}

void bh_smb_done_write(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t status, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e)
		return;
	if (status) {
		e->bytes[1] -= m->len < e->bytes[1] ? m->len : e->bytes[1];
		return;
	}
	if (e->bytes[1] < 65536 || e->told_write)
		return;
	e->told_write = true;
	bh_smb_fact(s, c, e, BH_SMB_WRITE, sure);
}

void bh_smb_done_set(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t status, bool sure)
{
	struct smb_handle *e = bh_smb_handle(s, m->h);

	if (!e || status)
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

void bh_smb_done_session(
	struct smb *s, struct smb_conn *c, uint64_t asked, uint64_t id, uint32_t status, unsigned flags, bool sure)
{
	struct smb_session *ses = bh_smb_session(c, id), *first = asked == id ? ses : bh_smb_session(c, asked);

	if (first != ses && !ses->mech) { /* all in one round: the request had no number yet */
		uint32_t used = ses->used;

		*ses = *first;
		ses->id = id;
		ses->used = used;
		first->used = 0;
	}
	ses->flags = (uint8_t)((flags & 3 ? BH_SMB_F_GUEST : 0) | (flags & 4 ? BH_SMB_F_ENCRYPTED : 0));
	ses->told_encrypted = (flags & 4) != 0;
	bh_smb_fact_session(s, c, ses, status, sure);
	if (sure)
		bh_smb_logon_done(s, c, ses, status, (flags & 2) != 0);
	if (status)
		ses->used = 0; /* no session came of it */
}

void bh_smb_done_tree(struct smb *s, struct smb_conn *c, uint64_t mid, uint64_t session, uint32_t tree, uint32_t status,
	bool pipe, bool sure)
{
	struct smb_tree *t = NULL, *old = NULL;

	for (unsigned i = 0; i < TREES; i++) {
		if (c->tree[i].used && c->tree[i].pending && c->tree[i].mid == mid)
			t = &c->tree[i];
		else if (c->tree[i].used && !c->tree[i].pending && c->tree[i].id == tree)
			old = &c->tree[i];
	}
	if (!t)
		return;
	if (status) {
		t->used = 0;
		return;
	}
	if (old)
		old->used = 0;
	t->pending = false;
	t->id = tree;
	t->pipe = pipe || strcasecmp(t->share, "IPC$") == 0;
	bh_smb_fact_tree(s, c, session, tree, sure);
}
