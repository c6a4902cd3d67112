/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cursor the decoders pass along; private to this folder. */
#ifndef BH_DECODE_INTERNAL_H
#define BH_DECODE_INTERNAL_H

#include <bulkhead/decode.h>

/* What follows the bytes read so far. */
enum next {
	NEXT_STOP, /* done, or bad is set */
	NEXT_ETHER,
	NEXT_TYPE, /* by cur.ethertype */
};

struct cur {
	struct bh_bytes b; /* captured bytes left, never beyond the enclosing length */
	uint64_t wire;     /* bytes left on the wire by the enclosing length; >= b.left */
	uint16_t ethertype;
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* bh_take that keeps count of the wire */
static inline const uint8_t *take(struct cur *c, size_t n)
{
	const uint8_t *p = bh_take(&c->b, n);

	if (p)
		c->wire -= n;
	return p;
}
/* the rest is n bytes at most: what follows is padding or another layer's */
static inline void limit(struct cur *c, uint64_t n)
{
	if (c->b.left > n)
		c->b.left = (size_t)n;
	if (c->wire > n)
		c->wire = n;
}
static inline enum next bad(struct bh_packet *p, enum bh_bad why)
{
	p->bad = why;
	return NEXT_STOP;
}

enum next bh_decode_ipv4(struct cur *c, struct bh_packet *p);
enum next bh_decode_ipv6(struct cur *c, struct bh_packet *p);
enum next bh_decode_l4(struct cur *c, struct bh_packet *p);
enum next bh_decode_gre(struct cur *c, struct bh_packet *p);
enum next bh_decode_vxlan(struct cur *c, struct bh_packet *p);
void bh_decode_icmp(struct cur *c, struct bh_packet *p);

#endif
