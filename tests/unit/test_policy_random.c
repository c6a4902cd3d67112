/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random policies: what is printed loads again and prints the same, and every answer of the index
 * equals the answer of a plain walk over the arrays. A failing seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/policy.h>
#include "policy_gen.h"

/* ---- the plain walk ---- */
static bool in(const struct bh_prefixes *v, const struct bh_addr *a)
{
	for (size_t i = 0; i < v->n; i++)
		if (bh_prefix_has(&v->v[i], a))
			return true;
	return false;
}

static bool allows(const struct bh_svcs *v, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->v[i].proto == 0 || (v->v[i].proto == 1 && (proto == 1 || proto == 58)))
			return true;
		if (v->v[i].proto == proto && v->v[i].lo <= port && port <= v->v[i].hi)
			return true;
	}
	return false;
}

static uint16_t plain_zone(const struct bh_policy *p, const struct bh_addr *a)
{
	uint16_t best = BH_ZONE_NONE;
	int bits = -1;

	for (size_t z = 0; z < p->n_zones; z++)
		for (size_t i = 0; i < p->zones[z].nets.n; i++) {
			const struct bh_prefix *n = &p->zones[z].nets.v[i];

			if (bh_prefix_has(n, a) && n->bits > bits) {
				best = z;
				bits = n->bits;
			}
		}
	return best;
}

static struct bh_judgement plain_judge(const struct bh_policy *p, const struct bh_addr *a,
	const struct bh_addr *b, uint8_t proto, uint16_t port)
{
	struct bh_judgement j = {.from = plain_zone(p, a), .to = plain_zone(p, b)};

	for (size_t i = 0; i < p->n_pins; i++)
		if (in(&p->pins[i].from, a) && in(&p->pins[i].to, b) &&
			allows(&p->pins[i].allow, proto, port)) {
			j.rule = BH_RULE_PIN;
			j.index = i;
			return j;
		}
	if (j.from == BH_ZONE_NONE || j.to == BH_ZONE_NONE)
		j.rule = BH_RULE_UNZONED;
	else if (j.from == j.to && !p->zones[j.from].inside)
		j.rule = BH_RULE_SAME_ZONE;
	for (size_t i = 0; i < p->n_conduits && j.rule == BH_RULE_DENY; i++) {
		const struct bh_conduit *c = &p->conduits[i];

		if (c->from != j.from || c->to != j.to || !allows(&c->allow, proto, port) ||
			(c->from_hosts.n && !in(&c->from_hosts, a)) ||
			(c->to_hosts.n && !in(&c->to_hosts, b)))
			continue;
		j.rule = BH_RULE_CONDUIT;
		j.index = i;
	}
	return j;
}

static struct bh_addr some_addr(uint64_t *s, bool four)
{
	struct bh_addr a = {{0}};
	uint8_t v4[4] = {10, below(s, 9), below(s, 5), below(s, 5)};

	if (four)
		return bh_addr_v4(v4);
	a.b[0] = 0xfd;
	a.b[3] = below(s, 9);
	a.b[5] = below(s, 5);
	a.b[15] = below(s, 4);
	return a;
}

static void compare(const struct bh_policy *p, uint64_t *s, uint64_t seed, unsigned rules[5])
{
	static const uint8_t protos[] = {6, 6, 6, 17, 17, 1, 58, 47};
	static const uint16_t ports[] = {443, 22, 53, 5060, 502, 3389, 445, 88, 44818};

	for (int i = 0; i < 400; i++) {
		bool four = below(s, 2);
		struct bh_addr a = some_addr(s, four), b = some_addr(s, below(s, 8) ? four : !four);
		uint8_t proto = protos[below(s, sizeof protos)];
		uint16_t port = below(s, 2) ? ports[below(s, BH_COUNT(ports))] : below(s, 1040);
		struct bh_judgement x, y;
		const struct bh_pin *pin;
		size_t k = 0;

		if (p->n_pins && below(s, 4) == 0) { /* at the edge of a pin, or just beyond */
			pin = &p->pins[below(s, p->n_pins)];
			a = pin->from.v[below(s, pin->from.n)].net;
			b = pin->to.v[below(s, pin->to.n)].net;
			a.b[15] ^= below(s, 4) == 0;
			b.b[14] ^= below(s, 4) == 0;
			proto = pin->allow.v[0].proto;
			port = below(s, 2) ? pin->allow.v[0].hi : pin->allow.v[0].lo - below(s, 2);
		}
		x = bh_policy_judge(p, &a, &b, proto, port);
		y = plain_judge(p, &a, &b, proto, port);
		pin = bh_policy_pin_of(p, &a);
		if (x.rule != y.rule || x.index != y.index || x.from != y.from || x.to != y.to)
			fail_msg("seed %llu: rule %u/%u, index %u/%u", (unsigned long long)seed,
				x.rule, y.rule, x.index, y.index);
		while (k < p->n_pins && !in(&p->pins[k].from, &a) && !in(&p->pins[k].to, &a))
			k++;
		assert_ptr_equal(pin, k < p->n_pins ? &p->pins[k] : NULL);
		rules[x.rule]++;
	}
}

static char *printed(const struct bh_policy *p)
{
	char *buf = malloc(1 << 20);
	struct bh_text t = bh_text(buf, 1 << 20);

	bh_policy_print(p, &t);
	assert_false(t.truncated);
	return buf;
}

static struct bh_policy *load(const char *text, uint64_t seed)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;
	int r = bh_policy_load(text, strlen(text), "r", &d, &p);
	bool same = true; /* a random conduit may repeat another, or a pin's families may not meet:
			     not what is tested here */

	for (size_t i = 0; i < d.n; i++)
		if (d.v[i].severity == BH_DIAG_ERROR && !strstr(d.v[i].text, "says the same") &&
			!strstr(d.v[i].text, "the other IPv6")) {
			print_error("seed %llu %u:%u %s\n%s", (unsigned long long)seed,
				d.v[i].pos.line, d.v[i].pos.col, d.v[i].text, text);
			same = false;
		}
	assert_true(same);
	bh_diags_fini(&d);
	return r == 0 ? p : NULL;
}

static void random_policies_print_load_and_judge_alike(void **state)
{
	static char text[65536];
	unsigned rules[5] = {0}, loaded = 0;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		uint64_t s = seed * 0x9e3779b97f4a7c15ull;
		struct bh_text t = bh_text(text, sizeof text);
		struct bh_policy *p, *q;
		char *one, *two;

		generate(&t, &s);
		p = load(text, seed);
		if (!p)
			continue;
		loaded++;
		one = printed(p);
		q = load(one, seed);
		assert_non_null(q);
		two = printed(q);
		assert_string_equal(one, two);
		compare(p, &s, seed, rules);
		compare(q, &s, seed, rules);
		free(one);
		free(two);
		bh_policy_free(p);
		bh_policy_free(q);
	}
	assert_true(loaded > 200);
	for (unsigned r = 0; r < 5; r++) /* every rule was met often */
		if (rules[r] <= 100)
			fail_msg("rule %u: %u times in %u policies", r, rules[r], loaded);
}

/* nested prefixes of random length around few addresses; zones may not nest, so pins' ends carry
 * the nesting */
static void nested_prefixes_are_found_like_a_walk_finds_them(void **state)
{
	static char text[65536];

	for (uint64_t seed = 1; seed <= 200; seed++) {
		uint64_t s = seed * 0xd1342543de82ef95ull;
		struct bh_text t = bh_text(text, sizeof text);
		unsigned rules[5] = {0};
		struct bh_policy *p;

		bh_put(&t, "version: 1\nzones: {a: {networks: [10.0.0.0/8]}, b: {networks: "
			   "[11.0.0.0/8]}}\npins:\n");
		for (unsigned i = 0; i < 24; i++) {
			unsigned bits = 9 + below(&s, 24);
			uint32_t a = (10u << 24 | below(&s, 9) << 16 | below(&s, 5) << 8 |
					     below(&s, 5)) &
				     ~((1ull << (32 - bits)) - 1);

			bh_putf(&t,
				"  - {name: p%u, reason: r, allow: [tcp/%u-%u], from: "
				"%u.%u.%u.%u/%u, to: 10.0.0.0/%u}\n",
				i, below(&s, 600), 600 + below(&s, 400), a >> 24, a >> 16 & 255,
				a >> 8 & 255, a & 255, bits, 9 + below(&s, 24));
		}
		p = load(text, seed);
		assert_non_null(p);
		compare(p, &s, seed, rules);
		bh_policy_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_policies_print_load_and_judge_alike),
		cmocka_unit_test(nested_prefixes_are_found_like_a_walk_finds_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
