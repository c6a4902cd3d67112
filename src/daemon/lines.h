/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lines - whole lines to a descriptor, in blocks, with a memory of what did not fit
 *
 * Why     A full disk must cost lines, counted, and never a process or half a record.
 * Errors  put never fails; bh_lines_flush: < 0 -errno of the last write, and the lines stay buffered while they fit.
 * Purity  Shell: writes to the descriptor it is given.
 */
#ifndef BH_DAEMON_LINES_H
#define BH_DAEMON_LINES_H

#include <bulkhead/base.h>

struct bh_lines {
	int fd; /* -1: everything is dropped silently and not counted */
	char *buf;
	size_t len, cap;
	uint64_t lines, dropped;
	int error; /* last -errno; 0 = fine */
};
int bh_lines_open(struct bh_lines *l, int fd, size_t cap) BH_MUST;
/* Room for one line of max bytes, or NULL; commit what was written there. */
char *bh_lines_room(struct bh_lines *l, size_t max);
void bh_lines_commit(struct bh_lines *l, size_t n); /* 0 = the line did not fit its room: counted as dropped */
int bh_lines_flush(struct bh_lines *l);
void bh_lines_close(struct bh_lines *l); /* flushes; leaves fd open */

#endif
