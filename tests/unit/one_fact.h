/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a dissector without memory of flows said: the last fact, how many, how many messages were malformed. Every fact must survive its own text. */
#ifndef BULKHEAD_TESTS_ONE_FACT_H
#define BULKHEAD_TESTS_ONE_FACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/dissect.h>

struct box {
	struct bh_event ev;
	size_t n;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct box *b = ctx;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	assert_int_equal(bh_event_parse(line, bh_event_print(ev, line), &back, &e), 0);
	assert_memory_equal(&back, ev, sizeof back);
	b->ev = *ev;
	b->n++;
}

static uint64_t malformed;
static void pick(void *ctx, const char *name, uint64_t v)
{
	if (!strcmp(name, "malformed"))
		malformed = v;
}

#endif
