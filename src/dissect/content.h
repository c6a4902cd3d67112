/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What bytes look like: a histogram with a verdict of randomness, and the class of a file's first
 * bytes. */
#ifndef BULKHEAD_DISSECT_CONTENT_H
#define BULKHEAD_DISSECT_CONTENT_H

#include <bulkhead/event.h>

#define BH_CONTENT_FULL 65536u /* looked at byte by byte; afterwards one piece in 16 */

struct bh_content {
	uint32_t hist[256];
	uint32_t n, pieces;
	uint8_t magic; /* enum bh_magic */
};
void bh_content_add(struct bh_content *c, const uint8_t *p, size_t n);
enum bh_rand bh_content_verdict(const struct bh_content *c);
enum bh_magic bh_content_magic(const uint8_t *p, size_t n); /* n <= 16 bytes from offset 0 */

/*
 * UTF-16LE to UTF-8, lossy, into a zero-padded field; the tail is kept when it does not fit. With
 * path, '\' becomes '/' and leading ones go.
 */
void bh_content_utf16(const uint8_t *p, size_t bytes, char *out, size_t size, bool path);

#endif
