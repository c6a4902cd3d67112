/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a cut would break, as a table a tired person can read: what is lost first, and of that what is critical first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmpx.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/preview.h"

#define SHOWN 20

static void line(json_t *o)
{
	char svc[32];

	bh_cli_service(o, svc);
	printf("    %s%s > %s %s%s%s  %s%s%s", json_is_true(json_object_get(o, "critical")) ? "CRITICAL " : "", bh_cli_str(o, "src"), bh_cli_str(o, "dst"), svc, bh_cli_str(o, "app")[0] ? " " : "",
		bh_cli_str(o, "app"), bh_cli_str(o, "from"), bh_cli_str(o, "to")[0] ? " -> " : "", bh_cli_str(o, "to"));
	if (bh_cli_str(o, "pin")[0])
		printf("  pin %s", bh_cli_str(o, "pin"));
	if (bh_cli_num(o, "open"))
		printf("  %lld open now", bh_cli_num(o, "open"));
	if (bh_cli_str(o, "last_seen")[0])
		printf("  last seen %.19s", bh_cli_str(o, "last_seen"));
	if (bh_cli_num(o, "flows"))
		printf(", %lld times", bh_cli_num(o, "flows"));
	if (bh_cli_num(o, "bytes"))
		printf(", %lld bytes", bh_cli_num(o, "bytes"));
	if (json_object_get(o, "bytes_per_s"))
		printf(" (%lld a second)", bh_cli_num(o, "bytes_per_s"));
	if (json_is_false(json_object_get(o, "opens_again")))
		printf("  (goes on, but cannot be opened again)");
	if (bh_cli_str(o, "why")[0])
		printf("\n        %s", bh_cli_str(o, "why"));
	putchar('\n');
}

static void group(json_t *pv, const char *fate, const char *says)
{
	json_t *v;
	size_t i;
	long long n = bh_cli_num(pv, fate), shown = 0;

	if (!n)
		return;
	printf("  %s: %lld\n", says, n);
	json_array_foreach(json_object_get(pv, "connections"), i, v) {
		if (strcmp(bh_cli_str(v, "fate"), fate))
			continue;
		if (shown++ == SHOWN) {
			printf("    and %lld more; --json lists them\n", n - SHOWN);
			break;
		}
		line(v);
	}
}

void bh_cli_preview_print(json_t *pv)
{
	json_t *window = json_object_get(pv, "window"), *session = json_object_get(pv, "session"), *v;
	size_t i;

	if (session && json_is_true(json_object_get(session, "inside")))
		printf("  YOUR OWN SESSION comes from %s, inside this cut: %s\n", bh_cli_str(session, "from"),
			json_is_true(json_object_get(session, "managed")) ? "management keeps it" : "it will die, and you cannot come back from there");
	if (bh_cli_str(pv, "bypass")[0])
		printf("  CANNOT CUT connections in %s: they pass beside every rule here until they leave it\n", bh_cli_str(pv, "bypass"));
	group(pv, "cut", "WILL BE LOST, kinds of connection");
	if (!bh_cli_num(pv, "cut"))
		printf("  nothing that is open or was recorded will be lost\n");
	group(pv, "kept", "KEPT");
	group(pv, "beyond", "CANNOT BE CUT HERE, goes on whatever you do");
	group(pv, "barred", "not permitted now either");
	if (bh_cli_num(pv, "left_out"))
		printf("  %lld connections were not looked at\n", bh_cli_num(pv, "left_out"));
	if (json_array_size(json_object_get(pv, "boxes"))) {
		printf("  of everything that could be opened, lost:\n");
		json_array_foreach(json_object_get(pv, "boxes"), i, v)
			printf("    %s\n", json_string_value(v));
	}
	if (bh_cli_str(pv, "open_unknown")[0])
		printf("  open connections are not in this list: %s\n", bh_cli_str(pv, "open_unknown"));
	printf("  recorded since %s%s%s; what did not speak since then is not in this list\n", bh_cli_str(window, "since")[0] ? bh_cli_str(window, "since") : "never",
		bh_cli_str(window, "whole_since")[0] ? ", complete since " : "", bh_cli_str(window, "whole_since"));
}

/* Where the person sits: what sshd says, or, where sudo took that away, what the login of this terminal says. */
void bh_cli_session(struct bh_addr *ret_addr)
{
	const char *ssh = getenv("SSH_CONNECTION"), *tty = ttyname(STDIN_FILENO);
	struct utmpx want = {.ut_type = USER_PROCESS}, *u;

	memset(ret_addr, 0, sizeof *ret_addr);
	if (ssh) {
		if (bh_addr_parse(ssh, strcspn(ssh, " "), ret_addr))
			memset(ret_addr, 0, sizeof *ret_addr);
		return;
	}
	if (!tty || strncmp(tty, "/dev/", 5) || strlen(tty + 5) > sizeof want.ut_line)
		return;
	memcpy(want.ut_line, tty + 5, strlen(tty + 5));
	setutxent();
	u = getutxline(&want);
	if (u && (u->ut_addr_v6[1] || u->ut_addr_v6[2] || u->ut_addr_v6[3]))
		*ret_addr = bh_addr_v6((const uint8_t *)u->ut_addr_v6);
	else if (u && u->ut_addr_v6[0])
		*ret_addr = bh_addr_v4((const uint8_t *)u->ut_addr_v6);
	endutxent();
}
