/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A frame is read once, front to back, by a cursor that knows two ends: how many bytes the capture
 * holds and how many were on the wire. Each header may only move both ends closer (an IP length
 * cuts off Ethernet padding; a tunnel's inside cannot reach past its outside), so a field is
 * trusted only when it lies inside every enclosing length.
 *
 * Tunnels are a loop, not recursion: an opener returns what kind of header comes next and the loop
 * starts again at that header, BH_TUNNEL_MAX times at most. The struct is overwritten by the
 * inside; a copy of the outside comes back when the inside breaks a rule, because a GRE or VXLAN
 * packet whose content is garbage is still a packet between two hosts.
 *
 * link and Ethernet here, IP in ip.c, TCP, UDP and ICMP in l4.c and icmp.c, tunnels in tunnel.c.
 */
#include "internal.h"

#define TAGS_MAX 4
#define LENGTH_MAX 1500 /* of IEEE 802.3; types begin above it */

bool bh_link_known(unsigned link)
{
	switch (link) {
	case BH_LINK_NULL:
	case BH_LINK_ETHERNET:
	case BH_LINK_RAW:
	case BH_LINK_LOOP:
	case BH_LINK_SLL:
	case BH_LINK_RAW4:
	case BH_LINK_RAW6:
	case BH_LINK_SLL2:
		return true;
	}
	return false;
}

const char *bh_bad_name(unsigned bad_kind)
{
	static const char *const names[] = {
#define X(id, name) name,
		BH_BADS(X)
#undef X
	};
	return bad_kind < BH_COUNT(names) ? names[bad_kind] : "unknown";
}

static void add_tag(struct bh_packet *p, uint16_t tci)
{
	uint16_t id = tci & 0xfff;

	if (!id) /* a priority tag names no network */
		return;
	if (!p->vlan)
		p->vlan = id;
	else if (!p->vlan2)
		p->vlan2 = id;
}

/* 802.1Q tags, then an ethertype in c->ethertype */
static enum next tags(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h;

	for (unsigned n = 0;
		c->ethertype == 0x8100 || c->ethertype == 0x88a8 || c->ethertype == 0x9100; n++) {
		if (n == TAGS_MAX)
			return bad(p, BH_BAD_VLAN);
		h = take(c, 4);
		if (!h)
			return bad(p, BH_BAD_VLAN);
		add_tag(p, get16(h));
		c->ethertype = get16(h + 2);
	}
	return NEXT_TYPE;
}

static enum next ethernet(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 14);

	if (!h)
		return bad(p, BH_BAD_LINK);
	memcpy(p->mac_dst.b, h, 6);
	memcpy(p->mac_src.b, h + 6, 6);
	p->flags &= (uint8_t)~BH_PKT_NO_MAC;
	if (h[0] & 1)
		p->flags |= BH_PKT_GROUP;
	c->ethertype = get16(h + 12);
	return tags(c, p);
}

/* version nibble of a packet that has no header of its own in front */
static enum next raw(struct cur *c, struct bh_packet *p)
{
	if (!c->b.left)
		return bad(p, BH_BAD_LINK);
	switch (c->b.p[0] >> 4) {
	case 4:
		c->ethertype = 0x0800;
		return NEXT_TYPE;
	case 6:
		c->ethertype = 0x86dd;
		return NEXT_TYPE;
	}
	return bad(p, BH_BAD_IP_HEADER);
}

static enum next loopback(struct cur *c, struct bh_packet *p)
{
	/* family numbers differ between systems and byte orders; the version nibble does not */
	return take(c, 4) ? raw(c, p) : bad(p, BH_BAD_LINK);
}

static enum next cooked(struct cur *c, struct bh_packet *p, bool v2)
{
	const uint8_t *h = take(c, v2 ? 20 : 16);
	uint16_t alen, hatype, type;

	if (!h)
		return bad(p, BH_BAD_LINK);
	hatype = v2 ? get16(h + 8) : get16(h + 2);
	type = v2 ? h[10] : get16(h);
	alen = v2 ? h[11] : get16(h + 4);
	if (hatype == 1 && alen == 6) {
		memcpy(p->mac_src.b, v2 ? h + 12 : h + 6, 6);
		p->flags &= (uint8_t)~BH_PKT_NO_MAC;
	}
	if (type == 1 || type == 2)
		p->flags |= BH_PKT_GROUP;
	c->ethertype = get16(v2 ? h : h + 14);
	return tags(c, p);
}

static enum next link_layer(struct cur *c, struct bh_packet *p, unsigned link)
{
	switch (link) {
	case BH_LINK_ETHERNET:
		return ethernet(c, p);
	case BH_LINK_SLL:
		return cooked(c, p, false);
	case BH_LINK_SLL2:
		return cooked(c, p, true);
	case BH_LINK_NULL:
	case BH_LINK_LOOP:
		return loopback(c, p);
	case BH_LINK_RAW:
	case BH_LINK_RAW4:
	case BH_LINK_RAW6:
		return raw(c, p);
	}
	return bad(p, BH_BAD_LINKTYPE);
}

static enum next arp(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 8);
	struct bh_packet_arp a;

	if (!h)
		return bad(p, BH_BAD_ARP);
	a = (struct bh_packet_arp){.htype = get16(h), .ptype = get16(h + 2), .op = get16(h + 6)};
	if (a.htype != 1 || a.ptype != 0x0800 || h[4] != 6 || h[5] != 4)
		return bad(p, BH_BAD_ARP);
	h = take(c, 20);
	if (!h)
		return bad(p, BH_BAD_ARP);
	memcpy(a.sha.b, h, 6);
	memcpy(a.tha.b, h + 10, 6);
	p->src = bh_addr_v4(h + 6);
	p->dst = bh_addr_v4(h + 16);
	p->arp = a;
	p->what = BH_WHAT_ARP;
	return NEXT_STOP;
}

static enum next link_message(struct cur *c, struct bh_packet *p, uint16_t ethertype)
{
	p->ethertype = ethertype;
	p->what = BH_WHAT_LINK;
	p->payload = c->b.p;
	p->payload_len = (uint32_t)c->b.left;
	p->payload_wire = (uint32_t)c->wire;
	return NEXT_STOP;
}

/* A frame with a length where others have a type: of these only CDP is read. */
static enum next by_length(struct cur *c, struct bh_packet *p)
{
	static const uint8_t cdp[8] = {0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, BH_TYPE_CDP >> 8, BH_TYPE_CDP & 0xff};

	if (c->ethertype > c->wire || c->b.left < sizeof cdp || memcmp(c->b.p, cdp, sizeof cdp) != 0)
		return NEXT_STOP;
	limit(c, c->ethertype);
	return take(c, sizeof cdp) ? link_message(c, p, BH_TYPE_CDP) : NEXT_STOP;
}

/* one level: from the network header to the end of its packet, or to the header a tunnel carries */
static enum next network(struct cur *c, struct bh_packet *p)
{
	p->ethertype = c->ethertype;
	switch (c->ethertype) {
	case 0x0800:
		return bh_decode_ipv4(c, p);
	case 0x86dd:
		return bh_decode_ipv6(c, p);
	case 0x0806:
		return arp(c, p);
	case BH_TYPE_LLDP:
		return link_message(c, p, BH_TYPE_LLDP);
	}
	return c->ethertype <= LENGTH_MAX ? by_length(c, p) : NEXT_STOP;
}

/* The inside starts from a clean struct; what belongs to the frame as a whole stays. */
static void descend(struct bh_packet *p)
{
	*p = (struct bh_packet){.at = p->at,
		.wirelen = p->wirelen,
		.vlan = p->vlan,
		.vlan2 = p->vlan2,
		.depth = (uint8_t)(p->depth + 1),
		.flags = BH_PKT_INNER | BH_PKT_NO_MAC};
}

static void tunnel(struct cur *c, struct bh_packet *p, enum next next)
{
	struct bh_packet outer;
	enum bh_bad why;

	while (next != NEXT_STOP && p->depth < BH_TUNNEL_MAX) {
		outer = *p;
		descend(p);
		if (next == NEXT_ETHER) {
			p->vlan = p->vlan2 = 0; /* the mirrored frame's own network */
			next = ethernet(c, p);
			if (!p->vlan)
				p->vlan = outer.vlan, p->vlan2 = outer.vlan2;
		}
		if (next != NEXT_STOP)
			next = network(c, p);
		if (p->bad || p->what == BH_WHAT_NONE) {
			why = p->bad;
			*p = outer;
			p->bad = why;
			return;
		}
	}
}

void bh_decode(const struct bh_decode_in *in, struct bh_packet *ret)
{
	struct cur c = {.b = bh_bytes(in->data, in->caplen),
		.wire = in->wirelen > in->caplen ? in->wirelen : in->caplen};
	struct bh_packet *p = ret;
	enum next next;

	memset(p, 0, sizeof *p);
	p->at = in->at;
	p->wirelen = (uint32_t)c.wire;
	p->flags = BH_PKT_NO_MAC;
	p->vlan = in->vlan & 0xfff;
	next = link_layer(&c, p, in->link);
	if (next == NEXT_STOP)
		return;
	next = network(&c, p);
	if (next != NEXT_STOP)
		tunnel(&c, p, next);
}

static uint64_t fold(const struct bh_addr *a)
{
	uint64_t hi, lo;

	memcpy(&hi, a->b, 8);
	memcpy(&lo, a->b + 8, 8);
	return (hi ^ (lo >> 29 | lo << 35)) * 0x9e3779b97f4a7c15ull;
}

uint32_t bh_decode_shard(const struct bh_packet *pkt)
{
	bool quoted = pkt->what == BH_WHAT_ICMP && pkt->icmp.error && pkt->icmp.quote.proto;
	uint64_t h = quoted ? fold(&pkt->icmp.quote.src) + fold(&pkt->icmp.quote.dst)
			    : fold(&pkt->src) + fold(&pkt->dst);

	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return (uint32_t)(h >> 32);
}
