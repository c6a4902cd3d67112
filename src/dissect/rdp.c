/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RDP: the connection's first two messages ([MS-RDPBCGR] 2.2.1.1, 2.2.1.2), and what the sizes behind them say about the logon
 *
 * A connection request may name a user in its cookie and lists protocols; the confirm chooses one or refuses. Both are in clear.
 * Then comes TLS, and inside it the logon. Detection.md C1 and the captures give the rule:
 *
 *   FAILED  security with TLS was chosen and begun, less than 2 s passed from the first to the last packet, and the server
 *           sent less than 6 kB. Measured: 0.5 s and 3.9 kB for hydra, 1.2 s and 1.5 kB for a client refused by CredSSP.
 *   OK      more than 20 kB from the server, after more than 2 s with network level authentication (2, 8): it paints nothing
 *           before the logon; after more than 10 s without, where the logon screen itself is painted and this is a guess.
 *           Measured: 60 kB and 1.3 MB within 8.5 s.
 *
 * Anything else is not told. FAILED is known when the flow ends, 10 s after it was closed.
 */
#include <stdlib.h>

#include "stream.h"

#define PORT 3389
#define CONN_BITS 10
#define WINDOW_BITS 3
#define FAILED_WITHIN BH_SEC(2)
#define FAILED_BYTES 6000
#define OK_BYTES 20000
#define OK_AFTER_NLA BH_SEC(2)
#define OK_AFTER BH_SEC(10)
#define KEEP 160 /* of each side's first message */

enum { TLS = 1, NLA = 2, NLA_EX = 8 };
enum { REQUEST = 0xe0, CONFIRM = 0xd0 };
enum { NEG_REQUEST = 1, NEG_RESPONSE = 2, NEG_FAILURE = 3 };

struct conn {
	uint16_t have[2];
	bool asked, begun, told;
	struct bh_ev_rdp e;
	uint8_t kept[2][KEEP];
};

static bool rdp_port(uint16_t port)
{
	return port == PORT;
}

static bool request_begins(const uint8_t *p, uint32_t n)
{
	return n >= 19 && p[0] == 3 && p[1] == 0 && p[5] == REQUEST && (!memcmp(p + 11, "Cookie: ", 8) || (p[11] == NEG_REQUEST && p[13] == 8));
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_TCP && (pkt->sport == PORT || pkt->dport == PORT || app == BH_APP_RDP ||
						   request_begins(pkt->payload, pkt->payload_len));
}

/* ---- messages ---- */

/* type, flags, length 8, value */
static uint32_t negotiation(struct bh_bytes b, uint8_t *ret_type)
{
	uint8_t type = bh_u8(&b);
	uint16_t len;
	uint32_t v;

	bh_skip(&b, 1);
	len = bh_le16(&b);
	v = bh_le32(&b);
	*ret_type = b.bad || len != 8 ? 0 : type;
	return v;
}

static void request(struct conn *m, const uint8_t *p, uint32_t n)
{
	static const char hash[] = "Cookie: mstshash=";
	struct bh_bytes b = bh_bytes(p, n);
	const uint8_t *line;
	uint32_t v;
	uint8_t type;

	bh_skip(&b, 11);
	if (b.left > 8 && !memcmp(b.p, "Cookie: ", 8)) {
		const uint8_t *end = memmem(b.p, b.left, "\r\n", 2);
		size_t len = end ? (size_t)(end - b.p) : b.left;

		line = bh_take(&b, len);
		bh_skip(&b, 2);
		if (len > sizeof hash - 1 && !memcmp(line, hash, sizeof hash - 1)) {
			len -= sizeof hash - 1;
			for (size_t i = 0; i < len && i + 1 < sizeof m->e.cookie; i++)
				m->e.cookie[i] = line[i + sizeof hash - 1] ? (char)line[i + sizeof hash - 1] : '?';
		}
	}
	v = negotiation(b, &type);
	if (type == NEG_REQUEST)
		m->e.asked = v;
	m->asked = true;
}

static void confirm(struct bh_stream *u, struct bh_stream_conn *c, const uint8_t *p, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_bytes b = bh_bytes(p, n);
	struct bh_event ev;
	uint8_t type;
	uint32_t v;

	bh_skip(&b, 11);
	v = negotiation(b, &type);
	if (type == NEG_RESPONSE || type == NEG_FAILURE)
		m->e.chosen = v;
	m->e.refused = type == NEG_FAILURE;
	bh_stream_event(c, BH_EV_RDP, BH_APP_RDP, true, &ev);
	ev.u.rdp = m->e;
	bh_stream_emit(u, &ev);
}

/* the first message of each side, gathered; then only sizes count */
static void bytes(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n)
{
	struct conn *m = (struct conn *)c->mine;
	uint32_t room = KEEP - (uint32_t)m->have[d], k = n < room ? n : room, len, want;
	uint8_t *q = m->kept[d];

	if (d == 0 && m->asked) { /* what follows the request */
		m->begun = p[0] == 0x16; /* TLS */
		c->off[0] = true;
		return;
	}
	memcpy(q + m->have[d], p, k);
	m->have[d] = (uint16_t)(m->have[d] + k);
	if (m->have[d] < 6)
		return;
	len = (uint32_t)q[2] << 8 | q[3];
	if (q[0] != 3 || q[5] != (d ? CONFIRM : REQUEST) || len < 11) {
		u->malformed += !c->late;
		c->off[0] = c->off[1] = true;
		return;
	}
	want = len < KEEP ? len : KEEP;
	if (m->have[d] < want)
		return;
	if (d == 0) {
		request(m, q, want);
		return;
	}
	confirm(u, c, q, want);
	c->off[1] = true;
}

static bool missing(struct bh_stream *u, struct bh_stream_conn *c, unsigned d, uint32_t n)
{
	c->off[d] = true;
	return true;
}

/* ---- the logon ---- */

static void tell(struct bh_stream *u, struct bh_stream_conn *c, enum bh_logon_result result)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_event ev;

	m->told = true;
	bh_stream_event(c, BH_EV_LOGON, BH_APP_RDP, true, &ev);
	ev.u.logon.via = BH_LOGON_RDP;
	ev.u.logon.result = (uint8_t)result;
	bh_strcpy(ev.u.logon.user, sizeof ev.u.logon.user, m->e.cookie);
	bh_stream_emit(u, &ev);
}

static bool negotiated(const struct conn *m)
{
	return m->asked && m->have[1] && !m->e.refused && !m->told;
}

static void counted(struct bh_stream *u, struct bh_stream_conn *c, unsigned d)
{
	struct conn *m = (struct conn *)c->mine;

	if (c->bytes[1] > OK_BYTES && negotiated(m) && c->proto.at - c->begun > (m->e.chosen & (NLA | NLA_EX) ? OK_AFTER_NLA : OK_AFTER))
		tell(u, c, BH_LOGON_OK);
}

static void end(struct bh_stream *u, struct bh_stream_conn *c)
{
	struct conn *m = (struct conn *)c->mine;

	if (negotiated(m) && m->begun && (m->e.chosen & (TLS | NLA | NLA_EX)) && c->bytes[1] < FAILED_BYTES &&
		c->proto.at - c->begun < FAILED_WITHIN)
		tell(u, c, BH_LOGON_FAILED);
}

/* ---- the table's ---- */

static const struct bh_stream_ops ops = {
	.mine = sizeof(struct conn),
	.server_port = rdp_port,
	.bytes = bytes,
	.missing = missing,
	.counted = counted,
	.end = end,
};

static void *rdp_open(uint64_t seed)
{
	return bh_stream_open(&ops, CONN_BITS, WINDOW_BITS);
}

extern const struct bh_dissector bh_dissector_rdp;
const struct bh_dissector bh_dissector_rdp = {
	.name = "rdp",
	.doc = "RDP: cookie, protocols asked and chosen; logons by sizes and time",
	.wants = wants,
	.open = rdp_open,
	.close = bh_stream_close,
	.packet = bh_stream_packet,
	.flow_end = bh_stream_end,
	.counters = bh_stream_counters,
	.memory_bytes = bh_stream_bytes,
};
