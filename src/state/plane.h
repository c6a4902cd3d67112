/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plane - one detector's entries about hosts: a capped pool, an entry for each host that gave it something to look at
 *
 * Shape   A clock: when all are taken a hand goes round and takes the first whose host was never verified; when 64 in a row
 *         were, one that was not active since the hand came by. So forged sources push out each other.
 * Purity  Pure.
 */
#ifndef BULKHEAD_STATE_PLANE_H
#define BULKHEAD_STATE_PLANE_H

#include <bulkhead/state.h>

#define BH_PLANE_NONE UINT32_MAX

struct bh_plane {
	void *raw;
	uint8_t *mem;
	size_t each;
	unsigned number;
	uint32_t cap, used, hand;
	struct {
		uint32_t owner; /* slot of the host, BH_PLANE_NONE = free */
		bool active;
	} *entry;
	uint64_t entries, evicted;
};
int bh_plane_open(struct bh_plane *p, unsigned number, size_t each, uint32_t cap, uint32_t hosts) BH_MUST; /* each 0: stays empty */
void bh_plane_close(struct bh_plane *p);
size_t bh_plane_bytes(const struct bh_plane *p);
/* index of the host's entry, made and zeroed if need be; keep is not taken for it */
uint32_t bh_plane_of(struct bh_plane *p, struct bh_host *hosts, struct bh_host *h, uint32_t keep);
void *bh_plane_at(const struct bh_plane *p, uint32_t i);
void bh_plane_leave(struct bh_plane *p, struct bh_host *h);

#endif
