/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table describes every field that has a key: where it lies, how it is spelled, which kinds carry it. Printing walks
 * the table and leaves out zeros; parsing looks keys up in it. There is no second place to add a field, and the round
 * trip holds because both directions read the same row. Time, kind, protocol and the two ends have fixed positions.
 */
#include <stdio.h>
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

static const struct field fields[] = {
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

/* ---- printing ---- */
static uint64_t load(const void *p, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, p, size); /* little-endian host, as the rest of the project assumes */
	return v;
}

static void put_ns(struct bh_text *t, bh_ns ns)
{
	bh_putf(t, "%llu.%09llu", (unsigned long long)(ns / BH_SEC(1)), (unsigned long long)(ns % BH_SEC(1)));
}

static void put_field(struct bh_text *t, const struct field *f, const struct bh_event *ev)
{
	const uint8_t *p = (const uint8_t *)ev + f->off;
	char buf[BH_ADDR_TEXT];
	size_t last = f->size;

	while (last && p[last - 1] == 0)
		last--;
	if (last == 0)
		return;
	bh_putf(t, " %s=", f->key);
	switch (f->form) {
	case F_U8:
	case F_U16:
	case F_U32:
	case F_U64:
		bh_putf(t, "%llu", (unsigned long long)load(p, f->size));
		break;
	case F_HEX64:
		bh_putf(t, "%llx", (unsigned long long)load(p, 8));
		break;
	case F_NS:
		put_ns(t, load(p, 8));
		break;
	case F_MAC:
		bh_put(t, bh_mac_print((const struct bh_mac *)p, buf));
		break;
	case F_ADDR:
		bh_put(t, bh_addr_print((const struct bh_addr *)p, buf));
		break;
	case F_STR:
		bh_put_quoted(t, (const char *)p, strnlen((const char *)p, f->size));
		break;
	case F_OPTS:
		for (size_t i = 0; i < ev->u.dhcp.n_opts && i < f->size; i++)
			bh_putf(t, i ? ",%u" : "%u", p[i]);
		break;
	case F_LIST: /* up to the last that is not zero */
		for (size_t i = 0; i < last; i++)
			bh_putf(t, i ? ",%u" : "%u", p[i]);
		break;
	case F_UUID:
		bh_put(t, bh_uuid_print((const struct bh_uuid *)p, buf));
		break;
	case F_WORD:
		bh_put(t, f->name((unsigned)load(p, f->size)));
		break;
	}
}

static bool has_ports(unsigned proto)
{
	return proto == 6 || proto == 17;
}

char *bh_end_print(const struct bh_addr *a, uint16_t port, char buf[BH_ADDR_TEXT + 9])
{
	struct bh_text t = bh_text(buf, BH_ADDR_TEXT + 9);
	char addr[BH_ADDR_TEXT];

	bh_putf(&t, bh_addr_is4(a) ? "%s:%u" : "[%s]:%u", bh_addr_print(a, addr), port);
	return buf;
}

static void put_end(struct bh_text *t, const struct bh_addr *a, uint16_t port, bool with_port)
{
	char buf[BH_ADDR_TEXT + 9];

	bh_put(t, with_port ? bh_end_print(a, port, buf) : bh_addr_print(a, buf));
}

size_t bh_event_print(const struct bh_event *ev, char buf[BH_EVENT_TEXT])
{
	struct bh_text t = bh_text(buf, BH_EVENT_TEXT);
	char pbuf[4];

	put_ns(&t, ev->at);
	bh_putf(&t, " %s", bh_ev_kind_name(ev->kind));
	if (kind_bit(ev->kind) & ENDS) {
		bh_putf(&t, " %s ", ev->kind == BH_EV_ARP ? "arp" : bh_proto_name(ev->proto, pbuf));
		put_end(&t, &ev->src, ev->sport, has_ports(ev->proto));
		bh_put(&t, " > ");
		put_end(&t, &ev->dst, ev->dport, has_ports(ev->proto));
	}
	for (size_t i = 0; i < BH_COUNT(fields); i++)
		if (fields[i].kinds & kind_bit(ev->kind))
			put_field(&t, &fields[i], ev);
	return t.len;
}

/* ---- parsing ---- */
static int fail(struct bh_event_error *e, const char *line, const char *at, const char *text, struct bh_word w)
{
	e->col = (unsigned)(at - line) + 1;
	snprintf(e->text, sizeof e->text, "%s '%.*s'", text, (int)(w.len > 40 ? 40 : w.len), w.p);
	return 1;
}

static int parse_ns(struct bh_word w, bh_ns *ret)
{
	const char *dot = memchr(w.p, '.', w.len);
	size_t whole = dot ? (size_t)(dot - w.p) : w.len;
	uint64_t s, frac = 0;

	if (bh_word_u64((struct bh_word){w.p, whole}, UINT64_MAX / BH_SEC(1) - 1, &s))
		return bh_duration_parse(w.p, w.len, ret); /* scenarios write 0s, 16m */
	if (dot) {
		size_t n = w.len - whole - 1;

		if (n == 0 || n > 9 || bh_word_u64((struct bh_word){dot + 1, n}, UINT64_MAX, &frac))
			return 1;
		for (; n < 9; n++)
			frac *= 10;
	}
	*ret = BH_SEC(s) + frac;
	return 0;
}

static int parse_hex(struct bh_word w, uint64_t *ret)
{
	uint64_t v = 0;

	if (w.len == 0 || w.len > 16)
		return 1;
	for (size_t i = 0; i < w.len; i++) {
		char c = w.p[i];
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (d < 0)
			return 1;
		v = v << 4 | (uint64_t)d;
	}
	*ret = v;
	return 0;
}

static int parse_opts(struct bh_word w, struct bh_ev_dhcp *d)
{
	const char *p = w.p, *end = w.p + w.len;

	while (p <= end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma ? comma : end) - p);
		uint64_t v;

		if (d->n_opts == BH_DHCP_OPTS || bh_word_u64((struct bh_word){p, n}, 255, &v) || v == 0) /* 0 is padding, no option */
			return 1;
		d->opts[d->n_opts++] = (uint8_t)v;
		if (!comma)
			return 0;
		p = comma + 1;
	}
	return 1;
}

static int parse_list(struct bh_word w, uint8_t *ret, size_t max)
{
	const char *p = w.p, *end = w.p + w.len;

	for (size_t i = 0; i < max; i++) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		uint64_t v;

		if (bh_word_u64((struct bh_word){p, (size_t)((comma ? comma : end) - p)}, 255, &v))
			return 1;
		ret[i] = (uint8_t)v;
		if (!comma)
			return v == 0; /* would not be printed again */
		p = comma + 1;
	}
	return 1;
}

static int parse_value(const struct field *f, struct bh_word w, struct bh_event *ev)
{
	static const uint64_t max[] = {0xff, 0xffff, 0xffffffff, UINT64_MAX};
	uint8_t *p = (uint8_t *)ev + f->off;
	uint64_t v;

	switch (f->form) {
	case F_U8:
	case F_U16:
	case F_U32:
	case F_U64:
		if (bh_word_u64(w, max[f->form - F_U8], &v))
			return 1;
		memcpy(p, &v, f->size);
		return 0;
	case F_HEX64:
		if (parse_hex(w, &v))
			return 1;
		memcpy(p, &v, 8);
		return 0;
	case F_NS:
		if (parse_ns(w, &v))
			return 1;
		memcpy(p, &v, 8);
		return 0;
	case F_MAC:
		return bh_mac_parse(w.p, w.len, (struct bh_mac *)p);
	case F_ADDR:
		return bh_addr_parse(w.p, w.len, (struct bh_addr *)p);
	case F_STR:
		return bh_word_str(w, (char *)p, f->size);
	case F_OPTS:
		return parse_opts(w, &ev->u.dhcp);
	case F_LIST:
		return parse_list(w, p, f->size);
	case F_UUID:
		return bh_uuid_parse(w.p, w.len, (struct bh_uuid *)p);
	case F_WORD:
		for (v = 0; v < f->names; v++)
			if (bh_word_is(w, f->name((unsigned)v))) {
				memcpy(p, &v, f->size);
				return 0;
			}
	}
	return 1;
}

int bh_end_parse(const char *text, size_t len, struct bh_addr *ret_addr, uint16_t *ret_port)
{
	const char *colon = memrchr(text, ':', len);
	struct bh_addr a;
	uint64_t v;
	size_t n;

	if (!colon || bh_word_u64((struct bh_word){colon + 1, (size_t)(text + len - colon - 1)}, 0xffff, &v))
		return 1;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (bh_addr_parse(text, n, &a))
		return 1;
	*ret_addr = a;
	*ret_port = (uint16_t)v;
	return 0;
}

static int parse_end(struct bh_word w, bool with_port, struct bh_addr *a, uint16_t *port)
{
	return with_port ? bh_end_parse(w.p, w.len, a, port) : bh_addr_parse(w.p, w.len, a);
}

static int parse_proto(struct bh_word w, uint8_t *proto)
{
	static const uint8_t known[] = {1, 6, 17, 58};
	char buf[4];
	uint64_t v;

	for (size_t i = 0; i < sizeof known; i++)
		if (bh_word_is(w, bh_proto_name(known[i], buf))) {
			*proto = known[i];
			return 0;
		}
	if (bh_word_u64(w, 255, &v))
		return 1;
	*proto = (uint8_t)v;
	return 0;
}

static int parse_ends(const char *line, const char **p, const char *end, struct bh_event *ev, struct bh_event_error *e)
{
	struct bh_word w = {*p, 0};

	if (bh_word_next(p, end, &w) || (ev->kind == BH_EV_ARP ? !bh_word_is(w, "arp") : parse_proto(w, &ev->proto)))
		return fail(e, line, w.p, "unknown protocol", w);
	if (bh_word_next(p, end, &w) || parse_end(w, has_ports(ev->proto), &ev->src, &ev->sport))
		return fail(e, line, w.p, "not a source address", w);
	if (bh_word_next(p, end, &w) || !bh_word_is(w, ">"))
		return fail(e, line, w.p, "expected '>' instead of", w);
	if (bh_word_next(p, end, &w) || parse_end(w, has_ports(ev->proto), &ev->dst, &ev->dport))
		return fail(e, line, w.p, "not a destination address", w);
	return 0;
}

static const struct field *find_field(struct bh_word key, unsigned kind)
{
	for (size_t i = 0; i < BH_COUNT(fields); i++)
		if ((fields[i].kinds & kind_bit(kind)) && bh_word_is(key, fields[i].key))
			return &fields[i];
	return NULL;
}

int bh_event_parse(const char *line, size_t len, struct bh_event *ret_event, struct bh_event_error *ret_error)
{
	const char *p = line, *end = line + len;
	uint64_t seen[(BH_COUNT(fields) + 63) / 64] = {0};
	struct bh_event ev;
	struct bh_word w = {line, 0};
	int r;

	memset(&ev, 0, sizeof ev);
	if (bh_word_next(&p, end, &w) || parse_ns(w, &ev.at))
		return fail(ret_error, line, w.p, "not a time", w);
	if (bh_word_next(&p, end, &w))
		return fail(ret_error, line, p, "no event kind after", w);
	for (ev.kind = 1; ev.kind < BH_EV_KINDS; ev.kind++)
		if (bh_word_is(w, bh_ev_kind_name(ev.kind)))
			break;
	if (ev.kind == BH_EV_KINDS)
		return fail(ret_error, line, w.p, "unknown event kind", w);
	if ((kind_bit(ev.kind) & ENDS) && parse_ends(line, &p, end, &ev, ret_error))
		return 1;
	while ((r = bh_word_next(&p, end, &w)) == 0) {
		const char *eq = memchr(w.p, '=', w.len);
		struct bh_word key = {w.p, eq ? (size_t)(eq - w.p) : w.len};
		const struct field *f = find_field(key, ev.kind);
		size_t i = f ? (size_t)(f - fields) : 0;

		if (!eq || !f)
			return fail(ret_error, line, w.p, "unknown key", key);
		if (seen[i / 64] >> (i % 64) & 1)
			return fail(ret_error, line, w.p, "key given twice:", key);
		seen[i / 64] |= 1ull << (i % 64);
		if (parse_value(f, (struct bh_word){eq + 1, w.len - key.len - 1}, &ev))
			return fail(ret_error, line, eq + 1, "bad value in", w);
	}
	if (r == 2)
		return fail(ret_error, line, p, "unfinished quote", w);
	*ret_event = ev;
	return 0;
}
