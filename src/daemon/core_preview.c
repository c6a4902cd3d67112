/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a cut would break, before it is made. The law as it is and the law with the cut become models of the ruleset, the
 * connections the kernel knows (asked of the enforcer) and those remembered here are put to both, and what one lets pass and
 * the other does not is what will be lost. The same encoder writes the real ruleset, so the preview cannot differ from the act.
 *
 * Some pairs speak without this box: on one segment, or by another path. They are named, because no cut here reaches them.
 * Of a segment behind a bridge of this box (--bridge) that is true of pairs behind one port alone; the bridge knows the ports.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "daemon/core_proc.h"

#define CONNECTIONS_MAX 65536u
#define LINES_MAX 8192u /* kinds of them */
#define PORTS_MAX 8192u
#define BOXES_MAX 16u
#define FRESH BH_SEC(10) /* a connection seen so lately is in the connection table of a box it passes */

struct port { /* of a bridge of this box, and who is behind it */
	struct bh_mac mac;
	uint64_t index;
};
struct preview {
	struct proc *p;
	const struct bh_order *o;
	struct bh_model *before, *after;
	struct bh_preview pv;
	size_t cap;
	bool live_known;
	char bypass[BH_OFFLOAD_TEXT];
	struct port *ports;
	size_t n_ports, cap_ports;
	char boxes[BOXES_MAX * BH_BOX_TEXT];
};

/* ---- models ---- */
static int make_models(struct preview *w)
{
	struct bh_plan plan = *bh_core_plan(w->p->core); /* shallow */
	struct bh_cut *cuts = malloc((plan.n_cuts + w->o->n_cuts) * sizeof *cuts);
	int r;

	if (!cuts)
		return -ENOMEM;
	plan.mode = (uint8_t)bh_core_mode(w->p->core);
	r = bh_enforce_model(&plan, &w->before);
	if (r == 0) {
		if (plan.n_cuts)
			memcpy(cuts, plan.cuts, plan.n_cuts * sizeof *cuts);
		memcpy(cuts + plan.n_cuts, w->o->cuts, w->o->n_cuts * sizeof *cuts);
		plan.cuts = cuts;
		plan.n_cuts += w->o->n_cuts;
		r = bh_enforce_model(&plan, &w->after);
	}
	free(cuts);
	if (r == 0)
		r = bh_model_freeze(w->before);
	if (r == 0)
		r = bh_model_freeze(w->after);
	return r;
}

static struct bh_scenario scenario(bool open, bool reply, const struct bh_mac *mac)
{
	return (struct bh_scenario){.hook = BH_HOOK_FORWARD, .state = open ? BH_CT_ESTABLISHED : BH_CT_NEW, .reply = reply, .mac = mac};
}

/* both directions of it */
static bool passes(struct preview *w, struct bh_model *m, const struct bh_preview_line *l, uint16_t sport, bool open)
{
	bool v4 = bh_addr_is4(&l->src);
	struct bh_prefix src = bh_prefix_host(&l->src), dst = bh_prefix_host(&l->dst);
	struct bh_box b = bh_box_of(v4 ? 4 : 6, &src, &dst, l->proto == 58 ? 1 : l->proto, l->dport, l->dport);
	struct bh_point at;

	b.splo = b.sphi = sport;
	if (!open) {
		struct bh_scenario sc = scenario(false, false, NULL);

		return bh_model_point(m, &sc, &b, &at) == 0 && at.verdict != BH_NO;
	}
	for (int reply = 0; reply < 2; reply++) {
		struct bh_scenario sc = scenario(true, reply, NULL);

		if (bh_model_point(m, &sc, &b, &at) || at.verdict == BH_NO)
			return false;
	}
	return true;
}

static void judge(struct preview *w, struct bh_preview_line *l, uint16_t sport, bool open)
{
	struct bh_judgement j = bh_policy_judge(w->p->policy, &l->src, &l->dst, l->proto, l->dport);
	const struct bh_policy *pol = w->p->policy;

	l->critical = (j.to != BH_ZONE_NONE && pol->zones[j.to].critical) || (j.from != BH_ZONE_NONE && pol->zones[j.from].critical);
	l->pin = j.rule == BH_RULE_PIN ? j.index : UINT32_MAX;
	if (passes(w, w->after, l, sport, open)) {
		l->fate = BH_PREVIEW_KEPT;
		l->not_again = open && !passes(w, w->after, l, 0, false);
	} else
		l->fate = passes(w, w->before, l, sport, open) ? BH_PREVIEW_CUT : BH_PREVIEW_BARRED;
}

/* ---- connections ---- */
static bool concerned(const struct bh_order *o, const struct bh_addr *a)
{
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (o->cuts[i].what != BH_CUT_MAC && (bh_prefix_has(&o->cuts[i].net, a) || (o->cuts[i].what == BH_CUT_FLOW && bh_prefix_has(&o->cuts[i].peer, a))))
			return true;
	return false;
}

static int by_kind(const void *a, const void *b)
{
	const struct bh_preview_line *x = a, *y = b;
	int d = memcmp(&x->src, &y->src, sizeof x->src);

	d = d ? d : memcmp(&x->dst, &y->dst, sizeof x->dst);
	d = d ? d : (int)x->proto - y->proto;
	d = d ? d : (int)x->dport - y->dport;
	return d ? d : (int)x->sport - y->sport;
}

static struct bh_preview_line *add(struct preview *w, const struct bh_preview_line *l)
{
	if (w->pv.n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 256;
		struct bh_preview_line *v = cap > CONNECTIONS_MAX ? NULL : realloc(w->pv.v, cap * sizeof *v);

		if (!v) {
			w->pv.left_out++;
			return NULL;
		}
		w->pv.v = v;
		w->cap = cap;
	}
	w->pv.v[w->pv.n] = *l;
	return &w->pv.v[w->pv.n++];
}

static void one_live(struct preview *w, const struct bh_ct_flow *f)
{
	bool ports = f->proto == 6 || f->proto == 17;

	if (f->answered)
		(void)add(w, &(struct bh_preview_line){.src = f->src, .dst = f->dst, .proto = f->proto, .dport = ports ? f->dport : 0,
			.sport = w->o && w->o->n_cuts && w->o->cuts[0].what == BH_CUT_FLOW ? f->sport : 0, .live = !f->closed, .packets = f->packets, .bytes = f->bytes});
}

/* one line a kind, so a host with many connections costs a sort and no more */
static void sum_live(struct preview *w)
{
	size_t n = 0;

	if (w->pv.n)
		qsort(w->pv.v, w->pv.n, sizeof *w->pv.v, by_kind);
	for (size_t i = 0; i < w->pv.n; i++) {
		struct bh_preview_line *l = &w->pv.v[i];

		if (n && by_kind(&w->pv.v[n - 1], l) == 0) {
			w->pv.v[n - 1].live += l->live;
			w->pv.v[n - 1].packets += l->packets;
			w->pv.v[n - 1].bytes += l->bytes;
		} else if (n < LINES_MAX) {
			w->pv.v[n++] = *l;
		} else {
			w->pv.left_out++;
		}
	}
	w->pv.n = n;
	for (size_t i = 0; w->o && i < n; i++)
		judge(w, &w->pv.v[i], w->pv.v[i].sport, w->pv.v[i].live);
}

static void one_port(struct preview *w, const char *at, const char *end)
{
	struct port port;
	struct bh_word a, b;

	if (bh_word_next(&at, end, &a) || bh_word_next(&at, end, &b) || bh_word_u64(a, UINT32_MAX, &port.index) || bh_mac_parse(b.p, b.len, &port.mac))
		return;
	if (w->n_ports == w->cap_ports) {
		size_t cap = w->cap_ports ? w->cap_ports * 2 : 64;
		struct port *v = cap > PORTS_MAX ? NULL : realloc(w->ports, cap * sizeof *v);

		if (!v)
			return;
		w->ports = v;
		w->cap_ports = cap;
	}
	w->ports[w->n_ports++] = port;
}

static void live(struct preview *w, const char *body, size_t len)
{
	const char *p = body, *end = body + len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		struct bh_ct_flow f;
		uint64_t left;

		if (n > 9 && !memcmp(p, "left-out ", 9) && bh_word_u64((struct bh_word){p + 9, n - 9}, UINT64_MAX, &left) == 0) {
			w->pv.left_out += left;
			w->live_known = left == 0;
		} else if (n > 8 && n - 8 < sizeof w->bypass && !memcmp(p, "offload ", 8)) {
			memcpy(w->bypass, p + 8, n - 8);
			w->pv.bypass = w->bypass;
		} else if (n > 5 && !memcmp(p, "port ", 5)) {
			one_port(w, p + 5, p + n);
		} else if (bh_ct_flow_parse(p, n, &f) == 0) {
			one_live(w, &f);
		}
		p += n + 1;
	}
	sum_live(w);
}

/* the port of a bridge it is behind, 0 = not known */
static uint64_t port_of(struct preview *w, const struct bh_addr *a)
{
	const struct bh_host *h = bh_state_find(bh_core_state(w->p->core), a);

	for (size_t i = 0; h && !bh_mac_none(&h->mac) && i < w->n_ports; i++)
		if (bh_mac_eq(&w->ports[i].mac, &h->mac))
			return w->ports[i].index;
	return 0;
}

static bool isolates(const struct bh_order *o)
{
	for (unsigned i = 0; i < o->n_cuts; i++)
		if (o->cuts[i].kind != BH_CUT_ISOLATE)
			return false;
	return true;
}

/* why this box sees it and cannot cut it, or NULL */
static const char *beyond(struct preview *w, const struct bh_seen *s, uint8_t *io_fate)
{
	if (bh_policy_one_segment(w->p->policy, &s->src, &s->dst)) {
		uint64_t from = port_of(w, &s->src), to = port_of(w, &s->dst);

		if (w->p->segment == BH_SEGMENT_NONE)
			return "same segment: it does not pass this box";
		if (!from || !to)
			return "same segment, and not known to be behind two ports of this box's bridge";
		if (from == to)
			return "same segment, behind one port of this box's bridge: it does not pass this box";
		if (w->p->segment == BH_SEGMENT_STATELESS && !isolates(w->o))
			return "same segment: between the ports of this bridge isolations alone hold, without state";
		if (w->p->segment == BH_SEGMENT_STATELESS) {
			if (*io_fate == BH_PREVIEW_BARRED) /* by zones, which do not hold there */
				*io_fate = BH_PREVIEW_CUT;
			return NULL; /* there is no connection table of it */
		}
	}
	if (w->live_known && s->proto == 6 && s->last + FRESH > w->p->now)
		return "seen, but not in this box's connection table: another path, or a mirror port";
	return NULL;
}

static void recorded(struct preview *w)
{
	const struct bh_seen_table *t = bh_core_seen(w->p->core);
	size_t live_lines = w->pv.n;

	for (size_t i = 0; i < bh_seen_slots(t); i++) {
		const struct bh_seen *s = bh_seen_at(t, i);
		struct bh_preview_line l, *open;

		if (!s || (!concerned(w->o, &s->src) && !concerned(w->o, &s->dst)))
			continue;
		l = (struct bh_preview_line){.src = s->src, .dst = s->dst, .proto = s->proto, .dport = s->dport};
		open = live_lines ? bsearch(&l, w->pv.v, live_lines, sizeof l, by_kind) : NULL;
		if (!open && w->pv.n < 2 * LINES_MAX) {
			judge(w, &l, 0, false);
			l.why = beyond(w, s, &l.fate);
			if (l.why)
				l.fate = BH_PREVIEW_BEYOND;
			l.bytes = s->bytes;
			open = add(w, &l);
		}
		if (!open)
			continue;
		open->app = s->app;
		open->flows = s->flows;
		open->first = s->first;
		open->last = s->last;
	}
}

/* ---- of all packets there could be ---- */
static void boxes(struct preview *w)
{
	struct bh_text t = bh_text(w->boxes, sizeof w->boxes);
	size_t n = 0;

	for (unsigned i = 0; i < w->o->n_cuts; i++)
		for (int to = 0; to < 2; to++) {
			const struct bh_cut *c = &w->o->cuts[i];
			struct bh_scenario sc = scenario(false, false, c->what == BH_CUT_MAC ? &c->mac : NULL);
			struct bh_boxes lost = {0};
			struct bh_box in;

			if (c->what == BH_CUT_MAC || c->what == BH_CUT_FLOW)
				continue; /* by its addresses; by itself */
			in = bh_box_of(bh_prefix_is4(&c->net) ? 4 : 6, to ? NULL : &c->net, to ? &c->net : NULL, 0, 0, 65535);
			if (bh_model_minus(w->before, w->after, &sc, &in, &lost) == 0) {
				bh_boxes_join(&lost);
				for (size_t k = 0; k < lost.n; k++, n++) {
					char text[BH_BOX_TEXT];

					if (n < BOXES_MAX - 1)
						bh_putf(&t, "%s\n", bh_box_print(&lost.v[k], text));
				}
			}
			bh_boxes_fini(&lost);
		}
	if (n >= BOXES_MAX)
		bh_putf(&t, "and %zu more\n", n - (BOXES_MAX - 1));
	w->pv.boxes = t.len ? w->boxes : NULL;
}

static void session(struct preview *w, const struct bh_addr *from)
{
	const struct bh_plan *law = bh_core_plan(w->p->core);

	w->pv.session = *from;
	if (bh_addr_none(from))
		return;
	w->pv.session_inside = concerned(w->o, from);
	for (size_t i = 0; i < law->n_mgmt; i++) {
		const struct bh_plan_mgmt *m = &law->mgmt[i];

		if (bh_prefix_has(&m->from, from) && (m->proto == 0 || (m->proto == 6 && m->lo <= 22 && m->hi >= 22)))
			w->pv.session_managed = true;
	}
}

/* ---- asking and answering ---- */
static void finish(struct proc *p, struct client *c, const struct bh_enf_reply *r)
{
	struct preview *w = calloc(1, sizeof *w);
	int failed;

	if (!w) {
		core_answer(p, c, 1, "no memory");
		return;
	}
	w->p = p;
	w->o = c->preview;
	failed = w->o ? make_models(w) : 0;
	if (failed == 0 && r && r->status == 0)
		live(w, r->body ? r->body : "", r->body_len);
	else
		w->pv.live_missing = !r ? "no enforcer answered" : r->text[0] ? r->text : "the enforcer could not read it";
	if (failed == 0 && w->o) {
		recorded(w);
		if (w->pv.n)
			qsort(w->pv.v, w->pv.n, sizeof *w->pv.v, bh_preview_line_cmp);
		boxes(w);
		session(w, &c->q.session);
	}
	if (w->o)
		core_say_preview(p, c, failed ? NULL : &w->pv);
	else
		core_say_flows(p, c, &w->pv);
	bh_model_free(w->before);
	bh_model_free(w->after);
	free(w->pv.v);
	free(w->ports);
	free(w);
}

/* what the enforcer tells about counters: a line of them, then one a pair of what observe mode let pass */
static void counters(struct proc *p, struct client *c, const struct bh_enf_reply *r)
{
	const char *at = r->body, *end = at + r->body_len, *nl = r->body ? memchr(at, '\n', r->body_len) : NULL;
	struct bh_api_would *v;
	char first[256] = "";
	size_t n = 0, lines = 0;

	if (r->status || !nl || (size_t)(nl - at) >= sizeof first || nl - at < 9) {
		core_answer(p, c, 1, r->text[0] ? r->text : "the enforcer could not read its counters");
		return;
	}
	memcpy(first, at + 9, (size_t)(nl - at) - 9); /* without the word in front */
	for (const char *q = nl; q < end; q++)
		lines += *q == '\n';
	v = malloc((lines + 1) * sizeof *v);
	while (v && (at = nl + 1) < end) {
		struct bh_would w;

		nl = memchr(at, '\n', (size_t)(end - at));
		if (!nl)
			nl = end;
		if (n < lines && bh_would_parse(at, (size_t)(nl - at), &w) == 0)
			v[n++] = (struct bh_api_would){w.src, w.dst, w.proto, w.dport, w.packets};
	}
	core_say_counters(p, c, first, v, v ? n : 0);
	free(v);
}

static struct client *who(struct proc *p, uint32_t token)
{
	for (int i = 0; i < CLIENTS; i++)
		if (token && p->clients[i].fd >= 0 && p->clients[i].token == token)
			return &p->clients[i];
	return NULL;
}

#define GUEST_SHARE 4 /* a question takes so many times as long until the next one */

/* These questions cost kernel and core time that orders need: who may not order asks one at a time, and not all the time. */
static bool crowded(struct proc *p, const struct client *c)
{
	if (c->may_write)
		return false;
	if (p->guest_next > p->now + BH_MIN(1)) /* the clock was set back */
		p->guest_next = p->now;
	return p->guest || p->now < p->guest_next;
}

static void guest_done(struct proc *p)
{
	bh_ns now = core_wall(), took = now > p->guest_asked ? now - p->guest_asked : 0;

	p->guest = 0;
	p->guest_next = now + GUEST_SHARE * (took < BH_SEC(5) ? took : BH_SEC(5));
}

static void ask(struct proc *p, struct client *c, unsigned request)
{
	int r = -ENOTCONN;

	if (crowded(p, c)) {
		core_answer(p, c, 8, "somebody else is asking just now; try again");
		return;
	}
	c->deadline = p->now + BH_SEC(5);
	if (++p->tokens == 0)
		p->tokens = 1;
	c->token = p->tokens;
	if (!c->may_write) {
		p->guest = c->token;
		p->guest_asked = p->now;
	}
	if (p->enf.fd >= 0 && c->preview)
		r = bh_enfclient_cuts(&p->enf, request, c->token, c->preview->cuts, c->preview->n_cuts);
	else if (p->enf.fd >= 0)
		r = bh_enfclient_send(&p->enf, request, c->token, NULL, 0);
	if (r < 0) {
		bool guest = !c->may_write;

		core_live_late(p, c);
		if (guest)
			guest_done(p);
	}
}

void core_preview(struct proc *p, struct client *c, const struct bh_api_request *q, const struct bh_order *o)
{
	c->q = *q;
	c->preview = malloc(sizeof *o);
	if (!c->preview) {
		core_answer(p, c, 1, "no memory");
		return;
	}
	*c->preview = *o;
	ask(p, c, BH_ENF_FLOWS);
}

void core_flows(struct proc *p, struct client *c)
{
	c->q.verb = BH_API_FLOWS;
	ask(p, c, BH_ENF_FLOWS);
}

void core_counters(struct proc *p, struct client *c)
{
	c->q.verb = BH_API_COUNTERS;
	ask(p, c, BH_ENF_COUNTERS);
}

void core_live_replied(struct proc *p, const struct bh_enf_reply *r, unsigned request, uint32_t token)
{
	struct client *c = who(p, token);
	bool guest = token && token == p->guest; /* also of one who has gone meanwhile */

	if (c) {
		c->token = 0;
		if (request == BH_ENF_FLOWS)
			finish(p, c, r);
		else
			counters(p, c, r);
	}
	if (guest)
		guest_done(p);
}

void core_live_lost(struct proc *p)
{
	p->guest = 0;
}

void core_live_late(struct proc *p, struct client *c)
{
	c->token = 0;
	if (c->preview || c->q.verb == BH_API_FLOWS)
		finish(p, c, NULL);
	else
		core_answer(p, c, 8, "no enforcer answered");
}
