/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * policy - zones, conduits, pins, roles and responses, as an engineer writes them, loaded and checked
 *
 * Why     One law for detection (is this flow allowed?), decision (may this host be cut?) and the compiled plan.
 * Shape   struct bh_policy is built once by the loader and never changes; arrays with counts, indices for names.
 * Units   Ports in host order, times in bh_ns, shares in parts per million.
 * Errors  bh_policy_load: 0 loaded (diags may hold warnings), 1 invalid (diags say why), < 0 -errno.
 * Purity  Pure: parses bytes in memory. Files are opened by the caller.
 * Source  IEC 62443-3-2 (zones, conduits, SL-T); the language is described in docs/policy.md.
 */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

#include <bulkhead/base.h>

#define BH_NAME 32	     /* names, with the NUL */
#define BH_ZONE_NONE 0xffffu /* no zone of this policy */
#define BH_MAX_ZONES 1024
#define BH_MAX_CONDUITS 65536

struct bh_pos { /* of a construct in the file, from 1; 0 = built in */
	uint32_t line, col;
};
struct bh_svc {
	uint8_t proto; /* 6, 17, 1 (icmp, both families), 0 = any; ports 0-65535 when any */
	uint16_t lo, hi;
};
struct bh_svcs {
	struct bh_svc *v;
	size_t n;
};
struct bh_prefixes {
	struct bh_prefix *v;
	size_t n;
};

#define BH_VLANS 32
struct bh_vlans { /* ascending */
	uint16_t n, v[BH_VLANS];
};
/* What the sensor itself asks in the zone, again and again: nobody honest answers it. */
struct bh_probe {
	bool names, dhcp; /* names nobody has, by LLMNR, NBNS and mDNS; who hands out addresses */
	bh_ns every;	  /* 0 = nothing is asked */
};
struct bh_zone {
	char name[BH_NAME];
	struct bh_prefixes nets;
	char (*interfaces)[16];
	size_t n_interfaces;
	uint8_t purdue, sl_t;
	struct bh_vlans vlans; /* ids its frames carry on a bridge; none = not looked at */
	bool critical, ot, is_static, two_person;
	uint8_t inside; /* enum bh_inside */
	struct bh_probe probe;
	struct bh_pos pos;
};
enum bh_inside { BH_INSIDE_FREE, BH_INSIDE_DENY, BH_INSIDE_COUNT }; /* DENY: conduits from the zone to itself are its law */

#define BH_ROLES(X)                                                                                   \
	X(DC, "dc") X(DNS, "dns") X(DHCP, "dhcp") X(GATEWAY, "gateway") X(JUMP, "jump")                \
	X(BACKUP, "backup") X(DEPLOY, "deploy") X(VULNSCAN, "vulnscan") X(MONITOR, "monitor")          \
	X(PRINT, "print") X(FILE, "file") X(SIEM, "siem") X(RMM, "rmm") X(PROXY, "proxy")              \
	X(VDI, "vdi") X(HYPERVISOR, "hypervisor") X(LB, "lb-vip") X(ENG, "eng-ws") X(HMI, "hmi")       \
	X(HISTORIAN, "historian") X(PLC, "plc") X(CAMERA, "camera") X(PHONE, "phone")                  \
	X(SAFETY, "safety") X(KIOSK, "kiosk") X(DECOY, "decoy")
enum bh_role {
#define X(id, name) BH_ROLE_##id,
	BH_ROLES(X)
#undef X
		BH_ROLE_COUNT
};
#define BH_ROLE_BIT(r) (1u << (r))

struct bh_phost {
	char name[BH_NAME];
	struct bh_addr *addrs;
	size_t n_addrs;
	struct bh_mac mac; /* all zero = not given */
	uint32_t roles;	   /* BH_ROLE_BIT set */
	bool never_isolate;
	struct bh_pos pos;
};
/* From which response against a host of either zone on the conduit is down to a part (plan.h: enum bh_conduit_state). */
enum bh_trip { BH_TRIP_NEVER, BH_TRIP_SHIELD, BH_TRIP_CONTAIN, BH_TRIP_ISOLATE, BH_TRIP_COUNT };
struct bh_breaker {
	uint8_t admin_off, pins_only; /* enum bh_trip */
};
/* Open every day from one minute of local time to another, closed otherwise. */
enum bh_raise_on { BH_RAISE_NEVER, BH_RAISE_ALERT, BH_RAISE_ISOLATE, BH_RAISE_COUNT };
struct bh_drawbridge {
	uint16_t opens, closes; /* minutes after midnight, 0-1439 and 1-1440; closes <= opens: on the next day; both 0 = no drawbridge */
	uint32_t days;		/* bit 0 = Monday: on which the window begins */
	uint8_t raise_on;	/* enum bh_raise_on: what closes it early */
};
struct bh_conduit {
	char name[BH_NAME];
	uint16_t from, to; /* zone indices */
	struct bh_svcs allow;
	uint16_t *apps; /* enum bh_app values the flow must turn out to be; none = any */
	size_t n_apps;
	struct bh_prefixes from_hosts, to_hosts; /* none = the whole zone */
	struct bh_breaker breaker;
	struct bh_drawbridge drawbridge;
	struct bh_pos pos;
};
struct bh_pin {
	char name[BH_NAME], reason[96];
	struct bh_prefixes from, to;
	struct bh_svcs allow;
	struct bh_pos pos;
};
struct bh_remedy {
	struct bh_prefix to;
	struct bh_svcs allow;
	struct bh_pos pos;
};
struct bh_management {
	struct bh_prefixes from;
	struct bh_svcs allow;
	struct bh_pos pos;
};

/* What an owner answers for: findings that match are told as info and weigh a tenth. Empty lists and words match all. */
struct bh_suppress {
	char detector[BH_NAME], account[64], owner[BH_NAME], approver[BH_NAME], reason[96];
	struct bh_prefixes source, target;
	bh_ns since, until; /* days in UTC, the last one included; at most 180 */
	struct bh_pos pos;
};
/* A file nobody has reason to change. */
struct bh_canary {
	char share[64], path[128]; /* path inside the share, / between folders; * and ? within one, ** across folders */
	struct bh_prefixes hosts;  /* servers that hold it; none = any */
	struct bh_pos pos;
};

enum bh_mode { BH_MODE_OBSERVE, BH_MODE_ASK, BH_MODE_AUTO, BH_MODE_COUNT };
enum bh_profile { BH_PROFILE_SHIELD_ONLY, BH_PROFILE_BALANCED, BH_PROFILE_AGGRESSIVE, BH_PROFILE_COUNT };
struct bh_response {
	uint8_t mode, profile;
	bh_ns ttl_shield, ttl_contain, ttl_isolate; /* defaults 30 min, 60 min, 4 h */
	uint32_t burst, per_hour;		    /* defaults 3, 10 */
	uint32_t share_zone_ppm, share_role_ppm;    /* defaults 50000, 250000 */
};

struct bh_policy {
	char site[64], file[128]; /* file: as given to the loader, for messages */
	char sha256[65];	  /* of the text, lower-case hex; "" for the built-in policy */
	struct bh_zone *zones;
	struct bh_phost *hosts;
	struct bh_conduit *conduits;
	struct bh_pin *pins;
	struct bh_remedy *remedies;
	struct bh_suppress *suppresses;
	struct bh_canary *canaries;
	struct bh_prefixes dark; /* addresses nobody has */
	size_t n_zones, n_hosts, n_conduits, n_pins, n_remedies, n_suppresses, n_canaries;
	struct bh_management management;
	struct bh_response response;
	struct bh_policy_index *index; /* private: prefix trie, host maps, conduit lists per zone pair */
};

/* ---- diagnostics: all errors of a file in one run, in file order ---- */
enum bh_severity { BH_DIAG_ERROR, BH_DIAG_WARNING, BH_DIAG_NOTE };
struct bh_diag {
	uint8_t severity;
	struct bh_pos pos;
	uint32_t width; /* columns to underline */
	char text[232];
};
struct bh_diags {
	struct bh_diag *v;
	size_t n, cap;
	size_t errors, suppressed; /* beyond 200 */
};
void bh_diags_fini(struct bh_diags *d);
/* "file:line:col: error: text", the line, a caret line that copies tabs. Appends to t. */
void bh_diags_print(const struct bh_diags *d, const char *file, const char *text, size_t len, struct bh_text *t);

/* One more message, of a layer above. */
void bh_diags_say(struct bh_diags *d, unsigned severity, struct bh_pos pos, const char *text);

/* diags: caller's, zeroed; freed by bh_diags_fini. file is for messages only. */
int bh_policy_load(const char *text, size_t len, const char *file, struct bh_diags *diags,
		   struct bh_policy **ret_policy) BH_MUST;
struct bh_policy *bh_policy_builtin(void); /* private ranges = inside, the rest = outside, observe; NULL = no memory */
void bh_policy_free(struct bh_policy *p);
void bh_policy_print(const struct bh_policy *p, struct bh_text *t); /* canonical YAML: load(print(p)) prints the same */
void bh_policy_schema(struct bh_text *t);			    /* JSON Schema from the loader's own table */
void bh_policy_put_svcs(const struct bh_svcs *s, struct bh_text *t); /* "[https, tcp/8443]" */

/* ---- questions ---- */
bool bh_policy_one_segment(const struct bh_policy *p, const struct bh_addr *a, const struct bh_addr *b); /* in one network of their one zone */
uint16_t bh_policy_zone_of(const struct bh_policy *p, const struct bh_addr *a); /* most specific prefix, or BH_ZONE_NONE */
uint16_t bh_policy_zone_by_name(const struct bh_policy *p, const char *name);
const struct bh_phost *bh_policy_host_by_addr(const struct bh_policy *p, const struct bh_addr *a); /* NULL = undeclared */
const struct bh_phost *bh_policy_host_by_mac(const struct bh_policy *p, const struct bh_mac *m);
const struct bh_phost *bh_policy_host_by_name(const struct bh_policy *p, const char *name);

enum bh_rule { BH_RULE_DENY, BH_RULE_SAME_ZONE, BH_RULE_PIN, BH_RULE_CONDUIT, BH_RULE_UNZONED };
struct bh_judgement {
	uint8_t rule;	/* enum bh_rule: which one decided */
	uint32_t index; /* of the pin or conduit */
	uint16_t from, to;
};
/* May src open proto/dport to dst? Pins before conduits; an address outside every zone is UNZONED. */
struct bh_judgement bh_policy_judge(const struct bh_policy *p, const struct bh_addr *src, const struct bh_addr *dst,
				    uint8_t proto, uint16_t dport);
/* Is the drawbridge down (traffic passes) by its hours? ret_until: when that changes next. offset_s: seconds east of UTC. */
bool bh_drawbridge_down(const struct bh_drawbridge *d, bh_ns at, int32_t offset_s, bh_ns *ret_until);
bool bh_policy_dark(const struct bh_policy *p, const struct bh_addr *a);
/* The rule that holds back what a detector found about src and dst at that time, or NULL. */
const struct bh_suppress *bh_policy_suppressed(const struct bh_policy *p, const char *detector, const struct bh_addr *src, const struct bh_addr *dst,
					       const char *account, bh_ns at);
/* The canary that path of a share on that server is, or NULL; case does not matter. */
const struct bh_canary *bh_policy_canary_of(const struct bh_policy *p, const struct bh_addr *server, const char *share, const char *path);
/* First pin with a as an end (or inside it), or NULL: what stands against isolating a. */
const struct bh_pin *bh_policy_pin_of(const struct bh_policy *p, const struct bh_addr *a);

/*
 * Assertions about a policy, one a line, '#' begins a comment:   SRC -> DST SERVICE: allow [conduit|pin NAME | same-zone]
 * or deny. A side is a zone (all of it), a host, an address or a prefix; "any: deny" leaves pins aside.
 * 0 all hold, 1 one does not, 2 a line is not an assertion (diags say which), < 0 -errno. ret_n: assertions read; always set.
 */
int bh_policy_expect(const struct bh_policy *p, const char *text, size_t len, struct bh_diags *diags, size_t *ret_n) BH_MUST;

const char *bh_mode_name(unsigned mode);
const char *bh_profile_name(unsigned profile);
const char *bh_role_name(unsigned role);
const char *bh_inside_name(unsigned inside);
const char *bh_trip_name(unsigned trip);
const char *bh_raise_name(unsigned raise_on);
const char *bh_day_name(unsigned day); /* 0 = "mon" */

#endif
