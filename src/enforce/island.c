/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Islands: the networks of one order keep what stays among them. The kernel is told each ordered
 * pair; everything else that touches one of the networks crosses the edge. The pairs follow from
 * the book and are written with the law, never by themselves.
 */
#include "enforcer.h"

static bool pairs(const struct book_entry *a, const struct book_entry *b, bh_ns now, bool v6)
{
	return a->deadline > now && b->deadline > now && a->cut.kind == BH_CUT_ISLAND &&
	       b->cut.kind == BH_CUT_ISLAND && a->cut.order == b->cut.order &&
	       bh_prefix_is4(&a->cut.net) == !v6 && bh_prefix_is4(&b->cut.net) == !v6;
}

void bh_islands_put(struct batch *b, const struct book *k, bh_ns now)
{
	if (!k->kind[BH_CUT_ISLAND])
		return;
	for (int v6 = 0; v6 < 2; v6++) {
		struct elems e = bh_elems_new(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
			v6 ? "island_in6" : "island_in4");

		for (size_t i = 0; i <= k->mask; i++)
			for (size_t j = 0; k->v[i].cut.kind == BH_CUT_ISLAND && j <= k->mask; j++) {
				const struct book_entry *x = &k->v[i], *y = &k->v[j];
				struct key key = {.len = 0};
				bh_ns until = x->deadline < y->deadline ? x->deadline : y->deadline;

				if (!pairs(x, y, now, v6))
					continue;
				bh_key_prefix(&key, &x->cut.net);
				bh_key_prefix(&key, &y->cut.net);
				bh_elem_concat_timed(&e, &key, bh_cut_ms(until - now));
			}
		bh_elems_end(&e);
	}
}
