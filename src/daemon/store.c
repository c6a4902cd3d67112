/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Migrations are numbered by their place in a list, run forward only, each in a transaction with the number it leads to. The
 * log is checkpointed by SQLite; with synchronous=NORMAL a loss of power may take the last commits, never the file's form.
 *
 * Statements are prepared once. Nothing is written outside a batch, and after each batch what is beyond the limits is taken
 * out: strangers by when they were last seen, events from the oldest on, strangers' events by a smaller limit of their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sqlite3.h>
#include <unistd.h>
#include "daemon/store.h"

#define APPLICATION 0x42486476 /* "BHdv" */
#define STRINGIFY(x) #x
#define TEXT_OF(x) STRINGIFY(x)
#define PRUNE 1000 /* rows between two looks at the limits */

enum { PUT_DEVICE, PUT_EVENT, ALL_DEVICES, HISTORY, PRUNE_DEVICES, PRUNE_STRANGE, PRUNE_EVENTS, BEGIN, COMMIT, ROLLBACK, STATEMENTS };
static const char *const sql[STATEMENTS] = {
	[PUT_DEVICE] = ("insert into device(mac, status, first, last, line) values(?1, ?2, ?3, ?4, ?5) on conflict(mac) do update set "
		       "status = excluded.status, first = excluded.first, last = excluded.last, line = excluded.line"),
	[PUT_EVENT] = "insert into device_event(at, mac, known, kind, text) values(?1, ?2, ?3, ?4, ?5)",
	[ALL_DEVICES] = "select line from device order by last desc",
	[HISTORY] = "select at, known, kind, text from device_event where mac = ?1 order by id desc limit ?2",
	[PRUNE_DEVICES] = "delete from device where status = 0 and last <= (select last from device where status = 0 order by last desc limit 1 offset ?1)",
	[PRUNE_STRANGE] = "delete from device_event where known = 0 and id <= (select id from device_event where known = 0 order by id desc limit 1 offset ?1)",
	[PRUNE_EVENTS] = "delete from device_event where id <= (select id from device_event order by id desc limit 1 offset ?1)",
	[BEGIN] = "begin immediate",
	[COMMIT] = "commit",
	[ROLLBACK] = "rollback",
};

static const char *const migrations[BH_STORE_VERSION] = {
	("create table device(mac blob primary key check(length(mac) = 6), status integer not null, first integer not null, last integer not null,"
	" line text not null) strict;"
	"create index device_last on device(status, last);"
	"create table device_event(id integer primary key, at integer not null, mac blob not null check(length(mac) = 6), known integer not null,"
	" kind text not null, text text not null) strict;"
	"create index device_event_mac on device_event(mac, id);"
	"create index device_event_strange on device_event(id) where known = 0;"
	"pragma application_id = " TEXT_OF(APPLICATION) ";"),
};

static const char *const stories[BH_STORIES] = {"seen", "name", "addresses", "drift", "conflict", "usb", "person"};

struct bh_store {
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
	unsigned since; /* rows written since the limits were looked at */
};

const char *bh_story_name(unsigned story)
{
	return stories[story < BH_STORIES ? story : 0];
}

static int error_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
		return -EINVAL;
	}
	return -EIO;
}

/* ---- opening ---- */
static int number(sqlite3 *db, const char *query, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, query, -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : rc;
}

static int is_damaged(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_FORMAT;
}

/* 0 = ours and whole; else what SQLite said, or -1 with why written. Nothing is changed by it. */
static int look(sqlite3 *db, const char *path, int64_t *ret_version, char why[BH_STORE_WHY])
{
	int64_t version = 0, application = 0, tables = 0, whole = 0;
	int rc = number(db, "pragma user_version", &version);

	rc = rc ? rc : number(db, "pragma application_id", &application);
	rc = rc ? rc : number(db, "select count(*) from sqlite_schema", &tables);
	if (rc)
		return rc;
	if (tables && application != APPLICATION) {
		snprintf(why, BH_STORE_WHY, "%.100s is a database of another program", path);
		return -1;
	}
	if (version < 0 || version > BH_STORE_VERSION) {
		snprintf(why, BH_STORE_WHY, "%.80s was written by a newer bulkhead (form %lld, this one knows %d)", path, (long long)version, BH_STORE_VERSION);
		return -1;
	}
	rc = number(db, "select quick_check = 'ok' from pragma_quick_check(1)", &whole);
	if (rc == 0 && !whole)
		rc = SQLITE_CORRUPT;
	*ret_version = version;
	return rc;
}

static int migrate(sqlite3 *db, int64_t version)
{
	int rc = SQLITE_OK;

	for (; rc == SQLITE_OK && version < BH_STORE_VERSION; version++) {
		char set[48];

		snprintf(set, sizeof set, "pragma user_version = %d", (int)version + 1);
		rc = sqlite3_exec(db, "begin immediate", NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, migrations[version], NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, set, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_exec(db, "commit", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	}
	return rc;
}

static int prepare(struct bh_store *s, const char *path, char why[BH_STORE_WHY])
{
	static const char settings[] = "pragma journal_mode = wal; pragma synchronous = normal; pragma temp_store = memory; pragma trusted_schema = off;"
				       "pragma cell_size_check = on; pragma wal_autocheckpoint = 1000; pragma journal_size_limit = 67108864;";
	int64_t version = 0;
	int rc = sqlite3_busy_timeout(s->db, 1000);

	rc = rc ? rc : look(s->db, path, &version, why);
	rc = rc ? rc : sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	rc = rc ? rc : migrate(s->db, version);
	for (unsigned i = 0; rc == SQLITE_OK && i < STATEMENTS; i++)
		rc = sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->st[i], NULL);
	if (rc == -1)
		return 1;
	if (is_damaged(rc))
		snprintf(why, BH_STORE_WHY, "%.100s is damaged (%.60s)", path, sqlite3_errstr(rc));
	else if (rc)
		snprintf(why, BH_STORE_WHY, "%.100s: %.90s", path, sqlite3_errmsg(s->db));
	return rc == 0 ? 0 : is_damaged(rc) ? 1 : error_of(rc);
}

int bh_store_open(const char *dir, struct bh_store **ret_store, char why[BH_STORE_WHY])
{
	struct bh_store *s = calloc(1, sizeof *s);
	char path[PATH_MAX], full[PATH_MAX];
	int fd, r;

	why[0] = '\0';
	if (!s || !realpath(dir, full) || snprintf(path, sizeof path, "%s/" BH_STORE_FILE, full) >= (int)sizeof path) {
		r = s ? -errno : -ENOMEM;
		free(s);
		return r < 0 ? r : -ENAMETOOLONG;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600); /* nobody else's to read; SQLite's own files follow it */
	if (fd < 0) {
		r = -errno;
		snprintf(why, BH_STORE_WHY, "%.100s: %s", path, strerror(-r));
		free(s);
		return r;
	}
	close(fd);
	r = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (r)
		snprintf(why, BH_STORE_WHY, "%.100s: %s", path, sqlite3_errstr(r));
	else /* closing a file that is not ours must not move its log into it */
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = r ? error_of(r) : prepare(s, path, why);
	if (r == 0)
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	if (r) {
		bh_store_close(s);
		return r;
	}
	*ret_store = s;
	return 0;
}

void bh_store_close(struct bh_store *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	free(s);
}

int bh_store_aside(const char *dir, bh_ns now, char ret_name[64])
{
	static const char *const parts[] = {"-wal", "-shm", ""}; /* the file itself last: what is left behind alone says nothing */
	char from[64], to[80];
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (faccessat(fd, BH_STORE_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
		r = errno == ENOENT ? 1 : -errno;
	snprintf(ret_name, 64, BH_STORE_FILE ".%llu", (unsigned long long)(now / BH_SEC(1)));
	if (r == 0 && faccessat(fd, ret_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = -EEXIST;
	for (size_t i = 0; r == 0 && i < BH_COUNT(parts); i++) {
		snprintf(from, sizeof from, BH_STORE_FILE "%s", parts[i]);
		snprintf(to, sizeof to, "%s%s", ret_name, parts[i]);
		if (renameat(fd, from, fd, to) && (errno != ENOENT || !parts[i][0]))
			r = -errno;
	}
	close(fd);
	return r;
}

/* ---- writing ---- */
static int run(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int64_t micro(bh_ns at)
{
	return (int64_t)(at / 1000);
}

static int put(struct bh_store *s, const struct bh_store_row *row)
{
	sqlite3_stmt *st = s->st[row->event ? PUT_EVENT : PUT_DEVICE];

	if (row->event) {
		sqlite3_bind_int64(st, 1, micro(row->first));
		sqlite3_bind_blob(st, 2, row->mac.b, 6, SQLITE_STATIC);
		sqlite3_bind_int(st, 3, row->known);
		sqlite3_bind_text(st, 4, bh_story_name(row->story), -1, SQLITE_STATIC);
	} else {
		sqlite3_bind_blob(st, 1, row->mac.b, 6, SQLITE_STATIC);
		sqlite3_bind_int(st, 2, row->status);
		sqlite3_bind_int64(st, 3, micro(row->first));
		sqlite3_bind_int64(st, 4, micro(row->last));
	}
	sqlite3_bind_text(st, 5, row->text, (int)row->len, SQLITE_STATIC);
	return run(st);
}

static int limit(struct bh_store *s, unsigned statement, unsigned rows)
{
	sqlite3_bind_int64(s->st[statement], 1, rows);
	return run(s->st[statement]);
}

static int prune(struct bh_store *s)
{
	int rc = limit(s, PRUNE_DEVICES, BH_STORE_STRANGERS);

	rc = rc ? rc : limit(s, PRUNE_STRANGE, BH_STORE_STRANGE_EVENTS);
	return rc ? rc : limit(s, PRUNE_EVENTS, BH_STORE_EVENTS);
}

int bh_store_save(struct bh_store *s, const struct bh_store_row *rows, size_t n)
{
	bool look_at = s->since + n >= PRUNE;
	int rc = run(s->st[BEGIN]);

	for (size_t i = 0; rc == SQLITE_OK && i < n; i++)
		rc = put(s, &rows[i]);
	if (rc == SQLITE_OK && look_at)
		rc = prune(s);
	rc = rc ? rc : run(s->st[COMMIT]);
	if (rc) {
		if (!sqlite3_get_autocommit(s->db))
			(void)!run(s->st[ROLLBACK]);
		return error_of(rc);
	}
	s->since = look_at ? 0 : s->since + (unsigned)n;
	return 0;
}

/* ---- reading ---- */
int bh_store_load(struct bh_store *s, int (*each)(void *ctx, const char *line, size_t len), void *ctx)
{
	sqlite3_stmt *st = s->st[ALL_DEVICES];
	int rc, r = 0;

	while (r >= 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(st, 0);

		r = line ? each(ctx, line, (size_t)sqlite3_column_bytes(st, 0)) : 0;
	}
	sqlite3_reset(st);
	return r < 0 ? r : rc == SQLITE_DONE ? 0 : error_of(rc);
}

static uint8_t story_of(const char *kind)
{
	for (uint8_t i = 0; kind && i < BH_STORIES; i++)
		if (strcmp(kind, stories[i]) == 0)
			return i;
	return BH_STORIES;
}

int bh_store_history(struct bh_store *s, const struct bh_mac *m, unsigned max, int (*each)(void *ctx, const struct bh_store_row *row), void *ctx)
{
	sqlite3_stmt *st = s->st[HISTORY];
	int rc, r = 0;

	sqlite3_bind_blob(st, 1, m->b, 6, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, max);
	while (r >= 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct bh_store_row row = {.event = true, .mac = *m, .first = (bh_ns)sqlite3_column_int64(st, 0) * 1000, .known = sqlite3_column_int(st, 1) != 0};

		row.story = story_of((const char *)sqlite3_column_text(st, 2));
		row.text = (const char *)sqlite3_column_text(st, 3);
		row.len = (size_t)sqlite3_column_bytes(st, 3);
		if (row.text && row.story < BH_STORIES)
			r = each(ctx, &row);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r < 0 ? r : rc == SQLITE_DONE ? 0 : error_of(rc);
}

/* ---- rows as lines ---- */
size_t bh_store_event_print(const struct bh_store_row *row, struct bh_text *t)
{
	size_t was = t->len;
	char mac[BH_MAC_TEXT];

	bh_putf(t, "event %llu %s %s %u ", (unsigned long long)row->first, bh_mac_print(&row->mac, mac), bh_story_name(row->story), row->known);
	bh_put_quoted(t, row->text, row->len);
	bh_put(t, "\n");
	return t->len - was;
}

static int parse_event(const char *p, const char *end, struct bh_store_row *row, char buf[BH_STORY_TEXT])
{
	struct bh_word w[5];
	uint64_t known;

	for (size_t i = 0; i < BH_COUNT(w); i++)
		if (bh_word_next(&p, end, &w[i]))
			return 1;
	row->event = true;
	for (row->story = 0; row->story < BH_STORIES && !bh_word_is(w[2], stories[row->story]);)
		row->story++;
	if (bh_word_u64(w[0], UINT64_MAX, &row->first) || bh_mac_parse(w[1].p, w[1].len, &row->mac) || row->story == BH_STORIES ||
		bh_word_u64(w[3], 1, &known) || bh_word_str(w[4], buf, BH_STORY_TEXT))
		return 1;
	row->known = known;
	row->text = buf;
	row->len = strlen(buf);
	return 0;
}

int bh_store_row_parse(const char *line, size_t len, struct bh_store_row *ret_row, char buf[BH_STORY_TEXT])
{
	const char *p = line, *end = line + len;
	struct bh_store_row row = {0};
	struct bh_event_error e;
	struct bh_device d;
	struct bh_word w;

	if (bh_word_next(&p, end, &w))
		return 1;
	if (bh_word_is(w, "event")) {
		if (parse_event(p, end, &row, buf))
			return 1;
	} else {
		if (len >= BH_DEVICE_TEXT || bh_device_parse(line, len, &d, &e))
			return 1;
		row = (struct bh_store_row){.status = d.status, .mac = d.mac, .first = d.first, .last = d.last, .text = line, .len = len};
	}
	*ret_row = row;
	return 0;
}
