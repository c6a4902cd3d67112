/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_help.h"

struct lab lab;

const char law_text[] = "plan generation=7 mode=auto policy=\"lab.yaml\"\n"
			"limit cuts=64 ttl=24h\n"
			"zone office critical=0 10.1.0.0/16 fd00:1::/48\n"
			"zone plant critical=1 10.2.0.0/16 fd00:2::/48\n"
			"zone shop critical=0 10.3.0.0/16 fd00:3::/48\n"
			"zone internet critical=0 0.0.0.0/0 ::/0\n"
			"conduit @inside\nconduit web\nconduit one-host\n"
			"permit office > 10.2.0.0/16 tcp/5000-5099 conduit=web\n"
			"permit office > 10.2.0.0/16 udp/5000-5099 conduit=web\n"
			"permit office > 10.2.0.0/16 icmp conduit=web\n"
			"permit office > fd00:2::/48 tcp/5000-5099 conduit=web\n"
			"permit office > fd00:2::/48 udp/5000-5099 conduit=web\n"
			"permit office > fd00:2::/48 icmp conduit=web\n"
			"permit office > 10.2.0.0/16 tcp/6000 conduit=one-host from=10.1.0.3\n"
			"permit office > fd00:2::/48 tcp/6000 conduit=one-host from=fd00:1::3\n"
			"permit office > 10.3.0.0/16 udp/5000-5099 conduit=web\n"
			"permit office > fd00:3::/48 udp/5000-5099 conduit=web\n"
			"permit office > 10.1.0.0/16 any conduit=@inside\n"
			"permit office > fd00:1::/48 any conduit=@inside\n"
			"permit plant > 10.2.0.0/16 any conduit=@inside\n"
			"pin estop 10.1.0.2 > 10.2.0.2 udp/7000 at=41:5\n"
			"pin estop 10.1.0.2 > 10.2.0.2 tcp/7001 at=41:5\n"
			"pin estop6 fd00:1::2 > fd00:2::2 udp/7000 at=42:5\n"
			"pin estop6 fd00:1::2 > fd00:2::2 tcp/7001 at=42:5\n"
			"remedy 10.2.0.2 udp/53\n"
			"remedy fd00:2::2 udp/53\n"
			"manage 10.1.0.9 tcp/22\n"
			"never safe-1 10.2.0.99 mac=52:54:00:00:00:63 at=20:3\n";

struct bh_plan plan_of(const char *text)
{
	struct bh_plan_error error;
	struct bh_plan plan;

	if (bh_plan_parse(text, strlen(text), &plan, &error)) {
		print_error("line %u, column %u: %s\n", error.line, error.col, error.text);
		fail();
	}
	return plan;
}

struct bh_cut cut_of(const char *text)
{
	struct bh_plan_error error;
	struct bh_cut c;

	if (bh_cut_parse(text, strlen(text), &c, &error)) {
		print_error("%s: column %u: %s\n", text, error.col, error.text);
		fail();
	}
	return c;
}

void apply(struct bh_enforcer *e, const char *text)
{
	struct bh_plan plan = plan_of(text);
	int r = bh_enforcer_apply(e, &plan);

	bh_plan_fini(&plan);
	if (r)
		fail_msg("apply: %d, %s", r, bh_enforcer_why(e));
}

void cut(struct bh_enforcer *e, const char *text)
{
	struct bh_cut c = cut_of(text);
	struct bh_refused refused = {0};
	int r = bh_enforcer_cut(e, &c, 1, &refused);

	if (r)
		fail_msg("%s: %d, %s", text, r, r > 0 ? refused.text : bh_enforcer_why(e));
}

void release(struct bh_enforcer *e, const char *text)
{
	struct bh_cut c = cut_of(text);
	int r = bh_enforcer_release(e, &c, 1);

	if (r)
		fail_msg("release %s: %d, %s", text, r, bh_enforcer_why(e));
}

struct bh_enforcer *armed(const char *text)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	apply(e, text);
	return e;
}

/* leaves an empty ruleset behind for the next test */
void disarm(struct bh_enforcer *e)
{
	assert_int_equal(bh_enforcer_disarm(e), 0);
	bh_enforcer_close(e);
}

char *listing(bool with_state)
{
	char *text;
	const char *const full[] = {"nft", "list", "ruleset", NULL}, *const bare[] = {"nft", "-s",
									     "list", "ruleset",
									     NULL};

	assert_int_equal(lab_run(&lab, LAB_ROUTER, &text, with_state ? full : bare), 0);
	return text;
}

size_t pings(struct flow *f, size_t n)
{
	size_t ok = 0;

	for (size_t i = 0; i < n; i++)
		ok += flow_ping(f, 100);
	return ok;
}

uint64_t cut_left_s(struct bh_enforcer *e, const char *target)
{
	struct bh_cut *v;
	uint64_t left = 0;
	size_t n;

	assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
	for (size_t i = 0; i < n; i++) {
		char text[BH_CUT_TEXT];

		bh_cut_print(&v[i], text);
		if (strstr(text, target))
			left = (v[i].ttl + BH_SEC(1) - 1) / BH_SEC(1);
	}
	free(v);
	return left;
}

void flow_up(struct flow *f, const char *from, uint16_t port, bool tcp)
{
	if (flow_open(&lab, f, from, NULL, port, tcp, 1000))
		fail_msg("no flow from %s to port %u", from, port);
}

void assert_closed(const char *from, uint16_t port, bool tcp)
{
	struct flow f;

	if (flow_open(&lab, &f, from, NULL, port, tcp, 250) == 0) {
		flow_close(&f);
		fail_msg("a flow from %s to port %u came up", from, port);
	}
}

size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

int enforce_main(const struct CMUnitTest *tests, size_t n)
{
	if (lab_make(&lab))
		return 77;
	alarm(280); /* nothing here may hang a build */
	return _cmocka_run_group_tests(NULL, tests, n, NULL, NULL);
}
