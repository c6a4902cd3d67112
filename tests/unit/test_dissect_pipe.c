/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "rpc_say.h"
#include "smb_talk.h"

#define FID 0x77

/* The pipe is opened ... */
static struct talk *opened(struct talk *t)
{
	say_negotiate(t, 0x0210);
	say_login(t, "HALL", "anna", 0, 0);
	say_tree(t, "\\\\files\\IPC$", 5, 2);
	say_create(t, "svcctl", 0x12019f, 0, 1, 0, FID);
	return t;
}

static void say_ioctl(struct talk *t, struct pdu ask, struct pdu answer)
{
	ask = p_end(ask);
	answer = p_end(answer);
	frame_begin(t, 0);
	command(t, 11, 0, 0, t->mid);
	le(t, 4, 57);
	le(t, 4, 0x11c017);
	body_fid(t, FID);
	le(t, 4, 120);
	le(t, 4, ask.n);
	le(t, 4, 0);
	le(t, 8, 0);
	le(t, 4, 4280);
	le(t, 8, 1);
	raw(t, ask.b, ask.n);
	frame_end(t);
	frame_begin(t, 1);
	command(t, 11, 1, 0, t->mid++);
	le(t, 4, 49);
	le(t, 4, 0x11c017);
	body_fid(t, FID);
	le(t, 8, 112);
	le(t, 4, 112);
	le(t, 4, answer.n);
	le(t, 8, 0);
	raw(t, answer.b, answer.n);
	frame_end(t);
}

static struct pdu create(void)
{
	struct pdu p = p_request(2, 0, 12, NULL);

	p_raw(&p, "HHHHHHHHHHHHHHHHHHHH", 20);
	p_string(&p, "PSEXESVC");
	return p_end(p);
}

/* ... and bound */
static struct talk *bound(struct talk *t)
{
	struct pdu ask = p_end(p_bind(11, 1, 0, SVCCTL)), answer = p_end(p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1));

	opened(t);
	say_write(t, FID, 0, ask.b, (uint32_t)ask.n, 0);
	say_read(t, FID, 0, answer.b, (uint32_t)answer.n);
	return t;
}

static void say_create_service(struct talk *t)
{
	struct pdu p = create();

	say_write(t, FID, 0, p.b, (uint32_t)p.n, 0);
}

static struct talk *called(struct talk *t)
{
	bound(t);
	say_create_service(t);
	return t;
}

static void play_client(struct rig *r, const struct talk *t)
{
	for (size_t m = 0; m < t->n; m++)
		if (t->msg[m].dir == 0)
			rig_send(r, 0, t->b + t->msg[m].off, t->msg[m].len);
}

static const struct bh_event *rpc(const struct rig *r, unsigned op)
{
	for (size_t i = 0; i < r->n && i < RIG_EVENTS; i++)
		if (r->ev[i].kind == BH_EV_RPC && r->ev[i].u.rpc.op == op)
			return &r->ev[i];
	return NULL;
}

static void expect_create(const struct rig *r, unsigned flags)
{
	const struct bh_event *e = rpc(r, BH_RPC_CALL);
	char buf[37];

	assert_non_null(e);
	assert_string_equal(bh_uuid_print(&e->u.rpc.uuid, buf), SVCCTL);
	assert_int_equal(e->u.rpc.opnum, 12);
	assert_int_equal(e->u.rpc.via, BH_VIA_PIPE);
	assert_int_equal(e->u.rpc.flags, flags);
	assert_int_equal(e->u.rpc.stub, 52);
	assert_string_equal(e->u.rpc.text, "PSEXESVC");
}

static void a_call_over_writes_and_reads_of_a_pipe_is_told(void **state)
{
	struct talk *t = called(talk_new());
	const struct bh_event *e;

	say_close(t, FID, 0);
	for (size_t mss = 1; mss < 400; mss = mss < 150 ? mss + 1 : mss + 97) {
		struct rig r;

		rig_open(&r);
		rig_play(&r, t, 0, mss);
		expect_create(&r, 0);
		e = rpc(&r, BH_RPC_CALL);
		assert_string_equal(e->u.rpc.pipe, "svcctl");
		assert_string_equal(e->u.rpc.user, "HALL\\anna");
		assert_int_equal(e->flags, BH_EVF_TWOWAY);
		e = rpc(&r, BH_RPC_BIND);
		assert_non_null(e);
		assert_int_equal(e->flags, BH_EVF_TWOWAY);
		assert_null(rig_nth(&r, BH_SMB_CLOSE, 0)); /* a pipe is no file */
		rig_close(&r);
	}
	free(t);
}

static void a_transaction_carries_both_directions(void **state)
{
	struct talk *t = opened(talk_new());
	struct rig r;

	say_ioctl(t, p_bind(11, 1, 0, SVCCTL), p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1));
	say_ioctl(t, create(), p_fault(2, 0, 5));
	rig_open(&r);
	rig_play(&r, t, 0, 100);
	expect_create(&r, 0);
	assert_int_equal(rpc(&r, BH_RPC_BIND)->flags, BH_EVF_TWOWAY);
	assert_int_equal(rpc(&r, BH_RPC_FAULT)->u.rpc.opnum, 12);
	rig_done(&r, t);
}

static void a_message_may_be_cut_into_writes_anywhere(void **state)
{
	struct pdu p = create();

	for (uint32_t cut = 1; cut < p.n; cut++) {
		struct talk *t = bound(talk_new());
		struct rig r;

		say_write(t, FID, 0, p.b, cut, 0);
		say_write(t, FID, 0, p.b + cut, (uint32_t)p.n - cut, 0);
		rig_open(&r);
		rig_play(&r, t, 0, 1460);
		expect_create(&r, 0);
		rig_done(&r, t);
	}
}

static void joined_after_the_open_the_pipe_is_known_by_its_bind(void **state)
{
	struct talk *t = called(talk_new());
	struct rig r;

	rig_open(&r);
	rig_play(&r, t, 8, 1460); /* from the write of the bind on */
	expect_create(&r, 0);
	rig_done(&r, t);
}

static void one_direction_only_is_told_without_confirmation(void **state)
{
	struct talk *t = called(talk_new());
	struct rig r;

	rig_open(&r);
	play_client(&r, t);
	assert_non_null(rpc(&r, BH_RPC_BIND));
	assert_int_equal(rpc(&r, BH_RPC_BIND)->flags, BH_EVF_UNTRUSTED);
	expect_create(&r, 0);
	rig_done(&r, t);
}

static void without_any_answer_a_pipe_taken_for_open_confirms_nothing(void **state)
{
	struct talk *t = talk_new();
	struct rig r;

	for (unsigned i = 0; i < 17; i++)
		plain(t, 0, 13, 0, t->mid++);
	called(t);
	rig_open(&r);
	play_client(&r, t);
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.ev[i].flags, BH_EVF_UNTRUSTED);
	expect_create(&r, 0);
	rig_done(&r, t);
}

static void a_missing_piece_costs_the_message_and_no_more(void **state)
{
	struct talk *t = called(talk_new());
	uint8_t *first;
	struct rig r;

	for (unsigned i = 0; i < 12; i++)
		say_create_service(t);
	rig_open(&r);
	for (size_t m = 0; m < t->n; m++) {
		first = t->b + t->msg[m].off;
		if (m == 12) { /* the end of the first call never comes */
			rig_send(&r, 0, first, t->msg[m].len - 20);
			r.seq[0] += 20;
			continue;
		}
		rig_send(&r, t->msg[m].dir, first, t->msg[m].len);
	}
	expect_create(&r, 0);
	rig_done(&r, t);
}

static void without_its_bind_the_name_of_the_pipe_says_what_it_is_for(void **state)
{
	struct talk *t = opened(talk_new());
	struct rig r;

	say_create_service(t);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	expect_create(&r, BH_RPC_F_ASSUMED | BH_RPC_F_LATE);
	rig_done(&r, t);
}

static void a_pipe_with_another_language_is_left_alone(void **state)
{
	struct talk *t = opened(talk_new());
	struct rig r;

	for (unsigned i = 0; i < 4; i++)
		say_write(t, FID, 0, i & 1 ? "\5\0no message of ours" : "whoami\r\n", i & 1 ? 20 : 8, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_null(rpc(&r, BH_RPC_BIND));
	assert_null(rpc(&r, BH_RPC_CALL));
	assert_int_equal(rig_counter(&r, "rpc_malformed"), 0);
	rig_done(&r, t);
}

static void a_file_whose_tree_was_not_seen_keeps_its_content(void **state)
{
	struct talk *t = talk_new();
	const struct bh_event *e;
	uint8_t data[4096];
	struct rig r;

	noise(data, sizeof data, 3);
	data[0] = 5;
	t->mid = 90;
	say_create(t, "a.bin", 0x12019f, 0, 2, 0, FID);
	say_write(t, FID, 0, data, sizeof data, 0);
	say_close(t, FID, 0);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	e = rig_nth(&r, BH_SMB_CLOSE, 0);
	assert_non_null(e);
	assert_int_equal(e->u.smb.bytes_written, sizeof data);
	assert_int_equal(e->u.smb.rand_written, BH_RAND_SMALL);
	rig_done(&r, t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_over_writes_and_reads_of_a_pipe_is_told),
		cmocka_unit_test(a_transaction_carries_both_directions),
		cmocka_unit_test(a_message_may_be_cut_into_writes_anywhere),
		cmocka_unit_test(joined_after_the_open_the_pipe_is_known_by_its_bind),
		cmocka_unit_test(one_direction_only_is_told_without_confirmation),
		cmocka_unit_test(without_any_answer_a_pipe_taken_for_open_confirms_nothing),
		cmocka_unit_test(a_missing_piece_costs_the_message_and_no_more),
		cmocka_unit_test(without_its_bind_the_name_of_the_pipe_says_what_it_is_for),
		cmocka_unit_test(a_pipe_with_another_language_is_left_alone),
		cmocka_unit_test(a_file_whose_tree_was_not_seen_keeps_its_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
