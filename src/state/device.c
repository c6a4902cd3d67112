/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Devices live in a fixed array, found through an open-addressed index, in three lists by how much they are worth keeping:
 * who only sent frames, who held a two-way exchange, who is known. A flood of invented addresses fills the first and evicts
 * itself; the second gives way when the first is empty; the third never does. When the known fill the table, strangers find
 * no room, and that is counted.
 */
#include <errno.h>
#include <stdlib.h>
#include "state/device.h"

#define NIL UINT32_MAX
#define DEVICES 65536u

_Static_assert(sizeof(struct bh_device) <= 960, "65,536 devices and their index in 64 MiB");

enum list { STRANGERS, SPOKE, KNOWN, LISTS };
struct place {
	uint32_t tag, at; /* at: 1 + slot; 0 = empty */
};
struct bh_devices {
	struct bh_device *v;
	void *v_raw, *index_raw;
	struct place *index;
	uint32_t mask, cap, used;
	struct {
		uint32_t newest, oldest;
	} lru[LISTS];
	uint32_t *zone_known;	 /* registered devices of each zone, BH_ZONE_NONE's last */
	uint32_t *zone_declared; /* and those the policy names by MAC, seen or not */
	uint64_t seed;
	struct bh_device_counters n;
};

int bh_devices_open(uint32_t cap, uint64_t seed, struct bh_devices **ret_devices)
{
	struct bh_devices *t = calloc(1, sizeof *t);
	uint32_t slots = 1;

	if (!t)
		return -ENOMEM;
	t->seed = seed;
	t->cap = cap ? cap : DEVICES;
	while (slots < t->cap * 2)
		slots *= 2;
	t->mask = slots - 1;
	t->v = bh_large_calloc(t->cap, sizeof *t->v, &t->v_raw);
	t->index = bh_large_calloc(slots, sizeof *t->index, &t->index_raw);
	t->zone_known = calloc(BH_MAX_ZONES + 1, sizeof *t->zone_known);
	t->zone_declared = calloc(BH_MAX_ZONES + 1, sizeof *t->zone_declared);
	if (!t->v || !t->index || !t->zone_known || !t->zone_declared) {
		bh_devices_close(t);
		return -ENOMEM;
	}
	for (int i = 0; i < LISTS; i++)
		t->lru[i].newest = t->lru[i].oldest = NIL;
	t->n.bytes = t->cap * sizeof *t->v + slots * sizeof *t->index + 2 * (BH_MAX_ZONES + 1) * sizeof *t->zone_known;
	*ret_devices = t;
	return 0;
}

void bh_devices_close(struct bh_devices *t)
{
	if (!t)
		return;
	free(t->v_raw);
	free(t->index_raw);
	free(t->zone_known);
	free(t->zone_declared);
	free(t);
}

void bh_devices_counters(const struct bh_devices *t, struct bh_device_counters *ret_counters)
{
	*ret_counters = t->n;
}

void bh_devices_memory(struct bh_devices *t, void (*each)(void *start, size_t bytes))
{
	each(t->v, t->cap * sizeof *t->v);
	each(t->index, (t->mask + 1) * sizeof *t->index);
}

/* ---- lists ---- */
static enum list list_of(const struct bh_device *d)
{
	if (d->status != BH_DEV_NEW || (d->flags & BH_DEV_DECLARED))
		return KNOWN;
	return d->flags & BH_DEV_SPOKE ? SPOKE : STRANGERS;
}

static void out_of(struct bh_devices *t, struct bh_device *d, enum list l)
{
	if (d->newer != NIL)
		t->v[d->newer].older = d->older;
	else
		t->lru[l].newest = d->older;
	if (d->older != NIL)
		t->v[d->older].newer = d->newer;
	else
		t->lru[l].oldest = d->newer;
}

static void into(struct bh_devices *t, struct bh_device *d, enum list l)
{
	d->newer = NIL;
	d->older = t->lru[l].newest;
	if (d->older != NIL)
		t->v[d->older].newer = d->slot;
	else
		t->lru[l].oldest = d->slot;
	t->lru[l].newest = d->slot;
}

static uint32_t *known_of(struct bh_devices *t, const struct bh_device *d)
{
	return &t->zone_known[d->zone < BH_MAX_ZONES ? d->zone : BH_MAX_ZONES];
}

/* what is said of a device changes, and with it perhaps its list */
static void change(struct bh_devices *t, struct bh_device *d, uint8_t status, uint8_t flags, uint16_t zone)
{
	enum list was = list_of(d), is;

	*known_of(t, d) -= d->status != BH_DEV_NEW;
	t->n.known -= was == KNOWN;
	d->status = status;
	d->flags = flags;
	d->zone = zone;
	is = list_of(d);
	*known_of(t, d) += status != BH_DEV_NEW;
	t->n.known += is == KNOWN;
	if (was == is)
		return;
	out_of(t, d, was);
	into(t, d, is);
}

void bh_devices_known(struct bh_devices *t, struct bh_device *d, unsigned status)
{
	change(t, d, (uint8_t)status, d->flags, d->zone);
}

void bh_devices_flag(struct bh_devices *t, struct bh_device *d, uint8_t flags, bool on)
{
	uint8_t now = on ? d->flags | flags : d->flags & (uint8_t)~flags;

	if (now != d->flags)
		change(t, d, d->status, now, d->zone);
}

void bh_devices_zone(struct bh_devices *t, struct bh_device *d, uint16_t zone)
{
	if (zone != d->zone)
		change(t, d, d->status, d->flags, zone);
}

uint32_t bh_devices_known_in(const struct bh_devices *t, uint16_t zone)
{
	unsigned i = zone < BH_MAX_ZONES ? zone : BH_MAX_ZONES;

	return t->zone_known[i] + t->zone_declared[i];
}

/* Before they are seen, too: at a start the strangers may speak first. A gateway alone is no list of who belongs to a zone. */
void bh_devices_declare(struct bh_devices *t, const struct bh_policy *p)
{
	memset(t->zone_declared, 0, (BH_MAX_ZONES + 1) * sizeof *t->zone_declared);
	for (size_t i = 0; i < p->n_hosts; i++) {
		const struct bh_phost *h = &p->hosts[i];
		uint16_t zone = h->n_addrs ? bh_policy_zone_of(p, &h->addrs[0]) : BH_ZONE_NONE;

		if (!bh_mac_none(&h->mac) && !(h->roles & BH_ROLE_BIT(BH_ROLE_GATEWAY)))
			t->zone_declared[zone < BH_MAX_ZONES ? zone : BH_MAX_ZONES]++;
	}
}

/* ---- index: linear probing with backward-shift deletion ---- */
static uint32_t tag_of(const struct bh_devices *t, const struct bh_mac *m)
{
	return (uint32_t)bh_hash(m, sizeof *m, t->seed);
}

static uint32_t lookup(const struct bh_devices *t, const struct bh_mac *m, uint32_t tag)
{
	for (uint32_t i = tag & t->mask;; i = (i + 1) & t->mask) {
		const struct place *p = &t->index[i];

		if (!p->at || (p->tag == tag && bh_mac_eq(&t->v[p->at - 1].mac, m)))
			return i;
	}
}

static void take_out(struct bh_devices *t, uint32_t i)
{
	uint32_t hole = i;

	for (uint32_t j = (i + 1) & t->mask; t->index[j].at; j = (j + 1) & t->mask) {
		uint32_t want = t->index[j].tag & t->mask;

		if (((j - want) & t->mask) >= ((j - hole) & t->mask)) {
			t->index[hole] = t->index[j];
			hole = j;
		}
	}
	t->index[hole].at = 0;
}

struct bh_device *bh_devices_find(struct bh_devices *t, const struct bh_mac *m)
{
	uint32_t at = t->index[lookup(t, m, tag_of(t, m))].at;

	return at ? &t->v[at - 1] : NULL;
}

static uint32_t evict(struct bh_devices *t)
{
	for (int l = STRANGERS; l < KNOWN; l++) {
		uint32_t slot = t->lru[l].oldest;
		struct bh_device *d;

		if (slot == NIL)
			continue;
		d = &t->v[slot];
		take_out(t, lookup(t, &d->mac, tag_of(t, &d->mac)));
		out_of(t, d, (enum list)l);
		t->n.evicted++;
		t->n.devices--;
		memset(d, 0, sizeof *d);
		return slot;
	}
	t->n.refused++;
	return NIL;
}

struct bh_device *bh_devices_touch(struct bh_devices *t, const struct bh_mac *m, bh_ns at)
{
	bh_ns before;

	return bh_devices_meet(t, m, at, &before);
}

struct bh_device *bh_devices_meet(struct bh_devices *t, const struct bh_mac *m, bh_ns at, bh_ns *ret_before)
{
	uint32_t tag = tag_of(t, m), i, slot;
	struct bh_device *d;

	*ret_before = 0;
	if (bh_mac_none(m) || (m->b[0] & 1))
		return NULL;
	i = lookup(t, m, tag);
	if (t->index[i].at) {
		d = &t->v[t->index[i].at - 1];
		*ret_before = d->last;
		if (at >> 30 != d->last >> 30) { /* once a second is order enough */
			out_of(t, d, list_of(d));
			into(t, d, list_of(d));
		}
		d->last = at > d->last ? at : d->last;
		return d;
	}
	slot = t->used < t->cap ? t->used++ : evict(t);
	if (slot == NIL)
		return NULL;
	i = lookup(t, m, tag); /* the eviction may have moved what stood before it */
	d = &t->v[slot];
	d->mac = *m;
	d->slot = slot;
	d->zone = BH_ZONE_NONE;
	d->first = d->last = d->session = at;
	t->index[i] = (struct place){tag, slot + 1};
	into(t, d, STRANGERS);
	t->n.devices++;
	return d;
}

struct bh_device *bh_devices_slot(struct bh_devices *t, uint32_t slot)
{
	return slot < t->used && !bh_mac_none(&t->v[slot].mac) ? &t->v[slot] : NULL;
}

uint32_t bh_devices_slots(const struct bh_devices *t)
{
	return t->used;
}

/* What was seen comes from whoever saw more of it; what people said, from the one that is put in. */
bool bh_devices_put(struct bh_devices *t, const struct bh_device *d)
{
	struct bh_device *o = bh_devices_touch(t, &d->mac, d->last);
	uint32_t newer, older, slot;
	uint8_t flags;
	uint16_t zone;

	if (!o)
		return false;
	if (!o->changed) { /* not met before: all of it */
		newer = o->newer, older = o->older, slot = o->slot, flags = o->flags | (d->flags & BH_DEV_MET), zone = o->zone;
		*o = *d;
		o->newer = newer, o->older = older, o->slot = slot, o->flags = flags, o->zone = zone;
		o->status = BH_DEV_NEW;
		o->changed = d->changed ? d->changed : d->last ? d->last : 1;
	} else {
		o->tags = d->tags;
		bh_strcpy(o->name, sizeof o->name, d->name);
		bh_strcpy(o->owner, sizeof o->owner, d->owner);
		bh_strcpy(o->note, sizeof o->note, d->note);
		for (unsigned i = 0; i < d->n_addrs; i++)
			(void)bh_device_carry(o, &d->addrs[i], o->last, false);
		if (d->first && d->first < o->first)
			o->first = d->first;
	}
	change(t, o, d->status, o->flags, d->zone != BH_ZONE_NONE ? d->zone : o->zone);
	return true;
}

/* ---- addresses ---- */
/* IPv6 addresses stand in the order in which frames carried them last: the first is the one that gives way. Returns where it stands now. */
static unsigned newest_of_ipv6(struct bh_device *d, unsigned i)
{
	for (unsigned k = i + 1; k < d->n_addrs && !bh_addr_is4(&d->addrs[i]); k++) {
		struct bh_addr a = d->addrs[k];
		unsigned differ = (d->carried >> k ^ d->carried >> i) & 1;

		if (bh_addr_is4(&a))
			continue;
		d->addrs[k] = d->addrs[i];
		d->addrs[i] = a;
		d->carried ^= (uint8_t)(differ << k | differ << i);
		i = k;
	}
	return i;
}

/* who gives way to an address that a frame carried: a mere claim, else the IPv6 address carried longest ago; none = BH_DEV_ADDRS */
static unsigned gives_way(const struct bh_device *d)
{
	unsigned i;

	for (i = 0; i < BH_DEV_ADDRS; i++)
		if (!(d->carried >> i & 1))
			return i;
	for (i = 0; i < BH_DEV_ADDRS && bh_addr_is4(&d->addrs[i]); i++)
		;
	return i;
}

/*
 * ARP claims are free, so they neither make a router nor keep out an address that frames carry. Nor do IPv6 addresses make one: a host
 * takes a new one every day (RFC 8981), and as many as it likes.
 */
bool bh_device_carry(struct bh_device *d, const struct bh_addr *a, bh_ns at, bool frame)
{
	unsigned i;

	for (i = 0; i < d->n_addrs; i++)
		if (bh_addr_eq(&d->addrs[i], a))
			break;
	if (i == BH_DEV_ADDRS && frame)
		i = gives_way(d);
	if (i == BH_DEV_ADDRS) {
		if (frame && bh_addr_is4(a))
			d->flags |= BH_DEV_ROUTES; /* no list hangs on it */
		return !(d->flags & BH_DEV_ROUTES);
	}
	if (i == d->n_addrs)
		d->n_addrs++;
	if (!bh_addr_eq(&d->addrs[i], a)) {
		d->changed = at ? at : 1;
		d->carried &= (uint8_t)~(1u << i);
	}
	d->addrs[i] = *a;
	if (frame) {
		i = newest_of_ipv6(d, i);
		d->carried |= (uint8_t)(1u << i);
	}
	return !(d->flags & BH_DEV_ROUTES);
}

bool bh_device_has(const struct bh_device *d, const struct bh_addr *a)
{
	for (unsigned i = 0; i < d->n_addrs; i++)
		if (bh_addr_eq(&d->addrs[i], a))
			return true;
	return false;
}

/*
 * IPv4 addresses that differ in their first half: one wire seldom has two such networks, and then who is in both routes. 2: by what
 * frames of answered connections carried; 1: by claims too, which are free.
 */
unsigned bh_device_several_nets(const struct bh_device *d)
{
	const struct bh_addr *first = NULL, *carried = NULL;
	unsigned how = d && (d->flags & BH_DEV_ROUTES) ? 2 : 0;

	for (unsigned i = 0; d && how < 2 && i < d->n_addrs; i++) {
		const struct bh_addr *a = &d->addrs[i];

		if (!bh_addr_is4(a) || bh_addr_unspecified(a))
			continue;
		if (first && memcmp(&first->b[12], &a->b[12], 2) != 0)
			how = 1;
		first = a;
		if (!(d->carried >> i & 1))
			continue;
		if (carried && memcmp(&carried->b[12], &a->b[12], 2) != 0)
			how = 2;
		carried = a;
	}
	return how;
}

struct bh_addr bh_addr_of_mac(const struct bh_mac *m)
{
	return (struct bh_addr){{0xfe, 0x80, 0, 0, 0, 0, 0, 0, m->b[0] ^ 2, m->b[1], m->b[2], 0xff, 0xfe, m->b[3], m->b[4], m->b[5]}};
}
