/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expressions of nf_tables, and the attributes they come in. The list is closed: an expression, an
 * attribute or a value that is not in it makes the whole model worth nothing, and says so.
 */
#include <stdio.h>
#include "model.h"

bool bh_attrs_each(struct bh_bytes *c, uint16_t *ret_type, struct bh_bytes *ret_body)
{
	const uint8_t *p;
	uint16_t len, type;
	size_t pad;

	if (c->left == 0 || c->bad)
		return false;
	p = bh_take(c, 4);
	if (!p)
		return false;
	memcpy(&len, p, 2);
	memcpy(&type, p + 2, 2);
	if (len < 4) {
		c->bad = true;
		return false;
	}
	p = bh_take(c, len - 4u);
	if (!p)
		return false;
	pad = (4u - (len & 3u)) & 3u;
	(void)bh_take(c, pad < c->left ? pad : c->left);
	*ret_type = type & NLA_TYPE_MASK;
	*ret_body = bh_bytes(p, len - 4u);
	return true;
}

bool bh_attrs_read(struct bh_bytes c, uint32_t known, struct attrs *ret)
{
	struct bh_bytes body;
	uint16_t type;

	memset(ret, 0, sizeof *ret);
	while (bh_attrs_each(&c, &type, &body)) {
		if (type >= ATTRS || !(known >> type & 1) || ret->v[type].p)
			return false;
		ret->v[type] = body;
	}
	return !c.bad;
}

bool bh_attr_u32(const struct bh_bytes *a, uint32_t *ret_value)
{
	struct bh_bytes c = *a;

	if (!c.p || c.left != 4)
		return false;
	*ret_value = bh_be32(&c);
	return true;
}

bool bh_attr_name(const struct bh_bytes *a, char ret_name[BH_MODEL_NAME])
{
	size_t n = a->p ? strnlen((const char *)a->p, a->left) : 0;

	if (n == 0 || n >= BH_MODEL_NAME || (n != a->left && n + 1 != a->left))
		return false;
	memset(ret_name, 0, BH_MODEL_NAME);
	memcpy(ret_name, a->p, n);
	return true;
}

bool bh_attr_data(const struct bh_bytes *a, const uint8_t **ret_value, size_t *ret_len)
{
	struct attrs t;

	if (!a->p || !bh_attrs_read(*a, HAS(NFTA_DATA_VALUE), &t) || !t.v[NFTA_DATA_VALUE].p)
		return false;
	*ret_value = t.v[NFTA_DATA_VALUE].p;
	*ret_len = t.v[NFTA_DATA_VALUE].left;
	return *ret_len > 0;
}

bool bh_attr_verdict(
	const struct bh_bytes *data, uint8_t *ret_verdict, char ret_chain[BH_MODEL_NAME])
{
	static const struct {
		int code;
		uint8_t verdict;
	} codes[] = {
		{NF_DROP, BH_V_DROP},
		{NF_ACCEPT, BH_V_ACCEPT},
		{NFT_CONTINUE, BH_V_CONTINUE},
		{NFT_RETURN, BH_V_RETURN},
		{NFT_JUMP, BH_V_JUMP},
		{NFT_GOTO, BH_V_GOTO},
	};
	struct attrs d, v;
	uint32_t code;

	if (!data->p || !bh_attrs_read(*data, HAS(NFTA_DATA_VERDICT), &d) ||
		!d.v[NFTA_DATA_VERDICT].p ||
		!bh_attrs_read(d.v[NFTA_DATA_VERDICT],
			HAS(NFTA_VERDICT_CODE) | HAS(NFTA_VERDICT_CHAIN), &v) ||
		!bh_attr_u32(&v.v[NFTA_VERDICT_CODE], &code))
		return false;
	for (size_t i = 0; i < BH_COUNT(codes); i++) {
		bool chain = codes[i].verdict >= BH_V_JUMP;

		if ((uint32_t)codes[i].code != code)
			continue;
		*ret_verdict = codes[i].verdict;
		return chain ? bh_attr_name(&v.v[NFTA_VERDICT_CHAIN], ret_chain)
			     : !v.v[NFTA_VERDICT_CHAIN].p;
	}
	return false;
}

/* ---- one function an expression: NULL, or what is not known about it ---- */

static bool get_reg(const struct bh_bytes *a, uint8_t *ret_reg)
{
	uint32_t v;

	if (!bh_attr_u32(a, &v))
		return false;
	if (v >= NFT_REG_1 && v <= NFT_REG_4)
		*ret_reg = (uint8_t)((v - NFT_REG_1) * 16);
	else if (v >= NFT_REG32_00 && v <= NFT_REG32_15)
		*ret_reg = (uint8_t)((v - NFT_REG32_00) * 4);
	else
		return false;
	return true;
}

static bool is_verdict_reg(const struct bh_bytes *a)
{
	uint32_t v;

	return bh_attr_u32(a, &v) && v == NFT_REG_VERDICT;
}

static const char *payload(const struct attrs *t, struct bh_expr *x)
{
	static const struct {
		uint32_t base, offset, len;
		uint8_t field;
	} known[] = {
		{NFT_PAYLOAD_LL_HEADER, 6, 6, BH_F_ETHER},
		{NFT_PAYLOAD_NETWORK_HEADER, 12, 4, BH_F_SADDR4},
		{NFT_PAYLOAD_NETWORK_HEADER, 16, 4, BH_F_DADDR4},
		{NFT_PAYLOAD_NETWORK_HEADER, 8, 16, BH_F_SADDR6},
		{NFT_PAYLOAD_NETWORK_HEADER, 24, 16, BH_F_DADDR6},
		{NFT_PAYLOAD_NETWORK_HEADER, 7, 1, BH_F_HOPS6},
		{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, BH_F_SPORT},
		{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, BH_F_DPORT},
		{NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, BH_F_TCP_FLAGS},
		{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, BH_F_TYPE},
	};
	uint32_t base, offset, len;

	x->op = BH_X_LOAD;
	if (!bh_attr_u32(&t->v[NFTA_PAYLOAD_BASE], &base) ||
		!bh_attr_u32(&t->v[NFTA_PAYLOAD_OFFSET], &offset) ||
		!bh_attr_u32(&t->v[NFTA_PAYLOAD_LEN], &len) ||
		!get_reg(&t->v[NFTA_PAYLOAD_DREG], &x->reg))
		return "form";
	for (size_t i = 0; i < BH_COUNT(known); i++)
		if (known[i].base == base && known[i].offset == offset && known[i].len == len) {
			x->field = known[i].field;
			return NULL;
		}
	return "place in the packet";
}

static const char *meta(const struct attrs *t, struct bh_expr *x)
{
	uint32_t key;

	x->op = BH_X_LOAD;
	if (!bh_attr_u32(&t->v[NFTA_META_KEY], &key) || !get_reg(&t->v[NFTA_META_DREG], &x->reg))
		return "form";
	x->field = key == NFT_META_NFPROTO    ? BH_F_NFPROTO
		   : key == NFT_META_L4PROTO ? BH_F_L4PROTO
		   : key == NFT_META_IIFNAME ? BH_F_IIFNAME
		   : key == NFT_META_IIFTYPE ? BH_F_IIFTYPE
					     : BH_F_NONE;
	return x->field ? NULL : "key";
}

static const char *ct(const struct attrs *t, struct bh_expr *x)
{
	static const struct {
		uint8_t key, field;
		bool tuple;
	} known[] = {
		{NFT_CT_STATE, BH_F_CT_STATE, false},
		{NFT_CT_DIRECTION, BH_F_CT_DIR, false},
		{NFT_CT_MARK, BH_F_CT_MARK, false},
		{NFT_CT_SRC_IP, BH_F_CT_SRC4, true},
		{NFT_CT_DST_IP, BH_F_CT_DST4, true},
		{NFT_CT_SRC_IP6, BH_F_CT_SRC6, true},
		{NFT_CT_DST_IP6, BH_F_CT_DST6, true},
		{NFT_CT_PROTOCOL, BH_F_CT_PROTO, true},
		{NFT_CT_PROTO_SRC, BH_F_CT_SPORT, true},
		{NFT_CT_PROTO_DST, BH_F_CT_DPORT, true},
	};
	const struct bh_bytes *dir = &t->v[NFTA_CT_DIRECTION];
	uint32_t key;

	if (!bh_attr_u32(&t->v[NFTA_CT_KEY], &key))
		return "form";
	if (t->v[NFTA_CT_SREG].p) {
		x->op = BH_X_MARK;
		return key == NFT_CT_MARK && !t->v[NFTA_CT_DREG].p && !dir->p &&
				       get_reg(&t->v[NFTA_CT_SREG], &x->reg)
			       ? NULL
			       : "what it sets";
	}
	x->op = BH_X_LOAD;
	if (!get_reg(&t->v[NFTA_CT_DREG], &x->reg))
		return "form";
	for (size_t i = 0; i < BH_COUNT(known); i++) {
		if (known[i].key != key)
			continue;
		x->field = known[i].field;
		if (known[i].tuple && !dir->p && key == NFT_CT_PROTOCOL)
			return NULL; /* the same both ways */
		if (known[i].tuple)
			return dir->p && dir->left == 1 && dir->p[0] == 0 ? NULL : "direction";
		return dir->p ? "direction" : NULL;
	}
	return "key";
}

static bool data16(const struct bh_bytes *a, uint8_t out[16], uint8_t *ret_len)
{
	const uint8_t *p;
	size_t n;

	if (!bh_attr_data(a, &p, &n) || n > 16)
		return false;
	memcpy(out, p, n);
	*ret_len = (uint8_t)n;
	return true;
}

static const char *bitwise(const struct attrs *t, struct bh_expr *x)
{
	uint32_t op = NFT_BITWISE_BOOL, len;
	uint8_t n, k;

	x->op = BH_X_MASK;
	if (t->v[NFTA_BITWISE_OP].p && !bh_attr_u32(&t->v[NFTA_BITWISE_OP], &op))
		return "form";
	if (op != NFT_BITWISE_BOOL)
		return "operation";
	if (!bh_attr_u32(&t->v[NFTA_BITWISE_LEN], &len) ||
		!get_reg(&t->v[NFTA_BITWISE_SREG], &x->reg) ||
		!get_reg(&t->v[NFTA_BITWISE_DREG], &x->dreg) ||
		!data16(&t->v[NFTA_BITWISE_MASK], x->a, &n) ||
		!data16(&t->v[NFTA_BITWISE_XOR], x->b, &k) || n != len || k != len)
		return "form";
	x->len = n;
	return NULL;
}

static const char *cmp(const struct attrs *t, struct bh_expr *x)
{
	static const uint8_t ops[] = {[NFT_CMP_EQ] = BH_EQ,
		[NFT_CMP_NEQ] = BH_NEQ,
		[NFT_CMP_LT] = BH_LT,
		[NFT_CMP_LTE] = BH_LTE,
		[NFT_CMP_GT] = BH_GT,
		[NFT_CMP_GTE] = BH_GTE};
	uint32_t op;

	x->op = BH_X_CMP;
	if (!bh_attr_u32(&t->v[NFTA_CMP_OP], &op) || !get_reg(&t->v[NFTA_CMP_SREG], &x->reg) ||
		!data16(&t->v[NFTA_CMP_DATA], x->a, &x->len))
		return "form";
	if (op >= BH_COUNT(ops))
		return "operation";
	x->cmp = ops[op];
	return NULL;
}

static const char *lookup(const struct attrs *t, struct bh_expr *x)
{
	uint32_t flags = 0;

	x->op = t->v[NFTA_LOOKUP_DREG].p ? BH_X_MAP : BH_X_IN;
	if (x->op == BH_X_MAP && !is_verdict_reg(&t->v[NFTA_LOOKUP_DREG]))
		return "map into a register";
	if (!get_reg(&t->v[NFTA_LOOKUP_SREG], &x->reg) ||
		!bh_attr_name(&t->v[NFTA_LOOKUP_SET], x->name))
		return "form";
	if (t->v[NFTA_LOOKUP_FLAGS].p && !bh_attr_u32(&t->v[NFTA_LOOKUP_FLAGS], &flags))
		return "form";
	return flags ? "flags" : NULL;
}

static const char *immediate(const struct attrs *t, struct bh_expr *x)
{
	x->op = BH_X_VERDICT;
	if (!is_verdict_reg(&t->v[NFTA_IMMEDIATE_DREG]))
		return "value";
	return bh_attr_verdict(&t->v[NFTA_IMMEDIATE_DATA], &x->verdict, x->name) ? NULL : "verdict";
}

static const char *objref(const struct attrs *t, struct bh_expr *x)
{
	char name[BH_MODEL_NAME];
	uint32_t type;

	x->op = BH_X_NOTHING;
	if (!bh_attr_u32(&t->v[NFTA_OBJREF_IMM_TYPE], &type) ||
		!bh_attr_name(&t->v[NFTA_OBJREF_IMM_NAME], name))
		return "form";
	return type == NFT_OBJECT_COUNTER ? NULL : "object";
}

static const char *nothing(const struct attrs *t, struct bh_expr *x)
{
	x->op = BH_X_NOTHING;
	return NULL;
}

static const char *maybe(const struct attrs *t, struct bh_expr *x)
{
	x->op = BH_X_MAYBE;
	return NULL;
}

/* fails when the set is full, or by what it holds: it may end the rule */
static const char *dynset(const struct attrs *t, struct bh_expr *x)
{
	uint32_t op;

	x->op = BH_X_MAYBE;
	if (!bh_attr_u32(&t->v[NFTA_DYNSET_OP], &op) || op > NFT_DYNSET_OP_UPDATE)
		return "operation";
	return NULL;
}

static const char *reject(const struct attrs *t, struct bh_expr *x)
{
	x->op = BH_X_DROP;
	return NULL;
}

static const struct known {
	const char *name;
	uint32_t attrs;
	const char *(*read)(const struct attrs *t, struct bh_expr *x);
} known[] = {
	{"payload",
		HAS(NFTA_PAYLOAD_DREG) | HAS(NFTA_PAYLOAD_BASE) | HAS(NFTA_PAYLOAD_OFFSET) |
			HAS(NFTA_PAYLOAD_LEN),
		payload},
	{"meta", HAS(NFTA_META_DREG) | HAS(NFTA_META_KEY), meta},
	{"ct",
		HAS(NFTA_CT_DREG) | HAS(NFTA_CT_KEY) | HAS(NFTA_CT_DIRECTION) | HAS(NFTA_CT_SREG),
		ct},
	{"bitwise",
		HAS(NFTA_BITWISE_SREG) | HAS(NFTA_BITWISE_DREG) | HAS(NFTA_BITWISE_LEN) |
			HAS(NFTA_BITWISE_MASK) | HAS(NFTA_BITWISE_XOR) | HAS(NFTA_BITWISE_OP),
		bitwise},
	{"cmp", HAS(NFTA_CMP_SREG) | HAS(NFTA_CMP_OP) | HAS(NFTA_CMP_DATA), cmp},
	{"lookup",
		HAS(NFTA_LOOKUP_SET) | HAS(NFTA_LOOKUP_SREG) | HAS(NFTA_LOOKUP_DREG) |
			HAS(NFTA_LOOKUP_SET_ID) | HAS(NFTA_LOOKUP_FLAGS),
		lookup},
	{"immediate", HAS(NFTA_IMMEDIATE_DREG) | HAS(NFTA_IMMEDIATE_DATA), immediate},
	{"objref", HAS(NFTA_OBJREF_IMM_TYPE) | HAS(NFTA_OBJREF_IMM_NAME), objref},
	{"counter", HAS(NFTA_COUNTER_BYTES) | HAS(NFTA_COUNTER_PACKETS) | HAS(NFTA_COUNTER_PAD),
		nothing},
	{"log",
		HAS(NFTA_LOG_GROUP) | HAS(NFTA_LOG_PREFIX) | HAS(NFTA_LOG_SNAPLEN) |
			HAS(NFTA_LOG_QTHRESHOLD) | HAS(NFTA_LOG_LEVEL) | HAS(NFTA_LOG_FLAGS),
		nothing},
	{"limit",
		HAS(NFTA_LIMIT_RATE) | HAS(NFTA_LIMIT_UNIT) | HAS(NFTA_LIMIT_BURST) |
			HAS(NFTA_LIMIT_TYPE) | HAS(NFTA_LIMIT_FLAGS) | HAS(NFTA_LIMIT_PAD),
		maybe},
	{"dynset",
		HAS(NFTA_DYNSET_SET_NAME) | HAS(NFTA_DYNSET_SET_ID) | HAS(NFTA_DYNSET_OP) |
			HAS(NFTA_DYNSET_SREG_KEY) | HAS(NFTA_DYNSET_TIMEOUT) |
			HAS(NFTA_DYNSET_EXPR) | HAS(NFTA_DYNSET_PAD) | HAS(NFTA_DYNSET_FLAGS) |
			HAS(NFTA_DYNSET_EXPRESSIONS),
		dynset},
	{"reject", HAS(NFTA_REJECT_TYPE) | HAS(NFTA_REJECT_ICMP_CODE), reject},
};

static void unknown(struct bh_expr *x, const char *name, const char *why)
{
	memset(x, 0, sizeof *x);
	x->op = BH_X_UNKNOWN;
	snprintf(x->name, sizeof x->name, "%.40s%s%s", name, why[0] ? ": " : "", why);
}

void bh_model_expr(struct bh_bytes body, struct bh_expr *x)
{
	char name[BH_MODEL_NAME];
	struct attrs e, t;
	const char *why = "attributes";

	memset(x, 0, sizeof *x);
	if (!bh_attrs_read(body, HAS(NFTA_EXPR_NAME) | HAS(NFTA_EXPR_DATA), &e) ||
		!bh_attr_name(&e.v[NFTA_EXPR_NAME], name)) {
		unknown(x, "expression", "malformed");
		return;
	}
	for (char *s = name; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
	for (size_t i = 0; i < BH_COUNT(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		if (bh_attrs_read(e.v[NFTA_EXPR_DATA], known[i].attrs, &t))
			why = known[i].read(&t, x);
		if (why)
			unknown(x, name, why);
		return;
	}
	unknown(x, name, "");
}
