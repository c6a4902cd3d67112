/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that touches hostile bytes. It holds packet rings, shared memory and a bell; it can neither open a file nor a
 * socket. One thread a worker; each pushes events into its own ring and rings the bell once a batch, only when the core
 * sleeps. A full ring drops the event and counts it; the core turns the count into a gap.
 */
#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "daemon/roles.h"
#include "daemon/worker.h"

struct lane {
	const struct bh_sensor_in *in;
	unsigned id;
	struct bh_worker *w;
	struct bh_source *src;
	struct bh_ring *ring;
	uint64_t pushed;
	pthread_t thread;
	int result;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct lane *l = ctx;

	l->pushed += bh_ring_push(l->ring, ev);
}

static bh_ns wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

#define PUT(field, value) atomic_store_explicit(&n->field, (value), memory_order_relaxed)

static void publish(struct lane *l)
{
	struct bh_tap_counters *n = &l->in->shm->tap[l->id].n;
	struct bh_worker_counters c;
	struct bh_source_stats s;
	uint64_t bad = 0;

	bh_worker_counters(l->w, &c);
	bh_source_stats(l->src, &s);
	for (unsigned i = 1; i < BH_BAD_COUNT; i++)
		bad += c.bad[i];
	PUT(packets, c.packets);
	PUT(bytes, c.bytes);
	PUT(malformed, bad);
	PUT(kernel_packets, s.kernel_packets);
	PUT(kernel_drops, s.kernel_drops);
	PUT(flows_active, c.flow.active);
	PUT(flows_new, c.flow.created);
	PUT(flows_evicted, c.flow.evicted);
	PUT(classified, c.classify.by_content);
	PUT(guessed, c.classify.by_guess);
	PUT(facts, c.facts);
	PUT(untrusted, c.untrusted);
	PUT(parse_gaps, c.parse_gaps);
	PUT(parse_evicted, c.parse_evicted);
	PUT(table_bytes, c.reserved_bytes);
}

static void ring_bell(struct lane *l)
{
	uint64_t one = 1;

	/*
	 * The core exchanges the flag to 1 and then looks at the rings; here it is exchanged to 0 after the pushes. Whichever
	 * exchange comes second sees the other side's doing: either the core finds the events, or the bell rings.
	 */
	if (atomic_exchange_explicit(&l->in->shm->core_sleeps, 0, memory_order_acq_rel))
		(void)!write(l->in->bell, &one, sizeof one);
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	uint64_t before = 0;
	bh_ns told = 0, now;
	size_t n;

	for (;;) {
		l->result = bh_worker_poll(l->w, l->src, 20, &n);
		if (l->result)
			return NULL;
		now = wall();
		if (n == 0)
			bh_worker_idle(l->w, now);
		atomic_store_explicit(&l->in->shm->tap[l->id].watermark, bh_worker_now(l->w), memory_order_release);
		if (l->pushed != before) {
			before = l->pushed;
			ring_bell(l);
		}
		if (now - told >= BH_SEC(1)) {
			told = now;
			publish(l);
		}
	}
}

static int open_lane(struct lane *l)
{
	struct bh_worker_conf conf = {.id = (uint16_t)l->id, .max_flows = 1u << 20, .seed = l->in->seed, .community_id = true,
		.stage = BH_WORKER_ALL, .sink = {emit, l}};
	struct bh_live_conf live = bh_live_defaults();
	char text[256];
	int r;

	l->ring = bh_shm_ring(l->in->shm, l->id);
	r = bh_source_live_take(l->in->fds[l->id], &live, &l->src, text);
	if (r) {
		fprintf(stderr, "bulkhead: sensor: %s\n", text);
		return r < 0 ? r : -EIO;
	}
	return bh_worker_new(&conf, &l->w);
}

int bh_role_sensor(const struct bh_sensor_in *in)
{
	static const int extra[] = {SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(epoll_wait), -1};
	struct lane *lanes = calloc(in->workers, sizeof *lanes);
	int r = lanes ? 0 : -ENOMEM;

	prctl(PR_SET_NAME, "bh-sensor");
	for (unsigned i = 0; r == 0 && i < in->workers; i++) {
		lanes[i].in = in;
		lanes[i].id = i;
		r = open_lane(&lanes[i]);
	}
	if (r == 0)
		r = bh_sandbox(extra);
	for (unsigned i = 0; r == 0 && i < in->workers; i++)
		r = -pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]);
	if (r == 0)
		r = bh_live_start(in->set, in->fds, in->workers);
	for (unsigned i = 0; r == 0 && i < in->workers; i++)
		pthread_join(lanes[i].thread, NULL);
	if (r < 0)
		fprintf(stderr, "bulkhead: sensor: %s\n", strerror(-r));
	return 1;
}
