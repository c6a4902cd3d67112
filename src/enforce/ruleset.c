/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table, chain by chain, in the order of the law: pin, isolation, shield, what was already
 * judged under this generation, conduit, deny. Everything that changes during an incident is an
 * element of a set; no rule ever does.
 *
 * Connections are judged by their original tuple, so one lookup serves both directions, an answer
 * needs no rule of its own, and an isolated server gains nothing from the port of a pin. Two things
 * have no tuple to be judged by: a packet conntrack calls invalid, and a TCP segment met in the
 * middle of a connection conntrack does not know (the first minutes after a start). For pins, and
 * only for segments without SYN, chain pins therefore looks at the packet itself, in both
 * directions: a pinned connection outlives a restart of conntrack whoever speaks first.
 *
 * There is no rule against connections that begin without SYN: it would cut every connection older
 * than this table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <libnftnl/chain.h>
#include <libnftnl/object.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/if_ether.h>
#include <linux/netfilter_ipv4.h>
#include "rule.h"
#include "ruleset.h"

#define MARK_MASK 0xffff0000u

void bh_table_put(struct ruleset *rs, uint16_t type, uint32_t flags, const char *comment)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(256);
	struct nlmsghdr *h;

	if (!t || !u || nftnl_table_set_str(t, NFTNL_TABLE_NAME, NL_TABLE) < 0)
		rs->b->error = -ENOMEM;
	h = bh_batch_msg(
		rs->b, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0, "table", NL_TABLE);
	if (h) {
		nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, NFPROTO_INET);
		if (flags)
			nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, flags);
		if (comment && nftnl_udata_put_strz(u, NFTNL_UDATA_TABLE_COMMENT, comment))
			(void)nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u),
				nftnl_udata_buf_len(u));
		nftnl_table_nlmsg_build_payload(h, t);
		bh_batch_msg_end(rs->b, h);
	}
	if (u)
		nftnl_udata_buf_free(u);
	if (t)
		nftnl_table_free(t);
}

/* the name a person gave, as nft can print and read it */
static void put_comment(struct nftnl_chain *c, const char *name)
{
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(256);
	char text[BH_NAME + 8];

	if (!u)
		return;
	snprintf(text, sizeof text, "zone %s", name);
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
			*p = '_';
	if (nftnl_udata_put_strz(u, NFTNL_UDATA_CHAIN_COMMENT, text))
		(void)nftnl_chain_set_data(
			c, NFTNL_CHAIN_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
}

/* hook < 0: a chain that is only jumped to */
void bh_chain_put(
	struct ruleset *rs, const char *name, int hook, uint32_t policy, const char *comment)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;

	if (!c || nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NL_TABLE) < 0 ||
		nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name) < 0)
		rs->b->error = -ENOMEM;
	h = bh_batch_msg(rs->b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "chain", name);
	if (h) {
		nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
		if (hook >= 0) {
			nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, (uint32_t)hook);
			nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, NF_IP_PRI_FILTER - 10);
			nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, policy);
			if (nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter") < 0)
				rs->b->error = -ENOMEM;
		}
		if (comment)
			put_comment(c, comment);
		nftnl_chain_nlmsg_build_payload(h, c);
		bh_batch_msg_end(rs->b, h);
	}
	if (c)
		nftnl_chain_free(c);
}

void bh_counter_put(struct ruleset *rs, const char *name, uint64_t packets)
{
	struct nftnl_obj *o = nftnl_obj_alloc();
	struct nlmsghdr *h =
		o ? bh_batch_msg(rs->b, NFT_MSG_NEWOBJ, NLM_F_CREATE, "counter", name) : NULL;

	if (h) {
		nftnl_obj_set_u32(o, NFTNL_OBJ_FAMILY, NFPROTO_INET);
		nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, NL_TABLE);
		nftnl_obj_set_str(o, NFTNL_OBJ_NAME, name);
		nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
		nftnl_obj_set_u64(o, NFTNL_OBJ_CTR_PKTS, packets);
		nftnl_obj_set_u64(o, NFTNL_OBJ_CTR_BYTES, 0);
		nftnl_obj_nlmsg_build_payload(h, o);
		bh_batch_msg_end(rs->b, h);
	} else {
		rs->b->error = -ENOMEM;
	}
	if (o)
		nftnl_obj_free(o);
}

/* ---- chains ---- */

static void put_permit(struct ruleset *rs)
{
	struct rule r = bh_rule_new(rs->b, rs->name.permit, false);

	bh_x_mark_set(&r, MARK_MASK, (uint32_t)rs->stamp << 16);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* a segment without SYN, by its own header: destination . source . source port is the pin turned
 * round */
static void put_pin_segment(
	struct ruleset *rs, const char *chain, bool v6, enum svc s, bool reversed)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);
	unsigned width = v6 ? 4 : 1;

	bh_x_family(&r);
	bh_x_l4proto(&r, 6);
	bh_x_not_syn(&r);
	bh_x_load_addr(&r, reversed, 0);
	bh_x_load_addr(&r, !reversed, width);
	if (svc_has_ports(s))
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, reversed ? 0 : 2, 2, 2 * width);
	bh_x_in(&r, 0, rs->name.v[v6].pin[s]);
	bh_x_count(&r, "c_pin");
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

static void put_pins_chain(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = rs->name.v[v6].pins;
	struct rule r;

	for (enum svc s = 0; s < SVCS; s++) {
		if (!l->pins[s][v6])
			continue;
		r = bh_rule_new(rs->b, chain, v6);
		bh_match_tuple(&r, s, true, rs->name.v[v6].pin[s]);
		bh_x_count(&r, "c_pin");
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	if (l->pins[SVC_TCP][v6] || l->pins[SVC_UDP][v6]) {
		/* "too big" and "unreachable" about a pinned connection are part of it */
		r = bh_rule_new(rs->b, chain, v6);
		bh_x_l4proto(&r, bh_svc_l4proto(SVC_ICMP, v6));
		bh_x_state(&r, CT_RELATED);
		bh_x_load_ct_addr(&r, false, 0);
		bh_x_load_ct_addr(&r, true, v6 ? 4 : 1);
		bh_x_in(&r, 0, rs->name.v[v6].pin_pair);
		bh_x_count(&r, "c_pin");
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	for (int reversed = 0; reversed < 2; reversed++) {
		if (l->pins[SVC_TCP][v6])
			put_pin_segment(rs, chain, v6, SVC_TCP, reversed);
		if (l->pins[SVC_ANY][v6])
			put_pin_segment(rs, chain, v6, SVC_ANY, reversed);
	}
}

static void put_zone_chains(struct ruleset *rs, const struct layout *l)
{
	for (size_t i = 0; i < l->n_groups; i++) {
		const struct group *g = &l->groups[i];
		const struct group *next = i + 1 < l->n_groups ? &l->groups[i + 1] : NULL;
		char chain[NL_NAME], set[NL_NAME];
		struct rule r;

		bh_zone_chain_name(rs, g->zone, g->v6, chain);
		bh_group_set_name(rs, g, set);
		r = bh_rule_new(rs->b, chain, g->v6);
		bh_match_tuple(&r, g->svc, g->hosts, set);
		bh_x_goto(&r, rs->name.permit);
		bh_rule_add(rs->b, &r);
		if (!next || next->zone != g->zone || next->v6 != g->v6)
			bh_put_goto(rs, chain, rs->name.v[g->v6].deny);
	}
}

/*
 * The kernel fills sets of ranges when a transaction is committed, some microseconds after its rules have come into force.
 * Set ready, which everything is in, is filled last: until it is, nothing can be judged, and what some law of ours has
 * permitted goes on unjudged, as if all of it had been committed that much later.
 */
static void put_judge(struct ruleset *rs, bool v6)
{
	const char *chain = rs->name.v[v6].fwd, *judge = rs->name.v[v6].judge;
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_load_ct_addr(&r, false, 0);
	bh_x_load_ct_addr(&r, true, v6 ? 4 : 1);
	bh_x_in(&r, 0, rs->name.v[v6].ready);
	bh_x_goto(&r, judge);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_mark_is_set(&r, MARK_MASK);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	bh_put_goto(rs, chain, rs->name.v[v6].deny);
	r = bh_rule_new(rs->b, judge, v6);
	bh_x_load_ct_addr(&r, false, 0);
	bh_x_vmap(&r, 0, rs->name.v[v6].src);
	bh_rule_add(rs->b, &r);
	bh_put_goto(rs, judge, rs->name.v[v6].deny);
}

static void put_forward(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = rs->name.v[v6].fwd, *deny = rs->name.v[v6].deny;
	bool cuts = rs->law->mode != BH_MODE_OBSERVE; /* cuts of a law beside it are not its own */
	struct rule r;

	if (bh_on_bridge(rs))
		bh_vlans_jump(rs, chain, bh_fam(v6));
	if (cuts)
		bh_isolation_put(rs, v6);
	if (cuts && l->critical[v6]) {
		r = bh_rule_new(rs->b, chain, v6);
		bh_match_packet(&r, false, v6 ? "shield6" : "shield4");
		bh_x_state(&r, CT_NEW);
		bh_x_load_ct_addr(&r, true, 0);
		bh_x_in(&r, 0, rs->name.v[v6].crit);
		bh_x_goto(&r, rs->name.v[v6].shielded);
		bh_rule_add(rs->b, &r);
	}
	r = bh_rule_new(rs->b, chain, v6);
	bh_x_mark_is(&r, MARK_MASK, (uint32_t)rs->stamp << 16);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	if (cuts)
		bh_slow_cuts_put(rs, v6);
	if (bh_on_bridge(rs) || rs->link)
		bh_bridge_link_put(rs, chain, v6);
	r = bh_rule_new(rs->b, chain, v6); /* has no connection, so the mark above cannot have let it through */
	bh_x_state(&r, CT_INVALID);
	bh_x_count(&r, "c_invalid");
	bh_x_goto(&r, deny);
	bh_rule_add(rs->b, &r);
	put_judge(rs, v6);
}

static void put_management(struct ruleset *rs, const struct layout *l, bool v6)
{
	for (enum svc s = 0; s < SVCS; s++) {
		struct rule r;

		if (!l->mgmt[s][v6])
			continue;
		r = bh_rule_new(rs->b, "input", v6);
		bh_x_family(&r);
		if (s != SVC_ANY)
			bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
		bh_x_load_addr(&r, false, 0);
		if (svc_has_ports(s))
			bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, v6 ? 4 : 1);
		bh_x_in(&r, 0, rs->name.v[v6].mgmt[s]);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

/* The box itself: management of every law in the table first (written with each law), then what the
 * link needs to work, then isolated hosts; nobody else is touched. */
static void put_input(struct ruleset *rs)
{
	static const uint8_t discovery[] = {
		133, 135, 136}; /* router and neighbour solicitation, advertisement */
	struct rule r;

	r = bh_rule_new(rs->b, "input", false);
	bh_x_iifname(&r, "lo");
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	for (size_t i = 0; i < BH_COUNT(discovery); i++) {
		r = bh_rule_new(rs->b, "input", true);
		bh_x_family(&r);
		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
		bh_x_is8(&r, 0, 255);
		bh_x_l4proto(&r, 58);
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
		bh_x_is8(&r, 0, discovery[i]);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_chains(struct ruleset *rs, const struct layout *l)
{
	size_t for_this_box = bh_on_bridge(rs) ? 2 : 0; /* the last of the names */

	bh_chain_put(rs, rs->name.permit, -1, 0, NULL);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *const names[] = {rs->name.v[v6].pins, rs->name.v[v6].q_src,
			rs->name.v[v6].q_dst, rs->name.v[v6].deny, rs->name.v[v6].shielded,
			rs->name.v[v6].killed, rs->name.v[v6].contained, rs->name.v[v6].island_src,
			rs->name.v[v6].island_dst, rs->name.v[v6].judge, rs->name.v[v6].fwd,
			rs->name.v[v6].router_q, rs->name.v[v6].in};

		for (size_t i = 0; i < BH_COUNT(names) - for_this_box; i++)
			bh_chain_put(rs, names[i], -1, 0, NULL);
	}
	for (size_t z = 0; z < rs->law->n_zones; z++)
		for (int v6 = 0; v6 < 2; v6++) {
			char name[NL_NAME];

			bh_zone_chain_name(rs, z, v6, name);
			if (l->chain[z][v6])
				bh_chain_put(rs, name, -1, 0, rs->law->zones[z].name);
		}
}

static void put_rules(struct ruleset *rs, const struct layout *l)
{
	bool observe = rs->law->mode == BH_MODE_OBSERVE;

	put_permit(rs);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *deny = rs->name.v[v6].deny, *shielded = rs->name.v[v6].shielded;

		put_pins_chain(rs, l, v6);
		bh_quarantine_put(rs, l, v6);
		bh_put_jump(rs, deny, rs->name.v[v6].pins);
		if (observe)
			bh_would_put(rs, v6);
		bh_put_final(rs, deny, observe ? "c_would_deny" : "c_deny", !observe);
		bh_put_jump(rs, shielded, rs->name.v[v6].pins);
		bh_put_final(rs, shielded, "c_shield", true);
		if (!bh_on_bridge(rs))
			bh_router_put(rs, l, v6);
		put_forward(rs, l, v6);
	}
	put_zone_chains(rs, l);
	if (bh_on_bridge(rs))
		return;
	put_management(rs, l, false);
	put_management(rs, l, true);
}

void bh_law_body_put(struct ruleset *rs, const struct layout *l)
{
	bh_sets_put(rs, l);
	if (bh_on_bridge(rs) || rs->link)
		bh_found_put(rs);
	if (bh_on_bridge(rs))
		bh_vlans_put(rs);
	put_chains(rs, l);
	put_rules(rs, l);
	bh_elements_put(rs, l);
}

static void put_law(struct ruleset *rs)
{
	struct layout *l = calloc(1, sizeof *l);

	if (!l || bh_layout_make(rs->law, l) < 0) {
		rs->b->error = -ENOMEM;
		free(l);
		return;
	}
	bh_names_make(&rs->name, rs->stamp);
	if (bh_on_bridge(rs))
		bh_bridge_law_put(rs, l);
	else
		bh_law_body_put(rs, l);
	bh_layout_fini(l);
	free(l);
}

/* from a hook into the chains of the law whose names are set */
static void put_entry(struct ruleset *rs, const char *chain, bool v6, const char *target)
{
	struct rule r = bh_rule_new(rs->b, chain, v6);

	bh_x_family(&r);
	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_entries(struct ruleset *rs, const char *forward, const char *input)
{
	struct rule r;

	if (bh_on_bridge(rs)) {
		r = bh_rule_new(rs->b, forward, false);
		bh_x_ethertype(&r, ETH_P_ARP);
		bh_x_goto(&r, rs->name.arp);
		bh_rule_add(rs->b, &r);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		put_entry(rs, forward, v6, rs->name.v[v6].fwd);
		if (!bh_on_bridge(rs))
			put_entry(rs, input, v6, rs->name.v[v6].in);
	}
}

/* While the elements of set trial live, its law judges; that is the kernel's clock, not ours. */
static void put_trial(struct ruleset *rs, const char *hook, const char *entry)
{
	struct rule r = bh_rule_new(rs->b, hook, false);

	bh_x_in_nfproto(&r, "trial");
	bh_x_goto(&r, entry);
	bh_rule_add(rs->b, &r);
}

static void put_trial_set(struct ruleset *rs)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	static const uint8_t types[][2] = {{8, 0}, {0x86, 0xdd}, {8, 6}}; /* IPv4, IPv6, ARP */
	struct elem_extra x = {.timeout_ms = rs->trial_ms};
	struct elems e;

	bh_set_add(rs->b, "trial", bh_on_bridge(rs) ? "t" : "n", false, NFT_SET_TIMEOUT, false);
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, "trial");
	for (size_t i = 0; bh_on_bridge(rs) && i < BH_COUNT(types); i++)
		bh_elem_exact(&e, types[i], sizeof types[i], &x);
	for (size_t i = 0; !bh_on_bridge(rs) && i < BH_COUNT(families); i++)
		bh_elem_exact(&e, &families[i], 1, &x);
	bh_elems_end(&e);
}

void bh_laws_put(struct ruleset *rs)
{
	bool box = !bh_on_bridge(rs); /* what is for this box itself is none of the bridge's */
	const struct bh_plan *standing = rs->law;
	uint16_t stamp = rs->stamp;

	if (rs->trial) {
		char in[NL_NAME];

		rs->law = rs->trial;
		rs->stamp = rs->trial_stamp;
		put_law(rs);
		put_trial_set(rs);
		snprintf(in, sizeof in, "in_g%u", rs->stamp);
		bh_chain_put(rs, rs->name.families, -1, 0, NULL);
		if (box)
			bh_chain_put(rs, in, -1, 0, NULL);
		put_entries(rs, rs->name.families, in);
		rs->law = standing;
		rs->stamp = stamp;
		put_law(rs); /* its management comes before the entry of either */
		if (box)
			put_input(rs);
		bh_names_make(&rs->name, rs->trial_stamp);
		put_trial(rs, "forward", rs->name.families);
		if (box)
			put_trial(rs, "input", in);
		bh_names_make(&rs->name, stamp);
	} else {
		put_law(rs);
		if (box)
			put_input(rs);
	}
	put_entries(rs, "forward", "input");
}

void bh_counters_put(struct ruleset *rs)
{
	const struct bh_enforce_counters *c = &rs->counters;

	bh_counter_put(rs, "c_pin", c->pin);
	bh_counter_put(rs, "c_iso", c->iso);
	bh_counter_put(rs, "c_deny", c->deny);
	bh_counter_put(rs, "c_invalid", c->invalid);
	bh_counter_put(rs, "c_shield", c->shield);
	bh_counter_put(rs, "c_would_deny", c->would_deny);
	bh_counter_put(rs, "c_contain", c->contain);
	bh_counter_put(rs, "c_island", c->island);
	bh_counter_put(rs, "c_kill", c->kill);
}

void bh_ruleset_put(struct ruleset *rs)
{
	static const char *const modes[BH_MODE_COUNT] = {"observe", "ask", "auto"};
	bool observe = rs->law->mode == BH_MODE_OBSERVE;
	char comment[128];

	/* replaces whatever stands: the table must exist to be deleted */
	bh_table_put(rs, NFT_MSG_NEWTABLE, 0, NULL);
	bh_table_put(rs, NFT_MSG_DELTABLE, 0, NULL);
	snprintf(comment, sizeof comment,
		"bulkhead generation=%u mode=%s law=%016llx used=%u policy=%.16s", rs->stamp,
		modes[rs->law->mode], (unsigned long long)rs->law_hash, rs->used,
		rs->law->policy_sha256);
	bh_table_put(rs, NFT_MSG_NEWTABLE, rs->table_flags, comment);
	bh_counters_put(rs);
	bh_cut_sets_put(rs->b);
	bh_admin_ports_put(rs);
	bh_chain_put(rs, "forward", NF_INET_FORWARD, observe ? NF_ACCEPT : NF_DROP, NULL);
	bh_chain_put(rs, "input", NF_INET_LOCAL_IN, NF_ACCEPT, NULL);
	bh_laws_put(rs);
}
