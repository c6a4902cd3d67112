/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two hosts of one segment, the client's and the server's namespace, behind two ports of a bridge in the router's. What goes
 * between them is not routed, and with br_netfilter off nothing but the bridge's own table sees it.
 */
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

static const char segment[] = "plan generation=7 mode=auto policy=\"lab.yaml\"\n"
			      "limit cuts=64 ttl=24h\n"
			      "zone seg critical=0 10.5.0.0/16 fd00:5::/48\n"
			      "zone rest critical=0 0.0.0.0/0 ::/0\n"
			      "conduit @inside\n"
			      "permit seg > 10.5.0.0/16 any conduit=@inside\n"
			      "permit seg > fd00:5::/48 any conduit=@inside\n"
			      "pin estop 10.5.0.2 > 10.5.0.3 udp/7000 at=41:5\n"
			      "pin estop6 fd00:5::2 > fd00:5::3 udp/7000 at=42:5\n"
			      "pin plc 10.5.0.2 > 10.5.0.3 tcp/7001 at=43:5\n"
			      "remedy 10.5.0.3 udp/53\n";

static struct bh_enforcer *guarded(void)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	bh_enforcer_bridge(e, true);
	apply(e, segment);
	return e;
}

static void without_the_bridges_table_a_segment_is_not_seen(void **state)
{
	struct bh_enforcer *e = armed(segment);
	struct flow f;
	char *text = listing(true);

	assert_null(strstr(text, "table bridge"));
	free(text);
	segment_up(&f, "10.5.0.12", 5000, false);
	cut(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	assert_int_equal(pings(&f, 5), 5); /* what makes the other tests mean something */
	bh_enforcer_bridge(e, true);
	apply(e, segment);
	assert_false(flow_ping(&f, 150)); /* a cut that stood already holds there from now on */
	assert_int_equal(bh_enforcer_verify(e), 0);
	bh_enforcer_bridge(e, false);
	apply(e, segment);
	assert_int_equal(pings(&f, 5), 5);
	text = listing(true);
	assert_null(strstr(text, "table bridge"));
	free(text);
	flow_close(&f);
	disarm(e);
}

static void isolate_in_segment(const char *host, const char *neighbour, const char *line)
{
	struct bh_enforcer *e = guarded();
	struct flow udp, tcp, pin, other, back;
	bool v4 = !strchr(host, ':');

	segment_up(&udp, host, 5000, false);
	segment_up(&tcp, host, 5001, true);
	segment_up(&pin, host, 7000, false);
	segment_up(&other, neighbour, 5000, false);
	cut(e, line);
	assert_false(flow_ping(&udp, 150));
	assert_false(flow_push(&udp, 150));
	assert_false(flow_ping(&tcp, 150));
	assert_int_equal(pings(&pin, 50), 50);
	segment_forget(); /* a pin needs its neighbours found again */
	assert_true(flow_ping(&pin, 3000));
	assert_int_equal(pings(&pin, 20), 20);
	segment_closed(host, 5000, false);
	segment_closed(host, 7000, true); /* the pinned port of another protocol */
	if (v4) {
		segment_up(&back, host, 7001, true);
		flow_close(&back);
		if (strstr(line, "10.5.0.2 ") || strstr(line, "05:00:02")) {
			segment_up(&back, host, 53, false); /* the remedy */
			flow_close(&back);
		} else {
			segment_closed(host, 53, false); /* who is isolated answers nobody */
		}
	}
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(pings(&other, 10), strncmp(line + 12, "mac", 3) ? 10 : 0);
	release(e, line);
	assert_true(flow_ping(&udp, 3000));
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&udp);
	flow_close(&tcp);
	flow_close(&pin);
	flow_close(&other);
	disarm(e);
}

static void an_isolated_host_of_the_segment_keeps_its_pins_alone(void **state)
{
	isolate_in_segment("10.5.0.2", "10.5.0.12", "cut isolate 10.5.0.2 ttl=1h order=1");
	isolate_in_segment("fd00:5::2", "fd00:5::12", "cut isolate fd00:5::2 ttl=1h order=1");
}

static void an_isolated_peer_or_device_or_network_likewise(void **state)
{
	isolate_in_segment("10.5.0.2", "10.5.0.12", "cut isolate 10.5.0.3 ttl=1h order=1");
	isolate_in_segment("10.5.0.2", "10.5.0.12", "cut isolate net:10.5.0.2/31 ttl=1h order=1");
	isolate_in_segment("10.5.0.2", "10.5.0.12", "cut isolate mac:52:54:00:05:00:02 ttl=1h order=1");
	isolate_in_segment("fd00:5::2", "fd00:5::12", "cut isolate mac:52:54:00:05:00:03 ttl=1h order=1");
}

static void an_isolated_host_without_pins_neither_finds_nor_is_found(void **state)
{
	static const char *const ask[] = {"sh", "-c", "ip neigh show 10.5.0.13 dev b5", NULL};
	struct bh_enforcer *e = guarded();
	struct flow f;
	char *text;

	segment_up(&f, "10.5.0.12", 5000, false);
	cut(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	segment_forget();
	assert_false(flow_ping(&f, 300));
	assert_int_equal(lab_run(&lab, LAB_CLIENT, &text, ask), 0);
	print_message("# %s", text);
	assert_null(strstr(text, "lladdr"));
	free(text);
	cut(e, "cut isolate 10.5.0.13 ttl=1h order=2");
	release(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	segment_forget();
	assert_false(flow_ping(&f, 300));
	assert_int_equal(lab_run(&lab, LAB_CLIENT, &text, ask), 0);
	assert_null(strstr(text, "lladdr"));
	free(text);
	release(e, "cut isolate 10.5.0.13 ttl=1h order=2");
	assert_true(flow_ping(&f, 3000) || flow_ping(&f, 3000));
	flow_close(&f);
	disarm(e);
}

/* a frame with a VLAN tag, UDP from the given host to 10.5.0.13; whether it comes out of the other port */
static bool tagged_passes(int tx, int rx, uint8_t host)
{
	uint8_t f[64] = {0x52, 0x54, 0, 5, 0, 3, 0x52, 0x54, 0, 5, 0, 2, 0x81, 0, 0, 100, 8, 0, 0x45, 0, 0, 46, 0, 1, 0, 0, 64, 17, 0, 0,
		10, 5, 0, host, 10, 5, 0, 13, 0x13, 0x88, 0x13, 0x88, 0, 26, 0, 0, 'v', 'l', 'a', 'n'};
	uint8_t in[2048];
	struct pollfd p = {rx, POLLIN, 0};

	assert_int_equal(send(tx, f, sizeof f, 0), sizeof f);
	for (int i = 0; i < 50 && poll(&p, 1, 150) == 1; i++) {
		ssize_t n = recv(rx, in, sizeof in, 0);

		if (n > 0 && memmem(in, (size_t)n, "vlan", 4))
			return true;
	}
	return false;
}

static void a_tagged_frame_of_an_isolated_host_is_dropped(void **state)
{
	struct bh_enforcer *e = guarded();
	int tx = segment_packets(LAB_CLIENT), rx = segment_packets(LAB_SERVER);

	cut(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	assert_true(tagged_passes(tx, rx, 77));
	assert_false(tagged_passes(tx, rx, 12));
	release(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	assert_true(tagged_passes(tx, rx, 12));
	cut(e, "cut isolate mac:52:54:00:05:00:02 ttl=1h order=1");
	assert_false(tagged_passes(tx, rx, 77));
	close(tx);
	close(rx);
	disarm(e);
}

static void the_bridges_table_is_watched_and_printed_like_the_other(void **state)
{
	static const char *const attacks[] = {"add element bridge bulkhead pin_end4_g7 { 10.5.0.12 }", "delete table bridge bulkhead",
		"flush chain bridge bulkhead forward", "delete element bridge bulkhead iso4 { 10.5.0.12 }"};
	struct bh_enforcer *e = guarded();
	struct bh_drift d;
	struct flow f;
	char *first, *again, *load;

	segment_up(&f, "10.5.0.12", 5000, false);
	cut(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		bool repaired = false;

		assert_int_equal(lab_nft(&lab, attacks[i], NULL), 0);
		while (bh_enforcer_watch(e, &d) == 1) {
			print_message("# %s: %s\n", attacks[i], d.text);
			repaired |= d.repaired;
		}
		assert_true(repaired);
		assert_false(flow_ping(&f, 100));
		assert_int_equal(bh_enforcer_verify(e), 0);
	}
	flow_close(&f);
	release(e, "cut isolate 10.5.0.12 ttl=1h order=1");
	first = listing(false);
	assert_true(asprintf(&load, "flush ruleset\n%s", first) > 0);
	assert_int_equal(lab_nft_file(&lab, load), 0);
	again = listing(false);
	assert_string_equal(first, again);
	free(first);
	free(again);
	free(load);
	disarm(e);
	again = listing(true);
	assert_string_equal(again, "");
	free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_the_bridges_table_a_segment_is_not_seen, segment_make),
		cmocka_unit_test(an_isolated_host_of_the_segment_keeps_its_pins_alone),
		cmocka_unit_test(an_isolated_peer_or_device_or_network_likewise),
		cmocka_unit_test(an_isolated_host_without_pins_neither_finds_nor_is_found),
		cmocka_unit_test(a_tagged_frame_of_an_isolated_host_is_dropped),
		cmocka_unit_test(the_bridges_table_is_watched_and_printed_like_the_other),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
