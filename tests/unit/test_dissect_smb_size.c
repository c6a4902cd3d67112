/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encrypted SMB3 by hand: transform headers with sizes, and bytes nobody can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "dissect/smb_size.h"
#include "smb_talk.h"

/* a message of that size inside; on the wire only its head counts, so long ones are made short */
static void sealed(struct talk *t, unsigned dir, uint32_t size)
{
	frame_begin(t, dir);
	raw(t, "\xfdSMB", 4);
	le(t, 16, 0x5a5a);
	le(t, 16, 0x4242);
	le(t, 4, size);
	le(t, 2, 0);
	le(t, 2, 1);
	le(t, 8, t->session);
	for (uint32_t i = 0; i < size && i < 40; i++)
		le(t, 1, 0xee);
	frame_end(t);
}

static void pair(struct talk *t, uint32_t ask, uint32_t answer)
{
	sealed(t, 0, ask);
	sealed(t, 1, answer);
}

/* a session that is encrypted from here on */
static struct talk *encrypted(void)
{
	struct talk *t = talk_new();

	say_negotiate(t, 0x0311);
	say_login(t, "HALL", "anna", 0, 4);
	pair(t, 72 + 2 * 18, 80); /* TREE_CONNECT */
	return t;
}

static void play(struct rig *r, const struct talk *t)
{
	rig_open(r);
	r->proto.at = BH_SEC(1000);
	rig_play(r, t, 0, 1000);
}

static void a_file_read_written_and_renamed_is_told_by_its_sizes(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 120 + 2 * 9, 152);
	pair(t, 113, 80 + 30000);
	pair(t, 112 + 30032, 80);
	pair(t, 88, 124);
	pair(t, 120 + 2 * 9, 152);
	pair(t, 96 + 20 + 2 * 14, 66);
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_OPEN, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.name_len, 9);
	assert_string_equal(e->u.smb.user, "HALL\\anna");
	assert_int_equal(e->u.smb.flags, BH_SMB_F_ENCRYPTED);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.bytes_read, 30000);
	assert_int_equal(e->u.smb.bytes_written, 30032);
	assert_int_equal(e->u.smb.count, 1);
	assert_int_equal(e->u.smb.name_len, 9);
	assert_int_equal(e->flags, BH_EVF_TWOWAY);
	e = rig_nth(&r, BH_SMB_RENAME, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.name_len, 14);
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 1)); /* the renaming handle moved no bytes */
	assert_int_equal(rig_counter(&r, "size_pairs"), 8);
	assert_int_equal(rig_counter(&r, "size_explained"), 8);
	assert_int_equal(rig_counter(&r, "size_other"), 0);
	rig_done(&r, t);
}

static void a_write_of_another_size_repeats_nothing_and_a_read_is_used_up(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 132, 152);
	pair(t, 113, 80 + 10000);
	pair(t, 112 + 10101, 80); /* more than 1 %, but a footer */
	pair(t, 112 + 10000, 80); /* the READ is used up */
	pair(t, 88, 124);
	pair(t, 134, 152);
	pair(t, 113, 80 + 50000);
	pair(t, 112 + 49400, 80); /* 1.2 % less */
	pair(t, 112 + 54097, 80); /* more than a footer */
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_int_equal(e->u.smb.count, 1);
	e = rig_nth(&r, BH_SMB_CLOSE, 1);
	assert_int_equal(e->u.smb.count, 0);
	rig_done(&r, t);
}

static void an_interim_answer_is_waited_for_and_a_refusal_is_not(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 140, 73); /* no such file */
	pair(t, 132, 152);
	sealed(t, 0, 112 + 60000);
	sealed(t, 1, 73);
	sealed(t, 1, 80);
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.bytes_written, 60000);
	assert_int_equal(e->u.smb.name_len, 6);
	assert_int_equal(rig_counter(&r, "size_other"), 0);
	rig_done(&r, t);
}

static void overlapping_writes_add_up_and_what_fits_two_requests_is_other(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 132, 152);
	for (unsigned i = 0; i < 4; i++)
		sealed(t, 0, 112 + 40000 + i);
	for (unsigned i = 0; i < 4; i++)
		sealed(t, 1, 80);
	pair(t, 88, 124);
	sealed(t, 0, 113); /* READ of 44 bytes, or this CLOSE? */
	sealed(t, 0, 88);
	sealed(t, 1, 124);
	sealed(t, 1, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.bytes_written, 160006);
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 1));
	assert_int_equal(rig_counter(&r, "size_other"), 2);
	rig_done(&r, t);
}

static void with_two_files_open_a_close_has_no_bytes(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 132, 152);
	pair(t, 138, 152);
	pair(t, 113, 80 + 5000);
	pair(t, 112 + 5000, 80);
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.bytes_written, 0);
	assert_int_equal(e->u.smb.name_len, 0);
	assert_int_equal(e->u.smb.count, 1); /* that is the session's, whoever's handle it was */
	rig_done(&r, t);
}

static void a_tool_copied_and_a_pipe_bound_and_called_are_told(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 144, 152);
	pair(t, 56432, 80);
	pair(t, 88, 124);
	pair(t, 132, 152);
	pair(t, 104, 96); /* some ask about the pipe first */
	pair(t, 112 + 116, 80);
	pair(t, 113, 80 + 92);
	for (unsigned i = 0; i < 3; i++) {
		pair(t, 112 + 104, 80);
		pair(t, 113, 128);
	}
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_int_equal(e->u.smb.bytes_written, 56320);
	assert_int_equal(e->u.smb.name_len, 12);
	e = rig_nth(&r, BH_SMB_PIPE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.name_len, 6);
	assert_int_equal(e->u.smb.count, 0);
	e = rig_nth(&r, BH_SMB_PIPE, 1);
	assert_non_null(e);
	assert_int_equal(e->u.smb.count, 2);
	assert_null(rig_nth(&r, BH_SMB_PIPE, 2));
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 1)); /* a pipe is no file */
	rig_done(&r, t);
}

static void calls_by_ioctl_count_too(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 132, 152);
	pair(t, 192, 180); /* bind and answer at once */
	pair(t, 196, 160);
	pair(t, 172, 140);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_PIPE, 1);
	assert_non_null(e);
	assert_int_equal(e->u.smb.count, 2);
	rig_done(&r, t);
}

static void a_deletion_is_told_and_times_are_not(void **state)
{
	struct talk *t = encrypted();
	const struct bh_event *e;
	struct rig r;

	pair(t, 150, 152);
	pair(t, 136, 66); /* 40 bytes: basic information */
	pair(t, 97, 66);
	pair(t, 88, 124);
	play(&r, t);
	e = rig_nth(&r, BH_SMB_DELETE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.name_len, 15);
	assert_null(rig_nth(&r, BH_SMB_RENAME, 0));
	rig_done(&r, t);
}

static void looking_around_makes_no_facts(void **state)
{
	struct talk *t = encrypted();
	struct rig r;

	for (unsigned i = 0; i < 4; i++) {
		pair(t, 130 + 2 * i, 152);
		pair(t, 98, 2000);
		pair(t, 98, 73);
		pair(t, 105, 90);
		pair(t, 88, 124);
	}
	play(&r, t);
	assert_null(rig_nth(&r, BH_SMB_OPEN, 0));
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	assert_int_equal(rig_counter(&r, "size_other"), 0);
	rig_done(&r, t);
}

static void a_late_join_a_gap_and_one_direction_tell_nothing_wrong(void **state)
{
	struct talk *t = encrypted();
	struct rig r;
	size_t after;

	pair(t, 132, 152);
	after = t->n;
	pair(t, 113, 80 + 700);
	pair(t, 112 + 700, 80);
	pair(t, 88, 124);
	/* late: bytes of a handle whose name was not seen */
	rig_open(&r);
	rig_play(&r, t, after, 7);
	assert_null(rig_nth(&r, BH_SMB_OPEN, 0));
	assert_non_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	assert_int_equal(rig_nth(&r, BH_SMB_CLOSE, 0)->u.smb.bytes_written, 0);
	rig_close(&r);
	/* only the client's side */
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++)
		if (t->msg[m].dir == 0)
			rig_send(&r, 0, t->b + t->msg[m].off, t->msg[m].len);
	assert_int_equal(rig_counter(&r, "size_pairs"), 0);
	rig_close(&r);
	/* a message that is lost: what is open is not known any more */
	rig_open(&r);
	rig_play(&r, t, 0, 1000);
	r.seq[0] += 50;
	for (unsigned i = 0; i < 9; i++)
		rig_send(&r, 0, t->b + t->msg[after].off, t->msg[after].len);
	assert_int_equal(rig_counter(&r, "gaps"), 1);
	rig_done(&r, t);
}

static void thousands_of_sessions_and_answers_to_nobody_stay_within_the_pool(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	sealed(t, 0, 88);
	sealed(t, 1, 124);
	sealed(t, 1, 108); /* a lease break: nobody asked */
	rig_open(&r);
	for (uint64_t i = 0; i < 3000; i++) {
		for (size_t m = 0; m < t->n; m++)
			for (unsigned k = 0; k < 8; k++)
				t->b[t->msg[m].off + 4 + 44 + k] = (uint8_t)((i + 1) >> (8 * k));
		rig_play(&r, t, 0, 1000);
	}
	assert_int_equal(rig_counter(&r, "size_pairs"), 6000);
	assert_int_equal(rig_counter(&r, "size_other"), 3000);
	assert_int_equal(rig_counter(&r, "evicted_sizes"), 3000 - (1 << SIZE_BITS));
	rig_done(&r, t);
}

static struct size_pair ask_answer(
	const struct size_place *p, uint32_t ask, uint32_t answer)
{
	struct size_queue q = {0};

	bh_size_ask(&q, ask, 0);
	return bh_size_answer(&q, p, answer, 1);
}

static void every_pair_has_one_meaning_or_none(void **state)
{
	static const struct {
		uint32_t ask, answer;
		unsigned kind;
	} want[] = {
		{88, 124, SZ_CLOSE}, {88, 68, SZ_PLAIN}, {132, 152, SZ_CREATE}, {121, 152, SZ_CREATE},
		{152, 208, SZ_CREATE}, {266, 240, SZ_CREATE}, {268, 316, SZ_CREATE}, {240, 316, SZ_OTHER},
		{352, 240, SZ_OTHER},          /* CREATE, QUERY_INFO and CLOSE, all refused */
		{217, 192, SZ_OTHER},          /* two QUERY_INFO */
		{113, 81, SZ_READ}, {113, 80, SZ_OTHER}, {1136, 80, SZ_WRITE}, {97, 66, SZ_SET},
		{152, 80, SZ_OTHER},           /* a TREE_CONNECT while a handle is open, or 40 bytes */
		{104, 96, SZ_PLAIN}, {98, 4000, SZ_PLAIN}, {68, 68, SZ_PLAIN}, {112, 68, SZ_PLAIN},
		{120, 416, SZ_PLAIN},          /* which interfaces the server has */
	};
	const struct size_place open = {.opened = true};
	const struct size_place busy = {.opened = true, .busy = true};
	const struct size_place pipe = {.opened = true, .pipe = true, .ioctl = true};

	for (size_t i = 0; i < BH_COUNT(want); i++)
		assert_int_equal(ask_answer(&open, want[i].ask, want[i].answer).kind, want[i].kind);
	assert_int_equal(ask_answer(&(struct size_place){0}, 152, 80).kind, SZ_PLAIN);
	assert_int_equal(ask_answer(&busy, 152, 80).kind, SZ_WRITE);
	assert_int_equal(ask_answer(&pipe, 152, 152).kind, SZ_OTHER); /* a call's answer of 40 bytes? */
	assert_int_equal(ask_answer(&pipe, 164, 160).kind, SZ_CALL);
	assert_int_equal(bh_size_name(144, 152), 12);
	assert_int_equal(bh_size_name(266, 240), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_read_written_and_renamed_is_told_by_its_sizes),
		cmocka_unit_test(a_write_of_another_size_repeats_nothing_and_a_read_is_used_up),
		cmocka_unit_test(an_interim_answer_is_waited_for_and_a_refusal_is_not),
		cmocka_unit_test(overlapping_writes_add_up_and_what_fits_two_requests_is_other),
		cmocka_unit_test(with_two_files_open_a_close_has_no_bytes),
		cmocka_unit_test(a_tool_copied_and_a_pipe_bound_and_called_are_told),
		cmocka_unit_test(calls_by_ioctl_count_too),
		cmocka_unit_test(a_deletion_is_told_and_times_are_not),
		cmocka_unit_test(looking_around_makes_no_facts),
		cmocka_unit_test(a_late_join_a_gap_and_one_direction_tell_nothing_wrong),
		cmocka_unit_test(thousands_of_sessions_and_answers_to_nobody_stay_within_the_pool),
		cmocka_unit_test(every_pair_has_one_meaning_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
