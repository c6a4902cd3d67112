/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The device behind a frame: found or made, placed in its zone, its print filled with what the event shows. */
#include "state/inside.h"

#define ABSENT BH_HOUR(24 * 30) /* after that a device is new again */

static uint16_t zone_of_vlan(const struct bh_policy *p, uint16_t vlan)
{
	for (size_t z = 0; vlan && z < p->n_zones; z++)
		for (unsigned i = 0; i < p->zones[z].vlans.n; i++)
			if (p->zones[z].vlans.v[i] == vlan)
				return (uint16_t)z;
	return BH_ZONE_NONE;
}

/* What was no news in an office is looked at anew where nobody should come; and what was compared with nobody, where there is an inventory. */
static void moves(struct bh_devices *t, const struct bh_policy *p, struct bh_device *d, uint16_t zone)
{
	if (zone == d->zone)
		return;
	if (zone != BH_ZONE_NONE && (p->zones[zone].ot || p->zones[zone].is_static)) {
		bh_devices_flag(t, d, BH_DEV_MET, false);
		d->looked &= (uint8_t)~BH_LOOKED_IN_ZONE;
	} else if (d->zone != BH_ZONE_NONE && !bh_devices_known_in(t, d->zone)) {
		bh_devices_flag(t, d, BH_DEV_MET, false);
	}
	bh_devices_zone(t, d, zone);
}

/* Facts of conversations name the one who opened it; a relayed request comes from the relay, and the client is the one meant. */
static const struct bh_mac *sender(const struct bh_event *ev)
{
	const struct bh_ev_dhcp *d = &ev->u.dhcp;
	bool asks = ev->kind == BH_EV_DHCP && (d->flags & BH_DHCP_F_V6 ? d->type != BH_DHCP6_ADVERTISE && d->type != BH_DHCP6_REPLY : d->type != 2 && d->type != 5 && d->type != 6);

	if (ev->kind == BH_EV_ARP && !bh_mac_none(&ev->u.arp.frame))
		return &ev->u.arp.frame;
	return asks && !bh_addr_none(&d->giaddr) && !bh_mac_none(&d->client) ? &d->client : &ev->mac_src;
}

static void names(struct bh_device *d, const struct bh_event *ev)
{
	const struct bh_ev_name *n = &ev->u.name;
	const char *name = NULL;

	if (ev->kind == BH_EV_DHCP && ev->u.dhcp.hostname[0])
		name = ev->u.dhcp.hostname;
	else if (ev->kind == BH_EV_NAME && n->op == BH_NAME_CLAIM && n->via == BH_NAME_NBNS && n->name[0])
		name = n->name;
	if (ev->kind == BH_EV_DHCP && ev->u.dhcp.circuit[0])
		bh_strcpy(d->port, sizeof d->port, ev->u.dhcp.circuit);
	if (!name || !strncmp(d->calls_itself, name, sizeof d->calls_itself - 1))
		return;
	bh_strcpy(d->calls_itself, sizeof d->calls_itself, name);
	d->changed = ev->at;
}

/* Two systems that open connections from one address in turns, three changes in a minute: two machines with one MAC. A machine bridged behind
 * its host's MAC has an address of its own; raw packets of tools tell nothing. */
static bool stacks_alternate(struct bh_host *h, struct bh_device *d, const struct bh_event *ev)
{
	uint8_t os = ev->kind == BH_EV_FLOW_NEW && ev->proto == 6 ? bh_os_of_syn(&ev->u.flow.syn, ev->ttl) : BH_OS_UNKNOWN;
	uint32_t stack = (uint32_t)os << 8 | bh_ttl_class(ev->ttl);

	if (os == BH_OS_UNKNOWN || os == BH_OS_TOOL || os == BH_OS_EMBEDDED)
		return false;
	if (ev->at > h->stacks.at && ev->at - h->stacks.at > BH_MIN(1))
		h->stacks.flips = 0;
	if (h->stacks.last && h->stacks.last != stack && h->stacks.flips < UINT8_MAX)
		h->stacks.flips++;
	h->stacks.last = stack;
	h->stacks.at = ev->at;
	if (h->stacks.flips < 3)
		return false;
	d->conflicts++;
	return true;
}

void bh_device_meet(struct bh_devices *t, const struct bh_policy *p, struct bh_sight *v)
{
	const struct bh_event *ev = v->ev;
	const struct bh_mac *m = sender(ev);
	struct bh_device *d;
	bh_ns last;

	if (bh_mac_none(m) || (m->b[0] & 1) || (ev->flags & BH_EVF_UNTRUSTED))
		return;
	v->dev = d = bh_devices_meet(t, m, ev->at, &last);
	if (!d)
		return;
	v->away = last && ev->at > last ? ev->at - last : 0;
	v->dev_new = !d->changed || (last && ev->at > last && ev->at - last > ABSENT);
	if (v->dev_new) {
		d->looked = 0;
		bh_devices_flag(t, d, BH_DEV_MET | BH_DEV_CROWD, false);
	}
	if (!d->changed) {
		d->changed = ev->at ? ev->at : 1;
		if (bh_policy_host_by_mac(p, m))
			bh_devices_flag(t, d, BH_DEV_DECLARED, true);
	}
}

/* the policy names the device's MAC with this address: nothing has to be proved */
static bool named(const struct bh_policy *p, const struct bh_host *h, const struct bh_device *d)
{
	return h->declared && bh_mac_eq(&p->hosts[h->declared - 1].mac, &d->mac);
}

/* what the hosts are for whose addresses are the device's own, as somebody's answer or the policy itself says */
void bh_device_roles(struct bh_state *s, struct bh_device *d, bh_ns at)
{
	d->roles = 0;
	for (unsigned i = 0; i < d->n_addrs; i++) {
		const struct bh_host *h = bh_state_find(s, &d->addrs[i]);

		if (h && h->roles && bh_state_owns(h, &d->mac, at) && (h->verified || (d->carried >> i & 1) || named(s->policy, h, d)))
			d->roles |= h->roles;
	}
}

/* Of the roles it has those whose address is now another's beyond dispute go: a dispute alone would take them from whom somebody wants to accuse. */
static void leaves(struct bh_state *s, struct bh_device *d, bh_ns at)
{
	uint32_t left = 0;

	for (unsigned i = 0; d->roles && i < d->n_addrs; i++) {
		const struct bh_host *h = bh_state_find(s, &d->addrs[i]);

		left |= h && (bh_mac_eq(&h->mac, &d->mac) || !bh_state_owns(h, &h->mac, at)) ? h->roles : 0;
	}
	d->roles &= left;
}

/*
 * A claim is free: a role comes with an exchange that the device itself had under the address, or with the policy's word. It goes with the
 * address; that is looked at when somebody may ask for it.
 */
void bh_device_serves(struct bh_state *s, struct bh_sight *v, bool asked)
{
	const struct bh_event *ev = v->ev;
	bool twoway = ev->flags & BH_EVF_TWOWAY;

	if (v->dev && asked)
		leaves(s, v->dev, ev->at);
	if (v->far && asked)
		leaves(s, v->far, ev->at);
	if (v->dev && v->own && v->src->roles && (twoway || named(s->policy, v->src, v->dev)))
		v->dev->roles |= v->src->roles;
	if (v->far && twoway && ev->kind == BH_EV_FLOW_OUTCOME && v->dst && v->dst->roles && bh_state_owns(v->dst, &v->far->mac, ev->at))
		v->far->roles |= v->dst->roles;
}

void bh_device_sight(struct bh_devices *t, const struct bh_policy *p, struct bh_sight *v)
{
	const struct bh_event *ev = v->ev;
	struct bh_device *d = v->dev;
	bool begun;

	if (!d)
		return;
	v->own = v->src && !(d->flags & BH_DEV_ROUTES) && bh_state_owns(v->src, &d->mac, ev->at);
	if (v->own && v->src->zone != BH_ZONE_NONE)
		moves(t, p, d, v->src->zone);
	else if (d->zone == BH_ZONE_NONE && ev->vlan)
		moves(t, p, d, zone_of_vlan(p, ev->vlan));
	if (ev->vlan)
		d->vlan = ev->vlan;
	names(d, ev);
	v->two_stacks = v->own && stacks_alternate(v->src, d, ev);
	v->dev_shown = bh_device_shows(d, ev, v->own, &begun);
	if (v->dev_shown || begun)
		d->changed = ev->at;
}
