/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One DCE/RPC conversation: a TCP connection or an open pipe. Messages in, facts out through the carrier; fixed size, zero =
 * nothing said yet.
 */
#ifndef BULKHEAD_DISSECT_RPC_TALK_H
#define BULKHEAD_DISSECT_RPC_TALK_H

#include "rpc_pdu.h"

#define RPC_CTXS 16
#define RPC_CALLS 16
#define RPC_REPEATS 32
#define RPC_LATES 8
#define RPC_HELD 8

struct bh_rpc_ctx {
	struct bh_uuid uuid;
	uint32_t call, used; /* call: of the bind that asked */
	uint16_t id;
	uint8_t state, order, flags; /* order: its place in that bind; flags: BH_RPC_F_* */
};
struct bh_rpc_call { /* not answered yet */
	uint64_t object;
	uint32_t id;
	uint16_t context, opnum;
	bool used;
};
struct bh_rpc_repeat {
	uint64_t object;
	uint32_t n, since, used;
	uint16_t context, opnum;
};
struct bh_rpc_held {
	uint32_t stub;
	uint16_t opnum;
	uint8_t level;
};
struct bh_rpc_late { /* calls of an interface nobody named */
	uint64_t object;
	uint32_t used, big; /* big: bytes of answers to opnum 3 */
	uint16_t context;
	uint8_t n, guess; /* guess: 1 + row of the guesses; 0 = none yet */
	struct bh_rpc_held held[RPC_HELD]; /* the last ones, oldest first */
};
struct bh_rpc_talk {
	struct bh_rpc_ctx ctx[RPC_CTXS];
	struct bh_rpc_call call[RPC_CALLS];
	struct bh_rpc_repeat repeat[RPC_REPEATS];
	struct bh_rpc_late late[RPC_LATES];
	uint64_t challenge, proof;
	uint32_t clock;
	uint8_t level, next_call;
	bool heard, tried, asked_endpoint; /* the server spoke; a proof waits for its outcome */
	uint8_t mech;
	char user[64], workstation[32];
};

struct bh_rpc_counts {
	uint64_t binds, calls, faults, repeats, assumed, maps, addrs, malformed, evicted_contexts;
};
/* What a conversation needs of who carries it; all functions are called during bh_rpc_said and bh_rpc_end only. */
struct bh_rpc_carrier {
	void (*begin)(void *ctx, unsigned kind, bool answered, struct bh_event *ret);
	void (*emit)(void *ctx, const struct bh_event *ev);
	/* An endpoint mapper told who serves a port. NULL: nobody wants to know. */
	void (*learn)(void *ctx, const struct bh_rpc_map *m);
	/* The interface this server port, or pipe, is known to serve; false = none. May be NULL. */
	bool (*learned)(void *ctx, struct bh_uuid *ret);
	void *ctx;
	struct bh_rpc_counts *n;
	uint8_t via;
	const char *pipe, *user; /* "" = none of its own */
};
/* d: 0 from the client. n bytes of the message are given. */
void bh_rpc_said(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c, unsigned d, const uint8_t *p, size_t n);
void bh_rpc_end(struct bh_rpc_talk *t, const struct bh_rpc_carrier *c);

/* rpc_late.c: the row of the guesses that fits the last calls, 0 = none; and its interface */
unsigned bh_rpc_guess(const struct bh_rpc_late *l);
struct bh_uuid bh_rpc_guessed(unsigned guess);

#endif
