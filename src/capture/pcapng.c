/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pcapng: a chain of blocks, each with its length at both ends. Sections may change byte order,
 * interfaces have their own link type and clock. Blocks that hold no packet are passed over.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define BLOCK_SHB 0x0a0d0d0au
#define BLOCK_IDB 1u
#define BLOCK_PB 2u /* obsolete form of a packet */
#define BLOCK_SPB 3u
#define BLOCK_EPB 6u
#define BLOCK_MAX (FRAME_MAX + 65536u) /* a packet block with its options */

static uint32_t u32(const struct file *f, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return f->big ? __builtin_bswap32(v) : v;
}
static uint16_t u16(const struct file *f, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return f->big ? __builtin_bswap16(v) : v;
}

static enum step damaged(struct file *f, const char *what)
{
	bh_capture_end(f, BH_SRC_DAMAGED,
		"%s: %s after packet %llu; the packets before it were read", f->name, what,
		(unsigned long long)f->st.frames);
	return STEP_END;
}

static bh_ns clock_ns(const struct ng_if *i, uint64_t ts)
{
	unsigned e = i->tsresol & 0x7f;
	uint64_t mul = 1, div = 1;
	bh_ns base = i->offset_s * 1000000000ull;

	if (i->tsresol & 0x80)
		return e > 63 ? base : base + (bh_ns)(((unsigned __int128)ts * 1000000000u) >> e);
	for (; e < 9; e++)
		mul *= 10;
	for (; e > 9 && div <= UINT64_MAX / 10; e--)
		div *= 10;
	return base + ts * mul / div;
}

static void if_options(struct file *f, struct bh_bytes b, struct ng_if *i)
{
	while (b.left >= 4) {
		const uint8_t *h = bh_take(&b, 4);
		uint16_t code = u16(f, h), len = u16(f, h + 2);
		const uint8_t *v = bh_take(&b, (len + 3u) & ~3u);

		if (!v || code == 0)
			return;
		if (code == 9 && len == 1)
			i->tsresol = v[0];
		else if (code == 14 && len == 8)
			i->offset_s = f->big ? (uint64_t)u32(f, v) << 32 | u32(f, v + 4)
					     : (uint64_t)u32(f, v + 4) << 32 | u32(f, v);
	}
}

static enum step interface(struct file *f, const uint8_t *body, size_t len)
{
	struct ng_if i = {.tsresol = 6};
	uint16_t raw;

	if (len < 8)
		return damaged(f, "an interface block is too short");
	if (f->n_ifs == IFS_MAX)
		return damaged(f, "a section describes more than 1024 interfaces");
	if (!f->ifs) {
		f->ifs = calloc(IFS_MAX, sizeof *f->ifs);
		if (!f->ifs) {
			bh_strcpy(f->src.text, sizeof f->src.text, "out of memory");
			f->ended = -ENOMEM;
			return STEP_END;
		}
	}
	raw = u16(f, body);
	i.known = bh_capture_link(raw, &i.link);
	if (!i.known)
		i.link = raw;
	if_options(f, bh_bytes(body + 8, len - 8), &i);
	f->ifs[f->n_ifs++] = i;
	return STEP_SKIP;
}

static enum step packet(
	struct file *f, uint32_t type, const uint8_t *body, size_t len, struct bh_frame *ret)
{
	size_t head = type == BLOCK_SPB ? 4 : 20;
	uint32_t n = 0, caplen;
	const struct ng_if *i;
	uint64_t ts = 0;

	if (len < head)
		return damaged(f, "a packet block is too short");
	if (type == BLOCK_EPB)
		n = u32(f, body);
	else if (type == BLOCK_PB)
		n = u16(f, body);
	if (n >= f->n_ifs)
		return damaged(f, "a packet names an interface that was not described");
	i = &f->ifs[n];
	if (type == BLOCK_SPB) {
		ret->wirelen = u32(f, body);
		caplen = ret->wirelen < len - head ? ret->wirelen : (uint32_t)(len - head);
	} else {
		ts = (uint64_t)u32(f, body + 4) << 32 | u32(f, body + 8);
		caplen = u32(f, body + 12);
		ret->wirelen = u32(f, body + 16);
	}
	if (caplen > len - head)
		return damaged(f, "a packet is longer than its block");
	if (!i->known) {
		if (!f->st.skipped++)
			f->first_unknown = i->link;
		return STEP_SKIP;
	}
	if (ret->wirelen < caplen)
		ret->wirelen = caplen;
	ret->at = clock_ns(i, ts);
	ret->caplen = caplen;
	ret->data = body + head;
	ret->link = i->link;
	ret->vlan = 0;
	ret->ifindex = n;
	ret->flags = 0;
	return STEP_FRAME;
}

/* The byte order of a section is known only from inside its first block. */
static enum step section(struct file *f, const uint8_t *h)
{
	uint32_t magic;

	memcpy(&magic, h + 8, 4);
	if (magic != 0x1a2b3c4d && magic != 0x4d3c2b1a)
		return damaged(f, "a section header has no byte-order mark");
	f->big = magic == 0x4d3c2b1a;
	if (u16(f, h + 12) != 1)
		return damaged(f, "a section is of a version that is not read here");
	f->n_ifs = 0;
	return STEP_SKIP;
}

enum step bh_capture_ng_step(struct file *f, struct bh_frame *ret, size_t *ret_need)
{
	const uint8_t *h = window(f);
	uint32_t type, len;
	enum step step;

	if (window_len(f) < 28) {
		*ret_need = window_len(f) == 0 ? 1 : 12;
		if (window_len(f) < 12)
			return STEP_WINDOW;
	}
	memcpy(&type, h, 4);
	if (type == BLOCK_SHB) {
		*ret_need = 28;
		if (window_len(f) < 28)
			return STEP_WINDOW;
		step = section(f, h);
		if (step == STEP_END)
			return step;
	}
	type = u32(f, h);
	len = u32(f, h + 4);
	if (len < 12 || len % 4)
		return damaged(f, "a block's length makes no sense");
	if (type != BLOCK_IDB && type != BLOCK_EPB && type != BLOCK_SPB && type != BLOCK_PB) {
		if (window_len(f) >= len)
			f->from += len;
		else
			f->skip = len;
		return STEP_SKIP;
	}
	if (len > BLOCK_MAX)
		return damaged(f, "a packet block is longer than any packet");
	*ret_need = len;
	if (window_len(f) < len)
		return STEP_WINDOW;
	step = type == BLOCK_IDB ? interface(f, h + 8, len - 12)
				 : packet(f, type, h + 8, len - 12, ret);
	if (step != STEP_END)
		f->from += len;
	__builtin_prefetch(h + len + 512);
	return step;
}
