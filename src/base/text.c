/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded text out, words in. The quoted form has one spelling per byte string, so printing is canonical. */
#include <stdarg.h>
#include <stdio.h>
#include <bulkhead/base.h>

void bh_putn(struct bh_text *t, const char *s, size_t n)
{
	if (t->truncated || t->cap == 0 || n > t->cap - 1 - t->len) {
		t->truncated = true;
		return;
	}
	memcpy(t->p + t->len, s, n);
	t->len += n;
	t->p[t->len] = '\0';
}

void bh_put(struct bh_text *t, const char *s)
{
	bh_putn(t, s, strlen(s));
}

void bh_putf(struct bh_text *t, const char *fmt, ...)
{
	size_t room = t->truncated || t->cap == 0 ? 0 : t->cap - t->len;
	va_list ap;
	int n;

	if (room == 0) {
		t->truncated = true;
		return;
	}
	va_start(ap, fmt);
	n = vsnprintf(t->p + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		t->p[t->len] = '\0';
		t->truncated = true;
		return;
	}
	t->len += (size_t)n;
}

void bh_put_quoted(struct bh_text *t, const char *s, size_t n)
{
	bh_put(t, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			bh_putf(t, "\\%c", c);
		else if (c == '\n')
			bh_put(t, "\\n");
		else if (c == '\t')
			bh_put(t, "\\t");
		else if (c < 0x20 || c > 0x7e)
			bh_putf(t, "\\x%02x", c);
		else
			bh_putn(t, s + i, 1);
	}
	bh_put(t, "\"");
}

int bh_word_next(const char **io_line, const char *end, struct bh_word *ret_word)
{
	const char *p = *io_line, *start;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == end) {
		*io_line = p;
		return 1;
	}
	start = p;
	/* a quote may open anywhere in the word (key="…"); blanks inside belong to it */
	while (p < end && *p != ' ' && *p != '\t') {
		if (*p++ != '"')
			continue;
		while (p < end && *p != '"')
			p += *p == '\\' && p + 1 < end ? 2 : 1;
		if (p >= end) {
			*io_line = start;
			return 2;
		}
		p++;
	}
	*io_line = p;
	*ret_word = (struct bh_word){start, (size_t)(p - start)};
	return 0;
}

bool bh_word_is(struct bh_word w, const char *s)
{
	return strlen(s) == w.len && memcmp(w.p, s, w.len) == 0;
}

int bh_word_u64(struct bh_word w, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (w.len == 0 || w.len > 20)
		return 1;
	for (size_t i = 0; i < w.len; i++) {
		unsigned d = (unsigned)(w.p[i] - '0');

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return 1;
		v = v * 10 + d;
	}
	if (v > max)
		return 1;
	*ret_value = v;
	return 0;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* one character of the quoted form; returns bytes consumed, 0 = malformed */
static size_t unescape(const char *p, size_t left, char *out)
{
	if (*p != '\\') {
		*out = *p;
		return 1;
	}
	if (left < 2)
		return 0;
	switch (p[1]) {
	case '"':
	case '\\':
		*out = p[1];
		return 2;
	case 'n':
		*out = '\n';
		return 2;
	case 't':
		*out = '\t';
		return 2;
	case 'x':
		if (left < 4 || hex(p[2]) < 0 || hex(p[3]) < 0)
			return 0;
		*out = (char)(hex(p[2]) << 4 | hex(p[3]));
		return 4;
	}
	return 0;
}

int bh_word_str(struct bh_word w, char *out, size_t size)
{
	size_t n = 0;

	if (w.len >= 2 && w.p[0] == '"' && w.p[w.len - 1] == '"') {
		const char *p = w.p + 1, *end = w.p + w.len - 1;

		memset(out, 0, size);
		while (p < end) {
			size_t used;
			char c;

			used = unescape(p, (size_t)(end - p), &c);
			if (used == 0 || c == '\0')
				return 1;
			if (n + 1 >= size)
				return 2;
			out[n++] = c;
			p += used;
		}
		return 0;
	}
	if (memchr(w.p, '"', w.len) || memchr(w.p, 0, w.len))
		return 1;
	if (w.len >= size)
		return 2;
	memset(out, 0, size);
	memcpy(out, w.p, w.len);
	return 0;
}

void bh_strcpy(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	memmove(dst, src, n);
	memset(dst + n, 0, size - n);
}
