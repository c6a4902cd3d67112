/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share. */
#ifndef PROVE_INSIDE_H
#define PROVE_INSIDE_H

#include <bulkhead/prove.h>

#define NONE UINT32_MAX

/* ---- box.c ---- */
enum dim { DIM_S, DIM_D, DIM_P, DIM_SP, DIM_DP, DIMS, DIM_CONST, DIM_OPEN };
struct span {
	bh_u128 lo, hi;
};
static inline struct span bh_box_span(const struct bh_box *b, enum dim d)
{
	switch (d) {
	case DIM_S:
		return (struct span){b->slo, b->shi};
	case DIM_D:
		return (struct span){b->dlo, b->dhi};
	case DIM_P:
		return (struct span){b->plo, b->phi};
	case DIM_SP:
		return (struct span){b->splo, b->sphi};
	default:
		return (struct span){b->dplo, b->dphi};
	}
}

static inline bool box_meets(const struct bh_box *a, const struct bh_box *b)
{
	return a->fam == b->fam && a->slo <= b->shi && b->slo <= a->shi && a->dlo <= b->dhi &&
	       b->dlo <= a->dhi && a->plo <= b->phi && b->plo <= a->phi && a->splo <= b->sphi &&
	       b->splo <= a->sphi && a->dplo <= b->dphi && b->dplo <= a->dphi;
}

void bh_box_narrow(struct bh_box *b, enum dim d, struct span s); /* sets it */
bool bh_box_cut(struct bh_box *b, enum dim d, struct span s);	 /* intersects; false = nothing left */
bool bh_box_holds(const struct bh_box *big, const struct bh_box *small);
/* a without b, where they meet: at most 10 disjoint pieces */
size_t bh_box_minus(const struct bh_box *a, const struct bh_box *b, struct bh_box out[10]);
bh_u128 bh_u128_of(const uint8_t *p, size_t n);
struct span bh_prefix_span(const struct bh_prefix *p);
uint8_t bh_prefix_fam(const struct bh_prefix *p);

/* ---- index.c: boxes in order of one dimension, with a tree of how far each reaches ---- */
struct box_index {
	struct bh_box *v;
	uint32_t *id; /* place in what it was made of */
	bh_u128 *reach;
	size_t n, leaves;
	uint8_t dim;
	bool line; /* bounded in dim alone, and disjoint */
};
int bh_index_make(const struct bh_box *v, size_t n, struct box_index *ret) BH_MUST;
void bh_index_fini(struct box_index *x);
/* place of the first box from at on that meets q, or n */
size_t bh_index_next(const struct box_index *x, size_t at, const struct bh_box *q);
/* adds what of a lies in none of the index's boxes; E2BIG when it falls into too many pieces */
int bh_index_minus(const struct box_index *x, const struct bh_box *a, struct bh_boxes *io_left) BH_MUST;
bool bh_index_covers(const struct box_index *x, const struct bh_box *a, int *io_error);

/* ---- model.c, freeze.c ---- */
struct part { /* a field of a lookup's key */
	uint8_t field, off, len;
};
struct step {
	uint8_t op, field, cmp, len, verdict, n_parts;
	bool pure; /* what passes here is accepted by the rest of the rule, all of it */
	uint8_t mask[16], value[16];
	struct part parts[4];
	uint32_t set, chain;
};
struct rule {
	uint32_t first, n; /* steps; before freeze: expressions */
	uint32_t chain;
};
struct chain {
	uint32_t name, first, n; /* rules */
	uint8_t hook, policy;
	bool defined, accepts_all;
};
struct prep { /* a set as boxes, for one way its key meets the dimensions */
	uint32_t key; /* dims in nibbles; 0 = none */
	struct box_index ix;
};
#define PREPS 4
struct mset {
	struct bh_model_set s;
	uint32_t name;
	bool defined;
	uint8_t *keys; /* lo hi lo hi … */
	struct {
		uint32_t chain; /* name */
		uint8_t verdict;
		bool end;
	} *meta;
	size_t n, cap;
	struct prep prep[PREPS];
};
struct bh_model {
	char (*names)[BH_MODEL_NAME];
	uint32_t *buckets, *chain_of, *set_of; /* by name; NONE */
	size_t n_names, cap_names, n_buckets;
	struct chain *chains;
	struct rule *rules;
	struct bh_expr *exprs;
	struct step *steps;
	struct mset *sets;
	size_t n_chains, cap_chains, n_rules, cap_rules, n_exprs, cap_exprs, n_steps, cap_steps, n_sets, cap_sets,
		n_elems;
	uint32_t base[BH_HOOKS];
	bool frozen;
	char why[192];
};
int bh_grow(void **io_v, size_t *io_cap, size_t n, size_t size) BH_MUST;
uint32_t bh_name_find(const struct bh_model *m, const char *name); /* NONE */
unsigned bh_field_len(unsigned field);
const char *bh_field_name(unsigned field);
#define JUMPS 16 /* the kernel's own limit */

static inline uint32_t word(const uint8_t p[4])
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* ---- field.c ---- */
unsigned bh_field_end(const struct bh_scenario *sc, unsigned field); /* enum bh_cut_side */
enum dim bh_field_dim(const struct bh_scenario *sc, unsigned field, const struct bh_box *b);
/* fields that are no range of a box */
enum bh_tri bh_compare_open(const struct bh_scenario *sc, const struct step *s, const struct bh_box *b);
/* the values a comparison lets pass; false: they are no range */
bool bh_compare_range(const struct step *s, enum dim d, const struct bh_box *b, struct span *ret);
enum bh_tri bh_set_as_whole(const struct bh_scenario *sc, const struct mset *s, const struct step *st,
	const struct bh_box *b);

/* ---- prep.c ---- */
int bh_prep_get(struct mset *s, const struct step *st, const enum dim *d, uint8_t fam,
	struct prep **ret_prep) BH_MUST;

/* ---- run.c ---- */
struct mark {
	uint32_t mask, value; /* of a comparison; of a writing: what it sets, and to what */
};
#define MARKS 4
struct marks {
	struct mark written[MARKS], compared[MARKS];
	size_t n_written, n_compared;
};
/* the dropped boxes: left out, all of them, or maybe too many */
enum drops { DROPS_NONE, DROPS_ALL, DROPS_MORE };
/* marks: NULL or filled; different ones, more than MARKS are -E2BIG */
int bh_walk(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *in, enum drops drops,
	struct bh_reaches *io_seen, struct marks *io_marks) BH_MUST;

/* ---- law.c: what a plan says, as boxes ---- */
struct law {
	uint8_t fam;
	struct bh_boxes permits, pins, turned, remedies, manage, critical;
	struct bh_boxes home; /* what an isolated host may ask of this box: its lease, neighbours; management */
	struct span *own; /* ranges by address: who owns them */
	uint16_t *owner;
	size_t n_own;
};
int bh_meant_make(const struct bh_plan *plan, uint8_t fam, struct law *ret) BH_MUST;
int bh_meant_manage(const struct bh_plan *plan, uint8_t fam, struct bh_boxes *io_list) BH_MUST;
void bh_meant_fini(struct law *l);
uint16_t bh_meant_zone_of(const struct law *l, bh_u128 address);

#endif
