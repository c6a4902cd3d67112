/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NTLMSSP messages, whatever carries them ([MS-NLMP] 2.2.1): SMB, RPC, LDAP, HTTP. */
#ifndef BULKHEAD_DISSECT_NTLM_H
#define BULKHEAD_DISSECT_NTLM_H

#include <bulkhead/event.h>

struct bh_ntlm {
	uint64_t challenge; /* type 2: the server's, as a big-endian number */
	uint64_t proof;	    /* type 3: hash of the response's first 16 bytes; 0 = none */
	bool old;	    /* type 3: NTLMv1, where challenge and proof together are as good as the password's hash: tell only one */
	uint8_t type;	    /* 1 negotiate, 2 challenge, 3 authenticate */
	char user[64];	    /* type 3: domain\user, or user; "" = anonymous */
	char workstation[32];
};
/* Looks for a message in n bytes. 0, or 1: there is none, or it is not whole enough to name its type. */
int bh_ntlm_find(const uint8_t *p, size_t n, struct bh_ntlm *ret_ntlm) BH_MUST;
/* The same in base64, as HTTP and mail carry it; at most 2048 characters are looked at. */
int bh_ntlm_find64(const char *text, size_t n, struct bh_ntlm *ret_ntlm) BH_MUST;

#endif
