/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A capped set of slots found by a 64-bit key; when all are taken the one used longest ago is given
 * again. */
#ifndef BULKHEAD_DISSECT_POOL_H
#define BULKHEAD_DISSECT_POOL_H

#include <bulkhead/base.h>

#define BH_POOL_NONE UINT32_MAX

struct bh_pool_node {
	uint64_t key;
	uint32_t prev, next; /* by use, newest first */
	uint32_t chain;      /* same bucket, or next free */
	bool used;
};
struct bh_pool {
	struct bh_pool_node *node;
	uint32_t *bucket;
	uint32_t n, bits, newest, oldest, free;
	uint64_t evicted;
};
int bh_pool_init(struct bh_pool *p, unsigned bits) BH_MUST; /* 2^bits slots; -ENOMEM */
void bh_pool_fini(struct bh_pool *p);
uint32_t bh_pool_find(struct bh_pool *p, uint64_t key); /* counts as use; BH_POOL_NONE = absent */
/* A slot under a key that is not there yet. *ret_evicted: the slot still holds somebody's record.
 */
uint32_t bh_pool_add(struct bh_pool *p, uint64_t key, bool *ret_evicted);
void bh_pool_rekey(struct bh_pool *p, uint32_t i, uint64_t key);
void bh_pool_drop(struct bh_pool *p, uint32_t i);
size_t bh_pool_bytes(const struct bh_pool *p);

#endif
