/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan is what crosses from the unprivileged half to the enforcer: the law of one generation
 * and the cuts in force, with nothing of why. It is made by compiling a policy (compile.c) or by
 * reading the text form (parse.c); print.c writes that text. guard.c holds the few sentences that
 * no order may break, whoever gives it.
 *
 * A permit, a pin, a remedy and a line of management are all the same thing, a box of addresses and
 * ports, and box.c makes any list of them disjoint, because that is what the kernel's interval sets
 * can hold. The pieces of a pin keep its name and place, so a message can still say which line of
 * the policy it means.
 */
#include <errno.h>
#include <stdlib.h>
#include "box.h"

const char *const bh_plan_modes[BH_MODE_COUNT] = {"observe", "ask", "auto"};

/* SSH, Telnet, RPC, NetBIOS, SMB, rexec family, RDP, VNC, WinRM, Salt, Puppet's and SCCM's push */
const uint16_t bh_plan_admin_ports[] = {
	22, 23, 135, 139, 445, 512, 513, 514, 2701, 3389, 4505, 4506, 5900, 5901, 5985, 5986, 8140};
const size_t bh_plan_n_admin_ports = BH_COUNT(bh_plan_admin_ports);

const char *bh_cut_kind_name(unsigned kind)
{
	static const char *const names[BH_CUT_KINDS] = {
		"none", "isolate", "shield", "contain", "island", "kill"};

	return names[kind < BH_CUT_KINDS ? kind : 0];
}

const char *bh_conduit_state_name(unsigned state)
{
	static const char *const names[BH_CONDUIT_STATES] = {"normal", "no-admin", "closed"};

	return state < BH_CONDUIT_STATES ? names[state] : "unknown";
}

void bh_plan_fini(struct bh_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_zones; i++)
		free(plan->zones[i].nets.v);
	free(plan->zones);
	free(plan->permits);
	free(plan->pins);
	free(plan->remedies);
	free(plan->mgmt);
	free(plan->never);
	free(plan->conduit_names);
	free(plan->cuts);
	memset(plan, 0, sizeof *plan);
}

static void *dup_array(const void *v, size_t n, size_t size, int *io_r)
{
	void *p;

	if (n == 0)
		return NULL;
	p = malloc(n * size);
	if (p)
		memcpy(p, v, n * size);
	else
		*io_r = -ENOMEM;
	return p;
}

int bh_plan_copy(const struct bh_plan *plan, struct bh_plan *ret_copy)
{
	struct bh_plan c = *plan;
	int r = 0;

	c.zones = dup_array(plan->zones, plan->n_zones, sizeof *c.zones, &r);
	c.permits = dup_array(plan->permits, plan->n_permits, sizeof *c.permits, &r);
	c.pins = dup_array(plan->pins, plan->n_pins, sizeof *c.pins, &r);
	c.remedies = dup_array(plan->remedies, plan->n_remedies, sizeof *c.remedies, &r);
	c.mgmt = dup_array(plan->mgmt, plan->n_mgmt, sizeof *c.mgmt, &r);
	c.never = dup_array(plan->never, plan->n_never, sizeof *c.never, &r);
	c.conduit_names =
		dup_array(plan->conduit_names, plan->n_conduit_names, sizeof *c.conduit_names, &r);
	c.cuts = dup_array(plan->cuts, plan->n_cuts, sizeof *c.cuts, &r);
	if (!c.zones)
		c.n_zones = 0;
	for (size_t i = 0; i < c.n_zones; i++)
		c.zones[i].nets.v = dup_array(
			plan->zones[i].nets.v, plan->zones[i].nets.n, sizeof(struct bh_prefix), &r);
	if (r < 0) {
		bh_plan_fini(&c);
		return r;
	}
	*ret_copy = c;
	return 0;
}

/* ports mean nothing outside TCP and UDP: there the box is the whole range */
static struct box box_of(uint16_t group, const struct bh_prefix *src, const struct bh_prefix *dst,
	uint8_t proto, uint16_t lo, uint16_t hi, size_t tag)
{
	bool ports = proto == 6 || proto == 17;
	struct box b = {.group = group, .dst = *dst, .proto = proto, .tag = (uint32_t)tag};

	if (src)
		b.src = *src;
	b.lo = ports ? lo : 0;
	b.hi = ports ? hi : 65535;
	return b;
}

/*
 * Carves the boxes of in apart and builds one element of size bytes from each: put(new, old array, box). The old array is
 * freed and replaced, also when nothing is left of it; untouched on failure. Frees in.
 */
static int carve_take(struct boxes *in, void **io_v, size_t *io_n, size_t size,
	void (*put)(void *to, const void *from, const struct box *b))
{
	struct boxes out = {0};
	char *v = NULL;
	int r = bh_boxes_disjoint(in, &out);

	if (r == 0 && out.n) {
		v = calloc(out.n, size);
		r = v ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < out.n; i++)
		put(v + i * size, *io_v, &out.v[i]);
	if (r == 0) {
		free(*io_v);
		*io_v = v;
		*io_n = out.n;
	}
	free(in->v);
	free(out.v);
	return r;
}

static void put_permit(void *to, const void *from, const struct box *b)
{
	struct bh_permit *p = to;

	*p = ((const struct bh_permit *)from)[b->tag];
	p->src = b->src;
	p->lo = b->lo;
	p->hi = b->hi;
}

static int permits_disjoint(struct bh_plan *plan)
{
	struct boxes in = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_permits; i++) {
		const struct bh_permit *p = &plan->permits[i];
		struct box b = box_of(p->from, &p->src, &p->dst, p->proto, p->lo, p->hi, i);

		r = bh_boxes_push(&in, &b);
	}
	if (r == 0)
		return carve_take(&in, (void **)&plan->permits, &plan->n_permits, sizeof *plan->permits, put_permit);
	free(in.v);
	return r;
}

static void put_pin(void *to, const void *from, const struct box *b)
{
	struct bh_plan_pin *p = to;

	*p = ((const struct bh_plan_pin *)from)[b->tag];
	p->from = b->src;
	p->lo = b->lo;
	p->hi = b->hi;
}

static int pins_disjoint(struct bh_plan *plan)
{
	struct boxes in = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_pins; i++) {
		const struct bh_plan_pin *p = &plan->pins[i];
		struct box b = box_of(0, &p->from, &p->to, p->proto, p->lo, p->hi, i);

		r = bh_boxes_push(&in, &b);
	}
	if (r == 0)
		return carve_take(&in, (void **)&plan->pins, &plan->n_pins, sizeof *plan->pins, put_pin);
	free(in.v);
	return r;
}

static void put_remedy(void *to, const void *from, const struct box *b)
{
	*(struct bh_plan_remedy *)to = (struct bh_plan_remedy){b->dst, b->proto, b->lo, b->hi};
}

static int ends_disjoint(struct bh_plan_remedy **io_v, size_t *io_n)
{
	struct boxes in = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < *io_n; i++) {
		const struct bh_plan_remedy *p = &(*io_v)[i];
		struct box b = box_of(0, NULL, &p->to, p->proto, p->lo, p->hi, i);

		r = bh_boxes_push(&in, &b);
	}
	if (r == 0)
		return carve_take(&in, (void **)io_v, io_n, sizeof **io_v, put_remedy);
	free(in.v);
	return r;
}

static int mgmt_disjoint(struct bh_plan *plan)
{
	struct bh_plan_remedy *v = NULL;
	struct bh_plan_mgmt *m;
	size_t n = plan->n_mgmt;
	int r;

	if (n == 0)
		return 0;
	v = calloc(n, sizeof *v);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		m = &plan->mgmt[i];
		v[i] = (struct bh_plan_remedy){m->from, m->proto, m->lo, m->hi};
	}
	r = ends_disjoint(&v, &n);
	m = r == 0 ? calloc(n ? n : 1, sizeof *m) : NULL;
	if (r == 0 && !m)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		m[i] = (struct bh_plan_mgmt){v[i].to, v[i].proto, v[i].lo, v[i].hi};
	if (r == 0) {
		free(plan->mgmt);
		plan->mgmt = m;
		plan->n_mgmt = n;
	}
	free(v);
	return r;
}

int bh_plan_normalise(struct bh_plan *plan)
{
	int r = permits_disjoint(plan);

	if (r == 0)
		r = pins_disjoint(plan);
	if (r == 0)
		r = ends_disjoint(&plan->remedies, &plan->n_remedies);
	if (r == 0)
		r = mgmt_disjoint(plan);
	return r;
}
