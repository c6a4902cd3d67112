/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages in whole frames, through decode. Every fact must survive its own text. */
#include "one_fact.h"

extern const struct bh_dissector bh_dissector_link;

struct msg {
	uint8_t b[1600];
	size_t n;
};

static void add(struct msg *m, const void *p, size_t n)
{
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static struct msg lldp(void)
{
	struct msg m = {.n = 0};

	add(&m, "\x01\x80\xc2\0\0\x0e\2\0\0\0\0\5\x88\xcc", 14);
	return m;
}

static void part(struct msg *m, unsigned type, const void *p, size_t n)
{
	uint8_t head[2] = {(uint8_t)(type << 1 | n >> 8), (uint8_t)n};

	add(m, head, 2);
	add(m, p, n);
}

/* the three every message begins with */
static struct msg lldp_begun(void)
{
	struct msg m = lldp();

	part(&m, 1, "\4\2\0\0\0\0\x77", 7);
	part(&m, 2, "\5Gi0/1", 6);
	part(&m, 3, "\0\x78", 2);
	return m;
}

/* Cisco's frame: its length is that of what follows it, padding excluded */
static struct msg cdp(void)
{
	struct msg m = {.n = 0};

	add(&m, "\x01\0\x0c\xcc\xcc\xcc\2\0\0\0\0\6\0\0\xaa\xaa\3\0\0\x0c\x20\0\2\xb4\0\0", 26);
	return m;
}

static void tlv(struct msg *m, unsigned type, const void *p, size_t n)
{
	uint8_t head[4] = {0, (uint8_t)type, (uint8_t)((n + 4) >> 8), (uint8_t)(n + 4)};

	add(m, head, 4);
	add(m, p, n);
}

static struct bh_packet decoded(const uint8_t *p, size_t n, size_t wire)
{
	struct bh_packet k;

	bh_decode(&(struct bh_decode_in){.data = p, .caplen = (uint32_t)n, .wirelen = (uint32_t)wire, .link = BH_LINK_ETHERNET}, &k);
	return k;
}

/* n bytes of the frame are captured, m->n were sent; an exact copy, so that a sanitizer sees a read past the end */
static struct box run(struct msg *m, size_t n)
{
	void *state = bh_dissector_link.open(1);
	uint8_t *copy = malloc(n);
	struct box b = {.n = 0};
	struct bh_event_sink sink = {emit, &b};
	struct bh_event proto;
	struct bh_packet k;

	memcpy(copy, m->b, n);
	if (!m->b[12] && n >= 14) /* a length goes here */
		copy[12] = (uint8_t)((m->n - 14) >> 8), copy[13] = (uint8_t)(m->n - 14);
	k = decoded(copy, n, m->n);
	proto = (struct bh_event){.mac_src = k.mac_src, .mac_dst = k.mac_dst};
	if (k.what == BH_WHAT_LINK) {
		assert_true(bh_dissector_link.wants(&k, 0));
		bh_dissector_link.packet(state, &(struct bh_dissect_in){.pkt = &k, .proto = &proto}, &sink);
	}
	bh_dissector_link.counters(state, pick, NULL);
	bh_dissector_link.close(state);
	free(copy);
	return b;
}

static void lldp_is_told_with_all_it_says(void **state)
{
	struct msg m = lldp_begun();
	const struct bh_ev_link *d;
	char a[BH_ADDR_TEXT];
	struct box b;

	part(&m, 5, "sw-1\n", 5);
	part(&m, 6, "Some switch, with a description that is longer than what a fact keeps of it", 75);
	part(&m, 7, "\0\x3c\0\x14", 4);
	part(&m, 8, "\5\1\x0a\0\0\x77\2\0\0\0\1\0", 12);
	part(&m, 8, "\5\1\x0a\0\0\x78\2\0\0\0\1\0", 12);
	part(&m, 127, "\0\x80\xc2\1\0\x28", 6);
	part(&m, 127, "\0\x12\x0f\1\0\x29", 6);
	part(&m, 0, "", 0);
	add(&m, "pad", 3);
	b = run(&m, m.n);
	d = &b.ev.u.link;
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev.kind, BH_EV_LINK);
	assert_int_equal(b.ev.mac_src.b[5], 5);
	assert_int_equal(d->via, BH_LINK_LLDP);
	assert_string_equal(d->chassis, "02:00:00:00:00:77");
	assert_string_equal(d->port, "Gi0/1");
	assert_string_equal(d->name, "sw-1.");
	assert_int_equal(strlen(d->text), sizeof d->text - 1);
	assert_int_equal(d->caps, 0x14);
	assert_int_equal(d->ttl_s, 120);
	assert_int_equal(d->native_vlan, 40);
	assert_string_equal(bh_addr_print(&d->mgmt, a), "10.0.0.119");
}

static void lldp_names_are_macs_addresses_or_text(void **state)
{
	static const struct {
		const char *chassis, *port, *want_chassis, *want_port;
		uint8_t n_chassis, n_port;
	} rows[] = {
		{"\7rack", "\3\2\0\0\0\0\1", "rack", "02:00:00:00:00:01", 5, 7},
		{"\5\1\x0a\0\0\1", "\4\2\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", "10.0.0.1", "fd00::1", 6, 18},
		{"\5\3a+b", "\5\1\x0a\0\0\1", ".a+b", "....." , 5, 6}, /* of another family; a port's 5 is a name */
		{"\4short", "\7", "short", NULL, 6, 1},
	};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = lldp();
		struct box b;

		part(&m, 1, rows[i].chassis, rows[i].n_chassis);
		part(&m, 2, rows[i].port, rows[i].n_port);
		part(&m, 3, "\0\0", 2);
		b = run(&m, m.n);
		assert_int_equal(b.n, rows[i].want_port != NULL);
		if (!b.n)
			continue;
		assert_string_equal(b.ev.u.link.chassis, rows[i].want_chassis);
		assert_string_equal(b.ev.u.link.port, rows[i].want_port);
	}
}

static void lldp_out_of_order_or_cut_is_malformed(void **state)
{
	static const uint8_t orders[][4] = {{1, 3, 2, 0}, {2, 1, 3, 0}, {1, 2, 0, 0}, {1, 2, 3, 1}, {1, 2, 3, 3}, {1, 1, 2, 3}};
	struct msg m;

	for (size_t i = 0; i < BH_COUNT(orders); i++) {
		m = lldp();
		for (size_t k = 0; k < 4; k++)
			part(&m, orders[i][k], "\7ab", orders[i][k] ? 3 : 0);
		assert_int_equal(run(&m, m.n).n, 0);
		assert_int_equal(malformed, 1);
	}
	m = lldp_begun();
	assert_int_equal(run(&m, m.n).n, 1); /* without an end, nothing left */
	for (size_t n = 14; n < m.n; n++)
		assert_int_equal(run(&m, n).n, 0);
	part(&m, 5, "x", 1);
	m.b[m.n - 2] = 2; /* longer than the message */
	assert_int_equal(run(&m, m.n).n, 0);
}

static void cdp_is_told_with_lldps_words(void **state)
{
	struct msg m = cdp();
	const struct bh_ev_link *d;
	char a[BH_ADDR_TEXT];
	struct box b;

	tlv(&m, 1, "sw-2.example", 12);
	tlv(&m, 5, "IOS 12", 6);
	tlv(&m, 6, "cisco WS", 8);
	tlv(&m, 2, "\0\0\0\2\2\x08\xaa\xaa\3\0\0\0\x86\xdd\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\1\1\xcc\0\4\x0a\0\0\2", 41);
	tlv(&m, 3, "Gi0/2", 5);
	tlv(&m, 4, "\0\0\0\x29", 4); /* router, switch, IGMP */
	tlv(&m, 10, "\0\3", 2);
	b = run(&m, m.n);
	d = &b.ev.u.link;
	assert_int_equal(b.n, 1);
	assert_int_equal(d->via, BH_LINK_CDP);
	assert_string_equal(d->chassis, "sw-2.example");
	assert_string_equal(d->name, "sw-2.example");
	assert_string_equal(d->port, "Gi0/2");
	assert_string_equal(d->text, "cisco WS IOS 12");
	assert_int_equal(d->caps, 0x14);
	assert_int_equal(d->ttl_s, 180);
	assert_int_equal(d->native_vlan, 3);
	assert_string_equal(bh_addr_print(&d->mgmt, a), "fd00::2");
	tlv(&m, 0x16, "\0\0\0\1\1\1\xcc\0\4\x0a\0\0\x16", 13); /* said to be for management: before the others */
	tlv(&m, 0x14, "own", 3);
	b = run(&m, m.n);
	assert_string_equal(bh_addr_print(&d->mgmt, a), "10.0.0.22");
	assert_string_equal(d->name, "own");
	assert_string_equal(d->chassis, "sw-2.example");
}

static void cdp_that_contradicts_itself_is_malformed(void **state)
{
	struct msg m = cdp();

	assert_int_equal(run(&m, m.n).n, 0); /* nothing said */
	assert_int_equal(malformed, 1);
	tlv(&m, 1, "x", 1);
	assert_int_equal(run(&m, m.n).n, 1);
	for (size_t n = 14; n < m.n; n++)
		assert_int_equal(run(&m, n).n, 0);
	m.b[22] = 3; /* a version nobody has seen */
	assert_int_equal(run(&m, m.n).n, 0);
	m.b[22] = 1;
	assert_int_equal(run(&m, m.n).n, 1);
	m.b[29] = 3; /* shorter than its own head */
	assert_int_equal(run(&m, m.n).n, 0);
	m.b[29] = 6; /* longer than the message */
	assert_int_equal(run(&m, m.n).n, 0);
	m = cdp();
	tlv(&m, 4, "\0\0\0", 3);
	assert_int_equal(run(&m, m.n).n, 0);
	assert_int_equal(malformed, 1);
}

static void a_list_of_addresses_ends_where_its_bytes_do(void **state)
{
	struct msg m = cdp();
	struct box b;

	tlv(&m, 2, "\xff\xff\xff\xff\1\1\xcd\0\4\x0a\0\0\1\1\1\xcc\0\x09\x0a", 19);
	b = run(&m, m.n);
	assert_int_equal(b.n, 1);
	assert_true(bh_addr_none(&b.ev.u.link.mgmt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lldp_is_told_with_all_it_says),
		cmocka_unit_test(lldp_names_are_macs_addresses_or_text),
		cmocka_unit_test(lldp_out_of_order_or_cut_is_malformed),
		cmocka_unit_test(cdp_is_told_with_lldps_words),
		cmocka_unit_test(cdp_that_contradicts_itself_is_malformed),
		cmocka_unit_test(a_list_of_addresses_ends_where_its_bytes_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
