/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WS-Discovery over UDP (OASIS WS-Discovery 1.1 and the version of 2005 before it): devices that announce themselves, and who
 * looks for them
 *
 * The messages are XML. They are not parsed: the text is passed over once, and of elements whose name, its prefix left aside, is
 * one of a few, what stands up to the next tag is taken. That is enough for every message that a device means to be understood,
 * and what is taken wrongly is a claim like others.
 */
#include <stdlib.h>

#include "name_fact.h"

#define PORT 3702

enum { HELLO, PROBE, PROBE_MATCHES, RESOLVE, RESOLVE_MATCHES, ACTIONS };

struct reading {
	struct bh_ev_name *e;
	unsigned action; /* ACTIONS = none of those */
	struct bh_addr found[BH_DNS_FOUND];
	unsigned n;
	bool known; /* an action was given */
};

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return bh_names_port(pkt, PORT);
}

static void trim(const char **io, size_t *io_n)
{
	while (*io_n && (uint8_t)**io <= ' ') {
		++*io;
		--*io_n;
	}
	while (*io_n && (uint8_t)(*io)[*io_n - 1] <= ' ')
		--*io_n;
}

/* ".../ws/2005/04/discovery/Hello", ".../ws-dd/ns/discovery/2009/01/Hello": the last part counts */
static void action(struct reading *r, const char *p, size_t n)
{
	static const char *const names[ACTIONS] = {"Hello", "Probe", "ProbeMatches", "Resolve", "ResolveMatches"};
	const char *slash;

	trim(&p, &n);
	slash = memrchr(p, '/', n);
	if (r->known || !slash || !memmem(p, n, "discovery/", 10))
		return;
	r->known = true;
	n -= (size_t)(slash + 1 - p);
	for (unsigned i = 0; i < ACTIONS; i++)
		if (n == strlen(names[i]) && memcmp(slash + 1, names[i], n) == 0)
			r->action = i;
}

/* addresses of a service, URLs with blanks between */
static void urls(struct reading *r, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end && r->n < BH_DNS_FOUND) {
		const char *stop = p;
		bool twice = false;

		while (stop < end && (uint8_t)*stop > ' ')
			stop++;
		if (stop > p && !bh_names_url_host(p, (size_t)(stop - p), &r->found[r->n])) {
			for (unsigned i = 0; i < r->n; i++)
				twice |= bh_addr_eq(&r->found[i], &r->found[r->n]);
			r->n += !twice;
		}
		p = stop < end ? stop + 1 : end;
	}
}

static void element(struct reading *r, const char *name, size_t len, const char *p, size_t n)
{
#define IS(word) (len == sizeof word - 1 && memcmp(name, word, len) == 0)
	if (IS("Action"))
		action(r, p, n);
	else if (IS("XAddrs"))
		urls(r, p, n);
	else if (IS("Types") && !r->e->text[0])
		bh_names_text(r->e->text, sizeof r->e->text, p, n);
	else if (IS("Address") && !r->e->name[0]) {
		trim(&p, &n);
		if (n > 4 && (memcmp(p, "urn:", 4) == 0 || memcmp(p, "uuid", 4) == 0)) /* else where replies go */
			bh_names_text(r->e->name, sizeof r->e->name, p, n);
	}
#undef IS
}

/* each opening tag with the text behind it; one pass */
static void elements(struct reading *r, const char *p, const char *end)
{
	while ((p = memchr(p, '<', (size_t)(end - p)))) {
		const char *name = ++p, *stop, *text;

		while (p < end && (uint8_t)*p > ' ' && *p != '>' && *p != '<' && *p != '/') {
			if (*p == ':')
				name = p + 1;
			p++;
		}
		stop = p;
		while (p < end && *p != '>' && *p != '<')
			p++;
		if (p == end)
			return;
		if (*p == '<' || p[-1] == '/')
			continue;
		text = ++p;
		while (p < end && *p != '<')
			p++;
		if (p == end)
			return;
		element(r, name, (size_t)(stop - name), text, (size_t)(p - text));
	}
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	static const uint8_t ops[ACTIONS] = {BH_NAME_CLAIM, BH_NAME_QUERY, BH_NAME_ANSWER, BH_NAME_QUERY, BH_NAME_ANSWER};
	struct bh_event ev = bh_names_event(in, BH_NAME_WSD, BH_NAME_ANSWER);
	struct reading r = {.e = &ev.u.name, .action = ACTIONS};
	const char *p = (const char *)in->payload;
	struct bh_names *s = state;

	elements(&r, p, p + in->len);
	if (r.action == ACTIONS) {
		s->malformed += !r.known;
		s->other += r.known;
		return;
	}
	ev.u.name.op = ops[r.action];
	ev.u.name.answers = ops[r.action] == BH_NAME_ANSWER;
	if (ops[r.action] != BH_NAME_ANSWER)
		ev.flags &= (uint8_t)~BH_EVF_TWOWAY;
	if (!r.n || ops[r.action] == BH_NAME_QUERY) {
		bh_names_emit(s, &ev, out);
		return;
	}
	for (unsigned i = 0; i < r.n; i++) {
		ev.u.name.addr = r.found[i];
		bh_names_emit(s, &ev, out);
	}
}

extern const struct bh_dissector bh_dissector_wsd;
const struct bh_dissector bh_dissector_wsd = {
	.name = "wsd",
	.doc = "WS-Discovery: devices that announce themselves with their addresses, and who looks for them",
	.wants = wants,
	.open = bh_names_open,
	.close = free,
	.packet = packet,
	.counters = bh_names_counters,
	.memory_bytes = bh_names_bytes,
};
