/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * report - records and flows as bytes: EVE JSON lines by our own append-only writer
 *
 * Why     Attacker-chosen strings (host, share, user and file names) end up in a SOC's tools; the writer is where they
 *         become harmless. It is also on the path of every flow, so it neither allocates nor calls libc's printf for text.
 * Shape   struct bh_json writes into caller's memory; a record that does not fit is dropped whole and counted.
 * Units   Times in ns since 1970, printed as local time with microseconds and a numeric zone.
 * Errors  bh_eve_*: length of the line with its newline, or 0 = did not fit (dropped whole).
 * Purity  Pure: the zone offset is an argument.
 * Source  Suricata's EVE format as published (field names); RFC 8259; community id specification.
 */
#ifndef BULKHEAD_REPORT_H
#define BULKHEAD_REPORT_H

#include <bulkhead/decide.h>
#include <bulkhead/usb.h>

/* ---- the writer ---- */
#define BH_JSON_DEPTH 16
struct bh_json {
	char *p;
	size_t len, cap;
	bool truncated;
	uint8_t depth;
	bool first[BH_JSON_DEPTH];
	char time[31]; /* the last time printed: the date is kept for the next */
	uint64_t time_day;
};
struct bh_json bh_json(char *buf, size_t cap);
void bh_json_close(struct bh_json *j, char bracket); /* '}' or ']' */

struct bh_key {
	const char *p; /* NULL inside arrays and for the outermost value */
	size_t n;
};
void bh_json_key_open(struct bh_json *j, struct bh_key key, char bracket);
void bh_json_key_strn(struct bh_json *j, struct bh_key key, const char *s, size_t n);
void bh_json_key_u64(struct bh_json *j, struct bh_key key, uint64_t v);
void bh_json_key_i64(struct bh_json *j, struct bh_key key, int64_t v);
void bh_json_key_bool(struct bh_json *j, struct bh_key key, bool v);
void bh_json_key_addr(struct bh_json *j, struct bh_key key, const struct bh_addr *a);
void bh_json_key_mac(struct bh_json *j, struct bh_key key, const struct bh_mac *m);
void bh_json_key_time(struct bh_json *j, struct bh_key key, bh_ns at, int32_t offset_s);

/* The calls everybody makes. Inline, so that the length of a literal key is known when compiling; NULL as above. */
static inline struct bh_key bh_key(const char *s)
{
	return (struct bh_key){s, s ? strlen(s) : 0};
}
static inline void bh_json_open(struct bh_json *j, const char *key, char bracket) /* '{' or '[' */
{
	bh_json_key_open(j, bh_key(key), bracket);
}
/* bytes that are no UTF-8 become U+FFFD */
static inline void bh_json_strn(struct bh_json *j, const char *key, const char *s, size_t n)
{
	bh_json_key_strn(j, bh_key(key), s, n);
}
static inline void bh_json_str(struct bh_json *j, const char *key, const char *s)
{
	bh_json_key_strn(j, bh_key(key), s, strlen(s));
}
static inline void bh_json_u64(struct bh_json *j, const char *key, uint64_t v)
{
	bh_json_key_u64(j, bh_key(key), v);
}
static inline void bh_json_i64(struct bh_json *j, const char *key, int64_t v)
{
	bh_json_key_i64(j, bh_key(key), v);
}
static inline void bh_json_bool(struct bh_json *j, const char *key, bool v)
{
	bh_json_key_bool(j, bh_key(key), v);
}
static inline void bh_json_addr(struct bh_json *j, const char *key, const struct bh_addr *a)
{
	bh_json_key_addr(j, bh_key(key), a);
}
static inline void bh_json_mac(struct bh_json *j, const char *key, const struct bh_mac *m)
{
	bh_json_key_mac(j, bh_key(key), m);
}
/* "YYYY-MM-DDThh:mm:ss.uuuuuu+hhmm"; offset in seconds east of UTC */
static inline void bh_json_time(struct bh_json *j, const char *key, bh_ns at, int32_t offset_s)
{
	bh_json_key_time(j, bh_key(key), at, offset_s);
}

/*
 * Literal JSON of ours, up to where a value comes next (key NULL) or the record ends: for what stands in every record. It
 * brings its own commas, and what it opens it closes. A key after it would lack its comma.
 */
static inline void bh_json_text(struct bh_json *j, const char *s)
{
	size_t n = strlen(s);

	if (j->truncated || n > j->cap - j->len) {
		j->truncated = true;
		return;
	}
	memcpy(j->p + j->len, s, n);
	j->len += n;
	j->first[j->depth] = true;
}

/* ---- EVE ---- */
#define BH_EVE_MAX 65536
struct bh_eve {
	const char *host;      /* sensor name */
	const char *in_iface;  /* NULL = left out */
	const char *pcap_file; /* replay: file name, or NULL */
	const struct bh_policy *policy; /* zone and pin names */
	int32_t offset_s;      /* local time east of UTC */
	bool strict;	       /* only what Suricata's schema knows: no bulkhead object, no action records */
};
size_t bh_eve_alert(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap);
size_t bh_eve_action(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap);	 /* 0 also when strict */
size_t bh_eve_posture(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap); /* 0 also when strict, or without a policy */
size_t bh_eve_record(const struct bh_eve *e, const struct bh_record *r, char *buf, size_t cap);	 /* of any kind */
size_t bh_eve_flow(const struct bh_eve *e, const struct bh_event *flow_end, char *buf, size_t cap);

struct bh_stats { /* what the stats record and `status` show */
	bh_ns at, uptime;
	uint64_t packets, bytes, kernel_packets, kernel_drops, ring_drops, malformed;
	uint64_t flows_active, flows_new, flows_evicted, classified, guessed;
	uint64_t facts, untrusted, parse_gaps, parse_evicted; /* what dissectors told, could not parse, missed, forgot */
	uint64_t table_bytes;				       /* reserved by the workers; the core's are in core.state.bytes */
	uint64_t eve_lines, eve_dropped;
	uint64_t usb[BH_USB_VERDICTS]; /* datagrams of endpoints: taken, and what they were refused for */
	uint64_t usb_lost, usb_limited, usb_log, usb_log_other, usb_own; /* missing numbers; above the rate; event logs, lines that were none; own ports */
	struct bh_core_counters core;
};
size_t bh_eve_stats(const struct bh_eve *e, const struct bh_stats *s, char *buf, size_t cap);
/* The action's EVE name: a requested order is "approved" by rule or operator until the kernel answers. */
const char *bh_eve_verb(unsigned verb);
const char *bh_eve_step(unsigned cut_kind); /* "law" where there is no cut */
void bh_incident_print(char buf[24], bh_ns at, uint32_t incident); /* BH-2026-0007 */

#endif
