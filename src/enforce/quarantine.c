/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a cut leads to. Every chain that drops begins with the pins, so no cut reaches them. An
 * isolated host keeps its pins, the remedies, and towards this box its lease; whoever speaks to it
 * is told at once. A contained host loses the ports that administer machines, an island what
 * crosses its edge, a killed connection only itself.
 */
#include <stdio.h>
#include "rule.h"
#include "ruleset.h"

/* What an isolated host may still reach; answers: the same seen from the peer's side. Who offers a
 * remedy and is isolated itself answers nobody. */
static void put_remedies(
	struct ruleset *rs, const struct layout *l, const char *chain, bool v6, bool answers)
{
	for (enum svc s = 0; s < SVCS; s++) {
		struct rule r;

		if (!l->remedies[s][v6])
			continue;
		r = bh_rule_new(rs->b, chain, v6);
		bh_match_tuple(&r, s, false, rs->name.v[v6].remedy[s]);
		if (answers)
			bh_x_reply(&r);
		else
			bh_x_original(&r);
		if (!answers && s == SVC_UDP)
			bh_x_limit(&r, 50, 100); /* DNS, not a tunnel */
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

/* drops, but the healthy peer learns at once, not after its own time-out */
static void put_refusal(struct ruleset *rs, const char *chain, bool v6, const char *counter)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	if (bh_on_bridge(rs)) { /* the kernel answers there for nobody it forwards */
		bh_x_count(&r, counter);
		bh_x_drop(&r);
		bh_rule_add(rs->b, &r);
		return;
	}
	bh_x_count(&r, counter);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_l4proto(&r, 6);
	bh_x_limit(&r, 200, 50);
	bh_x_reject(&r, NFT_REJECT_TCP_RST, 0);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_limit(&r, 200, 50);
	bh_x_reject(&r, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_drop(&r);
	bh_rule_add(rs->b, &r);
}

/* back to the caller when both ends lie in networks of one order */
static void put_same_island(struct ruleset *rs, const char *chain, bool v6)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_family(&r);
	bh_x_load_addr(&r, false, 0);
	bh_x_load_addr(&r, true, v6 ? 4 : 1);
	bh_x_in(&r, 0, v6 ? "island_in6" : "island_in4");
	bh_x_return(&r);
	bh_rule_add(rs->b, &r);
}

void bh_quarantine_put(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *src = rs->name.v[v6].q_src, *dst = rs->name.v[v6].q_dst,
		   *pins = rs->name.v[v6].pins, *killed = rs->name.v[v6].killed,
		   *contained = rs->name.v[v6].contained, *out = rs->name.v[v6].island_src,
		   *into = rs->name.v[v6].island_dst;

	bh_put_jump(rs, src, pins);
	if ((bh_on_bridge(rs) || rs->link) && v6)
		bh_bridge_discovery_put(rs, src, false);
	put_remedies(rs, l, src, v6, false);
	bh_put_final(rs, src, "c_iso", true);

	bh_put_jump(rs, dst, pins);
	if ((bh_on_bridge(rs) || rs->link) && v6)
		bh_bridge_discovery_put(rs, dst, true);
	put_remedies(rs, l, dst, v6, true);
	put_refusal(rs, dst, v6, "c_iso");

	bh_put_jump(rs, killed, pins);
	bh_put_final(rs, killed, "c_kill", true);

	bh_put_jump(rs, contained, pins);
	bh_put_final(rs, contained, "c_contain", true);

	put_same_island(rs, out, v6);
	bh_put_jump(rs, out, pins);
	bh_put_final(rs, out, "c_island", true);

	put_same_island(rs, into, v6);
	bh_put_jump(rs, into, pins);
	put_refusal(rs, into, v6, "c_island");
}

static void put_match(struct ruleset *rs, const char *chain, bool v6, bool destination,
	const char *set, const char *target, bool comes_back)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_match_packet(&r, destination, set);
	if (comes_back)
		bh_x_jump(&r, target);
	else
		bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_isolated_mac(struct ruleset *rs, const char *chain, bool v6, bool destination, const char *target)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_ether(&r);
	bh_x_load(&r, NFT_PAYLOAD_LL_HEADER, destination ? 0 : 6, 6, 0);
	bh_x_in(&r, 0, "isomac");
	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

void bh_isolation_put(struct ruleset *rs, bool v6)
{
	const char *chain = rs->name.v[v6].fwd, *src = rs->name.v[v6].q_src,
		   *dst = rs->name.v[v6].q_dst;

	put_match(rs, chain, v6, false, v6 ? "iso6" : "iso4", src, false);
	put_match(rs, chain, v6, true, v6 ? "iso6" : "iso4", dst, false);
	put_match(rs, chain, v6, false, v6 ? "isonet6" : "isonet4", src, false);
	put_match(rs, chain, v6, true, v6 ? "isonet6" : "isonet4", dst, false);
	put_isolated_mac(rs, chain, v6, false, src);
	if (bh_on_bridge(rs))
		put_isolated_mac(rs, chain, v6, true, dst);
}

/*
 * A killed connection whose conntrack entry is gone may be taken up again by a packet of either
 * end, so the tuple is looked for both ways round.
 */
static void put_killed(struct ruleset *rs, bool v6, enum svc s, bool reversed)
{
	struct rule r = bh_rule_new(rs->b, rs->name.v[v6].fwd, v6);
	unsigned word = v6 ? 8 : 2;
	char set[NL_NAME];

	snprintf(set, sizeof set, "kill_%s%c", bh_svc_name[s], bh_fam(v6));
	bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
	bh_x_load_ct_addr(&r, reversed, 0);
	bh_x_load_ct_addr(&r, !reversed, word / 2);
	if (reversed) {
		bh_x_load_ct_port(&r, word);
		bh_x_load_ct_sport(&r, word + 1);
	} else {
		bh_x_load_ct_sport(&r, word);
		bh_x_load_ct_port(&r, word + 1);
	}
	bh_x_in(&r, 0, set);
	bh_x_goto(&r, rs->name.v[v6].killed);
	bh_rule_add(rs->b, &r);
}

/*
 * Cuts that cost nothing on the fast path: they meet only what is not judged yet under this stamp.
 * Whoever makes one takes care that what is to die has to be judged again.
 */
void bh_slow_cuts_put(struct ruleset *rs, bool v6)
{
	const char *chain = rs->name.v[v6].fwd;
	struct rule r;

	for (int reversed = 0; reversed < 2; reversed++) {
		put_killed(rs, v6, SVC_TCP, reversed);
		put_killed(rs, v6, SVC_UDP, reversed);
	}
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_l4proto(&r, 6);
	bh_x_load_ct_addr(&r, false, 0);
	bh_x_in(&r, 0, v6 ? "contain6" : "contain4");
	bh_x_load_ct_port(&r, 0);
	bh_x_in(&r, 0, "admin_tcp");
	bh_x_goto(&r, rs->name.v[v6].contained);
	bh_rule_add(rs->b, &r);
	put_match(rs, chain, v6, false, v6 ? "island6" : "island4", rs->name.v[v6].island_src,
		true);
	put_match(rs, chain, v6, true, v6 ? "island6" : "island4", rs->name.v[v6].island_dst,
		true);
}

void bh_would_put(struct ruleset *rs, bool v6)
{
	const enum svc with[] = {SVC_TCP, SVC_UDP, SVC_ANY};

	for (size_t i = 0; i < BH_COUNT(with); i++) {
		struct rule r = bh_rule_new(rs->b, rs->name.v[v6].deny, v6);
		unsigned word = v6 ? 8 : 2;
		bool ports = svc_has_ports(with[i]);

		if (ports)
			bh_x_l4proto(&r, bh_svc_l4proto(with[i], v6));
		bh_x_load_ct_addr(&r, false, 0);
		bh_x_load_ct_addr(&r, true, word / 2);
		bh_x_load_l4proto(&r, word);
		if (ports)
			bh_x_load_ct_port(&r, word + 1);
		if (ports)
			bh_x_update(&r, v6 ? "would6" : "would4");
		else
			bh_x_update(&r, v6 ? "would_any6" : "would_any4");
		bh_x_count(&r, "c_would_deny");
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

void bh_router_put(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = rs->name.v[v6].router_q, *in = rs->name.v[v6].in;
	struct rule r;

	if (rs->law->mode == BH_MODE_OBSERVE)
		return;
	put_match(rs, in, v6, false, v6 ? "iso6" : "iso4", chain, false);
	put_match(rs, in, v6, false, v6 ? "isonet6" : "isonet4", chain, false);
	put_isolated_mac(rs, in, v6, false, chain);
	bh_put_jump(rs, chain, rs->name.v[v6].pins);
	r = bh_rule_new(rs->b, chain, v6); /* keep its lease, or the address we isolate wanders */
	bh_x_l4proto(&r, 17);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	bh_x_is16(&r, 0, v6 ? 546 : 68);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	bh_x_is16(&r, 0, v6 ? 547 : 67);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	put_remedies(rs, l, chain, v6, false);
	r = bh_rule_new(rs->b, chain, v6); /* answers to what this box asked */
	bh_x_reply(&r);
	bh_x_state(&r, CT_ESTABLISHED);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	bh_put_final(rs, chain, "c_iso", true);
}
