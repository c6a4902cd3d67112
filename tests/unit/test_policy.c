/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The questions a policy answers: whose zone is it, may this flow pass, what stands against a cut,
 * does the law hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/event.h>
#include <bulkhead/policy.h>

static const char site[] =
	"version: 1\n"
	"services: {radio: [udp/5004-5060]}\n"
	"zones:\n"
	"  internet: {networks: [0.0.0.0/0, '::/0'], purdue: 5}\n"
	"  office: {networks: [10.10.0.0/16, 'fd00:10::/48'], purdue: 4}\n"
	"  tos: {networks: [10.20.0.0/24], vlan: [21, 20, 21], purdue: 3, critical: true, sl-t: 3}\n"
	"  crane: {networks: [10.40.0.0/22], interfaces: [eth3.40], ot: true, static: true, "
	"two-person: true}\n"
	"hosts:\n"
	"  dc-1: {addresses: [10.10.0.10, 'fd00:10::10'], mac: '52:54:00:00:00:0A', roles: [dc, "
	"dns], never-isolate: true}\n"
	"  hmi: {addresses: 10.20.0.7}\n"
	"conduits:\n"
	"  - {name: first, from: tos, to: crane, allow: [modbus], from-hosts: [hmi], apps: "
	"[Modbus]}\n"
	"  - {name: second, from: tos, to: crane, allow: [tcp/500-510], to-hosts: [10.40.1.0/24]}\n"
	"  - {name: web, from: office, to: internet, allow: [https, icmp]}\n"
	"  - {name: all, from: office, to: tos, allow: [any], from-hosts: [dc-1]}\n"
	"pins:\n"
	"  - {name: estop, from: hmi, to: 10.40.0.9, allow: [tcp/502, tcp/5020], reason: "
	"'emergency stop'}\n"
	"  - {name: voice, from: dc-1, to: [10.20.0.7, 'fd00:10::20'], allow: [radio], reason: "
	"calls}\n"
	"remedy:\n"
	"  - {to: dc-1, allow: [dns]}\n"
	"canaries:\n"
	"  - {share: Data, path: '\\Accounts\\zz-*.docx', host: [dc-1, 10.20.0.0/24]}\n"
	"  - {share: home, path: '**/a?b'}\n"
	"management: {from: [10.10.250.0/28], allow: [ssh, https]}\n"
	"response: {mode: auto, profile: aggressive, ttl: {isolate: 2h}, budget: {burst: 5, "
	"share-of-zone: 0.5%}}\n";

static struct bh_policy *must_load(const char *text)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;
	int r = bh_policy_load(text, strlen(text), "t.yaml", &d, &p);

	for (size_t i = 0; r && i < d.n; i++)
		print_error("%u:%u %s\n", d.v[i].pos.line, d.v[i].pos.col, d.v[i].text);
	assert_int_equal(r, 0);
	bh_diags_fini(&d);
	return p;
}

static struct bh_addr addr(const char *s)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(s, strlen(s), &a), 0);
	return a;
}

static struct bh_judgement judge(
	const struct bh_policy *p, const char *src, const char *dst, uint8_t proto, uint16_t port)
{
	struct bh_addr a = addr(src), b = addr(dst);

	return bh_policy_judge(p, &a, &b, proto, port);
}

static const char *zone(const struct bh_policy *p, const char *a)
{
	struct bh_addr x = addr(a);
	uint16_t z = bh_policy_zone_of(p, &x);

	return z == BH_ZONE_NONE ? "none" : p->zones[z].name;
}

static void a_segment_is_one_network_of_one_zone(void **state)
{
	static const struct {
		const char *a, *b;
		bool one;
	} t[] = {{"10.10.0.1", "10.10.255.9", true}, {"10.10.0.1", "fd00:10::1", false}, {"10.10.0.1", "10.20.0.1", false},
		{"fd00:10::1", "fd00:10::2", true}, {"10.20.0.1", "10.30.0.1", false}};
	struct bh_policy *p = must_load(site);

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct bh_addr a = addr(t[i].a), b = addr(t[i].b);

		assert_int_equal(bh_policy_one_segment(p, &a, &b), t[i].one);
		assert_int_equal(bh_policy_one_segment(p, &b, &a), t[i].one);
	}
	bh_policy_free(p);
}

static void everything_written_is_kept(void **state)
{
	struct bh_policy *p = must_load(site);

	assert_int_equal(p->n_zones, 4);
	assert_true(p->zones[3].ot && p->zones[3].is_static && p->zones[3].two_person &&
		    !p->zones[3].critical);
	assert_string_equal(p->zones[3].interfaces[0], "eth3.40");
	assert_int_equal(p->zones[2].sl_t, 3);
	assert_int_equal(p->zones[2].vlans.n, 2); /* in order, once each */
	assert_true(p->zones[2].vlans.v[0] == 20 && p->zones[2].vlans.v[1] == 21);
	assert_int_equal(p->zones[1].vlans.n, 0);
	assert_int_equal(p->zones[2].pos.line, 6);
	assert_int_equal(p->zones[2].pos.col, 3);
	assert_int_equal(p->hosts[0].roles, BH_ROLE_BIT(BH_ROLE_DC) | BH_ROLE_BIT(BH_ROLE_DNS));
	assert_int_equal(p->hosts[0].n_addrs, 2);
	assert_int_equal(p->conduits[0].n_apps, 1);
	assert_int_equal(p->conduits[0].apps[0], BH_APP_MODBUS);
	assert_string_equal(p->pins[0].reason, "emergency stop");
	assert_int_equal(p->n_remedies, 2); /* one per address of dc-1 */
	assert_int_equal(p->management.allow.n, 2);
	assert_int_equal(p->response.mode, BH_MODE_AUTO);
	assert_true(p->response.ttl_isolate == BH_HOUR(2) && p->response.ttl_shield == BH_MIN(30));
	assert_int_equal(p->response.burst, 5);
	assert_int_equal(p->response.per_hour, 10);
	assert_int_equal(p->response.share_zone_ppm, 5000);
	assert_int_equal(strlen(p->sha256), 64);
	bh_policy_free(p);
}

static void the_sha256_is_of_the_text(void **state)
{
	static const char text[] = "version: 1\nzones: {a: {networks: [10.0.0.0/8]}}\n";
	struct bh_policy *p = must_load(text);

	/* sha256sum of the same bytes */
	assert_string_equal(
		p->sha256, "4b3d99e29e4415fbd92ab8ab05778635c9144f64fb237d99d723c75a9cae64f1");
	bh_policy_free(p);
}

static void the_most_specific_prefix_wins_and_families_stay_apart(void **state)
{
	struct bh_policy *p = must_load(site);

	assert_string_equal(zone(p, "10.10.0.0"), "office");
	assert_string_equal(zone(p, "10.10.255.255"), "office");
	assert_string_equal(zone(p, "10.11.0.0"), "internet");
	assert_string_equal(zone(p, "10.9.255.255"), "internet");
	assert_string_equal(zone(p, "0.0.0.0"), "internet");
	assert_string_equal(zone(p, "255.255.255.255"), "internet");
	assert_string_equal(zone(p, "fd00:10::1"), "office");
	assert_string_equal(zone(p, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "internet");
	bh_policy_free(p);
	p = must_load("version: 1\nzones: {six: {networks: ['::/0']}}\n");
	assert_string_equal(zone(p, "10.0.0.1"), "none");
	assert_string_equal(zone(p, "::1"), "six");
	bh_policy_free(p);
}

static void names_and_addresses_find_their_host(void **state)
{
	struct bh_policy *p = must_load(site);
	struct bh_addr a = addr("fd00:10::10"), b = addr("10.10.0.11");
	struct bh_mac m, other = {{0x52, 0x54, 0, 0, 0, 0x0b}};

	assert_int_equal(bh_mac_parse("52:54:00:00:00:0a", 17, &m), 0);
	assert_ptr_equal(bh_policy_host_by_addr(p, &a), &p->hosts[0]);
	assert_null(bh_policy_host_by_addr(p, &b));
	assert_ptr_equal(bh_policy_host_by_mac(p, &m), &p->hosts[0]);
	assert_null(bh_policy_host_by_mac(p, &other));
	assert_ptr_equal(bh_policy_host_by_name(p, "hmi"), &p->hosts[1]);
	assert_null(bh_policy_host_by_name(p, "hm"));
	assert_int_equal(bh_policy_zone_by_name(p, "crane"), 3);
	assert_int_equal(bh_policy_zone_by_name(p, "cranes"), BH_ZONE_NONE);
	bh_policy_free(p);
}

static void a_pin_is_asked_before_a_conduit_and_a_conduit_before_deny(void **state)
{
	struct bh_policy *p = must_load(site);
	struct bh_judgement j = judge(p, "10.20.0.7", "10.40.0.9", 6, 502);

	assert_int_equal(j.rule, BH_RULE_PIN); /* conduit 'first' allows it too */
	assert_int_equal(j.index, 0);
	assert_int_equal(j.from, 2);
	assert_int_equal(j.to, 3);
	j = judge(p, "10.20.0.7", "10.40.0.10", 6, 502);
	assert_int_equal(j.rule, BH_RULE_CONDUIT);
	assert_int_equal(j.index, 0);
	j = judge(p, "10.20.0.7", "10.40.1.10", 6, 502);
	assert_int_equal(j.index, 0); /* the first in the file of two that fit */
	j = judge(p, "10.20.0.8", "10.40.1.10", 6, 502);
	assert_int_equal(j.rule, BH_RULE_CONDUIT);
	assert_int_equal(j.index, 1);
	assert_int_equal(judge(p, "10.20.0.8", "10.40.0.10", 6, 502).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.20.0.8", "10.40.1.10", 6, 511).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.20.0.8", "10.40.1.10", 17, 502).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.40.0.9", "10.20.0.7", 6, 5020).rule,
		BH_RULE_DENY); /* who opens matters */
	bh_policy_free(p);
}

static void a_pin_inside_a_zone_is_a_pin_and_the_rest_of_the_zone_is_free(void **state)
{
	struct bh_policy *p = must_load(site);

	assert_int_equal(judge(p, "fd00:10::10", "fd00:10::20", 17, 5010).rule, BH_RULE_PIN);
	assert_int_equal(judge(p, "fd00:10::11", "fd00:10::20", 17, 5010).rule, BH_RULE_SAME_ZONE);
	bh_policy_free(p);
}

static void any_is_every_protocol_and_icmp_is_of_both_families(void **state)
{
	struct bh_policy *p = must_load(site);

	assert_int_equal(judge(p, "10.10.0.10", "10.20.0.1", 47, 0).rule, BH_RULE_CONDUIT);
	assert_int_equal(judge(p, "10.10.0.11", "10.20.0.1", 47, 0).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.10.0.1", "192.0.2.1", 1, 2048).rule, BH_RULE_CONDUIT);
	assert_int_equal(judge(p, "fd00:10::1", "2001:db8::1", 58, 0).rule, BH_RULE_CONDUIT);
	assert_int_equal(judge(p, "fd00:10::1", "2001:db8::1", 17, 443).rule, BH_RULE_DENY);
	bh_policy_free(p);
}

static void an_address_outside_every_zone_is_unzoned(void **state)
{
	struct bh_policy *p = must_load("version: 1\nzones: {a: {networks: [10.0.0.0/8]}}\n");

	assert_int_equal(judge(p, "10.0.0.1", "11.0.0.1", 6, 80).rule, BH_RULE_UNZONED);
	assert_int_equal(judge(p, "11.0.0.1", "11.0.0.1", 6, 80).rule, BH_RULE_UNZONED);
	assert_int_equal(judge(p, "10.0.0.1", "10.0.0.2", 6, 80).rule, BH_RULE_SAME_ZONE);
	bh_policy_free(p);
}

static void pin_of_knows_both_ends_and_nothing_else(void **state)
{
	struct bh_policy *p = must_load(site);
	struct bh_addr from = addr("10.20.0.7"), to = addr("10.40.0.9"), dc = addr("10.10.0.10"),
		       free_one = addr("10.20.0.8");

	assert_ptr_equal(bh_policy_pin_of(p, &from), &p->pins[0]);
	assert_ptr_equal(bh_policy_pin_of(p, &to), &p->pins[0]);
	assert_ptr_equal(bh_policy_pin_of(p, &dc), &p->pins[1]);
	assert_null(bh_policy_pin_of(p, &free_one));
	bh_policy_free(p);
}

static void never_isolate_is_a_mark_of_the_host(void **state)
{
	struct bh_policy *p = must_load(site);
	struct bh_addr a = addr("10.10.0.10"), b = addr("10.20.0.7");

	assert_true(bh_policy_host_by_addr(p, &a)->never_isolate);
	assert_false(bh_policy_host_by_addr(p, &b)->never_isolate);
	bh_policy_free(p);
}

static void the_built_in_policy_observes_and_lets_the_inside_out(void **state)
{
	struct bh_policy *p = bh_policy_builtin();

	assert_non_null(p);
	assert_string_equal(p->sha256, "");
	assert_int_equal(p->response.mode, BH_MODE_OBSERVE);
	assert_string_equal(zone(p, "192.168.1.1"), "inside");
	assert_string_equal(zone(p, "172.32.0.1"), "outside");
	assert_string_equal(zone(p, "fe80::1"), "inside");
	assert_string_equal(zone(p, "2001:db8::1"), "outside");
	assert_int_equal(judge(p, "10.0.0.1", "192.168.0.1", 6, 445).rule, BH_RULE_SAME_ZONE);
	assert_int_equal(judge(p, "10.0.0.1", "192.0.2.1", 6, 445).rule, BH_RULE_CONDUIT);
	assert_int_equal(judge(p, "192.0.2.1", "10.0.0.1", 6, 445).rule, BH_RULE_DENY);
	bh_policy_free(p);
}

/* outcome of one assertion on the site above */
static int expect(const char *line, char *why, size_t size)
{
	struct bh_policy *p = must_load(site);
	struct bh_diags d = {0};
	size_t n = 99;
	int r = bh_policy_expect(p, line, strlen(line), &d, &n);

	bh_strcpy(why, size, d.n ? d.v[0].text : "");
	bh_diags_fini(&d);
	bh_policy_free(p);
	return r;
}

static void assertions_that_are_true_hold(void **state)
{
	static const char *const lines[] = {"10.20.0.7 → 10.40.0.9 tcp/5020: allow pin estop",
		"10.20.0.7 -> 10.40.0.9 tcp/5020: allow  # comment", "office -> crane any: deny",
		"office -> office ssh: allow same-zone",
		"hmi -> 10.40.1.0/24 modbus: allow conduit first",
		"tos -> 10.40.1.0/24 tcp/503-510: allow conduit second", "dc-1 -> tos any: allow",
		"internet -> tos any: deny", "hmi -> 10.40.0.9 any: allow conduit first"};
	char why[232];

	for (size_t i = 0; i + 1 < BH_COUNT(lines); i++) {
		if (expect(lines[i], why, sizeof why) != 0)
			fail_msg("%s: %s", lines[i], why);
	}
	assert_int_equal(expect(lines[BH_COUNT(lines) - 1], why, sizeof why), 1);
}

static void an_assertion_about_a_zone_finds_the_one_exception(void **state)
{
	char why[232];

	assert_int_equal(expect("office -> tos any: deny", why, sizeof why),
		1); /* only dc-1, in the middle of a /16 */
	assert_string_equal(
		why, "does not hold: 10.10.0.10 -> 10.20.0.0 tcp/0 is allowed by conduit 'all'");
	assert_int_equal(expect("tos -> crane tcp/500-502: allow", why, sizeof why), 1);
	assert_int_equal(expect("tos -> 10.40.1.0/24 tcp/499-510: allow", why, sizeof why), 1);
	assert_int_equal(expect("office -> internet tcp/440-450: deny", why, sizeof why), 1);
	assert_non_null(strstr(why, "tcp/443"));
	assert_int_equal(expect("10.20.0.7 -> 10.40.0.9 tcp/5020: deny", why, sizeof why),
		1); /* a pin, and not 'any' */
}

static void a_hole_in_the_middle_of_a_zone_is_found(void **state)
{
	static const char line[] = "a -> b ssh: allow";
	struct bh_policy *p = must_load(
		"version: 1\nzones: {a: {networks: [10.1.0.0/24]}, b: {networks: [10.2.0.0/24]}}\n"
		"conduits: [{name: x, from: a, to: b, allow: [ssh],\n"
		"  from-hosts: [10.1.0.0/25, 10.1.0.192/26]}]\n");
	struct bh_diags d = {0};
	size_t n;

	assert_int_equal(bh_policy_expect(p, line, strlen(line), &d, &n), 1);
	assert_non_null(strstr(d.v[0].text, "10.1.0.128 -> 10.2.0.0 tcp/22 is denied"));
	bh_diags_fini(&d);
	bh_policy_free(p);
}

static void lines_that_are_no_assertion_are_told_apart(void **state)
{
	static const char *const lines[] = {"office crane any: deny", "office -> cran any: deny",
		"office -> crane any: maybe", "office -> crane any: allow pin estopp",
		"office -> crane any deny", "office -> crane tcp/99999: deny",
		"a -> b c: d e f g h i", "10.10.0.1 -> ::1 any: deny", ":", "x"};
	char why[232];

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		if (expect(lines[i], why, sizeof why) != 2 || !why[0])
			fail_msg("%s", lines[i]);
	}
	assert_int_equal(expect("# nothing\n\n", why, sizeof why), 0);
}

static void a_zone_that_denies_inside_goes_by_its_own_conduits(void **state)
{
	static const char line[] = "a -> a any: deny\na -> a ssh: allow\n";
	struct bh_policy *p = must_load("version: 1\nzones: {a: {networks: [10.1.0.0/24], inside: deny}, b: "
					"{networks: [10.2.0.0/24]}}\n"
					"conduits: [{name: x, from: a, to: a, allow: [ssh], to-hosts: [10.1.0.9]}]\n"
					"pins: [{name: p, from: 10.1.0.2, to: 10.1.0.3, allow: [sip], reason: r}]\n");
	struct bh_diags d = {0};
	size_t n;

	assert_int_equal(judge(p, "10.1.0.1", "10.1.0.9", 6, 22).rule, BH_RULE_CONDUIT);
	assert_int_equal(judge(p, "10.1.0.1", "10.1.0.8", 6, 22).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.1.0.1", "10.1.0.9", 6, 445).rule, BH_RULE_DENY);
	assert_int_equal(judge(p, "10.1.0.2", "10.1.0.3", 17, 5060).rule, BH_RULE_PIN);
	assert_int_equal(judge(p, "10.2.0.1", "10.2.0.2", 6, 445).rule, BH_RULE_SAME_ZONE);
	assert_int_equal(bh_policy_expect(p, line, strlen(line), &d, &n), 1);
	assert_int_equal(d.n, 2);
	assert_non_null(strstr(d.v[0].text, "is allowed by conduit 'x'"));
	assert_non_null(strstr(d.v[1].text, "is denied"));
	bh_diags_fini(&d);
	bh_policy_free(p);
}

/* the window's words, a weekday and a local time (1970-01-05 is a Monday): is it down, and for how many minutes */
static bool down(const char *window, unsigned day, unsigned minute, int32_t offset_s, unsigned *ret_minutes)
{
	char text[512];
	struct bh_policy *p;
	bh_ns until, at = BH_SEC(((4 + 7 + day) * 1440ull + minute) * 60) - BH_SEC(1) * (bh_ns)(int64_t)offset_s;
	bool yes;

	snprintf(text, sizeof text,
		"version: 1\nzones: {a: {networks: [10.1.0.0/24]}, b: {networks: [10.2.0.0/24]}}\n"
		"conduits: [{name: x, from: a, to: b, allow: [ssh], drawbridge: {open: %s}}]\n", window);
	p = must_load(text);
	yes = bh_drawbridge_down(&p->conduits[0].drawbridge, at, offset_s, &until);
	*ret_minutes = (unsigned)((until - at) / BH_MIN(1));
	bh_policy_free(p);
	return yes;
}

static void a_drawbridge_is_down_in_its_hours_and_knows_the_next_change(void **state)
{
	unsigned left;

	assert_false(down("01:00-03:00", 0, 59, 0, &left));
	assert_int_equal(left, 1);
	assert_true(down("01:00-03:00", 0, 60, 0, &left)); /* from the minute itself */
	assert_int_equal(left, 120);
	assert_true(down("01:00-03:00", 0, 179, 0, &left));
	assert_int_equal(left, 1);
	assert_false(down("01:00-03:00", 0, 180, 0, &left)); /* to the minute before */
	assert_int_equal(left, 22 * 60);
}

static void a_window_over_midnight_belongs_to_the_day_it_begins_on(void **state)
{
	unsigned left;

	assert_true(down("23:00-02:00, days: [mon]", 0, 23 * 60, 0, &left));
	assert_int_equal(left, 180);
	assert_true(down("23:00-02:00, days: [mon]", 1, 60, 0, &left)); /* Tuesday, one o'clock */
	assert_int_equal(left, 60);
	assert_false(down("23:00-02:00, days: [mon]", 0, 60, 0, &left)); /* Monday, one o'clock */
	assert_int_equal(left, 22 * 60);
	assert_false(down("23:00-02:00, days: [mon]", 1, 23 * 60, 0, &left));
	assert_int_equal(left, 6 * 1440);
	assert_true(down("00:00-24:00, days: [sun]", 6, 1439, 0, &left));
	assert_int_equal(left, 1);
	assert_false(down("00:00-24:00, days: [sun]", 0, 0, 0, &left));
}

static void a_drawbridge_goes_by_local_time(void **state)
{
	unsigned left;

	for (int32_t h = -12; h <= 14; h++) {
		assert_true(down("01:00-03:00", 2, 90, h * 3600, &left));
		assert_int_equal(left, 90);
		assert_false(down("01:00-03:00, days: [thu]", 2, 90, h * 3600, &left));
		assert_int_equal(left, 1440 - 30);
	}
}

static void a_canary_is_a_path_of_a_share_whatever_its_case(void **state)
{
	struct bh_policy *p = must_load(site);
	struct bh_addr here = addr("10.10.0.10"), there = addr("10.10.0.11");
	char deep[128];

	(void)state;
	assert_int_equal(p->n_canaries, 2);
	assert_ptr_equal(bh_policy_canary_of(p, &here, "DATA", "accounts/ZZ-1.DOCX"), &p->canaries[0]);
	assert_ptr_equal(bh_policy_canary_of(p, &here, "data", "accounts/zz-.docx"), &p->canaries[0]);
	assert_ptr_equal(bh_policy_canary_of(p, &here, "data", "accounts/zz-1.docx::$DATA"), &p->canaries[0]);
	assert_ptr_equal(bh_policy_canary_of(p, &here, "data", "accounts/zz-1.docx:more"), &p->canaries[0]);
	assert_null(bh_policy_canary_of(p, &there, "data", "accounts/zz-1.docx"));
	assert_null(bh_policy_canary_of(p, &here, "data", "accounts/old/zz-1.docx"));
	assert_null(bh_policy_canary_of(p, &here, "data", "accounts/zz-x/1.docx"));
	assert_null(bh_policy_canary_of(p, &here, "data", "accounts/zz-1.docx.lck"));
	assert_null(bh_policy_canary_of(p, &here, "date", "accounts/zz-1.docx"));
	assert_ptr_equal(bh_policy_canary_of(p, &there, "home", "x/y/z/a-b"), &p->canaries[1]);
	assert_null(bh_policy_canary_of(p, &there, "home", "x/a/b"));
	assert_null(bh_policy_canary_of(p, &there, "home", ""));
	memset(deep, '/', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	assert_null(bh_policy_canary_of(p, &there, "home", deep));
	bh_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_canary_is_a_path_of_a_share_whatever_its_case),
		cmocka_unit_test(a_zone_that_denies_inside_goes_by_its_own_conduits),
		cmocka_unit_test(a_drawbridge_is_down_in_its_hours_and_knows_the_next_change),
		cmocka_unit_test(a_window_over_midnight_belongs_to_the_day_it_begins_on),
		cmocka_unit_test(a_drawbridge_goes_by_local_time),
		cmocka_unit_test(everything_written_is_kept),
		cmocka_unit_test(a_segment_is_one_network_of_one_zone),
		cmocka_unit_test(the_sha256_is_of_the_text),
		cmocka_unit_test(the_most_specific_prefix_wins_and_families_stay_apart),
		cmocka_unit_test(names_and_addresses_find_their_host),
		cmocka_unit_test(a_pin_is_asked_before_a_conduit_and_a_conduit_before_deny),
		cmocka_unit_test(a_pin_inside_a_zone_is_a_pin_and_the_rest_of_the_zone_is_free),
		cmocka_unit_test(any_is_every_protocol_and_icmp_is_of_both_families),
		cmocka_unit_test(an_address_outside_every_zone_is_unzoned),
		cmocka_unit_test(pin_of_knows_both_ends_and_nothing_else),
		cmocka_unit_test(never_isolate_is_a_mark_of_the_host),
		cmocka_unit_test(the_built_in_policy_observes_and_lets_the_inside_out),
		cmocka_unit_test(assertions_that_are_true_hold),
		cmocka_unit_test(an_assertion_about_a_zone_finds_the_one_exception),
		cmocka_unit_test(a_hole_in_the_middle_of_a_zone_is_found),
		cmocka_unit_test(lines_that_are_no_assertion_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
