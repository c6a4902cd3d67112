/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * detect - one file per detector, one entry in the table; from sights to findings
 *
 * Why     A detector is arithmetic on events with a name, a weight and a text a human can check; nothing else.
 * Shape   struct bh_detector of data and one function; per-host bytes are zeroed memory in the host's slot.
 * Units   Weights in centibans (hundredths of log10 likelihood ratio). Thresholds in milli-nats where named so.
 * Errors  observe returns 1 with a finding, or 0.
 * Purity  Pure.
 * Source  detection.md 4; MITRE ATT&CK v18.1.
 */
#ifndef BULKHEAD_DETECT_H
#define BULKHEAD_DETECT_H

#include <bulkhead/state.h>

#define BH_WANTS(kind) (1u << (kind))
enum bh_severity_level { BH_SEV_INFO, BH_SEV_LOW, BH_SEV_MEDIUM, BH_SEV_HIGH, BH_SEV_CRITICAL };

/* how far the finding itself lets the ladder go, before any score (detection.md 7.3) */
enum bh_step { BH_STEP_ALERT = 1, BH_STEP_SHIELD = 2, BH_STEP_CONTAIN = 3, BH_STEP_ISOLATE = 4 };

/* What of the conversation was seen that a finding is from. */
enum bh_seen_how { BH_SEEN_WHOLE, BH_SEEN_LATE, BH_SEEN_ONE_WAY, BH_SEEN_PARTLY, BH_SEEN_GAPS, BH_SEEN_HOWS }; /* PARTLY: over a gap, or the answers never; GAPS: there were some before */
const char *bh_seen_how_name(unsigned how);

#define BH_FINDING_TARGETS 16
struct bh_target {
	struct bh_addr addr;
	uint16_t port;
	uint8_t outcome; /* enum bh_outcome */
	uint8_t pad;
	bh_ns at;
};
struct bh_finding {
	const struct bh_detector *detector;
	bh_ns at;
	uint64_t pkt, flow_id;
	struct bh_addr host, peer; /* host: the one to blame, the source unless the detector says otherwise; peer: first victim */
	struct bh_mac mac;	   /* set when the MAC is what is blamed (U family) */
	uint16_t sport, dport, app, vlan;
	uint8_t proto, severity, step, attribution; /* attribution: 0-3 for A0-A3, filled by decide */
	bool hard, flow; /* flow: the connection itself is what is wrong; it is killed, its host is left alone */
	int32_t weight;	 /* centibans, already with the detector's own factors */
	uint32_t count;	 /* the number the text speaks of */
	uint32_t held;	 /* repeats not told since the last alert, filled by decide */
	struct bh_target targets[BH_FINDING_TARGETS];
	uint8_t n_targets;
	uint8_t vantage; /* enum bh_seen_how, filled by decide */
	char text[240];
	char user[64];	  /* account, as on the wire; may be empty */
	char detail[400]; /* sample of names, statistics; may be empty */
};

struct bh_detector {
	const char *name, *title, *doc, *attack, *tactic;
	const char *why, *false_positives; /* for `bulkhead detectors NAME` and the manual */
	uint32_t sid;			    /* EVE signature_id, 9100000-9199999, never reused */
	uint8_t family, severity;
	bool hard;
	int32_t weight;	 /* default, centibans */
	bh_ns quiet;	 /* repeats about one host inside this time are held back and counted */
	uint32_t wants;	 /* BH_WANTS(kind) | … */
	bool needs_inventory; /* blind in a zone in which no device is known */
	uint32_t needs;	 /* BH_SEES_BIT(…) | …: what must reach us of a zone, all of it, or the detector is blind there; 0 = said by nobody */
	uint32_t relief; /* roles of the source that make it info, a tenth of the weight, and no step */
	size_t host_size;   /* of its entry about a source, 0 = keeps nothing */
	uint32_t hosts;	    /* entries at most, 0 = as state.h says */
	size_t shared_size; /* memory for all hosts together, zeroed at start: s->shared */
	bool peer;	    /* s->peer is wanted: the destination's entry */
	/* Is this event worth an entry for its source? NULL = each wanted kind is. */
	bool (*cares)(const struct bh_sight *s);
	bool (*idle)(const struct bh_policy *p); /* true = nothing to look for under this policy; NULL = never */
	int (*observe)(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding);
};
extern const struct bh_detector *const bh_detectors[];
extern const size_t bh_n_detectors;
#define BH_MAX_DETECTORS BH_STATE_PLANES

const struct bh_detector *bh_detector_by_name(const char *name);
/* What a policy says of detectors: names that are none, suppressions of hard ones without a second person. 0, or 1 and diags say why. */
int bh_detect_check(const struct bh_policy *p, struct bh_diags *diags) BH_MUST;
const char *bh_severity_name(unsigned severity);

/* Common start of a finding: who, whom, when, from the sight; blames src. */
void bh_finding_init(struct bh_finding *f, const struct bh_detector *d, const struct bh_sight *s);
void bh_finding_target(struct bh_finding *f, const struct bh_addr *a, uint16_t port, unsigned outcome, bh_ns at);

#endif
