/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The expected bytes were built from the RFCs by another program, and read by tcpdump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon/ask.h"

static struct bh_asker asker(void)
{
	static const uint8_t v4[4] = {10, 10, 0, 250}, all[4] = {10, 10, 0, 255};
	struct bh_asker a = {.mac = {{2, 0, 0, 0, 0, 0xfa}}, .v4 = bh_addr_v4(v4), .broadcast = bh_addr_v4(all)};

	a.v6.b[0] = 0xfe;
	a.v6.b[1] = 0x80;
	a.v6.b[15] = 0xfa;
	return a;
}

static void must_be(const uint8_t *frame, size_t n, const char *hex)
{
	char got[2 * BH_ASK_FRAME + 1] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(got + 2 * i, 3, "%02x", frame[i]);
	assert_string_equal(got, hex);
}

static void a_name_is_asked_by_llmnr_over_the_family_there_is(void **state)
{
	struct bh_asker a = asker();
	uint8_t f[BH_ASK_FRAME];

	must_be(f, bh_ask_llmnr(&a, "bafokemidalu", 0x1234, 50001, f),
		"01005e0000fc0200000000fa08004500003a123400000111bb7f0a0a00fae00000fcc35114eb0026a6bb123400000001"
		"0000000000000c6261666f6b656d6964616c750000010001");
	memset(&a.v4, 0, sizeof a.v4);
	must_be(f, bh_ask_llmnr(&a, "bafokemidalu", 0x1234, 50001, f),
		"3333000100030200000000fa86dd6000000000261101fe8000000000000000000000000000faff020000000000000000"
		"000000010003c35114eb0026943a1234000000010000000000000c6261666f6b656d6964616c750000010001");
	memset(&a.v6, 0, sizeof a.v6);
	assert_int_equal(bh_ask_llmnr(&a, "bafokemidalu", 0x1234, 50001, f), 0);
}

static void a_name_is_asked_by_mdns_as_one_who_asks_once(void **state)
{
	struct bh_asker a = asker();
	uint8_t f[BH_ASK_FRAME];

	must_be(f, bh_ask_mdns(&a, "bafokemidalu", 0x1234, 50002, f),
		"01005e0000fb0200000000fa08004500004012340000ff11bd790a0a00fae00000fbc35214e9002c6adb123400000001"
		"0000000000000c6261666f6b656d6964616c75056c6f63616c0000010001");
	memset(&a.v4, 0, sizeof a.v4);
	assert_int_equal(bh_ask_mdns(&a, "bafokemidalu", 0x1234, 50002, f), 0);
}

static void a_name_is_asked_by_netbios_of_the_whole_network(void **state)
{
	struct bh_asker a = asker();
	uint8_t f[BH_ASK_FRAME];

	must_be(f, bh_ask_nbns(&a, "bafokemidalu", 0x1234, 50003, f),
		"ffffffffffff0200000000fa08004500004e123400004011525f0a0a00fa0a0a00ffc3530089003a89dd123401100001"
		"000000000000204543454245474550454c4546454e454a45454542454d464643414341434143410000200001");
	memset(&a.broadcast, 0, sizeof a.broadcast);
	assert_int_equal(bh_ask_nbns(&a, "bafokemidalu", 0x1234, 50003, f), 0);
}

static void a_dhcp_server_is_looked_for_without_an_address(void **state)
{
	struct bh_asker a = {.mac = {{2, 0, 0, 0, 0, 0xfa}}};
	uint8_t f[BH_ASK_FRAME];

	assert_int_equal(bh_ask_dhcp(&a, 0xcafe4711, f), 342);
	must_be(f, 76,
		"ffffffffffff0200000000fa080045000148471100004011329500000000ffffffff00440043013462a301010600cafe"
		"471100000000000000000000000000000000000000000200000000fa");
	for (unsigned i = 76; i < 278; i++)
		assert_int_equal(f[i], 0);
	must_be(f + 278, 18, "6382536335010137080103060f3379f9fcff");
	for (unsigned i = 296; i < 342; i++)
		assert_int_equal(f[i], 0);
}

static int by_text(const void *x, const void *y)
{
	return strcmp(x, y);
}

static void names_can_be_spoken_and_none_comes_twice(void **state)
{
	enum { N = 100000 };
	static const uint8_t key[16] = {1, 2, 3}, other[16] = {1, 2, 4};
	char(*v)[BH_ASK_NAME] = calloc(N, sizeof *v), name[BH_ASK_NAME];

	assert_non_null(v);
	for (uint64_t i = 0; i < N; i++) {
		bh_ask_name(key, i, v[i]);
		assert_true(bh_ask_is_name(v[i], sizeof v[i]));
	}
	bh_ask_name(other, 0, name);
	assert_string_not_equal(name, v[0]);
	assert_string_not_equal(v[0], v[1]);
	qsort(v, N, sizeof *v, by_text);
	for (unsigned i = 1; i < N; i++)
		assert_string_not_equal(v[i - 1], v[i]);
	free(v);
}

static void what_is_no_name_of_ours_is_told(void **state)
{
	static const char *const bad[] = {"", "bafokemidal", "bafokemidaluu", "Bafokemidalo", "abokemidaloz", "bafoke-idalo", "bafoke.idalo"};

	for (unsigned i = 0; i < BH_COUNT(bad); i++)
		assert_false(bh_ask_is_name(bad[i], strlen(bad[i]) + 1));
	assert_true(bh_ask_is_name("bafokemidalo", 13));
	assert_false(bh_ask_is_name("bafokemidalo", 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_asked_by_llmnr_over_the_family_there_is),
		cmocka_unit_test(a_name_is_asked_by_mdns_as_one_who_asks_once),
		cmocka_unit_test(a_name_is_asked_by_netbios_of_the_whole_network),
		cmocka_unit_test(a_dhcp_server_is_looked_for_without_an_address),
		cmocka_unit_test(names_can_be_spoken_and_none_comes_twice),
		cmocka_unit_test(what_is_no_name_of_ours_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
