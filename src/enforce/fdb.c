/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is behind a port of a bridge of this box, as the bridges learned it. */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include "enforcer.h"

#define LINES 4096 /* what is told at most */

struct ports {
	struct bh_text *t;
	size_t n;
};

static int each(const struct nlmsghdr *h, void *ctx)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	struct ports *p = ctx;
	struct bh_mac mac;
	char text[BH_MAC_TEXT];
	struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(h) < sizeof *m || m->ndm_family != AF_BRIDGE ||
		(m->ndm_state & NUD_PERMANENT) || (m->ndm_flags & NTF_SELF) || p->n == LINES)
		return 0; /* the bridge's own addresses, or a device's list */
	mnl_attr_for_each(a, h, sizeof *m)
	{
		if (mnl_attr_get_type(a) != NDA_LLADDR || mnl_attr_get_payload_len(a) != sizeof mac.b)
			continue;
		memcpy(mac.b, mnl_attr_get_payload(a), sizeof mac.b);
		bh_putf(p->t, "port %u %s\n", m->ndm_ifindex, bh_mac_print(&mac, text));
		p->n++;
	}
	return 0;
}

int bh_ports_print(struct bh_enforcer *e, struct bh_text *t)
{
	struct bh_text start = *t;
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		struct ports p = {.t = t};
		char buf[128];
		struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
		struct ndmsg *m;

		h->nlmsg_type = RTM_GETNEIGH;
		h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		h->nlmsg_seq = e->route.seq++;
		m = mnl_nlmsg_put_extra_header(h, sizeof *m);
		m->ndm_family = AF_BRIDGE;
		*t = start;
		r = bh_nl_ask(&e->route, h, each, &p);
	}
	if (r < 0)
		*t = start;
	return r;
}
