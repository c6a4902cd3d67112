/* SPDX-License-Identifier: GPL-3.0-or-later */
#define DISSECTOR bh_dissector_ldap
#define PORT 389
#include "segments.h"
