/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb_sysfs - what sysfs says of USB devices, and the kernel's uevent socket
 *
 * Shape   sysfs is a descriptor of its root, so that it works behind a sandbox and on a copy in a test. Every file is read up to 255
 *         bytes, every directory up to 1024 names; what does not print becomes '.'.
 * Errors  false or 1: nothing there, or not for us. < 0 -errno.
 */
#ifndef BH_DAEMON_USB_SYSFS_H
#define BH_DAEMON_USB_SYSFS_H

#include <bulkhead/usb.h>

bool bh_sysfs_device(int sysfs, const char *port, struct bh_usb_sys *ret_sys);
/* The port a network interface hangs on, and its address. false = it is none of a USB port. */
bool bh_sysfs_net(int sysfs, const char *iface, char ret_port[24], struct bh_mac *ret_mac);
void bh_sysfs_list(int sysfs, const char *dir, void (*each)(void *ctx, const char *name), void *ctx);
/* Who sits at the machine: the last logged on at a console or a display. "" = nobody. */
void bh_seat_user(char ret_user[32]);
void bh_seat_read(int utmp, char ret_user[32]); /* of records read from there */

int bh_uevent_open(void) BH_MUST; /* a descriptor, or < 0 -errno */
/* One message of the kernel's own. 0; 1 = none waits, or -ENOBUFS: some were lost. Others' messages are passed over. */
int bh_uevent_recv(int fd, struct bh_uevent *ret_event) BH_MUST;

#endif
