/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fact - what a conversation said, protocol by protocol: the part of an event that dissectors fill
 *
 * Why     A detector reads "this account called that operation", never payload bytes.
 * Shape   One fixed-size struct a protocol, zero-padded; strings end in NUL and are cut to fit.
 * Units   bh_ns, bytes. Codes are the protocol's own numbers.
 * Errors  bh_uuid_parse: 1.
 * Purity  Pure.
 * Source  who.h for addresses and names; [MS-SMB2] 2.2 and [MS-CIFS] (SMB), C706 and [MS-RPCE] (DCE/RPC), [MS-NLMP] (NTLM),
 *         RFC 4120 (Kerberos), RFC 4511 (LDAP), RFC 1035 (DNS), [MS-RDPBCGR] 2.2.1 (RDP), RFC 4253 (SSH).
 */
#ifndef BULKHEAD_FACT_H
#define BULKHEAD_FACT_H

#include <bulkhead/who.h>

enum bh_smb_op {
	BH_SMB_NONE,
	BH_SMB_SESSION, /* SESSION_SETUP finished: user, status, dialect */
	BH_SMB_TREE,	/* TREE_CONNECT answered: share */
	BH_SMB_OPEN,	/* CREATE answered with success: name, disposition taken, access */
	BH_SMB_WRITE,	/* a write handle crossed 64 KiB (once per handle) */
	BH_SMB_CLOSE,	/* a handle that read or wrote was closed: totals and verdicts */
	BH_SMB_RENAME,	/* name -> name2 */
	BH_SMB_DELETE,	/* disposition or delete-on-close */
	BH_SMB_TRUNCATE, /* set end of file below what the handle found */
	BH_SMB_PIPE,	 /* encrypted: what looks like an RPC bind on a pipe; again with count when calls followed */
	BH_SMB_ODD,	 /* a message that contradicts its protocol: name says how */
	BH_SMB_OPS
};
/* magic class of the first bytes at offset 0 */
enum bh_magic { BH_MAGIC_NONE, BH_MAGIC_OTHER, BH_MAGIC_TEXT, BH_MAGIC_DOC, BH_MAGIC_IMAGE, BH_MAGIC_PACKED, BH_MAGIC_EXEC, BH_MAGIC_COUNT };
/* randomness verdict of content (detection.md 3.7): chi-square over the histogram per handle and direction */
enum bh_rand { BH_RAND_NONE, BH_RAND_NO, BH_RAND_SMALL, BH_RAND_WEAK, BH_RAND_STRONG, BH_RAND_COUNT };
#define BH_SMB_F_ENCRYPTED 0x01 /* the session is encrypted: only sizes are known */
#define BH_SMB_F_GUEST 0x02
#define BH_SMB_F_CREATED 0x04 /* the open created the file (CREATE action 2) */
#define BH_SMB_F_EXISTED 0x08 /* opened, superseded or overwritten (actions 0, 1, 3) */
#define BH_SMB_F_DIR 0x10
/*
 * Encrypted sessions: what the sizes say (detection.md 5.3). OPEN, CLOSE, RENAME, DELETE and PIPE come with F_ENCRYPTED, without
 * names and shares; name_len is all that leaks of a name: 0 = not even that, and one too many when the client pads it. A size that
 * has no sure meaning makes no fact; bytes that may be another handle's are not told.
 */
struct bh_ev_smb {
	uint64_t session, fid; /* as on the wire; fid = volatile half */
	uint64_t bytes_read, bytes_written;
	uint64_t head; /* CLOSE: hash of the first 4096 bytes written from offset 0, the same on all sensors; 0 = none */
	uint32_t status, tree;
	uint32_t name_len; /* encrypted: characters of the name; RENAME: of the new one */
	uint32_t count;	   /* PIPE: calls after the bind; CLOSE when encrypted: WRITEs that repeat the size of a READ before */
	uint16_t dialect;  /* 1 = SMB1 */
	uint8_t op, flags;
	uint8_t magic_read, magic_written; /* enum bh_magic */
	uint8_t rand_read, rand_written;   /* enum bh_rand */
	char user[48], share[64];	   /* user is domain\user; share is the last component */
	char name[128], name2[128];	   /* path inside the share, UTF-8, / as separator, tail kept when longer */
};

enum bh_rpc_op {
	BH_RPC_NONE,
	BH_RPC_BIND,  /* bind or alter-context accepted; or refused, status = result << 16 | reason; by a bind_nak: 13 << 16 | reason */
	BH_RPC_CALL,  /* a request; answered or not */
	BH_RPC_FAULT, /* the answer to a call was a fault: status, uuid and opnum of the call */
	BH_RPC_MAP,   /* the endpoint mapper said: uuid is served at addr, port */
	BH_RPC_ADDR,  /* the server told an address of its own: addr (OXID bindings) */
	BH_RPC_OPS
};
enum bh_rpc_via { BH_VIA_NONE, BH_VIA_TCP, BH_VIA_PIPE, BH_VIA_COUNT };
#define BH_RPC_F_ASSUMED 0x01 /* no bind was seen: the interface follows from the order of calls, or from a learned endpoint */
#define BH_RPC_F_LATE 0x02    /* the conversation was joined after its start */
struct bh_uuid {
	uint8_t b[16]; /* in the order it is written down */
};
struct bh_ev_rpc {
	struct bh_uuid uuid;
	struct bh_addr addr;
	uint64_t object; /* hash of the object UUID, 0 = none */
	uint32_t count;	 /* CALL: calls of this opnum in this context since the last one told, this one included */
	uint32_t stub;	 /* bytes of arguments */
	uint32_t status;
	uint16_t opnum, context, port;
	uint8_t op, via;
	uint8_t level; /* authentication level, 0 = none, 6 = privacy */
	uint8_t flags;
	uint8_t pad[2];
	char pipe[24], user[64]; /* user: domain\user of the pipe's session or the bind's NTLM */
	char text[96];		 /* first strings of clear arguments, joined by ", ": a service, a task, a path */
};

/* where somebody logs on, and how */
enum bh_logon_via {
	BH_LOGON_NONE, BH_LOGON_SMB, BH_LOGON_RPC, BH_LOGON_HTTP, BH_LOGON_LDAP, BH_LOGON_KERBEROS, BH_LOGON_RDP, BH_LOGON_SSH, BH_LOGON_FTP,
	BH_LOGON_VIAS
};
enum bh_logon_mech { BH_MECH_NONE, BH_MECH_NTLM, BH_MECH_KERBEROS, BH_MECH_PASSWORD, BH_MECH_ANONYMOUS, BH_MECH_COUNT };
enum bh_logon_result {
	BH_LOGON_NO_RESULT,
	BH_LOGON_TRIED,	  /* NTLM: the proof was sent; the outcome follows as another event, if it is seen */
	BH_LOGON_OK,
	BH_LOGON_FAILED,  /* wrong password, unknown account, locked: status says which */
	BH_LOGON_REFUSED, /* not about the password: policy, protocol, encryption */
	BH_LOGON_RESULTS
};
struct bh_ev_logon {
	uint64_t challenge; /* NTLM: the server's 8 bytes as a big-endian number, 0 = unseen; NTLMv1: never, or passwords could be tried on the two */
	uint64_t proof;	    /* NTLM: hash of the response's first 16 bytes, 0 = unseen */
	uint32_t status;    /* the protocol's own: NTSTATUS, Kerberos error, LDAP result, HTTP or FTP code; SSH: rounds refused */
	uint8_t via, mech, result, flags; /* flags: BH_SMB_F_GUEST, BH_SMB_F_ENCRYPTED */
	char user[64];		    /* domain\user or user@REALM, as given */
	char workstation[32];	    /* NTLM: what the client calls itself */
};

/* one exchange with a KDC; AS-REQ and TGS-REQ are told with their answer, alone when none is seen */
enum bh_krb_type { BH_KRB_AS_REQ = 10, BH_KRB_AS_REP, BH_KRB_TGS_REQ, BH_KRB_TGS_REP, BH_KRB_AP_REQ, BH_KRB_AP_REP, BH_KRB_ERROR = 30 };
#define BH_KRB_F_PREAUTH 0x01 /* the AS-REQ carried an encrypted timestamp or FAST */
struct bh_ev_krb {
	int32_t error; /* KRB-ERROR code */
	int16_t etype_asked, etype_ticket, etype_reply; /* first of the request's list; of the ticket; of the reply's own part */
	uint8_t type, flags; /* type: of the last message seen of the exchange */
	uint8_t n_etypes, pad[5];
	char cname[64], sname[64], realm[48]; /* names with / between components */
};

enum bh_ldap_op { BH_LDAP_NONE, BH_LDAP_SEARCH, BH_LDAP_DONE, BH_LDAP_OPS };
#define BH_LDAP_F_JAVA 0x01 /* DONE: an entry held a Java object, or where to fetch its class (RFC 2713) */
#define BH_LDAP_F_LONG 0x02 /* DONE: an entry's name had more than 1,024 bytes */
struct bh_ev_ldap {
	uint32_t entries, bytes; /* DONE: of the answer */
	uint16_t result;
	uint8_t op, scope; /* 0 base, 1 one, 2 subtree */
	uint8_t flags, pad[3];
	char base[96], filter[128]; /* filter in the text form of RFC 4515, cut */
};

#define BH_DNS_F_ANSWER 0x01
struct bh_ev_dns { /* a question with its answer; a question alone when it asks for a zone transfer */
	struct bh_addr addr; /* first A or AAAA of the answer */
	uint16_t id, qtype, answers;
	uint8_t rcode, flags;
	char name[128];
};

struct bh_ev_http {
	uint32_t count;	 /* requests like this on the connection so far */
	uint16_t status; /* of the answer, 0 = not seen */
	uint8_t pad[2];
	char method[16], host[64], path[64], agent[64];
};

struct bh_ev_rdp {
	uint32_t asked, chosen; /* requestedProtocols, selectedProtocol or, refused, the failure code */
	uint8_t refused, pad[7];
	char cookie[64]; /* mstshash */
};

struct bh_ev_ssh {
	char client[64], server[64]; /* identification strings */
};

const char *bh_smb_op_name(unsigned op);
const char *bh_rpc_op_name(unsigned op);
const char *bh_logon_via_name(unsigned via);
const char *bh_logon_mech_name(unsigned mech);
const char *bh_logon_result_name(unsigned result);
/* "367abb81-9844-35f1-ad32-98f038001003": 1 = not that */
int bh_uuid_parse(const char *text, size_t len, struct bh_uuid *ret_uuid) BH_MUST;
char *bh_uuid_print(const struct bh_uuid *u, char buf[37]);

#endif
