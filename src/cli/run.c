/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bulkhead/control.h>
#include "cli/cli.h"
#include "daemon/roles.h"

static const char more[] =
	"       --policy FILE     the zone policy; without one: private = inside, the rest outside, observe\n"
	"       --iface IF[,IF]   interfaces whose incoming frames are watched (all sides of a gateway); zones with a `probe` are asked by theirs\n"
	"       --watchlist FILE  RPC calls, admin services and tools to watch for; `bulkhead detectors --watchlist` prints what is carried\n"
	"       --mode MODE       observe, ask or auto, over the policy's\n"
	"       --eve FILE        EVE JSON lines (default /var/log/bulkhead/eve.json, - = standard output)\n"
	"       --workers N       packet workers, 1 to 16 (default 1)\n"
	"       --state DIR       keeps the inventory, the confirmed policy and the plan for `bulkhead boot` over restarts\n"
	"       --new-inventory   moves the inventory in --state aside, damaged or not, and begins a new one\n"
	"       --socket PATH     the local API (default " BH_API_SOCKET ")\n"
	"       --strict          EVE without our own object and action records\n"
	"       --no-enforcer     watch only: table inet bulkhead is neither made nor changed\n"
	"       --bridge          the law also holds between the ports of this box's bridges (table bridge bulkhead); without bridge\n"
	"                         conntrack and br_netfilter isolations alone: see `bulkhead doctor`\n"
	"       --usb-listen ADDRESS:PORT, --usb-keys FILE   hear endpoints that run `bulkhead usb-watch` (this machine's own USB ports, too);\n"
	"                         the keys are lines of \"NAME KEY [ADDRESS]\", as `bulkhead usb-watch --make-key` prints them\n"
	"       --syslog-listen ADDRESS:PORT   hear Windows events of USB devices (6416, 20001, 20003) by syslog over UDP, unsigned\n"
	"       --usb-own         this machine's own USB ports, with nobody listened to\n"
	"       --share-table     other programs may change table inet bulkhead (their changes are undone), as before Linux 6.9\n";

/* 0, or 1 with the complaint made */
static int split(char *s, const char **names, size_t max, size_t *ret_n)
{
	size_t n = 0;

	for (char *save, *w = strtok_r(s, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		for (size_t i = 0; i < n; i++)
			if (strcmp(names[i], w) == 0) {
				fprintf(stderr, "bulkhead: interface %s is named twice: its frames would be counted twice\n", w);
				return 1;
			}
		if (n == max) {
			fprintf(stderr, "bulkhead: at most %zu interfaces; %s would not be watched\n", max, w);
			return 1;
		}
		names[n++] = w;
	}
	*ret_n = n;
	return 0;
}

/*
 * A policy confirmed in an earlier run is the law, as long as the file given is the one that run began with. Somebody who
 * has written another file since wants that one.
 */
static void kept(const char *dir, const char *base, struct bh_policy **io_policy)
{
	char path[600], *was = NULL, *text = NULL;
	struct bh_diags d = {0};
	struct bh_policy *p;
	size_t was_len, len;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || bh_keep_load(fd, "policy.yaml", BH_KEEP_POLICY, &text, &len) || bh_keep_load(fd, "policy.base", 64, &was, &was_len))
		goto out;
	snprintf(path, sizeof path, "%s/policy.yaml", dir);
	if (strcmp(was, base)) {
		fprintf(stderr, "bulkhead: the policy file has changed since %s was confirmed: the file is used\n", path);
		goto out;
	}
	if (bh_policy_load(text, len, path, &d, &p)) {
		fprintf(stderr, "bulkhead: %s is no valid policy any more: the file is used\n", path);
		goto out;
	}
	fprintf(stderr, "bulkhead: the law is %s, confirmed in an earlier run; `bulkhead policy apply` changes it\n", path);
	bh_policy_free(*io_policy);
	*io_policy = p;
out:
	bh_diags_fini(&d);
	free(was);
	free(text);
	if (fd >= 0)
		close(fd);
}

struct args {
	struct bh_run_opts o;
	const char *policy, *watch, *usb_keys, *names[BH_LIVE_IFS];
};

/* "10.0.0.2:7788", "[::]:514" */
static int listen_at(const char *option, const char *s, struct bh_listen *ret)
{
	const char *colon = strrchr(s, ':'), *end = colon;
	uint64_t port;

	if (colon && s[0] == '[' && colon > s + 1 && colon[-1] == ']') {
		s++;
		end--;
	}
	if (colon && bh_addr_parse(s, (size_t)(end - s), &ret->addr) == 0 && (bh_addr_is4(&ret->addr) || end != colon) &&
		bh_word_u64((struct bh_word){colon + 1, strlen(colon + 1)}, 65535, &port) == 0 && port) {
		ret->port = (uint16_t)port;
		return 0;
	}
	fprintf(stderr, "bulkhead: --%s takes ADDRESS:PORT or [ADDRESS]:PORT\n", option);
	return BH_EXIT_USAGE;
}

static int load_keys(const char *path, struct bh_usb_keys **ret_keys)
{
	size_t cap = 1u << 20, n;
	struct bh_usb_keys *keys = malloc(sizeof *keys);
	char *text = malloc(cap);
	struct bh_usb_error e;
	FILE *f = fopen(path, "rb");
	int r = 0;

	if (!f || !keys || !text) {
		fprintf(stderr, "bulkhead: cannot read USB keys %s: %m\n", path);
		r = BH_EXIT_INVALID;
	} else if ((n = fread(text, 1, cap, f)) == cap) {
		fprintf(stderr, "bulkhead: %s is too large for a list of keys\n", path);
		r = BH_EXIT_INVALID;
	} else if (bh_usb_keys_parse(text, n, keys, &e)) {
		fprintf(stderr, "%s:%u:%u: error: %s\n", path, e.line, e.col, e.text);
		r = BH_EXIT_INVALID;
	}
	if (f)
		fclose(f);
	free(text);
	if (r) {
		free(keys);
		return r;
	}
	*ret_keys = keys;
	return 0;
}

/* what is heard beside packets: 0, or the exit code */
static int hears(struct args *a, int option)
{
	switch (option) {
	case 'u':
		return listen_at("usb-listen", optarg, &a->o.usb_listen);
	case 'l':
		return listen_at("syslog-listen", optarg, &a->o.log_listen);
	case 'k':
		a->usb_keys = optarg;
		return 0;
	default:
		a->o.usb_own = true;
		return 0;
	}
}

/* 0, or the exit code with what there is to say said; *ret_help: there is nothing more to do */
static int parse(struct args *a, int argc, char **argv, bool *ret_help)
{
	static const struct option longs[] = {{"policy", 1, 0, 'p'}, {"watchlist", 1, 0, 'W'}, {"iface", 1, 0, 'i'}, {"mode", 1, 0, 'm'}, {"eve", 1, 0, 'e'}, {"workers", 1, 0, 'w'},
		{"socket", 1, 0, 's'}, {"state", 1, 0, 'd'}, {"strict", 0, 0, 'S'}, {"no-enforcer", 0, 0, 'n'}, {"share-table", 0, 0, 't'}, {"bridge", 0, 0, 'b'}, {"new-inventory", 0, 0, 'N'},
		{"usb-listen", 1, 0, 'u'}, {"usb-keys", 1, 0, 'k'}, {"syslog-listen", 1, 0, 'l'}, {"usb-own", 0, 0, 'o'}, {"help", 0, 0, 'h'}, {0}};
	int c;

	*ret_help = false;
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			a->policy = optarg;
			break;
		case 'W':
			a->watch = optarg;
			break;
		case 'i':
			if (split(optarg, a->names, BH_LIVE_IFS, &a->o.n_ifaces))
				return BH_EXIT_USAGE;
			break;
		case 'm':
			a->o.mode = bh_cli_parse_mode(optarg);
			if (a->o.mode < 0) {
				fprintf(stderr, "bulkhead: '%s' is no mode: observe, ask or auto\n", optarg);
				return BH_EXIT_USAGE;
			}
			break;
		case 'e':
			a->o.eve_path = optarg;
			break;
		case 'w':
			a->o.workers = optarg[strspn(optarg, "0123456789")] || strlen(optarg) > 4 ? 0 : (unsigned)strtoul(optarg, NULL, 10);
			if (a->o.workers < 1 || a->o.workers > BH_SHM_WORKERS) {
				fprintf(stderr, "bulkhead: --workers takes 1 to %d, not '%s'\n", BH_SHM_WORKERS, optarg);
				return BH_EXIT_USAGE;
			}
			break;
		case 's':
			a->o.socket_path = optarg;
			break;
		case 'd':
			a->o.state_dir = optarg;
			break;
		case 'S':
			a->o.strict = true;
			break;
		case 'n':
			a->o.no_enforcer = true;
			break;
		case 'b':
			a->o.bridge = true;
			break;
		case 'N':
			a->o.new_inventory = true;
			break;
		case 't':
			a->o.share_table = true;
			break;
		case 'u':
		case 'l':
		case 'k':
		case 'o':
			if (hears(a, c))
				return BH_EXIT_USAGE;
			break;
		case 'h':
			*ret_help = true;
			return bh_cli_usage("run", more, 0);
		default:
			return bh_cli_usage("run", more, BH_EXIT_USAGE);
		}
	}
	if (!a->o.usb_listen.port != !a->usb_keys) {
		fprintf(stderr, "bulkhead: --usb-listen and --usb-keys go together: nobody is believed without a key\n");
		return BH_EXIT_USAGE;
	}
	return optind != argc || !a->o.n_ifaces ? bh_cli_usage("run", more, BH_EXIT_USAGE) : 0;
}

int bh_cli_run(int argc, char **argv)
{
	struct args a = {.o = {.workers = 1, .mode = -1, .eve_path = "/var/log/bulkhead/eve.json", .socket_path = BH_API_SOCKET}};
	struct bh_policy *policy;
	struct bh_watch *watch;
	struct bh_usb_keys *keys = NULL;
	struct bh_ouis *ouis;
	char host[65] = "bulkhead", base[65];
	bool help;
	int r = parse(&a, argc, argv, &help);

	if (r || help)
		return r;
	if (a.usb_keys && (r = load_keys(a.usb_keys, &keys)))
		return r;
	a.o.usb_keys = keys;
	r = bh_cli_load_watch(a.watch, &watch);
	if (r) {
		free(keys);
		return r;
	}
	r = bh_cli_load_policy(a.policy, &policy);
	if (r) {
		free(keys);
		bh_watch_free(watch);
		return r;
	}
	bh_strcpy(base, sizeof base, policy->sha256[0] ? policy->sha256 : "built-in");
	a.o.base_sha256 = base;
	if (a.o.state_dir)
		kept(a.o.state_dir, base, &policy);
	(void)!gethostname(host, sizeof host - 1);
	a.o.policy = policy;
	a.o.watch = watch;
	a.o.ifaces = a.names;
	a.o.host = host;
	a.o.ouis = ouis = bh_cli_load_ouis();
	r = bh_run(&a.o);
	free(keys);
	bh_ouis_close(ouis);
	bh_policy_free(policy);
	bh_watch_free(watch);
	return r;
}
