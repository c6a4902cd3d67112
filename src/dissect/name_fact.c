/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What dissectors of names without a server share. */
#include <stdlib.h>
#include "name_fact.h"

void *bh_names_open(uint64_t seed)
{
	return calloc(1, sizeof(struct bh_names));
}

void bh_names_counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx)
{
	const struct bh_names *s = state;

	each(ctx, "facts", s->facts);
	each(ctx, "malformed", s->malformed);
	each(ctx, "other", s->other);
}

size_t bh_names_bytes(const void *state)
{
	return sizeof(struct bh_names);
}

bool bh_names_port(const struct bh_packet *pkt, uint16_t port)
{
	return pkt->what == BH_WHAT_UDP && (pkt->sport == port || pkt->dport == port);
}

struct bh_event bh_names_event(const struct bh_dissect_in *in, enum bh_name_via via, enum bh_name_op op)
{
	const struct bh_packet *k = in->pkt;
	struct bh_event ev = *in->proto;

	memset(&ev.u, 0, sizeof ev.u);
	ev.kind = BH_EV_NAME;
	ev.app = 0; /* the kind says it */
	ev.outcome = 0;
	ev.src = k->src;
	ev.dst = k->dst;
	ev.sport = k->sport;
	ev.dport = k->dport;
	ev.mac_src = k->mac_src;
	ev.mac_dst = k->mac_dst;
	ev.ttl = k->ttl;
	ev.flags &= BH_EVF_UNTRUSTED | BH_EVF_LATE;
	if (op == BH_NAME_ANSWER && (in->flags & BH_EVF_TWOWAY))
		ev.flags |= BH_EVF_TWOWAY;
	ev.u.name.via = (uint8_t)via;
	ev.u.name.op = (uint8_t)op;
	return ev;
}

void bh_names_emit(struct bh_names *s, const struct bh_event *ev, const struct bh_event_sink *out)
{
	s->facts++;
	out->emit(out->ctx, ev);
}

void bh_names_found(struct bh_names *s, struct bh_event ev, const struct bh_dns_found *found, unsigned n, const struct bh_event_sink *out)
{
	for (unsigned i = 0; i < n; i++) {
		struct bh_ev_name *e = &ev.u.name;

		e->addr = found[i].addr;
		e->ttl_s = found[i].ttl_s;
		e->qtype = found[i].type;
		memcpy(e->name, found[i].name, sizeof e->name);
		bh_names_emit(s, &ev, out);
	}
}

int bh_names_url_host(const char *url, size_t len, struct bh_addr *ret)
{
	const char *p = memmem(url, len, "://", 3), *end = url + len, *stop;
	const char *ends = "/:?# \t\r\n";

	if (!p)
		return 1;
	p += 3;
	if (p < end && *p == '[') {
		p++;
		ends = "]%"; /* behind % is the name of an interface */
	}
	for (stop = p; stop < end && *stop && !strchr(ends, *stop);)
		stop++;
	return bh_addr_parse(p, (size_t)(stop - p), ret);
}

void bh_names_text(char *out, size_t size, const char *p, size_t len)
{
	size_t n = 0;

	while (len && (uint8_t)*p <= ' ') {
		p++;
		len--;
	}
	while (len && (uint8_t)p[len - 1] <= ' ')
		len--;
	for (; n < len && n + 1 < size; n++)
		out[n] = p[n] < ' ' || p[n] > '~' ? '.' : p[n];
	memset(out + n, 0, size - n);
}
