/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cli - the subcommands; each takes its own name as argv[0] and returns the exit code
 *
 * Codes   0 done, 1 failed, 2 usage, 3 policy or input invalid; the others are listed in docs.
 */
#ifndef BH_CLI_H
#define BH_CLI_H

int bh_cli_policy(int argc, char **argv);

#endif
