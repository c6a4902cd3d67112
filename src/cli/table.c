/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command table: one row makes dispatch, `--help` and the completion words. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <bulkhead/detect.h>
#include "cli/cli.h"

const struct bh_command bh_commands[] = {
	{"run", "--policy FILE --iface IF[,IF…] [--mode MODE] [--eve FILE]", "sensor, core, enforcer and reporter for one small site", bh_cli_run},
	{"replay", "CAPTURE [--policy FILE] [--json] [--eve -] [--events -] [--plan -]", "a capture file: findings, and what would have been cut", bh_cli_replay},
	{"drill", "[NAME] [--mode MODE] [--json]", "an attack in throw-away namespaces, found and cut, with a score", bh_cli_drill},
	{"status", "[--json]", "mode, sensors, drops, what is cut and closed, drift", bh_cli_status},
	{"counters", "[--json]", "packets let through and dropped, and what observe mode would drop", bh_cli_counters},
	{"hosts", "[TEXT] [--json] | import FILE [--format csv|dnsmasq|isc] [--skip-bad] [--dry-run] [--json]", "who is on the network; import: who belongs to it, from a list", bh_cli_hosts},
	{"host", "show X | approve|retire|forget X | rename|owner|note X TEXT | tag|untag X TAG [--json]", "one device: what is known of it, and what people say of it", bh_cli_host},
	{"detectors", "[NAME] [--json] | --watchlist", "what is looked for, why, and what it mistakes", bh_cli_detectors},
	{"isolate", "TARGET [--scope host|segment|zone] [--shield|--contain|--island] [--ttl 4h] --reason TEXT [--dry-run] [--json]", "cut a host, network or zone, or a part of what it may; pins stay", bh_cli_isolate},
	{"kill", "tcp|udp SRC:PORT DST:PORT [--ttl 10m] --reason TEXT [--dry-run] [--json]", "cut one connection", bh_cli_kill},
	{"breaker", "CONDUIT normal|admin-off|pins-only [--ttl 4h] --reason TEXT [--dry-run] [--json]", "close a conduit, or what administers machines in it", bh_cli_breaker},
	{"drawbridge", "CONDUIT raise|lower|auto [--ttl 30m] --reason TEXT [--dry-run] [--json]", "close or open a conduit that has hours", bh_cli_drawbridge},
	{"release", "TARGET|ORDER [--reason TEXT] [--json]", "end orders against a target, of every kind", bh_cli_release},
	{"mode", "observe|ask|auto", "change what may be done without asking", bh_cli_mode},
	{"policy", "check|show|fmt|schema|test|prove|diff|simulate|learn|apply|confirm|rollback …", "the zone policy", bh_cli_policy},
	{"doctor", "[--json]", "what this kernel and machine can do, and what degrades", bh_cli_doctor},
	{"boot", "[--state DIR] [--bridge]", "load the kept law and cuts, before the network is up", bh_cli_boot},
	{"usb-watch", "--to HOST:PORT --key FILE [--name NAME] [--sysfs DIR] [--once] | --make-key FILE [--name NAME]", "on an endpoint: tells a sensor, signed, of its USB ports", bh_cli_usb_watch},
	{"disarm", "--yes", "remove table inet bulkhead, nothing else", bh_cli_disarm},
};
const size_t bh_n_commands = BH_COUNT(bh_commands);

static const struct bh_command *find(const char *name)
{
	for (size_t i = 0; i < bh_n_commands; i++)
		if (strcmp(bh_commands[i].name, name) == 0)
			return &bh_commands[i];
	return NULL;
}

static void help(FILE *to)
{
	fputs("bulkhead: finds lateral movement and rogue hosts, and closes the smallest set of doors\n\nUsage: bulkhead COMMAND …\n\n", to);
	for (size_t i = 0; i < bh_n_commands; i++)
		fprintf(to, "  %-10s %s\n", bh_commands[i].name, bh_commands[i].doc);
	fputs("\n  bulkhead COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 usage, 3 invalid policy or input,\n"
	      "  4 refused for safety, 5 not permitted, 6 daemon not reachable, 7 differs, 8 not confirmed in time.\n"
	      "  A first look, without a network or root: bulkhead drill\n",
		to);
}

int bh_cli_usage(const char *name, const char *more, int code)
{
	const struct bh_command *c = find(name);
	FILE *to = code ? stderr : stdout;

	fprintf(to, "Usage: bulkhead %s %s\n       %s\n", c->name, c->args, c->doc);
	if (more)
		fputs(more, to);
	return code;
}

/* bytes of the sequence at p that a terminal may have as they are; 0 = none: no control, no change of direction, nothing malformed */
static size_t shown(const unsigned char *p)
{
	size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p <= 0xdf ? 2 : (*p & 0xf0) == 0xe0 ? 3 : *p >= 0xf0 && *p <= 0xf4 ? 4 : 0;

	if (!n || *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae)))
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)
		return 0;
	return n;
}

char *bh_cli_plain(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p;) {
		size_t n = shown(p);

		if (!n)
			*p = '?';
		p += n ? n : 1;
	}
	return s;
}

int bh_cli_parse_mode(const char *s)
{
	for (int i = 0; i < BH_MODE_COUNT; i++)
		if (strcmp(bh_mode_name((unsigned)i), s) == 0)
			return i;
	return -1;
}

/* The text of a file, for the loaders; NULL and a message when it cannot be read. */
static char *slurp(const char *path, const char *what, size_t cap, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *text;

	if (!f) {
		fprintf(stderr, "bulkhead: cannot read %s %s: %m\n", what, path);
		return NULL;
	}
	text = malloc(cap);
	if (!text)
		abort();
	*ret_len = fread(text, 1, cap - 1, f);
	if (ferror(f)) {
		fprintf(stderr, "bulkhead: cannot read %s %s: %m\n", what, path);
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static void complain(const struct bh_diags *d, const char *path, const char *text, size_t len)
{
	size_t cap = 1 << 18;
	char *out = malloc(cap);
	struct bh_text t;

	if (!out)
		abort();
	t = bh_text(out, cap);
	bh_diags_print(d, path, text, len, &t);
	fputs(out, stderr);
	free(out);
}

int bh_cli_load_policy(const char *path, struct bh_policy **ret_policy)
{
	struct bh_diags d = {0};
	char *text;
	size_t n;
	int r;

	if (!path) {
		*ret_policy = bh_policy_builtin();
		return *ret_policy ? 0 : BH_EXIT_FAILED;
	}
	text = slurp(path, "policy", (4u << 20) + 2, &n);
	if (!text)
		return BH_EXIT_INVALID;
	r = bh_policy_load(text, n, path, &d, ret_policy);
	if (r == 0 && bh_detect_check(*ret_policy, &d)) {
		bh_policy_free(*ret_policy);
		*ret_policy = NULL;
		r = 1;
	}
	if (d.n)
		complain(&d, path, text, n);
	if (r < 0)
		fprintf(stderr, "bulkhead: cannot load policy %s: %s\n", path, strerror(-r));
	bh_diags_fini(&d);
	free(text);
	return r > 0 ? BH_EXIT_INVALID : r < 0 ? BH_EXIT_FAILED : 0;
}

int bh_cli_load_watch(const char *path, struct bh_watch **ret_watch)
{
	struct bh_diags d = {0};
	char *text;
	size_t n;
	int r;

	if (!path) {
		*ret_watch = bh_watch_builtin();
		return *ret_watch ? 0 : BH_EXIT_FAILED;
	}
	text = slurp(path, "watch-list", (4u << 20) + 2, &n);
	if (!text)
		return BH_EXIT_INVALID;
	r = bh_watch_load(text, n, &d, ret_watch);
	if (d.n)
		complain(&d, path, text, n);
	if (r < 0)
		fprintf(stderr, "bulkhead: cannot load watch-list %s: %s\n", path, strerror(-r));
	bh_diags_fini(&d);
	free(text);
	return r > 0 ? BH_EXIT_INVALID : r < 0 ? BH_EXIT_FAILED : 0;
}

int bh_cli_main(int argc, char **argv)
{
	const struct bh_command *c;
	int r;

	if (argc < 2) {
		help(stderr);
		return BH_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("bulkhead %s\n", BH_VERSION);
		return 0;
	}
	c = find(argv[1]);
	if (!c) {
		fprintf(stderr, "bulkhead: no command '%s'\n\n", argv[1]);
		help(stderr);
		return BH_EXIT_USAGE;
	}
	r = c->run(argc - 1, argv + 1);
	/* a full disk behind a redirection is a failure like any other */
	if ((fflush(stdout) || ferror(stdout)) && r == 0) {
		fprintf(stderr, "bulkhead: cannot write the output: %m\n");
		r = BH_EXIT_FAILED;
	}
	return r;
}
