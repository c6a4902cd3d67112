/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table `inet bulkhead` as a batch. The order of its chains and rules is the order of the law;
 * docs/enforcement.md. */
#ifndef ENFORCE_RULESET_H
#define ENFORCE_RULESET_H

#include <bulkhead/enforce.h>
#include "elem.h"

/* how many elements each set of the law must hold after the commit */
struct expect {
	char set[NL_NAME];
	size_t n;
};
struct ruleset {
	struct batch *b;
	const struct bh_plan *law; /* normalised */
	uint16_t stamp;            /* the generation in the ct mark and in set names */
	uint64_t law_hash;
	struct bh_enforce_counters counters; /* to begin with: a replaced table keeps its counts */
	struct expect *expect;
	size_t n_expect, cap_expect;
};

/* Everything of the law, from an empty table on; errors are sticky in the batch. */
void bh_ruleset_put(struct ruleset *rs);
void bh_ruleset_fini(struct ruleset *rs);

enum svc { SVC_TCP, SVC_UDP, SVC_ICMP, SVC_ANY, SVCS };
enum svc bh_svc_of(uint8_t proto);
static inline bool svc_has_ports(enum svc s)
{
	return s == SVC_TCP || s == SVC_UDP;
}
uint8_t bh_svc_l4proto(enum svc s, bool v6);
extern const char *const bh_svc_name[SVCS];

/* what one (zone, family, service, with or without source) has: one set */
struct group {
	uint16_t zone;
	uint8_t v6, hosts, svc;
	size_t first, n; /* in order[] */
};
struct layout {
	struct group *groups;
	uint32_t *order; /* permits by group */
	size_t n_groups;
	bool chain[BH_MAX_ZONES][2]; /* the zone has a chain in this family */
	bool pins[SVCS][2], remedies[SVCS][2], mgmt[SVCS][2], critical[2];
};
void bh_group_set_name(const struct ruleset *rs, const struct group *g, char name[NL_NAME]);
void bh_zone_chain_name(const struct ruleset *rs, size_t zone, bool v6, char name[NL_NAME]);

/* sets.c */
int bh_layout_make(const struct bh_plan *law, struct layout *l) BH_MUST;
void bh_layout_fini(struct layout *l);
void bh_sets_put(struct ruleset *rs, const struct layout *l); /* the empty sets */
void bh_elements_put(
	struct ruleset *rs, const struct layout *l); /* what they hold; chains must exist */

/* cut.c: where a cut lives in the kernel */
struct bh_cut_place {
	const char *set;
	uint8_t key[16], last[16];
	unsigned len;
	bool range;
};
void bh_cut_place(const struct bh_cut *c, struct bh_cut_place *ret_place);
void bh_cut_put(
	struct batch *b, const struct bh_cut *c, uint16_t type, uint16_t flags); /* one message */
#define CUT_SETS 7
extern const char *const bh_cut_sets[CUT_SETS];
bool bh_is_cut_set(const char *name);
/* All cuts standing in the kernel; appended to a malloc'ed array. -EINTR is handled here. */
int bh_cuts_read(struct nl *nl, struct bh_cut **ret_cuts, size_t *ret_n) BH_MUST;

#endif
