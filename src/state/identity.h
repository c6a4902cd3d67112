/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * identity - DHCP requests lately seen, so that an answer can be told from a forgery
 *
 * Shape   256 places by transaction number; a newer request takes the place of an older one.
 * Purity  Pure.
 * Source  RFC 2131 4.3.
 */
#ifndef BULKHEAD_STATE_IDENTITY_H
#define BULKHEAD_STATE_IDENTITY_H

#include <bulkhead/event.h>

#define BH_ASKED 256
struct bh_asked {
	uint32_t xid;
	struct bh_mac client, from;
	struct bh_addr server;
	bh_ns at;
};
/* Notes a REQUEST; true for an ACK to one that another device sent within the last half minute. */
bool bh_asked_for(struct bh_asked table[BH_ASKED], const struct bh_event *ev);

#endif
