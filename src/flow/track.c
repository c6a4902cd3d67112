/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a packet means for its flow: who began, whether the other side answered, how it ended. A
 * claim is believed only when its numbers fit: a RST or SYN-ACK must acknowledge the SYN that was
 * seen, the third packet must acknowledge the SYN-ACK, an ICMP error must quote the attempt. So a
 * third party who cannot see the traffic cannot make an attempt look answered or refused.
 */
#include "internal.h"

#define TCP 6
#define UDP 17
#define SYN_DATA 1460u /* a SYN may carry data, so its answer may acknowledge this much more */
#define SLACK                                                                                      \
	(1u << 20) /* bytes that may be missing before a third packet, which must fit in both      \
		      numbers */

#define IDLE_OPEN BH_HOUR(1)
#define IDLE_CLOSED BH_SEC(10)
#define IDLE_QUIET BH_SEC(10) /* a TCP attempt after its outcome: room for retransmissions */
#define IDLE_UDP BH_SEC(60)
#define IDLE_ICMP BH_SEC(30)
#define IDLE_OTHER BH_SEC(60)

static bool is_icmp(uint8_t proto)
{
	return proto == 1 || proto == 58;
}

/* ---- keys ---- */

static void key_make(struct bh_flow_key *k, const struct bh_addr *src, const struct bh_addr *dst,
	uint16_t sport, uint16_t dport, bool *ret_swapped)
{
	uint64_t s[2], d[2];
	bool swap;

	/* any total order does; comparing words is cheaper than comparing bytes */
	memcpy(s, src, 16);
	memcpy(d, dst, 16);
	swap = s[1] != d[1] ? s[1] > d[1] : s[0] != d[0] ? s[0] > d[0] : sport > dport;
	k->a = swap ? *dst : *src;
	k->b = swap ? *src : *dst;
	k->pa = swap ? dport : sport;
	k->pb = swap ? sport : dport;
	*ret_swapped = swap;
}

static void key_tag(struct bh_flow_key *k, const struct bh_packet *p, uint8_t proto)
{
	k->tag = (uint32_t)p->vlan | (uint32_t)p->vlan2 << 12 | (uint32_t)proto << 24;
}

bool bh_flow_key_of(const struct bh_packet *p, struct bh_flow_key *ret, bool *ret_swapped)
{
	uint16_t sport = p->sport, dport = p->dport;
	uint8_t proto = p->proto;

	if (p->what < BH_WHAT_IP || (p->flags & BH_PKT_LATER))
		return false;
	if (p->what == BH_WHAT_IP && p->bad &&
		!p->payload) /* a bad L4 header names no conversation */
		return false;
	if (p->what == BH_WHAT_ICMP) {
		if (p->icmp.error)
			return false;
		sport = dport = p->icmp.id;
		if (!p->icmp.echo) { /* protocol 255 is reserved: keeps these apart from echo ids */
			sport = dport = (uint16_t)(p->icmp.type << 8 | p->icmp.code);
			proto = 255;
		}
	}
	key_make(ret, &p->src, &p->dst, sport, dport, ret_swapped);
	key_tag(ret, p, proto);
	return true;
}

bool bh_flow_key_of_quote(const struct bh_packet *p, struct bh_flow_key *ret, bool *ret_swapped)
{
	const struct bh_packet_quote *q = &p->icmp.quote;

	if (p->what != BH_WHAT_ICMP || !p->icmp.error || !q->proto)
		return false;
	key_make(ret, &q->src, &q->dst, q->sport, q->dport, ret_swapped);
	key_tag(ret, p, q->proto);
	return true;
}

/* ---- events ---- */

void bh_flow_event(const struct bh_flow_table *t, const struct bh_flow *f, enum bh_ev_kind kind,
	bh_ns at, uint64_t pkt_no, struct bh_event *ret)
{
	bool b = f->bits & BH_FLOW_INIT_B;

	memset(ret, 0, sizeof *ret);
	ret->at = at;
	ret->pkt = pkt_no;
	ret->flow_id = bh_flow_id(t, f);
	ret->src = b ? f->key.b : f->key.a;
	ret->dst = b ? f->key.a : f->key.b;
	ret->sport = b ? f->key.pb : f->key.pa;
	ret->dport = b ? f->key.pa : f->key.pb;
	if (is_icmp(f->proto)) {
		ret->sport = (uint16_t)(f->isn[0] >> 8);
		ret->dport = (uint16_t)(f->isn[0] & 0xff);
	}
	ret->vlan = f->key.tag & 0xfff;
	ret->app = f->app;
	ret->kind = (uint8_t)kind;
	ret->proto = f->proto;
	ret->outcome = f->outcome;
	ret->flags = (uint8_t)((f->bits & BH_FLOW_TWOWAY ? BH_EVF_TWOWAY : 0) |
			       (f->bits & BH_FLOW_GUESS ? BH_EVF_GUESS : 0) |
			       (f->outcome == BH_OUT_MIDSTREAM ? BH_EVF_LATE : 0) |
			       (f->bits & BH_FLOW_INNER ? BH_EVF_UNTRUSTED : 0));
	ret->worker = t->conf.worker;
	ret->mac_src = f->mac[0];
	ret->mac_dst = f->mac[1];
	ret->ttl = f->ttl;
	ret->u.flow.start = f->start;
	memcpy(ret->u.flow.pkts, f->pkts, sizeof f->pkts);
	memcpy(ret->u.flow.bytes, f->bytes, sizeof f->bytes);
	memcpy(ret->u.flow.tcp_flags, f->tcp_flags, sizeof f->tcp_flags);
}

static void emit(struct bh_flow_table *t, const struct bh_flow *f, enum bh_ev_kind kind, bh_ns at,
	uint64_t pkt_no)
{
	struct bh_event ev;

	bh_flow_event(t, f, kind, at, pkt_no, &ev);
	t->conf.sink.emit(t->conf.sink.ctx, &ev);
}

void bh_flow_outcome(
	struct bh_flow_table *t, struct bh_flow *f, enum bh_outcome o, bh_ns at, uint64_t pkt_no)
{
	if (f->outcome != BH_OUT_NONE)
		return;
	f->outcome = (uint8_t)o;
	emit(t, f, BH_EV_FLOW_OUTCOME, at, pkt_no);
}

/* ---- time ---- */

bh_ns bh_flow_due(const struct bh_flow *f)
{
	switch (f->state) {
	case ST_PENDING:
		if (f->outcome == BH_OUT_NONE)
			return f->start + BH_FLOW_SILENT;
		break;
	case ST_SYNACK:
		if (f->outcome == BH_OUT_NONE)
			return f->last + BH_FLOW_SILENT;
		break;
	case ST_OPEN:
	case ST_MID:
		if (f->proto == TCP)
			return f->last + IDLE_OPEN;
		break;
	case ST_CLOSED:
		return f->last + IDLE_CLOSED;
	}
	switch (f->proto) {
	case TCP:
		return f->last + IDLE_QUIET;
	case UDP:
		return f->last + IDLE_UDP;
	case 1:
	case 58:
		return f->last + IDLE_ICMP;
	}
	return f->last + IDLE_OTHER;
}

void bh_flow_fire(struct bh_flow_table *t, struct bh_flow *f, bh_ns at)
{
	/* whoever acknowledges was answered, and the answer is not shown here */
	if (f->outcome == BH_OUT_NONE && f->state == ST_PENDING)
		bh_flow_outcome(t, f, (f->tcp_flags[0] & (BH_TCP_ACK | BH_TCP_RST)) == BH_TCP_ACK ? BH_OUT_MIDSTREAM : BH_OUT_SILENT, at, 0);
	else if (f->outcome == BH_OUT_NONE && f->state == ST_SYNACK)
		bh_flow_outcome(t, f, BH_OUT_HANDSHAKE, at, 0);
	else {
		bh_flow_end(t, f, at, 0, f->state == ST_CLOSED ? BH_END_CLOSED : BH_END_TIMEOUT);
		return;
	}
	bh_flow_rearm(t, f);
}

/* ---- the first packet ---- */

static bool pure_syn(const struct bh_packet *p)
{
	return (p->tcp.flags & (BH_TCP_SYN | BH_TCP_ACK | BH_TCP_RST | BH_TCP_FIN)) == BH_TCP_SYN;
}

/* Is the sender of this first packet the responder? */
static bool answered_unseen(const struct bh_packet *p)
{
	bool served = p->sport < 1024 && p->dport >= 1024;

	switch (p->what) {
	case BH_WHAT_TCP:
		if (p->tcp.flags & BH_TCP_SYN)
			return p->tcp.flags & BH_TCP_ACK;
		return served || (p->dport >= 1024 && p->sport < p->dport);
	case BH_WHAT_UDP:
		return served && !(p->flags & BH_PKT_GROUP);
	case BH_WHAT_ICMP:
		return p->icmp.echo &&
		       (p->icmp.type == 0 || p->icmp.type == 129 || p->icmp.type == 14 ||
			       p->icmp.type == 16 || p->icmp.type == 18);
	}
	return false;
}

static uint32_t icmp_kind(const struct bh_packet *p, bool answer)
{
	uint8_t type = p->icmp.type;

	if (answer)
		type = type == 0 ? 8 : type == 129 ? 128 : (uint8_t)(type - 1);
	return (uint32_t)type << 8 | p->icmp.code;
}

static void start_state(struct bh_flow *f, const struct bh_packet *p, bool answer)
{
	if (f->proto == TCP && p->what == BH_WHAT_TCP) {
		f->state = pure_syn(p)                 ? ST_PENDING
			   : p->tcp.flags & BH_TCP_RST ? ST_CLOSED
						       : ST_MID;
		f->isn[0] = p->tcp.seq;
		return;
	}
	if (is_icmp(f->proto))
		f->isn[0] = icmp_kind(p, answer);
	if (answer)
		f->state = ST_OPEN;
	else if (p->flags & BH_PKT_GROUP)
		f->state = ST_LOOSE;
	else if (p->what == BH_WHAT_UDP || (p->what == BH_WHAT_ICMP && p->icmp.echo))
		f->state = ST_PENDING;
	else
		f->state = ST_LOOSE;
}

/* Values count wherever their option stands; of the order only the first kinds are kept. */
static void syn_options(struct bh_bytes b, struct bh_syn *ret)
{
	unsigned n = 0;

	while (b.left) {
		uint8_t kind = bh_u8(&b), len;
		struct bh_bytes v;

		if (kind == 0)
			return;
		if (n < BH_SYN_OPTS)
			ret->opts[n++] = kind;
		if (kind == 1)
			continue;
		len = bh_u8(&b);
		if (b.bad || len < 2 || len - 2u > b.left)
			return;
		v = bh_bytes(b.p, len - 2u);
		if (kind == 2 && len == 4)
			ret->mss = bh_be16(&v);
		else if (kind == 3 && len == 3)
			ret->wscale = (uint8_t)(1 + (bh_u8(&v) & 63));
		else if (kind == 8 && len == 10)
			ret->tsval = bh_be32(&v);
		bh_skip(&b, len - 2u);
	}
}

static void syn_of(const struct bh_packet *p, struct bh_syn *ret)
{
	ret->window = p->tcp.window;
	ret->ecn = (p->tcp.flags & (BH_TCP_ECE | BH_TCP_CWR)) == (BH_TCP_ECE | BH_TCP_CWR);
	if (!(p->flags & BH_PKT_IPV6) && p->l3_len >= 20) {
		ret->df = (p->l3[6] & 0x40) != 0;
		ret->ipid = (uint16_t)(p->l3[4] << 8 | p->l3[5]);
	}
	syn_options(bh_bytes(p->tcp.opts, p->tcp.opts_len), ret);
}

static void tell_new(struct bh_flow_table *t, const struct bh_flow *f, const struct bh_packet *p, uint64_t pkt_no)
{
	struct bh_event ev;

	bh_flow_event(t, f, BH_EV_FLOW_NEW, p->at, pkt_no, &ev);
	if (f->state == ST_PENDING && p->what == BH_WHAT_TCP)
		syn_of(p, &ev.u.flow.syn);
	else if (p->what == BH_WHAT_TCP)
		ev.flags |= BH_EVF_LATE;
	t->conf.sink.emit(t->conf.sink.ctx, &ev);
}

static struct bh_flow *begin(struct bh_flow_table *t, const struct bh_packet *p,
	const struct bh_flow_probe *q, uint64_t pkt_no)
{
	struct bh_flow *f = bh_flow_add(t, &q->key, q->hash, p->at);
	bool answer = answered_unseen(p);

	f->proto = p->proto;
	f->ttl = p->ttl;
	if (q->swapped != answer)
		f->bits |= BH_FLOW_INIT_B;
	if (p->flags & BH_PKT_INNER)
		f->bits |= BH_FLOW_INNER;
	if (p->flags & BH_PKT_GROUP)
		f->bits |= BH_FLOW_GROUP;
	f->mac[answer] = p->mac_src;
	f->mac[!answer] = p->mac_dst;
	start_state(f, p, answer);
	f->pkts[answer] = 1;
	f->bytes[answer] = p->wirelen;
	if (p->what == BH_WHAT_TCP)
		f->tcp_flags[answer] = p->tcp.flags;
	bh_flow_rearm(t, f);
	tell_new(t, f, p, pkt_no);
	if (answer || f->state == ST_MID || f->state == ST_CLOSED)
		bh_flow_outcome(t, f, BH_OUT_MIDSTREAM, p->at, pkt_no);
	return f;
}

/* ---- later packets ---- */

static void set_state(struct bh_flow_table *t, struct bh_flow *f, enum state s)
{
	f->state = (uint8_t)s;
	bh_flow_rearm(t, f);
}

static bool after(uint32_t number, uint32_t first, uint32_t slack)
{
	return number - first - 1 <= slack;
}

static void closed(
	struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p, uint64_t pkt_no)
{
	if (f->state != ST_CLOSED)
		set_state(t, f, ST_CLOSED);
	bh_flow_outcome(t, f, BH_OUT_HANDSHAKE, p->at, pkt_no);
}

static void tcp_pending(struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p,
	uint64_t pkt_no, unsigned dir)
{
	uint8_t fl = p->tcp.flags;

	if (dir == 0) {
		if (pure_syn(p))
			f->isn[0] =
				p->tcp.seq; /* again, or a scanner's next try from the same port */
		else if ((fl & BH_TCP_ACK) && p->payload_wire && !(fl & BH_TCP_RST))
			goto one_sided;
		return;
	}
	if ((fl & (BH_TCP_RST | BH_TCP_ACK)) == (BH_TCP_RST | BH_TCP_ACK)) {
		if (after(p->tcp.ack, f->isn[0], SYN_DATA)) {
			bh_flow_outcome(t, f, BH_OUT_REFUSED, p->at, pkt_no);
			set_state(t, f, ST_CLOSED);
		}
	} else if ((fl & (BH_TCP_SYN | BH_TCP_ACK)) == (BH_TCP_SYN | BH_TCP_ACK)) {
		if (after(p->tcp.ack, f->isn[0], SYN_DATA)) {
			f->isn[1] = p->tcp.seq;
			set_state(t, f, ST_SYNACK);
		}
	} else if (p->payload_wire && !(fl & BH_TCP_RST)) {
		goto one_sided;
	}
	return;
one_sided: /* the conversation goes on and half of it is not shown here */
	bh_flow_outcome(t, f, BH_OUT_MIDSTREAM, p->at, pkt_no);
	set_state(t, f, ST_MID);
}

static void tcp_open(struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p,
	uint64_t pkt_no, unsigned dir)
{
	uint8_t fl = p->tcp.flags;

	if (f->state == ST_OPEN && dir == 1 && p->payload_wire &&
		p->tcp.seq - f->isn[1] - 1 < 1u << 30 && !(fl & (BH_TCP_RST | BH_TCP_SYN)))
		bh_flow_outcome(t, f, BH_OUT_SUCCESS, p->at, pkt_no);
	if (fl & BH_TCP_FIN)
		f->bits |= dir ? BH_FLOW_FIN1 : BH_FLOW_FIN0;
	if ((fl & BH_TCP_RST) ||
		(f->bits & (BH_FLOW_FIN0 | BH_FLOW_FIN1)) == (BH_FLOW_FIN0 | BH_FLOW_FIN1))
		closed(t, f, p, pkt_no);
}

static void tcp_synack(struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p,
	uint64_t pkt_no, unsigned dir)
{
	uint8_t fl = p->tcp.flags;

	if (fl & BH_TCP_RST) {
		closed(t, f, p, pkt_no);
	} else if (dir == 0 && (fl & (BH_TCP_ACK | BH_TCP_SYN)) == BH_TCP_ACK &&
		   after(p->tcp.ack, f->isn[1], SLACK) && after(p->tcp.seq, f->isn[0], SLACK)) {
		f->bits |= BH_FLOW_TWOWAY;
		set_state(t, f, ST_OPEN);
		tcp_open(t, f, p, pkt_no, dir);
	}
}

static void tcp(struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p,
	uint64_t pkt_no, unsigned dir)
{
	f->tcp_flags[dir] |= p->tcp.flags;
	switch (f->state) {
	case ST_PENDING:
		tcp_pending(t, f, p, pkt_no, dir);
		break;
	case ST_SYNACK:
		tcp_synack(t, f, p, pkt_no, dir);
		break;
	case ST_OPEN:
	case ST_MID:
		tcp_open(t, f, p, pkt_no, dir);
		break;
	}
}

/* A SYN with another number on a conversation that is over, or was never whole, begins the next
 * one. */
static bool begins_again(const struct bh_flow *f, const struct bh_packet *p)
{
	if (f->proto != TCP || p->what != BH_WHAT_TCP || !pure_syn(p))
		return false;
	switch (f->state) {
	case ST_CLOSED:
	case ST_MID:
		return true;
	case ST_PENDING:
		return f->outcome != BH_OUT_NONE && p->tcp.seq != f->isn[0];
	case ST_OPEN: /* an end that was missed; a forged SYN must wait as long */
		return p->at - f->last >= BH_SEC(30) && p->tcp.seq != f->isn[0];
	}
	return false;
}

static void answered(
	struct bh_flow_table *t, struct bh_flow *f, const struct bh_packet *p, uint64_t pkt_no)
{
	if (f->state == ST_OPEN || (f->state == ST_LOOSE && (f->bits & BH_FLOW_GROUP)))
		return;
	if (is_icmp(f->proto) && f->state == ST_LOOSE)
		return;
	f->bits |= BH_FLOW_TWOWAY;
	bh_flow_outcome(t, f, BH_OUT_SUCCESS, p->at, pkt_no);
	set_state(t, f, ST_OPEN);
}

struct bh_flow *bh_flow_packet(struct bh_flow_table *t, const struct bh_packet *p,
	const struct bh_flow_probe *q, uint64_t pkt_no, uint8_t *ret_dir)
{
	struct bh_flow *f;
	unsigned dir;

	if (!q->use) {
		if (p->flags & BH_PKT_LATER)
			t->n.later_fragments++;
		else if (p->what == BH_WHAT_ICMP && p->icmp.error)
			bh_flow_quoted(t, p, pkt_no);
		return NULL;
	}
	f = bh_flow_find(t, &q->key, q->hash);
	if (f && begins_again(f, p)) {
		bh_flow_end(t, f, p->at, 0, f->state == ST_CLOSED ? BH_END_CLOSED : BH_END_TIMEOUT);
		f = NULL;
	}
	if (!f) {
		f = begin(t, p, q, pkt_no);
		*ret_dir = q->swapped != !!(f->bits & BH_FLOW_INIT_B);
		return f;
	}
	dir = q->swapped != !!(f->bits & BH_FLOW_INIT_B);
	f->last = p->at;
	f->pkts[dir]++;
	f->bytes[dir] += p->wirelen;
	if (dir && bh_mac_none(&f->mac[1]))
		f->mac[1] = p->mac_src;
	if (p->what == BH_WHAT_TCP)
		tcp(t, f, p, pkt_no, dir);
	else if (dir)
		answered(t, f, p, pkt_no);
	*ret_dir = (uint8_t)dir;
	return f;
}

/* REFUSED, UNREACHABLE, or NONE for errors that say nothing about reachability */
static enum bh_outcome error_means(const struct bh_packet *p)
{
	if (p->proto == 58) {
		if (p->icmp.type != 1)
			return BH_OUT_NONE;
		return p->icmp.code == 4 ? BH_OUT_REFUSED : BH_OUT_UNREACHABLE;
	}
	if (p->icmp.type != 3 || p->icmp.code == 4)
		return BH_OUT_NONE;
	return p->icmp.code == 3 ? BH_OUT_REFUSED : BH_OUT_UNREACHABLE;
}

bool bh_flow_quoted(struct bh_flow_table *t, const struct bh_packet *p, uint64_t pkt_no)
{
	enum bh_outcome o = error_means(p);
	struct bh_flow_key key;
	struct bh_flow *f = NULL;
	bool swapped;

	if (bh_flow_key_of_quote(p, &key, &swapped))
		f = bh_flow_find(t, &key, bh_flow_hash(t, &key));
	if (!f || swapped != !!(f->bits & BH_FLOW_INIT_B)) {
		t->n.icmp_unmatched++;
		return false;
	}
	t->n.icmp_matched++;
	if (o == BH_OUT_NONE || f->state != ST_PENDING ||
		(f->proto == TCP && p->icmp.quote.seq != f->isn[0]))
		return true;
	bh_flow_outcome(t, f, o, p->at, pkt_no);
	bh_flow_rearm(t, f);
	return true;
}
