/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From nf_tables messages to a model: the same bytes whether we are about to send them or the kernel
 * has just sent them. */
#ifndef ENFORCE_MODEL_H
#define ENFORCE_MODEL_H

#include <bulkhead/prove.h>
#include "nl.h"

/* attributes of one nest by type; p NULL = not there */
#define ATTRS 24
struct attrs {
	struct bh_bytes v[ATTRS];
};
/* false: malformed, one twice, or one whose bit is not in known */
bool bh_attrs_read(struct bh_bytes c, uint32_t known, struct attrs *ret);
bool bh_attrs_each(struct bh_bytes *c, uint16_t *ret_type, struct bh_bytes *ret_body); /* c->bad: malformed */
bool bh_attr_u32(const struct bh_bytes *a, uint32_t *ret_value);
bool bh_attr_name(const struct bh_bytes *a, char ret_name[BH_MODEL_NAME]);
bool bh_attr_data(const struct bh_bytes *a, const uint8_t **ret_value, size_t *ret_len);
bool bh_attr_verdict(const struct bh_bytes *data, uint8_t *ret_verdict, char ret_chain[BH_MODEL_NAME]);
#define HAS(attr) (1u << (attr))

/* one expression; what is not known becomes BH_X_UNKNOWN with its name and what is wrong with it */
void bh_model_expr(struct bh_bytes body, struct bh_expr *x);

struct reader {
	struct bh_model *m;
	bool dump; /* of the kernel: other tables may be in it, rules are in their order */
	uint16_t epoch; /* of the ruleset, as the kernel counts; 0 = none yet */
	bool torn;
};
/* any number of messages; < 0 out of memory. What is wrong with them is refused in the model. */
int bh_model_feed(struct reader *rd, struct bh_bytes messages) BH_MUST;
int bh_model_of_batch(const struct batch *b, struct bh_model **ret_model) BH_MUST; /* proof.c */
/* proof.c: the table as the kernel holds it. cuts false: what comes and goes by itself is left out.
 * -ENOENT there is none */
int bh_model_read(struct nl *nl, bool cuts, struct bh_model **ret) BH_MUST;

#endif
