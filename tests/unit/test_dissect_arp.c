/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ARP as decoded structs, neighbour discovery as frames. Every fact must survive its own text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_arp;

struct box {
	struct bh_event ev;
	size_t n;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct box *b = ctx;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	assert_int_equal(bh_event_parse(line, bh_event_print(ev, line), &back, &e), 0);
	assert_memory_equal(&back, ev, sizeof back);
	b->ev = *ev;
	b->n++;
}

static uint64_t counted;
static void pick(void *ctx, const char *name, uint64_t v)
{
	if (!strcmp(name, ctx))
		counted = v;
}

/* One packet through the dissector, as the worker hands it over. */
static size_t run(const struct bh_packet *k, struct bh_event *ret)
{
	struct bh_event proto = {.vlan = k->vlan, .src = k->src, .dst = k->dst, .mac_src = k->mac_src, .mac_dst = k->mac_dst};
	void *state = bh_dissector_arp.open(1);
	struct box b = {.n = 0};
	struct bh_event_sink sink = {emit, &b};

	assert_true(bh_dissector_arp.wants(k, 0));
	bh_dissector_arp.packet(state, &(struct bh_dissect_in){.pkt = k, .proto = &proto}, &sink);
	bh_dissector_arp.counters(state, pick, (void *)(uintptr_t) "bogus");
	bh_dissector_arp.close(state);
	*ret = b.ev;
	return b.n;
}

static struct bh_packet arp_packet(uint16_t op, const uint8_t spa[4], struct bh_mac sha)
{
	static const uint8_t target[4] = {10, 0, 0, 9};

	return (struct bh_packet){.what = BH_WHAT_ARP,
		.src = bh_addr_v4(spa),
		.dst = bh_addr_v4(target),
		.vlan = 12,
		.mac_src = {{2, 9, 9, 9, 9, 9}},
		.mac_dst = {{2, 0, 0, 0, 0, 7}},
		.arp = {.op = op, .sha = sha, .tha = {{2, 0, 0, 0, 0, 7}}}};
}

static size_t arp(uint16_t op, const uint8_t spa[4], struct bh_mac sha, struct bh_event *ret)
{
	struct bh_packet k = arp_packet(op, spa, sha);

	return run(&k, ret);
}

static void arp_tells_what_the_message_claims(void **state)
{
	static const uint8_t host[4] = {10, 0, 0, 1}, none[4], group[4] = {224, 0, 0, 1};
	struct bh_mac mac = {{2, 0, 0, 0, 0, 1}}, many = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
	char a[BH_ADDR_TEXT];
	struct bh_event ev;

	assert_int_equal(arp(2, host, mac, &ev), 1);
	assert_int_equal(ev.kind, BH_EV_ARP);
	assert_int_equal(ev.u.arp.op, 2);
	assert_int_equal(ev.vlan, 12);
	assert_true(bh_mac_eq(&ev.mac_src, &mac));
	assert_int_equal(ev.mac_dst.b[5], 7);
	assert_string_equal(bh_addr_print(&ev.src, a), "10.0.0.1");
	assert_string_equal(bh_addr_print(&ev.dst, a), "10.0.0.9");
	assert_int_equal(arp(1, none, mac, &ev), 1); /* a probe */
	assert_int_equal(counted, 0);
	assert_int_equal(arp(3, host, mac, &ev), 0);
	assert_int_equal(arp(1, host, many, &ev), 0);
	assert_int_equal(arp(1, host, (struct bh_mac){{0}}, &ev), 0);
	assert_int_equal(arp(1, group, mac, &ev), 0);
	assert_int_equal(counted, 1);
}

static void arp_tells_who_sent_the_frame_when_it_is_another_and_whether_all_heard_it(void **state)
{
	static const uint8_t host[4] = {10, 0, 0, 1};
	struct bh_mac sha = {{2, 0, 0, 0, 0, 1}};
	struct bh_packet k = arp_packet(2, host, sha);
	struct bh_event ev;

	assert_int_equal(run(&k, &ev), 1);
	assert_int_equal(ev.u.arp.flags, 0);
	assert_int_equal(ev.u.arp.frame.b[5], 9);
	k.mac_src = sha;
	memset(&k.mac_dst, 0xff, 6);
	assert_int_equal(run(&k, &ev), 1);
	assert_int_equal(ev.u.arp.flags, BH_ARP_F_GROUP);
	assert_true(bh_mac_none(&ev.u.arp.frame));
	memset(&k.mac_dst, 0, 6); /* a cooked capture: only the kernel's word is left */
	k.flags = BH_PKT_GROUP;
	assert_int_equal(run(&k, &ev), 1);
	assert_int_equal(ev.u.arp.flags, BH_ARP_F_GROUP);
}

/* A frame from 02:…:05 with a neighbour message that names fd00::9; lladdr 0 = without the option. */
static size_t neighbour(uint8_t type, uint8_t flags, bool group, uint8_t lladdr, uint8_t hops, struct bh_event *ret)
{
	uint8_t f[86] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 5, 0x86, 0xdd, 0x60};
	struct bh_packet k;

	if (group)
		memcpy(f, "\x33\x33\0\0\0\1", 6);
	f[19] = lladdr ? 32 : 24;
	f[20] = 58, f[21] = hops;
	memcpy(f + 22, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 16);
	memcpy(f + 38, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	f[54] = type, f[58] = flags;
	memcpy(f + 62, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09", 16);
	f[78] = type == 136 ? 2 : 1, f[79] = 1, f[80] = 2, f[85] = lladdr;
	bh_decode(&(struct bh_decode_in){.data = f, .caplen = lladdr ? 86 : 78, .wirelen = lladdr ? 86 : 78, .link = BH_LINK_ETHERNET}, &k);
	return run(&k, ret);
}

static void neighbour_discovery_tells_flags_group_and_frame(void **state)
{
	char a[BH_ADDR_TEXT];
	struct bh_event ev;

	assert_int_equal(neighbour(136, 0xe0, true, 6, 255, &ev), 1);
	assert_int_equal(ev.u.arp.op, 2);
	assert_int_equal(ev.u.arp.flags, BH_ARP_F_ROUTER | BH_ARP_F_SOLICITED | BH_ARP_F_OVERRIDE | BH_ARP_F_GROUP);
	assert_string_equal(bh_addr_print(&ev.src, a), "fd00::9");
	assert_int_equal(ev.mac_src.b[5], 6);
	assert_int_equal(ev.u.arp.frame.b[5], 5);
	assert_int_equal(neighbour(136, 0x20, false, 5, 255, &ev), 1); /* to all addresses, in a frame to one device */
	assert_int_equal(ev.u.arp.flags, BH_ARP_F_OVERRIDE);
	assert_true(bh_mac_none(&ev.u.arp.frame));
	assert_int_equal(neighbour(135, 0xe0, true, 6, 255, &ev), 1); /* a solicitation has no flags */
	assert_int_equal(ev.u.arp.op, 1);
	assert_int_equal(ev.u.arp.flags, BH_ARP_F_GROUP);
	assert_int_equal(ev.u.arp.frame.b[5], 5);
	assert_int_equal(neighbour(135, 0, true, 0, 255, &ev), 1); /* the frame is all that names the sender */
	assert_int_equal(ev.mac_src.b[5], 5);
	assert_true(bh_mac_none(&ev.u.arp.frame));
}

static void neighbour_discovery_from_afar_or_without_an_address_claims_nothing(void **state)
{
	struct bh_event ev;

	assert_int_equal(neighbour(136, 0x20, true, 6, 254, &ev), 0);
	assert_int_equal(counted, 1);
	assert_int_equal(neighbour(136, 0x20, true, 0, 255, &ev), 0);
	assert_int_equal(counted, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_tells_what_the_message_claims),
		cmocka_unit_test(arp_tells_who_sent_the_frame_when_it_is_another_and_whether_all_heard_it),
		cmocka_unit_test(neighbour_discovery_tells_flags_group_and_frame),
		cmocka_unit_test(neighbour_discovery_from_afar_or_without_an_address_claims_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
