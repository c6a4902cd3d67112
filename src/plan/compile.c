/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Policy to permits. A zone owns the addresses whose most specific zone prefix is its own, so
 * "internet: 0.0.0.0/0" means everything that is nobody else's; a permit towards it must not open
 * the zones inside it. Each target is therefore carved: cut down to what its zone really owns, as
 * prefixes. What stays inside a zone is free, unless the zone says otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include "box.h"

#define INSIDE                                                                                     \
	"@inside" /* the conduit name of a zone's own traffic; no policy name may start with @ */

struct growing {
	struct bh_plan plan;
	size_t cap_permits, cap_pins, cap_remedies, cap_mgmt;
};

static int room(void **io_v, size_t *io_cap, size_t n, size_t size)
{
	size_t cap = *io_cap ? *io_cap * 2 : 64;
	void *v;

	if (n < *io_cap)
		return 0;
	if (n >= BOX_MAX)
		return -E2BIG;
	v = realloc(*io_v, cap * size);
	if (!v)
		return -ENOMEM;
	*io_v = v;
	*io_cap = cap;
	return 0;
}

static int carve_hole(struct prefix_list *io_list, const struct bh_prefix *hole)
{
	struct prefix_list next = {0};
	bool hit = false;
	int r = 0;

	for (size_t i = 0; i < io_list->n && !hit; i++)
		hit = bh_prefix_overlaps(&io_list->v[i], hole);
	if (!hit)
		return 0;
	for (size_t i = 0; r == 0 && i < io_list->n; i++) {
		if (!bh_prefix_overlaps(&io_list->v[i], hole))
			r = bh_prefix_push(&next, &io_list->v[i]);
		else if (io_list->v[i].bits < hole->bits)
			r = bh_prefix_punch(&next, &io_list->v[i], hole);
		/* else the piece lies within the hole */
	}
	free(io_list->v);
	*io_list = next;
	return r;
}

/* appends the part of target that zone owns through net: a foreign prefix inside net is a hole */
static int carve_net(const struct bh_policy *p, uint16_t zone, const struct bh_prefix *net,
	const struct bh_prefix *target, struct prefix_list *io_list)
{
	struct prefix_list own = {0};
	int r;

	if (!bh_prefix_overlaps(target, net))
		return 0;
	r = bh_prefix_push(&own, target->bits > net->bits ? target : net);
	for (size_t z = 0; r == 0 && z < p->n_zones; z++)
		for (size_t k = 0; r == 0 && z != zone && k < p->zones[z].nets.n; k++)
			if (p->zones[z].nets.v[k].bits > net->bits)
				r = carve_hole(&own, &p->zones[z].nets.v[k]);
	for (size_t k = 0; r == 0 && k < own.n; k++)
		r = bh_prefix_push(io_list, &own.v[k]);
	free(own.v);
	return r;
}

static int carve(const struct bh_policy *p, uint16_t zone, const struct bh_prefixes *targets,
	struct prefix_list *io_list)
{
	const struct bh_prefixes *nets = &p->zones[zone].nets;
	int r = 0;

	for (size_t t = 0; r == 0 && t < targets->n; t++)
		for (size_t i = 0; r == 0 && i < nets->n; i++)
			r = carve_net(p, zone, &nets->v[i], &targets->v[t], io_list);
	return r;
}

int bh_plan_zone_owns(const struct bh_policy *p, uint16_t zone, struct bh_prefixes *ret_own)
{
	struct prefix_list own = {0};
	int r = carve(p, zone, &p->zones[zone].nets, &own);

	if (r < 0) {
		free(own.v);
		return r;
	}
	*ret_own = (struct bh_prefixes){own.v, own.n};
	return 0;
}

static int add_permit(struct growing *g, const struct bh_permit *permit)
{
	struct bh_permit *slot;
	bool ports = permit->proto == 6 || permit->proto == 17;
	int r = room((void **)&g->plan.permits, &g->cap_permits, g->plan.n_permits, sizeof *permit);

	if (r < 0)
		return r;
	slot = &g->plan.permits[g->plan.n_permits++];
	*slot = *permit;
	if (!ports) {
		slot->lo = 0;
		slot->hi = 65535;
	}
	return 0;
}

static bool is_admin(unsigned port)
{
	for (size_t i = 0; i < bh_plan_n_admin_ports; i++)
		if (bh_plan_admin_ports[i] == port)
			return true;
	return false;
}

/* TCP without the ports that administer machines */
static int add_without_admin(struct growing *g, struct bh_permit permit, unsigned lo, unsigned hi)
{
	int r = 0;

	permit.proto = 6;
	for (unsigned at = lo; r == 0 && at <= hi; at++) {
		unsigned from = at;

		while (at <= hi && !is_admin(at))
			at++;
		permit.lo = (uint16_t)from;
		permit.hi = (uint16_t)(at - 1);
		if (at > from)
			r = add_permit(g, &permit);
	}
	return r;
}

/* "any" without admin protocols keeps TCP, UDP and ICMP; what is neither is closed with them */
static int add_service(struct growing *g, const struct bh_permit *permit, unsigned state)
{
	struct bh_permit q = *permit;
	int r;

	if (state != BH_CONDUIT_NO_ADMIN || (permit->proto != 0 && permit->proto != 6))
		return add_permit(g, permit);
	if (permit->proto == 6)
		return add_without_admin(g, q, permit->lo, permit->hi);
	r = add_without_admin(g, q, 0, 65535);
	q.lo = 0;
	q.hi = 65535;
	q.proto = 17;
	if (r == 0)
		r = add_permit(g, &q);
	q.proto = 1;
	return r < 0 ? r : add_permit(g, &q);
}

static int add_conduit(struct growing *g, const struct bh_policy *p, const struct bh_conduit *c,
	size_t index, unsigned state)
{
	const struct bh_prefixes *to = c->to_hosts.n ? &c->to_hosts : &p->zones[c->to].nets;
	static const struct bh_prefix whole;
	struct prefix_list dst = {0};
	size_t n_src = c->from_hosts.n ? c->from_hosts.n : 1;
	int r = state == BH_CONDUIT_CLOSED ? 0 : carve(p, c->to, to, &dst);

	for (size_t s = 0; r == 0 && s < n_src; s++) {
		const struct bh_prefix *src = c->from_hosts.n ? &c->from_hosts.v[s] : &whole;

		for (size_t d = 0; r == 0 && d < dst.n; d++) {
			if (src->bits && bh_prefix_is4(src) != bh_prefix_is4(&dst.v[d]))
				continue;
			for (size_t a = 0; r == 0 && a < c->allow.n; a++) {
				const struct bh_svc *svc = &c->allow.v[a];
				struct bh_permit permit = {.from = c->from,
					.conduit = (uint32_t)index,
					.src = *src,
					.dst = dst.v[d],
					.proto = svc->proto,
					.lo = svc->lo,
					.hi = svc->hi};

				r = add_service(g, &permit, state);
			}
		}
	}
	free(dst.v);
	return r;
}

static int add_inside(struct growing *g, const struct bh_policy *p, uint16_t zone)
{
	struct bh_prefixes own = {0};
	int r = bh_plan_zone_owns(p, zone, &own);

	for (size_t i = 0; r == 0 && i < own.n; i++) {
		struct bh_permit permit = {.from = zone, .conduit = 0, .dst = own.v[i]};

		r = add_permit(g, &permit);
	}
	free(own.v);
	return r;
}

static int add_zones(struct bh_plan *plan, const struct bh_policy *p)
{
	plan->zones = calloc(p->n_zones ? p->n_zones : 1, sizeof *plan->zones);
	if (!plan->zones)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_zones; i++) {
		struct bh_plan_zone *z = &plan->zones[i];
		size_t n = p->zones[i].nets.n;

		plan->n_zones = i + 1;
		memcpy(z->name, p->zones[i].name, sizeof z->name);
		z->critical = p->zones[i].critical;
		z->vlans = p->zones[i].vlans;
		if (n == 0)
			continue;
		z->nets.v = malloc(n * sizeof *z->nets.v);
		if (!z->nets.v)
			return -ENOMEM;
		memcpy(z->nets.v, p->zones[i].nets.v, n * sizeof *z->nets.v);
		z->nets.n = n;
	}
	return 0;
}

static int add_names(struct bh_plan *plan, const struct bh_policy *p)
{
	plan->n_conduit_names = p->n_conduits + 1;
	plan->conduit_names = calloc(plan->n_conduit_names, sizeof *plan->conduit_names);
	if (!plan->conduit_names)
		return -ENOMEM;
	bh_strcpy(plan->conduit_names[0], BH_NAME, INSIDE);
	for (size_t i = 0; i < p->n_conduits; i++)
		memcpy(plan->conduit_names[i + 1], p->conduits[i].name, BH_NAME);
	return 0;
}

static int add_pins(struct growing *g, const struct bh_pin *pin)
{
	struct bh_plan *plan = &g->plan;

	for (size_t f = 0; f < pin->from.n; f++)
		for (size_t t = 0; t < pin->to.n; t++)
			for (size_t a = 0; a < pin->allow.n; a++) {
				const struct bh_svc *svc = &pin->allow.v[a];
				bool ports = svc->proto == 6 || svc->proto == 17;
				struct bh_plan_pin *out;
				int r;

				if (bh_prefix_is4(&pin->from.v[f]) != bh_prefix_is4(&pin->to.v[t]))
					continue;
				r = room((void **)&plan->pins, &g->cap_pins, plan->n_pins,
					sizeof *out);
				if (r < 0)
					return r;
				out = &plan->pins[plan->n_pins++];
				*out = (struct bh_plan_pin){.from = pin->from.v[f],
					.to = pin->to.v[t],
					.proto = svc->proto,
					.lo = ports ? svc->lo : 0,
					.hi = ports ? svc->hi : 65535,
					.pos = pin->pos};
				memcpy(out->name, pin->name, sizeof out->name);
			}
	return 0;
}

static int add_remedy(struct growing *g, const struct bh_remedy *m)
{
	struct bh_plan *plan = &g->plan;

	for (size_t a = 0; a < m->allow.n; a++) {
		const struct bh_svc *svc = &m->allow.v[a];
		int r = room((void **)&plan->remedies, &g->cap_remedies, plan->n_remedies,
			sizeof *plan->remedies);

		if (r < 0)
			return r;
		plan->remedies[plan->n_remedies++] =
			(struct bh_plan_remedy){m->to, svc->proto, svc->lo, svc->hi};
	}
	return 0;
}

static int add_management(struct growing *g, const struct bh_management *m)
{
	struct bh_plan *plan = &g->plan;

	for (size_t f = 0; f < m->from.n; f++)
		for (size_t a = 0; a < m->allow.n; a++) {
			const struct bh_svc *svc = &m->allow.v[a];
			int r = room((void **)&plan->mgmt, &g->cap_mgmt, plan->n_mgmt,
				sizeof *plan->mgmt);

			if (r < 0)
				return r;
			plan->mgmt[plan->n_mgmt++] =
				(struct bh_plan_mgmt){m->from.v[f], svc->proto, svc->lo, svc->hi};
		}
	return 0;
}

/* one never line per address; a host known by its MAC only has one without */
static int add_never(struct bh_plan *plan, const struct bh_policy *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_hosts; i++)
		if (p->hosts[i].never_isolate)
			n += p->hosts[i].n_addrs ? p->hosts[i].n_addrs : 1;
	plan->never = calloc(n ? n : 1, sizeof *plan->never);
	if (!plan->never)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_hosts; i++) {
		const struct bh_phost *h = &p->hosts[i];

		if (!h->never_isolate || (h->n_addrs == 0 && bh_mac_none(&h->mac)))
			continue;
		for (size_t k = 0; k < (h->n_addrs ? h->n_addrs : 1); k++) {
			struct bh_plan_never *out = &plan->never[plan->n_never++];

			memcpy(out->name, h->name, sizeof out->name);
			out->mac = h->mac;
			out->pos = h->pos;
			if (h->n_addrs)
				out->net = bh_prefix_host(&h->addrs[k]);
		}
	}
	return 0;
}

/* How much an owned core could do with this enforcer: four addresses for each device the budget
 * lets it cut at once. */
static void add_limits(struct bh_plan *plan, const struct bh_response *r)
{
	uint64_t hours = (r->ttl_isolate + BH_HOUR(1) - 1) / BH_HOUR(1);
	uint64_t cuts =
		4 * ((uint64_t)r->burst + (uint64_t)r->per_hour * (hours < 168 ? hours : 168));

	plan->max_cuts = (uint32_t)(cuts < 16 ? 16 : cuts > 65536 ? 65536 : cuts);
	plan->max_ttl = BH_HOUR(24);
	if (r->ttl_isolate > plan->max_ttl)
		plan->max_ttl = r->ttl_isolate;
	if (r->ttl_contain > plan->max_ttl)
		plan->max_ttl = r->ttl_contain;
	if (r->ttl_shield > plan->max_ttl)
		plan->max_ttl = r->ttl_shield;
}

int bh_plan_compile(const struct bh_policy *p, uint32_t generation, struct bh_plan *ret_plan)
{
	return bh_plan_compile_as(p, NULL, generation, ret_plan);
}

int bh_plan_compile_as(const struct bh_policy *p, const uint8_t *states, uint32_t generation,
	struct bh_plan *ret_plan)
{
	struct growing g = {.plan = {.generation = generation, .mode = p->response.mode}};
	int r;

	if (generation == 0 || generation > 65535 || p->n_zones > BH_MAX_ZONES ||
		p->n_conduits > BH_MAX_CONDUITS)
		return -EINVAL;
	memcpy(g.plan.policy_file, p->file, sizeof g.plan.policy_file);
	memcpy(g.plan.policy_sha256, p->sha256, sizeof g.plan.policy_sha256);
	add_limits(&g.plan, &p->response);
	r = add_zones(&g.plan, p);
	if (r == 0)
		r = add_names(&g.plan, p);
	for (size_t i = 0; r == 0 && i < p->n_conduits; i++)
		r = add_conduit(&g, p, &p->conduits[i], i + 1,
			states ? states[i] : BH_CONDUIT_NORMAL);
	for (size_t i = 0; r == 0 && i < p->n_zones; i++)
		if (p->zones[i].inside == BH_INSIDE_FREE)
			r = add_inside(&g, p, (uint16_t)i);
	for (size_t i = 0; r == 0 && i < p->n_pins; i++)
		r = add_pins(&g, &p->pins[i]);
	for (size_t i = 0; r == 0 && i < p->n_remedies; i++)
		r = add_remedy(&g, &p->remedies[i]);
	if (r == 0)
		r = add_management(&g, &p->management);
	if (r == 0)
		r = add_never(&g.plan, p);
	if (r == 0)
		r = bh_plan_normalise(&g.plan);
	if (r < 0) {
		bh_plan_fini(&g.plan);
		return r;
	}
	*ret_plan = g.plan;
	return 0;
}
