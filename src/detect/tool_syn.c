/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tool.syn (R6) - packets no operating system's connect() makes
 *
 *   a SYN with no option but MSS, DF clear and a window of 1024, 2048, 3072 or 4096   nmap
 *   a SYN without any option: window 1024 masscan, 8192 scapy, 65535 zmap             every stack sends an MSS
 *   a first packet with FIN and no ACK, or with no flag at all                        FIN, Xmas and null scans
 *   a bare ACK as the first packet, from one port to 16 services in 10 s              ACK and window scans
 *   IP protocols nobody uses, five of them within a minute                            protocol scans
 * Ports that clients take are no services unless all are of one host: what a server goes on sending when nobody saw the start looks so.
 * Three to different services within 10 s; one could be a broken stack, or a conversation whose start was not seen.
 */
#include <stdio.h>
#include "detect/inside.h"

extern const struct bh_detector bh_detector_tool_syn;

#define CLIENTS 32768 /* their ports begin here */

enum kind { NONE, NMAP, RAW, FLAGS, ACKS, PROTOS };

struct mine {
	struct bh_recent made[4], ack[16], proto[6]; /* services tried; protocols */
	uint64_t ack_host; /* the last one counted */
	uint16_t ack_from; /* the port of the bare ACKs: another one is another count */
};

static enum kind kind_of(const struct bh_event *ev)
{
	const struct bh_syn *y = &ev->u.flow.syn;
	uint8_t flags = ev->u.flow.tcp_flags[0];

	if (!ev->u.flow.pkts[0])
		return NONE; /* begins with an answer */
	if (ev->proto != 6)
		return ev->proto > 2 && ev->proto != 17 && ev->proto != 58 && ev->proto != 47 && ev->proto != 50 && ev->proto != 51 && ev->proto != 89 &&
				       ev->proto != 103 && ev->proto != 112 && ev->proto != 132 ? PROTOS : NONE;
	if (y->window || flags & 0x02) {
		if (flags & 0x10)
			return NONE;
		if (!y->opts[0] && y->window)
			return RAW;
		return y->opts[0] == 2 && !y->opts[1] && !y->df && y->window >= 1024 && y->window <= 4096 && y->window % 1024 == 0 ? NMAP : NONE;
	}
	if (!(flags & 0x04) && (flags == 0 || (flags & 0x11) == 0x01))
		return FLAGS;
	return flags == 0x10 && ev->u.flow.bytes[0] <= 64 ? ACKS : NONE;
}

static bool cares(const struct bh_sight *s)
{
	return kind_of(s->ev) != NONE;
}

static int observe(const struct bh_sight *s, void *mine, struct bh_finding *f)
{
	static const char *const tools[] = {
		[NMAP] = "are SYNs as nmap makes them", [RAW] = "are SYNs without options, which no operating system sends", [FLAGS] = "have flags no connection begins with",
		[ACKS] = "are bare ACKs to service after service", [PROTOS] = "are of IP protocols nobody uses"};
	const struct bh_event *ev = s->ev;
	uint64_t key = (bh_addr_hash(&ev->dst, 1) ^ (uint64_t)ev->dport * 0x9e3779b97f4a7c15ull) | 1;
	enum kind k = kind_of(ev);
	struct mine *m = mine;
	char a[80];
	unsigned n, need = 3;

	if (k == PROTOS) {
		n = bh_recent_note(m->proto, BH_COUNT(m->proto), ev->proto, ev->at, BH_MIN(1));
		need = 5;
	} else if (k == ACKS) {
		uint64_t host = bh_addr_hash(&ev->dst, 1) | 1;

		if (m->ack_from != ev->sport) {
			memset(m->ack, 0, sizeof m->ack);
			m->ack_host = 0;
		}
		m->ack_from = ev->sport;
		if (ev->dport >= CLIENTS && m->ack_host && m->ack_host != host)
			return 0;
		m->ack_host = host;
		n = bh_recent_note(m->ack, BH_COUNT(m->ack), key, ev->at, BH_SEC(10));
		need = 16;
	} else {
		n = bh_recent_note(m->made, BH_COUNT(m->made), key, ev->at, BH_SEC(10));
	}
	if (n < need)
		return 0;
	bh_finding_init(f, &bh_detector_tool_syn, s);
	f->count = n;
	snprintf(f->text, sizeof f->text, "packets from %s %s", bh_host_text(s->src, &ev->src, a), tools[k]);
	if (k == NMAP || k == RAW)
		snprintf(f->detail, sizeof f->detail, "window %u, MSS %u, TTL %u, DF %s", ev->u.flow.syn.window, ev->u.flow.syn.mss, ev->ttl, ev->u.flow.syn.df ? "set" : "clear");
	else
		snprintf(f->detail, sizeof f->detail, "protocol %u, flags 0x%02x, TTL %u", ev->proto, ev->u.flow.tcp_flags[0], ev->ttl);
	bh_finding_target(f, &ev->dst, ev->dport, BH_OUT_NONE, ev->at);
	return 1;
}

const struct bh_detector bh_detector_tool_syn = {
	.name = "tool.syn",
	.title = "Scan: packets of a scanning tool",
	.doc = "packets that no operating system's connect() makes: nmap, masscan, zmap, scapy; FIN, null, ACK and protocol scans",
	.attack = "T1046",
	.tactic = "TA0007",
	.why = "Scanners write their own packets to be quick or to hide; the packets say so.",
	.false_positives = "Small embedded stacks that send no options, load balancers' health checks. Role vulnscan, monitor or lb-vip.",
	.sid = 9100029,
	.family = BH_FAM_R,
	.severity = BH_SEV_LOW,
	.weight = 100,
	.quiet = BH_MIN(10),
	.wants = BH_WANTS(BH_EV_FLOW_NEW),
	.relief = BH_ROLE_BIT(BH_ROLE_VULNSCAN) | BH_ROLE_BIT(BH_ROLE_MONITOR) | BH_ROLE_BIT(BH_ROLE_LB),
	.host_size = sizeof(struct mine),
	.cares = cares,
	.observe = observe,
};
