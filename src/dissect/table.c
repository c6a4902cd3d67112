/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every dissector there is: one line each. */
#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_arp, bh_dissector_dhcp, bh_dissector_smb;

const struct bh_dissector *const bh_dissectors[] = {
	&bh_dissector_arp,
	&bh_dissector_dhcp,
	&bh_dissector_smb,
};
const size_t bh_n_dissectors = BH_COUNT(bh_dissectors);
