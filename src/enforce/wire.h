/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef ENFORCE_WIRE_H
#define ENFORCE_WIRE_H

#include <bulkhead/enforce.h>

/* a reply or notice as a frame with its length; malloc'ed */
int bh_reply_encode(const struct bh_enf_reply *r, char **ret_frame, size_t *ret_len) BH_MUST;
/* first line of a request. 0, or 1 malformed; *ret_body points into payload */
int bh_request_decode(const char *payload, size_t len, unsigned *ret_request, uint32_t *ret_seq,
	const char **ret_body, size_t *ret_body_len) BH_MUST;

#endif
