/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer as a process of its own: what it answers, what it refuses, what it repairs, and what
 * its death leaves. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "enforce_served.h"

static char *proc_status(pid_t pid, const char *key)
{
	static char line[256];
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, key, strlen(key)))
			break;
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line + strlen(key);
}

static bool may_real_time(void)
{
	struct bh_kernel_features f;
	struct bh_enforcer *e;

	assert_int_equal(bh_enforcer_open(&e), 0);
	assert_int_equal(bh_enforcer_features(e, &f), 0);
	bh_enforcer_close(e);
	return f.real_time;
}

static void it_serves_orders_with_one_capability_and_a_filter(void **state)
{
	struct served s = serve();
	struct bh_enf_reply r;
	struct flow f;

	assert_int_equal(
		status_of(&s, BH_ENF_CUT, "cut isolate 10.1.0.2 ttl=1h order=1\n"), -ENODATA);
	assert_int_equal(status_of(&s, BH_ENF_DRY, law_text), 0);
	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_string_equal(proc_status(s.pid, "CapEff:\t"), "0000000000001000");
	assert_string_equal(proc_status(s.pid, "CapPrm:\t"), "0000000000001000");
	assert_string_equal(proc_status(s.pid, "NoNewPrivs:\t"), "1");
	assert_string_equal(proc_status(s.pid, "Seccomp:\t"), "2");
	assert_int_equal(sched_getscheduler(s.pid) & ~SCHED_RESET_ON_FORK, may_real_time() ? SCHED_FIFO : SCHED_OTHER);
	flow_up(&f, "10.1.0.2", 5000, false);
	assert_int_equal(status_of(&s, BH_ENF_CUT,
				 "cut isolate 10.1.0.2 ttl=1h order=5 because=smb.ransom\n"
				 "cut isolate fd00:1::2 ttl=1h order=5 because=smb.ransom\n"),
		0);
	assert_false(flow_ping(&f, 150));
	ask(&s, BH_ENF_DUMP, NULL);
	r = answer(&s);
	assert_int_equal(count(r.body, "order=5 because=smb.ransom"), 2);
	free(r.body);
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	assert_int_equal(status_of(&s, BH_ENF_RELEASE, "cut isolate 10.1.0.2 ttl=1h order=5\n"), 0);
	assert_int_equal(pings(&f, 10), 10);
	flow_close(&f);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

static void it_refuses_what_the_guard_forbids_whoever_asks(void **state)
{
	static const struct {
		const char *line, *code, *text;
	} t[] = {
		{"cut isolate 10.2.0.99 ttl=1h order=1", "never", "lab.yaml:20:3"},
		{"cut isolate mac:52:54:00:00:00:63 ttl=1h order=1", "never", "safe-1"},
		{"cut isolate net:10.2.0.96/29 ttl=1h order=1", "never", "safe-1"},
		{"cut isolate 10.1.0.1 ttl=1h order=1", "self", "this box"},
		{"cut isolate fd00:2::1 ttl=1h order=1", "self", "this box"},
		{"cut isolate 10.1.0.2 ttl=25h order=1", "ttl", "longer"},
		{"cut isolate 10.1.0.2 ttl=0s order=1", "ttl", "no TTL"},
		{"cut isolate net:0.0.0.0/0 ttl=1h order=1", "width", "everybody"},
		{"cut isolate net:10.0.0.0/8 ttl=1h order=1", "width", "zone"},
		{"cut isolate 224.0.0.5 ttl=1h order=1", "width", "multicast"},
	};
	struct served s = serve();

	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct bh_enf_reply r;

		ask(&s, BH_ENF_CUT, t[i].line);
		r = answer(&s);
		assert_int_equal(r.status, 1);
		assert_string_equal(bh_refusal_name(r.refused.code), t[i].code);
		if (!strstr(r.refused.text, t[i].text))
			fail_msg("\"%s\" does not say \"%s\"", r.refused.text, t[i].text);
	}
	assert_int_equal(status_of(&s, BH_ENF_CUT, "cut isolate 10.1.0.2 ttl=1h\n"), -EBADMSG);
	assert_int_equal(status_of(&s, BH_ENF_APPLY, "plan generation=0\n"), -EBADMSG);
	assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

static void it_ends_when_spoken_to_in_another_language(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} t[] = {{"\0\0\0\5hello", 9}, {"\xff\xff\xff\xff", 4}, {"\0\0\0\0", 4},
		{"\0\0\0\7exec 1\n", 11}};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct served s = serve();
		int status;

		assert_int_equal(send(s.fd, t[i].p, t[i].n, MSG_NOSIGNAL), t[i].n);
		assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		close(s.fd);
	}
}

static void killed_it_leaves_a_valid_ruleset_which_its_successor_adopts(void **state)
{
	struct served s = serve();
	struct bh_enf_reply r;
	struct flow f, pin;
	int status;

	flow_up(&f, "10.1.0.2", 5000, false);
	flow_up(&pin, "10.1.0.2", 7000, false);
	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_int_equal(status_of(&s, BH_ENF_CUT,
				 "cut isolate 10.1.0.2 ttl=1h order=77 because=smb.ransom\n"
				 "cut isolate net:10.1.9.0/24 ttl=30m order=78 because=operator\n"
				 "cut shield 10.1.0.3 ttl=20m order=79 because=x\n"),
		0);
	kill(s.pid, SIGKILL);
	assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
	close(s.fd);
	assert_false(flow_ping(&f, 150));
	assert_int_equal(pings(&pin, 20), 20);
	lab_sleep_ms(1100);

	s = serve();
	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_false(flow_ping(&f, 150));
	ask(&s, BH_ENF_DUMP, NULL);
	r = answer(&s);
	assert_non_null(strstr(r.body, "order=77 because=smb.ransom"));
	assert_non_null(strstr(r.body, "net:10.1.9.0/24"));
	assert_non_null(strstr(r.body, "cut shield 10.1.0.3"));
	assert_null(strstr(r.body, "ttl=1h")); /* the time that was left, not the time once given */
	free(r.body);
	assert_int_equal(
		status_of(&s, BH_ENF_RELEASE, "cut isolate 10.1.0.2 ttl=1h order=77\n"), 0);
	assert_int_equal(pings(&f, 10), 10);
	flow_close(&f);
	flow_close(&pin);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

static void a_foreign_change_is_named_and_undone_with_the_time_that_was_left(void **state)
{
	static const char *const attacks[] = {
		"delete element inet bulkhead iso4 { 10.1.0.2 }",
		"flush ruleset",
		"insert rule inet bulkhead forward accept",
		"flush chain inet bulkhead fwd4_g7",
		"add element inet bulkhead z0_tcp4_g7 { 10.2.0.0/16 . 1-65535 }",
		"add element inet bulkhead iso4 { 10.1.0.99 timeout 1h }",
		"add chain inet bulkhead forward { policy accept; }",
		"delete element inet bulkhead pin_udp4_g7 { 10.1.0.2 . 10.2.0.2 . 7000 }",
	};
	struct served s = serve();
	struct flow f, pin;

	flow_up(&f, "10.1.0.2", 5000, false);
	flow_up(&pin, "10.1.0.2", 7000, false);
	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_int_equal(status_of(&s, BH_ENF_CUT,
				 "cut isolate 10.1.0.2 ttl=90s order=77 because=smb.ransom\n"),
		0);
	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
		struct bh_drift d;
		struct bh_enf_reply r;

		lab_sleep_ms(150);
		if (lab_nft(&lab, attacks[i], NULL) != 0) {
			print_message("# nft did not take: %s\n", attacks[i]);
			continue;
		}
		d = notice(&s);
		print_message("# %s: by %s (%u): %s\n", attacks[i], d.prog, d.pid, d.text);
		assert_string_equal(d.prog, "nft");
		assert_true(d.pid > 0);
		assert_true(d.ours_touched);
		assert_true(d.repaired);
		assert_false(flow_ping(&f, 100));
		assert_int_equal(pings(&pin, 10), 10);
		assert_int_equal(status_of(&s, BH_ENF_VERIFY, NULL), 0);
		ask(&s, BH_ENF_DUMP, NULL);
		r = answer(&s);
		assert_int_equal(count(r.body, "\n"), 1);
		assert_non_null(strstr(r.body, "order=77 because=smb.ransom"));
		assert_null(strstr(r.body, "ttl=90s"));
		free(r.body);
	}
	flow_close(&f);
	flow_close(&pin);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

static bool kernel_knows_owners(void)
{
	struct bh_enforcer *e;
	int r;

	assert_int_equal(bh_enforcer_open(&e), 0);
	r = bh_enforcer_own(e);
	bh_enforcer_close(e);
	assert_true(r >= 0);
	return r == 0;
}

static void assert_others_change_nothing(struct served *s, struct flow *f, struct flow *pin)
{
	static const char *const attacks[] = {
		"delete element inet bulkhead iso4 { 10.1.0.2 }",
		"insert rule inet bulkhead forward accept",
		"add element inet bulkhead iso4 { 10.1.0.99 timeout 1h }",
		"add chain inet bulkhead forward { policy accept; }",
		"delete table inet bulkhead",
		"flush table inet bulkhead",
	};
	struct bh_enforcer *e;
	struct bh_plan plan = plan_of(law_text);
	struct bh_cut c = cut_of("cut isolate 10.1.0.9 ttl=1h order=1");

	for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
		if (lab_nft(&lab, attacks[i], NULL) == 0)
			fail_msg("nft was let: %s", attacks[i]);
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0); /* leaves out what it may not */
	assert_int_equal(bh_enforcer_open(&e), 0); /* another one of ours is a stranger too */
	assert_int_equal(bh_enforcer_apply(e, &plan), -EPERM);
	assert_int_equal(bh_enforcer_disarm(e), -EPERM);
	assert_non_null(strstr(bh_enforcer_why(e), "owns the table"));
	assert_int_equal(bh_enforcer_release(e, &c, 1), 0); /* not there: nothing to do */
	bh_enforcer_close(e);
	bh_plan_fini(&plan);
	assert_false(flow_ping(f, 100));
	assert_int_equal(pings(pin, 10), 10);
	assert_int_equal(status_of(s, BH_ENF_VERIFY, NULL), 0);
}

static void a_table_of_its_own_others_read_but_do_not_change(void **state)
{
	struct served s;
	struct flow f, pin;
	struct bh_enf_reply r;
	char *text;
	int status;

	if (!kernel_knows_owners()) {
		print_message("# this kernel knows no owner that a table outlives\n");
		return;
	}
	flow_up(&f, "10.1.0.2", 5000, false);
	flow_up(&pin, "10.1.0.2", 7000, false);
	disarm(armed(law_text));
	for (int open_before = 0; open_before < 2; open_before++) {
		if (open_before) /* the table of an enforcer without the wish is taken over as well */
			bh_enforcer_close(armed(law_text));
		s = serve_owner();
		assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
		assert_int_equal(status_of(&s, BH_ENF_CUT, "cut isolate 10.1.0.2 ttl=1h order=77 because=x\n"), 0);
		text = listing(true); /* an older nft prints it all the same */
		assert_non_null(strstr(text, "order 77 x"));
		free(text);
		assert_others_change_nothing(&s, &f, &pin);

		kill(s.pid, SIGKILL);
		assert_int_equal(waitpid(s.pid, &status, 0), s.pid);
		close(s.fd);
		assert_false(flow_ping(&f, 100)); /* it outlives its owner */
		s = serve_owner();
		assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
		ask(&s, BH_ENF_DUMP, NULL);
		r = answer(&s);
		assert_non_null(strstr(r.body, "order=77 because=x"));
		assert_null(strstr(r.body, "ttl=1h"));
		free(r.body);
		assert_others_change_nothing(&s, &f, &pin);
		assert_int_equal(stop(&s), 0);
		assert_false(flow_ping(&f, 100));
		text = listing(true); /* what a clean end leaves, nft can save and load */
		assert_null(strstr(text, "flags owner"));
		assert_null(strstr(text, "flags \n"));
		assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
		assert_int_equal(lab_nft_file(&lab, text), 0);
		free(text);
		assert_false(flow_ping(&f, 100));
		disarm(armed(law_text)); /* nobody's any more: boot and disarm may have it */
		assert_int_equal(pings(&f, 5), 5);
	}
	flow_close(&f);
	flow_close(&pin);
}

static void a_change_in_another_table_is_told_and_left_alone(void **state)
{
	struct served s = serve();
	struct bh_drift d;
	char *text;

	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_int_equal(lab_nft(&lab, "add table ip theirs", NULL), 0);
	d = notice(&s);
	assert_string_equal(d.prog, "nft");
	assert_false(d.ours_touched);
	assert_false(d.repaired);
	text = listing(true);
	assert_non_null(strstr(text, "table ip theirs"));
	free(text);
	assert_int_equal(lab_nft(&lab, "delete table ip theirs", NULL), 0);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

static void a_peer_that_does_not_read_stops_neither_its_own_order_nor_a_repair(void **state)
{
	enum { N = 1500 };
	struct served s = serve();
	struct flow f;
	char *text = malloc(8 << 20), *frame;
	size_t n = (size_t)sprintf(text, "%s", law_text), len;
	struct timeval patience = {10, 0};
	struct bh_enf_reply r;

	assert_int_equal(status_of(&s, BH_ENF_APPLY, law_text), 0);
	assert_int_equal(status_of(&s, BH_ENF_CUT, "cut isolate 10.1.0.2 ttl=1h order=1\n"), 0);
	for (unsigned i = 0; i < N;
		i++) { /* foreign transactions, each with a notice that nobody reads */
		if (i % 100 == 0)
			assert_int_equal(
				lab_nft(&lab,
					i % 200 ? "delete table ip theirs" : "add table ip theirs",
					NULL),
				0);
		ask(&s, BH_ENF_DUMP, NULL); /* and answers that nobody reads */
	}
	assert_int_equal(lab_nft(&lab, "flush ruleset", NULL), 0);
	lab_sleep_ms(500);
	flow_up(&f, "10.1.0.3", 5000, false);
	assert_closed("10.1.0.3", 9000, false); /* the repair did not wait */
	flow_close(&f);
	for (unsigned i = 0; i < 20000; i++)
		n += (size_t)sprintf(text + n, "permit shop > 10.2.%u.%u tcp/%u conduit=web\n",
			i / 250, i % 250, i);
	assert_int_equal(setsockopt(s.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(bh_enf_encode(BH_ENF_DRY, s.seq++, text, n, &frame, &len), 0);
	for (size_t at = 0;
		at < len;) { /* larger than the socket holds: it must be taken while notices wait */
		ssize_t w = send(s.fd, frame + at, len - at, MSG_NOSIGNAL);

		if (w <= 0)
			fail_msg("the order stuck after %zu of %zu bytes", at, len);
		at += (size_t)w;
	}
	do {
		assert_true(next_reply(&s, &r, 10000));
		free(r.body);
	} while (r.seq != s.seq - 1);
	assert_int_equal(r.status, 0);
	free(frame);
	free(text);
	assert_int_equal(stop(&s), 0);
	disarm(armed(law_text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_serves_orders_with_one_capability_and_a_filter),
		cmocka_unit_test(it_refuses_what_the_guard_forbids_whoever_asks),
		cmocka_unit_test(it_ends_when_spoken_to_in_another_language),
		cmocka_unit_test(killed_it_leaves_a_valid_ruleset_which_its_successor_adopts),
		cmocka_unit_test(a_foreign_change_is_named_and_undone_with_the_time_that_was_left),
		cmocka_unit_test(a_table_of_its_own_others_read_but_do_not_change),
		cmocka_unit_test(a_change_in_another_table_is_told_and_left_alone),
		cmocka_unit_test(
			a_peer_that_does_not_read_stops_neither_its_own_order_nor_a_repair),
	};

	return enforce_main(tests, sizeof tests / sizeof tests[0]);
}
