/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/lies.h"

#define WAYS 4
#define ONE_STORY BH_MIN(5)

bool bh_settled(const struct bh_device *d, bh_ns now)
{
	return d->status == BH_DEV_KNOWN || (d->flags & BH_DEV_DECLARED) || ((d->flags & BH_DEV_SPOKE) && now > d->first && now - d->first > BH_HOUR(24));
}

static struct bh_lie *find(struct bh_lies *t, const struct bh_mac *m, bool make)
{
	struct bh_lie *set = &t->v[bh_hash(m, sizeof *m, 0) % (BH_LIES / WAYS) * WAYS], *give = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (bh_mac_eq(&set[i].mac, m))
			return &set[i];
		if (set[i].at < give->at)
			give = &set[i];
	}
	if (!make)
		return NULL;
	*give = (struct bh_lie){.mac = *m};
	return give;
}

struct bh_lie *bh_lie_said(struct bh_lies *t, struct bh_device *d, const struct bh_addr *about, const struct bh_addr *to, bh_ns at)
{
	struct bh_lie *l = find(t, &d->mac, true);

	if (!bh_within(at, l->at, ONE_STORY)) {
		l->several = false;
		l->n_believers = 0;
	} else if (!bh_addr_eq(&l->about, about))
		l->several = true;
	l->n += l->n < UINT32_MAX;
	l->at = at ? at : 1;
	l->about = *about;
	if (to)
		(void)bh_recent_note(l->told, BH_LIE_TOLD, bh_addr_hash(to, 1) | 1, at, ONE_STORY);
	d->flags |= BH_DEV_LIED; /* no list hangs on it */
	return l;
}

/* who passes on for many is no liar's destination but a router, and not to be cut */
struct bh_lie *bh_lie_behind(struct bh_lies *t, const struct bh_sight *s, bh_ns lasts)
{
	struct bh_lie *l;

	if (!bh_opened(s->ev) || !s->far_who || (s->far->flags & BH_DEV_ROUTES) || (s->far->tags & BH_DEV_T_ROUTER) || (s->far->roles & BH_ROLE_BIT(BH_ROLE_GATEWAY)))
		return NULL;
	l = find(t, &s->far->mac, false);
	return l && bh_within(s->ev->at, l->at, lasts) ? l : NULL;
}

bool bh_lie_told_to(const struct bh_lie *l, const struct bh_addr *who, bh_ns at, bh_ns window)
{
	return bh_recent_has(l->told, BH_LIE_TOLD, bh_addr_hash(who, 1) | 1, at, window);
}

unsigned bh_lie_between(struct bh_lie *l, const struct bh_sight *s, bool settled, const struct bh_device *believer, bool own)
{
	bool counts = believer && !bh_mac_eq(&believer->mac, &l->mac) && !(believer->flags & BH_DEV_ROUTES), had = false;

	counts = counts && (!settled || (own && bh_settled(believer, s->ev->at)));
	for (unsigned i = 0; believer && i < l->n_believers; i++)
		had |= bh_mac_eq(&l->believers[i], &believer->mac);
	if (counts && !had && l->n_believers < 2)
		l->believers[l->n_believers++] = believer->mac;
	else if (bh_within(s->ev->at, l->believed, BH_MIN(1)))
		return 0;
	l->believed = s->ev->at ? s->ev->at : 1;
	return l->n_believers >= (settled ? 2 : 1) ? BH_STEP_ISOLATE : BH_STEP_SHIELD;
}

/* The connection came from the believer's own address, by its own frame. The liar may be claiming that address as well. */
static bool of_its_own(const struct bh_sight *s)
{
	return s->own || (s->src && s->dev && bh_mac_eq(&s->src->mac, &s->dev->mac) && s->src->conflict_until > s->ev->at && bh_mac_eq(&s->src->kept, &s->dev->mac));
}

unsigned bh_lie_believed(struct bh_lie *l, const struct bh_sight *s)
{
	bool inventory = bh_devices_known_in(s->devices, s->far->zone) > 0;

	/* where there is an inventory, a believer nobody knows may have been invented for the purpose */
	if (inventory && (!s->dev || !bh_settled(s->dev, s->ev->at)))
		return bh_lie_between(l, s, bh_settled(s->far, s->ev->at), NULL, false);
	return bh_lie_between(l, s, !inventory || bh_settled(s->far, s->ev->at), s->dev, of_its_own(s));
}
