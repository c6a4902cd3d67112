/* SPDX-License-Identifier: GPL-3.0-or-later */
/* usb_watch - the companion: tells a sensor, signed, what comes to and leaves the USB ports of this machine */
#ifndef BH_DAEMON_USB_WATCH_H
#define BH_DAEMON_USB_WATCH_H

#include <bulkhead/usb.h>

struct bh_usb_watch_opts {
	const char *host, *port; /* of the sensor */
	const char *name, *sysfs;
	struct bh_usb_secret secret;
	bool once; /* tells what is there and ends */
};
int bh_usb_watch(const struct bh_usb_watch_opts *opts); /* its life; an exit code */

#endif
