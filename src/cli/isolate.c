/* SPDX-License-Identifier: GPL-3.0-or-later */
/* isolate, release, mode: orders to the daemon, and what became of them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/preview.h"

static const char *str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

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
		fprintf(stderr, "bulkhead: refused: %s%s%s%s\n", str(refused, "text"), str(refused, "policy")[0] ? " (" : "", str(refused, "policy"),
			str(refused, "policy")[0] ? ")" : "");
		show_line(str(refused, "policy"));
		return;
	}
	if (json_integer_value(json_object_get(o, "exit"))) {
		fprintf(stderr, "bulkhead: %s\n", str(o, "text"));
		return;
	}
	printf("%s\n", str(o, "text"));
	if (!order)
		return;
	printf("  %s %s %s until %s\n  CUT  ", str(order, "step"), str(order, "host"), str(order, "name"), str(order, "until"));
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

static const char more_release[] = "       TARGET           address, MAC, host name, zone:NAME\n"
				   "       ORDER            number of an order, as `bulkhead status` lists it\n"
				   "       --reason TEXT    kept in the record\n"
				   "       --json --socket PATH\n";
static const char more[] = "       TARGET           address, MAC, host name, zone:NAME\n"
			   "       --ttl DURATION   90s, 30m, 4h; default: the policy's\n"
			   "       --reason TEXT    kept in the record\n"
			   "       --dry-run        say which connections would be lost and kept, change nothing\n"
			   "       --shield         only bar new connections to critical zones\n"
			   "       --json --socket PATH\n";

static int run(int argc, char **argv, const char *name, unsigned verb)
{
	static const struct option longs[] = {{"ttl", 1, 0, 't'}, {"reason", 1, 0, 'r'}, {"dry-run", 0, 0, 'd'}, {"shield", 0, 0, 'S'}, {"json", 0, 0, 'j'},
		{"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	static const struct option longs_release[] = {{"reason", 1, 0, 'r'}, {"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	bool release = verb == BH_API_RELEASE;
	struct bh_api_request q = {.verb = (uint8_t)verb};
	const char *socket_path = BH_API_SOCKET;
	bool json = false;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", release ? longs_release : longs, NULL)) != -1) {
		switch (c) {
		case 't':
			if (bh_duration_parse(optarg, strlen(optarg), &q.ttl) || !q.ttl) {
				fprintf(stderr, "bulkhead: '%s' is no duration (90s, 30m, 4h)\n", optarg);
				return BH_EXIT_USAGE;
			}
			break;
		case 'r':
			bh_strcpy(q.reason, sizeof q.reason, optarg);
			break;
		case 'd':
			q.dry = true;
			break;
		case 'S':
			q.verb = BH_API_SHIELD;
			break;
		case 'j':
			json = true;
			break;
		case 's':
			socket_path = optarg;
			break;
		default:
			return bh_cli_usage(name, release ? more_release : more, c == 'h' ? 0 : BH_EXIT_USAGE);
		}
	}
	if (optind != argc - 1 || !argv[optind][0] || strlen(argv[optind]) >= sizeof q.target)
		return bh_cli_usage(name, release ? more_release : more, BH_EXIT_USAGE);
	bh_strcpy(q.target, sizeof q.target, argv[optind]);
	if (verb == BH_API_ISOLATE && !q.reason[0] && !q.dry) {
		fprintf(stderr, "bulkhead: an isolation needs a --reason: somebody will ask at 8 a.m.\n");
		return BH_EXIT_USAGE;
	}
	if (q.dry)
		bh_cli_session(&q.session);
	return order(socket_path, &q, json);
}

int bh_cli_isolate(int argc, char **argv)
{
	return run(argc, argv, "isolate", BH_API_ISOLATE);
}

int bh_cli_release(int argc, char **argv)
{
	return run(argc, argv, "release", BH_API_RELEASE);
}

int bh_cli_mode(int argc, char **argv)
{
	static const struct option longs[] = {{"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct bh_api_request q = {.verb = BH_API_MODE};
	const char *socket_path = BH_API_SOCKET;
	bool json = false;
	int c, mode;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 's')
			socket_path = optarg;
		else
			return bh_cli_usage("mode", NULL, c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (optind != argc - 1 || (mode = bh_cli_parse_mode(argv[optind])) < 0)
		return bh_cli_usage("mode", NULL, BH_EXIT_USAGE);
	q.mode = (uint8_t)mode;
	return order(socket_path, &q, json);
}
