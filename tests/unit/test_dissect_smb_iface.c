/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The addresses a server tells of itself when it is asked for its interfaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "smb_talk.h"

#define INTERFACES 0x1401fc
#define ENTRY 152

/* an entry of the list; v6 when family is 0x17 */
static void entry(struct talk *t, unsigned family, const char *address, uint64_t bits_s, bool last)
{
	size_t at = t->len;
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(address, strlen(address), &a), 0);
	le(t, 4, last ? 0 : ENTRY);
	le(t, 4, 7);
	le(t, 8, 0);
	le(t, 8, bits_s);
	le(t, 2, family);
	le(t, 2, 0);
	if (family == 2) {
		raw(t, a.b + 12, 4);
	} else {
		le(t, 4, 0);
		raw(t, a.b, 16);
	}
	while (t->len < at + ENTRY)
		le(t, 1, 0);
}

static void ask(struct talk *t, uint32_t code)
{
	frame_begin(t, 0);
	command(t, 11, 0, 0, t->mid);
	le(t, 4, 57);
	le(t, 4, code);
	body_fid(t, UINT64_MAX);
	le(t, 8, 0);
	le(t, 8, 0);
	le(t, 4, 0);
	le(t, 4, 65536);
	le(t, 8, 1);
	frame_end(t);
}

/* the answer's head; what follows is the list, its length is set by answer_end() */
static size_t answer(struct talk *t, uint32_t code, uint32_t status)
{
	size_t at;

	frame_begin(t, 1);
	command(t, 11, 1, status, t->mid++);
	le(t, 4, 49);
	le(t, 4, code);
	body_fid(t, UINT64_MAX);
	le(t, 4, 112);
	le(t, 4, 0);
	le(t, 4, 112);
	at = t->len;
	le(t, 4, 0);
	le(t, 8, 0);
	return at;
}

static void answer_end(struct talk *t, size_t at)
{
	set_le(t, at, 4, t->len - at - 12);
	frame_end(t);
}

static struct talk *begun(void)
{
	struct talk *t = talk_new();

	say_negotiate(t, 0x0311);
	say_login(t, "HALL", "anna", 0, 0);
	say_tree(t, "\\\\files\\IPC$", 5, 2);
	return t;
}

static struct talk *two_networks(uint32_t status)
{
	struct talk *t = begun();
	size_t at;

	ask(t, INTERFACES);
	at = answer(t, INTERFACES, status);
	entry(t, 2, "10.0.0.2", 1000000000, false);
	entry(t, 0x17, "fe80::1", 1000000000, false);
	entry(t, 2, "127.0.0.1", 0, false);
	entry(t, 2, "169.254.3.4", 0, false);
	entry(t, 0x17, "::1", 0, false);
	entry(t, 2, "192.168.42.7", 425000000, false);
	entry(t, 2, "10.0.0.2", 1000000000, false);
	entry(t, 0x17, "2001:db8::7", 10000000000, true);
	answer_end(t, at);
	return t;
}

/* the claims among what was told */
static const struct bh_event *claim(const struct rig *r, unsigned nth)
{
	for (size_t i = 0; i < r->n && i < RIG_EVENTS; i++)
		if (r->ev[i].kind == BH_EV_NAME && !nth--)
			return &r->ev[i];
	return NULL;
}

static void is_claim(const struct rig *r, unsigned nth, const char *address, const char *speed)
{
	const struct bh_event *ev = claim(r, nth);
	char line[BH_EVENT_TEXT], text[BH_ADDR_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	assert_non_null(ev);
	assert_int_equal(ev->u.name.via, BH_NAME_SMB);
	assert_int_equal(ev->u.name.op, BH_NAME_CLAIM);
	assert_string_equal(bh_addr_print(&ev->u.name.addr, text), address);
	assert_string_equal(ev->u.name.text, speed);
	/* the server speaks */
	assert_true(bh_addr_eq(&ev->src, &r->proto.dst));
	assert_true(bh_mac_eq(&ev->mac_src, &r->proto.mac_dst));
	assert_int_equal(ev->sport, 445);
	assert_int_equal(bh_event_parse(line, bh_event_print(ev, line), &back, &e), 0);
	assert_memory_equal(&back, ev, sizeof back);
}

static void a_server_tells_the_addresses_it_has_elsewhere(void **state)
{
	static const size_t steps[] = {1, 7, 100, 1460, 100000};

	for (size_t i = 0; i < BH_COUNT(steps); i++)
		for (unsigned first = 0; first < 2; first++) {
			struct talk *t = two_networks(0);
			struct rig r;

			rig_open(&r);
			r.whole = !first;
			r.server_first = first;
			rig_play(&r, t, 0, steps[i]);
			is_claim(&r, 0, "10.0.0.2", "1000 Mbit/s");
			is_claim(&r, 1, "192.168.42.7", "425 Mbit/s");
			is_claim(&r, 2, "2001:db8::7", "10000 Mbit/s");
			assert_null(claim(&r, 3));
			assert_true(claim(&r, 0)->flags & BH_EVF_TWOWAY);
			rig_done(&r, t);
		}
}

static void a_list_cut_short_by_the_server_is_told_and_a_refused_one_not(void **state)
{
	struct talk *t = two_networks(0x80000005);
	struct rig r;

	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_non_null(claim(&r, 2));
	rig_done(&r, t);
	t = two_networks(0xc0000010);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_null(claim(&r, 0));
	rig_done(&r, t);
}

static void what_nobody_asked_for_or_what_answers_something_else_is_not_told(void **state)
{
	struct talk *t = begun();
	struct rig r;
	size_t at;

	at = answer(t, INTERFACES, 0);
	entry(t, 2, "10.0.0.2", 0, true);
	answer_end(t, at);
	ask(t, 0x60194);
	at = answer(t, INTERFACES, 0);
	entry(t, 2, "10.0.0.2", 0, true);
	answer_end(t, at);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_null(claim(&r, 0));
	rig_done(&r, t);
}

static void eight_addresses_are_told_and_lists_that_lie_harm_nobody(void **state)
{
	struct talk *t = begun();
	struct rig r;
	size_t at, list;
	char text[BH_ADDR_TEXT];

	ask(t, INTERFACES);
	at = answer(t, INTERFACES, 0);
	list = t->len;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof text, "10.0.1.%u", i);
		entry(t, 2, text, 0, false);
	}
	answer_end(t, at);
	rig_open(&r);
	rig_play(&r, t, 0, 1460);
	assert_non_null(claim(&r, 7));
	assert_null(claim(&r, 8));
	rig_close(&r);
	for (unsigned i = 0; i < ENTRY + 48; i++)
		for (unsigned v = 0; v < 3; v++) {
			uint8_t was = t->b[list - 48 + i];

			t->b[list - 48 + i] = (uint8_t[]){0, 1, 0xff}[v];
			rig_open(&r);
			rig_play(&r, t, 0, 1460);
			assert_null(claim(&r, 8));
			rig_close(&r);
			t->b[list - 48 + i] = was;
		}
	free(t);
}

static void reading_goes_on_behind_the_list(void **state)
{
	struct talk *t = two_networks(0);
	struct rig r;

	say_tree(t, "\\\\files\\Tausch", 6, 1);
	say_create(t, "plan.txt", 0x12019f, 0, 2, 0, 0x99);
	rig_open(&r);
	rig_play(&r, t, 0, 333);
	assert_non_null(claim(&r, 2));
	assert_string_equal(rig_nth(&r, BH_SMB_OPEN, 0)->u.smb.name, "plan.txt");
	assert_int_equal(rig_counter(&r, "malformed"), 0);
	assert_int_equal(rig_counter(&r, "gaps"), 0);
	rig_done(&r, t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_tells_the_addresses_it_has_elsewhere),
		cmocka_unit_test(a_list_cut_short_by_the_server_is_told_and_a_refused_one_not),
		cmocka_unit_test(what_nobody_asked_for_or_what_answers_something_else_is_not_told),
		cmocka_unit_test(eight_addresses_are_told_and_lists_that_lie_harm_nobody),
		cmocka_unit_test(reading_goes_on_behind_the_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
