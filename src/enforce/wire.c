/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames between core and enforcer: four bytes of length, most significant first, then text.
 *
 *   core says       apply 12\nplan generation=7 …           dry likewise
 *                   cut 13\ncut isolate 10.1.2.3 …           all lines are one order; release
 * likewise dump 14        verify 15 enforcer says   done 12 us=81000 text=""                 body
 * follows as lines (dump: the cuts) refused 13 us=4 code=never at=20:3 text="dc-1 …" failed 13
 * us=90 errno=17 text="set iso4: …" drift 0 generation=91 pid=812 prog="nft" ours=1 repaired=1
 * text="…"     unasked
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "wire.h"

static const char *const requests[BH_ENF_REQUESTS] = {
	"apply", "cut", "release", "dump", "dry", "verify", "trial", "confirm", "rollback",
	"flows", "counters"};

static int frame(const char *head, size_t head_len, const char *body, size_t body_len,
	char **ret_frame, size_t *ret_len)
{
	size_t n = head_len + body_len;
	uint8_t *p;

	if (n > BH_ENF_FRAME_MAX)
		return -E2BIG;
	p = malloc(4 + n);
	if (!p)
		return -ENOMEM;
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
	memcpy(p + 4, head, head_len);
	if (body_len)
		memcpy(p + 4 + head_len, body, body_len);
	*ret_frame = (char *)p;
	*ret_len = 4 + n;
	return 0;
}

int bh_enf_encode(unsigned request, uint32_t seq, const char *text, size_t len, char **ret_frame,
	size_t *ret_len)
{
	char head[64];
	int n;

	if (request >= BH_ENF_REQUESTS || seq == 0)
		return -EINVAL;
	n = snprintf(head, sizeof head, "%s %u\n", requests[request], seq);
	return frame(head, (size_t)n, text, text ? len : 0, ret_frame, ret_len);
}

int bh_request_decode(const char *payload, size_t len, unsigned *ret_request, uint32_t *ret_seq,
	const char **ret_body, size_t *ret_body_len)
{
	const char *nl = memchr(payload, '\n', len), *at = payload, *end = nl ? nl : payload + len;
	struct bh_word w;
	unsigned request;
	uint64_t seq;

	if (bh_word_next(&at, end, &w))
		return 1;
	for (request = 0; request < BH_ENF_REQUESTS && !bh_word_is(w, requests[request]); request++)
		;
	if (request == BH_ENF_REQUESTS || bh_word_next(&at, end, &w) ||
		bh_word_u64(w, UINT32_MAX, &seq) || seq == 0 || bh_word_next(&at, end, &w) != 1)
		return 1;
	*ret_request = request;
	*ret_seq = (uint32_t)seq;
	*ret_body = nl ? nl + 1 : end;
	*ret_body_len = len - (size_t)(*ret_body - payload);
	return 0;
}

int bh_reply_encode(const struct bh_enf_reply *r, char **ret_frame, size_t *ret_len)
{
	char head[1536];
	struct bh_text t = bh_text(head, sizeof head);
	const char *text = r->text;

	if (r->seq == 0) {
		bh_putf(&t, "drift 0 generation=%u pid=%u prog=", r->drift.generation,
			r->drift.pid);
		bh_put_quoted(&t, r->drift.prog, strlen(r->drift.prog));
		bh_putf(&t, " ours=%d repaired=%d", r->drift.ours_touched, r->drift.repaired);
		text = r->drift.text;
	} else if (r->status == 0) {
		bh_putf(&t, "done %u us=%llu", r->seq, (unsigned long long)r->us);
	} else if (r->status > 0) {
		bh_putf(&t, "refused %u us=%llu code=%s", r->seq, (unsigned long long)r->us,
			bh_refusal_name(r->refused.code));
		if (r->refused.pos.line)
			bh_putf(&t, " at=%u:%u", r->refused.pos.line, r->refused.pos.col);
		text = r->refused.code ? r->refused.text : r->text;
	} else {
		bh_putf(&t, "failed %u us=%llu errno=%d", r->seq, (unsigned long long)r->us,
			-r->status);
	}
	bh_put(&t, " text=");
	bh_put_quoted(&t, text, strlen(text));
	bh_put(&t, "\n");
	if (t.truncated)
		return -EOVERFLOW;
	return frame(head, t.len, r->body, r->body_len, ret_frame, ret_len);
}

/* ---- the client's side: replies ---- */

struct line {
	const char *at, *end;
};

static bool keyed(struct bh_word w, const char *key, struct bh_word *ret_value)
{
	size_t n = strlen(key);

	if (w.len <= n || memcmp(w.p, key, n) || w.p[n] != '=')
		return false;
	*ret_value = (struct bh_word){w.p + n + 1, w.len - n - 1};
	return true;
}

static int number(struct line *l, const char *key, uint64_t max, uint64_t *ret)
{
	struct bh_word w, v;

	return bh_word_next(&l->at, l->end, &w) || !keyed(w, key, &v) || bh_word_u64(v, max, ret);
}

static int string(struct line *l, const char *key, char *out, size_t size)
{
	struct bh_word w, v;

	return bh_word_next(&l->at, l->end, &w) || !keyed(w, key, &v) ||
	       bh_word_str(v, out, size) != 0;
}

static int decode_drift(struct line *l, struct bh_enf_reply *r)
{
	uint64_t generation, pid, ours, repaired;

	if (number(l, "generation", UINT32_MAX, &generation) ||
		number(l, "pid", UINT32_MAX, &pid) ||
		string(l, "prog", r->drift.prog, sizeof r->drift.prog) ||
		number(l, "ours", 1, &ours) || number(l, "repaired", 1, &repaired) ||
		string(l, "text", r->drift.text, sizeof r->drift.text))
		return 1;
	r->drift.generation = (uint32_t)generation;
	r->drift.pid = (uint32_t)pid;
	r->drift.ours_touched = ours == 1;
	r->drift.repaired = repaired == 1;
	return 0;
}

static int decode_refused(struct line *l, struct bh_enf_reply *r)
{
	struct bh_word w, v;
	unsigned code;

	r->status = 1;
	if (bh_word_next(&l->at, l->end, &w) || !keyed(w, "code", &v))
		return 1;
	for (code = 0; code < BH_REF_COUNT && !bh_word_is(v, bh_refusal_name(code)); code++)
		;
	if (code == BH_REF_COUNT || bh_word_next(&l->at, l->end, &w))
		return 1;
	r->refused.code = (uint8_t)code;
	if (keyed(w, "at", &v)) {
		const char *colon = memchr(v.p, ':', v.len);
		uint64_t line, col;

		if (!colon ||
			bh_word_u64(
				(struct bh_word){v.p, (size_t)(colon - v.p)}, UINT32_MAX, &line) ||
			bh_word_u64((struct bh_word){colon + 1, (size_t)(v.p + v.len - colon - 1)},
				UINT32_MAX, &col) ||
			bh_word_next(&l->at, l->end, &w))
			return 1;
		r->refused.pos = (struct bh_pos){(uint32_t)line, (uint32_t)col};
	}
	if (!keyed(w, "text", &v) || bh_word_str(v, r->refused.text, sizeof r->refused.text))
		return 1;
	memcpy(r->text, r->refused.text, sizeof r->text);
	return 0;
}

static int decode_head(struct line *l, struct bh_enf_reply *r)
{
	struct bh_word kind, w;
	uint64_t seq, n;

	if (bh_word_next(&l->at, l->end, &kind) || bh_word_next(&l->at, l->end, &w) ||
		bh_word_u64(w, UINT32_MAX, &seq))
		return 1;
	r->seq = (uint32_t)seq;
	if (bh_word_is(kind, "drift"))
		return seq != 0 || decode_drift(l, r);
	if (seq == 0 || number(l, "us", UINT64_MAX, &r->us))
		return 1;
	if (bh_word_is(kind, "refused"))
		return decode_refused(l, r);
	if (bh_word_is(kind, "failed")) {
		if (number(l, "errno", 4095, &n) || n == 0)
			return 1;
		r->status = -(int)n;
	} else if (!bh_word_is(kind, "done")) {
		return 1;
	}
	return string(l, "text", r->text, sizeof r->text);
}

int bh_enf_decode(const char *payload, size_t len, struct bh_enf_reply *ret_reply)
{
	const char *nl = memchr(payload, '\n', len);
	struct line l = {payload, nl};
	struct bh_enf_reply r = {0};
	struct bh_word w;

	if (!nl || decode_head(&l, &r) || bh_word_next(&l.at, l.end, &w) != 1)
		return 1;
	r.body_len = len - (size_t)(nl + 1 - payload);
	if (r.body_len) {
		r.body = malloc(r.body_len + 1);
		if (!r.body)
			return 1;
		memcpy(r.body, nl + 1, r.body_len);
		r.body[r.body_len] = '\0';
	}
	*ret_reply = r;
	return 0;
}
