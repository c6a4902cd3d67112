/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person is shown before a cut is made, and what observe mode would have dropped. */
#include <stdlib.h>
#include "control/inside.h"

const char *bh_preview_fate_name(unsigned fate)
{
	static const char *const names[BH_PREVIEW_FATES] = {"cut", "kept", "barred", "beyond"};

	return fate < BH_PREVIEW_FATES ? names[fate] : "?";
}

static int order(uint64_t a, uint64_t b) /* larger first */
{
	return a < b ? 1 : a > b ? -1 : 0;
}

int bh_preview_line_cmp(const void *a, const void *b)
{
	const struct bh_preview_line *x = a, *y = b;
	int d = (int)x->fate - y->fate;

	d = d ? d : order(x->critical, y->critical);
	d = d ? d : order(x->live != 0, y->live != 0);
	d = d ? d : order(x->bytes, y->bytes);
	d = d ? d : memcmp(&x->src, &y->src, sizeof x->src);
	d = d ? d : memcmp(&x->dst, &y->dst, sizeof x->dst);
	return d ? d : (int)x->dport - y->dport;
}

static void put_line(struct bh_json *j, const struct bh_api_view *v, const struct bh_preview_line *l)
{
	bh_ns span = l->last - l->first;

	bh_json_open(j, NULL, '{');
	bh_json_str(j, "fate", bh_preview_fate_name(l->fate));
	bh_json_addr(j, "src", &l->src);
	bh_json_addr(j, "dst", &l->dst);
	bh_json_u64(j, "proto", l->proto);
	bh_json_u64(j, "dport", l->dport);
	if (l->app)
		bh_json_str(j, "app", bh_app_name(l->app));
	bh_json_str(j, "from", bh_api_zone(v->policy, &l->src));
	bh_json_str(j, "to", bh_api_zone(v->policy, &l->dst));
	bh_json_bool(j, "critical", l->critical);
	if (l->pin != UINT32_MAX)
		bh_json_str(j, "pin", v->policy->pins[l->pin].name);
	if (l->why)
		bh_json_str(j, "why", l->why);
	bh_json_u64(j, "open", l->live);
	if (l->not_again)
		bh_json_bool(j, "opens_again", false);
	bh_json_u64(j, "packets", l->packets);
	bh_json_u64(j, "bytes", l->bytes);
	if (l->last) {
		bh_json_u64(j, "flows", l->flows);
		bh_json_time(j, "first_seen", l->first, v->offset_s);
		bh_json_time(j, "last_seen", l->last, v->offset_s);
		if (span >= BH_SEC(60)) /* a rate from less is a guess */
			bh_json_u64(j, "bytes_per_s", l->bytes / (span / BH_SEC(1)));
	}
	bh_json_close(j, '}');
}

static void put_window(struct bh_json *j, const struct bh_api_view *v)
{
	struct bh_seen_counters n;

	bh_seen_counters(bh_core_seen(v->core), &n);
	bh_json_open(j, "window", '{');
	if (n.since)
		bh_json_time(j, "since", n.since, v->offset_s);
	if (n.evicted)
		bh_json_time(j, "whole_since", n.evicted_last, v->offset_s);
	bh_json_time(j, "until", v->now, v->offset_s);
	bh_json_close(j, '}');
}

static void put_boxes(struct bh_json *j, const char *p)
{
	bh_json_open(j, "boxes", '[');
	while (p && *p) {
		size_t n = strcspn(p, "\n");

		bh_json_strn(j, NULL, p, n);
		p += n + (p[n] == '\n');
	}
	bh_json_close(j, ']');
}

size_t bh_api_preview(const struct bh_api_view *v, const struct bh_order *o, const struct bh_preview *pv, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);
	uint64_t left_out = pv->left_out, count[BH_PREVIEW_FATES] = {0};

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_str(&j, "text", "dry run: nothing was changed");
	bh_api_put_order(&j, v, "order", o);
	bh_json_open(&j, "preview", '{');
	put_window(&j, v);
	if (pv->live_missing)
		bh_json_str(&j, "open_unknown", pv->live_missing);
	if (pv->bypass)
		bh_json_str(&j, "bypass", pv->bypass);
	put_boxes(&j, pv->boxes);
	bh_json_open(&j, "connections", '[');
	for (size_t i = 0; i < pv->n; i++) {
		count[pv->v[i].fate]++;
		if (j.len + 2048 > j.cap)
			left_out++;
		else
			put_line(&j, v, &pv->v[i]);
	}
	bh_json_close(&j, ']');
	for (unsigned f = 0; f < BH_PREVIEW_FATES; f++)
		bh_json_u64(&j, bh_preview_fate_name(f), count[f]);
	bh_json_u64(&j, "left_out", left_out);
	if (!bh_addr_none(&pv->session)) {
		bh_json_open(&j, "session", '{');
		bh_json_addr(&j, "from", &pv->session);
		bh_json_bool(&j, "inside", pv->session_inside);
		bh_json_bool(&j, "managed", pv->session_managed);
		bh_json_close(&j, '}');
	}
	bh_json_close(&j, '}');
	return bh_api_finish(&j);
}

/* ---- counters ---- */
struct sum { /* of what one zone would have lost towards another */
	uint16_t from, to, dport;
	uint8_t proto;
	uint64_t packets, pairs;
	size_t example;
};

static int by_kind(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;
	int d = (int)x->from - y->from;

	d = d ? d : (int)x->to - y->to;
	d = d ? d : (int)x->proto - y->proto;
	return d ? d : (int)x->dport - y->dport;
}

static int by_packets(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	return x->packets != y->packets ? order(x->packets, y->packets) : by_kind(a, b);
}

static void put_sum(struct bh_json *j, const struct bh_api_view *v, const struct sum *s, const struct bh_api_would *w)
{
	const struct bh_policy *p = v->policy;

	bh_json_open(j, NULL, '{');
	bh_json_str(j, "from", s->from == BH_ZONE_NONE ? "" : p->zones[s->from].name);
	bh_json_str(j, "to", s->to == BH_ZONE_NONE ? "" : p->zones[s->to].name);
	bh_json_u64(j, "proto", s->proto);
	bh_json_u64(j, "dport", s->dport);
	bh_json_u64(j, "packets", s->packets);
	bh_json_u64(j, "pairs", s->pairs);
	bh_json_addr(j, "src", &w->src);
	bh_json_addr(j, "dst", &w->dst);
	bh_json_open(j, "conduits", '['); /* between the two, none of which allows it */
	for (size_t i = 0; i < p->n_conduits; i++)
		if (p->conduits[i].from == s->from && p->conduits[i].to == s->to)
			bh_json_str(j, NULL, p->conduits[i].name);
	bh_json_close(j, ']');
	bh_json_close(j, '}');
}

size_t bh_api_counters(const struct bh_api_view *v, const char *counters, struct bh_api_would *would, size_t n, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);
	struct sum *s = malloc((n ? n : 1) * sizeof *s);
	const char *at = counters, *end = counters + strlen(counters);
	uint64_t left_out = 0;
	struct bh_word w;
	size_t m = 0;

	if (!s)
		return 0;
	for (size_t i = 0; i < n; i++)
		s[i] = (struct sum){.from = bh_policy_zone_of(v->policy, &would[i].src), .to = bh_policy_zone_of(v->policy, &would[i].dst),
			.proto = would[i].proto, .dport = would[i].dport, .packets = would[i].packets, .pairs = 1, .example = i};
	qsort(s, n, sizeof *s, by_kind);
	for (size_t i = 0; i < n; i++)
		if (m && by_kind(&s[m - 1], &s[i]) == 0) {
			s[m - 1].packets += s[i].packets;
			s[m - 1].pairs++;
		} else {
			s[m++] = s[i];
		}
	qsort(s, m, sizeof *s, by_packets);
	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_str(&j, "mode", bh_mode_name(bh_core_mode(v->core)));
	bh_json_open(&j, "packets", '{');
	while (bh_word_next(&at, end, &w) == 0) {
		const char *eq = memchr(w.p, '=', w.len);
		char name[32];
		uint64_t value;

		if (!eq || (size_t)(eq - w.p) >= sizeof name || bh_word_u64((struct bh_word){eq + 1, (size_t)(w.p + w.len - eq - 1)}, UINT64_MAX, &value))
			continue;
		memcpy(name, w.p, (size_t)(eq - w.p));
		name[eq - w.p] = '\0';
		bh_json_u64(&j, name, value);
	}
	bh_json_close(&j, '}');
	bh_json_open(&j, "would_drop", '[');
	for (size_t i = 0; i < m; i++)
		if (j.len + 8192 > j.cap)
			left_out++;
		else
			put_sum(&j, v, &s[i], &would[s[i].example]);
	bh_json_close(&j, ']');
	bh_json_u64(&j, "left_out", left_out);
	free(s);
	return bh_api_finish(&j);
}
