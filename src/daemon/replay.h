/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * replay - a capture file through the same worker and core as live, with a simulated kernel that applies every order
 *
 * Errors  bh_replay_run: 0 read to the end; 3 the input is not readable as a capture (text says why), 1 it broke off or an
 *         output could not be written: what was known before is in the result all the same; < 0 -errno.
 * Purity  Shell. Time is the capture's; two replays give the same bytes.
 */
#ifndef BH_DAEMON_REPLAY_H
#define BH_DAEMON_REPLAY_H

#include <bulkhead/report.h>
#include "daemon/lines.h"
#include "daemon/worker.h"

struct bh_replay_opts {
	const char *path;
	const struct bh_policy *policy;
	const struct bh_watch *watch; /* NULL = the one that is carried */
	int mode; /* enum bh_mode, -1 = the policy's */
	int eve_fd, events_fd; /* -1 = none */
	bool strict;
	const char *host;
	/* called about ten times a second of real time; NULL = never */
	void (*progress)(void *ctx, unsigned ppm, const struct bh_worker_counters *n, uint64_t alerts);
	void *ctx;
};
struct bh_replay_result {
	struct bh_worker_counters worker;
	struct bh_core_counters core;
	struct bh_source_stats source;
	bh_ns first, last; /* capture clock */
	uint64_t wall_ns;
	struct { /* what the dissectors counted, by name; names are literals */
		const char *dissector, *name;
		uint64_t value;
	} dissect[192];
	size_t n_dissect;
	uint64_t classes[BH_APP_COUNT], guessed;
	struct bh_record *records; /* alerts and actions in order */
	size_t n_records, records_lost;
	char *plan; /* text of the wanted plan at the end */
	size_t plan_len;
	uint64_t eve_lines, eve_dropped;
	char text[256]; /* what went wrong, and what to do */
};
int bh_replay_run(const struct bh_replay_opts *opts, struct bh_replay_result *ret_result) BH_MUST;
void bh_replay_fini(struct bh_replay_result *r);

#endif
