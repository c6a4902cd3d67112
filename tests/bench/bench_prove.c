/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long it takes to prove a law of 100 zones and 10,000 conduits, every one of the 9,900 ordered
 * pairs of zones among them, and the same with 100,000 hosts isolated. No kernel, no privileges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <bulkhead/enforce.h>

#define ZONES 100u
#define CONDUITS 10000u

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static char *law_text(unsigned isolated)
{
	size_t cap = 65536 + CONDUITS * 96u + isolated * 64u;
	char *buf = malloc(cap);
	struct bh_text t;

	if (!buf)
		return NULL;
	t = bh_text(buf, cap);
	bh_put(&t, "plan generation=3 mode=auto policy=\"bench\"\nlimit cuts=200000 ttl=24h\nconduit c\n");
	for (unsigned z = 0; z < ZONES; z++)
		bh_putf(&t, "zone z%u critical=%d 10.%u.0.0/16\n", z, z % 10 == 0, z + 1);
	for (unsigned i = 0; i < CONDUITS; i++) {
		unsigned pair = i % (ZONES * (ZONES - 1)), a = pair / (ZONES - 1), b = pair % (ZONES - 1);

		b += b >= a;
		bh_putf(&t, "permit z%u > 10.%u.0.0/16 %s/%u-%u conduit=c\n", a, b + 1,
			i & 1 ? "tcp" : "udp", 1000 + i * 5, 1004 + i * 5);
	}
	for (unsigned i = 0; i < 20; i++)
		bh_putf(&t, "pin p%u 10.%u.0.9 > 10.%u.0.7 tcp/%u at=1:1\n", i, i + 1, i + 31, 5000 + i);
	bh_put(&t, "remedy 10.1.0.10 udp/53\nremedy 10.1.0.11 tcp/443\nmanage 10.250.0.0/28 tcp/22\n");
	for (unsigned i = 0; i < isolated; i++)
		bh_putf(&t, "cut isolate 10.%u.%u.%u ttl=900s order=1\n", 1 + i % ZONES,
			16 + i / ZONES / 250, 1 + i / ZONES % 250);
	if (t.truncated) {
		free(buf);
		return NULL;
	}
	return buf;
}

static int run(unsigned isolated)
{
	char *text = law_text(isolated);
	struct bh_plan plan = {0};
	struct bh_plan_error bad;
	struct bh_model *m = NULL;
	struct bh_prove_report rep;
	double start, built, done;
	int r = text ? bh_plan_parse(text, strlen(text), &plan, &bad) : -1;

	free(text);
	if (r) {
		fprintf(stderr, "plan: %d\n", r);
		return 1;
	}
	start = now_ms();
	r = bh_enforce_model(&plan, &m);
	built = now_ms();
	if (r == 0)
		r = bh_prove_law(m, &plan, NULL, false, &rep);
	done = now_ms();
	if (r) {
		char why[BH_FINDING_TEXT] = "";

		fprintf(stderr, "prove: %d %s\n", r,
			r == 2 ? bh_prove_finding_print(&rep.v[0], &plan, why) : rep.refused);
	} else {
		printf("%u zones, %zu permits, %u isolated: model %.1f ms, proof %.1f ms, %llu runs, "
		       "%llu steps, %llu boxes\n",
			ZONES, plan.n_permits, isolated, built - start, done - built,
			(unsigned long long)rep.runs, (unsigned long long)rep.steps,
			(unsigned long long)rep.boxes);
	}
	bh_model_free(m);
	bh_plan_fini(&plan);
	return r != 0;
}

int main(void)
{
	return run(0) | run(100000);
}
