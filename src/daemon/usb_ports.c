/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/usb_ports.h"

static struct bh_port *find(struct bh_ports *t, const char *port)
{
	for (unsigned i = 0; i < BH_PORTS; i++)
		if (strcmp(t->port[i].port, port) == 0)
			return &t->port[i];
	return NULL;
}

static void say(struct bh_ports *t, struct bh_port *p, unsigned op)
{
	struct bh_ev_usb u;

	if (op != BH_USB_REMOVE && t->look)
		(void)t->look(t->ctx, p->port, &p->sys);
	bh_usb_say(op, p->port, &p->sys, &u);
	if (p->iface[0])
		u.classes |= BH_USB_C_NET; /* whatever its interfaces say of themselves */
	bh_strcpy(u.iface, sizeof u.iface, p->iface);
	u.mac = p->mac;
	p->due = 0;
	t->tell(t->ctx, &u);
}

static struct bh_port *touch(struct bh_ports *t, const char *port, bh_ns now)
{
	struct bh_port *p = find(t, port), *give = &t->port[0];

	if (p)
		return p;
	for (unsigned i = 0; i < BH_PORTS && give->port[0]; i++)
		if (!t->port[i].port[0] || t->port[i].since < give->since)
			give = &t->port[i];
	if (give->port[0]) {
		t->evicted++;
		if (give->due)
			say(t, give, BH_USB_ADD);
	}
	*give = (struct bh_port){.since = now};
	bh_strcpy(give->port, sizeof give->port, port);
	return give;
}

static void interface(struct bh_port *p, const struct bh_uevent *e)
{
	if (p->sys.n_ifaces == BH_USB_IFACES)
		return;
	p->sys.ifaces[p->sys.n_ifaces].cls = e->cls;
	p->sys.ifaces[p->sys.n_ifaces].sub = e->sub;
	p->sys.ifaces[p->sys.n_ifaces++].proto = e->proto;
}

/* A network interface tells its port by its path, or by where sysfs says that it is. */
static void net(struct bh_ports *t, const struct bh_uevent *e, bh_ns now)
{
	char port[24] = "", seen[24];
	struct bh_mac mac = {{0}};
	struct bh_port *p;
	bool below = bh_usb_port(e->devpath, port);

	if (!e->iface[0])
		return;
	if (t->look_net && t->look_net(t->ctx, e->iface, seen, &mac) && !below) {
		memcpy(port, seen, sizeof port);
		below = true;
	}
	if (!below)
		return;
	p = touch(t, port, now);
	bh_strcpy(p->iface, sizeof p->iface, e->iface);
	p->mac = mac;
	say(t, p, BH_USB_ADD);
}

void bh_ports_uevent(struct bh_ports *t, const struct bh_uevent *e, bh_ns now)
{
	bool add = strcmp(e->action, "add") == 0, usb = strcmp(e->subsystem, "usb") == 0;
	struct bh_port *p;
	char port[24];

	if (add && strcmp(e->subsystem, "net") == 0) {
		net(t, e, now);
		return;
	}
	if (!usb || !bh_usb_port(e->devpath, port))
		return;
	if (add && strcmp(e->devtype, "usb_device") == 0) {
		p = touch(t, port, now);
		*p = (struct bh_port){.since = now, .due = now + BH_PORTS_SETTLE, .sys = {.vid = e->vid, .pid = e->pid}};
		bh_strcpy(p->port, sizeof p->port, port);
	} else if (add && strcmp(e->devtype, "usb_interface") == 0) {
		p = find(t, port);
		if (p)
			interface(p, e);
	} else if (strcmp(e->action, "remove") == 0 && strcmp(e->devtype, "usb_device") == 0) {
		p = touch(t, port, now); /* one we never heard of has left, too */
		if (p->due) /* pulled out at once: it was there */
			say(t, p, BH_USB_ADD);
		p->sys.vid = e->vid ? e->vid : p->sys.vid;
		p->sys.pid = e->vid ? e->pid : p->sys.pid;
		say(t, p, BH_USB_REMOVE);
		*p = (struct bh_port){0};
	}
}

void bh_ports_due(struct bh_ports *t, bh_ns now)
{
	for (unsigned i = 0; i < BH_PORTS; i++)
		if (t->port[i].due && t->port[i].due <= now)
			say(t, &t->port[i], BH_USB_ADD);
}

int bh_ports_wait_ms(const struct bh_ports *t, bh_ns now)
{
	int best = -1;

	for (unsigned i = 0; i < BH_PORTS; i++) {
		int ms = t->port[i].due > now ? (int)((t->port[i].due - now) / 1000000) + 1 : 0;

		if (t->port[i].due && (best < 0 || ms < best))
			best = ms;
	}
	return best;
}

void bh_ports_listed(struct bh_ports *t, const char *port, bool start, bh_ns now)
{
	struct bh_port *p = find(t, port);

	if (!start && p)
		return;
	p = touch(t, port, now);
	say(t, p, start ? BH_USB_THERE : BH_USB_ADD);
}

void bh_ports_listed_net(struct bh_ports *t, const char *iface, bh_ns now)
{
	struct bh_mac mac;
	struct bh_port *p;
	char port[24];

	if (!t->look_net || !t->look_net(t->ctx, iface, port, &mac))
		return;
	p = touch(t, port, now);
	bh_strcpy(p->iface, sizeof p->iface, iface);
	p->mac = mac;
}
