/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP and UDP; other protocols keep BH_WHAT_IP and their bytes as payload. */
#include "internal.h"

static void rest_is_payload(const struct cur *c, struct bh_packet *p)
{
	p->payload = c->b.p;
	p->payload_len = (uint32_t)c->b.left;
	p->payload_wire = (uint32_t)c->wire;
}

static enum next tcp(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 20);
	unsigned hl;

	if (!h)
		return bad(p, BH_BAD_TCP);
	hl = (h[12] >> 4) * 4u;
	if (hl < 20 || hl - 20 > c->wire)
		return bad(p, BH_BAD_TCP);
	if (hl - 20 > c->b.left) /* options cut off by the capture: the fixed part is good */
		hl = 20 + (unsigned)c->b.left;
	p->tcp = (struct bh_packet_tcp){
		.seq = get32(h + 4), .ack = get32(h + 8), .window = get16(h + 14), .flags = h[13],
		.opts_len = (uint8_t)(hl - 20), .opts = h + 20};
	take(c, hl - 20);
	p->sport = get16(h);
	p->dport = get16(h + 2);
	p->what = BH_WHAT_TCP;
	rest_is_payload(c, p);
	return NEXT_STOP;
}

static enum next udp(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 8);
	unsigned len;

	if (!h)
		return bad(p, BH_BAD_UDP);
	len = get16(h + 4);
	if (len && len < 8)
		return bad(p, BH_BAD_UDP);
	/* zero: jumbogram or a segment not cut yet; a first fragment's length is that of the whole
	 * datagram */
	if (len) {
		if (len - 8 > c->wire && !(p->flags & BH_PKT_FRAG))
			return bad(p, BH_BAD_UDP);
		limit(c, len - 8);
	}
	p->sport = get16(h);
	p->dport = get16(h + 2);
	p->what = BH_WHAT_UDP;
	rest_is_payload(c, p);
	if (p->dport == 4789 && !(p->flags & BH_PKT_FRAG))
		return bh_decode_vxlan(c, p);
	return NEXT_STOP;
}

enum next bh_decode_l4(struct cur *c, struct bh_packet *p)
{
	switch (p->proto) {
	case 6:
		return tcp(c, p);
	case 17:
		return udp(c, p);
	case 1:
	case 58:
		/* each belongs to one family; elsewhere it is just another protocol */
		if ((p->proto == 58) == !!(p->flags & BH_PKT_IPV6)) {
			bh_decode_icmp(c, p);
			return NEXT_STOP;
		}
		break;
	case 47:
		rest_is_payload(c, p);
		return p->flags & BH_PKT_FRAG ? NEXT_STOP : bh_decode_gre(c, p);
	}
	rest_is_payload(c, p);
	return NEXT_STOP;
}
