/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon/border.h"

#define NOW BH_HOUR(1000)

static struct bh_shm *rings(unsigned workers)
{
	struct bh_shm *s = aligned_alloc(64, (bh_shm_bytes(workers) + 63) & ~(size_t)63);

	assert_non_null(s);
	memset(s, 0, bh_shm_bytes(workers));
	for (unsigned i = 0; i < workers; i++)
		bh_ring_init(bh_shm_ring(s, i), BH_SHM_SLOTS, sizeof(struct bh_event));
	return s;
}

static bool through(struct bh_ring *r, const struct bh_event *in, struct bh_event *ret_out)
{
	bh_ns at;

	assert_true(bh_ring_push(r, in));
	assert_true(bh_border_peek(r, &at));
	assert_int_equal(at, in->at);
	return bh_border_take(r, NOW, ret_out);
}

static void an_honest_event_passes_unchanged(void **state)
{
	struct bh_shm *s = rings(1);
	struct bh_event ev = {.at = NOW, .kind = BH_EV_SMB, .u.smb = {.op = BH_SMB_RENAME, .name = "a", .name2 = "b"}}, out;
	bh_ns at;

	assert_true(through(bh_shm_ring(s, 0), &ev, &out));
	assert_memory_equal(&ev, &out, sizeof ev);
	assert_false(bh_border_peek(bh_shm_ring(s, 0), &at));
	free(s);
}

/* under ASan a read outside the mapping would end the test */
static void a_scribbled_ring_header_reads_nothing_outside(void **state)
{
	struct bh_shm *s = rings(2);
	struct bh_ring *r = bh_shm_ring(s, 1);
	struct bh_event out;
	bh_ns at;

	r->slots = UINT32_MAX;
	r->rec_bytes = UINT32_MAX;
	for (uint32_t x = 1; x; x = x << 1 | (x >> 3 & 1)) {
		atomic_store(&r->head, ~x);
		atomic_store(&r->tail, x);
		assert_true(bh_border_peek(r, &at));
		(void)bh_border_take(r, NOW, &out);
		if (x >> 31)
			break;
	}
	free(s);
}

static void random_bytes_come_out_as_bounded_events_or_not_at_all(void **state)
{
	struct bh_shm *s = rings(1);
	uint64_t x = 88172645463325252ull;
	unsigned passed = 0;

	for (unsigned i = 0; i < 200000; i++) {
		char line[BH_EVENT_TEXT];
		struct bh_event ev, out, back;
		struct bh_event_error e;

		for (size_t k = 0; k < sizeof ev; k += 8) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			memcpy((uint8_t *)&ev + k, &x, sizeof ev - k < 8 ? sizeof ev - k : 8);
		}
		ev.kind = (uint8_t)(x % (BH_EV_KINDS + 2));
		if (i & 1) { /* close enough to an event to get past the first numbers */
			ev.at = NOW - (x >> 40);
			ev.app %= BH_APP_COUNT;
			ev.outcome %= BH_OUT_COUNT;
			ev.flow_id >>= 11;
			if (i & 2) {
				ev.u.dhcp.type %= 9;
				ev.u.dhcp.n_opts %= BH_DHCP_OPTS + 1;
			}
		}
		if (!through(bh_shm_ring(s, 0), &ev, &out))
			continue;
		passed++;
		assert_in_range(out.kind, BH_EV_FLOW_NEW, BH_EV_GAP);
		assert_true(out.at <= NOW + BH_SEC(2));
		(void)!bh_event_parse(line, bh_event_print(&out, line), &back, &e);
	}
	assert_true(passed > 1000);
	free(s);
}

static void what_is_not_the_sensors_to_say_is_dropped(void **state)
{
	struct bh_shm *s = rings(1);
	static const uint8_t not_its[] = {BH_EV_NONE, BH_EV_TICK, BH_EV_COMMAND, BH_EV_KERNEL, BH_EV_KINDS, 255};
	struct bh_event out;

	for (size_t i = 0; i < BH_COUNT(not_its); i++)
		assert_false(through(bh_shm_ring(s, 0), &(struct bh_event){.at = NOW, .kind = not_its[i]}, &out));
	assert_false(through(bh_shm_ring(s, 0), &(struct bh_event){.at = NOW + BH_SEC(3), .kind = BH_EV_ARP}, &out));
	assert_true(through(bh_shm_ring(s, 0), &(struct bh_event){.at = 0, .kind = BH_EV_ARP}, &out));
	free(s);
}

/* a kind forgotten here is one the live daemon never hears of, while replay does */
static void every_kind_a_dissector_makes_passes(void **state)
{
	struct bh_shm *s = rings(1);
	struct bh_event out;

	for (unsigned kind = BH_EV_FLOW_NEW; kind <= BH_EV_GAP; kind++)
		assert_int_equal(through(bh_shm_ring(s, 0), &(struct bh_event){.at = NOW, .kind = (uint8_t)kind}, &out), kind != BH_EV_USB);
	free(s);
}

/* all bytes are set: numbers that choose something are refused, what is left is text that ends inside its field */
static void no_kind_passes_with_text_that_runs_on(void **state)
{
	static const struct bh_event wrong[] = {
		{.at = NOW, .kind = BH_EV_RPC, .u.rpc.op = BH_RPC_OPS},
		{.at = NOW, .kind = BH_EV_RPC, .u.rpc.via = BH_VIA_COUNT},
		{.at = NOW, .kind = BH_EV_LOGON, .u.logon.via = BH_LOGON_VIAS},
		{.at = NOW, .kind = BH_EV_LOGON, .u.logon.mech = BH_MECH_COUNT},
		{.at = NOW, .kind = BH_EV_LOGON, .u.logon.result = BH_LOGON_RESULTS},
		{.at = NOW, .kind = BH_EV_LDAP, .u.ldap.op = BH_LDAP_OPS},
		{.at = NOW, .kind = BH_EV_DHCP, .u.dhcp.type = 9},
		{.at = NOW, .kind = BH_EV_DHCP, .u.dhcp = {.type = 14, .flags = BH_DHCP_F_V6}},
		{.at = NOW, .kind = BH_EV_RA, .u.ra.op = BH_RA_OPS},
		{.at = NOW, .kind = BH_EV_RA, .u.ra.prefix_bits = 129},
		{.at = NOW, .kind = BH_EV_NAME, .u.name.via = BH_NAME_VIAS},
		{.at = NOW, .kind = BH_EV_NAME, .u.name.op = BH_NAME_OPS},
		{.at = NOW, .kind = BH_EV_LINK, .u.link.via = BH_LINK_VIAS},
		{.at = NOW, .kind = BH_EV_USB, .u.usb = {.op = 1, .via = 1}}, /* the intake's, not the sensor's */
	};
	struct bh_shm *s = rings(1);
	char line[BH_EVENT_TEXT];
	struct bh_event ev, out;

	for (unsigned kind = BH_EV_FLOW_NEW; kind <= BH_EV_GAP; kind++) {
		memset(&ev, 0, sizeof ev);
		memset(&ev.u, 'x', sizeof ev.u);
		ev.at = NOW;
		ev.kind = (uint8_t)kind;
		if (kind == BH_EV_RPC)
			ev.u.rpc.op = ev.u.rpc.via = 1;
		else if (kind == BH_EV_LOGON)
			ev.u.logon.via = ev.u.logon.mech = ev.u.logon.result = 1;
		else if (kind == BH_EV_LDAP)
			ev.u.ldap.op = 1;
		else if (kind == BH_EV_RA)
			ev.u.ra.op = ev.u.ra.prefix_bits = 1;
		else if (kind == BH_EV_NAME)
			ev.u.name.op = ev.u.name.via = 1;
		else if (kind == BH_EV_LINK)
			ev.u.link.via = 1;
		else if (kind == BH_EV_USB)
			continue;
		else if (kind < BH_EV_RPC)
			continue;
		if (kind == BH_EV_GAP) {
			assert_false(through(bh_shm_ring(s, 0), &ev, &out));
			continue;
		}
		assert_true(through(bh_shm_ring(s, 0), &ev, &out));
		assert_true(bh_event_print(&out, line) < sizeof line);
	}
	for (size_t i = 0; i < BH_COUNT(wrong); i++)
		assert_false(through(bh_shm_ring(s, 0), &wrong[i], &out));
	free(s);
}

static void strings_without_an_end_get_one(void **state)
{
	struct bh_shm *s = rings(1);
	struct bh_event ev = {.at = NOW, .kind = BH_EV_SMB, .u.smb.op = BH_SMB_CLOSE}, out;

	memset(ev.u.smb.user, 'u', sizeof ev.u.smb.user + sizeof ev.u.smb.share + sizeof ev.u.smb.name + sizeof ev.u.smb.name2);
	assert_true(through(bh_shm_ring(s, 0), &ev, &out));
	assert_int_equal(strlen(out.u.smb.user), sizeof out.u.smb.user - 1);
	assert_int_equal(strlen(out.u.smb.share), sizeof out.u.smb.share - 1);
	assert_int_equal(strlen(out.u.smb.name), sizeof out.u.smb.name - 1);
	assert_int_equal(strlen(out.u.smb.name2), sizeof out.u.smb.name2 - 1);
	free(s);
}

static void the_intake_may_tell_of_usb_devices_and_of_nothing_else(void **state)
{
	struct bh_shm *s = rings(1);
	struct bh_ring *r = bh_shm_ring(s, 0);
	struct bh_event ev = {.at = NOW, .kind = BH_EV_USB, .pkt = 7, .flow_id = 9, .flags = 0xff, .mac_src = {{2, 0, 0, 0, 0, 1}}}, out;

	memset(&ev.u.usb, 'x', sizeof ev.u.usb);
	ev.u.usb.op = ev.u.usb.via = 1;
	assert_true(bh_ring_push(r, &ev));
	assert_true(bh_border_take_usb(r, NOW, &out));
	assert_int_equal(strlen(out.u.usb.product), sizeof out.u.usb.product - 1);
	assert_true(!out.pkt && !out.flow_id && bh_mac_none(&out.mac_src));
	assert_int_equal(out.flags, BH_EVF_UNTRUSTED);
	ev.flags = 0;
	ev.u.usb.via = BH_USB_SYSLOG;
	assert_true(bh_ring_push(r, &ev));
	assert_true(bh_border_take_usb(r, NOW, &out));
	assert_int_equal(out.flags, BH_EVF_UNTRUSTED);
	for (unsigned kind = 0; kind < 256; kind++) {
		ev.kind = (uint8_t)kind;
		assert_true(bh_ring_push(r, &ev));
		assert_int_equal(bh_border_take_usb(r, NOW, &out), kind == BH_EV_USB);
	}
	ev.kind = BH_EV_USB;
	for (unsigned i = 0; i < 5; i++) {
		struct bh_event odd = ev;

		odd.u.usb.op = i == 0 ? 0 : i == 1 ? BH_USB_OPS : 1;
		odd.u.usb.via = i == 2 ? 0 : i == 3 ? BH_USB_VIAS : 1;
		odd.at = i == 4 ? NOW + BH_SEC(60) : NOW;
		assert_true(bh_ring_push(r, &odd));
		assert_false(bh_border_take_usb(r, NOW, &out));
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_intake_may_tell_of_usb_devices_and_of_nothing_else),
		cmocka_unit_test(an_honest_event_passes_unchanged),
		cmocka_unit_test(a_scribbled_ring_header_reads_nothing_outside),
		cmocka_unit_test(random_bytes_come_out_as_bounded_events_or_not_at_all),
		cmocka_unit_test(what_is_not_the_sensors_to_say_is_dropped),
		cmocka_unit_test(every_kind_a_dissector_makes_passes),
		cmocka_unit_test(no_kind_passes_with_text_that_runs_on),
		cmocka_unit_test(strings_without_an_end_get_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
