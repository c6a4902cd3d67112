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
	static const char *const n[] = {"none", "proposed", "requested", "applied", "refused", "released", "expired", "reverted", "ineffective"};

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

bool bh_order_standing(const struct bh_order *o)
{
	return o->state == BH_VERB_REQUESTED || o->state == BH_VERB_APPLIED;
}

bool bh_cut_same(const struct bh_cut *a, const struct bh_cut *b)
{
	return a->kind == b->kind && a->what == b->what && !memcmp(&a->net, &b->net, sizeof a->net) && bh_mac_eq(&a->mac, &b->mac) &&
	       !memcmp(&a->peer, &b->peer, sizeof a->peer) && a->sport == b->sport && a->dport == b->dport && a->proto == b->proto;
}

struct bh_order *bh_order_holding(struct bh_core *c, const struct bh_cut *cut)
{
	struct bh_order *best = NULL;

	for (size_t i = 0; i < c->n_orders; i++) {
		struct bh_order *o = &c->orders[i];

		if (o->kind != cut->kind || !bh_order_standing(o) || (best && o->until <= best->until))
			continue;
		for (unsigned k = 0; k < o->n_cuts; k++)
			if (bh_cut_same(&o->cuts[k], cut))
				best = o;
	}
	return best;
}

bool bh_core_holds(struct bh_core *c, const struct bh_cut *cut)
{
	return bh_order_holding(c, cut) != NULL;
}

/* The kernel has one place for a cut, whoever asked for it: it is told the time of the order that needs it longest. */
void bh_core_wire(struct bh_core *c, struct bh_order *io_order)
{
	for (unsigned i = 0; i < io_order->n_cuts; i++) {
		const struct bh_order *o = bh_order_holding(c, &io_order->cuts[i]);
		bh_ns until = o && o->until > io_order->until ? o->until : io_order->until;

		io_order->cuts[i].ttl = until > c->now ? until - c->now : BH_MS(1);
	}
}

void bh_core_action(struct bh_core *c, const struct bh_order *o, unsigned verb, const struct bh_refused *refused, struct bh_out *out)
{
	struct bh_record *r = bh_core_emit(c, out, BH_REC_ACTION);

	if (!r)
		return;
	r->verb = (uint8_t)verb;
	r->order = *o;
	r->incident = o->incident;
	if (verb == BH_VERB_REQUESTED)
		bh_core_wire(c, &r->order);
	if (refused)
		r->refused = *refused;
	c->n.actions++;
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

size_t bh_core_standing(const struct bh_core *c, unsigned kind)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_orders; i++)
		if (bh_order_standing(&c->orders[i]) && (!kind || c->orders[i].kind == kind))
			n += c->orders[i].n_cuts;
	return n;
}

/* ---- making ---- */
void bh_order_add(struct bh_order *o, unsigned what, const struct bh_prefix *net, const struct bh_mac *mac)
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
		bh_order_add(o, BH_CUT_ADDR, &p, NULL);
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
	const struct bh_device *d = bh_mac_none(&o->mac) ? NULL : bh_devices_find(bh_state_devices(c->state), &o->mac);
	bool spared = d && (d->flags & BH_DEV_ROUTES || d->tags & BH_DEV_T_ROUTER); /* all who are behind it would go with it */

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
		bh_order_add(o, BH_CUT_MAC, NULL, &o->mac);
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
	} else if (d) { /* never seen here, but declared */
		o->mac = d->mac;
		bh_strcpy(o->name, sizeof o->name, d->name);
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

			if (o->cuts[k].what == BH_CUT_MAC || o->cuts[k].what == BH_CUT_FLOW || !bh_pin_touches(&p->pins[i], &o->cuts[k].net))
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

static int full(struct bh_core *c, const struct bh_order *o, struct bh_refused *r)
{
	size_t n = 0, kills = 0;

	for (size_t i = 0; i < c->n_orders; i++) {
		n += bh_order_standing(&c->orders[i]);
		kills += bh_order_standing(&c->orders[i]) && c->orders[i].kind == BH_CUT_KILL;
	}
	if (n < ORDERS && (o->kind != BH_CUT_KILL || kills < ORDERS / 4))
		return 0;
	memset(r, 0, sizeof *r);
	r->code = BH_REF_QUOTA;
	snprintf(r->text, sizeof r->text, "%zu orders stand, %zu of them against single connections: no more fit", n, kills);
	return 1;
}

int bh_order_guard(struct bh_core *c, struct bh_order *o, struct bh_refused *r)
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
		if (bh_plan_guard(&law, &o->cuts[i], bh_core_standing(c, o->kind), c->self, c->n_self, r))
			return 1;
	return full(c, o, r) || consider_pins(c, o, r);
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
	return bh_order_guard(c, o, ret_refused);
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
		return; /* the guard has refused before */
	n = &c->orders[c->n_orders++];
	*n = *o;
	n->id = c->next_order++;
	n->state = BH_VERB_REQUESTED;
	for (unsigned i = 0; i < n->n_cuts; i++) {
		n->cuts[i].order = n->id;
		bh_strcpy(n->cuts[i].because, sizeof n->cuts[i].because, n->because);
	}
	c->law_dirty = c->posture_dirty = true;
	bh_core_action(c, n, BH_VERB_REQUESTED, NULL, out);
	if (n->kind == BH_CUT_ISOLATE || n->kind == BH_CUT_ISLAND)
		bh_posture_raise(c, BH_RAISE_ISOLATE);
}

/* at the end of a step, as far as there is room; the rest at the next one */
void bh_core_again(struct bh_core *c, struct bh_out *out)
{
	bool left = false;

	for (size_t i = 0; c->again && i < c->n_orders; i++) {
		struct bh_order *o = &c->orders[i];

		if (!o->again || !bh_order_standing(o))
			continue;
		if (out->n == BH_OUT_RECORDS) {
			left = true;
			break;
		}
		o->again = false;
		bh_core_action(c, o, BH_VERB_REQUESTED, NULL, out);
	}
	c->again = left;
}

/* ---- ending ---- */
uint32_t *bh_order_slot(struct bh_ledger *l, unsigned kind)
{
	switch (kind) {
	case BH_CUT_ISOLATE:
		return &l->isolate_order;
	case BH_CUT_SHIELD:
		return &l->shield_order;
	case BH_CUT_CONTAIN:
		return &l->contain_order;
	}
	return NULL;
}

void bh_order_end(struct bh_core *c, struct bh_order *o, unsigned verb)
{
	struct bh_host *h = bh_state_find(c->state, &o->host);
	uint32_t *slot = h ? bh_order_slot(&h->ledger, o->kind) : NULL;

	o->state = (uint8_t)verb;
	o->again = false;
	c->law_dirty = c->posture_dirty = true;
	if (!h)
		return;
	if (slot && *slot == o->id) {
		*slot = 0;
		for (size_t i = 0; i < c->n_orders; i++) /* another order may hold the same host */
			if (c->orders[i].kind == o->kind && bh_order_standing(&c->orders[i]) && bh_addr_eq(&c->orders[i].host, &o->host))
				*slot = c->orders[i].id;
	}
	if (verb == BH_VERB_EXPIRED || verb == BH_VERB_RELEASED)
		h->ledger.asked = h->ledger.refused = 0; /* what comes after is a new question */
	if (verb == BH_VERB_RELEASED && o->kind != BH_CUT_KILL) {
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
		bh_order_end(c, o, BH_VERB_EXPIRED);
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
		bh_order_end(c, o, BH_VERB_REFUSED);
		bh_core_action(c, o, BH_VERB_REFUSED, &r, out);
		break;
	}
}

/* ---- the wanted plan ---- */
const struct bh_plan *bh_core_plan(struct bh_core *c)
{
	size_t n = 0, want = bh_core_standing(c, 0);
	struct bh_cut *v;

	if (c->law_stale && bh_posture_compile(c) == 0)
		c->law_stale = false;
	if (!c->law_dirty)
		return &c->law;
	v = realloc(c->law.cuts, (want ? want : 1) * sizeof *v);
	if (!v)
		return &c->law;
	for (size_t i = 0; i < c->n_orders; i++)
		for (unsigned k = 0; bh_order_standing(&c->orders[i]) && k < c->orders[i].n_cuts; k++) {
			if (bh_order_holding(c, &c->orders[i].cuts[k]) != &c->orders[i])
				continue; /* once, as the order has it that needs it longest */
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
		if (bh_cut_same(&o->cuts[i], cut))
			return true;
	return false;
}

int bh_core_adopt(struct bh_core *c, const struct bh_cut *cuts, size_t n, bh_ns now)
{
	bh_core_clock(c, now, true);
	for (size_t i = 0; i < n; i++) {
		struct bh_order *o = bh_core_order(c, cuts[i].order);
		uint32_t *slot;
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
		if ((cuts[i].what == BH_CUT_ADDR || cuts[i].what == BH_CUT_FLOW) && bh_addr_none(&o->host)) {
			o->host = cuts[i].net.net;
			h = bh_state_touch(c->state, &o->host, c->now);
			slot = h ? bh_order_slot(&h->ledger, o->kind) : NULL;
			if (slot)
				*slot = o->id;
		}
		if (o->id >= c->next_order)
			c->next_order = o->id + 1;
	}
	c->law_dirty = c->posture_dirty = true;
	return 0;
}
