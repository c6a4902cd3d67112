/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hosts live in a fixed array, found through an open-addressed index, kept in two LRU lists: hosts that held a two-way
 * exchange and hosts that only claimed an address. A flood of forged sources fills the second list and evicts itself; it
 * can push out nobody who was ever verified until the verified ones alone fill the table.
 *
 * A destination becomes a host when it answers, never because somebody knocked: a scan of an empty /8 costs nothing.
 *
 * MAC addresses have a table of their own because a device is cut by all it has. A MAC whose frames carried more than eight
 * addresses is a router: it is never bound to a host and never cut. A frame alone says which MAC brought it here, which may
 * be a router's with few hosts behind it; that a host itself has the MAC (onlink) takes ARP, a lease or the policy. A claim
 * that moves an address from one MAC to another is remembered: what is disputed belongs to neither.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <bulkhead/state.h>
#include "state/filter.h"
#include "state/identity.h"
#include "state/macs.h"
#include "state/plane.h"
#include "state/seems.h"

#define NIL UINT32_MAX
#define CONFLICT_HOLD BH_MIN(10)
#define CONFLICT_WINDOW BH_SEC(30)
#define FRESH 65536u /* recent first contacts by flow id, for the outcome that follows */

struct lru {
	uint32_t newest, oldest;
};
struct place {
	uint32_t tag; /* low half of the hash; home = tag & mask: most strangers are told apart here */
	uint32_t at;  /* 1 + slot; 0 = empty */
};

struct bh_state {
	const struct bh_policy *policy;
	const struct bh_watch *watch;
	struct bh_host *hosts;
	void *hosts_raw, *index_raw;
	struct bh_plane planes[BH_STATE_PLANES];
	struct place *index;
	uint32_t index_mask;
	uint32_t cap, used, free_head;
	struct lru lru[2]; /* [verified] */
	struct bh_macs macs;
	struct bh_filter filter;
	struct bh_asked asked[BH_ASKED];
	uint64_t *fresh; /* behind the index, in the same memory: each event looks at both */
	uint64_t seed;
	struct bh_state_counters n;
};

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
	s->seed = limits->seed;
	s->cap = limits->hosts ? limits->hosts : 65536;
	while (slots < s->cap * 2)
		slots *= 2;
	s->index_mask = slots - 1;
	s->hosts = bh_large_calloc(s->cap, sizeof *s->hosts, &s->hosts_raw);
	s->index = bh_large_calloc(slots * sizeof *s->index + FRESH * sizeof *s->fresh, 1, &s->index_raw);
	if (planes_open(s, limits) < 0 || !s->hosts || !s->index || bh_macs_open(&s->macs, s->seed) < 0 ||
		bh_filter_init(&s->filter, limits->filter_bits ? limits->filter_bits : 27)) {
		bh_state_close(s);
		return -ENOMEM;
	}
	s->fresh = (uint64_t *)(void *)(s->index + slots);
	s->lru[0] = s->lru[1] = (struct lru){NIL, NIL};
	s->free_head = NIL;
	s->n.bytes += s->cap * sizeof *s->hosts + slots * sizeof *s->index + FRESH * sizeof *s->fresh + bh_macs_bytes() +
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
	bh_macs_close(&s->macs);
	free(s);
}

void bh_state_counters(const struct bh_state *s, struct bh_state_counters *ret_counters)
{
	*ret_counters = s->n;
	ret_counters->generations = s->filter.turns;
	ret_counters->macs = s->macs.used;
	ret_counters->mac_evicted = s->macs.evicted;
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

/* A host under a standing order is skipped: forgetting it would forget the cut. */
static struct bh_host *evict(struct bh_state *s)
{
	for (int list = 0; list < 2; list++) {
		uint32_t i = s->lru[list].oldest;

		for (int tries = 0; i != NIL && tries < 64; tries++) {
			struct bh_host *h = &s->hosts[i];

			if (h->ledger.isolate_order || h->ledger.shield_order || h->ledger.contain_order || h->declared) {
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
	for (uint32_t i = 0; i < s->used; i++)
		if (!bh_addr_none(&s->hosts[i].addr))
			describe(s, &s->hosts[i]);
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
	each(s->macs.e, bh_macs_bytes());
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

/* ---- MAC addresses ---- */
size_t bh_state_addrs_of(struct bh_state *s, const struct bh_mac *m, struct bh_addr ret_addrs[BH_HOST_ADDRS])
{
	const struct bh_macent *e = bh_mac_none(m) ? NULL : bh_macs_find(&s->macs, m, false);

	if (!e || e->router)
		return 0;
	memcpy(ret_addrs, e->addrs, e->n * sizeof *ret_addrs);
	return e->n;
}

/* IPv6 has no ARP: a frame that was not routed, from a MAC whose IPv4 address in the same zone is known to be its own */
static bool neighbour(struct bh_state *s, const struct bh_host *h, const struct bh_mac *m, uint8_t ttl, bh_ns at)
{
	const struct bh_macent *e = bh_macs_find(&s->macs, m, false);

	if (!e || bh_addr_is4(&h->addr) || h->zone == BH_ZONE_NONE || (ttl && ttl != 64 && ttl != 128 && ttl != 255))
		return false;
	for (unsigned i = 0; i < e->n; i++) {
		const struct bh_host *o = bh_state_find(s, &e->addrs[i]);

		if (o && bh_addr_is4(&o->addr) && o->zone == h->zone && o->verified && bh_state_owns(o, m, at))
			return true;
	}
	return false;
}

enum how { BY_FRAME, BY_ARP, BY_LEASE };

/* An address claimed by two MACs inside half a minute is a conflict: nobody is cut for it automatically. */
static void bind(struct bh_state *s, struct bh_host *h, const struct bh_mac *m, bh_ns at, enum how how, uint8_t ttl)
{
	if (!h || bh_mac_none(m) || (m->b[0] & 1))
		return;
	if (!bh_macs_carry(&s->macs, m, &h->addr, at, how == BY_FRAME)) {
		if (bh_mac_eq(&h->mac, m)) {
			memset(&h->mac, 0, sizeof h->mac);
			h->onlink = false;
		}
		return;
	}
	if (!bh_mac_none(&h->mac) && !bh_mac_eq(&h->mac, m)) {
		struct bh_macent *old = bh_macs_find(&s->macs, &h->mac, false);
		bool fresh = old && (at < old->last || at - old->last < CONFLICT_WINDOW);
		bool pinned = h->declared && !bh_mac_none(&s->policy->hosts[h->declared - 1].mac);

		if (fresh || pinned) {
			if (h->conflict_until < at)
				s->n.conflicts++;
			h->conflict_until = at + CONFLICT_HOLD;
		}
		if (pinned)
			return; /* the policy says whose address it is */
		h->moved_at = at ? at : 1;
		h->onlink = false;
	}
	h->mac = *m;
	if (how != BY_FRAME || neighbour(s, h, m, ttl, at))
		h->onlink = true;
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
	bind(s, v->src, &ev->mac_src, ev->at, BY_FRAME, ev->ttl);
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
	bind(s, v->src, &ev->mac_src, ev->at, BY_ARP, 0);
	v->routes = (uint8_t)bh_macs_several_nets(bh_macs_find(&s->macs, &ev->mac_src, false));
}

static void dhcp(struct bh_state *s, const struct bh_event *ev, struct bh_sight *v)
{
	struct bh_host *h;

	v->src = bh_state_touch(s, &ev->src, ev->at);
	v->asked_for = bh_asked_for(s->asked, ev);
	if (v->src && v->asked_for)
		v->src->answers |= BH_ANSWERS_DHCP;
	if ((ev->u.dhcp.flags & BH_DHCP_F_V6) || ev->u.dhcp.type != 5 || bh_addr_none(&ev->u.dhcp.yiaddr))
		return;
	h = bh_state_touch(s, &ev->u.dhcp.yiaddr, ev->at);
	if (!h)
		return;
	bind(s, h, &ev->u.dhcp.client, ev->at, BY_LEASE, 0);
	if (ev->u.dhcp.hostname[0] && !h->declared)
		bh_strcpy(h->name, sizeof h->name, ev->u.dhcp.hostname);
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
	if (ev->kind == BH_EV_FLOW_OUTCOME) {
		const struct bh_macent *set = bh_macs_set(&s->macs, &ev->mac_src);

		for (int i = 0; i < 4; i++)
			__builtin_prefetch(&set[i], 1);
	}
}

void bh_state_step(struct bh_state *s, const struct bh_event *ev, struct bh_sight *ret_sight)
{
	struct bh_sight *v = ret_sight; /* filled in place: a copy of what was just written stalls */

	*v = (struct bh_sight){.ev = ev, .policy = s->policy, .watch = s->watch};
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
}
