/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was said and never answered is kept apart: packets of one side alone may be anybody's, and put beside what was answered they
 * would be charged to the host they name. Each detector remembers it in memory of its own, 64 sources each, the one heard of longest
 * ago gives way; a finding from it is told and cuts nobody.
 */
#include <stdlib.h>
#include "decide/inside.h"

#define SOURCES 64u
#define FACTS                                                                                                                        \
	(BH_WANTS(BH_EV_SMB) | BH_WANTS(BH_EV_RPC) | BH_WANTS(BH_EV_LOGON) | BH_WANTS(BH_EV_KRB) | BH_WANTS(BH_EV_LDAP) |             \
		BH_WANTS(BH_EV_DNS) | BH_WANTS(BH_EV_HTTP) | BH_WANTS(BH_EV_RDP) | BH_WANTS(BH_EV_SSH))

struct bh_apart {
	struct {
		struct bh_addr who;
		uint64_t at; /* of its last use; 0 = free */
	} of[SOURCES];
	void *shared;
	size_t each;
	_Alignas(16) uint8_t mem[];
};

bool bh_is_alone(const struct bh_event *ev)
{
	return (FACTS & BH_WANTS(ev->kind)) && !(ev->flags & BH_EVF_TWOWAY);
}

int bh_apart_open(struct bh_core *c)
{
	for (size_t i = 0; i < bh_n_detectors; i++) {
		const struct bh_detector *d = bh_detectors[i];
		size_t each = (d->host_size + 15) & ~(size_t)15;

		if (!(d->wants & FACTS) || (!d->host_size && !d->shared_size))
			continue;
		c->apart[i] = calloc(1, sizeof *c->apart[i] + SOURCES * each);
		if (!c->apart[i])
			return -1;
		c->apart[i]->each = each;
		if (d->shared_size && !(c->apart[i]->shared = calloc(1, d->shared_size)))
			return -1;
	}
	return 0;
}

void bh_apart_close(struct bh_core *c)
{
	for (size_t i = 0; i < BH_MAX_DETECTORS; i++) {
		if (c->apart[i])
			free(c->apart[i]->shared);
		free(c->apart[i]);
	}
}

void *bh_apart_shared(struct bh_core *c, unsigned detector)
{
	return c->apart[detector] ? c->apart[detector]->shared : NULL;
}

void *bh_apart_of(struct bh_core *c, unsigned detector, const struct bh_addr *who)
{
	struct bh_apart *p = c->apart[detector];
	unsigned put = 0;

	if (!p || !p->each)
		return NULL;
	for (unsigned i = 0; i < SOURCES; i++) {
		if (p->of[i].at && bh_addr_eq(&p->of[i].who, who)) {
			p->of[i].at = ++c->apart_clock;
			return p->mem + i * p->each;
		}
		if (p->of[i].at < p->of[put].at)
			put = i;
	}
	p->of[put].who = *who;
	p->of[put].at = ++c->apart_clock;
	memset(p->mem + put * p->each, 0, p->each);
	return p->mem + put * p->each;
}
