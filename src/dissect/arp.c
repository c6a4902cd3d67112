/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ARP, and neighbour discovery in its place for IPv6: who says which hardware address an address has
 *
 * A solicitation is told as op 1, an advertisement as op 2 with its target as the address that is claimed.
 *
 * Who sent the frame is told when that is somebody else than the hardware address the message names: forgers and proxies
 * differ there, nobody else does. Whether it went to a group says whether all of the wire heard it.
 *
 * One fact per packet. Source and destination are what the message claims, hardware addresses
 * included; a probe (sender 0.0.0.0) claims nothing but is the first sign of a host, so it is told
 * too. A sender that is no single host (a group address, or no hardware address at all) is counted
 * and left out.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

#define NA_ROUTER 0x80
#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20

struct arp {
	uint64_t facts, bogus;
};

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_ARP || (pkt->what == BH_WHAT_ICMP && pkt->proto == 58 && (pkt->icmp.type == 135 || pkt->icmp.type == 136));
}

static void *arp_open(uint64_t seed)
{
	return calloc(1, sizeof(struct arp));
}

static bool neighbour(const struct bh_packet *k, struct bh_event *ev)
{
	bool claim = k->icmp.type == 136;

	/* RFC 4861 7.1: never routed, and about one host */
	if (k->ttl != 255 || bh_addr_multicast(&k->icmp.nd.target) || bh_addr_multicast(&k->src) ||
		(claim && bh_mac_none(&k->icmp.nd.lladdr)) || (k->icmp.nd.lladdr.b[0] & 1))
		return false;
	ev->src = claim ? k->icmp.nd.target : k->src;
	ev->dst = claim ? k->dst : k->icmp.nd.target;
	ev->mac_src = bh_mac_none(&k->icmp.nd.lladdr) ? k->mac_src : k->icmp.nd.lladdr;
	memset(&ev->mac_dst, 0, sizeof ev->mac_dst);
	ev->u.arp.op = claim ? 2 : 1;
	if (claim)
		ev->u.arp.flags = (uint8_t)((k->icmp.nd.flags & NA_ROUTER ? BH_ARP_F_ROUTER : 0) |
					    (k->icmp.nd.flags & NA_SOLICITED ? BH_ARP_F_SOLICITED : 0) |
					    (k->icmp.nd.flags & NA_OVERRIDE ? BH_ARP_F_OVERRIDE : 0));
	return true;
}

static void address_resolution(const struct bh_packet *k, struct bh_event *ev)
{
	ev->src = k->src;
	ev->dst = k->dst;
	ev->mac_src = k->arp.sha;
	ev->mac_dst = k->arp.tha;
	ev->u.arp.op = (uint8_t)k->arp.op;
}

static bool bogus(const struct bh_packet *k)
{
	return (k->arp.op != 1 && k->arp.op != 2) || bh_mac_none(&k->arp.sha) ||
	       (k->arp.sha.b[0] & 1) || bh_addr_multicast(&k->src) || bh_addr_multicast(&k->dst);
}

/* By the frame: a message to a group of addresses in a frame to one device is heard by that device alone. */
static bool to_group(const struct bh_packet *k)
{
	return bh_mac_none(&k->mac_dst) ? k->flags & BH_PKT_GROUP : k->mac_dst.b[0] & 1;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_packet *k = in->pkt;
	struct arp *a = state;
	struct bh_event ev;

	ev = *in->proto;
	memset(&ev.u, 0, sizeof ev.u);
	ev.kind = BH_EV_ARP;
	if (k->what == BH_WHAT_ICMP ? !neighbour(k, &ev) : bogus(k)) {
		a->bogus++;
		return;
	}
	if (k->what == BH_WHAT_ARP)
		address_resolution(k, &ev);
	if (to_group(k))
		ev.u.arp.flags |= BH_ARP_F_GROUP;
	if (!bh_mac_eq(&k->mac_src, &ev.mac_src))
		ev.u.arp.frame = k->mac_src;
	a->facts++;
	out->emit(out->ctx, &ev);
}

static void counters(
	const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct arp *a = state;

	each(ctx, "facts", a->facts);
	each(ctx, "bogus", a->bogus);
}

static size_t memory_bytes(const void *state)
{
	return sizeof(struct arp);
}

extern const struct bh_dissector bh_dissector_arp;
const struct bh_dissector bh_dissector_arp = {
	.name = "arp",
	.doc = "ARP and IPv6 neighbour discovery: who asks for whom, who claims what",
	.wants = wants,
	.open = arp_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
