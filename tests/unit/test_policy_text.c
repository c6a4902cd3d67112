/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loader refuses and how it says so: goldens of whole files, the strict profile, bombs,
 * and checks one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <bulkhead/policy.h>

#define ZONES "version: 1\nzones:\n  a: {networks: [10.1.0.0/16]}\n  b: {networks: [10.2.0.0/16]}\n"

struct said {
	int r;
	size_t errors, warnings, suppressed;
	char text[65536]; /* as printed */
};

static void load_n(const char *text, size_t len, struct said *s)
{
	struct bh_diags d = {0};
	struct bh_policy *p = NULL;
	struct bh_text t = bh_text(s->text, sizeof s->text);

	s->r = bh_policy_load(text, len, "t.yaml", &d, &p);
	s->errors = d.errors;
	s->suppressed = d.suppressed;
	s->warnings = 0;
	for (size_t i = 0; i < d.n; i++)
		s->warnings += d.v[i].severity == BH_DIAG_WARNING;
	bh_diags_print(&d, "t.yaml", text, len, &t);
	bh_diags_fini(&d);
	bh_policy_free(p);
}

static void load(const char *text, struct said *s)
{
	load_n(text, strlen(text), s);
}

static void must_say(const char *text, size_t errors, size_t warnings, const char *words)
{
	struct said s;

	load(text, &s);
	if (s.errors != errors || s.warnings != warnings || (s.r != 0) != (errors > 0) ||
		!strstr(s.text, words))
		fail_msg("wanted %zu errors, %zu warnings and \"%s\"; got %zu, %zu and:\n%s",
			errors, warnings, words, s.errors, s.warnings, s.text);
}

static char *slurp(const char *name, size_t *ret_len)
{
	const char *src = getenv("BH_SRC");
	char path[512];
	char *buf;
	FILE *f;

	snprintf(path, sizeof path, "%s/tests/policy/%s", src ? src : ".", name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	buf = calloc(1, 1 << 20);
	*ret_len = fread(buf, 1, (1 << 20) - 1, f);
	fclose(f);
	return buf;
}

/* BLESS=1 rewrites what is expected */
static void golden(const char *name)
{
	char yaml[64], out[64], path[512];
	struct said s;
	size_t n = 0, m = 0;
	char *text, *want;

	snprintf(yaml, sizeof yaml, "%s.yaml", name);
	snprintf(out, sizeof out, "%s.out", name);
	text = slurp(yaml, &n);
	assert_non_null(text);
	load_n(text, n, &s);
	if (getenv("BLESS")) {
		FILE *f;

		snprintf(path, sizeof path, "%s/tests/policy/%s",
			getenv("BH_SRC") ? getenv("BH_SRC") : ".", out);
		f = fopen(path, "wb");
		assert_non_null(f);
		fputs(s.text, f);
		fclose(f);
	}
	want = slurp(out, &m);
	assert_non_null(want);
	assert_string_equal(s.text, want);
	free(want);
	free(text);
}

static void twenty_mistakes_are_all_told_in_one_run(void **state)
{
	golden("twenty-mistakes");
}

static void duplicate_keys_show_both_places(void **state)
{
	golden("duplicate-keys");
}

static void overlapping_zones_show_both_places(void **state)
{
	golden("overlaps");
}

static void the_strict_profile_refuses_what_yaml_allows(void **state)
{
	must_say(ZONES "\tsite: x\n", 1, 0, "t.yaml:5:1: error: tab used as indentation");
	must_say("base: &b {a: 1}\nversion: 1\nzones:\n  <<: *b\n", 1, 0,
		"t.yaml:4:3: error: merge key");
	must_say("version: !!int 1\n", 1, 0, "t.yaml:1:10: error: tags are not used here");
	must_say("version: !x 1\n", 1, 0, "tags are not used here");
	must_say(ZONES "---\nversion: 1\n", 1, 0, "t.yaml:5:1: error: a second document");
	must_say("version: 1\nsite: \"\xff\"\n", 1, 0, "t.yaml:2:8: error: byte 0xff is not UTF-8");
	must_say("version: 1\nsite: \"\xed\xa0\x80\"\n", 1, 0, "is not UTF-8"); /* a surrogate */
	must_say("version: 1\nsite: a\x07\n", 1, 0, "U+0007");
	must_say("version: 1\nsite: \"a\\0b\"\n", 1, 0, "a NUL");
	must_say("? [a]\n: b\n", 1, 0, "a key must be one word");
	must_say("version: 1\nzones: [\n", 1, 0, "not YAML");
	must_say("version: 1\nzones: *nowhere\n", 1, 0, "no anchor '&nowhere'");
	must_say("version: 1\nzones: &z [*z]\n", 1, 0, "stands inside what it names");
	must_say("", 1, 0, "the policy is empty");
	must_say("# only a comment\n", 1, 0, "the policy is empty");
	must_say("version: 1\nzones: {}\n", 1, 0, "no zones");
	must_say("- a\n", 1, 0, "keys and values");
}

static void numbers_and_words_are_ours_not_yamls(void **state)
{
	must_say("version: 1\nzones:\n  a: {networks: [10.0.0.0/8], purdue: 010}\n", 1, 0,
		"whole number from 0 to 5");
	must_say("version: 1\nzones:\n  a: {networks: [10.0.0.0/8], ot: yes}\n", 1, 0,
		"true or false");
	must_say("version: 1\nzones:\n  a: {networks: [10.0.0.0/8], ot: }\n", 1, 0, "has no value");
	must_say(ZONES "hosts:\n  h: {mac: 10:20:30:40:50:59}\n", 0, 1,
		"unquoted MAC of digits only");
	must_say(ZONES "hosts:\n  h: {mac: '10:20:30:40:50:59'}\n", 0, 0, "");
	must_say(ZONES "hosts:\n  h: {mac: '11:20:30:40:50:59'}\n", 1, 0,
		"not the MAC of a host"); /* a group address */
	must_say(ZONES "response: {ttl: {isolate: 4}}\n", 1, 0, "a time with a unit");
	must_say(ZONES "response: {budget: {share-of-zone: 100.1%}}\n", 1, 0,
		"a share from 0% to 100%");
	must_say(ZONES "hosts:\n  10.0.0.1: {addresses: [10.1.0.1]}\n", 1, 0,
		"looks like an address");
	must_say(ZONES "site: \"two\\nlines\"\n", 1, 0, "one line of printable text");
}

static void aliases_work_until_they_explode(void **state)
{
	char bomb[2048], *p = bomb;

	must_say("version: 1\nzones:\n  a: {networks: &n [10.1.0.0/16]}\n  b: {networks: "
		 "[10.2.0.0/16]}\n"
		 "management: {from: *n, allow: [ssh]}\n",
		0, 0, "");
	p += sprintf(p, "a: &a [x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c < 'j'; c++)
		p += sprintf(p, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1,
			c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	must_say(bomb, 1, 0, "aliases expand to more than 10000 values");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void two_hundred_thousand_brackets_are_refused_at_once(void **state)
{
	static char text[200000];
	struct said s;
	double t = seconds();

	memset(text, '[', sizeof text);
	load_n(text, sizeof text, &s);
	assert_true(seconds() - t < 0.5);
	assert_int_equal(s.r, 1);
	assert_non_null(strstr(s.text, "t.yaml:1:33: error: nested deeper than 32"));
}

static void an_alias_does_not_hide_depth(void **state)
{
	must_say("a: &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\nb: "
		 "[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]\n",
		1, 0, "nested deeper than 32");
}

static void a_text_over_four_mebibytes_is_refused_unread(void **state)
{
	size_t n = (4u << 20) + 1;
	char *text = malloc(n);
	struct said s;

	memset(text, '#', n);
	load_n(text, n, &s);
	assert_int_equal(s.r, 1);
	assert_non_null(strstr(s.text, "a policy holds at most 4194304"));
	load_n(text, n - 1, &s);
	assert_non_null(strstr(s.text, "the policy is empty"));
	free(text);
}

static void beyond_two_hundred_messages_are_only_counted(void **state)
{
	static char text[40000];
	struct bh_text t = bh_text(text, sizeof text);
	struct said s;

	bh_put(&t, ZONES);
	for (int i = 0; i < 350; i++)
		bh_putf(&t, "bad%d: x\n", i);
	load(text, &s);
	assert_int_equal(s.errors, 350);
	assert_int_equal(s.suppressed, 150);
	assert_non_null(strstr(s.text, "t.yaml: 150 more not shown"));
}

static void what_a_file_holds_cannot_drive_the_terminal(void **state)
{
	struct said s;

	load("version: 1\n\"\\e[2J\\x9b\\u202e\": x\n", &s);
	assert_int_equal(s.r, 1);
	load_n("version: 1\nsite: \x1b[2J\xc2\x9b\xff\n", 25, &s);
	for (const char *p = s.text; *p; p++)
		assert_true(*p == '\n' || (uint8_t)*p >= 0x20);
	assert_null(strstr(s.text, "\xc2\x9b"));
}

static void the_caret_line_copies_tabs(void **state)
{
	must_say(ZONES "site: x\t\t# comment\ncolour:\tgrey\n", 1, 0,
		"    6 | colour:\tgrey\n      | ^~~~~~\n");
	must_say("version: 1\nzones:\n  a: {networks: [10.1.0.0/16],\tpurdue: 9}\n", 1, 0,
		"      |                               \t        ^\n");
}

static void conduits_must_do_something(void **state)
{
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: a, allow: [ssh]}\n", 1, 0,
		"stays inside zone 'a'");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [ssh]}\n  - {name: y, "
		       "from: a, to: b, allow: [tcp/22]}\n",
		1, 0, "conduit 'y' says the same as 'x'");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [tcp/20-30]}\n  - {name: "
		       "y, from: a, to: b, allow: [ssh]}\n",
		0, 1, "conduit 'y' changes nothing");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [ssh]}\n  - {name: y, "
		       "from: a, to: b, allow: [tcp/20-30]}\n",
		0, 0, "");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [ssh], from-hosts: "
		       "[10.1.1.0/24]}\n"
		       "  - {name: y, from: a, to: b, allow: [ssh], from-hosts: [10.1.1.9], "
		       "to-hosts: [10.2.0.1]}\n",
		0, 1, "changes nothing");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [ssh], apps: [ssh]}\n"
		       "  - {name: y, from: a, to: b, allow: [ssh]}\n",
		0, 0, "");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: []}\n", 1, 0,
		"an empty list says nothing");
	must_say(ZONES
		"conduits:\n  - {name: x, from: a, to: b, allow: [ssh], to-hosts: [10.2.0.0/15]}\n",
		1, 0, "not inside zone 'b'");
}

#define CONDUIT(rest) ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [ssh], " rest "}\n"

static void a_breaker_has_steps_and_the_milder_comes_first(void **state)
{
	must_say(CONDUIT("breaker: {}"), 1, 0, "a breaker that never acts");
	must_say(CONDUIT("breaker: {admin-off: never}"), 1, 0, "a breaker that never acts");
	must_say(CONDUIT("breaker: {admin-off: alert}"), 2, 0, "'alert' is not known for 'admin-off'");
	must_say(CONDUIT("breaker: {admin-off: isolate, pins-only: contain}"), 1, 0, "comes first");
	must_say(CONDUIT("breaker: {admin-off: isolate, pins-only: isolate}"), 1, 0, "comes first");
	must_say(CONDUIT("breaker: {admin-off: shield, pins-only: isolate}"), 0, 0, "");
	must_say(CONDUIT("breaker: {pins-only: shield}"), 0, 0, "");
}

static void a_drawbridge_has_hours(void **state)
{
	static const char *const bad[] = {"1:00-3:00", "01:00", "01:00-03:60", "24:00-01:00",
		"01:00-24:01", "01:00 03:00", "01:00-03:000", "0x:00-03:00"};
	char text[512];

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		snprintf(text, sizeof text, CONDUIT("drawbridge: {open: \"%s\"}"), bad[i]);
		must_say(text, 1, 0, "is a window of local time");
	}
	must_say(CONDUIT("drawbridge: {}"), 1, 0, "has no 'open'");
	must_say(CONDUIT("drawbridge: {open: \"01:00-01:00\"}"), 1, 0, "a whole day is");
	must_say(CONDUIT("drawbridge: {open: \"01:00-03:00\", days: []}"), 1, 0, "an empty list");
	must_say(CONDUIT("drawbridge: {open: \"01:00-03:00\", days: [mom]}"), 1, 0,
		"did you mean 'mon'");
	must_say(CONDUIT("drawbridge: {open: \"01:00-03:00\", raise-on: isolation}"), 1, 0,
		"did you mean 'isolate'");
	must_say(CONDUIT("drawbridge: {open: \"22:00-00:00\", days: [mon, fri], raise-on: alert}"), 0,
		0, "");
	must_say(CONDUIT("drawbridge: {open: \"00:00-24:00\", days: sun}"), 0, 0, "");
}

static void a_closed_conduit_beside_an_open_one_closes_nothing(void **state)
{
	must_say(CONDUIT("breaker: {pins-only: isolate}")
		"  - {name: y, from: a, to: b, allow: [tcp/20-30]}\n",
		0, 1, "closing conduit 'x' closes nothing");
	must_say(ZONES "conduits:\n  - {name: y, from: a, to: b, allow: [tcp/20-30]}\n"
		       "  - {name: x, from: a, to: b, allow: [ssh], drawbridge: {open: 01:00-02:00}}\n",
		0, 1, "conduit 'x' changes nothing");
	/* wider at night: both are wanted */
	must_say(ZONES "conduits:\n  - {name: y, from: a, to: b, allow: [tcp/20-30], drawbridge: "
		       "{open: 01:00-02:00}}\n  - {name: x, from: a, to: b, allow: [ssh]}\n",
		0, 0, "");
	must_say(CONDUIT("breaker: {pins-only: isolate}")
		"  - {name: y, from: a, to: b, allow: [ssh], breaker: {pins-only: isolate}}\n",
		1, 0, "says the same as 'x'");
}

#define ZONE(rest) "version: 1\nzones:\n  a: {networks: [10.1.0.0/16], " rest "}\n"

static void a_probe_is_for_zones_of_it_with_an_interface_of_their_own(void **state)
{
	must_say(ZONE("interfaces: [eth1], purdue: 4, probe: {names: true}"), 0, 0, "");
	must_say(ZONE("interfaces: [eth1], purdue: 3, probe: {dhcp: true, every: 10s}"), 0, 0, "");
	must_say(ZONE("interfaces: [eth1], purdue: 4, probe: {}"), 1, 0, "t.yaml:3:70: error: a probe that asks nothing");
	must_say(ZONE("interfaces: [eth1], purdue: 4, probe: {names: yes}"), 2, 0, "'names' is true or false, not 'yes'");
	must_say(ZONE("interfaces: [eth1], purdue: 4, probe: {names: true, every: 9s}"), 1, 0, "t.yaml:3:91: error: 'every' is 10s or more");
	must_say(ZONE("interfaces: [eth1], purdue: 4, probe: {name: true, dhcp: true}"), 1, 0, "did you mean 'names'");
	must_say(ZONE("interfaces: [eth1], purdue: 4, ot: true, probe: {names: true}"), 1, 0, "devices there are never asked");
	must_say(ZONE("interfaces: [eth1], purdue: 2, probe: {names: true}"), 1, 0, "'a' is lower");
	must_say(ZONE("interfaces: [eth1], probe: {names: true}"), 1, 0, "'a' is of no level yet");
	must_say(ZONE("purdue: 4, probe: {names: true}"), 1, 0, "t.yaml:3:50: error: zone 'a' has a probe and no interfaces");
	must_say(ZONE("interfaces: [eth1], purdue: 4, vlan: 7, probe: {names: true}"), 1, 0, "leaves without its tag");
}

static void a_probe_is_printed_as_it_is_read(void **state)
{
	struct bh_diags d = {0};
	struct bh_policy *p;
	char buf[2048], twice[2048];
	struct bh_text t = bh_text(buf, sizeof buf), again;

	assert_int_equal(bh_policy_load(ZONE("interfaces: [eth1], purdue: 4, probe: {names: true}"), strlen(ZONE("interfaces: [eth1], purdue: 4, probe: {names: true}")),
				 "t.yaml", &d, &p), 0);
	assert_true(p->zones[0].probe.names && !p->zones[0].probe.dhcp);
	assert_int_equal(p->zones[0].probe.every, BH_MIN(10));
	bh_policy_print(p, &t);
	assert_non_null(strstr(buf, "purdue: 4, probe: {names: true, every: 10m}}\n"));
	bh_policy_free(p);
	assert_int_equal(bh_policy_load(buf, t.len, "t.yaml", &d, &p), 0);
	again = bh_text(twice, sizeof twice);
	bh_policy_print(p, &again);
	assert_string_equal(twice, buf);
	bh_policy_free(p);
	bh_diags_fini(&d);
}

static void only_a_zone_that_denies_inside_has_conduits_to_itself(void **state)
{
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16], inside: deny}}\n"
		 "conduits: [{name: x, from: a, to: a, allow: [ssh]}]\n",
		0, 0, "");
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16], inside: free}}\n"
		 "conduits: [{name: x, from: a, to: a, allow: [ssh]}]\n",
		1, 0, "give the zone 'inside: deny'");
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16], inside: none}}\n", 1, 0,
		"it is one of free, deny");
}

static void half_covered_conduits_are_not_called_shadowed(void **state)
{
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [tcp/20-30]}\n"
		       "  - {name: y, from: a, to: b, allow: [tcp/25-40]}\n",
		0, 0, "");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [tcp/20-30, tcp/31-40]}\n"
		       "  - {name: y, from: a, to: b, allow: [tcp/25-35]}\n",
		0, 1, "changes nothing");
	must_say(ZONES "conduits:\n  - {name: x, from: a, to: b, allow: [tcp/20-30, tcp/32-40]}\n"
		       "  - {name: y, from: a, to: b, allow: [tcp/25-35]}\n",
		0, 0, "");
}

static void a_canary_that_is_every_file_or_no_share_is_refused(void **state)
{
	(void)state;
	must_say(ZONES "canaries:\n  - {share: data, path: 'zz.docx', host: 10.1.0.1}\n", 0, 0, "");
	must_say(ZONES "canaries:\n  - {share: data, path: '**'}\n", 1, 0, "every file");
	must_say(ZONES "canaries:\n  - {share: 'data/x', path: y}\n", 1, 0, "not the name of a share");
	must_say(ZONES "canaries:\n  - {share: data}\n", 1, 0, "has no 'path'");
}

static void a_pin_needs_a_path_and_a_reason(void **state)
{
	must_say(ZONES
		"pins:\n  - {name: p, from: 10.1.0.1, to: 10.9.0.1, allow: [ssh], reason: r}\n",
		1, 0, "no path carries pin 'p'");
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16]}, b: {networks: ['fd00::/8']}}\n"
		 "pins:\n  - {name: p, from: 10.1.0.1, to: 'fd00::1', allow: [ssh], reason: r}\n",
		1, 0, "one end is IPv4, the other IPv6");
	must_say(ZONES "pins:\n  - {name: p, from: 10.1.0.1, to: 10.2.0.1, allow: [ssh]}\n", 1, 0,
		"has no 'reason'");
	must_say(ZONES
		"pins:\n  - {name: p, from: 10.1.0.1, to: 10.2.0.1, allow: [any], reason: r}\n",
		0, 1, "name the ports");
	must_say("version: 1\nzones: {all: {networks: [0.0.0.0/0]}, b: {networks: [10.2.0.0/16]}}\n"
		 "pins:\n  - {name: p, from: 10.0.0.0/8, to: 10.2.0.1, allow: [ssh], reason: r}\n",
		1, 0, "not inside one zone");
}

static void a_name_means_one_thing(void **state)
{
	must_say(ZONES
		"pins:\n  - {name: p, from: 10.1.0.1, to: 10.2.0.1, allow: [ssh], reason: r}\n"
		"  - {name: p, from: 10.1.0.2, to: 10.2.0.1, allow: [ssh], reason: r}\n",
		1, 0, "pin 'p' given twice");
	must_say(ZONES "hosts: {x: {addresses: 10.1.0.1}, y: {addresses: [10.1.0.1]}}\n", 1, 0,
		"10.1.0.1 is given twice");
	must_say(ZONES "hosts: {x: {mac: '52:54:00:00:00:01'}, y: {mac: '52-54-00-00-00-01'}}\n", 1,
		0, "MAC '52:54:00:00:00:01' given twice");
	must_say(ZONES "hosts: {a: {addresses: 10.1.0.1}}\n", 1, 0, "names a zone and a host");
	must_say(ZONES "services: {ssh: [tcp/2222]}\n", 1, 0, "service 'ssh' is built in");
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16], interfaces: [e0]}, b: "
		 "{networks: [10.2.0.0/16], interfaces: [e0]}}\n",
		1, 0, "interface 'e0' given twice");
}

static void doubtful_things_are_warnings(void **state)
{
	must_say("version: 1\nzones: {net: {networks: [0.0.0.0/0]}, b: {networks: [10.2.0.0/16], "
		 "critical: true}}\n"
		 "conduits:\n  - {name: x, from: net, to: b, allow: [ssh]}\n",
		0, 1, "can be reached straight from 'net'");
	must_say(ZONES "hosts: {x: {addresses: 10.1.0.1, never-isolate: true}}\n", 0, 1,
		"no role and no pin that says why");
	must_say(ZONES "hosts: {x: {addresses: 10.1.0.1, never-isolate: true}}\n"
		       "pins:\n  - {name: p, from: 10.2.0.1, to: x, allow: [ssh], reason: r}\n",
		0, 0, "");
	must_say(ZONES "hosts: {x: {addresses: 10.3.0.1}}\n", 0, 1, "is in no zone");
	must_say(ZONES "management: {from: 0.0.0.0/0, allow: [ssh]}\n", 0, 1, "the whole world");
	must_say("version: 1\nzones: {a: {networks: [10.1.0.0/16, 10.1.2.0/24]}}\n", 0, 1,
		"already part of 10.1.0.0/16");
	must_say("version: 1\nzones: {a: {interfaces: [e0]}}\n", 0, 1, "has only interfaces");
}

static void a_budget_must_let_something_happen(void **state)
{
	must_say(ZONES "response: {mode: auto, budget: {burst: 0}}\n", 1, 0,
		"'burst: 0' forbids every action");
	must_say(ZONES "response: {mode: auto, budget: {per-hour: 0}}\n", 1, 0,
		"'per-hour: 0' forbids every action");
	must_say(ZONES "response: {mode: ask, budget: {burst: 0}}\n", 0, 0, "");
}

static void a_suppression_needs_a_scope_an_end_and_an_owner(void **state)
{
#define RULE ZONES "suppress:\n  - {detector: exec.svc, owner: els, reason: push, "
	must_say(RULE "since: 2026-11-28, until: 2027-03-31, source: [10.1.0.5]}\n", 0, 0, "");
	must_say(RULE "since: 2026-11-28, until: 2027-03-31}\n", 1, 0, "suppression of everything 'exec.svc' finds");
	must_say(RULE "since: 2026-11-28, until: 2027-05-28, source: [10.1.0.5]}\n", 1, 0, "at most 180 days");
	must_say(RULE "since: 2026-11-28, until: 2027-05-27, source: [10.1.0.5]}\n", 0, 0, "");
	must_say(RULE "since: 2026-11-28, until: 2026-11-27, source: [10.1.0.5]}\n", 1, 0, "ends before it begins");
	must_say(RULE "since: 2026-02-29, until: 2026-03-27, source: [10.1.0.5]}\n", 1, 0, "is a day like");
	must_say(RULE "since: 2024-02-29, until: 2024-03-27, source: [10.1.0.5]}\n", 0, 0, "");
	must_say(RULE "since: 28.11.2026, until: 2026-12-27, source: [10.1.0.5]}\n", 1, 0, "is a day like");
	must_say(RULE "since: 2026-11-28, source: [10.1.0.5]}\n", 1, 0, "until");
	must_say(RULE "approved-by: Els, since: 2026-11-28, until: 2026-12-01, account: x}\n", 1, 0, "cannot be the second person");
	must_say(ZONES "suppress:\n  - {detector: exec.svc, reason: push, since: 2026-11-28, until: 2026-12-01, account: x}\n", 1, 0, "owner");
}

static void a_suppression_holds_in_its_days_and_scope(void **state)
{
	static const char text[] = RULE "since: 2026-11-28, until: 2026-11-29, source: [10.1.0.0/24], target: [10.2.0.7], account: 'CORP\\svc'}\ndark: [10.1.9.0/24]\n";
	struct bh_addr in = bh_addr_v4((const uint8_t[]){10, 1, 0, 5}), other = bh_addr_v4((const uint8_t[]){10, 1, 9, 5}), to = bh_addr_v4((const uint8_t[]){10, 2, 0, 7});
	bh_ns noon = BH_SEC(1795867200), day = BH_HOUR(24); /* 2026-11-28 12:00 UTC */
	struct bh_diags d = {0};
	struct bh_policy *p, *again;
	char *out = malloc(1 << 16);
	struct bh_text t = bh_text(out, 1 << 16);

	assert_int_equal(bh_policy_load(text, sizeof text - 1, "t.yaml", &d, &p), 0);
	assert_non_null(bh_policy_suppressed(p, "exec.svc", &in, &to, "corp\\SVC", noon));
	assert_non_null(bh_policy_suppressed(p, "exec.svc", &in, &to, "CORP\\svc", noon + day));
	assert_null(bh_policy_suppressed(p, "exec.svc", &in, &to, "CORP\\svc", noon + 2 * day));
	assert_null(bh_policy_suppressed(p, "exec.svc", &in, &to, "CORP\\svc", noon - day));
	assert_null(bh_policy_suppressed(p, "exec.svc", &in, &to, "CORP\\other", noon));
	assert_null(bh_policy_suppressed(p, "exec.svc", &other, &to, "CORP\\svc", noon));
	assert_null(bh_policy_suppressed(p, "exec.svc", &in, &in, "CORP\\svc", noon));
	assert_null(bh_policy_suppressed(p, "exec.task", &in, &to, "CORP\\svc", noon));
	assert_true(bh_policy_dark(p, &other));
	assert_false(bh_policy_dark(p, &in));
	bh_policy_print(p, &t);
	assert_non_null(strstr(out, "    since: 2026-11-28\n    until: 2026-11-29\n"));
	assert_int_equal(bh_policy_load(out, t.len, "t.yaml", &d, &again), 0);
	assert_int_equal(again->suppresses[0].until, p->suppresses[0].until);
	bh_policy_free(p);
	bh_policy_free(again);
	bh_diags_fini(&d);
	free(out);
#undef RULE
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suppression_needs_a_scope_an_end_and_an_owner),
		cmocka_unit_test(a_suppression_holds_in_its_days_and_scope),
		cmocka_unit_test(a_canary_that_is_every_file_or_no_share_is_refused),
		cmocka_unit_test(twenty_mistakes_are_all_told_in_one_run),
		cmocka_unit_test(duplicate_keys_show_both_places),
		cmocka_unit_test(overlapping_zones_show_both_places),
		cmocka_unit_test(the_strict_profile_refuses_what_yaml_allows),
		cmocka_unit_test(numbers_and_words_are_ours_not_yamls),
		cmocka_unit_test(aliases_work_until_they_explode),
		cmocka_unit_test(two_hundred_thousand_brackets_are_refused_at_once),
		cmocka_unit_test(an_alias_does_not_hide_depth),
		cmocka_unit_test(a_text_over_four_mebibytes_is_refused_unread),
		cmocka_unit_test(beyond_two_hundred_messages_are_only_counted),
		cmocka_unit_test(what_a_file_holds_cannot_drive_the_terminal),
		cmocka_unit_test(the_caret_line_copies_tabs),
		cmocka_unit_test(conduits_must_do_something),
		cmocka_unit_test(a_breaker_has_steps_and_the_milder_comes_first),
		cmocka_unit_test(a_drawbridge_has_hours),
		cmocka_unit_test(a_closed_conduit_beside_an_open_one_closes_nothing),
		cmocka_unit_test(a_probe_is_for_zones_of_it_with_an_interface_of_their_own),
		cmocka_unit_test(a_probe_is_printed_as_it_is_read),
		cmocka_unit_test(only_a_zone_that_denies_inside_has_conduits_to_itself),
		cmocka_unit_test(half_covered_conduits_are_not_called_shadowed),
		cmocka_unit_test(a_pin_needs_a_path_and_a_reason),
		cmocka_unit_test(a_name_means_one_thing),
		cmocka_unit_test(doubtful_things_are_warnings),
		cmocka_unit_test(a_budget_must_let_something_happen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
