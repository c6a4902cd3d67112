/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interfaces that go, come back, take another name or are new: the law knows addresses, and no link is outside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_help.h"

static int ip(enum lab_host h, const char *line)
{
	const char *argv[24] = {"ip"};
	char copy[256], *save = NULL;
	int n = 1;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w && n < 23; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	return lab_run(&lab, h, NULL, argv);
}

static void must(enum lab_host h, const char *line)
{
	if (ip(h, line) != 0)
		fail_msg("ip %s", line);
}

/* a pair between router and client, as the lab has it: the client keeps its MAC */
static void wire_client(const char *router_name)
{
	char line[256];

	snprintf(line, sizeof line, "link add %s type veth peer name c0 netns /proc/%d/fd/%d", router_name, (int)getpid(),
		lab.ns[LAB_CLIENT]);
	must(LAB_ROUTER, line);
	must(LAB_CLIENT, "link set c0 address 52:54:00:00:01:02");
	must(LAB_CLIENT, "addr add 10.1.0.2/24 dev c0");
	must(LAB_CLIENT, "addr add 10.1.0.3/24 dev c0");
	must(LAB_CLIENT, "addr add fd00:1::2/64 dev c0 nodad");
	must(LAB_CLIENT, "addr add fd00:1::3/64 dev c0 nodad");
	must(LAB_CLIENT, "link set c0 up");
	snprintf(line, sizeof line, "addr add 10.1.0.1/24 dev %s", router_name);
	must(LAB_ROUTER, line);
	snprintf(line, sizeof line, "addr add fd00:1::1/64 dev %s nodad", router_name);
	must(LAB_ROUTER, line);
	snprintf(line, sizeof line, "link set %s up", router_name);
	must(LAB_ROUTER, line);
	must(LAB_CLIENT, "route add default via 10.1.0.1");
	must(LAB_CLIENT, "-6 route add default via fd00:1::1");
}

/* 10.1.0.2 is isolated, 10.1.0.3 is not */
static void assert_under_the_law(struct bh_enforcer *e)
{
	struct flow f;

	flow_up(&f, "10.1.0.3", 5000, false);
	assert_int_equal(pings(&f, 5), 5);
	flow_close(&f);
	assert_closed("10.1.0.3", 9000, false);
	assert_closed("10.1.0.2", 5000, false);
	flow_up(&f, "10.1.0.2", 7000, false); /* the pin */
	flow_close(&f);
	assert_int_equal(bh_enforcer_verify(e), 0);
}

static void a_device_deleted_and_made_again_is_under_the_law_at_once(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct flow f;

	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	cut(e, "cut isolate mac:52:54:00:00:77:77 ttl=1h order=2");
	assert_under_the_law(e);
	flow_up(&f, "10.1.0.2", 7000, false);
	must(LAB_ROUTER, "link del c1");
	assert_false(flow_ping(&f, 50));
	flow_close(&f);
	assert_int_equal(bh_enforcer_verify(e), 0); /* nothing of ours went with the device */
	wire_client("c1");
	assert_under_the_law(e);
	disarm(e);
}

static void a_device_with_another_name_is_under_the_law(void **state)
{
	struct bh_enforcer *e = armed(law_text);

	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	must(LAB_ROUTER, "link set c1 down");
	must(LAB_ROUTER, "link set c1 name uplink7");
	must(LAB_ROUTER, "link set uplink7 up");
	must(LAB_ROUTER, "-6 addr replace fd00:1::1/64 dev uplink7 nodad");
	assert_under_the_law(e);
	must(LAB_ROUTER, "link del uplink7");
	wire_client("c1");
	assert_under_the_law(e);
	disarm(e);
}

/* 10.1.5.2 and .3 behind a link that did not exist when the law was written */
static void assert_new_link_is_under_the_law(struct bh_enforcer *e)
{
	struct flow f;

	flow_up(&f, "10.1.5.2", 5000, false);
	assert_closed("10.1.5.2", 9000, false);
	cut(e, "cut isolate 10.1.5.2 ttl=1h order=3");
	assert_false(flow_ping(&f, 100));
	flow_close(&f);
	assert_closed("10.1.5.2", 5000, false);
	release(e, "cut isolate 10.1.5.2 ttl=1h order=3");
	assert_int_equal(bh_enforcer_verify(e), 0);
}

static void a_new_device_is_under_the_law_from_its_first_packet(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	char line[256];

	snprintf(line, sizeof line, "link add c5 type veth peer name d5 netns /proc/%d/fd/%d", (int)getpid(), lab.ns[LAB_CLIENT]);
	must(LAB_ROUTER, line);
	must(LAB_ROUTER, "addr add 10.1.5.1/24 dev c5");
	must(LAB_ROUTER, "link set c5 up");
	must(LAB_CLIENT, "addr add 10.1.5.2/24 dev d5");
	must(LAB_CLIENT, "link set d5 up");
	assert_new_link_is_under_the_law(e);
	must(LAB_ROUTER, "link del c5");
	disarm(e);
}

static void a_new_vlan_is_under_the_law_from_its_first_packet(void **state)
{
	struct bh_enforcer *e = armed(law_text);

	if (ip(LAB_ROUTER, "link add link c1 name c1.5 type vlan id 5") != 0) {
		print_message("# no VLAN devices in this kernel\n");
		disarm(e);
		skip();
	}
	must(LAB_ROUTER, "addr add 10.1.5.1/24 dev c1.5");
	must(LAB_ROUTER, "link set c1.5 up");
	must(LAB_CLIENT, "link add link c0 name c0.5 type vlan id 5");
	must(LAB_CLIENT, "addr add 10.1.5.2/24 dev c0.5");
	must(LAB_CLIENT, "link set c0.5 up");
	assert_new_link_is_under_the_law(e);
	must(LAB_ROUTER, "link del c1.5");
	must(LAB_CLIENT, "link del c0.5");
	disarm(e);
}

/* what the watch could not hear it does not trust */
static void lost_notices_lead_to_a_comparison_of_everything(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	int small = 4096;
	size_t told = 0, repaired = 0;
	bool unknown = false;
	struct bh_drift d;
	char *text = malloc(200000);
	size_t n;

	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	while (bh_enforcer_watch(e, &d) == 1)
		;
	/* a watch that hears little: as if thousands had come while the process was not scheduled */
	assert_int_equal(setsockopt(bh_enforcer_fd(e), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	n = (size_t)sprintf(text, "add table ip theirs\nadd set ip theirs s { type ipv4_addr; }\nadd element ip theirs s {");
	for (unsigned i = 0; i < 5000; i++)
		n += (size_t)sprintf(text + n, "%s 10.9.%u.%u", i ? "," : "", i / 250, i % 250);
	sprintf(text + n, " }\n");
	assert_int_equal(lab_nft_file(&lab, text), 0);
	free(text);
	assert_int_equal(lab_nft(&lab, "delete element inet bulkhead iso4 { 10.1.0.2 }", NULL), 0);
	while (bh_enforcer_watch(e, &d) == 1) {
		print_message("# by %s: %s\n", d.prog, d.text);
		told++;
		repaired += d.repaired;
		unknown |= d.prog[0] == '?' && d.ours_touched;
	}
	assert_true(told > 0);
	assert_true(unknown);
	assert_int_equal(repaired, 1);
	assert_true(cut_left_s(e, "10.1.0.2") > 3500);
	assert_int_equal(bh_enforcer_verify(e), 0);
	assert_int_equal(lab_nft(&lab, "delete table ip theirs", NULL), 0);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_deleted_and_made_again_is_under_the_law_at_once),
		cmocka_unit_test(a_device_with_another_name_is_under_the_law),
		cmocka_unit_test(a_new_device_is_under_the_law_from_its_first_packet),
		cmocka_unit_test(a_new_vlan_is_under_the_law_from_its_first_packet),
		cmocka_unit_test(lost_notices_lead_to_a_comparison_of_everything),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
