/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * decode - one captured frame to one struct: link layer to transport, through tags and mirror tunnels
 *
 * Why     Every later stage reads fields, never header bytes, so a length is checked in one place only.
 * Shape   struct bh_packet is the caller's memory and points into the caller's frame; nothing is copied.
 *         A tunnel that mirrors a network (GRE, VXLAN, ERSPAN I to III) is opened, BH_TUNNEL_MAX deep,
 *         and the fields describe the innermost packet; a tunnel whose inside is malformed keeps the
 *         outer description.
 * Units   Lengths in bytes, ports and all numbers in host order, addresses in the 16-byte form.
 * Errors  None. A malformed frame is a value: pkt->bad says which rule it broke first, and pkt->what how
 *         far the fields can be trusted.
 * Purity  Pure: the result depends on the input struct alone.
 * Source  IEEE 802.1Q, RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792, RFC 4443, RFC 4861, RFC 826,
 *         IEEE 802.1AB, 802.2 (LLC, SNAP), RFC 2784 and 2890 (GRE), RFC 7348 (VXLAN), draft-foschiano-erspan-03; link type numbers are
 *         those of tcpdump.org/linktypes.
 *
 * Checksums are not verified: a frame seen before the network card filled them in is good traffic, and a
 * sensor cannot tell which host on the path would have dropped a bad one.
 */
#ifndef BULKHEAD_DECODE_H
#define BULKHEAD_DECODE_H

#include <bulkhead/base.h>

/* link types, registry numbers */
#define BH_LINK_NULL 0	      /* BSD loopback, family in the capturing host's order */
#define BH_LINK_ETHERNET 1
#define BH_LINK_RAW 101	      /* IPv4 or IPv6 by its version nibble */
#define BH_LINK_LOOP 108      /* BSD loopback, family in network order */
#define BH_LINK_SLL 113	      /* Linux cooked, version 1 */
#define BH_LINK_RAW4 228
#define BH_LINK_RAW6 229
#define BH_LINK_SLL2 276      /* Linux cooked, version 2 */
bool bh_link_known(unsigned link);

#define BH_TUNNEL_MAX 2

/* first rule broken */
#define BH_BADS(X)                                                                                    \
	X(NONE, "none") X(LINKTYPE, "linktype") X(LINK, "link") X(VLAN, "vlan") X(ARP, "arp")          \
	X(IP_HEADER, "ip_header") X(IP_LENGTH, "ip_length") X(IP_EXT, "ip_ext") X(FRAGMENT, "fragment") \
	X(TCP, "tcp") X(UDP, "udp") X(ICMP, "icmp") X(TUNNEL, "tunnel")
enum bh_bad {
#define X(id, name) BH_BAD_##id,
	BH_BADS(X)
#undef X
		BH_BAD_COUNT
};
const char *bh_bad_name(unsigned bad); /* never NULL */

#define BH_TYPE_LLDP 0x88cc
#define BH_TYPE_CDP 0x2000 /* of SNAP, under Cisco's number */

/* how far the packet was understood */
enum bh_what {
	BH_WHAT_NONE, /* none of these, or too malformed to say */
	BH_WHAT_ARP,
	BH_WHAT_LINK, /* LLDP, or CDP with ethertype BH_TYPE_CDP: payload only, no addresses */
	BH_WHAT_IP,   /* addresses and proto only: another protocol, a later fragment, or a bad L4 header */
	BH_WHAT_TCP,
	BH_WHAT_UDP,
	BH_WHAT_ICMP, /* ICMP or ICMPv6; proto says which */
};

/* bh_packet.flags */
#define BH_PKT_IPV6 0x01
#define BH_PKT_INNER 0x02    /* from inside a tunnel */
#define BH_PKT_FRAG 0x04     /* any fragment, the first included */
#define BH_PKT_LATER 0x08    /* a fragment without the L4 header */
#define BH_PKT_CUT 0x10	     /* the capture holds less of the IP packet than was on the wire */
#define BH_PKT_GROUP 0x20    /* destination is multicast or broadcast, by address or by MAC */
#define BH_PKT_NO_MAC 0x40   /* no Ethernet header around these addresses */

/* TCP flags as on the wire */
#define BH_TCP_FIN 0x01
#define BH_TCP_SYN 0x02
#define BH_TCP_RST 0x04
#define BH_TCP_PSH 0x08
#define BH_TCP_ACK 0x10
#define BH_TCP_ECE 0x40
#define BH_TCP_CWR 0x80

struct bh_packet_tcp {
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags;
	uint8_t opts_len;
	const uint8_t *opts; /* as captured */
};

/* an ICMP error quotes the packet it answers */
struct bh_packet_quote {
	struct bh_addr src, dst;
	uint32_t seq; /* TCP only */
	uint16_t sport, dport;
	uint8_t proto; /* 0 = nothing usable was quoted */
};
/* neighbour discovery, ICMPv6 types 133 to 137 */
struct bh_packet_nd {
	struct bh_addr target;	/* NS, NA; for RA the first prefix */
	struct bh_mac lladdr;	/* source or target link-layer option; none = absent */
	uint16_t lifetime_s;	/* RA router lifetime */
	uint8_t flags;		/* NA: R S O in 0x80 0x40 0x20; RA: M O in 0x80 0x40 */
	uint8_t prefix_bits;	/* RA */
};
struct bh_packet_icmp {
	uint8_t type, code;
	uint16_t id; /* echo, timestamp and mask; otherwise 0 */
	bool echo;   /* has an id both directions share */
	bool error;  /* quote is meant */
	union {
		struct bh_packet_quote quote;
		struct bh_packet_nd nd;
	};
};
struct bh_packet_arp {
	uint16_t htype, ptype, op;
	struct bh_mac sha, tha; /* the protocol addresses are pkt->src and pkt->dst */
};

struct bh_packet {
	bh_ns at;
	const uint8_t *l3;	/* innermost IP header; NULL when there is none */
	const uint8_t *payload; /* after the L4 header (BH_WHAT_IP: after the IP header, BH_WHAT_LINK: after the frame's); NULL when none */
	uint32_t l3_len;	/* captured bytes of the IP packet, link padding excluded */
	uint32_t payload_len;	/* captured and inside the IP and UDP lengths */
	uint32_t payload_wire;	/* what the lengths on the wire say; >= payload_len */
	uint32_t wirelen;	/* of the whole outer frame */
	struct bh_addr src, dst;
	uint16_t sport, dport; /* 0 unless TCP or UDP */
	uint16_t ethertype;    /* of the innermost frame; 0 for raw IP */
	uint16_t vlan, vlan2;  /* outer and inner VLAN id, 0 = none */
	uint16_t frag_off;     /* bytes */
	struct bh_mac mac_src, mac_dst;
	uint8_t what, bad, flags, proto, ttl, depth; /* depth: tunnels opened */
	union {
		struct bh_packet_tcp tcp;
		struct bh_packet_icmp icmp;
		struct bh_packet_arp arp;
	};
};

struct bh_decode_in {
	const uint8_t *data; /* lives as long as the bh_packet is used */
	uint32_t caplen, wirelen;
	bh_ns at;
	uint16_t link;
	uint16_t vlan; /* id of a tag the kernel took off, 0 = none; becomes the outer one */
};
/* Fills every field of *ret. Any bytes and lengths are allowed; wirelen below caplen counts as caplen. */
void bh_decode(const struct bh_decode_in *in, struct bh_packet *ret);

/*
 * Same value for both directions of a flow and for an ICMP error about it, whatever the order of arrival:
 * how a capture file is dealt to workers. Depends on addresses only, so later fragments follow their first.
 */
uint32_t bh_decode_shard(const struct bh_packet *pkt);

#endif
