/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The role process. Whoever holds the other end of fd may be owned, so this loop knows six requests
 * (wire.c) and nothing else; the law it is given is checked, every cut passes the guard again, and
 * what the process could do beyond netlink is taken away before the first byte is read: all
 * capabilities but CAP_NET_ADMIN, no new privileges, and a filter that knows neither files, nor
 * sockets, nor programs, nor processes.
 *
 * Requests are done in the order they come, but for orders of very many lines: those wait, and are
 * written chunk by chunk whenever nothing else is to be done (bulk.c), so that a single isolation
 * never stands behind more than one chunk. Between requests the watch runs; what it finds is told
 * unasked. Nothing here waits for the peer to read: a core that is busy sending must not be able to
 * stop a repair.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "bulk.h"
#include "wire.h"

struct server {
	struct bh_enforcer *e;
	int fd;
	char *in, *out;
	size_t in_len, in_cap, out_at, out_len, out_cap;
	unsigned untold; /* notices left out because the peer does not read */
	struct bulks bulks;
};
#define OUT_BUSY                                                                                   \
	(256u << 10) /* bytes unread by the peer: no further request is taken, no notice queued */

/* ---- frames ---- */

static int queue(struct server *s, const char *p, size_t n)
{
	if (s->out_at == s->out_len)
		s->out_at = s->out_len = 0;
	if (s->out_cap - s->out_len < n) {
		size_t cap = s->out_cap ? s->out_cap : 1 << 16;
		char *v;

		while (cap - s->out_len < n)
			cap *= 2;
		v = realloc(s->out, cap);
		if (!v)
			return -ENOMEM;
		s->out = v;
		s->out_cap = cap;
	}
	memcpy(s->out + s->out_len, p, n);
	s->out_len += n;
	return 0;
}

/* as much as the socket takes now */
static int flush(struct server *s)
{
	while (s->out_at < s->out_len) {
		ssize_t w = send(s->fd, s->out + s->out_at, s->out_len - s->out_at,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
		s->out_at += (size_t)w;
	}
	return 0;
}

static int send_reply(struct server *s, const struct bh_enf_reply *reply)
{
	char *frame;
	size_t len;
	int r = bh_reply_encode(reply, &frame, &len);

	if (r < 0)
		return r;
	r = queue(s, frame, len);
	free(frame);
	return r < 0 ? r : flush(s);
}

/* ---- requests ---- */

static void error_text(struct bh_enf_reply *reply, const struct bh_plan_error *error)
{
	reply->status = -EBADMSG;
	snprintf(reply->text, sizeof reply->text, "line %u, column %u: %.110s", error->line,
		error->col, error->text);
}

static void do_plan(
	struct server *s, const char *body, size_t len, bool dry, struct bh_enf_reply *reply)
{
	struct bh_plan_error error;
	struct bh_plan plan;
	int r = bh_plan_parse(body, len, &plan, &error);

	if (r) {
		if (r > 0)
			error_text(reply, &error);
		else
			reply->status = r;
		return;
	}
	reply->status = dry ? bh_enforcer_dry(s->e, &plan) : bh_enforcer_apply(s->e, &plan);
	if (reply->status == 0)
		snprintf(reply->text, sizeof reply->text, "segment=%s", bh_segment_name(bh_enforcer_segment(s->e)));
	if (!dry && reply->status == 0)
		reply->status = bh_bulk_overtaken(&s->bulks, plan.cuts, plan.n_cuts);
	bh_plan_fini(&plan);
}

/* the lines of one order. 0 with *ret_cuts malloc'ed, or the reply filled and 1 */
static int parse_order(const char *body, size_t len, struct bh_cut **ret_cuts, size_t *ret_n,
	struct bh_enf_reply *reply)
{
	const char *end = body + len;
	struct bh_cut *v = calloc(BH_ENF_CHUNK, sizeof *v);
	unsigned line = 0;
	size_t n = 0;

	if (!v) {
		reply->status = -ENOMEM;
		return 1;
	}
	while (body < end) {
		const char *nl = memchr(body, '\n', (size_t)(end - body)), *stop = nl ? nl : end;
		struct bh_plan_error error = {.text = "too many lines for one order"};
		int r = n == BH_ENF_CHUNK
				? 1
				: bh_cut_parse(body, (size_t)(stop - body), &v[n], &error);

		line++;
		if (r) {
			error.line = line;
			error_text(reply, &error);
			free(v);
			return 1;
		}
		n++;
		body = nl ? nl + 1 : end;
	}
	*ret_cuts = v;
	*ret_n = n;
	return 0;
}

static void do_order(
	struct server *s, const char *body, size_t len, bool release, struct bh_enf_reply *reply)
{
	struct bh_cut *cuts;
	size_t n;

	if (parse_order(body, len, &cuts, &n, reply))
		return;
	reply->status = release ? bh_enforcer_release(s->e, cuts, n)
				: bh_enforcer_cut(s->e, cuts, n, &reply->refused);
	if (reply->status == 0)
		reply->status = bh_bulk_overtaken(&s->bulks, cuts, n);
	free(cuts);
}

static void do_dump(struct server *s, struct bh_enf_reply *reply)
{
	struct bh_cut *cuts;
	struct bh_text t;
	size_t n, cap;

	reply->status = bh_enforcer_cuts(s->e, &cuts, &n);
	if (reply->status < 0)
		return;
	cap = n * (BH_CUT_TEXT + 1) + 1;
	reply->body = malloc(cap);
	if (!reply->body) {
		reply->status = -ENOMEM;
		free(cuts);
		return;
	}
	t = bh_text(reply->body, cap);
	for (size_t i = 0; i < n; i++) {
		char line[BH_CUT_TEXT];

		bh_putn(&t, line, bh_cut_print(&cuts[i], line));
		bh_put(&t, "\n");
	}
	reply->body_len = t.len;
	free(cuts);
}

static void do_trial(struct server *s, const char *body, size_t len, struct bh_enf_reply *reply)
{
	const char *nl = memchr(body, '\n', len), *end = nl ? nl : body;
	struct bh_plan_error error = {.line = 1, .col = 1, .text = "expected hold=DURATION"};
	struct bh_plan plan;
	bh_ns hold;
	int r;

	if (end - body < 6 || memcmp(body, "hold=", 5) || bh_duration_parse(body + 5, (size_t)(end - body) - 5, &hold)) {
		error_text(reply, &error);
		return;
	}
	r = bh_plan_parse(end + 1, len - (size_t)(end + 1 - body), &plan, &error);
	if (r) {
		error.line++;
		if (r > 0)
			error_text(reply, &error);
		else
			reply->status = r;
		return;
	}
	reply->status = bh_enforcer_trial(s->e, &plan, hold);
	bh_plan_fini(&plan);
}

/* lines of at most room bytes each, printed one after the other into the reply's body */
static bool body_room(struct bh_enf_reply *reply, size_t lines, size_t room, struct bh_text *ret_text)
{
	size_t cap = lines * (room + 1) + 512 + PORTS_TEXT;

	reply->body = malloc(cap);
	if (!reply->body) {
		reply->status = -ENOMEM;
		return false;
	}
	*ret_text = bh_text(reply->body, cap);
	return true;
}

static void do_flows(struct server *s, const char *body, size_t len, struct bh_enf_reply *reply)
{
	struct bh_ct_flow *flows;
	struct bh_cut *cuts;
	char offload[BH_OFFLOAD_TEXT] = "";
	uint64_t left_out;
	struct bh_text t;
	size_t n, n_flows;

	if (parse_order(body, len, &cuts, &n, reply))
		return;
	reply->status = bh_enforcer_flows(s->e, cuts, n, &flows, &n_flows, &left_out);
	free(cuts);
	if (reply->status == 0)
		reply->status = bh_offload_read(&s->e->nl, offload);
	if (reply->status < 0)
		return;
	if (body_room(reply, n_flows, BH_CT_FLOW_TEXT, &t)) {
		char line[BH_CT_FLOW_TEXT];

		for (size_t i = 0; i < n_flows; i++) {
			bh_putn(&t, line, bh_ct_flow_print(&flows[i], line));
			bh_put(&t, "\n");
		}
		bh_putf(&t, "left-out %llu\n", (unsigned long long)left_out);
		if (offload[0])
			bh_putf(&t, "offload %s\n", offload);
		if (s->e->bridge)
			reply->status = bh_ports_print(s->e, &t);
		reply->body_len = t.len;
	}
	free(flows);
}

static void do_counters(struct server *s, struct bh_enf_reply *reply)
{
	struct bh_enforce_counters c;
	struct bh_would *would = NULL;
	struct bh_text t;
	size_t n = 0;

	reply->status = bh_enforcer_counters(s->e, &c);
	if (reply->status == 0)
		reply->status = bh_enforcer_would(s->e, &would, &n);
	if (reply->status == 0 && body_room(reply, n, BH_WOULD_TEXT, &t)) {
		char line[BH_WOULD_TEXT];

		bh_putf(&t, "counters pin=%llu iso=%llu deny=%llu shield=%llu invalid=%llu would=%llu contain=%llu island=%llu kill=%llu vlan=%llu\n",
			(unsigned long long)c.pin, (unsigned long long)c.iso, (unsigned long long)c.deny, (unsigned long long)c.shield,
			(unsigned long long)c.invalid, (unsigned long long)c.would_deny, (unsigned long long)c.contain, (unsigned long long)c.island,
			(unsigned long long)c.kill, (unsigned long long)c.vlan);
		for (size_t i = 0; i < n; i++) {
			bh_putn(&t, line, bh_would_print(&would[i], line));
			bh_put(&t, "\n");
		}
		reply->body_len = t.len;
	}
	free(would);
}

/* the frame goes with it, another one will be made */
static int take_bulk(struct server *s, bool release, uint32_t seq, const char *body, size_t len)
{
	char *frame = s->in;
	int r;

	s->in = NULL;
	s->in_cap = 0;
	r = bh_bulk_take(&s->bulks, release, seq, frame, body, len);
	return r;
}

/* < 0: the peer does not speak our language; the caller ends */
static int handle(struct server *s, const char *payload, size_t len)
{
	struct bh_enf_reply reply = {0};
	const char *body;
	size_t body_len;
	unsigned request;
	bh_ns start = bh_clock_now();
	int r;

	if (bh_request_decode(payload, len, &request, &reply.seq, &body, &body_len))
		return -EPROTO;
	switch (request) {
	case BH_ENF_APPLY:
	case BH_ENF_DRY:
		do_plan(s, body, body_len, request == BH_ENF_DRY, &reply);
		break;
	case BH_ENF_CUT:
	case BH_ENF_RELEASE:
		if (bh_bulk_is(body, body_len)) {
			reply.status = take_bulk(s, request == BH_ENF_RELEASE, reply.seq, body, body_len);
			if (reply.status == 0)
				return 0; /* answered when it is done */
			snprintf(reply.text, sizeof reply.text, "a bulk of more than %d lines: %s",
				BH_ENF_CHUNK, reply.status == -E2BIG ? "at most 65536 at once" : strerror(-reply.status));
			break;
		}
		do_order(s, body, body_len, request == BH_ENF_RELEASE, &reply);
		break;
	case BH_ENF_DUMP:
		do_dump(s, &reply);
		break;
	case BH_ENF_VERIFY:
		reply.status = bh_enforcer_verify(s->e);
		break;
	case BH_ENF_TRIAL:
		do_trial(s, body, body_len, &reply);
		break;
	case BH_ENF_CONFIRM:
		reply.status = bh_enforcer_confirm(s->e);
		break;
	case BH_ENF_ROLLBACK:
		reply.status = bh_enforcer_rollback(s->e);
		break;
	case BH_ENF_FLOWS:
		do_flows(s, body, body_len, &reply);
		break;
	case BH_ENF_COUNTERS:
		do_counters(s, &reply);
		break;
	}
	if (reply.status && !reply.text[0])
		bh_strcpy(reply.text, sizeof reply.text, bh_enforcer_why(s->e));
	reply.us = (bh_clock_now() - start) / 1000;
	r = send_reply(s, &reply);
	free(reply.body);
	return r;
}

/* reads what is there and handles every whole frame. 0 go on, 1 the peer has closed, < 0 end */
static int receive(struct server *s)
{
	size_t want = 4;
	ssize_t n;

	if (s->in_len >= 4) {
		struct bh_bytes c = bh_bytes(s->in, 4);

		want = 4 + (size_t)bh_be32(&c);
		if (want - 4 > BH_ENF_FRAME_MAX)
			return -EPROTO;
	}
	if (want > s->in_cap) { /* grows with what has come, not with what was promised */
		size_t cap = s->in_cap ? s->in_cap * 2 : 1 << 16;
		char *v;

		if (s->in_len == s->in_cap) {
			v = realloc(s->in, cap);
			if (!v)
				return -ENOMEM;
			s->in = v;
			s->in_cap = cap;
		}
	}
	if (want > s->in_cap)
		want = s->in_cap;
	n = recv(s->fd, s->in + s->in_len, want - s->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return 1;
	s->in_len += (size_t)n;
	if (s->in_len >= 4) {
		struct bh_bytes c = bh_bytes(s->in, 4);
		size_t len = bh_be32(&c);

		if (len > BH_ENF_FRAME_MAX)
			return -EPROTO;
		if (s->in_len == 4 + len) {
			s->in_len = 0;
			return handle(s, s->in + 4, len);
		}
	}
	return 0;
}

static bool busy(const struct server *s)
{
	return s->out_len - s->out_at > OUT_BUSY;
}

static int report_drift(struct server *s)
{
	struct bh_enf_reply notice = {0};
	int r = 0;

	while (r == 0 && bh_enforcer_watch(s->e, &notice.drift) == 1) {
		if (busy(s)) {
			s->untold++;
			continue;
		}
		if (s->untold) {
			size_t n = strlen(notice.drift.text);

			snprintf(notice.drift.text + n, sizeof notice.drift.text - n,
				" (%u notices untold)", s->untold);
			s->untold = 0;
		}
		r = send_reply(s, &notice);
	}
	return r;
}

/* Between chunks it sleeps this long: others on its processor live on, though it may be real-time. */
#define BREATH (BH_MS(1) / 4)

/* until the law on trial has run out and its remains are cleared away; 0 = for ever */
static bh_ns patience(const struct server *s)
{
	bh_ns left = bh_enforcer_trial_left(s->e);

	return s->bulks.first ? BREATH : left ? left + BH_MS(1) : 0;
}

static int wait_for(const struct server *s, struct pollfd p[2])
{
	/* what cannot be cleared now judges nothing any more, and is tried again */
	bh_ns t = bh_enforcer_expire(s->e) < 0 ? BH_SEC(1) : patience(s);
	struct timespec ts = {(time_t)(t / BH_SEC(1)), (long)(t % BH_SEC(1))};

	return ppoll(p, 2, t ? &ts : NULL, NULL);
}

#define AHEAD 256 /* readings in a row that go ahead of a chunk: also a flood of requests lets it through */

static int step(struct server *s)
{
	struct bh_enf_reply reply;
	int r;

	if (!bh_bulk_step(&s->bulks, s->e, &reply))
		return 0;
	r = send_reply(s, &reply);
	free(reply.body);
	return r;
}

static int loop(struct server *s)
{
	struct pollfd p[2] = {{s->fd, 0, 0}, {bh_enforcer_fd(s->e), POLLIN, 0}};
	unsigned ahead = 0;
	int r = 0;

	while (r == 0) {
		bool full = busy(s) || bh_bulk_full(&s->bulks);

		p[0].events = (short)((full ? 0 : POLLIN) | (s->out_at < s->out_len ? POLLOUT : 0));
		if (wait_for(s, p) < 0) {
			if (errno != EINTR)
				r = -errno;
			continue;
		}
		if (p[0].revents & POLLOUT)
			r = flush(s);
		if (r == 0 && (p[0].revents & POLLIN)) { /* orders first: a flood of notices must
							    not delay an isolation */
			r = receive(s);
			ahead++;
		} else if (r == 0 && (p[0].revents & (POLLHUP | POLLERR))) {
			r = 1;
		}
		if (r == 0 && (p[1].revents || s->e->n_drift || s->e->lost))
			r = report_drift(s);
		if (r == 0 && s->bulks.first && (!(p[0].revents & POLLIN) || ahead >= AHEAD)) {
			r = step(s);
			ahead = 0;
		}
	}
	return r > 0 || r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int bh_enforcer_serve(int fd, unsigned how)
{
	struct server s = {.fd = fd};
	int r = bh_enforcer_open(&s.e);

	if (r < 0)
		return r;
	bh_enforcer_bridge(s.e, how & BH_ENF_BRIDGE);
	if (how & BH_ENF_OWN)
		r = bh_enforcer_own(s.e);
	if (r >= 0) /* a kernel that cannot is watched */
		r = bh_cage();
	if (r == 0)
		r = loop(&s);
	if (r == 0)
		r = bh_law_disown(s.e);
	bh_bulk_fini(&s.bulks);
	free(s.in);
	free(s.out);
	bh_enforcer_close(s.e);
	return r;
}
