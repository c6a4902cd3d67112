/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services: names for protocol and ports, and arithmetic on lists of them. Only fixed ports have
 * names; a protocol that moves to learnt ports (RPC, RTP, passive FTP) needs its range written out.
 * Port numbers are IANA's registrations.
 */
#include <stdlib.h>
#include "policy/load.h"

/* clang-format off */
#define TCP(lo, hi) {6, lo, hi}
#define UDP(lo, hi) {17, lo, hi}
/* clang-format on */
/* items of a row are sorted: protocol, then port. On printing, the first row that fits wins. */
const struct bh_service bh_services[] = {
	{"any", {{0, 0, 65535}}, 1},
	{"icmp", {{1, 0, 65535}}, 1},
	{"dns", {TCP(53, 53), UDP(53, 53)}, 2},
	{"https", {TCP(443, 443)}, 1},
	{"http", {TCP(80, 80)}, 1},
	{"quic", {UDP(443, 443)}, 1},
	{"ssh", {TCP(22, 22)}, 1},
	{"smb", {TCP(445, 445)}, 1},
	{"netbios", {TCP(139, 139), UDP(137, 138)}, 2},
	{"rdp", {TCP(3389, 3389), UDP(3389, 3389)}, 2},
	{"dhcp", {UDP(67, 68)}, 1},
	{"dhcpv6", {UDP(546, 547)}, 1},
	{"ntp", {UDP(123, 123)}, 1},
	{"sip", {TCP(5060, 5061), UDP(5060, 5060)}, 2},
	{"modbus", {TCP(502, 502)}, 1},
	{"s7", {TCP(102, 102)}, 1},
	{"iec104", {TCP(2404, 2404)}, 1},
	{"dnp3", {TCP(20000, 20000), UDP(20000, 20000)}, 2},
	{"ethernetip", {TCP(44818, 44818), UDP(2222, 2222), UDP(44818, 44818)}, 3},
	{"opcua", {TCP(4840, 4840)}, 1},
	{"bacnet", {UDP(47808, 47808)}, 1},
	{"kerberos", {TCP(88, 88), UDP(88, 88)}, 2},
	{"kpasswd", {TCP(464, 464), UDP(464, 464)}, 2},
	{"ldap", {TCP(389, 389), UDP(389, 389)}, 2},
	{"ldaps", {TCP(636, 636)}, 1},
	{"gc", {TCP(3268, 3269)}, 1},
	{"msrpc", {TCP(135, 135)}, 1},
	{"winrm", {TCP(5985, 5986)}, 1},
	{"snmp", {UDP(161, 161)}, 1},
	{"snmp-trap", {UDP(162, 162)}, 1},
	{"syslog", {TCP(6514, 6514), UDP(514, 514)}, 2},
	{"radius", {UDP(1812, 1813)}, 1},
	{"tacacs", {TCP(49, 49)}, 1},
	{"smtp", {TCP(25, 25)}, 1},
	{"submission", {TCP(465, 465), TCP(587, 587)}, 2},
	{"imap", {TCP(143, 143)}, 1},
	{"imaps", {TCP(993, 993)}, 1},
	{"pop3", {TCP(110, 110)}, 1},
	{"pop3s", {TCP(995, 995)}, 1},
	{"postgres", {TCP(5432, 5432)}, 1},
	{"mysql", {TCP(3306, 3306)}, 1},
	{"mssql", {TCP(1433, 1433), UDP(1434, 1434)}, 2},
	{"oracle", {TCP(1521, 1521)}, 1},
	{"redis", {TCP(6379, 6379)}, 1},
	{"mqtt", {TCP(1883, 1883)}, 1},
	{"mqtts", {TCP(8883, 8883)}, 1},
	{"nfs", {TCP(2049, 2049), UDP(2049, 2049)}, 2},
	{"rsync", {TCP(873, 873)}, 1},
	{"vnc", {TCP(5900, 5900)}, 1},
	{"telnet", {TCP(23, 23)}, 1},
	{"ftp", {TCP(21, 21)}, 1},
	{"tftp", {UDP(69, 69)}, 1},
	{"rtsp", {TCP(554, 554)}, 1},
	{"ipp", {TCP(631, 631)}, 1},
	{"jetdirect", {TCP(9100, 9100)}, 1},
	{"wsus", {TCP(8530, 8531)}, 1},
	{"openvpn", {UDP(1194, 1194)}, 1},
	{"wireguard", {UDP(51820, 51820)}, 1},
};
#undef TCP
#undef UDP
const size_t bh_n_services = BH_COUNT(bh_services);

const struct bh_service *bh_service_find(const char *name)
{
	for (size_t i = 0; i < bh_n_services; i++)
		if (strcmp(bh_services[i].name, name) == 0)
			return &bh_services[i];
	return NULL;
}

/* decimal without sign or leading zero; stops at the first other character */
static bool take_port(const char **s, uint16_t *ret)
{
	const char *p = *s;
	unsigned v = 0;

	if (p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		return false;
	while (*p >= '0' && *p <= '9' && v <= 65535)
		v = v * 10 + (*p++ - '0');
	if (p == *s || v > 65535)
		return false;
	*s = p;
	*ret = v;
	return true;
}

int bh_svc_parse(const char *text, struct bh_svc *ret_svc)
{
	struct bh_svc s;

	if (strncmp(text, "tcp/", 4) == 0 || strncmp(text, "udp/", 4) == 0) {
		s.proto = text[0] == 't' ? 6 : 17;
		text += 4;
		if (!take_port(&text, &s.lo))
			return 1;
		s.hi = s.lo;
		if (*text == '-') {
			text++;
			if (!take_port(&text, &s.hi))
				return 1;
		}
		if (*text || s.lo > s.hi)
			return 1;
		*ret_svc = s;
		return 0;
	}
	return 1;
}

void bh_svc_put(const struct bh_svc *s, struct bh_text *t)
{
	if (s->proto == 0 || s->proto == 1)
		bh_put(t, s->proto ? "icmp" : "any");
	else if (s->lo == s->hi)
		bh_putf(t, "%s/%u", s->proto == 6 ? "tcp" : "udp", s->lo);
	else
		bh_putf(t, "%s/%u-%u", s->proto == 6 ? "tcp" : "udp", s->lo, s->hi);
}

static bool svc_eq(const struct bh_svc *a, const struct bh_svc *b)
{
	return a->proto == b->proto && a->lo == b->lo && a->hi == b->hi;
}

/* the first row all of whose items are still to be printed, beginning with item i; marks them */
static const struct bh_service *name_of(const struct bh_svcs *s, size_t i, bool *done)
{
	for (size_t k = 0; k < bh_n_services; k++) {
		const struct bh_service *row = &bh_services[k];
		size_t at[BH_COUNT(row->v)], found = 0;

		if (!svc_eq(&row->v[0], &s->v[i]))
			continue;
		for (size_t j = i; j < s->n && found < row->n; j++)
			if (!done[j] && svc_eq(&row->v[found], &s->v[j]))
				at[found++] = j;
		if (found < row->n)
			continue;
		for (size_t j = 0; j < found; j++)
			done[at[j]] = true;
		return row;
	}
	return NULL;
}

void bh_policy_put_svcs(const struct bh_svcs *s, struct bh_text *t)
{
	bool done[BH_LIST] = {false}, first = true;

	bh_put(t, "[");
	for (size_t i = 0; i < s->n && i < BH_LIST; i++) {
		const struct bh_service *row;

		if (done[i])
			continue;
		if (!first)
			bh_put(t, ", ");
		first = false;
		row = name_of(s, i, done);
		if (row)
			bh_put(t, row->name);
		else
			bh_svc_put(&s->v[i], t);
		done[i] = true;
	}
	bh_put(t, "]");
}

static int svc_cmp(const void *x, const void *y)
{
	const struct bh_svc *a = x, *b = y;

	if (a->proto != b->proto)
		return a->proto < b->proto ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi > b->hi ? -1 : a->hi < b->hi;
}

void bh_svcs_normalise(struct bh_svcs *s)
{
	size_t out = 0;

	if (!s->n)
		return;
	qsort(s->v, s->n, sizeof *s->v, svc_cmp);
	for (size_t i = 1; i < s->n && s->v[0].proto != 0; i++) {
		struct bh_svc *last = &s->v[out];

		if (s->v[i].proto != last->proto || s->v[i].lo > last->hi)
			s->v[++out] =
				s->v[i]; /* neighbours stay apart: 80 and 81 keep their names */
		else if (s->v[i].hi > last->hi)
			last->hi = s->v[i].hi;
	}
	s->n = out + 1;
}

bool bh_svcs_has(const struct bh_svcs *s, uint8_t proto, uint16_t port)
{
	if (proto == 58)
		proto = 1;
	for (size_t i = 0; i < s->n; i++) {
		const struct bh_svc *v = &s->v[i];

		if (v->proto == 0 ||
			(v->proto == proto && (proto == 1 || (v->lo <= port && port <= v->hi))))
			return true;
	}
	return false;
}

bool bh_svcs_cover(const struct bh_svcs *outer, const struct bh_svcs *inner)
{
	size_t o = 0;

	if (outer->n && outer->v[0].proto == 0)
		return true;
	for (size_t i = 0; i < inner->n; i++) {
		const struct bh_svc *v = &inner->v[i];
		uint32_t need = v->lo;

		while (o < outer->n &&
			(outer->v[o].proto < v->proto ||
				(outer->v[o].proto == v->proto && outer->v[o].hi < v->lo)))
			o++;
		/* both sorted; neighbours of the outer list may join to hold one of the inner */
		for (size_t k = o; need <= v->hi; k++) {
			if (k >= outer->n || outer->v[k].proto != v->proto || outer->v[k].lo > need)
				return false;
			need = outer->v[k].hi + 1u;
		}
	}
	return true;
}
