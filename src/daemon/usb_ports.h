/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb_ports - from uevents to what is told of a USB port; for the companion and for the sensor's own ports
 *
 * Why     A device is announced before its interfaces and its network interface are there: it is told a moment later, once, with all of it.
 * Shape   A table of ports; the caller looks into sysfs (or cannot) and takes what is told.
 * Units   now: any clock that goes forward.
 * Purity  Pure but for the caller's functions.
 */
#ifndef BH_DAEMON_USB_PORTS_H
#define BH_DAEMON_USB_PORTS_H

#include <bulkhead/usb.h>

#define BH_PORTS 128
#define BH_PORTS_SETTLE BH_MS(300) /* after a device is announced; its network interface ends the wait */
struct bh_port {
	char port[24]; /* "" = free */
	struct bh_usb_sys sys;
	char iface[16];
	struct bh_mac mac;
	bh_ns due, since; /* due: when it is told, 0 = was told */
};
struct bh_ports {
	/* what sysfs says; false = nothing, or the device is gone. Both may be NULL: then the uevents' own words have to do. */
	bool (*look)(void *ctx, const char *port, struct bh_usb_sys *ret_sys);
	bool (*look_net)(void *ctx, const char *iface, char ret_port[24], struct bh_mac *ret_mac);
	void (*tell)(void *ctx, struct bh_ev_usb *u); /* host, user, boot, seq and via are the caller's */
	void *ctx;
	uint64_t evicted;
	struct bh_port port[BH_PORTS];
};

void bh_ports_uevent(struct bh_ports *t, const struct bh_uevent *e, bh_ns now);
void bh_ports_due(struct bh_ports *t, bh_ns now);
int bh_ports_wait_ms(const struct bh_ports *t, bh_ns now); /* until the next is due; -1 = none is */
/* A port that is listed: at the start as THERE; after uevents were lost as an ADD, if it is not known. */
void bh_ports_listed(struct bh_ports *t, const char *port, bool start, bh_ns now);
void bh_ports_listed_net(struct bh_ports *t, const char *iface, bh_ns now); /* before the ports */

#endif
