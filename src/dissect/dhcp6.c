/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DHCPv6: what a client asks and what a server hands out, as facts of the same kind as DHCPv4's
 *
 * A relay wraps the message of a client, and the next relay that one's; they are taken off from the outside in, RELAYS_MAX at
 * most, in a loop. What the relay next to the client says of itself, its address on the client's link and the port, is told
 * with the message. A relay that forwards what only a server says, or the other way round, contradicts itself.
 *
 * The client is the MAC its DUID was made of; a DUID that holds none leaves the frame's own, as long as no relay sent it.
 * The DUID was made once and outlives a network card: it is the client's word, the frame's MAC is told beside it.
 *
 * Stateless: a message that is cut off or contradicts itself is counted and gives no fact.
 */
#include <stdlib.h>

#include "dhcp.h"
#include "printed.h"

#define RELAYS_MAX 8
#define ETHERNET 1
#define IEEE802 6

enum option {
	OPT_CLIENT_ID = 1,
	OPT_IA_NA = 3,
	OPT_IA_ADDR = 5,
	OPT_ORO = 6,
	OPT_RELAY_MSG = 9,
	OPT_VENDOR_CLASS = 16,
	OPT_INTERFACE_ID = 18,
	OPT_DNS = 23,
	OPT_FQDN = 39,
	OPT_ARCH = 61
};

struct dhcp6 {
	uint64_t facts, malformed, other; /* other: types that are none of RFC 8415's */
};

static bool port(uint16_t p)
{
	return p == 546 || p == 547;
}

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_UDP && (pkt->flags & BH_PKT_IPV6) && (port(pkt->sport) || port(pkt->dport));
}

static void *dhcp6_open(uint64_t seed)
{
	return calloc(1, sizeof(struct dhcp6));
}

static bool from_server(uint8_t type)
{
	return type == BH_DHCP6_ADVERTISE || type == BH_DHCP6_REPLY || type == BH_DHCP6_RECONFIGURE;
}

static struct bh_addr address(struct bh_bytes *b)
{
	const uint8_t *p = bh_take(b, 16);

	return p ? bh_addr_v6(p) : (struct bh_addr){{0}};
}

/* The next option; false at the end and, with b->bad, when it is cut. */
static bool next(struct bh_bytes *b, unsigned *ret_code, struct bh_bytes *ret_value)
{
	const uint8_t *p;
	size_t len;

	if (!b->left)
		return false;
	*ret_code = bh_be16(b);
	len = bh_be16(b);
	p = bh_take(b, len);
	if (!p)
		return false;
	*ret_value = bh_bytes(p, len);
	return true;
}

/* Made of a link-layer address and the time (type 1), or of the address alone (type 3). */
static void duid(struct bh_ev_dhcp *d, struct bh_bytes b)
{
	unsigned type, hardware;
	const uint8_t *mac;

	d->client_id = bh_dhcp_id(b);
	type = bh_be16(&b);
	d->id_type = type > 255 ? 255 : (uint8_t)type;
	hardware = bh_be16(&b);
	if (type == 1)
		bh_skip(&b, 4);
	mac = bh_take(&b, 6);
	if (mac && !b.left && (type == 1 || type == 3) && (hardware == ETHERNET || hardware == IEEE802))
		memcpy(d->client.b, mac, 6);
}

/* The first address of a set: what a client would have, what a server gives. */
static bool addresses(struct bh_ev_dhcp *d, struct bh_bytes b)
{
	struct bh_addr *to = from_server(d->type) ? &d->yiaddr : &d->wanted;
	struct bh_bytes v;
	unsigned code;

	bh_skip(&b, 12); /* identifier, when to renew and rebind */
	while (next(&b, &code, &v)) {
		if (code != OPT_IA_ADDR || !bh_addr_none(to))
			continue;
		*to = address(&v);
		bh_skip(&v, 4); /* preferred lifetime */
		d->lease_s = bh_be32(&v);
		if (v.bad)
			return false;
	}
	return !b.bad;
}

static void vendor(struct bh_ev_dhcp *d, struct bh_bytes b)
{
	const uint8_t *p;
	size_t len;

	bh_skip(&b, 4); /* enterprise number */
	len = bh_be16(&b);
	p = bh_take(&b, len);
	if (p)
		bh_printed(bh_bytes(p, len), d->vendor, sizeof d->vendor);
}

static bool option(struct bh_ev_dhcp *d, unsigned code, struct bh_bytes b)
{
	if (code && d->n_opts < BH_DHCP_OPTS) /* 0 is reserved */
		d->opts[d->n_opts++] = code > 255 ? 255 : (uint8_t)code;
	switch (code) {
	case OPT_CLIENT_ID:
		if (!d->client_id)
			duid(d, b);
		break;
	case OPT_IA_NA:
		return addresses(d, b);
	case OPT_ORO:
		while (b.left >= 2) {
			unsigned asked = bh_be16(&b);

			if (asked)
				bh_dhcp_param(d, asked);
		}
		return !b.left;
	case OPT_VENDOR_CLASS:
		vendor(d, b);
		break;
	case OPT_DNS:
		if (b.left && bh_addr_none(&d->dns))
			d->dns = address(&b);
		break;
	case OPT_FQDN:
		if (bh_skip(&b, 1))
			bh_dhcp_domain(b, d->hostname, sizeof d->hostname);
		break;
	case OPT_ARCH:
		d->arch = (uint16_t)(bh_be16(&b) + 1);
		break;
	}
	return !b.bad;
}

/* One relay's wrapping off: *b becomes the message inside. */
static bool unwrap(struct bh_ev_dhcp *d, struct bh_bytes *b)
{
	struct bh_bytes inside = {NULL, 0, false}, v;
	unsigned code;

	d->flags |= BH_DHCP_F_RELAYED;
	bh_skip(b, 1); /* hops */
	d->giaddr = address(b);
	bh_skip(b, 16); /* to whom the answer goes */
	while (next(b, &code, &v)) {
		if (code == OPT_RELAY_MSG && !inside.p)
			inside = v;
		else if (code == OPT_INTERFACE_ID)
			bh_printed(v, d->circuit, sizeof d->circuit);
	}
	if (b->bad || !inside.p)
		return false;
	*b = inside;
	return true;
}

/* 0 a message, 1 malformed, 2 of a type that is not read */
static int parse(struct bh_bytes b, struct bh_ev_dhcp *d)
{
	uint8_t outer = bh_u8(&b);
	struct bh_bytes v;
	unsigned code;

	d->flags = BH_DHCP_F_V6;
	d->type = outer;
	for (unsigned n = 0; d->type == BH_DHCP6_RELAY_FORW || d->type == BH_DHCP6_RELAY_REPL; n++) {
		if (n == RELAYS_MAX || d->type != outer || !unwrap(d, &b))
			return 1;
		d->type = bh_u8(&b);
	}
	if (b.bad)
		return 1;
	if (d->type < BH_DHCP6_SOLICIT || d->type > BH_DHCP6_INFO)
		return 2;
	if ((d->flags & BH_DHCP_F_RELAYED) && from_server(d->type) != (outer == BH_DHCP6_RELAY_REPL))
		return 1;
	d->xid = (uint32_t)bh_u8(&b) << 16;
	d->xid |= bh_be16(&b);
	while (next(&b, &code, &v))
		if (!option(d, code, v))
			return 1;
	return b.bad;
}

/* Whom a frame without a relay names: its sender, or whom a server sent it to. */
static void client_of_frame(struct bh_ev_dhcp *d, const struct bh_packet *k)
{
	const struct bh_mac *m = from_server(d->type) ? &k->mac_dst : &k->mac_src;

	if (!(d->flags & BH_DHCP_F_RELAYED) && bh_mac_none(&d->client) && !(m->b[0] & 1))
		d->client = *m;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_packet *k = in->pkt;
	struct dhcp6 *s = state;
	struct bh_event ev = *in->proto;
	struct bh_ev_dhcp *d = &ev.u.dhcp;
	int r;

	memset(&ev.u, 0, sizeof ev.u);
	r = parse(bh_bytes(in->payload, in->len), d);
	if (r) {
		s->malformed += r == 1;
		s->other += r == 2;
		return;
	}
	client_of_frame(d, k);
	if (from_server(d->type))
		d->server_id = k->src;
	ev.kind = BH_EV_DHCP;
	ev.app = 0; /* the kind says it */
	ev.outcome = 0;
	ev.src = k->src;
	ev.dst = k->dst;
	ev.sport = k->sport;
	ev.dport = k->dport;
	ev.mac_src = k->mac_src;
	ev.mac_dst = k->mac_dst;
	ev.ttl = k->ttl;
	ev.flags &= (uint8_t)~BH_EVF_GUESS;
	s->facts++;
	out->emit(out->ctx, &ev);
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct dhcp6 *s = state;

	each(ctx, "facts", s->facts);
	each(ctx, "malformed", s->malformed);
	each(ctx, "other", s->other);
}

static size_t memory_bytes(const void *state)
{
	return sizeof(struct dhcp6);
}

extern const struct bh_dissector bh_dissector_dhcp6;
const struct bh_dissector bh_dissector_dhcp6 = {
	.name = "dhcp6",
	.doc = "DHCPv6: messages with their option order, identifiers, addresses and names, relays taken off",
	.wants = wants,
	.open = dhcp6_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
