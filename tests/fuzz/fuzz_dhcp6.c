/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any payload of port 546 and 547. */
#define DISSECTOR bh_dissector_dhcp6
#define SERVER 547
#define CLIENT 546
#define LAST_TYPE BH_DHCP6_INFO
#define ADDR bh_addr_v6((const uint8_t[16]){0xfe, 0x80, [15] = 1})
#include "dhcp.h"
