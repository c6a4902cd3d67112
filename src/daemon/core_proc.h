/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core_proc - what the two halves of the core's process share: core_role.c (loop, rings, enforcer), core_api.c (clients) */
#ifndef BH_DAEMON_CORE_PROC_H
#define BH_DAEMON_CORE_PROC_H

#include <bulkhead/control.h>
#include "daemon/enfclient.h"
#include "daemon/keep.h"
#include "daemon/lines.h"
#include "daemon/prober.h"
#include "daemon/roles.h"
#include "daemon/told.h"

#define TICK BH_MS(250)
#define CLIENTS 16
#define REPLY (4u << 20)

struct client {
	int fd;
	bool may_write, policy_wait; /* policy_wait: for the kernel's word on a policy */
	uint32_t uid, order; /* order: an isolation or release it waits for */
	bh_ns deadline; /* of the order, or of a peer that neither asks nor reads */
	char line[BH_API_LINE];
	size_t len;
	char *out; /* what its socket did not take yet, malloc'ed */
	size_t out_at, out_len;
	uint32_t law;		  /* the law it waits for, as counted in laws_sent; 0 = none */
	uint32_t token;		  /* of what the enforcer was asked for it; 0 = nothing */
	struct bh_order *preview; /* malloc'ed: the order that would be */
	struct bh_api_request q;  /* with a body still to come, of a preview, or of a posture */
	char *body;
	size_t body_len;
	uint64_t story;		/* of what the store was asked for it; 0 = nothing */
	struct bh_mac story_of;
	bool story_known;
	uint8_t import;		/* pass over the body: 1 looking, 2 doing; 0 = none */
	uint32_t import_line;
	size_t at, done, refused;
};

struct core_store { /* core_store.c */
	int fd; /* -1 = nothing is kept */
	bool loaded, unusable;
	struct bh_told *told;
	uint32_t cap, cursor, tokens;
	uint64_t load_token, read, bad, waits;
	bh_ns load_next;
	struct bh_text t; /* over out: the message being made */
	char out[BH_STORE_MESSAGE], in[BH_STORE_MESSAGE];
};

struct core_probe_zone {
	bh_ns next;
	uint32_t step; /* interfaces and kinds asked of this round */
	uint8_t saying;
};
struct core_probe { /* core_probe.c */
	int fd; /* -1 = nothing is asked */
	uint8_t key[16];
	uint64_t n; /* names made */
	const struct bh_policy *of;
	struct bh_prober_order order; /* under way; xid 0 = none */
	uint16_t at, turn;	      /* its zone; the zone looked at last */
	struct core_probe_zone zone[BH_MAX_ZONES];
	uint8_t says[BH_MAX_ZONES];
};

struct trial { /* core_policy.c */
	uint8_t step;
	const struct bh_policy *before;
	struct bh_policy *policy;
	char *text, file[64];
	size_t len;
	bh_ns hold, until;
};

struct proc {
	const struct bh_core_in *in;
	struct bh_core *core;
	struct bh_enfclient enf;
	struct bh_lines eve;
	struct bh_eve fmt;
	struct client clients[CLIENTS];
	const struct bh_policy *policy; /* the one the core works under: given at the start, on trial, or confirmed */
	struct bh_policy *confirmed;
	struct trial trial;
	bool boot_dirty, hands_dirty;
	bool law_due; /* a new enforcer has no law yet: first we read what the kernel holds, for breakers hang on it */
	bh_ns boot_next;
	bh_ns start, now, next_tick, next_stats, law_next;
	uint64_t ring_drops[BH_SHM_WORKERS], kernel_drops, drifts;
	uint64_t implausible; /* events the border let not pass; told with the ring's drops */
	uint8_t segment;  /* enum bh_segment: what the enforcer says holds between two ports of a bridge */
	uint8_t law_mode; /* mode of the law the enforcer was given */
	uint32_t laws_sent, laws_taken; /* to the present enforcer, and answered by it */
	uint64_t law_version; /* and the core's number for the posture it was compiled in */
	bh_ns adopting;	  /* until then, or the dump, no event is taken: order numbers may be taken in the kernel */
	struct bh_out out;
	uint32_t refused_order; /* what the enforcer said last against an order */
	char refused_text[160];
	uint32_t tokens;
	uint32_t guest;	  /* the token of what is asked of the enforcer for somebody who may not order */
	bh_ns guest_asked;
	bh_ns guest_next; /* before that nothing more is asked for them */
	char *reply;
	struct core_store store;
	struct core_probe probe;
};

/* core_role.c */
bh_ns core_wall(void);
void core_step(struct proc *p, const struct bh_event *ev); /* leaves its records in p->out */
void core_law_changed(struct proc *p);
void core_orders_again(struct proc *p); /* each standing one is said once more; what is refused now ends */
int core_law_text(struct proc *p, char **ret_text, size_t *ret_len) BH_MUST; /* the law as the enforcer is given it */
void core_enforcer_down(struct proc *p);
/* core_law.c */
int core_send_law(struct proc *p) BH_MUST;
void core_law_not_taken(struct proc *p, const struct bh_enf_reply *reply);
void core_follow_posture(struct proc *p);
/* core_policy.c */
bool core_trial(const struct proc *p);
const struct bh_policy *core_policy_first(struct proc *p, const struct bh_policy *given);
void core_policy_apply(struct proc *p, struct client *c, const struct bh_api_request *q, const char *text, size_t len);
void core_policy_end(struct proc *p, struct client *c, bool confirm);
void core_policy_replied(struct proc *p, const struct bh_enf_reply *r, unsigned request);
void core_policy_lost(struct proc *p, const char *why);
void core_policy_tick(struct proc *p);
void core_policy_leapt(struct proc *p, bh_ns by); /* the wall clock jumped; the kernel's timers did not */
void core_boot_tick(struct proc *p);
/* core_orders.c */
void core_adopt(struct proc *p, const struct bh_enf_reply *reply, bool release);
int core_resend(struct proc *p) BH_MUST;
int core_let_go(struct proc *p, uint32_t order) BH_MUST;
/* core_hands.c */
void core_hands_keep(struct proc *p); /* what has been done to conduits, for the next core */
void core_hands_restore(struct proc *p);
/* core_store.c: the inventory over restarts */
void core_store_open(struct proc *p);
void core_store_ask(struct proc *p); /* for all of it */
void core_store_ready(struct proc *p);
void core_store_tick(struct proc *p);
void core_store_again(struct proc *p); /* a new store's process */
bool core_store_room(struct proc *p);
void core_store_person(struct proc *p, const struct bh_mac *m, const char *change, const char *by); /* somebody said it of the device */
void core_store_now(struct proc *p);
void core_store_history(struct proc *p, struct client *c, const struct bh_mac *m); /* answers c */
void core_store_late(struct proc *p, struct client *c);
/* core_probe.c: what the sensor asks */
void core_probe_open(struct proc *p);
void core_probe_tick(struct proc *p);
void core_probe_ready(struct proc *p);
/* core_people.c: what is said of devices */
void core_device_set(struct proc *p, struct client *c, const struct bh_api_request *q);
void core_device_show(struct proc *p, struct client *c, const struct bh_api_request *q);
void core_import_begin(struct proc *p, struct client *c);
bool core_import_step(struct proc *p); /* true: there is more to do */
/* core_preview.c: answers that need the kernel's word first */
void core_preview(struct proc *p, struct client *c, const struct bh_api_request *q, const struct bh_order *o);
void core_flows(struct proc *p, struct client *c);
void core_counters(struct proc *p, struct client *c);
void core_live_replied(struct proc *p, const struct bh_enf_reply *r, unsigned request, uint32_t token);
void core_live_lost(struct proc *p); /* the enforcer that was asked is gone */
void core_live_late(struct proc *p, struct client *c); /* no word came */
/* core_api.c */
void core_say_preview(struct proc *p, struct client *c, const struct bh_preview *pv); /* NULL: it could not be made */
void core_say_flows(struct proc *p, struct client *c, const struct bh_preview *open);
void core_say_counters(struct proc *p, struct client *c, const char *counters, struct bh_api_would *would, size_t n);
void core_say_device(struct proc *p, struct client *c, const struct bh_api_story *v, size_t n, const char *unknown);
void core_answer(struct proc *p, struct client *c, int code, const char *text);
struct bh_stats core_stats(struct proc *p);
void core_law_replied(struct proc *p, int status); /* the enforcer has answered for a law */
void core_client_new(struct proc *p);
void core_client_ready(struct proc *p, struct client *c); /* readable, or writable while it has output */
void core_waiters(struct proc *p); /* clients that wait for the kernel's word on their order */

#endif
