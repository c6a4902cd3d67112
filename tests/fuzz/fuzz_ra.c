/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any ICMPv6 message (its first byte is the type) from a link-local address next door; a fact it gives must survive its own text. */
#include <stdlib.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_ra;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) || memcmp(&back, ev, sizeof back))
		abort();
	if (ev->u.ra.prefix_bits > 128 || ev->u.ra.op >= BH_RA_OPS || ++*(unsigned *)ctx > 8)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t head[40] = {0x60, 0, 0, 0, 0, 0, 58, 255, 0xfe, 0x80, [23] = 1, 0xff, 2, [39] = 1};
	uint8_t *packet = size <= 65535 ? malloc(sizeof head + size) : NULL;
	unsigned facts = 0;
	struct bh_event proto = {0};
	struct bh_event_sink sink = {check, &facts};
	void *state = bh_dissector_ra.open(1);
	struct bh_packet k;

	if (packet && state) {
		memcpy(packet, head, sizeof head);
		memcpy(packet + sizeof head, data, size);
		packet[4] = (uint8_t)(size >> 8), packet[5] = (uint8_t)size;
		bh_decode(&(struct bh_decode_in){.data = packet, .caplen = (uint32_t)(sizeof head + size), .wirelen = (uint32_t)(sizeof head + size),
				  .link = BH_LINK_RAW6},
			&k);
		if (bh_dissector_ra.wants(&k, 0))
			bh_dissector_ra.packet(state, &(struct bh_dissect_in){.pkt = &k, .proto = &proto}, &sink);
	}
	free(packet);
	if (state)
		bh_dissector_ra.close(state);
	return 0;
}
