/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte picks LLDP or CDP and whether the capture cut it, the rest is the message; a fact it gives must survive its own text. */
#include <stdlib.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_link;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) || memcmp(&back, ev, sizeof back))
		abort();
	if (ev->u.link.via != BH_LINK_LLDP && ev->u.link.via != BH_LINK_CDP)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_event proto = {.vlan = 5};
	struct bh_event_sink sink = {check, NULL};
	struct bh_packet k = {.what = BH_WHAT_LINK};
	void *state = bh_dissector_link.open(1);

	if (state && size && size < 65536) {
		k.ethertype = data[0] & 1 ? BH_TYPE_CDP : BH_TYPE_LLDP;
		k.payload = data + 1;
		k.payload_len = (uint32_t)size - 1;
		k.payload_wire = k.payload_len + (data[0] & 2);
		bh_dissector_link.packet(state, &(struct bh_dissect_in){.pkt = &k, .proto = &proto}, &sink);
	}
	if (state)
		bh_dissector_link.close(state);
	return 0;
}
