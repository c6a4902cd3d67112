/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A law on trial beside the standing one, on the real kernel: whose verdict counts, and until when. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_help.h"

/* the law of the lab with lines taken out and a line put in; generation and mode are said anew */
static char *law_as(unsigned generation, const char *mode, const char *without, const char *with)
{
	char *text = NULL, *out = NULL, *save = NULL, *copy = strdup(strchr(law_text, '\n') + 1);
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(copy);
	assert_non_null(f);
	fprintf(f, "plan generation=%u mode=%s policy=\"trial.yaml\"\n", generation, mode);
	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (!without || !strstr(l, without))
			fprintf(f, "%s\n", l);
	if (with)
		fprintf(f, "%s\n", with);
	assert_int_equal(fclose(f), 0);
	out = text;
	free(copy);
	return out;
}

static int try_law(struct bh_enforcer *e, char *text, bh_ns hold)
{
	struct bh_plan plan = plan_of(text);
	int r = bh_enforcer_trial(e, &plan, hold);

	if (r < 0)
		print_message("# trial: %s\n", bh_enforcer_why(e));
	bh_plan_fini(&plan);
	free(text);
	return r;
}

struct four {
	struct flow keep, gone, pin, pin_tcp;
};

static const char *const hosts[] = {"10.1.0.2", "fd00:1::2"};
static const char *const others[] = {"10.1.0.3", "fd00:1::3"};

static void four_up(struct four *f, int v6)
{
	flow_up(&f->keep, hosts[v6], 5000, false);
	flow_up(&f->gone, others[v6], 6000, false);
	flow_up(&f->pin, hosts[v6], 7000, false);
	flow_up(&f->pin_tcp, hosts[v6], 7001, true);
}

static void four_close(struct four *f)
{
	flow_close(&f->keep);
	flow_close(&f->gone);
	flow_close(&f->pin);
	flow_close(&f->pin_tcp);
}

/* what no law of these tests may touch loses nothing */
static void unharmed(struct four f[2])
{
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(pings(&f[v6].keep, 30), 30);
		assert_int_equal(pings(&f[v6].pin, 30), 30);
		assert_int_equal(pings(&f[v6].pin_tcp, 10), 10);
	}
}

#define ONE_HOST_UDP                                                                               \
	"permit office > 10.2.0.0/16 udp/6000 conduit=one-host from=10.1.0.3\n"                    \
	"permit office > fd00:2::/48 udp/6000 conduit=one-host from=fd00:1::3"

static struct bh_enforcer *with_one_host(void)
{
	char *text = law_as(7, "auto", NULL, ONE_HOST_UDP);
	struct bh_enforcer *e = armed(text);

	free(text);
	return e;
}

static void a_removed_conduit_dies_at_once_and_comes_back_at_rollback(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct four f[2];

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	assert_int_equal(bh_enforcer_trial_left(e), 0);
	assert_int_equal(bh_enforcer_rollback(e), 1); /* none on trial */
	assert_int_equal(bh_enforcer_confirm(e), 1);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(try_law(e, law_as(8, "auto", NULL, NULL), BH_SEC(60)), 0);
		assert_true(bh_enforcer_trial_left(e) > BH_SEC(55));
		for (int v6 = 0; v6 < 2; v6++)
			assert_false(flow_ping(&f[v6].gone, 150));
		unharmed(f);
		assert_int_equal(bh_enforcer_verify(e), 0);
		assert_int_equal(try_law(e, law_as(9, "auto", NULL, NULL), BH_SEC(60)), 1);
		assert_int_equal(bh_enforcer_rollback(e), 0);
		assert_int_equal(bh_enforcer_trial_left(e), 0);
		for (int v6 = 0; v6 < 2; v6++)
			assert_int_equal(pings(&f[v6].gone, 20), 20);
		unharmed(f);
		assert_int_equal(bh_enforcer_verify(e), 0);
	}
	for (int v6 = 0; v6 < 2; v6++)
		four_close(&f[v6]);
	disarm(e);
}

static void confirmed_it_stands_and_nothing_is_lost_on_the_way(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct four f[2];
	struct flow added;

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	assert_closed("10.1.0.2", 8000, true);
	assert_int_equal(try_law(e,
				 law_as(8, "auto", NULL,
					 "permit office > 10.2.0.0/16 tcp/8000 conduit=web"),
				 BH_SEC(1)),
		0);
	flow_up(&added, "10.1.0.2", 8000, true);
	assert_int_equal(bh_enforcer_confirm(e), 0);
	lab_sleep_ms(1200); /* past the time it was on trial for */
	assert_int_equal(bh_enforcer_expire(e), 0);
	assert_int_equal(pings(&added, 20), 20);
	assert_false(flow_ping(&f[0].gone, 150));
	unharmed(f);
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&added);
	for (int v6 = 0; v6 < 2; v6++)
		four_close(&f[v6]);
	disarm(e);
}

static void run_out_the_kernel_is_back_by_itself_and_the_table_is_cleared_later(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct four f[2];
	char *text;

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	assert_int_equal(try_law(e, law_as(8, "auto", NULL, NULL), BH_MS(1500)), 0);
	assert_false(flow_ping(&f[0].gone, 150));
	assert_false(flow_ping(&f[1].gone, 150));
	lab_sleep_ms(1500);
	for (int v6 = 0; v6 < 2; v6++) /* nobody did anything */
		assert_int_equal(pings(&f[v6].gone, 20), 20);
	unharmed(f);
	assert_int_equal(bh_enforcer_verify(e), 0); /* gone by its own time is no drift */
	assert_int_equal(bh_enforcer_confirm(e), 1); /* too late */
	text = listing(false);
	assert_null(strstr(text, "fwd4_g8"));
	free(text);
	assert_int_equal(bh_enforcer_expire(e), 0); /* was done above */
	unharmed(f);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(pings(&f[v6].gone, 20), 20);
		four_close(&f[v6]);
	}
	disarm(e);
}

static void the_process_killed_meanwhile_changes_nothing_about_that(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct four f[2];
	pid_t pid;

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	bh_enforcer_close(e);
	pid = fork();
	if (pid == 0) {
		struct bh_enforcer *child = with_one_host();

		if (try_law(child, law_as(8, "auto", NULL, NULL), BH_MS(2000)) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(flow_ping(&f[0].gone, 150));
	assert_false(flow_ping(&f[1].gone, 150));
	unharmed(f);
	lab_sleep_ms(2000);
	for (int v6 = 0; v6 < 2; v6++)
		assert_int_equal(pings(&f[v6].gone, 20), 20);
	e = with_one_host(); /* a successor clears the table of it */
	unharmed(f);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(pings(&f[v6].gone, 20), 20);
		four_close(&f[v6]);
	}
	assert_int_equal(bh_enforcer_trial_left(e), 0);
	assert_int_equal(bh_enforcer_verify(e), 0);
	disarm(e);
}

static void cuts_made_before_and_during_a_trial_hold_under_both_laws(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct four f[2];

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1 because=before");
	assert_int_equal(try_law(e, law_as(8, "auto", NULL, ONE_HOST_UDP), BH_SEC(60)), 0);
	cut(e, "cut isolate fd00:1::2 ttl=1h order=2 because=during");
	for (int step = 0; step < 3; step++) {
		for (int v6 = 0; v6 < 2; v6++) {
			assert_false(flow_ping(&f[v6].keep, 150));
			assert_int_equal(pings(&f[v6].pin, 20), 20);
			assert_int_equal(pings(&f[v6].pin_tcp, 10), 10);
			assert_int_equal(pings(&f[v6].gone, 10), 10);
		}
		assert_in_range(cut_left_s(e, "10.1.0.2"), 3590, 3600);
		assert_in_range(cut_left_s(e, "fd00:1::2"), 3590, 3600);
		assert_int_equal(bh_enforcer_verify(e), 0);
		if (step == 0)
			assert_int_equal(bh_enforcer_rollback(e), 0);
		else if (step == 1) {
			assert_int_equal(
				try_law(e, law_as(9, "auto", NULL, ONE_HOST_UDP), BH_SEC(60)), 0);
			assert_int_equal(bh_enforcer_confirm(e), 0);
		}
	}
	for (int v6 = 0; v6 < 2; v6++)
		four_close(&f[v6]);
	disarm(e);
}

static void what_the_law_on_trial_never_cuts_is_not_cut_while_it_is_on_trial(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct bh_cut c = cut_of("cut isolate 10.1.0.2 ttl=1h order=1");
	struct bh_refused refused = {0};

	assert_int_equal(try_law(e, law_as(8, "auto", NULL, "never pump 10.1.0.2 at=9:1"), BH_SEC(60)),
		0);
	assert_int_equal(bh_enforcer_cut(e, &c, 1, &refused), 1);
	print_message("# %s\n", refused.text);
	assert_int_equal(refused.code, BH_REF_NEVER);
	assert_int_equal(bh_enforcer_rollback(e), 0);
	assert_int_equal(bh_enforcer_cut(e, &c, 1, &refused), 0);
	disarm(e);
}

static void observing_and_enforcing_laws_stand_side_by_side(void **state)
{
	struct bh_enforcer *e = with_one_host();
	struct bh_would *w;
	struct flow f[2];
	size_t n, seen = 0;

	for (int v6 = 0; v6 < 2; v6++)
		assert_closed(hosts[v6], 9000, false);
	assert_int_equal(try_law(e, law_as(8, "observe", NULL, NULL), BH_SEC(60)), 0);
	for (int v6 = 0; v6 < 2; v6++)
		flow_up(&f[v6], hosts[v6], 9000, false);
	assert_int_equal(bh_enforcer_would(e, &w, &n), 0);
	for (size_t i = 0; i < n; i++) {
		char text[BH_WOULD_TEXT];
		struct bh_would back;

		bh_would_print(&w[i], text);
		assert_int_equal(bh_would_parse(text, strlen(text), &back), 0);
		assert_memory_equal(&back.src, &w[i].src, sizeof back.src);
		seen += w[i].dport == 9000 && w[i].proto == 17 && w[i].packets >= 2;
	}
	assert_int_equal(seen, 2);
	free(w);
	assert_int_equal(bh_enforcer_rollback(e), 0);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_false(flow_ping(&f[v6], 150));
		flow_close(&f[v6]);
	}
	bh_enforcer_close(e);

	{ /* and the other way round: an enforcing law tried over an observing one */
		char *text = law_as(7, "observe", NULL, NULL);

		e = armed(text);
		free(text);
	}
	flow_up(&f[0], "10.1.0.2", 9000, false);
	flow_up(&f[1], "10.1.0.2", 5000, false);
	assert_int_equal(try_law(e, law_as(8, "auto", NULL, NULL), BH_MS(1500)), 0);
	assert_false(flow_ping(&f[0], 150));
	assert_int_equal(pings(&f[1], 20), 20);
	lab_sleep_ms(1500);
	assert_int_equal(pings(&f[0], 20), 20);
	assert_int_equal(pings(&f[1], 20), 20);
	assert_int_equal(bh_enforcer_verify(e), 0);
	flow_close(&f[0]);
	flow_close(&f[1]);
	disarm(e);
}

static void management_of_either_law_reaches_this_box(void **state)
{
	struct bh_enforcer *e = with_one_host();
	const char *const ping[] = {"ping", "-c1", "-W1", "-I10.1.0.2", "10.1.0.1", NULL};
	const char *const ping6[] = {"ping", "-c1", "-W1", "-Ifd00:1::2", "fd00:1::1", NULL};

	cut(e, "cut isolate 10.1.0.2 ttl=1h order=1");
	cut(e, "cut isolate fd00:1::2 ttl=1h order=1");
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping), 1);
	assert_int_equal(try_law(e, law_as(8, "auto", NULL, "manage 10.1.0.2 icmp"), BH_SEC(60)), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 1);
	assert_int_equal(bh_enforcer_confirm(e), 0);
	assert_int_equal(
		try_law(e, law_as(9, "auto", "manage", "manage fd00:1::2 icmp"), BH_SEC(60)), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping), 0); /* of the standing law */
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 0);
	assert_int_equal(bh_enforcer_rollback(e), 0);
	assert_int_equal(lab_run(&lab, LAB_CLIENT, NULL, ping6), 1);
	disarm(e);
}

static void nft_prints_a_trial_and_loads_its_own_print_again(void **state)
{
	struct bh_enforcer *e = with_one_host();
	char *full, *first, *second;

	cut(e, "cut contain 10.1.0.77 ttl=1h order=12 because=smb.exec");
	cut(e, "cut contain fd00:1::77 ttl=1h order=12 because=smb.exec");
	cut(e, "cut island net:10.1.7.0/24 ttl=1h order=13 because=operator");
	cut(e, "cut island net:fd00:1:0:7::/64 ttl=1h order=13 because=operator");
	cut(e, "cut kill tcp 10.1.0.2 40000 > 10.2.0.2 5001 ttl=1h order=14 because=operator");
	cut(e, "cut kill udp fd00:1::2 40000 > fd00:2::2 5001 ttl=1h order=14 because=operator");
	assert_int_equal(try_law(e, law_as(8, "observe", NULL, NULL), BH_SEC(600)), 0);
	assert_int_equal(bh_enforcer_verify(e), 0);
	full = listing(true);
	first = listing(false);
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	assert_int_equal(lab_nft_file(&lab, full), 0);
	second = listing(false);
	assert_string_equal(first, second);
	free(full);
	free(first);
	free(second);
	disarm(e);
}

static void a_foreign_hand_on_the_trial_is_noticed_and_undone(void **state)
{
	static const char *const attacks[] = {
		"flush set inet bulkhead trial", "flush chain inet bulkhead fwd4_g10", /* each repair under fresh stamps */
		"flush chain inet bulkhead fwd4_g11", "delete table inet bulkhead",
		"flush chain inet bulkhead forward"};
	struct bh_enforcer *e = with_one_host();
	struct four f[2];

	for (int v6 = 0; v6 < 2; v6++)
		four_up(&f[v6], v6);
	assert_int_equal(try_law(e, law_as(8, "auto", NULL, NULL), BH_SEC(60)), 0);
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		struct bh_drift d = {0};
		int r = 0;

		assert_int_equal(lab_nft(&lab, attacks[i], NULL), 0);
		for (int tries = 0; r == 0 && tries < 20; tries++) {
			lab_sleep_ms(20);
			r = bh_enforcer_watch(e, &d);
		}
		print_message("# %s: %s\n", attacks[i], d.text);
		assert_int_equal(r, 1);
		assert_true(d.repaired);
		assert_true(bh_enforcer_trial_left(e) > BH_SEC(50));
		assert_false(flow_ping(&f[0].gone, 150));
		unharmed(f);
		assert_int_equal(bh_enforcer_verify(e), 0);
	}
	assert_int_equal(bh_enforcer_rollback(e), 0);
	for (int v6 = 0; v6 < 2; v6++) {
		assert_int_equal(pings(&f[v6].gone, 20), 20);
		four_close(&f[v6]);
	}
	disarm(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_conduit_dies_at_once_and_comes_back_at_rollback),
		cmocka_unit_test(confirmed_it_stands_and_nothing_is_lost_on_the_way),
		cmocka_unit_test(run_out_the_kernel_is_back_by_itself_and_the_table_is_cleared_later),
		cmocka_unit_test(the_process_killed_meanwhile_changes_nothing_about_that),
		cmocka_unit_test(cuts_made_before_and_during_a_trial_hold_under_both_laws),
		cmocka_unit_test(what_the_law_on_trial_never_cuts_is_not_cut_while_it_is_on_trial),
		cmocka_unit_test(observing_and_enforcing_laws_stand_side_by_side),
		cmocka_unit_test(management_of_either_law_reaches_this_box),
		cmocka_unit_test(nft_prints_a_trial_and_loads_its_own_print_again),
		cmocka_unit_test(a_foreign_hand_on_the_trial_is_noticed_and_undone),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
