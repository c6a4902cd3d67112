/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The enforcer. It scans the kernel and repairs it rather than believing what it once wrote: each
 * write is one atomic batch, each batch is read back, and the watch (watch.c) compares again
 * whenever somebody else has touched the table.
 *
 *   apply    the whole table in one batch (ruleset.c, sets.c): the old law and the new one are
 * never seen mixed, and what is isolated stays so, with the time it had left cut      one element
 * of a hash set (cut.c): some ten microseconds, whatever the size of the law verify   digests of
 * the kernel's own listing (readback.c) against those taken after the apply, cuts against the book
 *   serve    the process around it: a table of requests on one socket, everything else forbidden
 * (serve.c)
 *
 * Killing the process at any point leaves the last committed table standing, cuts running out by
 * the kernel's clock; its successor reads cuts, generation and the law's hash from the table and
 * goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include "enforcer.h"

const char *bh_enforcer_why(const struct bh_enforcer *e)
{
	return e->why;
}

static int fail(struct bh_enforcer *e, int r, const char *what)
{
	snprintf(e->why, sizeof e->why, "%s: %s%s", what, strerror(-r), bh_nl_hint(r));
	return r;
}

static bool is_on(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '0';
	bool on;

	if (fd < 0)
		return false;
	on = read(fd, &c, 1) == 1 && c == '1';
	close(fd);
	return on;
}

/* bridged frames also pass inet forward when this is on; read once, before the process gives up
 * files */
static bool read_br_netfilter(void)
{
	return is_on("/proc/sys/net/bridge/bridge-nf-call-iptables") &&
	       is_on("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
}

int bh_enforcer_open(struct bh_enforcer **ret_enforcer)
{
	struct bh_enforcer *e = calloc(1, sizeof *e);
	int r;

	if (!e)
		return -ENOMEM;
	r = bh_nl_open(&e->nl, NETLINK_NETFILTER, 0);
	if (r == 0)
		r = bh_nl_open(&e->watch, NETLINK_NETFILTER, 0);
	if (r == 0) {
		int group = NFNLGRP_NFTABLES;

		if (mnl_socket_setsockopt(
			    e->watch.sock, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
			r = -errno;
	}
	if (r == 0)
		r = bh_nl_open(&e->route, NETLINK_ROUTE, 0);
	if (r == 0)
		r = bh_self_read(e);
	if (r == 0) {
		struct snapshot head;

		r = bh_snapshot_head(&e->nl, &head); /* without CAP_NET_ADMIN this is refused */
		if (r == 0)
			e->stamp = head.stamp;
	}
	if (r < 0) {
		bh_enforcer_close(e);
		return r;
	}
	e->br_netfilter = read_br_netfilter();
	*ret_enforcer = e;
	return 0;
}

void bh_enforcer_close(struct bh_enforcer *e)
{
	if (!e)
		return;
	bh_nl_close(&e->nl);
	bh_nl_close(&e->watch);
	bh_nl_close(&e->route);
	bh_batch_fini(&e->batch);
	bh_plan_fini(&e->law);
	bh_plan_fini(&e->trial.law);
	bh_book_fini(&e->book);
	free(e->self);
	free(e);
}

/* ---- addresses of this box ---- */

struct addresses {
	struct bh_addr *v;
	size_t n, cap;
};

static int each_address(const struct nlmsghdr *h, void *ctx)
{
	struct addresses *l = ctx;
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	const uint8_t *p = NULL;
	struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof *m)
		return 0;
	mnl_attr_for_each(a, h, sizeof *m)
	{
		uint16_t type = mnl_attr_get_type(a);
		size_t want = m->ifa_family == AF_INET ? 4 : 16;

		if (mnl_attr_get_payload_len(a) != want)
			continue;
		if (type == IFA_LOCAL || (type == IFA_ADDRESS && !p))
			p = mnl_attr_get_payload(a);
	}
	if (!p || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct bh_addr *v = realloc(l->v, cap * sizeof *v);

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = m->ifa_family == AF_INET ? bh_addr_v4(p) : bh_addr_v6(p);
	return 0;
}

int bh_self_read(struct bh_enforcer *e)
{
	struct addresses l = {0};
	char buf[128];
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
		struct rtgenmsg *g;

		h->nlmsg_type = RTM_GETADDR;
		h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		h->nlmsg_seq = e->route.seq++;
		g = mnl_nlmsg_put_extra_header(h, sizeof *g);
		g->rtgen_family = AF_UNSPEC;
		l.n = 0;
		r = bh_nl_ask(&e->route, h, each_address, &l);
	}
	if (r < 0) {
		free(l.v);
		return fail(e, r, "own addresses");
	}
	free(e->self);
	e->self = l.v;
	e->n_self = l.n;
	return 0;
}

/* ---- law ---- */

/* moves cuts into next as far as the guard lets them; strict: a refusal is an error, else the cut
 * is left out */
int bh_cuts_admit(struct bh_enforcer *e, const struct bh_plan *law, const struct bh_cut *cuts,
	size_t n, bool strict, struct book *next, bh_ns now)
{
	for (size_t i = 0; i < n; i++) {
		struct bh_refused refused;
		const struct bh_cut *other;
		int r;

		if (bh_book_deadline(next, &cuts[i]))
			continue;
		r = bh_plan_guard(law, &cuts[i], next->kind[cuts[i].kind % BH_CUT_KINDS], e->self,
			e->n_self, &refused);
		if (r == 0 && (other = bh_book_net_overlap(next, &cuts[i]))) {
			snprintf(refused.text, sizeof refused.text,
				"overlaps the isolation of order %u", other->order);
			r = 1;
		}
		if (r && !strict)
			continue;
		if (r) {
			snprintf(e->why, sizeof e->why, "cut of order %u refused: %s",
				cuts[i].order, refused.text);
			return 1;
		}
		r = bh_book_put(next, &cuts[i], now);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * A connection keeps the mark of the law it was judged under, and the mark must never be mistaken
 * for another law's: not when a restarted core begins again at 1, not when the same number comes
 * with another policy, not when a law was on trial under it and taken back. Nor is a table believed
 * that stood without a keeper: whoever wrote to it meanwhile was not heard.
 */
static void choose_stamp(
	struct bh_enforcer *e, const struct snapshot *standing, uint32_t wanted, uint64_t hash)
{
	uint16_t used = standing->present ? standing->used : 0;

	if (e->have_law && used && wanted <= used && standing->law_hash == hash) {
		e->stamp = standing->stamp;
		e->used = used;
		return;
	}
	e->stamp = bh_stamp_fresh(used, wanted);
	e->used = e->stamp;
}

int bh_enforcer_apply(struct bh_enforcer *e, const struct bh_plan *plan)
{
	struct bh_plan law = {0};
	struct book next = {0};
	struct snapshot head;
	struct bh_cut *standing = NULL;
	size_t n_standing = 0;
	bh_ns now = bh_clock_now();
	uint64_t hash;
	int r;

	if (plan->generation == 0 || plan->generation > 65535)
		return fail(e, -EINVAL, "generation");
	r = bh_self_read(e);
	if (r == 0)
		r = bh_law_make(e, plan, &law, &hash);
	if (r == 0)
		r = bh_snapshot_head(&e->nl, &head);
	if (r == 0)
		r = bh_bridge_head(e);
	if (r == 0 && head.present && !e->have_law) /* left by an earlier process: else the book knows */
		r = bh_cuts_read(&e->nl, &standing, &n_standing);
	if (r == -ENOENT) /* deleted meanwhile: there is nothing to take over */
		r = 0;
	if (r < 0)
		(void)fail(e, r, "apply");
	if (r == 0)
		r = bh_cuts_admit(e, &law, plan->cuts, plan->n_cuts, true, &next, now);
	if (r == 0)
		r = bh_cuts_admit(e, &law, standing, n_standing, false, &next, now);
	if (r == 0 && e->have_law)
		r = bh_cuts_carry(e, &law, false, &next, now);
	if (r == 0) {
		struct bh_plan old = e->law;
		struct trial trial = e->trial;
		uint16_t old_stamp = e->stamp, old_used = e->used;
		uint64_t old_hash = e->law_hash;

		e->law = law;
		e->law_hash = hash;
		e->trial = (struct trial){.deadline = 0};
		choose_stamp(e, &head, plan->generation, hash);
		r = bh_law_put(e, &next);
		if (r < 0) {
			law = e->law;
			e->law = old;
			e->stamp = old_stamp;
			e->used = old_used;
			e->law_hash = old_hash;
			e->trial = trial;
		} else {
			law = old;
			e->have_law = true;
			bh_plan_fini(&trial.law);
			bh_book_fini(&e->book);
			e->book = next;
			next = (struct book){0};
		}
	}
	bh_plan_fini(&law);
	bh_book_fini(&next);
	free(standing);
	return r == NOT_PROVED ? 1 : r;
}

int bh_enforcer_dry(struct bh_enforcer *e, const struct bh_plan *plan)
{
	struct bh_plan law;
	struct ruleset rs = {.b = &e->batch, .law = &law, .stamp = (uint16_t)plan->generation,
		.used = (uint16_t)plan->generation, .table_flags = e->own ? TABLE_OWNED : 0};
	struct ruleset bridge = rs;
	struct cut_stream stream;
	int r = bh_bridge_ask(e);

	if (r < 0)
		return r;

	if (plan->generation == 0 || plan->generation > 65535)
		return fail(e, -EINVAL, "generation");
	r = bh_plan_copy(plan, &law);
	if (r < 0)
		return fail(e, r, "dry run");
	r = bh_plan_normalise(&law);
	if (r == 0) {
		bh_batch_begin(&e->batch, &e->nl);
		rs.link = bh_bridged_here(e);
		bh_ruleset_put(&rs);
		stream = bh_cut_stream(&e->batch);
		for (size_t i = 0; i < law.n_cuts; i++)
			bh_cut_put(&stream, &law.cuts[i], NFT_MSG_NEWSETELEM, NLM_F_CREATE);
		bh_cut_stream_end(&stream);
		bridge.whole = e->bridge_whole;
		if (e->bridge)
			bh_bridge_put(&bridge, true);
		r = bh_batch_commit(&e->batch, &e->nl, true, e->why);
	}
	bh_ruleset_fini(&rs);
	bh_ruleset_fini(&bridge);
	bh_plan_fini(&law);
	return r;
}

int bh_bridge_head(struct bh_enforcer *e)
{
	struct snapshot head = {.present = false};
	int r;

	e->nl.family = NFPROTO_BRIDGE;
	r = bh_snapshot_head(&e->nl, &head);
	e->nl.family = NFPROTO_INET;
	e->bridge_stands = head.present;
	return r < 0 ? r : bh_bridge_ask(e);
}

void bh_enforcer_bridge(struct bh_enforcer *e, bool on)
{
	e->bridge = on;
}

void bh_table_drop(struct bh_enforcer *e, uint8_t family)
{
	struct nlmsghdr *h;

	e->batch.family = family;
	h = bh_batch_msg(&e->batch, NFT_MSG_DELTABLE, 0, "table", NL_TABLE);
	e->batch.family = NFPROTO_INET;
	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, NL_TABLE);
	bh_batch_msg_end(&e->batch, h);
}

int bh_enforcer_disarm(struct bh_enforcer *e)
{
	struct snapshot head;
	int r = bh_snapshot_head(&e->nl, &head);

	if (r < 0)
		return fail(e, r, "table " NL_TABLE);
	r = bh_bridge_head(e);
	if (r < 0)
		return fail(e, r, "table bridge " NL_TABLE);
	if (head.present || e->bridge_stands) {
		bh_batch_begin(&e->batch, &e->nl);
		if (head.present)
			bh_table_drop(e, NFPROTO_INET);
		if (e->bridge_stands)
			bh_table_drop(e, NFPROTO_BRIDGE);
		r = bh_batch_commit(&e->batch, &e->nl, false, e->why);
		if (r < 0)
			return r;
	}
	bh_watch_drain(e);
	bh_plan_fini(&e->law);
	bh_plan_fini(&e->trial.law);
	bh_book_fini(&e->book);
	e->trial.deadline = 0;
	e->have_law = false;
	e->applied = (struct snapshot){0};
	return 0;
}

int bh_bridge_counters(struct bh_enforcer *e, struct bh_enforce_counters *ret)
{
	int r;

	e->nl.family = NFPROTO_BRIDGE;
	r = bh_counters_read(&e->nl, ret);
	e->nl.family = NFPROTO_INET;
	return r;
}

/* of both tables */
int bh_enforcer_counters(struct bh_enforcer *e, struct bh_enforce_counters *ret_counters)
{
	struct bh_enforce_counters a, b;
	int r = bh_counters_read(&e->nl, &a);

	if (r == 0)
		r = bh_bridge_counters(e, &b);
	if (r < 0)
		return fail(e, r, "counters");
	*ret_counters = (struct bh_enforce_counters){.pin = a.pin + b.pin,
		.iso = a.iso + b.iso,
		.deny = a.deny + b.deny,
		.shield = a.shield + b.shield,
		.invalid = a.invalid + b.invalid,
		.would_deny = a.would_deny + b.would_deny,
		.contain = a.contain + b.contain,
		.island = a.island + b.island,
		.kill = a.kill + b.kill,
		.vlan = b.vlan};
	return 0;
}

/* ---- verify ---- */

static const char *first_difference(const struct snapshot *a, const struct snapshot *b)
{
	if (a->present != b->present)
		return "table " NL_TABLE " is gone";
	if (a->table != b->table)
		return "flags or comment of the table changed";
	if (a->chains != b->chains || a->n_chains != b->n_chains)
		return "chains changed";
	if (a->rules != b->rules || a->n_rules != b->n_rules)
		return "rules changed";
	if (a->sets != b->sets || a->n_sets != b->n_sets)
		return "sets changed";
	if (a->objects != b->objects)
		return "counters changed";
	if (a->elements != b->elements || a->n_elements != b->n_elements)
		return "elements of the law changed";
	return NULL;
}

int bh_enforcer_verify(struct bh_enforcer *e)
{
	struct snapshot now;
	const char *what;
	int r;

	if (!e->have_law)
		return fail(e, -ENODATA, "no law applied yet");
	r = bh_snapshot_take(&e->nl, NULL, &now, e->why);
	if (r < 0)
		return fail(e, r, "reading back");
	what = first_difference(&e->applied, &now);
	if (what) {
		snprintf(e->why, sizeof e->why, "%s", what);
		return 1;
	}
	if (e->bridge) {
		e->nl.family = NFPROTO_BRIDGE;
		r = bh_snapshot_take(&e->nl, NULL, &now, e->why);
		e->nl.family = NFPROTO_INET;
		if (r < 0)
			return fail(e, r, "reading back");
		what = first_difference(&e->bridge_applied, &now);
		if (what) {
			snprintf(e->why, sizeof e->why, "bridge: %s", what);
			return 1;
		}
	}
	r = bh_trial_compare(e);
	return r ? r : bh_cuts_compare(e);
}
