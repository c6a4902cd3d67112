/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * told - what the store was told of a device last, so that only what is new is told again
 *
 * Shape   One struct for each place in the device table, 64 bytes. A place that holds another device than was told of is a new one.
 * Units   bh_ns of events.
 * Purity  Pure.
 */
#ifndef BH_DAEMON_TOLD_H
#define BH_DAEMON_TOLD_H

#include "daemon/store.h"

#define BH_TOLD_REST BH_HOUR(1) /* a device that only goes on being there is told of so often */

struct bh_told {
	struct bh_mac mac;
	uint8_t at_print, base; /* base: the print before this one */
	bh_ns changed, last;
	uint64_t addrs;
	uint32_t name, usb, conflicts;
	int32_t drift; /* told of base and at_print */
};

bool bh_told_due(const struct bh_told *t, const struct bh_device *d);
/* each: a line of its history, text of at most BH_STORY_TEXT - 1 bytes */
void bh_told_tell(struct bh_told *t, const struct bh_device *d, void (*each)(void *ctx, unsigned story, bh_ns at, const char *text), void *ctx);
void bh_told_as(struct bh_told *t, const struct bh_device *d); /* it comes from the store: there is nothing to tell */
void bh_told_again(struct bh_told *t, bh_ns since); /* the store may have forgotten what changed since then */

#endif
