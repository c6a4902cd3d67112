/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/watch.h>

static struct bh_uuid uuid(const char *text)
{
	struct bh_uuid u;

	assert_int_equal(bh_uuid_parse(text, 36, &u), 0);
	return u;
}

static void the_list_that_is_carried_knows_its_calls(void **state)
{
	struct bh_watch *w = bh_watch_builtin();
	struct bh_uuid svcctl = uuid("367abb81-9844-35f1-ad32-98f038001003"), vss = uuid("fa7df749-66e7-4986-a27f-e2f04ae53772");
	struct bh_uuid other = uuid("00000000-0000-0000-0000-000000000001");
	const struct bh_watch_call *c;
	unsigned cls;

	assert_non_null(w);
	c = bh_watch_call(bh_watch_iface(w, &svcctl), 45, &cls);
	assert_string_equal(c->name, "CreateServiceWOW64W");
	assert_int_equal(cls, BH_RPCC_SVC_CREATE);
	assert_null(bh_watch_call(bh_watch_iface(w, &svcctl), 9999, &cls));
	assert_int_equal(cls, BH_RPCC_NONE);
	assert_null(bh_watch_call(bh_watch_iface(w, &vss), 9, &cls));
	assert_int_equal(cls, BH_RPCC_SHADOW_COPY);
	assert_null(bh_watch_iface(w, &other));
	assert_string_equal(bh_watch_tool(w, 56320)->name, "RemCom");
	assert_null(bh_watch_tool(w, 56321));
	assert_true(bh_watch_runs(w, "a/b/PSEXESVC.EXE"));
	assert_false(bh_watch_runs(w, "exe"));
	assert_true(bh_watch_remote(w, BH_APP_ANYDESK));
	assert_false(bh_watch_remote(w, BH_APP_SSH));
	bh_watch_free(w);
}

static void mistakes_are_named_with_their_place(void **state)
{
	static const struct {
		const char *text, *says;
		unsigned line;
	} bad[] = {
		{"interfaces: {}\n", "version: 1", 1},
		{"version: 2\n", "version 1", 1},
		{"version: 1\ntool: {}\n", "unknown key 'tool'", 2},
		{"version: 1\ntools: {x: -1}\n", "whole number", 2},
		{"version: 1\nservices:\n  smbb: [tcp/445]\n", "no service class 'smbb'", 3},
		{"version: 1\nservices:\n  smb: [tcp/445]\n  rdp: [tcp/400-500]\n", "already of class smb", 4},
		{"version: 1\ninterfaces:\n  a: {uuid: 1, calls: {}}\n", "needs 'uuid'", 3},
		{"version: 1\ninterfaces:\n  a: {uuid: 367abb81-9844-35f1-ad32-98f038001003}\n", "needs 'calls'", 3},
		{"version: 1\ninterfaces:\n  a:\n    uuid: 367abb81-9844-35f1-ad32-98f038001003\n    calls: {service-create: {1: A, 1: B}}\n", "twice", 5},
		{"version: 1\ninterfaces:\n  a:\n    uuid: 367abb81-9844-35f1-ad32-98f038001003\n    calls: {service-create: {1: A}, service-start: {1: B}}\n",
			"already A", 5},
		{"version: 1\nremote-access: [telepathy]\n", "application", 2},
	};

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		struct bh_diags d = {0};
		struct bh_watch *w = NULL;

		if (bh_watch_load(bad[i].text, strlen(bad[i].text), &d, &w) != 1)
			fail_msg("accepted: %s", bad[i].text);
		if (!d.n || !strstr(d.v[0].text, bad[i].says) || d.v[0].pos.line != bad[i].line)
			fail_msg("'%s': line %u: %s", bad[i].text, d.n ? d.v[0].pos.line : 0, d.n ? d.v[0].text : "nothing said");
		bh_diags_fini(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_that_is_carried_knows_its_calls),
		cmocka_unit_test(mistakes_are_named_with_their_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
