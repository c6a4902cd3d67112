/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waist 1: whatever parses must print, and parse back to the same bytes. */
#include <stdlib.h>
#include <bulkhead/event.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_event ev, back;
	struct bh_event_error e;
	char line[BH_EVENT_TEXT];
	size_t n;

	if (bh_event_parse((const char *)data, size, &ev, &e))
		return 0;
	n = bh_event_print(&ev, line);
	if (bh_event_parse(line, n, &back, &e) || memcmp(&ev, &back, sizeof ev))
		abort();
	return 0;
}
