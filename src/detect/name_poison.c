/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * name.poison (U10) - a device answers for names that are not its own
 *
 * By LLMNR, NetBIOS and mDNS each machine answers for itself. Who gives his own address for three names in an hour, or for wpad
 * or isatap, which nobody is called, answers for others: to be asked for credentials. One who gives other machines' addresses
 * (a WINS proxy, a reflector) is not meant. Of mDNS five names are asked for, since services may have several aliases; its answers
 * go to everybody and look like announcements, so that it counts what another has just asked for. It comes
 * to an isolation when somebody believes it: who was answered connects to the answerer within a minute, and is served.
 *
 * Where the policy lets the sensor ask, a name of random letters is asked for, which nobody has: one answer is evidence enough, whatever
 * address it gives. It isolates when it is surely the device's own (state/probe.c).
 */
#include <stdio.h>
#include <strings.h>
#include "detect/lies.h"

extern const struct bh_detector bh_detector_name_poison;

#define NAMES 3
#define NAMES_MDNS 5
#define WINDOW BH_HOUR(1)

#define ASKED 256
#define JUST BH_SEC(2)

#define REGISTERED 8
#define TRUSTED BH_MIN(10) /* a name claimed right after it was asked for is its own only so long after */

#define OWNERS 256
#define WAYS 4

struct mine {
	struct bh_recent names[8], mdns[8];
	uint32_t answers;
};
/* what a device calls itself; by device, for it registers before it has an address, too */
struct own {
	struct bh_mac mac;
	bh_ns last;
	struct {
		uint64_t key;
		bh_ns from; /* when it counts as its own */
	} name[REGISTERED];
	uint32_t n;
};
struct shared {
	struct asked { /* by the name's hash */
		struct bh_recent name;
		struct bh_mac by;
		struct bh_addr from;
	} asked[ASKED];
	struct own own[OWNERS];
	struct bh_lies lies;
};

static bool credentials(uint16_t port)
{
	return port == 445 || port == 139 || port == 80 || port == 443 || port == 389 || port == 1433 || port == 3128 || port == 8080 || port == 3389 || port == 5985;
}

/* who was answered connects to the address he was given */
static struct bh_lie *believed(const struct bh_sight *s)
{
	struct bh_lie *l = credentials(s->ev->dport) ? bh_lie_behind(&((struct shared *)s->shared)->lies, s, BH_MIN(1)) : NULL;

	return l && bh_addr_eq(&s->ev->dst, &l->about) && bh_lie_told_to(l, &s->ev->src, s->ev->at, BH_MIN(1)) ? l : NULL;
}

/* an answer that gives the speaker's own address, and what it takes to know one of mDNS */
static bool answers(const struct bh_sight *s)
{
	const struct bh_ev_name *n = &s->ev->u.name;

	if (n->op == BH_NAME_QUERY || (n->op == BH_NAME_CLAIM && (n->via == BH_NAME_MDNS || n->via == BH_NAME_NBNS)))
		return n->name[0];
	return n->op == BH_NAME_ANSWER && (n->via == BH_NAME_LLMNR || n->via == BH_NAME_NBNS || n->via == BH_NAME_MDNS) && n->name[0] &&
	       bh_addr_eq(&n->addr, &s->ev->src);
}

static bool tells_its_name(const struct bh_ev_dhcp *d)
{
	return d->hostname[0] && (d->flags & BH_DHCP_F_V6 ? d->type != BH_DHCP6_ADVERTISE && d->type != BH_DHCP6_REPLY : d->type == 1 || d->type == 3 || d->type == 8);
}

static bool cares(const struct bh_sight *s)
{
	if (s->ev->kind == BH_EV_DHCP)
		return s->dev && tells_its_name(&s->ev->u.dhcp);
	return s->ev->kind == BH_EV_NAME ? s->dev && s->who && (s->probed || answers(s)) : s->far_who && bh_opened(s->ev);
}

/* the first label; "" for names that are not one label under nothing or .local */
static void label(const char *name, char out[64])
{
	size_t n = strcspn(name, ".");

	out[0] = '\0';
	if (name[n] && strcasecmp(name + n, ".local") != 0)
		return;
	for (size_t i = 0; i < n && i < 63; i++, out[i] = '\0')
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
}

static bool names_it(const char *own, const char *l)
{
	return own[0] && !strncasecmp(own, l, strlen(l) < 15 ? strlen(l) + 1 : 15);
}

static struct own *own_of(const struct bh_sight *s)
{
	struct own *set = &((struct shared *)s->shared)->own[bh_hash(&s->dev->mac, sizeof s->dev->mac, 0) % (OWNERS / WAYS) * WAYS], *give = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (bh_mac_eq(&set[i].mac, &s->dev->mac))
			return &set[i];
		if (set[i].last < give->last)
			give = &set[i];
	}
	*give = (struct own){.mac = s->dev->mac};
	return give;
}

/* Nobody is called by a bait, unless people say so. What a device calls itself it may: a server has several names. */
static bool its_own(const struct bh_sight *s, const char *l, bool bait)
{
	const struct own *o = own_of(s);
	uint64_t key = bh_word_key(l);

	if (names_it(s->dev->name, l) || (s->src->declared && names_it(s->policy->hosts[s->src->declared - 1].name, l)))
		return true;
	if (bait)
		return false;
	for (unsigned i = 0; i < REGISTERED; i++)
		if (o->name[i].key == key && o->name[i].from <= s->ev->at)
			return true;
	return names_it(s->src->name, l) || names_it(s->who->name, l);
}

static struct asked *asked_for(const struct bh_sight *s, const char *l)
{
	return &((struct shared *)s->shared)->asked[bh_word_key(l) / 2 % ASKED];
}

/* of an answer to all: whether somebody else has just asked for the name, and who */
static bool was_asked(const struct bh_sight *s, const char *l, bh_ns window, struct bh_addr *ret_asker)
{
	const struct asked *a = asked_for(s, l);

	if (a->name.key != bh_word_key(l) || !bh_within(s->ev->at, a->name.at, window) || bh_mac_eq(&a->by, &s->dev->mac))
		return false;
	*ret_asker = a->from;
	return true;
}

/* A name told unasked is its own at once; one told after the question is what a poisoner would do, and must wait. */
static void registers(const struct bh_sight *s, const char *l)
{
	struct own *o = own_of(s);
	struct bh_addr asker;
	uint64_t key = bh_word_key(l);
	bool late = was_asked(s, l, BH_SEC(10), &asker);

	for (unsigned i = 0; i < REGISTERED; i++)
		if (o->name[i].key == key)
			return;
	o->last = s->ev->at;
	o->name[o->n % REGISTERED].key = key;
	o->name[o->n++ % REGISTERED].from = s->ev->at + (late ? TRUSTED : 0);
}

static int used(const struct bh_sight *s, struct bh_finding *f)
{
	struct bh_lie *l = believed(s);
	unsigned step = l ? bh_lie_believed(l, s) : 0;
	char dev[96], a[BH_ADDR_TEXT];

	if (!step)
		return 0;
	bh_finding_init(f, &bh_detector_name_poison, s);
	f->host = s->far_who->addr;
	f->peer = s->ev->src;
	f->mac = s->far->mac;
	f->count = l->n;
	f->hard = step == BH_STEP_ISOLATE;
	f->step = (uint8_t)step;
	snprintf(f->text, sizeof f->text, "%s answered %s for a name that is not its own, and was connected to on port %u", bh_dev_text(s, s->far, dev),
		bh_addr_print(&s->ev->src, a), s->ev->dport);
	bh_finding_target(f, &s->ev->src, s->ev->dport, s->ev->outcome, s->ev->at);
	return 1;
}

static int canary(const struct bh_sight *s, struct mine *m, struct bh_finding *f)
{
	const struct bh_ev_name *q = &s->ev->u.name;
	char dev[96], a[BH_ADDR_TEXT];

	bh_finding_init(f, &bh_detector_name_poison, s);
	f->host = s->own ? s->src->addr : s->who->addr;
	f->mac = s->dev->mac;
	f->count = m->answers;
	f->severity = BH_SEV_CRITICAL;
	f->weight = 400;
	f->step = BH_STEP_ISOLATE;
	snprintf(f->text, sizeof f->text, "%s answered for '%.32s' by %s with %s; the sensor made that name up and asked for it", bh_dev_text(s, s->dev, dev),
		q->name, bh_name_via_name(q->via), bh_addr_none(&q->addr) ? "no address" : bh_addr_print(&q->addr, a));
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_ev_name *q = &s->ev->u.name;
	struct mine *m = mine;
	struct bh_addr told = s->ev->dst;
	char l[64], dev[96];
	bool bait, mdns = q->via == BH_NAME_MDNS;
	unsigned n;

	if (s->ev->kind == BH_EV_FLOW_OUTCOME)
		return used(s, f);
	if (s->ev->kind == BH_EV_DHCP) {
		label(s->ev->u.dhcp.hostname, l);
		if (l[0])
			registers(s, l);
		return 0;
	}
	if (s->probed) {
		m->answers += m->answers < UINT16_MAX;
		return canary(s, m, f);
	}
	label(q->name, l);
	bait = !strcmp(l, "wpad") || !strcmp(l, "isatap");
	if (!l[0])
		return 0;
	if (q->op == BH_NAME_QUERY) {
		*asked_for(s, l) = (struct asked){{bh_word_key(l), s->ev->at}, s->dev->mac, s->ev->src};
		return 0;
	}
	if (q->op == BH_NAME_CLAIM && (!mdns || !was_asked(s, l, JUST, &told))) {
		registers(s, l);
		return 0;
	}
	if (its_own(s, l, bait))
		return 0;
	m->answers += m->answers < UINT16_MAX;
	n = bh_recent_note(mdns ? m->mdns : m->names, 8, bh_word_key(l), s->ev->at, WINDOW);
	if (!bait && n < (mdns ? NAMES_MDNS : NAMES))
		return 0;
	(void)bh_lie_said(&((struct shared *)s->shared)->lies, s->dev, &s->ev->src, &told, s->ev->at);
	bh_finding_init(f, &bh_detector_name_poison, s);
	f->host = s->who->addr;
	f->mac = s->dev->mac;
	f->count = n;
	f->hard = false;
	f->weight = bait ? 300 : 250;
	f->step = BH_STEP_SHIELD;
	snprintf(f->text, sizeof f->text, "%s answered for '%s' by %s with its own address; %u names in an hour", bh_dev_text(s, s->dev, dev), l, bh_name_via_name(q->via), n);
	bh_finding_target(f, &told, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_name_poison = {
	.name = "name.poison",
	.title = "Names answered that are not one's own",
	.doc = "LLMNR, NetBIOS or mDNS answers with the speaker's address for several names, or for wpad or isatap; any answer for a name the sensor made up",
	.attack = "T1557.001",
	.tactic = "TA0006",
	.why = "Mistyped and vanished names are asked of everybody; who answers is sent a logon, to crack or to pass on.",
	.false_positives = "Servers with many aliases in mDNS, a proxy that really is called wpad: give it role proxy. Of a made-up name: an mDNS reflector "
			   "passes on what another segment's poisoner answers, and a WINS proxy before a DNS with a wildcard answers for all.",
	.sid = 9100042,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.hard = true,
	.weight = 300,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(REPLIES),
	.wants = BH_WANTS(BH_EV_NAME) | BH_WANTS(BH_EV_DHCP) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_PROXY),
	.host_size = sizeof(struct mine),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
