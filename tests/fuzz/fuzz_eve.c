/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The EVE writer against jansson: whatever strings an attacker chose, a line is either dropped whole or one valid object. */
#include <stdlib.h>
#include <jansson.h>
#include <bulkhead/report.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_parse(const char *line, size_t n)
{
	json_error_t e;
	json_t *o;

	if (n == 0)
		return;
	if (line[n - 1] != '\n' || memchr(line, '\n', n - 1))
		abort();
	o = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	if (!o || !json_is_object(o) || !json_string_value(json_object_get(o, "timestamp")) || !json_string_value(json_object_get(o, "event_type")))
		abort();
	json_decref(o);
}

static void fill(char *dst, size_t cap, struct bh_bytes *b)
{
	size_t n = bh_u8(b) % cap;
	const uint8_t *p = bh_take(b, n < b->left ? n : b->left);

	memset(dst, 0, cap);
	if (p)
		memcpy(dst, p, strnlen((const char *)p, n < (size_t)(b->p - p) ? n : (size_t)(b->p - p)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[BH_EVE_MAX];
	struct bh_bytes b = bh_bytes(data, size);
	struct bh_record *r = calloc(1, sizeof *r);
	struct bh_eve e = {.host = "fuzz"};
	struct bh_event ev = {.kind = BH_EV_FLOW_END};
	char iface[40];
	size_t cap;

	if (!r)
		abort();
	cap = bh_be16(&b);
	e.offset_s = (int16_t)bh_be16(&b);
	e.strict = bh_u8(&b) & 1;
	fill(iface, sizeof iface, &b);
	e.in_iface = iface;
	r->at = bh_be64(&b) >> 8;
	r->verb = bh_u8(&b) % BH_VERB_COUNT;
	r->finding.detector = bh_detectors[bh_u8(&b) % bh_n_detectors];
	r->finding.severity = bh_u8(&b);
	r->finding.n_targets = bh_u8(&b) % BH_FINDING_TARGETS;
	r->refused.code = bh_u8(&b);
	r->order.n_cuts = bh_u8(&b) % BH_ORDER_CUTS;
	r->order.kind = bh_u8(&b) % BH_CUT_KINDS;
	r->posture.state = bh_u8(&b);
	r->posture.was = bh_u8(&b);
	r->posture.why = bh_u8(&b);
	fill(r->finding.text, sizeof r->finding.text, &b);
	fill(r->finding.detail, sizeof r->finding.detail, &b);
	fill(r->order.reason, sizeof r->order.reason, &b);
	fill(r->order.name, sizeof r->order.name, &b);
	fill(r->order.by, sizeof r->order.by, &b);
	fill(r->posture.by, sizeof r->posture.by, &b);
	fill(r->posture.reason, sizeof r->posture.reason, &b);
	fill(r->refused.text, sizeof r->refused.text, &b);
	fill(ev.u.flow.community_id, sizeof ev.u.flow.community_id, &b);
	ev.at = r->at;
	ev.app = bh_be16(&b);
	ev.proto = bh_u8(&b);
	must_parse(buf, bh_eve_alert(&e, r, buf, cap));
	must_parse(buf, bh_eve_action(&e, r, buf, cap));
	must_parse(buf, bh_eve_posture(&e, r, buf, cap));
	must_parse(buf, bh_eve_flow(&e, &ev, buf, cap));
	must_parse(buf, bh_eve_alert(&e, r, buf, sizeof buf));
	free(r);
	return 0;
}
