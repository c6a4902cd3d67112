/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A proof that nothing can fail shows nothing. The laws of random policies are compiled into their
 * batch, one thing is changed in what was understood of it, and the proof has to fail or to refuse.
 * Reaches into the model as it lies before it is frozen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/enforce.h>
#include "policy_gen.h"
#include "prove/inside.h"

#define POLICIES 18

/* ---- finding what to change ---- */

static struct rule *rule_of(struct bh_model *m, const char *chain, bool match(const struct bh_model *, const struct rule *))
{
	uint32_t id = bh_name_find(m, chain);

	for (size_t i = 0; id != NONE && i < m->n_rules; i++)
		if (m->rules[i].chain == m->chain_of[id] && (!match || match(m, &m->rules[i])))
			return &m->rules[i];
	return NULL;
}

static const struct bh_expr *expr_of(const struct bh_model *m, const struct rule *r, uint8_t op)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (m->exprs[r->first + i].op == op)
			return &m->exprs[r->first + i];
	return NULL;
}

static bool jumps_to_pins(const struct bh_model *m, const struct rule *r)
{
	const struct bh_expr *x = expr_of(m, r, BH_X_VERDICT);

	return x && x->verdict == BH_V_JUMP && strncmp(x->name, "pins", 4) == 0;
}

static bool looks_in(const struct bh_model *m, const struct rule *r, const char *stem)
{
	const struct bh_expr *x = expr_of(m, r, BH_X_IN);

	return x && strncmp(x->name, stem, strlen(stem)) == 0;
}

static bool in_iso(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "iso");
}

static bool in_pin_tcp(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "pin_tcp");
}

static bool in_contain(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "contain");
}

static bool in_kill(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "kill");
}

static bool in_island(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "island4") || looks_in(m, r, "island6");
}

static bool in_shield(const struct bh_model *m, const struct rule *r)
{
	return looks_in(m, r, "shield");
}

static bool drops(const struct bh_model *m, const struct rule *r)
{
	const struct bh_expr *x = expr_of(m, r, BH_X_VERDICT);

	return x && x->verdict == BH_V_DROP;
}

/* for one stamp: whether there is any is asked only while sets are filled */
static bool asks_mark(const struct bh_model *m, const struct rule *r)
{
	const struct bh_expr *x = expr_of(m, r, BH_X_CMP);

	return m->exprs[r->first].op == BH_X_LOAD && m->exprs[r->first].field == BH_F_CT_MARK &&
	       !expr_of(m, r, BH_X_MARK) && x && x->cmp == BH_EQ;
}

static bool to_permit(const struct bh_model *m, const struct rule *r)
{
	const struct bh_expr *x = expr_of(m, r, BH_X_VERDICT);

	return x && x->verdict == BH_V_GOTO && strncmp(x->name, "permit", 6) == 0;
}

static bool maps(const struct bh_model *m, const struct rule *r)
{
	return expr_of(m, r, BH_X_MAP) != NULL;
}

/* any chain */
static struct rule *some_rule(struct bh_model *m, uint64_t *s, bool match(const struct bh_model *, const struct rule *))
{
	size_t start = m->n_rules ? below(s, (unsigned)m->n_rules) : 0;

	for (size_t i = 0; i < m->n_rules; i++) {
		struct rule *r = &m->rules[(start + i) % m->n_rules];

		if (match(m, r))
			return r;
	}
	return NULL;
}

static struct mset *some_set(struct bh_model *m, uint64_t *s, const char *stem)
{
	size_t start = m->n_sets ? below(s, (unsigned)m->n_sets) : 0;

	for (size_t i = 0; i < m->n_sets; i++) {
		struct mset *set = &m->sets[(start + i) % m->n_sets];

		if (set->n && strncmp(m->names[set->name], stem, strlen(stem)) == 0)
			return set;
	}
	return NULL;
}

static struct mset *some_conduit(struct bh_model *m, uint64_t *s)
{
	return some_set(m, s, "z");
}

/* a conduit's set, elements of which are ranges; not one of a single address */
static struct mset *some_ranges(struct bh_model *m, uint64_t *s, const char *stem)
{
	for (int tries = 0; tries < 50; tries++) {
		struct mset *set = some_set(m, s, stem);

		if (set && set->s.ranges)
			return set;
	}
	return NULL;
}

/* ---- changing it; false: this law has nothing of the kind ---- */

typedef bool mutant(struct bh_model *m, struct bh_plan *plan, uint64_t *s);

static bool drop_rule(struct bh_model *m, struct rule *r)
{
	if (!r)
		return false;
	m->exprs[r->first] = (struct bh_expr){.op = BH_X_NOTHING};
	r->n = 1;
	return true;
}

static bool a_jump_to_the_pins_is_gone(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	static const char *const stems[] = {"q_src", "q_dst", "deny", "shielded", "killed", "contained",
		"island_src", "island_dst"};
	struct mset *pins = some_set(m, s, "pin_");
	char chain[BH_MODEL_NAME];
	unsigned which = below(s, BH_COUNT(stems));

	if (!pins)
		return false;
	snprintf(chain, sizeof chain, "%s%c_g%u", stems[which], pins->s.key_len >= 32 ? '6' : '4',
		plan->generation);
	return drop_rule(m, rule_of(m, chain, jumps_to_pins));
}

static bool the_drop_stands_before_the_pins(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *pins = some_set(m, s, "pin_");
	char chain[BH_MODEL_NAME];
	struct rule *a, *b, t;

	if (!pins)
		return false;
	snprintf(chain, sizeof chain, "%s%c_g%u", below(s, 2) ? "deny" : "q_src",
		pins->s.key_len >= 32 ? '6' : '4', plan->generation);
	a = rule_of(m, chain, jumps_to_pins);
	b = rule_of(m, chain, drops);
	t = *a;
	*a = *b;
	*b = t;
	return true;
}

static bool the_stamp_is_asked_before_isolation(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *mark = some_rule(m, s, asks_mark), *first, t;

	first = rule_of(m, m->names[m->chains[mark->chain].name], in_iso);
	t = *mark;
	*mark = *first;
	*first = t;
	return true;
}

static bool another_stamp_is_written(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	for (size_t i = 0; i < m->n_exprs; i++)
		if (m->exprs[i].op == BH_X_MARK) {
			m->exprs[i - 1].b[below(s, 4)] ^= 1;
			return true;
		}
	return false;
}

static bool another_stamp_is_asked_for(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, asks_mark);

	for (uint32_t i = 0; i < r->n; i++)
		if (m->exprs[r->first + i].op == BH_X_CMP)
			m->exprs[r->first + i].a[2] ^= 4; /* of the upper half, as x86 has it */
	return true;
}

static bool the_stamp_nobody_wrote_is_accepted(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, asks_mark);

	for (uint32_t i = 0; i < r->n; i++)
		if (m->exprs[r->first + i].op == BH_X_CMP)
			memset(m->exprs[r->first + i].a, 0, 4);
	return true;
}

static bool insert_accept(struct bh_model *m, const char *chain)
{
	struct bh_expr x = {.op = BH_X_VERDICT, .verdict = BH_V_ACCEPT};
	size_t last;
	struct rule r, *first = rule_of(m, chain, NULL);

	if (!first || bh_model_rule(m, chain, &x, 1) < 0)
		return false;
	first = rule_of(m, chain, NULL);
	last = m->n_rules - 1;
	r = m->rules[last];
	memmove(first + 1, first, (last - (size_t)(first - m->rules)) * sizeof r);
	*first = r;
	return true;
}

static bool a_rule_accepts_everything(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	static const char *const stems[] = {"fwd", "deny", "q_src", "q_dst", "contained", "killed",
		"island_src", "pins"};
	char chain[BH_MODEL_NAME];

	snprintf(chain, sizeof chain, "%s%c_g%u", stems[below(s, BH_COUNT(stems))], below(s, 2) ? '6' : '4',
		plan->generation);
	return insert_accept(m, chain);
}

static bool a_hook_accepts_everything(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	return insert_accept(m, "forward");
}

static bool the_policy_is_accept(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	m->chains[m->base[BH_HOOK_FORWARD]].policy = BH_V_ACCEPT;
	return true;
}

static bool the_hook_is_gone(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	m->chains[m->base[BH_HOOK_FORWARD]].hook = BH_HOOK_NONE;
	m->base[BH_HOOK_FORWARD] = NONE;
	return true;
}

static bool deny_permits(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, drops);
	struct bh_expr *x = (struct bh_expr *)expr_of(m, r, BH_X_VERDICT);
	const char *chain = m->names[m->chains[r->chain].name];

	if (strncmp(chain, "shielded", 8) == 0) /* from nothing, where nothing is critical */
		return false;
	x->verdict = BH_V_ACCEPT;
	return true;
}

/* another conduit of the zone permits every protocol to where this element leads */
static bool twice(const struct bh_model *m, const struct bh_plan *plan, const struct mset *set, size_t at)
{
	const char *name = m->names[set->name];
	const uint8_t *lo = set->keys + at * 2u * set->s.key_len;
	bool v6 = strstr(name, "6_g") != NULL;
	struct bh_box b = bh_box_all(v6 ? 6 : 4), other;

	b.dlo = v6 ? bh_u128_of(lo, 16) : (b.dlo | bh_u128_of(lo, 4));
	b.dhi = b.dlo;
	for (size_t i = 0; i < plan->n_permits; i++) {
		const struct bh_permit *p = &plan->permits[i];

		other = bh_box_of(bh_prefix_is4(&p->dst) ? 4 : 6, NULL, &p->dst, 0, 0, 0);
		if (p->from == strtoul(name + 1, NULL, 10) && p->proto == 0 && bh_box_meets(&b, &other, NULL))
			return true;
	}
	return strstr(name, "h_") || strstr(name, "any") != NULL;
}

static bool a_conduit_has_lost_an_element(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_conduit(m, s);
	size_t len, at;

	/* what another conduit permits as well is not missed */
	if (!set || !set->s.ranges)
		return false;
	len = 2u * set->s.key_len;
	at = below(s, (unsigned)set->n);
	if (twice(m, plan, set, at))
		return false;
	memmove(set->keys + at * len, set->keys + (at + 1) * len, (set->n - at - 1) * len);
	set->n--;
	return true;
}

static bool not_everything_is_ready(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "ready");

	if (!set || set->n == 0)
		return false;
	if (below(s, 2))
		set->n = 0;
	else
		set->keys[set->s.key_len] = 1; /* ends at 1... */
	return true;
}

static bool a_conduit_is_gone(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, to_permit);
	struct mset *set = r ? &m->sets[m->set_of[bh_name_find(m, expr_of(m, r, BH_X_IN)->name)]] : NULL;

	if (!set || set->n == 0 || twice(m, plan, set, 0))
		return false;
	return drop_rule(m, r);
}

/* the last field of a random element reaches to its end; for a conduit more ports or addresses */
static bool widen(struct bh_model *m, uint64_t *s, const char *stem)
{
	struct mset *set = some_ranges(m, s, stem);
	uint8_t *lo, *hi;

	if (!set)
		return false;
	lo = set->keys + below(s, (unsigned)set->n) * 2u * set->s.key_len;
	hi = lo + set->s.key_len;
	if (lo[0] == 0 && hi[0] == 0xff)
		return false; /* it is as wide as can be */
	lo[0] = 0;
	hi[0] = 0xff;
	return true;
}

static bool a_conduit_is_wider(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	return widen(m, s, "z");
}

static bool a_pin_is_wider(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	return widen(m, s, "pin_tcp");
}

static bool a_pin_is_gone(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "pin_t");

	if (!set)
		return false;
	set->n = 0;
	return true;
}

static bool a_pin_rule_is_gone(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, in_pin_tcp);

	return r && drop_rule(m, r);
}

static bool a_zone_has_lost_its_addresses(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "src");

	if (!set)
		return false;
	set->n = 0;
	return true;
}

static bool zones_are_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "src");
	char chain[BH_MODEL_NAME];

	if (!set)
		return false;
	snprintf(chain, sizeof chain, "judge%c_g%u", set->s.key_len == 16 ? '6' : '4', plan->generation);
	return drop_rule(m, rule_of(m, chain, maps));
}

static bool begins_at(const struct mset *set, const uint8_t *key)
{
	for (size_t i = 0; i < set->n; i++)
		if (!set->meta[i].end && !memcmp(set->keys + i * 2 * set->s.key_len, key, set->s.key_len))
			return true;
	return false;
}

/* the zone of this chain has a conduit for any host of it */
static bool permits_all_of(struct bh_model *m, uint32_t chain)
{
	uint64_t any = 1;
	char stem[BH_MODEL_NAME];

	snprintf(stem, sizeof stem, "%.*s_tcp4", (int)strcspn(m->names[chain], "_"), m->names[chain]);
	return some_set(m, &any, stem) != NULL;
}

static bool a_zone_never_ends(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "src4");

	if (!set)
		return false;
	for (size_t i = set->n; i-- > 1;)
		if (set->meta[i].end && !begins_at(set, set->keys + i * 8) && permits_all_of(m, set->meta[i - 1].chain)) {
			set->n--;
			memmove(set->keys + i * 8, set->keys + (i + 1) * 8, (set->n - i) * 8);
			memmove(&set->meta[i], &set->meta[i + 1], (set->n - i) * sizeof set->meta[0]);
			return true;
		}
	return false;
}

static bool a_critical_zone_is_not_shielded(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct mset *set = some_set(m, s, "crit");

	if (!set)
		return false;
	set->n = 0;
	return true;
}

static bool isolation_is_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r;

	do
		r = some_rule(m, s, in_iso);
	while (strncmp(m->names[m->chains[r->chain].name], "fwd", 3) != 0);
	return drop_rule(m, r);
}

static bool shield_is_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r = some_rule(m, s, in_shield);

	return r && drop_rule(m, r);
}

static bool contain_is_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	return drop_rule(m, some_rule(m, s, in_contain));
}

static bool kill_is_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	char chain[BH_MODEL_NAME];

	snprintf(chain, sizeof chain, "fwd%c_g%u", below(s, 2) ? '6' : '4', plan->generation);
	for (int i = 0; i < 3; i++) /* there are two ways round: each is enough in one of them */
		drop_rule(m, rule_of(m, chain, in_kill));
	return true;
}

static bool an_island_has_no_edge(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	return drop_rule(m, some_rule(m, s, in_island));
}

static bool isolation_from_this_box_is_not_looked_up(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	char chain[BH_MODEL_NAME];

	snprintf(chain, sizeof chain, "in%c_g%u", below(s, 2) ? '6' : '4', plan->generation);
	return drop_rule(m, rule_of(m, chain, in_iso));
}

static bool an_expression_is_unknown(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	m->exprs[below(s, (unsigned)m->n_exprs)] = (struct bh_expr){.op = BH_X_UNKNOWN, .name = "quota"};
	return true;
}

static bool the_other_family_is_asked(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct rule *r;

	do
		r = some_rule(m, s, in_iso);
	while (strncmp(m->names[m->chains[r->chain].name], "fwd", 3) != 0 ||
		m->exprs[r->first].field != BH_F_NFPROTO);
	m->exprs[r->first + 1].a[0] ^= 0x08; /* 2 and 10 */
	return true;
}

static bool the_plan_permits_less(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	size_t at = plan->n_permits ? below(s, (unsigned)plan->n_permits) : 0;
	const struct bh_permit *p = &plan->permits[at];

	if (plan->n_permits == 0 || p->proto == 0 || p->src.bits)
		return false;
	for (size_t i = 0; i < plan->n_permits; i++)
		if (plan->permits[i].from == p->from && plan->permits[i].proto == 0 &&
			bh_prefix_overlaps(&plan->permits[i].dst, &p->dst))
			return false;
	plan->permits[at] = plan->permits[--plan->n_permits];
	return true;
}

static bool the_plan_permits_more(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	struct bh_permit *p;

	if (plan->n_permits == 0)
		return false;
	p = &plan->permits[below(s, (unsigned)plan->n_permits)];
	for (size_t i = 0; i < plan->n_permits; i++)
		if (plan->permits[i].from == p->from && plan->permits[i].proto == 0 &&
			bh_prefix_overlaps(&plan->permits[i].dst, &p->dst))
			return false;
	p->proto = 132; /* nothing else permits this one */
	return true;
}

static bool the_plan_pins_another_protocol(struct bh_model *m, struct bh_plan *plan, uint64_t *s)
{
	for (size_t i = 0; i < plan->n_pins; i++)
		if (plan->pins[i].proto == 0)
			return false;
	if (plan->n_pins)
		plan->pins[0].proto = 132;
	return plan->n_pins > 0;
}

static const struct {
	const char *name;
	mutant *change;
} mutants[] = {
#define M(f) {#f, f}
	M(a_jump_to_the_pins_is_gone), M(the_drop_stands_before_the_pins),
	M(the_stamp_is_asked_before_isolation), M(another_stamp_is_written),
	M(another_stamp_is_asked_for), M(the_stamp_nobody_wrote_is_accepted),
	M(a_rule_accepts_everything), M(a_hook_accepts_everything), M(the_policy_is_accept),
	M(the_hook_is_gone), M(deny_permits), M(a_conduit_has_lost_an_element), M(not_everything_is_ready), M(a_conduit_is_gone),
	M(a_conduit_is_wider), M(a_pin_is_wider), M(a_pin_is_gone), M(a_pin_rule_is_gone),
	M(a_zone_has_lost_its_addresses), M(zones_are_not_looked_up), M(a_zone_never_ends),
	M(a_critical_zone_is_not_shielded), M(isolation_is_not_looked_up), M(shield_is_not_looked_up),
	M(contain_is_not_looked_up), M(kill_is_not_looked_up), M(an_island_has_no_edge),
	M(isolation_from_this_box_is_not_looked_up), M(an_expression_is_unknown), M(the_other_family_is_asked), M(the_plan_permits_less),
	M(the_plan_permits_more), M(the_plan_pins_another_protocol),
};

/* ---- */

static bool plan_of_seed(uint64_t seed, struct bh_plan *ret)
{
	static char buf[1 << 17];
	struct bh_text t = bh_text(buf, sizeof buf);
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;
	struct bh_policy *p = NULL;
	struct bh_diags d = {0};

	generate(&t, &s);
	if (bh_policy_load(buf, t.len, "random", &d, &p) == 0)
		assert_int_equal(bh_plan_compile(p, 7, ret), 0);
	else
		p = NULL;
	bh_diags_fini(&d);
	if (!p)
		return false;
	bh_policy_free(p);
	ret->mode = BH_MODE_AUTO;
	return true;
}

/* 0 nothing to change in this law, 1 caught */
static unsigned try_one(const struct bh_plan *plan, size_t which, uint64_t seed)
{
	uint64_t s = seed * 7919 + which * 104729 + 1;
	struct bh_prove_report rep;
	struct bh_plan changed;
	struct bh_model *m;
	bool any;
	int r = 0;

	assert_int_equal(bh_enforce_model(plan, &m), 0);
	assert_int_equal(bh_plan_copy(plan, &changed), 0);
	any = mutants[which].change(m, &changed, &s);
	for (int tries = 0; !any && tries < 20; tries++) /* a change that does not apply changes nothing */
		any = mutants[which].change(m, &changed, &s);
	if (any)
		r = bh_prove_law(m, &changed, NULL, false, &rep);
	if (any && r != 1 && r != 2)
		fail_msg("%s: not noticed (seed %llu, result %d)", mutants[which].name,
			(unsigned long long)seed, r);
	if (r == 1 && !rep.refused[0])
		fail_msg("%s: refused without a reason", mutants[which].name);
	if (r == 2 && rep.n == 0)
		fail_msg("%s: failed without a counterexample", mutants[which].name);
	bh_model_free(m);
	bh_plan_fini(&changed);
	return any;
}

static void every_change_of_a_law_is_noticed(void **state)
{
	unsigned caught[BH_COUNT(mutants)] = {0}, sum = 0;

	for (uint64_t seed = 1; seed <= POLICIES; seed++) {
		struct bh_plan plan;

		if (!plan_of_seed(seed, &plan))
			continue;
		for (size_t i = 0; i < BH_COUNT(mutants); i++)
			caught[i] += try_one(&plan, i, seed);
		bh_plan_fini(&plan);
	}
	for (size_t i = 0; i < BH_COUNT(mutants); i++) {
		sum += caught[i];
		if (caught[i] < 3)
			fail_msg("%s: tried only %u times", mutants[i].name, caught[i]);
	}
	print_message("# %u changes of %zu kinds\n", sum, BH_COUNT(mutants));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_a_law_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
