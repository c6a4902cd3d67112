#include <bulkhead/device.h>
const char *bh_os_name(unsigned os)
{
	static const char *const n[BH_OS_COUNT] = {
#define X(id, name) name,
		BH_OSES(X)
#undef X
	};

	return n[os < BH_OS_COUNT ? os : 0];
}
