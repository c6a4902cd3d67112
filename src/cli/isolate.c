/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people order - isolate, kill, breaker, drawbridge, release, mode - and what became of it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/preview.h"

/* the line of the policy a refusal points at, with a caret, when the file can be read from here */
static void show_line(const char *where)
{
	char path[160], line[512];
	unsigned l, c;
	FILE *f;

	if (sscanf(where, "%159[^:]:%u:%u", path, &l, &c) != 3 || !(f = fopen(path, "r")))
		return;
	for (unsigned i = 1; fgets(line, sizeof line, f); i++)
		if (i == l) {
			fprintf(stderr, "%5u | %s      | ", l, line);
			for (unsigned k = 1; k < c && k <= strlen(line); k++)
				fputc(line[k - 1] == '\t' ? '\t' : ' ', stderr);
			fputs("^\n", stderr);
			break;
		}
	fclose(f);
}

static void tell(json_t *o)
{
	json_t *refused = json_object_get(o, "refused"), *order = json_object_get(o, "order"), *v;
	size_t i;

	if (refused) {
		fprintf(stderr, "bulkhead: refused: %s%s%s%s\n", bh_cli_str(refused, "text"), bh_cli_str(refused, "policy")[0] ? " (" : "", bh_cli_str(refused, "policy"),
			bh_cli_str(refused, "policy")[0] ? ")" : "");
		show_line(bh_cli_str(refused, "policy"));
		return;
	}
	if (json_integer_value(json_object_get(o, "exit"))) {
		fprintf(stderr, "bulkhead: %s\n", bh_cli_str(o, "text"));
		return;
	}
	printf("%s\n", bh_cli_str(o, "text"));
	if (!order)
		return;
	if (!strcmp(bh_cli_str(order, "step"), "conduit")) {
		printf("  conduit %s", bh_cli_str(order, "name"));
		if (bh_cli_str(order, "until")[0])
			printf(" until %s", bh_cli_str(order, "until"));
		putchar('\n');
		return;
	}
	printf("  %s %s %s until %s\n  CUT  ", bh_cli_str(order, "step"), bh_cli_str(order, "host"), bh_cli_str(order, "name"), bh_cli_str(order, "until"));
	json_array_foreach(json_object_get(order, "cut"), i, v)
		printf(" %s", json_string_value(v));
	printf("\n  KEEP ");
	json_array_foreach(json_object_get(order, "kept"), i, v)
		printf(" pin %s", json_string_value(v));
	printf("%s\n", i ? "" : " management and remedies only");
	if (json_integer_value(json_object_get(order, "kernel_us")))
		printf("  in the kernel after %lld us\n", (long long)json_integer_value(json_object_get(order, "kernel_us")));
	if (json_object_get(o, "preview"))
		bh_cli_preview_print(json_object_get(o, "preview"));
}

static int order(const char *socket_path, const struct bh_api_request *q, bool json)
{
	json_t *o;
	char *text;
	int r = bh_cli_ask(socket_path, q, &o, &text);

	if (r)
		return r;
	r = (int)json_integer_value(json_object_get(o, "exit"));
	if (json)
		fputs(text, stdout);
	else
		tell(o);
	json_decref(o);
	free(text);
	return r;
}

/* ---- options ---- */
enum { TTL = 1, REASON, DRY, SHIELD, CONTAIN, ISLAND, SCOPE, JSON, SOCKET, HELP };
static const struct option all[] = {{"ttl", 1, 0, TTL}, {"reason", 1, 0, REASON}, {"dry-run", 0, 0, DRY}, {"shield", 0, 0, SHIELD}, {"contain", 0, 0, CONTAIN},
	{"island", 0, 0, ISLAND}, {"scope", 1, 0, SCOPE}, {"json", 0, 0, JSON}, {"socket", 1, 0, SOCKET}, {"help", 0, 0, HELP}, {0}};

#define IS(option) (1u << (option))
#define EVERYWHERE (IS(JSON) | IS(SOCKET) | IS(HELP))
#define ORDERS (EVERYWHERE | IS(TTL) | IS(REASON) | IS(DRY))

struct args {
	struct bh_api_request q;
	const char *name, *more, *socket;
	bool json;
	int n; /* words left at argv[optind] */
};

static int set_kind(struct args *a, unsigned verb)
{
	if (a->q.verb != BH_API_ISOLATE && a->q.verb != verb) {
		fprintf(stderr, "bulkhead: one of --shield, --contain and --island\n");
		return BH_EXIT_USAGE;
	}
	a->q.verb = (uint8_t)verb;
	return 0;
}

static int one(struct args *a, int option)
{
	switch (option) {
	case TTL:
		if (bh_duration_parse(optarg, strlen(optarg), &a->q.ttl) == 0 && a->q.ttl)
			return 0;
		fprintf(stderr, "bulkhead: '%s' is no duration (90s, 30m, 4h)\n", optarg);
		return BH_EXIT_USAGE;
	case REASON:
		bh_strcpy(a->q.reason, sizeof a->q.reason, optarg);
		return 0;
	case DRY:
		a->q.dry = true;
		return 0;
	case SHIELD:
		return set_kind(a, BH_API_SHIELD);
	case CONTAIN:
		return set_kind(a, BH_API_CONTAIN);
	case ISLAND:
		return set_kind(a, BH_API_ISLAND);
	case SCOPE:
		for (a->q.scope = 0; a->q.scope < BH_SCOPE_COUNT; a->q.scope++)
			if (strcmp(optarg, bh_scope_name(a->q.scope)) == 0)
				return 0;
		fprintf(stderr, "bulkhead: the scope is host, segment or zone, not '%s'\n", optarg);
		return BH_EXIT_USAGE;
	case JSON:
		a->json = true;
		return 0;
	case SOCKET:
		a->socket = optarg;
		return 0;
	}
	return bh_cli_usage(a->name, a->more, option == HELP ? 0 : BH_EXIT_USAGE);
}

/* 0, or 1 with the exit code: all is said */
static int parse(struct args *a, int argc, char **argv, unsigned allowed, int *ret_code)
{
	struct option longs[BH_COUNT(all)];
	size_t n = 0;
	int c;

	for (size_t i = 0; i < BH_COUNT(all); i++)
		if (!all[i].name || (allowed & IS(all[i].val)))
			longs[n++] = all[i];
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		*ret_code = one(a, c);
		if (*ret_code || c == HELP)
			return 1;
	}
	a->n = argc - optind;
	return 0;
}

static int usage(const struct args *a)
{
	return bh_cli_usage(a->name, a->more, BH_EXIT_USAGE);
}

/* the target, and a reason where one is due; then to the daemon */
static int send(struct args *a, const char *target)
{
	if (target && (!target[0] || strlen(target) >= sizeof a->q.target))
		return usage(a);
	if (target)
		bh_strcpy(a->q.target, sizeof a->q.target, target);
	if (!a->q.reason[0] && !a->q.dry && a->q.verb != BH_API_RELEASE && a->q.verb != BH_API_MODE) {
		fprintf(stderr, "bulkhead: this needs a --reason: somebody will ask at 8 a.m.\n");
		return BH_EXIT_USAGE;
	}
	return order(a->socket, &a->q, a->json);
}

/* ---- commands ---- */
#define COMMON "       --ttl DURATION   90s, 30m, 4h; default: the policy's\n"                                                 \
	       "       --reason TEXT    kept in the record\n"
#define SAYS "       --dry-run        say what it would do, change nothing\n"                                                     \
	     "       --json --socket PATH\n"

int bh_cli_isolate(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_ISOLATE}, .name = "isolate", .socket = BH_API_SOCKET,
		.more = "       TARGET           address, network, MAC, host name, zone:NAME. A host is cut at all its addresses and its MAC\n"
			"       --scope WHAT     host; segment: the zone's network around it; zone: the whole zone\n"
			"       --shield         only bar new connections to critical zones\n"
			"       --contain        bar what administers machines: SMB, RDP, SSH, RPC, WinRM and the like\n"
			"       --island         zone:NAME keeps what stays inside; nothing but pins crosses its edge\n"
			COMMON
			"       --dry-run        say which connections would be lost and kept, change nothing\n"
			"       --json --socket PATH\n"};
	int code;

	if (parse(&a, argc, argv, ORDERS | IS(SHIELD) | IS(CONTAIN) | IS(ISLAND) | IS(SCOPE), &code))
		return code;
	if (a.q.scope && a.q.verb != BH_API_ISOLATE) {
		fprintf(stderr, "bulkhead: --scope widens an isolation; a shield and a containment stand against hosts, an island is a zone\n");
		return BH_EXIT_USAGE;
	}
	if (a.n != 1)
		return usage(&a);
	if (a.q.dry)
		bh_cli_session(&a.q.session);
	return send(&a, argv[optind]);
}

int bh_cli_kill(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_KILL}, .name = "kill", .socket = BH_API_SOCKET,
		.more = "       tcp or udp, and the ends of its first packet: 10.1.2.3:49152 10.2.0.5:445, [fd00::3]:49152 [fd00::5]:445\n"
			COMMON SAYS};
	char **w;
	int code;

	if (parse(&a, argc, argv, ORDERS, &code))
		return code;
	w = argv + optind;
	if (a.n != 3)
		return usage(&a);
	a.q.proto = !strcmp(w[0], "tcp") ? 6 : !strcmp(w[0], "udp") ? 17 : 0;
	if (!a.q.proto || bh_end_parse(w[1], strlen(w[1]), &a.q.src, &a.q.sport) || bh_end_parse(w[2], strlen(w[2]), &a.q.dst, &a.q.dport)) {
		fprintf(stderr, "bulkhead: '%s %s %s' is no connection; like tcp 10.1.2.3:49152 10.2.0.5:445\n", w[0], w[1], w[2]);
		return BH_EXIT_USAGE;
	}
	if (a.q.dry)
		bh_cli_session(&a.q.session);
	return send(&a, NULL);
}

static int set(struct args *a, int argc, char **argv, unsigned first, unsigned last)
{
	int code;

	if (parse(a, argc, argv, ORDERS, &code))
		return code;
	if (a->n != 2)
		return usage(a);
	for (unsigned i = first; i <= last; i++)
		if (strcmp(argv[optind + 1], bh_set_name(i)) == 0)
			a->q.set = (uint8_t)i;
	return a->q.set ? send(a, argv[optind]) : usage(a);
}

int bh_cli_breaker(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_BREAKER}, .name = "breaker", .socket = BH_API_SOCKET,
		.more = "       normal           as the policy has it; responses that stand now trip it no more\n"
			"       admin-off        without the protocols that administer machines\n"
			"       pins-only        closed but for pins\n"
			COMMON SAYS};

	return set(&a, argc, argv, BH_SET_NORMAL, BH_SET_PINS_ONLY);
}

int bh_cli_drawbridge(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_DRAWBRIDGE}, .name = "drawbridge", .socket = BH_API_SOCKET,
		.more = "       raise            closed, whatever the hour\n"
			"       lower            open, whatever the hour\n"
			"       auto             by its hours\n"
			COMMON SAYS};

	return set(&a, argc, argv, BH_SET_RAISE, BH_SET_AUTO);
}

int bh_cli_release(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_RELEASE}, .name = "release", .socket = BH_API_SOCKET,
		.more = "       TARGET           address, network, MAC, host name, zone:NAME: every order against it\n"
			"       ORDER            number of an order, as `bulkhead status` lists it\n"
			"       --reason TEXT    kept in the record\n"
			"       --json --socket PATH\n"
			"       What another order holds stays cut. Conduits: `bulkhead breaker CONDUIT normal`, `bulkhead drawbridge CONDUIT auto`.\n"};
	int code;

	if (parse(&a, argc, argv, EVERYWHERE | IS(REASON), &code))
		return code;
	return a.n == 1 ? send(&a, argv[optind]) : usage(&a);
}

int bh_cli_mode(int argc, char **argv)
{
	struct args a = {.q = {.verb = BH_API_MODE}, .name = "mode", .socket = BH_API_SOCKET};
	int code, mode;

	if (parse(&a, argc, argv, EVERYWHERE, &code))
		return code;
	if (a.n != 1 || (mode = bh_cli_parse_mode(argv[optind])) < 0)
		return usage(&a);
	a.q.mode = (uint8_t)mode;
	return send(&a, NULL);
}
