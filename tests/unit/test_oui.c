/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/gadget.h>

static const char *name(const struct bh_ouis *o, const char *text)
{
	struct bh_mac m;

	assert_int_equal(bh_mac_parse(text, 17, &m), 0);
	return bh_ouis_name(o, &m);
}

static struct bh_ouis *from(const char *text, uint64_t *ret_skipped)
{
	struct bh_ouis *o;

	assert_int_equal(bh_ouis_open(&o), 0);
	*ret_skipped = 0;
	bh_ouis_add(o, text, strlen(text), ret_skipped);
	return o;
}

static void a_line_is_a_prefix_and_a_name(void **state)
{
	uint64_t skipped;
	struct bh_ouis *o = from("# ours\n\nB827EB Raspberry Pi # they say\r\n28-CD-C1,Pi again\n  dc:a6:32\tPi, third\n70B3D5F2F Small\n741AE09 Middle\n741AE0 Wide\n"
				 "A8610A Name #1",
		&skipped);

	assert_int_equal(skipped, 0);
	assert_string_equal(name(o, "b8:27:eb:01:02:03"), "Raspberry Pi");
	assert_string_equal(name(o, "28:cd:c1:ff:ff:ff"), "Pi again");
	assert_string_equal(name(o, "dc:a6:32:00:00:00"), "Pi, third");
	assert_string_equal(name(o, "70:b3:d5:f2:f0:01"), "Small");
	assert_string_equal(name(o, "70:b3:d5:f2:e0:01"), "");
	assert_string_equal(name(o, "74:1a:e0:9f:ff:ff"), "Middle");
	assert_string_equal(name(o, "74:1a:e0:8f:ff:ff"), "Wide");
	assert_string_equal(name(o, "a8:61:0a:00:00:01"), "Name");
	assert_string_equal(name(o, "00:00:00:00:00:01"), "");
	assert_string_equal(name(NULL, "b8:27:eb:01:02:03"), "");
	bh_ouis_close(o);
}

static void a_line_of_the_registry_may_be_quoted_and_go_on_in_the_next(void **state)
{
	uint64_t skipped;
	struct bh_ouis *o = from("Registry,Assignment,Organization Name,Organization Address\r\n"
				 "MA-L,F4BD9E,\"Cisco Systems, Inc\",80 West Tasman Drive\r\n"
				 "MA-M,741AE09,Private,\r\n"
				 "MA-S,70B3D5F2F,\"The \"\"Quoted\"\" One\",\"Polbina st., 3/1\n112233 Moscow\"\n"
				 "IAB,0050C27D5,DEUTA-WERKE GmbH,Paffrather Strasse 140\n"
				 "CID,0A0B0C,Nobody,here\n"
				 "MA-L,001122,Last",
		&skipped);

	assert_int_equal(skipped, 0);
	assert_string_equal(name(o, "f4:bd:9e:01:02:03"), "Cisco Systems, Inc");
	assert_string_equal(name(o, "74:1a:e0:9f:ff:ff"), "Private");
	assert_string_equal(name(o, "70:b3:d5:f2:f0:01"), "The \"Quoted\" One");
	assert_string_equal(name(o, "00:50:c2:7d:50:01"), "DEUTA-WERKE GmbH");
	assert_string_equal(name(o, "00:11:22:33:44:55"), "Last");
	assert_string_equal(name(o, "11:22:33:33:44:55"), "");
	bh_ouis_close(o);
}

static void who_is_added_later_wins_and_a_dash_takes_out(void **state)
{
	static const char delta[] = "B827EB New\n001122 -\n001122 -\n";
	uint64_t skipped;
	struct bh_ouis *o = from("B827EB Old\nB827EB Older\n001122 Gone\n001133 Stays\n", &skipped);

	assert_string_equal(name(o, "b8:27:eb:01:02:03"), "Older");
	bh_ouis_add(o, delta, sizeof delta - 1, &skipped);
	assert_int_equal(skipped, 0);
	assert_string_equal(name(o, "b8:27:eb:01:02:03"), "New");
	assert_string_equal(name(o, "00:11:22:01:02:03"), "");
	assert_string_equal(name(o, "00:11:33:01:02:03"), "Stays");
	bh_ouis_add(o, "001122 Back", 11, &skipped);
	assert_string_equal(name(o, "00:11:22:01:02:03"), "Back");
	bh_ouis_close(o);
}

static void made_up_and_group_addresses_are_nobodys(void **state)
{
	uint64_t skipped;
	struct bh_ouis *o = from("020000 Local\n010000 Group\nAA0004 DECnet\n", &skipped);

	assert_string_equal(name(o, "02:00:00:01:02:03"), "");
	assert_string_equal(name(o, "01:00:00:01:02:03"), "");
	assert_string_equal(name(o, "aa:00:04:01:02:03"), "");
	bh_ouis_close(o);
}

static void what_cannot_be_read_is_left_out_and_counted(void **state)
{
	static const char *const bad[] = {"hello", "B827E Short", "B827EB01 Odd", "B827EB0102 Long", "B827EB", "B827EB ", "B827EG Name", ":B827EB Name",
		"B827EB # no name", "MA-L,", "MA-L,B827EB", "MA-L,B827EB,", "MA-L,B827,Name,", "MA-L,\"\",Name", "MA-X,B827EB,Name", "MA-L,B827EB,\"", ",,,"};

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		uint64_t skipped;
		struct bh_ouis *o = from(bad[i], &skipped);

		if (skipped != 1 || name(o, "b8:27:eb:00:00:01")[0])
			fail_msg("%s: %u skipped, '%s'", bad[i], (unsigned)skipped, name(o, "b8:27:eb:00:00:01"));
		bh_ouis_close(o);
	}
}

static void a_quote_that_nobody_closes_swallows_a_page_at_most(void **state)
{
	static char text[8192];
	struct bh_text t = bh_text(text, sizeof text);
	uint64_t skipped;
	struct bh_ouis *o;

	bh_put(&t, "MA-L,001122,\"open\n");
	while (t.len < 7000)
		bh_put(&t, "MA-L,003344,Swallowed,\n");
	bh_put(&t, "MA-L,B827EB,Read,\n");
	o = from(text, &skipped);
	assert_string_equal(name(o, "b8:27:eb:01:02:03"), "Read");
	bh_ouis_close(o);
}

static void names_are_text_and_not_too_long(void **state)
{
	uint64_t skipped;
	struct bh_ouis *o = from("001122 a\x1b[2Jb\n001133 Soci\xc3\xa9t\xc3\xa9 \xff\n001144 aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg\xc3\xa9\n", &skipped);

	assert_string_equal(name(o, "00:11:22:01:02:03"), "a?[2Jb");
	assert_string_equal(name(o, "00:11:33:01:02:03"), "Soci\xc3\xa9t\xc3\xa9 ?");
	assert_string_equal(name(o, "00:11:44:01:02:03"), "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg");
	bh_ouis_close(o);
}

/* ---- files ---- */

static bool add(struct bh_ouis *o, const char *path, uint64_t *io_skipped)
{
	FILE *f = fopen(path, "rb");
	static char buf[8u << 20];

	if (!f)
		return false;
	bh_ouis_add(o, buf, fread(buf, 1, sizeof buf, f), io_skipped);
	fclose(f);
	return true;
}

static void debians_files_and_ours_are_read_to_the_last_line(void **state)
{
	static const char *const files[] = {"oui.csv", "mam.csv", "oui36.csv", "iab.csv"};
	struct bh_ouis *o;
	uint64_t skipped = 0;
	char path[512];
	bool all = true;

	assert_int_equal(bh_ouis_open(&o), 0);
	for (size_t i = 0; i < BH_COUNT(files); i++) {
		snprintf(path, sizeof path, "/usr/share/ieee-data/%s", files[i]);
		all &= add(o, path, &skipped);
	}
	snprintf(path, sizeof path, "%s/policies/oui.delta", getenv("BH_SRC") ? getenv("BH_SRC") : ".");
	assert_true(add(o, path, &skipped));
	assert_int_equal(skipped, 0);
	assert_string_equal(name(o, "d8:3a:dd:01:02:03"), "Raspberry Pi");
	if (all) {
		assert_string_equal(name(o, "00:13:37:01:02:03"), "Orient Power Home Network Ltd.");
		assert_string_equal(name(o, "f4:bd:9e:01:02:03"), "Cisco Systems, Inc");
		assert_string_equal(name(o, "00:50:c2:7d:50:01"), "DEUTA-WERKE GmbH");
	}
	bh_ouis_close(o);
	if (!all)
		skip();
}

static void the_newer_prefixes_are_carried_inside(void **state)
{
	struct bh_ouis *o;
	uint64_t skipped = 0;
	size_t len;
	const char *text = bh_ouis_builtin_text(&len);

	assert_int_equal(bh_ouis_open(&o), 0);
	bh_ouis_add(o, text, len, &skipped);
	assert_int_equal(skipped, 0);
	assert_string_equal(name(o, "d8:3a:dd:01:02:03"), "Raspberry Pi");
	assert_string_equal(name(o, "bc:24:11:01:02:03"), "Proxmox");
	bh_ouis_close(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_prefix_and_a_name),
		cmocka_unit_test(a_line_of_the_registry_may_be_quoted_and_go_on_in_the_next),
		cmocka_unit_test(who_is_added_later_wins_and_a_dash_takes_out),
		cmocka_unit_test(made_up_and_group_addresses_are_nobodys),
		cmocka_unit_test(what_cannot_be_read_is_left_out_and_counted),
		cmocka_unit_test(a_quote_that_nobody_closes_swallows_a_page_at_most),
		cmocka_unit_test(names_are_text_and_not_too_long),
		cmocka_unit_test(the_newer_prefixes_are_carried_inside),
		cmocka_unit_test(debians_files_and_ours_are_read_to_the_last_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
