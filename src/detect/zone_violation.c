/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * zone.violation (P1) - an attempt to cross zones that no conduit or pin allows, or a conduit used for something else
 *
 * Established across a closed border: 1.5 bans, because something failed to enforce. Attempted and not established: 0.3 per
 * distinct destination, a sign of a host that does not know its place. A flow on a conduit with `apps` whose final class, by
 * content and not by port, is another application: 1.5 bans, and that flow is killed.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

extern const struct bh_detector bh_detector_zone_violation;

#define BLOCKED 30
struct violation {
	struct bh_fanout blocked;
	unsigned last;
};

static const char *zone_name(const struct bh_policy *p, uint16_t z)
{
	return z == BH_ZONE_NONE ? "no zone" : p->zones[z].name;
}

static void put_flow(char text[240], const struct bh_sight *s, const char *rest)
{
	const struct bh_event *ev = s->ev;
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT], pr[4];

	snprintf(text, 240, "%s -> %s %s/%u: %s", bh_addr_print(&ev->src, a), bh_addr_print(&ev->dst, b),
		bh_proto_name(ev->proto, pr), ev->dport, rest);
}

static int mismatch(const struct bh_sight *s, struct bh_finding *f)
{
	const struct bh_conduit *c;
	char rest[160];

	if (s->law.rule != BH_RULE_CONDUIT || (s->ev->flags & BH_EVF_GUESS) || s->ev->app == BH_APP_UNKNOWN)
		return 0;
	c = &s->policy->conduits[s->law.index];
	if (c->n_apps == 0)
		return 0;
	for (size_t i = 0; i < c->n_apps; i++)
		if (c->apps[i] == s->ev->app)
			return 0;
	bh_finding_init(f, &bh_detector_zone_violation, s);
	f->severity = BH_SEV_HIGH;
	f->flow = true;
	snprintf(rest, sizeof rest, "conduit %s carries %s instead of %s", c->name, bh_app_name(s->ev->app), bh_app_name(c->apps[0]));
	put_flow(f->text, s, rest);
	f->count = 1;
	return 1;
}

/* the built-in policy is nobody's law: there is nothing to violate */
static bool idle(const struct bh_policy *p)
{
	return !p->sha256[0];
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	struct violation *m = mine;
	const struct bh_event *ev = s->ev;
	bool passed = ev->outcome == BH_OUT_SUCCESS || ev->outcome == BH_OUT_HANDSHAKE;
	char rest[160];
	unsigned n = 0;

	if (ev->kind == BH_EV_FLOW_CLASS)
		return mismatch(s, ret_finding);
	if (s->law.rule != BH_RULE_DENY || ev->outcome == BH_OUT_MIDSTREAM || bh_addr_multicast(&ev->dst))
		return 0;
	if (passed && !(ev->flags & BH_EVF_TWOWAY))
		return 0;
	if (!passed) {
		n = bh_fanout_touch(&m->blocked, bh_addr_hash(&ev->dst, ev->dport), ev->at, BH_HOUR(1));
		if (n <= m->last && n != 1) {
			m->last = n;
			return 0;
		}
		m->last = n;
	}
	bh_finding_init(ret_finding, &bh_detector_zone_violation, s);
	ret_finding->weight = passed ? ret_finding->weight : BLOCKED;
	ret_finding->severity = passed ? BH_SEV_MEDIUM : BH_SEV_INFO;
	ret_finding->count = passed ? 1 : n;
	bh_finding_target(ret_finding, &ev->dst, ev->dport, ev->outcome, ev->at);
	snprintf(rest, sizeof rest, "no conduit %s -> %s, %s", zone_name(s->policy, s->law.from), zone_name(s->policy, s->law.to),
		passed ? "passed" : "not established");
	put_flow(ret_finding->text, s, rest);
	return 1;
}

const struct bh_detector bh_detector_zone_violation = {
	.name = "zone.violation",
	.title = "Zone violation",
	.doc = "a connection between zones that no conduit allows, or a conduit carrying another application",
	.attack = "T1599",
	.tactic = "TA0005",
	.why = "The policy says who may speak to whom; everything else is a mistake in the policy, in the enforcement, or an intruder.",
	.false_positives = "A conduit nobody wrote down. `bulkhead policy check` and the observe mode's counters show it.",
	.sid = 9100005,
	.family = BH_FAM_P,
	.severity = BH_SEV_MEDIUM,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_OUTCOME) | BH_WANTS(BH_EV_FLOW_CLASS),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN),
	.host_size = sizeof(struct violation),
	.idle = idle,
	.observe = observe,
};
