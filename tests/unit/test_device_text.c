/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/device.h>

static const char *const lines[] = {
	"device 02:00:00:00:00:01",
	("device 02:00:00:00:00:01 status=known tags=dual-boot,pxe zone=0 vlan=30 first=1764038400.000000001 last=1764038401.500000000 session=1764038400.000000000 "
	"changed=1764038400.000000000 conflicts=2 addrs=10.0.0.7,fe80::ff:fe00:1 carried=1 at=2 name=\"till \\\"2\\\"\" calls=\"PC-7\" owner=\"els\" note=\"caf\\xc3\\xa9\" port=\"ge-0/0/7\" "
	"usb=\"1d6b:0104 Gadget at pc-7 1-2\""),
	("device 02:00:00:00:00:01 status=retired at=1 print{first=1.000000000 last=2.000000000 seen=3 params=1 order=ffffffff size=1500 id=2 os=windows vendor=\"MSFT 5.0\" name=\"PC-7\" synos=windows "
	"ttl=128 win=64240 mss=1460 wscale=9 df=1 opts=2,1,3,1,1,4 ecn=1 from=ab12 told=1 clients=1a2b3c4d,0,7} print{os=linux ttl=64 opts=0,2}"),
	"device 02:00:00:00:00:01 print{} print{} print{name=\"a } b\"}",
};

static void printed_lines_parse_and_print_the_same(void **state)
{
	struct bh_device d, back;
	struct bh_event_error e;
	char out[BH_DEVICE_TEXT];

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		if (bh_device_parse(lines[i], strlen(lines[i]), &d, &e))
			fail_msg("line %zu col %u: %s", i, e.col, e.text);
		bh_device_print(&d, out);
		assert_string_equal(out, lines[i]);
		assert_int_equal(bh_device_parse(out, strlen(out), &back, &e), 0);
		assert_memory_equal(&d, &back, sizeof d);
	}
}

static void fill_print(struct bh_print *p)
{
	p->first = p->last = UINT64_MAX - BH_SEC(2);
	p->seen = p->dhcp_params = p->dhcp_order = p->from = UINT32_MAX;
	p->told = UINT8_MAX;
	memset(p->clients, 0xff, sizeof p->clients);
	memset(p->syn.opts, 0xff, sizeof p->syn.opts);
	p->syn.window = p->syn.mss = p->dhcp_size = UINT16_MAX;
	p->syn.wscale = p->syn.df = p->syn.ecn = p->dhcp_id = p->ttl = UINT8_MAX;
	p->os_dhcp = p->os_syn = BH_OS_EMBEDDED;
	memset(p->vendor, 0xfe, sizeof p->vendor - 1);
	memset(p->name, 0xfe, sizeof p->name - 1);
}

static void the_longest_device_fits_its_line(void **state)
{
	struct bh_device d, back;
	struct bh_event_error e;
	char out[BH_DEVICE_TEXT];
	size_t n;

	memset(&d, 0, sizeof d);
	memset(&d.mac, 0xfe, sizeof d.mac);
	d.first = d.last = d.session = d.changed = UINT64_MAX - BH_SEC(2);
	d.conflicts = UINT32_MAX;
	d.status = BH_DEV_RETIRED;
	d.tags = BH_DEV_T_DUALBOOT | BH_DEV_T_SHARED | BH_DEV_T_ROUTER | BH_DEV_T_PXE;
	d.zone = UINT16_MAX - 1;
	d.vlan = UINT16_MAX;
	d.n_addrs = BH_DEV_ADDRS;
	d.carried = 0xff;
	d.at_print = BH_DEV_PRINTS - 1;
	memset(d.addrs, 0xab, sizeof d.addrs);
	for (unsigned i = 0; i < BH_DEV_ADDRS; i++)
		d.addrs[i].b[15] = (uint8_t)(0xa0 + i);
	memset(d.name, 0xfe, sizeof d.name - 1);
	memset(d.calls_itself, 0xfe, sizeof d.calls_itself - 1);
	memset(d.owner, 0xfe, sizeof d.owner - 1);
	memset(d.note, 0xfe, sizeof d.note - 1);
	memset(d.port, 0xfe, sizeof d.port - 1);
	memset(d.usb, 0xfe, sizeof d.usb - 1);
	for (unsigned i = 0; i < BH_DEV_PRINTS; i++)
		fill_print(&d.prints[i]);
	n = bh_device_print(&d, out);
	print_message("# the longest line has %zu bytes\n", n);
	assert_in_range(n, 3000, BH_DEVICE_TEXT - 100);
	assert_int_equal(bh_device_parse(out, n, &back, &e), 0);
	assert_memory_equal(&d, &back, sizeof d);
}

static void what_only_the_table_knows_is_told_and_not_believed(void **state)
{
	static const char says[] = "device 02:00:00:00:00:01 flags=1 zone=3";
	struct bh_device d, back;
	struct bh_event_error e;
	char out[BH_DEVICE_TEXT];

	assert_int_equal(bh_device_parse(says, sizeof says - 1, &d, &e), 0);
	assert_int_equal(d.flags, 0);
	d.flags = BH_DEV_ROUTES;
	d.slot = 7;
	d.newer = d.older = 9;
	bh_device_print(&d, out);
	assert_string_equal(out, says);
	assert_int_equal(bh_device_parse(out, strlen(out), &back, &e), 0);
	assert_int_equal(back.flags | back.slot | back.newer | back.older, 0);
	assert_int_equal(bh_device_parse("device 02:00:00:00:00:01 flags=255", 34, &d, &e), 0);
	assert_int_equal(d.flags, BH_DEV_MET); /* that we told it, the store may say */
	assert_int_equal(bh_device_parse("device 02:00:00:00:00:01", 24, &d, &e), 0);
	assert_int_equal(d.zone, BH_ZONE_NONE); /* the first zone has the number 0 */
}

static void bad_lines_say_where(void **state)
{
	static const struct {
		const char *line;
		unsigned col;
	} bad[] = {
		{"", 1},
		{"host 02:00:00:00:00:01", 1},
		{"device", 1},
		{"device 02:00:00:00:00", 8},
		{"device 00:00:00:00:00:00", 8},
		{"device ff:ff:ff:ff:ff:ff", 8},
		{"device 02:00:00:00:00:01 colour=red", 26},
		{"device 02:00:00:00:00:01 name", 26},
		{"device 02:00:00:00:00:01 vlan=1 vlan=2", 33},
		{"device 02:00:00:00:00:01 vlan=65536", 31},
		{"device 02:00:00:00:00:01 status=maybe", 33},
		{"device 02:00:00:00:00:01 tags=shared,blue", 31},
		{"device 02:00:00:00:00:01 addrs=10.0.0.1,10.0.0.1", 32},
		{"device 02:00:00:00:00:01 addrs=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9", 32},
		{"device 02:00:00:00:00:01 addrs=10.0.0.1 carried=2", 1},
		{"device 02:00:00:00:00:01 at=4", 1},
		{"device 02:00:00:00:00:01 first=1.0000000001", 32},
		{"device 02:00:00:00:00:01 name=\"abc", 26},
		{"device 02:00:00:00:00:01 name=\"0123456789012345678901234567890123\"", 31},
		{"device 02:00:00:00:00:01 print{ttl=64", 38},
		{"device 02:00:00:00:00:01 print{ttl=256}", 36},
		{"device 02:00:00:00:00:01 print{ttl=64 ttl=64}", 39},
		{"device 02:00:00:00:00:01 print{os=bsd}", 35},
		{"device 02:00:00:00:00:01 print{params=1g}", 39},
		{"device 02:00:00:00:00:01 print{opts=1,2,3,4,5,6,7,8,9}", 37},
		{"device 02:00:00:00:00:01 print{clients=0}", 40},
		{"device 02:00:00:00:00:01 print{} print{} print{} print{} print{}", 58},
		{"device 02:00:00:00:00:01 ttl=64", 26},
	};
	struct bh_event_error e;
	struct bh_device d;

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		e.col = 0;
		assert_int_equal(bh_device_parse(bad[i].line, strlen(bad[i].line), &d, &e), 1);
		if (e.col != bad[i].col)
			fail_msg("'%s': column %u, expected %u (%s)", bad[i].line, e.col, bad[i].col, e.text);
	}
}

static void names_are_found_again(void **state)
{
	uint8_t os;

	for (unsigned i = 0; i < BH_OS_COUNT; i++) {
		assert_int_equal(bh_os_parse(bh_os_name(i), strlen(bh_os_name(i)), &os), 0);
		assert_int_equal(os, i);
	}
	assert_int_equal(bh_os_parse("Windows", 7, &os), 0);
	assert_int_equal(bh_os_parse("win", 3, &os), 1);
	assert_string_equal(bh_os_name(BH_OS_COUNT), "unknown");
	assert_string_equal(bh_device_status_name(BH_DEV_KNOWN), "known");
	assert_string_equal(bh_device_tag_name(BH_DEV_T_SHARED), "shared");
	assert_null(bh_device_tag_name(0));
	assert_null(bh_device_tag_name(BH_DEV_T_SHARED | BH_DEV_T_PXE));
	assert_null(bh_device_tag_name(0x80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_lines_parse_and_print_the_same),
		cmocka_unit_test(the_longest_device_fits_its_line),
		cmocka_unit_test(what_only_the_table_knows_is_told_and_not_believed),
		cmocka_unit_test(bad_lines_say_where),
		cmocka_unit_test(names_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
