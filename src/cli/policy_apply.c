/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy apply, confirm, rollback. What changes is shown, and which recorded connections would be lost; then the policy is
 * put on trial. Whoever has locked himself out cannot confirm, and after a minute the old law is back by itself.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/policy_cmd.h"

int bh_cli_running_policy(const char *socket_path, struct bh_policy **ret_policy)
{
	struct bh_api_request q = {.verb = BH_API_POLICY};
	struct bh_diags d = {0};
	const char *policy;
	json_t *o, *raw;
	char *text;
	int r = bh_cli_ask(socket_path, &q, &o, &text);

	if (r)
		return r;
	raw = json_loads(text, 0, NULL); /* o is made for a terminal, without line ends */
	policy = json_string_value(json_object_get(raw, "policy"));
	if (!policy) {
		const char *why = json_string_value(json_object_get(o, "text"));

		fprintf(stderr, "bulkhead: the daemon does not tell its policy: %s\n", why ? why : "no answer");
		r = BH_EXIT_FAILED;
	} else if (bh_policy_load(policy, strlen(policy), "(running)", &d, ret_policy)) {
		fprintf(stderr, "bulkhead: the running policy cannot be read back%s%s\n", d.n ? ": " : "", d.n ? d.v[0].text : "");
		r = BH_EXIT_FAILED;
	}
	bh_diags_fini(&d);
	json_decref(raw);
	json_decref(o);
	free(text);
	return r;
}

static int order(const char *socket_path, const struct bh_api_request *q, const char *body, bool json)
{
	const char *said;
	json_t *o;
	char *text;
	int r = bh_cli_ask_body(socket_path, q, body, &o, &text);

	if (r)
		return r;
	r = (int)json_integer_value(json_object_get(o, "exit"));
	said = json_string_value(json_object_get(o, "text"));
	if (json)
		fputs(text, stdout);
	else
		fprintf(r ? stderr : stdout, "%s%s\n", r ? "bulkhead: " : "", said ? said : "");
	json_decref(o);
	free(text);
	return r;
}

static int slurp(const char *path, char **ret_text, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(BH_API_BODY + 1);
	size_t n = 0;

	if (f && p)
		n = fread(p, 1, BH_API_BODY + 1, f);
	if (!f || !p || ferror(f) || n == 0 || n > BH_API_BODY) {
		fprintf(stderr, "bulkhead: cannot read policy %s: %s\n", path, n > BH_API_BODY ? "larger than 4 MiB" : f && !ferror(f) ? "empty" : strerror(errno));
		if (f)
			fclose(f);
		free(p);
		return BH_EXIT_FAILED;
	}
	fclose(f);
	*ret_text = p;
	*ret_len = n;
	return 0;
}

static int usage(int code)
{
	fputs("Usage: bulkhead policy apply FILE [--within 60s] [--dry-run] [--json] [--socket PATH]\n"
	      "       shows what changes, puts the policy on trial in one batch; without `bulkhead policy confirm` within that\n"
	      "       time the law before it comes back, also when the daemon dies meanwhile\n"
	      "       --dry-run      show the changes and their effect on recorded connections, change nothing\n"
	      "       bulkhead policy confirm | rollback [--json] [--socket PATH]\n",
		code ? stderr : stdout);
	return code;
}

/* what will change, by what is running and what was recorded; 0, or the exit code */
static int show(const char *path, const char *socket_path)
{
	struct bh_policy *old, *new;
	struct bh_cli_flows f;
	int r = bh_cli_load_policy(path, &new);

	if (r)
		return r;
	r = bh_cli_running_policy(socket_path, &old);
	if (r == 0) {
		bh_cli_policy_changes(old, new);
		r = bh_cli_flows_read(NULL, socket_path, &f);
		if (r == 0) {
			bh_cli_policy_effect(old, new, &f);
			bh_cli_flows_window(&f, stdout);
			bh_cli_flows_fini(&f);
		}
		bh_policy_free(old);
	}
	bh_policy_free(new);
	return r;
}

int bh_cli_policy_apply(int argc, char **argv)
{
	static const struct option longs[] = {{"within", 1, 0, 'w'}, {"dry-run", 0, 0, 'd'}, {"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct bh_api_request q = {.verb = BH_API_POLICY_APPLY, .ttl = BH_SEC(60)};
	const char *socket_path = BH_API_SOCKET, *path, *base;
	bool json = false, dry = false;
	struct bh_policy *check;
	char *text;
	size_t len;
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'w') {
			if (bh_duration_parse(optarg, strlen(optarg), &q.ttl) || q.ttl < BH_SEC(1) || q.ttl > BH_HOUR(1)) {
				fprintf(stderr, "bulkhead: --within takes 1s to 1h, not '%s'\n", optarg);
				return BH_EXIT_USAGE;
			}
		} else if (c == 'd') {
			dry = true;
		} else if (c == 'j') {
			json = true;
		} else if (c == 's') {
			socket_path = optarg;
		} else {
			return usage(c == 'h' ? 0 : BH_EXIT_USAGE);
		}
	}
	if (argc - optind != 1)
		return usage(BH_EXIT_USAGE);
	path = argv[optind];
	if (json) {
		r = bh_cli_load_policy(path, &check);
		if (r == 0)
			bh_policy_free(check);
	} else {
		r = show(path, socket_path);
	}
	if (r || dry)
		return r;
	r = slurp(path, &text, &len);
	if (r)
		return r;
	base = strlen(path) < sizeof q.target ? path : strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	bh_strcpy(q.target, sizeof q.target, base);
	q.bytes = (uint32_t)len;
	r = order(socket_path, &q, text, json);
	free(text);
	if (r == 0 && !json)
		puts("  bulkhead policy confirm       keep it\n  bulkhead policy rollback      back at once");
	return r;
}

int bh_cli_policy_end(int argc, char **argv)
{
	static const struct option longs[] = {{"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	struct bh_api_request q = {.verb = strcmp(argv[0], "confirm") ? BH_API_POLICY_ROLLBACK : BH_API_POLICY_CONFIRM};
	const char *socket_path = BH_API_SOCKET;
	bool json = false;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 's')
			socket_path = optarg;
		else
			return usage(c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (argc != optind)
		return usage(BH_EXIT_USAGE);
	return order(socket_path, &q, NULL, json);
}
