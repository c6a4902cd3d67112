/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * intake - what endpoints say of their USB ports, judged before it becomes an event
 *
 * Why     Datagrams come from anywhere. Only what is signed with a key of the file, is fresh and is not too much is believed.
 * Shape   One struct; who sent what lately lies in memory that outlives the process, so that a crash opens no door to a recording.
 * Units   now: Unix time.
 * Errors  None: what is refused is counted.
 * Purity  Pure: sockets are intake_role.c's.
 */
#ifndef BH_DAEMON_INTAKE_H
#define BH_DAEMON_INTAKE_H

#include <bulkhead/usb.h>
#include "daemon/shm.h"
#include "daemon/usb_ports.h"

#define BH_INTAKE_SOURCES 1024u /* remembered for their rate; two that share a place share their rate */
#define BH_INTAKE_BURST 64u	/* datagrams of a key or a source at once, then */
#define BH_INTAKE_RATE 8u	/* a second */
#define BH_INTAKE_LOG_BURST 4096u
#define BH_INTAKE_LOG_RATE 1000u
#define BH_INTAKE_ALL_BURST 2000u /* signatures checked at once, and a second: a checked one takes some 0.1 ms */

#define BH_INTAKE_STRANGE 64u	  /* of keys nobody knows, or from where their key was not heard, at once and a second */

struct bh_bucket {
	bh_ns at;
	uint64_t milli; /* thousandths of a datagram that may come */
};
struct bh_intake {
	const struct bh_usb_keys *keys;
	struct bh_usb_sender *senders; /* one a key */
	struct bh_intake_counters *n;  /* in shared memory */
	struct bh_event_sink sink;
	struct bh_addr self, listen, log_listen;
	uint16_t port, log_port;
	const char *host; /* the sensor's name */
	uint64_t seed, boot;
	uint32_t seq;
	bh_ns now; /* of what is being taken */
	struct bh_bucket of[2][BH_INTAKE_SOURCES], of_key[BH_USB_KEYS], all, strange;
	struct bh_addr home[BH_USB_KEYS]; /* where the last one that was taken came from */
	struct bh_ports own; /* the sensor's ports */
	struct bh_addr last_refused;
	uint64_t told[BH_USB_VERDICTS], told_limited, told_lost;
};

void bh_intake_datagram(struct bh_intake *t, const void *p, size_t len, const struct bh_addr *from, uint16_t sport, bh_ns now);
void bh_intake_syslog(struct bh_intake *t, const char *line, size_t len, const struct bh_addr *from, uint16_t sport, bh_ns now);
void bh_intake_own(struct bh_intake *t, struct bh_ev_usb *u, bh_ns now);
/* What was refused or lost since the last call, in words. false = nothing. */
bool bh_intake_report(struct bh_intake *t, char *buf, size_t cap);

#endif
