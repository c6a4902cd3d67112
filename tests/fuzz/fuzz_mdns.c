/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_mdns
#define PORT 5353
#include "datagram.h"
