/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ber.h"

/* 0, or 1: tags of several bytes, indefinite lengths and lengths of more than 4 bytes are nothing we read */
static int head(struct bh_bytes *b, uint8_t *ret_tag, uint32_t *ret_len)
{
	uint8_t tag = bh_u8(b), first = bh_u8(b);
	uint32_t len = first;

	if (b->bad || (tag & 0x1f) == 0x1f || first == 0x80 || first > 0x84)
		return 1;
	if (first > 0x80)
		for (len = 0; first > 0x80; first--)
			len = len << 8 | bh_u8(b);
	if (b->bad)
		return 1;
	*ret_tag = tag;
	*ret_len = len;
	return 0;
}

int bh_ber_next(struct bh_bytes *io_b, struct bh_ber *ret_ber)
{
	struct bh_bytes b = *io_b;
	struct bh_ber e;
	size_t n;

	if (!b.left || head(&b, &e.tag, &e.len))
		return 1;
	n = e.len < b.left ? e.len : b.left;
	e.in = bh_bytes(b.p, n);
	bh_skip(&b, n);
	*io_b = b;
	*ret_ber = e;
	return 0;
}

int bh_ber_only(const struct bh_ber *e, uint8_t tag, struct bh_ber *ret_ber)
{
	struct bh_bytes b = e->in;
	struct bh_ber r;

	if (bh_ber_next(&b, &r) || r.tag != tag)
		return 1;
	*ret_ber = r;
	return 0;
}

uint32_t bh_ber_total(const uint8_t *p, size_t n)
{
	struct bh_bytes b = bh_bytes(p, n);
	uint32_t len, used;
	uint8_t tag;

	if (head(&b, &tag, &len))
		return 0;
	used = (uint32_t)(n - b.left);
	return len > UINT32_MAX - used ? 0 : len + used;
}

int64_t bh_ber_int(const struct bh_ber *e)
{
	struct bh_bytes b = e->in;
	uint64_t v;

	if (!e->len || e->len > 8 || e->in.left < e->len)
		return 0;
	v = *b.p & 0x80 ? UINT64_MAX : 0;
	while (b.left)
		v = v << 8 | bh_u8(&b);
	return (int64_t)v;
}

void bh_ber_text(const struct bh_ber *e, char *out, size_t size)
{
	size_t n = e->in.left < size - 1 ? e->in.left : size - 1;

	memset(out, 0, size);
	for (size_t i = 0; i < n; i++)
		out[i] = e->in.p[i] ? (char)e->in.p[i] : '?';
}
