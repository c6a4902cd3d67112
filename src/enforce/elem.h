/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets and their elements: written with plain attributes (a tenth of the memory of library
 * objects), read back the same way. */
#ifndef ENFORCE_ELEM_H
#define ENFORCE_ELEM_H

#include <bulkhead/plan.h>
#include "nl.h"

/* fields: one letter each, a address, p port, e Ethernet address, l protocol above IP, n family, t Ethernet type;
 * more than one with NFT_SET_INTERVAL is a concatenation */
void bh_set_add(struct batch *b, const char *name, const char *fields, bool v6, uint32_t flags,
	bool counted);
/* filled by rules, one counter an element */
void bh_meter_add(struct batch *b, const char *name, const char *fields, bool v6, uint32_t size,
	uint64_t timeout_ms);
void bh_map_add(struct batch *b, const char *name, bool v6); /* address ranges to verdicts */

#define KEY_MAX 40
struct key {
	uint8_t lo[KEY_MAX], hi[KEY_MAX];
	unsigned len;
};
void bh_key_prefix(struct key *k, const struct bh_prefix *p);
void bh_key_ports(struct key *k, uint16_t lo, uint16_t hi);

/* a stream of elements into one set; cut into messages of at most NL_MSG_MAX */
struct elems {
	struct batch *b;
	const char *set, *kind;
	struct nlmsghdr *h;
	struct nlattr *list;
	uint16_t type, flags;
	size_t count; /* elements, interval ends not counted */
};
struct elems bh_elems_new(struct batch *b, uint16_t type, uint16_t flags, const char *set);
void bh_elems_end(struct elems *e);
#define ELEM_COMMENT 96
struct elem_extra {
	uint64_t timeout_ms;
	const char *comment; /* shorter than ELEM_COMMENT */
	const char *chain;   /* of a map: goto */
};
void bh_elem_exact(struct elems *e, const void *key, unsigned len, const struct elem_extra *x);
void bh_elem_concat(struct elems *e, const struct key *k); /* lo to hi in each field */
void bh_elem_concat_timed(struct elems *e, const struct key *k, uint64_t timeout_ms);
/* One range lo-hi of addresses: a start, and an end just behind hi unless hi is the last address
 * there is. */
void bh_elem_range(
	struct elems *e, bool v6, const uint8_t *lo, const uint8_t *hi, const struct elem_extra *x);

/* ---- read back ---- */
struct elem_seen {
	uint8_t key[KEY_MAX];
	unsigned key_len;
	bool is_end; /* of an interval */
	uint64_t timeout_ms, left_ms, packets;
	char comment[ELEM_COMMENT];
	uint64_t digest; /* of key, end, data, flags and comment: what a law element is */
};
typedef int elem_each(const struct elem_seen *x, void *ctx);
int bh_elems_dump(
	struct nl *nl, const char *set, elem_each *fn, void *ctx) BH_MUST; /* -EINTR: start again */
/* One element by its key, without a dump. 0 found, 1 not there, < 0 -errno. */
int bh_elem_get(struct nl *nl, const char *set, const void *key, unsigned len,
	struct elem_seen *ret_seen) BH_MUST;

#endif
