/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Community id, version 1, seed 0: SHA-1 over the ordered tuple, in base64. A tuple fits one SHA-1 block, so the padding is
 * laid down with it and one compression is all there is. nDPI has the same and takes three times the instructions, and orders
 * by address alone, so a talk with oneself had two ids there.
 */
#include <bulkhead/classify.h>

static uint32_t rol(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
}

#define CHOOSE(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define PARITY(b, c, d) ((b) ^ (c) ^ (d))
#define MAJORITY(b, c, d) (((b) & (c)) | ((d) & ((b) | (c))))
#define ROUND(a, b, c, d, e, f, k, w)                                                                                   \
	do {                                                                                                             \
		e += rol(a, 5) + f(b, c, d) + (k) + (w);                                                                  \
		b = rol(b, 30);                                                                                           \
	} while (0)
/* five rounds bring every variable back to its own place: nothing is moved */
#define TWENTY(from, f, k)                                                                                              \
	for (int i = from; i < from + 20; i += 5) {                                                                      \
		ROUND(a, b, c, d, e, f, k, w[i]);                                                                         \
		ROUND(e, a, b, c, d, f, k, w[i + 1]);                                                                     \
		ROUND(d, e, a, b, c, f, k, w[i + 2]);                                                                     \
		ROUND(c, d, e, a, b, f, k, w[i + 3]);                                                                     \
		ROUND(b, c, d, e, a, f, k, w[i + 4]);                                                                     \
	}

/* FIPS 180-4, 6.1.2: one block from the initial value */
static void sha1_block(const uint8_t block[64], uint8_t ret_digest[20])
{
	uint32_t a = 0x67452301, b = 0xefcdab89, c = 0x98badcfe, d = 0x10325476, e = 0xc3d2e1f0, w[80], h[5];

	for (int i = 0; i < 16; i++) {
		memcpy(&w[i], block + 4 * i, 4);
		w[i] = __builtin_bswap32(w[i]);
	}
	for (int i = 16; i < 80; i++)
		w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	TWENTY(0, CHOOSE, 0x5a827999)
	TWENTY(20, PARITY, 0x6ed9eba1)
	TWENTY(40, MAJORITY, 0x8f1bbcdc)
	TWENTY(60, PARITY, 0xca62c1d6)
	h[0] = a + 0x67452301;
	h[1] = b + 0xefcdab89;
	h[2] = c + 0x98badcfe;
	h[3] = d + 0x10325476;
	h[4] = e + 0xc3d2e1f0;
	for (int i = 0; i < 5; i++) {
		uint32_t v = __builtin_bswap32(h[i]);

		memcpy(ret_digest + 4 * i, &v, 4);
	}
}

/* 20 bytes make 27 characters and one '=' */
static void base64(const uint8_t in[20], char out[28])
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (int i = 0; i < 7; i++) {
		uint32_t v = (uint32_t)in[3 * i] << 16 | (uint32_t)in[3 * i + 1] << 8 | (i < 6 ? in[3 * i + 2] : 0);

		out[4 * i] = abc[v >> 18];
		out[4 * i + 1] = abc[v >> 12 & 63];
		out[4 * i + 2] = abc[v >> 6 & 63];
		out[4 * i + 3] = abc[v & 63];
	}
	out[27] = '=';
}

/* ICMP has no ports: its type, and the type that answers it or else the code. -1 = goes one way only. */
static int answer_of(uint8_t proto, unsigned type)
{
	static const uint8_t v4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}, {10, 9}};
	static const uint8_t v6[][2] = {{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}};
	const uint8_t(*pairs)[2] = proto == 1 ? v4 : v6;
	size_t n = proto == 1 ? BH_COUNT(v4) : BH_COUNT(v6);

	for (size_t i = 0; i < n; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return -1;
}

static bool first_is_less(const struct bh_addr *a, uint16_t aport, const struct bh_addr *b, uint16_t bport)
{
	int c = memcmp(a, b, sizeof *a);

	return c < 0 || (c == 0 && aport < bport);
}

static size_t put_addr(uint8_t *p, const struct bh_addr *a, bool v4)
{
	size_t n = v4 ? 4 : 16;

	memcpy(p, a->b + 16 - n, n);
	return n;
}

void bh_classify_community_id(struct bh_event *ev)
{
	bool v4 = bh_addr_is4(&ev->src) && bh_addr_is4(&ev->dst);
	bool icmp = ev->proto == 1 || ev->proto == 58, one_way = false;
	bool ports = icmp || ev->proto == 6 || ev->proto == 17 || ev->proto == 132;
	uint16_t sport = ev->sport, dport = ev->dport;
	uint8_t block[64] = {0}, digest[20];
	size_t n = 2; /* the seed: 0 */
	bool swap;

	if (icmp) {
		int answer = answer_of(ev->proto, ev->sport);

		one_way = answer < 0;
		dport = one_way ? ev->dport : (uint16_t)answer;
	}
	swap = !one_way && !first_is_less(&ev->src, sport, &ev->dst, dport);
	n += put_addr(block + n, swap ? &ev->dst : &ev->src, v4);
	n += put_addr(block + n, swap ? &ev->src : &ev->dst, v4);
	block[n] = ev->proto;
	n += 2;
	if (ports) {
		uint16_t lo = swap ? dport : sport, hi = swap ? sport : dport;

		block[n++] = (uint8_t)(lo >> 8);
		block[n++] = (uint8_t)lo;
		block[n++] = (uint8_t)(hi >> 8);
		block[n++] = (uint8_t)hi;
	}
	block[n] = 0x80;
	block[62] = (uint8_t)(n * 8 >> 8);
	block[63] = (uint8_t)(n * 8);
	sha1_block(block, digest);
	memset(ev->u.flow.community_id, 0, sizeof ev->u.flow.community_id);
	memcpy(ev->u.flow.community_id, "1:", 2);
	base64(digest, ev->u.flow.community_id + 2);
}
