/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The companion's process. It opens what it needs - a datagram socket to one sensor, the kernel's uevent socket, sysfs - and gives up
 * the rest; what it may still do is read world-readable files. What was plugged in before it looked is told once, as being there.
 *
 * A datagram that cannot be sent waits, 64 at most, and is signed when it is sent: its time is then. One that is lost on the way stays
 * lost, and the sensor sees the gap with the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/roles.h"
#include "daemon/usb_ports.h"
#include "daemon/usb_sysfs.h"
#include "daemon/usb_watch.h"

#define OUTBOX 64u

struct watch {
	const struct bh_usb_watch_opts *o;
	int udp, uevent, sysfs;
	uint64_t boot;
	uint32_t seq;
	struct bh_ports ports;
	struct bh_ev_usb box[OUTBOX];
	unsigned first, n;
	bool start, stuck; /* stuck: the last one could not be sent, and that was said */
};

static bh_ns now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* ---- out ---- */
static void flush(struct watch *w)
{
	uint8_t p[BH_USB_DATAGRAM];

	while (w->n) {
		bh_usb_sign(&w->box[w->first], now_of(CLOCK_REALTIME), &w->o->secret, p);
		if (send(w->udp, p, sizeof p, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof p) {
			if (!w->stuck)
				fprintf(stderr, "bulkhead: usb-watch: cannot send to %s: %s; trying again\n", w->o->host, strerror(errno));
			w->stuck = true;
			return;
		}
		w->stuck = false;
		w->first = (w->first + 1) % OUTBOX;
		w->n--;
	}
}

static void tell(void *ctx, struct bh_ev_usb *u)
{
	struct watch *w = ctx;

	u->boot = w->boot;
	u->seq = ++w->seq;
	bh_strcpy(u->host, sizeof u->host, w->o->name);
	if (u->op == BH_USB_ADD)
		bh_seat_user(u->user);
	if (w->n == OUTBOX) { /* the oldest gives way; its number is missing */
		w->first = (w->first + 1) % OUTBOX;
		w->n--;
	}
	w->box[(w->first + w->n++) % OUTBOX] = *u;
	flush(w);
}

/* ---- in ---- */
static bool look(void *ctx, const char *port, struct bh_usb_sys *ret_sys)
{
	return bh_sysfs_device(((struct watch *)ctx)->sysfs, port, ret_sys);
}

static bool look_net(void *ctx, const char *iface, char ret_port[24], struct bh_mac *ret_mac)
{
	return bh_sysfs_net(((struct watch *)ctx)->sysfs, iface, ret_port, ret_mac);
}

static void each_net(void *ctx, const char *name)
{
	struct watch *w = ctx;

	if (strlen(name) < 16)
		bh_ports_listed_net(&w->ports, name, now_of(CLOCK_MONOTONIC));
}

static void each_port(void *ctx, const char *name)
{
	struct watch *w = ctx;

	if (!strchr(name, ':') && strlen(name) < 24) /* with ':' it is an interface */
		bh_ports_listed(&w->ports, name, w->start, now_of(CLOCK_MONOTONIC));
}

static void list(struct watch *w, bool start)
{
	w->start = start;
	if (start) /* later they are told as they come */
		bh_sysfs_list(w->sysfs, "class/net", each_net, w);
	bh_sysfs_list(w->sysfs, "bus/usb/devices", each_port, w);
}

static void uevents(struct watch *w)
{
	struct bh_uevent e;
	int r;

	while ((r = bh_uevent_recv(w->uevent, &e)) == 0)
		bh_ports_uevent(&w->ports, &e, now_of(CLOCK_MONOTONIC));
	if (r == -ENOBUFS) {
		fprintf(stderr, "bulkhead: usb-watch: the kernel had more to say than was read; looking again at what is there\n");
		list(w, false);
	}
}

/* ---- life ---- */
static int reach(const struct bh_usb_watch_opts *o)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list, *i;
	int r = getaddrinfo(o->host, o->port, &hints, &list), fd = -1;

	if (r) {
		fprintf(stderr, "bulkhead: usb-watch: %s port %s: %s\n", o->host, o->port, gai_strerror(r));
		return -1;
	}
	for (i = list; i && fd < 0; i = i->ai_next) {
		fd = socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC, i->ai_protocol);
		if (fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	if (fd < 0)
		fprintf(stderr, "bulkhead: usb-watch: cannot reach %s port %s: %m\n", o->host, o->port);
	return fd;
}

static int open_all(struct watch *w)
{
	w->sysfs = open(w->o->sysfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->sysfs < 0) {
		fprintf(stderr, "bulkhead: usb-watch: %s: %m\n", w->o->sysfs);
		return 1;
	}
	w->uevent = bh_uevent_open();
	if (w->uevent < 0) {
		fprintf(stderr, "bulkhead: usb-watch: no uevent socket: %s\n", strerror(-w->uevent));
		return 1;
	}
	w->udp = reach(w->o);
	return w->udp < 0 || getrandom(&w->boot, sizeof w->boot, 0) != sizeof w->boot;
}

int bh_usb_watch(const struct bh_usb_watch_opts *opts)
{
	static const int extra[] = {SCMP_SYS(openat), SCMP_SYS(getdents64), SCMP_SYS(readlinkat), -1};
	struct watch *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return 1;
	w->o = opts;
	w->ports.look = look;
	w->ports.look_net = look_net;
	w->ports.tell = tell;
	w->ports.ctx = w;
	prctl(PR_SET_NAME, "bh-usb-watch");
	if (open_all(w))
		return 1;
	r = bh_sandbox(extra);
	if (r < 0) {
		fprintf(stderr, "bulkhead: usb-watch: %s\n", strerror(-r));
		return 1;
	}
	list(w, true);
	if (!opts->once)
		fprintf(stderr, "bulkhead: usb-watch: %s tells %s port %s of its USB ports; %u devices are there\n", opts->name, opts->host, opts->port, w->seq);
	while (!opts->once) {
		struct pollfd p = {w->uevent, POLLIN, 0};
		int wait = bh_ports_wait_ms(&w->ports, now_of(CLOCK_MONOTONIC));

		if (w->n && (wait < 0 || wait > 1000))
			wait = 1000;
		if (poll(&p, 1, wait) < 0 && errno != EINTR)
			return 1;
		if (p.revents & POLLIN)
			uevents(w);
		bh_ports_due(&w->ports, now_of(CLOCK_MONOTONIC));
		flush(w);
	}
	return w->n != 0;
}
