/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "smb_talk.h"

#define RW 0x12019fu
#define DEL 0x10000u

static void say_start(struct talk *t)
{
	say_negotiate(t, 0x0210);
	say_login(t, "HALL", "anna", 0, 0);
	say_tree(t, "\\\\files\\data", 5, 1);
}

/* what an encryptor does to one file */
static void say_victim(
	struct talk *t, const char *name, const char *to, uint64_t fid, uint32_t size)
{
	uint8_t *junk = malloc(size), *text = malloc(size);

	noise(junk, size, fid);
	for (uint32_t i = 0; i < size; i++)
		text[i] = (uint8_t) "the quick brown fox "[i % 20];
	say_create(t, name, RW, 0, 1, size, fid);
	say_read(t, fid, 0, text, size);
	say_write(t, fid, 0, junk, size, 0);
	say_close(t, fid, 0);
	say_create(t, name, DEL, 0, 1, size, fid + 1);
	say_rename(t, fid + 1, to, 0);
	say_close(t, fid + 1, 0);
	free(junk);
	free(text);
}

static void expect_victim(const struct rig *r, uint32_t size, unsigned rand)
{
	const struct bh_event *e = rig_nth(r, BH_SMB_CLOSE, 0);

	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "dir/a.txt");
	assert_int_equal(e->u.smb.bytes_read, size);
	assert_int_equal(e->u.smb.bytes_written, size);
	assert_int_equal(e->u.smb.magic_read, BH_MAGIC_TEXT);
	assert_int_equal(e->u.smb.magic_written, BH_MAGIC_OTHER);
	assert_int_equal(e->u.smb.rand_read, BH_RAND_NO);
	assert_int_equal(e->u.smb.rand_written, rand);
	assert_int_equal(e->u.smb.flags, BH_SMB_F_EXISTED);
	assert_int_equal(e->flags & ~BH_EVF_GAPS, BH_EVF_TWOWAY);
	e = rig_nth(r, BH_SMB_RENAME, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "dir/a.txt");
	assert_string_equal(e->u.smb.name2, "dir/a.txt.locked");
	assert_int_equal(e->flags & ~BH_EVF_GAPS, BH_EVF_TWOWAY);
}

static void a_victim_file_gives_session_tree_open_close_and_rename(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	rig_open(&r);
	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 20000);
	rig_play(&r, t, 0, 1460);
	assert_int_equal(r.n, 6);
	e = &r.ev[0];
	assert_int_equal(e->u.smb.op, BH_SMB_SESSION);
	assert_string_equal(e->u.smb.user, "HALL\\anna");
	assert_int_equal(e->u.smb.dialect, 0x0210);
	assert_int_equal(e->u.smb.session, 0x4400000001);
	assert_int_equal(e->app, BH_APP_SMB);
	e = &r.ev[1];
	assert_int_equal(e->u.smb.op, BH_SMB_TREE);
	assert_string_equal(e->u.smb.share, "data");
	e = &r.ev[2];
	assert_int_equal(e->u.smb.op, BH_SMB_OPEN);
	assert_int_equal(e->u.smb.fid, 0x70);
	assert_string_equal(e->u.smb.share, "data");
	assert_string_equal(e->u.smb.user, "HALL\\anna");
	expect_victim(&r, 20000, BH_RAND_WEAK);
	rig_done(&r, t);
}

static void any_split_of_the_bytes_into_segments_gives_the_same_facts(void **state)
{
	struct talk *t = talk_new();
	struct rig whole, r;

	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 3000);
	rig_open(&whole);
	rig_play(&whole, t, 0, 1 << 20);
	assert_int_equal(whole.n, 6);
	rig_open(&r);
	for (size_t mss = 1; mss < 300; mss++) {
		rig_close(&r);
		rig_open(&r);
		rig_play(&r, t, 0, mss);
		assert_int_equal(r.n, whole.n);
		for (size_t i = 0; i < r.n; i++) {
			r.ev[i].pkt = whole.ev[i].pkt;
			assert_memory_equal(&r.ev[i], &whole.ev[i], sizeof r.ev[i]);
		}
	}
	rig_close(&r);
	rig_close(&whole);
	free(t);
}

static void each_message_may_be_cut_in_two_at_every_byte(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 2500);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++)
		for (size_t cut = 1; cut < t->msg[m].len; cut += cut < 200 ? 1 : 97) {
			rig_again(&r);
			for (size_t k = 0; k < t->n; k++) {
				const uint8_t *p = t->b + t->msg[k].off;
				size_t first = k == m ? cut : t->msg[k].len;

				rig_send(&r, t->msg[k].dir, p, first);
				if (first < t->msg[k].len)
					rig_send(&r, t->msg[k].dir, p + first,
						t->msg[k].len - first);
			}
			assert_int_equal(r.n, 6);
			expect_victim(&r, 2500, BH_RAND_SMALL);
		}
	rig_done(&r, t);
}

static void segments_out_of_order_and_sent_twice_change_nothing(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 20000);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++) {
		const uint8_t *p = t->b + t->msg[m].off;
		uint32_t len = t->msg[m].len, d = t->msg[m].dir, seq = r.seq[d], third = len / 3;

		if (m < 2 || len < 60) { /* the first one of a direction says where it begins */
			rig_send(&r, d, p, len);
			continue;
		}
		for (uint32_t at = 0; at < len; at += 3000) {
			uint32_t n = len - at < 3000 ? len - at : 3000, half = n / 2;
			uint32_t lap = half + 7 < n ? half + 7 : n;

			rig_segment(&r, d, seq + at + half, p + at + half, n - half, n - half);
			/* laps over the one that is held */
			rig_segment(&r, d, seq + at, p + at, lap, lap);
			rig_segment(
				&r, d, seq + at + half / 2, p + at + half / 2, n - half, n - half);
		}
		rig_segment(&r, d, seq, p, third, third); /* all of it old */
		r.seq[d] += len;
	}
	assert_int_equal(r.n, 6);
	expect_victim(&r, 20000, BH_RAND_WEAK);
	assert_true(rig_counter(&r, "reordered") > 10);
	assert_int_equal(rig_counter(&r, "gaps"), 0);
	rig_done(&r, t);
}

static void a_gap_costs_one_message_and_marks_facts_until_found_again(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	size_t lost;
	struct rig r;

	say_start(t);
	say_create(t, "x", RW, 0, 1, 100, 0x50);
	lost = t->n;
	plain(t, 0, 13, 0, t->mid++); /* will be lost */
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 20000);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++) {
		if (m == lost)
			r.seq[0] += t->msg[m].len;
		else
			rig_send(&r, t->msg[m].dir, t->b + t->msg[m].off, t->msg[m].len);
	}
	/* held at first: small requests wait for the missing one, eight of them at most */
	assert_int_equal(rig_counter(&r, "gaps"), 1);
	assert_int_equal(rig_counter(&r, "resyncs"), 1);
	e = rig_nth(&r, BH_SMB_RENAME, 0);
	if (e)
		assert_string_equal(e->u.smb.name2, "dir/a.txt.locked");
	/* afterwards all is as before */
	r.n = 0;
	lost = t->n;
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x90, 20000);
	rig_play(&r, t, lost, 1460);
	expect_victim(&r, 20000, BH_RAND_WEAK);
	assert_true(rig_nth(&r, BH_SMB_CLOSE, 0)->flags & BH_EVF_GAPS); /* but for the mark that it is not all */
	rig_done(&r, t);
}

static void an_answer_missing_before_the_first_one_seen_is_a_gap(void **state)
{
	struct talk *t = talk_new();
	struct rig r;
	bool answered = false;

	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 20000);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++)
		if (t->msg[m].dir && !answered) {
			answered = true;
			r.seq[1] += t->msg[m].len;
		} else {
			rig_send(&r, t->msg[m].dir, t->b + t->msg[m].off, t->msg[m].len);
		}
	assert_non_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	assert_true(rig_nth(&r, BH_SMB_CLOSE, 0)->flags & BH_EVF_GAPS);
	rig_done(&r, t);
}

static void a_hole_inside_content_does_not_lose_the_frame(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 40000);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++) {
		const uint8_t *p = t->b + t->msg[m].off;
		uint32_t len = t->msg[m].len;

		if (len < 40000) {
			rig_send(&r, t->msg[m].dir, p, len);
			continue;
		}
		/* a capture that keeps 24000 bytes of a super-frame */
		rig_segment(&r, t->msg[m].dir, r.seq[t->msg[m].dir], p, 24000, len);
		r.seq[t->msg[m].dir] += len;
	}
	assert_int_equal(rig_counter(&r, "holes"), 2);
	assert_int_equal(rig_counter(&r, "gaps"), 0);
	expect_victim(&r, 40000, BH_RAND_WEAK);
	assert_int_equal(rig_nth(&r, BH_SMB_CLOSE, 0)->flags & BH_EVF_GAPS, 0);
	rig_done(&r, t);
}

static void late_join_knows_files_but_neither_user_nor_share(void **state)
{
	struct talk *t = talk_new();
	size_t first;
	struct rig r;

	say_start(t);
	say_create(t, "before", RW, 0, 1, 9, 0x40);
	first = t->n;
	say_write(t, 0x40, 0, "0123456789abcdef", 16, 0);
	say_close(t, 0x40, 0);
	say_victim(t, "dir\\a.txt", "dir\\a.txt.locked", 0x70, 20000);
	rig_open(&r);
	r.server_first = true; /* the first packet seen was the server's */
	/* the tail of a message whose head went by unseen */
	rig_send(&r, 1, t->b + 30, 40);
	rig_play(&r, t, first, 1460);
	expect_victim(&r, 20000, BH_RAND_WEAK);
	assert_int_equal(r.n, 4);
	assert_string_equal(r.ev[0].u.smb.user, "");
	assert_string_equal(r.ev[0].u.smb.share, "");
	for (size_t i = 0; i < r.n; i++) {
		assert_int_equal(r.ev[i].sport, 50000);
		assert_memory_equal(&r.ev[i].src, &r.proto.src, 16);
		assert_memory_equal(&r.ev[i].mac_src, &r.proto.mac_src, 6);
	}
	rig_done(&r, t);
}

/* create + write + close in one frame, related; answers in one frame too */
static void say_compound(struct talk *t, const char *name, uint32_t size)
{
	uint8_t *junk = malloc(size);

	noise(junk, size, 3);
	frame_begin(t, 0);
	command(t, 5, 0, 0, t->mid);
	body_create(t, name, RW, 0);
	command(t, 9, 4, 0, t->mid + 1);
	body_write(t, UINT64_MAX, 0, junk, size);
	command(t, 6, 4, 0, t->mid + 2);
	body_close(t, UINT64_MAX);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 5, 1, 0, t->mid);
	body_created(t, 2, 0, 0x99);
	command(t, 9, 5, 0, t->mid + 1);
	le(t, 16, 0);
	command(t, 6, 5, 0, t->mid + 2);
	le(t, 60, 0);
	frame_end(t);
	t->mid += 3;
	free(junk);
}

static void a_compound_of_related_commands_shares_one_handle(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	say_start(t);
	say_compound(t, "new\\b.bin", 70001);
	for (size_t mss = 7; mss < 65000; mss = mss * 3 + 1) {
		rig_open(&r);
		rig_play(&r, t, 0, mss);
		e = rig_nth(&r, BH_SMB_OPEN, 0);
		assert_non_null(e);
		assert_int_equal(e->u.smb.flags, BH_SMB_F_CREATED);
		e = rig_nth(&r, BH_SMB_WRITE, 0);
		assert_non_null(e);
		assert_int_equal(e->u.smb.rand_written, BH_RAND_STRONG);
		e = rig_nth(&r, BH_SMB_CLOSE, 0);
		assert_non_null(e);
		assert_string_equal(e->u.smb.name, "new/b.bin");
		assert_int_equal(e->u.smb.bytes_written, 70001);
		assert_int_equal(e->u.smb.fid, 0x99);
		assert_int_equal(r.n, 5);
		rig_close(&r);
	}
	free(t);
}

static void seventeen_commands_in_a_frame_are_one_too_many(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	frame_begin(t, 0);
	for (unsigned i = 0; i < 17; i++) {
		command(t, 13, 0, 0, i);
		le(t, 4, 4);
	}
	frame_end(t);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_int_equal(rig_counter(&r, "malformed"), 1);
	assert_int_equal(rig_counter(&r, "messages"), 16);
	rig_done(&r, t);
}

static void an_interim_answer_leaves_the_question_open(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	frame_begin(t, 0);
	command(t, 5, 0, 0, t->mid);
	body_create(t, "slow", RW, 0);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 5, 3, 0x103, t->mid); /* asynchronous, pending */
	le(t, 9, 9);
	frame_end(t);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_null(rig_nth(&r, BH_SMB_OPEN, 0));
	frame_begin(t, 1);
	command(t, 5, 3, 0, t->mid++);
	body_created(t, 1, 10, 0x31);
	frame_end(t);
	rig_play(&r, t, t->n - 1, 1460);
	assert_non_null(rig_nth(&r, BH_SMB_OPEN, 0));
	assert_string_equal(rig_nth(&r, BH_SMB_OPEN, 0)->u.smb.share, "data");
	rig_done(&r, t);
}

static void what_the_server_refuses_is_no_fact(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	frame_begin(t, 0);
	command(t, 5, 0, 0, t->mid);
	body_create(t, "secret", RW, 0x1000);
	frame_end(t);
	plain(t, 1, 5, 0xc0000022, t->mid++);
	say_create(t, "own", RW | DEL, 0, 1, 50, 0x12);
	say_rename(t, 0x12, "other", 0xc0000022);
	say_set(t, 0x12, 13, "\1", 1, 0xc0000121);
	say_write(t, 0x12, 0, "0123456789", 10, 0xc0000054);
	say_close(t, 0x12, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.ev[2].u.smb.op, BH_SMB_OPEN);
	assert_string_equal(r.ev[2].u.smb.name, "own");
	rig_done(&r, t);
}

static void deletion_is_told_once_by_disposition_or_at_close(void **state)
{
	static const uint8_t eof[8] = {10};
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	say_start(t);
	say_create(t, "one", DEL, 0, 1, 50, 0x21);
	say_set(t, 0x21, 13, "\1", 1, 0);
	say_close(t, 0x21, 0);
	say_create(t, "two", DEL, 0x1000, 1, 50, 0x22);
	say_close(t, 0x22, 0);
	say_create(t, "three", DEL, 0, 1, 50, 0x23);
	say_set(t, 0x23, 64, "\1\0\0\0", 4, 0);
	say_create(t, "four", RW, 0, 1, 50, 0x24);
	say_set(t, 0x24, 20, eof, 8, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = {"one", "two", "three"};

		e = rig_nth(&r, BH_SMB_DELETE, i);
		assert_non_null(e);
		assert_string_equal(e->u.smb.name, names[i]);
	}
	assert_null(rig_nth(&r, BH_SMB_DELETE, 3));
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 0)); /* none read or wrote */
	e = rig_nth(&r, BH_SMB_TRUNCATE, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "four");
	rig_done(&r, t);
}

static void a_rename_before_the_close_keeps_the_opened_name_in_it(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	say_start(t);
	say_create(t, "a", RW | DEL, 0, 1, 50, 0x21);
	say_write(t, 0x21, 0, "0123456789", 10, 0);
	say_rename(t, 0x21, "b", 0);
	say_rename(t, 0x21, "\\c", 0);
	say_close(t, 0x21, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	e = rig_nth(&r, BH_SMB_RENAME, 1);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "b");
	assert_string_equal(e->u.smb.name2, "c");
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "a");
	assert_string_equal(e->u.smb.name2, "c");
	rig_done(&r, t);
}

static void a_failed_login_names_the_user_and_a_guest_is_marked(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_negotiate(t, 0x0311);
	say_login(t, "HALL", "bob", 0xc000006d, 0);
	say_login(t, "", "carol", 0, 1);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_int_equal(r.n, 2);
	assert_string_equal(r.ev[0].u.smb.user, "HALL\\bob");
	assert_int_equal(r.ev[0].u.smb.status, 0xc000006d);
	assert_string_equal(r.ev[1].u.smb.user, "carol");
	assert_int_equal(r.ev[1].u.smb.flags, BH_SMB_F_GUEST);
	assert_int_equal(r.ev[1].u.smb.dialect, 0x0311);
	rig_done(&r, t);
}

static void an_encrypted_session_is_told_once(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	for (unsigned i = 0; i < 6; i++) {
		frame_begin(t, i & 1);
		raw(t, "\xfdSMB", 4);
		le(t, 32, 0);
		le(t, 4, 100);
		le(t, 4, 0);
		le(t, 8, t->session);
		le(t, 100, 0x55);
		frame_end(t);
	}
	rig_open(&r);
	rig_play(&r, t, 0, 33);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.ev[2].u.smb.op, BH_SMB_SESSION);
	assert_int_equal(r.ev[2].u.smb.flags, BH_SMB_F_ENCRYPTED);
	assert_string_equal(r.ev[2].u.smb.user, "HALL\\anna");
	assert_int_equal(rig_counter(&r, "encrypted"), 6);
	rig_done(&r, t);
}

/* what a web server was given to hand out, and a visitor who comes from port 445 */
static void who_made_the_handshake_is_the_client_whatever_his_port(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	say_compound(t, "d\\f", 3000);
	for (unsigned whole = 0; whole < 2; whole++) {
		rig_open(&r);
		r.proto.sport = 8080;
		r.server_first = true;
		r.whole = whole;
		rig_play(&r, t, 0, 1460);
		assert_int_equal(r.n > 0, !whole);
		rig_close(&r);
	}
	free(t);
}

static void one_direction_alone_gives_untrusted_facts(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	say_start(t);
	for (unsigned i = 0; i < 20; i++)
		say_compound(t, "d\\f", 3000);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++)
		if (t->msg[m].dir == 0)
			rig_send(&r, 0, t->b + t->msg[m].off, t->msg[m].len);
	e = rig_nth(&r, BH_SMB_CLOSE, 3);
	assert_non_null(e);
	assert_int_equal(e->flags, BH_EVF_UNTRUSTED);
	assert_string_equal(e->u.smb.name, "d/f");
	assert_int_equal(e->u.smb.rand_written, BH_RAND_SMALL);
	rig_done(&r, t);
}

static void files_open_at_the_end_of_the_flow_are_closed(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct bh_event_sink sink;
	struct rig r;

	say_start(t);
	say_create(t, "open", RW, 0x1000, 1, 50, 0x21);
	say_write(t, 0x21, 0, "0123456789", 10, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	sink = (struct bh_event_sink){rig_emit, &r};
	bh_dissector_smb.flow_end(r.state, 3, 8, &sink); /* another flow */
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	bh_dissector_smb.flow_end(r.state, 3, 9, &sink);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "open");
	assert_int_equal(e->flags, 0);
	assert_int_equal(e->flow_id, 9);
	assert_non_null(rig_nth(&r, BH_SMB_DELETE, 0));
	rig_done(&r, t);
}

static void a_pipe_is_opened_but_is_no_file(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_start(t);
	say_tree(t, "\\\\files\\IPC$", 6, 2);
	say_create(t, "svcctl", RW, 0, 1, 0, 0x21);
	say_write(t, 0x21, 0, "0123456789", 10, 0);
	say_close(t, 0x21, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_non_null(rig_nth(&r, BH_SMB_OPEN, 0));
	assert_string_equal(rig_nth(&r, BH_SMB_OPEN, 0)->u.smb.share, "IPC$");
	assert_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	rig_done(&r, t);
}

static void a_long_path_keeps_its_tail(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	char name[400];
	struct rig r;

	memset(name, 'x', sizeof name);
	memcpy(name + sizeof name - 9, "/end.txt", 9);
	say_create(t, name, RW, 0, 1, 0, 0x21);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	e = rig_nth(&r, BH_SMB_OPEN, 0);
	assert_non_null(e);
	assert_int_equal(strlen(e->u.smb.name), 127);
	assert_string_equal(e->u.smb.name + 127 - 8, "/end.txt");
	rig_done(&r, t);
}

static void tables_stay_at_their_size_and_the_oldest_goes(void **state)
{
	struct bh_event_sink sink;
	struct talk *t = talk_new();
	size_t memory;
	struct rig r;

	rig_open(&r);
	sink = (struct bh_event_sink){rig_emit, &r};
	memory = bh_dissector_smb.memory_bytes(r.state);
	assert_true(memory < 64u << 20);
	say_create(t, "f", RW, 0, 1, 0, 1);
	for (uint64_t i = 0; i < 6000; i++) {
		set_le(t, t->msg[0].off + 4 + 24, 8, i);
		set_le(t, t->msg[1].off + 4 + 24, 8, i);
		set_le(t, t->msg[1].off + 4 + 64 + 72, 8, 1000 + i);
		rig_play(&r, t, 0, 1460);
	}
	assert_int_equal(r.n, 6000);
	assert_int_equal(rig_counter(&r, "evicted_handles"), 6000 - 4096);
	for (uint64_t id = 100; id < 3000; id++) {
		struct bh_packet k = {
			.what = BH_WHAT_TCP, .payload = t->b, .payload_len = 8, .payload_wire = 8};

		bh_dissector_smb.packet(r.state,
			&(struct bh_dissect_in){.pkt = &k,
				.flow_id = id,
				.flow_slot = (uint32_t)id,
				.payload = t->b,
				.len = 8,
				.proto = &r.proto},
			&sink);
	}
	assert_int_equal(rig_counter(&r, "evicted_connections"), 2900 + 1 - 2048);
	assert_int_equal(bh_dissector_smb.memory_bytes(r.state), memory);
	rig_done(&r, t);
}

static void more_questions_than_the_table_holds_are_counted(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	frame_begin(t, 0);
	command(t, 8, 0, 0, 0);
	le(t, 16, 49);
	body_fid(t, 5);
	le(t, 17, 0);
	frame_end(t);
	rig_open(&r);
	plain(t, 1, 13, 0, 0);
	rig_play(&r, t, 1, 1460); /* answers are visible */
	for (uint64_t i = 0; i < 100; i++) {
		set_le(t, t->msg[0].off + 4 + 24, 8, i);
		rig_send(&r, 0, t->b + t->msg[0].off, t->msg[0].len);
	}
	assert_int_equal(rig_counter(&r, "evicted_messages"), 36);
	rig_done(&r, t);
}

static void old_smb_is_told_by_one_login(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	for (unsigned i = 0; i < 3; i++) {
		frame_begin(t, 1);
		raw(t, "\xffSMB\x73", 5);
		le(t, 4, 0);
		le(t, 1, 0x88);
		le(t, 30, 0);
		frame_end(t);
	}
	rig_open(&r);
	rig_play(&r, t, 0, 11);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.ev[0].u.smb.dialect, 1);
	assert_int_equal(rig_counter(&r, "smb1"), 3);
	rig_done(&r, t);
}

static void a_logon_is_told_with_its_challenge_and_outcome(void **state)
{
	static const struct {
		uint32_t status;
		unsigned result;
	} rows[] = {{0, BH_LOGON_OK}, {0xc000006d, BH_LOGON_FAILED}, {0xc0000234, BH_LOGON_FAILED}, {0xc0000022, BH_LOGON_REFUSED}};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct talk *t = talk_new();
		struct rig r;

		say_negotiate(t, 0x0311);
		say_challenge(t);
		say_login(t, "HALL", "anna", rows[i].status, 4);
		rig_open(&r);
		rig_play(&r, t, 0, 1460);
		assert_int_equal(r.logons, 2);
		assert_int_equal(r.logon[0].u.logon.result, BH_LOGON_TRIED);
		assert_int_equal(r.logon[0].u.logon.via, BH_LOGON_SMB);
		assert_int_equal(r.logon[1].u.logon.result, rows[i].result);
		assert_int_equal(r.logon[1].u.logon.status, rows[i].status);
		assert_int_equal(r.logon[1].u.logon.flags, rows[i].status ? 0 : BH_SMB_F_ENCRYPTED);
		for (unsigned k = 0; k < 2; k++) {
			assert_true(r.logon[k].u.logon.challenge == 0x1122334455667788);
			assert_int_equal(r.logon[k].u.logon.mech, BH_MECH_NTLM);
			assert_string_equal(r.logon[k].u.logon.user, "HALL\\anna");
		}
		rig_done(&r, t);
	}
}

static void a_kerberos_logon_is_one_round_and_nobody_is_anonymous(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	say_negotiate(t, 0x0311);
	say_first(t, "\x60\x12\6\x09\x2a\x86\x48\x86\xf7\x12\1\2\2\1\0\x6e\3\x30\1\0", 20);
	frame_begin(t, 1);
	command(t, 1, 1, 0, t->mid++);
	le(t, 2, 9);
	le(t, 6, 0);
	frame_end(t);
	t->session++;
	say_login(t, "", "", 0, 2);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_int_equal(r.logons, 3);
	assert_int_equal(r.logon[0].u.logon.mech, BH_MECH_KERBEROS);
	assert_int_equal(r.logon[0].u.logon.result, BH_LOGON_OK);
	assert_int_equal(r.logon[2].u.logon.mech, BH_MECH_ANONYMOUS);
	assert_int_equal(r.logon[2].u.logon.result, BH_LOGON_OK);
	rig_done(&r, t);
}

static void the_first_bytes_of_a_file_are_hashed(void **state)
{
	static const struct {
		uint32_t n[4], off[4];
		uint32_t hashed; /* 0 = none */
	} rows[] = {
		{{300}, {0}, 300},
		{{4096}, {0}, 4096},
		{{9000}, {0}, 4096},
		{{1000, 5000}, {0, 1000}, 4096},
		{{1000, 100}, {0, 1000}, 1100},
		{{1000, 100}, {0, 1100}, 0}, /* a hole */
		{{100}, {100}, 0},
		{{4096, 100}, {0, 0}, 4096},
		{{8000, 4096}, {8000, 0}, 4096}, /* what lies behind may come first */
	};
	uint8_t data[16000];

	noise(data, sizeof data, 4);
	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct talk *t = talk_new();
		const struct bh_event *e;
		struct rig r;

		say_start(t);
		say_create(t, "a.exe", RW, 0, 2, 0, 0x70);
		for (unsigned k = 0; k < 4 && rows[i].n[k]; k++)
			say_write(t, 0x70, rows[i].off[k], data + rows[i].off[k], rows[i].n[k], 0);
		say_close(t, 0x70, 0);
		rig_open(&r);
		rig_play(&r, t, 0, 700);
		e = rig_nth(&r, BH_SMB_CLOSE, 0);
		assert_non_null(e);
		assert_true(e->u.smb.head == (rows[i].hashed ? bh_hash(data, rows[i].hashed, 0) : 0));
		rig_done(&r, t);
	}
}

static void without_its_tree_a_file_is_still_told(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	struct rig r;

	say_create(t, "a.exe", RW, 0, 2, 0, 0x70);
	say_write(t, 0x70, 0, "MZ\x90", 3, 0);
	say_close(t, 0x70, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	e = rig_nth(&r, BH_SMB_OPEN, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.share, "");
	assert_int_equal(e->u.smb.tree, 5);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.magic_written, BH_MAGIC_EXEC);
	rig_done(&r, t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bytes_of_a_file_are_hashed),
		cmocka_unit_test(without_its_tree_a_file_is_still_told),
		cmocka_unit_test(a_logon_is_told_with_its_challenge_and_outcome),
		cmocka_unit_test(a_kerberos_logon_is_one_round_and_nobody_is_anonymous),
		cmocka_unit_test(a_victim_file_gives_session_tree_open_close_and_rename),
		cmocka_unit_test(any_split_of_the_bytes_into_segments_gives_the_same_facts),
		cmocka_unit_test(each_message_may_be_cut_in_two_at_every_byte),
		cmocka_unit_test(segments_out_of_order_and_sent_twice_change_nothing),
		cmocka_unit_test(a_gap_costs_one_message_and_marks_facts_until_found_again),
		cmocka_unit_test(an_answer_missing_before_the_first_one_seen_is_a_gap),
		cmocka_unit_test(a_hole_inside_content_does_not_lose_the_frame),
		cmocka_unit_test(late_join_knows_files_but_neither_user_nor_share),
		cmocka_unit_test(who_made_the_handshake_is_the_client_whatever_his_port),
		cmocka_unit_test(a_compound_of_related_commands_shares_one_handle),
		cmocka_unit_test(seventeen_commands_in_a_frame_are_one_too_many),
		cmocka_unit_test(an_interim_answer_leaves_the_question_open),
		cmocka_unit_test(what_the_server_refuses_is_no_fact),
		cmocka_unit_test(deletion_is_told_once_by_disposition_or_at_close),
		cmocka_unit_test(a_rename_before_the_close_keeps_the_opened_name_in_it),
		cmocka_unit_test(a_failed_login_names_the_user_and_a_guest_is_marked),
		cmocka_unit_test(an_encrypted_session_is_told_once),
		cmocka_unit_test(one_direction_alone_gives_untrusted_facts),
		cmocka_unit_test(files_open_at_the_end_of_the_flow_are_closed),
		cmocka_unit_test(a_pipe_is_opened_but_is_no_file),
		cmocka_unit_test(a_long_path_keeps_its_tail),
		cmocka_unit_test(tables_stay_at_their_size_and_the_oldest_goes),
		cmocka_unit_test(more_questions_than_the_table_holds_are_counted),
		cmocka_unit_test(old_smb_is_told_by_one_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
