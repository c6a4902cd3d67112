/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The companion's two halves: ports from uevents, with time as an argument; and sysfs, on a copy in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>
#include <cmocka.h>
#include "daemon/usb_ports.h"
#include "daemon/usb_sysfs.h"

struct heard {
	struct bh_ev_usb u[256];
	unsigned n;
};

static void tell(void *ctx, struct bh_ev_usb *u)
{
	struct heard *h = ctx;

	if (h->n < BH_COUNT(h->u))
		h->u[h->n] = *u;
	h->n++;
}

static bool look(void *ctx, const char *port, struct bh_usb_sys *s)
{
	*s = (struct bh_usb_sys){.vid = 0x1d6b, .pid = 0x0104, .n_ifaces = 1, .ifaces = {{2, 6, 0}}, .product = "Gadget"};
	return strcmp(port, "9-9") != 0;
}

static bool look_net(void *ctx, const char *iface, char port[24], struct bh_mac *mac)
{
	memset(port, 0, 24);
	memcpy(port, "1-2", 4);
	*mac = (struct bh_mac){{2, 0, 0, 0, 0, 9}};
	return strcmp(iface, "usb0") == 0;
}

static struct bh_uevent ue(const char *action, const char *path, const char *subsystem, const char *type)
{
	struct bh_uevent e = {0};

	bh_strcpy(e.action, sizeof e.action, action);
	bh_strcpy(e.devpath, sizeof e.devpath, path);
	bh_strcpy(e.subsystem, sizeof e.subsystem, subsystem);
	bh_strcpy(e.devtype, sizeof e.devtype, type);
	return e;
}

static struct bh_ports *open_ports(struct heard *h, bool sees)
{
	struct bh_ports *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->tell = tell;
	t->ctx = h;
	if (sees) {
		t->look = look;
		t->look_net = look_net;
	}
	return t;
}

static void a_device_is_told_once_when_its_interfaces_are_there(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, true);
	struct bh_uevent e = ue("add", "/devices/pci0/usb1/1-2", "usb", "usb_device");

	bh_ports_uevent(t, &e, BH_SEC(1));
	bh_ports_due(t, BH_SEC(1) + BH_PORTS_SETTLE - 1);
	assert_int_equal(h.n, 0);
	assert_int_equal(bh_ports_wait_ms(t, BH_SEC(1)), 301);
	bh_ports_due(t, BH_SEC(1) + BH_PORTS_SETTLE);
	bh_ports_due(t, BH_SEC(9));
	assert_int_equal(h.n, 1);
	assert_int_equal(h.u[0].op, BH_USB_ADD);
	assert_int_equal(h.u[0].classes, BH_USB_C_NET);
	assert_string_equal(h.u[0].product, "Gadget");
	assert_string_equal(h.u[0].port, "1-2");
	assert_int_equal(bh_ports_wait_ms(t, BH_SEC(9)), -1);
	free(t);
}

static void a_network_interface_ends_the_wait_and_brings_its_address(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, true);
	struct bh_uevent dev = ue("add", "/devices/pci0/usb1/1-2", "usb", "usb_device"), net = ue("add", "/devices/virtual/net/usb0", "net", ""), other = net;

	bh_strcpy(net.iface, sizeof net.iface, "usb0");
	bh_strcpy(other.iface, sizeof other.iface, "veth0");
	bh_ports_uevent(t, &dev, BH_SEC(1));
	bh_ports_uevent(t, &other, BH_SEC(1));
	assert_int_equal(h.n, 0);
	bh_ports_uevent(t, &net, BH_SEC(1) + 5);
	bh_ports_due(t, BH_SEC(9));
	assert_int_equal(h.n, 1);
	assert_string_equal(h.u[0].iface, "usb0");
	assert_int_equal(h.u[0].mac.b[5], 9);
	free(t);
}

static void without_sysfs_the_uevents_own_words_do(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, false);
	struct bh_uevent dev = ue("add", "/devices/pci0/usb1/1-3", "usb", "usb_device"), iface = ue("add", "/devices/pci0/usb1/1-3/1-3:1.0", "usb", "usb_interface"),
			 gone = ue("remove", "/devices/pci0/usb1/1-3", "usb", "usb_device");

	dev.vid = 0x046d;
	dev.pid = 0xc52b;
	iface.cls = 3;
	bh_ports_uevent(t, &dev, BH_SEC(1));
	for (unsigned i = 0; i < 2 * BH_USB_IFACES; i++)
		bh_ports_uevent(t, &iface, BH_SEC(1));
	bh_ports_due(t, BH_SEC(2));
	assert_int_equal(h.n, 1);
	assert_int_equal(h.u[0].vid, 0x046d);
	assert_int_equal(h.u[0].classes, BH_USB_C_HID);
	bh_ports_uevent(t, &gone, BH_SEC(3));
	assert_int_equal(h.n, 2);
	assert_int_equal(h.u[1].op, BH_USB_REMOVE);
	assert_int_equal(h.u[1].pid, 0xc52b);
	free(t);
}

static void pulled_out_at_once_it_was_there_all_the_same(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, false);
	struct bh_uevent dev = ue("add", "/devices/pci0/usb1/1-3", "usb", "usb_device"), gone = ue("remove", "/devices/pci0/usb1/1-3", "usb", "usb_device");

	bh_ports_uevent(t, &dev, BH_SEC(1));
	bh_ports_uevent(t, &gone, BH_SEC(1) + 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.u[0].op, BH_USB_ADD);
	assert_int_equal(h.u[1].op, BH_USB_REMOVE);
	free(t);
}

static void what_was_there_is_told_as_such_and_what_was_missed_as_new(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, true);

	bh_ports_listed_net(t, "usb0", BH_SEC(1));
	bh_ports_listed(t, "1-2", true, BH_SEC(1));
	bh_ports_listed(t, "1-2", false, BH_SEC(2));
	bh_ports_listed(t, "1-4", false, BH_SEC(2));
	assert_int_equal(h.n, 2);
	assert_int_equal(h.u[0].op, BH_USB_THERE);
	assert_string_equal(h.u[0].iface, "usb0");
	assert_int_equal(h.u[1].op, BH_USB_ADD);
	assert_string_equal(h.u[1].port, "1-4");
	free(t);
}

static void more_ports_than_there_is_room_for_lose_no_device(void **state)
{
	struct heard h = {.n = 0};
	struct bh_ports *t = open_ports(&h, false);

	for (unsigned i = 0; i < 200; i++) {
		struct bh_uevent e = ue("add", "", "usb", "usb_device");

		snprintf(e.devpath, sizeof e.devpath, "/devices/pci0/usb1/1-%u", i + 1);
		bh_ports_uevent(t, &e, BH_SEC(1) + i);
	}
	bh_ports_due(t, BH_SEC(9));
	assert_int_equal(h.n, 200);
	assert_int_equal(t->evicted, 200 - BH_PORTS);
	free(t);
}

/* ---- a copy of sysfs ---- */
static void put(const char *root, const char *path, const char *text)
{
	char full[512], *slash;
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", root, path);
	for (slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void count(void *ctx, const char *name)
{
	++*(unsigned *)ctx;
}

static void sysfs_is_read_within_limits(void **state)
{
	char root[] = "bh-sysfs-XXXXXX", path[600], port[24], big[4096];
	struct bh_usb_sys s;
	struct bh_mac mac;
	unsigned n = 0;
	int fd;

	assert_non_null(mkdtemp(root));
	memset(big, 'p', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	big[3] = '\033';
	put(root, "bus/usb/devices/1-2/idVendor", "1d6b\n");
	put(root, "bus/usb/devices/1-2/idProduct", "0104\n");
	put(root, "bus/usb/devices/1-2/product", big);
	put(root, "bus/usb/devices/1-2/serial", "");
	put(root, "bus/usb/devices/1-2/1-2:1.0/bInterfaceClass", "02\n");
	put(root, "bus/usb/devices/1-2/1-2:1.0/bInterfaceSubClass", "06\n");
	put(root, "bus/usb/devices/1-2/1-2.1:1.0/bInterfaceClass", "08\n");
	put(root, "devices/pci0/usb1/1-2/1-2:1.0/net/usb0/address", "02:00:00:00:00:09\n");
	put(root, "class/net/eth0/address", "02:00:00:00:00:01\n");
	snprintf(path, sizeof path, "%s/class/net/usb0", root);
	assert_int_equal(symlink("../../devices/pci0/usb1/1-2/1-2:1.0/net/usb0", path), 0);
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(bh_sysfs_device(fd, "1-2", &s));
	assert_int_equal(s.vid, 0x1d6b);
	assert_int_equal(s.n_ifaces, 1);
	assert_int_equal(bh_usb_classes(&s), BH_USB_C_NET);
	assert_int_equal(strlen(s.product), sizeof s.product - 1);
	assert_int_equal(s.product[3], '.');
	assert_string_equal(s.serial, "");
	assert_false(bh_sysfs_device(fd, "1-3", &s));
	assert_false(bh_sysfs_device(fd, "../devices/1-2", &s));
	assert_true(bh_sysfs_net(fd, "usb0", port, &mac));
	assert_string_equal(port, "1-2");
	assert_int_equal(mac.b[5], 9);
	assert_false(bh_sysfs_net(fd, "eth0", port, &mac));
	assert_false(bh_sysfs_net(fd, "../usb0", port, &mac));
	bh_sysfs_list(fd, "class/net", count, &n);
	assert_int_equal(n, 2);
	bh_sysfs_list(fd, "nowhere", count, &n);
	assert_int_equal(n, 2);
	close(fd);
	snprintf(path, sizeof path, "rm -rf %s", root);
	assert_int_equal(system(path), 0);
}

static void who_sits_there_is_the_last_at_a_console_or_a_display(void **state)
{
	static const struct {
		const char *user, *line, *host;
		short type;
		int32_t at;
	} rows[] = {{"carol", "tty2", "", USER_PROCESS, 100}, {"alice", "tty7", ":0", USER_PROCESS, 300}, {"bob", "tty1", "", USER_PROCESS, 200},
		{"remote", "pts/0", "10.0.0.9", USER_PROCESS, 400}, {"LOGIN", "tty3", "", LOGIN_PROCESS, 500}};
	FILE *f = tmpfile();
	char user[32];

	assert_non_null(f);
	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct utmp u = {.ut_type = rows[i].type, .ut_tv = {.tv_sec = rows[i].at}};

		memcpy(u.ut_user, rows[i].user, strlen(rows[i].user));
		memcpy(u.ut_line, rows[i].line, strlen(rows[i].line));
		memcpy(u.ut_host, rows[i].host, strlen(rows[i].host));
		assert_int_equal(fwrite(&u, sizeof u, 1, f), 1);
	}
	fputs("half a record", f);
	rewind(f);
	bh_seat_read(fileno(f), user);
	assert_string_equal(user, "alice");
	bh_seat_read(fileno(f), user);
	assert_string_equal(user, "");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_told_once_when_its_interfaces_are_there),
		cmocka_unit_test(a_network_interface_ends_the_wait_and_brings_its_address),
		cmocka_unit_test(without_sysfs_the_uevents_own_words_do),
		cmocka_unit_test(pulled_out_at_once_it_was_there_all_the_same),
		cmocka_unit_test(what_was_there_is_told_as_such_and_what_was_missed_as_new),
		cmocka_unit_test(more_ports_than_there_is_room_for_lose_no_device),
		cmocka_unit_test(sysfs_is_read_within_limits),
		cmocka_unit_test(who_sits_there_is_the_last_at_a_console_or_a_display),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
