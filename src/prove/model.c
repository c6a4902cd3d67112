/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filling a model. Names may be used before what they name; freeze sees to it that all is there. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"

#define NAMES_MAX (1u << 18)
#define RULES_MAX (1u << 20)
#define EXPRS_MAX (1u << 22)
#define ELEMS_MAX (1u << 22)

struct bh_model *bh_model_new(void)
{
	struct bh_model *m = calloc(1, sizeof *m);

	for (size_t i = 0; m && i < BH_HOOKS; i++)
		m->base[i] = NONE;
	return m;
}

void bh_model_free(struct bh_model *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_sets; i++) {
		struct mset *s = &m->sets[i];

		free(s->keys);
		free(s->meta);
		for (size_t k = 0; k < PREPS; k++)
			bh_index_fini(&s->prep[k].ix);
	}
	free(m->names);
	free(m->buckets);
	free(m->chain_of);
	free(m->set_of);
	free(m->chains);
	free(m->rules);
	free(m->exprs);
	free(m->steps);
	free(m->sets);
	free(m);
}

void bh_model_refuse(struct bh_model *m, const char *fmt, ...)
{
	va_list ap;

	if (m->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(m->why, sizeof m->why, fmt, ap);
	va_end(ap);
}

const char *bh_model_why(const struct bh_model *m)
{
	return m->why;
}

struct bh_model_size bh_model_size(const struct bh_model *m)
{
	return (struct bh_model_size){m->n_chains, m->n_rules, m->n_sets, m->n_elems};
}

/* ---- names ---- */

static size_t bucket(const struct bh_model *m, const char *name)
{
	size_t at = bh_hash(name, strlen(name), 7) & (m->n_buckets - 1);

	while (m->buckets[at] != NONE && strcmp(m->names[m->buckets[at]], name) != 0)
		at = (at + 1) & (m->n_buckets - 1);
	return at;
}

uint32_t bh_name_find(const struct bh_model *m, const char *name)
{
	return m->n_buckets ? m->buckets[bucket(m, name)] : NONE;
}

static int rehash(struct bh_model *m)
{
	size_t n = m->n_buckets ? m->n_buckets * 2 : 256;
	uint32_t *v = malloc(n * sizeof *v);

	if (!v)
		return -ENOMEM;
	free(m->buckets);
	m->buckets = v;
	m->n_buckets = n;
	for (size_t i = 0; i < n; i++)
		v[i] = NONE;
	for (size_t i = 0; i < m->n_names; i++)
		v[bucket(m, m->names[i])] = (uint32_t)i;
	return 0;
}

static int name_room(struct bh_model *m)
{
	size_t cap = m->cap_names ? m->cap_names * 2 : 128;
	void *v;

	if (m->n_names < m->cap_names)
		return 0;
	v = reallocarray(m->names, cap, sizeof *m->names);
	if (v)
		m->names = v;
	if (v)
		v = reallocarray(m->chain_of, cap, sizeof *m->chain_of);
	if (v)
		m->chain_of = v;
	if (v)
		v = reallocarray(m->set_of, cap, sizeof *m->set_of);
	if (!v)
		return -ENOMEM;
	m->set_of = v;
	m->cap_names = cap;
	return 0;
}

static int intern(struct bh_model *m, const char *name, uint32_t *ret_name)
{
	size_t at;
	int r = 0;

	if (m->n_names >= NAMES_MAX)
		return -E2BIG;
	if (strnlen(name, BH_MODEL_NAME) == BH_MODEL_NAME || name[0] == '\0')
		return -EINVAL;
	if (2 * m->n_names >= m->n_buckets)
		r = rehash(m);
	if (r == 0)
		r = name_room(m);
	if (r < 0)
		return r;
	at = bucket(m, name);
	if (m->buckets[at] == NONE) {
		bh_strcpy(m->names[m->n_names], BH_MODEL_NAME, name);
		m->chain_of[m->n_names] = m->set_of[m->n_names] = NONE;
		m->buckets[at] = (uint32_t)m->n_names++;
	}
	*ret_name = m->buckets[at];
	return 0;
}

/* ---- chains and rules ---- */

static int chain_by_name(struct bh_model *m, const char *name, uint32_t *ret_chain)
{
	uint32_t id;
	int r = intern(m, name, &id);

	if (r < 0)
		return r;
	if (m->chain_of[id] == NONE) {
		r = bh_grow((void **)&m->chains, &m->cap_chains, m->n_chains, sizeof *m->chains);
		if (r < 0)
			return r;
		m->chains[m->n_chains] = (struct chain){.name = id};
		m->chain_of[id] = (uint32_t)m->n_chains++;
	}
	*ret_chain = m->chain_of[id];
	return 0;
}

int bh_model_chain(struct bh_model *m, const char *name, unsigned hook, uint8_t policy)
{
	uint32_t c;
	int r = chain_by_name(m, name, &c);

	if (r < 0)
		return r;
	if (m->chains[c].defined)
		bh_model_refuse(m, "chain %s is there twice", name);
	m->chains[c].defined = true;
	if (hook == BH_HOOK_NONE)
		return 0;
	if (hook >= BH_HOOKS || m->base[hook] != NONE) {
		bh_model_refuse(m, "chain %s: a second chain at its hook, or a hook unheard of", name);
		return 0;
	}
	if (policy != BH_V_ACCEPT && policy != BH_V_DROP)
		bh_model_refuse(m, "chain %s: a policy unheard of", name);
	m->base[hook] = c;
	m->chains[c].hook = (uint8_t)hook;
	m->chains[c].policy = policy;
	return 0;
}

int bh_model_rule(struct bh_model *m, const char *chain, const struct bh_expr *x, size_t n)
{
	uint32_t c;
	int r = chain_by_name(m, chain, &c);

	if (r < 0)
		return r;
	if (n > BH_RULE_EXPRS)
		bh_model_refuse(m, "chain %s rule %u: more than %d expressions", chain,
			m->chains[c].n + 1, BH_RULE_EXPRS);
	if (m->n_rules >= RULES_MAX || m->n_exprs + n >= EXPRS_MAX)
		return -E2BIG;
	r = bh_grow((void **)&m->rules, &m->cap_rules, m->n_rules, sizeof *m->rules);
	if (r < 0)
		return r;
	m->rules[m->n_rules++] =
		(struct rule){.first = (uint32_t)m->n_exprs, .n = (uint32_t)n, .chain = c};
	m->chains[c].n++;
	for (size_t i = 0; i < n; i++) {
		r = bh_grow((void **)&m->exprs, &m->cap_exprs, m->n_exprs, sizeof *m->exprs);
		if (r < 0)
			return r;
		m->exprs[m->n_exprs++] = x[i];
	}
	return 0;
}

/* ---- sets ---- */

static int set_by_name(struct bh_model *m, const char *name, struct mset **ret_set)
{
	uint32_t id;
	int r = intern(m, name, &id);

	if (r < 0)
		return r;
	if (m->set_of[id] == NONE) {
		r = bh_grow((void **)&m->sets, &m->cap_sets, m->n_sets, sizeof *m->sets);
		if (r < 0)
			return r;
		memset(&m->sets[m->n_sets], 0, sizeof *m->sets);
		m->sets[m->n_sets].name = id;
		m->set_of[id] = (uint32_t)m->n_sets++;
	}
	*ret_set = &m->sets[m->set_of[id]];
	return 0;
}

int bh_model_set(struct bh_model *m, const struct bh_model_set *s)
{
	struct mset *set;
	int r = set_by_name(m, s->name, &set);

	if (r < 0)
		return r;
	if (set->defined) { /* what it holds has the length of the first */
		bh_model_refuse(m, "set %s is there twice", s->name);
		return 0;
	}
	if (s->key_len == 0 || s->key_len > BH_KEY_MAX || s->role >= BH_MS_ROLES)
		bh_model_refuse(m, "set %s: a key of %u bytes", s->name, s->key_len);
	if (s->interval && s->key_len > 16)
		bh_model_refuse(m, "set %s: intervals of %u bytes", s->name, s->key_len);
	if (s->map && s->role != BH_MS_LAW)
		bh_model_refuse(m, "set %s: verdicts that come and go", s->name);
	set->s = *s;
	set->defined = true;
	return 0;
}

int bh_model_element(struct bh_model *m, const char *set, const struct bh_model_elem *e)
{
	uint32_t id = bh_name_find(m, set), chain = NONE;
	struct mset *s;
	size_t len;
	int r = 0;

	if (id == NONE || m->set_of[id] == NONE || !m->sets[m->set_of[id]].defined) {
		bh_model_refuse(m, "an element of set %s, which is not there", set);
		return 0;
	}
	s = &m->sets[m->set_of[id]];
	len = s->s.key_len;
	if (len == 0 || len > BH_KEY_MAX)
		return 0; /* refused already */
	if (m->n_elems >= ELEMS_MAX)
		return -E2BIG;
	if (e->key_len != len || e->map != (s->s.map && !e->end) || (e->end && !s->s.interval) ||
		(!s->s.ranges && memcmp(e->lo, e->hi, len) != 0)) {
		bh_model_refuse(m, "set %s: an element that cannot be in it", set);
		return 0;
	}
	if (e->verdict >= BH_V_JUMP && e->verdict <= BH_V_GOTO)
		r = intern(m, e->chain, &chain);
	if (r == 0 && s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		void *keys = reallocarray(s->keys, cap, 2 * len), *meta;

		if (!keys)
			return -ENOMEM;
		s->keys = keys;
		meta = reallocarray(s->meta, cap, sizeof *s->meta);
		if (!meta)
			return -ENOMEM;
		s->meta = meta;
		s->cap = cap;
	}
	if (r < 0)
		return r;
	memcpy(s->keys + s->n * 2 * len, e->lo, len);
	memcpy(s->keys + s->n * 2 * len + len, e->hi, len);
	s->meta[s->n].chain = chain;
	s->meta[s->n].verdict = e->verdict;
	s->meta[s->n].end = e->end;
	s->n++;
	m->n_elems++;
	return 0;
}
