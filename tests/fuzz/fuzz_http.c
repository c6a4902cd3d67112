/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_http
#define PORT 80
#include "segments.h"
