/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "control/inside.h"

size_t bh_api_finish(struct bh_json *j)
{
	bh_json_close(j, '}');
	if (j->truncated || j->len == j->cap)
		return 0;
	j->p[j->len++] = '\n';
	return j->len;
}

/* what an order does, for whoever reads a list of them */
const char *bh_api_does(unsigned kind)
{
	static const char *const n[BH_CUT_KINDS] = {"closes a conduit", "nothing but pins and remedies", "opens nothing new in critical zones",
		"no protocol that administers machines", "nothing but pins crosses its edge", "one connection"};

	return n[kind < BH_CUT_KINDS ? kind : 0];
}

static const char *cut_text(const struct bh_cut *c, char buf[160])
{
	char a[BH_ADDR_TEXT + 9], b[BH_ADDR_TEXT + 9], proto[4];

	if (c->what == BH_CUT_MAC)
		return bh_mac_print(&c->mac, buf);
	if (c->what != BH_CUT_FLOW)
		return bh_prefix_print(&c->net, buf);
	snprintf(buf, 160, "%s %s > %s", bh_proto_name(c->proto, proto), bh_end_print(&c->net.net, c->sport, a), bh_end_print(&c->peer.net, c->dport, b));
	return buf;
}

void bh_api_put_order(struct bh_json *j, const struct bh_api_view *v, const char *key, const struct bh_order *o)
{
	char buf[160];

	bh_json_open(j, key, '{');
	if (o->id)
		bh_json_u64(j, "order", o->id);
	bh_json_str(j, "step", o->kind == BH_CUT_NONE && o->name[0] ? "conduit" : bh_eve_step(o->kind));
	bh_json_str(j, "does", bh_api_does(o->kind));
	bh_json_str(j, "state", bh_eve_verb(o->state));
	if (!bh_addr_none(&o->host))
		bh_json_addr(j, "host", &o->host);
	if (o->name[0])
		bh_json_str(j, "name", o->name);
	bh_json_str(j, "by", o->by);
	bh_json_str(j, "detector", o->because);
	bh_json_str(j, "reason", o->reason);
	bh_json_time(j, "since", o->at, v->offset_s);
	if (o->until)
		bh_json_time(j, "until", o->until, v->offset_s);
	bh_json_u64(j, "left_s", o->until > v->now ? (o->until - v->now) / BH_SEC(1) : 0);
	bh_json_u64(j, "kernel_us", o->us);
	if (o->leaks)
		bh_json_bool(j, "effective", false);
	bh_json_open(j, "cut", '[');
	for (unsigned i = 0; i < o->n_cuts; i++)
		bh_json_str(j, NULL, cut_text(&o->cuts[i], buf));
	bh_json_close(j, ']');
	bh_json_open(j, "kept", '[');
	for (unsigned i = 0; i < o->n_pins; i++)
		bh_json_str(j, NULL, v->policy->pins[o->pins[i]].name);
	bh_json_close(j, ']');
	bh_json_close(j, '}');
}

static void put_processes(struct bh_json *j, const struct bh_api_view *v)
{
	static const char *const names[] = {"sensor", "core", "enforcer", "reporter", "store", "intake", "prober"};

	bh_json_open(j, "processes", '{');
	for (unsigned i = 0; i < BH_COUNT(names); i++) {
		if (i >= 4 && !v->pids[i] && !v->restarts[i])
			continue; /* nothing is kept, nobody listened to or asked */
		bh_json_open(j, names[i], '{');
		bh_json_i64(j, "pid", v->pids[i]);
		bh_json_u64(j, "restarts", v->restarts[i]);
		bh_json_close(j, '}');
	}
	bh_json_close(j, '}');
}

/* conduits that are down to less than the policy gives them, or up by hand: why, until when */
static void put_postures(struct bh_json *j, const struct bh_api_view *v)
{
	bh_json_open(j, "conduits", '[');
	for (size_t i = 0; i < v->policy->n_conduits; i++) {
		const struct bh_posture *p = bh_core_posture(v->core, i);

		if (p->state == BH_CONDUIT_NORMAL && p->why == BH_WHY_NONE)
			continue;
		bh_json_open(j, NULL, '{');
		bh_json_str(j, "conduit", v->policy->conduits[i].name);
		bh_json_str(j, "state", bh_conduit_state_name(p->state));
		bh_json_str(j, "why", bh_why_name(p->why));
		if (p->order)
			bh_json_u64(j, "order", p->order);
		if (p->by[0])
			bh_json_str(j, "by", p->by);
		if (p->reason[0])
			bh_json_str(j, "reason", p->reason);
		if (p->since)
			bh_json_time(j, "since", p->since, v->offset_s);
		if (p->until)
			bh_json_time(j, "until", p->until, v->offset_s);
		bh_json_close(j, '}');
		if (j->len + (j->cap >> 2) > j->cap)
			break; /* the orders come behind */
	}
	bh_json_close(j, ']');
}

/* what endpoints said of their USB ports */
static void put_usb(struct bh_json *j, const struct bh_stats *s)
{
	static const char *const keys[BH_USB_VERDICTS] = {"taken", "malformed", "unknown_key", "from_elsewhere", "bad_signature", "clock_off", "replayed"};

	bh_json_open(j, "usb", '{');
	for (unsigned i = 0; i < BH_USB_VERDICTS; i++)
		bh_json_u64(j, keys[i], s->usb[i]);
	bh_json_u64(j, "too_many", s->usb_limited);
	bh_json_u64(j, "lost", s->usb_lost);
	bh_json_u64(j, "event_logs", s->usb_log);
	bh_json_u64(j, "other_lines", s->usb_log_other);
	bh_json_u64(j, "own_ports", s->usb_own);
	bh_json_close(j, '}');
}

size_t bh_api_status(const struct bh_api_view *v, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);
	const struct bh_stats *s = v->stats;
	const struct bh_order *o;
	size_t n;

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_str(&j, "sensor", v->host);
	bh_json_str(&j, "site", v->policy->site);
	bh_json_str(&j, "mode", bh_mode_name(bh_core_mode(v->core)));
	bh_json_str(&j, "policy", v->policy->file);
	bh_json_bool(&j, "enforcing", v->enforcer_up && bh_core_mode(v->core) != BH_MODE_OBSERVE);
	bh_json_bool(&j, "enforcer_up", v->enforcer_up);
	bh_json_u64(&j, "uptime_s", s->uptime / BH_SEC(1));
	bh_json_u64(&j, "drifts", v->drifts);
	bh_json_str(&j, "segment", v->segment ? v->segment : "off");
	bh_json_str(&j, "store", v->store ? v->store : "off");
	put_processes(&j, v);
	bh_json_open(&j, "counters", '{');
	bh_json_u64(&j, "packets", s->packets);
	bh_json_u64(&j, "kernel_drops", s->kernel_drops);
	bh_json_u64(&j, "ring_drops", s->ring_drops);
	bh_json_u64(&j, "malformed", s->malformed);
	bh_json_u64(&j, "flows_active", s->flows_active);
	bh_json_u64(&j, "flows_evicted", s->flows_evicted);
	bh_json_u64(&j, "hosts", s->core.state.hosts);
	bh_json_u64(&j, "hosts_evicted", s->core.state.evicted);
	bh_json_u64(&j, "devices", s->core.state.devices.devices);
	bh_json_u64(&j, "devices_known", s->core.state.devices.known);
	bh_json_u64(&j, "devices_evicted", s->core.state.devices.evicted);
	bh_json_u64(&j, "devices_refused", s->core.state.devices.refused);
	bh_json_u64(&j, "store_rows", v->store_rows);
	bh_json_u64(&j, "store_waits", v->store_waits);
	bh_json_u64(&j, "first_contacts", s->core.state.first_contacts);
	bh_json_u64(&j, "detector_entries", s->core.state.plane_entries);
	bh_json_u64(&j, "detector_entries_evicted", s->core.state.plane_evicted);
	bh_json_u64(&j, "facts", s->facts);
	bh_json_u64(&j, "facts_malformed", s->untrusted);
	bh_json_u64(&j, "facts_gaps", s->parse_gaps);
	bh_json_u64(&j, "facts_evicted", s->parse_evicted);
	bh_json_u64(&j, "sensor_table_bytes", s->table_bytes);
	bh_json_u64(&j, "core_table_bytes", s->core.state.bytes);
	bh_json_u64(&j, "events", s->core.events);
	bh_json_u64(&j, "alerts", s->core.alerts);
	bh_json_u64(&j, "alerts_held_back", s->core.held);
	bh_json_u64(&j, "alerts_suppressed", s->core.suppressed);
	bh_json_u64(&j, "refused", s->core.refused);
	bh_json_u64(&j, "isolated", s->core.isolated);
	bh_json_u64(&j, "shielded", s->core.shielded);
	bh_json_u64(&j, "contained", s->core.contained);
	bh_json_u64(&j, "islands", s->core.islands);
	bh_json_u64(&j, "killed", s->core.killed);
	bh_json_u64(&j, "eve_lines", s->eve_lines);
	bh_json_u64(&j, "eve_dropped", s->eve_dropped);
	bh_json_close(&j, '}');
	if (v->pids[5] || v->restarts[5])
		put_usb(&j, s);
	put_postures(&j, v);
	bh_api_put_zones(&j, v);
	o = bh_core_orders(v->core, &n);
	bh_json_open(&j, "orders", '[');
	for (size_t i = 0; i < n; i++)
		if (o[i].state == BH_VERB_REQUESTED || o[i].state == BH_VERB_APPLIED)
			bh_api_put_order(&j, v, NULL, &o[i]);
	bh_json_close(&j, ']');
	return bh_api_finish(&j);
}

static bool host_matches(struct bh_state *s, const struct bh_host *h, const struct bh_policy *p, const char *filter)
{
	const struct bh_device *d = filter[0] && !bh_mac_none(&h->mac) ? bh_devices_find(bh_state_devices(s), &h->mac) : NULL;
	char a[BH_ADDR_TEXT], m[BH_MAC_TEXT];

	if (d && bh_api_device_matches(d, p, filter))
		return true;
	return !filter[0] || strstr(bh_addr_print(&h->addr, a), filter) || strstr(bh_mac_print(&h->mac, m), filter) || strstr(h->name, filter) ||
	       (h->zone != BH_ZONE_NONE && strstr(p->zones[h->zone].name, filter));
}

/* bit per kind of cut it stands under, as itself or with its network */
static unsigned cuts_of(const struct bh_plan *plan, const struct bh_host *h)
{
	unsigned under = 0;

	for (size_t i = 0; i < plan->n_cuts; i++) {
		const struct bh_cut *c = &plan->cuts[i];

		if (c->what == BH_CUT_MAC ? !bh_mac_none(&h->mac) && bh_mac_eq(&c->mac, &h->mac) : c->what != BH_CUT_FLOW && bh_prefix_has(&c->net, &h->addr))
			under |= 1u << c->kind;
	}
	return under;
}

static void put_roles(struct bh_json *j, const char *key, uint32_t roles)
{
	if (!roles)
		return;
	bh_json_open(j, key, '[');
	for (unsigned r = 0; r < BH_ROLE_COUNT; r++)
		if (roles & BH_ROLE_BIT(r))
			bh_json_str(j, NULL, bh_role_name(r));
	bh_json_close(j, ']');
}

static void put_host(struct bh_json *j, const struct bh_api_view *v, const struct bh_host *h)
{
	const struct bh_device *d = bh_mac_none(&h->mac) ? NULL : bh_devices_find(bh_state_devices(bh_core_state(v->core)), &h->mac);
	unsigned fams;
	int32_t attr, score = bh_ledger_total(&h->ledger, v->now, &fams, &attr);
	unsigned under = cuts_of(bh_core_plan(v->core), h);

	bh_json_open(j, NULL, '{');
	bh_json_addr(j, "ip", &h->addr);
	if (!bh_mac_none(&h->mac))
		bh_json_mac(j, "mac", &h->mac);
	if (d && d->name[0])
		bh_json_str(j, "name", d->name);
	else if (h->name[0] || (d && d->calls_itself[0]))
		bh_json_str(j, "name", h->name[0] ? h->name : d->calls_itself);
	if (d)
		bh_api_put_device(j, v, d);
	bh_json_str(j, "zone", h->zone == BH_ZONE_NONE ? "-" : v->policy->zones[h->zone].name);
	put_roles(j, "roles", h->roles);
	put_roles(j, "seems", bh_state_seems(h)); /* a proposal for the policy */
	bh_json_bool(j, "verified", h->verified);
	if (h->conflict_until > v->now)
		bh_json_bool(j, "identity_conflict", true);
	bh_json_time(j, "first_seen", h->first, v->offset_s);
	bh_json_time(j, "last_seen", h->last, v->offset_s);
	bh_json_i64(j, "centibans", score);
	bh_json_u64(j, "score", bh_ledger_percent(score, -400));
	bh_json_bool(j, "isolated", under >> BH_CUT_ISOLATE & 1);
	bh_json_bool(j, "shielded", under >> BH_CUT_SHIELD & 1);
	bh_json_bool(j, "contained", under >> BH_CUT_CONTAIN & 1);
	bh_json_bool(j, "island", under >> BH_CUT_ISLAND & 1);
	bh_json_close(j, '}');
}

/* devices no host stands for: seen without an address, imported, or not seen since the core began */
static size_t put_devices(struct bh_json *j, const struct bh_api_view *v, const char *filter)
{
	struct bh_state *s = bh_core_state(v->core);
	struct bh_devices *t = bh_state_devices(s);
	size_t left_out = 0;

	bh_json_open(j, "devices", '[');
	for (uint32_t i = 0; i < bh_devices_slots(t); i++) {
		const struct bh_device *d = bh_devices_slot(t, i);

		if (!d || !bh_api_is_alone(s, d) || !bh_api_device_matches(d, v->policy, filter))
			continue;
		if (j->len + 2048 > j->cap)
			left_out++;
		else
			bh_api_put_device_row(j, v, d);
	}
	bh_json_close(j, ']');
	return left_out;
}

size_t bh_api_hosts(const struct bh_api_view *v, const char *filter, char *buf, size_t cap)
{
	struct bh_state *s = bh_core_state(v->core);
	struct bh_json j = bh_json(buf, cap);
	size_t left_out = 0;

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_open(&j, "hosts", '[');
	for (uint32_t i = 0; i < bh_state_slots(s); i++) {
		const struct bh_host *h = bh_state_slot(s, i);

		if (!host_matches(s, h, v->policy, filter))
			continue;
		/* room for one more and the end: a list that does not fit is cut with a count, not lost */
		if (j.len + 2048 > j.cap)
			left_out++;
		else
			put_host(&j, v, h);
	}
	bh_json_close(&j, ']');
	left_out += put_devices(&j, v, filter);
	bh_json_u64(&j, "left_out", left_out);
	return bh_api_finish(&j);
}

size_t bh_api_answer(const struct bh_api_view *v, int code, const char *text, const struct bh_order *order,
	const struct bh_refused *refused, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);
	char at[200];

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", (uint64_t)code);
	bh_json_str(&j, "text", text);
	if (refused && refused->code) {
		bh_json_open(&j, "refused", '{');
		bh_json_str(&j, "code", bh_core_refusal_name(refused->code));
		bh_json_str(&j, "text", refused->text);
		if (refused->pos.line) {
			snprintf(at, sizeof at, "%s:%u:%u", v->policy->file, refused->pos.line, refused->pos.col);
			bh_json_str(&j, "policy", at);
		}
		bh_json_close(&j, '}');
	}
	if (order)
		bh_api_put_order(&j, v, "order", order);
	return bh_api_finish(&j);
}
