/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * base - what every layer shares: time, addresses, checked bytes, bounded text, hash, ring
 *
 * Why     Lengths, addresses and time units are where packet programs break; here they are written once.
 * Shape   Small values passed by value or caller's memory; nothing here owns a descriptor.
 * Units   bh_ns: nanoseconds, of the capture clock unless said otherwise. Bytes unless said otherwise.
 * Errors  0 done; > 0 an outcome named at the function; < 0 -errno. ret_ parameters written on 0 only.
 * Purity  Pure: no clock, file, socket or log in this layer.
 * Source  RFC 4291 2.5.5.2 (IPv4-mapped form), RFC 5952 (IPv6 text), XXH3 (keyed hash).
 */
#ifndef BULKHEAD_BASE_H
#define BULKHEAD_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BH_MUST __attribute__((warn_unused_result))
#define BH_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define BH_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- time ---- */
typedef uint64_t bh_ns;
#define BH_MS(n) ((bh_ns)(n) * 1000000ull)
#define BH_SEC(n) ((bh_ns)(n) * 1000000000ull)
#define BH_MIN(n) BH_SEC((bh_ns)(n) * 60)
#define BH_HOUR(n) BH_MIN((bh_ns)(n) * 60)

/* ---- addresses: one 16-byte form for both families, IPv4 as ::ffff:a.b.c.d; all zero = none ---- */
struct bh_addr {
	uint8_t b[16];
};
struct bh_mac {
	uint8_t b[6];
};
struct bh_prefix {
	struct bh_addr net;
	uint8_t bits; /* of the 16-byte form: IPv4 /24 is 120 */
};

#define BH_ADDR_TEXT 46	  /* longest address as text, with the NUL */
#define BH_PREFIX_TEXT 50 /* longest prefix as text, with the NUL */
#define BH_MAC_TEXT 18

static inline struct bh_addr bh_addr_v4(const uint8_t net[4])
{
	struct bh_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, net[0], net[1], net[2], net[3]}};
	return a;
}
static inline struct bh_addr bh_addr_v6(const uint8_t net[16])
{
	struct bh_addr a;
	memcpy(a.b, net, 16);
	return a;
}
static inline bool bh_addr_is4(const struct bh_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(a->b, mapped, 12) == 0;
}
static inline bool bh_addr_eq(const struct bh_addr *a, const struct bh_addr *b)
{
	return memcmp(a->b, b->b, 16) == 0;
}
static inline bool bh_addr_none(const struct bh_addr *a)
{
	static const struct bh_addr none;
	return bh_addr_eq(a, &none);
}
static inline bool bh_mac_eq(const struct bh_mac *a, const struct bh_mac *b)
{
	return memcmp(a->b, b->b, 6) == 0;
}
static inline bool bh_mac_none(const struct bh_mac *a)
{
	static const struct bh_mac none;
	return bh_mac_eq(a, &none);
}
bool bh_addr_multicast(const struct bh_addr *a);   /* multicast or limited broadcast */
bool bh_addr_unspecified(const struct bh_addr *a); /* none, ::, 0.0.0.0/8 */
bool bh_addr_private(const struct bh_addr *a);	 /* RFC 1918, RFC 4193, link-local, loopback */
static inline bool bh_addr_link_local(const struct bh_addr *a) /* fe80::/10 */
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* Text of exactly len bytes, no NUL needed. 1 = not an address (a prefix without /len is a host). */
int bh_addr_parse(const char *text, size_t len, struct bh_addr *ret_addr) BH_MUST;
int bh_prefix_parse(const char *text, size_t len, struct bh_prefix *ret_prefix) BH_MUST; /* 2 = host bits set */
int bh_mac_parse(const char *text, size_t len, struct bh_mac *ret_mac) BH_MUST;
/* buf holds BH_*_TEXT bytes; returns buf. A host prefix prints without /len. */
char *bh_addr_print(const struct bh_addr *a, char *buf);
char *bh_prefix_print(const struct bh_prefix *p, char *buf);
char *bh_mac_print(const struct bh_mac *m, char *buf);
struct bh_prefix bh_prefix_host(const struct bh_addr *a);
bool bh_prefix_has(const struct bh_prefix *p, const struct bh_addr *a);
bool bh_prefix_overlaps(const struct bh_prefix *a, const struct bh_prefix *b);
static inline bool bh_prefix_is4(const struct bh_prefix *p)
{
	return p->bits >= 96 && bh_addr_is4(&p->net);
}
/* Decimal seconds and suffixes: "90s", "30m", "4h", "2d", "250ms", "15" (seconds). 1 = not a duration. */
int bh_duration_parse(const char *text, size_t len, bh_ns *ret_ns) BH_MUST;
char *bh_duration_print(bh_ns ns, char buf[24]);

/* ---- checked bytes: a read past the end returns 0, sets bad, and so does every later read ---- */
struct bh_bytes {
	const uint8_t *p;
	size_t left;
	bool bad;
};
static inline struct bh_bytes bh_bytes(const void *p, size_t n)
{
	return (struct bh_bytes){p, n, false};
}
static inline const uint8_t *bh_take(struct bh_bytes *c, size_t n)
{
	const uint8_t *p = c->p;
	if (c->bad || c->left < n) {
		c->bad = true;
		return NULL;
	}
	c->p += n;
	c->left -= n;
	return p;
}
static inline bool bh_skip(struct bh_bytes *c, size_t n)
{
	return bh_take(c, n) != NULL;
}
static inline uint8_t bh_u8(struct bh_bytes *c)
{
	const uint8_t *p = bh_take(c, 1);
	return p ? *p : 0;
}
#define BH_READER(name, type, n, conv)                                                                \
	static inline type name(struct bh_bytes *c)                                                   \
	{                                                                                             \
		type v = 0;                                                                           \
		const uint8_t *p = bh_take(c, n);                                                     \
		if (p)                                                                                \
			memcpy(&v, p, n);                                                             \
		return conv(v);                                                                       \
	}
BH_READER(bh_be16, uint16_t, 2, __builtin_bswap16)
BH_READER(bh_be32, uint32_t, 4, __builtin_bswap32)
BH_READER(bh_be64, uint64_t, 8, __builtin_bswap64)
BH_READER(bh_le16, uint16_t, 2, )
BH_READER(bh_le32, uint32_t, 4, )
BH_READER(bh_le64, uint64_t, 8, )
#undef BH_READER

/* ---- bounded text: appends or sets truncated; always NUL-terminated when cap > 0 ---- */
struct bh_text {
	char *p;
	size_t len, cap;
	bool truncated;
};
static inline struct bh_text bh_text(char *buf, size_t cap)
{
	if (cap)
		buf[0] = '\0';
	return (struct bh_text){buf, 0, cap, false};
}
void bh_put(struct bh_text *t, const char *s);
void bh_putn(struct bh_text *t, const char *s, size_t n);
void bh_putf(struct bh_text *t, const char *fmt, ...) BH_PRINTF(2, 3);
/* "…" with \" \\ \n \t \xNN for the rest below 0x20 and above 0x7e; every byte string has exactly one form. */
void bh_put_quoted(struct bh_text *t, const char *s, size_t n);

/* ---- words of a line: splits on blanks, understands the quoted form; used by both waists' parsers ---- */
struct bh_word {
	const char *p; /* points into the line; quoted words include their quotes */
	size_t len;
};
/* 0 a word, 1 end of line, 2 malformed quote. *io_line advances. */
int bh_word_next(const char **io_line, const char *end, struct bh_word *ret_word) BH_MUST;
bool bh_word_is(struct bh_word w, const char *s);
int bh_word_u64(struct bh_word w, uint64_t max, uint64_t *ret_value) BH_MUST; /* 1 = not a number or > max */
/* Unquoted or quoted text into out (NUL-padded to size). 1 = malformed, 2 = longer than size - 1. */
int bh_word_str(struct bh_word w, char *out, size_t size) BH_MUST;

/* ---- keyed hash ---- */
uint64_t bh_hash(const void *p, size_t n, uint64_t seed);

/*
 * A zeroed table that begins where a large page (2 MiB) may, so that a caller who asks the system for large pages gets them
 * from the first byte on. *ret_raw is what free() takes. NULL = no memory, *ret_raw untouched.
 */
void *bh_large_calloc(size_t n, size_t each, void **ret_raw);

/* copies a C string into a fixed field, zero-padded, always terminated */
void bh_strcpy(char *dst, size_t size, const char *src);

/* ---- single-producer single-consumer ring of fixed-size records; works across processes in shared memory ---- */
struct bh_ring {
	_Alignas(64) _Atomic uint32_t head; /* written by the producer */
	_Alignas(64) _Atomic uint32_t tail; /* written by the consumer */
	_Alignas(64) uint32_t slots, rec_bytes;
	_Atomic uint64_t dropped; /* pushes refused because full */
	_Alignas(64) uint8_t rec[];
};
size_t bh_ring_bytes(uint32_t slots, uint32_t rec_bytes);	 /* slots: a power of two */
void bh_ring_init(struct bh_ring *r, uint32_t slots, uint32_t rec_bytes); /* memory of bh_ring_bytes(), 64-aligned */
bool bh_ring_push(struct bh_ring *r, const void *rec);			 /* false = full, counted */
const void *bh_ring_peek(struct bh_ring *r);				 /* NULL = empty; valid until bh_ring_drop */
void bh_ring_drop(struct bh_ring *r);

#endif
