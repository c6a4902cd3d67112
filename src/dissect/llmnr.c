/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LLMNR over UDP (RFC 4795): who asks the neighbours for a name, and who answers
 *
 * An answer repeats its question and goes to who asked, so nothing has to be remembered.
 */
#include <stdlib.h>

#include "name_fact.h"

#define PORT 5355

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return bh_names_port(pkt, PORT);
}

/* 0, 1 malformed, 2 anything else */
static int read_message(struct bh_names *s, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_dns_found found[BH_DNS_FOUND];
	struct bh_event ev;
	struct bh_dns_msg m;
	unsigned n = 0;
	bool answer;

	if (bh_dns_begin(in->payload, in->len, &m))
		return 1;
	if (bh_dns_opcode(m.flags) || m.questions != 1)
		return 2;
	answer = m.flags & BH_DNS_RESPONSE;
	ev = bh_names_event(in, BH_NAME_LLMNR, answer ? BH_NAME_ANSWER : BH_NAME_QUERY);
	ev.u.name.id = m.id;
	if (bh_dns_question(&m, ev.u.name.name, sizeof ev.u.name.name, &ev.u.name.qtype))
		return 1;
	if (answer) {
		ev.u.name.answers = m.answers < 255 ? (uint8_t)m.answers : 255;
		if (bh_dns_addresses(&m, m.answers, found, &n))
			return 1;
	}
	if (n)
		bh_names_found(s, ev, found, n, out);
	else
		bh_names_emit(s, &ev, out);
	return 0;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_names *s = state;
	int r = read_message(s, in, out);

	s->malformed += r == 1;
	s->other += r == 2;
}

extern const struct bh_dissector bh_dissector_llmnr;
const struct bh_dissector bh_dissector_llmnr = {
	.name = "llmnr",
	.doc = "LLMNR: names asked of the neighbours, and who answers",
	.wants = wants,
	.open = bh_names_open,
	.close = free,
	.packet = packet,
	.counters = bh_names_counters,
	.memory_bytes = bh_names_bytes,
};
