/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this kernel can do, asked by transactions that are never finished: it checks everything and
 * keeps nothing. */
#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include "enforcer.h"

#define PROBE "bh_probe"

struct probe {
	struct batch *b;
	uint16_t family;
	bool bad;
};

static struct nlmsghdr *msg(struct probe *p, uint16_t type, uint16_t flags, const char *kind)
{
	struct nlmsghdr *h = bh_batch_msg(p->b, type, flags | NLM_F_CREATE, kind, PROBE);

	if (h) {
		struct nfgenmsg *g = mnl_nlmsg_get_payload(h);

		g->nfgen_family = (uint8_t)p->family;
	}
	return h;
}

static void table(struct probe *p, uint32_t flags)
{
	struct nlmsghdr *h = msg(p, NFT_MSG_NEWTABLE, 0, "table");

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, PROBE);
	if (flags)
		mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(flags));
	bh_batch_msg_end(p->b, h);
}

static void chain(struct probe *p)
{
	struct nlmsghdr *h = msg(p, NFT_MSG_NEWCHAIN, 0, "chain");
	struct nlattr *hook;

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, PROBE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, PROBE);
	hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(h, NFTA_HOOK_HOOKNUM, htonl(NF_INET_FORWARD));
	mnl_attr_put_u32(h, NFTA_HOOK_PRIORITY, htonl(0));
	mnl_attr_nest_end(h, hook);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
	bh_batch_msg_end(p->b, h);
}

static void set(struct probe *p, uint32_t flags, bool concat, bool counted)
{
	static const uint8_t fields[] = {4, 2};
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_expr *c = counted ? nftnl_expr_alloc("counter") : NULL;
	struct nlmsghdr *h = s ? msg(p, NFT_MSG_NEWSET, 0, "set") : NULL;

	if (!h) {
		p->bad = true;
	} else {
		nftnl_set_set_str(s, NFTNL_SET_TABLE, PROBE);
		nftnl_set_set_str(s, NFTNL_SET_NAME, PROBE);
		nftnl_set_set_u32(s, NFTNL_SET_ID, 1);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, concat ? 7 << 6 | 13 : 7);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, concat ? 8 : 4);
		nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
		if (concat)
			nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, fields, sizeof fields);
		if (c)
			nftnl_set_add_expr(s, c);
		c = NULL;
		nftnl_set_nlmsg_build_payload(h, s);
		bh_batch_msg_end(p->b, h);
	}
	if (c)
		nftnl_expr_free(c);
	if (s)
		nftnl_set_free(s);
}

/* a rule of the given expression, made by fill */
static void rule(struct probe *p, const char *name, void (*fill)(struct nftnl_expr *e))
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nftnl_expr *e = nftnl_expr_alloc(name);
	struct nlmsghdr *h = r && e ? msg(p, NFT_MSG_NEWRULE, NLM_F_APPEND, "rule") : NULL;

	if (!h) {
		p->bad = true;
	} else {
		nftnl_rule_set_str(r, NFTNL_RULE_TABLE, PROBE);
		nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, PROBE);
		fill(e);
		nftnl_rule_add_expr(r, e);
		e = NULL;
		nftnl_rule_nlmsg_build_payload(h, r);
		bh_batch_msg_end(p->b, h);
	}
	if (e)
		nftnl_expr_free(e);
	if (r)
		nftnl_rule_free(r);
}

static void fill_log(struct nftnl_expr *e)
{
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, 10);
}

static void fill_reject(struct nftnl_expr *e)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
}

static void fill_mark(struct nftnl_expr *e)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG32_00);
}

static void fill_state(struct nftnl_expr *e)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG32_00);
}

static void fill_direction(struct nftnl_expr *e)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_DIRECTION);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG32_00);
}

static void probe_inet(struct probe *p)
{
	chain(p);
}

static void probe_concat(struct probe *p)
{
	set(p, NFT_SET_INTERVAL | NFT_SET_CONCAT, true, false);
}

static void probe_timeout(struct probe *p)
{
	set(p, NFT_SET_TIMEOUT, false, false);
}

static void probe_counter(struct probe *p)
{
	set(p, 0, false, true);
}

static void probe_nflog(struct probe *p)
{
	chain(p);
	rule(p, "log", fill_log);
}

static void probe_reject(struct probe *p)
{
	chain(p);
	rule(p, "reject", fill_reject);
}

static void probe_mark(struct probe *p)
{
	chain(p);
	rule(p, "ct", fill_mark);
}

static void probe_conntrack(struct probe *p)
{
	chain(p);
	rule(p, "ct", fill_direction);
}

static void probe_state(struct probe *p)
{
	chain(p);
	rule(p, "ct", fill_state);
}

static void fill_meter(struct nftnl_expr *e)
{
	struct nftnl_expr *limit = nftnl_expr_alloc("limit");

	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, PROBE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SET_ID, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_FLAGS, NFT_DYNSET_F_EXPR);
	if (!limit)
		return; /* the kernel will refuse a meter without a limit: reads as absent */
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, 10);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 60);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, 5);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, 0);
	nftnl_expr_add_expr(e, NFTNL_EXPR_DYNSET_EXPRESSIONS, limit);
}

static void probe_dynset(struct probe *p)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct nftnl_expr *load = nftnl_expr_alloc("payload"), *meter = nftnl_expr_alloc("dynset");
	struct nlmsghdr *h;

	chain(p);
	set(p, NFT_SET_EVAL | NFT_SET_TIMEOUT, false, false);
	h = r && load && meter ? msg(p, NFT_MSG_NEWRULE, NLM_F_APPEND, "rule") : NULL;
	if (!h) {
		p->bad = true;
	} else {
		nftnl_rule_set_str(r, NFTNL_RULE_TABLE, PROBE);
		nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, PROBE);
		nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
		nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, 12);
		nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, 4);
		nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG32_00);
		fill_meter(meter);
		nftnl_rule_add_expr(r, load);
		nftnl_rule_add_expr(r, meter);
		load = meter = NULL;
		nftnl_rule_nlmsg_build_payload(h, r);
		bh_batch_msg_end(p->b, h);
	}
	if (load)
		nftnl_expr_free(load);
	if (meter)
		nftnl_expr_free(meter);
	if (r)
		nftnl_rule_free(r);
}

static void probe_flowtable(struct probe *p)
{
	struct nlmsghdr *h = msg(p, NFT_MSG_NEWFLOWTABLE, 0, "flowtable");
	struct nlattr *hook;

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_FLOWTABLE_TABLE, PROBE);
	mnl_attr_put_strz(h, NFTA_FLOWTABLE_NAME, PROBE);
	hook = mnl_attr_nest_start(h, NFTA_FLOWTABLE_HOOK);
	mnl_attr_put_u32(h, NFTA_FLOWTABLE_HOOK_NUM, htonl(0));
	mnl_attr_put_u32(h, NFTA_FLOWTABLE_HOOK_PRIORITY, htonl(0));
	mnl_attr_nest_end(h, hook);
	bh_batch_msg_end(p->b, h);
}

static void fill_fib(struct nftnl_expr *e)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
}

/* in a chain nothing jumps to: there is no device to attach one to yet */
static void probe_fib(struct probe *p)
{
	struct nlmsghdr *h = msg(p, NFT_MSG_NEWCHAIN, 0, "chain");

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, PROBE);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, PROBE);
	bh_batch_msg_end(p->b, h);
	rule(p, "fib", fill_fib);
}

static void probe_nothing(struct probe *p)
{
	(void)p;
}

/* 1 the kernel takes it, 0 it does not, < 0 no answer */
static int ask(
	struct bh_enforcer *e, uint16_t family, uint32_t flags, void (*fill)(struct probe *p))
{
	struct probe p = {.b = &e->batch, .family = family};
	int r;

	bh_batch_begin(&e->batch, &e->nl);
	table(&p, flags);
	fill(&p);
	if (p.bad)
		return -ENOMEM;
	r = bh_batch_commit(&e->batch, &e->nl, true, e->why);
	if (r == -ENOMEM || r == -EPERM || r == -EIO)
		return r;
	return r == 0;
}

int bh_enforcer_features(struct bh_enforcer *e, struct bh_kernel_features *ret_features)
{
	struct bh_kernel_features f = {.br_netfilter_on = e->br_netfilter};
	const struct {
		bool *have;
		uint16_t family;
		uint32_t flags;
		void (*fill)(struct probe *p);
	} probes[] = {
		{&f.inet, NFPROTO_INET, 0, probe_inet},
		{&f.concat_interval, NFPROTO_INET, 0, probe_concat},
		{&f.timeout, NFPROTO_INET, 0, probe_timeout},
		{&f.counter_elem, NFPROTO_INET, 0, probe_counter},
		{&f.nflog, NFPROTO_INET, 0, probe_nflog},
		{&f.reject_inet, NFPROTO_INET, 0, probe_reject},
		{&f.ct_mark, NFPROTO_INET, 0, probe_mark},
		{&f.dynset_limit, NFPROTO_INET, 0, probe_dynset},
		{&f.owner_persist, NFPROTO_INET, TABLE_OWNED, probe_nothing},
		{&f.bridge_ct, NFPROTO_BRIDGE, 0, probe_state},
		{&f.port_ingress, NFPROTO_NETDEV, 0, probe_fib},
		{&f.flowtable, NFPROTO_INET, 0, probe_flowtable},
		{&f.conntrack, NFPROTO_INET, 0, probe_conntrack},
	};
	int r;

	for (size_t i = 0; i < BH_COUNT(probes); i++) {
		r = ask(e, probes[i].family, probes[i].flags, probes[i].fill);
		if (r < 0)
			return r;
		*probes[i].have = r == 1;
	}
	f.generation = bh_generation(&e->nl);
	r = bh_offload_read(&e->nl, f.offload);
	if (r < 0)
		return r;
	f.real_time = bh_cage_may_real_time();
	e->why[0] = '\0';
	*ret_features = f;
	return 0;
}

enum bh_segment bh_segment_of(const struct bh_kernel_features *f)
{
	return f->bridge_ct ? BH_SEGMENT_STATEFUL : f->br_netfilter_on ? BH_SEGMENT_NETFILTER : BH_SEGMENT_STATELESS;
}

const char *bh_segment_name(unsigned segment)
{
	static const char *const names[BH_SEGMENT_COUNT] = {"off", "stateless", "br_netfilter", "stateful"};

	return names[segment < BH_SEGMENT_COUNT ? segment : 0];
}

enum bh_segment bh_segment_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < BH_SEGMENT_COUNT; i++)
		if (strlen(bh_segment_name(i)) == len && !memcmp(bh_segment_name(i), name, len))
			return i;
	return BH_SEGMENT_NONE;
}

enum bh_segment bh_enforcer_segment(const struct bh_enforcer *e)
{
	return !e->bridge	    ? BH_SEGMENT_NONE
	       : e->bridge_whole    ? BH_SEGMENT_STATEFUL
	       : bh_bridged_here(e) ? BH_SEGMENT_NETFILTER
				    : BH_SEGMENT_STATELESS;
}

int bh_bridge_ask(struct bh_enforcer *e)
{
	int r;

	if (!e->bridge || e->bridge_asked)
		return 0;
	r = ask(e, NFPROTO_BRIDGE, 0, probe_state);
	if (r < 0)
		return r;
	e->bridge_whole = r == 1;
	r = ask(e, NFPROTO_NETDEV, 0, probe_fib);
	if (r < 0)
		return r;
	e->ingress_can = e->ingress = r == 1;
	e->bridge_asked = true;
	e->why[0] = '\0';
	return 0;
}

bool bh_bridged_here(const struct bh_enforcer *e)
{
	return e->bridge && !e->bridge_whole && e->br_netfilter;
}

int bh_enforcer_own(struct bh_enforcer *e)
{
	int r = ask(e, NFPROTO_INET, TABLE_OWNED, probe_nothing);

	if (r < 0)
		return r;
	e->own = r == 1;
	e->why[0] = '\0';
	return e->own ? 0 : 1;
}
