/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LLMNR, mDNS, NetBIOS names, SSDP, WS-Discovery. */
#include "dissect_rig.h"

extern const struct bh_dissector bh_dissector_llmnr, bh_dissector_mdns, bh_dissector_nbns, bh_dissector_ssdp, bh_dissector_wsd;

struct msg {
	uint8_t b[4096];
	size_t n;
};

static void put(struct msg *m, const void *p, size_t n)
{
	memcpy(m->b + m->n, p, n);
	m->n += n;
}

static void put16(struct msg *m, unsigned v)
{
	m->b[m->n++] = (uint8_t)(v >> 8);
	m->b[m->n++] = (uint8_t)v;
}

static struct msg head(unsigned id, unsigned flags, unsigned questions, unsigned answers, unsigned authority, unsigned additional)
{
	struct msg m = {.n = 0};

	put16(&m, id);
	put16(&m, flags);
	put16(&m, questions);
	put16(&m, answers);
	put16(&m, authority);
	put16(&m, additional);
	return m;
}

/* "\4wpad" in one string: labels with their lengths, the end is added */
static void question(struct msg *m, const char *labels, unsigned type)
{
	put(m, labels, strlen(labels) + 1);
	put16(m, type);
	put16(m, 1);
}

static void record(struct msg *m, const char *labels, unsigned type, unsigned ttl, const void *p, unsigned n)
{
	put(m, labels, strlen(labels) + 1);
	put16(m, type);
	put16(m, 0x8001);
	put16(m, ttl >> 16);
	put16(m, ttl & 0xffff);
	put16(m, n);
	put(m, p, n);
}

static struct bh_addr addr(const char *text)
{
	struct bh_addr a;

	assert_int_equal(bh_addr_parse(text, strlen(text), &a), 0);
	return a;
}

/* what is told has this address, name and text */
static void told(const struct rig *r, size_t i, unsigned via, unsigned op, const char *address, const char *name, const char *text)
{
	const struct bh_ev_name *e = &r->ev[i].u.name;
	struct bh_addr want = address ? addr(address) : (struct bh_addr){{0}};

	assert_true(i < r->n);
	assert_int_equal(r->ev[i].kind, BH_EV_NAME);
	assert_int_equal(e->via, via);
	assert_int_equal(e->op, op);
	assert_true(bh_addr_eq(&e->addr, &want));
	assert_string_equal(e->name, name);
	assert_string_equal(e->text, text);
}

/* every cut and every changed byte: sanitizers watch */
static void every_way(struct rig *r, const struct msg *good)
{
	for (size_t i = 0; i < good->n; i++) {
		struct msg m = *good;

		rig_say(r, 1, m.b, i);
		r->n = 0;
		for (unsigned k = 0; k < 3; k++) {
			m.b[i] = (uint8_t[]){0, 0xc0, 0xff}[k];
			rig_say(r, 1, m.b, m.n);
			r->n = 0;
		}
	}
}

static struct rig *to_group(const struct bh_dissector *d, uint16_t port, const char *group)
{
	struct rig *r = rig_open(d, port, true);

	r->proto.dst = addr(group);
	r->late = true; /* nobody answers for a group */
	return r;
}

/* ---- LLMNR ---- */

static void llmnr_tells_who_asks_the_group_and_who_answers(void **state)
{
	struct rig *r = to_group(&bh_dissector_llmnr, 5355, "224.0.0.252");
	struct msg q = head(77, 0, 1, 0, 0, 0), a = head(77, 0x8000, 1, 2, 0, 0);

	question(&q, "\4wpad", 1);
	rig_say(r, 0, q.b, q.n);
	assert_int_equal(r->n, 1);
	told(r, 0, BH_NAME_LLMNR, BH_NAME_QUERY, NULL, "wpad", "");
	assert_int_equal(r->ev[0].u.name.id, 77);
	assert_int_equal(r->ev[0].u.name.qtype, 1);
	assert_int_equal(r->ev[0].app, 0);
	question(&a, "\4wpad", 1);
	record(&a, "\4wpad", 1, 30, "\x0a\0\0\x42", 4);
	record(&a, "\4wpad", 28, 30, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x42", 16);
	r->proto.dst = addr("10.0.0.66");
	r->late = false;
	rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->n, 3);
	told(r, 1, BH_NAME_LLMNR, BH_NAME_ANSWER, "10.0.0.66", "wpad", "");
	told(r, 2, BH_NAME_LLMNR, BH_NAME_ANSWER, "fe80::42", "wpad", "");
	assert_int_equal(r->ev[1].u.name.ttl_s, 30);
	assert_int_equal(r->ev[1].u.name.answers, 2);
	assert_int_equal(r->ev[2].u.name.qtype, 28);
	assert_int_equal(r->ev[1].flags, BH_EVF_TWOWAY);
	assert_int_equal(r->ev[1].sport, 5355); /* who answers is the source */
	assert_true(bh_addr_eq(&r->ev[1].src, &r->proto.dst));
	every_way(r, &a);
	rig_close(r);
}

static void an_answer_without_an_address_is_told_once_and_other_messages_are_counted(void **state)
{
	struct rig *r = rig_open(&bh_dissector_llmnr, 5355, true);
	struct msg a = head(1, 0x8000, 1, 1, 0, 0), other = head(1, 0x2800, 1, 0, 0, 0), two = head(1, 0, 2, 0, 0, 0), cut = head(1, 0x8000, 1, 1, 0, 0);

	question(&a, "\1x", 12);
	record(&a, "\1x", 12, 5, "\1y", 3);
	rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->n, 1);
	told(r, 0, BH_NAME_LLMNR, BH_NAME_ANSWER, NULL, "x", "");
	rig_say(r, 1, other.b, other.n);
	rig_say(r, 1, two.b, two.n);
	assert_int_equal(rig_count(r, "other"), 2);
	question(&cut, "\1x", 1);
	rig_say(r, 1, cut.b, cut.n);
	assert_int_equal(rig_count(r, "malformed"), 1);
	assert_int_equal(r->n, 1);
	rig_close(r);
}

static void of_many_addresses_eight_are_told(void **state)
{
	struct rig *r = rig_open(&bh_dissector_llmnr, 5355, true);
	struct msg a = head(1, 0x8000, 1, 40, 0, 0);

	question(&a, "\1x", 1);
	for (unsigned i = 0; i < 40; i++)
		record(&a, "\1x", 1, 5, (uint8_t[]){10, 0, 0, (uint8_t)i}, 4);
	rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->n, 8);
	assert_int_equal(r->ev[7].u.name.answers, 40);
	rig_close(r);
}

/* ---- mDNS ---- */

#define PRINTER "\7printer\5local"

static void an_announcement_is_a_claim_and_a_reply_an_answer(void **state)
{
	struct rig *r = to_group(&bh_dissector_mdns, 5353, "224.0.0.251");
	struct msg a = head(0, 0x8400, 0, 1, 0, 2);

	record(&a, "\4_ipp\4_tcp\5local", 12, 4500, "\7printer\4_ipp\4_tcp\5local", 24);
	record(&a, PRINTER, 1, 120, "\xc0\xa8\x89\1", 4);
	record(&a, PRINTER, 1, 120, "\x0a\0\0\x09", 4);
	rig_say(r, 0, a.b, a.n);
	assert_int_equal(r->n, 2);
	told(r, 0, BH_NAME_MDNS, BH_NAME_CLAIM, "192.168.137.1", "printer.local", "");
	told(r, 1, BH_NAME_MDNS, BH_NAME_CLAIM, "10.0.0.9", "printer.local", "");
	assert_int_equal(r->ev[0].u.name.ttl_s, 120);
	a.b[1] = 9; /* an id: a reply to a plain resolver */
	rig_say(r, 0, a.b, a.n);
	told(r, 2, BH_NAME_MDNS, BH_NAME_ANSWER, "192.168.137.1", "printer.local", "");
	a.b[1] = 0;
	r->proto.dst = addr("10.0.0.2");
	rig_say(r, 0, a.b, a.n);
	told(r, 4, BH_NAME_MDNS, BH_NAME_ANSWER, "192.168.137.1", "printer.local", "");
	every_way(r, &a);
	rig_close(r);
}

static void a_question_for_an_address_is_preferred_and_what_a_probe_brings_is_claimed(void **state)
{
	struct rig *r = to_group(&bh_dissector_mdns, 5353, "ff02::fb");
	struct msg q = head(0, 0, 3, 1, 1, 0), ptr = head(0, 0, 1, 0, 0, 0), more = head(0, 0, 0, 1, 0, 0);

	question(&q, "\4_ipp\4_tcp\5local", 12);
	question(&q, PRINTER, 255);
	question(&q, "\5other\5local", 1);
	record(&q, "\7another\5local", 1, 120, "\1\2\3\4", 4); /* known already, of somebody else */
	record(&q, PRINTER, 1, 120, "\x0a\0\0\x09", 4);
	rig_say(r, 0, q.b, q.n);
	assert_int_equal(r->n, 2);
	told(r, 0, BH_NAME_MDNS, BH_NAME_QUERY, NULL, "printer.local", "");
	assert_int_equal(r->ev[0].u.name.qtype, 255);
	told(r, 1, BH_NAME_MDNS, BH_NAME_CLAIM, "10.0.0.9", "printer.local", "");
	question(&ptr, "\4_ipp\4_tcp\5local", 12);
	rig_say(r, 0, ptr.b, ptr.n);
	told(r, 2, BH_NAME_MDNS, BH_NAME_QUERY, NULL, "_ipp._tcp.local", "");
	record(&more, PRINTER, 1, 120, "\1\2\3\4", 4);
	rig_say(r, 0, more.b, more.n);
	assert_int_equal(r->n, 3);
	assert_int_equal(rig_count(r, "other"), 1);
	every_way(r, &q);
	rig_close(r);
}

static void what_is_announced_without_an_address_is_told_by_its_name(void **state)
{
	struct rig *r = to_group(&bh_dissector_mdns, 5353, "224.0.0.251");
	struct msg a = head(0, 0x8400, 0, 1, 0, 0), none = head(0, 0x8400, 0, 0, 0, 0);

	record(&a, "\4_ipp\4_tcp\5local", 12, 4500, "\1x", 3);
	rig_say(r, 0, a.b, a.n);
	told(r, 0, BH_NAME_MDNS, BH_NAME_CLAIM, NULL, "_ipp._tcp.local", "");
	assert_int_equal(r->ev[0].u.name.qtype, 12);
	rig_say(r, 0, none.b, none.n);
	assert_int_equal(r->n, 1);
	assert_int_equal(rig_count(r, "other"), 1);
	rig_close(r);
}

/* ---- NetBIOS ---- */

static void netbios(struct msg *m, const char *name, unsigned suffix)
{
	char raw[16];

	memset(raw, name[0] == '*' ? 0 : ' ', sizeof raw);
	memcpy(raw, name, strlen(name));
	raw[15] = (char)suffix;
	m->b[m->n++] = 32;
	for (unsigned i = 0; i < 16; i++) {
		m->b[m->n++] = (uint8_t)('A' + ((uint8_t)raw[i] >> 4));
		m->b[m->n++] = (uint8_t)('A' + (raw[i] & 15));
	}
	m->b[m->n++] = 0;
}

static void rest(struct msg *m, unsigned type, unsigned ttl, const void *p, unsigned n)
{
	put16(m, type);
	put16(m, 1);
	put16(m, ttl >> 16);
	put16(m, ttl & 0xffff);
	put16(m, n);
	put(m, p, n);
}

static void nbns_tells_questions_answers_and_registrations(void **state)
{
	struct rig *r = rig_open(&bh_dissector_nbns, 137, true);
	struct msg q = head(5, 0x0110, 1, 0, 0, 0), a = head(5, 0x8500, 0, 1, 0, 0), reg = head(6, 0x2910, 1, 0, 0, 1), no = head(5, 0x8503, 0, 0, 0, 0);

	netbios(&q, "WPAD", 0);
	put16(&q, 32);
	put16(&q, 1);
	rig_say(r, 0, q.b, q.n);
	told(r, 0, BH_NAME_NBNS, BH_NAME_QUERY, NULL, "WPAD", "00");
	assert_int_equal(r->ev[0].u.name.qtype, 32);
	netbios(&a, "WPAD", 0);
	rest(&a, 32, 165, "\0\0\x0a\0\0\x42\0\0\xac\x10\x40\1", 12);
	rig_say(r, 1, a.b, a.n);
	assert_int_equal(r->n, 3);
	told(r, 1, BH_NAME_NBNS, BH_NAME_ANSWER, "10.0.0.66", "WPAD", "00");
	told(r, 2, BH_NAME_NBNS, BH_NAME_ANSWER, "172.16.64.1", "WPAD", "00");
	assert_int_equal(r->ev[1].u.name.ttl_s, 165);
	assert_int_equal(r->ev[1].u.name.id, 5);
	netbios(&reg, "FILES", 0x20);
	put16(&reg, 32);
	put16(&reg, 1);
	put(&reg, "\xc0\x0c", 2);
	rest(&reg, 32, 300000, "\0\0\x0a\0\0\7", 6);
	rig_say(r, 0, reg.b, reg.n);
	told(r, 3, BH_NAME_NBNS, BH_NAME_CLAIM, "10.0.0.7", "FILES", "20");
	assert_int_equal(r->ev[3].u.name.ttl_s, 300000);
	netbios(&no, "WPAD", 0);
	rest(&no, 10, 0, "", 0);
	rig_say(r, 1, no.b, no.n);
	told(r, 4, BH_NAME_NBNS, BH_NAME_ANSWER, NULL, "WPAD", "00");
	assert_int_equal(r->ev[4].u.name.answers, 0);
	reg.b[reg.n - 6] = 0x80; /* the name of a workgroup is not its own */
	rig_say(r, 0, reg.b, reg.n);
	assert_int_equal(r->n, 5);
	assert_int_equal(rig_count(r, "other"), 1);
	every_way(r, &a);
	every_way(r, &reg);
	rig_close(r);
}

static void of_a_status_the_name_of_the_node_is_told(void **state)
{
	static const char names[] = "\4"
				    "CORP           \0\x84\0"
				    "PC-7           \0\4\0"
				    "PC-7-FILES     \x20\4\0"
				    "PC-7           \3\4\0";
	struct rig *r = rig_open(&bh_dissector_nbns, 137, true);
	struct msg q = head(5, 0, 1, 0, 0, 0), a = head(5, 0x8400, 0, 1, 0, 0), lie = a;

	netbios(&q, "*", 0);
	put16(&q, 33);
	put16(&q, 1);
	rig_say(r, 0, q.b, q.n);
	told(r, 0, BH_NAME_NBNS, BH_NAME_QUERY, NULL, "*", "00");
	assert_int_equal(r->ev[0].u.name.qtype, 33);
	netbios(&a, "*", 0);
	rest(&a, 33, 0, names, sizeof names - 1);
	rig_say(r, 1, a.b, a.n);
	told(r, 1, BH_NAME_NBNS, BH_NAME_ANSWER, NULL, "PC-7-FILES", "20");
	assert_int_equal(r->ev[1].u.name.answers, 4);
	netbios(&lie, "*", 0);
	rest(&lie, 33, 0, "\xff", 1);
	rig_say(r, 1, lie.b, lie.n);
	assert_int_equal(r->n, 2);
	assert_int_equal(rig_count(r, "malformed"), 1);
	every_way(r, &a);
	rig_close(r);
}

static void names_of_other_letters_and_other_operations_are_not_told(void **state)
{
	struct rig *r = rig_open(&bh_dissector_nbns, 137, true);
	struct msg bad = head(5, 0x0110, 1, 0, 0, 0), release = head(5, 0x3010, 1, 0, 0, 1), granted = head(6, 0xad80, 0, 1, 0, 0);

	netbios(&bad, "WPAD", 0);
	bad.b[20] = 'Z';
	put16(&bad, 32);
	put16(&bad, 1);
	rig_say(r, 0, bad.b, bad.n);
	assert_int_equal(rig_count(r, "malformed"), 1);
	rig_say(r, 0, release.b, release.n);
	rig_say(r, 1, granted.b, granted.n);
	assert_int_equal(rig_count(r, "other"), 2);
	assert_int_equal(r->n, 0);
	rig_close(r);
}

/* a browser's announcement as it comes on port 138, with the address 192.168.42.5 in its head */
static struct msg announcement(unsigned command, const char *slot)
{
	struct msg m = {.n = 0};
	size_t smb, data;

	put(&m, "\x11\x02\x12\x34\xc0\xa8\x2a\5\0\x8a\0\0\0\0", 14);
	netbios(&m, "PC-7", 0);
	netbios(&m, "CORP", 0x1d);
	smb = m.n;
	put(&m, "\xffSMB\x25", 5);
	memset(m.b + m.n, 0, 27);
	m.n += 27;
	put(&m, "\x11\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23);
	put(&m, "\x20\0\0\0", 4); /* 32 bytes of data; where is set below */
	put(&m, "\3\0\1\0\1\0\2\0\0\0", 10);
	put(&m, slot, strlen(slot) + 1);
	data = m.n - smb;
	m.b[smb + 57] = (uint8_t)data;
	m.b[m.n++] = (uint8_t)command;
	put(&m, "\0\x80\xfc\x0a\0", 5); /* 720 s */
	put(&m, "PC-7\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	put(&m, "\x0a\0\3\x10\1\0\x0f\1\x55\xaa", 10);
	return m;
}

static void the_browser_announces_a_host_with_the_address_of_its_datagram(void **state)
{
	struct rig *r = rig_open(&bh_dissector_nbns, 138, true);
	struct msg m = announcement(1, "\\MAILSLOT\\BROWSE"), other = announcement(1, "\\MAILSLOT\\NETXXX"), request = announcement(2, "\\MAILSLOT\\BROWSE");

	r->proto.sport = 138;
	r->proto.dst = addr("10.0.0.255");
	rig_say(r, 0, m.b, m.n);
	told(r, 0, BH_NAME_BROWSER, BH_NAME_CLAIM, "192.168.42.5", "PC-7", "");
	assert_int_equal(r->ev[0].u.name.ttl_s, 720);
	rig_say(r, 0, other.b, other.n);
	rig_say(r, 0, request.b, request.n);
	assert_int_equal(r->n, 1);
	assert_int_equal(rig_count(r, "other"), 2);
	every_way(r, &m);
	rig_close(r);
}

/* ---- SSDP ---- */

static void ssdp_tells_where_a_device_says_it_is(void **state)
{
	struct rig *r = to_group(&bh_dissector_ssdp, 1900, "239.255.255.250");

	rig_text(r, 0, "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCache-Control: max-age = 1800\r\nlocation: http://192.168.42.129:49152/d.xml\r\n"
		       "NT: upnp:rootdevice\r\nNTS: ssdp:alive\r\nSERVER:  Linux/5.4 UPnP/1.0 x/1 \r\n\r\n");
	assert_int_equal(r->n, 1);
	told(r, 0, BH_NAME_SSDP, BH_NAME_CLAIM, "192.168.42.129", "upnp:rootdevice", "Linux/5.4 UPnP/1.0 x/1");
	assert_int_equal(r->ev[0].u.name.ttl_s, 1800);
	rig_text(r, 0, "M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\nUSER-AGENT: y/2\r\n\r\n");
	told(r, 1, BH_NAME_SSDP, BH_NAME_QUERY, NULL, "ssdp:all", "y/2");
	rig_text(r, 1, "HTTP/1.1 200 OK\r\nLOCATION: http://[fd00::7%25eth0]:80/\r\nST: a\nSERVER: z");
	told(r, 2, BH_NAME_SSDP, BH_NAME_ANSWER, "fd00::7", "a", "z");
	rig_text(r, 1, "HTTP/1.1 200 OK\r\nLOCATION: http://device.local/\r\n");
	told(r, 3, BH_NAME_SSDP, BH_NAME_ANSWER, NULL, "", "");
	rig_close(r);
}

static void lines_that_are_no_ssdp_are_counted_and_odd_ones_harmless(void **state)
{
	static const char *const odd[] = {"NOTIFY * HTTP/1.1\r\nLOCATION", "NOTIFY * HTTP/1.1\nLOCATION:", "NOTIFY * \nLOCATION:://", "NOTIFY * \nLOCATION: http://[",
		"NOTIFY * \nLOCATION: http://1.2.3", "NOTIFY * \nCACHE-CONTROL: max-age=99999999999999999999999", "NOTIFY * \nSERVER: a\1\2\xff", "NOTIFY * \nNT:\n\n\n"};
	struct rig *r = rig_open(&bh_dissector_ssdp, 1900, true);

	rig_text(r, 0, "GET / HTTP/1.1\r\n");
	rig_text(r, 0, "HTTP/1.1 404 Not Found\r\n");
	rig_say(r, 0, "", 0);
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_count(r, "other"), 2);
	assert_int_equal(rig_count(r, "malformed"), 1);
	for (size_t i = 0; i < BH_COUNT(odd); i++)
		rig_text(r, 0, odd[i]);
	assert_int_equal(r->n, BH_COUNT(odd));
	for (size_t i = 0; i < r->n; i++)
		assert_true(bh_addr_none(&r->ev[i].u.name.addr));
	assert_int_equal(r->ev[5].u.name.ttl_s, UINT32_MAX);
	assert_string_equal(r->ev[6].u.name.text, "a...");
	rig_close(r);
}

/* ---- WS-Discovery ---- */

#define ENVELOPE "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header>"
#define ADDRESS "<a:EndpointReference><a:Address>urn:uuid:3fa1fe68-b915-4053-a3e1-00aabbccddee</a:Address></a:EndpointReference>"

static void wsd_tells_the_addresses_a_device_has(void **state)
{
	struct rig *r = to_group(&bh_dissector_wsd, 3702, "239.255.255.250");

	rig_text(r, 0, ENVELOPE "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Hello</a:Action></s:Header><s:Body><d:Hello>" ADDRESS
				"<d:Types>wsdp:Device pub:Computer</d:Types><d:XAddrs> http://10.0.0.7:5357/x http://[fd00::7]:5357/x\n"
				"http://172.20.10.2:5357/x http://10.0.0.7:5358/y</d:XAddrs></d:Hello></s:Body></s:Envelope>");
	assert_int_equal(r->n, 3);
	told(r, 0, BH_NAME_WSD, BH_NAME_CLAIM, "10.0.0.7", "urn:uuid:3fa1fe68-b915-4053-a3e1-00aabbccddee", "wsdp:Device pub:Computer");
	told(r, 1, BH_NAME_WSD, BH_NAME_CLAIM, "fd00::7", "urn:uuid:3fa1fe68-b915-4053-a3e1-00aabbccddee", "wsdp:Device pub:Computer");
	told(r, 2, BH_NAME_WSD, BH_NAME_CLAIM, "172.20.10.2", "urn:uuid:3fa1fe68-b915-4053-a3e1-00aabbccddee", "wsdp:Device pub:Computer");
	rig_text(r, 0, ENVELOPE "<a:Action>http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01/Probe</a:Action><a:ReplyTo><a:Address>http://x/anonymous</a:Address>"
				"</a:ReplyTo></s:Header><d:Probe><d:Types>wsdp:Device</d:Types></d:Probe>");
	told(r, 3, BH_NAME_WSD, BH_NAME_QUERY, NULL, "", "wsdp:Device");
	rig_text(r, 1, ENVELOPE "<Action >\n http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches\n</Action><XAddrs/><XAddrs>http://10.0.0.8/</XAddrs>"
				"<XAddrs>http://printer/ http://10.0.0.9/</XAddrs></x>");
	told(r, 4, BH_NAME_WSD, BH_NAME_ANSWER, "10.0.0.8", "", "");
	told(r, 5, BH_NAME_WSD, BH_NAME_ANSWER, "10.0.0.9", "", "");
	rig_close(r);
}

static void other_actions_and_text_that_is_no_message_are_counted(void **state)
{
	static const char hello[] = "<Action>x/discovery/Hello</Action><XAddrs>http://10.0.0.8/</XAddrs><Address>urn:x</Address>";
	static const char *const none[] = {"", "<", "<<<", "<a", "<a>", "<a:>", "<:>x<", "hello", "<Action>discovery/Hello", "<Action>Hello<", "</Action>discovery/Hello<",
		"<!--Action>discovery/Hello<", "<Action/>discovery/Hello<", "<Action><Action>"};
	struct rig *r = rig_open(&bh_dissector_wsd, 3702, true);
	struct msg m = {.n = 0};

	for (size_t i = 0; i < BH_COUNT(none); i++)
		rig_text(r, 0, none[i]);
	assert_int_equal(r->n, 0);
	assert_int_equal(rig_count(r, "malformed"), BH_COUNT(none));
	rig_text(r, 0, "<Action>x/discovery/Bye</Action>");
	assert_int_equal(rig_count(r, "other"), 1);
	put(&m, hello, sizeof hello - 1);
	rig_say(r, 0, m.b, m.n);
	told(r, 0, BH_NAME_WSD, BH_NAME_CLAIM, "10.0.0.8", "urn:x", "");
	every_way(r, &m);
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llmnr_tells_who_asks_the_group_and_who_answers),
		cmocka_unit_test(an_answer_without_an_address_is_told_once_and_other_messages_are_counted),
		cmocka_unit_test(of_many_addresses_eight_are_told),
		cmocka_unit_test(an_announcement_is_a_claim_and_a_reply_an_answer),
		cmocka_unit_test(a_question_for_an_address_is_preferred_and_what_a_probe_brings_is_claimed),
		cmocka_unit_test(what_is_announced_without_an_address_is_told_by_its_name),
		cmocka_unit_test(nbns_tells_questions_answers_and_registrations),
		cmocka_unit_test(of_a_status_the_name_of_the_node_is_told),
		cmocka_unit_test(names_of_other_letters_and_other_operations_are_not_told),
		cmocka_unit_test(the_browser_announces_a_host_with_the_address_of_its_datagram),
		cmocka_unit_test(ssdp_tells_where_a_device_says_it_is),
		cmocka_unit_test(lines_that_are_no_ssdp_are_counted_and_odd_ones_harmless),
		cmocka_unit_test(wsd_tells_the_addresses_a_device_has),
		cmocka_unit_test(other_actions_and_text_that_is_no_message_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
