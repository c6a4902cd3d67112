/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encrypted SMB3 is not blind: the transform header of every message tells its session and its exact
 * size, and bodies have fixed sizes. From pairs of sizes (smb_pair.c) this keeps, per connection and
 * session, which handles are open, what was read and written, and how long the names were.
 *
 * With one handle open all bytes are its own. With more, whose they are is not known: those handles
 * are told closed without bytes. A handle without traffic for a minute is taken for one of a folder
 * that somebody watches, and no longer counted. What an OPEN is told for is its first READ, WRITE,
 * rename or deletion, so that looking around in folders makes no facts.
 */
#include "smb_size.h"

#define IDLE 60000   /* ms */
#define AGAIN 120000 /* ms: from a READ to a WRITE that repeats it */
#define CALL_MAX 1500 /* of what may be a call when both a pipe and a file are open */

static struct size_open *newest(struct smb_size *z)
{
	return z->n_open ? &z->open[z->n_open - 1] : NULL;
}

static unsigned files(const struct smb_size *z)
{
	unsigned n = 0;

	for (unsigned i = 0; i < z->n_open; i++)
		n += !z->open[i].pipe && !z->open[i].root;
	return n;
}

static void mix(struct smb_size *z)
{
	for (unsigned i = 0; i < z->n_open; i++)
		z->open[i].mixed = true;
}

static void fact(struct smb *s, struct smb_conn *c, const struct smb_size *z, enum bh_smb_op op,
	uint32_t name_len, uint32_t count, const struct size_open *o)
{
	struct bh_ev_smb e = {.session = z->session, .name_len = name_len, .count = count};

	if (o && !o->mixed) {
		e.bytes_read = o->bytes[0];
		e.bytes_written = o->bytes[1];
	}
	bh_smb_fact_sizes(s, c, op, &e);
}

/* something is done with a file, surely the newest: its OPEN is told now */
static void used(struct smb *s, struct smb_conn *c, struct smb_size *z)
{
	struct size_open *o = newest(z);

	if (!o || o->pipe || o->mixed || o->told)
		return;
	fact(s, c, z, BH_SMB_OPEN, o->name_len, 0, NULL);
	o->told = true;
}

static void opened(struct smb_size *z, const struct size_pair *p, uint32_t at)
{
	unsigned n = 0;

	z->place.opened = true;
	for (unsigned i = 0; i < z->n_open; i++)
		if (at - z->open[i].at < IDLE)
			z->open[n++] = z->open[i];
	if (n == SIZE_OPENS)
		memmove(z->open, z->open + 1, --n * sizeof z->open[0]);
	z->open[n] = (struct size_open){
		.name_len = p->alike ? 0 : bh_size_name(p->ask, p->answer),
		.at = at,
		.root = p->ask == 121};
	z->n_open = (uint8_t)(n + 1);
	z->place.none = false;
	z->on_pipe = false;
}

/* n bytes went by: to the one file, or to all and none. True: over a pipe. */
static bool moved(struct smb *s, struct smb_conn *c, struct smb_size *z, unsigned way, uint32_t n,
	uint32_t at)
{
	struct size_open *o = newest(z);

	z->on_pipe = o && o->pipe;
	if (o)
		o->at = at;
	if (z->on_pipe && (n <= CALL_MAX || !files(z)))
		return true;
	z->moved += z->moved < UINT32_MAX;
	if (!o || z->on_pipe || o->root || files(z) != 1 || (z->place.pipe && n <= CALL_MAX))
		mix(z);
	used(s, c, z);
	if (o)
		o->bytes[way] += n;
	return false;
}

static void closed(struct smb *s, struct smb_conn *c, struct smb_size *z)
{
	struct size_open none = {.mixed = true}, *o = newest(z);

	z->place.none = z->n_open == 1;
	if (!o)
		o = &none;
	/* which of several was closed is not known; their names are not either, from here on */
	if (z->n_open > 1 && (z->on_pipe || o->pipe || o->root || files(z) != 1))
		mix(z);
	if (!o->pipe && (o->mixed ? z->moved : o->bytes[0] || o->bytes[1]))
		fact(s, c, z, BH_SMB_CLOSE, o->mixed ? 0 : o->name_len, z->repeats, o);
	z->repeats = 0;
	z->moved = 0;
	z->n_open -= z->n_open > 0;
	z->place.pipe = files(z) != z->n_open;
}

/* ---- what was read is written again ---- */

static void note_read(struct smb_size *z, uint32_t n, uint32_t at)
{
	z->read[z->next_read].n = n;
	z->read[z->next_read].at = at;
	z->next_read = (uint8_t)((z->next_read + 1) % SIZE_READS);
}

/* within max(64 bytes, 1 %), or longer by a header, footer or tag; a READ is used up by it */
static bool repeats(struct smb_size *z, uint32_t n, uint32_t at)
{
	unsigned best = SIZE_READS;
	uint32_t least = UINT32_MAX;

	for (unsigned i = 0; i < SIZE_READS; i++) {
		uint32_t r = z->read[i].n, off = n > r ? n - r : r - n;

		if (!r || at - z->read[i].at > AGAIN)
			continue;
		if (off > 64 && off > r / 100 && (n < r || off > 4096))
			continue;
		if (off < least) {
			least = off;
			best = i;
		}
	}
	if (best == SIZE_READS)
		return false;
	z->read[best].n = 0;
	return true;
}

/* ---- RPC over a pipe ---- */

/* A bind offers one to three contexts of 44 bytes; its answer takes or refuses each in 24, after the
 * pipe's name. A file of that size read back at once by who wrote it looks the same. */
static bool bind_size(uint32_t n)
{
	return n == 72 || n == 116 || n == 160;
}

static bool bind_answer(uint32_t n)
{
	return n >= 60 && n <= 140 && n % 4 == 0;
}

static void bound(struct smb *s, struct smb_conn *c, struct smb_size *z)
{
	struct size_open *o = newest(z);

	z->pipe_len = o ? o->name_len : 0;
	z->calls = 0;
	/* a client may open a pipe twice and use one */
	for (unsigned i = 0; i < z->n_open; i++)
		if (z->open[i].name_len == z->pipe_len && !z->open[i].bytes[0] &&
			!z->open[i].bytes[1])
			z->open[i].pipe = true;
	z->place.pipe = z->place.ioctl = z->on_pipe = true;
	fact(s, c, z, BH_SMB_PIPE, z->pipe_len, 0, NULL);
}

static void called(struct smb *s, struct smb_conn *c, struct smb_size *z)
{
	if (++z->calls == 2)
		fact(s, c, z, BH_SMB_PIPE, z->pipe_len, 2, NULL);
}

/* ---- pairs ---- */

static void set_info(struct smb *s, struct smb_conn *c, struct smb_size *z, uint32_t n)
{
	const struct size_open *o = newest(z);

	if (n == 1) {
		used(s, c, z);
		fact(s, c, z, BH_SMB_DELETE, o && !o->mixed ? o->name_len : 0, 0, NULL);
	} else if (n >= 22 && n % 2 == 0 && n != 40) { /* 40: times and attributes */
		used(s, c, z);
		fact(s, c, z, BH_SMB_RENAME, (n - 20) / 2, 0, NULL);
	}
}

static void did_read(struct smb *s, struct smb_conn *c, struct smb_size *z, uint32_t n, uint32_t at)
{
	uint32_t bind = z->bind_asked;

	z->bind_asked = 0;
	if (bind && bind_answer(n)) {
		bound(s, c, z);
		return;
	}
	if (bind)
		moved(s, c, z, 1, bind, at);
	if (!moved(s, c, z, 0, n, at))
		note_read(z, n, at);
}

static void did_write(
	struct smb *s, struct smb_conn *c, struct smb_size *z, uint32_t n, uint32_t at)
{
	struct size_open *o = newest(z);

	/* held back until the next pair shows what it was */
	z->bind_asked = bind_size(n) && o && !o->bytes[0] && !o->bytes[1] ? n : 0;
	if (z->bind_asked)
		return;
	if (!moved(s, c, z, 1, n, at)) {
		z->repeats += repeats(z, n, at);
		return;
	}
	z->place.ioctl = false;
	if (n >= 24 && n <= CALL_MAX)
		called(s, c, z);
}

static void explain(struct smb *s, struct smb_conn *c, struct smb_size *z,
	const struct size_pair *p, uint32_t at)
{
	if (z->bind_asked && p->kind != SZ_READ) { /* a small file after all */
		moved(s, c, z, 1, z->bind_asked, at);
		z->bind_asked = 0;
	}
	switch (p->kind) {
	case SZ_CREATE:
		opened(z, p, at);
		break;
	case SZ_CLOSE:
		closed(s, c, z);
		break;
	case SZ_READ:
		did_read(s, c, z, p->answer - 80, at);
		break;
	case SZ_WRITE:
		did_write(s, c, z, p->ask - 112, at);
		break;
	case SZ_SET:
		set_info(s, c, z, p->ask - 96);
		break;
	case SZ_BIND:
		bound(s, c, z);
		break;
	case SZ_CALL:
		called(s, c, z);
		break;
	case SZ_OTHER: /* it may have opened something */
		z->place.none = false;
		if (p->ask >= 144 && p->answer > 152)
			mix(z);
		break;
	}
	if (!(p->kind == SZ_PLAIN && (p->ask == 104 || p->ask == 105)))
		z->place.busy = p->kind == SZ_CREATE || p->kind == SZ_READ || p->kind == SZ_WRITE;
	z->place.busy &= z->n_open > 0;
}

/* ---- entry points ---- */

static uint64_t key_of(const struct smb_conn *c, uint64_t session)
{
	uint64_t v[2] = {c->flow_id, session};

	return bh_hash(v, sizeof v, c->seed);
}

static struct smb_size *size_of(struct smb *s, struct smb_conn *c, uint64_t session)
{
	uint64_t key = key_of(c, session);
	uint32_t i = bh_pool_find(&s->sizes, key), lost = c->dir[0].losses + c->dir[1].losses;
	struct smb_size *z;
	bool evicted;

	if (i == BH_POOL_NONE) {
		i = bh_pool_add(&s->sizes, key, &evicted);
		s->size[i] = (struct smb_size){.session = session, .losses = lost};
	}
	z = &s->size[i];
	if (z->losses != lost) { /* who waits for what, and what is open, is not known any more */
		z->losses = lost;
		z->queue.n = 0;
		z->n_open = 0;
		z->place = (struct size_place){.opened = true};
		z->bind_asked = 0;
	}
	return z;
}

void bh_smb_size(struct smb *s, struct smb_conn *c, unsigned d, uint64_t session, uint32_t size)
{
	struct smb_size *z = size_of(s, c, session);
	uint32_t at = (uint32_t)(s->in->at / BH_MS(1));
	struct size_pair p;

	if (d == 0) {
		s->n.size_other += bh_size_ask(&z->queue, size, at);
		return;
	}
	p = bh_size_answer(&z->queue, &z->place, size, at);
	if (p.kind == SZ_WAIT)
		return;
	s->n.size_pairs++;
	if (p.kind == SZ_OTHER)
		s->n.size_other++;
	else
		s->n.size_explained++;
	explain(s, c, z, &p, at);
}

void bh_smb_size_drop(struct smb *s, struct smb_conn *c)
{
	for (unsigned i = 0; i < SESSIONS; i++) {
		uint32_t at = c->session[i].used && c->session[i].told_encrypted
				      ? bh_pool_find(&s->sizes, key_of(c, c->session[i].id))
				      : BH_POOL_NONE;

		if (at != BH_POOL_NONE)
			bh_pool_drop(&s->sizes, at);
	}
}
