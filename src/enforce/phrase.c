/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several chains say. */
#include "rule.h"
#include "ruleset.h"

char bh_fam(bool v6)
{
	return v6 ? '6' : '4';
}

/* [src .] dst [. port] of the connection's first packet, in set. ICMP is asked of the connection as
 * well, or an error about any other would be taken for a ping. (Not so the others: nft can only read
 * ports behind "meta l4proto".) */
void bh_match_tuple(struct rule *r, enum svc s, bool src, const char *set)
{
	unsigned word = 0, width = r->v6 ? 4 : 1;

	if (s == SVC_ICMP)
		bh_x_ct_proto(r, bh_svc_l4proto(s, r->v6));
	else if (s != SVC_ANY)
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

void bh_match_packet(struct rule *r, bool destination, const char *set)
{
	bh_x_family(r);
	bh_x_load_addr(r, destination, 0);
	bh_x_in(r, 0, set);
}

void bh_put_goto(struct ruleset *rs, const char *chain, const char *target)
{
	struct rule r = bh_rule_new(rs->b, chain, false);

	bh_x_goto(&r, target);
	bh_rule_add(rs->b, &r);
}

void bh_put_jump(struct ruleset *rs, const char *chain, const char *target)
{
	struct rule r = bh_rule_new(rs->b, chain, false);

	bh_x_jump(&r, target);
	bh_rule_add(rs->b, &r);
}

void bh_put_final(struct ruleset *rs, const char *chain, const char *counter, bool drop)
{
	struct rule r = bh_rule_new(rs->b, chain, false);

	bh_x_count(&r, counter);
	if (drop)
		bh_x_drop(&r);
	else
		bh_x_accept(&r);
	bh_rule_add(rs->b, &r);
}
