/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An isolation that does not isolate is told, once, and nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static const char town[] =
	"version: 1\nsite: t\nzones:\n"
	"  a: {networks: [10.1.0.0/24, \"fd00:1::/64\"]}\n"
	"  b: {networks: [10.2.0.0/24, \"fd00:2::/64\"]}\n"
	"conduits:\n  - {name: work, from: a, to: b, allow: [any]}\n  - {name: back, from: b, to: a, allow: [any]}\n"
	"pins:\n  - {name: stop, from: 10.1.0.7, to: 10.2.0.9, allow: [tcp/5020], reason: \"emergency stop\"}\n"
	"remedy:\n  - {to: 10.2.0.53, allow: [dns]}\n"
	"response: {mode: auto}\n";

struct t {
	struct bh_policy *p;
	struct bh_core *c;
	struct bh_out *out;
	struct bh_addr self;
};

static struct bh_addr addr(const char *s)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(s, strlen(s), &a), 0);
	return a;
}

/* isolated at 100 s, confirmed by the kernel 1 ms later */
static void isolated(struct t *t, bool live)
{
	struct bh_core_opts o = {.mode = -1, .bare = true, .self = &t->self, .n_self = 1, .now = BH_SEC(90), .tick = live ? BH_MS(250) : 0};
	struct bh_event ev = {.at = BH_SEC(100), .kind = BH_EV_COMMAND};
	struct bh_diags d = {0};

	t->self = addr("10.1.0.1");
	t->out = calloc(1, sizeof *t->out);
	assert_non_null(t->out);
	if (bh_policy_load(town, sizeof town - 1, "t", &d, &t->p))
		fail_msg("%s", d.n ? d.v[0].text : "?");
	bh_diags_fini(&d);
	o.policy = t->p;
	assert_int_equal(bh_core_open(&o, &t->c), 0);
	ev.u.command.verb = BH_CMD_ISOLATE;
	ev.u.command.ttl = BH_HOUR(1);
	strcpy(ev.u.command.target, "10.1.0.7");
	strcpy(ev.u.command.reason, "test");
	assert_int_equal(bh_core_step(t->c, &ev, t->out), 0);
	ev = (struct bh_event){.at = BH_SEC(100) + BH_MS(1), .kind = BH_EV_KERNEL};
	ev.u.kernel.order = 1;
	ev.u.kernel.what = BH_KER_APPLIED;
	ev.u.kernel.us = 900;
	assert_int_equal(bh_core_step(t->c, &ev, t->out), 0);
}

static void done(struct t *t)
{
	bh_core_close(t->c);
	bh_policy_free(t->p);
	free(t->out);
}

/* how often it was told that the order is not effective */
static size_t answered(struct t *t, const char *src, const char *dst, uint8_t proto, uint16_t port, unsigned begun_s, const char *says)
{
	struct bh_event ev = {.at = BH_SEC(begun_s) + BH_MS(20), .kind = BH_EV_FLOW_OUTCOME, .src = addr(src), .dst = addr(dst), .proto = proto, .sport = 40000,
		.dport = port, .outcome = BH_OUT_SUCCESS, .flags = BH_EVF_TWOWAY, .flow_id = begun_s};
	size_t n = 0;

	ev.u.flow.start = BH_SEC(begun_s);
	t->out->n = 0;
	assert_int_equal(bh_core_step(t->c, &ev, t->out), 0);
	for (size_t i = 0; i < t->out->n; i++)
		if (t->out->rec[i].kind == BH_REC_ACTION && t->out->rec[i].verb == BH_VERB_INEFFECTIVE) {
			n++;
			if (!strstr(t->out->rec[i].order.reason, says))
				fail_msg("%s", t->out->rec[i].order.reason);
		}
	return n;
}

static void an_isolated_host_that_is_answered_is_told_once(void **state)
{
	struct t t;
	size_t n;

	isolated(&t, true);
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.5", 6, 445, 104, "another path"), 1);
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.6", 6, 445, 105, ""), 0);
	assert_true(bh_core_orders(t.c, &n)[0].leaks);
	done(&t);
	isolated(&t, true);
	assert_int_equal(answered(&t, "10.2.0.5", "10.1.0.7", 17, 161, 104, "another path"), 1); /* who reaches it, too */
	done(&t);
	isolated(&t, true);
	assert_int_equal(answered(&t, "10.1.0.7", "10.1.0.8", 6, 445, 104, "within the segment"), 1);
	done(&t);
}

static void what_may_pass_is_no_sign_of_it(void **state)
{
	struct t t;

	isolated(&t, true);
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.5", 6, 445, 99, ""), 0);    /* begun before */
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.5", 6, 445, 101, ""), 0);   /* under way */
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.9", 6, 5020, 104, ""), 0);  /* pinned */
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.53", 17, 53, 104, ""), 0);  /* a remedy */
	assert_int_equal(answered(&t, "10.1.0.7", "10.1.0.1", 6, 22, 104, ""), 0);    /* this box */
	assert_int_equal(answered(&t, "10.1.0.8", "10.2.0.5", 6, 445, 104, ""), 0);   /* a neighbour */
	done(&t);
}

static void a_capture_file_goes_on_whatever_would_have_been_cut(void **state)
{
	struct t t;

	isolated(&t, false);
	assert_int_equal(answered(&t, "10.1.0.7", "10.2.0.5", 6, 445, 104, ""), 0);
	done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_isolated_host_that_is_answered_is_told_once),
		cmocka_unit_test(what_may_pass_is_no_sign_of_it),
		cmocka_unit_test(a_capture_file_goes_on_whatever_would_have_been_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
