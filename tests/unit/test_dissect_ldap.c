/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_ldap;

/* ---- messages ---- */

static size_t begin(struct ber *b, unsigned id, unsigned op, size_t *ret_outer)
{
	*ret_outer = ber_begin(b, 0x30);
	ber_num(b, 0x02, id);
	return ber_begin(b, op);
}

static struct ber bind(const char *name, unsigned auth, const void *p, size_t n)
{
	struct ber b = {.n = 0};
	size_t o, m = begin(&b, 1, 0x60, &o), s;

	ber_num(&b, 0x02, 3);
	ber_str(&b, 0x04, name);
	if (auth == 0xa3) {
		s = ber_begin(&b, 0xa3);
		ber_str(&b, 0x04, "GSS-SPNEGO");
		ber_bytes(&b, 0x04, p, n);
		ber_end(&b, s);
	} else {
		ber_bytes(&b, auth, p, n);
	}
	ber_end(&b, m);
	ber_end(&b, o);
	return b;
}

static struct ber answer(unsigned id, unsigned op, unsigned result, const void *matched, size_t n)
{
	struct ber b = {.n = 0};
	size_t o, m = begin(&b, id, op, &o);

	ber_num(&b, 0x0a, result);
	ber_bytes(&b, 0x04, matched, n);
	ber_str(&b, 0x04, "");
	ber_end(&b, m);
	ber_end(&b, o);
	return b;
}

static struct ber entry(unsigned id, size_t n)
{
	struct ber b = {.n = 0};
	size_t o, m = begin(&b, id, 0x64, &o);

	ber_str(&b, 0x04, "CN=x");
	b.n += n;
	ber_end(&b, m);
	ber_end(&b, o);
	return b;
}

static struct ber search(unsigned id, const char *base, const struct ber *filter)
{
	struct ber b = {.n = 0};
	size_t o, m = begin(&b, id, 0x63, &o);

	ber_str(&b, 0x04, base);
	ber_num(&b, 0x0a, 2);
	ber_num(&b, 0x0a, 0);
	ber_num(&b, 0x02, 1000);
	ber_num(&b, 0x02, 0);
	ber_num(&b, 0x01, 0);
	memcpy(b.b + b.n, filter->b, filter->n);
	b.n += filter->n;
	ber_str(&b, 0x30, "");
	ber_end(&b, m);
	ber_end(&b, o);
	return b;
}

static void equals(struct ber *b, unsigned op, const char *name, const char *v)
{
	size_t m = ber_begin(b, op);

	ber_str(b, 0x04, name);
	ber_str(b, 0x04, v);
	ber_end(b, m);
}

static struct ber present(const char *name)
{
	struct ber b = {.n = 0};

	ber_str(&b, 0x87, name);
	return b;
}

static void say(struct rig *r, unsigned dir, struct ber b)
{
	rig_say(r, dir, b.b, b.n);
}

static size_t challenge(uint8_t *p)
{
	memset(p, 0, 48);
	memcpy(p, "NTLMSSP\0\2", 9);
	memcpy(p + 24, "\1\2\3\4\5\6\7\x08", 8);
	return 48;
}

static size_t proof(uint8_t *p)
{
	static const uint8_t field[] = {16, 0, 16, 0, 78, 0, 0, 0, /* nt */ 4, 0, 4, 0, 64, 0, 0, 0, /* domain */ 5, 0, 5, 0, 68, 0, 0, 0, /* user */
		3, 0, 3, 0, 73, 0, 0, 0 /* workstation */};

	memset(p, 0, 94);
	memcpy(p, "NTLMSSP\0\3", 9);
	memcpy(p + 20, field, sizeof field);
	memcpy(p + 64, "CORPalicePC1", 12);
	memset(p + 78, 7, 16);
	return 94;
}

/* ---- tests ---- */

static void a_simple_bind_is_a_logon_and_its_password_is_nowhere(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);

	say(r, 0, bind("CN=alice,DC=corp", 0x80, "geheim!1", 8));
	assert_int_equal(r->n, 0);
	say(r, 1, answer(1, 0x61, 49, "", 0));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.logon.via, BH_LOGON_LDAP);
	assert_int_equal(r->ev[0].u.logon.mech, BH_MECH_PASSWORD);
	assert_int_equal(r->ev[0].u.logon.result, BH_LOGON_FAILED);
	assert_int_equal(r->ev[0].u.logon.status, 49);
	assert_string_equal(r->ev[0].u.logon.user, "CN=alice,DC=corp");
	assert_null(memmem(&r->ev[0], sizeof r->ev[0], "geheim", 6));
	say(r, 0, bind("CN=alice,DC=corp", 0x80, "geheim!2", 8));
	say(r, 1, answer(1, 0x61, 0, "", 0));
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_OK);
	assert_int_equal(r->ev[1].flags, BH_EVF_TWOWAY);
	rig_close(r);
}

static void a_bind_without_a_password_is_anonymous(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);

	say(r, 0, bind("", 0x80, "", 0));
	say(r, 1, answer(1, 0x61, 0, "", 0));
	assert_int_equal(r->ev[0].u.logon.mech, BH_MECH_ANONYMOUS);
	say(r, 0, bind("CN=a", 0x80, "x", 1));
	say(r, 1, answer(1, 0x61, 8, "", 0));
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_REFUSED);
	rig_close(r);
}

static void ntlm_is_told_at_the_proof_and_at_the_outcome(void **state)
{
	uint8_t type2[48], type3[96];
	size_t n2 = challenge(type2), n3 = proof(type3);

	for (unsigned sicily = 0; sicily < 2; sicily++) {
		struct rig *r = rig_open(&bh_dissector_ldap, 389, false);

		say(r, 0, bind("", sicily ? 0x8a : 0xa3, "NTLMSSP\0\1\0\0\0", 12));
		say(r, 1, answer(1, 0x61, sicily ? 0 : 14, type2, n2));
		assert_int_equal(r->n, 0);
		say(r, 0, bind("", sicily ? 0x8b : 0xa3, type3, n3));
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].u.logon.result, BH_LOGON_TRIED);
		assert_true(r->ev[0].u.logon.challenge == 0x0102030405060708);
		assert_true(r->ev[0].u.logon.proof != 0);
		assert_string_equal(r->ev[0].u.logon.user, "CORP\\alice");
		assert_string_equal(r->ev[0].u.logon.workstation, "PC1");
		say(r, 1, answer(1, 0x61, sicily ? 49 : 0, "", 0));
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[1].u.logon.result, sicily ? BH_LOGON_FAILED : BH_LOGON_OK);
		assert_int_equal(r->ev[1].u.logon.mech, BH_MECH_NTLM);
		assert_string_equal(r->ev[1].u.logon.user, "CORP\\alice");
		rig_close(r);
	}
}

static void a_search_is_told_when_asked_and_when_done(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
	struct ber f = present("servicePrincipalName"), b;

	say(r, 0, search(300, "DC=corp", &f));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].kind, BH_EV_LDAP);
	assert_int_equal(r->ev[0].u.ldap.op, BH_LDAP_SEARCH);
	assert_int_equal(r->ev[0].u.ldap.scope, 2);
	assert_string_equal(r->ev[0].u.ldap.base, "DC=corp");
	assert_string_equal(r->ev[0].u.ldap.filter, "(servicePrincipalName=*)");
	say(r, 0, search(301, "DC=other", &f));
	b = entry(300, 3000);
	rig_split(r, 1, b.b, b.n, 1000);
	say(r, 1, entry(300, 10));
	say(r, 1, answer(301, 0x65, 32, "", 0));
	say(r, 1, answer(300, 0x65, 0, "", 0));
	assert_int_equal(r->n, 4);
	assert_int_equal(r->ev[2].u.ldap.result, 32);
	assert_int_equal(r->ev[2].u.ldap.entries, 0);
	assert_string_equal(r->ev[2].u.ldap.base, "DC=other");
	assert_int_equal(r->ev[3].u.ldap.op, BH_LDAP_DONE);
	assert_int_equal(r->ev[3].u.ldap.entries, 2);
	assert_true(r->ev[3].u.ldap.bytes > 3000);
	assert_string_equal(r->ev[3].u.ldap.filter, "(servicePrincipalName=*)");
	rig_close(r);
}

static void filters_are_written_as_people_write_them(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 3268, false);
	struct ber f = {.n = 0};
	size_t m, k, s;

	m = ber_begin(&f, 0xa0);
	equals(&f, 0xa3, "cn", "a*b");
	k = ber_begin(&f, 0xa1);
	equals(&f, 0xa5, "u", "5");
	s = ber_begin(&f, 0xa4);
	ber_str(&f, 0x04, "n");
	{
		size_t l = ber_begin(&f, 0x30);

		ber_str(&f, 0x80, "x");
		ber_str(&f, 0x81, "y");
		ber_end(&f, l);
	}
	ber_end(&f, s);
	ber_end(&f, k);
	k = ber_begin(&f, 0xa2);
	s = ber_begin(&f, 0xa9);
	ber_str(&f, 0x81, "1.2");
	ber_str(&f, 0x82, "uac");
	ber_str(&f, 0x83, "2");
	ber_end(&f, s);
	ber_end(&f, k);
	ber_end(&f, m);
	say(r, 0, search(1, "", &f));
	assert_string_equal(r->ev[0].u.ldap.filter, "(&(cn=a\\2ab)(|(u>=5)(n=x*y*))(!(uac:1.2:=2)))");
	rig_close(r);
}

static void a_filter_too_deep_or_too_long_is_cut(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
	struct ber f = {.n = 0};
	size_t m[200];

	for (unsigned i = 0; i < 200; i++)
		m[i] = ber_begin(&f, 0xa2);
	for (unsigned i = 200; i > 0; i--)
		ber_end(&f, m[i - 1]);
	say(r, 0, search(1, "", &f));
	assert_string_equal(r->ev[0].u.ldap.filter, "(!(!(!(!(!(!(!(!(!");
	f.n = 0;
	m[0] = ber_begin(&f, 0xa1);
	for (unsigned i = 0; i < 100; i++)
		equals(&f, 0xa3, "cn", "somebody");
	ber_end(&f, m[0]);
	say(r, 0, search(2, "", &f));
	assert_int_equal(strlen(r->ev[1].u.ldap.filter), 127);
	rig_close(r);
}

static struct ber wrapped(unsigned flags, const struct ber *inner, unsigned n)
{
	uint8_t token[28] = {5, 4, (uint8_t)flags, 0xff, 0, 12, 0, 12};
	struct ber b = {.n = 32};
	size_t len;

	memcpy(b.b + 4, token, sizeof token);
	for (unsigned i = 0; i < n; i++) {
		memcpy(b.b + b.n, inner->b, inner->n);
		b.n += inner->n;
	}
	len = b.n - 4;
	b.b[2] = (uint8_t)(len >> 8);
	b.b[3] = (uint8_t)len;
	return b;
}

static void signed_messages_are_read_and_sealed_ones_stepped_over(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
	struct ber f = present("objectClass"), s = search(5, "DC=corp", &f), w = wrapped(4, &s, 2);

	rig_split(r, 0, w.b, w.n, 13);
	assert_int_equal(r->n, 2);
	w = wrapped(6, &s, 1);
	say(r, 0, w);
	rig_say(r, 0, "\x17\3\3\0\x05hello", 10);
	assert_int_equal(r->n, 2);
	/* NTLM: 16 bytes, signed */
	memset(w.b + 4, 0, 28);
	w.b[4] = 1;
	w.n = 20;
	memcpy(w.b + 20, s.b, s.n);
	w.n += s.n;
	w.b[2] = (uint8_t)((w.n - 4) >> 8);
	w.b[3] = (uint8_t)(w.n - 4);
	say(r, 0, w);
	assert_int_equal(r->n, 3);
	assert_string_equal(r->ev[2].u.ldap.base, "DC=corp");
	assert_int_equal(rig_count(r, "malformed"), 0);
	rig_close(r);
}

static void joined_late_and_over_a_gap_it_goes_on(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
	struct ber f = present("cn"), s = search(5, "DC=corp", &f);

	r->late = true;
	rig_say(r, 0, "half of something", 17);
	say(r, 1, entry(9, 10));
	say(r, 1, answer(9, 0x65, 0, "", 0));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.ldap.entries, 1);
	assert_string_equal(r->ev[0].u.ldap.base, "");
	rig_say(r, 0, s.b, 20);
	rig_lose(r, 0, 70000);
	for (unsigned i = 0; i < 10; i++)
		say(r, 0, s);
	assert_true(r->n > 1);
	rig_close(r);
}

static void one_direction_gives_the_questions(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
	struct ber f = present("cn");

	for (unsigned i = 0; i < 40; i++)
		say(r, 0, search(i, "DC=corp", &f));
	assert_int_equal(r->n, 40);
	say(r, 0, bind("CN=alice", 0x80, "x", 1));
	rig_end(r);
	assert_int_equal(r->n, 40);
	rig_close(r);
}

static void answers_without_questions_confirm_nothing(void **state)
{
	struct rig *r = rig_open(&bh_dissector_ldap, 389, false);

	say(r, 1, entry(7, 40));
	say(r, 1, answer(7, 0x65, 0, "", 0));
	say(r, 1, answer(8, 0x61, 49, "", 0));
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[0].u.ldap.op, BH_LDAP_DONE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(r->ev[i].flags & BH_EVF_TWOWAY, 0);
	rig_close(r);
}

static void lengths_that_lie_do_no_harm(void **state)
{
	struct ber f = present("cn"), good = search(5, "DC=corp", &f);

	for (size_t i = 0; i < good.n; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct rig *r = rig_open(&bh_dissector_ldap, 389, false);
			struct ber bad = good;

			bad.b[i] = k ? 0 : 0xff;
			say(r, 0, bad);
			say(r, 1, bad);
			rig_end(r);
			rig_close(r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_simple_bind_is_a_logon_and_its_password_is_nowhere),
		cmocka_unit_test(a_bind_without_a_password_is_anonymous),
		cmocka_unit_test(ntlm_is_told_at_the_proof_and_at_the_outcome),
		cmocka_unit_test(a_search_is_told_when_asked_and_when_done),
		cmocka_unit_test(filters_are_written_as_people_write_them),
		cmocka_unit_test(a_filter_too_deep_or_too_long_is_cut),
		cmocka_unit_test(signed_messages_are_read_and_sealed_ones_stepped_over),
		cmocka_unit_test(joined_late_and_over_a_gap_it_goes_on),
		cmocka_unit_test(one_direction_gives_the_questions),
		cmocka_unit_test(answers_without_questions_confirm_nothing),
		cmocka_unit_test(lengths_that_lie_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
