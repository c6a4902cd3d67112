/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any payload of port 67 and 68; a fact it gives must survive its own text. */
#include <stdlib.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_dhcp;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) ||
		memcmp(&back, ev, sizeof back))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t addr[4] = {10, 0, 0, 1};
	struct bh_packet k = {.what = BH_WHAT_UDP,
		.payload = data,
		.payload_len = (uint32_t)size,
		.src = bh_addr_v4(addr),
		.dst = bh_addr_v4(addr),
		.sport = 67,
		.dport = 68};
	struct bh_event proto = {.proto = 17};
	struct bh_event_sink sink = {check, NULL};
	void *state = bh_dissector_dhcp.open(1);

	if (!state)
		return 0;
	bh_dissector_dhcp.packet(state,
		&(struct bh_dissect_in){
			.pkt = &k, .payload = data, .len = (uint32_t)size, .proto = &proto},
		&sink);
	bh_dissector_dhcp.close(state);
	return 0;
}
