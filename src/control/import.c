/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all lists have in common: items by MAC, complaints with a place, and the line an item becomes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "control/import.h"

static const char *const formats[BH_IMPORT_FORMATS] = {"guess", "csv", "dnsmasq", "isc"};

const char *bh_import_format_name(unsigned format)
{
	return formats[format < BH_IMPORT_FORMATS ? format : 0];
}

void bh_import_wrong(struct bh_import_list *l, unsigned line, unsigned col, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	l->count.wrong++;
	l->sink->wrong(l->sink->ctx, line, col, text);
}

/* ---- by MAC ---- */
static uint32_t *place(const struct bh_import_list *l, const struct bh_mac *m)
{
	size_t i = (size_t)bh_hash(m, sizeof *m, 0) & (l->slots - 1);

	while (l->index[i] && !bh_mac_eq(&l->v[l->index[i] - 1].d.mac, m))
		i = (i + 1) & (l->slots - 1);
	return &l->index[i];
}

struct bh_import_item *bh_import_find(const struct bh_import_list *l, const struct bh_mac *m)
{
	uint32_t at = l->slots ? *place(l, m) : 0;

	return at ? &l->v[at - 1] : NULL;
}

static bool grow(struct bh_import_list *l)
{
	size_t cap = l->cap ? l->cap * 4 : 64;
	struct bh_import_item *v = realloc(l->v, cap * sizeof *v);
	uint32_t *index = calloc(cap * 2, sizeof *index);

	l->v = v ? v : l->v;
	if (!v || !index) {
		free(index);
		l->error = -ENOMEM;
		return false;
	}
	free(l->index);
	l->index = index;
	l->cap = cap;
	l->slots = cap * 2;
	for (size_t i = 0; i < l->n; i++)
		*place(l, &l->v[i].d.mac) = (uint32_t)i + 1;
	return true;
}

bool bh_import_addr(struct bh_device *d, const struct bh_addr *a)
{
	for (unsigned i = 0; i < d->n_addrs; i++)
		if (bh_addr_eq(&d->addrs[i], a))
			return true;
	if (d->n_addrs == BH_DEV_ADDRS)
		return false;
	d->addrs[d->n_addrs++] = *a;
	return true;
}

static void merge(struct bh_import_list *l, struct bh_import_item *to, const struct bh_import_item *it)
{
	for (unsigned i = 0; i < it->d.n_addrs; i++)
		l->count.left_out += !bh_import_addr(&to->d, &it->d.addrs[i]);
	if (it->d.name[0])
		memcpy(to->d.name, it->d.name, sizeof to->d.name);
}

void bh_import_add(struct bh_import_list *l, const struct bh_import_item *it)
{
	struct bh_import_item *was = bh_import_find(l, &it->d.mac);

	if (was) {
		merge(l, was, it);
		return;
	}
	if (l->n == BH_IMPORT_MAX) {
		if (!l->error)
			bh_import_wrong(l, it->line, 1, "more than %u devices: split the list", BH_IMPORT_MAX);
		l->error = 1;
		return;
	}
	if (l->n == l->cap && !grow(l))
		return;
	l->v[l->n] = *it;
	l->n++;
	*place(l, &it->d.mac) = (uint32_t)l->n;
}

/* ---- words ---- */
static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int bh_import_mac(const char *p, size_t n, struct bh_mac *ret_mac)
{
	struct bh_mac m = {{0}};
	unsigned digits = 0;

	for (size_t i = 0; i < n; i++) {
		int d = hex(p[i]);

		if (d < 0) {
			if ((p[i] != ':' && p[i] != '-' && p[i] != '.') || !digits || (digits & 1))
				return 1;
			continue;
		}
		if (digits == 12)
			return 1;
		m.b[digits / 2] = (uint8_t)(m.b[digits / 2] << 4 | d);
		digits++;
	}
	if (digits != 12 || bh_mac_none(&m) || (m.b[0] & 1))
		return 1;
	*ret_mac = m;
	return 0;
}

int bh_import_word(const char *p, size_t n, char *out, size_t size, const char **ret_why)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f) {
			*ret_why = "has a control character in it";
			return 1;
		}
	if (n >= size) {
		*ret_why = "is too long";
		return 1;
	}
	memset(out, 0, size);
	memcpy(out, p, n);
	return 0;
}

/* ---- a list ---- */
static bool begins(const char *p, size_t n, const char *word)
{
	size_t k = strlen(word);

	return n > k && memcmp(p, word, k) == 0 && (p[k] == ' ' || p[k] == '\t' || p[k] == '{');
}

/* "1764038400 02:00:00:00:00:01 10.0.0.7 pc-7 *", or a server's DUID */
static bool is_dnsmasq(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n), *end = nl ? nl : p + n;
	struct bh_word w;
	uint64_t v;

	if (bh_word_next(&p, end, &w))
		return false;
	return bh_word_is(w, "duid") || (bh_word_u64(w, UINT64_MAX, &v) == 0 && bh_word_next(&p, end, &w) == 0 && bh_word_next(&p, end, &w) == 0 && !memchr(w.p, ',', w.len));
}

unsigned bh_import_guess(const char *text, size_t len)
{
	static const char *const isc[] = {"lease", "host", "server-duid", "authoring-byte-order", "failover", "ia-na", "group", "subnet"};

	while (len) { /* over comments and empty lines, which all but CSV have */
		const char *nl = memchr(text, '\n', len);

		if (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n') {
			text++;
			len--;
		} else if (*text == '#' && nl) {
			len -= (size_t)(nl + 1 - text);
			text = nl + 1;
		} else {
			break;
		}
	}
	for (size_t i = 0; i < BH_COUNT(isc); i++)
		if (begins(text, len, isc[i]))
			return BH_IMPORT_ISC;
	return is_dnsmasq(text, len) ? BH_IMPORT_DNSMASQ : BH_IMPORT_CSV;
}

int bh_import(const char *text, size_t len, unsigned format, const struct bh_import_sink *sink, struct bh_import_count *ret_count)
{
	struct bh_import_list l = {.sink = sink};
	int r;

	switch (format == BH_IMPORT_GUESS ? bh_import_guess(text, len) : format) {
	case BH_IMPORT_DNSMASQ:
		bh_import_dnsmasq(&l, text, len);
		break;
	case BH_IMPORT_ISC:
		bh_import_isc(&l, text, len);
		break;
	default:
		bh_import_csv(&l, text, len);
	}
	if (!l.error && !l.n && !l.count.wrong)
		bh_import_wrong(&l, 1, 1, "no device in this list");
	for (size_t i = 0; !l.error && i < l.n; i++)
		sink->item(sink->ctx, &l.v[i]);
	l.count.items = l.n;
	r = l.error ? l.error : !l.n;
	if (r >= 0)
		*ret_count = l.count;
	free(l.v);
	free(l.index);
	return r;
}

/* ---- the line ---- */
size_t bh_import_print(const struct bh_import_item *it, char buf[BH_IMPORT_TEXT])
{
	struct bh_text t = bh_text(buf, BH_IMPORT_TEXT);
	char line[BH_DEVICE_TEXT];

	if (it->zone[0]) {
		bh_put(&t, "in=");
		bh_put_quoted(&t, it->zone, strnlen(it->zone, sizeof it->zone));
		bh_put(&t, " ");
	}
	bh_putn(&t, line, bh_device_print(&it->d, line));
	return t.len;
}

int bh_import_parse(const char *line, size_t len, struct bh_import_item *ret_item, struct bh_event_error *ret_error)
{
	struct bh_import_item it = {.line = 0};
	const char *p = line, *end = line + len;
	struct bh_word w;
	int r;

	if (bh_word_next(&p, end, &w) == 0 && w.len > 3 && memcmp(w.p, "in=", 3) == 0) {
		if (bh_word_str((struct bh_word){w.p + 3, w.len - 3}, it.zone, sizeof it.zone)) {
			ret_error->col = (unsigned)(w.p + 3 - line) + 1;
			bh_strcpy(ret_error->text, sizeof ret_error->text, "not a zone's name");
			return 1;
		}
	} else {
		p = line;
	}
	r = bh_device_parse(p, (size_t)(end - p), &it.d, ret_error);
	if (r) {
		ret_error->col += (unsigned)(p - line);
		return r;
	}
	it.d.flags = 0; /* a list cannot say whom we met */
	*ret_item = it;
	return 0;
}
