/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * It keeps no time and knows no policy: it is told by the core each time, and looks only that it is not made to flood. It reads
 * nothing from the network.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/prober.h"
#include "daemon/roles.h"

#define OLD BH_SEC(5)
#define APART BH_SEC(5) /* between two questions of a kind on one interface */

/* ---- opening, by the supervisor ---- */
static bool of_zone(const struct bh_policy *p, const struct bh_zone *z, const struct bh_addr *a)
{
	return !z->nets.n || bh_policy_zone_of(p, a) == (uint16_t)(z - p->zones);
}

static void four(const struct bh_policy *p, const struct bh_zone *z, const struct ifaddrs *i, struct bh_asker *a)
{
	const struct sockaddr_in *in = (const void *)i->ifa_addr, *to = (const void *)i->ifa_broadaddr;
	struct bh_addr addr = bh_addr_v4((const uint8_t *)&in->sin_addr);

	if (!bh_addr_none(&a->v4) || !of_zone(p, z, &addr))
		return;
	a->v4 = addr;
	if ((i->ifa_flags & IFF_BROADCAST) && to)
		a->broadcast = bh_addr_v4((const uint8_t *)&to->sin_addr);
}

static void address(const struct bh_policy *p, const struct bh_zone *z, const struct ifaddrs *i, struct bh_prober_iface *f)
{
	const struct sockaddr_ll *ll = (const void *)i->ifa_addr;
	const struct sockaddr_in6 *in6 = (const void *)i->ifa_addr;

	if (i->ifa_addr->sa_family == AF_PACKET && ll->sll_hatype == ARPHRD_ETHER && ll->sll_halen == 6) {
		memcpy(f->asker.mac.b, ll->sll_addr, 6);
		f->index = (unsigned)ll->sll_ifindex;
	} else if (i->ifa_addr->sa_family == AF_INET) {
		four(p, z, i, &f->asker);
	} else if (i->ifa_addr->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) && bh_addr_none(&f->asker.v6)) {
		f->asker.v6 = bh_addr_v6((const uint8_t *)&in6->sin6_addr);
		f->asker.v6.b[2] = f->asker.v6.b[3] = 0; /* some systems put the interface's number there */
	}
}

/* index 0: there is none, or it is no Ethernet */
static struct bh_prober_iface look(const struct bh_policy *p, const struct bh_zone *z, const char *name)
{
	struct bh_prober_iface f = {.fd = -1};
	struct ifaddrs *list, *i;

	bh_strcpy(f.name, sizeof f.name, name);
	if (getifaddrs(&list))
		return f;
	for (i = list; i; i = i->ifa_next)
		if (i->ifa_addr && !strcmp(i->ifa_name, name))
			address(p, z, i, &f);
	freeifaddrs(list);
	return f;
}

/* It hears nothing: without a protocol no frame comes up to it. */
static int raw_socket(unsigned index)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)index};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool among(const char *name, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i], name))
			return true;
	return false;
}

/* those that are there now, without sockets */
static size_t wanted(const struct bh_policy *p, const char *const *ifaces, size_t n_ifaces, struct bh_prober_iface ret[BH_LIVE_IFS])
{
	size_t n = 0;

	for (size_t z = 0; z < p->n_zones; z++)
		for (size_t i = 0; p->zones[z].probe.every && i < p->zones[z].n_interfaces && n < BH_LIVE_IFS; i++) {
			if (!among(p->zones[z].interfaces[i], ifaces, n_ifaces))
				continue;
			ret[n] = look(p, &p->zones[z], p->zones[z].interfaces[i]);
			n += ret[n].index != 0;
		}
	return n;
}

size_t bh_prober_open(const struct bh_policy *p, const char *const *ifaces, size_t n_ifaces, struct bh_prober_iface ret[BH_LIVE_IFS])
{
	size_t n = wanted(p, ifaces, n_ifaces, ret);

	for (size_t i = 0; i < n; i++)
		ret[i].fd = raw_socket(ret[i].index);
	return n;
}

void bh_prober_close(struct bh_prober_iface *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].fd >= 0)
			close(v[i].fd);
}

bool bh_prober_stale(const struct bh_policy *p, const char *const *ifaces, size_t n_ifaces, const struct bh_prober_iface *v, size_t n)
{
	struct bh_prober_iface now[BH_LIVE_IFS];
	bool same = wanted(p, ifaces, n_ifaces, now) == n;

	for (size_t i = 0; same && i < n; i++)
		same = !strcmp(v[i].name, now[i].name) && v[i].index == now[i].index && !memcmp(&v[i].asker, &now[i].asker, sizeof v[i].asker);
	return !same;
}

/* ---- asking ---- */
struct prober {
	const struct bh_prober_in *in;
	bh_ns asked[BH_LIVE_IFS][2]; /* names, DHCP; by a clock nobody sets */
};

static bh_ns now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

static bool out(const struct bh_prober_iface *f, const uint8_t *frame, size_t n)
{
	return n && send(f->fd, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

static unsigned names(const struct bh_prober_iface *f, const struct bh_prober_order *o)
{
	uint16_t id = (uint16_t)o->xid, port = (uint16_t)(49152 + (o->xid >> 16) % 16000);
	uint8_t frame[BH_ASK_FRAME];
	bool six = bh_addr_none(&f->asker.v4), all = true;

	if (six && bh_addr_none(&f->asker.v6))
		return BH_PROBE_NO_ADDRESS;
	if (!o->go)
		return six ? BH_PROBE_ASKED_SIX : BH_PROBE_ASKED;
	all &= out(f, frame, bh_ask_llmnr(&f->asker, o->name, id, port, frame));
	if (!six) {
		all &= out(f, frame, bh_ask_mdns(&f->asker, o->name, id, (uint16_t)(port + 1), frame));
		if (!bh_addr_none(&f->asker.broadcast))
			all &= out(f, frame, bh_ask_nbns(&f->asker, o->name, id, (uint16_t)(port + 2), frame));
	}
	return !all ? BH_PROBE_FAILED : six ? BH_PROBE_ASKED_SIX : BH_PROBE_ASKED;
}

static unsigned dhcp(const struct bh_prober_iface *f, const struct bh_prober_order *o)
{
	uint8_t frame[BH_ASK_FRAME];

	return !o->go || out(f, frame, bh_ask_dhcp(&f->asker, o->xid, frame)) ? BH_PROBE_ASKED : BH_PROBE_FAILED;
}

static unsigned carry_out(struct prober *p, const struct bh_prober_order *o)
{
	bh_ns t = now(CLOCK_MONOTONIC), *before;

	for (size_t i = 0; i < p->in->n; i++) {
		const struct bh_prober_iface *f = &p->in->ifaces[i];

		if (strcmp(f->name, o->iface) != 0)
			continue;
		before = &p->asked[i][o->dhcp];
		if (o->go && *before && t - *before < APART)
			return BH_PROBE_FAILED;
		if (o->go)
			*before = t;
		return o->dhcp ? dhcp(f, o) : names(f, o);
	}
	return BH_PROBE_NO_INTERFACE;
}

static bool fit(const struct bh_prober_order *o)
{
	bh_ns t = now(CLOCK_REALTIME);

	return (t > o->at ? t - o->at : o->at - t) <= OLD && memchr(o->iface, 0, sizeof o->iface) && (o->dhcp || bh_ask_is_name(o->name, sizeof o->name));
}

int bh_role_prober(const struct bh_prober_in *in)
{
	struct prober *p = calloc(1, sizeof *p);
	struct bh_prober_order o;
	ssize_t n;
	int r = p ? bh_sandbox(NULL) : -ENOMEM;

	prctl(PR_SET_NAME, "bh-prober");
	if (r < 0) {
		fprintf(stderr, "bulkhead: prober: %s\n", strerror(-r));
		return 1;
	}
	p->in = in;
	while ((n = recv(in->core, &o, sizeof o, 0)) != 0) {
		struct bh_prober_reply reply = {0};

		if (n < 0 && errno != EINTR)
			return 1;
		if (n != (ssize_t)sizeof o || !fit(&o))
			continue;
		reply.xid = o.xid;
		reply.go = o.go;
		reply.says = (uint8_t)carry_out(p, &o);
		(void)!send(in->core, &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	return 0; /* the daemon stops */
}

bool bh_prober_wanted(const struct bh_policy *p)
{
	for (size_t z = 0; z < p->n_zones; z++)
		if (p->zones[z].probe.every)
			return true;
	return false;
}
