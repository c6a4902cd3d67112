/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * import - lists of devices that somebody has already: a table as CSV, the leases of dnsmasq or of ISC dhcpd
 *
 * Shape   The whole text in, one item a MAC out, in the order of the file. A MAC with several leases is one item with all their
 *         addresses; of an address with several leases the last counts, as for the server that wrote them.
 * Errors  bh_import: 0, 1 a list nothing can be made of (wrong was told why), -ENOMEM. What is wrong in single lines is told
 *         to wrong, and those lines make no item: whether the rest counts is the caller's to say.
 * Purity  Pure: files are opened by the caller.
 * Source  RFC 4180 (CSV); dnsmasq(8), lease file; dhcpd.leases(5).
 */
#ifndef BH_CONTROL_IMPORT_H
#define BH_CONTROL_IMPORT_H

#include <bulkhead/device.h>

enum bh_import_format { BH_IMPORT_GUESS, BH_IMPORT_CSV, BH_IMPORT_DNSMASQ, BH_IMPORT_ISC, BH_IMPORT_FORMATS };
const char *bh_import_format_name(unsigned format);
unsigned bh_import_guess(const char *text, size_t len); /* by the content, never GUESS */

struct bh_import_item {
	struct bh_device d; /* status: KNOWN, unless the list says otherwise */
	char zone[BH_NAME]; /* "" = not said */
	unsigned line;
};
struct bh_import_sink {
	void (*item)(void *ctx, const struct bh_import_item *it);
	void (*wrong)(void *ctx, unsigned line, unsigned col, const char *text);
	void *ctx;
};
struct bh_import_count {
	size_t items, wrong;
	size_t left_out; /* leases that ended, IPv6 leases without a MAC, addresses beyond BH_DEV_ADDRS */
};
#define BH_IMPORT_MAX 65536u /* devices of one list */
int bh_import(const char *text, size_t len, unsigned format, const struct bh_import_sink *sink, struct bh_import_count *ret_count) BH_MUST;

/* The line the daemon takes: in="ZONE" if one is said, then the device's. */
#define BH_IMPORT_TEXT (BH_DEVICE_TEXT + BH_NAME * 4 + 8)
size_t bh_import_print(const struct bh_import_item *it, char buf[BH_IMPORT_TEXT]);
int bh_import_parse(const char *line, size_t len, struct bh_import_item *ret_item, struct bh_event_error *ret_error) BH_MUST;

/* ---- inside: import.c and the readers of formats ---- */
struct bh_import_list {
	const struct bh_import_sink *sink;
	struct bh_import_item *v;
	uint32_t *index; /* by MAC: 1 + place in v */
	size_t n, cap, slots;
	struct bh_import_count count;
	int error;
};
void bh_import_wrong(struct bh_import_list *l, unsigned line, unsigned col, const char *fmt, ...) BH_PRINTF(4, 5);
struct bh_import_item *bh_import_find(const struct bh_import_list *l, const struct bh_mac *m);
/* Merges by MAC: later words win, addresses add up. */
void bh_import_add(struct bh_import_list *l, const struct bh_import_item *it);
bool bh_import_addr(struct bh_device *d, const struct bh_addr *a); /* false = no room */
int bh_import_mac(const char *p, size_t n, struct bh_mac *ret_mac) BH_MUST; /* with :, -, . or nothing between; 1 = none a device has */
/* A word somebody wrote into a field: 0, or 1 with what is wrong with it. */
int bh_import_word(const char *p, size_t n, char *out, size_t size, const char **ret_why) BH_MUST;
void bh_import_csv(struct bh_import_list *l, const char *text, size_t len);
void bh_import_dnsmasq(struct bh_import_list *l, const char *text, size_t len);
void bh_import_isc(struct bh_import_list *l, const char *text, size_t len);

#endif
