/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nat.behind (U5) - somebody is behind a device that is no router
 *
 * Its own address opens connections with a time to live one hop short, beside others as they leave a machine: three of each within
 * ten minutes. A Linux behind Windows or macOS is what developers' tools do, and is told as info; a Windows behind Linux is what an
 * implant in the line looks like.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_nat_behind;

#define EACH 3
#define WINDOW BH_MIN(10)

struct mine {
	struct bh_rate outer, inner;
	uint8_t os_outer, os_inner, ttl_outer, ttl_inner;
};

/* one hop short of a default */
static uint8_t short_of(uint8_t ttl)
{
	return ttl == 63 ? 64 : ttl == 127 ? 128 : 0;
}

static bool cares(const struct bh_sight *s)
{
	return s->own && s->ev->kind == BH_EV_FLOW_NEW && s->ev->proto == 6 && s->ev->u.flow.syn.window && !(s->dev->tags & BH_DEV_T_ROUTER) &&
	       (bh_ttl_class(s->ev->ttl) || short_of(s->ev->ttl));
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	uint8_t inner = short_of(s->ev->ttl), os = bh_os_of_syn(&s->ev->u.flow.syn, inner ? inner : s->ev->ttl);
	struct mine *m = mine;
	bool usual;
	char dev[96];

	if (os == BH_OS_TOOL)
		return 0;
	if (inner) {
		m->os_inner = os;
		m->ttl_inner = s->ev->ttl;
	} else {
		m->os_outer = os;
		m->ttl_outer = s->ev->ttl;
	}
	bh_rate_add(inner ? &m->inner : &m->outer, 1, s->ev->at, WINDOW);
	if (!inner || bh_rate_add(&m->inner, 0, s->ev->at, WINDOW) < EACH || bh_rate_add(&m->outer, 0, s->ev->at, WINDOW) < EACH)
		return 0;
	usual = (m->os_outer == BH_OS_WINDOWS || m->os_outer == BH_OS_APPLE) && m->os_inner == BH_OS_LINUX;
	bh_finding_init(f, &bh_detector_nat_behind, s);
	f->mac = s->dev->mac;
	f->count = bh_rate_add(&m->inner, 0, s->ev->at, WINDOW);
	if (usual) {
		f->severity = BH_SEV_INFO;
		f->weight = 30;
	} else if (m->os_inner == BH_OS_WINDOWS) {
		f->severity = BH_SEV_MEDIUM;
		f->weight = 200;
	}
	snprintf(f->text, sizeof f->text, "behind %s: %s with TTL %u beside its own %s with TTL %u", bh_dev_text(s, s->dev, dev), bh_os_name(m->os_inner), m->ttl_inner,
		bh_os_name(m->os_outer), m->ttl_outer);
	return 1;
}

const struct bh_detector bh_detector_nat_behind = {
	.name = "nat.behind",
	.title = "Somebody behind a host",
	.doc = "connections one hop short of a default time to live from the address of a device that also opens its own",
	.attack = "T1200",
	.tactic = "TA0001",
	.why = "Implants in the line, tethered telephones and shared connections put machines behind one that the inventory knows.",
	.false_positives = "Virtual machines and containers with NAT (told as info on Windows and macOS), hotspots, small routers (bulkhead host tag X router).",
	.sid = 9100044,
	.family = BH_FAM_U,
	.severity = BH_SEV_LOW,
	.weight = 100,
	.quiet = BH_HOUR(1),
	.needs = BH_SEES_BIT(FRAMES) | BH_SEES_BIT(CONVERSATIONS),
	.wants = BH_WANTS(BH_EV_FLOW_NEW),
	.relief = BH_ROLE_BIT(BH_ROLE_GATEWAY) | BH_ROLE_BIT(BH_ROLE_HYPERVISOR) | BH_ROLE_BIT(BH_ROLE_PROXY) | BH_ROLE_BIT(BH_ROLE_VDI),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
