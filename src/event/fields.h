/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of an event's fields: one row a key, read by printing and parsing alike. */
#ifndef BULKHEAD_EVENT_FIELDS_H
#define BULKHEAD_EVENT_FIELDS_H

#include <bulkhead/event.h>

enum form { F_U8, F_U16, F_U32, F_U64, F_HEX64, F_NS, F_MAC, F_ADDR, F_STR, F_OPTS, F_LIST, F_UUID, F_WORD };

#define K(kind) (1u << BH_EV_##kind)
#define FLOWS (K(FLOW_NEW) | K(FLOW_OUTCOME) | K(FLOW_CLASS) | K(FLOW_END))
#define FACTS (K(SMB) | K(RPC) | K(LOGON) | K(KRB) | K(LDAP) | K(DNS) | K(HTTP) | K(RDP) | K(SSH))
#define ENDS (FLOWS | K(ARP) | K(DHCP) | FACTS | K(RA) | K(NAME) | K(LINK) | K(USB))
#define ALL (~0u)

static inline uint32_t kind_bit(unsigned kind)
{
	return 1u << kind;
}

typedef const char *(*namer)(unsigned);

struct field {
	const char *key;
	uint32_t kinds;
	uint16_t off, size;
	uint8_t form;
	namer name; /* F_WORD: a u8 (size 1) or u16 spelled by name */
	uint16_t names;
};

#define BH_FIELDS_MAX 256
extern const struct field bh_fields[];
extern const size_t bh_n_fields;

#endif
