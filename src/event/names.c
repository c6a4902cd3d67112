/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of waist 1. Numbers may move between versions; these words may not. */
#include <stdio.h>
#include <strings.h>
#include <bulkhead/event.h>

static const char *const apps[BH_APP_COUNT] = {
#define X(id, name) name,
	BH_APPS(X)
#undef X
};
static const char *const kinds[BH_EV_KINDS] = {"none", "tick", "flow-new", "flow-outcome", "flow-class", "flow-end", "arp", "dhcp", "smb", "rpc", "logon", "krb", "ldap", "dns", "http", "rdp", "ssh", "ra", "name", "link", "usb", "gap", "command", "kernel"};
static const char *const outcomes[BH_OUT_COUNT] = {"none", "success", "handshake", "refused", "unreachable", "silent", "midstream"};
static const char *const smb_ops[BH_SMB_OPS] = {"none", "session", "tree", "open", "write", "close", "rename", "delete", "truncate", "pipe", "odd"};
static const char *const rpc_ops[BH_RPC_OPS] = {"none", "bind", "call", "fault", "map", "addr"};
static const char *const name_vias[BH_NAME_VIAS] = {"none", "llmnr", "nbns", "mdns", "ssdp", "wsd", "smb", "browser"};
static const char *const name_ops[BH_NAME_OPS] = {"none", "query", "answer", "claim"};
static const char *const usb_ops[BH_USB_OPS] = {"none", "add", "remove", "there"};
static const char *const usb_vias[BH_USB_VIAS] = {"none", "companion", "sensor", "syslog"};
static const char *const logon_vias[BH_LOGON_VIAS] = {"none", "smb", "rpc", "http", "ldap", "kerberos", "rdp", "ssh", "ftp"};
static const char *const logon_mechs[BH_MECH_COUNT] = {"none", "ntlm", "kerberos", "password", "anonymous"};
static const char *const logon_results[BH_LOGON_RESULTS] = {"none", "tried", "ok", "failed", "refused"};

static const char *const cmds[BH_CMD_COUNT] = {"none", "isolate", "release", "shield", "mode", "contain", "island", "kill", "breaker", "drawbridge", "device", "probe"};
static const char *const scopes[BH_SCOPE_COUNT] = {"host", "segment", "zone"};
static const char *const sets[BH_SET_COUNT] = {"none", "normal", "admin-off", "pins-only", "raise", "lower", "auto"};

const char *bh_cmd_name(unsigned verb)
{
	return cmds[verb < BH_CMD_COUNT ? verb : 0];
}

const char *bh_scope_name(unsigned scope)
{
	return scopes[scope < BH_SCOPE_COUNT ? scope : 0];
}

const char *bh_set_name(unsigned set)
{
	return sets[set < BH_SET_COUNT ? set : 0];
}

const char *bh_app_name(unsigned app)
{
	return app < BH_APP_COUNT ? apps[app] : apps[BH_APP_UNKNOWN];
}

int bh_app_parse(const char *s, size_t n, uint16_t *ret_app)
{
	for (unsigned i = 0; i < BH_APP_COUNT; i++)
		if (strlen(apps[i]) == n && strncasecmp(apps[i], s, n) == 0) {
			*ret_app = (uint16_t)i;
			return 0;
		}
	return 1;
}

const char *bh_ev_kind_name(unsigned kind)
{
	return kind < BH_EV_KINDS ? kinds[kind] : kinds[0];
}

const char *bh_outcome_name(unsigned outcome)
{
	return outcome < BH_OUT_COUNT ? outcomes[outcome] : outcomes[0];
}

const char *bh_smb_op_name(unsigned op)
{
	return op < BH_SMB_OPS ? smb_ops[op] : smb_ops[0];
}

const char *bh_rpc_op_name(unsigned op)
{
	return rpc_ops[op < BH_RPC_OPS ? op : 0];
}

const char *bh_logon_via_name(unsigned via)
{
	return logon_vias[via < BH_LOGON_VIAS ? via : 0];
}

const char *bh_logon_mech_name(unsigned mech)
{
	return logon_mechs[mech < BH_MECH_COUNT ? mech : 0];
}

const char *bh_logon_result_name(unsigned result)
{
	return logon_results[result < BH_LOGON_RESULTS ? result : 0];
}

/* after how many bytes a dash stands */
static bool dash_after(unsigned i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

int bh_uuid_parse(const char *text, size_t len, struct bh_uuid *ret_uuid)
{
	struct bh_uuid u;
	size_t at = 0;

	if (len != 36)
		return 1;
	for (unsigned i = 0; i < 16; i++) {
		unsigned v = 0;

		if (dash_after(i) && text[at++] != '-')
			return 1;
		for (unsigned k = 0; k < 2; k++) {
			char c = text[at++];
			int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

			if (d < 0)
				return 1;
			v = v << 4 | (unsigned)d;
		}
		u.b[i] = (uint8_t)v;
	}
	*ret_uuid = u;
	return 0;
}

char *bh_uuid_print(const struct bh_uuid *u, char buf[37])
{
	static const char hex[] = "0123456789abcdef";
	char *p = buf;

	for (unsigned i = 0; i < 16; i++) {
		if (dash_after(i))
			*p++ = '-';
		*p++ = hex[u->b[i] >> 4];
		*p++ = hex[u->b[i] & 15];
	}
	*p = 0;
	return buf;
}

const char *bh_proto_name(unsigned proto, char buf[4])
{
	switch (proto) {
	case 1:
		return "icmp";
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 58:
		return "icmp6";
	}
	snprintf(buf, 4, "%u", proto & 0xff);
	return buf;
}

const char *bh_name_via_name(unsigned via)
{
	return name_vias[via < BH_NAME_VIAS ? via : 0];
}

const char *bh_name_op_name(unsigned op)
{
	return name_ops[op < BH_NAME_OPS ? op : 0];
}

const char *bh_usb_op_name(unsigned op)
{
	return usb_ops[op < BH_USB_OPS ? op : 0];
}

const char *bh_usb_via_name(unsigned via)
{
	return usb_vias[via < BH_USB_VIAS ? via : 0];
}
