/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core's step under event lines and a policy of anybody's making. Before the first line that is "---" stands the policy;
 * without one, or when it is refused, a small town's is taken. Whatever comes, after every step:
 *
 *   no cut of the wanted plan is one the guard refuses: never-isolate hosts, this box, no TTL, too long, too many
 *   every order has a TTL, a reason's place and evidence, and its strings end
 *   every alert, action and posture becomes one EVE line or none
 */
#include <stdlib.h>
#include <bulkhead/report.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char town[] = "version: 1\nsite: fuzz\n"
	"zones:\n  a: {networks: [10.0.0.0/16, \"fd00:a::/64\"]}\n  b: {networks: [10.9.0.0/16], critical: true}\n"
	"  c: {networks: [10.8.0.0/16], ot: true}\n"
	"hosts:\n  dc: {addresses: [10.0.0.3], roles: [dc], never-isolate: true}\n"
	"  dhcp: {addresses: [10.0.0.2], roles: [dhcp], mac: \"02:00:00:00:00:02\"}\n"
	"  pc: {addresses: [10.0.0.7, \"fd00:a::7\"], mac: \"02:00:00:00:00:07\"}\n"
	"conduits:\n  - {name: c, from: a, to: b, allow: [smb], apps: [TLS]}\n"
	"  - {name: d, from: b, to: c, allow: [any], breaker: {admin-off: shield, pins-only: contain}}\n"
	"  - {name: e, from: c, to: a, allow: [ssh], drawbridge: {open: \"23:00-01:00\", days: [thu], raise-on: alert}}\n"
	"pins:\n  - {name: p, from: 10.0.0.5, to: 10.9.0.5, allow: [tcp/80], reason: \"x\"}\n"
	"response: {mode: auto, budget: {burst: 50, per-hour: 1000, share-of-zone: 100%, share-of-role: 100%}}\n";

static struct bh_policy *load(const char *text, size_t n)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;

	if (bh_policy_load(text, n, "fuzz", &d, &p))
		p = NULL;
	bh_diags_fini(&d);
	return p;
}

static void ends(const char *s, size_t size)
{
	if (!memchr(s, '\0', size))
		abort();
}

static void check_order(const struct bh_order *o)
{
	ends(o->by, sizeof o->by);
	ends(o->reason, sizeof o->reason);
	ends(o->because, sizeof o->because);
	ends(o->name, sizeof o->name);
	if (o->n_cuts > BH_ORDER_CUTS || o->n_pins > BH_ORDER_PINS)
		abort();
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (!o->cuts[i].ttl || o->cuts[i].kind != o->kind)
			abort();
}

static void check_records(const struct bh_eve *e, const struct bh_out *out)
{
	static char line[BH_EVE_MAX];

	for (size_t i = 0; i < out->n; i++) {
		const struct bh_record *r = &out->rec[i];
		size_t n = bh_eve_record(e, r, line, sizeof line);

		if (n == 0 || line[n - 1] != '\n' || memchr(line, '\n', n - 1))
			abort();
		if (r->kind == BH_REC_ACTION)
			check_order(&r->order);
		if (r->kind == BH_REC_ACTION && r->verb == BH_VERB_REQUESTED && (!r->order.id || !r->order.n_cuts || !r->order.because[0]))
			abort();
	}
}

/* only rules: what a kernel is said to hold already may be anything */
static void check_plan(struct bh_core *c, const struct bh_addr *self)
{
	const struct bh_plan *plan = bh_core_plan(c);
	struct bh_plan law = *plan;
	size_t kinds[BH_CUT_KINDS] = {0};
	struct bh_refused r;

	law.mode = BH_MODE_AUTO;
	for (size_t i = 0; i < plan->n_cuts; i++)
		if (++kinds[plan->cuts[i].kind] > plan->max_cuts + BH_ORDER_CUTS)
			abort();
	for (size_t i = 0; i < plan->n_cuts; i++)
		if (bh_plan_guard(&law, &plan->cuts[i], 0, self, 1, &r))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_out out;
	static struct bh_watch *watch; /* the same for all inputs */
	static struct bh_gadgets *gadgets;
	const char *p = (const char *)data, *end = p + size, *cut = size ? memmem(p, size, "\n---\n", 5) : NULL;
	struct bh_policy *policy = cut ? load(p, (size_t)(cut - p)) : NULL;
	struct bh_addr self = bh_addr_v4((const uint8_t[]){10, 0, 0, 1});
	struct bh_core_opts o = {.mode = -1, .bare = true, .hosts = 64, .self = &self, .n_self = 1};
	struct bh_eve eve = {.host = "fuzz"};
	struct bh_core *c;

	if (!policy && !(policy = load(town, sizeof town - 1)))
		abort();
	watch = watch ? watch : bh_watch_builtin();
	gadgets = gadgets ? gadgets : bh_gadgets_builtin();
	o.watch = watch;
	o.gadgets = gadgets;
	o.policy = eve.policy = policy;
	if (bh_core_open(&o, &c))
		abort();
	for (p = cut ? cut + 5 : p; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct bh_event_error e;
		struct bh_event ev;

		if (bh_event_parse(p, (size_t)((nl ? nl : end) - p), &ev, &e) == 0) {
			out.n = 0;
			if (bh_core_step(c, &ev, &out))
				abort();
			check_records(&eve, &out);
			check_plan(c, &self);
		}
		p = nl ? nl + 1 : end;
	}
	bh_core_close(c);
	bh_policy_free(policy);
	return 0;
}
