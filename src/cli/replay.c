/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bulkhead replay: findings of a capture for a person, or one JSON object, or either waist on standard output. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "daemon/replay.h"

struct opts {
	struct bh_replay_opts o;
	const char *policy, *plan, *watch;
	bool json;
};

static int open_out(const char *path)
{
	int fd = !strcmp(path, "-") ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

	if (fd < 0)
		fprintf(stderr, "bulkhead: cannot write %s: %m\n", path);
	return fd;
}

static void progress(void *ctx, unsigned ppm, const struct bh_worker_counters *n, uint64_t alerts)
{
	static const char bar[] = "##############################";
	bh_ns *start = ctx, now;
	struct timespec t;
	double s;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = BH_SEC(t.tv_sec) + (bh_ns)t.tv_nsec;
	if (!*start)
		*start = now;
	s = (double)(now - *start) / 1e9 + 0.1;
	fprintf(stderr, "\r[%-30.*s] %3u%%  %.0f packets/s  %llu flows  %llu alerts  ETA %.0f s \033[K", (int)(ppm * 30ull / 1000000), bar, ppm / 10000,
		(double)n->packets / s, (unsigned long long)n->flow.created, (unsigned long long)alerts,
		ppm ? s * (1e6 - ppm) / ppm : 0.0);
}

static int parse(int argc, char **argv, struct opts *ret)
{
	static const struct option longs[] = {{"policy", 1, 0, 'p'}, {"watchlist", 1, 0, 'W'}, {"mode", 1, 0, 'm'}, {"eve", 1, 0, 'e'}, {"events", 1, 0, 'v'},
		{"plan", 1, 0, 'l'}, {"json", 0, 0, 'j'}, {"strict", 0, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct opts o = {.o = {.mode = -1, .eve_fd = -1, .events_fd = -1}};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			o.policy = optarg;
			break;
		case 'W':
			o.watch = optarg;
			break;
		case 'm':
			o.o.mode = bh_cli_parse_mode(optarg);
			if (o.o.mode < 0)
				return bh_cli_usage("replay", "       modes: observe ask auto\n", BH_EXIT_USAGE);
			break;
		case 'e':
			o.o.eve_fd = open_out(optarg);
			if (o.o.eve_fd < 0)
				return BH_EXIT_FAILED;
			break;
		case 'v':
			o.o.events_fd = open_out(optarg);
			if (o.o.events_fd < 0)
				return BH_EXIT_FAILED;
			break;
		case 'l':
			o.plan = optarg;
			break;
		case 'j':
			o.json = true;
			break;
		case 's':
			o.o.strict = true;
			break;
		case 'h':
			bh_cli_usage("replay",
				       "       CAPTURE: pcap or pcapng, also .gz .zst .xz, or - for standard input\n"
				       "       --policy FILE   zones; default: private ranges are zone inside, the rest outside\n"
				       "       --watchlist FILE   RPC calls, services and tools to watch for, instead of those that are carried\n"
				       "       --mode MODE     judge as observe, ask or auto (default: the policy's)\n"
				       "       --json          one object: packets, flows, classes, findings, plan\n"
				       "       --eve FILE      EVE JSON lines (- = standard output); --strict leaves our own object out\n"
				       "       --events FILE   what was seen, one line an event\n"
				       "       --plan FILE     what the kernel would hold at the end\n",
				       0);
			return -1;
		default:
			return bh_cli_usage("replay", NULL, BH_EXIT_USAGE);
		}
	}
	if (optind != argc - 1)
		return bh_cli_usage("replay", NULL, BH_EXIT_USAGE);
	o.o.path = argv[optind];
	*ret = o;
	return 0;
}

static void json_finding(struct bh_json *j, const struct bh_record *r)
{
	const struct bh_finding *f = &r->finding;

	bh_json_open(j, NULL, '{');
	bh_json_str(j, "detector", f->detector->name);
	bh_json_str(j, "attack", f->detector->attack);
	bh_json_addr(j, "host", &f->host);
	if (!bh_mac_none(&f->mac))
		bh_json_mac(j, "mac", &f->mac);
	if (!bh_addr_none(&f->peer))
		bh_json_addr(j, "peer", &f->peer);
	bh_json_u64(j, "packet", f->pkt);
	bh_json_time(j, "time", f->at, 0);
	bh_json_str(j, "severity", bh_severity_name(f->severity));
	bh_json_u64(j, "attribution", f->attribution);
	bh_json_u64(j, "count", f->count);
	bh_json_u64(j, "score", r->percent);
	bh_json_str(j, "text", f->text);
	if (f->detail[0])
		bh_json_str(j, "detail", f->detail);
	bh_json_close(j, '}');
}

static void json_action(struct bh_json *j, const struct bh_record *r)
{
	bh_json_open(j, NULL, '{');
	bh_json_str(j, "action", bh_eve_verb(r->verb));
	bh_json_str(j, "step", bh_eve_step(r->order.kind));
	bh_json_addr(j, "host", &r->order.host);
	bh_json_u64(j, "packet", r->order.pkt);
	bh_json_time(j, "time", r->at, 0);
	bh_json_str(j, "detector", r->order.because);
	bh_json_str(j, "reason", r->verb == BH_VERB_REFUSED ? r->refused.text : r->order.reason);
	bh_json_close(j, '}');
}

static void json_posture(struct bh_json *j, const struct opts *o, const struct bh_record *r)
{
	bh_json_open(j, NULL, '{');
	bh_json_str(j, "conduit", o->o.policy->conduits[r->posture.conduit].name);
	bh_json_time(j, "time", r->at, 0);
	bh_json_str(j, "from", bh_conduit_state_name(r->posture.was));
	bh_json_str(j, "to", bh_conduit_state_name(r->posture.state));
	bh_json_str(j, "why", bh_why_name(r->posture.why));
	bh_json_close(j, '}');
}

static void json_head(struct bh_json *j, const struct opts *o, const struct bh_replay_result *r)
{
	uint64_t bad = 0;

	for (unsigned i = 1; i < BH_BAD_COUNT; i++)
		bad += r->worker.bad[i];
	bh_json_u64(j, "v", 1);
	bh_json_str(j, "file", o->o.path);
	bh_json_u64(j, "packets", r->worker.packets);
	bh_json_u64(j, "bytes", r->worker.bytes);
	bh_json_u64(j, "flows", r->worker.flow.created);
	bh_json_u64(j, "malformed", bad);
	bh_json_u64(j, "drops", r->source.kernel_drops + r->worker.flow.evicted);
	bh_json_u64(j, "elapsed_ms", r->wall_ns / 1000000);
	bh_json_u64(j, "capture_ms", (r->last - r->first) / 1000000);
	bh_json_u64(j, "hosts", r->core.state.hosts);
	bh_json_u64(j, "guessed", r->guessed);
	if (r->text[0])
		bh_json_str(j, "warning", r->text);
	bh_json_open(j, "dissectors", '{');
	for (size_t i = 0; i < r->n_dissect; i++) {
		char key[64];

		snprintf(key, sizeof key, "%s.%s", r->dissect[i].dissector, r->dissect[i].name);
		bh_json_u64(j, key, r->dissect[i].value);
	}
	bh_json_close(j, '}');
	bh_json_open(j, "classes", '{');
	for (unsigned i = 0; i < BH_APP_COUNT; i++)
		if (r->classes[i])
			bh_json_u64(j, bh_app_name(i), r->classes[i]);
	bh_json_close(j, '}');
}

static void json(const struct opts *o, const struct bh_replay_result *r)
{
	size_t cap = 65536 + r->n_records * 4096 + r->plan_len * 2;
	char *buf = malloc(cap);
	struct bh_json j;

	if (!buf)
		return;
	j = bh_json(buf, cap);
	bh_json_open(&j, NULL, '{');
	json_head(&j, o, r);
	bh_json_open(&j, "findings", '[');
	for (size_t i = 0; i < r->n_records; i++)
		if (r->records[i].kind == BH_REC_ALERT)
			json_finding(&j, &r->records[i]);
	bh_json_close(&j, ']');
	bh_json_open(&j, "actions", '[');
	for (size_t i = 0; i < r->n_records; i++)
		if (r->records[i].kind == BH_REC_ACTION)
			json_action(&j, &r->records[i]);
	bh_json_close(&j, ']');
	bh_json_open(&j, "conduits", '[');
	for (size_t i = 0; i < r->n_records; i++)
		if (r->records[i].kind == BH_REC_POSTURE)
			json_posture(&j, o, &r->records[i]);
	bh_json_close(&j, ']');
	bh_json_open(&j, "plan", '[');
	for (const char *p = r->plan, *end = p + r->plan_len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (n)
			bh_json_strn(&j, NULL, p, n);
		p += n + 1;
	}
	bh_json_close(&j, ']');
	bh_json_close(&j, '}');
	if (j.truncated)
		fprintf(stderr, "bulkhead: the JSON object did not fit its %zu bytes\n", cap);
	else
		printf("%.*s\n", (int)j.len, buf);
	free(buf);
}

static void clock_text(bh_ns at, char buf[32])
{
	time_t t = (time_t)(at / BH_SEC(1));
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(buf, 32, "%F %T", &tm);
}

static void person(const struct opts *o, const struct bh_replay_result *r)
{
	char when[32], a[BH_ADDR_TEXT];
	size_t alerts = 0;

	printf("%s: %llu packets, %llu flows, %llu hosts, %.1f s of traffic in %.2f s\n", o->o.path, (unsigned long long)r->worker.packets,
		(unsigned long long)r->worker.flow.created, (unsigned long long)r->core.state.hosts, (double)(r->last - r->first) / 1e9,
		(double)r->wall_ns / 1e9);
	for (size_t i = 0; i < r->n_records; i++) {
		struct bh_record *rec = &r->records[i];

		bh_cli_plain(rec->finding.text);
		bh_cli_plain(rec->refused.text);
		clock_text(rec->at, when);
		if (rec->kind == BH_REC_ALERT) {
			alerts++;
			printf("%s  %-8s  %-15s %s  (packet %llu, %s, score %u)\n", when, bh_severity_name(rec->finding.severity), rec->finding.detector->name,
				rec->finding.text, (unsigned long long)rec->finding.pkt, rec->finding.detector->attack, rec->percent);
		} else if (rec->kind == BH_REC_POSTURE) {
			printf("%s  %-8s  %-15s %s -> %s (%s)\n", when, "conduit", o->o.policy->conduits[rec->posture.conduit].name,
				bh_conduit_state_name(rec->posture.was), bh_conduit_state_name(rec->posture.state), bh_why_name(rec->posture.why));
		} else if (rec->verb != BH_VERB_REQUESTED) {
			printf("%s  %-8s  %-15s %s%s\n", when, bh_eve_verb(rec->verb), bh_eve_step(rec->order.kind),
				bh_addr_print(&rec->order.host, a), rec->verb == BH_VERB_REFUSED ? ": " : "");
			if (rec->verb == BH_VERB_REFUSED)
				printf("           %s\n", rec->refused.text);
		}
	}
	if (!alerts)
		printf("no findings\n");
}

int bh_cli_replay(int argc, char **argv)
{
	struct bh_replay_result res;
	struct bh_policy *policy;
	struct bh_watch *watch;
	char host[64] = "replay";
	bh_ns start = 0;
	struct opts o;
	int r, fd;

	r = parse(argc, argv, &o);
	if (r)
		return r < 0 ? 0 : r;
	r = bh_cli_load_watch(o.watch, &watch);
	if (r)
		return r;
	r = bh_cli_load_policy(o.policy, &policy);
	if (r) {
		bh_watch_free(watch);
		return r;
	}
	o.o.policy = policy;
	o.o.watch = watch;
	o.o.host = host;
	o.o.ctx = &start;
	if (isatty(STDERR_FILENO))
		o.o.progress = progress;
	r = bh_replay_run(&o.o, &res);
	if (start)
		fputs("\r\033[K", stderr);
	if (res.text[0])
		fprintf(stderr, "bulkhead: %s\n", res.text);
	else if (r < 0)
		fprintf(stderr, "bulkhead: %s: %s\n", o.o.path, strerror(-r));
	if (r >= 0 && (r != 3 || res.worker.packets)) {
		if (o.plan && (fd = open_out(o.plan)) >= 0 && write(fd, res.plan, res.plan_len) != (ssize_t)res.plan_len)
			r = BH_EXIT_FAILED;
		if (o.json)
			json(&o, &res);
		else if (o.o.eve_fd != 1 && o.o.events_fd != 1 && !(o.plan && !strcmp(o.plan, "-")))
			person(&o, &res);
	}
	bh_replay_fini(&res);
	bh_policy_free(policy);
	bh_watch_free(watch);
	return r < 0 ? BH_EXIT_FAILED : r;
}
