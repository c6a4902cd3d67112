/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hosts live in a fixed array, found through an open-addressed index, kept in two LRU lists: hosts that held a two-way
 * exchange and hosts that only claimed an address. A flood of forged sources fills the second list and evicts itself; it
 * can push out nobody who was ever verified until the verified ones alone fill the table.
 *
 * A destination becomes a host when it answers, never because somebody knocked: a scan of an empty /8 costs nothing.
 *
 * MAC addresses have a table of their own because a device is cut by all it has. A MAC whose frames carried more than eight
 * IPv4 addresses is a router: it is never bound to a host and never cut. A frame alone says which MAC brought it here, which may
 * be a router's with few hosts behind it; that a host itself has the MAC (onlink) takes ARP, a lease or the policy. A claim
 * that moves an address from one MAC to another is remembered: what is disputed belongs to neither.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <bulkhead/state.h>
#include "state/inside.h"
#include "state/seems.h"

static int planes_open(struct bh_state *s, const struct bh_state_limits *limits)
{
	int r = 0;

	for (unsigned i = 0; i < BH_STATE_PLANES && r == 0; i++) {
		r = bh_plane_open(&s->planes[i], i, limits->plane_bytes[i], limits->plane_hosts[i], s->cap);
		s->n.bytes += bh_plane_bytes(&s->planes[i]);
	}
	return r;
}

int bh_state_open(const struct bh_state_limits *limits, const struct bh_policy *policy, struct bh_state **ret_state)
{
	struct bh_state *s = calloc(1, sizeof *s);
	uint32_t slots = 1;

	if (!s)
		return -ENOMEM;
	s->policy = policy;
	s->watch = limits->watch;
	s->gadgets = limits->gadgets;
	s->ouis = limits->ouis;
	s->seed = limits->seed;
	s->self = limits->self;
	s->n_self = limits->n_self;
	s->cap = limits->hosts ? limits->hosts : 65536;
	while (slots < s->cap * 2)
		slots *= 2;
	s->index_mask = slots - 1;
	s->hosts = bh_large_calloc(s->cap, sizeof *s->hosts, &s->hosts_raw);
	s->index = bh_large_calloc(slots * sizeof *s->index + FRESH * sizeof *s->fresh, 1, &s->index_raw);
	s->sees = calloc((BH_MAX_ZONES + 1) * BH_SEES_COUNT, sizeof *s->sees);
	s->probes = calloc(1, sizeof *s->probes);
	s->clocks = bh_clocks_open();
	if (!s->sees || !s->clocks || !s->probes || planes_open(s, limits) < 0 || !s->hosts || !s->index || bh_devices_open(limits->devices ? limits->devices : limits->hosts, s->seed, &s->devices) < 0 ||
		bh_filter_init(&s->filter, limits->filter_bits ? limits->filter_bits : 27)) {
		bh_state_close(s);
		return -ENOMEM;
	}
	bh_devices_declare(s->devices, policy);
	s->fresh = (uint64_t *)(void *)(s->index + slots);
	s->lru[0] = s->lru[1] = (struct lru){NIL, NIL};
	s->free_head = NIL;
	s->n.bytes += s->cap * sizeof *s->hosts + slots * sizeof *s->index + FRESH * sizeof *s->fresh +
		      2 * s->filter.blocks * 64;
	*ret_state = s;
	return 0;
}

void bh_state_close(struct bh_state *s)
{
	if (!s)
		return;
	bh_filter_fini(&s->filter);
	free(s->hosts_raw);
	for (unsigned i = 0; i < BH_STATE_PLANES; i++)
		bh_plane_close(&s->planes[i]);
	free(s->index_raw);
	bh_devices_close(s->devices);
	free(s->sees);
	bh_clocks_close(s->clocks);
	free(s->probes);
	free(s);
}

void bh_state_counters(const struct bh_state *s, struct bh_state_counters *ret_counters)
{
	*ret_counters = s->n;
	ret_counters->generations = s->filter.turns;
	bh_devices_counters(s->devices, &ret_counters->devices);
	ret_counters->bytes += ret_counters->devices.bytes;
	for (unsigned i = 0; i < BH_STATE_PLANES; i++) {
		ret_counters->plane_entries += s->planes[i].entries;
		ret_counters->plane_evicted += s->planes[i].evicted;
	}
}

/* ---- LRU ---- */
static void unlink_host(struct bh_state *s, struct bh_host *h)
{
	struct lru *l = &s->lru[h->verified];

	if (h->newer != NIL)
		s->hosts[h->newer].older = h->older;
	else
		l->newest = h->older;
	if (h->older != NIL)
		s->hosts[h->older].newer = h->newer;
	else
		l->oldest = h->newer;
}

static void push_newest(struct bh_state *s, struct bh_host *h)
{
	struct lru *l = &s->lru[h->verified];

	h->newer = NIL;
	h->older = l->newest;
	if (l->newest != NIL)
		s->hosts[l->newest].newer = h->slot;
	else
		l->oldest = h->slot;
	l->newest = h->slot;
}

/* ---- index: linear probing with backward-shift deletion ---- */
static uint32_t tag_of(const struct bh_state *s, const struct bh_addr *a)
{
	return (uint32_t)bh_addr_hash(a, s->seed);
}

/* where the address stands, or the empty place where it would */
static uint32_t lookup(const struct bh_state *s, const struct bh_addr *a, uint32_t tag)
{
	for (uint32_t i = tag & s->index_mask;; i = (i + 1) & s->index_mask) {
		const struct place *p = &s->index[i];

		if (!p->at || (p->tag == tag && bh_addr_eq(&s->hosts[p->at - 1].addr, a)))
			return i;
	}
}

static void index_remove(struct bh_state *s, uint32_t i)
{
	uint32_t hole = i;

	for (uint32_t j = (i + 1) & s->index_mask; s->index[j].at; j = (j + 1) & s->index_mask) {
		uint32_t want = s->index[j].tag & s->index_mask;

		if (((j - want) & s->index_mask) >= ((j - hole) & s->index_mask)) {
			s->index[hole] = s->index[j];
			hole = j;
		}
	}
	s->index[hole].at = 0;
}

static bool knows(const struct bh_state *s, const struct bh_host *h, const struct bh_mac *m)
{
	const struct bh_device *d = bh_mac_none(m) ? NULL : bh_devices_find(s->devices, m);

	return d && d->status == BH_DEV_KNOWN && bh_device_has(d, &h->addr);
}

static bool of_known_device(const struct bh_state *s, const struct bh_host *h)
{
	return knows(s, h, &h->mac) || knows(s, h, &h->kept); /* somebody may just have claimed it */
}

/* A host under a standing order is skipped: forgetting it would forget the cut. So is one of a device that people know. */
static struct bh_host *evict(struct bh_state *s)
{
	for (int list = 0; list < 2; list++) {
		uint32_t i = s->lru[list].oldest;

		for (int tries = 0; i != NIL && tries < 64; tries++) {
			struct bh_host *h = &s->hosts[i];

			if (h->ledger.isolate_order || h->ledger.shield_order || h->ledger.contain_order || h->declared || of_known_device(s, h)) {
				uint32_t next = h->newer;

				/* out of the way, or 64 of them would bar the list for good */
				unlink_host(s, h);
				push_newest(s, h);
				i = next;
				continue;
			}
			index_remove(s, lookup(s, &h->addr, tag_of(s, &h->addr)));
			unlink_host(s, h);
			s->n.evicted++;
			s->n.hosts--;
			return h;
		}
	}
	return NULL;
}

struct bh_host *bh_state_find(struct bh_state *s, const struct bh_addr *a)
{
	uint32_t at = s->index[lookup(s, a, tag_of(s, a))].at;

	return at ? &s->hosts[at - 1] : NULL;
}

/* what the policy says of the host; a MAC learned meanwhile stays when it says none */
static void describe(struct bh_state *s, struct bh_host *h)
{
	const struct bh_phost *d = bh_policy_host_by_addr(s->policy, &h->addr);

	h->zone = bh_policy_zone_of(s->policy, &h->addr);
	h->self = bh_state_is_self(s, &h->addr);
	h->declared = d ? (uint32_t)(d - s->policy->hosts) + 1 : 0;
	h->roles = d ? d->roles : 0;
	if (d)
		bh_strcpy(h->name, sizeof h->name, d->name);
	if (d && !bh_mac_none(&d->mac)) {
		h->mac = d->mac;
		h->onlink = true;
	}
}

void bh_state_policy(struct bh_state *s, const struct bh_policy *policy)
{
	s->policy = policy;
	memset(s->probes->last, 0, sizeof s->probes->last); /* the zones have other numbers */
	for (uint32_t i = 0; i < s->used; i++)
		if (!bh_addr_none(&s->hosts[i].addr))
			describe(s, &s->hosts[i]);
	bh_state_devices_policy(s);
}

/* A slot never used before is zero already, and its pages untouched. */
static uint32_t clear(struct bh_state *s, struct bh_host *h)
{
	uint32_t slot = h->slot;

	for (unsigned i = 0; i < BH_STATE_PLANES; i++)
		bh_plane_leave(&s->planes[i], h);
	memset(h, 0, sizeof *h);
	return slot;
}

struct bh_host *bh_state_touch(struct bh_state *s, const struct bh_addr *a, bh_ns at)
{
	uint32_t tag = tag_of(s, a), i = lookup(s, a, tag), slot;
	struct bh_host *h;

	if (s->index[i].at) {
		h = &s->hosts[s->index[i].at - 1];
		h->last = at;
		if (h->moved != (uint32_t)(at >> 30)) { /* once a second is order enough, and spares the neighbours' lines */
			h->moved = (uint32_t)(at >> 30);
			unlink_host(s, h);
			push_newest(s, h);
		}
		return h;
	}
	if (bh_addr_unspecified(a) || bh_addr_multicast(a))
		return NULL;
	if (s->used < s->cap)
		slot = s->used++;
	else if ((h = evict(s))) {
		slot = clear(s, h);
		i = lookup(s, a, tag); /* the eviction may have moved what stood before it */
	} else
		return NULL;
	h = &s->hosts[slot];
	h->addr = *a;
	h->slot = slot;
	h->first = h->last = at;
	h->moved = (uint32_t)(at >> 30);
	describe(s, h);
	s->index[i] = (struct place){tag, slot + 1};
	push_newest(s, h);
	s->n.hosts++;
	return h;
}

struct bh_host *bh_state_slot(struct bh_state *s, uint32_t slot)
{
	return slot < s->used ? &s->hosts[slot] : NULL;
}

uint32_t bh_state_slots(const struct bh_state *s)
{
	return s->used;
}

void *bh_state_bytes(struct bh_state *s, struct bh_host *h, unsigned plane)
{
	struct bh_plane *p = &s->planes[plane];

	return bh_plane_at(p, bh_plane_of(p, s->hosts, h, BH_PLANE_NONE));
}

void bh_state_pair(struct bh_state *s, struct bh_host *a, struct bh_host *b, unsigned plane, void *ret_entries[2])
{
	struct bh_plane *p = &s->planes[plane];
	uint32_t at_a = bh_plane_of(p, s->hosts, a, b->place[plane] ? b->place[plane] - 1u : BH_PLANE_NONE);

	ret_entries[1] = bh_plane_at(p, bh_plane_of(p, s->hosts, b, at_a));
	ret_entries[0] = bh_plane_at(p, at_a);
}

/* not the planes of large entries: most are never used */
void bh_state_memory(struct bh_state *s, void (*each)(void *start, size_t bytes))
{
	each(s->hosts, s->cap * sizeof *s->hosts);
	each(s->index, (s->index_mask + 1) * sizeof *s->index + FRESH * sizeof *s->fresh);
	bh_devices_memory(s->devices, each);
	for (unsigned i = 0; i < BH_STATE_PLANES; i++)
		if (s->planes[i].each && s->planes[i].each <= 1024)
			each(s->planes[i].mem, s->planes[i].cap * s->planes[i].each);
	for (int i = 0; i < 2; i++)
		each(s->filter.gen[i].block, s->filter.blocks * 64);
}

size_t bh_state_zone_hosts(const struct bh_state *s, uint16_t zone, uint32_t role_mask)
{
	size_t n = 0;

	for (uint32_t i = s->lru[1].newest; i != NIL; i = s->hosts[i].older)
		n += s->hosts[i].zone == zone && (!role_mask || (s->hosts[i].roles & role_mask));
	return n;
}

static void verify(struct bh_state *s, struct bh_host *h, bh_ns at)
{
	if (!h)
		return;
	h->verified_at = at;
	if (h->verified)
		return;
	unlink_host(s, h);
	h->verified = true;
	push_newest(s, h);
}

/* ---- events ---- */
static void flow_new(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	struct {
		struct bh_addr src, dst;
		uint32_t svc;
	} key = {ev->src, ev->dst, v->cls ? v->cls : 0x10000u | (uint32_t)ev->proto << 17 | ev->dport};
	uint64_t h;

	v->src = bh_state_touch(s, &ev->src, ev->at);
	v->dst = bh_state_find(s, &ev->dst);
	if (v->src)
		v->src->flows_out++;
	if (ev->outcome == BH_OUT_MIDSTREAM)
		return;
	h = bh_hash(&key, sizeof key, s->seed);
	v->first_contact = !bh_filter_add(&s->filter, h, ev->at);
	if (v->first_contact) {
		s->n.first_contacts++;
		s->fresh[ev->flow_id & (FRESH - 1)] = ev->flow_id;
	}
}

static void flow_outcome(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	bool answered = ev->outcome == BH_OUT_SUCCESS || ev->outcome == BH_OUT_HANDSHAKE;

	v->src = bh_state_touch(s, &ev->src, ev->at);
	v->dst = answered ? bh_state_touch(s, &ev->dst, ev->at) : bh_state_find(s, &ev->dst);
	v->first_contact = ev->flow_id && s->fresh[ev->flow_id & (FRESH - 1)] == ev->flow_id;
	if (!answered || !(ev->flags & BH_EVF_TWOWAY))
		return;
	verify(s, v->src, ev->at);
	verify(s, v->dst, ev->at);
	/* only frames that crossed our wire with this MAC as sender bind it; the far side's MAC may be a router's */
	(void)bh_state_bind(s, v->src, &ev->mac_src, ev->at, BH_BY_FRAME, ev->ttl, v->dev, &v->owner);
	if (v->dst) {
		uint64_t me = 1ull << (bh_addr_hash(&ev->src, 0) & 63);

		v->dst_is_server = __builtin_popcountll(v->dst->clients & ~me) >= 3;
		v->dst->clients |= me;
		v->dst->flows_in++;
	}
}

static void arp(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	v->src = bh_state_touch(s, &ev->src, ev->at);
	v->dst = bh_state_find(s, &ev->dst);
	v->claim = (uint8_t)bh_state_bind(s, v->src, &ev->mac_src, ev->at, BH_BY_ARP, 0, v->dev, &v->owner);
	v->routes = (uint8_t)bh_device_several_nets(v->dev && bh_mac_eq(&v->dev->mac, &ev->mac_src) ? v->dev : bh_devices_find(s->devices, &ev->mac_src));
}

static void dhcp(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	struct bh_host *h;

	v->src = bh_state_touch(s, &ev->src, ev->at);
	if (ev->u.dhcp.flags & BH_DHCP_F_V6)
		return;
	v->asked_for = bh_asked_for(s->asked, ev);
	if (v->src && v->asked_for)
		v->src->answers |= BH_ANSWERS_DHCP;
	if (ev->u.dhcp.type != 5 || bh_addr_none(&ev->u.dhcp.yiaddr))
		return;
	h = bh_state_touch(s, &ev->u.dhcp.yiaddr, ev->at);
	if (!h)
		return;
	v->claim = (uint8_t)bh_state_bind(s, h, &ev->u.dhcp.client, ev->at, BH_BY_LEASE, 0, v->dev, &v->owner);
	if (v->claim == BH_CLAIM_LEFT && v->asked_for)
		h->moved_at = 0; /* what was given back and given anew is nobody else's */
	if (ev->u.dhcp.hostname[0] && !h->declared)
		bh_strcpy(h->name, sizeof h->name, ev->u.dhcp.hostname);
}

static bool of_identity(const struct bh_event *ev)
{
	return ev->kind == BH_EV_ARP || ev->kind == BH_EV_DHCP || ev->kind == BH_EV_RA || ev->kind == BH_EV_NAME || ev->kind == BH_EV_LINK;
}

/* who sent the frame; a message without an address is its device's */
static void device(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	bh_device_sight(s->devices, s->policy, v);
	if (v->dev && of_identity(ev))
		v->who = bh_state_host_of(s, v->dev, ev->at);
	if (!v->src)
		v->src = v->who;
	if (v->dev && v->own && (v->src->verified || (ev->flags & BH_EVF_TWOWAY)))
		bh_devices_flag(s->devices, v->dev, BH_DEV_SPOKE, true);
	if (v->dev && v->own && (v->dev->flags & BH_DEV_NAMELESS)) {
		struct bh_addr a = bh_addr_of_mac(&v->dev->mac);

		v->was = bh_addr_eq(&a, &v->src->addr) ? NULL : bh_state_find(s, &a);
		if (v->was && (v->was->verified || v->was->moved_at || v->was->conflict_until || !bh_mac_eq(&v->was->mac, &v->dev->mac)))
			v->was = NULL; /* somebody may have used that address, and what he did is his */
		v->dev->flags &= (uint8_t)~BH_DEV_NAMELESS;
	}
	v->two_clocks = v->own && bh_clocks_two(s->clocks, v->dev, ev);
	if (v->two_stacks || v->two_clocks)
		v->src->conflict_until = ev->at + CONFLICT_HOLD;
	v->probed = (uint8_t)bh_state_probed(s, v);
	bh_state_saw(s, v);
	if (ev->kind == BH_EV_FLOW_OUTCOME && !bh_mac_none(&ev->mac_dst))
		v->far = bh_devices_find(s->devices, &ev->mac_dst);
	if (ev->kind == BH_EV_RA && ev->u.ra.op == BH_RA_REDIRECT && (v->far = bh_devices_find(s->devices, &ev->u.ra.lladdr)))
		v->far_who = bh_state_host_of(s, v->far, ev->at);
	bh_device_serves(s, v, of_identity(ev));
	/* its frames reached it without a router: they share a wire */
	if (v->far && v->far->zone == BH_ZONE_NONE && v->dev && !(v->dev->flags & BH_DEV_ROUTES) && v->dev->zone != BH_ZONE_NONE && (ev->flags & BH_EVF_TWOWAY))
		bh_devices_zone(s->devices, v->far, v->dev->zone);
	if (v->far && (v->far->flags & BH_DEV_LIED))
		v->far_who = bh_state_host_of(s, v->far, ev->at);
}

/* the places in large tables, asked for together and on their way while the policy judges */
static void expect(const struct bh_state *s, const struct bh_event *ev)
{
	const struct place *src = &s->index[tag_of(s, &ev->src) & s->index_mask];
	const struct place *dst = &s->index[tag_of(s, &ev->dst) & s->index_mask];

	__builtin_prefetch(dst);
	if (src->at)
		__builtin_prefetch(&s->hosts[src->at - 1], 1);
	if (dst->at)
		__builtin_prefetch(&s->hosts[dst->at - 1], 1);
	__builtin_prefetch(&s->fresh[ev->flow_id & (FRESH - 1)], 1);
}

void bh_state_step(struct bh_state *s, const struct bh_event *ev, struct bh_sight *ret_sight)
{
	struct bh_sight *v = ret_sight; /* filled in place: a copy of what was just written stalls */

	*v = (struct bh_sight){.ev = ev, .policy = s->policy, .watch = s->watch, .gadgets = s->gadgets, .ouis = s->ouis, .devices = s->devices};
	bh_device_meet(s->devices, s->policy, v);
	if (v->dev_new)
		bh_state_usb_recall(s, v->dev);
	switch (ev->kind) {
	case BH_EV_FLOW_NEW:
	case BH_EV_FLOW_OUTCOME:
	case BH_EV_FLOW_CLASS:
		expect(s, ev);
		v->cls = (uint16_t)bh_watch_service(s->watch, ev->proto, ev->dport);
		v->law = bh_policy_judge(s->policy, &ev->src, &ev->dst, ev->proto, ev->dport);
		if (ev->kind == BH_EV_FLOW_NEW)
			flow_new(s, ev, v);
		else if (ev->kind == BH_EV_FLOW_OUTCOME)
			flow_outcome(s, ev, v);
		else
			v->src = bh_state_find(s, &ev->src), v->dst = bh_state_find(s, &ev->dst);
		break;
	case BH_EV_ARP:
		arp(s, ev, v);
		break;
	case BH_EV_DHCP:
		dhcp(s, ev, v);
		break;
	case BH_EV_RA:
	case BH_EV_NAME:
	case BH_EV_LINK:
	case BH_EV_USB:
		v->src = bh_state_touch(s, &ev->src, ev->at);
		v->dst = bh_state_find(s, &ev->dst);
		if (ev->kind == BH_EV_USB)
			bh_state_usb(s, ev);
		break;
	case BH_EV_SMB:
	case BH_EV_RPC:
	case BH_EV_LOGON:
	case BH_EV_KRB:
	case BH_EV_LDAP:
	case BH_EV_DNS:
	case BH_EV_HTTP:
	case BH_EV_RDP:
	case BH_EV_SSH:
		v->cls = (uint16_t)bh_watch_service(s->watch, ev->proto, ev->dport);
		if (ev->kind == BH_EV_RPC) {
			v->iface = bh_watch_iface(s->watch, &ev->u.rpc.uuid);
			v->call = bh_watch_call(v->iface, ev->u.rpc.opnum, &v->rpc);
		}
		v->src = bh_state_touch(s, &ev->src, ev->at);
		v->dst = bh_state_touch(s, &ev->dst, ev->at);
		if (v->dst)
			v->dst->answers |= bh_answers_of(ev);
		if (ev->flags & BH_EVF_TWOWAY) {
			verify(s, v->src, ev->at);
			verify(s, v->dst, ev->at);
		}
		break;
	}
	device(s, ev, v);
}
