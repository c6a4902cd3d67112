/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Assertions. A statement about a whole zone is about every address in it and, for "any", every
 * port. They need not all be tried: what judge() answers can only change where a prefix or a port
 * range of the policy begins or ends, so one address and one port from each stretch between such
 * places stand for all of it. Nothing is sampled; the answer is exact.
 */
#include <errno.h>
#include <stdlib.h>
#include "policy/load.h"

#define POINTS 20000           /* addresses that stand for one side */
#define JUDGEMENTS 40000000ull /* for one line */

enum verdict { DENY, ALLOW, ALLOW_SAME, ALLOW_CONDUIT, ALLOW_PIN };
struct side {
	struct bh_prefixes nets;
	uint16_t zone; /* BH_ZONE_NONE: not a zone's name */
	struct bh_addr *pt;
	size_t n_pt, cap_pt;
};
struct port {
	uint8_t proto;
	uint16_t port;
};
struct line {
	const struct bh_policy *p;
	struct bh_diags *d;
	struct bh_word w[8];
	struct bh_mark at[8];
	size_t n;
	struct side src, dst;
	struct bh_svcs svcs;
	bool any; /* the service is "any" */
	struct port *port;
	size_t n_port, cap_port;
	enum verdict want;
	uint32_t index; /* of the conduit or pin wanted */
};

/* splits at blanks up to a comment; number of words, more than fit are counted as 9 */
static size_t split(struct line *l, const char *s, const char *end, uint32_t no)
{
	uint32_t col = 1;
	size_t n = 0;

	while (s < end) {
		const char *from = s;
		uint32_t start = col;

		while (s < end && *s != ' ' && *s != '\t' && *s != '\r') {
			col += ((uint8_t)*s & 0xc0) != 0x80;
			s++;
		}
		if (s > from && *from == '#')
			break;
		if (s > from && n == BH_COUNT(l->w))
			return n + 1;
		if (s > from) {
			l->w[n] = (struct bh_word){from, s - from};
			l->at[n++] = (struct bh_mark){{no, start}, col - start};
		}
		if (s < end) {
			s++;
			col++;
		}
	}
	return n;
}

static void copy_word(struct bh_word w, char out[64])
{
	size_t n = w.len < 63 ? w.len : 63;

	memcpy(out, w.p, n);
	out[n] = '\0';
}

static bool put_net(struct side *s, const struct bh_prefix *p)
{
	struct bh_prefix *v = realloc(s->nets.v, (s->nets.n + 1) * sizeof *v);

	if (!v)
		return false;
	s->nets.v = v;
	v[s->nets.n++] = *p;
	return true;
}

/* 0, 2 not a side, -ENOMEM */
static int parse_side(struct line *l, size_t i, struct side *s)
{
	struct bh_guess g;
	char name[64], buf[96];
	const struct bh_phost *h;
	struct bh_prefix p;

	copy_word(l->w[i], name);
	s->zone = bh_policy_zone_by_name(l->p, name);
	if (s->zone != BH_ZONE_NONE) {
		for (size_t k = 0; k < l->p->zones[s->zone].nets.n; k++)
			if (!put_net(s, &l->p->zones[s->zone].nets.v[k]))
				return -ENOMEM;
		return 0;
	}
	h = bh_policy_host_by_name(l->p, name);
	for (size_t k = 0; h && k < h->n_addrs; k++) {
		p = bh_prefix_host(&h->addrs[k]);
		if (!put_net(s, &p))
			return -ENOMEM;
	}
	if (h)
		return 0;
	if (bh_prefix_parse(l->w[i].p, l->w[i].len, &p) == 0)
		return put_net(s, &p) ? 0 : -ENOMEM;
	g = (struct bh_guess){.word = name};
	for (size_t k = 0; k < l->p->n_zones; k++)
		bh_guess_offer(&g, l->p->zones[k].name);
	for (size_t k = 0; k < l->p->n_hosts; k++)
		bh_guess_offer(&g, l->p->hosts[k].name);
	bh_diag(l->d, BH_DIAG_ERROR, l->at[i],
		"'%s' is not a zone, a host, an address or a prefix%s", name,
		bh_guess_text(&g, buf));
	return 2;
}

static int parse_service(struct line *l)
{
	const struct bh_service *b;
	struct bh_svc one;
	size_t n;
	char word[64];

	copy_word(l->w[3], word);
	n = strlen(word);
	if (n && word[n - 1] == ':')
		word[n - 1] = '\0';
	b = bh_service_find(word);
	if (!b && bh_svc_parse(word, &one) != 0) {
		bh_diag(l->d, BH_DIAG_ERROR, l->at[3],
			"'%s' is not a built-in service, tcp/PORT or udp/PORT", word);
		return 2;
	}
	l->svcs.n = b ? b->n : 1;
	l->svcs.v = calloc(l->svcs.n, sizeof *l->svcs.v);
	if (!l->svcs.v)
		return -ENOMEM;
	memcpy(l->svcs.v, b ? b->v : &one, l->svcs.n * sizeof one);
	l->any = l->svcs.v[0].proto == 0;
	return 0;
}

static int parse_named(struct line *l, bool pin)
{
	struct bh_guess g;
	char name[64], buf[96];
	size_t n = pin ? l->p->n_pins : l->p->n_conduits;

	copy_word(l->w[6], name);
	g = (struct bh_guess){.word = name};
	for (size_t i = 0; i < n; i++) {
		const char *have = pin ? l->p->pins[i].name : l->p->conduits[i].name;

		if (strcmp(have, name) == 0) {
			l->want = pin ? ALLOW_PIN : ALLOW_CONDUIT;
			l->index = i;
			return 0;
		}
		bh_guess_offer(&g, have);
	}
	bh_diag(l->d, BH_DIAG_ERROR, l->at[6], "no %s is called '%s'%s", pin ? "pin" : "conduit",
		name, bh_guess_text(&g, buf));
	return 2;
}

static int parse_verdict(struct line *l)
{
	if (l->n == 5 && bh_word_is(l->w[4], "deny")) {
		l->want = DENY;
		return 0;
	}
	if (bh_word_is(l->w[4], "allow")) {
		l->want = l->n == 5 ? ALLOW : ALLOW_SAME;
		if (l->n == 5 || (l->n == 6 && bh_word_is(l->w[5], "same-zone")))
			return 0;
		if (l->n == 7 && (bh_word_is(l->w[5], "conduit") || bh_word_is(l->w[5], "pin")))
			return parse_named(l, bh_word_is(l->w[5], "pin"));
	}
	bh_diag(l->d, BH_DIAG_ERROR, l->at[4],
		"write: deny, allow, allow same-zone, allow conduit NAME or allow pin NAME");
	return 2;
}

/* ---- places where the answer can change ---- */
static int put_point(struct line *l, struct side *s, struct bh_addr a)
{
	if (s->zone != BH_ZONE_NONE && bh_policy_zone_of(l->p, &a) != s->zone)
		return 0;
	if (s->n_pt == s->cap_pt) {
		size_t cap = s->cap_pt ? s->cap_pt * 2 : 64;
		struct bh_addr *v = realloc(s->pt, cap * sizeof *v);

		if (!v)
			return -ENOMEM;
		s->pt = v;
		s->cap_pt = cap;
	}
	s->pt[s->n_pt++] = a;
	return 0;
}

static bool in_side(const struct side *s, const struct bh_addr *a)
{
	for (size_t i = 0; i < s->nets.n; i++)
		if (bh_net_has(&s->nets.v[i], a))
			return true;
	return false;
}

/* where p begins and just after it ends, as far as that is part of the side */
static int put_edges(struct line *l, struct side *s, const struct bh_prefixes *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r == 0; i++) {
		struct bh_addr after = bh_net_last(&p->v[i]);
		bool wrapped = true;

		if (in_side(s, &p->v[i].net))
			r = put_point(l, s, p->v[i].net);
		for (int k = 15; k >= 0 && wrapped; k--)
			wrapped = ++after.b[k] == 0;
		if (r == 0 && !wrapped && in_side(s, &after))
			r = put_point(l, s, after);
	}
	return r;
}

static int addr_cmp(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct bh_addr));
}

static int points(struct line *l, struct side *s, bool src)
{
	const struct bh_policy *p = l->p;
	size_t out = 0;
	int r = 0;

	for (size_t i = 0; i < s->nets.n && r == 0; i++) {
		r = put_point(l, s, s->nets.v[i].net);
		if (r == 0)
			r = put_point(l, s, bh_net_last(&s->nets.v[i]));
	}
	for (size_t i = 0; i < p->n_zones && r == 0; i++)
		r = put_edges(l, s, &p->zones[i].nets);
	for (size_t i = 0; i < p->n_conduits && r == 0; i++)
		r = put_edges(l, s, src ? &p->conduits[i].from_hosts : &p->conduits[i].to_hosts);
	for (size_t i = 0; i < p->n_pins && r == 0; i++)
		r = put_edges(l, s, src ? &p->pins[i].from : &p->pins[i].to);
	if (r || !s->n_pt)
		return r;
	qsort(s->pt, s->n_pt, sizeof *s->pt, addr_cmp);
	for (size_t i = 1; i < s->n_pt; i++)
		if (!bh_addr_eq(&s->pt[i], &s->pt[out]))
			s->pt[++out] = s->pt[i];
	s->n_pt = out + 1;
	return 0;
}

static int put_port(struct line *l, uint8_t proto, uint16_t port)
{
	struct port *v = l->port;

	if (l->n_port == l->cap_port) {
		size_t cap = l->cap_port ? l->cap_port * 2 : 64;

		v = realloc(l->port, cap * sizeof *v);
		if (!v)
			return -ENOMEM;
		l->port = v;
		l->cap_port = cap;
	}
	v[l->n_port++] = (struct port){proto, port};
	return 0;
}

/* edge[port] is set where a range of this protocol begins or has just ended */
static void edges_of(const struct bh_svcs *s, uint8_t proto, bool edge[65536])
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].proto != proto)
			continue;
		edge[s->v[i].lo] = true;
		if (s->v[i].hi < 65535)
			edge[s->v[i].hi + 1] = true;
	}
}

static int ports_of(struct line *l, uint8_t proto, uint16_t lo, uint16_t hi)
{
	bool *edge = calloc(65536, sizeof *edge);
	int r = edge ? 0 : -ENOMEM;

	for (size_t i = 0; edge && i < l->p->n_conduits; i++) {
		const struct bh_conduit *c = &l->p->conduits[i];

		if ((l->src.zone == BH_ZONE_NONE || c->from == l->src.zone) &&
			(l->dst.zone == BH_ZONE_NONE || c->to == l->dst.zone))
			edges_of(&c->allow, proto, edge);
	}
	for (size_t i = 0; edge && i < l->p->n_pins; i++)
		edges_of(&l->p->pins[i].allow, proto, edge);
	for (uint32_t k = lo; k <= hi && r == 0; k++)
		if (edge[k] || k == lo || k == hi)
			r = put_port(l, proto, k);
	free(edge);
	return r;
}

static int ports(struct line *l)
{
	int r = 0;

	if (l->any) {
		r = ports_of(l, 6, 0, 65535);
		r = r ? r : ports_of(l, 17, 0, 65535);
		r = r ? r : put_port(l, 1, 0);
		return r ? r : put_port(l, 47, 0); /* stands for every other protocol */
	}
	for (size_t i = 0; i < l->svcs.n && r == 0; i++) {
		const struct bh_svc *s = &l->svcs.v[i];

		r = s->proto == 1 ? put_port(l, 1, 0) : ports_of(l, s->proto, s->lo, s->hi);
	}
	return r;
}

static bool holds(const struct line *l, const struct bh_judgement *j)
{
	switch (l->want) {
	case DENY:
		return j->rule == BH_RULE_DENY || j->rule == BH_RULE_UNZONED ||
		       (l->any && j->rule == BH_RULE_PIN);
	case ALLOW:
		return j->rule == BH_RULE_PIN || j->rule == BH_RULE_CONDUIT ||
		       j->rule == BH_RULE_SAME_ZONE;
	case ALLOW_SAME:
		return j->rule == BH_RULE_SAME_ZONE;
	case ALLOW_CONDUIT:
		return j->rule == BH_RULE_CONDUIT && j->index == l->index;
	case ALLOW_PIN:
		return j->rule == BH_RULE_PIN && j->index == l->index;
	}
	return false;
}

static int report(struct line *l, const struct bh_judgement *j, const struct bh_addr *a,
	const struct bh_addr *b, struct port q)
{
	char src[BH_ADDR_TEXT], dst[BH_ADDR_TEXT], svc[32], what[96];
	struct bh_svc s = {q.proto, q.port, q.port};
	struct bh_text t = bh_text(svc, sizeof svc), w = bh_text(what, sizeof what);

	if (q.proto == 47)
		bh_put(&t, "protocol 47");
	else
		bh_svc_put(&s, &t);
	switch (j->rule) {
	case BH_RULE_PIN:
		bh_putf(&w, "is allowed by pin '%s'", l->p->pins[j->index].name);
		break;
	case BH_RULE_CONDUIT:
		bh_putf(&w, "is allowed by conduit '%s'", l->p->conduits[j->index].name);
		break;
	default:
		bh_put(&w, j->rule == BH_RULE_SAME_ZONE ? "stays inside one zone"
			   : j->rule == BH_RULE_UNZONED ? "has an end in no zone"
							: "is denied");
	}
	bh_diag(l->d, BH_DIAG_ERROR, l->at[4], "does not hold: %s -> %s %s %s",
		bh_addr_print(a, src), bh_addr_print(b, dst), svc, what);
	return 1;
}

static int try_all(struct line *l)
{
	bool tried = false;

	if ((uint64_t)l->src.n_pt * l->dst.n_pt * l->n_port > JUDGEMENTS || l->src.n_pt > POINTS ||
		l->dst.n_pt > POINTS) {
		bh_diag(l->d, BH_DIAG_ERROR, l->at[0],
			"too many cases to try them all; ask about smaller parts");
		return 2;
	}
	for (size_t i = 0; i < l->src.n_pt; i++)
		for (size_t k = 0; k < l->dst.n_pt; k++) {
			const struct bh_addr *a = &l->src.pt[i], *b = &l->dst.pt[k];

			if (bh_addr_is4(a) != bh_addr_is4(b))
				continue;
			tried = true;
			for (size_t m = 0; m < l->n_port; m++) {
				struct bh_judgement j = bh_policy_judge(
					l->p, a, b, l->port[m].proto, l->port[m].port);

				if (!holds(l, &j))
					return report(l, &j, a, b, l->port[m]);
			}
		}
	if (tried)
		return 0;
	bh_diag(l->d, BH_DIAG_ERROR, l->at[0],
		"the two sides have no address family in common; the line says nothing");
	return 2;
}

static int check_line(struct line *l)
{
	size_t len = l->n > 3 ? l->w[3].len : 0;
	int r;

	if (l->n < 5 || (!bh_word_is(l->w[1], "->") && !bh_word_is(l->w[1], "→")) ||
		l->w[3].p[len - 1] != ':') {
		bh_diag(l->d, BH_DIAG_ERROR, l->at[0],
			"write: FROM -> TO SERVICE: allow ... or deny");
		return 2;
	}
	r = parse_side(l, 0, &l->src);
	r = r ? r : parse_side(l, 2, &l->dst);
	r = r ? r : parse_service(l);
	r = r ? r : parse_verdict(l);
	r = r ? r : points(l, &l->src, true);
	r = r ? r : points(l, &l->dst, false);
	r = r ? r : ports(l);
	return r ? r : try_all(l);
}

int bh_policy_expect(const struct bh_policy *p, const char *text, size_t len,
	struct bh_diags *diags, size_t *ret_n)
{
	const char *s = text, *end = text + len;
	int worst = 0;
	uint32_t no = 1;

	*ret_n = 0;
	for (; s < end && worst >= 0; no++) {
		const char *nl = memchr(s, '\n', end - s);
		struct line l = {.p = p, .d = diags};
		int r = 0;

		l.n = split(&l, s, nl ? nl : end, no);
		if (l.n) {
			r = check_line(&l);
			++*ret_n;
		}
		worst = r < 0 || r > worst ? r : worst;
		free(l.src.nets.v);
		free(l.src.pt);
		free(l.dst.nets.v);
		free(l.dst.pt);
		free(l.svcs.v);
		free(l.port);
		s = nl ? nl + 1 : end;
	}
	return worst;
}
