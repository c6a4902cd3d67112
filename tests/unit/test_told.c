/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon/told.h"

struct heard {
	char buf[1024];
	struct bh_text t;
};

static void hear(void *ctx, unsigned story, bh_ns at, const char *text)
{
	struct heard *h = ctx;

	bh_putf(&h->t, "%s@%llu %s\n", bh_story_name(story), (unsigned long long)(at / BH_SEC(1)), text);
}

static const char *tell(struct heard *h, struct bh_told *t, const struct bh_device *d)
{
	h->t = bh_text(h->buf, sizeof h->buf);
	bh_told_tell(t, d, hear, h);
	return h->buf;
}

static struct bh_device device(const char *line)
{
	struct bh_event_error e;
	struct bh_device d;

	if (bh_device_parse(line, strlen(line), &d, &e))
		fail_msg("column %u: %s", e.col, e.text);
	return d;
}

static void what_changed_is_told_once(void **state)
{
	struct bh_device d = device("device 02:00:00:00:00:01 first=5 last=6 changed=6 addrs=10.0.0.7 calls=\"PC-7\"");
	struct bh_told t = {0};
	struct heard h;

	assert_true(bh_told_due(&t, &d));
	assert_string_equal(tell(&h, &t, &d), "seen@5 first seen, calls itself 'PC-7', 10.0.0.7\n");
	assert_false(bh_told_due(&t, &d));
	bh_strcpy(d.calls_itself, sizeof d.calls_itself, "kali");
	d.addrs[d.n_addrs++] = d.addrs[0];
	d.addrs[1].b[15] = 9;
	d.conflicts = 2;
	bh_strcpy(d.usb, sizeof d.usb, "1d6b:0104 Gadget at pc-7 1-2");
	d.changed = BH_SEC(7);
	assert_true(bh_told_due(&t, &d));
	assert_string_equal(tell(&h, &t, &d), "name@7 calls itself 'kali'\naddresses@7 10.0.0.7, 10.0.0.9\nconflict@7 two systems at the same time, 2 times so far\n"
					      "usb@7 1d6b:0104 Gadget at pc-7 1-2\n");
	assert_false(bh_told_due(&t, &d));
	assert_string_equal(tell(&h, &t, &d), "");
}

static void a_place_taken_by_another_device_begins_a_new_story(void **state)
{
	struct bh_device d = device("device 02:00:00:00:00:01 first=5 last=6 changed=6"), other = device("device 02:00:00:00:00:02 first=6 last=6 changed=6");
	struct bh_told t = {0};
	struct heard h;

	tell(&h, &t, &d);
	assert_true(bh_told_due(&t, &other));
	assert_string_equal(tell(&h, &t, &other), "seen@6 first seen\n");
}

static void drift_is_told_when_it_is_more_than_was_told(void **state)
{
	struct bh_device d = device("device 02:00:00:00:00:01 first=5 last=6 changed=6 at=0 print{first=5 last=6 seen=9 params=1 order=1 os=windows vendor=\"MSFT 5.0\" ttl=128 name=\"pc-7\"} print{}");
	struct bh_told t = {0};
	struct heard h;

	tell(&h, &t, &d);
	d.at_print = 1;
	d.changed = BH_SEC(8);
	d.prints[1].first = d.prints[1].last = BH_SEC(8);
	assert_string_equal(tell(&h, &t, &d), ""); /* a session began; it has shown nothing yet */
	d.prints[1].dhcp_params = d.prints[1].dhcp_order = 2;
	d.prints[1].os_dhcp = BH_OS_LINUX;
	assert_string_equal(tell(&h, &t, &d), "drift@8 system linux, was windows, DHCP client '', was 'MSFT 5.0'\n");
	assert_string_equal(tell(&h, &t, &d), "");
	d.prints[1].ttl = 64;
	assert_string_equal(tell(&h, &t, &d), "drift@8 system linux, was windows, DHCP client '', was 'MSFT 5.0', TTL 64, was 128\n");
}

static void who_only_goes_on_being_there_is_told_of_once_an_hour(void **state)
{
	struct bh_device d = device("device 02:00:00:00:00:01 first=5 last=6 changed=6");
	struct bh_told t = {0};
	struct heard h;

	bh_told_as(&t, &d);
	assert_false(bh_told_due(&t, &d));
	d.last += BH_TOLD_REST;
	assert_false(bh_told_due(&t, &d));
	d.last++;
	assert_true(bh_told_due(&t, &d));
	assert_string_equal(tell(&h, &t, &d), "");
	assert_false(bh_told_due(&t, &d));
}

static void a_store_that_died_is_told_again_what_is_young(void **state)
{
	struct bh_device d = device("device 02:00:00:00:00:01 first=5 last=6 changed=6");
	struct bh_told t = {0};

	bh_told_as(&t, &d);
	bh_told_again(&t, BH_SEC(7));
	assert_false(bh_told_due(&t, &d));
	bh_told_again(&t, BH_SEC(6));
	assert_true(bh_told_due(&t, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changed_is_told_once),
		cmocka_unit_test(a_place_taken_by_another_device_begins_a_new_story),
		cmocka_unit_test(drift_is_told_when_it_is_more_than_was_told),
		cmocka_unit_test(who_only_goes_on_being_there_is_told_of_once_an_hour),
		cmocka_unit_test(a_store_that_died_is_told_again_what_is_young),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
