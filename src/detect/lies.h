/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lies - what a device said on the wire that is not so, and who believed it
 *
 * Why     What is said can be forged in an innocent's name, with his hardware address in the frame. That it was believed - an
 *         answered connection of somebody else went to the liar because of it - takes two devices that really speak.
 * Shape   A table for each detector, by device: 256 of them, whose lie is oldest gives way.
 * Units   bh_ns of events.
 * Purity  Pure.
 *
 * How much belief isolates depends on whom it would hit. One whom nobody knows is isolated at the first; a device that is
 * registered, or has spoken here for a day, only when two others believed it who are as well known: to frame him takes
 * two of those. At one he is shielded. In a zone without an inventory each may be one who belongs.
 */
#ifndef BULKHEAD_DETECT_LIES_H
#define BULKHEAD_DETECT_LIES_H

#include "detect/inside.h"

#define BH_LIES 256
#define BH_LIE_TOLD 4
struct bh_lie {
	struct bh_mac mac; /* none = free */
	bool several;	   /* about several addresses in turn */
	uint8_t n_believers;
	uint32_t n;	   /* how often said */
	bh_ns at, believed; /* last said; last told that it was believed */
	struct bh_addr about; /* whose address, what prefix; of a name: the address answered */
	struct bh_mac believers[2];
	struct bh_recent told[BH_LIE_TOLD]; /* hashes of who was told, of names */
};
struct bh_lies {
	struct bh_lie v[BH_LIES];
};
/* The device says so, about an address, to somebody (NULL: to all). */
struct bh_lie *bh_lie_said(struct bh_lies *t, struct bh_device *d, const struct bh_addr *about, const struct bh_addr *to, bh_ns at);
/* What the connection's far end said within the time, or NULL; nothing for what may be routers. */
struct bh_lie *bh_lie_behind(struct bh_lies *t, const struct bh_sight *s, bh_ns lasts);
bool bh_lie_told_to(const struct bh_lie *l, const struct bh_addr *who, bh_ns at, bh_ns window);
/* The connection's initiator has believed it: 0 nothing new, else how far it may go, BH_STEP_SHIELD or BH_STEP_ISOLATE. */
unsigned bh_lie_believed(struct bh_lie *l, const struct bh_sight *s);
/* The same of two devices; a believer NULL is nobody. settled: the liar is one who belongs. own: it was surely the believer. */
unsigned bh_lie_between(struct bh_lie *l, const struct bh_sight *s, bool settled, const struct bh_device *believer, bool own);
/* Known by its registration, the policy, or a day of answered connections. */
bool bh_settled(const struct bh_device *d, bh_ns now);

#endif
