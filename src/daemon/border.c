/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sensor is not trusted: what kernel and operators say is not its to say, and a string without an end, a number without
 * a name or a time to come is thrown away or cut to size before anything that means something looks at it.
 */
#include "daemon/border.h"

#define AHEAD BH_SEC(2) /* how far a stamp may lie beyond the core's clock */

static const struct bh_event *slot(struct bh_ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return (const struct bh_event *)(const void *)(r->rec + (size_t)(tail & (BH_SHM_SLOTS - 1)) * sizeof(struct bh_event));
}

bool bh_border_peek(struct bh_ring *r, bh_ns *ret_at)
{
	if (atomic_load_explicit(&r->head, memory_order_acquire) == atomic_load_explicit(&r->tail, memory_order_relaxed))
		return false;
	*ret_at = slot(r)->at;
	return true;
}

#define END(s) ((s)[sizeof(s) - 1] = '\0')

static bool flow(struct bh_ev_flow *f, bh_ns at)
{
	END(f->community_id);
	return f->reason < BH_END_COUNT && f->start <= at;
}

static bool dhcp(struct bh_ev_dhcp *d)
{
	END(d->hostname);
	END(d->vendor);
	END(d->circuit);
	return d->type <= (d->flags & BH_DHCP_F_V6 ? BH_DHCP6_RELAY_REPL : 8) && d->n_opts <= BH_DHCP_OPTS;
}

static bool smb(struct bh_ev_smb *s)
{
	END(s->user);
	END(s->share);
	END(s->name);
	END(s->name2);
	return s->op < BH_SMB_OPS && s->magic_read < BH_MAGIC_COUNT && s->magic_written < BH_MAGIC_COUNT &&
	       s->rand_read < BH_RAND_COUNT && s->rand_written < BH_RAND_COUNT;
}

static bool rpc(struct bh_ev_rpc *r)
{
	END(r->pipe);
	END(r->user);
	END(r->text);
	return r->op < BH_RPC_OPS && r->via < BH_VIA_COUNT;
}

static bool logon(struct bh_ev_logon *l)
{
	END(l->user);
	END(l->workstation);
	return l->via < BH_LOGON_VIAS && l->mech < BH_MECH_COUNT && l->result < BH_LOGON_RESULTS;
}

static bool krb(struct bh_ev_krb *k)
{
	END(k->cname);
	END(k->sname);
	END(k->realm);
	return true;
}

static bool ldap(struct bh_ev_ldap *l)
{
	END(l->base);
	END(l->filter);
	return l->op < BH_LDAP_OPS;
}

static bool dns(struct bh_ev_dns *d)
{
	END(d->name);
	return true;
}

static bool http(struct bh_ev_http *h)
{
	END(h->method);
	END(h->host);
	END(h->path);
	END(h->agent);
	return true;
}

static bool rdp(struct bh_ev_rdp *r)
{
	END(r->cookie);
	return true;
}

static bool ssh(struct bh_ev_ssh *s)
{
	END(s->client);
	END(s->server);
	return true;
}

static bool name(struct bh_ev_name *n)
{
	END(n->name);
	END(n->text);
	return n->via < BH_NAME_VIAS && n->op < BH_NAME_OPS;
}

static bool link_layer(struct bh_ev_link *l)
{
	END(l->chassis);
	END(l->port);
	END(l->name);
	END(l->text);
	return l->via < BH_LINK_VIAS;
}

static bool usb(struct bh_ev_usb *u)
{
	END(u->host);
	END(u->port);
	END(u->iface);
	END(u->serial);
	END(u->vendor);
	END(u->product);
	END(u->user);
	return u->op && u->op < BH_USB_OPS && u->via && u->via < BH_USB_VIAS;
}

static bool plausible(struct bh_event *ev, bh_ns now)
{
	if (ev->at > now + AHEAD || ev->app >= BH_APP_COUNT || ev->outcome >= BH_OUT_COUNT || ev->flow_id >> 53)
		return false;
	switch (ev->kind) {
	case BH_EV_FLOW_NEW:
	case BH_EV_FLOW_OUTCOME:
	case BH_EV_FLOW_CLASS:
	case BH_EV_FLOW_END:
		return flow(&ev->u.flow, ev->at);
	case BH_EV_ARP:
		return true;
	case BH_EV_DHCP:
		return dhcp(&ev->u.dhcp);
	case BH_EV_SMB:
		return smb(&ev->u.smb);
	case BH_EV_RPC:
		return rpc(&ev->u.rpc);
	case BH_EV_LOGON:
		return logon(&ev->u.logon);
	case BH_EV_KRB:
		return krb(&ev->u.krb);
	case BH_EV_LDAP:
		return ldap(&ev->u.ldap);
	case BH_EV_DNS:
		return dns(&ev->u.dns);
	case BH_EV_HTTP:
		return http(&ev->u.http);
	case BH_EV_RDP:
		return rdp(&ev->u.rdp);
	case BH_EV_SSH:
		return ssh(&ev->u.ssh);
	case BH_EV_RA:
		return ev->u.ra.op < BH_RA_OPS && ev->u.ra.prefix_bits <= 128;
	case BH_EV_NAME:
		return name(&ev->u.name);
	case BH_EV_LINK:
		return link_layer(&ev->u.link);
	case BH_EV_GAP:
		return ev->u.gap.why < BH_GAP_COUNT;
	default:
		return false; /* commands, the kernel's word, USB ports and time are not the sensor's */
	}
}

bool bh_border_take(struct bh_ring *r, bh_ns now, struct bh_event *ret_event)
{
	memcpy(ret_event, slot(r), sizeof *ret_event);
	bh_ring_drop(r);
	return plausible(ret_event, now);
}

bool bh_border_take_usb(struct bh_ring *r, bh_ns now, struct bh_event *ret_event)
{
	struct bh_event ev;

	memcpy(&ev, slot(r), sizeof ev);
	bh_ring_drop(r);
	*ret_event = (struct bh_event){.at = ev.at, .kind = ev.kind, .proto = 17, .src = ev.src, .dst = ev.dst, .sport = ev.sport, .dport = ev.dport};
	if (ev.kind != BH_EV_USB || ev.at > now + AHEAD || !usb(&ev.u.usb))
		return false;
	ret_event->u.usb = ev.u.usb;
	ret_event->u.usb.pad = 0;
	memset(ret_event->u.usb.pad2, 0, sizeof ret_event->u.usb.pad2);
	/* an event log is never to be trusted, whatever is said of it */
	if ((ev.flags & BH_EVF_UNTRUSTED) || ev.u.usb.via == BH_USB_SYSLOG)
		ret_event->flags = BH_EVF_UNTRUSTED;
	return true;
}
