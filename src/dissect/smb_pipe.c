/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DCE/RPC inside a pipe. What is written to the handle and read from it is a stream of messages in each direction, cut into
 * writes, reads and transactions anywhere; the first bytes of each message are kept, the rest is passed over. Where a piece is
 * missing the next message is looked for at the beginning of the next command.
 *
 * A handle whose tree was not seen is tried when what is written to it begins like a message. A pipe that speaks anything
 * else is left alone.
 */
#include "smb.h"

bool bh_smb_is_pipe(struct smb_conn *c, const struct smb_handle *h)
{
	const struct smb_tree *t = bh_smb_tree(c, h->tree, false);

	return h->pipe == PIPE_RPC || (t && t->pipe);
}

struct at {
	struct smb *s;
	struct smb_conn *c;
	const char *pipe;
};

/* what a pipe of this name is opened for, when its bind was missed */
static bool known(void *ctx, struct bh_uuid *ret)
{
	static const struct {
		const char *pipe, *uuid;
	} table[] = {
		{"svcctl", "367abb81-9844-35f1-ad32-98f038001003"},
		{"atsvc", "1ff70682-0a51-30e8-076d-740be8cee98b"},
		{"winreg", "338cd001-2244-31f1-aaaa-900038001003"},
		{"samr", "12345778-1234-abcd-ef00-0123456789ac"},
		{"srvsvc", "4b324fc8-1670-01d3-1278-5a47bf6ee188"},
		{"wkssvc", "6bffd098-a112-3610-9833-46c3f87e345a"},
		{"spoolss", "12345678-1234-abcd-ef00-0123456789ab"},
		{"eventlog", "82273fdc-e32a-18c3-3f78-827929dc23ea"},
	};
	const struct at *a = ctx;

	for (size_t i = 0; i < BH_COUNT(table); i++)
		if (strcasecmp(a->pipe, table[i].pipe) == 0)
			return bh_uuid_parse(table[i].uuid, 36, ret) == 0;
	return false;
}

static void begin(void *ctx, unsigned kind, bool answered, struct bh_event *ret)
{
	const struct at *a = ctx;

	bh_smb_begin(a->s, a->c, ret, kind, answered);
}

static void emit(void *ctx, const struct bh_event *ev)
{
	const struct at *a = ctx;

	bh_smb_emit(a->s, ev);
}

static struct bh_rpc_carrier carrier(struct at *a, const struct smb_handle *h)
{
	const char *last = strrchr(h->name, '/');

	a->pipe = last ? last + 1 : h->name;
	return (struct bh_rpc_carrier){.begin = begin, .emit = emit, .learned = known, .ctx = a, .n = &a->s->rpc, .via = BH_VIA_PIPE,
		.pipe = a->pipe, .user = bh_smb_session(a->c, h->session)->user};
}

static struct smb_pipe *pipe_of(struct smb *s, const struct smb_handle *h, struct smb_ref r)
{
	uint32_t i = bh_pool_find(&s->pipes, smb_ref_key(r));
	bool evicted;

	if (i == BH_POOL_NONE) {
		i = bh_pool_add(&s->pipes, smb_ref_key(r), &evicted);
		memset(&s->pipe[i], 0, offsetof(struct smb_pipe, kept));
		s->pipe[i].talk.heard = h->opened;
	}
	return &s->pipe[i];
}

static void forget(struct smb *s, struct smb_ref r)
{
	uint32_t i = bh_pool_find(&s->pipes, smb_ref_key(r));

	if (i != BH_POOL_NONE)
		bh_pool_drop(&s->pipes, i);
}

void bh_smb_pipe_end(struct smb *s, struct smb_conn *c, struct smb_ref r)
{
	uint32_t i = bh_pool_find(&s->pipes, smb_ref_key(r));
	struct smb_handle *h = bh_smb_handle(s, r);
	struct at a = {s, c, ""};

	if (i == BH_POOL_NONE)
		return;
	if (c && h && s->out) {
		struct bh_rpc_carrier to = carrier(&a, h);

		bh_rpc_end(&s->pipe[i].talk, &to);
	}
	bh_pool_drop(&s->pipes, i);
}

void bh_smb_pipe_begin(struct smb *s, struct smb_ref r, unsigned io)
{
	uint32_t i = bh_pool_find(&s->pipes, smb_ref_key(r));

	if (i != BH_POOL_NONE && s->pipe[i].dir[!io].lost)
		s->pipe[i].dir[!io] = (struct smb_pipe_dir){0};
}

static void lose(struct smb_pipe_dir *d)
{
	*d = (struct smb_pipe_dir){.lost = true};
}

static void whole(struct smb *s, struct smb_conn *c, struct smb_handle *h, struct smb_pipe *p, unsigned d)
{
	struct smb_pipe_dir *t = &p->dir[d];
	struct at a = {s, c, ""};
	struct bh_rpc_carrier to = carrier(&a, h);
	uint32_t n = t->have;

	*t = (struct smb_pipe_dir){0};
	p->spoken = true;
	bh_rpc_said(&p->talk, &to, d, p->kept[d], n);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void missing(struct smb_pipe *p, unsigned d, uint32_t n)
{
	struct smb_pipe_dir *t = &p->dir[d];

	if (t->have == PIPE_KEEP && t->left > n)
		t->left -= n;
	else
		lose(t);
}

void bh_smb_pipe_data(struct smb *s, struct smb_conn *c, struct smb_ref r, unsigned io, const uint8_t *p, uint32_t n)
{
	struct smb_handle *h = bh_smb_handle(s, r);
	unsigned d = !io;
	struct smb_pipe *e;
	struct smb_pipe_dir *t;

	if (!h || h->pipe == PIPE_OTHER || !n)
		return;
	if (!h->pipe && p && *p != 5 && bh_pool_find(&s->pipes, smb_ref_key(r)) == BH_POOL_NONE) {
		h->pipe = PIPE_OTHER;
		return;
	}
	e = pipe_of(s, h, r);
	t = &e->dir[d];
	if (!p) {
		missing(e, d, n);
		return;
	}
	while (n && !t->lost) {
		uint32_t want = t->total ? least(t->left, PIPE_KEEP - t->have) : BH_RPC_HEAD - t->have, k = least(n, want);

		if (t->total && !want)
			k = least(n, t->left);
		else
			memcpy(e->kept[d] + t->have, p, k);
		t->have = (uint16_t)(t->have + (want ? k : 0));
		t->left -= t->total ? k : 0;
		p += k;
		n -= k;
		if (!t->total && t->have == BH_RPC_HEAD) {
			t->total = bh_rpc_length(e->kept[d], !e->spoken);
			if (!t->total && !e->spoken) { /* speaks something else */
				h->pipe = PIPE_OTHER;
				forget(s, r);
				return;
			}
			if (!t->total) {
				s->rpc.malformed++;
				lose(t);
				return;
			}
			h->pipe = PIPE_RPC;
			t->left = t->total - BH_RPC_HEAD;
		}
		if (t->total && !t->left)
			whole(s, c, h, e, d);
	}
}
