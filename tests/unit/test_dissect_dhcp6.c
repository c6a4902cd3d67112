/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages by hand, wrapped by as many relays as a test wants. Every fact must survive its own text. */
#include "one_fact.h"

extern const struct bh_dissector bh_dissector_dhcp6;

struct msg {
	uint8_t b[2000];
	size_t n;
};

static void opt(struct msg *m, unsigned code, const void *p, size_t n)
{
	uint8_t head[4] = {(uint8_t)(code >> 8), (uint8_t)code, (uint8_t)(n >> 8), (uint8_t)n};

	memcpy(m->b + m->n, head, 4);
	memcpy(m->b + m->n + 4, p, n);
	m->n += 4 + n;
}

static struct msg message(uint8_t type)
{
	return (struct msg){.b = {type, 0x12, 0x34, 0x56}, .n = 4};
}

#define DUID_LLT "\0\1\0\1\x2b\xc0\xff\xee\2\xaa\xbb\xcc\xdd\xee"
#define IA(addr_last) "\0\0\0\1\0\0\0\0\0\0\0\0\0\5\0\x18\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0" addr_last "\0\0\0\x64\0\0\1\x2c"

static struct msg solicit(void)
{
	struct msg m = message(BH_DHCP6_SOLICIT);

	opt(&m, 8, "\0\0", 2);
	opt(&m, 1, DUID_LLT, 14);
	opt(&m, 3, "\0\0\0\1\0\0\0\0\0\0\0\0", 12);
	opt(&m, 39, "\0\3pc7\4corp", 10);
	opt(&m, 16, "\0\0\1\x37\0\x08MSFT 5.0", 14);
	opt(&m, 6, "\0\x11\0\x17\0\x18\0\x27\1\x2c", 10);
	return m;
}

static struct msg wrap(uint8_t type, const struct msg *inner, uint8_t link, const char *port)
{
	struct msg m = {.b = {type}, .n = 34};

	if (link)
		m.b[2] = 0xfd, m.b[17] = link;
	if (port)
		opt(&m, 18, port, strlen(port));
	opt(&m, 9, inner->b, inner->n);
	return m;
}

static struct box run(const uint8_t *p, size_t n, bool server)
{
	static const uint8_t one[16] = {0xfe, 0x80, [15] = 0x77}, other[16] = {0xfe, 0x80, [15] = 0x50};
	uint8_t *copy = malloc(n ? n : 1); /* exact size, so that a sanitizer sees a read past the end */
	struct bh_packet k = {.what = BH_WHAT_UDP,
		.flags = BH_PKT_IPV6,
		.payload = copy,
		.payload_len = (uint32_t)n,
		.ttl = 64,
		.src = bh_addr_v6(server ? one : other),
		.dst = bh_addr_v6(server ? other : one),
		.sport = server ? 547 : 546,
		.dport = server ? 546 : 547,
		.mac_src = {{2, 0, 0, 0, 0, server ? 0x77 : 0x50}},
		.mac_dst = {{2, 0, 0, 0, 0, server ? 0x50 : 0x77}}};
	struct bh_event proto = {.proto = 17, .app = BH_APP_DHCP, .flags = BH_EVF_GUESS};
	void *state = bh_dissector_dhcp6.open(1);
	struct box b = {.n = 0};
	struct bh_event_sink sink = {emit, &b};

	memcpy(copy, p, n);
	assert_true(bh_dissector_dhcp6.wants(&k, 0));
	bh_dissector_dhcp6.packet(state, &(struct bh_dissect_in){.pkt = &k, .payload = copy, .len = (uint32_t)n, .proto = &proto}, &sink);
	bh_dissector_dhcp6.counters(state, pick, NULL);
	bh_dissector_dhcp6.close(state);
	free(copy);
	return b;
}

static void a_client_is_told_with_what_it_is_and_asks_for(void **state)
{
	static const uint8_t order[] = {8, 1, 3, 39, 16, 6}, asked[BH_DHCP_OPTS] = {17, 23, 24, 39, 255};
	struct msg m = solicit();
	struct box b = run(m.b, m.n, false);
	const struct bh_ev_dhcp *d = &b.ev.u.dhcp;
	char a[BH_ADDR_TEXT];

	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.kind, BH_EV_DHCP);
	assert_int_equal(b.ev.flags, 0);
	assert_int_equal(b.ev.app, 0);
	assert_string_equal(bh_addr_print(&b.ev.src, a), "fe80::50");
	assert_int_equal(d->type, BH_DHCP6_SOLICIT);
	assert_int_equal(d->flags, BH_DHCP_F_V6);
	assert_int_equal(d->xid, 0x123456);
	assert_int_equal(d->client.b[5], 0xee);
	assert_int_equal(d->id_type, 1);
	assert_true(d->client_id == (bh_hash(DUID_LLT, 14, 0) | 1));
	assert_int_equal(d->n_opts, 6);
	assert_memory_equal(d->opts, order, 6);
	assert_memory_equal(d->params, asked, sizeof asked);
	assert_string_equal(d->hostname, "pc7.corp");
	assert_string_equal(d->vendor, "MSFT 5.0");
	assert_true(bh_addr_none(&d->server_id) && bh_addr_none(&d->yiaddr));
}

static void a_server_is_told_with_what_it_hands_out(void **state)
{
	struct msg m = message(BH_DHCP6_REPLY);
	const struct bh_ev_dhcp *d;
	char a[BH_ADDR_TEXT];
	struct box b;

	opt(&m, 2, "\0\3\0\1\2\0\0\0\0\x77", 10);
	opt(&m, 1, DUID_LLT, 14);
	opt(&m, 3, IA("\x09"), 40);
	opt(&m, 3, IA("\x0a"), 40);
	opt(&m, 23, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x35\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x36", 32);
	b = run(m.b, m.n, true);
	d = &b.ev.u.dhcp;
	assert_int_equal(b.n, 1);
	assert_string_equal(bh_addr_print(&d->server_id, a), "fe80::77");
	assert_string_equal(bh_addr_print(&d->yiaddr, a), "fd00::9");
	assert_string_equal(bh_addr_print(&d->dns, a), "fe80::35");
	assert_int_equal(d->lease_s, 300);
	assert_int_equal(d->client.b[5], 0xee);
	m.b[0] = BH_DHCP6_REQUEST; /* from a client the same is a wish */
	b = run(m.b, m.n, false);
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.wanted, a), "fd00::9");
	assert_true(bh_addr_none(&b.ev.u.dhcp.yiaddr));
}

static void a_duid_without_a_mac_leaves_the_frames(void **state)
{
	static const struct {
		const char *duid;
		size_t n;
		uint8_t type, last;
	} rows[] = {
		{"\0\3\0\1\2\0\0\0\0\x09", 10, 3, 9},
		{"\0\3\0\6\2\0\0\0\0\x09", 10, 3, 9},
		{"\0\3\0\x20\2\0\0\0\0\x09", 10, 3, 0x50}, /* of InfiniBand */
		{"\0\3\0\1\2\0\0\0\0\x09\0", 11, 3, 0x50},
		{"\0\2\0\0\1\x37\1\2\3\4", 10, 2, 0x50},
		{"\0\4\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08", 18, 4, 0x50},
		{"\1\4xx", 4, 255, 0x50},
	};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = message(BH_DHCP6_SOLICIT), reply = message(BH_DHCP6_ADVERTISE), relayed;
		struct box b;

		opt(&m, 1, rows[i].duid, rows[i].n);
		b = run(m.b, m.n, false);
		assert_int_equal(b.ev.u.dhcp.client.b[5], rows[i].last);
		assert_int_equal(b.ev.u.dhcp.id_type, rows[i].type);
		opt(&reply, 1, rows[i].duid, rows[i].n); /* the frame goes to the client, it does not come from it */
		b = run(reply.b, reply.n, true);
		assert_int_equal(b.ev.u.dhcp.client.b[5], rows[i].last);
		relayed = wrap(BH_DHCP6_RELAY_FORW, &m, 1, NULL);
		b = run(relayed.b, relayed.n, false);
		assert_int_equal(b.ev.u.dhcp.client.b[5], rows[i].last == 0x50 ? 0 : rows[i].last);
	}
}

static void relays_are_taken_off_up_to_eight_and_the_innermost_is_told(void **state)
{
	struct msg m = solicit();
	char a[BH_ADDR_TEXT];

	for (unsigned n = 1; n <= 10; n++) {
		struct box b;

		m = wrap(BH_DHCP6_RELAY_FORW, &m, (uint8_t)n, n == 1 ? "Gi0/1\n" : NULL);
		b = run(m.b, m.n, false);
		assert_int_equal(b.n, n <= 8);
		assert_int_equal(malformed, n > 8);
		if (n > 8)
			continue;
		assert_int_equal(b.ev.u.dhcp.type, BH_DHCP6_SOLICIT);
		assert_int_equal(b.ev.u.dhcp.flags, BH_DHCP_F_V6 | BH_DHCP_F_RELAYED);
		assert_string_equal(bh_addr_print(&b.ev.u.dhcp.giaddr, a), "fd00::1");
		assert_string_equal(b.ev.u.dhcp.circuit, "Gi0/1.");
		assert_int_equal(b.ev.u.dhcp.n_opts, 6); /* the client's */
	}
}

static void a_relay_that_contradicts_itself_is_malformed(void **state)
{
	struct msg ask = solicit(), tell = message(BH_DHCP6_ADVERTISE), m, twice;

	m = wrap(BH_DHCP6_RELAY_REPL, &ask, 1, NULL);
	assert_int_equal(run(m.b, m.n, true).n, 0);
	m = wrap(BH_DHCP6_RELAY_FORW, &tell, 1, NULL);
	assert_int_equal(run(m.b, m.n, true).n, 0);
	m = wrap(BH_DHCP6_RELAY_REPL, &tell, 1, NULL);
	assert_int_equal(run(m.b, m.n, true).n, 1);
	twice = wrap(BH_DHCP6_RELAY_FORW, &m, 1, NULL);
	assert_int_equal(run(twice.b, twice.n, true).n, 0);
	m = (struct msg){.b = {BH_DHCP6_RELAY_FORW}, .n = 34}; /* nothing inside */
	assert_int_equal(run(m.b, m.n, false).n, 0);
	assert_int_equal(malformed, 1);
}

static void what_is_cut_or_of_another_type_is_no_fact(void **state)
{
	struct msg m = solicit(), relayed = wrap(BH_DHCP6_RELAY_FORW, &m, 1, "p");
	struct msg odd;
	size_t ok = 0;

	for (size_t n = 0; n < m.n; n++) /* between two options it is another message */
		ok += run(m.b, n, false).n;
	assert_int_equal(ok, 6);
	for (size_t n = 0; n < relayed.n; n++)
		assert_int_equal(run(relayed.b, n, false).n, 0);
	odd = message(0);
	assert_int_equal(run(odd.b, odd.n, false).n, 0);
	odd = message(14);
	assert_int_equal(run(odd.b, odd.n, false).n, 0);
	assert_int_equal(malformed, 0);
	odd = message(1);
	opt(&odd, 3, IA("\x09"), 39); /* an address cut inside its set */
	assert_int_equal(run(odd.b, odd.n, false).n, 0);
	odd = message(1);
	opt(&odd, 6, "\0\1\0", 3);
	assert_int_equal(run(odd.b, odd.n, false).n, 0);
	assert_int_equal(malformed, 1);
}

static void an_option_of_number_zero_is_not_listed(void **state)
{
	static const uint8_t order[] = {8, 6};
	struct msg m = message(1);
	struct box b;

	opt(&m, 8, "\0\0", 2);
	opt(&m, 0, "", 0);
	opt(&m, 6, "\0\0\0\x17", 4);
	b = run(m.b, m.n, false);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.u.dhcp.n_opts, 2);
	assert_memory_equal(b.ev.u.dhcp.opts, order, 2);
	assert_int_equal(b.ev.u.dhcp.params[0], 23);
}

static void more_options_than_a_fact_holds_are_left_out(void **state)
{
	struct msg m = message(1);
	struct box b;

	for (unsigned i = 0; i < 60; i++)
		opt(&m, 200 + i, "x", 1);
	b = run(m.b, m.n, false);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.u.dhcp.n_opts, BH_DHCP_OPTS);
	assert_int_equal(b.ev.u.dhcp.opts[0], 200);
	assert_int_equal(b.ev.u.dhcp.opts[47], 247);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_told_with_what_it_is_and_asks_for),
		cmocka_unit_test(a_server_is_told_with_what_it_hands_out),
		cmocka_unit_test(a_duid_without_a_mac_leaves_the_frames),
		cmocka_unit_test(relays_are_taken_off_up_to_eight_and_the_innermost_is_told),
		cmocka_unit_test(a_relay_that_contradicts_itself_is_malformed),
		cmocka_unit_test(what_is_cut_or_of_another_type_is_no_fact),
		cmocka_unit_test(an_option_of_number_zero_is_not_listed),
		cmocka_unit_test(more_options_than_a_fact_holds_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
