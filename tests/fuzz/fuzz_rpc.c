/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_rpc
#define PORT_OF(conn) ((conn) ? 49154 : 135) /* the second is one that was learned */
#define TCP_ONLY
#include "segments.h"
