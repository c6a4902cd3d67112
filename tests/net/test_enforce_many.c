/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders of very many lines: what goes ahead of them, what they leave out, what they are told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "enforce_served.h"

static char *roomy_law(void)
{
	char *text;

	assert_true(asprintf(&text,
			    "plan generation=7 mode=auto policy=\"lab.yaml\"\nlimit cuts=200000 ttl=24h\n%s",
			    strstr(law_text, "zone office")) > 0);
	return text;
}

/* n hosts of 10.16.0.0/12 on, then more lines */
static char *lines(size_t n, const char *more)
{
	char *p = malloc(n * 64 + strlen(more) + 1);
	size_t len = 0;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		len += (size_t)sprintf(p + len, "cut isolate 10.%zu.%zu.%zu ttl=2h order=7 because=feed\n",
			16 + (i >> 16), i >> 8 & 255, i & 255);
	strcpy(p + len, more);
	return p;
}

static struct served armed_server(void)
{
	struct served s = serve();
	char *text = roomy_law();

	assert_int_equal(status_of(&s, BH_ENF_APPLY, text), 0);
	free(text);
	return s;
}

static void end(struct served *s)
{
	assert_int_equal(stop(s), 0);
	disarm(armed(law_text));
}

/* the answer to request seq; others are counted */
static struct bh_enf_reply answer_to(struct served *s, uint32_t seq, size_t *ret_others)
{
	for (;;) {
		struct bh_enf_reply r;

		assert_true(next_reply(s, &r, 30000));
		if (r.seq == seq)
			return r;
		*ret_others += r.seq != 0;
		free(r.body);
	}
}

static bool stands(const char *host)
{
	char *text = NULL, command[96];
	bool yes;

	snprintf(command, sizeof command, "get element inet bulkhead iso4 { %s }", host);
	yes = lab_nft(&lab, command, &text) == 0;
	free(text);
	return yes;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void a_single_isolation_does_not_wait_for_sixty_thousand(void **state)
{
	enum { N = 60000 };
	struct served s = armed_server();
	uint64_t us[1000], start = lab_now_us(), whole = 0;
	char *text = lines(N, "");
	uint32_t bulk = s.seq;
	size_t n = 0;

	ask(&s, BH_ENF_CUT, text);
	free(text);
	while (!whole && n < 1000) {
		char line[64];
		uint64_t t = lab_now_us();
		struct bh_enf_reply r = {.seq = bulk};

		snprintf(line, sizeof line, "cut isolate 10.9.%zu.%zu ttl=1h order=9\n", n / 200,
			n % 200 + 1);
		ask(&s, BH_ENF_CUT, line);
		while (r.seq != s.seq - 1) {
			assert_true(next_reply(&s, &r, 30000));
			free(r.body);
			assert_int_equal(r.status, 0);
			if (r.seq == bulk)
				whole = lab_now_us() - start;
		}
		us[n++] = lab_now_us() - t;
		lab_sleep_ms(3);
	}
	assert_true(whole > 0);
	assert_true(n > 10);
	qsort(us, n, sizeof us[0], ascending);
	print_message("# %d hosts in %.0f ms; %zu single ones meanwhile, p50 %.1f ms, p90 %.1f ms, p99 %.1f ms\n",
		N, (double)whole / 1e3, n, (double)us[n / 2] / 1e3, (double)us[n * 9 / 10] / 1e3,
		(double)us[n * 99 / 100] / 1e3);
	/* a chunk is a sixtieth; the bound leaves room for a busy machine and for sanitizers */
	assert_true(us[n / 2] < (whole / 20 > 20000 ? whole / 20 : 20000));
	assert_true(us[n * 9 / 10] < (whole / 8 > 20000 ? whole / 8 : 20000));
	assert_true(stands("10.16.234.95")); /* the last of them */
	assert_false(stands("10.16.234.96"));
	assert_true(stands("10.9.0.1"));
	end(&s);
}

static void a_bulk_leaves_out_and_names_what_the_guard_refuses(void **state)
{
	struct served s = armed_server();
	char *text = lines(2500, "cut isolate 10.2.0.99 ttl=1h order=7\n" /* line 2501 */
				 "cut isolate 10.1.0.7 ttl=1h order=7\n"
				 "cut contain 10.1.0.8 ttl=1h order=7\n"
				 "cut isolate 10.1.0.1 ttl=1h order=7\n");
	struct bh_enf_reply r;

	ask(&s, BH_ENF_CUT, text);
	free(text);
	r = answer(&s);
	assert_int_equal(r.status, 1);
	assert_int_equal(r.refused.code, BH_REF_NEVER);
	print_message("# %s", r.body);
	assert_non_null(strstr(r.body, "bulk lines=2504 done=2501 refused=3 overtaken=0\n"));
	assert_non_null(strstr(r.body, "refused line=2501 code=never text=\"safe-1"));
	assert_non_null(strstr(r.body, "refused line=2503 code=width text=\"contain is ordered"));
	assert_non_null(strstr(r.body, "refused line=2504 code=self"));
	free(r.body);
	assert_true(stands("10.1.0.7"));
	assert_true(stands("10.16.9.195"));
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	end(&s);
}

static void a_bulk_that_cannot_be_read_says_where_it_stopped(void **state)
{
	struct served s = armed_server();
	char *text = lines(2500, "cut isolate 10.1.0.700 ttl=1h order=7\n");
	struct bh_enf_reply r;

	ask(&s, BH_ENF_CUT, text);
	free(text);
	r = answer(&s);
	assert_int_equal(r.status, -EBADMSG);
	print_message("# %s\n", r.text);
	assert_non_null(strstr(r.text, "line 2501"));
	assert_non_null(strstr(r.text, "(2500 of 2501 done)"));
	free(r.body);
	text = lines(BH_ENF_BULK, "cut isolate 10.1.0.7 ttl=1h order=7\n");
	assert_int_equal(status_of(&s, BH_ENF_CUT, text), -E2BIG);
	free(text);
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	end(&s);
}

static void what_goes_ahead_of_a_bulk_is_not_undone_by_it(void **state)
{
	enum { N = 30000 };
	struct served s = armed_server();
	char *text = lines(N, "cut isolate 10.1.0.7 ttl=2h order=7\n");
	size_t others = 0;
	struct bh_enf_reply r;
	uint32_t bulk = s.seq;

	ask(&s, BH_ENF_CUT, text); /* then, before it comes to the last line: */
	ask(&s, BH_ENF_RELEASE, "cut isolate 10.1.0.7 ttl=1h order=7\n");
	r = answer_to(&s, bulk, &others);
	assert_int_equal(r.status, 0);
	assert_int_equal(others, 1); /* the release was answered first */
	free(r.body);
	assert_false(stands("10.1.0.7"));
	assert_true(stands("10.16.0.0"));

	bulk = s.seq;
	ask(&s, BH_ENF_RELEASE, text);
	ask(&s, BH_ENF_CUT, "cut isolate 10.1.0.7 ttl=1h order=8\n");
	others = 0;
	r = answer_to(&s, bulk, &others);
	assert_int_equal(r.status, 0);
	assert_int_equal(others, 1);
	free(r.body);
	assert_true(stands("10.1.0.7"));
	assert_false(stands("10.16.0.0"));

	bulk = s.seq;
	ask(&s, BH_ENF_RELEASE, text); /* a later bulk has the last word again */
	r = answer_to(&s, bulk, &others);
	assert_int_equal(r.status, 0);
	free(r.body);
	assert_false(stands("10.1.0.7"));
	free(text);
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	end(&s);
}

static void a_foreign_change_while_a_bulk_is_written_is_undone(void **state)
{
	enum { N = 30000 };
	struct served s = armed_server();
	char *text = lines(N, "");
	uint32_t bulk = s.seq;
	struct flow f;
	size_t notices = 0, repaired = 0, hit = 0;
	bool done = false;

	flow_up(&f, "10.1.0.2", 5000, false);
	ask(&s, BH_ENF_CUT, "cut isolate 10.1.0.2 ttl=1h order=1\n");
	bulk = s.seq;
	ask(&s, BH_ENF_CUT, text);
	free(text);
	for (int i = 0; i < 3; i++) {
		lab_sleep_ms(40);
		hit += lab_nft(&lab, "delete table inet bulkhead", NULL) == 0; /* it may be gone still */
	}
	assert_true(hit > 0);
	while (!done) {
		struct bh_enf_reply r;

		assert_true(next_reply(&s, &r, 30000));
		if (r.seq == 0) {
			notices++;
			repaired += r.drift.repaired;
		}
		if (r.seq == bulk) {
			if (r.status)
				fail_msg("%d: %s", r.status, r.text);
			done = true;
		}
		free(r.body);
	}
	while (notices < hit) { /* one each, unless it was written unheard: then one for all */
		struct bh_enf_reply r;

		if (!next_reply(&s, &r, 1000))
			break;
		notices += r.seq == 0;
		repaired += r.seq == 0 && r.drift.repaired;
		free(r.body);
	}
	print_message("# deleted %zu times: %zu notices, %zu repairs told\n", hit, notices, repaired);
	assert_true(notices > 0 && repaired > 0);
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	assert_true(stands("10.16.0.0"));
	assert_true(stands("10.16.117.47"));
	assert_false(flow_ping(&f, 150));
	flow_close(&f);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_isolation_does_not_wait_for_sixty_thousand),
		cmocka_unit_test(a_bulk_leaves_out_and_names_what_the_guard_refuses),
		cmocka_unit_test(a_bulk_that_cannot_be_read_says_where_it_stopped),
		cmocka_unit_test(what_goes_ahead_of_a_bulk_is_not_undone_by_it),
		cmocka_unit_test(a_foreign_change_while_a_bulk_is_written_is_undone),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
