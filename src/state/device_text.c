/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A device as one line. As with events, one table says of every field where it lies and how it is spelled; printing walks it
 * and leaves out what is zero, parsing looks keys up in it, so the round trip holds because both read the same row. A print's
 * fields stand in a group of their own, print{…}, and an empty group keeps the place of a print that is not the last.
 *
 * What only the table knows - links, slot, flags - is told, but not believed: whoever writes a line cannot say of a device that
 * it routes. But that it was met it says of ourselves, and after a restart nobody is new again. A zone is the number it has in the policy of the moment; whoever reads lines of another day asks again.
 */
#include <stdio.h>
#include <strings.h>
#include <bulkhead/device.h>

static const char *const oses[BH_OS_COUNT] = {
#define X(id, name) name,
	BH_OSES(X)
#undef X
};
static const char *const statuses[BH_DEV_STATUSES] = {"new", "known", "retired"};
static const char *const tags[] = {"dual-boot", "shared", "router", "pxe"};

const char *bh_os_name(unsigned os)
{
	return oses[os < BH_OS_COUNT ? os : 0];
}

int bh_os_parse(const char *s, size_t n, uint8_t *ret_os)
{
	for (unsigned i = 0; i < BH_OS_COUNT; i++)
		if (strlen(oses[i]) == n && strncasecmp(oses[i], s, n) == 0) {
			*ret_os = (uint8_t)i;
			return 0;
		}
	return 1;
}

const char *bh_device_status_name(unsigned status)
{
	return statuses[status < BH_DEV_STATUSES ? status : 0];
}

const char *bh_device_tag_name(unsigned bit)
{
	for (unsigned i = 0; i < BH_COUNT(tags); i++)
		if (bit == 1u << i)
			return tags[i];
	return NULL;
}

enum form { F_DEC, F_HEX, F_NS, F_STR, F_OPTS, F_CLIENTS, F_STATUS, F_TAGS, F_OS, F_ADDRS, F_FLAGS, F_ZONE };
struct field {
	const char *key;
	uint16_t off, size;
	uint8_t form;
};
#define D(key, m, form) {key, offsetof(struct bh_device, m), sizeof(((struct bh_device *)0)->m), form}
#define P(key, m, form) {key, offsetof(struct bh_print, m), sizeof(((struct bh_print *)0)->m), form}

static const struct field device_fields[] = {
	D("status", status, F_STATUS),
	D("tags", tags, F_TAGS),
	D("flags", flags, F_FLAGS),
	D("zone", zone, F_ZONE),
	D("vlan", vlan, F_DEC),
	D("first", first, F_NS),
	D("last", last, F_NS),
	D("session", session, F_NS),
	D("changed", changed, F_NS),
	D("conflicts", conflicts, F_DEC),
	D("addrs", addrs, F_ADDRS),
	D("carried", carried, F_DEC),
	D("at", at_print, F_DEC),
	D("name", name, F_STR),
	D("calls", calls_itself, F_STR),
	D("owner", owner, F_STR),
	D("note", note, F_STR),
	D("port", port, F_STR),
	D("usb", usb, F_STR),
};
static const struct field print_fields[] = {
	P("first", first, F_NS),
	P("last", last, F_NS),
	P("seen", seen, F_DEC),
	P("params", dhcp_params, F_HEX),
	P("order", dhcp_order, F_HEX),
	P("size", dhcp_size, F_DEC),
	P("id", dhcp_id, F_DEC),
	P("os", os_dhcp, F_OS),
	P("vendor", vendor, F_STR),
	P("name", name, F_STR),
	P("synos", os_syn, F_OS),
	P("ttl", ttl, F_DEC),
	P("win", syn.window, F_DEC),
	P("mss", syn.mss, F_DEC),
	P("wscale", syn.wscale, F_DEC),
	P("df", syn.df, F_DEC),
	P("opts", syn.opts, F_OPTS),
	P("ecn", syn.ecn, F_DEC),
	P("from", from, F_HEX),
	P("told", told, F_DEC),
	P("clients", clients, F_CLIENTS),
};
#undef D
#undef P

struct table {
	const struct field *v;
	size_t n;
};
static const struct table of_device = {device_fields, BH_COUNT(device_fields)}, of_print = {print_fields, BH_COUNT(print_fields)};

/* ---- printing ---- */
static uint64_t load(const void *p, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

static void put_ns(struct bh_text *t, bh_ns ns)
{
	bh_putf(t, "%llu.%09llu", (unsigned long long)(ns / BH_SEC(1)), (unsigned long long)(ns % BH_SEC(1)));
}

static void put_addrs(struct bh_text *t, const struct bh_device *d)
{
	char buf[BH_ADDR_TEXT];

	for (unsigned i = 0; i < d->n_addrs && i < BH_DEV_ADDRS; i++)
		bh_putf(t, i ? ",%s" : "%s", bh_addr_print(&d->addrs[i], buf));
}

/* numbers up to the last that is not zero */
static void put_list(struct bh_text *t, const uint8_t *p, size_t n, size_t size, const char *fmt)
{
	while (n && load(p + (n - 1) * size, size) == 0)
		n--;
	for (size_t i = 0; i < n; i++) {
		char word[16];

		snprintf(word, sizeof word, fmt, (unsigned)load(p + i * size, size));
		bh_putf(t, i ? ",%s" : "%s", word);
	}
}

static void put_tags(struct bh_text *t, unsigned bits)
{
	const char *sep = "";

	for (unsigned i = 0; i < BH_COUNT(tags); i++)
		if (bits >> i & 1) {
			bh_putf(t, "%s%s", sep, tags[i]);
			sep = ",";
		}
}

static bool is_shown(const struct field *f, const void *from)
{
	static const uint8_t zero[sizeof(struct bh_addr) * BH_DEV_ADDRS];
	const uint8_t *p = (const uint8_t *)from + f->off;

	switch (f->form) {
	case F_ADDRS:
		return ((const struct bh_device *)from)->n_addrs != 0;
	case F_ZONE:
		return load(p, f->size) != BH_ZONE_NONE;
	case F_TAGS:
		return (*p & ((1u << BH_COUNT(tags)) - 1)) != 0;
	case F_STR:
		return *p != 0;
	}
	return memcmp(p, zero, f->size) != 0;
}

static void put_field(struct bh_text *t, const struct field *f, const void *from)
{
	const uint8_t *p = (const uint8_t *)from + f->off;

	bh_putf(t, "%s=", f->key);
	switch (f->form) {
	case F_DEC:
	case F_FLAGS:
	case F_ZONE:
		bh_putf(t, "%llu", (unsigned long long)load(p, f->size));
		break;
	case F_HEX:
		bh_putf(t, "%llx", (unsigned long long)load(p, f->size));
		break;
	case F_NS:
		put_ns(t, load(p, f->size));
		break;
	case F_STR:
		bh_put_quoted(t, (const char *)p, strnlen((const char *)p, f->size));
		break;
	case F_OPTS:
		put_list(t, p, f->size, 1, "%u");
		break;
	case F_CLIENTS:
		put_list(t, p, f->size / sizeof(uint32_t), sizeof(uint32_t), "%x");
		break;
	case F_STATUS:
		bh_put(t, bh_device_status_name(*p));
		break;
	case F_TAGS:
		put_tags(t, *p);
		break;
	case F_OS:
		bh_put(t, bh_os_name(*p));
		break;
	case F_ADDRS:
		put_addrs(t, from);
		break;
	}
}

static void put_fields(struct bh_text *t, struct table of, const void *from, bool blank)
{
	for (size_t i = 0; i < of.n; i++) {
		if (!is_shown(&of.v[i], from))
			continue;
		bh_put(t, blank ? " " : "");
		put_field(t, &of.v[i], from);
		blank = true;
	}
}

static bool is_empty(const struct bh_print *p)
{
	for (size_t i = 0; i < of_print.n; i++)
		if (is_shown(&of_print.v[i], p))
			return false;
	return true;
}

size_t bh_device_print(const struct bh_device *d, char buf[BH_DEVICE_TEXT])
{
	struct bh_text t = bh_text(buf, BH_DEVICE_TEXT);
	unsigned n = BH_DEV_PRINTS;
	char mac[BH_MAC_TEXT];

	bh_putf(&t, "device %s", bh_mac_print(&d->mac, mac));
	put_fields(&t, of_device, d, true);
	while (n && is_empty(&d->prints[n - 1]))
		n--;
	for (unsigned i = 0; i < n; i++) {
		bh_put(&t, " print{");
		put_fields(&t, of_print, &d->prints[i], false);
		bh_put(&t, "}");
	}
	return t.len;
}

/* ---- parsing ---- */
static int fail(struct bh_event_error *e, const char *line, const char *at, const char *text, struct bh_word w)
{
	e->col = (unsigned)(at - line) + 1;
	snprintf(e->text, sizeof e->text, "%s '%.*s'", text, (int)(w.len > 40 ? 40 : w.len), w.p);
	return 1;
}

static int parse_ns(struct bh_word w, uint64_t *ret)
{
	const char *dot = memchr(w.p, '.', w.len);
	size_t whole = dot ? (size_t)(dot - w.p) : w.len, n;
	uint64_t s, frac = 0;

	if (bh_word_u64((struct bh_word){w.p, whole}, UINT64_MAX / BH_SEC(1) - 1, &s))
		return 1;
	if (dot) {
		n = w.len - whole - 1;
		if (n == 0 || n > 9 || bh_word_u64((struct bh_word){dot + 1, n}, UINT64_MAX, &frac))
			return 1;
		for (; n < 9; n++)
			frac *= 10;
	}
	*ret = BH_SEC(s) + frac;
	return 0;
}

static int parse_hex(struct bh_word w, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (w.len == 0 || w.len > 8)
		return 1;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (d < 0)
			return 1;
		v = v << 4 | (uint64_t)d;
	}
	*ret = v;
	return v > max;
}

/* the next of a list with commas; false = there is none */
static bool piece(struct bh_word *io_list, struct bh_word *ret)
{
	const char *comma;

	if (!io_list->p)
		return false;
	comma = memchr(io_list->p, ',', io_list->len);
	*ret = (struct bh_word){io_list->p, comma ? (size_t)(comma - io_list->p) : io_list->len};
	*io_list = comma ? (struct bh_word){comma + 1, io_list->len - ret->len - 1} : (struct bh_word){NULL, 0};
	return true;
}

static int parse_list(struct bh_word w, uint8_t *p, size_t n, size_t size, bool hex)
{
	uint64_t v = 0, max = size == 1 ? 0xff : 0xffffffff;
	struct bh_word one;

	for (size_t i = 0; piece(&w, &one); i++) {
		if (i == n || (hex ? parse_hex(one, max, &v) : bh_word_u64(one, max, &v)))
			return 1;
		memcpy(p + i * size, &v, size);
	}
	return v == 0; /* would not be printed again */
}

static int parse_tags(struct bh_word w, uint8_t *p)
{
	struct bh_word one;

	while (piece(&w, &one)) {
		unsigned i = 0;

		while (i < BH_COUNT(tags) && !bh_word_is(one, tags[i]))
			i++;
		if (i == BH_COUNT(tags))
			return 1;
		*p |= (uint8_t)(1u << i);
	}
	return 0;
}

static int parse_addrs(struct bh_word w, struct bh_device *d)
{
	struct bh_word one;

	while (piece(&w, &one)) {
		struct bh_addr a;

		if (d->n_addrs == BH_DEV_ADDRS || bh_addr_parse(one.p, one.len, &a))
			return 1;
		for (unsigned i = 0; i < d->n_addrs; i++)
			if (bh_addr_eq(&d->addrs[i], &a))
				return 1;
		d->addrs[d->n_addrs++] = a;
	}
	return 0;
}

static int parse_status(struct bh_word w, uint8_t *p)
{
	for (unsigned i = 0; i < BH_DEV_STATUSES; i++)
		if (bh_word_is(w, statuses[i])) {
			*p = (uint8_t)i;
			return 0;
		}
	return 1;
}

static int parse_value(const struct field *f, struct bh_word w, void *to)
{
	uint8_t *p = (uint8_t *)to + f->off;
	uint64_t max = f->size >= 8 ? UINT64_MAX : (1ull << f->size * 8) - 1, v = 0;
	int bad = 0;

	switch (f->form) {
	case F_FLAGS:
		bad = bh_word_u64(w, max, &v);
		v &= BH_DEV_MET; /* the others are not believed */
		break;
	case F_DEC:
	case F_ZONE:
		bad = bh_word_u64(w, max, &v);
		break;
	case F_HEX:
		bad = parse_hex(w, max, &v);
		break;
	case F_NS:
		bad = parse_ns(w, &v);
		break;
	case F_STR:
		return bh_word_str(w, (char *)p, f->size);
	case F_OPTS:
		return parse_list(w, p, f->size, 1, false);
	case F_CLIENTS:
		return parse_list(w, p, f->size / sizeof(uint32_t), sizeof(uint32_t), true);
	case F_STATUS:
		return parse_status(w, p);
	case F_TAGS:
		return parse_tags(w, p);
	case F_OS:
		return bh_os_parse(w.p, w.len, p);
	case F_ADDRS:
		return parse_addrs(w, to);
	}
	if (!bad)
		memcpy(p, &v, f->size);
	return bad;
}

/* one key=value into a device or a print; *io_seen: a bit a field */
static int one_field(const char *line, struct bh_word w, struct table of, void *to, uint32_t *io_seen, struct bh_event_error *e)
{
	const char *eq = memchr(w.p, '=', w.len);
	struct bh_word key = {w.p, eq ? (size_t)(eq - w.p) : w.len};
	size_t i = 0;

	while (i < of.n && !bh_word_is(key, of.v[i].key))
		i++;
	if (!eq || i == of.n)
		return fail(e, line, w.p, "unknown key", key);
	if (*io_seen >> i & 1)
		return fail(e, line, w.p, "key given twice:", key);
	*io_seen |= 1u << i;
	if (parse_value(&of.v[i], (struct bh_word){eq + 1, w.len - key.len - 1}, to))
		return fail(e, line, eq + 1, "bad value in", w);
	return 0;
}

static bool opens(struct bh_word w)
{
	return w.len >= 6 && memcmp(w.p, "print{", 6) == 0;
}

/* *io_word is the group's first word, and stands at its last when done */
static int group(const char *line, const char **p, const char *end, struct bh_word w, struct bh_print *to, struct bh_event_error *e)
{
	uint32_t seen = 0;
	int more = 0;

	w = (struct bh_word){w.p + 6, w.len - 6};
	for (;;) {
		bool last = w.len && w.p[w.len - 1] == '}';

		w.len -= last;
		if (w.len && one_field(line, w, of_print, to, &seen, e))
			return 1;
		if (last)
			return 0;
		more = bh_word_next(p, end, &w);
		if (more)
			return fail(e, line, *p, more == 2 ? "unfinished quote" : "no } behind", (struct bh_word){"print{", 6});
	}
}

static int check(const char *line, const struct bh_device *d, struct bh_event_error *e)
{
	struct bh_word all = {"device", 6};

	if (d->at_print >= BH_DEV_PRINTS)
		return fail(e, line, line, "at= is no print of this", all);
	if (d->carried >> d->n_addrs)
		return fail(e, line, line, "carried= has more bits than addrs= has addresses in this", all);
	return 0;
}

int bh_device_parse(const char *line, size_t len, struct bh_device *ret_device, struct bh_event_error *ret_error)
{
	const char *p = line, *end = line + len;
	struct bh_word w = {line, 0};
	struct bh_device d;
	uint32_t seen = 0;
	unsigned prints = 0;
	int r;

	memset(&d, 0, sizeof d);
	d.zone = BH_ZONE_NONE;
	if (bh_word_next(&p, end, &w) || !bh_word_is(w, "device"))
		return fail(ret_error, line, w.p, "not a device line:", w);
	if (bh_word_next(&p, end, &w) || bh_mac_parse(w.p, w.len, &d.mac))
		return fail(ret_error, line, w.p, "not a MAC address", w);
	if (bh_mac_none(&d.mac) || (d.mac.b[0] & 1))
		return fail(ret_error, line, w.p, "no device has the address", w);
	while ((r = bh_word_next(&p, end, &w)) == 0) {
		if (!opens(w)) {
			if (one_field(line, w, of_device, &d, &seen, ret_error))
				return 1;
			continue;
		}
		if (prints == BH_DEV_PRINTS)
			return fail(ret_error, line, w.p, "one print too many:", w);
		if (group(line, &p, end, w, &d.prints[prints++], ret_error))
			return 1;
	}
	if (r == 2)
		return fail(ret_error, line, p, "unfinished quote", (struct bh_word){p, (size_t)(end - p)});
	if (check(line, &d, ret_error))
		return 1;
	*ret_device = d;
	return 0;
}
