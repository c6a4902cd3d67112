/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What people say of devices. Each word is a command with the device's MAC, stepped through the core like an isolation, and
 * told to the store at once. A list is looked through before the first line of it counts, and taken a few hundred lines at a
 * time: packets do not wait for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include "control/import.h"
#include "daemon/core_proc.h"

#define LINES 256 /* of a list between two looks at the rings */

static bool command(struct proc *p, const struct bh_mac *m, const char *by, const char *change)
{
	struct bh_event ev = {.at = core_wall(), .kind = BH_EV_COMMAND};

	ev.u.command.verb = BH_CMD_DEVICE;
	bh_mac_print(m, ev.u.command.target);
	bh_strcpy(ev.u.command.by, sizeof ev.u.command.by, by);
	bh_strcpy(ev.u.command.reason, sizeof ev.u.command.reason, change);
	core_step(p, &ev);
	for (size_t i = 0; i < p->out.n; i++)
		if (p->out.rec[i].kind == BH_REC_ACTION && p->out.rec[i].verb == BH_VERB_REFUSED && p->out.rec[i].refused.code == BH_REF_UNKNOWN && !p->out.rec[i].order.id)
			return false;
	return true;
}

static void who(const struct client *c, char by[32])
{
	snprintf(by, 32, "operator:uid%u", c->uid);
}

void core_device_set(struct proc *p, struct client *c, const struct bh_api_request *q)
{
	char why[BH_API_WHY], by[32], mac[BH_MAC_TEXT], text[200];
	struct bh_mac m;

	if (bh_api_resolve(bh_core_state(p->core), p->policy, q->target, true, &m, why)) {
		core_answer(p, c, 2, why);
		return;
	}
	who(c, by);
	bh_mac_print(&m, mac);
	if (!command(p, &m, by, q->reason)) {
		snprintf(text, sizeof text, "'%.80s' cannot be said of %s, or the table is full of known devices", q->reason, mac);
		core_answer(p, c, 2, text);
		return;
	}
	core_store_person(p, &m, q->reason, by);
	core_store_now(p);
	snprintf(text, sizeof text, "%s: %.100s", mac, q->reason);
	core_answer(p, c, 0, text);
}

void core_device_show(struct proc *p, struct client *c, const struct bh_api_request *q)
{
	char why[BH_API_WHY];
	struct bh_mac m;

	if (bh_api_resolve(bh_core_state(p->core), p->policy, q->target, false, &m, why))
		core_answer(p, c, 2, why);
	else
		core_store_history(p, c, &m);
}

/* ---- lists ---- */
void core_import_begin(struct proc *p, struct client *c)
{
	(void)p;
	c->import = 1;
	c->import_line = 0;
	c->at = c->done = c->refused = 0;
}

static void finish(struct proc *p, struct client *c, int code, const char *text)
{
	free(c->body);
	c->body = NULL;
	c->import = 0;
	core_answer(p, c, code, text);
}

/* the words that make of a device what its line says */
static bool take(struct proc *p, const struct bh_import_item *it, const char *by)
{
	static const char *const words[BH_DEV_STATUSES] = {"forget", "approve", "retire"};
	const struct bh_device *d = &it->d;
	const struct {
		const char *key, *value;
	} said[] = {{"rename", d->name}, {"owner", d->owner}, {"note", d->note}, {"zone", it->zone}};
	char text[96], addr[BH_ADDR_TEXT];
	bool good = command(p, &d->mac, by, words[d->status]);

	for (size_t i = 0; good && i < BH_COUNT(said); i++) {
		snprintf(text, sizeof text, "%s=%.80s", said[i].key, said[i].value);
		good = !said[i].value[0] || command(p, &d->mac, by, text);
	}
	for (unsigned bit = 1; good && bh_device_tag_name(bit); bit <<= 1) {
		snprintf(text, sizeof text, "tag=%s", bh_device_tag_name(bit));
		good = !(d->tags & bit) || command(p, &d->mac, by, text);
	}
	for (unsigned i = 0; good && i < d->n_addrs; i++) {
		snprintf(text, sizeof text, "addr=%s", bh_addr_print(&d->addrs[i], addr));
		good = command(p, &d->mac, by, text);
	}
	if (good)
		core_store_person(p, &d->mac, "imported", by);
	return good;
}

/* false = the answer has been given */
static bool one_line(struct proc *p, struct client *c, const char *line, size_t len)
{
	struct bh_event_error e = {1, "no such zone in the policy"};
	struct bh_import_item it;
	char text[200], by[32];

	c->import_line++;
	if (len == 0)
		return true;
	if (bh_import_parse(line, len, &it, &e) || (it.zone[0] && bh_policy_zone_by_name(p->policy, it.zone) == BH_ZONE_NONE)) {
		snprintf(text, sizeof text, "line %u, column %u: %s; nothing was imported", c->import_line, e.col, e.text);
		if (c->import == 1) {
			finish(p, c, 3, text);
			return false;
		}
		c->refused++; /* the policy has changed meanwhile */
		return true;
	}
	if (c->import == 1)
		return true;
	who(c, by);
	if (take(p, &it, by))
		c->done++;
	else
		c->refused++;
	return true;
}

static void step(struct proc *p, struct client *c)
{
	char text[160];

	for (unsigned i = 0; i < LINES && c->at < c->body_len; i++) {
		const char *line = c->body + c->at, *nl = memchr(line, '\n', c->body_len - c->at);
		size_t len = nl ? (size_t)(nl - line) : c->body_len - c->at;

		if (c->import == 2 && !core_store_room(p)) {
			if (p->now + BH_SEC(1) > c->deadline) {
				snprintf(text, sizeof text, "the disk takes nothing now: %zu devices were imported, the rest was not", c->done);
				finish(p, c, 8, text);
			}
			return;
		}
		if (!one_line(p, c, line, len))
			return;
		c->at += len + 1;
	}
	c->deadline = p->now + BH_SEC(5);
	if (c->at < c->body_len)
		return;
	if (c->import == 1) {
		c->import = 2;
		c->import_line = 0;
		c->at = 0;
		return;
	}
	core_store_now(p);
	snprintf(text, sizeof text, c->refused ? "%zu devices imported; %zu found no room: the table is full of known devices" : "%zu devices imported", c->done, c->refused);
	finish(p, c, c->refused ? 8 : 0, text);
}

bool core_import_step(struct proc *p)
{
	bool more = false;

	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->fd < 0 || !c->import)
			continue;
		step(p, c);
		more |= c->fd >= 0 && c->import;
	}
	return more;
}
