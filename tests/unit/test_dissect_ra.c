/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages are made as frames and decoded, so that what decode hands over is tested with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <bulkhead/dissect.h>

extern const struct bh_dissector bh_dissector_ra;

struct box {
	struct bh_event ev[16];
	size_t n;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct box *b = ctx;
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event back;

	assert_int_equal(bh_event_parse(line, bh_event_print(ev, line), &back, &e), 0);
	assert_memory_equal(&back, ev, sizeof back);
	assert_true(b->n < BH_COUNT(b->ev));
	b->ev[b->n++] = *ev;
}

static uint64_t counted;
static void pick(void *ctx, const char *name, uint64_t v)
{
	if (!strcmp(name, ctx))
		counted = v;
}

/* An IPv6 packet in an Ethernet frame from fe80::5. */
struct msg {
	uint8_t b[1500];
	size_t n;
};
#define AT_ICMP 54

static struct msg message(uint8_t type)
{
	struct msg m = {.b = {0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 5, 0x86, 0xdd, 0x60}, .n = AT_ICMP + 8};

	m.b[20] = 58, m.b[21] = 255;
	m.b[22] = 0xfe, m.b[23] = 0x80, m.b[37] = 5;
	m.b[38] = 0xff, m.b[39] = 2, m.b[53] = 1;
	m.b[AT_ICMP] = type;
	return m;
}

static void add(struct msg *m, const void *p, size_t n)
{
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

/* hop limit 64, M and O, preference high, lifetime 1800 */
static struct msg advert(void)
{
	struct msg m = message(134);

	memcpy(m.b + AT_ICMP + 4, "\x40\xc8\x07\x08", 4);
	add(&m, "\0\0\0\0\0\0\0\0", 8);
	return m;
}

static void add_prefix(struct msg *m, uint8_t bits, uint8_t valid, const char net[16])
{
	uint8_t o[32] = {3, 4, bits, 0xc0, 0, 0, 0, valid};

	memcpy(o + 16, net, 16);
	add(m, o, sizeof o);
}

static const char doc1[16] = "\x20\x01\x0d\xb8\0\1\0\0\xff", doc2[16] = "\x20\x01\x0d\xb8\0\2";

static struct msg redirect(const char target[16], const char to[16])
{
	struct msg m = message(137);

	add(&m, target, 16);
	add(&m, to, 16);
	return m;
}

static struct box run(const struct msg *m, size_t cut)
{
	struct box b = {.n = 0};
	size_t n = m->n - cut;
	/* exact size, so that a sanitizer sees a read past the end */
	uint8_t *copy = malloc(n);
	struct bh_event_sink sink = {emit, &b};
	void *state = bh_dissector_ra.open(1);
	struct bh_event proto;
	struct bh_packet k;

	memcpy(copy, m->b, n);
	copy[18] = (uint8_t)((m->n - 54) >> 8), copy[19] = (uint8_t)(m->n - 54);
	bh_decode(&(struct bh_decode_in){.data = copy, .caplen = (uint32_t)n, .wirelen = (uint32_t)m->n, .link = BH_LINK_ETHERNET}, &k);
	proto = (struct bh_event){.src = k.src, .dst = k.dst, .mac_src = k.mac_src, .mac_dst = k.mac_dst, .pkt = 9};
	assert_true(bh_dissector_ra.wants(&k, 0));
	bh_dissector_ra.packet(state, &(struct bh_dissect_in){.pkt = &k, .proto = &proto}, &sink);
	bh_dissector_ra.counters(state, pick, (void *)(uintptr_t) "bogus");
	bh_dissector_ra.close(state);
	free(copy);
	return b;
}

static void an_advertisement_is_told_with_all_it_offers(void **state)
{
	struct msg m = advert();
	char a[BH_ADDR_TEXT];
	const struct bh_ev_ra *d;
	struct box b;

	add(&m, "\1\1\2\0\0\0\0\6", 8);
	add(&m, "\5\1\0\0\0\0\5\xdc", 8);
	add_prefix(&m, 64, 100, doc1);
	add(&m, "\x19\5\0\0\0\0\0\x3c\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x35\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x36", 40);
	b = run(&m, 0);
	assert_int_equal(b.n, 1);
	d = &b.ev[0].u.ra;
	assert_int_equal(b.ev[0].kind, BH_EV_RA);
	assert_int_equal(b.ev[0].proto, 58);
	assert_int_equal(b.ev[0].ttl, 255);
	assert_int_equal(b.ev[0].mac_src.b[5], 5);
	assert_string_equal(bh_addr_print(&b.ev[0].src, a), "fe80::5");
	assert_int_equal(d->op, BH_RA_ADVERT);
	assert_int_equal(d->flags, BH_RA_F_MANAGED | BH_RA_F_OTHER);
	assert_int_equal(d->preference, 1);
	assert_int_equal(d->lifetime_s, 1800);
	assert_int_equal(d->mtu, 1500);
	assert_int_equal(d->lladdr.b[5], 6);
	assert_int_equal(d->prefix_bits, 64);
	assert_int_equal(d->valid_s, 100);
	assert_string_equal(bh_addr_print(&d->prefix, a), "2001:db8:1::"); /* without what is behind the 64th bit */
	assert_string_equal(bh_addr_print(&d->dns, a), "fe80::35");
	assert_int_equal(d->dns_s, 60);
}

static void every_prefix_is_a_fact_and_none_is_one_too(void **state)
{
	struct msg m = advert();
	char a[BH_ADDR_TEXT];
	struct box b = run(&m, 0);

	assert_int_equal(b.n, 1);
	assert_true(bh_addr_none(&b.ev[0].u.ra.prefix));
	add_prefix(&m, 64, 1, doc1);
	add_prefix(&m, 48, 2, doc2);
	add(&m, "\5\1\0\0\0\0\5\0", 8); /* after the prefixes, and yet said with each */
	b = run(&m, 0);
	assert_int_equal(b.n, 2);
	assert_string_equal(bh_addr_print(&b.ev[1].u.ra.prefix, a), "2001:db8:2::");
	assert_int_equal(b.ev[1].u.ra.prefix_bits, 48);
	assert_int_equal(b.ev[0].u.ra.valid_s, 1);
	assert_int_equal(b.ev[0].u.ra.mtu, 1280);
	for (unsigned i = 0; i < 20; i++)
		add_prefix(&m, 64, 3, doc1);
	b = run(&m, 0);
	assert_int_equal(b.n, 8);
}

static void a_preference_counts_only_for_a_default_router_and_the_reserved_one_is_medium(void **state)
{
	static const struct {
		uint8_t flags, lifetime, want;
	} rows[] = {{0x08, 1, 1}, {0x00, 1, 0}, {0x18, 1, 3}, {0x10, 1, 0}, {0x08, 0, 0}};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct msg m = advert();
		struct box b;

		m.b[AT_ICMP + 5] = rows[i].flags;
		m.b[AT_ICMP + 6] = 0;
		m.b[AT_ICMP + 7] = rows[i].lifetime;
		b = run(&m, 0);
		assert_int_equal(b.n, 1);
		assert_int_equal(b.ev[0].u.ra.preference, rows[i].want);
		assert_int_equal(b.ev[0].u.ra.flags, 0);
	}
}

static void a_resolver_that_is_taken_back_gives_way_to_one_that_is_not(void **state)
{
	struct msg m = advert();
	char a[BH_ADDR_TEXT];
	struct box b;

	add(&m, "\x19\3\0\0\0\0\0\0\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 24);
	b = run(&m, 0);
	assert_string_equal(bh_addr_print(&b.ev[0].u.ra.dns, a), "fe80::1");
	assert_int_equal(b.ev[0].u.ra.dns_s, 0);
	add(&m, "\x19\3\0\0\0\0\0\x09\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 24);
	add(&m, "\x19\3\0\0\0\0\0\x08\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\3", 24);
	b = run(&m, 0);
	assert_string_equal(bh_addr_print(&b.ev[0].u.ra.dns, a), "fe80::2");
	assert_int_equal(b.ev[0].u.ra.dns_s, 9);
}

static void what_a_host_would_not_believe_is_not_told(void **state)
{
	struct msg m = advert();

	m.b[21] = 254; /* came over a router */
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	m.b[22] = 0x20; /* not from a link-local address */
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	m.b[AT_ICMP + 1] = 1;
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	add(&m, "\1\0\2\0\0\0\0\6", 8); /* an option of no length */
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	add_prefix(&m, 129, 1, doc1);
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	add(&m, "\3\1\x40\xc0\0\0\0\1", 8); /* too short for its kind */
	assert_int_equal(run(&m, 0).n, 0);
	m = advert();
	add(&m, "\x19\2\0\0\0\0\0\1\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(run(&m, 0).n, 0);
	assert_int_equal(counted, 1);
}

static void a_message_the_capture_cut_is_not_told(void **state)
{
	struct msg m = advert();

	add_prefix(&m, 64, 1, doc1);
	assert_int_equal(run(&m, 0).n, 1);
	for (size_t cut = 1; cut <= 40; cut++) /* between two options as well; less than that is not decoded */
		assert_int_equal(run(&m, cut).n, 0);
}

static void a_redirect_tells_the_destination_and_the_new_first_hop(void **state)
{
	static const char hop[16] = "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x66", group[16] = "\xff\2";
	struct msg m = redirect(hop, doc2);
	char a[BH_ADDR_TEXT];
	struct box b;

	add(&m, "\2\1\2\0\0\0\0\x66", 8);
	add_prefix(&m, 64, 1, doc1); /* which is not a redirect's to say */
	b = run(&m, 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.ev[0].u.ra.op, BH_RA_REDIRECT);
	assert_string_equal(bh_addr_print(&b.ev[0].u.ra.prefix, a), "2001:db8:2::");
	assert_int_equal(b.ev[0].u.ra.prefix_bits, 128);
	assert_string_equal(bh_addr_print(&b.ev[0].u.ra.dns, a), "fe80::66");
	assert_int_equal(b.ev[0].u.ra.lladdr.b[5], 0x66);
	assert_int_equal(b.ev[0].u.ra.valid_s, 0);
	m = redirect(doc2, doc2); /* the destination is a neighbour */
	assert_int_equal(run(&m, 0).n, 1);
	m = redirect(doc1, doc2); /* a first hop that is neither here nor the destination */
	assert_int_equal(run(&m, 0).n, 0);
	m = redirect(hop, group);
	assert_int_equal(run(&m, 0).n, 0);
	m = redirect(hop, doc2);
	assert_int_equal(run(&m, 1).n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_advertisement_is_told_with_all_it_offers),
		cmocka_unit_test(every_prefix_is_a_fact_and_none_is_one_too),
		cmocka_unit_test(a_preference_counts_only_for_a_default_router_and_the_reserved_one_is_medium),
		cmocka_unit_test(a_resolver_that_is_taken_back_gives_way_to_one_that_is_not),
		cmocka_unit_test(what_a_host_would_not_believe_is_not_told),
		cmocka_unit_test(a_message_the_capture_cut_is_not_told),
		cmocka_unit_test(a_redirect_tells_the_destination_and_the_new_first_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
