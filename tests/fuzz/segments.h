/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A series of packets for one dissector, named by DISSECTOR with its server's PORT. Each starts with four bytes: what (bit 0
 * direction, bits 1-2 connection, bit 3 the flow ends, bit 4 the capture cut it, bit 5 three seconds pass - or, with LONG, the content
 * goes on with so many bytes of pattern -, bit 6 UDP - or, with TCP_ONLY, joined late -, bit 7 the server opened the flow), a signed
 * distance from the expected sequence number in units of 16, and a length, low byte first. All that came the other way is
 * acknowledged. A fact must survive its own text.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

#ifndef PORT_OF
#define PORT_OF(conn) PORT
#endif
#ifdef LONG
#define MORE(what) ((what) & 32 ? LONG : 0)
#define PASSES(what) BH_MS(10)
#else
#define MORE(what) 0
#define PASSES(what) ((what) & 32 ? BH_SEC(3) : BH_MS(10))
#endif

extern const struct bh_dissector DISSECTOR;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) || memcmp(&back, ev, sizeof back))
		abort();
}

static void packet(void *state, unsigned what, bh_ns at, uint32_t seq, uint32_t ack, const uint8_t *p, uint32_t n)
{
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};
	struct bh_event_sink sink = {check, NULL};
#ifdef TCP_ONLY
	bool udp = false, late = what & 64;
#else
	bool udp = what & 64, late = false;
#endif
	bool other = what & 128;
	uint32_t conn = what >> 1 & 3;
	struct bh_event proto = {.proto = udp ? 17 : 6, .src = bh_addr_v4(a), .dst = bh_addr_v4(b), .at = at, .sport = other ? PORT_OF(conn) : 50000,
		.dport = other ? 50000 : PORT_OF(conn)};
	struct bh_packet k = {.what = udp ? BH_WHAT_UDP : BH_WHAT_TCP, .payload = p, .payload_len = n, .at = at, .sport = proto.sport,
		.dport = proto.dport, .payload_wire = n + (what & 16 ? 100 : 0)};

	if (!udp)
		k.tcp = (struct bh_packet_tcp){.seq = seq, .ack = ack, .flags = BH_TCP_ACK};
	proto.flow_id = conn + 1;
	DISSECTOR.wants(&k, 0);
	DISSECTOR.packet(state,
		&(struct bh_dissect_in){.pkt = &k, .pkt_no = 1, .at = at, .flow_id = conn + 1, .flow_slot = conn, .dir = what & 1, .payload = p,
			.len = n, .proto = &proto, .flags = late ? 0 : BH_EVF_TWOWAY},
		&sink);
	if (what & 8 && DISSECTOR.flow_end)
		DISSECTOR.flow_end(state, conn, conn + 1, &sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *state; /* opened once: its tables are large; every run ends its flows */
	struct bh_event_sink sink = {check, NULL};
	struct bh_bytes b = bh_bytes(data, size);
	uint32_t next[8] = {0};
	bh_ns at = BH_SEC(1);

	if (!state)
		state = DISSECTOR.open(1);
	if (!state)
		return 0;
	while (b.left >= 4) {
		unsigned what = bh_u8(&b), slot = (what & 1) | (what >> 1 & 3) << 1;
		int32_t off = (int8_t)bh_u8(&b) * 16;
		uint32_t n = bh_le16(&b), more = MORE(what);
		uint8_t *copy;

		if (n > b.left)
			n = (uint32_t)b.left;
		copy = malloc(n + more ? n + more : 1);
		if (!copy)
			break;
		memcpy(copy, b.p, n);
		for (uint32_t i = 0; i < more; i++)
			copy[n + i] = (uint8_t)(i * i >> 5);
		bh_skip(&b, n);
		at += PASSES(what);
		packet(state, what, at, next[slot] + (uint32_t)off, next[slot ^ 1], copy, n + more);
		if (off >= 0)
			next[slot] += (uint32_t)off + n + more + (what & 16 ? 100 : 0);
		free(copy);
	}
	for (uint32_t conn = 0; DISSECTOR.flow_end && conn < 4; conn++)
		DISSECTOR.flow_end(state, conn, conn + 1, &sink);
	return 0;
}
