/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any payload of port 67 and 68. */
#define DISSECTOR bh_dissector_dhcp
#define SERVER 67
#define CLIENT 68
#define LAST_TYPE 8
#define ADDR bh_addr_v4((const uint8_t[4]){10, 0, 0, 1})
#include "dhcp.h"
