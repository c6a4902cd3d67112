/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A series of packets for one dissector, named by DISSECTOR with its server's PORT. Each starts with four bytes: what (bit 0
 * direction, bits 1-2 connection, bit 3 the flow ends, bit 4 the capture cut it, bit 5 three seconds pass, bit 6 UDP, bit 7 the
 * server opened the flow), a signed distance from the expected sequence number in units of 16, and a length, low byte first.
 * A fact must survive its own text.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

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

static void packet(void *state, unsigned what, bh_ns at, uint32_t seq, const uint8_t *p, uint32_t n)
{
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};
	struct bh_event_sink sink = {check, NULL};
	bool udp = what & 64, other = what & 128;
	struct bh_event proto = {.proto = udp ? 17 : 6, .src = bh_addr_v4(a), .dst = bh_addr_v4(b), .at = at, .sport = other ? PORT : 50000,
		.dport = other ? 50000 : PORT};
	uint32_t conn = what >> 1 & 3;
	struct bh_packet k = {.what = udp ? BH_WHAT_UDP : BH_WHAT_TCP, .payload = p, .payload_len = n, .at = at, .sport = proto.sport,
		.dport = proto.dport, .payload_wire = n + (what & 16 ? 100 : 0)};

	if (!udp)
		k.tcp.seq = seq;
	proto.flow_id = conn + 1;
	DISSECTOR.wants(&k, 0);
	DISSECTOR.packet(state,
		&(struct bh_dissect_in){.pkt = &k, .pkt_no = 1, .at = at, .flow_id = conn + 1, .flow_slot = conn, .dir = what & 1, .payload = p,
			.len = n, .proto = &proto, .flags = BH_EVF_TWOWAY},
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
		uint32_t n = bh_le16(&b);
		uint8_t *copy;

		if (n > b.left)
			n = (uint32_t)b.left;
		copy = malloc(n + 1);
		if (!copy)
			break;
		memcpy(copy, b.p, n);
		bh_skip(&b, n);
		at += what & 32 ? BH_SEC(3) : BH_MS(10);
		packet(state, what, at, next[slot] + (uint32_t)off, copy, n);
		if (off >= 0)
			next[slot] += (uint32_t)off + n + (what & 16 ? 100 : 0);
		free(copy);
	}
	for (uint32_t conn = 0; DISSECTOR.flow_end && conn < 4; conn++)
		DISSECTOR.flow_end(state, conn, conn + 1, &sink);
	return 0;
}
