/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * worker - one packet pipeline: frames → decode → flow → classify → dissect → events
 *
 * Why     Live sensor, replay and benchmark must be the same loop, or replay proves nothing.
 * Shape   One worker owns one flow table, one classifier, one state per dissector; it shares nothing. All
 *         memory is taken at start. The caller owns the source, the sink and the loop.
 * Units   at, now: capture clock, never falling inside one worker: a frame stamped before the last one
 *         counts as simultaneous with it.
 * Errors  bh_worker_new: -errno. bh_worker_poll: as bh_source_next.
 * Purity  No clock, descriptor or log; one thread.
 */
#ifndef BH_DAEMON_WORKER_H
#define BH_DAEMON_WORKER_H

#include <bulkhead/capture.h>
#include <bulkhead/classify.h>
#include <bulkhead/dissect.h>
#include <bulkhead/flow.h>

/* How far a packet travels; everything before ALL is for measuring what each step costs. */
enum bh_worker_stage { BH_WORKER_DECODE, BH_WORKER_FLOW, BH_WORKER_CLASSIFY, BH_WORKER_ALL };

struct bh_worker_conf {
	uint16_t id;
	/*
	 * Replay with several workers: each reads the whole input, keeps the packets bh_decode_shard deals to
	 * it and lets time pass by all of them, so any number of workers sees the same clock. 0 or 1 = all.
	 */
	uint16_t shard, n_shards;
	uint32_t max_flows;  /* 0 = 1,048,576 */
	uint16_t max_class;  /* flows under inspection; 0 = 16,384 */
	uint64_t seed;	     /* of this boot */
	bool community_id;   /* fill it in FLOW_END */
	enum bh_worker_stage stage;
	struct bh_event_sink sink;
	/*
	 * Live with several workers: the kernel deals ICMP errors by their own addresses, not by those of the
	 * packet they quote. One that matches no flow here goes out through this, for the caller to pass by value
	 * to the other workers' threads (bh_worker_stray reads none of its pointers). May be NULL.
	 */
	void (*stray)(void *ctx, const struct bh_packet *error, uint64_t pkt_no);
	void *stray_ctx;
};

struct bh_worker_counters {
	uint64_t packets, bytes; /* seen, and kept if sharded */
	uint64_t foreign;	 /* left to other shards */
	uint64_t bad[BH_BAD_COUNT];
	uint64_t inner, arp, not_ip;
	uint64_t events;
	uint64_t kernel_packets, kernel_drops;
	struct bh_flow_counters flow;
	struct bh_classify_counters classify;
	uint64_t facts, untrusted, parse_gaps, parse_evicted; /* of all dissectors: told, malformed, lost in between, pushed out of tables */
	size_t reserved_bytes; /* flow table, classifier pool, dissectors; nDPI's own tables excluded */
};

struct bh_worker;
int bh_worker_new(const struct bh_worker_conf *conf, struct bh_worker **ret_worker) BH_MUST;
void bh_worker_free(struct bh_worker *w); /* emits nothing */

/* One batch from the source. 0 with *ret_n frames handled, or what bh_source_next said. */
int bh_worker_poll(struct bh_worker *w, struct bh_source *src, int timeout_ms, size_t *ret_n) BH_MUST;
/* The same for frames the caller has. At most BH_BATCH. */
void bh_worker_frames(struct bh_worker *w, const struct bh_frame *frames, size_t n);

/*
 * Nothing arrived: let timers run. wall is now by the clock the kernel stamps frames with; the worker stays
 * BH_WORKER_LAG behind it, for frames still in a ring.
 */
#define BH_WORKER_LAG BH_MS(50)
void bh_worker_idle(struct bh_worker *w, bh_ns wall);
/* An ICMP error another worker could not place. true = it was about a flow of this one. */
bool bh_worker_stray(struct bh_worker *w, const struct bh_packet *error, uint64_t pkt_no);
/* Ends every flow. */
void bh_worker_finish(struct bh_worker *w);

/* Events still to come are stamped at this or later. */
bh_ns bh_worker_now(const struct bh_worker *w);
void bh_worker_counters(const struct bh_worker *w, struct bh_worker_counters *ret);
/* The dissectors' own counters, by name. */
void bh_worker_dissect_counters(const struct bh_worker *w,
	void (*each)(void *ctx, const char *dissector, const char *name, uint64_t v), void *ctx);

/* Asks the system for large pages under a table of bh_large_calloc, if it is large; nothing changes when it refuses. */
void bh_large_pages(void *start, size_t bytes);

#endif
