/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include "state/macs.h"

#define MACS 16384u

int bh_macs_open(struct bh_macs *s, uint64_t seed)
{
	s->seed = seed;
	s->e = bh_large_calloc(MACS, sizeof *s->e, &s->raw);
	return s->e ? 0 : -ENOMEM;
}

void bh_macs_close(struct bh_macs *s)
{
	free(s->raw);
}

size_t bh_macs_bytes(void)
{
	return MACS * sizeof(struct bh_macent);
}

/* ---- MAC addresses: 4-way sets, oldest out ---- */
struct bh_macent *bh_macs_set(const struct bh_macs *s, const struct bh_mac *m)
{
	return &s->e[(bh_hash(m, sizeof *m, s->seed) & (MACS / 4 - 1)) * 4];
}

struct bh_macent *bh_macs_find(struct bh_macs *s, const struct bh_mac *m, bool make)
{
	struct bh_macent *set = bh_macs_set(s, m), *victim = set;

	for (int i = 0; i < 4; i++) {
		if (set[i].n && bh_mac_eq(&set[i].mac, m))
			return &set[i];
		if (set[i].last < victim->last)
			victim = &set[i];
	}
	if (!make)
		return NULL;
	if (victim->n)
		s->evicted++;
	else
		s->used++;
	memset(victim, 0, sizeof *victim);
	victim->mac = *m;
	return victim;
}

/* ARP claims are free, so they neither make a router nor keep out an address that frames carry. */
bool bh_macs_carry(struct bh_macs *s, const struct bh_mac *m, const struct bh_addr *a, bh_ns at, bool frame)
{
	struct bh_macent *e = bh_macs_find(s, m, true);
	unsigned i;

	e->last = at;
	for (i = 0; i < e->n; i++)
		if (bh_addr_eq(&e->addrs[i], a))
			break;
	if (i == BH_HOST_ADDRS && frame)
		for (i = 0; i < BH_HOST_ADDRS && e->carried >> i & 1; i++)
			;
	if (i == BH_HOST_ADDRS) {
		e->router |= frame;
		return !e->router;
	}
	if (i == e->n)
		e->n++;
	e->addrs[i] = *a;
	if (frame)
		e->carried |= (uint8_t)(1u << i);
	return !e->router;
}

/*
 * IPv4 addresses that differ in their first half: one wire seldom has two such networks, and then who is in both routes. 2: by what
 * frames of answered connections carried; 1: by claims too, which are free.
 */
unsigned bh_macs_several_nets(const struct bh_macent *e)
{
	const struct bh_addr *first = NULL, *carried = NULL;
	unsigned how = e && e->router ? 2 : 0;

	for (unsigned i = 0; e && how < 2 && i < e->n; i++) {
		const struct bh_addr *a = &e->addrs[i];

		if (!bh_addr_is4(a) || bh_addr_unspecified(a))
			continue;
		if (first && memcmp(&first->b[12], &a->b[12], 2) != 0)
			how = 1;
		first = a;
		if (!(e->carried >> i & 1))
			continue;
		if (carried && memcmp(&carried->b[12], &a->b[12], 2) != 0)
			how = 2;
		carried = a;
	}
	return how;
}
