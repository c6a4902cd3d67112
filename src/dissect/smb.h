/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the SMB dissector: stream (smb_stream.c) -> commands (smb_cmd.c) -> facts (smb_fact.c),
 * over the tables below. */
#ifndef BULKHEAD_DISSECT_SMB_H
#define BULKHEAD_DISSECT_SMB_H

#include <bulkhead/dissect.h>

#include "content.h"
#include "order.h"
#include "pool.h"
#include "rpc_talk.h"

#define CONN_BITS 11
#define HANDLE_BITS 12
#define MSGS 64
#define TREES 16
#define SESSIONS 8
#define HEAD_MAX 1536 /* of a command: a request's with its names, nine interfaces of an answer */
#define COMPOUND_MAX 16
#define WINDOW_BITS 8 /* 4 MiB for segments out of order, shared by all connections */
#define NO_MSG UINT64_MAX
#define NO_REF ((struct smb_ref){BH_POOL_NONE, 0})
#define ONEWAY_AFTER 16 /* requests without any answer on the connection: none is visible */
#define PIPE_BITS 9
#define PIPE_KEEP 2048u /* of a message inside a pipe */
#define FIRST_BITS 8
#define FIRST_BYTES 4096u /* of a file, hashed */
#define FSCTL_PIPE_TRANSCEIVE 0x11c017u
#define FSCTL_INTERFACES 0x1401fcu

enum smb_cmd {
	CMD_NEGOTIATE,
	CMD_SESSION_SETUP,
	CMD_LOGOFF,
	CMD_TREE_CONNECT,
	CMD_TREE_DISCONNECT,
	CMD_CREATE,
	CMD_CLOSE,
	CMD_READ = 8,
	CMD_WRITE,
	CMD_IOCTL = 11,
	CMD_SET_INFO = 0x11,
};

/* FILE_WRITE_DATA, APPEND, DELETE, MAXIMUM_ALLOWED, GENERIC_ALL, GENERIC_WRITE */
#define ACCESS_CHANGES 0x52010006u
#define OPT_DIRECTORY 0x1u
#define OPT_DELETE_ON_CLOSE 0x1000u
#define CLASS_RENAME 10
#define CLASS_DISPOSITION 13
#define CLASS_EOF 20
#define CLASS_DISPOSITION_EX 64
#define CLASS_RENAME_EX 65

/* a handle by slot and generation: the slot may have been given to another since */
struct smb_ref {
	uint32_t i, gen;
};

struct smb_handle {
	uint64_t session, fid, found; /* found: end of file at open */
	uint64_t bytes[2];            /* read, written */
	uint32_t tree, gen;
	uint8_t flags; /* BH_SMB_F_* */
	bool opened;   /* its CREATE was answered */
	bool writes;   /* opened for writing or deleting */
	bool told_write, told_delete, delete_on_close;
	uint8_t pipe; /* PIPE_*, by what was written and read */
	bool first_over;    /* no more is added to head: it is complete, or a piece is missing */
	uint16_t first_have; /* of the first bytes written, in order */
	uint64_t head;      /* their hash */
	char name[128], now[128], want[128]; /* as opened; after a rename; asked for */
	struct bh_content io[2];             /* read, written */
};

enum { PIPE_UNKNOWN, PIPE_RPC, PIPE_OTHER };
struct smb_pipe_dir {
	uint32_t total, left; /* of the message; 0 = its head is not complete */
	uint16_t have;
	bool lost; /* until the next command */
};
struct smb_pipe {
	struct bh_rpc_talk talk;
	struct smb_pipe_dir dir[2];
	bool spoken; /* a whole message was seen */
	uint8_t kept[2][PIPE_KEEP];
};

struct smb_msg {
	uint64_t session, eof;
	struct smb_ref h;
	uint32_t tree, len;
	uint8_t cmd, what; /* what: file information class; of an IOCTL 1: the list of interfaces */
	bool start, flag;  /* from offset 0; disposition set */
	bool dialect1;
};

struct smb_session {
	uint64_t id;
	uint32_t used;
	uint8_t flags;
	bool told_encrypted;
	uint8_t mech; /* enum bh_logon_mech, of the logon under way or done */
	uint64_t challenge, proof;
	char user[64], workstation[32];
};
struct smb_tree {
	uint64_t mid; /* of the pending TREE_CONNECT */
	uint32_t id, used;
	bool pending, pipe;
	char share[64];
};

enum smb_phase { PH_LOST, PH_FRAME, PH_HEAD, PH_PAD, PH_DATA, PH_REST };

/* one direction of a connection */
struct smb_stream {
	struct bh_order_dir order;
	uint32_t losses; /* of the order of frames */
	bool untrusted;
	uint8_t phase;
	uint8_t cmds; /* of this frame so far */
	uint16_t have, want;
	uint32_t frame_left; /* of the frame, not yet consumed */
	uint32_t cmd_bytes, next, pad, data, rest;
	uint64_t shift;        /* last 8 bytes while lost */
	struct smb_ref last;   /* what a related command means */
	struct smb_ref target; /* whose content flows */
	uint64_t target_off;   /* in its file; for what is written */
	bool target_start, target_pipe;
	uint8_t target_io, first_have;
	uint8_t first[16];
};

struct smb_conn {
	uint64_t flow_id, seed; /* seed: of the two addresses, for handle keys */
	struct bh_event proto;  /* of the last packet that made a fact: client as source */
	uint64_t nt_trans; /* SMB1: the NT transaction begun last, by its message */
	uint32_t requests, clock;
	uint16_t dialect;
	uint8_t msg_next;
	bool swapped, asks, answers, told_smb1; /* asks, answers: the client, the server was heard */
	bool gaps;				/* bytes that matter were missing at any time */
	uint64_t challenge; /* SMB1 without extended security: of the NEGOTIATE answer */
	struct smb_stream dir[2]; /* client to server, server to client */
	uint64_t mid[MSGS];
	struct smb_msg msg[MSGS];
	struct smb_session session[SESSIONS];
	struct smb_tree tree[TREES];
	uint8_t head[2][HEAD_MAX];
};

#define SMB_COUNTERS(X)                                                                            \
	X(messages) X(facts) X(gaps) X(resyncs) X(malformed)   \
	X(smb1) X(encrypted) X(compressed) X(unanswered) X(evicted_messages) X(connections)            \
	X(size_pairs) X(size_explained) X(size_other)
struct smb_size;
struct smb {
	struct bh_pool conns, handles, pipes, firsts, sizes;
	struct bh_order order;
	struct smb_size *size; /* encrypted sessions */
	struct smb_conn *conn;
	struct smb_handle *handle;
	struct smb_pipe *pipe;
	uint8_t (*first)[FIRST_BYTES]; /* of handles that have begun a file and not yet written that much */
	struct bh_rpc_counts rpc;
	uint16_t *owner; /* connection + 1 that opened the handle; 0 = free */
	uint64_t seed, serial;
	const struct bh_dissect_in *in; /* during packet() */
	const struct bh_event_sink *out;
	struct {
#define X(name) uint64_t name;
		SMB_COUNTERS(X)
#undef X
	} n;
};

/* an SMB2 header and what follows it in this command, as far as kept */
struct smb_head {
	uint64_t mid, session;
	uint32_t status, flags, tree;
	uint16_t cmd;
	const uint8_t *p; /* header included: offsets on the wire count from it */
	size_t n;
};
#define SMB2_RESPONSE 0x1u
#define SMB2_ASYNC 0x2u
#define SMB2_RELATED 0x4u
#define SMB2_DFS 0x10000000u
#define ST_PENDING 0x103u
#define ST_MORE 0xc0000016u
#define ST_OVERFLOW 0x80000005u /* a part of it */

/* smb_stream.c */
void bh_smb_segment(struct smb *s, struct smb_conn *c, unsigned d);
/* smb_cmd.c */
void bh_smb_command(struct smb *s, struct smb_conn *c, unsigned d, const struct smb_head *h);
void bh_smb_transform(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, size_t n);
/* smb_old.c: a message of SMB1, its header included, as far as kept. Where the data of a file or pipe lies, counted from p. */
struct smb_extent {
	uint32_t off, len;
};
uint32_t bh_smb_old_keep(unsigned d, const uint8_t *p); /* bytes to keep, by the first 32 */
struct smb_extent bh_smb_old(struct smb *s, struct smb_conn *c, unsigned d, const uint8_t *p, size_t n);
/* smb_first.c: n bytes written at off, p NULL when they were not seen; the handle is closed; is forgotten */
void bh_smb_first_add(struct smb *s, struct smb_ref r, uint64_t off, const uint8_t *p, uint32_t n);
void bh_smb_first_end(struct smb *s, struct smb_ref r);
void bh_smb_first_drop(struct smb *s, struct smb_ref r);
static inline uint64_t smb_ref_key(struct smb_ref r)
{
	return (uint64_t)r.gen << 32 | r.i;
}
/* smb_file.c */
struct smb_opened {
	uint64_t session, fid, eof;
	uint32_t status, action, attrs; /* action: 2 = created */
	bool bad;
};
struct smb_msg *bh_smb_msg_find(struct smb_conn *c, uint64_t mid);
struct smb_msg *bh_smb_msg_new(struct smb *s, struct smb_conn *c, uint64_t mid, uint64_t session, uint32_t tree, uint8_t cmd);
void bh_smb_msg_drop(struct smb_conn *c, struct smb_msg *m);
/* The data that follows in this direction is of that handle. */
void bh_smb_flows(struct smb *s, struct smb_conn *c, struct smb_stream *t, struct smb_ref r, unsigned io);
void bh_smb_ask_tree(struct smb_conn *c, const char *path, uint64_t mid);
/* The buffer of a SET_INFO of class m->what; false = nothing to remember. */
bool bh_smb_ask_set(struct smb *s, struct smb_handle *e, struct smb_msg *m, struct bh_bytes buf);
void bh_smb_done_open(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct smb_opened *o, bool sure);
void bh_smb_done_read(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t len);
void bh_smb_done_write(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t status, bool sure);
void bh_smb_done_set(struct smb *s, struct smb_conn *c, struct smb_msg *m, uint32_t status, bool sure);
/* flags as SMB2 has them: 1 guest, 2 nobody, 4 encrypted */
void bh_smb_done_session(
	struct smb *s, struct smb_conn *c, uint64_t asked, uint64_t id, uint32_t status, unsigned flags, bool sure);
void bh_smb_done_tree(struct smb *s, struct smb_conn *c, uint64_t mid, uint64_t session, uint32_t tree, uint32_t status,
	bool pipe, bool sure);
/* smb_logon.c: the blob of a request; of an answer that wants more; the last answer (nobody: a session of no account) */
void bh_smb_logon_ask(struct smb *s, struct smb_conn *c, struct smb_session *ses, struct bh_bytes blob);
void bh_smb_logon_more(struct smb_session *ses, struct bh_bytes blob);
void bh_smb_logon_done(struct smb *s, struct smb_conn *c, struct smb_session *ses, uint32_t status, bool nobody);
void bh_smb_logon_tried(struct smb *s, struct smb_conn *c, const struct smb_session *ses);
void bh_smb_logon_reset(struct smb_session *ses);
/* smb_pipe.c */
bool bh_smb_is_pipe(struct smb_conn *c, const struct smb_handle *h);
/* The data of a READ, WRITE or transaction begins; a piece of it. io: 1 = written. p NULL: not seen. */
void bh_smb_pipe_begin(struct smb *s, struct smb_ref r, unsigned io);
void bh_smb_pipe_data(struct smb *s, struct smb_conn *c, struct smb_ref r, unsigned io, const uint8_t *p, uint32_t n);
void bh_smb_pipe_end(struct smb *s, struct smb_conn *c, struct smb_ref r); /* c NULL: tell nothing more */
/* smb_size.c: an encrypted message of that size went by; the connection ends */
void bh_smb_size(struct smb *s, struct smb_conn *c, unsigned d, uint64_t session, uint32_t size);
void bh_smb_size_drop(struct smb *s, struct smb_conn *c);
/* smb_iface.c */
void bh_smb_interfaces(struct smb *s, struct smb_conn *c, struct bh_bytes list);
/* smb_fact.c */
/* an event of this kind about the connection, client as source, and its way out */
void bh_smb_begin(struct smb *s, struct smb_conn *c, struct bh_event *ret, unsigned kind, bool sure);
void bh_smb_emit(struct smb *s, const struct bh_event *ev);
struct smb_handle *bh_smb_handle(struct smb *s, struct smb_ref r); /* NULL = gone */
struct smb_ref bh_smb_handle_find(
	struct smb *s, struct smb_conn *c, uint64_t session, uint64_t fid);
struct smb_ref bh_smb_handle_new(
	struct smb *s, struct smb_conn *c, uint64_t session, uint64_t fid, bool pending);
void bh_smb_handle_known(
	struct smb *s, struct smb_conn *c, struct smb_ref r, uint64_t session, uint64_t fid);
void bh_smb_handle_drop(struct smb *s, struct smb_ref r);
struct smb_session *bh_smb_session(struct smb_conn *c, uint64_t id);
struct smb_tree *bh_smb_tree(struct smb_conn *c, uint32_t id, bool make);
void bh_smb_fact_session(
	struct smb *s, struct smb_conn *c, struct smb_session *ses, uint32_t status, bool sure);
void bh_smb_fact_tree(
	struct smb *s, struct smb_conn *c, uint64_t session, uint32_t tree, bool sure);
/* CREATE, WRITE, RENAME, DELETE, TRUNCATE and CLOSE about a handle; nothing when its name is
 * unknown */
void bh_smb_fact(struct smb *s, struct smb_conn *c, const struct smb_handle *h, enum bh_smb_op op,
	bool sure);
/* what sizes say: of e counts the session, name_len, count and the bytes */
void bh_smb_fact_sizes(
	struct smb *s, struct smb_conn *c, enum bh_smb_op op, const struct bh_ev_smb *e);
/* The handle is closed: its totals, then its deletion if that was asked for. Drops it. */
void bh_smb_closed(struct smb *s, struct smb_conn *c, struct smb_ref r, bool sure);
/* All handles of a connection, or of one session or tree of it (0 = any). */
void bh_smb_close_all(
	struct smb *s, struct smb_conn *c, uint64_t session, uint32_t tree, bool sure);

#endif
