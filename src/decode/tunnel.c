/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tunnels that carry a mirrored or a private network: GRE, ERSPAN types I to III, VXLAN. */
#include "internal.h"

/* GRE flag bits (RFC 2784, 2890): checksum, routing, key, sequence */
#define GRE_C 0x8000
#define GRE_R 0x4000
#define GRE_K 0x2000
#define GRE_S 0x1000

static void erspan_vlan(struct bh_packet *p, const uint8_t *h)
{
	uint16_t id = get16(h) & 0xfff;

	if (id) {
		p->vlan = id;
		p->vlan2 = 0;
	}
}

/* Type I has no header of its own and no sequence number; II and III start with their version. */
static enum next erspan2(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 8);

	if (!h || h[0] >> 4 != 1)
		return bad(p, BH_BAD_TUNNEL);
	erspan_vlan(p, h);
	return NEXT_ETHER;
}

static enum next erspan3(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 12);

	if (!h || h[0] >> 4 != 2)
		return bad(p, BH_BAD_TUNNEL);
	erspan_vlan(p, h);
	if (((h[10] >> 2) & 0x1f) != 0) /* frame type: only Ethernet can be opened here */
		return NEXT_STOP;
	if ((h[11] & 1) && !take(c, 8)) /* the optional sub-header */
		return bad(p, BH_BAD_TUNNEL);
	return NEXT_ETHER;
}

enum next bh_decode_gre(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 4);
	unsigned flags, opt;

	if (!h)
		return bad(p, BH_BAD_TUNNEL);
	flags = get16(h);
	if ((flags & 7) ||
		(flags & GRE_R)) /* version 1 is PPTP; source routes have been dead for decades */
		return NEXT_STOP;
	opt = (flags & GRE_C ? 4u : 0) + (flags & GRE_K ? 4u : 0) + (flags & GRE_S ? 4u : 0);
	if (!take(c, opt))
		return bad(p, BH_BAD_TUNNEL);
	switch (get16(h + 2)) {
	case 0x0800:
	case 0x86dd:
		c->ethertype = get16(h + 2);
		return NEXT_TYPE;
	case 0x6558:
		return NEXT_ETHER;
	case 0x88be:
		return flags & GRE_S ? erspan2(c, p) : NEXT_ETHER;
	case 0x22eb:
		return erspan3(c, p);
	}
	return NEXT_STOP;
}

/* Port 4789 with anything but a VXLAN header is ordinary UDP. */
enum next bh_decode_vxlan(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h;

	if (c->b.left < 8 || c->b.p[0] != 0x08 || c->b.p[7] != 0)
		return NEXT_STOP;
	h = take(c, 8);
	return h ? NEXT_ETHER : NEXT_STOP;
}
