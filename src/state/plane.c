/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include "state/plane.h"

#define BYTES ((size_t)4 << 20)
#define LEAST 512u
#define LOOK 64u

int bh_plane_open(struct bh_plane *p, unsigned number, size_t each, uint32_t cap, uint32_t hosts)
{
	p->number = number;
	p->each = (each + 15) & ~(size_t)15;
	if (!each)
		return 0;
	if (!cap)
		cap = BYTES / p->each > LEAST ? (uint32_t)(BYTES / p->each) : LEAST;
	cap = cap < hosts ? cap : hosts;
	p->cap = cap < 2 ? 2 : cap < UINT16_MAX ? cap : UINT16_MAX; /* two: a pair */
	p->mem = bh_large_calloc(p->cap, p->each, &p->raw);
	p->entry = calloc(p->cap, sizeof *p->entry);
	return p->mem && p->entry ? 0 : -ENOMEM;
}

void bh_plane_close(struct bh_plane *p)
{
	free(p->raw);
	free(p->entry);
}

size_t bh_plane_bytes(const struct bh_plane *p)
{
	return p->cap * (p->each + sizeof *p->entry);
}

static uint32_t take(struct bh_plane *p, struct bh_host *hosts, uint32_t keep)
{
	uint32_t i;

	if (p->used < p->cap)
		return p->used++;
	for (unsigned tries = 0;; tries++) {
		struct bh_host *h;

		i = p->hand;
		p->hand = p->hand + 1 < p->cap ? p->hand + 1 : 0;
		if (i == keep)
			continue;
		if (p->entry[i].owner == BH_PLANE_NONE)
			break;
		h = &hosts[p->entry[i].owner];
		if (h->verified && (tries < LOOK || (tries < 2 * LOOK && p->entry[i].active))) {
			p->entry[i].active &= tries < LOOK;
			continue;
		}
		h->place[p->number] = 0;
		p->evicted++;
		p->entries--;
		break;
	}
	memset(p->mem + i * p->each, 0, p->each);
	return i;
}

uint32_t bh_plane_of(struct bh_plane *p, struct bh_host *hosts, struct bh_host *h, uint32_t keep)
{
	uint16_t *place = &h->place[p->number];

	if (!*place) {
		*place = (uint16_t)(take(p, hosts, keep) + 1);
		p->entry[*place - 1].owner = h->slot;
		p->entries++;
	}
	p->entry[*place - 1].active = true;
	return *place - 1u;
}

void *bh_plane_at(const struct bh_plane *p, uint32_t i)
{
	return p->mem + i * p->each;
}

void bh_plane_leave(struct bh_plane *p, struct bh_host *h)
{
	if (!h->place[p->number])
		return;
	p->entry[h->place[p->number] - 1].owner = BH_PLANE_NONE;
	p->entries--;
}
