/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory's lines: whatever parses must print, and parse back to the same bytes. */
#include <stdlib.h>
#include <bulkhead/device.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_device d, back;
	struct bh_event_error e;
	char line[BH_DEVICE_TEXT];
	size_t n;

	if (bh_device_parse((const char *)data, size, &d, &e))
		return 0;
	n = bh_device_print(&d, line);
	if (bh_device_parse(line, n, &back, &e) || memcmp(&d, &back, sizeof d))
		abort();
	return 0;
}
