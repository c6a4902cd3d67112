/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_nbns
#define PORT 137
#include "datagram.h"
