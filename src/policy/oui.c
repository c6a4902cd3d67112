/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who made a network card: prefixes of 24, 28 and 36 bits in one array sorted by value and length, names behind one another in
 * one block. Each text that is added is sorted in at once, so that looking up changes nothing; where a prefix comes again the
 * later name stands, because names lie in the order they came.
 */
#include <errno.h>
#include <stdlib.h>
#include <bulkhead/gadget.h>
#include "policy/load.h"
#include "policy/carried.h"

#define MAX_OUIS (1u << 18)
#define MAX_NAMES (16u << 20) /* bytes of all names */
#define NAME_MAX 64	      /* of one, with the NUL */
#define FIELD_MAX 4096	      /* of a quoted field */

struct oui {
	uint64_t key; /* the 48 bits of the prefix, then its length */
	uint32_t name; /* offset into names, and the order in which it came */
};
struct bh_ouis {
	struct oui *v;
	char *names;
	size_t n, cap, bytes, room;
};

int bh_ouis_open(struct bh_ouis **ret_ouis)
{
	struct bh_ouis *o = calloc(1, sizeof *o);

	if (!o)
		return -ENOMEM;
	*ret_ouis = o;
	return 0;
}

void bh_ouis_close(struct bh_ouis *o)
{
	if (!o)
		return;
	free(o->v);
	free(o->names);
	free(o);
}

/* ---- one line ---- */

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* digits up to a blank, a comma or a tab; 0 = no prefix of a known length */
static uint64_t prefix(const char **io, const char *end)
{
	unsigned digits = 0;
	uint64_t v = 0;
	const char *p = *io;

	for (; p < end && *p != ' ' && *p != '\t' && *p != ','; p++) {
		int d = nibble(*p);

		if (d < 0 && (*p == ':' || *p == '-' || *p == '.') && digits)
			continue;
		if (d < 0 || ++digits > 9)
			return 0;
		v = v << 4 | (unsigned)d;
	}
	if (p == end || (digits != 6 && digits != 7 && digits != 9))
		return 0;
	*io = p + 1;
	return v << (48 - digits * 4) << 8 | digits * 4;
}

/* a field of CSV, without its quotes; *io is left behind the comma or at the end. A quoted one may go on in the next line. */
static size_t field(const char **io, const char *end, char *out, size_t size)
{
	const char *p = *io;
	bool quoted = p < end && *p == '"';
	size_t n = 0;

	p += quoted;
	while (p < end) {
		if (quoted && *p == '"' && (p + 1 == end || p[1] != '"')) {
			p++;
			break;
		}
		if (!quoted && (*p == ',' || *p == '\n'))
			break;
		p += quoted && *p == '"';
		if (n + 1 < size)
			out[n++] = *p;
		p++;
		if (p - *io > FIELD_MAX) /* a quote that nobody closed */
			break;
	}
	while (p < end && *p != ',' && *p != '\n')
		p++;
	*io = p < end && *p == ',' ? p + 1 : p;
	return n;
}

/* blanks around go, what a terminal should not see becomes "?", and no character is cut in half */
static size_t tidy(const char *p, size_t n, char *out)
{
	size_t len = 0;

	while (n && (uint8_t)p[n - 1] <= ' ')
		n--;
	while (n && (uint8_t)*p <= ' ') {
		p++;
		n--;
	}
	while (n) {
		uint32_t cp = 0;
		unsigned k = bh_utf8_take((const uint8_t *)p, n, &cp);
		bool good = k && cp >= ' ' && !(cp >= 0x7f && cp < 0xa0) && !(cp >= 0x2028 && cp <= 0x202e);
		unsigned take = k ? k : 1;

		if (len + (good ? take : 1) >= NAME_MAX)
			break;
		if (good)
			memcpy(out + len, p, take);
		else
			out[len] = '?';
		len += good ? take : 1;
		p += take;
		n -= take;
	}
	out[len] = '\0';
	return len;
}

static bool grow(void *array, size_t *cap, size_t want, size_t size, size_t limit)
{
	void **a = array, *v;
	size_t more = *cap ? *cap : 1024;

	if (want <= *cap)
		return true;
	while (more < want)
		more *= 2;
	if (want > limit)
		return false;
	v = realloc(*a, more * size);
	if (!v)
		return false;
	*a = v;
	*cap = more;
	return true;
}

static bool put(struct bh_ouis *o, uint64_t key, const char *raw, size_t n)
{
	char name[NAME_MAX];
	size_t len = tidy(raw, n, name);

	if (!key || !len || !grow(&o->v, &o->cap, o->n + 1, sizeof *o->v, MAX_OUIS) ||
		!grow(&o->names, &o->room, o->bytes + len + 1, 1, MAX_NAMES))
		return false;
	memcpy(o->names + o->bytes, name, len + 1);
	o->v[o->n++] = (struct oui){key, (uint32_t)o->bytes};
	o->bytes += len + 1;
	return true;
}

static bool registry(const char *p, size_t n)
{
	static const char *const names[] = {"MA-L", "MA-M", "MA-S", "IAB", "CID"};

	for (size_t i = 0; i < BH_COUNT(names); i++)
		if (n == strlen(names[i]) && memcmp(p, names[i], n) == 0)
			return true;
	return false;
}

/* "Registry,Assignment,Organization Name,Organization Address"; the header names no registry and is passed over */
static bool csv(struct bh_ouis *o, const char **io, const char *end)
{
	char hex[16], name[256];
	const char *h = hex;
	size_t n = field(io, end, hex, sizeof hex - 1), len;

	hex[n++] = ',';
	len = field(io, end, name, sizeof name);
	while (*io < end && **io != '\n')
		(void)field(io, end, NULL, 0);
	return put(o, prefix(&h, hex + n), name, len);
}

static bool plain(struct bh_ouis *o, const char *p, const char *end)
{
	uint64_t key = prefix(&p, end);
	const char *stop = p;

	while (stop < end && !(*stop == '#' && (stop[-1] == ' ' || stop[-1] == '\t')))
		stop++;
	return key && put(o, key, p, (size_t)(stop - p));
}

/* ---- all of them ---- */

static int by_key(const void *a, const void *b)
{
	const struct oui *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void settle(struct bh_ouis *o)
{
	size_t out = 0;

	if (o->n)
		qsort(o->v, o->n, sizeof *o->v, by_key);
	for (size_t i = 0; i < o->n; i++) {
		if (i + 1 < o->n && o->v[i + 1].key == o->v[i].key)
			continue;
		if (strcmp(o->names + o->v[i].name, "-") != 0)
			o->v[out++] = o->v[i];
	}
	o->n = out;
}

void bh_ouis_add(struct bh_ouis *o, const char *text, size_t len, uint64_t *io_skipped)
{
	static const char header[] = "Registry,Assignment,";
	const char *p = text, *end = text + len;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p)), *comma;
		size_t n;

		stop = stop ? stop : end;
		while (p < stop && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		n = (size_t)(stop - p);
		comma = memchr(p, ',', n);
		if (comma && registry(p, (size_t)(comma - p))) {
			p = comma + 1;
			*io_skipped += !csv(o, &p, end);
			stop = p;
		} else if (n && *p != '#' && (n < sizeof header - 1 || memcmp(p, header, sizeof header - 1) != 0)) {
			*io_skipped += !plain(o, p, stop);
		}
		p = stop < end ? stop + 1 : end;
	}
	settle(o);
}

const char *bh_ouis_name(const struct bh_ouis *o, const struct bh_mac *m)
{
	static const uint8_t lengths[] = {36, 28, 24};
	uint64_t v = 0;

	if (!o || m->b[0] & 3)
		return "";
	for (unsigned i = 0; i < 6; i++)
		v = v << 8 | m->b[i];
	for (size_t k = 0; k < BH_COUNT(lengths); k++) {
		unsigned cut = 48u - lengths[k];
		uint64_t key = v >> cut << cut << 8 | lengths[k];
		size_t lo = 0, hi = o->n;

		while (lo < hi) {
			size_t mid = (lo + hi) / 2;

			if (o->v[mid].key < key)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < o->n && o->v[lo].key == key)
			return o->names + o->v[lo].name;
	}
	return "";
}

BH_CARRIED(bh_ouis_file, BH_OUIS);

const char *bh_ouis_builtin_text(size_t *ret_len)
{
	*ret_len = BH_CARRIED_LEN(bh_ouis_file);
	return bh_ouis_file;
}
