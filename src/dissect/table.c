/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every dissector there is: one line each. */
#include <bulkhead/dissect.h>

const struct bh_dissector *const bh_dissectors[] = {
	NULL, /* ends the table */
};
const size_t bh_n_dissectors = BH_COUNT(bh_dissectors) - 1;
