/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec.enc (L6) - a program is copied over encrypted SMB and started over a pipe at once
 *
 * What PsExec and its relatives do, as far as sizes tell it: on one session a file of 8 KiB or more is written and closed,
 * and within 10 seconds a pipe with a name of 4 to 7 letters (samr to spoolss, svcctl among them) is bound and called twice.
 * A size the watch-list knows as a tool's adds to the weight.
 */
#include <stdio.h>
#include <bulkhead/detect.h>

extern const struct bh_detector bh_detector_exec_enc;

#define COPIES 4
#define COPY_MIN 8192
#define SOON BH_SEC(10)

struct exec {
	struct {
		uint64_t session;
		struct bh_addr server;
		bh_ns at, bound;
		uint64_t bytes;
	} copy[COPIES];
	uint8_t next;
};

static bool cares(const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;

	return (e->flags & BH_SMB_F_ENCRYPTED) &&
	       (e->op == BH_SMB_PIPE || (e->op == BH_SMB_CLOSE && e->bytes_written >= COPY_MIN));
}

static void copied(struct exec *m, const struct bh_sight *s)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	unsigned i = m->next % COPIES;

	/* a name so short is no program's; 0 is a name whose length did not show */
	if (e->bytes_read || (e->name_len && e->name_len < 5))
		return;
	m->copy[i].session = e->session;
	m->copy[i].server = s->ev->dst;
	m->copy[i].at = s->ev->at;
	m->copy[i].bound = 0;
	m->copy[i].bytes = e->bytes_written;
	m->next = (uint8_t)(i + 1);
}

static int started(struct exec *m, const struct bh_sight *s, unsigned i, struct bh_finding *f)
{
	const struct bh_watch_tool *tool = s->watch ? bh_watch_tool(s->watch, m->copy[i].bytes) : NULL;
	char a[BH_ADDR_TEXT], b[BH_ADDR_TEXT];

	bh_finding_init(f, &bh_detector_exec_enc, s);
	f->step = BH_STEP_CONTAIN;
	if (tool)
		f->weight += 100;
	f->count = 1;
	bh_strcpy(f->user, sizeof f->user, s->ev->u.smb.user);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_SUCCESS, s->ev->at);
	snprintf(f->text, sizeof f->text, "%s -> %s, encrypted SMB: %llu B file written, then an RPC bind on a %u-letter pipe",
		bh_addr_print(&s->ev->src, a), bh_addr_print(&s->ev->dst, b), (unsigned long long)m->copy[i].bytes, s->ev->u.smb.name_len);
	snprintf(f->detail, sizeof f->detail, "%s%.31s%s%s%.47s", tool ? "the size of " : "", tool ? tool->name : "", tool ? "; " : "",
		s->ev->u.smb.user[0] ? "user " : "", s->ev->u.smb.user);
	m->copy[i].at = 0;
	return 1;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *ret_finding)
{
	const struct bh_ev_smb *e = &s->ev->u.smb;
	struct exec *m = mine;

	if (e->op == BH_SMB_CLOSE) {
		copied(m, s);
		return 0;
	}
	if (e->name_len < 4 || e->name_len > 7)
		return 0;
	/* the copy made last first */
	for (unsigned k = 0; k < COPIES; k++) {
		unsigned i = (m->next + 2 * COPIES - 1 - k) % COPIES;

		if (!m->copy[i].at || m->copy[i].session != e->session || !bh_addr_eq(&m->copy[i].server, &s->ev->dst))
			continue;
		if (e->count == 0 && s->ev->at - m->copy[i].at <= SOON) {
			m->copy[i].bound = s->ev->at;
			return 0;
		}
		if (e->count >= 2 && m->copy[i].bound && s->ev->at - m->copy[i].bound <= SOON)
			return started(m, s, i, ret_finding);
	}
	return 0;
}

const struct bh_detector bh_detector_exec_enc = {
	.name = "exec.enc",
	.title = "Program started over encrypted SMB",
	.doc = "over encrypted SMB a file of 8 KiB or more is written and a service pipe bound and called within 10 s",
	.attack = "T1021.002",
	.tactic = "TA0008",
	.why = "Remote execution copies a program and asks the service manager to start it, in that order and at once; encryption "
	       "hides the names and not the sizes.",
	.false_positives = "An administrator who copies files to a server and opens a management console of it within seconds.",
	.sid = 9100021,
	.family = BH_FAM_L,
	.severity = BH_SEV_HIGH,
	.weight = 150,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_SMB),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM),
	.host_size = sizeof(struct exec),
	.cares = cares,
	.observe = observe,
};
