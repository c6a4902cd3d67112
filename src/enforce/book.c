/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A cut of a host takes 32 bytes here and about eight in the index; the text of its reason is kept
 * once for all that share it. Networks and connections are few and are kept whole, apart, so that
 * looking for an overlap does not walk past a million hosts. Both lie without gaps: whoever goes
 * last moves into the place of whoever leaves.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "book.h"

struct book_host {
	uint8_t b[16]; /* address, or MAC and zeros */
	bh_ns deadline;
	uint32_t order;
	uint16_t reason;
	uint8_t kind, what;
};
_Static_assert(sizeof(struct book_host) == 32, "a million of them stay within the budget");

#define REASONS 1024 /* detectors are fewer; beyond, a reason is remembered as "other" */
#define PLACES (UINT32_MAX / 2 - 1)

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

static struct book_key key_of_host(const struct book_host *h)
{
	struct book_key k;

	memset(&k, 0, sizeof k);
	k.kind = h->kind;
	k.what = h->what;
	k.bits = h->what == BH_CUT_MAC ? 0 : 128;
	memcpy(k.b, h->b, 16);
	return k;
}

static bool is_host(const struct bh_cut *c)
{
	return c->what == BH_CUT_MAC || (c->what == BH_CUT_ADDR && c->net.bits == 128);
}

static uint32_t ref_of(size_t place, bool wide)
{
	return (uint32_t)place * 2 + wide + 1;
}

static struct book_key key_at(const struct book *k, uint32_t ref)
{
	size_t place = (ref - 1) / 2;

	return (ref - 1) % 2 ? key_of_cut(&k->wide[place].cut) : key_of_host(&k->hosts[place]);
}

static size_t home(const struct book *k, const struct book_key *key)
{
	return bh_hash(key, sizeof *key, 0) & k->mask;
}

bh_ns bh_clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t); /* kernel timeouts run on through a suspend too */
	return BH_SEC((bh_ns)t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* the place in the index, or that of the free one where it would be */
static size_t find(const struct book *k, const struct book_key *key)
{
	size_t i = home(k, key);

	while (k->index[i]) {
		struct book_key other = key_at(k, k->index[i]);

		if (!memcmp(&other, key, sizeof other))
			break;
		i = (i + 1) & k->mask;
	}
	return i;
}

static uint32_t ref_to(const struct book *k, const struct bh_cut *c)
{
	struct book_key key = key_of_cut(c);

	return k->index ? k->index[find(k, &key)] : 0;
}

bh_ns bh_book_deadline(const struct book *k, const struct bh_cut *c)
{
	uint32_t ref = ref_to(k, c);

	if (!ref)
		return 0;
	return (ref - 1) % 2 ? k->wide[(ref - 1) / 2].deadline : k->hosts[(ref - 1) / 2].deadline;
}

static int grow_index(struct book *k)
{
	size_t n = k->index ? (k->mask + 1) * 2 : 64;
	struct book bigger = *k;

	bigger.mask = n - 1;
	bigger.index = calloc(n, sizeof *bigger.index);
	if (!bigger.index)
		return -ENOMEM;
	/* in the order they lie in memory: a million are read through once, not jumped about in */
	for (size_t i = 0; k->index && i < bh_book_n(k); i++) {
		bool wide = i >= k->n_hosts;
		uint32_t ref = ref_of(wide ? i - k->n_hosts : i, wide);
		struct book_key key = key_at(k, ref);
		size_t at = home(&bigger, &key);

		while (bigger.index[at])
			at = (at + 1) & bigger.mask;
		bigger.index[at] = ref;
	}
	free(k->index);
	*k = bigger;
	return 0;
}

static int room(struct book *k, bool wide)
{
	size_t n = wide ? k->n_wide : k->n_hosts, cap = wide ? k->cap_wide : k->cap_hosts;

	if (n >= PLACES)
		return -ENOSPC;
	if (n == cap) {
		size_t more = cap ? cap + cap / 2 : 64;
		void *v = wide ? realloc(k->wide, more * sizeof *k->wide)
			       : realloc(k->hosts, more * sizeof *k->hosts);

		if (!v)
			return -ENOMEM;
		if (wide) {
			k->wide = v;
			k->cap_wide = more;
		} else {
			k->hosts = v;
			k->cap_hosts = more;
		}
	}
	if (!k->index || (bh_book_n(k) + 1) * 4 > (k->mask + 1) * 3)
		return grow_index(k);
	return 0;
}

static int reason_of(struct book *k, const char *because, uint16_t *ret)
{
	char text[BH_NAME];
	size_t i;

	if (k->n_reasons && !strcmp(k->reasons[k->last_reason], because)) {
		*ret = (uint16_t)k->last_reason;
		return 0;
	}
	if (!k->reasons) {
		k->reasons = calloc(REASONS, sizeof *k->reasons);
		if (!k->reasons)
			return -ENOMEM;
	}
	bh_strcpy(text, sizeof text, because);
	for (i = 0; i < k->n_reasons && strcmp(k->reasons[i], text); i++)
		;
	if (i == k->n_reasons && i == REASONS) {
		i--;
	} else if (i == k->n_reasons) {
		bh_strcpy(k->reasons[i], BH_NAME, i == REASONS - 1 ? "other" : text);
		k->n_reasons++;
	}
	k->last_reason = i;
	*ret = (uint16_t)i;
	return 0;
}

int bh_book_put(struct book *k, const struct bh_cut *c, bh_ns now)
{
	struct book_key key = key_of_cut(c);
	struct book_host h = {
		.deadline = now + c->ttl, .order = c->order, .kind = c->kind, .what = c->what};
	bool wide = !is_host(c);
	size_t at, place;
	int r = 0;

	if (c->kind >= BH_CUT_KINDS)
		return -EINVAL;
	memcpy(h.b, key.b, sizeof h.b);
	if (!wide)
		r = reason_of(k, c->because, &h.reason);
	if (r == 0 && !ref_to(k, c))
		r = room(k, wide);
	if (r < 0)
		return r;
	if (bh_book_n(k) == 0 || h.deadline < k->soonest)
		k->soonest = h.deadline;
	at = find(k, &key);
	if (!k->index[at]) {
		k->index[at] = ref_of(wide ? k->n_wide++ : k->n_hosts++, wide);
		k->kind[c->kind]++;
	}
	place = (k->index[at] - 1) / 2;
	if (wide)
		k->wide[place] = (struct book_wide){*c, now + c->ttl};
	else
		k->hosts[place] = h;
	return 0;
}

/* closes the gap: whatever probed past it moves back, so that every search still finds its target */
static void free_place(struct book *k, size_t hole)
{
	for (size_t i = (hole + 1) & k->mask; k->index[i]; i = (i + 1) & k->mask) {
		struct book_key key = key_at(k, k->index[i]);

		if (((i - home(k, &key)) & k->mask) < ((i - hole) & k->mask))
			continue;
		k->index[hole] = k->index[i];
		hole = i;
	}
	k->index[hole] = 0;
}

static void drop(struct book *k, const struct book_key *key)
{
	size_t at = find(k, key), place, last;
	uint32_t ref = k->index[at];
	bool wide;

	if (!ref)
		return;
	wide = (ref - 1) % 2;
	place = (ref - 1) / 2;
	k->kind[key->kind]--;
	free_place(k, at);
	last = wide ? --k->n_wide : --k->n_hosts;
	if (place != last) { /* the last one moves into its place */
		struct book_key moved = key_at(k, ref_of(last, wide));

		k->index[find(k, &moved)] = ref;
		if (wide)
			k->wide[place] = k->wide[last];
		else
			k->hosts[place] = k->hosts[last];
	}
}

void bh_book_drop(struct book *k, const struct bh_cut *c)
{
	struct book_key key = key_of_cut(c);

	if (k->index)
		drop(k, &key);
}

void bh_book_expire(struct book *k, bh_ns now)
{
	bh_ns soonest = UINT64_MAX;
	struct book_key key;

	if (now < k->soonest)
		return;
	/* from the end: who moves into a freed place has been looked at */
	for (size_t i = k->n_hosts; i-- > 0;)
		if (k->hosts[i].deadline <= now) {
			key = key_of_host(&k->hosts[i]);
			drop(k, &key);
		} else if (k->hosts[i].deadline < soonest) {
			soonest = k->hosts[i].deadline;
		}
	for (size_t i = k->n_wide; i-- > 0;)
		if (k->wide[i].deadline <= now) {
			key = key_of_cut(&k->wide[i].cut);
			drop(k, &key);
		} else if (k->wide[i].deadline < soonest) {
			soonest = k->wide[i].deadline;
		}
	k->soonest = soonest;
}

bool bh_book_next(const struct book *k, size_t *at, struct bh_cut *ret_cut, bh_ns *ret_deadline)
{
	size_t i = (*at)++;
	const struct book_host *h;

	if (i >= bh_book_n(k))
		return false;
	if (i < k->n_wide) {
		*ret_cut = k->wide[i].cut;
		ret_cut->ttl = 0;
		*ret_deadline = k->wide[i].deadline;
		return true;
	}
	h = &k->hosts[i - k->n_wide];
	*ret_cut = (struct bh_cut){.order = h->order, .kind = h->kind, .what = h->what};
	if (h->what == BH_CUT_MAC) {
		memcpy(ret_cut->mac.b, h->b, 6);
	} else {
		memcpy(ret_cut->net.net.b, h->b, 16);
		ret_cut->net.bits = 128;
	}
	memcpy(ret_cut->because, k->reasons[h->reason], BH_NAME);
	*ret_deadline = h->deadline;
	return true;
}

const struct bh_cut *bh_book_net_overlap(const struct book *k, const struct bh_cut *c)
{
	struct book_key key = key_of_cut(c);

	for (size_t i = 0; c->what == BH_CUT_NET && i < k->n_wide; i++) {
		const struct bh_cut *w = &k->wide[i].cut;
		struct book_key other = key_of_cut(w);

		if (w->what == BH_CUT_NET && w->kind == c->kind &&
			memcmp(&other, &key, sizeof key) && bh_prefix_overlaps(&w->net, &c->net))
			return w;
	}
	return NULL;
}

void bh_book_fini(struct book *k)
{
	free(k->hosts);
	free(k->wide);
	free(k->index);
	free(k->reasons);
	*k = (struct book){0};
}
