/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML text to nodes, through libyaml's event interface, in the strict profile: one document, no
 * tags, no merge keys, no key given twice, no tab as indentation, UTF-8 only, at most BH_DEPTH
 * deep, aliases capped by what they expand to. Every scalar stays text. The open containers are an
 * explicit stack, so nothing here recurses over the input; the bytes are checked before libyaml
 * sees them, so its reader cannot fail and a line means the same to both.
 */
#include <errno.h>
#include <stdlib.h>
#include <yaml.h>
#include "policy/load.h"

struct bh_chunk {
	struct bh_chunk *next;
	size_t used, cap;
	_Alignas(8) unsigned char mem[];
};

struct open {
	struct bh_node *node, **tail;
	size_t kids;
};
struct anchor {
	const char *name;
	struct bh_node *node;
};
struct build {
	struct bh_diags *d;
	struct bh_arena *a;
	struct open open[BH_DEPTH];
	unsigned depth;
	struct anchor anchor[BH_ANCHORS];
	unsigned n_anchors;
	size_t expanded;
	struct bh_node *root;
	unsigned documents;
};

void *bh_arena_take(struct bh_arena *a, size_t n)
{
	struct bh_chunk *c = a->head;
	size_t cap;

	n = (n + 7) & ~(size_t)7;
	if (!c || c->cap - c->used < n) {
		cap = n > 65536 ? n : 65536;
		c = calloc(1, sizeof *c + cap);
		if (!c)
			return NULL;
		c->cap = cap;
		c->next = a->head;
		a->head = c;
	}
	c->used += n;
	return c->mem + c->used - n;
}

void bh_arena_fini(struct bh_arena *a)
{
	struct bh_chunk *c;

	while ((c = a->head)) {
		a->head = c->next;
		free(c);
	}
}

const struct bh_node *bh_node_get(const struct bh_node *map, const char *key)
{
	if (!map || map->kind != BH_NODE_MAP)
		return NULL;
	for (const struct bh_node *k = map->kids; k && k->next; k = k->next->next)
		if (strcmp(k->text, key) == 0)
			return k->next;
	return NULL;
}

struct bh_mark bh_node_mark(const struct bh_node *map, const char *key)
{
	const struct bh_node *v = bh_node_get(map, key);

	return v ? v->at : map->at;
}

static struct bh_mark mark(const yaml_mark_t *from, const yaml_mark_t *to)
{
	struct bh_mark m = {{from->line + 1, from->column + 1}, 1};

	if (to && to->line == from->line && to->column > from->column)
		m.width = to->column - from->column;
	return m;
}

/* bytes: UTF-8, no control characters, one kind of line end, no tab as indentation. Number of
 * errors. */
static size_t check_bytes(struct bh_diags *d, const char *text, size_t len)
{
	struct bh_mark at = {{1, 1}, 1}, tab = at;
	size_t before = d->errors;
	bool indent = true, tabbed = false;
	unsigned n;

	for (size_t i = 0; i < len; i += n, at.pos.col++) {
		uint32_t cp = 0;

		n = bh_utf8_take((const uint8_t *)text + i, len - i, &cp);
		if (!n) {
			bh_diag(d, BH_DIAG_ERROR, at,
				"byte 0x%02x is not UTF-8; save the file as UTF-8",
				(uint8_t)text[i]);
			break;
		}
		if (cp == '\n') {
			at.pos = (struct bh_pos){at.pos.line + 1, 0};
			indent = true;
			tabbed = false;
			continue;
		}
		if (cp == '\r' && i + 1 < len && text[i + 1] == '\n')
			continue;
		if (cp == 0xfeff && i == 0)
			continue;
		if ((cp < 0x20 && cp != '\t') || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 ||
			cp == 0x2029 || cp == 0xfeff || (cp & 0xfffe) == 0xfffe) {
			bh_diag(d, BH_DIAG_ERROR, at,
				"character U+%04X has no place in a policy; remove it", cp);
			break;
		}
		if (indent && cp == '\t' && !tabbed) {
			tabbed = true;
			tab = at;
		}
		if (indent && cp != ' ' && cp != '\t') {
			indent = false;
			if (tabbed && cp != '#')
				bh_diag(d, BH_DIAG_ERROR, tab,
					"tab used as indentation; use spaces");
		}
	}
	return d->errors - before;
}

static int key_cmp(const void *x, const void *y)
{
	const struct bh_node *a = *(struct bh_node *const *)x, *b = *(struct bh_node *const *)y;
	int c = strcmp(a->text, b->text);

	if (c)
		return c;
	if (a->at.pos.line != b->at.pos.line)
		return a->at.pos.line < b->at.pos.line ? -1 : 1;
	return a->at.pos.col < b->at.pos.col ? -1 : a->at.pos.col > b->at.pos.col;
}

static int check_keys(struct build *b, struct bh_node *map, size_t n)
{
	struct bh_node **v, *first;
	size_t i = 0;

	if (n < 2)
		return 0;
	v = malloc(n * sizeof *v);
	if (!v)
		return -ENOMEM;
	for (struct bh_node *k = map->kids; k && i < n; k = k->next->next)
		v[i++] = k;
	qsort(v, n, sizeof *v, key_cmp);
	first = v[0];
	for (i = 1; i < n; i++) {
		if (strcmp(v[i]->text, first->text) != 0) {
			first = v[i];
			continue;
		}
		v[i]->twice = true;
		bh_diag(b->d, BH_DIAG_ERROR, v[i]->at, "key '%s' given twice", v[i]->text);
		bh_diag(b->d, BH_DIAG_NOTE, first->at, "first given here");
	}
	free(v);
	return 0;
}

/* the node is complete: its weight and height count for the container it is in */
static void account(struct build *b, const struct bh_node *n)
{
	struct bh_node *up = b->depth ? b->open[b->depth - 1].node : NULL;

	if (!up)
		return;
	up->weight =
		up->weight + n->weight < UINT32_MAX / 2 ? up->weight + n->weight : UINT32_MAX / 2;
	if (up->height < n->height + 1)
		up->height = n->height + 1;
}

static int attach(struct build *b, struct bh_node *n)
{
	struct open *o;

	if (!b->depth) {
		b->root = n;
		return 0;
	}
	o = &b->open[b->depth - 1];
	if (o->node->kind == BH_NODE_MAP && o->kids % 2 == 0) {
		if (n->kind != BH_NODE_SCALAR) {
			bh_diag(b->d, BH_DIAG_ERROR, n->at, "a key must be one word");
			return 1;
		}
		if (n->plain && strcmp(n->text, "<<") == 0) {
			bh_diag(b->d, BH_DIAG_ERROR, n->at,
				"merge key '<<' is not used here; write the keys out");
			return 1;
		}
	}
	*o->tail = n;
	o->tail = &n->next;
	o->kids++;
	return 0;
}

static int put_anchor(struct build *b, const yaml_char_t *name, struct bh_node *n)
{
	size_t len = name ? strlen((const char *)name) : 0;
	char *copy;

	if (!name)
		return 0;
	if (b->n_anchors == BH_ANCHORS) {
		bh_diag(b->d, BH_DIAG_ERROR, n->at, "more than %d anchors", BH_ANCHORS);
		return 1;
	}
	copy = bh_arena_take(b->a, len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	b->anchor[b->n_anchors++] = (struct anchor){copy, n};
	return 0;
}

static int on_alias(struct build *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct bh_mark at = mark(&e->start_mark, &e->end_mark);
	struct bh_node *n, *target = NULL;
	int r;

	for (unsigned i = b->n_anchors; i > 0 && !target; i--)
		if (strcmp(b->anchor[i - 1].name, name) == 0)
			target = b->anchor[i - 1].node;
	if (!target || target->open) {
		bh_diag(b->d, BH_DIAG_ERROR, at,
			target ? "alias '*%s' stands inside what it names"
			       : "no anchor '&%s' before this alias",
			name);
		return 1;
	}
	b->expanded += target->weight;
	if (b->expanded > BH_EXPAND) {
		bh_diag(b->d, BH_DIAG_ERROR, at,
			"aliases expand to more than %d values; write them out", BH_EXPAND);
		return 1;
	}
	if (b->depth + target->height > BH_DEPTH) {
		bh_diag(b->d, BH_DIAG_ERROR, at, "nested deeper than %d", BH_DEPTH);
		return 1;
	}
	n = bh_arena_take(b->a, sizeof *n);
	if (!n)
		return -ENOMEM;
	*n = *target;
	n->next = NULL;
	n->twice = false;
	n->at = at;
	r = attach(b, n);
	if (r == 0)
		account(b, n);
	return r;
}

static int on_scalar(struct build *b, const yaml_event_t *e)
{
	size_t len = e->data.scalar.length;
	struct bh_node *n = bh_arena_take(b->a, sizeof *n + len + 1);
	char *text;
	int r;

	if (!n)
		return -ENOMEM;
	text = (char *)(n + 1);
	memcpy(text, e->data.scalar.value, len);
	*n = (struct bh_node){.text = text,
		.len = len,
		.weight = 1,
		.kind = BH_NODE_SCALAR,
		.at = mark(&e->start_mark, &e->end_mark),
		.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE};
	if (e->data.scalar.tag) {
		bh_diag(b->d, BH_DIAG_ERROR, n->at, "tags are not used here; remove '%s'",
			(const char *)e->data.scalar.tag);
		return 1;
	}
	if (strlen(text) != len) {
		bh_diag(b->d, BH_DIAG_ERROR, n->at, "a NUL has no place in a policy; remove it");
		return 1;
	}
	r = attach(b, n);
	if (r == 0)
		r = put_anchor(b, e->data.scalar.anchor, n);
	if (r == 0)
		account(b, n);
	return r;
}

static int on_start(struct build *b, const yaml_event_t *e, unsigned kind,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct bh_node *n = bh_arena_take(b->a, sizeof *n);
	int r;

	if (!n)
		return -ENOMEM;
	*n = (struct bh_node){.kind = kind,
		.weight = 1,
		.height = 1,
		.open = true,
		.at = mark(&e->start_mark, NULL)};
	if (tag) {
		bh_diag(b->d, BH_DIAG_ERROR, n->at, "tags are not used here; remove '%s'",
			(const char *)tag);
		return 1;
	}
	if (b->depth == BH_DEPTH) {
		bh_diag(b->d, BH_DIAG_ERROR, n->at, "nested deeper than %d", BH_DEPTH);
		return 1;
	}
	r = attach(b, n);
	if (r == 0)
		r = put_anchor(b, anchor, n);
	if (r == 0)
		b->open[b->depth++] = (struct open){n, &n->kids, 0};
	return r;
}

static int on_end(struct build *b)
{
	struct open *o = &b->open[--b->depth];
	int r = 0;

	o->node->open = false;
	if (o->node->kind == BH_NODE_MAP)
		r = check_keys(b, o->node, o->kids / 2);
	account(b, o->node);
	return r;
}

/* 0 go on, 1 refused, 2 the end, < 0 -errno */
static int on_event(struct build *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_STREAM_END_EVENT:
		return 2;
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++) {
			bh_diag(b->d, BH_DIAG_ERROR, mark(&e->start_mark, &e->end_mark),
				"a second document; one file holds one policy");
			return 1;
		}
		return 0;
	case YAML_ALIAS_EVENT:
		return on_alias(b, e);
	case YAML_SCALAR_EVENT:
		return on_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(b, e, BH_NODE_LIST, e->data.sequence_start.anchor,
			e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_start(
			b, e, BH_NODE_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(b);
	default:
		return 0;
	}
}

int bh_yaml_parse(const char *text, size_t len, struct bh_diags *d, struct bh_arena *a,
	struct bh_node **ret_root)
{
	struct bh_mark top = {{1, 1}, 1};
	struct build *b;
	yaml_parser_t y;
	yaml_event_t e;
	int r = 0;

	if (len > BH_POLICY_BYTES) {
		bh_diag(d, BH_DIAG_ERROR, top, "%zu bytes; a policy holds at most %u", len,
			BH_POLICY_BYTES);
		return 1;
	}
	if (check_bytes(d, text, len))
		return 1;
	b = calloc(1, sizeof *b);
	if (!b || !yaml_parser_initialize(&y)) {
		free(b);
		return -ENOMEM;
	}
	b->d = d;
	b->a = a;
	yaml_parser_set_encoding(&y, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y, (const unsigned char *)text, len);
	while (r == 0) {
		if (!yaml_parser_parse(&y, &e)) {
			r = y.error == YAML_MEMORY_ERROR ? -ENOMEM : 1;
			if (r == 1)
				bh_diag(d, BH_DIAG_ERROR, mark(&y.problem_mark, NULL),
					"not YAML: %s%s%s",
					y.problem ? y.problem : "cannot read on",
					y.context ? ", " : "", y.context ? y.context : "");
			break;
		}
		r = on_event(b, &e);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&y);
	if (r == 2) {
		*ret_root = b->root;
		r = 0;
	}
	free(b);
	return r;
}
