/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames are built by hand from small pieces, each piece one header, so an encapsulation is a list.
 * Every frame is also decoded cut at every length, from an exact-size heap copy: a read past the
 * end is ASan's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decode.h>

#define HEX(s) (s), sizeof(s) - 1

#define ETH(type) "\x02\0\0\0\0\x02\x02\0\0\0\0\x01" type
#define IP4 "\x08\x00"
#define IP6 "\x86\xdd"
/* 10.0.0.1 > 10.0.0.2; len and proto given, ttl 64 */
#define IPV4(len, proto) "\x45\0" len "\0\0\0\0\x40" proto "\0\0\x0a\0\0\x01\x0a\0\0\x02"
#define IPV4F(len, frag, proto) "\x45\0" len "\0\0" frag "\x40" proto "\0\0\x0a\0\0\x01\x0a\0\0\x02"
/* fd00::1 > fd00::2 */
#define IPV6(len, next)                                                                            \
	"\x60\0\0\0" len next                                                                      \
	"\x40\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
/* 1000 > 445, seq 7, ack 9, SYN, window 512 */
#define TCP "\x03\xe8\x01\xbd\0\0\0\x07\0\0\0\x09\x50\x02\x02\0\0\0\0\0"
#define UDP(len) "\x03\xe8\x00\x35\0" len "\0\0"

static struct bh_packet dec_link(const char *f, size_t n, unsigned link)
{
	struct bh_packet p;

	for (size_t cut = 0; cut <= n; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		assert_non_null(copy);
		memcpy(copy, f, cut);
		/* cut by the capture, then cut on the wire */
		bh_decode(&(struct bh_decode_in){copy, (uint32_t)cut, (uint32_t)n, 5,
				  (uint16_t)link, 0},
			&p);
		assert_true(p.payload_len <= cut && p.l3_len <= cut);
		assert_true(p.payload_wire >= p.payload_len);
		if (p.payload)
			assert_true(p.payload >= copy && p.payload + p.payload_len <= copy + cut);
		if (p.l3)
			assert_true(p.l3 >= copy && p.l3 + p.l3_len <= copy + cut);
		bh_decode(&(struct bh_decode_in){copy, (uint32_t)cut, (uint32_t)cut, 5,
				  (uint16_t)link, 0},
			&p);
		free(copy);
	}
	bh_decode(&(struct bh_decode_in){(const uint8_t *)f, (uint32_t)n, (uint32_t)n, 5,
			  (uint16_t)link, 0},
		&p);
	return p;
}
static struct bh_packet dec(const char *f, size_t n)
{
	return dec_link(f, n, BH_LINK_ETHERNET);
}
static void addr_is(const struct bh_addr *a, const char *text)
{
	char buf[BH_ADDR_TEXT];

	assert_string_equal(bh_addr_print(a, buf), text);
}
static void is_the_syn(const struct bh_packet *p)
{
	assert_int_equal(p->what, BH_WHAT_TCP);
	assert_int_equal(p->bad, BH_BAD_NONE);
	assert_int_equal(p->sport, 1000);
	assert_int_equal(p->dport, 445);
	assert_int_equal(p->tcp.seq, 7);
	assert_int_equal(p->tcp.ack, 9);
	assert_int_equal(p->tcp.flags, BH_TCP_SYN);
	assert_int_equal(p->tcp.window, 512);
	assert_int_equal(p->ttl, 64);
}

static void tcp_over_ethernet_has_every_field(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4("\0\x2c", "\x06") TCP "SMB!"));
	char mac[BH_MAC_TEXT];

	is_the_syn(&p);
	addr_is(&p.src, "10.0.0.1");
	addr_is(&p.dst, "10.0.0.2");
	assert_string_equal(bh_mac_print(&p.mac_src, mac), "02:00:00:00:00:01");
	assert_int_equal(p.payload_len, 4);
	assert_memory_equal(p.payload, "SMB!", 4);
	assert_int_equal(p.l3_len, 44);
	assert_int_equal(p.ethertype, 0x800);
	assert_int_equal(p.at, 5);
}

static void ethernet_padding_is_not_payload(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4("\0\x28", "\x06") TCP "\0\0\0\0\0\0"));

	is_the_syn(&p);
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(p.l3_len, 40);
}

static void tags_give_outer_and_inner_vlan(void **state)
{
	struct bh_packet p = dec(HEX(ETH("\x88\xa8") "\x20\x64\x81\x00"
						     "\x00\x07" IP4 IPV4("\0\x28", "\x06") TCP));
	struct bh_packet q;

	is_the_syn(&p);
	assert_int_equal(p.vlan, 100);
	assert_int_equal(p.vlan2, 7);
	p = dec(HEX(ETH("\x81\x00") "\x60\x00" IP4 IPV4("\0\x28", "\x06") TCP));
	assert_int_equal(p.vlan, 0); /* priority only */
	is_the_syn(&p);
	bh_decode(&(struct bh_decode_in){(const uint8_t *)ETH("\x81\x00") "\x00\x07" IP4 IPV4(
						 "\0\x28", "\x06") TCP,
			  58, 58, 0, 1, 100},
		&q);
	assert_int_equal(q.vlan, 100);
	assert_int_equal(q.vlan2, 7);
	p = dec(HEX(ETH("\x81\x00") "\0\x01\x81\0"
				    "\0\x02\x81\0"
				    "\0\x03\x81\0"
				    "\0\x04\x81\0"
				    "\0\x05" IP4));
	assert_int_equal(p.bad, BH_BAD_VLAN);
}

static void every_link_type_reaches_the_same_packet(void **state)
{
#define P IPV4("\0\x28", "\x06") TCP
	static const struct {
		unsigned link;
		const char *f;
		size_t n;
	} t[] = {
		{BH_LINK_RAW, HEX(P)},
		{BH_LINK_RAW4, HEX(P)},
		{BH_LINK_NULL, HEX("\x02\0\0\0" P)},
		{BH_LINK_LOOP, HEX("\0\0\0\x02" P)},
		{BH_LINK_SLL, HEX("\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0" IP4 P)},
		{BH_LINK_SLL2, HEX(IP4 "\0\0\0\0\0\x03\0\x01\0\x06\x02\0\0\0\0\x01\0\0" P)},
	};
	char mac[BH_MAC_TEXT];

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_packet p = dec_link(t[i].f, t[i].n, t[i].link);

		is_the_syn(&p);
		assert_true(bh_link_known(t[i].link));
		if (i >= 4)
			assert_string_equal(bh_mac_print(&p.mac_src, mac), "02:00:00:00:00:01");
		else
			assert_true(p.flags & BH_PKT_NO_MAC);
	}
	assert_false(bh_link_known(147));
	assert_int_equal(dec_link(t[0].f, t[0].n, 147).bad, BH_BAD_LINKTYPE);
}

static void ipv6_extension_headers_are_walked(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP6) IPV6("\0\x24", "\0") "\x3c\0\0\0\0\0\0\0"
								   "\x06\0\0\0\0\0\0\0" TCP));

	is_the_syn(&p);
	addr_is(&p.src, "fd00::1");
	assert_true(p.flags & BH_PKT_IPV6);
	/* authentication header counts in 4-byte words */
	p = dec(HEX(ETH(IP6) IPV6("\0\x20", "\x33") "\x06\x01\0\0\0\0\0\0\0\0\0\0" TCP));
	is_the_syn(&p);
	/* a chain longer than any real one, and one that runs out of the packet */
	p = dec(HEX(ETH(IP6) IPV6("\0\x48", "\0") "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"
						  "\0\0\0\0\0\0\0\0"));
	assert_int_equal(p.bad, BH_BAD_IP_EXT);
	p = dec(HEX(ETH(IP6) IPV6("\0\x08", "\0") "\x06\xff\0\0\0\0\0\0"));
	assert_int_equal(p.bad, BH_BAD_IP_EXT);
	assert_int_equal(p.what, BH_WHAT_IP);
}

static void fragments_say_which_they_are(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4F("\0\x2c", "\x20\0", "\x06") TCP "abcd"));

	is_the_syn(&p);
	assert_true(p.flags & BH_PKT_FRAG);
	assert_false(p.flags & BH_PKT_LATER);
	p = dec(HEX(ETH(IP4) IPV4F("\0\x1c", "\0\x02", "\x06") "abcdefgh"));
	assert_int_equal(p.what, BH_WHAT_IP);
	assert_true(p.flags & BH_PKT_LATER);
	assert_int_equal(p.frag_off, 16);
	assert_int_equal(p.sport, 0);
	assert_int_equal(p.payload_len, 8);
	/* past 65,535: the ping of death */
	p = dec(HEX(ETH(IP4) IPV4F("\0\x1c", "\x1f\xff", "\x01") "abcdefgh"));
	assert_int_equal(p.bad, BH_BAD_FRAGMENT);
	/* IPv6: later fragment, and an atomic one, which is a whole packet */
	p = dec(HEX(ETH(IP6) IPV6("\0\x10", "\x2c") "\x06\0\0\x08\0\0\0\x01"
						    "abcdefgh"));
	assert_true(p.flags & BH_PKT_LATER);
	assert_int_equal(p.frag_off, 8);
	p = dec(HEX(ETH(IP6) IPV6("\0\x1c", "\x2c") "\x06\0\0\0\0\0\0\x01" TCP));
	is_the_syn(&p);
	assert_false(p.flags & BH_PKT_FRAG);
}

static void lengths_are_believed_only_inside_the_wire(void **state)
{
	struct bh_packet p =
		dec(HEX(ETH(IP4) IPV4("\0\x64", "\x06") TCP)); /* claims 100, sent 40 */
	static const char f[] = ETH(IP4) IPV4("\0\x64", "\x06") TCP "abcd";

	assert_int_equal(p.bad, BH_BAD_IP_LENGTH);
	assert_int_equal(p.what, BH_WHAT_NONE);
	/* the same bytes when the capture is what cut them */
	bh_decode(&(struct bh_decode_in){(const uint8_t *)f, sizeof f - 1, 114, 0, 1, 0}, &p);
	is_the_syn(&p);
	assert_true(p.flags & BH_PKT_CUT);
	assert_int_equal(p.payload_len, 4);
	assert_int_equal(p.payload_wire, 60);
	/* length zero: a segment the card was to cut */
	p = dec(HEX(ETH(IP4) IPV4("\0\0", "\x06") TCP "abcdefgh"));
	is_the_syn(&p);
	assert_int_equal(p.payload_len, 8);
	/* header length and version */
	p = dec(HEX(ETH(IP4) "\x44\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02" TCP));
	assert_int_equal(p.bad, BH_BAD_IP_HEADER);
	p = dec(HEX(ETH(IP4) "\x65\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02" TCP));
	assert_int_equal(p.bad, BH_BAD_IP_HEADER);
	/* options */
	p = dec(HEX(ETH(
		IP4) "\x46\0\0\x2c\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\x94\x04\0\0" TCP));
	is_the_syn(&p);
}

static void bad_transport_headers_are_values(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4("\0\x28",
		"\x06") "\x03\xe8\x01\xbd\0\0\0\x07\0\0\0\x09\x40\x02\x02\0\0\0\0\0")); /* offset 4
											   words */

	assert_int_equal(p.bad, BH_BAD_TCP);
	assert_int_equal(p.what, BH_WHAT_IP);
	p = dec(HEX(ETH(IP4) IPV4(
		"\0\x28", "\x06") "\x03\xe8\x01\xbd\0\0\0\x07\0\0\0\x09\xf0\x02\x02\0\0\0\0\0"));
	assert_int_equal(p.bad, BH_BAD_TCP);
	p = dec(HEX(ETH(IP4) IPV4("\0\x1e", "\x11") UDP("\x07") "ab"));
	assert_int_equal(p.bad, BH_BAD_UDP);
	p = dec(HEX(ETH(IP4) IPV4("\0\x1e", "\x11") UDP("\x0b") "ab"));
	assert_int_equal(p.bad, BH_BAD_UDP);
	p = dec(HEX(ETH(IP4) IPV4("\0\x1f", "\x11") UDP("\x0a") "abc"));
	assert_int_equal(p.bad, BH_BAD_NONE);
	assert_int_equal(p.payload_len, 2);
	assert_int_equal(p.dport, 53);
}

static void arp_gives_all_four_addresses(void **state)
{
	struct bh_packet p = dec(HEX(
		"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06"
		"\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x05\x0a\0\0\x05\0\0\0\0\0\0\x0a\0\0\x09"));
	char mac[BH_MAC_TEXT];

	assert_int_equal(p.what, BH_WHAT_ARP);
	assert_int_equal(p.arp.op, 1);
	addr_is(&p.src, "10.0.0.5");
	addr_is(&p.dst, "10.0.0.9");
	assert_string_equal(bh_mac_print(&p.arp.sha, mac), "02:00:00:00:00:05");
	assert_string_equal(bh_mac_print(&p.mac_src, mac), "02:00:00:00:00:01");
	assert_true(p.flags & BH_PKT_GROUP);
	p = dec(HEX(ETH("\x08\x06") "\0\x01\x08\0\x06\x10\0\x01\x02\0\0\0\0\x05\x0a\0\0\x05\0\0\0\0"
				    "\0\0\x0a\0\0\x09"));
	assert_int_equal(p.bad, BH_BAD_ARP);
}

static void the_links_own_messages_are_told_from_other_frames_with_a_length(void **state)
{
#define CDP_LLC "\xaa\xaa\x03\0\0\x0c\x20\0"
	struct bh_packet p = dec(HEX(ETH("\x88\xcc") "\x02\x01\x07"));

	assert_int_equal(p.what, BH_WHAT_LINK);
	assert_int_equal(p.ethertype, BH_TYPE_LLDP);
	assert_int_equal(p.payload_len, 3);
	assert_null(p.l3);
	p = dec(HEX(ETH("\x81\0") "\0\x0c\x88\xcc" "\x02\x01\x07"));
	assert_int_equal(p.what, BH_WHAT_LINK);
	assert_int_equal(p.vlan, 12);
	p = dec(HEX(ETH("\0\x0a") CDP_LLC "\x02\xb4" "padding"));
	assert_int_equal(p.what, BH_WHAT_LINK);
	assert_int_equal(p.ethertype, BH_TYPE_CDP);
	assert_int_equal(p.payload_len, 2);
	assert_int_equal(p.payload_wire, 2);
	p = dec(HEX(ETH("\0\x0b") CDP_LLC "\x02\xb4")); /* a length beyond the frame */
	assert_int_equal(p.what, BH_WHAT_NONE);
	p = dec(HEX(ETH("\0\x07") CDP_LLC "\x02\xb4")); /* and one that ends within the head */
	assert_int_equal(p.what, BH_WHAT_NONE);
	p = dec(HEX(ETH("\0\x0a") "\xaa\xaa\x03\0\0\x0c\x20\x04" "\x02\xb4")); /* DTP */
	assert_int_equal(p.what, BH_WHAT_NONE);
	p = dec(HEX(ETH("\0\x05") "\x42\x42\x03\0\0")); /* spanning tree */
	assert_int_equal(p.what, BH_WHAT_NONE);
	assert_int_equal(p.bad, BH_BAD_NONE);
}

static void icmp_errors_quote_the_attempt(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4("\0\x38",
		"\x01") "\x03\x03\0\0\0\0\0\0"
			"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\x0a\0\0\x02\x0a\0\0\x01" UDP("\x08")));

	assert_int_equal(p.what, BH_WHAT_ICMP);
	assert_true(p.icmp.error);
	addr_is(&p.icmp.quote.src, "10.0.0.2");
	assert_int_equal(p.icmp.quote.proto, 17);
	assert_int_equal(p.icmp.quote.dport, 53);
	p = dec(HEX(ETH(IP6) IPV6("\0\x40", "\x3a") "\x01\x04\0\0\0\0\0\0" IPV6(
		"\0\x10", "\x06") "\x03\xe8\x01\xbd\0\0\0\x07"
				  "\0\0\0\0\0\0\0\0"));
	assert_true(p.icmp.error);
	assert_int_equal(p.icmp.quote.seq, 7);
	addr_is(&p.icmp.quote.dst, "fd00::2");
	/* nothing usable quoted */
	p = dec(HEX(ETH(IP4) IPV4("\0\x20", "\x01") "\x03\x03\0\0\0\0\0\0"
						    "\x45\0\0\x1c"));
	assert_true(p.icmp.error);
	assert_int_equal(p.icmp.quote.proto, 0);
	/* echo */
	p = dec(HEX(ETH(IP4) IPV4("\0\x1c", "\x01") "\x08\0\0\0\x12\x34\0\x01"));
	assert_true(p.icmp.echo);
	assert_int_equal(p.icmp.id, 0x1234);
}

static void neighbour_discovery_is_read(void **state)
{
	struct bh_packet p =
		dec(HEX(ETH(IP6) IPV6("\0\x20", "\x3a") "\x87\0\0\0\0\0\0\0"
							"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09"
							"\x01\x01\x02\0\0\0\0\x07"));
	char mac[BH_MAC_TEXT];

	addr_is(&p.icmp.nd.target, "fd00::9");
	assert_string_equal(bh_mac_print(&p.icmp.nd.lladdr, mac), "02:00:00:00:00:07");
	p = dec(HEX(ETH(IP6) IPV6("\0\x30", "\x3a") "\x86\0\0\0\x40\x80\x07\x08\0\0\0\0\0\0\0\0"
						    "\x03\x04\x40\xc0\0\0\0\0\0\0\0\0\0\0\0\0"
						    "\xfd\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0"));
	assert_int_equal(p.icmp.nd.lifetime_s, 1800);
	assert_int_equal(p.icmp.nd.flags, 0x80);
	assert_int_equal(p.icmp.nd.prefix_bits, 64);
	addr_is(&p.icmp.nd.target, "fd00:1::");
	/* an option of length zero must not loop */
	p = dec(HEX(ETH(IP6) IPV6("\0\x20", "\x3a") "\x87\0\0\0\0\0\0\0"
						    "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09"
						    "\x01\0\x02\0\0\0\0\x07"));
	assert_true(bh_mac_none(&p.icmp.nd.lladdr));
}

/* inside: VLAN 9, then 192.168 addresses so inner and outer cannot be confused */
#define INSIDE                                                                                     \
	"\x06\0\0\0\0\x02\x06\0\0\0\0\x01\x81\0\0\x09" IP4                                         \
	"\x45\0\0\x28\0\0\0\0\x40\x06\0\0\xc0\xa8\0\x01\xc0\xa8\0\x02" TCP

static void mirror_tunnels_show_the_inner_frame(void **state)
{
	static const struct {
		const char *what, *f;
		size_t n;
	} t[] = {
		{"vxlan", HEX(ETH(IP4) IPV4("\0\x5e", "\x11") "\x03\xe8\x12\xb5\0\x4a\0\0"
							      "\x08\0\0\0\0\0\x01\0" INSIDE)},
		{"gre teb, checksum key sequence",
			HEX(ETH(IP4) IPV4("\0\x5e", "\x2f") "\xb0\0\x65\x58"
							    "\0\0\0\0"
							    "\0\0\0\x07"
							    "\0\0\0\x01" INSIDE)},
		{"erspan 1", HEX(ETH(IP4) IPV4("\0\x52", "\x2f") "\0\0\x88\xbe" INSIDE)},
		{"erspan 2", HEX(ETH(IP4) IPV4("\0\x5e", "\x2f") "\x10\0\x88\xbe\0\0\0\x01"
								 "\x10\x05\0\0\0\0\0\0" INSIDE)},
		{"erspan 3",
			HEX(ETH(IP4) IPV4("\0\x62", "\x2f") "\x10\0\x22\xeb\0\0\0\x01"
							    "\x20\x05\0\0\0\0\0\0\0\0\0\0" INSIDE)},
		{"erspan 3 with sub-header",
			HEX(ETH(IP4) IPV4("\0\x6a", "\x2f") "\x10\0\x22\xeb\0\0\0\x01"
							    "\x20\x05\0\0\0\0\0\0\0\0\0\x01"
							    "\0\0\0\0\0\0\0\0" INSIDE)},
	};
	char mac[BH_MAC_TEXT];

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_packet p = dec(t[i].f, t[i].n);

		if (p.what != BH_WHAT_TCP)
			print_error("%s: what %u bad %s\n", t[i].what, p.what, bh_bad_name(p.bad));
		is_the_syn(&p);
		addr_is(&p.src, "192.168.0.1");
		assert_string_equal(bh_mac_print(&p.mac_src, mac), "06:00:00:00:00:01");
		assert_int_equal(p.vlan, 9);
		assert_true(p.flags & BH_PKT_INNER);
		assert_int_equal(p.depth, 1);
	}
}

static void tunnels_nest_twice_and_no_deeper(void **state)
{
#define GRE4(len) IPV4("\0" len, "\x2f") "\0\0\x08\0"
	struct bh_packet p =
		dec(HEX(ETH(IP4) GRE4("\x58") GRE4("\x40") IPV4("\0\x28", "\x06") TCP));

	is_the_syn(&p);
	assert_int_equal(p.depth, 2);
	assert_true(p.flags & BH_PKT_NO_MAC);
	p = dec(HEX(ETH(IP4) GRE4("\x70") GRE4("\x58") GRE4("\x40") IPV4("\0\x28", "\x06") TCP));
	assert_int_equal(p.depth, 2);
	assert_int_equal(p.what, BH_WHAT_IP);
	assert_int_equal(p.proto, 47);
}

static void a_tunnel_with_garbage_inside_is_still_a_packet(void **state)
{
	struct bh_packet p = dec(HEX(ETH(IP4) IPV4(
		"\0\x34", "\x2f") "\0\0\x08\0"
				  "\x45\0\0\x64\0\0\0\0\x40\x06\0\0\xc0\xa8\0\x01\xc0\xa8\0\x02"
				  "12345678"));

	assert_int_equal(p.bad, BH_BAD_IP_LENGTH);
	assert_int_equal(p.what, BH_WHAT_IP);
	assert_int_equal(p.proto, 47);
	addr_is(&p.src, "10.0.0.1");
	assert_false(p.flags & BH_PKT_INNER);
	/* port 4789 without the header is ordinary UDP */
	p = dec(HEX(ETH(IP4) IPV4("\0\x24", "\x11") "\x03\xe8\x12\xb5\0\x10\0\0"
						    "notvxlan"));
	assert_int_equal(p.what, BH_WHAT_UDP);
	assert_int_equal(p.bad, BH_BAD_NONE);
	assert_int_equal(p.payload_len, 8);
}

static void shard_is_one_for_both_directions_fragments_and_errors(void **state)
{
	struct bh_packet a = dec(HEX(ETH(IP4) IPV4("\0\x1c", "\x11") UDP("\x08")));
	struct bh_packet b = a,
			 later = dec(HEX(ETH(IP4) IPV4F("\0\x1c", "\0\x02", "\x11") "abcdefgh"));
	struct bh_packet err =
		dec(HEX(ETH(IP4) "\x45\0\0\x38\0\0\0\0\x40\x01\0\0\xc0\xa8\0\x01\x0a\0\0\x01"
				 "\x03\x01\0\0\0\0\0\0" IPV4("\0\x1c", "\x11") UDP("\x08")));

	b.src = a.dst;
	b.dst = a.src;
	assert_int_equal(bh_decode_shard(&a), bh_decode_shard(&b));
	assert_int_equal(bh_decode_shard(&a), bh_decode_shard(&later));
	assert_int_equal(bh_decode_shard(&a), bh_decode_shard(&err));
	b.dst.b[15] ^= 1;
	assert_int_not_equal(bh_decode_shard(&a), bh_decode_shard(&b));
}

static void names_of_bad_kinds_are_all_there(void **state)
{
	for (unsigned i = 0; i < BH_BAD_COUNT; i++)
		assert_true(strlen(bh_bad_name(i)) > 1);
	assert_string_equal(bh_bad_name(999), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ethernet_has_every_field),
		cmocka_unit_test(ethernet_padding_is_not_payload),
		cmocka_unit_test(tags_give_outer_and_inner_vlan),
		cmocka_unit_test(every_link_type_reaches_the_same_packet),
		cmocka_unit_test(ipv6_extension_headers_are_walked),
		cmocka_unit_test(fragments_say_which_they_are),
		cmocka_unit_test(lengths_are_believed_only_inside_the_wire),
		cmocka_unit_test(bad_transport_headers_are_values),
		cmocka_unit_test(arp_gives_all_four_addresses),
		cmocka_unit_test(the_links_own_messages_are_told_from_other_frames_with_a_length),
		cmocka_unit_test(icmp_errors_quote_the_attempt),
		cmocka_unit_test(neighbour_discovery_is_read),
		cmocka_unit_test(mirror_tunnels_show_the_inner_frame),
		cmocka_unit_test(tunnels_nest_twice_and_no_deeper),
		cmocka_unit_test(a_tunnel_with_garbage_inside_is_still_a_packet),
		cmocka_unit_test(shard_is_one_for_both_directions_fragments_and_errors),
		cmocka_unit_test(names_of_bad_kinds_are_all_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
