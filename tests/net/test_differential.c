/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is the evaluator right about this kernel? Random policies, a law on trial beside some of them, cuts of
 * every kind; raw packets of random connections are sent through the router, and what comes out at the
 * server is compared, packet by packet, with the point query on the kernel's own listing: first packets,
 * answers, later packets, ICMP errors, and all of that again after more cuts. TCP with and without SYN,
 * UDP, ICMP, another protocol; IPv4 and IPv6; four senders by MAC. A new seed each run, BH_SEED repeats
 * one; BH_FLOWS wants another number of connections.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <cmocka.h>
#include "enforce_help.h"
#include "../unit/policy_gen.h"

#define BATCH 4000u
#define MACS 4

struct conn {
	struct bh_addr src, dst;
	uint8_t fam, proto, mac;
	bool syn, accepted, stamped;
	uint16_t sport, dport;
	struct bh_box box;
};
struct wire {
	int client, server;		  /* packet sockets */
	uint8_t c1[6], s1[6], s0[6];
	struct bh_mac senders[MACS];
};
enum kind { FIRST, ANSWER, LATER, ERROR, KINDS };
struct run {
	struct wire w;
	struct bh_enforcer *e;
	struct bh_plan plan;
	struct bh_model *m;
	struct conn *c;
	size_t n;
	uint8_t *seen;
	uint64_t seed, s;
	uint64_t compared[KINDS], passed[KINDS], uncertain, wrong;
};

/* ---- the wire ---- */

static void sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, value, strlen(value));
		close(fd);
	}
}

static int packet_socket(enum lab_host h, const char *dev, uint8_t mac[6])
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct ifreq q = {0};
	int fd, room = 64 << 20;

	assert_int_equal(lab_enter(&lab, h), 0);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	assert_true(fd >= 0);
	bh_strcpy(q.ifr_name, sizeof q.ifr_name, dev);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &q), 0);
	memcpy(mac, q.ifr_hwaddr.sa_data, 6);
	at.sll_ifindex = (int)if_nametoindex(dev);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	return fd;
}

static void router(const char *a, const char *b, const char *c, const char *d, const char *f)
{
	const char *const argv[] = {"ip", a, b, c, d, f, "via", strchr(f, ':') ? "fd00:2::2" : "10.2.0.2", NULL};

	(void)lab_run(&lab, LAB_ROUTER, NULL, argv);
}

static void wire_up(struct wire *w)
{
	static const char *const off[] = {"/proc/sys/net/ipv4/conf/all/rp_filter", "/proc/sys/net/ipv4/conf/c1/rp_filter",
		"/proc/sys/net/ipv4/conf/s1/rp_filter", "/proc/sys/net/ipv4/conf/all/send_redirects",
		"/proc/sys/net/ipv4/conf/s1/send_redirects", "/proc/sys/net/ipv4/conf/c1/send_redirects"};
	char text[32];
	uint8_t unused[6];

	close(packet_socket(LAB_ROUTER, "c1", w->c1));
	close(packet_socket(LAB_ROUTER, "s1", w->s1));
	w->client = packet_socket(LAB_CLIENT, "c0", unused);
	w->server = packet_socket(LAB_SERVER, "s0", w->s0);
	assert_int_equal(lab_enter(&lab, LAB_ROUTER), 0);
	for (size_t i = 0; i < BH_COUNT(off); i++)
		sysctl(off[i], "0");
	sysctl("/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal", "1");
	snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", w->s0[0], w->s0[1], w->s0[2], w->s0[3], w->s0[4],
		w->s0[5]);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *const argv[] = {"ip", v6 ? "-6" : "-4", "neigh", "replace", v6 ? "fd00:2::2" : "10.2.0.2", "lladdr", text,
			"nud", "permanent", "dev", "s1", NULL};

		assert_int_equal(lab_run(&lab, LAB_ROUTER, NULL, argv), 0);
	}
	router("-4", "route", "replace", "unicast", "0.0.0.0/0");
	router("-6", "route", "replace", "unicast", "::/0");
	for (unsigned i = 0; i < MACS; i++)
		w->senders[i] = (struct bh_mac){{2, 0, 0, 0, 7, (uint8_t)i}};
}

/* every connection the kernel knows is forgotten */
static void forget(void)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} q = {.h = {.nlmsg_len = sizeof q, .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	char answer[256];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, &q, sizeof q, 0, (struct sockaddr *)&kernel, sizeof kernel), sizeof q);
	assert_true(recv(fd, answer, sizeof answer, 0) > 0);
	close(fd);
}

/* ---- packets ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)(p[n - 1] << 8);
	return sum;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* an IP packet of len bytes behind the header; its payload is there already. Returns its size */
static size_t put_ip(uint8_t *p, uint8_t fam, const struct bh_addr *src, const struct bh_addr *dst, uint8_t proto, size_t len,
	uint32_t id, int check_at)
{
	size_t head = fam == 4 ? 20 : 40, alen = fam == 4 ? 4 : 16;
	uint32_t sum;

	memset(p, 0, head);
	if (fam == 4) {
		p[0] = 0x45;
		put16(p + 2, (uint32_t)(head + len));
		put16(p + 4, id);
		p[8] = 64;
		p[9] = proto;
	} else {
		p[0] = 0x60;
		p[1] = (uint8_t)(id >> 16 & 15);
		put16(p + 2, id);
		put16(p + 4, (uint32_t)len);
		p[6] = proto;
		p[7] = 64;
	}
	memcpy(p + (fam == 4 ? 12 : 8), src->b + 16 - alen, alen);
	memcpy(p + (fam == 4 ? 16 : 24), dst->b + 16 - alen, alen);
	if (fam == 4)
		put16(p + 10, folded(sum16(0, p, 20)));
	if (check_at < 0)
		return head + len;
	put16(p + head + check_at, 0);
	sum = sum16(0, p + head, len);
	if (proto != 1) { /* everything but ICMP of version 4 counts the addresses in */
		sum = sum16(sum, src->b + 16 - alen, alen);
		sum = sum16(sum, dst->b + 16 - alen, alen);
		sum += (uint32_t)len + proto;
	}
	put16(p + head + check_at, folded(sum));
	return head + len;
}

static size_t put_packet(uint8_t *p, const struct conn *c, bool reply, uint8_t tcp_flags, uint32_t id)
{
	uint8_t *q = p + (c->fam == 4 ? 20 : 40);
	int check_at = -1;
	size_t len = 8;

	memset(q, 0, 20);
	put16(q, reply ? c->dport : c->sport);
	put16(q + 2, reply ? c->sport : c->dport);
	if (c->proto == 6) {
		q[7] = q[11] = 1;
		q[12] = 0x50;
		q[13] = tcp_flags;
		put16(q + 14, 8192);
		len = 20;
		check_at = 16;
	} else if (c->proto == 17) {
		put16(q + 4, 8);
		check_at = 6;
	} else if (c->proto == 1 || c->proto == 58) {
		memset(q, 0, 8);
		q[0] = c->proto == 1 ? (reply ? 0 : 8) : reply ? 129 : 128;
		put16(q + 4, c->sport);
		check_at = 2;
	}
	return put_ip(p, c->fam, reply ? &c->dst : &c->src, reply ? &c->src : &c->dst, c->proto, len, id, check_at);
}

/* whom it was sent to says it cannot be reached there */
static size_t put_error(uint8_t *p, const struct conn *c, uint32_t id)
{
	size_t head = c->fam == 4 ? 20 : 40, len;
	uint8_t *q = p + head;

	len = 8 + put_packet(q + 8, c, false, c->syn ? 2 : 16, 0);
	memset(q, 0, 8);
	q[0] = c->fam == 4 ? 3 : 1;
	q[1] = c->fam == 4 ? 3 : 4;
	return put_ip(p, c->fam, &c->dst, &c->src, c->fam == 4 ? 1 : 58, len, id, 2);
}

/* ---- the law, the cuts, the connections ---- */

static bool law_of(struct run *r, struct bh_plan *ret, uint32_t generation)
{
	static char buf[1 << 17];
	struct bh_policy *p = NULL;
	struct bh_diags d = {0};
	int x = 1;

	for (int tries = 0; tries < 20 && x; tries++) {
		struct bh_text t = bh_text(buf, sizeof buf);

		generate(&t, &r->s);
		x = bh_policy_load(buf, t.len, "random", &d, &p);
		if (x == 0)
			x = bh_plan_compile(p, generation, ret);
		if (p)
			bh_policy_free(p);
		p = NULL;
		bh_diags_fini(&d);
	}
	if (x)
		return false;
	ret->mode = (uint8_t)(below(&r->s, 6) ? BH_MODE_AUTO : BH_MODE_OBSERVE);
	ret->max_cuts = 1000;
	ret->max_ttl = BH_HOUR(24);
	return true;
}

static struct bh_addr of_number(bh_u128 v)
{
	struct bh_addr a;

	for (int i = 15; i >= 0; i--, v >>= 8)
		a.b[i] = (uint8_t)v;
	return a;
}

/* few addresses of a prefix, so that they meet; its ends among them */
static struct bh_addr of_prefix(struct run *r, const struct bh_prefix *p)
{
	struct bh_box b = bh_box_of(bh_prefix_is4(p) ? 4 : 6, p, NULL, 0, 0, 0);
	bh_u128 size = b.shi - b.slo, at = below(&r->s, 6) + 256u * below(&r->s, 3);

	if (below(&r->s, 8) == 0)
		return of_number(below(&r->s, 2) ? b.shi : b.slo);
	return of_number(b.slo + (at < size ? at : size));
}

static struct bh_addr of_zone(struct run *r, uint16_t zone, bool v4)
{
	const struct bh_prefixes *nets = &r->plan.zones[zone].nets;

	for (int tries = 0; tries < 20; tries++) {
		const struct bh_prefix *p = &nets->v[below(&r->s, (unsigned)nets->n)];

		if (bh_prefix_is4(p) == v4)
			return of_prefix(r, p);
	}
	return of_number(v4 ? ((bh_u128)0xffff << 32) + 0x0a090001 : (bh_u128)0xfd000009 << 96);
}

static struct bh_box box_of(const struct conn *c)
{
	struct bh_prefix s = {c->src, 128}, d = {c->dst, 128};
	struct bh_box b = bh_box_of(c->fam, &s, &d, c->proto, c->dport, c->dport);

	b.splo = b.sphi = c->sport;
	b.dplo = b.dphi = c->dport;
	if (c->proto == 1 || c->proto == 58)
		b.dplo = b.dphi = c->proto == 1 ? 8 << 8 : 128 << 8;
	return b;
}

/* routed to the server, which does not take it for its own and answer; not from the router's own addresses */
static bool sendable(const struct conn *c)
{
	static const char *const not_to[] = {"10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64", "fd00:2::/64", "224.0.0.0/3", "0.0.0.0/8",
		"127.0.0.0/8", "ff00::/8", "fe80::/10", "::/16", "10.3.0.2/32", "fd00:3::2/128"};
	static const char *const not_from[] = {"10.1.0.0/24", "10.2.0.0/24", "fd00:1::/64", "fd00:2::/64", "224.0.0.0/3", "0.0.0.0/8",
		"127.0.0.0/8", "ff00::/8", "fe80::/10", "::/16", "10.1.0.1/32", "10.3.0.2/32", "fd00:3::2/128"};
	struct bh_prefix p;

	for (size_t i = 0; i < BH_COUNT(not_to); i++)
		if (bh_prefix_parse(not_to[i], strlen(not_to[i]), &p) == 0 && bh_prefix_is4(&p) == (c->fam == 4) &&
			bh_prefix_has(&p, &c->dst))
			return false;
	for (size_t i = 0; i < BH_COUNT(not_from); i++)
		if (bh_prefix_parse(not_from[i], strlen(not_from[i]), &p) == 0 && bh_prefix_is4(&p) == (c->fam == 4) &&
			bh_prefix_has(&p, &c->src))
			return false;
	return memcmp(&c->src, &c->dst, sizeof c->src) != 0;
}

static void some_port(struct run *r, struct conn *c, uint16_t lo, uint16_t hi)
{
	unsigned which = below(&r->s, 6);
	uint16_t p = which == 0 ? lo : which == 1 ? hi : which == 2 ? (uint16_t)(lo - 1) : which == 3 ? (uint16_t)(hi + 1)
						      : (uint16_t)(lo + below(&r->s, 1u + hi - lo));

	c->dport = p ? p : 1;
}

static void from_law(struct run *r, struct conn *c)
{
	const struct bh_plan *l = &r->plan;
	unsigned which = below(&r->s, 10);

	c->proto = (uint8_t[]){6, 6, 17, 17, 1, 99}[below(&r->s, 6)];
	c->dport = (uint16_t)(1 + below(&r->s, 1100));
	if (which < 5 && l->n_permits) {
		const struct bh_permit *p = &l->permits[below(&r->s, (unsigned)l->n_permits)];

		c->src = p->src.bits ? of_prefix(r, &p->src) : of_zone(r, p->from, bh_prefix_is4(&p->dst));
		c->dst = of_prefix(r, &p->dst);
		c->proto = p->proto ? p->proto : c->proto;
		some_port(r, c, p->lo, p->hi);
	} else if (which < 8 && l->n_pins) {
		const struct bh_plan_pin *p = &l->pins[below(&r->s, (unsigned)l->n_pins)];

		c->src = of_prefix(r, &p->from);
		c->dst = of_prefix(r, &p->to);
		c->proto = p->proto ? p->proto : c->proto;
		some_port(r, c, p->lo, p->hi);
	} else if (which < 9 && l->n_remedies) {
		const struct bh_plan_remedy *p = &l->remedies[below(&r->s, (unsigned)l->n_remedies)];

		c->dst = of_prefix(r, &p->to);
		c->src = of_zone(r, (uint16_t)below(&r->s, (unsigned)l->n_zones), bh_prefix_is4(&p->to));
		c->proto = p->proto ? p->proto : c->proto;
		some_port(r, c, p->lo, p->hi);
	} else {
		bool v4 = below(&r->s, 2);

		c->src = of_zone(r, (uint16_t)below(&r->s, (unsigned)l->n_zones), v4);
		c->dst = of_zone(r, (uint16_t)below(&r->s, (unsigned)l->n_zones), v4);
	}
}

static void make_connections(struct run *r, size_t n)
{
	for (r->n = 0; r->n < n;) {
		struct conn *c = &r->c[r->n];
		struct bh_prefix p;

		memset(c, 0, sizeof *c);
		from_law(r, c);
		p = (struct bh_prefix){c->dst, 128};
		c->fam = bh_prefix_is4(&p) ? 4 : 6;
		if (c->fam == 6 && c->proto == 1)
			c->proto = 58;
		if (!sendable(c))
			continue;
		c->sport = (uint16_t)(1024 + (r->n * 13 + below(&r->s, 13)) % 64000);
		c->syn = c->proto == 6 && below(&r->s, 4);
		c->mac = (uint8_t)below(&r->s, MACS);
		if (c->proto == 1 || c->proto == 58)
			c->dport = 0;
		if (c->proto == 99)
			c->sport = c->dport = 0;
		c->box = box_of(c);
		r->n++;
	}
	for (size_t i = r->n; i-- > 1;) { /* one protocol without ports and the same ends are one connection */
		struct conn *c = &r->c[i];

		for (size_t k = 0; c->proto == 99 && k < i; k++)
			if (r->c[k].proto == 99 && (!memcmp(&r->c[k].src, &c->src, 16) || !memcmp(&r->c[k].src, &c->dst, 16))) {
				r->c[i] = r->c[--r->n];
				break;
			}
	}
}

static void try_cut(struct run *r, const struct bh_cut *c, size_t n)
{
	struct bh_refused refused;
	int x = bh_enforcer_cut(r->e, c, n, &refused);

	if (x < 0) /* 1: the guard knows better */
		fail_msg("seed %llu: cut: %s", (unsigned long long)r->seed, bh_enforcer_why(r->e));
}

static struct bh_prefix net_of(const struct bh_addr *a, uint8_t fam)
{
	struct bh_prefix p = {*a, (uint8_t)(fam == 4 ? 120 : 112)};

	for (unsigned i = p.bits; i < 128; i++)
		p.net.b[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	return p;
}

static void put_cuts(struct run *r, unsigned n, bool isolate_only)
{
	for (unsigned i = 0; i < n; i++) {
		const struct conn *c = &r->c[below(&r->s, (unsigned)r->n)];
		const struct bh_addr *host = below(&r->s, 2) ? &c->src : &c->dst;
		struct bh_cut cut[2] = {{.order = i + 1, .ttl = BH_SEC(600), .because = "test"}};
		unsigned kind = isolate_only ? below(&r->s, 3) : below(&r->s, 7);
		size_t many = 1;

		cut[0].kind = BH_CUT_ISOLATE;
		cut[0].what = BH_CUT_ADDR;
		cut[0].net = (struct bh_prefix){*host, 128};
		if (kind == 1 && i % 4 == 0) {
			cut[0].what = BH_CUT_MAC;
			cut[0].mac = r->w.senders[below(&r->s, 2)];
			cut[0].net = (struct bh_prefix){0};
		} else if (kind == 2) {
			cut[0].what = BH_CUT_NET;
			cut[0].net = net_of(host, c->fam);
		} else if (kind == 3) {
			cut[0].kind = BH_CUT_SHIELD;
			cut[0].net.net = c->src;
		} else if (kind == 4) {
			cut[0].kind = BH_CUT_CONTAIN;
			cut[0].net.net = c->src;
		} else if (kind == 5 && i % 3 == 0) {
			cut[0].kind = BH_CUT_ISLAND;
			cut[0].what = BH_CUT_NET;
			cut[0].net = net_of(&c->src, c->fam);
			cut[1] = cut[0];
			cut[1].net = net_of(&c->dst, c->fam);
			many = 2;
		} else if (kind == 6 && (c->proto == 6 || c->proto == 17)) {
			cut[0].kind = BH_CUT_KILL;
			cut[0].what = BH_CUT_FLOW;
			cut[0].net.net = c->src;
			cut[0].peer = (struct bh_prefix){c->dst, 128};
			cut[0].sport = c->sport;
			cut[0].dport = c->dport;
			cut[0].proto = c->proto;
		}
		try_cut(r, cut, many);
	}
}

static void read_model(struct run *r)
{
	bh_model_free(r->m);
	r->m = NULL;
	if (bh_enforcer_model(r->e, &r->m) || bh_model_freeze(r->m))
		fail_msg("seed %llu: the listing: %s %s", (unsigned long long)r->seed, bh_enforcer_why(r->e),
			r->m ? bh_model_why(r->m) : "");
}

/* ---- sending, looking, comparing ---- */

static void look(struct run *r, enum kind kind)
{
	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof from;
		uint8_t p[256];
		ssize_t n = recvfrom(r->w.server, p, sizeof p, 0, (struct sockaddr *)&from, &from_len);
		const uint8_t *ip = p + 14;
		const struct conn *c;
		const struct bh_addr *src;
		uint32_t id;
		bool v4;

		if (n < 0)
			return;
		v4 = n >= 34 && p[12] == 8 && p[13] == 0;
		if (from.sll_pkttype == PACKET_OUTGOING || (!v4 && (n < 54 || p[12] != 0x86 || p[13] != 0xdd)))
			continue;
		id = v4 ? (uint32_t)(ip[4] << 8 | ip[5]) : (uint32_t)((ip[1] & 15) << 16 | ip[2] << 8 | ip[3]);
		if (id == 0 || id > r->n)
			continue;
		c = &r->c[id - 1];
		src = kind == ANSWER || kind == ERROR ? &c->dst : &c->src;
		if ((c->fam == 4) == v4 && !memcmp(ip + (v4 ? 12 : 8), src->b + (v4 ? 12 : 0), v4 ? 4 : 16))
			r->seen[id - 1] = 1;
	}
}

static void send_one(struct run *r, size_t i, enum kind kind)
{
	const struct conn *c = &r->c[i];
	bool back = kind == ANSWER || kind == ERROR;
	uint8_t p[256];
	size_t n;

	memcpy(p, back ? r->w.s1 : r->w.c1, 6);
	memcpy(p + 6, back ? r->w.s0 : r->w.senders[c->mac].b, 6);
	put16(p + 12, c->fam == 4 ? 0x0800 : 0x86dd);
	if (kind == ERROR)
		n = put_error(p + 14, c, (uint32_t)i + 1);
	else
		n = put_packet(p + 14, c, back, kind == FIRST && c->syn ? 2 : kind == ANSWER && c->syn ? 18 : 16, (uint32_t)i + 1);
	if (send(back ? r->w.server : r->w.client, p, 14 + n, 0) < 0)
		fail_msg("sending: %m");
}

static struct bh_scenario scenario(const struct run *r, const struct conn *c, enum kind kind, struct bh_mac *s0)
{
	struct bh_scenario sc = {.hook = BH_HOOK_FORWARD, .limits = BH_MAYBE, .trial = BH_MAYBE, .mac = &r->w.senders[c->mac]};

	sc.state = kind == FIRST ? BH_CT_NEW : kind == ERROR ? BH_CT_RELATED : BH_CT_ESTABLISHED;
	sc.reply = kind == ANSWER || kind == ERROR;
	sc.icmp_error = kind == ERROR;
	sc.stamped = kind != FIRST && c->stamped ? BH_YES : BH_NO;
	sc.syn = c->syn && (kind == FIRST || kind == ANSWER) ? BH_YES : BH_NO;
	if (sc.reply) {
		memcpy(s0->b, r->w.s0, 6);
		sc.mac = s0;
	}
	return sc;
}

static void compare_all(struct run *r, enum kind kind, bool remember)
{
	for (size_t i = 0; i < r->n; i++) {
		struct conn *c = &r->c[i];
		struct bh_mac s0;
		struct bh_scenario sc = scenario(r, c, kind, &s0);
		struct bh_point at;
		char box[BH_BOX_TEXT];
		bool want;

		if (kind != FIRST && !c->accepted)
			continue;
		if (kind == ERROR && (c->proto == 99 || c->proto == 1 || c->proto == 58))
			continue;
		if (bh_model_point(r->m, &sc, &c->box, &at))
			fail_msg("seed %llu: point: %s", (unsigned long long)r->seed, bh_model_why(r->m));
		want = at.verdict == BH_YES;
		r->uncertain += at.verdict == BH_MAYBE;
		r->compared[kind] += at.verdict != BH_MAYBE;
		r->passed[kind] += r->seen[i];
		if (at.verdict != BH_MAYBE && want != (bool)r->seen[i] && r->wrong++ < 5)
			print_error("seed %llu: %s, kind %d, syn %d, stamped %d, mac %u: the kernel %s it, the evaluator says %s rule %u "
				    "set %s %s\n",
				(unsigned long long)r->seed, bh_box_print(&c->box, box), kind, c->syn, c->stamped, c->mac,
				r->seen[i] ? "passes" : "drops", at.chain, at.rule, at.set, at.element);
		if (remember) {
			c->accepted = r->seen[i];
			c->stamped = r->seen[i] && at.stamped;
		} else if (r->seen[i] && at.stamped) {
			c->stamped = true;
		}
	}
}

static void send_all(struct run *r, enum kind kind)
{
	memset(r->seen, 0, r->n);
	for (size_t i = 0; i < r->n; i++) {
		if ((kind == FIRST || r->c[i].accepted) &&
			(kind != ERROR || r->c[i].proto == 6 || r->c[i].proto == 17))
			send_one(r, i, kind);
		if (i % 64 == 63) {
			look(r, kind);
			lab_sleep_ms(i % 512 == 511);
		}
	}
	for (int i = 0; i < 6; i++) {
		lab_sleep_ms(5);
		look(r, kind);
	}
	compare_all(r, kind, kind == FIRST);
}

/* a law, its cuts, a batch of connections */
static bool round_of(struct run *r, uint32_t generation)
{
	struct bh_plan other;
	int x;

	if (!law_of(r, &r->plan, generation))
		return false;
	x = bh_enforcer_apply(r->e, &r->plan);
	if (x)
		fail_msg("seed %llu: apply: %d %s", (unsigned long long)r->seed, x, bh_enforcer_why(r->e));
	if (below(&r->s, 4) == 0 && law_of(r, &other, generation)) {
		x = bh_enforcer_trial(r->e, &other, BH_HOUR(1));
		if (x)
			fail_msg("seed %llu: trial: %d %s", (unsigned long long)r->seed, x, bh_enforcer_why(r->e));
		bh_plan_fini(&other);
	}
	forget();
	make_connections(r, BATCH);
	put_cuts(r, 24, false);
	read_model(r);
	send_all(r, FIRST);
	send_all(r, ANSWER);
	send_all(r, LATER);
	send_all(r, ERROR);
	put_cuts(r, 12, true);
	read_model(r);
	send_all(r, LATER);
	send_all(r, ANSWER);
	send_all(r, ERROR);
	bh_plan_fini(&r->plan);
	return true;
}

static void the_kernel_does_with_every_packet_what_the_evaluator_says(void **state)
{
	const char *seed = getenv("BH_SEED"), *wanted = getenv("BH_FLOWS");
	uint64_t flows = wanted ? strtoull(wanted, NULL, 10) : 64000, start = lab_now_us();
	struct run r = {0};

	if (seed)
		r.seed = strtoull(seed, NULL, 10);
	else
		assert_int_equal(getrandom(&r.seed, sizeof r.seed, 0), sizeof r.seed);
	r.s = r.seed ? r.seed : 1;
	print_message("# BH_SEED=%llu\n", (unsigned long long)r.seed);
	r.c = calloc(BATCH, sizeof *r.c);
	r.seen = calloc(BATCH, 1);
	assert_non_null(r.c);
	assert_non_null(r.seen);
	wire_up(&r.w);
	assert_int_equal(bh_enforcer_open(&r.e), 0);
	for (uint32_t i = 0; i < 60 && r.compared[FIRST] < flows; i++)
		assert_true(round_of(&r, i + 1));
	print_message("# %llu connections, %llu passed; %llu answers, %llu later packets, %llu errors; %llu uncertain, %llu wrong; "
		      "%.1f s; BH_SEED=%llu\n",
		(unsigned long long)r.compared[FIRST], (unsigned long long)r.passed[FIRST], (unsigned long long)r.compared[ANSWER],
		(unsigned long long)r.compared[LATER], (unsigned long long)r.compared[ERROR], (unsigned long long)r.uncertain,
		(unsigned long long)r.wrong, (double)(lab_now_us() - start) / 1e6, (unsigned long long)r.seed);
	assert_int_equal(r.wrong, 0);
	assert_true(r.compared[FIRST] >= flows);
	assert_true(r.passed[FIRST] > flows / 20 && r.passed[FIRST] < r.compared[FIRST]);
	assert_true(r.compared[ANSWER] > flows / 20 && r.compared[ERROR] > flows / 50);
	disarm(r.e);
	bh_model_free(r.m);
	close(r.w.client);
	close(r.w.server);
	free(r.c);
	free(r.seen);
}

/* ---- what the proof found, on the kernel ---- */

#define TWO_ZONES                                                                                                      \
	"plan generation=%s mode=auto policy=\"x\"\nlimit cuts=9 ttl=24h\nconduit c\nzone a critical=0 "                 \
	"10.16.0.0/16\nzone b critical=0 10.17.0.0/16\npermit a > 10.17.0.0/16 icmp conduit=c\n"

static void one_connection(struct run *r, const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
	struct bh_prefix s, d;

	memset(r, 0, sizeof *r);
	r->c = calloc(1, sizeof *r->c);
	r->seen = calloc(1, 1);
	assert_true(r->c && r->seen);
	assert_int_equal(bh_prefix_parse(src, strlen(src), &s), 0);
	assert_int_equal(bh_prefix_parse(dst, strlen(dst), &d), 0);
	*r->c = (struct conn){.src = s.net, .dst = d.net, .fam = 4, .proto = proto, .syn = proto == 6, .sport = 40000, .dport = dport};
	r->n = 1;
	wire_up(&r->w);
	forget();
}

static void close_run(struct run *r)
{
	close(r->w.client);
	close(r->w.server);
	free(r->c);
	free(r->seen);
}

static bool arrives(struct run *r, enum kind kind)
{
	r->seen[0] = 0;
	send_one(r, 0, kind);
	for (int i = 0; i < 20 && !r->seen[0]; i++) {
		lab_sleep_ms(5);
		look(r, kind);
	}
	return r->seen[0];
}

static void an_error_about_a_connection_no_longer_permitted_does_not_revive_it(void **state)
{
	char text[1024];
	struct bh_enforcer *e;
	struct run r;

	snprintf(text, sizeof text, TWO_ZONES "permit a > 10.17.0.0/16 tcp/80 conduit=c\n", "7");
	e = armed(text);
	one_connection(&r, "10.16.0.5", "10.17.0.5", 6, 80);
	assert_true(arrives(&r, FIRST));
	assert_true(arrives(&r, ANSWER));
	assert_true(arrives(&r, LATER));
	assert_true(arrives(&r, ERROR));
	snprintf(text, sizeof text, TWO_ZONES, "8");
	apply(e, text);
	assert_false(arrives(&r, LATER));
	assert_false(arrives(&r, ERROR));
	assert_false(arrives(&r, LATER));
	close_run(&r);
	disarm(e);
}

static void who_offers_a_remedy_and_is_isolated_answers_nobody(void **state)
{
	char text[1024];
	struct bh_enforcer *e;
	struct run r;

	snprintf(text, sizeof text, TWO_ZONES "permit a > 10.17.0.0/16 udp/53 conduit=c\nremedy 10.17.0.53 udp/53\n", "7");
	e = armed(text);
	one_connection(&r, "10.16.0.5", "10.17.0.53", 17, 53);
	assert_true(arrives(&r, FIRST));
	assert_true(arrives(&r, ANSWER));
	cut(e, "cut isolate 10.16.0.5 ttl=1h order=1");
	assert_true(arrives(&r, LATER)); /* who asks for a remedy is answered */
	assert_true(arrives(&r, ANSWER));
	release(e, "cut isolate 10.16.0.5 ttl=1h order=1");
	cut(e, "cut isolate 10.17.0.53 ttl=1h order=2");
	assert_false(arrives(&r, ANSWER));
	assert_false(arrives(&r, LATER));
	close_run(&r);
	disarm(e);
}

static void what_the_kernel_lists_is_what_was_compiled(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct bh_plan plan = plan_of(law_text);
	struct bh_model *kernel, *ours;

	cut(e, "cut isolate 10.1.0.77 ttl=1h order=12 because=smb.ransom");
	assert_int_equal(bh_enforcer_model(e, &kernel), 0);
	assert_int_equal(bh_enforce_model(&plan, &ours), 0);
	assert_int_equal(bh_model_freeze(kernel), 0);
	assert_int_equal(bh_model_freeze(ours), 0);
	assert_true(bh_model_digest(kernel) == bh_model_digest(ours));
	assert_int_equal(bh_model_size(kernel).elements, bh_model_size(ours).elements + 1);
	bh_model_free(kernel);
	bh_model_free(ours);
	bh_plan_fini(&plan);
	disarm(e);
}

static void a_foreign_rule_is_undone_and_told_by_the_theorem_it_broke(void **state)
{
	struct bh_enforcer *e = armed(law_text);
	struct bh_drift d = {0};

	assert_int_equal(lab_nft(&lab, "insert rule inet bulkhead fwd4_g7 ip daddr 10.2.0.2 accept", NULL), 0);
	assert_int_equal(bh_enforcer_watch(e, &d), 1);
	assert_true(d.repaired);
	if (!strstr(d.text, "rules changed; broke no-more"))
		fail_msg("%s", d.text);
	assert_int_equal(lab_nft(&lab, "insert rule inet bulkhead fwd4_g8 quota over 5 mbytes accept", NULL), 0);
	assert_int_equal(bh_enforcer_watch(e, &d), 1);
	assert_true(d.repaired);
	if (!strstr(d.text, "broke the proof"))
		fail_msg("%s", d.text);
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_about_a_connection_no_longer_permitted_does_not_revive_it),
		cmocka_unit_test(who_offers_a_remedy_and_is_isolated_answers_nobody),
		cmocka_unit_test(what_the_kernel_lists_is_what_was_compiled),
		cmocka_unit_test(a_foreign_rule_is_undone_and_told_by_the_theorem_it_broke),
		cmocka_unit_test(the_kernel_does_with_every_packet_what_the_evaluator_says),
	};

	return enforce_main(tests, BH_COUNT(tests));
}
