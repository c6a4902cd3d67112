/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table describes every field that has a key: where it lies, how it is spelled, which kinds carry it. Printing walks
 * the table and leaves out zeros; parsing looks keys up in it. There is no second place to add a field, and the round
 * trip holds because both directions read the same row. Time, kind, protocol and the two ends have fixed positions.
 */
#include <stdio.h>
#include "event/fields.h"

/* ---- printing ---- */
static uint64_t load(const void *p, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* little-endian host, as the rest of the project assumes */
	return v;
}

static void put_ns(struct bh_text *t, bh_ns ns)
{
	bh_putf(t, "%llu.%09llu", (unsigned long long)(ns / BH_SEC(1)), (unsigned long long)(ns % BH_SEC(1)));
}

static void put_field(struct bh_text *t, const struct field *f, const struct bh_event *ev)
{
	const uint8_t *p = (const uint8_t *)ev + f->off;
	char buf[BH_ADDR_TEXT];
	size_t last = f->size;

	while (last && p[last - 1] == 0)
		last--;
	if (last == 0)
		return;
	bh_putf(t, " %s=", f->key);
	switch (f->form) {
	case F_U8:
	case F_U16:
	case F_U32:
	case F_U64:
		bh_putf(t, "%llu", (unsigned long long)load(p, f->size));
		break;
	case F_HEX64:
		bh_putf(t, "%llx", (unsigned long long)load(p, 8));
		break;
	case F_NS:
		put_ns(t, load(p, 8));
		break;
	case F_MAC:
		bh_put(t, bh_mac_print((const struct bh_mac *)p, buf));
		break;
	case F_ADDR:
		bh_put(t, bh_addr_print((const struct bh_addr *)p, buf));
		break;
	case F_STR:
		bh_put_quoted(t, (const char *)p, strnlen((const char *)p, f->size));
		break;
	case F_OPTS:
		for (size_t i = 0; i < ev->u.dhcp.n_opts && i < f->size; i++)
			bh_putf(t, i ? ",%u" : "%u", p[i]);
		break;
	case F_LIST: /* up to the last that is not zero */
		for (size_t i = 0; i < last; i++)
			bh_putf(t, i ? ",%u" : "%u", p[i]);
		break;
	case F_UUID:
		bh_put(t, bh_uuid_print((const struct bh_uuid *)p, buf));
		break;
	case F_WORD:
		bh_put(t, f->name((unsigned)load(p, f->size)));
		break;
	}
}

static bool has_ports(unsigned proto)
{
	return proto == 6 || proto == 17;
}

char *bh_end_print(const struct bh_addr *a, uint16_t port, char buf[BH_ADDR_TEXT + 9])
{
	struct bh_text t = bh_text(buf, BH_ADDR_TEXT + 9);
	char addr[BH_ADDR_TEXT];

	bh_putf(&t, bh_addr_is4(a) ? "%s:%u" : "[%s]:%u", bh_addr_print(a, addr), port);
	return buf;
}

static void put_end(struct bh_text *t, const struct bh_addr *a, uint16_t port, bool with_port)
{
	char buf[BH_ADDR_TEXT + 9];

	bh_put(t, with_port ? bh_end_print(a, port, buf) : bh_addr_print(a, buf));
}

size_t bh_event_print(const struct bh_event *ev, char buf[BH_EVENT_TEXT])
{
	struct bh_text t = bh_text(buf, BH_EVENT_TEXT);
	char pbuf[4];

	put_ns(&t, ev->at);
	bh_putf(&t, " %s", bh_ev_kind_name(ev->kind));
	if (kind_bit(ev->kind) & ENDS) {
		bh_putf(&t, " %s ", ev->kind == BH_EV_ARP ? "arp" : bh_proto_name(ev->proto, pbuf));
		put_end(&t, &ev->src, ev->sport, has_ports(ev->proto));
		bh_put(&t, " > ");
		put_end(&t, &ev->dst, ev->dport, has_ports(ev->proto));
	}
	for (size_t i = 0; i < bh_n_fields; i++)
		if (bh_fields[i].kinds & kind_bit(ev->kind))
			put_field(&t, &bh_fields[i], ev);
	return t.len;
}

/* ---- parsing ---- */
static int fail(struct bh_event_error *e, const char *line, const char *at, const char *text, struct bh_word w)
{
	e->col = (unsigned)(at - line) + 1;
	snprintf(e->text, sizeof e->text, "%s '%.*s'", text, (int)(w.len > 40 ? 40 : w.len), w.p);
	return 1;
}

static int parse_ns(struct bh_word w, bh_ns *ret)
{
	const char *dot = memchr(w.p, '.', w.len);
	size_t whole = dot ? (size_t)(dot - w.p) : w.len;
	uint64_t s, frac = 0;

	if (bh_word_u64((struct bh_word){w.p, whole}, UINT64_MAX / BH_SEC(1) - 1, &s))
		return bh_duration_parse(w.p, w.len, ret); /* scenarios write 0s, 16m */
	if (dot) {
		size_t n = w.len - whole - 1;

		if (n == 0 || n > 9 || bh_word_u64((struct bh_word){dot + 1, n}, UINT64_MAX, &frac))
			return 1;
		for (; n < 9; n++)
			frac *= 10;
	}
	*ret = BH_SEC(s) + frac;
	return 0;
}

static int parse_hex(struct bh_word w, uint64_t *ret)
{
	uint64_t v = 0;

	if (w.len == 0 || w.len > 16)
		return 1;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (d < 0)
			return 1;
		v = v << 4 | (uint64_t)d;
	}
	*ret = v;
	return 0;
}

static int parse_opts(struct bh_word w, struct bh_ev_dhcp *d)
{
	const char *p = w.p, *end = w.p + w.len;

	while (p <= end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma ? comma : end) - p);
		uint64_t v;

		if (d->n_opts == BH_DHCP_OPTS || bh_word_u64((struct bh_word){p, n}, 255, &v) || v == 0) /* 0 is padding, no option */
			return 1;
		d->opts[d->n_opts++] = (uint8_t)v;
		if (!comma)
			return 0;
		p = comma + 1;
	}
	return 1;
}

static int parse_list(struct bh_word w, uint8_t *ret, size_t max)
{
	const char *p = w.p, *end = w.p + w.len;

	for (size_t i = 0; i < max; i++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		uint64_t v;

		if (bh_word_u64((struct bh_word){p, (size_t)((comma ? comma : end) - p)}, 255, &v))
			return 1;
		ret[i] = (uint8_t)v;
		if (!comma)
			return v == 0; /* would not be printed again */
		p = comma + 1;
	}
	return 1;
}

static int parse_value(const struct field *f, struct bh_word w, struct bh_event *ev)
{
	static const uint64_t max[] = {0xff, 0xffff, 0xffffffff, UINT64_MAX};
	uint8_t *p = (uint8_t *)ev + f->off;
	uint64_t v;

	switch (f->form) {
	case F_U8:
	case F_U16:
	case F_U32:
	case F_U64:
		if (bh_word_u64(w, max[f->form - F_U8], &v))
			return 1;
		memcpy(p, &v, f->size);
		return 0;
	case F_HEX64:
		if (parse_hex(w, &v))
			return 1;
		memcpy(p, &v, 8);
		return 0;
	case F_NS:
		if (parse_ns(w, &v))
			return 1;
		memcpy(p, &v, 8);
		return 0;
	case F_MAC:
		return bh_mac_parse(w.p, w.len, (struct bh_mac *)p);
	case F_ADDR:
		return bh_addr_parse(w.p, w.len, (struct bh_addr *)p);
	case F_STR:
		return bh_word_str(w, (char *)p, f->size);
	case F_OPTS:
		return parse_opts(w, &ev->u.dhcp);
	case F_LIST:
		return parse_list(w, p, f->size);
	case F_UUID:
		return bh_uuid_parse(w.p, w.len, (struct bh_uuid *)p);
	case F_WORD:
		for (v = 0; v < f->names; v++)
			if (bh_word_is(w, f->name((unsigned)v))) {
				memcpy(p, &v, f->size);
				return 0;
			}
	}
	return 1;
}

int bh_end_parse(const char *text, size_t len, struct bh_addr *ret_addr, uint16_t *ret_port)
{
	const char *colon = memrchr(text, ':', len);
	struct bh_addr a;
	uint64_t v;
	size_t n;

	if (!colon || bh_word_u64((struct bh_word){colon + 1, (size_t)(text + len - colon - 1)}, 0xffff, &v))
		return 1;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (bh_addr_parse(text, n, &a))
		return 1;
	*ret_addr = a;
	*ret_port = (uint16_t)v;
	return 0;
}

static int parse_end(struct bh_word w, bool with_port, struct bh_addr *a, uint16_t *port)
{
	return with_port ? bh_end_parse(w.p, w.len, a, port) : bh_addr_parse(w.p, w.len, a);
}

static int parse_proto(struct bh_word w, uint8_t *proto)
{
	static const uint8_t known[] = {1, 6, 17, 58};
	char buf[4];
	uint64_t v;

	for (size_t i = 0; i < sizeof known; i++)
		if (bh_word_is(w, bh_proto_name(known[i], buf))) {
			*proto = known[i];
			return 0;
		}
	if (bh_word_u64(w, 255, &v))
		return 1;
	*proto = (uint8_t)v;
	return 0;
}

static int parse_ends(const char *line, const char **p, const char *end, struct bh_event *ev, struct bh_event_error *e)
{
	struct bh_word w = {*p, 0};

	if (bh_word_next(p, end, &w) || (ev->kind == BH_EV_ARP ? !bh_word_is(w, "arp") : parse_proto(w, &ev->proto)))
		return fail(e, line, w.p, "unknown protocol", w);
	if (bh_word_next(p, end, &w) || parse_end(w, has_ports(ev->proto), &ev->src, &ev->sport))
		return fail(e, line, w.p, "not a source address", w);
	if (bh_word_next(p, end, &w) || !bh_word_is(w, ">"))
		return fail(e, line, w.p, "expected '>' instead of", w);
	if (bh_word_next(p, end, &w) || parse_end(w, has_ports(ev->proto), &ev->dst, &ev->dport))
		return fail(e, line, w.p, "not a destination address", w);
	return 0;
}

static const struct field *find_field(struct bh_word key, unsigned kind)
{
	for (size_t i = 0; i < bh_n_fields; i++)
		if ((bh_fields[i].kinds & kind_bit(kind)) && bh_word_is(key, bh_fields[i].key))
			return &bh_fields[i];
	return NULL;
}

int bh_event_parse(const char *line, size_t len, struct bh_event *ret_event, struct bh_event_error *ret_error)
{
	const char *p = line, *end = line + len;
	uint64_t seen[BH_FIELDS_MAX / 64] = {0};
	struct bh_event ev;
	struct bh_word w = {line, 0};
	int r;

	memset(&ev, 0, sizeof ev);
	if (bh_word_next(&p, end, &w) || parse_ns(w, &ev.at))
		return fail(ret_error, line, w.p, "not a time", w);
	if (bh_word_next(&p, end, &w))
		return fail(ret_error, line, p, "no event kind after", w);
	for (ev.kind = 1; ev.kind < BH_EV_KINDS; ev.kind++)
		if (bh_word_is(w, bh_ev_kind_name(ev.kind)))
			break;
	if (ev.kind == BH_EV_KINDS)
		return fail(ret_error, line, w.p, "unknown event kind", w);
	if ((kind_bit(ev.kind) & ENDS) && parse_ends(line, &p, end, &ev, ret_error))
		return 1;
	while ((r = bh_word_next(&p, end, &w)) == 0) {
		const char *eq = memchr(w.p, '=', w.len);
		struct bh_word key = {w.p, eq ? (size_t)(eq - w.p) : w.len};
		const struct field *f = find_field(key, ev.kind);
		size_t i = f ? (size_t)(f - bh_fields) : 0;

		if (!eq || !f)
			return fail(ret_error, line, w.p, "unknown key", key);
		if (seen[i / 64] >> (i % 64) & 1)
			return fail(ret_error, line, w.p, "key given twice:", key);
		seen[i / 64] |= 1ull << (i % 64);
		if (parse_value(f, (struct bh_word){eq + 1, w.len - key.len - 1}, &ev))
			return fail(ret_error, line, eq + 1, "bad value in", w);
	}
	if (r == 2)
		return fail(ret_error, line, p, "unfinished quote", w);
	*ret_event = ev;
	return 0;
}
