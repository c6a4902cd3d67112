/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The live pipeline under a paced load; tools/bench --live runs both ends in a namespace.
 *
 *   bench_live send IF FILE PPS SECONDS      frames of a capture, again and again, PPS of them a
 * second bench_live recv IF SECONDS [RETIRE_MS]   one worker, every stage; frames, drops, and how
 * old they were
 */
#include <net/if.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/worker.h"

static bh_ns clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

static int send_batch(int fd, const struct bh_frame *fr, size_t n)
{
	struct mmsghdr m[BH_BATCH];
	struct iovec v[BH_BATCH];
	unsigned k = 0;

	for (size_t i = 0; i < n; i++)
		if (fr[i].caplen <= 1514 && fr[i].caplen >= 14) {
			v[k] = (struct iovec){(void *)(uintptr_t)fr[i].data, fr[i].caplen};
			m[k] = (struct mmsghdr){.msg_hdr = {.msg_iov = &v[k], .msg_iovlen = 1}};
			k++;
		}
	return k ? sendmmsg(fd, m, k, 0) : 0;
}

static int sender(const char *ifname, const char *path, double pps, double seconds)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
	bh_ns t0 = clock_ns(CLOCK_MONOTONIC), now = t0;
	struct bh_source *src = NULL;
	uint64_t sent = 0, failed = 0;
	char text[256];

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("bench_live: send");
		return 1;
	}
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
	while (now - t0 < (bh_ns)(seconds * 1e9)) {
		struct bh_frame fr[BH_BATCH];
		size_t n;
		int r;

		if (!src && bh_source_file(path, &src, text)) {
			fprintf(stderr, "bench_live: %s\n", text);
			return 1;
		}
		if (bh_source_next(src, fr, BH_BATCH, 0, &n)) {
			bh_source_close(src);
			src = NULL;
			continue;
		}
		r = send_batch(fd, fr, n);
		failed += r < 0;
		sent += r > 0 ? (uint64_t)r : 0;
		while ((double)((now = clock_ns(CLOCK_MONOTONIC)) - t0) * pps / 1e9 < (double)sent)
			;
	}
	printf("sent=%llu failed=%llu pps=%.0f\n", (unsigned long long)sent,
		(unsigned long long)failed, (double)sent * 1e9 / (double)(now - t0));
	bh_source_close(src);
	close(fd);
	return 0;
}

#define AGES 4096 /* 100 us each */
struct ages {
	uint64_t n[AGES], total;
};
static double percentile(const struct ages *a, double p)
{
	uint64_t want = (uint64_t)((double)a->total * p), sum = 0;

	for (unsigned i = 0; i < AGES; i++) {
		sum += a->n[i];
		if (sum > want)
			return (i + 1) * 0.1;
	}
	return AGES * 0.1;
}

static void count_event(void *ctx, const struct bh_event *ev)
{
	++*(uint64_t *)ctx;
}

static int receiver(const char *ifname, double seconds, unsigned retire_ms)
{
	struct bh_live_conf conf = bh_live_defaults();
	static struct ages ages;
	struct bh_source_stats st;
	struct bh_source *src;
	struct bh_worker *w;
	struct bh_live_set set;
	uint64_t events = 0;
	char text[256];
	bh_ns t0, cpu0;
	int fd;

	if (retire_ms)
		conf.retire_ms = retire_ms;
	if (bh_live_open(&ifname, 1, &conf, 1, &set, &fd, text) ||
		bh_live_start(&set, &fd, 1) || bh_source_live_take(fd, &conf, &src, text)) {
		fprintf(stderr, "bench_live: %s\n", text);
		return 1;
	}
	if (bh_worker_new(&(struct bh_worker_conf){.seed = 1,
				  .stage = BH_WORKER_ALL,
				  .community_id = true,
				  .sink = {count_event, &events}},
		    &w))
		return 1;
	t0 = clock_ns(CLOCK_MONOTONIC);
	cpu0 = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (clock_ns(CLOCK_MONOTONIC) - t0 < (bh_ns)(seconds * 1e9)) {
		struct bh_frame fr[BH_BATCH];
		bh_ns now, age;
		size_t n;

		if (bh_source_next(src, fr, BH_BATCH, 20, &n))
			break;
		if (!n) {
			bh_worker_idle(w, clock_ns(CLOCK_REALTIME));
			continue;
		}
		bh_worker_frames(w, fr, n);
		now = clock_ns(CLOCK_REALTIME);
		age = now > fr[0].at ? (now - fr[0].at) / 100000
				     : 0; /* the oldest of the batch, fully handled */
		ages.n[age < AGES ? age : AGES - 1]++;
		ages.total++;
	}
	bh_source_stats(src, &st);
	printf("frames=%llu drops=%llu events=%llu cpu_ns_per_frame=%.0f age_ms_p50=%.1f "
	       "age_ms_p99=%.1f age_ms_max=%.1f\n",
		(unsigned long long)st.frames, (unsigned long long)st.kernel_drops,
		(unsigned long long)events,
		(double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu0) /
			(double)(st.frames ? st.frames : 1),
		percentile(&ages, 0.5), percentile(&ages, 0.99), percentile(&ages, 0.99999));
	bh_source_close(src);
	bh_worker_free(w);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "send"))
		return sender(argv[2], argv[3], atof(argv[4]), atof(argv[5]));
	if (argc >= 4 && !strcmp(argv[1], "recv"))
		return receiver(argv[2], atof(argv[3]),
			argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0);
	fprintf(stderr,
		"usage: bench_live send IF FILE PPS SECONDS | recv IF SECONDS [RETIRE_MS]\n");
	return 2;
}
