/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What dissectors of names without a server share: they remember nothing, tell of the packet's own ends - who speaks is the
 * source, hardware address and TTL included - and tell one event for each address, or one without.
 */
#ifndef BULKHEAD_DISSECT_NAME_FACT_H
#define BULKHEAD_DISSECT_NAME_FACT_H

#include "dns_name.h"

struct bh_names {
	uint64_t facts, malformed, other; /* other: messages that say nothing of names */
};

/* Hooks of a dissector whose state is a struct bh_names. */
void *bh_names_open(uint64_t seed);
void bh_names_counters(const void *state, void (*each)(void *ctx, const char *name, uint64_t v), void *ctx);
size_t bh_names_bytes(const void *state);

bool bh_names_port(const struct bh_packet *pkt, uint16_t port); /* a UDP packet from or to it */
struct bh_event bh_names_event(const struct bh_dissect_in *in, enum bh_name_via via, enum bh_name_op op);
void bh_names_emit(struct bh_names *s, const struct bh_event *ev, const struct bh_event_sink *out);
/* One event like ev for each name found; none found: none. */
void bh_names_found(struct bh_names *s, struct bh_event ev, const struct bh_dns_found *found, unsigned n, const struct bh_event_sink *out);
/* The host of "http://10.0.0.1:80/x" or "http://[fd00::1]/x", when it is an address: 1 = it is not. */
int bh_names_url_host(const char *url, size_t len, struct bh_addr *ret) BH_MUST;
/* Text from the wire: blanks around it go, what does not print as "." */
void bh_names_text(char *out, size_t size, const char *p, size_t len);

#endif
