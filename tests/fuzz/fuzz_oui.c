/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of manufacturers, in two pieces: names are short, hold nothing that moves a terminal, and are the same when asked again. */
#include <stdlib.h>
#include <bulkhead/gadget.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct bh_ouis *o, const uint8_t *p)
{
	struct bh_mac m;
	const char *name;

	memcpy(m.b, p, 6);
	name = bh_ouis_name(o, &m);
	if (strlen(name) > 63 || ((m.b[0] & 3) && name[0]))
		abort();
	for (; *name; name++)
		if ((uint8_t)*name < ' ' || *name == 0x7f)
			abort();
}

/* hex of the text as a MAC, so that what is listed is asked for, too */
static void hex(const struct bh_ouis *o, const uint8_t *p, size_t n)
{
	uint8_t b[6] = {0};
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i] | 0x20;
		unsigned d = p[i] >= '0' && p[i] <= '9' ? p[i] - 48u : c >= 'a' && c <= 'f' ? c - 87u : 16;

		if (d < 16 && have < 12) {
			b[have / 2] |= (uint8_t)(have % 2 ? d : d << 4);
			have++;
		} else if (d == 16 && p[i] != ':' && p[i] != '-') {
			ask(o, b);
			memset(b, 0, sizeof b);
			have = 0;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t skipped = 0;
	struct bh_ouis *o;

	if (bh_ouis_open(&o))
		return 0;
	bh_ouis_add(o, (const char *)data, size / 2, &skipped);
	bh_ouis_add(o, (const char *)data + size / 2, size - size / 2, &skipped);
	for (size_t i = 0; i + 6 <= size && i < 64; i++)
		ask(o, data + i);
	hex(o, data, size);
	bh_ouis_close(o);
	return 0;
}
