/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What detectors share: things seen lately, a destination's record, words for evidence. */
#ifndef BULKHEAD_DETECT_INSIDE_H
#define BULKHEAD_DETECT_INSIDE_H

#include <bulkhead/detect.h>

/*
 * ---- time ----
 * Events of several sensors come a little out of order, and a clock may be set back. So what lies ahead is as near as what lies as far
 * behind, and what is far from now on either side is what gives way: nothing from the future stays, and nothing underflows.
 */
static inline bh_ns bh_apart(bh_ns a, bh_ns b)
{
	return a > b ? a - b : b - a;
}
static inline bool bh_within(bh_ns at, bh_ns then, bh_ns window) /* then 0 = never */
{
	return then && bh_apart(at, then) <= window;
}

/* ---- things seen lately: a short exact list, the oldest gives way ---- */
struct bh_recent {
	uint64_t key; /* 0 = free */
	bh_ns at;
};
/* Notes a key, which is not 0; how many different ones were noted within the window, this one included. */
unsigned bh_recent_note(struct bh_recent *r, unsigned n, uint64_t key, bh_ns at, bh_ns window);
bool bh_recent_has(const struct bh_recent *r, unsigned n, uint64_t key, bh_ns at, bh_ns window);

/* ---- how often within a window: two halves, so the count of the last half to whole window ---- */
struct bh_rate {
	bh_ns turned;
	uint32_t n[2];
};
uint32_t bh_rate_add(struct bh_rate *r, uint32_t n, bh_ns at, bh_ns window); /* n 0 = only asks */

/* ---- a record for each destination: the first member is struct bh_dest, the one used longest ago gives way ---- */
struct bh_dest {
	struct bh_addr addr;
	bh_ns last; /* 0 = free */
};
void *bh_dest_of(void *array, size_t n, size_t size, const struct bh_addr *a, bh_ns at, bool make); /* NULL: not there and not made */

/* ---- devices that come in crowds: invented addresses cost nothing, so they are told one by one only up to a point ---- */
struct bh_crowd {
	bh_ns since;
	uint32_t n; /* of the hour */
};
/* One more. 0 = keep it to yourself; 1 = tell; 2 = tell, and that they are a crowd by now (n is a power of two). */
unsigned bh_crowd_add(struct bh_crowd *c, bh_ns at);

/* ---- words ---- */
bool bh_says(const char *text, const char *word); /* somewhere in it, case ignored */
uint64_t bh_word_key(const char *text); /* of a name, case ignored; never 0 */
const char *bh_base_name(const char *path);
bool bh_admin_share(const char *share);	 /* ADMIN$, C$ and other drives */
bool bh_policy_share(const char *share); /* SYSVOL, NETLOGON */
const char *bh_host_text(const struct bh_host *h, const struct bh_addr *a, char buf[80]); /* "10.1.2.3 (name)" */
/* "48:6f:73:74:50:43 (Manufacturer), pc-7" as far as known */
const char *bh_dev_text(const struct bh_sight *s, const struct bh_device *d, char buf[96]);
/* Appends to the detail what an endpoint said of a device that is a USB one. */
void bh_put_usb(struct bh_finding *f, const struct bh_device *d);
/* What the policy's host with this role has to do with the device: it is one, one of its zone is declared elsewhere (by MAC), nobody is. Of a device whose zone is not known yet: another, if each zone declares one. */
enum bh_declared { BH_DECLARED_NONE, BH_DECLARED_OTHER, BH_DECLARED_IT };
enum bh_declared bh_declared_as(const struct bh_sight *s, const struct bh_device *d, uint32_t roles);
/* " as CORP\alice", or "" */
const char *bh_as(const char *user, char buf[80]);
/* Class of the RPC call in the event, as the watch-list has it; the names for evidence may be "". */
struct bh_call {
	unsigned cls; /* enum bh_rpc_class */
	const char *iface, *name;
};
struct bh_call bh_call_of(const struct bh_sight *s);
/* "svcctl CreateServiceW (12) over pipe svcctl" with what is assumed, and the strings of its arguments */
void bh_put_call(struct bh_text *t, const struct bh_sight *s);

static inline bool bh_has_role(const struct bh_host *h, unsigned role)
{
	return h && (h->roles & BH_ROLE_BIT(role));
}
/* Let in, but not as who he said he is: the server takes anybody, and the account or its password was wrong. */
bool bh_as_guest(const struct bh_ev_logon *l);
/* a connection that came to something */
static inline bool bh_opened(const struct bh_event *ev)
{
	return ev->kind == BH_EV_FLOW_OUTCOME && ev->outcome == BH_OUT_SUCCESS && (ev->flags & BH_EVF_TWOWAY);
}

#endif
