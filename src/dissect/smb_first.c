/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hash of a file's first bytes, by which the same file is known again on another host: it is made of what was written in
 * order from offset 0. Only handles that have begun and not yet written that much hold a buffer.
 */
#include "smb.h"

static void over(struct smb *s, struct smb_handle *h, struct smb_ref r, uint64_t head)
{
	h->first_over = true;
	h->head = head;
	bh_smb_first_drop(s, r);
}

void bh_smb_first_add(struct smb *s, struct smb_ref r, uint64_t off, const uint8_t *p, uint32_t n)
{
	struct smb_handle *h = bh_smb_handle(s, r);
	bool evicted;
	uint32_t i;

	if (!h || h->first_over || off >= FIRST_BYTES || !n)
		return;
	i = bh_pool_find(&s->firsts, smb_ref_key(r));
	if (!p || off != h->first_have || (off && i == BH_POOL_NONE)) { /* a piece is missing, or written over */
		over(s, h, r, 0);
		return;
	}
	if (i == BH_POOL_NONE)
		i = bh_pool_add(&s->firsts, smb_ref_key(r), &evicted);
	if (n > FIRST_BYTES - h->first_have)
		n = FIRST_BYTES - h->first_have;
	memcpy(s->first[i] + h->first_have, p, n);
	h->first_have = (uint16_t)(h->first_have + n);
	if (h->first_have == FIRST_BYTES)
		over(s, h, r, bh_hash(s->first[i], FIRST_BYTES, 0));
}

void bh_smb_first_end(struct smb *s, struct smb_ref r)
{
	struct smb_handle *h = bh_smb_handle(s, r);
	uint32_t i = bh_pool_find(&s->firsts, smb_ref_key(r));

	if (h && !h->first_over && i != BH_POOL_NONE)
		over(s, h, r, bh_hash(s->first[i], h->first_have, 0));
}

void bh_smb_first_drop(struct smb *s, struct smb_ref r)
{
	uint32_t i = bh_pool_find(&s->firsts, smb_ref_key(r));

	if (i != BH_POOL_NONE)
		bh_pool_drop(&s->firsts, i);
}
