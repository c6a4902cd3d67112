/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A frame is written from front to back: Ethernet, IP, UDP with their lengths left open, the question, then lengths and checksums are
 * put in. An answer to mDNS comes to the asker alone when the question does not come from port 5353, so none does.
 */
#include <string.h>
#include <sodium/crypto_shorthash.h>
#include "daemon/ask.h"

#define ETH 14u
#define UDP 8u

struct out {
	uint8_t *p;
	size_t n, ip; /* ip: length of its header */
};

static void put(struct out *o, const void *p, size_t n)
{
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void zero(struct out *o, size_t n)
{
	memset(o->p + o->n, 0, n);
	o->n += n;
}

static void put8(struct out *o, unsigned v)
{
	o->p[o->n++] = (uint8_t)v;
}

static void put16(struct out *o, unsigned v)
{
	put8(o, v >> 8);
	put8(o, v & 255);
}

static void set16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- names ---- */
static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aeio";

void bh_ask_name(const uint8_t key[16], uint64_t n, char ret_name[BH_ASK_NAME])
{
	uint32_t half[2] = {(uint32_t)(n >> 18) & 0x3ffff, (uint32_t)n & 0x3ffff};

	/* four rounds of a Feistel network: one to one, whatever the rounds do */
	for (uint32_t round = 0; round < 4; round++) {
		uint32_t in[2] = {round, half[1]}, old = half[0];
		uint64_t mixed;

		crypto_shorthash((unsigned char *)&mixed, (const unsigned char *)in, sizeof in, key);
		half[0] = half[1];
		half[1] = old ^ (uint32_t)(mixed & 0x3ffff);
	}
	for (unsigned i = 0; i < 6; i++) {
		uint32_t six = half[i / 3] >> (i % 3) * 6 & 63;

		ret_name[2 * i] = consonants[six >> 2];
		ret_name[2 * i + 1] = vowels[six & 3];
	}
	ret_name[BH_ASK_NAME - 1] = '\0';
}

bool bh_ask_is_name(const char *name, size_t max)
{
	if (strnlen(name, max) != BH_ASK_NAME - 1)
		return false;
	for (unsigned i = 0; i < BH_ASK_NAME - 1; i++)
		if (!strchr(i & 1 ? vowels : consonants, name[i]))
			return false;
	return true;
}

/* ---- envelopes ---- */
static struct out four(uint8_t *frame, const struct bh_mac *from, const struct bh_mac *to, const uint8_t src[4], const uint8_t dst[4], unsigned ttl, unsigned id)
{
	struct out o = {.p = frame, .ip = 20};

	put(&o, to->b, 6);
	put(&o, from->b, 6);
	put16(&o, 0x0800);
	put16(&o, 0x4500);
	put16(&o, 0); /* length */
	put16(&o, id);
	put16(&o, 0);
	put8(&o, ttl);
	put8(&o, 17);
	put16(&o, 0); /* checksum */
	put(&o, src, 4);
	put(&o, dst, 4);
	return o;
}

static struct out six(uint8_t *frame, const struct bh_mac *from, const struct bh_mac *to, const struct bh_addr *src, const uint8_t dst[16], unsigned hops)
{
	struct out o = {.p = frame, .ip = 40};

	put(&o, to->b, 6);
	put(&o, from->b, 6);
	put16(&o, 0x86dd);
	put16(&o, 0x6000);
	put16(&o, 0);
	put16(&o, 0); /* length */
	put8(&o, 17);
	put8(&o, hops);
	put(&o, src->b, 16);
	put(&o, dst, 16);
	return o;
}

static void udp(struct out *o, unsigned sport, unsigned dport)
{
	put16(o, sport);
	put16(o, dport);
	put16(o, 0);
	put16(o, 0);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
	uint32_t s = 0;

	for (size_t i = 0; i < n; i++)
		s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return s;
}

static unsigned fold(uint32_t s)
{
	s = (s & 0xffff) + (s >> 16);
	s += s >> 16;
	return ~s & 0xffff;
}

static size_t finish(struct out *o)
{
	uint8_t *ip = o->p + ETH, *u = ip + o->ip;
	size_t len = o->n - ETH - o->ip, ends = o->ip == 20 ? 8 : 32; /* both addresses end the header */
	unsigned check;

	set16(u + 4, (unsigned)len);
	check = fold(sum(u, len) + sum(ip + o->ip - ends, ends) + 17 + (uint32_t)len);
	set16(u + 6, check ? check : 0xffff);
	if (o->ip == 20) {
		set16(ip + 2, (unsigned)(len + 20));
		set16(ip + 10, fold(sum(ip, 20)));
	} else {
		set16(ip + 4, (unsigned)len);
	}
	return o->n;
}

/* ---- questions ---- */
static void header(struct out *o, unsigned id, unsigned flags)
{
	put16(o, id);
	put16(o, flags);
	put16(o, 1);
	zero(o, 6);
}

static void label(struct out *o, const char *l)
{
	size_t n = strnlen(l, 63);

	put8(o, (unsigned)n);
	put(o, l, n);
}

static void of_type(struct out *o, unsigned type)
{
	put8(o, 0); /* the root */
	put16(o, type);
	put16(o, 1);
}

size_t bh_ask_llmnr(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME])
{
	static const struct bh_mac to4 = {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfc}}, to6 = {{0x33, 0x33, 0x00, 0x01, 0x00, 0x03}};
	static const uint8_t group4[4] = {224, 0, 0, 252}, group6[16] = {0xff, 0x02, [13] = 0x01, [15] = 0x03};
	struct out o;

	if (!bh_addr_none(&a->v4))
		o = four(ret_frame, &a->mac, &to4, a->v4.b + 12, group4, 1, id);
	else if (!bh_addr_none(&a->v6))
		o = six(ret_frame, &a->mac, &to6, &a->v6, group6, 1);
	else
		return 0;
	udp(&o, port, 5355);
	header(&o, id, 0);
	label(&o, name);
	of_type(&o, 1);
	return finish(&o);
}

size_t bh_ask_mdns(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME])
{
	static const struct bh_mac to = {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}};
	static const uint8_t group[4] = {224, 0, 0, 251};
	struct out o;

	if (bh_addr_none(&a->v4))
		return 0;
	o = four(ret_frame, &a->mac, &to, a->v4.b + 12, group, 255, id);
	udp(&o, port, 5353);
	header(&o, id, 0);
	label(&o, name);
	label(&o, "local");
	of_type(&o, 1);
	return finish(&o);
}

/* 15 letters in capitals and what the name is for, a file server's; each half byte is a letter from A on */
size_t bh_ask_nbns(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME])
{
	static const struct bh_mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	size_t n = strnlen(name, 15);
	struct out o;

	if (bh_addr_none(&a->v4) || bh_addr_none(&a->broadcast))
		return 0;
	o = four(ret_frame, &a->mac, &all, a->v4.b + 12, a->broadcast.b + 12, 64, id);
	udp(&o, port, 137);
	header(&o, id, 0x0110); /* to all, recursion desired */
	put8(&o, 32);
	for (size_t i = 0; i < 16; i++) {
		unsigned c = i == 15 ? 0x20 : i >= n ? ' ' : name[i] >= 'a' && name[i] <= 'z' ? (unsigned)name[i] - 32 : (uint8_t)name[i];

		put8(&o, 'A' + (c >> 4));
		put8(&o, 'A' + (c & 15));
	}
	of_type(&o, 32);
	return finish(&o);
}

size_t bh_ask_dhcp(const struct bh_asker *a, uint32_t xid, uint8_t ret_frame[BH_ASK_FRAME])
{
	/* a DISCOVER; what a rogue server likes to set is asked for: routes, proxy, resolver */
	static const uint8_t options[] = {99, 130, 83, 99, 53, 1, 1, 55, 8, 1, 3, 6, 15, 51, 121, 249, 252, 255};
	static const struct bh_mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	static const uint8_t none[4] = {0}, every[4] = {255, 255, 255, 255};
	struct out o = four(ret_frame, &a->mac, &all, none, every, 64, xid & 0xffff);

	udp(&o, 68, 67);
	put8(&o, 1); /* BOOTREQUEST, Ethernet, 6 bytes, no hops */
	put8(&o, 1);
	put8(&o, 6);
	put8(&o, 0);
	put16(&o, xid >> 16);
	put16(&o, xid & 0xffff);
	zero(&o, 20); /* since now; answers to this card, not to all; no address of ours, none of theirs */
	put(&o, a->mac.b, 6);
	zero(&o, 10 + 64 + 128);
	put(&o, options, sizeof options);
	zero(&o, BH_ASK_FRAME - o.n); /* 300 bytes at least, as BOOTP had it */
	return finish(&o);
}
