/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long from the order to the last packet that still passes? A client sends through a router
 * that carries a law of 100 zones and 10,000 conduits; the server's kernel stamps each arrival.
 * Four ways to give the same order, in turns: the enforcer in this process, the enforcer as a
 * process behind its socket, the nft program, and libnftables in this process. Then the time to
 * load the whole law, ours and theirs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bulkhead/enforce.h>
#include "../net/enforce_lab.h"
#include "peer_nftables.h"

struct bench {
	struct lab lab;
	int rate; /* packets per second */
	_Atomic uint64_t last_ns, seen;
	atomic_bool stop;
	int tx, rx;
};

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *sender(void *arg)
{
	struct bench *b = arg;
	uint64_t gap = 1000000000u / (uint64_t)b->rate, due = real_ns();
	char payload[64] = {0};

	while (!b->stop) {
		uint64_t now = real_ns();

		if (now < due) {
			struct timespec t = {0, (long)(due - now)};

			nanosleep(&t, NULL);
			continue;
		}
		due = now > due + 5000000 ? now : due + gap;
		(void)send(b->tx, payload, sizeof payload, MSG_DONTWAIT);
	}
	return NULL;
}

static void *receiver(void *arg)
{
	struct bench *b = arg;

	while (!b->stop) {
		char payload[128], control[128];
		struct iovec io = {payload, sizeof payload};
		struct msghdr m = {.msg_iov = &io,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof control};
		struct pollfd p = {b->rx, POLLIN, 0};
		struct cmsghdr *c;

		if (poll(&p, 1, 20) != 1)
			continue;
		while (recvmsg(b->rx, &m, MSG_DONTWAIT) > 0) {
			c = CMSG_FIRSTHDR(&m);
			if (c && c->cmsg_type == SCM_TIMESTAMPNS) {
				struct timespec t;

				memcpy(&t, CMSG_DATA(c), sizeof t);
				b->last_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
				b->seen++;
			}
			m.msg_controllen = sizeof control;
		}
	}
	return NULL;
}

static char *big_law(unsigned zones, unsigned conduits)
{
	size_t cap = 4096 + conduits * 96u + zones * 64u, n = 0;
	char *p = malloc(cap);

	if (!p)
		abort();
	n += (size_t)snprintf(p, cap,
		"plan generation=3 mode=auto policy=\"bench\"\nlimit cuts=4096 ttl=24h\nconduit "
		"c\n");
	for (unsigned z = 0; z < zones; z++)
		n += (size_t)snprintf(p + n, cap - n, "zone z%u critical=%d 10.%u.0.0/16\n", z,
			z % 10 == 5, z + 1);
	for (unsigned i = 0; i < conduits; i++)
		n += (size_t)snprintf(p + n, cap - n,
			"permit z%u > 10.%u.0.0/16 %s/%u-%u conduit=c\n", i % zones,
			(i / zones + i) % zones + 1, i & 1 ? "tcp" : "udp", 10000 + i * 5,
			10000 + i * 5 + i % 3);
	n += (size_t)snprintf(p + n, cap - n,
		"permit z0 > 10.2.0.0/16 udp/5001 conduit=c\n"
		"pin p 10.1.0.2 > 10.2.0.2 tcp/7000\nremedy 10.2.0.2 udp/53\n");
	return p;
}

/* ---- ways to give the order ---- */

struct way {
	const char *name;
	int (*isolate)(struct bench *b, struct way *w);
	int (*release)(struct bench *b, struct way *w);
	struct bh_enforcer *e;
	void *peer;
	int fd;
	uint32_t seq;
	double *call_us, *effect_us;
	size_t n, late;
};

static const char target[] = "cut isolate 10.1.0.2 ttl=1h order=1 because=bench\n";

static struct bh_cut target_cut(void)
{
	struct bh_plan_error error;
	struct bh_cut c;

	if (bh_cut_parse(target, strlen(target) - 1, &c, &error))
		abort();
	return c;
}

static int own_isolate(struct bench *b, struct way *w)
{
	struct bh_cut c = target_cut();
	struct bh_refused refused;

	(void)b;
	return bh_enforcer_cut(w->e, &c, 1, &refused);
}

static int own_release(struct bench *b, struct way *w)
{
	struct bh_cut c = target_cut();

	(void)b;
	return bh_enforcer_release(w->e, &c, 1);
}

static int nft_isolate(struct bench *b, struct way *w)
{
	(void)w;
	return lab_nft(&b->lab, "add element inet bulkhead iso4 { 10.1.0.2 timeout 1h }", NULL);
}

static int lib_isolate(struct bench *b, struct way *w)
{
	(void)b;
	return peer_run(w->peer, "add element inet bulkhead iso4 { 10.1.0.2 timeout 1h }");
}

static int receive(struct way *w, struct bh_enf_reply *ret)
{
	char payload[4096];
	uint8_t head[4];
	size_t len, got = 0;

	if (recv(w->fd, head, 4, MSG_WAITALL) != 4)
		return -1;
	len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len > sizeof payload)
		return -1;
	while (got < len) {
		ssize_t n = recv(w->fd, payload + got, len - got, 0);

		if (n <= 0)
			return -1;
		got += (size_t)n;
	}
	return bh_enf_decode(payload, len, ret);
}

static int request(struct way *w, unsigned what, const char *text)
{
	struct bh_enf_reply reply;
	char *frame;
	size_t len;

	if (bh_enf_encode(what, w->seq++, text, strlen(text), &frame, &len) ||
		send(w->fd, frame, len, 0) != (ssize_t)len)
		return -1;
	free(frame);
	do {
		if (receive(w, &reply))
			return -1;
		free(reply.body);
	} while (reply.seq == 0); /* a notice */
	return reply.status;
}

static int served_isolate(struct bench *b, struct way *w)
{
	(void)b;
	return request(w, BH_ENF_CUT, target);
}

static int served_release(struct bench *b, struct way *w)
{
	(void)b;
	return request(w, BH_ENF_RELEASE, target);
}

/* ---- measuring ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double at(double *v, size_t n, double share)
{
	qsort(v, n, sizeof *v, ascending);
	return v[(size_t)((double)(n - 1) * share)];
}

static int one_round(struct bench *b, struct way *w)
{
	uint64_t t0, t1, last, before = b->seen;

	for (int i = 0; b->seen < before + 100; i++) { /* traffic flows */
		if (i == 2000) {
			fprintf(stderr, "no traffic before an order of %s\n", w->name);
			return 1;
		}
		lab_sleep_ms(1);
	}
	t0 = real_ns();
	if (w->isolate(b, w)) {
		fprintf(stderr, "%s: the order failed\n", w->name);
		return 1;
	}
	t1 = real_ns();
	lab_sleep_ms(8);
	last = b->last_ns;
	w->call_us[w->n] = (double)(t1 - t0) / 1000;
	w->effect_us[w->n] = last > t0 ? (double)(last - t0) / 1000 : 0;
	w->late += last > t1;
	w->n++;
	if (w->release(b, w)) {
		fprintf(stderr, "%s: the release failed\n", w->name);
		return 1;
	}
	return 0;
}

static void report(struct way *w)
{
	printf("%-34s call p50 %8.0f  p99 %8.0f us   order to last packet p50 %8.0f  p99 %8.0f us  "
	       " later than the "
	       "answer %zu of %zu\n",
		w->name, at(w->call_us, w->n, 0.5), at(w->call_us, w->n, 0.99),
		at(w->effect_us, w->n, 0.5), at(w->effect_us, w->n, 0.99), w->late, w->n);
}

static int measure_load(
	struct bench *b, struct bh_enforcer *e, const struct bh_plan *plan, int rounds, void *peer)
{
	double own[32], again[32], dry[32], nft[32], lib[32];
	char *text, *file;

	if (bh_enforcer_apply(e, plan) || /* a table that nobody owned: nft -f shall load the same */
		lab_nft(&b->lab, "list table inet bulkhead", &text) ||
		asprintf(&file, "table inet bulkhead\ndelete table inet bulkhead\n%s", text) < 0)
		return 1;
	for (int i = 0; i < rounds; i++) {
		uint64_t t = lab_now_us();
		struct bh_plan fresh = *plan; /* shallow: another generation, which is proved again */

		if (bh_enforcer_dry(e, plan))
			return 1;
		dry[i] = (double)(lab_now_us() - t) / 1000;
		fresh.generation += 10 + (uint32_t)i;
		if (bh_enforcer_apply(e, plan))
			return 1;
		t = lab_now_us();
		if (bh_enforcer_apply(e, plan))
			return 1;
		again[i] = (double)(lab_now_us() - t) / 1000;
		t = lab_now_us();
		if (bh_enforcer_apply(e, &fresh))
			return 1;
		own[i] = (double)(lab_now_us() - t) / 1000;
		t = lab_now_us();
		if (lab_nft_file(&b->lab, file))
			return 1;
		nft[i] = (double)(lab_now_us() - t) / 1000;
		t = lab_now_us();
		if (peer && peer_run(peer, file))
			return 1;
		lib[i] = (double)(lab_now_us() - t) / 1000;
	}
	printf("whole law, replaced: apply with proof and read-back %.0f ms, proved before %.0f ms, kernel "
	       "check alone (dry) %.0f ms, nft -f of the same %.0f ms (medians of %d); apply is %.1f times "
	       "as fast\n",
		at(own, (size_t)rounds, 0.5), at(again, (size_t)rounds, 0.5), at(dry, (size_t)rounds, 0.5),
		at(nft, (size_t)rounds, 0.5), rounds,
		at(nft, (size_t)rounds, 0.5) / at(own, (size_t)rounds, 0.5));
	if (peer)
		printf("libnftables loads it in %.0f ms: apply is %.1f times faster\n",
			at(lib, (size_t)rounds, 0.5), at(lib, (size_t)rounds, 0.5) / at(own, (size_t)rounds, 0.5));
	free(text);
	free(file);
	return 0;
}

static int start_traffic(struct bench *b, pthread_t threads[2])
{
	struct flow f;
	int one = 1, room = 1 << 20;

	if (flow_open(&b->lab, &f, "10.1.0.2", NULL, 5001, false, 2000))
		return 1;
	b->tx = f.client;
	b->rx = f.server;
	if (setsockopt(b->rx, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) < 0)
		return 1;
	(void)setsockopt(b->rx, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	return pthread_create(&threads[0], NULL, sender, b) ||
	       pthread_create(&threads[1], NULL, receiver, b);
}

static pid_t start_server(struct way *w)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(bh_enforcer_serve(pair[1], BH_ENF_OWN) != 0);
	}
	close(pair[1]);
	w->fd = pair[0];
	w->seq = 1;
	return pid;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 200;
	struct bench b = {.rate = 20000};
	struct way own = {"enforcer, in process", own_isolate, own_release},
		   nft = {"nft add element (fork, exec)", nft_isolate, own_release},
		   lib = {"libnftables, in process", lib_isolate, own_release},
		   served = {"enforcer, own process, over socket", served_isolate, served_release};
	struct way *ways[] = {&own, &served, &nft, &lib};
	char *text = big_law(100, 10000);
	struct bh_plan_error error;
	pthread_t threads[2];
	struct bh_plan plan;
	pid_t pid;
	int r;

	if (rounds < 1 || rounds > 100000)
		return 2;
	if (lab_make(&b.lab))
		return 77;
	if (bh_plan_parse(text, strlen(text), &plan, &error) || bh_enforcer_open(&own.e) ||
		bh_enforcer_apply(own.e, &plan)) {
		fprintf(stderr, "the law does not load: %s\n",
			own.e ? bh_enforcer_why(own.e) : "no netlink");
		return 1;
	}
	nft.e = lib.e = own.e;
	lib.peer = peer_open();
	for (size_t i = 0; i < 4; i++) {
		ways[i]->call_us = calloc(rounds, sizeof(double));
		ways[i]->effect_us = calloc(rounds, sizeof(double));
		if (!ways[i]->call_us || !ways[i]->effect_us)
			return 1;
	}
	pid = start_server(&served); /* before the threads */
	if (pid < 0 || start_traffic(&b, threads))
		return 1;
	printf("# 100 zones, 10,000 conduits; %d packets a second of 64 bytes; %zu rounds each\n",
		b.rate, rounds);
	r = 0;
	for (size_t i = 0; r == 0 && i < rounds; i++)
		r = one_round(&b, &own) || one_round(&b, &nft) || (lib.peer && one_round(&b, &lib));
	if (r == 0 && request(&served, BH_ENF_APPLY, text) != 0)
		r = 1;
	for (size_t i = 0; r == 0 && i < rounds; i++)
		r = one_round(&b, &served);
	close(served.fd);
	waitpid(pid, NULL, 0);
	b.stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	if (r == 0) {
		double a, o, s;

		for (size_t i = 0; i < 4; i++)
			if (ways[i]->n)
				report(ways[i]);
			else
				printf("%-34s not available\n", ways[i]->name);
		a = at(nft.call_us, nft.n, 0.5);
		o = at(own.call_us, own.n, 0.5);
		s = at(served.call_us, served.n, 0.5);
		printf("nft takes %.0f times as long as the enforcer in process, %.0f times as "
		       "long as the enforcer's process "
		       "(p50 of the call)\n",
			a / o, a / s);
		printf("order to last packet, p99: %.0f and %.0f times; packets come every %.0f "
		       "us, so 0 means \"before the "
		       "next one\"\n",
			at(nft.effect_us, nft.n, 0.99) / (at(own.effect_us, own.n, 0.99) + 1),
			at(nft.effect_us, nft.n, 0.99) / (at(served.effect_us, served.n, 0.99) + 1),
			1e6 / b.rate);
		r = measure_load(&b, own.e, &plan, 7, lib.peer);
	}
	peer_close(lib.peer);
	if (bh_enforcer_disarm(own.e))
		r = 1;
	bh_enforcer_close(own.e);
	bh_plan_fini(&plan);
	return r;
}
