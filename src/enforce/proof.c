/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table as a model: of the batch that would be sent, of the kernel's own listing. */
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
