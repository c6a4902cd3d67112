/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy diff and simulate: what a new policy changes in meaning, not in text, and which of the connections somebody really
 * opened it would newly drop or let pass.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/policy_cmd.h"

/* one line of the answer: all boxes of a conduit between two zones */
struct change {
	char conduit[BH_NAME], from[BH_NAME], to[BH_NAME];
	uint8_t from_level, to_level;
	bool gained, existed, critical;
	char what[400];
	size_t boxes;
	bool full;
};
struct changes {
	struct change *v;
	size_t n;
};

static void put_box(struct change *c, const struct bh_plan_box *b)
{
	struct bh_text t = {c->what, strlen(c->what), sizeof c->what, false}; /* goes on where it ended */
	char s[BH_PREFIX_TEXT], d[BH_PREFIX_TEXT];

	c->boxes++;
	if (c->full || t.len > sizeof c->what - 140) {
		c->full = true;
		return;
	}
	bh_putf(&t, "%s%s > %s ", t.len ? ", " : "", bh_prefix_print(&b->src, s), bh_prefix_print(&b->dst, d));
	if (b->proto != 6 && b->proto != 17)
		bh_put(&t, b->proto == 1 ? "icmp" : "other protocols");
	else if (b->lo == b->hi)
		bh_putf(&t, "%s/%u", b->proto == 6 ? "tcp" : "udp", b->lo);
	else
		bh_putf(&t, "%s/%u-%u", b->proto == 6 ? "tcp" : "udp", b->lo, b->hi);
}

static bool has_conduit(const struct bh_plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_conduit_names; i++)
		if (!strcmp(p->conduit_names[i], name))
			return true;
	return false;
}

/* boxes of one law that the other lacks, gathered by conduit and pair of zones */
static int gather(struct changes *l, const struct bh_policy *p, const struct bh_plan *law, const struct bh_plan *other, bool gained)
{
	struct bh_plan_box *v;
	size_t n;
	int r = bh_plan_minus(law, other, &v, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *name = law->conduit_names[v[i].conduit], *from = law->zones[v[i].from].name;
		uint16_t z = bh_policy_zone_of(p, &v[i].dst.net);
		const char *to = z == BH_ZONE_NONE ? "?" : p->zones[z].name;
		struct change *c = l->n ? &l->v[l->n - 1] : NULL;

		for (size_t k = l->n; k-- > 0 && l->n - k < 4096;)
			if (l->v[k].gained == gained && !strcmp(l->v[k].conduit, name) && !strcmp(l->v[k].from, from) && !strcmp(l->v[k].to, to)) {
				c = &l->v[k];
				goto found;
			}
		c = realloc(l->v, (l->n + 1) * sizeof *c);
		if (!c) {
			r = -ENOMEM;
			break;
		}
		l->v = c;
		c = &l->v[l->n++];
		*c = (struct change){.gained = gained, .existed = has_conduit(other, name), .from_level = p->zones[v[i].from].purdue};
		bh_strcpy(c->conduit, sizeof c->conduit, name);
		bh_strcpy(c->from, sizeof c->from, from);
		bh_strcpy(c->to, sizeof c->to, to);
		if (z != BH_ZONE_NONE) {
			c->to_level = p->zones[z].purdue;
			c->critical = p->zones[z].critical;
		}
found:
		put_box(c, &v[i]);
	}
	if (r == 0)
		free(v);
	return r;
}

/* what opens comes before what closes, what opens a critical zone before all */
static int worst_first(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int wx = x->gained * 4 + (x->gained && x->critical) * 8 + (x->to_level < x->from_level), wy = y->gained * 4 + (y->gained && y->critical) * 8 + (y->to_level < y->from_level);

	return wx != wy ? wy - wx : strcmp(x->conduit, y->conduit);
}

static void print_change(const struct change *c)
{
	printf("%c conduit %-20s %-8s %s(%u) -> %s(%u)", c->gained ? '+' : '-', strcmp(c->conduit, "@inside") ? c->conduit : "(inside a zone)",
		c->gained ? c->existed ? "widened" : "added" : c->existed ? "narrowed" : "removed", c->from, c->from_level, c->to, c->to_level);
	if (c->gained && c->to_level < c->from_level)
		printf("  DOWN to level %u", c->to_level);
	if (c->critical)
		printf("  %s", c->gained ? "OPENS A CRITICAL ZONE" : "critical");
	printf("\n    %s%s\n", c->what, c->full ? ", ..." : "");
}

/* ---- the rest of the policy, by name ---- */
static size_t said(const char *sign, const char *kind, const char *name, const char *how)
{
	printf("%s %s %s %s\n", sign, kind, name, how);
	return 1;
}

static bool same_nets(const struct bh_prefixes *a, const struct bh_prefixes *b)
{
	return a->n == b->n && (a->n == 0 || !memcmp(a->v, b->v, a->n * sizeof *a->v));
}

static size_t zones(const struct bh_policy *a, const struct bh_policy *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_zones; i++) {
		const struct bh_zone *y = &b->zones[i];
		uint16_t z = bh_policy_zone_by_name(a, y->name);
		const struct bh_zone *x = z == BH_ZONE_NONE ? NULL : &a->zones[z];

		if (!x) {
			n += said("+", "zone", y->name, "added");
			continue;
		}
		if (!same_nets(&x->nets, &y->nets))
			n += said("~", "zone", y->name, "has other networks");
		if (x->critical != y->critical)
			n += said(y->critical ? "+" : "!", "zone", y->name, y->critical ? "is critical now" : "is NOT CRITICAL any more");
		if (x->vlans.n != y->vlans.n || memcmp(x->vlans.v, y->vlans.v, x->vlans.n * sizeof x->vlans.v[0]))
			n += said("!", "zone", y->name, "has other VLANs: on a bridge its frames must carry them");
		if (x->two_person != y->two_person || x->ot != y->ot || x->purdue != y->purdue || x->sl_t != y->sl_t || x->is_static != y->is_static)
			n += said("~", "zone", y->name, "has another level or other marks");
	}
	for (size_t i = 0; i < a->n_zones; i++)
		if (bh_policy_zone_by_name(b, a->zones[i].name) == BH_ZONE_NONE)
			n += said("-", "zone", a->zones[i].name, "removed");
	return n;
}

static const struct bh_conduit *conduit_named(const struct bh_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_conduits; i++)
		if (!strcmp(p->conduits[i].name, name))
			return &p->conduits[i];
	return NULL;
}

static bool same_apps(const struct bh_conduit *a, const struct bh_conduit *b)
{
	return a->n_apps == b->n_apps && (a->n_apps == 0 || !memcmp(a->apps, b->apps, a->n_apps * sizeof *a->apps));
}

/* What a conduit permits is compared as boxes, whatever it is called; what closes it has only its name to go by. */
static size_t gates(const struct bh_policy *a, const struct bh_policy *b)
{
	static const struct bh_conduit none;
	size_t n = 0;

	for (size_t i = 0; i < b->n_conduits; i++) {
		const struct bh_conduit *y = &b->conduits[i], *x = conduit_named(a, y->name);

		x = x ? x : &none;
		if (x->breaker.admin_off != y->breaker.admin_off || x->breaker.pins_only != y->breaker.pins_only)
			n += said("!", "conduit", y->name, "closes at other responses (breaker)");
		if (x->drawbridge.opens != y->drawbridge.opens || x->drawbridge.closes != y->drawbridge.closes || x->drawbridge.days != y->drawbridge.days ||
			x->drawbridge.raise_on != y->drawbridge.raise_on)
			n += said("!", "conduit", y->name, "is open at other hours, or closed early by something else (drawbridge)");
		if (!same_apps(x, y))
			n += said("!", "conduit", y->name, "carries other applications: what is none of them is killed or proposed");
	}
	for (size_t i = 0; i < a->n_conduits; i++) {
		const struct bh_conduit *x = &a->conduits[i];

		if (!conduit_named(b, x->name) && (x->breaker.admin_off || x->breaker.pins_only || x->drawbridge.closes || x->n_apps))
			n += said("-", "conduit", x->name, "is gone, with its breaker, hours or applications");
	}
	return n;
}

static const struct bh_pin *pin_named(const struct bh_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_pins; i++)
		if (!strcmp(p->pins[i].name, name))
			return &p->pins[i];
	return NULL;
}

static bool same_svcs(const struct bh_svcs *a, const struct bh_svcs *b)
{
	for (size_t i = 0; a->n == b->n && i < a->n; i++)
		if (a->v[i].proto != b->v[i].proto || a->v[i].lo != b->v[i].lo || a->v[i].hi != b->v[i].hi)
			return false;
	return a->n == b->n;
}

static size_t pins(const struct bh_policy *a, const struct bh_policy *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_pins; i++) {
		const struct bh_pin *y = &b->pins[i], *x = pin_named(a, y->name);

		if (!x)
			n += said("+", "pin", y->name, "added: no isolation will cut it");
		else if (!same_nets(&x->from, &y->from) || !same_nets(&x->to, &y->to) || !same_svcs(&x->allow, &y->allow))
			n += said("!", "pin", y->name, "speaks of other hosts or services");
	}
	for (size_t i = 0; i < a->n_pins; i++)
		if (!pin_named(b, a->pins[i].name))
			n += said("!", "pin", a->pins[i].name, "REMOVED: an isolation may cut it now");
	return n;
}

static size_t hosts_and_rest(const struct bh_policy *a, const struct bh_policy *b)
{
	const struct bh_response *x = &a->response, *y = &b->response;
	size_t n = 0;

	for (size_t i = 0; i < b->n_hosts; i++) {
		const struct bh_phost *was = bh_policy_host_by_name(a, b->hosts[i].name);

		if (b->hosts[i].never_isolate && !(was && was->never_isolate))
			n += said("!", "host", b->hosts[i].name, "is never isolated now");
	}
	for (size_t i = 0; i < a->n_hosts; i++) {
		const struct bh_phost *is = bh_policy_host_by_name(b, a->hosts[i].name);

		if (a->hosts[i].never_isolate && !(is && is->never_isolate))
			n += said("!", "host", a->hosts[i].name, "MAY BE ISOLATED now");
	}
	if (!same_nets(&a->management.from, &b->management.from) || !same_svcs(&a->management.allow, &b->management.allow))
		n += said("!", "management", "", "has changed: see that your own way in is still in it");
	if (a->n_remedies != b->n_remedies)
		n += said("~", "remedies", "", "have changed");
	for (size_t i = 0; a->n_remedies == b->n_remedies && i < a->n_remedies; i++)
		if (memcmp(&a->remedies[i].to, &b->remedies[i].to, sizeof a->remedies[i].to) || !same_svcs(&a->remedies[i].allow, &b->remedies[i].allow)) {
			n += said("~", "remedies", "", "have changed");
			break;
		}
	if (x->mode != y->mode)
		n += said("!", "response mode", bh_mode_name(y->mode), "(was another)");
	if (x->profile != y->profile || x->ttl_shield != y->ttl_shield || x->ttl_contain != y->ttl_contain || x->ttl_isolate != y->ttl_isolate || x->burst != y->burst ||
		x->per_hour != y->per_hour || x->share_zone_ppm != y->share_zone_ppm || x->share_role_ppm != y->share_role_ppm)
		n += said("~", "response", "", "has other times, budgets or another profile");
	return n;
}

size_t bh_cli_policy_changes(const struct bh_policy *old, const struct bh_policy *new)
{
	struct bh_plan a = {0}, b = {0};
	struct changes l = {0};
	size_t n;
	int r = bh_plan_compile(old, 1, &a);

	if (r == 0)
		r = bh_plan_compile(new, 1, &b);
	if (r == 0)
		r = gather(&l, new, &b, &a, true);
	if (r == 0)
		r = gather(&l, old, &a, &b, false);
	bh_plan_fini(&a);
	bh_plan_fini(&b);
	if (r < 0)
		fprintf(stderr, "bulkhead: the conduits cannot be compared: %s\n", strerror(-r));
	if (l.n)
		qsort(l.v, l.n, sizeof *l.v, worst_first);
	for (size_t i = 0; i < l.n; i++)
		print_change(&l.v[i]);
	n = l.n + (r < 0);
	free(l.v);
	n += zones(old, new) + gates(old, new) + pins(old, new) + hosts_and_rest(old, new);
	if (n == 0)
		puts("no difference in meaning");
	return n;
}

/* ---- simulate ---- */
static bool passes(const struct bh_policy *p, const struct bh_cli_flow *f)
{
	unsigned rule = bh_policy_judge(p, &f->src, &f->dst, f->proto, f->dport).rule;

	return rule == BH_RULE_SAME_ZONE || rule == BH_RULE_PIN || rule == BH_RULE_CONDUIT;
}

static const char *zone_name(const struct bh_policy *p, const struct bh_addr *a)
{
	uint16_t z = bh_policy_zone_of(p, a);

	return z == BH_ZONE_NONE ? "no zone" : p->zones[z].name;
}

struct changed { /* a kind of connection that fares differently */
	const struct bh_cli_flow *w;
	bool lost, critical;
};

static int gravest_first(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;

	if (x->lost != y->lost)
		return x->lost ? -1 : 1;
	if (x->critical != y->critical)
		return x->critical ? -1 : 1;
	if (!x->w->open != !y->w->open)
		return x->w->open ? -1 : 1;
	return x->w->bytes > y->w->bytes ? -1 : x->w->bytes < y->w->bytes ? 1 : x->w > y->w ? 1 : -1;
}

static bool critical(const struct bh_policy *p, const struct bh_addr *a)
{
	uint16_t z = bh_policy_zone_of(p, a);

	return z != BH_ZONE_NONE && p->zones[z].critical;
}

static void put_changed(const struct bh_policy *new, const struct changed *c)
{
	const struct bh_cli_flow *w = c->w;
	char s[BH_ADDR_TEXT], d[BH_ADDR_TEXT], proto[4];

	printf("%s%s %s > %s %s/%u  %s -> %s", c->critical ? "CRITICAL " : "", c->lost ? "NEWLY DROPPED" : "newly allowed", bh_addr_print(&w->src, s),
		bh_addr_print(&w->dst, d), bh_proto_name(w->proto, proto), w->dport, zone_name(new, &w->src), zone_name(new, &w->dst));
	if (w->open)
		printf("  %llu open now,", (unsigned long long)w->open);
	printf("  %llu connections, %llu bytes\n", (unsigned long long)w->flows, (unsigned long long)w->bytes);
}

size_t bh_cli_policy_effect(const struct bh_policy *old, const struct bh_policy *new, const struct bh_cli_flows *f)
{
	struct changed *v = malloc((f->n + 1) * sizeof *v);
	size_t dropped = 0, allowed = 0, still = 0, n = 0;

	if (!v) {
		fprintf(stderr, "bulkhead: no memory\n");
		return 0;
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct bh_cli_flow *w = &f->v[i];
		bool was = passes(old, w), is = passes(new, w);

		dropped += was && !is;
		allowed += !was && is;
		still += !was && !is;
		if (was != is)
			v[n++] = (struct changed){w, was, critical(old, &w->dst) || critical(new, &w->dst)};
	}
	if (n)
		qsort(v, n, sizeof *v, gravest_first);
	for (size_t i = 0; i < n && i < 40; i++)
		put_changed(new, &v[i]);
	if (n > 40)
		printf("... and %zu more\n", n - 40);
	free(v);
	printf("%zu kinds of connection looked at: %zu newly dropped, %zu newly allowed, %zu against the law before and after\n", f->n, dropped, allowed, still);
	return dropped;
}

/* ---- verbs ---- */
static int two(const char *new_path, const char *old_path, const char *socket_path, struct bh_policy **ret_old, struct bh_policy **ret_new)
{
	int r = bh_cli_load_policy(new_path, ret_new);

	if (r)
		return r;
	r = old_path ? bh_cli_load_policy(old_path, ret_old) : bh_cli_running_policy(socket_path, ret_old);
	if (r)
		bh_policy_free(*ret_new);
	return r;
}

static const struct option longs[] = {{"flows", 1, 0, 'f'}, {"socket", 1, 0, 's'}, {"help", 0, 0, 'h'}, {0}};

static int usage(bool simulate, int code)
{
	FILE *to = code ? stderr : stdout;

	if (simulate)
		fputs("Usage: bulkhead policy simulate NEW [OLD] [--flows EVE.json|-] [--socket PATH]\n"
		      "       which recorded connections NEW would drop or let pass that OLD (else: the running policy) does not\n"
		      "       --flows FILE   flow records of an EVE file; without it the running daemon's memory\n"
		      "Exit code: 0 nothing newly dropped, 7 something is\n",
			to);
	else
		fputs("Usage: bulkhead policy diff NEW [OLD] [--socket PATH]\n"
		      "       what NEW changes in meaning against OLD (else: the running policy)\n"
		      "Exit code: 0 the same, 7 different\n",
			to);
	return code;
}

static int compare(int argc, char **argv, bool simulate)
{
	const char *socket_path = BH_API_SOCKET, *eve = NULL;
	struct bh_policy *old, *new;
	struct bh_cli_flows f = {0};
	size_t n;
	int c, r;

	optind = 0;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			socket_path = optarg;
		else if (c == 'f' && simulate)
			eve = optarg;
		else
			return usage(simulate, c == 'h' ? 0 : BH_EXIT_USAGE);
	}
	if (argc - optind < 1 || argc - optind > 2)
		return usage(simulate, BH_EXIT_USAGE);
	r = two(argv[optind], argc - optind == 2 ? argv[optind + 1] : NULL, socket_path, &old, &new);
	if (r)
		return r;
	if (simulate && (r = bh_cli_flows_read(eve, socket_path, &f)) == 0) {
		n = bh_cli_policy_effect(old, new, &f);
		bh_cli_flows_window(&f, stdout);
		bh_cli_flows_fini(&f);
	} else if (!simulate) {
		n = bh_cli_policy_changes(old, new);
	} else {
		n = 0;
	}
	bh_policy_free(old);
	bh_policy_free(new);
	return r ? r : n ? BH_EXIT_DIFFERENT : 0;
}

int bh_cli_policy_diff(int argc, char **argv)
{
	return compare(argc, argv, false);
}

int bh_cli_policy_simulate(int argc, char **argv)
{
	return compare(argc, argv, true);
}
