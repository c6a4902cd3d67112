/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Netlink: one batch is one transaction; dumps and single reads; the place of an error is a name,
 * not a number. */
#ifndef ENFORCE_NL_H
#define ENFORCE_NL_H

#include <bulkhead/base.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#define NL_TABLE "bulkhead"
#define NL_NAME 32       /* longest object name we make, with the NUL */
#define NL_MSG_MAX 60000 /* a message is closed here: an attribute's length is 16 bits wide */
#define NL_WHY 192

struct nl {
	struct mnl_socket *sock;
	uint32_t seq, portid;
	uint8_t family; /* of requests: whose table bulkhead is read */
	char *rx; /* NL_RX bytes */
};
#define NL_RX (256u << 10)

/* what each message of a batch speaks of, so that an error can name it */
struct nl_object {
	const char *kind;
	char name[NL_NAME];
};
struct batch {
	uint8_t *buf;
	size_t len, cap, last; /* last: offset of the last real message */
	struct nl_object *objects;
	size_t n, objects_cap;
	uint32_t seq;
	uint8_t family; /* of the messages to come */
	int error; /* sticky; commit returns it */
};

int bh_nl_open(struct nl *nl, int bus, unsigned groups) BH_MUST;
void bh_nl_close(struct nl *nl);

void bh_batch_begin(struct batch *b, struct nl *nl);
/* room for one message of up to 64 KB; NULL when out of memory (sticky) */
struct nlmsghdr *bh_batch_msg(
	struct batch *b, uint16_t type, uint16_t flags, const char *kind, const char *name);
void bh_batch_msg_end(struct batch *b, struct nlmsghdr *h);
/*
 * Sends it as one transaction. dry: without the end mark, so the kernel checks everything and keeps
 * nothing. 0 or -errno; why names the object.
 */
int bh_batch_commit(struct batch *b, struct nl *nl, bool dry, char why[NL_WHY]) BH_MUST;
void bh_batch_fini(struct batch *b);

/* Each message of the answer goes to fn; < 0 from fn stops. -EINTR: the table changed under the
 * dump, start again. */
typedef int nl_each(const struct nlmsghdr *h, void *ctx);
struct nlmsghdr *bh_nl_request(struct nl *nl, char *buf, uint16_t type, uint16_t flags);
int bh_nl_ask(struct nl *nl, struct nlmsghdr *h, nl_each *fn, void *ctx) BH_MUST;

uint32_t bh_generation(struct nl *nl); /* of the ruleset; 0 = no answer */

const char *bh_nl_hint(int error);

#endif
