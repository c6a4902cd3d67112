/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Admin service classes by port: a class is about intent, so the port tried counts even when nothing answered. */
#include <bulkhead/state.h>

uint64_t bh_addr_hash(const struct bh_addr *a, uint64_t seed)
{
	return bh_hash(a, sizeof *a, seed);
}

/* by port; no two rows share one */
static const struct {
	uint8_t proto;
	uint16_t lo, hi;
	uint8_t cls;
} services[] = {
	{6, 22, 22, BH_SVC_SSH}, {6, 23, 23, BH_SVC_TELNET}, {6, 102, 102, BH_SVC_OT},
	{6, 135, 135, BH_SVC_RPC}, {6, 139, 139, BH_SVC_SMB}, {6, 445, 445, BH_SVC_SMB},
	{6, 502, 502, BH_SVC_OT}, {17, 623, 623, BH_SVC_IPMI}, {6, 1433, 1433, BH_SVC_DB},
	{6, 1521, 1521, BH_SVC_DB}, {17, 2222, 2222, BH_SVC_OT}, {6, 2404, 2404, BH_SVC_OT},
	{6, 3306, 3306, BH_SVC_DB}, {6, 3389, 3389, BH_SVC_RDP}, {6, 4840, 4840, BH_SVC_OT},
	{6, 5007, 5007, BH_SVC_OT}, {6, 5432, 5432, BH_SVC_DB}, {6, 5900, 5906, BH_SVC_VNC},
	{6, 5985, 5986, BH_SVC_WINRM}, {6, 9600, 9600, BH_SVC_OT}, {6, 18245, 18245, BH_SVC_OT},
	{6, 20000, 20000, BH_SVC_OT}, {17, 34962, 34964, BH_SVC_OT}, {6, 44818, 44818, BH_SVC_OT},
	{6, 47001, 47001, BH_SVC_WINRM}, {17, 47808, 47808, BH_SVC_OT}, {6, 48898, 48898, BH_SVC_OT},
};

unsigned bh_class_of(uint8_t proto, uint16_t dport)
{
	size_t lo = 0, hi = BH_COUNT(services);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (services[mid].hi < dport)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == BH_COUNT(services) || dport < services[lo].lo || proto != services[lo].proto)
		return BH_SVC_NONE;
	return services[lo].cls;
}

const char *bh_class_name(unsigned cls)
{
	static const char *const names[] = {
#define X(id, name) name,
		BH_SVC_CLASSES(X)
#undef X
	};
	return names[cls < BH_SVC_COUNT ? cls : 0];
}
