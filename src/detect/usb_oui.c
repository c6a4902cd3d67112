/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb.oui (U2) - a device whose address, or the way it asks for one, is a gadget's, a single-board computer's or a USB network card's
 *
 * What gadgets come with as delivered is strong evidence (class gadget); single-board computers and travel routers have honest
 * uses; USB network cards are on every desk, so those are context, told as info. A random address says something only where
 * the inventory knows the zone. Who is registered is not asked again, unless he shows a gadget's own address. Of invented addresses only some
 * are told; who has spoken and was answered is not invented.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_usb_oui;

struct shared { /* gadgets and the others, of each zone and of none: many of one kind are invented, and must not hide the other */
	struct bh_crowd crowd[BH_MAX_ZONES + 1][2];
};
enum { TOLD = 1, TOLD_IN_ZONE = BH_LOOKED_IN_ZONE, ASKED = 4, OWED = 8 }; /* struct bh_device's looked; OWED: one of many, told when it speaks */

static bool cares(const struct bh_sight *s)
{
	const struct bh_device *d = s->dev;

	return d && (s->own || s->who) && !(d->tags & BH_DEV_T_ROUTER) && (s->ev->kind == BH_EV_DHCP || !(d->looked & TOLD_IN_ZONE)) &&
	       (!(d->looked & OWED) || (d->flags & BH_DEV_SPOKE));
}

static bool closed(const struct bh_sight *s)
{
	const struct bh_policy *p = s->policy;

	return s->dev->zone != BH_ZONE_NONE && (p->zones[s->dev->zone].ot || p->zones[s->dev->zone].is_static);
}

/*
 * The class to tell now, NONE = nothing. A gadget is told at its first frame, whatever that was; once its zone is known it is told
 * again where that makes a difference. The others wait for the zone.
 */
static unsigned to_tell(const struct bh_sight *s, unsigned cls, const struct bh_gadget *asks)
{
	struct bh_device *d = s->dev;
	bool known = d->status == BH_DEV_KNOWN || (d->flags & BH_DEV_DECLARED), located = d->zone != BH_ZONE_NONE;
	bool first = located && !(d->looked & TOLD_IN_ZONE), gadget = cls == BH_MACC_GADGET, before = d->looked & (gadget ? TOLD : ASKED);

	d->looked |= located ? TOLD_IN_ZONE : 0;
	if ((d->looked & OWED) && (d->looked & ASKED)) {
		d->looked &= (uint8_t)~OWED;
		return BH_MACC_GADGET;
	}
	d->looked &= (uint8_t)~OWED;
	if (asks && !(d->looked & ASKED)) {
		d->looked |= ASKED;
		return BH_MACC_GADGET;
	}
	if (gadget || (d->looked & ASKED)) {
		d->looked |= gadget ? TOLD : 0;
		return (gadget && !before) || (first && closed(s)) ? BH_MACC_GADGET : BH_MACC_NONE;
	}
	if (!first || known || cls == BH_MACC_VIRTUAL || (cls == BH_MACC_RANDOM && !bh_devices_known_in(s->devices, d->zone)))
		return BH_MACC_NONE;
	return cls;
}

/* As bh_crowd_add. Whom it keeps to itself, or names for all, it looks at again when he speaks. */
static unsigned crowded(const struct bh_sight *s, struct bh_crowd *crowd, uint8_t was)
{
	unsigned many = s->dev->flags & BH_DEV_SPOKE ? 1 : bh_crowd_add(crowd, s->ev->at);

	if (many != 1)
		s->dev->looked = (uint8_t)(was | (s->dev->looked & ASKED) | OWED);
	return many;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_mac_prefix *prefix = NULL;
	const struct bh_gadget *g = s->ev->kind == BH_EV_DHCP ? bh_gadgets_asks(s->gadgets, &s->ev->u.dhcp) : NULL;
	uint8_t was = s->dev->looked;
	unsigned by_mac = bh_gadgets_mac(s->gadgets, &s->dev->mac, &prefix), cls = to_tell(s, by_mac, g);
	const char *what = g ? g->name : cls != by_mac ? "by its request for an address" : prefix ? prefix->what : "a random address";
	const struct bh_host *h = s->own || !s->who ? s->src : s->who;
	struct bh_crowd *crowd = &((struct shared *)s->shared)->crowd[s->dev->zone < BH_MAX_ZONES ? s->dev->zone : BH_MAX_ZONES][cls == BH_MACC_GADGET];
	unsigned many = cls == BH_MACC_NONE ? 0 : crowded(s, crowd, was);
	char dev[96];

	if (!many)
		return 0;
	bh_finding_init(f, &bh_detector_usb_oui, s);
	f->host = h->addr;
	f->mac = s->dev->mac;
	switch (cls) {
	case BH_MACC_GADGET:
		f->step = closed(s) ? BH_STEP_SHIELD : BH_STEP_ALERT;
		break;
	case BH_MACC_SBC:
		f->severity = closed(s) ? BH_SEV_MEDIUM : BH_SEV_LOW;
		f->weight = 120;
		break;
	default:
		f->severity = closed(s) ? BH_SEV_LOW : BH_SEV_INFO;
		f->weight = cls == BH_MACC_USB_NIC ? 50 : 70;
	}
	if (many == 2) {
		f->weight = 0;
		f->step = BH_STEP_ALERT;
		f->count = crowd->n;
		snprintf(f->detail, sizeof f->detail, "%u like it in an hour: addresses are being invented", crowd->n);
	}
	snprintf(f->text, sizeof f->text, "%s is %s%s%s%s%s", bh_dev_text(s, s->dev, dev), cls == BH_MACC_RANDOM ? "" : bh_mac_class_name(cls),
		cls == BH_MACC_RANDOM ? "" : ": ", what, s->dev->zone == BH_ZONE_NONE ? "" : " in zone ", s->dev->zone == BH_ZONE_NONE ? "" : s->policy->zones[s->dev->zone].name);
	bh_put_usb(f, s->dev);
	return 1;
}

const struct bh_detector bh_detector_usb_oui = {
	.name = "usb.oui",
	.title = "Address of a gadget or USB network card",
	.doc = "a hardware address or a request for one that is known of USB gadgets, implants, single-board computers or USB network cards",
	.attack = "T1200",
	.tactic = "TA0001",
	.why = "Attack gadgets are often used as they were delivered, and the address they come with is written down.",
	.false_positives = "Docks and dongles (told as info), hobby boards that do honest work. Register them: bulkhead host approve.",
	.sid = 9100037,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.weight = 300,
	.quiet = BH_HOUR(24),
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_ARP) | BH_WANTS(BH_EV_DHCP) | BH_WANTS(BH_EV_NAME) | BH_WANTS(BH_EV_RA) | BH_WANTS(BH_EV_FLOW_NEW),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
