/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file as it was at the build, carried inside: its bytes, and one that is zero behind them. */
#ifndef BULKHEAD_POLICY_CARRIED_H
#define BULKHEAD_POLICY_CARRIED_H

#include <stddef.h>

#define BH_CARRIED(name, path)                                          \
	__asm__(".section .rodata\n"                                    \
		".global " #name ", " #name "_end\n" #name ": .incbin \"" path "\"\n" \
		#name "_end: .byte 0\n"                                 \
		".previous\n");                                         \
	extern const char name[], name##_end[]
#define BH_CARRIED_LEN(name) ((size_t)(name##_end - name))

#endif
