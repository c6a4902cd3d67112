/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/store.h"

struct place {
	char dir[40], file[64];
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	bh_strcpy(p->dir, sizeof p->dir, "/tmp/bh-store-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->file, sizeof p->file, "%s/" BH_STORE_FILE, p->dir);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	char cmd[64];

	snprintf(cmd, sizeof cmd, "rm -rf %s", p->dir);
	free(p);
	return system(cmd);
}

static struct bh_store_row device_row(unsigned i, unsigned status, bh_ns last, char line[128])
{
	struct bh_store_row row;
	char buf[BH_STORY_TEXT];

	snprintf(line, 128, "device 02:00:00:%02x:%02x:%02x%s%s first=5.000000000 last=%llu.000000000", i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff,
		status ? " status=" : "", status ? bh_device_status_name(status) : "", (unsigned long long)(last / BH_SEC(1)));
	assert_int_equal(bh_store_row_parse(line, strlen(line), &row, buf), 0);
	return row;
}

static struct bh_store_row event_row(unsigned i, bool known, bh_ns at, const char *text)
{
	return (struct bh_store_row){.event = true, .known = known, .story = BH_STORY_NAME, .mac = {{2, 0, 0, 0, 0, (uint8_t)i}}, .first = at, .text = text, .len = strlen(text)};
}

struct seen {
	size_t n;
	char first[BH_DEVICE_TEXT];
};

static int see(void *ctx, const char *line, size_t len)
{
	struct seen *s = ctx;

	if (s->n++ == 0) {
		memcpy(s->first, line, len);
		s->first[len] = '\0';
	}
	return 0;
}

static size_t count(struct bh_store *s)
{
	struct seen seen = {0};

	assert_int_equal(bh_store_load(s, see, &seen), 0);
	return seen.n;
}

static int see_event(void *ctx, const struct bh_store_row *row)
{
	struct seen *s = ctx;

	if (s->n++ == 0)
		snprintf(s->first, sizeof s->first, "%llu %s %d %.*s", (unsigned long long)row->first, bh_story_name(row->story), row->known, (int)row->len, row->text);
	return 0;
}

static struct bh_store *open_it(const struct place *p)
{
	char why[BH_STORE_WHY];
	struct bh_store *s;
	int r = bh_store_open(p->dir, &s, why);

	if (r)
		fail_msg("%d: %s", r, why);
	return s;
}

static int64_t ask(const struct place *p, const char *query, char text[64])
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t v;

	assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	if (text)
		bh_strcpy(text, 64, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static int do_sql(const struct place *p, const char *query)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
	rc = sqlite3_exec(db, query, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static void what_is_saved_is_loaded_by_the_next_one(void **state)
{
	struct place *p = *state;
	struct bh_store *s = open_it(p);
	struct bh_store_row rows[4];
	struct seen seen = {0};
	char line[3][128];
	struct stat st;

	rows[0] = device_row(1, BH_DEV_NEW, BH_SEC(10), line[0]);
	rows[1] = device_row(2, BH_DEV_KNOWN, BH_SEC(20), line[1]);
	rows[2] = event_row(2, true, BH_SEC(20) + 5000, "was \"a\", is \"b\"");
	rows[3] = event_row(2, false, BH_SEC(30), "later");
	assert_int_equal(bh_store_save(s, rows, 4), 0);
	rows[0] = device_row(1, BH_DEV_KNOWN, BH_SEC(40), line[2]); /* the same device again */
	assert_int_equal(bh_store_save(s, rows, 1), 0);
	bh_store_close(s);
	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	s = open_it(p);
	assert_int_equal(bh_store_load(s, see, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.first, line[2]);
	seen.n = 0;
	assert_int_equal(bh_store_history(s, &rows[3].mac, 10, see_event, &seen), 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.first, "30000000000 name 0 later");
	seen.n = 0;
	assert_int_equal(bh_store_history(s, &rows[3].mac, 1, see_event, &seen), 0);
	assert_int_equal(seen.n, 1);
	bh_store_close(s);
}

static void the_file_has_a_log_and_refuses_wrong_types(void **state)
{
	struct place *p = *state;
	struct bh_store *s = open_it(p);
	char text[64];

	bh_store_close(s);
	ask(p, "pragma journal_mode", text);
	assert_string_equal(text, "wal");
	assert_int_equal(ask(p, "pragma user_version", NULL), BH_STORE_VERSION);
	assert_int_equal(do_sql(p, "insert into device values(x'020000000001', 'known', 1, 2, 'x')") & 0xff, SQLITE_CONSTRAINT);
	assert_int_equal(do_sql(p, "insert into device values(x'0200000001', 1, 1, 2, 'x')") & 0xff, SQLITE_CONSTRAINT);
	assert_int_equal(do_sql(p, "insert into device_event(at, mac, known, kind, text) values('now', x'020000000001', 1, 'name', '')") & 0xff, SQLITE_CONSTRAINT);
	assert_int_equal(do_sql(p, "insert into device values(x'020000000001', 1, 1, 2, 'x')"), SQLITE_OK);
}

static void a_writer_killed_inside_a_batch_leaves_what_was_committed(void **state)
{
	struct place *p = *state;
	static struct bh_store_row rows[2000];
	static char line[2000][128];
	struct bh_store *s;
	size_t n, most = 0;

	for (unsigned i = 0; i < 2000; i++)
		rows[i] = device_row(i, 0, BH_SEC(i + 1), line[i]);
	for (unsigned round = 0; round < 8; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			char why[BH_STORE_WHY];

			if (bh_store_open(p->dir, &s, why))
				_exit(1);
			for (unsigned at = 0, number = 0;; at = (at + 100) % 2000, number++) {
				for (unsigned i = 0; i < 100; i++)
					rows[at + i].last = BH_SEC(1000 * (round + 1) + number);
				if (bh_store_save(s, rows + at, 100))
					_exit(2);
			}
		}
		nanosleep(&(struct timespec){0, 30000000 + 7000000 * (long)round}, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		s = open_it(p); /* quick_check is part of it */
		n = count(s);
		assert_int_equal(n % 100, 0); /* batches are whole */
		assert_int_equal(ask(p, "select count(*) from (select count(*) as n from device group by last having n <> 100)", NULL), 0);
		assert_true(n >= most);
		most = n;
		bh_store_close(s);
	}
	print_message("# killed 8 times, %zu devices are there\n", most);
	assert_true(most > 0);
}

static size_t slurp(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, cap, f);
	fclose(f);
	return n;
}

static void refused(const struct place *p, const char *because)
{
	static char before[1 << 17], after[1 << 17];
	size_t n = slurp(p->file, before, sizeof before);
	char why[BH_STORE_WHY] = "";
	struct bh_store *s = NULL;

	assert_int_equal(bh_store_open(p->dir, &s, why), 1);
	assert_null(s);
	if (!strstr(why, because))
		fail_msg("'%s' does not say '%s'", why, because);
	assert_int_equal(slurp(p->file, after, sizeof after), n);
	assert_memory_equal(before, after, n);
}

static void a_newer_a_foreign_and_a_damaged_file_are_refused_and_left_as_they_are(void **state)
{
	struct place *p = *state;
	char line[128], name[64], path[140];
	struct bh_store_row row = device_row(1, 0, BH_SEC(9), line);
	struct bh_store *s = open_it(p);
	FILE *f;

	assert_int_equal(bh_store_save(s, &row, 1), 0);
	bh_store_close(s);
	assert_int_equal(do_sql(p, "pragma user_version = 999"), SQLITE_OK);
	refused(p, "newer");
	assert_int_equal(do_sql(p, "pragma user_version = 1; pragma application_id = 7"), SQLITE_OK);
	refused(p, "another program");
	assert_int_equal(do_sql(p, "pragma application_id = 1112040566"), SQLITE_OK);
	bh_store_close(open_it(p));
	f = fopen(p->file, "r+b");
	fseek(f, 4096 + 100, SEEK_SET);
	for (int i = 0; i < 4000; i++)
		fputc(0x5a, f);
	fclose(f);
	refused(p, "damaged");
	f = fopen(p->file, "wb");
	fputs("not a database, but long enough to be taken for the header of one, and then a little longer than that: 100 bytes", f);
	fclose(f);
	refused(p, "damaged");

	assert_int_equal(bh_store_aside(p->dir, BH_SEC(77), name), 0);
	assert_string_equal(name, BH_STORE_FILE ".77");
	snprintf(path, sizeof path, "%s/%s", p->dir, name);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(bh_store_aside(p->dir, BH_SEC(77), name), 1);
	s = open_it(p);
	assert_int_equal(count(s), 0);
	bh_store_close(s);
	assert_int_equal(bh_store_aside(p->dir, BH_SEC(77), name), -EEXIST);
	assert_int_equal(access(p->file, F_OK), 0);
}

static void no_link_is_followed(void **state)
{
	struct place *p = *state;
	char why[BH_STORE_WHY];
	struct bh_store *s;

	assert_int_equal(symlink("/dev/null", p->file), 0);
	assert_true(bh_store_open(p->dir, &s, why) < 0);
	assert_true(bh_store_open("/nonexistent-bulkhead", &s, why) < 0);
}

/* strangers and events beyond the limits go, oldest first; what people know stays */
static void strangers_and_old_events_give_way(void **state)
{
	struct place *p = *state;
	enum { N = BH_STORE_STRANGERS + 3000 };
	struct bh_store_row *rows = calloc(2000, sizeof *rows);
	char(*line)[128] = calloc(2000, sizeof *line);
	struct bh_store *s = open_it(p);
	struct seen seen = {0};
	struct bh_mac m = {{2, 0, 0, 0, 0, 7}}, stranger = {{2, 0, 0, 0, 0, 8}};

	rows[0] = device_row(0xffffff, BH_DEV_KNOWN, BH_SEC(1), line[0]); /* seen before all others */
	rows[1] = event_row(7, true, BH_SEC(1), "approved");
	assert_int_equal(bh_store_save(s, rows, 2), 0);
	for (unsigned at = 0; at < N; at += 1000) {
		for (unsigned i = 0; i < 1000; i++) {
			rows[i] = device_row(at + i, 0, BH_SEC(100 + at + i), line[i]);
			rows[1000 + i] = event_row(8, false, BH_SEC(1), "seen");
		}
		assert_int_equal(bh_store_save(s, rows, 2000), 0);
	}
	assert_in_range(count(s), BH_STORE_STRANGERS + 1, BH_STORE_STRANGERS + 1001);
	assert_int_equal(bh_store_load(s, see, &seen), 0);
	seen.n = 0;
	assert_int_equal(bh_store_history(s, &m, 10, see_event, &seen), 0);
	assert_int_equal(seen.n, 1);
	seen.n = 0;
	assert_int_equal(bh_store_history(s, &stranger, 1000000, see_event, &seen), 0);
	assert_in_range(seen.n, BH_STORE_STRANGE_EVENTS, BH_STORE_STRANGE_EVENTS + 2000);
	for (unsigned at = 0; at < BH_STORE_EVENTS; at += 2000) {
		for (unsigned i = 0; i < 2000; i++)
			rows[i] = event_row(9, true, BH_SEC(1), "renamed");
		assert_int_equal(bh_store_save(s, rows, 2000), 0);
	}
	bh_store_close(s);
	assert_in_range(ask(p, "select count(*) from device_event", NULL), BH_STORE_EVENTS, BH_STORE_EVENTS + 2000);
	free(rows);
	free(line);
}

static void a_full_disk_keeps_the_old_rows(void **state)
{
	struct place *p = *state;
	static struct bh_store_row rows[4000];
	static char line[4000][128];
	struct bh_store *s;
	char why[BH_STORE_WHY];
	size_t had;
	int r = 0;

	if (mount("bh-store", p->dir, "tmpfs", 0, "size=512k")) {
		print_message("# no mount here: %s\n", strerror(errno));
		skip();
	}
	s = open_it(p);
	for (unsigned i = 0; i < 4000; i++)
		rows[i] = device_row(i, 0, BH_SEC(i + 1), line[i]);
	for (unsigned at = 0; at < 4000 && r == 0; at += 100)
		r = bh_store_save(s, rows + at, 100);
	assert_int_equal(r, -ENOSPC);
	had = count(s);
	assert_int_equal(had % 100, 0);
	assert_true(had > 0 && had < 4000);
	assert_int_equal(bh_store_save(s, rows + 3900, 100), -ENOSPC);
	assert_int_equal(count(s), had);
	assert_int_equal(mount(NULL, p->dir, NULL, MS_REMOUNT, "size=8m"), 0); /* somebody made room */
	assert_int_equal(bh_store_save(s, rows, 4000), 0);
	assert_int_equal(count(s), 4000);
	bh_store_close(s);
	assert_int_equal(bh_store_open(p->dir, &s, why), 0);
	assert_int_equal(count(s), 4000);
	bh_store_close(s);
	umount(p->dir);
}

static void lines_are_rows_or_nothing(void **state)
{
	static const char *const bad[] = {"", "event", "event 1 02:00:00:00:00:01 name 1", "event 1 02:00:00:00:00:01 nothing 1 \"x\"", "event x 02:00:00:00:00:01 name 1 \"x\"",
		"event 1 02:00:00:00:00 name 1 \"x\"", "event 1 02:00:00:00:00:01 name 2 \"x\"", "event 1 02:00:00:00:00:01 name 1 \"x", "device", "device 02:00:00:00:00:01 x=1"};
	struct bh_store_row row = event_row(3, true, 77, "a \"b\"\n"), back;
	char out[400], buf[BH_STORY_TEXT];
	struct bh_text t = bh_text(out, sizeof out);
	size_t n = bh_store_event_print(&row, &t);

	assert_int_equal(out[n - 1], '\n');
	assert_int_equal(bh_store_row_parse(out, n - 1, &back, buf), 0);
	assert_true(back.event && back.known && back.story == BH_STORY_NAME && back.first == 77 && bh_mac_eq(&back.mac, &row.mac));
	assert_string_equal(back.text, "a \"b\"\n");
	for (size_t i = 0; i < BH_COUNT(bad); i++)
		if (bh_store_row_parse(bad[i], strlen(bad[i]), &back, buf) != 1)
			fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_saved_is_loaded_by_the_next_one, make_place, remove_place),
		cmocka_unit_test_setup_teardown(the_file_has_a_log_and_refuses_wrong_types, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_writer_killed_inside_a_batch_leaves_what_was_committed, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_newer_a_foreign_and_a_damaged_file_are_refused_and_left_as_they_are, make_place, remove_place),
		cmocka_unit_test_setup_teardown(no_link_is_followed, make_place, remove_place),
		cmocka_unit_test_setup_teardown(strangers_and_old_events_give_way, make_place, remove_place),
		cmocka_unit_test_setup_teardown(a_full_disk_keeps_the_old_rows, make_place, remove_place),
		cmocka_unit_test(lines_are_rows_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
