/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dualhome.leak (U6) - a host tells that it has a second address: a tether's, a gadget's, or one of no zone
 *
 * Told by an SMB server's list of interfaces, OXID bindings, names and announcements (mDNS, NetBIOS, SSDP, WS-Discovery), and by ARP
 * from such an address. Networks that every second laptop has for its containers and virtual machines are left out.
 * IPv6 is left out too: privacy addresses come and go.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_dualhome_leak;

struct mine {
	struct bh_recent told[4];
};

/* the address that is told, and who has it */
static const struct bh_addr *told(const struct bh_sight *s, const struct bh_host **ret_who)
{
	const struct bh_event *ev = s->ev;

	*ret_who = s->src;
	switch (ev->kind) {
	case BH_EV_RPC:
		*ret_who = s->dst;
		return ev->u.rpc.op == BH_RPC_ADDR ? &ev->u.rpc.addr : NULL;
	case BH_EV_NAME:
		if (ev->u.name.op == BH_NAME_QUERY || (ev->u.name.via == BH_NAME_LLMNR && ev->u.name.op != BH_NAME_CLAIM))
			return NULL;
		return &ev->u.name.addr;
	case BH_EV_ARP:
		*ret_who = s->who;
		return s->dev && s->dev->n_addrs > 1 && !(ev->u.arp.flags & BH_ARP_F_ROUTER) ? &ev->src : NULL;
	}
	return NULL;
}

static bool cares(const struct bh_sight *s)
{
	const struct bh_host *h;
	const struct bh_addr *a = told(s, &h);

	return a && h && bh_addr_is4(a) && a->b[12] && a->b[12] != 127 && a->b[12] < 224 && !(a->b[12] == 169 && a->b[13] == 254) && !bh_addr_eq(a, &h->addr) &&
	       bh_policy_zone_of(s->policy, a) == BH_ZONE_NONE && h->zone != BH_ZONE_NONE && !(s->dev && (s->dev->flags & BH_DEV_ROUTES));
}

static const char *message(const struct bh_event *ev)
{
	if (ev->kind == BH_EV_RPC)
		return "an OXID reply";
	if (ev->kind == BH_EV_ARP)
		return "ARP";
	return ev->u.name.via == BH_NAME_SMB ? "an SMB server's list of interfaces" : bh_name_via_name(ev->u.name.via);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_host *h;
	const struct bh_addr *a = told(s, &h);
	const struct bh_tether *t = bh_gadgets_net(s->gadgets, a);
	bool strict = s->policy->zones[h->zone].ot || s->policy->zones[h->zone].critical;
	struct mine *m = mine;
	char who[80], text[BH_ADDR_TEXT];
	uint64_t key = (bh_addr_hash(a, 1) ^ bh_addr_hash(&h->addr, 2)) | 1; /* by ARP it is the leaked address that remembers, and others leak the same */

	if ((t && t->common) || (!t && !bh_addr_private(a) && s->ev->kind != BH_EV_ARP) || bh_recent_has(m->told, BH_COUNT(m->told), key, s->ev->at, BH_HOUR(24)))
		return 0;
	(void)bh_recent_note(m->told, BH_COUNT(m->told), key, s->ev->at, BH_HOUR(24));
	bh_finding_init(f, &bh_detector_dualhome_leak, s);
	f->host = h->addr;
	f->peer = *a;
	f->mac = h->mac;
	f->severity = t ? strict ? BH_SEV_CRITICAL : BH_SEV_MEDIUM : strict ? BH_SEV_HIGH : BH_SEV_LOW;
	f->weight = t ? strict ? 300 : 200 : 100;
	f->step = t && strict ? BH_STEP_SHIELD : BH_STEP_ALERT;
	snprintf(f->text, sizeof f->text, "%s also has %s (%s), told by %s%s", bh_host_text(h, &h->addr, who), bh_addr_print(a, text), t ? t->what : "in no zone", message(s->ev),
		strict ? ": a way around the zone's border" : "");
	return 1;
}

const struct bh_detector bh_detector_dualhome_leak = {
	.name = "dualhome.leak",
	.title = "Second address, second network",
	.doc = "a host tells an address of a tether, a gadget or a network of no zone beside its own",
	.attack = "T1599",
	.tactic = "TA0005",
	.why = "A telephone on a USB port, an implant or a second card joins two networks behind the firewall's back, and Windows tells every client of it.",
	.false_positives = "VPN adapters, servers with two cards (put their networks into a zone), networks of virtual machines.",
	.sid = 9100043,
	.family = BH_FAM_U,
	.severity = BH_SEV_MEDIUM,
	.weight = 200,
	.quiet = BH_HOUR(1),
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_NAME) | BH_WANTS(BH_EV_ARP),
	.relief = BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_GATEWAY) | BH_ROLE_BIT(BH_ROLE_PROXY) | BH_ROLE_BIT(BH_ROLE_LB),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
