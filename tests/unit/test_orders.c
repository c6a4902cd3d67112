/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders of every kind, at random: whatever people ask for, no cut touches who is never isolated, no connection of a pin is
 * killed, and the ruleset that would be written lets the pinned flow through, new and open, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>
#include <bulkhead/enforce.h>
#include <bulkhead/prove.h>

static const char town[] =
	"version: 1\nsite: t\nzones:\n"
	"  a: {networks: [10.1.0.0/24, 10.1.1.0/24, \"fd00:1::/64\"]}\n"
	"  b: {networks: [10.2.0.0/24], critical: true}\n"
	"  c: {networks: [10.3.0.0/16], inside: deny}\n"
	"hosts:\n"
	"  dc: {addresses: [10.1.0.3], roles: [dc], mac: \"02:00:00:00:00:03\", never-isolate: true}\n"
	"  pc: {addresses: [10.1.0.7, \"fd00:1::7\"], mac: \"02:00:00:00:00:07\"}\n"
	"  crane: {addresses: [10.3.0.9], mac: \"02:00:00:00:00:09\"}\n"
	"conduits:\n"
	"  - {name: work, from: a, to: b, allow: [smb, https], breaker: {admin-off: shield, pins-only: contain}}\n"
	"  - {name: copy, from: b, to: c, allow: [ssh], drawbridge: {open: \"01:00-03:00\", raise-on: isolate}}\n"
	"  - {name: inside, from: c, to: c, allow: [tcp/102]}\n"
	"pins:\n  - {name: stop, from: 10.1.1.9, to: 10.3.0.9, allow: [tcp/5020], reason: \"emergency stop\"}\n"
	"response: {mode: auto, budget: {burst: 50, per-hour: 1000, share-of-zone: 100%, share-of-role: 100%}}\n";

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13, *x ^= *x >> 7, *x ^= *x << 17;
	return *x;
}

static void random_order(uint64_t *seed, struct bh_event *ev)
{
	static const char *const words[] = {"zone:a", "zone:b", "zone:c", "dc", "pc", "crane", "10.1.0.0/24", "10.3.0.0/20", "10.1.0.0/28", "02:00:00:00:00:03",
		"02:00:00:00:00:09", "10.3.0.9", "10.1.1.9", "10.1.0.3", "fd00:1::7", "10.0.0.0/8"};
	static const char *const conduits[] = {"work", "copy", "inside", "none"};
	static const uint8_t verbs[] = {BH_CMD_ISOLATE, BH_CMD_ISOLATE, BH_CMD_SHIELD, BH_CMD_CONTAIN, BH_CMD_ISLAND, BH_CMD_KILL, BH_CMD_KILL, BH_CMD_BREAKER,
		BH_CMD_DRAWBRIDGE, BH_CMD_RELEASE};
	uint64_t x = next(seed);
	struct bh_ev_command *cmd = &ev->u.command;

	ev->kind = BH_EV_COMMAND;
	cmd->verb = verbs[x % BH_COUNT(verbs)];
	cmd->scope = (uint8_t)(x >> 8 & 3) % BH_SCOPE_COUNT;
	cmd->set = (uint8_t)(1 + (x >> 16) % (BH_SET_COUNT - 1));
	cmd->ttl = BH_SEC(1 + (x >> 24 & 127));
	if (cmd->verb == BH_CMD_BREAKER || cmd->verb == BH_CMD_DRAWBRIDGE)
		bh_strcpy(cmd->target, sizeof cmd->target, conduits[x >> 32 & 3]);
	else if (x >> 40 & 1)
		snprintf(cmd->target, sizeof cmd->target, "10.%u.%u.%u", 1 + (unsigned)(x >> 41 & 3) % 3, (unsigned)(x >> 43 & 1), (unsigned)(x >> 44 & 15));
	else
		bh_strcpy(cmd->target, sizeof cmd->target, words[x >> 48 & 15]);
	if (cmd->verb != BH_CMD_KILL)
		return;
	ev->src = bh_addr_v4((const uint8_t[]){10, 1, x >> 41 & 1, x >> 44 & 1 ? 9 : 3});
	ev->dst = bh_addr_v4((const uint8_t[]){10, 3, 0, x >> 45 & 1 ? 9 : 8});
	ev->proto = x >> 46 & 1 ? 6 : 17;
	ev->sport = (uint16_t)(40000 + (x >> 50 & 7));
	ev->dport = x >> 47 & 1 ? 5020 : 445;
}

static void pin_passes(const struct bh_plan *plan)
{
	struct bh_prefix src = bh_prefix_host(&(struct bh_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, 9}});
	struct bh_prefix dst = bh_prefix_host(&(struct bh_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 3, 0, 9}});
	struct bh_mac mac[2] = {{{2, 0, 0, 0, 0, 0x19}}, {{2, 0, 0, 0, 0, 9}}};
	struct bh_box b = bh_box_of(4, &src, &dst, 6, 5020, 5020);
	struct bh_model *m;
	struct bh_point at;

	b.splo = b.sphi = 40001;
	assert_int_equal(bh_enforce_model(plan, &m), 0);
	assert_int_equal(bh_model_freeze(m), 0);
	for (int i = 0; i < 3; i++) {
		struct bh_scenario sc = {.hook = BH_HOOK_FORWARD, .state = i ? BH_CT_ESTABLISHED : BH_CT_NEW, .reply = i == 2, .mac = &mac[i == 2]};

		assert_int_equal(bh_model_point(m, &sc, &b, &at), 0);
		assert_int_equal(at.verdict, BH_YES);
	}
	bh_model_free(m);
}

static void no_order_of_any_kind_touches_a_pin_or_who_is_never_isolated(void **state)
{
	struct bh_addr self = bh_addr_v4((const uint8_t[]){10, 1, 0, 1}), dc = bh_addr_v4((const uint8_t[]){10, 1, 0, 3});
	struct bh_core_opts o = {.mode = -1, .bare = true, .self = &self, .n_self = 1, .now = BH_HOUR(2)};
	struct bh_out *out = calloc(1, sizeof *out);
	uint64_t seed = 88172645463325252ull, kinds[BH_CUT_KINDS] = {0}, closed = 0, models = 0;
	struct bh_diags d = {0};
	struct bh_policy *p;
	struct bh_core *c;

	assert_non_null(out);
	assert_int_equal(bh_policy_load(town, sizeof town - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	for (int i = 0; i < 6000; i++) {
		struct bh_event ev = {.at = BH_HOUR(2) + BH_MS(i * 700ull)};
		const struct bh_plan *plan;
		struct bh_refused r;

		random_order(&seed, &ev);
		out->n = 0;
		assert_int_equal(bh_core_step(c, &ev, out), 0);
		plan = bh_core_plan(c);
		assert_int_equal(plan->n_pins, 1);
		for (size_t k = 0; k < plan->n_cuts; k++) {
			const struct bh_cut *cut = &plan->cuts[k];

			kinds[cut->kind]++;
			assert_int_equal(bh_plan_guard(plan, cut, 0, &self, 1, &r), 0);
			if (cut->what == BH_CUT_MAC)
				assert_false(cut->mac.b[5] == 3);
			else if (cut->what == BH_CUT_FLOW)
				assert_int_not_equal(bh_policy_judge(p, &cut->net.net, &cut->peer.net, cut->proto, cut->dport).rule, BH_RULE_PIN);
			else
				assert_false(bh_prefix_has(&cut->net, &dc));
			for (size_t e = 0; e < k; e++) /* the kernel's intervals do not overlap */
				assert_false(cut->what == BH_CUT_NET && plan->cuts[e].what == BH_CUT_NET && plan->cuts[e].kind == cut->kind &&
					bh_prefix_overlaps(&plan->cuts[e].net, &cut->net));
			for (size_t e = 0; e < k; e++) /* and it has one place for a cut */
				assert_false(plan->cuts[e].kind == cut->kind && plan->cuts[e].what == cut->what && plan->cuts[e].what != BH_CUT_FLOW &&
					!memcmp(&plan->cuts[e].net, &cut->net, sizeof cut->net) && bh_mac_eq(&plan->cuts[e].mac, &cut->mac));
		}
		for (size_t k = 0; k < p->n_conduits; k++)
			closed += bh_core_posture(c, k)->state != BH_CONDUIT_NORMAL;
		if (i % 40 == 39 && plan->n_cuts) {
			pin_passes(plan);
			models++;
		}
	}
	for (unsigned k = 1; k < BH_CUT_KINDS; k++)
		assert_true(kinds[k] > 100);
	assert_true(closed > 1000 && models > 100);
	bh_core_close(c);
	bh_policy_free(p);
	free(out);
}

static const struct bh_record *give(struct bh_core *c, struct bh_out *out, bh_ns at, unsigned verb, const char *target, bh_ns ttl)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_COMMAND, .u.command = {.verb = (uint8_t)verb, .ttl = ttl, .by = "els", .reason = "t"}};

	bh_strcpy(ev.u.command.target, sizeof ev.u.command.target, target);
	out->n = 0;
	assert_int_equal(bh_core_step(c, &ev, out), 0);
	for (size_t i = 0; i < out->n; i++)
		if (out->rec[i].kind == BH_REC_ACTION)
			return &out->rec[i];
	return NULL;
}

/* the kernel holds one element for both orders: it must live as long as the longer one, whatever becomes of the other */
static void a_cut_two_orders_share_lives_as_long_as_the_longer_one(void **state)
{
	struct bh_core_opts o = {.mode = -1, .bare = true, .now = BH_HOUR(2)};
	struct bh_out *out = calloc(1, sizeof *out);
	const struct bh_record *r;
	struct bh_diags d = {0};
	struct bh_policy *p;
	struct bh_core *c;
	bh_ns at = BH_HOUR(2);

	assert_non_null(out);
	assert_int_equal(bh_policy_load(town, sizeof town - 1, "t", &d, &p), 0);
	bh_diags_fini(&d);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	assert_non_null(give(c, out, at, BH_CMD_ISOLATE, "10.1.0.20", BH_HOUR(1)));
	r = give(c, out, at + BH_MIN(10), BH_CMD_ISOLATE, "10.1.0.20", BH_MIN(1));
	assert_int_equal(r->verb, BH_VERB_REQUESTED);
	assert_int_equal(r->order.ttl, BH_MIN(1));
	assert_int_equal(r->order.cuts[0].ttl, BH_MIN(50)); /* said with what the first still needs */
	assert_int_equal(bh_core_plan(c)->n_cuts, 1);
	assert_int_equal(bh_core_plan(c)->cuts[0].ttl, BH_MIN(50));
	r = give(c, out, at + BH_MIN(10), BH_CMD_RELEASE, "2", 0);
	assert_int_equal(r->verb, BH_VERB_RELEASED);
	assert_int_equal(r->order.id, 2);
	assert_int_equal(r->order.n_cuts, 0); /* nothing is taken out of the kernel */
	assert_int_equal(out->n >= 2 ? out->rec[1].verb : 0, BH_VERB_REQUESTED);
	assert_int_equal(out->rec[1].order.id, 1);
	assert_int_equal(out->rec[1].order.cuts[0].ttl, BH_MIN(50));
	assert_int_equal(bh_core_plan(c)->n_cuts, 1);
	r = give(c, out, at + BH_MIN(11), BH_CMD_RELEASE, "10.1.0.20", 0);
	assert_int_equal(r->verb, BH_VERB_RELEASED);
	assert_int_equal(r->order.n_cuts, 1);
	assert_int_equal(bh_core_plan(c)->n_cuts, 0);
	bh_core_close(c);
	bh_policy_free(p);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_two_orders_share_lives_as_long_as_the_longer_one),
		cmocka_unit_test(no_order_of_any_kind_touches_a_pin_or_who_is_never_isolated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
