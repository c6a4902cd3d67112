/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a field of a packet is under a scenario: a range of a box, a constant, or not certain. */
#include "inside.h"

unsigned bh_field_end(const struct bh_scenario *sc, unsigned field) /* enum bh_cut_side, or BOTH */
{
	bool reply = sc->reply;

	switch (field) {
	case BH_F_SADDR4:
	case BH_F_SADDR6:
	case BH_F_ETHER:
		return reply ? BH_SIDE_DST : BH_SIDE_SRC;
	case BH_F_DADDR4:
	case BH_F_DADDR6:
		return reply ? BH_SIDE_SRC : BH_SIDE_DST;
	case BH_F_CT_SRC4:
	case BH_F_CT_SRC6:
		return BH_SIDE_SRC;
	case BH_F_CT_DST4:
	case BH_F_CT_DST6:
		return BH_SIDE_DST;
	}
	return BH_SIDE_BOTH;
}

enum dim bh_field_dim(const struct bh_scenario *sc, unsigned field, const struct bh_box *b)
{
	bool ports = b->plo == b->phi && (b->plo == 6 || b->plo == 17) && !sc->icmp_error;

	switch (field) {
	case BH_F_NFPROTO:
	case BH_F_CT_STATE:
	case BH_F_CT_DIR:
		return DIM_CONST;
	case BH_F_L4PROTO:
		return sc->icmp_error ? DIM_CONST : DIM_P;
	case BH_F_CT_PROTO:
		return DIM_P;
	case BH_F_SADDR4:
	case BH_F_SADDR6:
		if (sc->icmp_error) /* a router on the way may speak */
			return DIM_OPEN;
		/* fall through */
	case BH_F_DADDR4:
	case BH_F_DADDR6:
		if ((bh_field_len(field) == 4) != (b->fam == 4))
			return DIM_OPEN;
		return bh_field_end(sc, field) == BH_SIDE_SRC ? DIM_S : DIM_D;
	case BH_F_CT_SRC4:
	case BH_F_CT_SRC6:
		return DIM_S;
	case BH_F_CT_DST4:
	case BH_F_CT_DST6:
		return DIM_D;
	case BH_F_SPORT:
		return !ports ? DIM_OPEN : sc->reply ? DIM_DP : DIM_SP;
	case BH_F_DPORT:
		return !ports ? DIM_OPEN : sc->reply ? DIM_SP : DIM_DP;
	case BH_F_CT_SPORT:
		return DIM_SP;
	case BH_F_CT_DPORT:
		return DIM_DP;
	}
	return DIM_OPEN;
}

static enum bh_tri of_bool(bool b)
{
	return b ? BH_YES : BH_NO;
}

static enum bh_tri turned(enum bh_tri t, const struct step *s)
{
	return t == BH_MAYBE || s->cmp == BH_EQ ? t : t == BH_YES ? BH_NO : BH_YES;
}

static bool equal(const struct step *s, const uint8_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if ((v[i] & s->mask[i]) != s->value[i])
			return false;
	return true;
}

/* fields that are no dimension of a box */
enum bh_tri bh_compare_open(const struct bh_scenario *sc, const struct step *s, const struct bh_box *b)
{
	static const uint32_t states[] = {8, 2, 4, 1, 64}; /* by enum bh_ct_state */
	uint8_t family = b->fam == 4 ? 2 : 10, dir = sc->reply, icmp = b->fam == 4 ? 1 : 58;
	unsigned sender = sc->reply ? BH_SIDE_DST : BH_SIDE_SRC;
	static const uint8_t lo[16] = "lo";
	const uint16_t ethernet = 1;

	if (s->cmp != BH_EQ && s->cmp != BH_NEQ)
		return BH_MAYBE;
	switch (s->field) {
	case BH_F_NFPROTO:
		return turned(of_bool(equal(s, &family, 1)), s);
	case BH_F_L4PROTO:
		return sc->icmp_error ? turned(of_bool(equal(s, &icmp, 1)), s) : BH_MAYBE;
	case BH_F_CT_DIR:
		return turned(of_bool(equal(s, &dir, 1)), s);
	case BH_F_CT_STATE:
		return turned(
			of_bool((states[sc->state] & word(s->mask)) == word(s->value)), s);
	case BH_F_CT_MARK:
		return turned(sc->stamped, s);
	case BH_F_TCP_FLAGS:
		if (sc->icmp_error || b->plo != 6 || b->phi != 6 || s->mask[0] != 2 || sc->syn == BH_MAYBE)
			return BH_MAYBE;
		return turned(of_bool((sc->syn == BH_YES ? 2 : 0) == s->value[0]), s);
	case BH_F_HOPS6:
		/* ICMPv6 with 255 hops left between the ports of a bridge is neighbour discovery;
		 * what this box routes has fewer, and who asks neighbours ignores it (RFC 4861) */
		if (sc->hook != BH_HOOK_FORWARD || s->value[0] != 255 ||
			!(sc->icmp_error || (b->plo == 58 && b->phi == 58)))
			return BH_MAYBE;
		return turned(BH_NO, s);
	case BH_F_IIFTYPE: /* only a sender on Ethernet is isolated by its MAC address */
		return sc->mac || sc->cuts[BH_MS_ISO_MAC][sender] == BH_AS_HIT
			       ? turned(of_bool(equal(s, (const uint8_t *)&ethernet, 2)), s)
			       : BH_MAYBE;
	case BH_F_IIFNAME:
		return equal(s, lo, s->len) ? turned(sc->loopback, s) : BH_MAYBE;
	case BH_F_ETHER:
		return sc->mac ? turned(of_bool(equal(s, sc->mac->b, 6)), s) : BH_MAYBE;
	}
	return BH_MAYBE;
}

/* the range of values a comparison by dimension lets pass; false: it is none */
bool bh_compare_range(const struct step *s, enum dim d, const struct bh_box *b, struct span *ret)
{
	bh_u128 base = (d == DIM_S || d == DIM_D) && b->fam == 4 ? (bh_u128)0xffff << 32 : 0;
	bh_u128 full = s->len == 16 ? ~(bh_u128)0 : ((bh_u128)1 << 8 * s->len) - 1;
	bh_u128 mask = bh_u128_of(s->mask, s->len), value = bh_u128_of(s->value, s->len);
	bh_u128 open = full & ~mask;

	if (s->cmp == BH_EQ || s->cmp == BH_NEQ) {
		if ((open & (open + 1)) || (value & open))
			return false; /* not a prefix */
		*ret = (struct span){base | value, base | value | open};
		return true;
	}
	*ret = (struct span){base, base | full};
	if (s->cmp == BH_GT || s->cmp == BH_GTE)
		ret->lo = base | (value + (s->cmp == BH_GT));
	else
		ret->hi = base | (value - (s->cmp == BH_LT));
	if ((s->cmp == BH_GT && value == full) || (s->cmp == BH_LT && value == 0))
		*ret = (struct span){1, 0};
	return true;
}

/* a single field that is no dimension: is the one value in the set? */
static enum bh_tri has_value(const struct mset *s, const uint8_t *v)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->meta[i].end && !memcmp(s->keys + i * 2 * s->s.key_len, v, s->s.key_len))
			return BH_YES;
	return BH_NO;
}

enum bh_tri bh_set_as_whole(const struct bh_scenario *sc, const struct mset *s, const struct step *st,
	const struct bh_box *b)
{
	uint8_t family = b->fam == 4 ? 2 : 10;

	if (s->n == 0)
		return BH_NO;
	if (st->parts[0].field == BH_F_NFPROTO && !s->s.interval)
		return has_value(s, &family);
	if (st->parts[0].field == BH_F_ETHER && sc->mac && !s->s.interval)
		return has_value(s, sc->mac->b);
	return BH_MAYBE;
}
