/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event ring between a worker and the core, with both ends running: meant to be run under TSan
 * too. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/event.h>

#define ROUNDS 100000u

struct rec {
	uint64_t n, check, fill[6];
};
struct producer {
	struct bh_ring *ring;
	uint64_t pushed, refused;
	bool wait; /* push again when full */
	atomic_bool done;
};

static struct bh_ring *make(uint32_t slots, uint32_t bytes)
{
	struct bh_ring *r = aligned_alloc(64, (bh_ring_bytes(slots, bytes) + 63) & ~(size_t)63);

	assert_non_null(r);
	bh_ring_init(r, slots, bytes);
	return r;
}

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		struct rec rec = {.n = i, .check = i * 0x9e3779b97f4a7c15ull};

		for (size_t k = 0; k < BH_COUNT(rec.fill); k++)
			rec.fill[k] = i + k;
		while (!bh_ring_push(p->ring, &rec)) {
			p->refused++;
			if (!p->wait)
				goto next;
			sched_yield();
		}
		p->pushed++;
	next:;
	}
	atomic_store(&p->done, true);
	return NULL;
}

/* Takes records until the producer is done and the ring empty; each must be whole and later than
 * the last. */
static uint64_t consume(struct producer *p, uint64_t *ret_gaps)
{
	uint64_t last = 0, got = 0;
	bool over = false;

	*ret_gaps = 0;
	for (;;) {
		const struct rec *rec = bh_ring_peek(p->ring);

		if (!rec) {
			if (over)
				return got;
			over = atomic_load(&p->done); /* and look once more */
			sched_yield();
			continue;
		}
		assert_true(rec->n > last);
		assert_true(rec->check == rec->n * 0x9e3779b97f4a7c15ull);
		for (size_t k = 0; k < BH_COUNT(rec->fill); k++)
			assert_true(rec->fill[k] == rec->n + k);
		*ret_gaps += rec->n - last - 1;
		last = rec->n;
		got++;
		bh_ring_drop(p->ring);
	}
}

static void every_record_arrives_whole_and_in_order(void **state)
{
	struct bh_ring *ring = make(64, sizeof(struct rec));
	struct producer p = {.ring = ring, .wait = true};
	uint64_t gaps, got;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, produce, &p), 0);
	got = consume(&p, &gaps);
	pthread_join(t, NULL);
	assert_int_equal(got, ROUNDS);
	assert_int_equal(gaps, 0);
	assert_int_equal(atomic_load(&ring->dropped), p.refused);
	free(ring);
}

static void what_a_full_ring_refuses_is_counted_and_the_rest_is_intact(void **state)
{
	struct bh_ring *ring = make(8, sizeof(struct rec));
	struct producer p = {.ring = ring};
	uint64_t gaps, got;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, produce, &p), 0);
	got = consume(&p, &gaps);
	pthread_join(t, NULL);
	assert_int_equal(got, p.pushed);
	assert_true(gaps <= p.refused);
	assert_int_equal(got + p.refused, ROUNDS);
	assert_int_equal(atomic_load(&ring->dropped), p.refused);
	free(ring);
}

static void a_ring_holds_as_many_as_it_says_across_the_counter_wrap(void **state)
{
	struct bh_ring *ring = make(4, sizeof(struct rec));
	struct rec rec = {0};

	atomic_store(&ring->head, UINT32_MAX - 1); /* the next pushes cross zero */
	atomic_store(&ring->tail, UINT32_MAX - 1);
	for (unsigned i = 0; i < 4; i++) {
		rec.n = i;
		assert_true(bh_ring_push(ring, &rec));
	}
	assert_false(bh_ring_push(ring, &rec));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(((const struct rec *)bh_ring_peek(ring))->n, i);
		bh_ring_drop(ring);
	}
	assert_null(bh_ring_peek(ring));
	free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_arrives_whole_and_in_order),
		cmocka_unit_test(what_a_full_ring_refuses_is_counted_and_the_rest_is_intact),
		cmocka_unit_test(a_ring_holds_as_many_as_it_says_across_the_counter_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
