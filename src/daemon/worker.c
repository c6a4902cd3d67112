/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A batch goes through in stages, 32 packets at a time: all are decoded, then all flow entries are
 * asked for, then each packet is finished in order. So the memory a packet needs is on its way
 * while its neighbours are worked on, and the code of one stage stays in the cache.
 *
 * Time moves packet by packet: before a packet touches its flow, everything that fell due before it
 * has fired. Any number of workers that see the same packets therefore say the same things at the
 * same times.
 *
 * Nothing here allocates, locks or enters the kernel per packet; nDPI allocates for some protocols.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon/worker.h"

#define STATS_EVERY BH_SEC(1)

struct bh_worker {
	struct bh_worker_conf conf;
	struct bh_flow_table *flows;
	struct bh_classify *classify;
	void *dissect[BH_DISSECTORS_MAX];
	size_t n_dissect;
	bh_ns now, stats_at;
	uint64_t pkt_no;
	uint64_t told_drops, told_evicted; /* already in a GAP event */
	struct bh_event_sink out;          /* counts, then conf.sink */
	struct bh_worker_counters n;
	struct bh_packet pkts[BH_BATCH];
	struct bh_flow_probe probes[BH_BATCH];
};

static void out_emit(void *ctx, const struct bh_event *ev)
{
	struct bh_worker *w = ctx;

	w->n.events++;
	w->conf.sink.emit(w->conf.sink.ctx, ev);
}

/* ---- class ---- */

/* 1 + the dissector that takes the flow, 0 = none */
static uint8_t wanted(const struct bh_worker *w, const struct bh_packet *p, uint16_t app)
{
	for (size_t i = 0; i < w->n_dissect; i++)
		if (bh_dissectors[i]->wants(p, app))
			return (uint8_t)(i + 1);
	return 0;
}

static void class_final(
	struct bh_worker *w, struct bh_flow *f, const struct bh_class *cl, uint64_t pkt_no)
{
	struct bh_event ev;

	f->bits |= BH_FLOW_CLASSED;
	if (cl->app == BH_APP_UNKNOWN)
		return;
	f->app = cl->app;
	if (cl->guess)
		f->bits |= BH_FLOW_GUESS;
	bh_flow_event(w->flows, f, BH_EV_FLOW_CLASS, w->now, pkt_no, &ev);
	ev.u.flow.print = cl->print;
	w->out.emit(w->out.ctx, &ev);
}

/* f->wants: 0 to n_dissect, or NOT_YET + how often its payload was shown in vain */
#define NOT_YET 0xf0

static bool had(const struct bh_flow *f)
{
	return f->wants && f->wants < NOT_YET;
}

static void push_out_oldest(struct bh_worker *w)
{
	struct bh_flow *f = bh_flow_at(w->flows, bh_classify_oldest(w->classify));
	struct bh_class cl;

	w->n.classify.pushed_out++;
	bh_classify_giveup(w->classify, &f->class_slot, &cl);
	class_final(w, f, &cl, 0);
}

static void classify(struct bh_worker *w, struct bh_flow *f, const struct bh_packet *p)
{
	struct bh_class cl = {.app = bh_classify_proto(f->proto)};
	uint8_t who;

	if (cl.app != BH_APP_UNKNOWN) {
		class_final(w, f, &cl, w->pkt_no);
		return;
	}
	if ((p->what != BH_WHAT_TCP && p->what != BH_WHAT_UDP) || !p->payload_len)
		return;
	if (!f->class_slot && bh_classify_full(w->classify))
		push_out_oldest(w);
	if (bh_classify_packet(w->classify, &f->class_slot, bh_flow_slot(w->flows, f), p, &cl) !=
		BH_CLASS_FINAL)
		return;
	class_final(w, f, &cl, w->pkt_no);
	if (w->n_dissect && !had(f) && (who = wanted(w, p, f->app)))
		f->wants = who;
}

/* ---- dissect ---- */

static void dissect_flow(
	struct bh_worker *w, const struct bh_flow *f, const struct bh_packet *p, uint8_t dir)
{
	struct bh_event proto;

	bh_flow_event(w->flows, f, BH_EV_NONE, w->now, w->pkt_no, &proto);
	memset(&proto.u, 0, sizeof proto.u);
	bh_dissectors[f->wants - 1]->packet(w->dissect[f->wants - 1],
		&(struct bh_dissect_in){.pkt = p,
			.pkt_no = w->pkt_no,
			.at = w->now,
			.flow_id = proto.flow_id,
			.flow_slot = bh_flow_slot(w->flows, f),
			.dir = dir,
			.flags = proto.flags,
			.app = f->app,
			.payload = p->payload,
			.len = p->payload_len,
			.proto = &proto},
		&w->out);
}

/* What belongs to no conversation: ARP, neighbour discovery in its place, and the link's own messages */
static void dissect_alone(struct bh_worker *w, const struct bh_packet *p)
{
	struct bh_event proto = {.at = w->now,
		.pkt = w->pkt_no,
		.src = p->src,
		.dst = p->dst,
		.vlan = p->vlan,
		.worker = w->conf.id,
		.mac_src = p->mac_src,
		.mac_dst = p->mac_dst,
		.flags = p->flags & BH_PKT_INNER ? BH_EVF_UNTRUSTED : 0};
	uint8_t who = wanted(w, p, BH_APP_UNKNOWN);

	w->n.arp += p->what == BH_WHAT_ARP;
	if (!who)
		return;
	bh_dissectors[who - 1]->packet(w->dissect[who - 1],
		&(struct bh_dissect_in){.pkt = p,
			.pkt_no = w->pkt_no,
			.at = w->now,
			.flags = proto.flags,
			.proto = &proto},
		&w->out);
}

/* ---- the end of a flow ---- */

static void flow_ending(void *ctx, struct bh_flow *f, uint32_t slot, struct bh_event *ev)
{
	struct bh_worker *w = ctx;
	struct bh_class cl;

	if (f->class_slot) {
		bh_classify_giveup(w->classify, &f->class_slot, &cl);
		class_final(w, f, &cl, 0);
		ev->app = f->app;
		ev->flags |= f->bits & BH_FLOW_GUESS ? BH_EVF_GUESS : 0;
	}
	if (had(f) && bh_dissectors[f->wants - 1]->flow_end)
		bh_dissectors[f->wants - 1]->flow_end(w->dissect[f->wants - 1], slot, ev->flow_id, &w->out);
	if (w->conf.community_id)
		bh_classify_community_id(ev);
}

/* ---- the loop ---- */

static void tell_gap(struct bh_worker *w, enum bh_gap why, uint64_t lost)
{
	struct bh_event ev = {.at = w->now, .kind = BH_EV_GAP, .worker = w->conf.id};

	if (!lost)
		return;
	ev.u.gap.lost = lost;
	ev.u.gap.why = (uint8_t)why;
	w->out.emit(w->out.ctx, &ev);
}

static void gaps(struct bh_worker *w, struct bh_source *src)
{
	struct bh_flow_counters fc;
	struct bh_source_stats st;

	if (w->now < w->stats_at)
		return;
	w->stats_at = w->now + STATS_EVERY;
	if (src) {
		bh_source_stats(src, &st);
		w->n.kernel_packets = st.kernel_packets;
		w->n.kernel_drops = st.kernel_drops;
		tell_gap(w, BH_GAP_KERNEL, st.kernel_drops - w->told_drops);
		w->told_drops = st.kernel_drops;
	}
	bh_flow_counters(w->flows, &fc);
	tell_gap(w, BH_GAP_EVICTED, fc.evicted - w->told_evicted);
	w->told_evicted = fc.evicted;
}

static void ask(struct bh_worker *w, struct bh_flow *f, const struct bh_packet *p)
{
	uint8_t who;

	if (f->pkts[0] + f->pkts[1] == 1)
		f->wants = NOT_YET;
	else if (f->wants < NOT_YET || !p->payload_len)
		return;
	who = wanted(w, p, f->app);
	if (who)
		f->wants = who;
	else if (p->payload_len)
		f->wants = f->wants < NOT_YET + BH_DISSECT_ASK - 1 ? (uint8_t)(f->wants + 1) : 0;
}

static void finish_packet(
	struct bh_worker *w, const struct bh_packet *p, const struct bh_flow_probe *q)
{
	struct bh_flow *f;
	uint8_t dir;

	if (p->what == BH_WHAT_ARP || p->what == BH_WHAT_LINK) {
		if (w->conf.stage == BH_WORKER_ALL)
			dissect_alone(w, p);
		return;
	}
	if (!q->use && p->what == BH_WHAT_ICMP && p->icmp.error && w->conf.stray) {
		if (!bh_flow_quoted(w->flows, p, w->pkt_no))
			w->conf.stray(w->conf.stray_ctx, p, w->pkt_no);
		return;
	}
	f = bh_flow_packet(w->flows, p, q, w->pkt_no, &dir);
	if (!f || w->conf.stage < BH_WORKER_CLASSIFY)
		return;
	if (w->n_dissect && (p->what == BH_WHAT_TCP || p->what == BH_WHAT_UDP))
		ask(w, f, p);
	else if (p->what == BH_WHAT_ICMP && !p->icmp.error && p->proto == 58 && p->icmp.type >= 133 && p->icmp.type <= 137 &&
		 w->conf.stage == BH_WORKER_ALL)
		dissect_alone(w, p);
	if (!(f->bits & BH_FLOW_CLASSED))
		classify(w, f, p);
	if (had(f) && p->payload_len && (p->what == BH_WHAT_TCP || p->what == BH_WHAT_UDP))
		dissect_flow(w, f, p, dir);
}

static size_t decode_batch(
	struct bh_worker *w, const struct bh_frame *frames, size_t n, bool mine[BH_BATCH])
{
	for (size_t i = 0; i < n; i++) {
		const struct bh_frame *fr = &frames[i];
		struct bh_packet *p = &w->pkts[i];

		bh_decode(&(struct bh_decode_in){.data = fr->data,
				  .caplen = fr->caplen,
				  .wirelen = fr->wirelen,
				  .at = fr->at,
				  .link = fr->link,
				  .vlan = fr->vlan},
			p);
		mine[i] = w->conf.n_shards < 2 ||
			  bh_decode_shard(p) % w->conf.n_shards == w->conf.shard;
		if (!mine[i]) {
			w->n.foreign++;
			continue;
		}
		w->n.packets++;
		w->n.bytes += p->wirelen;
		w->n.bad[p->bad]++;
		if (p->flags & BH_PKT_INNER)
			w->n.inner++;
		if (p->what == BH_WHAT_NONE)
			w->n.not_ip++;
	}
	return n;
}

void bh_worker_frames(struct bh_worker *w, const struct bh_frame *frames, size_t n)
{
	bool mine[BH_BATCH];

	n = decode_batch(w, frames, n < BH_BATCH ? n : BH_BATCH, mine);
	if (w->conf.stage == BH_WORKER_DECODE)
		return;
	bh_flow_prepare(w->flows, w->pkts, n, w->probes);
	for (size_t i = 0; i < n; i++) {
		struct bh_packet *p = &w->pkts[i];

		w->pkt_no++;
		if (p->at > w->now)
			w->now = p->at;
		else
			p->at = w->now;
		bh_flow_advance(w->flows, w->now);
		if (mine[i])
			finish_packet(w, p, &w->probes[i]);
	}
}

int bh_worker_poll(struct bh_worker *w, struct bh_source *src, int timeout_ms, size_t *ret_n)
{
	struct bh_frame frames[BH_BATCH];
	size_t n = 0;
	int r = bh_source_next(src, frames, BH_BATCH, timeout_ms, &n);

	*ret_n = n;
	if (r)
		return r;
	if (n)
		bh_worker_frames(w, frames, n);
	gaps(w, src);
	return 0;
}

void bh_worker_idle(struct bh_worker *w, bh_ns wall)
{
	bh_ns to = wall > BH_WORKER_LAG ? wall - BH_WORKER_LAG : 0;

	if (to <= w->now)
		return;
	w->now = to;
	bh_flow_advance(w->flows, to);
	gaps(w, NULL);
}

bool bh_worker_stray(struct bh_worker *w, const struct bh_packet *error, uint64_t pkt_no)
{
	struct bh_packet p = *error;

	if (p.at < w->now)
		p.at = w->now;
	return bh_flow_quoted(w->flows, &p, pkt_no);
}

void bh_worker_finish(struct bh_worker *w)
{
	bh_flow_finish(w->flows, w->now);
}

bh_ns bh_worker_now(const struct bh_worker *w)
{
	return w->now;
}

/* ---- life ---- */

static int open_dissectors(struct bh_worker *w)
{
	for (; w->n_dissect < bh_n_dissectors && w->n_dissect < BH_DISSECTORS_MAX; w->n_dissect++) {
		w->dissect[w->n_dissect] = bh_dissectors[w->n_dissect]->open(w->conf.seed);
		if (!w->dissect[w->n_dissect])
			return -ENOMEM;
	}
	return 0;
}

/* Random access over a hundred megabytes misses the TLB as often as the cache. */
void bh_large_pages(void *p, size_t n)
{
	size_t large = (size_t)2 << 20;

	if (n >= large / 2) /* a wish: refused, all works as before */
		(void)madvise(p, (n + large - 1) & ~(large - 1), MADV_HUGEPAGE);
}

int bh_worker_new(const struct bh_worker_conf *conf, struct bh_worker **ret_worker)
{
	struct bh_worker *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	w->conf = *conf;
	w->out = (struct bh_event_sink){out_emit, w};
	r = bh_flow_new(&(struct bh_flow_conf){.max = conf->max_flows ? conf->max_flows : 1u << 20,
				.seed = conf->seed,
				.worker = conf->id,
				.sink = w->out,
				.ending = flow_ending,
				.ctx = w},
		&w->flows);
	if (!r)
		bh_flow_memory(w->flows, bh_large_pages);
	if (!r && conf->stage >= BH_WORKER_CLASSIFY)
		r = bh_classify_new(
			&(struct bh_classify_conf){
				.pool = conf->max_class ? conf->max_class : 16384},
			&w->classify);
	if (!r && conf->stage >= BH_WORKER_ALL)
		r = open_dissectors(w);
	if (r) {
		bh_worker_free(w);
		return r;
	}
	*ret_worker = w;
	return 0;
}

void bh_worker_free(struct bh_worker *w)
{
	if (!w)
		return;
	while (w->n_dissect) {
		w->n_dissect--;
		bh_dissectors[w->n_dissect]->close(w->dissect[w->n_dissect]);
	}
	bh_classify_free(w->classify);
	bh_flow_free(w->flows);
	free(w);
}

static void sum_up(void *ctx, const char *name, uint64_t v)
{
	struct bh_worker_counters *n = ctx;

	if (strcmp(name, "facts") == 0)
		n->facts += v;
	else if (strstr(name, "malformed") || strcmp(name, "bogus") == 0)
		n->untrusted += v;
	else if (strstr(name, "gaps"))
		n->parse_gaps += v;
	else if (strstr(name, "evicted"))
		n->parse_evicted += v;
}

void bh_worker_counters(const struct bh_worker *w, struct bh_worker_counters *ret)
{
	uint64_t pushed_out = w->n.classify.pushed_out;

	*ret = w->n;
	bh_flow_counters(w->flows, &ret->flow);
	ret->reserved_bytes = bh_flow_bytes(w->flows);
	if (w->classify) {
		bh_classify_counters(w->classify, &ret->classify);
		ret->classify.pushed_out = pushed_out;
		ret->reserved_bytes += bh_classify_bytes(w->classify);
	}
	for (size_t i = 0; i < w->n_dissect; i++)
		if (bh_dissectors[i]->counters)
			bh_dissectors[i]->counters(w->dissect[i], sum_up, ret);
	for (size_t i = 0; i < w->n_dissect; i++)
		if (bh_dissectors[i]->memory_bytes)
			ret->reserved_bytes += bh_dissectors[i]->memory_bytes(w->dissect[i]);
}

struct named {
	void (*each)(void *ctx, const char *dissector, const char *name, uint64_t v);
	void *ctx;
	const char *dissector;
};
static void with_name(void *ctx, const char *name, uint64_t v)
{
	struct named *n = ctx;

	n->each(n->ctx, n->dissector, name, v);
}

void bh_worker_dissect_counters(const struct bh_worker *w,
	void (*each)(void *ctx, const char *dissector, const char *name, uint64_t v), void *ctx)
{
	struct named n = {each, ctx, NULL};

	for (size_t i = 0; i < w->n_dissect; i++)
		if (bh_dissectors[i]->counters) {
			n.dissector = bh_dissectors[i]->name;
			bh_dissectors[i]->counters(w->dissect[i], with_name, &n);
		}
}
