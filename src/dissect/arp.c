/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ARP, and neighbour discovery in its place for IPv6: who says which hardware address an address has
 *
 * A solicitation is told as op 1, an advertisement as op 2 with its target as the address that is claimed.
 *
 * One fact per packet. Source and destination are what the message claims, hardware addresses
 * included; a probe (sender 0.0.0.0) claims nothing but is the first sign of a host, so it is told
 * too. A sender that is no single host (a group address, or no hardware address at all) is counted
 * and left out.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

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
	return true;
}

static bool bogus(const struct bh_packet *k)
{
	return (k->arp.op != 1 && k->arp.op != 2) || bh_mac_none(&k->arp.sha) ||
	       (k->arp.sha.b[0] & 1) || bh_addr_multicast(&k->src) || bh_addr_multicast(&k->dst);
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
	a->facts++;
	if (k->what == BH_WHAT_ICMP) {
		out->emit(out->ctx, &ev);
		return;
	}
	ev.src = k->src;
	ev.dst = k->dst;
	ev.mac_src = k->arp.sha;
	ev.mac_dst = k->arp.tha;
	ev.u.arp.op = (uint8_t)k->arp.op;
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
