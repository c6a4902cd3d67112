/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * keep - what must outlive the core's process: the confirmed policy, the plan a machine starts with, conduits moved by hand
 *
 * Why     A core that dies must come back under the law that was confirmed, not the one the daemon was started with; and a
 *         machine that restarts must be closed before its network is up.
 * Shape   One shared mapping of its own, written by the core, read by the supervisor (which has files) and by the next core.
 *         Whoever writes says so over the supervisor's socket: 'p' the policy, 'b' the plan.
 * Errors  read: 0, 1 nothing there or being written, < 0 -errno.
 * Purity  Memory only; keep_file.c writes the files.
 */
#ifndef BH_DAEMON_KEEP_H
#define BH_DAEMON_KEEP_H

#include <bulkhead/base.h>

#define BH_KEEP_POLICY (4u << 20)
#define BH_KEEP_PLAN (32u << 20)
#define BH_KEEP_HANDS (256u << 10)

struct bh_keep_part {
	_Atomic uint32_t seq; /* odd: being written */
	uint32_t bytes;	      /* 0 = nothing */
	char file[128];	      /* the policy's name, for messages */
};
struct bh_keep {
	struct bh_keep_part policy, plan, hands;
	char policy_text[BH_KEEP_POLICY], plan_text[BH_KEEP_PLAN], hands_text[BH_KEEP_HANDS];
};
enum bh_keep_what { BH_KEEP_THE_POLICY, BH_KEEP_THE_PLAN, BH_KEEP_THE_HANDS };

struct bh_keep *bh_keep_open(void); /* NULL = no memory; before the first fork */
int bh_keep_write(struct bh_keep *k, unsigned what, const char *file, const char *text, size_t len) BH_MUST; /* -E2BIG */
/* A copy, NUL-terminated, malloc'ed; file may be NULL. */
int bh_keep_read(struct bh_keep *k, unsigned what, char file[128], char **ret_text, size_t *ret_len) BH_MUST;

/* ---- keep_file.c: the state directory ---- */
/* Replaces dir/name in one step, on disk before it returns. dir: an open directory. */
int bh_keep_save(int dir, const char *name, const char *text, size_t len) BH_MUST;
int bh_keep_load(int dir, const char *name, size_t max, char **ret_text, size_t *ret_len) BH_MUST; /* 1 = not there */

/*
 * boot.plan: "bulkhead-boot 1 at=<ns since 1970> sum=<16 hex digits>", then the plan as text. Cuts in it have the time they
 * had left at that moment.
 */
int bh_boot_wrap(const char *plan, size_t len, bh_ns at, char **ret_text, size_t *ret_len) BH_MUST;
/* 0 with the plan's part and the time; 1 not one of ours, or damaged (why says) */
int bh_boot_unwrap(const char *text, size_t len, const char **ret_plan, size_t *ret_len, bh_ns *ret_at, char why[96]) BH_MUST;

#endif
