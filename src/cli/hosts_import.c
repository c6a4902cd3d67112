/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hosts import: a list somebody has already, looked through here and sent as one. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "control/import.h"

#define FILE_MAX (64u << 20)
#define SHOWN 20 /* complaints */

static const char more[] = "       --format csv|dnsmasq|isc  what FILE is; seen by its content without\n"
			   "       --skip-bad                imports the good lines although others are not\n"
			   "       --dry-run                 prints what would be sent\n"
			   "       --json                    what became of it, for programs\n"
			   "       --socket PATH             the daemon's local API\n"
			   "       FILE - is standard input. CSV: the first line names the columns: mac, and any of address, name, owner, note, zone, tags, status\n";

struct import {
	const char *file;
	char *body;
	size_t len, cap;
	size_t wrong;
	bool full;
	json_t *complaints;
};
struct args {
	unsigned format;
	bool skip_bad, dry, json;
	const char *socket, *file;
};

static void item(void *ctx, const struct bh_import_item *it)
{
	struct import *im = ctx;
	char line[BH_IMPORT_TEXT];
	size_t n = bh_import_print(it, line);

	if (im->len + n + 1 > im->cap) {
		size_t cap = im->cap ? im->cap * 2 : 1 << 16;
		char *v = cap <= BH_API_LIST ? realloc(im->body, cap) : NULL;

		im->full |= !v;
		if (!v)
			return;
		im->body = v;
		im->cap = cap;
	}
	memcpy(im->body + im->len, line, n);
	im->body[im->len + n] = '\n';
	im->len += n + 1;
}

static void wrong(void *ctx, unsigned line, unsigned col, const char *text)
{
	struct import *im = ctx;
	char plain[256];

	if (im->wrong++ >= SHOWN)
		return;
	bh_strcpy(plain, sizeof plain, text);
	fprintf(stderr, "%s:%u:%u: %s\n", im->file, line, col, bh_cli_plain(plain));
	json_array_append_new(im->complaints, json_pack("{s:i,s:i,s:s}", "line", (int)line, "col", (int)col, "text", plain));
}

static int parse(int argc, char **argv, struct args *a)
{
	static const struct option longs[] = {{"format", 1, 0, 'f'}, {"skip-bad", 0, 0, 'b'}, {"dry-run", 0, 0, 'n'}, {"json", 0, 0, 'j'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};
	int c;

	*a = (struct args){.socket = BH_API_SOCKET};
	optind = 1;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (c) {
		case 'f':
			for (a->format = 1; a->format < BH_IMPORT_FORMATS && strcmp(optarg, bh_import_format_name(a->format));)
				a->format++;
			if (a->format == BH_IMPORT_FORMATS) {
				fprintf(stderr, "bulkhead: '%s' is no format: csv, dnsmasq or isc\n", optarg);
				return BH_EXIT_USAGE;
			}
			break;
		case 'b':
			a->skip_bad = true;
			break;
		case 'n':
			a->dry = true;
			break;
		case 'j':
			a->json = true;
			break;
		case 's':
			a->socket = optarg;
			break;
		default:
			return bh_cli_usage("hosts", more, c == 'h' ? 0 : BH_EXIT_USAGE) + (c == 'h' ? -1 : 0);
		}
	if (argc - optind != 1)
		return bh_cli_usage("hosts", more, BH_EXIT_USAGE);
	a->file = argv[optind];
	return 0;
}

static char *slurp(const char *path, size_t *ret_len)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	size_t len = 0, cap = 1 << 16, n;
	char *text = f ? malloc(cap) : NULL, *v;
	int e = f ? 0 : errno;

	while (text && (n = fread(text + len, 1, cap - len, f)) > 0) {
		len += n;
		if (len < cap)
			continue;
		cap *= 2;
		v = cap <= FILE_MAX ? realloc(text, cap) : NULL;
		if (!v) {
			free(text);
			text = NULL;
			e = EFBIG;
			break;
		}
		text = v;
	}
	if (text && ferror(f)) {
		e = errno ? errno : EIO;
		free(text);
		text = NULL;
	}
	if (f && f != stdin)
		fclose(f);
	if (!text)
		fprintf(stderr, "bulkhead: cannot read %s: %s\n", path, strerror(e ? e : ENOMEM));
	*ret_len = len;
	return text;
}

/* 0 with the daemon's answer in text, or the exit code */
static int hand_over(const struct args *a, const struct import *im, char text[256])
{
	struct bh_api_request q = {.verb = BH_API_HOSTS_IMPORT, .bytes = (uint32_t)im->len};
	json_t *o;
	char *raw;
	int r = bh_cli_ask_body(a->socket, &q, im->body, &o, &raw);

	if (r)
		return r;
	r = (int)bh_cli_num(o, "exit");
	bh_strcpy(text, 256, bh_cli_str(o, "text"));
	json_decref(o);
	free(raw);
	return r;
}

static void report(const struct args *a, const struct import *im, const struct bh_import_count *n, int code, const char *text)
{
	if (a->json) {
		json_t *o = json_pack("{s:i,s:i,s:s,s:I,s:I,s:I,s:O}", "v", 1, "exit", code, "text", text, "devices", (json_int_t)n->items, "wrong", (json_int_t)n->wrong,
			"left_out", (json_int_t)n->left_out, "complaints", im->complaints);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
		return;
	}
	if (im->wrong > SHOWN)
		fprintf(stderr, "%zu more such lines\n", im->wrong - SHOWN);
	if (n->left_out)
		fprintf(stderr, "bulkhead: %zu leases say of no device that it is here, and were left out\n", n->left_out);
	fprintf(code ? stderr : stdout, "%s%s\n", code ? "bulkhead: " : "", text);
}

int bh_cli_hosts_import(int argc, char **argv)
{
	struct import im = {.complaints = json_array()};
	struct bh_import_count n = {0};
	char says[256], *text;
	struct args a;
	size_t len;
	int r = parse(argc, argv, &a);

	if (r)
		return json_decref(im.complaints), r < 0 ? 0 : r;
	text = slurp(a.file, &len);
	if (!text)
		return json_decref(im.complaints), BH_EXIT_FAILED;
	im.file = a.file;
	r = bh_import(text, len, a.format, &(struct bh_import_sink){item, wrong, &im}, &n);
	if (r < 0 || im.full) {
		r = BH_EXIT_FAILED;
		bh_strcpy(says, sizeof says, im.full ? "the list is too long for one import: split it" : "no memory");
	} else if (r > 0 || (im.wrong && !a.skip_bad)) {
		r = BH_EXIT_INVALID;
		bh_strcpy(says, sizeof says, n.items ? "nothing was imported: correct these lines, or leave them out with --skip-bad" : "nothing was imported");
	} else if (a.dry) {
		fwrite(im.body, 1, im.len, stdout);
		r = -1;
	} else {
		r = hand_over(&a, &im, says);
		if (r == 0 && im.wrong)
			snprintf(says + strlen(says), sizeof says - strlen(says), ", %zu bad lines skipped", im.wrong);
	}
	if (r >= 0 && r != BH_EXIT_UNREACHABLE)
		report(&a, &im, &n, r, says);
	free(text);
	free(im.body);
	json_decref(im.complaints);
	return r < 0 ? 0 : r;
}
