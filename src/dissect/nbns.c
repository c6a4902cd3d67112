/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NetBIOS names (RFC 1002 4.2) and the browser's announcements in NetBIOS datagrams (4.4, [MS-BRWS] 2.2)
 *
 * A name is 16 bytes, the last of which says what it is for; on the wire each half of a byte is a letter from A on. Told are
 * questions, answers, registrations of names for one host alone, and what a node says of itself when asked for its status. Of
 * port 138 only announcements of hosts and local master browsers are told, with the address that the datagram says is its source.
 */
#include <stdio.h>
#include <stdlib.h>

#include "name_fact.h"

#define PORT 137
#define DATAGRAMS 138
#define NAME_BYTES 16

enum { NB = 32, NBSTAT = 33 };
enum { OP_QUERY = 0, OP_REGISTER = 5, OP_REFRESH = 8, OP_REFRESH_ALT = 9, OP_MULTIHOMED = 15 };
enum { GROUP_FLAG = 0x8000 };
enum { DIRECT_UNIQUE = 0x10, BROADCAST = 0x12 };
enum { HOST_ANNOUNCEMENT = 1, LOCAL_MASTER_ANNOUNCEMENT = 15 };
#define SMB_COM_TRANSACTION 0x25

static bool wants(const struct bh_packet *pkt, uint16_t app)
{
	return bh_names_port(pkt, PORT) || bh_names_port(pkt, DATAGRAMS);
}

/* ---- names ---- */

static void set_name(struct bh_ev_name *e, const char raw[NAME_BYTES])
{
	size_t n = NAME_BYTES - 1;

	while (n && (raw[n - 1] == ' ' || !raw[n - 1]))
		n--;
	bh_names_text(e->name, sizeof e->name, raw, n);
	memset(e->text, 0, sizeof e->text);
	snprintf(e->text, sizeof e->text, "%02x", (uint8_t)raw[NAME_BYTES - 1]);
}

/* an encoded name at *b, which goes on behind it: 1 = none */
static int name(struct bh_bytes all, struct bh_bytes *b, char ret[NAME_BYTES])
{
	char text[2 * NAME_BYTES + 1];

	if (bh_dns_name(all, b, text, sizeof text))
		return 1;
	for (unsigned i = 0; i < NAME_BYTES; i++) {
		unsigned hi = (uint8_t)text[i * 2] - 'A', lo = (uint8_t)text[i * 2 + 1] - 'A';

		if (hi > 15 || lo > 15)
			return 1;
		ret[i] = (char)(hi << 4 | lo);
	}
	return 0;
}

/* ---- the name service ---- */

/* addresses in a record of type NB: flags, address, again and again */
static void addresses(struct bh_names *s, struct bh_event ev, const struct bh_dns_record *r, const struct bh_event_sink *out)
{
	struct bh_bytes b = bh_bytes(r->data, r->len);
	bool told = false;

	ev.u.name.ttl_s = r->ttl_s;
	for (unsigned i = 0; i < BH_DNS_FOUND; i++) {
		const uint8_t *p = bh_take(&b, 6);

		if (!p)
			break;
		ev.u.name.addr = bh_addr_v4(p + 2);
		bh_names_emit(s, &ev, out);
		told = true;
	}
	if (!told)
		bh_names_emit(s, &ev, out);
}

/* of the names a node has: the first of its own, that of the file server if there is one */
static bool status(struct bh_ev_name *e, const struct bh_dns_record *r)
{
	struct bh_bytes b = bh_bytes(r->data, r->len);
	unsigned n = bh_u8(&b);
	bool have = false;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = bh_take(&b, NAME_BYTES);
		bool group = bh_be16(&b) & GROUP_FLAG;

		if (b.bad)
			return false;
		if (group || (have && p[NAME_BYTES - 1] != 0x20))
			continue;
		set_name(e, (const char *)p);
		have = true;
		if (p[NAME_BYTES - 1] == 0x20)
			break;
	}
	e->answers = (uint8_t)n;
	return true;
}

static int question(struct bh_names *s, const struct bh_dissect_in *in, struct bh_dns_msg *m, const struct bh_event_sink *out)
{
	unsigned op = bh_dns_opcode(m->flags);
	bool claim = op == OP_REGISTER || op == OP_REFRESH || op == OP_REFRESH_ALT || op == OP_MULTIHOMED;
	struct bh_event ev = bh_names_event(in, BH_NAME_NBNS, claim ? BH_NAME_CLAIM : BH_NAME_QUERY);
	struct bh_dns_record r;
	char raw[NAME_BYTES];

	if ((op != OP_QUERY && !claim) || m->questions != 1)
		return 2;
	if (name(m->all, &m->at, raw))
		return 1;
	set_name(&ev.u.name, raw);
	ev.u.name.id = m->id;
	ev.u.name.qtype = bh_be16(&m->at);
	bh_skip(&m->at, 2);
	if (m->at.bad)
		return 1;
	if (!claim) {
		bh_names_emit(s, &ev, out);
		return 0;
	}
	if (!m->additional || bh_dns_record(m, &r) || r.type != NB || r.len < 6)
		return 1;
	if (r.data[0] & GROUP_FLAG >> 8) /* of a workgroup: not its own */
		return 2;
	addresses(s, ev, &r, out);
	return 0;
}

static int answer(struct bh_names *s, const struct bh_dissect_in *in, struct bh_dns_msg *m, const struct bh_event_sink *out)
{
	struct bh_event ev = bh_names_event(in, BH_NAME_NBNS, BH_NAME_ANSWER);
	struct bh_dns_record r;
	char raw[NAME_BYTES];

	if (bh_dns_opcode(m->flags) != OP_QUERY || m->questions)
		return 2;
	if (bh_dns_record(m, &r) || name(m->all, &r.name, raw))
		return 1;
	set_name(&ev.u.name, raw);
	ev.u.name.id = m->id;
	ev.u.name.qtype = r.type;
	ev.u.name.answers = m->answers < 255 ? (uint8_t)m->answers : 255;
	if (m->flags & 15) { /* there is no such name */
		ev.u.name.answers = 0;
		bh_names_emit(s, &ev, out);
		return 0;
	}
	if (r.type == NBSTAT) {
		if (!status(&ev.u.name, &r))
			return 1;
		bh_names_emit(s, &ev, out);
		return 0;
	}
	if (r.type != NB)
		return 2;
	addresses(s, ev, &r, out);
	return 0;
}

/* ---- datagrams ---- */

/* the data of a transaction that goes to the browser: 0, 1 malformed, 2 something else */
static int browser(struct bh_bytes smb, struct bh_bytes *ret)
{
	static const char slot[] = "\\MAILSLOT\\BROWSE";
	struct bh_bytes b = smb;
	const uint8_t *p = bh_take(&b, 32), *name_at;
	uint32_t len, off;

	if (!p || memcmp(p, "\xffSMB", 4) != 0 || p[4] != SMB_COM_TRANSACTION)
		return 2;
	if (bh_u8(&b) < 17)
		return 1;
	bh_skip(&b, 22);
	len = bh_le16(&b);
	off = bh_le16(&b);
	bh_skip(&b, 10); /* setup and the bytes' count */
	name_at = bh_take(&b, sizeof slot);
	if (!name_at || off > smb.left || len > smb.left - off)
		return 1;
	for (size_t i = 0; i < sizeof slot; i++)
		if ((name_at[i] & ~0x20) != (slot[i] & ~0x20))
			return 2;
	*ret = bh_bytes(smb.p + off, len);
	return 0;
}

static int datagram(struct bh_names *s, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_event ev = bh_names_event(in, BH_NAME_BROWSER, BH_NAME_CLAIM);
	struct bh_bytes all = bh_bytes(in->payload, in->len), b = all, say;
	unsigned type = bh_u8(&b), flags = bh_u8(&b);
	const uint8_t *from, *host;
	int r;

	ev.u.name.id = bh_be16(&b);
	from = bh_take(&b, 4);
	bh_skip(&b, 6); /* port, length, offset */
	if (b.bad)
		return 1;
	if (type < DIRECT_UNIQUE || type > BROADCAST || !(flags & 2)) /* an error, a query, or not the first fragment */
		return 2;
	if (bh_dns_name(all, &b, NULL, 0) || bh_dns_name(all, &b, NULL, 0))
		return 1;
	r = browser(b, &say);
	if (r)
		return r;
	type = bh_u8(&say);
	if (type != HOST_ANNOUNCEMENT && type != LOCAL_MASTER_ANNOUNCEMENT)
		return 2;
	bh_skip(&say, 1);
	ev.u.name.ttl_s = bh_le32(&say) / 1000; /* until the next one */
	host = bh_take(&say, NAME_BYTES);
	if (!host)
		return 1;
	bh_names_text(ev.u.name.name, sizeof ev.u.name.name, (const char *)host, strnlen((const char *)host, NAME_BYTES));
	ev.u.name.addr = bh_addr_v4(from);
	bh_names_emit(s, &ev, out);
	return 0;
}

static void packet(void *state, const struct bh_dissect_in *in, const struct bh_event_sink *out)
{
	struct bh_names *s = state;
	struct bh_dns_msg m;
	int r;

	if (bh_names_port(in->pkt, DATAGRAMS))
		r = datagram(s, in, out);
	else if (bh_dns_begin(in->payload, in->len, &m))
		r = 1;
	else
		r = m.flags & BH_DNS_RESPONSE ? answer(s, in, &m, out) : question(s, in, &m, out);
	s->malformed += r == 1;
	s->other += r == 2;
}

extern const struct bh_dissector bh_dissector_nbns;
const struct bh_dissector bh_dissector_nbns = {
	.name = "nbns",
	.doc = "NetBIOS names: questions, answers, registrations, status; announcements of the browser",
	.wants = wants,
	.open = bh_names_open,
	.close = free,
	.packet = packet,
	.counters = bh_names_counters,
	.memory_bytes = bh_names_bytes,
};
