/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hosts: who is on the network. host: one device, and what people say of it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/client.h"

#define OPTIONS "       --json          as the daemon answers\n       --socket PATH   its local API\n"
static const char of_hosts[] = OPTIONS "       TEXT is a part of an address, a MAC, a name, an owner or a zone, or a status: new, known, retired\n"
				       "       bulkhead hosts import --help says what lists may be\n";
static const char of_host[] = "       X is a MAC, an address or a name; a name that two devices have is refused with both\n"
			      "       tags: dual-boot, shared (a dongle or dock), router, pxe\n" OPTIONS;

struct args {
	bool json;
	const char *socket, *words[3];
	int n;
};

/* 0; -1 = help was given; else the exit code */
static int parse(int argc, char **argv, const char *name, const char *more, struct args *a)
{
	static const struct option longs[] = {{"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	int c;

	*a = (struct args){.socket = BH_API_SOCKET, .words = {"", "", ""}};
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			a->json = true;
		else if (c == 's')
			a->socket = optarg;
		else {
			int code = bh_cli_usage(name, more, c == 'h' ? 0 : BH_EXIT_USAGE);

			return c == 'h' ? -1 : code;
		}
	}
	for (; optind < argc && a->n < 3; a->n++)
		a->words[a->n] = argv[optind++];
	return optind < argc ? bh_cli_usage(name, more, BH_EXIT_USAGE) : 0;
}

static const char *str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static bool is_true(json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* ---- hosts ---- */
static const char *state_of(json_t *h)
{
	static const struct {
		const char *key, *says;
	} states[] = {{"isolated", "isolated"}, {"contained", "contained"}, {"island", "on an island"}, {"shielded", "shielded"}, {"identity_conflict", "conflict"}};

	for (size_t i = 0; i < BH_COUNT(states); i++)
		if (is_true(h, states[i].key))
			return states[i].says;
	return is_true(h, "verified") ? "" : "unverified";
}

static void row(bool tty, json_t *h, const char *address, const char *score, const char *state)
{
	char seen[64];

	/* times without the day's fraction: "2026-11-28T11:13:15" */
	snprintf(seen, sizeof seen, "%.16s %.16s", str(h, "first_seen"), str(h, "last_seen"));
	printf(tty ? "%-26s %-17s %-8s %-16s %-14s %5s  %s  %s%s%s\n" : "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s%s%s\n", address, str(h, "mac"), str(h, "status"),
		json_object_get(h, "name") ? str(h, "name") : str(h, "calls_itself"), str(h, "zone"), score, seen, bh_cli_str(h, "vendor"), bh_cli_str(h, "vendor")[0] && state[0] ? "; " : "", state);
}

static void hosts_person(json_t *o)
{
	bool tty = isatty(STDOUT_FILENO);
	size_t i, k;
	json_t *h, *role;

	printf(tty ? "%-26s %-17s %-8s %-16s %-14s %5s  %-33s  %s\n" : "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", "ADDRESS", "MAC", "STATUS", "NAME", "ZONE", "SCORE", "FIRST AND LAST SEEN", "MAKER, STATE");
	json_array_foreach(json_object_get(o, "hosts"), i, h) {
		char score[24], text[160] = "";
		struct bh_text t = bh_text(text, sizeof text);

		bh_put(&t, state_of(h));
		json_array_foreach(json_object_get(h, "seems"), k, role)
			bh_putf(&t, "%s%s", k ? ", " : text[0] ? "; seems " : "seems ", json_string_value(role));
		snprintf(score, sizeof score, "%lld", bh_cli_num(h, "score"));
		row(tty, h, str(h, "ip"), score, text);
	}
	json_array_foreach(json_object_get(o, "devices"), i, h)
		row(tty, h, "-", "-", "");
	if (bh_cli_num(o, "left_out"))
		fprintf(stderr, "%lld more; narrow it down: bulkhead hosts TEXT\n", bh_cli_num(o, "left_out"));
}

static int ask(const struct args *a, struct bh_api_request *q, void (*person)(json_t *))
{
	json_t *o;
	char *text;
	int r = bh_cli_ask(a->socket, q, &o, &text);

	if (r)
		return r;
	r = (int)bh_cli_num(o, "exit");
	if (a->json)
		fputs(text, stdout);
	else if (r)
		fprintf(stderr, "bulkhead: %s\n", str(o, "text"));
	else
		person(o);
	json_decref(o);
	free(text);
	return r;
}

int bh_cli_hosts(int argc, char **argv)
{
	struct bh_api_request q = {.verb = BH_API_HOSTS};
	struct args a;
	int r;

	if (argc > 1 && strcmp(argv[1], "import") == 0)
		return bh_cli_hosts_import(argc - 1, argv + 1);
	r = parse(argc, argv, "hosts", of_hosts, &a);
	if (r || a.n > 1)
		return r < 0 ? 0 : r ? r : bh_cli_usage("hosts", of_hosts, BH_EXIT_USAGE);
	bh_strcpy(q.target, sizeof q.target, a.words[0]);
	return ask(&a, &q, hosts_person);
}

/* ---- host show ---- */
static void line(json_t *o, const char *label, const char *key)
{
	if (json_object_get(o, key))
		printf("  %-12s %s\n", label, str(o, key));
}

static void list(json_t *o, const char *label, const char *key)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(o, key), i, v)
		printf(i ? ", %s" : "  %-12s %s", i ? json_string_value(v) : label, json_string_value(v));
	if (i)
		putchar('\n');
}

static void addresses(json_t *o)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(o, "addresses"), i, v)
		printf("  %-12s %s%s\n", i ? "" : "addresses", str(v, "ip"), is_true(v, "carried") ? "" : "  (claimed; no frame carried it)");
}

#define WIDTH 36
/* rows of the table of prints; when and how often differ anyway */
static const struct {
	const char *label, *key;
	bool time, compare;
} print_rows[] = {{"first", "first", true, false}, {"last", "last", true, false}, {"sessions", "sessions", false, false}, {"DHCP system", "dhcp_os", false, true},
	{"DHCP client", "dhcp_vendor", false, true}, {"DHCP options", "dhcp_params", false, true}, {"their order", "dhcp_order", false, true}, {"name", "name", false, true},
	{"SYN system", "syn_os", false, true}, {"TTL", "ttl", false, true}, {"SYN", "syn", false, true}};

static void print_cell(json_t *now, json_t *of, size_t r)
{
	json_t *v = json_object_get(of, print_rows[r].key), *is = json_object_get(now, print_rows[r].key);
	bool differs = of != now && print_rows[r].compare && v && is && !json_equal(v, is);
	char cell[96];

	if (json_is_integer(v))
		snprintf(cell, sizeof cell, "%lld%s", (long long)json_integer_value(v), differs ? " *" : "");
	else
		snprintf(cell, sizeof cell, "%.*s%s", print_rows[r].time ? 19 : 80, v ? json_string_value(v) : "-", differs ? " *" : "");
	printf(" %-*s", WIDTH, cell);
}

/* the present one, then the others, the latest first */
static size_t in_order(json_t *all, json_t *col[BH_DEV_PRINTS])
{
	size_t i, n = 1;
	json_t *v;

	col[0] = NULL;
	json_array_foreach(all, i, v) {
		size_t k;

		if (is_true(v, "present")) {
			col[0] = v;
			continue;
		}
		if (n == BH_DEV_PRINTS)
			continue;
		for (k = n++; k > 1 && strcmp(str(col[k - 1], "last"), str(v, "last")) < 0; k--)
			col[k] = col[k - 1];
		col[k] = v;
	}
	return col[0] ? n : 0;
}

/* side by side, '*' where another shows something else */
static void prints(json_t *all)
{
	json_t *col[BH_DEV_PRINTS];
	size_t n = in_order(all, col);

	if (!n)
		return;
	printf("\n  %-14s %-*s", "WHAT IT SHOWS", WIDTH, "NOW");
	puts(n > 1 ? " BEFORE" : "");
	for (size_t r = 0; r < BH_COUNT(print_rows); r++) {
		bool any = false;

		for (size_t i = 0; i < n; i++)
			any |= json_object_get(col[i], print_rows[r].key) != NULL;
		if (!any)
			continue;
		printf("  %-14s", print_rows[r].label);
		for (size_t i = 0; i < n; i++)
			print_cell(col[0], col[i], r);
		putchar('\n');
	}
	for (size_t i = 1; i < n; i++)
		if (json_object_get(col[i], "differs"))
			printf("  against that of %.19s: %s (%.2f bans)\n", str(col[i], "last"), str(col[i], "differs"), (double)bh_cli_num(col[i], "drift") / 100);
}

static void device_person(json_t *o)
{
	json_t *v;
	size_t i;

	printf("%s  %s  %s%s%s\n", str(o, "mac"), json_object_get(o, "name") ? str(o, "name") : str(o, "calls_itself"), str(o, "status"), json_object_get(o, "vendor") ? "  " : "", bh_cli_str(o, "vendor"));
	line(o, "zone", "zone");
	if (bh_cli_num(o, "vlan"))
		printf("  %-12s %lld\n", "VLAN", bh_cli_num(o, "vlan"));
	addresses(o);
	line(o, "first seen", "first_seen");
	line(o, "last seen", "last_seen");
	line(o, "calls itself", "calls_itself");
	line(o, "owner", "owner");
	line(o, "note", "note");
	line(o, "plugged in", "port");
	line(o, "USB", "usb");
	list(o, "tags", "tags");
	if (is_true(o, "declared"))
		printf("  %-12s yes\n", "in policy");
	if (is_true(o, "routes"))
		printf("  %-12s more addresses than one device has come with its MAC\n", "routes");
	if (bh_cli_num(o, "conflicts"))
		printf("  %-12s two systems at the same time, %lld times\n", "conflicts", bh_cli_num(o, "conflicts"));
	prints(json_object_get(o, "prints"));
	printf("\n  HISTORY%s%s\n", json_object_get(o, "history_unknown") ? ": " : "", bh_cli_str(o, "history_unknown"));
	json_array_foreach(json_object_get(o, "history"), i, v)
		printf("  %.19s  %-10s %s\n", str(v, "at"), str(v, "kind"), str(v, "text"));
}

/* ---- host ---- */
static void said(json_t *o)
{
	puts(str(o, "text"));
}

static const struct {
	const char *word, *change;
	int words;
} changes[] = {{"approve", "approve", 2}, {"retire", "retire", 2}, {"forget", "forget", 2}, {"rename", "rename=", 3}, {"owner", "owner=", 3}, {"note", "note=", 3}, {"tag", "tag=", 3},
	{"untag", "untag=", 3}};

int bh_cli_host(int argc, char **argv)
{
	struct bh_api_request q = {.verb = BH_API_HOST_SHOW};
	struct args a;
	int r = parse(argc, argv, "host", of_host, &a);

	if (r)
		return r < 0 ? 0 : r;
	if (strlen(a.words[1]) >= sizeof q.target || a.n < 2)
		return bh_cli_usage("host", of_host, BH_EXIT_USAGE);
	bh_strcpy(q.target, sizeof q.target, a.words[1]);
	if (strcmp(a.words[0], "show") == 0 && a.n == 2)
		return ask(&a, &q, device_person);
	for (size_t i = 0; i < BH_COUNT(changes); i++) {
		if (strcmp(a.words[0], changes[i].word) || a.n != changes[i].words)
			continue;
		q.verb = BH_API_HOST_SET;
		if (snprintf(q.reason, sizeof q.reason, "%s%s", changes[i].change, a.words[2]) >= (int)sizeof q.reason)
			break;
		return ask(&a, &q, said);
	}
	return bh_cli_usage("host", of_host, BH_EXIT_USAGE);
}
