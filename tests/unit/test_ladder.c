/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the ladder is climbed: by score, families and profile. The ledger is filled by hand, a small finding then asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static const char town[] = "version: 1\nsite: t\nzones:\n  a: {networks: [10.1.0.0/16]}\n  b: {networks: [10.2.0.0/16], critical: true}\n"
			   "hosts:\n  files: {addresses: [10.1.0.8], roles: [file]}\n"
			   "response: {mode: %s, profile: %s, ttl: {shield: 10m, contain: 20m}, budget: {burst: %d, share-of-zone: 100%%, share-of-role: 100%%}}\n";

struct town {
	struct bh_policy *p;
	struct bh_core *c;
	struct bh_out out;
};

static struct town *begin(const char *mode, const char *profile, int burst)
{
	struct bh_core_opts o = {.mode = -1, .bare = true};
	struct town *t = calloc(1, sizeof *t);
	struct bh_diags d = {0};
	char text[1024];

	assert_non_null(t);
	snprintf(text, sizeof text, town, mode, profile, burst);
	assert_int_equal(bh_policy_load(text, strlen(text), "t", &d, &t->p), 0);
	bh_diags_fini(&d);
	o.policy = t->p;
	assert_int_equal(bh_core_open(&o, &t->c), 0);
	return t;
}

static void end(struct town *t)
{
	bh_core_close(t->c);
	bh_policy_free(t->p);
	free(t);
}

/* evidence in the ledger, then a connection no conduit allows (1.5 bans of family P at A2: 1.2) */
static void suspect(struct town *t, unsigned host, int32_t lateral, int32_t impact)
{
	struct bh_event ev = {.at = BH_SEC(100), .kind = BH_EV_FLOW_OUTCOME, .proto = 6, .sport = 40000, .dport = 445, .outcome = BH_OUT_SUCCESS, .flags = BH_EVF_TWOWAY,
		.flow_id = host};
	struct bh_host *h;

	ev.src = bh_addr_v4((const uint8_t[]){10, 1, 0, (uint8_t)host});
	ev.dst = bh_addr_v4((const uint8_t[]){10, 2, 0, 1});
	h = bh_state_touch(bh_core_state(t->c), &ev.src, ev.at);
	assert_non_null(h);
	if (lateral)
		bh_ledger_add(&h->ledger, BH_FAM_L, lateral, 3, ev.at);
	if (impact)
		bh_ledger_add(&h->ledger, BH_FAM_I, impact, 3, ev.at);
	t->out.n = 0;
	assert_int_equal(bh_core_step(t->c, &ev, &t->out), 0);
}

/* kinds of orders standing, as letters in the order of the ladder */
static const char *standing(struct town *t)
{
	static const char letters[BH_CUT_KINDS + 1] = "-ISCNK";
	static char buf[64];
	const struct bh_order *o;
	size_t n, len = 0;

	o = bh_core_orders(t->c, &n);
	for (size_t i = 0; i < n && len < sizeof buf - 1; i++)
		if (o[i].state == BH_VERB_REQUESTED)
			buf[len++] = letters[o[i].kind];
	buf[len] = '\0';
	return buf;
}

static void expect(const char *profile, int32_t lateral, int32_t impact, const char *what)
{
	struct town *t = begin("auto", profile, 3);

	suspect(t, 20, lateral, impact);
	assert_string_equal(standing(t), what);
	end(t);
}

static void balanced_climbs_by_score_and_families(void **state)
{
	expect("balanced", 200, 0, "");	    /* 3.2 */
	expect("balanced", 240, 0, "S");    /* 3.6 */
	expect("balanced", 370, 0, "S");    /* 4.9 */
	expect("balanced", 390, 0, "CS");   /* 5.1 */
	expect("balanced", 450, 60, "I");   /* 6.3 */
}

static void shield_only_stops_at_the_shield(void **state)
{
	expect("shield-only", 390, 0, "S");
	expect("shield-only", 450, 200, "S");
}

static void aggressive_takes_the_step_after(void **state)
{
	expect("aggressive", 200, 0, "");
	expect("aggressive", 240, 0, "CS");
	expect("aggressive", 390, 0, "I");
	expect("aggressive", 450, 60, "I");
}

static void without_budget_an_isolation_becomes_a_containment(void **state)
{
	struct town *t = begin("auto", "balanced", 1);

	suspect(t, 20, 450, 60);
	suspect(t, 21, 450, 60);
	assert_string_equal(standing(t), "ICS");
	end(t);
}

static void infrastructure_is_shielded_not_contained(void **state)
{
	struct town *t = begin("auto", "balanced", 3);

	suspect(t, 8, 400, 0);
	assert_string_equal(standing(t), "S");
	assert_int_equal(t->out.rec[1].verb, BH_VERB_REFUSED);
	assert_int_equal(t->out.rec[1].order.kind, BH_CUT_CONTAIN);
	assert_int_equal(t->out.rec[1].refused.code, BH_REF_ROLE);
	end(t);
}

static void a_containment_lasts_its_own_time(void **state)
{
	struct town *t = begin("auto", "balanced", 3);
	const struct bh_order *o;
	size_t n;

	suspect(t, 20, 400, 0);
	o = bh_core_orders(t->c, &n);
	assert_int_equal(n, 2);
	assert_true(o[0].kind == BH_CUT_CONTAIN && o[0].ttl == BH_MIN(20));
	assert_true(o[1].kind == BH_CUT_SHIELD && o[1].ttl == BH_MIN(10));
	end(t);
}

static void asked_first_a_containment_is_proposed(void **state)
{
	struct town *t = begin("ask", "balanced", 3);
	unsigned proposed = 0;

	suspect(t, 20, 400, 0);
	for (size_t i = 0; i < t->out.n; i++)
		proposed |= t->out.rec[i].kind == BH_REC_ACTION && t->out.rec[i].verb == BH_VERB_PROPOSED ? 1u << t->out.rec[i].order.kind : 0;
	assert_int_equal(proposed, 1u << BH_CUT_CONTAIN | 1u << BH_CUT_SHIELD);
	assert_string_equal(standing(t), "");
	end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balanced_climbs_by_score_and_families),
		cmocka_unit_test(shield_only_stops_at_the_shield),
		cmocka_unit_test(aggressive_takes_the_step_after),
		cmocka_unit_test(without_budget_an_isolation_becomes_a_containment),
		cmocka_unit_test(infrastructure_is_shielded_not_contained),
		cmocka_unit_test(a_containment_lasts_its_own_time),
		cmocka_unit_test(asked_first_a_containment_is_proposed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
