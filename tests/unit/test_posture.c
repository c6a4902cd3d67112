/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What conduits are down to: their hours, their breakers, people; and the clock behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

#define DAY BH_HOUR(24)
#define NOON (20000 * DAY + BH_HOUR(12))

static const char town[] =
	"version: 1\nsite: t\nzones:\n"
	"  office: {networks: [10.1.0.0/16]}\n  plant: {networks: [10.2.0.0/16], critical: true}\n  store: {networks: [10.3.0.0/16]}\n"
	"conduits:\n"
	"  - {name: work, from: office, to: plant, allow: [ssh, https], breaker: {admin-off: contain, pins-only: isolate}}\n"
	"  - {name: copy, from: store, to: office, allow: [ssh], drawbridge: {open: \"01:00-03:00\", raise-on: alert}}\n"
	"  - {name: post, from: store, to: plant, allow: [smtp]}\n"
	"pins:\n  - {name: stop, from: 10.1.0.9, to: 10.2.0.9, allow: [tcp/5020], reason: \"emergency stop\"}\n"
	"response: {mode: auto}\n";
enum { WORK, COPY, POST };

struct t {
	struct bh_policy *p;
	struct bh_core *c;
	struct bh_out out;
};

static struct bh_policy *load(const char *text)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;

	assert_int_equal(bh_policy_load(text, strlen(text), "t.yaml", &d, &p), 0);
	bh_diags_fini(&d);
	return p;
}

static struct t *begin(int mode, bh_ns now, int32_t offset_s, bh_ns tick)
{
	struct bh_core_opts o = {.mode = mode, .bare = true, .now = now, .offset_s = offset_s, .tick = tick};
	struct t *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->p = load(town);
	o.policy = t->p;
	assert_int_equal(bh_core_open(&o, &t->c), 0);
	return t;
}

static void end(struct t *t)
{
	bh_core_close(t->c);
	bh_policy_free(t->p);
	free(t);
}

static void step(struct t *t, const struct bh_event *ev)
{
	t->out.n = 0;
	assert_int_equal(bh_core_step(t->c, ev, &t->out), 0);
}

static void tick(struct t *t, bh_ns at)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_TICK};

	step(t, &ev);
}

static void order(struct t *t, bh_ns at, unsigned verb, const char *target, unsigned set, bh_ns ttl)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_COMMAND,
		.u.command = {.verb = (uint8_t)verb, .set = (uint8_t)set, .ttl = ttl, .by = "operator:uid0", .reason = "test"}};

	bh_strcpy(ev.u.command.target, sizeof ev.u.command.target, target);
	step(t, &ev);
}

static unsigned state(struct t *t, size_t conduit)
{
	return bh_core_posture(t->c, conduit)->state;
}

/* the record of the last step about a conduit, or NULL */
static const struct bh_record *told(struct t *t, uint32_t conduit)
{
	const struct bh_record *r = NULL;

	for (size_t i = 0; i < t->out.n; i++)
		if (t->out.rec[i].kind == BH_REC_POSTURE && t->out.rec[i].posture.conduit == conduit)
			r = &t->out.rec[i];
	return r;
}

static bool permitted(struct t *t, const char *conduit, unsigned port)
{
	const struct bh_plan *plan = bh_core_plan(t->c);

	for (size_t i = 0; i < plan->n_permits; i++)
		if (plan->permits[i].lo <= port && port <= plan->permits[i].hi && !strcmp(plan->conduit_names[plan->permits[i].conduit], conduit))
			return true;
	return false;
}

static unsigned last_verb(struct t *t)
{
	return t->out.n ? t->out.rec[t->out.n - 1].verb : 0;
}

static void a_breaker_follows_the_responses_that_stand(void **unused)
{
	struct t *t = begin(-1, NOON, 0, 0);
	uint64_t v;

	tick(t, NOON);
	v = bh_core_law_version(t->c);
	order(t, NOON + BH_SEC(1), BH_CMD_SHIELD, "10.1.0.20", 0, BH_MIN(5));
	assert_int_equal(state(t, WORK), BH_CONDUIT_NORMAL); /* one step below */
	assert_int_equal(bh_core_law_version(t->c), v);
	order(t, NOON + BH_SEC(2), BH_CMD_CONTAIN, "10.1.0.21", 0, BH_MIN(5));
	assert_int_equal(state(t, WORK), BH_CONDUIT_NO_ADMIN);
	assert_true(bh_core_law_version(t->c) > v);
	assert_true(!permitted(t, "work", 22) && permitted(t, "work", 443));
	assert_non_null(told(t, WORK));
	assert_int_equal(told(t, WORK)->posture.why, BH_WHY_BREAKER);
	assert_int_equal(told(t, WORK)->posture.was, BH_CONDUIT_NORMAL);
	assert_int_equal(told(t, WORK)->posture.order, 2);
	order(t, NOON + BH_SEC(3), BH_CMD_ISOLATE, "10.2.0.20", 0, BH_MIN(1)); /* at the other end */
	assert_int_equal(state(t, WORK), BH_CONDUIT_CLOSED);
	assert_true(!permitted(t, "work", 443) && permitted(t, "post", 25));
	assert_int_equal(bh_core_plan(t->c)->n_pins, 1);
	tick(t, NOON + BH_SEC(3) + BH_MIN(1));
	assert_int_equal(state(t, WORK), BH_CONDUIT_NO_ADMIN);
	tick(t, NOON + BH_MIN(6));
	assert_int_equal(state(t, WORK), BH_CONDUIT_NORMAL);
	assert_true(permitted(t, "work", 22));
	end(t);
}

static void a_response_elsewhere_trips_no_breaker(void **unused)
{
	struct t *t = begin(-1, NOON, 0, 0);

	order(t, NOON, BH_CMD_ISOLATE, "10.3.0.20", 0, BH_MIN(5));
	assert_int_equal(bh_core_plan(t->c)->n_cuts, 1);
	assert_int_equal(state(t, WORK), BH_CONDUIT_NORMAL);
	end(t);
}

static void a_person_resets_a_breaker_until_the_next_response(void **unused)
{
	struct t *t = begin(-1, NOON, 0, 0);

	order(t, NOON, BH_CMD_ISOLATE, "10.1.0.20", 0, BH_HOUR(1));
	assert_int_equal(state(t, WORK), BH_CONDUIT_CLOSED);
	order(t, NOON + BH_SEC(1), BH_CMD_BREAKER, "work", BH_SET_NORMAL, 0);
	assert_int_equal(state(t, WORK), BH_CONDUIT_NORMAL);
	assert_non_null(told(t, WORK));
	assert_string_equal(told(t, WORK)->posture.by, "operator:uid0");
	order(t, NOON + BH_SEC(2), BH_CMD_ISOLATE, "10.1.0.21", 0, BH_HOUR(1));
	assert_int_equal(state(t, WORK), BH_CONDUIT_CLOSED);
	end(t);
}

static void a_person_closes_any_conduit_for_a_time(void **unused)
{
	struct t *t = begin(-1, NOON, 0, 0);

	order(t, NOON, BH_CMD_BREAKER, "post", BH_SET_PINS_ONLY, BH_MIN(10));
	assert_int_equal(state(t, POST), BH_CONDUIT_CLOSED);
	assert_int_equal(bh_core_posture(t->c, POST)->why, BH_WHY_OPERATOR);
	assert_true(bh_core_posture(t->c, POST)->until == NOON + BH_MIN(10));
	assert_false(permitted(t, "post", 25));
	tick(t, NOON + BH_MIN(10));
	assert_int_equal(state(t, POST), BH_CONDUIT_NORMAL);
	order(t, NOON + BH_MIN(11), BH_CMD_BREAKER, "nowhere", BH_SET_NORMAL, 0);
	assert_int_equal(last_verb(t), BH_VERB_REFUSED);
	order(t, NOON + BH_MIN(11), BH_CMD_BREAKER, "post", BH_SET_RAISE, 0);
	assert_int_equal(last_verb(t), BH_VERB_REFUSED);
	order(t, NOON + BH_MIN(11), BH_CMD_BREAKER, "post", BH_SET_PINS_ONLY, BH_HOUR(24 * 400));
	assert_int_equal(last_verb(t), BH_VERB_REFUSED);
	order(t, NOON + BH_MIN(11), BH_CMD_DRAWBRIDGE, "post", BH_SET_RAISE, 0);
	assert_int_equal(last_verb(t), BH_VERB_REFUSED);
	assert_int_equal(state(t, POST), BH_CONDUIT_NORMAL);
	end(t);
}

static void a_drawbridge_keeps_its_hours_in_local_time(void **unused)
{
	bh_ns midnight = 20000 * DAY;
	struct t *t = begin(-1, midnight, 7200, 0); /* 02:00 there */

	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	assert_true(permitted(t, "copy", 22));
	tick(t, midnight + BH_HOUR(1) - 1);
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	tick(t, midnight + BH_HOUR(1));
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	assert_non_null(told(t, COPY));
	assert_int_equal(told(t, COPY)->posture.why, BH_WHY_HOURS);
	assert_true(told(t, COPY)->posture.until == midnight + BH_HOUR(23));
	assert_false(permitted(t, "copy", 22));
	tick(t, midnight + BH_HOUR(23));
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	bh_core_offset(t->c, 0); /* summer time is over, and then some */
	tick(t, midnight + BH_HOUR(23) + 1);
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	end(t);
}

static void without_a_time_a_drawbridge_is_closed(void **unused)
{
	struct t *t = begin(-1, 0, 0, 0);

	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	assert_false(permitted(t, "copy", 22));
	tick(t, 20000 * DAY + BH_HOUR(2));
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	end(t);
}

static void people_raise_and_lower_a_drawbridge(void **unused)
{
	bh_ns two = 20000 * DAY + BH_HOUR(2);
	struct t *t = begin(-1, two, 0, 0);

	order(t, two, BH_CMD_DRAWBRIDGE, "copy", BH_SET_RAISE, BH_MIN(5));
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	tick(t, two + BH_MIN(5));
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	order(t, NOON, BH_CMD_DRAWBRIDGE, "copy", BH_SET_LOWER, BH_MIN(5));
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	assert_int_equal(bh_core_posture(t->c, COPY)->why, BH_WHY_OPERATOR);
	tick(t, NOON + BH_MIN(5));
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	order(t, NOON + BH_MIN(6), BH_CMD_DRAWBRIDGE, "copy", BH_SET_LOWER, BH_MIN(5));
	order(t, NOON + BH_MIN(7), BH_CMD_DRAWBRIDGE, "copy", BH_SET_AUTO, 0);
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	end(t);
}

static void an_isolation_raises_a_drawbridge_until_its_window_is_over(void **unused)
{
	bh_ns two = 20000 * DAY + BH_HOUR(2);
	struct t *t = begin(-1, two, 0, 0);

	order(t, two, BH_CMD_SHIELD, "10.2.0.30", 0, BH_MIN(1));
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	order(t, two, BH_CMD_ISOLATE, "10.2.0.30", 0, BH_MIN(1));
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	assert_int_equal(bh_core_posture(t->c, COPY)->why, BH_WHY_RAISED);
	tick(t, two + BH_MIN(30)); /* the isolation is over, the reason to look is not */
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	order(t, two + BH_MIN(31), BH_CMD_DRAWBRIDGE, "copy", BH_SET_AUTO, 0);
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	tick(t, two + DAY);
	assert_int_equal(state(t, COPY), BH_CONDUIT_NORMAL);
	end(t);
}

static void observing_keeps_only_the_hours(void **unused)
{
	struct t *t = begin(BH_MODE_AUTO, NOON, 0, 0);
	struct bh_event mode = {.at = NOON + 1, .kind = BH_EV_COMMAND, .u.command = {.verb = BH_CMD_MODE, .mode = BH_MODE_OBSERVE}};

	order(t, NOON, BH_CMD_ISOLATE, "10.1.0.20", 0, BH_HOUR(1));
	assert_int_equal(state(t, WORK), BH_CONDUIT_CLOSED);
	step(t, &mode);
	assert_int_equal(state(t, WORK), BH_CONDUIT_NORMAL);
	assert_int_equal(state(t, COPY), BH_CONDUIT_CLOSED);
	order(t, NOON + 2, BH_CMD_BREAKER, "work", BH_SET_PINS_ONLY, BH_HOUR(1));
	assert_int_equal(last_verb(t), BH_VERB_REFUSED);
	end(t);
}

static void what_people_closed_stays_closed_under_another_policy(void **unused)
{
	static const char less[] = "version: 1\nzones:\n  office: {networks: [10.1.0.0/16]}\n  plant: {networks: [10.2.0.0/16]}\n  store: {networks: [10.3.0.0/16]}\n"
				   "conduits:\n  - {name: more, from: office, to: store, allow: [ssh]}\n  - {name: post, from: store, to: plant, allow: [smtp]}\n"
				   "response: {mode: auto}\n";
	struct t *t = begin(-1, NOON, 0, 0);
	struct bh_policy *b = load(less);
	uint64_t v;

	order(t, NOON, BH_CMD_BREAKER, "post", BH_SET_PINS_ONLY, BH_HOUR(1));
	v = bh_core_law_version(t->c);
	assert_int_equal(bh_core_policy(t->c, b), 0);
	assert_true(bh_core_law_version(t->c) > v);
	assert_int_equal(state(t, 1), BH_CONDUIT_CLOSED);
	assert_int_equal(state(t, 0), BH_CONDUIT_NORMAL);
	assert_true(!permitted(t, "post", 25) && permitted(t, "more", 22));
	tick(t, NOON + BH_HOUR(1));
	assert_true(permitted(t, "post", 25));
	end(t);
	bh_policy_free(b);
}

/* a policy on trial without the conduit, taken back */
static void what_people_closed_is_closed_again_when_its_conduit_comes_back(void **unused)
{
	static const char less[] = "version: 1\nzones:\n  office: {networks: [10.1.0.0/16]}\n  plant: {networks: [10.2.0.0/16]}\n"
				   "conduits:\n  - {name: more, from: office, to: plant, allow: [ssh]}\nresponse: {mode: auto}\n";
	struct t *t = begin(-1, NOON, 0, 0);
	struct bh_policy *b = load(less);

	order(t, NOON, BH_CMD_BREAKER, "post", BH_SET_PINS_ONLY, BH_HOUR(1));
	assert_int_equal(bh_core_policy(t->c, b), 0);
	tick(t, NOON + BH_MIN(1));
	assert_true(permitted(t, "more", 22));
	assert_int_equal(bh_core_policy(t->c, t->p), 0);
	assert_int_equal(state(t, POST), BH_CONDUIT_CLOSED);
	assert_false(permitted(t, "post", 25));
	assert_string_equal(bh_core_posture(t->c, POST)->reason, "test");
	assert_int_equal(bh_core_policy(t->c, b), 0);
	tick(t, NOON + BH_HOUR(1));
	assert_int_equal(bh_core_policy(t->c, t->p), 0);
	assert_int_equal(state(t, POST), BH_CONDUIT_NORMAL); /* its time went on meanwhile */
	end(t);
	bh_policy_free(b);
}

static void every_change_of_posture_is_told_once(void **unused)
{
	struct t *t = begin(-1, NOON, 0, 0);
	unsigned n = 0;

	tick(t, NOON);
	assert_non_null(told(t, COPY)); /* closed from the start */
	for (int i = 0; i < 100; i++) {
		tick(t, NOON + BH_SEC(i));
		n += told(t, COPY) != NULL;
	}
	assert_int_equal(n, 0);
	end(t);
}

static void a_leap_of_the_clock_leaves_every_order_its_rest(void **unused)
{
	struct t *t = begin(-1, NOON, 0, BH_MS(250));
	const struct bh_order *o;
	size_t n;

	order(t, NOON, BH_CMD_ISOLATE, "10.1.0.20", 0, BH_MIN(10));
	order(t, NOON, BH_CMD_BREAKER, "post", BH_SET_PINS_ONLY, BH_MIN(10));
	for (int i = 1; i <= 6; i++)
		tick(t, NOON + BH_SEC(10) * i);
	tick(t, NOON + BH_HOUR(5)); /* nine minutes were left */
	o = bh_core_orders(t->c, &n);
	assert_int_equal(n, 1);
	assert_int_equal(o[0].state, BH_VERB_REQUESTED);
	assert_true(o[0].until - (NOON + BH_HOUR(5)) == BH_MIN(9));
	assert_int_equal(bh_core_plan(t->c)->n_cuts, 1);
	assert_int_equal(state(t, POST), BH_CONDUIT_CLOSED);
	tick(t, NOON - BH_HOUR(2)); /* and back */
	o = bh_core_orders(t->c, &n);
	assert_true(o[0].until - (NOON - BH_HOUR(2)) == BH_MIN(9));
	for (int i = 1; i < 540; i++)
		tick(t, NOON - BH_HOUR(2) + BH_SEC(i));
	assert_int_equal(bh_core_plan(t->c)->n_cuts, 1);
	tick(t, NOON - BH_HOUR(2) + BH_MIN(9));
	assert_int_equal(bh_core_plan(t->c)->n_cuts, 0);
	assert_int_equal(state(t, POST), BH_CONDUIT_NORMAL);
	end(t);
}

static void a_late_event_of_a_sensor_sets_no_clock_back(void **unused)
{
	struct t *t = begin(-1, NOON, 0, BH_MS(250));
	struct bh_event late = {.at = NOON - BH_HOUR(1), .kind = BH_EV_FLOW_NEW, .proto = 6, .src = {{0}}, .flow_id = 1};
	size_t n;

	order(t, NOON, BH_CMD_ISOLATE, "10.1.0.20", 0, BH_MIN(10));
	step(t, &late);
	assert_true(bh_core_orders(t->c, &n)[0].until == NOON + BH_MIN(10));
	end(t);
}

static void another_core_is_given_what_people_and_alerts_did(void **unused)
{
	bh_ns two = 20000 * DAY + BH_HOUR(2);
	struct t *a = begin(-1, two, 0, 0), *b = begin(-1, two + BH_MIN(1), 0, 0);
	struct bh_event ev[2];

	order(a, two, BH_CMD_BREAKER, "post", BH_SET_ADMIN_OFF, BH_MIN(10));
	order(a, two, BH_CMD_ISOLATE, "10.2.0.30", 0, BH_MIN(1)); /* raises the bridge */
	tick(a, two + BH_MIN(1));
	for (size_t i = 0; i < a->p->n_conduits; i++) {
		unsigned n = bh_core_hands(a->c, i, ev);

		assert_int_equal(n, i == WORK ? 0 : 1);
		for (unsigned k = 0; k < n; k++)
			step(b, &ev[k]);
	}
	assert_int_equal(state(b, POST), BH_CONDUIT_NO_ADMIN);
	assert_true(bh_core_posture(b->c, POST)->until == two + BH_MIN(10));
	assert_string_equal(bh_core_posture(b->c, POST)->reason, "test");
	assert_int_equal(state(b, COPY), BH_CONDUIT_CLOSED);
	assert_true(bh_core_posture(b->c, COPY)->until == two + BH_HOUR(1)); /* the window's end */
	assert_int_equal(state(b, WORK), BH_CONDUIT_NORMAL);
	end(a);
	end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_breaker_follows_the_responses_that_stand),
		cmocka_unit_test(a_response_elsewhere_trips_no_breaker),
		cmocka_unit_test(a_person_resets_a_breaker_until_the_next_response),
		cmocka_unit_test(a_person_closes_any_conduit_for_a_time),
		cmocka_unit_test(a_drawbridge_keeps_its_hours_in_local_time),
		cmocka_unit_test(without_a_time_a_drawbridge_is_closed),
		cmocka_unit_test(people_raise_and_lower_a_drawbridge),
		cmocka_unit_test(an_isolation_raises_a_drawbridge_until_its_window_is_over),
		cmocka_unit_test(observing_keeps_only_the_hours),
		cmocka_unit_test(what_people_closed_stays_closed_under_another_policy),
		cmocka_unit_test(what_people_closed_is_closed_again_when_its_conduit_comes_back),
		cmocka_unit_test(another_core_is_given_what_people_and_alerts_did),
		cmocka_unit_test(every_change_of_posture_is_told_once),
		cmocka_unit_test(a_leap_of_the_clock_leaves_every_order_its_rest),
		cmocka_unit_test(a_late_event_of_a_sensor_sets_no_clock_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
