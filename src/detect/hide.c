/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hide (L11) - a host clears another's event log, saves its registry hives, or adds something that loads at the next start
 *
 *   event log cleared, hive saved (how secretsdump reads passwords)      2.0 bans
 *   print monitor, print processor or driver added                       2.0
 *   a value set under Run, Services, SAM or Lsa, as far as it is in clear 1.0
 * Any ControlSet is meant, not only the current one; and SAM as a key of its own, for Samsung is none. The call that sets a value names
 * no key: it is the one opened last on that host within a minute.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_hide;

struct opened {
	struct bh_dest d;
	bh_ns at;
	char key[64]; /* one that loads at the start, its end kept; "" = any other */
};
struct mine {
	struct opened dest[8];
};

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

static unsigned cls_of(const struct bh_sight *s)
{
	return s->ev->u.rpc.op == BH_RPC_CALL ? bh_call_of(s).cls : BH_RPCC_NONE;
}

static bool cares(const struct bh_sight *s)
{
	if (!s->dst)
		return false;
	switch (cls_of(s)) {
	case BH_RPCC_LOG_CLEAR:
	case BH_RPCC_REG_SAVE:
	case BH_RPCC_PERSIST:
	case BH_RPCC_REG_OPEN:
	case BH_RPCC_REG_SET:
		return true;
	}
	return false;
}

static void opens(struct opened *d, const char *key, bh_ns at)
{
	size_t n = strlen(key);

	d->at = at;
	bh_strcpy(d->key, sizeof d->key, !loads(key) ? "" : n < sizeof d->key ? key : key + n - sizeof d->key + 1);
}

/* what was done, NULL = nothing to tell; *ret_key = the key of a value that was set */
static const char *did(const struct bh_sight *s, struct mine *m, int32_t *ret_weight, const char **ret_key)
{
	const char *text = s->ev->u.rpc.text;
	unsigned cls = cls_of(s);
	struct opened *d;

	*ret_weight = 200;
	*ret_key = "";
	switch (cls) {
	case BH_RPCC_LOG_CLEAR:
		return "cleared an event log of";
	case BH_RPCC_REG_SAVE:
		return "saved a registry hive of";
	case BH_RPCC_PERSIST:
		return "added a print driver, processor or monitor to";
	}
	*ret_weight = 100;
	d = bh_dest_of(m->dest, BH_COUNT(m->dest), sizeof *d, &s->ev->dst, s->ev->at, cls == BH_RPCC_REG_OPEN);
	if (cls == BH_RPCC_REG_OPEN) {
		opens(d, text, s->ev->at);
		return NULL;
	}
	if (d && bh_within(s->ev->at, d->at, BH_SEC(60)))
		*ret_key = d->key;
	return loads(text) || **ret_key ? "set a registry key that loads at the start of" : NULL;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct bh_text t;
	char a[80], b[80], u[80];
	int32_t weight;
	const char *key, *what = did(s, mine, &weight, &key);

	if (!what)
		return 0;
	bh_finding_init(f, &bh_detector_hide, s);
	f->weight = weight;
	f->severity = weight >= 200 ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.rpc.user);
	snprintf(f->text, sizeof f->text, "%s %s %s%s", bh_host_text(s->src, &s->ev->src, a), what, bh_host_text(s->dst, &s->ev->dst, b), bh_as(s->ev->u.rpc.user, u));
	t = bh_text(f->detail, sizeof f->detail);
	bh_put_call(&t, s);
	if (key[0]) {
		bh_put(&t, ", under ");
		bh_put_quoted(&t, key, strlen(key));
	}
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
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
