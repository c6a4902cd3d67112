/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The canonical text of a policy: one line per construct, lists sorted, ports by their built-in
 * name where one fits, IPv6, MACs and sentences in quotes. What a policy does not keep (comments,
 * its own service names, host names used in place of addresses) is not printed; loading the text
 * gives the same law, and printing that the same bytes.
 */
#include <bulkhead/event.h>
#include "policy/load.h"

static void put_text(struct bh_text *t, const char *s)
{
	bh_put(t, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			bh_put(t, "\\");
		bh_putn(t, s, 1);
	}
	bh_put(t, "\"");
}

/* words YAML readers would take for something else are quoted */
static void put_name(struct bh_text *t, const char *s)
{
	static const char *const special[] = {
		"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
	bool quote = strspn(s, "0123456789._-eE+") == strlen(s);

	for (size_t i = 0; i < BH_COUNT(special) && !quote; i++)
		quote = strcasecmp(s, special[i]) == 0;
	if (quote || (s[0] >= '0' && s[0] <= '9'))
		put_text(t, s);
	else
		bh_put(t, s);
}

static void put_net(struct bh_text *t, const struct bh_prefix *p)
{
	char buf[BH_PREFIX_TEXT];

	bh_putf(t, bh_prefix_is4(p) ? "%s" : "\"%s\"", bh_prefix_print(p, buf));
}

static void put_nets(struct bh_text *t, const struct bh_prefixes *s)
{
	bh_put(t, "[");
	for (size_t i = 0; i < s->n; i++) {
		bh_put(t, i ? ", " : "");
		put_net(t, &s->v[i]);
	}
	bh_put(t, "]");
}

/* "{" before the first key of a flow map, ", " before the others */
static void key(struct bh_text *t, bool *first, const char *name)
{
	bh_putf(t, "%s%s: ", *first ? "{" : ", ", name);
	*first = false;
}

static void flag(struct bh_text *t, bool *first, const char *name, bool on)
{
	if (!on)
		return;
	key(t, first, name);
	bh_put(t, "true");
}

static void put_probe(struct bh_text *t, bool *first, const struct bh_probe *p)
{
	bool inner = true;
	char every[24];

	key(t, first, "probe");
	flag(t, &inner, "names", p->names);
	flag(t, &inner, "dhcp", p->dhcp);
	key(t, &inner, "every");
	bh_putf(t, "%s}", bh_duration_print(p->every, every));
}

static void put_zone(struct bh_text *t, const struct bh_zone *z)
{
	bool first = true;

	bh_put(t, "  ");
	put_name(t, z->name);
	bh_put(t, ": ");
	if (z->nets.n) {
		key(t, &first, "networks");
		put_nets(t, &z->nets);
	}
	if (z->n_interfaces) {
		key(t, &first, "interfaces");
		for (size_t i = 0; i < z->n_interfaces; i++) {
			bh_put(t, i ? ", " : "[");
			put_text(t, z->interfaces[i]);
		}
		bh_put(t, "]");
	}
	if (z->vlans.n) {
		key(t, &first, "vlan");
		for (unsigned i = 0; i < z->vlans.n; i++)
			bh_putf(t, "%s%u", i ? ", " : z->vlans.n > 1 ? "[" : "", z->vlans.v[i]);
		bh_put(t, z->vlans.n > 1 ? "]" : "");
	}
	if (z->purdue) {
		key(t, &first, "purdue");
		bh_putf(t, "%u", z->purdue);
	}
	flag(t, &first, "critical", z->critical);
	if (z->sl_t) {
		key(t, &first, "sl-t");
		bh_putf(t, "%u", z->sl_t);
	}
	flag(t, &first, "ot", z->ot);
	flag(t, &first, "static", z->is_static);
	flag(t, &first, "two-person", z->two_person);
	if (z->inside) {
		key(t, &first, "inside");
		bh_put(t, bh_inside_name(z->inside));
	}
	if (z->probe.every)
		put_probe(t, &first, &z->probe);
	bh_put(t, "}\n");
}

static void put_host(struct bh_text *t, const struct bh_phost *h)
{
	char buf[BH_MAC_TEXT];
	bool first = true, comma = false;

	bh_put(t, "  ");
	put_name(t, h->name);
	bh_put(t, ": ");
	if (h->n_addrs) {
		key(t, &first, "addresses");
		for (size_t i = 0; i < h->n_addrs; i++) {
			struct bh_prefix p = bh_prefix_host(&h->addrs[i]);

			bh_put(t, i ? ", " : "[");
			put_net(t, &p);
		}
		bh_put(t, "]");
	}
	if (!bh_mac_none(&h->mac)) {
		key(t, &first, "mac");
		put_text(t, bh_mac_print(&h->mac, buf));
	}
	if (h->roles) {
		key(t, &first, "roles");
		for (unsigned r = 0; r < BH_ROLE_COUNT; r++) {
			if (!(h->roles & BH_ROLE_BIT(r)))
				continue;
			bh_putf(t, "%s%s", comma ? ", " : "[", bh_role_name(r));
			comma = true;
		}
		bh_put(t, "]");
	}
	flag(t, &first, "never-isolate", h->never_isolate);
	bh_put(t, "}\n");
}

static void put_breaker(struct bh_text *t, const struct bh_breaker *b)
{
	bool first = true;

	bh_put(t, ", breaker: ");
	if (b->admin_off) {
		key(t, &first, "admin-off");
		bh_put(t, bh_trip_name(b->admin_off));
	}
	if (b->pins_only) {
		key(t, &first, "pins-only");
		bh_put(t, bh_trip_name(b->pins_only));
	}
	bh_put(t, "}");
}

static void put_drawbridge(struct bh_text *t, const struct bh_drawbridge *d)
{
	bool comma = false;

	bh_putf(t, ", drawbridge: {open: \"%02u:%02u-%02u:%02u\"", d->opens / 60, d->opens % 60,
		d->closes / 60, d->closes % 60);
	for (unsigned i = 0; d->days != 0x7f && i < 7; i++) {
		if (!(d->days >> i & 1))
			continue;
		bh_putf(t, "%s%s", comma ? ", " : ", days: [", bh_day_name(i));
		comma = true;
	}
	bh_put(t, comma ? "]" : "");
	if (d->raise_on)
		bh_putf(t, ", raise-on: %s", bh_raise_name(d->raise_on));
	bh_put(t, "}");
}

static void put_conduit(struct bh_text *t, const struct bh_policy *p, const struct bh_conduit *c)
{
	bh_put(t, "  - {name: ");
	put_name(t, c->name);
	bh_put(t, ", from: ");
	put_name(t, p->zones[c->from].name);
	bh_put(t, ", to: ");
	put_name(t, p->zones[c->to].name);
	bh_put(t, ", allow: ");
	bh_policy_put_svcs(&c->allow, t);
	for (size_t i = 0; i < c->n_apps; i++)
		bh_putf(t, "%s%s", i ? ", " : ", apps: [", bh_app_name(c->apps[i]));
	bh_put(t, c->n_apps ? "]" : "");
	if (c->from_hosts.n) {
		bh_put(t, ", from-hosts: ");
		put_nets(t, &c->from_hosts);
	}
	if (c->to_hosts.n) {
		bh_put(t, ", to-hosts: ");
		put_nets(t, &c->to_hosts);
	}
	if (c->breaker.admin_off || c->breaker.pins_only)
		put_breaker(t, &c->breaker);
	if (c->drawbridge.closes)
		put_drawbridge(t, &c->drawbridge);
	bh_put(t, "}\n");
}

static void put_pin(struct bh_text *t, const struct bh_pin *pin)
{
	bh_put(t, "  - {name: ");
	put_name(t, pin->name);
	bh_put(t, ", from: ");
	put_nets(t, &pin->from);
	bh_put(t, ", to: ");
	put_nets(t, &pin->to);
	bh_put(t, ", allow: ");
	bh_policy_put_svcs(&pin->allow, t);
	bh_put(t, ", reason: ");
	put_text(t, pin->reason);
	bh_put(t, "}\n");
}

static void put_share(struct bh_text *t, const char *name, uint32_t ppm)
{
	char frac[8] = "";
	struct bh_text f = bh_text(frac, sizeof frac);

	if (ppm % 10000) {
		bh_putf(&f, ".%04u", ppm % 10000);
		while (f.len && frac[f.len - 1] == '0')
			frac[--f.len] = '\0';
	}
	bh_putf(t, "%s: %u%s%%", name, ppm / 10000, frac);
}

static void put_response(struct bh_text *t, const struct bh_response *r)
{
	char a[24], b[24], c[24];

	bh_putf(t, "\nresponse:\n  mode: %s\n  profile: %s\n", bh_mode_name(r->mode),
		bh_profile_name(r->profile));
	bh_putf(t, "  ttl: {shield: %s, contain: %s, isolate: %s}\n",
		bh_duration_print(r->ttl_shield, a), bh_duration_print(r->ttl_contain, b),
		bh_duration_print(r->ttl_isolate, c));
	bh_putf(t, "  budget: {burst: %u, per-hour: %u, ", r->burst, r->per_hour);
	put_share(t, "share-of-zone", r->share_zone_ppm);
	bh_put(t, ", ");
	put_share(t, "share-of-role", r->share_role_ppm);
	bh_put(t, "}\n");
}

static void put_suppress(struct bh_text *t, const struct bh_suppress *s)
{
	bh_putf(t, "  - detector: %s\n", s->detector);
	if (s->source.n) {
		bh_put(t, "    source: ");
		put_nets(t, &s->source);
		bh_put(t, "\n");
	}
	if (s->target.n) {
		bh_put(t, "    target: ");
		put_nets(t, &s->target);
		bh_put(t, "\n");
	}
	if (s->account[0]) {
		bh_put(t, "    account: ");
		put_text(t, s->account);
		bh_put(t, "\n");
	}
	bh_put(t, "    since: ");
	bh_put_date(s->since, t);
	bh_put(t, "\n    until: ");
	bh_put_date(s->until, t);
	bh_putf(t, "\n    owner: %s\n", s->owner);
	if (s->approver[0])
		bh_putf(t, "    approved-by: %s\n", s->approver);
	bh_put(t, "    reason: ");
	put_text(t, s->reason);
	bh_put(t, "\n");
}

void bh_policy_print(const struct bh_policy *p, struct bh_text *t)
{
	bh_put(t, "version: 1\n");
	if (p->site[0]) {
		bh_put(t, "site: ");
		put_text(t, p->site);
		bh_put(t, "\n");
	}
	bh_put(t, "\nzones:\n");
	for (size_t i = 0; i < p->n_zones; i++)
		put_zone(t, &p->zones[i]);
	bh_put(t, p->n_hosts ? "\nhosts:\n" : "");
	for (size_t i = 0; i < p->n_hosts; i++)
		put_host(t, &p->hosts[i]);
	bh_put(t, p->n_conduits ? "\nconduits:\n" : "");
	for (size_t i = 0; i < p->n_conduits; i++)
		put_conduit(t, p, &p->conduits[i]);
	bh_put(t, p->n_pins ? "\npins:\n" : "");
	for (size_t i = 0; i < p->n_pins; i++)
		put_pin(t, &p->pins[i]);
	bh_put(t, p->n_remedies ? "\nremedy:\n" : "");
	for (size_t i = 0; i < p->n_remedies; i++) {
		bh_put(t, "  - {to: ");
		put_net(t, &p->remedies[i].to);
		bh_put(t, ", allow: ");
		bh_policy_put_svcs(&p->remedies[i].allow, t);
		bh_put(t, "}\n");
	}
	if (p->dark.n) {
		bh_put(t, "\ndark: ");
		put_nets(t, &p->dark);
		bh_put(t, "\n");
	}
	bh_put(t, p->n_suppresses ? "\nsuppress:\n" : "");
	for (size_t i = 0; i < p->n_suppresses; i++)
		put_suppress(t, &p->suppresses[i]);
	bh_put(t, p->n_canaries ? "\ncanaries:\n" : "");
	for (size_t i = 0; i < p->n_canaries; i++) {
		bh_put(t, "  - {share: ");
		put_text(t, p->canaries[i].share);
		bh_put(t, ", path: ");
		put_text(t, p->canaries[i].path);
		if (p->canaries[i].hosts.n) {
			bh_put(t, ", host: ");
			put_nets(t, &p->canaries[i].hosts);
		}
		bh_put(t, "}\n");
	}
	if (p->management.from.n) {
		bh_put(t, "\nmanagement: {from: ");
		put_nets(t, &p->management.from);
		bh_put(t, ", allow: ");
		bh_policy_put_svcs(&p->management.allow, t);
		bh_put(t, "}\n");
	}
	put_response(t, &p->response);
}
