/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Flowtables: connections put into one leave the forward hook, and no rule of ours sees their
 * packets any more. We make none and take none away; that one exists is told before a cut is made.
 */
#include <errno.h>
#include <stdio.h>
#include "enforcer.h"

struct found {
	size_t n;
	char text[BH_OFFLOAD_TEXT];
};

static int each(const struct nlmsghdr *h, void *ctx)
{
	static const char *const families[] = {[NFPROTO_INET] = "inet", [NFPROTO_IPV4] = "ip", [NFPROTO_IPV6] = "ip6"};
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	const char *table = NULL, *name = NULL;
	const struct nlattr *a;
	struct found *f = ctx;

	if (mnl_nlmsg_get_payload_len(h) < sizeof *g)
		return 0;
	mnl_attr_for_each(a, h, sizeof *g)
	{
		uint16_t type = mnl_attr_get_type(a);

		if ((type != NFTA_FLOWTABLE_TABLE && type != NFTA_FLOWTABLE_NAME) || mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
			continue;
		if (type == NFTA_FLOWTABLE_TABLE)
			table = mnl_attr_get_str(a);
		else
			name = mnl_attr_get_str(a);
	}
	if (table && name && f->n++ == 0)
		snprintf(f->text, sizeof f->text, "flowtable %.40s of table %s %.40s", name,
			g->nfgen_family < BH_COUNT(families) && families[g->nfgen_family] ? families[g->nfgen_family] : "?", table);
	return 0;
}

int bh_offload_read(struct nl *nl, char ret_text[BH_OFFLOAD_TEXT])
{
	struct found f = {0};
	char buf[64];
	struct nlmsghdr *h = bh_nl_request(nl, buf, NFT_MSG_GETFLOWTABLE, NLM_F_DUMP);
	int r;

	((struct nfgenmsg *)mnl_nlmsg_get_payload(h))->nfgen_family = NFPROTO_UNSPEC;
	r = bh_nl_ask(nl, h, each, &f);
	if (r == -EOPNOTSUPP || r == -EINVAL || r == -ENOENT || r == -EINTR)
		r = 0; /* a kernel without them */
	if (r < 0)
		return r;
	if (f.n > 1)
		snprintf(ret_text, BH_OFFLOAD_TEXT, "%.120s and %zu more", f.text, f.n - 1);
	else
		memcpy(ret_text, f.text, BH_OFFLOAD_TEXT);
	return 0;
}
