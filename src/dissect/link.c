/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LLDP and CDP: what a switch, or a station, says of itself to whoever hangs on the same cable
 *
 * It tells where a sensor is plugged in and what stands at the other end. Nobody signs it: a word for people to read and to
 * compare with, never proof. One fact a message. An LLDP message begins with chassis, port and time to live, in this order; a
 * message that does not, or whose parts do not fit into it, is counted and gives no fact, nor does one the capture cut.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

#include "printed.h"

enum lldp { LLDP_END, LLDP_CHASSIS, LLDP_PORT, LLDP_TTL, LLDP_NAME = 5, LLDP_TEXT, LLDP_CAPS, LLDP_MGMT, LLDP_ORGANISATION = 127 };
enum cdp { CDP_DEVICE = 1, CDP_ADDRESS, CDP_PORT, CDP_CAPS, CDP_SOFTWARE, CDP_PLATFORM, CDP_NATIVE = 10, CDP_NAME = 0x14, CDP_MGMT = 0x16 };

struct link_state {
	uint64_t facts, malformed;
};

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_LINK;
}

static void *link_open(uint64_t seed)
{
	return calloc(1, sizeof(struct link_state));
}

/* ---- LLDP ---- */

/* Of the address families IANA numbers, the two that are addresses here. */
static struct bh_addr address(uint8_t family, struct bh_bytes b)
{
	if (family == 1 && b.left == 4)
		return bh_addr_v4(b.p);
	if (family == 2 && b.left == 16)
		return bh_addr_v6(b.p);
	return (struct bh_addr){{0}};
}

/* A chassis or a port is named by a MAC, an address, or by text; which subtypes mean the first two differs. */
static bool identifier(struct bh_bytes b, uint8_t mac_type, uint8_t addr_type, char *out, size_t size)
{
	uint8_t type = bh_u8(&b);
	char text[BH_ADDR_TEXT];
	struct bh_addr a;
	struct bh_mac m;

	if (b.bad || !b.left)
		return false;
	bh_printed(b, out, size);
	if (type == mac_type && b.left == 6) {
		memcpy(m.b, b.p, 6);
		bh_strcpy(out, size, bh_mac_print(&m, text));
	} else if (type == addr_type) {
		a = address(b.p[0], bh_bytes(b.p + 1, b.left - 1));
		if (!bh_addr_none(&a))
			bh_strcpy(out, size, bh_addr_print(&a, text));
	}
	return true;
}

static void management(struct bh_ev_link *d, struct bh_bytes b)
{
	uint8_t len = bh_u8(&b), family = bh_u8(&b);
	const uint8_t *p = len ? bh_take(&b, len - 1u) : NULL;

	if (p && bh_addr_none(&d->mgmt))
		d->mgmt = address(family, bh_bytes(p, len - 1u));
}

/* 802.1 (00-80-c2), subtype 1: the VLAN of frames without a tag */
static void organisation(struct bh_ev_link *d, struct bh_bytes b)
{
	static const uint8_t port_vlan[4] = {0x00, 0x80, 0xc2, 1};
	const uint8_t *p = bh_take(&b, 4);

	if (p && !memcmp(p, port_vlan, 4))
		d->native_vlan = bh_be16(&b);
}

static bool lldp_part(struct bh_ev_link *d, unsigned type, struct bh_bytes b)
{
	switch (type) {
	case LLDP_CHASSIS:
		return identifier(b, 4, 5, d->chassis, sizeof d->chassis);
	case LLDP_PORT:
		return identifier(b, 3, 4, d->port, sizeof d->port);
	case LLDP_TTL:
		d->ttl_s = bh_be16(&b);
		break;
	case LLDP_NAME:
		bh_printed(b, d->name, sizeof d->name);
		break;
	case LLDP_TEXT:
		bh_printed(b, d->text, sizeof d->text);
		break;
	case LLDP_CAPS:
		bh_skip(&b, 2); /* what it could do */
		d->caps = bh_be16(&b);
		break;
	case LLDP_MGMT:
		management(d, b);
		break;
	case LLDP_ORGANISATION:
		organisation(d, b);
		break;
	}
	return !b.bad;
}

static bool lldp(struct bh_bytes b, struct bh_ev_link *d)
{
	unsigned n = 0;

	d->via = BH_LINK_LLDP;
	while (b.left) {
		unsigned head = bh_be16(&b), type = head >> 9, len = head & 0x1ff;
		const uint8_t *p = bh_take(&b, len);

		n++;
		if (!p || ((n <= LLDP_TTL || type <= LLDP_TTL) && type != (n <= LLDP_TTL ? n : LLDP_END)))
			return false;
		if (type == LLDP_END)
			break;
		if (!lldp_part(d, type, bh_bytes(p, len)))
			return false;
	}
	return n >= LLDP_TTL;
}

/* ---- CDP ---- */

static uint16_t folded(uint32_t caps)
{
	static const struct {
		uint8_t cdp, lldp;
	} bits[] = {{0x01, 0x10}, {0x02 | 0x04 | 0x08, 0x04}, {0x10, 0x80}, {0x40, 0x02}, {0x80, 0x20}}; /* router, bridge, host, repeater, telephone */
	uint16_t r = 0;

	for (size_t i = 0; i < BH_COUNT(bits); i++)
		if (caps & bits[i].cdp)
			r |= bits[i].lldp;
	return r;
}

/* The first IPv4 or IPv6 address of the list. */
static struct bh_addr first_address(struct bh_bytes b)
{
	static const uint8_t ip4[] = {0xcc}, ip6[] = {0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd};
	uint32_t n = bh_be32(&b);

	for (; n && b.left && !b.bad; n--) {
		size_t kind_len, len;
		const uint8_t *kind, *p;

		bh_skip(&b, 1);
		kind_len = bh_u8(&b);
		kind = bh_take(&b, kind_len);
		len = bh_be16(&b);
		p = bh_take(&b, len);
		if (p && len == 4 && kind_len == sizeof ip4 && !memcmp(kind, ip4, sizeof ip4))
			return bh_addr_v4(p);
		if (p && len == 16 && kind_len == sizeof ip6 && !memcmp(kind, ip6, sizeof ip6))
			return bh_addr_v6(p);
	}
	return (struct bh_addr){{0}};
}

struct cdp_reading {
	struct bh_ev_link *d;
	struct bh_bytes platform, software;
	struct bh_addr addr;
};

static bool cdp_part(struct cdp_reading *r, unsigned type, struct bh_bytes b)
{
	struct bh_ev_link *d = r->d;

	switch (type) {
	case CDP_DEVICE:
		bh_printed(b, d->chassis, sizeof d->chassis);
		if (!d->name[0])
			bh_printed(b, d->name, sizeof d->name);
		break;
	case CDP_NAME:
		bh_printed(b, d->name, sizeof d->name);
		break;
	case CDP_PORT:
		bh_printed(b, d->port, sizeof d->port);
		break;
	case CDP_ADDRESS:
		r->addr = first_address(b);
		break;
	case CDP_MGMT:
		d->mgmt = first_address(b);
		break;
	case CDP_CAPS:
		d->caps = folded(bh_be32(&b));
		break;
	case CDP_SOFTWARE:
		r->software = b;
		break;
	case CDP_PLATFORM:
		r->platform = b;
		break;
	case CDP_NATIVE:
		d->native_vlan = bh_be16(&b);
		break;
	}
	return !b.bad;
}

/* platform, then software, as far as there is room */
static void describe(const struct cdp_reading *r)
{
	char *text = r->d->text;
	size_t n;

	bh_printed(r->platform, text, sizeof r->d->text);
	n = strlen(text);
	if (n && r->software.left && n < sizeof r->d->text - 2)
		text[n++] = ' ';
	bh_printed(r->software, text + n, sizeof r->d->text - n);
}

static bool cdp(struct bh_bytes b, struct bh_ev_link *d)
{
	struct cdp_reading r = {.d = d};
	uint8_t version = bh_u8(&b);
	unsigned n = 0;

	d->via = BH_LINK_CDP;
	d->ttl_s = bh_u8(&b);
	bh_skip(&b, 2); /* checksum */
	for (; b.left && !b.bad; n++) {
		unsigned type = bh_be16(&b), len = bh_be16(&b);
		const uint8_t *p = len >= 4 ? bh_take(&b, len - 4) : NULL;

		if (!p || !cdp_part(&r, type, bh_bytes(p, len - 4)))
			return false;
	}
	describe(&r);
	if (bh_addr_none(&d->mgmt))
		d->mgmt = r.addr;
	return n && !b.bad && (version == 1 || version == 2);
}

/* ---- both ---- */

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_packet *k = in->pkt;
	struct bh_bytes b = bh_bytes(k->payload, k->payload_len);
	struct link_state *s = state;
	struct bh_event ev = *in->proto;

	memset(&ev.u, 0, sizeof ev.u);
	if (k->payload_len < k->payload_wire || !(k->ethertype == BH_TYPE_LLDP ? lldp(b, &ev.u.link) : cdp(b, &ev.u.link))) {
		s->malformed++;
		return;
	}
	ev.kind = BH_EV_LINK;
	s->facts++;
	out->emit(out->ctx, &ev);
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct link_state *s = state;

	each(ctx, "facts", s->facts);
	each(ctx, "malformed", s->malformed);
}

static size_t memory_bytes(const void *state)
{
	return sizeof(struct link_state);
}

extern const struct bh_dissector bh_dissector_link;
const struct bh_dissector bh_dissector_link = {
	.name = "link",
	.doc = "LLDP and CDP: what a switch or a station says of itself on the cable",
	.wants = wants,
	.open = link_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
