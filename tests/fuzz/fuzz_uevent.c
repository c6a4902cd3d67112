/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A uevent that is read is within its limits, and so is the port of any path. */
#include <stdlib.h>
#include <bulkhead/usb.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_usb_sys sys = {0};
	struct bh_uevent e;
	struct bh_ev_usb u;
	char port[24];

	if (bh_uevent_parse(data, size, &e))
		return 0;
	if (size > BH_UEVENT_MAX || !e.action[0] || e.devpath[0] != '/')
		abort();
	if (!bh_usb_port(e.devpath, port))
		return 0;
	if (!strstr(e.devpath, port) || strchr(port, '/'))
		abort();
	memcpy(&sys, e.devpath, sizeof sys < sizeof e.devpath ? sizeof sys : sizeof e.devpath);
	sys.serial[31] = sys.vendor[31] = sys.product[47] = '\0';
	bh_usb_say(BH_USB_ADD, port, &sys, &u);
	return 0;
}
