/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP segments in order. What comes early waits in a window, one of a fixed number for all connections; what never comes is
 * told as missing. A connection may be joined anywhere: its first segment seen is its beginning.
 */
#ifndef BULKHEAD_DISSECT_ORDER_H
#define BULKHEAD_DISSECT_ORDER_H

#include <bulkhead/dissect.h>

#include "pool.h"

#define BH_WINDOW_BYTES 16384u /* out of order, per direction */
#define BH_WINDOW_SEGS 8

struct bh_order_dir { /* one direction of a connection; zero = nothing seen */
	uint32_t seq; /* next expected */
	uint16_t window; /* 1 + its window, 0 = none */
	bool begun;
	bool owed;     /* before it: the other side has acknowledged up to seq */
	bool headless; /* what came first here was not seen */
};

struct bh_order_window {
	struct bh_order_dir *owner;
	struct {
		uint32_t seq, len, off;
	} seg[BH_WINDOW_SEGS];
	uint32_t n, used;
	uint8_t data[BH_WINDOW_BYTES];
};

struct bh_order {
	struct bh_pool windows;
	struct bh_order_window *window;
	uint64_t serial;
	uint64_t reordered, holes, evicted; /* counters: segments held, gaps told, windows taken from somebody */
};

struct bh_order_to {
	/* n bytes that follow what was given before. A call begins where a segment began, or behind what was seen of it. */
	void (*bytes)(void *ctx, unsigned d, const uint8_t *p, uint32_t n);
	void (*missing)(void *ctx, unsigned d, uint32_t n);
	void *ctx;
};

int bh_order_init(struct bh_order *o, unsigned bits) BH_MUST; /* 2^bits windows; -ENOMEM */
void bh_order_fini(struct bh_order *o);
/* A segment of direction d: the packet's payload, in's sequence number. May call both functions any number of times. */
void bh_order_segment(struct bh_order *o, struct bh_order_dir *t, unsigned d, const struct bh_dissect_in *in, const struct bh_order_to *to);
/* Direction d was acknowledged up to ack by the other side: what is missing below that, and has something behind it, will not come. */
void bh_order_acked(struct bh_order *o, struct bh_order_dir *t, unsigned d, uint32_t ack, const struct bh_order_to *to);
void bh_order_done(struct bh_order *o, struct bh_order_dir *t); /* gives the window back */
size_t bh_order_bytes(const struct bh_order *o);

#endif
