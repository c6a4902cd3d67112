/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "control/inside.h"

static const char *const verbs[BH_API_VERBS] = {"status", "hosts", "flows", "policy", "counters", "isolate", "shield", "release", "mode", "policy-apply", "policy-confirm", "policy-rollback"};

bool bh_api_writes(unsigned verb)
{
	return verb >= BH_API_ISOLATE;
}

static int bad(char error[96], const char *text, struct bh_word w)
{
	snprintf(error, 96, "%s '%.*s'", text, (int)(w.len > 40 ? 40 : w.len), w.p);
	return 1;
}

static int parse_key(struct bh_api_request *r, struct bh_word key, struct bh_word value)
{
	if (bh_word_is(key, "target"))
		return bh_word_str(value, r->target, sizeof r->target);
	if (bh_word_is(key, "reason"))
		return bh_word_str(value, r->reason, sizeof r->reason);
	if (bh_word_is(key, "for"))
		return bh_duration_parse(value.p, value.len, &r->ttl);
	if (bh_word_is(key, "bytes")) {
		uint64_t n;

		if (bh_word_u64(value, BH_API_BODY, &n) || !n)
			return 1;
		r->bytes = (uint32_t)n;
		return 0;
	}
	if (bh_word_is(key, "session"))
		return bh_addr_parse(value.p, value.len, &r->session);
	if (bh_word_is(key, "dry")) {
		r->dry = bh_word_is(value, "1");
		return 0;
	}
	if (bh_word_is(key, "mode")) {
		for (r->mode = 0; r->mode < BH_MODE_COUNT; r->mode++)
			if (bh_word_is(value, bh_mode_name(r->mode)))
				return 0;
	}
	return 1;
}

int bh_api_parse(const char *line, size_t len, struct bh_api_request *ret_request, char ret_error[96])
{
	const char *p = line, *end = line + len;
	struct bh_api_request r = {.mode = BH_MODE_COUNT};
	struct bh_word w = {line, 0};
	int more;

	if (bh_word_next(&p, end, &w))
		return bad(ret_error, "empty request", w);
	for (r.verb = 0; r.verb < BH_API_VERBS; r.verb++)
		if (bh_word_is(w, verbs[r.verb]))
			break;
	if (r.verb == BH_API_VERBS)
		return bad(ret_error, "unknown request", w);
	while ((more = bh_word_next(&p, end, &w)) == 0) {
		const char *eq = memchr(w.p, '=', w.len);
		struct bh_word key = {w.p, eq ? (size_t)(eq - w.p) : w.len};

		if (!eq || parse_key(&r, key, (struct bh_word){eq + 1, w.len - key.len - 1}))
			return bad(ret_error, "cannot use", w);
	}
	if (more == 2)
		return bad(ret_error, "unfinished quote", w);
	w = (struct bh_word){verbs[r.verb], strlen(verbs[r.verb])};
	if (r.verb == BH_API_POLICY_APPLY ? !r.bytes : r.bytes != 0)
		return bad(ret_error, r.bytes ? "bytes= has no meaning in" : "bytes= is missing in", w);
	if (r.verb == BH_API_POLICY_CONFIRM || r.verb == BH_API_POLICY_ROLLBACK)
		bh_strcpy(r.target, sizeof r.target, "-");
	if (r.verb == BH_API_MODE ? r.mode == BH_MODE_COUNT : bh_api_writes(r.verb) && !r.target[0])
		return bad(ret_error, r.verb == BH_API_MODE ? "mode=observe|ask|auto is missing in" : "target= is missing in", w);
	if ((r.verb == BH_API_ISOLATE || r.verb == BH_API_SHIELD) && !r.dry && !r.reason[0])
		return bad(ret_error, "reason= is missing in", w);
	if (r.verb == BH_API_RELEASE && r.dry)
		return bad(ret_error, "dry=1 has no meaning in", w);
	if (r.mode == BH_MODE_COUNT)
		r.mode = 0;
	*ret_request = r;
	return 0;
}

size_t bh_api_print(const struct bh_api_request *r, char buf[BH_API_LINE])
{
	struct bh_text t = bh_text(buf, BH_API_LINE);
	char d[24];

	bh_put(&t, verbs[r->verb]);
	if (r->target[0]) {
		bh_put(&t, " target=");
		bh_put_quoted(&t, r->target, strlen(r->target));
	}
	if (r->ttl)
		bh_putf(&t, " for=%s", bh_duration_print(r->ttl, d));
	if (r->verb == BH_API_MODE)
		bh_putf(&t, " mode=%s", bh_mode_name(r->mode));
	if (r->bytes)
		bh_putf(&t, " bytes=%u", r->bytes);
	if (r->dry)
		bh_put(&t, " dry=1");
	if (!bh_addr_none(&r->session)) {
		char a[BH_ADDR_TEXT];

		bh_putf(&t, " session=%s", bh_addr_print(&r->session, a));
	}
	if (r->reason[0]) {
		bh_put(&t, " reason=");
		bh_put_quoted(&t, r->reason, strlen(r->reason));
	}
	return t.truncated ? 0 : t.len;
}

size_t bh_api_finish(struct bh_json *j)
{
	bh_json_close(j, '}');
	if (j->truncated || j->len == j->cap)
		return 0;
	j->p[j->len++] = '\n';
	return j->len;
}

void bh_api_put_order(struct bh_json *j, const struct bh_api_view *v, const char *key, const struct bh_order *o)
{
	char buf[BH_PREFIX_TEXT];

	bh_json_open(j, key, '{');
	if (o->id)
		bh_json_u64(j, "order", o->id);
	bh_json_str(j, "step", bh_eve_step(o->kind));
	bh_json_str(j, "state", bh_eve_verb(o->state));
	if (!bh_addr_none(&o->host))
		bh_json_addr(j, "host", &o->host);
	if (o->name[0])
		bh_json_str(j, "name", o->name);
	bh_json_str(j, "by", o->by);
	bh_json_str(j, "detector", o->because);
	bh_json_str(j, "reason", o->reason);
	bh_json_time(j, "since", o->at, v->offset_s);
	bh_json_time(j, "until", o->until, v->offset_s);
	bh_json_u64(j, "left_s", o->until > v->now ? (o->until - v->now) / BH_SEC(1) : 0);
	bh_json_u64(j, "kernel_us", o->us);
	bh_json_open(j, "cut", '[');
	for (unsigned i = 0; i < o->n_cuts; i++)
		bh_json_str(j, NULL, o->cuts[i].what == BH_CUT_MAC ? bh_mac_print(&o->cuts[i].mac, buf) : bh_prefix_print(&o->cuts[i].net, buf));
	bh_json_close(j, ']');
	bh_json_open(j, "kept", '[');
	for (unsigned i = 0; i < o->n_pins; i++)
		bh_json_str(j, NULL, v->policy->pins[o->pins[i]].name);
	bh_json_close(j, ']');
	bh_json_close(j, '}');
}

static void put_processes(struct bh_json *j, const struct bh_api_view *v)
{
	static const char *const names[] = {"sensor", "core", "enforcer", "reporter"};

	bh_json_open(j, "processes", '{');
	for (unsigned i = 0; i < 4; i++) {
		bh_json_open(j, names[i], '{');
		bh_json_i64(j, "pid", v->pids[i]);
		bh_json_u64(j, "restarts", v->restarts[i]);
		bh_json_close(j, '}');
	}
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
	bh_json_u64(&j, "events", s->core.events);
	bh_json_u64(&j, "alerts", s->core.alerts);
	bh_json_u64(&j, "alerts_held_back", s->core.held);
	bh_json_u64(&j, "refused", s->core.refused);
	bh_json_u64(&j, "isolated", s->core.isolated);
	bh_json_u64(&j, "shielded", s->core.shielded);
	bh_json_u64(&j, "eve_lines", s->eve_lines);
	bh_json_u64(&j, "eve_dropped", s->eve_dropped);
	bh_json_close(&j, '}');
	o = bh_core_orders(v->core, &n);
	bh_json_open(&j, "orders", '[');
	for (size_t i = 0; i < n; i++)
		if (o[i].state == BH_VERB_REQUESTED || o[i].state == BH_VERB_APPLIED)
			bh_api_put_order(&j, v, NULL, &o[i]);
	bh_json_close(&j, ']');
	return bh_api_finish(&j);
}

static bool host_matches(const struct bh_host *h, const struct bh_policy *p, const char *filter)
{
	char a[BH_ADDR_TEXT], m[BH_MAC_TEXT];

	return !filter[0] || strstr(bh_addr_print(&h->addr, a), filter) || strstr(bh_mac_print(&h->mac, m), filter) || strstr(h->name, filter) ||
	       (h->zone != BH_ZONE_NONE && strstr(p->zones[h->zone].name, filter));
}

static void put_host(struct bh_json *j, const struct bh_api_view *v, const struct bh_host *h)
{
	unsigned fams;
	int32_t attr, score = bh_ledger_total(&h->ledger, v->now, &fams, &attr);

	bh_json_open(j, NULL, '{');
	bh_json_addr(j, "ip", &h->addr);
	if (!bh_mac_none(&h->mac))
		bh_json_mac(j, "mac", &h->mac);
	if (h->name[0])
		bh_json_str(j, "name", h->name);
	bh_json_str(j, "zone", h->zone == BH_ZONE_NONE ? "-" : v->policy->zones[h->zone].name);
	if (h->roles) {
		bh_json_open(j, "roles", '[');
		for (unsigned r = 0; r < BH_ROLE_COUNT; r++)
			if (h->roles & BH_ROLE_BIT(r))
				bh_json_str(j, NULL, bh_role_name(r));
		bh_json_close(j, ']');
	}
	bh_json_bool(j, "verified", h->verified);
	if (h->conflict_until > v->now)
		bh_json_bool(j, "identity_conflict", true);
	bh_json_time(j, "first_seen", h->first, v->offset_s);
	bh_json_time(j, "last_seen", h->last, v->offset_s);
	bh_json_i64(j, "centibans", score);
	bh_json_u64(j, "score", bh_ledger_percent(score, -400));
	bh_json_bool(j, "isolated", h->ledger.isolate_order != 0);
	bh_json_bool(j, "shielded", h->ledger.shield_order != 0);
	bh_json_close(j, '}');
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

		if (!host_matches(h, v->policy, filter))
			continue;
		/* room for one more and the end: a list that does not fit is cut with a count, not lost */
		if (j.len + 1024 > j.cap)
			left_out++;
		else
			put_host(&j, v, h);
	}
	bh_json_close(&j, ']');
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
