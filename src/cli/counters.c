/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters: what the kernel let through and dropped, and what observe mode would have dropped. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"

static void would(json_t *v)
{
	json_t *names = json_object_get(v, "conduits"), *name;
	char svc[32];
	size_t i;

	bh_cli_service(v, svc);
	printf("  %8lld packets  %s -> %s  %s  %lld pairs, like %s > %s\n", json_integer_value(json_object_get(v, "packets")), bh_cli_str(v, "from")[0] ? bh_cli_str(v, "from") : "(no zone)",
		bh_cli_str(v, "to")[0] ? bh_cli_str(v, "to") : "(no zone)", svc, json_integer_value(json_object_get(v, "pairs")), bh_cli_str(v, "src"), bh_cli_str(v, "dst"));
	if (json_array_size(names)) {
		printf("                    not in conduit");
		json_array_foreach(names, i, name)
			printf("%s %s", i ? "," : "", json_string_value(name));
		putchar('\n');
	} else {
		printf("                    no conduit between the two\n");
	}
}

static void person(json_t *o)
{
	static const struct {
		const char *key, *says;
	} rows[] = {{"pin", "let through by a pin"}, {"deny", "dropped, no conduit"}, {"iso", "dropped, isolated"}, {"shield", "dropped, shielded"}, {"contain", "dropped, contained"},
		{"island", "dropped, at the edge of an island"}, {"kill", "dropped, of a killed connection"}, {"vlan", "on a bridge: VLAN and source do not belong together"}, {"invalid", "without a connection"}, {"would", "would be dropped"}};
	json_t *packets = json_object_get(o, "packets"), *list = json_object_get(o, "would_drop"), *v;
	size_t i;

	printf("mode %s; packets of the forward and input hooks since the table was written first\n", bh_cli_str(o, "mode"));
	for (i = 0; i < BH_COUNT(rows); i++)
		printf("  %12lld  %s\n", json_integer_value(json_object_get(packets, rows[i].key)), rows[i].says);
	if (!json_array_size(list))
		return;
	printf("mode observe would have dropped, since the law was last written:\n");
	json_array_foreach(list, i, v)
		would(v);
	printf("  `bulkhead policy learn FILE` proposes conduits from what was answered\n");
}

int bh_cli_counters(int argc, char **argv)
{
	static const struct option longs[] = {{"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct bh_api_request q = {.verb = BH_API_COUNTERS};
	const char *socket_path = BH_API_SOCKET;
	bool json = false;
	json_t *o;
	char *text;
	int c, r;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 's')
			socket_path = optarg;
		else
			return bh_cli_usage("counters", NULL, c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (argc != optind)
		return bh_cli_usage("counters", NULL, BH_EXIT_USAGE);
	r = bh_cli_ask(socket_path, &q, &o, &text);
	if (r)
		return r;
	r = (int)json_integer_value(json_object_get(o, "exit"));
	if (json)
		fputs(text, stdout);
	else if (r)
		fprintf(stderr, "bulkhead: %s\n", bh_cli_str(o, "text"));
	else
		person(o);
	json_decref(o);
	free(text);
	return r;
}
