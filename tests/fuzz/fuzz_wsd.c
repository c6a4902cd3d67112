/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_wsd
#define PORT 3702
#include "datagram.h"
