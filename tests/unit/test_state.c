/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/state.h>
#include "state/filter.h"

static const struct bh_watch none;

static struct bh_addr ip(unsigned n)
{
	return bh_addr_v4((const uint8_t[]){10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n});
}

static struct bh_state *open_state(struct bh_policy **ret_policy, uint32_t hosts)
{
	struct bh_state_limits lim = {.hosts = hosts, .plane_bytes = {64}, .filter_bits = 16, .watch = &none};
	struct bh_state *s;

	*ret_policy = bh_policy_builtin();
	assert_int_equal(bh_state_open(&lim, *ret_policy, &s), 0);
	return s;
}

static void exchange(struct bh_state *s, unsigned src, unsigned dst, unsigned mac, bh_ns at)
{
	struct bh_event ev = {.kind = BH_EV_FLOW_OUTCOME, .at = at, .src = ip(src), .dst = ip(dst), .proto = 6, .dport = 80, .outcome = BH_OUT_SUCCESS, .flags = BH_EVF_TWOWAY};
	struct bh_sight v;

	ev.mac_src.b[0] = 2;
	ev.mac_src.b[4] = (uint8_t)(mac >> 8);
	ev.mac_src.b[5] = (uint8_t)mac;
	bh_state_step(s, &ev, &v);
}

static void a_flood_of_forged_sources_evicts_no_verified_host(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 256);
	struct bh_state_counters n;
	struct bh_addr a = ip(1), b = ip(2);

	exchange(s, 1, 2, 1, BH_SEC(1));
	for (unsigned i = 0; i < 100000; i++) {
		struct bh_event ev = {.kind = BH_EV_FLOW_NEW, .at = BH_SEC(2) + i, .src = ip(0x10000 + i), .dst = ip(3), .proto = 6, .dport = 80, .flow_id = i};
		struct bh_sight v;

		bh_state_step(s, &ev, &v);
	}
	bh_state_counters(s, &n);
	assert_int_equal(n.hosts, 256);
	assert_true(n.evicted > 99000);
	assert_non_null(bh_state_find(s, &a));
	assert_non_null(bh_state_find(s, &b));
	bh_state_close(s);
	bh_policy_free(p);
}

static void a_full_plane_takes_from_strangers_first_and_pairs_hold(void **state)
{
	struct bh_state_limits lim = {.hosts = 64, .plane_bytes = {24}, .plane_hosts = {4}, .filter_bits = 16, .watch = &none};
	struct bh_policy *p = bh_policy_builtin();
	struct bh_state_counters n;
	struct bh_state *s;
	struct bh_host *known, *other;
	struct bh_addr a = ip(1), b = ip(2);
	void *pair[2];
	char *mine;

	assert_int_equal(bh_state_open(&lim, p, &s), 0);
	exchange(s, 1, 2, 1, BH_SEC(1));
	known = bh_state_find(s, &a);
	other = bh_state_find(s, &b);
	mine = bh_state_bytes(s, known, 0);
	memset(mine, 7, 24);
	for (unsigned i = 0; i < 30; i++) {
		struct bh_addr stranger = ip(100 + i);

		assert_int_equal(*(char *)bh_state_bytes(s, bh_state_touch(s, &stranger, BH_SEC(2)), 0), 0);
	}
	assert_ptr_equal(bh_state_bytes(s, known, 0), mine);
	assert_int_equal(mine[23], 7);
	bh_state_pair(s, known, other, 0, pair);
	assert_ptr_equal(pair[0], mine);
	assert_ptr_not_equal(pair[1], mine);
	assert_int_equal(*(char *)pair[1], 0);
	bh_state_counters(s, &n);
	assert_int_equal(n.plane_entries, 4);
	assert_int_equal(n.plane_evicted, 28);
	bh_state_close(s);
	bh_policy_free(p);
}

static void a_scan_makes_no_host_of_its_targets(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 1024);
	struct bh_state_counters n;

	for (unsigned i = 0; i < 1000; i++) {
		struct bh_event ev = {.kind = BH_EV_FLOW_NEW, .at = BH_SEC(1) + i, .src = ip(7), .dst = ip(0x20000 + i), .proto = 6, .dport = 445, .flow_id = i + 1};
		struct bh_sight v;

		bh_state_step(s, &ev, &v);
		assert_true(v.first_contact);
		ev.kind = BH_EV_FLOW_OUTCOME;
		ev.outcome = BH_OUT_SILENT;
		bh_state_step(s, &ev, &v);
	}
	bh_state_counters(s, &n);
	assert_int_equal(n.hosts, 1);
	bh_state_close(s);
	bh_policy_free(p);
}

/* the index with its backward-shift deletion against a plain array */
static void hosts_are_found_exactly_while_they_live(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 64);
	uint64_t x = 2463534242ull;

	for (int i = 0; i < 20000; i++) {
		struct bh_addr a;
		struct bh_host *h;
		unsigned alive = 0;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		a = ip((unsigned)(x & 255) + 1);
		h = bh_state_touch(s, &a, BH_SEC(1) + (bh_ns)i);
		assert_non_null(h);
		assert_true(bh_addr_eq(&h->addr, &a));
		if (i % 97)
			continue;
		for (unsigned k = 1; k <= 256; k++) {
			struct bh_addr b = ip(k);
			struct bh_host *f = bh_state_find(s, &b);

			alive += f != NULL;
			if (f)
				assert_true(bh_addr_eq(&f->addr, &b));
		}
		assert_in_range(alive, 1, 64);
	}
	bh_state_close(s);
	bh_policy_free(p);
}

static void a_mac_with_nine_addresses_is_a_router_and_bound_to_nobody(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 256);
	struct bh_addr addrs[BH_HOST_ADDRS], a = ip(9);
	struct bh_mac m = {{2, 0, 0, 0, 0, 5}};

	for (unsigned i = 1; i <= 8; i++)
		exchange(s, i, 100, 5, BH_SEC(i));
	assert_int_equal(bh_state_addrs_of(s, &m, addrs), 8);
	exchange(s, 9, 100, 5, BH_SEC(9));
	assert_int_equal(bh_state_addrs_of(s, &m, addrs), 0);
	assert_true(bh_mac_none(&bh_state_find(s, &a)->mac));
	bh_state_close(s);
	bh_policy_free(p);
}

static void two_macs_on_one_address_are_a_conflict_only_when_close_in_time(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 256);
	struct bh_addr a = ip(1);

	exchange(s, 1, 100, 1, BH_SEC(1));
	exchange(s, 1, 100, 2, BH_HOUR(2)); /* a new network card, much later */
	assert_true(bh_state_find(s, &a)->conflict_until <= BH_HOUR(2));
	exchange(s, 1, 100, 3, BH_HOUR(2) + BH_SEC(5));
	assert_true(bh_state_find(s, &a)->conflict_until > BH_HOUR(2) + BH_SEC(5));
	bh_state_close(s);
	bh_policy_free(p);
}

static void the_filter_remembers_a_generation_and_forgets_after_two(void **state)
{
	struct bh_filter f;

	assert_int_equal(bh_filter_init(&f, 16), 0);
	assert_false(bh_filter_add(&f, 0x1234567890abcdefull, BH_SEC(1)));
	assert_true(bh_filter_add(&f, 0x1234567890abcdefull, BH_SEC(2)));
	bh_filter_add(&f, 1, BH_SEC(1) + BH_FILTER_TURN + BH_SEC(10));
	bh_filter_add(&f, 2, BH_SEC(1) + 2 * BH_FILTER_TURN + BH_SEC(30));
	assert_int_equal(f.turns, 2);
	assert_false(bh_filter_add(&f, 0x1234567890abcdefull, BH_SEC(1) + 2 * BH_FILTER_TURN + BH_SEC(31)));
	bh_filter_fini(&f);
}

static void the_filter_rarely_takes_a_new_key_for_an_old_one(void **state)
{
	struct bh_filter f;
	unsigned wrong = 0;

	assert_int_equal(bh_filter_init(&f, 20), 0); /* a million bits for 20,000 keys: 52 bits a key */
	for (uint64_t i = 0; i < 20000; i++)
		wrong += bh_filter_add(&f, bh_hash(&i, sizeof i, 1), BH_SEC(1));
	assert_in_range(wrong, 0, 20); /* one in a thousand */
	bh_filter_fini(&f);
}

static void the_filter_forgets_nothing_as_it_grows(void **state)
{
	struct bh_filter f;
	unsigned wrong = 0;

	/* 8,192 keys fill the first step, 32,768 the second, 131,072 the third */
	assert_int_equal(bh_filter_init(&f, 24), 0);
	for (uint64_t i = 0; i < 150000; i++)
		wrong += bh_filter_add(&f, bh_hash(&i, sizeof i, 1), BH_SEC(1));
	assert_in_range(wrong, 0, 30);
	for (uint64_t i = 0; i < 150000; i++)
		assert_true(bh_filter_add(&f, bh_hash(&i, sizeof i, 1), BH_SEC(2)));
	/* the elder generation holds what only it saw, and is empty when its turn comes again */
	for (uint64_t i = 0; i < 150000; i += 1000)
		assert_true(bh_filter_add(&f, bh_hash(&i, sizeof i, 1), BH_SEC(1) + BH_FILTER_TURN + BH_SEC(10)));
	bh_filter_add(&f, 7, BH_SEC(1) + 2 * BH_FILTER_TURN + BH_SEC(20));
	bh_filter_add(&f, 8, BH_SEC(1) + 3 * BH_FILTER_TURN + BH_SEC(30));
	for (uint64_t i = wrong = 0; i < 150000; i++)
		wrong += bh_filter_add(&f, bh_hash(&i, sizeof i, 1), BH_SEC(1) + 3 * BH_FILTER_TURN + BH_SEC(31));
	assert_in_range(wrong, 0, 30);
	bh_filter_fini(&f);
}

static void fanout_counts_small_numbers_and_forgets_after_the_window(void **state)
{
	struct bh_fanout f = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < 40; i++) {
		struct bh_addr a = ip(i + 1);

		n = bh_fanout_touch(&f, bh_addr_hash(&a, 1), BH_SEC(1) + i, BH_MIN(5));
	}
	assert_in_range(n, 34, 46);
	assert_int_equal(bh_fanout_touch(&f, 77, BH_SEC(1) + BH_MIN(11), BH_MIN(5)), 1);
}

static void a_role_is_proposed_by_what_is_served_and_relieves_nothing(void **state)
{
	struct bh_policy *p;
	struct bh_state *s = open_state(&p, 64);
	struct bh_event ev = {.kind = BH_EV_KRB, .at = 5, .src = ip(1), .dst = ip(9), .proto = 17, .dport = 88, .flags = BH_EVF_TWOWAY, .u.krb.type = BH_KRB_AS_REP};
	struct bh_sight v;

	bh_state_step(s, &ev, &v);
	assert_int_equal(bh_state_seems(v.dst), 0);
	ev.kind = BH_EV_LDAP;
	memset(&ev.u, 0, sizeof ev.u);
	ev.u.ldap.op = BH_LDAP_DONE;
	ev.flags = 0; /* anybody could have sent that */
	bh_state_step(s, &ev, &v);
	assert_int_equal(bh_state_seems(v.dst), 0);
	ev.flags = BH_EVF_TWOWAY;
	bh_state_step(s, &ev, &v);
	assert_int_equal(bh_state_seems(v.dst), BH_ROLE_BIT(BH_ROLE_DC));
	assert_int_equal(v.dst->roles, 0);
	ev.kind = BH_EV_SMB;
	memset(&ev.u, 0, sizeof ev.u);
	ev.u.smb.op = BH_SMB_TREE;
	bh_strcpy(ev.u.smb.share, sizeof ev.u.smb.share, "data");
	bh_state_step(s, &ev, &v);
	for (unsigned i = 20; i < 23; i++)
		exchange(s, i, 9, i, 10 + i);
	assert_int_equal(bh_state_seems(v.dst), BH_ROLE_BIT(BH_ROLE_DC) | BH_ROLE_BIT(BH_ROLE_FILE));
	bh_state_close(s);
	bh_policy_free(p);
}

static void services_are_classed_by_port_and_protocol(void **state)
{
	struct bh_watch *w = bh_watch_builtin();

	assert_int_equal(bh_watch_service(w, 6, 445), BH_SVC_SMB);
	assert_int_equal(bh_watch_service(w, 17, 445), BH_SVC_NONE);
	assert_int_equal(bh_watch_service(w, 6, 5906), BH_SVC_VNC);
	assert_int_equal(bh_watch_service(w, 6, 5907), BH_SVC_NONE);
	assert_int_equal(bh_watch_service(w, 6, 502), BH_SVC_OT);
	assert_int_equal(bh_watch_service(w, 17, 623), BH_SVC_IPMI);
	assert_int_equal(bh_watch_service(w, 6, 65535), BH_SVC_NONE);
	bh_watch_free(w);
}

static void what_never_came_from_a_zone_is_not_seen_there(void **state)
{
	struct bh_policy *p = bh_policy_builtin();
	struct bh_state_limits lim = {.hosts = 64, .filter_bits = 16};
	struct bh_event arp = {.at = BH_HOUR(1), .kind = BH_EV_ARP, .mac_src = {{0, 1, 2, 3, 4, 5}}, .u.arp = {.op = 1, .flags = BH_ARP_F_GROUP}};
	uint8_t a[4] = {10, 0, 0, 7}, b[4] = {10, 0, 0, 1};
	struct bh_state *s;
	struct bh_sight v;
	uint16_t zone;

	arp.src = bh_addr_v4(a);
	arp.dst = bh_addr_v4(b);
	assert_int_equal(bh_state_open(&lim, p, &s), 0);
	zone = bh_policy_zone_of(p, &arp.src);
	assert_int_equal(bh_state_sees(s, zone, BH_HOUR(1)), 0);
	bh_state_step(s, &arp, &v);
	assert_int_equal(bh_state_sees(s, zone, BH_HOUR(2)), BH_SEES_BIT(FRAMES) | BH_SEES_BIT(ASKED));
	assert_int_equal(bh_state_sees(s, zone, BH_HOUR(30)), 0);
	bh_state_close(s);
	bh_policy_free(p);
}

static void our_own_questions_and_their_answers_show_nothing_of_a_zone(void **state)
{
	static const uint8_t us[4] = {10, 0, 0, 2}, them[4] = {10, 0, 0, 9};
	struct bh_addr self = bh_addr_v4(us);
	struct bh_state_limits lim = {.hosts = 64, .filter_bits = 16, .self = &self, .n_self = 1};
	struct bh_event ev = {.at = BH_HOUR(1), .kind = BH_EV_NAME, .proto = 17, .src = self, .mac_src = {{2, 0, 0, 0, 0, 2}}};
	struct bh_event ask = {.at = BH_HOUR(1), .kind = BH_EV_COMMAND};
	struct bh_policy *p = bh_policy_builtin();
	struct bh_state *s;
	struct bh_sight v;
	uint16_t zone;

	assert_int_equal(bh_state_open(&lim, p, &s), 0);
	zone = bh_policy_zone_of(p, &self);
	ask.u.command.verb = BH_CMD_PROBE;
	bh_strcpy(ask.u.command.target, sizeof ask.u.command.target, "bafokemidalu");
	bh_strcpy(ask.u.command.reason, sizeof ask.u.command.reason, "inside eth1");
	assert_int_equal(bh_state_asked(s, zone, false), 0);
	bh_state_probe(s, &ask);
	assert_int_equal(bh_state_asked(s, zone, false), BH_HOUR(1));
	assert_int_equal(bh_state_asked(s, zone, true), 0);
	ev.u.name.via = BH_NAME_LLMNR;
	ev.u.name.op = BH_NAME_QUERY;
	bh_strcpy(ev.u.name.name, sizeof ev.u.name.name, "bafokemidalu");
	bh_state_step(s, &ev, &v);
	assert_int_equal(v.probed, BH_PROBED_NO);
	ev.src = bh_addr_v4(them);
	ev.dst = self;
	ev.mac_src = (struct bh_mac){{2, 0, 0, 0, 0, 9}};
	ev.u.name.op = BH_NAME_ANSWER;
	bh_strcpy(ev.u.name.name, sizeof ev.u.name.name, "BAFOKEMIDALU.local");
	bh_state_step(s, &ev, &v);
	assert_int_equal(v.probed, BH_PROBED_ANSWER);
	assert_int_equal(bh_state_sees(s, zone, BH_HOUR(1)) | bh_state_sees(s, BH_ZONE_NONE, BH_HOUR(1)), 0);
	ev.at += BH_MIN(10) + 1;
	bh_state_step(s, &ev, &v);
	assert_int_equal(v.probed, BH_PROBED_NO);
	assert_int_equal(bh_state_sees(s, BH_ZONE_NONE, ev.at), BH_SEES_BIT(REPLIES)); /* its device has no zone yet */
	bh_state_close(s);
	bh_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_forged_sources_evicts_no_verified_host),
		cmocka_unit_test(a_full_plane_takes_from_strangers_first_and_pairs_hold),
		cmocka_unit_test(a_scan_makes_no_host_of_its_targets),
		cmocka_unit_test(hosts_are_found_exactly_while_they_live),
		cmocka_unit_test(a_mac_with_nine_addresses_is_a_router_and_bound_to_nobody),
		cmocka_unit_test(our_own_questions_and_their_answers_show_nothing_of_a_zone),
		cmocka_unit_test(what_never_came_from_a_zone_is_not_seen_there),
		cmocka_unit_test(two_macs_on_one_address_are_a_conflict_only_when_close_in_time),
		cmocka_unit_test(the_filter_remembers_a_generation_and_forgets_after_two),
		cmocka_unit_test(the_filter_rarely_takes_a_new_key_for_an_old_one),
		cmocka_unit_test(the_filter_forgets_nothing_as_it_grows),
		cmocka_unit_test(fanout_counts_small_numbers_and_forgets_after_the_window),
		cmocka_unit_test(a_role_is_proposed_by_what_is_served_and_relieves_nothing),
		cmocka_unit_test(services_are_classed_by_port_and_protocol),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
