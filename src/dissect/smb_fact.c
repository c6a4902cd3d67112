/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Handles, sessions and trees, and the facts told about them.
 *
 * A handle's key is the client's and server's address, the session and the file id: a client that
 * spreads one session over several connections between the same two hosts is followed, and nobody
 * can speak of another client's handle.
 *
 * Facts carry BH_EVF_TWOWAY when the server's answer confirmed them. UNTRUSTED is set while either
 * direction has not been found again after a gap, and on everything from a connection whose answers
 * are not visible.
 */
#include "pdu.h"
#include "smb.h"

/* ---- handles ---- */

static uint64_t handle_key(const struct smb_conn *c, uint64_t session, uint64_t fid)
{
	uint64_t v[2] = {session, fid};

	return bh_hash(v, sizeof v, c->seed);
}

struct smb_handle *bh_smb_handle(struct smb *s, struct smb_ref r)
{
	if (r.i == BH_POOL_NONE || !s->handles.node[r.i].used || s->handle[r.i].gen != r.gen)
		return NULL;
	return &s->handle[r.i];
}

struct smb_ref bh_smb_handle_new(
	struct smb *s, struct smb_conn *c, uint64_t session, uint64_t fid, bool pending)
{
	uint64_t key = pending ? bh_hash(&s->serial, sizeof s->serial, s->seed)
			       : handle_key(c, session, fid);
	bool evicted;
	uint32_t i = bh_pool_add(&s->handles, key, &evicted), gen = s->handle[i].gen;

	s->serial++;
	if (evicted) {
		bh_smb_pipe_end(s, NULL, (struct smb_ref){i, gen});
		bh_smb_first_drop(s, (struct smb_ref){i, gen});
	}
	memset(&s->handle[i], 0, sizeof s->handle[i]);
	s->handle[i].gen = gen + 1;
	s->handle[i].session = session;
	s->handle[i].fid = fid;
	s->owner[i] = (uint16_t)(c - s->conn + 1);
	return (struct smb_ref){i, gen + 1};
}

struct smb_ref bh_smb_handle_find(struct smb *s, struct smb_conn *c, uint64_t session, uint64_t fid)
{
	uint32_t i = bh_pool_find(&s->handles, handle_key(c, session, fid));

	if (i == BH_POOL_NONE)
		return bh_smb_handle_new(s, c, session, fid, false);
	return (struct smb_ref){i, s->handle[i].gen};
}

void bh_smb_handle_drop(struct smb *s, struct smb_ref r)
{
	if (!bh_smb_handle(s, r))
		return;
	bh_smb_pipe_end(s, NULL, r);
	bh_smb_first_drop(s, r);
	s->handle[r.i].gen++;
	s->owner[r.i] = 0;
	bh_pool_drop(&s->handles, r.i);
}

void bh_smb_handle_known(
	struct smb *s, struct smb_conn *c, struct smb_ref r, uint64_t session, uint64_t fid)
{
	uint64_t key = handle_key(c, session, fid);
	uint32_t old = bh_pool_find(&s->handles, key);

	if (old != BH_POOL_NONE && old != r.i)
		bh_smb_handle_drop(s, (struct smb_ref){old, s->handle[old].gen});
	s->handle[r.i].session = session;
	s->handle[r.i].fid = fid;
	bh_pool_rekey(&s->handles, r.i, key);
}

/* ---- sessions and trees: a few per connection, the one used longest ago gives way ---- */

struct smb_session *bh_smb_session(struct smb_conn *c, uint64_t id)
{
	struct smb_session *old = &c->session[0];

	for (unsigned i = 0; i < SESSIONS; i++) {
		struct smb_session *e = &c->session[i];

		if (e->used && e->id == id) {
			e->used = ++c->clock;
			return e;
		}
		if (e->used < old->used)
			old = e;
	}
	*old = (struct smb_session){.id = id, .used = ++c->clock};
	return old;
}

struct smb_tree *bh_smb_tree(struct smb_conn *c, uint32_t id, bool make)
{
	struct smb_tree *old = &c->tree[0];

	for (unsigned i = 0; i < TREES; i++) {
		struct smb_tree *e = &c->tree[i];

		if (e->used && !e->pending && e->id == id && !make) {
			e->used = ++c->clock;
			return e;
		}
		if (e->used < old->used)
			old = e;
	}
	if (!make)
		return NULL;
	*old = (struct smb_tree){.id = id, .used = ++c->clock};
	return old;
}

/* ---- facts ---- */

void bh_smb_begin(struct smb *s, struct smb_conn *c, struct bh_event *ev, unsigned kind, bool sure)
{
	if (s->in) {
		c->proto = *s->in->proto;
		if (c->swapped)
			bh_event_swap(&c->proto);
	}
	*ev = c->proto;
	memset(&ev->u, 0, sizeof ev->u);
	ev->kind = (uint8_t)kind;
	ev->app = BH_APP_SMB;
	ev->outcome = 0;
	ev->flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if (sure && c->asks && c->answers)
		ev->flags |= BH_EVF_TWOWAY;
	if (!c->answers || c->dir[0].untrusted || c->dir[1].untrusted)
		ev->flags |= BH_EVF_UNTRUSTED;
	if (c->gaps || c->dir[0].order.headless || c->dir[1].order.headless)
		ev->flags |= BH_EVF_GAPS;
}

static void begin(
	struct smb *s, struct smb_conn *c, struct bh_event *ev, enum bh_smb_op op, bool sure)
{
	bh_smb_begin(s, c, ev, BH_EV_SMB, sure);
	ev->u.smb.op = (uint8_t)op;
	ev->u.smb.dialect = c->dialect;
}

void bh_smb_emit(struct smb *s, const struct bh_event *ev)
{
	s->n.facts++;
	s->out->emit(s->out->ctx, ev);
}

static void fill_session(struct bh_ev_smb *e, struct smb_conn *c, uint64_t id)
{
	struct smb_session *ses = bh_smb_session(c, id);

	e->session = id;
	e->flags |= ses->flags & (BH_SMB_F_GUEST | BH_SMB_F_ENCRYPTED);
	bh_strcpy(e->user, sizeof e->user, ses->user);
}

static void fill_tree(struct bh_ev_smb *e, struct smb_conn *c, uint32_t id)
{
	struct smb_tree *t = bh_smb_tree(c, id, false);

	e->tree = id;
	if (t)
		memcpy(e->share, t->share, sizeof e->share);
}

void bh_smb_fact_session(
	struct smb *s, struct smb_conn *c, struct smb_session *ses, uint32_t status, bool sure)
{
	struct bh_event ev;

	begin(s, c, &ev, BH_SMB_SESSION, sure);
	fill_session(&ev.u.smb, c, ses->id);
	ev.u.smb.status = status;
	bh_smb_emit(s, &ev);
}

void bh_smb_fact_tree(struct smb *s, struct smb_conn *c, uint64_t session, uint32_t tree, bool sure)
{
	struct bh_event ev;

	begin(s, c, &ev, BH_SMB_TREE, sure);
	fill_session(&ev.u.smb, c, session);
	fill_tree(&ev.u.smb, c, tree);
	bh_smb_emit(s, &ev);
}

static void fill_content(struct bh_ev_smb *e, const struct smb_handle *h)
{
	e->bytes_read = h->bytes[0];
	e->bytes_written = h->bytes[1];
	e->head = h->head;
	e->magic_read = h->io[0].magic;
	e->magic_written = h->io[1].magic;
	e->rand_read = (uint8_t)bh_content_verdict(&h->io[0]);
	e->rand_written = (uint8_t)bh_content_verdict(&h->io[1]);
}

void bh_smb_fact(
	struct smb *s, struct smb_conn *c, const struct smb_handle *h, enum bh_smb_op op, bool sure)
{
	struct bh_event ev;

	if (!h->name[0])
		return;
	if (bh_smb_is_pipe(c, h) && (op == BH_SMB_WRITE || op == BH_SMB_CLOSE))
		return; /* a pipe is no file */
	begin(s, c, &ev, op, sure);
	ev.u.smb.fid = c->dialect == 1 ? h->fid & 0xffff : h->fid;
	ev.u.smb.flags = h->flags;
	fill_session(&ev.u.smb, c, h->session);
	fill_tree(&ev.u.smb, c, h->tree);
	/* a rename or deletion is about the name of now; content belongs to the file that was
	 * opened */
	memcpy(ev.u.smb.name,
		h->now[0] && (op == BH_SMB_RENAME || op == BH_SMB_DELETE) ? h->now : h->name,
		sizeof h->name);
	if (op == BH_SMB_RENAME)
		memcpy(ev.u.smb.name2, h->want, sizeof h->want);
	else if (op == BH_SMB_WRITE || op == BH_SMB_CLOSE) {
		memcpy(ev.u.smb.name2, h->now, sizeof h->now);
		fill_content(&ev.u.smb, h);
	}
	bh_smb_emit(s, &ev);
}

void bh_smb_fact_sizes(
	struct smb *s, struct smb_conn *c, enum bh_smb_op op, const struct bh_ev_smb *e)
{
	struct bh_event ev;

	begin(s, c, &ev, op, true);
	ev.u.smb.flags = BH_SMB_F_ENCRYPTED;
	ev.u.smb.name_len = e->name_len;
	ev.u.smb.count = e->count;
	ev.u.smb.bytes_read = e->bytes_read;
	ev.u.smb.bytes_written = e->bytes_written;
	fill_session(&ev.u.smb, c, e->session);
	bh_smb_emit(s, &ev);
}

void bh_smb_closed(struct smb *s, struct smb_conn *c, struct smb_ref r, bool sure)
{
	struct smb_handle *h = bh_smb_handle(s, r);

	if (!h)
		return;
	bh_smb_pipe_end(s, c, r);
	bh_smb_first_end(s, r);
	if (h->bytes[0] || h->bytes[1])
		bh_smb_fact(s, c, h, BH_SMB_CLOSE, sure);
	if (h->delete_on_close && !h->told_delete)
		bh_smb_fact(s, c, h, BH_SMB_DELETE, sure);
	bh_smb_handle_drop(s, r);
}

void bh_smb_close_all(struct smb *s, struct smb_conn *c, uint64_t session, uint32_t tree, bool sure)
{
	uint16_t mine = (uint16_t)(c - s->conn + 1);

	for (uint32_t i = 0; i < s->handles.n; i++) {
		const struct smb_handle *h = &s->handle[i];

		if (s->owner[i] != mine || (session && h->session != session) ||
			(tree && h->tree != tree))
			continue;
		if (h->opened)
			bh_smb_closed(s, c, (struct smb_ref){i, h->gen}, sure);
		else
			bh_smb_handle_drop(s, (struct smb_ref){i, h->gen});
	}
}
