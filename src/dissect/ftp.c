/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FTP: logons on the control connection (RFC 959)
 *
 * USER gives the name; the answer to PASS, or to USER where no password is asked, says what came of it. Of a client's line only
 * the command is kept, and what follows USER: a password is never stored. After "AUTH TLS" was accepted, and when the first bytes
 * are no control connection, packets are only counted.
 */
#include <stdlib.h>

#include "stream.h"

#define PORT 21
#define CONN_BITS 10
#define WINDOW_BITS 3

enum pending { NOTHING, USER, PASS, AUTH };

struct side {
	uint32_t len; /* of the line so far */
	char start[5];
	bool begun;
};
struct conn {
	struct side side[2];
	uint8_t pending; /* the command that waits for an answer */
	uint8_t passes;	 /* sent and not answered: a client may send ahead */
	char user[64];
};

static bool ftp_port(uint16_t port)
{
	return port == PORT;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP && (pkt->sport == PORT || pkt->dport == PORT || app == BH_APP_FTP);
}

static void tell(struct bh_stream *u, struct bh_stream_conn *c, enum bh_logon_result result, unsigned code)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	bh_stream_event(c, BH_EV_LOGON, BH_APP_FTP, true, &ev);
	ev.u.logon.via = BH_LOGON_FTP;
	ev.u.logon.mech = !strcasecmp(m->user, "anonymous") || !strcasecmp(m->user, "ftp") ? BH_MECH_ANONYMOUS : BH_MECH_PASSWORD;
	ev.u.logon.result = (uint8_t)result;
	ev.u.logon.status = code;
	memcpy(ev.u.logon.user, m->user, sizeof ev.u.logon.user);
	bh_stream_emit(u, &ev);
}

static void command(struct conn *m)
{
	const char *s = m->side[0].start;
	char *end = strchr(m->user, '\r');

	if (end)
		memset(end, 0, sizeof m->user - (size_t)(end - m->user));
	if (!strncasecmp(s, "USER ", 5))
		m->pending = USER;
	else if (!strncasecmp(s, "PASS", 4))
		m->pending = PASS, m->passes += m->passes < UINT8_MAX;
	else if (!strncasecmp(s, "AUTH ", 5))
		m->pending = AUTH;
	else
		m->pending = NOTHING;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static void reply(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;
	const char *s = m->side[1].start;
	unsigned code;

	if (!digit(s[0]) || !digit(s[1]) || !digit(s[2]) || (s[3] != ' ' && s[3] != '-'))
		return; /* a line in the middle of an answer */
	code = (unsigned)(s[0] - '0') * 100 + (unsigned)(s[1] - '0') * 10 + (unsigned)(s[2] - '0');
	if (code < 200)
		return;
	c->untrusted[0] = c->untrusted[1] = false;
	if (code == 331 && m->passes)
		return; /* to the USER before */
	if ((code == 230 || code == 530 || code == 430) && (m->passes || m->pending == USER))
		tell(u, c, code == 230 ? BH_LOGON_OK : BH_LOGON_FAILED, code == 230 ? 0 : code);
	else if (code == 234 && m->pending == AUTH)
		c->off[0] = c->off[1] = true;
	if (m->passes && --m->passes)
		return;
	m->pending = NOTHING;
}

static void character(struct conn *m, unsigned d, char ch)
{
	struct side *s = &m->side[d];
	uint32_t at = s->len++;

	if (at < sizeof s->start) {
		s->start[at] = ch;
		if (d == 0 && at == 4 && !strncasecmp(s->start, "USER ", 5))
			memset(m->user, 0, sizeof m->user);
	} else if (d == 0 && at - 5 < sizeof m->user - 1 && !strncasecmp(s->start, "USER ", 5)) {
		m->user[at - 5] = ch ? ch : '?';
	}
}

static bool control(unsigned d, uint8_t first)
{
	return d ? digit((char)first) : (first | 0x20) >= 'a' && (first | 0x20) <= 'z';
}

static void bytes(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;
	struct side *s = &m->side[d];

	if (!s->begun && !c->late && !control(d, p[0])) {
		u->malformed++;
		c->off[0] = c->off[1] = true;
		return;
	}
	s->begun = true;
	for (uint32_t i = 0; i < n && !c->off[d]; i++) {
		if (p[i] != '\n') {
			character(m, d, (char)p[i]);
			continue;
		}
		if (d)
			reply(u, c);
		else
			command(m);
		memset(s->start, 0, sizeof s->start);
		s->len = 0;
	}
}

/* the line is lost, and so is what it said */
static bool missing(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;

	memset(m->side[d].start, 0, sizeof m->side[d].start);
	m->side[d].len = sizeof m->side[d].start; /* up to the next end of line */
	m->pending = NOTHING;
	m->passes = 0;
	return true;
}

static const struct bh_stream_ops ops = {
	.mine = sizeof(struct conn),
	.server_port = ftp_port,
	.bytes = bytes,
	.missing = missing,
};

static void *ftp_open(uint64_t seed)
{
	return bh_stream_open(&ops, CONN_BITS, WINDOW_BITS);
}

extern const struct bh_dissector bh_dissector_ftp;
const struct bh_dissector bh_dissector_ftp = {
	.name = "ftp",
	.doc = "FTP: logons on the control connection",
	.wants = wants,
	.open = ftp_open,
	.close = bh_stream_close,
	.packet = bh_stream_packet,
	.flow_end = bh_stream_end,
	.counters = bh_stream_counters,
	.memory_bytes = bh_stream_bytes,
};
