/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who else writes here. The kernel ends every transaction with a notice that names process and
 * program; ours are known by the port of the socket that wrote them. A foreign one that touched the
 * table `inet bulkhead`, or notices lost for want of room, make the whole table suspect: it is
 * compared, and replaced when it differs, with the cuts of the book and the time they have left.
 * What others do in their own tables is told and otherwise left alone.
 *
 * A cut that runs out makes no notice: whoever needs to know asks for the cuts.
 *
 * A listener doubles what an element costs the kernel. So while a chunk of many cuts is written the
 * watch does not listen, and the ruleset's generation takes its place: it grows by one with each
 * transaction, whoever makes it. Asked for before the watch stops and after it listens again, it
 * must have grown by ours alone; else somebody wrote unheard, and everything is verified.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "enforcer.h"
#include "model.h"

int bh_enforcer_fd(const struct bh_enforcer *e)
{
	return mnl_socket_get_fd(e->watch.sock);
}

/* every object's table name is attribute 1: table, chain, rule, set, element list, object,
 * flowtable alike */
_Static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
		       NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1 &&
		       NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1,
	"attribute 1 names the table");

static bool about_our_table(const struct bh_enforcer *e, const struct nlmsghdr *h)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	struct nlattr *a;

	if (mnl_nlmsg_get_payload_len(h) < sizeof *g || (g->nfgen_family != NFPROTO_INET && g->nfgen_family != NFPROTO_BRIDGE && g->nfgen_family != NFPROTO_NETDEV) || !bh_family_on(e, g->nfgen_family))
		return false;
	mnl_attr_for_each(a, h,
		sizeof *g) if (mnl_attr_get_type(a) == 1) return mnl_attr_get_payload_len(a) ==
			sizeof NL_TABLE &&
		!memcmp(mnl_attr_get_payload(a), NL_TABLE, sizeof NL_TABLE);
	return false;
}

static void note(struct bh_enforcer *e, const struct bh_drift *d)
{
	if (e->n_drift == DRIFTS) { /* too many to name: the last place stands for all of them */
		struct bh_drift *last = &e->drift[DRIFTS - 1];
		bool ours = last->ours_touched;

		*last = *d;
		last->ours_touched |= ours;
		return;
	}
	e->drift[e->n_drift++] = *d;
}

static void end_of_transaction(struct bh_enforcer *e, const struct nlmsghdr *h)
{
	struct bh_drift d = {.ours_touched = e->txn_ours};
	struct nlattr *a;

	e->txn_ours = false;
	if (h->nlmsg_pid == e->nl.portid)
		return;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

		if (type == NFTA_GEN_ID && len >= 4)
			d.generation = ntohl(mnl_attr_get_u32(a));
		if (type == NFTA_GEN_PROC_PID && len >= 4)
			d.pid = ntohl(mnl_attr_get_u32(a));
		if (type == NFTA_GEN_PROC_NAME) {
			size_t n = len < sizeof d.prog ? len : sizeof d.prog - 1;

			memcpy(d.prog, mnl_attr_get_payload(a), n);
			d.prog[n < sizeof d.prog ? n : sizeof d.prog - 1] = '\0';
		}
	}
	note(e, &d);
}

static void read_notice(struct bh_enforcer *e, const struct nlmsghdr *h)
{
	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if ((h->nlmsg_type & 0xff) == NFT_MSG_NEWGEN)
		end_of_transaction(e, h);
	else if (h->nlmsg_pid != e->nl.portid && about_our_table(e, h))
		e->txn_ours = true;
}

void bh_watch_drain(struct bh_enforcer *e)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(bh_enforcer_fd(e), e->watch.rx, NL_RX, MSG_DONTWAIT,
			(struct sockaddr *)&from, &from_len);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			e->lost = true;
			e->txn_ours = false;
			continue;
		}
		if (n < 0)
			return;
		if (from.nl_pid != 0)
			continue; /* not from the kernel */
		for (const struct nlmsghdr *h = (void *)e->watch.rx; mnl_nlmsg_ok(h, len);
			h = mnl_nlmsg_next(h, &len))
			read_notice(e, h);
	}
}

/* ---- many at once ---- */

static bool listen_to(struct bh_enforcer *e, int how)
{
	int group = NFNLGRP_NFTABLES;

	return mnl_socket_setsockopt(e->watch.sock, how, &group, sizeof group) == 0;
}

int bh_watch_unheard(struct bh_enforcer *e)
{
	uint32_t before = bh_generation(&e->nl), ours;
	bool deaf = before && listen_to(e, NETLINK_DROP_MEMBERSHIP);
	int r = bh_batch_commit(&e->batch, &e->nl, false, e->why);

	if (!deaf)
		return r;
	if (!listen_to(e, NETLINK_ADD_MEMBERSHIP)) {
		r = -errno;
		snprintf(e->why, sizeof e->why, "watch: %s", strerror(-r));
		return r;
	}
	ours = r < 0 ? before : before + 1;
	if (bh_generation(&e->nl) != (ours ? ours : 1)) /* 0 is left out when it wraps */
		e->lost = true;
	return r;
}

/* what the change would have let pass or cut, found out when it is undone already */
static void say_what_broke(struct bh_enforcer *e, struct bh_drift *d, struct bh_model *m)
{
	const char *theorem = m ? bh_proof_breaks(e, m) : NULL;
	size_t n = strlen(d->text);

	if (theorem)
		snprintf(d->text + n, sizeof d->text - n, "; broke %s", theorem);
}

static int repair(struct bh_enforcer *e, struct bh_drift *d)
{
	struct bh_model *found = NULL;
	int r;

	if (!e->have_law)
		return 0; /* nothing was applied: nothing to restore */
	r = bh_enforcer_verify(e);
	if (r < 0)
		return r;
	if (r == 0) {
		d->repaired = e->mended;
		snprintf(d->text, sizeof d->text, "%s", e->mended ? "put back while an order was carried out" : "nothing that matters changed");
		e->mended = false;
		return 0;
	}
	snprintf(d->text, sizeof d->text, "%.95s", e->why);
	if (!e->trial.deadline && bh_model_read(&e->nl, false, &found) < 0)
		found = NULL; /* gone altogether */
	r = bh_law_put_again(e, &e->book); /* what was let in meanwhile bears the old stamp */
	if (r == 0)
		d->repaired = true;
	if (r == 0)
		say_what_broke(e, d, found);
	bh_model_free(found);
	return r;
}

int bh_enforcer_watch(struct bh_enforcer *e, struct bh_drift *ret_drift)
{
	struct bh_drift d;
	int r = 0;

	bh_watch_drain(e);
	if (e->lost) {
		struct bh_drift lost = {.ours_touched = true};

		e->lost = false;
		bh_strcpy(lost.prog, sizeof lost.prog, "?");
		note(e, &lost);
	}
	if (e->n_drift == 0)
		return 0;
	d = e->drift[0];
	e->n_drift--;
	memmove(e->drift, e->drift + 1, e->n_drift * sizeof *e->drift);
	if (d.ours_touched)
		r = repair(e, &d);
	else
		snprintf(d.text, sizeof d.text, "in another table");
	if (r < 0) {
		snprintf(d.text, sizeof d.text, "repair failed: %.70s", e->why);
		r = 0;
	}
	*ret_drift = d;
	return 1;
}
