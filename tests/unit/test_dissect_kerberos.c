/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_kerberos;

/* ---- messages ---- */

static void in_context(struct ber *b, unsigned field, unsigned v)
{
	size_t m = ber_begin(b, 0xa0 | field);

	ber_num(b, 0x02, v);
	ber_end(b, m);
}

static void string(struct ber *b, unsigned field, const char *s)
{
	size_t m = ber_begin(b, 0xa0 | field);

	ber_str(b, 0x1b, s);
	ber_end(b, m);
}

/* "a/b" is a name of two parts */
static void name(struct ber *b, unsigned field, const char *s)
{
	size_t m[4] = {ber_begin(b, 0xa0 | field), ber_begin(b, 0x30)};
	const char *slash = strchr(s, '/');

	in_context(b, 0, 1);
	m[2] = ber_begin(b, 0xa1);
	m[3] = ber_begin(b, 0x30);
	ber_bytes(b, 0x1b, s, slash ? (size_t)(slash - s) : strlen(s));
	if (slash)
		ber_str(b, 0x1b, slash + 1);
	for (unsigned i = 4; i > 0; i--)
		ber_end(b, m[i - 1]);
}

static void encrypted(struct ber *b, unsigned field, unsigned etype, size_t n)
{
	size_t m[2] = {ber_begin(b, 0xa0 | field), ber_begin(b, 0x30)}, c;

	in_context(b, 0, etype);
	c = ber_begin(b, 0xa2);
	b->n += n;
	ber_end(b, c);
	ber_end(b, m[1]);
	ber_end(b, m[0]);
}

static struct ber request(unsigned type, unsigned pa, size_t pa_bytes, const char *cname, const char *sname)
{
	struct ber b = {.n = 0};
	size_t m[2] = {ber_begin(&b, 0x60 | type), ber_begin(&b, 0x30)}, k[4];

	in_context(&b, 1, 5);
	in_context(&b, 2, type);
	if (pa) {
		k[0] = ber_begin(&b, 0xa3);
		k[1] = ber_begin(&b, 0x30);
		k[2] = ber_begin(&b, 0x30);
		in_context(&b, 1, pa);
		k[3] = ber_begin(&b, 0xa2);
		b.n += pa_bytes;
		for (unsigned i = 4; i > 0; i--)
			ber_end(&b, k[i - 1]);
	}
	k[0] = ber_begin(&b, 0xa4);
	k[1] = ber_begin(&b, 0x30);
	in_context(&b, 0, 0x5081);
	if (cname)
		name(&b, 1, cname);
	string(&b, 2, "CORP");
	name(&b, 3, sname);
	k[2] = ber_begin(&b, 0xa8);
	k[3] = ber_begin(&b, 0x30);
	ber_num(&b, 0x02, 23);
	ber_num(&b, 0x02, 18);
	for (unsigned i = 4; i > 0; i--)
		ber_end(&b, k[i - 1]);
	ber_end(&b, m[1]);
	ber_end(&b, m[0]);
	return b;
}

static struct ber reply(unsigned type, const char *cname, const char *sname, size_t ticket_bytes)
{
	struct ber b = {.n = 0};
	size_t m[2] = {ber_begin(&b, 0x60 | type), ber_begin(&b, 0x30)}, k[3];

	in_context(&b, 0, 5);
	in_context(&b, 1, type);
	string(&b, 3, "CORP");
	name(&b, 4, cname);
	k[0] = ber_begin(&b, 0xa5);
	k[1] = ber_begin(&b, 0x61);
	k[2] = ber_begin(&b, 0x30);
	in_context(&b, 0, 5);
	string(&b, 1, "CORP");
	name(&b, 2, sname);
	encrypted(&b, 3, 23, ticket_bytes);
	for (unsigned i = 3; i > 0; i--)
		ber_end(&b, k[i - 1]);
	encrypted(&b, 6, 18, 40);
	ber_end(&b, m[1]);
	ber_end(&b, m[0]);
	return b;
}

static struct ber error(unsigned code)
{
	struct ber b = {.n = 0};
	size_t m[2] = {ber_begin(&b, 0x7e), ber_begin(&b, 0x30)};

	in_context(&b, 0, 5);
	in_context(&b, 1, 30);
	in_context(&b, 6, code);
	string(&b, 9, "CORP");
	name(&b, 10, "krbtgt/CORP");
	ber_end(&b, m[1]);
	ber_end(&b, m[0]);
	return b;
}

static struct ber framed(struct ber m)
{
	struct ber b = {.b = {0, 0, (uint8_t)(m.n >> 8), (uint8_t)m.n}, .n = m.n + 4};

	memcpy(b.b + 4, m.b, m.n);
	return b;
}

static void say(struct rig *r, unsigned dir, struct ber m)
{
	if (!r->udp)
		m = framed(m);
	rig_say(r, dir, m.b, m.n);
}

/* ---- tests ---- */

static void a_logon_is_an_exchange_and_a_logon_of_its_account(void **state)
{
	for (unsigned udp = 0; udp < 2; udp++) {
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, udp);

		say(r, 0, request(10, 2, 40, "alice", "krbtgt/CORP"));
		assert_int_equal(r->n, 0);
		say(r, 1, reply(11, "alice", "krbtgt/CORP", 60));
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[0].kind, BH_EV_KRB);
		assert_int_equal(r->ev[0].u.krb.type, BH_KRB_AS_REP);
		assert_int_equal(r->ev[0].u.krb.etype_asked, 23);
		assert_int_equal(r->ev[0].u.krb.n_etypes, 2);
		assert_int_equal(r->ev[0].u.krb.etype_ticket, 23);
		assert_int_equal(r->ev[0].u.krb.etype_reply, 18);
		assert_int_equal(r->ev[0].u.krb.flags, BH_KRB_F_PREAUTH);
		assert_string_equal(r->ev[0].u.krb.sname, "krbtgt/CORP");
		assert_int_equal(r->ev[0].flags, BH_EVF_TWOWAY);
		assert_int_equal(r->ev[0].sport, 50000);
		assert_int_equal(r->ev[1].kind, BH_EV_LOGON);
		assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
		assert_int_equal(r->ev[1].u.logon.via, BH_LOGON_KERBEROS);
		assert_string_equal(r->ev[1].u.logon.user, "alice@CORP");
		rig_end(r);
		assert_int_equal(r->n, 2);
		rig_close(r);
	}
}

static void a_request_to_show_the_password_is_no_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, false);

	say(r, 0, request(10, 0, 0, "alice", "krbtgt/CORP"));
	say(r, 1, error(25));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.krb.error, 25);
	assert_int_equal(r->ev[0].u.krb.flags, 0);
	assert_string_equal(r->ev[0].u.krb.cname, "alice");
	rig_close(r);
}

static void errors_about_the_account_are_failed_logons(void **state)
{
	static const unsigned code[] = {6, 12, 18, 23, 24, 13, 68};

	for (size_t i = 0; i < BH_COUNT(code); i++) {
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, true);

		say(r, 0, request(10, 2, 40, "alice", "krbtgt/CORP"));
		say(r, 1, error(code[i]));
		assert_int_equal(r->n, i < 5 ? 2 : 1);
		if (i < 5) {
			assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_FAILED);
			assert_int_equal(r->ev[1].u.logon.status, code[i]);
			assert_string_equal(r->ev[1].u.logon.user, "alice@CORP");
		}
		rig_close(r);
	}
}

static void a_service_ticket_is_told_with_the_name_of_the_answer(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, false);
	struct ber b = framed(request(12, 1, 2500, NULL, "MSSQL/db"));

	rig_split(r, 0, b.b, b.n, 700);
	b = framed(reply(13, "alice", "MSSQL/db", 3000));
	rig_split(r, 1, b.b, b.n, 1);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.krb.type, BH_KRB_TGS_REP);
	assert_int_equal(r->ev[0].u.krb.etype_asked, 23);
	assert_int_equal(r->ev[0].u.krb.etype_reply, 18);
	assert_string_equal(r->ev[0].u.krb.cname, "alice");
	assert_string_equal(r->ev[0].u.krb.sname, "MSSQL/db");
	rig_close(r);
}

static void a_request_without_an_answer_is_told_alone_at_the_end(void **state)
{
	for (unsigned udp = 0; udp < 2; udp++) {
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, udp);

		say(r, 0, request(10, 0, 0, "alice", "krbtgt/CORP"));
		say(r, 0, request(10, 0, 0, "alice", "krbtgt/CORP")); /* sent again */
		assert_int_equal(r->n, 0);
		say(r, 0, request(10, 0, 0, "bob", "krbtgt/CORP"));
		assert_int_equal(r->n, 1);
		rig_end(r);
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[1].u.krb.type, BH_KRB_AS_REQ);
		assert_int_equal(r->ev[1].flags & BH_EVF_TWOWAY, 0);
		assert_string_equal(r->ev[0].u.krb.cname, "alice");
		assert_string_equal(r->ev[1].u.krb.cname, "bob");
		rig_end(r);
		assert_int_equal(r->n, 2);
		rig_close(r);
	}
}

static void an_answer_alone_is_told_for_what_it_says(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, true);

	say(r, 1, reply(13, "alice", "cifs/srv", 60));
	say(r, 1, reply(13, "alice", "cifs/srv", 60)); /* came twice */
	say(r, 1, error(24));
	say(r, 1, error(6));
	assert_int_equal(r->n, 4);
	assert_string_equal(r->ev[0].u.krb.sname, "cifs/srv");
	assert_int_equal(r->ev[2].kind, BH_EV_LOGON); /* only a password can fail preauthentication */
	assert_string_equal(r->ev[2].u.logon.user, "");
	assert_int_equal(r->ev[3].kind, BH_EV_KRB);
	rig_close(r);
}

static void an_answer_nobody_was_seen_to_ask_for_confirms_nothing(void **state)
{
	for (unsigned udp = 0; udp < 2; udp++) {
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, udp);

		r->late = true; /* nothing from the client, so the flow is not two-way */
		say(r, 1, error(24));
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[0].flags & BH_EVF_TWOWAY, 0);
		assert_int_equal(r->ev[1].kind, BH_EV_LOGON);
		assert_int_equal(r->ev[1].flags & BH_EVF_TWOWAY, 0);
		rig_close(r);
	}
}

static void the_client_is_the_source_also_when_the_server_is_seen_first(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, true);
	uint16_t port = r->proto.sport;

	r->proto.sport = r->proto.dport;
	r->proto.dport = port;
	say(r, 0, reply(13, "alice", "cifs/srv", 60));
	assert_int_equal(r->ev[0].dport, 88);
	rig_close(r);
}

static void after_a_gap_the_next_message_is_found(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, false);
	struct ber b = framed(request(10, 2, 900, "alice", "krbtgt/CORP"));

	rig_say(r, 0, b.b, 300);
	rig_lose(r, 0, 40);
	for (unsigned i = 0; i < 40; i++)
		rig_say(r, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	say(r, 0, request(10, 2, 40, "alice", "krbtgt/CORP"));
	say(r, 1, reply(11, "alice", "krbtgt/CORP", 60));
	assert_int_equal(r->n, 2);
	assert_true(rig_count(r, "gaps") + rig_count(r, "malformed") > 0);
	rig_close(r);
}

static void joined_late_in_the_middle_of_a_message_it_waits_for_the_next(void **state)
{
	struct rig *r = rig_open(&bh_dissector_kerberos, 88, false);

	r->late = true;
	rig_say(r, 1, "the rest of a message", 21);
	say(r, 0, request(12, 1, 40, NULL, "MSSQL/db"));
	say(r, 1, reply(13, "alice", "MSSQL/db", 40));
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void lengths_that_lie_give_no_fact(void **state)
{
	struct ber good = reply(11, "alice", "krbtgt/CORP", 60);

	/* every byte of the message, turned over */
	for (size_t i = 0; i < good.n; i++) {
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, true);
		struct ber bad = good;

		bad.b[i] = (uint8_t)~bad.b[i];
		say(r, 1, bad);
		rig_say(r, 1, good.b, i);
		rig_end(r);
		rig_close(r);
	}
	{
		struct rig *r = rig_open(&bh_dissector_kerberos, 88, true);

		rig_say(r, 0, "\x6a\x84\xff\xff\xff\xff", 6);
		rig_say(r, 0, "", 0);
		assert_int_equal(rig_count(r, "udp_malformed"), 2);
		assert_int_equal(r->n, 0);
		rig_close(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_logon_is_an_exchange_and_a_logon_of_its_account),
		cmocka_unit_test(a_request_to_show_the_password_is_no_logon),
		cmocka_unit_test(errors_about_the_account_are_failed_logons),
		cmocka_unit_test(a_service_ticket_is_told_with_the_name_of_the_answer),
		cmocka_unit_test(a_request_without_an_answer_is_told_alone_at_the_end),
		cmocka_unit_test(an_answer_alone_is_told_for_what_it_says),
		cmocka_unit_test(an_answer_nobody_was_seen_to_ask_for_confirms_nothing),
		cmocka_unit_test(the_client_is_the_source_also_when_the_server_is_seen_first),
		cmocka_unit_test(after_a_gap_the_next_message_is_found),
		cmocka_unit_test(joined_late_in_the_middle_of_a_message_it_waits_for_the_next),
		cmocka_unit_test(lengths_that_lie_give_no_fact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
