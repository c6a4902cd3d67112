/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_ssdp
#define PORT 1900
#include "datagram.h"
