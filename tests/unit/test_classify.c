/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/classify.h>

/* One TCP or UDP packet over IPv4 as bytes, decoded. buf outlives the packet. */
static struct bh_packet packet(uint8_t buf[1600], uint8_t proto, uint16_t sport, uint16_t dport,
	bool reply, uint32_t seq, const void *payload, size_t n)
{
	size_t hl = proto == 6 ? 20 : 8, len = 20 + hl + n;
	struct bh_packet p;
	uint16_t a = reply ? dport : sport, b = reply ? sport : dport;

	memset(buf, 0, 1600);
	buf[0] = 0x45;
	buf[2] = (uint8_t)(len >> 8), buf[3] = (uint8_t)len;
	buf[8] = 64, buf[9] = proto;
	memcpy(buf + 12, reply ? "\x0a\0\0\x02\x0a\0\0\x01" : "\x0a\0\0\x01\x0a\0\0\x02", 8);
	buf[20] = (uint8_t)(a >> 8), buf[21] = (uint8_t)a, buf[22] = (uint8_t)(b >> 8),
	buf[23] = (uint8_t)b;
	if (proto == 6) {
		buf[24] = (uint8_t)(seq >> 24), buf[25] = (uint8_t)(seq >> 16),
		buf[26] = (uint8_t)(seq >> 8);
		buf[27] = (uint8_t)seq, buf[32] = 0x50, buf[33] = 0x18;
	} else {
		buf[24] = (uint8_t)((n + 8) >> 8), buf[25] = (uint8_t)(n + 8);
	}
	memcpy(buf + 20 + hl, payload, n);
	bh_decode(&(struct bh_decode_in){buf, (uint32_t)len, (uint32_t)len, BH_SEC(1), BH_LINK_RAW,
			  0},
		&p);
	return p;
}

static struct bh_classify *make(uint16_t pool)
{
	struct bh_classify *c;

	assert_int_equal(bh_classify_new(&(struct bh_classify_conf){.pool = pool}, &c), 0);
	return c;
}

static void content_decides_whatever_the_port(void **state)
{
	struct bh_classify *c = make(64);
	static const char http[] = "GET / HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\n\r\n";
	static const char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
	uint8_t buf[1600];
	struct bh_class cl = {0};
	struct bh_packet p;
	uint16_t slot = 0;
	enum bh_class_step s;

	p = packet(buf, 6, 40000, 4444, false, 1, http, sizeof http - 1);
	s = bh_classify_packet(c, &slot, 1, &p, &cl);
	for (unsigned i = 0; i < 10 && s == BH_CLASS_MORE; i++) {
		p = packet(buf, 6, 40000, 4444, false, 1 + 50 * i, http, sizeof http - 1);
		s = bh_classify_packet(c, &slot, 1, &p, &cl);
	}
	assert_int_equal(s, BH_CLASS_FINAL);
	assert_string_equal(bh_app_name(cl.app), "http");
	assert_false(cl.guess);
	assert_int_equal(slot, 0);

	p = packet(buf, 6, 40001, 2222, false, 1, ssh, sizeof ssh - 1);
	s = bh_classify_packet(c, &slot, 2, &p, &cl);
	p = packet(buf, 6, 40001, 2222, true, 1, ssh, sizeof ssh - 1);
	if (s == BH_CLASS_MORE)
		s = bh_classify_packet(c, &slot, 2, &p, &cl);
	assert_int_equal(s, BH_CLASS_FINAL);
	assert_string_equal(bh_app_name(cl.app), "ssh");
	bh_classify_free(c);
}

static void a_port_alone_is_marked_as_a_guess_and_the_cap_holds(void **state)
{
	struct bh_classify *c = make(64);
	struct bh_classify_counters n;
	uint8_t buf[1600], noise[200];
	struct bh_class cl = {0};
	uint16_t slot = 0;
	unsigned i;

	for (i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)(i * 167 + 13);
	for (i = 1; i < 100; i++) {
		struct bh_packet p =
			packet(buf, 6, 40000, 5432, i & 1, i * 200, noise, sizeof noise);

		if (bh_classify_packet(c, &slot, 1, &p, &cl) == BH_CLASS_FINAL)
			break;
	}
	assert_int_equal(i, 16);
	assert_string_equal(bh_app_name(cl.app), "postgres");
	assert_true(cl.guess);
	bh_classify_counters(c, &n);
	assert_int_equal(n.by_guess, 1);
	assert_int_equal(n.in_use, 0);
	bh_classify_free(c);
}

static void the_pool_is_capped_and_the_oldest_goes_first(void **state)
{
	struct bh_classify *c = make(64);
	uint8_t buf[1600];
	uint16_t slots[200] = {0};
	struct bh_class cl;
	unsigned i;

	for (i = 0; i < 200; i++) {
		struct bh_packet p =
			packet(buf, 6, (uint16_t)(40000 + i), 9999, false, 1, "\x01\x02\x03", 3);

		if (bh_classify_full(c)) {
			uint32_t owner = bh_classify_oldest(c);

			assert_true(i >= 63);
			assert_int_equal(owner, i - 63);
			assert_int_not_equal(slots[owner], 0);
			bh_classify_giveup(c, &slots[owner], &cl);
			assert_int_equal(slots[owner], 0);
			assert_false(bh_classify_full(c));
		}
		assert_int_equal(bh_classify_packet(c, &slots[i], i, &p, &cl), BH_CLASS_MORE);
	}
	/* given back from the middle, then used again */
	bh_classify_giveup(c, &slots[180], &cl);
	bh_classify_giveup(c, &slots[199], &cl);
	bh_classify_giveup(c, &slots[137], &cl);
	assert_false(bh_classify_full(c));
	bh_classify_free(c); /* the rest is freed with it: ASan watches */
}

static void protocols_without_content_are_known_by_number(void **state)
{
	assert_int_equal(bh_classify_proto(1), BH_APP_ICMP);
	assert_int_equal(bh_classify_proto(50), BH_APP_IPSEC);
	assert_int_equal(bh_classify_proto(6), BH_APP_UNKNOWN);
}

static struct bh_addr adr(const char *s)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(s, strlen(s), &a), 0);
	return a;
}

/* From the specification's baseline; for ICMP the ports are type and code. */
static void community_ids_match_the_published_vectors(void **state)
{
	static const struct {
		uint8_t proto;
		const char *src, *dst;
		uint16_t sport, dport;
		const char *id;
	} t[] = {
		{6, "128.232.110.120", "66.35.250.204", 34855, 80,
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{6, "66.35.250.204", "128.232.110.120", 80, 34855,
			"1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	};

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_event ev = {.proto = t[i].proto,
			.src = adr(t[i].src),
			.dst = adr(t[i].dst),
			.sport = t[i].sport,
			.dport = t[i].dport};

		bh_classify_community_id(&ev);
		assert_string_equal(ev.u.flow.community_id, t[i].id);
		for (size_t k = strlen(t[i].id); k < sizeof ev.u.flow.community_id; k++)
			assert_int_equal(ev.u.flow.community_id[k], 0);
	}
	{
		struct bh_event ev = {.proto = 6,
			.src = adr("fd00::1"),
			.dst = adr("fd00::2"),
			.sport = 1,
			.dport = 2};
		struct bh_event back = {.proto = 6,
			.src = adr("fd00::2"),
			.dst = adr("fd00::1"),
			.sport = 2,
			.dport = 1};

		bh_classify_community_id(&ev);
		bh_classify_community_id(&back);
		assert_true(ev.u.flow.community_id[0]);
		assert_string_equal(ev.u.flow.community_id, back.u.flow.community_id);
	}
}

static void nearly_all_our_names_are_known_to_the_library(void **state)
{
	struct bh_classify *c = make(64);
	unsigned n = 0;
	char text[128];

	bh_classify_about(c, text, sizeof text);
	assert_int_equal(sscanf(strchr(text, ','), ", %u", &n), 1);
	assert_true(n >= 60);
	bh_classify_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_decides_whatever_the_port),
		cmocka_unit_test(a_port_alone_is_marked_as_a_guess_and_the_cap_holds),
		cmocka_unit_test(the_pool_is_capped_and_the_oldest_goes_first),
		cmocka_unit_test(protocols_without_content_are_known_by_number),
		cmocka_unit_test(community_ids_match_the_published_vectors),
		cmocka_unit_test(nearly_all_our_names_are_known_to_the_library),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
