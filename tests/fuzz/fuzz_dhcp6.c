/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any payload of port 546 and 547; a fact it gives must survive its own text. */
#include <stdlib.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_dhcp6;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) ||
		memcmp(&back, ev, sizeof back))
		abort();
	if (ev->u.dhcp.type > BH_DHCP6_INFO || ev->u.dhcp.n_opts > BH_DHCP_OPTS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t addr[16] = {0xfe, 0x80, [15] = 1};
	struct bh_packet k = {.what = BH_WHAT_UDP,
		.payload = data,
		.payload_len = (uint32_t)size,
		.src = bh_addr_v6(addr),
		.dst = bh_addr_v6(addr),
		.flags = BH_PKT_IPV6,
		.mac_src = {{2, 0, 0, 0, 0, 1}},
		.sport = 547,
		.dport = 546};
	struct bh_event proto = {.proto = 17};
	struct bh_event_sink sink = {check, NULL};
	void *state = bh_dissector_dhcp6.open(1);

	if (!state)
		return 0;
	bh_dissector_dhcp6.packet(state,
		&(struct bh_dissect_in){
			.pkt = &k, .payload = data, .len = (uint32_t)size, .proto = &proto},
		&sink);
	bh_dissector_dhcp6.close(state);
	return 0;
}
