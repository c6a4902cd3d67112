/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * control - the local API: one request line in, one JSON object out, over a unix socket
 *
 * Why     The CLI asks core and nobody else; what a person orders becomes an event like any other.
 * Shape   Request: verb key=value …, values in the quoted form of base.h. Reply: one JSON object with "v", "exit" (an exit
 *         code of the CLI) and "text"; read verbs add their data. policy-apply is followed by bytes= bytes of text.
 * Units   ttl in ns on the wire ("for=…" as a duration). Times in replies as EVE prints them.
 * Errors  parse: 0, 1 with a reason.
 * Purity  Pure: renders from the core's state. The sockets are the daemon's.
 * Source  docs/control.md.
 */
#ifndef BULKHEAD_CONTROL_H
#define BULKHEAD_CONTROL_H

#include <bulkhead/report.h>

#define BH_API_SOCKET "/run/bulkhead/api.sock"
#define BH_API_LINE 1024

enum bh_api_verb { BH_API_STATUS, BH_API_HOSTS, BH_API_FLOWS, BH_API_POLICY, BH_API_COUNTERS, BH_API_HOST_SHOW, BH_API_ISOLATE, BH_API_SHIELD, BH_API_CONTAIN, BH_API_ISLAND, BH_API_KILL, BH_API_BREAKER, BH_API_DRAWBRIDGE, BH_API_RELEASE, BH_API_MODE, BH_API_POLICY_APPLY, BH_API_POLICY_CONFIRM, BH_API_POLICY_ROLLBACK, BH_API_HOST_SET, BH_API_HOSTS_IMPORT, BH_API_VERBS };
struct bh_api_request {
	uint8_t verb, mode;
	uint8_t scope, set; /* enum bh_scope, enum bh_set of event.h */
	uint8_t proto;	    /* KILL: 6 or 17, with the connection's ends */
	bool dry;
	uint16_t sport, dport;
	struct bh_addr src, dst;
	bh_ns ttl;
	char target[64], reason[96]; /* HOST_SET: reason is the change, as bh_state_device_set has it */
	struct bh_addr session; /* of a preview: where the person asking sits, none = here */
	uint32_t bytes; /* POLICY_APPLY: so many bytes of policy text follow the line; target is the file's name, ttl the probation.
			 * HOSTS_IMPORT: of lines as bh_import_print makes them */
};
#define BH_API_BODY (4u << 20) /* of a policy */
#define BH_API_LIST (16u << 20) /* of an import */
int bh_api_parse(const char *line, size_t len, struct bh_api_request *ret_request, char ret_error[96]) BH_MUST;
size_t bh_api_print(const struct bh_api_request *r, char buf[BH_API_LINE]); /* without newline */
bool bh_api_writes(unsigned verb); /* needs the operator's right */
void bh_api_command(const struct bh_api_request *r, bh_ns at, const char *by, struct bh_event *ret_event); /* of a verb from ISOLATE to MODE */
const char *bh_api_does(unsigned cut_kind); /* in words */

/* What came of the last round of questions in a zone; the later, the less. */
enum bh_probe_says { BH_PROBE_WAITING, BH_PROBE_ASKED, BH_PROBE_ASKED_SIX, BH_PROBE_NO_ADDRESS, BH_PROBE_FAILED, BH_PROBE_NO_INTERFACE, BH_PROBE_SAYS };
const char *bh_probe_says_text(unsigned says);

struct bh_api_view { /* what the shell knows beside the core */
	struct bh_core *core;
	const struct bh_policy *policy;
	const struct bh_stats *stats;
	const char *host;
	bh_ns now;
	int32_t offset_s;
	bool enforcer_up;
	uint64_t drifts;
	const char *segment; /* what holds between two ports of a bridge: bh_segment_name */
	const char *trial_file; /* of the policy on trial, or NULL */
	bh_ns trial_until;
	int32_t pids[7];
	uint32_t restarts[7];
	const uint8_t *probe_says; /* of each zone, or NULL */
	const struct bh_ouis *ouis; /* or NULL */
	const char *store; /* off, on, failing, unusable */
	uint64_t store_rows, store_waits;
};
/* Replies; the caller's buffer of cap bytes. Length, or 0 = did not fit. */
size_t bh_api_status(const struct bh_api_view *v, char *buf, size_t cap);
size_t bh_api_hosts(const struct bh_api_view *v, const char *filter, char *buf, size_t cap);
size_t bh_api_policy(const struct bh_api_view *v, char *buf, size_t cap); /* the policy in force, in canonical form */

/* ---- one device ---- */
#define BH_API_WHY 400
/* The device that a MAC, an address or a name means. make: a MAC nobody has seen is one, too. 1 = none, or several, and which. */
int bh_api_resolve(struct bh_state *s, const struct bh_policy *p, const char *what, bool make, struct bh_mac *ret_mac, char ret_why[BH_API_WHY]) BH_MUST;
struct bh_api_story { /* a line of its history */
	bh_ns at;
	const char *kind, *text;
};
/* unknown: why there is no history, or NULL */
size_t bh_api_device(const struct bh_api_view *v, const struct bh_device *d, const struct bh_api_story *stories, size_t n, const char *unknown, char *buf, size_t cap);

/* ---- what a cut would break ---- */
enum bh_preview_fate {
	BH_PREVIEW_CUT,
	BH_PREVIEW_KEPT,   /* pin, remedy, or not touched by this kind of cut */
	BH_PREVIEW_BARRED, /* not permitted before either */
	BH_PREVIEW_BEYOND, /* does not pass this box: cannot be cut here */
	BH_PREVIEW_FATES
};
const char *bh_preview_fate_name(unsigned fate);
struct bh_preview_line { /* connections of one kind: who, to whom, service */
	struct bh_addr src, dst;
	uint16_t sport, dport; /* sport: 0 but for the cut of a single connection */
	uint16_t app;	       /* enum bh_app; 0 when nobody recorded it */
	uint8_t proto, fate;
	bool critical;	  /* an end lies in a critical zone */
	bool not_again;	  /* what is open goes on, and could not be opened anew */
	uint32_t live;	  /* open connections in this box's table now; 0 = recorded only */
	uint32_t pin;	  /* index in the policy, or UINT32_MAX */
	const char *why;  /* of BEYOND */
	uint64_t flows, packets, bytes;
	bh_ns first, last; /* recorded; 0 = never */
};
/* The most important first: cut before kept, critical before others, open before recorded, then by bytes. */
int bh_preview_line_cmp(const void *a, const void *b);
struct bh_preview {
	struct bh_preview_line *v;
	size_t n;
	uint64_t left_out;	 /* connections nobody looked at */
	const char *live_missing; /* why the connection table was not looked at, or NULL */
	const char *bypass;	  /* what lets connections pass beside every rule here, or NULL */
	const char *boxes;	 /* one a line: what passed and would not, of all packets there could be; or NULL */
	struct bh_addr session;
	bool session_inside, session_managed;
};
/* Connections remembered, since when, and those open now by kind (open: NULL = not known). */
size_t bh_api_flows(const struct bh_api_view *v, const struct bh_preview *open, char *buf, size_t cap);
size_t bh_api_preview(const struct bh_api_view *v, const struct bh_order *order, const struct bh_preview *pv, char *buf, size_t cap);

struct bh_api_would {
	struct bh_addr src, dst;
	uint8_t proto;
	uint16_t dport;
	uint64_t packets;
};
/* counters: "name=number …"; what observe mode let pass against the law, summed by zones and service. */
size_t bh_api_counters(const struct bh_api_view *v, const char *counters, struct bh_api_would *would, size_t n, char *buf, size_t cap);
/* code: an exit code. order and refused may be NULL. */
size_t bh_api_answer(const struct bh_api_view *v, int code, const char *text, const struct bh_order *order,
		     const struct bh_refused *refused, char *buf, size_t cap);

#endif
