/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/report.h>

static char *quoted(const char *s, size_t n)
{
	static char buf[4096];
	struct bh_json j = bh_json(buf, sizeof buf - 1);

	bh_json_strn(&j, NULL, s, n);
	assert_false(j.truncated);
	buf[j.len] = '\0';
	return buf;
}

static void strings_are_escaped_as_rfc_8259_asks(void **state)
{
	assert_string_equal(quoted("plain", 5), "\"plain\"");
	assert_string_equal(quoted("a\"b\\c", 5), "\"a\\\"b\\\\c\"");
	assert_string_equal(quoted("\n\r\t\x01\x1f\x7f", 6), "\"\\n\\r\\t\\u0001\\u001f\\u007f\"");
	assert_string_equal(quoted("a\0b", 3), "\"a\\u0000b\"");
	assert_string_equal(quoted("</script>", 9), "\"</script>\"");
}

/* strings are looked at eight bytes at once: a byte must come out the same wherever it stands */
static void every_byte_is_escaped_the_same_at_every_place(void **state)
{
	char alone[16], out[128], want[128], in[24];

	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;
		struct bh_json j = bh_json(alone, sizeof alone);
		size_t n;

		bh_json_strn(&j, NULL, &byte, 1);
		n = j.len - 2;
		for (size_t at = 0; at < sizeof in; at++) {
			memset(in, 'x', sizeof in);
			in[at] = byte;
			j = bh_json(out, sizeof out);
			bh_json_strn(&j, NULL, in, sizeof in);
			memset(want, 'x', sizeof want);
			want[0] = '"';
			memcpy(want + 1 + at, alone + 1, n);
			want[sizeof in + n] = '"';
			assert_int_equal(j.len, sizeof in + n + 1);
			assert_memory_equal(out, want, j.len);
		}
	}
}

static void broken_utf8_becomes_the_replacement_character(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"caf\xc3\xa9", "\"caf\xc3\xa9\""},				 /* good: two bytes */
		{"\xe2\x82\xac", "\"\xe2\x82\xac\""},				 /* good: three */
		{"\xf0\x9f\x94\xa5", "\"\xf0\x9f\x94\xa5\""},			 /* good: four */
		{"\xff", "\"\xef\xbf\xbd\""},					 /* never a byte of UTF-8 */
		{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},			 /* overlong / */
		{"\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},	 /* overlong, three bytes */
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},	 /* surrogate */
		{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* above U+10FFFF */
		{"a\xc3", "\"a\xef\xbf\xbd\""},					 /* cut off */
		{"\xc3(", "\"\xef\xbf\xbd(\""},
	};

	for (size_t i = 0; i < BH_COUNT(t); i++)
		assert_string_equal(quoted(t[i].in, strlen(t[i].in)), t[i].out);
}

static void a_record_that_does_not_fit_is_dropped_whole_at_every_size(void **state)
{
	struct bh_finding f = {.detector = bh_detectors[0], .host = bh_addr_v4((const uint8_t[]){10, 1, 2, 3}), .peer = bh_addr_v4((const uint8_t[]){10, 9, 0, 1}), .proto = 6};
	struct bh_record r = {.kind = BH_REC_ALERT, .at = BH_SEC(1764038400), .finding = f};
	struct bh_eve e = {.host = "gw-1"};
	static char buf[BH_EVE_MAX];
	size_t full = bh_eve_alert(&e, &r, buf, sizeof buf);

	assert_in_range(full, 400, 4000);
	for (size_t cap = 0; cap < full; cap++) {
		char *exact = malloc(cap ? cap : 1); /* ASan sees a write past the end */

		assert_int_equal(bh_eve_alert(&e, &r, exact, cap), 0);
		free(exact);
	}
	assert_int_equal(bh_eve_alert(&e, &r, buf, full), full);
	assert_int_equal(buf[full - 1], '\n');
}

static void time_is_local_with_a_numeric_zone_and_no_colon(void **state)
{
	static const struct {
		bh_ns at;
		int32_t off;
		const char *text;
	} t[] = {
		{0, 0, "\"1970-01-01T00:00:00.000000+0000\""},
		{BH_SEC(1795340650) + 123456789, 3600, "\"2026-11-22T10:44:10.123456+0100\""},
		{BH_SEC(951782400), 0, "\"2000-02-29T00:00:00.000000+0000\""},
		{BH_SEC(4107542399ull), 0, "\"2100-02-28T23:59:59.000000+0000\""},
		{BH_SEC(1795340650), -12600, "\"2026-11-22T06:14:10.000000-0330\""},
		{BH_SEC(100), -3600, "\"1970-01-01T00:00:00.000000-0100\""}, /* before the epoch: clamped, not wrapped */
	};
	char buf[64];

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_json j = bh_json(buf, sizeof buf - 1);

		bh_json_time(&j, NULL, t[i].at, t[i].off);
		buf[j.len] = '\0';
		assert_string_equal(buf, t[i].text);
	}
}

static void numbers_print_at_their_limits(void **state)
{
	char buf[128];
	struct bh_json j = bh_json(buf, sizeof buf - 1);

	bh_json_open(&j, NULL, '[');
	bh_json_u64(&j, NULL, 0);
	bh_json_u64(&j, NULL, UINT64_MAX);
	bh_json_i64(&j, NULL, INT64_MIN);
	bh_json_i64(&j, NULL, -1);
	bh_json_bool(&j, NULL, true);
	bh_json_close(&j, ']');
	buf[j.len] = '\0';
	assert_string_equal(buf, "[0,18446744073709551615,-9223372036854775808,-1,true]");
}

static void nesting_too_deep_spoils_the_record_instead_of_the_memory(void **state)
{
	char buf[256];
	struct bh_json j = bh_json(buf, sizeof buf);

	for (int i = 0; i < 100; i++)
		bh_json_open(&j, NULL, '[');
	assert_true(j.truncated);
	for (int i = 0; i < 200; i++)
		bh_json_close(&j, ']');
}

static void strict_leaves_out_what_is_only_ours(void **state)
{
	struct bh_record a = {.kind = BH_REC_ACTION, .verb = BH_VERB_APPLIED};
	struct bh_event end = {.kind = BH_EV_FLOW_END, .proto = 6, .src = bh_addr_v4((const uint8_t[]){10, 1, 2, 3}), .dst = bh_addr_v4((const uint8_t[]){10, 9, 0, 1})};
	struct bh_eve e = {.host = "gw-1", .strict = true};
	static char buf[4096];
	size_t n;

	assert_int_equal(bh_eve_action(&e, &a, buf, sizeof buf), 0);
	n = bh_eve_flow(&e, &end, buf, sizeof buf - 1);
	buf[n] = '\0';
	assert_null(strstr(buf, "\"bulkhead\""));
	e.strict = false;
	n = bh_eve_flow(&e, &end, buf, sizeof buf - 1);
	buf[n] = '\0';
	assert_non_null(strstr(buf, "\"bulkhead\""));
}

static void signature_ids_and_names_are_unique_and_as_released(void **state)
{
	/* never reused, never renumbered: a row may be added here, not changed */
	static const struct {
		const char *name;
		uint32_t sid;
	} released[] = {{"scan.seq", 9100001}, {"fanout.admin", 9100002}, {"rogue.dhcp", 9100003}, {"smb.ransom", 9100004}, {"zone.violation", 9100005}};

	for (size_t i = 0; i < BH_COUNT(released); i++) {
		const struct bh_detector *d = bh_detector_by_name(released[i].name);

		assert_non_null(d);
		assert_int_equal(d->sid, released[i].sid);
	}
	for (size_t i = 0; i < bh_n_detectors; i++) {
		assert_in_range(bh_detectors[i]->sid, 9100000, 9199999);
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(bh_detectors[i]->sid, bh_detectors[k]->sid);
			assert_string_not_equal(bh_detectors[i]->name, bh_detectors[k]->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_escaped_as_rfc_8259_asks),
		cmocka_unit_test(every_byte_is_escaped_the_same_at_every_place),
		cmocka_unit_test(broken_utf8_becomes_the_replacement_character),
		cmocka_unit_test(a_record_that_does_not_fit_is_dropped_whole_at_every_size),
		cmocka_unit_test(time_is_local_with_a_numeric_zone_and_no_colon),
		cmocka_unit_test(numbers_print_at_their_limits),
		cmocka_unit_test(nesting_too_deep_spoils_the_record_instead_of_the_memory),
		cmocka_unit_test(strict_leaves_out_what_is_only_ours),
		cmocka_unit_test(signature_ids_and_names_are_unique_and_as_released),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
