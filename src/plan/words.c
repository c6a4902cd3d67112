/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words a line of a plan is made of; each either is what was asked for or names its column. */
#include <stdarg.h>
#include <stdio.h>
#include "words.h"

int bh_words_fail(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	p->error->line = p->number;
	p->error->col = (unsigned)(at - p->line) + 1;
	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof p->error->text, fmt, ap);
	va_end(ap);
	return 1;
}

int bh_words_next(struct parser *p, const char *what, struct bh_word *ret_word)
{
	int r = bh_word_next(&p->at, p->end, ret_word);

	if (r == 2)
		return bh_words_fail(p, p->at, "unfinished quote");
	return r ? bh_words_fail(p, p->at, "expected %s", what) : 0;
}

int bh_words_optional_word(struct parser *p, struct bh_word *ret_word, bool *ret_have)
{
	int r = bh_word_next(&p->at, p->end, ret_word);

	*ret_have = r == 0;
	if (r == 2)
		return bh_words_fail(p, p->at, "unfinished quote");
	return 0;
}

bool bh_words_keyed(struct bh_word w, const char *key, struct bh_word *ret_value)
{
	size_t n = strlen(key);

	if (w.len <= n || memcmp(w.p, key, n) || w.p[n] != '=')
		return false;
	*ret_value = (struct bh_word){w.p + n + 1, w.len - n - 1};
	return true;
}

int bh_words_need_keyed(struct parser *p, const char *key, struct bh_word *ret_value)
{
	struct bh_word w;
	int r = bh_words_next(p, key, &w);

	if (r)
		return r;
	return bh_words_keyed(w, key, ret_value) ? 0 : bh_words_fail(p, w.p, "expected %s=", key);
}

int bh_words_end_of_line(struct parser *p)
{
	struct bh_word w;
	bool have;
	int r = bh_words_optional_word(p, &w, &have);

	if (r)
		return r;
	return have ? bh_words_fail(p, w.p, "unexpected word") : 0;
}

int bh_words_name(struct parser *p, struct bh_word w, char out[BH_NAME])
{
	int r = bh_word_str(w, out, BH_NAME);

	if (r == 2)
		return bh_words_fail(p, w.p, "name longer than %d bytes", BH_NAME - 1);
	if (r || !out[0])
		return bh_words_fail(p, w.p, "not a name");
	return 0;
}

int bh_words_prefix(struct parser *p, struct bh_word w, struct bh_prefix *ret_prefix)
{
	int r = bh_prefix_parse(w.p, w.len, ret_prefix);

	if (r == 2)
		return bh_words_fail(p, w.p, "bits set beyond the prefix length");
	return r ? bh_words_fail(p, w.p, "not an address or prefix") : 0;
}

int bh_words_next_prefix(struct parser *p, struct bh_prefix *ret_prefix)
{
	struct bh_word w;
	int r = bh_words_next(p, "a prefix", &w);

	return r ? r : bh_words_prefix(p, w, ret_prefix);
}

int bh_words_number(struct parser *p, struct bh_word w, uint64_t min, uint64_t max, uint64_t *ret)
{
	if (bh_word_u64(w, max, ret) || *ret < min)
		return bh_words_fail(p, w.p, "not a number from %llu to %llu",
			(unsigned long long)min, (unsigned long long)max);
	return 0;
}

int bh_words_service(struct parser *p, uint8_t *ret_proto, uint16_t *ret_lo, uint16_t *ret_hi)
{
	struct bh_word w, lo, hi;
	const char *dash;
	uint64_t a, b;
	int r = bh_words_next(p, "a service", &w);

	if (r)
		return r;
	if (bh_word_is(w, "any") || bh_word_is(w, "icmp")) {
		*ret_proto = w.p[0] == 'i' ? 1 : 0;
		*ret_lo = 0;
		*ret_hi = 65535;
		return 0;
	}
	if (w.len < 5 || (memcmp(w.p, "tcp/", 4) && memcmp(w.p, "udp/", 4)))
		return bh_words_fail(
			p, w.p, "not a service: tcp/N, tcp/N-M, udp/N, udp/N-M, icmp or any");
	lo = (struct bh_word){w.p + 4, w.len - 4};
	hi = lo;
	dash = memchr(lo.p, '-', lo.len);
	if (dash) {
		hi = (struct bh_word){dash + 1, (size_t)(lo.p + lo.len - dash - 1)};
		lo.len = (size_t)(dash - lo.p);
	}
	if (bh_words_number(p, lo, 0, 65535, &a) || bh_words_number(p, hi, 0, 65535, &b))
		return 1;
	if (a > b)
		return bh_words_fail(p, lo.p, "the range ends before it begins");
	*ret_proto = w.p[0] == 't' ? 6 : 17;
	*ret_lo = (uint16_t)a;
	*ret_hi = (uint16_t)b;
	return 0;
}

int bh_words_position(struct parser *p, struct bh_word w, struct bh_pos *ret_pos)
{
	const char *colon = memchr(w.p, ':', w.len);
	uint64_t line, col;

	if (!colon)
		return bh_words_fail(p, w.p, "expected line:column");
	if (bh_words_number(
		    p, (struct bh_word){w.p, (size_t)(colon - w.p)}, 1, UINT32_MAX, &line) ||
		bh_words_number(p, (struct bh_word){colon + 1, (size_t)(w.p + w.len - colon - 1)},
			0, UINT32_MAX, &col))
		return 1;
	*ret_pos = (struct bh_pos){(uint32_t)line, (uint32_t)col};
	return 0;
}
