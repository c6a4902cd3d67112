/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Orders: what was asked of the kernel, for which device, until when, by whom. An order holds all cuts of one device - every
 * address its MAC carried, and the MAC - so that a host cannot step aside into its other family. Only the kernel's answer
 * makes an order applied; only time, an operator or the kernel's refusal ends it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "decide/inside.h"

const char *bh_verb_name(unsigned verb)
{
	static const char *const n[] = {"none", "proposed", "requested", "applied", "refused", "released", "expired", "reverted"};

	return n[verb < BH_COUNT(n) ? verb : 0];
}

const char *bh_core_refusal_name(unsigned code)
{
	static const char *const n[] = {"core", "budget", "role", "attribution", "pinned", "unknown", "health"};

	return code < BH_REF_COUNT ? bh_refusal_name(code) : n[code < BH_REF_ALL ? code - BH_REF_CORE : 0];
}

struct bh_record *bh_core_emit(struct bh_core *c, struct bh_out *out, uint8_t kind)
{
	struct bh_record *r;

	if (out->n == BH_OUT_RECORDS) {
		out->dropped++;
		return NULL;
	}
	r = &out->rec[out->n++];
	memset(r, 0, sizeof *r);
	r->kind = kind;
	r->at = c->now;
	return r;
}

void bh_core_action(struct bh_core *c, const struct bh_order *o, unsigned verb, const struct bh_refused *refused, struct bh_out *out)
{
	struct bh_record *r = bh_core_emit(c, out, BH_REC_ACTION);

	if (!r)
		return;
	r->verb = (uint8_t)verb;
	r->order = *o;
	r->incident = o->incident;
	if (refused)
		r->refused = *refused;
	c->n.actions++;
}

bool bh_order_standing(const struct bh_order *o)
{
	return o->state == BH_VERB_REQUESTED || o->state == BH_VERB_APPLIED;
}

struct bh_order *bh_core_order(struct bh_core *c, uint32_t id)
{
	for (size_t i = c->n_orders; id && i-- > 0;)
		if (c->orders[i].id == id)
			return &c->orders[i];
	return NULL;
}

const struct bh_order *bh_core_orders(const struct bh_core *c, size_t *ret_n)
{
	*ret_n = c->n_orders;
	return c->orders;
}

size_t bh_core_standing(const struct bh_core *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_orders; i++)
		if (bh_order_standing(&c->orders[i]))
			n += c->orders[i].n_cuts;
	return n;
}

/* ---- making ---- */
static void add_cut(struct bh_order *o, unsigned what, const struct bh_prefix *net, const struct bh_mac *mac)
{
	struct bh_cut *cut;

	if (o->n_cuts == BH_ORDER_CUTS)
		return;
	cut = &o->cuts[o->n_cuts++];
	memset(cut, 0, sizeof *cut);
	cut->kind = o->kind;
	cut->what = (uint8_t)what;
	cut->ttl = o->ttl;
	if (net)
		cut->net = *net;
	if (mac)
		cut->mac = *mac;
}

static void add_addr(struct bh_order *o, const struct bh_addr *a)
{
	struct bh_prefix p = bh_prefix_host(a);

	for (unsigned i = 0; i < o->n_cuts; i++)
		if (o->cuts[i].what == BH_CUT_ADDR && bh_addr_eq(&o->cuts[i].net.net, a))
			return;
	if (!bh_addr_none(a) && !bh_addr_multicast(a))
		add_cut(o, BH_CUT_ADDR, &p, NULL);
}

bool bh_core_is_self(const struct bh_core *c, const struct bh_addr *a)
{
	for (size_t i = 0; i < c->n_self; i++)
		if (bh_addr_eq(&c->self[i], a))
			return true;
	return false;
}

/*
 * What else the device has, and whether its MAC may be cut. An address only claimed - by ARP, by a forged lease, within the
 * last hour - is not the device's: its owner must not be cut with it, nor the device be spared because its owner must not
 * be. A MAC that speaks for somebody never to be cut, with nobody to contradict, is left alone; the addresses are cut.
 */
static void device(struct bh_core *c, struct bh_order *o)
{
	const struct bh_plan *law = &c->law;
	struct bh_addr addrs[BH_HOST_ADDRS];
	size_t n = bh_state_addrs_of(c->state, &o->mac, addrs);
	bool spared = false;

	for (size_t i = 0; i < n; i++) {
		const struct bh_host *h = bh_state_find(c->state, &addrs[i]);
		bool owns = h && bh_state_owns(h, &o->mac, c->now), never = bh_core_is_self(c, &addrs[i]);

		for (size_t k = 0; k < law->n_never; k++)
			never |= law->never[k].net.bits && bh_prefix_has(&law->never[k].net, &addrs[i]);
		if (owns && h->verified && !bh_core_is_self(c, &addrs[i]))
			add_addr(o, &addrs[i]);
		else if (never && !(h && (h->moved_at || h->conflict_until > c->now)))
			spared = true;
	}
	if (o->kind == BH_CUT_ISOLATE && !spared && !bh_mac_none(&o->mac))
		add_cut(o, BH_CUT_MAC, NULL, &o->mac);
}

/* every address and the MAC of the device behind addr; a router's MAC is left alone */
static void collect(struct bh_core *c, struct bh_order *o, const struct bh_mac *blamed)
{
	const struct bh_phost *d = bh_policy_host_by_addr(c->opts.policy, &o->host);
	struct bh_host *h = bh_state_find(c->state, &o->host);
	struct bh_addr addrs[BH_HOST_ADDRS];
	bool accused = blamed && !bh_mac_none(blamed);

	if (h) {
		if (bh_state_owns(h, &h->mac, c->now) && (d || bh_state_addrs_of(c->state, &h->mac, addrs)))
			o->mac = h->mac;
		bh_strcpy(o->name, sizeof o->name, h->name);
	}
	if (accused)
		o->mac = *blamed;
	/* whoever is accused by MAC may have borrowed the address it spoke from */
	if (!accused || !h || bh_mac_eq(&h->mac, blamed) || (bh_mac_none(&h->mac) && !h->verified && !d))
		add_addr(o, &o->host);
	for (size_t i = 0; d && !accused && i < d->n_addrs && i < BH_HOST_ADDRS; i++)
		add_addr(o, &d->addrs[i]);
	device(c, o);
}

/* pins that go on working; the first one inside a critical zone stands in the way of an isolation */
static int consider_pins(struct bh_core *c, struct bh_order *o, struct bh_refused *r)
{
	const struct bh_policy *p = c->opts.policy;
	char a[BH_PREFIX_TEXT];

	for (size_t i = 0; i < p->n_pins; i++)
		for (unsigned k = 0; k < o->n_cuts; k++) {
			const struct bh_addr *addr = &o->cuts[k].net.net;
			uint16_t z;

			if (o->cuts[k].what == BH_CUT_MAC || !bh_pin_touches(&p->pins[i], &o->cuts[k].net))
				continue;
			z = bh_policy_zone_of(p, addr);
			if (o->kind == BH_CUT_ISOLATE && z != BH_ZONE_NONE && (p->zones[z].critical || p->zones[z].two_person)) {
				memset(r, 0, sizeof *r);
				r->code = BH_REF_PINNED;
				r->pos = p->pins[i].pos;
				snprintf(r->text, sizeof r->text, "%s carries pinned flow \"%s\" in critical zone %s",
					bh_prefix_print(&o->cuts[k].net, a), p->pins[i].name, p->zones[z].name);
				return 1;
			}
			if (o->n_pins < BH_ORDER_PINS)
				o->pins[o->n_pins++] = (uint32_t)i;
			break;
		}
	return 0;
}

static int guard(struct bh_core *c, struct bh_order *o, struct bh_refused *r)
{
	struct bh_plan law = c->law;

	/* observe and ask preview the cut as if it were made: the mode itself is not what stands in the way */
	law.mode = BH_MODE_AUTO;
	if (o->n_cuts == 0) {
		memset(r, 0, sizeof *r);
		r->code = BH_REF_ATTRIBUTION;
		bh_strcpy(r->text, sizeof r->text, "no address is certainly this device's; name the address to cut");
		return 1;
	}
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (bh_plan_guard(&law, &o->cuts[i], bh_core_standing(c), c->self, c->n_self, r))
			return 1;
	return consider_pins(c, o, r);
}

int bh_order_for_host(struct bh_core *c, const struct bh_addr *addr, const struct bh_mac *mac, unsigned kind, bh_ns ttl,
	struct bh_order *ret_order, struct bh_refused *ret_refused)
{
	struct bh_order *o = ret_order;

	memset(o, 0, sizeof *o);
	o->kind = (uint8_t)kind;
	o->host = *addr;
	o->ttl = ttl;
	o->at = c->now;
	o->until = c->now + ttl;
	collect(c, o, mac);
	return guard(c, o, ret_refused);
}

static void forget_one(struct bh_core *c)
{
	for (size_t i = 0; i < c->n_orders; i++)
		if (!bh_order_standing(&c->orders[i])) {
			memmove(&c->orders[i], &c->orders[i + 1], (c->n_orders - i - 1) * sizeof *c->orders);
			c->n_orders--;
			return;
		}
}

void bh_core_place(struct bh_core *c, const struct bh_order *o, struct bh_out *out)
{
	struct bh_order *n;

	if (c->n_orders == ORDERS)
		forget_one(c);
	if (c->n_orders == ORDERS)
		return; /* the guard's quota is lower: every slot standing cannot happen */
	n = &c->orders[c->n_orders++];
	*n = *o;
	n->id = c->next_order++;
	n->state = BH_VERB_REQUESTED;
	for (unsigned i = 0; i < n->n_cuts; i++) {
		n->cuts[i].order = n->id;
		bh_strcpy(n->cuts[i].because, sizeof n->cuts[i].because, n->because);
	}
	c->law_dirty = true;
	bh_core_action(c, n, BH_VERB_REQUESTED, NULL, out);
}

/* ---- ending ---- */
static void end_order(struct bh_core *c, struct bh_order *o, unsigned verb)
{
	struct bh_host *h = bh_state_find(c->state, &o->host);

	o->state = (uint8_t)verb;
	c->law_dirty = true;
	if (!h)
		return;
	if (h->ledger.isolate_order == o->id)
		h->ledger.isolate_order = 0;
	if (h->ledger.shield_order == o->id)
		h->ledger.shield_order = 0;
	if (verb == BH_VERB_EXPIRED || verb == BH_VERB_RELEASED)
		h->ledger.asked = h->ledger.refused = 0; /* what comes after is a new question */
	if (verb == BH_VERB_RELEASED) {
		/* a person has looked: what was held against the host until then is settled, or it would be cut again at once */
		memset(h->ledger.fam, 0, sizeof h->ledger.fam);
		h->ledger.best_item = 0;
	}
}

void bh_core_expire(struct bh_core *c, struct bh_out *out)
{
	/* half the records stay free for what this event itself brings; the rest expires at the next one */
	for (size_t i = 0; i < c->n_orders && out->n < BH_OUT_RECORDS / 2; i++) {
		struct bh_order *o = &c->orders[i];

		if (!bh_order_standing(o) || o->until > c->now)
			continue;
		end_order(c, o, BH_VERB_EXPIRED);
		bh_core_action(c, o, BH_VERB_EXPIRED, NULL, out);
	}
}

void bh_core_kernel(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_kernel *k = &ev->u.kernel;
	struct bh_order *o = bh_core_order(c, k->order);
	struct bh_refused r = {.code = BH_REF_CORE};

	if (k->what == BH_KER_LAW) {
		struct bh_order law = {.at = c->now, .by = "operator", .because = "policy"};

		bh_strcpy(law.reason, sizeof law.reason, k->text);
		bh_core_action(c, &law, BH_VERB_APPLIED, NULL, out);
		return;
	}
	if (k->what == BH_KER_DRIFT || k->what == BH_KER_REPAIRED) {
		struct bh_order law = {.at = c->now};

		snprintf(law.by, sizeof law.by, "%.15s pid %u", k->prog[0] ? k->prog : "unknown", k->pid);
		bh_strcpy(law.reason, sizeof law.reason, k->text);
		bh_strcpy(law.because, sizeof law.because, "drift");
		bh_core_action(c, &law, BH_VERB_REVERTED, NULL, out);
		return;
	}
	if (!o)
		return;
	switch (k->what) {
	case BH_KER_APPLIED:
		if (o->state != BH_VERB_REQUESTED)
			return;
		o->state = BH_VERB_APPLIED;
		o->us = k->us;
		bh_core_action(c, o, BH_VERB_APPLIED, NULL, out);
		break;
	case BH_KER_REFUSED:
	case BH_KER_FAILED:
		bh_strcpy(r.text, sizeof r.text, k->text);
		end_order(c, o, BH_VERB_REFUSED);
		bh_core_action(c, o, BH_VERB_REFUSED, &r, out);
		break;
	}
}

/* ---- operators ---- */
static int unknown(struct bh_refused *r, const char *target)
{
	memset(r, 0, sizeof *r);
	r->code = BH_REF_UNKNOWN;
	snprintf(r->text, sizeof r->text, "'%.60s' is no address, MAC, known host or zone:NAME", target);
	return 1;
}

static int ambiguous(struct bh_refused *r, const struct bh_host *a, const struct bh_host *b)
{
	char x[BH_ADDR_TEXT], y[BH_ADDR_TEXT];

	memset(r, 0, sizeof *r);
	r->code = BH_REF_UNKNOWN;
	snprintf(r->text, sizeof r->text, "'%.31s' is what both %s and %s call themselves; name the address", a->name, bh_addr_print(&a->addr, x),
		bh_addr_print(&b->addr, y));
	return 1;
}

static int zone_order(struct bh_core *c, const char *name, unsigned kind, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	uint16_t z = bh_policy_zone_by_name(c->opts.policy, name);
	const struct bh_zone *zone;

	if (z == BH_ZONE_NONE)
		return unknown(r, name);
	zone = &c->opts.policy->zones[z];
	memset(o, 0, sizeof *o);
	o->kind = (uint8_t)kind;
	o->ttl = ttl;
	o->at = c->now;
	o->until = c->now + ttl;
	snprintf(o->name, sizeof o->name, "zone:%.26s", zone->name);
	for (size_t i = 0; i < zone->nets.n; i++)
		add_cut(o, BH_CUT_NET, &zone->nets.v[i], NULL);
	if (zone->nets.n > BH_ORDER_CUTS || zone->nets.n == 0) {
		r->code = BH_REF_WIDTH;
		snprintf(r->text, sizeof r->text, "zone %s has %zu networks; one order holds 1 to %d", zone->name, zone->nets.n, BH_ORDER_CUTS);
		return 1;
	}
	return guard(c, o, r);
}

int bh_core_preview(struct bh_core *c, const char *target, unsigned verb, bh_ns ttl, bh_ns now, struct bh_order *ret_order,
	struct bh_refused *ret_refused)
{
	unsigned kind = verb == BH_CMD_SHIELD ? BH_CUT_SHIELD : BH_CUT_ISOLATE;
	struct bh_addr a, addrs[BH_HOST_ADDRS];
	const struct bh_host *named = NULL;
	const struct bh_phost *d;
	struct bh_mac m;
	size_t n;

	memset(ret_order, 0, sizeof *ret_order);
	memset(ret_refused, 0, sizeof *ret_refused);
	if (now > c->now)
		c->now = now;
	if (!ttl)
		ttl = kind == BH_CUT_SHIELD ? c->opts.policy->response.ttl_shield : c->opts.policy->response.ttl_isolate;
	if (strncmp(target, "zone:", 5) == 0)
		return zone_order(c, target + 5, kind, ttl, ret_order, ret_refused);
	if (bh_addr_parse(target, strlen(target), &a) == 0)
		return bh_order_for_host(c, &a, NULL, kind, ttl, ret_order, ret_refused);
	if (bh_mac_parse(target, strlen(target), &m) == 0) {
		/* the address it certainly has gives the order its name; one it only claimed does not */
		memset(&a, 0, sizeof a);
		n = bh_state_addrs_of(c->state, &m, addrs);
		for (size_t i = 0; i < n && bh_addr_none(&a); i++) {
			const struct bh_host *h = bh_state_find(c->state, &addrs[i]);

			if (h && h->verified && bh_state_owns(h, &m, c->now))
				a = addrs[i];
		}
		return bh_order_for_host(c, &a, &m, kind, ttl, ret_order, ret_refused);
	}
	d = bh_policy_host_by_name(c->opts.policy, target);
	if (d && d->n_addrs)
		return bh_order_for_host(c, &d->addrs[0], NULL, kind, ttl, ret_order, ret_refused);
	/* what a host calls itself in DHCP is no proof: two of one name are nobody's name */
	for (uint32_t i = 0; target[0] && i < bh_state_slots(c->state); i++) {
		struct bh_host *h = bh_state_slot(c->state, i);

		if (strcmp(h->name, target))
			continue;
		if (named && !bh_mac_eq(&named->mac, &h->mac))
			return ambiguous(ret_refused, named, h);
		named = named ? named : h;
	}
	return named ? bh_order_for_host(c, &named->addr, NULL, kind, ttl, ret_order, ret_refused) : unknown(ret_refused, target);
}

static bool order_matches(struct bh_core *c, const struct bh_order *o, const char *target)
{
	struct bh_order want;
	struct bh_refused r;
	char id[16];

	snprintf(id, sizeof id, "%u", o->id);
	if (strcmp(target, id) == 0)
		return true;
	if (target[strspn(target, "0123456789")] == '\0')
		return false; /* a host that calls itself 17 is not order 17 */
	if (o->name[0] && strcmp(o->name, target) == 0)
		return true;
	(void)!bh_core_preview(c, target, BH_CMD_ISOLATE, BH_SEC(1), c->now, &want, &r);
	for (unsigned i = 0; i < want.n_cuts; i++)
		for (unsigned k = 0; k < o->n_cuts; k++)
			if (want.cuts[i].what == o->cuts[k].what && !memcmp(&want.cuts[i].net, &o->cuts[k].net, sizeof want.cuts[i].net) &&
				bh_mac_eq(&want.cuts[i].mac, &o->cuts[k].mac))
				return true;
	return false;
}

static void release(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	struct bh_refused r;
	bool any = false;

	/* an order that is ended without a record would never be taken out of the kernel */
	for (size_t i = 0; i < c->n_orders && out->n < BH_OUT_RECORDS; i++) {
		struct bh_order *o = &c->orders[i];
		struct bh_order said;

		if (!bh_order_standing(o) || !order_matches(c, o, cmd->target))
			continue;
		any = true;
		end_order(c, o, BH_VERB_RELEASED);
		said = *o;
		bh_strcpy(said.by, sizeof said.by, cmd->by);
		bh_strcpy(said.reason, sizeof said.reason, cmd->reason);
		bh_core_action(c, &said, BH_VERB_RELEASED, NULL, out);
	}
	if (!any) {
		struct bh_order none = {.at = c->now};

		memset(&r, 0, sizeof r);
		r.code = BH_REF_UNKNOWN;
		snprintf(r.text, sizeof r.text, "nothing is isolated or shielded as '%.60s'", cmd->target);
		bh_strcpy(none.by, sizeof none.by, cmd->by);
		bh_core_action(c, &none, BH_VERB_REFUSED, &r, out);
	}
}

void bh_core_command(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	struct bh_refused r;
	struct bh_order o;
	struct bh_host *h;
	int refused;

	if (cmd->verb == BH_CMD_RELEASE) {
		release(c, ev, out);
		return;
	}
	if (cmd->verb == BH_CMD_MODE) {
		c->mode = cmd->mode < BH_MODE_COUNT ? cmd->mode : c->mode;
		c->law.mode = c->mode;
		return;
	}
	if (cmd->verb != BH_CMD_ISOLATE && cmd->verb != BH_CMD_SHIELD)
		return;
	refused = bh_core_preview(c, cmd->target, cmd->verb, cmd->ttl, ev->at, &o, &r);
	bh_strcpy(o.by, sizeof o.by, cmd->by);
	bh_strcpy(o.reason, sizeof o.reason, cmd->reason);
	bh_strcpy(o.because, sizeof o.because, "operator");
	if (!refused && c->mode == BH_MODE_OBSERVE) {
		refused = 1;
		r.code = BH_REF_OBSERVE;
		bh_strcpy(r.text, sizeof r.text, "mode is observe: nothing is cut; change it with `bulkhead mode ask` or `auto`");
	}
	if (refused) {
		c->n.refused++;
		bh_core_action(c, &o, BH_VERB_REFUSED, &r, out);
		return;
	}
	h = bh_state_touch(c->state, &o.host, ev->at);
	bh_core_place(c, &o, out);
	if (h && o.kind == BH_CUT_ISOLATE)
		h->ledger.isolate_order = c->next_order - 1;
	else if (h)
		h->ledger.shield_order = c->next_order - 1;
}

/* ---- the wanted plan ---- */
const struct bh_plan *bh_core_plan(struct bh_core *c)
{
	size_t n = 0, want = bh_core_standing(c);
	struct bh_cut *v;

	if (!c->law_dirty)
		return &c->law;
	v = realloc(c->law.cuts, (want ? want : 1) * sizeof *v);
	if (!v)
		return &c->law;
	for (size_t i = 0; i < c->n_orders; i++)
		for (unsigned k = 0; bh_order_standing(&c->orders[i]) && k < c->orders[i].n_cuts; k++) {
			v[n] = c->orders[i].cuts[k];
			v[n++].ttl = c->orders[i].until > c->now ? c->orders[i].until - c->now : BH_MS(1);
		}
	c->law.cuts = v;
	c->law.n_cuts = n;
	c->law_dirty = false;
	return &c->law;
}

static bool has_cut(const struct bh_order *o, const struct bh_cut *cut)
{
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (o->cuts[i].what == cut->what && !memcmp(&o->cuts[i].net, &cut->net, sizeof cut->net) && bh_mac_eq(&o->cuts[i].mac, &cut->mac))
			return true;
	return false;
}

int bh_core_adopt(struct bh_core *c, const struct bh_cut *cuts, size_t n, bh_ns now)
{
	if (now > c->now)
		c->now = now;
	for (size_t i = 0; i < n; i++) {
		struct bh_order *o = bh_core_order(c, cuts[i].order);
		struct bh_host *h;

		if (!o || !bh_order_standing(o)) {
			if (c->n_orders == ORDERS)
				return -ENOSPC;
			o = &c->orders[c->n_orders++];
			memset(o, 0, sizeof *o);
			o->id = cuts[i].order;
			o->kind = cuts[i].kind;
			o->state = BH_VERB_APPLIED;
			o->at = c->now;
			o->ttl = cuts[i].ttl;
			o->until = c->now + cuts[i].ttl;
			bh_strcpy(o->by, sizeof o->by, "kernel");
			bh_strcpy(o->because, sizeof o->because, cuts[i].because);
			bh_strcpy(o->reason, sizeof o->reason, "found standing in the kernel after a restart");
		}
		if (o->n_cuts < BH_ORDER_CUTS && !has_cut(o, &cuts[i]))
			o->cuts[o->n_cuts++] = cuts[i];
		if (cuts[i].what == BH_CUT_ADDR && bh_addr_none(&o->host)) {
			o->host = cuts[i].net.net;
			h = bh_state_touch(c->state, &o->host, c->now);
			if (h && o->kind == BH_CUT_ISOLATE)
				h->ledger.isolate_order = o->id;
			else if (h)
				h->ledger.shield_order = o->id;
		}
		if (o->id >= c->next_order)
			c->next_order = o->id + 1;
	}
	c->law_dirty = true;
	return 0;
}
