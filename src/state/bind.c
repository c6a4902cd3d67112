/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which device an address belongs to, and what a claim on it is worth. */
#include "state/inside.h"

#define CONFLICT_WINDOW BH_SEC(30)
#define ALIVE BH_MIN(1)
#define GIVEN_UP BH_MIN(5)

size_t bh_state_addrs_of(struct bh_state *s, const struct bh_mac *m, struct bh_addr ret_addrs[BH_HOST_ADDRS])
{
	const struct bh_device *d = bh_mac_none(m) ? NULL : bh_devices_find(s->devices, m);

	if (!d || (d->flags & BH_DEV_ROUTES))
		return 0;
	memcpy(ret_addrs, d->addrs, d->n_addrs * sizeof *ret_addrs);
	return d->n_addrs;
}

struct bh_devices *bh_state_devices(struct bh_state *s)
{
	return s->devices;
}

/* IPv6 has no ARP: a frame that was not routed, from a MAC whose IPv4 address in the same zone is known to be its own */
static bool neighbour(struct bh_state *s, const struct bh_host *h, const struct bh_mac *m, uint8_t ttl, bh_ns at)
{
	const struct bh_device *d = bh_devices_find(s->devices, m);

	if (!d || bh_addr_is4(&h->addr) || h->zone == BH_ZONE_NONE || (ttl && ttl != 64 && ttl != 128 && ttl != 255))
		return false;
	for (unsigned i = 0; i < d->n_addrs; i++) {
		const struct bh_host *o = bh_state_find(s, &d->addrs[i]);

		if (o && bh_addr_is4(&o->addr) && o->zone == h->zone && o->verified && bh_state_owns(o, m, at))
			return true;
	}
	return false;
}

/*
 * The claim stands against a binding. Claimed by two MACs inside half a minute is a conflict: nobody is cut for it automatically. While it
 * is open, who had the address before is remembered, so that of the two that contradict each other one is the newcomer; if the elder
 * does not use it for five minutes, he has given it up.
 */
static enum bh_claim against(struct bh_state *s, struct bh_host *h, bh_ns at, struct bh_mac *ret_owner)
{
	const struct bh_device *old = bh_devices_find(s->devices, &h->mac);
	bool pinned = h->declared && !bh_mac_none(&s->policy->hosts[h->declared - 1].mac);
	bool there = old && (at < old->last || at - old->last < ALIVE);

	if (h->conflict_until < at || (at > h->kept_at && at - h->kept_at > GIVEN_UP)) {
		h->kept = h->mac;
		h->kept_at = h->disputed_at = at;
	}
	*ret_owner = h->kept;
	if (pinned || (old && (at < old->last || at - old->last < CONFLICT_WINDOW))) {
		if (h->conflict_until < at)
			s->n.conflicts++;
		h->conflict_until = at + CONFLICT_HOLD;
	}
	return pinned ? BH_CLAIM_DECLARED : there ? BH_CLAIM_DISPUTED : BH_CLAIM_LEFT;
}

/* during a conflict: the elder is in his right, anybody else disputes it again */
static enum bh_claim again(struct bh_host *h, const struct bh_mac *m, bh_ns at, struct bh_mac *ret_owner)
{
	if (bh_mac_eq(m, &h->kept)) {
		h->kept_at = at;
		return BH_CLAIM_SAME;
	}
	*ret_owner = h->kept;
	return at > h->kept_at && at - h->kept_at > GIVEN_UP ? BH_CLAIM_LEFT : BH_CLAIM_DISPUTED;
}

enum bh_claim bh_state_bind(struct bh_state *s, struct bh_host *h, const struct bh_mac *m, bh_ns at, enum bh_by how, uint8_t ttl, struct bh_device *known, struct bh_mac *ret_owner)
{
	enum bh_claim c = BH_CLAIM_SAME;
	struct bh_device *d;

	if (!h || !(d = known && bh_mac_eq(&known->mac, m) ? known : bh_devices_touch(s->devices, m, at)))
		return BH_CLAIM_NONE;
	if (!bh_device_carry(d, &h->addr, at, how == BH_BY_FRAME)) {
		if (bh_mac_eq(&h->mac, m)) {
			memset(&h->mac, 0, sizeof h->mac);
			h->onlink = false;
		}
		return BH_CLAIM_NONE;
	}
	if (bh_mac_none(&h->mac))
		c = BH_CLAIM_FIRST;
	else if (!bh_mac_eq(&h->mac, m)) {
		c = against(s, h, at, ret_owner);
		if (c == BH_CLAIM_DECLARED)
			return c; /* the policy says whose address it is */
		h->moved_at = at ? at : 1;
		h->onlink = false;
	}
	h->mac = *m;
	if (how != BH_BY_FRAME || neighbour(s, h, m, ttl, at))
		h->onlink = true;
	return h->conflict_until > at && !bh_mac_none(&h->kept) ? again(h, m, at, ret_owner) : c;
}

/*
 * Which address a device goes by: one in a zone rather than none, one that frames carried rather than a claim, which is free, IPv4 rather
 * than IPv6; of several carried the one used last, for of an address left behind somebody else may be the next owner.
 */
static unsigned worth(const struct bh_device *d, unsigned i, const struct bh_host *h)
{
	return (h->zone != BH_ZONE_NONE) * 4 + (d->carried >> i & 1) * 2 + bh_addr_is4(&h->addr);
}

struct bh_host *bh_state_host_of(struct bh_state *s, struct bh_device *d, bh_ns at)
{
	struct bh_addr a = bh_addr_of_mac(&d->mac);
	struct bh_host *h = NULL;
	unsigned best = 0;

	for (unsigned i = 0; !(d->flags & BH_DEV_ROUTES) && i < d->n_addrs; i++) {
		struct bh_host *o = bh_state_find(s, &d->addrs[i]);
		unsigned w;

		if (!o || !bh_state_owns(o, &d->mac, at))
			continue;
		w = worth(d, i, o);
		if (h && (w < best || (w == best && (!(w & 2) || o->last <= h->last))))
			continue;
		h = o;
		best = w;
	}
	if (!h) {
		h = bh_state_touch(s, &a, at);
		d->flags |= BH_DEV_NAMELESS; /* no list hangs on it */
	}
	if (h && bh_mac_none(&h->mac)) {
		h->mac = d->mac;
		h->onlink = true;
	}
	if (h && h->zone == BH_ZONE_NONE)
		h->zone = d->zone; /* perhaps known only since */
	return h;
}
