/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the enforcer share: a law for the lab, and one-line steps that fail the test
 * they stand in. */
#ifndef TESTS_ENFORCE_HELP_H
#define TESTS_ENFORCE_HELP_H

#include <bulkhead/enforce.h>
#include "enforce_lab.h"

extern struct lab lab; /* made once: it is the machine under test */
extern const char law_text[];

struct bh_plan plan_of(const char *text);
struct bh_cut cut_of(const char *text);
void apply(struct bh_enforcer *e, const char *text);
void cut(struct bh_enforcer *e, const char *text);
void release(struct bh_enforcer *e, const char *text);
struct bh_enforcer *armed(const char *text);
void disarm(struct bh_enforcer *e); /* leaves an empty ruleset behind for the next test */
char *listing(bool with_state);     /* nft list ruleset, with or without counters and expiry */
void flow_up(struct flow *f, const char *from, uint16_t port, bool tcp);
void assert_closed(const char *from, uint16_t port, bool tcp);
size_t count(const char *text, const char *what);
size_t pings(struct flow *f, size_t n); /* how many of n came back within 100 ms */
uint64_t cut_left_s(
	struct bh_enforcer *e, const char *target); /* seconds left, rounded up; 0 = not cut */

struct CMUnitTest;
int enforce_main(const struct CMUnitTest *tests, size_t n);

#endif
