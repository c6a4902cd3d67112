/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VLANs of zones on a bridge that passes tags on: raw frames from one port, seen at the other or not. */
#include <linux/if_ether.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_segment.h"

#define REST                                                                                                           \
	"limit cuts=64 ttl=24h\n"                                                                                      \
	"zone plant critical=0 vlan=40,41 10.5.0.0/28 fd00:5::/112\n"                                                  \
	"zone cell critical=0 10.5.0.8/31\n"                                                                           \
	"zone office critical=0 vlan=50 10.5.0.16/28 fd00:5::1:0/112\n"                                                \
	"zone rest critical=0 0.0.0.0/0 ::/0\n"                                                                        \
	"conduit all\n"                                                                                                \
	"permit plant > 0.0.0.0/0 any conduit=all\npermit plant > ::/0 any conduit=all\n"                              \
	"permit cell > 0.0.0.0/0 any conduit=all\n"                                                                    \
	"permit office > 0.0.0.0/0 any conduit=all\npermit office > ::/0 any conduit=all\n"                            \
	"permit rest > 0.0.0.0/0 any conduit=all\npermit rest > ::/0 any conduit=all\n"                                \
	"pin estop 10.5.0.2 > 10.5.0.5 udp/5000 at=41:5\n"
#define LAW "plan generation=7 mode=auto policy=\"lab.yaml\"\n" REST
#define OBSERVED "plan generation=8 mode=observe policy=\"lab.yaml\"\n" REST

static int tx, rx, serial;

static struct bh_enforcer *guarded(const char *text)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	bh_enforcer_bridge(e, true);
	apply(e, text);
	return e;
}

static size_t put(uint8_t *f, size_t n, const void *p, size_t len)
{
	memcpy(f + n, p, len);
	return n + len;
}

/* A frame from the host to an address nobody has, so that nobody answers; kind 4, 6 or a (ARP), id 0: no tag. Whether it comes
 * out of the other port. */
static bool passes(int id, char kind, const char *from)
{
	static const uint8_t macs[12] = {0x52, 0x54, 0, 5, 0, 3, 0x52, 0x54, 0, 5, 0, 2}, arp[8] = {0, 1, 8, 0, 6, 4, 0, 1};
	static const uint8_t ip4[12] = {0x45, 0, 0, 46, 0, 1, 0, 0, 64, 17}, ip6[8] = {0x60, 0, 0, 0, 0, 26, 17, 64},
			     udp[8] = {0x13, 0x89, 0x13, 0x88, 0, 26};
	struct bh_addr src, dst;
	uint8_t f[128] = {0}, in[2048];
	char mark[24];
	struct pollfd p = {rx, POLLIN, 0};
	size_t n = put(f, 0, macs, 12);
	const char *to = kind == '6' ? "fd00:5::5" : "10.5.0.5";

	assert_int_equal(bh_addr_parse(from, strlen(from), &src), 0);
	assert_int_equal(bh_addr_parse(to, strlen(to), &dst), 0);
	snprintf(mark, sizeof mark, "vlan test %08d", ++serial);
	if (id)
		n = put(f, n, (uint8_t[]){0x81, 0, (uint8_t)(id >> 8 | 0xe0), (uint8_t)id}, 4); /* with a priority */
	n = put(f, n, kind == '4' ? "\x08\x00" : kind == '6' ? "\x86\xdd" : "\x08\x06", 2);
	if (kind == '6') {
		n = put(f, n, ip6, 8);
		n = put(f, n, src.b, 16);
		n = put(f, n, dst.b, 16);
	} else if (kind == '4') {
		n = put(f, n, ip4, 12);
		n = put(f, n, src.b + 12, 4);
		n = put(f, n, dst.b + 12, 4);
	} else {
		n = put(f, n, arp, 8);
		n = put(f, n, macs + 6, 6);
		n = put(f, n, src.b + 12, 4);
		n = put(f, n, macs, 6);
		n = put(f, n, dst.b + 12, 4);
	}
	if (kind != 'a')
		n = put(f, n, udp, 8);
	n = put(f, n, mark, 18);
	assert_int_equal(send(tx, f, n, 0), n);
	for (int i = 0; i < 50 && poll(&p, 1, 100) == 1; i++) {
		ssize_t got = recv(rx, in, sizeof in, 0);

		if (got > 0 && memmem(in, (size_t)got, mark, 18))
			return true;
	}
	return false;
}

static int setup(void **state)
{
	(void)segment_make(state);
	tx = segment_packets(LAB_CLIENT);
	rx = segment_packets(LAB_SERVER);
	return 0;
}

static uint64_t dropped(struct bh_enforcer *e)
{
	struct bh_enforce_counters c;

	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	return c.vlan;
}

struct row {
	int id;
	char kind;
	const char *from;
	bool passes;
};
static const struct row rows[] = {
	{40, '4', "10.5.0.2", true},
	{41, '4', "10.5.0.2", true},
	{40, '6', "fd00:5::2", true},
	{41, 'a', "10.5.0.2", true},
	{50, '4', "10.5.0.18", true},
	{50, '6', "fd00:5::1:2", true},
	/* the zone's source with another id, one nobody owns, none */
	{50, '4', "10.5.0.2", false},
	{42, '4', "10.5.0.2", false},
	{0, '4', "10.5.0.2", false},
	{50, '6', "fd00:5::2", false},
	{0, '6', "fd00:5::2", false},
	{50, 'a', "10.5.0.2", false},
	{0, 'a', "10.5.0.2", false},
	/* the zone's id with a source of nobody's, of another zone, of the zone inside it */
	{40, '4', "10.9.9.9", false},
	{40, '4', "10.5.0.18", false},
	{40, '4', "10.5.0.8", false},
	{40, '6', "fd00:9::9", false},
	{40, 'a', "10.9.9.9", false},
	/* who has no VLAN, on one nobody owns, and on none */
	{42, '4', "10.9.9.9", true},
	{0, '4', "10.9.9.9", true},
	{0, '4', "10.5.0.8", true},
	{0, '6', "fd00:9::9", true},
	{0, 'a', "10.9.9.9", true},
	/* who has no address yet */
	{40, 'a', "0.0.0.0", true},
	{0, 'a', "0.0.0.0", true},
	{40, '6', "fe80::2", true},
	{50, '6', "fe80::2", true},
};

static void a_source_and_its_vlan_belong_together(void **state)
{
	struct bh_enforcer *e;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) /* what makes the rest mean something */
		assert_true(passes(rows[i].id, rows[i].kind, rows[i].from));
	e = guarded(LAW);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t before = dropped(e);
		const struct row *r = &rows[i];
		bool multicast = r->kind == '6' && !strncmp(r->from, "fe80", 4);

		if (multicast && bh_enforcer_segment(e) == BH_SEGMENT_STATEFUL && !passes(r->id, r->kind, r->from))
			print_message("# %s: dropped by the law\n", r->from);
		else if (passes(r->id, r->kind, r->from) != r->passes)
			fail_msg("vlan %d %c from %s %s", r->id, r->kind, r->from, r->passes ? "does not pass" : "passes");
		if (dropped(e) != before + !r->passes)
			fail_msg("vlan %d %c from %s: %llu counted", r->id, r->kind, r->from, (unsigned long long)(dropped(e) - before));
	}
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void observing_it_is_counted_and_passes(void **state)
{
	struct bh_enforcer *e = guarded(OBSERVED);
	uint64_t bad = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(passes(rows[i].id, rows[i].kind, rows[i].from));
		bad += !rows[i].passes;
	}
	assert_int_equal(dropped(e), bad);
	disarm(e);
}

static void counts_outlive_another_law_and_an_isolation_still_drops(void **state)
{
	struct bh_enforcer *e = guarded(LAW);
	struct bh_plan plan = plan_of("plan generation=9 mode=auto policy=\"lab.yaml\"\n"
				      "limit cuts=64 ttl=24h\nzone all critical=0 vlan=60 0.0.0.0/0 ::/0\nconduit @inside\n"
				      "permit all > 0.0.0.0/0 any conduit=@inside\n");

	assert_false(passes(0, '4', "10.5.0.2"));
	assert_int_equal(dropped(e), 1);
	assert_int_equal(bh_enforcer_trial(e, &plan, BH_SEC(60)), 0);
	assert_int_equal(dropped(e), 1);
	assert_false(passes(40, '4', "10.5.0.2")); /* the law on trial judges VLANs too */
	assert_false(passes(40, 'a', "10.5.0.2"));
	assert_true(passes(60, '4', "10.5.0.2"));
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(bh_enforcer_rollback(e), 0);
	assert_true(passes(40, '4', "10.5.0.2"));
	cut(e, "cut isolate 10.5.0.18 ttl=1h order=1");
	assert_false(passes(50, '4', "10.5.0.18"));
	assert_int_equal(dropped(e), 3);
	bh_plan_fini(&plan);
	disarm(e);
}

static void its_table_is_printed_and_loaded_again(void **state)
{
	struct bh_enforcer *e = guarded(LAW);
	char *first = listing(false), *again, *load;

	assert_non_null(strstr(first, "vlan id 41"));
	assert_true(asprintf(&load, "flush ruleset\n%s", first) > 0);
	assert_int_equal(lab_nft_file(&lab, load), 0);
	again = listing(false);
	assert_string_equal(first, again);
	free(first);
	free(again);
	free(load);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_source_and_its_vlan_belong_together, setup),
		cmocka_unit_test(observing_it_is_counted_and_passes),
		cmocka_unit_test(counts_outlive_another_law_and_an_isolation_still_drops),
		cmocka_unit_test(its_table_is_printed_and_loaded_again),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
