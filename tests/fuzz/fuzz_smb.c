/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_smb
#define PORT 445
#define TCP_ONLY
#define LONG 49152
#include "segments.h"
