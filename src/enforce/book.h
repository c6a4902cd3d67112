/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The book: every cut in force by our own clock, whatever somebody left in the kernel. */
#ifndef ENFORCE_BOOK_H
#define ENFORCE_BOOK_H

#include <bulkhead/plan.h>

struct book_host;
struct book_wide {
	struct bh_cut cut;
	bh_ns deadline; /* CLOCK_BOOTTIME */
};
struct book {
	struct book_host *hosts; /* cuts of one address or one MAC: there may be a million */
	struct book_wide *wide;	 /* networks and connections */
	uint32_t *index;	 /* 0 = free, else one more than twice the place, odd for wide */
	char (*reasons)[BH_NAME];
	size_t n_hosts, cap_hosts, n_wide, cap_wide, mask, n_reasons, last_reason;
	size_t kind[BH_CUT_KINDS];
	bh_ns soonest; /* no cut ends before */
};
/* when the cut of this target ends; 0 = none */
bh_ns bh_book_deadline(const struct book *k, const struct bh_cut *c);
/* ttl counts from now; renews. < 0: nothing changed */
int bh_book_put(struct book *k, const struct bh_cut *c, bh_ns now) BH_MUST;
void bh_book_drop(struct book *k, const struct bh_cut *c);
void bh_book_expire(struct book *k, bh_ns now);
/* One after the other, from *at = 0 on, while nothing is put or dropped; its ttl is left 0. */
bool bh_book_next(const struct book *k, size_t *at, struct bh_cut *ret_cut, bh_ns *ret_deadline);
static inline size_t bh_book_n(const struct book *k)
{
	return k->n_hosts + k->n_wide;
}
/* another network in its way, or NULL */
const struct bh_cut *bh_book_net_overlap(const struct book *k, const struct bh_cut *c);
void bh_book_fini(struct book *k);
bh_ns bh_clock_now(void);

#endif
