/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bulkhead policy: check, show, fmt, schema and test, all on a file, none of them needs a daemon or
 * a privilege. What a person asked for goes to stdout, complaints go to stderr in the form
 * compilers use, so editors can jump to them.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bulkhead/detect.h>
#include "cli/cli.h"
#include "cli/policy_cmd.h"

#define FILE_BYTES ((4u << 20) + 1) /* one more than the loader takes, so that it can say so */
#define COLS 6

struct file {
	const char *path;
	char *text;
	size_t len;
	struct bh_diags d;
	struct bh_policy *p;
};
struct table {
	char **cell; /* rows of n columns */
	size_t n, used, cap;
};

static void usage(FILE *to)
{
	fputs("Usage: bulkhead policy check FILE [--json]     say everything that is wrong with a "
	      "policy\n"
	      "       bulkhead policy show FILE [--json]      zones, conduits and pins at a "
	      "glance\n"
	      "       bulkhead policy fmt FILE                print it in canonical form (comments "
	      "and own service names\n"
	      "                                               are not kept; nothing is written to "
	      "FILE)\n"
	      "       bulkhead policy schema                  JSON Schema for an editor\n"
	      "       bulkhead policy test FILE [ASSERTIONS]  check the assertions beside it "
	      "(port.yaml: port.expect)\n"
	      "       bulkhead policy diff NEW [OLD]          what changes in meaning; OLD: else the running policy\n"
	      "       bulkhead policy simulate NEW [OLD] [--flows EVE.json]   which recorded connections that drops or allows\n"
	      "       bulkhead policy learn [FILE] [--flows EVE.json]         proposals for what is not allowed yet\n"
	      "       bulkhead policy prove FILE [--json]     prove what its compiled rules let through, whatever is cut\n"
	      "       bulkhead policy apply FILE [--within 60s] [--dry-run]   on trial; then: policy confirm | rollback\n"
	      "Exit code: 0 fine, 1 cannot read or an assertion does not hold, 2 usage, 3 the file "
	      "is invalid\n",
		to);
}

/* -errno, or 0: a NUL-terminated text in malloc'ed memory */
static int read_file(const char *path, char **ret_text, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	char *buf;
	size_t n;
	int r = 0;

	if (!f)
		return -errno;
	buf = malloc(FILE_BYTES + 1);
	if (!buf) {
		fclose(f);
		return -ENOMEM;
	}
	n = fread(buf, 1, FILE_BYTES, f);
	if (ferror(f))
		r = errno ? -errno : -EIO;
	fclose(f);
	if (r) {
		free(buf);
		return r;
	}
	buf[n] = '\0';
	*ret_text = buf;
	*ret_len = n;
	return 0;
}

static int cannot(const char *path, int r)
{
	fprintf(stderr, "bulkhead: cannot read %s: %s\n", path, strerror(-r));
	return 1;
}

/* prints through a bounded text, with more room until it fits */
static int print_with(
	FILE *to, void (*print)(const void *what, struct bh_text *t), const void *what)
{
	for (size_t cap = 1 << 16; cap <= (size_t)1 << 30; cap *= 4) {
		char *buf = malloc(cap);
		struct bh_text t;

		if (!buf)
			break;
		t = bh_text(buf, cap);
		print(what, &t);
		if (!t.truncated) {
			fwrite(buf, 1, t.len, to);
			free(buf);
			return fflush(to) ? 1 : 0;
		}
		free(buf);
	}
	fprintf(stderr, "bulkhead: no memory\n");
	return 1;
}

static void put_diags(const void *what, struct bh_text *t)
{
	const struct file *f = what;

	bh_diags_print(&f->d, f->path, f->text, f->len, t);
}

static void put_policy(const void *what, struct bh_text *t)
{
	bh_policy_print(what, t);
}

static void put_schema(const void *what, struct bh_text *t)
{
	bh_policy_schema(t);
}

/* 0, or the exit code */
static int load(struct file *f, const char *path)
{
	int r;

	*f = (struct file){.path = path};
	r = read_file(path, &f->text, &f->len);
	if (r < 0)
		return cannot(path, r);
	r = bh_policy_load(f->text, f->len, path, &f->d, &f->p);
	if (r < 0)
		return cannot(path, r);
	if (r == 0)
		r = bh_detect_check(f->p, &f->d);
	return r ? 3 : 0;
}

static void unload(struct file *f)
{
	bh_policy_free(f->p);
	bh_diags_fini(&f->d);
	free(f->text);
}

static size_t warnings(const struct bh_diags *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->v[i].severity == BH_DIAG_WARNING;
	return n;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int put_json(json_t *o)
{
	int r = o ? json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

	json_decref(o);
	putchar('\n');
	return r ? 1 : 0;
}

static int check_json(const struct file *f, int code)
{
	static const char *const word[] = {"error", "warning", "note"};
	json_t *list = json_array();

	for (size_t i = 0; i < f->d.n; i++) {
		const struct bh_diag *v = &f->d.v[i];

		json_array_append_new(
			list, json_pack("{s:s,s:i,s:i,s:i,s:s}", "severity", word[v->severity % 3],
				      "line", (int)v->pos.line, "col", (int)v->pos.col, "width",
				      (int)v->width, "text", v->text));
	}
	return put_json(json_pack("{s:i,s:s%,s:b,s:I,s:I,s:I,s:o}", "v", 1, "file", f->path,
		       strlen(f->path), "ok", code == 0, "errors", (json_int_t)f->d.errors,
		       "warnings", (json_int_t)warnings(&f->d), "suppressed",
		       (json_int_t)f->d.suppressed, "diagnostics", list))
		       ? 1
		       : code;
}

static int cmd_check(const char *path, bool json)
{
	struct file f;
	int code = load(&f, path);

	if (json && code != 1) {
		code = check_json(&f, code);
	} else if (code != 1) {
		if (f.d.n)
			print_with(stderr, put_diags, &f);
		if (code)
			fprintf(stderr, "%s: %zu error%s, nothing was loaded\n", path, f.d.errors,
				plural(f.d.errors));
		else
			printf("%s: %zu zone%s, %zu conduit%s, %zu pin%s; %zu warning%s\n", path,
				f.p->n_zones, plural(f.p->n_zones), f.p->n_conduits,
				plural(f.p->n_conduits), f.p->n_pins, plural(f.p->n_pins),
				warnings(&f.d), plural(warnings(&f.d)));
	}
	unload(&f);
	return code;
}

/* ---- show ---- */
static void cell(struct table *t, const char *s)
{
	if (t->used == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		char **v = realloc(t->cell, cap * sizeof *v);

		if (!v)
			return;
		t->cell = v;
		t->cap = cap;
	}
	t->cell[t->used] = strdup(s);
	t->used += t->cell[t->used] != NULL;
}

static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

/* aligned on a terminal, tabs otherwise; frees the cells */
static void table_print(struct table *t)
{
	size_t width[COLS] = {0};
	bool tty = isatty(STDOUT_FILENO);

	for (size_t i = 0; i < t->used; i++)
		if (columns(t->cell[i]) > width[i % t->n])
			width[i % t->n] = columns(t->cell[i]);
	for (size_t i = 0; i < t->used; i++) {
		bool last = i % t->n == t->n - 1;

		fputs(t->cell[i], stdout);
		for (size_t k = columns(t->cell[i]); tty && !last && k < width[i % t->n] + 2; k++)
			putchar(' ');
		if (last || !tty)
			putchar(last ? '\n' : '\t');
		free(t->cell[i]);
	}
	free(t->cell);
	*t = (struct table){.n = t->n};
}

static void put_nets(struct bh_text *t, const struct bh_prefixes *s)
{
	char buf[BH_PREFIX_TEXT];

	for (size_t i = 0; i < s->n; i++)
		bh_putf(t, "%s%s", i ? " " : "", bh_prefix_print(&s->v[i], buf));
}

static void svcs_cell(struct table *t, const struct bh_svcs *s)
{
	char buf[4096];
	struct bh_text x = bh_text(buf, sizeof buf);

	bh_policy_put_svcs(s, &x);
	cell(t, buf);
}

static void nets_cell(struct table *t, const struct bh_prefixes *s, const char *none)
{
	char buf[16384];
	struct bh_text x = bh_text(buf, sizeof buf);

	put_nets(&x, s);
	cell(t, s->n ? buf : none);
}

static void show_zones(const struct bh_policy *p)
{
	struct table t = {.n = 4};

	cell(&t, "ZONE");
	cell(&t, "PURDUE");
	cell(&t, "MARKS");
	cell(&t, "NETWORKS");
	for (size_t i = 0; i < p->n_zones; i++) {
		const struct bh_zone *z = &p->zones[i];
		char level[8], marks[64];
		struct bh_text l = bh_text(level, sizeof level), m = bh_text(marks, sizeof marks);

		bh_putf(&l, "%u", z->purdue);
		bh_putf(&m, "%s%s%s%s", z->critical ? "critical " : "", z->ot ? "ot " : "",
			z->is_static ? "static " : "", z->two_person ? "two-person " : "");
		if (z->sl_t)
			bh_putf(&m, "SL-T %u ", z->sl_t);
		if (m.len)
			marks[m.len - 1] = '\0';
		cell(&t, z->name);
		cell(&t, level);
		cell(&t, m.len ? marks : "-");
		nets_cell(&t, &z->nets, "-");
	}
	table_print(&t);
}

static void show_conduits(const struct bh_policy *p)
{
	struct table t = {.n = 6};

	cell(&t, "CONDUIT");
	cell(&t, "FROM");
	cell(&t, "TO");
	cell(&t, "ALLOW");
	cell(&t, "FROM HOSTS");
	cell(&t, "TO HOSTS");
	for (size_t i = 0; i < p->n_conduits; i++) {
		const struct bh_conduit *c = &p->conduits[i];

		cell(&t, c->name);
		cell(&t, p->zones[c->from].name);
		cell(&t, p->zones[c->to].name);
		svcs_cell(&t, &c->allow);
		nets_cell(&t, &c->from_hosts, "all");
		nets_cell(&t, &c->to_hosts, "all");
	}
	table_print(&t);
}

static void show_pins(const struct bh_policy *p)
{
	struct table t = {.n = 5};

	cell(&t, "PIN");
	cell(&t, "FROM");
	cell(&t, "TO");
	cell(&t, "ALLOW");
	cell(&t, "REASON");
	for (size_t i = 0; i < p->n_pins; i++) {
		const struct bh_pin *pin = &p->pins[i];

		cell(&t, pin->name);
		nets_cell(&t, &pin->from, "-");
		nets_cell(&t, &pin->to, "-");
		svcs_cell(&t, &pin->allow);
		cell(&t, pin->reason);
	}
	table_print(&t);
}

static json_t *json_nets(const struct bh_prefixes *s)
{
	json_t *a = json_array();
	char buf[BH_PREFIX_TEXT];

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(a, json_string(bh_prefix_print(&s->v[i], buf)));
	return a;
}

static json_t *json_svcs(const struct bh_svcs *s)
{
	json_t *a = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(a, json_pack("{s:i,s:i,s:i}", "proto", s->v[i].proto, "lo",
						 s->v[i].lo, "hi", s->v[i].hi));
	return a;
}

static json_t *json_conduit(const struct bh_policy *p, const struct bh_conduit *c)
{
	json_t *apps = json_array();

	for (size_t i = 0; i < c->n_apps; i++)
		json_array_append_new(apps, json_string(bh_app_name(c->apps[i])));
	return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:i}", "name", c->name, "from",
		p->zones[c->from].name, "to", p->zones[c->to].name, "allow", json_svcs(&c->allow),
		"apps", apps, "from_hosts", json_nets(&c->from_hosts), "to_hosts",
		json_nets(&c->to_hosts), "line", (int)c->pos.line);
}

static int show_json(const struct bh_policy *p)
{
	json_t *zones = json_array(), *conduits = json_array(), *pins = json_array();

	for (size_t i = 0; i < p->n_zones; i++) {
		const struct bh_zone *z = &p->zones[i];

		json_array_append_new(
			zones, json_pack("{s:s,s:o,s:i,s:i,s:b,s:b,s:b,s:b,s:i}", "name", z->name,
				       "networks", json_nets(&z->nets), "purdue", z->purdue, "sl_t",
				       z->sl_t, "critical", z->critical, "ot", z->ot, "static",
				       z->is_static, "two_person", z->two_person, "line",
				       (int)z->pos.line));
	}
	for (size_t i = 0; i < p->n_conduits; i++)
		json_array_append_new(conduits, json_conduit(p, &p->conduits[i]));
	for (size_t i = 0; i < p->n_pins; i++) {
		const struct bh_pin *pin = &p->pins[i];

		json_array_append_new(
			pins, json_pack("{s:s,s:o,s:o,s:o,s:s,s:i}", "name", pin->name, "from",
				      json_nets(&pin->from), "to", json_nets(&pin->to), "allow",
				      json_svcs(&pin->allow), "reason", pin->reason, "line",
				      (int)pin->pos.line));
	}
	return put_json(json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:o}", "v", 1, "site", p->site,
		"sha256", p->sha256, "mode", bh_mode_name(p->response.mode), "profile",
		bh_profile_name(p->response.profile), "hosts", (json_int_t)p->n_hosts, "zones",
		zones, "conduits", conduits, "pins", pins));
}

static int cmd_show(const char *path, bool json)
{
	struct file f;
	int code = load(&f, path);

	if (code == 3)
		print_with(stderr, put_diags, &f);
	if (code == 0 && json)
		code = show_json(f.p);
	else if (code == 0) {
		printf("%s  %s\nsha256 %s\nmode %s, profile %s, %zu named host%s\n\n",
			f.p->site[0] ? f.p->site : "(no site name)", path, f.p->sha256,
			bh_mode_name(f.p->response.mode), bh_profile_name(f.p->response.profile),
			f.p->n_hosts, plural(f.p->n_hosts));
		show_zones(f.p);
		putchar('\n');
		show_conduits(f.p);
		putchar('\n');
		show_pins(f.p);
	}
	unload(&f);
	return code;
}

static int cmd_fmt(const char *path)
{
	struct file f;
	int code = load(&f, path);

	if (code == 3)
		print_with(stderr, put_diags, &f);
	if (code == 0)
		code = print_with(stdout, put_policy, f.p);
	unload(&f);
	return code;
}

/* port.yaml -> port.expect */
static char *expect_path(const char *path)
{
	size_t n = strlen(path);
	char *s = malloc(n + sizeof ".expect");

	if (!s)
		return NULL;
	if (n > 5 && strcmp(path + n - 5, ".yaml") == 0)
		n -= 5;
	else if (n > 4 && strcmp(path + n - 4, ".yml") == 0)
		n -= 4;
	memcpy(s, path, n);
	memcpy(s + n, ".expect", sizeof ".expect");
	return s;
}

static int run_test(const struct bh_policy *p, const char *path)
{
	struct file e = {.path = path};
	size_t n;
	int r = read_file(path, &e.text, &e.len);

	if (r < 0)
		return cannot(path, r);
	r = bh_policy_expect(p, e.text, e.len, &e.d, &n);
	if (e.d.n)
		print_with(stderr, put_diags, &e);
	if (r < 0)
		cannot(path, r);
	else if (r == 0 && n == 0)
		fprintf(stderr, "bulkhead: %s holds no assertion\n", path);
	else if (r == 0)
		printf("%s: %zu assertion%s hold%s\n", path, n, plural(n), n == 1 ? "s" : "");
	else
		fprintf(stderr, "%s: %zu of %zu assertions failed\n", path, e.d.errors, n);
	unload(&e);
	return r == 2 ? 3 : r || n == 0 ? 1 : 0;
}

static int cmd_test(const char *path, const char *expect)
{
	char *beside = expect ? NULL : expect_path(path);
	struct file f;
	int code = load(&f, path);

	if (code == 3)
		print_with(stderr, put_diags, &f);
	if (code == 0 && !expect && !beside)
		code = cannot(path, -ENOMEM);
	if (code == 0)
		code = run_test(f.p, expect ? expect : beside);
	unload(&f);
	free(beside);
	return code;
}

int bh_cli_policy(int argc, char **argv)
{
	static const struct option opts[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	/* verbs with options of their own */
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} more[] = {
		{"diff", bh_cli_policy_diff},
		{"simulate", bh_cli_policy_simulate},
		{"learn", bh_cli_policy_learn},
		{"prove", bh_cli_policy_prove},
		{"apply", bh_cli_policy_apply},
		{"confirm", bh_cli_policy_end},
		{"rollback", bh_cli_policy_end},
	};
	bool json = false;
	const char *verb;
	int c, n;

	for (size_t i = 0; argc > 1 && i < BH_COUNT(more); i++)
		if (strcmp(argv[1], more[i].name) == 0)
			return more[i].run(argc - 1, argv + 1);
	optind = 0;
	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 0;
		}
		if (c != 'j') {
			usage(stderr);
			return 2;
		}
		json = true;
	}
	n = argc - optind;
	verb = n > 0 ? argv[optind] : "";
	argv += optind + 1;
	if (n == 2 && strcmp(verb, "check") == 0)
		return cmd_check(argv[0], json);
	if (n == 2 && strcmp(verb, "show") == 0)
		return cmd_show(argv[0], json);
	if (n == 2 && strcmp(verb, "fmt") == 0 && !json)
		return cmd_fmt(argv[0]);
	if (n == 1 && strcmp(verb, "schema") == 0 && !json)
		return print_with(stdout, put_schema, NULL);
	if ((n == 2 || n == 3) && strcmp(verb, "test") == 0 && !json)
		return cmd_test(argv[0], n == 3 ? argv[1] : NULL);
	usage(stderr);
	return 2;
}
