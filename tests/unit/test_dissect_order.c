/* SPDX-License-Identifier: GPL-3.0-or-later */
/* However a conversation is cut into segments and whatever order they come in, what it says is the same; and nobody else's segments are of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dissect/order.h"

static uint64_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* ---- facts of whole protocols ---- */

struct said {
	unsigned d;
	const char *p;
	size_t n;
};
#define SAY(d, text) {d, text, sizeof text - 1}

struct heard {
	struct bh_event ev[32];
	size_t n;
};
struct rig {
	const struct bh_dissector *d;
	void *state;
	struct heard h;
	uint64_t flow;
	uint16_t port;
	uint32_t seq[2];
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct heard *h = ctx;

	assert_true(h->n < BH_COUNT(h->ev));
	h->ev[h->n] = *ev;
	h->ev[h->n].at = h->ev[h->n].pkt = 0;
	h->ev[h->n++].flow_id = 0;
}

static void segment(struct rig *r, unsigned d, uint32_t seq, uint32_t ack, const char *p, size_t n)
{
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};
	struct bh_event_sink sink = {emit, &r->h};
	struct bh_event proto = {.proto = 6, .src = bh_addr_v4(a), .dst = bh_addr_v4(b), .sport = 50000, .dport = r->port, .flow_id = r->flow};
	uint8_t *copy = malloc(n);
	struct bh_packet k = {.what = BH_WHAT_TCP, .payload = copy, .payload_len = (uint32_t)n, .payload_wire = (uint32_t)n,
		.tcp = {.seq = seq, .ack = ack, .flags = BH_TCP_ACK}};

	memcpy(copy, p, n);
	r->d->packet(r->state, &(struct bh_dissect_in){.pkt = &k, .pkt_no = 1, .at = 1, .flow_id = r->flow, .dir = (uint8_t)d, .flags = BH_EVF_TWOWAY,
		.payload = copy, .len = (uint32_t)n, .proto = &proto}, &sink);
	free(copy);
}

/* in pieces, which come in any order but for the first of a direction */
static void say(struct rig *r, const struct said *m, bool cut)
{
	struct {
		uint32_t at, n;
	} piece[6];
	unsigned k = 0;
	uint32_t at = 0;

	while (at < m->n) {
		uint32_t left = (uint32_t)m->n - at, n = !cut || k + 1 == BH_COUNT(piece) ? left : 1 + any(left);

		piece[k].at = at;
		piece[k++].n = n;
		at += n;
	}
	for (unsigned i = k; i > 1 && r->seq[m->d] != 1000u * (m->d + 1); i--) {
		unsigned j = any(i), t0 = piece[j].at, t1 = piece[j].n;

		piece[j] = piece[i - 1];
		piece[i - 1].at = t0;
		piece[i - 1].n = t1;
	}
	for (unsigned i = 0; i < k; i++) {
		segment(r, m->d, r->seq[m->d] + piece[i].at, r->seq[!m->d], m->p + piece[i].at, piece[i].n);
		if (cut && !any(4)) /* again */
			segment(r, m->d, r->seq[m->d] + piece[i].at, r->seq[!m->d], m->p + piece[i].at, piece[i].n);
	}
	r->seq[m->d] += (uint32_t)m->n;
}

static struct heard *play(struct rig *r, const struct said *m, size_t n, bool cut)
{
	struct bh_event_sink sink = {emit, &r->h};

	r->h.n = 0;
	r->flow++;
	r->seq[0] = 1000;
	r->seq[1] = 2000;
	for (size_t i = 0; i < n; i++)
		say(r, &m[i], cut);
	r->d->flow_end(r->state, 1, r->flow, &sink);
	return &r->h;
}

extern const struct bh_dissector bh_dissector_ftp, bh_dissector_http, bh_dissector_ldap, bh_dissector_dns, bh_dissector_rpc;

static void any_cut_and_any_order_says_the_same(void **state)
{
	static const struct said ftp[] = {SAY(0, "HELP\r\n"), SAY(1, "220 ready\r\n"), SAY(0, "USER alice\r\n"), SAY(1, "331 password\r\n"), SAY(0, "PASS secret\r\n"),
		SAY(1, "530-no\r\n530 no\r\n"), SAY(0, "USER bob\r\nPASS x\r\n"), SAY(1, "331 password\r\n230 welcome\r\n")};
	static const struct said http[] = {SAY(0, "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"), SAY(1, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"),
		SAY(0, "POST /wsman HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWxpY2U6cHc=\r\nContent-Length: 9\r\n\r\n123456789"),
		SAY(1, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"), SAY(0, "POST /wsman HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
		SAY(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
	static const struct said ldap[] = {SAY(0, "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"), SAY(1, "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
		SAY(0, "\x30\x1a\x02\x01\x02\x60\x15\x02\x01\x03\x04\x08" "CN=alice\x80\x06secret"), SAY(1, "\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x31\x04\x00\x04\x00"),
		SAY(0, "\x30\x1e\x02\x01\x03\x63\x19\x04\x02" "DC\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x02" "cn\x30\x00"),
		SAY(1, "\x30\x0b\x02\x01\x03\x64\x06\x04\x02" "CN\x30\x00\x30\x0c\x02\x01\x03\x65\x07\x0a\x01\x00\x04\x00\x04\x00")};
	static const struct said dns[] = {SAY(0, "\0\x15\1\2\0\0\0\1\0\0\0\0\0\0\3one\0\0\x01\0\1"), SAY(1, "\0\x15\1\2\x80\0\0\1\0\0\0\0\0\0\3one\0\0\x01\0\1"),
		SAY(0, "\0\x15\1\3\0\0\0\1\0\0\0\0\0\0\3two\0\0\xfc\0\1"), SAY(1, "\0\x15\1\3\x80\0\0\1\0\0\0\0\0\0\3two\0\0\xfc\0\1")};
	static const struct {
		const struct bh_dissector *d;
		const struct said *m;
		size_t n, facts;
		uint16_t port;
	} of[] = {{&bh_dissector_ftp, ftp, BH_COUNT(ftp), 2, 21}, {&bh_dissector_http, http, BH_COUNT(http), 4, 5985}, {&bh_dissector_ldap, ldap, BH_COUNT(ldap), 4, 389},
		{&bh_dissector_dns, dns, BH_COUNT(dns), 3, 53}};

	for (size_t i = 0; i < BH_COUNT(of); i++) {
		struct rig r = {.d = of[i].d, .state = of[i].d->open(1), .port = of[i].port};
		struct heard whole;

		assert_non_null(r.state);
		whole = *play(&r, of[i].m, of[i].n, false);
		assert_int_equal(whole.n, of[i].facts);
		for (seed = 1; seed < 1 + 3000ull; seed++) {
			uint64_t was = seed;

			seed *= 0x9e3779b97f4a7c15ull;
			play(&r, of[i].m, of[i].n, true);
			seed = was;
			if (r.h.n != whole.n || memcmp(r.h.ev, whole.ev, whole.n * sizeof *whole.ev) != 0)
				fail_msg("%s, seed %llu: %zu facts of %zu, or others", of[i].d->name, (unsigned long long)seed, r.h.n, whole.n);
		}
		of[i].d->close(r.state);
	}
}

/* somebody who does not see the conversation has to guess its numbers: a whole dialogue of his moves nothing */
static void nobody_else_speaks_in_a_conversation_he_does_not_see(void **state)
{
	static const struct said m[] = {SAY(0, "USER alice\r\n"), SAY(1, "331 password\r\n"), SAY(0, "PASS x\r\n"), SAY(1, "230 welcome\r\n")};
	const struct bh_dissector *d = &bh_dissector_ftp;
	struct rig r = {.d = d, .state = d->open(1), .port = 21, .flow = 1, .seq = {1000, 2000}};

	assert_non_null(r.state);
	say(&r, &m[0], false);
	say(&r, &m[1], false);
	for (unsigned i = 0; i < 20; i++) {
		segment(&r, 1, 2000 + (i & 1 ? 3u << 20 : -(3u << 20)) + i * 9, 77, "530 no!\r\n", 9);
		segment(&r, 0, 1000 + (5u << 20) + i * 9, 2000 + (3u << 20), "USER x!\r\n", 9);
	}
	assert_int_equal(r.h.n, 0);
	say(&r, &m[2], false);
	say(&r, &m[3], false);
	assert_int_equal(r.h.n, 1);
	assert_int_equal(r.h.ev[0].u.logon.result, BH_LOGON_OK);
	assert_string_equal(r.h.ev[0].u.logon.user, "alice");
	assert_int_equal(r.h.ev[0].flags, BH_EVF_TWOWAY);
	d->close(r.state);
}

/* two million bytes that the capture did not get are no stranger's once the other side has them */
static void what_is_far_ahead_counts_when_the_other_side_has_it(void **state)
{
	const struct bh_dissector *d = &bh_dissector_ftp;
	struct rig r = {.d = d, .state = d->open(1), .port = 21, .flow = 1, .seq = {1000, 2000}};
	uint32_t far = 2000 + (2u << 20);

	assert_non_null(r.state);
	segment(&r, 0, 1000, 2000, "USER a\r\n", 8);
	segment(&r, 1, 2000, 1008, "331 p\r\n", 7);
	segment(&r, 1, far, 1008, "220 lost\r\n", 10);
	segment(&r, 0, 1008, far + 10, "USER b\r\n", 8);
	segment(&r, 1, far + 10, 1016, "331 p\r\n", 7);
	segment(&r, 0, 1016, far + 17, "PASS b\r\n", 8);
	segment(&r, 1, far + 17, 1024, "230 ok\r\n", 8);
	assert_int_equal(r.h.n, 1);
	assert_string_equal(r.h.ev[0].u.logon.user, "b");
	d->close(r.state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut_and_any_order_says_the_same),
		cmocka_unit_test(nobody_else_speaks_in_a_conversation_he_does_not_see),
		cmocka_unit_test(what_is_far_ahead_counts_when_the_other_side_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
