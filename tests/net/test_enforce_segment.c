/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole law between two ports of a bridge: by the bridge's own table where the kernel has conntrack there, through
 * br_netfilter by the inet table elsewhere. The same tests for each way this kernel has; with none they are skipped.
 */
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

#define ZONES                                                                                                          \
	"limit cuts=64 ttl=24h\n"                                                                                      \
	"zone left critical=0 10.5.0.2/32 10.5.0.12/32 fd00:5::2/128 fd00:5::12/128\n"                                 \
	"zone right critical=1 10.5.0.3/32 10.5.0.13/32 fd00:5::3/128 fd00:5::13/128\n"                                \
	"zone rest critical=0 0.0.0.0/0 ::/0\n"                                                                        \
	"conduit work\n"                                                                                               \
	"pin estop 10.5.0.2 > 10.5.0.3 udp/7000 at=41:5\n"                                                             \
	"pin estop6 fd00:5::2 > fd00:5::3 udp/7000 at=42:5\n"                                                          \
	"remedy 10.5.0.3 udp/53\n"
#define WORK                                                                                                           \
	"permit left > 10.5.0.3/32 udp/5000 conduit=work\n"                                                            \
	"permit left > 10.5.0.3/32 tcp/5001 conduit=work\n"                                                            \
	"permit left > 10.5.0.3/32 tcp/22 conduit=work\n"                                                              \
	"permit left > fd00:5::3/128 udp/5000 conduit=work\n"                                                          \
	"permit left > fd00:5::3/128 tcp/5001 conduit=work\n"                                                          \
	"permit left > fd00:5::3/128 tcp/22 conduit=work\n"
#define LAW "plan generation=7 mode=auto policy=\"lab.yaml\"\n" ZONES WORK
#define CLOSED "plan generation=8 mode=auto policy=\"lab.yaml\"\n" ZONES
#define OBSERVED "plan generation=9 mode=observe policy=\"lab.yaml\"\n" ZONES

static const char *const hosts[] = {"10.5.0.2", "fd00:5::2"};

static struct bh_kernel_features features(void)
{
	struct bh_kernel_features f;
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	assert_int_equal(bh_enforcer_features(e, &f), 0);
	bh_enforcer_close(e);
	return f;
}

static bool stateful(void)
{
	return bh_segment_of(&(struct bh_kernel_features){.bridge_ct = features().bridge_ct}) == BH_SEGMENT_STATEFUL;
}

static struct bh_enforcer *guarded(const char *text)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	bh_enforcer_bridge(e, true);
	apply(e, text);
	return e;
}

static int make_whole(void **state)
{
	struct bh_kernel_features f;

	(void)segment_make(state);
	if (!stateful())
		segment_netfilter(access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0);
	f = features();
	print_message("# %s\n", bh_segment_name(bh_segment_of(&f)));
	return 0;
}

static bool whole(void)
{
	struct bh_kernel_features f = features();

	return bh_segment_of(&f) >= BH_SEGMENT_NETFILTER;
}

#define NEEDS(what)                                                                                                    \
	do                                                                                                             \
		if (!(what))                                                                                           \
			skip();                                                                                        \
	while (0)

static void what_holds_follows_from_the_kernel(void **state)
{
	struct bh_kernel_features f = {.br_netfilter_on = true};

	assert_int_equal(bh_segment_of(&f), BH_SEGMENT_NETFILTER);
	f.br_netfilter_on = false;
	assert_int_equal(bh_segment_of(&f), BH_SEGMENT_STATELESS);
	f.bridge_ct = true;
	assert_int_equal(bh_segment_of(&f), BH_SEGMENT_STATEFUL);
}

static void a_conduit_and_its_absence_hold_between_two_ports(void **state)
{
	struct bh_enforce_counters before, after;
	struct bh_enforcer *e;
	struct flow udp, tcp;

	NEEDS(whole());
	e = guarded(LAW);
	for (int v6 = 0; v6 < 2; v6++) {
		segment_forget(); /* they must find each other under the law */
		segment_up(&udp, hosts[v6], 5000, false);
		segment_up(&tcp, hosts[v6], 5001, true);
		assert_int_equal(pings(&udp, 20), 20);
		assert_true(flow_push(&tcp, 200));
		assert_int_equal(bh_enforcer_counters(e, &before), 0);
		segment_closed(hosts[v6], 5002, false);
		segment_closed(hosts[v6], 5003, true);
		assert_int_equal(bh_enforcer_counters(e, &after), 0);
		assert_true(after.deny >= before.deny + 2);
		flow_close(&udp);
		flow_close(&tcp);
	}
	/* .12 > .13 and ::12 > ::13 are of the same zones, but the conduit leads to .3 alone */
	segment_closed("10.5.0.12", 5000, false);
	segment_closed("fd00:5::12", 5001, true);
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void hosts_of_one_zone_meet_where_its_inside_is_open_alone(void **state)
{
	static const char inside[] = "plan generation=7 mode=auto policy=\"lab.yaml\"\nlimit cuts=64 ttl=24h\n"
				     "zone seg critical=0 10.5.0.0/24\nzone rest critical=0 0.0.0.0/0 ::/0\nconduit @inside\n";
	struct bh_enforcer *e;
	char *open;
	struct flow f;

	NEEDS(whole());
	e = guarded(inside);
	segment_closed("10.5.0.2", 5000, false);
	assert_true(asprintf(&open, "%spermit seg > 10.5.0.0/24 any conduit=@inside\n", inside) > 0);
	apply(e, open);
	segment_up(&f, "10.5.0.2", 5000, false);
	apply(e, inside);
	assert_false(flow_ping(&f, 150));
	flow_close(&f);
	free(open);
	disarm(e);
}

static void established_flows_die_by_an_isolation_and_pins_live(void **state)
{
	struct bh_enforcer *e;

	NEEDS(whole());
	e = guarded(LAW);
	for (int v6 = 0; v6 < 2; v6++) {
		char line[80];
		struct flow udp, tcp, pin;
		struct bh_enforce_counters c;

		for (int peer = 0; peer < 2; peer++) {
			segment_up(&udp, hosts[v6], 5000, false);
			segment_up(&tcp, hosts[v6], 5001, true);
			segment_up(&pin, hosts[v6], 7000, false);
			snprintf(line, sizeof line, "cut isolate %s%c ttl=1h order=1", v6 ? "fd00:5::" : "10.5.0.", '2' + peer);
			cut(e, line);
			assert_false(flow_push(&tcp, 150));
			assert_false(flow_ping(&tcp, 150));
			assert_false(flow_ping(&udp, 150));
			assert_int_equal(pings(&pin, 50), 50);
			segment_forget();
			assert_true(flow_ping(&pin, 3000));
			assert_int_equal(bh_enforcer_counters(e, &c), 0);
			assert_true(c.iso >= 3);
			assert_int_equal(bh_enforcer_verify(e), 0);
			release(e, line);
			assert_true(flow_ping(&udp, 3000));
			flow_close(&udp);
			flow_close(&tcp);
			flow_close(&pin);
		}
	}
	disarm(e);
}

static void every_kind_of_cut_holds_between_two_ports(void **state)
{
	struct bh_enforcer *e;

	NEEDS(whole());
	e = guarded(LAW);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *h = hosts[v6];
		struct flow ssh, work, udp;
		struct bh_enforce_counters c;
		char line[96];

		segment_up(&ssh, h, 22, true);
		segment_up(&work, h, 5001, true);
		segment_up(&udp, h, 5000, false);
		snprintf(line, sizeof line, "cut contain %s ttl=1h order=1", h);
		cut(e, line);
		assert_false(flow_ping(&ssh, 150));
		assert_int_equal(pings(&work, 20), 20);
		release(e, line);
		snprintf(line, sizeof line, "cut shield %s ttl=1h order=2", h);
		cut(e, line);
		assert_int_equal(pings(&work, 20), 20); /* opens nothing new in a critical zone */
		segment_closed(h, 5001, true);
		release(e, line);
		snprintf(line, sizeof line, "cut island net:%s/%d ttl=1h order=3", h, v6 ? 128 : 32);
		cut(e, line);
		assert_false(flow_ping(&work, 150));
		assert_false(flow_ping(&udp, 150));
		assert_int_equal(bh_enforcer_counters(e, &c), 0);
		assert_true(c.contain && c.shield && c.island);
		assert_int_equal(bh_enforcer_verify(e), 0);
		release(e, line);
		assert_true(flow_ping(&udp, 3000));
		flow_close(&ssh);
		flow_close(&work);
		flow_close(&udp);
	}
	disarm(e);
}

static void a_law_on_trial_judges_there_too_and_ends_by_the_kernel(void **state)
{
	struct bh_enforcer *e;
	struct bh_plan plan = plan_of(CLOSED);
	struct flow f;

	NEEDS(whole());
	e = guarded(LAW);
	segment_up(&f, hosts[0], 5000, false);
	assert_int_equal(bh_enforcer_trial(e, &plan, BH_SEC(4)), 0);
	assert_false(flow_ping(&f, 150));
	assert_int_equal(bh_enforcer_verify(e), 0);
	segment_closed(hosts[1], 5000, false);
	lab_sleep_ms(4200);
	assert_int_equal(pings(&f, 20), 20); /* nobody did anything */
	assert_int_equal(bh_enforcer_expire(e), 1);
	assert_int_equal(pings(&f, 20), 20);
	assert_int_equal(bh_enforcer_trial(e, &plan, BH_SEC(60)), 0);
	assert_int_equal(bh_enforcer_confirm(e), 0);
	assert_false(flow_ping(&f, 150));
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&f);
	bh_plan_fini(&plan);
	disarm(e);
}

static void observing_nothing_is_dropped_and_all_is_told(void **state)
{
	struct bh_enforce_counters c;
	struct bh_would *w;
	struct bh_enforcer *e;
	struct flow f, six;
	size_t n, found = 0;

	NEEDS(whole());
	e = guarded(OBSERVED);
	segment_up(&f, hosts[0], 5000, false);
	segment_up(&six, hosts[1], 5001, true);
	assert_int_equal(pings(&f, 20), 20);
	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	assert_true(c.would_deny >= 2);
	assert_int_equal(c.deny, 0);
	assert_int_equal(bh_enforcer_would(e, &w, &n), 0);
	for (size_t i = 0; i < n; i++) {
		char text[BH_WOULD_TEXT];

		bh_would_print(&w[i], text);
		found |= !strncmp(text, "would 10.5.0.2 > 10.5.0.3 17/5000 ", 34);
		found |= 2 * !strncmp(text, "would fd00:5::2 > fd00:5::3 6/5001 ", 35);
	}
	assert_int_equal(found, 3);
	free(w);
	flow_close(&f);
	flow_close(&six);
	disarm(e);
}

static void a_successor_keeps_cuts_and_connections(void **state)
{
	struct bh_enforce_counters before, after;
	struct bh_enforcer *e;
	struct flow f, other;

	NEEDS(whole());
	e = guarded(LAW);
	segment_up(&f, hosts[0], 5000, false);
	segment_up(&other, hosts[1], 5000, false);
	cut(e, "cut isolate 10.5.0.2 ttl=1h order=1");
	assert_false(flow_ping(&f, 150));
	assert_int_equal(bh_enforcer_counters(e, &before), 0);
	bh_enforcer_close(e);
	assert_false(flow_ping(&f, 150));
	e = guarded(LAW);
	assert_false(flow_ping(&f, 150));
	assert_int_equal(pings(&other, 20), 20);
	assert_int_equal(cut_left_s(e, "10.5.0.2") > 3500, 1);
	assert_int_equal(bh_enforcer_counters(e, &after), 0);
	assert_true(after.iso > before.iso);
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&f);
	flow_close(&other);
	disarm(e);
}

static void the_whole_laws_table_is_repaired_printed_and_loaded_again(void **state)
{
	static const char *const attacks[] = {"flush chain bridge bulkhead fwd4_g7", "delete table bridge bulkhead",
		"insert rule bridge bulkhead forward accept"};
	struct bh_plan plan = plan_of(CLOSED);
	struct bh_enforcer *e;
	char *first, *again, *load;
	struct bh_drift d;

	NEEDS(whole());
	e = guarded(LAW);
	assert_int_equal(bh_enforcer_dry(e, &plan), 0);
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		bool repaired = false;

		assert_int_equal(lab_nft(&lab, attacks[i], NULL), 0);
		while (bh_enforcer_watch(e, &d) == 1) {
			print_message("# %s: %s\n", attacks[i], d.text);
			repaired |= d.repaired;
		}
		assert_true(repaired);
		segment_closed(hosts[0], 5002, false);
		assert_int_equal(bh_enforcer_verify(e), 0);
	}
	for (int trial = 0; trial < 2; trial++) {
		if (trial)
			assert_int_equal(bh_enforcer_trial(e, &plan, BH_SEC(600)), 0);
		first = listing(false);
		assert_non_null(strstr(first, "table bridge bulkhead"));
		assert_int_equal(strstr(strstr(first, "table bridge bulkhead"), "ct mark set") != NULL, stateful());
		assert_true(asprintf(&load, "flush ruleset\n%s", first) > 0);
		assert_int_equal(lab_nft_file(&lab, load), 0);
		again = listing(false);
		assert_string_equal(first, again);
		free(first);
		free(again);
		free(load);
		apply(e, LAW);
	}
	bh_plan_fini(&plan);
	disarm(e);
}

static const uint8_t macs[12] = {0x52, 0x54, 0, 5, 0, 3, 0x52, 0x54, 0, 5, 0, 2};

/* whether a frame of these bytes behind the MACs comes out of the other port */
static bool passes(int tx, int rx, const uint8_t *p, size_t n)
{
	static uint32_t serial;
	uint8_t f[160] = {0}, in[2048], mark[12] = "the mark";
	struct pollfd pfd = {rx, POLLIN, 0};

	serial++;
	memcpy(mark + 8, &serial, 4);
	memcpy(f, macs, 12);
	memcpy(f + 12, p, n);
	memcpy(f + 12 + n, mark, 12);
	assert_int_equal(send(tx, f, 12 + n + 12, 0), 12 + n + 12);
	for (int i = 0; i < 50 && poll(&pfd, 1, 150) == 1; i++) {
		ssize_t got = recv(rx, in, sizeof in, 0);

		if (got > 0 && memmem(in, (size_t)got, mark, 12))
			return true;
	}
	return false;
}

static void what_a_segment_lives_on_passes_and_nothing_hides_in_a_second_tag(void **state)
{
	static const uint8_t dhcp[] = {8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 68, 0, 67, 0, 20, 0, 0},
			     other[] = {8, 0, 0x45, 0, 0, 40, 0, 2, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 69, 0, 67, 0, 20, 0, 0},
			     igmp[] = {8, 0, 0x45, 0, 0, 32, 0, 3, 0, 0, 1, 2, 0, 0, 10, 5, 0, 2, 224, 0, 0, 22},
			     routed[] = {8, 0, 0x45, 0, 0, 32, 0, 4, 0, 0, 64, 2, 0, 0, 10, 5, 0, 2, 224, 0, 0, 22},
			     profinet[] = {0x88, 0x92, 0xfe, 0xfe},
			     twice[] = {0x81, 0, 0, 7, 0x81, 0, 0, 8, 8, 0, 0x45, 0, 0, 40, 0, 5, 0, 0, 64, 17, 0, 0, 10, 5, 0, 2, 10, 5, 0, 3, 0, 69, 0, 67, 0, 20, 0, 0},
			     pppoe[] = {0x88, 0x64, 0x11, 0, 0, 1, 0, 22, 0, 0x21, 0x45};
	const struct {
		const uint8_t *p;
		size_t n;
		bool passes;
	} rows[] = {{dhcp, sizeof dhcp, true}, {other, sizeof other, false}, {igmp, sizeof igmp, true}, {routed, sizeof routed, false},
		{profinet, sizeof profinet, true}, {twice, sizeof twice, false}, {pppoe, sizeof pppoe, false}};
	struct bh_enforcer *e;
	int tx, rx;

	NEEDS(stateful());
	tx = segment_packets(LAB_CLIENT);
	rx = segment_packets(LAB_SERVER);
	segment_netfilter(false);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true(passes(tx, rx, rows[i].p, rows[i].n));
	e = guarded(LAW);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (passes(tx, rx, rows[i].p, rows[i].n) != rows[i].passes)
			fail_msg("frame %zu %s", i, rows[i].passes ? "does not pass" : "passes");
	cut(e, "cut isolate mac:52:54:00:05:00:02 ttl=1h order=1");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (passes(tx, rx, rows[i].p, rows[i].n))
			fail_msg("frame %zu of an isolated host passes", i);
	close(tx);
	close(rx);
	disarm(e);
}

static void both_ways_at_once_judge_the_same(void **state)
{
	struct flow f, pin;
	struct bh_enforcer *e;

	NEEDS(stateful());
	segment_sh(LAB_ROUTER, "modprobe br_netfilter || true");
	NEEDS(access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0);
	segment_netfilter(true);
	e = guarded(LAW);
	for (int v6 = 0; v6 < 2; v6++) {
		segment_up(&f, hosts[v6], 5000, false);
		segment_up(&pin, hosts[v6], 7000, false);
		assert_int_equal(pings(&f, 20), 20);
		segment_closed(hosts[v6], 5003, true);
		cut(e, v6 ? "cut isolate fd00:5::2 ttl=1h order=1" : "cut isolate 10.5.0.2 ttl=1h order=1");
		assert_false(flow_ping(&f, 150));
		assert_int_equal(pings(&pin, 20), 20);
		flow_close(&f);
		flow_close(&pin);
	}
	disarm(e);
	segment_netfilter(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_holds_follows_from_the_kernel, make_whole),
		cmocka_unit_test(a_conduit_and_its_absence_hold_between_two_ports),
		cmocka_unit_test(hosts_of_one_zone_meet_where_its_inside_is_open_alone),
		cmocka_unit_test(established_flows_die_by_an_isolation_and_pins_live),
		cmocka_unit_test(every_kind_of_cut_holds_between_two_ports),
		cmocka_unit_test(a_law_on_trial_judges_there_too_and_ends_by_the_kernel),
		cmocka_unit_test(observing_nothing_is_dropped_and_all_is_told),
		cmocka_unit_test(a_successor_keeps_cuts_and_connections),
		cmocka_unit_test(what_a_segment_lives_on_passes_and_nothing_hides_in_a_second_tag),
		cmocka_unit_test(both_ways_at_once_judge_the_same),
		cmocka_unit_test(the_whole_laws_table_is_repaired_printed_and_loaded_again),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
