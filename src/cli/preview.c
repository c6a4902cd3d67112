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

static const char *str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static long long num(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void service(json_t *o, char buf[32])
{
	long long proto = num(o, "proto");

	if (proto == 6 || proto == 17)
		snprintf(buf, 32, "%s/%lld", proto == 6 ? "tcp" : "udp", num(o, "dport"));
	else if (proto == 1 || proto == 58)
		snprintf(buf, 32, "icmp");
	else
		snprintf(buf, 32, "protocol %lld", proto);
}

static void line(json_t *o)
{
	char svc[32];

	service(o, svc);
	printf("    %s%s > %s %s%s%s  %s%s%s", json_is_true(json_object_get(o, "critical")) ? "CRITICAL " : "", str(o, "src"), str(o, "dst"), svc, str(o, "app")[0] ? " " : "",
		str(o, "app"), str(o, "from"), str(o, "to")[0] ? " -> " : "", str(o, "to"));
	if (str(o, "pin")[0])
		printf("  pin %s", str(o, "pin"));
	if (num(o, "open"))
		printf("  %lld open now", num(o, "open"));
	if (str(o, "last_seen")[0])
		printf("  last seen %.19s", str(o, "last_seen"));
	if (num(o, "flows"))
		printf(", %lld times", num(o, "flows"));
	if (num(o, "bytes"))
		printf(", %lld bytes", num(o, "bytes"));
	if (json_object_get(o, "bytes_per_s"))
		printf(" (%lld a second)", num(o, "bytes_per_s"));
	if (json_is_false(json_object_get(o, "opens_again")))
		printf("  (goes on, but cannot be opened again)");
	if (str(o, "why")[0])
		printf("\n        %s", str(o, "why"));
	putchar('\n');
}

static void group(json_t *pv, const char *fate, const char *says)
{
	json_t *v;
	size_t i;
	long long n = num(pv, fate), shown = 0;

	if (!n)
		return;
	printf("  %s: %lld\n", says, n);
	json_array_foreach(json_object_get(pv, "connections"), i, v) {
		if (strcmp(str(v, "fate"), fate))
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
		printf("  YOUR OWN SESSION comes from %s, inside this cut: %s\n", str(session, "from"),
			json_is_true(json_object_get(session, "managed")) ? "management keeps it" : "it will die, and you cannot come back from there");
	if (str(pv, "bypass")[0])
		printf("  CANNOT CUT connections in %s: they pass beside every rule here until they leave it\n", str(pv, "bypass"));
	group(pv, "cut", "WILL BE LOST, kinds of connection");
	if (!num(pv, "cut"))
		printf("  nothing that is open or was recorded will be lost\n");
	group(pv, "kept", "KEPT");
	group(pv, "beyond", "CANNOT BE CUT HERE, goes on whatever you do");
	group(pv, "barred", "not permitted now either");
	if (num(pv, "left_out"))
		printf("  %lld connections were not looked at\n", num(pv, "left_out"));
	if (json_array_size(json_object_get(pv, "boxes"))) {
		printf("  of everything that could be opened, lost:\n");
		json_array_foreach(json_object_get(pv, "boxes"), i, v)
			printf("    %s\n", json_string_value(v));
	}
	if (str(pv, "open_unknown")[0])
		printf("  open connections are not in this list: %s\n", str(pv, "open_unknown"));
	printf("  recorded since %s%s%s; what did not speak since then is not in this list\n", str(window, "since")[0] ? str(window, "since") : "never",
		str(window, "whole_since")[0] ? ", complete since " : "", str(window, "whole_since"));
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
