/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BULKHEAD_STATE_SEEMS_H
#define BULKHEAD_STATE_SEEMS_H

#include <bulkhead/event.h>

uint8_t bh_answers_of(const struct bh_event *ev); /* BH_ANSWERS_* of the event's destination, 0 = none */

#endif
