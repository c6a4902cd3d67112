/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The law on its way to the enforcer: sent when the core's is another, sent again when it was not taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/core_proc.h"

int core_law_text(struct proc *p, char **ret_text, size_t *ret_len)
{
	struct bh_plan law = *bh_core_plan(p->core);

	law.n_cuts = 0; /* standing cuts are kept by the enforcer; missing ones follow one by one */
	law.mode = (uint8_t)bh_core_mode(p->core);
	p->law_mode = law.mode;
	p->law_version = bh_core_law_version(p->core);
	return bh_plan_print(&law, ret_text, ret_len);
}

int core_send_law(struct proc *p)
{
	char *text;
	size_t len;
	int r = core_law_text(p, &text, &len);

	if (r)
		return r;
	r = bh_enfclient_send(&p->enf, BH_ENF_APPLY, 0, text, len);
	p->laws_sent += r == 0;
	free(text);
	return r;
}

/* It is sent again: soon when something was in its way, later when it was refused for what it says. */
void core_law_not_taken(struct proc *p, const struct bh_enf_reply *reply)
{
	fprintf(stderr, "bulkhead: the law was not applied: %s\n", reply->text[0] ? reply->text : strerror(-reply->status));
	p->law_version = bh_core_law_version(p->core) - 1;
	p->law_next = p->now + (reply->status < 0 ? BH_SEC(1) : BH_MIN(1));
}

void core_law_changed(struct proc *p)
{
	bool was_observing = p->law_mode == BH_MODE_OBSERVE;
	int r;

	if (p->enf.fd < 0 || p->law_due || core_trial(p)) /* a law on trial is changed by nothing but its end */
		return;
	r = core_send_law(p);
	/* observing, the enforcer let the cuts go; what still stands here is asked for again */
	if (r == 0 && was_observing && p->law_mode != BH_MODE_OBSERVE)
		r = bh_enfclient_send(&p->enf, BH_ENF_DUMP, 0, NULL, 0);
	if (r < 0)
		core_enforcer_down(p);
}

/* another posture: told at once, but not more often than there are ticks, since a law may be large */
void core_follow_posture(struct proc *p)
{
	if (p->now < p->law_next || (bh_core_mode(p->core) == p->law_mode && bh_core_law_version(p->core) == p->law_version))
		return;
	p->law_next = p->now + TICK;
	core_law_changed(p);
}
