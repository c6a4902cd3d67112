/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The local API's request line: what parses must print, and parse back the same. */
#include <stdlib.h>
#include <bulkhead/control.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_api_request q, back;
	char line[BH_API_LINE], error[96];
	size_t n;

	if (bh_api_parse((const char *)data, size, &q, error))
		return 0;
	n = bh_api_print(&q, line);
	if (n == 0)
		return 0;
	if (bh_api_parse(line, n, &back, error) || strcmp(q.target, back.target) || strcmp(q.reason, back.reason) || q.ttl != back.ttl || q.dry != back.dry || q.verb != back.verb ||
		q.scope != back.scope || q.set != back.set || q.proto != back.proto || q.sport != back.sport || q.dport != back.dport ||
		!bh_addr_eq(&q.src, &back.src) || !bh_addr_eq(&q.dst, &back.dst))
		abort();
	return 0;
}
