/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The book of cuts against a list that is searched from its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "enforce/book.h"

enum { TARGETS = 400, STEPS = 60000 };

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* a target for each number: hosts of both families, devices, networks, connections */
static struct bh_cut target(unsigned i)
{
	const uint8_t v4[4] = {10, 1, (uint8_t)(i >> 8), (uint8_t)i};
	uint8_t v6[16] = {0xfd, 1};
	struct bh_cut c = {.kind = BH_CUT_ISOLATE, .what = BH_CUT_ADDR};

	v6[15] = (uint8_t)i;
	c.net.bits = 128;
	c.net.net = i % 5 == 1 ? bh_addr_v6(v6) : bh_addr_v4(v4);
	switch (i % 5) {
	case 2:
		c.what = BH_CUT_MAC;
		c.net = (struct bh_prefix){.bits = 0};
		memcpy(c.mac.b, (uint8_t[]){2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}, 6);
		break;
	case 3:
		c.what = BH_CUT_NET;
		c.net.bits = (uint8_t)(120 + i % 8);
		break;
	case 4:
		c.what = BH_CUT_FLOW;
		c.kind = BH_CUT_KILL;
		c.peer = c.net;
		c.proto = i & 1 ? 6 : 17;
		c.sport = (uint16_t)(1000 + i);
		c.dport = 445;
		break;
	}
	c.order = i;
	snprintf(c.because, sizeof c.because, "reason-%u", i % 7);
	return c;
}

static void it_holds_what_was_put_until_it_is_dropped_or_runs_out(void **state)
{
	static bh_ns until[TARGETS];
	struct book k = {0};
	uint64_t seed = 1;
	bh_ns now = BH_SEC(1), deadline;

	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = next(&seed) % TARGETS;
		struct bh_cut c = target(i);

		now += BH_MS(1);
		switch (next(&seed) % 8) {
		default:
			c.ttl = BH_MS(1 + next(&seed) % 500);
			assert_int_equal(bh_book_put(&k, &c, now), 0);
			until[i] = now + c.ttl;
			break;
		case 5:
		case 6:
			bh_book_drop(&k, &c);
			until[i] = 0;
			break;
		case 7:
			bh_book_expire(&k, now);
			for (unsigned t = 0; t < TARGETS; t++)
				if (until[t] <= now)
					until[t] = 0;
		}
		assert_true(bh_book_deadline(&k, &c) == until[i]);
		if (step % 100 == 0) {
			size_t n = 0, seen = 0, kinds = 0;
			struct bh_cut got;

			for (unsigned t = 0; t < TARGETS; t++) {
				struct bh_cut want = target(t);

				n += until[t] != 0;
				assert_true(bh_book_deadline(&k, &want) == until[t]);
			}
			for (size_t at = 0; bh_book_next(&k, &at, &got, &deadline); seen++) {
				struct bh_cut want = target(got.order);

				assert_memory_equal(&got, &want, sizeof got);
				assert_true(deadline == until[got.order]);
			}
			for (unsigned kind = 0; kind < BH_CUT_KINDS; kind++)
				kinds += k.kind[kind];
			assert_int_equal(seen, n);
			assert_int_equal(bh_book_n(&k), n);
			assert_int_equal(kinds, n);
		}
	}
	bh_book_fini(&k);
}

static void a_hundred_thousand_hosts_take_no_more_than_sixty_bytes_each(void **state)
{
	enum { N = 100000 };
	struct book k = {0};

	for (unsigned i = 0; i < N; i++) {
		const uint8_t a[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
		struct bh_cut c = {.kind = BH_CUT_ISOLATE, .what = BH_CUT_ADDR, .ttl = 1, .order = i};

		c.net = (struct bh_prefix){bh_addr_v4(a), 128};
		snprintf(c.because, sizeof c.because, "%u", i); /* also when each has another reason */
		assert_int_equal(bh_book_put(&k, &c, 0), 0);
	}
	assert_int_equal(k.n_hosts, N);
	assert_true(k.cap_hosts * 32 + (k.mask + 1) * sizeof *k.index < N * 60);
	assert_true(k.n_reasons <= 1024);
	bh_book_fini(&k);
}

static void only_another_network_of_the_same_kind_is_in_the_way(void **state)
{
	struct bh_cut a = target(3), b = a;
	struct book k = {0};

	a.net.bits = 120;
	a.net.net.b[15] = 0;
	a.ttl = b.ttl = BH_SEC(1);
	assert_int_equal(bh_book_put(&k, &a, 0), 0);
	assert_null(bh_book_net_overlap(&k, &a)); /* itself: a renewal */
	b.net.bits = 126;
	assert_non_null(bh_book_net_overlap(&k, &b));
	b.kind = BH_CUT_ISLAND;
	assert_null(bh_book_net_overlap(&k, &b));
	b.kind = BH_CUT_ISOLATE;
	b.what = BH_CUT_ADDR;
	assert_null(bh_book_net_overlap(&k, &b));
	bh_book_fini(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_holds_what_was_put_until_it_is_dropped_or_runs_out),
		cmocka_unit_test(a_hundred_thousand_hosts_take_no_more_than_sixty_bytes_each),
		cmocka_unit_test(only_another_network_of_the_same_kind_is_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
