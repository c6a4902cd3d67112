/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames made by hand for tests: Ethernet and IPv4 between 10.0.x.y hosts named by a number. */
#ifndef BH_TESTS_FRAMES_H
#define BH_TESTS_FRAMES_H

#include <bulkhead/capture.h>

struct frames {
	uint8_t *bytes;
	struct bh_frame *f;
	size_t n, max;
};
#define FRAME_ROOM 256
static struct frames frames_new(size_t max)
{
	struct frames s = {
		.bytes = malloc(max * FRAME_ROOM), .f = malloc(max * sizeof *s.f), .max = max};

	assert_non_null(s.bytes);
	assert_non_null(s.f);
	return s;
}
static void frames_free(struct frames *s)
{
	free(s->bytes);
	free(s->f);
}
static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}
static uint8_t *ip_frame(
	struct frames *s, bh_ns at, unsigned src, unsigned dst, uint8_t proto, size_t l4)
{
	uint8_t *p = s->bytes + s->n * FRAME_ROOM;

	assert_true(s->n < s->max && 34 + l4 <= FRAME_ROOM);
	memset(p, 0, FRAME_ROOM);
	p[0] = p[6] = 2;
	put16(p + 4, dst), put16(p + 10, src), put16(p + 12, 0x800);
	p[14] = 0x45, p[22] = 64, p[23] = proto;
	put16(p + 16, (unsigned)(20 + l4));
	put32(p + 26, 0x0a000000u + src), put32(p + 30, 0x0a000000u + dst);
	s->f[s->n++] = (struct bh_frame){.data = p,
		.caplen = (uint32_t)(34 + l4),
		.wirelen = (uint32_t)(34 + l4),
		.at = at,
		.link = 1};
	return p + 34;
}
static void udp(struct frames *s, bh_ns at, unsigned src, unsigned sport, unsigned dst,
	unsigned dport, const char *data, size_t n)
{
	uint8_t *p = ip_frame(s, at, src, dst, 17, 8 + n);

	put16(p, sport), put16(p + 2, dport), put16(p + 4, (unsigned)(8 + n));
	memcpy(p + 8, data, n);
}
/* Returns where n bytes of payload go. */
static uint8_t *tcp_room(struct frames *s, bh_ns at, unsigned src, unsigned sport, unsigned dst,
	unsigned dport, uint8_t flags, uint32_t seq, uint32_t ack, size_t n)
{
	uint8_t *p = ip_frame(s, at, src, dst, 6, 20 + n);

	put16(p, sport), put16(p + 2, dport), put32(p + 4, seq), put32(p + 8, ack);
	p[12] = 0x50, p[13] = flags;
	return p + 20;
}
static void tcp(struct frames *s, bh_ns at, unsigned src, unsigned sport, unsigned dst,
	unsigned dport, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
	memcpy(tcp_room(s, at, src, sport, dst, dport, flags, seq, ack, strlen(data)), data, strlen(data));
}
/* an error from `by` about the UDP packet src:sport > dst:dport */
static void unreachable(struct frames *s, bh_ns at, unsigned by, unsigned src, unsigned sport,
	unsigned dst, unsigned dport)
{
	uint8_t *p = ip_frame(s, at, by, src, 1, 36);

	p[0] = 3, p[1] = 3;
	p[8] = 0x45, p[16] = 64, p[17] = 17;
	put16(p + 10, 28);
	put32(p + 20, 0x0a000000u + src), put32(p + 24, 0x0a000000u + dst);
	put16(p + 28, sport), put16(p + 30, dport), put16(p + 32, 8);
}

#endif
