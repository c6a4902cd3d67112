/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <bulkhead/usb.h>

#define NOW BH_SEC(1800000000)

static struct bh_usb_secret secret_of(uint8_t n)
{
	struct bh_usb_secret s;
	uint8_t seed[32];

	memset(seed, n, sizeof seed);
	bh_usb_secret_make(seed, &s);
	return s;
}

static struct bh_usb_keys *keys_of(const char *more)
{
	struct bh_usb_keys *k = malloc(sizeof *k);
	struct bh_usb_secret s = secret_of(7);
	struct bh_usb_error e;
	char line[BH_USB_KEY_TEXT], text[256];

	snprintf(text, sizeof text, "# of the office\n\n%s%s\r\n", bh_usb_key_print("pc-7", &s, line), more);
	assert_non_null(k);
	assert_int_equal(bh_usb_keys_parse(text, strlen(text), k, &e), 0);
	assert_int_equal(k->n, 1);
	return k;
}

static struct bh_ev_usb gadget(void)
{
	return (struct bh_ev_usb){.boot = 0x1122334455667788, .seq = 1, .vid = 0x1d6b, .pid = 0x0104, .op = BH_USB_ADD, .classes = BH_USB_C_NET, .mac = {{2, 0, 0, 0, 0, 9}},
		.host = "pc-7", .port = "1-2.3", .iface = "usb0", .serial = "42", .vendor = "Linux", .product = "Gadget", .user = "alice"};
}

static const struct bh_addr from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 10, 0, 7}};

static void a_datagram_comes_out_as_it_went_in(void **state)
{
	struct bh_usb_keys *k = keys_of(" 10.10.0.7 # at the desk");
	struct bh_usb_secret s = secret_of(7);
	struct bh_ev_usb u = gadget();
	const struct bh_usb_key *key;
	struct bh_usb_datagram d;
	uint8_t p[BH_USB_DATAGRAM];

	bh_usb_sign(&u, NOW, &s, p);
	assert_int_equal(bh_usb_datagram_parse(p, sizeof p, &d), 0);
	u.via = BH_USB_COMPANION;
	assert_memory_equal(&d.usb, &u, sizeof u);
	assert_true(d.at == NOW);
	assert_int_equal(bh_usb_verify(k, p, &d, &from, &key), BH_USB_OK);
	assert_string_equal(key->name, "pc-7");
	free(k);
}

static void one_bit_changed_anywhere_is_refused(void **state)
{
	struct bh_usb_keys *k = keys_of("");
	struct bh_usb_secret s = secret_of(7);
	struct bh_ev_usb u = gadget();
	const struct bh_usb_key *key;
	struct bh_usb_datagram d;
	uint8_t p[BH_USB_DATAGRAM];

	bh_usb_sign(&u, NOW, &s, p);
	for (size_t i = 0; i < sizeof p; i++) {
		p[i] ^= 1;
		assert_true(bh_usb_datagram_parse(p, sizeof p, &d) || bh_usb_verify(k, p, &d, &from, &key) != BH_USB_OK);
		p[i] ^= 1;
	}
	assert_int_equal(bh_usb_datagram_parse(p, sizeof p, &d), 0);
	assert_int_equal(bh_usb_verify(k, p, &d, &from, &key), BH_USB_OK);
	free(k);
}

static void every_other_length_is_malformed(void **state)
{
	struct bh_usb_secret s = secret_of(7);
	struct bh_ev_usb u = gadget();
	struct bh_usb_datagram d;
	uint8_t p[BH_USB_DATAGRAM + 1] = {0};

	bh_usb_sign(&u, NOW, &s, p);
	for (size_t n = 0; n < BH_USB_DATAGRAM; n++)
		assert_int_equal(bh_usb_datagram_parse(p, n, &d), 1);
	assert_int_equal(bh_usb_datagram_parse(p, BH_USB_DATAGRAM + 1, &d), 1);
}

static void a_stranger_another_address_and_a_wrong_key_are_told_apart(void **state)
{
	struct bh_usb_keys *k = keys_of(" 10.10.0.8");
	struct bh_usb_secret right = secret_of(7), other = secret_of(8);
	struct bh_ev_usb u = gadget();
	const struct bh_usb_key *key;
	struct bh_usb_datagram d;
	uint8_t p[BH_USB_DATAGRAM];

	bh_usb_sign(&u, NOW, &other, p);
	assert_int_equal(bh_usb_datagram_parse(p, sizeof p, &d), 0);
	assert_int_equal(bh_usb_verify(k, p, &d, &from, &key), BH_USB_UNKNOWN);
	bh_usb_sign(&u, NOW, &right, p);
	assert_int_equal(bh_usb_datagram_parse(p, sizeof p, &d), 0);
	assert_int_equal(bh_usb_verify(k, p, &d, &from, &key), BH_USB_ELSEWHERE);
	free(k);
	k = keys_of("");
	memcpy(other.b + 32, right.b + 32, 8); /* says it is ours, and cannot sign as we do */
	bh_usb_sign(&u, NOW, &other, p);
	assert_int_equal(bh_usb_datagram_parse(p, sizeof p, &d), 0);
	assert_int_equal(bh_usb_verify(k, p, &d, &from, &key), BH_USB_FORGED);
	free(k);
}

static void what_was_recorded_is_no_news(void **state)
{
	struct bh_usb_datagram d = {.at = NOW, .usb = {.boot = 1, .seq = 5}};
	struct bh_usb_sender s = {0};
	uint32_t lost = 9;

	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_OK);
	assert_int_equal(lost, 0);
	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_REPLAYED);
	d.usb.seq = 4;
	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_REPLAYED);
	d.usb.seq = 8;
	d.at = NOW + BH_SEC(1);
	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_OK);
	assert_int_equal(lost, 2);
	d.usb.boot = 2; /* a recording of the boot before */
	d.at = NOW;
	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_REPLAYED);
	d.usb.seq = 3; /* a new boot, two lost */
	d.at = NOW + BH_SEC(2);
	assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_OK);
	assert_int_equal(lost, 2);
}

static void a_clock_may_be_five_minutes_off_and_no_more(void **state)
{
	struct bh_usb_sender s = {0};
	uint32_t lost;

	for (unsigned i = 0; i < 2; i++) {
		struct bh_usb_datagram d = {.at = i ? NOW - BH_MIN(5) : NOW + BH_MIN(5), .usb = {.boot = i, .seq = 1}};

		memset(&s, 0, sizeof s);
		assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_OK);
		d.at += i ? (bh_ns)-1 : 1;
		d.usb.seq = 2;
		assert_int_equal(bh_usb_fresh(&s, &d, NOW, &lost), BH_USB_SKEWED);
		assert_int_equal(s.seq, 1);
	}
}

static void a_key_file_is_read_strictly_and_says_where_it_is_wrong(void **state)
{
	static const struct {
		const char *text;
		unsigned line, col;
	} wrong[] = {
		{"pc-7\n", 1, 5}, {"\npc/7 x\n", 2, 1}, {"pc-7 AAAA\n", 1, 6},
		{"a 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw= nowhere\n", 1, 48},
		{"a 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw= ::1 more\n", 1, 52},
		{"a 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\nb 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\n", 2, 3},
		{"a 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\na 7kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=\n", 2, 1},
		{"a-name-that-is-far-too-long-to-be-one 6kps\n", 1, 1},
	};
	struct bh_usb_keys *k = malloc(sizeof *k);
	struct bh_usb_error e;

	assert_non_null(k);
	for (size_t i = 0; i < BH_COUNT(wrong); i++) {
		assert_int_equal(bh_usb_keys_parse(wrong[i].text, strlen(wrong[i].text), k, &e), 1);
		assert_int_equal(e.line, wrong[i].line);
		assert_int_equal(e.col, wrong[i].col);
		assert_true(e.text[0]);
	}
	assert_int_equal(bh_usb_keys_parse("", 0, k, &e), 0);
	assert_int_equal(k->n, 0);
	free(k);
}

static void a_secret_survives_its_text(void **state)
{
	struct bh_usb_secret s = secret_of(3), back;
	char text[48], with[64];

	snprintf(with, sizeof with, "%s\n", bh_usb_secret_print(&s, text));
	assert_int_equal(bh_usb_secret_parse(with, strlen(with), &back), 0);
	assert_memory_equal(&s, &back, sizeof s);
	assert_int_equal(bh_usb_secret_parse("short", 5, &back), 1);
	assert_int_equal(bh_usb_secret_parse("", 0, &back), 1);
}

/* ---- uevents ---- */
static void an_added_device_is_read_from_its_uevent(void **state)
{
	static const char said[] = "add@/devices/pci0000:00/0000:00:14.0/usb1/1-2\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:14.0/usb1/1-2\0SUBSYSTEM=usb\0"
				   "MAJOR=189\0DEVTYPE=usb_device\0PRODUCT=1d6b/104/409\0TYPE=0/0/0\0BUSNUM=001\0SEQNUM=4242";
	static const char net[] = "add@/devices/virtual/net/usb0\0ACTION=add\0DEVPATH=/devices/virtual/net/usb0\0SUBSYSTEM=net\0INTERFACE=usb0\0IFINDEX=7";
	static const char iface[] = "add@/devices/pci0/usb1/1-2/1-2:1.0\0ACTION=add\0SUBSYSTEM=usb\0DEVTYPE=usb_interface\0INTERFACE=224/1/3";
	struct bh_uevent e;

	assert_int_equal(bh_uevent_parse(said, sizeof said, &e), 0);
	assert_string_equal(e.action, "add");
	assert_string_equal(e.subsystem, "usb");
	assert_string_equal(e.devtype, "usb_device");
	assert_int_equal(e.vid, 0x1d6b);
	assert_int_equal(e.pid, 0x0104);
	assert_int_equal(bh_uevent_parse(net, sizeof net, &e), 0);
	assert_string_equal(e.iface, "usb0");
	assert_int_equal(bh_uevent_parse(iface, sizeof iface, &e), 0);
	assert_string_equal(e.iface, "");
	assert_int_equal(e.cls, 224);
	assert_int_equal(e.sub, 1);
	assert_int_equal(e.proto, 3);
}

static void what_no_kernel_sends_is_no_uevent(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} wrong[] = {{"", 0}, {"add@/x", 6}, {"libudev\0\xfe\xed", 11}, {"add/x", 6}, {"@/x", 4}, {"add@x", 6}, {"add@/x\0ACTION=remove", 21},
		{"add@/x\0DEVPATH=/y", 18}, {"add@/x\0word", 12}, {"a-very-long-action@/x", 22}};
	struct bh_uevent e;
	char many[BH_UEVENT_MAX + 8];
	size_t n = 0;

	for (size_t i = 0; i < BH_COUNT(wrong); i++)
		assert_int_equal(bh_uevent_parse(wrong[i].p, wrong[i].n, &e), 1);
	n += (size_t)sprintf(many, "add@/x") + 1;
	for (unsigned i = 0; i < 64; i++)
		n += (size_t)sprintf(many + n, "K%u=v", i) + 1;
	assert_int_equal(bh_uevent_parse(many, n, &e), 0);
	n += (size_t)sprintf(many + n, "K=v") + 1;
	assert_int_equal(bh_uevent_parse(many, n, &e), 1);
	memset(many, 'x', sizeof many);
	memcpy(many, "add@/", 5);
	many[sizeof many - 1] = '\0';
	assert_int_equal(bh_uevent_parse(many, sizeof many, &e), 1);
}

static void a_port_is_the_deepest_one_below_a_usb_bus(void **state)
{
	static const char *const paths[][2] = {{"/devices/pci0/usb1/1-2", "1-2"}, {"/devices/pci0/usb1/1-2/1-2.3/1-2.3:1.0/net/eth0", "1-2.3"},
		{"../../devices/pci0/usb3/3-1/3-1:1.0/net/usb0", "3-1"}, {"/devices/pci0/usb2", "usb2"}, {"/devices/platform/i2c-1/1-0050", NULL},
		{"/devices/pci0/usb1/1-0:1.0", NULL}, {"/devices/virtual/net/usb0", NULL}, {"", NULL}, {"/usb1/1-", NULL}, {"/usb1/-1", NULL}, {"/usb1/1-2..3", NULL},
		{"/usb1/1-11111111111111111111111111", NULL}};
	char port[24];

	for (size_t i = 0; i < BH_COUNT(paths); i++) {
		assert_int_equal(bh_usb_port(paths[i][0], port), paths[i][1] != NULL);
		if (paths[i][1])
			assert_string_equal(port, paths[i][1]);
	}
}

static void classes_are_told_by_the_interfaces(void **state)
{
	static const struct {
		struct bh_usb_sys sys;
		uint8_t cls;
	} cases[] = {{{.n_ifaces = 2, .ifaces = {{2, 6, 0}, {10, 0, 0}}}, BH_USB_C_NET}, {{.n_ifaces = 2, .ifaces = {{2, 2, 0xff}, {10, 0, 0}}}, BH_USB_C_NET},
		{{.n_ifaces = 2, .ifaces = {{2, 2, 1}, {10, 0, 0}}}, BH_USB_C_SERIAL}, {{.cls = 2, .n_ifaces = 1, .ifaces = {{2, 13, 0}}}, BH_USB_C_NET},
		{{.cls = 0xef, .n_ifaces = 1, .ifaces = {{0xe0, 1, 3}}}, BH_USB_C_NET}, {{.cls = 0xe0, .sub = 1, .proto = 1, .n_ifaces = 1, .ifaces = {{0xe0, 1, 1}}}, BH_USB_C_WIRELESS},
		{{.n_ifaces = 1, .ifaces = {{8, 6, 0x50}}}, BH_USB_C_STORAGE}, {{.n_ifaces = 2, .ifaces = {{3, 1, 1}, {8, 6, 0x50}}}, BH_USB_C_HID | BH_USB_C_STORAGE},
		{{.cls = 9, .n_ifaces = 1, .ifaces = {{9, 0, 0}}}, BH_USB_C_HUB}, {{.n_ifaces = 1, .ifaces = {{0x0e, 1, 0}}}, BH_USB_C_OTHER},
		{{.n_ifaces = 1, .ifaces = {{0xff, 0, 0}}}, BH_USB_C_OTHER}, {{.n_ifaces = 0}, 0}};

	for (size_t i = 0; i < BH_COUNT(cases); i++)
		assert_int_equal(bh_usb_classes(&cases[i].sys), cases[i].cls);
}

/* ---- syslog ---- */
static void forwarders_forms_of_the_same_event_say_the_same(void **state)
{
	static const char *const lines[] = {
		/* Winlogbeat behind a syslog output */
		"<14>1 2026-11-28T12:00:00Z collector winlogbeat - - - {\"winlog\":{\"event_id\":\"6416\",\"computer_name\":\"PC-7\",\"event_data\":{\"SubjectUserName\":\"alice\","
		"\"DeviceDescription\":\"Remote NDIS\",\"DeviceId\":\"USB\\\\VID_1D6B&PID_0104\\\\42\",\"ClassName\":\"Net\"}},\"message\":\"\\\"DeviceId\\\":\"}",
		/* NXLog, JSON over RFC 3164 */
		"<14>Nov 28 12:00:00 PC-7 Security[4]: {\"EventID\":6416,\"Hostname\":\"PC-7\",\"SubjectUserName\":\"alice\",\"DeviceDescription\":\"Remote NDIS\","
		"\"DeviceId\":\"USB\\\\VID_1D6B\\u0026PID_0104\\\\42\", \"ClassName\" : \"Net\"}",
		/* NXLog, structured data */
		"<14>1 2026-11-28T12:00:00Z PC-7 Microsoft-Windows-Security-Auditing 4 - [NXLOG@14506 EventID=\"6416\" SubjectUserName=\"alice\" DeviceDescription=\"Remote NDIS\" "
		"DeviceId=\"USB\\\\VID_1D6B&PID_0104\\\\42\" ClassName=\"Net\"] A new external device",
		/* Snare */
		"<14>Nov 28 12:00:00 PC-7 MSWinEventLog\t1\tSecurity\t9\tSat Nov 28 12:00:00 2026\t6416\tMicrosoft-Windows-Security-Auditing\tCORP\\alice\tN/A\tSuccess Audit\tPC-7\tPlug "
		"and Play\t\tA new external device was recognized by the system.   Subject:   Security ID:  S-1-5-21   Account Name:  alice   Account Domain:  CORP   Device ID: "
		"USB\\VID_1D6B&PID_0104\\42   Device Name: Remote NDIS   Class ID: {4d36e972-e325-11ce-bfc1-08002be10318}   Class Name: Net   Vendor IDs: USB\\VID_1D6B\t7",
		/* the event's text alone */
		"<14>Nov  8 12:00:00 PC-7 Microsoft-Windows-Security-Auditing[4]: A new external device was recognized by the system.\t\tSubject:\tAccount Name:\talice\tDevice ID:\t"
		"USB\\VID_1D6B&PID_0104\\42\tDevice Name:\tRemote NDIS\tClass Name:\tNet",
		/* JSON and nothing before it */
		"{\"EventID\":6416,\"Computer\":\"PC-7\",\"SubjectUserName\":\"alice\",\"DeviceDescription\":\"Remote NDIS\",\"DeviceId\":\"USB\\\\VID_1D6B&PID_0104\\\\42\",\"ClassName\":\"Net\"}",
	};
	struct bh_ev_usb want = {.op = BH_USB_ADD, .via = BH_USB_SYSLOG, .vid = 0x1d6b, .pid = 0x0104, .classes = BH_USB_C_NET, .host = "PC-7", .serial = "42", .product = "Remote NDIS",
		.user = "alice"}, u;

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		assert_int_equal(bh_usb_syslog(lines[i], strlen(lines[i]), &u), 0);
		assert_string_equal(u.host, want.host);
		assert_string_equal(u.product, want.product);
		assert_string_equal(u.user, want.user);
		assert_string_equal(u.serial, want.serial);
		assert_memory_equal(&u, &want, sizeof u);
	}
}

static void drivers_sticks_and_hubs_are_told_by_their_names(void **state)
{
	static const struct {
		const char *line;
		uint16_t vid;
		uint8_t cls;
		const char *serial;
	} cases[] = {
		{"{\"event_id\":20003,\"computer_name\":\"PC-7\",\"DeviceInstanceID\":\"USB\\\\VID_0525&PID_A4A2&MI_00\\\\6&1234&0&0000\",\"SetupClass\":\"{4D36E972-E325-11CE-BFC1-08002BE10318}\"}", 0x0525, BH_USB_C_NET, ""},
		{"{\"event_id\":20001,\"DeviceInstanceID\":\"USBSTOR\\\\DISK&VEN_A&PROD_B\\\\4711\",\"SubjectUserName\":\"PC-7$\"}", 0, BH_USB_C_STORAGE, "4711"},
		{"{\"event_id\":6416,\"DeviceId\":\"HID\\\\VID_046D&PID_C52B\\\\7&1&0&0000\",\"ClassName\":\"Keyboard\"}", 0x046d, BH_USB_C_HID, ""},
		{"{\"event_id\":6416,\"DeviceId\":\"USB\\\\ROOT_HUB30\\\\5&1\",\"ClassName\":\"USB\"}", 0, BH_USB_C_HUB, ""},
	};
	struct bh_ev_usb u;

	for (size_t i = 0; i < BH_COUNT(cases); i++) {
		assert_int_equal(bh_usb_syslog(cases[i].line, strlen(cases[i].line), &u), 0);
		assert_int_equal(u.vid, cases[i].vid);
		assert_int_equal(u.classes, cases[i].cls);
		assert_string_equal(u.serial, cases[i].serial);
		assert_string_equal(u.user, "");
	}
}

static void a_device_cannot_say_its_class_by_its_name(void **state)
{
	static const char text[] = "<14>Nov 28 12:00:00 PC-7 x: A new external device was recognized by the system.\tDevice ID:\tUSB\\VID_1D6B&PID_0104\\1\tDevice Name:\tx Class Name: HIDClass\tClass Name:\tNet";
	static const char sd[] = "<14>1 t PC-7 a p m [x EventID=\"6416\" DeviceDescription=\"a\\\" ClassName=\\\"Mouse\" DeviceId=\"USB\\\\VID_1D6B&PID_0104\\\\1\" ClassName=\"Net\"]";
	struct bh_ev_usb u;

	assert_int_equal(bh_usb_syslog(text, sizeof text - 1, &u), 0);
	assert_int_equal(u.classes, BH_USB_C_NET);
	assert_int_equal(bh_usb_syslog(sd, sizeof sd - 1, &u), 0);
	assert_int_equal(u.classes, BH_USB_C_NET);
}

/* read in square time, a hundred of them took seconds */
static void a_line_of_nothing_but_labels_is_read_in_one_go(void **state)
{
	static const char *const labels[] = {"Account Name:", "Device ID:", "Device Name:", "Class Name:"};
	static char line[16384];
	struct bh_ev_usb u;

	for (size_t k = 0; k < BH_COUNT(labels); k++) {
		size_t n = (size_t)snprintf(line, sizeof line, "<13>Nov 28 12:00:00 pc-7 x A new external device was recognized by the system. ");
		clock_t began = clock();

		while (n + strlen(labels[k]) < sizeof line - 64) {
			memcpy(line + n, labels[k], strlen(labels[k]));
			n += strlen(labels[k]);
		}
		n += (size_t)snprintf(line + n, sizeof line - n, "  Device ID: USB\\VID_1D6B&PID_0104\\42");
		for (unsigned i = 0; i < 100; i++)
			assert_int_equal(bh_usb_syslog(line, n, &u), k == 1);
		assert_true(clock() - began < CLOCKS_PER_SEC);
	}
}

static void other_events_and_other_busses_are_none_of_ours(void **state)
{
	static const char *const lines[] = {"", "<", "<>", "<14", "<14>", "<99999>x", "hello", "<14>Nov 28 12:00:00 PC-7 sshd[1]: Accepted password",
		"{\"EventID\":4663,\"DeviceId\":\"USB\\\\VID_1D6B&PID_0104\\\\42\"}", "{\"EventID\":6416,\"DeviceId\":\"PCI\\\\VEN_8086\"}", "{\"EventID\":6416}",
		"{\"EventID\":6416,\"DeviceId\":\"USB\\\\VID_1D6G&PID_0104\\\\42\"}", "{\"EventID\":6416,\"DeviceId\":\"USB\\\\VID_1D6B\"}", "<14>1 ", "<14>1 a b c d e [", "<14>1 a b c d e [x y=\"", "{\"a\\", "{\"a\":\"\\", "{\"a\":\"\\u00"};
	struct bh_ev_usb u;

	for (size_t i = 0; i < BH_COUNT(lines); i++) {
		size_t n = strlen(lines[i]);
		char *own = malloc(n ? n : 1); /* nothing stands behind it */

		assert_non_null(own);
		memcpy(own, lines[i], n);
		assert_int_equal(bh_usb_syslog(own, n, &u), 1);
		free(own);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_comes_out_as_it_went_in),
		cmocka_unit_test(one_bit_changed_anywhere_is_refused),
		cmocka_unit_test(every_other_length_is_malformed),
		cmocka_unit_test(a_stranger_another_address_and_a_wrong_key_are_told_apart),
		cmocka_unit_test(what_was_recorded_is_no_news),
		cmocka_unit_test(a_clock_may_be_five_minutes_off_and_no_more),
		cmocka_unit_test(a_key_file_is_read_strictly_and_says_where_it_is_wrong),
		cmocka_unit_test(a_secret_survives_its_text),
		cmocka_unit_test(an_added_device_is_read_from_its_uevent),
		cmocka_unit_test(what_no_kernel_sends_is_no_uevent),
		cmocka_unit_test(a_port_is_the_deepest_one_below_a_usb_bus),
		cmocka_unit_test(classes_are_told_by_the_interfaces),
		cmocka_unit_test(forwarders_forms_of_the_same_event_say_the_same),
		cmocka_unit_test(drivers_sticks_and_hubs_are_told_by_their_names),
		cmocka_unit_test(a_device_cannot_say_its_class_by_its_name),
		cmocka_unit_test(a_line_of_nothing_but_labels_is_read_in_one_go),
		cmocka_unit_test(other_events_and_other_busses_are_none_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
