/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV with a line of headings. A heading that is not known is an error and not a column nobody reads: "stauts" would make
 * everything known. Columns whose heading begins with '#' are for people. What separates is what first stands between two
 * headings: comma, semicolon or tab. Lists in a cell have blanks, commas, semicolons or bars between.
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include "control/import.h"

enum column { C_MAC, C_ADDRESS, C_NAME, C_OWNER, C_NOTE, C_ZONE, C_TAGS, C_STATUS, C_NONE, COLUMNS = C_NONE };
static const struct {
	const char *word;
	uint8_t column;
} headings[] = {{"mac", C_MAC}, {"address", C_ADDRESS}, {"addresses", C_ADDRESS}, {"ip", C_ADDRESS}, {"name", C_NAME}, {"owner", C_OWNER}, {"note", C_NOTE},
	{"zone", C_ZONE}, {"tags", C_TAGS}, {"status", C_STATUS}};
#define CELLS 64
#define CELL 1024

struct cell {
	char text[CELL];
	size_t n;
	unsigned line, col; /* where it begins */
	bool last;	    /* of its record */
};
struct reader {
	const char *p, *end, *line_start;
	unsigned line;
	char sep;
};

static void newline(struct reader *r)
{
	r->line++;
	r->line_start = r->p;
}

/* A cell's text; NULL, or what is wrong with it. The reader stands behind its separator or its line's end. */
static const char *cell(struct reader *r, struct cell *c)
{
	bool quoted = r->p < r->end && *r->p == '"', open = quoted, longer = false;

	c->n = 0;
	c->last = false;
	c->line = r->line;
	c->col = (unsigned)(r->p - r->line_start) + 1;
	r->p += quoted;
	while (r->p < r->end) {
		char ch = *r->p;

		if (open && ch == '"') {
			r->p++;
			open = r->p < r->end && *r->p == '"'; /* two of them are one */
			if (!open)
				continue;
		} else if (!open && (ch == r->sep || ch == '\n' || (ch == '\r' && r->p + 1 < r->end && r->p[1] == '\n'))) {
			break;
		} else if (quoted && !open && ch != ' ') {
			return "text behind a closing quote: a quote inside quotes is written twice";
		}
		r->p++;
		if (open && ch == '\n')
			newline(r);
		if (quoted && !open)
			continue;
		if (c->n < CELL)
			c->text[c->n++] = ch;
		else
			longer = true;
	}
	if (open)
		return "a quote that is not closed";
	c->last = r->p == r->end || *r->p != r->sep;
	if (r->p < r->end && *r->p == '\r')
		r->p++;
	if (r->p < r->end && *r->p++ == '\n')
		newline(r);
	return longer ? "a cell of more than 1,024 bytes" : NULL;
}

/* After something that cannot be read: on to the next line. */
static void resync(struct reader *r)
{
	const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));

	r->p = nl ? nl + 1 : r->end;
	newline(r);
}

static void trim(struct cell *c, const char **ret_p, size_t *ret_n)
{
	const char *p = c->text;
	size_t n = c->n;

	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	*ret_p = p;
	*ret_n = n;
}

/* ---- headings ---- */
static char separator(const char *p, const char *end)
{
	bool open = false;

	for (; p < end && (*p != '\n' || open); p++) {
		open ^= *p == '"';
		if (!open && (*p == ',' || *p == ';' || *p == '\t'))
			return *p;
	}
	return ',';
}

static uint8_t column_of(const char *p, size_t n)
{
	if (n == 0 || *p == '#')
		return C_NONE;
	for (size_t i = 0; i < BH_COUNT(headings); i++)
		if (strlen(headings[i].word) == n && strncasecmp(headings[i].word, p, n) == 0)
			return headings[i].column;
	return UINT8_MAX;
}

static bool read_headings(struct bh_import_list *l, struct reader *r, struct cell *c, uint8_t columns[CELLS], size_t *ret_n)
{
	uint32_t seen = 0;
	size_t n = 0;

	do {
		const char *wrong = cell(r, c), *p;
		size_t len;

		if (wrong || n == CELLS) {
			bh_import_wrong(l, c->line, c->col, "%s", wrong ? wrong : "more than 64 columns");
			return false;
		}
		trim(c, &p, &len);
		columns[n] = column_of(p, len);
		if (columns[n] == UINT8_MAX || (columns[n] < COLUMNS && seen >> columns[n] & 1)) {
			bh_import_wrong(l, c->line, c->col, columns[n] == UINT8_MAX ? "no column is called '%.*s': mac, address, name, owner, note, zone, tags, status are; a heading with # in front is "
				"not read" : "a second column '%.*s'", (int)(len > 40 ? 40 : len), p);
			return false;
		}
		seen |= columns[n] < COLUMNS ? 1u << columns[n] : 0;
		n++;
	} while (!c->last);
	if (!(seen & 1u << C_MAC)) {
		bh_import_wrong(l, 1, 1, "no column 'mac': the first line names the columns, such as mac,address,name,owner");
		return false;
	}
	*ret_n = n;
	return true;
}

/* ---- records ---- */
static bool next_of(const char **p, const char *end, struct bh_word *w)
{
	static const char between[] = " \t,;|";

	while (*p < end && strchr(between, **p) && **p)
		++*p;
	w->p = *p;
	while (*p < end && (!strchr(between, **p) || !**p))
		++*p;
	w->len = (size_t)(*p - w->p);
	return w->len != 0;
}

static const char *put_addrs(struct bh_device *d, const char *p, size_t n)
{
	const char *end = p + n;
	struct bh_word w;
	struct bh_addr a;

	while (next_of(&p, end, &w)) {
		if (bh_addr_parse(w.p, w.len, &a) || bh_addr_unspecified(&a) || bh_addr_multicast(&a))
			return "is no address of a device";
		if (!bh_import_addr(d, &a))
			return "has more than 8 addresses";
	}
	return NULL;
}

static const char *put_tags(struct bh_device *d, const char *p, size_t n)
{
	const char *end = p + n;
	struct bh_word w;

	while (next_of(&p, end, &w)) {
		unsigned bit = 1;

		while (bh_device_tag_name(bit) && !bh_word_is(w, bh_device_tag_name(bit)))
			bit <<= 1;
		if (!bh_device_tag_name(bit))
			return "is no tag: dual-boot, shared, router, pxe are";
		d->tags |= (uint8_t)bit;
	}
	return NULL;
}

static const char *put_status(struct bh_device *d, const char *p, size_t n)
{
	if (n == 0)
		return NULL;
	for (unsigned i = 0; i < BH_DEV_STATUSES; i++)
		if (bh_word_is((struct bh_word){p, n}, bh_device_status_name(i))) {
			d->status = (uint8_t)i;
			return NULL;
		}
	return "is no status: new, known, retired are";
}

static const char *put_word(char *out, size_t size, const char *p, size_t n)
{
	const char *why = NULL;

	return bh_import_word(p, n, out, size, &why) ? why : NULL;
}

/* NULL, or what is wrong with the cell */
static const char *put(struct bh_import_item *it, unsigned column, const char *p, size_t n)
{
	switch (column) {
	case C_MAC:
		return bh_import_mac(p, n, &it->d.mac) ? "is no MAC address of a device" : NULL;
	case C_ADDRESS:
		return put_addrs(&it->d, p, n);
	case C_NAME:
		return put_word(it->d.name, sizeof it->d.name, p, n);
	case C_OWNER:
		return put_word(it->d.owner, sizeof it->d.owner, p, n);
	case C_NOTE:
		return put_word(it->d.note, sizeof it->d.note, p, n);
	case C_ZONE:
		return put_word(it->zone, sizeof it->zone, p, n);
	case C_TAGS:
		return put_tags(&it->d, p, n);
	case C_STATUS:
		return put_status(&it->d, p, n);
	}
	return NULL;
}

static void record(struct bh_import_list *l, struct reader *r, struct cell *c, const uint8_t columns[CELLS], size_t n_columns)
{
	struct bh_import_item it = {.d = {.status = BH_DEV_KNOWN, .zone = BH_ZONE_NONE}, .line = r->line};
	const struct bh_import_item *was;
	bool good = true, empty = true;
	size_t i = 0;

	do {
		const char *wrong = cell(r, c), *p;
		size_t n;

		if (wrong) {
			bh_import_wrong(l, c->line, c->col, "%s", wrong);
			if (!c->last)
				resync(r);
			return;
		}
		trim(c, &p, &n);
		empty &= n == 0;
		if (i == n_columns && n && good) {
			bh_import_wrong(l, c->line, c->col, "more cells than the first line has headings");
			good = false;
		}
		wrong = i < n_columns && good && n ? put(&it, columns[i], p, n) : NULL;
		if (wrong) {
			bh_import_wrong(l, c->line, c->col, "'%.*s' %s", (int)(n > 60 ? 60 : n), p, wrong);
			good = false;
		}
		i += i < n_columns;
	} while (!c->last);
	if (!good || empty)
		return;
	was = bh_import_find(l, &it.d.mac);
	if (bh_mac_none(&it.d.mac))
		bh_import_wrong(l, it.line, 1, "a line without a MAC address");
	else if (was)
		bh_import_wrong(l, it.line, 1, "this MAC address stands in line %u already: several addresses go into one cell", was->line);
	else
		bh_import_add(l, &it);
}

void bh_import_csv(struct bh_import_list *l, const char *text, size_t len)
{
	struct reader r = {.p = text, .end = text + len, .line_start = text, .line = 1};
	struct cell *c = malloc(sizeof *c);
	uint8_t columns[CELLS];
	size_t n;

	if (!c) {
		l->error = -ENOMEM;
		return;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* what Excel puts in front */
		r.p = r.line_start = text + 3;
	r.sep = separator(r.p, r.end);
	if (!read_headings(l, &r, c, columns, &n))
		l->error = 1;
	while (!l->error && r.p < r.end)
		record(l, &r, c, columns, n);
	free(c);
}
