/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "daemon/told.h"

static uint32_t mark(const char *s, size_t size)
{
	return s[0] ? (uint32_t)bh_hash(s, strnlen(s, size), 0) : 0;
}

static uint64_t addrs_of(const struct bh_device *d)
{
	uint64_t sum = 0; /* in any order */

	for (unsigned i = 0; i < d->n_addrs; i++)
		sum += bh_hash(&d->addrs[i], sizeof d->addrs[i], 1);
	return sum;
}

void bh_told_as(struct bh_told *t, const struct bh_device *d)
{
	*t = (struct bh_told){.mac = d->mac, .at_print = d->at_print, .base = d->at_print, .changed = d->changed, .last = d->last, .addrs = addrs_of(d),
		.name = mark(d->calls_itself, sizeof d->calls_itself), .usb = mark(d->usb, sizeof d->usb), .conflicts = d->conflicts};
}

bool bh_told_due(const struct bh_told *t, const struct bh_device *d)
{
	return !bh_mac_eq(&t->mac, &d->mac) || t->changed != d->changed || d->last > t->last + BH_TOLD_REST;
}

void bh_told_again(struct bh_told *t, bh_ns since)
{
	if (t->changed >= since)
		t->changed = 0;
}

struct teller {
	void (*each)(void *ctx, unsigned story, bh_ns at, const char *text);
	void *ctx;
	bh_ns at;
	char text[BH_STORY_TEXT];
	struct bh_text t;
};

static struct bh_text *begin(struct teller *s)
{
	s->t = bh_text(s->text, sizeof s->text);
	return &s->t;
}

static void end(struct teller *s, unsigned story)
{
	s->each(s->ctx, story, s->at, s->text);
}

static void put_addrs(struct bh_text *t, const struct bh_device *d)
{
	char buf[BH_ADDR_TEXT];

	for (unsigned i = 0; i < d->n_addrs; i++)
		bh_putf(t, i ? ", %s" : "%s", bh_addr_print(&d->addrs[i], buf));
}

static void first(struct teller *s, const struct bh_device *d)
{
	struct bh_text *t = begin(s);

	bh_put(t, "first seen");
	if (d->calls_itself[0])
		bh_putf(t, ", calls itself '%.31s'", d->calls_itself);
	if (d->n_addrs) {
		bh_put(t, ", ");
		put_addrs(t, d);
	}
	s->at = d->first;
	end(s, BH_STORY_SEEN);
}

/* a print is filled as the session goes on: what differs is told when it is more than was told */
static void drift(struct bh_told *told, struct teller *s, const struct bh_device *d)
{
	struct bh_text *t = begin(s);
	int32_t sum;

	if (told->at_print != d->at_print) {
		told->base = told->at_print;
		told->at_print = d->at_print;
		told->drift = 0;
	}
	if (told->base == told->at_print || told->base >= BH_DEV_PRINTS || told->at_print >= BH_DEV_PRINTS)
		return;
	sum = bh_print_drift(&d->prints[told->base], &d->prints[told->at_print], t);
	if (sum <= told->drift)
		return;
	told->drift = sum;
	end(s, BH_STORY_DRIFT);
}

void bh_told_tell(struct bh_told *told, const struct bh_device *d, void (*each)(void *ctx, unsigned story, bh_ns at, const char *text), void *ctx)
{
	struct teller s = {.each = each, .ctx = ctx, .at = d->changed};
	uint32_t name = mark(d->calls_itself, sizeof d->calls_itself), usb = mark(d->usb, sizeof d->usb);
	uint64_t addrs = addrs_of(d);

	if (!bh_mac_eq(&told->mac, &d->mac)) {
		first(&s, d);
		bh_told_as(told, d);
		return;
	}
	if (name != told->name) {
		bh_putf(begin(&s), "calls itself '%.31s'", d->calls_itself);
		end(&s, BH_STORY_NAME);
	}
	if (addrs != told->addrs) {
		put_addrs(begin(&s), d);
		end(&s, BH_STORY_ADDRS);
	}
	drift(told, &s, d);
	if (d->conflicts > told->conflicts) {
		bh_putf(begin(&s), "two systems at the same time, %u times so far", d->conflicts);
		end(&s, BH_STORY_CONFLICT);
	}
	if (usb != told->usb && usb) {
		bh_putf(begin(&s), "%.47s", d->usb);
		end(&s, BH_STORY_USB);
	}
	told->name = name;
	told->usb = usb;
	told->addrs = addrs;
	told->conflicts = d->conflicts;
	told->changed = d->changed;
	told->last = d->last;
}
