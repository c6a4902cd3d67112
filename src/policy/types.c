/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of the table: how each is read from a node and how it is told to an editor. Every
 * scalar arrives as text; what it means is decided here and nowhere else, so YAML's own ideas about
 * numbers and yes/no never matter.
 */
#include <errno.h>
#include <stdlib.h>
#include <bulkhead/event.h>
#include "policy/load.h"

#define LIST_OF(item) "\"type\": [\"string\", \"array\"], \"items\": {" item "}"

static bool scalar(struct bh_load *l, const struct bh_field *f, const struct bh_node *v)
{
	if (v->kind == BH_NODE_SCALAR && (v->len || !v->plain))
		return true;
	bh_diag(l->d, BH_DIAG_ERROR, v->at,
		v->kind == BH_NODE_SCALAR ? "'%s' has no value" : "'%s' takes one value", f->key);
	return false;
}

/* A list, or one value that stands for a list of one. Items that are not scalars are reported and
 * left out. */
struct items {
	const struct bh_node *next;
	bool one;
	size_t n;
};

static struct items items(struct bh_load *l, const struct bh_field *f, const struct bh_node *v)
{
	struct items it = {.next = v, .one = true};

	if (v->kind == BH_NODE_LIST) {
		it = (struct items){.next = v->kids};
		if (!v->kids)
			bh_diag(l->d, BH_DIAG_ERROR, v->at,
				"an empty list says nothing; remove it or fill it");
	} else if (v->kind == BH_NODE_MAP || (v->plain && !v->len)) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "a list is expected: [one, two]");
		it.next = NULL;
	}
	return it;
}

static const struct bh_node *item(struct bh_load *l, struct items *it)
{
	while (it->next && !l->error) {
		const struct bh_node *v = it->next;

		it->next = it->one ? NULL : v->next;
		if (++it->n > BH_LIST) {
			bh_diag(l->d, BH_DIAG_ERROR, v->at, "more than %d items in one list",
				BH_LIST);
			return it->next = NULL;
		}
		if (v->kind == BH_NODE_SCALAR && v->len)
			return v;
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "one word is expected here");
	}
	return NULL;
}

static void load_version(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	if (scalar(l, f, v) && strcmp(v->text, "1") != 0)
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"version '%s' is not known; this program reads version 1", v->text);
}

static void schema_version(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"const\": 1");
}

static void load_name(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	char word[BH_NAME];

	if (bh_load_name(l, v, "this", word))
		memcpy(base, word, sizeof word);
}

static void schema_name(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": \"^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$\"");
}

static void load_text(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	uint32_t cp;

	if (!scalar(l, f, v))
		return;
	if (!v->len || v->len >= f->size) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' holds 1 to %zu bytes, this is %u", f->key,
			f->size - 1, v->len);
		return;
	}
	for (size_t i = 0, n; i < v->len; i += n) {
		n = bh_utf8_take((const uint8_t *)v->text + i, v->len - i, &cp);
		if (!n || cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
			cp == 0xfeff || (cp & 0xfffe) == 0xfffe) {
			bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is one line of printable text",
				f->key);
			return;
		}
	}
	bh_strcpy(base, f->size, v->text);
}

static void schema_text(const struct bh_field *f, struct bh_text *t)
{
	bh_putf(t, "\"type\": \"string\", \"minLength\": 1, \"maxLength\": %zu", f->size - 1);
}

static void load_uint(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	uint32_t n = 0;

	if (!scalar(l, f, v))
		return;
	if (strspn(v->text, "0123456789") != v->len || v->len > 9 ||
		(v->len > 1 && v->text[0] == '0')) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is a whole number from %u to %u", f->key,
			f->min, f->max);
		return;
	}
	for (const char *p = v->text; *p; p++)
		n = n * 10 + (*p - '0');
	if (n < f->min || n > f->max) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' goes from %u to %u", f->key, f->min,
			f->max);
		return;
	}
	if (f->size == 1)
		*(uint8_t *)base = n;
	else
		*(uint32_t *)base = n;
}

static void schema_uint(const struct bh_field *f, struct bh_text *t)
{
	bh_putf(t, "\"type\": \"integer\", \"minimum\": %u, \"maximum\": %u", f->min, f->max);
}

static void load_bool(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	if (!scalar(l, f, v))
		return;
	if (strcmp(v->text, "true") == 0)
		*(bool *)base = true;
	else if (strcmp(v->text, "false") == 0)
		*(bool *)base = false;
	else
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is true or false, not '%s'", f->key,
			v->text);
}

static void schema_bool(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"boolean\"");
}

/* index of the word among the field's names, or max: said why */
static unsigned word_of(struct bh_load *l, const struct bh_field *f, const struct bh_node *v)
{
	struct bh_guess g = {.word = v->text};
	char names[400], buf[96];
	struct bh_text t = bh_text(names, sizeof names);

	for (unsigned i = 0; i < f->max; i++)
		if (strcmp(f->name(i), v->text) == 0)
			return i;
	for (unsigned i = 0; i < f->max; i++) {
		bh_guess_offer(&g, f->name(i));
		bh_putf(&t, "%s%s", i ? ", " : "", f->name(i));
	}
	bh_guess_text(&g, buf);
	if (buf[0])
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is not known for '%s'%s", v->text, f->key,
			buf);
	else
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is not known for '%s'; it is one of %s",
			v->text, f->key, names);
	return f->max;
}

static void load_word(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	unsigned i;

	if (!scalar(l, f, v))
		return;
	i = word_of(l, f, v);
	if (i < f->max)
		*(uint8_t *)base = i;
}

static void put_words(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"enum\": [");
	for (unsigned i = 0; i < f->max; i++)
		bh_putf(t, "%s\"%s\"", i ? ", " : "", f->name(i));
	bh_put(t, "]");
}

static void load_words(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct items it = items(l, f, v);

	while ((v = item(l, &it))) {
		unsigned i = word_of(l, f, v);

		if (i < f->max)
			*(uint32_t *)base |= 1u << i;
	}
}

static void schema_words(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"string\", \"array\"], \"items\": {");
	put_words(f, t);
	bh_put(t, "}");
}

static int app_cmp(const void *x, const void *y)
{
	return (int)*(const uint16_t *)x - (int)*(const uint16_t *)y;
}

static void load_apps(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_conduit *c = (void *)((char *)base - f->off);
	struct items it = items(l, f, v);
	bool have[BH_APP_COUNT] = {false};
	char buf[96];
	uint16_t app;

	while ((v = item(l, &it))) {
		if (bh_app_parse(v->text, v->len, &app) == 0 && app != BH_APP_UNKNOWN) {
			have[app] = true;
			continue;
		}
		struct bh_guess g = {.word = v->text};

		for (unsigned i = BH_APP_UNKNOWN + 1; i < BH_APP_COUNT && !bh_diags_full(l->d); i++)
			bh_guess_offer(&g, bh_app_name(i));
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "unknown application '%s'%s", v->text,
			bh_guess_text(&g, buf));
	}
	c->apps = calloc(BH_APP_COUNT, sizeof *c->apps);
	if (!c->apps) {
		l->error = -ENOMEM;
		return;
	}
	for (app = 0; app < BH_APP_COUNT; app++)
		if (have[app])
			c->apps[c->n_apps++] = app;
	qsort(c->apps, c->n_apps, sizeof *c->apps, app_cmp);
}

static void schema_apps(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"string\", \"array\"], \"items\": {\"type\": \"string\"}");
}

static void load_duration(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	bh_ns ns;

	if (!scalar(l, f, v))
		return;
	if (strspn(v->text, "0123456789") == v->len || bh_duration_parse(v->text, v->len, &ns) != 0)
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is a time with a unit: 90s, 30m, 4h, 2d",
			f->key);
	else if (ns < BH_SEC(1) || ns > BH_HOUR(24 * 7))
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' goes from 1s to 7d", f->key);
	else
		*(bh_ns *)base = ns;
}

static void schema_duration(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": \"^[0-9]+(ns|us|ms|s|m|h|d)$\"");
}

/* "5%" or "0.5%", four decimals at most */
static void load_share(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	uint32_t n = 0, scale = 10000;
	bool point = false, ok = false;
	const char *p;

	if (!scalar(l, f, v))
		return;
	for (p = v->text; *p && n <= 1000000 && scale; p++) {
		if (*p == '.' && !point && ok) {
			point = true;
			ok = false;
		} else if (*p >= '0' && *p <= '9') {
			if (point)
				n += (*p - '0') * (scale /= 10);
			else
				n = n * 10 + (*p - '0') * scale;
			ok = true;
		} else {
			break;
		}
	}
	if (!ok || strcmp(p, "%") != 0 || n > 1000000)
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' is a share from 0%% to 100%%, such as 5%%", f->key);
	else
		*(uint32_t *)base = n;
}

static void schema_share(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": \"^[0-9]+([.][0-9]{1,4})?%$\"");
}

/* minutes of "hh:mm"; -1 = not that */
static int minutes(const char *s)
{
	int m;

	for (int i = 0; i < 5; i++)
		if (i == 2 ? s[i] != ':' : s[i] < '0' || s[i] > '9')
			return -1;
	m = ((s[0] - '0') * 10 + s[1] - '0') * 60 + (s[3] - '0') * 10 + s[4] - '0';
	return s[3] > '5' || m > 24 * 60 ? -1 : m;
}

static void load_window(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_drawbridge *d = base;
	int from, to;

	if (!scalar(l, f, v))
		return;
	from = v->len == 11 && v->text[5] == '-' ? minutes(v->text) : -1;
	to = from >= 0 ? minutes(v->text + 6) : -1;
	if (from < 0 || to < 0 || from == 24 * 60) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' is a window of local time such as \"01:00-03:00\"", f->key);
		return;
	}
	if (from == to) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"a window that ends when it begins; a whole day is \"00:00-24:00\"");
		return;
	}
	d->opens = (uint16_t)from;
	d->closes = (uint16_t)(to ? to : 24 * 60);
}

static void schema_window(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": "
		  "\"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$\"");
}

static void load_mac(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_mac m;

	if (!scalar(l, f, v))
		return;
	if (bh_mac_parse(v->text, v->len, &m) != 0 || bh_mac_none(&m) || (m.b[0] & 1)) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' is not the MAC of a host; write \"52:54:00:00:00:0a\"", v->text);
		return;
	}
	*(struct bh_mac *)base = m;
	if (v->plain && strspn(v->text, "0123456789:") == v->len)
		bh_diag(l->d, BH_DIAG_WARNING, v->at,
			"unquoted MAC of digits only: other YAML readers take it for a base-60 "
			"number; write \"%s\"",
			v->text);
}

static void schema_mac(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"string\", \"pattern\": \"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$\"");
}

static void load_interfaces(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_zone *z = (void *)((char *)base - f->off);
	struct items it = items(l, f, v);

	z->interfaces = calloc(BH_LIST, sizeof *z->interfaces);
	if (!z->interfaces) {
		l->error = -ENOMEM;
		return;
	}
	while ((v = item(l, &it))) {
		if (v->len > 15 || strpbrk(v->text, "/ \t\"'\\,[]{}#:") ||
			strspn(v->text, ".") == v->len) {
			bh_diag(l->d, BH_DIAG_ERROR, v->at,
				"'%s' is not an interface name (1 to 15 characters)", v->text);
			continue;
		}
		for (const char *p = v->text; *p; p++)
			if (*p < 0x21 || *p > 0x7e) {
				bh_diag(l->d, BH_DIAG_ERROR, v->at,
					"an interface name is plain ASCII");
				goto next;
			}
		bh_strcpy(z->interfaces[z->n_interfaces++], sizeof *z->interfaces, v->text);
	next:;
	}
}

static void schema_interfaces(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, LIST_OF("\"type\": \"string\", \"minLength\": 1, \"maxLength\": 15"));
}

static int vlan_cmp(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - *(const uint16_t *)b;
}

static void load_vlans(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct bh_vlans *s = base;
	struct items it = items(l, f, v);

	while ((v = item(l, &it))) {
		unsigned id = 0;

		if (v->len <= 4 && strspn(v->text, "0123456789") == v->len && v->text[0] != '0')
			for (const char *p = v->text; *p; p++)
				id = id * 10 + (unsigned)(*p - '0');
		if (id < 1 || id > 4094) {
			bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is no VLAN id: 1 to 4094", v->text);
			continue;
		}
		for (unsigned i = 0; i < s->n && id; i++)
			if (s->v[i] == id)
				id = 0; /* twice says no more */
		if (id && s->n == BH_VLANS)
			bh_diag(l->d, BH_DIAG_ERROR, v->at, "more than %d VLANs in one zone", BH_VLANS);
		else if (id)
			s->v[s->n++] = (uint16_t)id;
	}
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, vlan_cmp);
}

static void schema_vlans(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": [\"integer\", \"array\"], \"minimum\": 1, \"maximum\": 4094, "
		  "\"items\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 4094}");
}

static bool svc_add(
	struct bh_svcs *s, const struct bh_svc *v, size_t n, size_t *cap, struct bh_load *l)
{
	for (size_t i = 0; i < n; i++) {
		if (s->n == BH_LIST) {
			bh_svcs_normalise(s);
			if (s->n == BH_LIST)
				return false;
		}
		if (!bh_load_grow(l, &s->v, s->n, cap, sizeof *s->v))
			return true;
		s->v[s->n++] = v[i];
	}
	return true;
}

static void unknown_service(struct bh_load *l, const struct bh_node *v)
{
	struct bh_guess g = {.word = v->text};
	char buf[96];

	if (strncmp(v->text, "tcp/", 4) == 0 || strncmp(v->text, "udp/", 4) == 0) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' is not a port or range; write %.3s/8443 or %.3s/5004-5060", v->text,
			v->text, v->text);
		return;
	}
	if (!bh_diags_full(l->d)) {
		for (size_t i = 0; i < bh_n_services; i++)
			bh_guess_offer(&g, bh_services[i].name);
		for (size_t i = 0; i < l->n_services; i++)
			bh_guess_offer(&g, l->services[i].name);
	}
	bh_guess_text(&g, buf);
	bh_diag(l->d, BH_DIAG_ERROR, v->at, "unknown service '%s'%s", v->text,
		buf[0] ? buf : "; name it under 'services' or write tcp/PORT, udp/PORT");
}

static void load_services(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	struct items it = items(l, f, v);
	struct bh_svcs *s = base;
	size_t cap = 0;

	while ((v = item(l, &it))) {
		const struct bh_service *b = bh_service_find(v->text);
		const struct bh_service_in *own = NULL;
		struct bh_svc one;
		bool room = true;

		for (size_t i = 0; i < l->n_services && !b && !own; i++)
			if (strcmp(l->services[i].name, v->text) == 0 && &l->services[i].allow != s)
				own = &l->services[i];
		if (b)
			room = svc_add(s, b->v, b->n, &cap, l);
		else if (own)
			room = svc_add(s, own->allow.v, own->allow.n, &cap, l);
		else if (bh_svc_parse(v->text, &one) == 0)
			room = svc_add(s, &one, 1, &cap, l);
		else
			unknown_service(l, v);
		if (!room) {
			bh_diag(l->d, BH_DIAG_ERROR, v->at, "more than %d port ranges in one list",
				BH_LIST);
			break;
		}
	}
	bh_svcs_normalise(s);
}

static void schema_services(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, LIST_OF("\"type\": \"string\", \"pattern\": "
			  "\"^((tcp|udp)/"
			  "[0-9]{1,5}(-[0-9]{1,5})?|[A-Za-z0-9][A-Za-z0-9._-]{0,30})$\""));
}

const struct bh_type bh_type_version = {load_version, schema_version};
const struct bh_type bh_type_name = {load_name, schema_name};
const struct bh_type bh_type_text = {load_text, schema_text};
const struct bh_type bh_type_uint = {load_uint, schema_uint};
const struct bh_type bh_type_bool = {load_bool, schema_bool};
const struct bh_type bh_type_word = {load_word, put_words};
const struct bh_type bh_type_words = {load_words, schema_words};
const struct bh_type bh_type_apps = {load_apps, schema_apps};
const struct bh_type bh_type_duration = {load_duration, schema_duration};
const struct bh_type bh_type_share = {load_share, schema_share};
const struct bh_type bh_type_window = {load_window, schema_window};
const struct bh_type bh_type_mac = {load_mac, schema_mac};
const struct bh_type bh_type_interfaces = {load_interfaces, schema_interfaces};
const struct bh_type bh_type_vlans = {load_vlans, schema_vlans};
const struct bh_type bh_type_services = {load_services, schema_services};
