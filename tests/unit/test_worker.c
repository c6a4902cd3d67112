/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole pipeline on frames made here: what it says, that sharding changes nothing, that it
 * never allocates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon/worker.h"
#include "frames.h"

/* ---- allocations are counted where a sanitizer does not already own malloc ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTS_MALLOC 0
#endif
#endif
#ifndef COUNTS_MALLOC
#define COUNTS_MALLOC 1
#endif

#if COUNTS_MALLOC
static unsigned long allocations;
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);
void *malloc(size_t n)
{
	allocations++;
	return __libc_malloc(n);
}
void *calloc(size_t n, size_t m)
{
	allocations++;
	return __libc_calloc(n, m);
}
void *realloc(void *p, size_t n)
{
	allocations++;
	return __libc_realloc(p, n);
}
#endif

/* ---- events kept ---- */

struct log {
	struct bh_event *ev;
	size_t n, cap;
	uint64_t kinds[BH_EV_KINDS];
};
static void log_emit(void *ctx, const struct bh_event *ev)
{
	struct log *l = ctx;

	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 1024;
		l->ev = realloc(l->ev, l->cap * sizeof *l->ev);
		assert_non_null(l->ev);
	}
	l->ev[l->n++] = *ev;
	l->kinds[ev->kind]++;
}
#if COUNTS_MALLOC
static void count_emit(void *ctx, const struct bh_event *ev)
{
	((uint64_t *)ctx)[ev->kind]++;
}
#endif

static struct bh_worker *make(struct bh_worker_conf conf, struct log *l)
{
	struct bh_worker *w;

	conf.seed = 99;
	conf.sink = (struct bh_event_sink){log_emit, l};
	if (!conf.max_flows)
		conf.max_flows = 20000;
	assert_int_equal(bh_worker_new(&conf, &w), 0);
	return w;
}

static void feed(struct bh_worker *w, const struct frames *s)
{
	for (size_t i = 0; i < s->n; i += BH_BATCH)
		bh_worker_frames(w, s->f + i, s->n - i < BH_BATCH ? s->n - i : BH_BATCH);
}

static const char get[] = "GET /a HTTP/1.1\r\nHost: plant.example\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
static const bh_ns T = BH_SEC(1700000000);

static void http(struct frames *s, bh_ns at, unsigned a, unsigned port, unsigned b)
{
	tcp(s, at, a, port, b, 8000, BH_TCP_SYN, 100, 0, "");
	tcp(s, at + 1000, b, 8000, a, port, BH_TCP_SYN | BH_TCP_ACK, 500, 101, "");
	tcp(s, at + 2000, a, port, b, 8000, BH_TCP_ACK, 101, 501, "");
	tcp(s, at + 3000, a, port, b, 8000, BH_TCP_ACK, 101, 501, get);
	tcp(s, at + 4000, b, 8000, a, port, BH_TCP_ACK, 501, 101 + sizeof get - 1, ok);
	tcp(s, at + 5000, a, port, b, 8000, BH_TCP_ACK | BH_TCP_FIN, 101 + sizeof get - 1,
		501 + sizeof ok - 1, "");
	tcp(s, at + 6000, b, 8000, a, port, BH_TCP_ACK | BH_TCP_FIN, 501 + sizeof ok - 1,
		102 + sizeof get - 1, "");
}

static void a_conversation_is_told_from_first_packet_to_last(void **state)
{
	static const uint8_t order[] = {
		BH_EV_FLOW_NEW, BH_EV_FLOW_CLASS, BH_EV_FLOW_OUTCOME, BH_EV_FLOW_END};
	struct log l = {0};
	struct frames s = frames_new(16);
	struct bh_worker *w = make(
		(struct bh_worker_conf){.community_id = true, .stage = BH_WORKER_ALL, .id = 2}, &l);

	http(&s, T, 1, 40000, 2);
	feed(w, &s);
	bh_worker_finish(w);
	assert_int_equal(l.n, BH_COUNT(order));
	for (size_t i = 0; i < l.n; i++) {
		bool swap = l.ev[1].kind == BH_EV_FLOW_OUTCOME; /* nDPI may want the answer too */

		assert_int_equal(l.ev[i].kind, order[swap && (i == 1 || i == 2) ? 3 - i : i]);
		assert_true(l.ev[i].flow_id == l.ev[0].flow_id);
		assert_int_equal(l.ev[i].sport, 40000);
		assert_int_equal(l.ev[i].worker, 2);
	}
	assert_int_equal(l.ev[3].app, BH_APP_HTTP);
	assert_int_equal(l.ev[3].outcome, BH_OUT_SUCCESS);
	assert_int_equal(l.ev[3].u.flow.reason, BH_END_SHUTDOWN);
	assert_int_equal(l.ev[3].u.flow.pkts[0] + l.ev[3].u.flow.pkts[1], 7);
	assert_memory_equal(l.ev[3].u.flow.community_id, "1:", 2);
	assert_string_equal(l.ev[0].u.flow.community_id, "");
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

/* ---- shards ---- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct bh_event));
}
static void sort(struct log *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->ev[i].worker = 0;
	if (l->n)
		qsort(l->ev, l->n, sizeof *l->ev, by_bytes);
}
static void same_events(struct log *one, struct log *four, const char *what)
{
	char a[BH_EVENT_TEXT], b[BH_EVENT_TEXT];

	sort(one);
	sort(four);
	for (size_t i = 0; i < one->n && i < four->n; i++)
		if (by_bytes(&one->ev[i], &four->ev[i])) {
			bh_event_print(&one->ev[i], a);
			bh_event_print(&four->ev[i], b);
			fail_msg("%s: event %zu differs\none  %s\nfour %s", what, i, a, b);
		}
	assert_int_equal(one->n, four->n);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void random_traffic(struct frames *s, uint64_t seed)
{
	bh_ns at = T;

	while (s->n + 8 < s->max) {
		unsigned a = 1 + next_random(&seed) % 40, b = 50 + next_random(&seed) % 200;
		unsigned port = 1024 + next_random(&seed) % 5000;

		at += BH_MS(next_random(&seed) % 40);
		if (next_random(&seed) % 50 == 0)
			at -= BH_MS(30); /* stamps do fall in real files */
		switch (next_random(&seed) % 6) {
		case 0:
			http(s, at, a, port, b);
			break;
		case 1:
			tcp(s, at, a, port, b, 445, BH_TCP_SYN, 9, 0, "");
			if (next_random(&seed) & 1)
				tcp(s, at + 900, b, 445, a, port, BH_TCP_RST | BH_TCP_ACK, 0, 10,
					"");
			break;
		case 2:
			udp(s, at, a, port, b, 161, "abc", 3);
			if (next_random(&seed) & 1)
				unreachable(s, at + 500, next_random(&seed) & 1 ? b : 250, a, port,
					b, 161);
			break;
		case 3:
			udp(s, at, a, port, b, 53, "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\2de\0\0\1\0\1",
				21);
			udp(s, at + 700, b, 53, a, port,
				"\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\2de\0\0\1\0\1", 21);
			break;
		case 4:
			tcp(s, at, b, 22, a, port, BH_TCP_ACK, 77, 88, "midstream");
			break;
		case 5: {
			uint8_t *p = ip_frame(s, at, a, b, 1, 8);

			p[0] = 8;
			put16(p + 4, port);
			break;
		}
		}
	}
}

static const struct bh_event *only(const struct log *l, unsigned kind)
{
	assert_int_equal(l->kinds[kind], 1);
	for (size_t i = 0; i < l->n; i++)
		if (l->ev[i].kind == kind)
			return &l->ev[i];
	return NULL;
}

static void the_class_of_a_flow_carries_its_clients_fingerprint(void **state)
{
	static const char hi[] = "SSH-2.0-x_1\r\n";
	struct log l = {0};
	struct frames s = frames_new(8);
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_CLASSIFY}, &l);
	uint8_t *kex;

	tcp(&s, T, 1, 40000, 2, 22, BH_TCP_SYN, 100, 0, "");
	tcp(&s, T + 1, 1, 40000, 2, 22, BH_TCP_ACK, 101, 501, hi);
	tcp(&s, T + 2, 2, 22, 1, 40000, BH_TCP_ACK, 501, 114, hi);
	kex = tcp_room(&s, T + 3, 1, 40000, 2, 22, BH_TCP_ACK, 114, 514, 80);
	kex[3] = 76, kex[4] = 4, kex[5] = 20; /* KEXINIT, cookie, ten lists: "k", "", "e", "", "m", "", "c", "", "", "" */
	for (unsigned i = 0, at = 22; i < 8; i += 2, at += 9) {
		kex[at + 3] = 1;
		kex[at + 4] = (uint8_t)"kemc"[i / 2];
	}
	feed(w, &s);
	/* MD5 of "k;e;m;c" */
	assert_true(only(&l, BH_EV_FLOW_CLASS)->u.flow.print == 0x2e94515022e0d841);
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

static void a_router_advertisement_passes_from_the_wire_to_its_fact(void **state)
{
	static const uint8_t ra[70] = {0x33, 0x33, [5] = 1, 2, [11] = 5, 0x86, 0xdd, 0x60, [19] = 16, 58, 255, 0xfe, 0x80, [37] = 5, 0xff, 2, [53] = 1,
		134, [58] = 64, 0x80, 0, 30};
	struct bh_frame f = {.data = ra, .caplen = sizeof ra, .wirelen = sizeof ra, .at = T, .link = BH_LINK_ETHERNET};
	struct log l = {0};
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &l);
	const struct bh_event *ev;

	bh_worker_frames(w, &f, 1);
	ev = only(&l, BH_EV_RA);
	assert_int_equal(ev->u.ra.lifetime_s, 30);
	assert_int_equal(ev->u.ra.flags, BH_RA_F_MANAGED);
	assert_int_equal(ev->mac_src.b[5], 5);
	assert_int_equal(ev->pkt, 1);
	bh_worker_free(w);
	free(l.ev);
}

static void a_switchs_word_makes_a_fact_and_no_flow(void **state)
{
	static const uint8_t lldp[] = {0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 5, 0x88, 0xcc, 2, 3, 7, 's', '1', 4, 3, 7, 'p', '1', 6, 2, 0, 120};
	struct bh_frame f = {.data = lldp, .caplen = sizeof lldp, .wirelen = sizeof lldp, .at = T, .link = BH_LINK_ETHERNET};
	struct log l = {0};
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &l);
	struct bh_worker_counters n;

	bh_worker_frames(w, &f, 1);
	assert_string_equal(only(&l, BH_EV_LINK)->u.link.port, "p1");
	assert_int_equal(l.n, 1);
	bh_worker_counters(w, &n);
	assert_int_equal(n.flow.active, 0);
	assert_int_equal(n.not_ip, 0);
	assert_int_equal(n.facts, 1);
	bh_worker_free(w);
	free(l.ev);
}

static void one_worker_and_four_say_the_same(void **state)
{
	struct frames s = frames_new(30000);
	struct log one = {0}, four = {0};
	struct bh_worker *w =
		make((struct bh_worker_conf){.community_id = true, .stage = BH_WORKER_ALL}, &one);
	struct bh_worker_counters n;
	uint64_t packets = 0;

	random_traffic(&s, 4711);
	feed(w, &s);
	bh_worker_finish(w);
	bh_worker_counters(w, &n);
	assert_int_equal(n.flow.evicted, 0);
	bh_worker_free(w);
	for (uint16_t i = 0; i < 4; i++) {
		w = make((struct bh_worker_conf){.community_id = true,
				 .stage = BH_WORKER_ALL,
				 .id = i,
				 .shard = i,
				 .n_shards = 4},
			&four);
		feed(w, &s);
		bh_worker_finish(w);
		bh_worker_counters(w, &n);
		assert_true(n.packets > s.n / 16); /* each has a share */
		packets += n.packets;
		bh_worker_free(w);
	}
	assert_int_equal(packets, s.n);
	assert_true(one.kinds[BH_EV_FLOW_OUTCOME] > 5000 && one.kinds[BH_EV_FLOW_CLASS] > 1000);
	same_events(&one, &four, "random traffic");
	frames_free(&s);
	free(one.ev);
	free(four.ev);
}

static void run_file(const char *path, struct log *l, uint16_t shard, uint16_t n_shards)
{
	struct bh_worker *w = make((struct bh_worker_conf){.max_flows = 200000,
					   .community_id = true,
					   .stage = BH_WORKER_ALL,
					   .shard = shard,
					   .n_shards = n_shards},
		l);
	struct bh_source *src;
	char text[256];
	size_t n;

	if (bh_source_file(path, &src, text) == 0) {
		while (!bh_worker_poll(w, src, 0, &n))
			;
		bh_source_close(src);
	}
	bh_worker_finish(w);
	bh_worker_free(w);
}

static void same_by_one_and_four(const char *path)
{
	struct log one = {0}, four = {0};

	run_file(path, &one, 0, 1);
	assert_true(one.n > 0);
	for (uint16_t i = 0; i < 4; i++)
		run_file(path, &four, i, 4);
	same_events(&one, &four, path);
	free(one.ev);
	free(four.ev);
}

/* The golden captures; and those listed in the file BH_CAPTURE_LIST names. */
static void one_worker_and_four_say_the_same_about_real_captures(void **state)
{
	static const char *const golden[] = {"benign-files", "nmap-sweep", "ransom-smb2", "rogue-dhcp"};
	FILE *list = getenv("BH_CAPTURE_LIST") ? fopen(getenv("BH_CAPTURE_LIST"), "r") : NULL;
	const char *root = getenv("BH_SRC");
	char path[4096];

	for (size_t i = 0; i < BH_COUNT(golden); i++) {
		snprintf(path, sizeof path, "%s/tests/golden/%s/capture.pcap.gz", root ? root : ".", golden[i]);
		same_by_one_and_four(path);
	}
	while (list && fgets(path, sizeof path, list)) {
		path[strcspn(path, "\n")] = '\0';
		same_by_one_and_four(path);
	}
	if (list)
		fclose(list);
}

static void events_never_go_back_in_time(void **state)
{
	struct frames s = frames_new(20000);
	struct log l = {0};
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &l);

	random_traffic(&s, 99);
	feed(w, &s);
	bh_worker_finish(w);
	for (size_t i = 1; i < l.n; i++)
		assert_true(l.ev[i].at >= l.ev[i - 1].at);
	assert_true(l.ev[l.n - 1].at <= bh_worker_now(w));
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

/* ---- resources ---- */

#if COUNTS_MALLOC /* the sanitizers own malloc */
static void a_packet_of_a_known_flow_costs_no_allocation(void **state)
{
	struct frames s, data;
	uint64_t kinds[BH_EV_KINDS] = {0};
	struct bh_worker *w;
	unsigned long before;

	s = frames_new(30000);
	data = frames_new(2000);
	random_traffic(&s, 5);
	assert_int_equal(bh_worker_new(&(struct bh_worker_conf){.stage = BH_WORKER_FLOW,
					       .max_flows = 1000,
					       .sink = {count_emit, kinds}},
				 &w),
		0);
	before = allocations;
	feed(w, &s); /* new flows, timers, evictions, events: everything but nDPI */
	bh_worker_finish(w);
	assert_int_equal(allocations, before);
	bh_worker_free(w);

	assert_int_equal(bh_worker_new(&(struct bh_worker_conf){.stage = BH_WORKER_ALL,
					       .max_flows = 1000,
					       .sink = {count_emit, kinds}},
				 &w),
		0);
	for (unsigned i = 0; i < 3; i++)
		http(&data, T, 1 + i, 40000, 2 + i);
	feed(w, &data);
	assert_true(kinds[BH_EV_FLOW_CLASS] >= 3);
	data.n = 0;
	for (unsigned i = 0; i < 2000; i++)
		tcp(&data, T + BH_MS(10), 1 + i % 3, 40000, 2 + i % 3, 8000, BH_TCP_ACK, 200 + i,
			600, "more");
	before = allocations;
	feed(w, &data);
	assert_int_equal(allocations, before);
	bh_worker_free(w);
	frames_free(&s);
	frames_free(&data);
}
#endif

static void a_full_classifier_loses_its_oldest_and_counts_it(void **state)
{
	struct frames s = frames_new(1000);
	struct log l = {0};
	struct bh_worker *w =
		make((struct bh_worker_conf){.stage = BH_WORKER_ALL, .max_class = 64}, &l);
	struct bh_worker_counters n;

	for (unsigned i = 0; i < 300; i++)
		tcp(&s, T + i, 1, 2000 + i, 2, 9999, BH_TCP_ACK, 1, 1, "\x01\x02\x03");
	feed(w, &s);
	bh_worker_counters(w, &n);
	assert_int_equal(n.classify.pushed_out, 300 - 63);
	assert_int_equal(n.classify.in_use, 63);
	assert_int_equal(n.flow.active, 300);
	bh_worker_finish(w);
	bh_worker_counters(w, &n);
	assert_int_equal(n.classify.in_use, 0);
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

/* ---- loss, idleness, strays ---- */

struct lossy {
	struct bh_source src;
	const struct frames *s;
	size_t at;
	uint64_t drops;
};
static int lossy_next(
	struct bh_source *s, struct bh_frame *f, size_t max, int timeout_ms, size_t *ret_n)
{
	struct lossy *y = (struct lossy *)s;

	*ret_n = y->at < y->s->n;
	if (!*ret_n)
		return BH_SRC_END;
	*f = y->s->f[y->at++];
	y->drops += y->at == 2 ? 7 : 0;
	return 0;
}
static void lossy_stats(struct bh_source *s, struct bh_source_stats *ret)
{
	*ret = (struct bh_source_stats){
		.kernel_drops = ((struct lossy *)s)->drops, .kernel_packets = 100};
}

static void what_the_kernel_dropped_is_told_once(void **state)
{
	static const struct bh_source_ops ops = {.next = lossy_next, .stats = lossy_stats};
	struct frames s = frames_new(16);
	struct lossy y = {.src = {.ops = &ops}, .s = &s};
	struct log l = {0};
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &l);
	size_t n;

	for (unsigned i = 0; i < 6; i++)
		udp(&s, T + BH_SEC(i), 1, 500, 2, 500, "x", 1);
	while (!bh_worker_poll(w, &y.src, 0, &n))
		;
	assert_int_equal(l.kinds[BH_EV_GAP], 1);
	for (size_t i = 0; i < l.n; i++)
		if (l.ev[i].kind == BH_EV_GAP) {
			assert_int_equal(l.ev[i].u.gap.lost, 7);
			assert_int_equal(l.ev[i].u.gap.why, BH_GAP_KERNEL);
		}
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

static void silence_is_told_on_an_idle_wire(void **state)
{
	struct frames s = frames_new(4);
	struct log l = {0};
	struct bh_worker *w = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &l);

	tcp(&s, T, 1, 40000, 2, 445, BH_TCP_SYN, 9, 0, "");
	feed(w, &s);
	bh_worker_idle(w, T + BH_SEC(3));
	assert_int_equal(l.kinds[BH_EV_FLOW_OUTCOME], 0); /* a frame may still be in the ring */
	bh_worker_idle(w, T + BH_SEC(3) + BH_WORKER_LAG + BH_FLOW_TICK);
	assert_int_equal(l.kinds[BH_EV_FLOW_OUTCOME], 1);
	assert_int_equal(l.ev[l.n - 1].outcome, BH_OUT_SILENT);
	bh_worker_idle(w, T); /* a clock set back is no reason to go back */
	assert_true(bh_worker_now(w) >= T + BH_SEC(3));
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

static void to_the_other(void *ctx, const struct bh_packet *error, uint64_t pkt_no)
{
	assert_true(bh_worker_stray(ctx, error, pkt_no));
}

static void an_icmp_error_reaches_the_flow_on_another_worker(void **state)
{
	struct frames s = frames_new(4), e = frames_new(4);
	struct log a = {0}, b = {0};
	struct bh_worker *wa = make((struct bh_worker_conf){.stage = BH_WORKER_ALL}, &a), *wb;

	wb = make(
		(struct bh_worker_conf){
			.stage = BH_WORKER_ALL, .stray = to_the_other, .stray_ctx = wa},
		&b);
	udp(&s, T, 1, 5000, 2, 161, "abc", 3);
	feed(wa, &s);
	unreachable(&e, T + 5, 2, 1, 5000, 2, 161);
	feed(wb, &e);
	assert_int_equal(b.n, 0);
	assert_int_equal(a.ev[a.n - 1].kind, BH_EV_FLOW_OUTCOME);
	assert_int_equal(a.ev[a.n - 1].outcome, BH_OUT_REFUSED);
	bh_worker_free(wa);
	bh_worker_free(wb);
	frames_free(&s);
	frames_free(&e);
	free(a.ev);
	free(b.ev);
}

static void damaged_frames_pass_through_and_are_counted(void **state)
{
	struct frames s = frames_new(20000);
	struct log l = {0};
	struct bh_worker *w =
		make((struct bh_worker_conf){.stage = BH_WORKER_ALL, .max_flows = 500}, &l);
	struct bh_worker_counters n;
	uint64_t seed = 31337, bad = 0;

	random_traffic(&s, 17);
	for (size_t i = 0; i < s.n; i++) {
		uint8_t *p = s.bytes + i * FRAME_ROOM;

		for (unsigned k = next_random(&seed) % 4; k; k--)
			p[next_random(&seed) % s.f[i].caplen] ^=
				(uint8_t)(1u << next_random(&seed) % 8);
		if (next_random(&seed) % 3 == 0)
			s.f[i].caplen = (uint32_t)(next_random(&seed) % (s.f[i].caplen + 1));
	}
	feed(w, &s);
	bh_worker_finish(w);
	bh_worker_counters(w, &n);
	for (unsigned i = 1; i < BH_BAD_COUNT; i++)
		bad += n.bad[i];
	assert_true(bad > 500);
	assert_int_equal(n.packets, s.n);
	assert_int_equal(n.flow.active, 0);
	bh_worker_free(w);
	frames_free(&s);
	free(l.ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_is_told_from_first_packet_to_last),
		cmocka_unit_test(the_class_of_a_flow_carries_its_clients_fingerprint),
		cmocka_unit_test(a_router_advertisement_passes_from_the_wire_to_its_fact),
		cmocka_unit_test(a_switchs_word_makes_a_fact_and_no_flow),
		cmocka_unit_test(one_worker_and_four_say_the_same),
		cmocka_unit_test(one_worker_and_four_say_the_same_about_real_captures),
		cmocka_unit_test(events_never_go_back_in_time),
#if COUNTS_MALLOC
		cmocka_unit_test(a_packet_of_a_known_flow_costs_no_allocation),
#endif
		cmocka_unit_test(a_full_classifier_loses_its_oldest_and_counts_it),
		cmocka_unit_test(what_the_kernel_dropped_is_told_once),
		cmocka_unit_test(silence_is_told_on_an_idle_wire),
		cmocka_unit_test(an_icmp_error_reaches_the_flow_on_another_worker),
		cmocka_unit_test(damaged_frames_pass_through_and_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
