/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_kerberos
#define PORT 88
#include "segments.h"
