/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loaders of data files share: whatever is wrong is said with its place. */
#include <errno.h>
#include <stdlib.h>
#include "policy/strict.h"

bool bh_strict_room(struct bh_strict *s, void *array, size_t n, size_t *cap, size_t size, size_t limit, const struct bh_node *at)
{
	void **a = array, *v;

	if (n >= limit) {
		bh_diag(s->d, BH_DIAG_ERROR, at->at, "more than %zu entries here", limit);
		return false;
	}
	if (n == *cap) {
		size_t more = *cap ? *cap * 2 : 8;

		v = realloc(*a, more * size);
		if (!v) {
			s->error = -ENOMEM;
			return false;
		}
		*a = v;
		*cap = more;
	}
	memset((char *)*a + n * size, 0, size);
	return true;
}

bool bh_strict_kind(struct bh_strict *s, const struct bh_node *v, unsigned want, const char *what)
{
	static const char *const names[] = {"one word", "a list", "a map"};

	if (v->kind == want)
		return true;
	bh_diag(s->d, BH_DIAG_ERROR, v->at, "%s must be %s", what, names[want]);
	return false;
}

bool bh_strict_number(struct bh_strict *s, const struct bh_node *v, uint64_t max, uint64_t *ret)
{
	if (v->kind == BH_NODE_SCALAR && bh_word_u64((struct bh_word){v->text, v->len}, max, ret) == 0)
		return true;
	bh_diag(s->d, BH_DIAG_ERROR, v->at, "a whole number up to %llu is expected", (unsigned long long)max);
	return false;
}

static bool text(struct bh_strict *s, const struct bh_node *v, char *out, size_t size, bool blanks)
{
	if (v->kind != BH_NODE_SCALAR || !v->len || v->len >= size) {
		bh_diag(s->d, BH_DIAG_ERROR, v->at, "a word of 1 to %zu characters is expected", size - 1);
		return false;
	}
	for (uint32_t i = 0; i < v->len; i++) {
		bool inside = blanks && i && i + 1 < v->len;

		if ((v->text[i] <= ' ' && !(inside && v->text[i] == ' ')) || v->text[i] > '~' || v->text[i] == '"' || v->text[i] == '\\') {
			bh_diag(s->d, BH_DIAG_ERROR, v->at, "only printable ASCII without %squotes", blanks ? "" : "spaces and ");
			return false;
		}
	}
	bh_strcpy(out, size, v->text);
	return true;
}

bool bh_strict_word(struct bh_strict *s, const struct bh_node *v, char *out, size_t size)
{
	return text(s, v, out, size, false);
}

bool bh_strict_words(struct bh_strict *s, const struct bh_node *v, char *out, size_t size)
{
	return text(s, v, out, size, true);
}
