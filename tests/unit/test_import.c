/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "control/import.h"

struct got {
	char buf[8192];
	struct bh_text t;
	struct bh_import_count n;
};

static void item(void *ctx, const struct bh_import_item *it)
{
	struct got *g = ctx;
	char line[BH_IMPORT_TEXT];

	bh_import_print(it, line);
	bh_putf(&g->t, "%s\n", line);
}

static void wrong(void *ctx, unsigned line, unsigned col, const char *text)
{
	struct got *g = ctx;

	bh_putf(&g->t, "%u:%u: %s\n", line, col, text);
}

static int take(struct got *g, unsigned format, const char *text)
{
	g->t = bh_text(g->buf, sizeof g->buf);
	memset(&g->n, 0, sizeof g->n);
	return bh_import(text, strlen(text), format, &(struct bh_import_sink){item, wrong, g}, &g->n);
}

static void a_table_with_all_columns_in_any_order(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_GUESS, "\xef\xbb\xbfName,MAC,tags,address,owner,note,zone,status,#serial\r\n"
						     "till 2,02:00:00:00:00:01,\"dual-boot, pxe\",\"10.0.0.7 fe80::7\",els,\"says \"\"hello\"\"\",office,known,x\r\n"
						     "\r\n"
						     " , 0200.0000.0002 ,,,,,,retired\r\n"
						     ",,,,,,,,\r\n"
						     "x,02-00-00-00-00-03"), 0);
	assert_string_equal(g.buf,
		"in=\"office\" device 02:00:00:00:00:01 status=known tags=dual-boot,pxe addrs=10.0.0.7,fe80::7 name=\"till 2\" owner=\"els\" note=\"says \\\"hello\\\"\"\n"
		"device 02:00:00:00:00:02 status=retired\n"
		"device 02:00:00:00:00:03 status=known name=\"x\"\n");
	assert_int_equal(g.n.items, 3);
	assert_int_equal(g.n.wrong, 0);
}

static void separators_are_seen_in_the_first_line(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_CSV, "mac;note\n020000000001;\"a;b\"\n"), 0);
	assert_string_equal(g.buf, "device 02:00:00:00:00:01 status=known note=\"a;b\"\n");
	assert_int_equal(take(&g, BH_IMPORT_CSV, "mac\tnote\n020000000001\ta,b\n"), 0);
	assert_string_equal(g.buf, "device 02:00:00:00:00:01 status=known note=\"a,b\"\n");
	assert_int_equal(take(&g, BH_IMPORT_CSV, "mac\n020000000001\n"), 0);
	assert_int_equal(g.n.items, 1);
}

static void bad_cells_say_where_and_what_to_do(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "1:1: no column 'mac'"},
		{"name,owner\n", "1:1: no column 'mac': the first line names the columns"},
		{"mac,stauts\n", "1:5: no column is called 'stauts': mac, address, name"},
		{"mac,name,MAC\n", "1:10: a second column 'MAC'"},
		{"mac\n", "1:1: no device in this list"},
		{"mac,name\n02:00:00:00:00,x\n", "2:1: '02:00:00:00:00' is no MAC address of a device"},
		{"name,mac\nx,ff:ff:ff:ff:ff:ff\n", "2:3: 'ff:ff:ff:ff:ff:ff' is no MAC address of a device"},
		{"name,mac\nx,\n", "2:1: a line without a MAC address"},
		{"mac,address\n020000000001,10.0.0.300\n", "2:14: '10.0.0.300' is no address of a device"},
		{"mac,address\n020000000001,224.0.0.1\n", "2:14: '224.0.0.1' is no address of a device"},
		{"mac,address\n020000000001,1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9\n", "has more than 8 addresses"},
		{"mac,tags\n020000000001,pxe blue\n", "2:14: 'pxe blue' is no tag: dual-boot, shared, router, pxe are"},
		{"mac,status\n020000000001,yes\n", "2:14: 'yes' is no status: new, known, retired are"},
		{"mac,name\n020000000001,0123456789012345678901234567890123\n", "2:14: '0123456789012345678901234567890123' is too long"},
		{"mac,name\n020000000001,\"a\nb\"\n", "has a control character in it"},
		{"mac,name\n020000000001,\"a\"b\n", "2:14: text behind a closing quote"},
		{"mac,name\n020000000001,\"a\n", "2:14: a quote that is not closed"},
		{"mac\n020000000001,x\n", "2:14: more cells than the first line has headings"},
		{"mac\n020000000001\n02:00:00:00:00:01\n", "3:1: this MAC address stands in line 2 already"},
	};
	struct got g;

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		take(&g, BH_IMPORT_CSV, bad[i].text);
		if (!strstr(g.buf, bad[i].says))
			fail_msg("'%s' says '%s', not '%s'", bad[i].text, g.buf, bad[i].says);
	}
}

static void a_bad_line_costs_itself(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_CSV, "mac,name\n020000000001,\"a\"b,c\nnone,x\n020000000002,ok\n"), 0);
	assert_string_equal(g.buf, "2:14: text behind a closing quote: a quote inside quotes is written twice\n3:1: 'none' is no MAC address of a device\ndevice 02:00:00:00:00:02 status=known name=\"ok\"\n");
	assert_int_equal(g.n.wrong, 2);
	assert_int_equal(g.n.items, 1);
}

static void leases_of_dnsmasq(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_GUESS, "1764038400 02:00:00:00:00:01 10.0.0.7 pc-7 01:02:00:00:00:00:01\n"
						     "0 02:00:00:00:00:02 10.0.0.8 * *\n"
						     "0 02:00:00:00:00:01 10.0.0.9 pc-7b *\n"
						     "0 20-00:01:02 10.0.0.10 * *\n"
						     "duid 00:01:00:01:2c\n"
						     "1764038400 12345 fd00::7 pc-7 00:01\n"), 0);
	assert_string_equal(g.buf, "device 02:00:00:00:00:01 status=known addrs=10.0.0.7,10.0.0.9 name=\"pc-7b\"\ndevice 02:00:00:00:00:02 status=known addrs=10.0.0.8\n");
	assert_int_equal(g.n.left_out, 3);
	assert_int_equal(take(&g, BH_IMPORT_DNSMASQ, "1764038400 02:00 10.0.0.7 pc-7 *\nx\n0 02:00:00:00:00:02 10.0.0 * *\n"), 1);
	assert_string_equal(g.buf, "1:12: '02:00' is no MAC address of a device\n2:1: not a lease of dnsmasq: time, MAC, address, name, client id\n3:21: '10.0.0' is no address\n");
}

static void leases_of_isc_count_when_active_and_the_last_of_an_address(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_GUESS, "# The format of this file is documented\nauthoring-byte-order little-endian;\nserver-duid \"\\000\\001;\";\n\n"
						     "lease 10.0.0.7 {\n  starts 2 2025/11/25 04:00:00;\n  binding state active;\n  next binding state free;\n"
						     "  hardware ethernet 02:00:00:00:00:01;\n  uid \"\\001};\";\n  client-hostname \"pc-1\";\n}\n"
						     "lease 10.0.0.7 {\n  binding state active;\n  hardware ethernet 02:00:00:00:00:02;\n}\n"
						     "lease 10.0.0.8 {\n  binding state free;\n  hardware ethernet 02:00:00:00:00:03;\n}\n"
						     "lease 10.0.0.9 {\n  binding state active;\n  hardware ethernet 02:00:00:00:00:02;\n  client-hostname \"pc-2\";\n}\n"
						     "failover peer \"x\" state {\n  my state normal at 1;\n}\n"
						     "lease 10.0.0.10 {\n  binding state abandoned;\n}\n"), 0);
	assert_string_equal(g.buf, "device 02:00:00:00:00:02 status=known addrs=10.0.0.7,10.0.0.9 name=\"pc-2\"\n");
	assert_int_equal(g.n.left_out, 3);
	assert_int_equal(take(&g, BH_IMPORT_GUESS, "subnet 10.0.0.0 netmask 255.255.255.0 {\n option routers 10.0.0.1;\n pool { range 10.0.0.2 10.0.0.9; }\n"
						     " host printer { hardware ethernet 02:00:00:00:00:04; fixed-address 10.0.0.20; }\n}\nhost \"till\" { hardware ethernet 02:00:00:00:00:05; }\n"), 0);
	assert_string_equal(g.buf, "device 02:00:00:00:00:04 status=known addrs=10.0.0.20 name=\"printer\"\ndevice 02:00:00:00:00:05 status=known name=\"till\"\n");
}

static void a_file_cut_in_the_middle_says_so(void **state)
{
	struct got g;

	assert_int_equal(take(&g, BH_IMPORT_ISC, "lease 10.0.0.7 {\n  binding state active;\n  hardware ethernet 02:00:00:00:00:01;\n"), 1);
	assert_string_equal(g.buf, "1:1: this block does not end: is the file whole?\n");
	assert_int_equal(take(&g, BH_IMPORT_ISC, "\nlease x {\n"), 1);
	assert_string_equal(g.buf, "2:7: expected a lease's address and {\n");
	assert_int_equal(take(&g, BH_IMPORT_ISC, "lease 10.0.0.7 {\n hardware ethernet 02:00;\n}\n"), 1);
	assert_string_equal(g.buf, "2:20: '02:00' is no MAC address of a device\n");
}

static void formats_are_told_by_their_content(void **state)
{
	assert_int_equal(bh_import_guess("mac,name\n", 9), BH_IMPORT_CSV);
	assert_int_equal(bh_import_guess("host,mac\n", 9), BH_IMPORT_CSV);
	assert_int_equal(bh_import_guess("\n# c\nlease 10.0.0.1 {", 21), BH_IMPORT_ISC);
	assert_int_equal(bh_import_guess("0 02:00:00:00:00:01 10.0.0.1 * *", 32), BH_IMPORT_DNSMASQ);
	assert_int_equal(bh_import_guess("duid 00:01\n", 11), BH_IMPORT_DNSMASQ);
	assert_int_equal(bh_import_guess("", 0), BH_IMPORT_CSV);
	assert_string_equal(bh_import_format_name(BH_IMPORT_ISC), "isc");
}

static void a_long_list_is_read_and_one_too_long_is_not(void **state)
{
	size_t cap = 2u << 20, n = 4;
	char *text = malloc(cap);
	struct got *g = calloc(1, sizeof *g);

	memcpy(text, "mac\n", 4);
	for (unsigned i = 0; i < BH_IMPORT_MAX; i++)
		n += (size_t)snprintf(text + n, cap - n, "02:00:00:%02x:%02x:%02x\n", i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
	assert_int_equal(take(g, BH_IMPORT_CSV, text), 0);
	assert_int_equal(g->n.items, BH_IMPORT_MAX);
	n += (size_t)snprintf(text + n, cap - n, "02:ff:00:00:00:00\n");
	assert_int_equal(take(g, BH_IMPORT_CSV, text), 1);
	assert_non_null(strstr(g->buf, "65538:1: more than 65536 devices"));
	free(text);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_with_all_columns_in_any_order),
		cmocka_unit_test(separators_are_seen_in_the_first_line),
		cmocka_unit_test(bad_cells_say_where_and_what_to_do),
		cmocka_unit_test(a_bad_line_costs_itself),
		cmocka_unit_test(leases_of_dnsmasq),
		cmocka_unit_test(leases_of_isc_count_when_active_and_the_last_of_an_address),
		cmocka_unit_test(a_file_cut_in_the_middle_says_so),
		cmocka_unit_test(formats_are_told_by_their_content),
		cmocka_unit_test(a_long_list_is_read_and_one_too_long_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
