/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "daemon/intake.h"

#define NOW BH_SEC(1800000000)

static const struct bh_addr from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 10, 0, 7}};

struct rig {
	struct bh_intake t;
	struct bh_usb_keys keys;
	struct bh_usb_sender senders[BH_USB_KEYS];
	struct bh_intake_counters n;
	struct bh_usb_secret secret;
	struct bh_event last;
	unsigned events;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct rig *r = ctx;

	r->last = *ev;
	r->events++;
}

static struct rig *open_rig(void)
{
	struct rig *r = calloc(1, sizeof *r);
	char line[BH_USB_KEY_TEXT];
	struct bh_usb_error e;
	uint8_t seed[32] = {7};

	assert_non_null(r);
	bh_usb_secret_make(seed, &r->secret);
	bh_usb_key_print("pc-7", &r->secret, line);
	assert_int_equal(bh_usb_keys_parse(line, strlen(line), &r->keys, &e), 0);
	r->t.keys = &r->keys;
	r->t.senders = r->senders;
	r->t.n = &r->n;
	r->t.sink = (struct bh_event_sink){emit, r};
	r->t.host = "gw";
	return r;
}

static void send(struct rig *r, uint32_t seq, bh_ns sent, bh_ns now, unsigned spoil)
{
	struct bh_ev_usb u = {.boot = 1, .seq = seq, .op = BH_USB_ADD, .vid = 1, .pid = 2, .host = "somebody else"};
	uint8_t p[BH_USB_DATAGRAM];

	bh_usb_sign(&u, sent, &r->secret, p);
	if (spoil)
		p[spoil] ^= 1;
	bh_intake_datagram(&r->t, p, sizeof p, &from, 5000, now);
}

static void what_is_signed_and_fresh_becomes_an_event_by_the_keys_name(void **state)
{
	struct rig *r = open_rig();

	send(r, 1, NOW, NOW, 0);
	assert_int_equal(r->events, 1);
	assert_int_equal(r->last.kind, BH_EV_USB);
	assert_true(bh_addr_eq(&r->last.src, &from));
	assert_int_equal(r->last.flags, 0);
	assert_string_equal(r->last.u.usb.host, "pc-7");
	assert_int_equal(r->last.u.usb.via, BH_USB_COMPANION);
	send(r, 4, NOW, NOW, 0);
	assert_int_equal(r->n.lost, 2);
	free(r);
}

static void everything_else_is_counted_and_makes_none(void **state)
{
	struct rig *r = open_rig();
	char text[300];

	assert_false(bh_intake_report(&r->t, text, sizeof text));
	bh_intake_datagram(&r->t, "hello", 5, &from, 1, NOW);
	bh_intake_datagram(&r->t, "", 0, &from, 1, NOW);
	send(r, 1, NOW, NOW, 60);
	send(r, 1, NOW, NOW, 5);
	send(r, 1, NOW - BH_MIN(6), NOW, 0);
	assert_int_equal(r->events, 0);
	send(r, 1, NOW, NOW, 0);
	send(r, 1, NOW, NOW, 0);
	assert_int_equal(r->events, 1);
	assert_int_equal(r->n.verdict[BH_USB_MALFORMED], 2);
	assert_int_equal(r->n.verdict[BH_USB_FORGED], 1);
	assert_int_equal(r->n.verdict[BH_USB_UNKNOWN], 1);
	assert_int_equal(r->n.verdict[BH_USB_SKEWED], 1);
	assert_int_equal(r->n.verdict[BH_USB_REPLAYED], 1);
	assert_true(bh_intake_report(&r->t, text, sizeof text));
	assert_string_equal(text, "2 malformed, 1 unknown key, 1 bad signature, 1 clock off, 1 replayed, the last from 10.10.0.7");
	assert_false(bh_intake_report(&r->t, text, sizeof text));
	free(r);
}

static void a_source_has_its_share_and_gets_it_again_with_time(void **state)
{
	struct rig *r = open_rig();
	uint32_t seq = 0;

	for (unsigned i = 0; i < 200; i++)
		send(r, ++seq, NOW + i, NOW + i, 0);
	assert_int_equal(r->events, BH_INTAKE_BURST);
	assert_int_equal(r->n.limited, 200 - BH_INTAKE_BURST);
	for (unsigned i = 0; i < 200; i++)
		send(r, ++seq, NOW + BH_SEC(1) + i, NOW + BH_SEC(1) + i, 0);
	assert_int_equal(r->events, BH_INTAKE_BURST + BH_INTAKE_RATE);
	free(r);
}

/* 2,100 a second from 2,500 addresses for a minute, in the form of ours, beside one of the endpoint's a second */
static unsigned taken_beside(struct rig *r, const struct bh_usb_secret *names, const struct bh_addr *home)
{
	struct bh_ev_usb u = {.boot = 1, .seq = 1, .op = BH_USB_ADD};
	uint8_t p[BH_USB_DATAGRAM];
	unsigned was = r->events;

	if (home)
		r->keys.key[0].from = *home;
	bh_usb_sign(&u, NOW, names, p);
	p[37] ^= 1;
	for (uint32_t sec = 0; sec < 60; sec++) {
		bh_ns now = NOW + BH_SEC(sec);

		send(r, sec + 1, now, now, 0);
		for (unsigned i = 0; i < 2100; i++) {
			struct bh_addr a = from;

			a.b[13] = (uint8_t)(20 + i / 250 % 10);
			a.b[14] = (uint8_t)(i % 250);
			bh_intake_datagram(&r->t, p, sizeof p, &a, 999, now);
		}
	}
	return r->events - was;
}

static void what_strangers_send_takes_nothing_from_an_endpoints_share(void **state)
{
	struct rig *r = open_rig();
	struct bh_usb_secret other;
	uint8_t seed[32] = {9};

	bh_usb_secret_make(seed, &other);
	assert_int_equal(taken_beside(r, &other, NULL), 60);
	assert_in_range(r->n.verdict[BH_USB_UNKNOWN], 1, 61 * BH_INTAKE_STRANGE);
	assert_int_equal(r->n.verdict[BH_USB_UNKNOWN] + r->n.limited, 60 * 2100);
	free(r);
	r = open_rig(); /* nor when they name its key */
	assert_int_equal(taken_beside(r, &r->secret, NULL), 60);
	assert_in_range(r->n.verdict[BH_USB_FORGED], 1, 61 * BH_INTAKE_STRANGE);
	free(r);
	r = open_rig();
	assert_int_equal(taken_beside(r, &r->secret, &from), 60);
	assert_int_equal(r->n.verdict[BH_USB_FORGED], 0);
	free(r);
}

static void who_comes_from_elsewhere_without_an_address_in_the_file_is_heard_there_from_then_on(void **state)
{
	struct rig *r = open_rig();
	struct bh_ev_usb u = {.boot = 1, .seq = 2, .op = BH_USB_ADD};
	struct bh_addr moved = from;
	uint8_t p[BH_USB_DATAGRAM];

	send(r, 1, NOW, NOW, 0);
	assert_true(bh_addr_eq(&r->t.home[0], &from));
	moved.b[15] = 99;
	bh_usb_sign(&u, NOW, &r->secret, p);
	bh_intake_datagram(&r->t, p, sizeof p, &moved, 999, NOW);
	assert_int_equal(r->events, 2);
	assert_true(bh_addr_eq(&r->t.home[0], &moved));
	bh_intake_datagram(&r->t, p, sizeof p, &from, 999, NOW); /* a recording */
	assert_true(bh_addr_eq(&r->t.home[0], &moved));
	free(r);
}

static void a_flood_in_the_name_of_many_keys_has_a_limit_of_signatures(void **state)
{
	struct rig *r = open_rig();
	struct bh_ev_usb u = {.boot = 1, .seq = 1, .op = BH_USB_ADD};
	uint8_t p[BH_USB_DATAGRAM];

	for (uint8_t k = 0; k < 50; k++) {
		uint8_t seed[32] = {20, k};
		struct bh_usb_secret s;

		bh_usb_secret_make(seed, &s);
		memcpy(r->keys.key[k].key, s.b + 32, 32);
		r->keys.n = k + 1u;
		bh_usb_sign(&u, NOW, &s, p);
		p[37] ^= 1;
		for (unsigned i = 0; i < 100; i++)
			bh_intake_datagram(&r->t, p, sizeof p, &from, 1, NOW);
	}
	assert_int_equal(r->n.verdict[BH_USB_FORGED], BH_INTAKE_ALL_BURST);
	assert_int_equal(r->n.limited, 5000 - BH_INTAKE_ALL_BURST);
	free(r);
}

static void event_logs_are_heard_and_never_trusted(void **state)
{
	static const char line[] = "<14>Nov 28 12:00:00 PC-7 x: {\"EventID\":6416,\"DeviceId\":\"USB\\\\VID_1D6B&PID_0104\\\\42\",\"ClassName\":\"Net\"}\n";
	struct rig *r = open_rig();

	bh_intake_syslog(&r->t, line, sizeof line - 1, &from, 514, NOW);
	assert_int_equal(r->events, 1);
	assert_int_equal(r->last.flags, BH_EVF_UNTRUSTED);
	assert_string_equal(r->last.u.usb.host, "PC-7");
	bh_intake_syslog(&r->t, "<14>Nov 28 12:00:00 PC-7 x: hello", 33, &from, 514, NOW);
	assert_int_equal(r->events, 1);
	assert_int_equal(r->n.log_other, 1);
	free(r);
}

static void the_sensors_own_ports_are_told_under_its_name(void **state)
{
	struct rig *r = open_rig();
	struct bh_ev_usb u = {.op = BH_USB_ADD, .port = "1-2"};

	r->t.self = from;
	bh_intake_own(&r->t, &u, NOW);
	assert_int_equal(r->last.u.usb.via, BH_USB_SENSOR);
	assert_string_equal(r->last.u.usb.host, "gw");
	assert_true(bh_addr_eq(&r->last.src, &from));
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_and_fresh_becomes_an_event_by_the_keys_name),
		cmocka_unit_test(everything_else_is_counted_and_makes_none),
		cmocka_unit_test(a_source_has_its_share_and_gets_it_again_with_time),
		cmocka_unit_test(what_strangers_send_takes_nothing_from_an_endpoints_share),
		cmocka_unit_test(who_comes_from_elsewhere_without_an_address_in_the_file_is_heard_there_from_then_on),
		cmocka_unit_test(a_flood_in_the_name_of_many_keys_has_a_limit_of_signatures),
		cmocka_unit_test(event_logs_are_heard_and_never_trusted),
		cmocka_unit_test(the_sensors_own_ports_are_told_under_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
