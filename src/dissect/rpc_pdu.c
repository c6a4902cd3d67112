/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rpc_pdu.h"

#define TEXT_UNITS 64u /* of one string */

static uint16_t u16(struct bh_bytes *b, bool big)
{
	return big ? bh_be16(b) : bh_le16(b);
}

static uint32_t u32(struct bh_bytes *b, bool big)
{
	return big ? bh_be32(b) : bh_le32(b);
}

static struct bh_uuid uuid(struct bh_bytes *b, bool big)
{
	static const uint8_t order[8] = {3, 2, 1, 0, 5, 4, 7, 6};
	const uint8_t *p = bh_take(b, 16);
	struct bh_uuid u = {{0}};

	if (!p)
		return u;
	memcpy(u.b, p, 16);
	for (unsigned i = 0; i < 8 && !big; i++)
		u.b[i] = p[order[i]];
	return u;
}

bool bh_rpc_from_client(unsigned ptype)
{
	return ptype == BH_PT_REQUEST || ptype == BH_PT_BIND || ptype == BH_PT_ALTER || ptype == BH_PT_AUTH3 || ptype > 17;
}

uint32_t bh_rpc_length(const uint8_t *p, bool strict)
{
	struct bh_bytes b = bh_bytes(p + 8, 4);
	bool big = !(p[4] & 0x10);
	uint32_t len = u16(&b, big), auth = u16(&b, big);

	if (p[0] != 5 || p[1] > 1 || p[2] > BH_PT_LAST || (p[4] & 0xee) || p[5] > 3 || p[6] || p[7])
		return 0;
	if (len < BH_RPC_HEAD || (auth && auth + 8 + BH_RPC_HEAD > len))
		return 0;
	return strict && len > 16384 ? 0 : len;
}

/* takes the verifier off the end: level and token, as far as they are visible */
static void verifier(const uint8_t *p, size_t n, uint32_t len, uint32_t auth, struct bh_rpc_pdu *r, size_t *io_end)
{
	size_t at = len - auth - 8;
	uint8_t pad = 0;

	r->auth = true;
	if (at + 8 <= n) {
		r->level = p[at + 1];
		pad = p[at + 2];
		r->token = bh_bytes(p + at + 8, n - at - 8 < auth ? n - at - 8 : auth);
	}
	r->stub -= auth + 8;
	r->stub -= pad < r->stub ? pad : r->stub;
	if (at < *io_end)
		*io_end = at;
}

int bh_rpc_parse(const uint8_t *p, size_t n, struct bh_rpc_pdu *ret)
{
	struct bh_rpc_pdu r = {.body = {p, 0, false}, .token = {p, 0, false}};
	struct bh_bytes b;
	uint32_t len, auth;
	size_t end;

	if (n < BH_RPC_HEAD || !(len = bh_rpc_length(p, false)))
		return 1;
	if (n > len)
		n = len;
	r.type = p[2];
	r.flags = p[3];
	r.big = !(p[4] & 0x10);
	b = bh_bytes(p + 10, 6);
	auth = u16(&b, r.big);
	r.call = u32(&b, r.big);
	r.stub = len - BH_RPC_HEAD;
	end = n;
	if (auth)
		verifier(p, n, len, auth, &r, &end);
	b = bh_bytes(p + BH_RPC_HEAD, end - BH_RPC_HEAD);
	switch (r.type) {
	case BH_PT_REQUEST:
	case BH_PT_RESPONSE:
	case BH_PT_FAULT:
		r.hint = u32(&b, r.big);
		r.context = u16(&b, r.big);
		r.opnum = u16(&b, r.big);
		if (r.type == BH_PT_REQUEST && (r.flags & BH_PFC_OBJECT)) {
			const uint8_t *o = bh_take(&b, 16);

			r.object = o ? bh_hash(o, 16, 0) | 1 : 0;
			r.stub -= r.stub < 16 ? r.stub : 16;
		}
		if (r.type == BH_PT_FAULT)
			r.status = u32(&b, r.big);
		r.stub -= r.stub < 8 ? r.stub : 8;
		break;
	case BH_PT_BIND:
	case BH_PT_BIND_ACK:
	case BH_PT_ALTER:
	case BH_PT_ALTER_RESP:
		bh_skip(&b, 8);
		break;
	case BH_PT_BIND_NAK:
		r.status = u16(&b, r.big);
		break;
	}
	if (b.bad)
		return 1;
	r.body = b;
	*ret = r;
	return 0;
}

unsigned bh_rpc_binds(const struct bh_rpc_pdu *p, struct bh_rpc_binding ret[BH_RPC_BINDS])
{
	struct bh_bytes b = p->body;
	unsigned have = 0, n = bh_u8(&b);

	bh_skip(&b, 3);
	for (unsigned i = 0; i < n && have < BH_RPC_BINDS; i++) {
		struct bh_rpc_binding r = {.context = u16(&b, p->big)};
		unsigned syntaxes = bh_u8(&b);

		bh_skip(&b, 1);
		r.uuid = uuid(&b, p->big);
		bh_skip(&b, 4 + 20u * syntaxes);
		if (b.bad)
			break;
		ret[have++] = r;
	}
	return have;
}

unsigned bh_rpc_results(const struct bh_rpc_pdu *p, uint32_t ret[BH_RPC_BINDS])
{
	struct bh_bytes b = p->body;
	uint32_t addr = u16(&b, p->big);
	unsigned have = 0, n;

	bh_skip(&b, addr + (2 - addr % 4 + 4) % 4); /* the list stands at a multiple of 4 */
	n = bh_u8(&b);
	bh_skip(&b, 3);
	for (unsigned i = 0; i < n && have < BH_RPC_BINDS; i++) {
		uint32_t result = u16(&b, p->big), reason = u16(&b, p->big);

		bh_skip(&b, 20);
		if (b.bad)
			break;
		ret[have++] = result ? result << 16 | reason : 0;
	}
	return have;
}

/* ---- what answers hold ---- */

/* a tower: floors, each a left part that begins with its protocol, and a right part; little-endian always */
static bool tower(struct bh_bytes b, struct bh_rpc_map *ret)
{
	struct bh_rpc_map r = {.port = 0};
	unsigned floors = bh_le16(&b);

	for (unsigned i = 0; i < floors; i++) {
		struct bh_bytes left = bh_bytes(b.p, 0), right = left;
		uint16_t n = bh_le16(&b);
		const uint8_t *p = bh_take(&b, n);
		uint8_t protocol;

		if (p)
			left = bh_bytes(p, n);
		n = bh_le16(&b);
		p = bh_take(&b, n);
		if (p)
			right = bh_bytes(p, n);
		if (b.bad)
			return false;
		protocol = bh_u8(&left);
		if (i == 0)
			r.uuid = uuid(&left, false);
		else if (protocol == 0x07)
			r.port = bh_be16(&right);
		else if (protocol == 0x09 && right.left == 4)
			r.addr = bh_addr_v4(right.p);
	}
	if (bh_addr_unspecified(&r.addr))
		r.addr = (struct bh_addr){{0}};
	*ret = r;
	return r.port != 0;
}

unsigned bh_rpc_maps(struct bh_bytes stub, struct bh_rpc_map ret[BH_RPC_MAPS])
{
	unsigned have = 0;

	for (; stub.left >= 75 && have < BH_RPC_MAPS; bh_skip(&stub, 1)) {
		const uint8_t *p = stub.p;
		struct bh_rpc_map r;

		/* 3 to 6 floors, the first 19 bytes of a UUID with its version */
		if (p[0] < 3 || p[0] > 6 || p[1] || p[2] != 19 || p[3] || p[4] != 13 || !tower(stub, &r))
			continue;
		ret[have++] = r;
	}
	return have;
}

static bool string_binding(struct bh_bytes b, struct bh_rpc_map *ret)
{
	struct bh_rpc_map r = {.port = 0};
	char text[16];
	size_t n = 0;
	uint16_t u = 0;
	uint32_t port = 0;

	if (bh_le16(&b) != 7)
		return false;
	while (n < sizeof text && ((u = bh_le16(&b)) == '.' || (u >= '0' && u <= '9')))
		text[n++] = (char)u;
	if (b.bad || (u != 0 && u != '[') || bh_addr_parse(text, n, &r.addr))
		return false;
	while (u && (u = bh_le16(&b)) >= '0' && u <= '9' && port < 65536)
		port = port * 10 + (u - '0');
	r.port = port < 65536 ? (uint16_t)port : 0;
	*ret = r;
	return !bh_addr_unspecified(&r.addr);
}

unsigned bh_rpc_addrs(struct bh_bytes stub, struct bh_rpc_map ret[BH_RPC_ADDRS])
{
	unsigned have = 0;

	for (; stub.left >= 18 && have < BH_RPC_ADDRS; bh_skip(&stub, 2)) {
		struct bh_rpc_map r;
		unsigned i = 0;

		if (!string_binding(stub, &r))
			continue;
		while (i < have && !bh_addr_eq(&ret[i].addr, &r.addr))
			i++;
		if (i == have)
			ret[have++] = r;
	}
	return have;
}

/* ---- strings of the arguments ---- */

static bool plain(uint16_t u)
{
	return (u >= 0x20 && u < 0x7f) || (u >= 0xa0 && u < 0x530) || u == '\t' || u == '\r' || u == '\n';
}

/*
 * Counts as NDR and NDR64 write them: room, offset 0, characters; of an automation string: characters, bytes, characters.
 * Leaves b at the first character.
 */
static uint32_t counts(struct bh_bytes *b, bool big)
{
	uint32_t v[6];
	struct bh_bytes at = *b;

	for (unsigned i = 0; i < 3; i++)
		v[i] = u32(&at, big);
	if (!at.bad && v[2] >= 2 && v[0] < 65536 && (v[1] ? v[0] == v[2] && v[1] == 2 * v[2] : v[0] >= v[2])) {
		*b = at;
		return v[2];
	}
	for (unsigned i = 3; i < 6; i++)
		v[i] = u32(&at, big);
	if (at.bad || big || v[1] || v[2] || v[3] || v[5] || v[4] < 2 || v[0] < v[4] || v[0] > 65535)
		return 0;
	*b = at;
	return v[4];
}

/* A string at b: its characters up to the NUL. false = there is none. */
static bool string(struct bh_bytes *b, bool big, struct bh_bytes *ret)
{
	struct bh_bytes at = *b, look;
	uint32_t n = counts(&at, big), chars = 0, seen = 0;

	if (!n)
		return false;
	look = at;
	for (; chars < n && look.left >= 2; chars++) {
		uint16_t u = u16(&look, big);

		if (!u && chars + 1 == n)
			break;
		if (!plain(u))
			return false;
		seen += u > ' ';
	}
	if (chars < 2 || !seen)
		return false;
	*ret = bh_bytes(at.p, chars * 2);
	bh_skip(&at, at.left < 2 * (size_t)n ? at.left : 2 * (size_t)n);
	*b = at;
	return true;
}

static size_t put(char *out, size_t size, size_t n, uint16_t u)
{
	if (u < 0x20)
		u = ' ';
	if (n + (u < 0x80 ? 1 : 2) >= size)
		return n;
	if (u < 0x80) {
		out[n++] = (char)u;
	} else {
		out[n++] = (char)(0xc0 | u >> 6);
		out[n++] = (char)(0x80 | (u & 0x3f));
	}
	return n;
}

void bh_rpc_text(const struct bh_rpc_pdu *p, unsigned most, char *out, size_t size)
{
	struct bh_bytes b = p->body;
	const uint8_t *start = b.p;
	unsigned have = 0;
	size_t n = 0;

	memset(out, 0, size);
	while (b.left >= 16 && have < most) {
		struct bh_bytes s;

		const uint8_t *low = b.p + (p->big ? 2 : 0), *high = b.p + (p->big ? 0 : 2);

		/* most words begin none: in front of a string stands a length from 1 to 65535 */
		if (high[0] || high[1] || !(low[0] | low[1]) || !string(&b, p->big, &s)) {
			bh_skip(&b, 4);
			continue;
		}
		if (have++) {
			n = put(out, size, n, ',');
			n = put(out, size, n, ' ');
		}
		for (uint32_t i = 0; i < TEXT_UNITS && s.left >= 2; i++)
			n = put(out, size, n, u16(&s, p->big));
		bh_skip(&b, (size_t)(start - b.p) & 3); /* to the next multiple of 4 */
	}
}
