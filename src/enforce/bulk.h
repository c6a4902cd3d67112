/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders of many lines, written chunk by chunk behind everything else. */
#ifndef ENFORCE_BULK_H
#define ENFORCE_BULK_H

#include "enforcer.h"

struct bulk;
struct bulks {
	struct bulk *first, *last;
	size_t bytes;	   /* of text that waits */
	uint64_t numbered; /* bulks taken so far */
	struct book newer; /* targets spoken of since; the time of each is the number of the last bulk before it */
};
/* more lines than one batch may hold */
bool bh_bulk_is(const char *body, size_t len);
/* frame is malloc'ed and given away, also on failure; the lines lie in it. 0, -E2BIG too many lines, -ENOMEM */
int bh_bulk_take(struct bulks *q, bool release, uint32_t seq, char *frame, const char *body, size_t len) BH_MUST;
/* what has gone ahead of the bulks that wait: they leave these targets alone */
int bh_bulk_overtaken(struct bulks *q, const struct bh_cut *cuts, size_t n) BH_MUST;
bool bh_bulk_full(const struct bulks *q); /* take nothing more for now */
/* One chunk of the oldest. True: it is over, *ret_reply says how; its body is the caller's to free. */
bool bh_bulk_step(struct bulks *q, struct bh_enforcer *e, struct bh_enf_reply *ret_reply);
void bh_bulk_fini(struct bulks *q);

#endif
