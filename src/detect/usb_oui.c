/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb.oui (U2) - a device whose address, or the way it asks for one, is a gadget's, a single-board computer's or a USB network card's
 *
 * What gadgets come with as delivered is strong evidence (class gadget); single-board computers and travel routers have honest
 * uses; USB network cards are on every desk, so those are context, told as info. A random address says something only where
 * the inventory knows the zone. Who is registered is not asked again, unless he shows a gadget's own address.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_usb_oui;

struct mine {
	uint8_t told; /* bit per class */
};

static bool cares(const struct bh_sight *s)
{
	return s->dev && (s->dev_new || s->ev->kind == BH_EV_DHCP) && !(s->dev->tags & BH_DEV_T_ROUTER);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_mac_prefix *prefix = NULL;
	unsigned cls = bh_gadgets_mac(s->gadgets, &s->dev->mac, &prefix);
	const struct bh_gadget *g = s->ev->kind == BH_EV_DHCP ? bh_gadgets_asks(s->gadgets, &s->ev->u.dhcp) : NULL;
	bool known = s->dev->status == BH_DEV_KNOWN || (s->dev->flags & BH_DEV_DECLARED), armed = bh_devices_known_in(s->devices, s->dev->zone) > 0;
	bool closed = s->dev->zone != BH_ZONE_NONE && (s->policy->zones[s->dev->zone].ot || s->policy->zones[s->dev->zone].is_static);
	const char *what = g ? g->name : prefix ? prefix->what : "a random address";
	const struct bh_host *h = s->who ? s->who : s->src;
	struct mine *m = mine;
	char dev[96];

	if (g)
		cls = BH_MACC_GADGET;
	if (cls == BH_MACC_NONE || cls == BH_MACC_VIRTUAL || (known && cls != BH_MACC_GADGET) || (cls == BH_MACC_RANDOM && !armed) || (m->told >> cls & 1))
		return 0;
	m->told |= (uint8_t)(1u << cls);
	bh_finding_init(f, &bh_detector_usb_oui, s);
	f->host = h->addr;
	f->mac = s->dev->mac;
	switch (cls) {
	case BH_MACC_GADGET:
		f->step = closed ? BH_STEP_SHIELD : BH_STEP_ALERT;
		break;
	case BH_MACC_SBC:
		f->severity = closed ? BH_SEV_MEDIUM : BH_SEV_LOW;
		f->weight = 120;
		break;
	default:
		f->severity = closed ? BH_SEV_LOW : BH_SEV_INFO;
		f->weight = cls == BH_MACC_USB_NIC ? 50 : 70;
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
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
