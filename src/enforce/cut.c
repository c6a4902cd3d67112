/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts as set elements. The order and the reason ride along as the element's comment, so that a
 * successor of this process, or a person with nft, reads from the kernel who was cut for what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "ruleset.h"

const char *const bh_cut_sets[CUT_SETS] = {
	"iso4", "iso6", "isomac", "isonet4", "isonet6", "shield4", "shield6"};

bool bh_is_cut_set(const char *name)
{
	for (size_t i = 0; i < CUT_SETS; i++)
		if (!strcmp(name, bh_cut_sets[i]))
			return true;
	return false;
}

void bh_cut_place(const struct bh_cut *c, struct bh_cut_place *ret_place)
{
	bool v4 = c->what != BH_CUT_MAC && bh_prefix_is4(&c->net);
	struct bh_cut_place p = {.len = v4 ? 4 : 16};
	struct key k = {.len = 0};

	if (c->what == BH_CUT_MAC) {
		p.set = "isomac";
		p.len = 6;
		memcpy(p.key, c->mac.b, 6);
		*ret_place = p;
		return;
	}
	p.range = c->what == BH_CUT_NET;
	if (c->kind == BH_CUT_SHIELD)
		p.set = v4 ? "shield4" : "shield6";
	else if (p.range)
		p.set = v4 ? "isonet4" : "isonet6";
	else
		p.set = v4 ? "iso4" : "iso6";
	bh_key_prefix(&k, &c->net);
	memcpy(p.key, k.lo, p.len);
	memcpy(p.last, k.hi, p.len);
	*ret_place = p;
}

/* the kernel keeps milliseconds, and no timeout at all when it reads 0 */
static uint64_t ms_of(bh_ns ns)
{
	uint64_t ms = (ns + BH_MS(1) - 1) / BH_MS(1);

	return ms ? ms : 1;
}

void bh_cut_put(struct batch *b, const struct bh_cut *c, uint16_t type, uint16_t flags)
{
	char comment[ELEM_COMMENT];
	struct elem_extra x = {.timeout_ms = ms_of(c->ttl), .comment = comment};
	const struct elem_extra *extra = type == NFT_MSG_NEWSETELEM ? &x : NULL;
	struct bh_cut_place p;
	struct elems e;

	snprintf(comment, sizeof comment, "order %u %s", c->order, c->because);
	for (char *s = comment; *s; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\')
			*s = '_';
	bh_cut_place(c, &p);
	e = bh_elems_new(b, type, flags, p.set);
	e.kind = "cut in set";
	if (p.range)
		bh_elem_range(&e, p.len == 16, p.key, p.last, extra);
	else
		bh_elem_exact(&e, p.key, p.len, extra);
	bh_elems_end(&e);
}

/* ---- reading ---- */

struct reader {
	const char *set;
	struct bh_cut *v;
	size_t n, cap;
	bool range, mac, shield, v6, open; /* open: a range whose end has not been seen */
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
	end = addr_of(last, rd->v6);
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
	struct bh_cut c = {
		.kind = rd->shield ? BH_CUT_SHIELD : BH_CUT_ISOLATE, .ttl = BH_MS(x->left_ms)};

	if (x->is_end) {
		if (rd->open)
			end_range(rd, x->key, x->key_len);
		return 0;
	}
	if (rd->mac) {
		c.what = BH_CUT_MAC;
		memcpy(c.mac.b, x->key, 6);
	} else {
		c.what = rd->range ? BH_CUT_NET : BH_CUT_ADDR;
		c.net.net = addr_of(x->key, rd->v6);
		c.net.bits = 128;
	}
	read_comment(&c, x->comment);
	rd->open = rd->range;
	return reader_push(rd, &c);
}

static int read_ranges(struct nl *nl, struct reader *rd)
{
	struct ranges l = {0};
	int r = bh_elems_dump(nl, rd->set, each_range, &l);

	if (r == 0 && l.n)
		qsort(l.v, l.n, sizeof *l.v, by_address);
	for (size_t i = 0; r == 0 && i < l.n; i++)
		r = each_cut(&l.v[i], rd);
	if (r == 0 && rd->open) { /* to the end of the address space */
		static const uint8_t past[16];

		end_range(rd, past, rd->v6 ? 16 : 4);
	}
	free(l.v);
	return r;
}

static int read_once(struct nl *nl, struct reader *rd)
{
	for (size_t i = 0; i < CUT_SETS; i++) {
		const char *s = bh_cut_sets[i];
		int r;

		rd->set = s;
		rd->mac = !strcmp(s, "isomac");
		rd->range = !strncmp(s, "isonet", 6);
		rd->shield = !strncmp(s, "shield", 6);
		rd->v6 = s[strlen(s) - 1] == '6';
		rd->open = false;
		r = rd->range ? read_ranges(nl, rd) : bh_elems_dump(nl, s, each_cut, rd);
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
