/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulkhead drill: finds the scenario and gives it namespaces of its own. The scenario is a Python program (drills/NAME.py)
 * that makes hosts, runs real programs in them, and this same binary at the gateway; nothing of it outlives this process.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"

#ifndef BH_DRILLS
#define BH_DRILLS "/usr/share/bulkhead/drills"
#endif

static int find(const char *name, char *path, size_t size)
{
	const char *const dirs[] = {getenv("BULKHEAD_DRILLS"), BH_DRILLS, "/usr/share/bulkhead/drills"};

	if (strchr(name, '/'))
		return 1;
	for (size_t i = 0; i < BH_COUNT(dirs); i++) {
		if (!dirs[i])
			continue;
		snprintf(path, size, "%s/%s.py", dirs[i], name);
		if (access(path, R_OK) == 0)
			return 0;
	}
	return 1;
}

int bh_cli_drill(int argc, char **argv)
{
	const char *name = "willebroek";
	char python[] = "/usr/bin/python3", path[PATH_MAX], self[PATH_MAX], *args[64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	int n = 0, first = 1;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return bh_cli_usage("drill", "       NAME            willebroek (the default)\n"
					     "       --mode observe  the same morning with Bulkhead only watching\n"
					     "       --json          the score as one object, last line\n"
					     "       --keep DIR      keep EVE, logs and a capture there\n",
			0);
	if (argc > 1 && argv[1][0] != '-') {
		name = argv[1];
		first = 2;
	}
	if (len < 0 || argc > 40)
		return BH_EXIT_FAILED;
	self[len] = '\0';
	if (find(name, path, sizeof path)) {
		fprintf(stderr, "bulkhead: no drill '%s' (looked in $BULKHEAD_DRILLS and " BH_DRILLS ")\n", name);
		return BH_EXIT_USAGE;
	}
	setenv("BULKHEAD_BIN", self, 1);
	/* Debian's own interpreter: the attack tools are packaged for it */
	args[n++] = access(python, X_OK) == 0 ? python : python + 9;
	args[n++] = path;
	for (int i = first; i < argc; i++)
		args[n++] = argv[i];
	args[n] = NULL;
	execvp(args[0], args);
	fprintf(stderr, "bulkhead: cannot start %s: %m; install python3\n", args[0]);
	return BH_EXIT_FAILED;
}
