/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Router advertisements and redirects: who wants to be the way out, or says who it is
 *
 * Only what a host would believe is told (RFC 4861 6.1.2 and 8.1): a message that was not routed, from a link-local address, with
 * every option whole. Anything else is counted; so is what a capture cut.
 *
 * An advertisement is one fact for each prefix it announces, each with all the rest of it, and one without a prefix when it
 * announces none. Of several resolvers the first that is not being taken back is told. What a router says of routes other
 * than the default one (RFC 4191 2.3) is not read.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

#define ADVERT 134
#define REDIRECT 137
#define PREFIXES_MAX 8

enum option { OPT_SOURCE = 1, OPT_TARGET = 2, OPT_PREFIX = 3, OPT_MTU = 5, OPT_RDNSS = 25 };

struct ra {
	uint64_t facts, bogus, left_out; /* left_out: prefixes behind the eighth */
};

struct prefix {
	struct bh_addr net;
	uint32_t valid_s;
	uint8_t bits;
};
struct reading {
	struct bh_ev_ra *d;
	struct prefix prefixes[PREFIXES_MAX];
	unsigned n, left_out;
	uint8_t lladdr; /* the option that holds the one wanted */
};

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return pkt->what == BH_WHAT_ICMP && pkt->proto == 58 && (pkt->icmp.type == ADVERT || pkt->icmp.type == REDIRECT);
}

static void *ra_open(uint64_t seed)
{
	return calloc(1, sizeof(struct ra));
}

static struct bh_addr address(struct bh_bytes *b)
{
	const uint8_t *p = bh_take(b, 16);

	return p ? bh_addr_v6(p) : (struct bh_addr){{0}};
}

/* Bits beyond the length are for nobody: two prefixes that mean the same shall be the same. */
static void mask(struct bh_addr *a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			a->b[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static bool prefix(struct reading *r, struct bh_bytes b)
{
	struct prefix p = {.bits = bh_u8(&b)};

	bh_skip(&b, 1); /* on-link, autonomous */
	p.valid_s = bh_be32(&b);
	bh_skip(&b, 8); /* preferred lifetime, reserved */
	p.net = address(&b);
	if (b.bad || p.bits > 128)
		return false;
	mask(&p.net, p.bits);
	if (r->n < PREFIXES_MAX)
		r->prefixes[r->n++] = p;
	else
		r->left_out++;
	return true;
}

static bool resolvers(struct bh_ev_ra *d, struct bh_bytes b)
{
	struct bh_addr first;
	uint32_t life;

	bh_skip(&b, 2);
	life = bh_be32(&b);
	first = address(&b);
	if (!b.bad && (bh_addr_none(&d->dns) || (!d->dns_s && life))) {
		d->dns = first;
		d->dns_s = life;
	}
	return !b.bad;
}

/* b: behind type and length, six bytes at least */
static bool option(struct reading *r, uint8_t type, struct bh_bytes b)
{
	if (type == r->lladdr && bh_mac_none(&r->d->lladdr))
		memcpy(r->d->lladdr.b, b.p, 6);
	if (r->d->op != BH_RA_ADVERT) /* the rest is an advertisement's to say */
		return true;
	switch (type) {
	case OPT_PREFIX:
		return prefix(r, b);
	case OPT_RDNSS:
		return resolvers(r->d, b);
	case OPT_MTU:
		bh_skip(&b, 2);
		r->d->mtu = bh_be32(&b);
	}
	return true;
}

static bool options(struct reading *r, struct bh_bytes b)
{
	while (b.left) {
		uint8_t type = bh_u8(&b), units = bh_u8(&b);
		const uint8_t *p = units ? bh_take(&b, units * 8u - 2) : NULL;

		if (!p || b.bad || !option(r, type, bh_bytes(p, units * 8u - 2)))
			return false;
	}
	return true;
}

static bool advert(const struct bh_packet *k, struct reading *r)
{
	static const uint8_t preferences[4] = {0, 1, 0, 3}; /* 2 is reserved and means medium */
	struct bh_bytes b = bh_bytes(k->payload, k->payload_len);

	r->d->op = BH_RA_ADVERT;
	r->d->flags = k->icmp.nd.flags & (BH_RA_F_MANAGED | BH_RA_F_OTHER);
	r->d->lifetime_s = k->icmp.nd.lifetime_s;
	if (r->d->lifetime_s) /* of no default router it says nothing */
		r->d->preference = preferences[k->icmp.nd.flags >> 3 & 3];
	r->lladdr = OPT_SOURCE;
	return bh_skip(&b, 8) && options(r, b); /* reachable time, retransmission timer */
}

static bool redirect(const struct bh_packet *k, struct reading *r)
{
	struct bh_bytes b = bh_bytes(k->payload, k->payload_len);
	struct prefix to = {.bits = 128};

	r->d->op = BH_RA_REDIRECT;
	r->d->dns = address(&b);
	to.net = address(&b);
	if (b.bad || bh_addr_multicast(&to.net) || (!bh_addr_link_local(&r->d->dns) && !bh_addr_eq(&r->d->dns, &to.net)))
		return false;
	r->lladdr = OPT_TARGET;
	r->prefixes[r->n++] = to;
	return options(r, b);
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const struct bh_packet *k = in->pkt;
	struct ra *s = state;
	struct bh_event ev = *in->proto;
	struct reading r = {.d = &ev.u.ra};

	memset(&ev.u, 0, sizeof ev.u);
	if (k->ttl != 255 || k->icmp.code || !bh_addr_link_local(&k->src) || k->payload_len < k->payload_wire ||
		(k->icmp.type == ADVERT ? !advert(k, &r) : !redirect(k, &r))) {
		s->bogus++;
		return;
	}
	ev.kind = BH_EV_RA;
	ev.proto = k->proto;
	ev.ttl = k->ttl;
	for (unsigned i = 0; i < (r.n ? r.n : 1); i++) {
		ev.u.ra.prefix = r.prefixes[i].net;
		ev.u.ra.prefix_bits = r.prefixes[i].bits;
		ev.u.ra.valid_s = r.prefixes[i].valid_s;
		s->facts++;
		out->emit(out->ctx, &ev);
	}
	s->left_out += r.left_out;
}

static void counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct ra *s = state;

	each(ctx, "facts", s->facts);
	each(ctx, "bogus", s->bogus);
	each(ctx, "left_out", s->left_out);
}

static size_t memory_bytes(const void *state)
{
	return sizeof(struct ra);
}

extern const struct bh_dissector bh_dissector_ra;
const struct bh_dissector bh_dissector_ra = {
	.name = "ra",
	.doc = "router advertisements and redirects: prefixes, resolvers, lifetimes, preference",
	.wants = wants,
	.open = ra_open,
	.close = free,
	.packet = packet,
	.counters = counters,
	.memory_bytes = memory_bytes,
};
