/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words of a line of plan text. All of these return 0, or 1 with the place and the reason in the
 * parser's error. */
#ifndef PLAN_WORDS_H
#define PLAN_WORDS_H

#include <bulkhead/plan.h>

/* names to indices: positions + 1 in an open table */
struct names {
	uint32_t *slot;
	size_t mask, n;
};

struct parser {
	struct bh_plan plan;
	struct bh_plan_error *error;
	struct names zones, conduits;
	const char *line, *at, *end; /* the line, the rest of it, its end */
	unsigned number;
	size_t cap_zones, cap_permits, cap_pins, cap_remedies, cap_mgmt, cap_never, cap_conduits,
		cap_cuts;
	bool head, limit;
};

int bh_words_fail(struct parser *p, const char *at, const char *fmt, ...) BH_PRINTF(3, 4);
int bh_words_next(struct parser *p, const char *what, struct bh_word *ret_word);
int bh_words_optional_word(struct parser *p, struct bh_word *ret_word, bool *ret_have);
bool bh_words_keyed(struct bh_word w, const char *key, struct bh_word *ret_value);
int bh_words_need_keyed(struct parser *p, const char *key, struct bh_word *ret_value);
int bh_words_end_of_line(struct parser *p);
int bh_words_name(struct parser *p, struct bh_word w, char out[BH_NAME]);
int bh_words_prefix(struct parser *p, struct bh_word w, struct bh_prefix *ret_prefix);
int bh_words_next_prefix(struct parser *p, struct bh_prefix *ret_prefix);
int bh_words_number(struct parser *p, struct bh_word w, uint64_t min, uint64_t max, uint64_t *ret);
int bh_words_service(struct parser *p, uint8_t *ret_proto, uint16_t *ret_lo, uint16_t *ret_hi);
int bh_words_position(struct parser *p, struct bh_word w, struct bh_pos *ret_pos);

#endif
