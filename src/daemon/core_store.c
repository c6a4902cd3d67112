/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core's side of the inventory's store. The whole of it is read once, before the first event, from within the sandbox;
 * until it has been read nothing is written, or a device somebody approved last year would be written down as a stranger.
 * After that a quarter of the table is looked at each tick, and what changed is told: a second's work at most is in no other
 * place than this process. When the store does not take it - a full disk - the message waits, and behind it what changed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/core_proc.h"

#define PART 4	      /* of the table, a tick */
#define LINES 1024    /* devices a tick: a flood of strangers writes no disk full */
#define ROOM (BH_DEVICE_TEXT + 6 * 5 * BH_STORY_TEXT)
#define FIRST_LOAD 10000 /* ms of silence */
#define LOAD_AGAIN BH_SEC(30)
#define MESSAGES 64 /* read between two looks elsewhere */
#define STORIES 200
#define YOUNG BH_HOUR(1) /* a store that had no room may have died with a message it could not write */

static bool may_save(const struct core_store *s)
{
	return s->fd >= 0 && s->loaded && !s->unusable;
}

/* ---- saying ---- */
/* false = the store takes nothing now: the message stays */
static bool push(struct core_store *s)
{
	if (s->t.len <= 5)
		return true;
	if (send(s->fd, s->out, s->t.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		s->waits++;
		return false;
	}
	s->t = bh_text(s->out, sizeof s->out);
	bh_put(&s->t, "save\n");
	return true;
}

static bool has_room(struct core_store *s)
{
	return s->t.cap - s->t.len > ROOM || push(s);
}

struct story {
	struct core_store *s;
	const struct bh_device *d;
	bool person;
};

static void tell(void *ctx, unsigned story, bh_ns at, const char *text)
{
	struct story *c = ctx;
	struct bh_store_row row = {.event = true, .known = c->person || c->d->status != BH_DEV_NEW, .story = (uint8_t)story, .mac = c->d->mac, .first = at, .text = text, .len = strlen(text)};

	bh_store_event_print(&row, &c->s->t);
}

static struct bh_told *told_of(struct core_store *s, uint32_t slot)
{
	if (slot >= s->cap) {
		uint32_t cap = s->cap ? s->cap * 2 : 1024;
		struct bh_told *v;

		while (cap <= slot)
			cap *= 2;
		v = realloc(s->told, cap * sizeof *v);
		if (!v)
			return NULL;
		memset(v + s->cap, 0, (cap - s->cap) * sizeof *v);
		s->told = v;
		s->cap = cap;
	}
	return &s->told[slot];
}

static void say(struct core_store *s, struct bh_told *told, const struct bh_device *d)
{
	struct story c = {s, d, false};
	char line[BH_DEVICE_TEXT];

	bh_putn(&s->t, line, bh_device_print(d, line));
	bh_put(&s->t, "\n");
	bh_told_tell(told, d, tell, &c);
}

void core_store_tick(struct proc *p)
{
	struct core_store *s = &p->store;
	struct bh_devices *t = bh_state_devices(bh_core_state(p->core));
	uint32_t slots = bh_devices_slots(t), part = slots / PART + 1, lines = 0;

	if (s->fd >= 0 && !s->loaded && !s->unusable && p->now >= s->load_next)
		core_store_ask(p);
	if (!may_save(s))
		return;
	for (uint32_t i = 0; i < part && lines < LINES; i++) {
		const struct bh_device *d;
		struct bh_told *told;

		s->cursor = s->cursor >= slots ? 0 : s->cursor;
		d = bh_devices_slot(t, s->cursor);
		told = d ? told_of(s, s->cursor) : NULL;
		if (told && bh_told_due(told, d)) {
			if (!has_room(s))
				break;
			say(s, told, d);
			lines++;
		}
		s->cursor++;
	}
	(void)push(s);
}

bool core_store_room(struct proc *p)
{
	return !may_save(&p->store) || has_room(&p->store);
}

void core_store_person(struct proc *p, const struct bh_mac *m, const char *change, const char *by)
{
	struct core_store *s = &p->store;
	const struct bh_device *d = bh_devices_find(bh_state_devices(bh_core_state(p->core)), m);
	struct bh_told *told = d && may_save(s) ? told_of(s, d->slot) : NULL;
	struct story c = {s, d, true};
	char text[BH_STORY_TEXT];

	if (!told || !has_room(s))
		return; /* the device's line follows with the next ticks */
	say(s, told, d);
	snprintf(text, sizeof text, "%.120s, by %.40s", change, by);
	tell(&c, BH_STORY_PERSON, p->now, text);
}

void core_store_now(struct proc *p)
{
	if (may_save(&p->store))
		(void)push(&p->store);
}

/* ---- reading ---- */
static uint64_t token(struct core_store *s)
{
	return (uint64_t)getpid() << 32 | ++s->tokens;
}

void core_store_ask(struct proc *p)
{
	struct core_store *s = &p->store;
	char line[48];
	int n;

	s->load_next = p->now + LOAD_AGAIN;
	s->load_token = token(s);
	s->read = 0;
	n = snprintf(line, sizeof line, "load %" PRIu64, s->load_token);
	(void)!send(s->fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void device_line(struct proc *p, const char *line, size_t len)
{
	struct core_store *s = &p->store;
	struct bh_event_error e;
	struct bh_device d, *o;
	struct bh_told *told;

	if (bh_device_parse(line, len, &d, &e)) {
		if (!s->bad++)
			fprintf(stderr, "bulkhead: core: a line of the inventory cannot be read (column %u: %s); such lines are left out\n", e.col, e.text);
		return;
	}
	if (!bh_state_device_put(bh_core_state(p->core), &d) || !(o = bh_devices_find(bh_state_devices(bh_core_state(p->core)), &d.mac)))
		return;
	s->read++;
	told = o->changed == d.changed ? told_of(s, o->slot) : NULL; /* else it has been seen since: that is news */
	if (told)
		bh_told_as(told, o);
}

static struct client *reader_of(struct proc *p, uint64_t of)
{
	for (int i = 0; i < CLIENTS; i++)
		if (p->clients[i].fd >= 0 && p->clients[i].story && p->clients[i].story == of)
			return &p->clients[i];
	return NULL;
}

static void event_line(struct client *c, const char *line, size_t len)
{
	char *v = realloc(c->body, c->body_len + len + 1);

	if (!v)
		return;
	memcpy(v + c->body_len, line, len);
	v[c->body_len + len] = '\n';
	c->body = v;
	c->body_len += len + 1;
}

static void lines(struct proc *p, const char *at, const char *end, bool devices, uint64_t of)
{
	struct client *c = devices ? NULL : reader_of(p, of);

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at);

		if (devices && len)
			device_line(p, at, len);
		else if (c && len)
			event_line(c, at, len);
		at = nl ? nl + 1 : end;
	}
}

static void loaded(struct proc *p, bool on)
{
	struct core_store *s = &p->store;

	s->loaded = on;
	s->unusable = !on;
	if (on)
		fprintf(stderr, "bulkhead: core: the inventory has %" PRIu64 " devices%s\n", s->read, s->bad ? "; some lines could not be read" : "");
}

static const char *why_unknown(const struct core_store *s)
{
	return s->fd < 0 ? "nothing is kept without --state" : s->unusable ? "the inventory's file is not usable, see the journal" : "the store did not answer";
}

/* the history of one device, out of the lines that came */
static void answer(struct proc *p, struct client *c)
{
	struct bh_api_story *v = calloc(STORIES, sizeof *v);
	char(*texts)[BH_STORY_TEXT] = calloc(STORIES, sizeof *texts), *body = c->body;
	const char *at = body, *end = body ? body + c->body_len : body;
	bool known = c->story_known;
	struct bh_store_row row;
	size_t n = 0;

	while (v && texts && at < end && n < STORIES) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		if (bh_store_row_parse(at, (size_t)(nl - at), &row, texts[n]) == 0 && row.event) {
			v[n] = (struct bh_api_story){row.first, bh_story_name(row.story), texts[n]};
			n++;
		}
		at = nl + 1;
	}
	c->body = NULL;
	c->story = 0;
	core_say_device(p, c, v, n, known ? NULL : why_unknown(&p->store));
	free(body);
	free(texts);
	free(v);
}

static void message(struct proc *p, const char *m, size_t n)
{
	const char *at = m, *end = m + n, *nl = memchr(m, '\n', n);
	struct bh_word what, of, how;
	uint64_t id;
	struct client *c;

	end = nl ? nl : end;
	if (bh_word_next(&at, end, &what) || bh_word_next(&at, end, &of) || bh_word_u64(of, UINT64_MAX, &id))
		return;
	if (bh_word_is(what, "devices") && nl && id == p->store.load_token)
		lines(p, nl + 1, m + n, true, id);
	else if (bh_word_is(what, "events") && nl)
		lines(p, nl + 1, m + n, false, id);
	else if (bh_word_is(what, "end") && bh_word_next(&at, end, &how) == 0) {
		if (id == p->store.load_token)
			loaded(p, bh_word_is(how, "on"));
		else if ((c = reader_of(p, id))) {
			c->story_known = bh_word_is(how, "on");
			answer(p, c);
		}
	}
}

void core_store_ready(struct proc *p)
{
	for (int i = 0; i < MESSAGES; i++) {
		ssize_t n = recv(p->store.fd, p->store.in, sizeof p->store.in, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (n == 0) { /* the supervisor is going */
			p->store.fd = -1;
			return;
		}
		message(p, p->store.in, (size_t)n);
	}
}

void core_store_open(struct proc *p)
{
	struct core_store *s = &p->store;

	s->fd = p->in->store;
	s->t = bh_text(s->out, sizeof s->out);
	bh_put(&s->t, "save\n");
	if (s->fd < 0)
		return;
	core_store_ask(p);
	while (s->fd >= 0 && !s->loaded && !s->unusable) {
		struct pollfd f = {s->fd, POLLIN, 0};

		if (poll(&f, 1, FIRST_LOAD) <= 0) {
			fprintf(stderr, "bulkhead: core: the store does not answer; what is learned is kept when it does\n");
			return;
		}
		core_store_ready(p);
	}
}

/* A store that died may have read what it had not written. */
void core_store_again(struct proc *p)
{
	struct core_store *s = &p->store;

	for (uint32_t i = 0; i < s->cap; i++)
		bh_told_again(&s->told[i], p->now > YOUNG ? p->now - YOUNG : 0);
	s->unusable = false;
	if (!s->loaded)
		core_store_ask(p);
	for (int i = 0; i < CLIENTS; i++)
		if (p->clients[i].fd >= 0 && p->clients[i].story)
			core_store_late(p, &p->clients[i]);
}

/* ---- history for a client ---- */
void core_store_history(struct proc *p, struct client *c, const struct bh_mac *m)
{
	struct core_store *s = &p->store;
	char line[64], mac[BH_MAC_TEXT];
	int n;

	c->story_of = *m;
	c->story_known = false;
	c->story = token(s);
	c->deadline = p->now + BH_SEC(5);
	if (may_save(s))
		(void)push(s); /* what was said a moment ago belongs to it */
	n = snprintf(line, sizeof line, "history %" PRIu64 " %s", c->story, bh_mac_print(m, mac));
	if (s->fd < 0 || send(s->fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		answer(p, c);
}

void core_store_late(struct proc *p, struct client *c)
{
	c->story_known = false;
	answer(p, c);
}
