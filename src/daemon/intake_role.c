/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that hears of USB ports. It is given bound sockets and the keys, and can open nothing; what it believes goes into a ring
 * of its own, from which the core takes nothing but news of USB devices. While it is dead its sockets keep what arrives.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/intake.h"
#include "daemon/roles.h"
#include "daemon/usb_sysfs.h"

#define ROUND 256 /* datagrams of a socket before the others are looked at */

struct role {
	const struct bh_intake_in *in;
	struct bh_ring *ring;
	struct bh_intake t;
	bool pushed;
};

static bh_ns now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* ---- opening, in the supervisor ---- */
static int listen_at(const struct bh_listen *l)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(l->port)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(l->port)};
	bool four = bh_addr_is4(&l->addr);
	int fd = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	char text[BH_ADDR_TEXT + 9];

	memcpy(&a6.sin6_addr, l->addr.b, 16);
	memcpy(&a4.sin_addr, l->addr.b + 12, 4);
	if (fd < 0)
		return -errno;
	r = four ? bind(fd, (struct sockaddr *)&a4, sizeof a4) : bind(fd, (struct sockaddr *)&a6, sizeof a6);
	if (r) {
		r = -errno;
		fprintf(stderr, "bulkhead: cannot listen on %s: %s\n", bh_end_print(&l->addr, l->port, text), strerror(-r));
		close(fd);
		return r;
	}
	return fd;
}

int bh_intake_open(const struct bh_run_opts *o, struct bh_intake_in *ret_in)
{
	ret_in->usb = ret_in->log = ret_in->uevent = -1;
	if (o->usb_listen.port && (ret_in->usb = listen_at(&o->usb_listen)) < 0)
		return ret_in->usb;
	if (o->log_listen.port && (ret_in->log = listen_at(&o->log_listen)) < 0)
		return ret_in->log;
	ret_in->uevent = bh_uevent_open();
	if (ret_in->uevent < 0)
		fprintf(stderr, "bulkhead: this machine's own USB ports are not watched: %s\n", strerror(-ret_in->uevent));
	ret_in->senders = mmap(NULL, BH_USB_KEYS * sizeof *ret_in->senders, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ret_in->senders == MAP_FAILED ? -ENOMEM : 0;
}

/* ---- its life ---- */
static void push(void *ctx, const struct bh_event *ev)
{
	struct role *r = ctx;

	r->pushed |= bh_ring_push(r->ring, ev);
}

static void own(void *ctx, struct bh_ev_usb *u)
{
	bh_intake_own(ctx, u, now_of(CLOCK_REALTIME));
}

static bool addr_of(const struct sockaddr_storage *s, struct bh_addr *ret_addr, uint16_t *ret_port)
{
	if (s->ss_family == AF_INET) {
		const struct sockaddr_in *a = (const void *)s;

		*ret_addr = bh_addr_v4((const uint8_t *)&a->sin_addr);
		*ret_port = ntohs(a->sin_port);
		return true;
	}
	if (s->ss_family == AF_INET6) {
		const struct sockaddr_in6 *a = (const void *)s;

		*ret_addr = bh_addr_v6((const uint8_t *)&a->sin6_addr);
		*ret_port = ntohs(a->sin6_port);
		return true;
	}
	return false;
}

static void take(struct role *r, int fd, bool log)
{
	static char buf[65536];

	for (unsigned i = 0; i < ROUND; i++) {
		struct sockaddr_storage s = {0};
		socklen_t n = sizeof s;
		ssize_t len = recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (struct sockaddr *)&s, &n);
		struct bh_addr from;
		uint16_t port;

		if (len < 0)
			return;
		if (!addr_of(&s, &from, &port))
			continue;
		if (log)
			bh_intake_syslog(&r->t, buf, (size_t)len, &from, port, now_of(CLOCK_REALTIME));
		else
			bh_intake_datagram(&r->t, buf, (size_t)len, &from, port, now_of(CLOCK_REALTIME));
	}
}

static void uevents(struct role *r)
{
	struct bh_uevent e;
	int n;

	while ((n = bh_uevent_recv(r->in->uevent, &e)) == 0)
		bh_ports_uevent(&r->t.own, &e, now_of(CLOCK_MONOTONIC));
	if (n < 0)
		fprintf(stderr, "bulkhead: intake: news of this machine's own USB ports was lost: %s\n", strerror(-n));
}

static void ring_bell(struct role *r)
{
	uint64_t one = 1;

	if (r->pushed && atomic_exchange_explicit(&r->in->shm->core_sleeps, 0, memory_order_acq_rel)) /* see sensor.c */
		(void)!write(r->in->bell, &one, sizeof one);
	r->pushed = false;
}

static void setup(struct role *r)
{
	const struct bh_intake_in *in = r->in;

	r->ring = bh_shm_ring(in->shm, in->opts->workers);
	r->t.keys = in->opts->usb_keys;
	r->t.senders = in->senders;
	r->t.n = &in->shm->intake;
	r->t.sink = (struct bh_event_sink){push, r};
	r->t.listen = in->opts->usb_listen.addr;
	r->t.port = in->opts->usb_listen.port;
	r->t.log_listen = in->opts->log_listen.addr;
	r->t.log_port = in->opts->log_listen.port;
	r->t.host = in->opts->host;
	r->t.seed = in->seed;
	r->t.boot = in->seed;
	r->t.self = in->self;
	r->t.own.tell = own; /* it cannot look into sysfs: what uevents say is enough for an alert, and this process parses strangers' bytes */
	r->t.own.ctx = &r->t;
	for (unsigned v = 0; v < BH_USB_VERDICTS; v++)
		r->t.told[v] = in->shm->intake.verdict[v];
	r->t.told_limited = in->shm->intake.limited;
	r->t.told_lost = in->shm->intake.lost;
}

int bh_role_intake(const struct bh_intake_in *in)
{
	struct role *r = calloc(1, sizeof *r);
	bh_ns report = now_of(CLOCK_MONOTONIC) + BH_MIN(1);
	char text[300];
	int e = r ? 0 : -ENOMEM;

	prctl(PR_SET_NAME, "bh-intake");
	if (r) {
		r->in = in;
		setup(r);
		e = bh_sandbox(NULL);
	}
	if (e < 0) {
		fprintf(stderr, "bulkhead: intake: %s\n", strerror(-e));
		return 1;
	}
	for (;;) {
		struct pollfd p[3] = {{in->usb, POLLIN, 0}, {in->log, POLLIN, 0}, {in->uevent, POLLIN, 0}};
		int wait = bh_ports_wait_ms(&r->t.own, now_of(CLOCK_MONOTONIC));

		if (poll(p, 3, wait < 0 || wait > 1000 ? 1000 : wait) < 0 && errno != EINTR)
			return 1;
		if (p[0].revents)
			take(r, in->usb, false);
		if (p[1].revents)
			take(r, in->log, true);
		if (p[2].revents)
			uevents(r);
		bh_ports_due(&r->t.own, now_of(CLOCK_MONOTONIC));
		ring_bell(r);
		if (now_of(CLOCK_MONOTONIC) < report)
			continue;
		report = now_of(CLOCK_MONOTONIC) + BH_MIN(1);
		if (bh_intake_report(&r->t, text, sizeof text))
			fprintf(stderr, "bulkhead: intake: in the last minute %s\n", text);
	}
}
