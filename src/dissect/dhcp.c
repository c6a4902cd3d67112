/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DHCPv4: what a client asks and what a server hands out
 *
 * One fact per message. The two ends are the packet's own, whoever opened the flow, so an OFFER's
 * source is the server that sent it, hardware address included. Options lie in up to three places
 * (options, file, sname; option 52 says which) and are read in that order; the list of their
 * numbers keeps it, because it tells one implementation from another. So do the list of what a client
 * asks for, the size it takes and the kind of its identifier; the identifier itself is told as a hash.
 *
 * Stateless: a message that is cut off or contradicts itself is counted and gives no fact.
 */
#include <stdlib.h>

#include "dhcp.h"
#include "printed.h"

#define BOOTREQUEST 1
#define BOOTREPLY 2
#define MAGIC_COOKIE 0x63825363u
#define OVERLOAD_FILE 1
#define OVERLOAD_SNAME 2
#define FQDN_LABELS 0x04 /* RFC 4702: the name is coded as in DNS */

enum { HALF_LOW = 1, HALF_HIGH = 2 };

struct dhcp {
	uint64_t facts, malformed, bootp;
};

struct reading {
	struct bh_ev_dhcp *d;
	struct bh_bytes fqdn; /* option 81; counts when there is no option 12 */
	uint8_t overload, halves;
	bool bad;
};

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_UDP &&
	       (pkt->sport == 67 || pkt->sport == 68 || pkt->dport == 67 || pkt->dport == 68);
}

static void *dhcp_open(uint64_t seed)
{
	return calloc(1, sizeof(struct dhcp));
}

/* 0.0.0.0 says nothing: stays the empty address */
static struct bh_addr address(struct bh_bytes *b)
{
	static const uint8_t zero[4];
	const uint8_t *p = bh_take(b, 4);

	return p && memcmp(p, zero, 4) ? bh_addr_v4(p) : (struct bh_addr){{0}};
}

void bh_dhcp_string(struct bh_bytes b, char *out, size_t size)
{
	size_t n = strnlen((const char *)b.p, b.left);

	if (n > size - 1)
		n = size - 1;
	memset(out, 0, size);
	memcpy(out, b.p, n);
}

void bh_dhcp_domain(struct bh_bytes b, char *out, size_t size)
{
	size_t n = 0;

	memset(out, 0, size);
	while (b.left) {
		uint8_t len = bh_u8(&b);
		const uint8_t *p = len < 64 ? bh_take(&b, len) : NULL;

		if (!len || !p)
			return;
		if (n && n < size - 1)
			out[n++] = '.';
		for (uint8_t i = 0; i < len && n < size - 1; i++)
			out[n++] = bh_printed_char(p[i]);
	}
}

void bh_dhcp_param(struct bh_ev_dhcp *d, unsigned code)
{
	size_t n = strnlen((const char *)d->params, BH_DHCP_OPTS);

	if (n < BH_DHCP_OPTS)
		d->params[n] = code > 255 ? 255 : (uint8_t)code;
}

uint64_t bh_dhcp_id(struct bh_bytes b)
{
	return bh_hash(b.p, b.left, 0) | 1;
}

/* classless routes: width, the bytes of the network the width needs, router */
static void routes(struct reading *r, struct bh_bytes b)
{
	while (b.left) {
		unsigned width = bh_u8(&b);
		const uint8_t *net = bh_take(&b, (width + 7) / 8);

		bh_skip(&b, 4);
		if (width > 32 || b.bad) {
			r->bad = true;
			return;
		}
		if (width == 1)
			r->halves |= net[0] & 0x80 ? HALF_HIGH : HALF_LOW;
	}
}

/* What a relay adds; nothing follows from what it gets wrong. */
static void relay(struct bh_ev_dhcp *d, struct bh_bytes b)
{
	d->flags |= BH_DHCP_F_RELAYED;
	while (b.left && !b.bad) {
		uint8_t code = bh_u8(&b), len = bh_u8(&b);
		const uint8_t *p = bh_take(&b, len);

		if (p && code == 1)
			bh_printed(bh_bytes(p, len), d->circuit, sizeof d->circuit);
	}
}

static void fqdn(struct bh_ev_dhcp *d, struct bh_bytes b)
{
	uint8_t flags = bh_u8(&b);

	if (!bh_skip(&b, 2)) /* two codes nobody uses any more */
		return;
	if (flags & FQDN_LABELS)
		bh_dhcp_domain(b, d->hostname, sizeof d->hostname);
	else
		bh_dhcp_string(b, d->hostname, sizeof d->hostname);
}

/* what a client says of itself */
static void identity(struct reading *r, uint8_t code, struct bh_bytes b)
{
	struct bh_ev_dhcp *d = r->d;

	switch (code) {
	case 12:
		bh_dhcp_string(b, d->hostname, sizeof d->hostname);
		break;
	case 50:
		d->wanted = address(&b);
		break;
	case 55:
		for (; b.left; bh_skip(&b, 1))
			if (*b.p)
				bh_dhcp_param(d, *b.p);
		break;
	case 57:
		d->max_size = bh_be16(&b);
		break;
	case 60:
		bh_dhcp_string(b, d->vendor, sizeof d->vendor);
		break;
	case 61:
		if (!d->client_id)
			d->client_id = bh_dhcp_id(b);
		d->id_type = bh_u8(&b);
		break;
	case 81:
		r->fqdn = b;
		break;
	case 82:
		relay(d, b);
		break;
	case 93:
		d->arch = (uint16_t)(bh_be16(&b) + 1);
		break;
	}
	r->bad |= b.bad;
}

static void option(struct reading *r, uint8_t code, struct bh_bytes b)
{
	struct bh_ev_dhcp *d = r->d;

	switch (code) {
	case 3:
		d->router = address(&b);
		break;
	case 6:
		d->dns = address(&b);
		break;
	case 51:
		d->lease_s = bh_be32(&b);
		break;
	case 52:
		r->overload = bh_u8(&b) & (OVERLOAD_FILE | OVERLOAD_SNAME);
		break;
	case 53:
		d->type = bh_u8(&b);
		break;
	case 54:
		d->server_id = address(&b);
		break;
	case 121:
	case 249:
		routes(r, b);
		break;
	case 252:
		d->flags |= BH_DHCP_F_WPAD;
		break;
	default:
		identity(r, code, b);
	}
	r->bad |= b.bad;
}

static void options(struct reading *r, struct bh_bytes b)
{
	while (b.left) {
		uint8_t code = bh_u8(&b), len;
		const uint8_t *p;

		if (code == 255)
			return;
		if (code == 0)
			continue;
		len = bh_u8(&b);
		p = bh_take(&b, len);
		if (b.bad) {
			r->bad = true;
			return;
		}
		if (r->d->n_opts < BH_DHCP_OPTS)
			r->d->opts[r->d->n_opts++] = code;
		option(r, code, bh_bytes(p, len));
	}
}

static bool from_server(uint8_t type)
{
	return type == 2 || type == 5 || type == 6;
}

/* 0 a message, 1 malformed, 2 BOOTP without a DHCP type */
static int parse(const uint8_t *p, size_t n, struct bh_ev_dhcp *d)
{
	struct bh_bytes b = bh_bytes(p, n);
	uint8_t op = bh_u8(&b), htype = bh_u8(&b), hlen = bh_u8(&b);
	struct reading r = {.d = d};
	const uint8_t *hw, *sname, *file;
	struct bh_addr siaddr;

	bh_skip(&b, 1);
	d->xid = bh_be32(&b);
	bh_skip(&b, 4); /* secs, flags */
	d->ciaddr = address(&b);
	d->yiaddr = address(&b);
	siaddr = address(&b);
	d->giaddr = address(&b);
	hw = bh_take(&b, 16);
	sname = bh_take(&b, 64);
	file = bh_take(&b, 128);
	if (bh_be32(&b) != MAGIC_COOKIE || b.bad || (op != BOOTREQUEST && op != BOOTREPLY))
		return 1;
	if (hlen == 6 && (htype == 1 || htype == 6))
		memcpy(d->client.b, hw, 6);
	options(&r, b);
	if (r.overload & OVERLOAD_FILE)
		options(&r, bh_bytes(file, 128));
	if (r.overload & OVERLOAD_SNAME)
		options(&r, bh_bytes(sname, 64));
	if (r.bad)
		return 1;
	if (!d->type)
		return 2;
	if (d->type > 8 || from_server(d->type) != (op == BOOTREPLY))
		return 1;
	if (!d->hostname[0])
		fqdn(d, r.fqdn);
	if (!bh_addr_none(&d->giaddr))
		d->flags |= BH_DHCP_F_RELAYED;
	if (r.halves == (HALF_LOW | HALF_HIGH))
		d->flags |= BH_DHCP_F_ROUTES;
	if (from_server(d->type) && bh_addr_none(&d->server_id))
		d->server_id = siaddr;
	return 0;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_packet *k = in->pkt;
	struct dhcp *s = state;
	struct bh_event ev = *in->proto;
	struct bh_ev_dhcp *d = &ev.u.dhcp;
	int r;

	if (!bh_addr_is4(&k->src))
		return;
	memset(&ev.u, 0, sizeof ev.u);
	r = parse(in->payload, in->len, d);
	if (r) {
		s->malformed += r == 1;
		s->bootp += r == 2;
		return;
	}
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
	if (from_server(d->type) && bh_addr_none(&d->server_id))
		d->server_id = k->src;
	s->facts++;
	out->emit(out->ctx, &ev);
}

static void counters(
	const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct dhcp *s = state;

	each(ctx, "facts", s->facts);
	each(ctx, "malformed", s->malformed);
	each(ctx, "bootp", s->bootp);
}

static size_t memory_bytes(const void *state)
{
	return sizeof(struct dhcp);
}

extern const struct bh_dissector bh_dissector_dhcp;
const struct bh_dissector bh_dissector_dhcp = {
	.name = "dhcp",
	.doc = "DHCPv4: messages with their option order, addresses, routes and names",
	.wants = wants,
	.open = dhcp_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
