/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LDAP: who binds, what is searched for and how much comes back (RFC 4511)
 *
 * A bind is told with its answer, as a logon; NTLM inside it, wrapped in SPNEGO or in Microsoft's own forms (tags 8a and 8b,
 * [MS-ADTS] 5.1.1.1.3), is told at the proof too. A password is passed over while the request is read and its bytes are wiped
 * behind it.
 *
 * A search is told twice: as it is asked, and when it is done, with what came. Sixteen may be outstanding on a connection.
 *
 * After a SASL bind messages may be wrapped behind a length of 4 bytes, one or several together. Sealed ones, and TLS after
 * StartTLS, are stepped over. Signed ones are read: Kerberos with AES puts its 28 bytes in front (RFC 4121 4.2.6.2, rotated as
 * Windows does), so that the wrapping is a message of its own and what it holds are the next; NTLM has 16.
 */
#include <stdlib.h>

#include "ber.h"
#include "ntlm.h"
#include "pdu.h"

#define HEAD 7		 /* the shortest message */
#define KERBEROS_SIGNED 32 /* length, header, checksum */
#define NTLM_SIGNED 20
#define CONN_BITS 9
#define WINDOW_BITS 5
#define LONGEST (1u << 24)
#define SEARCHES 16

enum { BOOLEAN = 0x01, INTEGER = 0x02, OCTETS = 0x04, ENUMERATED = 0x0a, SEQUENCE = 0x30 };
enum { BIND = 0x60, BIND_ANSWER = 0x61, SEARCH = 0x63, ENTRY = 0x64, DONE = 0x65, REFERENCE = 0x73 };
enum { SIMPLE = 0x80, SASL = 0xa3, SICILY_FIRST = 0x89, SICILY_LAST = 0x8b };
enum { RESULT_OK = 0, RESULT_IN_PROGRESS = 14, RESULT_INVALID_CREDENTIALS = 49 };

struct search {
	uint32_t id, used; /* used: 0 = free, else when */
	struct bh_ev_ldap e;
};
struct conn {
	uint32_t clock;
	bool binding;
	struct bh_ev_logon bind;
	struct search search[SEARCHES];
};

static bool ldap_port(uint16_t port)
{
	return port == 389 || port == 3268;
}

/* SEQUENCE { messageID, bind { version …: callbacks go to any port */
static bool bind_begins(const uint8_t *p, uint32_t n)
{
	return n >= 10 && p[0] == SEQUENCE && p[1] < 0x80 && p[2] == INTEGER && p[3] == 1 && p[5] == BIND && p[7] == INTEGER && p[8] == 1 &&
	       (p[9] == 2 || p[9] == 3);
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP && (ldap_port(pkt->sport) || ldap_port(pkt->dport) || app == BH_APP_LDAP ||
						   bind_begins(pkt->payload, pkt->payload_len));
}

/* ---- frames ---- */

enum kind { NOTHING, PLAIN, SIGNED, WRAPPED, TLS };

static enum kind kind_of(const uint8_t *p)
{
	if (p[0] == SEQUENCE)
		return PLAIN;
	if (p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4)
		return TLS;
	if (p[0] == 0 && p[4] == 5 && p[5] == 4 && !(p[6] & 2))
		return SIGNED;
	/* a token of Kerberos (new and old form) or of NTLM */
	if (p[0] == 0 && ((p[4] == 5 && p[5] == 4) || (p[4] == 0x60 && p[5] >= 0x10) || (p[4] == 1 && p[5] == 0)))
		return WRAPPED;
	return NOTHING;
}

static uint32_t length(const struct bh_stream_conn *c, unsigned d, const uint8_t *p, bool lost)
{
	uint32_t total = 0;
	struct bh_bytes b = bh_bytes(p, HEAD);

	switch (kind_of(p)) {
	case PLAIN:
		total = bh_ber_total(p, HEAD);
		if (p[1] < 0x80 && p[2] != INTEGER)
			return 0;
		break;
	case SIGNED:
		return bh_be32(&b) + 4 > KERBEROS_SIGNED ? KERBEROS_SIGNED : 0;
	case WRAPPED:
		total = bh_be32(&b) + 4;
		break;
	case TLS:
		bh_skip(&b, 3);
		total = bh_be16(&b) + 5u;
		break;
	case NOTHING:
		break;
	}
	return total <= LONGEST ? total : 0;
}

/* ---- the filter as text ---- */

struct level {
	struct bh_bytes in;
	bool open; /* wants a ')' behind it */
};

static void value(struct bh_text *t, struct bh_bytes b)
{
	while (b.left && !t->truncated) {
		uint8_t c = bh_u8(&b);

		if (c < ' ' || c > '~' || c == '*' || c == '(' || c == ')' || c == '\\')
			bh_putf(t, "\\%02x", c);
		else
			bh_putn(t, (const char[]){(char)c}, 1);
	}
}

/* attribute, operator, value */
static void comparison(struct bh_text *t, const struct bh_ber *f, const char *operator)
{
	struct bh_bytes b = f->in;
	struct bh_ber e;

	if (!bh_ber_next(&b, &e))
		value(t, e.in);
	bh_put(t, operator);
	if (!bh_ber_next(&b, &e))
		value(t, e.in);
}

/* type, SEQUENCE OF { [0] initial | [1] any | [2] final } */
static void substrings(struct bh_text *t, const struct bh_ber *f)
{
	struct bh_bytes b = f->in;
	struct bh_ber e, list;
	uint8_t last = 0;

	if (bh_ber_next(&b, &e))
		return;
	value(t, e.in);
	bh_put(t, "=");
	if (bh_ber_next(&b, &list))
		return;
	for (unsigned i = 0; i < BH_BER_MOST && !bh_ber_next(&list.in, &e); i++) {
		last = e.tag;
		if (e.tag != 0x80)
			bh_put(t, "*");
		value(t, e.in);
	}
	if (last != 0x82)
		bh_put(t, "*");
}

/* [1] rule, [2] type, [3] value, [4] also the parts of the name */
static void extensible(struct bh_text *t, const struct bh_ber *f)
{
	struct bh_bytes part[4] = {{0}}, b = f->in;
	struct bh_ber e;

	for (unsigned i = 0; i < 4 && !bh_ber_next(&b, &e); i++)
		if (e.tag >= 0x81 && e.tag <= 0x84)
			part[e.tag - 0x81] = e.in;
	value(t, part[1]);
	bh_put(t, part[3].left && part[3].p[0] ? ":dn" : "");
	if (part[0].left) {
		bh_put(t, ":");
		value(t, part[0]);
	}
	bh_put(t, ":=");
	value(t, part[2]);
}

/* false: a list, whose parts are to come */
static bool simple_filter(struct bh_text *t, const struct bh_ber *f)
{
	switch (f->tag) {
	case 0xa0:
		bh_put(t, "(&");
		return false;
	case 0xa1:
		bh_put(t, "(|");
		return false;
	case 0xa2:
		bh_put(t, "(!");
		return false;
	}
	bh_put(t, "(");
	switch (f->tag) {
	case 0xa3:
		comparison(t, f, "=");
		break;
	case 0xa4:
		substrings(t, f);
		break;
	case 0xa5:
		comparison(t, f, ">=");
		break;
	case 0xa6:
		comparison(t, f, "<=");
		break;
	case 0x87:
		value(t, f->in);
		bh_put(t, "=*");
		break;
	case 0xa8:
		comparison(t, f, "~=");
		break;
	case 0xa9:
		extensible(t, f);
		break;
	default:
		bh_put(t, "?");
	}
	bh_put(t, ")");
	return true;
}

static void filter(const struct bh_ber *top, char *out, size_t size)
{
	struct bh_text t = bh_text(out, size);
	struct level level[BH_BER_DEEP];
	unsigned deep = 0, n = 0;
	struct bh_ber f = *top;

	for (;;) {
		if (!simple_filter(&t, &f)) {
			if (deep == BH_BER_DEEP)
				return;
			level[deep++].in = f.in;
		}
		while (deep && bh_ber_next(&level[deep - 1].in, &f)) {
			bh_put(&t, ")");
			deep--;
		}
		if (!deep || ++n == BH_BER_MOST || t.truncated)
			return;
	}
}

/* ---- searches ---- */

static struct search *search_of(struct conn *m, uint32_t id, bool make)
{
	struct search *old = &m->search[0];

	for (unsigned i = 0; i < SEARCHES; i++) {
		struct search *s = &m->search[i];

		if (s->used && s->id == id) {
			s->used = ++m->clock;
			return s;
		}
		if (s->used < old->used)
			old = s;
	}
	if (!make)
		return NULL;
	memset(old, 0, sizeof *old);
	old->id = id;
	old->used = ++m->clock;
	return old;
}

static void tell_search(struct bh_pdu *u, struct bh_stream_conn *c, const struct bh_ev_ldap *e)
{
	struct bh_event ev;

	bh_stream_event(c, BH_EV_LDAP, BH_APP_LDAP, c->heard[1], &ev);
	ev.u.ldap = *e;
	bh_stream_emit(&u->stream, &ev);
}

/* base, scope, aliases, two limits, only the types, filter, attributes */
static void search_asked(struct bh_pdu *u, struct bh_stream_conn *c, uint32_t id, struct bh_bytes b)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_ber base, scope, e;
	struct search *s;

	if (bh_ber_next(&b, &base) || base.tag != OCTETS || bh_ber_next(&b, &scope) || scope.tag != ENUMERATED) {
		u->stream.malformed++;
		return;
	}
	s = search_of(m, id, true);
	memset(&s->e, 0, sizeof s->e);
	s->e.op = BH_LDAP_SEARCH;
	s->e.scope = (uint8_t)bh_ber_int(&scope);
	bh_ber_text(&base, s->e.base, sizeof s->e.base);
	for (unsigned i = 0; i < 4; i++)
		if (bh_ber_next(&b, &e))
			break;
	if (!bh_ber_next(&b, &e))
		filter(&e, s->e.filter, sizeof s->e.filter);
	tell_search(u, c, &s->e);
}

/* attributes that make a client load a class (RFC 2713), in what is kept of the entry */
static bool java(struct bh_bytes b)
{
	static const char *const names[] = {"javaClassName", "javaSerializedData", "javaCodeBase", "javaFactory", "javaRemoteLocation"};

	for (unsigned i = 0; i < BH_COUNT(names); i++)
		if (b.left && memmem(b.p, b.left, names[i], strlen(names[i])))
			return true;
	return false;
}

/* the entry's name comes first, and may be longer than what is kept: only its length is read */
static bool long_name(struct bh_bytes b)
{
	uint32_t n = 0;
	uint8_t tag = bh_u8(&b), first = bh_u8(&b);

	if (tag != 0x04 || first < 0x81 || first > 0x84)
		return false;
	for (unsigned i = 0; i < (first & 7u); i++)
		n = n << 8 | bh_u8(&b);
	return !b.bad && n > 1024;
}

static void search_answered(struct bh_pdu *u, struct bh_stream_conn *c, uint32_t id, const struct bh_ber *op, uint32_t total)
{
	struct search *s = search_of((struct conn *)c->mine, id, true);
	struct bh_bytes b = op->in;
	struct bh_ber e;

	s->e.bytes += total;
	if (op->tag == ENTRY) {
		s->e.entries++;
		if (java(op->in))
			s->e.flags |= BH_LDAP_F_JAVA;
		if (long_name(op->in))
			s->e.flags |= BH_LDAP_F_LONG;
	}
	if (op->tag != DONE)
		return;
	s->e.op = BH_LDAP_DONE;
	s->e.result = bh_ber_next(&b, &e) || e.tag != ENUMERATED ? 0 : (uint16_t)bh_ber_int(&e);
	tell_search(u, c, &s->e);
	memset(s, 0, sizeof *s);
}

/* ---- binds ---- */

static void tell_logon(struct bh_pdu *u, struct bh_stream_conn *c, const struct bh_ev_logon *l)
{
	struct bh_event ev;

	bh_stream_event(c, BH_EV_LOGON, BH_APP_LDAP, c->heard[1], &ev);
	ev.u.logon = *l;
	bh_stream_emit(&u->stream, &ev);
}

static void ntlm(struct bh_pdu *u, struct bh_stream_conn *c, const uint8_t *p, size_t n)
{
	struct bh_ev_logon *l = &((struct conn *)c->mine)->bind;
	struct bh_ntlm m;

	if (bh_ntlm_find(p, n, &m))
		return;
	l->mech = BH_MECH_NTLM;
	if (m.type == 2)
		l->challenge = m.challenge;
	if (m.type != 3)
		return;
	l->proof = m.proof;
	if (m.old)
		l->challenge = 0;
	memcpy(l->user, m.user, sizeof l->user);
	memcpy(l->workstation, m.workstation, sizeof l->workstation);
	l->result = BH_LOGON_TRIED;
	tell_logon(u, c, l);
}

/* version, name, [0] password or [3] SEQUENCE { mechanism, token } */
static void bind_asked(struct bh_pdu *u, struct bh_stream_conn *c, struct bh_bytes b)
{
	struct conn *m = (struct conn *)c->mine;
	uint64_t challenge = m->bind.challenge;
	struct bh_ber e, name, auth, mech;

	if (bh_ber_next(&b, &e) || e.tag != INTEGER || bh_ber_next(&b, &name) || name.tag != OCTETS || bh_ber_next(&b, &auth)) {
		u->stream.malformed++;
		return;
	}
	m->binding = true;
	memset(&m->bind, 0, sizeof m->bind);
	m->bind.via = BH_LOGON_LDAP;
	if (auth.tag == SIMPLE) {
		m->bind.mech = auth.len ? BH_MECH_PASSWORD : BH_MECH_ANONYMOUS;
		bh_ber_text(&name, m->bind.user, sizeof m->bind.user);
	} else if (auth.tag == SASL) {
		m->bind.challenge = challenge;
		if (!bh_ber_next(&auth.in, &mech) && mech.in.left >= 3 && !memcmp(mech.in.p, "GSS", 3))
			m->bind.mech = BH_MECH_KERBEROS;
		ntlm(u, c, auth.in.p, auth.in.left);
	} else if (auth.tag >= SICILY_FIRST && auth.tag <= SICILY_LAST) {
		m->bind.challenge = challenge;
		m->bind.mech = BH_MECH_NTLM;
		ntlm(u, c, auth.in.p, auth.in.left);
	}
}

static void bind_answered(struct bh_pdu *u, struct bh_stream_conn *c, const struct bh_ber *op)
{
	static const uint8_t kerberos[] = {0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02}; /* the mechanism's name */
	struct conn *m = (struct conn *)c->mine;
	struct bh_bytes b = op->in;
	struct bh_ber e;
	int64_t result;
	struct bh_ntlm n;

	if (bh_ber_next(&b, &e) || e.tag != ENUMERATED) {
		u->stream.malformed++;
		return;
	}
	result = bh_ber_int(&e);
	if (!bh_ntlm_find(op->in.p, op->in.left, &n) && n.type == 2) { /* the other forms say "done" to this, too */
		m->bind.challenge = n.challenge;
		return;
	}
	if (result == RESULT_IN_PROGRESS || (m->bind.mech == BH_MECH_NTLM && !m->bind.result && result == RESULT_OK))
		return;
	if (!m->binding && memmem(op->in.p, op->in.left, kerberos, sizeof kerberos)) /* the question was not seen */
		m->bind.mech = BH_MECH_KERBEROS;
	m->bind.via = BH_LOGON_LDAP;
	m->bind.status = (uint32_t)result;
	m->bind.result = result == RESULT_OK ? BH_LOGON_OK : result == RESULT_INVALID_CREDENTIALS ? BH_LOGON_FAILED : BH_LOGON_REFUSED;
	tell_logon(u, c, &m->bind);
	memset(&m->bind, 0, sizeof m->bind);
	m->binding = false;
}

/* ---- messages ---- */

static void plain(struct bh_pdu *u, struct bh_stream_conn *c, struct bh_bytes b, uint32_t total)
{
	struct bh_ber msg, id, op;

	if (bh_ber_next(&b, &msg) || msg.tag != SEQUENCE || bh_ber_next(&msg.in, &id) || id.tag != INTEGER || bh_ber_next(&msg.in, &op)) {
		u->stream.malformed++;
		return;
	}
	switch (op.tag) {
	case BIND:
		bind_asked(u, c, op.in);
		break;
	case BIND_ANSWER:
		bind_answered(u, c, &op);
		break;
	case SEARCH:
		search_asked(u, c, (uint32_t)bh_ber_int(&id), op.in);
		break;
	case ENTRY:
	case REFERENCE:
	case DONE:
		search_answered(u, c, (uint32_t)bh_ber_int(&id), &op, total);
		break;
	}
}

static void message(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total)
{
	struct bh_bytes b = bh_bytes(p, n);

	if (kind_of(p) == PLAIN) {
		plain(u, c, b, total);
	} else if (kind_of(p) == WRAPPED && p[4] == 1 && bh_skip(&b, NTLM_SIGNED)) {
		for (unsigned i = 0; i < BH_BER_MOST && b.left > HEAD && b.p[0] == SEQUENCE; i++) {
			uint32_t len = bh_ber_total(b.p, b.left);

			if (!len)
				break;
			plain(u, c, b, len);
			if (!bh_skip(&b, len))
				break;
		}
	}
	bh_pdu_wipe(u, c, d); /* there may have been a password in it */
}

/* ---- the table's ---- */

static const struct bh_pdu_ops ops = {
	.head = HEAD,
	.keep = BH_PDU_KEEP,
	.mine = sizeof(struct conn),
	.server_port = ldap_port,
	.length = length,
	.message = message,
};

static void *ldap_open(uint64_t seed)
{
	struct bh_pdu *u = calloc(1, sizeof *u);

	if (u && bh_pdu_init(u, &ops, CONN_BITS, WINDOW_BITS)) {
		bh_stream_close(u);
		return NULL;
	}
	return u;
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	bh_pdu_counters(state, each, ctx);
}

extern const struct bh_dissector bh_dissector_ldap;
const struct bh_dissector bh_dissector_ldap = {
	.name = "ldap",
	.doc = "LDAP: binds as logons, searches with their filters and the size of their answers",
	.wants = wants,
	.open = ldap_open,
	.close = bh_stream_close,
	.packet = bh_stream_packet,
	.flow_end = bh_stream_end,
	.counters = counters,
	.memory_bytes = bh_stream_bytes,
};
