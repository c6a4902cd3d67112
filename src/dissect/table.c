/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dissector table, in the order they are asked. A dissector is one file that defines `const struct bh_dissector
 * bh_dissector_<word>` and one word in meson.build, from which this table is made.
 */
#include <bulkhead/dissect.h>
#include "dissect/dissect_table.h"

#define X(word) extern const struct bh_dissector bh_dissector_##word;
BH_DISSECTOR_TABLE(X)
#undef X
const struct bh_dissector *const bh_dissectors[] = {
#define X(word) &bh_dissector_##word,
	BH_DISSECTOR_TABLE(X)
#undef X
};
const size_t bh_n_dissectors = BH_COUNT(bh_dissectors);
_Static_assert(BH_COUNT(bh_dissectors) <= BH_DISSECTORS_MAX, "raise BH_DISSECTORS_MAX");
