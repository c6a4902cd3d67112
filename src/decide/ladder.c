/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a finding to a step. The finding is weighed by how sure we are who did it (attribution), entered in the ledger, told
 * once, and then the ladder is climbed as far as score, families, detector and guard rails allow:
 *
 *   alert    always
 *   shield   S >= 3.5, or the finding itself asks (scans on critical zones, fan-outs); A1 or better
 *   contain  S >= 5 from two families, on top of a shield; the rails of an isolation but for its budgets
 *   isolate  S >= 6 from two families with one A2/A3 item of 2 bans, or a hard detector; A2 or better; 60 % of S from A2/A3;
 *            no identity conflict; a healthy tap; no infrastructure, OT or safety role; room in the budgets
 *
 * The profile shield-only stops at the shield; aggressive takes the step after a shield or a containment. What a rail forbids
 * is refused with a reason and the next lower step is taken: an exhausted budget still contains and shields.
 *
 * Beside the ladder: where the connection itself is what is wrong, it is killed and its host left alone.
 */
#include <stdio.h>
#include "decide/inside.h"

#define S_SHIELD 350
#define S_CONTAIN 500
#define S_ISOLATE 600
#define S_ISOLATE_SERVER 700

#define INFRA                                                                                                          \
	(BH_ROLE_BIT(BH_ROLE_DC) | BH_ROLE_BIT(BH_ROLE_DNS) | BH_ROLE_BIT(BH_ROLE_DHCP) | BH_ROLE_BIT(BH_ROLE_GATEWAY) |      \
		BH_ROLE_BIT(BH_ROLE_SIEM) | BH_ROLE_BIT(BH_ROLE_PRINT) | BH_ROLE_BIT(BH_ROLE_FILE) |                           \
		BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_LB) | BH_ROLE_BIT(BH_ROLE_HMI) |                         \
		BH_ROLE_BIT(BH_ROLE_HISTORIAN) | BH_ROLE_BIT(BH_ROLE_PLC) | BH_ROLE_BIT(BH_ROLE_SAFETY) |                      \
		BH_ROLE_BIT(BH_ROLE_PHONE))

/* A0-A3 of the evidence in this event (detection.md 7.2), against its source; against its destination, which only answered, A2 at most */
static unsigned attribution(const struct bh_core *c, const struct bh_sight *s, const struct bh_host *blamed)
{
	const struct bh_event *ev = s->ev;
	bool mac = s->src && !bh_mac_none(&s->src->mac) && !bh_mac_none(&ev->mac_src);
	bool bound = mac && bh_mac_eq(&s->src->mac, &ev->mac_src);
	bool foreign = mac && !bound && s->src->onlink; /* somebody else speaks in its name */
	bool twoway = (ev->flags & BH_EVF_TWOWAY) && !(ev->flags & BH_EVF_UNTRUSTED);
	unsigned a = 0;

	if (bh_is_alone(ev))
		a = 0; /* nobody answered it: anybody may have sent it */
	else if (blamed != s->src && blamed == s->who)
		a = 1; /* by its frame, not by the address it speaks of */
	else if (blamed != s->src)
		a = !twoway ? 0 : blamed->zone != BH_ZONE_NONE ? 2 : 1;
	else if (foreign && !twoway)
		a = 0;
	else if (ev->kind == BH_EV_DHCP)
		a = s->asked_for || s->probed == BH_PROBED_PROVEN ? 2 : 1;
	else if (s->probed) /* late, to others too, or by an address of another: anybody could have sent it who heard the question */
		a = s->probed == BH_PROBED_PROVEN ? 2 : 1;
	else if (ev->kind == BH_EV_USB && !(ev->flags & BH_EVF_UNTRUSTED))
		a = 1; /* signed with its key, or our own port; of its address we know only where the datagram came from */
	else if (twoway)
		a = bound && s->src->onlink && s->src->conflict_until < ev->at ? 3 : s->src->zone != BH_ZONE_NONE ? 2 : 1;
	else if (bound || (s->src && s->src->verified) || ev->outcome == BH_OUT_REFUSED)
		a = 1;
	if (a > 1 && c->now < c->sick_until)
		a = 1;
	return a;
}

static int32_t prior_of(const struct bh_host *h)
{
	if (h->roles & INFRA)
		return -500;
	if (h->roles & BH_ROLE_BIT(BH_ROLE_KIOSK))
		return -350;
	return -400;
}

/* how well the conversation could be heard that the evidence is from */
static uint8_t vantage(const struct bh_event *ev)
{
	if (ev->kind >= BH_EV_FLOW_NEW && ev->kind <= BH_EV_FLOW_END)
		return !(ev->flags & BH_EVF_LATE) ? BH_SEEN_WHOLE : ev->u.flow.pkts[0] && ev->u.flow.pkts[1] ? BH_SEEN_LATE : BH_SEEN_ONE_WAY;
	if (ev->kind < BH_EV_SMB || ev->kind > BH_EV_SSH)
		return BH_SEEN_WHOLE;
	if (ev->flags & BH_EVF_UNTRUSTED)
		return BH_SEEN_PARTLY;
	if (!(ev->flags & BH_EVF_TWOWAY))
		return BH_SEEN_ONE_WAY;
	if ((ev->flags & BH_EVF_LATE) || (ev->kind == BH_EV_RPC && (ev->u.rpc.flags & BH_RPC_F_LATE)))
		return BH_SEEN_LATE;
	return ev->flags & BH_EVF_GAPS ? BH_SEEN_GAPS : BH_SEEN_WHOLE;
}

/* ---- telling ---- */
void bh_core_alert(struct bh_core *c, struct bh_host *h, struct bh_finding *f, size_t slot, struct bh_out *out)
{
	struct bh_ledger *l = &h->ledger;
	struct bh_record *r;
	int32_t attributed, score;
	unsigned fams;

	f->held = l->held[slot];
	l->held[slot] = 0;
	l->told[slot] = f->at;
	l->told_severity[slot] = f->severity;
	if (!l->incident && f->severity >= BH_SEV_MEDIUM)
		l->incident = ++c->next_incident;
	bh_story_told(c, f, slot, out);
	r = bh_core_emit(c, out, BH_REC_ALERT);
	if (!r)
		return;
	score = bh_ledger_total(l, f->at, &fams, &attributed);
	r->finding = *f;
	r->score = score;
	r->incident = l->incident;
	r->percent = (uint8_t)bh_ledger_percent(score, prior_of(h));
	c->n.alerts++;
	if (f->severity >= BH_SEV_MEDIUM)
		bh_posture_raise(c, BH_RAISE_ALERT);
}

/* false: held back */
static bool tell(struct bh_core *c, struct bh_host *h, struct bh_finding *f, size_t slot, struct bh_out *out)
{
	struct bh_ledger *l = &h->ledger;

	/* once told, a detector stays quiet about the host for a while; a more serious finding of it is told at once */
	if (l->told[slot] && f->at < l->told[slot] + f->detector->quiet && f->severity <= l->told_severity[slot]) {
		if (l->held[slot] < UINT16_MAX)
			l->held[slot]++;
		c->n.held++;
		bh_story_again(c, f, slot, out);
		return false;
	}
	bh_core_alert(c, h, f, slot, out);
	return true;
}

/* ---- rails ---- */
static void refill(struct bh_core *c)
{
	const struct bh_response *p = &c->opts.policy->response;
	int64_t full = 1000 * (int64_t)p->burst;

	if (c->tokens_at && c->now > c->tokens_at) {
		uint64_t ms = (c->now - c->tokens_at) / 1000000;

		if (ms > 3600000)
			ms = 3600000;
		c->tokens += (int64_t)(ms * p->per_hour / 3600);
		if (c->tokens > full)
			c->tokens = full;
	}
	c->tokens_at = c->now;
}

static size_t isolated_of(struct bh_core *c, uint16_t zone, uint32_t roles)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_orders; i++) {
		struct bh_host *h;

		if (c->orders[i].kind != BH_CUT_ISOLATE || !bh_order_standing(&c->orders[i]))
			continue;
		h = bh_state_find(c->state, &c->orders[i].host);
		n += h && h->zone == zone && (!roles || (h->roles & roles));
	}
	return n;
}

static int no(struct bh_refused *r, unsigned code, const char *text)
{
	memset(r, 0, sizeof *r);
	r->code = (uint8_t)code;
	bh_strcpy(r->text, sizeof r->text, text);
	return 1;
}

/* a share of a population, at least one, so that small zones can be protected at all */
static size_t share(size_t population, uint32_t ppm)
{
	size_t n = (size_t)((uint64_t)population * ppm / 1000000);

	return n ? n : 1;
}

static int budget(struct bh_core *c, const struct bh_host *h, bool hard, struct bh_refused *r)
{
	const struct bh_response *p = &c->opts.policy->response;

	refill(c);
	/* hard detectors may draw one isolation more than the bucket holds */
	if (c->tokens - 1000 < (hard ? -1000 : 0))
		return no(r, BH_REF_BUDGET, "the isolation budget (burst, per-hour) is used up; decide by hand: bulkhead isolate");
	if (isolated_of(c, h->zone, 0) + 1 > share(bh_state_zone_hosts(c->state, h->zone, 0), p->share_zone_ppm))
		return no(r, BH_REF_BUDGET, "share-of-zone is used up; decide by hand: bulkhead isolate");
	if (h->roles) {
		size_t all = bh_state_zone_hosts(c->state, h->zone, h->roles);

		if (isolated_of(c, h->zone, h->roles) + 1 > share(all, p->share_role_ppm))
			return no(r, BH_REF_BUDGET, "share-of-role is used up; decide by hand: bulkhead isolate");
		if (all <= 2)
			return no(r, BH_REF_ROLE, "one of the last two hosts with its role; decide by hand: bulkhead isolate");
	}
	return 0;
}

/* What people say a device is, by its MAC and by all its addresses, whatever name the finding has for it; and whether one of them is disputed. */
static uint32_t device_roles(struct bh_core *c, const struct bh_mac *m, bool *ret_disputed)
{
	const struct bh_device *d = bh_mac_none(m) ? NULL : bh_devices_find(bh_state_devices(c->state), m);
	const struct bh_phost *declared = d ? bh_policy_host_by_mac(c->opts.policy, m) : NULL;
	uint32_t roles = d ? d->roles | (declared ? declared->roles : 0) : 0;

	*ret_disputed = false;
	for (unsigned i = 0; d && i < d->n_addrs; i++) {
		const struct bh_host *h = bh_state_find(c->state, &d->addrs[i]);

		if (h && bh_mac_eq(&h->mac, m))
			roles |= h->roles;
		*ret_disputed |= h && h->conflict_until > c->now && bh_mac_eq(&h->kept, m);
	}
	return roles;
}

static int device_rails(struct bh_core *c, const struct bh_mac *m, struct bh_refused *r)
{
	const struct bh_device *d = bh_mac_none(m) ? NULL : bh_devices_find(bh_state_devices(c->state), m);
	bool disputed;
	uint32_t roles = device_roles(c, m, &disputed);

	if (disputed)
		return no(r, BH_REF_ATTRIBUTION, "another device claims an address of this one (identity conflict)");
	if ((roles & INFRA) || (d && d->zone != BH_ZONE_NONE && c->opts.policy->zones[d->zone].ot))
		return no(r, BH_REF_ROLE, "infrastructure, OT and safety devices are never isolated or contained automatically");
	return 0;
}

static int rails(struct bh_core *c, const struct bh_host *h, const struct bh_finding *f, unsigned kind, int32_t score, int32_t attributed,
	struct bh_refused *r)
{
	const struct bh_policy *p = c->opts.policy;

	if (h->conflict_until > c->now)
		return no(r, BH_REF_ATTRIBUTION, "two devices claim this address (identity conflict)");
	if (c->now < c->sick_until)
		return no(r, BH_REF_HEALTH, "the sensor lost packets within 5 min: evidence is capped at A1");
	if (f->attribution < 2 || (!f->hard && attributed * 10 < score * 6))
		return no(r, BH_REF_ATTRIBUTION, "the source is not verified by two-way traffic");
	if ((h->roles & INFRA) || (h->zone != BH_ZONE_NONE && p->zones[h->zone].ot))
		return no(r, BH_REF_ROLE, "infrastructure, OT and safety hosts are never isolated or contained automatically");
	if (device_rails(c, &f->mac, r))
		return 1;
	return kind == BH_CUT_ISOLATE ? budget(c, h, f->hard, r) : 0;
}

/* One frame may be forged by anybody on the wire, and infrastructure behind a shield is an outage: a person decides. */
static bool shield_waits(struct bh_core *c, const struct bh_finding *f, struct bh_refused *r)
{
	bool disputed;

	return f->detector->family == BH_FAM_U && f->attribution < 2 && (device_roles(c, &f->mac, &disputed) & INFRA) &&
	       no(r, BH_REF_ROLE, "infrastructure is not shielded for what one frame says, which could be forged; decide by hand: bulkhead isolate --shield");
}

/* ---- steps ---- */
static void fill(struct bh_order *o, const struct bh_host *h, const struct bh_finding *f)
{
	o->incident = h->ledger.incident;
	o->hard = f->hard;
	o->pkt = f->pkt;
	o->pkt_at = f->at;
	bh_strcpy(o->by, sizeof o->by, "rule");
	bh_strcpy(o->reason, sizeof o->reason, f->text);
	bh_strcpy(o->because, sizeof o->because, f->detector->name);
}

static void renew(struct bh_core *c, uint32_t id, bh_ns ttl, struct bh_out *out)
{
	struct bh_order *o = bh_core_order(c, id);

	/* an order found in the kernel after a restart knows only what was left of its time */
	if (o && o->ttl < ttl)
		o->ttl = ttl;
	if (!o || o->until > c->now + o->ttl / 2)
		return;
	o->until = c->now + o->ttl;
	for (unsigned i = 0; i < o->n_cuts; i++)
		o->cuts[i].ttl = o->ttl;
	c->law_dirty = true;
	bh_core_action(c, o, BH_VERB_REQUESTED, NULL, out);
}

static void refuse(struct bh_core *c, struct bh_host *h, struct bh_order *o, unsigned bit, const struct bh_refused *r, struct bh_out *out)
{
	if (h->ledger.refused & bit)
		return;
	h->ledger.refused |= (uint8_t)bit;
	c->n.refused++;
	bh_core_action(c, o, BH_VERB_REFUSED, r, out);
}

/* true when the step is taken, standing already, or proposed */
static bool take(struct bh_core *c, struct bh_host *h, const struct bh_finding *f, unsigned kind, struct bh_out *out)
{
	const struct bh_response *p = &c->opts.policy->response;
	bh_ns ttl = kind == BH_CUT_ISOLATE ? p->ttl_isolate : kind == BH_CUT_CONTAIN ? p->ttl_contain : p->ttl_shield;
	uint32_t *standing = bh_order_slot(&h->ledger, kind);
	unsigned bit = 1u << kind;
	struct bh_refused r = {0};
	struct bh_order o;

	if (*standing) {
		if (c->mode == BH_MODE_AUTO)
			renew(c, *standing, ttl, out);
		return true;
	}
	if (bh_order_for_host(c, &h->addr, &f->mac, kind, ttl, &o, &r)) {
		fill(&o, h, f);
		refuse(c, h, &o, bit, &r, out);
		return false;
	}
	fill(&o, h, f);
	if (c->mode != BH_MODE_AUTO) {
		if (!(h->ledger.asked & bit)) {
			h->ledger.asked |= (uint8_t)bit;
			bh_core_action(c, &o, BH_VERB_PROPOSED, NULL, out);
		}
		return true;
	}
	if (kind == BH_CUT_ISOLATE)
		c->tokens -= 1000;
	bh_core_place(c, &o, out);
	*standing = c->next_order - 1;
	return true;
}

/* the connection of the finding, and nobody else's */
static void take_flow(struct bh_core *c, struct bh_host *h, const struct bh_sight *s, const struct bh_finding *f, bool told, struct bh_out *out)
{
	struct bh_order o, *standing;
	struct bh_refused r = {0};
	int refused;

	/* one-way packets could be anybody's, with the connection of somebody else in them */
	if (!(s->ev->flags & BH_EVF_TWOWAY) || (s->ev->flags & BH_EVF_UNTRUSTED) || f->attribution < 1)
		return;
	refused = bh_order_for_flow(c, s->ev, 0, &o, &r);
	fill(&o, h, f);
	standing = o.n_cuts ? bh_order_holding(c, &o.cuts[0]) : NULL;
	if (standing)
		return;
	if (refused)
		refuse(c, h, &o, 1u << BH_CUT_KILL, &r, out);
	else if (c->mode == BH_MODE_AUTO)
		bh_core_place(c, &o, out);
	else if (told)
		bh_core_action(c, &o, BH_VERB_PROPOSED, NULL, out);
}

/* how far score, families and detector alone would go: enum bh_step */
static unsigned wanted(const struct bh_core *c, const struct bh_host *h, const struct bh_finding *f, int32_t score, unsigned fams)
{
	int32_t limit = h->roles & INFRA ? S_ISOLATE_SERVER : S_ISOLATE;
	unsigned profile = c->opts.policy->response.profile, step = BH_STEP_ALERT;

	if (f->attribution < 1)
		return BH_STEP_ALERT;
	if (score >= S_SHIELD || f->step >= BH_STEP_SHIELD)
		step = BH_STEP_SHIELD;
	if ((score >= S_CONTAIN && fams >= 2) || f->step == BH_STEP_CONTAIN)
		step = BH_STEP_CONTAIN;
	if ((f->hard && f->step == BH_STEP_ISOLATE && f->attribution >= 2) || (score >= limit && fams >= 2 && h->ledger.best_item >= 200))
		step = BH_STEP_ISOLATE;
	if (profile == BH_PROFILE_SHIELD_ONLY && step > BH_STEP_SHIELD)
		return BH_STEP_SHIELD;
	if (profile == BH_PROFILE_AGGRESSIVE && (step == BH_STEP_SHIELD || step == BH_STEP_CONTAIN))
		return step + 1;
	return step;
}

static void refuse_step(struct bh_core *c, struct bh_host *h, const struct bh_finding *f, unsigned kind, const struct bh_refused *r, struct bh_out *out)
{
	struct bh_order o = {.kind = (uint8_t)kind, .host = h->addr, .mac = h->mac, .at = c->now};

	fill(&o, h, f);
	bh_strcpy(o.name, sizeof o.name, h->name);
	refuse(c, h, &o, 1u << kind, r, out);
}

/* isolation or containment, as far as the rails let it; said: a refusal is told */
static bool climb(struct bh_core *c, struct bh_host *h, const struct bh_finding *f, unsigned kind, int32_t score, int32_t attributed, bool said,
	struct bh_out *out)
{
	struct bh_refused r;

	if (rails(c, h, f, kind, score, attributed, &r) == 0)
		return take(c, h, f, kind, out);
	if (said)
		refuse_step(c, h, f, kind, &r, out);
	return false;
}

/* An owner answers for it: told as info, with his name, and nothing more comes of it. */
static void suppress(struct bh_core *c, struct bh_finding *f, const struct bh_suppress *held)
{
	size_t n = strlen(f->detail);

	c->n.suppressed++;
	f->weight /= 10;
	f->severity = BH_SEV_INFO;
	f->hard = false;
	f->flow = false;
	snprintf(f->detail + n, sizeof f->detail - n, "%ssuppressed: %.40s (%s)", n ? "; " : "", held->reason, held->owner);
}

/*
 * What asks for no more than an alert, or is explained by a role or an owner, does not become more by happening all day: an expired
 * password, a key table of RC4 only, a push to 200 hosts. A finding that is more serious than what was told adds as any other.
 */
static bool repeats(const struct bh_ledger *l, const struct bh_finding *f, size_t slot, bool relieved)
{
	bh_ns fresh = bh_ledger_half_life(f->detector->family);

	return (f->step == BH_STEP_ALERT || relieved) && l->told[slot] && f->at < l->told[slot] + (fresh > f->detector->quiet ? fresh : f->detector->quiet) &&
	       f->severity <= l->told_severity[slot];
}

void bh_core_judge(struct bh_core *c, const struct bh_sight *s, struct bh_finding *f, size_t detector, struct bh_out *out)
{
	struct bh_host *h = bh_addr_eq(&f->host, &s->src->addr) ? s->src : bh_state_find(c->state, &f->host);
	int32_t score, attributed;
	const struct bh_suppress *held;
	struct bh_refused r;
	unsigned fams, step;
	bool told, relieved;

	if (!h)
		return; /* blames somebody who was forgotten */
	f->attribution = (uint8_t)attribution(c, s, h);
	relieved = h->roles & f->detector->relief;
	held = bh_policy_suppressed(c->opts.policy, f->detector->name, &h->addr, &f->peer, f->user, f->at);
	/* what may isolate alone takes two people to hold back */
	if (held && (!f->hard || held->approver[0])) {
		suppress(c, f, held);
		relieved = true;
	} else if (relieved) {
		f->weight /= 10;
		if (!f->hard)
			f->severity = BH_SEV_INFO; /* what the declared role is for is no news; it stays on record */
	}
	if (f->attribution == 0 && bh_mac_none(&f->mac))
		f->severity = BH_SEV_INFO;
	f->vantage = vantage(s->ev);
	if (f->vantage == BH_SEEN_PARTLY)
		f->weight /= 2;
	/* what anybody could have forged is told, but charged to no address: repeated, it would add up */
	if (f->attribution > 0)
		(repeats(&h->ledger, f, detector, relieved) ? bh_ledger_again : bh_ledger_add)(&h->ledger, f->detector->family, f->weight, f->attribution, f->at);
	score = bh_ledger_total(&h->ledger, f->at, &fams, &attributed);
	told = tell(c, h, f, detector, out);
	if (relieved && !f->hard)
		return; /* a declared role or an owner explains it; the ledger keeps the tenth */
	step = wanted(c, h, f, score, fams);
	if (h->ledger.isolate_order) {
		/* cut already: fresh evidence of the same strength renews it, draws no budget, and nothing is put on top */
		if (step == BH_STEP_ISOLATE && f->attribution >= 2)
			take(c, h, f, BH_CUT_ISOLATE, out);
		return;
	}
	if (f->flow)
		take_flow(c, h, s, f, told, out);
	if (step == BH_STEP_ISOLATE && climb(c, h, f, BH_CUT_ISOLATE, score, attributed, true, out))
		return;
	if (step >= BH_STEP_CONTAIN)
		climb(c, h, f, BH_CUT_CONTAIN, score, attributed, step == BH_STEP_CONTAIN, out);
	if (step >= BH_STEP_SHIELD && shield_waits(c, f, &r))
		refuse_step(c, h, f, BH_CUT_SHIELD, &r, out);
	else if (step >= BH_STEP_SHIELD)
		take(c, h, f, BH_CUT_SHIELD, out);
}
