/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/1: requests that manage a host (WinRM, /wsman) or look at a share (WebDAV), and logons (RFC 9112, RFC 4559)
 *
 * Only heads are read. A body is passed over by its Content-Length; when it has none, by waiting for a segment that begins like a
 * head. A request is told with the status of its answer, and a connection that makes many of a kind tells the first sixteen, then
 * every doubling, and whenever the status changes.
 *
 * Logons: NTLM is told at its proof; 401 to a request that carried a final proof is a failure, 2xx a success. 403 and 5xx say
 * nothing about who somebody is. A success is told again only after something else was. Of Basic credentials the name is taken up
 * to the colon; every line is wiped when it was read. What stands behind '?' in a path is left out, for passwords are found there, too.
 */
#include <stdlib.h>

#include "ntlm.h"
#include "stream.h"

#define CONN_BITS 10
#define WINDOW_BITS 6
#define LINE 1536
#define LINES 128
#define ALWAYS 16

enum mode { FREE, HEAD, BODY };

struct side {
	uint8_t mode;
	uint8_t lines;
	uint16_t len;  /* of the line, as far as it is kept */
	bool chunked, sized;
	uint64_t body; /* bytes left */
	char line[LINE];
};
struct request {
	bool open, wanted, final; /* final: its answer says whether the logon succeeded */
	bool head;		  /* HEAD: no body in the answer */
	struct bh_ev_http e;
	struct bh_ev_logon l;
};
struct conn {
	struct side side[2];
	struct request rq;
	uint32_t outstanding;
	uint32_t count;
	uint16_t status;      /* of the answer being read */
	uint16_t told_status; /* of the last request told */
	bool proving;	      /* the answer goes on with the handshake */
	bool told_ok;
	uint64_t challenge;
};

static bool http_port(uint16_t port)
{
	return port == 80 || port == 8080 || port == 5985 || port == 47001;
}

static const char *const methods[] = {"GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "PROPFIND ", "DELETE ", "PATCH ", "CONNECT ", "PROPPATCH ",
	"MKCOL ", "MOVE ", "COPY ", "LOCK ", "UNLOCK ", "REPORT ", "SEARCH ", "TRACE ", "RPC_IN_DATA ", "RPC_OUT_DATA ", "BITS_POST "};

/* length of the method with its blank; when less is shown, that much has to fit */
static size_t method_begins(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < BH_COUNT(methods); i++) {
		size_t len = strlen(methods[i]);

		if (p[0] == (uint8_t)methods[i][0] && !memcmp(p, methods[i], len < n ? len : n))
			return len;
	}
	return 0;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	size_t m;

	if (pkt->what != BH_WHAT_TCP)
		return false;
	if (http_port(pkt->sport) || http_port(pkt->dport) || app == BH_APP_HTTP)
		return true;
	if (pkt->payload_len < 16 || pkt->payload[0] < 'B' || pkt->payload[0] > 'U')
		return false;
	m = method_begins(pkt->payload, pkt->payload_len);
	return m && (pkt->payload[m] == '/' || pkt->payload[m] == '*');
}

/* ---- facts ---- */

static void tell_request(struct bh_stream *u, struct bh_stream_conn *c, uint16_t status)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	m->count++;
	if (m->count > ALWAYS && (m->count & (m->count - 1)) && status == m->told_status)
		return;
	m->told_status = status;
	bh_stream_event(c, BH_EV_HTTP, BH_APP_HTTP, status != 0, &ev);
	ev.u.http = m->rq.e;
	ev.u.http.count = m->count;
	ev.u.http.status = status;
	bh_stream_emit(u, &ev);
}

static void tell_logon(struct bh_stream *u, struct bh_stream_conn *c, enum bh_logon_result result, uint16_t status)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	if (result == BH_LOGON_OK && m->told_ok)
		return;
	m->told_ok = result == BH_LOGON_OK;
	bh_stream_event(c, BH_EV_LOGON, BH_APP_HTTP, c->heard[1], &ev);
	ev.u.logon = m->rq.l;
	ev.u.logon.via = BH_LOGON_HTTP;
	ev.u.logon.result = (uint8_t)result;
	ev.u.logon.status = result == BH_LOGON_FAILED ? status : 0;
	bh_stream_emit(u, &ev);
}

/* ---- lines of a head ---- */

static void field(char *out, size_t size, const char *p, size_t n)
{
	memset(out, 0, size);
	for (size_t i = 0; i < n && i + 1 < size; i++)
		out[i] = p[i] ? p[i] : '?';
}

/* The value of a header of this name: NULL = it is another. */
static const char *header(const char *p, size_t n, const char *name, size_t *ret_n)
{
	size_t len = strlen(name);

	if (n <= len || p[len] != ':' || strncasecmp(p, name, len) != 0)
		return NULL;
	p += len + 1;
	n -= len + 1;
	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	*ret_n = n;
	return p;
}

/* What follows "Scheme ": NULL = another scheme. */
static const char *scheme(const char *p, size_t n, const char *name, size_t *ret_n)
{
	size_t len = strlen(name);

	if (n < len || strncasecmp(p, name, len) != 0 || (n > len && p[len] != ' '))
		return NULL;
	*ret_n = n > len ? n - len - 1 : 0;
	return p + len + (n > len);
}

/* the name in front of the colon, and nothing of what is behind it */
static void basic(struct bh_ev_logon *l, const char *p, size_t n)
{
	uint32_t v = 0;
	unsigned bits = 0;
	size_t len = 0;

	memset(l->user, 0, sizeof l->user);
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		int d = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 :
			c == '+' ? 62 : c == '/' ? 63 : -1;

		if (d < 0)
			break;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		c = (char)(v >> bits);
		if (c == ':')
			return;
		if (len + 1 < sizeof l->user)
			l->user[len++] = c ? c : '?';
	}
	memset(l->user, 0, sizeof l->user); /* no colon: all of it may be a secret */
}

static void digest(struct bh_ev_logon *l, const char *p, size_t n)
{
	const char *at = memmem(p, n, "username=\"", 10), *end;

	if (!at)
		return;
	at += 10;
	end = memchr(at, '"', n - (size_t)(at - p));
	field(l->user, sizeof l->user, at, end ? (size_t)(end - at) : 0);
}

static void token(struct conn *m, struct request *r, const char *p, size_t n, unsigned other)
{
	struct bh_ntlm t;

	r->l.mech = (uint8_t)other;
	r->final = true;
	if (bh_ntlm_find64(p, n, &t))
		return;
	r->l.mech = BH_MECH_NTLM;
	r->final = t.type == 3;
	if (t.type != 3)
		return;
	r->l.challenge = t.old ? 0 : m->challenge;
	r->l.proof = t.proof;
	memcpy(r->l.user, t.user, sizeof r->l.user);
	memcpy(r->l.workstation, t.workstation, sizeof r->l.workstation);
}

static void authorization(struct conn *m, const char *p, size_t n)
{
	struct request *r = &m->rq;
	const char *v;
	size_t k;

	r->wanted = true;
	if ((v = scheme(p, n, "Basic", &k))) {
		basic(&r->l, v, k);
		r->l.mech = BH_MECH_PASSWORD;
		r->final = true;
	} else if ((v = scheme(p, n, "Digest", &k))) {
		digest(&r->l, v, k);
		r->l.mech = BH_MECH_PASSWORD;
		r->final = true;
	} else if ((v = scheme(p, n, "NTLM", &k))) {
		token(m, r, v, k, BH_MECH_NTLM);
	} else if ((v = scheme(p, n, "Negotiate", &k)) || (v = scheme(p, n, "Kerberos", &k))) {
		token(m, r, v, k, BH_MECH_KERBEROS);
	}
}

/* 0, or 1: not a request */
static int request_line(struct conn *m, const char *p, size_t n, bool cut)
{
	size_t k = method_begins((const uint8_t *)p, n);
	const char *path = p + k, *end, *q;
	struct request *r = &m->rq;

	if (!k || k >= n)
		return 1;
	end = cut ? p + n : memrchr(path, ' ', n - k);
	if (!end || (!cut && (p + n - end < 7 || memcmp(end, " HTTP/", 6) != 0)))
		return 1;
	memset(r, 0, sizeof *r);
	r->open = true;
	r->head = k == 5 && p[0] == 'H';
	field(r->e.method, sizeof r->e.method, p, k - 1);
	/* of a whole URL only the path: in front of the host may be a password */
	q = memmem(path, (size_t)(end - path), "://", 3);
	if (q && !memchr(path, '/', (size_t)(q - path))) {
		q = memchr(q + 3, '/', (size_t)(end - q - 3));
		path = q ? q : end;
	}
	q = memrchr(path, '@', (size_t)(end - path));
	if (q && path[0] != '/')
		path = q + 1;
	q = memchr(path, '?', (size_t)(end - path));
	field(r->e.path, sizeof r->e.path, path, (size_t)((q ? q : end) - path));
	r->wanted = !strncasecmp(r->e.path, "/wsman", 6) || !strcmp(r->e.method, "OPTIONS") || !strcmp(r->e.method, "PROPFIND");
	return 0;
}

/* 0, or 1: not an answer */
static int status_line(struct conn *m, const char *p, size_t n)
{
	m->status = 0;
	m->proving = false;
	if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ')
		return 1;
	for (unsigned i = 9; i < 12; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 1;
		m->status = (uint16_t)(m->status * 10 + (p[i] - '0'));
	}
	return 0;
}

static void length_of_body(struct side *s, const char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n && p[i] >= '0' && p[i] <= '9' && v < UINT64_MAX / 100; i++)
		v = v * 10 + (uint64_t)(p[i] - '0');
	s->body = v;
	s->sized = true;
}

static void header_line(struct conn *m, unsigned d, const char *p, size_t n)
{
	struct side *s = &m->side[d];
	const char *v, *t;
	size_t k, len;
	struct bh_ntlm type2;

	if ((v = header(p, n, "Content-Length", &k))) {
		length_of_body(s, v, k);
	} else if (header(p, n, "Transfer-Encoding", &k)) {
		s->chunked = true;
	} else if (d == 0 && (v = header(p, n, "Host", &k))) {
		field(m->rq.e.host, sizeof m->rq.e.host, v, k);
	} else if (d == 0 && (v = header(p, n, "User-Agent", &k))) {
		field(m->rq.e.agent, sizeof m->rq.e.agent, v, k);
	} else if (d == 0 && (v = header(p, n, "Authorization", &k))) {
		authorization(m, v, k);
	} else if (d == 1 && (v = header(p, n, "WWW-Authenticate", &k))) {
		if (!(t = scheme(v, k, "NTLM", &len)) && !(t = scheme(v, k, "Negotiate", &len)) && !(t = scheme(v, k, "Kerberos", &len)))
			return;
		m->proving |= len > 8;
		if (!bh_ntlm_find64(t, len, &type2) && type2.type == 2)
			m->challenge = type2.challenge;
	}
}

/* ---- heads ---- */

static void asked(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;

	m->outstanding++;
	if (m->rq.l.proof)
		tell_logon(u, c, BH_LOGON_TRIED, 0);
}

static void answered(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;
	struct request *r = &m->rq;

	if (m->status < 200)
		return;
	m->outstanding -= m->outstanding > 0;
	if (!r->open || m->outstanding)
		return;
	if (r->wanted)
		tell_request(u, c, m->status);
	if (r->final && m->status == 401 && !m->proving)
		tell_logon(u, c, BH_LOGON_FAILED, m->status);
	else if (r->final && m->status < 300)
		tell_logon(u, c, BH_LOGON_OK, m->status);
	memset(r, 0, sizeof *r);
}

static void head_begins(struct bh_stream *u, struct bh_stream_conn *c, unsigned d)
{
	struct conn *m = (struct conn *)c->mine;
	struct side *s = &m->side[d];

	s->mode = HEAD;
	s->lines = 0;
	s->len = 0;
	s->body = 0;
	s->chunked = s->sized = false;
	if (d == 0 && m->rq.open && m->rq.wanted)
		tell_request(u, c, 0);
	if (d == 0)
		m->rq.open = false;
}

static void head_ends(struct bh_stream *u, struct bh_stream_conn *c, unsigned d)
{
	struct conn *m = (struct conn *)c->mine;
	struct side *s = &m->side[d];
	bool none = d == 1 && (m->status < 200 || m->status == 204 || m->status == 304 || (m->rq.open && m->rq.head));

	c->untrusted[d] = false;
	if (d == 0)
		asked(u, c);
	else
		answered(u, c);
	if (none || (d == 0 && !s->chunked && !s->sized))
		s->body = 0;
	/* without a length: until the next segment that begins like a head */
	s->mode = none || (s->sized && !s->chunked) || (d == 0 && !s->chunked) ? BODY : FREE;
}

/* a whole line, without its end */
static void line(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, bool cut)
{
	struct conn *m = (struct conn *)c->mine;
	struct side *s = &m->side[d];
	size_t n = s->len;

	if (!cut && n && s->line[n - 1] == '\r')
		n--;
	s->len = 0;
	if (!s->lines) {
		if (d ? status_line(m, s->line, n) : request_line(m, s->line, n, cut)) {
			s->mode = FREE;
			u->malformed++;
		}
	} else if (!n) {
		head_ends(u, c, d);
		return;
	} else {
		header_line(m, d, s->line, n);
	}
	memset(s->line, 0, n); /* whatever secret was in it */
	if (++s->lines == LINES)
		s->mode = FREE;
}

static uint32_t gather(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct side *s = &((struct conn *)c->mine)->side[d];
	const uint8_t *end = memchr(p, '\n', n);
	uint32_t k = end ? (uint32_t)(end - p) : n, room = LINE - (uint32_t)s->len, take = k < room ? k : room;

	memcpy(s->line + s->len, p, take);
	s->len = (uint16_t)(s->len + take);
	if (!end)
		return n;
	line(u, c, d, s->len == LINE);
	return k + 1;
}

static bool head_like(unsigned d, const uint8_t *p, uint32_t n)
{
	return d ? !memcmp(p, "HTTP/1.", n < 7 ? n : 7) : method_begins(p, n) != 0;
}

/* A call begins where a segment began. */
static void bytes(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct side *s = &((struct conn *)c->mine)->side[d];

	if (s->mode == FREE) {
		if (!head_like(d, p, n))
			return;
		head_begins(u, c, d);
	}
	while (n) {
		uint32_t k;

		switch (s->mode) {
		case HEAD:
			k = gather(u, c, d, p, n);
			break;
		case BODY:
			k = n < s->body ? n : (uint32_t)s->body;
			s->body -= k;
			if (k == n)
				break;
			if (!head_like(d, p + k, n - k)) {
				s->mode = FREE;
				return;
			}
			head_begins(u, c, d);
			break;
		default:
			return;
		}
		p += k;
		n -= k;
	}
}

static bool missing(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	struct side *s = &((struct conn *)c->mine)->side[d];

	if (s->mode == BODY && s->body >= n) {
		s->body -= n;
		return false;
	}
	s->mode = FREE;
	memset(s->line, 0, s->len);
	return true;
}

static void end(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;

	if (m->rq.open && m->rq.wanted)
		tell_request(u, c, 0);
	memset(m->side, 0, sizeof m->side);
}

/* ---- the table's ---- */

static const struct bh_stream_ops ops = {
	.mine = sizeof(struct conn),
	.server_port = http_port,
	.bytes = bytes,
	.missing = missing,
	.end = end,
};

static void *http_open(uint64_t seed)
{
	return bh_stream_open(&ops, CONN_BITS, WINDOW_BITS);
}

extern const struct bh_dissector bh_dissector_http;
const struct bh_dissector bh_dissector_http = {
	.name = "http",
	.doc = "HTTP/1: requests to WinRM, WebDAV and with credentials; logons",
	.wants = wants,
	.open = http_open,
	.close = bh_stream_close,
	.packet = bh_stream_packet,
	.flow_end = bh_stream_end,
	.counters = bh_stream_counters,
	.memory_bytes = bh_stream_bytes,
};
