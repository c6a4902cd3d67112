/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * border - how the core reads the rings, when whoever writes them may be owned
 *
 * Why     The sensor parses attackers' bytes. If one of them takes it over, it holds shared memory that the core reads.
 * Shape   Slot numbers, record size and count of rings are constants here, never read from shared memory. A record is
 *         copied first and judged afterwards, so nobody changes it in between.
 * Errors  take: false = the record is no event a sensor may report; it is consumed all the same.
 * Purity  Reads and writes shared memory only.
 */
#ifndef BH_DAEMON_BORDER_H
#define BH_DAEMON_BORDER_H

#include "daemon/shm.h"

/* Time of the oldest record, without taking it. false = empty. */
bool bh_border_peek(struct bh_ring *r, bh_ns *ret_at);
/* Takes the oldest record of a ring that is not empty. Strings come out terminated, numbers within their names. */
bool bh_border_take(struct bh_ring *r, bh_ns now, struct bh_event *ret_event);
/* The same of the intake's ring: news of USB devices and nothing else, with nothing in them that only packets have. */
bool bh_border_take_usb(struct bh_ring *r, bh_ns now, struct bh_event *ret_event);

#endif
