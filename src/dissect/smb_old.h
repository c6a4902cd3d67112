/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of SMB1: requests (smb_old.c) and their answers (smb_old_done.c). */
#ifndef BULKHEAD_DISSECT_SMB_OLD_H
#define BULKHEAD_DISSECT_SMB_OLD_H

#include "smb.h"

#define OLD_CHAIN 8
#define OLD_HEAD 32u

enum old_cmd {
	OLD_CREATE = 0x03,
	OLD_CLOSE = 0x04,
	OLD_DELETE = 0x06,
	OLD_RENAME = 0x07,
	OLD_READ = 0x0a,
	OLD_WRITE = 0x0b,
	OLD_TRANS = 0x25,
	OLD_TRANS_MORE = 0x26,
	OLD_OPEN_X = 0x2d,
	OLD_READ_X = 0x2e,
	OLD_WRITE_X = 0x2f,
	OLD_TRANS2 = 0x32,
	OLD_TRANS2_MORE = 0x33,
	OLD_TREE_OFF = 0x71,
	OLD_NEGOTIATE = 0x72,
	OLD_SESSION_X = 0x73,
	OLD_LOGOFF_X = 0x74,
	OLD_TREE_X = 0x75,
	OLD_NT_TRANS = 0xa0,
	OLD_CREATE_X = 0xa2,
	OLD_NT_RENAME = 0xa5,
};
#define TRANS_PIPE 0x26
#define TRANS_PEEK 0x23

struct old_head {
	const uint8_t *p; /* header included */
	size_t n;
	uint64_t key; /* of its message; differs along a chain */
	uint32_t status;
	uint16_t tid, uid;
	bool unicode;
};
struct old_block { /* one command of a chain */
	uint8_t cmd;
	struct bh_bytes words, bytes;
};

/* all files of SMB1 connections share one table */
static inline uint64_t bh_smb_old_fid(const struct smb_conn *c, uint16_t fid)
{
	return c->flow_id << 16 | fid;
}
/* smb_old_done.c; ext: where the data lies */
void bh_smb_old_done(struct smb *s, struct smb_conn *c, struct smb_msg *m, const struct old_head *h, struct old_block *b, bool sure,
	struct smb_extent *ext);

#endif
