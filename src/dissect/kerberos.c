/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kerberos: what a client asks of a KDC and what it is given (RFC 4120)
 *
 * One fact an exchange, told with the answer; the request waits in the state of its flow, one at a time, for a client asks one
 * thing on a connection. A request that is sent again is the same request; one that is followed by another, or by the end of
 * the flow, is told alone.
 *
 * Whose ticket a TGS request is about stands encrypted in it: the name comes from the answer. Tickets carry their owner's
 * groups and grow to several kilobytes, and what counts lies behind them, so more of a message is kept here than elsewhere.
 *
 * AS exchanges are also logons. Error 25, "show that you know the password", is the ordinary first half of one and tells nothing.
 */
#include <stdlib.h>

#include "ber.h"
#include "pdu.h"

#define PORT 88
#define KEEP 8192
#define TCP_BITS 8
#define UDP_BITS 9
#define WINDOW_BITS 4
#define LONGEST (1u << 20)

#define APPLICATION(n) (0x60 | (n))
#define CONTEXT(n) (0xa0 | (n))
enum { INTEGER = 0x02, OCTETS = 0x04, SEQUENCE = 0x30 };
enum { PA_ENC_TIMESTAMP = 2, PA_PK_AS_REQ = 16, PA_FAST = 136, PA_ENCRYPTED_CHALLENGE = 138 };
enum { UNKNOWN_CLIENT = 6, POLICY = 12, REVOKED = 18, KEY_EXPIRED = 23, PREAUTH_FAILED = 24 };

struct ask {
	uint8_t type; /* 0 = none */
	uint8_t flags, n_etypes, pad;
	int16_t etype;
	char cname[64], sname[64], realm[48];
};

struct said { /* any message */
	struct ask a;
	int64_t error;
	int16_t etype_ticket, etype_reply;
};

struct udp {
	struct bh_event proto; /* client as source */
	struct ask ask;
	uint64_t last[2]; /* hash of what each side said last: datagrams come twice */
};

struct krb {
	struct bh_pdu tcp;
	struct bh_pool udps;
	struct udp *udp;
	const struct bh_event_sink *out; /* during packet() and flow_end() */
	uint64_t udp_messages, udp_malformed;
};

static bool kerberos_port(uint16_t port)
{
	return port == PORT;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return (pkt->what == BH_WHAT_TCP || pkt->what == BH_WHAT_UDP) &&
	       (pkt->sport == PORT || pkt->dport == PORT || app == BH_APP_KERBEROS);
}

/* ---- messages ---- */

/* SEQUENCE { [0] type, [1] SEQUENCE OF string } as "a/b" */
static void principal(const struct bh_ber *e, char *out, size_t size)
{
	struct bh_ber seq, f, list, s;
	struct bh_bytes b;
	size_t len = 0;

	if (bh_ber_only(e, SEQUENCE, &seq))
		return;
	b = seq.in;
	if (bh_ber_next(&b, &f) || f.tag != CONTEXT(0) || bh_ber_next(&b, &f) || f.tag != CONTEXT(1) || bh_ber_only(&f, SEQUENCE, &list))
		return;
	memset(out, 0, size);
	for (unsigned i = 0; i < BH_BER_MOST && len + 1 < size && !bh_ber_next(&list.in, &s); i++) {
		if (i)
			out[len++] = '/';
		bh_ber_text(&s, out + len, size - len);
		len += strlen(out + len);
	}
}

static void string(const struct bh_ber *e, char *out, size_t size)
{
	struct bh_bytes b = e->in;
	struct bh_ber s;

	if (!bh_ber_next(&b, &s))
		bh_ber_text(&s, out, size);
}

static int64_t integer(const struct bh_ber *e)
{
	struct bh_ber i;

	return bh_ber_only(e, INTEGER, &i) ? 0 : bh_ber_int(&i);
}

/* SEQUENCE { [0] etype, … } */
static int16_t etype_of(const struct bh_ber *e)
{
	struct bh_ber seq, f;

	if (bh_ber_only(e, SEQUENCE, &seq) || bh_ber_only(&seq, CONTEXT(0), &f))
		return 0;
	return (int16_t)integer(&f);
}

/* SEQUENCE OF SEQUENCE { [1] type, [2] value } */
static void padata(const struct bh_ber *e, struct ask *a)
{
	struct bh_ber list, pa, f;

	if (bh_ber_only(e, SEQUENCE, &list))
		return;
	for (unsigned i = 0; i < BH_BER_MOST && !bh_ber_next(&list.in, &pa); i++) {
		int64_t type = bh_ber_only(&pa, CONTEXT(1), &f) ? 0 : integer(&f);

		if (type == PA_ENC_TIMESTAMP || type == PA_PK_AS_REQ || type == PA_FAST || type == PA_ENCRYPTED_CHALLENGE)
			a->flags |= BH_KRB_F_PREAUTH;
	}
}

static void etypes(const struct bh_ber *e, struct ask *a)
{
	struct bh_ber list, i;

	if (bh_ber_only(e, SEQUENCE, &list))
		return;
	while (a->n_etypes < BH_BER_MOST && !bh_ber_next(&list.in, &i)) {
		if (!a->n_etypes)
			a->etype = (int16_t)bh_ber_int(&i);
		a->n_etypes++;
	}
}

static void request_body(const struct bh_ber *e, struct ask *a)
{
	struct bh_ber body, f;

	if (bh_ber_only(e, SEQUENCE, &body))
		return;
	for (unsigned i = 0; i < BH_BER_MOST && !bh_ber_next(&body.in, &f); i++) {
		switch (f.tag) {
		case CONTEXT(1):
			principal(&f, a->cname, sizeof a->cname);
			break;
		case CONTEXT(2):
			string(&f, a->realm, sizeof a->realm);
			break;
		case CONTEXT(3):
			principal(&f, a->sname, sizeof a->sname);
			break;
		case CONTEXT(8):
			etypes(&f, a);
			break;
		}
	}
}

/* [APPLICATION 1] SEQUENCE { [0] version, [1] realm, [2] sname, [3] encrypted part } */
static void ticket(const struct bh_ber *e, struct said *s)
{
	struct bh_ber t, seq, f;

	if (bh_ber_only(e, APPLICATION(1), &t) || bh_ber_only(&t, SEQUENCE, &seq))
		return;
	for (unsigned i = 0; i < BH_BER_MOST && !bh_ber_next(&seq.in, &f); i++) {
		if (f.tag == CONTEXT(2))
			principal(&f, s->a.sname, sizeof s->a.sname);
		else if (f.tag == CONTEXT(3))
			s->etype_ticket = etype_of(&f);
	}
}

static void request_field(const struct bh_ber *f, struct said *s)
{
	if (f->tag == CONTEXT(3))
		padata(f, &s->a);
	else if (f->tag == CONTEXT(4))
		request_body(f, &s->a);
}

static void reply_field(const struct bh_ber *f, struct said *s)
{
	switch (f->tag) {
	case CONTEXT(3):
		string(f, s->a.realm, sizeof s->a.realm);
		break;
	case CONTEXT(4):
		principal(f, s->a.cname, sizeof s->a.cname);
		break;
	case CONTEXT(5):
		ticket(f, s);
		break;
	case CONTEXT(6):
		s->etype_reply = etype_of(f);
		break;
	}
}

static void error_field(const struct bh_ber *f, struct said *s)
{
	switch (f->tag) {
	case CONTEXT(6):
		s->error = integer(f);
		break;
	case CONTEXT(8):
		principal(f, s->a.cname, sizeof s->a.cname);
		break;
	case CONTEXT(9):
		string(f, s->a.realm, sizeof s->a.realm);
		break;
	case CONTEXT(10):
		principal(f, s->a.sname, sizeof s->a.sname);
		break;
	}
}

static int parse(const uint8_t *p, size_t n, struct said *s)
{
	struct bh_bytes b = bh_bytes(p, n);
	struct bh_ber msg, seq, version, type, f;
	unsigned t;

	if (bh_ber_next(&b, &msg) || (msg.tag & 0xe0) != APPLICATION(0) || bh_ber_only(&msg, SEQUENCE, &seq))
		return 1;
	t = msg.tag & 0x1f;
	if (bh_ber_next(&seq.in, &version) || integer(&version) != 5 || bh_ber_next(&seq.in, &type) || integer(&type) != t)
		return 1;
	s->a.type = (uint8_t)t;
	for (unsigned i = 0; i < BH_BER_MOST && !bh_ber_next(&seq.in, &f); i++) {
		if (t == BH_KRB_AS_REQ || t == BH_KRB_TGS_REQ)
			request_field(&f, s);
		else if (t == BH_KRB_AS_REP || t == BH_KRB_TGS_REP)
			reply_field(&f, s);
		else if (t == BH_KRB_ERROR)
			error_field(&f, s);
	}
	return 0;
}

/* ---- facts ---- */

static void emit(struct krb *k, const struct bh_event *ev)
{
	k->tcp.stream.facts++;
	k->out->emit(k->out->ctx, ev);
}

static const char *first_of(const char *a, const char *b)
{
	return a[0] ? a : b;
}

static void logon(struct krb *k, const struct bh_event *base, const struct bh_ev_krb *e)
{
	struct bh_event ev = *base;
	struct bh_ev_logon *l = &ev.u.logon;
	struct bh_text t;

	ev.kind = BH_EV_LOGON;
	l->via = BH_LOGON_KERBEROS;
	l->mech = BH_MECH_KERBEROS;
	l->result = e->type == BH_KRB_AS_REP ? BH_LOGON_OK : BH_LOGON_FAILED;
	l->status = (uint32_t)e->error;
	t = bh_text(l->user, sizeof l->user);
	bh_put(&t, e->cname);
	if (e->cname[0] && e->realm[0] && !strchr(e->cname, '@')) {
		bh_put(&t, "@");
		bh_put(&t, e->realm);
	}
	emit(k, &ev);
}

static bool about_the_account(int64_t error)
{
	return error == UNKNOWN_CLIENT || error == POLICY || error == REVOKED || error == KEY_EXPIRED || error == PREAUTH_FAILED;
}

/* a, the request, and s, its answer; either may be missing: type 0 */
static void tell(struct krb *k, const struct bh_event *base, const struct ask *a, const struct said *s)
{
	struct bh_event ev = *base;
	struct bh_ev_krb *e = &ev.u.krb;

	ev.kind = BH_EV_KRB;
	e->type = s->a.type ? s->a.type : a->type;
	e->error = (int32_t)s->error;
	e->etype_asked = a->etype;
	e->n_etypes = a->n_etypes;
	e->flags = a->flags;
	e->etype_ticket = s->etype_ticket;
	e->etype_reply = s->etype_reply;
	bh_strcpy(e->cname, sizeof e->cname, first_of(s->a.cname, a->cname));
	bh_strcpy(e->sname, sizeof e->sname, first_of(a->sname, s->a.sname));
	bh_strcpy(e->realm, sizeof e->realm, first_of(s->a.realm, a->realm));
	emit(k, &ev);
	if (e->type == BH_KRB_AS_REP ||
		(e->type == BH_KRB_ERROR && (a->type ? a->type == BH_KRB_AS_REQ && about_the_account(s->error) : s->error == PREAUTH_FAILED)))
		logon(k, base, e);
}

static void unanswered(struct krb *k, const struct bh_event *base, struct ask *a)
{
	if (a->type)
		tell(k, base, a, &(struct said){.error = 0});
	a->type = 0;
}

/* answered: base says that the client really asked */
static void message(struct krb *k, const struct bh_event *base, struct ask *a, const struct said *s)
{
	switch (s->a.type) {
	case BH_KRB_AS_REQ:
	case BH_KRB_TGS_REQ:
		if (memcmp(a, &s->a, sizeof *a) != 0)
			unanswered(k, base, a);
		memcpy(a, &s->a, sizeof *a);
		break;
	case BH_KRB_AS_REP:
	case BH_KRB_TGS_REP:
	case BH_KRB_ERROR:
		tell(k, base, a, s);
		memset(a, 0, sizeof *a);
		break;
	}
}

static bool an_answer(const struct said *s)
{
	return s->a.type == BH_KRB_AS_REP || s->a.type == BH_KRB_TGS_REP || s->a.type == BH_KRB_ERROR;
}

/* ---- over TCP: a length of 4 bytes, then the message ---- */

static uint32_t tcp_length(const struct bh_stream_conn *c, unsigned d, const uint8_t *p, bool lost)
{
	struct bh_bytes b = bh_bytes(p, 4);
	uint32_t len = bh_be32(&b);

	return len >= 8 && len <= LONGEST && (p[4] & 0xe0) == APPLICATION(0) ? len + 4 : 0;
}

static void tcp_message(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total)
{
	struct said s = {.error = 0};
	struct bh_event base;

	if (parse(p + 4, n - 4, &s)) {
		u->stream.malformed++;
		return;
	}
	bh_stream_event(c, BH_EV_KRB, BH_APP_KERBEROS, an_answer(&s), &base);
	message(u->owner, &base, (struct ask *)c->mine, &s);
}

static void tcp_end(struct bh_pdu *u, struct bh_stream_conn *c)
{
	struct bh_event base;

	bh_stream_event(c, BH_EV_KRB, BH_APP_KERBEROS, false, &base);
	unanswered(u->owner, &base, (struct ask *)c->mine);
}

static const struct bh_pdu_ops tcp_ops = {
	.head = 5,
	.keep = KEEP,
	.mine = sizeof(struct ask),
	.server_port = kerberos_port,
	.length = tcp_length,
	.message = tcp_message,
	.end = tcp_end,
};

/* ---- over UDP ---- */

static void udp_base(const struct bh_event *proto, bool answered, struct bh_event *ret)
{
	*ret = *proto;
	memset(&ret->u, 0, sizeof ret->u);
	ret->app = BH_APP_KERBEROS;
	ret->outcome = 0;
	ret->flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if (answered)
		ret->flags |= BH_EVF_TWOWAY;
}

static void udp_forget(struct krb *k, struct udp *t)
{
	struct bh_event base;

	udp_base(&t->proto, false, &base);
	unanswered(k, &base, &t->ask);
}

static struct udp *udp_of(struct krb *k, uint64_t flow_id)
{
	uint32_t i = bh_pool_find(&k->udps, flow_id);
	bool evicted = false;

	if (i != BH_POOL_NONE)
		return &k->udp[i];
	i = bh_pool_add(&k->udps, flow_id, &evicted);
	if (evicted)
		udp_forget(k, &k->udp[i]);
	memset(&k->udp[i], 0, sizeof k->udp[i]);
	return &k->udp[i];
}

static void udp_packet(struct krb *k, const struct bh_dissect_in *in)
{
	uint64_t hash = bh_hash(in->payload, in->len, 0);
	struct said s = {.error = 0};
	struct bh_event base;
	struct udp *t;

	k->udp_messages++;
	if (parse(in->payload, in->len, &s)) {
		k->udp_malformed++;
		return;
	}
	t = udp_of(k, in->flow_id);
	if (t->last[an_answer(&s)] == hash)
		return;
	t->last[an_answer(&s)] = hash;
	t->proto = *in->proto;
	if (kerberos_port(t->proto.sport) && !kerberos_port(t->proto.dport))
		bh_event_swap(&t->proto);
	udp_base(&t->proto, an_answer(&s) && (in->flags & BH_EVF_TWOWAY), &base);
	message(k, &base, &t->ask, &s);
}

/* ---- the table's ---- */

static void krb_close(void *state)
{
	struct krb *k = state;

	if (!k)
		return;
	bh_stream_fini(&k->tcp.stream);
	bh_pool_fini(&k->udps);
	free(k->udp);
	free(k);
}

static void *krb_open(uint64_t seed)
{
	struct krb *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	k->tcp.owner = k;
	if (bh_pdu_init(&k->tcp, &tcp_ops, TCP_BITS, WINDOW_BITS) || bh_pool_init(&k->udps, UDP_BITS)) {
		krb_close(k);
		return NULL;
	}
	k->udp = calloc(k->udps.n, sizeof *k->udp);
	if (!k->udp) {
		krb_close(k);
		return NULL;
	}
	return k;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct krb *k = state;

	k->out = out;
	if (in->pkt->what == BH_WHAT_TCP)
		bh_stream_packet(&k->tcp.stream, in, out);
	else
		udp_packet(k, in);
	k->out = NULL;
}

static void flow_end(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out)
{
	struct krb *k = state;
	uint32_t i = bh_pool_find(&k->udps, flow_id);

	k->out = out;
	bh_stream_end(&k->tcp.stream, flow_slot, flow_id, out);
	if (i != BH_POOL_NONE) {
		udp_forget(k, &k->udp[i]);
		bh_pool_drop(&k->udps, i);
	}
	k->out = NULL;
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct krb *k = state;

	bh_pdu_counters(&k->tcp, each, ctx);
	each(ctx, "udp_messages", k->udp_messages);
	each(ctx, "udp_malformed", k->udp_malformed);
	each(ctx, "udp_evicted", k->udps.evicted);
}

static size_t memory_bytes(const void *state)
{
	const struct krb *k = state;

	return sizeof *k + bh_stream_bytes(&k->tcp.stream) + bh_pool_bytes(&k->udps) + k->udps.n * sizeof *k->udp;
}

extern const struct bh_dissector bh_dissector_kerberos;
const struct bh_dissector bh_dissector_kerberos = {
	.name = "kerberos",
	.doc = "Kerberos: exchanges with a KDC, their names, encryption types and errors; logons",
	.wants = wants,
	.open = krb_open,
	.close = krb_close,
	.packet = packet,
	.flow_end = flow_end,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
