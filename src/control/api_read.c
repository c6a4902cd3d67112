/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person looks at before changing a law: the one in force, and who has been speaking to whom. */
#include <stdlib.h>
#include "control/inside.h"

const char *bh_api_zone(const struct bh_policy *p, const struct bh_addr *a)
{
	uint16_t z = bh_policy_zone_of(p, a);

	return z == BH_ZONE_NONE ? "" : p->zones[z].name;
}

static void put_flow(struct bh_json *j, const struct bh_api_view *v, const struct bh_seen *s)
{
	bh_json_open(j, NULL, '{');
	bh_json_addr(j, "src", &s->src);
	bh_json_addr(j, "dst", &s->dst);
	bh_json_u64(j, "proto", s->proto);
	bh_json_u64(j, "dport", s->dport);
	bh_json_str(j, "app", bh_app_name(s->app));
	bh_json_str(j, "from", bh_api_zone(v->policy, &s->src));
	bh_json_str(j, "to", bh_api_zone(v->policy, &s->dst));
	bh_json_u64(j, "flows", s->flows);
	bh_json_u64(j, "bytes", s->bytes);
	bh_json_time(j, "first", s->first, v->offset_s);
	bh_json_time(j, "last", s->last, v->offset_s);
	bh_json_close(j, '}');
}

static void put_open(struct bh_json *j, const struct bh_preview *open)
{
	uint64_t left_out = open ? open->left_out : 0;

	if (!open || open->live_missing)
		bh_json_str(j, "open_unknown", open ? open->live_missing : "no enforcer answered");
	bh_json_open(j, "open", '[');
	for (size_t i = 0; open && i < open->n; i++) {
		const struct bh_preview_line *l = &open->v[i];

		if (!l->live)
			continue;
		if (j->len + 1024 > j->cap) {
			left_out++;
			continue;
		}
		bh_json_open(j, NULL, '{');
		bh_json_addr(j, "src", &l->src);
		bh_json_addr(j, "dst", &l->dst);
		bh_json_u64(j, "proto", l->proto);
		bh_json_u64(j, "dport", l->dport);
		bh_json_u64(j, "open", l->live);
		bh_json_u64(j, "bytes", l->bytes);
		bh_json_close(j, '}');
	}
	bh_json_close(j, ']');
	bh_json_u64(j, "left_out", left_out);
}

size_t bh_api_flows(const struct bh_api_view *v, const struct bh_preview *open, char *buf, size_t cap)
{
	const struct bh_seen_table *t = bh_core_seen(v->core);
	struct bh_json j = bh_json(buf, cap);
	struct bh_seen_counters n;

	bh_seen_counters(t, &n);
	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	if (n.since)
		bh_json_time(&j, "since", n.since, v->offset_s);
	bh_json_u64(&j, "forgotten", n.evicted);
	if (n.evicted)
		bh_json_time(&j, "whole_since", n.evicted_last, v->offset_s);
	bh_json_time(&j, "now", v->now, v->offset_s);
	bh_json_open(&j, "flows", '[');
	for (size_t i = 0; i < bh_seen_slots(t); i++)
		if (bh_seen_at(t, i))
			put_flow(&j, v, bh_seen_at(t, i));
	bh_json_close(&j, ']');
	put_open(&j, open);
	return bh_api_finish(&j);
}

size_t bh_api_policy(const struct bh_api_view *v, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);
	char *text = malloc(cap / 2);
	struct bh_text t = bh_text(text, text ? cap / 2 : 0);

	if (!text)
		return 0;
	bh_policy_print(v->policy, &t);
	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_str(&j, "file", v->policy->file);
	bh_json_str(&j, "sha256", v->policy->sha256);
	bh_json_str(&j, "mode", bh_mode_name(bh_core_mode(v->core)));
	if (v->trial_file) {
		bh_json_str(&j, "on_trial", v->trial_file);
		if (v->trial_until)
			bh_json_time(&j, "confirm_until", v->trial_until, v->offset_s);
	}
	bh_json_strn(&j, "policy", text, t.truncated ? 0 : t.len);
	free(text);
	return t.truncated ? 0 : bh_api_finish(&j);
}
