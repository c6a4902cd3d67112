/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules in the words of nft: each function adds what one phrase of a rule compiles to. */
#ifndef ENFORCE_RULE_H
#define ENFORCE_RULE_H

#include <libnftnl/rule.h>
#include "nl.h"

struct rule {
	struct nftnl_rule *r;
	const char *chain;
	bool v6, bridge, bad;
};
/* of the family the batch is at */
struct rule bh_rule_new(const struct batch *b, const char *chain, bool v6);
void bh_rule_add(struct batch *b, struct rule *r); /* appends to its chain; ends the rule */

/* registers are counted in 4-byte words from 0 */
void bh_x_family(struct rule *r); /* IPv4 or IPv6, as the rule: meta nfproto, on a bridge meta protocol */
void bh_x_ethertype(struct rule *r, uint16_t type); /* meta protocol, behind a VLAN tag too */
void bh_x_vlan(struct rule *r, unsigned at, uint16_t id); /* vlan id of the tag at this offset */
void bh_x_l4proto(struct rule *r, uint8_t proto); /* meta l4proto */
void bh_x_ct_proto(struct rule *r, uint8_t proto); /* of the connection, whatever speaks about it */
void bh_x_iifname(struct rule *r, const char *name);
void bh_x_ether(struct rule *r); /* meta iiftype ether; on a bridge nothing else comes */
void bh_x_load(struct rule *r, unsigned base, unsigned offset, unsigned len, unsigned word);
void bh_x_load_addr(struct rule *r, bool destination, unsigned word); /* ip saddr, ip6 daddr … */
void bh_x_load_ct_addr(
	struct rule *r, bool destination, unsigned word); /* ct original ip saddr … */
void bh_x_load_ct_port(struct rule *r, unsigned word);    /* ct original proto-dst */
void bh_x_load_ct_sport(struct rule *r, unsigned word);   /* ct original proto-src */
void bh_x_load_l4proto(struct rule *r, unsigned word);
void bh_x_in_nfproto(struct rule *r, const char *set); /* meta nfproto @set, on a bridge meta protocol */
void bh_x_is8(struct rule *r, unsigned word, uint8_t value);
void bh_x_is16(struct rule *r, unsigned word, uint16_t value);
void bh_x_in(struct rule *r, unsigned word, const char *set);
void bh_x_update(struct rule *r, const char *set); /* update @set { from word 0 on, counter } */
void bh_x_vmap(struct rule *r, unsigned word, const char *map);
void bh_x_state(struct rule *r, uint32_t bits); /* ct state, any of the bits */
void bh_x_reply(struct rule *r);                /* ct direction reply */
void bh_x_original(struct rule *r);             /* ct direction original */
void bh_x_not_syn(struct rule *r);              /* tcp flags ! syn */
void bh_x_mark_is(struct rule *r, uint32_t mask, uint32_t value);
void bh_x_mark_is_set(struct rule *r, uint32_t mask); /* any bit of mask */
void bh_x_mark_set(
	struct rule *r, uint32_t mask, uint32_t value); /* ct mark set ct mark & ~mask | value */
void bh_x_limit(struct rule *r, uint64_t per_second, uint32_t burst);
void bh_x_count(struct rule *r, const char *counter);
void bh_x_reject(struct rule *r, unsigned type, unsigned code);
void bh_x_accept(struct rule *r);
void bh_x_drop(struct rule *r);
void bh_x_return(struct rule *r);
void bh_x_goto(struct rule *r, const char *chain);
void bh_x_jump(struct rule *r, const char *chain);

#define CT_INVALID 1u
#define CT_ESTABLISHED 2u
#define CT_RELATED 4u
#define CT_NEW 8u

#endif
