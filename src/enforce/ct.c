/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One conntrack entry taken out, so that its connection is judged again. The kernel is asked for
 * the entry first and told its id with the tuple: a delete without a tuple empties the whole table,
 * a delete by filter is inverted for IPv6 on kernels in use, and a tuple alone may by now belong to
 * a connection that began since.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "enforcer.h"

static struct nlmsghdr *request(
	struct nl *nl, char *buf, uint16_t type, const struct bh_cut *c)
{
	bool v6 = !bh_prefix_is4(&c->net);
	unsigned skip = v6 ? 0 : 12;
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nlattr *tuple, *nest;
	struct nfgenmsg *g;

	h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	h->nlmsg_seq = nl->seq++;
	g = mnl_nlmsg_put_extra_header(h, sizeof *g);
	g->nfgen_family = v6 ? AF_INET6 : AF_INET;
	g->version = NFNETLINK_V0;
	tuple = mnl_attr_nest_start(h, CTA_TUPLE_ORIG);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, 16 - skip, c->net.net.b + skip);
	mnl_attr_put(h, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, 16 - skip, c->peer.net.b + skip);
	mnl_attr_nest_end(h, nest);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, c->proto);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(c->sport));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(c->dport));
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
	return h;
}

static int each_entry(const struct nlmsghdr *h, void *ctx)
{
	struct nlattr *a;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK)
		return 0;
	mnl_attr_for_each(a, h, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(a) == CTA_ID &&
							     mnl_attr_get_payload_len(a) == 4)
		memcpy(ctx, mnl_attr_get_payload(a), 4);
	return 0;
}

int bh_ct_delete(struct nl *nl, const struct bh_cut *c)
{
	char buf[512];
	uint32_t id = 0; /* as the kernel sends it */
	struct nlmsghdr *h = request(nl, buf, IPCTNL_MSG_CT_GET, c);
	int r = bh_nl_ask(nl, h, each_entry, &id);

	if (r == 0 && id) {
		h = request(nl, buf, IPCTNL_MSG_CT_DELETE, c);
		mnl_attr_put_u32(h, CTA_ID, id);
		r = bh_nl_ask(nl, h, each_entry, &id);
	}
	/* not there, gone meanwhile, another one by now, or a kernel without ctnetlink */
	return r == -ENOENT || r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
}
