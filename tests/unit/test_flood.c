/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A million invented devices and addresses through the whole core: what is known stays, all is counted, and nobody drowns in alerts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/decide.h>

#define KNOWN 500
#define FLOOD 1000000u

static const char policy_text[] = "version: 1\nsite: flood\nzones:\n  office: {networks: [10.0.0.0/8]}\n"
				  "hosts:\n  gw: {addresses: [10.0.0.1], roles: [gateway], mac: \"02:00:00:00:00:01\"}\nresponse: {mode: auto}\n";

static uint64_t x = 88172645463325252ull;

static uint64_t any(void)
{
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return x;
}

static struct bh_event arp(bh_ns at, struct bh_mac m, uint32_t addr)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_ARP, .mac_src = m, .u.arp = {.op = 1, .flags = BH_ARP_F_GROUP}};

	ev.src = bh_addr_v4((const uint8_t[4]){10, (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr});
	ev.dst = bh_addr_v4((const uint8_t[4]){10, 0, 0, 1});
	return ev;
}

static struct bh_mac known(uint32_t i)
{
	return (struct bh_mac){{0, 0x1b, 0x21, 0, (uint8_t)(i >> 8), (uint8_t)i}};
}

static void a_million_invented_devices_leave_the_known_alone(void **state)
{
	struct bh_core_opts o = {.mode = BH_MODE_AUTO, .bare = true, .hosts = 4096};
	struct bh_out *out = calloc(1, sizeof *out);
	struct bh_core_counters n;
	struct bh_diags d = {0};
	struct bh_policy *p;
	struct bh_core *c;
	uint64_t told = 0;

	assert_int_equal(bh_policy_load(policy_text, strlen(policy_text), "flood.yaml", &d, &p), 0);
	o.policy = p;
	assert_int_equal(bh_core_open(&o, &c), 0);
	for (uint32_t i = 0; i < KNOWN; i++) {
		struct bh_event ev = arp(BH_HOUR(1), known(i), 1000 + i);

		assert_int_equal(bh_core_step(c, &ev, out), 0);
		assert_int_equal(bh_state_device_set(bh_core_state(c), &ev.mac_src, "approve", "test", ev.at), 0);
	}
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint64_t r = any();
		struct bh_event ev = arp(BH_HOUR(1) + (bh_ns)i * 10000, (struct bh_mac){{2, (uint8_t)(r >> 32), (uint8_t)(r >> 24), (uint8_t)(r >> 16), (uint8_t)(r >> 8), (uint8_t)r}}, (uint32_t)(r >> 40));

		out->n = 0;
		assert_int_equal(bh_core_step(c, &ev, out), 0);
		for (size_t k = 0; k < out->n; k++) {
			told += out->rec[k].kind == BH_REC_ALERT;
			assert_int_not_equal(out->rec[k].kind, BH_REC_ACTION);
		}
	}
	for (uint32_t i = 0; i < KNOWN; i++) {
		struct bh_mac m = known(i);
		const struct bh_device *dev = bh_devices_find(bh_state_devices(bh_core_state(c)), &m);

		assert_non_null(dev);
		assert_int_equal(dev->status, BH_DEV_KNOWN);
		assert_int_equal(dev->n_addrs, 1);
		assert_non_null(bh_state_find(bh_core_state(c), &dev->addrs[0]));
	}
	bh_core_counters(c, &n);
	assert_int_equal(n.state.devices.devices, 4096);
	assert_true(n.state.devices.evicted > FLOOD - 4096 - 1000);
	assert_in_range(n.state.hosts, 1, 4096);
	assert_in_range(told, 1, 300);
	print_message("# %llu alerts, %llu devices and %llu hosts pushed out\n", (unsigned long long)told, (unsigned long long)n.state.devices.evicted,
		(unsigned long long)n.state.evicted);
	bh_core_close(c);
	bh_policy_free(p);
	bh_diags_fini(&d);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_million_invented_devices_leave_the_known_alone)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
