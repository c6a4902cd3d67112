/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One producer, one consumer, records by value. head and tail run freely modulo 2^32; the difference is the fill.
 * The record is published by the release store of head, so a producer killed half-way has published nothing.
 */
#include <bulkhead/base.h>

size_t bh_ring_bytes(uint32_t slots, uint32_t rec_bytes)
{
	return (sizeof(struct bh_ring) + (size_t)slots * rec_bytes + 63) & ~(size_t)63;
}

void bh_ring_init(struct bh_ring *r, uint32_t slots, uint32_t rec_bytes)
{
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	atomic_init(&r->dropped, 0);
	r->slots = slots;
	r->rec_bytes = rec_bytes;
}

bool bh_ring_push(struct bh_ring *r, const void *rec)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	if (head - tail >= r->slots) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return false;
	}
	memcpy(r->rec + (size_t)(head & (r->slots - 1)) * r->rec_bytes, rec, r->rec_bytes);
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
	return true;
}

const void *bh_ring_peek(struct bh_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
		return NULL;
	return r->rec + (size_t)(tail & (r->slots - 1)) * r->rec_bytes;
}

void bh_ring_drop(struct bh_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}
