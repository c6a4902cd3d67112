/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * share.exe (L5) - a program is written where another host will run it
 *
 * Shares: ADMIN$, C$ and other drives, SYSVOL, NETLOGON, and any path with a Startup folder. 1.5 bans when the name runs (a file
 * made anew), 2.0 when the content does (MZ, #!, ELF), 2.5 when the same first 4 KiB went to three hosts within 10 min: a worm, or
 * software being deployed. Domain controllers write SYSVOL; role dc relieves. That a drive or ADMIN$ was connected to at all is told
 * once for each pair of hosts, as low, 0.5: administrators do it, and so does whoever copies files by hand. Backup hosts, monitors and
 * scanners do nothing else, so of them it is not told.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_share_exe;

struct mine {
	struct {
		uint64_t head;
		bh_ns at;
		uint64_t dst[3];
		uint8_t n;
	} content[16];
	bh_ns reached_at;
	uint64_t reached[8]; /* a bit each, so that going round many hosts is not told over and over */
	uint64_t opened; /* name and destination told at the open */
	bh_ns opened_at;
};

static bool place(const struct bh_ev_smb *e)
{
	return bh_admin_share(e->share) || bh_policy_share(e->share) || bh_says(e->name, "/Startup/") || strncasecmp(e->name, "Startup/", 8) == 0;
}

static bool cares(const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	bool runs;

	if (s->dst && e->op == BH_SMB_TREE && bh_admin_share(e->share))
		return !bh_has_role(s->src, BH_ROLE_BACKUP) && !bh_has_role(s->src, BH_ROLE_MONITOR) && !bh_has_role(s->src, BH_ROLE_VULNSCAN);
	if (!s->dst || (e->flags & (BH_SMB_F_DIR | BH_SMB_F_ENCRYPTED)) || !e->name[0] || !place(e))
		return false;
	runs = bh_watch_runs(s->watch, e->name);
	if (e->op == BH_SMB_OPEN)
		return runs && (e->flags & BH_SMB_F_CREATED);
	return (e->op == BH_SMB_CLOSE || e->op == BH_SMB_WRITE) && e->bytes_written && (runs || e->magic_written == BH_MAGIC_EXEC);
}

/* how many hosts were given this content lately */
static unsigned spread(struct mine *m, const struct bh_sight *s)
{
	uint64_t head = s->ev->u.smb.head, dst = bh_addr_hash(&s->ev->dst, 1) | 1;
	unsigned at = 0;

	if (!head)
		return 1;
	for (unsigned i = 0; i < BH_COUNT(m->content); i++) {
		if (m->content[i].head == head && bh_within(s->ev->at, m->content[i].at, BH_MIN(10))) {
			at = i;
			break;
		}
		if (bh_apart(s->ev->at, m->content[i].at) > bh_apart(s->ev->at, m->content[at].at))
			at = i;
	}
	if (m->content[at].head != head || !bh_within(s->ev->at, m->content[at].at, BH_MIN(10))) {
		memset(&m->content[at], 0, sizeof m->content[at]);
		m->content[at].head = head;
		m->content[at].at = s->ev->at;
	}
	for (unsigned i = 0; i < m->content[at].n; i++)
		if (m->content[at].dst[i] == dst)
			return m->content[at].n;
	if (m->content[at].n < 3)
		m->content[at].dst[m->content[at].n++] = dst;
	return m->content[at].n;
}

static int reached(const struct bh_sight *s, struct mine *m, struct bh_finding *f)
{
	uint64_t dst = bh_addr_hash(&s->ev->dst, 1), *word = &m->reached[(dst >> 6) % BH_COUNT(m->reached)], bit = 1ull << (dst & 63);
	char a[80], b[80], u[80];

	if (*word & bit)
		return 0;
	*word |= bit;
	bh_finding_init(f, &bh_detector_share_exe, s);
	f->weight = bh_within(s->ev->at, m->reached_at, BH_HOUR(24)) ? 10 : 50; /* many hosts are a fan-out, and that is weighed elsewhere */
	m->reached_at = s->ev->at;
	f->severity = BH_SEV_LOW;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.smb.user);
	snprintf(f->text, sizeof f->text, "%s connected to %.20s of %s%s", bh_host_text(s->src, &s->ev->src, a), s->ev->u.smb.share, bh_host_text(s->dst, &s->ev->dst, b),
		bh_as(s->ev->u.smb.user, u));
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	uint64_t key = bh_word_key(e->name) ^ bh_addr_hash(&s->ev->dst, 1);
	struct mine *m = mine;
	char a[80], b[80], u[80];
	unsigned n = 1;
	bool exec = e->op != BH_SMB_OPEN && e->magic_written == BH_MAGIC_EXEC;

	if (e->op == BH_SMB_TREE)
		return reached(s, m, f);
	if (e->op == BH_SMB_CLOSE)
		n = spread(m, s);
	if (e->op != BH_SMB_OPEN && !exec && n < 3 && m->opened == key && bh_within(s->ev->at, m->opened_at, BH_MIN(10)))
		return 0; /* said at its open */
	m->opened = key;
	m->opened_at = s->ev->at;
	bh_finding_init(f, &bh_detector_share_exe, s);
	f->weight = n >= 3 ? 250 : exec ? 200 : bh_detector_share_exe.weight;
	f->severity = exec || n >= 3 ? BH_SEV_HIGH : BH_SEV_MEDIUM;
	f->count = n;
	bh_strcpy(f->user, sizeof f->user, e->user);
	snprintf(f->text, sizeof f->text, "%s wrote %.60s%s to %.20s on %s%s%s", bh_host_text(s->src, &s->ev->src, a), bh_base_name(e->name),
		exec ? " (a program)" : "", e->share[0] ? e->share : "(unseen share)", bh_host_text(s->dst, &s->ev->dst, b), bh_as(e->user, u),
		n >= 3 ? ", the same as to others before" : "");
	snprintf(f->detail, sizeof f->detail, "%s/%s, %llu bytes%s", e->share, e->name, (unsigned long long)e->bytes_written,
		n >= 3 ? "; same content to 3 or more hosts within 10 min" : "");
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_share_exe = {
	.name = "share.exe",
	.title = "Lateral movement: program written to an administrative share",
	.doc = "a program is written to ADMIN$, a drive share, SYSVOL, NETLOGON or a Startup folder of another host",
	.attack = "T1570",
	.tactic = "TA0008",
	.why = "The tool has to get there before it can run; administrative shares are where PsExec and its kin put it.",
	.false_positives = "Software deployment and antivirus pushes to ADMIN$, policy writers on SYSVOL. Declare the source with role deploy, rmm or dc.",
	.sid = 9100013,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_DC),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
