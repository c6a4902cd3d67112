/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SSH: who speaks (RFC 4253 4.2), and from the sizes of what is encrypted, whether a logon succeeded
 *
 * Identification strings and key exchange are in clear up to each side's NEWKEYS. What follows is read by size, a segment for a
 * packet, for in this phase each side waits for the other (the idea is Zeek's SSH analyzer):
 *
 *   - The client's first asks for the service "ssh-userauth"; the server's first answer to it accepts. What the server sends
 *     before (EXT_INFO) does not count.
 *   - The accept holds 17 bytes, USERAUTH_SUCCESS one. With every cipher and MAC in use both are padded to blocks of 8 or 16 such
 *     that success is exactly 16 bytes shorter; no refusal is, for it names the methods that are left. Measured accept/success:
 *     48/32 (hmac-md5), 64/48 (hmac-sha2-256), 44/28 (chacha20-poly1305); refusals 80, 96, 76, 64.
 *   - A server's answer of another size ends a round that was refused. OpenSSH, PuTTY and libssh ask "none" first, a round of its own.
 *
 *   OK      a success was seen; or more than 16 kB came after the accept: six refusals, the most a server grants, and a long
 *           banner stay below 4 kB.
 *   FAILED  when the flow ends without one: two rounds refused, or one whose request was at least 32 bytes longer than the
 *           service request: it held more than a name. Measured: "none" is 16 longer, a password 32 (libssh) or 96 (OpenSSH, padded),
 *           a public key 260 and more. A name of 13 letters and more makes "none" look like that.
 *
 * One logon a connection, whatever was tried on it; status is the number of rounds refused. After a success, and when the first
 * bytes are nothing of SSH, packets are only counted. An attacker who splits or pads his segments makes himself unseen here; what
 * the server sends he cannot shape.
 */
#include <stdlib.h>

#include "stream.h"

#define PORT 22
#define CONN_BITS 10
#define WINDOW_BITS 4
#define LINES 8		    /* a server may greet before it says who it is */
#define PACKET_MOST 35000u  /* RFC 4253 6.1 */
#define SHORTER 16	    /* success than accept */
#define LONGER 32	    /* a request with a password in it than the service request */
#define OK_BYTES 16384

enum { NEWKEYS = 21, LAST_OF_KEX = 49 };
enum phase { IDENT, PACKETS, SEALED };

struct side {
	uint8_t phase, lines, have;
	uint8_t head[6];
	uint32_t left; /* of a packet */
	uint16_t len;  /* of the line so far */
	bool newkeys, known;
	char ident[64];
};
struct conn {
	struct side side[2];
	uint32_t service, accept; /* sizes of the first two that are encrypted */
	uint64_t accept_at;	  /* bytes from the server then */
	uint32_t request;	  /* of this round, 0 = none open */
	uint32_t refused;
	bool long_request, told, told_who;
};

static bool ssh_port(uint16_t port)
{
	return port == PORT;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP && (pkt->sport == PORT || pkt->dport == PORT || app == BH_APP_SSH ||
						   (pkt->payload_len >= 7 && !memcmp(pkt->payload, "SSH-", 4)));
}

static void give_up(struct bh_stream_conn *c)
{
	c->off[0] = c->off[1] = true;
}

/* ---- facts ---- */

static void tell_who(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	m->told_who = true;
	bh_stream_event(c, BH_EV_SSH, BH_APP_SSH, m->side[1].known, &ev);
	memcpy(ev.u.ssh.client, m->side[0].ident, sizeof ev.u.ssh.client);
	memcpy(ev.u.ssh.server, m->side[1].ident, sizeof ev.u.ssh.server);
	bh_stream_emit(u, &ev);
}

static void tell(struct bh_stream *u, struct bh_stream_conn *c, enum bh_logon_result result)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	m->told = true;
	bh_stream_event(c, BH_EV_LOGON, BH_APP_SSH, true, &ev);
	ev.u.logon.via = BH_LOGON_SSH;
	ev.u.logon.result = (uint8_t)result;
	ev.u.logon.status = m->refused;
	bh_stream_emit(u, &ev);
	give_up(c);
}

/* ---- in clear ---- */

static uint32_t line(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;
	struct side *s = &m->side[d];
	uint32_t i = 0;

	for (; i < n && p[i] != '\n'; i++, s->len++) {
		if (s->len < sizeof s->ident - 1)
			s->ident[s->len] = p[i] ? (char)p[i] : '?';
		if (s->len == 2000)
			break;
	}
	if (i == n)
		return n;
	if (memcmp(s->ident, "SSH-", 4) == 0) {
		char *end = strchr(s->ident, '\r');

		if (end)
			memset(end, 0, sizeof s->ident - (size_t)(end - s->ident));
		s->known = true;
		s->phase = PACKETS;
		if (m->side[!d].known)
			tell_who(u, c);
	} else {
		memset(s->ident, 0, sizeof s->ident);
		if (p[i] != '\n' || ++s->lines == LINES) {
			u->malformed += !c->late;
			give_up(c);
		}
	}
	s->len = 0;
	return i + 1;
}

static uint32_t packet(struct bh_stream *u, struct bh_stream_conn *c, struct side *s, const uint8_t *p, uint32_t n)
{
	uint32_t k = 0, len;

	while (k < n && s->have < sizeof s->head)
		s->head[s->have++] = p[k++];
	if (s->have < sizeof s->head)
		return k;
	if (!s->left && !s->newkeys) {
		len = (uint32_t)s->head[0] << 24 | (uint32_t)s->head[1] << 16 | (uint32_t)s->head[2] << 8 | s->head[3];
		if (len < 8 || len > PACKET_MOST || s->head[4] >= len || !s->head[5] || s->head[5] > LAST_OF_KEX) {
			u->malformed += !c->late;
			give_up(c);
			return n;
		}
		s->left = len - 2;
		s->newkeys = s->head[5] == NEWKEYS;
	}
	len = n - k < s->left ? n - k : s->left;
	s->left -= len;
	if (!s->left) {
		s->have = 0;
		if (s->newkeys)
			s->phase = SEALED;
	}
	return k + len;
}

/* ---- encrypted: sizes only ---- */

static void sealed(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;

	if (d == 0) {
		if (!m->service)
			m->service = n;
		else if (m->accept)
			m->request += n;
		return;
	}
	if (!m->service)
		return;
	if (!m->accept) {
		m->accept = n;
		m->accept_at = c->bytes[1];
		return;
	}
	if (n + SHORTER == m->accept || c->bytes[1] - m->accept_at > OK_BYTES) {
		tell(u, c, BH_LOGON_OK);
		return;
	}
	if (m->request) {
		m->refused++;
		m->long_request |= m->request >= m->service + LONGER;
		m->request = 0;
	}
}

/* ---- both ---- */

static void bytes(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct side *s = &((struct conn *)c->mine)->side[d];

	if (s->phase == IDENT && c->late && !s->len && p[0] == 0)
		s->phase = PACKETS;
	while (n && s->phase != SEALED && !c->off[d]) {
		uint32_t k = s->phase == IDENT ? line(u, c, d, p, n) : packet(u, c, s, p, n);

		p += k;
		n -= k;
	}
	if (n && !c->off[d])
		sealed(u, c, d, n);
}

static bool missing(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	struct side *s = &((struct conn *)c->mine)->side[d];

	if (s->phase == SEALED)
		return false;
	if (s->phase == PACKETS && s->left > n) {
		s->left -= n;
		return false;
	}
	give_up(c);
	return true;
}

static void end(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;

	if (!m->told_who && (m->side[0].known || m->side[1].known))
		tell_who(u, c);
	if (!m->told && (m->refused > 1 || (m->refused && m->long_request)))
		tell(u, c, BH_LOGON_FAILED);
}

/* ---- the table's ---- */

static const struct bh_stream_ops ops = {
	.mine = sizeof(struct conn),
	.server_port = ssh_port,
	.bytes = bytes,
	.missing = missing,
	.end = end,
};

static void *ssh_open(uint64_t seed)
{
	return bh_stream_open(&ops, CONN_BITS, WINDOW_BITS);
}

extern const struct bh_dissector bh_dissector_ssh;
const struct bh_dissector bh_dissector_ssh = {
	.name = "ssh",
	.doc = "SSH: identification strings; logons by the sizes of what is encrypted",
	.wants = wants,
	.open = ssh_open,
	.close = bh_stream_close,
	.packet = bh_stream_packet,
	.flow_end = bh_stream_end,
	.counters = bh_stream_counters,
	.memory_bytes = bh_stream_bytes,
};
