/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rogue.dhcp (U7) - somebody hands out addresses who should not
 *
 * With a declared DHCP server (role dhcp or gateway) every OFFER or ACK from another (MAC, server id) is rogue and hard: the
 * device is blamed by MAC. Without one, only what no honest server does is evidence: routes that steal the default route
 * (options 121/249), a WPAD address (252), or an offer as gadgets make them (gadget.h: their own network, their short lease); then
 * it is an alert, not hard. A relayed answer (giaddr set) names the relay, not the server, and is left alone unless the server id is
 * undeclared too; but anybody can fill the field, and no client looks at it, so only of who may be a relay. An offer to the sensor's
 * own question, where the policy lets it ask, is half of an exchange and can isolate. DHCPv6 has no server ids that an engineer would
 * write down: there the device is asked, by MAC or address, and
 * only where one is declared.
 */
#include <stdio.h>
#include "detect/lies.h"

extern const struct bh_detector bh_detector_rogue_dhcp;

#define SERVERS (BH_ROLE_BIT(BH_ROLE_DHCP) | BH_ROLE_BIT(BH_ROLE_GATEWAY))

struct rogue {
	uint32_t answers;
};
struct shared {
	struct bh_lies lies;
};

/* The sender may be a relay: declared, known to route, or a server on the way to the relay, where no client listens. */
static bool relays(const struct bh_sight *s)
{
	const struct bh_event *ev = s->ev;
	const struct bh_device *d = s->dev;

	if (bh_addr_none(&ev->u.dhcp.giaddr))
		return false;
	if (ev->dport == 67 && bh_addr_eq(&ev->dst, &ev->u.dhcp.giaddr))
		return true;
	return d && ((d->tags & BH_DEV_T_ROUTER) || (d->flags & BH_DEV_ROUTES) || (s->own && (s->src->roles & SERVERS)) ||
			    bh_declared_as(s, d, SERVERS) == BH_DECLARED_IT);
}

/* Is the answer from a host the policy knows as DHCP server or gateway? ret_declared: does it know any at all? */
static bool declared(const struct bh_sight *s, bool *ret_any)
{
	const struct bh_event *ev = s->ev;
	*ret_any = false;
	for (size_t i = 0; i < s->policy->n_hosts; i++) {
		const struct bh_phost *h = &s->policy->hosts[i];
		bool by_addr = false;

		if (!(h->roles & SERVERS))
			continue;
		*ret_any |= (h->roles & BH_ROLE_BIT(BH_ROLE_DHCP)) != 0;
		for (size_t k = 0; k < h->n_addrs; k++)
			by_addr |= bh_addr_eq(&h->addrs[k], &ev->u.dhcp.server_id) || bh_addr_eq(&h->addrs[k], &ev->src);
		if (by_addr && (bh_mac_none(&h->mac) || bh_mac_eq(&h->mac, &ev->mac_src) || relays(s)))
			return true;
	}
	return false;
}

/* A client asked, and took it: how far that goes depends on who would be hit, for an ACK can be forged in an innocent's name. */
static unsigned taken(const struct bh_sight *s)
{
	const struct bh_ev_dhcp *d = &s->ev->u.dhcp;
	struct bh_lie *l;

	if (!s->dev || d->type != 5 || !s->asked_for)
		return s->probed ? BH_STEP_ISOLATE : BH_STEP_SHIELD;
	l = bh_lie_said(&((struct shared *)s->shared)->lies, s->dev, &d->server_id, NULL, s->ev->at);
	return bh_lie_between(l, s, bh_settled(s->dev, s->ev->at), bh_devices_find(s->devices, &d->client), true) == BH_STEP_ISOLATE ? BH_STEP_ISOLATE : BH_STEP_SHIELD;
}

/* what is wrong with the offer itself, whoever makes it */
static void put_tricks(struct bh_text *t, const struct bh_ev_dhcp *d, const struct bh_gadget *g)
{
	if (g)
		bh_putf(t, ", as %s does", g->name);
	if (d->flags & BH_DHCP_F_ROUTES)
		bh_put(t, ", steals the default route (121/249)");
	if (d->flags & BH_DHCP_F_WPAD)
		bh_put(t, ", sets a proxy (252)");
}

static int six(const struct bh_sight *s, struct rogue *m, struct bh_finding *f)
{
	const struct bh_ev_dhcp *d = &s->ev->u.dhcp;
	char dev[96], a[BH_ADDR_TEXT], b[BH_ADDR_TEXT], lease[24];

	if ((d->type != BH_DHCP6_ADVERTISE && d->type != BH_DHCP6_REPLY) || !s->dev || !s->who || bh_declared_as(s, s->dev, SERVERS) != BH_DECLARED_OTHER)
		return 0;
	m->answers += m->answers < UINT32_MAX;
	bh_finding_init(f, &bh_detector_rogue_dhcp, s);
	f->host = s->who->addr;
	f->mac = s->dev->mac;
	f->peer = d->yiaddr;
	f->count = m->answers;
	f->hard = false;
	f->step = BH_STEP_SHIELD;
	snprintf(f->text, sizeof f->text, "%s offers %s by DHCPv6, DNS %s, lease %s; the policy declares another server", bh_dev_text(s, s->dev, dev),
		bh_addr_print(&d->yiaddr, a), bh_addr_print(&d->dns, b), bh_duration_print(BH_SEC(d->lease_s), lease));
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_dhcp *d = &s->ev->u.dhcp;
	char mac[BH_MAC_TEXT], a[BH_ADDR_TEXT], b[BH_ADDR_TEXT], lease[24], tricks[120] = "";
	struct bh_text t = bh_text(tricks, sizeof tricks);
	const struct bh_gadget *g;
	struct rogue *m = mine;
	bool any;

	if (d->flags & BH_DHCP_F_V6)
		return six(s, m, ret_finding);
	if (d->type != 2 && d->type != 5)
		return 0;
	if (m->answers < UINT32_MAX)
		m->answers++;
	if (declared(s, &any))
		return 0;
	g = bh_gadgets_gives(s->gadgets, d);
	put_tricks(&t, d, g);
	if (!any && !tricks[0])
		return 0;
	bh_finding_init(ret_finding, &bh_detector_rogue_dhcp, s);
	ret_finding->mac = s->ev->mac_src;
	ret_finding->peer = d->yiaddr;
	ret_finding->count = m->answers;
	ret_finding->hard = any;
	ret_finding->step = any ? (uint8_t)taken(s) : BH_STEP_ALERT;
	if (!any && !g)
		ret_finding->weight = ret_finding->weight * 6 / 10;
	snprintf(ret_finding->text, sizeof ret_finding->text, "%s offers %s%s, router %s, lease %s%s%s", bh_mac_print(&s->ev->mac_src, mac),
		bh_addr_print(&d->yiaddr, a), s->probed ? " to the sensor, which asked" : "", bh_addr_print(&d->router, b), bh_duration_print(BH_SEC(d->lease_s), lease), tricks,
		any ? "; the policy declares another server" : "; the policy declares no DHCP server");
	return 1;
}

const struct bh_detector bh_detector_rogue_dhcp = {
	.name = "rogue.dhcp",
	.title = "Rogue DHCP server",
	.doc = "an OFFER or ACK from a server the policy does not declare",
	.attack = "T1557.003",
	.tactic = "TA0006",
	.why = "Whoever answers DHCP becomes router and resolver of every host that asks; USB gadgets do exactly that.",
	.false_positives = "A failover peer, a new relay, a hypervisor's NAT network, a phone's hotspot. Declare the server with role dhcp.",
	.sid = 9100003,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.hard = true,
	.weight = 350,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(OFFERS),
	.wants = BH_WANTS(BH_EV_DHCP),
	.relief = 0,
	.host_size = sizeof(struct rogue),
	.shared_size = sizeof(struct shared),
	.observe = observe,
};
