/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer's own use of the proof: a batch that does not do what its law says is not sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "enforce/enforcer.h"
#include "enforce/rule.h"

static const char law_text[] = "plan generation=7 mode=auto policy=\"x\"\nlimit cuts=64 ttl=24h\n"
			       "zone a critical=0 10.1.0.0/16\nzone b critical=1 10.2.0.0/16\nconduit c\n"
			       "permit a > 10.2.0.0/16 tcp/443 conduit=c\n"
			       "pin p 10.1.0.2 > 10.2.0.2 tcp/7001 at=1:1\n";

static struct bh_plan law(void)
{
	struct bh_plan_error bad;
	struct bh_plan plan;

	assert_int_equal(bh_plan_parse(law_text, strlen(law_text), &plan, &bad), 0);
	return plan;
}

/* the batch of the law, and one more rule at the end of a chain when it is given */
static int before(struct bh_enforcer *e, struct bh_plan *plan, const char *chain, bool later, struct proof *p)
{
	struct nl nowhere = {.seq = 1};
	struct ruleset rs = {.b = &e->batch, .law = plan, .stamp = 7, .used = 7};
	int r;

	bh_batch_begin(&e->batch, &nowhere);
	bh_ruleset_put(&rs);
	if (chain) {
		struct rule x = bh_rule_new(&e->batch, chain, false);

		bh_x_accept(&x);
		bh_rule_add(&e->batch, &x);
	}
	*p = (struct proof){.later = later};
	r = bh_proof_before(e, &rs, p);
	bh_ruleset_fini(&rs);
	return r;
}

static void a_batch_that_keeps_its_law_may_be_sent(void **state)
{
	struct bh_enforcer e = {.law_hash = 1};
	struct bh_plan plan = law();
	struct proof p;

	assert_int_equal(before(&e, &plan, NULL, false, &p), 0);
	assert_true(p.done);
	bh_model_free(p.m);
	bh_batch_fini(&e.batch);
	bh_plan_fini(&plan);
}

/* what br_netfilter needs in the inet table, and the same with fewer hops left, which may come from another link */
static void neighbour_discovery_alone_may_pass_beside_the_law(void **state)
{
	struct bh_enforcer e = {.law_hash = 1};
	struct bh_plan plan = law();
	struct nl nowhere = {.seq = 1};

	for (int hops = 64; hops <= 255; hops += 191) {
		struct ruleset rs = {.b = &e.batch, .law = &plan, .stamp = 7, .used = 7, .link = true};
		struct proof p = {.later = false};
		struct rule r;
		int proved;

		bh_batch_begin(&e.batch, &nowhere);
		bh_ruleset_put(&rs);
		r = bh_rule_new(&e.batch, "pins6_g7", true);
		bh_x_family(&r);
		bh_x_l4proto(&r, 58);
		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
		bh_x_is8(&r, 0, (uint8_t)hops);
		bh_x_accept(&r);
		bh_rule_add(&e.batch, &r);
		proved = bh_proof_before(&e, &rs, &p);
		assert_int_equal(proved, hops == 255 ? 0 : NOT_PROVED);
		bh_model_free(p.m);
		bh_ruleset_fini(&rs);
		e.proved = (struct proved){.law = 0};
	}
	bh_batch_fini(&e.batch);
	bh_plan_fini(&plan);
}

static void a_batch_that_lets_more_through_is_refused_with_theorem_and_counterexample(void **state)
{
	struct bh_enforcer e = {.law_hash = 1};
	struct bh_plan plan = law();
	struct proof p;

	assert_int_equal(before(&e, &plan, "pins4_g7", false, &p), NOT_PROVED);
	assert_null(p.m);
	assert_non_null(strstr(e.why, "not proved: no-more: "));
	assert_non_null(strstr(e.why, "chain pins4_g7 rule"));
	bh_batch_fini(&e.batch);
	bh_plan_fini(&plan);
}

static void a_batch_for_a_cut_in_a_hurry_is_proved_after_it_was_sent(void **state)
{
	struct bh_enforcer e = {.law_hash = 1};
	struct bh_plan plan = law();
	struct proof p;

	assert_int_equal(before(&e, &plan, NULL, true, &p), 0);
	assert_false(p.done);
	bh_model_free(p.m);
	bh_batch_fini(&e.batch);
	bh_plan_fini(&plan);
}

static void the_same_law_under_the_same_stamp_is_not_proved_twice(void **state)
{
	struct bh_enforcer e = {.law_hash = 1, .proved = {.law = 1, .stamp = 7}};
	struct bh_plan plan = law();
	struct proof p;

	assert_int_equal(before(&e, &plan, NULL, true, &p), 0);
	assert_true(p.done);
	bh_model_free(p.m);
	e.proved.stamp = 6;
	assert_int_equal(before(&e, &plan, NULL, true, &p), 0);
	assert_false(p.done);
	bh_model_free(p.m);
	bh_batch_fini(&e.batch);
	bh_plan_fini(&plan);
}

static void two_batches_of_one_law_have_one_digest_and_another_law_another(void **state)
{
	struct bh_plan a = law(), b = law();
	struct bh_model *m[3];

	b.permits[0].hi++;
	assert_int_equal(bh_enforce_model(&a, &m[0]), 0);
	assert_int_equal(bh_enforce_model(&a, &m[1]), 0);
	assert_int_equal(bh_enforce_model(&b, &m[2]), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bh_model_freeze(m[i]), 0);
	assert_true(bh_model_digest(m[0]) == bh_model_digest(m[1]));
	assert_true(bh_model_digest(m[0]) != bh_model_digest(m[2]));
	for (int i = 0; i < 3; i++)
		bh_model_free(m[i]);
	bh_plan_fini(&a);
	bh_plan_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_that_keeps_its_law_may_be_sent),
		cmocka_unit_test(neighbour_discovery_alone_may_pass_beside_the_law),
		cmocka_unit_test(a_batch_that_lets_more_through_is_refused_with_theorem_and_counterexample),
		cmocka_unit_test(a_batch_for_a_cut_in_a_hurry_is_proved_after_it_was_sent),
		cmocka_unit_test(the_same_law_under_the_same_stamp_is_not_proved_twice),
		cmocka_unit_test(two_batches_of_one_law_have_one_digest_and_another_law_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
