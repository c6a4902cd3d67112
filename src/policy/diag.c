/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diagnostics. A mistake is kept as a value: severity, place, width, one line of text; printing
 * looks up the line in the text. Notes belong to the message before them and move with it when
 * messages are sorted by place. What is shown comes from a file that may be hostile, so control
 * characters never reach the terminal.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "policy/load.h"

#define SHOW 160 /* longest piece of a line shown */

unsigned bh_utf8_take(const uint8_t *p, size_t n, uint32_t *ret_cp)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned len = p[0] < 0x80                   ? 1
		       : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		       : (p[0] & 0xf0) == 0xe0       ? 3
		       : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						     : 0;
	uint32_t cp;

	if (!len || len > n)
		return 0;
	cp = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (unsigned i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	*ret_cp = cp;
	return len;
}

static bool shown(uint32_t cp)
{
	return cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) &&
	       !(cp >= 0x200b && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202e) &&
	       !(cp >= 0x2066 && cp <= 0x2069) && cp != 0xfeff;
}

/* in place: every character a terminal could act on, and a cut last character, becomes '?' */
static void clean(char *s)
{
	size_t n = strlen(s), out = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp = 0;
		unsigned len = bh_utf8_take((const uint8_t *)s + i, n - i, &cp);

		if (len && shown(cp)) {
			memmove(s + out, s + i, len);
			out += len;
		} else {
			s[out++] = '?';
		}
		i += len ? len : 1;
	}
	s[out] = '\0';
}

bool bh_diags_full(const struct bh_diags *d)
{
	return d->n >= BH_DIAGS;
}

void bh_diag(struct bh_diags *d, unsigned severity, struct bh_mark at, const char *fmt, ...)
{
	struct bh_diag *v = d->v;
	va_list ap;

	if (severity == BH_DIAG_ERROR)
		d->errors++;
	if (severity == BH_DIAG_NOTE ? d->suppressed > 0 : d->n >= BH_DIAGS) {
		d->suppressed += severity != BH_DIAG_NOTE;
		return;
	}
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 16;

		v = realloc(d->v, cap * sizeof *v);
		if (!v) {
			d->suppressed++;
			return;
		}
		d->v = v;
		d->cap = cap;
	}
	v = &d->v[d->n++];
	*v = (struct bh_diag){
		.severity = severity, .pos = at.pos, .width = at.width ? at.width : 1};
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof v->text, fmt, ap);
	va_end(ap);
	clean(v->text);
}

void bh_diags_fini(struct bh_diags *d)
{
	free(d->v);
	*d = (struct bh_diags){0};
}

struct group {
	struct bh_pos pos;
	size_t first, n;
};

static int group_cmp(const void *x, const void *y)
{
	const struct group *a = x, *b = y;

	if (a->pos.line != b->pos.line)
		return a->pos.line < b->pos.line ? -1 : 1;
	if (a->pos.col != b->pos.col)
		return a->pos.col < b->pos.col ? -1 : 1;
	return a->first < b->first ? -1 : 1;
}

void bh_diags_sort(struct bh_diags *d)
{
	struct group *g = calloc(d->n ? d->n : 1, sizeof *g);
	struct bh_diag *v = calloc(d->cap ? d->cap : 1, sizeof *v);
	size_t n = 0, out = 0;

	if (!g || !v || !d->n) { /* without memory they stay in the order they were found */
		free(g);
		free(v);
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		if (d->v[i].severity != BH_DIAG_NOTE || !n)
			g[n++] = (struct group){d->v[i].pos, i, 0};
		g[n - 1].n++;
	}
	qsort(g, n, sizeof *g, group_cmp);
	for (size_t i = 0; i < n; i++) {
		memcpy(v + out, d->v + g[i].first, g[i].n * sizeof *v);
		out += g[i].n;
	}
	free(g);
	free(d->v);
	d->v = v;
}

/* the line of the text and a line of ^~~~ under the place; long lines are shown around the place */
static void put_line(const struct bh_diag *v, const char *line, size_t len, struct bh_text *t)
{
	uint32_t from = v->pos.col > SHOW / 2 && len > SHOW ? v->pos.col - SHOW / 2 : 1, col = 1,
		 cp;
	char caret[SHOW + 8], *c = caret;
	unsigned n;

	bh_putf(t, "%5u | ", v->pos.line);
	for (size_t i = 0; i < len && col < from + SHOW; i += n, col++) {
		cp = 0;
		n = bh_utf8_take((const uint8_t *)line + i, len - i, &cp);
		if (col >= from && (line[i] == '\t' || (n && shown(cp))))
			bh_putn(t, line + i, n);
		else if (col >= from)
			bh_put(t, "?");
		if (col >= from && col < v->pos.col)
			*c++ = line[i] == '\t' ? '\t' : ' ';
		n = n ? n : 1;
	}
	while (col >= from && col < v->pos.col &&
		col++ < from + SHOW) /* the place is past the end of the line */
		*c++ = ' ';
	*c = '\0';
	bh_putf(t, "\n      | %s^", caret);
	for (uint32_t i = 1; i < v->width && v->pos.col + i < from + SHOW; i++)
		bh_put(t, "~");
	bh_put(t, "\n");
}

void bh_diags_print(
	const struct bh_diags *d, const char *file, const char *text, size_t len, struct bh_text *t)
{
	static const char *const word[] = {"error", "warning", "note"};
	const char *line = text, *end = text + len, *stop;
	uint32_t at = 1;

	for (size_t i = 0; i < d->n; i++) {
		const struct bh_diag *v = &d->v[i];

		bh_putf(t, "%s:%u:%u: %s: %s\n", file, v->pos.line, v->pos.col,
			word[v->severity % 3], v->text);
		if (v->pos.line < at) {
			line = text;
			at = 1;
		}
		while (at < v->pos.line && line < end) {
			stop = memchr(line, '\n', end - line);
			line = stop ? stop + 1 : end;
			at++;
		}
		if (at != v->pos.line || line >= end)
			continue;
		stop = memchr(line, '\n', end - line);
		stop = stop ? stop : end;
		if (stop > line && stop[-1] == '\r')
			stop--;
		put_line(v, line, stop - line, t);
	}
	if (d->suppressed)
		bh_putf(t, "%s: %zu more not shown\n", file, d->suppressed);
}

/* optimal string alignment: insert, delete, change, swap of neighbours; words longer than 63 are
 * far from all */
static unsigned distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	uint8_t row[3][64];

	if (na > 63 || nb > 63)
		return 99;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		uint8_t *cur = row[i % 3], *up = row[(i - 1) % 3], *up2 = row[(i + 1) % 3];

		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = up[j] + 1u < d ? up[j] + 1u : d;
			d = cur[j - 1] + 1u < d ? cur[j - 1] + 1u : d;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				up2[j - 2] + 1u < d)
				d = up2[j - 2] + 1u;
			cur[j] = d;
		}
	}
	return row[na % 3][nb];
}

void bh_guess_offer(struct bh_guess *g, const char *candidate)
{
	unsigned d = distance(g->word, candidate), half = (strlen(g->word) + 1) / 2;

	if (d < 4 && d <= half && (!g->best || d < g->distance)) {
		g->best = candidate;
		g->distance = d;
	}
}

const char *bh_guess_text(const struct bh_guess *g, char buf[96])
{
	buf[0] = '\0';
	if (g->best)
		snprintf(buf, 96, "; did you mean '%s'?", g->best);
	return buf;
}

void bh_diags_say(struct bh_diags *d, unsigned severity, struct bh_pos pos, const char *text)
{
	bh_diag(d, severity, (struct bh_mark){pos, 1}, "%s", text);
	bh_diags_sort(d);
}
