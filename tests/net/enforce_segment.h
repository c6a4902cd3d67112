/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One segment: the client and the server of the lab behind two ports of a bridge in the router's namespace. Their b5 have
 * 10.5.0.2 and .12, 10.5.0.3 and .13, fd00:5::2 and ::12, ::3 and ::13; MACs 52:54:00:05:00:02 and :03.
 */
#ifndef TESTS_ENFORCE_SEGMENT_H
#define TESTS_ENFORCE_SEGMENT_H

#include "enforce_help.h"

int segment_make(void **state); /* br_netfilter is off then */
void segment_netfilter(bool on);
void segment_sh(enum lab_host h, const char *line);
void segment_forget(void); /* neighbours */
/* from .2 to .3, from .12 to .13 */
void segment_up(struct flow *f, const char *from, uint16_t port, bool tcp);
void segment_closed(const char *from, uint16_t port, bool tcp);
int segment_packets(enum lab_host h); /* a packet socket on its b5 */

#endif
