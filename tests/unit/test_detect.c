/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "detect/inside.h"

#define T BH_HOUR(1000)

/* ---- things seen lately ---- */
static void recent_counts_what_is_inside_the_window_to_the_nanosecond(void **state)
{
	struct bh_recent r[4] = {{0}};

	assert_int_equal(bh_recent_note(r, 4, 7, T, BH_SEC(10)), 1);
	assert_int_equal(bh_recent_note(r, 4, 8, T + BH_SEC(10), BH_SEC(10)), 2);
	assert_true(bh_recent_has(r, 4, 7, T + BH_SEC(10), BH_SEC(10)));
	assert_false(bh_recent_has(r, 4, 7, T + BH_SEC(10) + 1, BH_SEC(10)));
	assert_int_equal(bh_recent_note(r, 4, 9, T + BH_SEC(10) + 1, BH_SEC(10)), 2);
}

static void recent_counts_a_thing_once_however_often_it_comes(void **state)
{
	struct bh_recent r[4] = {{0}};

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(bh_recent_note(r, 4, 7, T + i, BH_SEC(10)), 1);
	assert_int_equal(bh_recent_note(r, 4, 8, T + 100, BH_SEC(10)), 2);
	assert_int_equal(bh_recent_note(r, 4, 7, T + 101, BH_SEC(10)), 2);
}

static void recent_says_at_most_as_many_as_it_holds_and_the_oldest_gives_way(void **state)
{
	struct bh_recent r[4] = {{0}};

	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(bh_recent_note(r, 4, i, T + i, BH_SEC(10)), i);
	assert_int_equal(bh_recent_note(r, 4, 5, T + 5, BH_SEC(10)), 4);
	assert_false(bh_recent_has(r, 4, 1, T + 5, BH_SEC(10)));
	for (unsigned i = 2; i <= 5; i++)
		assert_true(bh_recent_has(r, 4, i, T + 5, BH_SEC(10)));
}

static void recent_works_while_time_stands_still(void **state)
{
	struct bh_recent r[4] = {{0}};

	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(bh_recent_note(r, 4, i, T, BH_SEC(10)), i);
	assert_true(bh_recent_has(r, 4, 1, T, 0));
}

static void recent_takes_events_out_of_order_for_what_they_are(void **state)
{
	struct bh_recent r[4] = {{0}};

	bh_recent_note(r, 4, 1, T, BH_SEC(10));
	assert_int_equal(bh_recent_note(r, 4, 2, T - BH_MS(15), BH_SEC(10)), 2);
	assert_true(bh_recent_has(r, 4, 1, T - BH_MS(15), BH_SEC(10)));
}

static void a_clock_set_back_does_not_blind_recent(void **state)
{
	struct bh_recent r[4] = {{0}};

	for (unsigned i = 1; i <= 4; i++)
		bh_recent_note(r, 4, i, T + i, BH_SEC(10));
	/* an hour back: what is in the future counts for nothing and gives way first */
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(bh_recent_note(r, 4, 10 + i, T - BH_HOUR(1) + i, BH_SEC(10)), i);
}

static void recent_has_no_key_zero(void **state)
{
	struct bh_recent r[4] = {{0}};

	assert_false(bh_recent_has(r, 4, 0, 0, BH_SEC(10)));
}

/* ---- rates ---- */
static void a_rate_counts_the_last_half_to_the_whole_window(void **state)
{
	struct bh_rate r = {0};

	assert_int_equal(bh_rate_add(&r, 3, T, BH_SEC(60)), 3);
	assert_int_equal(bh_rate_add(&r, 1, T + BH_SEC(30) - 1, BH_SEC(60)), 4);
	assert_int_equal(bh_rate_add(&r, 1, T + BH_SEC(30), BH_SEC(60)), 5);	 /* the half turns, and keeps the one before */
	assert_int_equal(bh_rate_add(&r, 0, T + BH_SEC(60) - 1, BH_SEC(60)), 5); /* only asks */
	assert_int_equal(bh_rate_add(&r, 1, T + BH_SEC(60), BH_SEC(60)), 2);	 /* the first half is gone */
}

static void a_rate_forgets_all_after_a_window_of_silence(void **state)
{
	struct bh_rate r = {0};

	bh_rate_add(&r, 9, T, BH_SEC(60));
	assert_int_equal(bh_rate_add(&r, 1, T + BH_SEC(60), BH_SEC(60)), 1);
	assert_int_equal(bh_rate_add(&r, 0, T + BH_HOUR(5), BH_SEC(60)), 0);
}

static void a_burst_at_one_instant_is_counted_whole(void **state)
{
	struct bh_rate r = {0};

	for (unsigned i = 1; i <= 1000; i++)
		assert_int_equal(bh_rate_add(&r, 1, T, BH_SEC(60)), i);
}

static void a_rate_counts_at_time_zero(void **state)
{
	struct bh_rate r = {0};

	assert_int_equal(bh_rate_add(&r, 1, 0, BH_SEC(60)), 1);
	assert_int_equal(bh_rate_add(&r, 1, 0, BH_SEC(60)), 2);
}

static void a_rate_does_not_wrap(void **state)
{
	struct bh_rate r = {0};

	assert_int_equal(bh_rate_add(&r, UINT32_MAX, T, BH_SEC(60)), UINT32_MAX);
	assert_int_equal(bh_rate_add(&r, UINT32_MAX, T, BH_SEC(60)), UINT32_MAX);
	assert_int_equal(bh_rate_add(&r, UINT32_MAX, T + BH_SEC(31), BH_SEC(60)), UINT32_MAX);
}

static void a_rate_takes_events_out_of_order_and_a_clock_set_back(void **state)
{
	struct bh_rate r = {0};

	bh_rate_add(&r, 1, T, BH_SEC(60));
	assert_int_equal(bh_rate_add(&r, 1, T - BH_MS(15), BH_SEC(60)), 2);
	/* a day back it starts anew: it neither goes on counting for a day nor is it blind */
	assert_int_equal(bh_rate_add(&r, 1, T - BH_HOUR(24), BH_SEC(60)), 1);
	assert_int_equal(bh_rate_add(&r, 1, T - BH_HOUR(24) + BH_SEC(60), BH_SEC(60)), 1);
}

static void a_fan_out_turns_after_a_clock_set_back(void **state)
{
	struct bh_fanout f = {0};

	for (unsigned i = 0; i < 40; i++)
		bh_fanout_touch(&f, i, T, BH_MIN(10));
	assert_int_equal(bh_fanout_touch(&f, 99, T - BH_HOUR(24), BH_MIN(10)), 1);
}

/* ---- destinations ---- */
struct record {
	struct bh_dest d;
	int mine;
};

static struct bh_addr addr(unsigned i)
{
	char text[32];
	struct bh_addr a;

	snprintf(text, sizeof text, "10.0.%u.%u", i >> 8, i & 255);
	assert_int_equal(bh_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct record *dest(struct record *r, size_t n, unsigned i, bh_ns at, bool make)
{
	struct bh_addr a = addr(i);

	return bh_dest_of(r, n, sizeof *r, &a, at, make);
}

static void a_destination_keeps_its_record_and_the_longest_unused_gives_way(void **state)
{
	struct record r[3] = {{{{{0}}, 0}, 0}}, *p;

	assert_null(dest(r, 3, 1, T, false));
	for (unsigned i = 1; i <= 3; i++)
		dest(r, 3, i, T + i, true)->mine = (int)i;
	assert_int_equal(dest(r, 3, 1, T + 4, true)->mine, 1); /* used: 2 is now the oldest */
	p = dest(r, 3, 4, T + 5, true);
	assert_int_equal(p->mine, 0); /* zeroed */
	assert_null(dest(r, 3, 2, T + 6, false));
	assert_int_equal(dest(r, 3, 1, T + 6, false)->mine, 1);
	assert_int_equal(dest(r, 3, 3, T + 6, false)->mine, 3);
}

static void free_places_are_taken_before_any_record_gives_way(void **state)
{
	struct record r[8] = {{{{{0}}, 0}, 0}};

	/* time stands still, even at 0 */
	for (unsigned i = 1; i <= 8; i++)
		dest(r, 8, i, 0, true)->mine = (int)i;
	for (unsigned i = 1; i <= 8; i++)
		assert_int_equal(dest(r, 8, i, 0, false)->mine, i);
}

static void records_from_the_future_give_way_first(void **state)
{
	struct record r[4] = {{{{{0}}, 0}, 0}};

	for (unsigned i = 1; i <= 4; i++)
		dest(r, 4, i, T + i, true);
	for (unsigned i = 11; i <= 14; i++)
		dest(r, 4, i, T - BH_HOUR(1) + i, true)->mine = (int)i;
	for (unsigned i = 11; i <= 14; i++)
		assert_int_equal(dest(r, 4, i, T - BH_HOUR(1) + 20, false)->mine, i);
}

/* ---- words ---- */
static void words_are_found_in_any_case(void **state)
{
	assert_true(bh_says("(serviceprincipalname=*)", "servicePrincipalName"));
	assert_true(bh_says("abc", "c"));
	assert_false(bh_says("abc", "abcd"));
	assert_false(bh_says("", "a"));
	assert_int_equal(bh_word_key("CORP\\Alice"), bh_word_key("corp\\ALICE"));
	assert_int_not_equal(bh_word_key("alice"), bh_word_key("alicf"));
	assert_int_not_equal(bh_word_key(""), 0);
	assert_string_equal(bh_base_name("a/b/c.exe"), "c.exe");
	assert_string_equal(bh_base_name("c.exe"), "c.exe");
	assert_string_equal(bh_base_name("a/"), "");
}

static void a_long_word_is_read_no_further_than_its_room(void **state)
{
	char *long_name = malloc(200);

	memset(long_name, 'A', 199);
	long_name[199] = 0;
	assert_int_not_equal(bh_word_key(long_name), 0);
	free(long_name);
}

static void drives_and_admin_are_administrative_shares(void **state)
{
	static const char *const yes[] = {"ADMIN$", "admin$", "C$", "c$", "Z$"}, *const no[] = {"", "$", "IPC$", "print$", "data", "1$", "CC$", "C$x", "ADMIN$2", "C"};

	for (size_t i = 0; i < BH_COUNT(yes); i++)
		assert_true(bh_admin_share(yes[i]));
	for (size_t i = 0; i < BH_COUNT(no); i++)
		assert_false(bh_admin_share(no[i]));
	assert_true(bh_policy_share("sysvol"));
	assert_true(bh_policy_share("NETLOGON"));
	assert_false(bh_policy_share("SYSVOL2"));
}

/* ---- the table ---- */
static void every_detector_has_a_name_a_number_and_its_texts(void **state)
{
	for (size_t i = 0; i < bh_n_detectors; i++) {
		const struct bh_detector *d = bh_detectors[i];
		const char *const texts[] = {d->name, d->title, d->doc, d->attack, d->tactic, d->why, d->false_positives};

		for (size_t k = 0; k < BH_COUNT(texts); k++)
			if (!texts[k] || !texts[k][0])
				fail_msg("%s: text %zu is empty", d->name ? d->name : "?", k);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(d->name, bh_detectors[k]->name);
			assert_int_not_equal(d->sid, bh_detectors[k]->sid);
		}
		assert_in_range(d->sid, 9100000, 9199999);
		assert_true(d->attack[0] == 'T' && d->attack[1] >= '0' && d->attack[1] <= '9');
		assert_in_range(d->family, 0, BH_FAM_COUNT - 1);
		assert_in_range(d->severity, BH_SEV_INFO, BH_SEV_CRITICAL);
		assert_in_range(d->weight, 1, 600);
		assert_non_null(d->observe);
		assert_true(d->wants != 0 && d->wants >> BH_EV_KINDS == 0);
		assert_true(!d->peer || d->host_size);
		assert_ptr_equal(bh_detector_by_name(d->name), d);
	}
	assert_null(bh_detector_by_name("no.such"));
}

static void what_they_keep_for_hosts_fits_200_mib(void **state)
{
	size_t all = 0;

	for (size_t i = 0; i < bh_n_detectors; i++) {
		const struct bh_detector *d = bh_detectors[i];
		size_t each = (d->host_size + 15) & ~(size_t)15, cap = d->hosts;

		/* as state.h says: as many as 4 MiB hold, at least 512 */
		if (each && !cap)
			cap = ((size_t)4 << 20) / each > 512 ? ((size_t)4 << 20) / each : 512;
		cap = cap < UINT16_MAX ? cap : UINT16_MAX;
		printf("# %-18s %6zu bytes x %5zu hosts + %8zu shared = %6.2f MiB\n", d->name, each, each ? cap : 0, d->shared_size,
			(double)(each * cap + d->shared_size) / (1 << 20));
		all += (each ? each * cap : 0) + d->shared_size;
	}
	printf("# all: %.1f MiB of address space; only pages of hosts that did something are touched\n", (double)all / (1 << 20));
	assert_in_range(all, 1, (size_t)200 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recent_counts_what_is_inside_the_window_to_the_nanosecond),
		cmocka_unit_test(recent_counts_a_thing_once_however_often_it_comes),
		cmocka_unit_test(recent_says_at_most_as_many_as_it_holds_and_the_oldest_gives_way),
		cmocka_unit_test(recent_works_while_time_stands_still),
		cmocka_unit_test(recent_takes_events_out_of_order_for_what_they_are),
		cmocka_unit_test(a_clock_set_back_does_not_blind_recent),
		cmocka_unit_test(recent_has_no_key_zero),
		cmocka_unit_test(a_rate_counts_the_last_half_to_the_whole_window),
		cmocka_unit_test(a_rate_forgets_all_after_a_window_of_silence),
		cmocka_unit_test(a_burst_at_one_instant_is_counted_whole),
		cmocka_unit_test(a_rate_counts_at_time_zero),
		cmocka_unit_test(a_rate_does_not_wrap),
		cmocka_unit_test(a_rate_takes_events_out_of_order_and_a_clock_set_back),
		cmocka_unit_test(a_fan_out_turns_after_a_clock_set_back),
		cmocka_unit_test(a_destination_keeps_its_record_and_the_longest_unused_gives_way),
		cmocka_unit_test(free_places_are_taken_before_any_record_gives_way),
		cmocka_unit_test(records_from_the_future_give_way_first),
		cmocka_unit_test(words_are_found_in_any_case),
		cmocka_unit_test(a_long_word_is_read_no_further_than_its_room),
		cmocka_unit_test(drives_and_admin_are_administrative_shares),
		cmocka_unit_test(every_detector_has_a_name_a_number_and_its_texts),
		cmocka_unit_test(what_they_keep_for_hosts_fits_200_mib),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
