/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BER and DER (X.690) one element at a time, for Kerberos and LDAP. A message may be shown in part: an element that goes on
 * behind what is shown is given with the bytes there are. Nothing here calls itself; who descends says how deep.
 */
#ifndef BULKHEAD_DISSECT_BER_H
#define BULKHEAD_DISSECT_BER_H

#include <bulkhead/base.h>

#define BH_BER_MOST 64 /* elements looked at in one list */
#define BH_BER_DEEP 8  /* lists in lists */

struct bh_ber {
	uint8_t tag;
	uint32_t len;	  /* as said */
	struct bh_bytes in; /* what is shown of it */
};
/* The element at the front of *io_b, which goes on behind it. 1 = none left, or nothing that could be one. */
int bh_ber_next(struct bh_bytes *io_b, struct bh_ber *ret_ber) BH_MUST;
/* The first element inside e: 1 = there is none, or it has another tag. */
int bh_ber_only(const struct bh_ber *e, uint8_t tag, struct bh_ber *ret_ber) BH_MUST;
/* Length of the element that begins with these bytes, its head included; 0 = no such head, or it needs more bytes. */
uint32_t bh_ber_total(const uint8_t *p, size_t n);
/* INTEGER and ENUMERATED; 0 for what is longer than 8 bytes or not whole. */
int64_t bh_ber_int(const struct bh_ber *e);
/* Text into a zeroed field, cut to fit; NUL becomes '?'. */
void bh_ber_text(const struct bh_ber *e, char *out, size_t size);

#endif
