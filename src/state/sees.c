/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which kinds of traffic of each zone reach us. A kind that never came is not observable from here, whatever the reason. */
#include "state/inside.h"

#define RECENT BH_HOUR(24)

const char *bh_sees_text(unsigned what)
{
	static const char *const n[BH_SEES_COUNT] = {
#define X(id, text) text,
		BH_SEES(X)
#undef X
	};

	return n[what < BH_SEES_COUNT ? what : 0];
}

static bool offers(const struct bh_ev_dhcp *d)
{
	return d->flags & BH_DHCP_F_V6 ? d->type == BH_DHCP6_ADVERTISE || d->type == BH_DHCP6_REPLY : d->type == 2 || d->type == 5;
}

/* the kind an event proves, or BH_SEES_COUNT */
static unsigned kind_of(const struct bh_event *ev)
{
	switch (ev->kind) {
	case BH_EV_ARP:
		return ev->u.arp.flags & BH_ARP_F_GROUP ? BH_SEES_ASKED : ev->u.arp.op == 2 ? BH_SEES_ANSWERED : BH_SEES_FRAMES;
	case BH_EV_DHCP:
		return offers(&ev->u.dhcp) ? BH_SEES_OFFERS : BH_SEES_DHCP;
	case BH_EV_NAME:
		return bh_addr_multicast(&ev->dst) || ev->u.name.op == BH_NAME_QUERY ? BH_SEES_NAMES : ev->u.name.op == BH_NAME_ANSWER ? BH_SEES_REPLIES : BH_SEES_COUNT;
	case BH_EV_USB:
		return BH_SEES_USB;
	case BH_EV_FLOW_OUTCOME:
		return ev->outcome == BH_OUT_SUCCESS && (ev->flags & BH_EVF_TWOWAY) ? BH_SEES_CONVERSATIONS : BH_SEES_COUNT;
	case BH_EV_RA:
		return BH_SEES_FRAMES;
	}
	return BH_SEES_COUNT;
}

static bh_ns *row(const struct bh_state *s, uint16_t zone)
{
	return &s->sees[(zone < BH_MAX_ZONES ? zone : BH_MAX_ZONES) * BH_SEES_COUNT];
}

void bh_state_saw(struct bh_state *s, const struct bh_sight *v)
{
	unsigned kind = kind_of(v->ev);
	bh_ns at = v->ev->at ? v->ev->at : 1;
	uint16_t zone = v->dev && !(v->dev->flags & BH_DEV_ROUTES) ? v->dev->zone : v->src ? v->src->zone : BH_ZONE_NONE;

	if (v->probed || (v->src && v->src->self))
		return; /* that we are answered, and hear ourselves, shows nothing of what the others say */
	if (v->own)
		row(s, zone)[BH_SEES_FRAMES] = at;
	if (kind < BH_SEES_COUNT)
		row(s, zone)[kind] = at;
}

uint32_t bh_state_sees(const struct bh_state *s, uint16_t zone, bh_ns now)
{
	const bh_ns *r = row(s, zone);
	uint32_t mask = 0;

	for (unsigned i = 0; i < BH_SEES_COUNT; i++)
		if (r[i] && (now < r[i] || now - r[i] <= RECENT))
			mask |= 1u << i;
	return mask;
}
