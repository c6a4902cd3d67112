/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Policies: whatever is refused says why, in text a terminal can take; whatever loads prints, and
 * the print loads and prints the same. The same bytes are also read as assertions.
 */
#include <stdlib.h>
#include <bulkhead/policy.h>

#define ROOM (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_diags(const struct bh_diags *d, const char *text, size_t len, char *buf)
{
	struct bh_text t = bh_text(buf, ROOM);

	bh_diags_print(d, "f", text, len, &t);
	for (size_t i = 0; i < t.len; i++)
		if (((uint8_t)buf[i] < 0x20 && buf[i] != '\n' && buf[i] != '\t') || buf[i] == 0x7f)
			abort();
}

static void check_print(const struct bh_policy *p, char *one, char *two)
{
	struct bh_text t = bh_text(one, ROOM), u = bh_text(two, ROOM);
	struct bh_policy *q = NULL;
	struct bh_diags d = {0};

	bh_policy_print(p, &t);
	if (t.truncated)
		return;
	if (bh_policy_load(one, t.len, "print", &d, &q) != 0)
		abort();
	bh_policy_print(q, &u);
	if (u.len != t.len || memcmp(one, two, t.len))
		abort();
	bh_diags_fini(&d);
	bh_policy_free(q);
}

/* what the wire asks of it, with names an attacker chose */
static void ask(const struct bh_policy *p, const char *text, size_t size)
{
	struct bh_addr a = {{0}}, b = bh_addr_v4((const uint8_t[4]){10, 0, 0, 1});
	char name[128] = {0}, share[64] = {0};

	memcpy(name, text, size < sizeof name ? size : sizeof name - 1);
	memcpy(share, text + size / 2, size / 2 < sizeof share ? size / 2 : sizeof share - 1);
	if (size >= sizeof a)
		memcpy(&a, text + size - sizeof a, sizeof a);
	(void)bh_policy_canary_of(p, &b, share, name);
	for (size_t i = 0; i < p->n_canaries; i++)
		(void)bh_policy_canary_of(p, &b, p->canaries[i].share, name);
	for (size_t i = 0; i < p->n_suppresses; i++)
		(void)bh_policy_suppressed(p, p->suppresses[i].detector, &a, &b, name, p->suppresses[i].until + BH_HOUR(23));
	(void)bh_policy_dark(p, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[ROOM], two[ROOM];
	const char *text = (const char *)data;
	struct bh_policy *p = NULL;
	struct bh_diags d = {0};
	size_t n;
	int r = bh_policy_load(text, size, "f", &d, &p);

	if ((r == 0) != (d.errors == 0) || (r == 0) != (p != NULL))
		abort();
	check_diags(&d, text, size, one);
	bh_diags_fini(&d);
	if (p)
		check_print(p, one, two);
	else
		p = bh_policy_builtin();
	if (p && size < 512) {
		d = (struct bh_diags){0};
		r = bh_policy_expect(p, text, size, &d, &n);
		if ((r == 0) != (d.errors == 0))
			abort();
		check_diags(&d, text, size, one);
		bh_diags_fini(&d);
	}
	if (p)
		ask(p, text, size);
	bh_policy_free(p);
	return 0;
}
