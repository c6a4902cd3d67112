/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order of judgement is that of its price: the form, whether the key is known and may come from there, how much comes, and only then the
 * signature. Each key has its share, so what strangers send, however much, takes nothing from it. A source address can be made up, and the
 * name of a key is no secret: whoever makes up both of an endpoint can use up its share, and that is counted; he cannot say anything in
 * its name.
 */
#include <stdio.h>
#include "daemon/intake.h"

#define ADD(field, v) atomic_fetch_add_explicit(&t->n->field, (v), memory_order_relaxed)

static bool may(struct bh_bucket *b, uint64_t burst, uint64_t rate, bh_ns now)
{
	if (!b->at || now < b->at) { /* new, or the clock was set back */
		b->milli = b->at ? b->milli : burst * 1000;
		b->at = now;
	} else {
		uint64_t ms = (now - b->at) / 1000000;

		ms = ms > BH_HOUR(1) / 1000000 ? BH_HOUR(1) / 1000000 : ms;
		b->milli = b->milli + ms * rate > burst * 1000 ? burst * 1000 : b->milli + ms * rate;
		b->at += ms * 1000000;
		if (now - b->at > BH_SEC(1))
			b->at = now;
	}
	if (b->milli < 1000)
		return false;
	b->milli -= 1000;
	return true;
}

static bool over(struct bh_intake *t, struct bh_bucket *b, uint64_t burst, uint64_t rate, const struct bh_addr *from, bh_ns now)
{
	if (may(b, burst, rate, now))
		return false;
	t->last_refused = *from;
	ADD(limited, 1);
	return true;
}

static bool too_much(struct bh_intake *t, const struct bh_addr *from, bool log, bh_ns now)
{
	struct bh_bucket *b = &t->of[log][bh_hash(from, sizeof *from, t->seed) % BH_INTAKE_SOURCES];

	return over(t, b, log ? BH_INTAKE_LOG_BURST : BH_INTAKE_BURST, log ? BH_INTAKE_LOG_RATE : BH_INTAKE_RATE, from, now);
}

/* from where the key's datagrams come: the file says so, or the last one did; of one never heard, from anywhere */
static bool at_home(const struct bh_intake *t, size_t key, const struct bh_addr *from)
{
	const struct bh_addr *a = bh_addr_none(&t->keys->key[key].from) ? &t->home[key] : &t->keys->key[key].from;

	return bh_addr_none(a) || bh_addr_eq(a, from);
}

/* key: the one a well-formed datagram names */
static bool too_many(struct bh_intake *t, bool formed, const struct bh_usb_key *key, const struct bh_addr *from, bh_ns now)
{
	size_t i = key ? (size_t)(key - t->keys->key) : 0;

	if (key && at_home(t, i, from))
		return over(t, &t->of_key[i], BH_INTAKE_BURST, BH_INTAKE_RATE, from, now) ||
		       over(t, &t->all, BH_INTAKE_ALL_BURST, BH_INTAKE_ALL_BURST, from, now);
	return too_much(t, from, false, now) || (formed && over(t, &t->strange, BH_INTAKE_STRANGE, BH_INTAKE_STRANGE, from, now));
}

static void emit(struct bh_intake *t, const struct bh_ev_usb *u, const struct bh_addr *from, uint16_t sport, const struct bh_addr *to, uint16_t dport, uint8_t flags, bh_ns now)
{
	struct bh_event ev = {.at = now, .kind = BH_EV_USB, .proto = 17, .src = *from, .dst = *to, .sport = sport, .dport = dport, .flags = flags};

	ev.u.usb = *u;
	t->sink.emit(t->sink.ctx, &ev);
}

void bh_intake_datagram(struct bh_intake *t, const void *p, size_t len, const struct bh_addr *from, uint16_t sport, bh_ns now)
{
	enum bh_usb_verdict v = BH_USB_MALFORMED;
	struct bh_usb_datagram d;
	bool formed = bh_usb_datagram_parse(p, len, &d) == 0;
	const struct bh_usb_key *key = formed ? bh_usb_key_of(t->keys, d.key_id) : NULL;
	uint32_t lost = 0;

	if (too_many(t, formed, key, from, now))
		return;
	if (formed) {
		v = bh_usb_verify(t->keys, p, &d, from, &key);
		if (v == BH_USB_OK)
			v = bh_usb_fresh(&t->senders[key - t->keys->key], &d, now, &lost);
	}
	ADD(verdict[v], 1);
	if (v != BH_USB_OK) {
		t->last_refused = *from;
		return;
	}
	t->home[key - t->keys->key] = *from;
	ADD(lost, lost);
	bh_strcpy(d.usb.host, sizeof d.usb.host, key->name); /* not what it calls itself */
	emit(t, &d.usb, from, sport, &t->listen, t->port, 0, now);
}

void bh_intake_syslog(struct bh_intake *t, const char *line, size_t len, const struct bh_addr *from, uint16_t sport, bh_ns now)
{
	struct bh_ev_usb u;

	if (too_much(t, from, true, now))
		return;
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r' || line[len - 1] == '\0'))
		len--;
	if (bh_usb_syslog(line, len, &u)) {
		ADD(log_other, 1);
		return;
	}
	ADD(log, 1);
	emit(t, &u, from, sport, &t->log_listen, t->log_port, BH_EVF_UNTRUSTED, now);
}

void bh_intake_own(struct bh_intake *t, struct bh_ev_usb *u, bh_ns now)
{
	u->via = BH_USB_SENSOR;
	u->boot = t->boot;
	u->seq = ++t->seq;
	bh_strcpy(u->host, sizeof u->host, t->host);
	ADD(own, 1);
	emit(t, u, &t->self, 0, &t->self, 0, 0, now);
}

static uint64_t since(uint64_t is, uint64_t *io_was)
{
	uint64_t d = is - *io_was;

	*io_was = is;
	return d;
}

bool bh_intake_report(struct bh_intake *t, char *buf, size_t cap)
{
	struct bh_text text = bh_text(buf, cap);
	char a[BH_ADDR_TEXT];
	uint64_t n, any = 0;

	for (unsigned v = BH_USB_OK + 1; v < BH_USB_VERDICTS; v++) {
		n = since(t->n->verdict[v], &t->told[v]);
		if (n)
			bh_putf(&text, "%s%llu %s", any ? ", " : "", (unsigned long long)n, bh_usb_verdict_name(v));
		any |= n;
	}
	n = since(t->n->limited, &t->told_limited);
	if (n)
		bh_putf(&text, "%s%llu too many", any ? ", " : "", (unsigned long long)n);
	any |= n;
	if (any)
		bh_putf(&text, ", the last from %s", bh_addr_print(&t->last_refused, a));
	n = since(t->n->lost, &t->told_lost);
	if (n)
		bh_putf(&text, "%s%llu lost on the way", any ? "; " : "", (unsigned long long)n);
	return any || n;
}
