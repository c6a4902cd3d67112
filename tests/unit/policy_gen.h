/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random policies as text, for whoever wants many of them. */
#ifndef TESTS_POLICY_GEN_H
#define TESTS_POLICY_GEN_H

#include <stdio.h>
#include <bulkhead/policy.h>

static inline uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static inline unsigned below(uint64_t *s, unsigned n)
{
	return rnd(s) % n;
}

static inline const char *service(uint64_t *s, char buf[32])
{
	static const char *const names[] = {"https", "ssh", "dns", "sip", "modbus", "icmp", "rdp",
		"ethernetip", "smb", "kerberos"};
	unsigned lo = below(s, 1000);

	if (below(s, 3))
		return names[below(s, BH_COUNT(names))];
	snprintf(buf, 32, "%s/%u-%u", below(s, 2) ? "tcp" : "udp", lo, lo + below(s, 30));
	return buf;
}

static inline void put_services(struct bh_text *t, uint64_t *s)
{
	unsigned n = 1 + below(s, 4);
	char buf[32];

	bh_put(t, "allow: [");
	for (unsigned i = 0; i < n; i++)
		bh_putf(t, "%s%s", i ? ", " : "", service(s, buf));
	bh_put(t, below(s, 20) ? "]" : ", any]");
}

/* an end inside zone z: 10.z.0.0/16 and fd00:z::/32 */
static inline void put_end(struct bh_text *t, uint64_t *s, unsigned z)
{
	switch (below(s, 4)) {
	case 0:
		bh_putf(t, "10.%u.%u.0/24", z, below(s, 4));
		break;
	case 1:
		bh_putf(t, "\"fd00:%x:%x::/48\"", z, below(s, 4));
		break;
	case 2:
		bh_putf(t, "h%u", z);
		break;
	default:
		bh_putf(t, "10.%u.%u.%u", z, below(s, 4), below(s, 4));
	}
}

static inline void put_ends(struct bh_text *t, uint64_t *s, const char *key, unsigned z)
{
	unsigned n = 1 + below(s, 3);

	bh_putf(t, ", %s: [", key);
	for (unsigned i = 0; i < n; i++) {
		bh_put(t, i ? ", " : "");
		put_end(t, s, z);
	}
	bh_put(t, "]");
}

static inline void put_gates(struct bh_text *t, uint64_t *s)
{
	static const char *const days[] = {"", ", days: [mon, sun]", ", days: tue",
		", days: [mon, tue, wed, thu, fri, sat, sun]"};
	static const char *const breaker[] = {"", ", breaker: {admin-off: contain, pins-only: isolate}",
		", breaker: {pins-only: shield}", ", breaker: {admin-off: isolate}"};
	unsigned from = below(s, 24);

	bh_put(t, breaker[below(s, BH_COUNT(breaker))]);
	if (below(s, 3))
		return;
	bh_putf(t, ", drawbridge: {open: \"%02u:%02u-%02u:%02u\"%s, raise-on: %s}", from, below(s, 60),
		(from + 1 + below(s, 22)) % 24, below(s, 60), days[below(s, BH_COUNT(days))],
		bh_raise_name(below(s, BH_RAISE_COUNT)));
}

static inline void generate(struct bh_text *t, uint64_t *s)
{
	unsigned n = 2 + below(s, 6), k = below(s, 12), pins = below(s, 6);

	bh_put(t, "version: 1\nsite: \"\xc3\xa9t\xc3\xa9 \\\"x\\\" \\\\ # y\"\nzones:\n");
	if (below(s, 2))
		bh_put(t, "  world: {networks: [0.0.0.0/0, '::/0'], purdue: 5}\n");
	for (unsigned z = 0; z < n; z++)
		bh_putf(t,
			"  z%u: {networks: [10.%u.0.0/17, 10.%u.128.0/17, 'fd00:%x::/32'], purdue: "
			"%u, critical: %s, sl-t: %u%s%s}\n",
			z, z, z, z, below(s, 6), below(s, 2) ? "true" : "false", below(s, 5),
			z & 1 ? "" : ", inside: deny", z & 2 ? "" : ", vlan: [40, 4094]");
	bh_put(t, "hosts:\n");
	for (unsigned z = 0; z < n; z++)
		bh_putf(t,
			"  h%u: {addresses: ['fd00:%x:1::%x', 10.%u.1.%u], roles: [plc, dns], mac: "
			"\"52:54:00:00:00:%02x\"}\n",
			z, z, 1 + below(s, 3), z, below(s, 4), z);
	bh_put(t, k ? "conduits:\n" : "");
	for (unsigned i = 0; i < k; i++) {
		unsigned a = below(s, n), b = (a + 1 + below(s, n - 1)) % n;

		if (!(a & 1) && !below(s, 3))
			b = a; /* inside: deny */

		bh_putf(t, "  - {name: c%u, from: z%u, to: z%u, ", i, a, b);
		put_services(t, s);
		if (below(s, 2))
			put_ends(t, s, "from-hosts", a);
		if (below(s, 2))
			put_ends(t, s, "to-hosts", b);
		if (!below(s, 3))
			bh_put(t, ", apps: [TLS, modbus]");
		put_gates(t, s);
		bh_put(t, "}\n");
	}
	bh_put(t, pins ? "pins:\n" : "");
	for (unsigned i = 0; i < pins; i++) {
		bh_putf(t, "  - {name: p%u, reason: \"r%u\", ", i, i);
		put_services(t, s);
		put_ends(t, s, "from", below(s, n));
		put_ends(t, s, "to", below(s, n));
		bh_put(t, "}\n");
	}
	bh_putf(t,
		"canaries: [{share: d, path: 'a/*', host: h0}, {share: \"x $\", path: '\\\\\"q'}]\n"
		"remedy: [{to: h0, allow: [dns]}]\nmanagement: {from: h1, allow: [ssh]}\n"
		"response: {mode: ask, ttl: {shield: %us, contain: %um}, budget: {share-of-zone: "
		"%u.%04u%%}}\n",
		1 + below(s, 5000), 1 + below(s, 500), below(s, 99), below(s, 10000));
}

#endif
