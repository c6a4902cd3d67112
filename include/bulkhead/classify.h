/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * classify - which application a conversation speaks, by its content
 *
 * Why     Ports lie. nDPI knows some 280 protocols; this adapter turns its answer into our own enum bh_app
 *         and hides everything else about it: no other file includes nDPI's headers.
 * Shape   One handle per worker. A flow costs nDPI state only from its first payload packet to its final
 *         class, out of a pool fixed at start; the caller keeps a 16-bit slot in its flow entry.
 * Units   Packets offered are those with payload.
 * Errors  bh_classify_new: -ENOMEM, -EPROTO when the library knows none of the names we map.
 * Purity  No clock or I/O of its own; nDPI allocates while it dissects. One owner thread. Handles must be
 *         made one after another: nDPI's start-up is not reentrant.
 * Source  nDPI 4.2 (as Debian 12 ships it), and the interface of 5.x; community id specification, version 1.
 *
 * A class by port or address alone is a guess (BH_EVF_GUESS): for display, never evidence. Even a class by
 * content is what the bytes look like, not proof of what they do: dissectors confirm.
 */
#ifndef BULKHEAD_CLASSIFY_H
#define BULKHEAD_CLASSIFY_H

#include <bulkhead/decode.h>
#include <bulkhead/event.h>

struct bh_classify_conf {
	uint16_t pool;	       /* flows under inspection at once, 64 to 65535 */
	uint8_t max_tcp, max_udp; /* packets offered before giving up; 0 = the defaults, 16 and 12 */
};

struct bh_class {
	uint16_t app; /* enum bh_app */
	bool guess;
	uint64_t print; /* of the client: first 8 bytes of its JA3 (TLS, QUIC) or HASSH (SSH), both MD5; 0 = none */
};

enum bh_class_step { BH_CLASS_MORE, BH_CLASS_FINAL };

struct bh_classify_counters {
	uint64_t offered, by_content, by_guess, unknown, pushed_out;
	uint32_t in_use, in_use_max;
};

struct bh_classify;
int bh_classify_new(const struct bh_classify_conf *conf, struct bh_classify **ret_classify) BH_MUST;
void bh_classify_free(struct bh_classify *c);

/*
 * One packet with payload of a TCP or UDP flow. *io_slot is 0 at the flow's first and belongs to this
 * module until BH_CLASS_FINAL, which sets it to 0 again; owner is the caller's name for the flow. When the
 * pool is full (bh_classify_full) the caller must first give up bh_classify_oldest.
 */
enum bh_class_step bh_classify_packet(struct bh_classify *c, uint16_t *io_slot, uint32_t owner,
	const struct bh_packet *pkt, struct bh_class *ret_class);
/* The flow ends or its slot is needed: the best answer so far. *io_slot must not be 0; it is set to 0. */
void bh_classify_giveup(struct bh_classify *c, uint16_t *io_slot, struct bh_class *ret_class);
bool bh_classify_full(const struct bh_classify *c);
uint32_t bh_classify_oldest(const struct bh_classify *c); /* owner of the slot held longest; only when full */

/* Final without looking at content: ICMP, IGMP, GRE, IPsec. BH_APP_UNKNOWN when content decides. */
enum bh_app bh_classify_proto(uint8_t proto);

void bh_classify_counters(const struct bh_classify *c, struct bh_classify_counters *ret);
size_t bh_classify_bytes(const struct bh_classify *c); /* the pool; nDPI's tables are about 20 MiB more */

/*
 * Fills ev->u.flow.community_id ("1:…", seed 0) from the tuple: the same text for both directions. About
 * half a microsecond, so it is asked for once per flow that will be reported, not per packet.
 */
void bh_classify_community_id(struct bh_event *ev);

/* nDPI's version and how many of our names it knows, for diagnostics. */
void bh_classify_about(const struct bh_classify *c, char *buf, size_t size);

#endif
