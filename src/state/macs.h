/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses a MAC was seen with: 4-way sets, the one not seen for longest gives way. */
#ifndef BULKHEAD_STATE_MACS_H
#define BULKHEAD_STATE_MACS_H

#include <bulkhead/state.h>

struct bh_macent {
	struct bh_mac mac;
	uint8_t n, carried; /* carried: bit per address that came in frames, not only in ARP */
	bool router;
	bh_ns last;
	struct bh_addr addrs[BH_HOST_ADDRS];
};
struct bh_macs {
	struct bh_macent *e;
	void *raw;
	uint64_t seed, used, evicted;
};
int bh_macs_open(struct bh_macs *s, uint64_t seed) BH_MUST;
void bh_macs_close(struct bh_macs *s);
size_t bh_macs_bytes(void);
struct bh_macent *bh_macs_set(const struct bh_macs *s, const struct bh_mac *m); /* the four places it may stand */
struct bh_macent *bh_macs_find(struct bh_macs *s, const struct bh_mac *m, bool make);
/* The MAC has the address. frame: a frame carried it, not only a claim. false: the MAC is a router's. */
bool bh_macs_carry(struct bh_macs *s, const struct bh_mac *m, const struct bh_addr *a, bh_ns at, bool frame);
unsigned bh_macs_several_nets(const struct bh_macent *e); /* NULL: 0 */

#endif
