/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker's sink is the core itself: every event is stepped at once, so nothing is queued and nothing is lost. A tick
 * is made whenever a second of capture time has passed. Requested orders come back applied, as a kernel event of the same
 * moment, so that what follows is judged as it would be live.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "daemon/replay.h"

#define MAX_RECORDS 65536

struct replay {
	const struct bh_replay_opts *o;
	struct bh_replay_result *r;
	struct bh_core *core;
	struct bh_lines eve, events;
	struct bh_eve fmt;
	bh_ns next_tick;
	size_t cap;
	int error;
	struct bh_out out;
};

static void step(struct replay *p, const struct bh_event *ev);

static bh_ns wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

static int32_t zone_offset(bh_ns at)
{
	time_t t = (time_t)(at / BH_SEC(1));
	struct tm tm;

	return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

static void keep(struct replay *p, const struct bh_record *rec)
{
	struct bh_replay_result *r = p->r;

	if (r->n_records == MAX_RECORDS) {
		r->records_lost++;
		return;
	}
	if (r->n_records == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct bh_record *v = realloc(r->records, cap * sizeof *v);

		if (!v) {
			r->records_lost++;
			return;
		}
		r->records = v;
		p->cap = cap;
	}
	r->records[r->n_records++] = *rec;
}

static void write_record(struct replay *p, const struct bh_record *rec)
{
	char *room = bh_lines_room(&p->eve, BH_EVE_MAX);

	keep(p, rec);
	if (!room || (rec->kind != BH_REC_ALERT && p->o->strict))
		return;
	p->fmt.offset_s = zone_offset(rec->at);
	bh_lines_commit(&p->eve, bh_eve_record(&p->fmt, rec, room, BH_EVE_MAX));
}

/* the simulated kernel */
static void acknowledge(struct replay *p, bh_ns at, uint32_t order)
{
	struct bh_event ack = {.at = at, .kind = BH_EV_KERNEL};

	ack.u.kernel.what = BH_KER_APPLIED;
	ack.u.kernel.order = order;
	step(p, &ack);
}

static void step(struct replay *p, const struct bh_event *ev)
{
	uint32_t acks[BH_OUT_RECORDS], n_acks = 0;

	if (p->events.fd >= 0) {
		char *room = bh_lines_room(&p->events, BH_EVENT_TEXT + 1);

		if (room) {
			size_t n = bh_event_print(ev, room);

			room[n++] = '\n';
			bh_lines_commit(&p->events, n);
		}
	}
	p->out.n = 0;
	if (bh_core_step(p->core, ev, &p->out) < 0)
		p->error = -EIO;
	for (size_t i = 0; i < p->out.n; i++) {
		write_record(p, &p->out.rec[i]);
		if (p->out.rec[i].kind == BH_REC_ACTION && p->out.rec[i].verb == BH_VERB_REQUESTED)
			acks[n_acks++] = p->out.rec[i].order.id;
	}
	for (uint32_t i = 0; i < n_acks; i++)
		acknowledge(p, ev->at, acks[i]);
}

static void emit(void *ctx, const struct bh_event *ev)
{
	struct replay *p = ctx;

	if (!p->r->first)
		p->r->first = ev->at;
	if (ev->at > p->r->last)
		p->r->last = ev->at;
	if (ev->at >= p->next_tick) {
		struct bh_event tick = {.at = ev->at, .kind = BH_EV_TICK};

		if (p->next_tick)
			step(p, &tick);
		p->fmt.offset_s = zone_offset(ev->at);
		bh_core_offset(p->core, p->fmt.offset_s);
		p->next_tick = ev->at - ev->at % BH_SEC(1) + BH_SEC(1);
	}
	if (ev->kind == BH_EV_FLOW_CLASS && ev->app < BH_APP_COUNT) {
		p->r->classes[ev->app]++;
		p->r->guessed += (ev->flags & BH_EVF_GUESS) != 0;
	}
	step(p, ev);
	if (ev->kind == BH_EV_FLOW_END && p->eve.fd >= 0) {
		char *room = bh_lines_room(&p->eve, 2048);

		if (room)
			bh_lines_commit(&p->eve, bh_eve_flow(&p->fmt, ev, room, 2048));
	}
}

static int loop(struct replay *p, struct bh_worker *w, struct bh_source *src)
{
	bh_ns last = wall();
	unsigned batches = 0;
	size_t n;
	int r;

	while ((r = bh_worker_poll(w, src, 0, &n)) == 0) {
		if (!p->o->progress || (++batches & 255))
			continue;
		if (wall() - last >= BH_MS(100)) {
			struct bh_worker_counters c;
			struct bh_core_counters cc;

			last = wall();
			bh_worker_counters(w, &c);
			bh_core_counters(p->core, &cc);
			p->o->progress(p->o->ctx, bh_source_progress_ppm(src), &c, cc.alerts);
		}
	}
	bh_worker_finish(w);
	return r;
}

static void write_stats(struct replay *p)
{
	struct bh_replay_result *r = p->r;
	struct bh_stats s = {.at = r->last, .uptime = r->last - r->first, .packets = r->worker.packets, .bytes = r->worker.bytes,
		.flows_active = r->worker.flow.active, .flows_new = r->worker.flow.created, .flows_evicted = r->worker.flow.evicted,
		.facts = r->worker.facts, .untrusted = r->worker.untrusted, .parse_gaps = r->worker.parse_gaps, .parse_evicted = r->worker.parse_evicted,
		.table_bytes = r->worker.reserved_bytes, .core = r->core};
	char *room = bh_lines_room(&p->eve, BH_EVE_MAX);

	for (unsigned i = 1; i < BH_BAD_COUNT; i++)
		s.malformed += r->worker.bad[i];
	if (room)
		bh_lines_commit(&p->eve, bh_eve_stats(&p->fmt, &s, room, BH_EVE_MAX));
}

static void note_counter(void *ctx, const char *dissector, const char *name, uint64_t v)
{
	struct bh_replay_result *r = ctx;

	if (r->n_dissect == BH_COUNT(r->dissect))
		return;
	r->dissect[r->n_dissect].dissector = dissector;
	r->dissect[r->n_dissect].name = name;
	r->dissect[r->n_dissect++].value = v;
}

static int finish(struct replay *p, struct bh_worker *w, struct bh_source *src, int why)
{
	struct bh_replay_result *r = p->r;
	int rc = 0;

	bh_worker_counters(w, &r->worker);
	bh_worker_dissect_counters(w, note_counter, r);
	bh_core_counters(p->core, &r->core);
	bh_source_stats(src, &r->source);
	write_stats(p);
	if (bh_plan_print(bh_core_plan(p->core), &r->plan, &r->plan_len))
		rc = -ENOMEM;
	if (bh_lines_flush(&p->eve) || bh_lines_flush(&p->events)) {
		int e = p->eve.error ? p->eve.error : p->events.error;

		snprintf(r->text, sizeof r->text, "cannot write the output: %s; findings are complete, %llu lines are missing there", strerror(-e),
			(unsigned long long)(p->eve.dropped + p->events.dropped));
		rc = 1;
	}
	r->eve_lines = p->eve.lines;
	r->eve_dropped = p->eve.dropped;
	if (why != BH_SRC_END && !r->text[0])
		snprintf(r->text, sizeof r->text, "%.255s", bh_source_text(src));
	if (why == BH_SRC_FOREIGN || why == BH_SRC_LINKTYPE)
		return 3;
	if (why != BH_SRC_END && rc == 0)
		rc = why < 0 ? why : 1;
	return rc;
}

static int run(struct replay *p, struct bh_source *src)
{
	struct bh_worker_conf conf = {.max_flows = 1u << 20, .community_id = p->o->eve_fd >= 0, .stage = BH_WORKER_ALL, .sink = {emit, p}};
	struct bh_core_opts co = {.policy = p->o->policy, .watch = p->o->watch, .mode = p->o->mode};
	struct bh_worker *w = NULL;
	bh_ns t0 = wall();
	int r = bh_core_open(&co, &p->core);

	if (r == 0) {
		bh_state_memory(bh_core_state(p->core), bh_large_pages);
		r = bh_worker_new(&conf, &w);
	}
	if (r == 0) {
		r = loop(p, w, src);
		p->r->wall_ns = wall() - t0;
		r = finish(p, w, src, r);
	}
	bh_worker_free(w);
	bh_core_close(p->core);
	return r ? r : p->error;
}

int bh_replay_run(const struct bh_replay_opts *opts, struct bh_replay_result *ret_result)
{
	const char *base = strrchr(opts->path, '/');
	struct replay *p = calloc(1, sizeof *p);
	struct bh_source *src;
	int r;

	memset(ret_result, 0, sizeof *ret_result);
	if (!p)
		return -ENOMEM;
	p->o = opts;
	p->r = ret_result;
	p->fmt = (struct bh_eve){.host = opts->host, .pcap_file = base ? base + 1 : opts->path, .policy = opts->policy, .strict = opts->strict};
	r = bh_lines_open(&p->eve, opts->eve_fd, 1 << 17);
	if (r == 0)
		r = bh_lines_open(&p->events, opts->events_fd, 1 << 18);
	if (r == 0)
		r = bh_source_file(opts->path, &src, ret_result->text);
	if (r == 0) {
		r = run(p, src);
		bh_source_close(src);
	} else if (r == BH_SRC_FOREIGN || r == BH_SRC_LINKTYPE) {
		r = 3;
	} else if (r > 0) {
		r = 1;
	}
	bh_lines_close(&p->eve);
	bh_lines_close(&p->events);
	free(p);
	return r;
}

void bh_replay_fini(struct bh_replay_result *r)
{
	free(r->records);
	free(r->plan);
	memset(r, 0, sizeof *r);
}
