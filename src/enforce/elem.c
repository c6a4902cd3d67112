/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include "elem.h"

/* nft's numbers of its data types: they only tell nft how to print */
enum {
	TYPE_NFPROTO = 2,
	TYPE_IP = 7,
	TYPE_IP6 = 8,
	TYPE_ETHER = 9,
	TYPE_ETHERTYPE = 10,
	TYPE_PROTOCOL = 12,
	TYPE_SERVICE = 13
};

static unsigned field(char f, bool v6, unsigned *ret_type)
{
	switch (f) {
	case 'a':
		*ret_type = v6 ? TYPE_IP6 : TYPE_IP;
		return v6 ? 16 : 4;
	case 'p':
		*ret_type = TYPE_SERVICE;
		return 2;
	case 'l':
		*ret_type = TYPE_PROTOCOL;
		return 1;
	case 'n':
		*ret_type = TYPE_NFPROTO;
		return 1;
	case 't':
		*ret_type = TYPE_ETHERTYPE;
		return 2;
	default:
		*ret_type = TYPE_ETHER;
		return 6;
	}
}

struct meter {
	uint32_t size;
	uint64_t timeout_ms;
};

static void put_set(struct batch *b, const char *name, const char *fields, bool v6, uint32_t flags,
	bool counted, const struct meter *meter)
{
	struct nftnl_set *s = nftnl_set_alloc();
	struct nftnl_expr *counter = counted ? nftnl_expr_alloc("counter") : NULL;
	uint32_t type = 0, len = 0;
	uint8_t lens[4] = {0};
	unsigned n = 0;
	struct nlmsghdr *h;

	for (; fields[n]; n++) {
		unsigned t, l = field(fields[n], v6, &t);

		type = type << 6 | t;
		lens[n] = (uint8_t)l;
		len += fields[1] ? (l + 3) & ~3u : l; /* one field alone is not padded */
	}
	if (n > 1 && (flags & NFT_SET_INTERVAL))
		flags |= NFT_SET_CONCAT;
	h = s && (counter || !counted) ? bh_batch_msg(b, NFT_MSG_NEWSET, NLM_F_CREATE, "set", name)
				       : NULL;
	if (!h) {
		b->error = b->error ? b->error : -ENOMEM;
	} else {
		if (nftnl_set_set_str(s, NFTNL_SET_TABLE, NL_TABLE) < 0 ||
			nftnl_set_set_str(s, NFTNL_SET_NAME, name) < 0)
			b->error = -ENOMEM;
		nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_INET);
		nftnl_set_set_u32(s, NFTNL_SET_ID, (uint32_t)b->n);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type);
		nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
		nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
		if (meter) {
			nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, meter->size);
			nftnl_set_set_u64(s, NFTNL_SET_TIMEOUT, meter->timeout_ms);
		}
		if (flags & NFT_SET_MAP)
			nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		if ((flags & NFT_SET_CONCAT) &&
			nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, lens, n) < 0)
			b->error = -ENOMEM;
		if (counter)
			nftnl_set_add_expr(s, counter);
		counter = NULL; /* the set owns it now */
		nftnl_set_nlmsg_build_payload(h, s);
		bh_batch_msg_end(b, h);
	}
	if (counter)
		nftnl_expr_free(counter);
	if (s)
		nftnl_set_free(s);
}

void bh_set_add(struct batch *b, const char *name, const char *fields, bool v6, uint32_t flags,
	bool counted)
{
	put_set(b, name, fields, v6, flags, counted, NULL);
}

void bh_meter_add(struct batch *b, const char *name, const char *fields, bool v6, uint32_t size,
	uint64_t timeout_ms)
{
	struct meter m = {size, timeout_ms};

	put_set(b, name, fields, v6, NFT_SET_EVAL | NFT_SET_TIMEOUT, false, &m);
}

void bh_map_add(struct batch *b, const char *name, bool v6)
{
	put_set(b, name, "a", v6, NFT_SET_MAP | NFT_SET_INTERVAL, false, NULL);
}

void bh_key_prefix(struct key *k, const struct bh_prefix *p)
{
	bool v4 = bh_prefix_is4(p);
	unsigned skip = v4 ? 12 : 0, n = 16 - skip, bits = v4 ? p->bits - 96u : p->bits;

	memcpy(k->lo + k->len, p->net.b + skip, n);
	memcpy(k->hi + k->len, p->net.b + skip, n);
	for (unsigned i = bits; i < n * 8; i++)
		k->hi[k->len + i / 8] |= (uint8_t)(0x80u >> (i % 8));
	k->len += n;
}

void bh_key_ports(struct key *k, uint16_t lo, uint16_t hi)
{
	const uint8_t v[4] = {(uint8_t)(lo >> 8), (uint8_t)lo, 0, 0},
		      w[4] = {(uint8_t)(hi >> 8), (uint8_t)hi, 0, 0};

	memcpy(k->lo + k->len, v, 4);
	memcpy(k->hi + k->len, w, 4);
	k->len += 4;
}

/* ---- writing ---- */

struct elems bh_elems_new(struct batch *b, uint16_t type, uint16_t flags, const char *set)
{
	return (struct elems){.b = b, .set = set, .kind = "set", .type = type, .flags = flags};
}

static void close_message(struct elems *e)
{
	if (!e->h)
		return;
	mnl_attr_nest_end(e->h, e->list);
	bh_batch_msg_end(e->b, e->h);
	e->h = NULL;
}

void bh_elems_end(struct elems *e)
{
	close_message(e);
}

static void put_data(struct nlmsghdr *h, uint16_t attr, const void *p, unsigned len)
{
	struct nlattr *nest = mnl_attr_nest_start(h, attr);

	mnl_attr_put(h, NFTA_DATA_VALUE, len, p);
	mnl_attr_nest_end(h, nest);
}

static void put_goto(struct nlmsghdr *h, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(h, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(h, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
	mnl_attr_put_strz(h, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(h, verdict);
	mnl_attr_nest_end(h, data);
}

static void put(struct elems *e, uint32_t flags, const void *key, const void *end, unsigned len,
	const struct elem_extra *x)
{
	struct nlattr *nest;

	if (e->h && e->h->nlmsg_len > NL_MSG_MAX)
		close_message(e);
	if (!e->h) {
		e->h = bh_batch_msg(e->b, e->type, e->flags, e->kind, e->set);
		if (!e->h)
			return;
		mnl_attr_put_strz(e->h, NFTA_SET_ELEM_LIST_TABLE, NL_TABLE);
		mnl_attr_put_strz(e->h, NFTA_SET_ELEM_LIST_SET, e->set);
		e->list = mnl_attr_nest_start(e->h, NFTA_SET_ELEM_LIST_ELEMENTS);
	}
	nest = mnl_attr_nest_start(e->h, NFTA_LIST_ELEM);
	if (flags)
		mnl_attr_put_u32(e->h, NFTA_SET_ELEM_FLAGS, htonl(flags));
	if (x && x->timeout_ms)
		mnl_attr_put_u64(e->h, NFTA_SET_ELEM_TIMEOUT, htobe64(x->timeout_ms));
	put_data(e->h, NFTA_SET_ELEM_KEY, key, len);
	if (end)
		put_data(e->h, NFTA_SET_ELEM_KEY_END, end, len);
	if (x && x->chain)
		put_goto(e->h, x->chain);
	if (x && x->comment && x->comment[0]) {
		uint8_t u[2 + ELEM_COMMENT] = {NFTNL_UDATA_SET_ELEM_COMMENT};
		size_t n = strnlen(x->comment, ELEM_COMMENT - 1) + 1;

		u[1] = (uint8_t)n;
		memcpy(u + 2, x->comment, n - 1);
		mnl_attr_put(e->h, NFTA_SET_ELEM_USERDATA, n + 2, u);
	}
	mnl_attr_nest_end(e->h, nest);
	if (!(flags & NFT_SET_ELEM_INTERVAL_END))
		e->count++;
}

void bh_elem_exact(struct elems *e, const void *key, unsigned len, const struct elem_extra *x)
{
	put(e, 0, key, NULL, len, x);
}

void bh_elem_concat(struct elems *e, const struct key *k)
{
	put(e, 0, k->lo, k->hi, k->len, NULL);
}

void bh_elem_concat_timed(struct elems *e, const struct key *k, uint64_t timeout_ms)
{
	struct elem_extra x = {.timeout_ms = timeout_ms};

	put(e, 0, k->lo, k->hi, k->len, &x);
}

void bh_elem_range(
	struct elems *e, bool v6, const uint8_t *lo, const uint8_t *hi, const struct elem_extra *x)
{
	unsigned len = v6 ? 16 : 4, i = len;
	uint8_t after[16];

	put(e, 0, lo, NULL, len, x);
	memcpy(after, hi, len);
	while (i > 0 && ++after[i - 1] == 0)
		i--;
	if (i > 0) /* else hi is the last address: an interval without an end reaches there */
		put(e, NFT_SET_ELEM_INTERVAL_END, after, NULL, len, NULL);
}

/* ---- reading ---- */

struct dump {
	elem_each *fn;
	void *ctx;
	size_t seen;
};

static uint64_t mix(uint64_t h, const struct nlattr *a)
{
	uint16_t type = mnl_attr_get_type(a);

	return bh_hash(
		mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), h ^ ((uint64_t)type << 48));
}

static void read_key(const struct nlattr *a, struct elem_seen *x)
{
	struct nlattr *v;

	mnl_attr_for_each_nested(v, a)
	{
		if (mnl_attr_get_type(v) != NFTA_DATA_VALUE ||
			mnl_attr_get_payload_len(v) > KEY_MAX)
			continue;
		x->key_len = mnl_attr_get_payload_len(v);
		memcpy(x->key, mnl_attr_get_payload(v), x->key_len);
	}
}

static void read_comment(const struct nlattr *a, struct elem_seen *x)
{
	struct bh_bytes c = bh_bytes(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));

	while (c.left >= 2 && !c.bad) {
		uint8_t type = bh_u8(&c), len = bh_u8(&c);
		const uint8_t *p = bh_take(&c, len);

		if (p && type == NFTNL_UDATA_SET_ELEM_COMMENT && len > 0 && len <= ELEM_COMMENT) {
			memcpy(x->comment, p, len);
			x->comment[len - 1] = '\0';
		}
	}
}

static void read_counter(const struct nlattr *expr, struct elem_seen *x)
{
	struct nlattr *a, *d;

	mnl_attr_for_each_nested(a, expr)
	{
		if (mnl_attr_get_type(a) != NFTA_EXPR_DATA)
			continue;
		mnl_attr_for_each_nested(d, a) if (mnl_attr_get_type(d) == NFTA_COUNTER_PACKETS &&
						   mnl_attr_get_payload_len(d) >= 8) x->packets =
			be64toh(mnl_attr_get_u64(d));
	}
}

static void read_elem(const struct nlattr *elem, struct elem_seen *x)
{
	struct nlattr *a;

	memset(x, 0, sizeof *x);
	mnl_attr_for_each_nested(a, elem)
	{
		switch (mnl_attr_get_type(a)) {
		case NFTA_SET_ELEM_KEY:
			read_key(a, x);
			x->digest = mix(x->digest, a);
			break;
		case NFTA_SET_ELEM_KEY_END:
		case NFTA_SET_ELEM_DATA:
			x->digest = mix(x->digest, a);
			break;
		case NFTA_SET_ELEM_FLAGS:
			if (mnl_attr_get_payload_len(a) >= 4)
				x->is_end = (ntohl(mnl_attr_get_u32(a)) &
						    NFT_SET_ELEM_INTERVAL_END) != 0;
			x->digest = mix(x->digest, a);
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			if (mnl_attr_get_payload_len(a) >= 8)
				x->timeout_ms = be64toh(mnl_attr_get_u64(a));
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			if (mnl_attr_get_payload_len(a) >= 8)
				x->left_ms = be64toh(mnl_attr_get_u64(a));
			break;
		case NFTA_SET_ELEM_EXPR: /* counters are the only kind we make */
			read_counter(a, x);
			break;
		case NFTA_SET_ELEM_USERDATA:
			read_comment(a, x);
			x->digest = mix(x->digest, a);
			break;
		}
	}
}

static int each_message(const struct nlmsghdr *h, void *ctx)
{
	struct dump *d = ctx;
	struct nlattr *a, *elem;
	struct elem_seen x;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(elem, a)
		{
			int r;

			read_elem(elem, &x);
			d->seen++;
			r = d->fn(&x, d->ctx);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int bh_elems_dump(struct nl *nl, const char *set, elem_each *fn, void *ctx)
{
	struct dump d = {fn, ctx, 0};
	char buf[256];
	struct nlmsghdr *h = bh_nl_request(nl, buf, NFT_MSG_GETSETELEM, NLM_F_DUMP);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, NL_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return bh_nl_ask(nl, h, each_message, &d);
}

static int keep(const struct elem_seen *x, void *ctx)
{
	struct elem_seen *first = ctx;

	if (first->key_len == 0)
		*first = *x;
	return 0;
}

int bh_elem_get(
	struct nl *nl, const char *set, const void *key, unsigned len, struct elem_seen *ret_seen)
{
	struct elem_seen found = {0};
	struct dump d = {keep, &found, 0};
	struct nlattr *list, *elem;
	struct nlmsghdr *h;
	char buf[512];
	int r;

	h = bh_nl_request(nl, buf, NFT_MSG_GETSETELEM, NLM_F_ACK);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, NL_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	put_data(h, NFTA_SET_ELEM_KEY, key, len);
	mnl_attr_nest_end(h, elem);
	mnl_attr_nest_end(h, list);
	r = bh_nl_ask(nl, h, each_message, &d);
	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return r;
	if (found.key_len != len || memcmp(found.key, key, len))
		return 1; /* an interval set answers with the range around the key: not the same
			     element */
	*ret_seen = found;
	return 0;
}
