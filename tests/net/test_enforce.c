/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer's law and cuts against the real kernel, in namespaces of our own. Skipped (77) where
 * none can be made. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_help.h"

/* ---- law ---- */

static void the_law_lets_conduits_through_and_nothing_else(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	static const char *const both[] = {"10.1.0.2", "fd00:1::2"}, *const host[] = {"10.1.0.3",
									     "fd00:1::3"};
	struct bh_enforce_counters c;

	for (int i = 0; i < 2; i++) {
		struct flow f;

		flow_up(&f, both[i], 5000, true);
		flow_close(&f);
		flow_up(&f, both[i], 5099, false);
		flow_close(&f);
		assert_closed(both[i], 5100, true);
		assert_closed(both[i], 4999, false);
		flow_up(&f, host[i], 6000, true);
		flow_close(&f);
		assert_closed(both[i], 6000, true); /* from-hosts: the neighbour only */
		flow_up(&f, both[i], 7000, false);  /* a pin needs no conduit */
		flow_close(&f);
		assert_closed(host[i], 7000, false);
	}
	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	assert_true(c.deny >= 6);
	assert_true(c.pin >= 4);
	assert_int_equal(c.iso, 0);
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void nft_prints_the_table_and_loads_its_own_print_again(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	char *full, *first, *second;

	cut(e, "cut isolate 10.1.0.77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate fd00:1::77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate mac:02:00:00:00:00:77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate net:10.1.7.0/24 ttl=1h order=13 because=operator");
	cut(e, "cut shield 10.1.0.78 ttl=1h order=14 because=lateral");
	full = listing(true);
	first = listing(false);
	assert_int_equal(count(first, "order 12 smb.ransom"), 3);
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	assert_int_equal(lab_nft_file(&lab, full), 0);
	second = listing(false);
	assert_string_equal(first, second);
	free(full);
	free(first);
	free(second);
	disarm(e);
}

/* ---- isolation ---- */

static void isolate_and_look(const char *host, const char *neighbour, const char *cut_line)
{
	struct bh_enforcer *e = armed(law_text);
	struct flow tcp, udp, pin_udp, pin_tcp, other, dns;
	struct bh_enforce_counters c;

	flow_up(&tcp, host, 5000, true);
	flow_up(&udp, host, 5000, false);
	flow_up(&pin_udp, host, 7000, false);
	flow_up(&pin_tcp, host, 7001, true);
	flow_up(&other, neighbour, 5001, false);
	assert_int_equal(pings(&udp, 20), 20);

	cut(e, cut_line);
	assert_false(flow_ping(&udp, 150)); /* established, and dead at its next packet */
	assert_false(flow_push(&udp, 150));
	assert_false(flow_ping(&tcp, 300));
	assert_int_equal(
		pings(&pin_udp, 200), 200); /* not one lost: there is no retransmission in UDP */
	assert_int_equal(pings(&pin_tcp, 50), 50);
	assert_int_equal(pings(&other, 200), 200);
	assert_closed(host, 5002, true);
	flow_up(&dns, host, 53, false); /* the remedy */
	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	assert_true(c.iso >= 3);
	assert_true(c.pin >= 400);
	assert_int_equal(bh_enforcer_verify(e), 0);

	release(e, cut_line);
	assert_int_equal(pings(&udp, 20), 20); /* judged under this law already, so it goes on */
	flow_close(&tcp);
	flow_up(&tcp, host, 5000, true);
	flow_close(&tcp);
	flow_close(&udp);
	flow_close(&pin_udp);
	flow_close(&pin_tcp);
	flow_close(&other);
	flow_close(&dns);
	disarm(e);
}

static void an_isolation_kills_established_flows_and_spares_pins_and_neighbours(void **state)
{
	isolate_and_look(
		"10.1.0.2", "10.1.0.3", "cut isolate 10.1.0.2 ttl=1h order=1 because=test");
	isolate_and_look(
		"fd00:1::2", "fd00:1::3", "cut isolate fd00:1::2 ttl=1h order=1 because=test");
}

static void an_isolated_network_is_cut_and_its_pins_are_not(void **state)
{
	static const struct {
		const char *host, *line;
	} t[] = {{"10.1.0.2", "cut isolate net:10.1.0.2/31 ttl=1h order=1"},
		{"fd00:1::2", "cut isolate net:fd00:1::2/127 ttl=1h order=1"}};

	for (size_t i = 0; i < 2; i++) {
		struct bh_enforcer *e = armed(law_text);
		struct flow udp, pin;

		flow_up(&udp, t[i].host, 5000, false);
		flow_up(&pin, t[i].host, 7000, false);
		cut(e, t[i].line);
		assert_false(flow_ping(&udp, 150));
		assert_int_equal(pings(&pin, 50), 50);
		release(e, t[i].line);
		assert_int_equal(pings(&udp, 10), 10);
		flow_close(&udp);
		flow_close(&pin);
		disarm(e);
	}
}

static void an_isolated_mac_is_cut_in_both_families(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct flow v4, v6, pin;

	flow_up(&v4, "10.1.0.3", 5000, false);
	flow_up(&v6, "fd00:1::3", 5000, false);
	flow_up(&pin, "10.1.0.2", 7000, false);
	cut(e, "cut isolate mac:52:54:00:00:01:02 ttl=1h order=1 because=test");
	assert_false(flow_ping(&v4, 150));
	assert_false(flow_ping(&v6, 150));
	assert_int_equal(pings(&pin, 50), 50);
	release(e, "cut isolate mac:52:54:00:00:01:02 ttl=1h order=1 because=test");
	assert_int_equal(pings(&v4, 10), 10);
	flow_close(&v4);
	flow_close(&v6);
	flow_close(&pin);
	disarm(e);
}

static void the_peer_of_an_isolated_host_is_told_at_once(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct flow f;
	uint64_t start;

	cut(e, "cut isolate 10.2.0.2 ttl=1h order=1");
	start = lab_now_us();
	assert_int_equal(flow_open(&lab, &f, "10.1.0.3", NULL, 5000, true, 3000), 1);
	assert_true(lab_now_us() - start < 500000); /* a reset, not the time-out of 3 s */
	disarm(e);
}

static void an_isolated_host_does_not_reach_this_box_but_management_does(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	const char *const ping4[] = {"ping", "-c1", "-W1", "-I10.1.0.2", "10.1.0.1", NULL};
	const char *const ping6[] = {"ping", "-c1", "-W1", "-Ifd00:1::2", "fd00:1::1", NULL};
	char *managed = NULL;

	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping4), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 0);
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	cut(e, "cut isolate fd00:1::2 ttl=1h order=1");
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping4), 1);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 1);
	assert_true(asprintf(&managed, "%smanage 10.1.0.2 icmp\nmanage fd00:1::2 icmp\n",
			    law_text) > 0);
	apply(e, managed); /* keeps the isolations */
	assert_true(cut_left_s(e, "10.1.0.2") > 3500);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping4), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 0);
	free(managed);
	disarm(e);
}

static void a_shielded_host_opens_nothing_new_in_critical_zones_and_keeps_the_rest(void **state)
{
	static const struct {
		const char *host, *shop, *line;
	} t[] = {{"10.1.0.2", "10.3.0.2", "cut shield 10.1.0.2 ttl=1h order=1"},
		{"fd00:1::2", "fd00:3::2", "cut shield fd00:1::2 ttl=1h order=1"}};

	for (size_t i = 0; i < 2; i++) {
		struct bh_enforcer *e = armed(law_text);
		struct flow old, shop, pin;
		struct bh_enforce_counters c;

		flow_up(&old, t[i].host, 5000, true);
		cut(e, t[i].line);
		assert_int_equal(pings(&old, 50), 50);
		assert_closed(t[i].host, 5001, true);
		assert_closed(t[i].host, 5001, false);
		flow_up(&pin, t[i].host, 7000, false);
		assert_int_equal(
			flow_open(&lab, &shop, t[i].host, t[i].shop, 5000, false, 1000), 0);
		assert_int_equal(bh_enforcer_counters(e, &c), 0);
		assert_true(c.shield >= 2);
		release(e, t[i].line);
		flow_close(&old);
		flow_close(&shop);
		flow_close(&pin);
		flow_up(&old, t[i].host, 5001, true);
		flow_close(&old);
		disarm(e);
	}
}

/* ---- time ---- */

static void an_isolation_ends_by_the_kernels_clock_with_the_process_dead(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct flow f;
	pid_t pid;

	flow_up(&f, "10.1.0.2", 5000, false);
	pid = fork();
	if (pid == 0) {
		struct bh_enforcer *child = armed(law_text);

		cut(child, "cut isolate 10.1.0.2 ttl=1500ms order=1 because=test");
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(flow_ping(&f, 150));
	lab_sleep_ms(1700);
	assert_int_equal(pings(&f, 20), 20);
	assert_int_equal(cut_left_s(e, "10.1.0.2"), 0);
	flow_close(&f);
	disarm(e);
}

static void cutting_again_renews_the_time_longer_or_shorter(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct bh_cut *v;
	size_t n;

	for (int net = 0; net < 2; net++) {
		const char *what = net ? "net:10.1.4.0/24" : "10.1.0.2";
		char line[128];

		snprintf(line, sizeof line, "cut isolate %s ttl=10s order=1 because=first", what);
		cut(e, line);
		snprintf(line, sizeof line, "cut isolate %s ttl=1h order=2 because=second", what);
		cut(e, line);
		assert_in_range(cut_left_s(e, what), 3590, 3600);
		snprintf(line, sizeof line, "cut isolate %s ttl=60s order=3 because=third", what);
		cut(e, line);
		assert_in_range(cut_left_s(e, what), 55, 60);
		assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
		assert_int_equal(n, net + 1);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(v[i].order, 3);
			assert_string_equal(v[i].because, "third");
		}
		free(v);
	}
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void releasing_what_is_not_cut_is_no_error(void **state)
{
	struct bh_enforcer *e = armed(law_text);

	release(e, "cut isolate 10.1.0.2 ttl=1s order=1");
	release(e, "cut isolate net:10.1.4.0/24 ttl=1s order=1");
	release(e, "cut isolate mac:02:00:00:00:00:01 ttl=1s order=1");
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	release(e, "cut isolate 10.1.0.2 ttl=1s order=1");
	release(e, "cut isolate 10.1.0.2 ttl=1s order=1");
	assert_int_equal(cut_left_s(e, "10.1.0.2"), 0);
	disarm(e);
}

/* ---- law, replaced ---- */

static void a_new_law_keeps_what_it_still_allows_and_kills_what_it_does_not(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct bh_kernel_features features;
	struct flow keep, gone, pin;
	char *next = strdup(law_text), *line;

	flow_up(&keep, "10.1.0.2", 5000, false);
	flow_up(&gone, "10.1.0.3", 6000, true);
	flow_up(&pin, "10.1.0.2", 7000, false);
	cut(e, "cut isolate 10.1.0.50 ttl=1h order=9 because=kept");
	line = strstr(next, "permit office > 10.2.0.0/16 tcp/6000");
	memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
	apply(e, next); /* same generation number, another law: must be judged again all the same */
	assert_int_equal(pings(&keep, 50), 50);
	assert_int_equal(pings(&pin, 50), 50);
	assert_false(flow_ping(&gone, 300));
	assert_in_range(cut_left_s(e, "10.1.0.50"), 3590, 3600);
	assert_int_equal(bh_enforcer_features(e, &features), 0);
	assert_true(features.inet && features.concat_interval && features.timeout &&
		    features.conntrack && features.ct_mark && features.counter_elem &&
		    features.reject_inet);
	assert_int_equal(bh_enforcer_verify(e), 0);
	free(next);
	flow_close(&keep);
	flow_close(&gone);
	flow_close(&pin);
	disarm(e);
}

static void connections_older_than_the_table_go_on_when_the_law_permits_them(void **state)
{
	static const char *const hosts[] = {"10.1.0.2", "fd00:1::2"};
	struct bh_enforcer *e;

	for (size_t i = 0; i < 2; i++) {
		struct flow web, pin, forbidden;

		flow_up(&web, hosts[i], 5000, true);
		flow_up(&pin, hosts[i], 7001, true);
		flow_up(&forbidden, hosts[i], 9000, true);
		e = armed(law_text);
		assert_true(
			flow_push(&pin, 200)); /* the answering side speaks first, and is heard */
		assert_int_equal(pings(&pin, 20), 20);
		assert_int_equal(pings(&web, 20), 20);
		assert_false(flow_ping(&forbidden, 300));
		flow_close(&web);
		flow_close(&pin);
		flow_close(&forbidden);
		disarm(e);
	}
}

static void observe_drops_nothing_and_counts_what_it_would(void **state)
{
	struct bh_enforcer *e;
	struct bh_enforce_counters c;
	struct bh_refused refused;
	struct bh_cut one = cut_of("cut isolate 10.1.0.2 ttl=1h order=1");
	struct flow f;
	char *text = strdup(law_text), *mode = strstr(text, "mode=auto");

	memcpy(mode, "mode=ask ", 9);
	e = armed(text);
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	free(text);
	assert_true(asprintf(&text, "plan generation=8 mode=observe policy=\"\"%s",
			    strchr(law_text, '\n')) > 0);
	apply(e, text); /* drops the isolation as well: nothing is cut in this mode */
	assert_int_equal(cut_left_s(e, "10.1.0.2"), 0);
	flow_up(&f, "10.1.0.2", 9000, true);
	flow_close(&f);
	flow_up(&f, "fd00:1::2", 9000, false);
	flow_close(&f);
	assert_int_equal(bh_enforcer_cut(e, &one, 1, &refused), 1);
	assert_int_equal(refused.code, BH_REF_OBSERVE);
	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	assert_true(c.would_deny >= 4);
	free(text);
	disarm(e);
}

static void another_owners_table_is_left_byte_for_byte(void **state)
{
	struct bh_enforcer *e;
	char *before, *after, *end;

	assert_int_equal(lab_nft(&lab, "add table ip theirs", NULL), 0);
	assert_int_equal(lab_nft(&lab,
				 "add set ip theirs s { type ipv4_addr; elements = { 192.0.2.1, "
				 "192.0.2.2 } }",
				 NULL),
		0);
	assert_int_equal(
		lab_nft(&lab, "add chain ip theirs c { type filter hook forward priority 5; }",
			NULL),
		0);
	assert_int_equal(lab_nft(&lab, "add rule ip theirs c ip saddr @s counter drop", NULL), 0);
	assert_int_equal(lab_nft(&lab, "list table ip theirs", &before), 0);
	e = armed(law_text);
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	apply(e, law_text);
	assert_int_equal(lab_nft(&lab, "list table ip theirs", &after), 0);
	assert_string_equal(before, after);
	free(after);
	disarm(e);
	after = listing(true);
	end = strstr(after, "table inet bulkhead");
	assert_null(end);
	free(after);
	assert_int_equal(lab_nft(&lab, "list table ip theirs", &after), 0);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(lab_nft(&lab, "delete table ip theirs", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_law_lets_conduits_through_and_nothing_else),
		cmocka_unit_test(nft_prints_the_table_and_loads_its_own_print_again),
		cmocka_unit_test(
			an_isolation_kills_established_flows_and_spares_pins_and_neighbours),
		cmocka_unit_test(an_isolated_network_is_cut_and_its_pins_are_not),
		cmocka_unit_test(an_isolated_mac_is_cut_in_both_families),
		cmocka_unit_test(the_peer_of_an_isolated_host_is_told_at_once),
		cmocka_unit_test(an_isolated_host_does_not_reach_this_box_but_management_does),
		cmocka_unit_test(
			a_shielded_host_opens_nothing_new_in_critical_zones_and_keeps_the_rest),
		cmocka_unit_test(an_isolation_ends_by_the_kernels_clock_with_the_process_dead),
		cmocka_unit_test(cutting_again_renews_the_time_longer_or_shorter),
		cmocka_unit_test(releasing_what_is_not_cut_is_no_error),
		cmocka_unit_test(a_new_law_keeps_what_it_still_allows_and_kills_what_it_does_not),
		cmocka_unit_test(connections_older_than_the_table_go_on_when_the_law_permits_them),
		cmocka_unit_test(observe_drops_nothing_and_counts_what_it_would),
		cmocka_unit_test(another_owners_table_is_left_byte_for_byte),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
