/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * boot: the last law and the cuts that still have time to run, into the kernel before the network is up. It needs neither
 * the policy nor a compiler nor a daemon: the plan was kept compiled. The clock that counts what is left is the wall's, since
 * no other one outlives a restart; when it stands before the moment of keeping, the cuts get all the time they had.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <bulkhead/enforce.h>
#include "cli/cli.h"
#include "daemon/keep.h"

static bh_ns wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
}

/* what is over meanwhile is not cut again; time given under another limit counts by this one */
static void age(struct bh_plan *plan, bh_ns elapsed)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_cuts; i++) {
		if (plan->cuts[i].ttl <= elapsed)
			continue;
		plan->cuts[n] = plan->cuts[i];
		plan->cuts[n].ttl -= elapsed;
		if (plan->cuts[n].ttl > plan->max_ttl)
			plan->cuts[n].ttl = plan->max_ttl;
		n++;
	}
	plan->n_cuts = n;
}

static int load(const char *dir, struct bh_plan *ret_plan)
{
	struct bh_plan_error e;
	const char *body;
	char *text, why[96];
	size_t len, body_len;
	bh_ns at, now = wall();
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0) {
		fprintf(stderr, "bulkhead: state directory %s: %m\n", dir);
		return BH_EXIT_FAILED;
	}
	r = bh_keep_load(fd, "boot.plan", BH_KEEP_PLAN + 96, &text, &len);
	close(fd);
	if (r) {
		fprintf(stderr, "bulkhead: %s/boot.plan: %s\n", dir, r > 0 ? "nothing was kept yet; run the daemon once with --state" : strerror(-r));
		return BH_EXIT_FAILED;
	}
	r = bh_boot_unwrap(text, len, &body, &body_len, &at, why);
	if (r) {
		fprintf(stderr, "bulkhead: %s/boot.plan: %s; nothing was loaded\n", dir, why);
	} else if ((r = bh_plan_parse(body, body_len, ret_plan, &e)) != 0) {
		fprintf(stderr, "bulkhead: %s/boot.plan:%u:%u: %s; nothing was loaded\n", dir, e.line + 1, e.col, r > 0 ? e.text : strerror(-r));
	} else {
		age(ret_plan, now > at ? now - at : 0);
	}
	free(text);
	return r ? BH_EXIT_INVALID : 0;
}

/* The law stands with its cuts or, when one of them is refused by now, with the others: never is there no law for a cut's sake. */
static int put(struct bh_enforcer *e, struct bh_plan *plan)
{
	size_t n = plan->n_cuts, stand = 0;
	int r = bh_enforcer_apply(e, plan);

	if (r <= 0 || n == 0)
		return r;
	plan->n_cuts = 0;
	r = bh_enforcer_apply(e, plan);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct bh_refused why = {.text = ""};
		int bad = bh_enforcer_cut(e, &plan->cuts[i], 1, &why);

		if (bad)
			fprintf(stderr, "bulkhead: the cut of order %u is left out: %s\n", plan->cuts[i].order, bad > 0 ? why.text : bh_enforcer_why(e));
		else
			plan->cuts[stand++] = plan->cuts[i];
	}
	plan->n_cuts = r == 0 ? stand : n;
	return r;
}

int bh_cli_boot(int argc, char **argv)
{
	static const struct option longs[] = {{"state", 1, 0, 'd'}, {"bridge", 0, 0, 'b'}, {"help", 0, 0, 'h'}, {0}};
	const char *dir = "/var/lib/bulkhead";
	struct bh_enforcer *e = NULL;
	struct bh_plan plan;
	bh_ns start = wall();
	bool bridge = false;
	int c, r;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c == 'b')
			bridge = true;
		else
			return bh_cli_usage("boot",
				"       --state DIR   where `bulkhead run --state DIR` kept it (default /var/lib/bulkhead)\n"
				"       --bridge      between the ports of this box's bridges too, as `bulkhead run --bridge`\n",
				c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (optind != argc)
		return bh_cli_usage("boot", NULL, BH_EXIT_USAGE);
	r = load(dir, &plan);
	if (r)
		return r;
	r = bh_enforcer_open(&e);
	if (r == 0)
		bh_enforcer_bridge(e, bridge);
	if (r == 0)
		r = put(e, &plan);
	if (r)
		fprintf(stderr, "bulkhead: the kept plan was not loaded: %s\n", e && bh_enforcer_why(e)[0] ? bh_enforcer_why(e) : strerror(r < 0 ? -r : EPERM));
	else
		printf("loaded %zu permits, %zu pins, %zu cuts in %llu ms\n", plan.n_permits, plan.n_pins, plan.n_cuts, (unsigned long long)((wall() - start) / 1000000));
	bh_enforcer_close(e);
	bh_plan_fini(&plan);
	return r == -EPERM || r == -EACCES ? BH_EXIT_DENIED : r ? BH_EXIT_FAILED : 0;
}
