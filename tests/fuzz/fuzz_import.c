/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of devices: no text harms, in any format, and every item is a line the daemon reads as the same item. */
#include <stdlib.h>
#include "control/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void item(void *ctx, const struct bh_import_item *it)
{
	char line[BH_IMPORT_TEXT];
	struct bh_import_item back;
	struct bh_event_error e;
	size_t n = bh_import_print(it, line);

	if (bh_import_parse(line, n, &back, &e) || memcmp(&it->d, &back.d, sizeof back.d) || strcmp(it->zone, back.zone))
		abort();
	++*(size_t *)ctx;
}

static void wrong(void *ctx, unsigned line, unsigned col, const char *text)
{
	if (!line || !col || !text[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_import_count n;
	size_t items = 0;

	for (unsigned f = BH_IMPORT_GUESS; f < BH_IMPORT_FORMATS; f++) {
		items = 0;
		if (bh_import((const char *)data, size, f, &(struct bh_import_sink){item, wrong, &items}, &n) == 0 && n.items != items)
			abort();
	}
	return 0;
}
