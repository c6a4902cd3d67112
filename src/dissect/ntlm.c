/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "content.h"
#include "ntlm.h"

#define UNICODE 0x1u

struct field {
	uint32_t len, off;
};

static struct field field(struct bh_bytes *b)
{
	struct field f = {.len = bh_le16(b)};

	bh_skip(b, 2);
	f.off = bh_le32(b);
	return f;
}

static void text(const uint8_t *p, size_t n, struct field f, bool unicode, char *out, size_t size)
{
	memset(out, 0, size);
	if (f.off > n || f.len > n - f.off)
		return;
	if (unicode) {
		bh_content_utf16(p + f.off, f.len, out, size, false);
		return;
	}
	for (size_t i = 0; i < f.len && i + 1 < size; i++)
		out[i] = p[f.off + i] >= ' ' && p[f.off + i] < 127 ? (char)p[f.off + i] : '?';
}

static void authenticate(const uint8_t *p, size_t n, struct bh_ntlm *r)
{
	struct bh_bytes b = bh_bytes(p, n);
	struct field lm, nt, domain, user, ws;
	char name[2][48];
	uint32_t flags;

	bh_skip(&b, 12);
	lm = field(&b);
	nt = field(&b);
	domain = field(&b);
	user = field(&b);
	ws = field(&b);
	bh_skip(&b, 8);
	flags = bh_le32(&b);
	if (b.bad)
		return;
	text(p, n, domain, flags & UNICODE, name[0], 16);
	text(p, n, user, flags & UNICODE, name[1], sizeof name[1]);
	text(p, n, ws, flags & UNICODE, r->workstation, sizeof r->workstation);
	if (name[1][0]) {
		struct bh_text t = bh_text(r->user, sizeof r->user);

		bh_put(&t, name[0]);
		bh_put(&t, name[0][0] ? "\\" : "");
		bh_put(&t, name[1]);
	}
	if (nt.len < 16)
		nt = lm;
	r->old = nt.len == 24;
	if (nt.len >= 16 && nt.off <= n && n - nt.off >= 16)
		r->proof = bh_hash(p + nt.off, 16, 0) | 1;
}

int bh_ntlm_find(const uint8_t *p, size_t n, struct bh_ntlm *ret_ntlm)
{
	const uint8_t *at = n ? memmem(p, n, "NTLMSSP", 8) : NULL;
	struct bh_ntlm r = {0};
	struct bh_bytes b;

	if (!at)
		return 1;
	n -= (size_t)(at - p);
	b = bh_bytes(at, n);
	bh_skip(&b, 8);
	r.type = (uint8_t)bh_le32(&b);
	if (b.bad || r.type < 1 || r.type > 3)
		return 1;
	if (r.type == 2) {
		bh_skip(&b, 12);
		for (unsigned i = 0; i < 8; i++)
			r.challenge = r.challenge << 8 | bh_u8(&b);
		if (b.bad)
			return 1;
	}
	if (r.type == 3)
		authenticate(at, n, &r);
	*ret_ntlm = r;
	return 0;
}

int bh_ntlm_find64(const char *text64, size_t n, struct bh_ntlm *ret_ntlm)
{
	uint8_t raw[1536];
	size_t len = 0, bits = 0;
	uint32_t v = 0;

	if (n > 2048)
		n = 2048;
	for (size_t i = 0; i < n; i++) {
		char c = text64[i];
		int d = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 :
			c == '+' ? 62 : c == '/' ? 63 : -1;

		if (d < 0)
			break;
		v = v << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			raw[len++] = (uint8_t)(v >> bits);
		}
	}
	return bh_ntlm_find(raw, len, ret_ntlm);
}
