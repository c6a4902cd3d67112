/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy_cmd - what the verbs of `bulkhead policy` share: files, the running policy, recorded flows */
#ifndef BH_CLI_POLICY_CMD_H
#define BH_CLI_POLICY_CMD_H

#include <jansson.h>
#include <bulkhead/plan.h>

/* The policy the daemon works under; complains on stderr. 0, or the exit code. */
int bh_cli_running_policy(const char *socket_path, struct bh_policy **ret_policy);

/* ---- recorded connections: the daemon's memory, or flow records of an EVE file ---- */
struct bh_cli_flow {
	struct bh_addr src, dst;
	uint8_t proto;
	uint16_t dport;
	uint64_t flows, bytes, open; /* ended and recorded; of them and of those; open now in the kernel's table */
};
struct bh_cli_flows {
	struct bh_cli_flow *v;
	size_t n, cap;
	char since[40], until[40]; /* the window, as EVE prints times */
	char open_unknown[96];	   /* why open connections are not among them; "" = they are, or not asked for */
	char holes[40];		   /* before it some were forgotten; "" = none */
};
/* eve: a file, "-", or NULL = ask the daemon. 0, or the exit code. */
int bh_cli_flows_read(const char *eve, const char *socket_path, struct bh_cli_flows *ret_flows);
void bh_cli_flows_fini(struct bh_cli_flows *f);
void bh_cli_flows_window(const struct bh_cli_flows *f, FILE *to); /* one sentence: what was looked at, and what that cannot show */

/* What changes between two policies, on stdout. Number of changes. */
size_t bh_cli_policy_changes(const struct bh_policy *old, const struct bh_policy *new);
/* Which of the flows one lets pass and the other does not, on stdout. Number of them newly dropped. */
size_t bh_cli_policy_effect(const struct bh_policy *old, const struct bh_policy *new, const struct bh_cli_flows *f);

/* verbs; argv[0] is the verb; each returns the exit code */
int bh_cli_policy_diff(int argc, char **argv);
int bh_cli_policy_simulate(int argc, char **argv);
int bh_cli_policy_learn(int argc, char **argv);
int bh_cli_policy_apply(int argc, char **argv);
int bh_cli_policy_prove(int argc, char **argv);
int bh_cli_policy_end(int argc, char **argv); /* confirm, rollback */

#endif
