/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be seen of each zone from here, and which detectors are blind there: silence of a blind one is not peace. */
#include "control/inside.h"

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
