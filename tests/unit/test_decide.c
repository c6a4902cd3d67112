/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static void decay_halves_at_the_half_life_and_never_rises(void **state)
{
	int32_t last = 1000;

	assert_int_equal(bh_decay(1000, BH_MIN(30), BH_MIN(30)), 500);
	assert_int_equal(bh_decay(1000, BH_MIN(60), BH_MIN(30)), 250);
	assert_int_equal(bh_decay(1000, BH_HOUR(1000), BH_MIN(30)), 0);
	assert_int_equal(bh_decay(1000, BH_HOUR(1000), 0), 1000); /* sticky */
	for (bh_ns t = 0; t < BH_HOUR(4); t += BH_SEC(7)) {
		int32_t v = bh_decay(1000, t, BH_MIN(30));

		assert_in_range(v, 0, last);
		last = v;
	}
}

static void weak_items_of_one_family_never_add_up_to_a_cut(void **state)
{
	struct bh_ledger l = {0};
	unsigned fams;
	int32_t attr;

	for (int i = 0; i < 1000; i++)
		bh_ledger_add(&l, BH_FAM_R, 200, 3, BH_SEC(i));
	assert_int_equal(bh_ledger_total(&l, BH_SEC(1000), &fams, &attr), 200); /* the family's cap */
	assert_int_equal(fams, 1);
}

static void the_same_again_keeps_a_score_up_and_adds_nothing(void **state)
{
	struct bh_ledger l = {0};

	for (int i = 0; i < 1000; i++)
		assert_int_equal(bh_ledger_again(&l, BH_FAM_C, 20, 3, BH_SEC(25) * i), 20);
	assert_int_equal(bh_ledger_again(&l, BH_FAM_C, 100, 2, BH_SEC(25000)), 80);
	assert_int_equal(l.fam[BH_FAM_C].attr, 80);
	assert_int_equal(bh_ledger_add(&l, BH_FAM_C, 20, 3, BH_SEC(25000)), 86);
	assert_int_equal(bh_ledger_again(&l, BH_FAM_C, 20, 3, BH_SEC(25000)), 86);
	assert_int_equal(bh_ledger_half_life(BH_FAM_C), BH_HOUR(6));
	assert_int_equal(bh_ledger_half_life(BH_FAM_I), BH_HOUR(24));
}

static void families_add_up_and_attribution_scales(void **state)
{
	struct bh_ledger l = {0};
	unsigned fams;
	int32_t attr;

	bh_ledger_add(&l, BH_FAM_I, 400, 2, 1); /* 320 */
	bh_ledger_add(&l, BH_FAM_U, 350, 0, 1); /* 35: unverifiable */
	assert_int_equal(bh_ledger_total(&l, 1, &fams, &attr), 355);
	assert_int_equal(attr, 320);
	assert_int_equal(fams, 2);
	assert_int_equal(l.best_item, 320);
	bh_ledger_add(&l, BH_FAM_I, 400, 2, 1); /* 320 + 30 % of 320 */
	assert_int_equal(bh_ledger_total(&l, 1, &fams, &attr), 35 + 416);
}

static void percent_is_monotone_and_fifty_at_even_odds(void **state)
{
	unsigned last = 0;

	assert_int_equal(bh_ledger_percent(400, -400), 50);
	assert_int_equal(bh_ledger_percent(0, -400), 0);
	assert_int_equal(bh_ledger_percent(10000, -400), 99);
	for (int32_t s = 0; s < 1000; s++) {
		assert_true(bh_ledger_percent(s, -400) >= last);
		last = bh_ledger_percent(s, -400);
	}
}

/* two replays of one event log give the same bytes */
static void the_core_is_a_function_of_its_events(void **state)
{
	struct bh_policy *p = bh_policy_builtin();
	struct bh_core_opts o = {.policy = p, .mode = BH_MODE_AUTO, .bare = true};
	struct bh_out *out[2] = {calloc(1, sizeof **out), calloc(1, sizeof **out)};
	struct bh_core *c[2];
	uint64_t x = 88172645463325252ull;
	size_t records = 0;

	for (int k = 0; k < 2; k++)
		assert_int_equal(bh_core_open(&o, &c[k]), 0);
	for (int i = 0; i < 20000; i++) {
		struct bh_event ev = {.at = BH_SEC(1000) + BH_MS(i * 13ull), .pkt = (uint64_t)i + 1, .proto = 6};

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ev.kind = (uint8_t)(x % BH_EV_KINDS);
		ev.src = bh_addr_v4((const uint8_t[]){10, 0, 0, (uint8_t)(x >> 8 & 7)});
		ev.dst = bh_addr_v4((const uint8_t[]){10, 0, (uint8_t)(x >> 16 & 3), (uint8_t)(x >> 20)});
		ev.dport = (uint16_t)(x >> 28 & 1 ? 445 : x >> 32 & 1023);
		ev.flow_id = x >> 12 & 255;
		ev.outcome = (uint8_t)(x >> 44 & 7) % BH_OUT_COUNT;
		ev.flags = BH_EVF_TWOWAY;
		if (ev.kind == BH_EV_COMMAND) {
			ev.u.command.verb = (uint8_t)(x >> 50) % BH_CMD_COUNT;
			snprintf(ev.u.command.target, sizeof ev.u.command.target, "10.0.0.%u", (unsigned)(x >> 8 & 7));
			ev.u.command.mode = BH_MODE_AUTO;
		}
		for (int k = 0; k < 2; k++) {
			out[k]->n = 0;
			assert_int_equal(bh_core_step(c[k], &ev, out[k]), 0);
		}
		assert_int_equal(out[0]->n, out[1]->n);
		assert_memory_equal(out[0]->rec, out[1]->rec, out[0]->n * sizeof out[0]->rec[0]);
		records += out[0]->n;
	}
	assert_true(records > 100);
	for (int k = 0; k < 2; k++) {
		bh_core_close(c[k]);
		free(out[k]);
	}
	bh_policy_free(p);
}

/* whatever arrives, no plan holds a cut without TTL, of a protected address, or beyond the quota */
static void no_event_stream_makes_a_plan_the_guard_refuses(void **state)
{
	static const char text[] = "version: 1\nsite: t\nzones:\n  a: {networks: [10.0.0.0/16]}\n  b: {networks: [10.9.0.0/16], critical: true}\n"
				   "hosts:\n  dc: {addresses: [10.0.0.3], roles: [dc], never-isolate: true}\n"
				   "conduits:\n  - {name: c, from: a, to: b, allow: [smb]}\n"
				   "response: {mode: auto, budget: {burst: 50, per-hour: 1000, share-of-zone: 100%, share-of-role: 100%}}\n";
	struct bh_diags d = {0};
	struct bh_policy *p;
	struct bh_core *c;
	struct bh_core_opts o;
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_addr self = bh_addr_v4((const uint8_t[]){10, 0, 0, 1}), dc = bh_addr_v4((const uint8_t[]){10, 0, 0, 3});
	uint64_t x = 362436069ull, cuts = 0;

	assert_int_equal(bh_policy_load(text, sizeof text - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o = (struct bh_core_opts){.policy = p, .mode = -1, .bare = true, .self = &self, .n_self = 1};
	assert_int_equal(bh_core_open(&o, &c), 0);
	for (int i = 0; i < 30000; i++) {
		struct bh_event ev = {.at = BH_SEC(1000) + BH_MS(i * 5ull), .proto = 6, .flags = BH_EVF_TWOWAY, .sport = 1, .dport = 445};
		const struct bh_plan *plan;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ev.src = bh_addr_v4((const uint8_t[]){10, 0, 0, (uint8_t)(x >> 8 & 15)});
		ev.dst = bh_addr_v4((const uint8_t[]){10, 9, 0, (uint8_t)(x >> 20 & 7)});
		if (x & 1) {
			ev.kind = BH_EV_SMB;
			ev.u.smb.op = x & 2 ? BH_SMB_CLOSE : BH_SMB_RENAME;
			ev.u.smb.flags = BH_SMB_F_EXISTED;
			ev.u.smb.bytes_written = ev.u.smb.bytes_read = 100000;
			ev.u.smb.rand_written = BH_RAND_STRONG;
			ev.u.smb.rand_read = BH_RAND_NO;
			snprintf(ev.u.smb.name, sizeof ev.u.smb.name, "d/f%u.doc", (unsigned)(x >> 30 & 63));
			snprintf(ev.u.smb.name2, sizeof ev.u.smb.name2, "d/f%u.doc.x", (unsigned)(x >> 30 & 63));
		} else {
			ev.kind = BH_EV_COMMAND;
			ev.u.command.verb = (x >> 40 & 3) == 0 ? BH_CMD_RELEASE : x >> 41 & 1 ? BH_CMD_ISOLATE : BH_CMD_SHIELD;
			ev.u.command.ttl = BH_SEC(x >> 44 & 63);
			snprintf(ev.u.command.target, sizeof ev.u.command.target, x >> 50 & 1 ? "zone:a" : "10.0.0.%u", (unsigned)(x >> 8 & 15));
		}
		out->n = 0;
		assert_int_equal(bh_core_step(c, &ev, out), 0);
		plan = bh_core_plan(c);
		cuts += plan->n_cuts;
		for (size_t k = 0; k < plan->n_cuts; k++) {
			assert_true(plan->cuts[k].ttl > 0);
			assert_true(plan->cuts[k].order > 0);
			assert_true(plan->cuts[k].because[0]);
			if (plan->cuts[k].kind == BH_CUT_ISOLATE && plan->cuts[k].what != BH_CUT_MAC) {
				assert_false(bh_prefix_has(&plan->cuts[k].net, &dc));
				assert_false(bh_prefix_has(&plan->cuts[k].net, &self));
			}
		}
	}
	assert_true(cuts > 1000);
	bh_core_close(c);
	bh_policy_free(p);
	free(out);
}

static const char small_town[] = "version: 1\nsite: t\nzones:\n  a: {networks: [10.0.0.0/16]}\n"
				 "response: {mode: auto}\n";

static struct bh_core *open_core(struct bh_policy **ret_policy)
{
	struct bh_core_opts o = {.mode = -1, .bare = true};
	struct bh_diags d = {0};
	struct bh_core *c;

	assert_int_equal(bh_policy_load(small_town, sizeof small_town - 1, "t", &d, ret_policy), 0);
	bh_diags_fini(&d);
	o.policy = *ret_policy;
	assert_int_equal(bh_core_open(&o, &c), 0);
	return c;
}

static void command(struct bh_core *c, struct bh_out *out, bh_ns at, unsigned verb, const char *target, bh_ns ttl)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_COMMAND, .u.command = {.verb = (uint8_t)verb, .ttl = ttl, .reason = "t"}};

	bh_strcpy(ev.u.command.target, sizeof ev.u.command.target, target);
	out->n = 0;
	assert_int_equal(bh_core_step(c, &ev, out), 0);
}

static void what_a_new_enforcer_holds_of_ours_is_not_counted_twice(void **state)
{
	struct bh_policy *p;
	struct bh_core *c = open_core(&p);
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_cut held[BH_ORDER_CUTS];
	size_t n;

	command(c, out, BH_SEC(1), BH_CMD_ISOLATE, "10.0.0.20", BH_MIN(5));
	n = bh_core_plan(c)->n_cuts;
	assert_int_equal(n, 1);
	memcpy(held, bh_core_plan(c)->cuts, n * sizeof *held);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bh_core_adopt(c, held, n, BH_SEC(2)), 0);
	assert_int_equal(bh_core_plan(c)->n_cuts, 1);
	bh_core_close(c);
	bh_policy_free(p);
	free(out);
}

/* a clock that jumps ends many orders at once; the order given at that moment must still be said to the kernel */
static void no_order_is_lost_among_many_that_expire(void **state)
{
	struct bh_policy *p;
	struct bh_core *c = open_core(&p);
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_event tick = {.at = BH_HOUR(2) + BH_SEC(1), .kind = BH_EV_TICK};
	char name[32];
	unsigned expired = 0;

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "10.0.0.%d", 20 + i);
		command(c, out, BH_SEC(1), BH_CMD_SHIELD, name, BH_MIN(5));
	}
	command(c, out, BH_HOUR(2), BH_CMD_ISOLATE, "10.0.0.99", BH_MIN(5));
	assert_int_equal(out->dropped, 0);
	assert_int_equal(out->rec[out->n - 1].verb, BH_VERB_REQUESTED);
	for (int i = 0; i < 10; i++) {
		for (size_t k = 0; k < out->n; k++)
			expired += out->rec[k].verb == BH_VERB_EXPIRED;
		out->n = 0;
		assert_int_equal(bh_core_step(c, &tick, out), 0);
	}
	assert_int_equal(expired, 40);
	assert_int_equal(bh_core_plan(c)->n_cuts, 1);
	bh_core_close(c);
	bh_policy_free(p);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_new_enforcer_holds_of_ours_is_not_counted_twice),
		cmocka_unit_test(no_order_is_lost_among_many_that_expire),
		cmocka_unit_test(decay_halves_at_the_half_life_and_never_rises),
		cmocka_unit_test(weak_items_of_one_family_never_add_up_to_a_cut),
		cmocka_unit_test(the_same_again_keeps_a_score_up_and_adds_nothing),
		cmocka_unit_test(families_add_up_and_attribution_scales),
		cmocka_unit_test(percent_is_monotone_and_fifty_at_even_odds),
		cmocka_unit_test(the_core_is_a_function_of_its_events),
		cmocka_unit_test(no_event_stream_makes_a_plan_the_guard_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
