/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <bulkhead/dissect.h>

#include "rpc_say.h"

#define OBJECT "00000001-0002-0003-0405-060708090a0b"

extern const struct bh_dissector bh_dissector_rpc;

/* ---- the rig ---- */
struct rig {
	void *state;
	struct bh_event ev[256];
	size_t n;
	uint32_t seq[2];
	uint32_t got[2]; /* what the other side acknowledges of it */
	uint64_t flow;
	uint16_t port;
	bool joined, server_first; /* joined: the handshake was not seen */
	size_t mss;
};

static void emit(void *ctx, const struct bh_event *ev)
{
	struct rig *r = ctx;

	if (r->n < 256)
		r->ev[r->n] = *ev;
	r->n++;
}

static struct rig *rig(void)
{
	struct rig *r = calloc(1, sizeof *r);

	assert_non_null(r);
	r->state = bh_dissector_rpc.open(1);
	assert_non_null(r->state);
	r->flow = 9;
	r->port = 135;
	r->mss = 1 << 16;
	r->seq[0] = 0xffffff80u;
	return r;
}

static void done(struct rig *r)
{
	bh_dissector_rpc.close(r->state);
	free(r);
}

static void segment(struct rig *r, unsigned d, const uint8_t *p, size_t n)
{
	static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
	uint8_t *copy = malloc(n ? n : 1); /* exact size, so that a sanitizer sees a read past the end */
	struct bh_event_sink sink = {emit, r};
	struct bh_packet k = {.what = BH_WHAT_TCP, .payload = copy, .payload_len = (uint32_t)n, .payload_wire = (uint32_t)n,
		.tcp = {.seq = r->seq[d], .ack = r->got[!d], .flags = r->got[!d] ? BH_TCP_ACK : 0}};
	struct bh_event proto = {.src = bh_addr_v4(client), .dst = bh_addr_v4(server), .sport = 50000, .dport = r->port, .proto = 6,
		.flow_id = r->flow, .flags = r->joined ? 0 : BH_EVF_TWOWAY};

	if (r->server_first)
		proto = (struct bh_event){.src = bh_addr_v4(server), .dst = bh_addr_v4(client), .sport = r->port, .dport = 50000, .proto = 6,
			.flow_id = r->flow};
	memcpy(copy, p, n);
	bh_dissector_rpc.packet(r->state, &(struct bh_dissect_in){.pkt = &k, .pkt_no = 1, .flow_id = r->flow, .dir = (uint8_t)(d ^ r->server_first),
		.flags = proto.flags, .payload = copy, .len = (uint32_t)n, .proto = &proto}, &sink);
	r->seq[d] += (uint32_t)n;
	free(copy);
}

static void say(struct rig *r, unsigned d, struct pdu p)
{
	p = p_end(p);
	for (size_t at = 0; at < p.n; at += r->mss)
		segment(r, d, p.b + at, p.n - at < r->mss ? p.n - at : r->mss);
}

static void end(struct rig *r)
{
	struct bh_event_sink sink = {emit, r};

	bh_dissector_rpc.flow_end(r->state, 0, r->flow, &sink);
}

static const char *uuid_text(const struct bh_event *ev)
{
	static char buf[37];

	return bh_uuid_print(&ev->u.rpc.uuid, buf);
}

static const struct bh_event *nth(const struct rig *r, unsigned kind, unsigned op, unsigned i)
{
	for (size_t k = 0; k < r->n && k < 256; k++)
		if (r->ev[k].kind == kind && (kind == BH_EV_RPC ? r->ev[k].u.rpc.op : r->ev[k].u.logon.result) == op && !i--)
			return &r->ev[k];
	fail_msg("no such event");
	return NULL;
}

static uint64_t counted;
static void pick(void *ctx, const char *name, uint64_t v)
{
	if (!strcmp(name, ctx))
		counted = v;
}

static uint64_t counter(struct rig *r, const char *name)
{
	counted = UINT64_MAX;
	bh_dissector_rpc.counters(r->state, pick, (void *)(uintptr_t)name);
	return counted;
}

static void say_bind(struct rig *r, const char *uuid)
{
	say(r, 0, p_bind(11, 1, 0, uuid));
	say(r, 1, p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1));
}

static void say_call(struct rig *r, uint32_t call, unsigned context, unsigned opnum, const char *object)
{
	struct pdu p = p_request(call, context, opnum, object);

	p_int(&p, 8, 0);
	say(r, 0, p);
	p = p_response(call, context);
	p_int(&p, 4, 0);
	say(r, 1, p);
}

static void say_create(struct rig *r)
{
	struct pdu p = p_request(2, 0, 12, NULL);

	p_raw(&p, "HHHHHHHHHHHHHHHHHHHH", 20);
	p_string(&p, "PSEXESVC");
	p_int(&p, 4, 0x20000);
	p_string(&p, "Remote \xe9");
	p_string(&p, "");
	p_string(&p, "%SystemRoot%\\PSEXESVC.exe");
	say(r, 0, p);
}

/* ---- the normal exchange ---- */

static void a_call_is_told_with_interface_operation_and_strings(void **state)
{
	struct rig *r = rig();
	const struct bh_event *e;

	say_bind(r, SVCCTL);
	say_create(r);
	assert_int_equal(r->n, 2);
	e = nth(r, BH_EV_RPC, BH_RPC_BIND, 0);
	assert_string_equal(uuid_text(e), SVCCTL);
	assert_int_equal(e->flags, BH_EVF_TWOWAY);
	assert_int_equal(e->u.rpc.via, BH_VIA_TCP);
	assert_int_equal(e->u.rpc.status, 0);
	e = nth(r, BH_EV_RPC, BH_RPC_CALL, 0);
	assert_string_equal(uuid_text(e), SVCCTL);
	assert_int_equal(e->u.rpc.opnum, 12);
	assert_int_equal(e->u.rpc.count, 1);
	assert_int_equal(e->u.rpc.flags, 0);
	assert_int_equal(e->u.rpc.stub, 168);
	assert_string_equal(e->u.rpc.text, "PSEXESVC, Remote \xc3\xa9, %SystemRoot%\\PSEXESVC.exe");
	assert_int_equal(e->app, BH_APP_MSRPC);
	done(r);
}

static void the_password_of_a_task_is_not_told(void **state)
{
	struct rig *r = rig();
	struct pdu p = p_request(2, 0, 1, NULL);

	say_bind(r, "86d35949-83c9-4044-b424-db363231fd0c");
	p_int(&p, 4, 0); /* no path */
	p_string(&p, "<Task/>");
	p_string(&p, "alice");
	p_string(&p, "geheim");
	say(r, 0, p);
	assert_string_equal(nth(r, BH_EV_RPC, BH_RPC_CALL, 0)->u.rpc.text, "<Task/>, alice");
	done(r);
}

static void any_split_into_segments_gives_the_same_facts(void **state)
{
	for (size_t mss = 1; mss < 300; mss++) {
		struct rig *r = rig();

		r->mss = mss;
		say_bind(r, SVCCTL);
		say_create(r);
		say_call(r, 3, 0, 19, NULL);
		assert_int_equal(r->n, 3);
		assert_int_equal(r->ev[2].u.rpc.opnum, 19);
		assert_true(r->ev[1].u.rpc.text[0] == 'P');
		done(r);
	}
}

static void big_endian_is_read_the_other_way(void **state)
{
	struct rig *r = rig();
	struct pdu p = {.big = true};

	say_bind(r, SVCCTL);
	p_raw(&p, "\5\0\0\3\0\0\0\0", 8);
	p_int(&p, 2, 24 + 8);
	p_int(&p, 2, 0);
	p_int(&p, 4, 7);
	p_int(&p, 4, 8);
	p_int(&p, 2, 0);
	p_int(&p, 2, 12);
	p_int(&p, 8, 0);
	segment(r, 0, p.b, p.n);
	assert_int_equal(r->ev[1].u.rpc.opnum, 12);
	assert_int_equal(r->ev[1].u.rpc.stub, 8);
	done(r);
}

static void the_context_names_the_interface(void **state)
{
	struct rig *r = rig();

	say_bind(r, EPMAPPER);
	say(r, 0, p_bind(14, 2, 1, SVCCTL));
	say(r, 1, p_bind_ack(15, 2, (uint16_t[]){0, 0}, 1));
	say_call(r, 3, 1, 15, NULL);
	say_call(r, 4, 0, 4, OBJECT);
	assert_string_equal(uuid_text(nth(r, BH_EV_RPC, BH_RPC_CALL, 0)), SVCCTL);
	assert_string_equal(uuid_text(nth(r, BH_EV_RPC, BH_RPC_CALL, 1)), EPMAPPER);
	assert_true(nth(r, BH_EV_RPC, BH_RPC_CALL, 1)->u.rpc.object != 0);
	done(r);
}

static void of_two_syntaxes_one_acceptance_is_told(void **state)
{
	struct rig *r = rig();
	struct pdu p = p_bind(11, 1, 0, SVCCTL);

	p.b[24] = 2;
	p_int(&p, 2, 1);
	p_int(&p, 2, 1);
	p_uuid(&p, SVCCTL, 1);
	p_uuid(&p, NDR, 2);
	say(r, 0, p);
	say(r, 1, p_bind_ack(12, 1, (uint16_t[]){2, 2, 0, 0}, 2));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.rpc.context, 1);
	assert_int_equal(r->ev[0].u.rpc.status, 0);
	done(r);
}

static void refusals_carry_their_reason(void **state)
{
	struct rig *r = rig();
	struct pdu p;

	say(r, 0, p_bind(11, 1, 0, SVCCTL));
	say(r, 1, p_bind_ack(12, 1, (uint16_t[]){2, 1}, 1));
	assert_int_equal(r->n, 1);
	assert_int_equal(r->ev[0].u.rpc.status, 0x20001);
	say(r, 0, p_bind(11, 2, 0, SVCCTL));
	p = pdu(13, 3, 2);
	p_int(&p, 2, 8);
	p_int(&p, 2, 0);
	say(r, 1, p);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[1].u.rpc.status, 0xd0008);
	assert_int_equal(r->ev[1].u.rpc.op, BH_RPC_BIND);
	done(r);
}

static void a_bind_without_a_visible_answer_is_told_at_the_first_call(void **state)
{
	struct rig *r = rig();

	say(r, 0, p_bind(11, 1, 0, SVCCTL));
	assert_int_equal(r->n, 0);
	say(r, 0, p_request(2, 0, 15, NULL));
	assert_int_equal(r->n, 2);
	assert_int_equal(r->ev[0].u.rpc.op, BH_RPC_BIND);
	assert_int_equal(r->ev[0].flags & BH_EVF_TWOWAY, 0);
	assert_string_equal(uuid_text(&r->ev[1]), SVCCTL);
	assert_int_equal(r->ev[1].u.rpc.flags, 0);
	r->flow = 10;
	r->seq[0] = 5;
	say(r, 0, p_bind(11, 1, 0, SVCCTL));
	end(r);
	assert_int_equal(r->n, 3);
	done(r);
}

static void repeats_are_told_sixteen_times_then_every_sixteenth(void **state)
{
	struct rig *r = rig();
	unsigned told = 0, sum = 0;

	say_bind(r, SVCCTL);
	for (unsigned i = 0; i < 64; i++)
		say_call(r, i, 0, 14, NULL);
	for (size_t i = 1; i < r->n; i++, told++)
		sum += r->ev[i].u.rpc.count;
	assert_int_equal(told, 16 + 3);
	assert_int_equal(sum, 64);
	assert_int_equal(r->ev[r->n - 1].u.rpc.count, 16);
	assert_int_equal(counter(r, "repeats"), 45);
	done(r);
}

static void a_fault_names_the_call_it_answers(void **state)
{
	struct rig *r = rig();

	say_bind(r, SVCCTL);
	say(r, 0, p_request(7, 0, 12, NULL));
	say(r, 0, p_request(8, 0, 15, NULL));
	say(r, 1, p_fault(7, 0, 0x1c010002));
	assert_int_equal(r->n, 4);
	assert_int_equal(r->ev[3].u.rpc.op, BH_RPC_FAULT);
	assert_int_equal(r->ev[3].u.rpc.opnum, 12);
	assert_int_equal(r->ev[3].u.rpc.status, 0x1c010002);
	assert_string_equal(uuid_text(&r->ev[3]), SVCCTL);
	say(r, 1, p_fault(99, 0, 1)); /* of a call nobody made */
	assert_int_equal(r->n, 4);
	done(r);
}

/* ---- who logs on ---- */

static void say_logon(struct rig *r, const char *user)
{
	uint8_t t[512];
	struct pdu p = p_bind(11, 1, 0, SVCCTL);

	p_auth(&p, 6, "NTLMSSP\0\1\0\0\0", 12);
	say(r, 0, p);
	p = p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1);
	p_auth(&p, 6, t, ntlm(t, 2, ""));
	say(r, 1, p);
	p = pdu(16, 3, 1);
	p_int(&p, 4, 0);
	p_auth(&p, 6, t, ntlm(t, 3, user));
	say(r, 0, p);
	p = p_request(2, 0, 15, NULL);
	p_string(&p, "not clear");
	p_auth(&p, 6, "0123456789abcdef", 16);
	say(r, 0, p);
}

static void a_proof_is_told_when_sent_and_when_the_next_call_is_answered(void **state)
{
	struct rig *r = rig();
	const struct bh_event *e;
	struct pdu p;

	say_logon(r, "anna");
	e = nth(r, BH_EV_LOGON, BH_LOGON_TRIED, 0);
	assert_int_equal(e->u.logon.via, BH_LOGON_RPC);
	assert_int_equal(e->u.logon.mech, BH_MECH_NTLM);
	assert_true(e->u.logon.challenge == 0x1122334455667788);
	assert_true(e->u.logon.proof != 0);
	assert_string_equal(e->u.logon.user, "anna");
	assert_string_equal(e->u.logon.workstation, "PC1");
	e = nth(r, BH_EV_RPC, BH_RPC_CALL, 0);
	assert_int_equal(e->u.rpc.level, 6);
	assert_int_equal(e->u.rpc.stub, 32);
	assert_string_equal(e->u.rpc.user, "anna");
	assert_string_equal(e->u.rpc.text, "");
	p = p_response(2, 0);
	p_auth(&p, 6, "0123456789abcdef", 16);
	say(r, 1, p);
	say(r, 1, p);
	assert_string_equal(nth(r, BH_EV_LOGON, BH_LOGON_OK, 0)->u.logon.user, "anna");
	assert_int_equal(r->n, 4);
	done(r);
}

static void a_denied_call_is_a_failed_logon(void **state)
{
	struct rig *r = rig();

	say_logon(r, "anna");
	say(r, 1, p_fault(2, 0, 5));
	assert_int_equal(nth(r, BH_EV_LOGON, BH_LOGON_FAILED, 0)->u.logon.status, 5);
	assert_int_equal(nth(r, BH_EV_RPC, BH_RPC_FAULT, 0)->u.rpc.opnum, 15);
	done(r);
}

static void nobody_is_anonymous(void **state)
{
	struct rig *r = rig();

	say_logon(r, "");
	assert_int_equal(nth(r, BH_EV_LOGON, BH_LOGON_TRIED, 0)->u.logon.mech, BH_MECH_ANONYMOUS);
	done(r);
}

/* ---- endpoints and addresses ---- */

static void say_map(struct rig *r, const char *uuid, unsigned port)
{
	struct pdu p;

	say_bind(r, EPMAPPER);
	say(r, 0, p_request(2, 0, 3, NULL));
	p = p_response(2, 0);
	p_raw(&p, "HHHHHHHHHHHHHHHHHHHH", 20);
	p_int(&p, 4, 1);
	p_int(&p, 4, 4);
	p_int(&p, 4, 0);
	p_int(&p, 4, 1);
	p_int(&p, 4, 3);
	p_tower(&p, uuid, port, "\x0a\0\0\2");
	p_int(&p, 4, 0);
	say(r, 1, p);
	end(r);
}

static void a_mapped_endpoint_is_told_and_names_a_later_connection(void **state)
{
	struct rig *r = rig();
	const struct bh_event *e;
	char a[BH_ADDR_TEXT];

	say_map(r, SVCCTL, 49200);
	e = nth(r, BH_EV_RPC, BH_RPC_MAP, 0);
	assert_string_equal(uuid_text(e), SVCCTL);
	assert_int_equal(e->u.rpc.port, 49200);
	assert_string_equal(bh_addr_print(&e->u.rpc.addr, a), "10.0.0.2");
	r->flow = 10;
	r->port = 49200;
	r->joined = true;
	say_call(r, 5, 0, 12, NULL);
	say_call(r, 6, 0, 19, NULL);
	e = nth(r, BH_EV_RPC, BH_RPC_CALL, 1);
	assert_string_equal(uuid_text(e), SVCCTL);
	assert_int_equal(e->u.rpc.opnum, 12);
	assert_int_equal(e->u.rpc.flags, BH_RPC_F_ASSUMED | BH_RPC_F_LATE);
	assert_int_equal(nth(r, BH_EV_RPC, BH_RPC_CALL, 2)->u.rpc.flags, BH_RPC_F_ASSUMED | BH_RPC_F_LATE);
	done(r);
}

static void an_object_resolver_tells_the_servers_own_addresses(void **state)
{
	static const char *const names[] = {"files1", "10.0.0.2", "192.168.9.1[49155]", "300.1.1.1"};
	struct rig *r = rig();
	const struct bh_event *e;
	char a[BH_ADDR_TEXT];
	struct pdu p;

	say_bind(r, EXPORTER);
	say(r, 0, p_request(2, 0, 5, NULL));
	p = p_response(2, 0);
	p_int(&p, 8, 0x700000005);
	for (unsigned i = 0; i < 4; i++) {
		p_int(&p, 2, 7);
		for (const char *s = names[i]; *s; s++)
			p_int(&p, 2, (uint8_t)*s);
		p_int(&p, 2, 0);
	}
	say(r, 1, p);
	assert_int_equal(r->n, 4);
	e = nth(r, BH_EV_RPC, BH_RPC_ADDR, 1);
	assert_string_equal(bh_addr_print(&e->u.rpc.addr, a), "192.168.9.1");
	assert_int_equal(e->u.rpc.port, 49155);
	done(r);
}

/* ---- joined late ---- */

static struct rig *late(void)
{
	struct rig *r = rig();

	r->joined = true;
	r->port = 49667;
	return r;
}

static void run(struct rig *r, const char *object, const char *ops)
{
	for (uint32_t call = 1; *ops; call++) {
		unsigned op = (unsigned)strtoul(ops, (char **)(uintptr_t)&ops, 10);

		ops += *ops == ',';
		say_call(r, call, 3, op, object);
	}
}

static void the_order_of_calls_gives_an_interface_away(void **state)
{
	static const struct {
		const char *ops, *object, *uuid;
		size_t n; /* told once the last one was made */
	} rows[] = {
		{"0,16,12,0,3", NULL, DRSUAPI, 5},
		{"4,26,4,26", NULL, NETLOGON, 4},
		{"4,15,4,15,4,15", NULL, NETLOGON, 6},
		{"15,45,0,16,19", NULL, SVCCTL, 5},
		{"27,24,31", NULL, SVCCTL, 3},
		{"3,4,6", OBJECT, IDISPATCH, 3},
		{"5,6", OBJECT, IDISPATCH, 2},
		{"6,6,24", OBJECT, "9556dc99-828c-11cf-a37e-00aa003240c7", 3},
		{"3,24", OBJECT, NULL, 0},
		{"3,5,3,5", OBJECT, NULL, 0},
		{"3,4,5", OBJECT, NULL, 0},
		{"5,6", NULL, NULL, 0},
		{"15,16,19", NULL, NULL, 0},
		{"4,26", NULL, NULL, 0},
	};

	for (size_t i = 0; i < BH_COUNT(rows); i++) {
		struct rig *r = late();

		run(r, rows[i].object, rows[i].ops);
		assert_int_equal(r->n, rows[i].n);
		for (size_t k = 0; k < r->n; k++) {
			assert_int_equal(r->ev[k].u.rpc.flags, BH_RPC_F_ASSUMED | BH_RPC_F_LATE);
			assert_string_equal(uuid_text(&r->ev[k]), rows[i].uuid);
		}
		if (r->n) { /* what follows is told at once */
			run(r, rows[i].object, "2");
			assert_int_equal(r->n, rows[i].n + 1);
		}
		done(r);
	}
}

static void large_answers_to_call_three_are_replication(void **state)
{
	struct rig *r = late();
	struct pdu p;

	for (unsigned i = 0; i < 12; i++) {
		say(r, 0, p_request(i, 3, 3, NULL));
		p = p_response(i, 3);
		p.n = 8000;
		say(r, 1, p);
	}
	assert_true(r->n >= 8);
	assert_string_equal(uuid_text(&r->ev[r->n - 1]), DRSUAPI);
	done(r);
}

static void calls_nobody_can_explain_are_told_without_an_interface(void **state)
{
	struct rig *r = late();

	run(r, NULL, "70,71,72,73,74,75,76,77,78,79");
	assert_int_equal(r->n, 2);
	end(r);
	assert_int_equal(r->n, 10);
	for (size_t i = 0; i < r->n; i++) {
		assert_int_equal(r->ev[i].u.rpc.opnum, 70 + i);
		assert_int_equal(r->ev[i].u.rpc.flags, BH_RPC_F_LATE);
		assert_string_equal(uuid_text(&r->ev[i]), "00000000-0000-0000-0000-000000000000");
	}
	done(r);
}

static void the_client_is_who_asks_even_when_the_server_was_seen_first(void **state)
{
	struct rig *r = late();
	char a[BH_ADDR_TEXT];
	struct pdu p = p_response(1, 0);

	r->server_first = true;
	p_int(&p, 8, 0);
	say(r, 1, p);
	say_bind(r, SVCCTL);
	assert_int_equal(r->n, 1);
	assert_string_equal(bh_addr_print(&r->ev[0].src, a), "10.0.0.1");
	assert_int_equal(r->ev[0].dport, 49667);
	done(r);
}

/* ---- gaps and hostile bytes ---- */

static void after_a_gap_the_next_message_is_found(void **state)
{
	struct rig *r = rig();

	say_bind(r, SVCCTL);
	r->seq[0] += 100;
	segment(r, 0, (const uint8_t *)"rest of something that was cut", 30);
	say_create(r); /* waits behind the gap until it is given up */
	for (unsigned i = 0; i < 12; i++)
		say_call(r, 3 + i, 0, 19, NULL);
	assert_true(r->n > 3);
	assert_int_equal(nth(r, BH_EV_RPC, BH_RPC_CALL, 0)->u.rpc.opnum, 12);
	assert_true(nth(r, BH_EV_RPC, BH_RPC_CALL, 1)->flags & BH_EVF_GAPS);
	assert_int_equal(nth(r, BH_EV_RPC, BH_RPC_BIND, 0)->flags & BH_EVF_GAPS, 0);
	done(r);
}

static void what_was_acknowledged_is_not_waited_for(void **state)
{
	struct rig *r = rig();

	say_bind(r, SVCCTL);
	r->seq[0] += 100;
	say_create(r);
	assert_int_equal(r->n, 1);
	r->got[0] = r->seq[0]; /* the server has all of it: the capture lost what is missing */
	say(r, 1, p_response(2, 0));
	assert_int_equal(nth(r, BH_EV_RPC, BH_RPC_CALL, 0)->u.rpc.opnum, 12);
	done(r);
}

static void strings_of_automation_are_strings(void **state)
{
	struct rig *r = rig();
	struct pdu p = p_request(2, 0, 24, NULL);

	say_bind(r, SVCCTL);
	p_int(&p, 4, 0x72657355);
	for (unsigned i = 0; i < 2; i++) {
		const char *s = i ? "Create" : "Win32_Process";

		p_pad(&p, 4);
		p_int(&p, 4, strlen(s));
		p_int(&p, 4, strlen(s) * 2);
		p_int(&p, 4, strlen(s));
		for (; *s; s++)
			p_int(&p, 2, (uint8_t)*s);
	}
	p_string(&p, "   ");
	say(r, 0, p);
	assert_string_equal(r->ev[1].u.rpc.text, "Win32_Process, Create");
	done(r);
}

static void lengths_that_lie_are_counted_and_read_nothing(void **state)
{
	struct pdu good[4], p;

	good[0] = p_end(p_bind(11, 1, 0, SVCCTL));
	good[1] = p_end(p_bind_ack(12, 1, (uint16_t[]){0, 0}, 1));
	p = p_request(2, 0, 12, NULL);
	p_string(&p, "PSEXESVC");
	p_auth(&p, 5, "0123456789abcdef", 16);
	good[2] = p_end(p);
	good[3] = p_fault(2, 0, 5);
	for (unsigned m = 0; m < 4; m++)
		for (size_t at = 0; at < good[m].n; at++)
			for (unsigned v = 0; v < 3; v++) {
				struct rig *r = rig();

				for (unsigned k = 0; k < 4; k++) {
					p = good[k];
					if (k == m)
						p.b[at] = v == 0 ? 0 : v == 1 ? 0xff : (uint8_t)(p.b[at] + 1);
					segment(r, k & 1, p.b, p.n);
				}
				end(r);
				done(r);
			}
}

/* only as much memory as was captured, so that a sanitizer sees a read past it */
static bool wants_of(struct pdu p, size_t wire, size_t captured)
{
	uint8_t *copy = malloc(captured);
	struct bh_packet k = {.what = BH_WHAT_TCP, .payload = copy, .payload_len = (uint32_t)captured, .payload_wire = (uint32_t)wire, .sport = 50000,
		.dport = 49200};
	bool ret;

	assert_non_null(copy);
	p = p_end(p);
	memcpy(copy, p.b, captured);
	ret = bh_dissector_rpc.wants(&k, 0);
	free(copy);
	return ret;
}

static bool wants(struct pdu p, size_t wire)
{
	return wants_of(p, wire, wire < p.n ? wire : p.n);
}

static void of_a_packet_the_capture_cut_only_what_is_there_is_read(void **state)
{
	struct pdu p = p_bind(11, 1, 0, SVCCTL);
	size_t n = p.n;

	p_raw(&p, p.b, n); /* two messages in a segment */
	p.n = n;
	for (size_t captured = 1; captured < n + 16; captured++)
		assert_int_equal(wants_of(p, 2 * n, captured), captured >= 16);
	p.b[n] = 4;
	assert_true(wants_of(p, 2 * n, n + 15));
	assert_false(wants_of(p, 2 * n, n + 16));
}

static void any_port_is_wanted_when_the_payload_is_a_message(void **state)
{
	struct pdu p = p_bind(11, 1, 0, SVCCTL);

	assert_true(wants(p, p.n));
	assert_false(wants(p, p.n - 1));
	assert_true(wants(p_request(1, 0, 3, NULL), 24));
	p = p_request(1, 0, 3, NULL);
	p.n = 4000;
	assert_true(wants(p, 1460));
	p = p_bind(11, 1, 0, SVCCTL);
	p.b[2] = 20;
	assert_false(wants(p, p.n));
	p.b[2] = 11;
	p.b[0] = 4;
	assert_false(wants(p, p.n));
	p.b[0] = 5;
	p.b[4] = 0x22;
	assert_false(wants(p, p.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_told_with_interface_operation_and_strings),
		cmocka_unit_test(the_password_of_a_task_is_not_told),
		cmocka_unit_test(any_split_into_segments_gives_the_same_facts),
		cmocka_unit_test(big_endian_is_read_the_other_way),
		cmocka_unit_test(the_context_names_the_interface),
		cmocka_unit_test(of_two_syntaxes_one_acceptance_is_told),
		cmocka_unit_test(refusals_carry_their_reason),
		cmocka_unit_test(a_bind_without_a_visible_answer_is_told_at_the_first_call),
		cmocka_unit_test(repeats_are_told_sixteen_times_then_every_sixteenth),
		cmocka_unit_test(a_fault_names_the_call_it_answers),
		cmocka_unit_test(a_proof_is_told_when_sent_and_when_the_next_call_is_answered),
		cmocka_unit_test(a_denied_call_is_a_failed_logon),
		cmocka_unit_test(nobody_is_anonymous),
		cmocka_unit_test(a_mapped_endpoint_is_told_and_names_a_later_connection),
		cmocka_unit_test(an_object_resolver_tells_the_servers_own_addresses),
		cmocka_unit_test(the_order_of_calls_gives_an_interface_away),
		cmocka_unit_test(large_answers_to_call_three_are_replication),
		cmocka_unit_test(calls_nobody_can_explain_are_told_without_an_interface),
		cmocka_unit_test(the_client_is_who_asks_even_when_the_server_was_seen_first),
		cmocka_unit_test(after_a_gap_the_next_message_is_found),
		cmocka_unit_test(what_was_acknowledged_is_not_waited_for),
		cmocka_unit_test(strings_of_automation_are_strings),
		cmocka_unit_test(lengths_that_lie_are_counted_and_read_nothing),
		cmocka_unit_test(of_a_packet_the_capture_cut_only_what_is_there_is_read),
		cmocka_unit_test(any_port_is_wanted_when_the_payload_is_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
