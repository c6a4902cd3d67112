/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The language as one table: every construct, key, type, range and sentence of help. bind.c walks
 * it to load and check a text and again to print the JSON Schema, so an editor and the loader
 * cannot disagree. The order of the root's fields is the order of loading: names are known before
 * they are used, wherever they stand in the file.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

#define PROBE_EVERY BH_MIN(10)
#define PROBE_EVERY_MIN BH_SEC(10)
#define PROBE_PURDUE 3
#define AT(s, m) .off = offsetof(struct s, m), .size = sizeof(((struct s *)0)->m)
#define SHAPE(w, f, ...)                                                                           \
	{                                                                                          \
		.what = w, .fields = f, .n = BH_COUNT(f), __VA_ARGS__                              \
	}

/* room for one more of p->what, with its node kept beside it */
#define ADD(l, array, at_array, limit, word, node)                                                 \
	do {                                                                                       \
		struct bh_policy *pol = (l)->p;                                                    \
		if (pol->n_##array >= (limit)) {                                                   \
			if (pol->n_##array == (limit))                                             \
				bh_diag((l)->d, BH_DIAG_ERROR, (node)->at, "more than %u %ss",     \
					(unsigned)(limit), word);                                  \
			return NULL;                                                               \
		}                                                                                  \
		if (!bh_load_grow(l, &pol->array, pol->n_##array, &(l)->cap_##array,               \
			    sizeof *pol->array) ||                                                 \
			!bh_load_grow(l, &(l)->at_array, pol->n_##array, &(l)->cap_##at_array,     \
				sizeof *(l)->at_array))                                            \
			return NULL;                                                               \
		(l)->at_array[pol->n_##array] = (node);                                            \
	} while (0)

static void *add_service(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	struct bh_service_in *s;
	char word[BH_NAME];

	if (!bh_load_name(l, name, "service", word))
		return NULL;
	if (bh_service_find(word)) {
		bh_diag(l->d, BH_DIAG_ERROR, name->at,
			"service '%s' is built in; choose another name", word);
		return NULL;
	}
	if (l->n_services >= BH_MAX_SERVICES) {
		bh_diag(l->d, BH_DIAG_ERROR, name->at, "more than %d services", BH_MAX_SERVICES);
		return NULL;
	}
	if (!bh_load_grow(l, &l->services, l->n_services, &l->cap_services, sizeof *l->services))
		return NULL;
	s = &l->services[l->n_services++];
	bh_strcpy(s->name, sizeof s->name, word);
	return s;
}

static void *add_zone(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	char word[BH_NAME];
	struct bh_zone *z;

	if (!bh_load_name(l, name, "zone", word))
		return NULL;
	ADD(l, zones, zone_at, BH_MAX_ZONES, "zone", at);
	z = &l->p->zones[l->p->n_zones++];
	bh_strcpy(z->name, sizeof z->name, word);
	z->pos = name->at.pos;
	return z;
}

static void end_probe(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_probe *p = elem;

	if (!p->names && !p->dhcp)
		bh_diag(l->d, BH_DIAG_ERROR, at->at,
			"a probe that asks nothing; give it 'names: true', 'dhcp: true' or both, or "
			"remove it");
	if (p->every && p->every < PROBE_EVERY_MIN)
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "every"),
			"'every' is 10s or more: a zone is asked, not flooded");
	if (!p->every)
		p->every = PROBE_EVERY;
}

/* Only where an engineer has said that no machine hangs on what it is asked, and where the frames leave by an interface of the
 * zone alone. */
static void check_probe(struct bh_load *l, const struct bh_zone *z, const struct bh_node *at)
{
	struct bh_mark mark = bh_node_mark(at, "probe");

	if (z->ot)
		bh_diag(l->d, BH_DIAG_ERROR, mark,
			"zone '%s' is operational technology; devices there are never asked, a "
			"controller may stop over a frame it does not expect",
			z->name);
	else if (z->purdue < PROBE_PURDUE)
		bh_diag(l->d, BH_DIAG_ERROR, mark,
			"only zones of purdue 3 and above are probed, '%s' is %s; below it "
			"controllers listen",
			z->name, bh_node_get(at, "purdue") ? "lower" : "of no level yet");
	if (!z->n_interfaces)
		bh_diag(l->d, BH_DIAG_ERROR, mark,
			"zone '%s' has a probe and no interfaces; name those by which it is asked",
			z->name);
	if (z->vlans.n)
		bh_diag(l->d, BH_DIAG_ERROR, mark,
			"zone '%s' has a VLAN, and a probe leaves without its tag; give the zone "
			"the VLAN's own interface in place of 'vlan'",
			z->name);
}

static void end_zone(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_zone *z = elem;

	if (!bh_node_get(at, "networks") && !bh_node_get(at, "interfaces"))
		bh_diag(l->d, BH_DIAG_ERROR, (struct bh_mark){z->pos, strlen(z->name)},
			"zone '%s' has no networks and no interfaces; nothing can belong to it",
			z->name);
	else if (!bh_node_get(at, "networks"))
		bh_diag(l->d, BH_DIAG_WARNING, (struct bh_mark){z->pos, strlen(z->name)},
			"zone '%s' has only interfaces: conduits and pins go by address and cannot "
			"reach it; add its networks",
			z->name);
	if (z->vlans.n && !bh_node_get(at, "networks"))
		bh_diag(l->d, BH_DIAG_ERROR, (struct bh_mark){z->pos, strlen(z->name)},
			"zone '%s' has a VLAN and no networks: its frames are known by their source",
			z->name);
	if (bh_node_get(at, "probe"))
		check_probe(l, z, at);
}

static void *add_host(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	char word[BH_NAME];
	struct bh_phost *h;

	if (!bh_load_name(l, name, "host", word))
		return NULL;
	ADD(l, hosts, host_at, BH_MAX_HOSTS, "host", at);
	h = &l->p->hosts[l->p->n_hosts++];
	bh_strcpy(h->name, sizeof h->name, word);
	h->pos = name->at.pos;
	return h;
}

static void end_host(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_phost *h = elem;

	if (!bh_node_get(at, "addresses") && !bh_node_get(at, "mac"))
		bh_diag(l->d, BH_DIAG_ERROR, (struct bh_mark){h->pos, strlen(h->name)},
			"host '%s' has neither addresses nor mac; nothing could recognise it",
			h->name);
}

static void *add_conduit(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	struct bh_conduit *c;

	ADD(l, conduits, conduit_at, BH_MAX_CONDUITS, "conduit", at);
	c = &l->p->conduits[l->p->n_conduits++];
	c->from = c->to = BH_ZONE_NONE;
	c->pos = bh_node_mark(at, "name").pos;
	l->errors_before = l->d->errors;
	return c;
}

/* a conduit that could not be read as a whole is not compared with others: it would look wider than
 * it was meant */
static void end_conduit(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_conduit *c = elem;

	if (l->d->errors > l->errors_before)
		c->allow.n = 0;
}

static void end_breaker(struct bh_load *l, void *elem, const struct bh_node *at)
{
	const struct bh_breaker *b = elem;

	if (!b->admin_off && !b->pins_only)
		bh_diag(l->d, BH_DIAG_ERROR, at->at,
			"a breaker that never acts; give 'admin-off' or 'pins-only' a response");
	else if (b->admin_off && b->pins_only && b->admin_off >= b->pins_only)
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "admin-off"),
			"'pins-only: %s' closes all of it no later than 'admin-off: %s' a part; "
			"admin-off is the milder step and comes first",
			bh_trip_name(b->pins_only), bh_trip_name(b->admin_off));
}

static void end_drawbridge(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_drawbridge *d = elem;

	if (!bh_node_get(at, "days"))
		d->days = 0x7f;
}

static void *add_pin(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	struct bh_pin *pin;

	ADD(l, pins, pin_at, BH_MAX_PINS, "pin", at);
	pin = &l->p->pins[l->p->n_pins++];
	pin->pos = bh_node_mark(at, "name").pos;
	return pin;
}

static void *add_remedy(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	l->remedy = (struct bh_remedy_in){.pos = at->at.pos};
	return &l->remedy;
}

static void *add_suppress(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	struct bh_suppress *s;

	if (l->p->n_suppresses >= BH_MAX_SUPPRESSES) {
		bh_diag(l->d, BH_DIAG_ERROR, at->at, "more than %d suppressions", BH_MAX_SUPPRESSES);
		return NULL;
	}
	if (!bh_load_grow(l, &l->p->suppresses, l->p->n_suppresses, &l->cap_suppresses,
		    sizeof *l->p->suppresses))
		return NULL;
	s = &l->p->suppresses[l->p->n_suppresses++];
	s->pos = at->at.pos;
	return s;
}

/* one line of the file becomes one remedy per address */
static void end_remedy(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_remedy_in *in = elem;
	struct bh_policy *p = l->p;

	for (size_t i = 0; i < in->to.n; i++) {
		struct bh_remedy *r;

		if (p->n_remedies >= BH_MAX_REMEDIES) {
			bh_diag(l->d, BH_DIAG_ERROR, at->at, "more than %d remedies",
				BH_MAX_REMEDIES);
			break;
		}
		if (!bh_load_grow(
			    l, &p->remedies, p->n_remedies, &l->cap_remedies, sizeof *p->remedies))
			break;
		r = &p->remedies[p->n_remedies];
		r->to = in->to.v[i];
		r->pos = in->pos;
		r->allow.v = calloc(in->allow.n + 1, sizeof *r->allow.v);
		if (!r->allow.v) {
			l->error = -ENOMEM;
			break;
		}
		if (in->allow.n)
			memcpy(r->allow.v, in->allow.v, in->allow.n * sizeof *r->allow.v);
		r->allow.n = in->allow.n;
		p->n_remedies++;
	}
	free(in->to.v);
	free(in->allow.v);
	*in = (struct bh_remedy_in){0};
}

static void *add_canary(struct bh_load *l, const struct bh_node *name, const struct bh_node *at)
{
	struct bh_policy *p = l->p;

	if (p->n_canaries >= BH_MAX_CANARIES) {
		if (p->n_canaries == BH_MAX_CANARIES)
			bh_diag(l->d, BH_DIAG_ERROR, at->at, "more than %d canaries",
				BH_MAX_CANARIES);
		return NULL;
	}
	if (!bh_load_grow(l, &p->canaries, p->n_canaries, &l->cap_canaries, sizeof *p->canaries))
		return NULL;
	p->canaries[p->n_canaries].pos = at->at.pos;
	return &p->canaries[p->n_canaries++];
}

static void end_canary(struct bh_load *l, void *elem, const struct bh_node *at)
{
	struct bh_canary *c = elem;

	bh_glob_tidy(c->path);
	if (strpbrk(c->share, "/\\*?"))
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "share"),
			"'%s' is not the name of a share; the folder goes into 'path'", c->share);
	if (strspn(c->path, "*?/") == strlen(c->path) && bh_node_get(at, "path"))
		bh_diag(l->d, BH_DIAG_ERROR, bh_node_mark(at, "path"),
			"every file would be a canary; name one that nobody uses");
}

static void end_management(struct bh_load *l, void *elem, const struct bh_node *at)
{
	l->p->management.pos = at->at.pos;
}

static const struct bh_field service_fields[] = {
	{"", "what the name stands for", &bh_type_services, AT(bh_service_in, allow),
		.required = true},
};
static const struct bh_shape service_shape = SHAPE("service", service_fields, .add = add_service);

static const struct bh_field probe_fields[] = {
	{"names", "names nobody has are asked for, by LLMNR, NetBIOS and mDNS", &bh_type_bool,
		AT(bh_probe, names)},
	{"dhcp", "a DHCP server is looked for; nothing it offers is taken", &bh_type_bool,
		AT(bh_probe, dhcp)},
	{"every", "time between two questions, a fifth more or less; 10m when left out",
		&bh_type_duration, AT(bh_probe, every)},
};
static const struct bh_shape probe_shape = SHAPE("probe", probe_fields, .end = end_probe);

static const struct bh_field zone_fields[] = {
	{"networks", "prefixes that belong to the zone", &bh_type_nets, AT(bh_zone, nets),
		.ref = BH_REFER_ZONE},
	{"interfaces", "interfaces of the enforcer that lead to the zone", &bh_type_interfaces,
		AT(bh_zone, interfaces)},
	{"vlan", "VLAN ids its frames carry on a bridge; others' may not carry them", &bh_type_vlans,
		AT(bh_zone, vlans)},
	{"purdue", "level of the Purdue model", &bh_type_uint, AT(bh_zone, purdue), .max = 5},
	{"critical", "shielded first when something spreads", &bh_type_bool, AT(bh_zone, critical)},
	{"sl-t", "target security level of IEC 62443", &bh_type_uint, AT(bh_zone, sl_t), .max = 4},
	{"ot", "operational technology", &bh_type_bool, AT(bh_zone, ot)},
	{"static", "new devices are unusual here", &bh_type_bool, AT(bh_zone, is_static)},
	{"two-person", "isolation here takes two people", &bh_type_bool, AT(bh_zone, two_person)},
	{"inside", "free: all passes inside the zone; deny: only what conduits to itself allow",
		&bh_type_word, AT(bh_zone, inside), .max = BH_INSIDE_COUNT, .name = bh_inside_name},
	{"probe", "what the sensor asks here, of IT alone; nothing when left out", &bh_type_map,
		AT(bh_zone, probe), .sub = &probe_shape},
};
static const struct bh_shape zone_shape =
	SHAPE("zone", zone_fields, .add = add_zone, .end = end_zone);

static const struct bh_field host_fields[] = {
	{"addresses", "addresses of the host", &bh_type_addrs, AT(bh_phost, addrs),
		.ref = BH_REFER_HOST},
	{"mac", "hardware address, in quotes", &bh_type_mac, AT(bh_phost, mac)},
	{"roles", "what the host is for", &bh_type_words, AT(bh_phost, roles), .max = BH_ROLE_COUNT,
		.name = bh_role_name},
	{"never-isolate", "may not be isolated by anyone", &bh_type_bool,
		AT(bh_phost, never_isolate)},
};
static const struct bh_shape host_shape =
	SHAPE("host", host_fields, .add = add_host, .end = end_host);

static const struct bh_field breaker_fields[] = {
	{"admin-off", "from this response on, no protocol that administers machines", &bh_type_word,
		AT(bh_breaker, admin_off), .max = BH_TRIP_COUNT, .name = bh_trip_name},
	{"pins-only", "from this response on, nothing but pins", &bh_type_word,
		AT(bh_breaker, pins_only), .max = BH_TRIP_COUNT, .name = bh_trip_name},
};
static const struct bh_shape breaker_shape = SHAPE("breaker", breaker_fields, .end = end_breaker);

static const struct bh_field drawbridge_fields[] = {
	{"open", "daily window in local time: 01:00-03:00", &bh_type_window, 0,
		sizeof(struct bh_drawbridge), .required = true},
	{"days", "days on which the window begins; all when left out", &bh_type_words,
		AT(bh_drawbridge, days), .max = 7, .name = bh_day_name},
	{"raise-on", "what closes it early, until the window is over", &bh_type_word,
		AT(bh_drawbridge, raise_on), .max = BH_RAISE_COUNT, .name = bh_raise_name},
};
static const struct bh_shape drawbridge_shape =
	SHAPE("drawbridge", drawbridge_fields, .end = end_drawbridge);

static const struct bh_field conduit_fields[] = {
	{"name", "name of the conduit", &bh_type_name, AT(bh_conduit, name), .required = true},
	{"from", "zone that opens connections", &bh_type_zone, AT(bh_conduit, from),
		.required = true},
	{"to", "zone that is reached", &bh_type_zone, AT(bh_conduit, to), .required = true},
	{"allow", "services that may pass", &bh_type_services, AT(bh_conduit, allow),
		.required = true},
	{"apps", "applications the traffic must turn out to be", &bh_type_apps,
		AT(bh_conduit, apps)},
	{"from-hosts", "only these open connections", &bh_type_ends, AT(bh_conduit, from_hosts),
		.ref = BH_REFER_CONDUIT_FROM},
	{"to-hosts", "only these are reached", &bh_type_ends, AT(bh_conduit, to_hosts),
		.ref = BH_REFER_CONDUIT_TO},
	{"breaker", "what of it closes when a host at either end is shielded, contained or isolated",
		&bh_type_map, AT(bh_conduit, breaker), .sub = &breaker_shape},
	{"drawbridge", "closed except in these hours", &bh_type_map, AT(bh_conduit, drawbridge),
		.sub = &drawbridge_shape},
};
static const struct bh_shape conduit_shape =
	SHAPE("conduit", conduit_fields, .add = add_conduit, .end = end_conduit);

static const struct bh_field pin_fields[] = {
	{"name", "name of the pin", &bh_type_name, AT(bh_pin, name), .required = true},
	{"from", "who opens the connection", &bh_type_ends, AT(bh_pin, from), .required = true,
		.ref = BH_REFER_PIN_FROM},
	{"to", "who is reached", &bh_type_ends, AT(bh_pin, to), .required = true,
		.ref = BH_REFER_PIN_TO},
	{"allow", "services that always pass", &bh_type_services, AT(bh_pin, allow),
		.required = true},
	{"reason", "why a life or a safety function depends on it", &bh_type_text,
		AT(bh_pin, reason), .required = true},
};
static const struct bh_shape pin_shape = SHAPE("pin", pin_fields, .add = add_pin);

static const struct bh_field remedy_fields[] = {
	{"to", "what an isolated host may still reach", &bh_type_ends, AT(bh_remedy_in, to),
		.required = true, .ref = BH_REFER_REMEDY},
	{"allow", "services it may use there", &bh_type_services, AT(bh_remedy_in, allow),
		.required = true},
};
static const struct bh_shape remedy_shape =
	SHAPE("remedy", remedy_fields, .add = add_remedy, .end = end_remedy);

static const struct bh_field suppress_fields[] = {
	{"detector", "whose findings: a name from bulkhead detectors", &bh_type_name,
		AT(bh_suppress, detector), .required = true},
	{"source", "only about these hosts", &bh_type_ends, AT(bh_suppress, source),
		.ref = BH_REFER_SUPPRESS},
	{"target", "only where these are reached", &bh_type_ends, AT(bh_suppress, target),
		.ref = BH_REFER_SUPPRESS},
	{"account", "only with this account, as the alert writes it", &bh_type_text,
		AT(bh_suppress, account)},
	{"since", "first day, UTC", &bh_type_date, AT(bh_suppress, since), .required = true},
	{"until", "last day, UTC; at most 180 days later", &bh_type_date, AT(bh_suppress, until),
		.required = true},
	{"owner", "who answers for it", &bh_type_name, AT(bh_suppress, owner), .required = true},
	{"approved-by", "a second person; detectors that isolate alone ask for one", &bh_type_name,
		AT(bh_suppress, approver)},
	{"reason", "why it is no attack", &bh_type_text, AT(bh_suppress, reason), .required = true},
};
static const struct bh_shape suppress_shape =
	SHAPE("suppression", suppress_fields, .add = add_suppress, .end = bh_end_suppress);
static const struct bh_field canary_fields[] = {
	{"share", "share that holds it", &bh_type_text, AT(bh_canary, share), .required = true},
	{"path", "path inside the share; * and ? within a folder, ** across folders", &bh_type_text,
		AT(bh_canary, path), .required = true},
	{"host", "servers that hold it; any when left out", &bh_type_ends, AT(bh_canary, hosts),
		.ref = BH_REFER_CANARY},
};
static const struct bh_shape canary_shape =
	SHAPE("canary", canary_fields, .add = add_canary, .end = end_canary);

static const struct bh_field management_fields[] = {
	{"from", "who manages the enforcer", &bh_type_ends, AT(bh_management, from),
		.required = true, .ref = BH_REFER_MANAGEMENT},
	{"allow", "services they use on it", &bh_type_services, AT(bh_management, allow),
		.required = true},
};
static const struct bh_shape management_shape =
	SHAPE("management", management_fields, .end = end_management);

static const struct bh_field ttl_fields[] = {
	{"shield", "a shield around a critical zone", &bh_type_duration,
		AT(bh_response, ttl_shield)},
	{"contain", "closing admin protocols of a host", &bh_type_duration,
		AT(bh_response, ttl_contain)},
	{"isolate", "isolation of a host", &bh_type_duration, AT(bh_response, ttl_isolate)},
};
static const struct bh_shape ttl_shape = SHAPE("ttl", ttl_fields);

static const struct bh_field budget_fields[] = {
	{"burst", "isolations at once", &bh_type_uint, AT(bh_response, burst), .max = 1000},
	{"per-hour", "isolations in an hour", &bh_type_uint, AT(bh_response, per_hour),
		.max = 10000},
	{"share-of-zone", "largest part of a zone's hosts isolated at once", &bh_type_share,
		AT(bh_response, share_zone_ppm)},
	{"share-of-role", "largest part of a role's hosts isolated at once", &bh_type_share,
		AT(bh_response, share_role_ppm)},
};
static const struct bh_shape budget_shape = SHAPE("budget", budget_fields);

static const struct bh_field response_fields[] = {
	{"mode", "observe: count only; ask: propose; auto: act", &bh_type_word,
		AT(bh_response, mode), .max = BH_MODE_COUNT, .name = bh_mode_name},
	{"profile", "how far automatic action goes", &bh_type_word, AT(bh_response, profile),
		.max = BH_PROFILE_COUNT, .name = bh_profile_name},
	{"ttl", "how long each action lasts", &bh_type_map, 0, 0, .sub = &ttl_shape},
	{"budget", "how much may be cut", &bh_type_map, 0, 0, .sub = &budget_shape},
};
static const struct bh_shape response_shape = SHAPE("response", response_fields);

static const struct bh_field root_fields[] = {
	{"version", "version of the language", &bh_type_version, 0, 0, .required = true},
	{"site", "name of the site", &bh_type_text, AT(bh_policy, site)},
	{"services", "names for ports", &bh_type_named, 0, 0, .sub = &service_shape},
	{"zones", "groups of networks; between them only conduits and pins pass", &bh_type_named, 0,
		0, .required = true, .sub = &zone_shape},
	{"hosts", "hosts worth a name", &bh_type_named, 0, 0, .sub = &host_shape},
	{"conduits", "what may cross from one zone to another", &bh_type_list, 0, 0,
		.sub = &conduit_shape},
	{"pins", "exact flows that nothing may cut", &bh_type_list, 0, 0, .sub = &pin_shape},
	{"remedy", "what an isolated host may still reach", &bh_type_list, 0, 0,
		.sub = &remedy_shape},
	{"dark", "addresses nobody has: who reaches for them is told", &bh_type_nets,
		AT(bh_policy, dark), .ref = BH_REFER_DARK},
	{"suppress", "findings an owner answers for, until a day", &bh_type_list, 0, 0,
		.sub = &suppress_shape},
	{"canaries", "files that nobody has reason to change", &bh_type_list, 0, 0,
		.sub = &canary_shape},
	{"management", "who is never locked out of the enforcer", &bh_type_map,
		AT(bh_policy, management), .sub = &management_shape},
	{"response", "how far Bulkhead goes by itself", &bh_type_map, AT(bh_policy, response),
		.sub = &response_shape},
};
const struct bh_shape bh_root_shape = SHAPE("policy", root_fields);
