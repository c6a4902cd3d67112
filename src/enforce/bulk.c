/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many at once. The kernel lets one transaction in at a time, so a batch of a million elements
 * would keep a single isolation waiting for seconds. An order of more than BH_ENF_CHUNK lines is
 * therefore written in chunks of half as many, each a transaction of its own, and between two
 * chunks whatever has come in meanwhile is done first. One process with one thread does all of it: there
 * is a single writer, and no lock.
 *
 * What goes ahead must not be undone by what was said before it: targets spoken of while a bulk
 * waits are left out of what remains of it. The lines of a bulk stand each for itself: those that
 * the guard refuses are named in the answer, the others stand. It is the text that waits, a line is
 * read when its turn comes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "bulk.h"

#define BULK_BYTES (16u << 20) /* text that may wait before no more is read */
#define STEP 500	       /* lines of one transaction */
#define NEWER_MAX (1u << 20) /* targets spoken of meanwhile: then no more is read until the bulk is written */
#define NAMED 100	       /* refused lines the answer names; the rest is counted */
#define NAMED_TEXT 256

struct bulk {
	struct bulk *next;
	uint64_t number;
	bool release;
	uint32_t seq;
	char *frame;
	const char *at, *end;
	size_t bytes, lines, stand, refused, overtaken;
	unsigned line;
	struct bh_refused first;
	char *named; /* NAMED * NAMED_TEXT */
	size_t named_len;
	uint64_t us;
};

static size_t count_lines(const char *p, size_t len, size_t max)
{
	const char *end = p + len;
	size_t n = 0;

	while (p < end && n <= max) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p = nl ? nl + 1 : end;
		n++;
	}
	return n;
}

bool bh_bulk_is(const char *body, size_t len)
{
	return count_lines(body, len, BH_ENF_CHUNK) > BH_ENF_CHUNK;
}

int bh_bulk_take(struct bulks *q, bool release, uint32_t seq, char *frame, const char *body, size_t len)
{
	size_t lines = count_lines(body, len, BH_ENF_BULK);
	struct bulk *b = lines <= BH_ENF_BULK ? calloc(1, sizeof *b) : NULL;

	if (!b) {
		free(frame);
		return lines <= BH_ENF_BULK ? -ENOMEM : -E2BIG;
	}
	*b = (struct bulk){.number = ++q->numbered, .release = release, .seq = seq, .frame = frame,
		.at = body, .end = body + len, .bytes = len, .lines = lines};
	if (q->last)
		q->last->next = b;
	else
		q->first = b;
	q->last = b;
	q->bytes += len;
	return 0;
}

int bh_bulk_overtaken(struct bulks *q, const struct bh_cut *cuts, size_t n)
{
	int r = 0;

	for (size_t i = 0; q->first && r == 0 && i < n; i++) {
		struct bh_cut c = cuts[i];

		if (c.kind >= BH_CUT_KINDS)
			continue;
		c.ttl = q->last->number;
		r = bh_book_put(&q->newer, &c, 0);
	}
	return r;
}

bool bh_bulk_full(const struct bulks *q)
{
	return q->bytes > BULK_BYTES || bh_book_n(&q->newer) > NEWER_MAX;
}

static void name_refused(struct bulk *b, const struct bh_refused *why)
{
	struct bh_text t;

	if (b->refused++ == 0)
		b->first = *why;
	if (b->refused > NAMED)
		return;
	if (!b->named)
		b->named = malloc(NAMED * NAMED_TEXT);
	if (!b->named)
		return;
	t = bh_text(b->named + b->named_len, NAMED_TEXT);
	bh_putf(&t, "refused line=%u code=%s text=", b->line, bh_refusal_name(why->code));
	bh_put_quoted(&t, why->text, strlen(why->text));
	bh_put(&t, "\n");
	if (!t.truncated)
		b->named_len += t.len;
}

/* these rewrite the law: a chunk of them would rewrite it a thousand times over */
static int check_kind(const struct bh_cut *c, struct bh_refused *ret_refused)
{
	if (c->kind != BH_CUT_CONTAIN && c->kind != BH_CUT_ISLAND)
		return 0;
	memset(ret_refused, 0, sizeof *ret_refused);
	ret_refused->code = BH_REF_WIDTH;
	snprintf(ret_refused->text, sizeof ret_refused->text, "%s is ordered in at most %d lines",
		bh_cut_kind_name(c->kind), BH_ENF_CHUNK);
	return 1;
}

/* the next lines that may be written. 0, or 1 a line cannot be read: *ret_error says why */
static int fill(struct bulk *b, const struct bulks *q, struct bh_enforcer *e, struct bh_cut *chunk,
	size_t *ret_n, struct bh_plan_error *ret_error)
{
	struct cut_batch batch = {.cuts = chunk};
	bh_ns now = bh_clock_now();

	bh_cut_make_room(e, STEP, now);
	for (size_t read = 0; read < STEP && b->at < b->end; read++) {
		const char *nl = memchr(b->at, '\n', (size_t)(b->end - b->at));
		const char *stop = nl ? nl : b->end;
		struct bh_cut *next = &chunk[batch.n];
		struct bh_refused why;

		if (bh_cut_parse(b->at, (size_t)(stop - b->at), next, ret_error)) {
			ret_error->line = b->line + 1;
			return 1;
		}
		b->line++;
		b->at = nl ? nl + 1 : b->end;
		if (bh_book_deadline(&q->newer, next) >= b->number) {
			b->overtaken++;
			continue;
		}
		if (check_kind(next, &why) ||
			(!b->release && bh_cut_check(e, &batch, next, now, &why)))
			name_refused(b, &why);
		else if (b->release)
			batch.n++;
		else
			bh_cut_batch_take(e, &batch);
	}
	*ret_n = batch.n;
	return 0;
}

/* the answer, and the bulk is gone */
static void finish(struct bulks *q, struct bh_enf_reply *reply, const char *why)
{
	struct bulk *b = q->first;

	reply->seq = b->seq;
	reply->us = b->us;
	if (reply->status == 0 && b->refused) {
		reply->status = 1;
		reply->refused = b->first;
	}
	if (reply->status < 0)
		snprintf(reply->text, sizeof reply->text, "%.100s (%zu of %zu done)", why, b->stand,
			b->lines);
	if (b->refused) { /* status 1 has room for the first alone: the sum goes into the body */
		size_t cap = b->named_len + 128;

		reply->body = malloc(cap);
		if (reply->body) {
			struct bh_text t = bh_text(reply->body, cap);

			bh_putf(&t, "bulk lines=%zu done=%zu refused=%zu overtaken=%zu\n", b->lines,
				b->stand, b->refused, b->overtaken);
			bh_putn(&t, b->named ? b->named : "", b->named_len);
			reply->body_len = t.len;
		}
	}
	q->bytes -= b->bytes;
	q->first = b->next;
	if (!q->first) {
		q->last = NULL;
		bh_book_fini(&q->newer);
	}
	free(b->named);
	free(b->frame);
	free(b);
}

bool bh_bulk_step(struct bulks *q, struct bh_enforcer *e, struct bh_enf_reply *ret_reply)
{
	struct bh_plan_error error = {.text = ""};
	struct bulk *b = q->first;
	struct bh_cut *chunk = malloc(STEP * sizeof *chunk);
	bh_ns start = bh_clock_now();
	char why[sizeof error.text + 64] = "";
	size_t n = 0;
	int r = !chunk ? -ENOMEM : e->have_law ? fill(b, q, e, chunk, &n, &error) : 0;

	*ret_reply = (struct bh_enf_reply){.seq = 0};
	if (r == 1) {
		snprintf(why, sizeof why, "line %u, column %u: %s", error.line, error.col, error.text);
		r = -EBADMSG;
	} else if (r == 0) {
		r = b->release ? bh_enforcer_release(e, chunk, n) : bh_cut_admitted(e, chunk, n);
		if (r < 0)
			snprintf(why, sizeof why, "%.150s", bh_enforcer_why(e));
		else
			b->stand += n;
	}
	free(chunk);
	b->us += (bh_clock_now() - start) / 1000;
	ret_reply->status = r;
	if (r == 0 && b->at < b->end)
		return false;
	finish(q, ret_reply, why);
	return true;
}

void bh_bulk_fini(struct bulks *q)
{
	while (q->first) {
		struct bulk *b = q->first;

		q->first = b->next;
		free(b->named);
		free(b->frame);
		free(b);
	}
	bh_book_fini(&q->newer);
	*q = (struct bulks){.numbered = q->numbered};
}
