/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ask - the frames with which the sensor asks: for a name that nobody has, and for a DHCP server
 *
 * Shape   One whole Ethernet frame a call, without a tag, into the caller's buffer.
 * Errors  Length of the frame, or 0: without an address of that family it cannot be asked.
 * Purity  Pure.
 * Source  RFC 4795 (LLMNR), RFC 1002 4.2.12 (NetBIOS), RFC 6762 5.1, 6.7 (mDNS, one-shot), RFC 2131 4.4.1, RFC 2132 (DHCP),
 *         RFC 1071 (checksum).
 */
#ifndef BH_DAEMON_ASK_H
#define BH_DAEMON_ASK_H

#include <bulkhead/base.h>

struct bh_asker { /* of one interface */
	struct bh_mac mac;
	struct bh_addr v4, broadcast, v6; /* v6: its link-local one; none = it has none */
};
#define BH_ASK_FRAME 342
#define BH_ASK_NAME 13 /* 12 letters and the NUL */
/*
 * The n-th name: consonant, vowel, and so on. All n below 2^36 have another, and who has seen some of them cannot tell the next
 * without the key.
 */
void bh_ask_name(const uint8_t key[16], uint64_t n, char ret_name[BH_ASK_NAME]);
bool bh_ask_is_name(const char *name, size_t max); /* one that could have been made, with its NUL within max */

/* By IPv4 where it can, else by IPv6. port: of the asker, where the answer goes to. */
size_t bh_ask_llmnr(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME]);
size_t bh_ask_nbns(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME]);
size_t bh_ask_mdns(const struct bh_asker *a, const char *name, uint16_t id, uint16_t port, uint8_t ret_frame[BH_ASK_FRAME]);
/* A DISCOVER; nothing that is offered is ever asked for. */
size_t bh_ask_dhcp(const struct bh_asker *a, uint32_t xid, uint8_t ret_frame[BH_ASK_FRAME]);

#endif
