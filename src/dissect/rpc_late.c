/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The interface behind calls whose bind was not seen, by their order. Only orders that mean one thing: a wrong guess names an
 * attack nobody made, a missing one leaves the calls told without a name.
 */
#include "rpc_talk.h"

enum { GUESS_NONE, GUESS_DRSUAPI, GUESS_NETLOGON, GUESS_SVCCTL, GUESS_DISPATCH, GUESS_WBEM };

struct bh_uuid bh_rpc_guessed(unsigned guess)
{
	static const struct bh_uuid of[] = {
		[GUESS_DRSUAPI] = {{0xe3, 0x51, 0x42, 0x35, 0x4b, 0x06, 0x11, 0xd1, 0xab, 0x04, 0x00, 0xc0, 0x4f, 0xc2, 0xdc, 0xd2}},
		[GUESS_NETLOGON] = {{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0xab, 0xcd, 0xef, 0x00, 0x01, 0x23, 0x45, 0x67, 0xcf, 0xfb}},
		[GUESS_SVCCTL] = {{0x36, 0x7a, 0xbb, 0x81, 0x98, 0x44, 0x35, 0xf1, 0xad, 0x32, 0x98, 0xf0, 0x38, 0x00, 0x10, 0x03}},
		[GUESS_DISPATCH] = {{0x00, 0x02, 0x04, 0x00, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46}},
		[GUESS_WBEM] = {{0x95, 0x56, 0xdc, 0x99, 0x82, 0x8c, 0x11, 0xcf, 0xa3, 0x7e, 0x00, 0xaa, 0x00, 0x32, 0x40, 0xc7}},
	};

	return of[guess < BH_COUNT(of) ? guess : 0];
}

static bool creates(unsigned op)
{
	return op == 12 || op == 24 || op == 44 || op == 45 || op == 60;
}

static bool authenticates(unsigned op)
{
	return op == 15 || op == 26;
}

static unsigned back(const struct bh_rpc_late *l, unsigned i)
{
	return i < l->n ? l->held[l->n - 1 - i].opnum : 0xffffu;
}

/* a then b somewhere in the row */
static bool follows(const struct bh_rpc_late *l, unsigned a, unsigned b)
{
	unsigned i = 0;

	while (i < l->n && l->held[i].opnum != a)
		i++;
	while (i < l->n && l->held[i].opnum != b)
		i++;
	return i < l->n;
}

static bool service(const struct bh_rpc_late *l)
{
	unsigned i = 0;

	while (i < l->n && l->held[i].opnum != 15 && l->held[i].opnum != 27)
		i++;
	while (i < l->n && !creates(l->held[i].opnum))
		i++;
	return i < l->n;
}

unsigned bh_rpc_guess(const struct bh_rpc_late *l)
{
	unsigned last = back(l, 0), n3 = 0;

	if (l->object && last == 6) /* an object's own: IUnknown's calls 3 and 5 alone say nothing */
		return back(l, 1) == 5 || (back(l, 1) == 4 && back(l, 2) == 3) ? GUESS_DISPATCH : GUESS_NONE;
	if (l->object) /* GetObject, ExecMethod */
		return (last == 24 || last == 25) && back(l, 1) == 6 ? GUESS_WBEM : GUESS_NONE;
	for (unsigned i = 0; i < l->n; i++)
		n3 += l->held[i].opnum == 3;
	if (n3 >= 1 && follows(l, 16, 12) && follows(l, 12, 3))
		return GUESS_DRSUAPI;
	if (n3 >= 2 && l->big > 65536)
		return GUESS_DRSUAPI;
	if (authenticates(last) && back(l, 1) == 4 && authenticates(back(l, 2)) && back(l, 3) == 4)
		return GUESS_NETLOGON;
	if ((last == 19 || last == 31) && service(l))
		return GUESS_SVCCTL;
	return GUESS_NONE;
}
