/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_ssh;

/* a packet in clear: length, padding, type */
static size_t clear(uint8_t *p, unsigned type, size_t n)
{
	memset(p, 0, n);
	p[2] = (uint8_t)((n - 4) >> 8);
	p[3] = (uint8_t)(n - 4);
	p[4] = 4;
	p[5] = (uint8_t)type;
	return n;
}

static void sealed(struct rig *r, unsigned dir, size_t n)
{
	uint8_t *p = malloc(n);

	memset(p, 0xa5, n);
	rig_say(r, dir, p, n);
	free(p);
}

/* up to the server's acceptance of the service; in steps of so many bytes */
static void exchange_keys(struct rig *r, size_t step)
{
	uint8_t b[2000];
	size_t n;

	rig_split(r, 1, "hello\r\nSSH-2.0-server\r\n", 23, step);
	rig_split(r, 0, "SSH-2.0-client\r\n", 16, step);
	n = clear(b, 20, 1000);
	rig_split(r, 0, b, n, step);
	rig_split(r, 1, b, n, step);
	n = clear(b, 30, 48);
	rig_split(r, 0, b, n, step);
	n = clear(b, 31, 500);
	n += clear(b + n, 21, 16);
	rig_split(r, 1, b, n, step);
	n = clear(b, 21, 16);
	rig_split(r, 0, b, n, step);
	sealed(r, 1, 116); /* EXT_INFO */
	sealed(r, 0, 44);
	sealed(r, 1, 44);
}

static void both_sides_are_told_who_they_say_they_are(void **state)
{
	for (size_t step = 1; step < 2000; step *= 11) {
		struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

		exchange_keys(r, step);
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].kind, BH_EV_SSH);
		assert_string_equal(r->ev[0].u.ssh.client, "SSH-2.0-client");
		assert_string_equal(r->ev[0].u.ssh.server, "SSH-2.0-server");
		rig_end(r);
		assert_int_equal(r->n, 1);
		rig_close(r);
	}
}

static void a_success_is_sixteen_bytes_shorter_than_the_accept(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

	exchange_keys(r, 2000);
	sealed(r, 0, 60);
	sealed(r, 1, 76);
	sealed(r, 0, 148);
	sealed(r, 1, 28);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].kind, BH_EV_LOGON);
	assert_int_equal(r->ev[1].u.logon.via, BH_LOGON_SSH);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
	assert_int_equal(r->ev[1].u.logon.status, 1);
	for (unsigned i = 0; i < 100; i++)
		sealed(r, i & 1, 1400);
	rig_end(r);
	assert_int_equal(r->n, 2);
	rig_close(r);
}

static void rounds_refused_and_then_closed_are_a_failed_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

	exchange_keys(r, 2000);
	for (unsigned i = 0; i < 3; i++) {
		sealed(r, 0, i ? 148 : 60);
		sealed(r, 1, 76);
	}
	assert_int_equal(r->n, 1);
	rig_end(r);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_FAILED);
	assert_int_equal(r->ev[1].u.logon.status, 3);
	rig_close(r);
}

static void one_refused_round_is_a_logon_only_with_more_than_a_name(void **state)
{
	for (unsigned password = 0; password < 2; password++) {
		struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

		exchange_keys(r, 2000);
		sealed(r, 0, password ? 92 : 60);
		sealed(r, 1, 76);
		rig_end(r);
		assert_int_equal(r->n, password ? 2 : 1);
		rig_close(r);
	}
}

static void much_from_the_server_is_a_session(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

	exchange_keys(r, 2000);
	sealed(r, 0, 148);
	for (unsigned i = 0; i < 13; i++)
		sealed(r, 1, 1400);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
	rig_close(r);
}

static void a_banner_alone_is_told_at_the_end(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

	rig_text(r, 1, "SSH-2.0-server\r\n");
	assert_int_equal(r->n, 0);
	rig_end(r);
	assert_int_equal(r->n, 1);
	assert_string_equal(r->ev[0].u.ssh.client, "");
	rig_close(r);
}

static void joined_during_the_key_exchange_the_sizes_still_speak(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);
	uint8_t b[64];

	r->late = true;
	rig_say(r, 1, b, clear(b, 21, 16));
	rig_say(r, 0, b, clear(b, 21, 16));
	sealed(r, 0, 64);
	sealed(r, 1, 64);
	sealed(r, 0, 96);
	sealed(r, 1, 48);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.logon.result, BH_LOGON_OK);
	rig_close(r);
}

static void joined_later_or_over_a_gap_nothing_is_claimed(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);
	uint8_t b[1000];

	r->late = true;
	for (unsigned i = 0; i < 20; i++)
		sealed(r, i & 1, 64);
	rig_end(r);
	r->late = false;
	rig_text(r, 1, "SSH-2.0-server\r\n");
	rig_text(r, 0, "SSH-2.0-client\r\n");
	rig_say(r, 1, b, clear(b, 20, 1000));
	rig_lose(r, 1, 40000);
	for (unsigned i = 0; i < 10; i++) {
		sealed(r, 0, 64);
		sealed(r, 1, 64);
	}
	rig_end(r);
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void one_direction_gives_a_name_and_no_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ssh, 22, false);
	uint8_t b[64];

	rig_text(r, 0, "SSH-2.0-client\r\n");
	rig_say(r, 0, b, clear(b, 21, 16));
	for (unsigned i = 0; i < 20; i++)
		sealed(r, 0, 96);
	rig_end(r);
	assert_int_equal(r->n, 1);
	assert_string_equal(r->ev[0].u.ssh.client, "SSH-2.0-client");
	rig_close(r);
}

static void what_is_no_ssh_is_given_up(void **state)
{
	static const char *const bad[] = {"\x16\3\1\0\xff", "SSH-2.0-x\r\n\0\0\0\1\0\0\0\0", "SSH-2.0-x\r\n\xff\xff\xff\xff\1\x14"};

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		struct rig *r = rig_open(&bh_dissector_ssh, 22, false);

		rig_say(r, 0, bad[i], i == 1 ? 19 : i ? 17 : 5);
		for (unsigned k = 0; k < 10; k++)
			sealed(r, 0, 1000);
		assert_int_equal(rig_count(r, "malformed"), 1);
		rig_end(r);
		rig_close(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_are_told_who_they_say_they_are),
		cmocka_unit_test(a_success_is_sixteen_bytes_shorter_than_the_accept),
		cmocka_unit_test(rounds_refused_and_then_closed_are_a_failed_logon),
		cmocka_unit_test(one_refused_round_is_a_logon_only_with_more_than_a_name),
		cmocka_unit_test(much_from_the_server_is_a_session),
		cmocka_unit_test(a_banner_alone_is_told_at_the_end),
		cmocka_unit_test(joined_during_the_key_exchange_the_sizes_still_speak),
		cmocka_unit_test(joined_later_or_over_a_gap_nothing_is_claimed),
		cmocka_unit_test(one_direction_gives_a_name_and_no_logon),
		cmocka_unit_test(what_is_no_ssh_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
