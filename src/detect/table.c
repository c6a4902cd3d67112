/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The detector table. A detector is one file that defines `const struct bh_detector bh_detector_<word>` and one word in
 * meson.build, from which this table is made; `bulkhead detectors`, EVE and the ledger all read it.
 */
#include <stdio.h>
#include <bulkhead/detect.h>
#include "detect/detect_table.h"

#define X(word) extern const struct bh_detector bh_detector_##word;
BH_DETECTOR_TABLE(X)
#undef X
const struct bh_detector *const bh_detectors[] = {
#define X(word) &bh_detector_##word,
	BH_DETECTOR_TABLE(X)
#undef X
};
const size_t bh_n_detectors = BH_COUNT(bh_detectors);
_Static_assert(BH_COUNT(bh_detectors) <= BH_MAX_DETECTORS, "raise BH_STATE_PLANES");

const struct bh_detector *bh_detector_by_name(const char *name)
{
	for (size_t i = 0; i < bh_n_detectors; i++)
		if (strcmp(bh_detectors[i]->name, name) == 0)
			return bh_detectors[i];
	return NULL;
}

int bh_detect_check(const struct bh_policy *p, struct bh_diags *diags)
{
	char text[160];
	int bad = 0;

	for (size_t i = 0; i < p->n_suppresses; i++) {
		const struct bh_suppress *s = &p->suppresses[i];
		const struct bh_detector *d = bh_detector_by_name(s->detector);

		if (d && (!d->hard || s->approver[0]))
			continue;
		if (d)
			snprintf(text, sizeof text, "'%s' may isolate by itself: holding it back takes a second person, 'approved-by'", s->detector);
		else
			snprintf(text, sizeof text, "no detector '%s'; `bulkhead detectors` lists them", s->detector);
		bh_diags_say(diags, BH_DIAG_ERROR, s->pos, text);
		bad = 1;
	}
	return bad;
}

const char *bh_severity_name(unsigned severity)
{
	static const char *const names[] = {"info", "low", "medium", "high", "critical"};

	return names[severity < BH_COUNT(names) ? severity : 0];
}

const char *bh_seen_how_name(unsigned how)
{
	static const char *const names[BH_SEEN_HOWS] = {"both directions", "joined late", "one direction", "over a gap or one direction", "with gaps"};

	return names[how < BH_SEEN_HOWS ? how : 0];
}

void bh_finding_init(struct bh_finding *f, const struct bh_detector *d, const struct bh_sight *s)
{
	const struct bh_event *ev = s->ev;

	memset(f, 0, sizeof *f);
	f->detector = d;
	f->at = ev->at;
	f->pkt = ev->pkt;
	f->flow_id = ev->flow_id;
	f->host = ev->src;
	f->peer = ev->dst;
	f->sport = ev->sport;
	f->dport = ev->dport;
	f->app = ev->app;
	f->vlan = ev->vlan;
	f->proto = ev->proto;
	f->severity = d->severity;
	f->step = BH_STEP_ALERT;
	f->hard = d->hard;
	f->weight = d->weight;
}

void bh_finding_target(struct bh_finding *f, const struct bh_addr *a, uint16_t port, unsigned outcome, bh_ns at)
{
	if (f->n_targets < BH_FINDING_TARGETS)
		f->targets[f->n_targets++] = (struct bh_target){*a, port, (uint8_t)outcome, 0, at};
}
