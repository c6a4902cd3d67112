/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One conversation played to a dissector packet by packet. Every fact it gives must survive its own text. */
#ifndef BULKHEAD_TESTS_DISSECT_RIG_H
#define BULKHEAD_TESTS_DISSECT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <bulkhead/dissect.h>

#define RIG_EVENTS 64

struct rig {
	const struct bh_dissector *d;
	void *state;
	struct bh_event proto, ev[RIG_EVENTS];
	size_t n;
	uint32_t seq[2];
	bool udp, late, unwanted;
	bh_ns at; /* each packet is 10 ms later */
	uint64_t packets, counted;
	const char *counter;
};

static inline void rig_emit(void *ctx, const struct bh_event *ev)
{
	struct rig *r = ctx;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	assert_int_equal(bh_event_parse(line, bh_event_print(ev, line), &back, &e), 0);
	assert_memory_equal(&back, ev, sizeof back);
	assert_true(r->n < RIG_EVENTS);
	r->ev[r->n++] = *ev;
}

static inline struct rig *rig_open(const struct bh_dissector *d, uint16_t port, bool udp)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
	struct rig *r = calloc(1, sizeof *r);

	assert_non_null(r);
	r->d = d;
	r->udp = udp;
	r->state = d->open(1);
	assert_non_null(r->state);
	assert_true(d->memory_bytes(r->state) > 0);
	r->proto = (struct bh_event){.src = bh_addr_v4(client), .dst = bh_addr_v4(server), .sport = 50000, .dport = port,
		.proto = udp ? 17 : 6, .flow_id = 7, .ttl = 64};
	r->seq[0] = 1000;
	r->seq[1] = 0xfffffff0;
	r->at = BH_SEC(100);
	return r;
}

static inline void rig_end(struct rig *r)
{
	struct bh_event_sink sink = {rig_emit, r};

	r->d->flow_end(r->state, 1, r->proto.flow_id, &sink);
}

static inline void rig_close(struct rig *r)
{
	r->d->close(r->state);
	free(r);
}

/* dir 0 = from the initiator; the bytes are copied to exact size, so that a sanitizer sees a read past the end */
static inline void rig_say(struct rig *r, unsigned dir, const void *p, size_t n)
{
	struct bh_event_sink sink = {rig_emit, r};
	uint8_t *copy = malloc(n ? n : 1);
	struct bh_packet k = {.what = r->udp ? BH_WHAT_UDP : BH_WHAT_TCP, .payload = copy, .payload_len = (uint32_t)n, .payload_wire = (uint32_t)n,
		.sport = dir ? r->proto.dport : r->proto.sport, .dport = dir ? r->proto.sport : r->proto.dport,
		.src = dir ? r->proto.dst : r->proto.src, .dst = dir ? r->proto.src : r->proto.dst, .ttl = 64};

	memcpy(copy, p, n);
	if (!r->udp)
		k.tcp = (struct bh_packet_tcp){.seq = r->seq[dir], .ack = r->seq[!dir], .flags = BH_TCP_ACK};
	r->seq[dir] += (uint32_t)n;
	r->at += BH_MS(10);
	r->proto.at = k.at = r->at;
	r->proto.pkt = ++r->packets;
	if (!r->unwanted)
		assert_true(r->d->wants(&k, 0));
	r->d->packet(r->state,
		&(struct bh_dissect_in){.pkt = &k, .pkt_no = r->packets, .at = r->at, .flow_id = r->proto.flow_id, .flow_slot = 1, .dir = (uint8_t)dir,
			.flags = r->late ? 0 : BH_EVF_TWOWAY, .payload = copy, .len = (uint32_t)n, .proto = &r->proto},
		&sink);
	free(copy);
}

static inline void rig_text(struct rig *r, unsigned dir, const char *s)
{
	rig_say(r, dir, s, strlen(s));
}

static inline void rig_split(struct rig *r, unsigned dir, const void *p, size_t n, size_t step)
{
	for (size_t i = 0; i < n; i += step)
		rig_say(r, dir, (const uint8_t *)p + i, n - i < step ? n - i : step);
}

/* bytes that were on the wire and were not seen */
static inline void rig_lose(struct rig *r, unsigned dir, uint32_t n)
{
	r->seq[dir] += n;
}

static inline void rig_pick(void *ctx, const char *name, uint64_t v)
{
	struct rig *r = ctx;

	if (!strcmp(name, r->counter))
		r->counted = v;
}

static inline uint64_t rig_count(struct rig *r, const char *name)
{
	r->counter = name;
	r->counted = UINT64_MAX;
	r->d->counters(r->state, rig_pick, r);
	assert_true(r->counted != UINT64_MAX);
	return r->counted;
}

/* ---- BER from the outside in; every length takes two bytes ---- */
struct ber {
	uint8_t b[8192];
	size_t n;
};

static inline size_t ber_begin(struct ber *b, unsigned tag)
{
	b->b[b->n] = (uint8_t)tag;
	b->b[b->n + 1] = 0x82;
	b->n += 4;
	return b->n;
}

static inline void ber_end(struct ber *b, size_t at)
{
	b->b[at - 2] = (uint8_t)((b->n - at) >> 8);
	b->b[at - 1] = (uint8_t)(b->n - at);
}

static inline void ber_bytes(struct ber *b, unsigned tag, const void *p, size_t n)
{
	size_t m = ber_begin(b, tag);

	memcpy(b->b + b->n, p, n);
	b->n += n;
	ber_end(b, m);
}

static inline void ber_str(struct ber *b, unsigned tag, const char *s)
{
	ber_bytes(b, tag, s, strlen(s));
}

static inline void ber_num(struct ber *b, unsigned tag, unsigned v)
{
	uint8_t p[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	ber_bytes(b, tag, p, 2);
}

#endif
