/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guard: what no order may do, however it was signed. Pins are not looked at: they are the
 * first rules of every chain that drops, so an isolation of a pinned host cuts everything else and
 * leaves the pin alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include "box.h"

static int refuse(struct bh_refused *ret, unsigned code, struct bh_pos pos, const char *fmt, ...)
	BH_PRINTF(4, 5);
static int refuse(struct bh_refused *ret, unsigned code, struct bh_pos pos, const char *fmt, ...)
{
	va_list ap;

	memset(ret, 0, sizeof *ret);
	ret->code = (uint8_t)code;
	ret->pos = pos;
	va_start(ap, fmt);
	vsnprintf(ret->text, sizeof ret->text, fmt, ap);
	va_end(ap);
	return 1;
}

static const struct bh_pos nowhere;

static bool overlaps_any(const struct bh_prefix *p, const struct bh_prefix *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bh_prefix_overlaps(p, &v[i]))
			return true;
	return false;
}

/* multicast, broadcast, loopback, unspecified, and what could only be one of them */
static bool special(const struct bh_prefix *p)
{
	static const struct bh_prefix v[] = {
		{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0}}, 104},   /* 0.0.0.0/8 */
		{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, 104}, /* 127.0.0.0/8 */
		{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 224}}, 100}, /* 224.0.0.0/4 */
		{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255}},
			128},  /* broadcast */
		{{{0}}, 127},  /* :: and ::1 */
		{{{0xff}}, 8}, /* multicast */
	};

	return overlaps_any(p, v, BH_COUNT(v));
}

/* the zone whose prefix most closely holds p; -1 none */
static long zone_around(const struct bh_plan *law, const struct bh_prefix *p)
{
	int best_bits = -1;
	long best = -1;

	for (size_t z = 0; z < law->n_zones; z++)
		for (size_t i = 0; i < law->zones[z].nets.n; i++) {
			const struct bh_prefix *n = &law->zones[z].nets.v[i];

			if (bh_prefix_within(p, n) && n->bits > best_bits) {
				best_bits = n->bits;
				best = (long)z;
			}
		}
	return best;
}

static int check_net(const struct bh_plan *law, const struct bh_cut *cut, struct bh_refused *ret)
{
	char text[BH_PREFIX_TEXT];
	long own = zone_around(law, &cut->net);

	bh_prefix_print(&cut->net, text);
	if (cut->net.bits == (bh_prefix_is4(&cut->net) ? 96 : 0))
		return refuse(ret, BH_REF_WIDTH, nowhere, "%s is everybody", text);
	if (own < 0)
		return refuse(ret, BH_REF_WIDTH, nowhere, "%s does not lie within one zone", text);
	for (size_t z = 0; z < law->n_zones; z++)
		for (size_t i = 0; i < law->zones[z].nets.n; i++)
			if ((long)z != own && bh_prefix_within(&law->zones[z].nets.v[i], &cut->net))
				return refuse(ret, BH_REF_WIDTH, nowhere,
					"%s reaches from zone %s into zone %s", text,
					law->zones[own].name, law->zones[z].name);
	return 0;
}

static int check_flow(const struct bh_cut *cut, struct bh_refused *ret)
{
	const struct bh_prefix *ends[] = {&cut->net, &cut->peer};
	char text[BH_PREFIX_TEXT];

	if ((cut->proto != 6 && cut->proto != 17) || !cut->sport || !cut->dport)
		return refuse(ret, BH_REF_WIDTH, nowhere, "a connection is tcp or udp, with two ports");
	for (size_t i = 0; i < BH_COUNT(ends); i++)
		if (ends[i]->bits != 128 || special(ends[i]))
			return refuse(ret, BH_REF_WIDTH, nowhere, "%s is not one host",
				bh_prefix_print(ends[i], text));
	if (bh_prefix_is4(&cut->net) != bh_prefix_is4(&cut->peer))
		return refuse(ret, BH_REF_WIDTH, nowhere, "the ends are of two families");
	return 0;
}

static int check_shape(const struct bh_plan *law, const struct bh_cut *cut, struct bh_refused *ret)
{
	char text[BH_PREFIX_TEXT];

	if (cut->kind == BH_CUT_NONE || cut->kind >= BH_CUT_KINDS || cut->what >= BH_CUT_WHATS)
		return refuse(ret, BH_REF_WIDTH, nowhere, "no such kind of cut");
	if ((cut->kind == BH_CUT_SHIELD || cut->kind == BH_CUT_CONTAIN) && cut->what != BH_CUT_ADDR)
		return refuse(ret, BH_REF_WIDTH, nowhere, "a %s stands against one address",
			bh_cut_kind_name(cut->kind));
	if (cut->kind == BH_CUT_ISLAND && cut->what != BH_CUT_NET)
		return refuse(ret, BH_REF_WIDTH, nowhere, "an island is made of networks");
	if ((cut->kind == BH_CUT_KILL) != (cut->what == BH_CUT_FLOW))
		return refuse(ret, BH_REF_WIDTH, nowhere, "one connection is killed, nothing else");
	if (cut->what == BH_CUT_FLOW)
		return check_flow(cut, ret);
	if (cut->what == BH_CUT_MAC) {
		if (bh_mac_none(&cut->mac) || (cut->mac.b[0] & 1))
			return refuse(ret, BH_REF_WIDTH, nowhere,
				"the MAC address is not that of one device");
		return 0;
	}
	bh_prefix_print(&cut->net, text);
	if (cut->net.bits > 128 || (cut->what == BH_CUT_ADDR && cut->net.bits != 128))
		return refuse(ret, BH_REF_WIDTH, nowhere, "%s is not one address", text);
	if (cut->what == BH_CUT_NET && check_net(law, cut, ret))
		return 1;
	if (special(&cut->net))
		return refuse(ret, BH_REF_WIDTH, nowhere,
			"%s is multicast, broadcast, loopback or unspecified", text);
	return 0;
}

static int check_never(const struct bh_plan *law, const struct bh_cut *cut, struct bh_refused *ret)
{
	if (cut->what == BH_CUT_FLOW)
		return 0; /* one connection less isolates nobody */
	for (size_t i = 0; i < law->n_never; i++) {
		const struct bh_plan_never *n = &law->never[i];
		char text[BH_PREFIX_TEXT];
		bool hit;

		if (cut->what == BH_CUT_MAC)
			hit = !bh_mac_none(&n->mac) && bh_mac_eq(&cut->mac, &n->mac);
		else
			hit = n->net.bits && bh_prefix_overlaps(&cut->net, &n->net);
		if (!hit)
			continue;
		if (cut->what == BH_CUT_MAC)
			bh_mac_print(&n->mac, text);
		else
			bh_prefix_print(&n->net, text);
		return refuse(ret, BH_REF_NEVER, n->pos, "%s (%s) is never isolated: %.60s:%u:%u",
			n->name, text, law->policy_file, n->pos.line, n->pos.col);
	}
	return 0;
}

int bh_plan_guard(const struct bh_plan *law, const struct bh_cut *cut, size_t standing,
	const struct bh_addr *self, size_t n_self, struct bh_refused *ret_refused)
{
	char a[24], b[24];

	if (law->mode == BH_MODE_OBSERVE)
		return refuse(ret_refused, BH_REF_OBSERVE, nowhere,
			"the mode is observe: nothing is cut");
	if (check_shape(law, cut, ret_refused))
		return 1;
	if (cut->ttl == 0)
		return refuse(ret_refused, BH_REF_TTL, nowhere, "no TTL: every cut ends by itself");
	if (cut->ttl > law->max_ttl)
		return refuse(ret_refused, BH_REF_TTL, nowhere,
			"TTL %s is longer than the limit of %s", bh_duration_print(cut->ttl, a),
			bh_duration_print(law->max_ttl, b));
	if (check_never(law, cut, ret_refused))
		return 1;
	for (size_t i = 0; (cut->what == BH_CUT_ADDR || cut->what == BH_CUT_NET) &&
			   cut->net.bits == 128 && i < n_self;
		i++)
		if (bh_prefix_has(&cut->net, &self[i])) {
			char text[BH_ADDR_TEXT];

			return refuse(ret_refused, BH_REF_SELF, nowhere,
				"%s is an address of this box", bh_addr_print(&self[i], text));
		}
	if (standing >= law->max_cuts)
		return refuse(ret_refused, BH_REF_QUOTA, nowhere, "%zu cuts stand, the limit is %u",
			standing, law->max_cuts);
	return 0;
}

const char *bh_refusal_name(unsigned code)
{
	static const char *const names[BH_REF_COUNT] = {
		"none", "pin", "never", "self", "ttl", "quota", "width", "observe"};

	return code < BH_REF_COUNT ? names[code] : "unknown";
}
