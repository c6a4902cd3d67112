/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Endpoints say which network interface a USB device made; its first frame may come before or after. What is told of a MAC nobody has
 * seen waits in a short list, the oldest gives way, and is put on the device when it appears.
 */
#include <stdio.h>
#include "state/inside.h"

static void describe(const struct bh_ev_usb *u, char *out, size_t size)
{
	/* where it is plugged in says more than what it calls itself: the name is cut */
	int host = (int)strnlen(u->host, 14), port = (int)strnlen(u->port, 8);
	int room = (int)size - 1 - 10 - 4 - 1 - host - port;

	snprintf(out, size, "%04x:%04x %.*s at %.*s %.*s", u->vid, u->pid, room, u->product[0] ? u->product : "device", host, u->host, port, u->port);
}

void bh_state_usb(struct bh_state *s, const struct bh_event *ev)
{
	const struct bh_ev_usb *u = &ev->u.usb;
	struct bh_device *d;
	struct bh_plugged *p = &s->plugged[0];

	if (u->op == BH_USB_REMOVE || bh_mac_none(&u->mac) || (ev->flags & BH_EVF_UNTRUSTED))
		return;
	d = bh_devices_find(s->devices, &u->mac);
	if (d) {
		describe(u, d->usb, sizeof d->usb);
		d->changed = ev->at;
		return;
	}
	for (unsigned i = 0; i < BH_COUNT(s->plugged); i++) {
		if (bh_mac_eq(&s->plugged[i].mac, &u->mac)) {
			p = &s->plugged[i];
			break;
		}
		if (s->plugged[i].at < p->at)
			p = &s->plugged[i];
	}
	*p = (struct bh_plugged){.mac = u->mac, .at = ev->at};
	describe(u, p->text, sizeof p->text);
}

void bh_state_usb_recall(struct bh_state *s, struct bh_device *d)
{
	for (unsigned i = 0; i < BH_COUNT(s->plugged); i++)
		if (bh_mac_eq(&s->plugged[i].mac, &d->mac)) {
			bh_strcpy(d->usb, sizeof d->usb, s->plugged[i].text);
			s->plugged[i] = (struct bh_plugged){0};
		}
}
