/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ports of bridges, at their ingress: with --bridge, what an isolated host sends is dropped as it
 * comes in from the wire, before conntrack makes an entry of it and before any bridge learns from it,
 * so that one who floods fills nobody's tables. It is never the only one to drop: the tables of the
 * bridge and of inet hold the same isolations, with state. What they may yet let through is left to
 * them: the ends of pins, remedies, whatever is for this box itself, ARP, neighbour discovery, DHCP.
 *
 * Table `netdev bulkhead` is written with the others; the chain of a port follows in a transaction of
 * its own, since a port may be gone by then, and no law fails for that. Links are listened to: a port
 * that comes gets its chain, a port that goes takes it along; at most 256 have one. While a law is replaced the ports are
 * without for some milliseconds. Nothing is here when a law, standing or on trial, only observes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include "enforcer.h"
#include "rule.h"

static const char early[] = "early";

static void put_exempt(struct ruleset *rs, const struct layout *l, const char *chain, bool v6)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_family(&r);
	bh_x_load_addr(&r, false, 0);
	bh_x_in(&r, 0, rs->name.v[v6].pin_end);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	for (enum svc s = 0; s < SVCS; s++) {
		if (!l->remedies[s][v6])
			continue;
		r = bh_rule_new(rs->b, chain, v6);
		bh_x_family(&r);
		if (s != SVC_ANY)
			bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
		bh_x_load_addr(&r, true, 0);
		if (svc_has_ports(s))
			bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, v6 ? 4 : 1);
		bh_x_in(&r, 0, rs->name.v[v6].remedy[s]);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

/* for this box itself, or for the link to work */
static void put_local(struct ruleset *rs, const char *chain, bool v6)
{
	static const uint8_t types[] = {133, 135, 136};
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_for_this_box(&r);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_family(&r);
	bh_x_l4proto(&r, 17);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	bh_x_is16(&r, 0, v6 ? 546 : 68);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	bh_x_is16(&r, 0, v6 ? 547 : 67);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	for (size_t i = 0; v6 && i < BH_COUNT(types); i++) {
		r = bh_rule_new(rs->b, chain, true);
		bh_x_family(&r);
		bh_x_l4proto(&r, 58);
		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
		bh_x_is8(&r, 0, 255);
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
		bh_x_is8(&r, 0, types[i]);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_mac(struct ruleset *rs, bool v6, const char *target)
{
	struct rule r = bh_rule_new(rs->b, early, v6);

	bh_x_ether(&r);
	if (target)
		bh_x_family(&r);
	bh_x_load(&r, NFT_PAYLOAD_LL_HEADER, 6, 6, 0);
	bh_x_in(&r, 0, "isomac");
	if (target) {
		bh_x_goto(&r, target);
	} else {
		bh_x_count(&r, "c_iso");
		bh_x_drop(&r);
	}
	bh_rule_add(rs->b, &r);
}

static void put_senders(struct ruleset *rs)
{
	struct rule r = bh_rule_new(rs->b, early, false);

	bh_x_ethertype(&r, ETH_P_ARP);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *target = v6 ? "early6" : "early4",
			   *const sets[] = {v6 ? "iso6" : "iso4", v6 ? "isonet6" : "isonet4"};

		for (size_t i = 0; i < BH_COUNT(sets); i++) {
			r = bh_rule_new(rs->b, early, v6);
			bh_match_packet(&r, false, sets[i]);
			bh_x_goto(&r, target);
			bh_rule_add(rs->b, &r);
		}
		put_mac(rs, v6, target);
	}
	put_mac(rs, false, NULL);
}

static void put_law(struct ruleset *rs, const struct bh_plan *law, uint16_t stamp, bool rules)
{
	const struct bh_plan *standing = rs->law;
	uint16_t number = rs->stamp;
	struct layout *l = calloc(1, sizeof *l);

	rs->law = law;
	rs->stamp = stamp;
	if (!l || bh_layout_make(law, l) < 0) {
		rs->b->error = -ENOMEM;
	} else {
		bh_names_make(&rs->name, stamp);
		bh_found_put(rs);
		bh_remedies_put(rs, l);
		for (int v6 = 0; rules && v6 < 2; v6++)
			put_exempt(rs, l, v6 ? "early6" : "early4", v6);
		bh_layout_fini(l);
	}
	free(l);
	rs->law = standing;
	rs->stamp = number;
}

void bh_ingress_put(struct ruleset *rs, bool wanted)
{
	bool rules = rs->law->mode != BH_MODE_OBSERVE &&
		     (!rs->trial || rs->trial->mode != BH_MODE_OBSERVE);

	rs->b->family = NFPROTO_NETDEV;
	bh_table_put(rs, NFT_MSG_NEWTABLE, 0, NULL);
	bh_table_put(rs, NFT_MSG_DELTABLE, 0, NULL);
	if (wanted) {
		bh_table_put(rs, NFT_MSG_NEWTABLE, rs->table_flags, "bulkhead: the isolated, as they come in");
		bh_counter_put(rs, "c_iso", rs->counters.iso);
		bh_bridge_cut_sets_put(rs->b);
		bh_chain_put(rs, early, -1, 0, NULL);
		for (int v6 = 0; v6 < 2; v6++) {
			const char *chain = v6 ? "early6" : "early4";

			bh_chain_put(rs, chain, -1, 0, NULL);
			if (rules)
				put_local(rs, chain, v6);
		}
		put_law(rs, rs->law, rs->stamp, rules);
		if (rs->trial)
			put_law(rs, rs->trial, rs->trial_stamp, rules);
		for (int v6 = 0; rules && v6 < 2; v6++)
			bh_put_final(rs, v6 ? "early6" : "early4", "c_iso", true);
		if (rules)
			put_senders(rs);
	}
	rs->b->family = NFPROTO_INET;
}

/* ---- ports ---- */

static int each_link(const struct nlmsghdr *h, void *ctx)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	struct ports *p = ctx;
	struct port port = {.index = 0};
	bool slave = false;
	struct nlattr *a, *b;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof *m || p->n == PORTS)
		return 0;
	port.index = (uint32_t)m->ifi_index;
	mnl_attr_for_each(a, h, sizeof *m)
	{
		uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

		if (type == IFLA_IFNAME && len > 1 && len <= sizeof port.name)
			memcpy(port.name, mnl_attr_get_payload(a), len);
		if (type != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(b, a)
			slave |= mnl_attr_get_type(b) == IFLA_INFO_SLAVE_KIND &&
				 mnl_attr_get_payload_len(b) >= 6 &&
				 !memcmp(mnl_attr_get_payload(b), "bridge", 6);
	}
	port.name[sizeof port.name - 1] = '\0';
	if (slave && port.name[0])
		p->v[p->n++] = port;
	return 0;
}

static int read_ports(struct bh_enforcer *e, struct ports *ret)
{
	int r = -EINTR;

	for (int tries = 0; tries < 20 && r == -EINTR; tries++) {
		char buf[128];
		struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

		h->nlmsg_type = RTM_GETLINK;
		h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		h->nlmsg_seq = e->route.seq++;
		((struct ifinfomsg *)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg)))->ifi_family = AF_UNSPEC;
		ret->n = 0;
		r = bh_nl_ask(&e->route, h, each_link, ret);
	}
	return r;
}

static struct nlmsghdr *port_chain(struct bh_enforcer *e, const struct port *p, uint16_t type, char name[NL_NAME])
{
	struct nlmsghdr *h;

	snprintf(name, NL_NAME, "port_%u", p->index);
	h = bh_batch_msg(&e->batch, type, type == NFT_MSG_NEWCHAIN ? NLM_F_CREATE : 0, "chain", name);
	if (h) {
		mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, NL_TABLE);
		mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	}
	return h;
}

/* 0 it is there */
static int attach(struct bh_enforcer *e, const struct port *p)
{
	char name[NL_NAME];
	struct nlmsghdr *h;
	struct nlattr *hook;
	struct rule r;

	bh_batch_begin(&e->batch, &e->nl);
	e->batch.family = NFPROTO_NETDEV;
	h = port_chain(e, p, NFT_MSG_NEWCHAIN, name);
	if (!h)
		return -ENOMEM;
	hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(h, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	mnl_attr_put_u32(h, NFTA_HOOK_PRIORITY, htonl((uint32_t)-10));
	mnl_attr_put_strz(h, NFTA_HOOK_DEV, p->name);
	mnl_attr_nest_end(h, hook);
	mnl_attr_put_u32(h, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
	bh_batch_msg_end(&e->batch, h);
	r = bh_rule_new(&e->batch, name, false);
	bh_x_jump(&r, early);
	bh_rule_add(&e->batch, &r);
	e->batch.family = NFPROTO_INET;
	return bh_batch_commit(&e->batch, &e->nl, false, e->why);
}

/* a device that went took its chain along, one that left its bridge did not */
static int detach(struct bh_enforcer *e, const struct port *p)
{
	char name[NL_NAME];
	struct nlmsghdr *h;

	bh_batch_begin(&e->batch, &e->nl);
	e->batch.family = NFPROTO_NETDEV;
	for (int chain = 0; chain < 2; chain++) { /* its rule first */
		snprintf(name, sizeof name, "port_%u", p->index);
		h = chain ? port_chain(e, p, NFT_MSG_DELCHAIN, name)
			  : bh_batch_msg(&e->batch, NFT_MSG_DELRULE, 0, "rules of", name);
		if (!h)
			return -ENOMEM;
		if (!chain) {
			mnl_attr_put_strz(h, NFTA_RULE_TABLE, NL_TABLE);
			mnl_attr_put_strz(h, NFTA_RULE_CHAIN, name);
		}
		bh_batch_msg_end(&e->batch, h);
	}
	e->batch.family = NFPROTO_INET;
	return bh_batch_commit(&e->batch, &e->nl, false, e->why);
}

static bool among(const struct ports *s, const struct port *p)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].index == p->index && !strcmp(s->v[i].name, p->name))
			return true;
	return false;
}

int bh_ingress_attach(struct bh_enforcer *e)
{
	struct ports now = {.n = 0}, *old = &e->ports;
	struct snapshot seen;
	int r = read_ports(e, &now);
	size_t n = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < old->n; i++) /* all of them: what is blessed below was written here */
		if (detach(e, &old->v[i]) == -ENOMEM)
			return -ENOMEM;
	for (size_t i = 0; i < now.n; i++) {
		r = attach(e, &now.v[i]);
		if (r == -ENOMEM)
			return r;
		if (r == 0) /* else gone already, or as soon as links change again */
			now.v[n++] = now.v[i];
	}
	now.n = n;
	e->ports = now;
	e->why[0] = '\0';
	e->nl.family = NFPROTO_NETDEV;
	r = bh_snapshot_take(&e->nl, NULL, &seen, e->why);
	e->nl.family = NFPROTO_INET;
	if (r == 0) /* no more of it: what somebody did meanwhile must be found */
		e->ingress_applied.ports = seen.ports;
	return r;
}

int bh_ingress_links(struct bh_enforcer *e)
{
	struct ports now = {.n = 0};
	bool heard = false, same;
	int r;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(e->links.sock), e->links.rx, NL_RX, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			break;
		heard = true;
	}
	if (!heard || !e->ingress || !e->have_law)
		return 0;
	r = read_ports(e, &now);
	if (r < 0)
		return r;
	same = now.n == e->ports.n;
	for (size_t i = 0; same && i < now.n; i++)
		same = among(&e->ports, &now.v[i]);
	return same ? 0 : bh_ingress_attach(e);
}
