/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * strict - what the loaders of data files share: arrays that grow to a limit, and values that are what they must be
 *
 * Shape   Whatever is wrong is said with its place, and false is returned.
 * Errors  Mistakes in the text become diagnostics; only memory can fail, remembered in error.
 */
#ifndef BH_POLICY_STRICT_H
#define BH_POLICY_STRICT_H

#include "policy/load.h"

struct bh_strict {
	struct bh_diags *d;
	int error;
};
/* Room for one more in *(void **)array, zeroed. */
bool bh_strict_room(struct bh_strict *s, void *array, size_t n, size_t *cap, size_t size, size_t limit, const struct bh_node *at);
bool bh_strict_kind(struct bh_strict *s, const struct bh_node *v, unsigned want, const char *what);
bool bh_strict_number(struct bh_strict *s, const struct bh_node *v, uint64_t max, uint64_t *ret);
bool bh_strict_word(struct bh_strict *s, const struct bh_node *v, char *out, size_t size);
bool bh_strict_words(struct bh_strict *s, const struct bh_node *v, char *out, size_t size); /* blanks inside, too */

#endif
