/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rogue.ra (U8) - a device makes itself the way out, or the resolver, by router advertisement or redirect
 *
 * Where the policy declares the gateway with its MAC, any other that advertises a default route, a prefix or a resolver is rogue. Without,
 * the first that advertised in a zone or VLAN is taken for the router, and another is told, for less. A router that takes itself back (life time
 * zero, no prefix, no resolver) is left alone. A redirect is easily sent in the router's name, frame and all; so who sends to another first
 * hop than a declared gateway accuses that one: it is told, and no more, for it may have been named by somebody else. It comes to an isolation when it is believed: an answered connection over IPv6
 * whose frames went to it.
 */
#include <stdio.h>
#include "detect/lies.h"

extern const struct bh_detector bh_detector_rogue_ra;

#define VLANS 4096
#define LIE_LASTS BH_MIN(30)
#define ROUTERS (BH_ROLE_BIT(BH_ROLE_GATEWAY))

struct shared {
	struct {
		struct bh_mac mac;
		bh_ns at; /* 0 = free */
	} router[VLANS]; /* by VLAN, each its own place: who advertises in one must not push out another's router */
	struct bh_lies lies;
};
struct mine {
	uint32_t n;
};

/* Through it, and not to a neighbour: what is in a zone of ours, or of the wire only, is reached without a router. */
static struct bh_lie *believed(const struct bh_sight *s)
{
	struct bh_lie *l = bh_addr_is4(&s->ev->src) ? NULL : bh_lie_behind(&((struct shared *)s->shared)->lies, s, LIE_LASTS);
	const struct bh_addr *to = &s->ev->dst;

	return l && !bh_addr_link_local(to) && memcmp(to, &s->ev->src, 8) != 0 && !(s->dst && bh_state_owns(s->dst, &s->far->mac, s->ev->at)) ? l : NULL;
}

static bool promises(const struct bh_ev_ra *r)
{
	return r->op == BH_RA_REDIRECT || r->lifetime_s || (r->prefix_bits && r->valid_s) || !bh_addr_none(&r->dns);
}

static bool cares(const struct bh_sight *s)
{
	return s->ev->kind == BH_EV_RA ? s->dev && s->who && promises(&s->ev->u.ra) : s->far_who && bh_opened(s->ev);
}

/* was there another router before? The first one is remembered, until it has been silent for a day. */
static bool second(struct shared *sh, const struct bh_sight *s)
{
	unsigned i = s->ev->vlan % VLANS;

	if (!sh->router[i].at || !bh_within(s->ev->at, sh->router[i].at, BH_HOUR(24)))
		sh->router[i].mac = s->dev->mac;
	if (!bh_mac_eq(&sh->router[i].mac, &s->dev->mac))
		return true;
	sh->router[i].at = s->ev->at ? s->ev->at : 1;
	return false;
}

/* a redirect in the name of a declared gateway, to somebody who is none */
static int sent_to(const struct bh_sight *s, struct bh_finding *f)
{
	const struct bh_ev_ra *r = &s->ev->u.ra;
	char dev[96], a[BH_ADDR_TEXT], from[BH_MAC_TEXT];

	if (r->op != BH_RA_REDIRECT || !s->far || !s->far_who || bh_mac_eq(&s->far->mac, &s->dev->mac) || bh_addr_eq(&r->dns, &r->prefix) ||
		(s->far->tags & BH_DEV_T_ROUTER) || bh_declared_as(s, s->far, ROUTERS) != BH_DECLARED_OTHER)
		return 0;
	(void)bh_lie_said(&((struct shared *)s->shared)->lies, s->far, &r->prefix, NULL, s->ev->at);
	bh_finding_init(f, &bh_detector_rogue_ra, s);
	f->host = s->far_who->addr;
	f->peer = r->prefix;
	f->mac = s->far->mac;
	f->count = 1;
	f->hard = false;
	f->step = BH_STEP_ALERT;
	snprintf(f->text, sizeof f->text, "a redirect in the name of the gateway %s sends traffic for %s to %s; the policy declares no gateway there",
		bh_mac_print(&s->dev->mac, from), bh_addr_print(&r->prefix, a), bh_dev_text(s, s->far, dev));
	return 1;
}

static int used(const struct bh_sight *s, struct bh_finding *f)
{
	struct bh_lie *l = believed(s);
	unsigned step = l ? bh_lie_believed(l, s) : 0;
	char dev[96], a[BH_ADDR_TEXT], b[BH_ADDR_TEXT];

	if (!step)
		return 0;
	bh_finding_init(f, &bh_detector_rogue_ra, s);
	f->host = s->far_who->addr;
	f->peer = s->ev->src;
	f->mac = s->far->mac;
	f->count = l->n;
	f->hard = step == BH_STEP_ISOLATE;
	f->step = (uint8_t)step;
	snprintf(f->text, sizeof f->text, "%s made itself a router, and %s's connection to %s went through it", bh_dev_text(s, s->far, dev), bh_addr_print(&s->ev->src, a),
		bh_addr_print(&s->ev->dst, b));
	return 1;
}

static void what_it_says(const struct bh_ev_ra *r, struct bh_text *t)
{
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT];

	if (r->op == BH_RA_REDIRECT) {
		bh_putf(t, "sends traffic for %s to %s", bh_addr_print(&r->prefix, a), bh_addr_print(&r->dns, b));
		return;
	}
	bh_putf(t, "advertises %s/%u, lifetime %u s", bh_addr_print(&r->prefix, a), r->prefix_bits, r->lifetime_s);
	if (!bh_addr_none(&r->dns))
		bh_putf(t, ", DNS %s", bh_addr_print(&r->dns, b));
	if (r->preference == 1)
		bh_put(t, ", high preference");
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	enum bh_declared declared;
	bool another;
	struct mine *m = mine;
	char dev[96], what[160];
	struct bh_text t = bh_text(what, sizeof what);

	if (s->ev->kind == BH_EV_FLOW_OUTCOME)
		return used(s, f);
	declared = bh_declared_as(s, s->dev, ROUTERS);
	if (declared == BH_DECLARED_IT || (s->dev->tags & BH_DEV_T_ROUTER))
		return sent_to(s, f);
	another = s->ev->u.ra.op == BH_RA_ADVERT && second(s->shared, s);
	if (declared == BH_DECLARED_NONE && !another)
		return 0;
	m->n += m->n < UINT16_MAX;
	if (declared == BH_DECLARED_OTHER)
		(void)bh_lie_said(&((struct shared *)s->shared)->lies, s->dev, &s->ev->u.ra.prefix, NULL, s->ev->at);
	what_it_says(&s->ev->u.ra, &t);
	bh_finding_init(f, &bh_detector_rogue_ra, s);
	f->host = s->who->addr;
	f->peer = s->ev->u.ra.prefix;
	f->mac = s->dev->mac;
	f->count = m->n;
	f->hard = false;
	f->step = declared == BH_DECLARED_OTHER ? BH_STEP_SHIELD : BH_STEP_ALERT;
	if (declared == BH_DECLARED_NONE) {
		f->weight = f->weight * 6 / 10;
		f->severity = BH_SEV_MEDIUM;
	}
	snprintf(f->text, sizeof f->text, "%s %s; %s", bh_dev_text(s, s->dev, dev), what, declared == BH_DECLARED_OTHER ? "the policy declares another gateway" : "another router was here before");
	return 1;
}

const struct bh_detector bh_detector_rogue_ra = {
	.name = "rogue.ra",
	.title = "Rogue IPv6 router",
	.doc = "a router advertisement or redirect from a device that is not the declared gateway, or not the one that was here first",
	.attack = "T1557",
	.tactic = "TA0006",
	.why = "Most systems take an IPv6 route and resolver from whoever offers them, also where nobody thought of IPv6.",
	.false_positives = "Shared internet connections of Windows, hotspots, laboratory routers, a second router of the site. Declare it with role gateway and its mac.",
	.sid = 9100041,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.hard = true,
	.weight = 300,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_RA) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.host_size = sizeof(struct mine),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
