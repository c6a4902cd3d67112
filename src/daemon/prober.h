/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * prober - the process that asks, where the policy lets it: what it holds, and what it is told
 *
 * Shape   One raw socket an interface, opened by the supervisor, bound to it and deaf; one socket to the core. The core asks first
 *         (go false: could you?), makes the question known to the detectors, then says go: no answer comes before its question.
 * Purity  The two structs are all that passes between both; each side looks at what it gets as hostile.
 */
#ifndef BH_DAEMON_PROBER_H
#define BH_DAEMON_PROBER_H

#include <bulkhead/capture.h>
#include <bulkhead/control.h>
#include "daemon/ask.h"

struct bh_prober_iface {
	char name[16];
	int fd;
	unsigned index;
	struct bh_asker asker;
};
struct bh_prober_order {
	bh_ns at; /* the core's clock: an old one is not carried out */
	uint32_t xid; /* random; of the question, and of this order */
	bool dhcp, go;
	char iface[16], name[16]; /* name: not of DHCP */
};
struct bh_prober_reply {
	uint32_t xid;
	uint8_t says; /* enum bh_probe_says */
	bool go;
};

/* By the policy's zones that are to be asked, of the interfaces that are listened on. How many there are; fd -1: it could not be opened. */
size_t bh_prober_open(const struct bh_policy *p, const char *const *ifaces, size_t n_ifaces, struct bh_prober_iface ret[BH_LIVE_IFS]);
void bh_prober_close(struct bh_prober_iface *v, size_t n);
bool bh_prober_stale(const struct bh_policy *p, const char *const *ifaces, size_t n_ifaces, const struct bh_prober_iface *v, size_t n); /* an interface or an address is another now */

struct bh_prober_in {
	int core;
	const struct bh_prober_iface *ifaces;
	size_t n;
};
int bh_role_prober(const struct bh_prober_in *in);

#define BH_PROBER_LOOK BH_SEC(30) /* how often the supervisor compares addresses with those it was started with */
bool bh_prober_wanted(const struct bh_policy *p); /* some zone has a probe */

#endif
