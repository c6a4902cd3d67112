/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A theorem is a list of checks: a scenario, run once, and what may come out of it. */
#ifndef PROVE_PROOF_H
#define PROVE_PROOF_H

#include "inside.h"

enum { PERMITS, PINS, TURNED, REMEDIES, ABOUT, HOME, KINDS }; /* about: what ICMP errors between the ends of pins speak of */
struct side { /* one family */
	struct law law;
	/* [1]: as ICMP errors about connections; [2]: as packets without a connection */
	struct box_index index[3][KINDS];
	struct bh_reaches first; /* what the first scenario accepted, when it was good */
	unsigned first_allow;
};
struct proof {
	struct bh_model *m;
	const struct bh_plan *plan, *beside;
	struct bh_prove_report *report;
	struct marks marks;
	struct side side[2];
	bool trial, observe;
};
struct check {
	uint8_t theorem;
	struct bh_scenario sc;
	struct bh_box in;
	unsigned allow;	 /* bits of kinds */
	bool exact;	 /* and not less than the permits */
	bool whole;	 /* of all packets there are: drops are counted roughly first */
	bool stamps;	 /* may stamp what is permitted */
	const char *who; /* of the cuts */
};

int bh_side_make(const struct bh_plan *plan, const struct bh_plan *beside, uint8_t fam, struct side *s) BH_MUST;
void bh_side_fini(struct side *s);
/* 0 as the packet of a connection, 1 as an ICMP error about one, 2 as a packet without one */
unsigned bh_check_view(const struct bh_scenario *sc);
bool bh_box_as_segment(struct bh_box *b); /* false: it has no TCP in it */
int bh_check_run(struct proof *p, const struct check *c) BH_MUST;  /* accepts no more than allowed, stamps no more */
int bh_check_kept(struct proof *p, const struct check *c) BH_MUST; /* nothing of the box may be dropped */
void bh_check_marks(struct proof *p, const struct check *c);	    /* the value written is the value compared */
void bh_check_tell(struct proof *p, const struct check *c, unsigned theorem, const struct bh_box *box,
	const struct bh_reach *by);

#endif
