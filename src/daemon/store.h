/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - the inventory on disk: one row a device, and what became of it
 *
 * Why     Who belongs to a network is learned in weeks; a restart must not make strangers of everybody.
 * Shape   DIR/devices.db, SQLite with a write-ahead log: what was committed is there after kill -9, in the order it was committed.
 *         A device is its line (device.h) with the columns that are searched by; its history is device_event.
 *         A file of a newer program, of another program, or a damaged one is refused and left as it is; bh_store_aside moves
 *         it out of the way when somebody asks for that.
 * Units   In the file: microseconds UTC, MACs as 6 bytes.
 * Errors  0; 1 = the file is not usable, why says so; < 0 -errno (-ENOSPC: nothing of the batch was taken, the old rows stand).
 * Purity  Shell: files. sqlite3.h is seen by store.c alone.
 * Source  SQLite: "Write-Ahead Logging", "STRICT Tables".
 */
#ifndef BH_DAEMON_STORE_H
#define BH_DAEMON_STORE_H

#include <bulkhead/device.h>

#define BH_STORE_FILE "devices.db"
#define BH_STORE_VERSION 1
#define BH_STORE_STRANGERS 65536u /* devices nobody knows: the ones not seen for longest go first */
#define BH_STORE_EVENTS 100000u
#define BH_STORE_STRANGE_EVENTS 20000u /* of those, of devices nobody knew: a flood of them displaces nobody's history but theirs */
#define BH_STORE_WHY 200

enum bh_story { BH_STORY_SEEN, BH_STORY_NAME, BH_STORY_ADDRS, BH_STORY_DRIFT, BH_STORY_CONFLICT, BH_STORY_USB, BH_STORY_PERSON, BH_STORIES };
const char *bh_story_name(unsigned story);

struct bh_store_row {
	bool event; /* false: a device, text is its line */
	bool known; /* EVENT: of a device somebody knows, or a person's word */
	uint8_t status, story;
	struct bh_mac mac;
	bh_ns first, last; /* EVENT: first is when it happened */
	const char *text;
	size_t len;
};

struct bh_store;
int bh_store_open(const char *dir, struct bh_store **ret_store, char why[BH_STORE_WHY]) BH_MUST;
void bh_store_close(struct bh_store *s);
/* Renames the file and what SQLite keeps beside it; ret_name: what it is called now. 1 = there is none. */
int bh_store_aside(const char *dir, bh_ns now, char ret_name[64]) BH_MUST;
/* All of them in one transaction, or none. */
int bh_store_save(struct bh_store *s, const struct bh_store_row *rows, size_t n) BH_MUST;
/* Every device's line, those seen last first. each: < 0 ends it, and is returned. */
int bh_store_load(struct bh_store *s, int (*each)(void *ctx, const char *line, size_t len), void *ctx) BH_MUST;
/* The newest max events of one device, newest first; text is valid for the call. */
int bh_store_history(struct bh_store *s, const struct bh_mac *m, unsigned max, int (*each)(void *ctx, const struct bh_store_row *row), void *ctx) BH_MUST;
/* One row of what the core says: a device's line, or an event's. 1 = neither. text points into line, or into buf. */
#define BH_STORY_TEXT 192
int bh_store_row_parse(const char *line, size_t len, struct bh_store_row *ret_row, char buf[BH_STORY_TEXT]) BH_MUST;
size_t bh_store_event_print(const struct bh_store_row *row, struct bh_text *t); /* the event's line, with its newline */

#endif
