/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel holds against what the core has ordered: taken over, released, said again. */
#include <errno.h>
#include <string.h>
#include "daemon/core_proc.h"

/* A release that found no enforcer: the kernel still holds what a person has freed. */
static bool was_released(struct proc *p, const struct bh_cut *cut)
{
	size_t n;
	const struct bh_order *o = bh_core_orders(p->core, &n);

	for (size_t i = n; i-- > 0;)
		if (o[i].id == cut->order)
			return o[i].state == BH_VERB_RELEASED;
	return false;
}

/* what the kernel holds becomes orders; or what of it was released meanwhile is released now */
void core_adopt(struct proc *p, const struct bh_enf_reply *reply, bool release)
{
	const char *b = reply->body, *end = b + reply->body_len;
	struct bh_plan_error e;
	struct bh_cut cut;

	while (b && b < end) {
		const char *nl = memchr(b, '\n', (size_t)(end - b));
		size_t len = (size_t)((nl ? nl : end) - b);

		if (len && bh_cut_parse(b, len, &cut, &e) == 0 && was_released(p, &cut) == release) {
			if (!release)
				(void)!bh_core_adopt(p->core, &cut, 1, p->now);
			else if (!bh_core_holds(p->core, &cut)) /* else it stays, and is sent again as the other order has it */
				(void)!bh_enfclient_cuts(&p->enf, BH_ENF_RELEASE, cut.order, &cut, 1);
		}
		b += len + 1;
	}
}

/* orders the kernel lacks are sent again */
int core_resend(struct proc *p)
{
	const struct bh_order *o;
	size_t n;
	int r = 0;

	o = bh_core_orders(p->core, &n);
	for (size_t i = 0; i < n && r >= 0; i++) {
		struct bh_order said;

		if ((o[i].state != BH_VERB_REQUESTED && o[i].state != BH_VERB_APPLIED) || o[i].until <= p->now || !strcmp(o[i].by, "kernel"))
			continue;
		said = o[i];
		bh_core_wire(p->core, &said);
		r = bh_enfclient_cuts(&p->enf, BH_ENF_CUT, o[i].id, said.cuts, said.n_cuts);
	}
	return r;
}

/* Refused as a whole, some of it may stand from before the law changed; nobody could release that any more. */
int core_let_go(struct proc *p, uint32_t order)
{
	const struct bh_order *o;
	size_t n;
	int r = 0;

	o = bh_core_orders(p->core, &n);
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; r == 0 && o[i].id == order && k < o[i].n_cuts; k++)
			if (!bh_core_holds(p->core, &o[i].cuts[k]))
				r = bh_enfclient_cuts(&p->enf, BH_ENF_RELEASE, order, &o[i].cuts[k], 1);
	return r == -ENOTCONN ? 0 : r;
}
