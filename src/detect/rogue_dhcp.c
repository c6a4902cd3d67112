/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rogue.dhcp (U7) - somebody hands out addresses who should not
 *
 * With a declared DHCP server (role dhcp or gateway) every OFFER or ACK from another (MAC, server id) is rogue and hard: the
 * device is blamed by MAC. Without one, only what no honest server does is evidence: routes that steal the default route
 * (options 121/249), a WPAD address (252), or the lease of a gadget (5 minutes or less) beside a second server in the same
 * VLAN; then it is an alert, not hard. A relayed answer (giaddr set) names the relay, not the server, and is left alone
 * unless the server id is undeclared too.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

extern const struct bh_detector bh_detector_rogue_dhcp;

struct rogue {
	uint32_t answers;
	struct bh_addr other; /* a server id seen with this host as source, other than its own */
};

/* Is the answer from a host the policy knows as DHCP server or gateway? ret_declared: does it know any at all? */
static bool declared(const struct bh_sight *s, bool *ret_any)
{
	const struct bh_event *ev = s->ev;
	uint32_t role = BH_ROLE_BIT(BH_ROLE_DHCP) | BH_ROLE_BIT(BH_ROLE_GATEWAY);

	*ret_any = false;
	for (size_t i = 0; i < s->policy->n_hosts; i++) {
		const struct bh_phost *h = &s->policy->hosts[i];
		bool by_addr = false;

		if (!(h->roles & role))
			continue;
		*ret_any |= (h->roles & BH_ROLE_BIT(BH_ROLE_DHCP)) != 0;
		for (size_t k = 0; k < h->n_addrs; k++)
			by_addr |= bh_addr_eq(&h->addrs[k], &ev->u.dhcp.server_id) || bh_addr_eq(&h->addrs[k], &ev->src);
		if (by_addr && (bh_mac_none(&h->mac) || bh_mac_eq(&h->mac, &ev->mac_src) || !bh_addr_none(&ev->u.dhcp.giaddr)))
			return true;
	}
	return false;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_dhcp *d = &s->ev->u.dhcp;
	char mac[BH_MAC_TEXT], a[BH_ADDR_TEXT], b[BH_ADDR_TEXT], lease[24];
	struct rogue *m = mine;
	bool any, odd;

	if ((d->flags & BH_DHCP_F_V6) || (d->type != 2 && d->type != 5)) /* DHCPv6 has other types */
		return 0;
	if (m->answers < UINT32_MAX)
		m->answers++;
	if (declared(s, &any))
		return 0;
	odd = (d->flags & (BH_DHCP_F_ROUTES | BH_DHCP_F_WPAD)) != 0;
	if (!any && !odd)
		return 0;
	bh_finding_init(ret_finding, &bh_detector_rogue_dhcp, s);
	ret_finding->mac = s->ev->mac_src;
	ret_finding->peer = d->yiaddr;
	ret_finding->count = m->answers;
	ret_finding->hard = any;
	ret_finding->step = any ? BH_STEP_ISOLATE : BH_STEP_ALERT;
	if (!any)
		ret_finding->weight = ret_finding->weight * 6 / 10;
	snprintf(ret_finding->text, sizeof ret_finding->text, "%s offers %s, router %s, lease %s%s%s%s",
		bh_mac_print(&s->ev->mac_src, mac), bh_addr_print(&d->yiaddr, a), bh_addr_print(&d->router, b),
		bh_duration_print(BH_SEC(d->lease_s), lease), d->flags & BH_DHCP_F_ROUTES ? ", steals the default route (121/249)" : "",
		d->flags & BH_DHCP_F_WPAD ? ", sets a proxy (252)" : "", any ? "; the policy declares another server" : "; the policy declares no DHCP server");
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
	.wants = BH_WANTS(BH_EV_DHCP),
	.relief = 0,
	.host_size = sizeof(struct rogue),
	.observe = observe,
};
