/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * event - waist 1: what was seen, as fixed-size values that print to and parse from one line of text
 *
 * Why     Packets, kernel acknowledgements and operators' commands reach the core in one stream, so a
 *         recorded stream replays a whole incident, including what people did.
 * Shape   struct bh_event, one size for all kinds, zero-padded: two equal events are equal bytes.
 * Units   at: ns of the capture clock (Unix time). Counters in packets and bytes. Ports in host order.
 * Errors  bh_event_parse: 0, or 1 with a reason and a column.
 * Purity  Pure.
 * Source  RFC 9293 (TCP); what protocols say is in fact.h.
 */
#ifndef BULKHEAD_EVENT_H
#define BULKHEAD_EVENT_H

#include <bulkhead/fact.h>

enum bh_ev_kind {
	BH_EV_NONE,
	BH_EV_TICK,	    /* time passes; drives everything that expires */
	BH_EV_FLOW_NEW,	    /* first packet; src is the initiator */
	BH_EV_FLOW_OUTCOME, /* once: how the attempt ended, as soon as known */
	BH_EV_FLOW_CLASS,   /* once: final application */
	BH_EV_FLOW_END,
	BH_EV_ARP,
	BH_EV_DHCP,
	BH_EV_SMB,
	BH_EV_RPC,   /* DCE/RPC: an interface bound, an operation called, an endpoint learned */
	BH_EV_LOGON, /* somebody proved, or failed to prove, who he is: one kind for all protocols */
	BH_EV_KRB,
	BH_EV_LDAP,
	BH_EV_DNS,
	BH_EV_HTTP, /* only requests that manage a host (/wsman) or carry a logon */
	BH_EV_RDP,
	BH_EV_SSH,
	BH_EV_RA,    /* router advertisement or redirect */
	BH_EV_NAME,  /* names and addresses told without a server */
	BH_EV_LINK,  /* LLDP, CDP */
	BH_EV_USB,   /* a USB device came or went at an endpoint */
	BH_EV_GAP,     /* something was lost before the core saw it */
	BH_EV_COMMAND, /* an operator's order */
	BH_EV_KERNEL,  /* what the enforcer says: applied, refused, expired, drift, repaired */
	BH_EV_KINDS
};

/* Our own application numbers; classify maps nDPI's names to them. Order is free, names are the contract. */
#define BH_APPS(X)                                                                                    \
	X(UNKNOWN, "unknown") X(SMB, "smb") X(RDP, "rdp") X(SSH, "ssh") X(DNS, "dns") X(HTTP, "http")  \
	X(TLS, "tls") X(QUIC, "quic") X(DHCP, "dhcp") X(KERBEROS, "kerberos") X(LDAP, "ldap")          \
	X(MSRPC, "msrpc") X(NETBIOS, "netbios") X(LLMNR, "llmnr") X(MDNS, "mdns") X(SSDP, "ssdp")      \
	X(WSD, "wsd") X(NTP, "ntp") X(SNMP, "snmp") X(SYSLOG, "syslog") X(SIP, "sip") X(RTP, "rtp")    \
	X(VNC, "vnc") X(TELNET, "telnet") X(FTP, "ftp") X(TFTP, "tftp") X(SMTP, "smtp")                \
	X(IMAP, "imap") X(POP3, "pop3") X(MYSQL, "mysql") X(POSTGRES, "postgres") X(MSSQL, "mssql")    \
	X(ORACLE, "oracle") X(REDIS, "redis") X(MQTT, "mqtt") X(NFS, "nfs") X(RSYNC, "rsync")          \
	X(MODBUS, "modbus") X(S7COMM, "s7comm") X(DNP3, "dnp3") X(IEC104, "iec104")                    \
	X(ETHERNETIP, "ethernetip") X(CITRIX, "citrix") X(TEAMVIEWER, "teamviewer")                    \
	X(ANYDESK, "anydesk") X(BITTORRENT, "bittorrent") X(TOR, "tor") X(OPENVPN, "openvpn")          \
	X(WIREGUARD, "wireguard") X(IPSEC, "ipsec") X(GRE, "gre") X(ICMP, "icmp") X(ICMP6, "icmp6")    \
	X(IGMP, "igmp") X(RADIUS, "radius") X(STUN, "stun") X(RPC, "rpc") X(OTHER, "other")
enum bh_app {
#define X(id, name) BH_APP_##id,
	BH_APPS(X)
#undef X
		BH_APP_COUNT
};
const char *bh_app_name(unsigned app);			       /* never NULL */
int bh_app_parse(const char *s, size_t n, uint16_t *ret_app) BH_MUST; /* any case; 1 = unknown name */

enum bh_outcome {
	BH_OUT_NONE,
	BH_OUT_SUCCESS,	    /* TCP: handshake and an application answer; UDP, ICMP: an answer */
	BH_OUT_HANDSHAKE,   /* TCP: handshake, closed without an application answer */
	BH_OUT_REFUSED,	    /* RST to the SYN, or ICMP port unreachable */
	BH_OUT_UNREACHABLE, /* ICMP host, net or admin unreachable */
	BH_OUT_SILENT,	    /* nothing within 3 s */
	BH_OUT_MIDSTREAM,   /* the start was not seen: says nothing */
	BH_OUT_COUNT
};

/* bh_event.flags */
#define BH_EVF_GUESS 0x01     /* class by port only: for display, never evidence */
#define BH_EVF_TWOWAY 0x02    /* three-way handshake with correct acknowledgements, or request and reply, seen */
#define BH_EVF_UNTRUSTED 0x04 /* parsed over a gap, or from a tunnel's inside */
#define BH_EVF_LATE 0x08 /* the flow's start, or one side of it, was not seen */
#define BH_EVF_GAPS 0x10 /* bytes of the conversation were missing before, at any time */

#define BH_SYN_OPTS 8
struct bh_syn { /* of a flow's first packet, when that was a SYN */
	uint16_t window, mss; /* mss 0 = no such option */
	uint8_t wscale;	      /* 1 + shift; 0 = no such option */
	uint8_t df;
	uint8_t opts[BH_SYN_OPTS]; /* kinds in wire order, NOPs included, the end is not; 0 = no more */
	uint16_t ipid;		   /* IPv4 identification */
	uint32_t tsval;		   /* of the timestamp option, 0 = none */
	uint8_t ecn;		   /* asks for ECN: ECE and CWR set */
	uint8_t pad[3];
};
struct bh_ev_flow {
	bh_ns start;
	uint64_t pkts[2], bytes[2]; /* [0] initiator to responder */
	uint8_t tcp_flags[2];	    /* or of all seen */
	uint8_t reason;		    /* enum bh_flow_end */
	uint8_t pad[5];
	struct bh_syn syn; /* FLOW_NEW only */
	uint64_t print; /* FLOW_CLASS of TLS and SSH: hash of the client's fingerprint (JA3, HASSH), the same on all sensors; 0 = none */
	char community_id[32]; /* "1:…" by nDPI; "" when not computed */
};
enum bh_flow_end { BH_END_NONE, BH_END_CLOSED, BH_END_TIMEOUT, BH_END_EVICTED, BH_END_SHUTDOWN, BH_END_COUNT };

struct bh_ev_gap {
	uint64_t lost;
	uint8_t why; /* enum bh_gap */
	uint8_t pad[7];
};
enum bh_gap { BH_GAP_NONE, BH_GAP_KERNEL, BH_GAP_RING, BH_GAP_EVICTED, BH_GAP_SENSOR, BH_GAP_COUNT };

enum bh_cmd { BH_CMD_NONE, BH_CMD_ISOLATE, BH_CMD_RELEASE, BH_CMD_SHIELD, BH_CMD_MODE, BH_CMD_CONTAIN, BH_CMD_ISLAND, BH_CMD_KILL, BH_CMD_BREAKER, BH_CMD_DRAWBRIDGE, BH_CMD_DEVICE, BH_CMD_PROBE, BH_CMD_COUNT };
enum bh_scope { BH_SCOPE_HOST, BH_SCOPE_SEGMENT, BH_SCOPE_ZONE, BH_SCOPE_COUNT }; /* all of the device; its zone's network; its zone */
enum bh_set { BH_SET_NONE, BH_SET_NORMAL, BH_SET_ADMIN_OFF, BH_SET_PINS_ONLY, BH_SET_RAISE, BH_SET_LOWER, BH_SET_AUTO, BH_SET_COUNT };
struct bh_ev_command {
	bh_ns ttl;
	uint8_t verb;
	uint8_t mode; /* enum bh_mode of policy.h for BH_CMD_MODE */
	uint8_t scope; /* enum bh_scope, of an address, a MAC or a name */
	uint8_t set;   /* enum bh_set for BH_CMD_BREAKER (normal to pins-only) and BH_CMD_DRAWBRIDGE (raise to auto) */
	uint32_t xid;  /* PROBE for a DHCP server: the question's number */
	/* DEVICE: target is a MAC, reason what is said of it (bh_state_device_set). PROBE: the sensor asks, target is the name asked for, or
	 * "dhcp"; reason: "ZONE INTERFACE" */
	char target[64]; /* address, network, MAC, host name, zone:NAME or conduit, as given; KILL: the event's src, dst, ports and proto */
	char by[32], reason[96];
};

enum bh_kernel { BH_KER_NONE, BH_KER_APPLIED, BH_KER_REFUSED, BH_KER_RELEASED, BH_KER_EXPIRED, BH_KER_DRIFT, BH_KER_REPAIRED, BH_KER_FAILED, BH_KER_LAW, BH_KER_COUNT };
struct bh_ev_kernel {
	uint64_t generation, us; /* us: request to kernel acknowledgement */
	uint32_t order;		 /* plan order id; 0 = the policy itself */
	uint32_t pid;		 /* of a foreign change */
	uint8_t what;
	uint8_t pad[7];
	char prog[16], text[96];
};

struct bh_event {
	bh_ns at;
	uint64_t pkt;	  /* number of the packet that completed the fact, from 1; 0 = none */
	uint64_t flow_id; /* < 2^53; same on all events of a flow */
	struct bh_addr src, dst;
	uint16_t sport, dport, vlan, app; /* app: enum bh_app */
	uint8_t kind, proto, outcome, flags;
	uint16_t worker;
	struct bh_mac mac_src, mac_dst;
	uint8_t ttl; /* of the initiator's first packet */
	uint8_t pad[5];
	union {
		struct bh_ev_flow flow;
		struct bh_ev_arp arp;
		struct bh_ev_dhcp dhcp;
		struct bh_ev_smb smb;
		struct bh_ev_rpc rpc;
		struct bh_ev_logon logon;
		struct bh_ev_krb krb;
		struct bh_ev_ldap ldap;
		struct bh_ev_dns dns;
		struct bh_ev_http http;
		struct bh_ev_rdp rdp;
		struct bh_ev_ssh ssh;
		struct bh_ev_ra ra;
		struct bh_ev_name name;
		struct bh_ev_link link;
		struct bh_ev_usb usb;
		struct bh_ev_gap gap;
		struct bh_ev_command command;
		struct bh_ev_kernel kernel;
	} u;
};

/*
 * One line without the newline:   <seconds.nanoseconds> <kind> [<proto> <src>[:port] > <dst>[:port]] key=value …
 * Zero fields are left out; strings are quoted. parse(print(x)) == x, byte for byte.
 * Longest line is BH_EVENT_TEXT bytes with its NUL.
 */
#define BH_EVENT_TEXT 2048
size_t bh_event_print(const struct bh_event *ev, char buf[BH_EVENT_TEXT]);
struct bh_event_error {
	unsigned col; /* from 1 */
	char text[96];
};
int bh_event_parse(const char *line, size_t len, struct bh_event *ret_event, struct bh_event_error *ret_error) BH_MUST;

const char *bh_ev_kind_name(unsigned kind);
const char *bh_outcome_name(unsigned outcome);
const char *bh_cmd_name(unsigned verb);
const char *bh_scope_name(unsigned scope);
const char *bh_set_name(unsigned set);
/* "10.1.2.3:445" or "[fd00::1]:445": 1 = not that */
int bh_end_parse(const char *text, size_t len, struct bh_addr *ret_addr, uint16_t *ret_port) BH_MUST;
char *bh_end_print(const struct bh_addr *a, uint16_t port, char buf[BH_ADDR_TEXT + 9]);
const char *bh_proto_name(unsigned proto, char buf[4]); /* "tcp", "udp", "icmp", "icmp6", else decimal */

/* Where a producer puts events: the worker's ring, a test's array, replay's core. Must not fail; loss is the sink's to count. */
struct bh_event_sink {
	void (*emit)(void *ctx, const struct bh_event *ev);
	void *ctx;
};

#endif
