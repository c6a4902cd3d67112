/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_rdp
#define PORT 3389
#include "segments.h"
