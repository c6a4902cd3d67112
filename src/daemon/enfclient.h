/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enfclient - the core's end of the socket to the enforcer: requests out without waiting, replies in as events
 *
 * Errors  < 0 -errno: the enforcer is gone or speaks nonsense; the caller closes and waits for a new socket.
 */
#ifndef BH_DAEMON_ENFCLIENT_H
#define BH_DAEMON_ENFCLIENT_H

#include <bulkhead/enforce.h>

#define BH_ENF_PENDING 1024
struct bh_enfclient {
	int fd; /* -1 = down */
	uint32_t seq;
	char *in;
	size_t in_len, in_cap;
	struct {
		uint32_t seq, order;
		uint8_t request;
	} pending[BH_ENF_PENDING];
	size_t n_pending;
};
int bh_enfclient_open(struct bh_enfclient *c, int fd) BH_MUST;
void bh_enfclient_close(struct bh_enfclient *c);
/* Requests are small, but for the law, and the enforcer always reads: waits a second for a full socket, then gives up. */
int bh_enfclient_send(struct bh_enfclient *c, unsigned request, uint32_t order, const char *text, size_t len) BH_MUST;
int bh_enfclient_cuts(struct bh_enfclient *c, unsigned request, uint32_t order, const struct bh_cut *cuts, size_t n) BH_MUST;
/* Reads what is there. */
int bh_enfclient_read(struct bh_enfclient *c) BH_MUST;
/* 0 one reply, with what it answers; 1 none yet; < 0 nonsense. reply->body is the caller's to free. */
int bh_enfclient_next(struct bh_enfclient *c, struct bh_enf_reply *ret_reply, unsigned *ret_request, uint32_t *ret_order) BH_MUST;

#endif
