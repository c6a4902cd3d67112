/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the sizes of a request and its answer mean. Message ids are encrypted, so pairing goes by
 * order and by what can fit:
 *
 *   request              answer          meaning
 *   120 + 2 * name       152             CREATE; with contexts both grow by known amounts
 *   88                   124             CLOSE (88 -> 68 FLUSH, 88 -> 88 oplock acknowledged)
 *   112 + n              80              WRITE of n bytes
 *   113                  80 + n          READ of n bytes
 *   96 + n               66              SET_INFO of n bytes
 *   72 + 2 * path        80              TREE_CONNECT: while no handle is open
 *   96 + n, 104, 105     72 + n          QUERY_DIRECTORY and CHANGE_NOTIFY, QUERY_INFO
 *   68                   68              LOGOFF, TREE_DISCONNECT, ECHO
 *   any                  73              refused, or STATUS_PENDING: the answer comes later
 *
 * Some clients pad a name to a multiple of four bytes, so that a length may be one too large.
 *
 * When requests overlap, an answer that fits two of them with different meanings is SZ_OTHER, and so
 * is then the answer to the other one: an unexplained size is counted, never guessed. Of requests
 * that wait behind an interim answer only those nobody else fits are considered, as a refusal looks
 * the same and is much more common.
 */
#include "smb_size.h"

#define ERROR_SIZE 73
#define KEPT 60000	/* ms: an answer that has not come by then was not seen */
#define COMPOUND 216u /* smallest compound with a CREATE: 120 + 8 + 88 */
#define LONG_WRITE 1500u
#define PATH 80u      /* characters of a share's path */

bool bh_size_ask(struct size_queue *q, uint32_t size, uint32_t at)
{
	bool full = q->n == SIZE_ASKS;

	if (full)
		memmove(q->ask, q->ask + 1, --q->n * sizeof q->ask[0]);
	q->ask[q->n++] = (struct size_ask){.size = size, .at = at};
	return full;
}

/* What contexts add to a CREATE, at least, and to its answer, as Windows sends them: leases, durable
 * handles, file id, maximal access in the combinations seen. The name's length is lost in them. */
static bool create_contexts(uint32_t q, uint32_t r)
{
	static const struct {
		uint16_t answer, ask;
	} seen[] = {{32, 126}, {56, 32}, {80, 84}, {88, 48}, {136, 108}, {164, 146}, {168, 180},
		{176, 144}, {200, 212}};

	for (size_t i = 0; i < BH_COUNT(seen); i++)
		if (r == 152u + seen[i].answer && q >= 120u + seen[i].ask)
			/* a compound of which all failed is answered by 80 for each command */
			return r == 240 ? q < 312 : r == 320 ? q < 392 : true;
	return false;
}

static bool create_shape(uint32_t q, uint32_t r)
{
	if (r == 152)
		return q == 121 || (q >= 120 && q % 2 == 0);
	return create_contexts(q, r);
}

/* below the smallest compound that opens or closes something: IOCTLs of files look alike */
static bool query_shape(uint32_t q, uint32_t r)
{
	if (q == 104 || q == 105)
		return r > ERROR_SIZE;
	if (q == 100) /* a lease break acknowledged; a search for two letters is rare */
		return r == 100;
	return q >= 96 && q % 2 == 0 && q < COMPOUND && r >= 72 + 14;
}

/* a WRITE, or a TREE_CONNECT while handles are open: sizes cannot tell, what came before can */
static unsigned write_or_tree(uint32_t q, const struct size_place *p)
{
	bool tree = q >= 74 && q % 2 == 0 && q <= 72 + 2 * PATH;

	if (tree && (q <= 113 || !p->opened || p->none))
		return SZ_PLAIN;
	if (q > 113)
		return tree && !p->busy ? SZ_OTHER : SZ_WRITE;
	return q == 105 ? SZ_PLAIN : SZ_WAIT;
}

/* SZ_WAIT: the two cannot belong together */
static unsigned meaning(uint32_t q, uint32_t r, const struct size_place *p)
{
	if (q == 68)
		return r == 68 ? SZ_PLAIN : SZ_WAIT;
	if (q == 88)
		return r == 124 ? SZ_CLOSE : r == 68 || r == 88 ? SZ_PLAIN : SZ_WAIT;
	if (q == 113)
		return r > 80 ? SZ_READ : r == 80 ? SZ_OTHER : SZ_WAIT; /* 80: also a WRITE of one byte */
	if (r == 66)
		return q > 96 ? SZ_SET : SZ_WAIT;
	if (r == 80)
		return write_or_tree(q, p);
	if (r == 68)
		return q >= 112 && (q - 88) % 24 == 0 ? SZ_PLAIN : SZ_WAIT; /* LOCK */
	if (q == 192 && r == 180)
		return SZ_BIND;
	if (create_shape(q, r))
		return p->pipe && p->ioctl && q >= 144 ? SZ_OTHER : SZ_CREATE;
	if (p->pipe && p->ioctl && q >= 144 && q < COMPOUND && r >= 136)
		return SZ_CALL;
	if (query_shape(q, r))
		return SZ_PLAIN;
	if (r < ERROR_SIZE || (q >= 96 && q < 120))
		return SZ_WAIT;
	return SZ_OTHER; /* IOCTLs and compounds are of any size */
}

static struct size_ask take(struct size_queue *q, unsigned i)
{
	struct size_ask a = q->ask[i];

	memmove(q->ask + i, q->ask + i + 1, (--q->n - i) * sizeof q->ask[0]);
	return a;
}

/* What waits and is passed by a later answer was refused: a client that goes on has had its answer.
 * But a long WRITE, a READ of a pipe and a CHANGE_NOTIFY are left to wait for long. */
static void forget_refused(struct size_queue *q)
{
	for (unsigned i = 0; i < q->n;) {
		const struct size_ask *a = &q->ask[i];
		unsigned most = a->size == 96 ? UINT8_MAX : a->size == 113 || a->size > LONG_WRITE ? 8 : 0;

		if (a->waits && q->ask[i].passed++ >= most)
			take(q, i);
		else
			i++;
	}
}

static struct size_pair interim(struct size_queue *q)
{
	struct size_pair r = {.kind = SZ_WAIT, .answer = ERROR_SIZE};
	unsigned i = 0;

	while (i < q->n && q->ask[i].waits)
		i++;
	if (i < q->n) {
		q->ask[i].waits = true;
	} else if (q->n) { /* what waited is refused now */
		r.ask = take(q, 0).size;
		r.kind = SZ_PLAIN;
	} else {
		r.kind = SZ_OTHER;
	}
	return r;
}

/* The answer has no meaning with anybody: it is that of the oldest whose size says least. */
static struct size_pair unknown(struct size_queue *q, uint32_t answer)
{
	struct size_pair r = {.kind = SZ_OTHER, .answer = answer};
	unsigned i = 0;

	while (i < q->n && (q->ask[i].waits || q->ask[i].size == 113 || q->ask[i].size == 88 ||
				   q->ask[i].size == 68))
		i++;
	if (i == q->n)
		return r; /* nobody asked: an oplock break, or a request that was not seen */
	r.ask = take(q, i).size;
	for (; i < q->n; i++)
		if (q->ask[i].size != 113 && q->ask[i].size != 88 && q->ask[i].size != 68)
			q->ask[i].doubt = true;
	forget_refused(q);
	return r;
}

struct size_pair bh_size_answer(
	struct size_queue *q, const struct size_place *p, uint32_t size, uint32_t at)
{
	struct size_pair r = {.kind = SZ_WAIT, .answer = size};
	bool clash = false, doubt;
	unsigned first = SIZE_ASKS;
	struct size_ask a;

	while (q->n && !q->ask[0].waits && at - q->ask[0].at > KEPT)
		take(q, 0); /* its answer was not seen */
	if (size == ERROR_SIZE)
		return interim(q);
	for (unsigned waits = 0; waits < 2 && r.kind == SZ_WAIT; waits++)
		for (unsigned i = 0; i < q->n; i++) {
			unsigned k = q->ask[i].waits == waits ? meaning(q->ask[i].size, size, p)
							      : SZ_WAIT;
			if (k == SZ_WAIT)
				continue;
			if (first == SIZE_ASKS)
				first = i;
			if (r.kind == SZ_WAIT)
				r.kind = (uint8_t)k;
			clash |= r.kind != k;
			r.alike |= q->ask[i].size != q->ask[first].size;
		}
	if (r.kind == SZ_WAIT)
		return unknown(q, size);
	/* what a SET_INFO says depends on its size alone */
	clash |= r.kind == SZ_SET && r.alike;
	doubt = q->ask[first].doubt;
	if (clash)
		for (unsigned i = first; i < q->n; i++)
			if (meaning(q->ask[i].size, size, p) != SZ_WAIT)
				q->ask[i].doubt = true;
	a = take(q, first);
	r.ask = a.size;
	if (clash || doubt)
		r.kind = SZ_OTHER;
	if (!a.waits)
		forget_refused(q);
	return r;
}

uint32_t bh_size_name(uint32_t ask, uint32_t answer)
{
	return answer == 152 && ask >= 120 && ask % 2 == 0 ? (ask - 120) / 2 : 0;
}
