/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <bulkhead/report.h>
#include "cli/cli.h"

static const char *const families[] = {
#define X(id) #id,
	BH_FAMILIES(X)
#undef X
};

static void json(const struct bh_detector *only)
{
	static char buf[65536];
	struct bh_json j = bh_json(buf, sizeof buf);

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_open(&j, "detectors", '[');
	for (size_t i = 0; i < bh_n_detectors; i++) {
		const struct bh_detector *d = bh_detectors[i];

		if (only && d != only)
			continue;
		bh_json_open(&j, NULL, '{');
		bh_json_str(&j, "name", d->name);
		bh_json_str(&j, "title", d->title);
		bh_json_str(&j, "doc", d->doc);
		bh_json_str(&j, "attack", d->attack);
		bh_json_u64(&j, "signature_id", d->sid);
		bh_json_str(&j, "family", families[d->family]);
		bh_json_str(&j, "severity", bh_severity_name(d->severity));
		bh_json_i64(&j, "weight_centibans", d->weight);
		bh_json_bool(&j, "hard", d->hard);
		bh_json_str(&j, "why", d->why);
		bh_json_str(&j, "false_positives", d->false_positives);
		bh_json_close(&j, '}');
	}
	bh_json_close(&j, ']');
	bh_json_close(&j, '}');
	printf("%.*s\n", (int)j.len, buf);
}

static void one(const struct bh_detector *d)
{
	char quiet[24];

	printf("%s  %s\n\n  looks for    %s\n  why          %s\n  mistakes     %s\n  ATT&CK       %s (tactic %s)\n"
	       "  EVE          signature_id %u, severity %s\n  weight       %d.%02d bans in family %s%s\n  repeats      about one host held back for %s\n",
		d->name, d->title, d->doc, d->why, d->false_positives, d->attack, d->tactic, d->sid, bh_severity_name(d->severity),
		d->weight / 100, d->weight % 100, families[d->family],
		d->hard ? "; hard: may isolate alone, if the source is verified" : "; alone it never isolates", bh_duration_print(d->quiet, quiet));
	printf("  relief       roles that cut it to info and a tenth of the weight:");
	for (unsigned r = 0; r < BH_ROLE_COUNT; r++)
		if (d->relief & BH_ROLE_BIT(r))
			printf(" %s", bh_role_name(r));
	printf("%s\n", d->relief ? "" : " none");
	printf("  to suppress  in the policy, scoped, with an end and an owner (docs/policy.md), for instance:\n"
	       "                 suppress:\n"
	       "                   - {detector: %s, source: HOST, target: HOST-OR-NET, since: YYYY-MM-DD, until: YYYY-MM-DD,\n"
	       "                      owner: NAME%s, reason: \"why it is no attack\"}\n"
	       "               what matches is told as info and weighs a tenth; at most 180 days\n",
		d->name, d->hard ? ", approved-by: SECOND-NAME" : "");
}

int bh_cli_detectors(int argc, char **argv)
{
	const struct bh_detector *d = NULL;
	const char *name = NULL;
	bool as_json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return bh_cli_usage("detectors", NULL, 0);
		if (!strcmp(argv[i], "--watchlist")) {
			size_t len;
			const char *text = bh_watch_builtin_text(&len);

			return fwrite(text, 1, len, stdout) == len ? 0 : BH_EXIT_FAILED;
		}
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if (argv[i][0] == '-' || name)
			return bh_cli_usage("detectors", NULL, BH_EXIT_USAGE);
		else
			name = argv[i];
	}
	if (name && !(d = bh_detector_by_name(name))) {
		fprintf(stderr, "bulkhead: no detector '%s'; `bulkhead detectors` lists them\n", name);
		return BH_EXIT_USAGE;
	}
	if (as_json) {
		json(d);
		return 0;
	}
	if (d) {
		one(d);
		return 0;
	}
	for (size_t i = 0; i < bh_n_detectors; i++)
		printf("%-16s %-10s %-9s %s\n", bh_detectors[i]->name, bh_detectors[i]->attack, bh_severity_name(bh_detectors[i]->severity), bh_detectors[i]->doc);
	return 0;
}
