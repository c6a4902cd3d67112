/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_llmnr
#define PORT 5355
#include "datagram.h"
