/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a device shows of itself, session by session. A session begins when it asks for an address anew, probes one, or has
 * been silent for half an hour; and when something contradicts what it showed a moment ago, for then somebody else may have
 * taken its place. The new session's print is compared with the ones before: when all it shows fits one, it is that one.
 */
#include <stdio.h>
#include <strings.h>
#include "state/device.h"

#define SILENCE BH_MIN(30)
#define AGAIN BH_SEC(30) /* one start makes several messages */

static const struct {
	uint8_t os, ttl, n, kinds[8];
} layouts[] = {
	{BH_OS_LINUX, 64, 5, {2, 4, 8, 1, 3}},
	{BH_OS_LINUX, 64, 5, {2, 1, 1, 4, 1}}, /* without timestamps: mss, nop, nop, sok, nop, ws */
	{BH_OS_WINDOWS, 128, 6, {2, 1, 3, 1, 1, 4}},
	{BH_OS_WINDOWS, 128, 5, {2, 1, 3, 4, 8}},
	{BH_OS_WINDOWS, 128, 6, {2, 1, 3, 1, 1, 8}},
	{BH_OS_APPLE, 64, 7, {2, 1, 3, 1, 1, 8, 4}},
};

uint8_t bh_ttl_class(uint8_t ttl)
{
	return ttl == 64 || ttl == 128 || ttl == 255 ? ttl : 0;
}

/* only what an ordinary connect() sends: raw packets of tools say nothing of the system under them */
uint8_t bh_os_of_syn(const struct bh_syn *s, uint8_t ttl)
{
	if (!s->window || !bh_ttl_class(ttl))
		return BH_OS_UNKNOWN;
	if (!s->opts[0] || (s->opts[0] == 2 && !s->opts[1] && s->window <= 4096))
		return BH_OS_TOOL;
	for (size_t i = 0; i < BH_COUNT(layouts); i++)
		if (layouts[i].ttl == ttl && !memcmp(layouts[i].kinds, s->opts, layouts[i].n))
			return layouts[i].os;
	return ttl == 255 || !s->opts[1] ? BH_OS_EMBEDDED : BH_OS_UNKNOWN;
}

static bool begins(const char *s, const char *with)
{
	return !strncasecmp(s, with, strlen(with));
}

static bool asks(const struct bh_ev_dhcp *d, const uint8_t *list, size_t n)
{
	return !memcmp(d->params, list, n) && !d->params[n];
}

/* by vendor class (option 60) where there is one, else by what is asked for and in which order */
uint8_t bh_os_of_dhcp(const struct bh_ev_dhcp *d)
{
	static const uint8_t dhclient[] = {1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42}, networkd[] = {1, 3, 6, 12, 15, 33, 42, 120, 121};
	static const uint8_t windows[] = {1, 3, 6, 15, 31, 33, 43, 44, 46, 47}, apple[] = {1, 121, 3, 6, 15};

	if (d->flags & BH_DHCP_F_V6)
		return BH_OS_UNKNOWN;
	if (begins(d->vendor, "PXEClient") || begins(d->vendor, "HTTPClient"))
		return BH_OS_PXE;
	if (begins(d->vendor, "MSFT "))
		return BH_OS_WINDOWS;
	if (begins(d->vendor, "android-dhcp"))
		return BH_OS_ANDROID;
	if (begins(d->vendor, "udhcp") || begins(d->vendor, "dhcpcd"))
		return BH_OS_LINUX;
	if (!memcmp(d->params, windows, sizeof windows))
		return BH_OS_WINDOWS;
	if (asks(d, dhclient, sizeof dhclient) || asks(d, networkd, sizeof networkd))
		return BH_OS_LINUX;
	if (!memcmp(d->params, apple, sizeof apple) && memchr(d->params, 252, sizeof d->params))
		return BH_OS_APPLE;
	return BH_OS_UNKNOWN;
}

/* ---- comparing ---- */
/* the same kernel under two names, or not told */
static bool os_fits(uint8_t a, uint8_t b)
{
	uint8_t x = a == BH_OS_ANDROID ? BH_OS_LINUX : a, y = b == BH_OS_ANDROID ? BH_OS_LINUX : b;

	return x == y || x == BH_OS_UNKNOWN || y == BH_OS_UNKNOWN || x >= BH_OS_PXE || y >= BH_OS_PXE ||
	       (x == BH_OS_EMBEDDED && y == BH_OS_LINUX) || (x == BH_OS_LINUX && y == BH_OS_EMBEDDED);
}

static uint8_t os_of(const struct bh_print *p)
{
	return p->os_dhcp ? p->os_dhcp : p->os_syn;
}

/* firmware asks before the system does, and is none */
static bool asked(const struct bh_print *p)
{
	return p->dhcp_params && p->os_dhcp != BH_OS_PXE;
}

static bool disjoint(const struct bh_print *a, const struct bh_print *b)
{
	if (!a->clients[1] || !b->clients[1])
		return false;
	for (unsigned i = 0; i < BH_PRINT_CLIENTS; i++)
		for (unsigned k = 0; k < BH_PRINT_CLIENTS; k++)
			if (a->clients[i] && a->clients[i] == b->clients[k])
				return false;
	return true;
}

int32_t bh_print_drift(const struct bh_print *was, const struct bh_print *is, struct bh_text *t)
{
	bool both = asked(was) && asked(is), elsewhere = was->from && is->from && was->from != is->from;
	int32_t sum = 0;

	/* connections from two addresses may be two machines behind one MAC, a bridged one and its host: nobody took a place */
	if (!os_fits(was->os_dhcp, is->os_dhcp) || (!elsewhere && (!os_fits(was->os_syn, is->os_syn) || !os_fits(os_of(was), os_of(is))))) {
		bh_putf(t, "%ssystem %s, was %s", sum ? ", " : "", bh_os_name(os_of(is)), bh_os_name(os_of(was)));
		sum += 150;
	}
	if (both && strcmp(was->vendor, is->vendor)) {
		bh_putf(t, "%sDHCP client '%s', was '%s'", sum ? ", " : "", is->vendor, was->vendor);
		sum += 100;
	} else if (both && was->dhcp_params != is->dhcp_params && was->dhcp_order != is->dhcp_order) {
		bh_putf(t, "%sother DHCP options", sum ? ", " : "");
		sum += 50;
	}
	if (!elsewhere && was->ttl && is->ttl && was->ttl != is->ttl) {
		bh_putf(t, "%sTTL %u, was %u", sum ? ", " : "", is->ttl, was->ttl);
		sum += 70;
	}
	if (was->name[0] && is->name[0] && strcmp(was->name, is->name)) {
		bh_putf(t, "%sname '%s', was '%s'", sum ? ", " : "", is->name, was->name);
		sum += 50;
	}
	if (disjoint(was, is)) {
		bh_putf(t, "%sother TLS and SSH clients", sum ? ", " : "");
		sum += 50;
	}
	return sum;
}

/* all that the new one shows the old one has, the same */
static bool fits(const struct bh_print *old, const struct bh_print *is)
{
	struct bh_text none = bh_text(NULL, 0);

	return (!is->dhcp_params || is->dhcp_params == old->dhcp_params) && (!is->ttl || is->ttl == old->ttl) && (!is->name[0] || !strcmp(is->name, old->name)) &&
	       (is->dhcp_params || is->ttl) && bh_print_drift(old, is, &none) == 0;
}

/* ---- sessions ---- */
/* what gives way to a new one: what no connection proved, which anybody can have sent, what was seen seldom, and long ago */
static bool before(const struct bh_print *a, const struct bh_print *b)
{
	bool proven_a = a->told & BH_PRINT_PROVEN, proven_b = b->told & BH_PRINT_PROVEN;

	if (!a->first || !b->first)
		return b->first && !a->first;
	if (proven_a != proven_b)
		return proven_b;
	return a->seen < b->seen || (a->seen == b->seen && a->last < b->last);
}

static struct bh_print *begin(struct bh_device *d, bh_ns at)
{
	uint8_t best = d->at_print;

	for (uint8_t i = 0; i < BH_DEV_PRINTS; i++)
		if (i != d->at_print && (best == d->at_print || before(&d->prints[i], &d->prints[best])))
			best = i;
	if (!d->prints[d->at_print].first)
		best = d->at_print;
	d->at_print = best;
	memset(&d->prints[best], 0, sizeof d->prints[best]);
	d->session = at;
	return &d->prints[best];
}

static bool starts(const struct bh_device *d, const struct bh_event *ev, bh_ns before)
{
	if (ev->at > before && ev->at - before > SILENCE)
		return true;
	if (ev->at < d->session + AGAIN)
		return false;
	if (ev->kind == BH_EV_DHCP)
		return ev->u.dhcp.type == 1 || (ev->u.dhcp.type == 3 && bh_addr_none(&ev->u.dhcp.ciaddr) && bh_addr_none(&ev->u.dhcp.server_id));
	return ev->kind == BH_EV_ARP && bh_addr_unspecified(&ev->src);
}

static uint32_t mix(const void *p, size_t n)
{
	uint32_t h = (uint32_t)bh_hash(p, n, 0);

	return h ? h : 1;
}

/* lower case, first label */
static void plain_name(char *out, size_t size, const char *in)
{
	size_t n = 0;

	memset(out, 0, size);
	for (; in[n] && in[n] != '.' && n + 1 < size; n++)
		out[n] = (char)(in[n] >= 'A' && in[n] <= 'Z' ? in[n] + 32 : in[n]);
}

static void of_dhcp(struct bh_print *p, const struct bh_ev_dhcp *q)
{
	p->dhcp_params = mix(q->params, sizeof q->params);
	p->dhcp_order = mix(q->opts, sizeof q->opts);
	p->dhcp_size = q->max_size;
	p->dhcp_id = (uint8_t)(q->client_id ? q->id_type + 1 : 0);
	p->os_dhcp = bh_os_of_dhcp(q);
	bh_strcpy(p->vendor, sizeof p->vendor, q->vendor);
	plain_name(p->name, sizeof p->name, q->hostname);
}

static void of_syn(struct bh_print *p, const struct bh_event *ev)
{
	uint8_t os = bh_os_of_syn(&ev->u.flow.syn, ev->ttl);

	if (os == BH_OS_TOOL || !ev->u.flow.syn.window)
		return;
	p->ttl = bh_ttl_class(ev->ttl);
	if (!p->ttl)
		return;
	p->os_syn = os;
	p->from = mix(&ev->src, sizeof ev->src);
	p->syn = ev->u.flow.syn;
	p->syn.ipid = 0;
	p->syn.tsval = 0;
}

static bool add_client(struct bh_print *p, uint64_t print)
{
	uint32_t v = (uint32_t)(print >> 32) ^ (uint32_t)print;

	for (unsigned i = 0; i < BH_PRINT_CLIENTS; i++)
		if (p->clients[i] == v)
			return false;
	memmove(&p->clients[1], &p->clients[0], (BH_PRINT_CLIENTS - 1) * sizeof p->clients[0]);
	p->clients[0] = v;
	return true;
}

/* the parts of x that p does not have yet */
static bool fill(struct bh_print *p, const struct bh_print *x)
{
	struct bh_print was = *p;

	if (x->dhcp_params && x->os_dhcp != BH_OS_PXE) {
		p->dhcp_params = x->dhcp_params, p->dhcp_order = x->dhcp_order, p->dhcp_size = x->dhcp_size, p->dhcp_id = x->dhcp_id;
		p->os_dhcp = x->os_dhcp;
		memcpy(p->vendor, x->vendor, sizeof p->vendor);
	} else if (x->dhcp_params && !p->dhcp_params) {
		p->os_dhcp = x->os_dhcp; /* a loader's request stands for itself until the system asks */
		p->dhcp_params = x->dhcp_params, p->dhcp_order = x->dhcp_order;
		memcpy(p->vendor, x->vendor, sizeof p->vendor);
	}
	if (x->name[0])
		memcpy(p->name, x->name, sizeof p->name);
	if (x->ttl && (!p->from || p->from == x->from)) {
		p->from = x->from;
		p->ttl = x->ttl;
		p->syn = x->syn;
		p->os_syn = x->os_syn ? x->os_syn : p->os_syn;
	}
	return memcmp(&was, p, sizeof was) != 0;
}

/* true = it is proven now, and was not */
static bool proves(struct bh_print *p, const struct bh_event *ev)
{
	if (ev->outcome != BH_OUT_SUCCESS || !(ev->flags & BH_EVF_TWOWAY) || !p->ttl || p->ttl != bh_ttl_class(ev->ttl) || (p->told & BH_PRINT_PROVEN))
		return false;
	p->told |= BH_PRINT_PROVEN;
	return true;
}

bool bh_device_shows(struct bh_device *d, const struct bh_event *ev, bool own, bool *ret_begun)
{
	struct bh_print x = {0}, *p = &d->prints[d->at_print];
	struct bh_text none = bh_text(NULL, 0);
	bool news;

	*ret_begun = false;
	if (!p->first || starts(d, ev, p->last)) {
		p = begin(d, ev->at);
		*ret_begun = true;
	}
	if (!p->first)
		p->first = ev->at;
	p->last = ev->at;
	if (ev->kind == BH_EV_DHCP && (ev->u.dhcp.type == 1 || ev->u.dhcp.type == 3 || ev->u.dhcp.type == 8) && !(ev->u.dhcp.flags & BH_DHCP_F_V6))
		of_dhcp(&x, &ev->u.dhcp);
	else if (own && ev->kind == BH_EV_FLOW_NEW && ev->proto == 6)
		of_syn(&x, ev);
	else if (own && ev->kind == BH_EV_FLOW_CLASS && ev->u.flow.print)
		return add_client(p, ev->u.flow.print);
	else if (own && ev->kind == BH_EV_FLOW_OUTCOME)
		return proves(p, ev);
	if (!x.dhcp_params && !x.ttl)
		return false;
	if (bh_print_drift(p, &x, &none)) { /* not what it was a moment ago */
		p = begin(d, ev->at);
		p->first = p->last = ev->at;
		*ret_begun = true;
	}
	news = fill(p, &x);
	for (uint8_t i = 0; news && i < BH_DEV_PRINTS; i++) {
		struct bh_print *old = &d->prints[i];

		if (i == d->at_print || !old->first || !fits(old, p))
			continue;
		old->seen += *ret_begun || !p->seen;
		old->last = ev->at;
		old->told |= p->told & BH_PRINT_PROVEN;
		memset(p, 0, sizeof *p);
		d->at_print = i;
		return true;
	}
	if (news && !p->seen)
		p->seen = 1;
	return news;
}
