/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plan as lines of text, in one fixed order, so that equal plans are equal bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "box.h"

struct sink {
	char *p;
	size_t len, cap;
	int error;
};

static void sink_put(struct sink *s, const char *p, size_t n)
{
	if (s->error)
		return;
	if (s->cap - s->len <= n) {
		size_t cap = s->cap ? s->cap : 4096;
		char *v;

		while (cap - s->len <= n)
			cap *= 2;
		v = realloc(s->p, cap);
		if (!v) {
			s->error = -ENOMEM;
			return;
		}
		s->p = v;
		s->cap = cap;
	}
	memcpy(s->p + s->len, p, n);
	s->len += n;
	s->p[s->len] = '\0';
}

static void sink_text(struct sink *s, struct bh_text *t)
{
	if (t->truncated)
		s->error = -EOVERFLOW;
	sink_put(s, t->p, t->len);
}

/* a word where it reads as one, quoted elsewhere: one spelling for each value */
static void put_name(struct bh_text *t, const char *s)
{
	size_t n = strlen(s);

	if (n && n == strspn(s, PLAN_PLAIN))
		bh_putn(t, s, n);
	else
		bh_put_quoted(t, s, n);
}

static void put_prefix(struct bh_text *t, const struct bh_prefix *p)
{
	char buf[BH_PREFIX_TEXT];

	bh_put(t, bh_prefix_print(p, buf));
}

static void put_service(struct bh_text *t, uint8_t proto, uint16_t lo, uint16_t hi)
{
	if (proto != 6 && proto != 17)
		bh_put(t, proto == 1 ? "icmp" : "any");
	else if (lo == hi)
		bh_putf(t, "%s/%u", proto == 6 ? "tcp" : "udp", lo);
	else
		bh_putf(t, "%s/%u-%u", proto == 6 ? "tcp" : "udp", lo, hi);
}

static void put_pos(struct bh_text *t, struct bh_pos pos)
{
	if (pos.line)
		bh_putf(t, " at=%u:%u", pos.line, pos.col);
}

static void print_head(struct sink *s, const struct bh_plan *plan)
{
	char buf[1024], d[24];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_putf(&t, "plan generation=%u mode=%s policy=", plan->generation,
		bh_plan_modes[plan->mode < BH_MODE_COUNT ? plan->mode : 0]);
	bh_put_quoted(&t, plan->policy_file, strlen(plan->policy_file));
	if (plan->policy_sha256[0])
		bh_putf(&t, " sha256=%s", plan->policy_sha256);
	bh_put(&t, "\n");
	sink_text(s, &t);
	t = bh_text(buf, sizeof buf);
	bh_putf(&t, "limit cuts=%u ttl=%s\n", plan->max_cuts, bh_duration_print(plan->max_ttl, d));
	sink_text(s, &t);
}

static void print_zone(struct sink *s, const struct bh_plan_zone *z)
{
	char buf[256];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_put(&t, "zone ");
	put_name(&t, z->name);
	bh_putf(&t, " critical=%d", z->critical);
	for (unsigned i = 0; i < z->vlans.n; i++)
		bh_putf(&t, "%s%u", i ? "," : " vlan=", z->vlans.v[i]);
	sink_text(s, &t);
	for (size_t i = 0; i < z->nets.n; i++) {
		t = bh_text(buf, sizeof buf);
		bh_put(&t, " ");
		put_prefix(&t, &z->nets.v[i]);
		sink_text(s, &t);
	}
	sink_put(s, "\n", 1);
}

static void print_permit(struct sink *s, const struct bh_plan *plan, const struct bh_permit *p)
{
	char buf[512];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_put(&t, "permit ");
	put_name(&t, plan->zones[p->from].name);
	bh_put(&t, " > ");
	put_prefix(&t, &p->dst);
	bh_put(&t, " ");
	put_service(&t, p->proto, p->lo, p->hi);
	bh_put(&t, " conduit=");
	put_name(&t, plan->conduit_names[p->conduit]);
	if (p->src.bits) {
		bh_put(&t, " from=");
		put_prefix(&t, &p->src);
	}
	bh_put(&t, "\n");
	sink_text(s, &t);
}

static void print_pin(struct sink *s, const struct bh_plan_pin *p)
{
	char buf[512];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_put(&t, "pin ");
	put_name(&t, p->name);
	bh_put(&t, " ");
	put_prefix(&t, &p->from);
	bh_put(&t, " > ");
	put_prefix(&t, &p->to);
	bh_put(&t, " ");
	put_service(&t, p->proto, p->lo, p->hi);
	put_pos(&t, p->pos);
	bh_put(&t, "\n");
	sink_text(s, &t);
}

static void print_end(struct sink *s, const char *word, const struct bh_prefix *net, uint8_t proto,
	uint16_t lo, uint16_t hi)
{
	char buf[256];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_putf(&t, "%s ", word);
	put_prefix(&t, net);
	bh_put(&t, " ");
	put_service(&t, proto, lo, hi);
	bh_put(&t, "\n");
	sink_text(s, &t);
}

static void print_never(struct sink *s, const struct bh_plan_never *n)
{
	char buf[512], mac[BH_MAC_TEXT];
	struct bh_text t = bh_text(buf, sizeof buf);

	bh_put(&t, "never ");
	put_name(&t, n->name);
	if (n->net.bits) {
		bh_put(&t, " ");
		put_prefix(&t, &n->net);
	}
	if (!bh_mac_none(&n->mac))
		bh_putf(&t, " mac=%s", bh_mac_print(&n->mac, mac));
	put_pos(&t, n->pos);
	bh_put(&t, "\n");
	sink_text(s, &t);
}

size_t bh_cut_print(const struct bh_cut *c, char buf[BH_CUT_TEXT])
{
	struct bh_text t = bh_text(buf, BH_CUT_TEXT);
	char a[BH_PREFIX_TEXT], d[24];

	bh_putf(&t, "cut %s ", bh_cut_kind_name(c->kind));
	if (c->what == BH_CUT_FLOW) {
		bh_putf(&t, "%s %s %u > ", c->proto == 6 ? "tcp" : "udp",
			bh_prefix_print(&c->net, a), c->sport);
		bh_putf(&t, "%s %u", bh_prefix_print(&c->peer, a), c->dport);
	} else if (c->what == BH_CUT_MAC)
		bh_putf(&t, "mac:%s", bh_mac_print(&c->mac, a));
	else
		bh_putf(&t, "%s%s", c->what == BH_CUT_NET ? "net:" : "",
			bh_prefix_print(&c->net, a));
	bh_putf(&t, " ttl=%s order=%u", bh_duration_print(c->ttl, d), c->order);
	if (c->because[0])
		bh_put(&t, " because=");
	for (size_t i = 0; i < sizeof c->because && c->because[i]; i++)
		bh_putn(&t, strchr(PLAN_PLAIN, c->because[i]) ? &c->because[i] : "_", 1);
	return t.len;
}

int bh_plan_print(const struct bh_plan *plan, char **ret_text, size_t *ret_len)
{
	struct sink s = {0};

	print_head(&s, plan);
	for (size_t i = 0; i < plan->n_zones; i++)
		print_zone(&s, &plan->zones[i]);
	for (size_t i = 0; i < plan->n_conduit_names; i++) {
		char buf[256];
		struct bh_text t = bh_text(buf, sizeof buf);

		bh_put(&t, "conduit ");
		put_name(&t, plan->conduit_names[i]);
		bh_put(&t, "\n");
		sink_text(&s, &t);
	}
	for (size_t i = 0; i < plan->n_permits; i++)
		print_permit(&s, plan, &plan->permits[i]);
	for (size_t i = 0; i < plan->n_pins; i++)
		print_pin(&s, &plan->pins[i]);
	for (size_t i = 0; i < plan->n_remedies; i++)
		print_end(&s, "remedy", &plan->remedies[i].to, plan->remedies[i].proto,
			plan->remedies[i].lo, plan->remedies[i].hi);
	for (size_t i = 0; i < plan->n_mgmt; i++)
		print_end(&s, "manage", &plan->mgmt[i].from, plan->mgmt[i].proto, plan->mgmt[i].lo,
			plan->mgmt[i].hi);
	for (size_t i = 0; i < plan->n_never; i++)
		print_never(&s, &plan->never[i]);
	for (size_t i = 0; i < plan->n_cuts; i++) {
		char buf[BH_CUT_TEXT];

		sink_put(&s, buf, bh_cut_print(&plan->cuts[i], buf));
		sink_put(&s, "\n", 1);
	}
	if (s.error) {
		free(s.p);
		return s.error;
	}
	*ret_text = s.p;
	*ret_len = s.len;
	return 0;
}
