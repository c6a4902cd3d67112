/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_dns;

struct msg {
	uint8_t b[1024];
	size_t n;
};

static void put(struct msg *m, const void *p, size_t n)
{
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static void put16(struct msg *m, unsigned v)
{
	m->b[m->n++] = (uint8_t)(v >> 8);
	m->b[m->n++] = (uint8_t)v;
}

/* "corp.example" */
static struct msg question(unsigned flags, unsigned answers, unsigned qtype)
{
	struct msg m = {.n = 0};

	put16(&m, 7);
	put16(&m, flags);
	put16(&m, 1);
	put16(&m, answers);
	put(&m, "\0\0\0\0", 4);
	put(&m, "\4corp\7example\0", 14);
	put16(&m, qtype);
	put16(&m, 1);
	return m;
}

static void record(struct msg *m, unsigned type, const void *p, unsigned n)
{
	put(m, "\xc0\x0c", 2);
	put16(m, type);
	put(m, "\0\1\0\0\0\x3c", 6);
	put16(m, n);
	put(m, p, n);
}

static struct msg framed(const struct msg *m)
{
	struct msg r = {.n = 0};

	put16(&r, (unsigned)m->n);
	put(&r, m->b, m->n);
	return r;
}

static void an_answer_is_told_with_its_question(void **state)
{
	static const uint8_t addr[4] = {10, 0, 0, 9};
	struct bh_addr want = bh_addr_v4(addr);

	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct rig *r = rig_open(&bh_dissector_dns, 53, !tcp);
		struct msg q = question(0x0100, 0, 1), a = question(0x8180, 2, 1);

		record(&a, 5, "\1x\xc0\x0c", 4);
		record(&a, 1, addr, 4);
		if (tcp) {
			q = framed(&q);
			a = framed(&a);
		}
		rig_split(r, 0, q.b, q.n, tcp ? 5 : q.n);
		assert_int_equal(r->n, 0);
		rig_split(r, 1, a.b, a.n, tcp ? 1 : a.n);
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].kind, BH_EV_DNS);
		assert_int_equal(r->ev[0].u.dns.id, 7);
		assert_int_equal(r->ev[0].u.dns.qtype, 1);
		assert_int_equal(r->ev[0].u.dns.answers, 2);
		assert_int_equal(r->ev[0].u.dns.flags, BH_DNS_F_ANSWER);
		assert_true(bh_addr_eq(&r->ev[0].u.dns.addr, &want));
		assert_string_equal(r->ev[0].u.dns.name, "corp.example");
		assert_int_equal(r->ev[0].flags, BH_EVF_TWOWAY);
		assert_int_equal(r->ev[0].dport, 53);
		rig_close(r);
	}
}

static void a_name_that_is_not_there_is_told_too(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);
	struct msg a = question(0x8183, 0, 28);

	rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->ev[0].u.dns.rcode, 3);
	assert_true(bh_addr_none(&r->ev[0].u.dns.addr));
	rig_close(r);
}

static void a_request_for_a_zone_is_told_alone_and_what_comes_once(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, false);
	struct msg q = question(0, 0, 252), a = question(0x8400, 1, 252);

	record(&a, 1, "\1\2\3\4", 4);
	q = framed(&q);
	a = framed(&a);
	rig_say(r, 0, q.b, q.n);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.dns.qtype, 252);
	assert_int_equal(r->ev[0].u.dns.flags, 0);
	for (unsigned i = 0; i < 5; i++)
		rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].u.dns.flags, BH_DNS_F_ANSWER);
	rig_close(r);
}

static void names_that_point_in_circles_and_lengths_that_lie_are_malformed(void **state)
{
	static const char *const bad[] = {"\0\7\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1", "\0\7\x81\x80\0\1\0\1\0\0\0\0\x3f\x0c\0\1\0\1",
		"\0\7\x81\x80\0\1\0\1\0\0\0\0\xff\xff\0\1\0\1", "\0\7\x81\x80\0\1\0\1\0\0\0\0\x80\x0c\0\1\0\1"};
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);
	struct msg good = question(0x8180, 3, 1);

	for (size_t i = 0; i < BH_COUNT(bad); i++)
		rig_say(r, 1, bad[i], 18);
	rig_say(r, 1, bad[0], 11);
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_count(r, "udp_malformed"), BH_COUNT(bad) + 1);
	record(&good, 5, "\xc0\x0c", 2);
	record(&good, 28, "0123456789abcdef", 16);
	for (size_t i = 0; i < good.n; i++) {
		struct msg m = good;

		rig_say(r, 1, m.b, i);
		m.b[i] = 0xc0;
		rig_say(r, 1, m.b, m.n);
		r->n = 0;
	}
	rig_close(r);
}

static void a_name_longer_than_its_place_is_cut(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);
	struct msg m = {.n = 0};

	put(&m, "\0\7\x81\x80\0\1\0\0\0\0\0\0", 12);
	for (unsigned i = 0; i < 3; i++) {
		put(&m, "\x3f", 1);
		memset(m.b + m.n, 'a', 63);
		m.n += 63;
	}
	put(&m, "\0\0\x10\0\1", 5);
	rig_say(r, 1, m.b, m.n);
	assert_int_equal(r->n, 1);
	assert_int_equal(strlen(r->ev[0].u.dns.name), 127);
	rig_close(r);
}

static void no_name_is_longer_than_255_bytes_however_it_is_pieced_together(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);

	for (unsigned n = 126; n < 130; n++) {
		struct msg m = {.n = 0};

		put(&m, "\0\7\x81\x80\0\1\0\0\0\0\0\0\1x\xc0\x12\0\1", 18);
		for (unsigned i = 0; i < n; i++)
			put(&m, "\1a", 2);
		put(&m, "\0\0\0\0\0", 5);
		rig_say(r, 1, m.b, m.n);
		assert_int_equal(r->n, 1);
	}
	assert_int_equal(rig_count(r, "udp_malformed"), 3);
	rig_close(r);
}

static void updates_and_other_kinds_are_counted(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);
	struct msg m = question(0x2800, 0, 6);

	rig_say(r, 0, m.b, m.n);
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_count(r, "other"), 1);
	rig_close(r);
}

static void the_client_is_the_source_when_the_server_is_seen_first(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, true);
	struct msg m = question(0x8180, 0, 1);

	r->proto.dport = 40000;
	r->proto.sport = 53;
	rig_say(r, 0, m.b, m.n);
	assert_int_equal(r->ev[0].dport, 53);
	rig_close(r);
}

static void over_tcp_a_gap_or_a_late_join_costs_only_what_was_lost(void **state)
{
	struct rig *r = rig_open(&bh_dissector_dns, 53, false);
	struct msg a = question(0x8180, 0, 1), f = framed(&a);

	r->late = true;
	rig_say(r, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
	rig_say(r, 1, f.b, f.n);
	assert_int_equal(r->n, 1);
	rig_say(r, 1, f.b, 5);
	rig_lose(r, 1, 100);
	for (unsigned i = 0; i < 10; i++)
		rig_say(r, 1, f.b, f.n);
	rig_end(r);
	assert_true(r->n > 1);
	assert_true(rig_count(r, "gaps") > 0);
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_told_with_its_question),
		cmocka_unit_test(a_name_that_is_not_there_is_told_too),
		cmocka_unit_test(a_request_for_a_zone_is_told_alone_and_what_comes_once),
		cmocka_unit_test(names_that_point_in_circles_and_lengths_that_lie_are_malformed),
		cmocka_unit_test(a_name_longer_than_its_place_is_cut),
		cmocka_unit_test(no_name_is_longer_than_255_bytes_however_it_is_pieced_together),
		cmocka_unit_test(updates_and_other_kinds_are_counted),
		cmocka_unit_test(the_client_is_the_source_when_the_server_is_seen_first),
		cmocka_unit_test(over_tcp_a_gap_or_a_late_join_costs_only_what_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
