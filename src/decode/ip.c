/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IPv4 and IPv6 headers, options, extension headers and fragments. */
#include "internal.h"

#define EXT_MAX 8

/*
 * The length field against the wire: a packet that claims more than was sent would be dropped by
 * its receiver. Zero is what the kernel writes for a segment it has not cut yet: then the frame is
 * the length.
 */
static bool ip_length(struct cur *c, struct bh_packet *p, uint64_t body)
{
	if (body > c->wire)
		return false;
	limit(c, body);
	if (c->b.left < c->wire)
		p->flags |= BH_PKT_CUT;
	return true;
}

static enum next finish(struct cur *c, struct bh_packet *p)
{
	p->what = BH_WHAT_IP;
	p->l3_len = (uint32_t)(c->b.p - p->l3) + (uint32_t)c->b.left;
	if (p->flags & BH_PKT_LATER) {
		p->payload = c->b.p;
		p->payload_len = (uint32_t)c->b.left;
		p->payload_wire = (uint32_t)c->wire;
		return NEXT_STOP;
	}
	return bh_decode_l4(c, p);
}

enum next bh_decode_ipv4(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 20);
	unsigned hl, total, frag;

	if (!h || h[0] >> 4 != 4)
		return bad(p, BH_BAD_IP_HEADER);
	hl = (h[0] & 15u) * 4;
	total = get16(h + 2);
	if (hl < 20 || (total && total < hl) || !take(c, hl - 20))
		return bad(p, BH_BAD_IP_HEADER);
	p->l3 = h;
	p->src = bh_addr_v4(h + 12);
	p->dst = bh_addr_v4(h + 16);
	p->proto = h[9];
	p->ttl = h[8];
	if (h[16] >= 224 && (h[16] < 240 || get32(h + 16) == 0xffffffffu))
		p->flags |= BH_PKT_GROUP;
	if (!ip_length(c, p, total ? total - hl : c->wire))
		return bad(p, BH_BAD_IP_LENGTH);
	frag = get16(h + 6);
	if (frag & 0x3fff) {
		p->flags |= BH_PKT_FRAG;
		p->frag_off = (uint16_t)((frag & 0x1fff) * 8);
		if (p->frag_off)
			p->flags |= BH_PKT_LATER;
		if (p->frag_off + c->wire > 65535)
			return bad(p, BH_BAD_FRAGMENT);
	}
	return finish(c, p);
}

static bool is_ext(uint8_t next)
{
	/* hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6
	 */
	return next == 0 || next == 43 || next == 44 || next == 51 || next == 60 || next == 135 ||
	       next == 139 || next == 140;
}

/* 0 or the rule broken; leaves proto at the first header that is not an extension */
static enum bh_bad extensions(struct cur *c, struct bh_packet *p)
{
	for (unsigned n = 0; is_ext(p->proto); n++) {
		uint8_t here = p->proto;
		const uint8_t *h;
		size_t len;

		if (n == EXT_MAX)
			return BH_BAD_IP_EXT;
		h = take(c, 8);
		if (!h)
			return BH_BAD_IP_EXT;
		p->proto = h[0];
		if (here == 44) {
			unsigned f = get16(h + 2);

			if (!(f & 0xfff9)) /* an atomic fragment is a whole packet */
				continue;
			p->flags |= BH_PKT_FRAG;
			p->frag_off = (uint16_t)(f & 0xfff8);
			if (p->frag_off + c->wire > 65535)
				return BH_BAD_FRAGMENT;
			if (p->frag_off) {
				p->flags |= BH_PKT_LATER;
				return BH_BAD_NONE;
			}
			continue;
		}
		len = here == 51 ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
		if (len < 8 || !take(c, len - 8))
			return BH_BAD_IP_EXT;
	}
	return BH_BAD_NONE;
}

enum next bh_decode_ipv6(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 40);
	enum bh_bad why;
	unsigned body;

	if (!h || h[0] >> 4 != 6)
		return bad(p, BH_BAD_IP_HEADER);
	body = get16(h + 4);
	p->l3 = h;
	p->flags |= BH_PKT_IPV6;
	p->src = bh_addr_v6(h + 8);
	p->dst = bh_addr_v6(h + 24);
	p->proto = h[6];
	p->ttl = h[7];
	if (h[24] == 0xff)
		p->flags |= BH_PKT_GROUP;
	if (!ip_length(c, p, body ? body : c->wire))
		return bad(p, BH_BAD_IP_LENGTH);
	why = extensions(c, p);
	if (why) {
		p->what = BH_WHAT_IP;
		return bad(p, why);
	}
	return finish(c, p);
}
