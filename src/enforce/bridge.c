/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same segment: hosts behind two ports of one bridge meet without being routed, so the inet
 * table may never see them. Table `bridge bulkhead` has one hook, between the ports, and is written
 * in the same batch, by the same encoder.
 *
 * Where the kernel has conntrack for bridges it holds the whole law: the same chains, sets, maps,
 * cuts, stamps and trial as the inet table, the same zones of addresses. What differs:
 *
 *   guards       by Ethernet type, since a bridge knows no other family
 *   refusals     the kernel answers for nobody between the ports: an isolated host's peer waits
 *   link         what a segment lives on passes the law, not isolation: neighbour discovery,
 *                multicast reports, DHCP. Other multicast needs a conduit like everything else
 *   hidden IP    a second VLAN tag, PPPoE and MPLS are dropped: nobody here reads what they carry
 *   others       every other protocol passes, save from and to isolated MACs
 *
 * Elsewhere it has no state and knows one thing: isolation, by address, network and MAC, of IP, ARP
 * and everything else, tagged or not. A pin is let through in both directions by its addresses and
 * its port, an answer being what comes from that port. So an isolated host that a pin leads to may
 * send from the pinned port to any port of the pin's other end. Where br_netfilter is on, what
 * passes here passes the inet table next, and is judged by the whole law there; for its sake that
 * lets neighbour discovery through. Multicast reports and DHCP it takes for what they look like.
 *
 * ARP is dropped of isolated hosts alone, whoever speaks to whom: zones do not judge it. ARP and
 * neighbour discovery of an isolated host pass when it is an end of a pin, to whomever: the pin may
 * lead through a router of that segment; and with the address of a remedy. Else nobody finds it, and
 * it finds nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <linux/if_ether.h>
#include "rule.h"
#include "ruleset.h"

enum { ARP_SENDER = 14, ARP_TARGET = 24, MAC_TO = 0, MAC_FROM = 6 };

static struct rule of_type(struct ruleset *rs, const char *chain, bool v6, uint16_t type)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

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
	struct rule r = of_type(rs, chain, false, ETH_P_ARP);

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
	const char *pins = rs->name.v[0].pin_end, *remedies = rs->name.v[0].remedy_end;

	put_arp_address(rs, chain, target ? ARP_TARGET : ARP_SENDER, pins, NULL);
	put_arp_address(rs, chain, target ? ARP_SENDER : ARP_TARGET, remedies, NULL);
	bh_put_final(rs, chain, "c_iso", true);
}

static void put_arp(struct ruleset *rs)
{
	const char *arp = rs->name.arp, *from = rs->name.arp_from, *to = rs->name.arp_to;

	put_arp_end(rs, from, false);
	put_arp_end(rs, to, true);
	put_arp_address(rs, arp, ARP_SENDER, "iso4", from);
	put_arp_address(rs, arp, ARP_SENDER, "isonet4", from);
	put_arp_address(rs, arp, ARP_TARGET, "iso4", to);
	put_arp_address(rs, arp, ARP_TARGET, "isonet4", to);
	for (int target = 0; target < 2; target++) {
		struct rule r = bh_rule_new(rs->b, arp, false);

		match_mac(&r, target);
		bh_x_jump(&r, target ? to : from);
		bh_rule_add(rs->b, &r);
	}
}

/* a pin by the packet's own addresses; answer: turned round, from the pinned port */
static void put_pin(struct ruleset *rs, const char *chain, bool v6, enum svc s, bool answer)
{
	struct rule r = of_type(rs, chain, v6, v6 ? ETH_P_IPV6 : ETH_P_IP);

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
	struct rule r = of_type(rs, chain, v6, v6 ? ETH_P_IPV6 : ETH_P_IP);

	if (s != SVC_ANY)
		bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
	bh_x_load_addr(&r, !answered, 0);
	if (svc_has_ports(s))
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, answered ? 0 : 2, 2, v6 ? 4 : 1);
	bh_x_in(&r, 0, rs->name.v[v6].remedy[s]);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* ICMPv6 as it cannot come from another link */
static struct rule discovery(
	struct ruleset *rs, const char *chain, uint8_t hops, uint8_t type)
{
	struct rule r = bh_rule_new(rs->b, chain, true);

	bh_x_family(&r);
	bh_x_l4proto(&r, 58);
	bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
	bh_x_is8(&r, 0, hops);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	bh_x_is8(&r, 0, type);
	return r;
}

void bh_bridge_discovery_put(struct ruleset *rs, const char *chain, bool to)
{
	static const uint8_t types[] = {133, 135, 136};

	for (size_t i = 0; i < BH_COUNT(types); i++) {
		struct rule r = discovery(rs, chain, 255, types[i]);

		bh_x_load_addr(&r, to, 0);
		bh_x_in(&r, 0, rs->name.v[1].pin_end);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_dhcp(struct ruleset *rs, const char *chain, bool v6, bool answer)
{
	struct rule r = of_type(rs, chain, v6, v6 ? ETH_P_IPV6 : ETH_P_IP);
	uint16_t client = v6 ? 546 : 68, server = v6 ? 547 : 67;

	bh_x_l4proto(&r, 17);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	bh_x_is16(&r, 0, answer ? server : client);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	bh_x_is16(&r, 0, answer ? client : server);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

void bh_bridge_link_put(struct ruleset *rs, const char *chain, bool v6)
{
	static const struct {
		uint8_t hops, type;
	} icmp[] = {{255, 133}, {255, 134}, {255, 135}, {255, 136}, {1, 130}, {1, 131}, {1, 132}, {1, 143}};

	for (size_t i = 0; v6 && i < BH_COUNT(icmp); i++) {
		struct rule r;

		if (!bh_on_bridge(rs) && icmp[i].hops != 255)
			break;
		r = discovery(rs, chain, icmp[i].hops, icmp[i].type);

		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	if (!bh_on_bridge(rs))
		return;
	if (!v6) { /* IGMP */
		struct rule r = of_type(rs, chain, false, ETH_P_IP);

		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 8, 1, 0);
		bh_x_is8(&r, 0, 1);
		bh_x_l4proto(&r, 2);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	put_dhcp(rs, chain, v6, false);
	put_dhcp(rs, chain, v6, true);
}

/* ---- one law ---- */

static void put_quarantine(
	struct ruleset *rs, const struct layout *l, const char *chain, bool v6, bool to)
{
	for (enum svc s = 0; s < SVCS; s++)
		for (int answer = 0; l->pins[s][v6] && answer < 2; answer++)
			put_pin(rs, chain, v6, s, answer);
	if (v6)
		bh_bridge_discovery_put(rs, chain, to);
	for (enum svc s = 0; s < SVCS; s++)
		if (l->remedies[s][v6])
			put_remedy(rs, chain, v6, s, to);
	bh_put_final(rs, chain, "c_iso", true);
}

/* without state: who is not isolated comes out of it again */
static void put_isolation_alone(struct ruleset *rs, const struct layout *l, bool cuts)
{
	bh_found_put(rs);
	bh_exempt_put(rs, l);
	bh_vlans_put(rs);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *const chains[] = {
			rs->name.v[v6].q_src, rs->name.v[v6].q_dst, rs->name.v[v6].fwd};

		for (size_t i = 0; i < BH_COUNT(chains); i++)
			bh_chain_put(rs, chains[i], -1, 0, NULL);
		bh_vlans_jump(rs, rs->name.v[v6].fwd, bh_fam(v6));
		if (!cuts)
			continue;
		put_quarantine(rs, l, chains[0], v6, false);
		put_quarantine(rs, l, chains[1], v6, true);
		bh_isolation_put(rs, v6);
	}
}

void bh_bridge_law_put(struct ruleset *rs, const struct layout *l)
{
	const char *const chains[] = {rs->name.arp, rs->name.arp_from, rs->name.arp_to};
	bool cuts = rs->law->mode != BH_MODE_OBSERVE;

	for (size_t i = 0; i < BH_COUNT(chains); i++)
		bh_chain_put(rs, chains[i], -1, 0, NULL);
	if (rs->whole)
		bh_law_body_put(rs, l);
	else
		put_isolation_alone(rs, l, cuts);
	bh_vlans_jump(rs, rs->name.arp, 'a');
	if (cuts)
		put_arp(rs);
}

/* ---- the table ---- */

/* neither IP nor ARP, and who was not isolated */
static void put_others(struct ruleset *rs)
{
	static const uint16_t hidden[] = {
		ETH_P_8021Q, ETH_P_8021AD, ETH_P_PPP_SES, ETH_P_MPLS_UC, ETH_P_MPLS_MC};
	struct rule r;

	for (int to = 0; to < 2; to++) {
		r = bh_rule_new(rs->b, "forward", false);
		match_mac(&r, to);
		bh_x_count(&r, "c_iso");
		bh_x_drop(&r);
		bh_rule_add(rs->b, &r);
	}
	for (size_t i = 0; rs->whole && i < BH_COUNT(hidden); i++) {
		r = of_type(rs, "forward", false, hidden[i]);
		bh_x_count(&r, "c_deny");
		bh_x_drop(&r);
		bh_rule_add(rs->b, &r);
	}
}

void bh_bridge_put(struct ruleset *rs, bool wanted)
{
	rs->b->family = NFPROTO_BRIDGE;
	bh_table_put(rs, NFT_MSG_NEWTABLE, 0, NULL);
	bh_table_put(rs, NFT_MSG_DELTABLE, 0, NULL);
	if (wanted) {
		bh_table_put(rs, NFT_MSG_NEWTABLE, rs->table_flags, "bulkhead: the same segment");
		if (rs->whole) {
			bh_counters_put(rs);
			bh_cut_sets_put(rs->b);
			bh_admin_ports_put(rs);
		} else {
			bh_counter_put(rs, "c_iso", rs->counters.iso);
			bh_bridge_cut_sets_put(rs->b);
		}
		bh_counter_put(rs, "c_vlan", rs->counters.vlan);
		bh_chain_put(rs, "forward", NF_INET_FORWARD, NF_ACCEPT, NULL);
		bh_laws_put(rs);
		if (rs->law->mode != BH_MODE_OBSERVE)
			put_others(rs);
	}
	rs->b->family = NFPROTO_INET;
}
