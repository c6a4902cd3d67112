/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One DCE/RPC message of the connection-oriented protocol (C706 chapter 12, [MS-RPCE] 2.2.2), whatever carries it. Both byte
 * orders. Pure: bytes in, values out; of a long message the first bytes are enough.
 */
#ifndef BULKHEAD_DISSECT_RPC_PDU_H
#define BULKHEAD_DISSECT_RPC_PDU_H

#include <bulkhead/event.h>

#define BH_RPC_HEAD 16u
#define BH_RPC_BINDS 16 /* contexts of a bind looked at */
#define BH_RPC_MAPS 16	/* towers of an answer looked at */
#define BH_RPC_ADDRS 8

enum bh_rpc_ptype {
	BH_PT_REQUEST = 0, BH_PT_RESPONSE = 2, BH_PT_FAULT = 3, BH_PT_BIND = 11, BH_PT_BIND_ACK, BH_PT_BIND_NAK, BH_PT_ALTER,
	BH_PT_ALTER_RESP, BH_PT_AUTH3, BH_PT_LAST = 19
};
#define BH_PFC_FIRST 0x01
#define BH_PFC_LAST 0x02
#define BH_PFC_OBJECT 0x80

struct bh_rpc_pdu {
	uint32_t call, hint;   /* hint: bytes of arguments of all fragments, as the sender guesses */
	uint32_t stub;	       /* bytes of arguments in this fragment */
	uint32_t status;       /* fault; bind_nak: reason */
	uint16_t context, opnum;
	uint8_t type, flags, level; /* level: of the verifier; 0 = none, or beyond the bytes given */
	bool big, auth;		    /* big-endian; a verifier follows, visible or not */
	uint64_t object;	    /* hash of the object UUID */
	struct bh_bytes body;	    /* request, response: the arguments; bind and its answers: from their first list on */
	struct bh_bytes token;	    /* of the verifier */
};
/* Length of the message these 16 bytes begin, or 0. Strict: also unlikely ones are 0, for who is searching. */
uint32_t bh_rpc_length(const uint8_t *p, bool strict);
/* n bytes of the message are given, its length may be more. 1 = malformed. */
int bh_rpc_parse(const uint8_t *p, size_t n, struct bh_rpc_pdu *ret) BH_MUST;
bool bh_rpc_from_client(unsigned ptype);

struct bh_rpc_binding {
	struct bh_uuid uuid;
	uint16_t context;
};
/* Abstract syntaxes of a bind or alter_context; the number of them. */
unsigned bh_rpc_binds(const struct bh_rpc_pdu *p, struct bh_rpc_binding ret[BH_RPC_BINDS]);
/* Results of its answer, in the order asked: result << 16 | reason, 0 = accepted. */
unsigned bh_rpc_results(const struct bh_rpc_pdu *p, uint32_t ret[BH_RPC_BINDS]);

struct bh_rpc_map {
	struct bh_uuid uuid;
	struct bh_addr addr; /* none = not given */
	uint16_t port;
};
/* Towers over TCP anywhere in an answer of the endpoint mapper, NDR or NDR64. */
unsigned bh_rpc_maps(struct bh_bytes stub, struct bh_rpc_map ret[BH_RPC_MAPS]);
/* String bindings over TCP with an IPv4 address, anywhere in an answer of an object resolver. */
unsigned bh_rpc_addrs(struct bh_bytes stub, struct bh_rpc_map ret[BH_RPC_ADDRS]);
/* The first strings of clear arguments, most of them, joined by ", "; out is zero-padded. */
void bh_rpc_text(const struct bh_rpc_pdu *p, unsigned most, char *out, size_t size);

#endif
