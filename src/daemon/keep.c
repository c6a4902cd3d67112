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

int bh_keep_write(struct bh_keep *k, unsigned what, const char *file, const char *text, size_t len)
{
	struct bh_keep_part *part = what == BH_KEEP_THE_PLAN ? &k->plan : &k->policy;
	char *room = what == BH_KEEP_THE_PLAN ? k->plan_text : k->policy_text;

	if (len > (what == BH_KEEP_THE_PLAN ? BH_KEEP_PLAN : BH_KEEP_POLICY))
		return -E2BIG;
	atomic_fetch_or(&part->seq, 1); /* a core that died inside left it odd */
	memcpy(room, text, len);
	part->bytes = (uint32_t)len;
	bh_strcpy(part->file, sizeof part->file, file ? file : "");
	atomic_fetch_add(&part->seq, 1);
	return 0;
}

int bh_keep_read(const struct bh_keep *k, unsigned what, char file[128], char **ret_text, size_t *ret_len)
{
	const struct bh_keep_part *part = what == BH_KEEP_THE_PLAN ? &k->plan : &k->policy;
	const char *room = what == BH_KEEP_THE_PLAN ? k->plan_text : k->policy_text;
	uint32_t seq = atomic_load(&part->seq), bytes = part->bytes, max = what == BH_KEEP_THE_PLAN ? BH_KEEP_PLAN : BH_KEEP_POLICY;
	char *p;

	if ((seq & 1) || bytes == 0 || bytes > max)
		return 1;
	p = malloc((size_t)bytes + 1);
	if (!p)
		return -ENOMEM;
	memcpy(p, room, bytes);
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
