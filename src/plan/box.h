/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Boxes: what a set element of the kernel can hold, a prefix pair and a range of ports; and their
 * algebra. */
#ifndef PLAN_BOX_H
#define PLAN_BOX_H

#include <bulkhead/plan.h>

#define BOX_MAX (1u << 20) /* of one list, in and out */
#define BOX_MAX_NETS 65536 /* prefixes of one zone, or a prefix list cut into pieces */

struct box {
	struct bh_prefix src, dst; /* src.bits 0 = any source */
	uint32_t tag; /* index of the item it came from: order, and who keeps an overlap */
	uint16_t group, lo, hi; /* boxes of different groups or protocols never meet */
	uint8_t proto;
};

/* a growing array, freed by the caller */
struct boxes {
	struct box *v;
	size_t n, cap;
};
int bh_boxes_push(struct boxes *l, const struct box *b) BH_MUST; /* -ENOMEM, -E2BIG */

/* The same space in boxes of which no two overlap; of two that do, the one with the wider target,
 * then the earlier, keeps it. */
int bh_boxes_disjoint(const struct boxes *in, struct boxes *ret_out) BH_MUST;

extern const char *const bh_plan_modes[BH_MODE_COUNT];
#define PLAN_PLAIN                                                                                 \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@/:" /* of a bare name   \
										*/

bool bh_prefix_within(const struct bh_prefix *inner,
	const struct bh_prefix *outer); /* equal counts; families never mix */

struct prefix_list {
	struct bh_prefix *v;
	size_t n, cap;
};
int bh_prefix_push(struct prefix_list *l, const struct bh_prefix *p) BH_MUST;
/* appends p without hole to l; hole lies strictly within p */
int bh_prefix_punch(
	struct prefix_list *l, const struct bh_prefix *p, const struct bh_prefix *hole) BH_MUST;

#endif
