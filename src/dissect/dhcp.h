/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What DHCPv4 and DHCPv6 have in common: names, lists and identifiers, cut to what a fact holds and padded with zeros. */
#ifndef BULKHEAD_DISSECT_DHCP_H
#define BULKHEAD_DISSECT_DHCP_H

#include <bulkhead/dissect.h>

void bh_dhcp_string(struct bh_bytes b, char *out, size_t size); /* up to its first NUL */
void bh_dhcp_domain(struct bh_bytes b, char *out, size_t size); /* labels as in DNS, uncompressed; up to the first that is none */
void bh_dhcp_param(struct bh_ev_dhcp *d, unsigned code);	/* one more asked for; above 255 as 255 */
uint64_t bh_dhcp_id(struct bh_bytes b);				/* never 0; the same on all sensors */

#endif
