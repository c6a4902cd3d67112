/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The request line. One row says of each verb what it takes; what is missing or has no meaning is refused before anybody
 * looks at it, and what a person ordered becomes the event the core knows.
 */
#include <stdio.h>
#include "control/inside.h"

#define TARGET 1u /* needs target= */
#define REASON 2u /* needs reason=, unless it is a dry run */
#define DRY 4u	  /* knows dry=1 */
#define SCOPE 8u  /* knows scope= */
#define SET 16u	  /* needs set= */
#define CHANGE 64u /* needs change= */
#define FLOW 32u  /* needs proto=, src= and dst= */

static const struct verb {
	const char *name;
	uint8_t cmd, takes;
} verbs[BH_API_VERBS] = {
	[BH_API_STATUS] = {"status", 0, 0},
	[BH_API_HOSTS] = {"hosts", 0, 0},
	[BH_API_FLOWS] = {"flows", 0, 0},
	[BH_API_POLICY] = {"policy", 0, 0},
	[BH_API_COUNTERS] = {"counters", 0, 0},
	[BH_API_HOST_SHOW] = {"host-show", 0, TARGET},
	[BH_API_ISOLATE] = {"isolate", BH_CMD_ISOLATE, TARGET | REASON | DRY | SCOPE},
	[BH_API_SHIELD] = {"shield", BH_CMD_SHIELD, TARGET | REASON | DRY},
	[BH_API_CONTAIN] = {"contain", BH_CMD_CONTAIN, TARGET | REASON | DRY},
	[BH_API_ISLAND] = {"island", BH_CMD_ISLAND, TARGET | REASON | DRY},
	[BH_API_KILL] = {"kill", BH_CMD_KILL, FLOW | REASON | DRY},
	[BH_API_BREAKER] = {"breaker", BH_CMD_BREAKER, TARGET | REASON | DRY | SET},
	[BH_API_DRAWBRIDGE] = {"drawbridge", BH_CMD_DRAWBRIDGE, TARGET | REASON | DRY | SET},
	[BH_API_RELEASE] = {"release", BH_CMD_RELEASE, TARGET},
	[BH_API_MODE] = {"mode", BH_CMD_MODE, 0},
	[BH_API_POLICY_APPLY] = {"policy-apply", 0, TARGET},
	[BH_API_POLICY_CONFIRM] = {"policy-confirm", 0, 0},
	[BH_API_POLICY_ROLLBACK] = {"policy-rollback", 0, 0},
	[BH_API_HOST_SET] = {"host-set", BH_CMD_DEVICE, TARGET | CHANGE},
	[BH_API_HOSTS_IMPORT] = {"hosts-import", 0, 0},
};

bool bh_api_writes(unsigned verb)
{
	return verb >= BH_API_ISOLATE;
}

static int bad(char error[96], const char *text, struct bh_word w)
{
	snprintf(error, 96, "%s '%.*s'", text, (int)(w.len > 40 ? 40 : w.len), w.p);
	return 1;
}

static int parse_name(struct bh_word value, const char *(*name)(unsigned), unsigned first, unsigned count, uint8_t *ret)
{
	for (unsigned i = first; i < count; i++)
		if (bh_word_is(value, name(i))) {
			*ret = (uint8_t)i;
			return 0;
		}
	return 1;
}

static int parse_key(struct bh_api_request *r, struct bh_word key, struct bh_word value)
{
	uint64_t n;

	if (bh_word_is(key, "target"))
		return bh_word_str(value, r->target, sizeof r->target);
	if (bh_word_is(key, r->verb == BH_API_HOST_SET ? "change" : "reason"))
		return bh_word_str(value, r->reason, sizeof r->reason);
	if (bh_word_is(key, "for"))
		return bh_duration_parse(value.p, value.len, &r->ttl);
	if (bh_word_is(key, "bytes")) {
		if (bh_word_u64(value, r->verb == BH_API_HOSTS_IMPORT ? BH_API_LIST : BH_API_BODY, &n) || !n)
			return 1;
		r->bytes = (uint32_t)n;
		return 0;
	}
	if (bh_word_is(key, "session"))
		return bh_addr_parse(value.p, value.len, &r->session);
	if (bh_word_is(key, "dry")) {
		r->dry = bh_word_is(value, "1");
		return 0;
	}
	if (bh_word_is(key, "mode"))
		return parse_name(value, bh_mode_name, 0, BH_MODE_COUNT, &r->mode);
	if (bh_word_is(key, "scope"))
		return parse_name(value, bh_scope_name, 0, BH_SCOPE_COUNT, &r->scope);
	if (bh_word_is(key, "set"))
		return parse_name(value, bh_set_name, 1, BH_SET_COUNT, &r->set);
	if (bh_word_is(key, "proto")) {
		r->proto = bh_word_is(value, "tcp") ? 6 : bh_word_is(value, "udp") ? 17 : 0;
		return !r->proto;
	}
	if (bh_word_is(key, "src"))
		return bh_end_parse(value.p, value.len, &r->src, &r->sport);
	if (bh_word_is(key, "dst"))
		return bh_end_parse(value.p, value.len, &r->dst, &r->dport);
	return 1;
}

/* NULL, or what is wrong with a request of this verb */
static const char *complaint(const struct bh_api_request *r, unsigned takes)
{
	bool bridge = r->verb == BH_API_DRAWBRIDGE;

	if (r->verb == BH_API_POLICY_APPLY || r->verb == BH_API_HOSTS_IMPORT ? !r->bytes : r->bytes != 0)
		return r->bytes ? "bytes= has no meaning in" : "bytes= is missing in";
	if (r->verb == BH_API_MODE && r->mode == BH_MODE_COUNT)
		return "mode=observe|ask|auto is missing in";
	if ((takes & TARGET) && !r->target[0])
		return "target= is missing in";
	if ((takes & FLOW) && (!r->proto || bh_addr_none(&r->src) || bh_addr_none(&r->dst)))
		return "proto=, src= and dst= are needed in";
	if (!(takes & FLOW) && (r->proto || r->sport || r->dport || !bh_addr_none(&r->src) || !bh_addr_none(&r->dst)))
		return "a connection has no meaning in";
	if ((takes & SET) ? bridge ? r->set < BH_SET_RAISE : r->set < BH_SET_NORMAL || r->set > BH_SET_PINS_ONLY : r->set)
		return !(takes & SET) ? "set= has no meaning in" : bridge ? "set=raise|lower|auto is missing in" : "set=normal|admin-off|pins-only is missing in";
	if (r->scope && !(takes & SCOPE))
		return "scope= has no meaning in";
	if (r->dry && bh_api_writes(r->verb) && !(takes & DRY))
		return "dry=1 has no meaning in";
	if ((takes & CHANGE) && !r->reason[0])
		return "change= is missing in";
	if ((takes & REASON) && !r->dry && !r->reason[0])
		return "reason= is missing in";
	return NULL;
}

int bh_api_parse(const char *line, size_t len, struct bh_api_request *ret_request, char ret_error[96])
{
	const char *p = line, *end = line + len, *wrong;
	struct bh_api_request r = {.mode = BH_MODE_COUNT};
	struct bh_word w = {line, 0};
	int more;

	if (bh_word_next(&p, end, &w))
		return bad(ret_error, "empty request", w);
	for (r.verb = 0; r.verb < BH_API_VERBS; r.verb++)
		if (bh_word_is(w, verbs[r.verb].name))
			break;
	if (r.verb == BH_API_VERBS)
		return bad(ret_error, "unknown request", w);
	while ((more = bh_word_next(&p, end, &w)) == 0) {
		const char *eq = memchr(w.p, '=', w.len);
		struct bh_word key = {w.p, eq ? (size_t)(eq - w.p) : w.len};

		if (!eq || parse_key(&r, key, (struct bh_word){eq + 1, w.len - key.len - 1}))
			return bad(ret_error, "cannot use", w);
	}
	if (more == 2)
		return bad(ret_error, "unfinished quote", w);
	w = (struct bh_word){verbs[r.verb].name, strlen(verbs[r.verb].name)};
	wrong = complaint(&r, verbs[r.verb].takes);
	if (wrong)
		return bad(ret_error, wrong, w);
	if (r.mode == BH_MODE_COUNT)
		r.mode = 0;
	*ret_request = r;
	return 0;
}

size_t bh_api_print(const struct bh_api_request *r, char buf[BH_API_LINE])
{
	struct bh_text t = bh_text(buf, BH_API_LINE);
	char d[24], a[BH_ADDR_TEXT + 9], b[BH_ADDR_TEXT + 9];

	bh_put(&t, verbs[r->verb].name);
	if (r->target[0]) {
		bh_put(&t, " target=");
		bh_put_quoted(&t, r->target, strlen(r->target));
	}
	if (r->proto)
		bh_putf(&t, " proto=%s src=%s dst=%s", r->proto == 6 ? "tcp" : "udp", bh_end_print(&r->src, r->sport, a), bh_end_print(&r->dst, r->dport, b));
	if (r->ttl)
		bh_putf(&t, " for=%s", bh_duration_print(r->ttl, d));
	if (r->verb == BH_API_MODE)
		bh_putf(&t, " mode=%s", bh_mode_name(r->mode));
	if (r->scope)
		bh_putf(&t, " scope=%s", bh_scope_name(r->scope));
	if (r->set)
		bh_putf(&t, " set=%s", bh_set_name(r->set));
	if (r->bytes)
		bh_putf(&t, " bytes=%u", r->bytes);
	if (r->dry)
		bh_put(&t, " dry=1");
	if (!bh_addr_none(&r->session))
		bh_putf(&t, " session=%s", bh_addr_print(&r->session, a));
	if (r->reason[0]) {
		bh_putf(&t, " %s=", r->verb == BH_API_HOST_SET ? "change" : "reason");
		bh_put_quoted(&t, r->reason, strlen(r->reason));
	}
	return t.truncated ? 0 : t.len;
}

void bh_api_command(const struct bh_api_request *r, bh_ns at, const char *by, struct bh_event *ret_event)
{
	struct bh_event ev = {.at = at, .kind = BH_EV_COMMAND, .src = r->src, .dst = r->dst, .sport = r->sport, .dport = r->dport, .proto = r->proto};
	struct bh_ev_command *cmd = &ev.u.command;

	cmd->verb = verbs[r->verb].cmd;
	cmd->ttl = r->ttl;
	cmd->mode = r->mode;
	cmd->scope = r->scope;
	cmd->set = r->set;
	bh_strcpy(cmd->target, sizeof cmd->target, r->target);
	bh_strcpy(cmd->reason, sizeof cmd->reason, r->reason);
	bh_strcpy(cmd->by, sizeof cmd->by, by);
	*ret_event = ev;
}
