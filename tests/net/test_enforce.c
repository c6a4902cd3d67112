/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer against the real kernel, in namespaces of our own. Skipped (77) where none can be made. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sys/socket.h>
#include <cmocka.h>
#include <bulkhead/enforce.h>
#include "enforce_lab.h"

static struct lab lab; /* made once: it is the machine under test */

static const char law_text[] =
	"plan generation=7 mode=auto policy=\"lab.yaml\"\n"
	"limit cuts=64 ttl=24h\n"
	"zone office critical=0 10.1.0.0/16 fd00:1::/48\n"
	"zone plant critical=1 10.2.0.0/16 fd00:2::/48\n"
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
	"permit office > 10.1.0.0/16 any conduit=@inside\n"
	"permit plant > 10.2.0.0/16 any conduit=@inside\n"
	"pin estop 10.1.0.2 > 10.2.0.2 udp/7000 at=41:5\n"
	"pin estop 10.1.0.2 > 10.2.0.2 tcp/7001 at=41:5\n"
	"pin estop6 fd00:1::2 > fd00:2::2 udp/7000 at=42:5\n"
	"pin estop6 fd00:1::2 > fd00:2::2 tcp/7001 at=42:5\n"
	"remedy 10.2.0.2 udp/53\n"
	"remedy fd00:2::2 udp/53\n"
	"manage 10.1.0.9 tcp/22\n"
	"never safe-1 10.2.0.99 mac=52:54:00:00:00:63 at=20:3\n";

static struct bh_plan plan_of(const char *text)
{
	struct bh_plan_error error;
	struct bh_plan plan;

	if (bh_plan_parse(text, strlen(text), &plan, &error)) {
		print_error("line %u, column %u: %s\n", error.line, error.col, error.text);
		fail();
	}
	return plan;
}

static struct bh_cut cut_of(const char *text)
{
	struct bh_plan_error error;
	struct bh_cut c;

	if (bh_cut_parse(text, strlen(text), &c, &error)) {
		print_error("%s: column %u: %s\n", text, error.col, error.text);
		fail();
	}
	return c;
}

static void apply(struct bh_enforcer *e, const char *text)
{
	struct bh_plan plan = plan_of(text);
	int r = bh_enforcer_apply(e, &plan);

	bh_plan_fini(&plan);
	if (r)
		fail_msg("apply: %d, %s", r, bh_enforcer_why(e));
}

static void cut(struct bh_enforcer *e, const char *text)
{
	struct bh_cut c = cut_of(text);
	struct bh_refused refused = {0};
	int r = bh_enforcer_cut(e, &c, 1, &refused);

	if (r)
		fail_msg("%s: %d, %s", text, r, r > 0 ? refused.text : bh_enforcer_why(e));
}

__attribute__((unused)) static void release(struct bh_enforcer *e, const char *text)
{
	struct bh_cut c = cut_of(text);
	int r = bh_enforcer_release(e, &c, 1);

	if (r)
		fail_msg("release %s: %d, %s", text, r, bh_enforcer_why(e));
}

static struct bh_enforcer *armed(const char *text)
{
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	apply(e, text);
	return e;
}

/* leaves an empty ruleset behind for the next test */
static void disarm(struct bh_enforcer *e)
{
	assert_int_equal(bh_enforcer_disarm(e), 0);
	bh_enforcer_close(e);
}

static char *listing(void)
{
	char *text;

	assert_int_equal(lab_nft(&lab, "list ruleset", &text), 0);
	return text;
}

static void flow_up(struct flow *f, const char *from, uint16_t port, bool tcp)
{
	if (flow_open(&lab, f, from, port, tcp, 1000))
		fail_msg("no flow from %s to port %u", from, port);
}

static void assert_closed(const char *from, uint16_t port, bool tcp)
{
	struct flow f;

	if (flow_open(&lab, &f, from, port, tcp, 250) == 0) {
		flow_close(&f);
		fail_msg("a flow from %s to port %u came up", from, port);
	}
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* ---- law ---- */

static void the_law_lets_conduits_through_and_nothing_else(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	static const char *const both[] = {"10.1.0.2", "fd00:1::2"}, *const host[] = {"10.1.0.3", "fd00:1::3"};
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
	char *first, *second;

	cut(e, "cut isolate 10.1.0.77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate fd00:1::77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate mac:02:00:00:00:00:77 ttl=1h order=12 because=smb.ransom");
	cut(e, "cut isolate net:10.1.7.0/24 ttl=1h order=13 because=operator");
	cut(e, "cut shield 10.1.0.78 ttl=1h order=14 because=lateral");
	first = listing();
	if (getenv("BH_SHOW"))
		fprintf(stderr, "%s", first);
	assert_non_null(strstr(first, "order 12 smb.ransom"));
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	assert_int_equal(lab_nft_file(&lab, first), 0);
	second = listing();
	/* what expires counts down between the two */
	for (char *p = first; (p = strstr(p, "expires ")); p++)
		memset(p, '-', strcspn(p, " ") + 1 + strcspn(p + 8, " ,"));
	for (char *p = second; (p = strstr(p, "expires ")); p++)
		memset(p, '-', strcspn(p, " ") + 1 + strcspn(p + 8, " ,"));
	if (strlen(first) == strlen(second))
		assert_string_equal(first, second);
	else
		assert_int_equal(count(first, "\n"), count(second, "\n"));
	free(first);
	free(second);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_law_lets_conduits_through_and_nothing_else),
		cmocka_unit_test(nft_prints_the_table_and_loads_its_own_print_again),
	};

	if (lab_make(&lab))
		return 77;
	alarm(280); /* nothing here may hang a build */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
