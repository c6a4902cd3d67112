/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte picks the link type and whether the capture cut the frame; the rest is the frame.
 */
#include <stdlib.h>

#include <bulkhead/decode.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = {BH_LINK_ETHERNET, BH_LINK_NULL, BH_LINK_RAW, BH_LINK_LOOP,
		BH_LINK_SLL, BH_LINK_RAW4, BH_LINK_RAW6, BH_LINK_SLL2};
	struct bh_packet p;
	uint32_t n;

	if (size < 1 || size > 70000)
		return 0;
	n = (uint32_t)size - 1;
	bh_decode(&(struct bh_decode_in){.data = data + 1,
			  .caplen = n,
			  .wirelen = n + (data[0] & 8 ? 2000u : 0),
			  .link = links[data[0] & 7],
			  .vlan = data[0] >> 4},
		&p);
	/* what later stages rely on */
	if (p.bad >= BH_BAD_COUNT || p.depth > BH_TUNNEL_MAX || p.payload_len > p.payload_wire ||
		p.what > BH_WHAT_ICMP)
		abort();
	if (p.payload && (p.payload < data + 1 || p.payload + p.payload_len > data + size))
		abort();
	if (p.l3 && (p.l3 < data + 1 || p.l3 + p.l3_len > data + size))
		abort();
	if (p.what >= BH_WHAT_TCP && (!p.l3 || (p.payload_len && !p.payload)))
		abort();
	if (p.what == BH_WHAT_LINK && (!p.payload || p.l3))
		abort();
	(void)bh_decode_shard(&p);
	return 0;
}
