/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What outlives a change of the law: hosts, orders, and the memory of connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

static const char before[] = "version: 1\nzones:\n"
			     "  office: {networks: [10.1.0.0/16], purdue: 4}\n"
			     "  plc: {networks: [10.2.0.0/16], purdue: 1, critical: true}\n"
			     "conduits:\n  - {name: hmi, from: office, to: plc, allow: [modbus]}\n"
			     "response: {mode: auto}\n";
static const char after[] = "version: 1\nzones:\n"
			    "  office: {networks: [10.1.0.0/17], purdue: 4}\n"
			    "  guests: {networks: [10.1.128.0/17], purdue: 4}\n"
			    "  plc: {networks: [10.2.0.0/16], purdue: 1, critical: true}\n"
			    "conduits:\n  - {name: hmi, from: office, to: plc, allow: [https]}\n"
			    "pins:\n  - {name: stop, from: 10.1.200.9, to: 10.2.0.9, allow: [tcp/5020], reason: \"emergency stop\"}\n"
			    "response: {mode: ask}\n";

static struct bh_policy *load(const char *text)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;

	assert_int_equal(bh_policy_load(text, strlen(text), "test.yaml", &d, &p), 0);
	bh_diags_fini(&d);
	return p;
}

static struct bh_addr ip(unsigned a, unsigned b, unsigned c)
{
	return bh_addr_v4((const uint8_t[]){10, (uint8_t)a, (uint8_t)b, (uint8_t)c});
}

static struct bh_event flow(unsigned kind, unsigned src, unsigned dport, unsigned outcome, bh_ns at)
{
	struct bh_event ev = {.kind = (uint8_t)kind, .at = at, .src = ip(1, 200, src), .dst = ip(2, 0, 9), .proto = 6, .sport = 40000,
		.dport = (uint16_t)dport, .outcome = (uint8_t)outcome, .flags = BH_EVF_TWOWAY, .flow_id = 7};

	if (kind == BH_EV_FLOW_END) {
		ev.u.flow.pkts[0] = ev.u.flow.pkts[1] = 5;
		ev.u.flow.bytes[0] = 300;
		ev.u.flow.bytes[1] = 700;
		ev.u.flow.start = at - BH_SEC(3);
	}
	return ev;
}

static void step(struct bh_core *c, const struct bh_event *ev)
{
	struct bh_out *out = calloc(1, sizeof *out);

	assert_non_null(out);
	assert_int_equal(bh_core_step(c, ev, out), 0);
	free(out);
}

static void a_new_policy_keeps_hosts_and_orders_and_asks_zones_and_pins_again(void **state)
{
	struct bh_policy *a = load(before), *b = load(after);
	struct bh_core_opts o = {.policy = a, .mode = -1, .bare = true, .generation = 65535};
	struct bh_event ev = flow(BH_EV_FLOW_OUTCOME, 9, 502, BH_OUT_SUCCESS, BH_SEC(100)), cmd = {.kind = BH_EV_COMMAND, .at = BH_SEC(101)};
	const struct bh_order *orders;
	struct bh_addr host = ip(1, 200, 9);
	struct bh_core *c;
	size_t n;

	assert_int_equal(bh_core_open(&o, &c), 0);
	step(c, &ev);
	cmd.u.command = (struct bh_ev_command){.verb = BH_CMD_ISOLATE, .ttl = BH_MIN(30), .target = "10.1.200.9", .by = "operator:uid0", .reason = "test"};
	step(c, &cmd);
	orders = bh_core_orders(c, &n);
	assert_int_equal(n, 1);
	assert_int_equal(orders[0].n_pins, 0);
	assert_int_equal(bh_core_plan(c)->n_permits, 3); /* the conduit and two insides */

	assert_int_equal(bh_core_policy(c, b), 0);
	assert_int_equal(bh_core_mode(c), BH_MODE_ASK);
	assert_string_equal(b->zones[bh_state_find(bh_core_state(c), &host)->zone].name, "guests");
	orders = bh_core_orders(c, &n);
	assert_int_equal(n, 1);
	assert_int_equal(orders[0].n_pins, 1);
	assert_int_equal(bh_core_plan(c)->generation, 1); /* 65535 comes round to 1, never to 0 */
	assert_int_equal(bh_core_plan(c)->n_cuts, 1);
	assert_int_equal(bh_core_plan(c)->n_pins, 1);
	bh_core_close(c);
	bh_policy_free(a);
	bh_policy_free(b);
}

static void devices_are_in_the_zones_of_the_policy_there_is_and_declared_by_it(void **state)
{
	static const char small[] = "version: 1\nzones:\n  plc: {networks: [10.1.0.0/16], ot: true}\n"
				    "hosts:\n  hmi: {addresses: [10.1.200.9], mac: \"02:00:00:00:00:09\", roles: [hmi]}\n";
	struct bh_policy *a = load(after), *b = load(small);
	struct bh_core_opts o = {.policy = a, .mode = -1, .bare = true};
	struct bh_event ev = {.kind = BH_EV_ARP, .at = BH_SEC(100), .src = ip(2, 0, 9), .dst = ip(2, 0, 1), .mac_src = {{2, 0, 0, 0, 0, 8}}, .u.arp = {.op = 1}};
	const struct bh_device *far, *near;
	struct bh_devices *t;
	struct bh_core *c;

	assert_int_equal(bh_core_open(&o, &c), 0);
	t = bh_state_devices(bh_core_state(c));
	step(c, &ev);
	ev.src = ip(1, 200, 9);
	ev.mac_src.b[5] = 9;
	step(c, &ev);
	far = bh_devices_find(t, &(struct bh_mac){{2, 0, 0, 0, 0, 8}});
	near = bh_devices_find(t, &ev.mac_src);
	assert_int_equal(far->zone, 2);
	assert_int_equal(near->zone, 1);
	assert_int_equal(bh_core_policy(c, b), 0);
	assert_int_equal(far->zone, BH_ZONE_NONE);
	assert_int_equal(near->zone, 0);
	assert_true((near->flags & BH_DEV_DECLARED) && !(far->flags & BH_DEV_DECLARED));
	assert_int_equal(near->roles, BH_ROLE_BIT(BH_ROLE_HMI));
	assert_int_equal(bh_devices_known_in(t, 0), 1);
	ev.at = BH_SEC(101);
	ev.src = ip(2, 0, 9); /* and its next frame is looked at under the new one */
	ev.mac_src.b[5] = 8;
	step(c, &ev);
	bh_core_close(c);
	bh_policy_free(a);
	bh_policy_free(b);
}

static void a_mode_given_by_hand_outlives_the_policy_it_was_given_under(void **state)
{
	struct bh_policy *a = load(before), *b = load(after);
	struct bh_core_opts o = {.policy = a, .mode = BH_MODE_OBSERVE, .bare = true};
	struct bh_core *c;

	assert_int_equal(bh_core_open(&o, &c), 0);
	assert_int_equal(bh_core_policy(c, b), 0);
	assert_int_equal(bh_core_mode(c), BH_MODE_OBSERVE);
	bh_core_close(c);
	bh_policy_free(a);
	bh_policy_free(b);
}

static size_t used(const struct bh_seen_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < bh_seen_slots(t); i++)
		n += bh_seen_at(t, i) != NULL;
	return n;
}

static void answered_connections_are_remembered_once_by_service(void **state)
{
	struct bh_seen_table *t;
	struct bh_seen_counters n;
	struct bh_event ev;
	const struct bh_seen *s = NULL;

	assert_int_equal(bh_seen_open(1, &t), 0);
	ev = flow(BH_EV_FLOW_NEW, 9, 502, 0, BH_SEC(10));
	bh_seen_step(t, &ev);
	ev = flow(BH_EV_FLOW_OUTCOME, 9, 503, BH_OUT_REFUSED, BH_SEC(11));
	bh_seen_step(t, &ev);
	assert_int_equal(used(t), 0); /* nobody answered yet */
	for (int i = 0; i < 5; i++) {
		ev = flow(BH_EV_FLOW_OUTCOME, 9, 502, BH_OUT_SUCCESS, BH_SEC(20 + i));
		bh_seen_step(t, &ev);
		ev = flow(BH_EV_FLOW_END, 9, 502, BH_OUT_SUCCESS, BH_SEC(21 + i));
		ev.sport = (uint16_t)(40000 + i);
		bh_seen_step(t, &ev);
	}
	assert_int_equal(used(t), 1);
	for (size_t i = 0; i < bh_seen_slots(t); i++)
		s = bh_seen_at(t, i) ? bh_seen_at(t, i) : s;
	assert_int_equal(s->flows, 5);
	assert_int_equal(s->bytes, 5000);
	assert_int_equal(s->dport, 502);
	assert_true(s->first == BH_SEC(18) && s->last == BH_SEC(25));
	bh_seen_counters(t, &n);
	assert_true(n.since == BH_SEC(10) && n.used == 1 && n.evicted == 0);
	bh_seen_close(t);
}

static void a_full_memory_says_since_when_it_has_holes(void **state)
{
	struct bh_seen_table *t;
	struct bh_seen_counters n;

	assert_int_equal(bh_seen_open(1, &t), 0);
	for (unsigned i = 0; i < 100000; i++) {
		struct bh_event ev = flow(BH_EV_FLOW_END, 9, 1 + i % 65000, BH_OUT_SUCCESS, BH_SEC(10) + BH_MS(i));

		ev.dst = ip(2, i >> 16, 1);
		bh_seen_step(t, &ev);
	}
	bh_seen_counters(t, &n);
	assert_int_equal(used(t), bh_seen_slots(t));
	assert_int_equal(n.used, bh_seen_slots(t));
	assert_int_equal(n.evicted, 100000 - bh_seen_slots(t));
	assert_in_range(n.evicted_last, BH_SEC(80), BH_SEC(110));
	bh_seen_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_policy_keeps_hosts_and_orders_and_asks_zones_and_pins_again),
		cmocka_unit_test(devices_are_in_the_zones_of_the_policy_there_is_and_declared_by_it),
		cmocka_unit_test(a_mode_given_by_hand_outlives_the_policy_it_was_given_under),
		cmocka_unit_test(answered_connections_are_remembered_once_by_service),
		cmocka_unit_test(a_full_memory_says_since_when_it_has_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
