/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "daemon/keep.h"

struct bh_keep *bh_keep_open(void)
{
	void *p = mmap(NULL, sizeof(struct bh_keep), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct place {
	struct bh_keep_part *part;
	char *room;
	uint32_t max;
};

static struct place place_of(struct bh_keep *k, unsigned what)
{
	switch (what) {
	case BH_KEEP_THE_PLAN:
		return (struct place){&k->plan, k->plan_text, BH_KEEP_PLAN};
	case BH_KEEP_THE_HANDS:
		return (struct place){&k->hands, k->hands_text, BH_KEEP_HANDS};
	}
	return (struct place){&k->policy, k->policy_text, BH_KEEP_POLICY};
}

int bh_keep_write(struct bh_keep *k, unsigned what, const char *file, const char *text, size_t len)
{
	struct place at = place_of(k, what);
	struct bh_keep_part *part = at.part;

	if (len > at.max)
		return -E2BIG;
	atomic_fetch_or(&part->seq, 1); /* a core that died inside left it odd */
	if (len)
		memcpy(at.room, text, len);
	part->bytes = (uint32_t)len;
	bh_strcpy(part->file, sizeof part->file, file ? file : "");
	atomic_fetch_add(&part->seq, 1);
	return 0;
}

int bh_keep_read(struct bh_keep *k, unsigned what, char file[128], char **ret_text, size_t *ret_len)
{
	struct place at = place_of(k, what);
	const struct bh_keep_part *part = at.part;
	uint32_t seq = atomic_load(&part->seq), bytes = part->bytes;
	char *p;

	if ((seq & 1) || bytes == 0 || bytes > at.max)
		return 1;
	p = malloc((size_t)bytes + 1);
	if (!p)
		return -ENOMEM;
	memcpy(p, at.room, bytes);
	p[bytes] = '\0';
	if (file) {
		memcpy(file, part->file, sizeof part->file);
		file[127] = '\0';
	}
	if (atomic_load(&part->seq) != seq) {
		free(p);
		return 1;
	}
	*ret_text = p;
	*ret_len = bytes;
	return 0;
}
