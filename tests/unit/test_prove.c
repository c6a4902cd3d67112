/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The evaluator on small models made by hand, and the proof on the laws of random policies: it holds
 * in every mode, and no cut of any kind loses a pin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/enforce.h>
#include "policy_gen.h"

/* ---- small models ---- */

static struct bh_expr load(uint8_t field, uint8_t reg)
{
	return (struct bh_expr){.op = BH_X_LOAD, .field = field, .reg = reg};
}

static struct bh_expr cmp(uint8_t reg, uint8_t op, const char *bytes, uint8_t n)
{
	struct bh_expr x = {.op = BH_X_CMP, .reg = reg, .len = n, .cmp = op};

	memcpy(x.a, bytes, n);
	return x;
}

static struct bh_expr named(uint8_t op, const char *name)
{
	struct bh_expr x = {.op = op};

	bh_strcpy(x.name, sizeof x.name, name);
	return x;
}

static struct bh_expr verdict(uint8_t v, const char *chain)
{
	struct bh_expr x = named(BH_X_VERDICT, chain);

	x.verdict = v;
	return x;
}

#define RULE(m, chain, ...)                                                                        \
	do {                                                                                       \
		const struct bh_expr x_[] = {__VA_ARGS__};                                         \
		assert_int_equal(bh_model_rule(m, chain, x_, BH_COUNT(x_)), 0);                    \
	} while (0)

static struct bh_model *small(uint8_t policy)
{
	struct bh_model *m = bh_model_new();

	assert_non_null(m);
	assert_int_equal(bh_model_chain(m, "forward", BH_HOOK_FORWARD, policy), 0);
	return m;
}

static void set(struct bh_model *m, const char *name, uint8_t len, bool interval, bool map)
{
	struct bh_model_set s = {.key_len = len, .interval = interval, .map = map};

	bh_strcpy(s.name, sizeof s.name, name);
	assert_int_equal(bh_model_set(m, &s), 0);
}

static void element(struct bh_model *m, const char *name, const char *key, uint8_t len, bool end,
	const char *chain)
{
	struct bh_model_elem e = {.key_len = len, .end = end, .map = chain != NULL};

	memcpy(e.lo, key, len);
	memcpy(e.hi, key, len);
	if (chain) {
		e.verdict = BH_V_GOTO;
		bh_strcpy(e.chain, sizeof e.chain, chain);
	}
	assert_int_equal(bh_model_element(m, name, &e), 0);
}

static struct bh_scenario first_packet(void)
{
	return (struct bh_scenario){.hook = BH_HOOK_FORWARD, .syn = BH_YES, .limits = BH_MAYBE};
}

static struct bh_prefix prefix(const char *text)
{
	struct bh_prefix p;

	assert_int_equal(bh_prefix_parse(text, strlen(text), &p), 0);
	return p;
}

static struct bh_box point(const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
	struct bh_prefix s = prefix(src), d = prefix(dst);
	struct bh_box b = bh_box_of(bh_prefix_is4(&s) ? 4 : 6, &s, &d, proto, dport, dport);

	b.splo = b.sphi = 40000;
	return b;
}

static enum bh_tri passes(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *b)
{
	struct bh_point p;

	assert_int_equal(bh_model_freeze(m), 0);
	assert_int_equal(bh_model_point(m, sc, b, &p), 0);
	return p.verdict;
}

/* accepted in small(), as one text */
static void assert_accepted(struct bh_model *m, const char *want)
{
	struct bh_scenario sc = first_packet();
	struct bh_box all = bh_box_all(4);
	struct bh_reaches seen;
	char got[2048], box[BH_BOX_TEXT];
	struct bh_text t = bh_text(got, sizeof got);

	assert_int_equal(bh_model_freeze(m), 0);
	assert_int_equal(bh_model_run(m, &sc, &all, false, &seen), 0);
	for (size_t i = 0; i < seen.n; i++)
		if (seen.v[i].fate == BH_FATE_ACCEPT)
			bh_putf(&t, "%s%s", t.len ? "; " : "", bh_box_print(&seen.v[i].box, box));
	assert_string_equal(got, want);
	bh_reaches_fini(&seen);
}

static void a_rule_takes_its_part_and_the_policy_the_rest(void **state)
{
	struct bh_model *m = small(BH_V_DROP);

	RULE(m, "forward", load(BH_F_L4PROTO, 0), cmp(0, BH_EQ, "\x06", 1), load(BH_F_CT_DPORT, 0),
		cmp(0, BH_EQ, "\x01\xbb", 2), verdict(BH_V_ACCEPT, ""));
	assert_accepted(m, "* > * tcp/443");
	bh_model_free(m);
}

static void comparisons_other_than_equal_split_where_they_say(void **state)
{
	struct bh_model *m = small(BH_V_DROP);

	RULE(m, "forward", load(BH_F_L4PROTO, 0), cmp(0, BH_EQ, "\x11", 1), load(BH_F_CT_DPORT, 0),
		cmp(0, BH_GTE, "\x00\x64", 2), cmp(0, BH_LT, "\x00\xc8", 2),
		cmp(0, BH_NEQ, "\x00\x96", 2), verdict(BH_V_ACCEPT, ""));
	assert_accepted(m, "* > * udp/100-149; * > * udp/151-199");
	bh_model_free(m);
}

static void a_jump_comes_back_and_a_goto_does_not(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_box b = point("10.0.0.1", "10.0.0.2", 6, 80);

	for (int v = BH_V_JUMP; v <= BH_V_GOTO; v++) {
		struct bh_model *m = small(BH_V_DROP);

		assert_int_equal(bh_model_chain(m, "empty", BH_HOOK_NONE, 0), 0);
		RULE(m, "forward", verdict((uint8_t)v, "empty"));
		RULE(m, "forward", verdict(BH_V_ACCEPT, ""));
		assert_int_equal(passes(m, &sc, &b), v == BH_V_JUMP ? BH_YES : BH_NO);
		bh_model_free(m);
	}
}

static void a_map_sends_each_range_to_its_chain(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_model *m = small(BH_V_DROP);
	struct bh_box in = point("10.1.255.255", "10.9.0.1", 6, 80),
		      out = point("10.2.0.0", "10.9.0.1", 6, 80);

	assert_int_equal(bh_model_chain(m, "zone", BH_HOOK_NONE, 0), 0);
	RULE(m, "zone", verdict(BH_V_ACCEPT, ""));
	set(m, "src", 4, true, true);
	element(m, "src", "\x0a\x01\x00\x00", 4, false, "zone");
	element(m, "src", "\x0a\x02\x00\x00", 4, true, NULL);
	RULE(m, "forward", load(BH_F_CT_SRC4, 0), named(BH_X_MAP, "src"));
	assert_accepted(m, "10.1.0.0/16 > * any");
	assert_int_equal(passes(m, &sc, &in), BH_YES);
	assert_int_equal(passes(m, &sc, &out), BH_NO);
	bh_model_free(m);
}

static void a_range_without_an_end_reaches_to_the_last_address(void **state)
{
	struct bh_model *m = small(BH_V_DROP);

	set(m, "s", 4, true, false);
	element(m, "s", "\xf0\x00\x00\x00", 4, false, NULL);
	RULE(m, "forward", load(BH_F_CT_SRC4, 0), named(BH_X_IN, "s"), verdict(BH_V_ACCEPT, ""));
	assert_accepted(m, "240.0.0.0/4 > * any");
	bh_model_free(m);
}

static void an_answer_is_judged_by_the_first_packet_or_by_its_own_header(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_model *m = small(BH_V_DROP);
	struct bh_box b = point("10.0.0.1", "10.0.0.2", 6, 80);

	RULE(m, "forward", load(BH_F_CT_DIR, 0), cmp(0, BH_EQ, "\x01", 1), load(BH_F_SADDR4, 0),
		cmp(0, BH_EQ, "\x0a\x00\x00\x02", 4), load(BH_F_CT_SRC4, 0),
		cmp(0, BH_EQ, "\x0a\x00\x00\x01", 4), verdict(BH_V_ACCEPT, ""));
	assert_int_equal(passes(m, &sc, &b), BH_NO);
	sc.state = BH_CT_ESTABLISHED;
	sc.reply = true;
	assert_int_equal(passes(m, &sc, &b), BH_YES);
	sc.state = BH_CT_INVALID; /* has no connection whose direction could be asked */
	assert_int_equal(passes(m, &sc, &b), BH_NO);
	bh_model_free(m);
}

static void what_is_uncertain_goes_both_ways(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_model *m = small(BH_V_DROP);
	struct bh_box b = point("10.0.0.1", "10.0.0.2", 6, 80);

	RULE(m, "forward", named(BH_X_MAYBE, ""), verdict(BH_V_ACCEPT, ""));
	assert_int_equal(passes(m, &sc, &b), BH_MAYBE);
	sc.limits = BH_YES;
	assert_int_equal(passes(m, &sc, &b), BH_YES);
	sc.limits = BH_NO;
	assert_int_equal(passes(m, &sc, &b), BH_NO);
	bh_model_free(m);
}

static void the_rule_and_the_element_that_decided_are_named(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_model *m = small(BH_V_DROP);
	struct bh_box b = point("10.0.0.1", "10.0.0.2", 6, 80);
	struct bh_point p;

	set(m, "s", 4, false, false);
	element(m, "s", "\x0a\x00\x00\x01", 4, false, NULL);
	RULE(m, "forward", load(BH_F_CT_DST4, 0), named(BH_X_IN, "s"), verdict(BH_V_ACCEPT, ""));
	RULE(m, "forward", load(BH_F_CT_SRC4, 0), named(BH_X_IN, "s"), verdict(BH_V_ACCEPT, ""));
	assert_int_equal(bh_model_freeze(m), 0);
	assert_int_equal(bh_model_point(m, &sc, &b, &p), 0);
	assert_int_equal(p.rule, 2);
	assert_string_equal(p.chain, "forward");
	assert_string_equal(p.set, "s");
	assert_string_equal(p.element, "10.0.0.1 > * any");
	bh_model_free(m);
}

static void the_difference_of_two_rulesets_is_exact(void **state)
{
	struct bh_scenario sc = first_packet();
	struct bh_model *m[2];
	struct bh_boxes lost = {0};
	struct bh_box all = bh_box_all(4);
	char text[BH_BOX_TEXT];

	for (int i = 0; i < 2; i++) {
		m[i] = small(BH_V_DROP);
		RULE(m[i], "forward", load(BH_F_L4PROTO, 0), cmp(0, BH_EQ, "\x06", 1),
			load(BH_F_CT_DPORT, 0), cmp(0, BH_LTE, i ? "\x00\x64" : "\x00\xc8", 2),
			verdict(BH_V_ACCEPT, ""));
		assert_int_equal(bh_model_freeze(m[i]), 0);
	}
	assert_int_equal(bh_model_minus(m[0], m[1], &sc, &all, &lost), 0);
	assert_int_equal(lost.n, 1);
	assert_string_equal(bh_box_print(&lost.v[0], text), "* > * tcp/101-200");
	bh_boxes_fini(&lost);
	assert_int_equal(bh_model_minus(m[1], m[0], &sc, &all, &lost), 0);
	assert_int_equal(lost.n, 0);
	bh_boxes_fini(&lost);
	bh_model_free(m[0]);
	bh_model_free(m[1]);
}

static void assert_refused(struct bh_model *m, const char *why)
{
	assert_int_equal(bh_model_freeze(m), 1);
	if (!strstr(bh_model_why(m), why))
		fail_msg("'%s' does not say '%s'", bh_model_why(m), why);
	bh_model_free(m);
}

static void what_nobody_knows_is_refused_with_its_place(void **state)
{
	struct bh_model *m = small(BH_V_DROP);

	RULE(m, "forward", verdict(BH_V_CONTINUE, ""));
	RULE(m, "forward", named(BH_X_UNKNOWN, "quota"));
	assert_refused(m, "chain forward rule 2: unknown: quota");
	m = small(BH_V_DROP);
	RULE(m, "forward", cmp(0, BH_EQ, "\x06", 1));
	assert_refused(m, "chain forward rule 1: compares what is no field");
	m = small(BH_V_DROP);
	RULE(m, "forward", load(BH_F_CT_SRC4, 0), named(BH_X_IN, "none"));
	assert_refused(m, "looks in a set that is not there: none");
	m = small(BH_V_DROP);
	set(m, "s", 16, false, false);
	RULE(m, "forward", load(BH_F_CT_SRC4, 0), named(BH_X_IN, "s"));
	assert_refused(m, "for set s");
	m = small(BH_V_DROP);
	RULE(m, "forward", verdict(BH_V_JUMP, "none"));
	assert_refused(m, "goes to a chain that is not there: none");
	m = small(BH_V_DROP);
	set(m, "s", 4, false, false);
	element(m, "s", "\x0a\x00", 2, false, NULL);
	assert_refused(m, "set s: an element that cannot be in it");
	m = small(BH_V_DROP);
	assert_int_equal(bh_model_chain(m, "other", BH_HOOK_FORWARD, BH_V_ACCEPT), 0);
	assert_refused(m, "a second chain at its hook");
}

static void chains_that_lead_back_to_themselves_are_refused(void **state)
{
	struct bh_model *m = small(BH_V_DROP);

	assert_int_equal(bh_model_chain(m, "a", BH_HOOK_NONE, 0), 0);
	assert_int_equal(bh_model_chain(m, "b", BH_HOOK_NONE, 0), 0);
	RULE(m, "forward", verdict(BH_V_JUMP, "a"));
	RULE(m, "a", verdict(BH_V_JUMP, "b"));
	RULE(m, "b", verdict(BH_V_GOTO, "a"));
	assert_refused(m, "leads back to itself");
}

static void boxes_print_as_people_write_them(void **state)
{
	struct bh_prefix a = prefix("10.1.0.0/16"), b = prefix("fd00:2::/32");
	struct bh_box x = bh_box_of(4, &a, NULL, 6, 445, 445), y = bh_box_of(6, NULL, &b, 1, 0, 0);
	char text[BH_BOX_TEXT];

	assert_string_equal(bh_box_print(&x, text), "10.1.0.0/16 > * tcp/445");
	assert_string_equal(bh_box_print(&y, text), "* > fd00:2::/32 icmpv6");
	x.shi++;
	assert_string_equal(bh_box_print(&x, text), "10.1.0.0-10.2.0.0 > * tcp/445");
}

static struct bh_box random_box(uint64_t *s)
{
	struct bh_box b = bh_box_all(4);

	b.slo += below(s, 6);
	b.shi = b.slo + below(s, 4);
	b.dlo += below(s, 6);
	b.dhi = b.dlo + below(s, 4);
	b.plo = (uint8_t)below(s, 3);
	b.phi = (uint8_t)(b.plo + below(s, 2));
	b.splo = b.sphi = (uint16_t)below(s, 2);
	b.dplo = (uint16_t)below(s, 5);
	b.dphi = (uint16_t)(b.dplo + below(s, 3));
	return b;
}

static size_t holding(const struct bh_boxes *l, const struct bh_box *at)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += bh_box_meets(&l->v[i], at, NULL);
	return n;
}

static void what_is_left_of_boxes_is_what_the_others_do_not_hold(void **state)
{
	uint64_t seed = 77;

	for (int round = 0; round < 300; round++) {
		struct bh_boxes a = {0}, b = {0}, left = {0};

		for (unsigned i = 0, n = 1 + below(&seed, 3); i < n; i++) {
			struct bh_box x = random_box(&seed);

			assert_int_equal(bh_boxes_add(&a, &x), 0);
		}
		for (unsigned i = 0, n = below(&seed, 8); i < n; i++) {
			struct bh_box x = random_box(&seed);

			assert_int_equal(bh_boxes_add(&b, &x), 0);
		}
		assert_int_equal(bh_boxes_minus(&a, &b, &left), 0);
		for (int i = 0; i < 200; i++) {
			struct bh_box at = random_box(&seed);

			at.shi = at.slo;
			at.dhi = at.dlo;
			at.phi = at.plo;
			at.dphi = at.dplo;
			assert_int_equal(holding(&left, &at) > 0,
				holding(&a, &at) > 0 && holding(&b, &at) == 0);
		}
		bh_boxes_fini(&a);
		bh_boxes_fini(&b);
		bh_boxes_fini(&left);
	}
}

/* ---- laws ---- */

static bool plan_of_seed(uint64_t seed, struct bh_plan *ret)
{
	static char buf[1 << 17];
	struct bh_text t = bh_text(buf, sizeof buf);
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;
	struct bh_policy *p = NULL;
	struct bh_diags d = {0};

	generate(&t, &s);
	assert_false(t.truncated);
	if (bh_policy_load(buf, t.len, "random", &d, &p) == 0)
		assert_int_equal(bh_plan_compile(p, 7, ret), 0);
	else
		p = NULL; /* now and then one is invalid */
	bh_diags_fini(&d);
	if (!p)
		return false;
	bh_policy_free(p);
	return true;
}

static void assert_proved(const struct bh_plan *plan, uint64_t seed)
{
	struct bh_prove_report rep;
	struct bh_model *m;
	char why[BH_FINDING_TEXT] = "";
	int r;

	assert_int_equal(bh_enforce_model(plan, &m), 0);
	r = bh_prove_law(m, plan, NULL, false, &rep);
	if (r)
		fail_msg("seed %llu mode %u: %d %s", (unsigned long long)seed, plan->mode, r,
			r == 2 ? bh_prove_finding_print(&rep.v[0], plan, why) : rep.refused);
	for (unsigned t = 0; t < BH_THEOREMS; t++)
		assert_int_equal(rep.failed[t], 0);
	bh_model_free(m);
}

static void the_law_of_any_policy_is_proved_in_every_mode(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct bh_plan plan;

		if (!plan_of_seed(seed, &plan))
			continue;
		plan.mode = (uint8_t)(seed % 4 ? 1 + seed % 2 : BH_MODE_OBSERVE);
		assert_proved(&plan, seed);
		bh_plan_fini(&plan);
	}
}

static void the_empty_law_is_proved_and_lets_nothing_pass(void **state)
{
	struct bh_plan plan = {.generation = 1, .mode = BH_MODE_AUTO};
	struct bh_scenario sc = first_packet();
	struct bh_box all = bh_box_all(6);
	struct bh_reaches seen;
	struct bh_model *m;

	assert_proved(&plan, 0);
	assert_int_equal(bh_enforce_model(&plan, &m), 0);
	assert_int_equal(bh_model_freeze(m), 0);
	assert_int_equal(bh_model_run(m, &sc, &all, false, &seen), 0);
	assert_int_equal(seen.n, 0);
	bh_reaches_fini(&seen);
	bh_model_free(m);
}

/* an address of a prefix, chosen by the seed */
static bh_u128 some_of(uint64_t *s, const struct bh_prefix *p)
{
	struct bh_box b = bh_box_of(bh_prefix_is4(p) ? 4 : 6, p, NULL, 0, 0, 0);
	bh_u128 size = b.shi - b.slo, r = (bh_u128)rnd(s) << 64 | rnd(s);

	return size + 1 ? b.slo + r % (size + 1) : r;
}

static struct bh_prefix host(bh_u128 a)
{
	struct bh_prefix p = {.bits = 128};

	for (int i = 15; i >= 0; i--, a >>= 8)
		p.net.b[i] = (uint8_t)a;
	return p;
}

static struct bh_box pin_point(uint64_t *s, const struct bh_plan_pin *p)
{
	struct bh_prefix src = host(some_of(s, &p->from)), dst = host(some_of(s, &p->to));
	uint8_t proto = p->proto ? p->proto : (uint8_t[]){6, 17, 47}[below(s, 3)];
	struct bh_box b = bh_box_of(bh_prefix_is4(&src) ? 4 : 6, &src, &dst, proto, 0, 0);

	b.splo = b.sphi = (uint16_t)(1024 + below(s, 60000));
	b.dplo = b.dphi = (uint16_t)(p->lo + below(s, 1u + p->hi - p->lo));
	return b;
}

/* a cut that is in the way of this packet */
static struct bh_cut cut_at(uint64_t *s, const struct bh_box *b, unsigned kind)
{
	struct bh_cut c = {.order = 1 + below(s, 3), .ttl = BH_SEC(600), .kind = (uint8_t)kind};
	struct bh_prefix src = host(b->slo), dst = host(b->dlo);

	c.what = BH_CUT_ADDR;
	c.net = below(s, 2) ? src : dst;
	if (kind == BH_CUT_SHIELD || kind == BH_CUT_CONTAIN)
		c.net = src;
	if (kind == BH_CUT_ISLAND || (kind == BH_CUT_ISOLATE && below(s, 2))) {
		c.what = BH_CUT_NET;
		c.net.bits = (uint8_t)(b->fam == 4 ? 120 : 64);
		for (unsigned i = c.net.bits; i < 128; i++)
			c.net.net.b[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	}
	if (kind == BH_CUT_KILL) {
		c.what = BH_CUT_FLOW;
		c.net = src;
		c.peer = dst;
		c.sport = b->splo;
		c.dport = b->dplo;
		c.proto = b->plo;
	}
	return c;
}

static void assert_pin_passes(struct bh_model *m, const struct bh_box *b, const struct bh_mac *mac,
	uint64_t seed, const struct bh_cut *c)
{
	for (int i = 0; i < 6; i++) {
		struct bh_scenario sc = first_packet();
		struct bh_point p;
		char box[BH_BOX_TEXT], cut[BH_CUT_TEXT];

		sc.state = (uint8_t)(i / 2);
		sc.reply = i & 1;
		if (sc.state == BH_CT_NEW && sc.reply)
			continue;
		sc.syn = sc.state == BH_CT_NEW ? BH_YES : BH_NO;
		sc.mac = mac;
		assert_int_equal(bh_model_point(m, &sc, b, &p), 0);
		if (p.verdict == BH_YES)
			continue;
		bh_cut_print(c, cut);
		fail_msg("seed %llu: %s is dropped by %s rule %u under %s",
			(unsigned long long)seed, bh_box_print(b, box), p.chain, p.rule, cut);
	}
}

static void no_cut_of_any_kind_drops_a_pin(void **state)
{
	const struct bh_mac mac = {{2, 0, 0, 0, 0, 9}};
	unsigned tried[BH_CUT_KINDS + 1] = {0};

	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t s = seed * 77 + 5;
		struct bh_plan plan;

		if (!plan_of_seed(seed, &plan))
			continue;
		plan.mode = BH_MODE_AUTO;
		for (size_t i = 0; i < plan.n_pins && i < 3; i++) {
			struct bh_box b = pin_point(&s, &plan.pins[below(&s, (unsigned)plan.n_pins)]);
			unsigned kind = 1 + below(&s, BH_CUT_KINDS);
			struct bh_cut c;
			struct bh_model *m;

			if (kind == BH_CUT_KINDS) {
				c = (struct bh_cut){.kind = BH_CUT_ISOLATE, .what = BH_CUT_MAC,
					.mac = mac, .ttl = BH_SEC(60)};
			} else if (kind == BH_CUT_KILL && b.plo != 6 && b.plo != 17) {
				continue;
			} else {
				c = cut_at(&s, &b, kind);
			}
			tried[kind]++;
			plan.cuts = &c;
			plan.n_cuts = 1;
			assert_int_equal(bh_enforce_model(&plan, &m), 0);
			plan.cuts = NULL;
			plan.n_cuts = 0;
			if (bh_model_freeze(m))
				fail_msg("seed %llu: %s", (unsigned long long)seed, bh_model_why(m));
			assert_pin_passes(m, &b, &mac, seed, &c);
			bh_model_free(m);
		}
		bh_plan_fini(&plan);
	}
	for (unsigned k = BH_CUT_ISOLATE; k <= BH_CUT_KINDS; k++)
		assert_true(tried[k] > 5);
}

static void an_isolated_host_reaches_its_pins_and_remedies_and_nothing_else(void **state)
{
	const char *const text = "plan generation=3 mode=auto policy=\"x\"\nlimit cuts=9 ttl=24h\n"
				 "conduit c\nzone a critical=0 10.1.0.0/16\nzone b critical=1 "
				 "10.2.0.0/16\npermit a > 10.2.0.0/16 tcp/1-65535 conduit=c\npin p "
				 "10.1.0.9 > 10.2.0.9 tcp/502 at=1:1\nremedy 10.2.0.53 udp/53\n"
				 "cut isolate 10.1.0.9 ttl=900s order=1\n";
	struct bh_scenario sc = first_packet();
	struct bh_plan_error bad;
	struct bh_plan plan;
	struct bh_model *m;
	struct bh_box b;

	assert_int_equal(bh_plan_parse(text, strlen(text), &plan, &bad), 0);
	assert_int_equal(bh_enforce_model(&plan, &m), 0);
	b = point("10.1.0.8", "10.2.0.9", 6, 80);
	assert_int_equal(passes(m, &sc, &b), BH_YES);
	b = point("10.1.0.9", "10.2.0.9", 6, 80);
	assert_int_equal(passes(m, &sc, &b), BH_NO);
	b = point("10.1.0.9", "10.2.0.9", 6, 502);
	assert_int_equal(passes(m, &sc, &b), BH_YES);
	b = point("10.1.0.9", "10.2.0.53", 17, 53);
	sc.limits = BH_YES;
	assert_int_equal(passes(m, &sc, &b), BH_YES);
	bh_model_free(m);
	bh_plan_fini(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_takes_its_part_and_the_policy_the_rest),
		cmocka_unit_test(comparisons_other_than_equal_split_where_they_say),
		cmocka_unit_test(a_jump_comes_back_and_a_goto_does_not),
		cmocka_unit_test(a_map_sends_each_range_to_its_chain),
		cmocka_unit_test(a_range_without_an_end_reaches_to_the_last_address),
		cmocka_unit_test(an_answer_is_judged_by_the_first_packet_or_by_its_own_header),
		cmocka_unit_test(what_is_uncertain_goes_both_ways),
		cmocka_unit_test(the_rule_and_the_element_that_decided_are_named),
		cmocka_unit_test(the_difference_of_two_rulesets_is_exact),
		cmocka_unit_test(what_nobody_knows_is_refused_with_its_place),
		cmocka_unit_test(chains_that_lead_back_to_themselves_are_refused),
		cmocka_unit_test(boxes_print_as_people_write_them),
		cmocka_unit_test(what_is_left_of_boxes_is_what_the_others_do_not_hold),
		cmocka_unit_test(the_law_of_any_policy_is_proved_in_every_mode),
		cmocka_unit_test(the_empty_law_is_proved_and_lets_nothing_pass),
		cmocka_unit_test(no_cut_of_any_kind_drops_a_pin),
		cmocka_unit_test(an_isolated_host_reaches_its_pins_and_remedies_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
