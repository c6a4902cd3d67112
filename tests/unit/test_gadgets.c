/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/gadget.h>

static struct bh_mac mac(const char *text)
{
	struct bh_mac m;

	assert_int_equal(bh_mac_parse(text, strlen(text), &m), 0);
	return m;
}

static struct bh_addr addr(const char *text)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static int setup(void **state)
{
	*state = bh_gadgets_builtin();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	bh_gadgets_free(*state);
	return 0;
}

/* ---- the list that is carried ---- */

static void every_gadget_is_found_by_its_macs(void **state)
{
	static const struct {
		const char *mac, *name;
	} rows[] = {
		{"48:6f:73:74:50:43", "PoisonTap"}, {"42:61:64:55:53:42", "PoisonTap"}, {"42:63:65:12:34:56", "P4wnP1"},
		{"42:63:65:13:34:56", "P4wnP1"}, {"42:63:65:65:43:21", "P4wnP1"}, {"42:63:65:66:43:21", "P4wnP1"},
		{"42:63:66:12:34:56", "P4wnP1 ALOA"}, {"42:63:65:56:34:12", "P4wnP1 ALOA"}, {"42:63:66:56:34:12", "P4wnP1 ALOA"},
		{"00:11:22:33:44:55", "Bash Bunny"}, {"00:13:37:a5:00:01", "Prefix 00:13:37"},
	};
	const struct bh_gadgets *g = *state;

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct bh_mac m = mac(rows[i].mac);
		const struct bh_mac_prefix *p;

		assert_int_equal(bh_gadgets_mac(g, &m, &p), BH_MACC_GADGET);
		assert_string_equal(p->what, rows[i].name);
		assert_string_equal(g->gadgets[p->gadget - 1].name, rows[i].name);
	}
}

static void the_class_of_a_mac_is_of_its_longest_prefix(void **state)
{
	static const struct {
		const char *mac, *what;
		unsigned cls;
	} rows[] = {
		{"dc:a6:32:01:02:03", "Raspberry Pi", BH_MACC_SBC}, {"d8:3a:dd:01:02:03", "Raspberry Pi", BH_MACC_SBC},
		{"94:83:c4:00:00:01", "GL.iNet", BH_MACC_SBC}, {"24:0a:c4:00:00:01", "Espressif", BH_MACC_SBC},
		{"00:e0:4c:68:00:01", "Realtek", BH_MACC_USB_NIC}, {"f8:e4:3b:00:00:01", "ASIX", BH_MACC_USB_NIC},
		{"60:7d:09:00:00:01", "Luxshare", BH_MACC_USB_NIC}, {"fc:0f:e7:00:00:01", "Microchip", BH_MACC_USB_NIC},
		{"02:42:ac:11:00:02", "Docker", BH_MACC_VIRTUAL}, {"52:54:00:12:34:56", "QEMU", BH_MACC_VIRTUAL},
		{"00:00:5e:00:01:07", "VRRP", BH_MACC_VIRTUAL}, {"00:00:5e:00:02:07", "VRRP for IPv6", BH_MACC_VIRTUAL},
		{"00:00:5e:00:53:07", NULL, BH_MACC_NONE}, {"00:00:0c:07:ac:01", "HSRP", BH_MACC_VIRTUAL},
		{"00:00:0c:9f:f1:23", "HSRP version 2", BH_MACC_VIRTUAL}, {"00:00:0c:9f:e1:23", NULL, BH_MACC_NONE},
		{"00:05:73:a0:0f:ff", "HSRP for IPv6", BH_MACC_VIRTUAL}, {"00:05:73:a0:10:00", NULL, BH_MACC_NONE},
		{"02:bf:0a:00:00:01", "NLB", BH_MACC_VIRTUAL}, {"03:bf:0a:00:00:01", "NLB", BH_MACC_VIRTUAL},
		{"00:1d:d8:b7:1c:00", "VMM", BH_MACC_VIRTUAL}, {"00:1d:d8:00:00:01", NULL, BH_MACC_NONE},
		{"02:43:00:00:00:01", NULL, BH_MACC_RANDOM}, {"f2:00:00:00:00:01", NULL, BH_MACC_RANDOM},
		{"01:00:5e:00:00:01", NULL, BH_MACC_NONE}, {"33:33:00:00:00:01", NULL, BH_MACC_NONE},
		{"ff:ff:ff:ff:ff:ff", NULL, BH_MACC_NONE}, {"00:1b:21:00:00:01", NULL, BH_MACC_NONE}, {"00:00:00:00:00:00", NULL, BH_MACC_NONE},
	};
	const struct bh_gadgets *g = *state;

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct bh_mac m = mac(rows[i].mac);
		const struct bh_mac_prefix *p;
		unsigned cls = bh_gadgets_mac(g, &m, &p);

		if (cls != rows[i].cls || (p != NULL) != (rows[i].what != NULL) || (p && strcmp(p->what, rows[i].what) != 0))
			fail_msg("%s: %s %s", rows[i].mac, bh_mac_class_name(cls), p ? p->what : "-");
	}
}

static void networks_that_are_made_up_are_known(void **state)
{
	static const struct {
		const char *addr, *what;
		bool common;
	} rows[] = {
		{"192.168.42.129", "Android USB", false}, {"192.168.43.7", "Android Wi-Fi", false}, {"192.168.44.1", "Android Bluetooth", false},
		{"172.20.10.2", "iPhone", false}, {"172.20.10.16", "Docker", true}, {"192.168.137.1", "Windows ICS", false},
		{"192.168.2.5", "macOS sharing", false}, {"10.42.0.1", "NetworkManager sharing", false}, {"172.16.24.1", "Shark Jack", false},
		{"172.16.32.1", "Packet Squirrel", false}, {"172.16.42.1", "WiFi Pineapple", false}, {"172.16.64.1", "Bash Bunny", false},
		{"172.16.84.1", "LAN Turtle", false}, {"172.16.0.1", "P4wnP1", false}, {"172.24.0.1", "P4wnP1", false}, {"172.24.1.1", "Docker", true},
		{"172.26.0.1", "P4wnP1", false}, {"1.0.0.1", "PoisonTap", false}, {"172.17.0.2", "Docker", true}, {"172.31.255.1", "Docker", true},
		{"192.168.122.1", "libvirt", true}, {"172.16.1.1", NULL, false}, {"172.32.0.1", NULL, false}, {"1.1.1.1", NULL, false},
		{"fd00::1", NULL, false},
	};
	const struct bh_gadgets *g = *state;

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct bh_addr a = addr(rows[i].addr);
		const struct bh_tether *t = bh_gadgets_net(g, &a);

		if ((t != NULL) != (rows[i].what != NULL) || (t && (strcmp(t->what, rows[i].what) != 0 || t->common != rows[i].common)))
			fail_msg("%s: %s", rows[i].addr, t ? t->what : "-");
	}
}

static void gadgets_are_told_by_what_they_hand_out(void **state)
{
	static const struct {
		const char *given, *server, *name;
		uint32_t lease;
	} rows[] = {
		{"1.0.0.10", "1.0.0.1", "PoisonTap", 600}, {"1.0.0.10", "1.0.0.1", NULL, 3600}, {"1.0.0.10", "1.0.0.1", NULL, 0},
		{"172.16.0.2", "172.16.0.1", "P4wnP1 ALOA", 300}, {"172.16.0.2", "172.16.0.1", "P4wnP1", 7200}, {"172.16.0.6", "172.16.0.1", NULL, 7200},
		{"172.16.64.10", "172.16.64.1", "Bash Bunny", 0}, {"172.16.84.42", "172.16.84.1", "LAN Turtle", 0},
		{"172.16.32.10", "172.16.32.1", "Packet Squirrel", 0}, {"172.16.24.10", "172.16.24.1", "Shark Jack", 0},
		{"172.16.42.10", "172.16.42.1", "WiFi Pineapple", 0}, {"172.16.64.10", "10.0.0.1", NULL, 0}, {"10.0.0.9", "10.0.0.1", NULL, 300},
	};
	const struct bh_gadgets *g = *state;

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct bh_ev_dhcp d = {.type = 2, .lease_s = rows[i].lease, .yiaddr = addr(rows[i].given), .server_id = addr(rows[i].server)};
		const struct bh_gadget *x = bh_gadgets_gives(g, &d);

		if ((x != NULL) != (rows[i].name != NULL) || (x && strcmp(x->name, rows[i].name) != 0))
			fail_msg("%s from %s for %u s: %s", rows[i].given, rows[i].server, rows[i].lease, x ? x->name : "-");
	}
	assert_null(bh_gadgets_gives(g, &(struct bh_ev_dhcp){.type = 1}));
}

static void gadgets_are_told_by_what_they_say_and_by_their_usb_device(void **state)
{
	const struct bh_gadgets *g = *state;
	struct bh_ev_dhcp d = {.type = 1, .hostname = "Shark", .vendor = "udhcp 1.28.4"};

	assert_string_equal(bh_gadgets_asks(g, &d)->name, "Shark Jack");
	bh_strcpy(d.vendor, sizeof d.vendor, "MSFT 5.0"); /* a machine that bears the name */
	assert_null(bh_gadgets_asks(g, &d));
	assert_null(bh_gadgets_asks(g, &(struct bh_ev_dhcp){.type = 1}));
	assert_string_equal(bh_gadgets_usb(g, 0x1d6b, 0x1347)->name, "P4wnP1 ALOA");
	assert_string_equal(bh_gadgets_usb(g, 0x1d6b, 0x0137)->name, "P4wnP1");
	assert_string_equal(bh_gadgets_usb(g, 0x1d6b, 0x0104)->name, "Linux gadget");
	assert_string_equal(bh_gadgets_usb(g, 0x0525, 0xa4a2)->name, "Linux gadget, RNDIS");
	assert_null(bh_gadgets_usb(g, 0, 0));
	assert_null(bh_gadgets_usb(g, 0x1d6b, 0x0002));
}

/* ---- the loader ---- */

static void mistakes_in_gadgets_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text, *says;
		unsigned line, col;
	} bad[] = {
		{"gadgets: {}\n", "version: 1", 1, 1},
		{"version: 2\n", "version 1", 1, 10},
		{"version: 1\ngadget: {}\n", "unknown key 'gadget'", 2, 1},
		{"version: 1\ngadgets: [a]\n", "must be a map", 2, 10},
		{"version: 1\ngadgets:\n  A: {mac: [02:42]}\n", "unknown key 'mac'", 3, 7},
		{"version: 1\ngadgets:\n  A: {}\n", "nothing tells 'A'", 3, 3},
		{"version: 1\ngadgets:\n  A: {lease-max: 5m, usb: 1d6b:0104}\n", "needs 'nets'", 3, 3},
		{"version: 1\ngadgets:\n  A: {usb: 1d6b:104}\n", "1d6b:0104", 3, 12},
		{"version: 1\ngadgets:\n  A: {usb: 1d6g:0104}\n", "1d6b:0104", 3, 12},
		{"version: 1\ngadgets:\n  A: {usb: 0000:0104}\n", "1d6b:0104", 3, 12},
		{"version: 1\ngadgets:\n  A: {nets: [10.0.0.0/8], lease-max: 2d}\n", "1s to 1d", 3, 38},
		{"version: 1\ngadgets:\n  A: {nets: [10.0.0.1/8]}\n", "beyond the prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {nets: [0.0.0.0/0]}\n", "every address", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [02:4]}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: ['02:']}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [02:42:00/14]}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [02:42/17]}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [00/1]}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [02:42:00:00:00:00:00]}\n", "a MAC prefix", 3, 14},
		{"version: 1\ngadgets:\n  A: {macs: [02:42]}\n  B: {macs: [02:42:00/16]}\n", "already 'A'", 4, 14},
		{"version: 1\ngadgets:\n  'a\"': {usb: 1d6b:0104}\n", "printable ASCII", 3, 3},
		{"version: 1\ngadgets:\n  A: {hostname: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\n", "1 to 31", 3, 17},
		{"version: 1\nmacs:\n  random: {A: [02:42]}\n", "single-board, usb-nic or virtual", 3, 3},
		{"version: 1\nmacs:\n  virtual: {A: 02:42}\n", "must be a list", 3, 16},
		{"version: 1\ntethers:\n  A: {net: [10.0.0.0/8]}\n", "unknown key 'net'", 3, 7},
		{"version: 1\ntethers:\n  A: {common: true}\n", "needs 'nets'", 3, 3},
		{"version: 1\ntethers:\n  A: {nets: [10.0.0.0/8], common: yes}\n", "true or false", 3, 35},
		{"version: 1\ntethers:\n  A: {nets: [10.0.0.0/8]}\n  B: {nets: [10.0.0.0/8]}\n", "already 'A'", 4, 14},
		{"version: 1\ntethers:\n  A: {nets: [10.0.0.0/8]}\n  A: {nets: [11.0.0.0/8]}\n", "twice", 4, 3},
	};

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		struct bh_diags d = {0};
		struct bh_gadgets *g = NULL;
		unsigned says = 0;

		if (bh_gadgets_load(bad[i].text, strlen(bad[i].text), &d, &g) != 1)
			fail_msg("accepted: %s", bad[i].text);
		for (size_t k = 0; k < d.n; k++)
			says += strstr(d.v[k].text, bad[i].says) && d.v[k].pos.line == bad[i].line && d.v[k].pos.col == bad[i].col;
		if (!says)
			fail_msg("'%s': %u:%u: %s", bad[i].text, d.n ? d.v[0].pos.line : 0, d.n ? d.v[0].pos.col : 0, d.n ? d.v[0].text : "nothing said");
		bh_diags_fini(&d);
	}
}

static void what_is_wrong_is_printed_with_file_and_line(void **state)
{
	static const char text[] = "version: 1\ntethers:\n  A: {nets: [10.0.0.0/33]}\n";
	struct bh_diags d = {0};
	struct bh_gadgets *g = NULL;
	char buf[512];
	struct bh_text t = bh_text(buf, sizeof buf);

	assert_int_equal(bh_gadgets_load(text, sizeof text - 1, &d, &g), 1);
	bh_diags_print(&d, "g.yaml", text, sizeof text - 1, &t);
	assert_string_equal(buf, "g.yaml:3:14: error: a network looks like 172.16.64.0/24\n    3 |   A: {nets: [10.0.0.0/33]}\n"
				 "      |              ^~~~~~~~~~~\n");
	bh_diags_fini(&d);
}

static void too_many_prefixes_are_an_error(void **state)
{
	static char text[64 + 2049 * 14];
	struct bh_text t = bh_text(text, sizeof text);
	struct bh_diags d = {0};
	struct bh_gadgets *g = NULL;

	bh_put(&t, "version: 1\nmacs: {virtual: {A: [");
	for (unsigned i = 0; i < 2049; i++)
		bh_putf(&t, "02:43:%02x:%02x,\n", i >> 8, i & 0xff);
	bh_put(&t, "]}}\n");
	assert_false(t.truncated);
	assert_int_equal(bh_gadgets_load(text, t.len, &d, &g), 1);
	assert_non_null(strstr(d.v[0].text, "more than 2048"));
	assert_int_equal(d.v[0].pos.line, 2050);
	bh_diags_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_gadget_is_found_by_its_macs),
		cmocka_unit_test(the_class_of_a_mac_is_of_its_longest_prefix),
		cmocka_unit_test(networks_that_are_made_up_are_known),
		cmocka_unit_test(gadgets_are_told_by_what_they_hand_out),
		cmocka_unit_test(gadgets_are_told_by_what_they_say_and_by_their_usb_device),
		cmocka_unit_test(mistakes_in_gadgets_are_named_with_their_place),
		cmocka_unit_test(what_is_wrong_is_printed_with_file_and_line),
		cmocka_unit_test(too_many_prefixes_are_an_error),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
