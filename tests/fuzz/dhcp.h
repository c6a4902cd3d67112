/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any payload for the dissector named by DISSECTOR, from a server's PORT to a client's; a fact must survive its own text, and stay in its bounds. */
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
	if (ev->u.dhcp.type > LAST_TYPE || ev->u.dhcp.n_opts > BH_DHCP_OPTS)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_packet k = {.what = BH_WHAT_UDP,
		.payload = data,
		.payload_len = (uint32_t)size,
		.src = ADDR,
		.dst = ADDR,
		.mac_src = {{2, 0, 0, 0, 0, 1}},
		.sport = SERVER,
		.dport = CLIENT};
	struct bh_event proto = {.proto = 17};
	struct bh_event_sink sink = {check, NULL};
	void *state = DISSECTOR.open(1);

	if (!state)
		return 0;
	k.flags = bh_addr_is4(&k.src) ? 0 : BH_PKT_IPV6;
	DISSECTOR.packet(state, &(struct bh_dissect_in){.pkt = &k, .payload = data, .len = (uint32_t)size, .proto = &proto}, &sink);
	DISSECTOR.close(state);
	return 0;
}
