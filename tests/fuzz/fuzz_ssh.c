/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_ssh
#define PORT 22
#include "segments.h"
