/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * load - what the files of this folder share: nodes of the YAML text, the loader's table, the index
 *
 * Shape   text -> bh_yaml_parse -> nodes -> bh_bind (walks the table) -> struct bh_policy ->
 * bh_check -> index Errors  Mistakes in the text become diagnostics; only memory can fail,
 * remembered in bh_load.error.
 */
#ifndef BH_POLICY_LOAD_H
#define BH_POLICY_LOAD_H

#include <bulkhead/policy.h>

#define BH_POLICY_BYTES (4u << 20) /* longest text */
#define BH_DEPTH 32                /* deepest nesting */
#define BH_EXPAND 10000            /* values reached through aliases */
#define BH_ANCHORS 256
#define BH_DIAGS 200
#define BH_MAX_HOSTS 65536
#define BH_MAX_PINS 4096
#define BH_MAX_REMEDIES 1024
#define BH_MAX_SUPPRESSES 1024
#define BH_MAX_CANARIES 256
#define BH_MAX_SERVICES 256
#define BH_LIST 256            /* longest list in one place: addresses, networks, services */
#define BH_MAX_REFS (1u << 18) /* addresses in the whole text, host names resolved */
#define BH_PAIR 256            /* conduits between one pair of zones */

/* ---- memory of the nodes: freed together ---- */
struct bh_arena {
	struct bh_chunk *head;
};
void *bh_arena_take(struct bh_arena *a, size_t n); /* zeroed, 8-aligned; NULL = no memory */
void bh_arena_fini(struct bh_arena *a);

/* ---- nodes ---- */
enum { BH_NODE_SCALAR, BH_NODE_LIST, BH_NODE_MAP };
struct bh_mark {
	struct bh_pos pos;
	uint32_t width;
};
struct bh_node {
	struct bh_node *kids, *next; /* a map's kids: key, value, key, value ... */
	const char *text;            /* of a scalar; NUL-terminated, no NUL inside */
	uint32_t len, weight;        /* weight: values in it, aliases expanded */
	struct bh_mark at;
	uint8_t kind, height;
	bool plain; /* not quoted */
	bool open;  /* its end was not seen yet */
	bool twice; /* a key given before */
};
/* 0 a tree (NULL when the text holds nothing), 1 refused (diags say why), < 0 -errno */
int bh_yaml_parse(const char *text, size_t len, struct bh_diags *d, struct bh_arena *a,
	struct bh_node **ret_root) BH_MUST;
const struct bh_node *bh_node_get(const struct bh_node *map, const char *key); /* NULL = none */
struct bh_mark bh_node_mark(
	const struct bh_node *map, const char *key); /* of the value, else of the map */

/* ---- diagnostics ---- */
void bh_diag(struct bh_diags *d, unsigned severity, struct bh_mark at, const char *fmt, ...)
	BH_PRINTF(4, 5) __attribute__((nonnull(4)));
void bh_diags_sort(struct bh_diags *d);
bool bh_diags_full(const struct bh_diags *d); /* more would only be counted */
unsigned bh_utf8_take(
	const uint8_t *p, size_t n, uint32_t *ret_cp); /* bytes of the character, 0 = not UTF-8 */
/* the nearest of the offered words, when near enough */
struct bh_guess {
	const char *word, *best;
	unsigned distance;
};
void bh_guess_offer(struct bh_guess *g, const char *candidate);
const char *bh_guess_text(const struct bh_guess *g, char buf[96]); /* "" or the question */

/* ---- services ---- */
struct bh_service {
	char name[BH_NAME];
	struct bh_svc v[4];
	size_t n;
};
extern const struct bh_service bh_services[];
extern const size_t bh_n_services;
const struct bh_service *bh_service_find(const char *name);
int bh_svc_parse(
	const char *text, struct bh_svc *ret_svc) BH_MUST; /* "tcp/22", "udp/1-2"; 1 = no */
void bh_svc_put(const struct bh_svc *s, struct bh_text *t);
void bh_svcs_normalise(struct bh_svcs *s); /* sorted, no overlap */
bool bh_svcs_has(const struct bh_svcs *s, uint8_t proto, uint16_t port);
bool bh_svcs_cover(const struct bh_svcs *outer, const struct bh_svcs *inner);

/* ---- prefixes: families kept apart (::/0 holds no IPv4) ---- */
bool bh_net_has(const struct bh_prefix *p, const struct bh_addr *a);
bool bh_net_covers(const struct bh_prefix *outer, const struct bh_prefix *inner);
bool bh_net_any(const struct bh_prefix *p); /* 0.0.0.0/0 or ::/0 */
int bh_net_cmp(const struct bh_prefix *a,
	const struct bh_prefix *b); /* IPv4 first, by address, wide first */
struct bh_addr bh_net_last(const struct bh_prefix *p);
void bh_nets_normalise(struct bh_prefixes *s); /* sorted, none inside another */
bool bh_nets_have(const struct bh_prefixes *s, const struct bh_addr *a); /* s normalised */
bool bh_nets_cover(const struct bh_prefixes *outer, const struct bh_prefixes *inner);

/* ---- the table ---- */
struct bh_load;
struct bh_field;
struct bh_shape {
	const char *what; /* "zone" */
	const struct bh_field *fields;
	size_t n;
	/* A new element; name is NULL in a list. NULL = not added (already said why). */
	void *(*add)(struct bh_load *l, const struct bh_node *name, const struct bh_node *at);
	void (*end)(struct bh_load *l, void *elem, const struct bh_node *at); /* after its fields */
};
struct bh_type {
	void (*load)(
		struct bh_load *l, const struct bh_field *f, const struct bh_node *v, void *base);
	void (*schema)(const struct bh_field *f, struct bh_text *t);
};
struct bh_field {
	const char *key, *doc;
	const struct bh_type *type;
	size_t off, size;           /* of the member it fills */
	bool required;
	uint8_t ref; /* lists of addresses: enum bh_ref */
	uint32_t min, max;
	const char *(*name)(unsigned i); /* words: name of the i-th below max */
	const struct bh_shape *sub;
};
extern const struct bh_shape bh_root_shape;
extern const struct bh_type bh_type_version, bh_type_name, bh_type_text, bh_type_uint, bh_type_bool,
	bh_type_word, bh_type_words, bh_type_apps, bh_type_duration, bh_type_share, bh_type_mac,
	bh_type_nets, bh_type_ends, bh_type_addrs, bh_type_interfaces, bh_type_vlans, bh_type_services,
	bh_type_zone, bh_type_window, bh_type_date, bh_type_map, bh_type_named, bh_type_list;

/* ---- the loader ---- */
enum bh_ref {
	BH_REFER_ZONE,
	BH_REFER_HOST,
	BH_REFER_CONDUIT_FROM,
	BH_REFER_CONDUIT_TO,
	BH_REFER_PIN_FROM,
	BH_REFER_PIN_TO,
	BH_REFER_REMEDY,
	BH_REFER_SUPPRESS,
	BH_REFER_DARK,
	BH_REFER_MANAGEMENT,
	BH_REFER_CANARY
};
struct bh_refer { /* an address as it stands in the text */
	struct bh_prefix net;
	struct bh_mark at;
	uint32_t owner; /* index of the zone, host, conduit ... */
	uint8_t ref;
};
struct bh_remedy_in {
	struct bh_prefixes to;
	struct bh_svcs allow;
	struct bh_pos pos;
};
struct bh_load {
	struct bh_policy *p;
	struct bh_diags *d;
	int error; /* 0 or -ENOMEM */
	struct bh_service_in {
		char name[BH_NAME];
		struct bh_svcs allow;
	} * services;
	size_t n_services, cap_services, cap_zones, cap_hosts, cap_conduits, cap_pins, cap_remedies,
		cap_suppresses, cap_canaries, cap_refs;
	const struct bh_node **zone_at, **host_at, **conduit_at, **pin_at;
	size_t cap_zone_at, cap_host_at, cap_conduit_at, cap_pin_at;
	struct bh_refer *refs;
	size_t n_refs;
	struct bh_remedy_in remedy;
	size_t errors_before; /* the conduit being read */
	bool named;           /* name index is built */
};
bool bh_load_grow(
	struct bh_load *l, void *array, size_t n, size_t *cap, size_t size); /* room for one more */
bool bh_load_name(struct bh_load *l, const struct bh_node *n, const char *what, char out[BH_NAME]);
void bh_bind(struct bh_load *l, const struct bh_shape *s, const struct bh_node *map, void *base);
void bh_shape_schema(const struct bh_shape *s, struct bh_text *t);
void bh_check(struct bh_load *l, const struct bh_node *root);
/* suppress.c */
void bh_end_suppress(struct bh_load *l, void *elem, const struct bh_node *at);
void bh_put_date(bh_ns day, struct bh_text *t); /* 2026-11-28 */

#define BH_GLOB 256 /* longest pattern */
/* A path with * ? **: how many wildcards it has; written with / and without one in front. */
size_t bh_glob_tidy(char *path);
/* Does the name fit, whatever its case? Time grows with the product of both lengths, whoever wrote them. */
bool bh_glob_fits(const char *glob, const char *name);

/* ---- index ---- */
struct bh_policy_index *bh_index_new(void);      /* empty; NULL = no memory */
int bh_index_names(struct bh_policy *p) BH_MUST; /* zones and hosts by name; -ENOMEM */
int bh_index_build(struct bh_policy *p) BH_MUST; /* the rest */
void bh_index_free(struct bh_policy_index *x);
/* conduits from one zone to another, in file order: count, first of them in *ret_list */
size_t bh_index_pair(
	const struct bh_policy *p, uint16_t from, uint16_t to, const uint32_t **ret_list);

#endif
