/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * canary (I3) - somebody changes a file that nobody has reason to change, or opens a session to a server nobody uses
 *
 * The policy names such files by share and path (`canaries:`) and such servers by role decoy. Indexers, backups and virus
 * scanners read everything, so of files only what changes them counts: a write, a truncation, a new file, a rename from or to
 * the name, a deletion. Any SMB session a decoy grants counts, except that declared scanners, monitors and backups, which
 * log in everywhere, are told of and not cut. In encrypted SMB no names are seen; there a decoy still works.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

extern const struct bh_detector bh_detector_canary;

static const char *changed(const struct bh_ev_smb *e)
{
	switch (e->op) {
	case BH_SMB_OPEN:
		return e->flags & BH_SMB_F_CREATED ? "created" : NULL;
	case BH_SMB_WRITE:
		return "wrote";
	case BH_SMB_CLOSE:
		return e->bytes_written ? "wrote" : NULL;
	case BH_SMB_RENAME:
		return "renamed";
	case BH_SMB_DELETE:
		return "deleted";
	case BH_SMB_TRUNCATE:
		return "cut short";
	default:
		return NULL;
	}
}

static bool granted(const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;

	return s->dst && (s->dst->roles & BH_ROLE_BIT(BH_ROLE_DECOY)) && (s->ev->flags & BH_EVF_TWOWAY) &&
	       (e->op == BH_SMB_TREE || (e->op == BH_SMB_SESSION && !e->status));
}

static void blame(struct bh_finding *f, const struct bh_sight *s)
{
	bh_finding_init(f, &bh_detector_canary, s);
	f->step = BH_STEP_ISOLATE;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.smb.user);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_SUCCESS, s->ev->at);
}

static int decoy(const struct bh_sight *s, struct bh_finding *f)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT];

	blame(f, s);
	if (s->src->roles & bh_detector_canary.relief) {
		f->hard = false;
		f->step = BH_STEP_ALERT;
	}
	snprintf(f->text, sizeof f->text, "%s%s%s opened an SMB session to decoy %s%s%s", e->user, e->user[0] ? "@" : "",
		bh_addr_print(&s->ev->src, a), s->dst->name[0] ? s->dst->name : bh_addr_print(&s->ev->dst, b), e->share[0] ? ", share " : "",
		e->share);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	const char *what = changed(e), *path = e->name;
	const struct bh_canary *c;
	char a[BH_ADDR_TEXT];

	if (granted(s))
		return decoy(s, ret_finding);
	if (!what || !e->name[0])
		return 0;
	c = bh_policy_canary_of(s->policy, &s->ev->dst, e->share, path);
	if (!c && e->op == BH_SMB_RENAME) {
		path = e->name2;
		c = bh_policy_canary_of(s->policy, &s->ev->dst, e->share, path);
	}
	if (!c)
		return 0;
	blame(ret_finding, s);
	snprintf(ret_finding->text, sizeof ret_finding->text, "%s%s%s %s canary %.40s/%.100s", e->user, e->user[0] ? "@" : "",
		bh_addr_print(&s->ev->src, a), what, e->share, path);
	snprintf(ret_finding->detail, sizeof ret_finding->detail, "line %u of the policy: %s%s%s", c->pos.line, c->path,
		e->name2[0] ? "; new name " : "", e->name2);
	return 1;
}

static bool idle(const struct bh_policy *p)
{
	for (size_t i = 0; i < p->n_hosts; i++)
		if (p->hosts[i].roles & BH_ROLE_BIT(BH_ROLE_DECOY))
			return false;
	return !p->n_canaries;
}

const struct bh_detector bh_detector_canary = {
	.name = "canary",
	.title = "Canary file or decoy server",
	.doc = "a client changes a declared canary file, or a decoy server grants it an SMB session",
	.attack = "T1486",
	.tactic = "TA0040",
	.why = "What encrypts or deletes a share does it to every file; a file that nobody uses is changed by nobody else.",
	.false_positives = "Migrations and permission scripts that rewrite every file of a share; somebody who tidies up.",
	.sid = 9100022,
	.family = BH_FAM_I,
	.severity = BH_SEV_CRITICAL,
	.hard = true,
	.weight = 500,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_BACKUP),
	.idle = idle,
	.observe = observe,
};
