/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "enforcer.h"

struct book_key {
	uint8_t kind, what, bits, proto, b[16], peer[16];
	uint16_t sport, dport;
};

static struct book_key key_of_cut(const struct bh_cut *c)
{
	struct book_key k;

	memset(&k, 0, sizeof k);
	k.kind = c->kind;
	k.what = c->what;
	if (c->what == BH_CUT_MAC) {
		memcpy(k.b, c->mac.b, 6);
	} else {
		k.bits = c->net.bits;
		memcpy(k.b, c->net.net.b, 16);
	}
	if (c->what == BH_CUT_FLOW) {
		k.proto = c->proto;
		k.sport = c->sport;
		k.dport = c->dport;
		memcpy(k.peer, c->peer.net.b, 16);
	}
	return k;
}

static bool same_target(const struct bh_cut *a, const struct bh_cut *b)
{
	struct book_key x = key_of_cut(a), y = key_of_cut(b);

	return memcmp(&x, &y, sizeof x) == 0;
}

static size_t home(const struct book *k, const struct bh_cut *c)
{
	struct book_key key = key_of_cut(c);

	return bh_hash(&key, sizeof key, 0) & k->mask;
}

bh_ns bh_clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t); /* kernel timeouts run on through a suspend too */
	return BH_SEC((bh_ns)t.tv_sec) + (bh_ns)t.tv_nsec;
}

struct book_entry *bh_book_find(const struct book *k, const struct bh_cut *c)
{
	if (!k->v)
		return NULL;
	for (size_t i = home(k, c); k->v[i].deadline; i = (i + 1) & k->mask)
		if (same_target(&k->v[i].cut, c))
			return &k->v[i];
	return NULL;
}

static void insert(struct book *k, const struct book_entry *e)
{
	size_t i = home(k, &e->cut);

	while (k->v[i].deadline)
		i = (i + 1) & k->mask;
	k->v[i] = *e;
}

static int grow(struct book *k)
{
	struct book bigger = {.mask = k->mask ? k->mask * 2 + 1 : 63};

	bigger.v = calloc(bigger.mask + 1, sizeof *bigger.v);
	if (!bigger.v)
		return -ENOMEM;
	for (size_t i = 0; k->v && i <= k->mask; i++)
		if (k->v[i].deadline)
			insert(&bigger, &k->v[i]);
	free(k->v);
	k->v = bigger.v;
	k->mask = bigger.mask;
	return 0;
}

int bh_book_put(struct book *k, const struct bh_cut *c, bh_ns now)
{
	struct book_entry e = {*c, now + c->ttl};
	struct book_entry *old = bh_book_find(k, c);
	int r;

	if (old) {
		*old = e;
		return 0;
	}
	if (!k->v || k->n * 2 >= k->mask) {
		r = grow(k);
		if (r < 0)
			return r;
	}
	insert(k, &e);
	k->n++;
	k->kind[c->kind]++;
	return 0;
}

void bh_book_drop(struct book *k, const struct bh_cut *c)
{
	struct book_entry *e = bh_book_find(k, c);
	size_t hole, i;

	if (!e)
		return;
	k->n--;
	k->kind[e->cut.kind]--;
	hole = (size_t)(e - k->v);
	/* close the gap: whatever probed past it moves back, so that every search still finds its
	 * target */
	for (i = (hole + 1) & k->mask; k->v[i].deadline; i = (i + 1) & k->mask) {
		size_t h = home(k, &k->v[i].cut);

		if (((i - h) & k->mask) < ((i - hole) & k->mask))
			continue;
		k->v[hole] = k->v[i];
		hole = i;
	}
	k->v[hole].deadline = 0;
}

void bh_book_expire(struct book *k, bh_ns now)
{
	for (size_t i = 0; k->v && i <= k->mask;) {
		if (k->v[i].deadline && k->v[i].deadline <= now) {
			struct bh_cut gone = k->v[i].cut;

			bh_book_drop(k, &gone); /* may move another one here: look again */
		} else {
			i++;
		}
	}
}

const struct bh_cut *bh_book_net_overlap(const struct book *k, const struct bh_cut *c)
{
	for (size_t i = 0; k->v && c->what == BH_CUT_NET && i <= k->mask; i++)
		if (k->v[i].deadline && k->v[i].cut.what == BH_CUT_NET &&
			k->v[i].cut.kind == c->kind && !same_target(&k->v[i].cut, c) &&
			bh_prefix_overlaps(&k->v[i].cut.net, &c->net))
			return &k->v[i].cut;
	return NULL;
}

void bh_book_fini(struct book *k)
{
	free(k->v);
	*k = (struct book){0};
}
