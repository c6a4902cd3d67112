/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nf_tables messages from a kernel nobody trusts: whatever they say becomes a model or is refused with a
 * reason; a model that freezes can be run. The first byte tells a batch from a listing.
 */
#include <stdlib.h>
#include <enforce/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct bh_model *m, uint8_t fam, unsigned state)
{
	struct bh_scenario sc = {.hook = state & 1 ? BH_HOOK_INPUT : BH_HOOK_FORWARD, .state = (uint8_t)state,
		.reply = state == BH_CT_ESTABLISHED, .icmp_error = state == BH_CT_RELATED, .limits = BH_MAYBE, .syn = BH_MAYBE,
		.trial = BH_MAYBE};
	struct bh_box at = bh_box_all(fam);
	struct bh_point p;

	at.shi = at.slo += 0x0a010203;
	at.dhi = at.dlo += 0x0a020304;
	at.plo = at.phi = 6;
	at.splo = at.sphi = 40000;
	at.dplo = at.dphi = 443;
	(void)!bh_model_point(m, &sc, &at, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader rd = {.dump = size && data[0] & 1};
	int r;

	if (size == 0)
		return 0;
	rd.m = bh_model_new();
	if (!rd.m)
		return 0;
	r = bh_model_feed(&rd, bh_bytes(data + 1, size - 1));
	if (r == 0)
		r = bh_model_freeze(rd.m);
	if (r == 1 && !bh_model_why(rd.m)[0])
		abort();
	for (unsigned state = BH_CT_NEW; r == 0 && state <= BH_CT_UNTRACKED; state++) {
		ask(rd.m, 4, state);
		ask(rd.m, 6, state);
	}
	if (r == 0)
		(void)bh_model_digest(rd.m);
	bh_model_free(rd.m);
	return 0;
}
