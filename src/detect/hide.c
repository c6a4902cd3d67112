/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hide (L11) - a host clears another's event log, saves its registry hives, or adds something that loads at the next start
 *
 *   event log cleared, hive saved (how secretsdump reads passwords)      2.0 bans
 *   print monitor, print processor or driver added                       2.0
 *   a value set under Run, Services, SAM or Lsa, as far as it is in clear 1.0
 * Any ControlSet is meant, not only the current one; and SAM as a key of its own, for Samsung is none.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_hide;

/* a part of a path by itself: between separators, or the ends of a string ("SAM\\Domains, x") */
static bool part(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *p; p++)
		if ((p == text || p[-1] == '\\' || p[-1] == ' ') && strncasecmp(p, word, n) == 0 && (!p[n] || p[n] == '\\' || p[n] == ','))
			return true;
	return false;
}

static bool loads(const char *text)
{
	return bh_says(text, "CurrentVersion\\Run") || (bh_says(text, "ControlSet") && part(text, "Services")) || part(text, "SAM") ||
	       bh_says(text, "Control\\Lsa");
}

static const char *did(const struct bh_sight *s, int32_t *ret_weight)
{
	*ret_weight = 200;
	switch (s->ev->u.rpc.op == BH_RPC_CALL ? bh_call_of(s).cls : BH_RPCC_NONE) {
	case BH_RPCC_LOG_CLEAR:
		return "cleared an event log of";
	case BH_RPCC_REG_SAVE:
		return "saved a registry hive of";
	case BH_RPCC_PERSIST:
		return "added a print driver, processor or monitor to";
	case BH_RPCC_REG_SET:
		*ret_weight = 100;
		if (loads(s->ev->u.rpc.text))
			return "set a registry key that loads at the start of";
	}
	return NULL;
}

static bool cares(const struct bh_sight *s)
{
	int32_t weight;

	return s->dst && did(s, &weight);
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct bh_text t;
	char a[80], b[80], u[80];
	int32_t weight;
	const char *what = did(s, &weight);

	bh_finding_init(f, &bh_detector_hide, s);
	f->weight = weight;
	f->severity = weight >= 200 ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s %s %s%s", bh_host_text(s->src, &s->ev->src, a), what, bh_host_text(s->dst, &s->ev->dst, b), bh_as(s->ev->u.rpc.user, u));
	t = bh_text(f->detail, sizeof f->detail);
	bh_put_call(&t, s);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_hide = {
	.name = "hide",
	.title = "Traces removed or roots laid on another host",
	.doc = "an event log is cleared, a registry hive saved, or something that loads at the start added, from another host",
	.attack = "T1070.001",
	.tactic = "TA0005",
	.why = "Nobody clears another host's log in the course of a day's work; saving SAM and SYSTEM from afar is how local passwords are stolen.",
	.false_positives = "Log collection that empties what it collects, print servers that receive drivers. Role siem, print or deploy.",
	.sid = 9100019,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 200,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_RPC),
	.relief = BH_ROLE_BIT(BH_ROLE_SIEM) | BH_ROLE_BIT(BH_ROLE_PRINT) | BH_ROLE_BIT(BH_ROLE_DEPLOY),
	.cares = cares,
	.observe = observe,
};
