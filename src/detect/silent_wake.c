/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * silent.wake (U11) - a known device that was not seen for a week is back
 *
 * An implant sleeps until it is called; a laptop comes back from leave. The return alone is told as info. What it does in its first
 * minute tells them apart: who asks for ten addresses and more by ARP looks around, who opens a VPN or Tor goes out. A week counts only
 * when this program has run for it: what was not heard because nobody listened is not silence.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_silent_wake;

#define SILENT BH_HOUR(24 * 7)
#define FIRST BH_MIN(1)
#define LOOKS 10 /* addresses asked for */
#define BACK 256 /* devices that came back lately; a later one takes the place */

struct back {
	struct bh_mac mac;
	uint16_t n;
	bh_ns at, away;
	uint64_t asked[LOOKS];
};
struct shared {
	bh_ns since; /* the first event that a known device made */
	struct back back[BACK];
};

static bool goes_out(const struct bh_event *ev)
{
	return ev->kind == BH_EV_FLOW_CLASS && !(ev->flags & BH_EVF_GUESS) && (ev->app == BH_APP_OPENVPN || ev->app == BH_APP_WIREGUARD || ev->app == BH_APP_TOR);
}

static bool asks(const struct bh_event *ev)
{
	return ev->kind == BH_EV_ARP && ev->u.arp.op == 1 && !bh_addr_eq(&ev->src, &ev->dst);
}

static bool cares(const struct bh_sight *s)
{
	return s->dev && s->dev->status == BH_DEV_KNOWN && !(s->dev->flags & BH_DEV_ROUTES) && (s->away >= SILENT || asks(s->ev) || goes_out(s->ev));
}

/* true: the tenth, just now */
static bool looked(struct back *b, const struct bh_addr *a)
{
	uint64_t key = bh_addr_hash(a, 1);

	for (unsigned i = 0; i < b->n && i < LOOKS; i++)
		if (b->asked[i] == key)
			return false;
	if (b->n < LOOKS)
		b->asked[b->n++] = key;
	else
		return false;
	return b->n == LOOKS;
}

static int told(const struct bh_sight *s, const struct back *b, struct bh_finding *f, const char *does)
{
	const struct bh_host *h = s->own || !s->who ? s->src : s->who;
	char dev[96], a[80];

	bh_finding_init(f, &bh_detector_silent_wake, s);
	f->host = h->addr;
	f->mac = s->dev->mac;
	f->count = (uint32_t)(b->away / BH_HOUR(24));
	if (does) {
		f->severity = BH_SEV_LOW;
		f->weight = 70;
	}
	snprintf(f->text, sizeof f->text, "%s at %s is back after %u days%s%s", bh_dev_text(s, s->dev, dev), bh_host_text(h, &h->addr, a), f->count, does ? ", and " : "",
		does ? does : "");
	bh_put_usb(f, s->dev);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct shared *m = s->shared;
	struct back *b = &m->back[bh_hash(&s->dev->mac, sizeof s->dev->mac, 0) % BACK];
	bh_ns at = s->ev->at ? s->ev->at : 1;
	char does[48];
	bool woke;

	if (!m->since || m->since > at)
		m->since = at;
	woke = s->away >= SILENT && at - m->since >= SILENT;
	if (woke)
		*b = (struct back){.mac = s->dev->mac, .at = at, .away = s->away};
	if (!bh_mac_eq(&b->mac, &s->dev->mac) || !bh_within(at, b->at, FIRST))
		return 0;
	if (goes_out(s->ev)) {
		snprintf(does, sizeof does, "opened %s in its first minute", bh_app_name(s->ev->app));
		return told(s, b, f, does);
	}
	if (asks(s->ev) && looked(b, &s->ev->dst))
		return told(s, b, f, "asked for 10 addresses in its first minute");
	return woke ? told(s, b, f, NULL) : 0;
}

const struct bh_detector bh_detector_silent_wake = {
	.name = "silent.wake",
	.title = "Device back after a week",
	.doc = "a known device not seen for 7 days comes back; more when it looks around or opens a VPN or Tor in its first minute",
	.attack = "T1205",
	.tactic = "TA0011",
	.why = "An implant keeps quiet until it is called; a machine in a drawer that somebody plugs in again is nobody's to look after.",
	.false_positives = "Laptops back from leave, lent equipment, machines switched on for the yearly count: told as info.",
	.sid = 9100046,
	.family = BH_FAM_U,
	.severity = BH_SEV_INFO,
	.weight = 10,
	.quiet = BH_HOUR(1),
	.needs_inventory = true,
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_ARP) | BH_WANTS(BH_EV_DHCP) | BH_WANTS(BH_EV_NAME) | BH_WANTS(BH_EV_FLOW_NEW) | BH_WANTS(BH_EV_FLOW_OUTCOME) | BH_WANTS(BH_EV_FLOW_CLASS),
	.shared_size = sizeof(struct shared),
	.cares = cares,
	.observe = observe,
};
