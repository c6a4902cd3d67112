/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the zones are asked that the policy in force lets be asked. One question is under way at a time: the prober says whether it
 * could, then the question becomes an event like a command, and only then it leaves. A zone the policy no longer lets be asked is
 * not asked from the next tick on; one whose interface the prober does not hold waits for the daemon's next start.
 */
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/core_proc.h"

#define PATIENCE BH_SEC(2)

static uint64_t any(void)
{
	uint64_t v = 0;

	(void)!getrandom(&v, sizeof v, 0);
	return v;
}

/* from this share of the time between two questions, in tenths, to that one */
static bh_ns after(const struct proc *p, const struct bh_zone *z, unsigned from, unsigned to)
{
	bh_ns tenth = z->probe.every / 10;

	return p->now + tenth * from + any() % (tenth * (to - from) + 1);
}

/* the zones have other numbers, or the core is new: nothing is asked at once */
static void begin(struct proc *p)
{
	struct core_probe *b = &p->probe;

	b->of = p->policy;
	b->order.xid = 0;
	memset(b->zone, 0, sizeof b->zone);
	memset(b->says, 0, sizeof b->says);
	for (size_t z = 0; z < p->policy->n_zones; z++)
		b->zone[z].next = after(p, &p->policy->zones[z], 1, 8);
}

void core_probe_open(struct proc *p)
{
	p->probe.fd = p->in->prober;
	if (getrandom(p->probe.key, sizeof p->probe.key, 0) != sizeof p->probe.key)
		p->probe.fd = -1; /* names that could be guessed are not asked for */
	begin(p);
}

static void worst(struct core_probe *b, unsigned says)
{
	if (says > b->zone[b->at].saying)
		b->zone[b->at].saying = (uint8_t)says;
}

static void send_order(struct proc *p, bool go)
{
	struct core_probe *b = &p->probe;

	b->order.at = p->now;
	b->order.go = go;
	if (b->fd < 0 || send(b->fd, &b->order, sizeof b->order, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		worst(b, BH_PROBE_NO_INTERFACE);
		b->order.xid = 0;
	}
}

static void ask(struct proc *p, const char *iface, bool dhcp)
{
	struct core_probe *b = &p->probe;

	memset(&b->order, 0, sizeof b->order);
	b->order.xid = (uint32_t)any() | 1;
	b->order.dhcp = dhcp;
	bh_strcpy(b->order.iface, sizeof b->order.iface, iface);
	if (!dhcp)
		bh_ask_name(b->key, b->n++ & 0xfffffffff, b->order.name);
	send_order(p, false);
}

/* The next of its interfaces and kinds; when all were asked, what came of them is what status says. */
static void following(struct proc *p, const struct bh_zone *z, struct core_probe_zone *t)
{
	struct core_probe *b = &p->probe;

	b->at = (uint16_t)(z - p->policy->zones);
	while (t->step < 2 * z->n_interfaces) {
		unsigned i = t->step / 2, dhcp = t->step % 2;

		t->step++;
		if (dhcp ? z->probe.dhcp : z->probe.names) {
			ask(p, z->interfaces[i], dhcp);
			return;
		}
	}
	b->says[b->at] = t->saying;
	*t = (struct core_probe_zone){.next = after(p, z, 8, 12)};
}

void core_probe_tick(struct proc *p)
{
	struct core_probe *b = &p->probe;

	if (b->of != p->policy)
		begin(p);
	if (b->order.xid && p->now - b->order.at < PATIENCE)
		return;
	if (b->order.xid)
		worst(b, BH_PROBE_NO_INTERFACE);
	b->order.xid = 0;
	for (size_t k = 0; k < p->policy->n_zones; k++) {
		const struct bh_zone *z;
		struct core_probe_zone *t;

		b->turn = (b->turn + 1) % p->policy->n_zones; /* each its turn, none starves */
		z = &p->policy->zones[b->turn];
		t = &b->zone[b->turn];
		if (t->next > p->now + 2 * z->probe.every) /* the clock was set back */
			t->next = after(p, z, 1, 8);
		if (z->probe.every && p->now >= t->next) {
			following(p, z, t);
			return;
		}
	}
}

/* The prober would send it: now the detectors know, then it does. */
static void known(struct proc *p)
{
	struct core_probe *b = &p->probe;
	struct bh_event ev = {.at = p->now, .kind = BH_EV_COMMAND};

	ev.u.command.verb = BH_CMD_PROBE;
	ev.u.command.xid = b->order.dhcp ? b->order.xid : 0;
	bh_strcpy(ev.u.command.target, sizeof ev.u.command.target, b->order.dhcp ? "dhcp" : b->order.name);
	bh_strcpy(ev.u.command.by, sizeof ev.u.command.by, "prober");
	snprintf(ev.u.command.reason, sizeof ev.u.command.reason, "%s %s", p->policy->zones[b->at].name, b->order.iface);
	core_step(p, &ev);
	send_order(p, true);
}

void core_probe_ready(struct proc *p)
{
	struct core_probe *b = &p->probe;
	struct bh_prober_reply r;
	ssize_t n = recv(b->fd, &r, sizeof r, MSG_DONTWAIT);

	if (n == 0) {
		close(b->fd);
		b->fd = -1;
	}
	if (n != (ssize_t)sizeof r || !b->order.xid || r.xid != b->order.xid || r.go != b->order.go || b->of != p->policy ||
		b->at >= p->policy->n_zones || !p->policy->zones[b->at].probe.every)
		return;
	if (!r.go && (r.says == BH_PROBE_ASKED || r.says == BH_PROBE_ASKED_SIX)) {
		known(p);
		return;
	}
	worst(b, r.says < BH_PROBE_SAYS ? r.says : BH_PROBE_FAILED);
	b->order.xid = 0;
}
