/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_dns
#define PORT 53
#include "segments.h"
