/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Islands: the networks of one order keep what stays among them. The kernel is told each ordered
 * pair; everything else that touches one of the networks crosses the edge. The pairs follow from
 * the book and are written with the law, never by themselves.
 */
#include "enforcer.h"

static bool is_edge(const struct book_wide *w, bh_ns now, bool v6)
{
	return w->deadline > now && w->cut.kind == BH_CUT_ISLAND &&
	       bh_prefix_is4(&w->cut.net) == !v6;
}

void bh_islands_put(struct batch *b, const struct book *k, bh_ns now)
{
	if (!k->kind[BH_CUT_ISLAND])
		return;
	for (int v6 = 0; v6 < 2; v6++) {
		struct elems e = bh_elems_new(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL,
			v6 ? "island_in6" : "island_in4");

		for (size_t i = 0; i < k->n_wide; i++)
			for (size_t j = 0; is_edge(&k->wide[i], now, v6) && j < k->n_wide; j++) {
				const struct book_wide *x = &k->wide[i], *y = &k->wide[j];
				struct key key = {.len = 0};
				bh_ns until = x->deadline < y->deadline ? x->deadline : y->deadline;

				if (!is_edge(y, now, v6) || x->cut.order != y->cut.order)
					continue;
				bh_key_prefix(&key, &x->cut.net);
				bh_key_prefix(&key, &y->cut.net);
				bh_elem_concat_timed(&e, &key, bh_cut_ms(until - now));
			}
		bh_elems_end(&e);
	}
}
