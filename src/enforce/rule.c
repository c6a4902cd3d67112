/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One function a phrase. The order of expressions is the one nft itself writes, so that its listing
 * loads again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <linux/if_ether.h>
#include <libnftnl/expr.h>
#include "rule.h"

#define WORD(n) (NFT_REG32_00 + (n))

struct rule bh_rule_new(const struct batch *b, const char *chain, bool v6)
{
	struct rule r = {.r = nftnl_rule_alloc(),
		.chain = chain,
		.v6 = v6,
		.bridge = b->family == NFPROTO_BRIDGE};

	if (!r.r) {
		r.bad = true;
		return r;
	}
	nftnl_rule_set_u32(r.r, NFTNL_RULE_FAMILY, NFPROTO_INET);
	if (nftnl_rule_set_str(r.r, NFTNL_RULE_TABLE, NL_TABLE) < 0 ||
		nftnl_rule_set_str(r.r, NFTNL_RULE_CHAIN, chain) < 0)
		r.bad = true;
	return r;
}

void bh_rule_add(struct batch *b, struct rule *r)
{
	struct nlmsghdr *h;

	if (r->bad)
		b->error = -ENOMEM;
	h = bh_batch_msg(
		b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "rule in chain", r->chain);
	if (h) {
		nftnl_rule_nlmsg_build_payload(h, r->r);
		bh_batch_msg_end(b, h);
	}
	if (r->r)
		nftnl_rule_free(r->r);
	r->r = NULL;
}

static struct nftnl_expr *expr(struct rule *r, const char *name)
{
	struct nftnl_expr *e = r->bad ? NULL : nftnl_expr_alloc(name);

	if (!e) {
		r->bad = true;
		return NULL;
	}
	nftnl_rule_add_expr(r->r, e);
	return e;
}

static void u32(struct nftnl_expr *e, uint16_t attr, uint32_t value)
{
	nftnl_expr_set_u32(e, attr, value);
}

static void bytes(struct rule *r, struct nftnl_expr *e, uint16_t attr, const void *p, uint32_t n)
{
	if (nftnl_expr_set(e, attr, p, n) < 0)
		r->bad = true;
}

static void str(struct rule *r, struct nftnl_expr *e, uint16_t attr, const char *s)
{
	if (nftnl_expr_set_str(e, attr, s) < 0)
		r->bad = true;
}

static void meta(struct rule *r, uint32_t key, unsigned word)
{
	struct nftnl_expr *e = expr(r, "meta");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_META_KEY, key);
	u32(e, NFTNL_EXPR_META_DREG, WORD(word));
}

static void cmp(struct rule *r, uint32_t op, unsigned word, const void *p, uint32_t n)
{
	struct nftnl_expr *e = expr(r, "cmp");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_CMP_OP, op);
	u32(e, NFTNL_EXPR_CMP_SREG, WORD(word));
	bytes(r, e, NFTNL_EXPR_CMP_DATA, p, n);
}

static void ct(struct rule *r, uint32_t key, int dir, unsigned word)
{
	struct nftnl_expr *e = expr(r, "ct");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_CT_KEY, key);
	u32(e, NFTNL_EXPR_CT_DREG, WORD(word));
	if (dir >= 0)
		nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, (uint8_t)dir);
}

/* word = (word & mask) ^ flip, over len bytes */
static void bitwise(struct rule *r, unsigned word, const void *mask, const void *flip, uint32_t len)
{
	struct nftnl_expr *e = expr(r, "bitwise");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_BITWISE_SREG, WORD(word));
	u32(e, NFTNL_EXPR_BITWISE_DREG, WORD(word));
	u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	bytes(r, e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	bytes(r, e, NFTNL_EXPR_BITWISE_XOR, flip, len);
}

void bh_x_family(struct rule *r)
{
	if (r->bridge) {
		bh_x_ethertype(r, r->v6 ? ETH_P_IPV6 : ETH_P_IP);
		return;
	}
	meta(r, NFT_META_NFPROTO, 0);
	bh_x_is8(r, 0, r->v6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
}

void bh_x_ethertype(struct rule *r, uint16_t type)
{
	meta(r, NFT_META_PROTOCOL, 0);
	bh_x_is16(r, 0, type);
}

void bh_x_l4proto(struct rule *r, uint8_t proto)
{
	meta(r, NFT_META_L4PROTO, 0);
	bh_x_is8(r, 0, proto);
}

void bh_x_ct_proto(struct rule *r, uint8_t proto)
{
	ct(r, NFT_CT_PROTOCOL, -1, 0);
	bh_x_is8(r, 0, proto);
}

void bh_x_iifname(struct rule *r, const char *name)
{
	char padded[IFNAMSIZ];

	bh_strcpy(padded, sizeof padded, name);
	meta(r, NFT_META_IIFNAME, 0);
	cmp(r, NFT_CMP_EQ, 0, padded, sizeof padded);
}

void bh_x_ether(struct rule *r)
{
	uint16_t type = ARPHRD_ETHER; /* the kernel keeps it in host order */

	if (r->bridge)
		return;
	meta(r, NFT_META_IIFTYPE, 0);
	cmp(r, NFT_CMP_EQ, 0, &type, sizeof type);
}

void bh_x_load(struct rule *r, unsigned base, unsigned offset, unsigned len, unsigned word)
{
	struct nftnl_expr *e = expr(r, "payload");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	u32(e, NFTNL_EXPR_PAYLOAD_DREG, WORD(word));
}

void bh_x_load_addr(struct rule *r, bool destination, unsigned word)
{
	unsigned len = r->v6 ? 16 : 4, first = r->v6 ? 8 : 12;

	bh_x_load(r, NFT_PAYLOAD_NETWORK_HEADER, destination ? first + len : first, len, word);
}

void bh_x_load_ct_addr(struct rule *r, bool destination, unsigned word)
{
	if (r->v6)
		ct(r, destination ? NFT_CT_DST_IP6 : NFT_CT_SRC_IP6, 0, word);
	else
		ct(r, destination ? NFT_CT_DST_IP : NFT_CT_SRC_IP, 0, word);
}

void bh_x_load_ct_port(struct rule *r, unsigned word)
{
	ct(r, NFT_CT_PROTO_DST, 0, word);
}

void bh_x_load_ct_sport(struct rule *r, unsigned word)
{
	ct(r, NFT_CT_PROTO_SRC, 0, word);
}

void bh_x_load_l4proto(struct rule *r, unsigned word)
{
	meta(r, NFT_META_L4PROTO, word);
}

void bh_x_in_nfproto(struct rule *r, const char *set)
{
	meta(r, r->bridge ? NFT_META_PROTOCOL : NFT_META_NFPROTO, 0);
	bh_x_in(r, 0, set);
}

void bh_x_is8(struct rule *r, unsigned word, uint8_t value)
{
	cmp(r, NFT_CMP_EQ, word, &value, sizeof value);
}

void bh_x_is16(struct rule *r, unsigned word, uint16_t value)
{
	uint16_t net = htons(value);

	cmp(r, NFT_CMP_EQ, word, &net, sizeof net);
}

void bh_x_in(struct rule *r, unsigned word, const char *set)
{
	struct nftnl_expr *e = expr(r, "lookup");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_LOOKUP_SREG, WORD(word));
	str(r, e, NFTNL_EXPR_LOOKUP_SET, set);
}

void bh_x_update(struct rule *r, const char *set)
{
	struct nftnl_expr *e = expr(r, "dynset"), *counter = nftnl_expr_alloc("counter");

	if (!e || !counter) {
		r->bad = true;
		if (counter)
			nftnl_expr_free(counter);
		return;
	}
	u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, WORD(0));
	u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	str(r, e, NFTNL_EXPR_DYNSET_SET_NAME, set);
	nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, counter, 0); /* it owns the counter now */
}

void bh_x_vmap(struct rule *r, unsigned word, const char *map)
{
	struct nftnl_expr *e = expr(r, "lookup");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_LOOKUP_SREG, WORD(word));
	u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	str(r, e, NFTNL_EXPR_LOOKUP_SET, map);
}

void bh_x_state(struct rule *r, uint32_t bits)
{
	static const uint32_t zero;

	ct(r, NFT_CT_STATE, -1, 0);
	bitwise(r, 0, &bits, &zero, sizeof bits);
	cmp(r, NFT_CMP_NEQ, 0, &zero, sizeof zero);
}

void bh_x_reply(struct rule *r)
{
	ct(r, NFT_CT_DIRECTION, -1, 0);
	bh_x_is8(r, 0, 1);
}

void bh_x_original(struct rule *r)
{
	ct(r, NFT_CT_DIRECTION, -1, 0);
	bh_x_is8(r, 0, 0);
}

void bh_x_vlan(struct rule *r, unsigned at, uint16_t id)
{
	static const uint8_t mask[2] = {0x0f, 0xff}, zero[2];

	bh_x_load(r, NFT_PAYLOAD_LL_HEADER, at, 2, 0);
	bitwise(r, 0, mask, zero, sizeof mask);
	bh_x_is16(r, 0, id);
}

void bh_x_not_syn(struct rule *r)
{
	static const uint8_t syn = 0x02, zero;

	bh_x_load(r, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, 0);
	bitwise(r, 0, &syn, &zero, 1);
	bh_x_is8(r, 0, 0);
}

void bh_x_mark_is(struct rule *r, uint32_t mask, uint32_t value)
{
	static const uint32_t zero;

	ct(r, NFT_CT_MARK, -1, 0);
	bitwise(r, 0, &mask, &zero, sizeof mask);
	cmp(r, NFT_CMP_EQ, 0, &value, sizeof value);
}

void bh_x_mark_is_set(struct rule *r, uint32_t mask)
{
	static const uint32_t zero;

	ct(r, NFT_CT_MARK, -1, 0);
	bitwise(r, 0, &mask, &zero, sizeof mask);
	cmp(r, NFT_CMP_NEQ, 0, &zero, sizeof zero);
}

void bh_x_mark_set(struct rule *r, uint32_t mask, uint32_t value)
{
	struct nftnl_expr *e;
	uint32_t keep = ~mask;

	ct(r, NFT_CT_MARK, -1, 0);
	bitwise(r, 0, &keep, &value, sizeof keep);
	e = expr(r, "ct");
	if (!e)
		return;
	u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	u32(e, NFTNL_EXPR_CT_SREG, WORD(0));
}

void bh_x_limit(struct rule *r, uint64_t per_second, uint32_t burst)
{
	struct nftnl_expr *e = expr(r, "limit");

	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, per_second);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	u32(e, NFTNL_EXPR_LIMIT_BURST, burst);
	u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

void bh_x_count(struct rule *r, const char *counter)
{
	struct nftnl_expr *e = expr(r, "objref");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	str(r, e, NFTNL_EXPR_OBJREF_IMM_NAME, counter);
}

void bh_x_reject(struct rule *r, unsigned type, unsigned code)
{
	struct nftnl_expr *e = expr(r, "reject");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_REJECT_TYPE, type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)code);
}

static void verdict(struct rule *r, int code, const char *chain)
{
	struct nftnl_expr *e = expr(r, "immediate");

	if (!e)
		return;
	u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		str(r, e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void bh_x_accept(struct rule *r)
{
	verdict(r, NF_ACCEPT, NULL);
}

void bh_x_drop(struct rule *r)
{
	verdict(r, NF_DROP, NULL);
}

void bh_x_return(struct rule *r)
{
	verdict(r, NFT_RETURN, NULL);
}

void bh_x_goto(struct rule *r, const char *chain)
{
	verdict(r, NFT_GOTO, chain);
}

void bh_x_jump(struct rule *r, const char *chain)
{
	verdict(r, NFT_JUMP, chain);
}
