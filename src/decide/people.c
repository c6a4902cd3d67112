/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What people order. A command names a target - an address, a network, a MAC, a name, zone:NAME, a conduit, a connection by
 * its first packet - and what is to become of it; the order is made by the same code that previews it, passes the same guard
 * as a rule's, and ends by itself. A release ends it early and leaves alone what another order still holds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "decide/inside.h"

#define KILL_TTL BH_MIN(10)

static int unknown(struct bh_refused *r, const char *target)
{
	memset(r, 0, sizeof *r);
	r->code = BH_REF_UNKNOWN;
	snprintf(r->text, sizeof r->text, "'%.60s' is no address, network, MAC, known host or zone:NAME", target);
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

static void begin(const struct bh_core *c, struct bh_order *o, unsigned kind, bh_ns ttl)
{
	memset(o, 0, sizeof *o);
	o->kind = (uint8_t)kind;
	o->ttl = ttl;
	o->at = c->now;
	o->until = c->now + ttl;
}

/* the zone as it is on the wire: without the zones inside it */
static int zone_order(struct bh_core *c, uint16_t z, unsigned kind, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	struct bh_prefixes own = {0};
	int refused;

	begin(c, o, kind, ttl);
	snprintf(o->name, sizeof o->name, "zone:%.26s", c->opts.policy->zones[z].name);
	if (bh_plan_zone_owns(c->opts.policy, z, &own) < 0)
		own.n = 0;
	refused = bh_order_nets(c, o, own.v, own.n, r);
	free(own.v);
	return refused;
}

static int net_order(struct bh_core *c, const struct bh_prefix *net, unsigned kind, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	char text[BH_PREFIX_TEXT];

	begin(c, o, kind, ttl);
	bh_prefix_print(net, text);
	bh_strcpy(o->name, sizeof o->name, strlen(text) < sizeof o->name ? text : "network");
	return bh_order_nets(c, o, net, 1, r);
}

/* from the addresses of one device to the networks of its zone that hold them, or to the zone */
static int widen(struct bh_core *c, unsigned scope, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	const struct bh_policy *p = c->opts.policy;
	struct bh_prefix nets[BH_ORDER_CUTS];
	struct bh_order host = *o;
	char text[BH_ADDR_TEXT];
	size_t n = 0;

	begin(c, o, host.kind, ttl);
	snprintf(o->name, sizeof o->name, "around %.24s", host.name[0] ? host.name : bh_addr_print(&host.host, text));
	for (unsigned i = 0; i < host.n_cuts; i++) {
		const struct bh_addr *a = &host.cuts[i].net.net;
		uint16_t z = host.cuts[i].what == BH_CUT_ADDR ? bh_policy_zone_of(p, a) : BH_ZONE_NONE;

		if (z == BH_ZONE_NONE)
			continue;
		if (scope == BH_SCOPE_ZONE)
			return zone_order(c, z, host.kind, ttl, o, r);
		for (size_t k = 0; k < p->zones[z].nets.n; k++) {
			const struct bh_prefix *net = &p->zones[z].nets.v[k];

			if (bh_prefix_is4(net) == bh_addr_is4(a) && bh_prefix_has(net, a) && n < BH_COUNT(nets))
				nets[n++] = *net;
		}
	}
	if (n)
		return bh_order_nets(c, o, nets, n, r);
	memset(r, 0, sizeof *r);
	r->code = BH_REF_UNKNOWN;
	bh_strcpy(r->text, sizeof r->text, "no address of it lies in a zone of the policy");
	return 1;
}

int bh_order_for_flow(struct bh_core *c, const struct bh_event *flow, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	const struct bh_policy *p = c->opts.policy;
	struct bh_prefix net = bh_prefix_host(&flow->src);
	struct bh_judgement law;

	begin(c, o, BH_CUT_KILL, ttl ? ttl : KILL_TTL);
	o->host = flow->src;
	bh_order_add(o, BH_CUT_FLOW, &net, NULL);
	o->cuts[0].peer = bh_prefix_host(&flow->dst);
	o->cuts[0].sport = flow->sport;
	o->cuts[0].dport = flow->dport;
	o->cuts[0].proto = flow->proto;
	law = bh_policy_judge(p, &flow->src, &flow->dst, flow->proto, flow->dport);
	if (law.rule == BH_RULE_PIN) {
		memset(r, 0, sizeof *r);
		r->code = BH_REF_PIN;
		r->pos = p->pins[law.index].pos;
		snprintf(r->text, sizeof r->text, "this connection is pinned: \"%s\"", p->pins[law.index].name);
		return 1;
	}
	return bh_order_guard(c, o, r);
}

/* what a host calls itself in DHCP is no proof: two of one name are nobody's name */
static int named_order(struct bh_core *c, const char *name, unsigned kind, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	const struct bh_phost *d = bh_policy_host_by_name(c->opts.policy, name);
	const struct bh_host *named = NULL;

	if (d && d->n_addrs)
		return bh_order_for_host(c, &d->addrs[0], NULL, kind, ttl, o, r);
	for (uint32_t i = 0; name[0] && i < bh_state_slots(c->state); i++) {
		struct bh_host *h = bh_state_slot(c->state, i);

		if (strcmp(h->name, name))
			continue;
		if (named && !bh_mac_eq(&named->mac, &h->mac))
			return ambiguous(r, named, h);
		named = named ? named : h;
	}
	return named ? bh_order_for_host(c, &named->addr, NULL, kind, ttl, o, r) : unknown(r, name);
}

/* the address a MAC certainly has gives the order its name; one it only claimed does not */
static int mac_order(struct bh_core *c, const struct bh_mac *m, unsigned kind, bh_ns ttl, struct bh_order *o, struct bh_refused *r)
{
	struct bh_addr a = {{0}}, addrs[BH_HOST_ADDRS];
	size_t n = bh_state_addrs_of(c->state, m, addrs);

	for (size_t i = 0; i < n && bh_addr_none(&a); i++) {
		const struct bh_host *h = bh_state_find(c->state, &addrs[i]);

		if (h && h->verified && bh_state_owns(h, m, c->now))
			a = addrs[i];
	}
	return bh_order_for_host(c, &a, m, kind, ttl, o, r);
}

static int target_order(struct bh_core *c, const char *target, unsigned kind, bh_ns ttl, unsigned scope, struct bh_order *o,
	struct bh_refused *r)
{
	uint16_t z = strncmp(target, "zone:", 5) == 0 ? bh_policy_zone_by_name(c->opts.policy, target + 5) : BH_ZONE_NONE;
	struct bh_prefix net;
	struct bh_addr a;
	struct bh_mac m;
	int refused;

	if (z != BH_ZONE_NONE)
		return zone_order(c, z, kind, ttl, o, r);
	if (kind == BH_CUT_ISLAND) {
		memset(r, 0, sizeof *r);
		r->code = BH_REF_UNKNOWN;
		snprintf(r->text, sizeof r->text, "an island is a whole zone: zone:NAME, not '%.60s'", target);
		return 1;
	}
	if (bh_addr_parse(target, strlen(target), &a) == 0)
		refused = bh_order_for_host(c, &a, NULL, kind, ttl, o, r);
	else if (bh_prefix_parse(target, strlen(target), &net) == 0 && net.bits == 128)
		refused = bh_order_for_host(c, &net.net, NULL, kind, ttl, o, r);
	else if (bh_prefix_parse(target, strlen(target), &net) == 0)
		return net_order(c, &net, kind, ttl, o, r);
	else if (bh_mac_parse(target, strlen(target), &m) == 0)
		refused = mac_order(c, &m, kind, ttl, o, r);
	else
		refused = named_order(c, target, kind, ttl, o, r);
	if (scope == BH_SCOPE_HOST || (refused && r->code == BH_REF_UNKNOWN))
		return refused;
	return widen(c, scope, ttl, o, r);
}

int bh_core_preview(struct bh_core *c, const struct bh_event *command, struct bh_order *ret_order, struct bh_refused *ret_refused)
{
	const struct bh_ev_command *cmd = &command->u.command;
	const struct bh_response *p = &c->opts.policy->response;
	bh_ns ttl = cmd->ttl;
	unsigned kind;

	memset(ret_order, 0, sizeof *ret_order);
	memset(ret_refused, 0, sizeof *ret_refused);
	bh_core_clock(c, command->at, true);
	switch (cmd->verb) {
	case BH_CMD_BREAKER:
	case BH_CMD_DRAWBRIDGE:
		return bh_posture_command(c, command, false, ret_order, ret_refused);
	case BH_CMD_KILL:
		return bh_order_for_flow(c, command, ttl, ret_order, ret_refused);
	case BH_CMD_SHIELD:
		kind = BH_CUT_SHIELD;
		ttl = ttl ? ttl : p->ttl_shield;
		break;
	case BH_CMD_CONTAIN:
		kind = BH_CUT_CONTAIN;
		ttl = ttl ? ttl : p->ttl_contain;
		break;
	default:
		kind = cmd->verb == BH_CMD_ISLAND ? BH_CUT_ISLAND : BH_CUT_ISOLATE;
		ttl = ttl ? ttl : p->ttl_isolate;
	}
	return target_order(c, cmd->target, kind, ttl, cmd->scope, ret_order, ret_refused);
}

/* ---- releasing ---- */
/* the same networks, no more and no fewer: an order for a zone is not meant by one of its networks */
static bool same_nets(const struct bh_order *a, const struct bh_order *b)
{
	unsigned found = 0;

	for (unsigned i = 0; i < a->n_cuts; i++)
		for (unsigned k = 0; k < b->n_cuts; k++)
			found += a->cuts[i].what == BH_CUT_NET && b->cuts[k].what == BH_CUT_NET && !memcmp(&a->cuts[i].net, &b->cuts[k].net, sizeof a->cuts[i].net);
	return found && found == a->n_cuts && found == b->n_cuts;
}

static bool order_matches(struct bh_core *c, const struct bh_order *o, const char *target, const struct bh_order *want)
{
	char id[16];

	snprintf(id, sizeof id, "%u", o->id);
	if (strcmp(target, id) == 0)
		return true;
	if (target[strspn(target, "0123456789")] == '\0')
		return false; /* a host that calls itself 17 is not order 17 */
	if (o->name[0] && strcmp(o->name, target) == 0)
		return true;
	for (unsigned i = 0; i < want->n_cuts; i++)
		for (unsigned k = 0; k < o->n_cuts; k++) {
			const struct bh_cut *a = &want->cuts[i], *b = &o->cuts[k];

			/* whatever kind it is; a connection goes with the host that opened it */
			if (((a->what == b->what && a->what != BH_CUT_NET) || (a->what == BH_CUT_ADDR && b->what == BH_CUT_FLOW)) && bh_mac_eq(&a->mac, &b->mac) &&
				!memcmp(&a->net, &b->net, sizeof a->net))
				return true;
		}
	return same_nets(o, want);
}

/* what another order holds stays, and the kernel hears that order's time again */
static void say_released(struct bh_core *c, const struct bh_order *o, const struct bh_ev_command *cmd, struct bh_out *out)
{
	struct bh_order said = *o;

	said.n_cuts = 0;
	for (unsigned k = 0; k < o->n_cuts; k++) {
		struct bh_order *holder = bh_order_holding(c, &o->cuts[k]);

		if (holder)
			holder->again = c->again = true;
		else
			said.cuts[said.n_cuts++] = o->cuts[k];
	}
	bh_strcpy(said.by, sizeof said.by, cmd->by);
	bh_strcpy(said.reason, sizeof said.reason, cmd->reason);
	bh_core_action(c, &said, BH_VERB_RELEASED, NULL, out);
}

static void release(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	uint32_t ended[BH_OUT_RECORDS];
	struct bh_order want = {0};
	struct bh_refused r;
	size_t n = 0;

	(void)!target_order(c, cmd->target, BH_CUT_ISOLATE, BH_SEC(1), BH_SCOPE_HOST, &want, &r);
	/* an order that is ended without a record would never be taken out of the kernel */
	for (size_t i = 0; i < c->n_orders && out->n + n < BH_OUT_RECORDS; i++) {
		struct bh_order *o = &c->orders[i];

		if (!bh_order_standing(o) || !order_matches(c, o, cmd->target, &want))
			continue;
		bh_order_end(c, o, BH_VERB_RELEASED);
		ended[n++] = o->id;
	}
	for (size_t i = 0; i < n; i++)
		say_released(c, bh_core_order(c, ended[i]), cmd, out);
	if (n == 0) {
		struct bh_order none = {.at = c->now};

		memset(&r, 0, sizeof r);
		r.code = BH_REF_UNKNOWN;
		snprintf(r.text, sizeof r.text, "no order stands against '%.60s'", cmd->target);
		bh_strcpy(none.by, sizeof none.by, cmd->by);
		bh_core_action(c, &none, BH_VERB_REFUSED, &r, out);
	}
}

/* ---- devices ---- */
static void device(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	struct bh_order none = {.at = c->now};
	struct bh_refused r = {.code = BH_REF_UNKNOWN};
	struct bh_mac m;

	if (bh_mac_parse(cmd->target, strlen(cmd->target), &m))
		snprintf(r.text, sizeof r.text, "'%.60s' is no MAC address", cmd->target);
	else if (bh_state_device_set(c->state, &m, cmd->reason, cmd->by, ev->at))
		snprintf(r.text, sizeof r.text, "'%.60s' cannot be said of %.17s, or there is no room for it", cmd->reason, cmd->target);
	else
		return;
	bh_strcpy(none.by, sizeof none.by, cmd->by);
	bh_core_action(c, &none, BH_VERB_REFUSED, &r, out);
}

/* ---- commands ---- */
static void place(struct bh_core *c, const struct bh_order *o, struct bh_out *out)
{
	struct bh_host *h = bh_state_touch(c->state, &o->host, c->now);
	uint32_t *slot = h ? bh_order_slot(&h->ledger, o->kind) : NULL;

	bh_core_place(c, o, out);
	if (slot)
		*slot = c->next_order - 1;
}

void bh_core_command(struct bh_core *c, const struct bh_event *ev, struct bh_out *out)
{
	const struct bh_ev_command *cmd = &ev->u.command;
	bool conduit = cmd->verb == BH_CMD_BREAKER || cmd->verb == BH_CMD_DRAWBRIDGE;
	struct bh_refused r;
	struct bh_order o;
	int refused;

	if (cmd->verb == BH_CMD_RELEASE) {
		release(c, ev, out);
		return;
	}
	if (cmd->verb == BH_CMD_MODE) {
		c->mode = cmd->mode < BH_MODE_COUNT ? cmd->mode : c->mode;
		c->law.mode = c->mode;
		c->posture_dirty = true;
		return;
	}
	if (cmd->verb == BH_CMD_DEVICE) {
		device(c, ev, out);
		return;
	}
	if (cmd->verb == BH_CMD_PROBE) {
		bh_state_probe(c->state, ev);
		return;
	}
	if (cmd->verb == BH_CMD_NONE || cmd->verb >= BH_CMD_COUNT)
		return;
	refused = bh_core_preview(c, ev, &o, &r);
	bh_strcpy(o.by, sizeof o.by, cmd->by);
	bh_strcpy(o.reason, sizeof o.reason, cmd->reason);
	bh_strcpy(o.because, sizeof o.because, "operator");
	if (!refused && c->mode == BH_MODE_OBSERVE) {
		refused = 1;
		memset(&r, 0, sizeof r);
		r.code = BH_REF_OBSERVE;
		bh_strcpy(r.text, sizeof r.text, "mode is observe: nothing is cut; change it with `bulkhead mode ask` or `auto`");
	}
	if (!refused && conduit)
		refused = bh_posture_command(c, ev, true, &o, &r);
	if (refused) {
		c->n.refused++;
		bh_core_action(c, &o, BH_VERB_REFUSED, &r, out);
	} else if (!conduit) {
		place(c, &o, out);
	}
}
