/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

#define CROWD 32 /* new ones of an hour that are told each for himself */

unsigned bh_recent_note(struct bh_recent *r, unsigned n, uint64_t key, bh_ns at, bh_ns window)
{
	struct bh_recent *same = NULL, *give = r;
	unsigned count = 1;

	for (unsigned i = 0; i < n; i++) {
		if (r[i].key == key)
			same = &r[i];
		else
			count += r[i].key != 0 && bh_apart(at, r[i].at) <= window;
		if (give->key && (!r[i].key || bh_apart(at, r[i].at) > bh_apart(at, give->at)))
			give = &r[i];
	}
	*(same ? same : give) = (struct bh_recent){key, at};
	return count < n ? count : n;
}

bool bh_recent_has(const struct bh_recent *r, unsigned n, uint64_t key, bh_ns at, bh_ns window)
{
	for (unsigned i = 0; i < n; i++)
		if (r[i].key == key && key && bh_apart(at, r[i].at) <= window)
			return true;
	return false;
}

uint32_t bh_rate_add(struct bh_rate *r, uint32_t n, bh_ns at, bh_ns window)
{
	if (!r->turned || bh_apart(at, r->turned) >= window) {
		r->n[0] = r->n[1] = 0;
		r->turned = at ? at : 1;
	} else if (at >= r->turned + window / 2) {
		r->n[1] = r->n[0];
		r->n[0] = 0;
		r->turned += window / 2;
	}
	r->n[0] = r->n[0] > UINT32_MAX - n ? UINT32_MAX : r->n[0] + n;
	return r->n[0] > UINT32_MAX - r->n[1] ? UINT32_MAX : r->n[0] + r->n[1];
}

unsigned bh_crowd_add(struct bh_crowd *c, bh_ns at)
{
	if (!bh_within(at, c->since, BH_HOUR(1)))
		*c = (struct bh_crowd){.since = at ? at : 1};
	c->n += c->n < UINT32_MAX;
	return c->n <= CROWD ? 1 : c->n & (c->n - 1) ? 0 : 2;
}

void *bh_dest_of(void *array, size_t n, size_t size, const struct bh_addr *a, bh_ns at, bool make)
{
	struct bh_dest *put = array;

	for (size_t i = 0; i < n; i++) {
		struct bh_dest *d = (struct bh_dest *)((char *)array + i * size);

		if (d->last && bh_addr_eq(&d->addr, a)) {
			d->last = at ? at : 1;
			return d;
		}
		if (put->last && (!d->last || bh_apart(at, d->last) > bh_apart(at, put->last)))
			put = d;
	}
	if (!make)
		return NULL;
	memset(put, 0, size);
	put->addr = *a;
	put->last = at ? at : 1;
	return put;
}

/* ASCII only: the same under any locale */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool bh_says(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (; *text; text++)
		if (strncasecmp(text, word, n) == 0)
			return true;
	return false;
}

uint64_t bh_word_key(const char *text)
{
	char low[128];
	size_t n = 0;

	for (; text[n] && n < sizeof low; n++)
		low[n] = lower(text[n]);
	return bh_hash(low, n, 11) | 1;
}

const char *bh_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool bh_as_guest(const struct bh_ev_logon *l)
{
	const char *name = strrchr(l->user, '\\');

	return l->result == BH_LOGON_OK && (l->flags & BH_SMB_F_GUEST) && l->user[0] && strcasecmp(name ? name + 1 : l->user, "guest") != 0;
}

bool bh_admin_share(const char *share)
{
	return strcasecmp(share, "ADMIN$") == 0 || (lower(share[0]) >= 'a' && lower(share[0]) <= 'z' && share[1] == '$' && !share[2]);
}

bool bh_policy_share(const char *share)
{
	return strcasecmp(share, "SYSVOL") == 0 || strcasecmp(share, "NETLOGON") == 0;
}

const char *bh_host_text(const struct bh_host *h, const struct bh_addr *a, char buf[80])
{
	char addr[BH_ADDR_TEXT];

	if (h && h->name[0])
		snprintf(buf, 80, "%s (%s)", bh_addr_print(a, addr), h->name);
	else
		snprintf(buf, 80, "%s", bh_addr_print(a, addr));
	return buf;
}

const char *bh_as(const char *user, char buf[80])
{
	buf[0] = 0;
	if (user[0])
		snprintf(buf, 80, " as %.64s", user);
	return buf;
}

struct bh_call bh_call_of(const struct bh_sight *s)
{
	return (struct bh_call){.cls = s->rpc, .iface = s->iface ? s->iface->name : "", .name = s->call ? s->call->name : ""};
}

void bh_put_call(struct bh_text *t, const struct bh_sight *s)
{
	const struct bh_ev_rpc *r = &s->ev->u.rpc;
	struct bh_call c = bh_call_of(s);
	char uuid[37];

	bh_putf(t, "%s %s%s%u%s", c.iface[0] ? c.iface : bh_uuid_print(&r->uuid, uuid), c.name, c.name[0] ? " (" : "operation ", r->opnum, c.name[0] ? ")" : "");
	if (r->via == BH_VIA_PIPE)
		bh_putf(t, " over pipe %s", r->pipe[0] ? r->pipe : "(unseen)");
	else
		bh_putf(t, " over tcp/%u", s->ev->dport);
	if (r->level)
		bh_putf(t, ", level %u", r->level);
	if (r->flags & BH_RPC_F_ASSUMED)
		bh_put(t, ", interface assumed: its bind was not seen");
	if (r->text[0]) {
		bh_put(t, ", arguments ");
		bh_put_quoted(t, r->text, strlen(r->text));
	}
}

const char *bh_dev_text(const struct bh_sight *s, const struct bh_device *d, char buf[96])
{
	const char *maker = bh_ouis_name(s->ouis, &d->mac), *name = d->name[0] ? d->name : d->calls_itself;
	struct bh_text t = bh_text(buf, 96);
	char mac[BH_MAC_TEXT];

	bh_put(&t, bh_mac_print(&d->mac, mac));
	if (maker[0])
		bh_putf(&t, " (%.32s)", maker);
	if (name[0])
		bh_putf(&t, ", %s", name);
	return buf;
}

void bh_put_usb(struct bh_finding *f, const struct bh_device *d)
{
	size_t n = strlen(f->detail);

	if (d->usb[0])
		snprintf(f->detail + n, sizeof f->detail - n, "%sUSB: %s", n ? "; " : "", d->usb);
}

/* does each zone with networks of its own have a host with one of the roles and a MAC? */
static bool declared_everywhere(const struct bh_policy *p, uint32_t roles)
{
	bool has[BH_MAX_ZONES] = {false}, any = false;

	for (size_t i = 0; i < p->n_hosts; i++) {
		const struct bh_phost *h = &p->hosts[i];
		uint16_t zone = h->n_addrs && (h->roles & roles) && !bh_mac_none(&h->mac) ? bh_policy_zone_of(p, &h->addrs[0]) : BH_ZONE_NONE;

		if (zone != BH_ZONE_NONE)
			has[zone] = any = true;
	}
	for (size_t z = 0; z < p->n_zones; z++)
		if (!has[z] && p->zones[z].nets.n)
			return false;
	return any;
}

enum bh_declared bh_declared_as(const struct bh_sight *s, const struct bh_device *d, uint32_t roles)
{
	const struct bh_phost *by_mac = bh_policy_host_by_mac(s->policy, &d->mac);
	bool other = false;

	if ((d->roles & roles) || (by_mac && (by_mac->roles & roles)))
		return BH_DECLARED_IT;
	for (size_t i = 0; i < s->policy->n_hosts; i++) {
		const struct bh_phost *h = &s->policy->hosts[i];

		/* without its MAC a declared one may be this very device */
		other |= (h->roles & roles) && !bh_mac_none(&h->mac) && h->n_addrs && d->zone != BH_ZONE_NONE && bh_policy_zone_of(s->policy, &h->addrs[0]) == d->zone;
	}
	if (d->zone == BH_ZONE_NONE)
		other = declared_everywhere(s->policy, roles); /* wherever it is, another is declared there */
	return other ? BH_DECLARED_OTHER : BH_DECLARED_NONE;
}
