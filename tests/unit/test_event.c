/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bulkhead/event.h>

static const char *const lines[] = {
	"0.000000000 tick",
	"1764038400.000000001 flow-new tcp 10.1.2.3:50311 > 10.9.0.1:445 pkt=12 id=99 vlan=30 smac=02:00:00:00:00:01 ttl=64",
	"12.500000000 flow-outcome tcp [fd00::1]:50311 > [fd00::2]:22 outcome=success flags=2",
	"12.500000000 flow-class udp 10.1.2.3:5353 > 224.0.0.251:5353 app=mdns",
	"12.500000000 flow-end icmp 10.1.2.3 > 10.1.2.4 start=11.000000000 pkts=3 rpkts=2 bytes=300 rbytes=200 reason=timeout cid=\"1:abc=\"",
	"3.000000000 arp arp 10.0.0.1 > 10.0.0.2 smac=02:00:00:00:00:01 op=1",
	"3.000000000 dhcp udp 10.0.0.1:67 > 255.255.255.255:68 type=2 client=02:00:00:00:00:09 xid=7 server=10.0.0.1 offer=10.0.0.50 router=10.0.0.1 lease=300 opts=53,54,51,1,3,6 host=\"a\\\"b\\xff\"",
	"4.000000000 smb tcp 10.1.2.3:50311 > 10.9.0.1:445 pkt=400 do=rename sess=400000001 tree=1 fid=ffffffff00000001 user=\"CORP\\\\alice\" share=\"data\" name=\"a/b c.txt\" to=\"a/b c.txt.lockd\"",
	"1.000000000 flow-new tcp 10.1.2.3:50311 > 10.9.0.1:445 win=1024 mss=1460 wscale=8 df=1 synopts=2,4,8,1,3",
	"4.000000000 smb tcp 10.1.2.3:50311 > 10.9.0.1:445 do=pipe sflags=1 namelen=6 count=3",
	"4.000000000 rpc tcp 10.1.2.3:50311 > 10.9.0.1:445 do=call uuid=367abb81-9844-35f1-ad32-98f038001003 opnum=12 count=1 ctx=2 via=pipe level=6 rflags=1 stub=300 pipe=\"svcctl\" user=\"CORP\\\\alice\" text=\"PSEXESVC\"",
	"4.000000000 logon tcp 10.1.2.3:50311 > 10.9.0.1:445 via=smb mech=ntlm result=failed status=3221225581 challenge=1122334455667788 proof=99 user=\"alice\" ws=\"PC1\"",
	"4.000000000 krb udp 10.1.2.3:50311 > 10.9.0.1:88 type=13 ticket=23 kflags=1 cname=\"alice\" sname=\"MSSQL/db\" realm=\"CORP\"",
	"4.000000000 ldap tcp 10.1.2.3:50311 > 10.9.0.1:389 do=search scope=2 dflags=1 filter=\"(adminCount=1)\"",
	"4.000000000 dns udp 10.1.2.3:50311 > 10.9.0.1:53 qid=7 qtype=252 addr=10.0.0.9 name=\"corp.example\"",
	"4.000000000 http tcp 10.1.2.3:50311 > 10.9.0.1:5985 count=3 status=200 method=\"POST\" path=\"/wsman\"",
	"4.000000000 rdp tcp 10.1.2.3:50311 > 10.9.0.1:3389 asked=3 chosen=2 cookie=\"alice\"",
	"4.000000000 ssh tcp 10.1.2.3:50311 > 10.9.0.1:22 client=\"SSH-2.0-a\" server=\"SSH-2.0-b\"",
	"1.000000000 flow-new tcp 10.1.2.3:50311 > 10.9.0.1:445 ttl=64 win=64240 mss=1460 wscale=8 df=1 synopts=2,4,8,1,3 ipid=4660 tsval=99 ecn=1",
	"12.500000000 flow-class tcp 10.1.2.3:5353 > 10.9.0.1:443 app=tls print=1234abcd",
	"3.000000000 arp arp 10.0.0.1 > 10.0.0.2 smac=02:00:00:00:00:01 op=2 aflags=3 frame=02:00:00:00:00:02",
	"3.000000000 dhcp udp 0.0.0.0:68 > 255.255.255.255:67 type=1 client=02:00:00:00:00:09 xid=7 dflags=8 wanted=10.0.0.7 maxsize=1500 cid=ab12 idtype=1 arch=1 opts=53,61,50,12,60,55 params=1,3,6,15,31 circuit=\"ge-0/0/7\"",
	"4.000000000 ra icmp6 fe80::1 > ff02::1 smac=02:00:00:00:00:01 do=advert prefix=2001:db8:bad:: bits=64 valid=86400 lifetime=1800 pref=1 raflags=128 dns=fe80::1 dnstime=300 mtu=1500 lladdr=02:00:00:00:00:01",
	"4.000000000 name udp 10.0.0.66:5355 > 10.0.0.7:50000 via=llmnr do=answer addr=10.0.0.66 qid=7 qtype=1 ttls=30 answers=1 name=\"wpad\"",
	"4.000000000 link 0 :: > :: smac=02:00:00:00:00:01 via=lldp mgmt=10.0.0.2 caps=20 ttls=120 chassis=\"02:00:00:00:00:01\" port=\"ge-0/0/7\" name=\"sw-3\"",
	"4.000000000 usb udp 10.0.0.7:50000 > 10.0.0.2:7788 do=add via=companion host=\"pc-7\" vid=7531 pid=260 classes=1 mac=02:00:00:00:00:09 iface=\"usb0\" port=\"1-2\" product=\"Gadget\" boot=1 seq=2",
	"5.000000000 gap lost=7 why=kernel",
	"6.000000000 command verb=isolate target=\"10.1.2.3\" for=900.000000000 by=\"els\" because=\"SMB fan-out\"",
	"7.000000000 kernel did=applied order=3 gen=7 us=61",
};

static void printed_lines_parse_and_print_the_same(void **state)
{
	char out[BH_EVENT_TEXT];
	struct bh_event ev, back;
	struct bh_event_error e;

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		if (bh_event_parse(lines[i], strlen(lines[i]), &ev, &e))
			fail_msg("line %zu col %u: %s", i, e.col, e.text);
		bh_event_print(&ev, out);
		assert_string_equal(out, lines[i]);
		assert_int_equal(bh_event_parse(out, strlen(out), &back, &e), 0);
		assert_memory_equal(&ev, &back, sizeof ev);
	}
}

static void the_longest_event_fits_its_line(void **state)
{
	char out[BH_EVENT_TEXT];
	struct bh_event ev, back;
	struct bh_event_error e;

	memset(&ev, 0, sizeof ev);
	ev.kind = BH_EV_SMB;
	ev.at = UINT64_MAX - BH_SEC(2);
	ev.pkt = ev.flow_id = ev.u.smb.session = ev.u.smb.fid = ev.u.smb.bytes_read = ev.u.smb.bytes_written = UINT64_MAX;
	ev.proto = 6;
	memset(&ev.src, 0xab, 16);
	memset(&ev.dst, 0xcd, 16);
	ev.sport = ev.dport = ev.vlan = 65535;
	memset(&ev.mac_src, 0xff, 12);
	ev.app = BH_APP_TEAMVIEWER;
	ev.u.smb.op = BH_SMB_RENAME;
	ev.u.smb.status = ev.u.smb.tree = UINT32_MAX;
	memset(ev.u.smb.user, 0xfe, sizeof ev.u.smb.user - 1);
	memset(ev.u.smb.share, 0xfe, sizeof ev.u.smb.share - 1);
	memset(ev.u.smb.name, 0xfe, sizeof ev.u.smb.name - 1);
	memset(ev.u.smb.name2, 0xfe, sizeof ev.u.smb.name2 - 1);
	assert_in_range(bh_event_print(&ev, out), 1000, BH_EVENT_TEXT - 1);
	assert_int_equal(bh_event_parse(out, strlen(out), &back, &e), 0);
	assert_memory_equal(&ev, &back, sizeof ev);
}

static void bad_lines_say_where(void **state)
{
	static const struct {
		const char *line;
		unsigned col;
	} bad[] = {
		{"", 1},
		{"x tick", 1},
		{"1", 2},
		{"1 tock", 3},
		{"1 tick colour=red", 8},
		{"1 flow-new tcp 10.0.0.1 > 10.0.0.2:1", 16},
		{"1 flow-new tcp 10.0.0.1:99999 > 10.0.0.2:1", 16},
		{"1 flow-new xtp 10.0.0.1:1 > 10.0.0.2:1", 12},
		{"1 flow-new tcp 10.0.0.1:1 < 10.0.0.2:1", 27},
		{"1 flow-new tcp 10.0.0.1:1 > 10.0.0.2:1 app=none", 44},
		{"1 gap lost=1 lost=2", 14},
		{"1 gap lost=18446744073709551616", 12},
		{"1 command target=\"abc", 11},
		{"1 tick app=smb", 8},
	};
	struct bh_event ev;
	struct bh_event_error e;

	for (size_t i = 0; i < BH_COUNT(bad); i++) {
		e.col = 0;
		assert_int_equal(bh_event_parse(bad[i].line, strlen(bad[i].line), &ev, &e), 1);
		if (e.col != bad[i].col)
			fail_msg("'%s': column %u, expected %u (%s)", bad[i].line, e.col, bad[i].col, e.text);
	}
}

static void scenario_times_may_be_durations(void **state)
{
	struct bh_event ev;
	struct bh_event_error e;

	assert_int_equal(bh_event_parse("16m tick", 8, &ev, &e), 0);
	assert_int_equal(ev.at, BH_MIN(16));
	assert_int_equal(bh_event_parse("1.5 tick", 8, &ev, &e), 0);
	assert_int_equal(ev.at, BH_MS(1500));
}

static void every_application_name_is_its_own(void **state)
{
	uint16_t app;

	for (unsigned i = 0; i < BH_APP_COUNT; i++) {
		assert_int_equal(bh_app_parse(bh_app_name(i), strlen(bh_app_name(i)), &app), 0);
		assert_int_equal(app, i);
	}
	assert_int_equal(bh_app_parse("TLS", 3, &app), 0);
	assert_int_equal(app, BH_APP_TLS);
	assert_int_equal(bh_app_parse("nonsense", 8, &app), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_lines_parse_and_print_the_same),
		cmocka_unit_test(the_longest_event_fits_its_line),
		cmocka_unit_test(bad_lines_say_where),
		cmocka_unit_test(scenario_times_may_be_durations),
		cmocka_unit_test(every_application_name_is_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
