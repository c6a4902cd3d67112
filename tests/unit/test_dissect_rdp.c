/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_rdp;

static const char request[] = "\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=alice\r\n\1\0\x08\0\3\0\0\0";
static const char confirm[] = "\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\x1f\x08\0\2\0\0\0";
static const char failure[] = "\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\x08\0\5\0\0\0";
#define SAY(r, dir, text) rig_say(r, dir, text, sizeof(text) - 1)

static void tls(struct rig *r, unsigned dir, size_t n)
{
	uint8_t *p = calloc(1, n);

	p[0] = 0x16;
	p[1] = 3;
	rig_say(r, dir, p, n);
	free(p);
}

static void the_confirm_tells_who_asked_for_what_and_what_was_chosen(void **state)
{
	for (size_t step = 1; step < sizeof request; step += 7) {
		struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

		rig_split(r, 0, request, sizeof request - 1, step);
		assert_int_equal(r->n, 0);
		rig_split(r, 1, confirm, sizeof confirm - 1, step);
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].kind, BH_EV_RDP);
		assert_int_equal(r->ev[0].u.rdp.asked, 3);
		assert_int_equal(r->ev[0].u.rdp.chosen, 2);
		assert_int_equal(r->ev[0].u.rdp.refused, 0);
		assert_string_equal(r->ev[0].u.rdp.cookie, "alice");
		assert_int_equal(r->ev[0].flags, BH_EVF_TWOWAY);
		rig_end(r);
		assert_int_equal(r->n, 1); /* TLS was not begun */
		rig_close(r);
	}
}

static void a_refusal_is_told_with_its_code_and_is_no_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

	SAY(r, 0, request);
	SAY(r, 1, failure);
	rig_end(r);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.rdp.refused, 1);
	assert_int_equal(r->ev[0].u.rdp.chosen, 5);
	rig_close(r);
}

static void closed_soon_with_little_said_is_a_failed_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

	SAY(r, 0, request);
	SAY(r, 1, confirm);
	tls(r, 0, 300);
	tls(r, 1, 1300);
	tls(r, 0, 400);
	tls(r, 1, 100);
	assert_int_equal(r->n, 1);
	rig_end(r);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].kind, BH_EV_LOGON);
	assert_int_equal(r->ev[1].u.logon.via, BH_LOGON_RDP);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_FAILED);
	assert_string_equal(r->ev[1].u.logon.user, "alice");
	rig_close(r);
}

static void a_session_that_paints_is_a_logon(void **state)
{
	for (unsigned slow = 0; slow < 2; slow++) {
		struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

		SAY(r, 0, request);
		SAY(r, 1, confirm);
		tls(r, 0, 300);
		if (slow)
			r->at += BH_SEC(3);
		for (unsigned i = 0; i < 40; i++)
			tls(r, 1, 1400);
		assert_int_equal(r->n, slow ? 2 : 1);
		if (slow)
			assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
		rig_end(r);
		assert_int_equal(r->n, slow ? 2 : 1);
		rig_close(r);
	}
}

static void closed_later_or_after_more_nothing_is_claimed(void **state)
{
	struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

	SAY(r, 0, request);
	SAY(r, 1, confirm);
	tls(r, 0, 300);
	r->at += BH_SEC(3);
	tls(r, 1, 1300);
	rig_end(r);
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void any_port_is_found_by_its_first_bytes(void **state)
{
	struct rig *r = rig_open(&bh_dissector_rdp, 13389, false);
	struct bh_packet k = {.what = BH_WHAT_TCP, .sport = 1, .dport = 2, .payload = (const uint8_t *)request, .payload_len = sizeof request - 1};

	assert_true(bh_dissector_rdp.wants(&k, 0));
	k.payload_len = 18;
	assert_false(bh_dissector_rdp.wants(&k, 0));
	assert_true(bh_dissector_rdp.wants(&k, BH_APP_RDP));
	rig_close(r);
}

static void joined_late_over_a_gap_or_one_sided_it_claims_nothing(void **state)
{
	struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);

	r->late = true;
	tls(r, 0, 300);
	tls(r, 1, 300);
	rig_end(r);
	rig_say(r, 0, request, 10);
	rig_lose(r, 0, 40000);
	for (unsigned i = 0; i < 10; i++)
		tls(r, 0, 5000);
	rig_end(r);
	SAY(r, 0, request);
	tls(r, 0, 300);
	rig_end(r);
	assert_int_equal(r->n, 0);
	rig_close(r);
}

static void lengths_that_lie_do_no_harm(void **state)
{
	for (size_t i = 0; i < sizeof request - 1; i++)
		for (unsigned v = 0; v < 256; v += 51) {
			struct rig *r = rig_open(&bh_dissector_rdp, 3389, false);
			char bad[sizeof request], bad2[sizeof confirm];

			memcpy(bad, request, sizeof request);
			memcpy(bad2, confirm, sizeof confirm);
			bad[i] = (char)v;
			bad2[i % (sizeof confirm - 1)] = (char)v;
			SAY(r, 0, bad);
			SAY(r, 1, bad2);
			tls(r, 0, 300);
			rig_end(r);
			rig_close(r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_confirm_tells_who_asked_for_what_and_what_was_chosen),
		cmocka_unit_test(a_refusal_is_told_with_its_code_and_is_no_logon),
		cmocka_unit_test(closed_soon_with_little_said_is_a_failed_logon),
		cmocka_unit_test(a_session_that_paints_is_a_logon),
		cmocka_unit_test(closed_later_or_after_more_nothing_is_claimed),
		cmocka_unit_test(any_port_is_found_by_its_first_bytes),
		cmocka_unit_test(joined_late_over_a_gap_or_one_sided_it_claims_nothing),
		cmocka_unit_test(lengths_that_lie_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
