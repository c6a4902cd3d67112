/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conduits moved by hand, or raised by an alert, outlive the core's process: what was done to them is kept as the commands
 * that do it again, in the event's own text. A core that comes back gives them to itself before it says anything to the
 * kernel, so its death opens nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include "daemon/core_proc.h"

void core_hands_keep(struct proc *p)
{
	struct bh_event ev[2];
	char *buf = malloc(BH_KEEP_HANDS);
	struct bh_text t;

	if (!buf)
		return;
	t = bh_text(buf, BH_KEEP_HANDS);
	for (size_t i = 0; i < p->policy->n_conduits; i++) {
		unsigned n = bh_core_hands(p->core, i, ev);

		for (unsigned k = 0; k < n; k++) {
			char line[BH_EVENT_TEXT];

			bh_putn(&t, line, bh_event_print(&ev[k], line));
			bh_put(&t, "\n");
		}
	}
	if (t.truncated || bh_keep_write(p->in->keep, BH_KEEP_THE_HANDS, NULL, buf, t.len) < 0)
		fprintf(stderr, "bulkhead: core: too many conduits are moved by hand; not all will be so after this process\n");
	free(buf);
}

static void one(struct proc *p, const char *line, size_t len)
{
	struct bh_event_error e;
	struct bh_event ev;
	bh_ns until;

	if (bh_event_parse(line, len, &ev, &e) || ev.kind != BH_EV_COMMAND || (ev.u.command.verb != BH_CMD_BREAKER && ev.u.command.verb != BH_CMD_DRAWBRIDGE))
		return;
	until = ev.at + ev.u.command.ttl;
	if (until <= p->now)
		return;
	if (until - p->now < ev.u.command.ttl) /* a clock set back makes it no longer */
		ev.u.command.ttl = until - p->now;
	ev.at = p->now;
	core_step(p, &ev);
}

void core_hands_restore(struct proc *p)
{
	char *text, *b;
	size_t len;

	if (bh_core_mode(p->core) == BH_MODE_OBSERVE || bh_keep_read(p->in->keep, BH_KEEP_THE_HANDS, NULL, &text, &len))
		return;
	b = text;
	while (b < text + len) {
		char *nl = memchr(b, '\n', (size_t)(text + len - b));

		if (!nl)
			break;
		one(p, b, (size_t)(nl - b));
		b = nl + 1;
	}
	free(text);
}
