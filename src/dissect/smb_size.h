/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sizes of encrypted SMB3 messages: which answer belongs to which request (smb_pair.c), and what
 * that says about files (smb_size.c).
 */
#ifndef BULKHEAD_DISSECT_SMB_SIZE_H
#define BULKHEAD_DISSECT_SMB_SIZE_H

#include "smb.h"

#define SIZE_BITS 10 /* (connection, session) pairs with a memory of their own */
#define SIZE_ASKS 32
#define SIZE_READS 64
#define SIZE_OPENS 8

/* what a pair of sizes means */
enum size_kind {
	SZ_WAIT,  /* no pair yet: an interim answer, or a refusal */
	SZ_OTHER, /* no meaning, or more than one */
	SZ_PLAIN, /* TREE_CONNECT, QUERY_*, FLUSH, LOGOFF …: known and without interest */
	SZ_CREATE,
	SZ_CLOSE,
	SZ_READ,
	SZ_WRITE,
	SZ_SET,
	SZ_BIND, /* an RPC bind and its answer in one IOCTL */
	SZ_CALL, /* another exchange of that kind */
};

struct size_ask {
	uint32_t size, at; /* at: ms */
	bool waits;        /* answered by 73 bytes: still to come, or refused */
	bool doubt;        /* may have been answered by what was taken for another's */
	uint8_t passed;    /* later requests answered while it waits */
};
/* requests without their answer, oldest first */
struct size_queue {
	struct size_ask ask[SIZE_ASKS];
	uint8_t n;
};
/* position, as far as a meaning depends on it */
struct size_place {
	bool opened; /* a CREATE was seen on this session */
	bool none;   /* and surely no handle is open now */
	bool busy;   /* what went on last was a CREATE, a READ or a WRITE, perhaps with a QUERY_INFO */
	bool pipe;   /* an RPC bind was seen on an open pipe */
	bool ioctl;  /* whose calls may be IOCTLs: none was seen as WRITE and READ */
};
struct size_pair {
	uint8_t kind;
	bool alike;       /* several requests could have been meant, with the same meaning but for their size */
	uint32_t ask, answer; /* sizes */
};

struct size_open {
	uint32_t name_len, at;
	uint64_t bytes[2];
	bool mixed; /* more than one was open: whose bytes they are is not known */
	bool pipe;  /* an RPC bind went over it */
	bool root;  /* opened without a name: a share's root folder, which has no bytes */
	bool told;
};
struct smb_size {
	uint64_t session;
	struct size_queue queue;
	struct size_place place;
	uint32_t losses; /* of the stream, when the queue was right */
	struct size_open open[SIZE_OPENS];
	uint8_t n_open, next_read;
	uint32_t repeats; /* WRITEs that repeat a READ, not told yet */
	uint32_t moved;   /* bytes went to or from nobody knows whom since the last CLOSE told */
	uint32_t calls, pipe_len;
	uint32_t bind_asked; /* the last pair was a WRITE as long as a bind: its bytes */
	bool on_pipe;    /* the last bytes went over a pipe */
	struct {
		uint32_t n, at;
	} read[SIZE_READS];
};

/* smb_pair.c: pure arithmetic on one queue; at in ms. True: the oldest had to be forgotten. */
bool bh_size_ask(struct size_queue *q, uint32_t size, uint32_t at);
struct size_pair bh_size_answer(
	struct size_queue *q, const struct size_place *p, uint32_t size, uint32_t at);
/* the name's length in characters of a CREATE that was answered with `answer` bytes; 0 = not known */
uint32_t bh_size_name(uint32_t ask, uint32_t answer);

#endif
