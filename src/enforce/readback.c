/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel holds, read back and folded into digests. Counters, handles, use counts and
 * expiry change by themselves and stay out; everything that decides the fate of a packet goes in.
 * Cuts are compared one by one with the book instead, because they come and go.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <libnftnl/udata.h>
#include "enforcer.h"

#define MSG(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static uint64_t fold(uint64_t h, const struct nlattr *a)
{
	uint64_t type = mnl_attr_get_type(a);

	return bh_hash(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), h ^ type << 48);
}

static bool attr_is(const struct nlattr *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return mnl_attr_get_payload_len(a) == n && !memcmp(mnl_attr_get_payload(a), s, n);
}

static void attr_name(const struct nlattr *a, char out[NL_NAME])
{
	size_t n = mnl_attr_get_payload_len(a);

	memset(out, 0, NL_NAME);
	memcpy(out, mnl_attr_get_payload(a), n < NL_NAME ? n : NL_NAME - 1);
	out[NL_NAME - 1] = '\0';
}

/* folds the attributes whose bit is set in take; 0 when the message is of another table */
static uint64_t fold_message(
	const struct nlmsghdr *h, uint64_t start, uint16_t table_attr, uint64_t take)
{
	struct nlattr *a;
	bool ours = false;

	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(a);

		if (type == table_attr && attr_is(a, NL_TABLE))
			ours = true;
		if (type < 64 && (take >> type & 1))
			start = fold(start, a);
	}
	return ours ? start : 0;
}

#define TAKE(attr) (1ull << (attr))

struct reading {
	struct snapshot s;
	char (*sets)[NL_NAME];
	size_t n_sets, cap_sets;
};

static void read_table_comment(const struct nlattr *a, struct snapshot *s)
{
	struct bh_bytes c = bh_bytes(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	while (c.left >= 2 && !c.bad) {
		uint8_t type = bh_u8(&c), len = bh_u8(&c);
		const uint8_t *p = bh_take(&c, len);
		unsigned long long hash;
		unsigned stamp, used = 0;
		char text[256];

		if (!p || type != NFTNL_UDATA_TABLE_COMMENT || len == 0)
			continue;
		memcpy(text, p, len);
		text[len - 1] = '\0';
		if (sscanf(text, "bulkhead generation=%5u mode=%*15s law=%16llx used=%5u", &stamp,
			    &hash, &used) >= 2 &&
			stamp && stamp <= 65535 && used <= 65535) {
			s->stamp = (uint16_t)stamp;
			s->used = (uint16_t)(used ? used : stamp);
			s->law_hash = hash;
		}
	}
}

static int each_table(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nlattr *a;

	if (h->nlmsg_type != MSG(NFT_MSG_NEWTABLE))
		return 0;
	rd->s.present = true;
	rd->s.table = fold_message(h, 1, NFTA_TABLE_NAME,
		TAKE(NFTA_TABLE_NAME) | TAKE(NFTA_TABLE_FLAGS) | TAKE(NFTA_TABLE_USERDATA));
	mnl_attr_for_each(
		a, h, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == NFTA_TABLE_USERDATA)
		read_table_comment(a, &rd->s);
	return 0;
}

static int each_chain(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	uint64_t d;

	if (h->nlmsg_type != MSG(NFT_MSG_NEWCHAIN))
		return 0;
	d = fold_message(h, 2, NFTA_CHAIN_TABLE,
		TAKE(NFTA_CHAIN_NAME) | TAKE(NFTA_CHAIN_HOOK) | TAKE(NFTA_CHAIN_POLICY) |
			TAKE(NFTA_CHAIN_TYPE) | TAKE(NFTA_CHAIN_FLAGS));
	if (d) {
		rd->s.chains += d;
		rd->s.n_chains++;
	}
	return 0;
}

static int each_rule(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	uint64_t d;

	if (h->nlmsg_type != MSG(NFT_MSG_NEWRULE))
		return 0;
	d = fold_message(
		h, 3, NFTA_RULE_TABLE, TAKE(NFTA_RULE_CHAIN) | TAKE(NFTA_RULE_EXPRESSIONS));
	if (d) {
		rd->s.rules = bh_hash(&d, sizeof d, rd->s.rules); /* their order matters */
		rd->s.n_rules++;
	}
	return 0;
}

static int each_object(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;

	if (h->nlmsg_type == MSG(NFT_MSG_NEWOBJ))
		rd->s.objects += fold_message(
			h, 4, NFTA_OBJ_TABLE, TAKE(NFTA_OBJ_NAME) | TAKE(NFTA_OBJ_TYPE));
	return 0;
}

static int each_set(const struct nlmsghdr *h, void *ctx)
{
	struct reading *rd = ctx;
	struct nlattr *a;
	uint64_t d;

	if (h->nlmsg_type != MSG(NFT_MSG_NEWSET))
		return 0;
	d = fold_message(h, 5, NFTA_SET_TABLE,
		TAKE(NFTA_SET_NAME) | TAKE(NFTA_SET_FLAGS) | TAKE(NFTA_SET_KEY_TYPE) |
			TAKE(NFTA_SET_KEY_LEN) | TAKE(NFTA_SET_DATA_TYPE) |
			TAKE(NFTA_SET_DATA_LEN) | TAKE(NFTA_SET_TIMEOUT));
	if (!d)
		return 0;
	rd->s.sets += d;
	if (rd->n_sets == rd->cap_sets) {
		size_t cap = rd->cap_sets ? rd->cap_sets * 2 : 64;
		void *v = realloc(rd->sets, cap * sizeof *rd->sets);

		if (!v)
			return -ENOMEM;
		rd->sets = v;
		rd->cap_sets = cap;
	}
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == NFTA_SET_NAME)
		attr_name(a, rd->sets[rd->n_sets]);
	rd->n_sets++;
	return 0;
}

struct counting {
	uint64_t sum;
	size_t n;
};

static int each_element(const struct elem_seen *x, void *ctx)
{
	struct counting *c = ctx;

	c->sum += bh_hash(&x->digest, sizeof x->digest, 6);
	c->n += !x->is_end;
	return 0;
}

static int ask_table(struct nl *nl, struct reading *rd)
{
	char buf[256];
	struct nlmsghdr *h = bh_nl_request(nl, buf, NFT_MSG_GETTABLE, NLM_F_ACK);
	int r;

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, NL_TABLE);
	r = bh_nl_ask(nl, h, each_table, rd);
	return r == -ENOENT ? 0 : r;
}

static int ask_all(
	struct nl *nl, uint16_t type, uint16_t table_attr, nl_each *fn, struct reading *rd)
{
	char buf[256];
	struct nlmsghdr *h = bh_nl_request(nl, buf, type, NLM_F_DUMP);

	if (table_attr)
		mnl_attr_put_strz(h, table_attr, NL_TABLE);
	return bh_nl_ask(nl, h, fn, rd);
}

static size_t *wanted_slot(const struct ruleset *want, size_t *found, const char *set)
{
	for (size_t i = 0; i < want->n_expect; i++)
		if (!strcmp(want->expect[i].set, set))
			return &found[i];
	return NULL;
}

static int read_elements(
	struct nl *nl, const struct ruleset *want, struct reading *rd, char why[NL_WHY])
{
	size_t *found = calloc(want && want->n_expect ? want->n_expect : 1, sizeof *found);
	int r = found ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < rd->n_sets; i++) {
		struct counting c = {0};
		size_t *slot;

		if (bh_is_live_set(rd->sets[i]))
			continue;
		r = bh_elems_dump(nl, rd->sets[i], each_element, &c);
		rd->s.elements += bh_hash(rd->sets[i], strlen(rd->sets[i]), c.sum);
		rd->s.n_elements += c.n;
		slot = want ? wanted_slot(want, found, rd->sets[i]) : NULL;
		if (slot)
			*slot = c.n;
	}
	for (size_t i = 0; r == 0 && want && i < want->n_expect; i++)
		if (found[i] != want->expect[i].n) {
			snprintf(why, NL_WHY, "set %s: %zu elements sent, %zu kept",
				want->expect[i].set, want->expect[i].n, found[i]);
			r = 1;
		}
	free(found);
	return r;
}

static int take_once(
	struct nl *nl, const struct ruleset *want, struct reading *rd, char why[NL_WHY])
{
	int r = ask_table(nl, rd);

	if (r < 0 || !rd->s.present)
		return r;
	r = ask_all(nl, NFT_MSG_GETCHAIN, 0, each_chain, rd);
	if (r == 0)
		r = ask_all(nl, NFT_MSG_GETRULE, NFTA_RULE_TABLE, each_rule, rd);
	if (r == 0)
		r = ask_all(nl, NFT_MSG_GETOBJ, NFTA_OBJ_TABLE, each_object, rd);
	if (r == 0)
		r = ask_all(nl, NFT_MSG_GETSET, NFTA_SET_TABLE, each_set, rd);
	rd->s.n_sets = rd->n_sets;
	if (r == 0)
		r = read_elements(nl, want, rd, why);
	return r;
}

int bh_snapshot_take(
	struct nl *nl, const struct ruleset *want, struct snapshot *ret, char why[NL_WHY])
{
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		struct reading rd = {0};

		r = take_once(nl, want, &rd, why);
		free(rd.sets);
		if (r == -ENOENT) /* a table that vanished under the reader */
			r = -EINTR;
		if (r == 0)
			*ret = rd.s;
	}
	return r;
}

int bh_snapshot_head(struct nl *nl, struct snapshot *ret)
{
	struct reading rd = {0};
	int r = ask_table(nl, &rd);

	if (r == 0)
		*ret = rd.s;
	return r;
}

static int each_counter(const struct nlmsghdr *h, void *ctx)
{
	static const struct {
		const char *name;
		size_t offset;
	} known[] = {
		{"c_pin", offsetof(struct bh_enforce_counters, pin)},
		{"c_iso", offsetof(struct bh_enforce_counters, iso)},
		{"c_deny", offsetof(struct bh_enforce_counters, deny)},
		{"c_shield", offsetof(struct bh_enforce_counters, shield)},
		{"c_invalid", offsetof(struct bh_enforce_counters, invalid)},
		{"c_would_deny", offsetof(struct bh_enforce_counters, would_deny)},
		{"c_contain", offsetof(struct bh_enforce_counters, contain)},
		{"c_island", offsetof(struct bh_enforce_counters, island)},
		{"c_kill", offsetof(struct bh_enforce_counters, kill)},
		{"c_vlan", offsetof(struct bh_enforce_counters, vlan)},
	};
	char name[NL_NAME] = "";
	uint64_t packets = 0;
	struct nlattr *a, *d;

	if (h->nlmsg_type != MSG(NFT_MSG_NEWOBJ))
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) == NFTA_OBJ_NAME)
			attr_name(a, name);
		if (mnl_attr_get_type(a) != NFTA_OBJ_DATA)
			continue;
		mnl_attr_for_each_nested(d, a) if (mnl_attr_get_type(d) == NFTA_COUNTER_PACKETS &&
						   mnl_attr_get_payload_len(d) >= 8) packets =
			be64toh(mnl_attr_get_u64(d));
	}
	for (size_t i = 0; i < BH_COUNT(known); i++)
		if (!strcmp(known[i].name, name))
			memcpy((char *)ctx + known[i].offset, &packets, sizeof packets);
	return 0;
}

int bh_counters_read(struct nl *nl, struct bh_enforce_counters *ret)
{
	struct bh_enforce_counters c;
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		char buf[256];
		struct nlmsghdr *h = bh_nl_request(nl, buf, NFT_MSG_GETOBJ, NLM_F_DUMP);

		memset(&c, 0, sizeof c);
		mnl_attr_put_strz(h, NFTA_OBJ_TABLE, NL_TABLE);
		mnl_attr_put_u32(h, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
		r = bh_nl_ask(nl, h, each_counter, &c);
	}
	if (r == -ENOENT) { /* no such table: nothing was counted */
		memset(&c, 0, sizeof c);
		r = 0;
	}
	if (r == 0)
		*ret = c;
	return r;
}
