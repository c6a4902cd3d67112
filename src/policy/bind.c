/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Walking the table: nodes into structs, and the table into a JSON Schema. The recursion here
 * follows the table, which is four levels deep, never the text.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

bool bh_load_grow(struct bh_load *l, void *array, size_t n, size_t *cap, size_t size)
{
	void **a = array, *v;
	size_t more;

	if (n < *cap) {
		memset((char *)*a + n * size, 0, size);
		return true;
	}
	more = *cap ? *cap * 2 : 8;
	v = realloc(*a, more * size);
	if (!v) {
		l->error = -ENOMEM;
		return false;
	}
	*a = v;
	*cap = more;
	memset((char *)v + n * size, 0, size);
	return true;
}

bool bh_load_name(struct bh_load *l, const struct bh_node *n, const char *what, char out[BH_NAME])
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	struct bh_prefix p;
	const char *why = NULL;

	if (n->kind != BH_NODE_SCALAR)
		why = "must be one word";
	else if (!n->len)
		why = "is empty";
	else if (n->len >= BH_NAME)
		why = "is longer than 31 characters";
	else if (strspn(n->text, ok) != n->len || strchr("._-", n->text[0]))
		why = "may hold letters, digits and . _ - and begins with a letter or digit";
	else if (bh_prefix_parse(n->text, n->len, &p) != 1)
		why = "looks like an address; choose a word";
	if (why) {
		bh_diag(l->d, BH_DIAG_ERROR, n->at, "%s name %s", what, why);
		return false;
	}
	bh_strcpy(out, BH_NAME, n->text);
	return true;
}

static const struct bh_field *find_field(const struct bh_shape *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->fields[i].key, key) == 0)
			return &s->fields[i];
	return NULL;
}

static void unknown_key(struct bh_load *l, const struct bh_shape *s, const struct bh_node *key)
{
	struct bh_guess g = {.word = key->text};
	char buf[96];

	if (!bh_diags_full(l->d))
		for (size_t i = 0; i < s->n; i++)
			bh_guess_offer(&g, s->fields[i].key);
	bh_diag(l->d, BH_DIAG_ERROR, key->at, "a %s has no key '%s'%s", s->what, key->text,
		bh_guess_text(&g, buf));
}

void bh_bind(struct bh_load *l, const struct bh_shape *s, const struct bh_node *map, void *base)
{
	if (map->kind != BH_NODE_MAP) {
		bh_diag(l->d, BH_DIAG_ERROR, map->at,
			"a %s is written as keys and values: {key: value, ...}", s->what);
		return;
	}
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next) {
		const struct bh_field *f = find_field(s, k->text);

		if (!f)
			unknown_key(l, s, k);
	}
	for (size_t i = 0; i < s->n && !l->error; i++) {
		const struct bh_field *f = &s->fields[i];
		const struct bh_node *v = bh_node_get(map, f->key);

		if (v)
			f->type->load(l, f, v, (char *)base + f->off);
		else if (f->required)
			bh_diag(l->d, BH_DIAG_ERROR, map->at, "this %s has no '%s' (%s)", s->what,
				f->key, f->doc);
	}
	if (s->end && !l->error)
		s->end(l, base, map);
}

/* a shape whose only field has no key is written as that field's value alone */
static bool bare(const struct bh_shape *s)
{
	return s->n == 1 && !s->fields[0].key[0];
}

static void load_map(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	bh_bind(l, f->sub, v, base);
}

static void load_named(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	const struct bh_shape *s = f->sub;

	if (v->kind != BH_NODE_MAP) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at,
			"'%s' is written as one line per %s: 'name: ...'", f->key, s->what);
		return;
	}
	for (const struct bh_node *k = v->kids; k && k->next && !l->error; k = k->next->next) {
		void *elem = k->twice ? NULL : s->add(l, k, k->next);

		if (elem && bare(s))
			s->fields[0].type->load(
				l, &s->fields[0], k->next, (char *)elem + s->fields[0].off);
		else if (elem)
			bh_bind(l, s, k->next, elem);
	}
}

static void load_list(
	struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base)
{
	const struct bh_shape *s = f->sub;

	if (v->kind != BH_NODE_LIST) {
		bh_diag(l->d, BH_DIAG_ERROR, v->at, "'%s' is a list: one '- {...}' per %s", f->key,
			s->what);
		return;
	}
	for (const struct bh_node *n = v->kids; n && !l->error; n = n->next) {
		void *elem = s->add(l, NULL, n);

		if (elem)
			bh_bind(l, s, n, elem);
	}
}

/* ---- the schema ---- */
static void put_json(struct bh_text *t, const char *s)
{
	bh_put(t, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			bh_put(t, "\\");
		bh_putn(t, s, 1);
	}
	bh_put(t, "\"");
}

static void put_field(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "{\"description\": ");
	put_json(t, f->doc);
	bh_put(t, ", ");
	f->type->schema(f, t);
	bh_put(t, "}");
}

void bh_shape_schema(const struct bh_shape *s, struct bh_text *t)
{
	bool first = true;

	bh_put(t, "\"type\": \"object\", \"additionalProperties\": false,\n\"properties\": {");
	for (size_t i = 0; i < s->n; i++) {
		bh_put(t, first ? "\n" : ",\n");
		put_json(t, s->fields[i].key);
		bh_put(t, ": ");
		put_field(&s->fields[i], t);
		first = false;
	}
	bh_put(t, "}");
	first = true;
	for (size_t i = 0; i < s->n; i++) {
		if (!s->fields[i].required)
			continue;
		bh_put(t, first ? ",\n\"required\": [" : ", ");
		put_json(t, s->fields[i].key);
		first = false;
	}
	if (!first)
		bh_put(t, "]");
}

static void schema_map(const struct bh_field *f, struct bh_text *t)
{
	bh_shape_schema(f->sub, t);
}

static void schema_named(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"object\", \"propertyNames\": {\"pattern\": "
		  "\"^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$\"},\n"
		  "\"additionalProperties\": ");
	if (bare(f->sub)) {
		put_field(&f->sub->fields[0], t);
		return;
	}
	bh_put(t, "{");
	bh_shape_schema(f->sub, t);
	bh_put(t, "}");
}

static void schema_list(const struct bh_field *f, struct bh_text *t)
{
	bh_put(t, "\"type\": \"array\", \"items\": {");
	bh_shape_schema(f->sub, t);
	bh_put(t, "}");
}

void bh_policy_schema(struct bh_text *t)
{
	bh_put(t, "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
		  "\"title\": \"Bulkhead policy\",\n");
	bh_shape_schema(&bh_root_shape, t);
	bh_put(t, "}\n");
}

const struct bh_type bh_type_map = {load_map, schema_map};
const struct bh_type bh_type_named = {load_named, schema_named};
const struct bh_type bh_type_list = {load_list, schema_list};
