/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fact - what a conversation said, protocol by protocol: the part of an event that dissectors fill
 *
 * Why     A detector reads "this account called that operation", never payload bytes.
 * Shape   One fixed-size struct a protocol, zero-padded; strings end in NUL and are cut to fit.
 * Units   bh_ns, bytes. Codes are the protocol's own numbers.
 * Errors  bh_uuid_parse: 1.
 * Purity  Pure.
 * Source  RFC 826 (ARP), RFC 4861 (ND), RFC 2131 and 8415 (DHCP), RFC 6762 (mDNS), RFC 4795 (LLMNR), RFC 1002 (NetBIOS names),
 *         UPnP 1.1 (SSDP), WS-Discovery 1.1, IEEE 802.1AB (LLDP), [MS-SMB2] 2.2 and [MS-CIFS] (SMB), C706 and [MS-RPCE] (DCE/RPC), [MS-NLMP] (NTLM),
 *         RFC 4120 (Kerberos), RFC 4511 (LDAP), RFC 1035 (DNS), [MS-RDPBCGR] 2.2.1 (RDP), RFC 4253 (SSH).
 */
#ifndef BULKHEAD_FACT_H
#define BULKHEAD_FACT_H

#include <bulkhead/base.h>

#define BH_ARP_F_GROUP 0x01	/* the frame went to a group, not to one device */
#define BH_ARP_F_OVERRIDE 0x02	/* neighbour advertisement: replaces what was known */
#define BH_ARP_F_SOLICITED 0x04 /* and says it was asked */
#define BH_ARP_F_ROUTER 0x08	/* and is a router's */
struct bh_ev_arp {
	uint8_t op; /* 1 request, 2 reply */
	uint8_t flags;
	struct bh_mac frame; /* who sent the frame, when that is another than the sender it names */
	/* src = sender protocol address, dst = target; mac_src/mac_dst = sender/target hardware address */
};

/* Router advertisements (RFC 4861 4.2) and redirects (4.5): who wants to be the way out. One event a prefix, at least one. */
enum bh_ra_op { BH_RA_NONE, BH_RA_ADVERT, BH_RA_REDIRECT, BH_RA_OPS };
#define BH_RA_F_MANAGED 0x80
#define BH_RA_F_OTHER 0x40
struct bh_ev_ra {
	struct bh_addr prefix; /* REDIRECT: the destination that is redirected */
	struct bh_addr dns;    /* first resolver; REDIRECT: the new first hop */
	uint32_t valid_s, dns_s, mtu;
	uint16_t lifetime_s; /* as a default router; 0 = none */
	uint8_t prefix_bits, flags, op;
	uint8_t preference; /* 0 medium, 1 high, 3 low (RFC 4191) */
	struct bh_mac lladdr; /* source link-layer option; REDIRECT: the new first hop's */
};

#define BH_DHCP_OPTS 48
#define BH_DHCP_F_ROUTES 0x01 /* option 121 or 249 covers 0.0.0.0/1 and 128.0.0.0/1 */
#define BH_DHCP_F_WPAD 0x02   /* option 252 */
#define BH_DHCP_F_V6 0x04     /* DHCPv6: type, options and their numbers are those of RFC 8415 */
#define BH_DHCP_F_RELAYED 0x08
/* DHCPv6 types (RFC 8415 7.3) */
enum bh_dhcp6 { BH_DHCP6_SOLICIT = 1, BH_DHCP6_ADVERTISE, BH_DHCP6_REQUEST, BH_DHCP6_CONFIRM, BH_DHCP6_RENEW, BH_DHCP6_REBIND, BH_DHCP6_REPLY, BH_DHCP6_RELEASE, BH_DHCP6_DECLINE, BH_DHCP6_RECONFIGURE, BH_DHCP6_INFO, BH_DHCP6_RELAY_FORW, BH_DHCP6_RELAY_REPL };
struct bh_ev_dhcp {
	uint32_t xid, lease_s;
	uint8_t type; /* 1 DISCOVER 2 OFFER 3 REQUEST 4 DECLINE 5 ACK 6 NAK 7 RELEASE 8 INFORM; with F_V6 enum bh_dhcp6 */
	uint8_t flags, n_opts, pad3;
	struct bh_mac client; /* v6: of a DUID that holds one, else the frame's */
	uint16_t max_size;    /* option 57, 0 = none */
	struct bh_addr yiaddr, server_id, giaddr, router, dns; /* v6: yiaddr the first address given, server_id the packet's source */
	struct bh_addr ciaddr, wanted; /* wanted: option 50, v6 the first address a client asks for */
	uint64_t client_id;	       /* hash of option 61, v6 of the client's DUID; the same on all sensors; 0 = none */
	uint8_t id_type;	       /* first byte of option 61 (255 = DUID), v6 the DUID's type */
	uint8_t pad[3];
	uint16_t arch; /* option 93, v6 61, plus 1: 0 = none */
	uint8_t pad2[2];
	uint8_t opts[BH_DHCP_OPTS];   /* option numbers in wire order, first 48; v6: above 255 as 255 */
	uint8_t params[BH_DHCP_OPTS]; /* option 55, v6 option 6: what is asked for, in order; 0 = no more */
	char hostname[64], vendor[32], circuit[32]; /* hostname: option 12, else 81, v6 39; circuit: option 82.1, v6 18, what does not print as "." */
};

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

/* What somebody says of names and addresses without a server: one event for each name with an address, at least one a message. */
enum bh_name_via { BH_NAME_NONE, BH_NAME_LLMNR, BH_NAME_NBNS, BH_NAME_MDNS, BH_NAME_SSDP, BH_NAME_WSD, BH_NAME_SMB, BH_NAME_BROWSER, BH_NAME_VIAS };
enum bh_name_op {
	BH_NAME_NO_OP,
	BH_NAME_QUERY,	/* who has the name? */
	BH_NAME_ANSWER, /* to a question of somebody else; dst is who asked, or the group */
	BH_NAME_CLAIM,	/* told unasked: an announcement, a registration; SMB: an interface of the server's list (FSCTL 0x001401FC) */
	BH_NAME_OPS
};
struct bh_ev_name {
	struct bh_addr addr; /* that the name is said to have; NBNS, SSDP, WSD, SMB: an address the speaker says is its own */
	uint32_t ttl_s;
	uint16_t id, qtype; /* qtype as in DNS, NBNS 32 (NB) or 33 (status) */
	uint8_t via, op, answers, pad[5];
	char name[64]; /* as asked or claimed, without the root's dot; NBNS: without the padding and the suffix */
	char text[64]; /* SSDP: SERVER or USER-AGENT; WSD: types; NBNS: suffix in hex */
};

/* What a switch or a station says of itself on the wire (LLDP, CDP). */
enum bh_link_via { BH_LINK_VIA_NONE, BH_LINK_LLDP, BH_LINK_CDP, BH_LINK_VIAS };
struct bh_ev_link {
	struct bh_addr mgmt;
	uint16_t caps, native_vlan, ttl_s; /* caps: LLDP's system capabilities enabled; CDP's folded to the same bits */
	uint8_t via, pad;
	char chassis[32], port[32], name[64], text[64]; /* text: system description, or platform and software */
};

/* What an endpoint says of a USB device, signed; the sensor of its own ports; or an event log by syslog. */
enum bh_usb_op { BH_USB_NONE, BH_USB_ADD, BH_USB_REMOVE, BH_USB_OPS };
enum bh_usb_via { BH_USB_VIA_NONE, BH_USB_COMPANION, BH_USB_SENSOR, BH_USB_SYSLOG, BH_USB_VIAS };
#define BH_USB_C_NET 0x01
#define BH_USB_C_STORAGE 0x02
#define BH_USB_C_HID 0x04
#define BH_USB_C_SERIAL 0x08
#define BH_USB_C_WIRELESS 0x10
#define BH_USB_C_HUB 0x20
#define BH_USB_C_OTHER 0x80
struct bh_ev_usb { /* src: the endpoint's address as its datagram came, or the sensor's own */
	uint64_t boot;	   /* of the sender: its counter starts anew */
	uint32_t seq;	   /* of the sender, from 1: gaps are lost events */
	uint16_t vid, pid; /* 0 = unknown */
	uint8_t op, via, classes, pad;
	struct bh_mac mac; /* of the network interface it made; none = none, or not yet */
	uint8_t pad2[2];
	char host[32];	   /* what the sender calls itself, by the key it signed with */
	char port[24];	   /* sysfs path of the port: 1-2.3 */
	char iface[16], serial[32], vendor[32], product[48], user[32];
};

const char *bh_smb_op_name(unsigned op);
const char *bh_rpc_op_name(unsigned op);
const char *bh_name_via_name(unsigned via);
const char *bh_name_op_name(unsigned op);
const char *bh_usb_op_name(unsigned op);
const char *bh_usb_via_name(unsigned via);
const char *bh_logon_via_name(unsigned via);
const char *bh_logon_mech_name(unsigned mech);
const char *bh_logon_result_name(unsigned result);
/* "367abb81-9844-35f1-ad32-98f038001003": 1 = not that */
int bh_uuid_parse(const char *text, size_t len, struct bh_uuid *ret_uuid) BH_MUST;
char *bh_uuid_print(const struct bh_uuid *u, char buf[37]);

#endif
