/* SPDX-License-Identifier: GPL-3.0-or-later */
/* status: what the daemon says of itself, for a person or as it came. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <bulkhead/enforce.h>
#include "cli/cli.h"
#include "cli/client.h"

struct args {
	bool json;
	const char *socket, *word;
};

static int parse(int argc, char **argv, const char *name, struct args *ret)
{
	static const struct option longs[] = {{"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct args a = {.socket = BH_API_SOCKET};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			a.json = true;
		else if (c == 's')
			a.socket = optarg;
		else {
			int code = bh_cli_usage(name, "       --json          as the daemon answers\n       --socket PATH   its local API\n", c == 'h' ? 0 : BH_EXIT_USAGE);

			return c == 'h' ? -1 : code;
		}
	}
	if (argc - optind > 1)
		return bh_cli_usage(name, NULL, BH_EXIT_USAGE);
	a.word = optind < argc ? argv[optind] : "";
	*ret = a;
	return 0;
}

static const char *str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static long long num(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* "conduit   nightly closed outside its hours, until 2026-…" */
static void posture(json_t *v)
{
	static const struct {
		const char *why, *says;
	} words[] = {{"hours", "outside its hours"}, {"raised", "after an alert or an isolation"}, {"breaker", "by its breaker"}, {"operator", "by hand"}};
	const char *says = "";

	for (size_t i = 0; i < BH_COUNT(words); i++)
		if (strcmp(str(v, "why"), words[i].why) == 0)
			says = words[i].says;
	printf("conduit   %s %s %s", str(v, "conduit"), strcmp(str(v, "state"), "normal") ? str(v, "state") : "open", says);
	if (num(v, "order"))
		printf(", while order #%lld stands", num(v, "order"));
	if (json_object_get(v, "by"))
		printf(", by %s", str(v, "by"));
	if (json_object_get(v, "until"))
		printf(", until %s", str(v, "until"));
	if (json_object_get(v, "reason"))
		printf("\n          %s", str(v, "reason"));
	putchar('\n');
}

static void segment(const char *name)
{
	switch (bh_segment_find(name, strlen(name))) {
	case BH_SEGMENT_STATEFUL:
		printf("segment   the whole law holds between the ports of a bridge\n");
		break;
	case BH_SEGMENT_NETFILTER:
		printf("segment   the whole law holds between the ports of a bridge, by br_netfilter; of tagged frames isolation alone\n");
		break;
	case BH_SEGMENT_STATELESS:
		printf("segment   between the ports of a bridge isolations hold, without state; zones and conduits do not\n");
		break;
	default:
		break;
	}
}

static const char *store_says(const char *store)
{
	static const struct {
		const char *is, *says;
	} words[] = {{"on", "kept on disk"}, {"failing", "NOT WRITTEN NOW, see the journal"}, {"unusable", "NOT KEPT: its file is not usable, see the journal"}};

	for (size_t i = 0; i < BH_COUNT(words); i++)
		if (strcmp(store, words[i].is) == 0)
			return words[i].says;
	return "kept in memory only (--state keeps it)";
}

static void put_list(json_t *list, const char *between)
{
	size_t i;
	json_t *w;

	json_array_foreach(list, i, w)
		printf("%s%s", i ? between : "", json_string_value(w));
}

/* what a detector does not see it does not clear */
static void probe(json_t *p)
{
	printf("          asked every %lld s for%s%s%s; %s", num(p, "every_s"), json_is_true(json_object_get(p, "names")) ? " names" : "",
		json_is_true(json_object_get(p, "names")) && json_is_true(json_object_get(p, "dhcp")) ? " and" : "", json_is_true(json_object_get(p, "dhcp")) ? " DHCP" : "",
		str(p, "says"));
	if (json_object_get(p, "names_last"))
		printf("; names last %s", str(p, "names_last"));
	if (json_object_get(p, "dhcp_last"))
		printf("; DHCP last %s", str(p, "dhcp_last"));
	putchar('\n');
}

static void zone(json_t *z)
{
	json_t *blind = json_object_get(z, "not_observable");

	printf("zone      %s: %lld devices known; ", str(z, "zone"), num(z, "devices_known"));
	if (json_array_size(blind) == 0) {
		printf("rogue hosts are observable from here\n");
	} else {
		printf("not observable here: ");
		put_list(blind, ", ");
		printf("\n          never seen here: ");
		put_list(json_object_get(z, "unseen"), "; ");
		putchar('\n');
	}
	if (json_object_get(z, "probe"))
		probe(json_object_get(z, "probe"));
}

/* only where endpoints are listened to */
static void usb(json_t *u)
{
	if (!u)
		return;
	printf("usb       %lld told by endpoints, %lld by event logs, %lld of own ports; %lld lost; refused: %lld bad signature, %lld replayed, %lld unknown key, "
	       "%lld from elsewhere, %lld clock off, %lld malformed, %lld too many\n", num(u, "taken"), num(u, "event_logs"), num(u, "own_ports"), num(u, "lost"),
		num(u, "bad_signature"), num(u, "replayed"), num(u, "unknown_key"), num(u, "from_elsewhere"), num(u, "clock_off"), num(u, "malformed"), num(u, "too_many"));
}

static void status_person(json_t *o)
{
	json_t *n = json_object_get(o, "counters"), *procs = json_object_get(o, "processes"), *v, *cut;
	const char *name;
	size_t i, k;

	printf("%s · %s · mode %s · %s · up %lld s\n", str(o, "sensor"), str(o, "site"), str(o, "mode"),
		json_is_true(json_object_get(o, "enforcing")) ? "enforcing" : json_is_true(json_object_get(o, "enforcer_up")) ? "counting only" : "NO ENFORCER", num(o, "uptime_s"));
	printf("policy    %s\n", str(o, "policy"));
	printf("sensor    %lld packets, %lld dropped by the kernel, %lld events dropped, %lld malformed\n", num(n, "packets"), num(n, "kernel_drops"),
		num(n, "ring_drops"), num(n, "malformed"));
	printf("seen      %lld hosts (%lld forgotten), %lld flows now (%lld evicted)\n", num(n, "hosts"), num(n, "hosts_evicted"), num(n, "flows_active"), num(n, "flows_evicted"));
	printf("read      %lld facts, %lld malformed, %lld gaps, %lld conversations pushed out\n", num(n, "facts"), num(n, "facts_malformed"), num(n, "facts_gaps"),
		num(n, "facts_evicted"));
	printf("tables    %lld MiB sensor, %lld MiB core at most; %lld detector entries (%lld pushed out)\n", num(n, "sensor_table_bytes") >> 20,
		num(n, "core_table_bytes") >> 20, num(n, "detector_entries"), num(n, "detector_entries_evicted"));
	printf("told      %lld alerts, %lld repeats held back, %lld suppressed, %lld refusals; EVE %lld lines, %lld lost\n", num(n, "alerts"), num(n, "alerts_held_back"),
		num(n, "alerts_suppressed"), num(n, "refused"), num(n, "eve_lines"), num(n, "eve_dropped"));
	printf("ruleset   %lld isolated, %lld contained, %lld shielded, %lld islands, %lld connections killed, %lld foreign changes undone\n", num(n, "isolated"),
		num(n, "contained"), num(n, "shielded"), num(n, "islands"), num(n, "killed"), num(o, "drifts"));
	printf("inventory %lld devices, %lld known, %lld forgotten, %lld without room; %s\n", num(n, "devices"), num(n, "devices_known"), num(n, "devices_evicted"), num(n, "devices_refused"),
		store_says(str(o, "store")));
	usb(json_object_get(o, "usb"));
	printf("processes ");
	json_object_foreach(procs, name, v)
		printf(" %s %lld (%lld restarts)", name, num(v, "pid"), num(v, "restarts"));
	printf("\n");
	json_array_foreach(json_object_get(o, "conduits"), i, v)
		posture(v);
	json_array_foreach(json_object_get(o, "orders"), i, v) {
		printf("%-9s #%lld %s %s  %lld s left, by %s (%s): %s\n          cut:", str(v, "step"), num(v, "order"), json_object_get(v, "host") ? str(v, "host") : "",
			json_object_get(v, "name") ? str(v, "name") : "", num(v, "left_s"), str(v, "by"), str(v, "detector"), str(v, "does"));
		json_array_foreach(json_object_get(v, "cut"), k, cut)
			printf(" %s", json_string_value(cut));
		json_array_foreach(json_object_get(v, "kept"), k, cut)
			printf("%s %s", k ? "," : "   kept:", json_string_value(cut));
		if (json_is_false(json_object_get(v, "effective")))
			printf("\n          NOT EFFECTIVE: it was answered all the same, see the journal");
		printf("\n          %s\n", str(v, "reason"));
	}
	json_array_foreach(json_object_get(o, "zones"), i, v)
		zone(v);
	segment(str(o, "segment"));
	printf("not seen from here: traffic inside one segment that does not cross a watched interface\n");
}

static int ask(int argc, char **argv, const char *name, unsigned verb, void (*person)(json_t *))
{
	struct bh_api_request q = {.verb = (uint8_t)verb};
	struct args a = {.socket = BH_API_SOCKET, .word = ""};
	json_t *o;
	char *text;
	int r = parse(argc, argv, name, &a);

	if (r)
		return r < 0 ? 0 : r;
	bh_strcpy(q.target, sizeof q.target, a.word);
	r = bh_cli_ask(a.socket, &q, &o, &text);
	if (r)
		return r;
	if (a.json)
		fputs(text, stdout);
	else
		person(o);
	json_decref(o);
	free(text);
	return 0;
}

int bh_cli_status(int argc, char **argv)
{
	return ask(argc, argv, "status", BH_API_STATUS, status_person);
}
