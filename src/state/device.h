/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the state does with devices beside what everybody may: lists, zones, sessions, prints. */
#ifndef BULKHEAD_STATE_DEVICE_H
#define BULKHEAD_STATE_DEVICE_H

#include <bulkhead/state.h>

/* As touch; *ret_before: when it was last seen, 0 = never. */
struct bh_device *bh_devices_meet(struct bh_devices *t, const struct bh_mac *m, bh_ns at, bh_ns *ret_before);
void bh_devices_flag(struct bh_devices *t, struct bh_device *d, uint8_t flags, bool on);
void bh_devices_zone(struct bh_devices *t, struct bh_device *d, uint16_t zone);
void bh_devices_declare(struct bh_devices *t, const struct bh_policy *p); /* whom the policy names by MAC, for known_in */
/* print.c: what an event shows of a device. *ret_begun: a session began. true: the print being filled has something new. */
bool bh_device_shows(struct bh_device *d, const struct bh_event *ev, bool own, bool *ret_begun);

/* clocks.c: of each pair of addresses, the last clocks seen; NULL = no memory */
struct bh_clocks;
struct bh_clocks *bh_clocks_open(void);
void bh_clocks_close(struct bh_clocks *c);
/* The two clocks of this SYN's pair have taken turns often enough: two machines. */
bool bh_clocks_two(struct bh_clocks *c, const struct bh_device *d, const struct bh_event *ev);
/* belongs.c: the frame's sender in the sight, made if need be, before the event changes anything; then its zone and its print. */
void bh_device_meet(struct bh_devices *t, const struct bh_policy *p, struct bh_sight *v);
void bh_device_sight(struct bh_devices *t, const struct bh_policy *p, struct bh_sight *v);

#endif
