/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "cli/cli.h"

static void nothing_a_host_calls_itself_moves_the_terminals_cursor(void **state)
{
	char name[] = "pc\x1b]0;owned\a\r\n\x7f\xc2\x9b" "2J \xc3\xa9t\xc3\xa9", whole[] = "caf\xc3\xa9 \xe2\x82\xac", cut[] = "x\xc2";
	char odd[] = "a\x9b" "b\xc0\x9b" "c\xe2\x80\xae" "exe.doc\xff" "d"; /* CSI in one byte and overlong; right to left */

	assert_string_equal(bh_cli_plain(name), "pc?]0;owned?????" "?2J \xc3\xa9t\xc3\xa9");
	assert_string_equal(bh_cli_plain(whole), "caf\xc3\xa9 \xe2\x82\xac");
	assert_string_equal(bh_cli_plain(cut), "x?");
	assert_string_equal(bh_cli_plain(odd), "a?b??c???exe.doc?d");
}

/* the exit code, with no daemon anywhere */
static int cli(const char *line)
{
	char buf[512], *argv[24] = {(char[]){"bulkhead"}};
	int argc = 1;

	bh_strcpy(buf, sizeof buf, line);
	for (char *save, *w = strtok_r(buf, " ", &save); w && argc < 23; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	return bh_cli_main(argc, argv);
}

static void orders_that_make_no_sense_never_reach_the_daemon(void **state)
{
	static const char *const lines[] = {
		"isolate", "isolate a b --reason x", "isolate 10.1.2.3", "isolate 10.1.2.3 --scope town --reason x", "isolate 10.1.2.3 --ttl soon --reason x",
		"isolate zone:a --shield --island --reason x", "isolate 10.1.2.3 --contain --scope zone --reason x", "kill 10.1.2.3:1 10.2.0.5:2 --reason x",
		"kill icmp 10.1.2.3:1 10.2.0.5:2 --reason x", "kill tcp 10.1.2.3 10.2.0.5:2 --reason x", "kill tcp 10.1.2.3:1 10.2.0.5:2", "breaker work --reason x",
		"breaker work raise --reason x", "breaker work pins-only", "drawbridge work normal --reason x", "drawbridge work lower --shield --reason x",
		"release", "release 7 --ttl 5m", "mode sometimes", "mode auto --reason x"};

	for (size_t i = 0; i < BH_COUNT(lines); i++)
		if (cli(lines[i]) != BH_EXIT_USAGE)
			fail_msg("taken: %s", lines[i]);
}

static void orders_that_make_sense_are_sent(void **state)
{
	static const char *const lines[] = {
		"isolate 10.1.2.0/24 --reason x", "isolate 10.1.2.3 --scope segment --ttl 5m --reason x", "isolate zone:a --island --dry-run", "isolate pc --contain --reason x",
		"kill tcp 10.1.2.3:1 10.2.0.5:2 --reason x", "kill udp [fd00::3]:1 [fd00::5]:2 --dry-run", "breaker work pins-only --ttl 1h --reason x",
		"breaker work normal --reason x --json", "drawbridge work auto --reason x", "release 7", "mode auto"};

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		char line[256];

		snprintf(line, sizeof line, "%s --socket /nowhere/api.sock", lines[i]);
		if (cli(line) != BH_EXIT_UNREACHABLE)
			fail_msg("not sent: %s", line);
	}
}

static void every_command_explains_itself(void **state)
{
	static const char *const names[] = {"isolate", "kill", "breaker", "drawbridge", "release", "mode"};
	int out = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY), r;

	fflush(stdout);
	for (size_t i = 0; i < BH_COUNT(names); i++) {
		char line[64];

		snprintf(line, sizeof line, "%s --help", names[i]);
		assert_int_equal(dup2(null, STDOUT_FILENO), STDOUT_FILENO);
		r = cli(line);
		dup2(out, STDOUT_FILENO); /* the test's own words go there */
		assert_int_equal(r, 0);
	}
	close(out);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_a_host_calls_itself_moves_the_terminals_cursor),
		cmocka_unit_test(orders_that_make_no_sense_never_reach_the_daemon),
		cmocka_unit_test(orders_that_make_sense_are_sent),
		cmocka_unit_test(every_command_explains_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
