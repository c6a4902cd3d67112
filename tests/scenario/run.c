/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scenario runner: timed event lines through the core with a fake clock, and what must and must not come out.
 *
 *   policy FILE                         relative to the scenario; default: the built-in policy
 *   mode observe|ask|auto
 *   self ADDRESS                        the sensor has it
 *   at TIME EVENT                       an event in its print form without the time
 *   at TIME try PROTO SRC > DST OUTCOME one attempt: flow-new and flow-outcome with a flow id of its own
 *   at TIME file SRC > DST SHARE NAME EXT   one file encrypted in place and renamed, over SMB, as facts
 *   at TIME call SRC > DST[:PORT] INTERFACE OPNUM [KEY=VALUE…]   a two-way RPC call, by the watch-list's name of the interface
 *   at TIME logon SRC > DST[:PORT] VIA RESULT USER [KEY=VALUE…]  a two-way logon; USER - is none; NTLM unless mech= says otherwise
 *   at TIME tick
 *   repeat N every DUR LINE             LINE without "at"; {n} counts from 0, {n+K} adds
 *   kernel applies|refuses              answers to requested orders from here on (default: applies)
 *   expect finding NAME [host ADDR] [count N] [severity S] [weight N] [attribution N]   since the last forget; weight in
 *                                       centibans, with the role's factor
 *   expect score ADDR FAMILY N          the ledger's score of a host in one family now, centibans
 *   expect action VERB [KIND] [ADDR]    KIND: isolate, shield, contain, island or kill
 *   expect plan KIND ADDR|MAC|NETWORK   the wanted plan holds the cut; of a connection, ADDR is who opened it
 *   expect plan spares ADDR|MAC         it holds no cut of it
 *   expect plan empty
 *   expect posture CONDUIT STATE [WHY]  what it is down to now
 *   expect changed CONDUIT STATE        a record says so
 *   never finding NAME | never action VERB [KIND] [ADDR] | never changed CONDUIT STATE    in the whole scenario
 *   forget                              later expects look only at what comes after
 *
 * Prints TAP, one test a file.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <bulkhead/decide.h>

#define MAX_RECS 4096
#define DEPTH 4
struct memory { /* the same for all scenarios: getting and giving back is what costs the sanitizer time */
	struct bh_record *rec;
	struct bh_out *out;
	struct bh_watch *watch;
	struct bh_gadgets *gadgets;
};
struct run {
	const char *file;
	unsigned line, fails, expects;
	struct bh_policy *policy;
	struct bh_core *core;
	const struct bh_watch *watch;
	const struct bh_gadgets *gadgets;
	struct bh_out *out; /* DEPTH of them: an answer of the kernel may have one of its own */
	unsigned depth;
	struct bh_record *rec;
	size_t n_rec, from;
	char never[32][160];
	unsigned never_line[32];
	size_t n_never;
	uint64_t next_flow;
	bh_ns now;
	int mode;
	struct bh_addr self;
	bool refuses;
};

static void say(struct run *r, const char *what, const char *line)
{
	printf("# %s:%u: %s: %s\n", r->file, r->line, what, line);
	r->fails++;
}

static void need_core(struct run *r)
{
	struct bh_core_opts o = {.mode = r->mode, .bare = true, .hosts = 1024, .watch = r->watch, .gadgets = r->gadgets};

	if (r->core)
		return;
	if (!r->policy)
		r->policy = bh_policy_builtin();
	o.policy = r->policy;
	o.self = &r->self;
	o.n_self = !bh_addr_none(&r->self);
	if (bh_core_open(&o, &r->core))
		abort();
}

static void feed(struct run *r, const struct bh_event *ev);

static void keep(struct run *r, const struct bh_out *out)
{
	for (size_t i = 0; i < out->n && r->n_rec < MAX_RECS; i++)
		r->rec[r->n_rec++] = out->rec[i];
	for (size_t i = 0; i < out->n; i++) {
		struct bh_event ack = {.at = r->now, .kind = BH_EV_KERNEL};

		if (out->rec[i].kind != BH_REC_ACTION || out->rec[i].verb != BH_VERB_REQUESTED)
			continue;
		ack.u.kernel.order = out->rec[i].order.id;
		ack.u.kernel.what = r->refuses ? BH_KER_REFUSED : BH_KER_APPLIED;
		feed(r, &ack);
	}
}

static void feed(struct run *r, const struct bh_event *ev)
{
	struct bh_out *out = r->depth < DEPTH ? &r->out[r->depth] : NULL;

	need_core(r);
	r->now = ev->at;
	if (!out)
		abort();
	out->n = 0;
	r->depth++;
	if (bh_core_step(r->core, ev, out))
		abort();
	keep(r, out);
	r->depth--;
}

static void feed_text(struct run *r, bh_ns at, const char *text)
{
	char line[BH_EVENT_TEXT];
	struct bh_event_error e;
	struct bh_event ev;

	snprintf(line, sizeof line, "%llu.%09llu %s", (unsigned long long)(at / BH_SEC(1)), (unsigned long long)(at % BH_SEC(1)), text);
	if (bh_event_parse(line, strlen(line), &ev, &e)) {
		say(r, e.text, line);
		return;
	}
	feed(r, &ev);
}

/* "tcp 10.1.2.3 > 10.9.0.1:445 refused [mac]" */
static void attempt(struct run *r, bh_ns at, const char *text)
{
	char proto[8], src[64], dst[64], outcome[16], line[512], mac[32] = "";
	const char *flags = "";
	uint64_t id = ++r->next_flow;

	if (sscanf(text, "%7s %63s > %63s %15s %31s", proto, src, dst, outcome, mac) < 4) {
		say(r, "try wants PROTO SRC > DST:PORT OUTCOME", text);
		return;
	}
	if (!strcmp(outcome, "success") || !strcmp(outcome, "handshake"))
		flags = " flags=2";
	snprintf(line, sizeof line, "flow-new %s %s%s%s:%u > %s id=%llu%s%s", proto, strchr(src, ':') ? "[" : "", src,
		strchr(src, ':') ? "]" : "", 40000u + (unsigned)(id % 20000), dst, (unsigned long long)id, mac[0] ? " smac=" : "", mac);
	feed_text(r, at, line);
	snprintf(line, sizeof line, "flow-outcome %s %s%s%s:%u > %s id=%llu outcome=%s%s%s%s", proto, strchr(src, ':') ? "[" : "", src,
		strchr(src, ':') ? "]" : "", 40000u + (unsigned)(id % 20000), dst, (unsigned long long)id, outcome, flags,
		mac[0] ? " smac=" : "", mac);
	feed_text(r, at + (!strcmp(outcome, "silent") ? BH_SEC(3) : BH_MS(1)), line);
}

/* one file, encrypted in place and renamed */
static void file(struct run *r, bh_ns at, const char *text)
{
	char src[64], dst[64], share[64], name[128], ext[16], line[1024];

	if (sscanf(text, "%63s > %63s %63s %127s %15s", src, dst, share, name, ext) != 5) {
		say(r, "file wants SRC > DST SHARE NAME EXT", text);
		return;
	}
	snprintf(line, sizeof line, "smb tcp %s:50000 > %s:445 flags=2 do=close sflags=8 read=100000 wrote=100000 rmagic=doc wmagic=other "
		"rrand=no wrand=strong user=\"alice\" share=\"%s\" name=\"%s\"", src, dst, share, name);
	feed_text(r, at, line);
	snprintf(line, sizeof line, "smb tcp %s:50000 > %s:445 flags=2 do=rename share=\"%s\" name=\"%s\" to=\"%s%s\"", src, dst, share, name,
		name, ext);
	feed_text(r, at + BH_MS(2), line);
}

/* "10.1.2.3" and a port when none is given */
static const char *with_port(const char *dst, unsigned port, char buf[80])
{
	snprintf(buf, 80, strchr(dst, ':') ? "%.63s" : "%.63s:%u", dst, port);
	return buf;
}

static void call(struct run *r, bh_ns at, const char *text)
{
	const struct bh_watch_iface *iface = NULL;
	char src[64], dst[64], name[48], uuid[37], line[1024], end[80];
	unsigned opnum;
	int used = 0;

	if (sscanf(text, "%63s > %63s %47s %u %n", src, dst, name, &opnum, &used) < 4 || !used) {
		say(r, "call wants SRC > DST INTERFACE OPNUM", text);
		return;
	}
	for (size_t i = 0; i < r->watch->n_ifaces; i++)
		if (!strcmp(r->watch->ifaces[i].name, name))
			iface = &r->watch->ifaces[i];
	if (!iface) {
		say(r, "no such interface in the watch-list", name);
		return;
	}
	snprintf(line, sizeof line, "rpc tcp %s:50000 > %s flags=2 do=call uuid=%s opnum=%u%s%s %s", src, with_port(dst, 445, end),
		bh_uuid_print(&iface->uuid, uuid), opnum, strstr(text + used, "count=") ? "" : " count=1", strstr(text + used, "via=") ? "" : " via=pipe",
		text + used);
	feed_text(r, at, line);
}

static void logon(struct run *r, bh_ns at, const char *text)
{
	char src[64], dst[64], via[16], result[16], user[64], line[1024], end[80];
	int used = 0;

	if (sscanf(text, "%63s > %63s %15s %15s %63s %n", src, dst, via, result, user, &used) < 5) {
		say(r, "logon wants SRC > DST VIA RESULT USER", text);
		return;
	}
	snprintf(line, sizeof line, "logon tcp %s:50000 > %s flags=2 via=%s result=%s%s%s%s%s %s", src, with_port(dst, 445, end), via, result,
		!strcmp(user, "-") ? "" : " user=\"", !strcmp(user, "-") ? "" : user, !strcmp(user, "-") ? "" : "\"",
		used && strstr(text + used, "mech=") ? "" : " mech=ntlm", used ? text + used : "");
	feed_text(r, at, line);
}

static void event_line(struct run *r, bh_ns at, const char *text)
{
	if (strncmp(text, "try ", 4) == 0)
		attempt(r, at, text + 4);
	else if (strncmp(text, "file ", 5) == 0)
		file(r, at, text + 5);
	else if (strncmp(text, "call ", 5) == 0)
		call(r, at, text + 5);
	else if (strncmp(text, "logon ", 6) == 0 && !strstr(text, " tcp "))
		logon(r, at, text + 6);
	else
		feed_text(r, at, text);
}

/* {n} and {n+K} */
static void expand(const char *in, unsigned n, char *out, size_t size)
{
	size_t o = 0;

	while (*in && o + 12 < size) {
		unsigned add = 0;
		int used = 0;

		if (sscanf(in, "{n+%u}%n", &add, &used) == 1 && used > 0) {
			o += (size_t)snprintf(out + o, size - o, "%u", n + add);
			in += used;
		} else if (strncmp(in, "{n}", 3) == 0) {
			o += (size_t)snprintf(out + o, size - o, "%u", n);
			in += 3;
		} else {
			out[o++] = *in++;
		}
	}
	out[o] = '\0';
}

static bool addr_matches(const struct bh_addr *a, const char *text)
{
	struct bh_addr want;

	return bh_addr_parse(text, strlen(text), &want) == 0 && bh_addr_eq(a, &want);
}

static bool finding_matches(const struct bh_record *rec, char *words[], int n)
{
	if (rec->kind != BH_REC_ALERT || strcmp(rec->finding.detector->name, words[0]))
		return false;
	for (int i = 1; i + 1 < n; i += 2) {
		if (!strcmp(words[i], "host") && !addr_matches(&rec->finding.host, words[i + 1]))
			return false;
		if (!strcmp(words[i], "count") && rec->finding.count != strtoul(words[i + 1], NULL, 10))
			return false;
		if (!strcmp(words[i], "severity") && strcmp(bh_severity_name(rec->finding.severity), words[i + 1]))
			return false;
		if (!strcmp(words[i], "weight") && rec->finding.weight != strtol(words[i + 1], NULL, 10))
			return false;
		if (!strcmp(words[i], "targets") && rec->finding.n_targets != strtoul(words[i + 1], NULL, 10))
			return false;
		if (!strcmp(words[i], "held") && rec->finding.held != strtoul(words[i + 1], NULL, 10))
			return false;
		if (!strcmp(words[i], "seen") && strcmp(bh_seen_how_name(rec->finding.vantage), words[i + 1]))
			return false;
		if (!strcmp(words[i], "attribution") && rec->finding.attribution != strtoul(words[i + 1], NULL, 10))
			return false;
	}
	return true;
}

static unsigned kind_of(const char *word) /* enum bh_cut_kind, or NONE */
{
	for (unsigned k = 1; k < BH_CUT_KINDS; k++)
		if (strcmp(word, bh_cut_kind_name(k)) == 0)
			return k;
	return BH_CUT_NONE;
}

static bool action_matches(const struct bh_record *rec, char *words[], int n)
{
	if (rec->kind != BH_REC_ACTION || strcmp(bh_verb_name(rec->verb), words[0]))
		return false;
	for (int i = 1; i < n; i++) {
		if (kind_of(words[i])) {
			if (rec->order.kind != kind_of(words[i]))
				return false;
		} else if (!strcmp(words[i], "because") && i + 1 < n) {
			if (strcmp(bh_core_refusal_name(rec->refused.code), words[++i]))
				return false;
		} else if (!addr_matches(&rec->order.host, words[i])) {
			return false;
		}
	}
	return true;
}

static bool cut_matches(const struct bh_cut *c, const char *text)
{
	struct bh_prefix net;
	struct bh_mac m;

	if (c->what == BH_CUT_NET)
		return bh_prefix_parse(text, strlen(text), &net) == 0 && net.bits == c->net.bits && bh_addr_eq(&net.net, &c->net.net);
	if (c->what != BH_CUT_MAC)
		return addr_matches(&c->net.net, text);
	return bh_mac_parse(text, strlen(text), &m) == 0 && bh_mac_eq(&c->mac, &m);
}

static bool plan_matches(struct run *r, char *words[], int n)
{
	bool spares = !strcmp(words[0], "spares");
	const struct bh_plan *p;

	need_core(r);
	p = bh_core_plan(r->core);
	if (!strcmp(words[0], "empty"))
		return p->n_cuts == 0;
	for (size_t i = 0; i < p->n_cuts && n >= 2; i++)
		if ((spares || p->cuts[i].kind == kind_of(words[0])) && cut_matches(&p->cuts[i], words[1]))
			return !spares;
	return spares;
}

static bool conduit_is(struct run *r, size_t i, const char *name)
{
	return i < r->policy->n_conduits && strcmp(r->policy->conduits[i].name, name) == 0;
}

static bool posture_matches(struct run *r, char *words[], int n)
{
	need_core(r);
	for (size_t i = 0; n >= 2 && i < r->policy->n_conduits; i++) {
		const struct bh_posture *p = bh_core_posture(r->core, i);

		if (conduit_is(r, i, words[0]))
			return !strcmp(bh_conduit_state_name(p->state), words[1]) && (n < 3 || !strcmp(bh_why_name(p->why), words[2]));
	}
	return false;
}

static bool change_matches(struct run *r, const struct bh_record *rec, char *words[], int n)
{
	return rec->kind == BH_REC_POSTURE && n >= 2 && conduit_is(r, rec->posture.conduit, words[0]) &&
	       !strcmp(bh_conduit_state_name(rec->posture.state), words[1]);
}

static bool score_matches(struct run *r, char *words[], int n)
{
	static const char *const families[] = {
#define X(id) #id,
		BH_FAMILIES(X)
#undef X
	};
	const struct bh_host *h;
	struct bh_addr a;

	need_core(r);
	if (n < 3 || bh_addr_parse(words[0], strlen(words[0]), &a))
		return false;
	h = bh_state_find(bh_core_state(r->core), &a);
	for (unsigned f = 0; h && f < BH_FAM_COUNT; f++) {
		if (strcmp(families[f], words[1]))
			continue;
		if (h->ledger.fam[f].score == strtol(words[2], NULL, 10))
			return true;
		printf("# %s has %d\n", words[1], h->ledger.fam[f].score);
	}
	return false;
}

static int split(char *s, char *words[], int max)
{
	int n = 0;

	for (char *save, *w = strtok_r(s, " \t", &save); w && n < max; w = strtok_r(NULL, " \t", &save))
		words[n++] = w;
	return n;
}

static bool seen(struct run *r, char *words[], int n, size_t from)
{
	for (size_t i = from; i < r->n_rec; i++)
		if (!strcmp(words[0], "finding")   ? finding_matches(&r->rec[i], words + 1, n - 1)
		    : !strcmp(words[0], "changed") ? change_matches(r, &r->rec[i], words + 1, n - 1)
						   : action_matches(&r->rec[i], words + 1, n - 1))
			return true;
	return false;
}

static void expect(struct run *r, const char *text)
{
	char buf[256], *words[16];
	int n;

	snprintf(buf, sizeof buf, "%s", text);
	n = split(buf, words, 16);
	r->expects++;
	if (n < 2 || (!strcmp(words[0], "plan")      ? !plan_matches(r, words + 1, n - 1)
		      : !strcmp(words[0], "posture") ? !posture_matches(r, words + 1, n - 1)
		      : !strcmp(words[0], "score")   ? !score_matches(r, words + 1, n - 1)
						     : !seen(r, words, n, r->from)))
		say(r, "expected, did not happen", text);
}

static void load_policy(struct run *r, const char *name)
{
	static char text[1 << 20], path[4096];
	struct bh_diags d = {0};
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(r->file, '/') - r->file), r->file, name);
	f = fopen(path, "rb");
	if (!f) {
		say(r, "cannot open policy", path);
		return;
	}
	n = fread(text, 1, sizeof text, f);
	fclose(f);
	if (bh_policy_load(text, n, name, &d, &r->policy))
		say(r, d.n ? d.v[0].text : "bad policy", path);
	bh_diags_fini(&d);
}

static void line(struct run *r, char *s)
{
	char word[16], when[32], expanded[1024];
	int used = 0, used2 = 0;
	unsigned n;
	bh_ns at, every;

	if (sscanf(s, "%15s %n", word, &used) != 1 || word[0] == '#')
		return;
	if (!strcmp(word, "policy")) {
		load_policy(r, s + used);
	} else if (!strcmp(word, "mode")) {
		r->mode = !strcmp(s + used, "auto") ? BH_MODE_AUTO : !strcmp(s + used, "ask") ? BH_MODE_ASK : BH_MODE_OBSERVE;
	} else if (!strcmp(word, "self")) {
		if (bh_addr_parse(s + used, strlen(s + used), &r->self))
			say(r, "not an address", s);
	} else if (!strcmp(word, "at")) {
		if (sscanf(s + used, "%31s %n", when, &used2) != 1 || bh_duration_parse(when, strlen(when), &at)) {
			say(r, "bad time", s);
			return;
		}
		/* scenario time starts at a day of its own, so that 0 is no special moment */
		r->now = at + BH_HOUR(1);
		event_line(r, r->now, s + used + used2);
	} else if (!strcmp(word, "repeat")) {
		if (sscanf(s + used, "%u every %31s %n", &n, when, &used2) != 2 || bh_duration_parse(when, strlen(when), &every)) {
			say(r, "bad repeat", s);
			return;
		}
		at = r->now;
		for (unsigned i = 0; i < n; i++) {
			expand(s + used + used2, i, expanded, sizeof expanded);
			event_line(r, at + (i + 1) * every, expanded);
		}
		r->now = at + n * every;
	} else if (!strcmp(word, "expect")) {
		expect(r, s + used);
	} else if (!strcmp(word, "never") && r->n_never < 32) {
		r->never_line[r->n_never] = r->line;
		snprintf(r->never[r->n_never++], sizeof r->never[0], "%s", s + used);
		r->expects++;
	} else if (!strcmp(word, "forget")) {
		r->from = r->n_rec;
	} else if (!strcmp(word, "kernel")) {
		r->refuses = !strcmp(s + used, "refuses");
	} else {
		say(r, "unknown word", s);
	}
}

static const char *strength(const struct bh_record *rec, char buf[2048])
{
	buf[0] = 0;
	if (rec->kind == BH_REC_ALERT)
		snprintf(buf, 2048, " (%s, weight %d, count %u, A%u)", bh_severity_name(rec->finding.severity), rec->finding.weight, rec->finding.count,
			rec->finding.attribution);
	return buf;
}

static unsigned run_file(const char *path, unsigned no, const struct memory *memory)
{
	struct run r = {.file = path, .mode = -1, .rec = memory->rec, .out = memory->out, .watch = memory->watch, .gadgets = memory->gadgets};
	char buf[2048], *words[16];
	FILE *f = fopen(path, "r");

	if (!f)
		abort();
	while (fgets(buf, sizeof buf, f)) {
		r.line++;
		buf[strcspn(buf, "\n")] = '\0';
		line(&r, buf);
	}
	fclose(f);
	for (size_t i = 0; i < r.n_never; i++) {
		char copy[160];
		int n;

		snprintf(copy, sizeof copy, "%s", r.never[i]);
		n = split(copy, words, 16);
		r.line = r.never_line[i];
		if (n >= 2 && seen(&r, words, n, 0))
			say(&r, "must never happen, did", r.never[i]);
	}
	if (r.expects == 0)
		say(&r, "expects nothing", path);
	for (size_t i = 0; r.fails && i < r.n_rec; i++)
		printf("#   %s %s%s: %s\n", r.rec[i].kind == BH_REC_ALERT ? "alert" : bh_verb_name(r.rec[i].verb),
			r.rec[i].kind == BH_REC_ALERT ? r.rec[i].finding.detector->name : bh_cut_kind_name(r.rec[i].order.kind), strength(&r.rec[i], buf),
			r.rec[i].kind == BH_REC_ALERT ? r.rec[i].finding.text : r.rec[i].verb == BH_VERB_REFUSED ? r.rec[i].refused.text : r.rec[i].order.reason);
	printf("%sok %u - %s\n", r.fails ? "not " : "", no, strstr(path, "scenario/") ? strstr(path, "scenario/") + 9 : path);
	bh_core_close(r.core);
	bh_policy_free(r.policy);
	return r.fails != 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
	struct memory memory = {calloc(MAX_RECS, sizeof *memory.rec), calloc(DEPTH, sizeof *memory.out), bh_watch_builtin(), bh_gadgets_builtin()};
	static char *paths[1024];
	unsigned n = 0, failed = 0;
	struct dirent *e, *e2;
	DIR *d, *d2;

	if (argc != 2 || !memory.rec || !memory.out || !memory.watch || !memory.gadgets || !(d = opendir(argv[1])))
		return 2;
	while ((e = readdir(d))) {
		char sub[2048];

		snprintf(sub, sizeof sub, "%s/%s", argv[1], e->d_name);
		if (e->d_name[0] == '.' || !(d2 = opendir(sub)))
			continue;
		while ((e2 = readdir(d2)) && n < BH_COUNT(paths))
			if (strlen(e2->d_name) > 4 && !strcmp(e2->d_name + strlen(e2->d_name) - 4, ".bhs") &&
				asprintf(&paths[n++], "%s/%s", sub, e2->d_name) < 0)
				abort();
		closedir(d2);
	}
	closedir(d);
	qsort(paths, n, sizeof *paths, by_name);
	printf("1..%u\n", n);
	for (unsigned i = 0; i < n; i++) {
		failed += run_file(paths[i], i + 1, &memory);
		free(paths[i]);
	}
	free(memory.rec);
	free(memory.out);
	bh_watch_free(memory.watch);
	bh_gadgets_free(memory.gadgets);
	return failed || !n;
}
