/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP segments in order. What comes early waits in a window, one of a fixed number for all connections; what never comes is
 * told as missing. A connection may be joined anywhere: its first segment seen is its beginning.
 *
 * Where both sides are seen, a segment has to be near what is expected, or near what the other side has acknowledged; another
 * one was sent by somebody who does not see the conversation, and is counted and passed over, its acknowledgement, too.
 */
#ifndef BULKHEAD_DISSECT_ORDER_H
#define BULKHEAD_DISSECT_ORDER_H

#include <bulkhead/dissect.h>

#include "pool.h"

#define BH_WINDOW_BYTES 16384u /* out of order, per direction */
#define BH_WINDOW_SEGS 8
#define BH_ORDER_NEAR (1 << 20)

struct bh_order_dir { /* one direction of a connection; zero = nothing seen */
	uint32_t seq; /* next expected */
	uint32_t acked; /* the other side has this much */
	uint16_t window; /* 1 + its window, 0 = none */
	bool begun, heard; /* heard: acked is known */
	bool headless;	   /* what came first here was not seen */
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
	uint64_t reordered, holes, evicted, strange; /* counters: segments held, gaps told, windows taken from somebody, not of the conversation */
};

struct bh_order_to {
	/* n bytes that follow what was given before. A call begins where a segment began, or behind what was seen of it. */
	void (*bytes)(void *ctx, unsigned d, const uint8_t *p, uint32_t n);
	void (*missing)(void *ctx, unsigned d, uint32_t n);
	void *ctx;
};

int bh_order_init(struct bh_order *o, unsigned bits) BH_MUST; /* 2^bits windows; -ENOMEM */
void bh_order_fini(struct bh_order *o);
/* Is the packet of the conversation? If not it is counted, and to be left alone. t: of its direction. */
bool bh_order_fits(struct bh_order *o, const struct bh_order_dir *t, const struct bh_packet *k);
/*
 * A packet of direction d: what it acknowledges of the other one, where what is missing below that, and has something behind it, will
 * not come; then its payload. May call both functions any number of times.
 */
void bh_order_packet(struct bh_order *o, struct bh_order_dir *dir[2], unsigned d, const struct bh_dissect_in *in, const struct bh_order_to *to);
void bh_order_done(struct bh_order *o, struct bh_order_dir *t); /* gives the window back */
size_t bh_order_bytes(const struct bh_order *o);

#endif
