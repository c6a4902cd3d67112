/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The enforcer's process and its other end; every step fails the test it stands in. */
#ifndef TESTS_ENFORCE_SERVED_H
#define TESTS_ENFORCE_SERVED_H

#include "enforce_help.h"

struct served {
	pid_t pid;
	int fd;
	uint32_t seq;
};

struct served serve(void);	  /* its table is open to others */
struct served serve_owner(void); /* its table is its own, where the kernel can */
int stop(struct served *s); /* its wait status */
bool next_reply(struct served *s, struct bh_enf_reply *ret, int timeout_ms);
void ask(struct served *s, unsigned request, const char *text);
struct bh_enf_reply answer(struct served *s); /* to the last request; notices on the way are left out */
int status_of(struct served *s, unsigned request, const char *text);
struct bh_drift notice(struct served *s);

#endif
