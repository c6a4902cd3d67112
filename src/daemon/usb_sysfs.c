/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utmp.h>
#include "daemon/usb_sysfs.h"

#define NAMES 1024
#define UTMP_MAX 512 /* records */

/* ---- files ---- */
static bool attribute(int sysfs, const char *dir, const char *sub, const char *name, char *out, size_t size)
{
	char path[160], buf[256];
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof path, "%s%s%s/%s", dir, sub[0] ? "/" : "", sub, name) >= (int)sizeof path)
		return false;
	fd = openat(sysfs, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof buf - 1);
	close(fd);
	if (n < 0)
		return false;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = '.';
	buf[n] = '\0';
	bh_strcpy(out, size, buf);
	return true;
}

static unsigned hex(int sysfs, const char *dir, const char *sub, const char *name)
{
	char text[8];

	return attribute(sysfs, dir, sub, name, text, sizeof text) ? (unsigned)strtoul(text, NULL, 16) : 0;
}

struct looking {
	int sysfs;
	const char *dir, *port;
	struct bh_usb_sys *sys;
};

static void each_interface(void *ctx, const char *name)
{
	struct looking *l = ctx;
	size_t n = strlen(l->port);
	unsigned i = l->sys->n_ifaces;

	if (strncmp(name, l->port, n) || name[n] != ':' || i == BH_USB_IFACES)
		return;
	l->sys->ifaces[i].cls = (uint8_t)hex(l->sysfs, l->dir, name, "bInterfaceClass");
	l->sys->ifaces[i].sub = (uint8_t)hex(l->sysfs, l->dir, name, "bInterfaceSubClass");
	l->sys->ifaces[i].proto = (uint8_t)hex(l->sysfs, l->dir, name, "bInterfaceProtocol");
	l->sys->n_ifaces++;
}

bool bh_sysfs_device(int sysfs, const char *port, struct bh_usb_sys *ret_sys)
{
	struct bh_usb_sys s = {0};
	char dir[64], text[8];

	snprintf(dir, sizeof dir, "bus/usb/devices/%.23s", port);
	if (strchr(port, '/') || !attribute(sysfs, dir, "", "idVendor", text, sizeof text))
		return false;
	s.vid = (uint16_t)strtoul(text, NULL, 16);
	s.pid = (uint16_t)hex(sysfs, dir, "", "idProduct");
	s.cls = (uint8_t)hex(sysfs, dir, "", "bDeviceClass");
	s.sub = (uint8_t)hex(sysfs, dir, "", "bDeviceSubClass");
	s.proto = (uint8_t)hex(sysfs, dir, "", "bDeviceProtocol");
	(void)attribute(sysfs, dir, "", "serial", s.serial, sizeof s.serial);
	(void)attribute(sysfs, dir, "", "manufacturer", s.vendor, sizeof s.vendor);
	(void)attribute(sysfs, dir, "", "product", s.product, sizeof s.product);
	bh_sysfs_list(sysfs, dir, each_interface, &(struct looking){sysfs, dir, port, &s});
	*ret_sys = s;
	return true;
}

bool bh_sysfs_net(int sysfs, const char *iface, char ret_port[24], struct bh_mac *ret_mac)
{
	char dir[64], link[512], text[BH_MAC_TEXT];
	struct bh_mac mac = {{0}};
	ssize_t n;

	if (strchr(iface, '/') || iface[0] == '.')
		return false;
	snprintf(dir, sizeof dir, "class/net/%.15s", iface);
	n = readlinkat(sysfs, dir, link, sizeof link - 1);
	if (n <= 0 || n == (ssize_t)sizeof link - 1)
		return false;
	link[n] = '\0';
	if (!bh_usb_port(link, ret_port))
		return false;
	if (attribute(sysfs, dir, "", "address", text, sizeof text) && bh_mac_parse(text, strlen(text), &mac))
		memset(&mac, 0, sizeof mac);
	*ret_mac = mac;
	return true;
}

void bh_sysfs_list(int sysfs, const char *dir, void (*each)(void *ctx, const char *name), void *ctx)
{
	int fd = openat(sysfs, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (unsigned n = 0; n < NAMES && (e = readdir(d)); n++)
		if (e->d_name[0] != '.')
			each(ctx, e->d_name);
	closedir(d);
}

/* ---- people ---- */
void bh_seat_read(int utmp, char ret_user[32])
{
	struct utmp u;
	int64_t last = -1;

	memset(ret_user, 0, 32);
	for (unsigned i = 0; i < UTMP_MAX && read(utmp, &u, sizeof u) == (ssize_t)sizeof u; i++) {
		if (u.ut_type != USER_PROCESS || (strncmp(u.ut_line, "tty", 3) && u.ut_line[0] != ':' && u.ut_host[0] != ':') || u.ut_tv.tv_sec < last)
			continue;
		last = u.ut_tv.tv_sec;
		memset(ret_user, 0, 32);
		memcpy(ret_user, u.ut_user, strnlen(u.ut_user, 31));
	}
}

void bh_seat_user(char ret_user[32])
{
	int fd = open(_PATH_UTMP, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	memset(ret_user, 0, 32);
	if (fd < 0)
		return;
	bh_seat_read(fd, ret_user);
	close(fd);
}

/* ---- the kernel's socket ---- */
int bh_uevent_open(void)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1}; /* 1 is the kernel's, 2 is udev's */
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT), on = 1, bytes = 1 << 20;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
		(void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) || bind(fd, (struct sockaddr *)&a, sizeof a)) {
		int e = errno;

		close(fd);
		return -e;
	}
	return fd;
}

/* The kernel has port 0 and process 0; a program's message has neither. */
static bool of_kernel(struct msghdr *m, const struct sockaddr_nl *from)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	struct ucred cred;

	if (m->msg_namelen != sizeof *from || from->nl_pid || from->nl_groups != 1 || (m->msg_flags & MSG_TRUNC))
		return false;
	if (!h || h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_CREDENTIALS || h->cmsg_len < CMSG_LEN(sizeof cred))
		return false;
	memcpy(&cred, CMSG_DATA(h), sizeof cred);
	return cred.pid == 0;
}

int bh_uevent_recv(int fd, struct bh_uevent *ret_event)
{
	char buf[BH_UEVENT_MAX];

	for (unsigned i = 0; i < 256; i++) {
		union {
			struct cmsghdr h;
			char space[CMSG_SPACE(sizeof(struct ucred))];
		} ctl;
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, sizeof buf};
		struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &ctl, .msg_controllen = sizeof ctl};
		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -errno;
		if (of_kernel(&m, &from) && bh_uevent_parse(buf, (size_t)n, ret_event) == 0)
			return 0;
	}
	return 1;
}
