/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy's life while the daemon runs: sent by an operator, checked, compiled, put on trial in the kernel beside the
 * standing law, and confirmed or taken back. The kernel's own clock ends a trial nobody confirms; what happens here only
 * keeps this process's view in step. If this process, or the enforcer, dies in between, the one that follows begins with the
 * standing law, so an unconfirmed law never outlives anybody.
 *
 *   NONE ── apply ──► ASKED ── kernel: done ──► RUNNING ── confirm ──► ASKED_CONFIRM ── done ──► NONE, under the new law
 *                       │ refused                  │ time out, rollback, enforcer gone
 *                       └────────► NONE, under the old law ◄──┘
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/core_proc.h"

enum { NONE, ASKED, RUNNING, ASKED_CONFIRM, ASKED_ROLLBACK };
#define HOLD BH_SEC(60)
#define HOLD_MAX BH_HOUR(1)

static void under(struct proc *p, const struct bh_policy *policy)
{
	p->policy = policy;
	p->fmt.policy = policy;
}

/* the record of it, and one line for whoever reads the journal */
static void tell(struct proc *p, const char *text)
{
	struct bh_event ev = {.at = core_wall(), .kind = BH_EV_KERNEL};

	ev.u.kernel.what = BH_KER_LAW;
	bh_strcpy(ev.u.kernel.text, sizeof ev.u.kernel.text, text);
	core_step(p, &ev);
	fprintf(stderr, "bulkhead: %s\n", text);
}

static void forget(struct trial *t)
{
	free(t->text);
	memset(t, 0, sizeof *t);
}

/* back under the law that stood before; the kernel is there already, or is told by the caller */
static void back(struct proc *p, const char *why)
{
	struct trial *t = &p->trial;
	char text[96];

	if (bh_core_policy(p->core, t->before) < 0)
		fprintf(stderr, "bulkhead: core: no memory to go back to the old policy; it is compiled again at the next start\n");
	under(p, t->before);
	bh_policy_free(t->policy);
	snprintf(text, sizeof text, "policy %.28s %.30s; the law before it stands", t->file, why);
	forget(t);
	tell(p, text);
}

static struct client *waiting(struct proc *p)
{
	for (int i = 0; i < CLIENTS; i++)
		if (p->clients[i].fd >= 0 && p->clients[i].policy_wait)
			return &p->clients[i];
	return NULL;
}

static void reply(struct proc *p, int code, const char *text)
{
	struct client *c = waiting(p);

	if (c)
		core_answer(p, c, code, text);
}

bool core_trial(const struct proc *p)
{
	return p->trial.step != NONE;
}

static int send_trial(struct proc *p, bh_ns hold)
{
	char *text, *body, d[24];
	size_t len;
	int n, r = core_law_text(p, &text, &len);

	if (r)
		return r;
	body = malloc(len + 64);
	if (!body) {
		free(text);
		return -ENOMEM;
	}
	n = snprintf(body, 64, "hold=%s\n", bh_duration_print(hold, d));
	memcpy(body + n, text, len);
	free(text);
	r = bh_enfclient_send(&p->enf, BH_ENF_TRIAL, 0, body, (size_t)n + len);
	free(body);
	return r;
}

/* the first complaint, for an answer of one line; the CLI has shown them all, in colour, before it asked */
static void first_error(const struct bh_diags *d, const char *file, char text[200])
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].severity == BH_DIAG_ERROR) {
			snprintf(text, 200, "%.60s:%u:%u: %.100s", file, d->v[i].pos.line, d->v[i].pos.col, d->v[i].text);
			return;
		}
	snprintf(text, 200, "%.60s is not a valid policy", file);
}

void core_policy_apply(struct proc *p, struct client *c, const struct bh_api_request *q, const char *text, size_t len)
{
	struct trial *t = &p->trial;
	struct bh_diags d = {0};
	struct bh_policy *policy;
	bh_ns hold = q->ttl ? q->ttl : HOLD;
	char why[200];
	int r;

	if (core_trial(p)) {
		core_answer(p, c, 4, "another policy is on trial: confirm it or roll it back first");
		return;
	}
	if (p->enf.fd < 0 || p->law_due) {
		core_answer(p, c, 8, "no enforcer is running: nothing was changed");
		return;
	}
	if (hold > HOLD_MAX || hold < BH_SEC(1)) {
		core_answer(p, c, 2, "a trial lasts from 1 second to 1 hour");
		return;
	}
	r = bh_policy_load(text, len, q->target, &d, &policy);
	if (r == 0 && bh_detect_check(policy, &d)) {
		bh_policy_free(policy);
		r = 1;
	}
	if (r > 0)
		first_error(&d, q->target, why);
	bh_diags_fini(&d);
	if (r) {
		core_answer(p, c, r > 0 ? 3 : 1, r > 0 ? why : "no memory");
		return;
	}
	t->before = p->policy;
	t->policy = policy;
	t->text = malloc(len + 1);
	if (t->text)
		memcpy(t->text, text, len);
	t->len = len;
	bh_strcpy(t->file, sizeof t->file, q->target);
	r = t->text ? bh_core_policy(p->core, policy) : -ENOMEM;
	if (r == 0) {
		under(p, policy);
		r = send_trial(p, hold);
		if (r < 0)
			(void)!bh_core_policy(p->core, t->before);
	}
	if (r < 0) {
		under(p, t->before);
		bh_policy_free(policy);
		forget(t);
		core_answer(p, c, 1, strerror(-r));
		return;
	}
	t->step = ASKED;
	t->hold = hold;
	c->policy_wait = true;
	c->deadline = p->now + BH_SEC(20); /* a law of 50,000 conduits takes its time */
}

void core_policy_end(struct proc *p, struct client *c, bool confirm)
{
	int r;

	if (p->trial.step != RUNNING) {
		core_answer(p, c, 4, "no policy is on trial");
		return;
	}
	r = bh_enfclient_send(&p->enf, confirm ? BH_ENF_CONFIRM : BH_ENF_ROLLBACK, 0, NULL, 0);
	if (r < 0) {
		core_answer(p, c, 8, "the enforcer cannot be reached: the law before comes back by itself");
		return;
	}
	p->trial.step = confirm ? ASKED_CONFIRM : ASKED_ROLLBACK;
	c->policy_wait = true;
	c->deadline = p->now + BH_SEC(20);
}

static void confirmed(struct proc *p)
{
	struct trial *t = &p->trial;
	char text[96];

	if (bh_keep_write(p->in->keep, BH_KEEP_THE_POLICY, t->file, t->text, t->len) == 0)
		(void)!write(p->in->supervisor, "p", 1);
	bh_policy_free(p->confirmed); /* the one the daemon began with is the supervisor's */
	p->confirmed = t->policy;
	snprintf(text, sizeof text, "policy %.60s confirmed", t->file);
	forget(t);
	tell(p, text);
	p->boot_dirty = true;
	bh_core_limit(p->core);
	core_orders_again(p); /* the enforcer has let go what the new law forbids to cut */
}

void core_policy_replied(struct proc *p, const struct bh_enf_reply *r, unsigned request)
{
	struct trial *t = &p->trial;
	char text[200], d[24];

	if (t->step == NONE)
		return; /* it ran out while the answer was on its way */
	if (request == BH_ENF_TRIAL && r->status == 0) {
		t->step = RUNNING;
		t->until = p->now + t->hold;
		snprintf(text, sizeof text, "policy %.60s on trial for %s", t->file, bh_duration_print(t->hold, d));
		tell(p, text);
		snprintf(text, sizeof text, "on trial: %llu us in the kernel. Confirm within %s or the law before it comes back",
			(unsigned long long)r->us, bh_duration_print(t->hold, d));
		reply(p, 0, text);
	} else if (request == BH_ENF_TRIAL) {
		snprintf(text, sizeof text, "not applied, nothing was changed: %.150s", r->text[0] ? r->text : r->refused.text);
		back(p, "was not taken by the kernel");
		reply(p, r->status > 0 ? 4 : 1, text);
	} else if (request == BH_ENF_CONFIRM && r->status == 0) {
		confirmed(p);
		reply(p, 0, "confirmed");
	} else if (r->status < 0) { /* it goes on; the kernel ends it in time whatever we say */
		t->step = RUNNING;
		snprintf(text, sizeof text, "not %s, the trial goes on: %.150s", request == BH_ENF_CONFIRM ? "confirmed" : "taken back",
			r->text[0] ? r->text : strerror(-r->status));
		reply(p, 8, text);
	} else if (request == BH_ENF_CONFIRM) {
		back(p, "was not confirmed in time");
		reply(p, 8, "too late: the law before it is back");
	} else {
		back(p, "was taken back");
		reply(p, 0, "taken back: the law before it stands");
	}
}

/* The kernel's clock has ended it, or its keeper is gone; when the enforcer is new it begins with the law before anyway. */
void core_policy_lost(struct proc *p, const char *why)
{
	if (p->trial.step == NONE)
		return;
	back(p, why);
	reply(p, 8, "the trial has ended: the law before it stands");
}

void core_policy_tick(struct proc *p)
{
	struct trial *t = &p->trial;

	if (t->step == RUNNING && t->until > p->now + t->hold)
		t->until = p->now + t->hold; /* a clock set back makes no trial longer */
	if (t->step == RUNNING && p->now >= t->until)
		core_policy_lost(p, "was not confirmed in time");
}

void core_policy_leapt(struct proc *p, bh_ns by)
{
	if (p->trial.step == RUNNING)
		p->trial.until += by;
}

/* ---- at the start: the policy confirmed before this process died ---- */
const struct bh_policy *core_policy_first(struct proc *p, const struct bh_policy *given)
{
	struct bh_diags d = {0};
	struct bh_policy *policy;
	char file[128], *text;
	size_t len;
	int r;

	if (bh_keep_read(p->in->keep, BH_KEEP_THE_POLICY, file, &text, &len))
		return given;
	r = bh_policy_load(text, len, file, &d, &policy);
	bh_diags_fini(&d);
	free(text);
	if (r) {
		fprintf(stderr, "bulkhead: core: the confirmed policy cannot be read again; the one given at the start is used\n");
		return given;
	}
	p->confirmed = policy;
	return policy;
}

/* ---- what a machine starts with ---- */
void core_boot_tick(struct proc *p)
{
	const struct bh_plan *plan;
	struct bh_plan copy;
	char *text, *boot;
	size_t len, boot_len;
	int r;

	if (!p->boot_dirty || core_trial(p) || p->now < p->boot_next)
		return;
	p->boot_dirty = false;
	p->boot_next = p->now + BH_SEC(1);
	plan = bh_core_plan(p->core);
	copy = *plan;
	copy.mode = (uint8_t)bh_core_mode(p->core);
	if (copy.mode == BH_MODE_OBSERVE)
		copy.n_cuts = 0;
	if (bh_plan_print(&copy, &text, &len) < 0)
		return;
	r = bh_boot_wrap(text, len, core_wall(), &boot, &boot_len);
	free(text);
	if (r < 0)
		return;
	r = bh_keep_write(p->in->keep, BH_KEEP_THE_PLAN, NULL, boot, boot_len);
	free(boot);
	if (r == 0)
		(void)!write(p->in->supervisor, "b", 1);
	else
		fprintf(stderr, "bulkhead: core: the plan is too large to be kept for the next boot\n");
}
