/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of a device's own choosing, fit to be shown: what does not print becomes ".", the rest of the field is zero. */
#ifndef BULKHEAD_DISSECT_PRINTED_H
#define BULKHEAD_DISSECT_PRINTED_H

#include <bulkhead/base.h>

static inline char bh_printed_char(uint8_t c)
{
	return (char)(c >= 0x20 && c < 0x7f ? c : '.');
}

/* Cut to size - 1 characters. */
static inline void bh_printed(struct bh_bytes b, char *out, size_t size)
{
	memset(out, 0, size);
	for (size_t i = 0; i < b.left && i < size - 1; i++)
		out[i] = bh_printed_char(b.p[i]);
}

#endif
