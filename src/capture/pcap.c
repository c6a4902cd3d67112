/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classic format: a 16-byte header before each frame. */
#include "internal.h"

static uint32_t get(const struct file *f, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return f->big ? __builtin_bswap32(v) : v;
}

enum step bh_capture_pcap_step(struct file *f, struct bh_frame *ret, size_t *ret_need)
{
	const uint8_t *h = window(f);
	uint32_t caplen;

	if (window_len(f) < 16) {
		*ret_need = 16;
		/* an input that ends exactly here ends well */
		if (window_len(f) == 0)
			*ret_need = 1;
		return STEP_WINDOW;
	}
	caplen = get(f, h + 8);
	if (caplen > FRAME_MAX) {
		bh_capture_end(f, BH_SRC_DAMAGED,
			"%s: packet %llu claims %u bytes; the %llu before it were read", f->name,
			(unsigned long long)f->st.frames + 1, caplen,
			(unsigned long long)f->st.frames);
		return STEP_END;
	}
	if (window_len(f) < 16 + (size_t)caplen) {
		*ret_need = 16 + (size_t)caplen;
		return STEP_WINDOW;
	}
	ret->at = BH_SEC(get(f, h)) + (bh_ns)get(f, h + 4) * (f->nano ? 1 : 1000);
	ret->caplen = caplen;
	ret->wirelen = get(f, h + 12) > caplen ? get(f, h + 12) : caplen;
	ret->data = h + 16;
	ret->link = f->link;
	ret->vlan = 0;
	ret->ifindex = 0;
	ret->flags = 0;
	f->from += 16 + (size_t)caplen;
	__builtin_prefetch(h + 16 + caplen + 512);
	return STEP_FRAME;
}
