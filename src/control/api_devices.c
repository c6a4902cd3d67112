/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory, for whoever asks: which device is meant, what is known of it, and how what it showed differs. */
#include <stdio.h>
#include <strings.h>
#include "control/inside.h"

/* ---- who is meant ---- */
struct found {
	const char *what;
	struct bh_mac mac;
	unsigned n;
	struct bh_text t; /* the candidates */
};

static void candidate(struct found *f, const struct bh_mac *m, const char *name)
{
	char mac[BH_MAC_TEXT];

	if (f->n && bh_mac_eq(&f->mac, m))
		return;
	if (f->n < 4)
		bh_putf(&f->t, "%s%s%s%.31s%s", f->n ? ", " : "", bh_mac_print(m, mac), name[0] ? " (" : "", name, name[0] ? ")" : "");
	else if (f->n == 4)
		bh_put(&f->t, ", …");
	f->mac = *m;
	f->n++;
}

static const char *name_of(const struct bh_device *d)
{
	return d->name[0] ? d->name : d->calls_itself;
}

static void by_addr(struct bh_devices *t, const struct bh_addr *a, struct found *f)
{
	for (uint32_t i = 0; i < bh_devices_slots(t); i++) {
		const struct bh_device *d = bh_devices_slot(t, i);

		for (unsigned k = 0; d && k < d->n_addrs; k++)
			if (bh_addr_eq(&d->addrs[k], a)) {
				candidate(f, &d->mac, name_of(d));
				break;
			}
	}
}

static void by_name(struct bh_devices *t, const struct bh_policy *p, struct found *f)
{
	const struct bh_phost *h = bh_policy_host_by_name(p, f->what);

	if (h && !bh_mac_none(&h->mac))
		candidate(f, &h->mac, f->what);
	for (size_t i = 0; h && bh_mac_none(&h->mac) && i < h->n_addrs; i++)
		by_addr(t, &h->addrs[i], f);
	for (uint32_t i = 0; i < bh_devices_slots(t); i++) {
		const struct bh_device *d = bh_devices_slot(t, i);

		if (d && (strcasecmp(d->name, f->what) == 0 || (!d->name[0] && strcasecmp(d->calls_itself, f->what) == 0)))
			candidate(f, &d->mac, name_of(d));
	}
}

int bh_api_resolve(struct bh_state *s, const struct bh_policy *p, const char *what, bool make, struct bh_mac *ret_mac, char ret_why[BH_API_WHY])
{
	struct bh_devices *t = bh_state_devices(s);
	struct found f = {.what = what};
	char list[BH_API_WHY - 100];
	struct bh_addr a;
	struct bh_mac m;

	f.t = bh_text(list, sizeof list);
	if (bh_mac_parse(what, strlen(what), &m) == 0) {
		if (bh_devices_find(t, &m) || (make && !bh_mac_none(&m) && !(m.b[0] & 1)))
			candidate(&f, &m, "");
	} else if (bh_addr_parse(what, strlen(what), &a) == 0) {
		by_addr(t, &a, &f);
	} else if (what[0]) {
		by_name(t, p, &f);
	}
	if (f.n == 1) {
		*ret_mac = f.mac;
		return 0;
	}
	if (f.n)
		snprintf(ret_why, BH_API_WHY, "'%.60s' may be %s: name the MAC", what, list);
	else
		snprintf(ret_why, BH_API_WHY, "no device is known by '%.60s': its MAC, address or name", what);
	return 1;
}

/* ---- what is known ---- */
/* where it was seen, or else where its addresses are at home */
static const char *zone_of(const struct bh_policy *p, const struct bh_device *d)
{
	uint16_t z = d->zone;

	for (unsigned i = 0; i < d->n_addrs && z == BH_ZONE_NONE; i++)
		z = bh_policy_zone_of(p, &d->addrs[i]);
	return z < p->n_zones ? p->zones[z].name : "-";
}

static void put_words(struct bh_json *j, const struct bh_device *d)
{
	const struct {
		const char *key, *value;
	} words[] = {{"name", d->name}, {"calls_itself", d->calls_itself}, {"owner", d->owner}, {"note", d->note}, {"port", d->port}, {"usb", d->usb}};

	for (size_t i = 0; i < BH_COUNT(words); i++)
		if (words[i].value[0])
			bh_json_str(j, words[i].key, words[i].value);
}

void bh_api_put_device(struct bh_json *j, const struct bh_api_view *v, const struct bh_device *d)
{
	const char *vendor = bh_ouis_name(v->ouis, &d->mac);

	bh_json_str(j, "status", bh_device_status_name(d->status));
	if (vendor[0])
		bh_json_str(j, "vendor", vendor);
	if (d->tags) {
		bh_json_open(j, "tags", '[');
		for (unsigned bit = 1; bh_device_tag_name(bit); bit <<= 1)
			if (d->tags & bit)
				bh_json_str(j, NULL, bh_device_tag_name(bit));
		bh_json_close(j, ']');
	}
}

void bh_api_put_device_row(struct bh_json *j, const struct bh_api_view *v, const struct bh_device *d)
{
	bh_json_open(j, NULL, '{');
	bh_json_mac(j, "mac", &d->mac);
	bh_api_put_device(j, v, d);
	put_words(j, d);
	bh_json_str(j, "zone", zone_of(v->policy, d));
	bh_json_time(j, "first_seen", d->first, v->offset_s);
	bh_json_time(j, "last_seen", d->last, v->offset_s);
	bh_json_close(j, '}');
}

/* No host of the list stands for it: it has no address, or another device has it now. */
bool bh_api_is_alone(struct bh_state *s, const struct bh_device *d)
{
	for (unsigned i = 0; i < d->n_addrs; i++) {
		const struct bh_host *h = bh_state_find(s, &d->addrs[i]);

		if (h && bh_mac_eq(&h->mac, &d->mac))
			return false;
	}
	return true;
}

bool bh_api_device_matches(const struct bh_device *d, const struct bh_policy *p, const char *filter)
{
	char m[BH_MAC_TEXT], a[BH_ADDR_TEXT];

	if (!filter[0] || strstr(bh_mac_print(&d->mac, m), filter) || strstr(d->name, filter) || strstr(d->calls_itself, filter) || strstr(d->owner, filter) ||
		strcmp(bh_device_status_name(d->status), filter) == 0 || strstr(zone_of(p, d), filter))
		return true;
	for (unsigned i = 0; i < d->n_addrs; i++)
		if (strstr(bh_addr_print(&d->addrs[i], a), filter))
			return true;
	return false;
}

static void put_syn(struct bh_json *j, const struct bh_print *p)
{
	char text[120];
	struct bh_text t = bh_text(text, sizeof text);

	bh_putf(&t, "win %u mss %u", p->syn.window, p->syn.mss);
	if (p->syn.wscale)
		bh_putf(&t, " ws %u", p->syn.wscale - 1);
	for (unsigned i = 0; i < BH_SYN_OPTS && (p->syn.opts[i] || i == 0); i++)
		bh_putf(&t, i ? "-%u" : " %u", p->syn.opts[i]);
	bh_json_str(j, "syn", text);
}

static void put_print(struct bh_json *j, const struct bh_api_view *v, const struct bh_device *d, unsigned i)
{
	const struct bh_print *p = &d->prints[i];
	char text[160];
	struct bh_text t = bh_text(text, sizeof text);
	int32_t drift;

	bh_json_open(j, NULL, '{');
	bh_json_bool(j, "present", i == d->at_print);
	bh_json_time(j, "first", p->first, v->offset_s);
	bh_json_time(j, "last", p->last, v->offset_s);
	bh_json_u64(j, "sessions", p->seen);
	if (p->os_dhcp)
		bh_json_str(j, "dhcp_os", bh_os_name(p->os_dhcp));
	if (p->os_syn)
		bh_json_str(j, "syn_os", bh_os_name(p->os_syn));
	if (p->vendor[0])
		bh_json_str(j, "dhcp_vendor", p->vendor);
	if (p->name[0])
		bh_json_str(j, "name", p->name);
	if (p->dhcp_params) {
		snprintf(text, sizeof text, "%08x", p->dhcp_params);
		bh_json_str(j, "dhcp_params", text);
		snprintf(text, sizeof text, "%08x", p->dhcp_order);
		bh_json_str(j, "dhcp_order", text);
	}
	if (p->ttl)
		bh_json_u64(j, "ttl", p->ttl);
	if (p->syn.window)
		put_syn(j, p);
	bh_json_open(j, "clients", '[');
	for (unsigned k = 0; k < BH_PRINT_CLIENTS && p->clients[k]; k++) {
		snprintf(text, sizeof text, "%08x", p->clients[k]);
		bh_json_str(j, NULL, text);
	}
	bh_json_close(j, ']');
	drift = i == d->at_print || d->at_print >= BH_DEV_PRINTS ? 0 : bh_print_drift(p, &d->prints[d->at_print], &t);
	if (drift) {
		bh_json_i64(j, "drift", drift);
		bh_json_str(j, "differs", t.p);
	}
	bh_json_close(j, '}');
}

size_t bh_api_device(const struct bh_api_view *v, const struct bh_device *d, const struct bh_api_story *stories, size_t n, const char *unknown, char *buf, size_t cap)
{
	struct bh_json j = bh_json(buf, cap);

	bh_json_open(&j, NULL, '{');
	bh_json_u64(&j, "v", 1);
	bh_json_u64(&j, "exit", 0);
	bh_json_mac(&j, "mac", &d->mac);
	bh_api_put_device(&j, v, d);
	put_words(&j, d);
	bh_json_str(&j, "zone", zone_of(v->policy, d));
	if (d->vlan)
		bh_json_u64(&j, "vlan", d->vlan);
	bh_json_bool(&j, "declared", d->flags & BH_DEV_DECLARED);
	bh_json_bool(&j, "routes", d->flags & BH_DEV_ROUTES);
	bh_json_u64(&j, "conflicts", d->conflicts);
	bh_json_time(&j, "first_seen", d->first, v->offset_s);
	bh_json_time(&j, "last_seen", d->last, v->offset_s);
	bh_json_open(&j, "addresses", '[');
	for (unsigned i = 0; i < d->n_addrs; i++) {
		bh_json_open(&j, NULL, '{');
		bh_json_addr(&j, "ip", &d->addrs[i]);
		bh_json_bool(&j, "carried", d->carried >> i & 1);
		bh_json_close(&j, '}');
	}
	bh_json_close(&j, ']');
	bh_json_open(&j, "prints", '[');
	for (unsigned i = 0; i < BH_DEV_PRINTS; i++)
		if (d->prints[i].first)
			put_print(&j, v, d, i);
	bh_json_close(&j, ']');
	if (unknown)
		bh_json_str(&j, "history_unknown", unknown);
	bh_json_open(&j, "history", '[');
	for (size_t i = 0; i < n; i++) {
		bh_json_open(&j, NULL, '{');
		bh_json_time(&j, "at", stories[i].at, v->offset_s);
		bh_json_str(&j, "kind", stories[i].kind);
		bh_json_str(&j, "text", stories[i].text);
		bh_json_close(&j, '}');
	}
	bh_json_close(&j, ']');
	return bh_api_finish(&j);
}
