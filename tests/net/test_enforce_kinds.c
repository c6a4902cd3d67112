/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kill, contain and island on the real kernel: what dies, what does not notice, and who comes back to it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_help.h"

static const char *const hosts[] = {"10.1.0.2", "fd00:1::2"};
static const char *const others[] = {"10.1.0.3", "fd00:1::3"};

/* the lab's law, and administration of machines besides */
static struct bh_enforcer *admin_law(void)
{
	char *text = NULL;
	struct bh_enforcer *e;

	assert_true(asprintf(&text,
			    "%spermit office > 10.2.0.0/16 tcp/22 conduit=web\n"
			    "permit office > fd00:2::/48 tcp/22 conduit=web\n"
			    "permit plant > 10.1.0.0/16 tcp/22 conduit=web\n"
			    "permit office > 10.3.0.0/16 tcp/5000-5099 conduit=web\n",
			    law_text) > 0);
	e = armed(text);
	free(text);
	return e;
}

static struct bh_cut kill_of(const struct flow *f)
{
	struct sockaddr_storage a, b;
	socklen_t la = sizeof a, lb = sizeof b;
	char text[BH_CUT_TEXT], c[INET6_ADDRSTRLEN], s[INET6_ADDRSTRLEN];
	const struct sockaddr_in *c4 = (const void *)&a, *s4 = (const void *)&b;
	const struct sockaddr_in6 *c6 = (const void *)&a, *s6 = (const void *)&b;
	bool v6;

	assert_int_equal(getsockname(f->client, (struct sockaddr *)&a, &la), 0);
	assert_int_equal(getpeername(f->client, (struct sockaddr *)&b, &lb), 0);
	v6 = a.ss_family == AF_INET6;
	inet_ntop(a.ss_family, v6 ? (const void *)&c6->sin6_addr : &c4->sin_addr, c, sizeof c);
	inet_ntop(b.ss_family, v6 ? (const void *)&s6->sin6_addr : &s4->sin_addr, s, sizeof s);
	snprintf(text, sizeof text, "cut kill %s %s %u > %s %u ttl=1h order=5 because=operator",
		f->tcp ? "tcp" : "udp", c, ntohs(v6 ? c6->sin6_port : c4->sin_port), s,
		ntohs(v6 ? s6->sin6_port : s4->sin_port));
	return cut_of(text);
}

static void kill_flow(struct bh_enforcer *e, const struct flow *f)
{
	struct bh_cut c = kill_of(f);
	struct bh_refused refused = {0};

	if (bh_enforcer_cut(e, &c, 1, &refused))
		fail_msg("kill: %s %s", bh_enforcer_why(e), refused.text);
}

static void release_flow(struct bh_enforcer *e, const struct flow *f)
{
	struct bh_cut c = kill_of(f);

	assert_int_equal(bh_enforcer_release(e, &c, 1), 0);
}

static void a_killed_flow_dies_and_its_twin_does_not_notice(void **state)
{
	for (int v6 = 0; v6 < 2; v6++)
		for (int tcp = 0; tcp < 2; tcp++) {
			struct bh_enforcer *e = admin_law();
			struct flow dead, twin, pin;
			struct bh_enforce_counters c;

			flow_up(&dead, hosts[v6], 5000, tcp);
			flow_up(&twin, hosts[v6], tcp ? 5001 : 5002, tcp);
			flow_up(&pin, hosts[v6], 7000, false);
			kill_flow(e, &dead);
			assert_false(flow_push(&dead, 150)); /* the answering side first */
			assert_false(flow_ping(&dead, 150));
			assert_int_equal(pings(&twin, 50), 50);
			assert_int_equal(pings(&pin, 50), 50);
			assert_int_equal(bh_enforcer_counters(e, &c), 0);
			assert_true(c.kill >= 1);
			assert_int_equal(bh_enforcer_verify(e), 0);
			release_flow(e, &dead);
			if (!tcp)
				assert_int_equal(pings(&dead, 20), 20);
			assert_int_equal(pings(&twin, 20), 20);
			assert_int_equal(bh_enforcer_verify(e), 0);
			flow_close(&dead);
			flow_close(&twin);
			flow_close(&pin);
			disarm(e);
		}
}

static void a_pin_cannot_be_killed(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct bh_enforcer *e = admin_law();
		struct flow udp, tcp;

		flow_up(&udp, hosts[v6], 7000, false);
		flow_up(&tcp, hosts[v6], 7001, true);
		kill_flow(e, &udp);
		kill_flow(e, &tcp);
		assert_int_equal(pings(&udp, 50), 50);
		assert_true(flow_push(&tcp, 200));
		assert_int_equal(pings(&tcp, 20), 20);
		flow_close(&udp);
		flow_close(&tcp);
		disarm(e);
	}
}

static void a_kill_of_a_connection_nobody_knows_is_no_error(void **state)
{
	struct bh_enforcer *e = admin_law();

	cut(e, "cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=1h order=1");
	cut(e, "cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=30s order=2");
	assert_in_range(cut_left_s(e, "10.1.0.2"), 25, 30);
	release(e, "cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=1h order=1");
	release(e, "cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=1h order=1");
	assert_int_equal(cut_left_s(e, "10.1.0.2"), 0);
	disarm(e);
}

static void a_contained_host_loses_administration_and_keeps_its_work(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct bh_enforcer *e = admin_law();
		struct flow ssh, web, udp, pin, other;
		struct bh_enforce_counters c;
		char line[128];

		snprintf(line, sizeof line, "cut contain %s ttl=1h order=3 because=smb.exec", hosts[v6]);
		flow_up(&ssh, hosts[v6], 22, true);
		flow_up(&web, hosts[v6], 5000, true);
		flow_up(&udp, hosts[v6], 5000, false);
		flow_up(&pin, hosts[v6], 7000, false);
		flow_up(&other, others[v6], 22, true);
		cut(e, line);
		assert_false(flow_push(&ssh, 150)); /* established, dead at its next packet */
		assert_false(flow_ping(&ssh, 150));
		assert_closed(hosts[v6], 22, true);
		assert_int_equal(pings(&web, 30), 30);
		assert_int_equal(pings(&udp, 50), 50);
		assert_int_equal(pings(&pin, 50), 50);
		assert_int_equal(pings(&other, 30), 30);
		assert_int_equal(bh_enforcer_counters(e, &c), 0);
		assert_true(c.contain >= 1);
		assert_int_equal(bh_enforcer_verify(e), 0);
		cut(e, line); /* renewed */
		assert_int_equal(pings(&udp, 30), 30);
		release(e, line);
		flow_close(&ssh);
		flow_up(&ssh, hosts[v6], 22, true);
		assert_int_equal(pings(&web, 20), 20);
		assert_int_equal(pings(&udp, 20), 20);
		assert_int_equal(bh_enforcer_verify(e), 0);
		flow_close(&ssh);
		flow_close(&web);
		flow_close(&udp);
		flow_close(&pin);
		flow_close(&other);
		disarm(e);
	}
}

/* as many datagrams as there is time for, both ends in a process of their own; exits with 1 when one was lost */
static pid_t stream(const struct flow *f, unsigned ms)
{
	pid_t pid = fork();
	uint64_t end = lab_now_us() + ms * 1000ull;
	size_t sent = 0, got = 0;
	char c = 'x';

	if (pid)
		return pid;
	while (lab_now_us() < end) {
		sent += send(f->client, &c, 1, MSG_DONTWAIT) == 1;
		while (recv(f->server, &c, 1, MSG_DONTWAIT) == 1)
			got++;
	}
	lab_sleep_ms(50);
	while (recv(f->server, &c, 1, MSG_DONTWAIT) == 1)
		got++;
	_exit(got != sent || sent < 1000);
}

/* the kernel fills sets of ranges after the rules that ask them: neither a pin nor what was permitted may depend on one */
static void nothing_is_lost_while_the_law_is_written_again_and_again(void **state)
{
	for (int i = 0; i < 4; i++) {
		int v6 = i & 1;
		struct bh_enforcer *e = admin_law();
		struct flow f;
		int status;
		pid_t pid;

		flow_up(&f, hosts[v6], i < 2 ? 7000 : 5000, false);
		pid = stream(&f, 1500);
		for (uint64_t end = lab_now_us() + 1300000; lab_now_us() < end;) {
			cut(e, "cut contain 10.1.0.9 ttl=1h order=1");
			release(e, "cut contain 10.1.0.9 ttl=1h order=1");
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		flow_close(&f);
		disarm(e);
	}
}

static void cut_all(struct bh_enforcer *e, const char *a, const char *b)
{
	struct bh_cut v[2] = {cut_of(a), cut_of(b)};
	struct bh_refused refused = {0};

	if (bh_enforcer_cut(e, v, 2, &refused))
		fail_msg("cut: %s %s", bh_enforcer_why(e), refused.text);
}

/* two networks of one island, as the parts of a zone are: 10.1.0.2/31 is one, 10.3.0.0/24 another */
static void an_island_keeps_what_stays_inside_and_its_pins(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow inside, edge, edge_tcp, pin, outside;
	struct bh_enforce_counters c;

	assert_int_equal(flow_open(&lab, &inside, "10.1.0.2", "10.3.0.2", 5000, false, 1000), 0);
	flow_up(&edge, "10.1.0.2", 5000, false);
	flow_up(&edge_tcp, "10.1.0.2", 5001, true);
	flow_up(&pin, "10.1.0.2", 7000, false);
	flow_up(&outside, "10.1.0.3", 5003, false);
	cut_all(e, "cut island net:10.1.0.2/32 ttl=1h order=4", "cut island net:10.3.0.0/24 ttl=1h order=4");
	assert_false(flow_push(&edge, 150));
	assert_false(flow_ping(&edge, 150));
	assert_false(flow_ping(&edge_tcp, 150));
	assert_closed("10.1.0.2", 5002, true);
	assert_int_equal(pings(&inside, 50), 50);
	assert_int_equal(pings(&pin, 50), 50);
	assert_int_equal(pings(&outside, 50), 50);
	assert_int_equal(flow_open(&lab, &edge_tcp, "10.1.0.2", "10.3.0.2", 5001, true, 1000), 0);
	flow_close(&edge_tcp);
	assert_int_equal(bh_enforcer_counters(e, &c), 0);
	assert_true(c.island >= 3);
	assert_int_equal(bh_enforcer_verify(e), 0);
	{
		struct bh_cut v[2] = {cut_of("cut island net:10.1.0.2/32 ttl=1h order=4"),
			cut_of("cut island net:10.3.0.0/24 ttl=1h order=4")};

		assert_int_equal(bh_enforcer_release(e, v, 2), 0);
	}
	assert_int_equal(pings(&edge, 20), 20);
	assert_int_equal(pings(&inside, 20), 20);
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&inside);
	flow_close(&edge);
	flow_close(&pin);
	flow_close(&outside);
	disarm(e);
}

static void an_island_of_ipv6_networks_is_the_same(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow inside, edge, pin;

	assert_int_equal(flow_open(&lab, &inside, "fd00:1::2", "fd00:3::2", 5000, false, 1000), 0);
	flow_up(&edge, "fd00:1::2", 5000, false);
	flow_up(&pin, "fd00:1::2", 7000, false);
	cut_all(e, "cut island net:fd00:1::2/128 ttl=1h order=4", "cut island net:fd00:3::/64 ttl=1h order=4");
	assert_false(flow_ping(&edge, 150));
	assert_int_equal(pings(&inside, 50), 50);
	assert_int_equal(pings(&pin, 50), 50);
	flow_close(&inside);
	flow_close(&edge);
	flow_close(&pin);
	disarm(e);
}

static void two_islands_do_not_talk(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow f;

	assert_int_equal(flow_open(&lab, &f, "10.1.0.2", "10.3.0.2", 5000, false, 1000), 0);
	cut(e, "cut island net:10.1.0.2/32 ttl=1h order=4");
	cut(e, "cut island net:10.3.0.0/24 ttl=1h order=5");
	assert_false(flow_ping(&f, 150));
	flow_close(&f);
	disarm(e);
}

static void a_refused_peer_learns_at_once_that_an_island_is_closed(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow f;
	uint64_t start;

	cut(e, "cut island net:10.2.0.0/30 ttl=1h order=4");
	start = lab_now_us();
	assert_int_equal(flow_open(&lab, &f, "10.1.0.3", NULL, 5000, true, 3000), 1);
	assert_true(lab_now_us() - start < 500000);
	disarm(e);
}

static const char *const every_kind[] = {
	"cut isolate 10.1.0.77 ttl=1h order=12 because=smb.ransom",
	"cut shield fd00:1::78 ttl=1h order=13 because=scan.seq",
	"cut contain 10.1.0.79 ttl=1h order=14 because=smb.exec",
	"cut contain fd00:1::79 ttl=1h order=14 because=smb.exec",
	"cut island net:10.1.7.0/24 ttl=1h order=15 because=operator",
	"cut island net:fd00:1:0:7::/64 ttl=1h order=15 because=operator",
	"cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=1h order=16 because=operator",
	"cut kill udp fd00:1::2 40000 > fd00:2::2 5001 ttl=1h order=16 because=operator",
};
#define KINDS (sizeof every_kind / sizeof every_kind[0])

static void every_kind_stands(struct bh_enforcer *e)
{
	struct bh_cut *v;
	size_t n, found = 0;

	assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
	assert_int_equal(n, KINDS);
	for (size_t i = 0; i < n; i++) {
		assert_in_range(v[i].ttl, BH_SEC(3500), BH_SEC(3600));
		v[i].ttl = BH_HOUR(1);
		for (size_t k = 0; k < KINDS; k++) {
			char text[BH_CUT_TEXT], want[BH_CUT_TEXT];
			struct bh_cut c = cut_of(every_kind[k]);

			bh_cut_print(&v[i], text);
			bh_cut_print(&c, want);
			found += !strcmp(text, want);
		}
	}
	assert_int_equal(found, KINDS);
	free(v);
}

static void every_kind_of_cut_survives_the_process_the_law_and_a_foreign_flush(void **state)
{
	struct bh_enforcer *e;
	struct bh_drift d = {0};
	pid_t pid = fork();
	int r = 0;

	if (pid == 0) {
		e = admin_law();
		for (size_t i = 0; i < KINDS; i++)
			cut(e, every_kind[i]);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	e = admin_law(); /* taken over from the dead one */
	every_kind_stands(e);
	assert_int_equal(bh_enforcer_verify(e), 0);
	apply(e, law_text);
	every_kind_stands(e);
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	for (int tries = 0; r == 0 && tries < 20; tries++) {
		lab_sleep_ms(20);
		r = bh_enforcer_watch(e, &d);
	}
	assert_int_equal(r, 1);
	assert_true(d.repaired);
	every_kind_stands(e);
	assert_int_equal(bh_enforcer_verify(e), 0);
	for (size_t i = 0; i < KINDS; i++)
		release(e, every_kind[i]);
	{
		struct bh_cut *v;
		size_t n;

		assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
		assert_int_equal(n, 0);
		free(v);
	}
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void each_kind_ends_by_the_kernels_clock(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow ssh, edge, killed;
	struct bh_cut c;
	struct bh_refused refused = {0};

	flow_up(&ssh, "fd00:1::2", 22, true);
	flow_up(&edge, "10.1.0.2", 5000, false);
	flow_up(&killed, "10.1.0.3", 5000, false);
	cut(e, "cut contain fd00:1::2 ttl=1500ms order=1");
	cut(e, "cut island net:10.1.0.2/32 ttl=1500ms order=2");
	c = kill_of(&killed);
	c.ttl = BH_MS(1500);
	assert_int_equal(bh_enforcer_cut(e, &c, 1, &refused), 0);
	assert_false(flow_ping(&ssh, 100));
	assert_false(flow_ping(&edge, 100));
	assert_false(flow_ping(&killed, 100));
	lab_sleep_ms(1500);
	assert_int_equal(pings(&edge, 20), 20);
	assert_int_equal(pings(&killed, 20), 20);
	flow_close(&ssh);
	flow_up(&ssh, "fd00:1::2", 22, true);
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&ssh);
	flow_close(&edge);
	flow_close(&killed);
	disarm(e);
}

/* what it opened between two orders was judged when nothing stood against it */
static void a_host_contained_again_after_its_time_loses_what_it_opened_meanwhile(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct flow ssh;

	cut(e, "cut contain 10.1.0.2 ttl=300ms order=1");
	assert_closed("10.1.0.2", 22, true);
	lab_sleep_ms(500);
	flow_up(&ssh, "10.1.0.2", 22, true);
	cut(e, "cut contain 10.1.0.2 ttl=1h order=2");
	assert_false(flow_ping(&ssh, 150));
	flow_close(&ssh);
	disarm(e);
}

static void live_connections_are_listed_before_they_are_cut(void **state)
{
	struct bh_enforcer *e = admin_law();
	struct bh_cut c = cut_of("cut isolate 10.1.0.2 ttl=1h order=1");
	struct bh_ct_flow *v;
	struct flow one, two, six;
	uint64_t left_out;
	size_t n, mine = 0;

	flow_up(&one, "10.1.0.2", 5000, true);
	flow_up(&two, "10.1.0.3", 5000, true);
	flow_up(&six, "fd00:1::2", 5001, false);
	assert_int_equal(bh_enforcer_flows(e, &c, 1, &v, &n, &left_out), 0);
	assert_int_equal(left_out, 0);
	for (size_t i = 0; i < n; i++) {
		struct bh_addr host;
		char text[BH_CT_FLOW_TEXT];
		struct bh_ct_flow back;

		assert_int_equal(bh_addr_parse("10.1.0.2", 8, &host), 0);
		assert_true(!memcmp(&v[i].src, &host, sizeof host) ||
			    !memcmp(&v[i].dst, &host, sizeof host));
		mine += v[i].proto == 6 && v[i].dport == 5000 && v[i].answered && !v[i].closed;
		bh_ct_flow_print(&v[i], text);
		assert_int_equal(bh_ct_flow_parse(text, strlen(text), &back), 0);
		assert_int_equal(back.sport, v[i].sport);
		assert_int_equal(back.answered, v[i].answered);
	}
	assert_true(mine >= 1);
	free(v);
	assert_int_equal(bh_enforcer_flows(e, NULL, 0, &v, &n, &left_out), 0);
	mine = 0;
	for (size_t i = 0; i < n; i++)
		mine += v[i].proto == 17 && v[i].dport == 5001 && v[i].answered;
	assert_true(mine >= 1);
	free(v);
	flow_close(&one);
	flow_close(&two);
	flow_close(&six);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_flow_dies_and_its_twin_does_not_notice),
		cmocka_unit_test(a_pin_cannot_be_killed),
		cmocka_unit_test(a_kill_of_a_connection_nobody_knows_is_no_error),
		cmocka_unit_test(a_contained_host_loses_administration_and_keeps_its_work),
		cmocka_unit_test(nothing_is_lost_while_the_law_is_written_again_and_again),
		cmocka_unit_test(an_island_keeps_what_stays_inside_and_its_pins),
		cmocka_unit_test(an_island_of_ipv6_networks_is_the_same),
		cmocka_unit_test(two_islands_do_not_talk),
		cmocka_unit_test(a_refused_peer_learns_at_once_that_an_island_is_closed),
		cmocka_unit_test(every_kind_of_cut_survives_the_process_the_law_and_a_foreign_flush),
		cmocka_unit_test(each_kind_ends_by_the_kernels_clock),
		cmocka_unit_test(a_host_contained_again_after_its_time_loses_what_it_opened_meanwhile),
		cmocka_unit_test(live_connections_are_listed_before_they_are_cut),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
