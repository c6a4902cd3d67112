/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usb - how news of a USB port reaches the sensor: signed datagrams of the companion, the kernel's uevents, event logs by syslog
 *
 * Why     What stays on a USB link no sensor sees; the endpoint can say that something was plugged in, and must not be spoken for.
 * Shape   Bytes in, one struct bh_ev_usb out. The datagram has one size and one form: two equal events of one sender differ in
 *         sequence, time and signature only.
 * Units   bh_ns, Unix time. Datagram numbers in network byte order.
 * Errors  parse: 0, or 1 and nothing is written. What a datagram is refused for is an enum bh_usb_verdict.
 * Purity  Pure: keys, time and what sysfs says are arguments.
 * Source  RFC 8032 (Ed25519, by libsodium), RFC 4648 (Base64), Linux kobject uevents, USB class codes of usb.org,
 *         RFC 5424 and 3164 (syslog), Windows Security event 6416, UserPnp events 20001 and 20003.
 */
#ifndef BULKHEAD_USB_H
#define BULKHEAD_USB_H

#include <bulkhead/event.h>

/* ---- keys ---- */
#define BH_USB_KEYS 1024
#define BH_USB_KEY_TEXT 80 /* "NAME BASE64" with the NUL */
struct bh_usb_secret {
	uint8_t b[64]; /* the seed, then the public key */
};
struct bh_usb_key {
	char name[32];
	uint8_t key[32];
	struct bh_addr from; /* its datagrams come from there; none = from anywhere */
};
struct bh_usb_keys {
	size_t n;
	struct bh_usb_key key[BH_USB_KEYS];
};
struct bh_usb_error {
	unsigned line, col;
	char text[96];
};
/*
 * Lines of "NAME BASE64KEY [ADDRESS]"; '#' begins a comment. A name, a key or the first eight bytes of a key given twice is a
 * mistake. 1 with line, column and reason; ret_keys is unspecified then.
 */
int bh_usb_keys_parse(const char *text, size_t len, struct bh_usb_keys *ret_keys, struct bh_usb_error *ret_error) BH_MUST;
bool bh_usb_name_ok(const char *name); /* 1 to 31 letters, digits, '-', '_' and '.' */
void bh_usb_secret_make(const uint8_t seed[32], struct bh_usb_secret *ret_secret);
/* The line for the key file, without a newline. */
const char *bh_usb_key_print(const char *name, const struct bh_usb_secret *secret, char buf[BH_USB_KEY_TEXT]);
/* The secret's text: the seed in Base64. 1 = not that. */
int bh_usb_secret_parse(const char *text, size_t len, struct bh_usb_secret *ret_secret) BH_MUST;
const char *bh_usb_secret_print(const struct bh_usb_secret *secret, char buf[48]);

/* ---- datagrams ---- */
#define BH_USB_DATAGRAM 334
#define BH_USB_SKEW BH_MIN(5)
enum bh_usb_verdict {
	BH_USB_OK,
	BH_USB_MALFORMED,
	BH_USB_UNKNOWN,	  /* signed with a key the file does not have */
	BH_USB_ELSEWHERE, /* not from the address its key belongs to */
	BH_USB_FORGED,	  /* the signature is wrong */
	BH_USB_SKEWED,	  /* its clock is more than BH_USB_SKEW from ours */
	BH_USB_REPLAYED,  /* not newer than the last one */
	BH_USB_VERDICTS
};
const char *bh_usb_verdict_name(unsigned verdict);
struct bh_usb_datagram {
	uint64_t key_id; /* the first eight bytes of the public key */
	bh_ns at;	 /* when it was sent, by the sender's clock */
	struct bh_ev_usb usb; /* via is COMPANION; host is what the sender says */
};
/* boot, seq and host are the caller's; seq from 1. */
void bh_usb_sign(const struct bh_ev_usb *u, bh_ns at, const struct bh_usb_secret *secret, uint8_t ret_bytes[BH_USB_DATAGRAM]);
int bh_usb_datagram_parse(const void *p, size_t len, struct bh_usb_datagram *ret_datagram) BH_MUST;
const struct bh_usb_key *bh_usb_key_of(const struct bh_usb_keys *keys, uint64_t key_id); /* NULL = none */
/* Of a datagram that parsed; p: its BH_USB_DATAGRAM bytes. OK and whose it is, or UNKNOWN, ELSEWHERE, FORGED. */
enum bh_usb_verdict bh_usb_verify(
	const struct bh_usb_keys *keys, const void *p, const struct bh_usb_datagram *d, const struct bh_addr *from, const struct bh_usb_key **ret_key);
struct bh_usb_sender { /* of a key: the last datagram taken */
	uint64_t boot;
	bh_ns at;
	uint32_t seq, pad;
};
/* Of a verified datagram: OK, and the sender's record moves on; lost: how many were sent before it that never came. */
enum bh_usb_verdict bh_usb_fresh(struct bh_usb_sender *s, const struct bh_usb_datagram *d, bh_ns now, uint32_t *ret_lost);

/* ---- uevents ---- */
#define BH_UEVENT_MAX 8192
struct bh_uevent {
	char action[16], devpath[512], subsystem[16], devtype[24], iface[16];
	uint16_t vid, pid; /* of PRODUCT=, 0 = none */
	uint8_t cls, sub, proto; /* of a USB interface */
};
int bh_uevent_parse(const void *p, size_t len, struct bh_uevent *ret_event) BH_MUST;
/* The port a sysfs path lies at or below: "1-2.3", of a root hub "usb1". false = none. */
bool bh_usb_port(const char *path, char ret_port[24]);
#define BH_USB_IFACES 32
struct bh_usb_sys { /* what sysfs says of a device; the caller has read it */
	uint16_t vid, pid;
	uint8_t cls, sub, proto; /* bDeviceClass and so on */
	uint8_t n_ifaces;
	struct {
		uint8_t cls, sub, proto;
	} ifaces[BH_USB_IFACES];
	char serial[32], vendor[32], product[48];
};
uint8_t bh_usb_classes(const struct bh_usb_sys *sys); /* BH_USB_C_* */
/* What is told of a device at a port; host, user, boot, seq and via stay empty. */
void bh_usb_say(unsigned op, const char *port, const struct bh_usb_sys *sys, struct bh_ev_usb *ret_usb);

/* ---- syslog ---- */
/* One line about a USB device that came to a Windows machine. 1 = none: another event, another bus, or it says too little. */
int bh_usb_syslog(const char *line, size_t len, struct bh_ev_usb *ret_usb) BH_MUST;

#endif
