/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/plan.h>

#define ZONES "version: 1\nzones:\n  net: {networks: [0.0.0.0/0], purdue: 5}\n  a: {networks: [10.1.0.0/16], purdue: 4}\n  b: {networks: [10.2.0.0/16], purdue: 3}\nconduits:\n"

static void compile(const char *text, struct bh_plan *ret)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;

	assert_int_equal(bh_policy_load(text, strlen(text), "t.yaml", &d, &p), 0);
	assert_int_equal(bh_plan_compile(p, 1, ret), 0);
	bh_diags_fini(&d);
	bh_policy_free(p);
}

/* the difference as text, one box a line, sorted by nothing: cases have few boxes */
static void minus(const char *x, const char *y, char *out, size_t cap)
{
	struct bh_text t = bh_text(out, cap);
	struct bh_plan a, b;
	struct bh_plan_box *v;
	size_t n;

	compile(x, &a);
	compile(y, &b);
	assert_int_equal(bh_plan_minus(&a, &b, &v, &n), 0);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char s[BH_PREFIX_TEXT], d[BH_PREFIX_TEXT];

		bh_putf(&t, "%s %s>%s %u/%u-%u\n", a.conduit_names[v[i].conduit], bh_prefix_print(&v[i].src, s), bh_prefix_print(&v[i].dst, d), v[i].proto,
			v[i].lo, v[i].hi);
	}
	free(v);
	bh_plan_fini(&a);
	bh_plan_fini(&b);
}

static void renaming_splitting_and_reordering_changes_nothing(void **state)
{
	char out[4096];
	const char *x = ZONES "  - {name: one, from: a, to: b, allow: [tcp/80-90, udp/53]}\n";
	const char *y = ZONES "  - {name: two, from: a, to: b, allow: [udp/53, tcp/86-90]}\n  - {name: three, from: a, to: b, allow: [tcp/80-85]}\n";

	minus(x, y, out, sizeof out);
	assert_string_equal(out, "");
	minus(y, x, out, sizeof out);
	assert_string_equal(out, "");
}

static void a_port_more_is_that_port(void **state)
{
	char out[4096];
	const char *x = ZONES "  - {name: one, from: a, to: b, allow: [tcp/80-91]}\n";
	const char *y = ZONES "  - {name: one, from: a, to: b, allow: [tcp/80-90]}\n";

	minus(x, y, out, sizeof out);
	assert_string_equal(out, "one 10.1.0.0/16>10.2.0.0/16 6/91-91\n");
	minus(y, x, out, sizeof out);
	assert_string_equal(out, "");
}

static void any_is_more_than_the_three_protocols_together(void **state)
{
	char out[4096];
	const char *x = ZONES "  - {name: one, from: a, to: b, allow: [any]}\n";
	const char *y = ZONES "  - {name: one, from: a, to: b, allow: [tcp/0-65535, udp/0-65535, icmp]}\n";

	minus(x, y, out, sizeof out);
	assert_string_equal(out, "one 10.1.0.0/16>10.2.0.0/16 0/0-65535\n");
}

static void a_host_less_is_what_remains_of_the_zone(void **state)
{
	char out[8192];
	const char *x = ZONES "  - {name: one, from: a, to: b, allow: [tcp/80]}\n";
	const char *y = ZONES "  - {name: one, from: a, to: b, allow: [tcp/80], from-hosts: [10.1.0.0]}\n";
	unsigned lines = 0;

	minus(x, y, out, sizeof out);
	for (char *p = out; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 16); /* a /16 without one address */
	assert_non_null(strstr(out, "one 10.1.0.1>10.2.0.0/16 6/80-80\n"));
	minus(y, x, out, sizeof out);
	assert_string_equal(out, "");
}

static void the_catch_all_zone_does_not_own_what_others_do(void **state)
{
	char out[8192];
	const char *x = ZONES "  - {name: out, from: net, to: b, allow: [tcp/80]}\n  - {name: in, from: a, to: b, allow: [tcp/80]}\n";
	const char *y = ZONES "  - {name: out, from: net, to: b, allow: [tcp/80]}\n";

	minus(x, y, out, sizeof out);
	assert_string_equal(out, "in 10.1.0.0/16>10.2.0.0/16 6/80-80\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renaming_splitting_and_reordering_changes_nothing),
		cmocka_unit_test(a_port_more_is_that_port),
		cmocka_unit_test(any_is_more_than_the_three_protocols_together),
		cmocka_unit_test(a_host_less_is_what_remains_of_the_zone),
		cmocka_unit_test(the_catch_all_zone_does_not_own_what_others_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
