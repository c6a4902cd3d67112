/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "daemon/keep.h"

static void what_was_written_is_read_back_and_half_written_is_nothing(void **state)
{
	struct bh_keep *k = bh_keep_open();
	char file[128], *text;
	size_t len;

	assert_non_null(k);
	assert_int_equal(bh_keep_read(k, BH_KEEP_THE_POLICY, file, &text, &len), 1);
	assert_int_equal(bh_keep_write(k, BH_KEEP_THE_POLICY, "a.yaml", "version: 1", 10), 0);
	assert_int_equal(bh_keep_read(k, BH_KEEP_THE_POLICY, file, &text, &len), 0);
	assert_string_equal(text, "version: 1");
	assert_string_equal(file, "a.yaml");
	assert_int_equal(len, 10);
	free(text);
	atomic_fetch_or(&k->policy.seq, 1); /* a writer died inside */
	assert_int_equal(bh_keep_read(k, BH_KEEP_THE_POLICY, file, &text, &len), 1);
	assert_int_equal(bh_keep_write(k, BH_KEEP_THE_POLICY, "b.yaml", "x", 1), 0);
	assert_int_equal(bh_keep_read(k, BH_KEEP_THE_POLICY, file, &text, &len), 0);
	assert_string_equal(text, "x");
	free(text);
	k->policy.bytes = BH_KEEP_POLICY + 1; /* the writer may be owned */
	assert_int_equal(bh_keep_read(k, BH_KEEP_THE_POLICY, file, &text, &len), 1);
	assert_int_equal(bh_keep_write(k, BH_KEEP_THE_POLICY, "c", "", BH_KEEP_POLICY + 1), -E2BIG);
	munmap(k, sizeof *k);
}

static void a_file_is_replaced_whole_and_no_link_is_followed(void **state)
{
	char dir[] = "/tmp/bh-keep-XXXXXX", path[64], *text;
	size_t len;
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(bh_keep_load(fd, "x", 100, &text, &len), 1);
	assert_int_equal(bh_keep_save(fd, "x", "one", 3), 0);
	assert_int_equal(bh_keep_save(fd, "x", "twoo", 4), 0);
	assert_int_equal(bh_keep_load(fd, "x", 100, &text, &len), 0);
	assert_string_equal(text, "twoo");
	free(text);
	assert_int_equal(bh_keep_load(fd, "x", 3, &text, &len), -EFBIG);
	assert_int_equal(symlinkat("x", fd, "y"), 0);
	assert_int_equal(bh_keep_load(fd, "y", 100, &text, &len), -ELOOP);
	assert_int_equal(mkfifoat(fd, "f", 0600), 0);
	assert_int_equal(bh_keep_load(fd, "f", 100, &text, &len), -EINVAL);
	for (const char *const *n = (const char *const[]){"x", "y", "f", NULL}; *n; n++)
		unlinkat(fd, *n, 0);
	close(fd);
	snprintf(path, sizeof path, "%s", dir);
	assert_int_equal(rmdir(path), 0); /* nothing of ours is left beside */
}

static void a_boot_plan_that_was_touched_is_refused(void **state)
{
	static const char plan[] = "plan generation=1 mode=auto policy=\"x\"\nlimit cuts=64 ttl=24h\n";
	const char *body;
	char *text, why[96];
	size_t len, body_len;
	bh_ns at;

	assert_int_equal(bh_boot_wrap(plan, sizeof plan - 1, BH_SEC(77), &text, &len), 0);
	assert_int_equal(bh_boot_unwrap(text, len, &body, &body_len, &at, why), 0);
	assert_true(at == BH_SEC(77) && body_len == sizeof plan - 1 && !memcmp(body, plan, body_len));
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		text[i] ^= 1;
		/* a digit of the time or of the sum written in another case could still say the same; nothing else may */
		if (bh_boot_unwrap(text, len, &body, &body_len, &at, why) == 0)
			fail_msg("a changed byte %zu is taken", i);
		text[i] = was;
	}
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bh_boot_unwrap(text, i, &body, &body_len, &at, why), 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back_and_half_written_is_nothing),
		cmocka_unit_test(a_file_is_replaced_whole_and_no_link_is_followed),
		cmocka_unit_test(a_boot_plan_that_was_touched_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
