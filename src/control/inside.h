/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BH_CONTROL_INSIDE_H
#define BH_CONTROL_INSIDE_H

#include <bulkhead/control.h>

size_t bh_api_finish(struct bh_json *j); /* closes the object and its line */
void bh_api_put_order(struct bh_json *j, const struct bh_api_view *v, const char *key, const struct bh_order *o);
const char *bh_api_zone(const struct bh_policy *p, const struct bh_addr *a); /* "" = none */
/* api_devices.c */
void bh_api_put_device(struct bh_json *j, const struct bh_api_view *v, const struct bh_device *d); /* status, vendor, tags: fields of an open object */
void bh_api_put_device_row(struct bh_json *j, const struct bh_api_view *v, const struct bh_device *d);
bool bh_api_is_alone(struct bh_state *s, const struct bh_device *d);
bool bh_api_device_matches(const struct bh_device *d, const struct bh_policy *p, const char *filter);

void bh_api_put_zones(struct bh_json *j, const struct bh_api_view *v); /* api_zones.c */

#endif
