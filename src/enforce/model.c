/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table as values (bulkhead/prove.h), read from nf_tables messages. There is one reader for what
 * we are about to send and for what the kernel says it holds: if it misunderstood something, it would
 * misunderstand both, but what it understood of the batch is compared with the plan, and with real
 * packets in tests/net/test_differential.c.
 *
 * Bytes are taken as hostile although the kernel writes them: lengths are checked at every nest, and
 * an attribute nobody here knows is refused, because a flag in it may turn a rule round.
 */
#include <arpa/inet.h>
#include <errno.h>
#include "enforcer.h"
#include "model.h"

#define MSG(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))
#ifndef NFT_SET_EXPR
#define NFT_SET_EXPR 0x100
#endif
/* attributes newer than the headers this is built with */
enum { SET_TYPE = 19, SET_COUNT = 20 };

/* ---- what our sets are to the law ---- */

static uint8_t role_of(const char *name)
{
	static const struct {
		const char *stem;
		uint8_t role;
	} stems[] = {
		{"iso", BH_MS_ISO_ADDR},
		{"isonet", BH_MS_ISO_NET},
		{"isomac", BH_MS_ISO_MAC},
		{"shield", BH_MS_SHIELD},
		{"contain", BH_MS_CONTAIN},
		{"island", BH_MS_ISLAND},
		{"island_in", BH_MS_ISLAND_IN},
		{"kill_tcp", BH_MS_KILL},
		{"kill_udp", BH_MS_KILL},
		{"would", BH_MS_OTHER},
		{"would_any", BH_MS_OTHER},
		{"trial", BH_MS_TRIAL},
	};

	for (size_t i = 0; i < BH_COUNT(stems); i++) {
		size_t n = strlen(stems[i].stem);

		if (strncmp(name, stems[i].stem, n) == 0 &&
			(name[n] == '\0' || ((name[n] == '4' || name[n] == '6') && !name[n + 1])))
			return stems[i].role;
	}
	return BH_MS_LAW;
}

/* ---- messages ---- */

static void refuse(struct reader *rd, const char *what, const char *name)
{
	bh_model_refuse(rd->m, "%s %s: attributes or values not known", what, name);
}

static int put_table(struct reader *rd, struct bh_bytes body)
{
	struct attrs t;
	uint32_t flags = 0;

	if (!bh_attrs_read(body,
		    HAS(NFTA_TABLE_NAME) | HAS(NFTA_TABLE_FLAGS) | HAS(NFTA_TABLE_USE) |
			    HAS(NFTA_TABLE_HANDLE) | HAS(NFTA_TABLE_PAD) | HAS(NFTA_TABLE_USERDATA) |
			    HAS(NFTA_TABLE_OWNER),
		    &t) ||
		(t.v[NFTA_TABLE_FLAGS].p && !bh_attr_u32(&t.v[NFTA_TABLE_FLAGS], &flags)))
		refuse(rd, "table", NL_TABLE);
	if (flags & NFT_TABLE_F_DORMANT)
		bh_model_refuse(rd->m, "table %s is dormant: it judges nothing", NL_TABLE);
	if (flags & ~7u) /* dormant, owner, persist */
		refuse(rd, "table", NL_TABLE);
	return 0;
}

static int put_chain(struct reader *rd, struct bh_bytes body)
{
	char name[BH_MODEL_NAME] = "", type[BH_MODEL_NAME];
	uint32_t flags = 0, num, prio, policy = NF_ACCEPT;
	unsigned hook = BH_HOOK_NONE;
	struct attrs t, h;

	if (!bh_attrs_read(body,
		    HAS(NFTA_CHAIN_TABLE) | HAS(NFTA_CHAIN_HANDLE) | HAS(NFTA_CHAIN_NAME) |
			    HAS(NFTA_CHAIN_HOOK) | HAS(NFTA_CHAIN_POLICY) | HAS(NFTA_CHAIN_USE) |
			    HAS(NFTA_CHAIN_TYPE) | HAS(NFTA_CHAIN_COUNTERS) | HAS(NFTA_CHAIN_PAD) |
			    HAS(NFTA_CHAIN_FLAGS) | HAS(NFTA_CHAIN_ID) | HAS(NFTA_CHAIN_USERDATA),
		    &t) ||
		!bh_attr_name(&t.v[NFTA_CHAIN_NAME], name) ||
		(t.v[NFTA_CHAIN_FLAGS].p && !bh_attr_u32(&t.v[NFTA_CHAIN_FLAGS], &flags)) ||
		(flags & ~(uint32_t)NFT_CHAIN_BASE) ||
		(t.v[NFTA_CHAIN_POLICY].p && !bh_attr_u32(&t.v[NFTA_CHAIN_POLICY], &policy))) {
		refuse(rd, "chain", name);
		return 0;
	}
	if (t.v[NFTA_CHAIN_HOOK].p) {
		if (!bh_attrs_read(t.v[NFTA_CHAIN_HOOK],
			    HAS(NFTA_HOOK_HOOKNUM) | HAS(NFTA_HOOK_PRIORITY), &h) ||
			!bh_attr_u32(&h.v[NFTA_HOOK_HOOKNUM], &num) ||
			!bh_attr_u32(&h.v[NFTA_HOOK_PRIORITY], &prio) ||
			!bh_attr_name(&t.v[NFTA_CHAIN_TYPE], type) || strcmp(type, "filter") != 0) {
			refuse(rd, "hook of chain", name);
			return 0;
		}
		hook = num == NF_INET_FORWARD	 ? BH_HOOK_FORWARD
		       : num == NF_INET_LOCAL_IN ? BH_HOOK_INPUT
						 : BH_HOOKS;
		/* before conntrack there is no connection to judge by */
		if (hook == BH_HOOKS || (int32_t)prio <= -200)
			bh_model_refuse(rd->m, "chain %s: a hook not known (%u, priority %d)", name,
				num, (int)prio);
	}
	return bh_model_chain(rd->m, name, hook,
		policy == NF_ACCEPT ? BH_V_ACCEPT : policy == NF_DROP ? BH_V_DROP : 255);
}

static int put_rule(struct reader *rd, struct bh_bytes body, uint16_t flags)
{
	uint32_t known = HAS(NFTA_RULE_TABLE) | HAS(NFTA_RULE_CHAIN) | HAS(NFTA_RULE_EXPRESSIONS) |
			 HAS(NFTA_RULE_USERDATA) | HAS(NFTA_RULE_HANDLE) | HAS(NFTA_RULE_PAD);
	struct bh_expr x[BH_RULE_EXPRS];
	char name[BH_MODEL_NAME] = "";
	struct bh_bytes list, one;
	struct attrs t;
	uint16_t type;
	size_t n = 0;

	if (rd->dump)
		known |= HAS(NFTA_RULE_POSITION); /* behind which rule it stands */
	else if (!(flags & NLM_F_APPEND) || (flags & NLM_F_REPLACE))
		known = 0;
	if (!bh_attrs_read(body, known, &t) || !bh_attr_name(&t.v[NFTA_RULE_CHAIN], name)) {
		refuse(rd, "rule in chain", name);
		return 0;
	}
	list = t.v[NFTA_RULE_EXPRESSIONS];
	while (list.p && bh_attrs_each(&list, &type, &one)) {
		if (type != NFTA_LIST_ELEM || n == BH_COUNT(x)) {
			refuse(rd, "rule in chain", name);
			return 0;
		}
		bh_model_expr(one, &x[n++]);
	}
	if (list.bad)
		refuse(rd, "rule in chain", name);
	return bh_model_rule(rd->m, name, x, n);
}

/* of a set or an element: counters only, anything else may have an opinion on the packet */
static bool only_counters(const struct bh_bytes *one, const struct bh_bytes *list)
{
	struct bh_bytes rest = *list, body;
	struct bh_expr x;
	uint16_t type;

	if (one->p) {
		bh_model_expr(*one, &x);
		if (x.op != BH_X_NOTHING)
			return false;
	}
	while (rest.p && bh_attrs_each(&rest, &type, &body)) {
		bh_model_expr(body, &x);
		if (x.op != BH_X_NOTHING)
			return false;
	}
	return !rest.bad;
}

static int put_set(struct reader *rd, struct bh_bytes body)
{
	const uint32_t informs = HAS(NFTA_SET_KEY_TYPE) | HAS(NFTA_SET_DATA_LEN) |
				 HAS(NFTA_SET_POLICY) | HAS(NFTA_SET_DESC) | HAS(NFTA_SET_ID) |
				 HAS(NFTA_SET_TIMEOUT) | HAS(NFTA_SET_GC_INTERVAL) |
				 HAS(NFTA_SET_USERDATA) | HAS(NFTA_SET_PAD) | HAS(NFTA_SET_HANDLE) |
				 HAS(SET_TYPE) | HAS(SET_COUNT);
	struct bh_model_set s = {.role = BH_MS_LAW};
	uint32_t flags = 0, len = 0, data = 0;
	struct attrs t;

	if (!bh_attrs_read(body,
		    informs | HAS(NFTA_SET_TABLE) | HAS(NFTA_SET_NAME) | HAS(NFTA_SET_FLAGS) |
			    HAS(NFTA_SET_KEY_LEN) | HAS(NFTA_SET_DATA_TYPE) | HAS(NFTA_SET_EXPR) |
			    HAS(NFTA_SET_EXPRESSIONS),
		    &t) ||
		!bh_attr_name(&t.v[NFTA_SET_NAME], s.name) ||
		(t.v[NFTA_SET_FLAGS].p && !bh_attr_u32(&t.v[NFTA_SET_FLAGS], &flags)) ||
		!bh_attr_u32(&t.v[NFTA_SET_KEY_LEN], &len) || len == 0 || len > BH_KEY_MAX ||
		!only_counters(&t.v[NFTA_SET_EXPR], &t.v[NFTA_SET_EXPRESSIONS]) ||
		(flags & ~(uint32_t)(NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL |
				     NFT_SET_MAP | NFT_SET_TIMEOUT | NFT_SET_EVAL | NFT_SET_CONCAT |
				     NFT_SET_EXPR)) ||
		((flags & NFT_SET_MAP) && (!bh_attr_u32(&t.v[NFTA_SET_DATA_TYPE], &data) ||
						  data != (uint32_t)NFT_DATA_VERDICT))) {
		refuse(rd, "set", s.name);
		return 0;
	}
	s.key_len = (uint8_t)len;
	s.map = flags & NFT_SET_MAP;
	s.interval = (flags & NFT_SET_INTERVAL) && !(flags & NFT_SET_CONCAT);
	s.ranges = (flags & NFT_SET_INTERVAL) && (flags & NFT_SET_CONCAT);
	s.role = role_of(s.name);
	/* whatever comes and goes by itself is no part of a law, whatever it is called */
	if (s.role == BH_MS_LAW && (flags & (NFT_SET_TIMEOUT | NFT_SET_EVAL)))
		s.role = BH_MS_OTHER;
	return bh_model_set(rd->m, &s);
}

static bool get_elem(struct bh_bytes body, struct bh_model_elem *e)
{
	const uint8_t *lo, *hi;
	size_t n, k;
	uint32_t flags = 0;
	struct attrs t;

	memset(e, 0, sizeof *e);
	if (!bh_attrs_read(body,
		    HAS(NFTA_SET_ELEM_KEY) | HAS(NFTA_SET_ELEM_DATA) | HAS(NFTA_SET_ELEM_FLAGS) |
			    HAS(NFTA_SET_ELEM_TIMEOUT) | HAS(NFTA_SET_ELEM_EXPIRATION) |
			    HAS(NFTA_SET_ELEM_USERDATA) | HAS(NFTA_SET_ELEM_EXPR) |
			    HAS(NFTA_SET_ELEM_PAD) | HAS(NFTA_SET_ELEM_KEY_END) |
			    HAS(NFTA_SET_ELEM_EXPRESSIONS),
		    &t) ||
		!bh_attr_data(&t.v[NFTA_SET_ELEM_KEY], &lo, &n) || n > BH_KEY_MAX ||
		!only_counters(&t.v[NFTA_SET_ELEM_EXPR], &t.v[NFTA_SET_ELEM_EXPRESSIONS]) ||
		(t.v[NFTA_SET_ELEM_FLAGS].p && !bh_attr_u32(&t.v[NFTA_SET_ELEM_FLAGS], &flags)) ||
		(flags & ~(uint32_t)NFT_SET_ELEM_INTERVAL_END))
		return false;
	memcpy(e->lo, lo, n);
	memcpy(e->hi, lo, n);
	if (t.v[NFTA_SET_ELEM_KEY_END].p) {
		if (!bh_attr_data(&t.v[NFTA_SET_ELEM_KEY_END], &hi, &k) || k != n)
			return false;
		memcpy(e->hi, hi, n);
	}
	e->key_len = (uint8_t)n;
	e->end = flags & NFT_SET_ELEM_INTERVAL_END;
	e->map = t.v[NFTA_SET_ELEM_DATA].p != NULL;
	return !e->map || bh_attr_verdict(&t.v[NFTA_SET_ELEM_DATA], &e->verdict, e->chain);
}

static int put_elems(struct reader *rd, struct bh_bytes body)
{
	char name[BH_MODEL_NAME] = "";
	struct bh_model_elem e;
	struct bh_bytes list, one;
	struct attrs t;
	uint16_t type;
	int r = 0;

	if (!bh_attrs_read(body,
		    HAS(NFTA_SET_ELEM_LIST_TABLE) | HAS(NFTA_SET_ELEM_LIST_SET) |
			    HAS(NFTA_SET_ELEM_LIST_ELEMENTS) | HAS(NFTA_SET_ELEM_LIST_SET_ID),
		    &t) ||
		!bh_attr_name(&t.v[NFTA_SET_ELEM_LIST_SET], name)) {
		refuse(rd, "elements of set", name);
		return 0;
	}
	list = t.v[NFTA_SET_ELEM_LIST_ELEMENTS];
	while (r == 0 && list.p && bh_attrs_each(&list, &type, &one)) {
		if (type != NFTA_LIST_ELEM || !get_elem(one, &e)) {
			refuse(rd, "element of set", name);
			return 0;
		}
		r = bh_model_element(rd->m, name, &e);
	}
	if (list.bad)
		refuse(rd, "elements of set", name);
	return r;
}

static int put_object(struct reader *rd, struct bh_bytes body)
{
	struct bh_bytes one;
	uint32_t kind = 0;
	uint16_t type;

	while (bh_attrs_each(&body, &type, &one))
		if (type == NFTA_OBJ_TYPE && !bh_attr_u32(&one, &kind))
			kind = 0;
	if (body.bad || kind != NFT_OBJECT_COUNTER)
		refuse(rd, "object", "of the table");
	return 0;
}

/* the first attribute of every message but a table's is the table it speaks of */
static bool is_ours(struct bh_bytes body, uint8_t family)
{
	char table[BH_MODEL_NAME];
	struct bh_bytes one;
	uint16_t type;

	while (bh_attrs_each(&body, &type, &one))
		if (type == 1)
			return family == NFPROTO_INET && bh_attr_name(&one, table) &&
			       strcmp(table, NL_TABLE) == 0;
	return false;
}

static int put_message(struct reader *rd, uint16_t type, uint16_t flags, struct bh_bytes body)
{
	const uint8_t *gen = bh_take(&body, sizeof(struct nfgenmsg));
	uint16_t epoch;

	if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END)
		return 0;
	if (!gen) {
		refuse(rd, "message", "too short");
		return 0;
	}
	if (!is_ours(body, gen[0])) {
		if (!rd->dump)
			refuse(rd, "message", "about another table");
		return 0;
	}
	if (rd->dump) {
		epoch = (uint16_t)(gen[2] << 8 | gen[3]);
		rd->torn |= rd->epoch && epoch != rd->epoch;
		rd->epoch = epoch;
	}
	switch (type) {
	case MSG(NFT_MSG_NEWTABLE):
		return put_table(rd, body);
	case MSG(NFT_MSG_DELTABLE):
		if (rd->dump || bh_model_size(rd->m).chains || bh_model_size(rd->m).sets)
			refuse(rd, "message", "that takes away what was put");
		return 0;
	case MSG(NFT_MSG_NEWCHAIN):
		return put_chain(rd, body);
	case MSG(NFT_MSG_NEWRULE):
		return put_rule(rd, body, flags);
	case MSG(NFT_MSG_NEWSET):
		return put_set(rd, body);
	case MSG(NFT_MSG_NEWSETELEM):
		return put_elems(rd, body);
	case MSG(NFT_MSG_NEWOBJ):
		return put_object(rd, body);
	}
	refuse(rd, "message", "of a type unheard of");
	return 0;
}

int bh_model_feed(struct reader *rd, struct bh_bytes messages)
{
	int r = 0;

	while (r == 0 && messages.left) {
		const uint8_t *p = bh_take(&messages, sizeof(struct nlmsghdr));
		struct nlmsghdr h;
		const uint8_t *body;
		size_t pad;

		if (p)
			memcpy(&h, p, sizeof h);
		if (!p || h.nlmsg_len < sizeof h ||
			!(body = bh_take(&messages, h.nlmsg_len - sizeof h))) {
			refuse(rd, "message", "cut short");
			return 0;
		}
		pad = NLMSG_ALIGN(h.nlmsg_len) - h.nlmsg_len;
		(void)bh_take(&messages, pad < messages.left ? pad : messages.left);
		r = put_message(rd, h.nlmsg_type, h.nlmsg_flags,
			bh_bytes(body, h.nlmsg_len - sizeof h));
	}
	return r == -EINVAL ? 0 : r; /* a name that cannot be one is refused already */
}
