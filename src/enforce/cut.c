/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts as set elements. The order and the reason ride along as the element's comment, so that a
 * successor of this process, or a person with nft, reads from the kernel who was cut for what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "ruleset.h"

static const struct cut_set {
	const char *name, *fields;
	uint8_t kind, what, proto;
	bool v6;
} cut_sets[] = {
	{"iso4", "a", BH_CUT_ISOLATE, BH_CUT_ADDR, 0, false},
	{"iso6", "a", BH_CUT_ISOLATE, BH_CUT_ADDR, 0, true},
	{"isomac", "e", BH_CUT_ISOLATE, BH_CUT_MAC, 0, false},
	{"isonet4", "a", BH_CUT_ISOLATE, BH_CUT_NET, 0, false},
	{"isonet6", "a", BH_CUT_ISOLATE, BH_CUT_NET, 0, true},
	{"shield4", "a", BH_CUT_SHIELD, BH_CUT_ADDR, 0, false},
	{"shield6", "a", BH_CUT_SHIELD, BH_CUT_ADDR, 0, true},
	{"contain4", "a", BH_CUT_CONTAIN, BH_CUT_ADDR, 0, false},
	{"contain6", "a", BH_CUT_CONTAIN, BH_CUT_ADDR, 0, true},
	{"island4", "a", BH_CUT_ISLAND, BH_CUT_NET, 0, false},
	{"island6", "a", BH_CUT_ISLAND, BH_CUT_NET, 0, true},
	{"kill_tcp4", "aapp", BH_CUT_KILL, BH_CUT_FLOW, 6, false},
	{"kill_tcp6", "aapp", BH_CUT_KILL, BH_CUT_FLOW, 6, true},
	{"kill_udp4", "aapp", BH_CUT_KILL, BH_CUT_FLOW, 17, false},
	{"kill_udp6", "aapp", BH_CUT_KILL, BH_CUT_FLOW, 17, true},
};

/* follow from the cuts, or are written by the kernel alone */
static const char *const live_sets[] = {"island_in4", "island_in6", "trial", "would4", "would6",
	"would_any4", "would_any6"};

#define WOULD_SIZE 65535u

void bh_cut_sets_put(struct batch *b)
{
	for (size_t i = 0; i < BH_COUNT(cut_sets); i++) {
		const struct cut_set *s = &cut_sets[i];
		uint32_t range = s->what == BH_CUT_NET ? NFT_SET_INTERVAL : 0;

		bh_set_add(b, s->name, s->fields, s->v6, NFT_SET_TIMEOUT | range, true);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		bh_set_add(b, v6 ? "island_in6" : "island_in4", "aa", v6,
			NFT_SET_INTERVAL | NFT_SET_TIMEOUT, false);
		bh_meter_add(b, v6 ? "would6" : "would4", "aalp", v6, WOULD_SIZE, 86400000);
		bh_meter_add(b, v6 ? "would_any6" : "would_any4", "aal", v6, WOULD_SIZE, 86400000);
	}
}

bool bh_is_live_set(const char *name)
{
	for (size_t i = 0; i < BH_COUNT(cut_sets); i++)
		if (!strcmp(name, cut_sets[i].name))
			return true;
	for (size_t i = 0; i < BH_COUNT(live_sets); i++)
		if (!strcmp(name, live_sets[i]))
			return true;
	return false;
}

static const struct cut_set *set_of(const struct bh_cut *c)
{
	bool v6 = c->what != BH_CUT_MAC && !bh_prefix_is4(&c->net);

	for (size_t i = 0; i < BH_COUNT(cut_sets); i++) {
		const struct cut_set *s = &cut_sets[i];

		if (s->kind == c->kind && s->what == c->what && s->v6 == v6 &&
			(s->what != BH_CUT_FLOW || s->proto == c->proto))
			return s;
	}
	return NULL;
}

int bh_cut_place(const struct bh_cut *c, struct bh_cut_place *ret_place)
{
	const struct cut_set *s = set_of(c);
	struct bh_cut_place p = {.len = 0};
	struct key k = {.len = 0};

	if (!s)
		return -EINVAL;
	p.set = s->name;
	p.v6 = s->v6;
	if (c->what == BH_CUT_MAC) {
		p.len = 6;
		memcpy(p.key, c->mac.b, 6);
		*ret_place = p;
		return 0;
	}
	p.range = c->what == BH_CUT_NET;
	bh_key_prefix(&k, &c->net);
	if (c->what == BH_CUT_FLOW) {
		bh_key_prefix(&k, &c->peer);
		bh_key_ports(&k, c->sport, c->sport);
		bh_key_ports(&k, c->dport, c->dport);
	}
	p.len = k.len;
	memcpy(p.key, k.lo, k.len);
	if (p.range)
		memcpy(p.last, k.hi, k.len);
	*ret_place = p;
	return 0;
}

/* the kernel keeps milliseconds, and no timeout at all when it reads 0 */
uint64_t bh_cut_ms(bh_ns ns)
{
	uint64_t ms = (ns + BH_MS(1) - 1) / BH_MS(1);

	return ms ? ms : 1;
}

struct cut_stream bh_cut_stream(struct batch *b)
{
	return (struct cut_stream){.b = b};
}

void bh_cut_stream_end(struct cut_stream *s)
{
	if (s->open)
		bh_elems_end(&s->e);
	s->open = false;
}

/* "order 12 smb.ransom", as nft can print and read it */
static void comment_of(const struct bh_cut *c, char out[ELEM_COMMENT])
{
	snprintf(out, ELEM_COMMENT, "order %u %s", c->order, c->because);
	for (char *s = out; *s; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\')
			*s = '_';
}

void bh_cut_put(struct cut_stream *s, const struct bh_cut *c, uint16_t type, uint16_t flags)
{
	char comment[ELEM_COMMENT];
	struct elem_extra x = {.timeout_ms = bh_cut_ms(c->ttl), .comment = comment};
	const struct elem_extra *extra = NULL;
	struct bh_cut_place p;

	if (type == NFT_MSG_NEWSETELEM) {
		comment_of(c, comment);
		extra = &x;
	}
	if (bh_cut_place(c, &p) < 0) {
		s->b->error = s->b->error ? s->b->error : -EINVAL;
		return;
	}
	if (s->open && (s->e.set != p.set || s->e.type != type || s->e.flags != flags))
		bh_cut_stream_end(s);
	if (!s->open) {
		s->e = bh_elems_new(s->b, type, flags, p.set);
		s->e.kind = "cut in set";
		s->open = true;
	}
	if (p.range)
		bh_elem_range(&s->e, p.v6, p.key, p.last, extra);
	else
		bh_elem_exact(&s->e, p.key, p.len, extra);
}

bool bh_cut_on_bridge(const struct bh_cut *c, bool whole)
{
	return whole || c->kind == BH_CUT_ISOLATE;
}

void bh_bridge_cut_sets_put(struct batch *b)
{
	for (size_t i = 0; i < BH_COUNT(cut_sets); i++) {
		const struct cut_set *s = &cut_sets[i];

		if (s->kind == BH_CUT_ISOLATE)
			bh_set_add(b, s->name, s->fields, s->v6,
				NFT_SET_TIMEOUT | (s->what == BH_CUT_NET ? NFT_SET_INTERVAL : 0), true);
	}
}

/* ---- reading ---- */

struct reader {
	const struct cut_set *set;
	struct bh_cut *v;
	size_t n, cap;
	bool open; /* a range whose end has not been seen */
};

static int reader_push(struct reader *rd, const struct bh_cut *c)
{
	if (rd->n == rd->cap) {
		size_t cap = rd->cap ? rd->cap * 2 : 64;
		struct bh_cut *v = realloc(rd->v, cap * sizeof *v);

		if (!v)
			return -ENOMEM;
		rd->v = v;
		rd->cap = cap;
	}
	rd->v[rd->n++] = *c;
	return 0;
}

static void read_comment(struct bh_cut *c, const char *comment)
{
	const char *p = comment, *end = comment + strlen(comment);
	struct bh_word w;
	uint64_t order;

	if (bh_word_next(&p, end, &w) || !bh_word_is(w, "order") || bh_word_next(&p, end, &w) ||
		bh_word_u64(w, UINT32_MAX, &order))
		return; /* not one of ours: order 0, no reason */
	c->order = (uint32_t)order;
	while (p < end && *p == ' ')
		p++;
	bh_strcpy(c->because, sizeof c->because, p);
}

static struct bh_addr addr_of(const uint8_t *key, bool v6)
{
	return v6 ? bh_addr_v6(key) : bh_addr_v4(key);
}

/* a range ends where the next element says so; the tree is read in descending or ascending order,
 * by kernel */
static void end_range(struct reader *rd, const uint8_t *key, unsigned len)
{
	struct bh_cut *c = &rd->v[rd->n - 1];
	uint8_t last[16];
	struct bh_addr end;
	unsigned i = len, bits = 128;

	memcpy(last, key, len);
	while (i > 0 && last[i - 1]-- == 0)
		i--;
	end = addr_of(last, rd->set->v6);
	while (bits > 0 && (end.b[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1) &&
		!(c->net.net.b[(bits - 1) / 8] >> (7 - (bits - 1) % 8) & 1))
		bits--;
	c->net.bits = (uint8_t)bits;
	rd->open = false;
}

struct ranges {
	struct elem_seen *v;
	size_t n, cap;
};

static int each_range(const struct elem_seen *x, void *ctx)
{
	struct ranges *l = ctx;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct elem_seen *v = realloc(l->v, cap * sizeof *v);

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *x;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct elem_seen *x = a, *y = b;
	int d = memcmp(x->key, y->key, sizeof x->key);

	return d ? d
		 : (int)y->is_end -
			       (int)x->is_end; /* an end stands before the start of its neighbour */
}

static int each_cut(const struct elem_seen *x, void *ctx)
{
	struct reader *rd = ctx;
	const struct cut_set *s = rd->set;
	unsigned width = s->v6 ? 16 : 4;
	struct bh_cut c = {.kind = s->kind, .what = s->what, .ttl = BH_MS(x->left_ms)};

	if (x->is_end) {
		if (rd->open)
			end_range(rd, x->key, x->key_len);
		return 0;
	}
	if (s->what == BH_CUT_MAC) {
		memcpy(c.mac.b, x->key, 6);
	} else {
		c.net.net = addr_of(x->key, s->v6);
		c.net.bits = 128;
	}
	if (s->what == BH_CUT_FLOW) {
		struct bh_bytes ports = bh_bytes(x->key + 2 * width, 8);

		c.peer.net = addr_of(x->key + width, s->v6);
		c.peer.bits = 128;
		c.proto = s->proto;
		c.sport = bh_be16(&ports);
		(void)bh_be16(&ports);
		c.dport = bh_be16(&ports);
	}
	read_comment(&c, x->comment);
	rd->open = s->what == BH_CUT_NET;
	return reader_push(rd, &c);
}

static int read_ranges(struct nl *nl, struct reader *rd)
{
	struct ranges l = {0};
	int r = bh_elems_dump(nl, rd->set->name, each_range, &l);

	if (r == 0 && l.n)
		qsort(l.v, l.n, sizeof *l.v, by_address);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		r = each_cut(&l.v[i], rd);
	if (r == 0 && rd->open) { /* to the end of the address space */
		static const uint8_t past[16];

		end_range(rd, past, rd->set->v6 ? 16 : 4);
	}
	free(l.v);
	return r;
}

static int read_once(struct nl *nl, struct reader *rd)
{
	for (size_t i = 0; i < BH_COUNT(cut_sets); i++) {
		const struct cut_set *s = &cut_sets[i];
		int r;

		rd->set = s;
		rd->open = false;
		r = s->what == BH_CUT_NET ? read_ranges(nl, rd)
					  : bh_elems_dump(nl, s->name, each_cut, rd);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int bh_cuts_read(struct nl *nl, struct bh_cut **ret_cuts, size_t *ret_n)
{
	struct reader rd = {0};
	int r = -EINTR;

	for (int tries = 0; tries < 50 && r == -EINTR; tries++) {
		rd.n = 0;
		r = read_once(nl, &rd);
	}
	if (r < 0) {
		free(rd.v);
		return r;
	}
	*ret_cuts = rd.v;
	*ret_n = rd.n;
	return 0;
}
