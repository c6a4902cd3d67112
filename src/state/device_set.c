/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What people say of devices, one word of change at a time, so that a command's text is the whole of it and a recorded
 * morning replays it. A device nobody has seen yet is made by the first word about it; what is in its fields is never
 * believed to have been seen.
 */
#include "state/inside.h"

static bool value_of(const char *change, const char *key, const char **ret)
{
	size_t n = strlen(key);

	*ret = change + n;
	return strncmp(change, key, n) == 0;
}

static int put_word(char *out, size_t size, const char *in)
{
	if (strlen(in) >= size)
		return 1;
	for (const char *p = in; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return 1;
	bh_strcpy(out, size, in);
	return 0;
}

static unsigned tag_of(const char *name)
{
	for (unsigned bit = 1; bh_device_tag_name(bit); bit <<= 1)
		if (strcmp(bh_device_tag_name(bit), name) == 0)
			return bit;
	return 0;
}

static int put_addr(struct bh_device *d, const char *text, bh_ns at)
{
	struct bh_addr a;

	if (bh_addr_parse(text, strlen(text), &a) || bh_addr_unspecified(&a) || bh_addr_multicast(&a))
		return 1;
	(void)bh_device_carry(d, &a, at, false);
	return 0;
}

/* should it be there again, or still, it is told */
static void unwelcome(struct bh_state *s, struct bh_device *d, unsigned status)
{
	bh_devices_known(s->devices, d, status);
	bh_devices_flag(s->devices, d, BH_DEV_MET | BH_DEV_CROWD, false);
}

static int apply(struct bh_state *s, struct bh_device *d, const char *change, bh_ns at)
{
	const char *v;

	if (strcmp(change, "approve") == 0)
		bh_devices_known(s->devices, d, BH_DEV_KNOWN);
	else if (strcmp(change, "retire") == 0)
		unwelcome(s, d, BH_DEV_RETIRED);
	else if (strcmp(change, "forget") == 0)
		unwelcome(s, d, BH_DEV_NEW);
	else if (value_of(change, "rename=", &v))
		return put_word(d->name, sizeof d->name, v);
	else if (value_of(change, "owner=", &v))
		return put_word(d->owner, sizeof d->owner, v);
	else if (value_of(change, "note=", &v))
		return put_word(d->note, sizeof d->note, v);
	else if (value_of(change, "tag=", &v) && tag_of(v))
		d->tags |= (uint8_t)tag_of(v);
	else if (value_of(change, "untag=", &v) && tag_of(v))
		d->tags &= (uint8_t)~tag_of(v);
	else if (value_of(change, "addr=", &v))
		return put_addr(d, v, at);
	else if (value_of(change, "zone=", &v) && bh_policy_zone_by_name(s->policy, v) != BH_ZONE_NONE)
		bh_devices_zone(s->devices, d, bh_policy_zone_by_name(s->policy, v));
	else
		return 1;
	return 0;
}

/* what a change would make of one that is not there: nothing is made for a word that cannot be read */
static bool is_understood(struct bh_state *s, const char *change)
{
	struct bh_device none = {.zone = BH_ZONE_NONE};
	const char *v;

	if (strcmp(change, "approve") == 0 || strcmp(change, "retire") == 0 || strcmp(change, "forget") == 0)
		return true;
	if (value_of(change, "zone=", &v))
		return bh_policy_zone_by_name(s->policy, v) != BH_ZONE_NONE;
	return apply(s, &none, change, 1) == 0; /* the rest touches the device alone */
}

int bh_state_device_set(struct bh_state *s, const struct bh_mac *m, const char *change, const char *by, bh_ns at)
{
	struct bh_device *d = bh_mac_none(m) ? NULL : bh_devices_find(s->devices, m);
	int r;

	(void)by; /* the history's */
	if (!is_understood(s, change))
		return 1;
	if (!d && (d = bh_devices_touch(s->devices, m, at)) && bh_policy_host_by_mac(s->policy, m))
		bh_devices_flag(s->devices, d, BH_DEV_DECLARED, true);
	if (!d)
		return 1;
	r = apply(s, d, change, at);
	d->changed = at > d->changed ? at : d->changed + 1;
	return r;
}

static uint16_t zone_of(const struct bh_policy *p, const struct bh_device *d)
{
	for (unsigned i = 0; i < d->n_addrs; i++) {
		uint16_t z = bh_policy_zone_of(p, &d->addrs[i]);

		if (z != BH_ZONE_NONE)
			return z;
	}
	return BH_ZONE_NONE;
}

/* Another policy: zones have other numbers, MACs and roles are named that were not. A zone told by VLAN alone is learned again. */
void bh_state_devices_policy(struct bh_state *s)
{
	bh_devices_declare(s->devices, s->policy);
	for (uint32_t slot = 0; slot < bh_devices_slots(s->devices); slot++) {
		struct bh_device *d = bh_devices_slot(s->devices, slot);

		if (!d)
			continue;
		bh_devices_zone(s->devices, d, zone_of(s->policy, d));
		bh_devices_flag(s->devices, d, BH_DEV_DECLARED, bh_policy_host_by_mac(s->policy, &d->mac) != NULL);
		bh_device_roles(s, d, d->last);
	}
}

bool bh_state_device_put(struct bh_state *s, const struct bh_device *d)
{
	struct bh_device back = *d;
	struct bh_device *o;

	back.zone = BH_ZONE_NONE; /* numbers of zones do not outlive a policy */
	if (!bh_devices_put(s->devices, &back) || !(o = bh_devices_find(s->devices, &d->mac)))
		return false;
	bh_devices_zone(s->devices, o, zone_of(s->policy, o));
	if (bh_policy_host_by_mac(s->policy, &d->mac))
		bh_devices_flag(s->devices, o, BH_DEV_DECLARED, true);
	return true;
}
