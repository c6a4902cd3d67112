/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks that need the whole policy: one name, one meaning; disjoint zones; conduits that do
 * something; pins that a path can carry; a budget that lets something happen. Each message stands
 * at the item that is wrong and says what to do. Lists are sorted before they are compared, so a
 * large or hostile policy costs n log n.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

struct word_at {
	const char *word;
	struct bh_mark at;
};
struct check {
	struct bh_load *l;
	struct bh_policy *p;
	struct bh_diags *d;
	struct bh_refer *nets; /* networks of zones, sorted */
	size_t n_nets;
};

static bool no_memory(struct check *c)
{
	c->l->error = -ENOMEM;
	return false;
}

static int word_cmp(const void *x, const void *y)
{
	const struct word_at *a = x, *b = y;
	int r = strcmp(a->word, b->word);

	if (r)
		return r;
	if (a->at.pos.line != b->at.pos.line)
		return a->at.pos.line < b->at.pos.line ? -1 : 1;
	return a->at.pos.col < b->at.pos.col ? -1 : a->at.pos.col > b->at.pos.col;
}

/* sorts v; every word given before is an error, fmt takes the word */
static void report_twice(struct check *c, struct word_at *v, size_t n, const char *what)
{
	size_t first = 0;

	qsort(v, n, sizeof *v, word_cmp);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(v[i].word, v[first].word) != 0) {
			first = i;
			continue;
		}
		if (!v[i].word[0])
			continue;
		bh_diag(c->d, BH_DIAG_ERROR, v[i].at, "%s '%s' given twice; names must differ",
			what, v[i].word);
		bh_diag(c->d, BH_DIAG_NOTE, v[first].at, "first given here");
	}
}

static bool check_names(struct check *c)
{
	struct bh_policy *p = c->p;
	size_t n = p->n_conduits > p->n_pins ? p->n_conduits : p->n_pins;
	struct word_at *v = calloc(n + 1, sizeof *v);

	if (!v)
		return no_memory(c);
	for (size_t i = 0; i < p->n_conduits; i++)
		v[i] = (struct word_at){
			p->conduits[i].name, bh_node_mark(c->l->conduit_at[i], "name")};
	report_twice(c, v, p->n_conduits, "conduit");
	for (size_t i = 0; i < p->n_pins; i++)
		v[i] = (struct word_at){p->pins[i].name, bh_node_mark(c->l->pin_at[i], "name")};
	report_twice(c, v, p->n_pins, "pin");
	free(v);
	for (size_t i = 0; i < p->n_hosts; i++) {
		const struct bh_phost *h = &p->hosts[i];
		uint16_t z = bh_policy_zone_by_name(p, h->name);

		if (z == BH_ZONE_NONE)
			continue;
		bh_diag(c->d, BH_DIAG_ERROR, (struct bh_mark){h->pos, strlen(h->name)},
			"'%s' names a zone and a host; rename one", h->name);
		bh_diag(c->d, BH_DIAG_NOTE, (struct bh_mark){p->zones[z].pos, strlen(h->name)},
			"the zone is here");
	}
	return true;
}

static bool check_interfaces(struct check *c)
{
	struct bh_policy *p = c->p;
	struct word_at *v;
	size_t n = 0;

	for (size_t i = 0; i < p->n_zones; i++)
		n += p->zones[i].n_interfaces;
	v = calloc(n + 1, sizeof *v);
	if (!v)
		return no_memory(c);
	n = 0;
	for (size_t i = 0; i < p->n_zones; i++)
		for (size_t k = 0; k < p->zones[i].n_interfaces; k++)
			v[n++] = (struct word_at){p->zones[i].interfaces[k],
				bh_node_mark(c->l->zone_at[i], "interfaces")};
	report_twice(c, v, n, "interface");
	free(v);
	return true;
}

static bool before(struct bh_pos a, struct bh_pos b)
{
	return a.line < b.line || (a.line == b.line && a.col < b.col);
}

static int refer_cmp(const void *x, const void *y)
{
	const struct bh_refer *a = x, *b = y;
	int r = bh_net_cmp(&a->net, &b->net);

	return r ? r : before(a->at.pos, b->at.pos) ? -1 : 1;
}

/* the references of one kind, sorted by address */
static struct bh_refer *sorted(struct check *c, unsigned ref, size_t *ret_n)
{
	struct bh_refer *v;
	size_t n = 0, total = c->l->n_refs > BH_MAX_REFS ? BH_MAX_REFS : c->l->n_refs;

	v = calloc(total + 1, sizeof *v);
	if (!v) {
		no_memory(c);
		return NULL;
	}
	for (size_t i = 0; i < total; i++)
		if (c->l->refs[i].ref == ref)
			v[n++] = c->l->refs[i];
	qsort(v, n, sizeof *v, refer_cmp);
	*ret_n = n;
	return v;
}

static void overlap(struct check *c, const struct bh_refer *outer, const struct bh_refer *inner)
{
	const char *zo = c->p->zones[outer->owner].name, *zi = c->p->zones[inner->owner].name;
	char o[BH_PREFIX_TEXT], i[BH_PREFIX_TEXT];
	bool late = before(outer->at.pos, inner->at.pos);

	bh_prefix_print(&outer->net, o);
	bh_prefix_print(&inner->net, i);
	if (outer->owner == inner->owner) {
		bh_diag(c->d, BH_DIAG_WARNING, inner->at, "%s is already part of %s; remove it", i,
			o);
		return;
	}
	if (bh_net_any(&outer->net) && !bh_net_any(&inner->net))
		return; /* the catch-all: the most specific prefix wins */
	if (late)
		bh_diag(c->d, BH_DIAG_ERROR, inner->at,
			"%s of zone '%s' is inside %s of zone '%s'; zones are disjoint, split one",
			i, zi, o, zo);
	else
		bh_diag(c->d, BH_DIAG_ERROR, outer->at,
			"%s of zone '%s' contains %s of zone '%s'; zones are disjoint, split one",
			o, zo, i, zi);
	bh_diag(c->d, BH_DIAG_NOTE, late ? outer->at : inner->at,
		"the other zone's network is here");
}

static bool check_zones(struct check *c)
{
	uint32_t open = UINT32_MAX, *wider;

	if (!c->p->n_zones && !c->d->errors)
		bh_diag(c->d, BH_DIAG_ERROR, (struct bh_mark){{1, 1}, 1},
			"no zones; a policy divides a network into zones");
	c->nets = sorted(c, BH_REFER_ZONE, &c->n_nets);
	wider = calloc(c->n_nets + 1, sizeof *wider);
	if (!c->nets || !wider) {
		free(wider);
		return no_memory(c);
	}
	for (size_t i = 0; i < c->n_nets; i++) {
		while (open != UINT32_MAX && !bh_net_covers(&c->nets[open].net, &c->nets[i].net))
			open = wider[open];
		wider[i] = open;
		if (open != UINT32_MAX)
			overlap(c, &c->nets[open], &c->nets[i]);
		open = i;
	}
	free(wider);
	return true;
}

/* the zone that holds all of the prefix, or BH_ZONE_NONE */
static uint16_t zone_of_net(const struct check *c, const struct bh_prefix *net)
{
	uint16_t z = bh_policy_zone_of(c->p, &net->net);
	struct bh_prefixes one = {(struct bh_prefix *)net, 1};
	size_t lo = 0, hi = c->n_nets;

	if (z == BH_ZONE_NONE || !bh_nets_cover(&c->p->zones[z].nets, &one))
		return BH_ZONE_NONE;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (bh_net_cmp(&c->nets[mid].net, net) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < c->n_nets && bh_net_covers(net, &c->nets[lo].net); lo++)
		if (c->nets[lo].owner != z)
			return BH_ZONE_NONE; /* a catch-all's prefix with another zone inside */
	return z;
}

static bool check_hosts(struct check *c)
{
	struct bh_policy *p = c->p;
	struct word_at *macs = calloc(p->n_hosts + 1, sizeof *macs);
	char(*text)[BH_MAC_TEXT] = calloc(p->n_hosts + 1, sizeof *text), buf[BH_PREFIX_TEXT];
	size_t n = 0, n_macs = 0;
	struct bh_refer *v = sorted(c, BH_REFER_HOST, &n);

	if (!macs || !text || !v) {
		free(macs);
		free(text);
		free(v);
		return no_memory(c);
	}
	for (size_t i = 0; i < n; i++) {
		bh_prefix_print(&v[i].net, buf);
		if (i && bh_net_cmp(&v[i].net, &v[i - 1].net) == 0) {
			bh_diag(c->d, BH_DIAG_ERROR, v[i].at,
				"address %s is given twice (host '%s')", buf,
				p->hosts[v[i].owner].name);
			bh_diag(c->d, BH_DIAG_NOTE, v[i - 1].at, "first given here (host '%s')",
				p->hosts[v[i - 1].owner].name);
		} else if (bh_policy_zone_of(p, &v[i].net.net) == BH_ZONE_NONE) {
			bh_diag(c->d, BH_DIAG_WARNING, v[i].at, "%s of host '%s' is in no zone",
				buf, p->hosts[v[i].owner].name);
		}
	}
	for (size_t i = 0; i < p->n_hosts; i++) {
		if (bh_mac_none(&p->hosts[i].mac))
			continue;
		bh_mac_print(&p->hosts[i].mac, text[n_macs]);
		macs[n_macs] =
			(struct word_at){text[n_macs], bh_node_mark(c->l->host_at[i], "mac")};
		n_macs++;
	}
	report_twice(c, macs, n_macs, "MAC");
	free(macs);
	free(text);
	free(v);
	return true;
}

static void check_never(struct check *c)
{
	for (size_t i = 0; i < c->p->n_hosts; i++) {
		const struct bh_phost *h = &c->p->hosts[i];
		bool pinned = false;

		for (size_t k = 0; k < h->n_addrs && !pinned; k++)
			pinned = bh_policy_pin_of(c->p, &h->addrs[k]) != NULL;
		if (h->never_isolate && !h->roles && !pinned)
			bh_diag(c->d, BH_DIAG_WARNING,
				bh_node_mark(c->l->host_at[i], "never-isolate"),
				"host '%s' may never be isolated, but has no role and no pin that "
				"says why",
				h->name);
	}
}

static bool apps_cover(const struct bh_conduit *a, const struct bh_conduit *b)
{
	size_t k = 0;

	if (!a->n_apps)
		return true;
	for (size_t i = 0; i < b->n_apps; i++) {
		while (k < a->n_apps && a->apps[k] < b->apps[i])
			k++;
		if (k == a->n_apps || a->apps[k] != b->apps[i])
			return false;
	}
	return b->n_apps > 0;
}

static bool hosts_cover(const struct bh_prefixes *a, const struct bh_prefixes *b)
{
	return !a->n || (b->n && bh_nets_cover(a, b));
}

static bool gated(const struct bh_conduit *c)
{
	return c->breaker.admin_off || c->breaker.pins_only || c->drawbridge.closes;
}

/* a is open whenever b is */
static bool gate_covers(const struct bh_conduit *a, const struct bh_conduit *b)
{
	const struct bh_drawbridge *x = &a->drawbridge, *y = &b->drawbridge;

	if (!gated(a))
		return true;
	return a->breaker.admin_off == b->breaker.admin_off &&
	       a->breaker.pins_only == b->breaker.pins_only && x->opens == y->opens &&
	       x->closes == y->closes && x->days == y->days && x->raise_on == y->raise_on;
}

static bool conduit_covers(const struct bh_conduit *a, const struct bh_conduit *b)
{
	return gate_covers(a, b) && apps_cover(a, b) && bh_svcs_cover(&a->allow, &b->allow) &&
	       hosts_cover(&a->from_hosts, &b->from_hosts) &&
	       hosts_cover(&a->to_hosts, &b->to_hosts);
}

/* b stands after a between the same zones */
static bool report_shadow(struct check *c, uint32_t ia, uint32_t ib)
{
	const struct bh_conduit *a = &c->p->conduits[ia], *b = &c->p->conduits[ib];
	struct bh_mark at = bh_node_mark(c->l->conduit_at[ib], "name");

	if (!a->allow.n || !b->allow.n)
		return false;
	if (!conduit_covers(a, b) && gated(a) && !gated(b) && conduit_covers(b, a)) {
		bh_diag(c->d, BH_DIAG_WARNING, bh_node_mark(c->l->conduit_at[ia], "name"),
			"closing conduit '%s' closes nothing: all of it still passes by '%s'; "
			"narrow '%s'",
			a->name, b->name, b->name);
		bh_diag(c->d, BH_DIAG_NOTE, at, "'%s' is here", b->name);
		return true;
	}
	if (!conduit_covers(a, b))
		return false;
	if (conduit_covers(b, a))
		bh_diag(c->d, BH_DIAG_ERROR, at, "conduit '%s' says the same as '%s'; remove one",
			b->name, a->name);
	else
		bh_diag(c->d, BH_DIAG_WARNING, at,
			"conduit '%s' changes nothing: all of it already passes by '%s'; remove it "
			"or narrow '%s'",
			b->name, a->name, a->name);
	bh_diag(c->d, BH_DIAG_NOTE, bh_node_mark(c->l->conduit_at[ia], "name"), "'%s' is here",
		a->name);
	return true;
}

static void check_pair(struct check *c, const uint32_t *list, size_t n)
{
	if (n > BH_PAIR) {
		bh_diag(c->d, BH_DIAG_ERROR, bh_node_mark(c->l->conduit_at[list[BH_PAIR]], "name"),
			"more than %d conduits between the same two zones; join some", BH_PAIR);
		return;
	}
	for (size_t i = 1; i < n && !bh_diags_full(c->d); i++)
		for (size_t k = 0; k < i; k++)
			if (report_shadow(c, list[k], list[i]))
				break;
}

static bool catch_all(const struct bh_zone *z)
{
	for (size_t i = 0; i < z->nets.n; i++)
		if (bh_net_any(&z->nets.v[i]))
			return true;
	return false;
}

static void check_conduits(struct check *c)
{
	const uint32_t *list;

	for (size_t i = 0; i < c->p->n_conduits; i++) {
		const struct bh_conduit *u = &c->p->conduits[i];
		const struct bh_node *at = c->l->conduit_at[i];
		size_t n;

		if (u->from == BH_ZONE_NONE || u->to == BH_ZONE_NONE)
			continue;
		if (u->from == u->to && c->p->zones[u->to].inside == BH_INSIDE_FREE) {
			bh_diag(c->d, BH_DIAG_ERROR, bh_node_mark(at, "to"),
				"conduit '%s' stays inside zone '%s', where everything passes "
				"already; remove it, or give the zone 'inside: deny'",
				u->name, c->p->zones[u->to].name);
			continue;
		}
		if (c->p->zones[u->to].critical && catch_all(&c->p->zones[u->from]))
			bh_diag(c->d, BH_DIAG_WARNING, bh_node_mark(at, "to"),
				"critical zone '%s' can be reached straight from '%s'; put a zone "
				"between them",
				c->p->zones[u->to].name, c->p->zones[u->from].name);
		n = bh_index_pair(c->p, u->from, u->to, &list);
		if (n > 1 && list[0] == i)
			check_pair(c, list, n);
	}
}

static void check_conduit_end(struct check *c, const struct bh_refer *r)
{
	const struct bh_conduit *u = &c->p->conduits[r->owner];
	uint16_t z = r->ref == BH_REFER_CONDUIT_FROM ? u->from : u->to;
	char buf[BH_PREFIX_TEXT];

	if (z != BH_ZONE_NONE && zone_of_net(c, &r->net) != z)
		bh_diag(c->d, BH_DIAG_ERROR, r->at, "%s is not inside zone '%s'",
			bh_prefix_print(&r->net, buf), c->p->zones[z].name);
}

static void check_refers(struct check *c)
{
	size_t total = c->l->n_refs > BH_MAX_REFS ? BH_MAX_REFS : c->l->n_refs;
	char buf[BH_PREFIX_TEXT];

	for (size_t i = 0; i < total; i++) {
		const struct bh_refer *r = &c->l->refs[i];

		bh_prefix_print(&r->net, buf);
		switch (r->ref) {
		case BH_REFER_CONDUIT_FROM:
		case BH_REFER_CONDUIT_TO:
			check_conduit_end(c, r);
			break;
		case BH_REFER_PIN_FROM:
		case BH_REFER_PIN_TO:
			if (zone_of_net(c, &r->net) == BH_ZONE_NONE)
				bh_diag(c->d, BH_DIAG_ERROR, r->at,
					"no path carries pin '%s': %s is not inside one zone",
					c->p->pins[r->owner].name, buf);
			break;
		case BH_REFER_REMEDY:
			if (zone_of_net(c, &r->net) == BH_ZONE_NONE)
				bh_diag(c->d, BH_DIAG_ERROR, r->at,
					"%s is not inside one zone; an isolated host could not "
					"reach it",
					buf);
			break;
		case BH_REFER_MANAGEMENT:
			if (bh_net_any(&r->net))
				bh_diag(c->d, BH_DIAG_WARNING, r->at,
					"the whole world may manage the enforcer; name a few "
					"addresses");
			break;
		default:
			break;
		}
	}
}

static unsigned families(const struct bh_prefixes *s)
{
	unsigned f = 0;

	for (size_t i = 0; i < s->n; i++)
		f |= bh_prefix_is4(&s->v[i]) ? 1 : 2;
	return f;
}

static void check_pins(struct check *c)
{
	for (size_t i = 0; i < c->p->n_pins; i++) {
		const struct bh_pin *pin = &c->p->pins[i];
		unsigned from = families(&pin->from), to = families(&pin->to);

		if (from && to && !(from & to))
			bh_diag(c->d, BH_DIAG_ERROR, bh_node_mark(c->l->pin_at[i], "to"),
				"no path carries pin '%s': one end is IPv4, the other IPv6",
				pin->name);
		if (pin->allow.n && pin->allow.v[0].proto == 0)
			bh_diag(c->d, BH_DIAG_WARNING, bh_node_mark(c->l->pin_at[i], "allow"),
				"pin '%s' lets everything pass for ever; name the ports",
				pin->name);
	}
}

static void check_response(struct check *c, const struct bh_node *root)
{
	const struct bh_node *resp = bh_node_get(root, "response"),
			     *budget = bh_node_get(resp, "budget");
	const struct bh_response *r = &c->p->response;
	const char *key = r->burst == 0            ? "burst"
			  : r->per_hour == 0       ? "per-hour"
			  : r->share_zone_ppm == 0 ? "share-of-zone"
			  : r->share_role_ppm == 0 ? "share-of-role"
						   : NULL;

	if (key && budget && r->mode == BH_MODE_AUTO)
		bh_diag(c->d, BH_DIAG_ERROR, bh_node_mark(budget, key),
			"'%s: 0' forbids every action, but the mode is auto; raise it or use mode "
			"ask",
			key);
}

void bh_check(struct bh_load *l, const struct bh_node *root)
{
	struct check c = {.l = l, .p = l->p, .d = l->d};

	if (check_names(&c) && check_interfaces(&c) && check_zones(&c) && check_hosts(&c)) {
		check_never(&c);
		check_conduits(&c);
		check_refers(&c);
		check_pins(&c);
		check_response(&c, root);
	}
	free(c.nets);
}
