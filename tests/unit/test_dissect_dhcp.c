/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_dhcp;

struct box {
	struct bh_event ev;
	size_t n;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct box *b = ctx;

	b->ev = *ev;
	b->n++;
}

static uint64_t counted;
static void pick(void *ctx, const char *name, uint64_t v)
{
	if (!strcmp(name, ctx))
		counted = v;
}

struct msg {
	uint8_t b[700];
	size_t n;
};

static struct msg message(uint8_t op)
{
	struct msg m = {.n = 240};

	m.b[0] = op;
	m.b[1] = 1;
	m.b[2] = 6;
	memcpy(m.b + 4, "\x12\x34\x56\x78", 4);
	if (op == 2)
		memcpy(m.b + 16, "\x0a\x00\x00\x63", 4);
	memcpy(m.b + 28, "\x02\xaa\xbb\xcc\xdd\xee", 6);
	memcpy(m.b + 236, "\x63\x82\x53\x63", 4);
	return m;
}

static void opt(struct msg *m, uint8_t code, const void *p, uint8_t n)
{
	m->b[m->n++] = code;
	m->b[m->n++] = n;
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static struct box run(const uint8_t *p, size_t n)
{
	static const uint8_t server[4] = {10, 0, 0, 3}, all[4] = {255, 255, 255, 255}, zero[4];
	/* exact size, so that a sanitizer sees a read past the end */
	uint8_t *copy = malloc(n ? n : 1);
	bool reply = n && p[0] == 2;
	struct bh_packet k = {.what = BH_WHAT_UDP,
		.payload = copy,
		.payload_len = (uint32_t)n,
		.ttl = 64,
		.src = bh_addr_v4(reply ? server : zero),
		.dst = bh_addr_v4(all),
		.sport = reply ? 67 : 68,
		.dport = reply ? 68 : 67,
		.mac_src = {{2, 0, 0, 0, 0, 3}}};
	/* the flow was opened by the client */
	struct bh_event proto = {.src = bh_addr_v4(zero),
		.dst = bh_addr_v4(all),
		.sport = 68,
		.dport = 67,
		.proto = 17,
		.app = BH_APP_DHCP,
		.flags = BH_EVF_GUESS,
		.mac_src = {{2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}}};
	void *state = bh_dissector_dhcp.open(1);
	struct box b = {.n = 0};
	struct bh_event_sink sink = {emit, &b};

	memcpy(copy, p, n);
	assert_true(bh_dissector_dhcp.wants(&k, 0));
	bh_dissector_dhcp.packet(state,
		&(struct bh_dissect_in){.pkt = &k,
			.dir = reply,
			.payload = copy,
			.len = (uint32_t)n,
			.proto = &proto},
		&sink);
	bh_dissector_dhcp.counters(state, pick, (void *)(uintptr_t) "malformed");
	bh_dissector_dhcp.close(state);
	free(copy);
	return b;
}

static struct msg offer(void)
{
	struct msg m = message(2);

	opt(&m, 53, "\2", 1);
	opt(&m, 54, "\x0a\0\0\2", 4);
	opt(&m, 51, "\0\0\1\x2c", 4);
	opt(&m, 3, "\x0a\0\0\1\x0a\0\0\7", 8);
	opt(&m, 6, "\x0a\0\0\5", 4);
	return m;
}

static void an_offer_is_told_from_the_server_with_all_it_hands_out(void **state)
{
	static const uint8_t order[] = {53, 54, 51, 3, 6};
	struct msg m = offer();
	char a[BH_ADDR_TEXT];
	struct box b;

	m.b[m.n++] = 255;
	b = run(m.b, m.n);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.kind, BH_EV_DHCP);
	assert_int_equal(b.ev.u.dhcp.type, 2);
	assert_int_equal(b.ev.u.dhcp.xid, 0x12345678);
	assert_int_equal(b.ev.u.dhcp.lease_s, 300);
	assert_string_equal(bh_addr_print(&b.ev.src, a), "10.0.0.3");
	assert_int_equal(b.ev.mac_src.b[5], 3);
	assert_int_equal(b.ev.sport, 67);
	assert_int_equal(b.ev.flags, 0);
	assert_int_equal(b.ev.app, 0);
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.server_id, a), "10.0.0.2");
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.yiaddr, a), "10.0.0.99");
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.router, a), "10.0.0.1");
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.dns, a), "10.0.0.5");
	assert_true(bh_addr_none(&b.ev.u.dhcp.giaddr));
	assert_int_equal(b.ev.u.dhcp.client.b[1], 0xaa);
	assert_int_equal(b.ev.u.dhcp.n_opts, 5);
	assert_memory_equal(b.ev.u.dhcp.opts, order, 5);
	assert_int_equal(b.ev.u.dhcp.flags, 0);
}

static void a_fact_survives_its_own_text(void **state)
{
	char line[BH_EVENT_TEXT];
	struct bh_event back;
	struct bh_event_error e;
	struct msg m = message(1);
	struct box b;

	opt(&m, 53, "\1", 1);
	opt(&m, 12, "De\"s\x01k\xff", 7);
	opt(&m, 60, "MSFT 5.0\0junk", 13);
	b = run(m.b, m.n);
	assert_int_equal(b.n, 1);
	assert_string_equal(b.ev.u.dhcp.vendor, "MSFT 5.0");
	assert_int_equal(bh_event_parse(line, bh_event_print(&b.ev, line), &back, &e), 0);
	assert_memory_equal(&back, &b.ev, sizeof back);
}

static void a_server_that_gives_no_identifier_is_named_by_siaddr_or_source(void **state)
{
	char a[BH_ADDR_TEXT];
	struct msg m = message(2);
	struct box b;

	opt(&m, 53, "\5", 1);
	b = run(m.b, m.n);
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.server_id, a), "10.0.0.3");
	memcpy(m.b + 20, "\x0a\0\0\x09", 4);
	b = run(m.b, m.n);
	assert_string_equal(bh_addr_print(&b.ev.u.dhcp.server_id, a), "10.0.0.9");
}

static void overloaded_fields_are_read_in_order(void **state)
{
	static const struct {
		uint8_t overload;
		bool wpad;
		const char *host;
	} rows[] = {{1, true, ""}, {2, false, "sn"}, {3, true, "sn"}, {0, false, ""}};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = message(2);
		struct box b;

		opt(&m, 53, "\2", 1);
		opt(&m, 52, &rows[i].overload, 1);
		memcpy(m.b + 108, "\xfc\4http\xff", 7);
		memcpy(m.b + 44, "\x0c\2sn\xff", 5);
		b = run(m.b, m.n);
		assert_int_equal(b.n, 1);
		assert_int_equal(b.ev.u.dhcp.flags, rows[i].wpad ? BH_DHCP_F_WPAD : 0);
		assert_string_equal(b.ev.u.dhcp.hostname, rows[i].host);
		assert_int_equal(b.ev.u.dhcp.n_opts, 2u + rows[i].wpad + (rows[i].host[0] != 0));
	}
}

static void routes_steal_the_default_route_only_with_both_halves(void **state)
{
	static const struct {
		const char *bytes;
		uint8_t n, code, want;
	} rows[] = {
		{"\1\0\x0a\0\0\1\1\x80\x0a\0\0\1", 12, 121, BH_DHCP_F_ROUTES},
		{"\1\x80\x0a\0\0\1\1\0\x0a\0\0\1", 12, 249, BH_DHCP_F_ROUTES},
		{"\x18\x0a\1\1\x0a\0\0\1\1\x80\x0a\0\0\1\1\0\x0a\0\0\1", 20, 121, BH_DHCP_F_ROUTES},
		{"\1\0\x0a\0\0\1", 6, 121, 0},
		{"\1\x80\x0a\0\0\1\1\x80\x0a\0\0\1", 12, 121, 0},
		{"\0\x0a\0\0\1", 5, 121, 0},
		{"\x20\x0a\1\1\1\x0a\0\0\1", 9, 121, 0},
	};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = message(2);
		struct box b;

		opt(&m, 53, "\5", 1);
		opt(&m, rows[i].code, rows[i].bytes, rows[i].n);
		b = run(m.b, m.n);
		assert_int_equal(b.n, 1);
		assert_int_equal(b.ev.u.dhcp.flags, rows[i].want);
	}
}

static void what_contradicts_itself_is_malformed(void **state)
{
	struct msg m = message(1);

	opt(&m, 53, "\2", 1); /* an OFFER by a client */
	assert_int_equal(run(m.b, m.n).n, 0);
	assert_int_equal(counted, 1);
	m = message(2);
	opt(&m, 53, "\5", 1);
	opt(&m, 121, "\x21\0\0\0\0\0\0\0\0\0", 10); /* a route of 33 bits */
	assert_int_equal(run(m.b, m.n).n, 0);
	m = message(2);
	opt(&m, 53, "\5", 1);
	opt(&m, 51, "\0\0\1", 3);
	assert_int_equal(run(m.b, m.n).n, 0);
	m = offer();
	m.b[236] ^= 1;
	assert_int_equal(run(m.b, m.n).n, 0);
	m = message(2); /* BOOTP */
	assert_int_equal(run(m.b, m.n).n, 0);
	assert_int_equal(counted, 0);
}

static void no_length_is_read_past_and_a_cut_option_is_malformed(void **state)
{
	static const size_t ends[] = {243, 249, 255, 265, 271};
	struct msg m = offer();
	size_t ok = 0;

	assert_int_equal(m.n, 271);
	for (size_t n = 0; n <= m.n; n++) {
		bool end = false;

		for (size_t i = 0; i < BH_COUNT(ends); i++)
			end |= ends[i] == n;
		assert_int_equal(run(m.b, n).n, end);
		ok += end;
	}
	assert_int_equal(ok, 5);
}

static void a_client_is_told_with_what_it_asks_for_and_what_it_is(void **state)
{
	static const uint8_t asked[BH_DHCP_OPTS] = {1, 3, 252, 6};
	struct msg m = message(1);
	char a[BH_ADDR_TEXT];
	const struct bh_ev_dhcp *d;
	struct box b;

	memcpy(m.b + 12, "\x0a\0\0\x44", 4);
	opt(&m, 53, "\3", 1);
	opt(&m, 61, "\1\2\xaa\xbb\xcc\xdd\xee", 7);
	opt(&m, 50, "\x0a\0\0\x45", 4);
	opt(&m, 55, "\1\3\0", 3); /* goes on in a second one */
	opt(&m, 57, "\5\xdc", 2);
	opt(&m, 93, "\0\0\0\7", 4);
	opt(&m, 55, "\xfc\6", 2);
	b = run(m.b, m.n);
	d = &b.ev.u.dhcp;
	assert_int_equal(b.n, 1);
	assert_string_equal(bh_addr_print(&d->ciaddr, a), "10.0.0.68");
	assert_string_equal(bh_addr_print(&d->wanted, a), "10.0.0.69");
	assert_memory_equal(d->params, asked, sizeof asked);
	assert_int_equal(d->max_size, 1500);
	assert_int_equal(d->arch, 1); /* BIOS is 0 */
	assert_int_equal(d->id_type, 1);
	assert_true(d->client_id == (bh_hash("\1\2\xaa\xbb\xcc\xdd\xee", 7, 0) | 1));
	assert_int_equal(d->flags, 0);
}

static void a_relay_is_told_by_its_address_or_its_option(void **state)
{
	struct msg m = message(1);
	struct box b;

	opt(&m, 53, "\1", 1);
	opt(&m, 82, "\2\3abc\1\7Gi0/1\0\"", 14);
	b = run(m.b, m.n);
	assert_int_equal(b.ev.u.dhcp.flags, BH_DHCP_F_RELAYED);
	assert_string_equal(b.ev.u.dhcp.circuit, "Gi0/1.\"");
	m = message(1);
	opt(&m, 53, "\1", 1);
	opt(&m, 82, "\1\x09x", 3); /* cut: the relay's matter */
	b = run(m.b, m.n);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.u.dhcp.flags, BH_DHCP_F_RELAYED);
	assert_string_equal(b.ev.u.dhcp.circuit, "");
	m = message(1);
	m.b[24] = 10;
	opt(&m, 53, "\1", 1);
	b = run(m.b, m.n);
	assert_int_equal(b.ev.u.dhcp.flags, BH_DHCP_F_RELAYED);
}

static void the_full_name_stands_in_for_the_host_name(void **state)
{
	static const struct {
		const char *fqdn;
		uint8_t n;
		const char *host, *want;
	} rows[] = {
		{"\0\0\0pc7.corp.example", 19, NULL, "pc7.corp.example"},
		{"\4\0\0\3pc7\4corp\0", 13, NULL, "pc7.corp"},
		{"\4\0\0\3pc7\4corp\0", 13, "own", "own"},
		{"\4\0\0\3pc7\x40zz", 10, NULL, "pc7"}, /* no label has 64 bytes */
		{"\4\0\0\3pc7\x09" "c", 9, NULL, "pc7"},
		{"\4\0\0\3p\0\n", 7, NULL, "p.."},
		{"\4\0", 2, NULL, ""},
	};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = message(1);
		struct box b;

		opt(&m, 53, "\1", 1);
		opt(&m, 81, rows[i].fqdn, rows[i].n);
		if (rows[i].host)
			opt(&m, 12, rows[i].host, (uint8_t)strlen(rows[i].host));
		b = run(m.b, m.n);
		assert_int_equal(b.n, 1);
		assert_string_equal(b.ev.u.dhcp.hostname, rows[i].want);
	}
}

static void lists_and_names_longer_than_a_fact_are_cut(void **state)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct msg m = message(1);
	struct bh_event back;
	uint8_t long_one[250];
	struct box b;

	memset(long_one, '"', sizeof long_one);
	opt(&m, 53, "\1", 1);
	opt(&m, 55, long_one, 200);
	long_one[0] = 1, long_one[1] = 248;
	opt(&m, 82, long_one, 250);
	b = run(m.b, m.n);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.u.dhcp.params[BH_DHCP_OPTS - 1], '"');
	assert_int_equal(strlen(b.ev.u.dhcp.circuit), sizeof b.ev.u.dhcp.circuit - 1);
	assert_int_equal(bh_event_parse(line, bh_event_print(&b.ev, line), &back, &e), 0);
	assert_memory_equal(&back, &b.ev, sizeof back);
}

static void sixty_options_leave_the_first_forty_eight(void **state)
{
	struct msg m = message(1);
	struct box b;

	opt(&m, 53, "\1", 1);
	for (uint8_t i = 0; i < 60; i++)
		opt(&m, 150 + i, "x", 1);
	b = run(m.b, m.n);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.u.dhcp.n_opts, BH_DHCP_OPTS);
	assert_int_equal(b.ev.u.dhcp.opts[47], 196);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offer_is_told_from_the_server_with_all_it_hands_out),
		cmocka_unit_test(a_fact_survives_its_own_text),
		cmocka_unit_test(a_server_that_gives_no_identifier_is_named_by_siaddr_or_source),
		cmocka_unit_test(overloaded_fields_are_read_in_order),
		cmocka_unit_test(routes_steal_the_default_route_only_with_both_halves),
		cmocka_unit_test(what_contradicts_itself_is_malformed),
		cmocka_unit_test(no_length_is_read_past_and_a_cut_option_is_malformed),
		cmocka_unit_test(a_client_is_told_with_what_it_asks_for_and_what_it_is),
		cmocka_unit_test(a_relay_is_told_by_its_address_or_its_option),
		cmocka_unit_test(the_full_name_stands_in_for_the_host_name),
		cmocka_unit_test(lists_and_names_longer_than_a_fact_are_cut),
		cmocka_unit_test(sixty_options_leave_the_first_forty_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
