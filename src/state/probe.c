/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What we asked ourselves, and who answers it. A name of random letters is nobody's: whoever answers for it has heard the question, and
 * answers for everything. Frames are easily forged, so an answer is put down to its sender only when it came soon, to us alone, from a
 * device known to speak, by the address that is its own.
 *
 * A place for each question by its hash, where a newer one takes the place of an older: no more is remembered than what is live.
 */
#include <string.h>
#include "state/inside.h"

#define LIVE BH_MIN(10)
#define SOON BH_SEC(10)

/* of the first label of a name, whatever its case; 0 = of none */
static uint64_t name_key(const struct bh_state *s, const char *name)
{
	char l[64];
	size_t n = 0;

	for (; n < sizeof l && name[n] && name[n] != '.'; n++)
		l[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 32 : name[n]);
	return n ? bh_hash(l, n, s->seed) | 1 : 0;
}

static uint64_t xid_key(const struct bh_state *s, uint32_t xid)
{
	return bh_hash(&xid, sizeof xid, ~s->seed) | 1;
}

/* what the event answers, or 0 */
static uint64_t answers(const struct bh_state *s, const struct bh_event *ev)
{
	const struct bh_ev_name *n = &ev->u.name;

	if (ev->kind == BH_EV_NAME && n->op != BH_NAME_QUERY && (n->via == BH_NAME_LLMNR || n->via == BH_NAME_NBNS || n->via == BH_NAME_MDNS))
		return name_key(s, n->name);
	if (ev->kind == BH_EV_DHCP && !(ev->u.dhcp.flags & BH_DHCP_F_V6) && ev->u.dhcp.type == 2)
		return xid_key(s, ev->u.dhcp.xid);
	return 0;
}

bool bh_state_is_self(const struct bh_state *s, const struct bh_addr *a)
{
	for (size_t i = 0; i < s->n_self; i++)
		if (bh_addr_eq(a, &s->self[i]))
			return true;
	return false;
}

/* An offer goes to an address that nobody has yet, and to the card that asked. */
static bool to_us_alone(const struct bh_state *s, const struct bh_event *ev)
{
	if (bh_mac_none(&ev->mac_dst) || (ev->mac_dst.b[0] & 1))
		return false;
	return ev->kind == BH_EV_DHCP ? bh_mac_eq(&ev->mac_dst, &ev->u.dhcp.client) : bh_state_is_self(s, &ev->dst);
}

unsigned bh_state_probed(const struct bh_state *s, const struct bh_sight *v)
{
	const struct bh_event *ev = v->ev;
	uint64_t key = answers(s, ev);
	const struct bh_question *q = &s->probes->asked[key % BH_QUESTIONS];
	bh_ns apart = ev->at > q->at ? ev->at - q->at : q->at - ev->at;

	if (!key || q->key != key || apart > LIVE)
		return BH_PROBED_NO;
	return apart <= SOON && to_us_alone(s, ev) && v->own && (v->dev->flags & BH_DEV_SPOKE) ? BH_PROBED_PROVEN : BH_PROBED_ANSWER;
}

void bh_state_probe(struct bh_state *s, const struct bh_event *command)
{
	const struct bh_ev_command *c = &command->u.command;
	bool dhcp = !strcmp(c->target, "dhcp");
	uint64_t key = dhcp ? xid_key(s, c->xid) : name_key(s, c->target);
	char zone[BH_NAME];
	size_t n = strcspn(c->reason, " ");
	uint16_t z;

	if (!key)
		return;
	s->probes->asked[key % BH_QUESTIONS] = (struct bh_question){key, command->at};
	bh_strcpy(zone, sizeof zone, c->reason);
	zone[n < sizeof zone ? n : sizeof zone - 1] = '\0';
	z = bh_policy_zone_by_name(s->policy, zone);
	if (z < BH_MAX_ZONES)
		s->probes->last[z][dhcp] = command->at;
}

bh_ns bh_state_asked(const struct bh_state *s, uint16_t zone, bool dhcp)
{
	return zone < BH_MAX_ZONES ? s->probes->last[zone][dhcp] : 0;
}
