/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text of a plan, read strictly: the enforcer's peer may be owned, so every word is checked,
 * every count capped, and the first thing not understood refuses the whole text with its line and
 * column.
 */
#include <errno.h>
#include <stdlib.h>
#include "box.h"
#include "words.h"

#define MAX_LINES (4u << 20)
#define MAX_PINS 65536
#define MAX_CUTS BOX_MAX

/* ---- arrays and names ---- */

static int room(struct parser *p, void **io_v, size_t *io_cap, size_t n, size_t size, size_t max)
{
	size_t cap = *io_cap ? *io_cap * 2 : 16;
	void *v;

	if (n >= max)
		return bh_words_fail(p, p->line, "more than %zu of these", max);
	if (n < *io_cap)
		return 0;
	v = realloc(*io_v, cap * size);
	if (!v)
		return -ENOMEM;
	*io_v = v;
	*io_cap = cap;
	return 0;
}

static const char *name_at(const struct parser *p, const struct names *t, uint32_t i)
{
	return t == &p->zones ? p->plan.zones[i].name : p->plan.conduit_names[i];
}

static size_t names_slot(const struct parser *p, const struct names *t, const char *s)
{
	size_t i = bh_hash(s, strlen(s), 0) & t->mask;

	while (t->slot[i] && strcmp(name_at(p, t, t->slot[i] - 1), s))
		i = (i + 1) & t->mask;
	return i;
}

/* index must already hold its name in the plan. 1 = there is one of that name, < 0 -errno */
static int names_add(struct parser *p, struct names *t, uint32_t index)
{
	size_t at;

	if (t->n * 2 >= t->mask) {
		struct names bigger = {.mask = t->mask ? t->mask * 2 + 1 : 63, .n = t->n};

		bigger.slot = calloc(bigger.mask + 1, sizeof *bigger.slot);
		if (!bigger.slot)
			return -ENOMEM;
		free(t->slot);
		*t = bigger;
		for (uint32_t i = 0; i < t->n; i++)
			t->slot[names_slot(p, t, name_at(p, t, i))] = i + 1;
	}
	at = names_slot(p, t, name_at(p, t, index));
	if (t->slot[at])
		return 1;
	t->slot[at] = index + 1;
	t->n++;
	return 0;
}

static int lookup(struct parser *p, const struct names *t, struct bh_word w, const char *what,
	uint32_t *ret_index)
{
	char s[BH_NAME];
	int r = bh_words_name(p, w, s);

	if (r)
		return r;
	if (t->slot) {
		size_t at = names_slot(p, t, s);

		if (t->slot[at]) {
			*ret_index = t->slot[at] - 1;
			return 0;
		}
	}
	return bh_words_fail(p, w.p, "no %s of that name above", what);
}

/* ---- lines ---- */

static int parse_head(struct parser *p)
{
	struct bh_word v;
	uint64_t n;
	bool have;
	int r;

	if (p->head)
		return bh_words_fail(p, p->line, "a second plan line");
	if (bh_words_need_keyed(p, "generation", &v) || bh_words_number(p, v, 1, 65535, &n))
		return 1;
	p->plan.generation = (uint32_t)n;
	if (bh_words_need_keyed(p, "mode", &v))
		return 1;
	for (n = 0; n < BH_MODE_COUNT && !bh_word_is(v, bh_plan_modes[n]); n++)
		;
	if (n == BH_MODE_COUNT)
		return bh_words_fail(p, v.p, "mode is observe, ask or auto");
	p->plan.mode = (uint8_t)n;
	if (bh_words_need_keyed(p, "policy", &v))
		return 1;
	if (bh_word_str(v, p->plan.policy_file, sizeof p->plan.policy_file))
		return bh_words_fail(p, v.p, "not a file name of at most %zu bytes",
			sizeof p->plan.policy_file - 1);
	r = bh_words_optional_word(p, &v, &have);
	if (r == 0 && have) {
		struct bh_word w = v;

		if (!bh_words_keyed(w, "sha256", &v) || v.len != 64)
			return bh_words_fail(p, w.p, "expected sha256= and 64 hex digits");
		for (size_t i = 0; i < 64; i++)
			if (!strchr("0123456789abcdef", v.p[i]) || !v.p[i])
				return bh_words_fail(p, v.p + i, "not a lower-case hex digit");
		memcpy(p->plan.policy_sha256, v.p, 64);
	}
	p->head = true;
	return r;
}

/* "40,41": ascending */
static int parse_vlans(struct parser *p, struct bh_word w, struct bh_vlans *ret)
{
	const char *at = w.p, *end = w.p + w.len;

	for (;;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct bh_word one = {at, (size_t)((comma ? comma : end) - at)};
		uint64_t id;
		int r = bh_words_number(p, one, 1, 4094, &id);

		if (r)
			return r;
		if (ret->n == BH_VLANS)
			return bh_words_fail(p, at, "more than %d VLANs", BH_VLANS);
		if (ret->n && ret->v[ret->n - 1] >= id)
			return bh_words_fail(p, at, "VLANs are in ascending order");
		ret->v[ret->n++] = (uint16_t)id;
		if (!comma)
			return 0;
		at = comma + 1;
	}
}

static int parse_zone(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_plan_zone *z;
	struct bh_word w, v;
	size_t cap = 0;
	bool have = true;
	int r = room(
		p, (void **)&plan->zones, &p->cap_zones, plan->n_zones, sizeof *z, BH_MAX_ZONES);

	if (r)
		return r;
	z = &plan->zones[plan->n_zones];
	memset(z, 0, sizeof *z);
	if (bh_words_next(p, "a zone name", &w) || bh_words_name(p, w, z->name))
		return 1;
	plan->n_zones++;
	r = names_add(p, &p->zones, (uint32_t)plan->n_zones - 1);
	if (r)
		return r < 0 ? r : bh_words_fail(p, w.p, "a zone of that name stands above");
	if (bh_words_need_keyed(p, "critical", &v))
		return 1;
	if (!bh_word_is(v, "0") && !bh_word_is(v, "1"))
		return bh_words_fail(p, v.p, "critical is 0 or 1");
	z->critical = v.p[0] == '1';
	while ((r = bh_words_optional_word(p, &w, &have)) == 0 && have) {
		if (!z->nets.n && !z->vlans.n && bh_words_keyed(w, "vlan", &v)) {
			r = parse_vlans(p, v, &z->vlans);
			if (r)
				return r;
			continue;
		}
		r = room(p, (void **)&z->nets.v, &cap, z->nets.n, sizeof *z->nets.v, BOX_MAX_NETS);
		if (r == 0)
			r = bh_words_prefix(p, w, &z->nets.v[z->nets.n]);
		if (r)
			return r;
		z->nets.n++;
	}
	return r;
}

static int parse_conduit(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_word w;
	int r = room(p, (void **)&plan->conduit_names, &p->cap_conduits, plan->n_conduit_names,
		BH_NAME, BH_MAX_CONDUITS + 1);

	if (r)
		return r;
	if (bh_words_next(p, "a conduit name", &w) ||
		bh_words_name(p, w, plan->conduit_names[plan->n_conduit_names]))
		return 1;
	plan->n_conduit_names++;
	r = names_add(p, &p->conduits, (uint32_t)plan->n_conduit_names - 1);
	return r > 0 ? bh_words_fail(p, w.p, "a conduit of that name stands above") : r;
}

static int arrow(struct parser *p)
{
	struct bh_word w;
	int r = bh_words_next(p, ">", &w);

	if (r)
		return r;
	return bh_word_is(w, ">") ? 0 : bh_words_fail(p, w.p, "expected >");
}

static int parse_permit(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_permit permit = {0};
	struct bh_word w, v;
	uint32_t zone = 0;
	bool have;
	int r = room(p, (void **)&plan->permits, &p->cap_permits, plan->n_permits, sizeof permit,
		BOX_MAX);

	if (r)
		return r;
	if (bh_words_next(p, "a zone name", &w) || lookup(p, &p->zones, w, "zone", &zone) ||
		arrow(p) || bh_words_next_prefix(p, &permit.dst) ||
		bh_words_service(p, &permit.proto, &permit.lo, &permit.hi) ||
		bh_words_need_keyed(p, "conduit", &v) ||
		lookup(p, &p->conduits, v, "conduit", &permit.conduit))
		return 1;
	permit.from = (uint16_t)zone;
	r = bh_words_optional_word(p, &w, &have);
	if (r == 0 && have) {
		if (!bh_words_keyed(w, "from", &v))
			return bh_words_fail(p, w.p, "expected from=");
		if (bh_words_prefix(p, v, &permit.src))
			return 1;
		if (permit.src.bits == 0 ||
			bh_prefix_is4(&permit.src) != bh_prefix_is4(&permit.dst))
			return bh_words_fail(
				p, v.p, "from= must be a prefix of the target's family");
	}
	plan->permits[plan->n_permits++] = permit;
	return r;
}

static int parse_pin(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_plan_pin pin = {0};
	struct bh_word w, v;
	bool have;
	int r = room(p, (void **)&plan->pins, &p->cap_pins, plan->n_pins, sizeof pin, MAX_PINS);

	if (r)
		return r;
	if (bh_words_next(p, "a pin name", &w) || bh_words_name(p, w, pin.name) ||
		bh_words_next_prefix(p, &pin.from) || arrow(p) ||
		bh_words_next_prefix(p, &pin.to) ||
		bh_words_service(p, &pin.proto, &pin.lo, &pin.hi))
		return 1;
	if (bh_prefix_is4(&pin.from) != bh_prefix_is4(&pin.to))
		return bh_words_fail(p, w.p, "the ends of a pin are of one family");
	r = bh_words_optional_word(p, &w, &have);
	if (r == 0 && have) {
		if (!bh_words_keyed(w, "at", &v))
			return bh_words_fail(p, w.p, "expected at=");
		if (bh_words_position(p, v, &pin.pos))
			return 1;
	}
	plan->pins[plan->n_pins++] = pin;
	return r;
}

static int parse_remedy(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_plan_remedy m = {0};
	int r = room(p, (void **)&plan->remedies, &p->cap_remedies, plan->n_remedies, sizeof m,
		MAX_PINS);

	if (r || (r = bh_words_next_prefix(p, &m.to)) ||
		(r = bh_words_service(p, &m.proto, &m.lo, &m.hi)))
		return r;
	plan->remedies[plan->n_remedies++] = m;
	return 0;
}

static int parse_manage(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_plan_mgmt m = {0};
	int r = room(p, (void **)&plan->mgmt, &p->cap_mgmt, plan->n_mgmt, sizeof m, MAX_PINS);

	if (r || (r = bh_words_next_prefix(p, &m.from)) ||
		(r = bh_words_service(p, &m.proto, &m.lo, &m.hi)))
		return r;
	plan->mgmt[plan->n_mgmt++] = m;
	return 0;
}

static int parse_never(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	struct bh_plan_never n = {0};
	struct bh_word w, v;
	bool have = false;
	int r = room(p, (void **)&plan->never, &p->cap_never, plan->n_never, sizeof n, MAX_PINS);

	if (r)
		return r;
	if (bh_words_next(p, "a host name", &w) || bh_words_name(p, w, n.name))
		return 1;
	while ((r = bh_words_optional_word(p, &w, &have)) == 0 && have) {
		if (bh_words_keyed(w, "mac", &v)) {
			if (bh_mac_parse(v.p, v.len, &n.mac) || bh_mac_none(&n.mac))
				return bh_words_fail(p, v.p, "not a MAC address");
		} else if (bh_words_keyed(w, "at", &v)) {
			if (bh_words_position(p, v, &n.pos))
				return 1;
		} else if (n.net.bits) {
			return bh_words_fail(p, w.p, "a second address");
		} else if (bh_words_prefix(p, w, &n.net)) {
			return 1;
		} else if (n.net.bits != 128) {
			return bh_words_fail(p, w.p, "one address, not a network");
		}
	}
	if (r == 0 && !n.net.bits && bh_mac_none(&n.mac))
		return bh_words_fail(p, p->at, "neither an address nor a mac=");
	plan->never[plan->n_never++] = n;
	return r;
}

static int parse_limit(struct parser *p)
{
	struct bh_word v;
	uint64_t n;

	if (p->limit)
		return bh_words_fail(p, p->line, "a second limit line");
	if (bh_words_need_keyed(p, "cuts", &v) || bh_words_number(p, v, 0, MAX_CUTS, &n) ||
		bh_words_need_keyed(p, "ttl", &v))
		return 1;
	p->plan.max_cuts = (uint32_t)n;
	if (bh_duration_parse(v.p, v.len, &p->plan.max_ttl))
		return bh_words_fail(p, v.p, "not a duration");
	p->limit = true;
	return 0;
}

static int cut_target(struct parser *p, struct bh_word w, struct bh_cut *c)
{
	if (w.len > 4 && !memcmp(w.p, "mac:", 4)) {
		c->what = BH_CUT_MAC;
		return bh_mac_parse(w.p + 4, w.len - 4, &c->mac)
			       ? bh_words_fail(p, w.p, "not a MAC address")
			       : 0;
	}
	if (w.len > 4 && !memcmp(w.p, "net:", 4)) {
		c->what = BH_CUT_NET;
		return bh_words_prefix(p, (struct bh_word){w.p + 4, w.len - 4}, &c->net);
	}
	c->what = BH_CUT_ADDR;
	if (bh_words_prefix(p, w, &c->net))
		return 1;
	return c->net.bits == 128 ? 0
				  : bh_words_fail(p, w.p, "a network is written net:%.*s",
					    (int)(w.len & 63), w.p);
}

static int flow_end(struct parser *p, struct bh_prefix *ret_addr, uint16_t *ret_port)
{
	struct bh_word w;
	uint64_t port;

	if (bh_words_next(p, "an address", &w) || bh_words_prefix(p, w, ret_addr))
		return 1;
	if (ret_addr->bits != 128)
		return bh_words_fail(p, w.p, "a connection has one address at each end");
	if (bh_words_next(p, "a port", &w) || bh_words_number(p, w, 1, 65535, &port))
		return 1;
	*ret_port = (uint16_t)port;
	return 0;
}

/* tcp 10.1.2.3 49152 > 10.2.0.5 445 */
static int cut_flow(struct parser *p, struct bh_word proto, struct bh_cut *c)
{
	struct bh_word w;

	c->what = BH_CUT_FLOW;
	c->proto = bh_word_is(proto, "tcp") ? 6 : bh_word_is(proto, "udp") ? 17 : 0;
	if (!c->proto)
		return bh_words_fail(p, proto.p, "expected tcp or udp");
	if (flow_end(p, &c->net, &c->sport) || bh_words_next(p, ">", &w))
		return 1;
	if (!bh_word_is(w, ">"))
		return bh_words_fail(p, w.p, "expected >");
	if (flow_end(p, &c->peer, &c->dport))
		return 1;
	return bh_prefix_is4(&c->net) == bh_prefix_is4(&c->peer)
		       ? 0
		       : bh_words_fail(p, w.p, "the ends are of two families");
}

static int parse_cut_line(struct parser *p, struct bh_cut *c)
{
	struct bh_word w, v;
	uint64_t order;
	bool have;
	int r;

	memset(c, 0, sizeof *c);
	if (bh_words_next(p, "a kind of cut", &w))
		return 1;
	for (c->kind = 1; c->kind < BH_CUT_KINDS; c->kind++)
		if (bh_word_is(w, bh_cut_kind_name(c->kind)))
			break;
	if (c->kind == BH_CUT_KINDS)
		return bh_words_fail(
			p, w.p, "expected isolate, shield, contain, island or kill");
	if (bh_words_next(p, "whom", &w))
		return 1;
	if (c->kind == BH_CUT_KILL ? cut_flow(p, w, c) : cut_target(p, w, c))
		return 1;
	if (bh_words_need_keyed(p, "ttl", &v))
		return 1;
	if (bh_duration_parse(v.p, v.len, &c->ttl))
		return bh_words_fail(p, v.p, "not a duration");
	if (bh_words_need_keyed(p, "order", &v) || bh_words_number(p, v, 0, UINT32_MAX, &order))
		return 1;
	c->order = (uint32_t)order;
	r = bh_words_optional_word(p, &w, &have);
	if (r || !have)
		return r;
	if (!bh_words_keyed(w, "because", &v))
		return bh_words_fail(p, w.p, "expected because=");
	for (size_t i = 0; i < v.len; i++)
		if (!v.p[i] || !strchr(PLAN_PLAIN, v.p[i]))
			return bh_words_fail(p, v.p + i, "a reason is one bare word");
	if (v.len >= sizeof c->because)
		return bh_words_fail(p, v.p, "reason longer than %zu bytes", sizeof c->because - 1);
	memcpy(c->because, v.p, v.len);
	return 0;
}

static int parse_cut(struct parser *p)
{
	struct bh_plan *plan = &p->plan;
	int r = room(
		p, (void **)&plan->cuts, &p->cap_cuts, plan->n_cuts, sizeof *plan->cuts, MAX_CUTS);

	if (r == 0)
		r = parse_cut_line(p, &plan->cuts[plan->n_cuts]);
	if (r == 0)
		plan->n_cuts++;
	return r;
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p);
} lines[] = {
	{"plan", parse_head},
	{"limit", parse_limit},
	{"zone", parse_zone},
	{"conduit", parse_conduit},
	{"permit", parse_permit},
	{"pin", parse_pin},
	{"remedy", parse_remedy},
	{"manage", parse_manage},
	{"never", parse_never},
	{"cut", parse_cut},
};

static int parse_line(struct parser *p)
{
	struct bh_word w;
	bool have;
	int r;

	if (memchr(p->line, '\0', (size_t)(p->end - p->line)))
		return bh_words_fail(p, p->line, "a zero byte in the line");
	r = bh_words_optional_word(p, &w, &have);
	if (r || !have)
		return r;
	if (!p->head && !bh_word_is(w, "plan"))
		return bh_words_fail(p, w.p, "the first line must be a plan line");
	for (size_t i = 0; i < BH_COUNT(lines); i++)
		if (bh_word_is(w, lines[i].word)) {
			r = lines[i].parse(p);
			return r ? r : bh_words_end_of_line(p);
		}
	return bh_words_fail(p, w.p, "unknown word");
}

int bh_plan_parse(
	const char *text, size_t len, struct bh_plan *ret_plan, struct bh_plan_error *ret_error)
{
	struct bh_plan_error error = {0};
	struct parser p = {.error = &error};
	const char *end = text + len;
	int r = 0;

	while (r == 0 && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));

		p.line = p.at = text;
		p.end = nl ? nl : end;
		if (++p.number > MAX_LINES)
			r = bh_words_fail(&p, p.line, "more than %u lines", MAX_LINES);
		else
			r = parse_line(&p);
		text = nl ? nl + 1 : end;
	}
	if (r == 0 && !p.head) {
		p.line = text;
		p.number++;
		r = bh_words_fail(&p, text, "no plan line");
	}
	free(p.zones.slot);
	free(p.conduits.slot);
	if (r) {
		bh_plan_fini(&p.plan);
		*ret_error = error;
		return r;
	}
	*ret_plan = p.plan;
	return 0;
}

int bh_cut_parse(
	const char *line, size_t len, struct bh_cut *ret_cut, struct bh_plan_error *ret_error)
{
	struct bh_plan_error error = {0};
	struct parser p = {
		.error = &error, .line = line, .at = line, .end = line + len, .number = 1};
	struct bh_cut c;
	struct bh_word w;
	int r;

	if (memchr(line, '\0', len) || memchr(line, '\n', len))
		r = bh_words_fail(&p, line, "not one line");
	else if ((r = bh_words_next(&p, "cut", &w)) == 0 && !bh_word_is(w, "cut"))
		r = bh_words_fail(&p, w.p, "expected cut");
	if (r == 0)
		r = parse_cut_line(&p, &c);
	if (r == 0)
		r = bh_words_end_of_line(&p);
	if (r) {
		*ret_error = error;
		return r;
	}
	*ret_cut = c;
	return 0;
}
