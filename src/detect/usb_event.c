/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb.event (U13) - something was plugged into a USB port of an endpoint, or of this sensor
 *
 * Told by the endpoint, signed; by an event log, which anybody could have sent and which weighs half; of its own ports by the sensor.
 * Network interfaces weigh most, then storage, then radios; keyboards and the rest are told as info. What attack gadgets show as their
 * USB ids is high, and so is anything at all at the sensor. Hubs, what was there when the endpoint began to look, what is pulled out and
 * network interfaces of the inventory are no news. The same device at the same place is told once in ten minutes, and once more when
 * its network interface is known.
 *
 * Then the first connection to somebody new within five minutes is told, by the MAC the device made, or, when it made none, by the
 * endpoint itself: nobody says that the one is because of the other, but who looks at the incident wants to see it.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_usb_event;

#define PLUGS 64
#define AGAIN BH_MIN(10)
#define FOLLOW BH_MIN(5)

struct plug {
	bh_ns at; /* 0 = free */
	struct bh_addr host;
	uint64_t key; /* of the device and its port */
	struct bh_mac mac;
	uint16_t vid, pid;
	bool followed;
	char name[32], port[24];
};
struct shared {
	struct plug plug[PLUGS]; /* the oldest gives way */
	bh_ns last;		 /* when the latest came */
};

static bool cares(const struct bh_sight *s)
{
	const struct bh_ev_usb *u = &s->ev->u.usb;

	if (s->ev->kind == BH_EV_FLOW_NEW)
		return s->first_contact;
	return u->op == BH_USB_ADD && u->classes != BH_USB_C_HUB;
}

/* ---- what was plugged in before ---- */
static uint64_t key_of(const struct bh_ev_usb *u)
{
	return (bh_word_key(u->serial) * 31 + bh_word_key(u->port)) * 31 + ((uint64_t)u->vid << 16 | u->pid);
}

/* NULL = told already */
static struct plug *note(struct shared *sh, const struct bh_event *ev)
{
	const struct bh_ev_usb *u = &ev->u.usb;
	struct plug *p = &sh->plug[0];
	uint64_t key = key_of(u);
	bool again;

	for (unsigned i = 0; i < PLUGS; i++) {
		if (sh->plug[i].at && sh->plug[i].key == key && bh_addr_eq(&sh->plug[i].host, &ev->src)) {
			p = &sh->plug[i];
			break;
		}
		if (p->at && (!sh->plug[i].at || bh_apart(ev->at, sh->plug[i].at) > bh_apart(ev->at, p->at)))
			p = &sh->plug[i];
	}
	again = p->key == key && bh_addr_eq(&p->host, &ev->src) && bh_within(ev->at, p->at, AGAIN) &&
		(bh_mac_none(&u->mac) || bh_mac_eq(&p->mac, &u->mac));
	sh->last = ev->at;
	if (again)
		return NULL;
	*p = (struct plug){.at = ev->at ? ev->at : 1, .host = ev->src, .key = key, .mac = u->mac, .vid = u->vid, .pid = u->pid};
	bh_strcpy(p->name, sizeof p->name, u->host);
	bh_strcpy(p->port, sizeof p->port, u->port);
	return p;
}

/* ---- what is plugged in now ---- */
static const char *class_text(uint8_t classes)
{
	return classes & BH_USB_C_NET	   ? "network"
	       : classes & BH_USB_C_STORAGE  ? "storage"
	       : classes & BH_USB_C_WIRELESS ? "radio"
	       : classes & BH_USB_C_HID	   ? "input"
	       : classes & BH_USB_C_SERIAL   ? "serial"
					   : "other";
}

static bool is_known(const struct bh_sight *s, const struct bh_device *d, const struct bh_mac *m)
{
	return !bh_mac_none(m) && ((d && (d->status == BH_DEV_KNOWN || (d->flags & BH_DEV_DECLARED))) || bh_policy_host_by_mac(s->policy, m));
}

static void weigh(const struct bh_sight *s, const struct bh_gadget *g, struct bh_finding *f)
{
	const struct bh_ev_usb *u = &s->ev->u.usb;
	bool closed = s->src->zone != BH_ZONE_NONE && (s->policy->zones[s->src->zone].ot || s->policy->zones[s->src->zone].is_static);

	if (g || u->via == BH_USB_SENSOR) {
		f->severity = BH_SEV_HIGH;
		f->weight = 300;
	} else if (u->classes & BH_USB_C_NET) {
		f->severity = closed ? BH_SEV_MEDIUM : BH_SEV_LOW;
		f->weight = 100;
	} else if (u->classes & (BH_USB_C_STORAGE | BH_USB_C_WIRELESS)) {
		f->severity = closed ? BH_SEV_MEDIUM : BH_SEV_LOW;
		f->weight = 50;
	} else {
		f->severity = BH_SEV_INFO;
		f->weight = 30;
	}
	if (s->ev->flags & BH_EVF_UNTRUSTED) {
		f->severity -= f->severity > BH_SEV_INFO;
		f->weight /= 2;
	}
}

/* "network device 1d6b:0104 (Gadget) added on 10.10.0.7 (pc-7) port 1-2, alice at the seat: usb0 02:…, which used 10.10.0.50" */
static void say(const struct bh_sight *s, const struct bh_device *d, struct bh_finding *f)
{
	const struct bh_ev_usb *u = &s->ev->u.usb;
	struct bh_text t = bh_text(f->text, sizeof f->text);
	char mac[BH_MAC_TEXT], addr[BH_ADDR_TEXT];

	bh_putf(&t, "%s device %04x:%04x ", class_text(u->classes), u->vid, u->pid);
	if (u->product[0])
		bh_putf(&t, "(%.40s) ", u->product);
	bh_putf(&t, "added on %s", bh_addr_print(&s->ev->src, addr));
	if (u->host[0])
		bh_putf(&t, " (%s)", u->host);
	if (u->port[0])
		bh_putf(&t, " port %s", u->port);
	if (u->via == BH_USB_SENSOR)
		bh_put(&t, ", this sensor");
	if (u->user[0])
		bh_putf(&t, ", %s at the seat", u->user);
	if (!bh_mac_none(&u->mac))
		bh_putf(&t, ": %s%s%s", u->iface, u->iface[0] ? " " : "", bh_mac_print(&u->mac, mac));
	if (d && d->n_addrs)
		bh_putf(&t, ", which has used %s", bh_addr_print(&d->addrs[0], addr));
}

static int plugged(const struct bh_sight *s, struct bh_finding *f)
{
	const struct bh_ev_usb *u = &s->ev->u.usb;
	const struct bh_gadget *g = bh_gadgets_usb(s->gadgets, u->vid, u->pid);
	const struct bh_device *d = bh_mac_none(&u->mac) ? NULL : bh_devices_find(s->devices, &u->mac);
	struct bh_text t;

	if (!g && u->via != BH_USB_SENSOR && is_known(s, d, &u->mac))
		return 0;
	if (!note(s->shared, s->ev))
		return 0;
	bh_finding_init(f, &bh_detector_usb_event, s);
	weigh(s, g, f);
	say(s, d, f);
	bh_strcpy(f->user, sizeof f->user, u->user);
	t = bh_text(f->detail, sizeof f->detail);
	bh_putf(&t, "told by %s", u->via == BH_USB_COMPANION ? "the endpoint, signed" : u->via == BH_USB_SENSOR ? "the sensor" : "an event log over syslog, unsigned");
	if (g)
		bh_putf(&t, "; USB ids of %s", g->name);
	if (u->vendor[0])
		bh_putf(&t, "; maker %s", u->vendor);
	if (u->serial[0])
		bh_putf(&t, "; serial %s", u->serial);
	return 1;
}

/* ---- the first connection after it ---- */
static int follow(const struct bh_sight *s, struct bh_finding *f)
{
	struct shared *sh = s->shared;
	const struct bh_event *ev = s->ev;
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT + 9], proto[4];

	if (!bh_within(ev->at, sh->last, FOLLOW) || bh_addr_multicast(&ev->dst))
		return 0;
	for (unsigned i = 0; i < PLUGS; i++) {
		struct plug *p = &sh->plug[i];
		bool own = !bh_mac_none(&p->mac);

		if (!p->at || p->followed || ev->at < p->at || ev->at - p->at > FOLLOW)
			continue;
		if (own ? !s->dev || !bh_mac_eq(&s->dev->mac, &p->mac) : !bh_addr_eq(&p->host, &ev->src))
			continue;
		p->followed = true;
		bh_finding_init(f, &bh_detector_usb_event, s);
		f->host = p->host;
		f->severity = BH_SEV_INFO;
		f->weight = 0;
		snprintf(f->text, sizeof f->text, "first new connection %llu s after USB device %04x:%04x came to %s port %s, %s: %s to %s %s",
			(unsigned long long)((ev->at - p->at) / BH_SEC(1)), p->vid, p->pid, p->name, p->port, own ? "from its own MAC" : "from the endpoint itself",
			bh_addr_print(&ev->src, a), bh_proto_name(ev->proto, proto), bh_end_print(&ev->dst, ev->dport, b));
		bh_finding_target(f, &ev->dst, ev->dport, BH_OUT_NONE, ev->at);
		return 1;
	}
	return 0;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	return s->ev->kind == BH_EV_USB ? plugged(s, f) : follow(s, f);
}

const struct bh_detector bh_detector_usb_event = {
	.name = "usb.event",
	.title = "USB device plugged in",
	.doc = "a USB network interface, storage or other device came to an endpoint that tells of its ports, or to the sensor",
	.attack = "T1200", /* a stick is T1091 or T1052.001, too */
	.tactic = "TA0001",
	.why = "A port is where a gadget, an implant or a stick begins; the wire shows only what comes of it, later.",
	.false_positives = "Docks, sticks people work with, keyboards (told as info). Network interfaces that are registered are not told: bulkhead host approve.",
	.sid = 9100045,
	.family = BH_FAM_U,
	.severity = BH_SEV_LOW,
	.weight = 100,
	.wants = BH_WANTS(BH_EV_USB) | BH_WANTS(BH_EV_FLOW_NEW),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
