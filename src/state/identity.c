/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose an address is, and whose word about it counts: what anybody can claim with one frame counts for nothing here. */
#include <bulkhead/state.h>
#include "state/identity.h"

#define HOLD BH_SEC(30)
#define DISPUTE BH_HOUR(1)

/* An ACK is half of an exchange only when another device asked for it: one forged datagram accuses nobody. */
bool bh_asked_for(struct bh_asked table[BH_ASKED], const struct bh_event *ev)
{
	const struct bh_ev_dhcp *d = &ev->u.dhcp;
	struct bh_asked *a = &table[d->xid % BH_ASKED];

	if (d->flags & BH_DHCP_F_V6) /* its types are others */
		return false;
	if (d->type == 3)
		*a = (struct bh_asked){d->xid, d->client, ev->mac_src, d->server_id, ev->at};
	return d->type == 5 && a->xid == d->xid && bh_mac_eq(&a->client, &d->client) && ev->at >= a->at && ev->at - a->at <= HOLD &&
	       !bh_mac_none(&a->from) && !bh_mac_eq(&a->from, &ev->mac_src) &&
	       (bh_addr_none(&a->server) || bh_addr_eq(&a->server, &d->server_id));
}

bool bh_state_owns(const struct bh_host *h, const struct bh_mac *m, bh_ns now)
{
	if (!h->onlink || bh_mac_none(m) || !bh_mac_eq(&h->mac, m) || h->conflict_until > now)
		return false;
	return !h->moved_at || (now > h->moved_at && now - h->moved_at > DISPUTE && h->verified_at > h->moved_at);
}
