/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be seen of each zone from here, and which detectors are blind there: silence of a blind one is not peace. */
#include "control/inside.h"

const char *bh_probe_says_text(unsigned says)
{
	static const char *const n[BH_PROBE_SAYS] = {"not yet", "asked", "asked by LLMNR over IPv6 alone: no address of the zone on its interface",
		"no names asked: no address on its interface", "not asked: its interface took no frame",
		"not asked: no interface of it was listened on when the daemon started"};

	return n[says < BH_PROBE_SAYS ? says : 0];
}

static void put_probe(struct bh_json *j, const struct bh_api_view *v, const struct bh_probe *p, uint16_t zone)
{
	static const char *const last[2] = {"names_last", "dhcp_last"};

	bh_json_open(j, "probe", '{');
	bh_json_bool(j, "names", p->names);
	bh_json_bool(j, "dhcp", p->dhcp);
	bh_json_u64(j, "every_s", p->every / BH_SEC(1));
	bh_json_str(j, "says", bh_probe_says_text(v->probe_says ? v->probe_says[zone] : BH_PROBE_NO_INTERFACE));
	for (unsigned i = 0; i < 2; i++) {
		bh_ns at = bh_state_asked(bh_core_state(v->core), zone, i);

		if (at)
			bh_json_time(j, last[i], at, v->offset_s);
	}
	bh_json_close(j, '}');
}

/* Whom we ask ourselves we need not hear answering others. */
static uint32_t asks(const struct bh_api_view *v, const struct bh_probe *p, uint16_t zone)
{
	static const uint32_t bit[2] = {BH_SEES_BIT(REPLIES), BH_SEES_BIT(OFFERS)};
	uint32_t mask = 0;

	for (unsigned i = 0; i < 2 && p->every; i++) {
		bh_ns at = (i ? p->dhcp : p->names) ? bh_state_asked(bh_core_state(v->core), zone, i) : 0;

		if (at && v->now < at + 2 * p->every)
			mask |= bit[i];
	}
	return mask;
}

static void put_zone(struct bh_json *j, const struct bh_api_view *v, uint16_t zone)
{
	struct bh_state *s = bh_core_state(v->core);
	uint32_t sees = bh_state_sees(s, zone, v->now), known = bh_devices_known_in(bh_state_devices(s), zone);

	bh_json_open(j, NULL, '{');
	bh_json_str(j, "zone", v->policy->zones[zone].name);
	bh_json_u64(j, "devices_known", known);
	bh_json_open(j, "unseen", '[');
	for (unsigned i = 0; i < BH_SEES_COUNT; i++)
		if (!(sees >> i & 1))
			bh_json_str(j, NULL, bh_sees_text(i));
	bh_json_close(j, ']');
	if (v->policy->zones[zone].probe.every)
		put_probe(j, v, &v->policy->zones[zone].probe, zone);
	sees |= asks(v, &v->policy->zones[zone].probe, zone);
	bh_json_open(j, "not_observable", '[');
	for (size_t i = 0; i < bh_n_detectors; i++)
		if ((bh_detectors[i]->needs & ~sees) || (bh_detectors[i]->needs_inventory && !known))
			bh_json_str(j, NULL, bh_detectors[i]->name);
	bh_json_close(j, ']');
	bh_json_close(j, '}');
}

void bh_api_put_zones(struct bh_json *j, const struct bh_api_view *v)
{
	bh_json_open(j, "zones", '[');
	for (size_t z = 0; z < v->policy->n_zones && j->len + (j->cap >> 1) < j->cap; z++)
		put_zone(j, v, (uint16_t)z);
	bh_json_close(j, ']');
}
