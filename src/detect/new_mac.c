/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * new.mac (U1) - a device nobody registered is on the wire
 *
 * Told of a MAC address that the inventory does not have, or that was not seen for 30 days, once its zone is known. It needs an
 * inventory: a zone in which no device is known yet has nothing to compare with, and nothing is told there. An office gets
 * visitors: after the first in an hour the others are told as info. In OT, static and kiosk zones each one counts. From the 33rd
 * in an hour on only powers of two are told, with their number: addresses are easily invented. Who has spoken and was answered is not,
 * and is told for himself, however many came before him.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_new_mac;

struct zone {
	bh_ns told, since;
	uint32_t came; /* in the last 30 days */
	struct bh_crowd crowd;
};
struct shared {
	struct zone zone[BH_MAX_ZONES];
};

static bool cares(const struct bh_sight *s)
{
	const struct bh_device *d = s->dev;

	return d && !(d->flags & BH_DEV_MET) && (!(d->flags & BH_DEV_CROWD) || (d->flags & BH_DEV_SPOKE)) && d->zone != BH_ZONE_NONE && (s->own || s->who);
}

/* kept over a restart */
static void met(struct bh_device *d, bh_ns at)
{
	d->flags = (uint8_t)((d->flags | BH_DEV_MET) & ~BH_DEV_CROWD);
	d->changed = at > d->changed ? at : d->changed;
}

/* the policy has a host with one of its addresses, and does not say with which MAC: it may be that one, and may only say so */
static bool may_be_declared(const struct bh_sight *s)
{
	for (unsigned i = 0; i < s->dev->n_addrs; i++) {
		const struct bh_phost *h = bh_policy_host_by_addr(s->policy, &s->dev->addrs[i]);

		if (h && bh_mac_none(&h->mac))
			return true;
	}
	return false;
}

/*
 * An address the policy declares is no news, but a claim of it is free: it counts for all that the device says once it had an exchange
 * under it, and until the device speaks at all nothing is judged.
 */
static bool declared(const struct bh_sight *s, const struct bh_host *h)
{
	if (h && h->declared) {
		if (s->own && (s->ev->flags & BH_EVF_TWOWAY))
			met(s->dev, s->ev->at);
		return true;
	}
	return (s->who && s->who->declared && s->who->verified) || (!(s->dev->flags & BH_DEV_SPOKE) && may_be_declared(s));
}

/* As bh_crowd_add; who is one of many is not done with. */
static unsigned came(struct zone *z, struct bh_device *d, bh_ns at)
{
	unsigned crowd = 1;

	if (!bh_within(at, z->since, BH_HOUR(24 * 30)))
		*z = (struct zone){.since = at ? at : 1};
	if (!(d->flags & BH_DEV_CROWD))
		z->came += z->came < UINT32_MAX;
	if (!(d->flags & BH_DEV_SPOKE) && (crowd = bh_crowd_add(&z->crowd, at)) != 1)
		d->flags |= BH_DEV_CROWD;
	else
		met(d, at);
	return crowd;
}

static const char *nth(uint32_t n)
{
	return n % 100 / 10 == 1 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static bool closed(const struct bh_policy *p, const struct bh_host *h, uint16_t zone)
{
	return p->zones[zone].ot || p->zones[zone].is_static || p->zones[zone].critical || bh_has_role(h, BH_ROLE_KIOSK);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct bh_device *d = s->dev;
	struct zone *z = &((struct shared *)s->shared)->zone[d->zone];
	const struct bh_host *h = s->own || !s->who ? s->src : s->who;
	bool strict = closed(s->policy, h, d->zone);
	unsigned crowd;
	char dev[96], a[80];

	if (declared(s, h))
		return 0;
	if (d->status == BH_DEV_KNOWN || (d->flags & BH_DEV_DECLARED) || !bh_devices_known_in(s->devices, d->zone)) {
		met(d, s->ev->at);
		return 0;
	}
	crowd = came(z, d, s->ev->at);
	if (!crowd)
		return 0;
	bh_finding_init(f, &bh_detector_new_mac, s);
	f->host = h->addr;
	f->mac = d->mac;
	f->count = z->came;
	if (strict) {
		f->severity = BH_SEV_MEDIUM;
		f->weight = 150;
		f->step = s->policy->zones[d->zone].ot ? BH_STEP_SHIELD : BH_STEP_ALERT;
	} else if (bh_within(s->ev->at, z->told, BH_HOUR(1)) && crowd == 1)
		f->severity = BH_SEV_INFO;
	if (crowd == 2) { /* nobody brings so many: they are invented, and say nothing of the one that is named */
		f->weight = 0;
		f->step = BH_STEP_ALERT;
	}
	if (f->severity > BH_SEV_INFO)
		z->told = s->ev->at;
	snprintf(f->text, sizeof f->text, "unregistered device %s at %s: %s in zone %s, the %u%s in 30 days", bh_dev_text(s, d, dev), bh_host_text(h, &h->addr, a),
		d->status == BH_DEV_RETIRED ? "retired, and back" : "first seen", s->policy->zones[d->zone].name, z->came, nth(z->came));
	if (crowd == 2)
		snprintf(f->detail, sizeof f->detail, "%u new ones in an hour: addresses are being invented", z->crowd.n);
	bh_put_usb(f, d);
	return 1;
}

const struct bh_detector bh_detector_new_mac = {
	.name = "new.mac",
	.title = "Unregistered device",
	.doc = "a device that is not in the inventory, or was not seen in 30 days",
	.attack = "T1200",
	.tactic = "TA0001",
	.why = "A box pushed in behind a printer, a laptop from outside, a USB network card: each begins with an address nobody has registered.",
	.false_positives = "New hardware, visitors, virtual machines, telephones that change their address. Import the inventory: bulkhead hosts import.",
	.sid = 9100036,
	.family = BH_FAM_U,
	.severity = BH_SEV_LOW,
	.weight = 70,
	.quiet = BH_HOUR(24),
	.needs_inventory = true,
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_ARP) | BH_WANTS(BH_EV_DHCP) | BH_WANTS(BH_EV_NAME) | BH_WANTS(BH_EV_RA) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_VDI),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
