/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A uevent as the kernel sends it: "add@/devices/…", then KEY=VALUE, each ended by a zero byte. What udev sends looks otherwise and is
 * refused. The port is the deepest path component of the form 1-2.3 below a usbN: other busses have names like it.
 */
#include <stdio.h>
#include <bulkhead/usb.h>

#define PAIRS 64

/* 1 = longer than its place */
static int copy(char *out, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (n >= size)
		return 1;
	memcpy(out, s, n + 1);
	return 0;
}

/* up to four hex digits; *io_p behind them */
static uint16_t hex4(const char **io_p)
{
	unsigned v = 0, n = 0;

	for (; n < 4; n++, (*io_p)++) {
		char c = **io_p;
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0)
			break;
		v = v << 4 | (unsigned)d;
	}
	return (uint16_t)v;
}

static const char *value(const char *pair, const char *key)
{
	size_t n = strlen(key);

	return strncmp(pair, key, n) == 0 && pair[n] == '=' ? pair + n + 1 : NULL;
}

static void three(const char *v, struct bh_uevent *e)
{
	uint8_t *const out[3] = {&e->cls, &e->sub, &e->proto};

	for (unsigned i = 0; i < 3; i++) {
		unsigned n = 0;

		for (unsigned k = 0; k < 3 && *v >= '0' && *v <= '9'; k++)
			n = n * 10 + (unsigned)(*v++ - '0');
		*out[i] = (uint8_t)n;
		if (*v++ != '/')
			return;
	}
}

static int pair(struct bh_uevent *e, const char *s)
{
	const char *v;

	if ((v = value(s, "ACTION")))
		return strcmp(v, e->action) != 0;
	if ((v = value(s, "DEVPATH")))
		return strcmp(v, e->devpath) != 0;
	if ((v = value(s, "SUBSYSTEM")))
		(void)!copy(e->subsystem, sizeof e->subsystem, v); /* too long: none of ours */
	else if ((v = value(s, "DEVTYPE")))
		(void)!copy(e->devtype, sizeof e->devtype, v);
	else if ((v = value(s, "PRODUCT"))) { /* 1d6b/104/409 */
		e->vid = hex4(&v);
		e->pid = *v == '/' ? (v++, hex4(&v)) : 0;
	} else if ((v = value(s, "INTERFACE"))) {
		if (strchr(v, '/')) /* of a USB interface it is its class: 2/6/0 */
			three(v, e);
		else
			(void)!copy(e->iface, sizeof e->iface, v);
	}
	return !strchr(s, '=');
}

int bh_uevent_parse(const void *p, size_t len, struct bh_uevent *ret_event)
{
	const char *s = p, *end = s + len, *at;
	struct bh_uevent e = {0};
	unsigned n = 0;
	size_t verb;

	if (!len || len > BH_UEVENT_MAX || end[-1] != '\0')
		return 1;
	at = strchr(s, '@');
	verb = at ? (size_t)(at - s) : 0;
	if (!at || !verb || verb >= sizeof e.action || at[1] != '/' || copy(e.devpath, sizeof e.devpath, at + 1))
		return 1;
	memcpy(e.action, s, verb);
	for (s += strlen(s) + 1; s < end; s += strlen(s) + 1)
		if (++n > PAIRS || pair(&e, s))
			return 1;
	*ret_event = e;
	return 0;
}

/* ---- ports ---- */
static size_t digits(const char *p, const char *end)
{
	const char *from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (size_t)(p - from);
}

/* 1-2.3 */
static bool port_like(const char *p, const char *end)
{
	size_t n = digits(p, end);
	bool first = true;

	p += n;
	while (n && p < end && *p == (first ? '-' : '.')) {
		n = digits(++p, end);
		p += n;
		first = false;
	}
	return n && p == end && !first;
}

static bool root_hub(const char *p, const char *end)
{
	return end - p > 3 && memcmp(p, "usb", 3) == 0 && digits(p + 3, end) == (size_t)(end - p) - 3;
}

bool bh_usb_port(const char *path, char ret_port[24])
{
	const char *root = NULL, *best = NULL, *end;
	bool net = false; /* network interfaces are called usb0, too */
	size_t n = 0;

	for (const char *p = path; *p; p = *end ? end + 1 : end) {
		end = strchr(p, '/');
		end = end ? end : p + strlen(p);
		if (!root && !net && root_hub(p, end)) {
			root = p;
			best = *end ? NULL : p; /* at the end of the path it is the device itself */
			n = (size_t)(end - p);
		} else if (root && port_like(p, end)) {
			best = p;
			n = (size_t)(end - p);
		}
		net = end - p == 3 && memcmp(p, "net", 3) == 0;
	}
	if (!best || n >= 24)
		return false;
	memset(ret_port, 0, 24);
	memcpy(ret_port, best, n);
	return true;
}

/* ---- classes ---- */
static uint8_t class_of(uint8_t cls, uint8_t sub, uint8_t proto)
{
	switch (cls) {
	case 0x00: /* each interface has its own */
	case 0xef: /* several functions: the same, but for what ActiveSync's number is used for */
		return cls == 0xef && sub == 4 && proto == 1 ? BH_USB_C_NET : 0;
	case 0x02: /* communication: Ethernet, NCM, MBIM, wireless and RNDIS's vendor protocol are networks, the rest is a line */
		return sub == 6 || sub == 0x0d || sub == 0x0e || sub == 8 || (sub == 2 && proto == 0xff) ? BH_USB_C_NET : BH_USB_C_SERIAL;
	case 0x03:
		return BH_USB_C_HID;
	case 0x08:
		return BH_USB_C_STORAGE;
	case 0x09:
		return BH_USB_C_HUB;
	case 0x0a: /* data of an 0x02 interface, which says what it is */
		return 0;
	case 0xe0:
		return sub == 1 && proto == 3 ? BH_USB_C_NET : BH_USB_C_WIRELESS;
	default:
		return BH_USB_C_OTHER;
	}
}

uint8_t bh_usb_classes(const struct bh_usb_sys *sys)
{
	uint8_t c = sys->cls == 0x02 && sys->n_ifaces ? 0 : class_of(sys->cls, sys->sub, sys->proto);

	for (unsigned i = 0; i < sys->n_ifaces && i < BH_USB_IFACES; i++)
		c |= class_of(sys->ifaces[i].cls, sys->ifaces[i].sub, sys->ifaces[i].proto);
	return c;
}

void bh_usb_say(unsigned op, const char *port, const struct bh_usb_sys *sys, struct bh_ev_usb *ret_usb)
{
	struct bh_ev_usb u = {.op = (uint8_t)op, .vid = sys->vid, .pid = sys->pid, .classes = bh_usb_classes(sys)};

	bh_strcpy(u.port, sizeof u.port, port);
	bh_strcpy(u.serial, sizeof u.serial, sys->serial);
	bh_strcpy(u.vendor, sizeof u.vendor, sys->vendor);
	bh_strcpy(u.product, sizeof u.product, sys->product);
	*ret_usb = u;
}
