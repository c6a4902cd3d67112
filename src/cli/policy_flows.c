/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recorded connections: out of the daemon's memory, or the flow records of an EVE file. And what can be learned from them:
 * proposals for conduits, which a person reads before they are law.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/policy_cmd.h"

void bh_cli_flows_fini(struct bh_cli_flows *f)
{
	free(f->v);
	memset(f, 0, sizeof *f);
}

static bool addr(json_t *o, const char *key, struct bh_addr *ret)
{
	const char *s = bh_cli_str(o, key);

	return bh_addr_parse(s, strlen(s), ret) == 0;
}

static int push(struct bh_cli_flows *f, const struct bh_cli_flow *w)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		struct bh_cli_flow *v = realloc(f->v, cap * sizeof *v);

		if (!v) {
			fprintf(stderr, "bulkhead: no memory\n");
			return BH_EXIT_FAILED;
		}
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = *w;
	return 0;
}

static int by_kind(const void *a, const void *b)
{
	const struct bh_cli_flow *x = a, *y = b;
	int d = memcmp(&x->src, &y->src, sizeof x->src);

	d = d ? d : memcmp(&x->dst, &y->dst, sizeof x->dst);
	d = d ? d : (int)x->proto - y->proto;
	return d ? d : (int)x->dport - y->dport;
}

static void merge(struct bh_cli_flows *f)
{
	size_t n = 0;

	if (f->n)
		qsort(f->v, f->n, sizeof *f->v, by_kind);
	for (size_t i = 0; i < f->n; i++)
		if (n && by_kind(&f->v[n - 1], &f->v[i]) == 0) {
			f->v[n - 1].flows += f->v[i].flows;
			f->v[n - 1].bytes += f->v[i].bytes;
			f->v[n - 1].open += f->v[i].open;
		} else {
			f->v[n++] = f->v[i];
		}
	f->n = n;
}

static int from_daemon(const char *socket_path, struct bh_cli_flows *f)
{
	static const char *const lists[] = {"flows", "open"};
	struct bh_api_request q = {.verb = BH_API_FLOWS};
	json_t *o, *v;
	char *text;
	size_t i;
	int r = bh_cli_ask(socket_path, &q, &o, &text);

	if (r)
		return r;
	bh_strcpy(f->since, sizeof f->since, bh_cli_str(o, "since"));
	bh_strcpy(f->until, sizeof f->until, bh_cli_str(o, "now"));
	bh_strcpy(f->holes, sizeof f->holes, bh_cli_str(o, "whole_since"));
	bh_strcpy(f->open_unknown, sizeof f->open_unknown, bh_cli_str(o, "open_unknown"));
	for (unsigned k = 0; k < BH_COUNT(lists); k++)
		json_array_foreach(json_object_get(o, lists[k]), i, v) {
			struct bh_cli_flow w = {.proto = (uint8_t)json_integer_value(json_object_get(v, "proto")),
				.dport = (uint16_t)json_integer_value(json_object_get(v, "dport")),
				.flows = (uint64_t)json_integer_value(json_object_get(v, "flows")),
				.bytes = (uint64_t)json_integer_value(json_object_get(v, "bytes")),
				.open = (uint64_t)json_integer_value(json_object_get(v, "open"))};

			if (r == 0 && addr(v, "src", &w.src) && addr(v, "dst", &w.dst))
				r = push(f, &w);
		}
	merge(f);
	json_decref(o);
	free(text);
	return r;
}

/* one line of EVE; what is no answered flow is passed over */
static int eve_line(struct bh_cli_flows *f, json_t *o)
{
	json_t *flow = json_object_get(o, "flow");
	struct bh_cli_flow w = {.dport = (uint16_t)json_integer_value(json_object_get(o, "dest_port")), .flows = 1};
	const char *proto = bh_cli_str(o, "proto"), *at = bh_cli_str(o, "timestamp");

	if (strcmp(bh_cli_str(o, "event_type"), "flow") || !flow || json_integer_value(json_object_get(flow, "pkts_toclient")) == 0)
		return 0;
	w.proto = !strcasecmp(proto, "tcp") ? 6 : !strcasecmp(proto, "udp") ? 17 : !strcasecmp(proto, "icmp") ? 1 : !strcasecmp(proto, "ipv6-icmp") ? 58 : 0;
	if (!w.proto || !addr(o, "src_ip", &w.src) || !addr(o, "dest_ip", &w.dst))
		return 0;
	w.bytes = (uint64_t)json_integer_value(json_object_get(flow, "bytes_toserver")) + (uint64_t)json_integer_value(json_object_get(flow, "bytes_toclient"));
	if (!f->since[0] || strcmp(at, f->since) < 0)
		bh_strcpy(f->since, sizeof f->since, at);
	if (strcmp(at, f->until) > 0)
		bh_strcpy(f->until, sizeof f->until, at);
	return push(f, &w);
}

static int from_eve(const char *path, struct bh_cli_flows *f)
{
	FILE *in = strcmp(path, "-") ? fopen(path, "r") : stdin;
	size_t cap = 0, line = 0, bad = 0;
	char *buf = NULL;
	ssize_t n;
	int r = 0;

	if (!in) {
		fprintf(stderr, "bulkhead: cannot read %s: %m\n", path);
		return BH_EXIT_FAILED;
	}
	while (r == 0 && (n = getline(&buf, &cap, in)) > 0) {
		json_t *o = json_loadb(buf, (size_t)n, 0, NULL);

		line++;
		bad += !o;
		r = o ? eve_line(f, o) : 0;
		json_decref(o);
		if (r == 0 && f->n >= 1u << 20)
			merge(f); /* a year of records, a few thousand kinds */
	}
	if (bad)
		fprintf(stderr, "bulkhead: %s: %zu of %zu lines are no JSON and were passed over\n", path, bad, line);
	free(buf);
	if (in != stdin)
		fclose(in);
	merge(f);
	if (r == 0 && line && bad == line)
		r = BH_EXIT_INVALID;
	return r;
}

int bh_cli_flows_read(const char *eve, const char *socket_path, struct bh_cli_flows *ret_flows)
{
	struct bh_cli_flows f = {0};
	int r = eve ? from_eve(eve, &f) : from_daemon(socket_path, &f);

	if (r)
		bh_cli_flows_fini(&f);
	else
		*ret_flows = f;
	return r;
}

void bh_cli_flows_window(const struct bh_cli_flows *f, FILE *to)
{
	if (f->open_unknown[0])
		fprintf(to, "# open connections were not looked at: %s\n", f->open_unknown);
	fprintf(to, "# window: %s to %s%s%s. What did not speak in it (backups, month ends, emergencies) is not in here.\n", f->since[0] ? f->since : "nothing seen",
		f->until[0] ? f->until : "-", f->holes[0] ? "; complete only since " : "", f->holes);
}

/* ---- learn ---- */
struct proposal {
	uint16_t from, to;
	uint8_t proto;
	uint16_t dport;
	uint64_t flows;
	struct bh_prefixes src, dst;
};

static void add_end(struct bh_prefixes *s, const struct bh_addr *a)
{
	struct bh_prefix p = bh_prefix_host(a), *v;

	for (size_t i = 0; i < s->n; i++)
		if (!memcmp(&s->v[i], &p, sizeof p))
			return;
	v = s->n < 65 ? realloc(s->v, (s->n + 1) * sizeof *v) : NULL;
	if (!v)
		return;
	s->v = v;
	v[s->n++] = p;
}

static int propose(const struct bh_policy *p, const struct bh_cli_flows *f, struct proposal **ret, size_t *ret_n)
{
	struct proposal *l = NULL, *q;
	size_t n = 0, k;

	for (size_t i = 0; i < f->n; i++) {
		const struct bh_cli_flow *w = &f->v[i];
		struct bh_judgement j = bh_policy_judge(p, &w->src, &w->dst, w->proto, w->dport);

		if (j.rule != BH_RULE_DENY || j.from == BH_ZONE_NONE || j.to == BH_ZONE_NONE)
			continue;
		for (k = 0; k < n; k++)
			if (l[k].from == j.from && l[k].to == j.to && l[k].proto == w->proto && l[k].dport == w->dport)
				break;
		if (k == n) {
			q = realloc(l, (n + 1) * sizeof *l);
			if (!q)
				break;
			l = q;
			l[n++] = (struct proposal){.from = j.from, .to = j.to, .proto = w->proto, .dport = w->dport};
		}
		l[k].flows += w->flows;
		add_end(&l[k].src, &w->src);
		add_end(&l[k].dst, &w->dst);
	}
	*ret = l;
	*ret_n = n;
	return 0;
}

static bool administers(const struct proposal *q)
{
	for (size_t i = 0; q->proto == 6 && i < bh_plan_n_admin_ports; i++)
		if (bh_plan_admin_ports[i] == q->dport)
			return true;
	return false;
}

static void put_ends(const char *key, const struct bh_prefixes *s)
{
	char buf[BH_PREFIX_TEXT];

	if (s->n > 8)
		return; /* then it is the zone's habit, not some hosts' */
	printf(", %s: [", key);
	for (size_t i = 0; i < s->n; i++)
		printf("%s\"%s\"", i ? ", " : "", bh_prefix_print(&s->v[i], buf));
	putchar(']');
}

static void put_proposal(const struct bh_policy *p, const struct proposal *q, size_t number)
{
	const struct bh_zone *from = &p->zones[q->from], *to = &p->zones[q->to];
	bool hold = administers(q) || to->critical;

	printf("  # PROPOSAL: %llu connections, %zu%s clients, %zu%s servers%s%s\n", (unsigned long long)q->flows, q->src.n, q->src.n > 64 ? " or more" : "", q->dst.n,
		q->dst.n > 64 ? " or more" : "", administers(q) ? "; ADMINISTERS machines" : "", to->critical ? "; OPENS CRITICAL zone" : "");
	printf("  %s- {name: proposed-%zu, from: %s, to: %s, allow: [", hold ? "# " : "", number, from->name, to->name);
	if (q->proto == 6 || q->proto == 17)
		printf("%s/%u]", q->proto == 6 ? "tcp" : "udp", q->dport);
	else
		printf("%s]", q->proto == 1 || q->proto == 58 ? "icmp" : "any");
	put_ends("from-hosts", &q->src);
	put_ends("to-hosts", &q->dst);
	puts("}");
}

static int usage(int code)
{
	fputs("Usage: bulkhead policy learn [FILE] [--flows EVE.json|-] [--socket PATH]\n"
	      "       conduits for recorded connections that FILE (else: the running policy) does not allow, as proposals.\n"
	      "       Those that open a critical zone or administer machines come as comments: a person must want them.\n",
		code ? stderr : stdout);
	return code;
}

int bh_cli_policy_learn(int argc, char **argv)
{
	static const struct option longs[] = {{"flows", 1, 0, 'f'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	const char *socket_path = BH_API_SOCKET, *eve = NULL;
	struct bh_cli_flows f;
	struct proposal *l;
	struct bh_policy *p;
	size_t n;
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			socket_path = optarg;
		else if (c == 'f')
			eve = optarg;
		else
			return usage(c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (argc - optind > 1)
		return usage(BH_EXIT_USAGE);
	r = argc > optind ? bh_cli_load_policy(argv[optind], &p) : bh_cli_running_policy(socket_path, &p);
	if (r)
		return r;
	r = bh_cli_flows_read(eve, socket_path, &f);
	if (r == 0) {
		(void)!propose(p, &f, &l, &n);
		bh_cli_flows_window(&f, stdout);
		puts(n ? "# An intruder's connections are in here too: read each line before it becomes law.\nconduits:" : "# every recorded connection is allowed already");
		for (size_t i = 0; i < n; i++) {
			put_proposal(p, &l[i], i + 1);
			free(l[i].src.v);
			free(l[i].dst.v);
		}
		free(l);
		bh_cli_flows_fini(&f);
	}
	bh_policy_free(p);
	return r;
}
