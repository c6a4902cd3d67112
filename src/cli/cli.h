/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cli - the subcommands; each takes its own name as argv[0] and returns the exit code
 *
 * Shape   One row in the command table (table.c) makes dispatch, help and completion.
 * Codes   0 done, 1 failed, 2 usage, 3 policy or input invalid, 4 refused for safety, 5 not permitted, 6 daemon not
 *         reachable, 7 differences found, 8 timed out or partly applied.
 */
#ifndef BH_CLI_H
#define BH_CLI_H

#include <bulkhead/gadget.h>
#include <bulkhead/watch.h>

enum { BH_EXIT_OK, BH_EXIT_FAILED, BH_EXIT_USAGE, BH_EXIT_INVALID, BH_EXIT_REFUSED, BH_EXIT_DENIED, BH_EXIT_UNREACHABLE, BH_EXIT_DIFFERENT, BH_EXIT_PARTIAL };

struct bh_command {
	const char *name, *args, *doc;
	int (*run)(int argc, char **argv);
};
extern const struct bh_command bh_commands[];
extern const size_t bh_n_commands;

int bh_cli_main(int argc, char **argv);
int bh_cli_run(int argc, char **argv);
int bh_cli_replay(int argc, char **argv);
int bh_cli_drill(int argc, char **argv);
int bh_cli_status(int argc, char **argv);
int bh_cli_hosts(int argc, char **argv);
int bh_cli_hosts_import(int argc, char **argv); /* argv[0]: import */
int bh_cli_host(int argc, char **argv);
int bh_cli_counters(int argc, char **argv);
int bh_cli_detectors(int argc, char **argv);
int bh_cli_isolate(int argc, char **argv);
int bh_cli_kill(int argc, char **argv);
int bh_cli_breaker(int argc, char **argv);
int bh_cli_drawbridge(int argc, char **argv);
int bh_cli_release(int argc, char **argv);
int bh_cli_mode(int argc, char **argv);
int bh_cli_policy(int argc, char **argv);
int bh_cli_doctor(int argc, char **argv);
int bh_cli_disarm(int argc, char **argv);
int bh_cli_boot(int argc, char **argv);
int bh_cli_usb_watch(int argc, char **argv);

/* Loads a policy file or, when path is NULL, the built-in one; complains on stderr. 0, or the exit code. */
int bh_cli_load_policy(const char *path, struct bh_policy **ret_policy);
struct bh_ouis *bh_cli_load_ouis(void); /* makers of network cards, as far as this machine knows them; NULL = no memory */
int bh_cli_load_watch(const char *path, struct bh_watch **ret_watch); /* the same for a watch-list */
/* Prints "Usage: bulkhead NAME ARGS" and the row's text; returns code. */
int bh_cli_usage(const char *name, const char *more, int code);
/*
 * For a terminal: bytes that could move its cursor become '?', in place. Names on the network are chosen by whoever is
 * there. C0, DEL, and the C1 range in its UTF-8 form. Returns s.
 */
char *bh_cli_plain(char *s);
int bh_cli_parse_mode(const char *s); /* enum bh_mode, or -1 */

#endif
