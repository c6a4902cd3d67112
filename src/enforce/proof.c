/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table as a model: of the batch that would be sent, of the kernel's own listing. And the proof
 * around each commit: a law is shown to hold (bulkhead/prove.h) before it is sent, and what the
 * kernel lists afterwards must say the same, or be shown to hold itself.
 *
 * The same law under the same stamp is not proved twice. A law written again under a fresh stamp is a
 * cut or a repair in a hurry: there the proof comes after the commit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "enforcer.h"
#include "model.h"

int bh_model_of_batch(const struct batch *b, struct bh_model **ret_model)
{
	struct reader rd = {.m = bh_model_new()};
	int r = rd.m ? b->error : -ENOMEM;

	if (r == 0)
		r = bh_model_feed(&rd, bh_bytes(b->buf, b->len));
	if (r < 0)
		bh_model_free(rd.m);
	else
		*ret_model = rd.m;
	return r;
}

static int put_plan(struct batch *b, const struct bh_plan *law, const struct book *cuts)
{
	struct ruleset rs = {.b = b,
		.law = law,
		.stamp = (uint16_t)law->generation,
		.used = (uint16_t)law->generation};

	bh_ruleset_put(&rs);
	bh_book_cuts_put(b, cuts, bh_clock_now());
	bh_ruleset_fini(&rs);
	return b->error;
}

int bh_enforce_model(const struct bh_plan *plan, struct bh_model **ret_model)
{
	struct nl nowhere = {.seq = 1};
	struct batch b = {0};
	struct book cuts = {0};
	struct bh_plan law;
	int r;

	if (plan->generation == 0 || plan->generation > 65535)
		return -EINVAL;
	r = bh_plan_copy(plan, &law);
	if (r < 0)
		return r;
	r = bh_plan_normalise(&law);
	for (size_t i = 0; r == 0 && i < law.n_cuts && law.mode != BH_MODE_OBSERVE; i++)
		r = bh_book_put(&cuts, &law.cuts[i], bh_clock_now());
	bh_batch_begin(&b, &nowhere);
	if (r == 0)
		r = put_plan(&b, &law, &cuts);
	if (r == 0)
		r = bh_model_of_batch(&b, ret_model);
	bh_batch_fini(&b);
	bh_book_fini(&cuts);
	bh_plan_fini(&law);
	return r;
}

/* ---- the kernel's listing ---- */

struct listing {
	struct reader rd;
	bool cuts;
	char (*sets)[NL_NAME];
	size_t n, cap;
};

static int note_set(struct listing *l, const struct nlmsghdr *h)
{
	char table[BH_MODEL_NAME] = "", name[BH_MODEL_NAME] = "";
	struct bh_bytes c = bh_bytes((const uint8_t *)h, h->nlmsg_len), one;
	uint16_t type;

	(void)bh_take(&c, sizeof *h + sizeof(struct nfgenmsg));
	while (bh_attrs_each(&c, &type, &one)) {
		if (type == NFTA_SET_TABLE && !bh_attr_name(&one, table))
			return 0;
		if (type == NFTA_SET_NAME && !bh_attr_name(&one, name))
			return 0;
	}
	if (strcmp(table, NL_TABLE) != 0 || (!l->cuts && bh_is_live_set(name)))
		return 0;
	if (strlen(name) >= NL_NAME) {
		bh_model_refuse(l->rd.m, "set %s: none of ours has such a name", name);
		return 0;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		void *v = reallocarray(l->sets, cap, sizeof *l->sets);

		if (!v)
			return -ENOMEM;
		l->sets = v;
		l->cap = cap;
	}
	bh_strcpy(l->sets[l->n++], NL_NAME, name);
	return 0;
}

static int each_message(const struct nlmsghdr *h, void *ctx)
{
	struct listing *l = ctx;
	int r = bh_model_feed(&l->rd, bh_bytes((const uint8_t *)h, h->nlmsg_len));

	if (r == 0 && h->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET))
		r = note_set(l, h);
	return r;
}

static int ask(struct nl *nl, struct listing *l, uint16_t what, uint16_t flags, const char *set)
{
	char buf[256];
	struct nlmsghdr *h = bh_nl_request(nl, buf, what, flags);

	/* attribute 1 names the table in each of these requests */
	if (what != NFT_MSG_GETCHAIN)
		mnl_attr_put_strz(h, NFTA_TABLE_NAME, NL_TABLE);
	if (set)
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return bh_nl_ask(nl, h, each_message, l);
}

static int read_once(struct nl *nl, struct listing *l)
{
	int r = ask(nl, l, NFT_MSG_GETTABLE, NLM_F_ACK, NULL);

	if (r == 0)
		r = ask(nl, l, NFT_MSG_GETCHAIN, NLM_F_DUMP, NULL);
	if (r == 0)
		r = ask(nl, l, NFT_MSG_GETSET, NLM_F_DUMP, NULL);
	if (r == 0)
		r = ask(nl, l, NFT_MSG_GETRULE, NLM_F_DUMP, NULL);
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		r = ask(nl, l, NFT_MSG_GETSETELEM, NLM_F_DUMP, l->sets[i]);
		if (r == -ENOENT) /* it was there a moment ago */
			r = -EINTR;
	}
	return r == 0 && l->rd.torn ? -EINTR : r;
}

int bh_model_read(struct nl *nl, bool cuts, struct bh_model **ret_model)
{
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		struct listing l = {.rd = {.m = bh_model_new(), .dump = true}, .cuts = cuts};

		r = l.rd.m ? read_once(nl, &l) : -ENOMEM;
		free(l.sets);
		if (r == 0)
			*ret_model = l.rd.m;
		else
			bh_model_free(l.rd.m);
	}
	return r;
}

int bh_enforcer_model(struct bh_enforcer *e, struct bh_model **ret_model)
{
	int r = bh_model_read(&e->nl, true, ret_model);

	if (r < 0)
		snprintf(e->why, sizeof e->why, "reading the table: %s%s", strerror(-r),
			bh_nl_hint(r));
	return r;
}

/* ---- around a commit ---- */

static void tell(struct bh_enforcer *e, int r, const struct bh_plan *law, const struct bh_prove_report *rep)
{
	char text[BH_FINDING_TEXT];

	if (r == 1)
		snprintf(e->why, sizeof e->why, "not proved: %.170s", rep->refused);
	else if (r == 2)
		snprintf(e->why, sizeof e->why, "not proved: %.170s",
			bh_prove_finding_print(&rep->v[0], law, text));
	else if (r < 0)
		snprintf(e->why, sizeof e->why, "proof: %s", strerror(-r));
}

static int prove(struct bh_enforcer *e, const struct ruleset *rs, struct bh_model *m)
{
	struct bh_prove_report rep;
	int r = bh_prove_law(m, rs->law, rs->trial, false, &rep);

	tell(e, r, rs->law, &rep);
	if (r == 0 && rs->trial) {
		r = bh_prove_law(m, rs->trial, rs->law, true, &rep);
		tell(e, r, rs->trial, &rep);
	}
	return r > 0 ? NOT_PROVED : r;
}

static bool same_proof(const struct proved *a, const struct proved *b)
{
	return a->law == b->law && a->trial == b->trial && a->stamp == b->stamp &&
	       a->trial_stamp == b->trial_stamp;
}

int bh_proof_before(struct bh_enforcer *e, const struct ruleset *rs, struct proof *p)
{
	int r = bh_model_of_batch(&e->batch, &p->m);

	p->what = (struct proved){.law = e->law_hash, .stamp = rs->stamp};
	if (rs->trial) {
		p->what.trial = e->trial.hash;
		p->what.trial_stamp = rs->trial_stamp;
	}
	p->done = !p->later || same_proof(&e->proved, &p->what);
	if (r < 0)
		tell(e, r, rs->law, NULL);
	else if (same_proof(&e->proved, &p->what))
		r = bh_model_freeze(p->m) ? NOT_PROVED : 0;
	else if (!p->later)
		r = prove(e, rs, p->m);
	if (r < 0) {
		bh_model_free(p->m);
		p->m = NULL;
	}
	return r;
}

int bh_proof_after(struct bh_enforcer *e, const struct ruleset *rs, struct proof *p)
{
	struct bh_model *kernel = NULL;
	int r = p->done ? 0 : prove(e, rs, p->m);

	if (r == 0)
		r = bh_model_read(&e->nl, false, &kernel);
	if (r == 0 && (bh_model_freeze(kernel) != 0 || bh_model_digest(kernel) != bh_model_digest(p->m)))
		r = prove(e, rs, kernel);
	if (r == 0)
		e->proved = p->what;
	bh_model_free(kernel);
	return r == NOT_PROVED ? -EIO : r;
}

const char *bh_proof_breaks(struct bh_enforcer *e, struct bh_model *m)
{
	struct bh_prove_report rep;
	int r = bh_prove_law(m, &e->law, NULL, false, &rep);

	return r == 2 ? bh_theorem_name(rep.v[0].theorem) : r == 1 ? "the proof: nobody here knows all it says" : NULL;
}
