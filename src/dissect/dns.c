/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS: questions with their answers (RFC 1035)
 *
 * An answer repeats its question, so over UDP nothing has to be remembered. A question is told alone only when it asks for a zone
 * (AXFR, IXFR), which is news by itself; the many messages that bring a zone are told once. Multicast names (5353, 5355) and
 * NetBIOS names (137) are other protocols and are left out here.
 */
#include <stdlib.h>

#include "dns_name.h"
#include "pdu.h"

#define PORT 53
#define HEADER 12
#define KEEP 1024
#define CONN_BITS 8
#define WINDOW_BITS 3

enum { IXFR = 251, AXFR = 252 };
enum { LAST_OPCODE = 6 };

struct conn {
	bool told; /* a zone is coming, and its first message was told */
	uint16_t id;
};
struct dns {
	struct bh_pdu tcp;
	uint64_t udp_messages, udp_malformed, facts, other;
};

static bool dns_port(uint16_t port)
{
	return port == PORT;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return (pkt->what == BH_WHAT_UDP || pkt->what == BH_WHAT_TCP) && (pkt->sport == PORT || pkt->dport == PORT || app == BH_APP_DNS);
}

/* ---- messages ---- */

/* the first address among the records */
static void address(struct bh_dns_msg *m, struct bh_ev_dns *e)
{
	struct bh_dns_record r;

	for (unsigned i = 0; i < m->answers && i < BH_DNS_RECORDS; i++)
		if (bh_dns_record(m, &r) || bh_dns_address(&r, &e->addr))
			return;
}

/* 0 a question or its answer, 1 malformed, 2 anything else */
static int parse(const uint8_t *p, size_t n, struct bh_ev_dns *e)
{
	struct bh_dns_msg m;

	if (bh_dns_begin(p, n, &m) || bh_dns_opcode(m.flags) > LAST_OPCODE)
		return 1;
	if (bh_dns_opcode(m.flags) || m.questions != 1)
		return 2;
	if (bh_dns_question(&m, e->name, sizeof e->name, &e->qtype))
		return 1;
	e->id = m.id;
	if (!(m.flags & BH_DNS_RESPONSE))
		return 0;
	e->flags = BH_DNS_F_ANSWER;
	e->rcode = m.flags & 15;
	e->answers = m.answers;
	address(&m, e);
	return 0;
}

static bool worth_telling(const struct bh_ev_dns *e)
{
	return (e->flags & BH_DNS_F_ANSWER) || e->qtype == AXFR || e->qtype == IXFR;
}

/* ---- over TCP: a length of 2 bytes, then the message ---- */

static uint32_t tcp_length(const struct bh_stream_conn *c, unsigned d, const uint8_t *p, bool lost)
{
	struct bh_bytes b = bh_bytes(p, 8);
	uint16_t len = bh_be16(&b), flags;

	bh_skip(&b, 2);
	flags = bh_be16(&b);
	return len >= HEADER && (flags >> 11 & 15) <= LAST_OPCODE && bh_be16(&b) <= 1 ? len + 2u : 0;
}

static void tcp_message(struct bh_pdu *u, struct bh_stream_conn *c, unsigned d, const uint8_t *p, uint32_t n, uint32_t total)
{
	struct conn *m = (struct conn *)c->mine;
	struct bh_ev_dns e = {.id = 0};
	struct dns *s = u->owner;
	struct bh_event ev;
	int r = parse(p + 2, n - 2, &e);

	u->stream.malformed += r == 1;
	s->other += r == 2;
	if (r || !worth_telling(&e))
		return;
	if (e.qtype == AXFR || e.qtype == IXFR) {
		if (m->told && m->id == e.id && (e.flags & BH_DNS_F_ANSWER))
			return;
		m->told = e.flags & BH_DNS_F_ANSWER;
		m->id = e.id;
	}
	bh_stream_event(c, BH_EV_DNS, BH_APP_DNS, e.flags & BH_DNS_F_ANSWER, &ev);
	ev.u.dns = e;
	bh_stream_emit(&u->stream, &ev);
}

static const struct bh_pdu_ops tcp_ops = {
	.head = HEADER + 2,
	.keep = KEEP,
	.mine = sizeof(struct conn),
	.server_port = dns_port,
	.length = tcp_length,
	.message = tcp_message,
};

/* ---- over UDP ---- */

static void udp_packet(struct dns *s, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_event ev = *in->proto;
	int r;

	s->udp_messages++;
	memset(&ev.u, 0, sizeof ev.u);
	r = parse(in->payload, in->len, &ev.u.dns);
	s->udp_malformed += r == 1;
	s->other += r == 2;
	if (r || !worth_telling(&ev.u.dns))
		return;
	ev.kind = BH_EV_DNS;
	ev.app = BH_APP_DNS;
	ev.outcome = 0;
	ev.flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if ((ev.u.dns.flags & BH_DNS_F_ANSWER) && (in->flags & BH_EVF_TWOWAY))
		ev.flags |= BH_EVF_TWOWAY;
	if (dns_port(ev.sport) && !dns_port(ev.dport))
		bh_event_swap(&ev);
	s->facts++;
	out->emit(out->ctx, &ev);
}

/* ---- the table's ---- */

static void dns_close(void *state)
{
	struct dns *s = state;

	if (s)
		bh_stream_fini(&s->tcp.stream);
	free(s);
}

static void *dns_open(uint64_t seed)
{
	struct dns *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->tcp.owner = s;
	if (bh_pdu_init(&s->tcp, &tcp_ops, CONN_BITS, WINDOW_BITS)) {
		dns_close(s);
		return NULL;
	}
	return s;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct dns *s = state;

	if (in->pkt->what == BH_WHAT_TCP)
		bh_stream_packet(&s->tcp.stream, in, out);
	else
		udp_packet(s, in, out);
}

static void flow_end(void *state, uint32_t flow_slot, uint64_t flow_id, const struct bh_event_sink *out)
{
	struct dns *s = state;

	bh_stream_end(&s->tcp.stream, flow_slot, flow_id, out);
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct dns *s = state;

	bh_pdu_counters(&s->tcp, each, ctx);
	each(ctx, "udp_messages", s->udp_messages);
	each(ctx, "udp_facts", s->facts);
	each(ctx, "udp_malformed", s->udp_malformed);
	each(ctx, "other", s->other);
}

static size_t memory_bytes(const void *state)
{
	const struct dns *s = state;

	return sizeof *s + bh_stream_bytes(&s->tcp.stream);
}

extern const struct bh_dissector bh_dissector_dns;
const struct bh_dissector bh_dissector_dns = {
	.name = "dns",
	.doc = "DNS: answers with their questions, and requests for a zone",
	.wants = wants,
	.open = dns_open,
	.close = dns_close,
	.packet = packet,
	.flow_end = flow_end,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
