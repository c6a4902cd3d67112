/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One datagram for one dissector of names, named by DISSECTOR with its PORT. The first byte says how it came: bit 0 to a group, bit 1
 * from an ordinary port, bits 2-3 are added to the port. A fact must survive its own text, and no datagram makes more than nine.
 */
#include <stdlib.h>

#include <bulkhead/dissect.h>

#define FACTS_MAX 9 /* a question, and what it brings */

extern const struct bh_dissector DISSECTOR;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct bh_event *ev)
{
	unsigned *facts = ctx;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	if (bh_event_parse(line, bh_event_print(ev, line), &back, &e) || memcmp(&back, ev, sizeof back) || ++*facts > FACTS_MAX ||
		ev->kind != BH_EV_NAME || !ev->u.name.via || !ev->u.name.op)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t one[4] = {10, 0, 0, 1}, other[4] = {10, 0, 0, 2}, group[4] = {224, 0, 0, 251};
	uint8_t how = size ? data[0] : 0, *copy;
	uint16_t port = (uint16_t)(PORT + (how >> 2 & 3));
	unsigned facts = 0;
	struct bh_packet k = {.what = BH_WHAT_UDP, .src = bh_addr_v4(one), .dst = bh_addr_v4(how & 1 ? group : other),
		.sport = how & 2 ? 50000 : port, .dport = port, .ttl = 64};
	struct bh_event proto = {.proto = 17, .src = k.src, .dst = k.dst, .sport = k.sport, .dport = k.dport};
	struct bh_event_sink sink = {check, &facts};
	void *state;

	if (!size)
		return 0;
	state = DISSECTOR.open(1);
	copy = malloc(size);
	if (state && copy) {
		memcpy(copy, data + 1, size - 1);
		k.payload = copy;
		k.payload_len = (uint32_t)size - 1;
		DISSECTOR.wants(&k, 0);
		DISSECTOR.packet(state, &(struct bh_dissect_in){.pkt = &k, .payload = copy, .len = (uint32_t)size - 1, .proto = &proto}, &sink);
	}
	free(copy);
	if (state)
		DISSECTOR.close(state);
	return 0;
}
