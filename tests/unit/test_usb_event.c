/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static const char policy_text[] =
	"version: 1\nsite: x\nzones:\n  office: {networks: [10.10.0.0/24], purdue: 4}\nhosts:\n"
	"  pc-7: {addresses: [10.10.0.7], mac: \"02:00:00:00:00:07\"}\n";

struct rig {
	struct bh_policy *policy;
	struct bh_core *core;
	struct bh_out *out;
};

static struct rig open_rig(void)
{
	static const struct bh_addr self = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 10, 0, 2}};
	struct bh_core_opts o = {.mode = BH_MODE_AUTO, .bare = true, .hosts = 64, .self = &self, .n_self = 1};
	struct rig r = {.out = calloc(1, sizeof *r.out)};
	struct bh_diags d = {0};

	assert_non_null(r.out);
	assert_int_equal(bh_policy_load(policy_text, sizeof policy_text - 1, "x", &d, &r.policy), 0);
	bh_diags_fini(&d);
	o.policy = r.policy;
	assert_int_equal(bh_core_open(&o, &r.core), 0);
	return r;
}

static void close_rig(struct rig *r)
{
	bh_core_close(r->core);
	bh_policy_free(r->policy);
	free(r->out);
}

/* the alert of a detector that this line makes; NULL = none */
static const struct bh_finding *feed(struct rig *r, const char *line, const char *detector)
{
	struct bh_event_error e;
	struct bh_event ev;

	assert_int_equal(bh_event_parse(line, strlen(line), &ev, &e), 0);
	r->out->n = 0;
	assert_int_equal(bh_core_step(r->core, &ev, r->out), 0);
	for (size_t i = 0; i < r->out->n; i++)
		if (r->out->rec[i].kind == BH_REC_ALERT && strcmp(r->out->rec[i].finding.detector->name, detector) == 0)
			return &r->out->rec[i].finding;
	return NULL;
}

#define KNOWN "100s arp arp 10.10.0.7 > 10.10.0.1 smac=02:00:00:00:00:07 op=1 aflags=1"
#define FRAME " arp arp 10.10.0.50 > 10.10.0.1 smac=00:1b:21:00:00:50 op=1 aflags=1"
#define PLUG " usb udp 10.10.0.7:5000 > 10.10.0.2:7788 do=add via=companion host=\"pc-7\" vid=3034 pid=33107 classes=1 mac=00:1b:21:00:00:50 iface=\"eth1\" port=\"1-2\" " \
	"product=\"USB 10/100/1000 LAN\" user=\"alice\" boot=1 seq=1"

static void what_is_plugged_into_the_sensor_is_high_though_it_is_ourselves(void **state)
{
	struct rig r = open_rig();
	const struct bh_finding *f =
		feed(&r, "100s usb udp 10.10.0.2:0 > 10.10.0.2:0 do=add via=sensor host=\"gw\" vid=1133 pid=50475 classes=4 port=\"1-3\" boot=1 seq=1", "usb.event");

	assert_non_null(f);
	assert_int_equal(f->severity, BH_SEV_HIGH);
	assert_non_null(strstr(f->text, "this sensor"));
	/* but nobody speaks of the sensor's own address otherwise */
	assert_null(feed(&r, "101s usb udp 10.10.0.2:5000 > 10.10.0.2:7788 do=add via=companion host=\"gw\" vid=1133 pid=50475 classes=4 port=\"1-4\" boot=1 seq=1", "usb.event"));
	close_rig(&r);
}

static void a_new_address_is_told_with_the_port_it_came_from(void **state)
{
	struct rig r = open_rig();
	const struct bh_finding *f;

	assert_null(feed(&r, KNOWN, "new.mac"));
	f = feed(&r, "200s" PLUG, "usb.event");
	assert_non_null(f);
	assert_non_null(strstr(f->text, "0bda:8153 (USB 10/100/1000 LAN) added on 10.10.0.7 (pc-7) port 1-2, alice at the seat: eth1 00:1b:21:00:00:50"));
	assert_null(strstr(f->text, "has used"));
	assert_string_equal(f->user, "alice");
	f = feed(&r, "202s" FRAME, "new.mac");
	assert_non_null(f);
	assert_non_null(strstr(f->detail, "USB: 0bda:8153 USB 10/100/1000 L at pc-7 1-2"));
	close_rig(&r);
}

static void a_port_is_told_with_the_address_it_was_seen_with_before(void **state)
{
	struct rig r = open_rig();
	const struct bh_finding *f;
	struct bh_mac m = {{0x00, 0x1b, 0x21, 0, 0, 0x50}};

	assert_null(feed(&r, KNOWN, "new.mac"));
	f = feed(&r, "200s" FRAME, "new.mac");
	assert_non_null(f);
	assert_null(strstr(f->detail, "USB"));
	f = feed(&r, "201s" PLUG, "usb.event");
	assert_non_null(f);
	assert_non_null(strstr(f->text, "which has used 10.10.0.50"));
	assert_string_equal(bh_devices_find(bh_state_devices(bh_core_state(r.core)), &m)->usb, "0bda:8153 USB 10/100/1000 L at pc-7 1-2");
	close_rig(&r);
}

static void what_an_event_log_says_of_a_mac_is_put_on_no_device(void **state)
{
	struct rig r = open_rig();
	struct bh_mac m = {{0x00, 0x1b, 0x21, 0, 0, 0x50}};

	feed(&r, "200s" FRAME, "new.mac");
	feed(&r, "201s" PLUG " flags=4", "usb.event");
	assert_string_equal(bh_devices_find(bh_state_devices(bh_core_state(r.core)), &m)->usb, "");
	close_rig(&r);
}

static void a_thousand_devices_push_out_the_oldest_and_nothing_else(void **state)
{
	struct rig r = open_rig();
	char line[320];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "%us usb udp 10.10.0.7:5000 > 10.10.0.2:7788 do=add via=companion host=\"pc-7\" vid=3034 pid=%u classes=1 mac=02:11:00:00:%02x:%02x port=\"1-2\" boot=1 seq=%u",
			200 + i / 100, i + 1, i >> 8, i & 255, i + 1);
		assert_non_null(feed(&r, line, "usb.event"));
	}
	assert_null(feed(&r, line, "usb.event"));
	close_rig(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_plugged_into_the_sensor_is_high_though_it_is_ourselves),
		cmocka_unit_test(a_new_address_is_told_with_the_port_it_came_from),
		cmocka_unit_test(a_port_is_told_with_the_address_it_was_seen_with_before),
		cmocka_unit_test(what_an_event_log_says_of_a_mac_is_put_on_no_device),
		cmocka_unit_test(a_thousand_devices_push_out_the_oldest_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
