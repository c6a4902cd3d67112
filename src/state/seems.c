/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roles by what a host serves. A server is one to three clients or more; a lease, or a directory with tickets, is enough by itself. */
#include <bulkhead/state.h>
#include "state/seems.h"

uint8_t bh_answers_of(const struct bh_event *ev)
{
	if (!(ev->flags & BH_EVF_TWOWAY))
		return 0;
	switch (ev->kind) {
	case BH_EV_KRB:
		return ev->u.krb.type == BH_KRB_AS_REP || ev->u.krb.type == BH_KRB_TGS_REP ? BH_ANSWERS_KRB : 0;
	case BH_EV_LDAP:
		return ev->u.ldap.op == BH_LDAP_DONE ? BH_ANSWERS_LDAP : 0;
	case BH_EV_DNS:
		return ev->u.dns.flags & BH_DNS_F_ANSWER && ev->u.dns.rcode == 0 ? BH_ANSWERS_DNS : 0;
	case BH_EV_SMB:
		return ev->u.smb.op == BH_SMB_TREE && ev->u.smb.share[0] && !strchr(ev->u.smb.share, '$') ? BH_ANSWERS_FILES : 0;
	}
	return 0;
}

uint32_t bh_state_seems(const struct bh_host *h)
{
	bool server = __builtin_popcountll(h->clients) >= 3;
	uint32_t r = 0;

	if ((h->answers & BH_ANSWERS_KRB) && (h->answers & BH_ANSWERS_LDAP))
		r |= BH_ROLE_BIT(BH_ROLE_DC);
	if (h->answers & BH_ANSWERS_DHCP)
		r |= BH_ROLE_BIT(BH_ROLE_DHCP);
	if (server && (h->answers & BH_ANSWERS_DNS))
		r |= BH_ROLE_BIT(BH_ROLE_DNS);
	if (server && (h->answers & BH_ANSWERS_FILES))
		r |= BH_ROLE_BIT(BH_ROLE_FILE);
	return r & ~h->roles;
}
