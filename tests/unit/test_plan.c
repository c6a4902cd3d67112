/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/plan.h>

static struct bh_prefix pfx(const char *s)
{
	struct bh_prefix p;

	assert_int_equal(bh_prefix_parse(s, strlen(s), &p), 0);
	return p;
}

static struct bh_addr adr(const char *s)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(s, strlen(s), &a), 0);
	return a;
}

static struct bh_plan plan_of(const char *text)
{
	struct bh_plan_error error = {0};
	struct bh_plan plan;

	if (bh_plan_parse(text, strlen(text), &plan, &error))
		fail_msg("line %u, column %u: %s", error.line, error.col, error.text);
	return plan;
}

static struct bh_cut cut_of(const char *text)
{
	struct bh_plan_error error = {0};
	struct bh_cut c;

	if (bh_cut_parse(text, strlen(text), &c, &error))
		fail_msg("%s: column %u: %s", text, error.col, error.text);
	return c;
}

/* ---- text ---- */

static const char whole[] =
	"plan generation=7 mode=auto policy=\"port of \\\"x\\\".yaml\" "
	"sha256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
	"limit cuts=64 ttl=1d\n"
	"zone office critical=0 10.10.0.0/16 fd00:10::/48\n"
	"zone plant critical=1 vlan=40,41,4094 10.20.0.0/24\n"
	"zone \"odd name\" critical=0\n"
	"conduit @inside\n"
	"conduit counter-to-tos\n"
	"permit office > 10.20.0.0/24 tcp/8443 conduit=counter-to-tos\n"
	"permit office > 10.20.0.0/24 udp/5000-5100 conduit=counter-to-tos from=10.10.0.7\n"
	"permit office > 10.20.0.0/24 icmp conduit=counter-to-tos\n"
	"permit plant > 10.20.0.0/24 any conduit=@inside\n"
	"pin crane-estop 10.20.0.7 > 10.40.0.9 tcp/5020 at=41:5\n"
	"pin call-112 fd00:10::5 > fd00:70::/64 any\n"
	"remedy 10.10.0.10 udp/53\n"
	"manage 10.10.250.0/28 tcp/22\n"
	"never dc-1 10.10.0.10 mac=52:54:00:00:00:0a at=20:3\n"
	"never dc-2 mac=52:54:00:00:00:0b\n"
	"cut isolate 10.10.2.3 ttl=15m order=12 because=smb.ransom\n"
	"cut isolate net:10.10.9.0/24 ttl=1500ms order=13 because=operator\n"
	"cut isolate mac:02:00:00:00:00:01 ttl=4h order=12\n"
	"cut shield fd00:10::7 ttl=30m order=14 because=a.b-c_d\n"
	"cut contain 10.10.2.3 ttl=1h order=15 because=scan.seq\n"
	"cut island net:10.20.0.0/24 ttl=1h order=16 because=operator\n"
	"cut kill tcp 10.10.2.3 49152 > 10.20.0.5 445 ttl=10m order=17 because=zone.violation\n"
	"cut kill udp fd00:10::7 1 > fd00:70::1 65535 ttl=10m order=18\n";

static void plan_text_prints_back_as_it_was_read(void **state)
{
	struct bh_plan plan = plan_of(whole);
	size_t len;
	char *text;

	assert_int_equal(bh_plan_print(&plan, &text, &len), 0);
	assert_string_equal(text, whole);
	assert_int_equal(len, strlen(whole));
	assert_int_equal(plan.generation, 7);
	assert_string_equal(plan.policy_file, "port of \"x\".yaml");
	assert_int_equal(plan.pins[0].pos.line, 41);
	assert_int_equal(plan.never[0].pos.col, 3);
	assert_int_equal(plan.cuts[1].ttl, BH_MS(1500));
	assert_int_equal(plan.max_ttl, BH_HOUR(24));
	free(text);
	bh_plan_fini(&plan);
}

static void plan_errors_say_where(void **state)
{
	static const struct {
		const char *text;
		unsigned line, col;
		const char *says;
	} t[] = {
		{"", 1, 1, "no plan line"},
		{"\n\n", 3, 1, "no plan line"},
		{"zone a critical=0\n", 1, 1, "first line"},
		{"plan generation=0 mode=auto policy=\"\"\n", 1, 17, "from 1 to 65535"},
		{"plan generation=65536 mode=auto policy=\"\"\n", 1, 17, "from 1"},
		{"plan generation=1 mode=kill policy=\"\"\n", 1, 24, "mode is"},
		{"plan generation=1 mode=auto policy=\"\n", 1, 29, "quote"},
		{"plan generation=1 mode=auto policy=\"\" sha256=12\n", 1, 39, "sha256"},
		{"plan generation=1 mode=auto policy=\"\" x\n", 1, 39, "sha256"},
		{"plan generation=1 mode=auto policy=\"\"\nplan generation=1 mode=auto "
		 "policy=\"\"\n",
			2, 1, "second"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=2\n", 2, 17, "0 or 1"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 vlan=0\n", 2, 24, "1 to 4094"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 vlan=1,4095\n", 2, 26, "1 to 4094"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 vlan=7,\n", 2, 26, "1 to 4094"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 vlan=7,7\n", 2, 26, "ascending"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 vlan=7 vlan=8\n", 2, 26, ""},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0 10.0.0.1/8\n", 2, 19,
			"beyond"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0\nzone a critical=0\n",
			3, 6, "stands above"},
		{"plan generation=1 mode=auto policy=\"\"\npermit a > 10.0.0.0/8 any conduit=x\n",
			2, 8, "no zone"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0\npermit a > "
		 "10.0.0.0/8 any conduit=x\n",
			3, 35, "no conduit"},
		{"plan generation=1 mode=auto policy=\"\"\nzone a critical=0\nconduit c\npermit a "
		 "> 10.0.0.0/8 any conduit=c "
		 "from=fd00::/8\n",
			4, 42, "family"},
		{"plan generation=1 mode=auto policy=\"\"\nremedy 10.0.0.1 tcp/5-4\n", 2, 21,
			"before it begins"},
		{"plan generation=1 mode=auto policy=\"\"\nremedy 10.0.0.1 tcp/65536\n", 2, 21,
			"65535"},
		{"plan generation=1 mode=auto policy=\"\"\nremedy 10.0.0.1 sctp/5\n", 2, 17,
			"not a service"},
		{"plan generation=1 mode=auto policy=\"\"\nremedy 10.0.0.1 icmp extra\n", 2, 22,
			"unexpected"},
		{"plan generation=1 mode=auto policy=\"\"\npin p 10.0.0.1 > fd00::1 any\n", 2, 5,
			"one family"},
		{"plan generation=1 mode=auto policy=\"\"\nnever h 10.0.0.0/8\n", 2, 9,
			"one address"},
		{"plan generation=1 mode=auto policy=\"\"\nnever h\n", 2, 8, "neither"},
		{"plan generation=1 mode=auto policy=\"\"\ncut isolate 10.0.0.0/8 ttl=1s order=1\n",
			2, 13, "net:"},
		{"plan generation=1 mode=auto policy=\"\"\ncut sever 10.0.0.1 ttl=1s order=1\n", 2,
			5, "expected isolate"},
		{"plan generation=1 mode=auto policy=\"\"\ncut isolate 10.0.0.1 ttl=1s order=1 "
		 "because=\"a b\"\n",
			2, 45, "bare word"},
		{"plan generation=1 mode=auto policy=\"\"\nlimit cuts=99999999 ttl=1h\n", 2, 12,
			"not a number"},
		{"plan generation=1 mode=auto policy=\"\"\nexec /bin/sh\n", 2, 1, "unknown word"},
	};

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_plan_error error = {0};
		struct bh_plan plan;

		assert_int_equal(bh_plan_parse(t[i].text, strlen(t[i].text), &plan, &error), 1);
		if (error.line != t[i].line || error.col != t[i].col ||
			!strstr(error.text, t[i].says))
			fail_msg("case %zu: %u:%u %s", i, error.line, error.col, error.text);
	}
}

static void a_cut_that_is_none_is_not_read(void **state)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{"cut kill 10.1.0.1 1 > 10.1.0.2 2 ttl=1s order=1", "tcp or udp"},
		{"cut kill icmp 10.1.0.1 1 > 10.1.0.2 2 ttl=1s order=1", "tcp or udp"},
		{"cut kill tcp 10.1.0.1 0 > 10.1.0.2 2 ttl=1s order=1", "from 1"},
		{"cut kill tcp 10.1.0.1 1 > 10.1.0.2 65536 ttl=1s order=1", "from 1"},
		{"cut kill tcp 10.1.0.0/24 1 > 10.1.0.2 2 ttl=1s order=1", "one address"},
		{"cut kill tcp 10.1.0.1 1 < 10.1.0.2 2 ttl=1s order=1", "expected >"},
		{"cut kill tcp 10.1.0.1 1 > fd00::1 2 ttl=1s order=1", "two families"},
		{"cut sever 10.1.0.1 ttl=1s order=1", "expected isolate"},
	};
	struct bh_plan_error error;
	struct bh_cut c;

	for (size_t i = 0; i < BH_COUNT(t); i++)
		if (bh_cut_parse(t[i].text, strlen(t[i].text), &c, &error) != 1 ||
			!strstr(error.text, t[i].says))
			fail_msg("%s: %s", t[i].text, error.text);
}

static void a_reason_never_breaks_the_line(void **state)
{
	struct bh_cut c = cut_of("cut isolate net:fd00:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 "
				 "ttl=1s order=4294967295"),
		      back;
	struct bh_plan_error error;
	char text[BH_CUT_TEXT];
	size_t n;

	c.ttl = 9999999999999999ull; /* the longest of everything */
	memset(c.because, '"', sizeof c.because - 1);
	c.because[3] = '\n';
	n = bh_cut_print(&c, text);
	assert_null(strchr(text, '\n'));
	assert_int_equal(bh_cut_parse(text, n, &back, &error), 0);
	assert_int_equal(back.order, c.order);
	assert_int_equal(back.ttl, c.ttl);
	assert_int_equal(strlen(back.because), sizeof c.because - 1);
}

/* ---- compile ---- */

struct world {
	struct bh_policy p;
	struct bh_zone zones[5];
	struct bh_prefix nets[5][2];
	struct bh_conduit conduits[12];
	struct bh_svc svc[12][3];
	struct bh_prefix hosts[12][4];
	uint8_t states[12];
};

static unsigned roll(uint64_t *seed, unsigned n)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*seed >> 33) % n;
}

/* zones nested in one another, conduits that overlap in every way, in every posture; few ports around
 * those of ssh and telnet, so a naive oracle can try them all */
static void make_world(struct world *w, uint64_t *seed)
{
	static const char *const nets[5][2] = {{"0.0.0.0/0", "::/0"}, {"10.0.0.0/28", "fd00::/124"},
		{"10.0.0.4/30", "fd00::4/126"}, {"10.0.0.16/28", "fd00::10/124"},
		{"10.0.0.24/29", "fd00::18/125"}};
	static const uint8_t protos[] = {6, 17, 1, 0};

	memset(w, 0, sizeof *w);
	for (int z = 0; z < 5; z++) {
		snprintf(w->zones[z].name, BH_NAME, "zone%d", z);
		for (int k = 0; k < 2; k++)
			w->nets[z][k] = pfx(nets[z][k]);
		w->zones[z].nets = (struct bh_prefixes){w->nets[z], 2};
	}
	for (unsigned i = 0; i < 12; i++) {
		struct bh_conduit *c = &w->conduits[i];

		snprintf(c->name, BH_NAME, "c%u", i);
		c->from = (uint16_t)roll(seed, 5);
		c->to = (uint16_t)((c->from + (c->from == 3 ? 0 : 1) + roll(seed, 4)) % 5);
		w->states[i] = (uint8_t)roll(seed, BH_CONDUIT_STATES);
		c->allow.v = w->svc[i];
		c->allow.n = 1 + roll(seed, 3);
		for (size_t k = 0; k < c->allow.n; k++) {
			unsigned lo = 12 + roll(seed, 16), hi = lo + roll(seed, 28 - lo);

			w->svc[i][k] =
				(struct bh_svc){protos[roll(seed, 4)], (uint16_t)lo, (uint16_t)hi};
		}
		for (unsigned k = 0; k < 4; k++) { /* hosts and small nets inside 10.0.0.0/27 */
			struct bh_prefix h = pfx("10.0.0.0/27");

			h.bits = (uint8_t)(125 + roll(seed, 4));
			h.net.b[15] = (uint8_t)(roll(seed, 32) & (0xff << (128 - h.bits)));
			w->hosts[i][k] = h;
		}
		if (roll(seed, 2))
			c->from_hosts = (struct bh_prefixes){w->hosts[i], 1 + roll(seed, 2)};
		if (roll(seed, 2))
			c->to_hosts = (struct bh_prefixes){w->hosts[i] + 2, 1 + roll(seed, 2)};
	}
	w->zones[3].inside = BH_INSIDE_DENY;
	w->p.zones = w->zones;
	w->p.n_zones = 5;
	w->p.conduits = w->conduits;
	w->p.n_conduits = 12;
	w->p.response.mode = BH_MODE_AUTO;
}

static unsigned owner(const struct world *w, const struct bh_addr *a)
{
	unsigned best = BH_ZONE_NONE;
	int bits = -1;

	for (unsigned z = 0; z < 5; z++)
		for (int k = 0; k < 2; k++)
			if (bh_prefix_has(&w->nets[z][k], a) && w->nets[z][k].bits > bits) {
				best = z;
				bits = w->nets[z][k].bits;
			}
	return best;
}

static bool listed(const struct bh_prefixes *l, const struct bh_addr *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (bh_prefix_has(&l->v[i], a))
			return true;
	return l->n == 0;
}

static bool policy_allows(const struct world *w, const struct bh_addr *s, const struct bh_addr *d,
	uint8_t proto, unsigned port)
{
	unsigned from = owner(w, s), to = owner(w, d);

	if (from == to && from != 3)
		return true;
	for (size_t i = 0; i < 12; i++) {
		const struct bh_conduit *c = &w->conduits[i];
		bool no_admin = w->states[i] == BH_CONDUIT_NO_ADMIN;

		if (w->states[i] == BH_CONDUIT_CLOSED || (no_admin && proto == 6 && (port == 22 || port == 23)))
			continue;
		if (c->from != from || c->to != to || !listed(&c->from_hosts, s) ||
			!listed(&c->to_hosts, d))
			continue;
		for (size_t k = 0; k < c->allow.n; k++) {
			const struct bh_svc *v = &c->allow.v[k];

			if ((v->proto == 0 && (!no_admin || proto != 47)) ||
				(v->proto == proto &&
					(proto == 1 || (port >= v->lo && port <= v->hi))))
				return true;
		}
	}
	return false;
}

static bool plan_allows(const struct world *w, const struct bh_plan *plan, const struct bh_addr *s,
	const struct bh_addr *d, uint8_t proto, unsigned port)
{
	unsigned from = owner(w, s);

	for (size_t i = 0; i < plan->n_permits; i++) {
		const struct bh_permit *p = &plan->permits[i];

		if (p->from == from && (p->src.bits == 0 || bh_prefix_has(&p->src, s)) &&
			bh_prefix_has(&p->dst, d) &&
			(p->proto == 0 || (p->proto == proto && port >= p->lo && port <= p->hi)))
			return true;
	}
	return false;
}

static bool boxes_meet(const struct bh_permit *a, const struct bh_permit *b)
{
	bool any_a = a->src.bits == 0, any_b = b->src.bits == 0;

	return a->from == b->from && a->proto == b->proto && any_a == any_b &&
	       bh_prefix_overlaps(&a->dst, &b->dst) &&
	       (any_a || bh_prefix_overlaps(&a->src, &b->src)) && a->lo <= b->hi && b->lo <= a->hi;
}

static void compiled_permits_are_disjoint_and_mean_what_the_policy_means(void **state)
{
	static const uint8_t protos[] = {6, 17, 1, 47};
	uint64_t seed = 20240611;

	for (int round = 0; round < 60; round++) {
		struct bh_plan plan;
		struct world w;

		make_world(&w, &seed);
		assert_int_equal(bh_plan_compile_as(&w.p, w.states, 7, &plan), 0);
		for (size_t i = 0; i < plan.n_permits; i++)
			for (size_t k = 0; k < i; k++)
				if (boxes_meet(&plan.permits[i], &plan.permits[k]))
					fail_msg("round %d: permits %zu and %zu overlap", round, k,
						i);
		for (int probe = 0; probe < 6000; probe++) {
			bool v6 = roll(&seed, 4) == 0;
			struct bh_addr s = adr(v6 ? "fd00::" : "10.0.0.0"), d = s;
			uint8_t proto = protos[roll(&seed, 4)];
			unsigned port = proto == 6 || proto == 17 ? 11 + roll(&seed, 18) : 0;

			s.b[15] = (uint8_t)roll(&seed, 40);
			d.b[15] = (uint8_t)roll(&seed, 40);
			if (policy_allows(&w, &s, &d, proto, port) !=
				plan_allows(&w, &plan, &s, &d, proto, port))
				fail_msg("round %d: .%u > .%u %u/%u", round, s.b[15], d.b[15],
					proto, port);
		}
		bh_plan_fini(&plan);
	}
}

static size_t permits_of(const struct bh_plan *plan, const char *conduit, unsigned port)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_permits; i++)
		n += !strcmp(plan->conduit_names[plan->permits[i].conduit], conduit) && plan->permits[i].lo <= port &&
		     port <= plan->permits[i].hi;
	return n;
}

static void without_admin_no_port_that_administers_is_left(void **state)
{
	static const uint8_t states[] = {BH_CONDUIT_NO_ADMIN, BH_CONDUIT_CLOSED, BH_CONDUIT_NORMAL};
	struct bh_svc any = {0, 0, 65535}, smb = {6, 445, 445}, hosts[] = {{6, 445, 445}, {17, 445, 445}};
	struct bh_prefix nets[] = {pfx("10.1.0.0/24"), pfx("10.2.0.0/24")};
	struct bh_zone zones[] = {{.name = "a", .nets = {nets, 1}}, {.name = "b", .nets = {nets + 1, 1}}};
	struct bh_conduit conduits[] = {{.name = "all", .from = 0, .to = 1, .allow = {&any, 1}},
		{.name = "shut", .from = 1, .to = 0, .allow = {&any, 1}},
		{.name = "files", .from = 1, .to = 0, .allow = {hosts, 2}}};
	struct bh_policy p = {.zones = zones, .n_zones = 2, .conduits = conduits, .n_conduits = 3};
	struct bh_plan plan;

	assert_int_equal(bh_plan_compile_as(&p, states, 1, &plan), 0);
	for (size_t i = 0; i < bh_plan_n_admin_ports; i++)
		assert_int_equal(permits_of(&plan, "all", bh_plan_admin_ports[i]), 2); /* UDP and ICMP keep theirs */
	assert_int_equal(permits_of(&plan, "all", 443), 3);
	assert_int_equal(permits_of(&plan, "shut", 443), 0);
	assert_int_equal(permits_of(&plan, "files", 445), 2); /* another conduit's state is its own */
	assert_int_equal(permits_of(&plan, "@inside", 445), 2);
	assert_string_equal(plan.conduit_names[2], "shut"); /* numbers stay, so counters keep their names */
	bh_plan_fini(&plan);
	conduits[0].allow.v = &smb;
	assert_int_equal(bh_plan_compile_as(&p, states, 1, &plan), 0);
	assert_int_equal(permits_of(&plan, "all", 445), 0);
	bh_plan_fini(&plan);
}

static void a_zone_owns_what_no_other_zone_has_inside_it(void **state)
{
	struct bh_prefix nets[] = {pfx("10.0.0.0/14"), pfx("10.1.0.0/16"), pfx("fd00::/16")};
	struct bh_zone zones[] = {{.name = "a", .nets = {nets, 1}}, {.name = "b", .nets = {nets + 1, 2}}};
	struct bh_policy p = {.zones = zones, .n_zones = 2};
	struct bh_prefixes own;
	char text[BH_PREFIX_TEXT];

	assert_int_equal(bh_plan_zone_owns(&p, 0, &own), 0);
	assert_int_equal(own.n, 2);
	assert_string_equal(bh_prefix_print(&own.v[0], text), "10.2.0.0/15");
	assert_string_equal(bh_prefix_print(&own.v[1], text), "10.0.0.0/16");
	free(own.v);
	assert_int_equal(bh_plan_zone_owns(&p, 1, &own), 0);
	assert_int_equal(own.n, 2);
	free(own.v);
}

static void a_compiled_plan_survives_its_own_text(void **state)
{
	uint64_t seed = 7;

	for (int round = 0; round < 20; round++) {
		struct bh_plan plan, back;
		char *first, *second;
		size_t n, m;
		struct world w;

		make_world(&w, &seed);
		assert_int_equal(bh_plan_compile(&w.p, 9, &plan), 0);
		assert_int_equal(bh_plan_print(&plan, &first, &n), 0);
		back = plan_of(first);
		assert_int_equal(bh_plan_normalise(&back), 0); /* already disjoint: nothing to do */
		assert_int_equal(bh_plan_print(&back, &second, &m), 0);
		assert_string_equal(first, second);
		free(first);
		free(second);
		bh_plan_fini(&plan);
		bh_plan_fini(&back);
	}
}

static void a_permit_towards_the_internet_opens_no_zone_inside_it(void **state)
{
	struct world w;
	struct bh_plan plan;
	uint64_t seed = 1;
	struct bh_addr s = adr("10.0.0.1");
	static const struct {
		const char *to;
		bool allowed;
	} t[] = {{"8.8.8.8", true}, {"10.0.0.40", true}, {"10.0.0.17", false}, {"10.0.0.5", false},
		{"255.1.1.1", true}};

	make_world(&w, &seed);
	w.p.n_conduits = 1;
	w.svc[0][0] = (struct bh_svc){6, 443, 443};
	w.conduits[0] =
		(struct bh_conduit){.name = "web", .from = 1, .to = 0, .allow = {w.svc[0], 1}};
	assert_int_equal(bh_plan_compile(&w.p, 7, &plan), 0);
	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_addr d = adr(t[i].to);

		assert_int_equal(plan_allows(&w, &plan, &s, &d, 6, 443), t[i].allowed);
	}
	bh_plan_fini(&plan);
}

static void overlapping_pins_keep_their_names_and_lose_the_overlap(void **state)
{
	struct bh_plan plan = plan_of("plan generation=1 mode=auto policy=\"\"\n"
				      "pin wide 10.0.0.0/24 > 10.1.0.0/24 tcp/10-20 at=1:1\n"
				      "pin narrow 10.0.0.0/25 > 10.1.0.0/25 tcp/15-30 at=2:1\n");

	assert_int_equal(bh_plan_normalise(&plan), 0);
	assert_int_equal(plan.n_pins, 2);
	assert_string_equal(plan.pins[1].name, "narrow");
	assert_int_equal(plan.pins[1].lo, 21);
	assert_int_equal(plan.pins[1].hi, 30);
	assert_int_equal(plan.pins[1].pos.line, 2);
	bh_plan_fini(&plan);
}

/* ---- guard ---- */

static void the_guard_names_what_stands_in_the_way(void **state)
{
	static const struct {
		const char *cut;
		unsigned code;
	} t[] = {
		{"cut isolate 10.10.2.3 ttl=1h order=1", BH_REF_NONE},
		{"cut isolate fd00:10::77 ttl=1d order=1", BH_REF_NONE},
		{"cut isolate 198.51.100.7 ttl=1h order=1", BH_REF_NONE},
		{"cut isolate net:10.10.4.0/24 ttl=1h order=1", BH_REF_NONE},
		{"cut isolate net:10.20.0.0/24 ttl=1h order=1", BH_REF_NONE}, /* exactly a zone */
		{"cut isolate 10.20.0.7 ttl=1h order=1",
			BH_REF_NONE}, /* an end of a pin: the pin survives */
		{"cut shield 10.10.2.3 ttl=1h order=1", BH_REF_NONE},
		{"cut isolate mac:02:00:00:00:00:01 ttl=1h order=1", BH_REF_NONE},
		{"cut isolate 10.10.0.10 ttl=1h order=1", BH_REF_NEVER},
		{"cut shield 10.10.0.10 ttl=1h order=1", BH_REF_NEVER},
		{"cut isolate net:10.10.0.0/28 ttl=1h order=1", BH_REF_NEVER},
		{"cut isolate mac:52:54:00:00:00:0a ttl=1h order=1", BH_REF_NEVER},
		{"cut isolate mac:52:54:00:00:00:0b ttl=1h order=1", BH_REF_NEVER},
		{"cut isolate 10.10.250.1 ttl=1h order=1", BH_REF_SELF},
		{"cut isolate 10.10.2.3 ttl=0s order=1", BH_REF_TTL},
		{"cut isolate 10.10.2.3 ttl=25h order=1", BH_REF_TTL},
		{"cut isolate net:0.0.0.0/0 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate net:::/0 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate net:10.0.0.0/8 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate net:10.20.0.0/23 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate net:172.16.0.0/12 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate 0.0.0.0 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate 127.0.0.1 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate 255.255.255.255 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate 239.1.1.1 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate :: ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate ::1 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate ff02::1 ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate mac:ff:ff:ff:ff:ff:ff ttl=1h order=1", BH_REF_WIDTH},
		{"cut isolate mac:00:00:00:00:00:00 ttl=1h order=1", BH_REF_WIDTH},
		{"cut shield net:10.10.4.0/24 ttl=1h order=1", BH_REF_WIDTH},
		{"cut shield mac:02:00:00:00:00:01 ttl=1h order=1", BH_REF_WIDTH},
	};
	struct bh_plan plan = plan_of(whole);
	const struct bh_addr self[] = {adr("10.10.250.1"), adr("fd00:10::1")};

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_refused refused = {0};
		struct bh_cut c = cut_of(t[i].cut);
		int r = bh_plan_guard(&plan, &c, 0, self, 2, &refused);

		if (r != (t[i].code != BH_REF_NONE) || refused.code != t[i].code)
			fail_msg("%s: %s, %s", t[i].cut, bh_refusal_name(refused.code),
				refused.text);
		if (t[i].code == BH_REF_NEVER && strstr(t[i].cut, "10.10.0.10")) {
			assert_int_equal(refused.pos.line, 20);
			assert_int_equal(refused.pos.col, 3);
			assert_non_null(strstr(refused.text, "dc-1"));
			assert_non_null(strstr(refused.text, ":20:3"));
		}
	}
	bh_plan_fini(&plan);
}

static void the_guard_knows_what_each_kind_may_stand_against(void **state)
{
	static const struct {
		const char *cut;
		unsigned code;
	} t[] = {
		{"cut contain 10.10.2.3 ttl=1h order=1", BH_REF_NONE},
		{"cut contain net:10.10.2.0/24 ttl=1h order=1", BH_REF_WIDTH},
		{"cut contain mac:02:00:00:00:00:01 ttl=1h order=1", BH_REF_WIDTH},
		{"cut contain 10.10.0.10 ttl=1h order=1", BH_REF_NEVER},
		{"cut island net:10.20.0.0/24 ttl=1h order=1", BH_REF_NONE},
		{"cut island 10.20.0.1 ttl=1h order=1", BH_REF_WIDTH},
		{"cut island net:10.10.0.0/24 ttl=1h order=1", BH_REF_NEVER},
		{"cut island net:0.0.0.0/0 ttl=1h order=1", BH_REF_WIDTH},
		{"cut kill tcp 10.10.2.3 49152 > 10.20.0.5 445 ttl=1h order=1", BH_REF_NONE},
		{"cut kill tcp 10.10.0.10 49152 > 10.20.0.5 445 ttl=1h order=1", BH_REF_NONE}, /* isolates nobody */
		{"cut kill tcp 10.10.2.3 49152 > 224.0.0.1 445 ttl=1h order=1", BH_REF_WIDTH},
		{"cut kill tcp 10.10.2.3 49152 > 10.20.0.5 445 ttl=2d order=1", BH_REF_TTL},
	};
	struct bh_plan plan = plan_of(whole);
	struct bh_cut flow = cut_of("cut kill tcp 10.10.2.3 49152 > 10.20.0.5 445 ttl=1h order=1");
	struct bh_refused refused;

	for (size_t i = 0; i < BH_COUNT(t); i++) {
		struct bh_cut c = cut_of(t[i].cut);
		int r = bh_plan_guard(&plan, &c, 0, NULL, 0, &refused);

		if (r != (t[i].code != BH_REF_NONE) || (r && refused.code != t[i].code))
			fail_msg("%s: %d %s", t[i].cut, r, r ? refused.text : "");
	}
	flow.kind = BH_CUT_ISOLATE;
	assert_int_equal(bh_plan_guard(&plan, &flow, 0, NULL, 0, &refused), 1);
	flow.kind = BH_CUT_KILL;
	flow.proto = 1;
	assert_int_equal(bh_plan_guard(&plan, &flow, 0, NULL, 0, &refused), 1);
	bh_plan_fini(&plan);
}

static void the_guard_counts_the_quota_and_knows_observe(void **state)
{
	struct bh_plan plan = plan_of(whole);
	struct bh_cut c = cut_of("cut isolate 10.10.2.3 ttl=1h order=1");
	struct bh_refused refused;

	assert_int_equal(bh_plan_guard(&plan, &c, 63, NULL, 0, &refused), 0);
	assert_int_equal(bh_plan_guard(&plan, &c, 64, NULL, 0, &refused), 1);
	assert_int_equal(refused.code, BH_REF_QUOTA);
	plan.mode = BH_MODE_OBSERVE;
	assert_int_equal(bh_plan_guard(&plan, &c, 0, NULL, 0, &refused), 1);
	assert_int_equal(refused.code, BH_REF_OBSERVE);
	c.kind = BH_CUT_KINDS;
	plan.mode = BH_MODE_AUTO;
	assert_int_equal(bh_plan_guard(&plan, &c, 0, NULL, 0, &refused), 1);
	bh_plan_fini(&plan);
}

static void a_catch_all_zone_does_not_make_every_network_narrow_enough(void **state)
{
	struct bh_plan plan = plan_of(
		"plan generation=1 mode=auto policy=\"\"\nlimit cuts=4 ttl=1h\n"
		"zone internet critical=0 0.0.0.0/0\nzone office critical=0 10.10.0.0/16\n");
	struct bh_cut wide = cut_of("cut isolate net:10.0.0.0/8 ttl=1h order=1"),
		      outside = cut_of("cut isolate net:198.51.100.0/24 ttl=1h order=1");
	struct bh_refused refused;

	assert_int_equal(bh_plan_guard(&plan, &wide, 0, NULL, 0, &refused), 1);
	assert_int_equal(refused.code, BH_REF_WIDTH);
	assert_non_null(strstr(refused.text, "office"));
	assert_int_equal(bh_plan_guard(&plan, &outside, 0, NULL, 0, &refused), 0);
	bh_plan_fini(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_text_prints_back_as_it_was_read),
		cmocka_unit_test(plan_errors_say_where),
		cmocka_unit_test(a_cut_that_is_none_is_not_read),
		cmocka_unit_test(without_admin_no_port_that_administers_is_left),
		cmocka_unit_test(a_zone_owns_what_no_other_zone_has_inside_it),
		cmocka_unit_test(the_guard_knows_what_each_kind_may_stand_against),
		cmocka_unit_test(a_reason_never_breaks_the_line),
		cmocka_unit_test(compiled_permits_are_disjoint_and_mean_what_the_policy_means),
		cmocka_unit_test(a_compiled_plan_survives_its_own_text),
		cmocka_unit_test(a_permit_towards_the_internet_opens_no_zone_inside_it),
		cmocka_unit_test(overlapping_pins_keep_their_names_and_lose_the_overlap),
		cmocka_unit_test(the_guard_names_what_stands_in_the_way),
		cmocka_unit_test(the_guard_counts_the_quota_and_knows_observe),
		cmocka_unit_test(a_catch_all_zone_does_not_make_every_network_narrow_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
