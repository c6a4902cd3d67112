/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections as conntrack knows them now: what a person is shown before they are cut. Read only; the kernel keeps packets
 * and bytes only where nf_conntrack_acct is on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "enforcer.h"

#define FLOWS_MAX 65536u

struct flows {
	const struct bh_cut *cuts;
	size_t n_cuts;
	struct bh_ct_flow *v;
	size_t n, cap;
	uint64_t left_out;
};

static uint64_t number(const struct nlattr *a)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	uint64_t v = 0;

	for (unsigned i = 0; i < mnl_attr_get_payload_len(a) && i < 8; i++) /* the kernel sends these in network order */
		v = v << 8 | p[i];
	return v;
}

static void read_ip(const struct nlattr *nest, struct bh_ct_flow *f)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		uint16_t type = mnl_attr_get_type(a);
		bool v6 = type == CTA_IP_V6_SRC || type == CTA_IP_V6_DST;
		struct bh_addr *to = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC ? &f->src : &f->dst;

		if (type < CTA_IP_V4_SRC || type > CTA_IP_V6_DST || mnl_attr_get_payload_len(a) != (v6 ? 16 : 4))
			continue;
		*to = v6 ? bh_addr_v6(mnl_attr_get_payload(a)) : bh_addr_v4(mnl_attr_get_payload(a));
	}
}

static void read_tuple(const struct nlattr *tuple, struct bh_ct_flow *f)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, tuple)
	{
		if (mnl_attr_get_type(a) == CTA_TUPLE_IP)
			read_ip(a, f);
		if (mnl_attr_get_type(a) != CTA_TUPLE_PROTO)
			continue;
		mnl_attr_for_each_nested(b, a)
		{
			if (mnl_attr_get_type(b) == CTA_PROTO_NUM)
				f->proto = (uint8_t)number(b);
			else if (mnl_attr_get_type(b) == CTA_PROTO_SRC_PORT)
				f->sport = (uint16_t)number(b);
			else if (mnl_attr_get_type(b) == CTA_PROTO_DST_PORT)
				f->dport = (uint16_t)number(b);
		}
	}
}

static void read_counters(const struct nlattr *nest, struct bh_ct_flow *f)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, nest)
	{
		if (mnl_attr_get_type(a) == CTA_COUNTERS_PACKETS)
			f->packets += number(a);
		else if (mnl_attr_get_type(a) == CTA_COUNTERS_BYTES)
			f->bytes += number(a);
	}
}

static void read_state(const struct nlattr *nest, struct bh_ct_flow *f)
{
	const struct nlattr *tcp, *a;

	mnl_attr_for_each_nested(tcp, nest)
	{
		if (mnl_attr_get_type(tcp) != CTA_PROTOINFO_TCP)
			continue;
		mnl_attr_for_each_nested(a, tcp)
		{
			uint64_t state = mnl_attr_get_type(a) == CTA_PROTOINFO_TCP_STATE ? number(a) : 0;

			f->closed |= state == TCP_CONNTRACK_LAST_ACK || state == TCP_CONNTRACK_TIME_WAIT || state == TCP_CONNTRACK_CLOSE;
		}
	}
}

static bool wanted(const struct flows *l, const struct bh_ct_flow *f)
{
	for (size_t i = 0; i < l->n_cuts; i++)
		if (l->cuts[i].what != BH_CUT_MAC && (bh_prefix_has(&l->cuts[i].net, &f->src) || bh_prefix_has(&l->cuts[i].net, &f->dst)))
			return true;
	return l->n_cuts == 0;
}

static int each(const struct nlmsghdr *h, void *ctx)
{
	struct bh_ct_flow f = {0}, *v;
	struct flows *l = ctx;
	const struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(h) < sizeof(struct nfgenmsg))
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(a);

		if (type == CTA_TUPLE_ORIG)
			read_tuple(a, &f);
		else if (type == CTA_COUNTERS_ORIG || type == CTA_COUNTERS_REPLY)
			read_counters(a, &f);
		else if (type == CTA_PROTOINFO)
			read_state(a, &f);
		else if (type == CTA_STATUS)
			f.answered = number(a) & IPS_SEEN_REPLY;
	}
	if (bh_addr_none(&f.src) || bh_addr_none(&f.dst) || !wanted(l, &f))
		return 0;
	if (l->n == FLOWS_MAX) {
		l->left_out++;
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;

		v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = f;
	return 0;
}

static int dump(struct bh_enforcer *e, uint8_t family, struct flows *l)
{
	char buf[128];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;
	int r;

	h->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	h->nlmsg_seq = e->nl.seq++;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	memset(g, 0, sizeof *g);
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	r = bh_nl_ask(&e->nl, h, each, l);
	return r == -EINTR ? 0 : r; /* connections come and go under every dump */
}

int bh_enforcer_flows(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, struct bh_ct_flow **ret_flows, size_t *ret_n, uint64_t *ret_left_out)
{
	struct flows l = {.cuts = cuts, .n_cuts = n};
	int r = dump(e, AF_INET, &l);

	if (r == 0)
		r = dump(e, AF_INET6, &l);
	if (r < 0) {
		free(l.v);
		snprintf(e->why, sizeof e->why, "connection table: %s%s", strerror(-r), bh_nl_hint(r));
		return r;
	}
	*ret_flows = l.v;
	*ret_n = l.n;
	*ret_left_out = l.left_out;
	return 0;
}

/* ---- one line each ---- */
size_t bh_ct_flow_print(const struct bh_ct_flow *f, char buf[BH_CT_FLOW_TEXT])
{
	struct bh_text t = bh_text(buf, BH_CT_FLOW_TEXT);
	char s[BH_ADDR_TEXT], d[BH_ADDR_TEXT];

	bh_putf(&t, "flow %u %s %u > %s %u packets=%llu bytes=%llu answered=%d closed=%d", f->proto, bh_addr_print(&f->src, s), f->sport, bh_addr_print(&f->dst, d), f->dport,
		(unsigned long long)f->packets, (unsigned long long)f->bytes, f->answered, f->closed);
	return t.len;
}

static int keyed(const char **at, const char *end, const char *key, uint64_t max, uint64_t *ret)
{
	size_t n = strlen(key);
	struct bh_word w;

	if (bh_word_next(at, end, &w) || w.len <= n || memcmp(w.p, key, n))
		return 1;
	return bh_word_u64((struct bh_word){w.p + n, w.len - n}, max, ret);
}

static int end_of(const char **at, const char *end, struct bh_addr *ret_addr, uint16_t *ret_port)
{
	struct bh_word w;
	uint64_t port;

	if (bh_word_next(at, end, &w) || bh_addr_parse(w.p, w.len, ret_addr) || bh_word_next(at, end, &w) || bh_word_u64(w, 65535, &port))
		return 1;
	*ret_port = (uint16_t)port;
	return 0;
}

int bh_ct_flow_parse(const char *line, size_t len, struct bh_ct_flow *ret_flow)
{
	const char *at = line, *end = line + len;
	struct bh_ct_flow f = {0};
	uint64_t proto, answered, closed;
	struct bh_word w;

	if (bh_word_next(&at, end, &w) || !bh_word_is(w, "flow") || bh_word_next(&at, end, &w) || bh_word_u64(w, 255, &proto) || end_of(&at, end, &f.src, &f.sport) ||
		bh_word_next(&at, end, &w) || !bh_word_is(w, ">") || end_of(&at, end, &f.dst, &f.dport) || keyed(&at, end, "packets=", UINT64_MAX, &f.packets) ||
		keyed(&at, end, "bytes=", UINT64_MAX, &f.bytes) || keyed(&at, end, "answered=", 1, &answered) || keyed(&at, end, "closed=", 1, &closed) || bh_word_next(&at, end, &w) != 1)
		return 1;
	f.proto = (uint8_t)proto;
	f.answered = answered == 1;
	f.closed = closed == 1;
	*ret_flow = f;
	return 0;
}
