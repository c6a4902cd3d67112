/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/base.h>

static struct bh_prefix pfx(const char *s)
{
	struct bh_prefix p;

	assert_int_equal(bh_prefix_parse(s, strlen(s), &p), 0);
	return p;
}
static struct bh_addr adr(const char *s)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(s, strlen(s), &a), 0);
	return a;
}

static void prefix_text_round_trips(void **state)
{
	static const char *const good[] = {"10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "::/0", "fd00:10::/48", "2001:db8::1", "192.0.2.128/25"};
	char buf[BH_PREFIX_TEXT];

	for (size_t i = 0; i < BH_COUNT(good); i++) {
		struct bh_prefix p = pfx(good[i]);

		assert_string_equal(bh_prefix_print(&p, buf), good[i]);
	}
}

static void prefix_refuses_what_is_not_one(void **state)
{
	static const char *const bad[] = {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "::/129", "10.0.0.0/-1", "a", "10.0.0.0/8/8"};
	struct bh_prefix p;

	for (size_t i = 0; i < BH_COUNT(bad); i++)
		assert_int_equal(bh_prefix_parse(bad[i], strlen(bad[i]), &p), 1);
	assert_int_equal(bh_prefix_parse("10.0.0.1/8", 10, &p), 2);
	assert_int_equal(bh_prefix_parse("fd00::1/64", 10, &p), 2);
}

static void the_ipv6_default_prefix_does_not_hold_ipv4(void **state)
{
	struct bh_prefix six = pfx("::/0"), four = pfx("0.0.0.0/0");
	struct bh_addr a4 = adr("10.1.1.1"), a6 = adr("2001:db8::1");

	assert_false(bh_prefix_has(&six, &a4));
	assert_true(bh_prefix_has(&six, &a6));
	assert_true(bh_prefix_has(&four, &a4));
	assert_false(bh_prefix_has(&four, &a6));
	assert_false(bh_prefix_overlaps(&six, &four));
}

static void prefix_holds_first_and_last_and_no_neighbour(void **state)
{
	struct bh_prefix p = pfx("10.1.2.0/23");
	struct bh_addr in1 = adr("10.1.2.0"), in2 = adr("10.1.3.255"), out1 = adr("10.1.1.255"), out2 = adr("10.1.4.0");

	assert_true(bh_prefix_has(&p, &in1) && bh_prefix_has(&p, &in2));
	assert_false(bh_prefix_has(&p, &out1) || bh_prefix_has(&p, &out2));
}

static void duration_round_trips_and_refuses_overflow(void **state)
{
	static const char *const good[] = {"90s", "30m", "4h", "2d", "250ms", "1us", "7ns", "0s"};
	static const char *const bad[] = {"", "s", "1x", "-1s", "99999999999999999999d", "18446744073709551615", "1.5s"};
	char buf[24];
	bh_ns ns;

	for (size_t i = 0; i < BH_COUNT(good); i++) {
		assert_int_equal(bh_duration_parse(good[i], strlen(good[i]), &ns), 0);
		bh_duration_print(ns, buf);
		assert_int_equal(bh_duration_parse(buf, strlen(buf), &ns), 0);
		if (i)
			assert_string_equal(buf, good[i]);
	}
	for (size_t i = 0; i < BH_COUNT(bad); i++)
		assert_int_equal(bh_duration_parse(bad[i], strlen(bad[i]), &ns), 1);
}

static void cursor_is_sticky_after_a_short_read(void **state)
{
	const uint8_t b[5] = {1, 2, 3, 4, 5};
	struct bh_bytes c = bh_bytes(b, 5);

	assert_int_equal(bh_be16(&c), 0x0102);
	assert_int_equal(bh_be32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(bh_u8(&c), 0); /* although three bytes are left */
	c = bh_bytes(b, 5);
	assert_int_equal(bh_le32(&c), 0x04030201);
	assert_false(c.bad);
}

static void quoted_text_round_trips_every_byte(void **state)
{
	char raw[256], line[1200], back[256];
	struct bh_text t = bh_text(line, sizeof line);
	struct bh_word w;
	const char *p = line;

	for (int i = 1; i < 256; i++)
		raw[i - 1] = (char)i;
	raw[255] = '\0';
	bh_put_quoted(&t, raw, 255);
	assert_false(t.truncated);
	assert_int_equal(bh_word_next(&p, line + t.len, &w), 0);
	assert_int_equal(bh_word_str(w, back, sizeof back), 0);
	assert_memory_equal(raw, back, 256);
}

static void text_never_writes_past_its_end(void **state)
{
	char buf[8];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_put(&t, "1234567");
	assert_false(t.truncated);
	bh_put(&t, "8");
	assert_true(t.truncated);
	assert_string_equal(buf, "1234567");
	t = bh_text(buf, sizeof buf);
	bh_putf(&t, "%d", 123456789);
	assert_true(t.truncated);
	assert_string_equal(buf, "");
}

static void word_refuses_an_open_quote(void **state)
{
	const char *s = "a \"b c", *p = s;
	struct bh_word w;

	assert_int_equal(bh_word_next(&p, s + strlen(s), &w), 0);
	assert_int_equal(bh_word_next(&p, s + strlen(s), &w), 2);
}

static void ring_refuses_the_record_past_its_size_and_counts_it(void **state)
{
	struct bh_ring *r = aligned_alloc(64, bh_ring_bytes(4, 4));
	uint32_t v;

	bh_ring_init(r, 4, 4);
	for (v = 0; v < 4; v++)
		assert_true(bh_ring_push(r, &v));
	assert_false(bh_ring_push(r, &v));
	assert_int_equal(atomic_load(&r->dropped), 1);
	for (uint32_t i = 0; i < 4; i++) {
		memcpy(&v, bh_ring_peek(r), 4);
		assert_int_equal(v, i);
		bh_ring_drop(r);
	}
	assert_null(bh_ring_peek(r));
	free(r);
}

static void private_and_multicast_follow_the_rfcs(void **state)
{
	static const struct {
		const char *a;
		bool priv, multi;
	} t[] = {{"10.0.0.1", true, false},  {"172.15.0.1", false, false}, {"172.31.255.255", true, false},
		{"192.168.1.1", true, false}, {"11.0.0.1", false, false},  {"fd00::1", true, false},
		{"fe80::1", true, false},     {"2001:db8::1", false, false}, {"ff02::1", false, true},
		{"224.0.0.251", false, true}, {"255.255.255.255", false, true}};

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_addr a = adr(t[i].a);

		assert_int_equal(bh_addr_private(&a), t[i].priv);
		assert_int_equal(bh_addr_multicast(&a), t[i].multi);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefix_text_round_trips),
		cmocka_unit_test(prefix_refuses_what_is_not_one),
		cmocka_unit_test(the_ipv6_default_prefix_does_not_hold_ipv4),
		cmocka_unit_test(prefix_holds_first_and_last_and_no_neighbour),
		cmocka_unit_test(duration_round_trips_and_refuses_overflow),
		cmocka_unit_test(cursor_is_sticky_after_a_short_read),
		cmocka_unit_test(quoted_text_round_trips_every_byte),
		cmocka_unit_test(text_never_writes_past_its_end),
		cmocka_unit_test(word_refuses_an_open_quote),
		cmocka_unit_test(ring_refuses_the_record_past_its_size_and_counts_it),
		cmocka_unit_test(private_and_multicast_follow_the_rfcs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
