/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of DNS and of what speaks like it (LLMNR, mDNS, NetBIOS names): header, questions, records, piece by piece. */
#ifndef BULKHEAD_DISSECT_DNS_NAME_H
#define BULKHEAD_DISSECT_DNS_NAME_H

#include <bulkhead/dissect.h>

#define BH_DNS_RECORDS 64 /* more are not read */
#define BH_DNS_FOUND 8	  /* nor more addresses taken */
#define BH_DNS_RESPONSE 0x8000

enum { BH_DNS_A = 1, BH_DNS_AAAA = 28, BH_DNS_ANY = 255 };

struct bh_dns_msg {
	struct bh_bytes all, at; /* all of it, for names that point into it; what is not read yet */
	uint16_t id, flags;
	uint16_t questions, answers, authority, additional;
};
struct bh_dns_record {
	struct bh_bytes name; /* its name is read by bh_dns_name */
	uint16_t type;
	uint32_t ttl_s;
	const uint8_t *data;
	uint16_t len;
};
/* A name with an address. */
struct bh_dns_found {
	struct bh_addr addr;
	uint32_t ttl_s;
	uint16_t type;
	char name[64];
};

static inline unsigned bh_dns_opcode(uint16_t flags)
{
	return flags >> 11 & 15;
}
/* All: 0, or 1 = malformed. */
int bh_dns_begin(const uint8_t *p, size_t n, struct bh_dns_msg *ret) BH_MUST;
/*
 * A name at *b, which goes on behind it, as text; out NULL: it is passed over. all is the message, for names that point into it.
 * At most 255 bytes (RFC 1035 3.1), and who passes over it follows no pointer, or one packet could cost a million steps.
 */
int bh_dns_name(struct bh_bytes all, struct bh_bytes *b, char *out, size_t size) BH_MUST;
int bh_dns_question(struct bh_dns_msg *m, char *out, size_t size, uint16_t *ret_type) BH_MUST;
int bh_dns_record(struct bh_dns_msg *m, struct bh_dns_record *ret) BH_MUST;
bool bh_dns_address(const struct bh_dns_record *r, struct bh_addr *ret); /* of an A or AAAA */
/* The addresses among the next records, behind the *io_n that are there. */
int bh_dns_addresses(struct bh_dns_msg *m, unsigned records, struct bh_dns_found found[BH_DNS_FOUND], unsigned *io_n) BH_MUST;

#endif
