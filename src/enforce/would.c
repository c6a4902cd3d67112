/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mode observe let pass against the law: the kernel writes it down in sets whose elements rules make, with a cap and an
 * age, and here it is read. Writing the law again empties them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "enforcer.h"

struct would_reader {
	bool v6, ports;
	struct bh_would *v;
	size_t n, cap;
};

static int each(const struct elem_seen *x, void *ctx)
{
	struct would_reader *rd = ctx;
	unsigned width = rd->v6 ? 16 : 4;
	struct bh_would w = {.packets = x->packets}, *v;
	struct bh_bytes port = bh_bytes(x->key + 2 * width + 4, 2);

	if (x->key_len < 2 * width + (rd->ports ? 6 : 1))
		return 0;
	w.src = rd->v6 ? bh_addr_v6(x->key) : bh_addr_v4(x->key);
	w.dst = rd->v6 ? bh_addr_v6(x->key + width) : bh_addr_v4(x->key + width);
	w.proto = x->key[2 * width];
	if (w.proto == 58)
		w.proto = 1;
	if (rd->ports)
		w.dport = bh_be16(&port);
	if (rd->n == rd->cap) {
		size_t cap = rd->cap ? rd->cap * 2 : 256;

		v = realloc(rd->v, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		rd->v = v;
		rd->cap = cap;
	}
	rd->v[rd->n++] = w;
	return 0;
}

static int read_once(struct nl *nl, struct would_reader *rd)
{
	static const char *const sets[2][2] = {{"would_any4", "would4"}, {"would_any6", "would6"}};

	for (int v6 = 0; v6 < 2; v6++)
		for (int ports = 0; ports < 2; ports++) {
			int r;

			rd->v6 = v6;
			rd->ports = ports;
			r = bh_elems_dump(nl, sets[v6][ports], each, rd);
			if (r < 0 && r != -ENOENT)
				return r;
		}
	return 0;
}

int bh_enforcer_would(struct bh_enforcer *e, struct bh_would **ret_would, size_t *ret_n)
{
	struct would_reader rd = {0};
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		rd.n = 0;
		r = read_once(&e->nl, &rd);
		if (r < 0 || !e->bridge_whole)
			continue;
		e->nl.family = NFPROTO_BRIDGE;
		r = read_once(&e->nl, &rd);
		e->nl.family = NFPROTO_INET;
	}
	if (r < 0) {
		free(rd.v);
		snprintf(e->why, sizeof e->why, "reading what would be dropped: %s", strerror(-r));
		return r;
	}
	*ret_would = rd.v;
	*ret_n = rd.n;
	return 0;
}

size_t bh_would_print(const struct bh_would *w, char buf[BH_WOULD_TEXT])
{
	struct bh_text t = bh_text(buf, BH_WOULD_TEXT);
	char s[BH_ADDR_TEXT], d[BH_ADDR_TEXT];

	bh_putf(&t, "would %s > %s %u/%u packets=%llu", bh_addr_print(&w->src, s), bh_addr_print(&w->dst, d), w->proto, w->dport,
		(unsigned long long)w->packets);
	return t.len;
}

int bh_would_parse(const char *line, size_t len, struct bh_would *ret_would)
{
	const char *at = line, *end = line + len, *slash;
	struct bh_would w = {.proto = 0};
	struct bh_word word;
	uint64_t proto, port;

	if (bh_word_next(&at, end, &word) || !bh_word_is(word, "would") || bh_word_next(&at, end, &word) || bh_addr_parse(word.p, word.len, &w.src) ||
		bh_word_next(&at, end, &word) || !bh_word_is(word, ">") || bh_word_next(&at, end, &word) || bh_addr_parse(word.p, word.len, &w.dst) ||
		bh_word_next(&at, end, &word))
		return 1;
	slash = memchr(word.p, '/', word.len);
	if (!slash || bh_word_u64((struct bh_word){word.p, (size_t)(slash - word.p)}, 255, &proto) ||
		bh_word_u64((struct bh_word){slash + 1, (size_t)(word.p + word.len - slash - 1)}, 65535, &port))
		return 1;
	w.proto = (uint8_t)proto;
	w.dport = (uint16_t)port;
	if (bh_word_next(&at, end, &word) || word.len < 9 || memcmp(word.p, "packets=", 8) ||
		bh_word_u64((struct bh_word){word.p + 8, word.len - 8}, UINT64_MAX, &w.packets) || bh_word_next(&at, end, &word) != 1)
		return 1;
	*ret_would = w;
	return 0;
}
