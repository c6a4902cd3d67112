/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * who - what devices say of themselves: addresses, names, ways out, links and USB ports; the part of an event that identity is told from
 *
 * Why     Who belongs is told from what a device shows, never from a single claim.
 * Shape   One fixed-size struct a protocol, zero-padded; strings end in NUL and are cut to fit.
 * Units   Seconds where the protocol counts them; bytes. Codes are the protocol's own numbers.
 * Errors  None.
 * Purity  Pure.
 * Source  RFC 826 (ARP), RFC 4861, 4191, 8106 (ND), RFC 2131 and 8415 (DHCP), RFC 6762 (mDNS), RFC 4795 (LLMNR), RFC 1002 (NetBIOS names),
 *         UPnP 1.1 (SSDP), WS-Discovery 1.1, [MS-SMB2] 2.2.32.5, IEEE 802.1AB (LLDP), Linux kobject uevents.
 */
#ifndef BULKHEAD_WHO_H
#define BULKHEAD_WHO_H

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
enum bh_usb_op { BH_USB_NONE, BH_USB_ADD, BH_USB_REMOVE, BH_USB_THERE, BH_USB_OPS }; /* THERE: was plugged in before the sender looked */
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

const char *bh_name_via_name(unsigned via);
const char *bh_name_op_name(unsigned op);
const char *bh_usb_op_name(unsigned op);
const char *bh_usb_via_name(unsigned via);

#endif
