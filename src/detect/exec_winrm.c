/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * exec.winrm (L4) - PowerShell remoting or another use of WinRM on a new edge
 *
 * Three requests to /wsman within 10 min, in one connection or several, from one host to another that it did not manage in the last 30 days (16 are remembered for each source):
 * 1 ban. Over HTTPS (5986) the path is hidden, and only session counts remain. Event collection, where the sources go to the
 * collector, is no execution: a destination with role siem is left out.
 */
#include <stdio.h>
#include <strings.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_exec_winrm;

#define AGAIN BH_HOUR(24 * 30)

struct dest {
	struct bh_dest d;
	struct bh_rate asked;
	bh_ns told; /* or managed again after that */
};
struct mine {
	struct dest dest[16];
};

static bool cares(const struct bh_sight *s)
{
	return s->dst && strncasecmp(s->ev->u.http.path, "/wsman", 6) == 0 && !bh_has_role(s->dst, BH_ROLE_SIEM) &&
	       s->ev->u.http.status != 401;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	struct dest *d = bh_dest_of(((struct mine *)mine)->dest, 16, sizeof *d, &s->ev->dst, s->ev->at, true);
	uint32_t n = bh_rate_add(&d->asked, 1, s->ev->at, BH_MIN(10));
	bool known = bh_within(s->ev->at, d->told, AGAIN);
	char a[80], b[80];

	if (n < s->ev->u.http.count)
		n = s->ev->u.http.count;
	if (known || n >= 3)
		d->told = s->ev->at;
	if (known || n < 3)
		return 0;
	bh_finding_init(f, &bh_detector_exec_winrm, s);
	f->count = n;
	snprintf(f->text, sizeof f->text, "first WinRM session from %s to %s, %u requests", bh_host_text(s->src, &s->ev->src, a), bh_host_text(s->dst, &s->ev->dst, b), n);
	snprintf(f->detail, sizeof f->detail, "%s %s, agent \"%s\"", s->ev->u.http.method, s->ev->u.http.path, s->ev->u.http.agent);
	bh_finding_target(f, &s->ev->dst, s->ev->dport, BH_OUT_NONE, s->ev->at);
	return 1;
}

const struct bh_detector bh_detector_exec_winrm = {
	.name = "exec.winrm",
	.title = "Lateral movement: WinRM on a new edge",
	.doc = "the first WinRM session, of three requests or more, from one host to another",
	.attack = "T1021.006",
	.tactic = "TA0008",
	.why = "PowerShell remoting runs anything on the other host, and nothing is written there first.",
	.false_positives = "Ansible, management consoles, event collection. Role deploy, rmm, monitor or jump on the source, siem on the collector.",
	.sid = 9100032,
	.family = BH_FAM_L,
	.severity = BH_SEV_MEDIUM,
	.weight = 100,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_HTTP),
	.relief = BH_ROLE_BIT(BH_ROLE_DEPLOY) | BH_ROLE_BIT(BH_ROLE_RMM) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_JUMP),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
