/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The adapter to nDPI, and the only file that sees its headers.
 *
 * What is asked of nDPI is one word per flow and the fingerprint of its client, so a flow is final as
 * soon as its answer maps to one of our applications: the names, certificates and versions it would
 * go on to collect are not used here, and most of its time goes there. Only SSH is known before its
 * fingerprint is, and is shown a few packets more. Its numbers move between releases, so protocols
 * are found by name at start.
 *
 * nDPI answers with a pair: a carrier (TLS, HTTP, DNS, QUIC) and what runs inside (a company,
 * mostly). The inner one counts if we have a name for it, else the carrier, else BH_APP_OTHER.
 *
 * The pool is a ring by age: taken from its end when full, so an attacker who holds many
 * half-understood flows loses his own oldest first and delays nobody's beyond the pool's turnover.
 *
 * nDPI 5 changed the calls, not the idea; what differs is gathered at the top of this file.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <ndpi_api.h>

#include <bulkhead/classify.h>

#define MAX_TCP 16
#define MAX_UDP 12
#define MAX_PRINT 6 /* packets of an SSH flow, while its client's key exchange has not come */

/* ---- names ---- */

/*
 * nDPI's names, old and new spellings; one that a release does not know is passed over. What is not
 * in this table is switched off: games, television and file sharing would otherwise be tried on
 * every first packet, a fifth of nDPI's time here. Protocols of offices and plants without a name
 * of ours stay on, as "other".
 */
static const struct {
	const char *name;
	uint16_t app;
} names[] = {
	{"SMBv1", BH_APP_SMB},
	{"SMBv23", BH_APP_SMB},
	{"RDP", BH_APP_RDP},
	{"SSH", BH_APP_SSH},
	{"DNS", BH_APP_DNS},
	{"HTTP", BH_APP_HTTP},
	{"HTTP_Connect", BH_APP_HTTP},
	{"HTTP_Proxy", BH_APP_HTTP},
	{"WebSocket", BH_APP_HTTP},
	{"SOAP", BH_APP_HTTP},
	{"TLS", BH_APP_TLS},
	{"DTLS", BH_APP_TLS},
	{"QUIC", BH_APP_QUIC},
	{"DHCP", BH_APP_DHCP},
	{"DHCPV6", BH_APP_DHCP},
	{"Kerberos", BH_APP_KERBEROS},
	{"LDAP", BH_APP_LDAP},
	{"DCE_RPC", BH_APP_MSRPC},
	{"DCERPC", BH_APP_MSRPC},
	{"MS-RPCH", BH_APP_MSRPC},
	{"NetBIOS", BH_APP_NETBIOS},
	{"LLMNR", BH_APP_LLMNR},
	{"MDNS", BH_APP_MDNS},
	{"SSDP", BH_APP_SSDP},
	{"WSD", BH_APP_WSD},
	{"NTP", BH_APP_NTP},
	{"SNMP", BH_APP_SNMP},
	{"Syslog", BH_APP_SYSLOG},
	{"SIP", BH_APP_SIP},
	{"RTP", BH_APP_RTP},
	{"RTCP", BH_APP_RTP},
	{"SRTP", BH_APP_RTP},
	{"VNC", BH_APP_VNC},
	{"Telnet", BH_APP_TELNET},
	{"FTP_CONTROL", BH_APP_FTP},
	{"FTP_DATA", BH_APP_FTP},
	{"TFTP", BH_APP_TFTP},
	{"SMTP", BH_APP_SMTP},
	{"SMTPS", BH_APP_SMTP},
	{"IMAP", BH_APP_IMAP},
	{"IMAPS", BH_APP_IMAP},
	{"POP3", BH_APP_POP3},
	{"POPS", BH_APP_POP3},
	{"MySQL", BH_APP_MYSQL},
	{"PostgreSQL", BH_APP_POSTGRES},
	{"PostgreS", BH_APP_POSTGRES},
	{"MsSQL-TDS", BH_APP_MSSQL},
	{"Oracle", BH_APP_ORACLE},
	{"Redis", BH_APP_REDIS},
	{"MQTT", BH_APP_MQTT},
	{"NFS", BH_APP_NFS},
	{"RSYNC", BH_APP_RSYNC},
	{"Modbus", BH_APP_MODBUS},
	{"UMAS", BH_APP_MODBUS},
	{"s7comm", BH_APP_S7COMM},
	{"S7Comm", BH_APP_S7COMM},
	{"S7CommPlus", BH_APP_S7COMM},
	{"DNP3", BH_APP_DNP3},
	{"IEC60870", BH_APP_IEC104},
	{"EthernetIP", BH_APP_ETHERNETIP},
	{"EtherNet/IP", BH_APP_ETHERNETIP},
	{"CIP", BH_APP_ETHERNETIP},
	{"Citrix", BH_APP_CITRIX},
	{"TeamViewer", BH_APP_TEAMVIEWER},
	{"AnyDesk", BH_APP_ANYDESK},
	{"BitTorrent", BH_APP_BITTORRENT},
	{"Tor", BH_APP_TOR},
	{"OpenVPN", BH_APP_OPENVPN},
	{"WireGuard", BH_APP_WIREGUARD},
	{"IPsec", BH_APP_IPSEC},
	{"IPSec", BH_APP_IPSEC},
	{"GRE", BH_APP_GRE},
	{"ICMP", BH_APP_ICMP},
	{"ICMPV6", BH_APP_ICMP6},
	{"IGMP", BH_APP_IGMP},
	{"Radius", BH_APP_RADIUS},
	{"STUN", BH_APP_STUN},
	{"RPC", BH_APP_RPC},
	{"AFP", BH_APP_OTHER},
	{"AJP", BH_APP_OTHER},
	{"AMQP", BH_APP_OTHER},
	{"BACnet", BH_APP_OTHER},
	{"BGP", BH_APP_OTHER},
	{"BJNP", BH_APP_OTHER},
	{"CAPWAP", BH_APP_OTHER},
	{"CHECKMK", BH_APP_OTHER},
	{"CiscoSkinny", BH_APP_OTHER},
	{"CiscoVPN", BH_APP_OTHER},
	{"COAP", BH_APP_OTHER},
	{"Corba", BH_APP_OTHER},
	{"Diameter", BH_APP_OTHER},
	{"DNScrypt", BH_APP_OTHER},
	{"DRDA", BH_APP_OTHER},
	{"Git", BH_APP_OTHER},
	{"GTP", BH_APP_OTHER},
	{"H323", BH_APP_OTHER},
	{"IAX", BH_APP_OTHER},
	{"IPP", BH_APP_OTHER},
	{"IRC", BH_APP_OTHER},
	{"Jabber", BH_APP_OTHER},
	{"LISP", BH_APP_OTHER},
	{"LotusNotes", BH_APP_OTHER},
	{"Memcached", BH_APP_OTHER},
	{"MGCP", BH_APP_OTHER},
	{"Mining", BH_APP_OTHER},
	{"MongoDB", BH_APP_OTHER},
	{"MPEG_TS", BH_APP_OTHER},
	{"Nats", BH_APP_OTHER},
	{"NetFlow", BH_APP_OTHER},
	{"OPC-UA", BH_APP_OTHER},
	{"PPTP", BH_APP_OTHER},
	{"RemoteScan", BH_APP_OTHER},
	{"RTMP", BH_APP_OTHER},
	{"RTSP", BH_APP_OTHER},
	{"SAP", BH_APP_OTHER},
	{"sFlow", BH_APP_OTHER},
	{"Skype_Teams", BH_APP_OTHER},
	{"SOCKS", BH_APP_OTHER},
	{"SOMEIP", BH_APP_OTHER},
	{"Teredo", BH_APP_OTHER},
	{"TINC", BH_APP_OTHER},
	{"VMware", BH_APP_OTHER},
	{"Whois-DAS", BH_APP_OTHER},
	{"XDMCP", BH_APP_OTHER},
	{"Zabbix", BH_APP_OTHER},
	{"ZeroMQ", BH_APP_OTHER},
	{"Zoom", BH_APP_OTHER},
};

/* BH_APP_UNKNOWN = not in the table */
static uint16_t app_named(const char *name)
{
	for (size_t i = 0; name && i < BH_COUNT(names); i++)
		if (!strcasecmp(name, names[i].name))
			return names[i].app;
	return BH_APP_UNKNOWN;
}

/* ---- what differs between releases ---- */

#if NDPI_MAJOR >= 5
/* All dissectors stay on: the call that chose them is gone. */
static struct ndpi_detection_module_struct *module_new(void)
{
	struct ndpi_detection_module_struct *m = ndpi_init_detection_module(NULL);

	if (m && ndpi_finalize_initialization(m) != 0) {
		ndpi_exit_detection_module(m);
		return NULL;
	}
	return m;
}
static ndpi_protocol inspect(struct ndpi_detection_module_struct *m, struct ndpi_flow_struct *f,
	const uint8_t *l3, uint16_t len, uint64_t ms)
{
	return ndpi_detection_process_packet(m, f, l3, len, ms, NULL);
}
static ndpi_protocol best_answer(struct ndpi_detection_module_struct *m, struct ndpi_flow_struct *f)
{
	return ndpi_detection_giveup(m, f);
}
static uint16_t inner_id(ndpi_protocol r)
{
	return r.proto.app_protocol;
}
static uint16_t carrier_id(ndpi_protocol r)
{
	return r.proto.master_protocol;
}
/* JA3 is gone, and what came instead is another hash of other things: none is better than one that compares to nothing */
static const char *print_text(const struct ndpi_flow_struct *f, unsigned app)
{
	return app == BH_APP_SSH ? f->protos.ssh.hassh_client : "";
}
#else
static struct ndpi_detection_module_struct *module_new(void)
{
	struct ndpi_detection_module_struct *m =
		ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
	NDPI_PROTOCOL_BITMASK on;

	if (!m)
		return NULL;
	NDPI_BITMASK_RESET(on);
	for (uint16_t id = 1; id < ndpi_get_num_supported_protocols(m); id++)
		if (app_named(ndpi_get_proto_name(m, id)) != BH_APP_UNKNOWN)
			NDPI_BITMASK_ADD(on, id);
	ndpi_set_protocol_detection_bitmask2(m, &on);
	ndpi_finalize_initialization(m);
	return m;
}
static ndpi_protocol inspect(struct ndpi_detection_module_struct *m, struct ndpi_flow_struct *f,
	const uint8_t *l3, uint16_t len, uint64_t ms)
{
	return ndpi_detection_process_packet(m, f, l3, len, ms);
}
static ndpi_protocol best_answer(struct ndpi_detection_module_struct *m, struct ndpi_flow_struct *f)
{
	uint8_t guessed = 0;

	return ndpi_detection_giveup(m, f, 1, &guessed);
}
static uint16_t inner_id(ndpi_protocol r)
{
	return r.app_protocol;
}
static uint16_t carrier_id(ndpi_protocol r)
{
	return r.master_protocol;
}
/* The union these lie in belongs to the protocol found: ask only for that. */
static const char *print_text(const struct ndpi_flow_struct *f, unsigned app)
{
	switch (app) {
	case BH_APP_TLS:
	case BH_APP_QUIC:
		return f->protos.tls_quic.ja3_client;
	case BH_APP_SSH:
		return f->protos.ssh.hassh_client;
	}
	return "";
}
#endif

struct slot {
	uint32_t owner;
	uint16_t prev, next; /* age ring; next also chains the free */
	uint8_t offered;
};

struct bh_classify {
	struct ndpi_detection_module_struct *mod;
	struct bh_classify_conf conf;
	uint16_t *app_of; /* by nDPI number */
	uint32_t n_app_of;
	unsigned known;
	struct slot *slots; /* [1..pool]; [0] is the age ring's anchor */
	uint8_t *flows;
	size_t flow_bytes;
	uint16_t free_head, fresh;
	struct bh_classify_counters n;
};

static struct ndpi_flow_struct *state(const struct bh_classify *c, uint16_t slot)
{
	return (struct ndpi_flow_struct *)(void *)(c->flows + (size_t)slot * c->flow_bytes);
}

static int learn_names(struct bh_classify *c)
{
	c->n_app_of = ndpi_get_num_supported_protocols(c->mod);
	c->app_of = calloc(c->n_app_of, sizeof *c->app_of);
	if (!c->app_of)
		return -ENOMEM;
	for (uint32_t id = 1; id < c->n_app_of; id++) {
		c->app_of[id] = app_named(ndpi_get_proto_name(c->mod, (uint16_t)id));
		c->known += c->app_of[id] != BH_APP_UNKNOWN;
	}
	return c->known ? 0 : -EPROTO;
}

int bh_classify_new(const struct bh_classify_conf *conf, struct bh_classify **ret_classify)
{
	struct bh_classify *c = calloc(1, sizeof *c);
	int r = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->conf = *conf;
	if (c->conf.pool < 64)
		c->conf.pool = 64;
	if (!c->conf.max_tcp)
		c->conf.max_tcp = MAX_TCP;
	if (!c->conf.max_udp)
		c->conf.max_udp = MAX_UDP;
	c->flow_bytes = (sizeof(struct ndpi_flow_struct) + 63) & ~(size_t)63;
	c->slots = calloc((size_t)c->conf.pool + 1, sizeof *c->slots);
	c->flows = calloc((size_t)c->conf.pool + 1, c->flow_bytes);
	c->fresh = 1;
	if (c->slots && c->flows)
		c->mod = module_new();
	if (c->mod)
		r = learn_names(c);
	if (r) {
		bh_classify_free(c);
		return r;
	}
	*ret_classify = c;
	return 0;
}

static void age_unlink(struct bh_classify *c, uint16_t s)
{
	c->slots[c->slots[s].prev].next = c->slots[s].next;
	c->slots[c->slots[s].next].prev = c->slots[s].prev;
}

void bh_classify_free(struct bh_classify *c)
{
	if (!c)
		return;
	if (c->slots && c->flows)
		for (uint16_t s = c->slots[0].next; s; s = c->slots[s].next)
			ndpi_free_flow_data(state(c, s));
	if (c->mod)
		ndpi_exit_detection_module(c->mod);
	free(c->app_of);
	free(c->slots);
	free(c->flows);
	free(c);
}

/* ---- the pool ---- */

bool bh_classify_full(const struct bh_classify *c)
{
	return !c->free_head && c->fresh == c->conf.pool;
}

uint32_t bh_classify_oldest(const struct bh_classify *c)
{
	return c->slots[c->slots[0].next].owner;
}

static uint16_t slot_take(struct bh_classify *c, uint32_t owner)
{
	uint16_t s = c->free_head, last = c->slots[0].prev;

	if (s)
		c->free_head = c->slots[s].next;
	else
		s = c->fresh++;
	c->slots[s] = (struct slot){.owner = owner, .prev = last, .next = 0};
	c->slots[last].next = s;
	c->slots[0].prev = s;
	memset(state(c, s), 0, sizeof(struct ndpi_flow_struct));
	if (++c->n.in_use > c->n.in_use_max)
		c->n.in_use_max = c->n.in_use;
	return s;
}

static void slot_give(struct bh_classify *c, uint16_t *io_slot)
{
	uint16_t s = *io_slot;

	ndpi_free_flow_data(state(c, s));
	age_unlink(c, s);
	c->slots[s].next = c->free_head;
	c->free_head = s;
	c->n.in_use--;
	*io_slot = 0;
}

/* ---- answers ---- */

/*
 * The first half of an MD5 in hex of either case; 0 = there is none. A key exchange cut by a segment's end, as that of newer
 * OpenSSH is, comes out as the MD5 of nothing: the same for all of them, so it is none.
 */
static uint64_t print_of(const char *hex)
{
	static const uint64_t nothing = 0xd41d8cd98f00b204;
	uint64_t v = 0;

	for (unsigned i = 0; i < 16; i++) {
		char ch = (char)(hex[i] | 0x20);

		if (hex[i] >= '0' && hex[i] <= '9')
			v = v << 4 | (unsigned)(hex[i] - '0');
		else if (ch >= 'a' && ch <= 'f')
			v = v << 4 | (unsigned)(ch - 'a' + 10);
		else
			return 0;
	}
	return v == nothing ? 0 : v;
}

static uint16_t app_of(const struct bh_classify *c, uint16_t id)
{
	return id < c->n_app_of ? c->app_of[id] : BH_APP_UNKNOWN;
}

static bool translate(const struct bh_classify *c, ndpi_protocol r,
	const struct ndpi_flow_struct *f, struct bh_class *ret)
{
	uint16_t in = inner_id(r), out = carrier_id(r);

	if (!in && !out)
		return false;
	ret->app = app_of(c, in);
	ret->print = print_of(print_text(f, app_of(c, out ? out : in)));
	if (!ret->app)
		ret->app = app_of(c, out);
	if (!ret->app)
		ret->app = BH_APP_OTHER;
	ret->guess =
		f->confidence != NDPI_CONFIDENCE_DPI && f->confidence != NDPI_CONFIDENCE_DPI_CACHE;
	return true;
}

void bh_classify_giveup(struct bh_classify *c, uint16_t *io_slot, struct bh_class *ret_class)
{
	struct ndpi_flow_struct *f = state(c, *io_slot);

	*ret_class = (struct bh_class){0};
	if (!translate(c, best_answer(c->mod, f), f, ret_class))
		c->n.unknown++;
	else if (ret_class->guess)
		c->n.by_guess++;
	else
		c->n.by_content++;
	slot_give(c, io_slot);
}

enum bh_class_step bh_classify_packet(struct bh_classify *c, uint16_t *io_slot, uint32_t owner,
	const struct bh_packet *pkt, struct bh_class *ret_class)
{
	struct ndpi_flow_struct *f;
	struct slot *s;
	bool known;

	if (!*io_slot)
		*io_slot = slot_take(c, owner);
	s = &c->slots[*io_slot];
	f = state(c, *io_slot);
	c->n.offered++;
	s->offered++;
	known = translate(c,
			inspect(c->mod, f, pkt->l3, pkt->l3_len > 65535 ? 65535 : (uint16_t)pkt->l3_len, pkt->at / 1000000), f,
			ret_class) &&
		!ret_class->guess;
	if (known && ret_class->app == BH_APP_SSH && !*print_text(f, BH_APP_SSH) && s->offered < MAX_PRINT)
		return BH_CLASS_MORE;
	if (known) {
		c->n.by_content++;
		slot_give(c, io_slot);
		return BH_CLASS_FINAL;
	}
	if (s->offered < (pkt->what == BH_WHAT_UDP ? c->conf.max_udp : c->conf.max_tcp))
		return BH_CLASS_MORE;
	bh_classify_giveup(c, io_slot, ret_class);
	return BH_CLASS_FINAL;
}

enum bh_app bh_classify_proto(uint8_t proto)
{
	switch (proto) {
	case 1:
		return BH_APP_ICMP;
	case 58:
		return BH_APP_ICMP6;
	case 2:
		return BH_APP_IGMP;
	case 47:
		return BH_APP_GRE;
	case 50:
	case 51:
		return BH_APP_IPSEC;
	}
	return BH_APP_UNKNOWN;
}

void bh_classify_counters(const struct bh_classify *c, struct bh_classify_counters *ret)
{
	*ret = c->n;
}

size_t bh_classify_bytes(const struct bh_classify *c)
{
	return ((size_t)c->conf.pool + 1) * (c->flow_bytes + sizeof *c->slots);
}

void bh_classify_about(const struct bh_classify *c, char *buf, size_t size)
{
	snprintf(buf, size, "nDPI %s, %u protocols mapped", ndpi_revision(), c->known);
}

/* ---- community id ---- */

/* The v4 call wants addresses and ports in host order, the v6 call the address as on the wire. */
void bh_classify_community_id(struct bh_event *ev)
{
	char *out = ev->u.flow.community_id;
	uint8_t type = 0, code = 0;
	uint16_t sport = ev->sport, dport = ev->dport;
	int r;

	if (ev->proto == 1 || ev->proto == 58) {
		type = (uint8_t)sport;
		code = (uint8_t)dport;
		sport = dport = 0;
	}
	if (bh_addr_is4(&ev->src) && bh_addr_is4(&ev->dst)) {
		uint32_t s, d;

		memcpy(&s, ev->src.b + 12, 4);
		memcpy(&d, ev->dst.b + 12, 4);
		r = ndpi_flowv4_flow_hash(ev->proto, __builtin_bswap32(s), __builtin_bswap32(d),
			sport, dport, type, code, (u_char *)out, sizeof ev->u.flow.community_id);
	} else {
		struct ndpi_in6_addr s, d;

		memcpy(&s, ev->src.b, 16);
		memcpy(&d, ev->dst.b, 16);
		r = ndpi_flowv6_flow_hash(ev->proto, &s, &d, sport, dport, type, code,
			(u_char *)out, sizeof ev->u.flow.community_id);
	}
	if (r)
		memset(out, 0, sizeof ev->u.flow.community_id);
}
