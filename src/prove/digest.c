/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether two models say the same: chains and sets in any order, rules and expressions in theirs. */
#include "inside.h"

static uint64_t fold(uint64_t h, const void *p, size_t n)
{
	return bh_hash(p, n, h);
}

static uint64_t fold_name(const struct bh_model *m, uint64_t h, uint32_t name)
{
	return fold(h, m->names[name], strlen(m->names[name]));
}

static uint64_t fold_step(const struct bh_model *m, uint64_t h, const struct step *s)
{
	const uint8_t v[] = {s->op, s->field, s->cmp, s->len, s->verdict, s->n_parts};

	h = fold(h, v, sizeof v);
	h = fold(h, s->mask, sizeof s->mask);
	h = fold(h, s->value, sizeof s->value);
	for (unsigned i = 0; i < s->n_parts; i++)
		h = fold(h, &s->parts[i], sizeof s->parts[i]);
	if (s->set != NONE)
		h = fold_name(m, h, m->sets[s->set].name);
	if (s->chain != NONE)
		h = fold_name(m, h, m->chains[s->chain].name);
	return h;
}

static uint64_t of_set(const struct bh_model *m, const struct mset *s)
{
	const uint8_t v[] = {s->s.role, s->s.key_len, s->s.map, s->s.interval, s->s.ranges};
	uint64_t h = fold_name(m, 2, s->name), sum = 0;

	h = fold(h, v, sizeof v);
	if (s->s.role != BH_MS_LAW)
		return h;
	for (size_t i = 0; i < s->n; i++) {
		const uint8_t meta[] = {s->meta[i].end, s->meta[i].verdict};
		uint64_t e = fold(3, s->keys + i * 2 * s->s.key_len, 2u * s->s.key_len);

		e = fold(e, meta, sizeof meta);
		if (s->meta[i].chain != NONE)
			e = fold_name(m, e, m->chains[s->meta[i].chain].name);
		sum += e;
	}
	return fold(h, &sum, sizeof sum);
}

uint64_t bh_model_digest(const struct bh_model *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n_chains; i++) {
		const struct chain *c = &m->chains[i];
		const uint8_t v[] = {c->hook, c->policy};
		uint64_t h = fold(fold_name(m, 1, c->name), v, c->hook ? 2 : 1);

		for (uint32_t k = 0; k < c->n; k++) {
			const struct rule *r = &m->rules[c->first + k];

			h = fold(h, &r->n, sizeof r->n);
			for (uint32_t j = 0; j < r->n; j++)
				h = fold_step(m, h, &m->steps[r->first + j]);
		}
		sum += h;
	}
	for (size_t i = 0; i < m->n_sets; i++)
		sum += of_set(m, &m->sets[i]);
	return sum;
}
