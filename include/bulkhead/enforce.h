/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * enforce - the kernel half: one atomic nf_tables batch per decision, read back, watched, repaired
 *
 * Why     A firewall that believes itself is no firewall: every write is counted and read back, every foreign change
 *         noticed, named and repaired with the TTLs that were left.
 * Shape   struct bh_enforcer owns the netlink sockets and the last applied law; one per network namespace.
 *         Only table `inet bulkhead` is ever touched.
 * Units   ns in the interface, ms in the kernel.
 * Errors  0 done; 1 refused by the guard (see ret_refused); < 0 -errno with bh_enforcer_why() naming the object.
 * Purity  Shell: netlink sockets only; open reads one /proc file (br_netfilter), later calls open none. Runs no program.
 * Source  linux/netfilter/nf_tables.h, libnftnl, libmnl; docs/enforcement.md.
 */
#ifndef BULKHEAD_ENFORCE_H
#define BULKHEAD_ENFORCE_H

#include <bulkhead/plan.h>
#include <bulkhead/prove.h>

struct bh_enforcer;

int bh_enforcer_open(struct bh_enforcer **ret_enforcer) BH_MUST; /* needs CAP_NET_ADMIN in this netns */
void bh_enforcer_close(struct bh_enforcer *e);			 /* leaves the ruleset standing */
/*
 * From the next apply on the table is this enforcer's alone: others may read it, but not change it, not even with
 * "flush ruleset". When the enforcer is gone the table stays and anybody may take it over. 1: this kernel cannot (< 6.9).
 */
int bh_enforcer_own(struct bh_enforcer *e) BH_MUST;
/*
 * From the next apply on the law, or isolations alone (bh_enforcer_segment), also hold between the ports of every bridge of
 * this network namespace: table `bridge bulkhead`, in the same batches, see src/enforce/bridge.c for what it cannot. Off at
 * first; off removes it.
 */
void bh_enforcer_bridge(struct bh_enforcer *e, bool on);
const char *bh_enforcer_why(const struct bh_enforcer *e);	 /* last failure: what object, which errno, what to do */

/*
 * Replaces the law in one batch; isolations standing in the kernel are kept with their remaining TTL unless the new
 * guard refuses them. Takes over a table left by an earlier process. plan->cuts are added too. What is to be committed is
 * proved first (prove.h), what the kernel holds then is compared with it: 1 with the theorem that does not hold.
 */
int bh_enforcer_apply(struct bh_enforcer *e, const struct bh_plan *plan) BH_MUST;
/*
 * The law on probation: plan's law and the standing one lie in the table together, and a set element with a timeout of
 * hold decides which of them judges. When it runs out the kernel itself is back under the standing law, whatever became
 * of this process. Cuts stand under both; management of either reaches the box. 1 refused: a trial runs already.
 */
int bh_enforcer_trial(struct bh_enforcer *e, const struct bh_plan *plan, bh_ns hold) BH_MUST;
int bh_enforcer_confirm(struct bh_enforcer *e) BH_MUST;	 /* the law on trial becomes the standing one; 1 none, or it ran out */
int bh_enforcer_rollback(struct bh_enforcer *e) BH_MUST; /* back to the standing law at once; 1 none on trial */
/* Time left of the trial; 0 = none. The owner calls bh_enforcer_expire when it is over, to clear the table of it. */
bh_ns bh_enforcer_trial_left(const struct bh_enforcer *e);
int bh_enforcer_expire(struct bh_enforcer *e) BH_MUST; /* 0 nothing was over, 1 the standing law is alone again */

/*
 * All cuts of one order in one batch, guard first, then read back (beyond 64 each sixteenth). Re-adding renews the TTL.
 * At most BH_ENF_CHUNK, else -E2BIG: a larger batch would hold up whatever comes after it.
 */
#define BH_ENF_CHUNK 1000
int bh_enforcer_cut(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, struct bh_refused *ret_refused) BH_MUST;
int bh_enforcer_release(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n) BH_MUST; /* absent ones are fine */

/* What the kernel holds now: cuts with the TTL left (ms precision). malloc'ed; order and because come back too. */
int bh_enforcer_cuts(struct bh_enforcer *e, struct bh_cut **ret_cuts, size_t *ret_n) BH_MUST;
/* Full validation by the kernel, nothing left behind. */
int bh_enforcer_dry(struct bh_enforcer *e, const struct bh_plan *plan) BH_MUST;
/* Compares table, chains, rules, sets and law elements with the applied law: 0 same, 1 differs (why() says what). */
int bh_enforcer_verify(struct bh_enforcer *e) BH_MUST;
/* What the table would be under this plan, and what it is now; free with bh_model_free. The first needs no kernel. */
int bh_enforce_model(const struct bh_plan *plan, struct bh_model **ret_model) BH_MUST;
int bh_enforcer_model(struct bh_enforcer *e, struct bh_model **ret_model) BH_MUST; /* -ENOENT no table */
/* Removes our table, nothing else. */
int bh_enforcer_disarm(struct bh_enforcer *e) BH_MUST;

/* A connection as conntrack knows it: the tuple of its first packet; packets and bytes are 0 without nf_conntrack_acct. */
struct bh_ct_flow {
	struct bh_addr src, dst;
	uint8_t proto;
	bool answered, closed; /* closed: TCP has said goodbye; the entry lingers */
	uint16_t sport, dport;
	uint64_t packets, bytes; /* both directions */
};
/* Those with an end in one of the cuts' addresses, or all when n is 0; at most 65,536, the rest is counted. malloc'ed. */
int bh_enforcer_flows(struct bh_enforcer *e, const struct bh_cut *cuts, size_t n, struct bh_ct_flow **ret_flows, size_t *ret_n,
		      uint64_t *ret_left_out) BH_MUST;
#define BH_CT_FLOW_TEXT 224
size_t bh_ct_flow_print(const struct bh_ct_flow *f, char buf[BH_CT_FLOW_TEXT]); /* "flow 6 10.1.2.3 49152 > 10.2.0.5 445 packets=…" */
int bh_ct_flow_parse(const char *line, size_t len, struct bh_ct_flow *ret_flow) BH_MUST; /* 0, 1 malformed */

struct bh_drift { /* a change that was not ours */
	uint32_t generation, pid;
	char prog[16];
	bool ours_touched; /* table inet bulkhead changed or vanished */
	bool repaired;
	char text[96];
};
int bh_enforcer_fd(const struct bh_enforcer *e); /* readable when the ruleset of this namespace changed */
/* Reads notices; verifies and repairs when our table was touched. 0 nothing of note, 1 *ret_drift filled. */
int bh_enforcer_watch(struct bh_enforcer *e, struct bh_drift *ret_drift) BH_MUST;

#define BH_OFFLOAD_TEXT 160
struct bh_kernel_features {
	bool inet, concat_interval, timeout, counter_elem, nflog, reject_inet, ct_mark, dynset_limit, owner_persist,
		bridge_ct, flowtable, conntrack;
	char offload[BH_OFFLOAD_TEXT]; /* a flowtable somebody made: connections in it pass no rule of ours; "" = none */
	bool real_time;	      /* not the kernel's: SCHED_FIFO is permitted here, the enforcer's process takes it */
	bool br_netfilter_on; /* bridged packets also pass inet forward here */
	uint32_t generation;
};
/*
 * What holds between two ports of a bridge with --bridge: isolation alone, by addresses and MACs; that, and the inet table
 * judges bridged packets too, by br_netfilter; or the whole law in the bridge's own table, by its conntrack.
 */
enum bh_segment { BH_SEGMENT_NONE, BH_SEGMENT_STATELESS, BH_SEGMENT_NETFILTER, BH_SEGMENT_STATEFUL, BH_SEGMENT_COUNT };
enum bh_segment bh_segment_of(const struct bh_kernel_features *f);
const char *bh_segment_name(unsigned segment); /* "stateless", "br_netfilter", "stateful"; "off" for none */
enum bh_segment bh_segment_find(const char *name, size_t len);
enum bh_segment bh_enforcer_segment(const struct bh_enforcer *e); /* of the law applied; NONE without --bridge */
int bh_enforcer_features(struct bh_enforcer *e, struct bh_kernel_features *ret_features) BH_MUST; /* by kernel dry runs */

struct bh_enforce_counters {
	uint64_t pin, iso, deny, shield, invalid, would_deny, contain, island, kill; /* packets */
	uint64_t vlan; /* on a bridge: VLAN and source did not belong together */
};
int bh_enforcer_counters(struct bh_enforcer *e, struct bh_enforce_counters *ret_counters) BH_MUST;

/* What the law does not allow but mode observe let pass, by connection; the kernel keeps at most 65,535, for a day. */
struct bh_would {
	struct bh_addr src, dst;
	uint8_t proto;	/* 1 is ICMP of either family */
	uint16_t dport; /* 0 without ports */
	uint64_t packets;
};
int bh_enforcer_would(struct bh_enforcer *e, struct bh_would **ret_would, size_t *ret_n) BH_MUST; /* malloc'ed */
#define BH_WOULD_TEXT 160
size_t bh_would_print(const struct bh_would *w, char buf[BH_WOULD_TEXT]); /* "would 10.1.2.3 > 10.2.0.5 6/445 packets=12" */
int bh_would_parse(const char *line, size_t len, struct bh_would *ret_would) BH_MUST; /* 0, 1 malformed */

/* ---- the role process: a request table over one stream socket; see src/enforce/serve.c for the protocol ---- */
/*
 * Serves until the peer closes (0) or the environment breaks (< 0). Installs seccomp first: netlink and fd only.
 * fd: one end of a SOCK_STREAM socketpair. Requests and replies are length-prefixed text frames.
 */
#define BH_ENF_OWN 1u	 /* makes the table its own where the kernel can; else foreign changes are noticed and undone */
#define BH_ENF_BRIDGE 2u /* see bh_enforcer_bridge */
int bh_enforcer_serve(int fd, unsigned how) BH_MUST;

/* Client side of the same protocol, used by core's shell; blocking with timeout_ms. Replies and notices are events. */
enum bh_enf_request {
	BH_ENF_APPLY, /* text of the reply: "segment=" and bh_segment_name; DRY likewise */
	/*
	 * Up to BH_ENF_CHUNK lines are one order: all or nothing. More, up to BH_ENF_BULK, are a bulk: written in chunks
	 * behind whatever else comes in, answered when all is done; lines the guard refuses are left out (status 1) and
	 * named in the body: "bulk lines=… done=… refused=… overtaken=…", then "refused line=N code=… text=…", at most a
	 * hundred. A million hosts are sixteen bulks; send one when the one before is answered, so that no order stands
	 * behind their text in the socket. Neither contain nor island.
	 */
	BH_ENF_CUT, BH_ENF_RELEASE, BH_ENF_DUMP, BH_ENF_DRY, BH_ENF_VERIFY,
	BH_ENF_TRIAL,	 /* "hold=60s" on the first line of the body, then the plan */
	BH_ENF_CONFIRM, BH_ENF_ROLLBACK,
	BH_ENF_FLOWS,	 /* cut lines: whose connections, none = everybody's; body: "flow …" lines, "left-out N", "offload …" if any;
			  * with --bridge "port INDEX MAC", who is behind which port of a bridge */
	BH_ENF_COUNTERS, /* body: "counters pin=… iso=… …", then "would …" lines, see bh_would_print */
	BH_ENF_REQUESTS
};
/* Encodes a request frame: 4-byte big-endian length, then text. malloc'ed. text is a plan or cut lines, may be NULL. */
int bh_enf_encode(unsigned request, uint32_t seq, const char *text, size_t len, char **ret_frame, size_t *ret_len) BH_MUST;
struct bh_enf_reply { /* also notices: seq 0 */
	uint32_t seq;
	int status;		     /* 0 done, 1 refused, < 0 -errno */
	uint64_t us;		     /* kernel time of the request */
	struct bh_refused refused;
	struct bh_drift drift;	     /* notices */
	char text[160];
	char *body;		     /* dump: cut lines; caller frees */
	size_t body_len;
};
#define BH_ENF_FRAME_MAX (64u << 20)
#define BH_ENF_BULK 65536
/* Decodes one frame's payload (without the length). 0, or 1 malformed. */
int bh_enf_decode(const char *payload, size_t len, struct bh_enf_reply *ret_reply) BH_MUST;

#endif
