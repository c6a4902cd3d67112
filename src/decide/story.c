/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One alert for a source and detector, further victims inside it. What is found again inside the detector's quiet time is held back,
 * but whom it hit is kept; when that time is over and there were others, one more alert names them. 256 such stories are open at
 * most; the one that would end first is told early when another needs its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include "decide/inside.h"

#define STORIES 256u
#define KNOWN 16u

struct bh_story {
	uint64_t known[KNOWN]; /* victims told already, hashed */
	struct bh_finding last; /* as found last; its targets are the new victims */
	struct bh_addr host;
	bh_ns until; /* 0 = free */
	uint32_t more; /* victims beyond those that have room */
	uint16_t n_known;
	uint8_t slot;
};

int bh_stories_open(struct bh_core *c)
{
	c->stories = calloc(STORIES, sizeof *c->stories);
	return c->stories ? 0 : -1;
}

static bool knows(struct bh_story *s, const struct bh_addr *a)
{
	uint64_t h = bh_addr_hash(a, 9) | 1;

	for (unsigned i = 0; i < KNOWN && i < s->n_known; i++)
		if (s->known[i] == h)
			return true;
	s->known[s->n_known % KNOWN] = h;
	if (s->n_known < UINT16_MAX)
		s->n_known++;
	return false;
}

static void end(struct bh_core *c, struct bh_story *s, struct bh_out *out)
{
	struct bh_host *h = bh_state_find(c->state, &s->host);
	struct bh_finding f = s->last;
	char text[sizeof f.text];
	unsigned n = f.n_targets;

	s->until = 0;
	if (!n || !h)
		return;
	snprintf(text, sizeof text, "%.180s; and %u more host%s since the alert before", f.text, n + s->more, n + s->more == 1 ? "" : "s");
	memcpy(f.text, text, sizeof f.text);
	f.peer = f.targets[0].addr;
	f.at = c->now > f.at ? c->now : f.at;
	bh_core_alert(c, h, &f, s->slot, out);
}

static struct bh_story *story_of(struct bh_core *c, const struct bh_addr *host, size_t slot, bool make, struct bh_out *out)
{
	struct bh_story *put = c->stories;

	for (unsigned i = 0; i < STORIES; i++) {
		struct bh_story *s = &c->stories[i];

		if (s->until && s->slot == slot && bh_addr_eq(&s->host, host))
			return s;
		if (s->until < put->until)
			put = s;
	}
	if (!make)
		return NULL;
	if (put->until)
		end(c, put, out);
	memset(put, 0, sizeof *put);
	return put;
}

void bh_story_told(struct bh_core *c, const struct bh_finding *f, size_t slot, struct bh_out *out)
{
	struct bh_story *s = story_of(c, &f->host, slot, true, out);

	s->host = f->host;
	s->slot = (uint8_t)slot;
	s->until = f->at + f->detector->quiet;
	s->last = *f;
	s->last.n_targets = 0;
	s->more = 0;
	if (s->until < c->stories_next || !c->stories_next)
		c->stories_next = s->until;
	for (unsigned i = 0; i < f->n_targets; i++)
		(void)knows(s, &f->targets[i].addr);
	if (!bh_addr_none(&f->peer))
		(void)knows(s, &f->peer);
}

void bh_story_again(struct bh_core *c, const struct bh_finding *f, size_t slot, struct bh_out *out)
{
	struct bh_story *s = story_of(c, &f->host, slot, false, out);

	if (!s)
		return;
	for (unsigned i = 0; i < f->n_targets; i++) {
		if (knows(s, &f->targets[i].addr))
			continue;
		if (s->last.n_targets < BH_FINDING_TARGETS)
			s->last.targets[s->last.n_targets++] = f->targets[i];
		else
			s->more++;
	}
}

void bh_stories_step(struct bh_core *c, struct bh_out *out)
{
	if (!c->stories_next || c->now < c->stories_next)
		return;
	c->stories_next = 0;
	for (unsigned i = 0; i < STORIES; i++) {
		struct bh_story *s = &c->stories[i];

		if (s->until && s->until <= c->now)
			end(c, s, out);
	}
	for (unsigned i = 0; i < STORIES; i++)
		if (c->stories[i].until && (!c->stories_next || c->stories[i].until < c->stories_next))
			c->stories_next = c->stories[i].until;
}
