/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * device - the inventory: who belongs, by what it is rather than by what it says
 *
 * Why     A MAC and a host name are copied in seconds; the way a system asks for an address, opens connections and names itself
 *         is not. Who was here before is told from who only says so by comparing the two.
 * Shape   One struct bh_device for each MAC, in a table made at start; strangers give way to strangers, never somebody known.
 *         Prints are what a device showed in one session (from link up to the next); the last is filled, the others are kept.
 * Units   bh_ns of events.
 * Errors  parse: 1 with a column and a reason. Nothing else fails: a full table evicts and counts.
 * Purity  Pure: time comes from events; files are the daemon's.
 * Source  detection.md 3.1, family U; RFC 7844 (what clients reveal); own signature format (Annex A: neither p0f's nor JA4T's).
 */
#ifndef BULKHEAD_DEVICE_H
#define BULKHEAD_DEVICE_H

#include <bulkhead/event.h>
#include <bulkhead/gadget.h>

/* What a stack looks like. Only families that differ on the wire without doubt; UNKNOWN contradicts nothing. */
#define BH_OSES(X)                                                                                                       \
	X(UNKNOWN, "unknown") X(WINDOWS, "windows") X(LINUX, "linux") X(APPLE, "apple") X(ANDROID, "android") X(EMBEDDED, "embedded") \
	X(PXE, "pxe") X(TOOL, "tool")
enum bh_os {
#define X(id, name) BH_OS_##id,
	BH_OSES(X)
#undef X
	BH_OS_COUNT
};
const char *bh_os_name(unsigned os);
int bh_os_parse(const char *s, size_t n, uint8_t *ret_os) BH_MUST;

#define BH_PRINT_CLIENTS 4
#define BH_PRINT_PROVEN 0x80 /* of told: a connection was answered while it was shown; a request alone anybody can send */
struct bh_print { /* zero = not shown */
	bh_ns first, last;
	uint32_t seen;	      /* sessions that fit it */
	uint32_t dhcp_params; /* hashes: option 55 in order */
	uint32_t dhcp_order;  /* all options in order */
	uint32_t clients[BH_PRINT_CLIENTS]; /* TLS and SSH fingerprints, newest first */
	uint32_t from;	      /* hash of the address its connections came from */
	struct bh_syn syn;    /* of its ordinary connections; ipid, tsval and pad are zero */
	uint16_t dhcp_size;   /* option 57 */
	uint8_t dhcp_id, os_dhcp, os_syn, ttl; /* dhcp_id: id_type + 1; ttl: 64, 128 or 255 */
	char vendor[16], name[24];
	uint8_t told; /* that it differs from the others: by whom it was asked, bits of id.drift; and BH_PRINT_PROVEN */
};

enum bh_device_status { BH_DEV_NEW, BH_DEV_KNOWN, BH_DEV_RETIRED, BH_DEV_STATUSES }; /* NEW: seen, nobody has looked at it */
const char *bh_device_status_name(unsigned status);
/* What an operator has said of a device. */
#define BH_DEV_T_DUALBOOT 0x01 /* boots several systems */
#define BH_DEV_T_SHARED 0x02   /* a dongle or dock that several machines use */
#define BH_DEV_T_ROUTER 0x04   /* routes, or has other machines behind it */
#define BH_DEV_T_PXE 0x08      /* is installed over the network now and then */
const char *bh_device_tag_name(unsigned bit); /* of one bit; NULL = none */

#define BH_DEV_ADDRS 8
#define BH_DEV_PRINTS 4
/* Words the table keeps about a device, printed, but never read from outside, except MET. */
#define BH_DEV_ROUTES 0x01   /* frames of more than BH_DEV_ADDRS IPv4 addresses came with its MAC */
#define BH_DEV_SPOKE 0x02    /* a two-way exchange was seen */
#define BH_DEV_DECLARED 0x04 /* the policy names its MAC */
#define BH_DEV_LIED 0x40     /* it said something that is not so */
#define BH_DEV_NAMELESS 0x10 /* something was told of it under the address its MAC makes */
#define BH_DEV_MET 0x08	     /* it was told, or not, that it is new */
#define BH_DEV_CROWD 0x20    /* new, and one of many: that is told when it speaks */
#define BH_LOOKED_IN_ZONE 0x02 /* of looked: what its zone adds to it; is forgotten when it comes where nobody should come */
struct bh_device {
	/* what every frame's event reads */
	_Alignas(64) struct bh_mac mac;
	uint8_t n_addrs, carried; /* carried: bit per address that came in frames, not only in ARP */
	uint8_t status, tags, flags, at_print; /* at_print: the one being filled */
	uint16_t zone, vlan;
	bh_ns first, last, session; /* session: when the present one began */
	uint32_t newer, older, slot;
	uint32_t conflicts; /* times two stacks were seen on it */
	uint32_t roles;	    /* of the policy's hosts whose addresses are its own, by more than a claim */
	uint8_t looked, pad[3]; /* usb.oui's, not kept: what was told of its MAC and its request already */
	bh_ns changed;	    /* last time something worth keeping changed, 0 = never */
	struct bh_addr addrs[BH_DEV_ADDRS]; /* of IPv6 the last few, the one carried last behind */
	struct bh_print prints[BH_DEV_PRINTS];
	char name[32];	     /* given by people; "" = none */
	char calls_itself[32]; /* last name it told: DHCP, mDNS, NetBIOS */
	char owner[24], note[48];
	char port[40]; /* where it is plugged in, as DHCP's relay or LLDP said */
	char usb[40];  /* what an endpoint said of it: "1d6b:0104 Gadget at pc-7 1-2" */
};

struct bh_devices;
struct bh_device_counters {
	uint64_t devices, known, evicted, refused; /* refused: known devices fill the table and no stranger fits */
	uint64_t bytes;
};

/* ---- text, waist 1's form: one device a line, as the store, import and `bulkhead host show` see it ---- */
#define BH_DEVICE_TEXT 4096
/* "device MAC key=value …", then one " print{key=value …}" for each print. parse(print(x)) == x but for links and hot flags. */
size_t bh_device_print(const struct bh_device *d, char buf[BH_DEVICE_TEXT]);
int bh_device_parse(const char *line, size_t len, struct bh_device *ret_device, struct bh_event_error *ret_error) BH_MUST;

/* ---- table ---- */
int bh_devices_open(uint32_t cap, uint64_t seed, struct bh_devices **ret_devices) BH_MUST; /* cap 0 = 65536 */
void bh_devices_close(struct bh_devices *t);
struct bh_device *bh_devices_find(struct bh_devices *t, const struct bh_mac *m);
/* Makes it; NULL for none, a group, or when known devices fill the table. */
struct bh_device *bh_devices_touch(struct bh_devices *t, const struct bh_mac *m, bh_ns at);
struct bh_device *bh_devices_slot(struct bh_devices *t, uint32_t slot); /* NULL = free */
uint32_t bh_devices_slots(const struct bh_devices *t);
/* Puts one read from the store or an import in its place: what people said wins, what was seen is kept. false = no room. */
bool bh_devices_put(struct bh_devices *t, const struct bh_device *d);
void bh_devices_known(struct bh_devices *t, struct bh_device *d, unsigned status); /* moves it among those who stay */
uint32_t bh_devices_known_in(const struct bh_devices *t, uint16_t zone); /* registered, or named by the policy though not seen yet */
void bh_devices_counters(const struct bh_devices *t, struct bh_device_counters *ret_counters);
void bh_devices_memory(struct bh_devices *t, void (*each)(void *start, size_t bytes));
/* The MAC has the address. frame: a frame carried it, not only a claim. false: the device routes. */
bool bh_device_carry(struct bh_device *d, const struct bh_addr *a, bh_ns at, bool frame);
bool bh_device_has(const struct bh_device *d, const struct bh_addr *a);
unsigned bh_device_several_nets(const struct bh_device *d); /* NULL: 0 */

/* ---- prints ---- */
/* How far two differ, centibans: operating system 150, DHCP vendor 100, TTL 70, name 50, clients 50. text: what differs. */
int32_t bh_print_drift(const struct bh_print *was, const struct bh_print *is, struct bh_text *text);
uint8_t bh_os_of_dhcp(const struct bh_ev_dhcp *d);
uint8_t bh_os_of_syn(const struct bh_syn *s, uint8_t ttl);
uint8_t bh_ttl_class(uint8_t ttl); /* 64, 128, 255: sent here; 0 = came over a router, or is nobody's default */
/* The link-local address the MAC makes (RFC 4291 appendix A): the name of a device that has no address yet. */
struct bh_addr bh_addr_of_mac(const struct bh_mac *m);

#endif
