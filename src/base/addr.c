/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses, prefixes, MACs and durations as text. libc's inet_ntop/inet_pton do the digits; the rules are ours. */
#include <arpa/inet.h>
#include <stdio.h>
#include <bulkhead/base.h>

bool bh_addr_multicast(const struct bh_addr *a)
{
	if (bh_addr_is4(a))
		return (a->b[12] & 0xf0) == 0xe0 ||
		       (a->b[12] == 255 && a->b[13] == 255 && a->b[14] == 255 && a->b[15] == 255);
	return a->b[0] == 0xff;
}

bool bh_addr_unspecified(const struct bh_addr *a)
{
	return bh_addr_none(a) || (bh_addr_is4(a) && a->b[12] == 0);
}

bool bh_addr_private(const struct bh_addr *a)
{
	static const struct bh_addr one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
	const uint8_t *p = a->b + 12;

	if (!bh_addr_is4(a))
		return (a->b[0] & 0xfe) == 0xfc || bh_addr_link_local(a) || bh_addr_eq(a, &one);
	return p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) || (p[0] == 192 && p[1] == 168) ||
	       (p[0] == 169 && p[1] == 254) || p[0] == 127;
}

int bh_addr_parse(const char *text, size_t len, struct bh_addr *ret_addr)
{
	char buf[BH_ADDR_TEXT];
	uint8_t raw[16];

	if (len == 0 || len >= sizeof buf || memchr(text, 0, len))
		return 1;
	memcpy(buf, text, len);
	buf[len] = '\0';
	if (inet_pton(AF_INET, buf, raw) == 1) {
		*ret_addr = bh_addr_v4(raw);
		return 0;
	}
	if (inet_pton(AF_INET6, buf, raw) == 1) {
		*ret_addr = bh_addr_v6(raw);
		return 0;
	}
	return 1;
}

static int small_number(const char *p, size_t n, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	if (n == 0 || n > 3 || (n > 1 && p[0] == '0'))
		return 1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 1;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	if (v > max)
		return 1;
	*ret = v;
	return 0;
}

/* keeps the first bits of a, zeroes the rest; true when something was set there */
static bool mask_to(struct bh_addr *a, unsigned bits)
{
	bool dirty = false;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
		uint8_t m = (uint8_t)(0xff00u >> keep);

		dirty |= (a->b[i] & (uint8_t)~m) != 0;
		a->b[i] &= m;
	}
	return dirty;
}

int bh_prefix_parse(const char *text, size_t len, struct bh_prefix *ret_prefix)
{
	const char *slash = memchr(text, '/', len);
	size_t alen = slash ? (size_t)(slash - text) : len;
	struct bh_prefix p;
	unsigned bits;
	bool v4;

	if (bh_addr_parse(text, alen, &p.net))
		return 1;
	/* ::ffff:1.2.3.4/n would be ambiguous; only the dotted form is IPv4 */
	v4 = !memchr(text, ':', alen);
	bits = v4 ? 32 : 128;
	if (slash && small_number(slash + 1, len - alen - 1, bits, &bits))
		return 1;
	p.bits = (uint8_t)(v4 ? bits + 96 : bits);
	if (mask_to(&p.net, p.bits))
		return 2;
	if (v4) { /* /0 of IPv4 still is the mapped form */
		p.net.b[10] = p.net.b[11] = 0xff;
	}
	*ret_prefix = p;
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int bh_mac_parse(const char *text, size_t len, struct bh_mac *ret_mac)
{
	struct bh_mac m;

	if (len != 17)
		return 1;
	for (int i = 0; i < 6; i++) {
		int hi = nibble(text[i * 3]), lo = nibble(text[i * 3 + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && text[i * 3 + 2] != ':' && text[i * 3 + 2] != '-'))
			return 1;
		m.b[i] = (uint8_t)(hi << 4 | lo);
	}
	*ret_mac = m;
	return 0;
}

char *bh_addr_print(const struct bh_addr *a, char *buf)
{
	if (bh_addr_is4(a))
		inet_ntop(AF_INET, a->b + 12, buf, BH_ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, buf, BH_ADDR_TEXT);
	return buf;
}

char *bh_prefix_print(const struct bh_prefix *p, char *buf)
{
	bool v4 = bh_prefix_is4(p);
	size_t n;

	bh_addr_print(&p->net, buf);
	if (p->bits == 128)
		return buf;
	n = strlen(buf);
	snprintf(buf + n, BH_PREFIX_TEXT - n, "/%u", (unsigned)(v4 ? p->bits - 96 : p->bits) & 0xff);
	return buf;
}

char *bh_mac_print(const struct bh_mac *m, char *buf)
{
	const uint8_t *b = m->b;

	snprintf(buf, BH_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

struct bh_prefix bh_prefix_host(const struct bh_addr *a)
{
	return (struct bh_prefix){*a, 128};
}

static bool same_bits(const struct bh_addr *a, const struct bh_addr *b, unsigned bits)
{
	unsigned full = bits / 8, rest = bits % 8;

	if (memcmp(a->b, b->b, full))
		return false;
	return rest == 0 || ((a->b[full] ^ b->b[full]) & (uint8_t)(0xff00u >> rest)) == 0;
}

bool bh_prefix_has(const struct bh_prefix *p, const struct bh_addr *a)
{
	/* ::/0 must not swallow the mapped IPv4 space: families never mix */
	if (bh_prefix_is4(p) != bh_addr_is4(a))
		return false;
	return same_bits(&p->net, a, p->bits);
}

bool bh_prefix_overlaps(const struct bh_prefix *a, const struct bh_prefix *b)
{
	if (bh_prefix_is4(a) != bh_prefix_is4(b))
		return false;
	return same_bits(&a->net, &b->net, a->bits < b->bits ? a->bits : b->bits);
}

static const struct {
	const char *suffix;
	bh_ns unit;
} durations[] = {{"d", BH_HOUR(24)}, {"h", BH_HOUR(1)}, {"m", BH_MIN(1)}, {"s", BH_SEC(1)}, {"ms", BH_MS(1)}, {"us", 1000}, {"ns", 1}};

int bh_duration_parse(const char *text, size_t len, bh_ns *ret_ns)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < len && text[i] >= '0' && text[i] <= '9') {
		if (v > 1000000000000000ull)
			return 1;
		v = v * 10 + (uint64_t)(text[i++] - '0');
	}
	if (i == 0)
		return 1;
	if (i == len) {
		if (v > UINT64_MAX / BH_SEC(1))
			return 1;
		*ret_ns = BH_SEC(v);
		return 0;
	}
	for (size_t k = 0; k < BH_COUNT(durations); k++)
		if (strlen(durations[k].suffix) == len - i && !memcmp(text + i, durations[k].suffix, len - i)) {
			if (v > UINT64_MAX / durations[k].unit)
				return 1;
			*ret_ns = v * durations[k].unit;
			return 0;
		}
	return 1;
}

char *bh_duration_print(bh_ns ns, char buf[24])
{
	for (size_t k = 0; k < BH_COUNT(durations); k++)
		if (ns && ns % durations[k].unit == 0) {
			snprintf(buf, 24, "%llu%s", (unsigned long long)(ns / durations[k].unit), durations[k].suffix);
			return buf;
		}
	memcpy(buf, "0s", 3);
	return buf;
}
