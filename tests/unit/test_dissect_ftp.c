/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_ftp;

static void a_logon_is_told_with_the_answer_and_without_the_password(void **state)
{
	for (size_t step = 1; step < 60; step += 9) {
		struct rig *r = rig_open(&bh_dissector_ftp, 21, false);
		char text[BH_EVENT_TEXT];

		rig_split(r, 1, "220-hello\r\n you\r\n220 go\r\n", 25, step);
		rig_split(r, 0, "user alice\r\n", 12, step);
		rig_split(r, 1, "331 password?\r\n", 15, step);
		rig_split(r, 0, "PASS geheim\r\n", 13, step);
		assert_int_equal(r->n, 0);
		rig_split(r, 1, "530 no\r\n", 8, step);
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].u.logon.via, BH_LOGON_FTP);
		assert_int_equal(r->ev[0].u.logon.mech, BH_MECH_PASSWORD);
		assert_int_equal(r->ev[0].u.logon.result, BH_LOGON_FAILED);
		assert_int_equal(r->ev[0].u.logon.status, 530);
		assert_string_equal(r->ev[0].u.logon.user, "alice");
		bh_event_print(&r->ev[0], text);
		assert_null(strstr(text, "geheim"));
		rig_text(r, 0, "USER bob\r\n");
		rig_text(r, 1, "331 password?\r\n");
		rig_text(r, 0, "PASS x\r\n");
		rig_text(r, 1, "230-welcome\r\n230 really\r\n");
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
		assert_string_equal(r->ev[1].u.logon.user, "bob");
		assert_int_equal(r->ev[1].flags, BH_EVF_TWOWAY);
		rig_end(r);
		assert_int_equal(r->n, 2);
		rig_close(r);
	}
}

static void a_user_may_be_refused_or_welcome_without_a_password(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	rig_text(r, 0, "USER alice\r\n");
	rig_text(r, 1, "530 anonymous only\r\n");
	rig_text(r, 0, "USER anonymous\r\n");
	rig_text(r, 1, "230 welcome\r\n");
	rig_text(r, 0, "LIST\r\n");
	rig_text(r, 1, "530 no\r\n"); /* about something else */
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[0].u.logon.result, BH_LOGON_FAILED);
	assert_int_equal(r->ev[1].u.logon.mech, BH_MECH_ANONYMOUS);
	rig_close(r);
}

static void after_tls_nothing_is_read(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	rig_text(r, 0, "AUTH TLS\r\n");
	rig_text(r, 1, "234 go\r\n");
	rig_text(r, 0, "USER alice\r\n");
	rig_text(r, 1, "230 welcome\r\n");
	assert_int_equal(r->n, 0);
	rig_close(r);
}

static void what_is_no_control_connection_is_given_up(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	rig_say(r, 1, "\0\1data", 6);
	rig_text(r, 0, "USER alice\r\n");
	rig_text(r, 1, "230 welcome\r\n");
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_count(r, "malformed"), 1);
	rig_close(r);
}

static void joined_late_and_over_a_gap_the_next_line_counts(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	r->late = true;
	rig_text(r, 1, "sword?\r\n");
	rig_text(r, 0, "PASS x\r\n");
	rig_text(r, 1, "530 no\r\n");
	assert_int_equal(r->n, 1);
	assert_string_equal(r->ev[0].u.logon.user, "");
	rig_text(r, 0, "USER al");
	rig_lose(r, 0, 40000);
	for (unsigned i = 0; i < 10; i++)
		rig_text(r, 0, "ice\r\n");
	rig_text(r, 1, "230 welcome\r\n");
	assert_int_equal(r->n, 1);
	rig_text(r, 0, "PASS x\r\n");
	rig_text(r, 1, "230 welcome\r\n");
	assert_int_equal(r->n, 2);
	rig_close(r);
}

static void what_follows_an_unseen_beginning_is_marked(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	rig_text(r, 1, "220 go\r\n");
	rig_lose(r, 0, 10);
	rig_text(r, 0, "USER bob\r\nPASS x\r\n");
	rig_text(r, 1, "331 password?\r\n230 welcome\r\n");
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].flags, BH_EVF_TWOWAY | BH_EVF_GAPS);
	rig_close(r);
}

static void who_sends_ahead_is_counted_all_the_same(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);

	rig_text(r, 1, "220 ready\r\n");
	rig_text(r, 0, "USER a\r\nPASS 1\r\nUSER a\r\nPASS 2\r\nUSER a\r\nPASS 3\r\n");
	rig_text(r, 1, "331 p\r\n530 no\r\n331 p\r\n530 no\r\n331 p\r\n230 ok\r\n");
	assert_int_equal(r->n, 3);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_FAILED);
	assert_int_equal(r->ev[2].u.logon.result, BH_LOGON_OK);
	rig_close(r);
}

static void one_direction_and_lines_without_an_end_give_nothing(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ftp, 21, false);
	char *big = malloc(70001);

	memset(big, 'a', 70000);
	big[70000] = 0;
	rig_text(r, 0, "USER ");
	rig_split(r, 0, big, 70000, 1400);
	rig_text(r, 0, "\r\nPASS ");
	rig_split(r, 0, big, 70000, 1400);
	rig_text(r, 0, "\r\n");
	assert_int_equal(r->n, 0);
	rig_text(r, 1, "530 no\n");
	assert_int_equal(strlen(r->ev[0].u.logon.user), 63);
	rig_close(r);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_logon_is_told_with_the_answer_and_without_the_password),
		cmocka_unit_test(a_user_may_be_refused_or_welcome_without_a_password),
		cmocka_unit_test(after_tls_nothing_is_read),
		cmocka_unit_test(what_is_no_control_connection_is_given_up),
		cmocka_unit_test(joined_late_and_over_a_gap_the_next_line_counts),
		cmocka_unit_test(what_follows_an_unseen_beginning_is_marked),
		cmocka_unit_test(who_sends_ahead_is_counted_all_the_same),
		cmocka_unit_test(one_direction_and_lines_without_an_end_give_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
