/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table `inet bulkhead` as a batch. The order of its chains and rules is the order of the law;
 * docs/enforcement.md. */
#ifndef ENFORCE_RULESET_H
#define ENFORCE_RULESET_H

#include <bulkhead/enforce.h>
#include "elem.h"

/* Only the socket that made it may change it; when that is gone, it stays, and anybody may (Linux 6.9). */
#define TABLE_OWNED (NFT_TABLE_F_OWNER | 0x4u)

/* how many elements each set of the law must hold after the commit */
struct expect {
	char set[NL_NAME];
	size_t n;
};
/* Everything of a law carries its stamp in its name: a law on trial and the standing one lie side
 * by side. */
struct law_names {
	char permit[NL_NAME], families[NL_NAME];
	char arp[NL_NAME], arp_from[NL_NAME], arp_to[NL_NAME]; /* on a bridge */
	struct {
		char fwd[NL_NAME], pins[NL_NAME], q_src[NL_NAME], q_dst[NL_NAME], deny[NL_NAME],
			shielded[NL_NAME], killed[NL_NAME], contained[NL_NAME], island_src[NL_NAME],
			island_dst[NL_NAME], in[NL_NAME], router_q[NL_NAME], crit[NL_NAME], judge[NL_NAME], ready[NL_NAME],
			pin_pair[NL_NAME], src[NL_NAME], pin_end[NL_NAME], remedy_end[NL_NAME];
		char pin[4][NL_NAME], remedy[4][NL_NAME], mgmt[4][NL_NAME]; /* by enum svc */
	} v[2];
};
struct ruleset {
	struct batch *b;
	const struct bh_plan *law;   /* normalised; the one being written */
	const struct bh_plan *trial; /* another one on probation, or NULL */
	uint16_t stamp, trial_stamp; /* the generation in the ct mark and in names */
	uint16_t used;               /* the last stamp given to any law */
	uint64_t trial_ms;           /* time it has left */
	uint32_t table_flags;        /* TABLE_OWNED or 0 */
	bool link;                   /* not on a bridge: bridged packets are judged here */
	bool whole;                  /* on a bridge: all of the law, else isolation */
	uint64_t law_hash;
	struct law_names name; /* of the law being written */
	struct bh_enforce_counters counters; /* to begin with: a replaced table keeps its counts */
	struct expect *expect;
	size_t n_expect, cap_expect;
};

/* Everything of the law or the two laws, from an empty table on; errors are sticky in the batch. */
void bh_ruleset_put(struct ruleset *rs);
void bh_ruleset_fini(struct ruleset *rs);
/* Pieces of it, for the table of the family the batch is at. hook < 0: a chain that is only jumped to */
void bh_table_put(struct ruleset *rs, uint16_t type, uint32_t flags, const char *comment);
void bh_chain_put(
	struct ruleset *rs, const char *name, int hook, uint32_t policy, const char *comment);
void bh_counter_put(struct ruleset *rs, const char *name, uint64_t packets);

enum svc { SVC_TCP, SVC_UDP, SVC_ICMP, SVC_ANY, SVCS };
enum svc bh_svc_of(uint8_t proto);
static inline bool svc_has_ports(enum svc s)
{
	return s == SVC_TCP || s == SVC_UDP;
}
uint8_t bh_svc_l4proto(enum svc s, bool v6);
extern const char *const bh_svc_name[SVCS];

/* what one (zone, family, service, with or without source) has: one set */
struct group {
	uint16_t zone;
	uint8_t v6, hosts, svc;
	size_t first, n; /* in order[] */
};
struct layout {
	struct group *groups;
	uint32_t *order; /* permits by group */
	size_t n_groups;
	bool chain[BH_MAX_ZONES][2]; /* the zone has a chain in this family */
	bool pins[SVCS][2], remedies[SVCS][2], mgmt[SVCS][2], critical[2];
};
void bh_group_set_name(const struct ruleset *rs, const struct group *g, char name[NL_NAME]);
void bh_zone_chain_name(const struct ruleset *rs, size_t zone, bool v6, char name[NL_NAME]);

/* sets.c */
int bh_layout_make(const struct bh_plan *law, struct layout *l) BH_MUST;
void bh_layout_fini(struct layout *l);
void bh_names_make(struct law_names *n, uint16_t stamp);
void bh_sets_put(struct ruleset *rs, const struct layout *l); /* the empty sets */
void bh_exempt_put(struct ruleset *rs, const struct layout *l); /* sets and elements of pins and remedies alone */
void bh_found_put(struct ruleset *rs); /* their addresses: who must be found on a segment */
void bh_admin_ports_put(struct ruleset *rs); /* the same for every law */
void bh_elements_put(
	struct ruleset *rs, const struct layout *l); /* what they hold; chains must exist */

void bh_expect(struct ruleset *rs, const char *set, size_t n); /* the set holds n elements then */

/* owners.c */
struct owned {
	uint8_t lo[16], hi[16]; /* of the 16-byte form */
	uint8_t bits;
	uint16_t zone;
};
struct owners {
	struct owned *v;
	size_t n;
};
int bh_owners_make(const struct bh_plan *law, bool v6, struct owners *ret) BH_MUST; /* ranges in order; free v */

/* vlan.c: on a bridge, frames whose VLAN and source do not belong together; nothing when no zone has one */
void bh_vlans_put(struct ruleset *rs);
void bh_vlans_jump(struct ruleset *rs, const char *chain, char of); /* '4', '6', 'a' ARP */

/* phrase.c: what several chains say */
struct rule;
char bh_fam(bool v6);
/* [src .] dst [. port] of the connection's first packet, in set */
void bh_match_tuple(struct rule *r, enum svc s, bool src, const char *set);
void bh_match_packet(struct rule *r, bool destination, const char *set);
void bh_put_goto(struct ruleset *rs, const char *chain, const char *target);
void bh_put_jump(struct ruleset *rs, const char *chain, const char *target);
void bh_put_final(struct ruleset *rs, const char *chain, const char *counter, bool drop);

/* quarantine.c: what a cut leads to */
void bh_quarantine_put(struct ruleset *rs, const struct layout *l, bool v6);
void bh_isolation_put(struct ruleset *rs, bool v6);   /* forward, before what was judged */
void bh_slow_cuts_put(struct ruleset *rs, bool v6);   /* forward, after it */
void bh_router_put(struct ruleset *rs, const struct layout *l, bool v6); /* towards this box */
void bh_would_put(struct ruleset *rs, bool v6);	       /* observe: written down, not dropped */

/* ruleset.c: the law's sets, chains and rules; on a bridge without what is for this box itself */
void bh_law_body_put(struct ruleset *rs, const struct layout *l);
/* every law of rs under the hook "forward" (and "input") */
void bh_laws_put(struct ruleset *rs);
void bh_counters_put(struct ruleset *rs);

/* bridge.c: table `bridge bulkhead`, none when it is not wanted; and one law in it */
void bh_bridge_put(struct ruleset *rs, bool wanted);
void bh_bridge_law_put(struct ruleset *rs, const struct layout *l);
void bh_bridge_discovery_put(struct ruleset *rs, const char *chain, bool to); /* of who has a pin */
void bh_bridge_link_put(struct ruleset *rs, const char *chain, bool v6); /* what a segment lives on */
static inline bool bh_on_bridge(const struct ruleset *rs)
{
	return rs->b->family == NFPROTO_BRIDGE;
}

/* cut.c: where a cut lives in the kernel */
struct bh_cut_place {
	const char *set;
	uint8_t key[KEY_MAX], last[16];
	unsigned len;
	bool range, v6;
};
/* -EINVAL: no such cut */
int bh_cut_place(const struct bh_cut *c, struct bh_cut_place *ret_place) BH_MUST;
uint64_t bh_cut_ms(bh_ns ns);
/* Neighbours that go into one set the same way share a message. */
struct cut_stream {
	struct batch *b;
	struct elems e;
	bool open;
};
struct cut_stream bh_cut_stream(struct batch *b);
void bh_cut_put(struct cut_stream *s, const struct bh_cut *c, uint16_t type, uint16_t flags);
void bh_cut_stream_end(struct cut_stream *s);
void bh_cut_sets_put(struct batch *b); /* the empty sets */
/* also an element of the bridge's table; whole: which holds the whole law */
bool bh_cut_on_bridge(const struct bh_cut *c, bool whole);
void bh_bridge_cut_sets_put(struct batch *b);
/* what comes and goes by itself: cuts, the trial, what rules wrote down; no part of the digests */
bool bh_is_live_set(const char *name);
/* All cuts standing in the kernel; appended to a malloc'ed array. -EINTR is handled here. */
int bh_cuts_read(struct nl *nl, struct bh_cut **ret_cuts, size_t *ret_n) BH_MUST;

#endif
