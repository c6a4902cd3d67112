/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line that says something of a USB device makes an event that survives its own text. */
#include <stdlib.h>
#include <bulkhead/usb.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_event ev = {.kind = BH_EV_USB, .proto = 17}, back;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	char *own = malloc(size ? size : 1); /* without a byte behind it */

	if (!own)
		return 0;
	memcpy(own, data, size);
	if (bh_usb_syslog(own, size, &ev.u.usb) == 0) {
		if (ev.u.usb.via != BH_USB_SYSLOG || ev.u.usb.op != BH_USB_ADD)
			abort();
		if (bh_event_parse(line, bh_event_print(&ev, line), &back, &e) || memcmp(&back, &ev, sizeof back))
			abort();
	}
	free(own);
	return 0;
}
