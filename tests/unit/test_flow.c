/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets are made as decoded structs. Each conversation test writes what was sent and reads the
 * outcome; the property test runs random traffic against a table kept as a plain list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/flow.h>

#define N_EV 4096
struct log {
	struct bh_event ev[N_EV];
	size_t n;
	uint64_t kinds[BH_EV_KINDS], ends[BH_END_COUNT];
};
static void log_emit(void *ctx, const struct bh_event *ev)
{
	struct log *l = ctx;

	if (l->n < N_EV)
		l->ev[l->n++] = *ev;
	l->kinds[ev->kind]++;
	if (ev->kind == BH_EV_FLOW_END)
		l->ends[ev->u.flow.reason]++;
}

struct rig {
	struct bh_flow_table *t;
	struct log log;
	uint64_t no;
};
static int up(void **state)
{
	struct rig *r = calloc(1, sizeof *r);

	*state = r;
	return !r ||
	       bh_flow_new(
		       &(struct bh_flow_conf){
			       .max = 64, .seed = 42, .worker = 3, .sink = {log_emit, &r->log}},
		       &r->t);
}
static int down(void **state)
{
	struct rig *r = *state;

	bh_flow_free(r->t);
	free(r);
	return 0;
}

static struct bh_addr host(unsigned n)
{
	uint8_t a[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return bh_addr_v4(a);
}
static struct bh_packet udp(unsigned src, unsigned sport, unsigned dst, unsigned dport, bh_ns at)
{
	return (struct bh_packet){.what = BH_WHAT_UDP,
		.proto = 17,
		.src = host(src),
		.dst = host(dst),
		.sport = (uint16_t)sport,
		.dport = (uint16_t)dport,
		.at = at,
		.wirelen = 60,
		.ttl = 64,
		.mac_src = {{2, 0, 0, 0, 0, (uint8_t)src}},
		.mac_dst = {{2, 0, 0, 0, 0, (uint8_t)dst}}};
}
static struct bh_packet tcp(unsigned src, unsigned sport, unsigned dst, unsigned dport, bh_ns at,
	uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
	struct bh_packet p = udp(src, sport, dst, dport, at);

	p.what = BH_WHAT_TCP;
	p.proto = 6;
	p.tcp = (struct bh_packet_tcp){.flags = flags, .seq = seq, .ack = ack};
	p.payload_len = p.payload_wire = len;
	p.payload = len ? (const uint8_t *)"" : NULL;
	return p;
}
static struct bh_packet icmp(
	unsigned src, unsigned dst, bh_ns at, uint8_t type, uint8_t code, uint16_t id)
{
	struct bh_packet p = udp(src, 0, dst, 0, at);

	p.what = BH_WHAT_ICMP;
	p.proto = 1;
	p.icmp = (struct bh_packet_icmp){.type = type,
		.code = code,
		.id = id,
		.echo = type == 0 || type == 8,
		.error = type == 3};
	return p;
}
static struct bh_flow *send(struct rig *r, struct bh_packet p)
{
	struct bh_flow_probe q;
	uint8_t dir;

	bh_flow_advance(r->t, p.at);
	bh_flow_prepare(r->t, &p, 1, &q);
	return bh_flow_packet(r->t, &p, &q, ++r->no, &dir);
}
#define A 1, 40000, 2, 445
#define B 2, 445, 1, 40000
#define S BH_TCP_SYN
#define K BH_TCP_ACK
#define R BH_TCP_RST
#define F BH_TCP_FIN
static const bh_ns T = BH_SEC(1700000000);

static const struct bh_event *last(const struct rig *r, unsigned kind)
{
	for (size_t i = r->log.n; i--;)
		if (r->log.ev[i].kind == kind)
			return &r->log.ev[i];
	fail_msg("no such event");
	return NULL;
}
static void outcome_is(const struct rig *r, unsigned outcome, bool twoway)
{
	const struct bh_event *ev = last(r, BH_EV_FLOW_OUTCOME);

	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 1);
	assert_string_equal(bh_outcome_name(ev->outcome), bh_outcome_name(outcome));
	assert_int_equal(!!(ev->flags & BH_EVF_TWOWAY), twoway);
}
static void handshake(struct rig *r)
{
	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + 1, S | K, 500, 101, 0));
	send(r, tcp(A, T + 2, K, 101, 501, 0));
}

static void a_handshake_with_an_answer_is_success(void **state)
{
	struct rig *r = *state;
	const struct bh_event *ev;

	handshake(r);
	send(r, tcp(A, T + 3, K, 101, 501, 10));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	send(r, tcp(B, T + 4, K, 501, 111, 20));
	outcome_is(r, BH_OUT_SUCCESS, true);
	ev = last(r, BH_EV_FLOW_OUTCOME);
	assert_int_equal(ev->pkt, 5);
	assert_int_equal(ev->sport, 40000);
	assert_int_equal(ev->worker, 3);
	assert_true(ev->flow_id && ev->flow_id < 1ull << 53);
	assert_int_equal(ev->mac_src.b[5], 1);
	assert_int_equal(ev->u.flow.pkts[0], 3);
	assert_int_equal(ev->u.flow.bytes[1], 120);
}

/* An IPv4 header, then the TCP options; the packet points into both. */
static struct bh_packet syn_with(const uint8_t ip[20], const void *opts, size_t n, unsigned sport)
{
	struct bh_packet p = tcp(1, sport, 2, 445, T, S, 100, 0, 0);

	p.l3 = ip;
	p.l3_len = 20;
	p.tcp.window = 64240;
	p.tcp.opts = opts;
	p.tcp.opts_len = (uint8_t)n;
	return p;
}

static void a_syn_shows_what_its_stack_looks_like(void **state)
{
	static const uint8_t ip[20] = {0x45, 0, 0, 60, 0xab, 0xcd, 0x40, 0};
	static const char opts[] = "\2\4\5\xb4\4\2\x08\x0a\x12\x34\x56\x78\0\0\0\0\1\3\3\7";
	static const uint8_t kinds[BH_SYN_OPTS] = {2, 4, 8, 1, 3};
	struct rig *r = *state;
	struct bh_packet p = syn_with(ip, opts, 20, 40000);
	const struct bh_syn *s;

	p.tcp.flags |= BH_TCP_ECE | BH_TCP_CWR;
	send(r, p);
	s = &last(r, BH_EV_FLOW_NEW)->u.flow.syn;
	assert_int_equal(s->window, 64240);
	assert_int_equal(s->mss, 1460);
	assert_int_equal(s->wscale, 8);
	assert_int_equal(s->df, 1);
	assert_int_equal(s->ipid, 0xabcd);
	assert_int_equal(s->tsval, 0x12345678);
	assert_int_equal(s->ecn, 1);
	assert_memory_equal(s->opts, kinds, BH_SYN_OPTS);
	p = syn_with(ip, opts, 20, 40001);
	p.tcp.flags |= BH_TCP_ECE; /* alone it asks for nothing */
	p.flags |= BH_PKT_IPV6;	   /* which has no identification */
	send(r, p);
	s = &last(r, BH_EV_FLOW_NEW)->u.flow.syn;
	assert_int_equal(s->ecn, 0);
	assert_int_equal(s->ipid, 0);
	assert_int_equal(s->df, 0);
}

static void options_behind_the_eighth_and_cut_ones_are_read_as_far_as_they_go(void **state)
{
	static const uint8_t ip[20] = {0x45};
	static const char opts[] = "\1\1\1\1\1\1\1\1\1\1\x08\x0a\0\0\0\x09\0\0\0\0";
	struct rig *r = *state;

	for (uint8_t n = 0; n <= 20; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* exact size, so that a sanitizer sees a read past the end */
		const struct bh_syn *s;

		memcpy(copy, opts, n);
		send(r, syn_with(ip, copy, n, 50000u + n));
		s = &last(r, BH_EV_FLOW_NEW)->u.flow.syn;
		assert_int_equal(s->tsval, n == 20 ? 9 : 0);
		assert_int_equal(s->opts[7], n >= 8);
		free(copy);
	}
}

static void closing_without_an_answer_is_handshake(void **state)
{
	struct rig *r = *state;

	handshake(r);
	send(r, tcp(A, T + 3, F | K, 101, 501, 0));
	send(r, tcp(B, T + 4, F | K, 501, 102, 0));
	outcome_is(r, BH_OUT_HANDSHAKE, true);
	bh_flow_advance(r->t, T + BH_SEC(11));
	assert_int_equal(r->log.ends[BH_END_CLOSED], 1);
}

static void a_half_open_scan_is_a_handshake_without_proof(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + 1, S | K, 500, 101, 0));
	send(r, tcp(A, T + 2, R, 101, 0, 0));
	outcome_is(r, BH_OUT_HANDSHAKE, false);
}

static void only_a_rst_that_acknowledges_the_syn_refuses(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + 1, R | K, 0, 77777, 0)); /* blind */
	send(r, tcp(B, T + 2, R, 0, 0, 0));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	send(r, tcp(B, T + 3, R | K, 0, 101, 0));
	outcome_is(r, BH_OUT_REFUSED, false);
}

static void a_forged_synack_or_ack_proves_nothing(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + 1, S | K, 500, 5000, 0));
	send(r, tcp(A, T + 2, K, 101, 501, 0));
	send(r, tcp(B, T + 3, S | K, 500, 101, 0));
	send(r, tcp(A, T + 4, K, 101, 0x70000000, 0)); /* does not acknowledge it */
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	send(r, tcp(A, T + 5, K, 101, 501, 0));
	send(r, tcp(B, T + 6, K, 501, 101, 5));
	outcome_is(r, BH_OUT_SUCCESS, true);
}

static void silence_is_told_after_three_seconds_without_a_packet_of_the_flow(void **state)
{
	struct rig *r = *state;
	const struct bh_event *ev;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(A, T + BH_SEC(1), S, 100, 0, 0)); /* retransmission */
	bh_flow_advance(r->t, T + BH_MS(2999));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	bh_flow_advance(r->t, T + BH_MS(3250));
	outcome_is(r, BH_OUT_SILENT, false);
	ev = last(r, BH_EV_FLOW_OUTCOME);
	assert_true(ev->at >= T + BH_SEC(3) && ev->at <= T + BH_MS(3250));
	assert_int_equal(ev->pkt, 0);
	bh_flow_advance(r->t, T + BH_SEC(12));
	assert_int_equal(r->log.ends[BH_END_TIMEOUT], 1);
}

static void an_answer_after_silence_is_not_a_second_outcome(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + BH_SEC(4), S | K, 500, 101, 0));
	send(r, tcp(A, T + BH_SEC(4), K, 101, 501, 0));
	send(r, tcp(B, T + BH_SEC(4), K, 501, 101, 9));
	outcome_is(r, BH_OUT_SILENT, false);
	assert_int_equal(r->log.kinds[BH_EV_FLOW_NEW], 1);
}

static void one_direction_alone_is_midstream(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(A, T + 1, K, 101, 501, 30));
	outcome_is(r, BH_OUT_MIDSTREAM, false);
}

static void an_acknowledgement_after_the_syn_means_that_an_answer_was_not_shown(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, S, 100, 0, 0));
	assert_int_equal(last(r, BH_EV_FLOW_NEW)->flags & BH_EVF_LATE, 0);
	send(r, tcp(A, T + 1, K, 101, 501, 0));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	bh_flow_advance(r->t, T + BH_SEC(4));
	outcome_is(r, BH_OUT_MIDSTREAM, false);
	assert_true(last(r, BH_EV_FLOW_OUTCOME)->flags & BH_EVF_LATE);
	send(r, tcp(B, T + BH_SEC(4), K, 501, 101, 30));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 1);
}

static void a_conversation_joined_late_says_so_from_its_first_event(void **state)
{
	struct rig *r = *state;

	send(r, tcp(A, T, K, 101, 501, 30));
	assert_true(last(r, BH_EV_FLOW_NEW)->flags & BH_EVF_LATE);
	assert_true(last(r, BH_EV_FLOW_OUTCOME)->flags & BH_EVF_LATE);
}

static void midstream_guesses_the_initiator_by_port(void **state)
{
	struct rig *r = *state;

	send(r, tcp(B, T, K, 501, 101, 30));
	outcome_is(r, BH_OUT_MIDSTREAM, false);
	assert_int_equal(last(r, BH_EV_FLOW_NEW)->sport, 40000);
	assert_int_equal(last(r, BH_EV_FLOW_NEW)->u.flow.pkts[1], 1);
	assert_int_equal(last(r, BH_EV_FLOW_NEW)->mac_src.b[5], 1);
}

static void a_new_syn_on_a_closed_conversation_begins_the_next(void **state)
{
	struct rig *r = *state;
	uint64_t id;

	send(r, tcp(A, T, S, 100, 0, 0));
	send(r, tcp(B, T + 1, R | K, 0, 101, 0));
	id = last(r, BH_EV_FLOW_NEW)->flow_id;
	send(r, tcp(A, T + 2, S, 900, 0, 0));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_NEW], 2);
	assert_int_equal(r->log.ends[BH_END_CLOSED], 1);
	assert_true(last(r, BH_EV_FLOW_NEW)->flow_id != id);
	/* but an open one is not closed by a forged SYN */
	send(r, tcp(B, T + 3, S | K, 500, 901, 0));
	send(r, tcp(A, T + 4, K, 901, 501, 0));
	send(r, tcp(A, T + 5, S, 4242, 0, 0));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_NEW], 2);
}

static void udp_and_echo_succeed_when_answered(void **state)
{
	struct rig *r = *state;

	send(r, udp(1, 5000, 2, 53, T));
	send(r, udp(2, 53, 1, 5000, T + 1));
	outcome_is(r, BH_OUT_SUCCESS, true);
	send(r, icmp(1, 2, T + 2, 8, 0, 7));
	send(r, icmp(2, 1, T + 3, 0, 0, 7));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 2);
	assert_int_equal(last(r, BH_EV_FLOW_OUTCOME)->sport, 8); /* type of the first packet */
	assert_int_equal(last(r, BH_EV_FLOW_OUTCOME)->outcome, BH_OUT_SUCCESS);
}

static void a_group_destination_is_no_attempt(void **state)
{
	struct rig *r = *state;
	struct bh_packet p = udp(1, 5353, 2, 5353, T);

	p.flags = BH_PKT_GROUP;
	send(r, p);
	bh_flow_advance(r->t, T + BH_SEC(70));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 0);
	assert_int_equal(r->log.ends[BH_END_TIMEOUT], 1);
}

static void icmp_errors_settle_the_attempt_they_quote(void **state)
{
	struct rig *r = *state;
	struct bh_packet e;

	send(r, udp(1, 5000, 2, 161, T));
	e = icmp(2, 1, T + 1, 3, 3, 0);
	e.icmp.quote = (struct bh_packet_quote){
		.src = host(1), .dst = host(2), .sport = 5000, .dport = 161, .proto = 17};
	assert_null(send(r, e));
	outcome_is(r, BH_OUT_REFUSED, false);
	/* TCP: the SYN's number must fit; any router may say it */
	send(r, tcp(A, T + 2, S, 100, 0, 0));
	e = icmp(9, 1, T + 3, 3, 1, 0);
	e.icmp.quote = (struct bh_packet_quote){
		.src = host(1), .dst = host(2), .sport = 40000, .dport = 445, .proto = 6, .seq = 5};
	send(r, e);
	assert_int_equal(r->log.kinds[BH_EV_FLOW_OUTCOME], 1);
	e.icmp.quote.seq = 100;
	send(r, e);
	assert_int_equal(last(r, BH_EV_FLOW_OUTCOME)->outcome, BH_OUT_UNREACHABLE);
	/* about the answer's direction, or about nothing known: no flow, counted */
	e.icmp.quote.src = host(77);
	send(r, e);
	{
		struct bh_flow_counters n;

		bh_flow_counters(r->t, &n);
		assert_int_equal(n.icmp_matched, 3);
		assert_int_equal(n.icmp_unmatched, 1);
		assert_int_equal(n.created, 2);
	}
}

static void vlans_protocols_and_echo_kinds_are_kept_apart(void **state)
{
	struct rig *r = *state;
	struct bh_packet p = udp(1, 5000, 2, 53, T), q = p, s = p;

	q.vlan = 7;
	s.vlan = 7;
	s.vlan2 = 8;
	assert_ptr_not_equal(send(r, p), send(r, q));
	assert_ptr_not_equal(send(r, q), send(r, s));
	assert_ptr_not_equal(
		send(r, icmp(1, 2, T, 8, 0, 0x0d00)), send(r, icmp(1, 2, T, 13, 0, 0)));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_NEW], 5);
}

static void later_fragments_touch_no_flow(void **state)
{
	struct rig *r = *state;
	struct bh_packet p = udp(1, 0, 2, 0, T);
	struct bh_flow_counters n;

	p.what = BH_WHAT_IP;
	p.flags = BH_PKT_FRAG | BH_PKT_LATER;
	assert_null(send(r, p));
	bh_flow_counters(r->t, &n);
	assert_int_equal(n.later_fragments, 1);
	assert_int_equal(n.created, 0);
}

static void a_full_table_pushes_out_unanswered_flows_first(void **state)
{
	struct rig *r = *state;
	struct bh_flow_counters n;

	for (unsigned i = 0; i < 32; i++) { /* answered, and older than everything that follows */
		send(r, udp(i, 5000, 200, 53, T + i));
		send(r, udp(200, 53, i, 5000, T + i));
	}
	for (unsigned i = 0; i < 1000; i++)
		send(r, tcp(5, 1000 + i, 300 + i, 445, T + 100 + i, S, i, 0, 0));
	bh_flow_counters(r->t, &n);
	assert_int_equal(n.active, 64);
	assert_int_equal(n.evicted, 32 + 1000 - 64);
	assert_int_equal(r->log.ends[BH_END_EVICTED], n.evicted);
	bh_flow_finish(r->t, T + BH_SEC(1));
	assert_int_equal(r->log.ends[BH_END_SHUTDOWN], 64);
	/* 16 of 64 are looked at: the flood cost the answered ones at most a few */
	{
		unsigned answered_evicted = 0;

		for (size_t i = 0; i < r->log.n; i++)
			if (r->log.ev[i].kind == BH_EV_FLOW_END &&
				r->log.ev[i].u.flow.reason == BH_END_EVICTED &&
				r->log.ev[i].outcome == BH_OUT_SUCCESS)
				answered_evicted++;
		assert_true(answered_evicted <= 16);
	}
}

static void ids_are_stable_and_depend_on_the_seed(void **state)
{
	struct rig *r = *state;
	struct bh_flow_table *other;
	struct bh_flow *f = send(r, udp(1, 5000, 2, 53, T));

	assert_int_equal(
		bh_flow_new(
			&(struct bh_flow_conf){.max = 64, .seed = 42, .sink = {log_emit, &r->log}},
			&other),
		0);
	assert_true(bh_flow_id(r->t, f) == bh_flow_id(other, f));
	bh_flow_free(other);
	assert_int_equal(
		bh_flow_new(
			&(struct bh_flow_conf){.max = 64, .seed = 43, .sink = {log_emit, &r->log}},
			&other),
		0);
	assert_true(bh_flow_id(r->t, f) != bh_flow_id(other, f));
	bh_flow_free(other);
	assert_ptr_equal(bh_flow_at(r->t, bh_flow_slot(r->t, f)), f);
}

static void a_long_gap_in_time_ends_everything_once(void **state)
{
	struct rig *r = *state;

	handshake(r);
	send(r, udp(1, 5000, 2, 53, T + 9));
	send(r, udp(1, 5001, 2, 53, T + BH_HOUR(24 * 400)));
	assert_int_equal(r->log.kinds[BH_EV_FLOW_END], 2);
	assert_int_equal(r->log.kinds[BH_EV_FLOW_NEW], 3);
	for (size_t i = 1; i < r->log.n; i++)
		assert_true(r->log.ev[i].at >= r->log.ev[i - 1].at);
}

/* ---- against a plain list ---- */

struct model {
	unsigned a, b, port;
	uint64_t pkts;
	bh_ns start, last;
	bool live, answered, silent;
	unsigned init;
};
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void random_udp_agrees_with_a_plain_list(void **state)
{
	static struct model m[4096];
	struct rig *r = *state;
	uint64_t seed = 88172645463325252ull, want_new = 0, want_ok = 0;
	struct bh_flow_table *t;
	struct bh_flow_counters n;
	bh_ns now = T - T % BH_FLOW_TICK;
	unsigned k = 0;
	size_t live;

	memset(m, 0, sizeof m);
	assert_int_equal(
		bh_flow_new(
			&(struct bh_flow_conf){.max = 8192, .seed = 7, .sink = {log_emit, &r->log}},
			&t),
		0);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned again = i && next_random(&seed) % 2, a, b, way = next_random(&seed) & 1;
		struct bh_packet p;
		struct bh_flow_probe q;
		struct bh_flow *f;
		uint8_t dir = 9;

		k = again ? k : next_random(&seed) % 4096;
		a = 1 + k % 64;
		b = 100 + k / 64;
		now += BH_MS(next_random(&seed) % 120);
		p = way ? udp(b, 3000, a, 2000 + k, now) : udp(a, 2000 + k, b, 3000, now);
		/* the list's idea of a timeout: idle for 60 s, seen at the next tick */
		if (m[k].live && now / BH_FLOW_TICK * BH_FLOW_TICK >= m[k].last + BH_SEC(60))
			m[k] = (struct model){0};
		bh_flow_advance(t, now);
		bh_flow_prepare(t, &p, 1, &q);
		f = bh_flow_packet(t, &p, &q, i + 1, &dir);
		if (!m[k].live) {
			m[k] = (struct model){.live = true, .start = now, .init = way};
			want_new++;
		} else if (way != m[k].init && !m[k].answered) {
			m[k].answered = true;
			if (now / BH_FLOW_TICK * BH_FLOW_TICK < m[k].start + BH_FLOW_SILENT)
				want_ok++;
		}
		m[k].last = now;
		m[k].pkts++;
		assert_int_equal(dir, way != m[k].init);
		assert_true(f->start == m[k].start);
		assert_true(f->pkts[0] + f->pkts[1] == m[k].pkts);
	}
	live = 0;
	for (k = 0; k < 4096; k++)
		live += m[k].live && now / BH_FLOW_TICK * BH_FLOW_TICK < m[k].last + BH_SEC(60);
	bh_flow_counters(t, &n);
	assert_int_equal(n.active, live);
	assert_int_equal(n.created, want_new);
	assert_int_equal(n.created - n.ended, n.active);
	assert_int_equal(n.evicted, 0);
	assert_true(want_ok > 1000 && n.ended > 10000); /* the run did exercise what it claims */
	bh_flow_finish(t, now);
	bh_flow_counters(t, &n);
	assert_int_equal(n.active, 0);
	bh_flow_free(t);
}

int main(void)
{
#define T_(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T_(a_handshake_with_an_answer_is_success),
		T_(a_syn_shows_what_its_stack_looks_like),
		T_(options_behind_the_eighth_and_cut_ones_are_read_as_far_as_they_go),
		T_(closing_without_an_answer_is_handshake),
		T_(a_half_open_scan_is_a_handshake_without_proof),
		T_(only_a_rst_that_acknowledges_the_syn_refuses),
		T_(a_forged_synack_or_ack_proves_nothing),
		T_(silence_is_told_after_three_seconds_without_a_packet_of_the_flow),
		T_(an_answer_after_silence_is_not_a_second_outcome),
		T_(an_acknowledgement_after_the_syn_means_that_an_answer_was_not_shown),
		T_(a_conversation_joined_late_says_so_from_its_first_event),
		T_(one_direction_alone_is_midstream),
		T_(midstream_guesses_the_initiator_by_port),
		T_(a_new_syn_on_a_closed_conversation_begins_the_next),
		T_(udp_and_echo_succeed_when_answered),
		T_(a_group_destination_is_no_attempt),
		T_(icmp_errors_settle_the_attempt_they_quote),
		T_(vlans_protocols_and_echo_kinds_are_kept_apart),
		T_(later_fragments_touch_no_flow),
		T_(a_full_table_pushes_out_unanswered_flows_first),
		T_(ids_are_stable_and_depend_on_the_seed),
		T_(a_long_gap_in_time_ends_everything_once),
		T_(random_udp_agrees_with_a_plain_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
