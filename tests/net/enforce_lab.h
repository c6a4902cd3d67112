/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client, a router and a server, each its own network namespace in this one process: a socket
 * belongs to the namespace it was made in, so one thread can play all three.
 *
 *   client c0 10.1.0.2 and .3, fd00:1::2 and ::3  --  c1 router s1  --  server s0 10.2.0.2,
 * fd00:2::2; 10.3.0.2, fd00:3::2
 */
#ifndef TESTS_ENFORCE_LAB_H
#define TESTS_ENFORCE_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum lab_host { LAB_ROUTER, LAB_CLIENT, LAB_SERVER, LAB_HOSTS };

struct lab {
	int ns[LAB_HOSTS];
};
/* 0; 1 not possible here, with the reason printed: the caller exits with 77 */
int lab_make(struct lab *l);
int lab_enter(const struct lab *l,
	enum lab_host h); /* the calling thread; the router is where tests live */

/* Runs a program in a namespace; output (when given) gets its stdout, NUL-terminated, malloc'ed.
 * Its exit status. */
int lab_run(const struct lab *l, enum lab_host h, char **output, const char *const argv[]);
int lab_nft(const struct lab *l, const char *command, char **output);
int lab_nft_file(const struct lab *l, const char *text); /* nft -f - */

struct flow {
	int client, server; /* connected sockets; -1 = closed */
	bool tcp;
};
/* to: NULL = the server's first address of the same family. 0, or 1 it could not be established */
int flow_open(const struct lab *l, struct flow *f, const char *from, const char *to, uint16_t port,
	bool tcp, int timeout_ms);
bool flow_ping(struct flow *f, int timeout_ms); /* one message there and one back */
bool flow_push(struct flow *f, int timeout_ms); /* one message from the server to the client only */
void flow_close(struct flow *f);

uint64_t lab_now_us(void);
void lab_sleep_ms(unsigned ms);

#endif
