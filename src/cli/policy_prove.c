/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy prove: compiles a policy into the very rules the kernel would get, and shows what they let through for every packet
 * there is (docs/prove.md). Needs no daemon and no privilege. The paths to a critical zone are read off the rules, not off the
 * policy: each part of what they accept is named by the conduit or pin it belongs to.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <bulkhead/enforce.h>
#include "cli/cli.h"
#include "cli/policy_cmd.h"

#define PLAN_BYTES (64u << 20)

struct path { /* into a critical zone */
	uint16_t from; /* zone, or BH_ZONE_NONE */
	bool pin;
	uint32_t id; /* of the conduit or pin */
};
struct paths {
	struct path *v;
	size_t n;
};
struct mode {
	const char *name;
	int result; /* of bh_prove_law */
	bool same;  /* as the mode before: the same rules, proved once */
	uint64_t ms;
	struct bh_prove_report rep;
};
struct answer {
	struct mode mode[BH_MODE_COUNT];
	struct paths *to; /* by zone */
	struct bh_model_size size;
	bool proved;
};

static int usage(FILE *to, int code)
{
	fputs("Usage: bulkhead policy prove FILE [--json]   prove what its compiled rules let through, in every mode, whatever is cut\n"
	      "       --plan   FILE is a plan, as core gives it to the enforcer; - is stdin\n"
	      "       --json   for programs\n"
	      "Exit code: 0 proved, 1 a theorem does not hold (with a counterexample), 2 usage, 3 FILE is invalid or cannot be read\n",
		to);
	return code;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int no_memory(void)
{
	fprintf(stderr, "bulkhead: no memory\n");
	return BH_EXIT_FAILED;
}

/* ---- the plan ---- */

static int read_plan(const char *path, struct bh_plan *ret)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
	char *text = f ? malloc(PLAN_BYTES + 1) : NULL;
	struct bh_plan_error bad = {0};
	size_t n = text ? fread(text, 1, PLAN_BYTES + 1, f) : 0;
	int r = !f ? -errno : !text ? -ENOMEM : ferror(f) ? -EIO : n > PLAN_BYTES ? -EFBIG : 0;

	if (f && f != stdin)
		fclose(f);
	if (r == 0)
		r = bh_plan_parse(text, n, ret, &bad);
	free(text);
	if (r < 0)
		fprintf(stderr, "bulkhead: cannot read %s: %s\n", path, strerror(-r));
	if (r > 0)
		fprintf(stderr, "%s:%u:%u: error: %s\n", path, bad.line, bad.col, bad.text);
	if (r == 0 && (ret->generation == 0 || ret->generation > 65535)) {
		fprintf(stderr, "%s:1:1: error: a plan has a generation from 1 to 65535\n", path);
		bh_plan_fini(ret);
		r = 1;
	}
	return r ? BH_EXIT_INVALID : 0;
}

static int compile(const char *path, struct bh_plan *ret)
{
	struct bh_policy *p;
	int r = bh_cli_load_policy(path, &p);

	if (r)
		return r;
	r = bh_plan_compile(p, 1, ret);
	bh_policy_free(p);
	return r < 0 ? no_memory() : 0;
}

/* ---- paths to critical zones, as the rules have them ---- */

static bool inside(const struct bh_prefix *small, const struct bh_prefix *big)
{
	return bh_prefix_overlaps(small, big) && small->bits > big->bits;
}

/* what a zone owns: its networks without those of other zones inside them */
static int own(const struct bh_plan *plan, size_t zone, uint8_t fam, struct bh_boxes *ret)
{
	const struct bh_prefixes *nets = &plan->zones[zone].nets;
	struct bh_boxes mine = {0}, others = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < nets->n; i++) {
		struct bh_box b = bh_box_of(fam, NULL, &nets->v[i], 0, 0, 0);

		if (bh_prefix_is4(&nets->v[i]) == (fam == 4))
			r = bh_boxes_add(&mine, &b);
	}
	for (size_t z = 0; z < plan->n_zones; z++)
		for (size_t i = 0; r == 0 && z != zone && i < plan->zones[z].nets.n; i++) {
			const struct bh_prefix *p = &plan->zones[z].nets.v[i];
			struct bh_box b = bh_box_of(fam, NULL, p, 0, 0, 0);

			for (size_t k = 0; k < nets->n; k++)
				if (inside(p, &nets->v[k]) && bh_prefix_is4(p) == (fam == 4)) {
					r = bh_boxes_add(&others, &b);
					break;
				}
		}
	if (r == 0)
		r = bh_boxes_minus(&mine, &others, ret);
	bh_boxes_fini(&mine);
	bh_boxes_fini(&others);
	return r;
}

static int add_path(const struct bh_plan *plan, struct paths *l, uint16_t from, bool pin, uint32_t id)
{
	struct path *v;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].from == from && l->v[i].pin == pin &&
			(pin ? !strcmp(plan->pins[l->v[i].id].name, plan->pins[id].name) : l->v[i].id == id))
			return 0;
	v = reallocarray(l->v, l->n + 1, sizeof *v);
	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n++] = (struct path){from, pin, id};
	return 0;
}

static bool from_zone(const struct bh_plan *plan, uint16_t zone, const struct bh_box *b)
{
	for (size_t i = 0; i < plan->zones[zone].nets.n; i++) {
		struct bh_box z = bh_box_of(b->fam, &plan->zones[zone].nets.v[i], NULL, 0, 0, 0);

		if (bh_prefix_is4(&plan->zones[zone].nets.v[i]) == (b->fam == 4) && bh_box_meets(b, &z, NULL))
			return true;
	}
	return false;
}

/* what permits or pins a part of what is accepted */
static int name_box(const struct bh_plan *plan, const struct bh_box *b, struct paths *l)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_permits; i++) {
		const struct bh_permit *p = &plan->permits[i];
		struct bh_box x = bh_box_of(bh_prefix_is4(&p->dst) ? 4 : 6, p->src.bits ? &p->src : NULL, &p->dst, p->proto, p->lo, p->hi);

		if (!bh_box_meets(b, &x, NULL) || !from_zone(plan, p->from, b))
			continue;
		r = add_path(plan, l, p->from, false, p->conduit);
	}
	for (size_t i = 0; r == 0 && i < plan->n_pins; i++) {
		const struct bh_plan_pin *p = &plan->pins[i];
		struct bh_box x = bh_box_of(bh_prefix_is4(&p->to) ? 4 : 6, &p->from, &p->to, p->proto, p->lo, p->hi);

		if (!bh_box_meets(b, &x, NULL))
			continue;
		r = add_path(plan, l, BH_ZONE_NONE, true, (uint32_t)i);
	}
	return r;
}

static int paths_to(struct bh_model *m, const struct bh_plan *plan, size_t zone, uint8_t fam, struct paths *l)
{
	struct bh_scenario sc = {.hook = BH_HOOK_FORWARD, .state = BH_CT_NEW, .syn = BH_YES, .limits = BH_MAYBE};
	struct bh_boxes boxes = {0};
	int r = own(plan, zone, fam, &boxes);

	memset(sc.cuts, BH_AS_MISS, sizeof sc.cuts);
	for (size_t i = 0; r == 0 && i < boxes.n; i++) {
		struct bh_reaches seen;

		r = bh_model_run(m, &sc, &boxes.v[i], false, &seen);
		for (size_t k = 0; r == 0 && k < seen.n; k++)
			if (seen.v[k].fate == BH_FATE_ACCEPT)
				r = name_box(plan, &seen.v[k].box, l);
		bh_reaches_fini(&seen);
	}
	bh_boxes_fini(&boxes);
	return r;
}

static int find_paths(struct bh_model *m, const struct bh_plan *plan, struct answer *a)
{
	int r = 0;

	for (size_t z = 0; r == 0 && z < plan->n_zones; z++)
		if (plan->zones[z].critical) {
			r = paths_to(m, plan, z, 4, &a->to[z]);
			if (r == 0)
				r = paths_to(m, plan, z, 6, &a->to[z]);
		}
	return r;
}

/* ---- proving ---- */

static int prove_mode(const struct bh_plan *plan, unsigned mode, struct answer *a, uint64_t *io_digest)
{
	static const char *const names[BH_MODE_COUNT] = {"observe", "ask", "auto"};
	struct mode *o = &a->mode[mode];
	struct bh_plan as = *plan; /* shallow */
	struct bh_model *m = NULL;
	uint64_t start = now_us(), digest = 0;
	int r;

	as.mode = (uint8_t)mode;
	o->name = names[mode];
	r = bh_enforce_model(&as, &m);
	if (r == 0 && bh_model_freeze(m) == 0)
		digest = bh_model_digest(m);
	if (r == 0 && mode == BH_MODE_AUTO && digest && digest == *io_digest) {
		*o = a->mode[mode - 1];
		o->name = names[mode];
		o->same = true;
	} else if (r == 0) {
		o->result = bh_prove_law(m, &as, NULL, false, &o->rep);
		r = o->result < 0 ? o->result : 0;
		o->ms = (now_us() - start) / 1000;
	}
	if (r == 0 && mode == BH_MODE_AUTO) {
		a->size = bh_model_size(m);
		if (o->result == 0)
			r = find_paths(m, &as, a);
	}
	a->proved &= o->result == 0;
	*io_digest = digest;
	bh_model_free(m);
	return r;
}

/* ---- answers ---- */

static const char *end_name(const struct bh_plan *plan, uint16_t zone)
{
	return zone < plan->n_zones ? plan->zones[zone].name : "no zone";
}

static void print_paths(const struct bh_plan *plan, const struct answer *a)
{
	for (size_t z = 0; z < plan->n_zones; z++) {
		const struct paths *l = &a->to[z];

		if (!plan->zones[z].critical)
			continue;
		printf("no path from any zone to %s%s", plan->zones[z].name, l->n ? " except:" : "\n");
		for (size_t i = 0; i < l->n; i++) {
			const struct path *p = &l->v[i];

			if (p->pin)
				printf("%s pin %s", i ? ";" : "", plan->pins[p->id].name);
			else
				printf("%s conduit %s from %s", i ? ";" : "", plan->conduit_names[p->id], end_name(plan, p->from));
		}
		if (l->n)
			printf("\n");
	}
}

static void print_mode(const struct bh_plan *plan, const struct mode *o)
{
	char text[BH_FINDING_TEXT];

	if (o->same) {
		printf("mode %s: the same rules\n", o->name);
		return;
	}
	printf("mode %s: %s (%llu ms, %llu runs, %llu boxes)\n", o->name, o->result == 0 ? "proved" : "NOT PROVED", (unsigned long long)o->ms,
		(unsigned long long)o->rep.runs, (unsigned long long)o->rep.boxes);
	if (o->result == 1)
		printf("  refused: %s\n", o->rep.refused);
	for (unsigned t = 0; t < BH_THEOREMS; t++)
		if (o->rep.checked[t])
			printf("  %-8s %s: %llu checks, %llu fail\n", bh_theorem_name(t), bh_theorem_says(t),
				(unsigned long long)o->rep.checked[t], (unsigned long long)o->rep.failed[t]);
	for (size_t i = 0; i < o->rep.n; i++)
		printf("  counterexample %s\n", bh_prove_finding_print(&o->rep.v[i], plan, text));
}

static void print(const struct bh_plan *plan, const struct answer *a)
{
	size_t held = 0;

	for (unsigned i = 0; i < BH_MODE_COUNT; i++) {
		print_mode(plan, &a->mode[i]);
		held += a->mode[i].result == 0;
	}
	if (held < BH_MODE_COUNT)
		return;
	print_paths(plan, a);
	printf("pins accepted %zu/%zu in both directions under every isolation, shield, contain, island and kill, in every mode\n", plan->n_pins,
		plan->n_pins);
	printf("model = plan: %zu chains, %zu rules, %zu sets, %zu elements let through %zu permits and the pins, nothing more and nothing less\n",
		a->size.chains, a->size.rules, a->size.sets, a->size.elements, plan->n_permits);
}

static json_t *mode_json(const struct bh_plan *plan, const struct mode *o)
{
	json_t *j = json_pack("{s:s,s:b,s:I,s:I,s:I,s:I}", "mode", o->name, "proved", o->result == 0, "ms", (json_int_t)o->ms, "runs",
		(json_int_t)o->rep.runs, "steps", (json_int_t)o->rep.steps, "boxes", (json_int_t)o->rep.boxes);
	json_t *theorems = json_object(), *findings = json_array();
	char text[BH_FINDING_TEXT], box[BH_BOX_TEXT];

	for (unsigned t = 0; t < BH_THEOREMS; t++)
		json_object_set_new(theorems, bh_theorem_name(t), json_pack("{s:I,s:I}", "checked", (json_int_t)o->rep.checked[t], "failed", (json_int_t)o->rep.failed[t]));
	for (size_t i = 0; i < o->rep.n; i++) {
		const struct bh_prove_finding *f = &o->rep.v[i];

		json_array_append_new(findings, json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:i,s:s}", "theorem", bh_theorem_name(f->theorem), "from",
			end_name(plan, f->from), "to", end_name(plan, f->to), "box", bh_box_print(&f->box, box), "when", f->when,
			"chain", f->chain, "rule", (int)f->rule, "text", bh_prove_finding_print(f, plan, text)));
	}
	json_object_set_new(j, "theorems", theorems);
	json_object_set_new(j, "findings", findings);
	if (o->result == 1)
		json_object_set_new(j, "refused", json_string(o->rep.refused));
	return j;
}

static int print_json(const struct bh_plan *plan, const struct answer *a)
{
	json_t *j = json_pack("{s:b}", "proved", a->proved), *modes = json_array(), *critical = json_array();
	int r;

	for (unsigned i = 0; i < BH_MODE_COUNT; i++)
		json_array_append_new(modes, mode_json(plan, &a->mode[i]));
	for (size_t z = 0; a->proved && z < plan->n_zones; z++) {
		json_t *paths = json_array();

		for (size_t i = 0; i < a->to[z].n; i++) {
			const struct path *p = &a->to[z].v[i];

			json_array_append_new(paths, p->pin ? json_pack("{s:s}", "pin", plan->pins[p->id].name)
							    : json_pack("{s:s,s:s}", "conduit", plan->conduit_names[p->id], "from", end_name(plan, p->from)));
		}
		if (plan->zones[z].critical)
			json_array_append_new(critical, json_pack("{s:s,s:o}", "zone", plan->zones[z].name, "paths", paths));
		else
			json_decref(paths);
	}
	json_object_set_new(j, "modes", modes);
	json_object_set_new(j, "critical", critical);
	json_object_set_new(j, "pins", json_integer((json_int_t)plan->n_pins));
	json_object_set_new(j, "permits", json_integer((json_int_t)plan->n_permits));
	r = json_dumpf(j, stdout, JSON_COMPACT) || putchar('\n') == EOF;
	json_decref(j);
	return r;
}

static int answer(const struct bh_plan *plan, bool json)
{
	struct answer *a = calloc(1, sizeof *a);
	uint64_t digest = 0;
	int r = 0;

	if (a)
		a->to = calloc(plan->n_zones + 1, sizeof *a->to);
	if (!a || !a->to) {
		free(a);
		return no_memory();
	}
	a->proved = true;
	for (unsigned i = 0; r == 0 && i < BH_MODE_COUNT; i++)
		r = prove_mode(plan, i, a, &digest);
	if (r < 0) {
		fprintf(stderr, "bulkhead: cannot prove: %s\n", strerror(-r));
		r = BH_EXIT_FAILED;
	} else {
		if (json)
			r = print_json(plan, a);
		else
			print(plan, a);
		if (fflush(stdout) || r || !a->proved)
			r = BH_EXIT_FAILED;
	}
	for (size_t z = 0; z < plan->n_zones; z++)
		free(a->to[z].v);
	free(a->to);
	free(a);
	return r;
}

int bh_cli_policy_prove(int argc, char **argv)
{
	static const struct option opts[] = {{"json", no_argument, NULL, 'j'}, {"plan", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool json = false, is_plan = false;
	struct bh_plan plan = {0};
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0);
		if (c == 'j')
			json = true;
		else if (c == 'p')
			is_plan = true;
		else
			return usage(stderr, BH_EXIT_USAGE);
	}
	if (argc - optind != 1)
		return usage(stderr, BH_EXIT_USAGE);
	r = is_plan ? read_plan(argv[optind], &plan) : compile(argv[optind], &plan);
	if (r)
		return r;
	r = answer(&plan, json);
	bh_plan_fini(&plan);
	return r;
}
