/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The leases of DHCP servers. dnsmasq writes one line a lease: when it ends, the MAC, the address, a name or '*', the client's
 * id or '*'; a line "duid" comes before IPv6 leases, which have no MAC. ISC's file is a log of blocks: of two leases of one
 * address the later counts, and only active ones say who is here. Host declarations of a dhcpd.conf are read the same way.
 */
#include <errno.h>
#include <stdlib.h>
#include "control/import.h"

static struct bh_import_item item_at(unsigned line)
{
	return (struct bh_import_item){.d = {.status = BH_DEV_KNOWN, .zone = BH_ZONE_NONE}, .line = line};
}

/* What a client told the server is not worth a refusal: a name that is no word is left away. */
static void put_name(struct bh_import_item *it, const char *p, size_t n)
{
	const char *why;

	if (n >= sizeof it->d.name)
		n = sizeof it->d.name - 1;
	if (bh_import_word(p, n, it->d.name, sizeof it->d.name, &why))
		memset(it->d.name, 0, sizeof it->d.name);
}

/* ---- dnsmasq ---- */
static void dnsmasq_line(struct bh_import_list *l, const char *p, const char *end, unsigned line)
{
	struct bh_import_item it = item_at(line);
	const char *start = p;
	struct bh_word w[4];
	struct bh_addr a;
	uint64_t v;
	unsigned n = 0;

	while (n < 4 && bh_word_next(&p, end, &w[n]) == 0)
		n++;
	if (n == 0)
		return;
	if (bh_word_is(w[0], "duid")) {
		l->count.left_out++;
		return;
	}
	if (bh_word_u64(w[0], UINT64_MAX, &v) || n < 4) {
		bh_import_wrong(l, line, 1, "not a lease of dnsmasq: time, MAC, address, name, client id");
		return;
	}
	if (bh_addr_parse(w[2].p, w[2].len, &a)) {
		bh_import_wrong(l, line, (unsigned)(w[2].p - start) + 1, "'%.*s' is no address", (int)(w[2].len > 60 ? 60 : w[2].len), w[2].p);
		return;
	}
	if (bh_import_mac(w[1].p, w[1].len, &it.d.mac)) {
		if (!bh_addr_is4(&a) || (w[1].len > 3 && w[1].p[2] == '-')) { /* a number instead; or another kind of hardware, as "20-…" */
			l->count.left_out++;
			return;
		}
		bh_import_wrong(l, line, (unsigned)(w[1].p - start) + 1, "'%.*s' is no MAC address of a device", (int)(w[1].len > 60 ? 60 : w[1].len), w[1].p);
		return;
	}
	(void)bh_import_addr(&it.d, &a);
	if (!bh_word_is(w[3], "*"))
		put_name(&it, w[3].p, w[3].len);
	bh_import_add(l, &it);
}

void bh_import_dnsmasq(struct bh_import_list *l, const char *text, size_t len)
{
	const char *end = text + len;
	unsigned line = 1;

	for (; text < end && !l->error; line++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end;

		if (*text != '#')
			dnsmasq_line(l, text, stop > text && stop[-1] == '\r' ? stop - 1 : stop, line);
		text = nl ? nl + 1 : end;
	}
}

/* ---- ISC ---- */
struct lease {
	struct bh_import_item it;
	struct bh_addr addr; /* none: a host without a fixed address */
	bool active;
	size_t number;
};
struct isc {
	const char *p, *end, *line_start;
	unsigned line;
	struct lease *v;
	size_t n, cap;
};
enum token { T_END, T_WORD, T_STRING, T_OPEN, T_CLOSE, T_SEMI, T_BAD };
struct piece {
	uint8_t what;
	const char *p; /* a string's is without its quotes */
	size_t n;
	unsigned line, col;
};

static void blanks(struct isc *s)
{
	while (s->p < s->end) {
		if (*s->p == '\n') {
			s->p++;
			s->line++;
			s->line_start = s->p;
		} else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == ',') {
			s->p++;
		} else if (*s->p == '#') {
			const char *nl = memchr(s->p, '\n', (size_t)(s->end - s->p));

			s->p = nl ? nl : s->end;
		} else {
			return;
		}
	}
}

static bool is_word(char c)
{
	return c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != ',' && c != '{' && c != '}' && c != ';' && c != '"' && c != '#';
}

static struct piece next(struct isc *s)
{
	struct piece t = {.what = T_END};

	blanks(s);
	t.p = s->p;
	t.line = s->line;
	t.col = (unsigned)(s->p - s->line_start) + 1;
	if (s->p == s->end)
		return t;
	t.n = 1;
	switch (*s->p) {
	case '{':
		t.what = T_OPEN;
		s->p++;
		return t;
	case '}':
		t.what = T_CLOSE;
		s->p++;
		return t;
	case ';':
		t.what = T_SEMI;
		s->p++;
		return t;
	case '"':
		t.p = ++s->p;
		while (s->p < s->end && *s->p != '"' && *s->p != '\n')
			s->p += *s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n' ? 2 : 1;
		t.what = s->p < s->end && *s->p == '"' ? T_STRING : T_BAD;
		t.n = (size_t)(s->p - t.p);
		s->p += t.what == T_STRING;
		return t;
	}
	while (s->p < s->end && is_word(*s->p))
		s->p++;
	t.what = T_WORD;
	t.n = (size_t)(s->p - t.p);
	return t;
}

static bool is(const struct piece *t, const char *word)
{
	return t->what == T_WORD && bh_word_is((struct bh_word){t->p, t->n}, word);
}

/* Reads over a statement, or a block with what is in it. false = the text ended inside, or cannot be read. */
static bool pass(struct isc *s, struct piece t)
{
	unsigned depth = 0;

	for (;; t = next(s)) {
		if (t.what == T_END || t.what == T_BAD)
			return false;
		depth += t.what == T_OPEN;
		if (t.what == T_CLOSE && depth-- <= 1)
			return true;
		if (t.what == T_SEMI && depth == 0)
			return true;
	}
}

static bool keep(struct isc *s, const struct lease *l)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct lease *v = realloc(s->v, cap * sizeof *v);

		if (!v)
			return false;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n] = *l;
	s->v[s->n].number = s->n;
	s->n++;
	return true;
}

/* "hardware ethernet …", "client-hostname …", "binding state …", "fixed-address …"; what else there is is read over */
static bool statement(struct bh_import_list *l, struct isc *s, struct piece t, struct lease *to, bool *io_good)
{
	bool hardware = is(&t, "hardware"), name = is(&t, "client-hostname"), state = is(&t, "binding"), fixed = is(&t, "fixed-address");
	struct piece v;

	if (!hardware && !name && !state && !fixed)
		return pass(s, t);
	v = next(s);
	if (hardware && is(&v, "ethernet")) {
		v = next(s);
		if (v.what != T_WORD || bh_import_mac(v.p, v.n, &to->it.d.mac)) {
			bh_import_wrong(l, v.line, v.col, "'%.*s' is no MAC address of a device", (int)(v.n > 60 ? 60 : v.n), v.p);
			*io_good = false;
		}
	} else if (name && v.what == T_STRING && !memchr(v.p, '\\', v.n)) {
		put_name(&to->it, v.p, v.n);
	} else if (state && is(&v, "state")) {
		v = next(s);
		to->active = is(&v, "active");
	} else if (fixed && v.what == T_WORD) {
		(void)!bh_addr_parse(v.p, v.n, &to->addr); /* or a name, which we do not ask for */
	}
	return v.what == T_SEMI || pass(s, v);
}

static bool block(struct bh_import_list *l, struct isc *s, struct lease *to)
{
	bool good = true;
	struct piece t;

	while ((t = next(s)).what != T_CLOSE)
		if (t.what == T_END || t.what == T_BAD || !statement(l, s, t, to, &good)) {
			bh_import_wrong(l, to->it.line, 1, "this block does not end: is the file whole?");
			return false;
		}
	if (!good)
		return true;
	if (bh_mac_none(&to->it.d.mac)) {
		l->count.left_out++;
		return true;
	}
	if (!keep(s, to))
		l->error = -ENOMEM;
	return !l->error;
}

/* one thing at the outermost level; false = nothing more can be read */
static bool outermost(struct bh_import_list *l, struct isc *s, struct piece t)
{
	struct lease to = {.it = item_at(t.line), .active = true};
	bool lease = is(&t, "lease"), host = is(&t, "host");
	struct piece name, brace;

	if (is(&t, "group") || is(&t, "subnet") || is(&t, "shared-network")) { /* what is inside counts */
		while (t.what != T_OPEN && t.what != T_END && t.what != T_SEMI && t.what != T_BAD)
			t = next(s);
		return true;
	}
	if (t.what == T_CLOSE)
		return true;
	if (!lease && !host) {
		if (pass(s, t))
			return true;
		bh_import_wrong(l, t.line, t.col, "this statement does not end: is the file whole?");
		return false;
	}
	name = next(s);
	brace = next(s);
	if ((name.what != T_WORD && name.what != T_STRING) || brace.what != T_OPEN || (lease && bh_addr_parse(name.p, name.n, &to.addr))) {
		bh_import_wrong(l, name.line, name.col, lease ? "expected a lease's address and {" : "expected a host's name and {");
		return false;
	}
	if (host)
		put_name(&to.it, name.p, name.n);
	return block(l, s, &to);
}

static int by_addr(const void *a, const void *b)
{
	const struct lease *x = a, *y = b;
	int d = memcmp(&x->addr, &y->addr, sizeof x->addr);

	return d ? d : x->number < y->number ? -1 : 1;
}

static int by_number(const void *a, const void *b)
{
	const struct lease *x = a, *y = b;

	return x->number < y->number ? -1 : 1;
}

void bh_import_isc(struct bh_import_list *l, const char *text, size_t len)
{
	struct isc s = {.p = text, .end = text + len, .line_start = text, .line = 1};
	struct piece t;

	while (!l->error && (t = next(&s)).what != T_END)
		if (!outermost(l, &s, t))
			break;
	if (s.n)
		qsort(s.v, s.n, sizeof *s.v, by_addr);
	for (size_t i = 0; i + 1 < s.n; i++) /* the later lease of an address takes it from the earlier */
		if (!bh_addr_none(&s.v[i].addr) && bh_addr_eq(&s.v[i].addr, &s.v[i + 1].addr))
			s.v[i].active = false;
	if (s.n)
		qsort(s.v, s.n, sizeof *s.v, by_number);
	for (size_t i = 0; i < s.n && !l->error; i++) {
		if (!s.v[i].active) {
			l->count.left_out++;
			continue;
		}
		if (!bh_addr_none(&s.v[i].addr))
			(void)bh_import_addr(&s.v[i].it.d, &s.v[i].addr);
		bh_import_add(l, &s.v[i].it);
	}
	free(s.v);
}
