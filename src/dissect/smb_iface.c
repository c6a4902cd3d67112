/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of interfaces a server gives to clients that want several connections ([MS-SMB2] 2.2.32.5): all addresses it has,
 * also those it did not mean to show to this network. Each address is told as a claim of the server, with the speed of its link;
 * loopback and link-local ones, which every host has, are not.
 */
#include <stdio.h>

#include "stream.h"

#include "smb.h"

#define ENTRIES 64
#define TOLD 8

enum { FAMILY_V4 = 2, FAMILY_V6 = 0x17 };

static bool of_this_host_only(const struct bh_addr *a)
{
	static const struct bh_addr one = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

	if (bh_addr_unspecified(a) || bh_addr_multicast(a))
		return true;
	if (bh_addr_is4(a))
		return a->b[12] == 127 || (a->b[12] == 169 && a->b[13] == 254);
	return bh_addr_eq(a, &one) || bh_addr_link_local(a);
}

/* the address of a socket as Windows writes it down */
static bool sockaddr(struct bh_bytes b, struct bh_addr *ret)
{
	uint16_t family = bh_le16(&b);
	const uint8_t *p;

	bh_skip(&b, family == FAMILY_V6 ? 6 : 2);
	if (family != FAMILY_V4 && family != FAMILY_V6)
		return false;
	p = bh_take(&b, family == FAMILY_V6 ? 16 : 4);
	if (p)
		*ret = family == FAMILY_V6 ? bh_addr_v6(p) : bh_addr_v4(p);
	return p;
}

static void tell(struct smb *s, struct smb_conn *c, const struct bh_addr *a, uint64_t bits_s)
{
	const struct bh_packet *k = s->in ? s->in->pkt : NULL;
	struct bh_event ev;

	bh_smb_begin(s, c, &ev, BH_EV_NAME, true);
	bh_event_swap(&ev);
	ev.app = 0; /* the kind says it */
	if (k && k->sport == ev.sport && bh_addr_eq(&k->src, &ev.src))
		ev.ttl = k->ttl;
	ev.u.name.via = BH_NAME_SMB;
	ev.u.name.op = BH_NAME_CLAIM;
	ev.u.name.addr = *a;
	snprintf(ev.u.name.text, sizeof ev.u.name.text, "%llu Mbit/s", (unsigned long long)(bits_s / 1000000));
	bh_smb_emit(s, &ev);
}

void bh_smb_interfaces(struct smb *s, struct smb_conn *c, struct bh_bytes list)
{
	struct bh_addr told[TOLD];
	unsigned n = 0;

	for (unsigned i = 0; i < ENTRIES && n < TOLD; i++) {
		struct bh_bytes b = list;
		uint32_t next = bh_le32(&b);
		uint64_t bits_s;
		bool twice = false;

		bh_skip(&b, 12); /* index, capabilities, reserved */
		bits_s = bh_le64(&b);
		if (!b.bad && sockaddr(b, &told[n]) && !of_this_host_only(&told[n])) {
			for (unsigned k = 0; k < n; k++)
				twice |= bh_addr_eq(&told[k], &told[n]);
			if (!twice)
				tell(s, c, &told[n++], bits_s);
		}
		if (!next || !bh_skip(&list, next))
			return;
	}
}
