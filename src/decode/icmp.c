/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP and ICMPv6: echo ids, the packet an error quotes, neighbour discovery. */
#include "internal.h"

#define ND_OPTIONS_MAX 16

static bool is_error(const struct bh_packet *p, uint8_t type)
{
	if (p->proto == 58)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool is_echo(const struct bh_packet *p, uint8_t type)
{
	if (p->proto == 58)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

/* An error need only quote the IP header and 8 bytes (RFC 792): take what is there, claim no more.
 */
static void quote(struct bh_bytes b, struct bh_packet_quote *q)
{
	const uint8_t *h = bh_take(&b, 20);
	uint8_t proto;

	if (!h)
		return;
	if (h[0] >> 4 == 4) {
		unsigned hl = (h[0] & 15u) * 4;

		if (hl < 20 || !bh_skip(&b, hl - 20) || (get16(h + 6) & 0x1fff))
			return;
		q->src = bh_addr_v4(h + 12);
		q->dst = bh_addr_v4(h + 16);
		proto = h[9];
	} else if (h[0] >> 4 == 6) {
		if (!bh_skip(&b, 20))
			return;
		q->src = bh_addr_v6(h + 8);
		q->dst = bh_addr_v6(h + 24);
		proto = h[6];
	} else {
		return;
	}
	h = bh_take(&b, 8);
	if (!h)
		return;
	if (proto == 6 || proto == 17) {
		q->sport = get16(h);
		q->dport = get16(h + 2);
		q->seq = proto == 6 ? get32(h + 4) : 0;
	} else if (proto == 1 || proto == 58) {
		q->sport = q->dport = get16(h + 4); /* echo id */
	}
	q->proto = proto;
}

static void nd_options(struct bh_bytes b, struct bh_packet_nd *nd)
{
	for (unsigned n = 0; n < ND_OPTIONS_MAX && b.left >= 8; n++) {
		const uint8_t *o = b.p;
		size_t len = o[1] * 8u;

		if (!len || !bh_skip(&b, len))
			return;
		if ((o[0] == 1 || o[0] == 2) && bh_mac_none(&nd->lladdr))
			memcpy(nd->lladdr.b, o + 2, 6);
		else if (o[0] == 3 && len == 32 && bh_addr_none(&nd->target)) {
			nd->prefix_bits = o[2];
			nd->target = bh_addr_v6(o + 16);
		}
	}
}

/* b starts after the 8 bytes every ICMPv6 message has */
static void nd(struct bh_bytes b, const uint8_t *h, struct bh_packet_nd *ret)
{
	const uint8_t *t;

	*ret = (struct bh_packet_nd){0};
	switch (h[0]) {
	case 134: /* RA */
		ret->flags = h[5];
		ret->lifetime_s = get16(h + 6);
		if (!bh_skip(&b, 8))
			return;
		break;
	case 135: /* NS */
	case 136: /* NA */
	case 137: /* redirect */
		ret->flags = h[0] == 136 ? h[4] : 0;
		t = bh_take(&b, 16);
		if (!t)
			return;
		ret->target = bh_addr_v6(t);
		if (h[0] == 137 && !bh_skip(&b, 16))
			return;
		break;
	}
	nd_options(b, ret);
}

void bh_decode_icmp(struct cur *c, struct bh_packet *p)
{
	const uint8_t *h = take(c, 8);
	struct bh_packet_icmp *m = &p->icmp;

	if (!h) {
		p->bad = BH_BAD_ICMP;
		return;
	}
	memset(m, 0, sizeof *m);
	m->type = h[0];
	m->code = h[1];
	m->error = is_error(p, m->type);
	m->echo = is_echo(p, m->type);
	if (m->echo)
		m->id = get16(h + 4);
	if (m->error)
		quote(c->b, &m->quote);
	else if (p->proto == 58 && m->type >= 133 && m->type <= 137)
		nd(c->b, h, &m->nd);
	p->what = BH_WHAT_ICMP;
	p->payload = c->b.p;
	p->payload_len = (uint32_t)c->b.left;
	p->payload_wire = (uint32_t)c->wire;
}
