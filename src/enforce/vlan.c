/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VLANs on a bridge. A zone with VLANs has its addresses in them alone, and they hold nobody else:
 * a frame whose source (of IPv4, IPv6, ARP) lies in such a zone and that carries another id or none,
 * and one that carries an id of such a zone with a source outside, is dropped, whatever the law
 * permits, pins included: it is not the host it says. Who has no address yet passes: 0.0.0.0, ::,
 * and link-local addresses, which are nobody's.
 *
 * So nobody behind the ports may route into or out of such a zone; this box does. One tag is looked
 * at, the outer one. On a bridge with vlan_filtering the kernel has taken the tag off already where
 * the frame leaves untagged: this is for bridges that pass tags on.
 *
 * One rule for each id, and a set of the addresses that may carry it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/if_ether.h>
#include "rule.h"
#include "ruleset.h"

enum { TYPE_AT = 12, TAG_AT = 14, ARP_SENDER = 14 };

static const char kinds[] = {'4', '6', 'a'};

/* "vlan4_g7", "vlan4_40_g7": of the same name chain and, but for ARP, set */
static void name_of(const struct ruleset *rs, char of, unsigned id, char out[NL_NAME])
{
	if (id)
		snprintf(out, NL_NAME, "vlan%c_%u_g%u", of, id, rs->stamp);
	else
		snprintf(out, NL_NAME, "vlan%c_g%u", of, rs->stamp);
}

static void set_of(const struct ruleset *rs, bool v6, unsigned id, const char *what, char out[NL_NAME])
{
	if (id)
		snprintf(out, NL_NAME, "vlan_%u_%c_g%u", id, bh_fam(v6), rs->stamp);
	else
		snprintf(out, NL_NAME, "vlan_%s%c_g%u", what, bh_fam(v6), rs->stamp);
}

static bool has(const struct bh_vlans *s, unsigned id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!id || s->v[i] == id)
			return true;
	return false;
}

static bool any(const struct bh_plan *law)
{
	for (size_t z = 0; z < law->n_zones; z++)
		if (law->zones[z].vlans.n)
			return true;
	return false;
}

/* id 0: of every zone that has one */
static void put_set(struct ruleset *rs, const struct owners *o, bool v6, unsigned id)
{
	unsigned skip = v6 ? 0 : 12;
	char name[NL_NAME];
	struct elems e;

	set_of(rs, v6, id, "src", name);
	bh_set_add(rs->b, name, "a", v6, NFT_SET_INTERVAL, false);
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);
	for (size_t i = 0; i < o->n; i++)
		if (has(&rs->law->zones[o->v[i].zone].vlans, id))
			bh_elem_range(&e, v6, o->v[i].lo + skip, o->v[i].hi + skip, NULL);
	bh_elems_end(&e);
	bh_expect(rs, name, e.count);
}

/* those without an address */
static void put_nobody(struct ruleset *rs, bool v6)
{
	static const uint8_t none[16], local[2][16] = {{0xfe, 0x80},
		{0xfe, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff}};
	char name[NL_NAME];
	struct elems e;

	set_of(rs, v6, 0, "none", name);
	bh_set_add(rs->b, name, "a", v6, NFT_SET_INTERVAL, false);
	e = bh_elems_new(rs->b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, name);
	bh_elem_range(&e, v6, none, none, NULL);
	if (v6)
		bh_elem_range(&e, v6, local[0], local[1], NULL);
	bh_elems_end(&e);
	bh_expect(rs, name, e.count);
}

static struct rule of_source(struct ruleset *rs, const char *chain, char of, const char *set)
{
	struct rule r = bh_rule_new(rs->b, chain, of == '6');

	bh_x_ethertype(&r, of == 'a' ? ETH_P_ARP : of == '6' ? ETH_P_IPV6 : ETH_P_IP);
	if (of == 'a')
		bh_x_load(&r, NFT_PAYLOAD_NETWORK_HEADER, ARP_SENDER, 4, 0);
	else
		bh_x_load_addr(&r, false, 0);
	bh_x_in(&r, 0, set);
	return r;
}

/* observing it is counted and goes on */
static void put_end(struct ruleset *rs, struct rule *r)
{
	bh_x_count(r, "c_vlan");
	if (rs->law->mode != BH_MODE_OBSERVE)
		bh_x_drop(r);
	bh_rule_add(rs->b, r);
}

static void put_id(struct ruleset *rs, char of, unsigned id)
{
	char chain[NL_NAME], own[NL_NAME], set[NL_NAME];
	struct rule r;

	name_of(rs, of, 0, chain);
	name_of(rs, of, id, own);
	set_of(rs, of == '6', id, NULL, set);
	bh_chain_put(rs, own, -1, 0, NULL);
	r = of_source(rs, own, of, set);
	bh_x_return(&r);
	bh_rule_add(rs->b, &r);
	r = bh_rule_new(rs->b, own, of == '6');
	put_end(rs, &r);
	r = bh_rule_new(rs->b, chain, of == '6');
	bh_x_load(&r, NFT_PAYLOAD_LL_HEADER, TYPE_AT, 2, 0);
	bh_x_is16(&r, 0, ETH_P_8021Q);
	bh_x_vlan(&r, TAG_AT, (uint16_t)id);
	bh_x_goto(&r, own);
	bh_rule_add(rs->b, &r);
}

static void put_chains(struct ruleset *rs, const bool ids[4095])
{
	for (size_t k = 0; k < sizeof kinds; k++) {
		char of = kinds[k], chain[NL_NAME], set[NL_NAME];
		struct rule r;

		name_of(rs, of, 0, chain);
		bh_chain_put(rs, chain, -1, 0, NULL);
		set_of(rs, of == '6', 0, "none", set);
		r = of_source(rs, chain, of, set);
		bh_x_return(&r);
		bh_rule_add(rs->b, &r);
		for (unsigned id = 1; id < 4095; id++)
			if (ids[id])
				put_id(rs, of, id);
		set_of(rs, of == '6', 0, "src", set);
		r = of_source(rs, chain, of, set);
		put_end(rs, &r);
	}
}

void bh_vlans_put(struct ruleset *rs)
{
	bool ids[4095] = {false};

	if (!any(rs->law))
		return;
	for (size_t z = 0; z < rs->law->n_zones; z++)
		for (unsigned i = 0; i < rs->law->zones[z].vlans.n; i++)
			ids[rs->law->zones[z].vlans.v[i] % 4095] = true;
	for (int v6 = 0; v6 < 2; v6++) {
		struct owners o;

		if (bh_owners_make(rs->law, v6, &o) < 0) {
			rs->b->error = -ENOMEM;
			return;
		}
		put_nobody(rs, v6);
		put_set(rs, &o, v6, 0);
		for (unsigned id = 1; id < 4095; id++)
			if (ids[id])
				put_set(rs, &o, v6, id);
		free(o.v);
	}
	put_chains(rs, ids);
}

void bh_vlans_jump(struct ruleset *rs, const char *chain, char of)
{
	char target[NL_NAME];

	if (!any(rs->law))
		return;
	name_of(rs, of, 0, target);
	bh_put_jump(rs, chain, target);
}
