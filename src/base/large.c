/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <bulkhead/base.h>

#define LARGE ((size_t)2 << 20)

void *bh_large_calloc(size_t n, size_t each, void **ret_raw)
{
	/* whole large pages, so that the last one may be one too; the slack is never touched and so costs nothing */
	size_t bytes = n * each < LARGE / 2 ? n * each : (n * each + LARGE - 1) & ~(LARGE - 1);
	uint8_t *raw;

	if (each && n > SIZE_MAX / 2 / each)
		return NULL;
	raw = calloc(bytes + LARGE, 1);
	if (!raw)
		return NULL;
	*ret_raw = raw;
	return (void *)(((uintptr_t)raw + LARGE - 1) & ~(uintptr_t)(LARGE - 1));
}
