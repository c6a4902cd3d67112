/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ingress of bridge ports: what an isolated host sends is dropped there, but for what later tables may let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "enforce_segment.h"

static const char law[] = "plan generation=7 mode=auto policy=\"lab.yaml\"\n"
			  "limit cuts=64 ttl=24h\n"
			  "zone seg critical=0 10.5.0.0/16 fd00:5::/48\n"
			  "zone rest critical=0 0.0.0.0/0 ::/0\n"
			  "conduit @inside\n"
			  "permit seg > 10.5.0.0/16 any conduit=@inside\n"
			  "permit seg > fd00:5::/48 any conduit=@inside\n"
			  "pin estop 10.5.0.2 > 10.5.0.3 udp/7000 at=41:5\n"
			  "pin estop6 fd00:5::2 > fd00:5::3 udp/7000 at=42:5\n"
			  "remedy 10.5.0.13 udp/53\n"
			  "remedy fd00:5::13 udp/53\n";

static struct bh_enforcer *guarded(const char *text)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	bh_enforcer_bridge(e, true);
	apply(e, text);
	return e;
}

/* packets of counter c_iso in the table of a family */
static unsigned long counted(const char *family)
{
	const char *const argv[] = {"nft", "list", "counter", family, "bulkhead", "c_iso", NULL};
	char *text, *at;
	unsigned long n;

	assert_int_equal(lab_run(&lab, LAB_ROUTER, &text, argv), 0);
	at = strstr(text, "packets ");
	assert_non_null(at);
	n = strtoul(at + 8, NULL, 10);
	free(text);
	return n;
}

static size_t ports(void)
{
	char *text = listing(true);
	size_t n = count(text, "chain port_");

	free(text);
	return n;
}

static void what_the_isolated_send_goes_no_further_than_the_port(void **state)
{
	static const char *const hosts[] = {"10.5.0.12", "fd00:5::12"}, *const pinned[] = {"10.5.0.2", "fd00:5::2"},
				 *const cuts[] = {"cut isolate 10.5.0.12 ttl=1h order=1", "cut isolate fd00:5::12 ttl=1h order=1",
					 "cut isolate mac:52:54:00:05:00:02 ttl=1h order=1"};
	struct bh_enforcer *e = guarded(law);

	if (!ports())
		skip(); /* no fib expression in this kernel's netdev family */
	assert_int_equal(ports(), 2);
	for (size_t i = 0; i < 3; i++) {
		unsigned long early, late;

		for (int v6 = 0; v6 < 2; v6++) {
			struct flow f, pin;

			if (i < 2 && v6 != (int)i)
				continue;
			segment_up(&f, hosts[v6], 5000, false);
			segment_up(&pin, pinned[v6], 7000, false);
			cut(e, cuts[i]);
			early = counted("netdev");
			late = counted("bridge");
			for (int k = 0; k < 10; k++)
				assert_false(flow_ping(&f, 20));
			assert_true(counted("netdev") >= early + 10);
			assert_true(counted("bridge") < late + 5); /* the neighbour asks for it */
			assert_int_equal(pings(&pin, 50), 50);
			flow_close(&f);
			segment_up(&f, hosts[v6], 53, false); /* the remedy */
			assert_int_equal(bh_enforcer_verify(e), 0);
			flow_close(&f);
			flow_close(&pin);
			release(e, cuts[i]);
			segment_up(&f, hosts[v6], 5000, false);
			flow_close(&f);
		}
	}
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void this_box_is_still_answered_by_whom_it_isolated(void **state)
{
	struct bh_enforcer *e = guarded(law);

	segment_sh(LAB_ROUTER, "ip addr add 10.5.0.1/24 dev br5");
	cut(e, "cut isolate mac:52:54:00:05:00:02 ttl=1h order=1");
	cut(e, "cut isolate 10.5.0.12 ttl=1h order=2");
	segment_sh(LAB_ROUTER, "ping -c 2 -i 0.2 -W 2 10.5.0.12 >/dev/null");
	segment_sh(LAB_ROUTER, "ip addr del 10.5.0.1/24 dev br5");
	disarm(e);
}

static void a_port_that_comes_or_goes_is_no_foreign_hand(void **state)
{
	struct bh_enforcer *e = guarded(law);
	struct bh_drift d;
	struct flow f;
	size_t n = ports();

	if (!n)
		skip();
	segment_up(&f, "10.5.0.12", 5000, false);
	cut(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	segment_sh(LAB_ROUTER, "ip link add p9 type veth peer name q9 && ip link set p9 master br5 up");
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(ports(), n + 1);
	segment_sh(LAB_ROUTER, "ip link set p9 nomaster");
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(ports(), n);
	segment_sh(LAB_ROUTER, "ip link set p9 master br5 && ip link set p9 down && ip link set p9 name p8");
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(ports(), n + 1);
	segment_sh(LAB_ROUTER, "ip link del p8");
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(ports(), n);
	while (bh_enforcer_watch(e, &d) == 1)
		assert_false(d.repaired);
	assert_false(flow_ping(&f, 150));
	/* nor does it hide one */
	assert_int_equal(lab_nft(&lab, "flush chain netdev bulkhead early", NULL), 0);
	segment_sh(LAB_ROUTER, "ip link add p9 type veth peer name q9 && ip link set p9 master br5 up");
	assert_int_equal(bh_enforcer_verify(e), 1);
	while (bh_enforcer_watch(e, &d) == 1)
		if (d.repaired)
			n = 0;
	assert_int_equal(n, 0);
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(lab_nft(&lab, "delete table netdev bulkhead", NULL), 0);
	segment_sh(LAB_ROUTER, "ip link del p9");
	assert_int_equal(bh_enforcer_verify(e), 1);
	while (bh_enforcer_watch(e, &d) == 1)
		n += d.repaired;
	assert_int_equal(n, 1);
	flow_close(&f);
	disarm(e);
}

static void a_port_that_is_gone_when_the_law_is_written_stops_no_law(void **state)
{
	struct bh_enforcer *e = guarded(law);

	if (!ports())
		skip();
	for (int i = 0; i < 10; i++) {
		segment_sh(LAB_ROUTER, "(for i in 1 2 3 4 5 6; do ip link add p9 type veth peer name q9; ip link set p9 master br5; ip link del p9; done) 2>/dev/null &");
		for (int k = 0; k < 5; k++)
			apply(e, law);
	}
	lab_sleep_ms(1000);
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(ports(), 2);
	disarm(e);
}

static void it_is_watched_and_goes_with_the_rest(void **state)
{
	static const char *const attacks[] = {"delete table netdev bulkhead", "flush chain netdev bulkhead early",
		"add element netdev bulkhead iso4 { 10.5.0.77 timeout 1h }"};
	struct bh_enforcer *e = guarded(law);
	struct bh_drift d;
	char *text;

	if (!ports())
		skip();
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		bool repaired = false;

		assert_int_equal(lab_nft(&lab, attacks[i], NULL), 0);
		while (bh_enforcer_watch(e, &d) == 1) {
			print_message("# %s: %s\n", attacks[i], d.text);
			repaired |= d.repaired;
		}
		assert_true(repaired);
		assert_int_equal(ports(), 2);
	}
	bh_enforcer_bridge(e, false);
	apply(e, law);
	text = listing(true);
	assert_null(strstr(text, "netdev"));
	assert_null(strstr(text, "table bridge"));
	free(text);
	bh_enforcer_bridge(e, true);
	apply(e, law);
	assert_int_equal(ports(), 2);
	disarm(e);
	text = listing(true);
	assert_string_equal(text, "");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_the_isolated_send_goes_no_further_than_the_port, segment_make),
		cmocka_unit_test(this_box_is_still_answered_by_whom_it_isolated),
		cmocka_unit_test(a_port_that_comes_or_goes_is_no_foreign_hand),
		cmocka_unit_test(a_port_that_is_gone_when_the_law_is_written_stops_no_law),
		cmocka_unit_test(it_is_watched_and_goes_with_the_rest),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
