/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * arp.spoof (U9) - a device says it has the address of another that is still there, by ARP or neighbour advertisement
 *
 * The device that sent the frame is to blame, whatever it wrote inside. Three claims in a minute against an owner who is alive; one
 * is enough against what the policy declares. Announcements to everybody count only when the owner goes on using the address:
 * a virtual router moves like that, once. Where the owner was never seen, five answers in a minute that nobody asked for, each sent to
 * one device alone, are told for less: that is how a poisoned cache is kept so. What anybody may forge leads to an alert and a shield; the isolation waits until the lie
 * is believed and used: an answered connection whose frames went to the liar for an address that is not his. To the one address
 * he claims it may as well be two machines with one address by mistake. Routers answer for others by trade (proxy ARP).
 */
#include <stdio.h>
#include "detect/lies.h"

extern const struct bh_detector bh_detector_arp_spoof;

#define CLAIMS 3
#define UNASKED 5
#define ASKED 1024
#define LIE_LASTS BH_MIN(5)

struct mine { /* about an address that is claimed */
	struct bh_rate claims, unasked;
	uint32_t all;
};
struct shared {
	struct bh_recent asked[ASKED]; /* who asked for what, by hash */
	struct bh_lies lies;
};

/*
 * Went somebody's answered connection through it? To the one address it claims it may as well be two machines with one address by
 * mistake; and what lies beyond a router is only ours to judge where the destination is not its own.
 */
static struct bh_lie *believed(const struct bh_sight *s)
{
	struct bh_lie *l = bh_lie_behind(&((struct shared *)s->shared)->lies, s, LIE_LASTS);

	return l && !(s->dst && bh_state_owns(s->dst, &s->far->mac, s->ev->at)) && (l->several || !bh_addr_eq(&s->ev->dst, &l->about)) ? l : NULL;
}

static bool cares(const struct bh_sight *s)
{
	if (s->ev->kind != BH_EV_ARP)
		return s->far_who && bh_opened(s->ev);
	if (s->dev && ((s->dev->tags & BH_DEV_T_ROUTER) || (s->dev->roles & BH_ROLE_BIT(BH_ROLE_GATEWAY))))
		return false;
	return s->dev && s->who && (s->claim >= BH_CLAIM_DISPUTED || !(s->ev->u.arp.flags & BH_ARP_F_GROUP) || s->ev->u.arp.op == 1);
}

static bool weighty(const struct bh_sight *s, const struct bh_host *h)
{
	return h && (bh_has_role(h, BH_ROLE_GATEWAY) || bh_has_role(h, BH_ROLE_DNS) || bh_has_role(h, BH_ROLE_DC) || bh_has_role(h, BH_ROLE_DHCP) ||
			    (h->zone != BH_ZONE_NONE && s->policy->zones[h->zone].critical));
}

/* addresses that belong to several machines in turn */
static bool shared_address(const struct bh_sight *s)
{
	const struct bh_mac_prefix *p;

	return bh_gadgets_mac(s->gadgets, &s->ev->mac_src, &p) == BH_MACC_VIRTUAL || bh_gadgets_mac(s->gadgets, &s->owner, &p) == BH_MACC_VIRTUAL ||
	       bh_has_role(s->src, BH_ROLE_LB) || (s->src && s->src->declared && s->policy->hosts[s->src->declared - 1].roles & BH_ROLE_BIT(BH_ROLE_LB));
}

static int used(const struct bh_sight *s, struct bh_finding *f)
{
	struct bh_lie *l = believed(s);
	unsigned step = l ? bh_lie_believed(l, s) : 0;
	char dev[96], a[BH_ADDR_TEXT], b[BH_ADDR_TEXT], c[BH_ADDR_TEXT];

	if (!step)
		return 0;
	bh_finding_init(f, &bh_detector_arp_spoof, s);
	f->host = s->far_who->addr;
	f->peer = s->ev->src;
	f->mac = s->far->mac;
	f->hard = step == BH_STEP_ISOLATE;
	f->count = l->n;
	f->step = (uint8_t)step;
	snprintf(f->text, sizeof f->text, "%s took %s over, and %s's connection to %s went through it", bh_dev_text(s, s->far, dev), bh_addr_print(&l->about, a),
		bh_addr_print(&s->ev->src, b), bh_addr_print(&s->ev->dst, c));
	return 1;
}

/*
 * The owner is there and has used his address since somebody else claimed it: of a device that is gone, or gave it up, nothing is taken. A
 * gateway that the policy declares with its MAC is there; it may be this very box, whose own frames are not in sight.
 */
static bool contradicted(const struct bh_sight *s)
{
	const struct bh_device *owner = bh_devices_find(s->devices, &s->owner);

	if (s->claim == BH_CLAIM_DECLARED)
		return bh_has_role(s->src, BH_ROLE_GATEWAY) || (owner && bh_within(s->ev->at, owner->last, BH_MIN(1)));
	return s->src->kept_at > s->src->disputed_at;
}

/* It answers for what is its own, by the policy or because it was here before the dispute. The questions of a sensor that is the gateway are not in sight. */
static bool in_its_right(const struct bh_sight *s)
{
	const struct bh_host *h = s->src;

	return bh_mac_eq(&h->kept, &s->dev->mac) || (h->declared && bh_mac_eq(&s->policy->hosts[h->declared - 1].mac, &s->dev->mac));
}

/* answers that come again and again to one device, without a question */
static int unasked(const struct bh_sight *s, struct mine *m, struct bh_finding *f)
{
	struct shared *sh = s->shared;
	bool question = s->ev->u.arp.op == 1;
	uint64_t key = (bh_addr_hash(question ? &s->ev->dst : &s->ev->src, 1) ^ bh_addr_hash(question ? &s->ev->src : &s->ev->dst, 2)) | 1;
	struct bh_recent *r = &sh->asked[key / 2 % ASKED];
	char dev[96], a[80], b[BH_ADDR_TEXT];
	uint32_t n;

	if (question) {
		*r = (struct bh_recent){key, s->ev->at};
		return 0;
	}
	/* an address of its own, or one asked for: nothing is wrong; without IPv4's questions in sight nothing can be said */
	if ((s->ev->u.arp.flags & (BH_ARP_F_GROUP | BH_ARP_F_SOLICITED)) || !bh_addr_is4(&s->ev->src) || (r->key == key && bh_apart(s->ev->at, r->at) < BH_SEC(5)) ||
		s->who == s->src || bh_addr_eq(&s->ev->src, &s->ev->dst) || in_its_right(s))
		return 0;
	n = bh_rate_add(&m->unasked, 1, s->ev->at, BH_MIN(1));
	if (n < UNASKED)
		return 0;
	bh_finding_init(f, &bh_detector_arp_spoof, s);
	f->host = s->who->addr;
	f->peer = s->ev->dst;
	f->mac = s->dev->mac;
	f->count = n;
	f->hard = false;
	f->weight = 150;
	f->severity = BH_SEV_MEDIUM;
	snprintf(f->text, sizeof f->text, "%s tells %s that it has %s, unasked, %u times in a minute", bh_dev_text(s, s->dev, dev), bh_addr_print(&s->ev->dst, b),
		bh_host_text(s->src, &s->ev->src, a), n);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	bool announced = (s->ev->u.arp.flags & BH_ARP_F_GROUP) && bh_addr_eq(&s->ev->src, &s->ev->dst), group, declared = s->claim == BH_CLAIM_DECLARED;
	struct mine *m = mine;
	char dev[96], a[80], owner[BH_MAC_TEXT];
	uint32_t n;

	if (s->ev->kind == BH_EV_FLOW_OUTCOME)
		return used(s, f);
	if (s->claim < BH_CLAIM_DISPUTED)
		return unasked(s, m, f);
	group = announced || (s->ev->u.arp.flags & BH_ARP_F_GROUP);
	if (shared_address(s) || bh_mac_eq(&s->owner, &s->dev->mac) || (group && !declared && !contradicted(s)))
		return 0;
	m->all += m->all < UINT32_MAX;
	n = bh_rate_add(&m->claims, 1, s->ev->at, BH_MIN(1));
	if (contradicted(s))
		(void)bh_lie_said(&((struct shared *)s->shared)->lies, s->dev, &s->ev->src, NULL, s->ev->at);
	if (n < CLAIMS && !declared)
		return 0;
	bh_finding_init(f, &bh_detector_arp_spoof, s);
	f->host = s->who->addr;
	f->peer = s->ev->src;
	f->mac = s->dev->mac;
	f->count = n;
	f->hard = false;
	f->step = BH_STEP_SHIELD;
	if (!weighty(s, s->src)) {
		f->weight = 150;
		f->severity = BH_SEV_MEDIUM;
		f->step = BH_STEP_ALERT;
	}
	snprintf(f->text, sizeof f->text, "%s claims %s, which is %s's%s, %u times in a minute", bh_dev_text(s, s->dev, dev), bh_host_text(s->src, &s->ev->src, a),
		bh_mac_print(&s->owner, owner), declared ? " by the policy" : " and in use", n);
	return 1;
}

const struct bh_detector bh_detector_arp_spoof = {
	.name = "arp.spoof",
	.title = "Somebody else's address claimed",
	.doc = "ARP or neighbour advertisements that give a living owner's address to another device",
	.attack = "T1557.002",
	.tactic = "TA0006",
	.why = "Whoever has the gateway's address on the wire reads and changes what everybody sends out.",
	.false_positives = "Virtual routers and failover clusters (role lb-vip), bonding, two machines given one address by mistake, tools that fence hosts off by ARP.",
	.sid = 9100040,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.hard = true,
	.weight = 300,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(ASKED) | BH_SEES_BIT(ANSWERED),
	.wants = BH_WANTS(BH_EV_ARP) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_LB),
	.host_size = sizeof(struct mine),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
