/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The local API of the core's process: one request line a connection, one JSON object back. Reading is for everybody who
 * can reach the socket; ordering is for uid 0, by the kernel's word about the peer. An isolation is answered when the
 * kernel confirmed it, not when it was asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/core_proc.h"

struct bh_stats core_stats(struct proc *p)
{
	struct bh_stats s = {.at = p->now, .uptime = p->now - p->start};

	for (unsigned i = 0; i < p->in->opts->workers; i++) {
		struct bh_tap_counters *n = &p->in->shm->tap[i].n;

		s.packets += n->packets;
		s.bytes += n->bytes;
		s.malformed += n->malformed;
		s.kernel_packets += n->kernel_packets;
		s.kernel_drops += n->kernel_drops;
		s.flows_active += n->flows_active;
		s.flows_new += n->flows_new;
		s.flows_evicted += n->flows_evicted;
		s.classified += n->classified;
		s.guessed += n->guessed;
		s.facts += n->facts;
		s.untrusted += n->untrusted;
		s.parse_gaps += n->parse_gaps;
		s.parse_evicted += n->parse_evicted;
		s.table_bytes += n->table_bytes;
		s.ring_drops += p->ring_drops[i];
	}
	s.ring_drops += p->implausible;
	for (unsigned v = 0; v < BH_USB_VERDICTS; v++)
		s.usb[v] = p->in->shm->intake.verdict[v];
	s.usb_lost = p->in->shm->intake.lost + bh_shm_ring(p->in->shm, p->in->opts->workers)->dropped;
	s.usb_limited = p->in->shm->intake.limited;
	s.usb_log = p->in->shm->intake.log;
	s.usb_log_other = p->in->shm->intake.log_other;
	s.usb_own = p->in->shm->intake.own;
	s.eve_lines = p->in->shm->eve_lines;
	s.eve_dropped = p->in->shm->eve_dropped + p->eve.dropped;
	bh_core_counters(p->core, &s.core);
	return s;
}

static struct bh_api_view view(struct proc *p, const struct bh_stats *s)
{
	static const char *const store[] = {"off", "on", "failing", "unusable"};
	uint32_t st = p->in->shm->store;
	struct bh_api_view v = {.core = p->core, .policy = p->policy, .stats = s, .host = p->fmt.host, .now = p->now, .offset_s = p->fmt.offset_s,
		.enforcer_up = p->enf.fd >= 0, .drifts = p->drifts, .segment = bh_segment_name(p->segment)};

	v.ouis = p->in->opts->ouis;
	v.store = store[st < BH_COUNT(store) ? st : 0];
	v.probe_says = p->probe.fd >= 0 ? p->probe.says : NULL;
	v.store_rows = p->in->shm->store_rows;
	v.store_waits = p->store.waits;
	if (core_trial(p)) {
		v.trial_file = p->trial.file;
		v.trial_until = p->trial.until;
	}
	for (int i = 0; i < BH_PROCS; i++) {
		v.pids[i] = p->in->shm->pids[i];
		v.restarts[i] = p->in->shm->restarts[i];
	}
	return v;
}

#define PATIENCE BH_SEC(5) /* with a peer that neither asks nor reads */

static void hang_up(struct client *c)
{
	close(c->fd);
	free(c->out);
	free(c->body);
	free(c->preview);
	memset(c, 0, sizeof *c);
	c->fd = -1;
}

/* what the socket takes now; the core waits for no reader. false = it is gone, or has it all */
static bool push(struct client *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		c->out_at += (size_t)n;
	}
	return false;
}

static void say(struct proc *p, struct client *c, const char *text, size_t len)
{
	static const char too_large[] = "{\"v\":1,\"exit\":1,\"text\":\"the answer is larger than this API gives\"}\n";

	if (!len) {
		text = too_large;
		len = sizeof too_large - 1;
	}
	c->order = c->law = 0;
	c->policy_wait = false;
	c->token = 0;
	c->story = 0;
	c->out_at = 0;
	c->out_len = len;
	c->out = malloc(len ? len : 1);
	if (c->out)
		memcpy(c->out, text, len);
	c->deadline = p->now + PATIENCE;
	if (!c->out || !push(c))
		hang_up(c);
}

static void answer(struct proc *p, struct client *c, int code, const char *text, const struct bh_order *o, const struct bh_refused *r)
{
	struct bh_stats s = core_stats(p);
	struct bh_api_view v = view(p, &s);

	say(p, c, p->reply, bh_api_answer(&v, code, text, o, r, p->reply, REPLY));
}

void core_answer(struct proc *p, struct client *c, int code, const char *text)
{
	answer(p, c, code, text, NULL, NULL);
}

void core_say_preview(struct proc *p, struct client *c, const struct bh_preview *pv)
{
	struct bh_stats s = core_stats(p);
	struct bh_api_view v = view(p, &s);

	if (pv)
		say(p, c, p->reply, bh_api_preview(&v, c->preview, pv, p->reply, REPLY));
	else
		answer(p, c, 1, "the effect of it could not be computed", c->preview, NULL);
}

void core_say_flows(struct proc *p, struct client *c, const struct bh_preview *open)
{
	struct bh_stats s = core_stats(p);
	struct bh_api_view v = view(p, &s);

	say(p, c, p->reply, bh_api_flows(&v, open, p->reply, REPLY));
}

void core_say_counters(struct proc *p, struct client *c, const char *counters, struct bh_api_would *would, size_t n)
{
	struct bh_stats s = core_stats(p);
	struct bh_api_view v = view(p, &s);

	say(p, c, p->reply, bh_api_counters(&v, counters, would, n, p->reply, REPLY));
}

void core_say_device(struct proc *p, struct client *c, const struct bh_api_story *v, size_t n, const char *unknown)
{
	const struct bh_device *d = bh_devices_find(bh_state_devices(bh_core_state(p->core)), &c->story_of);
	struct bh_stats s = core_stats(p);
	struct bh_api_view view_of = view(p, &s);

	if (d)
		say(p, c, p->reply, bh_api_device(&view_of, d, v, n, unknown, p->reply, REPLY));
	else
		answer(p, c, 1, "the device has been forgotten meanwhile", NULL, NULL);
}

static int refusal_exit(const struct bh_refused *r)
{
	return r->code == BH_REF_UNKNOWN ? 2 : 4;
}

static struct bh_event command_of(const struct bh_api_request *q, uint32_t uid)
{
	struct bh_event ev;
	char by[32];

	snprintf(by, sizeof by, "operator:uid%u", uid);
	bh_api_command(q, core_wall(), by, &ev);
	return ev;
}

static bool of_conduit(unsigned verb)
{
	return verb == BH_API_BREAKER || verb == BH_API_DRAWBRIDGE;
}

/* "conduit work is closed (operator)" */
static void answer_posture(struct proc *p, struct client *c, int code, const char *rest)
{
	const struct bh_posture *now = NULL;
	char text[200];

	for (size_t i = 0; i < p->policy->n_conduits; i++)
		if (strcmp(p->policy->conduits[i].name, c->q.target) == 0)
			now = bh_core_posture(p->core, i);
	snprintf(text, sizeof text, "conduit %.60s is %s%s%s%s%s", c->q.target, now ? bh_conduit_state_name(now->state) : "gone", now && now->why ? " (" : "",
		now && now->why ? bh_why_name(now->why) : "", now && now->why ? ")" : "", rest);
	answer(p, c, code, text, NULL, NULL);
}

static void answer_dry_conduit(struct proc *p, struct client *c, const struct bh_api_request *q, const struct bh_order *o)
{
	static const char *const says[BH_SET_COUNT] = {"", "be as the policy has it", "carry nothing that administers machines", "be closed but for pins",
		"be closed but for pins", "be open", "follow its hours"};
	char text[160];

	snprintf(text, sizeof text, "dry run: conduit %.60s would %s; nothing was changed", o->name, says[q->set]);
	answer(p, c, 0, text, o, NULL);
}

/* A posture is answered when the kernel has taken the law of it, as an order is. */
static void settle_posture(struct proc *p, struct client *c, const struct bh_api_request *q)
{
	c->q = *q;
	if (core_trial(p)) {
		answer_posture(p, c, 8, "; a policy is on trial: the kernel hears of it when the trial has ended");
		return;
	}
	if (bh_core_law_version(p->core) != p->law_version)
		core_law_changed(p);
	if (p->enf.fd < 0 || p->law_due) {
		answer_posture(p, c, 8, "; no enforcer is running: the kernel hears of it as soon as one is");
		return;
	}
	if (p->laws_sent == p->laws_taken) {
		answer_posture(p, c, 0, "; in the kernel");
		return;
	}
	c->law = p->laws_sent;
	c->deadline = p->now + 4 * PATIENCE; /* a law of 50,000 conduits takes its time */
}

void core_law_replied(struct proc *p, int status)
{
	p->laws_taken++;
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->fd >= 0 && c->law && c->law <= p->laws_taken)
			answer_posture(p, c, status ? 1 : 0, status ? "; the kernel did not take the law of it, see the journal" : "; in the kernel");
	}
}

/* What this step's records say became of the command: behind its own come those of orders said once more. */
static const struct bh_record *outcome(const struct proc *p, unsigned verb)
{
	const struct bh_record *found = NULL;

	for (size_t i = 0; i < p->out.n; i++) {
		const struct bh_record *r = &p->out.rec[i];

		if (r->kind != BH_REC_ACTION)
			continue;
		if (verb == BH_API_RELEASE ? r->verb == BH_VERB_RELEASED || (r->verb == BH_VERB_REFUSED && !found)
					   : !found && (r->verb == BH_VERB_REQUESTED || r->verb == BH_VERB_REFUSED))
			found = r;
	}
	return found;
}

static void answer_command(struct proc *p, struct client *c, const struct bh_api_request *q)
{
	struct bh_event ev = command_of(q, c->uid);
	const struct bh_record *found;
	struct bh_record rec;

	core_step(p, &ev);
	if (q->verb == BH_API_MODE) {
		char text[64];

		snprintf(text, sizeof text, "mode is %s", bh_mode_name(bh_core_mode(p->core)));
		core_law_changed(p);
		answer(p, c, 0, text, NULL, NULL);
		return;
	}
	found = outcome(p, q->verb);
	if (!found && of_conduit(q->verb)) {
		settle_posture(p, c, q);
		return;
	}
	if (!found) {
		answer(p, c, 1, "the command had no effect", NULL, NULL);
		return;
	}
	rec = *found;
	if (rec.verb == BH_VERB_REFUSED)
		answer(p, c, refusal_exit(&rec.refused), "refused", &rec.order, &rec.refused);
	else if (rec.verb == BH_VERB_RELEASED && p->enf.fd < 0)
		answer(p, c, 8, "no enforcer is running: the kernel still holds it; it will be released as soon as one is", &rec.order, NULL);
	else if (rec.verb == BH_VERB_RELEASED)
		answer(p, c, 0, rec.order.n_cuts ? "released" : "released; what another order holds stays cut", &rec.order, NULL);
	else {
		c->order = rec.order.id;
		c->deadline = p->now + PATIENCE;
	}
}

static void request(struct proc *p, struct client *c)
{
	struct bh_stats s = core_stats(p);
	struct bh_api_view v = view(p, &s);
	struct bh_api_request q;
	struct bh_refused r;
	struct bh_order o;
	char error[96];

	if (bh_api_parse(c->line, c->len, &q, error)) {
		answer(p, c, 2, error, NULL, NULL);
		return;
	}
	if (bh_api_writes(q.verb) && !q.dry && !c->may_write) {
		answer(p, c, 5, q.verb >= BH_API_HOST_SET ? "only root may say what a device is" : "only root may change what is cut", NULL, NULL);
		return;
	}
	if (q.verb == BH_API_POLICY_APPLY || q.verb == BH_API_HOSTS_IMPORT) {
		c->q = q;
		c->body = malloc(q.bytes);
		if (!c->body)
			answer(p, c, 1, "no memory", NULL, NULL);
		return;
	}
	if (q.verb == BH_API_MODE && core_trial(p)) {
		answer(p, c, 4, "a policy is on trial: confirm it or roll it back first", NULL, NULL);
		return;
	}
	if (q.verb == BH_API_POLICY_CONFIRM || q.verb == BH_API_POLICY_ROLLBACK) {
		core_policy_end(p, c, q.verb == BH_API_POLICY_CONFIRM);
		return;
	}
	if (q.verb == BH_API_HOST_SET)
		core_device_set(p, c, &q);
	else if (q.verb == BH_API_HOST_SHOW)
		core_device_show(p, c, &q);
	else if (q.verb == BH_API_FLOWS)
		core_flows(p, c);
	else if (q.verb == BH_API_POLICY)
		say(p, c, p->reply, bh_api_policy(&v, p->reply, REPLY));
	else if (q.verb == BH_API_COUNTERS)
		core_counters(p, c);
	else if (q.verb == BH_API_STATUS)
		say(p, c, p->reply, bh_api_status(&v, p->reply, REPLY));
	else if (q.verb == BH_API_HOSTS)
		say(p, c, p->reply, bh_api_hosts(&v, q.target, p->reply, REPLY));
	else if (q.dry) {
		struct bh_event ev = command_of(&q, c->uid);
		int refused = bh_core_preview(p->core, &ev, &o, &r);

		if (refused)
			answer(p, c, refusal_exit(&r), "would be refused", &o, &r);
		else if (of_conduit(q.verb))
			answer_dry_conduit(p, c, &q, &o);
		else
			core_preview(p, c, &q, &o);
	} else {
		answer_command(p, c, &q);
	}
}

/* the text behind a policy-apply line; some of it came with the line */
static void body(struct proc *p, struct client *c)
{
	size_t want = c->q.bytes - c->body_len;
	ssize_t n = want ? recv(c->fd, c->body + c->body_len, want, MSG_DONTWAIT) : 0;
	char *text = c->body;

	if (want && n <= 0 && !(n < 0 && errno == EAGAIN)) {
		hang_up(c);
		return;
	}
	if (n > 0) {
		c->body_len += (size_t)n;
		c->deadline = p->now + PATIENCE;
	}
	if (c->body_len < c->q.bytes)
		return;
	if (c->q.verb == BH_API_HOSTS_IMPORT) {
		core_import_begin(p, c);
		return;
	}
	c->body = NULL;
	core_policy_apply(p, c, &c->q, text, c->body_len);
	free(text);
}

void core_client_ready(struct proc *p, struct client *c)
{
	size_t behind;
	ssize_t n;
	char *nl;

	if (c->out) {
		if (!push(c))
			hang_up(c);
		return;
	}
	if (c->body) {
		body(p, c);
		return;
	}
	n = recv(c->fd, c->line + c->len, sizeof c->line - c->len, MSG_DONTWAIT);

	if (n <= 0 && !(n < 0 && errno == EAGAIN)) {
		hang_up(c);
		return;
	}
	if (n > 0)
		c->len += (size_t)n;
	nl = memchr(c->line, '\n', c->len);
	if (!nl) {
		if (c->len == sizeof c->line)
			answer(p, c, 2, "request too long", NULL, NULL);
		return;
	}
	behind = c->len - (size_t)(nl + 1 - c->line);
	c->len = (size_t)(nl - c->line);
	request(p, c);
	if (c->fd >= 0 && c->body) {
		if (behind > c->q.bytes)
			behind = c->q.bytes;
		memcpy(c->body, nl + 1, behind);
		c->body_len = behind;
		if (behind == c->q.bytes)
			body(p, c);
	}
}

/* a free place, or that of the longest idle peer; root, who may have an order to give, displaces anybody else, also who waits for an answer */
static struct client *place(struct proc *p, bool root)
{
	struct client *oldest = NULL;

	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->fd < 0)
			return c;
		if (!c->order && !c->policy_wait && !c->law && !c->import && (!c->token || (root && !c->may_write)) && (root || !c->may_write) &&
			(!oldest || (oldest->may_write && !c->may_write) || (oldest->may_write == c->may_write && c->deadline < oldest->deadline)))
			oldest = c;
	}
	if (oldest)
		hang_up(oldest);
	return oldest;
}

static bool one_client(struct proc *p)
{
	int fd = accept4(p->in->api, NULL, NULL, SOCK_CLOEXEC);
	struct ucred cred = {.uid = UINT32_MAX};
	socklen_t len = sizeof cred;
	struct client *c;

	if (fd < 0)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		cred.uid = UINT32_MAX;
	c = place(p, cred.uid == 0);
	if (c)
		*c = (struct client){.fd = fd, .uid = cred.uid, .may_write = cred.uid == 0, .deadline = p->now + PATIENCE};
	else
		close(fd);
	return true;
}

void core_client_new(struct proc *p)
{
	for (int i = 0; i < CLIENTS && one_client(p); i++)
		;
}

static void answer_refused(struct proc *p, struct client *c, const struct bh_order *o)
{
	char text[200];

	snprintf(text, sizeof text, "the enforcer refused%s%s", p->refused_order == o->id ? ": " : "", p->refused_order == o->id ? p->refused_text : "");
	answer(p, c, 4, text, o, NULL);
}

void core_waiters(struct proc *p)
{
	static const char *const done[BH_CUT_KINDS] = {"done; confirmed by the kernel", "isolated; confirmed by the kernel", "shielded; confirmed by the kernel",
		"contained; confirmed by the kernel", "an island now; confirmed by the kernel", "killed; confirmed by the kernel"};
	const struct bh_order *o;
	size_t n;

	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &p->clients[i];
		struct bh_order found = {0};

		/* a clock set back must not make anybody wait longer than it would have */
		if (c->deadline > p->now + PATIENCE && !c->policy_wait && !c->law)
			c->deadline = p->now + PATIENCE;
		if (c->fd >= 0 && c->policy_wait && p->now > c->deadline)
			core_answer(p, c, 8, "the kernel has not answered yet; `bulkhead status` shows what stands");
		if (c->fd >= 0 && c->law && p->now > c->deadline)
			answer_posture(p, c, 8, "; the kernel has not answered yet");
		if (c->fd >= 0 && c->token && p->now > c->deadline)
			core_live_late(p, c);
		if (c->fd >= 0 && c->story && p->now > c->deadline)
			core_store_late(p, c);
		if (c->fd >= 0 && !c->order && p->now > c->deadline)
			hang_up(c);
		if (c->fd < 0 || !c->order)
			continue;
		o = bh_core_orders(p->core, &n);
		for (size_t k = 0; k < n; k++)
			if (o[k].id == c->order)
				found = o[k];
		if (found.state == BH_VERB_APPLIED)
			answer(p, c, 0, done[found.kind < BH_CUT_KINDS ? found.kind : 0], &found, NULL);
		else if (found.state != BH_VERB_REQUESTED)
			answer_refused(p, c, &found);
		else if (p->now > c->deadline)
			answer(p, c, 8, p->enf.fd < 0 ? "no enforcer is running: it will be applied as soon as one is" : "the kernel has not answered yet", &found, NULL);
	}
}
