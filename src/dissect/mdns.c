/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Multicast DNS (RFC 6762): names asked of the neighbours, answered, and announced
 *
 * Told without memory: a response to the group with id 0 is an announcement (replies to ordinary questions look the same there,
 * and are told so, too), one with an id or to a single host an answer. Who is about to take a name asks for it with the records
 * it will have in the authority section (8.1): that is a claim. Records that a question brings as known are of others, and
 * are not told.
 */
#include <stdlib.h>

#include "name_fact.h"

#define PORT 5353

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return bh_names_port(pkt, PORT);
}

/* the first question for an address, else the first */
static int questions(struct bh_dns_msg *m, struct bh_ev_name *e)
{
	bool have = false;

	for (unsigned i = 0; i < m->questions && i < BH_DNS_RECORDS; i++) {
		struct bh_bytes at = m->at;
		uint16_t type;

		if (bh_dns_question(m, NULL, 0, &type))
			return 1;
		if (i && (have || (type != BH_DNS_A && type != BH_DNS_AAAA && type != BH_DNS_ANY)))
			continue;
		have = type == BH_DNS_A || type == BH_DNS_AAAA || type == BH_DNS_ANY;
		e->qtype = type;
		if (bh_dns_name(m->all, &at, e->name, sizeof e->name))
			return 1;
	}
	return 0;
}

static int question(struct bh_names *s, const struct bh_dissect_in *in, struct bh_dns_msg *m, const struct bh_event_sink *out)
{
	struct bh_event ev = bh_names_event(in, BH_NAME_MDNS, BH_NAME_QUERY);
	struct bh_dns_found known[BH_DNS_FOUND], found[BH_DNS_FOUND];
	unsigned n_known = 0, n = 0;

	ev.u.name.id = m->id;
	if (!m->questions)
		return 2; /* more known records of a question before */
	if (questions(m, &ev.u.name) || bh_dns_addresses(m, m->answers, known, &n_known) || bh_dns_addresses(m, m->authority, found, &n))
		return 1;
	bh_names_emit(s, &ev, out);
	ev.u.name.op = BH_NAME_CLAIM;
	if (m->questions <= BH_DNS_RECORDS && m->answers <= BH_DNS_RECORDS) /* else they are not where they were read */
		bh_names_found(s, ev, found, n, out);
	return 0;
}

static int response(struct bh_names *s, const struct bh_dissect_in *in, struct bh_dns_msg *m, const struct bh_event_sink *out)
{
	bool claim = !m->id && bh_addr_multicast(&in->pkt->dst);
	struct bh_event ev = bh_names_event(in, BH_NAME_MDNS, claim ? BH_NAME_CLAIM : BH_NAME_ANSWER);
	struct bh_dns_found found[BH_DNS_FOUND];
	unsigned records = (unsigned)m->answers + m->authority + m->additional, n = 0;
	struct bh_dns_record first;
	struct bh_dns_msg from;

	if (m->flags & 15 || !m->answers)
		return 2;
	ev.u.name.id = m->id;
	ev.u.name.answers = m->answers < 255 ? (uint8_t)m->answers : 255;
	if (questions(m, &ev.u.name)) /* of an old-fashioned asker: repeated */
		return 1;
	from = *m;
	if (bh_dns_record(&from, &first) || bh_dns_name(m->all, &first.name, ev.u.name.name, sizeof ev.u.name.name) ||
		bh_dns_addresses(m, records, found, &n))
		return 1;
	ev.u.name.qtype = first.type;
	ev.u.name.ttl_s = first.ttl_s;
	if (n)
		bh_names_found(s, ev, found, n, out);
	else
		bh_names_emit(s, &ev, out);
	return 0;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_names *s = state;
	struct bh_dns_msg m;
	int r;

	if (bh_dns_begin(in->payload, in->len, &m))
		r = 1;
	else if (bh_dns_opcode(m.flags))
		r = 2;
	else
		r = m.flags & BH_DNS_RESPONSE ? response(s, in, &m, out) : question(s, in, &m, out);
	s->malformed += r == 1;
	s->other += r == 2;
}

extern const struct bh_dissector bh_dissector_mdns;
const struct bh_dissector bh_dissector_mdns = {
	.name = "mdns",
	.doc = "mDNS: names asked of the neighbours, answered and announced",
	.wants = wants,
	.open = bh_names_open,
	.close = free,
	.packet = packet,
	.counters = bh_names_counters,
	.memory_bytes = bh_names_bytes,
};
