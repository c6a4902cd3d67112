/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each test is a way in which nf_tables takes an order and does something else; docs/enforcement.md
 * numbers them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <enforce/ruleset.h>
#include "enforce_help.h"

static char *with_lines(const char *const lines[], size_t n)
{
	size_t len = strlen(law_text) + 1;
	char *text;

	for (size_t i = 0; i < n; i++)
		len += strlen(lines[i]);
	text = calloc(1, len);
	assert_non_null(text);
	strcat(text, law_text);
	for (size_t i = 0; i < n; i++)
		strcat(text, lines[i]);
	return text;
}

static void more_elements_than_one_message_holds_all_arrive(void **state)
{
	enum { N = 5000 };
	size_t cap = strlen(law_text) + N * 80, len;
	char *text = malloc(cap), *set;
	struct bh_enforcer *e;

	len = (size_t)snprintf(text, cap, "%s", law_text);
	for (unsigned i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, cap - len,
			"permit shop > 10.2.%u.%u tcp/%u conduit=web\n", i / 250, i % 250,
			1000 + i);
	e = armed(text);
	assert_int_equal(lab_nft(&lab, "list set inet bulkhead z2_tcp4_g7", &set), 0);
	assert_int_equal(count(set, "10.2."), N);
	assert_int_equal(bh_enforcer_verify(e), 0);
	free(set);
	free(text);
	disarm(e);
}

static void overlapping_ranges_of_a_plan_text_are_made_disjoint(void **state)
{
	static const char *const lines[] = {
		"permit shop > 10.2.0.0/24 tcp/100-200 conduit=web\n",
		"permit shop > 10.2.0.0/25 tcp/150-300 conduit=web\n",
		"permit shop > 10.2.0.0/16 tcp/120-130 conduit=web\n",
		"permit shop > 10.2.0.0/24 tcp/100-200 conduit=one-host\n",
		"pin a 10.1.0.0/24 > 10.2.0.0/24 tcp/7000-7100\n",
		"pin b 10.1.0.0/25 > 10.2.0.0/25 tcp/7050-7200\n",
		"pin c 10.1.0.0/16 > 10.2.0.7 any\n",
		"pin d 10.1.0.4 > 10.2.0.7 icmp\n",
		"pin e 10.1.0.4 > 10.2.0.7 any\n",
		"remedy 10.2.0.0/24 udp/50-60\n",
		"manage 10.1.0.0/24 tcp/20-30\n",
	};
	char *text = with_lines(lines, sizeof lines / sizeof lines[0]);
	struct bh_enforcer *e = armed(text);
	struct flow f;

	flow_up(&f, "10.1.0.3", 7060, true); /* in the middle of both pins */
	flow_close(&f);
	flow_up(&f, "10.1.0.3", 7200, true);
	flow_close(&f);
	assert_closed("10.1.0.3", 7201, true);
	assert_int_equal(bh_enforcer_verify(e), 0);
	free(text);
	disarm(e);
}

static void a_range_to_the_end_of_the_address_space_ends_there(void **state)
{
	struct bh_enforcer *e;
	char *map;

	e = armed("plan generation=1 mode=auto policy=\"\"\nlimit cuts=4 ttl=1h\n"
		  "zone rest critical=1 0.0.0.0/0 ::/0\nzone a critical=0 10.0.0.0/8\nzone b "
		  "critical=0 11.0.0.0/8\n"
		  "conduit c\npermit rest > 10.0.0.0/8 any conduit=c\npermit rest > 11.0.0.0/8 any "
		  "conduit=c\n"
		  "permit rest > fd00::/8 tcp/1 conduit=c\npermit a > 11.0.0.0/8 any conduit=c\n");
	assert_int_equal(lab_nft(&lab, "list map inet bulkhead src4_g1", &map), 0);
	assert_non_null(strstr(map, "0.0.0.0-9.255.255.255 : goto z0_v4_g1"));
	assert_non_null(strstr(map, "10.0.0.0/8 : goto z1_v4_g1"));
	assert_non_null(strstr(map, "12.0.0.0-255.255.255.255 : goto z0_v4_g1"));
	assert_null(strstr(map, "11.")); /* zone b may open nothing */
	free(map);
	assert_int_equal(lab_nft(&lab, "list map inet bulkhead src6_g1", &map), 0);
	assert_non_null(strstr(map, "::/0 : goto z0_v6_g1"));
	free(map);
	assert_int_equal(lab_nft(&lab, "list set inet bulkhead crit4_g1", &map), 0);
	assert_non_null(strstr(map, "0.0.0.0-9.255.255.255"));
	assert_null(strstr(map, "10.0.0.0"));
	free(map);
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void an_isolated_network_reads_back_as_it_was_given(void **state)
{
	static const char *const nets[] = {"10.1.4.0/24", "10.1.5.0/24", "10.1.6.8/29",
		"10.1.255.255", "fd00:1:0:4::/64", "fd00:1:0:5::/64"};
	struct bh_enforcer *e = armed(law_text);
	struct bh_refused refused;
	struct bh_cut *v, inside;
	size_t n;

	for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
		char line[96];

		snprintf(line, sizeof line, "cut isolate net:%s ttl=1h order=%zu because=x",
			nets[i], i);
		cut(e, line);
	}
	assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
	assert_int_equal(n, sizeof nets / sizeof nets[0]);
	for (size_t i = 0; i < n; i++) {
		char text[BH_PREFIX_TEXT];

		assert_true(v[i].order < n);
		assert_string_equal(bh_prefix_print(&v[i].net, text), nets[v[i].order]);
	}
	free(v);
	inside = cut_of("cut isolate net:10.1.4.0/25 ttl=1h order=90");
	assert_int_equal(bh_enforcer_cut(e, &inside, 1, &refused), 1);
	assert_non_null(strstr(refused.text, "order 0"));
	inside = cut_of("cut isolate net:10.1.0.0/16 ttl=1h order=91");
	assert_int_equal(bh_enforcer_cut(e, &inside, 1, &refused), 1); /* this box lies in it */
	release(e, "cut isolate net:10.1.4.0/24 ttl=1h order=0");
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void zones_named_like_keywords_or_worse_do_not_reach_the_listing_as_such(void **state)
{
	struct bh_enforcer *e = armed(
		"plan generation=1 mode=auto policy=\"\"\nlimit cuts=4 ttl=1h\n"
		"zone fwd critical=0 10.0.0.0/8\nzone \"a\\\" } drop\\n\" critical=0 11.0.0.0/8\n"
		"conduit rt\npermit fwd > 11.0.0.0/8 tcp/1 conduit=rt\n"
		"permit \"a\\\" } drop\\n\" > 10.0.0.0/8 tcp/1 conduit=rt\n");
	char *text = listing(true), *again;

	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	assert_int_equal(lab_nft_file(&lab, text), 0);
	again = listing(true);
	assert_string_equal(text, again);
	free(text);
	free(again);
	disarm(e);
}

static void an_error_names_the_object_and_undoes_the_batch(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct batch b = {0};
	struct nl nl;
	char why[NL_WHY] = "";
	struct key k = {.len = 0};
	struct bh_prefix p;
	struct elems el;
	uint32_t lone = 0x0100000a;

	assert_int_equal(bh_nl_open(&nl, NETLINK_NETFILTER, 0), 0);
	assert_int_equal(bh_prefix_parse("10.2.0.0/15", 11, &p), 0);
	bh_key_prefix(&k, &p);
	bh_key_ports(&k, 5050, 6000);
	bh_batch_begin(&b, &nl);
	el = bh_elems_new(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "iso4");
	bh_elem_exact(&el, &lone, 4, NULL);
	bh_elems_end(&el);
	el = bh_elems_new(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "z0_tcp4_g7");
	bh_elem_concat(&el, &k);
	bh_elems_end(&el);
	el = bh_elems_new(&b, NFT_MSG_NEWSETELEM, NLM_F_CREATE,
		"iso4"); /* this last one succeeds and is acknowledged */
	lone++;
	bh_elem_exact(&el, &lone, 4, NULL);
	bh_elems_end(&el);
	assert_int_equal(bh_batch_commit(&b, &nl, false, why), -EEXIST);
	assert_string_equal(why, "set z0_tcp4_g7: File exists (two overlapping ranges?)");
	assert_int_equal(bh_enforcer_verify(e), 0); /* nothing of the batch stayed */
	bh_batch_fini(&b);
	bh_nl_close(&nl);
	disarm(e);
}

static void a_dry_run_checks_everything_and_leaves_nothing(void **state)
{
	struct bh_plan plan = plan_of(law_text);
	struct bh_enforcer *e;
	char *text;

	assert_int_equal(bh_enforcer_open(&e), 0);
	assert_int_equal(bh_enforcer_dry(e, &plan), 0);
	text = listing(true);
	assert_string_equal(text, "");
	free(text);
	bh_plan_fini(&plan);
	disarm(e);
}

static void a_hundred_zones_and_ten_thousand_conduits_load_and_verify(void **state)
{
	size_t cap = 2 << 20, len = 0;
	char *text = malloc(cap);
	struct bh_enforcer *e;
	uint64_t start;

	len += (size_t)snprintf(text, cap,
		"plan generation=3 mode=auto policy=\"big\"\nlimit cuts=64 ttl=24h\nconduit c\n");
	for (unsigned z = 0; z < 100; z++)
		len += (size_t)snprintf(text + len, cap - len,
			"zone z%u critical=%u 10.%u.0.0/16\n", z, z % 10 == 0, z + 1);
	for (unsigned i = 0; i < 10000; i++)
		len += (size_t)snprintf(text + len, cap - len,
			"permit z%u > 10.%u.0.0/16 %s/%u-%u conduit=c\n", i % 100,
			(i / 100 + i) % 100 + 1, i & 1 ? "tcp" : "udp", 1000 + i * 5,
			1000 + i * 5 + i % 3);
	start = lab_now_us();
	e = armed(text);
	print_message("# loaded and read back in %.1f ms\n", (double)(lab_now_us() - start) / 1000);
	assert_int_equal(bh_enforcer_verify(e), 0);
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	apply(e, text);
	assert_true(cut_left_s(e, "10.1.0.2") > 3500);
	free(text);
	disarm(e);
}

static void many_cuts_survive_a_replacement(void **state)
{
	enum { N = 5000 };
	char *text;
	struct bh_refused refused;
	struct bh_enforcer *e;
	struct bh_cut *v;
	size_t n;

	assert_true(asprintf(&text,
			    "plan generation=7 mode=auto policy=\"\"\nlimit cuts=%d ttl=24h\n%s", N,
			    strstr(law_text, "zone office")) > 0);
	e = armed(text);
	v = calloc(N, sizeof *v);
	for (unsigned i = 0; i < N; i++) {
		const uint8_t a[4] = {10, 1, (uint8_t)(10 + i / 250), (uint8_t)(i % 250)};

		v[i] = (struct bh_cut){
			.order = i, .kind = BH_CUT_ISOLATE, .what = BH_CUT_ADDR, .ttl = BH_HOUR(1)};
		v[i].net = bh_prefix_host(&(struct bh_addr){{0}});
		v[i].net.net = bh_addr_v4(a);
	}
	for (unsigned i = 0; i < N; i += 1000)
		assert_int_equal(bh_enforcer_cut(e, v + i, 1000, &refused), 0);
	v[0].net.net.b[15] = 251;
	assert_int_equal(bh_enforcer_cut(e, v, 1, &refused), 1);
	assert_int_equal(refused.code, BH_REF_QUOTA);
	free(v);
	apply(e, text);
	assert_int_equal(bh_enforcer_cuts(e, &v, &n), 0);
	assert_int_equal(n, N);
	assert_int_equal(bh_enforcer_verify(e), 0);
	free(v);
	free(text);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_elements_than_one_message_holds_all_arrive),
		cmocka_unit_test(overlapping_ranges_of_a_plan_text_are_made_disjoint),
		cmocka_unit_test(a_range_to_the_end_of_the_address_space_ends_there),
		cmocka_unit_test(an_isolated_network_reads_back_as_it_was_given),
		cmocka_unit_test(
			zones_named_like_keywords_or_worse_do_not_reach_the_listing_as_such),
		cmocka_unit_test(an_error_names_the_object_and_undoes_the_batch),
		cmocka_unit_test(a_dry_run_checks_everything_and_leaves_nothing),
		cmocka_unit_test(a_hundred_zones_and_ten_thousand_conduits_load_and_verify),
		cmocka_unit_test(many_cuts_survive_a_replacement),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
