/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EVE records. What third-party tools read stands in the standard places; everything that is only ours is one extra object,
 * `bulkhead`, which strict mode leaves out. Absent means the key is left out: never null, never an empty array.
 */
#include <bulkhead/report.h>

static const char *proto_name(unsigned proto, char buf[4])
{
	switch (proto) {
	case 6:
		return "TCP";
	case 17:
		return "UDP";
	case 1:
		return "ICMP";
	case 58:
		return "IPv6-ICMP";
	}
	return bh_proto_name(proto, buf);
}

static void head(struct bh_json *j, const struct bh_eve *e, bh_ns at, const char *type, uint64_t flow_id)
{
	bh_json_open(j, NULL, '{');
	bh_json_time(j, "timestamp", at, e->offset_s);
	if (flow_id)
		bh_json_u64(j, "flow_id", flow_id);
	if (e->in_iface)
		bh_json_str(j, "in_iface", e->in_iface);
	bh_json_str(j, "event_type", type);
	bh_json_str(j, "host", e->host);
}

static size_t finish(struct bh_json *j)
{
	bh_json_close(j, '}');
	if (j->truncated || j->len == j->cap)
		return 0;
	j->p[j->len++] = '\n';
	return j->len;
}

static void tuple(struct bh_json *j, const struct bh_addr *src, uint16_t sport, const struct bh_addr *dst, uint16_t dport,
	uint8_t proto, uint16_t vlan)
{
	bool ports = proto == 6 || proto == 17;
	char buf[4];

	if (vlan) {
		bh_json_open(j, "vlan", '[');
		bh_json_u64(j, NULL, vlan);
		bh_json_close(j, ']');
	}
	bh_json_text(j, ",\"src_ip\":");
	bh_json_addr(j, NULL, src);
	if (ports) {
		bh_json_text(j, ",\"src_port\":");
		bh_json_u64(j, NULL, sport);
	}
	if (!bh_addr_none(dst)) {
		bh_json_text(j, ",\"dest_ip\":");
		bh_json_addr(j, NULL, dst);
	}
	if (ports) {
		bh_json_text(j, ",\"dest_port\":");
		bh_json_u64(j, NULL, dport);
	}
	if (proto) {
		bh_json_text(j, ",\"proto\":");
		bh_json_str(j, NULL, proto_name(proto, buf));
	}
	bh_json_text(j, ",\"ip_v\":");
	bh_json_u64(j, NULL, bh_addr_is4(src) ? 4 : 6);
}

static void one(struct bh_json *j, const char *key, const char *value)
{
	bh_json_open(j, key, '[');
	bh_json_str(j, NULL, value);
	bh_json_close(j, ']');
}

static void zone(struct bh_json *j, const struct bh_eve *e, const struct bh_addr *a)
{
	uint16_t z = e->policy ? bh_policy_zone_of(e->policy, a) : BH_ZONE_NONE;

	if (z != BH_ZONE_NONE)
		bh_json_str(j, "zone", e->policy->zones[z].name);
}

static void host_object(struct bh_json *j, const struct bh_eve *e, const char *name, const struct bh_addr *a, const struct bh_mac *m)
{
	const struct bh_phost *d = e->policy ? bh_policy_host_by_addr(e->policy, a) : NULL;

	bh_json_open(j, "host", '{');
	if (name && name[0])
		bh_json_str(j, "name", name);
	else if (d)
		bh_json_str(j, "name", d->name);
	if (!bh_mac_none(m)) {
		bh_json_open(j, "mac", '[');
		bh_json_mac(j, NULL, m);
		bh_json_close(j, ']');
	}
	if (!bh_addr_none(a)) {
		bh_json_open(j, "ip", '[');
		bh_json_addr(j, NULL, a);
		bh_json_close(j, ']');
		zone(j, e, a);
	}
	bh_json_close(j, '}');
}

static unsigned eve_severity(unsigned severity)
{
	return severity >= BH_SEV_HIGH ? 1 : severity == BH_SEV_MEDIUM ? 2 : 3;
}

static void alert_object(struct bh_json *j, const struct bh_record *r)
{
	const struct bh_finding *f = &r->finding;
	const struct bh_detector *d = f->detector;
	char buf[24];
	struct bh_text t;

	bh_json_open(j, "alert", '{');
	bh_json_str(j, "action", "allowed");
	bh_json_u64(j, "gid", 1);
	bh_json_u64(j, "signature_id", d->sid);
	bh_json_u64(j, "rev", 1);
	t = bh_text((char[120]){0}, 120);
	bh_putf(&t, "BULKHEAD %s", d->title);
	bh_json_str(j, "signature", t.p);
	bh_json_str(j, "category", d->family == BH_FAM_R ? "Reconnaissance" : d->family == BH_FAM_I ? "Impact" : d->family == BH_FAM_U ? "Rogue device" : "Policy violation");
	bh_json_u64(j, "severity", eve_severity(f->severity));
	bh_json_open(j, "metadata", '{');
	one(j, "mitre_technique_id", d->attack);
	one(j, "mitre_tactic_id", d->tactic);
	one(j, "confidence", f->attribution >= 2 ? "High" : f->attribution == 1 ? "Medium" : "Low");
	one(j, "signature_severity", bh_severity_name(f->severity));
	if (r->incident) {
		bh_incident_print(buf, r->at, r->incident);
		one(j, "bulkhead_incident", buf);
	}
	t = bh_text(buf, sizeof buf);
	bh_putf(&t, "%u", r->percent);
	one(j, "bulkhead_score", buf);
	bh_json_close(j, '}');
	bh_json_close(j, '}');
}

static void alert_evidence(struct bh_json *j, const struct bh_eve *e, const struct bh_record *r)
{
	const struct bh_finding *f = &r->finding;

	bh_json_open(j, "bulkhead", '{');
	bh_json_u64(j, "v", 1);
	bh_json_u64(j, "score", r->percent);
	bh_json_i64(j, "centibans", r->score);
	host_object(j, e, NULL, &f->host, &f->mac);
	bh_json_open(j, "evidence", '[');
	bh_json_open(j, NULL, '{');
	bh_json_str(j, "detector", f->detector->name);
	bh_json_i64(j, "weight", f->weight);
	bh_json_u64(j, "attribution", f->attribution);
	bh_json_str(j, "text", f->text);
	if (f->detail[0])
		bh_json_str(j, "detail", f->detail);
	if (f->user[0])
		bh_json_str(j, "account", f->user);
	if (f->vantage)
		bh_json_str(j, "vantage", bh_seen_how_name(f->vantage));
	bh_json_close(j, '}');
	bh_json_close(j, ']');
	if (f->held)
		bh_json_u64(j, "held_back", f->held);
	if (f->n_targets) {
		bh_json_open(j, "targets", '[');
		for (unsigned i = 0; i < f->n_targets; i++) {
			bh_json_open(j, NULL, '{');
			bh_json_addr(j, "ip", &f->targets[i].addr);
			bh_json_u64(j, "port", f->targets[i].port);
			if (f->targets[i].outcome)
				bh_json_str(j, "outcome", bh_outcome_name(f->targets[i].outcome));
			bh_json_time(j, "time", f->targets[i].at, e->offset_s);
			bh_json_close(j, '}');
		}
		bh_json_close(j, ']');
	}
	bh_json_close(j, '}');
}

size_t bh_eve_alert(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap)
{
	const struct bh_finding *f = &r->finding;
	struct bh_json j = bh_json(buf, cap);

	head(&j, e, r->at, "alert", f->flow_id);
	tuple(&j, &f->host, f->sport, &f->peer, f->dport, f->proto, f->vlan);
	if (f->pkt && e->pcap_file)
		bh_json_u64(&j, "pcap_cnt", f->pkt);
	if (e->pcap_file)
		bh_json_str(&j, "pcap_filename", e->pcap_file);
	bh_json_str(&j, "pkt_src", "wire/pcap");
	if (f->app)
		bh_json_str(&j, "app_proto", bh_app_name(f->app));
	if (!bh_mac_none(&f->mac)) {
		bh_json_open(&j, "ether", '{');
		bh_json_mac(&j, "src_mac", &f->mac);
		bh_json_close(&j, '}');
	}
	alert_object(&j, r);
	if (!e->strict)
		alert_evidence(&j, e, r);
	return finish(&j);
}

const char *bh_eve_verb(unsigned verb)
{
	return verb == BH_VERB_REQUESTED ? "approved" : bh_verb_name(verb);
}

const char *bh_eve_step(unsigned cut_kind)
{
	return cut_kind == BH_CUT_NONE ? "law" : bh_cut_kind_name(cut_kind);
}

static void connection(struct bh_json *j, const struct bh_cut *c)
{
	char buf[4];

	bh_json_addr(j, "src_ip", &c->net.net);
	bh_json_u64(j, "src_port", c->sport);
	bh_json_addr(j, "dest_ip", &c->peer.net);
	bh_json_u64(j, "dest_port", c->dport);
	bh_json_str(j, "proto", proto_name(c->proto, buf));
}

static void cuts(struct bh_json *j, const struct bh_order *o)
{
	char buf[BH_PREFIX_TEXT];

	if (!o->n_cuts)
		return;
	bh_json_open(j, "cut", '[');
	for (unsigned i = 0; i < o->n_cuts; i++) {
		bh_json_open(j, NULL, '{');
		bh_json_str(j, "kind", bh_eve_step(o->kind));
		if (o->cuts[i].what == BH_CUT_FLOW)
			connection(j, &o->cuts[i]);
		else if (o->cuts[i].what == BH_CUT_MAC)
			bh_json_str(j, "mac", bh_mac_print(&o->cuts[i].mac, buf));
		else
			bh_json_str(j, "net", bh_prefix_print(&o->cuts[i].net, buf));
		bh_json_close(j, '}');
	}
	bh_json_close(j, ']');
}

static void action_object(struct bh_json *j, const struct bh_eve *e, const struct bh_record *r)
{
	const struct bh_order *o = &r->order;
	char buf[24];

	bh_json_open(j, "bulkhead", '{');
	bh_json_u64(j, "v", 1);
	bh_json_str(j, "action", bh_eve_verb(r->verb));
	if (r->incident) {
		bh_incident_print(buf, r->at, r->incident);
		bh_json_str(j, "incident", buf);
	}
	if (o->id)
		bh_json_u64(j, "order", o->id);
	bh_json_str(j, "step", o->kind == BH_CUT_NONE && o->name[0] ? "conduit" : bh_eve_step(o->kind));
	if (o->kind == BH_CUT_NONE && o->name[0])
		bh_json_str(j, "conduit", o->name);
	if (o->by[0])
		bh_json_str(j, "by", o->by);
	if (o->because[0])
		bh_json_str(j, "detector", o->because);
	if (o->reason[0])
		bh_json_str(j, "reason", o->reason);
	if (o->until)
		bh_json_time(j, "until", o->until, e->offset_s);
	if (o->kind != BH_CUT_NONE || !o->name[0])
		host_object(j, e, o->name, &o->host, &o->mac);
	cuts(j, o);
	if (o->n_pins && e->policy) {
		bh_json_open(j, "kept", '[');
		for (unsigned i = 0; i < o->n_pins; i++) {
			bh_json_open(j, NULL, '{');
			bh_json_str(j, "pin", e->policy->pins[o->pins[i]].name);
			bh_json_close(j, '}');
		}
		bh_json_close(j, ']');
	}
	if (r->verb == BH_VERB_APPLIED) {
		bh_json_open(j, "receipt", '{');
		bh_json_str(j, "enforcer", e->host);
		bh_json_u64(j, "kernel_us", o->us);
		bh_json_close(j, '}');
	}
	if (r->verb == BH_VERB_REFUSED) {
		bh_json_open(j, "refused", '{');
		bh_json_str(j, "code", bh_core_refusal_name(r->refused.code));
		bh_json_str(j, "text", r->refused.text);
		if (r->refused.pos.line && e->policy) {
			struct bh_text t = bh_text((char[200]){0}, 200);

			bh_putf(&t, "%s:%u:%u", e->policy->file, r->refused.pos.line, r->refused.pos.col);
			bh_json_str(j, "policy", t.p);
		}
		bh_json_close(j, '}');
	}
	bh_json_close(j, '}');
}

size_t bh_eve_action(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);

	if (e->strict)
		return 0;
	head(&j, e, r->at, "bulkhead", 0);
	if (!bh_addr_none(&r->order.host))
		bh_json_addr(&j, "src_ip", &r->order.host);
	action_object(&j, e, r);
	return finish(&j);
}

size_t bh_eve_posture(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap)
{
	const struct bh_posture *p = &r->posture;
	struct bh_json j = bh_json(buf, cap);

	if (e->strict || !e->policy || p->conduit >= e->policy->n_conduits)
		return 0;
	head(&j, e, r->at, "bulkhead", 0);
	bh_json_open(&j, "bulkhead", '{');
	bh_json_u64(&j, "v", 1);
	bh_json_str(&j, "action", "posture");
	bh_json_str(&j, "conduit", e->policy->conduits[p->conduit].name);
	bh_json_str(&j, "from", bh_conduit_state_name(p->was));
	bh_json_str(&j, "to", bh_conduit_state_name(p->state));
	if (p->why)
		bh_json_str(&j, "why", bh_why_name(p->why));
	if (p->order)
		bh_json_u64(&j, "order", p->order);
	if (p->by[0])
		bh_json_str(&j, "by", p->by);
	if (p->reason[0])
		bh_json_str(&j, "reason", p->reason);
	if (p->until)
		bh_json_time(&j, "until", p->until, e->offset_s);
	bh_json_close(&j, '}');
	return finish(&j);
}

size_t bh_eve_record(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap)
{
	switch (r->kind) {
	case BH_REC_ALERT:
		return bh_eve_alert(e, r, buf, cap);
	case BH_REC_POSTURE:
		return bh_eve_posture(e, r, buf, cap);
	}
	return bh_eve_action(e, r, buf, cap);
}

static const char *flow_state(const struct bh_event *ev)
{
	if (ev->u.flow.reason == BH_END_CLOSED)
		return "closed";
	return ev->outcome == BH_OUT_SUCCESS || ev->outcome == BH_OUT_HANDSHAKE || ev->outcome == BH_OUT_MIDSTREAM ? "established" : "new";
}

static void hex_byte(struct bh_json *j, uint8_t v)
{
	static const char hex[] = "0123456789abcdef";
	char buf[2] = {hex[v >> 4], hex[v & 15]};

	bh_json_strn(j, NULL, buf, 2);
}

static void flow_object(struct bh_json *j, const struct bh_eve *e, const struct bh_event *ev)
{
	const struct bh_ev_flow *f = &ev->u.flow;

	bh_json_text(j, ",\"flow\":{\"pkts_toserver\":");
	bh_json_u64(j, NULL, f->pkts[0]);
	bh_json_text(j, ",\"pkts_toclient\":");
	bh_json_u64(j, NULL, f->pkts[1]);
	bh_json_text(j, ",\"bytes_toserver\":");
	bh_json_u64(j, NULL, f->bytes[0]);
	bh_json_text(j, ",\"bytes_toclient\":");
	bh_json_u64(j, NULL, f->bytes[1]);
	bh_json_text(j, ",\"start\":");
	bh_json_time(j, NULL, f->start, e->offset_s);
	bh_json_text(j, ",\"end\":");
	bh_json_time(j, NULL, ev->at, e->offset_s);
	bh_json_text(j, ",\"age\":");
	bh_json_u64(j, NULL, ev->at > f->start ? (ev->at - f->start) / BH_SEC(1) : 0);
	bh_json_text(j, ",\"state\":");
	bh_json_str(j, NULL, flow_state(ev));
	bh_json_text(j, ",\"reason\":");
	bh_json_str(j, NULL, f->reason == BH_END_SHUTDOWN ? "shutdown" : f->reason == BH_END_EVICTED ? "forced" : "timeout");
	bh_json_text(j, ",\"alerted\":false}");
}

static void tcp_object(struct bh_json *j, const struct bh_ev_flow *f)
{
	bh_json_text(j, ",\"tcp\":{\"tcp_flags\":");
	hex_byte(j, f->tcp_flags[0] | f->tcp_flags[1]);
	bh_json_text(j, ",\"tcp_flags_ts\":");
	hex_byte(j, f->tcp_flags[0]);
	bh_json_text(j, ",\"tcp_flags_tc\":");
	hex_byte(j, f->tcp_flags[1]);
	bh_json_text(j, "}");
}

/* the one record that is written for every flow, so its fixed parts go in as they are */
size_t bh_eve_flow(const struct bh_eve *e, const struct bh_event *ev, char *buf, size_t cap)
{
	const struct bh_ev_flow *f = &ev->u.flow;
	struct bh_json j = bh_json(buf, cap);

	head(&j, e, ev->at, "flow", ev->flow_id);
	tuple(&j, &ev->src, ev->sport, &ev->dst, ev->dport, ev->proto, ev->vlan);
	if (ev->app)
		bh_json_str(&j, "app_proto", bh_app_name(ev->app));
	if (f->community_id[0])
		bh_json_str(&j, "community_id", f->community_id);
	flow_object(&j, e, ev);
	if (ev->proto == 6)
		tcp_object(&j, f);
	if (!e->strict) {
		bh_json_text(&j, ",\"bulkhead\":{\"v\":1,\"outcome\":");
		bh_json_str(&j, NULL, bh_outcome_name(ev->outcome));
		if (ev->flags & BH_EVF_GUESS)
			bh_json_text(&j, ",\"app_guessed\":true");
		bh_json_text(&j, "}");
	}
	return finish(&j);
}

size_t bh_eve_stats(const struct bh_eve *e, const struct bh_stats *s, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);

	head(&j, e, s->at, "stats", 0);
	bh_json_open(&j, "stats", '{');
	bh_json_u64(&j, "uptime", s->uptime / BH_SEC(1));
	bh_json_open(&j, "capture", '{');
	bh_json_u64(&j, "kernel_packets", s->kernel_packets);
	bh_json_u64(&j, "kernel_drops", s->kernel_drops);
	bh_json_close(&j, '}');
	bh_json_open(&j, "decoder", '{');
	bh_json_u64(&j, "pkts", s->packets);
	bh_json_u64(&j, "bytes", s->bytes);
	bh_json_u64(&j, "invalid", s->malformed);
	bh_json_close(&j, '}');
	bh_json_open(&j, "flow", '{');
	bh_json_u64(&j, "active", s->flows_active);
	bh_json_u64(&j, "total", s->flows_new);
	bh_json_u64(&j, "evicted", s->flows_evicted);
	bh_json_close(&j, '}');
	bh_json_close(&j, '}');
	if (!e->strict) {
		bh_json_open(&j, "bulkhead", '{');
		bh_json_u64(&j, "v", 1);
		bh_json_u64(&j, "events", s->core.events);
		bh_json_u64(&j, "ring_drops", s->ring_drops);
		bh_json_u64(&j, "hosts", s->core.state.hosts);
		bh_json_u64(&j, "hosts_evicted", s->core.state.evicted);
		bh_json_u64(&j, "alerts", s->core.alerts);
		bh_json_u64(&j, "held_back", s->core.held);
		bh_json_u64(&j, "suppressed", s->core.suppressed);
		bh_json_u64(&j, "isolated", s->core.isolated);
		bh_json_u64(&j, "shielded", s->core.shielded);
		bh_json_u64(&j, "contained", s->core.contained);
		bh_json_u64(&j, "islands", s->core.islands);
		bh_json_u64(&j, "killed", s->core.killed);
		bh_json_u64(&j, "eve_dropped", s->eve_dropped);
		bh_json_close(&j, '}');
	}
	return finish(&j);
}
