/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prove - a ruleset as values, and what it lets through: shown, not believed
 *
 * Why     "No path from an infected host to a critical zone, except the pins" must hold for every packet there is, under
 *         every cut that may come, and be checked on what the kernel holds, not on what was meant.
 * Shape   struct bh_model: chains, rules, sets, elements of one table; filled by the add functions, then frozen. A packet
 *         is a point of family, source, destination, protocol and ports of its connection's first packet; what a ruleset
 *         lets through is a union of boxes of such points. struct bh_scenario fixes everything else.
 * Units   Ports in host order. Addresses 128 bits wide, IPv4 as ::ffff:a.b.c.d.
 * Errors  0 done; 1 refused: the model says something nobody here knows (bh_model_why: chain, rule, expression) - never a
 *         guess; 2 a theorem does not hold; < 0 -errno, -E2BIG past the limits below.
 * Purity  Pure. One thread at a time a model: queries build its indexes.
 * Source  docs/prove.md; linux/net/netfilter/nf_tables_core.c, nft_lookup.c, nft_ct.c; Kazemian et al., Header Space
 *         Analysis, NSDI 2012.
 */
#ifndef BULKHEAD_PROVE_H
#define BULKHEAD_PROVE_H

#include <bulkhead/plan.h>

/* ---- boxes ---- */
typedef unsigned __int128 bh_u128;
struct bh_box {
	bh_u128 slo, shi, dlo, dhi;
	uint16_t splo, sphi, dplo, dphi; /* of ICMP: identifier; type and code */
	uint8_t plo, phi;		 /* protocol above IP */
	uint8_t fam;			 /* 4 or 6 */
};
struct bh_boxes {
	struct bh_box *v;
	size_t n, cap;
};
#define BH_BOXES_MAX (1u << 20)
struct bh_box bh_box_all(uint8_t fam);
/* src, dst: NULL = any. proto 0 any, 1 ICMP of the family. */
struct bh_box bh_box_of(uint8_t fam, const struct bh_prefix *src, const struct bh_prefix *dst, uint8_t proto, uint16_t lo,
			uint16_t hi);
bool bh_box_meets(const struct bh_box *a, const struct bh_box *b, struct bh_box *ret_both); /* ret_both may be NULL */
int bh_boxes_add(struct bh_boxes *l, const struct bh_box *b) BH_MUST;
void bh_boxes_fini(struct bh_boxes *l);
/* What of a is not in b, disjoint from b. < 0 */
int bh_boxes_minus(const struct bh_boxes *a, const struct bh_boxes *b, struct bh_boxes *ret_left) BH_MUST;
void bh_boxes_join(struct bh_boxes *l); /* neighbours that differ in protocol or ports alone become one; for reading, not for proofs: quadratic, past 1,024 boxes not done */
#define BH_BOX_TEXT 256
char *bh_box_print(const struct bh_box *b, char buf[BH_BOX_TEXT]); /* "10.1.0.0/16 > 10.2.0.0/24 tcp/445" */

/* ---- the model ---- */
#define BH_MODEL_NAME 64
enum bh_field {
	BH_F_NONE, BH_F_NFPROTO, BH_F_L4PROTO, BH_F_IIFNAME, BH_F_IIFTYPE, BH_F_ETHER,
	BH_F_SADDR4, BH_F_DADDR4, BH_F_SADDR6, BH_F_DADDR6, BH_F_HOPS6, BH_F_SPORT, BH_F_DPORT, BH_F_TCP_FLAGS, BH_F_TYPE,
	BH_F_CT_STATE, BH_F_CT_DIR, BH_F_CT_MARK, BH_F_CT_PROTO, /* everything from here on belongs to a connection */
	BH_F_CT_SRC4, BH_F_CT_DST4, BH_F_CT_SRC6, BH_F_CT_DST6, BH_F_CT_SPORT, BH_F_CT_DPORT, /* of its first packet */
	BH_FIELDS
};
enum bh_expr_op {
	BH_X_LOAD,    /* reg = field */
	BH_X_MASK,    /* dreg = (reg & a) ^ b, len bytes */
	BH_X_CMP,     /* goes on when reg cmp a, len bytes, as bytes (ct state: as the machine's number) */
	BH_X_IN,      /* goes on when the key from reg on is in set name */
	BH_X_MAP,     /* the verdict of the element it is in */
	BH_X_VERDICT, /* verdict [name] */
	BH_X_DROP,    /* reject */
	BH_X_MAYBE,   /* limit, dynset: goes on or not, by what was before */
	BH_X_NOTHING, /* counter, log */
	BH_X_MARK,    /* ct mark = reg */
	BH_X_UNKNOWN  /* name: what it is; the model will be refused */
};
enum bh_cmp { BH_EQ, BH_NEQ, BH_LT, BH_LTE, BH_GT, BH_GTE };
enum bh_verdict { BH_V_CONTINUE, BH_V_ACCEPT, BH_V_DROP, BH_V_RETURN, BH_V_JUMP, BH_V_GOTO };
struct bh_expr {
	uint8_t op, field, reg, dreg, len, cmp, verdict; /* registers: 64 bytes, counted in bytes */
	uint8_t a[16], b[16];
	char name[BH_MODEL_NAME];
};
#define BH_REGS 64
#define BH_RULE_EXPRS 64
enum bh_hook { BH_HOOK_NONE, BH_HOOK_FORWARD, BH_HOOK_INPUT, BH_HOOKS };
/* What a set is to the law. Elements of all but LAW come and go by themselves. */
enum bh_set_role {
	BH_MS_LAW, BH_MS_ISO_ADDR, BH_MS_ISO_NET, BH_MS_ISO_MAC, BH_MS_SHIELD, BH_MS_CONTAIN, BH_MS_ISLAND,
	BH_MS_ISLAND_IN, /* both ends in one island */
	BH_MS_KILL, BH_MS_OTHER,
	BH_MS_TRIAL, /* keyed by the family: which of two laws judges */
	BH_MS_ROLES
};
#define BH_KEY_MAX 40
struct bh_model_set {
	char name[BH_MODEL_NAME];
	uint8_t role, key_len;
	bool map, interval; /* interval of one field: elements are starts and ends */
	bool ranges;	    /* elements reach from lo to hi in each field */
};
struct bh_model_elem {
	uint8_t lo[BH_KEY_MAX], hi[BH_KEY_MAX]; /* field by field, each padded to 4 bytes when there are several */
	uint8_t key_len;
	bool end;	   /* of an interval: the first address behind it */
	bool map;	   /* it has a verdict */
	uint8_t verdict;
	char chain[BH_MODEL_NAME];
};
struct bh_model;
struct bh_model *bh_model_new(void); /* NULL = no memory */
void bh_model_free(struct bh_model *m);
/* Each < 0 -errno; what is wrong in itself is refused by freeze. Names may be used before they are added. */
int bh_model_chain(struct bh_model *m, const char *name, unsigned hook, uint8_t policy) BH_MUST;
int bh_model_rule(struct bh_model *m, const char *chain, const struct bh_expr *x, size_t n) BH_MUST;
int bh_model_set(struct bh_model *m, const struct bh_model_set *s) BH_MUST;
int bh_model_element(struct bh_model *m, const char *set, const struct bh_model_elem *e) BH_MUST;
void bh_model_refuse(struct bh_model *m, const char *fmt, ...) BH_PRINTF(2, 3); /* the first reason stays */
int bh_model_freeze(struct bh_model *m) BH_MUST; /* 0, 1 refused, < 0 */
const char *bh_model_why(const struct bh_model *m);
struct bh_model_size {
	size_t chains, rules, sets, elements;
};
struct bh_model_size bh_model_size(const struct bh_model *m);
/* Of a frozen one: everything that decides, but what comes and goes by itself, in whatever order it was added. */
uint64_t bh_model_digest(const struct bh_model *m);

/* ---- scenarios and questions ---- */
enum bh_tri { BH_NO, BH_YES, BH_MAYBE };
enum bh_ct_state { BH_CT_NEW, BH_CT_ESTABLISHED, BH_CT_RELATED, BH_CT_INVALID, BH_CT_UNTRACKED };
enum bh_cuts_as { BH_AS_IT_IS, BH_AS_MISS, BH_AS_HIT, BH_AS_EITHER };
enum bh_cut_side { BH_SIDE_SRC, BH_SIDE_DST, BH_SIDE_BOTH, BH_SIDES }; /* which end of the connection is looked up */
struct bh_scenario {
	uint8_t hook, state;
	bool reply;	 /* the packet goes against the connection's first one */
	bool icmp_error; /* RELATED: an ICMP packet about the connection the box is of; from wherever */
	uint8_t stamped, syn, limits, loopback, trial; /* enum bh_tri; trial MAYBE = as the set says */
	uint8_t cuts[BH_MS_ROLES][BH_SIDES];
	const struct bh_mac *mac; /* of the sender, on Ethernet; NULL = not known */
};
enum bh_fate { BH_FATE_DROP, BH_FATE_ACCEPT, BH_FATE_STAMP };
struct bh_reach { /* a box and what became of it, or what part may have become of it */
	struct bh_box box;
	uint8_t fate; /* enum bh_fate */
	bool maybe;	 /* on the way something was not certain */
	uint32_t chain, rule, set, elem; /* who decided; set: looked up last, UINT32_MAX = none */
};
struct bh_reaches {
	struct bh_reach *v;
	size_t n, cap;
	uint64_t steps;
};
void bh_reaches_fini(struct bh_reaches *l);
/*
 * All ways through. drops false: dropped boxes are left out and accepted ones may overlap; their union is exact either way,
 * apart from those marked maybe. 0, 1 refused, < 0
 */
int bh_model_run(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *in, bool drops,
		 struct bh_reaches *ret_seen) BH_MUST;
struct bh_point {
	uint8_t verdict; /* enum bh_tri: accepted? */
	bool stamped;
	char chain[BH_MODEL_NAME], set[BH_MODEL_NAME], element[BH_BOX_TEXT];
	uint32_t rule; /* from 1 in its chain; 0 = the policy of the hook */
};
int bh_model_point(struct bh_model *m, const struct bh_scenario *sc, const struct bh_box *at, struct bh_point *ret_point) BH_MUST;
/* What before accepts within a box and after does not. Exact where nothing was uncertain. */
int bh_model_minus(struct bh_model *before, struct bh_model *after, const struct bh_scenario *sc, const struct bh_box *in,
		   struct bh_boxes *ret_lost) BH_MUST;

/* ---- the proof ---- */
enum bh_theorem {
	BH_TH_MORE,   /* between zones nothing passes but what the plan permits and pins */
	BH_TH_LESS,   /* what the plan permits passes, both ways */
	BH_TH_PIN,    /* a pin passes both ways, and errors about it, whatever is cut */
	BH_TH_CUT,    /* what is cut reaches nothing but pins, and an isolated host the remedies; this box included */
	BH_TH_STAMP,  /* a connection is stamped only when the law permits it */
	BH_TH_MANAGE, /* management reaches this box, whatever is cut */
	BH_THEOREMS
};
const char *bh_theorem_name(unsigned theorem);
const char *bh_theorem_says(unsigned theorem);
struct bh_prove_finding {
	uint8_t theorem;
	uint16_t from, to; /* zone indices, or BH_ZONE_NONE */
	struct bh_box box;
	char when[80], chain[BH_MODEL_NAME];
	uint32_t rule;	   /* from 1; 0 = none */
};
#define BH_PROVE_FINDINGS 16
struct bh_prove_report {
	struct bh_prove_finding v[BH_PROVE_FINDINGS];
	size_t n;
	uint64_t checked[BH_THEOREMS], failed[BH_THEOREMS]; /* scenarios, or pins times scenarios; findings beyond n too */
	uint64_t runs, steps, boxes;
	char refused[192];
};
/*
 * beside: the other law of a model that holds two, whose management reaches this box as well, or NULL; trial: plan is the one
 * on trial. report is filled whatever comes. 0, 1, 2, < 0
 */
int bh_prove_law(struct bh_model *m, const struct bh_plan *plan, const struct bh_plan *beside, bool trial,
		 struct bh_prove_report *report) BH_MUST;
/* "no path but …: 10.1.0.0/16 > … (zone a to zone b; when; chain, rule)" */
#define BH_FINDING_TEXT 640
char *bh_prove_finding_print(const struct bh_prove_finding *f, const struct bh_plan *plan, char buf[BH_FINDING_TEXT]);

#endif
