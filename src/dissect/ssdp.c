/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SSDP (UPnP Device Architecture 1.1, 1.2 and 1.3): devices that announce themselves, and who looks for them
 *
 * One message is one datagram of lines like those of HTTP. Told are the address in LOCATION, when it is one, what is announced or
 * looked for (NT, ST) and the program behind it (SERVER, USER-AGENT).
 */
#include <stdlib.h>
#include <strings.h>

#include "name_fact.h"

#define PORT 1900
#define LINES 64

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return bh_names_port(pkt, PORT);
}

/* the next line without its end; false = no more */
static bool next_line(const char **io, const char *end, const char **ret, size_t *ret_len)
{
	const char *p = *io, *stop;

	if (p == end)
		return false;
	stop = memchr(p, '\n', (size_t)(end - p));
	*io = stop ? stop + 1 : end;
	stop = stop ? stop : end;
	*ret = p;
	*ret_len = (size_t)(stop - p);
	return true;
}

static bool begins(const char *p, size_t n, const char *with)
{
	size_t len = strlen(with);

	return n >= len && strncasecmp(p, with, len) == 0;
}

static bool header(const char *line, size_t n, const char *name, const char **ret, size_t *ret_len)
{
	size_t len = strlen(name);

	if (!begins(line, n, name) || n == len || line[len] != ':')
		return false;
	*ret = line + len + 1;
	*ret_len = n - len - 1;
	return true;
}

static uint32_t max_age(const char *p, size_t n)
{
	const char *at = memmem(p, n, "max-age", 7), *end = p + n;
	uint64_t v = 0;

	if (!at)
		return 0;
	for (at += 7; at < end && (*at == '=' || *at == ' ');)
		at++;
	for (; at < end && *at >= '0' && *at <= '9' && v < UINT32_MAX; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static void one_line(struct bh_ev_name *e, const char *line, size_t n)
{
	const char *v;
	size_t len;

	if (header(line, n, "LOCATION", &v, &len)) {
		if (bh_names_url_host(v, len, &e->addr))
			memset(&e->addr, 0, sizeof e->addr);
	} else if (header(line, n, "SERVER", &v, &len) || header(line, n, "USER-AGENT", &v, &len)) {
		bh_names_text(e->text, sizeof e->text, v, len);
	} else if (header(line, n, "NT", &v, &len) || header(line, n, "ST", &v, &len)) {
		bh_names_text(e->name, sizeof e->name, v, len);
	} else if (header(line, n, "CACHE-CONTROL", &v, &len)) {
		e->ttl_s = max_age(v, len);
	}
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	const char *p = (const char *)in->payload, *end = p + in->len, *line;
	struct bh_names *s = state;
	enum bh_name_op op;
	struct bh_event ev;
	size_t n;

	if (!next_line(&p, end, &line, &n)) {
		s->malformed++;
		return;
	}
	if (begins(line, n, "NOTIFY * "))
		op = BH_NAME_CLAIM;
	else if (begins(line, n, "M-SEARCH * "))
		op = BH_NAME_QUERY;
	else if (begins(line, n, "HTTP/1.") && memmem(line, n, " 200", 4))
		op = BH_NAME_ANSWER;
	else {
		s->other++;
		return;
	}
	ev = bh_names_event(in, BH_NAME_SSDP, op);
	for (unsigned i = 0; i < LINES && next_line(&p, end, &line, &n); i++)
		one_line(&ev.u.name, line, n);
	ev.u.name.answers = op == BH_NAME_ANSWER;
	bh_names_emit(s, &ev, out);
}

extern const struct bh_dissector bh_dissector_ssdp;
const struct bh_dissector bh_dissector_ssdp = {
	.name = "ssdp",
	.doc = "SSDP: devices that announce themselves with an address, and who looks for them",
	.wants = wants,
	.open = bh_names_open,
	.close = free,
	.packet = packet,
	.counters = bh_names_counters,
	.memory_bytes = bh_names_bytes,
};
