/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "state/device.h"

static struct bh_mac mac_of(uint32_t n)
{
	return (struct bh_mac){{2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static struct bh_devices *table(uint32_t cap)
{
	struct bh_devices *t = NULL;

	assert_int_equal(bh_devices_open(cap, 7, &t), 0);
	return t;
}

static void sixty_four_thousand_devices_fit_in_64_mib(void **state)
{
	struct bh_devices *t = table(0);
	struct bh_device_counters n;

	for (uint32_t i = 1; i <= 65536; i++) {
		struct bh_mac m = mac_of(i);

		assert_non_null(bh_devices_touch(t, &m, BH_SEC(i)));
	}
	bh_devices_counters(t, &n);
	assert_int_equal(n.devices, 65536);
	assert_int_equal(n.evicted, 0);
	assert_true(n.bytes <= 64u << 20);
	bh_devices_close(t);
}

static void a_million_invented_addresses_evict_nobody_who_is_known_or_has_spoken(void **state)
{
	struct bh_devices *t = table(4096);
	struct bh_device_counters n;
	struct bh_mac m;

	for (uint32_t i = 0; i < 1000; i++) {
		struct bh_device *d;

		m = mac_of(i);
		d = bh_devices_touch(t, &m, BH_SEC(1));
		if (i < 500)
			bh_devices_known(t, d, BH_DEV_KNOWN);
		else
			bh_devices_flag(t, d, BH_DEV_SPOKE, true);
	}
	for (uint32_t i = 0; i < 1000000; i++) {
		m = mac_of(1000000 + i);
		assert_non_null(bh_devices_touch(t, &m, BH_SEC(2) + i));
	}
	for (uint32_t i = 0; i < 1000; i++) {
		m = mac_of(i);
		assert_non_null(bh_devices_find(t, &m));
	}
	bh_devices_counters(t, &n);
	assert_int_equal(n.devices, 4096);
	assert_int_equal(n.known, 500);
	assert_int_equal(n.evicted, 1000000 + 1000 - 4096);
	bh_devices_close(t);
}

static void when_the_known_fill_the_table_strangers_are_refused_and_counted(void **state)
{
	struct bh_devices *t = table(64);
	struct bh_device_counters n;
	struct bh_mac m;

	for (uint32_t i = 0; i < 64; i++) {
		m = mac_of(i + 1);
		bh_devices_known(t, bh_devices_touch(t, &m, BH_SEC(1)), BH_DEV_KNOWN);
	}
	m = mac_of(1000);
	assert_null(bh_devices_touch(t, &m, BH_SEC(2)));
	bh_devices_counters(t, &n);
	assert_int_equal(n.refused, 1);
	bh_devices_close(t);
}

static void groups_and_nobody_are_no_devices(void **state)
{
	struct bh_devices *t = table(64);
	struct bh_mac group = {{1, 0, 0x5e, 0, 0, 1}}, none = {{0}};

	assert_null(bh_devices_touch(t, &group, 1));
	assert_null(bh_devices_touch(t, &none, 1));
	bh_devices_close(t);
}

static void what_is_put_in_keeps_what_was_seen_and_takes_what_people_said(void **state)
{
	struct bh_devices *t = table(64);
	struct bh_device in = {.mac = mac_of(5), .status = BH_DEV_KNOWN, .zone = BH_ZONE_NONE, .first = BH_SEC(1), .last = BH_SEC(2), .name = "pc-5"};
	struct bh_device *d = bh_devices_touch(t, &in.mac, BH_HOUR(1));

	d->changed = BH_HOUR(1);
	bh_strcpy(d->calls_itself, sizeof d->calls_itself, "LAPTOP");
	assert_true(bh_devices_put(t, &in));
	assert_string_equal(d->name, "pc-5");
	assert_string_equal(d->calls_itself, "LAPTOP");
	assert_int_equal(d->first, BH_SEC(1));
	assert_int_equal(d->last, BH_HOUR(1));
	assert_int_equal(d->status, BH_DEV_KNOWN);
	assert_int_equal(bh_devices_known_in(t, BH_ZONE_NONE), 1);
	bh_devices_zone(t, d, 3);
	assert_int_equal(bh_devices_known_in(t, BH_ZONE_NONE), 0);
	assert_int_equal(bh_devices_known_in(t, 3), 1);
	bh_devices_close(t);
}

static struct bh_addr six(uint8_t n)
{
	return (struct bh_addr){{0x20, 1, 0xd, 0xb8, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0xa, n}};
}

static struct bh_addr four(uint8_t n)
{
	return (struct bh_addr){{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 0, n}};
}

static void of_ipv6_addresses_the_one_carried_longest_ago_gives_way_and_they_make_no_router(void **state)
{
	struct bh_device d = {.zone = BH_ZONE_NONE};
	struct bh_addr a = four(1);

	assert_true(bh_device_carry(&d, &a, BH_SEC(1), true));
	for (uint8_t n = 0; n < 30; n++) {
		a = six(n);
		assert_true(bh_device_carry(&d, &a, BH_SEC(2 + n), true));
		a = six(0); /* the one that lasts */
		assert_true(bh_device_carry(&d, &a, BH_SEC(2 + n), true));
	}
	assert_int_equal(d.n_addrs, BH_DEV_ADDRS);
	assert_int_equal(d.carried, 0xff);
	a = four(1);
	assert_true(bh_device_has(&d, &a));
	a = six(0);
	assert_true(bh_device_has(&d, &a));
	for (uint8_t n = 24; n < 30; n++) {
		a = six(n);
		assert_true(bh_device_has(&d, &a));
	}
	for (uint8_t n = 2; n <= 8; n++) {
		a = four(n);
		assert_true(bh_device_carry(&d, &a, BH_MIN(1), true));
	}
	a = six(31); /* eight of IPv4 are kept: it finds no place, and takes none from them */
	assert_true(bh_device_carry(&d, &a, BH_MIN(1), true));
	assert_false(bh_device_has(&d, &a));
	a = four(9);
	assert_false(bh_device_carry(&d, &a, BH_MIN(1), true));
	assert_int_equal(d.flags, BH_DEV_ROUTES);
}

static void a_claim_keeps_out_no_address_that_frames_carry_and_the_bits_go_with_their_addresses(void **state)
{
	struct bh_device d = {.zone = BH_ZONE_NONE};
	struct bh_addr a;

	for (uint8_t n = 0; n < BH_DEV_ADDRS; n++) {
		a = six(n);
		assert_true(bh_device_carry(&d, &a, BH_SEC(1), false));
	}
	a = six(3);
	assert_true(bh_device_carry(&d, &a, BH_SEC(2), true));
	for (unsigned i = 0; i < BH_DEV_ADDRS; i++)
		assert_int_equal(d.carried >> i & 1, bh_addr_eq(&d.addrs[i], &a));
	a = six(9);
	assert_true(bh_device_carry(&d, &a, BH_SEC(2), false));
	assert_false(bh_device_has(&d, &a));
	assert_true(bh_device_carry(&d, &a, BH_SEC(2), true));
	assert_true(bh_device_has(&d, &a));
	a = six(3);
	assert_true(bh_device_has(&d, &a));
	assert_int_equal(__builtin_popcount(d.carried), 2);
}

/* ---- prints ---- */
static struct bh_event asks(bh_ns at, const char *vendor, const char *name, uint8_t first_param)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_DHCP, .u.dhcp = {.type = 1, .params = {first_param, 3, 6, 15, 31, 33, 43, 44, 46, 47}}};

	bh_strcpy(ev.u.dhcp.vendor, sizeof ev.u.dhcp.vendor, vendor);
	bh_strcpy(ev.u.dhcp.hostname, sizeof ev.u.dhcp.hostname, name);
	return ev;
}

static struct bh_event opens(bh_ns at, bool windows)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_FLOW_NEW, .proto = 6, .ttl = windows ? 128 : 64};

	ev.u.flow.syn = windows ? (struct bh_syn){.window = 64240, .mss = 1460, .wscale = 9, .df = 1, .opts = {2, 1, 3, 1, 1, 4}} :
				  (struct bh_syn){.window = 64240, .mss = 1460, .wscale = 8, .df = 1, .opts = {2, 4, 8, 1, 3}};
	return ev;
}

static int32_t drift_now(const struct bh_device *d)
{
	const struct bh_print *is = &d->prints[d->at_print];
	struct bh_text none = bh_text(NULL, 0);
	int32_t least = INT32_MAX;

	for (unsigned i = 0; i < BH_DEV_PRINTS; i++)
		if (i != d->at_print && d->prints[i].first) {
			int32_t x = bh_print_drift(&d->prints[i], is, &none);

			least = x < least ? x : least;
		}
	return least == INT32_MAX ? 0 : least;
}

static void the_same_laptop_every_morning_is_one_print(void **state)
{
	struct bh_device d = {.mac = mac_of(1)};
	bool begun;

	for (unsigned day = 0; day < 5; day++) {
		struct bh_event a = asks(BH_HOUR(24 * day + 8), "MSFT 5.0", "PC-7", 1), b = opens(BH_HOUR(24 * day + 8) + BH_SEC(3), true);

		bh_device_shows(&d, &a, false, &begun);
		assert_true(begun);
		bh_device_shows(&d, &b, true, &begun);
		assert_false(begun);
		assert_int_equal(drift_now(&d), 0);
	}
	assert_int_equal(d.prints[0].seen, 5);
	assert_int_equal(d.prints[1].first, 0);
	assert_int_equal(d.prints[0].os_dhcp, BH_OS_WINDOWS);
	assert_int_equal(d.prints[0].os_syn, BH_OS_WINDOWS);
}

static void another_system_on_the_same_address_and_name_is_seen_at_its_first_request(void **state)
{
	struct bh_event a = asks(BH_HOUR(8), "MSFT 5.0", "PC-7", 1), b = asks(BH_HOUR(9), "udhcp 1.35.0", "pc-7", 28);
	struct bh_device d = {.mac = mac_of(1)};
	char what[200];
	struct bh_text t = bh_text(what, sizeof what);
	bool begun;

	bh_device_shows(&d, &a, false, &begun);
	bh_device_shows(&d, &b, false, &begun);
	assert_true(begun);
	assert_int_equal(bh_print_drift(&d.prints[0], &d.prints[1], &t), 250);
	assert_string_equal(what, "system linux, was windows, DHCP client 'udhcp 1.35.0', was 'MSFT 5.0'");
}

static void a_clone_that_copies_the_request_is_seen_at_its_first_connection(void **state)
{
	struct bh_event a = asks(BH_HOUR(8), "MSFT 5.0", "PC-7", 1), b = opens(BH_HOUR(8) + BH_SEC(1), true);
	struct bh_event c = asks(BH_HOUR(9), "MSFT 5.0", "PC-7", 1), e = opens(BH_HOUR(9) + BH_SEC(1), false);
	struct bh_device d = {.mac = mac_of(1)};
	bool begun;

	bh_device_shows(&d, &a, false, &begun);
	bh_device_shows(&d, &b, true, &begun);
	bh_device_shows(&d, &c, false, &begun);
	assert_int_equal(drift_now(&d), 0);
	bh_device_shows(&d, &e, true, &begun);
	assert_true(begun);
	assert_int_equal(drift_now(&d), 220);
}

static void firmware_that_boots_from_the_network_contradicts_nobody(void **state)
{
	struct bh_event a = asks(BH_HOUR(8), "MSFT 5.0", "PC-7", 1), b = asks(BH_HOUR(9), "PXEClient:Arch:00007", "", 2), c = asks(BH_HOUR(9) + BH_MIN(1), "MSFT 5.0", "PC-7", 1);
	struct bh_device d = {.mac = mac_of(1)};
	bool begun;

	bh_device_shows(&d, &a, false, &begun);
	bh_device_shows(&d, &b, false, &begun);
	assert_int_equal(drift_now(&d), 0);
	bh_device_shows(&d, &c, false, &begun);
	assert_int_equal(drift_now(&d), 0);
	assert_int_equal(d.at_print, 0);
}

static void routed_and_forged_time_to_live_says_nothing(void **state)
{
	struct bh_event a = opens(BH_HOUR(8), true), b = opens(BH_HOUR(8) + BH_SEC(1), false);
	struct bh_device d = {.mac = mac_of(1)};
	bool begun;

	bh_device_shows(&d, &a, true, &begun);
	b.ttl = 63;
	assert_false(bh_device_shows(&d, &b, true, &begun));
	b.ttl = 64;
	assert_false(bh_device_shows(&d, &b, false, &begun)); /* another's address */
	assert_int_equal(drift_now(&d), 0);
}

static void a_machine_bridged_behind_its_hosts_mac_is_not_the_host_changed(void **state)
{
	struct bh_event a = opens(BH_HOUR(8), true), b = opens(BH_HOUR(8) + BH_SEC(1), false);
	struct bh_device d = {.mac = mac_of(1)};
	bool begun;

	a.src = bh_addr_v4((const uint8_t[4]){10, 0, 0, 1});
	b.src = bh_addr_v4((const uint8_t[4]){10, 0, 0, 2});
	bh_device_shows(&d, &a, true, &begun);
	bh_device_shows(&d, &b, true, &begun);
	assert_false(begun);
	assert_int_equal(drift_now(&d), 0);
	assert_int_equal(d.prints[d.at_print].os_syn, BH_OS_WINDOWS);
}

static void devices_without_an_address_are_named_by_the_one_their_mac_makes(void **state)
{
	struct bh_mac m = {{0x48, 0x6f, 0x73, 0x74, 0x50, 0x43}};
	struct bh_addr a = bh_addr_of_mac(&m);
	char text[BH_ADDR_TEXT];

	assert_string_equal(bh_addr_print(&a, text), "fe80::4a6f:73ff:fe74:5043");
}

static void requests_somebody_makes_up_push_out_no_session_in_which_a_connection_was_answered(void **state)
{
	struct bh_device d = {.mac = mac_of(1)};
	struct bh_event ev = asks(BH_SEC(100), "MSFT 5.0", "pc-9", 1);
	unsigned proven = 0;
	bool begun;

	bh_device_shows(&d, &ev, false, &begun);
	ev = opens(BH_SEC(101), true);
	bh_device_shows(&d, &ev, true, &begun);
	ev = (struct bh_event){.at = BH_SEC(101), .kind = BH_EV_FLOW_OUTCOME, .proto = 6, .ttl = 64, .outcome = BH_OUT_SUCCESS, .flags = BH_EVF_TWOWAY};
	assert_false(bh_device_shows(&d, &ev, true, &begun)); /* another system's */
	ev.ttl = 128;
	assert_false(bh_device_shows(&d, &ev, false, &begun)); /* not from its own address */
	assert_true(bh_device_shows(&d, &ev, true, &begun));
	assert_false(bh_device_shows(&d, &ev, true, &begun)); /* once */
	for (uint8_t i = 0; i < 9; i++) {
		char vendor[] = {'x', (char)('a' + i), 0};

		ev = asks(BH_HOUR(1 + i), vendor, "pc-9", (uint8_t)(40 + i));
		bh_device_shows(&d, &ev, false, &begun);
		assert_true(begun);
	}
	for (unsigned i = 0; i < BH_DEV_PRINTS; i++)
		proven += (d.prints[i].told & BH_PRINT_PROVEN) != 0 && strcmp(d.prints[i].vendor, "MSFT 5.0") == 0;
	assert_int_equal(proven, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_thousand_devices_fit_in_64_mib),
		cmocka_unit_test(a_million_invented_addresses_evict_nobody_who_is_known_or_has_spoken),
		cmocka_unit_test(when_the_known_fill_the_table_strangers_are_refused_and_counted),
		cmocka_unit_test(groups_and_nobody_are_no_devices),
		cmocka_unit_test(what_is_put_in_keeps_what_was_seen_and_takes_what_people_said),
		cmocka_unit_test(of_ipv6_addresses_the_one_carried_longest_ago_gives_way_and_they_make_no_router),
		cmocka_unit_test(a_claim_keeps_out_no_address_that_frames_carry_and_the_bits_go_with_their_addresses),
		cmocka_unit_test(the_same_laptop_every_morning_is_one_print),
		cmocka_unit_test(another_system_on_the_same_address_and_name_is_seen_at_its_first_request),
		cmocka_unit_test(a_clone_that_copies_the_request_is_seen_at_its_first_connection),
		cmocka_unit_test(firmware_that_boots_from_the_network_contradicts_nobody),
		cmocka_unit_test(routed_and_forged_time_to_live_says_nothing),
		cmocka_unit_test(a_machine_bridged_behind_its_hosts_mac_is_not_the_host_changed),
		cmocka_unit_test(devices_without_an_address_are_named_by_the_one_their_mac_makes),
		cmocka_unit_test(requests_somebody_makes_up_push_out_no_session_in_which_a_connection_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
