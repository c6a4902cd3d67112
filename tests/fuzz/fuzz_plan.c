/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hostile plan text: what parses must print, and print(parse(print(x))) must be print(x). */
#include <stdlib.h>
#include <string.h>
#include <bulkhead/plan.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut_line(const char *p, size_t n)
{
	struct bh_plan_error error;
	char text[BH_CUT_TEXT], again[BH_CUT_TEXT];
	struct bh_cut c, back;

	if (bh_cut_parse(p, n, &c, &error))
		return;
	if (bh_cut_parse(text, bh_cut_print(&c, text), &back, &error))
		abort();
	bh_cut_print(&back, again);
	if (strcmp(text, again))
		abort();
}

static void guard_all(const struct bh_plan *plan)
{
	for (size_t i = 0; i < plan->n_cuts; i++) {
		struct bh_refused refused;

		if (bh_plan_guard(plan, &plan->cuts[i], i, NULL, 0, &refused) && !refused.text[0])
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct bh_plan_error error = {0};
	struct bh_plan plan, again;
	char *first, *second;
	size_t n, m;
	int r;

	cut_line(text, size);
	r = bh_plan_parse(text, size, &plan, &error);
	if (r) {
		if (r > 0 && (!error.line || !error.col || !error.text[0]))
			abort();
		return 0;
	}
	guard_all(&plan);
	if (bh_plan_print(&plan, &first, &n))
		abort();
	if (bh_plan_parse(first, n, &again, &error) || bh_plan_print(&again, &second, &m))
		abort();
	if (n != m || memcmp(first, second, n))
		abort();
	if (bh_plan_normalise(&again) == 0) {
		free(second);
		if (bh_plan_print(&again, &second, &m))
			abort();
	}
	free(first);
	free(second);
	bh_plan_fini(&plan);
	bh_plan_fini(&again);
	return 0;
}
