/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of DNS and of what speaks like it (RFC 1035 4.1): nothing is remembered, every step is bounded by the message. */
#include "dns_name.h"

#define JUMPS 16 /* compressed names in names */

int bh_dns_begin(const uint8_t *p, size_t n, struct bh_dns_msg *ret)
{
	struct bh_bytes b = bh_bytes(p, n);

	ret->all = b;
	ret->id = bh_be16(&b);
	ret->flags = bh_be16(&b);
	ret->questions = bh_be16(&b);
	ret->answers = bh_be16(&b);
	ret->authority = bh_be16(&b);
	ret->additional = bh_be16(&b);
	ret->at = b;
	return b.bad;
}

int bh_dns_name(struct bh_bytes all, struct bh_bytes *b, char *out, size_t size)
{
	struct bh_bytes at = *b;
	bool jumped = false;
	unsigned jumps = 0;
	size_t len = 0, bytes = 0;

	for (;;) {
		uint8_t n = bh_u8(&at);
		const uint8_t *p;

		if (n >= 0xc0) {
			size_t off = (size_t)(n & 0x3f) << 8 | bh_u8(&at);

			if (at.bad || ++jumps > JUMPS || off >= all.left)
				return 1;
			if (!jumped)
				*b = at;
			if (!out)
				return 0;
			jumped = true;
			at = bh_bytes(all.p + off, all.left - off);
			continue;
		}
		p = bh_take(&at, n);
		bytes += n + 1u;
		if (at.bad || n > 63 || bytes > 255)
			return 1;
		if (!n)
			break;
		if (!out)
			continue;
		if (len && len + 1 < size)
			out[len++] = '.';
		for (uint8_t i = 0; i < n && len + 1 < size; i++)
			out[len++] = p[i] ? (char)p[i] : '?';
	}
	if (out)
		memset(out + len, 0, size - len);
	if (!jumped)
		*b = at;
	return 0;
}

int bh_dns_question(struct bh_dns_msg *m, char *out, size_t size, uint16_t *ret_type)
{
	if (bh_dns_name(m->all, &m->at, out, size))
		return 1;
	*ret_type = bh_be16(&m->at);
	bh_skip(&m->at, 2);
	return m->at.bad;
}

int bh_dns_record(struct bh_dns_msg *m, struct bh_dns_record *ret)
{
	ret->name = m->at;
	if (bh_dns_name(m->all, &m->at, NULL, 0))
		return 1;
	ret->type = bh_be16(&m->at);
	bh_skip(&m->at, 2);
	ret->ttl_s = bh_be32(&m->at);
	ret->len = bh_be16(&m->at);
	ret->data = bh_take(&m->at, ret->len);
	return m->at.bad;
}

bool bh_dns_address(const struct bh_dns_record *r, struct bh_addr *ret)
{
	if (r->type == BH_DNS_A && r->len == 4)
		*ret = bh_addr_v4(r->data);
	else if (r->type == BH_DNS_AAAA && r->len == 16)
		*ret = bh_addr_v6(r->data);
	else
		return false;
	return true;
}

int bh_dns_addresses(struct bh_dns_msg *m, unsigned records, struct bh_dns_found found[BH_DNS_FOUND], unsigned *io_n)
{
	for (unsigned i = 0; i < records && i < BH_DNS_RECORDS; i++) {
		struct bh_dns_found *f = &found[*io_n];
		struct bh_dns_record r;

		if (bh_dns_record(m, &r))
			return 1;
		if (*io_n == BH_DNS_FOUND || !bh_dns_address(&r, &f->addr))
			continue;
		if (bh_dns_name(m->all, &r.name, f->name, sizeof f->name))
			return 1;
		f->type = r.type;
		f->ttl_s = r.ttl_s;
		++*io_n;
	}
	return 0;
}
