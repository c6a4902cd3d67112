/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same segment: hosts behind two ports of one bridge meet without being routed, so the inet
 * table may never see them. Table `bridge bulkhead` has one hook, between the ports, and knows one
 * thing: isolation, by address, network and MAC, of IP, ARP and everything else, tagged or not. It
 * holds the same elements as the inet table, written in the same batch.
 *
 * It has no state (most kernels have no conntrack there): a pin is let through in both directions
 * by its addresses and its port, an answer being what comes from that port. So an isolated host
 * that a pin leads to may send from the pinned port to any port of the pin's other end. Where
 * br_netfilter is on, what passes here passes the inet table next, and that limit is gone.
 *
 * ARP and neighbour discovery of an isolated host pass when it is an end of a pin, to whomever: the
 * pin may lead through a router of that segment; and with the address of a remedy. Else nobody
 * finds it, and it finds nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <linux/if_ether.h>
#include "rule.h"
#include "ruleset.h"

enum { ARP_SENDER = 14, ARP_TARGET = 24, MAC_TO = 0, MAC_FROM = 6 };

static struct rule of_type(const char *chain, bool v6, uint16_t type)
{
	struct rule r = bh_rule_new(chain, v6);

	bh_x_ethertype(&r, type);
	return r;
}

static void match_mac(struct rule *r, bool destination)
{
	bh_x_load(r, NFT_PAYLOAD_LL_HEADER, destination ? MAC_TO : MAC_FROM, 6, 0);
	bh_x_in(r, 0, "isomac");
}

static void put_arp_address(
	struct ruleset *rs, const char *chain, unsigned offset, const char *set, const char *target)
{
	struct rule r = of_type(chain, false, ETH_P_ARP);

	bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, offset, 4, 0);
	bh_x_in(&r, 0, set);
	if (target)
		bh_x_jump(&r, target);
	else
		bh_x_return(&r);
	bh_rule_add(rs->b, &r);
}

/* of an isolated sender, or of an isolated target */
static void put_arp_end(struct ruleset *rs, const char *chain, bool target)
{
	put_arp_address(rs, chain, target ? ARP_TARGET : ARP_SENDER, "pin_end4", NULL);
	put_arp_address(rs, chain, target ? ARP_SENDER : ARP_TARGET, "remedy_end4", NULL);
	bh_put_final(rs, chain, "c_iso", true);
}

static void put_arp(struct ruleset *rs)
{
	struct rule r;

	put_arp_end(rs, "arp_from", false);
	put_arp_end(rs, "arp_to", true);
	put_arp_address(rs, "arp_any", ARP_SENDER, "iso4", "arp_from");
	put_arp_address(rs, "arp_any", ARP_SENDER, "isonet4", "arp_from");
	put_arp_address(rs, "arp_any", ARP_TARGET, "iso4", "arp_to");
	put_arp_address(rs, "arp_any", ARP_TARGET, "isonet4", "arp_to");
	for (int to = 0; to < 2; to++) {
		r = bh_rule_new("arp_any", false);
		match_mac(&r, to);
		bh_x_jump(&r, to ? "arp_to" : "arp_from");
		bh_rule_add(rs->b, &r);
	}
	r = bh_rule_new("arp_any", false);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* a pin by the packet's own addresses; answer: turned round, from the pinned port */
static void put_pin(struct ruleset *rs, const char *chain, bool v6, enum svc s, bool answer)
{
	struct rule r = of_type(chain, v6, v6 ? ETH_P_IPV6 : ETH_P_IP);

	if (s != SVC_ANY)
		bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
	bh_x_load_addr(&r, answer, 0);
	bh_x_load_addr(&r, !answer, v6 ? 4 : 1);
	if (svc_has_ports(s))
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, answer ? 0 : 2, 2, v6 ? 8 : 2);
	bh_x_in(&r, 0, rs->name.v[v6].pin[s]);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* the host asks, or is answered */
static void put_remedy(struct ruleset *rs, const char *chain, bool v6, enum svc s, bool answered)
{
	struct rule r = of_type(chain, v6, v6 ? ETH_P_IPV6 : ETH_P_IP);

	if (s != SVC_ANY)
		bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
	bh_x_load_addr(&r, !answered, 0);
	if (svc_has_ports(s))
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, answered ? 0 : 2, 2, v6 ? 4 : 1);
	bh_x_in(&r, 0, rs->name.v[v6].remedy[s]);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

static void put_discovery(struct ruleset *rs, const char *chain, bool to)
{
	static const uint8_t types[] = {133, 135, 136};

	for (size_t i = 0; i < BH_COUNT(types); i++) {
		struct rule r = of_type(chain, true, ETH_P_IPV6);

		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
		bh_x_is8(&r, 0, 255);
		bh_x_l4proto(&r, 58);
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
		bh_x_is8(&r, 0, types[i]);
		bh_x_load_addr(&r, to, 0);
		bh_x_in(&r, 0, "pin_end6");
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_quarantine(
	struct ruleset *rs, const struct layout *l, const char *chain, bool v6, bool to)
{
	for (enum svc s = 0; s < SVCS; s++)
		for (int answer = 0; l->pins[s][v6] && answer < 2; answer++)
			put_pin(rs, chain, v6, s, answer);
	if (v6)
		put_discovery(rs, chain, to);
	for (enum svc s = 0; s < SVCS; s++)
		if (l->remedies[s][v6])
			put_remedy(rs, chain, v6, s, to);
	bh_put_final(rs, chain, "c_iso", true);
}

static void put_forward(struct ruleset *rs)
{
	struct rule r = of_type("forward", false, ETH_P_ARP);

	bh_x_goto(&r, "arp_any");
	bh_rule_add(rs->b, &r);
	for (int to = 0; to < 2; to++)
		for (int v6 = 0; v6 < 2; v6++) {
			const char *chain = to ? v6 ? "q_dst6" : "q_dst4" : v6 ? "q_src6" : "q_src4";
			const char *const sets[] = {v6 ? "iso6" : "iso4", v6 ? "isonet6" : "isonet4"};

			for (size_t i = 0; i < BH_COUNT(sets); i++) {
				r = of_type("forward", v6, v6 ? ETH_P_IPV6 : ETH_P_IP);
				bh_x_load_addr(&r, to, 0);
				bh_x_in(&r, 0, sets[i]);
				bh_x_goto(&r, chain);
				bh_rule_add(rs->b, &r);
			}
			r = of_type("forward", v6, v6 ? ETH_P_IPV6 : ETH_P_IP);
			match_mac(&r, to);
			bh_x_goto(&r, chain);
			bh_rule_add(rs->b, &r);
		}
	for (int to = 0; to < 2; to++) { /* neither IP nor ARP */
		r = bh_rule_new("forward", false);
		match_mac(&r, to);
		bh_x_count(&r, "c_iso");
		bh_x_drop(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_all(struct ruleset *rs, const struct layout *l)
{
	static const char *const chains[] = {
		"arp_any", "arp_from", "arp_to", "q_src4", "q_dst4", "q_src6", "q_dst6"};

	bh_counter_put(rs, "c_iso", 0);
	bh_bridge_cut_sets_put(rs->b);
	bh_exempt_put(rs, l);
	for (size_t i = 0; i < BH_COUNT(chains); i++)
		bh_chain_put(rs, chains[i], -1, 0, NULL);
	bh_chain_put(rs, "forward", NF_INET_FORWARD, NF_ACCEPT, NULL);
	if (rs->law->mode == BH_MODE_OBSERVE)
		return; /* nothing is cut */
	put_arp(rs);
	for (int v6 = 0; v6 < 2; v6++) {
		put_quarantine(rs, l, v6 ? "q_src6" : "q_src4", v6, false);
		put_quarantine(rs, l, v6 ? "q_dst6" : "q_dst4", v6, true);
	}
	put_forward(rs);
}

void bh_bridge_put(struct ruleset *rs, bool wanted)
{
	struct layout *l = calloc(1, sizeof *l);

	rs->b->family = NFPROTO_BRIDGE;
	bh_table_put(rs, NFT_MSG_NEWTABLE, 0, NULL);
	bh_table_put(rs, NFT_MSG_DELTABLE, 0, NULL);
	if (!l || bh_layout_make(rs->law, l) < 0) {
		rs->b->error = -ENOMEM;
	} else if (wanted) {
		bh_table_put(rs, NFT_MSG_NEWTABLE, rs->table_flags, "bulkhead: the same segment");
		bh_names_make(&rs->name, rs->stamp);
		put_all(rs, l);
	}
	if (l)
		bh_layout_fini(l);
	free(l);
	rs->b->family = NFPROTO_INET;
}
