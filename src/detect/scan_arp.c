/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scan.arp (R3) - a host asks the wire for many addresses nobody has, by ARP or neighbour solicitation
 *
 * Distinct targets that are no known host: 32 in 10 s, 64 in 10 min, 100 in a day (bitmaps of 128 bits: beyond that a count is a
 * floor). Requests are broadcast, so a plain port of the VLAN sees them. A router asks for whatever is sent through it: a MAC address
 * that carried connections from addresses of several networks is one, and so is a host with role gateway. One that only claimed such
 * addresses may be: that is told as info, a tenth of the weight, for a claim is free.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_scan_arp;

struct mine {
	struct bh_fanout seconds, minutes, day;
};

static bool cares(const struct bh_sight *s)
{
	return s->ev->u.arp.op == 1 && !s->dst && s->routes < 2 && !bh_addr_eq(&s->ev->src, &s->ev->dst);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	uint64_t key = bh_addr_hash(&s->ev->dst, 1);
	struct mine *m = mine;
	unsigned n10 = bh_fanout_touch(&m->seconds, key, s->ev->at, BH_SEC(10)), nm = bh_fanout_touch(&m->minutes, key, s->ev->at, BH_MIN(10));
	unsigned nd = bh_fanout_touch(&m->day, key, s->ev->at, BH_HOUR(24)), n = n10 >= 32 ? n10 : nm >= 64 ? nm : nd;
	char a[80], b[BH_ADDR_TEXT], mac[BH_ADDR_TEXT];

	if (n10 < 32 && nm < 64 && nd < 100)
		return 0;
	bh_finding_init(f, &bh_detector_scan_arp, s);
	f->mac = s->ev->mac_src;
	f->count = n;
	if (s->routes) {
		f->severity = BH_SEV_INFO;
		f->weight /= 10;
	}
	snprintf(f->text, sizeof f->text, "%s at %s asked for %u addresses nobody answers in %s, last %s", bh_host_text(s->src, &s->ev->src, a),
		bh_mac_print(&s->ev->mac_src, mac), n, n10 >= 32 ? "10 s" : nm >= 64 ? "10 min" : "a day", bh_addr_print(&s->ev->dst, b));
	bh_finding_target(f, &s->ev->dst, 0, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_scan_arp = {
	.name = "scan.arp",
	.title = "Scan: addresses asked for on the local wire",
	.doc = "a host asks by ARP or neighbour discovery for 32 unused addresses in 10 s, 64 in 10 min or 100 in a day",
	.attack = "T1018",
	.tactic = "TA0007",
	.why = "Whoever sweeps his own subnet has to ask for addresses that nobody has; programs ask for neighbours that exist.",
	.false_positives = "Routers passing on a scan from outside, network management, printers' discovery. Role gateway, monitor or vulnscan.",
	.sid = 9100028,
	.family = BH_FAM_R,
	.severity = BH_SEV_LOW,
	.weight = 100,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(ASKED),
	.wants = BH_WANTS(BH_EV_ARP),
	.relief = BH_ROLE_BIT(BH_ROLE_GATEWAY) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_VULNSCAN),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
