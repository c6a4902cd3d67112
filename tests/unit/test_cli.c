/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "cli/cli.h"

static void nothing_a_host_calls_itself_moves_the_terminals_cursor(void **state)
{
	char name[] = "pc\x1b]0;owned\a\r\n\x7f\xc2\x9b" "2J \xc3\xa9t\xc3\xa9", whole[] = "caf\xc3\xa9 \xe2\x82\xac", cut[] = "x\xc2";

	assert_string_equal(bh_cli_plain(name), "pc?]0;owned?????" "?2J \xc3\xa9t\xc3\xa9");
	assert_string_equal(bh_cli_plain(whole), "caf\xc3\xa9 \xe2\x82\xac");
	assert_string_equal(bh_cli_plain(cut), "x\xc2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_a_host_calls_itself_moves_the_terminals_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
