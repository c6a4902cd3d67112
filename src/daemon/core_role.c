/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core's process: everything that means something, and no privilege at all. It waits on four things - the sensor's
 * bell, the enforcer's socket, the local API, the supervisor - turns each into events, steps the core, and carries what
 * comes out: cuts to the enforcer, lines to the reporter, answers to whoever asked.
 *
 * Events of several workers are merged by time up to the slowest worker's watermark, but never held longer than LAG: live,
 * a late event costs less than a late isolation. What the enforcer holds survives this process; at the start the standing
 * cuts are read back and become orders again.
 */
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/border.h"
#include "daemon/core_proc.h"
#include "daemon/worker.h"

#define LAG BH_MS(10)
#define FIXED 6 /* descriptors that are no clients */
#define BURST 4096 /* events between two looks at the descriptors */

bh_ns core_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* ---- what comes out ---- */
static void write_record(struct proc *p, const struct bh_record *rec)
{
	char *room = bh_lines_room(&p->eve, BH_EVE_MAX);
	size_t n;

	if (!room)
		return;
	n = bh_eve_record(&p->fmt, rec, room, BH_EVE_MAX);
	if (n || !p->fmt.strict)
		bh_lines_commit(&p->eve, n);
}

static void kernel_event(struct proc *p, uint32_t order, unsigned what, uint64_t us, const char *text)
{
	struct bh_event ev = {.at = core_wall(), .kind = BH_EV_KERNEL};

	ev.u.kernel.order = order;
	ev.u.kernel.what = (uint8_t)what;
	ev.u.kernel.us = us;
	bh_strcpy(ev.u.kernel.text, sizeof ev.u.kernel.text, text);
	core_step(p, &ev);
}

void core_enforcer_down(struct proc *p)
{
	if (p->enf.fd >= 0)
		fprintf(stderr, "bulkhead: core: the enforcer is gone; the kernel keeps what it holds, waiting for a new one\n");
	bh_enfclient_close(&p->enf);
	core_live_lost(p);
	core_policy_lost(p, "lost its enforcer");
}

static void carry(struct proc *p, const struct bh_record *rec)
{
	int r;

	p->boot_dirty |= rec->kind != BH_REC_ALERT;
	p->hands_dirty |= rec->kind == BH_REC_POSTURE;
	if (rec->kind != BH_REC_ACTION || rec->order.n_cuts == 0) /* a conduit, or cuts that other orders hold */
		return;
	switch (rec->verb) {
	case BH_VERB_REQUESTED:
		r = bh_enfclient_cuts(&p->enf, BH_ENF_CUT, rec->order.id, rec->order.cuts, rec->order.n_cuts);
		if (r == -ENOTCONN)
			return; /* stands requested; sent again when an enforcer is there */
		break;
	case BH_VERB_RELEASED:
		r = bh_enfclient_cuts(&p->enf, BH_ENF_RELEASE, rec->order.id, rec->order.cuts, rec->order.n_cuts);
		break;
	case BH_VERB_INEFFECTIVE:
		fprintf(stderr, "bulkhead: order %u is not effective: %s\n", rec->order.id, rec->order.reason);
		return;
	default:
		return;
	}
	if (r < 0 && r != -ENOTCONN)
		core_enforcer_down(p);
}

void core_step(struct proc *p, const struct bh_event *ev)
{
	p->out.n = 0;
	if (bh_core_step(p->core, ev, &p->out) < 0 || p->out.n == 0)
		return;
	for (size_t i = 0; i < p->out.n; i++)
		carry(p, &p->out.rec[i]); /* the cut leaves before the words about it */
	for (size_t i = 0; i < p->out.n; i++)
		write_record(p, &p->out.rec[i]);
	(void)!bh_lines_flush(&p->eve);
	if (p->hands_dirty)
		core_hands_keep(p);
	p->hands_dirty = false;
}

/* ---- enforcer ---- */
static void enforcer_up(struct proc *p, int fd)
{
	int r;

	bh_enfclient_close(&p->enf);
	core_live_lost(p);
	if (fd < 0)
		return;
	core_policy_lost(p, "lost its enforcer");
	for (int i = 0; i < CLIENTS; i++) /* what the one before was given counts no more; the next law holds it too */
		p->clients[i].law = p->clients[i].law ? p->laws_sent + 1 : 0;
	p->laws_taken = p->laws_sent;
	p->law_due = true;
	r = bh_enfclient_open(&p->enf, fd);
	if (r == 0)
		r = bh_enfclient_send(&p->enf, BH_ENF_DUMP, 0, NULL, 0);
	if (r < 0) {
		fprintf(stderr, "bulkhead: core: cannot reach the enforcer: %s\n", strerror(-r));
		bh_enfclient_close(&p->enf);
	}
}

void core_orders_again(struct proc *p)
{
	if (p->enf.fd >= 0 && core_resend(p) < 0)
		core_enforcer_down(p);
}

/* With what the kernel holds known, the law of the posture that follows from it, then the cuts it lacks. */
static void reconcile(struct proc *p, const struct bh_enf_reply *reply)
{
	struct bh_event tick = {.at = p->now, .kind = BH_EV_TICK};
	int r = 0;

	if (reply->status == 0)
		core_adopt(p, reply, false);
	core_step(p, &tick);
	if (p->law_due && p->enf.fd >= 0) {
		p->law_due = false;
		r = core_send_law(p);
	}
	if (r == 0 && p->enf.fd >= 0 && reply->status == 0)
		core_adopt(p, reply, true);
	if (r == 0 && p->enf.fd >= 0)
		r = core_resend(p);
	if (r < 0)
		core_enforcer_down(p); /* half a frame may be in the socket */
}

static void notice(struct proc *p, const struct bh_drift *d)
{
	struct bh_event ev = {.at = core_wall(), .kind = BH_EV_KERNEL};

	if (!d->ours_touched)
		return; /* other owners change their own tables all day */
	p->drifts++;
	ev.u.kernel.what = d->repaired ? BH_KER_REPAIRED : BH_KER_DRIFT;
	ev.u.kernel.pid = d->pid;
	ev.u.kernel.generation = d->generation;
	bh_strcpy(ev.u.kernel.prog, sizeof ev.u.kernel.prog, d->prog);
	snprintf(ev.u.kernel.text, sizeof ev.u.kernel.text, "table inet bulkhead changed by %.15s (pid %u)%s", d->prog, d->pid,
		d->repaired ? ", repaired" : ", NOT repaired");
	fprintf(stderr, "bulkhead: %s: %s\n", ev.u.kernel.text, d->text);
	core_step(p, &ev);
}

static void replied(struct proc *p, const struct bh_enf_reply *reply, unsigned request, uint32_t order)
{
	if (reply->seq == 0) {
		notice(p, &reply->drift);
		return;
	}
	switch (request) {
	case BH_ENF_CUT:
		if (reply->status) {
			p->refused_order = order;
			bh_strcpy(p->refused_text, sizeof p->refused_text, reply->status > 0 ? reply->refused.text : reply->text);
		}
		kernel_event(p, order, reply->status == 0 ? BH_KER_APPLIED : reply->status > 0 ? BH_KER_REFUSED : BH_KER_FAILED, reply->us,
			reply->status > 0 ? reply->refused.text : reply->text);
		if (reply->status > 0 && core_let_go(p, order) < 0)
			core_enforcer_down(p);
		break;
	case BH_ENF_APPLY:
		if (reply->status)
			core_law_not_taken(p, reply);
		else if (!strncmp(reply->text, "segment=", 8))
			p->segment = bh_segment_find(reply->text + 8, strlen(reply->text + 8));
		p->boot_dirty |= reply->status == 0;
		core_law_replied(p, reply->status);
		break;
	case BH_ENF_TRIAL:
	case BH_ENF_CONFIRM:
	case BH_ENF_ROLLBACK:
		core_policy_replied(p, reply, request);
		break;
	case BH_ENF_FLOWS:
	case BH_ENF_COUNTERS:
		core_live_replied(p, reply, request, order);
		break;
	case BH_ENF_DUMP:
		reconcile(p, reply);
		p->adopting = 0;
		break;
	}
}

static void enforcer_ready(struct proc *p)
{
	struct bh_enf_reply reply;
	unsigned request;
	uint32_t order;
	int r = bh_enfclient_read(&p->enf);

	while (r == 0 && (r = bh_enfclient_next(&p->enf, &reply, &request, &order)) == 0) {
		replied(p, &reply, request, order);
		free(reply.body);
		if (p->enf.fd < 0)
			return;
	}
	if (r < 0)
		core_enforcer_down(p);
}

/* a new socket from the supervisor, as ancillary data */
static void supervisor_ready(struct proc *p)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} ctl;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl};
	struct cmsghdr *h;
	int fd;
	ssize_t n = recvmsg(p->in->supervisor, &m, MSG_CMSG_CLOEXEC);

	if (n == 0)
		exit(0); /* the supervisor is gone */
	h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (n > 0 && byte == 't')
		core_store_again(p);
	if (n > 0 && byte == 's') { /* the sensor died and was started again */
		struct bh_event ev = {.at = core_wall(), .kind = BH_EV_GAP};

		ev.u.gap.why = BH_GAP_SENSOR;
		core_step(p, &ev);
	}
	if (!h || h->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&fd, CMSG_DATA(h), sizeof fd);
	enforcer_up(p, fd);
}

/* ---- events from the rings ---- */
static struct bh_ring *oldest(struct proc *p, bh_ns until, bool *ret_waiting)
{
	struct bh_ring *best = NULL;
	bh_ns best_at = UINT64_MAX;

	for (unsigned i = 0; i <= p->in->opts->workers; i++) { /* the last is the intake's */
		struct bh_ring *r = bh_shm_ring(p->in->shm, i);
		bh_ns at;

		if (!bh_border_peek(r, &at))
			continue;
		if (at > until)
			*ret_waiting = true;
		else if (at < best_at || !best) {
			best_at = at;
			best = r;
		}
	}
	return best;
}

static void flow_line(struct proc *p, const struct bh_event *ev)
{
	char *room = bh_lines_room(&p->eve, 2048);

	if (room)
		bh_lines_commit(&p->eve, bh_eve_flow(&p->fmt, ev, room, 2048));
}

static bool drain(struct proc *p)
{
	bh_ns until = UINT64_MAX;
	struct bh_ring *r;
	bool waiting = false;
	struct bh_event ev;

	for (unsigned i = 0; i < p->in->opts->workers; i++) {
		bh_ns w = atomic_load_explicit(&p->in->shm->tap[i].watermark, memory_order_acquire);

		if (w < until)
			until = w;
	}
	if (p->in->opts->workers == 1 || until + LAG < p->now)
		until = p->in->opts->workers == 1 ? UINT64_MAX : p->now - LAG;
	for (unsigned i = 0; i < BURST && (r = oldest(p, until, &waiting)); i++) {
		bool intake = r == bh_shm_ring(p->in->shm, p->in->opts->workers);

		if (!(intake ? bh_border_take_usb : bh_border_take)(r, p->now, &ev)) {
			if (!p->implausible++)
				fprintf(stderr, "bulkhead: core: the %s said something that cannot be (kind %u); dropped and counted\n", intake ? "intake" : "sensor", ev.kind);
			continue;
		}
		core_step(p, &ev);
		if (ev.kind == BH_EV_FLOW_END)
			flow_line(p, &ev);
	}
	return waiting;
}

static void gaps(struct proc *p)
{
	struct bh_event ev = {.at = p->now, .kind = BH_EV_GAP};
	uint64_t kernel = 0;

	for (unsigned i = 0; i < p->in->opts->workers; i++) {
		uint64_t d = atomic_load_explicit(&bh_shm_ring(p->in->shm, i)->dropped, memory_order_relaxed);

		kernel += atomic_load_explicit(&p->in->shm->tap[i].n.kernel_drops, memory_order_relaxed);
		if (d == p->ring_drops[i])
			continue;
		ev.worker = (uint16_t)i;
		ev.u.gap.lost = d - p->ring_drops[i];
		ev.u.gap.why = BH_GAP_RING;
		p->ring_drops[i] = d;
		core_step(p, &ev);
	}
	if (kernel > p->kernel_drops) {
		ev.worker = 0;
		ev.u.gap.lost = kernel - p->kernel_drops;
		ev.u.gap.why = BH_GAP_KERNEL;
		core_step(p, &ev);
	}
	p->kernel_drops = kernel;
}

/* Was the clock set, or did this process stand still? The kernel knows what it holds, and gets again what it lacks. */
static void leapt(struct proc *p)
{
	if (p->now > p->next_tick + BH_MIN(1))
		core_policy_leapt(p, p->now - p->next_tick);
	else if (p->next_tick > p->now + BH_MIN(1))
		p->boot_next = p->next_stats = p->adopting = p->law_next = p->now;
	else
		return;
	if (p->enf.fd >= 0 && bh_enfclient_send(&p->enf, BH_ENF_DUMP, 0, NULL, 0) < 0)
		core_enforcer_down(p);
}

static void tick(struct proc *p)
{
	struct bh_event ev = {.at = p->now, .kind = BH_EV_TICK};
	time_t t = (time_t)(p->now / BH_SEC(1));
	struct tm tm;

	leapt(p);
	p->next_tick = p->now + TICK;
	gaps(p);
	core_step(p, &ev);
	if (p->now >= p->next_stats) {
		struct bh_stats s = core_stats(p);
		char *room = bh_lines_room(&p->eve, BH_EVE_MAX);

		p->fmt.offset_s = localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
		bh_core_offset(p->core, p->fmt.offset_s);
		p->next_stats = p->now + BH_SEC(10);
		if (room)
			bh_lines_commit(&p->eve, bh_eve_stats(&p->fmt, &s, room, BH_EVE_MAX));
	}
	(void)!bh_lines_flush(&p->eve);
	core_store_tick(p);
	core_probe_tick(p);
	core_policy_tick(p);
	core_boot_tick(p);
}

/* ---- loop ---- */
static int timeout_ms(struct proc *p, bool busy)
{
	if (busy)
		return 1;
	if (p->next_tick > p->now + TICK)
		return 0;
	return p->next_tick > p->now ? (int)((p->next_tick - p->now) / 1000000) + 1 : 0;
}

static bool rings_empty(struct proc *p)
{
	bh_ns at;

	for (unsigned i = 0; i <= p->in->opts->workers; i++)
		if (bh_border_peek(bh_shm_ring(p->in->shm, i), &at))
			return false;
	return true;
}

static bool waits(const struct client *c)
{
	return c->order || c->policy_wait || c->law || c->story || c->import;
}

static void loop(struct proc *p)
{
	struct pollfd f[FIXED + CLIENTS];
	bool busy = false;

	for (;;) {
		uint64_t bell;

		f[0] = (struct pollfd){p->in->bell, POLLIN, 0};
		f[1] = (struct pollfd){p->enf.fd, POLLIN, 0};
		f[2] = (struct pollfd){p->in->api, POLLIN, 0};
		f[3] = (struct pollfd){p->in->supervisor, POLLIN, 0};
		f[4] = (struct pollfd){p->store.fd, POLLIN, 0};
		f[5] = (struct pollfd){p->probe.fd, POLLIN, 0};
		for (int i = 0; i < CLIENTS; i++)
			f[FIXED + i] = (struct pollfd){waits(&p->clients[i]) ? -1 : p->clients[i].fd, p->clients[i].out ? POLLOUT : POLLIN, 0};
		atomic_exchange_explicit(&p->in->shm->core_sleeps, 1, memory_order_acq_rel);
		p->now = core_wall();
		if (poll(f, FIXED + CLIENTS, rings_empty(p) ? timeout_ms(p, busy) : busy || p->now < p->adopting ? 1 : 0) < 0 && errno != EINTR)
			return;
		atomic_store_explicit(&p->in->shm->core_sleeps, 0, memory_order_relaxed);
		p->now = core_wall();
		if (f[0].revents & POLLIN)
			(void)!read(p->in->bell, &bell, sizeof bell);
		if (p->now >= p->adopting || p->enf.fd < 0)
			busy = drain(p);
		if (p->enf.fd >= 0 && f[1].fd == p->enf.fd && f[1].revents)
			enforcer_ready(p);
		if (f[3].revents)
			supervisor_ready(p);
		if (p->store.fd >= 0 && f[4].revents)
			core_store_ready(p);
		if (p->probe.fd >= 0 && f[5].revents)
			core_probe_ready(p);
		if ((f[2].revents & POLLIN) && p->now >= p->adopting)
			core_client_new(p);
		for (int i = 0; i < CLIENTS; i++)
			if (p->clients[i].fd >= 0 && f[FIXED + i].fd == p->clients[i].fd && f[FIXED + i].revents)
				core_client_ready(p, &p->clients[i]);
		core_waiters(p);
		busy |= core_import_step(p);
		if (p->now >= p->next_tick || p->next_tick > p->now + TICK) /* or set back */
			tick(p);
		core_follow_posture(p);
	}
}

int bh_role_core(const struct bh_core_in *in)
{
	static const int extra[] = {SCMP_SYS(accept4), SCMP_SYS(getsockopt), -1};
	struct bh_core_opts co = {.self = in->self, .n_self = in->n_self, .mode = in->opts->mode, .seed = in->seed, .watch = in->opts->watch, .ouis = in->opts->ouis};
	struct proc *p = calloc(1, sizeof *p);
	struct tm tm;
	time_t t = time(NULL);
	int r = p ? 0 : -ENOMEM;

	prctl(PR_SET_NAME, "bh-core");
	if (r == 0) {
		p->in = in;
		p->enf.fd = p->store.fd = p->probe.fd = -1;
		p->policy = co.policy = core_policy_first(p, in->opts->policy);
		p->start = p->now = p->next_tick = core_wall();
		p->reply = malloc(REPLY);
		for (int i = 0; i < CLIENTS; i++)
			p->clients[i].fd = -1;
		p->fmt = (struct bh_eve){.host = in->opts->host, .policy = p->policy, .strict = in->opts->strict};
		p->fmt.in_iface = in->opts->n_ifaces == 1 ? in->opts->ifaces[0] : NULL;
		p->fmt.offset_s = localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0; /* loads the zone while files can be opened */
		r = p->reply ? bh_lines_open(&p->eve, in->reporter, 1 << 20) : -ENOMEM;
		co.now = p->now;
		co.offset_s = p->fmt.offset_s;
		co.tick = TICK;
		if (r == 0) /* a core before this one may have died inside a line */
			p->eve.buf[p->eve.len++] = '\n';
	}
	if (r == 0)
		r = bh_core_open(&co, &p->core);
	if (r == 0) {
		bh_state_memory(bh_core_state(p->core), bh_large_pages);
		r = bh_sandbox(extra);
	}
	if (r < 0) {
		fprintf(stderr, "bulkhead: core: %s\n", strerror(-r));
		return 1;
	}
	core_hands_restore(p);
	core_store_open(p);
	core_probe_open(p);
	p->now = p->next_tick = core_wall();
	enforcer_up(p, in->enforcer);
	if (p->enf.fd >= 0)
		p->adopting = p->now + BH_SEC(2);
	loop(p);
	return 1;
}
