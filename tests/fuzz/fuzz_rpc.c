/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A series of segments. Each starts with four bytes: what (bit 0 direction, bits 1-2 connection, bit 3 the flow ends, bit 4
 * joined late), a signed distance from the expected sequence number in units of 16, and a length, low byte first. A fact must
 * survive its own text.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_rpc;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) || memcmp(&back, ev, sizeof back))
		abort();
}

static void segment(void *state, unsigned what, uint32_t seq, const uint8_t *p, uint32_t n)
{
	static const uint8_t a[4] = {10, 0, 0, 1}, b[4] = {10, 0, 0, 2};
	struct bh_event_sink sink = {check, NULL};
	uint32_t conn = what >> 1 & 3;
	struct bh_event proto = {.proto = 6, .src = bh_addr_v4(a), .dst = bh_addr_v4(b), .sport = 50000, .dport = conn ? 49154 : 135,
		.flow_id = conn + 1};
	struct bh_packet k = {.what = BH_WHAT_TCP, .payload = p, .payload_len = n, .tcp = {.seq = seq}, .payload_wire = n};

	(void)bh_dissector_rpc.wants(&k, 0);
	bh_dissector_rpc.packet(state, &(struct bh_dissect_in){.pkt = &k, .pkt_no = 1, .flow_id = conn + 1, .flow_slot = conn,
		.dir = what & 1, .flags = what & 16 ? 0 : BH_EVF_TWOWAY, .payload = p, .len = n, .proto = &proto}, &sink);
	if (what & 8)
		bh_dissector_rpc.flow_end(state, conn, conn + 1, &sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void *state; /* opened once: its tables are large; every run ends its flows */
	struct bh_event_sink sink = {check, NULL};
	struct bh_bytes b = bh_bytes(data, size);
	uint32_t next[8] = {0};

	if (!state)
		state = bh_dissector_rpc.open(1);
	if (!state)
		return 0;
	while (b.left >= 4) {
		unsigned what = bh_u8(&b), slot = what & 7;
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
		segment(state, what, next[slot] + (uint32_t)off, copy, n);
		if (off >= 0)
			next[slot] += (uint32_t)off + n;
		free(copy);
	}
	for (uint32_t conn = 0; conn < 4; conn++)
		bh_dissector_rpc.flow_end(state, conn, conn + 1, &sink);
	return 0;
}
