/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people say of devices: as words, as events that replay, and over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static const char town[] = "version: 1\nzones:\n"
			   "  office: {networks: [10.1.0.0/16]}\n"
			   "  plc: {networks: [10.2.0.0/16]}\n"
			   "hosts:\n  crane: {addresses: [10.2.0.9], mac: \"02:00:00:00:00:09\"}\n";
static const struct bh_mac pc = {{2, 0, 0, 0, 0, 1}}, crane = {{2, 0, 0, 0, 0, 9}}, group = {{3, 0, 0, 0, 0, 1}};

static int open_it(void **state)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;
	struct bh_core *c = NULL;

	if (bh_policy_load(town, sizeof town - 1, "town.yaml", &d, &p))
		return -1;
	bh_diags_fini(&d);
	if (bh_core_open(&(struct bh_core_opts){.policy = p, .mode = -1, .bare = true}, &c))
		return -1;
	*state = calloc(2, sizeof(void *));
	((void **)*state)[0] = c;
	((void **)*state)[1] = p;
	return 0;
}

static int close_it(void **state)
{
	void **both = *state;

	bh_core_close(both[0]);
	bh_policy_free(both[1]);
	free(both);
	return 0;
}

static struct bh_core *core_of(void **state)
{
	return ((void **)*state)[0];
}

static struct bh_device *device_of(struct bh_core *c, const struct bh_mac *m)
{
	return bh_devices_find(bh_state_devices(bh_core_state(c)), m);
}

static void whom_the_policy_names_is_declared_though_somebody_spoke_of_it_before_it_was_seen(void **state)
{
	struct bh_core *c = core_of(state);

	assert_int_equal(bh_state_device_set(bh_core_state(c), &crane, "tag=dual-boot", "test", BH_SEC(1)), 0);
	assert_true(device_of(c, &crane)->flags & BH_DEV_DECLARED);
	assert_int_equal(bh_state_device_set(bh_core_state(c), &pc, "tag=dual-boot", "test", BH_SEC(1)), 0);
	assert_false(device_of(c, &pc)->flags & BH_DEV_DECLARED);
}

static void each_word_changes_what_it_says(void **state)
{
	static const char *const words[] = {"approve", "rename=till 2", "owner=els", "note=by the door", "tag=dual-boot", "tag=pxe", "untag=pxe", "addr=10.1.0.7", "zone=plc"};
	struct bh_state *s = bh_core_state(core_of(state));
	const struct bh_device *d;
	bh_ns changed;

	for (size_t i = 0; i < BH_COUNT(words); i++)
		assert_int_equal(bh_state_device_set(s, &pc, words[i], "els", BH_SEC(5)), 0);
	d = device_of(core_of(state), &pc);
	assert_int_equal(d->status, BH_DEV_KNOWN);
	assert_string_equal(d->name, "till 2");
	assert_string_equal(d->owner, "els");
	assert_string_equal(d->note, "by the door");
	assert_int_equal(d->tags, BH_DEV_T_DUALBOOT);
	assert_int_equal(d->n_addrs, 1);
	assert_int_equal(d->carried, 0);
	assert_int_equal(d->zone, 1);
	changed = d->changed;
	assert_int_equal(bh_state_device_set(s, &pc, "retire", "els", BH_SEC(5)), 0);
	assert_int_equal(d->status, BH_DEV_RETIRED);
	assert_true(d->changed > changed); /* also within one instant: whoever keeps devices sees it */
	assert_int_equal(bh_state_device_set(s, &pc, "forget", "els", BH_SEC(5)), 0);
	assert_int_equal(d->status, BH_DEV_NEW);
}

static void a_word_that_cannot_be_read_makes_no_device(void **state)
{
	static const char *const words[] = {"", "approved", "rename", "rename=01234567890123456789012345678901", "rename=a\nb", "tag=blue", "untag=", "addr=10.1.0", "addr=224.0.0.1", "zone=moon"};
	struct bh_state *s = bh_core_state(core_of(state));

	for (size_t i = 0; i < BH_COUNT(words); i++)
		if (bh_state_device_set(s, &pc, words[i], "els", BH_SEC(5)) != 1)
			fail_msg("'%s' is taken", words[i]);
	assert_null(device_of(core_of(state), &pc));
	assert_int_equal(bh_state_device_set(s, &group, "approve", "els", BH_SEC(5)), 1);
}

static struct bh_event said(const char *target, const char *change)
{
	struct bh_event ev = {.at = BH_SEC(9), .kind = BH_EV_COMMAND};

	ev.u.command.verb = BH_CMD_DEVICE;
	bh_strcpy(ev.u.command.target, sizeof ev.u.command.target, target);
	bh_strcpy(ev.u.command.reason, sizeof ev.u.command.reason, change);
	bh_strcpy(ev.u.command.by, sizeof ev.u.command.by, "els");
	return ev;
}

static void a_command_read_back_from_a_log_does_the_same(void **state)
{
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_event ev = said("02:00:00:00:00:01", "rename=till \"2\""), back;
	struct bh_event_error e;
	char line[BH_EVENT_TEXT];
	size_t n = bh_event_print(&ev, line);

	assert_string_equal(line, "9.000000000 command verb=device target=\"02:00:00:00:00:01\" by=\"els\" because=\"rename=till \\\"2\\\"\"");
	assert_int_equal(bh_event_parse(line, n, &back, &e), 0);
	assert_int_equal(bh_core_step(core_of(state), &back, out), 0);
	assert_int_equal(out->n, 0);
	assert_string_equal(device_of(core_of(state), &pc)->name, "till \"2\"");
	ev = said("pc-7", "approve");
	assert_int_equal(bh_core_step(core_of(state), &ev, out), 0);
	assert_int_equal(out->n, 1);
	assert_int_equal(out->rec[0].verb, BH_VERB_REFUSED);
	out->n = 0;
	ev = said("02:00:00:00:00:01", "paint=blue");
	assert_int_equal(bh_core_step(core_of(state), &ev, out), 0);
	assert_non_null(strstr(out->rec[0].refused.text, "'paint=blue' cannot be said of 02:00:00:00:00:01"));
	free(out);
}

static void a_device_from_the_store_is_placed_as_this_policy_has_it(void **state)
{
	struct bh_state *s = bh_core_state(core_of(state));
	static const char line[] = "device 02:00:00:00:00:09 status=known zone=0 flags=1 first=5.000000000 last=6.000000000 changed=6.000000000 addrs=10.2.0.9 name=\"crane\"";
	const struct bh_device *o;
	struct bh_event_error e;
	struct bh_device d;

	assert_int_equal(bh_device_parse(line, sizeof line - 1, &d, &e), 0);
	assert_true(bh_state_device_put(s, &d));
	o = device_of(core_of(state), &crane);
	assert_int_equal(o->zone, 1);
	assert_int_equal(o->status, BH_DEV_KNOWN);
	assert_int_equal(o->flags, BH_DEV_DECLARED);
	assert_true(o->first == BH_SEC(5) && o->last == BH_SEC(6) && o->changed == BH_SEC(6));
}

static unsigned told(struct bh_core *c, const char *line)
{
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_event_error e;
	struct bh_event ev;
	unsigned n = 0;

	assert_int_equal(bh_event_parse(line, strlen(line), &ev, &e), 0);
	assert_int_equal(bh_core_step(c, &ev, out), 0);
	for (size_t i = 0; i < out->n; i++)
		n += out->rec[i].kind == BH_REC_ALERT && strcmp(out->rec[i].finding.detector->name, "new.mac") == 0;
	free(out);
	return n;
}

static void who_was_told_before_a_restart_is_not_new_after_it_until_a_month_has_passed(void **state)
{
	struct bh_core_opts o = {.policy = ((void **)*state)[1], .mode = -1, .bare = true};
	struct bh_core *c = core_of(state);
	char line[BH_DEVICE_TEXT];
	struct bh_event_error e;
	struct bh_device d;
	size_t n;

	assert_int_equal(told(c, "1000000.000000000 link 0 :: > :: smac=02:00:00:00:00:01 via=lldp"), 0); /* where it is nobody knows yet */
	d = *device_of(c, &pc);
	assert_int_equal(told(c, "1000001.000000000 arp arp 10.2.0.7 > 10.2.0.1 smac=02:00:00:00:00:01 op=1 aflags=1"), 1);
	assert_true(device_of(c, &pc)->changed > d.changed); /* the store hears of it */
	n = bh_device_print(device_of(c, &pc), line);
	for (unsigned late = 0; late < 2; late++) {
		assert_int_equal(bh_core_open(&o, &c), 0);
		assert_int_equal(bh_device_parse(line, n, &d, &e), 0);
		assert_true(bh_state_device_put(bh_core_state(c), &d));
		assert_int_equal(told(c, late ? "3700000.000000000 arp arp 10.2.0.7 > 10.2.0.1 smac=02:00:00:00:00:01 op=1 aflags=1" :
						"1003600.000000000 arp arp 10.2.0.7 > 10.2.0.1 smac=02:00:00:00:00:01 op=1 aflags=1"),
			late);
		bh_core_close(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whom_the_policy_names_is_declared_though_somebody_spoke_of_it_before_it_was_seen, open_it, close_it),
		cmocka_unit_test_setup_teardown(each_word_changes_what_it_says, open_it, close_it),
		cmocka_unit_test_setup_teardown(a_word_that_cannot_be_read_makes_no_device, open_it, close_it),
		cmocka_unit_test_setup_teardown(a_command_read_back_from_a_log_does_the_same, open_it, close_it),
		cmocka_unit_test_setup_teardown(a_device_from_the_store_is_placed_as_this_policy_has_it, open_it, close_it),
		cmocka_unit_test_setup_teardown(who_was_told_before_a_restart_is_not_new_after_it_until_a_month_has_passed, open_it, close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
