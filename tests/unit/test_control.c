/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local API: what a request line may say, and what a person is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/control.h>

static int parse(const char *line, struct bh_api_request *q)
{
	char error[96];

	return bh_api_parse(line, strlen(line), q, error);
}

static void every_kind_of_order_prints_and_parses_back(void **state)
{
	static const char *const lines[] = {
		"isolate target=\"10.1.2.0/24\" for=4h reason=\"x\"",
		"isolate target=\"10.1.2.3\" scope=segment dry=1",
		"isolate target=\"pc-7\" scope=zone reason=\"x\"",
		"shield target=\"10.1.2.3\" reason=\"x\"",
		"contain target=\"02:00:00:00:00:01\" for=1h reason=\"x\"",
		"island target=\"zone:office\" reason=\"x\"",
		"kill proto=tcp src=10.1.2.3:49152 dst=10.2.0.5:445 for=10m reason=\"x\"",
		"kill proto=udp src=[fd00::3]:5000 dst=[fd00::5]:53 dry=1",
		"breaker target=\"work\" set=pins-only reason=\"x\"",
		"breaker target=\"work\" set=normal reason=\"x\"",
		"drawbridge target=\"nightly\" for=30m set=lower reason=\"x\"",
		"release target=\"17\"",
		"mode mode=auto",
		"host-set target=\"pc-7\" change=\"approve\"",
		"host-set target=\"02:00:00:00:00:01\" change=\"rename=till \\\"2\\\"\"",
		"hosts-import bytes=16777216",
	};
	struct bh_api_request q;
	char back[BH_API_LINE];

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		assert_int_equal(parse(lines[i], &q), 0);
		back[bh_api_print(&q, back)] = '\0';
		assert_string_equal(back, lines[i]);
		assert_true(bh_api_writes(q.verb));
	}
}

static void what_has_no_meaning_is_refused(void **state)
{
	static const char *const lines[] = {
		"isolate target=\"10.1.2.3\"",				   /* no reason */
		"isolate reason=\"x\"",					   /* whom? */
		"isolate target=\"10.1.2.3\" scope=everything reason=\"x\"",
		"shield target=\"10.1.2.3\" scope=zone reason=\"x\"",
		"isolate target=\"10.1.2.3\" set=raise reason=\"x\"",
		"kill proto=tcp src=10.1.2.3:49152 reason=\"x\"",	   /* half a connection */
		"kill proto=icmp src=10.1.2.3:1 dst=10.2.0.5:1 reason=\"x\"",
		"kill proto=tcp src=10.1.2.3 dst=10.2.0.5:445 reason=\"x\"",
		"isolate target=\"10.1.2.3\" proto=tcp src=10.1.2.3:1 dst=10.2.0.5:445 reason=\"x\"",
		"breaker target=\"work\" reason=\"x\"",
		"breaker target=\"work\" set=raise reason=\"x\"",
		"drawbridge target=\"work\" set=admin-off reason=\"x\"",
		"breaker target=\"work\" set=none reason=\"x\"",
		"release target=\"17\" dry=1",
		"mode mode=auto dry=1",					   /* a dry run needs no right: it must not be one in name only */
		"policy-apply target=\"f\" bytes=5 dry=1",
		"policy-confirm dry=1",
		"host-show",						   /* which? */
		"host-set target=\"pc-7\"",
		"host-set target=\"pc-7\" reason=\"approve\"",
		"host-set target=\"pc-7\" change=\"approve\" dry=1",
		"isolate target=\"10.1.2.3\" change=\"approve\"",
		"hosts-import",
		"hosts-import bytes=16777217",
		"policy-apply target=\"f\" bytes=16777216",
		"host-show target=\"pc-7\" bytes=5",
		"policy-rollback dry=1",
	};
	struct bh_api_request q;

	for (size_t i = 0; i < BH_COUNT(lines); i++)
		if (parse(lines[i], &q) != 1)
			fail_msg("taken: %s", lines[i]);
}

static void a_request_becomes_the_event_the_core_knows(void **state)
{
	struct bh_addr src = bh_addr_v4((const uint8_t[]){10, 1, 2, 3}), dst = bh_addr_v4((const uint8_t[]){10, 2, 0, 5});
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_api_request q;
	struct bh_event ev, back;

	assert_int_equal(parse("kill proto=tcp src=10.1.2.3:49152 dst=10.2.0.5:445 for=10m reason=\"copies itself\"", &q), 0);
	bh_api_command(&q, BH_SEC(5), "operator:uid0", &ev);
	assert_int_equal(ev.kind, BH_EV_COMMAND);
	assert_int_equal(ev.u.command.verb, BH_CMD_KILL);
	assert_true(bh_addr_eq(&ev.src, &src) && bh_addr_eq(&ev.dst, &dst) && ev.sport == 49152 && ev.dport == 445 && ev.proto == 6);
	assert_string_equal(ev.u.command.reason, "copies itself");
	assert_int_equal(bh_event_parse(line, bh_event_print(&ev, line), &back, &e), 0); /* and replays */
	assert_memory_equal(&ev, &back, sizeof ev);
	assert_int_equal(parse("drawbridge target=\"nightly\" set=raise reason=\"x\"", &q), 0);
	bh_api_command(&q, BH_SEC(5), "operator:uid0", &ev);
	assert_int_equal(ev.u.command.verb, BH_CMD_DRAWBRIDGE);
	assert_int_equal(ev.u.command.set, BH_SET_RAISE);
	assert_int_equal(bh_event_parse(line, bh_event_print(&ev, line), &back, &e), 0);
	assert_memory_equal(&ev, &back, sizeof ev);
}

static const char town[] = "version: 1\nsite: t\nzones:\n  a: {networks: [10.1.0.0/16]}\n  b: {networks: [10.2.0.0/16]}\n"
			   "conduits:\n  - {name: work, from: a, to: b, allow: [ssh], breaker: {pins-only: isolate}}\n  - {name: other, from: b, to: a, allow: [ssh]}\n"
			   "response: {mode: auto}\n";

static void give(struct bh_core *c, const char *line)
{
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_api_request q;
	struct bh_event ev;

	assert_non_null(out);
	assert_int_equal(parse(line, &q), 0);
	bh_api_command(&q, BH_HOUR(1), "operator:uid0", &ev);
	assert_int_equal(bh_core_step(c, &ev, out), 0);
	free(out);
}

static void status_names_what_is_cut_and_what_is_closed(void **state)
{
	struct bh_core_opts o = {.mode = -1, .bare = true};
	struct bh_diags d = {0};
	struct bh_stats s = {0};
	struct bh_policy *p;
	struct bh_core *c;
	static char buf[65536];
	struct bh_api_view v;
	size_t n;

	assert_int_equal(bh_policy_load(town, sizeof town - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	v = (struct bh_api_view){.core = c, .policy = p, .stats = &s, .host = "gw", .now = BH_HOUR(1)};
	n = bh_api_status(&v, buf, sizeof buf - 1);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "\"conduits\":[]"));
	give(c, "isolate target=\"10.1.0.5\" reason=\"x\"");
	give(c, "contain target=\"10.1.0.6\" reason=\"x\"");
	give(c, "kill proto=tcp src=10.1.2.3:49152 dst=10.2.0.5:445 reason=\"x\"");
	give(c, "breaker target=\"other\" set=admin-off for=1h reason=\"odd logons\"");
	bh_core_counters(c, &s.core);
	n = bh_api_status(&v, buf, sizeof buf - 1);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "{\"conduit\":\"work\",\"state\":\"closed\",\"why\":\"breaker\",\"order\":1,"));
	assert_non_null(strstr(buf, "{\"conduit\":\"other\",\"state\":\"no-admin\",\"why\":\"operator\",\"by\":\"operator:uid0\",\"reason\":\"odd logons\","));
	assert_non_null(strstr(buf, "\"isolated\":1,\"shielded\":0,\"contained\":1,\"islands\":0,\"killed\":1,"));
	assert_non_null(strstr(buf, "\"step\":\"contain\",\"does\":\"no protocol that administers machines\""));
	assert_non_null(strstr(buf, "\"cut\":[\"tcp 10.1.2.3:49152 > 10.2.0.5:445\"]"));
	bh_core_close(c);
	bh_policy_free(p);
}

static void a_zone_that_is_asked_shows_what_when_and_what_came_of_it(void **state)
{
	static const char text[] = "version: 1\nzones:\n  it: {networks: [10.1.0.0/16], interfaces: [eth1], purdue: 4, probe: {names: true, every: 1m}}\n"
				   "  other: {networks: [10.2.0.0/16]}\n";
	static uint8_t says[2] = {BH_PROBE_ASKED, 0};
	static char buf[65536];
	struct bh_stats stats = {0};
	struct bh_diags d = {0};
	struct bh_api_view v = {.host = "sensor", .stats = &stats, .probe_says = says};
	struct bh_core_opts co = {.mode = -1, .bare = true};
	struct bh_event ev = {.at = BH_HOUR(1), .kind = BH_EV_COMMAND, .u.command = {.verb = BH_CMD_PROBE, .target = "bafokemidalo", .by = "prober", .reason = "it eth1"}};
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_policy *p = NULL;
	size_t n;

	assert_non_null(out);
	assert_int_equal(bh_policy_load(text, sizeof text - 1, "t.yaml", &d, &p), 0);
	v.policy = co.policy = p;
	assert_int_equal(bh_core_open(&co, &v.core), 0);
	assert_int_equal(bh_core_step(v.core, &ev, out), 0);
	free(out);
	v.now = BH_HOUR(1) + BH_SEC(90);
	n = bh_api_status(&v, buf, sizeof buf - 1);
	assert_true(n);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "\"probe\":{\"names\":true,\"dhcp\":false,\"every_s\":60,\"says\":\"asked\",\"names_last\":\"1970-01-01T01:00:00"));
	assert_null(strstr(buf, "dhcp_last"));
	/* of the zone that is asked, poisoners are observable; of the other, and once asking has stopped, they are not */
	assert_true(strstr(buf, "name.poison") > strstr(buf, "\"zone\":\"other\""));
	v.now = BH_HOUR(1) + BH_SEC(121);
	v.probe_says = NULL;
	n = bh_api_status(&v, buf, sizeof buf - 1);
	buf[n] = '\0';
	assert_true(strstr(buf, "name.poison") < strstr(buf, "\"zone\":\"other\""));
	assert_non_null(strstr(buf, "no interface of it was listened on"));
	bh_core_close(v.core);
	bh_policy_free(p);
	bh_diags_fini(&d);
}

static void say(struct bh_state *s, unsigned last, const char *change)
{
	struct bh_mac m = {{2, 0, 0, 0, 0, (uint8_t)last}};

	assert_int_equal(bh_state_device_set(s, &m, change, "els", BH_SEC(5)), 0);
}

static void a_device_is_meant_by_mac_address_or_name_and_never_by_half(void **state)
{
	struct bh_core_opts o = {.mode = -1, .bare = true};
	struct bh_mac m, two = {{2, 0, 0, 0, 0, 2}};
	char why[BH_API_WHY];
	struct bh_diags d = {0};
	struct bh_policy *p;
	struct bh_state *s;
	struct bh_core *c;

	assert_int_equal(bh_policy_load(town, sizeof town - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	s = bh_core_state(c);
	say(s, 1, "rename=till");
	say(s, 1, "addr=10.1.0.1");
	say(s, 2, "rename=scanner");
	say(s, 2, "addr=10.1.0.2");
	say(s, 3, "rename=Till");
	say(s, 3, "addr=10.1.0.1");
	assert_int_equal(bh_api_resolve(s, p, "SCANNER", false, &m, why), 0);
	assert_true(bh_mac_eq(&m, &two));
	assert_int_equal(bh_api_resolve(s, p, "10.1.0.2", false, &m, why), 0);
	assert_true(bh_mac_eq(&m, &two));
	assert_int_equal(bh_api_resolve(s, p, "02:00:00:00:00:02", false, &m, why), 0);
	assert_int_equal(bh_api_resolve(s, p, "till", false, &m, why), 1);
	assert_string_equal(why, "'till' may be 02:00:00:00:00:01 (till), 02:00:00:00:00:03 (Till): name the MAC");
	assert_int_equal(bh_api_resolve(s, p, "10.1.0.1", true, &m, why), 1);
	assert_int_equal(bh_api_resolve(s, p, "02:00:00:00:00:09", false, &m, why), 1);
	assert_int_equal(bh_api_resolve(s, p, "02:00:00:00:00:09", true, &m, why), 0);
	assert_int_equal(bh_api_resolve(s, p, "ff:ff:ff:ff:ff:ff", true, &m, why), 1);
	assert_int_equal(bh_api_resolve(s, p, "", true, &m, why), 1);
	assert_string_equal(why, "no device is known by '': its MAC, address or name");
	bh_core_close(c);
	bh_policy_free(p);
}

static void a_device_is_shown_with_what_differs_and_its_history(void **state)
{
	static const char line[] = "device 02:00:00:00:00:01 status=known tags=shared first=5 last=6 changed=6 addrs=10.1.0.1,10.1.0.2 carried=1 at=1 name=\"till\" "
				   "print{first=5 last=5 seen=3 params=1 order=1 os=windows ttl=128} print{first=6 last=6 seen=1 params=2 order=2 os=linux ttl=64 clients=ab}";
	const struct bh_api_story story = {BH_SEC(5), "person", "approve, by els"};
	struct bh_core_opts o = {.mode = -1, .bare = true};
	static char buf[65536];
	struct bh_event_error e;
	struct bh_api_view v;
	struct bh_diags d = {0};
	struct bh_device dev;
	struct bh_policy *p;
	struct bh_core *c;

	assert_int_equal(bh_policy_load(town, sizeof town - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	assert_int_equal(bh_device_parse(line, sizeof line - 1, &dev, &e), 0);
	assert_true(bh_state_device_put(bh_core_state(c), &dev));
	v = (struct bh_api_view){.core = c, .policy = p, .host = "gw", .now = BH_HOUR(1)};
	buf[bh_api_device(&v, bh_devices_find(bh_state_devices(bh_core_state(c)), &dev.mac), &story, 1, NULL, buf, sizeof buf - 1)] = '\0';
	assert_non_null(strstr(buf, "\"mac\":\"02:00:00:00:00:01\",\"status\":\"known\",\"tags\":[\"shared\"],\"name\":\"till\",\"zone\":\"a\""));
	assert_non_null(strstr(buf, "\"addresses\":[{\"ip\":\"10.1.0.1\",\"carried\":true},{\"ip\":\"10.1.0.2\",\"carried\":false}]"));
	assert_non_null(strstr(buf, "\"drift\":270,\"differs\":\"system linux, was windows, other DHCP options, TTL 64, was 128\""));
	assert_non_null(strstr(buf, "\"kind\":\"person\",\"text\":\"approve, by els\""));
	assert_null(strstr(buf, "history_unknown"));
	memset(buf, 0, sizeof buf);
	assert_true(bh_api_hosts(&v, "till", buf, sizeof buf - 1) > 0);
	assert_non_null(strstr(buf, "\"hosts\":[],\"devices\":[{\"mac\":\"02:00:00:00:00:01\""));
	memset(buf, 0, sizeof buf);
	assert_true(bh_api_hosts(&v, "retired", buf, sizeof buf - 1) > 0);
	assert_non_null(strstr(buf, "\"devices\":[]"));
	bh_core_close(c);
	bh_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_order_prints_and_parses_back),
		cmocka_unit_test(what_has_no_meaning_is_refused),
		cmocka_unit_test(a_request_becomes_the_event_the_core_knows),
		cmocka_unit_test(a_zone_that_is_asked_shows_what_when_and_what_came_of_it),
		cmocka_unit_test(status_names_what_is_cut_and_what_is_closed),
		cmocka_unit_test(a_device_is_meant_by_mac_address_or_name_and_never_by_half),
		cmocka_unit_test(a_device_is_shown_with_what_differs_and_its_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
