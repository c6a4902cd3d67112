/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "rpc_say.h"
#include "smb_old_talk.h"

#define RW 0x12019fu
#define FID 0x4001

static struct old old_new(void)
{
	struct old o = {.t = calloc(1, sizeof *o.t), .mid = 5};

	assert_non_null(o.t);
	return o;
}

static void start(struct old *o)
{
	old_negotiate(o, false);
	old_logon(o, "anna", "HALL", 0);
	old_tree(o, "\\\\FILES\\data", "A:");
}

static void victim(struct old *o, uint32_t size)
{
	uint8_t *junk = malloc(size), *text = malloc(size);

	noise(junk, size, 5);
	for (uint32_t i = 0; i < size; i++)
		text[i] = (uint8_t) "the quick brown fox "[i % 20];
	old_create(o, "\\dir\\a.txt", RW, 1, size, FID);
	old_read(o, FID, 0, text, size);
	old_write(o, FID, 0, junk, size, 0);
	old_close(o, FID);
	old_path(o, "\\dir\\a.txt", "\\dir\\a.txt.locked", 0);
	free(junk);
	free(text);
}

static void expect_victim(const struct rig *r, uint32_t size)
{
	const struct bh_event *e;

	assert_int_equal(r->n, 5);
	assert_string_equal(r->ev[0].u.smb.user, "HALL\\anna");
	assert_int_equal(r->ev[0].u.smb.dialect, 1);
	assert_string_equal(r->ev[1].u.smb.share, "data");
	e = rig_nth(r, BH_SMB_OPEN, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.fid, FID);
	assert_int_equal(e->u.smb.session, OLD_UID);
	assert_int_equal(e->u.smb.flags, BH_SMB_F_EXISTED);
	e = rig_nth(r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "dir/a.txt");
	assert_string_equal(e->u.smb.share, "data");
	assert_int_equal(e->u.smb.bytes_read, size);
	assert_int_equal(e->u.smb.bytes_written, size);
	assert_int_equal(e->u.smb.magic_read, BH_MAGIC_TEXT);
	assert_int_equal(e->u.smb.rand_written, size >= 16384 ? BH_RAND_WEAK : BH_RAND_SMALL);
	assert_true(e->u.smb.head != 0 || size < 1);
	assert_int_equal(e->flags, BH_EVF_TWOWAY);
	e = rig_nth(r, BH_SMB_RENAME, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "dir/a.txt");
	assert_string_equal(e->u.smb.name2, "dir/a.txt.locked");
}

static void a_victim_file_is_told_as_by_the_newer_protocol(void **state)
{
	struct old o = old_new();
	struct rig r;

	start(&o);
	victim(&o, 20000);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	expect_victim(&r, 20000);
	assert_int_equal(r.logons, 2);
	assert_int_equal(r.logon[1].u.logon.result, BH_LOGON_OK);
	assert_int_equal(r.logon[1].u.logon.mech, BH_MECH_NTLM);
	assert_string_equal(r.logon[1].u.logon.user, "HALL\\anna");
	/* passwords could be tried on the two together */
	assert_true(r.logon[1].u.logon.challenge == 0);
	assert_true(r.logon[1].u.logon.proof != 0);
	assert_int_equal(rig_counter(&r, "malformed"), 0);
	rig_close(&r);
	free(o.t);
}

static void any_split_into_segments_gives_the_same_facts(void **state)
{
	struct old o = old_new();

	start(&o);
	victim(&o, 2500);
	for (size_t mss = 1; mss < 400; mss += mss < 120 ? 1 : 31) {
		struct rig r;

		rig_open(&r);
		rig_play(&r, o.t, 0, mss);
		expect_victim(&r, 2500);
		rig_close(&r);
	}
	free(o.t);
}

static void a_chain_is_followed_and_its_status_is_that_of_the_last(void **state)
{
	for (unsigned failed = 0; failed < 2; failed++) {
		struct old o = old_new();
		struct rig r;

		old_negotiate(&o, false);
		old_begin(&o, 0, 0x73, 0);
		old_logon_request(&o, "anna", "");
		old_chain(&o, 0x75);
		old_tree_request(&o, "\\\\FILES\\data");
		old_end(&o);
		o.uid = OLD_UID;
		old_begin(&o, 1, 0x73, failed ? 0xc00000cc : 0);
		old_logon_answer(&o);
		old_chain(&o, 0x75);
		old_tree_answer(&o, "A:");
		old_end(&o);
		rig_open(&r);
		rig_play(&r, o.t, 0, 1460);
		assert_int_equal(r.n, failed ? 1 : 2);
		assert_int_equal(r.ev[0].u.smb.status, 0);
		assert_string_equal(r.ev[0].u.smb.user, "anna");
		rig_close(&r);
		free(o.t);
	}
}

static void a_wrong_password_is_a_failed_logon(void **state)
{
	struct old o = old_new();
	struct rig r;

	old_negotiate(&o, false);
	old_logon(&o, "anna", "HALL", 0xc000006d);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	assert_int_equal(r.logons, 2);
	assert_int_equal(r.logon[1].u.logon.result, BH_LOGON_FAILED);
	assert_int_equal(r.ev[0].u.smb.status, 0xc000006d);
	rig_close(&r);
	free(o.t);
}

static void files_are_deleted_by_path_by_disposition_and_at_close(void **state)
{
	struct old o = old_new();
	const struct bh_event *e;
	struct rig r;

	start(&o);
	old_path(&o, "\\a.txt", NULL, 0);
	old_path(&o, "\\refused.txt", NULL, 0xc0000022);
	old_create(&o, "\\b.txt", 0x10000, 1, 10, FID);
	old_trans(&o, 0x32, 1, 8, 0, "\x01\x40\x02\x01\0\0", 6, "\1", 1);
	old_trans_answer(&o, 0x32, "", 0);
	old_trans(&o, 0x32, 1, 6, 0, "\xf5\x03\0\0\0\0c\0.\0t\0x\0t\0\0\0", 18, "\1", 1);
	old_trans_answer(&o, 0x32, "", 0);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	e = rig_nth(&r, BH_SMB_DELETE, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "a.txt");
	e = rig_nth(&r, BH_SMB_DELETE, 1);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "b.txt");
	e = rig_nth(&r, BH_SMB_DELETE, 2);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "c.txt");
	assert_null(rig_nth(&r, BH_SMB_DELETE, 3));
	rig_close(&r);
	free(o.t);
}

static void a_file_is_renamed_by_its_handle(void **state)
{
	static const uint8_t to[] = "\0\0\0\0\0\0\0\0\x0a\0\0\0x\0.\0a\0b\0c\0";
	struct old o = old_new();
	const struct bh_event *e;
	struct rig r;

	start(&o);
	old_create(&o, "\\b.txt", 0x10000, 1, 10, FID);
	old_trans(&o, 0x32, 1, 8, 0, "\x01\x40\xf2\x03\0\0", 6, to, 22);
	old_trans_answer(&o, 0x32, "", 0);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	e = rig_nth(&r, BH_SMB_RENAME, 0);
	assert_non_null(e);
	assert_string_equal(e->u.smb.name, "b.txt");
	assert_string_equal(e->u.smb.name2, "x.abc");
	rig_close(&r);
	free(o.t);
}

static struct pdu create_service(void)
{
	struct pdu p = p_request(2, 0, 12, NULL);

	p_raw(&p, "HHHHHHHHHHHHHHHHHHHH", 20);
	p_string(&p, "BTOBTO");
	return p_end(p);
}

static void expect_service(const struct rig *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->ev[i].kind == BH_EV_RPC && r->ev[i].u.rpc.op == BH_RPC_CALL) {
			char buf[37];

			assert_string_equal(bh_uuid_print(&r->ev[i].u.rpc.uuid, buf), SVCCTL);
			assert_int_equal(r->ev[i].u.rpc.opnum, 12);
			assert_string_equal(r->ev[i].u.rpc.pipe, "svcctl");
			assert_string_equal(r->ev[i].u.rpc.text, "BTOBTO");
			assert_string_equal(r->ev[i].u.rpc.user, "HALL\\anna");
			return;
		}
	fail_msg("no call was told");
}

static void a_pipe_speaks_through_transactions_or_writes(void **state)
{
	struct pdu bind = p_end(p_bind(11, 1, 0, SVCCTL)), ack = p_end(p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1)), call = create_service();

	for (unsigned how = 0; how < 2; how++)
		for (size_t mss = 1; mss < 300; mss += mss < 100 ? 1 : 31) {
			struct old o = old_new();
			struct rig r;

			start(&o);
			old_tree(&o, "\\\\FILES\\IPC$", "IPC");
			old_create(&o, "\\svcctl", RW, 1, 0, FID);
			if (how) {
				old_trans(&o, 0x25, 2, 0x26, FID, "", 0, bind.b, (uint32_t)bind.n);
				old_trans_answer(&o, 0x25, ack.b, (uint32_t)ack.n);
				old_trans(&o, 0x25, 2, 0x26, FID, "", 0, call.b, (uint32_t)call.n);
				old_trans_answer(&o, 0x25, "", 0);
			} else {
				old_write(&o, FID, 0, bind.b, (uint32_t)bind.n, 0);
				old_read(&o, FID, 0, ack.b, (uint32_t)ack.n);
				old_write(&o, FID, 0, call.b, (uint32_t)call.n, 0);
			}
			rig_open(&r);
			rig_play(&r, o.t, 0, mss);
			expect_service(&r);
			rig_close(&r);
			free(o.t);
		}
}

/* a request of eight words and no bytes */
static void old_nothing(struct old *o, unsigned cmd)
{
	old_begin(o, 0, cmd, 0);
	old_words(o);
	le(o->t, 16, 0);
	old_bytes(o);
	old_end(o);
}

static void messages_only_an_exploit_sends_are_told(void **state)
{
	struct old o = old_new();
	const struct bh_event *e;
	struct rig r;

	start(&o);
	old_trans(&o, 0x32, 1, 0x0e, 0, "abcdefgh", 8, "", 0); /* the back door's ping */
	old_nothing(&o, 0xa0); /* begun as an NT transaction … */
	old_nothing(&o, 0x33); /* … and continued as a Trans2 */
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	e = rig_nth(&r, BH_SMB_ODD, 0);
	assert_non_null(e);
	assert_non_null(strstr(e->u.smb.name, "SESSION_SETUP"));
	e = rig_nth(&r, BH_SMB_ODD, 1);
	assert_non_null(e);
	assert_non_null(strstr(e->u.smb.name, "NT transaction"));
	assert_null(rig_nth(&r, BH_SMB_ODD, 2));
	rig_close(&r);
	free(o.t);
}

static void a_peek_at_a_file_that_cannot_be_open_is_told(void **state)
{
	struct old o = old_new();
	const struct bh_event *e;
	struct rig r;

	start(&o);
	old_trans(&o, 0x25, 2, 0x23, 0x4000, "", 0, "", 0); /* of a pipe whose opening was not seen */
	old_trans(&o, 0x25, 2, 0x23, 0, "", 0, "", 0);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	e = rig_nth(&r, BH_SMB_ODD, 0);
	assert_non_null(e);
	assert_non_null(strstr(e->u.smb.name, "PeekNamedPipe"));
	assert_null(rig_nth(&r, BH_SMB_ODD, 1));
	rig_close(&r);
	free(o.t);
}

static void a_transaction_continued_as_what_it_is_is_nothing(void **state)
{
	struct old o = old_new();
	struct rig r;

	start(&o);
	old_nothing(&o, 0xa0);
	old_nothing(&o, 0xa1);
	old_trans(&o, 0x32, 1, 5, 0, "abcdefgh", 8, "", 0);
	old_nothing(&o, 0x33);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	assert_null(rig_nth(&r, BH_SMB_ODD, 0));
	rig_close(&r);
	free(o.t);
}

static void two_connections_of_a_client_do_not_share_a_handle(void **state)
{
	struct old o = old_new();
	struct rig r;

	start(&o);
	old_create(&o, "\\a.txt", RW, 1, 10, FID);
	rig_open(&r);
	rig_play(&r, o.t, 0, 1460);
	r.flow = 10; /* the same numbers again */
	r.seq[0] = r.seq[1] = 1;
	rig_play(&r, o.t, 0, 1460);
	assert_int_equal(rig_counter(&r, "evicted_handles"), 0);
	assert_non_null(rig_nth(&r, BH_SMB_OPEN, 1));
	o.t->n = 0;
	old_write(&o, FID, 0, "hello", 5, 0);
	old_close(&o, FID);
	rig_play(&r, o.t, 0, 1460);
	r.flow = 9;
	assert_non_null(rig_nth(&r, BH_SMB_CLOSE, 0));
	assert_int_equal(rig_nth(&r, BH_SMB_CLOSE, 0)->u.smb.bytes_written, 5);
	rig_close(&r);
	free(o.t);
}

static void one_direction_alone_is_told_untrusted(void **state)
{
	struct old o = old_new();
	const struct bh_event *e;
	struct rig r;

	old_negotiate(&o, false);
	for (unsigned i = 0; i < 17; i++)
		old_path(&o, "\\a.txt", "\\b.txt", 0);
	rig_open(&r);
	for (size_t m = 0; m < o.t->n; m++)
		if (o.t->msg[m].dir == 0)
			rig_send(&r, 0, o.t->b + o.t->msg[m].off, o.t->msg[m].len);
	e = rig_nth(&r, BH_SMB_RENAME, 0);
	assert_non_null(e);
	assert_int_equal(e->flags, BH_EVF_UNTRUSTED);
	rig_close(&r);
	free(o.t);
}

static void no_length_that_lies_is_believed(void **state)
{
	struct old o = old_new();
	struct rig r;

	start(&o);
	old_create(&o, "\\b.txt", RW, 1, 10, FID);
	old_write(&o, FID, 0, "hello", 5, 0);
	old_trans(&o, 0x25, 2, 0x26, FID, "", 0, "\5\0\x0b", 3);
	old_trans_answer(&o, 0x25, "\5\0", 2);
	old_path(&o, "\\a.txt", "\\b.txt", 0);
	rig_open(&r);
	for (size_t at = 0; at < o.t->len; at++) {
		uint8_t was = o.t->b[at];

		for (unsigned v = 0; v < 2; v++) {
			o.t->b[at] = v ? 0xff : (uint8_t)(was + 1);
			r.flow++;
			r.seq[0] = r.seq[1] = 0;
			rig_play(&r, o.t, 0, 1460);
		}
		o.t->b[at] = was;
	}
	rig_close(&r);
	free(o.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_victim_file_is_told_as_by_the_newer_protocol),
		cmocka_unit_test(any_split_into_segments_gives_the_same_facts),
		cmocka_unit_test(a_chain_is_followed_and_its_status_is_that_of_the_last),
		cmocka_unit_test(a_wrong_password_is_a_failed_logon),
		cmocka_unit_test(files_are_deleted_by_path_by_disposition_and_at_close),
		cmocka_unit_test(a_file_is_renamed_by_its_handle),
		cmocka_unit_test(a_pipe_speaks_through_transactions_or_writes),
		cmocka_unit_test(messages_only_an_exploit_sends_are_told),
		cmocka_unit_test(a_peek_at_a_file_that_cannot_be_open_is_told),
		cmocka_unit_test(a_transaction_continued_as_what_it_is_is_nothing),
		cmocka_unit_test(two_connections_of_a_client_do_not_share_a_handle),
		cmocka_unit_test(one_direction_alone_is_told_untrusted),
		cmocka_unit_test(no_length_that_lies_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
