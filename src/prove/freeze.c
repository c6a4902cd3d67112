/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what was added to what can be run. Registers are followed once, here: each comparison and
 * each lookup learns which fields its bytes are, so that a run never looks at a register. What does
 * not come out as whole fields of the vocabulary is refused with its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"

static const struct {
	const char *name;
	uint8_t len;
} fields[BH_FIELDS] = {
	[BH_F_NONE] = {"nothing", 0},
	[BH_F_NFPROTO] = {"meta nfproto", 1},
	[BH_F_L4PROTO] = {"meta l4proto", 1},
	[BH_F_IIFNAME] = {"iifname", 16},
	[BH_F_IIFTYPE] = {"iiftype", 2},
	[BH_F_ETHER] = {"ether saddr", 6},
	[BH_F_SADDR4] = {"ip saddr", 4},
	[BH_F_DADDR4] = {"ip daddr", 4},
	[BH_F_SADDR6] = {"ip6 saddr", 16},
	[BH_F_DADDR6] = {"ip6 daddr", 16},
	[BH_F_HOPS6] = {"ip6 hoplimit", 1},
	[BH_F_SPORT] = {"th sport", 2},
	[BH_F_DPORT] = {"th dport", 2},
	[BH_F_TCP_FLAGS] = {"tcp flags", 1},
	[BH_F_TYPE] = {"icmp type", 1},
	[BH_F_CT_STATE] = {"ct state", 4},
	[BH_F_CT_DIR] = {"ct direction", 1},
	[BH_F_CT_MARK] = {"ct mark", 4},
	[BH_F_CT_PROTO] = {"ct protocol", 1},
	[BH_F_CT_SRC4] = {"ct original ip saddr", 4},
	[BH_F_CT_DST4] = {"ct original ip daddr", 4},
	[BH_F_CT_SRC6] = {"ct original ip6 saddr", 16},
	[BH_F_CT_DST6] = {"ct original ip6 daddr", 16},
	[BH_F_CT_SPORT] = {"ct original proto-src", 2},
	[BH_F_CT_DPORT] = {"ct original proto-dst", 2},
};

unsigned bh_field_len(unsigned field)
{
	return field < BH_FIELDS ? fields[field].len : 0;
}

const char *bh_field_name(unsigned field)
{
	return field < BH_FIELDS ? fields[field].name : "?";
}

#define PAD 255
struct byte { /* of a register: which byte of which field, and what was done to it */
	uint8_t field, at, mask, flip;
};
struct compiling {
	struct bh_model *m;
	const struct rule *rule;
	unsigned number; /* of the rule in its chain, from 1 */
	struct byte reg[BH_REGS];
};

static int refuse(struct compiling *c, const char *what, const char *name)
{
	bh_model_refuse(c->m, "chain %s rule %u: %s%s", c->m->names[c->m->chains[c->rule->chain].name],
		c->number, what, name);
	return 1;
}

static int load(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	unsigned len = bh_field_len(x->field), end = (x->reg + len + 3u) & ~3u;

	if (len == 0 || x->reg % 4 || end > BH_REGS)
		return refuse(c, "loads ", bh_field_name(x->field));
	for (unsigned i = x->reg; i < end; i++)
		c->reg[i] = i - x->reg < len ? (struct byte){x->field, (uint8_t)(i - x->reg), 0xff, 0}
					     : (struct byte){PAD, 0, 0, 0};
	s->field = x->field;
	return 0;
}

static int mask(struct compiling *c, const struct bh_expr *x)
{
	if (x->len == 0 || x->len > 16 || x->reg + x->len > BH_REGS || x->dreg + x->len > BH_REGS ||
		(x->reg != x->dreg && abs(x->reg - x->dreg) < x->len))
		return refuse(c, "a mask over ", "these registers");
	for (unsigned i = 0; i < x->len; i++) {
		struct byte b = c->reg[x->reg + i];

		if (b.field == BH_F_NONE || (b.field == PAD && x->b[i]))
			return refuse(c, "a mask over ", "what was not loaded");
		b.mask &= x->a[i];
		b.flip = (uint8_t)((b.flip & x->a[i]) ^ x->b[i]);
		c->reg[x->dreg + i] = b;
	}
	return 0;
}

/* the bytes from reg on are the first n of one field */
static bool whole(const struct compiling *c, unsigned reg, unsigned n, uint8_t *ret_field)
{
	uint8_t field;

	if (n == 0 || reg + n > BH_REGS)
		return false;
	field = c->reg[reg].field;
	if (field == BH_F_NONE || field == PAD || n > bh_field_len(field))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (c->reg[reg + i].field != field || c->reg[reg + i].at != i)
			return false;
	*ret_field = field;
	return true;
}

static int compare(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	bool order = x->cmp != BH_EQ && x->cmp != BH_NEQ;

	if (x->len > 16 || x->cmp > BH_GTE || !whole(c, x->reg, x->len, &s->field))
		return refuse(c, "compares ", "what is no field");
	s->cmp = x->cmp;
	s->len = (uint8_t)bh_field_len(s->field);
	if ((s->field == BH_F_CT_STATE || s->field == BH_F_CT_MARK) && (x->len != 4 || order))
		return refuse(c, "compares in an unknown way ", bh_field_name(s->field));
	for (unsigned i = 0; i < x->len; i++) {
		const struct byte *b = &c->reg[x->reg + i];

		if (order && (b->mask != 0xff || b->flip || x->len != s->len))
			return refuse(c, "orders a part of ", bh_field_name(s->field));
		s->mask[i] = b->mask;
		s->value[i] = x->a[i] ^ b->flip;
	}
	return 0;
}

/* what a key may be made of; alone: as its only field */
static bool key_field(unsigned f, bool alone)
{
	if (f == BH_F_NFPROTO || f == BH_F_ETHER)
		return alone;
	return f == BH_F_L4PROTO || f == BH_F_SADDR4 || f == BH_F_DADDR4 || f == BH_F_SADDR6 ||
	       f == BH_F_DADDR6 || f == BH_F_SPORT || f == BH_F_DPORT || f >= BH_F_CT_PROTO;
}

static int key(struct compiling *c, const struct bh_expr *x, unsigned len, struct step *s)
{
	unsigned at = 0;

	while (at < len) {
		struct part *p = &s->parts[s->n_parts];
		unsigned n = x->reg + at < BH_REGS ? bh_field_len(c->reg[x->reg + at].field) : 0;
		uint8_t field;

		if (s->n_parts == BH_COUNT(s->parts) || !whole(c, x->reg + at, n, &field))
			return refuse(c, "a key that is no fields, for set ", x->name);
		for (unsigned i = 0; i < n; i++)
			if (c->reg[x->reg + at + i].mask != 0xff || c->reg[x->reg + at + i].flip)
				return refuse(c, "a masked key, for set ", x->name);
		*p = (struct part){field, (uint8_t)at, (uint8_t)n};
		s->n_parts++;
		at += n;
		for (; at != len && at % 4; at++)
			if (x->reg + at >= BH_REGS || c->reg[x->reg + at].field != PAD)
				return refuse(c, "a key with a gap, for set ", x->name);
	}
	if (at != len)
		return refuse(c, "a key of another length than set ", x->name);
	for (unsigned i = 0; i < s->n_parts; i++)
		if (!key_field(s->parts[i].field, s->n_parts == 1))
			return refuse(c, "a key of ", bh_field_name(s->parts[i].field));
	return 0;
}

static int lookup(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	uint32_t id = bh_name_find(c->m, x->name);
	const struct mset *set;

	s->set = id == NONE ? NONE : c->m->set_of[id];
	if (s->set == NONE || !c->m->sets[s->set].defined)
		return refuse(c, "looks in a set that is not there: ", x->name);
	set = &c->m->sets[s->set];
	if (set->s.map != (x->op == BH_X_MAP))
		return refuse(c, "a map taken for a set, or a set for a map: ", x->name);
	return key(c, x, set->s.key_len, s);
}

static int verdict(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	uint32_t id;

	s->verdict = x->verdict;
	if (x->verdict < BH_V_JUMP)
		return 0;
	id = bh_name_find(c->m, x->name);
	s->chain = id == NONE ? NONE : c->m->chain_of[id];
	if (x->verdict > BH_V_GOTO || s->chain == NONE || !c->m->chains[s->chain].defined ||
		c->m->chains[s->chain].hook)
		return refuse(c, "goes to a chain that is not there: ", x->name);
	return 0;
}

static int mark(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	uint8_t field;

	if (!whole(c, x->reg, 4, &field) || field != BH_F_CT_MARK)
		return refuse(c, "writes into the mark ", "what was not the mark");
	for (unsigned i = 0; i < 4; i++) {
		s->mask[i] = (uint8_t)~c->reg[x->reg + i].mask;
		s->value[i] = c->reg[x->reg + i].flip;
		if (s->value[i] & ~s->mask[i])
			return refuse(c, "turns bits of the mark ", "round");
	}
	return 0;
}

static int compile_expr(struct compiling *c, const struct bh_expr *x, struct step *s)
{
	switch (x->op) {
	case BH_X_LOAD:
		return load(c, x, s);
	case BH_X_MASK:
		return mask(c, x);
	case BH_X_CMP:
		return compare(c, x, s);
	case BH_X_IN:
	case BH_X_MAP:
		return lookup(c, x, s);
	case BH_X_VERDICT:
		return verdict(c, x, s);
	case BH_X_MARK:
		return mark(c, x, s);
	case BH_X_DROP:
	case BH_X_MAYBE:
	case BH_X_NOTHING:
		return 0;
	default:
		return refuse(c, "unknown: ", x->name);
	}
}

static int compile_rule(struct bh_model *m, struct rule *rule, unsigned number)
{
	struct compiling c = {.m = m, .rule = rule, .number = number};
	uint32_t first = (uint32_t)m->n_steps;

	for (uint32_t i = 0; i < rule->n; i++) {
		const struct bh_expr *x = &m->exprs[rule->first + i];
		struct step s = {.op = x->op, .set = NONE, .chain = NONE};
		int r = compile_expr(&c, x, &s);

		if (r)
			return r;
		if (x->op == BH_X_NOTHING || x->op == BH_X_MASK)
			continue;
		if (x->op == BH_X_MAP && i + 1 != rule->n)
			return refuse(&c, "goes on behind map ", x->name);
		r = bh_grow((void **)&m->steps, &m->cap_steps, m->n_steps, sizeof *m->steps);
		if (r < 0)
			return r;
		m->steps[m->n_steps++] = s;
	}
	rule->first = first;
	rule->n = (uint32_t)m->n_steps - first;
	return 0;
}

/* rules come in any order of chains; afterwards those of a chain lie together */
static int gather(struct bh_model *m)
{
	struct rule *v = malloc((m->n_rules ? m->n_rules : 1) * sizeof *v);
	uint32_t at = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_chains; i++) {
		m->chains[i].first = at;
		at += m->chains[i].n;
		m->chains[i].n = 0;
	}
	for (size_t i = 0; i < m->n_rules; i++) {
		struct chain *c = &m->chains[m->rules[i].chain];

		v[c->first + c->n++] = m->rules[i];
	}
	free(m->rules);
	m->rules = v;
	m->cap_rules = m->n_rules;
	return 0;
}

/* ---- the graph of chains ---- */

static int resolve_elements(struct bh_model *m)
{
	for (size_t i = 0; i < m->n_sets; i++) {
		struct mset *s = &m->sets[i];

		if (!s->defined) {
			bh_model_refuse(m, "set %s is not there", m->names[s->name]);
			return 1;
		}
		for (size_t k = 0; k < s->n; k++) {
			uint32_t name = s->meta[k].chain, c;

			if (name == NONE)
				continue;
			c = m->chain_of[name];
			if (c == NONE || !m->chains[c].defined || m->chains[c].hook) {
				bh_model_refuse(m, "map %s goes to a chain that is not there: %s",
					m->names[s->name], m->names[name]);
				return 1;
			}
			s->meta[k].chain = c;
		}
	}
	return 0;
}

struct walk { /* through one chain: where to look next for a chain it leads to */
	uint32_t chain, rule, step, elem;
};

static uint32_t next_target(const struct bh_model *m, struct walk *w)
{
	const struct chain *c = &m->chains[w->chain];

	for (; w->rule < c->n; w->rule++, w->step = 0) {
		const struct rule *r = &m->rules[c->first + w->rule];

		for (; w->step < r->n; w->step++, w->elem = 0) {
			const struct step *s = &m->steps[r->first + w->step];

			if (s->op == BH_X_VERDICT && s->chain != NONE) {
				w->step++;
				return s->chain;
			}
			while (s->op == BH_X_MAP && w->elem < m->sets[s->set].n) {
				uint32_t to = m->sets[s->set].meta[w->elem++].chain;

				if (to != NONE)
					return to;
			}
		}
	}
	return NONE;
}

/* no chain leads back to itself: then every run ends */
static int check_loops(struct bh_model *m)
{
	struct walk *stack = calloc(m->n_chains + 1, sizeof *stack);
	uint8_t *state = calloc(m->n_chains + 1, 1); /* 1 on the way, 2 done */
	int r = stack && state ? 0 : -ENOMEM;

	for (uint32_t i = 0; r == 0 && i < m->n_chains; i++) {
		size_t depth = 0;

		if (state[i])
			continue;
		stack[depth++] = (struct walk){.chain = i};
		state[i] = 1;
		while (depth && r == 0) {
			uint32_t to = next_target(m, &stack[depth - 1]);

			if (to == NONE) {
				state[stack[--depth].chain] = 2;
			} else if (state[to] == 1) {
				bh_model_refuse(m, "chain %s leads back to itself",
					m->names[m->chains[to].name]);
				r = 1;
			} else if (state[to] == 0) {
				stack[depth++] = (struct walk){.chain = to};
				state[to] = 1;
			}
		}
	}
	free(stack);
	free(state);
	return r;
}

/* from step at on the rule asks nothing more and accepts */
static bool only_accepts(const struct bh_model *m, const struct rule *r, uint32_t at)
{
	for (; at < r->n; at++) {
		const struct step *s = &m->steps[r->first + at];

		if (s->op == BH_X_VERDICT)
			return s->verdict == BH_V_ACCEPT ||
			       (s->verdict == BH_V_GOTO && m->chains[s->chain].accepts_all);
		if (s->op != BH_X_LOAD && s->op != BH_X_MARK)
			return false;
	}
	return false;
}

static void find_pure(struct bh_model *m)
{
	bool changed = true;

	for (int pass = 0; changed && pass < JUMPS; pass++) {
		changed = false;
		for (size_t i = 0; i < m->n_chains; i++) {
			struct chain *c = &m->chains[i];

			if (c->accepts_all || c->n == 0 || !only_accepts(m, &m->rules[c->first], 0))
				continue;
			c->accepts_all = changed = true;
		}
	}
	for (size_t i = 0; i < m->n_rules; i++)
		for (uint32_t k = 0; k < m->rules[i].n; k++) {
			struct step *s = &m->steps[m->rules[i].first + k];

			if (s->op == BH_X_IN)
				s->pure = only_accepts(m, &m->rules[i], k + 1);
		}
}

int bh_model_freeze(struct bh_model *m)
{
	int r;

	if (m->frozen || m->why[0])
		return m->why[0] != '\0';
	r = gather(m);
	for (size_t i = 0; r == 0 && i < m->n_chains; i++) {
		struct chain *c = &m->chains[i];

		if (!c->defined) {
			bh_model_refuse(m, "chain %s is not there", m->names[c->name]);
			return 1;
		}
		for (uint32_t k = 0; r == 0 && k < c->n; k++)
			r = compile_rule(m, &m->rules[c->first + k], k + 1);
	}
	if (r == 0)
		r = resolve_elements(m);
	if (r == 0)
		r = check_loops(m);
	if (r)
		return r;
	find_pure(m);
	free(m->exprs);
	m->exprs = NULL;
	m->n_exprs = m->cap_exprs = 0;
	m->frozen = true;
	return 0;
}
