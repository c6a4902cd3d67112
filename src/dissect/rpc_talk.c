/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A conversation's contexts name its interfaces: a bind asks, its answer accepts, a call says only the number of the context.
 * When the answer is not visible the first call shows that the bind was accepted. When the bind is not visible either, the
 * interface is the one an endpoint mapper named for the port, or what the order of calls gives away (rpc_late.c); until then
 * the last calls are held back, and what leaves the row unexplained is told without an interface.
 */
#include "ntlm.h"
#include "rpc_talk.h"

enum { CTX_FREE, CTX_ASKED, CTX_OPEN };

static const struct bh_uuid none;
static const struct bh_uuid epmapper = {{0xe1, 0xaf, 0x83, 0x08, 0x5d, 0x1f, 0x11, 0xc9, 0x91, 0xa4, 8, 0, 0x2b, 0x14, 0xa0, 0xfa}};
static const struct bh_uuid exporter = {{0x99, 0xfc, 0xfe, 0xc4, 0x52, 0x60, 0x10, 0x1b, 0xbb, 0xcb, 0, 0xaa, 0, 0x21, 0x34, 0x7a}};
static const struct bh_uuid activator = {{0, 0, 1, 0xa0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}};
static const struct bh_uuid tasks = {{0x86, 0xd3, 0x59, 0x49, 0x83, 0xc9, 0x40, 0x44, 0xb4, 0x24, 0xdb, 0x36, 0x32, 0x31, 0xfd, 0x0c}};

static bool same(const struct bh_uuid *a, const struct bh_uuid *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* ---- facts ---- */

static void begin(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, enum bh_rpc_op op, bool answered, struct bh_event *ev)
{
	c->begin(c->ctx, BH_EV_RPC, answered, ev);
	ev->u.rpc.op = (uint8_t)op;
	ev->u.rpc.via = c->via;
	ev->u.rpc.level = t->level;
	bh_strcpy(ev->u.rpc.pipe, sizeof ev->u.rpc.pipe, c->pipe);
	bh_strcpy(ev->u.rpc.user, sizeof ev->u.rpc.user, t->user[0] ? t->user : c->user);
}

static void tell_bind(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_ctx *x, uint32_t status, bool answered)
{
	struct bh_event ev;

	begin(t, c, BH_RPC_BIND, answered, &ev);
	ev.u.rpc.uuid = x->uuid;
	ev.u.rpc.context = x->id;
	ev.u.rpc.status = status;
	c->n->binds++;
	c->emit(c->ctx, &ev);
}

static void tell_logon(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, enum bh_logon_result result, uint32_t status)
{
	struct bh_event ev;

	c->begin(c->ctx, BH_EV_LOGON, t->heard, &ev);
	ev.u.logon.via = BH_LOGON_RPC;
	ev.u.logon.mech = t->mech;
	ev.u.logon.result = (uint8_t)result;
	ev.u.logon.status = status;
	ev.u.logon.challenge = t->challenge;
	ev.u.logon.proof = t->proof;
	memcpy(ev.u.logon.user, t->user, sizeof t->user);
	memcpy(ev.u.logon.workstation, t->workstation, sizeof t->workstation);
	t->tried = result == BH_LOGON_TRIED;
	c->emit(c->ctx, &ev);
}

/* Told the first 16 times, then every 16th: calls since the last one told, 0 = not now. */
static uint32_t repeat(struct bh_rpc_talk *t, uint16_t context, uint16_t opnum, uint64_t object)
{
	struct bh_rpc_repeat *r = &t->repeat[0];
	uint32_t since;

	for (unsigned i = 0; i < RPC_REPEATS; i++) {
		struct bh_rpc_repeat *e = &t->repeat[i];

		if (e->used && e->context == context && e->opnum == opnum && e->object == object) {
			r = e;
			break;
		}
		if (e->used < r->used)
			r = e;
	}
	if (!r->used || r->context != context || r->opnum != opnum || r->object != object)
		*r = (struct bh_rpc_repeat){.context = context, .opnum = opnum, .object = object};
	r->used = ++t->clock;
	r->n++;
	r->since++;
	if (r->n > 16 && r->n % 16)
		return 0;
	since = r->since;
	r->since = 0;
	return since;
}

struct told {
	struct bh_uuid uuid;
	uint64_t object;
	uint32_t stub;
	uint16_t context, opnum;
	uint8_t level, flags;
	const struct bh_rpc_pdu *clear; /* for its strings; NULL = none */
};

static void tell_call(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct told *w)
{
	uint32_t count = repeat(t, w->context, w->opnum, w->object);
	struct bh_event ev;

	if (!count) {
		c->n->repeats++;
		return;
	}
	begin(t, c, BH_RPC_CALL, t->heard, &ev);
	ev.u.rpc.uuid = w->uuid;
	ev.u.rpc.opnum = w->opnum;
	ev.u.rpc.context = w->context;
	ev.u.rpc.object = w->object;
	ev.u.rpc.stub = w->stub;
	ev.u.rpc.level = w->level;
	ev.u.rpc.flags = w->flags;
	ev.u.rpc.count = count;
	/* a task is registered with path, XML, who may see it, account and password, and what is not given is not there */
	if (w->clear && w->level < 6)
		bh_rpc_text(w->clear, same(&w->uuid, &tasks) ? 2 : 3, ev.u.rpc.text, sizeof ev.u.rpc.text);
	c->n->calls++;
	c->emit(c->ctx, &ev);
}

/* ---- contexts ---- */

static struct bh_rpc_ctx *ctx_find(struct bh_rpc_talk *t, uint16_t id)
{
	for (unsigned i = 0; i < RPC_CTXS; i++)
		if (t->ctx[i].state != CTX_FREE && t->ctx[i].id == id) {
			t->ctx[i].used = ++t->clock;
			return &t->ctx[i];
		}
	return NULL;
}

static struct bh_rpc_ctx *ctx_new(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, uint16_t id)
{
	struct bh_rpc_ctx *x = ctx_find(t, id);

	for (unsigned i = 0; i < RPC_CTXS && !x; i++)
		if (t->ctx[i].state == CTX_FREE)
			x = &t->ctx[i];
	if (!x) {
		x = &t->ctx[0];
		for (unsigned i = 1; i < RPC_CTXS; i++)
			if (t->ctx[i].used < x->used)
				x = &t->ctx[i];
		c->n->evicted_contexts++;
	}
	*x = (struct bh_rpc_ctx){.id = id, .used = ++t->clock};
	return x;
}

/* the interface of a context, or nothing */
static struct bh_uuid uuid_of(struct bh_rpc_talk *t, uint16_t context, uint64_t object)
{
	const struct bh_rpc_ctx *x = ctx_find(t, context);

	if (x)
		return x->uuid;
	for (unsigned i = 0; i < RPC_LATES; i++)
		if (t->late[i].used && t->late[i].context == context && t->late[i].object == object && t->late[i].guess)
			return bh_rpc_guessed(t->late[i].guess);
	return none;
}

/* ---- who logs on ---- */

static void token(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, unsigned d, const struct bh_rpc_pdu *p)
{
	struct bh_ntlm m;

	if (d == 0 && p->level)
		t->level = p->level;
	if (bh_ntlm_find(p->token.p, p->token.left, &m))
		return;
	if (d == 1 && m.type == 2)
		t->challenge = m.challenge;
	if (d != 0 || m.type != 3)
		return;
	memcpy(t->user, m.user, sizeof t->user);
	memcpy(t->workstation, m.workstation, sizeof t->workstation);
	t->proof = m.proof;
	if (m.old)
		t->challenge = 0;
	t->mech = m.user[0] ? BH_MECH_NTLM : BH_MECH_ANONYMOUS;
	tell_logon(t, c, BH_LOGON_TRIED, 0);
}

/* ---- binds ---- */

static void ask_bind(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	struct bh_rpc_binding list[BH_RPC_BINDS];
	unsigned n = bh_rpc_binds(p, list);

	for (unsigned i = 0; i < n; i++) {
		struct bh_rpc_ctx *x = ctx_find(t, list[i].context);

		if (x && x->state == CTX_OPEN && same(&x->uuid, &list[i].uuid) && !x->flags) {
			x->call = p->call;
			x->order = (uint8_t)i;
			continue; /* asked again, told already */
		}
		x = ctx_new(t, c, list[i].context);
		x->uuid = list[i].uuid;
		x->state = CTX_ASKED;
		x->call = p->call;
		x->order = (uint8_t)i;
	}
	c->n->malformed += !n;
}

/* The first of a bind's contexts that was refused, and no other of the same interface was taken. */
static void tell_refused(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, uint32_t call, const uint32_t *result, unsigned n)
{
	struct bh_uuid told[RPC_CTXS];
	unsigned have = 0;

	for (unsigned i = 0; i < RPC_CTXS; i++) {
		struct bh_rpc_ctx *x = &t->ctx[i];
		bool skip = false;

		if (x->state != CTX_ASKED || x->call != call)
			continue;
		for (unsigned k = 0; k < RPC_CTXS; k++)
			skip |= t->ctx[k].state == CTX_OPEN && same(&t->ctx[k].uuid, &x->uuid);
		for (unsigned k = 0; k < have; k++)
			skip |= same(&told[k], &x->uuid);
		if (!skip) {
			told[have++] = x->uuid;
			tell_bind(t, c, x, x->order < n ? result[x->order] : result[0], true);
		}
		x->state = CTX_FREE;
	}
}

static void bind_answer(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	uint32_t result[BH_RPC_BINDS];
	unsigned n = bh_rpc_results(p, result);

	for (unsigned i = 0; i < RPC_CTXS; i++) {
		struct bh_rpc_ctx *x = &t->ctx[i];

		if (x->state != CTX_ASKED || x->call != p->call || x->order >= n || result[x->order])
			continue;
		x->state = CTX_OPEN;
		tell_bind(t, c, x, 0, true);
	}
	if (n)
		tell_refused(t, c, p->call, result, n);
	c->n->malformed += !n;
}

static void bind_nak(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	uint32_t status = (uint32_t)BH_PT_BIND_NAK << 16 | p->status;

	tell_refused(t, c, p->call, &status, 1);
	if (t->tried)
		tell_logon(t, c, BH_LOGON_FAILED, status);
}

/* ---- calls ---- */

static void tell_held(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_late *l, unsigned i,
	const struct bh_rpc_pdu *clear)
{
	const struct bh_rpc_held *h = &l->held[i];
	struct told w = {.object = l->object, .stub = h->stub, .context = l->context, .opnum = h->opnum, .level = h->level,
		.flags = BH_RPC_F_LATE, .clear = clear};

	if (l->guess) {
		w.uuid = bh_rpc_guessed(l->guess);
		w.flags |= BH_RPC_F_ASSUMED;
	}
	tell_call(t, c, &w);
}

static void tell_all_held(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, struct bh_rpc_late *l, const struct bh_rpc_pdu *clear)
{
	for (unsigned i = 0; i < l->n; i++)
		tell_held(t, c, l, i, i + 1u == l->n ? clear : NULL);
	l->n = 0;
}

static struct bh_rpc_late *late_of(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, uint16_t context, uint64_t object)
{
	struct bh_rpc_late *l = &t->late[0];

	for (unsigned i = 0; i < RPC_LATES; i++) {
		struct bh_rpc_late *e = &t->late[i];

		if (e->used && e->context == context && e->object == object) {
			e->used = ++t->clock;
			return e;
		}
		if (e->used < l->used)
			l = e;
	}
	tell_all_held(t, c, l, NULL);
	*l = (struct bh_rpc_late){.context = context, .object = object, .used = ++t->clock};
	return l;
}

static void guess(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, struct bh_rpc_late *l, const struct bh_rpc_pdu *clear)
{
	l->guess = (uint8_t)bh_rpc_guess(l);
	if (!l->guess)
		return;
	c->n->assumed++;
	tell_all_held(t, c, l, clear);
}

static void hold(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, struct bh_rpc_late *l, const struct told *w)
{
	if (l->n == RPC_HELD) {
		tell_held(t, c, l, 0, NULL);
		memmove(&l->held[0], &l->held[1], sizeof l->held[0] * (RPC_HELD - 1));
		l->n--;
	}
	l->held[l->n++] = (struct bh_rpc_held){.stub = w->stub, .opnum = w->opnum, .level = w->level};
	guess(t, c, l, w->clear);
}

/* a call in a context no bind was seen for */
static void late_call(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, struct told *w)
{
	struct bh_rpc_late *l;

	if (!t->asked_endpoint && c->learned && !w->object) {
		struct bh_uuid u;

		t->asked_endpoint = true;
		if (c->learned(c->ctx, &u)) {
			struct bh_rpc_ctx *x = ctx_new(t, c, w->context);

			x->uuid = w->uuid = u;
			x->state = CTX_OPEN;
			x->flags = BH_RPC_F_ASSUMED | BH_RPC_F_LATE;
			w->flags = x->flags;
			c->n->assumed++;
			tell_call(t, c, w);
			return;
		}
	}
	l = late_of(t, c, w->context, w->object);
	if (!l->guess) {
		hold(t, c, l, w);
		return;
	}
	w->uuid = bh_rpc_guessed(l->guess);
	w->flags = BH_RPC_F_ASSUMED | BH_RPC_F_LATE;
	tell_call(t, c, w);
}

static void request(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	struct told w = {.object = p->object, .stub = p->stub, .context = p->context, .opnum = p->opnum, .level = p->level, .clear = p};
	struct bh_rpc_ctx *x = ctx_find(t, p->context);

	if (!(p->flags & BH_PFC_FIRST))
		return;
	if (!(p->flags & BH_PFC_LAST) && p->hint > w.stub)
		w.stub = p->hint;
	/* connect level has no verifier after the bind; of a long message the verifier may be out of sight */
	if (!w.level && (p->auth || t->level <= 2))
		w.level = t->level;
	t->call[t->next_call++ % RPC_CALLS] = (struct bh_rpc_call){
		.object = p->object, .id = p->call, .context = p->context, .opnum = p->opnum, .used = true};
	if (!x) {
		late_call(t, c, &w);
		return;
	}
	if (x->state == CTX_ASKED) { /* its answer was not seen, and must have been yes */
		x->state = CTX_OPEN;
		tell_bind(t, c, x, 0, false);
	}
	w.uuid = x->uuid;
	w.flags = x->flags;
	tell_call(t, c, &w);
}

static struct bh_rpc_call *call_of(struct bh_rpc_talk *t, uint32_t id)
{
	for (unsigned i = 0; i < RPC_CALLS; i++)
		if (t->call[i].used && t->call[i].id == id)
			return &t->call[i];
	return NULL;
}

static void answer_maps(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	struct bh_rpc_map m[BH_RPC_MAPS];
	unsigned n = bh_rpc_maps(p->body, m);
	struct bh_event ev;

	for (unsigned i = 0; i < n; i++) {
		bool again = false;

		for (unsigned k = 0; k < i; k++)
			again |= memcmp(&m[k], &m[i], sizeof m[i]) == 0;
		if (again)
			continue;
		begin(t, c, BH_RPC_MAP, true, &ev);
		ev.u.rpc.uuid = m[i].uuid;
		ev.u.rpc.port = m[i].port;
		ev.u.rpc.addr = bh_addr_none(&m[i].addr) ? ev.dst : m[i].addr;
		c->n->maps++;
		if (c->learn)
			c->learn(c->ctx, &m[i]);
		c->emit(c->ctx, &ev);
	}
}

static void answer_addrs(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p, const struct bh_uuid *u)
{
	struct bh_rpc_map m[BH_RPC_ADDRS];
	unsigned n = bh_rpc_addrs(p->body, m);
	struct bh_event ev;

	for (unsigned i = 0; i < n; i++) {
		begin(t, c, BH_RPC_ADDR, true, &ev);
		ev.u.rpc.uuid = *u;
		ev.u.rpc.addr = m[i].addr;
		ev.u.rpc.port = m[i].port;
		c->n->addrs++;
		c->emit(c->ctx, &ev);
	}
}

static void response(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	struct bh_rpc_call *k = call_of(t, p->call);
	struct bh_uuid u;

	if (!k)
		return;
	u = uuid_of(t, k->context, k->object);
	if ((p->flags & BH_PFC_FIRST) && t->tried)
		tell_logon(t, c, BH_LOGON_OK, 0);
	if ((p->flags & BH_PFC_FIRST) && p->level < 6) {
		if (same(&u, &epmapper) && (k->opnum == 2 || k->opnum == 3))
			answer_maps(t, c, p);
		else if ((same(&u, &exporter) && (k->opnum == 0 || k->opnum == 4 || k->opnum == 5)) ||
			 (same(&u, &activator) && (k->opnum == 3 || k->opnum == 4)))
			answer_addrs(t, c, p, &u);
	}
	for (unsigned i = 0; i < RPC_LATES; i++) {
		struct bh_rpc_late *l = &t->late[i];

		if (!l->used || l->guess || l->context != k->context || l->object != k->object || k->opnum != 3)
			continue;
		l->big += p->stub;
		guess(t, c, l, NULL);
	}
	if (p->flags & BH_PFC_LAST)
		k->used = false;
}

static void fault(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, const struct bh_rpc_pdu *p)
{
	struct bh_rpc_call *k = call_of(t, p->call);
	const struct bh_rpc_ctx *x;
	struct bh_event ev;

	if (t->tried && p->status == 5)
		tell_logon(t, c, BH_LOGON_FAILED, p->status);
	if (!k)
		return;
	k->used = false;
	begin(t, c, BH_RPC_FAULT, true, &ev);
	ev.u.rpc.uuid = uuid_of(t, k->context, k->object);
	x = ctx_find(t, k->context);
	ev.u.rpc.flags = x ? x->flags : same(&ev.u.rpc.uuid, &none) ? BH_RPC_F_LATE : BH_RPC_F_ASSUMED | BH_RPC_F_LATE;
	ev.u.rpc.opnum = k->opnum;
	ev.u.rpc.context = k->context;
	ev.u.rpc.object = k->object;
	ev.u.rpc.status = p->status;
	c->n->faults++;
	c->emit(c->ctx, &ev);
}

void bh_rpc_said(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, unsigned d, const uint8_t *p, size_t n)
{
	struct bh_rpc_pdu u;

	if (bh_rpc_parse(p, n, &u) || bh_rpc_from_client(u.type) != (d == 0)) {
		c->n->malformed++;
		return;
	}
	t->heard |= d == 1;
	switch (u.type) {
	case BH_PT_BIND:
	case BH_PT_ALTER:
		ask_bind(t, c, &u);
		token(t, c, d, &u);
		break;
	case BH_PT_AUTH3:
		token(t, c, d, &u);
		break;
	case BH_PT_BIND_ACK:
	case BH_PT_ALTER_RESP:
		token(t, c, d, &u);
		bind_answer(t, c, &u);
		break;
	case BH_PT_BIND_NAK:
		bind_nak(t, c, &u);
		break;
	case BH_PT_REQUEST:
		request(t, c, &u);
		break;
	case BH_PT_RESPONSE:
		response(t, c, &u);
		break;
	case BH_PT_FAULT:
		fault(t, c, &u);
		break;
	}
}

void bh_rpc_end(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c)
{
	for (unsigned i = 0; i < RPC_CTXS && !t->heard; i++)
		if (t->ctx[i].state == CTX_ASKED)
			tell_bind(t, c, &t->ctx[i], 0, false);
	for (unsigned i = 0; i < RPC_LATES; i++)
		tell_all_held(t, c, &t->late[i], NULL);
}
