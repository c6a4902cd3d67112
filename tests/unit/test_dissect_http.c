/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_http;

#define TYPE1 "TlRMTVNTUAABAAAA"
/* NTLMSSP, 2, twelve zeros, challenge 0102030405060708 */
#define TYPE2 "TlRMTVNTUAACAAAAAAAAAAAAAAAAAAAAAQIDBAUGBwg="
/* NTLMSSP, 3, response of 16 bytes, domain CORP, user alice, workstation PC1 */
#define TYPE3 \
	"TlRMTVNTUAADAAAAAAAAAAAAAAAQABAATgAAAAQABABAAAAABQAFAEQAAAADAAMASQAAAAAAAAAAAAAAAAAAAENPUlBhbGljZVBDMQAABwcHBwcHBwcHBwcHBwcHBw=="
#define POST(auth) "POST /wsman?x=1 HTTP/1.1\r\nHost: srv:5985\r\nUser-Agent: test\r\nContent-Length: 4\r\n" auth "\r\nbody"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static void a_request_to_winrm_is_told_with_its_answer(void **state)
{
	for (size_t step = 1; step < 300; step = step * 4 + 1) {
		struct rig *r = rig_open(&bh_dissector_http, 5985, false);

		rig_split(r, 0, POST(""), sizeof POST("") - 1, step);
		assert_int_equal(r->n, 0);
		rig_split(r, 1, OK, sizeof OK - 1, step);
		assert_int_equal(r->n, 1);
		assert_int_equal(r->ev[0].kind, BH_EV_HTTP);
		assert_int_equal(r->ev[0].u.http.status, 200);
		assert_int_equal(r->ev[0].u.http.count, 1);
		assert_string_equal(r->ev[0].u.http.method, "POST");
		assert_string_equal(r->ev[0].u.http.path, "/wsman");
		assert_string_equal(r->ev[0].u.http.host, "srv:5985");
		assert_string_equal(r->ev[0].u.http.agent, "test");
		assert_int_equal(r->ev[0].flags, BH_EVF_TWOWAY);
		rig_close(r);
	}
}

static void other_requests_are_nobodys_business(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 80, false);

	for (unsigned i = 0; i < 5; i++) {
		rig_text(r, 0, "GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n");
		rig_text(r, 1, OK);
	}
	rig_text(r, 0, "PROPFIND /share HTTP/1.1\r\n\r\n");
	rig_text(r, 1, "HTTP/1.1 207 Multi-Status\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	assert_int_equal(r->n, 1);
	assert_string_equal(r->ev[0].u.http.method, "PROPFIND");
	rig_end(r);
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void ntlm_is_told_at_its_proof_and_at_its_outcome(void **state)
{
	for (unsigned ok = 0; ok < 2; ok++) {
		struct rig *r = rig_open(&bh_dissector_http, 5985, false);

		rig_text(r, 0, POST("Authorization: Negotiate " TYPE1 "\r\n"));
		rig_text(r, 1, "HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate " TYPE2 "\r\nContent-Length: 0\r\n\r\n");
		assert_int_equal(r->n, 1);
		rig_text(r, 0, POST("Authorization: Negotiate " TYPE3 "\r\n"));
		assert_int_equal(r->n, 2);
		assert_int_equal(r->ev[1].kind, BH_EV_LOGON);
		assert_int_equal(r->ev[1].u.logon.via, BH_LOGON_HTTP);
		assert_int_equal(r->ev[1].u.logon.mech, BH_MECH_NTLM);
		assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_TRIED);
		assert_true(r->ev[1].u.logon.challenge == 0x0102030405060708);
		assert_true(r->ev[1].u.logon.proof != 0);
		assert_string_equal(r->ev[1].u.logon.user, "CORP\\alice");
		assert_string_equal(r->ev[1].u.logon.workstation, "PC1");
		rig_text(r, 1, ok ? OK : "HTTP/1.1 401 \r\nWWW-Authenticate: Negotiate\r\nContent-Length: 0\r\n\r\n");
		assert_int_equal(r->n, 4);
		assert_int_equal(r->ev[3].u.logon.result, ok ? BH_LOGON_OK : BH_LOGON_FAILED);
		assert_int_equal(r->ev[3].u.logon.status, ok ? 0 : 401);
		assert_string_equal(r->ev[3].u.logon.user, "CORP\\alice");
		rig_close(r);
	}
}

static void of_basic_credentials_only_the_name_is_taken(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 8080, false);

	/* alice:geheim! */
	rig_text(r, 0, "GET /a?password=geheim HTTP/1.1\r\nAuthorization: Basic YWxpY2U6Z2VoZWltIQ==\r\n\r\n");
	rig_text(r, 1, "HTTP/1.1 401 no\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(r->n, 2);
	assert_string_equal(r->ev[0].u.http.path, "/a");
	assert_int_equal(r->ev[1].u.logon.mech, BH_MECH_PASSWORD);
	assert_int_equal(r->ev[1].u.logon.result, BH_LOGON_FAILED);
	assert_string_equal(r->ev[1].u.logon.user, "alice");
	for (size_t i = 0; i < r->n; i++) {
		char text[BH_EVENT_TEXT];

		bh_event_print(&r->ev[i], text);
		assert_null(strstr(text, "geheim"));
		assert_null(strstr(text, "Z2VoZWlt"));
	}
	for (unsigned i = 0; i < 3; i++) {
		rig_text(r, 0, "GET /a HTTP/1.1\r\nAuthorization: Basic YWxpY2U6Z2VoZWltIQ==\r\n\r\n");
		rig_text(r, 1, OK);
	}
	/* three requests, one success */
	assert_int_equal(r->n, 6);
	assert_int_equal(r->ev[3].u.logon.result, BH_LOGON_OK);
	rig_text(r, 0, "GET /a HTTP/1.1\r\nAuthorization: Digest username=\"bob\", realm=\"x\"\r\n\r\n");
	rig_text(r, 1, "HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n");
	assert_string_equal(r->ev[7].u.logon.user, "bob");
	rig_close(r);
}

/* the credentials and the lines of who puts his password where none belongs */
static void a_password_in_an_unusual_place_is_not_told_either(void **state)
{
	static const char *const heads[] = {"GET ftp://alice:geheim@h/a HTTP/1.1\r\n", "OPTIONS https://alice:geheim@h HTTP/1.1\r\n",
		"CONNECT alice:geheim@h:443 HTTP/1.1\r\n", "GET /a HTTP/1.1\r\n"};

	for (size_t i = 0; i < BH_COUNT(heads); i++) {
		struct rig *r = rig_open(&bh_dissector_http, 8080, false);

		rig_text(r, 0, heads[i]);
		rig_text(r, 0, "Authorization: Basic Z2VoZWltZ2VoZWlt\r\n\r\n"); /* geheimgeheim, no colon */
		rig_text(r, 1, OK);
		assert_int_equal(r->n, 2);
		assert_string_equal(r->ev[1].u.logon.user, "");
		for (size_t k = 0; k < r->n; k++)
			assert_null(memmem(&r->ev[k], sizeof r->ev[k], "geheim", 6));
		rig_close(r);
	}
}

static void a_token_that_is_no_password_is_no_logon(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 80, false);

	rig_text(r, 0, "GET /a HTTP/1.1\r\nAuthorization: Bearer abc\r\n\r\n");
	rig_text(r, 1, "HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].kind, BH_EV_HTTP);
	rig_text(r, 0, "GET /a HTTP/1.1\r\nAuthorization: Negotiate YIIabcdefgh\r\n\r\n");
	rig_text(r, 1, OK);
	assert_int_equal(r->n, 3);
	assert_int_equal(r->ev[2].u.logon.mech, BH_MECH_KERBEROS);
	rig_close(r);
}

static void many_requests_of_a_kind_are_told_by_doublings(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	for (unsigned i = 0; i < 100; i++) {
		rig_text(r, 0, POST(""));
		rig_text(r, 1, OK);
	}
	assert_int_equal(r->n, 18);
	assert_int_equal(r->ev[17].u.http.count, 64);
	rig_text(r, 0, POST(""));
	rig_text(r, 1, "HTTP/1.1 500 no\r\n\r\n");
	assert_int_equal(r->ev[18].u.http.count, 101);
	rig_close(r);
}

static void pipelined_requests_and_answers_in_one_segment_are_read(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	rig_text(r, 0, POST("") POST(""));
	assert_int_equal(r->n, 1); /* the first did not wait for its answer */
	assert_int_equal(r->ev[0].u.http.status, 0);
	rig_text(r, 1, OK "HTTP/1.1 204 x\r\n\r\n");
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].u.http.status, 204);
	rig_close(r);
}

static void a_request_without_an_answer_is_told_at_the_end(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	rig_text(r, 0, POST(""));
	rig_text(r, 1, "HTTP/1.1 100 Continue\r\n\r\n");
	rig_end(r);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.http.status, 0);
	assert_int_equal(r->ev[0].flags, 0);
	rig_close(r);
}

static void the_body_of_a_head_request_does_not_come(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	rig_text(r, 0, "HEAD /wsman HTTP/1.1\r\n\r\n");
	rig_text(r, 1, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
	rig_text(r, 0, POST(""));
	rig_text(r, 1, OK);
	assert_int_equal(r->n, 2);
	rig_close(r);
}

static void bodies_with_holes_are_stepped_over_and_heads_with_holes_given_up(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	rig_text(r, 0, "POST /wsman HTTP/1.1\r\nContent-Length: 100000\r\n\r\nbegin");
	rig_lose(r, 0, 99990);
	for (unsigned i = 0; i < 5; i++)
		rig_text(r, 0, "e");
	rig_text(r, 0, POST(""));
	for (unsigned i = 0; i < 10; i++)
		rig_text(r, 0, POST(""));
	rig_text(r, 1, OK);
	assert_true(r->n >= 2);
	for (size_t i = 0; i < r->n; i++)
		assert_int_equal(r->ev[i].flags & ~BH_EVF_TWOWAY, 0);
	rig_text(r, 0, "POST /wsman HTTP/1.1\r\nAuthorization: Basic YWxp");
	rig_lose(r, 0, 50000);
	for (unsigned i = 0; i < 10; i++)
		rig_text(r, 0, POST(""));
	rig_text(r, 1, OK);
	assert_true(rig_count(r, "gaps") > 1);
	rig_end(r);
	assert_true(r->ev[r->n - 1].flags & BH_EVF_GAPS);
	rig_close(r);
}

static void joined_late_it_waits_for_a_head(void **state)
{
	struct rig *r = rig_open(&bh_dissector_http, 5985, false);

	r->late = true;
	rig_text(r, 1, "the rest of something");
	rig_text(r, 0, "and of a request");
	rig_text(r, 0, POST(""));
	rig_text(r, 1, OK);
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void only_answers_give_no_fact_and_odd_lines_do_no_harm(void **state)
{
	static const char *const odd[] = {"GET \r\n\r\n", "GET HTTP/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "POST /wsman HTTP/1.1\nAuthorization:\nAuthorization: NTLM\n\n",
		"POST http://x HTTP/1.1\r\nAuthorization: Basic ====\r\n\r\n", "POST http://x/wsman HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"};
	char *big = malloc(5001);
	struct rig *r;

	for (size_t i = 0; i < BH_COUNT(odd); i++) {
		r = rig_open(&bh_dissector_http, 80, false);
		rig_text(r, 1, "HTTP/1.1 401 x\r\n\r\n");
		rig_text(r, 1, "HTTP/1.1 abc\r\n\r\n");
		assert_int_equal(r->n, 0);
		rig_text(r, 0, odd[i]);
		rig_text(r, 1, "HTTP/1.1 401 x\r\n\r\n");
		rig_end(r);
		rig_close(r);
	}
	memset(big, 'a', 5000);
	big[5000] = 0;
	r = rig_open(&bh_dissector_http, 80, false);
	rig_text(r, 0, "POST /wsman/");
	rig_text(r, 0, big);
	rig_text(r, 0, " HTTP/1.1\r\nAuthorization: Basic ");
	rig_text(r, 0, big);
	rig_text(r, 0, "\r\n\r\n");
	rig_text(r, 1, OK);
	assert_int_equal(r->n, 2);
	rig_close(r);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_to_winrm_is_told_with_its_answer),
		cmocka_unit_test(other_requests_are_nobodys_business),
		cmocka_unit_test(ntlm_is_told_at_its_proof_and_at_its_outcome),
		cmocka_unit_test(of_basic_credentials_only_the_name_is_taken),
		cmocka_unit_test(a_password_in_an_unusual_place_is_not_told_either),
		cmocka_unit_test(a_token_that_is_no_password_is_no_logon),
		cmocka_unit_test(many_requests_of_a_kind_are_told_by_doublings),
		cmocka_unit_test(pipelined_requests_and_answers_in_one_segment_are_read),
		cmocka_unit_test(a_request_without_an_answer_is_told_at_the_end),
		cmocka_unit_test(the_body_of_a_head_request_does_not_come),
		cmocka_unit_test(bodies_with_holes_are_stepped_over_and_heads_with_holes_given_up),
		cmocka_unit_test(joined_late_it_waits_for_a_head),
		cmocka_unit_test(only_answers_give_no_fact_and_odd_lines_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
