/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DCE/RPC messages by hand. */
#ifndef BULKHEAD_TESTS_RPC_SAY_H
#define BULKHEAD_TESTS_RPC_SAY_H

#include <stdio.h>
#include <stdlib.h>

#include <bulkhead/event.h>

#define SVCCTL "367abb81-9844-35f1-ad32-98f038001003"
#define EPMAPPER "e1af8308-5d1f-11c9-91a4-08002b14a0fa"
#define EXPORTER "99fcfec4-5260-101b-bbcb-00aa0021347a"
#define DRSUAPI "e3514235-4b06-11d1-ab04-00c04fc2dcd2"
#define NETLOGON "12345678-1234-abcd-ef00-01234567cffb"
#define IDISPATCH "00020400-0000-0000-c000-000000000046"
#define NDR "8a885d04-1ceb-11c9-9fe8-08002b104860"

struct pdu {
	uint8_t b[8192];
	size_t n, token; /* token: where the verifier's begins */
	bool big;
};

static inline void p_int(struct pdu *p, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p->b[p->n++] = (uint8_t)(v >> 8 * (p->big ? bytes - 1 - i : i));
}

static inline void p_raw(struct pdu *p, const void *from, size_t n)
{
	memcpy(p->b + p->n, from, n);
	p->n += n;
}

static inline void p_pad(struct pdu *p, unsigned to)
{
	while (p->n % to)
		p->b[p->n++] = 0;
}

static inline void p_uuid(struct pdu *p, const char *text, unsigned version)
{
	struct bh_uuid u;

	if (bh_uuid_parse(text, 36, &u))
		abort();
	p_int(p, 4, (uint32_t)u.b[0] << 24 | (uint32_t)u.b[1] << 16 | (uint32_t)u.b[2] << 8 | u.b[3]);
	p_int(p, 2, (uint32_t)u.b[4] << 8 | u.b[5]);
	p_int(p, 2, (uint32_t)u.b[6] << 8 | u.b[7]);
	p_raw(p, u.b + 8, 8);
	p_int(p, 4, version);
}

static inline struct pdu pdu(unsigned type, unsigned flags, uint32_t call)
{
	struct pdu p = {.n = 0};

	p_raw(&p, "\5\0", 2);
	p_int(&p, 1, type);
	p_int(&p, 1, flags);
	p_raw(&p, "\x10\0\0\0", 4);
	p_int(&p, 4, 0);
	p_int(&p, 4, call);
	return p;
}

static inline struct pdu p_end(struct pdu p)
{
	size_t n = p.n, auth = p.token ? n - p.token : 0;

	p.n = 8;
	p_int(&p, 2, n);
	p_int(&p, 2, auth);
	p.n = n;
	return p;
}

static inline void p_auth(struct pdu *p, unsigned level, const void *token, size_t n)
{
	size_t pad = p->n;

	p_pad(p, 4);
	pad = p->n - pad;
	p_int(p, 1, 10);
	p_int(p, 1, level);
	p_int(p, 1, pad);
	p_int(p, 1, 0);
	p_int(p, 4, 0);
	p->token = p->n;
	p_raw(p, token, n);
}

/* a bind of one interface, context 0, as NDR */
static inline struct pdu p_bind(unsigned type, uint32_t call, unsigned context, const char *uuid)
{
	struct pdu p = pdu(type, 3, call);

	p_int(&p, 2, 4280);
	p_int(&p, 2, 4280);
	p_int(&p, 4, 0);
	p_int(&p, 4, 1);
	p_int(&p, 2, context);
	p_int(&p, 2, 1);
	p_uuid(&p, uuid, 1);
	p_uuid(&p, NDR, 2);
	return p;
}

static inline struct pdu p_bind_ack(unsigned type, uint32_t call, const uint16_t *results, unsigned n)
{
	struct pdu p = pdu(type, 3, call);

	p_int(&p, 2, 4280);
	p_int(&p, 2, 4280);
	p_int(&p, 4, 99);
	p_int(&p, 2, 6);
	p_raw(&p, "49154", 6);
	p_pad(&p, 4);
	p_int(&p, 4, n);
	for (unsigned i = 0; i < n; i++) {
		p_int(&p, 2, results[2 * i]);
		p_int(&p, 2, results[2 * i + 1]);
		p_uuid(&p, NDR, 2);
	}
	return p;
}

static inline struct pdu p_request(uint32_t call, unsigned context, unsigned opnum, const char *object)
{
	struct pdu p = pdu(0, object ? 0x83 : 3, call);

	p_int(&p, 4, 0);
	p_int(&p, 2, context);
	p_int(&p, 2, opnum);
	if (object) {
		p_uuid(&p, object, 0);
		p.n -= 4;
	}
	return p;
}

static inline struct pdu p_response(uint32_t call, unsigned context)
{
	struct pdu p = pdu(2, 3, call);

	p_int(&p, 4, 0);
	p_int(&p, 2, context);
	p_int(&p, 2, 0);
	return p;
}

static inline struct pdu p_fault(uint32_t call, unsigned context, uint32_t status)
{
	struct pdu p = pdu(3, 3, call);

	p_int(&p, 4, 32);
	p_int(&p, 2, context);
	p_int(&p, 2, 0);
	p_int(&p, 4, status);
	p_int(&p, 4, 0);
	return p_end(p);
}

/* a conformant and varying string with its NUL */
static inline void p_string(struct pdu *p, const char *s)
{
	size_t n = strlen(s) + 1;

	p_pad(p, 4);
	p_int(p, 4, n);
	p_int(p, 4, 0);
	p_int(p, 4, n);
	for (size_t i = 0; i < n; i++)
		p_int(p, 2, (uint8_t)s[i]);
	p_pad(p, 4);
}

/* five floors: interface, NDR, connections, TCP, IP */
static inline void p_tower(struct pdu *p, const char *uuid, unsigned port, const char addr[4])
{
	p_int(p, 4, 75);
	p_int(p, 4, 75);
	p_int(p, 2, 5);
	for (unsigned i = 0; i < 2; i++) {
		p_int(p, 2, 19);
		p_int(p, 1, 13);
		p_uuid(p, i ? NDR : uuid, 1);
		p->n -= 2;
		p_int(p, 2, 2);
		p_int(p, 2, 0);
	}
	p_raw(p, "\1\0\x0b\2\0\0\0", 7);
	p_raw(p, "\1\0\7\2\0", 5);
	p_int(p, 1, port >> 8);
	p_int(p, 1, port & 255);
	p_raw(p, "\1\0\x09\4\0", 5);
	p_raw(p, addr, 4);
	p_pad(p, 4);
}

/* NTLMSSP type 2 or 3 */
static inline size_t ntlm(uint8_t *out, unsigned type, const char *user)
{
	static const char *const ws = "PC1";
	size_t u = strlen(user), n = 88;

	memset(out, 0, 512);
	memcpy(out, "NTLMSSP", 8);
	out[8] = (uint8_t)type;
	if (type == 2) {
		memcpy(out + 24, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
		return 56;
	}
	out[20] = out[22] = 32; /* response */
	out[24] = (uint8_t)n;
	memset(out + n, 0x5a, 32);
	n += 32;
	out[36] = out[38] = (uint8_t)(2 * u);
	out[40] = (uint8_t)n;
	for (size_t i = 0; i < u; i++, n += 2)
		out[n] = (uint8_t)user[i];
	out[44] = out[46] = 6;
	out[48] = (uint8_t)n;
	for (size_t i = 0; i < 3; i++, n += 2)
		out[n] = (uint8_t)ws[i];
	out[60] = 1;
	return n;
}

#endif
