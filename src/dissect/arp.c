/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ARP: who says which hardware address an IPv4 address has
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
	return pkt->what == BH_WHAT_ARP;
}

static void *arp_open(uint64_t seed)
{
	return calloc(1, sizeof(struct arp));
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

	if (bogus(k)) {
		a->bogus++;
		return;
	}
	ev = *in->proto;
	memset(&ev.u, 0, sizeof ev.u);
	ev.kind = BH_EV_ARP;
	ev.src = k->src;
	ev.dst = k->dst;
	ev.mac_src = k->arp.sha;
	ev.mac_dst = k->arp.tha;
	ev.u.arp.op = (uint8_t)k->arp.op;
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
	.doc = "ARP: sender and target of requests and replies",
	.wants = wants,
	.open = arp_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
