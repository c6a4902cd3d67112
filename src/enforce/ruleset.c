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
#include <linux/netfilter_ipv4.h>
#include "rule.h"
#include "ruleset.h"

#define MARK_MASK 0xffff0000u

static char fam(bool v6)
{
	return v6 ? '6' : '4';
}

static void put_table(struct ruleset *rs, uint16_t type, const char *comment)
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
static void put_chain(
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

static void put_counter(struct ruleset *rs, const char *name, uint64_t packets)
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

/* ---- phrases ---- */

/* [src .] dst [. port] of the connection's first packet, in set */
static void match_tuple(struct rule *r, enum svc s, bool src, const char *set)
{
	unsigned word = 0, width = r->v6 ? 4 : 1;

	if (s != SVC_ANY)
		bh_x_l4proto(r, bh_svc_l4proto(s, r->v6));
	if (src) {
		bh_x_load_ct_addr(r, false, word);
		word += width;
	}
	bh_x_load_ct_addr(r, true, word);
	word += width;
	if (svc_has_ports(s))
		bh_x_load_ct_port(r, word);
	bh_x_in(r, 0, set);
}

static void match_packet(struct rule *r, bool destination, const char *set)
{
	bh_x_family(r);
	bh_x_load_addr(r, destination, 0);
	bh_x_in(r, 0, set);
}

static void put_goto(struct ruleset *rs, const char *chain, const char *target)
{
	struct rule r = bh_rule_new(chain, false);

	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_jump(struct ruleset *rs, const char *chain, const char *target)
{
	struct rule r = bh_rule_new(chain, false);

	bh_x_jump(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_final(struct ruleset *rs, const char *chain, const char *counter, bool drop)
{
	struct rule r = bh_rule_new(chain, false);

	bh_x_count(&r, counter);
	if (drop)
		bh_x_drop(&r);
	else
		bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* ---- chains ---- */

static void put_permit(struct ruleset *rs)
{
	struct rule r = bh_rule_new("permit", false);

	bh_x_mark_set(&r, MARK_MASK, (uint32_t)rs->stamp << 16);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

/* a segment without SYN, by its own header: destination . source . source port is the pin turned
 * round */
static void put_pin_segment(
	struct ruleset *rs, const char *chain, bool v6, enum svc s, bool reversed)
{
	struct rule r = bh_rule_new(chain, v6);
	unsigned width = v6 ? 4 : 1;
	char set[NL_NAME];

	snprintf(set, sizeof set, "pin_%s%c", bh_svc_name[s], fam(v6));
	bh_x_family(&r);
	bh_x_l4proto(&r, 6);
	bh_x_not_syn(&r);
	bh_x_load_addr(&r, reversed, 0);
	bh_x_load_addr(&r, !reversed, width);
	if (svc_has_ports(s))
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, reversed ? 0 : 2, 2, 2 * width);
	bh_x_in(&r, 0, set);
	bh_x_count(&r, "c_pin");
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}

static void put_pins_chain(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = v6 ? "pins6" : "pins4";
	struct rule r;

	for (enum svc s = 0; s < SVCS; s++) {
		char set[NL_NAME];

		if (!l->pins[s][v6])
			continue;
		snprintf(set, sizeof set, "pin_%s%c", bh_svc_name[s], fam(v6));
		r = bh_rule_new(chain, v6);
		match_tuple(&r, s, true, set);
		bh_x_count(&r, "c_pin");
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	if (l->pins[SVC_TCP][v6] || l->pins[SVC_UDP][v6]) {
		/* "too big" and "unreachable" about a pinned connection are part of it */
		r = bh_rule_new(chain, v6);
		bh_x_l4proto(&r, bh_svc_l4proto(SVC_ICMP, v6));
		bh_x_state(&r, CT_RELATED);
		bh_x_load_ct_addr(&r, false, 0);
		bh_x_load_ct_addr(&r, true, v6 ? 4 : 1);
		bh_x_in(&r, 0, v6 ? "pin_pair6" : "pin_pair4");
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

/* what an isolated host may still reach; answers: the same seen from the peer's side */
static void put_remedies(
	struct ruleset *rs, const struct layout *l, const char *chain, bool v6, bool answers)
{
	for (enum svc s = 0; s < SVCS; s++) {
		struct rule r;
		char set[NL_NAME];

		if (!l->remedies[s][v6])
			continue;
		snprintf(set, sizeof set, "remedy_%s%c", bh_svc_name[s], fam(v6));
		r = bh_rule_new(chain, v6);
		match_tuple(&r, s, false, set);
		if (answers)
			bh_x_reply(&r);
		else if (s == SVC_UDP)
			bh_x_limit(&r, 50, 100); /* DNS, not a tunnel */
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

static void put_quarantine(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *src = v6 ? "q_src6" : "q_src4", *dst = v6 ? "q_dst6" : "q_dst4",
		   *pins = v6 ? "pins6" : "pins4";
	struct rule r;

	put_jump(rs, src, pins);
	put_remedies(rs, l, src, v6, false);
	put_final(rs, src, "c_iso", true);

	put_jump(rs, dst, pins);
	put_remedies(rs, l, dst, v6, true);
	r = bh_rule_new(dst, v6);
	bh_x_count(&r, "c_iso");
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(dst, v6); /* the healthy peer learns at once, not after its own time-out */
	bh_x_l4proto(&r, 6);
	bh_x_limit(&r, 200, 50);
	bh_x_reject(&r, NFT_REJECT_TCP_RST, 0);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(dst, v6);
	bh_x_limit(&r, 200, 50);
	bh_x_reject(&r, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(dst, v6);
	bh_x_drop(&r);
	bh_rule_add(rs->b, &r);
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
		r = bh_rule_new(chain, g->v6);
		match_tuple(&r, g->svc, g->hosts, set);
		bh_x_goto(&r, "permit");
		bh_rule_add(rs->b, &r);
		if (!next || next->zone != g->zone || next->v6 != g->v6)
			put_goto(rs, chain, g->v6 ? "deny6" : "deny4");
	}
}

static void put_isolation(struct ruleset *rs, const char *chain, bool v6, bool destination,
	const char *set, const char *target)
{
	struct rule r = bh_rule_new(chain, v6);

	match_packet(&r, destination, set);
	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_isolated_mac(
	struct ruleset *rs, const char *chain, bool v6, bool with_family, const char *target)
{
	struct rule r = bh_rule_new(chain, v6);

	if (with_family)
		bh_x_family(&r);
	bh_x_ether(&r);
	bh_x_load(&r, NFT_PAYLOAD_LL_HEADER, 6, 6, 0);
	bh_x_in(&r, 0, "isomac");
	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

static void put_forward(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = v6 ? "fwd6" : "fwd4", *src = v6 ? "q_src6" : "q_src4",
		   *dst = v6 ? "q_dst6" : "q_dst4";
	const char *deny = v6 ? "deny6" : "deny4";
	char map[NL_NAME];
	struct rule r;

	put_isolation(rs, chain, v6, false, v6 ? "iso6" : "iso4", src);
	put_isolation(rs, chain, v6, true, v6 ? "iso6" : "iso4", dst);
	put_isolation(rs, chain, v6, false, v6 ? "isonet6" : "isonet4", src);
	put_isolation(rs, chain, v6, true, v6 ? "isonet6" : "isonet4", dst);
	put_isolated_mac(rs, chain, v6, false, src);
	if (l->critical[v6]) {
		r = bh_rule_new(chain, v6);
		match_packet(&r, false, v6 ? "shield6" : "shield4");
		bh_x_state(&r, CT_NEW);
		bh_x_load_ct_addr(&r, true, 0);
		bh_x_in(&r, 0, v6 ? "crit6" : "crit4");
		bh_x_goto(&r, v6 ? "shielded6" : "shielded4");
		bh_rule_add(rs->b, &r);
	}
	r = bh_rule_new(chain, v6);
	bh_x_mark_is(&r, MARK_MASK, (uint32_t)rs->stamp << 16);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(
		chain, v6); /* has no connection, so the mark above cannot have let it through */
	bh_x_state(&r, CT_INVALID);
	bh_x_count(&r, "c_invalid");
	bh_x_goto(&r, deny);
	bh_rule_add(rs->b, &r);
	snprintf(map, sizeof map, "src%c_g%u", fam(v6), rs->stamp);
	r = bh_rule_new(chain, v6);
	bh_x_load_ct_addr(&r, false, 0);
	bh_x_vmap(&r, 0, map);
	bh_rule_add(rs->b, &r);
	put_goto(rs, chain, deny);
}

static void put_management(struct ruleset *rs, const struct layout *l, bool v6)
{
	for (enum svc s = 0; s < SVCS; s++) {
		struct rule r;
		char set[NL_NAME];

		if (!l->mgmt[s][v6])
			continue;
		snprintf(set, sizeof set, "mgmt_%s%c", bh_svc_name[s], fam(v6));
		r = bh_rule_new("input", v6);
		bh_x_family(&r);
		if (s != SVC_ANY)
			bh_x_l4proto(&r, bh_svc_l4proto(s, v6));
		bh_x_load_addr(&r, false, 0);
		if (svc_has_ports(s))
			bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, v6 ? 4 : 1);
		bh_x_in(&r, 0, set);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
}

/* the box itself: management first, then what the link needs to work, then isolated hosts; nobody
 * else is touched */
static void put_input(struct ruleset *rs, const struct layout *l)
{
	static const uint8_t discovery[] = {
		133, 135, 136}; /* router and neighbour solicitation, advertisement */
	struct rule r;

	put_management(rs, l, false);
	put_management(rs, l, true);
	r = bh_rule_new("input", false);
	bh_x_iifname(&r, "lo");
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	for (size_t i = 0; i < BH_COUNT(discovery); i++) {
		r = bh_rule_new("input", true);
		bh_x_family(&r);
		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, 0);
		bh_x_is8(&r, 0, 255);
		bh_x_l4proto(&r, 58);
		bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
		bh_x_is8(&r, 0, discovery[i]);
		bh_x_accept(&r);
		bh_rule_add(rs->b, &r);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		const char *target = v6 ? "router_q6" : "router_q4";

		put_isolation(rs, "input", v6, false, v6 ? "iso6" : "iso4", target);
		put_isolation(rs, "input", v6, false, v6 ? "isonet6" : "isonet4", target);
		put_isolated_mac(rs, "input", v6, true, target);
	}
}

static void put_router_quarantine(struct ruleset *rs, const struct layout *l, bool v6)
{
	const char *chain = v6 ? "router_q6" : "router_q4";
	struct rule r;

	put_jump(rs, chain, v6 ? "pins6" : "pins4");
	r = bh_rule_new(chain, v6); /* keep its lease, or the address we isolate wanders */
	bh_x_l4proto(&r, 17);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0);
	bh_x_is16(&r, 0, v6 ? 546 : 68);
	bh_x_load(&r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	bh_x_is16(&r, 0, v6 ? 547 : 67);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	put_remedies(rs, l, chain, v6, false);
	r = bh_rule_new(chain, v6); /* answers to what this box asked */
	bh_x_reply(&r);
	bh_x_state(&r, CT_ESTABLISHED);
	bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
	put_final(rs, chain, "c_iso", true);
}

static void put_chains(struct ruleset *rs, const struct layout *l)
{
	static const char *const names[] = {"permit", "pins4", "pins6", "q_src4", "q_src6",
		"q_dst4", "q_dst6", "deny4", "deny6", "shielded4", "shielded6", "router_q4",
		"router_q6", "fwd4", "fwd6"};
	bool observe = rs->law->mode == BH_MODE_OBSERVE;

	for (size_t i = 0; i < BH_COUNT(names); i++)
		put_chain(rs, names[i], -1, 0, NULL);
	for (size_t z = 0; z < rs->law->n_zones; z++)
		for (int v6 = 0; v6 < 2; v6++) {
			char name[NL_NAME];

			bh_zone_chain_name(rs, z, v6, name);
			if (l->chain[z][v6])
				put_chain(rs, name, -1, 0, rs->law->zones[z].name);
		}
	put_chain(rs, "forward", NF_INET_FORWARD, observe ? NF_ACCEPT : NF_DROP, NULL);
	put_chain(rs, "input", NF_INET_LOCAL_IN, NF_ACCEPT, NULL);
}

static void put_rules(struct ruleset *rs, const struct layout *l)
{
	bool observe = rs->law->mode == BH_MODE_OBSERVE;

	put_permit(rs);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *deny = v6 ? "deny6" : "deny4",
			   *shielded = v6 ? "shielded6" : "shielded4";
		struct rule r;

		put_pins_chain(rs, l, v6);
		put_quarantine(rs, l, v6);
		put_jump(rs, deny, v6 ? "pins6" : "pins4");
		put_final(rs, deny, observe ? "c_would_deny" : "c_deny", !observe);
		put_jump(rs, shielded, v6 ? "pins6" : "pins4");
		put_final(rs, shielded, "c_shield", true);
		put_router_quarantine(rs, l, v6);
		put_forward(rs, l, v6);
		r = bh_rule_new("forward", v6);
		bh_x_family(&r);
		bh_x_goto(&r, v6 ? "fwd6" : "fwd4");
		bh_rule_add(rs->b, &r);
	}
	put_zone_chains(rs, l);
	put_input(rs, l);
}

void bh_ruleset_put(struct ruleset *rs)
{
	static const char *const modes[BH_MODE_COUNT] = {"observe", "ask", "auto"};
	const struct bh_enforce_counters *c = &rs->counters;
	struct layout *l = calloc(1, sizeof *l);
	char comment[128];

	if (!l || bh_layout_make(rs->law, l) < 0) {
		rs->b->error = -ENOMEM;
		free(l);
		return;
	}
	/* replaces whatever stands: the table must exist to be deleted */
	put_table(rs, NFT_MSG_NEWTABLE, NULL);
	put_table(rs, NFT_MSG_DELTABLE, NULL);
	snprintf(comment, sizeof comment, "bulkhead generation=%u mode=%s law=%016llx policy=%.16s",
		rs->stamp, modes[rs->law->mode], (unsigned long long)rs->law_hash,
		rs->law->policy_sha256);
	put_table(rs, NFT_MSG_NEWTABLE, comment);
	put_counter(rs, "c_pin", c->pin);
	put_counter(rs, "c_iso", c->iso);
	put_counter(rs, "c_deny", c->deny);
	put_counter(rs, "c_invalid", c->invalid);
	put_counter(rs, "c_shield", c->shield);
	put_counter(rs, "c_would_deny", c->would_deny);
	bh_sets_put(rs, l);
	put_chains(rs, l);
	put_rules(rs, l);
	bh_elements_put(rs, l);
	bh_layout_fini(l);
	free(l);
}
