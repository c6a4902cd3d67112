/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "pool.h"

static uint32_t bucket_of(const struct bh_pool *p, uint64_t key)
{
	return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> (64 - p->bits));
}

int bh_pool_init(struct bh_pool *p, unsigned bits)
{
	*p = (struct bh_pool){
		.n = 1u << bits, .bits = bits, .newest = BH_POOL_NONE, .oldest = BH_POOL_NONE};
	p->node = calloc(p->n, sizeof *p->node);
	p->bucket = malloc(p->n * sizeof *p->bucket);
	if (!p->node || !p->bucket) {
		bh_pool_fini(p);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		p->bucket[i] = BH_POOL_NONE;
		p->node[i].chain = i + 1 < p->n ? i + 1 : BH_POOL_NONE;
	}
	return 0;
}

void bh_pool_fini(struct bh_pool *p)
{
	free(p->node);
	free(p->bucket);
	p->node = NULL;
	p->bucket = NULL;
}

static void unlink_use(struct bh_pool *p, uint32_t i)
{
	struct bh_pool_node *d = &p->node[i];

	if (d->prev != BH_POOL_NONE)
		p->node[d->prev].next = d->next;
	else
		p->newest = d->next;
	if (d->next != BH_POOL_NONE)
		p->node[d->next].prev = d->prev;
	else
		p->oldest = d->prev;
}

static void link_use(struct bh_pool *p, uint32_t i)
{
	struct bh_pool_node *d = &p->node[i];

	d->prev = BH_POOL_NONE;
	d->next = p->newest;
	if (p->newest != BH_POOL_NONE)
		p->node[p->newest].prev = i;
	else
		p->oldest = i;
	p->newest = i;
}

static void unlink_key(struct bh_pool *p, uint32_t i)
{
	uint32_t *at = &p->bucket[bucket_of(p, p->node[i].key)];

	while (*at != i)
		at = &p->node[*at].chain;
	*at = p->node[i].chain;
}

static void link_key(struct bh_pool *p, uint32_t i, uint64_t key)
{
	uint32_t *head = &p->bucket[bucket_of(p, key)];

	p->node[i].key = key;
	p->node[i].chain = *head;
	*head = i;
}

uint32_t bh_pool_find(struct bh_pool *p, uint64_t key)
{
	for (uint32_t i = p->bucket[bucket_of(p, key)]; i != BH_POOL_NONE; i = p->node[i].chain) {
		if (p->node[i].key != key)
			continue;
		if (p->newest != i) {
			unlink_use(p, i);
			link_use(p, i);
		}
		return i;
	}
	return BH_POOL_NONE;
}

uint32_t bh_pool_add(struct bh_pool *p, uint64_t key, bool *ret_evicted)
{
	uint32_t i = p->free;

	*ret_evicted = i == BH_POOL_NONE;
	if (i != BH_POOL_NONE) {
		p->free = p->node[i].chain;
	} else {
		i = p->oldest;
		unlink_use(p, i);
		unlink_key(p, i);
		p->evicted++;
	}
	p->node[i].used = true;
	link_key(p, i, key);
	link_use(p, i);
	return i;
}

void bh_pool_rekey(struct bh_pool *p, uint32_t i, uint64_t key)
{
	unlink_key(p, i);
	link_key(p, i, key);
}

void bh_pool_drop(struct bh_pool *p, uint32_t i)
{
	if (!p->node[i].used)
		return;
	unlink_use(p, i);
	unlink_key(p, i);
	p->node[i].used = false;
	p->node[i].chain = p->free;
	p->free = i;
}

size_t bh_pool_bytes(const struct bh_pool *p)
{
	return p->n * (sizeof *p->node + sizeof *p->bucket);
}
