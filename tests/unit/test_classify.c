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
	for (unsigned i = 1; i < 10 && s == BH_CLASS_MORE; i++) {
		p = packet(buf, 6, 40001, 2222, i & 1, 1, ssh, sizeof ssh - 1);
		s = bh_classify_packet(c, &slot, 2, &p, &cl);
	}
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

/* What Python's ssl module said to a.example in 2026. */
static const uint8_t client_hello[] = {
	0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x05, 0xd5, 0x16, 0xc7, 0x23, 0x4d, 0xb0, 0x30, 0x26, 0x09, 0xbb, 0xaf, 0xc4,
	0x86, 0x9c, 0x8e, 0x61, 0x39, 0x04, 0x88, 0x0d, 0x56, 0x77, 0xbb, 0x83, 0x54, 0x9b, 0xb8, 0xf1, 0x56, 0xc9, 0x1b, 0x20, 0x86, 0x06, 0x52, 0x5d,
	0x99, 0xbc, 0xb0, 0x2b, 0xbd, 0xa3, 0x7f, 0x90, 0x6d, 0x6a, 0x26, 0xfa, 0xe6, 0x1e, 0x3f, 0x67, 0x35, 0x05, 0x5f, 0x10, 0xd0, 0x4d, 0x44, 0x06,
	0xaf, 0xd7, 0xa7, 0xd9, 0x00, 0x24, 0x13, 0x02, 0x13, 0x03, 0x13, 0x01, 0xc0, 0x2c, 0xc0, 0x30, 0xc0, 0x2b, 0xc0, 0x2f, 0xcc, 0xa9, 0xcc, 0xa8,
	0xc0, 0x24, 0xc0, 0x28, 0xc0, 0x23, 0xc0, 0x27, 0x00, 0x9f, 0x00, 0x9e, 0x00, 0x6b, 0x00, 0x67, 0x00, 0xff, 0x01, 0x00, 0x01, 0x8f, 0x00, 0x00,
	0x00, 0x0e, 0x00, 0x0c, 0x00, 0x00, 0x09, 0x61, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x0b, 0x00, 0x04, 0x03, 0x00, 0x01, 0x02,
	0x00, 0x0a, 0x00, 0x16, 0x00, 0x14, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x1e, 0x00, 0x19, 0x00, 0x18, 0x01, 0x00, 0x01, 0x01, 0x01, 0x02, 0x01, 0x03,
	0x01, 0x04, 0x00, 0x23, 0x00, 0x00, 0x00, 0x16, 0x00, 0x00, 0x00, 0x17, 0x00, 0x00, 0x00, 0x0d, 0x00, 0x2a, 0x00, 0x28, 0x04, 0x03, 0x05, 0x03,
	0x06, 0x03, 0x08, 0x07, 0x08, 0x08, 0x08, 0x09, 0x08, 0x0a, 0x08, 0x0b, 0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01,
	0x03, 0x03, 0x03, 0x01, 0x03, 0x02, 0x04, 0x02, 0x05, 0x02, 0x06, 0x02, 0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03, 0x00, 0x2d, 0x00,
	0x02, 0x01, 0x01, 0x00, 0x33, 0x00, 0x26, 0x00, 0x24, 0x00, 0x1d, 0x00, 0x20, 0xf9, 0xf2, 0xb8, 0xea, 0xfd, 0xf7, 0x42, 0x02, 0xdf, 0x55, 0x70,
	0x77, 0x62, 0x7f, 0xbb, 0x78, 0x20, 0x31, 0x63, 0x7f, 0x0d, 0xa0, 0x2e, 0x73, 0xf4, 0x46, 0xb2, 0x9e, 0x59, 0x72, 0xfc, 0x26, 0x00, 0x15, 0x00,
	0xe4, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static enum bh_class_step offer(
	struct bh_classify *c, uint16_t *slot, uint16_t dport, bool reply, uint32_t seq, const void *data, size_t n, struct bh_class *cl)
{
	uint8_t buf[1600];
	struct bh_packet p = packet(buf, 6, 40000, dport, reply, seq, data, n);

	return bh_classify_packet(c, slot, 1, &p, cl);
}

static void a_tls_client_is_known_by_its_hello(void **state)
{
	struct bh_classify *c = make(64);
	struct bh_class cl = {0};
	uint16_t slot = 0;

	/* MD5 of "771,4866-4867-...,0-11-10-35-22-23-13-43-45-51-21,29-23-30-25-24-256-257-258-259-260,0-1-2" */
	assert_int_equal(offer(c, &slot, 443, false, 1, client_hello, sizeof client_hello, &cl), BH_CLASS_FINAL);
	assert_string_equal(bh_app_name(cl.app), "tls");
	assert_true(cl.print == 0x93c7d42c0df602fb);
	/* the same client on another port, its hello in two segments */
	assert_int_equal(offer(c, &slot, 8443, false, 1, client_hello, 300, &cl), BH_CLASS_MORE);
	assert_int_equal(offer(c, &slot, 8443, false, 301, client_hello + 300, sizeof client_hello - 300, &cl), BH_CLASS_FINAL);
	assert_true(cl.print == 0x93c7d42c0df602fb);
	bh_classify_free(c);
}

/* A KEXINIT with one name in each list that HASSH takes; the packet is whole, or cut after so many bytes. */
static size_t kexinit(uint8_t b[512])
{
	static const char *const lists[10] = {"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256",
		"none", "none", "", ""};
	size_t n = 22;

	memset(b, 0, 512);
	b[4] = 4, b[5] = 20;
	for (size_t i = 0; i < 10; i++) {
		size_t len = strlen(lists[i]);

		b[n + 3] = (uint8_t)len;
		memcpy(b + n + 4, lists[i], len);
		n += 4 + len;
	}
	n += 5 + 4;
	b[2] = (uint8_t)((n - 4) >> 8), b[3] = (uint8_t)(n - 4);
	return n;
}

static void an_ssh_client_is_known_by_its_key_exchange_and_a_cut_one_is_nobodys(void **state)
{
	static const char hi[] = "SSH-2.0-OpenSSH_9.2\r\n";

	for (unsigned cut = 0; cut < 2; cut++) {
		struct bh_classify *c = make(64);
		struct bh_class cl = {0};
		uint16_t slot = 0;
		uint8_t kex[512];
		size_t n = kexinit(kex);

		assert_int_equal(offer(c, &slot, 22, false, 1, hi, sizeof hi - 1, &cl), BH_CLASS_MORE);
		assert_int_equal(offer(c, &slot, 22, true, 1, hi, sizeof hi - 1, &cl), BH_CLASS_MORE);
		assert_int_equal(offer(c, &slot, 22, false, sizeof hi, kex, cut ? 100 : n, &cl), BH_CLASS_FINAL);
		assert_string_equal(bh_app_name(cl.app), "ssh");
		/* MD5 of "curve25519-sha256;aes128-ctr;hmac-sha2-256;none" */
		assert_true(cl.print == (cut ? 0 : 0xe97d07603350d111));
		bh_classify_free(c);
	}
}

static void ssh_without_a_key_exchange_is_final_after_six_packets(void **state)
{
	static const char hi[] = "SSH-2.0-OpenSSH_9.2\r\n";
	struct bh_classify *c = make(64);
	struct bh_class cl = {0};
	uint16_t slot = 0;
	unsigned n = 1;

	while (offer(c, &slot, 22, n & 1, n * 30, hi, sizeof hi - 1, &cl) == BH_CLASS_MORE)
		assert_true(++n < 20);
	assert_int_equal(n, 6);
	assert_string_equal(bh_app_name(cl.app), "ssh");
	assert_false(cl.guess);
	assert_true(cl.print == 0);
	bh_classify_free(c);
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
		cmocka_unit_test(a_tls_client_is_known_by_its_hello),
		cmocka_unit_test(an_ssh_client_is_known_by_its_key_exchange_and_a_cut_one_is_nobodys),
		cmocka_unit_test(ssh_without_a_key_exchange_is_final_after_six_packets),
		cmocka_unit_test(community_ids_match_the_published_vectors),
		cmocka_unit_test(nearly_all_our_names_are_known_to_the_library),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
