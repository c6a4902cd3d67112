/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * id.drift (U3) - a device is not any more who it was: its address stayed, its system is another
 *
 * What it shows in this session (device.h: prints) is compared with every session kept that says who it is: those in which a connection was
 * answered, else those seen more than once, else all, so that nobody bridges two systems by requests he makes up. The closest counts, and from
 * 200 centibans on it is another machine. A request alone can be forged by anybody on the wire, so that is an alert; when the new system
 * has also held an answered connection, critical zones are shielded from it. Firmware that boots from the network contradicts nobody.
 * Declared dual boot and installation benches are not told; a USB network card that several machines use is told as info.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_id_drift;

#define DRIFT 200
enum { TOLD_ASKED = 1, TOLD_SPOKE = 2 };

static bool cares(const struct bh_sight *s)
{
	const struct bh_print *is = s->dev ? &s->dev->prints[s->dev->at_print] : NULL;

	return is && (s->dev_shown || !(is->told & TOLD_SPOKE)) && (s->dev_shown || (bh_opened(s->ev) && s->own)) && !(s->dev->tags & (BH_DEV_T_DUALBOOT | BH_DEV_T_PXE | BH_DEV_T_ROUTER)) &&
	       !(s->dev->flags & BH_DEV_ROUTES);
}

/* how much a kept session says of who it is; 0 = nothing */
static unsigned worth(const struct bh_device *d, unsigned i)
{
	const struct bh_print *p = &d->prints[i];

	if (i == d->at_print || !p->first || (!p->dhcp_params && !p->ttl))
		return 0;
	return p->told & BH_PRINT_PROVEN ? 3 : p->seen > 1 ? 2 : 1;
}

/* the kept session that is most like the present one, of those that say most */
static const struct bh_print *closest(const struct bh_device *d, int32_t *ret_drift)
{
	const struct bh_print *is = &d->prints[d->at_print], *best = NULL;
	struct bh_text none = bh_text(NULL, 0);

	unsigned most = 1;

	*ret_drift = INT32_MAX;
	for (unsigned i = 0; i < BH_DEV_PRINTS; i++)
		most = worth(d, i) > most ? worth(d, i) : most;
	for (unsigned i = 0; i < BH_DEV_PRINTS; i++) {
		int32_t x;

		if (worth(d, i) < most)
			continue;
		x = bh_print_drift(&d->prints[i], is, &none);
		if (x >= *ret_drift)
			continue;
		*ret_drift = x;
		best = &d->prints[i];
	}
	return best;
}

static void side_by_side(struct bh_finding *f, const struct bh_print *was, const struct bh_print *is)
{
	snprintf(f->detail, sizeof f->detail, "was: %s, DHCP '%s' options %08x order %08x, TTL %u, window %u, name '%s'; is: %s, DHCP '%s' options %08x order %08x, TTL %u, window %u, name '%s'",
		bh_os_name(was->os_dhcp ? was->os_dhcp : was->os_syn), was->vendor, was->dhcp_params, was->dhcp_order, was->ttl, was->syn.window, was->name,
		bh_os_name(is->os_dhcp ? is->os_dhcp : is->os_syn), is->vendor, is->dhcp_params, is->dhcp_order, is->ttl, is->syn.window, is->name);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct bh_print *is = &s->dev->prints[s->dev->at_print];
	const struct bh_mac_prefix *prefix;
	uint8_t how = bh_opened(s->ev) && is->ttl ? TOLD_SPOKE : TOLD_ASKED;
	const struct bh_host *h = s->who ? s->who : s->src;
	const struct bh_print *was;
	char dev[96], what[120];
	struct bh_text t = bh_text(what, sizeof what);
	int32_t drift;

	if ((is->told & how) || !h)
		return 0;
	was = closest(s->dev, &drift);
	if (!was || drift < DRIFT)
		return 0;
	is->told |= how;
	(void)bh_print_drift(was, is, &t);
	bh_finding_init(f, &bh_detector_id_drift, s);
	f->host = h->addr;
	f->mac = s->dev->mac;
	f->count = (uint32_t)drift;
	f->step = how == TOLD_SPOKE ? BH_STEP_SHIELD : BH_STEP_ALERT;
	if ((s->dev->tags & BH_DEV_T_SHARED) || (bh_gadgets_mac(s->gadgets, &s->dev->mac, &prefix) == BH_MACC_USB_NIC && strcmp(was->name, is->name) != 0)) {
		f->severity = BH_SEV_INFO; /* one dongle, several laptops: the name says whose it is today */
		f->weight /= 10;
		f->step = BH_STEP_ALERT;
	}
	snprintf(f->text, sizeof f->text, "%s is not who it was: %s", bh_dev_text(s, s->dev, dev), what);
	side_by_side(f, was, is);
	bh_put_usb(f, s->dev);
	return 1;
}

const struct bh_detector bh_detector_id_drift = {
	.name = "id.drift",
	.title = "Same address, another machine",
	.doc = "a device shows another system than in all sessions kept: DHCP request, connections, time to live, name",
	.attack = "T1200",
	.tactic = "TA0005",
	.why = "Implants copy the hardware address and the host name of what they replace; how their system asks and connects they do not.",
	.false_positives = "Dual boot and reinstallation (bulkhead host tag X dual-boot, pxe), one dongle for several laptops (shared), a large update.",
	.sid = 9100038,
	.family = BH_FAM_U,
	.severity = BH_SEV_HIGH,
	.weight = 250,
	.quiet = BH_MIN(10),
	.needs = BH_SEES_BIT(FRAMES),
	.wants = BH_WANTS(BH_EV_DHCP) | BH_WANTS(BH_EV_FLOW_NEW) | BH_WANTS(BH_EV_FLOW_OUTCOME),
	.relief = BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_VDI) | BH_ROLE_BIT(BH_ROLE_LB),
	.cares = cares,
	.observe = observe,
};
