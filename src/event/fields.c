/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table describes every field that has a key: where it lies, how it is spelled, which kinds carry it. There is no second place to add a field. */
#include "event/fields.h"

static const char *reason_name(unsigned v)
{
	static const char *const n[] = {"none", "closed", "timeout", "evicted", "shutdown"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *magic_name(unsigned v)
{
	static const char *const n[] = {"none", "other", "text", "doc", "image", "packed", "exec"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *rand_name(unsigned v)
{
	static const char *const n[] = {"none", "no", "small", "weak", "strong"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *gap_name(unsigned v)
{
	static const char *const n[] = {"none", "kernel", "ring", "evicted", "sensor"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *ker_name(unsigned v)
{
	static const char *const n[] = {"none", "applied", "refused", "released", "expired", "drift", "repaired", "failed", "law"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *ldap_word(unsigned v)
{
	static const char *const n[] = {"none", "search", "done"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *ra_word(unsigned v)
{
	static const char *const n[] = {"none", "advert", "redirect"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *link_word(unsigned v)
{
	static const char *const n[] = {"none", "lldp", "cdp"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *via_word(unsigned v)
{
	static const char *const n[] = {"none", "tcp", "pipe"};

	return n[v < BH_COUNT(n) ? v : 0];
}
static const char *mode_word(unsigned v)
{
	static const char *const n[] = {"observe", "ask", "auto"};

	return n[v < BH_COUNT(n) ? v : 0];
}

#define AT(m) (uint16_t) offsetof(struct bh_event, m), (uint16_t)sizeof(((struct bh_event *)0)->m)
#define NUM(key, kinds, m, form) {key, kinds, AT(m), form, NULL, 0}
#define WORD(key, kinds, m, fn, n) {key, kinds, AT(m), F_WORD, fn, n}

const struct field bh_fields[] = {
	NUM("pkt", ALL, pkt, F_U64),
	NUM("id", ALL, flow_id, F_U64),
	NUM("vlan", ENDS, vlan, F_U16),
	WORD("app", FLOWS | FACTS, app, bh_app_name, BH_APP_COUNT),
	WORD("outcome", FLOWS, outcome, bh_outcome_name, BH_OUT_COUNT),
	NUM("flags", ALL, flags, F_U8),
	NUM("worker", ALL, worker, F_U16),
	NUM("smac", ENDS, mac_src, F_MAC),
	NUM("dmac", ENDS, mac_dst, F_MAC),
	NUM("ttl", ENDS, ttl, F_U8),
	NUM("start", FLOWS, u.flow.start, F_NS),
	NUM("pkts", FLOWS, u.flow.pkts[0], F_U64),
	NUM("rpkts", FLOWS, u.flow.pkts[1], F_U64),
	NUM("bytes", FLOWS, u.flow.bytes[0], F_U64),
	NUM("rbytes", FLOWS, u.flow.bytes[1], F_U64),
	NUM("tcp", FLOWS, u.flow.tcp_flags[0], F_U8),
	NUM("rtcp", FLOWS, u.flow.tcp_flags[1], F_U8),
	WORD("reason", FLOWS, u.flow.reason, reason_name, BH_END_COUNT),
	NUM("cid", FLOWS, u.flow.community_id, F_STR),
	NUM("win", K(FLOW_NEW), u.flow.syn.window, F_U16),
	NUM("mss", K(FLOW_NEW), u.flow.syn.mss, F_U16),
	NUM("wscale", K(FLOW_NEW), u.flow.syn.wscale, F_U8),
	NUM("df", K(FLOW_NEW), u.flow.syn.df, F_U8),
	NUM("synopts", K(FLOW_NEW), u.flow.syn.opts, F_LIST),
	NUM("ipid", K(FLOW_NEW), u.flow.syn.ipid, F_U16),
	NUM("tsval", K(FLOW_NEW), u.flow.syn.tsval, F_U32),
	NUM("ecn", K(FLOW_NEW), u.flow.syn.ecn, F_U8),
	NUM("print", K(FLOW_CLASS), u.flow.print, F_HEX64),
	NUM("op", K(ARP), u.arp.op, F_U8),
	NUM("aflags", K(ARP), u.arp.flags, F_U8),
	NUM("frame", K(ARP), u.arp.frame, F_MAC),
	NUM("type", K(DHCP), u.dhcp.type, F_U8),
	NUM("client", K(DHCP), u.dhcp.client, F_MAC),
	NUM("xid", K(DHCP), u.dhcp.xid, F_U32),
	NUM("server", K(DHCP), u.dhcp.server_id, F_ADDR),
	NUM("offer", K(DHCP), u.dhcp.yiaddr, F_ADDR),
	NUM("relay", K(DHCP), u.dhcp.giaddr, F_ADDR),
	NUM("router", K(DHCP), u.dhcp.router, F_ADDR),
	NUM("dns", K(DHCP), u.dhcp.dns, F_ADDR),
	NUM("lease", K(DHCP), u.dhcp.lease_s, F_U32),
	NUM("dflags", K(DHCP), u.dhcp.flags, F_U8),
	NUM("ciaddr", K(DHCP), u.dhcp.ciaddr, F_ADDR),
	NUM("wanted", K(DHCP), u.dhcp.wanted, F_ADDR),
	NUM("maxsize", K(DHCP), u.dhcp.max_size, F_U16),
	NUM("cid", K(DHCP), u.dhcp.client_id, F_HEX64),
	NUM("idtype", K(DHCP), u.dhcp.id_type, F_U8),
	NUM("arch", K(DHCP), u.dhcp.arch, F_U16),
	NUM("opts", K(DHCP), u.dhcp.opts, F_OPTS),
	NUM("params", K(DHCP), u.dhcp.params, F_LIST),
	NUM("circuit", K(DHCP), u.dhcp.circuit, F_STR),
	NUM("host", K(DHCP), u.dhcp.hostname, F_STR),
	NUM("vendor", K(DHCP), u.dhcp.vendor, F_STR),
	WORD("do", K(SMB), u.smb.op, bh_smb_op_name, BH_SMB_OPS),
	NUM("status", K(SMB), u.smb.status, F_U32),
	NUM("sess", K(SMB), u.smb.session, F_HEX64),
	NUM("tree", K(SMB), u.smb.tree, F_U32),
	NUM("fid", K(SMB), u.smb.fid, F_HEX64),
	NUM("dialect", K(SMB), u.smb.dialect, F_U16),
	NUM("sflags", K(SMB), u.smb.flags, F_U8),
	NUM("read", K(SMB), u.smb.bytes_read, F_U64),
	NUM("wrote", K(SMB), u.smb.bytes_written, F_U64),
	WORD("rmagic", K(SMB), u.smb.magic_read, magic_name, BH_MAGIC_COUNT),
	WORD("wmagic", K(SMB), u.smb.magic_written, magic_name, BH_MAGIC_COUNT),
	WORD("rrand", K(SMB), u.smb.rand_read, rand_name, BH_RAND_COUNT),
	WORD("wrand", K(SMB), u.smb.rand_written, rand_name, BH_RAND_COUNT),
	NUM("user", K(SMB), u.smb.user, F_STR),
	NUM("share", K(SMB), u.smb.share, F_STR),
	NUM("name", K(SMB), u.smb.name, F_STR),
	NUM("to", K(SMB), u.smb.name2, F_STR),
	NUM("head", K(SMB), u.smb.head, F_HEX64),
	NUM("namelen", K(SMB), u.smb.name_len, F_U32),
	NUM("count", K(SMB), u.smb.count, F_U32),
	WORD("do", K(RPC), u.rpc.op, bh_rpc_op_name, BH_RPC_OPS),
	NUM("uuid", K(RPC), u.rpc.uuid, F_UUID),
	NUM("opnum", K(RPC), u.rpc.opnum, F_U16),
	NUM("count", K(RPC), u.rpc.count, F_U32),
	NUM("ctx", K(RPC), u.rpc.context, F_U16),
	NUM("object", K(RPC), u.rpc.object, F_HEX64),
	WORD("via", K(RPC), u.rpc.via, via_word, BH_VIA_COUNT),
	NUM("level", K(RPC), u.rpc.level, F_U8),
	NUM("rflags", K(RPC), u.rpc.flags, F_U8),
	NUM("stub", K(RPC), u.rpc.stub, F_U32),
	NUM("status", K(RPC), u.rpc.status, F_U32),
	NUM("addr", K(RPC), u.rpc.addr, F_ADDR),
	NUM("port", K(RPC), u.rpc.port, F_U16),
	NUM("pipe", K(RPC), u.rpc.pipe, F_STR),
	NUM("user", K(RPC), u.rpc.user, F_STR),
	NUM("text", K(RPC), u.rpc.text, F_STR),
	WORD("via", K(LOGON), u.logon.via, bh_logon_via_name, BH_LOGON_VIAS),
	WORD("mech", K(LOGON), u.logon.mech, bh_logon_mech_name, BH_MECH_COUNT),
	WORD("result", K(LOGON), u.logon.result, bh_logon_result_name, BH_LOGON_RESULTS),
	NUM("status", K(LOGON), u.logon.status, F_U32),
	NUM("lflags", K(LOGON), u.logon.flags, F_U8),
	NUM("challenge", K(LOGON), u.logon.challenge, F_HEX64),
	NUM("proof", K(LOGON), u.logon.proof, F_HEX64),
	NUM("user", K(LOGON), u.logon.user, F_STR),
	NUM("ws", K(LOGON), u.logon.workstation, F_STR),
	NUM("type", K(KRB), u.krb.type, F_U8),
	NUM("error", K(KRB), u.krb.error, F_U32),
	NUM("asked", K(KRB), u.krb.etype_asked, F_U16),
	NUM("ticket", K(KRB), u.krb.etype_ticket, F_U16),
	NUM("reply", K(KRB), u.krb.etype_reply, F_U16),
	NUM("etypes", K(KRB), u.krb.n_etypes, F_U8),
	NUM("kflags", K(KRB), u.krb.flags, F_U8),
	NUM("cname", K(KRB), u.krb.cname, F_STR),
	NUM("sname", K(KRB), u.krb.sname, F_STR),
	NUM("realm", K(KRB), u.krb.realm, F_STR),
	WORD("do", K(LDAP), u.ldap.op, ldap_word, BH_LDAP_OPS),
	NUM("scope", K(LDAP), u.ldap.scope, F_U8),
	NUM("result", K(LDAP), u.ldap.result, F_U16),
	NUM("entries", K(LDAP), u.ldap.entries, F_U32),
	NUM("bytes", K(LDAP), u.ldap.bytes, F_U32),
	NUM("dflags", K(LDAP), u.ldap.flags, F_U8),
	NUM("base", K(LDAP), u.ldap.base, F_STR),
	NUM("filter", K(LDAP), u.ldap.filter, F_STR),
	NUM("qid", K(DNS), u.dns.id, F_U16),
	NUM("qtype", K(DNS), u.dns.qtype, F_U16),
	NUM("answers", K(DNS), u.dns.answers, F_U16),
	NUM("rcode", K(DNS), u.dns.rcode, F_U8),
	NUM("qflags", K(DNS), u.dns.flags, F_U8),
	NUM("addr", K(DNS), u.dns.addr, F_ADDR),
	NUM("name", K(DNS), u.dns.name, F_STR),
	NUM("count", K(HTTP), u.http.count, F_U32),
	NUM("status", K(HTTP), u.http.status, F_U16),
	NUM("method", K(HTTP), u.http.method, F_STR),
	NUM("host", K(HTTP), u.http.host, F_STR),
	NUM("path", K(HTTP), u.http.path, F_STR),
	NUM("agent", K(HTTP), u.http.agent, F_STR),
	NUM("asked", K(RDP), u.rdp.asked, F_U32),
	NUM("chosen", K(RDP), u.rdp.chosen, F_U32),
	NUM("refused", K(RDP), u.rdp.refused, F_U8),
	NUM("cookie", K(RDP), u.rdp.cookie, F_STR),
	NUM("client", K(SSH), u.ssh.client, F_STR),
	NUM("server", K(SSH), u.ssh.server, F_STR),
	WORD("do", K(RA), u.ra.op, ra_word, BH_RA_OPS),
	NUM("prefix", K(RA), u.ra.prefix, F_ADDR),
	NUM("bits", K(RA), u.ra.prefix_bits, F_U8),
	NUM("valid", K(RA), u.ra.valid_s, F_U32),
	NUM("lifetime", K(RA), u.ra.lifetime_s, F_U16),
	NUM("pref", K(RA), u.ra.preference, F_U8),
	NUM("raflags", K(RA), u.ra.flags, F_U8),
	NUM("dns", K(RA), u.ra.dns, F_ADDR),
	NUM("dnstime", K(RA), u.ra.dns_s, F_U32),
	NUM("mtu", K(RA), u.ra.mtu, F_U32),
	NUM("lladdr", K(RA), u.ra.lladdr, F_MAC),
	WORD("via", K(NAME), u.name.via, bh_name_via_name, BH_NAME_VIAS),
	WORD("do", K(NAME), u.name.op, bh_name_op_name, BH_NAME_OPS),
	NUM("addr", K(NAME), u.name.addr, F_ADDR),
	NUM("qid", K(NAME), u.name.id, F_U16),
	NUM("qtype", K(NAME), u.name.qtype, F_U16),
	NUM("ttls", K(NAME), u.name.ttl_s, F_U32),
	NUM("answers", K(NAME), u.name.answers, F_U8),
	NUM("name", K(NAME), u.name.name, F_STR),
	NUM("text", K(NAME), u.name.text, F_STR),
	WORD("via", K(LINK), u.link.via, link_word, BH_LINK_VIAS),
	NUM("mgmt", K(LINK), u.link.mgmt, F_ADDR),
	NUM("caps", K(LINK), u.link.caps, F_U16),
	NUM("native", K(LINK), u.link.native_vlan, F_U16),
	NUM("ttls", K(LINK), u.link.ttl_s, F_U16),
	NUM("chassis", K(LINK), u.link.chassis, F_STR),
	NUM("port", K(LINK), u.link.port, F_STR),
	NUM("name", K(LINK), u.link.name, F_STR),
	NUM("text", K(LINK), u.link.text, F_STR),
	WORD("do", K(USB), u.usb.op, bh_usb_op_name, BH_USB_OPS),
	WORD("via", K(USB), u.usb.via, bh_usb_via_name, BH_USB_VIAS),
	NUM("host", K(USB), u.usb.host, F_STR),
	NUM("vid", K(USB), u.usb.vid, F_U16),
	NUM("pid", K(USB), u.usb.pid, F_U16),
	NUM("classes", K(USB), u.usb.classes, F_U8),
	NUM("mac", K(USB), u.usb.mac, F_MAC),
	NUM("iface", K(USB), u.usb.iface, F_STR),
	NUM("port", K(USB), u.usb.port, F_STR),
	NUM("serial", K(USB), u.usb.serial, F_STR),
	NUM("vendor", K(USB), u.usb.vendor, F_STR),
	NUM("product", K(USB), u.usb.product, F_STR),
	NUM("user", K(USB), u.usb.user, F_STR),
	NUM("boot", K(USB), u.usb.boot, F_HEX64),
	NUM("seq", K(USB), u.usb.seq, F_U32),
	NUM("lost", K(GAP), u.gap.lost, F_U64),
	WORD("why", K(GAP), u.gap.why, gap_name, BH_GAP_COUNT),
	WORD("verb", K(COMMAND), u.command.verb, bh_cmd_name, BH_CMD_COUNT),
	WORD("scope", K(COMMAND), u.command.scope, bh_scope_name, BH_SCOPE_COUNT),
	WORD("set", K(COMMAND), u.command.set, bh_set_name, BH_SET_COUNT),
	NUM("proto", K(COMMAND), proto, F_U8),
	NUM("src", K(COMMAND), src, F_ADDR),
	NUM("sport", K(COMMAND), sport, F_U16),
	NUM("dst", K(COMMAND), dst, F_ADDR),
	NUM("dport", K(COMMAND), dport, F_U16),
	NUM("target", K(COMMAND), u.command.target, F_STR),
	NUM("xid", K(COMMAND), u.command.xid, F_U32),
	NUM("for", K(COMMAND), u.command.ttl, F_NS),
	WORD("mode", K(COMMAND), u.command.mode, mode_word, 3),
	NUM("by", K(COMMAND), u.command.by, F_STR),
	NUM("because", K(COMMAND), u.command.reason, F_STR),
	WORD("did", K(KERNEL), u.kernel.what, ker_name, BH_KER_COUNT),
	NUM("order", K(KERNEL), u.kernel.order, F_U32),
	NUM("gen", K(KERNEL), u.kernel.generation, F_U64),
	NUM("us", K(KERNEL), u.kernel.us, F_U64),
	NUM("pid", K(KERNEL), u.kernel.pid, F_U32),
	NUM("prog", K(KERNEL), u.kernel.prog, F_STR),
	NUM("text", K(KERNEL), u.kernel.text, F_STR),
};
const size_t bh_n_fields = BH_COUNT(bh_fields);
_Static_assert(BH_COUNT(bh_fields) <= BH_FIELDS_MAX, "raise BH_FIELDS_MAX");
