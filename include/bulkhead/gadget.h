/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gadget - what betrays a USB gadget, an implant, a tether or a dongle on the wire, as data; and who made a network card
 *
 * Why     A new gadget is a line in policies/gadgets.yaml, a new manufacturer one in policies/oui.delta, not a release.
 * Shape   struct bh_gadgets, loaded once, never changed: signatures in file order, prefixes of MAC addresses sorted by width and
 *         value, networks. struct bh_ouis: manufacturers by 24-, 28- and 36-bit prefix.
 * Units   Prefix lengths in bits.
 * Errors  load: 0, 1 invalid (diags say why), < 0 -errno.
 * Purity  Pure: parses bytes in memory; files are opened by the caller.
 * Source  detection.md 9; IEEE Registration Authority (MA-L, MA-M, MA-S).
 */
#ifndef BULKHEAD_GADGET_H
#define BULKHEAD_GADGET_H

#include <bulkhead/event.h>
#include <bulkhead/policy.h>

/* What a prefix of MAC addresses says of a device. */
#define BH_MAC_CLASSES(X)                                                                                                 \
	X(NONE, "none") X(GADGET, "gadget") X(SBC, "single-board") X(USB_NIC, "usb-nic") X(RANDOM, "random") X(VIRTUAL, "virtual")
enum bh_mac_class { /* RANDOM: locally administered and nothing listed. VIRTUAL: of VMs, containers, redundancy protocols */
#define X(id, name) BH_MACC_##id,
	BH_MAC_CLASSES(X)
#undef X
	BH_MACC_COUNT
};
const char *bh_mac_class_name(unsigned cls);

struct bh_mac_prefix {
	struct bh_mac mac; /* bits beyond the length are zero */
	uint8_t bits, cls; /* 48 = one device */
	uint16_t gadget;   /* 1 + index into gadgets, 0 = none */
	char what[BH_NAME];
};
struct bh_gadget {
	char name[BH_NAME];
	struct bh_prefixes nets; /* it gives itself, or hands out; none = not told by one */
	uint32_t lease_max_s;	 /* leases it gives are at most this long, 0 = not told by it */
	uint16_t vid, pid;	 /* of its USB device, 0 = not told by it */
	char dhcp_vendor[32], hostname[32]; /* glob patterns of what it says when it asks itself; "" = not told by it */
};
/* Networks that phones, laptops and gadgets make up for whoever hangs on them. */
struct bh_tether {
	struct bh_prefix net;
	char what[BH_NAME];
	bool common; /* ordinary sites have it too (container and VM networks): alone it says little */
};
struct bh_gadgets {
	struct bh_gadget *gadgets;
	struct bh_mac_prefix *macs; /* longest first, then by value */
	struct bh_tether *tethers;  /* longest first */
	size_t n_gadgets, n_macs, n_tethers;
};

int bh_gadgets_load(const char *text, size_t len, struct bh_diags *diags, struct bh_gadgets **ret_gadgets) BH_MUST;
struct bh_gadgets *bh_gadgets_builtin(void); /* policies/gadgets.yaml as it was at the build; NULL = no memory */
const char *bh_gadgets_builtin_text(size_t *ret_len);
void bh_gadgets_free(struct bh_gadgets *g);

/* The class of a MAC; *ret_prefix: what says so, NULL for NONE and RANDOM. Group addresses are NONE unless listed. */
unsigned bh_gadgets_mac(const struct bh_gadgets *g, const struct bh_mac *m, const struct bh_mac_prefix **ret_prefix);
const struct bh_tether *bh_gadgets_net(const struct bh_gadgets *g, const struct bh_addr *a); /* NULL = none */
const struct bh_gadget *bh_gadgets_usb(const struct bh_gadgets *g, uint16_t vid, uint16_t pid); /* the first; NULL = none */
/* One that asks for an address like this, NULL = none. */
const struct bh_gadget *bh_gadgets_asks(const struct bh_gadgets *g, const struct bh_ev_dhcp *d);
/* One that hands out addresses like this: a network of its own, and, if it has one, its short lease. */
const struct bh_gadget *bh_gadgets_gives(const struct bh_gadgets *g, const struct bh_ev_dhcp *d);

/* ---- manufacturers ---- */
struct bh_ouis;
/*
 * One line of text a manufacturer: hex digits of the prefix, with or without separators, then a blank, comma or tab and the
 * name; the files of Debian's ieee-data (oui.csv, mam.csv, oui36.csv) and ours are read. '#' begins a comment. Later lines win, so a delta
 * is given last; a prefix with the name "-" is taken out. What cannot be read is left out and counted.
 */
int bh_ouis_open(struct bh_ouis **ret_ouis) BH_MUST;
void bh_ouis_add(struct bh_ouis *o, const char *text, size_t len, uint64_t *io_skipped);
const char *bh_ouis_builtin_text(size_t *ret_len); /* policies/oui.delta as it was at the build */
void bh_ouis_close(struct bh_ouis *o);
const char *bh_ouis_name(const struct bh_ouis *o, const struct bh_mac *m); /* "" = nobody's, or locally administered; o may be NULL */

#endif
