/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What each stage of the packet pipeline costs on a capture file, in CPU time net of start-up, as
 * one line of key=value words. tools/bench runs it beside other programs and draws the table.
 *
 *   bench_replay STAGE FILE [PACKETS]     STAGE: read decode flow classify all
 *   bench_replay scale FLOWS [ROUNDS]     generated SYNs, FLOWS of them at once, each sent ROUNDS
 * times
 *
 * The first flows are generated in memory, so "scale" measures the table and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/worker.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* of this program alone: the figure getrusage gives starts from whoever started it */
static long peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static void count_event(void *ctx, const struct bh_event *ev)
{
	uint64_t *kinds = ctx;

	kinds[ev->kind]++;
}

static void report(const char *stage, const struct bh_worker *w, uint64_t packets, double s,
	const uint64_t *kinds)
{
	struct bh_worker_counters n = {0};

	if (w)
		bh_worker_counters(w, &n);
	printf("stage=%s packets=%llu cpu_s=%.4f ns_per_packet=%.1f flows=%llu evicted=%llu "
	       "events=%llu new=%llu "
	       "outcome=%llu class=%llu end=%llu offered=%llu by_content=%llu by_guess=%llu "
	       "unknown=%llu class_max=%u "
	       "peak_kib=%ld\n",
		stage, (unsigned long long)packets, s, packets ? s * 1e9 / (double)packets : 0.0,
		(unsigned long long)n.flow.created, (unsigned long long)n.flow.evicted,
		(unsigned long long)n.events, (unsigned long long)kinds[BH_EV_FLOW_NEW],
		(unsigned long long)kinds[BH_EV_FLOW_OUTCOME],
		(unsigned long long)kinds[BH_EV_FLOW_CLASS],
		(unsigned long long)kinds[BH_EV_FLOW_END], (unsigned long long)n.classify.offered,
		(unsigned long long)n.classify.by_content, (unsigned long long)n.classify.by_guess,
		(unsigned long long)n.classify.unknown, n.classify.in_use_max, peak_kib());
}

static int replay(const char *stage, const char *path, uint64_t max)
{
	static const char *const stages[] = {"decode", "flow", "classify", "all"};
	uint64_t kinds[BH_EV_KINDS] = {0}, packets = 0;
	struct bh_worker *w = NULL;
	struct bh_source *src;
	char text[256];
	double t0;
	int r = 0;

	for (size_t i = 0; i < BH_COUNT(stages) && !w; i++)
		if (!strcmp(stage, stages[i]))
			r = bh_worker_new(&(struct bh_worker_conf){.seed = 1,
						  .stage = (enum bh_worker_stage)i,
						  .community_id = i == BH_WORKER_ALL,
						  .sink = {count_event, kinds}},
				&w);
	if (r || (!w && strcmp(stage, "read"))) {
		fprintf(stderr, "bench_replay: no stage %s\n", stage);
		return 2;
	}
	if (bh_source_file(path, &src, text)) {
		fprintf(stderr, "bench_replay: %s\n", text);
		return 1;
	}
	t0 = cpu_s();
	while (!r && packets < max) {
		struct bh_frame fr[BH_BATCH];
		size_t n = 0;

		r = bh_source_next(src, fr, BH_BATCH, 0, &n);
		if (w && n)
			bh_worker_frames(w, fr, n);
		packets += n;
	}
	if (w)
		bh_worker_finish(w);
	report(stage, w, packets, cpu_s() - t0, kinds);
	if (r != BH_SRC_END && r)
		fprintf(stderr, "bench_replay: %s\n", bh_source_text(src));
	bh_source_close(src);
	bh_worker_free(w);
	return r < 0;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8),
	p[3] = (uint8_t)v;
}

/* A SYN of 54 bytes; the number decides the pair, so flows are spread like a scan of a large
 * network. */
static void syn(uint8_t *p, uint32_t i)
{
	static const uint8_t head[54] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40,
		0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 0, 11, 0, 0, 0, 0, 0, 1, 189, 0, 0, 0, 7, 0,
		0, 0, 0, 0x50, 2, 0xfa, 0xf0};
	uint32_t x = i * 2654435761u;

	memcpy(p, head, sizeof head);
	put32(p + 26, 0x0a000000u | (i & 0x3ff));
	put32(p + 30, 0x0b000000u | i >> 10);
	p[34] = (uint8_t)(0x80 | x >> 24), p[35] = (uint8_t)(x >> 16);
}

static int scale(uint32_t flows, unsigned rounds)
{
	uint64_t kinds[BH_EV_KINDS] = {0}, packets = 0;
	static uint8_t data[BH_BATCH][54];
	struct bh_frame fr[BH_BATCH];
	struct bh_worker *w;
	double t0;

	if (bh_worker_new(&(struct bh_worker_conf){.seed = 1,
				  .stage = BH_WORKER_CLASSIFY,
				  .max_flows = flows + flows / 16,
				  .sink = {count_event, kinds}},
		    &w))
		return 1;
	t0 = cpu_s();
	for (unsigned r = 0; r < rounds; r++)
		for (uint32_t i = 0; i < flows; i += BH_BATCH) {
			size_t n = flows - i < BH_BATCH ? flows - i : BH_BATCH;

			for (size_t k = 0; k < n; k++) {
				/* order of the later rounds is scattered, as real packets come */
				uint32_t id = r ? (uint32_t)((uint64_t)(i + k) * 7919 % flows)
						: i + (uint32_t)k;

				syn(data[k], id);
				fr[k] = (struct bh_frame){.data = data[k],
					.caplen = 54,
					.wirelen = 54,
					.link = 1,
					.at = BH_SEC(1000) + (packets + k) * 400};
			}
			bh_worker_frames(w, fr, n);
			packets += n;
		}
	report("scale", w, packets, cpu_s() - t0, kinds);
	bh_worker_free(w);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "scale"))
		return scale((uint32_t)strtoul(argv[2], NULL, 10),
			argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 5);
	if (argc >= 3)
		return replay(
			argv[1], argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : UINT64_MAX);
	fprintf(stderr, "usage: bench_replay read|decode|flow|classify|all FILE [PACKETS]\n"
			"       bench_replay scale FLOWS [ROUNDS]\n");
	return 2;
}
