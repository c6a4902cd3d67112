/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core_proc - what the two halves of the core's process share: core_role.c (loop, rings, enforcer), core_api.c (clients) */
#ifndef BH_DAEMON_CORE_PROC_H
#define BH_DAEMON_CORE_PROC_H

#include <bulkhead/control.h>
#include "daemon/enfclient.h"
#include "daemon/lines.h"
#include "daemon/roles.h"

#define CLIENTS 16
#define REPLY (4u << 20)

struct client {
	int fd;
	bool may_write;
	uint32_t uid, order; /* order: an isolation or release it waits for */
	bh_ns deadline; /* of the order, or of a peer that neither asks nor reads */
	char line[BH_API_LINE];
	size_t len;
	char *out; /* what its socket did not take yet, malloc'ed */
	size_t out_at, out_len;
};

struct proc {
	const struct bh_core_in *in;
	struct bh_core *core;
	struct bh_enfclient enf;
	struct bh_lines eve;
	struct bh_eve fmt;
	struct client clients[CLIENTS];
	bh_ns start, now, next_tick, next_stats;
	uint64_t ring_drops[BH_SHM_WORKERS], kernel_drops, drifts;
	uint8_t law_mode; /* mode of the law the enforcer was given */
	bh_ns adopting;	  /* until then, or the dump, no event is taken: order numbers may be taken in the kernel */
	struct bh_out out;
	char *reply;
};

/* core_role.c */
bh_ns core_wall(void);
void core_step(struct proc *p, const struct bh_event *ev); /* leaves its records in p->out */
void core_law_changed(struct proc *p);
/* core_api.c */
struct bh_stats core_stats(struct proc *p);
void core_client_new(struct proc *p);
void core_client_ready(struct proc *p, struct client *c); /* readable, or writable while it has output */
void core_waiters(struct proc *p); /* clients that wait for the kernel's word on their order */

#endif
