/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the law costs a packet that it lets through. Two routers of their own namespaces, one with
 * 10,000 conduits and 100,000 isolated hosts, one that only asks conntrack whether the connection
 * is established; small datagrams are sent through them in turns. A veth pair carries a packet in
 * the sender's own time, so the time of the send is that of the whole way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <bulkhead/enforce.h>
#include "../net/enforce_lab.h"

enum { CONDUITS = 10000, ZONES = 100, ISOLATED = 100000, PACKETS = 20000, ROUNDS = 41 };

struct side {
	const char *name;
	struct lab lab;
	struct flow flow;
	double ns[ROUNDS];
};

static char *big_law(void)
{
	size_t cap = 4096 + CONDUITS * 96u + ZONES * 64u, n = 0;
	char *p = malloc(cap);

	if (!p)
		abort();
	n += (size_t)snprintf(p, cap,
		"plan generation=3 mode=auto policy=\"bench\"\nlimit cuts=200000 ttl=24h\nconduit c\n");
	for (unsigned z = 0; z < ZONES; z++)
		n += (size_t)snprintf(p + n, cap - n, "zone z%u critical=%d 10.%u.0.0/16\n", z,
			z % 10 == 5, z + 1);
	for (unsigned i = 0; i < CONDUITS; i++)
		n += (size_t)snprintf(p + n, cap - n,
			"permit z%u > 10.%u.0.0/16 %s/%u-%u conduit=c\n", i % ZONES,
			(i / ZONES + i) % ZONES + 1, i & 1 ? "tcp" : "udp", 10000 + i * 5,
			10000 + i * 5 + i % 3);
	snprintf(p + n, cap - n, "permit z0 > 10.2.0.0/16 udp/5000-5001 conduit=c\n");
	return p;
}

static int ours(void)
{
	char *text = big_law();
	struct bh_plan_error error;
	struct bh_refused refused;
	struct bh_enforcer *e;
	struct bh_plan plan;
	static struct bh_cut cuts[BH_ENF_CHUNK];
	int r;

	if (bh_plan_parse(text, strlen(text), &plan, &error) || bh_enforcer_open(&e))
		return 1;
	r = bh_enforcer_apply(e, &plan);
	for (unsigned i = 0; r == 0 && i < ISOLATED; i += BH_ENF_CHUNK) {
		for (unsigned k = 0; k < BH_ENF_CHUNK; k++) {
			const uint8_t a[4] = {10, (uint8_t)(90 + ((i + k) >> 16)),
				(uint8_t)((i + k) >> 8), (uint8_t)(i + k)};

			cuts[k] = (struct bh_cut){.order = 1, .kind = BH_CUT_ISOLATE,
				.what = BH_CUT_ADDR, .ttl = BH_HOUR(1)};
			cuts[k].net = (struct bh_prefix){bh_addr_v4(a), 128};
		}
		r = bh_enforcer_cut(e, cuts, BH_ENF_CHUNK, &refused);
	}
	if (r)
		fprintf(stderr, "%s\n", r > 0 ? refused.text : bh_enforcer_why(e));
	bh_enforcer_close(e);
	bh_plan_fini(&plan);
	free(text);
	return r;
}

static double one_round(struct side *s)
{
	char payload[22] = {0}; /* 64 bytes on the wire */
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < PACKETS; i++)
		(void)send(s->flow.client, payload, sizeof payload, MSG_DONTWAIT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	while (recv(s->flow.server, payload, sizeof payload, MSG_DONTWAIT) > 0)
		;
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / PACKETS;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(void)
{
	static struct side side[2] = {{.name = "conntrack alone"}, {.name = "10,000 conduits, 100,000 isolated"}};
	double ratio[ROUNDS];

	for (int i = 0; i < 2; i++) {
		if (lab_make(&side[i].lab))
			return 77;
		if (i == 0 ? lab_nft_file(&side[i].lab,
				     "add table inet plain\nadd chain inet plain forward { type filter hook forward priority filter; }\n"
				     "add rule inet plain forward ct state established,related accept\n")
			   : ours())
			return 1;
		if (flow_open(&side[i].lab, &side[i].flow, "10.1.0.2", NULL, 5001, false, 2000))
			return 1;
		(void)one_round(&side[i]);
	}
	for (int k = 0; k < ROUNDS; k++) {
		side[0].ns[k] = one_round(&side[0]);
		side[1].ns[k] = one_round(&side[1]);
		ratio[k] = side[1].ns[k] / side[0].ns[k];
	}
	qsort(ratio, ROUNDS, sizeof ratio[0], ascending);
	for (int i = 0; i < 2; i++) {
		qsort(side[i].ns, ROUNDS, sizeof side[i].ns[0], ascending);
		printf("forwarding, %-36s %6.0f ns a packet (median of %d rounds of %d; best %0.f)\n",
			side[i].name, side[i].ns[ROUNDS / 2], ROUNDS, PACKETS, side[i].ns[0]);
	}
	printf("forwarding costs %.3f times conntrack alone (median of pairs; target 1.15)\n", ratio[ROUNDS / 2]);
	return 0;
}
