/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_ftp
#define PORT 21
#include "segments.h"
